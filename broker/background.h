/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A broker in the background (--detached): the first process waits until the second is ready, so that
 * its exit code tells a script whether there is a broker now.
 */
#ifndef LEVERET_BROKER_BACKGROUND_H
#define LEVERET_BROKER_BACKGROUND_H

#include <stdbool.h>

/*
 * Splits the process. True in the first one, when the second has become ready or has ended, with the exit
 * code to use; false in the second, which has lost its terminal. Before any thread is made.
 */
bool background_begin(int *ret_exit_code);

/* The second process is ready: lets the first one go. Without background_begin() nothing happens. */
void background_ready(void);

#endif
