/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Held messages are in a binary heap by due time, then by age: 24 octets each beside the message,
 * which was given its final headers when it came. The exchange has one timer, for the top of the
 * heap. What is due is a chore of the tick, so it is enqueued outside of any publish and nothing
 * recurses, and a million that are due together keep nobody else waiting.
 *
 * A durable exchange keeps persistent messages in the journal too. The time of publishing and the
 * negative x-delay that are stored with such a message say when it is due, whoever finds it. Leaving
 * for queues is one change on disk: settled here and stored there, or neither.
 */
#include "broker/entities/exchange_delayed.h"

#include <stdlib.h>
#include <string.h>

#include "amqp/properties.h"
#include "amqp/table.h"
#include "broker/base/alloc.h"
#include "broker/base/env.h"
#include "broker/base/timer.h"
#include "broker/entities/broker.h"
#include "broker/entities/chore.h"
#include "broker/entities/exchange.h"
#include "broker/entities/message.h"
#include "broker/entities/queue.h"
#include "broker/entities/route.h"
#include "broker/entities/store.h"
#include "broker/entities/vhost.h"

#define DELAY_MAX_MS     UINT32_MAX            /* the plugin's, from Erlang's timers */
#define DELIVER_AT_MAX_S INT64_C(253402300799) /* the end of the year 9999 */

/* Messages that go with their exchange at once; more are left to a chore. */
#define FORGOTTEN_AT_ONCE 256

#define DELAYED_TYPE SLICE("x-delayed-type")
#define DELAY        SLICE("x-delay")
#define DELIVER_AT   SLICE("x-deliver-at")

struct held_message {
    int64_t due_ms;
    uint64_t sequence;
    struct message *message;
};

struct delayed_messages {
    struct exchange *exchange;
    struct held_message *heap; /* each no later than its children at 2i+1 and 2i+2 */
    size_t count;
    size_t capacity;
    struct timer timer; /* for heap[0] */
    struct chore chore; /* heap[0] is due */
    struct route route; /* of the message that is due */
};

/* --- the heap --- */

static bool is_before(const struct held_message *a, const struct held_message *b) {
    return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->sequence < b->sequence;
}

static void heap_add(struct delayed_messages *delayed, struct held_message held) {
    size_t at = delayed->count;

    if (delayed->count == delayed->capacity) {
        delayed->capacity = delayed->capacity == 0 ? 16 : delayed->capacity * 2;
        delayed->heap = xrealloc(delayed->heap, delayed->capacity * sizeof delayed->heap[0]);
    }
    delayed->count++;
    for (; at > 0 && is_before(&held, &delayed->heap[(at - 1) / 2]); at = (at - 1) / 2)
        delayed->heap[at] = delayed->heap[(at - 1) / 2];
    delayed->heap[at] = held;
}

static size_t earlier_child(const struct delayed_messages *delayed, size_t at) {
    size_t child = 2 * at + 1;

    if (child + 1 < delayed->count && is_before(&delayed->heap[child + 1], &delayed->heap[child]))
        return child + 1;
    return child;
}

/* Memory goes when three quarters of it are idle, so that a burst is not paid for ever. */
static void heap_shrink(struct delayed_messages *delayed) {
    if (delayed->capacity < 1024 || delayed->count > delayed->capacity / 4)
        return;
    delayed->capacity /= 2;
    delayed->heap = xrealloc(delayed->heap, delayed->capacity * sizeof delayed->heap[0]);
}

static struct held_message heap_take_first(struct delayed_messages *delayed) {
    struct held_message first = delayed->heap[0];
    struct held_message moved = delayed->heap[--delayed->count];
    size_t at = 0;

    while (2 * at + 1 < delayed->count) {
        size_t child = earlier_child(delayed, at);
        if (!is_before(&delayed->heap[child], &moved))
            break;
        delayed->heap[at] = delayed->heap[child];
        at = child;
    }
    delayed->heap[at] = moved;
    heap_shrink(delayed);
    return first;
}

/* --- how long --- */

static int64_t delay_of_text(struct slice text) {
    int64_t delay_ms = 0;
    size_t at = text.len > 0 && text.data[0] == '+';

    for (; at < text.len; at++) {
        if (text.data[at] < '0' || text.data[at] > '9')
            return 0;
        if (delay_ms <= DELAY_MAX_MS)
            delay_ms = delay_ms * 10 + (text.data[at] - '0');
    }
    return delay_ms;
}

/* What an x-delay header says; 0 or less, or more than DELAY_MAX_MS: no delay. */
static int64_t delay_of_value(const struct amqp_value *value) {
    if (amqp_value_is_integer(value))
        return value->integer;
    if (amqp_value_is_real(value))
        return value->real >= 1 && value->real < (double)DELAY_MAX_MS + 1 ? (int64_t)value->real
                                                                          : 0;
    return value->tag == AMQP_TAG_TEXT ? delay_of_text(value->bytes) : 0;
}

/* 0 when the message is not to be held. */
static int64_t delay_of(struct slice headers, int64_t wall_ms) {
    struct amqp_value value;
    int64_t delay_ms = 0;

    if (amqp_table_find(headers, DELAY, &value)) {
        delay_ms = delay_of_value(&value);
        return delay_ms > DELAY_MAX_MS ? 0 : delay_ms;
    }
    if (amqp_table_find(headers, DELIVER_AT, &value) && value.tag == AMQP_TAG_TIMESTAMP &&
        value.timestamp <= (uint64_t)DELIVER_AT_MAX_S)
        delay_ms = (int64_t)value.timestamp * 1000 - wall_ms;
    return delay_ms > 0 ? delay_ms : 0;
}

/* --- holding --- */

/* Tag `I` as the plugin has it, for as long as the number fits. */
static void put_waited(struct amqp_table_builder *builder, int64_t delay_ms) {
    amqp_table_put_int(builder, DELAY, delay_ms > INT32_MAX ? AMQP_TAG_INT64 : AMQP_TAG_INT32,
                       -delay_ms);
}

static void put_headers(struct amqp_table_builder *builder, struct slice headers,
                        int64_t delay_ms) {
    struct amqp_table_iterator i = amqp_table_begin(headers);
    struct amqp_value value;
    struct slice name;
    bool is_put = false;

    while (amqp_table_next(&i, &name, &value)) {
        if (!slice_equal(name, DELAY)) {
            amqp_table_put_value(builder, name, &value);
        } else if (!is_put) {
            put_waited(builder, delay_ms);
            is_put = true;
        }
    }
    if (!is_put)
        put_waited(builder, delay_ms);
}

/* The message as it will be delivered; NULL when memory is out. */
static struct message *with_waited(const struct message *message, int64_t delay_ms) {
    struct amqp_table_builder builder;
    struct amqp_properties properties;
    struct message *copy;

    message_properties(message, &properties);
    amqp_table_builder_init(&builder);
    put_headers(&builder, properties.headers, delay_ms);
    properties.headers = amqp_table_builder_finish(&builder);
    copy = message_copy_with(message, message_exchange(message), message_routing_key(message),
                             &properties);
    amqp_table_builder_clear(&builder);
    return copy;
}

static void on_timer(struct timer *timer);

static void start_timer(struct delayed_messages *delayed) {
    timer_start(&delayed->exchange->vhost->broker->timers, &delayed->timer, delayed->heap[0].due_ms,
                on_timer);
}

static void add(struct delayed_messages *delayed, struct held_message held) {
    heap_add(delayed, held);
    if (delayed->heap[0].sequence == held.sequence)
        start_timer(delayed);
}

static bool hold(struct delayed_messages *delayed, const struct message *message, int64_t delay_ms,
                 struct route *route) {
    struct exchange *exchange = delayed->exchange;
    struct held_message held = {
        .due_ms = exchange->vhost->broker->env->now_ms + delay_ms,
        .message = with_waited(message, delay_ms),
    };

    if (held.message == NULL)
        return false;
    uint64_t lsn = store_hold(exchange, EXCHANGE_HOLDS_DELAYED, held.message, &held.sequence);
    if (route->held_lsn < lsn)
        route->held_lsn = lsn;
    add(delayed, held);
    return true;
}

static bool delayed_take(struct exchange *exchange, const struct route_request *request,
                         struct route *route) {
    const struct exchange_type *type = exchange->routing_type;
    int64_t delay_ms = delay_of(request->headers, exchange->vhost->broker->env->wall_ms);

    if (delay_ms > 0 && request->message != NULL &&
        hold(exchange->delayed, request->message, delay_ms, route))
        return true;
    return type->take != NULL && type->take(exchange, request, route);
}

/* How long it was to wait: the opposite of what stands in its header. */
static int64_t delay_of_held(const struct message *message) {
    struct amqp_properties properties;
    struct amqp_value value;

    message_properties(message, &properties);
    if (!amqp_table_find(properties.headers, DELAY, &value) || !amqp_value_is_integer(&value))
        return 0;
    return value.integer < 0 ? -value.integer : 0;
}

static void delayed_restore(struct exchange *exchange, struct message *message, uint64_t sequence,
                            int64_t waited_ms) {
    int64_t left_ms = delay_of_held(message) - waited_ms;
    struct held_message held = {
        .due_ms = exchange->vhost->broker->env->now_ms + left_ms,
        .sequence = sequence,
        .message = message,
    };

    add(exchange->delayed, held);
}

/* --- releasing --- */

/* Into the queues of this moment; the publisher was answered when the message was taken. */
static void deliver(struct delayed_messages *delayed, const struct held_message *held) {
    struct exchange *exchange = delayed->exchange;
    struct broker *broker = exchange->vhost->broker;
    struct route_request request = route_request_of(held->message);
    uint64_t lsn = 0;

    store_begin_atomic(broker);
    route_message(&delayed->route, exchange, &request);
    store_release(exchange, EXCHANGE_HOLDS_DELAYED, held->message, held->sequence);
    broker_publish(broker, held->message, delayed->route.queues, delayed->route.count, &lsn);
    store_end_atomic(broker);
    message_unref(held->message);
}

static bool has_due(const struct delayed_messages *delayed) {
    return delayed->count > 0 &&
           delayed->heap[0].due_ms <= delayed->exchange->vhost->broker->env->now_ms;
}

static size_t deliver_due(struct chore *chore, size_t budget) {
    struct delayed_messages *delayed = LIST_ITEM(chore, struct delayed_messages, chore);
    size_t done = 0;

    for (; done < budget && has_due(delayed); done++) {
        struct held_message held = heap_take_first(delayed);
        deliver(delayed, &held);
    }
    if (done < budget && delayed->count > 0)
        start_timer(delayed);
    return done;
}

static void on_timer(struct timer *timer) {
    struct delayed_messages *delayed = LIST_ITEM(timer, struct delayed_messages, timer);

    chore_add(delayed->exchange->vhost->broker, &delayed->chore, deliver_due);
}

/* --- the type --- */

/* Another delayed type is no type to route by: it would look for one in the same argument. */
static const struct exchange_type *delayed_routing_type(struct slice arguments) {
    const struct exchange_type *type = NULL;
    struct amqp_value name;

    if (amqp_table_find(arguments, DELAYED_TYPE, &name) && name.tag == AMQP_TAG_TEXT)
        type = exchange_type_find(name.bytes);
    return type == NULL || type == &exchange_type_delayed_message ? &exchange_type_direct : type;
}

/* The words of the plugin, with its misprints. */
static bool refuse_delayed_type(struct refusal *refusal) {
    return refuse(refusal, AMQP_PRECONDITION_FAILED,
                  "Invalid argument, 'x-delayed-type' must bean existing exchnage type");
}

static bool delayed_check_arguments(struct slice arguments, struct refusal *refusal) {
    const struct exchange_type *type;
    struct amqp_value name;

    if (!amqp_table_find(arguments, DELAYED_TYPE, &name) || name.tag != AMQP_TAG_TEXT)
        return refuse_delayed_type(refusal);
    type = exchange_type_find(name.bytes);
    if (type == NULL)
        return refuse(refusal, AMQP_PRECONDITION_FAILED, "unknown exchange type '" SLICE_FMT "'",
                      SLICE_ARG(name.bytes));
    if (type == &exchange_type_delayed_message)
        return refuse_delayed_type(refusal);
    return type->check_arguments == NULL || type->check_arguments(arguments, refusal);
}

static void delayed_open(struct exchange *exchange) {
    struct delayed_messages *delayed = xcalloc(1, sizeof *delayed);

    delayed->exchange = exchange;
    route_init(&delayed->route);
    exchange->delayed = delayed;
}

/* What an exchange left behind that is gone. */
struct abandoned {
    struct chore chore;
    struct broker *broker;
    uint64_t id; /* of its holding */
    struct held_message *messages;
    size_t count;
};

static size_t forget_abandoned(struct chore *chore, size_t budget) {
    struct abandoned *abandoned = LIST_ITEM(chore, struct abandoned, chore);
    size_t done = 0;

    for (; done < budget && abandoned->count > 0; done++) {
        const struct held_message *held = &abandoned->messages[--abandoned->count];
        store_settle_held(abandoned->broker, abandoned->id, held->message, held->sequence);
        message_unref(held->message);
    }
    if (done < budget) {
        free(abandoned->messages);
        free(abandoned);
    }
    return done;
}

static void abandon(struct exchange *exchange, struct delayed_messages *delayed) {
    struct abandoned *abandoned = xcalloc(1, sizeof *abandoned);

    abandoned->broker = exchange->vhost->broker;
    abandoned->id = exchange->held[EXCHANGE_HOLDS_DELAYED].id;
    abandoned->messages = delayed->heap;
    abandoned->count = delayed->count;
    if (forget_abandoned(&abandoned->chore, FORGOTTEN_AT_ONCE) == FORGOTTEN_AT_ONCE)
        chore_add(abandoned->broker, &abandoned->chore, forget_abandoned);
}

/* What is held is gone with the exchange. */
static void delayed_close(struct exchange *exchange) {
    struct delayed_messages *delayed = exchange->delayed;

    timer_stop(&exchange->vhost->broker->timers, &delayed->timer);
    chore_drop(&delayed->chore);
    abandon(exchange, delayed);
    route_clear(&delayed->route);
    free(delayed);
}

size_t exchange_delayed_count(const struct exchange *exchange) {
    return exchange->delayed == NULL ? 0 : exchange->delayed->count;
}

const struct exchange_type exchange_type_delayed_message = {
    .name = "x-delayed-message",
    .description = "Keeps messages for as long as their header x-delay says",
    .uses_headers = true,
    .check_arguments = delayed_check_arguments,
    .routing_type = delayed_routing_type,
    .open = delayed_open,
    .close = delayed_close,
    .take = delayed_take,
    .restore = delayed_restore,
};
