/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/certificate_watch.h"

#include "broker/base/env.h"
#include "broker/base/list.h"
#include "broker/net/tls_context.h"

#define LOOK_MS        (6 * 3600 * 1000)
#define SECONDS_OF_DAY 86400

void certificate_watch_warn(const struct certificate_watch *watch) {
    int64_t left_s = tls_context_expires_s(watch->tls) - watch->env->wall_ms / 1000;
    long long days = (long long)left_s / SECONDS_OF_DAY;

    if (left_s < 0)
        log_error(&watch->env->log, "TLS: a certificate%s expired %lld days ago", watch->whose,
                  -days);
    else if (days < CERTIFICATE_WARNING_DAYS)
        log_warning(&watch->env->log, "TLS: a certificate%s expires in %lld days", watch->whose,
                    days);
}

static void on_look(struct timer *timer) {
    struct certificate_watch *watch = LIST_ITEM(timer, struct certificate_watch, look);

    certificate_watch_warn(watch);
    tls_context_rotate_tickets(watch->tls);
    timer_start(watch->timers, timer, watch->env->now_ms + LOOK_MS, on_look);
}

void certificate_watch_start(struct certificate_watch *watch, struct tls_context *tls,
                             const char *whose, const struct env *env, struct timers *timers) {
    watch->tls = tls;
    watch->whose = whose;
    watch->env = env;
    watch->timers = timers;
    certificate_watch_warn(watch);
    timer_start(timers, &watch->look, env->now_ms + LOOK_MS, on_look);
}

void certificate_watch_stop(struct certificate_watch *watch) {
    if (watch->tls != NULL)
        timer_stop(watch->timers, &watch->look);
    watch->tls = NULL;
}
