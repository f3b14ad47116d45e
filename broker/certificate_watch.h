/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at the certificates of a TLS listener when it starts, after each reload and every six hours: one that
 * ends within CERTIFICATE_WARNING_DAYS is warned about. Each look makes new keys for session tickets, too.
 */
#ifndef LEVERET_BROKER_CERTIFICATE_WATCH_H
#define LEVERET_BROKER_CERTIFICATE_WATCH_H

#include "broker/base/timer.h"

#define CERTIFICATE_WARNING_DAYS 30

struct env;
struct tls_context;

/* Zero-initialised: not started. */
struct certificate_watch {
    struct tls_context *tls; /* borrowed */
    const char *whose;       /* for the log: "", " of management.ssl" */
    const struct env *env;
    struct timers *timers;
    struct timer look;
};

void certificate_watch_start(struct certificate_watch *watch, struct tls_context *tls,
                             const char *whose, const struct env *env, struct timers *timers);
/* Its certificates are others now. */
void certificate_watch_warn(const struct certificate_watch *watch);
/* Before the context goes; nothing to do when it was not started. */
void certificate_watch_stop(struct certificate_watch *watch);

#endif
