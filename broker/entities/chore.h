/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Work that may come by the million at one moment - messages that fall due together, that expire
 * together, that a purge or the deletion of a queue left behind - and is done a little in each tick,
 * so that nobody else has to wait for it. A chore is embedded in whoever has the work; chores take
 * turns.
 */
#ifndef LEVERET_BROKER_ENTITIES_CHORE_H
#define LEVERET_BROKER_ENTITIES_CHORE_H

#include <stdbool.h>
#include <stddef.h>

#include "broker/base/list.h"

struct broker;
struct chore;

/*
 * Does at most `budget` steps, each about as long as enqueueing one message, and returns how many.
 * Less than `budget` means that nothing is left: the chore is forgotten, and may have been freed.
 */
typedef size_t chore_work(struct chore *chore, size_t budget);

/* A zeroed chore waits for nothing. */
struct chore {
    struct list link; /* in broker->chores */
    chore_work *work;
};

/* There is something to do; nothing happens when that was known. */
void chore_add(struct broker *broker, struct chore *chore, chore_work *work);

/* Its owner is going away. */
void chore_drop(struct chore *chore);

/* At most `budget` steps of the chores that wait, in turns. True when some are left. */
bool broker_do_chores(struct broker *broker, size_t budget);

/* All of them to their end. */
void broker_finish_chores(struct broker *broker);

#endif
