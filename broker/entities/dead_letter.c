/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dead letters on their way. Invariants:
 *   1. A waiting letter holds a reference to its message and to the queue it died in, which may have
 *      been deleted since: its name stays readable. Where it goes was decided when it died: what
 *      policies change then is for those that die later, and for letters that were held.
 *   2. Letters are published in the order of the deaths, so the order of a queue is kept.
 *   3. A message that went round without anybody rejecting it ends (death_table_is_cycle), so letters
 *      cannot breed letters for ever; and each call drains only what was there when it began.
 *   4. A letter whose message is on disk only holds up those behind it until it is read.
 * Publishing is at-most-once as for RabbitMQ's classic queues: a full target drops the letter, or
 * sends it on to its own dead-letter exchange.
 *
 * A quorum queue whose strategy is at-least-once holds a letter that cannot go to every queue it is
 * routed to - no exchange, no queue and nobody who delays it, one that is full - and tries it again
 * every three minutes, as RabbitMQ does. It goes to all of them in one batch or to none, so that no
 * queue gets it twice; RabbitMQ gives it at once to those with room. Until then it is in the journal
 * as what it was, with the reason of its death in its history.
 */
#include "broker/entities/dead_letter.h"

#include <stdlib.h>

#include "amqp/properties.h"
#include "amqp/table.h"
#include "broker/base/alloc.h"
#include "broker/entities/broker.h"
#include "broker/entities/death_table.h"
#include "broker/entities/exchange.h"
#include "broker/entities/message.h"
#include "broker/entities/paging.h"
#include "broker/entities/queue_front.h"
#include "broker/entities/queue_quorum.h"
#include "broker/entities/route.h"
#include "broker/entities/store.h"
#include "broker/entities/vhost.h"

/* RabbitMQ's dead_letter_worker_publisher_confirm_timeout. */
#define HELD_LETTERS_RETRY_MS 180000
/* Messages read back at a time for letters that died on disk. */
#define LETTERS_PER_FETCH 64

struct dead_letter {
    struct list link;
    struct entry entry;
    struct queue *queue;
    struct queue_features *features; /* the queue's when it died; held */
    enum dead_letter_reason reason;
    uint64_t time_s;
};

static bool has_dead_letter_exchange(const struct queue *queue) {
    return queue->features != NULL && queue->features->dead_letter_exchange.data != NULL;
}

static void count_dead(const struct queue *queue, enum dead_letter_reason reason) {
    const enum dead_letter_strategy strategy =
        !has_dead_letter_exchange(queue)             ? DEAD_LETTERS_DISABLED
        : queue->features->dead_letter_at_least_once ? DEAD_LETTERS_AT_LEAST_ONCE
                                                     : DEAD_LETTERS_AT_MOST_ONCE;

    queue->vhost->broker->counters.dead_lettered[queue_type_index(queue->type)][strategy][reason]++;
}

static struct dead_letter *letter_create(struct queue *queue, struct entry entry,
                                         enum dead_letter_reason reason) {
    struct dead_letter *letter = xmalloc(sizeof *letter);
    list_init(&letter->link);
    letter->entry = entry;
    letter->queue = queue_ref(queue);
    letter->features = queue_features_hold(queue->features);
    letter->reason = reason;
    letter->time_s = (uint64_t)(queue->vhost->broker->env->wall_ms / 1000);
    return letter;
}

void dead_letter_take(struct queue *queue, struct entry entry, enum dead_letter_reason reason) {
    if (!queue->deleted)
        count_dead(queue, reason);
    if (queue->deleted || !has_dead_letter_exchange(queue))
        queue_finish_undelivered(queue, entry);
    else
        list_append(&queue->vhost->broker->dead_letters,
                    &letter_create(queue, entry, reason)->link);
}

static void letter_destroy(struct dead_letter *letter) {
    if (!entry_is_away(&letter->entry))
        message_unref(letter->entry.message);
    queue_features_release(letter->features);
    queue_unref(letter->queue);
    free(letter);
}

static struct slice reason_word(enum dead_letter_reason reason) {
    switch (reason) {
    case DEAD_LETTER_REJECTED:
        return SLICE("rejected");
    case DEAD_LETTER_EXPIRED:
        return SLICE("expired");
    case DEAD_LETTER_DELIVERY_LIMIT:
        return SLICE("delivery_limit");
    default:
        return SLICE("maxlen");
    }
}

/* --- publishing; false when the letter is to be held --- */

static bool is_at_least_once(const struct dead_letter *letter) {
    return !letter->queue->deleted && letter->features->dead_letter_at_least_once;
}

/* Each queue but those the message would come back to in a circle. */
static void leave_out_cycles(struct broker *broker, struct route *route, struct slice headers) {
    size_t count = 0;
    for (size_t i = 0; i < route->count; i++) {
        struct queue *queue = route->queues[i];
        if (death_table_is_cycle(headers, queue->name))
            cycle_log_dropped(&broker->cycles, &broker->env->log, headers, queue->name);
        else
            route->queues[count++] = queue;
    }
    route->count = count;
}

static bool everybody_takes(const struct route *route, const struct message *message) {
    for (size_t i = 0; i < route->count; i++) {
        if (queue_would_reject(route->queues[i], message))
            return false;
    }
    return route->count > 0 || route->is_held;
}

static bool enqueue(const struct dead_letter *letter, struct route *route, struct message *message,
                    struct slice headers) {
    uint64_t lsn = 0; /* nobody waits for a dead letter */
    leave_out_cycles(letter->queue->vhost->broker, route, headers);
    if (is_at_least_once(letter) && !everybody_takes(route, message))
        return false;
    broker_publish(letter->queue->vhost->broker, message, route->queues, route->count, &lsn);
    return true;
}

/* The message as it goes to the dead-letter exchange, under these headers; NULL when memory is out. */
static struct message *new_message(const struct dead_letter *letter, struct slice headers) {
    const struct queue_features *features = letter->features;
    bool has_key = features->dead_letter_routing_key.data != NULL;
    struct slice key =
        has_key ? features->dead_letter_routing_key : message_routing_key(letter->entry.message);
    struct amqp_properties properties;
    struct message *message;

    message_properties(letter->entry.message, &properties);
    properties.flags |= AMQP_HEADERS;
    properties.flags &= (uint16_t)~AMQP_EXPIRATION;
    properties.headers = headers;
    message =
        message_copy_with(letter->entry.message, features->dead_letter_exchange, key, &properties);
    if (message == NULL)
        return NULL;
    message->dead_lettered = true;
    message->copied_keys_are_spent = has_key || letter->entry.message->copied_keys_are_spent;
    return message;
}

static bool publish_with(const struct dead_letter *letter, struct exchange *exchange,
                         struct slice headers, struct route *route) {
    struct message *message = new_message(letter, headers);
    bool is_done;

    if (message == NULL)
        return !is_at_least_once(letter);
    struct route_request request = route_request_of(message);
    route_message(route, exchange, &request);
    exchange->published_in_count++;
    is_done = enqueue(letter, route, message, headers);
    exchange->published_out_count += is_done ? route->count : 0;
    letter->queue->vhost->broker->counters.dead_letters_confirmed +=
        is_done && is_at_least_once(letter);
    message_unref(message);
    return is_done;
}

/* An exchange that is not there at this moment: the message is gone, unless it is held. */
static bool publish_letter(const struct dead_letter *letter, struct route *route) {
    const struct queue *queue = letter->queue;
    struct exchange *exchange =
        vhost_find_exchange(queue->vhost, letter->features->dead_letter_exchange);
    struct death death = {queue->name, reason_word(letter->reason), letter->time_s};
    struct amqp_table_builder builder;
    bool is_done;

    if (exchange == NULL)
        return !is_at_least_once(letter);
    amqp_table_builder_init(&builder);
    death_table_build(&builder, letter->entry.message, &death);
    is_done = publish_with(letter, exchange, amqp_table_builder_finish(&builder), route);
    amqp_table_builder_clear(&builder);
    return is_done;
}

/* --- holding --- */

static void on_letters_timer(struct timer *timer);

/* The next try is in `delay_ms`, unless there is one before it. */
static void keep_for_later(struct dead_letter *letter, int64_t delay_ms) {
    struct quorum *quorum = letter->queue->quorum;
    struct broker *broker = letter->queue->vhost->broker;
    list_append(&quorum->held_letters, &letter->link);
    if (!timer_is_running(&quorum->letters_timer))
        timer_start(&broker->timers, &quorum->letters_timer, broker->env->now_ms + delay_ms,
                    on_letters_timer);
}

static void hold(struct dead_letter *letter) {
    struct quorum *quorum = letter->queue->quorum;
    quorum_remember_death(letter->queue, letter->entry.sequence, (uint8_t)letter->reason);
    letter->entry.redelivered = true; /* it has a history now */
    quorum->held_count++;
    quorum->held_bytes += letter->entry.message->body_size;
    keep_for_later(letter, HELD_LETTERS_RETRY_MS);
}

void dead_letter_restore(struct queue *queue, struct entry entry, enum dead_letter_reason reason) {
    keep_for_later(letter_create(queue, entry, reason), 0);
}

static void end_letter(struct dead_letter *letter) {
    if (entry_is_away(&letter->entry))
        queue_finish_undelivered(letter->queue, letter->entry);
    else
        queue_end_entry(letter->queue, &letter->entry);
    letter_destroy(letter);
}

/* Where it is to go may have changed since; a queue that has no such place any more drops it. */
static void try_again(struct dead_letter *letter) {
    struct queue *queue = letter->queue;
    if (!has_dead_letter_exchange(queue)) {
        end_letter(letter);
        return;
    }
    queue_features_release(letter->features);
    letter->features = queue_features_hold(queue->features);
    list_append(&queue->vhost->broker->dead_letters, &letter->link);
}

static void on_letters_timer(struct timer *timer) {
    struct quorum *quorum = LIST_ITEM(timer, struct quorum, letters_timer);
    struct list *link;
    quorum->held_count = 0;
    quorum->held_bytes = 0;
    while ((link = list_take_first(&quorum->held_letters)) != NULL)
        try_again(LIST_ITEM(link, struct dead_letter, link));
}

void dead_letters_drop_held(struct queue *queue) {
    struct list *link;
    while ((link = list_take_first(&queue->quorum->held_letters)) != NULL)
        end_letter(LIST_ITEM(link, struct dead_letter, link));
    queue->quorum->held_count = 0;
    queue->quorum->held_bytes = 0;
}

/* --- letters whose messages are not in memory --- */

static void on_letters_arrived(void *context) {
    struct broker *broker = context;
    broker->dead_letters_wait = false;
}

/* Asks for the messages of the first letters. The letters wait, so that their order stays. */
static void fetch_messages(struct broker *broker, const struct list *letters) {
    struct queue *queues[LETTERS_PER_FETCH];
    struct entry *entries[LETTERS_PER_FETCH];
    size_t count = 0;
    for (struct list *link = letters->next; link != letters && count < LETTERS_PER_FETCH;
         link = link->next) {
        struct dead_letter *letter = LIST_ITEM(link, struct dead_letter, link);
        if (!entry_is_away(&letter->entry))
            break;
        queues[count] = letter->queue;
        entries[count++] = &letter->entry;
    }
    broker->dead_letters_wait = true;
    paging_fetch(broker, queues, entries, count, on_letters_arrived, broker);
}

static void send_letter(struct broker *broker, struct dead_letter *letter, struct route *route) {
    if (letter->entry.message == NULL) { /* it could not be read back */
        letter_destroy(letter);
        return;
    }
    store_begin_atomic(broker);
    if (publish_letter(letter, route))
        end_letter(letter);
    else
        hold(letter);
    store_end_atomic(broker);
}

/* --- the tick --- */

static void send_letters(struct broker *broker, struct list *letters, size_t budget) {
    struct list *link;
    struct route route;

    route_init(&route);
    for (; budget > 0 && (link = list_first(letters)) != NULL; budget--) {
        struct dead_letter *letter = LIST_ITEM(link, struct dead_letter, link);
        if (entry_is_away(&letter->entry)) {
            fetch_messages(broker, letters);
            break;
        }
        list_remove(link);
        send_letter(broker, letter, &route);
    }
    route_clear(&route);
}

bool broker_drain_dead_letters(struct broker *broker, size_t budget) {
    struct list letters;

    if (list_is_empty(&broker->dead_letters) || broker->dead_letters_wait)
        return false;
    list_init(&letters);
    list_move_all(&letters, &broker->dead_letters);
    send_letters(broker, &letters, budget);
    list_move_all(&letters, &broker->dead_letters);
    list_move_all(&broker->dead_letters, &letters);
    return !list_is_empty(&broker->dead_letters) && !broker->dead_letters_wait;
}

void broker_forget_dead_letters(const struct vhost *vhost) {
    LIST_FOR_EACH_SAFE(&vhost->broker->dead_letters, at) {
        struct dead_letter *letter = LIST_ITEM(at, struct dead_letter, link);
        if (letter->queue->vhost != vhost)
            continue;
        list_remove(&letter->link);
        paging_forget_fetch(vhost->broker, &letter->entry);
        end_letter(letter);
    }
}

void broker_clear_dead_letters(struct broker *broker) {
    struct list *link;
    while ((link = list_take_first(&broker->dead_letters)) != NULL)
        letter_destroy(LIST_ITEM(link, struct dead_letter, link));
}
