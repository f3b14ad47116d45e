/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Those who read a message back from the disk and found no memory for it: they wait a moment instead of
 * asking again at once.
 */
#ifndef LEVERET_BROKER_ENTITIES_READ_PAUSE_H
#define LEVERET_BROKER_ENTITIES_READ_PAUSE_H

#include <stdbool.h>

#include "broker/base/list.h"
#include "broker/base/timer.h"

struct broker;
struct read_pause;

/* `is_ending`: the broker goes away, nothing is to be asked for any more. May free the pause. */
typedef void read_pause_over(struct read_pause *pause, bool is_ending);

/* Embedded in what waits. */
struct read_pause {
    struct list link;
    read_pause_over *over;
};

struct read_pauses {
    struct timer timer;
    struct list waiting;
};

void read_pauses_init(struct read_pauses *pauses);
/* Ends all that wait. */
void read_pauses_clear(struct read_pauses *pauses, struct broker *broker);

void read_pauses_add(struct read_pauses *pauses, struct broker *broker, struct read_pause *pause,
                     read_pause_over *over);

#endif
