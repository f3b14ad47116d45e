/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Type x-recent-history: a fanout that remembers the last messages that came through it and gives
 * them to whoever is bound anew (compat 2.9). x-recent-history-length says how many, 20 without; a
 * message with the header x-recent-history-no-store = true is not remembered. A durable exchange
 * remembers persistent messages over a restart, which RabbitMQ's does not: each as a record of its own
 * in the journal. One that is forgotten before its batch is written is never written, so a stream
 * of messages costs the disk no more than the ring holds.
 *
 * A queue gets them oldest first. An exchange that is bound routes each of them, newest first: so
 * does RabbitMQ, which forgets to turn the list round there. RabbitMQ also refuses that binding
 * (541) when one of them is unroutable; here such a message is dropped as at any publish.
 */
#include <stdlib.h>

#include "amqp/table.h"
#include "broker/base/alloc.h"
#include "broker/base/text.h"
#include "broker/entities/binding.h"
#include "broker/entities/broker.h"
#include "broker/entities/exchange.h"
#include "broker/entities/message.h"
#include "broker/entities/queue.h"
#include "broker/entities/route.h"
#include "broker/entities/store.h"
#include "broker/entities/vhost.h"
#include "broker/entities/value_text.h"

#define DEFAULT_LENGTH 20
#define LENGTH         SLICE("x-recent-history-length")

struct remembered {
    struct message *message;
    uint64_t sequence;
};

/* A ring that grows with what is in it until it has `limit` places. */
struct history_state {
    struct remembered *messages;
    size_t first; /* the oldest */
    size_t count;
    size_t capacity;
    uint64_t limit;
};

/* --- arguments --- */

/* RabbitMQ does not count the unsigned tags among the integers here. */
static bool is_length(const struct amqp_value *value) {
    switch (value->tag) {
    case AMQP_TAG_INT8:
    case AMQP_TAG_INT16:
    case AMQP_TAG_INT32:
    case AMQP_TAG_INT64:
    case AMQP_TAG_INT64_READ_ONLY:
        return value->integer > 0;
    default:
        return false;
    }
}

static bool history_check_arguments(struct slice arguments, struct refusal *refusal) {
    struct text shown = {0};
    struct amqp_value value;

    if (!amqp_table_find(arguments, LENGTH, &value) || is_length(&value))
        return true;
    value_text_append(&shown, &value);
    refuse(refusal, AMQP_PRECONDITION_FAILED,
           "Invalid argument %s, 'x-recent-history-length' must be a positive integer",
           text_chars(&shown));
    text_clear(&shown);
    return false;
}

static void history_open(struct exchange *exchange) {
    struct history_state *state = xcalloc(1, sizeof *state);
    struct amqp_value value;

    state->limit = DEFAULT_LENGTH;
    if (amqp_table_find(exchange->arguments, LENGTH, &value) && is_length(&value))
        state->limit = (uint64_t)value.integer;
    exchange->state = state;
}

/* --- the ring --- */

static struct remembered *place(const struct history_state *state, size_t number) {
    return &state->messages[(state->first + number) % state->capacity];
}

static void forget(const struct exchange *exchange, const struct remembered *remembered) {
    store_release(exchange, EXCHANGE_HOLDS_HISTORY, remembered->message, remembered->sequence);
    message_unref(remembered->message);
}

static void history_close(struct exchange *exchange) {
    struct history_state *state = exchange->state;

    for (size_t i = 0; i < state->count; i++)
        forget(exchange, place(state, i));
    free(state->messages);
    free(state);
}

/* Only a ring that never dropped anything is full below its limit: its first is at 0. */
static void grow(struct history_state *state) {
    size_t capacity = state->capacity == 0 ? 4 : state->capacity * 2;

    if (capacity > state->limit)
        capacity = (size_t)state->limit;
    state->messages = xrealloc(state->messages, capacity * sizeof state->messages[0]);
    state->capacity = capacity;
}

static void add(const struct exchange *exchange, struct remembered remembered) {
    struct history_state *state = exchange->state;

    if (state->count == state->limit) {
        forget(exchange, place(state, 0));
        state->first = (state->first + 1) % state->capacity;
        state->count--;
    } else if (state->count == state->capacity) {
        grow(state);
    }
    *place(state, state->count++) = remembered;
}

/* The journal wants a message of its own: the other one is stored with its queues. */
static bool needs_copy(const struct exchange *exchange, const struct message *message) {
    return exchange->durable && message->persistent && exchange->vhost->broker->journal != NULL;
}

static void remember(struct exchange *exchange, struct message *message) {
    struct remembered remembered = {
        .message = needs_copy(exchange, message) ? message_copy(message) : message_ref(message),
    };

    if (remembered.message == NULL)
        return;
    store_hold(exchange, EXCHANGE_HOLDS_HISTORY, remembered.message, 0, &remembered.sequence);
    add(exchange, remembered);
}

static void history_restore(struct exchange *exchange, struct message *message, uint64_t sequence,
                            int64_t waited_ms) {
    (void)waited_ms;
    add(exchange, (struct remembered){.message = message, .sequence = sequence});
}

static bool is_not_stored(struct slice headers) {
    struct amqp_value value;

    return amqp_table_find(headers, SLICE("x-recent-history-no-store"), &value) &&
           value.tag == AMQP_TAG_BOOL && value.boolean;
}

/* Keeps a reference and lets the message go its way. */
static bool history_take(struct exchange *exchange, const struct route_request *request,
                         struct route *route) {
    (void)route;
    if (request->message != NULL && !is_not_stored(request->headers))
        remember(exchange, request->message);
    return false;
}

/* --- replay --- */

static void replay_to_queue(const struct history_state *state, struct queue *queue) {
    uint64_t lsn = 0; /* nobody waits for a replay */
    for (size_t i = 0; i < state->count; i++)
        broker_publish(queue->vhost->broker, place(state, i)->message, &queue, 1, &lsn);
}

static void replay_to_exchange(const struct history_state *state, struct exchange *exchange) {
    struct route route;

    route_init(&route);
    for (size_t i = state->count; i-- > 0;) {
        struct message *message = place(state, i)->message;
        struct route_request request = route_request_of(message);
        uint64_t lsn = 0;
        route_message(&route, exchange, &request);
        broker_publish(exchange->vhost->broker, message, route.queues, route.count, &lsn);
    }
    route_clear(&route);
}

/*
 * An exchange that is bound to itself, or back to this one by others, would put what is replayed on
 * top of the history while that is being read: so what is replayed is a copy of the ring.
 */
static struct history_state copy_of(const struct history_state *state) {
    struct history_state copy = {.count = state->count, .capacity = state->count};

    copy.messages = xcalloc(state->count, sizeof copy.messages[0]);
    for (size_t i = 0; i < state->count; i++)
        copy.messages[i].message = message_ref(place(state, i)->message);
    return copy;
}

static void history_add_binding(struct exchange *exchange, struct binding *binding) {
    const struct history_state *state = exchange->state;
    struct history_state copy;

    if (state->count == 0)
        return;
    if (binding->destination.queue != NULL) {
        replay_to_queue(state, binding->destination.queue);
        return;
    }
    copy = copy_of(state);
    replay_to_exchange(&copy, binding->destination.exchange);
    for (size_t i = 0; i < copy.count; i++)
        message_unref(copy.messages[i].message);
    free(copy.messages);
}

static void history_route(struct exchange *exchange, struct slice routing_key,
                          const struct route_request *request, struct route *route) {
    exchange_type_fanout.route(exchange, routing_key, request, route);
}

const struct exchange_type exchange_type_recent_history = {
    .name = "x-recent-history",
    .description = "Gives a newly bound queue the last messages",
    .uses_headers = true, /* it has to see each message */
    .ignores_routing_key = true,
    .check_arguments = history_check_arguments,
    .open = history_open,
    .close = history_close,
    .add_binding = history_add_binding,
    .take = history_take,
    .restore = history_restore,
    .route = history_route,
};
