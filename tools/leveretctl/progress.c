/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/leveretctl/progress.h"

#include <poll.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "tools/leveretctl/call.h"

#define SHOWN_AFTER_MS 1000
#define LOOK_EVERY_MS  250

static bool is_wanted(const struct call *call) {
    return !call->quiet && !call->silent && isatty(STDERR_FILENO);
}

void progress_show(const struct call *call, const char *what, int64_t elapsed_ms,
                   int64_t limit_ms) {
    static int64_t shown_s = -1;
    const int64_t elapsed_s = elapsed_ms / 1000;

    if (elapsed_ms < SHOWN_AFTER_MS || elapsed_s == shown_s || !is_wanted(call))
        return;
    shown_s = elapsed_s;
    if (limit_ms > 0)
        fprintf(stderr, "\r%s: %lld s of %lld s (%lld %%)\033[K", what, (long long)elapsed_s,
                (long long)(limit_ms / 1000), (long long)(100 * elapsed_ms / limit_ms));
    else
        fprintf(stderr, "\r%s: %lld s\033[K", what, (long long)elapsed_s);
    fflush(stderr);
}

void progress_clear(const struct call *call) {
    if (is_wanted(call))
        fputs("\r\033[K", stderr);
}

int64_t progress_now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

bool progress_await(const struct call *call, int fd) {
    struct pollfd input = {.fd = fd, .events = POLLIN};
    const int64_t begun_ms = progress_now_ms(), limit_ms = 1000 * (int64_t)call->timeout_s;
    bool was_shown = false;

    if (!is_wanted(call))
        return true;
    while (poll(&input, 1, LOOK_EVERY_MS) == 0) {
        const int64_t elapsed_ms = progress_now_ms() - begun_ms;
        if (limit_ms > 0 && elapsed_ms >= limit_ms)
            return false;
        progress_show(call, "the broker is at work", elapsed_ms, limit_ms);
        was_shown = elapsed_ms >= SHOWN_AFTER_MS;
    }
    if (was_shown)
        progress_clear(call);
    return true;
}
