/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Held messages are in a binary heap by due time, then by age: 24 octets each beside the message,
 * which was given its final headers when it came. The exchange has one timer, for the top of the
 * heap. What is due is a chore of the tick, so it is enqueued outside of any publish and nothing
 * recurses, and a million that are due together keep nobody else waiting.
 *
 * A durable exchange keeps its messages in the journal too, also transient ones: the plugin's table is
 * on disk. The time of publishing and the delay that are stored with a message say when it is due,
 * without a look at it. Leaving for queues is one change on disk: settled here and stored there, or
 * neither.
 *
 * When memory is short (paging.h) those that are due later and written leave it; after a restart all
 * are away. What is due soon is read ahead of its time, the next few hundred at once, in the order of
 * the heap. A message whose turn comes before it arrives holds up those behind it.
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
#include "broker/entities/held_pages.h"
#include "broker/entities/message.h"
#include "broker/entities/paging.h"
#include "broker/entities/queue.h"
#include "broker/entities/ready_list.h"
#include "broker/entities/route.h"
#include "broker/entities/store.h"
#include "broker/entities/vhost.h"

#define DELAY_MAX_MS     UINT32_MAX            /* the plugin's, from Erlang's timers */
#define DELIVER_AT_MAX_S INT64_C(253402300799) /* the end of the year 9999 */

/* A message that is away is read so long before it is due; what is due sooner than that stays. */
#define READ_AHEAD_MS 1000
#define STAYS_MS      10000
/* Memory is looked at once for so many messages. */
#define HOLDS_PER_LOOK 256
/* How far the search for the next messages that are away goes. */
#define LOOKED_AT (4 * HELD_PAGES_MAX)

/* Messages that go with their exchange at once; more are left to a chore. */
#define FORGOTTEN_AT_ONCE 256

#define DELAYED_TYPE SLICE("x-delayed-type")
#define DELAY        SLICE("x-delay")
#define DELIVER_AT   SLICE("x-deliver-at")

struct delayed_messages {
    struct exchange *exchange;
    /* Each no later than its children at 2i+1 and 2i+2. `expires_ms` is when the message is due. */
    struct entry *heap;
    size_t count;
    size_t capacity;
    struct timer timer;      /* for heap[0] */
    struct chore chore;      /* heap[0] is due, or to be read */
    struct chore away_chore; /* messages before heap[away_at] may leave memory */
    size_t away_at;
    uint32_t holds_until_away; /* how many more before somebody asks about memory */
    struct held_pages pages;   /* those that are coming back */
    struct route route;        /* of the message that is due */
};

/* --- the heap --- */

static bool is_before(const struct entry *a, const struct entry *b) {
    return a->expires_ms != b->expires_ms ? a->expires_ms < b->expires_ms
                                          : a->sequence < b->sequence;
}

static void heap_add(struct delayed_messages *delayed, struct entry held) {
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

static struct entry heap_take_first(struct delayed_messages *delayed) {
    struct entry first = delayed->heap[0];
    struct entry moved = delayed->heap[--delayed->count];
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

static int64_t now_of(const struct delayed_messages *delayed) {
    return delayed->exchange->vhost->broker->env->now_ms;
}

static void on_timer(struct timer *timer);

static void start_timer(struct delayed_messages *delayed) {
    const struct entry *first = &delayed->heap[0];
    int64_t early_ms = entry_is_away(first) ? READ_AHEAD_MS : 0;

    timer_start(&delayed->exchange->vhost->broker->timers, &delayed->timer,
                first->expires_ms - early_ms, on_timer);
}

static void add(struct delayed_messages *delayed, struct entry held) {
    heap_add(delayed, held);
    if (delayed->heap[0].sequence == held.sequence)
        start_timer(delayed);
}

static void watch_memory(struct delayed_messages *delayed);

static bool hold(struct delayed_messages *delayed, const struct message *message, int64_t delay_ms,
                 struct route *route) {
    struct entry held = {.message = with_waited(message, delay_ms),
                         .expires_ms = now_of(delayed) + delay_ms};
    uint64_t sequence;

    if (held.message == NULL)
        return false;
    uint64_t lsn =
        store_hold(delayed->exchange, EXCHANGE_HOLDS_DELAYED, held.message, delay_ms, &sequence);
    held.sequence = sequence & ENTRY_SEQUENCE_MAX;
    route->is_held = true;
    if (route->held_lsn < lsn)
        route->held_lsn = lsn;
    add(delayed, held);
    watch_memory(delayed);
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

static void delayed_restore_away(struct exchange *exchange, struct stored_message *stored,
                                 uint64_t sequence, int64_t left_ms) {
    struct entry held = {.sequence = sequence & ENTRY_SEQUENCE_MAX,
                         .expires_ms = now_of(exchange->delayed) + left_ms};

    entry_set_away(&held, (struct away){.stored = stored});
    add(exchange->delayed, held);
}

/* --- leaving memory --- */

static bool may_leave(const struct delayed_messages *delayed, const struct entry *held) {
    return !entry_is_away(held) && held->expires_ms > now_of(delayed) + STAYS_MS &&
           store_is_written(held->message);
}

/* From the end of the heap, where those are that are due late, to its top. */
static size_t put_some_away(struct chore *chore, size_t budget) {
    struct delayed_messages *delayed = LIST_ITEM(chore, struct delayed_messages, away_chore);
    size_t done = 0;

    if (delayed->away_at > delayed->count)
        delayed->away_at = delayed->count;
    for (; done < budget && delayed->away_at > 0; done++) {
        struct entry *held = &delayed->heap[--delayed->away_at];
        if (!may_leave(delayed, held))
            continue;
        struct stored_message *stored = held->message->stored;
        message_unref(held->message);
        entry_set_away(held, (struct away){.stored = stored});
    }
    return done;
}

static void watch_memory(struct delayed_messages *delayed) {
    struct broker *broker = delayed->exchange->vhost->broker;

    if (delayed->holds_until_away-- > 0)
        return;
    delayed->holds_until_away = HOLDS_PER_LOOK;
    if (delayed->away_at > 0 || !paging_is_short(broker))
        return;
    delayed->away_at = delayed->count;
    chore_add(broker, &delayed->away_chore, put_some_away);
}

/* --- coming back --- */

static void heap_of_places_add(size_t *places, size_t count, const struct entry *heap,
                               size_t place) {
    size_t at = count;

    for (; at > 0 && is_before(&heap[place], &heap[places[(at - 1) / 2]]); at = (at - 1) / 2)
        places[at] = places[(at - 1) / 2];
    places[at] = place;
}

static size_t heap_of_places_take(size_t *places, size_t count, const struct entry *heap) {
    size_t first = places[0], moved = places[count - 1], at = 0;

    for (size_t child = 1; child < count; child = 2 * at + 1) {
        if (child + 1 < count && is_before(&heap[places[child + 1]], &heap[places[child]]))
            child++;
        if (!is_before(&heap[places[child]], &heap[moved]))
            break;
        places[at] = places[child];
        at = child;
    }
    places[at] = moved;
    return first;
}

/*
 * The places of the next messages that are away, in the order of their times, as far as LOOKED_AT messages
 * reach: a walk down the heap, always on at the earliest message that was not looked at.
 */
static size_t find_next_away(const struct delayed_messages *delayed,
                             struct held_place *ret_places) {
    size_t places[LOOKED_AT + 2] = {0};
    size_t waiting = 1, found = 0;

    for (size_t seen = 0; waiting > 0 && seen < LOOKED_AT && found < HELD_PAGES_MAX; seen++) {
        size_t at = heap_of_places_take(places, waiting--, delayed->heap);
        const struct entry *held = &delayed->heap[at];
        if (entry_is_away(held))
            ret_places[found++] = (struct held_place){entry_away(held).stored, held->sequence};
        for (size_t child = 2 * at + 1; child < delayed->count && child <= 2 * at + 2; child++)
            heap_of_places_add(places, waiting++, delayed->heap, child);
    }
    return found;
}

static size_t deliver_due(struct chore *chore, size_t budget);

static void on_arrival(void *context) {
    struct delayed_messages *delayed = context;
    chore_add(delayed->exchange->vhost->broker, &delayed->chore, deliver_due);
}

static void ask_for_next(struct delayed_messages *delayed) {
    struct held_place places[HELD_PAGES_MAX];

    held_pages_ask(&delayed->pages, delayed->exchange->vhost->broker, places,
                   find_next_away(delayed, places), on_arrival, delayed);
}

static void drop_unreadable(struct delayed_messages *delayed) {
    struct exchange *exchange = delayed->exchange;
    struct broker *broker = exchange->vhost->broker;
    struct entry held = heap_take_first(delayed);

    log_write(&broker->env->log, LOG_CRITICAL,
              "Message %llu that exchange '" SLICE_FMT "' in vhost '" SLICE_FMT
              "' delays cannot be read: it is left in quarantine",
              (unsigned long long)held.sequence, SLICE_ARG(exchange->name),
              SLICE_ARG(exchange->vhost->name));
    store_quarantine_held(broker, exchange->held[EXCHANGE_HOLDS_DELAYED].id,
                          entry_away(&held).stored, held.sequence);
}

enum first { FIRST_IS_HERE, FIRST_IS_COMING, FIRST_WAS_BAD };

/* Of a message that is not there: it is asked for, or dropped when it cannot be read. */
static enum first look_at_first(struct delayed_messages *delayed) {
    struct entry *first = &delayed->heap[0];
    struct message *message;

    if (!entry_is_away(first))
        return FIRST_IS_HERE;
    if (delayed->pages.request != NULL || delayed->exchange->vhost->broker->paging == NULL)
        return FIRST_IS_COMING;
    if (!held_pages_take(&delayed->pages, first->sequence, &message)) {
        ask_for_next(delayed);
        return FIRST_IS_COMING;
    }
    if (message == NULL) {
        drop_unreadable(delayed);
        return FIRST_WAS_BAD;
    }
    first->message = message;
    return FIRST_IS_HERE;
}

/* --- releasing --- */

/* Into the queues of this moment; the publisher was answered when the message was taken. */
static void deliver(struct delayed_messages *delayed, const struct entry *held) {
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

/* Whether the first message falls due within so many milliseconds. */
static bool is_due_within(const struct delayed_messages *delayed, int64_t ms) {
    return delayed->count > 0 && delayed->heap[0].expires_ms <= now_of(delayed) + ms;
}

static size_t deliver_due(struct chore *chore, size_t budget) {
    struct delayed_messages *delayed = LIST_ITEM(chore, struct delayed_messages, chore);
    size_t done = 0;

    for (; done < budget && is_due_within(delayed, READ_AHEAD_MS); done++) {
        enum first first = look_at_first(delayed);
        if (first == FIRST_WAS_BAD)
            continue;
        if (first == FIRST_IS_COMING)
            return done; /* its arrival goes on here */
        if (!is_due_within(delayed, 0))
            break;
        struct entry held = heap_take_first(delayed);
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
    struct entry *messages;
    size_t count;
};

static void forget(const struct abandoned *abandoned, const struct entry *held) {
    if (entry_is_away(held)) {
        store_settle_held_away(abandoned->broker, abandoned->id, entry_away(held).stored,
                               held->sequence);
        return;
    }
    store_settle_held(abandoned->broker, abandoned->id, held->message, held->sequence);
    message_unref(held->message);
}

static size_t forget_abandoned(struct chore *chore, size_t budget) {
    struct abandoned *abandoned = LIST_ITEM(chore, struct abandoned, chore);
    size_t done = 0;

    for (; done < budget && abandoned->count > 0; done++) {
        forget(abandoned, &abandoned->messages[--abandoned->count]);
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
    chore_drop(&delayed->away_chore);
    held_pages_clear(&delayed->pages);
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
    .restore_away = delayed_restore_away,
};
