/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages that an exchange holds and that are not in memory, on their way back: the next few, asked
 * for in the order in which they will be wanted. One request at a time.
 */
#ifndef LEVERET_BROKER_ENTITIES_HELD_PAGES_H
#define LEVERET_BROKER_ENTITIES_HELD_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct broker;
struct held_request;
struct message;
struct stored_message;

#define HELD_PAGES_MAX 512

struct held_place {
    struct stored_message *stored;
    uint64_t sequence;
};

struct held_pages {
    struct held_request *request; /* under way, or NULL */
    struct held_request *arrived; /* what it brought, or NULL */
};

/*
 * Asks for these, at most HELD_PAGES_MAX, which stay where they are; what arrived before is forgotten.
 * Nothing may be under way. `arrived` is called when held_pages_take() knows.
 */
void held_pages_ask(struct held_pages *pages, struct broker *broker,
                    const struct held_place *places, size_t count, void (*arrived)(void *context),
                    void *context);

/*
 * False when nothing of that sequence has arrived. Otherwise the message with its reference, NULL when
 * it cannot be read.
 */
bool held_pages_take(struct held_pages *pages, uint64_t sequence, struct message **ret_message);

/* Its owner is going away: nothing is wanted any more. */
void held_pages_clear(struct held_pages *pages);

#endif
