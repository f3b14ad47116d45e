/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What takes long says so, to people only: one line on standard error that comes after a second, counts, and is
 * gone at the end. Nothing when standard error is no terminal, and nothing with --quiet or --silent.
 */
#ifndef LEVERET_TOOLS_LEVERETCTL_PROGRESS_H
#define LEVERET_TOOLS_LEVERETCTL_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

struct call;

/* On a clock that never goes back; for what has elapsed. */
int64_t progress_now_ms(void);

/* `limit_ms` 0: none is known. At most as often as the line changes is it written. */
void progress_show(const struct call *call, const char *what, int64_t elapsed_ms, int64_t limit_ms);
void progress_clear(const struct call *call);

/* Until `fd` has something to read; false when the call's --timeout passed before. */
bool progress_await(const struct call *call, int fd);

#endif
