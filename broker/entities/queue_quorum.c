/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/queue_quorum.h"

#include <assert.h>
#include <stdlib.h>

#include "amqp/properties.h"
#include "amqp/table.h"
#include "broker/base/alloc.h"
#include "broker/base/env.h"
#include "broker/entities/broker.h"
#include "broker/entities/dead_letter.h"
#include "broker/entities/delivery_history.h"
#include "broker/entities/expiration.h"
#include "broker/entities/message.h"
#include "broker/entities/queue.h"
#include "broker/entities/queue_front.h"
#include "broker/entities/store.h"
#include "broker/entities/vhost.h"

#define ACQUIRED_COUNT SLICE("x-acquired-count")
#define DELIVERY_COUNT SLICE("x-delivery-count")

/* An entry that waits before it is ready again. */
struct withheld {
    struct list link;
    struct timer timer;
    struct queue *queue;
    struct entry entry;
};

struct quorum *quorum_create(void) {
    struct quorum *quorum = xcalloc(1, sizeof *quorum);
    list_init(&quorum->withheld);
    list_init(&quorum->held_letters);
    return quorum;
}

void quorum_destroy(struct quorum *quorum) {
    if (quorum == NULL)
        return;
    assert(quorum->histories == NULL);
    assert(list_is_empty(&quorum->withheld));
    assert(list_is_empty(&quorum->held_letters));
    free(quorum);
}

/* --- waiting for the next try --- */

static struct entry release_withheld(struct withheld *withheld) {
    struct quorum *quorum = withheld->queue->quorum;
    struct entry entry = withheld->entry;
    timer_stop(&withheld->queue->vhost->broker->timers, &withheld->timer);
    list_remove(&withheld->link);
    quorum->withheld_count--;
    free(withheld);
    return entry;
}

static void on_retry_timer(struct timer *timer) {
    struct withheld *withheld = LIST_ITEM(timer, struct withheld, timer);
    struct queue *queue = withheld->queue;
    queue_front_return(queue, release_withheld(withheld));
}

static void withhold(struct queue *queue, struct entry entry, int64_t delay_ms) {
    struct broker *broker = queue->vhost->broker;
    struct withheld *withheld = xcalloc(1, sizeof *withheld);
    list_init(&withheld->link);
    withheld->queue = queue;
    withheld->entry = entry;
    list_append(&queue->quorum->withheld, &withheld->link);
    queue->quorum->withheld_count++;
    timer_start(&broker->timers, &withheld->timer, broker->env->now_ms + delay_ms, on_retry_timer);
}

static bool waits_for_retry(enum queue_delayed_retry retry, bool failed) {
    switch (retry) {
    case QUEUE_DELAYED_RETRY_FAILED:
        return failed;
    case QUEUE_DELAYED_RETRY_RETURNED:
        return !failed;
    case QUEUE_DELAYED_RETRY_ALL:
        return true;
    default:
        return false;
    }
}

/* Longer with each failure; coming back without one makes it no longer. */
static int64_t retry_delay_ms(const struct queue_features *features,
                              const struct delivery_history *history, bool failed) {
    int64_t max_ms =
        features->delayed_retry_max_ms < 0 ? EXPIRATION_MAX_MS : features->delayed_retry_max_ms;
    int64_t tries = history->failed > 0 ? history->failed : 1;
    int64_t delay_ms;
    if (!waits_for_retry(features->delayed_retry, failed) || features->delayed_retry_min_ms <= 0)
        return 0;
    if (__builtin_mul_overflow(features->delayed_retry_min_ms, tries, &delay_ms))
        return max_ms;
    return delay_ms < max_ms ? delay_ms : max_ms;
}

/* --- coming back --- */

static void count_return(struct delivery_history *history, bool failed) {
    history->acquired += history->acquired < UINT32_MAX;
    history->failed += failed && history->failed < UINT32_MAX;
}

static bool exceeds_limit(const struct queue_features *features,
                          const struct delivery_history *history) {
    return features->delivery_limit >= 0 && history->failed > features->delivery_limit;
}

bool quorum_take_back(struct queue *queue, struct entry entry, bool failed) {
    const struct env *env = queue->vhost->broker->env;
    struct delivery_history *history =
        delivery_history_open(&queue->quorum->histories, entry.sequence);
    count_return(history, failed);
    if (failed && exceeds_limit(queue->features, history)) {
        dead_letter_take(queue, entry, DEAD_LETTER_DELIVERY_LIMIT);
        return false;
    }
    int64_t delay_ms = retry_delay_ms(queue->features, history, failed);
    history->retry_wall_ms = delay_ms == 0 ? 0 : env->wall_ms + delay_ms;
    store_put_history(queue, history);
    if (delay_ms > 0)
        withhold(queue, entry, delay_ms);
    return delay_ms == 0;
}

/* --- histories --- */

static void close_history(const struct queue *queue, struct delivery_history *history) {
    store_delete_history(queue, history->sequence);
    delivery_history_close(&queue->quorum->histories, history);
}

void quorum_forget(const struct queue *queue, uint64_t sequence) {
    struct delivery_history *history = delivery_history_find(queue->quorum->histories, sequence);
    if (history != NULL)
        close_history(queue, history);
}

void quorum_remember_death(const struct queue *queue, uint64_t sequence, uint8_t reason) {
    struct delivery_history *history = delivery_history_open(&queue->quorum->histories, sequence);
    if (history->died_of == reason + 1)
        return;
    history->died_of = (uint8_t)(reason + 1);
    store_put_history(queue, history);
}

void quorum_clear(struct queue *queue) {
    struct quorum *quorum = queue->quorum;
    struct list *link;
    while ((link = list_first(&quorum->withheld)) != NULL) {
        struct entry entry = release_withheld(LIST_ITEM(link, struct withheld, link));
        queue_finish_undelivered(queue, entry);
    }
    timer_stop(&queue->vhost->broker->timers, &quorum->letters_timer);
    dead_letters_drop_held(queue);
    while (quorum->histories != NULL)
        close_history(queue, quorum->histories);
}

/* --- headers --- */

static void put_counts(struct amqp_table_builder *builder, const struct delivery_history *history) {
    amqp_table_put_int(builder, ACQUIRED_COUNT, AMQP_TAG_INT64, history->acquired);
    if (history->failed > 0)
        amqp_table_put_int(builder, DELIVERY_COUNT, AMQP_TAG_INT64, history->failed);
}

/* What a publisher wrote under these names gives way. */
static void put_other_headers(struct amqp_table_builder *builder, struct slice headers) {
    struct amqp_table_iterator i = amqp_table_begin(headers);
    struct slice name;
    struct amqp_value value;
    while (amqp_table_next(&i, &name, &value)) {
        if (!slice_equal(name, ACQUIRED_COUNT) && !slice_equal(name, DELIVERY_COUNT))
            amqp_table_put_value(builder, name, &value);
    }
}

/* NULL when memory is out. */
static struct message *with_counts(const struct message *message,
                                   const struct delivery_history *history) {
    struct amqp_properties properties;
    struct amqp_table_builder builder;
    struct message *shown;
    message_properties(message, &properties);
    amqp_table_builder_init(&builder);
    put_other_headers(&builder, properties.headers);
    put_counts(&builder, history);
    properties.flags |= AMQP_HEADERS;
    properties.headers = amqp_table_builder_finish(&builder);
    shown = message_copy_with(message, message_exchange(message), message_routing_key(message),
                              &properties);
    amqp_table_builder_clear(&builder);
    return shown;
}

struct message *quorum_shown_message(const struct queue *queue, const struct entry *entry) {
    const struct delivery_history *history =
        delivery_history_find(queue->quorum->histories, entry->sequence);
    struct message *shown = history == NULL ? NULL : with_counts(entry->message, history);
    return shown != NULL ? shown : message_ref(entry->message);
}

/* --- recovery --- */

enum quorum_place quorum_restore(struct queue *queue, struct entry *entry) {
    const struct env *env = queue->vhost->broker->env;
    const struct delivery_history *history =
        delivery_history_find(queue->quorum->histories, entry->sequence);
    if (history == NULL)
        return QUORUM_PLACE_OWN;
    entry->redelivered = true;
    if (history->died_of > 0) {
        dead_letter_restore(queue, *entry, (enum dead_letter_reason)(history->died_of - 1));
        return QUORUM_PLACE_TAKEN;
    }
    if (history->retry_wall_ms <= env->wall_ms)
        return QUORUM_PLACE_RETURNED;
    withhold(queue, *entry, history->retry_wall_ms - env->wall_ms);
    return QUORUM_PLACE_TAKEN;
}
