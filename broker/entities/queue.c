/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/queue.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/rate.h"
#include "broker/entities/broker.h"
#include "broker/entities/message.h"
#include "broker/entities/paging.h"
#include "broker/entities/queue_front.h"
#include "broker/entities/queue_lifetimes.h"
#include "broker/entities/queue_quorum.h"
#include "broker/entities/store.h"
#include "broker/entities/vhost.h"

static void make_quorum(struct queue *queue) {
    queue->quorum = quorum_create();
    queue->levels = ready_levels_create_quorum();
    queue->vhost->broker->has_quorum_queues = true;
}

struct queue *queue_create(struct vhost *vhost, struct slice name, struct slice arguments) {
    uint8_t *octets = arguments.len == 0 ? NULL : try_malloc(arguments.len);
    if (arguments.len > 0 && octets == NULL)
        return NULL;
    if (arguments.len > 0)
        memcpy(octets, arguments.data, arguments.len);
    struct queue *queue = xcalloc(1, sizeof *queue);
    queue->vhost = vhost;
    vhost_ref(vhost);
    queue->next_sequence = 1; /* the journal has 0 for none */
    queue->used_ms = vhost->broker->env->now_ms;
    queue->name = xcopy_slice(name);
    queue->arguments = slice_of(octets, arguments.len);
    list_init(&queue->exclusive_link);
    list_init(&queue->bindings);
    list_init(&queue->ready_consumers);
    list_init(&queue->waiting_consumers);
    list_init(&queue->inactive_consumers);
    list_init(&queue->runnable_link);
    ready_list_init(&queue->ready);
    queue->type = queue_args_type(queue->arguments);
    queue->features = queue_args_features(&(struct queue_wishes){.arguments = queue->arguments});
    queue->ready.has_sizes = queue->features != NULL;
    if (queue->type == QUEUE_QUORUM)
        make_quorum(queue);
    else if (queue->features != NULL && queue->features->max_priority > 0)
        queue->levels = ready_levels_create((uint8_t)queue->features->max_priority);
    return queue;
}

static int64_t lifetime_asked_for(const struct queue_features *features) {
    return features == NULL ? -1 : features->message_ttl_ms;
}

static int64_t expires_of(const struct queue_features *features) {
    return features == NULL ? -1 : features->expires_ms;
}

void queue_set_features(struct queue *queue, struct queue_features *features) {
    int64_t expired_after_ms = expires_of(queue->features);
    int64_t lifetime_ms = lifetime_asked_for(queue->features);
    queue_features_release(queue->features);
    queue->features = features;
    if (lifetime_asked_for(features) != lifetime_ms)
        queue_change_lifetime(queue, lifetime_ms);
    queue->ready.has_sizes = features != NULL;
    if (expires_of(features) != expired_after_ms) {
        timer_stop(&queue->vhost->broker->timers, &queue->expires_timer);
        queue_restart_expires(queue);
    }
    queue_settle_front(queue);
}

static void free_when_unused(struct queue *queue) {
    if (!queue->deleted || queue->unacked_count > 0 || queue->references > 0)
        return;
    rate_window_destroy(queue->rates);
    rate_window_destroy(queue->length_rates);
    ready_levels_destroy(queue->levels);
    quorum_destroy(queue->quorum);
    queue_features_release(queue->features);
    free(queue->lifetimes);
    free_slice(queue->name);
    free_slice(queue->arguments);
    vhost_unref(queue->vhost);
    free(queue);
}

/* --- end of life --- */

void queue_end_entry(const struct queue *queue, const struct entry *entry) {
    if (entry->redelivered && queue->quorum != NULL)
        quorum_forget(queue, entry->sequence);
    store_settle(queue, entry);
}

/* Most often neither the journal nor a history knows anything of it. */
static inline void finish_entry(const struct queue *queue, const struct entry *entry) {
    struct message *message = entry->message;
    if (message->stored != NULL || entry->redelivered)
        queue_end_entry(queue, entry);
    message_unref(message);
}

void queue_finish_undelivered(const struct queue *queue, struct entry entry) {
    if (!entry_is_away(&entry)) {
        finish_entry(queue, &entry);
        return;
    }
    if (entry.redelivered && queue->quorum != NULL)
        quorum_forget(queue, entry.sequence);
    store_settle_away(queue, &entry);
}

void queue_delete(struct queue *queue) {
    assert(!queue->deleted);
    queue->deleted = true;
    message_counters_add(&queue->vhost->broker->retired.queues[queue_type_index(queue->type)],
                         &queue->counters);
    queue->vhost->broker->counters.queues_deleted++;
    list_remove(&queue->exclusive_link);
    list_remove(&queue->runnable_link);
    paging_forget_queue(queue);
    queue_stop_timers(queue);
    chore_drop(&queue->trim_chore);
    queue_delete_consumers(queue);
    queue_clear_ready(queue);
    queue_ref(queue); /* letters that are dropped let go of it */
    if (queue->quorum != NULL)
        quorum_clear(queue);
    queue_unref(queue);
}

struct queue *queue_ref(struct queue *queue) {
    queue->references++;
    return queue;
}

void queue_unref(struct queue *queue) {
    assert(queue->references > 0);
    queue->references--;
    free_when_unused(queue);
}

/* --- the front, whatever the queue's arguments --- */

bool queue_front_peek(const struct queue *queue, struct entry *ret_entry) {
    return queue->levels == NULL ? ready_list_peek(&queue->ready, ret_entry)
                                 : ready_levels_peek(queue->levels, ret_entry);
}

void queue_count_taken_away(struct queue *queue, uint32_t body_size) {
    if (body_size != AWAY_SIZE_UNKNOWN)
        queue->ready_bytes -= body_size;
}

static void count_persistent(struct queue *queue, const struct message *message) {
    if (!message->persistent || !queue->durable)
        return;
    queue->persistent.messages++;
    queue->persistent.bytes += message->body_size;
}

static __attribute__((noinline)) void uncount_persistent(struct queue *queue, uint64_t octets) {
    struct persistent_count *count = &queue->persistent;
    if (!queue->durable || count->messages == 0)
        return;
    count->messages--;
    if (count->messages == 0 || octets > count->bytes)
        octets = count->bytes;
    count->bytes -= octets;
}

void queue_uncount_persistent(struct queue *queue, const struct entry *entry) {
    const struct persistent_count *count = &queue->persistent;
    if (!entry_is_away(entry) && entry->message->persistent)
        uncount_persistent(queue, entry->message->body_size);
    else if (entry_is_away(entry) && entry_away(entry).stored != NULL && count->messages > 0)
        uncount_persistent(queue, count->bytes / count->messages);
}

/* The same where the message is here, which is most often not persistent. */
static inline void uncount_delivered(struct queue *queue, const struct entry *entry) {
    if (entry->message->persistent)
        uncount_persistent(queue, entry->message->body_size);
}

/* In one piece with whoever takes: basic.get goes this way for each message. */
static inline __attribute__((always_inline)) struct entry take_of_list(struct ready_levels *levels,
                                                                       struct ready_list *list) {
    struct entry entry;
    if (levels != NULL)
        return ready_levels_take_of(levels, list);
    bool is_taken = ready_list_take(list, &entry);
    assert(is_taken);
    return entry;
}

static inline __attribute__((always_inline)) void
uncount_ready(struct queue *queue, const struct entry *entry, const struct ready_list *list) {
    if (entry_is_away(entry))
        queue_count_taken_away(queue, list->taken_size);
    else
        queue->ready_bytes -= entry->message->body_size;
}

static inline __attribute__((always_inline)) struct ready_list *front_list(struct queue *queue) {
    return queue->levels == NULL ? &queue->ready : ready_levels_front(queue->levels);
}

struct ready_list *queue_front_list(struct queue *queue) {
    return front_list(queue);
}

struct entry queue_front_take(struct queue *queue) {
    struct ready_list *list = front_list(queue);
    struct entry entry = take_of_list(queue->levels, list);
    uncount_ready(queue, &entry, list);
    return entry;
}

void queue_drop_first_of(struct queue *queue, struct ready_list *list,
                         enum dead_letter_reason reason) {
    struct entry entry = take_of_list(queue->levels, list);
    uncount_ready(queue, &entry, list);
    queue_uncount_persistent(queue, &entry);
    dead_letter_take(queue, entry, reason);
}

static void trim_front(struct queue *queue) {
    queue_limit_length(queue);
    queue_expire_front(queue, queue->vhost->broker->env->now_ms);
    queue_watch_front(queue);
}

void queue_settle_front(struct queue *queue) {
    if (list_is_empty(&queue->ready_consumers))
        trim_front(queue);
    else
        broker_queue_runnable(queue->vhost->broker, queue);
}

/* --- messages --- */

static void push(struct queue *queue, struct entry entry) {
    if (queue->levels == NULL)
        ready_list_push(&queue->ready, entry);
    else
        ready_levels_push(queue->levels, entry);
    queue->ready_bytes += entry.message->body_size;
}

/* Where messages come and go at once it is queue_run() that says so, for many of them together. */
static inline void note_use(struct queue *queue) {
    queue->used_ms = queue->vhost->broker->env->now_ms;
}

/*
 * Field by field, and where the entry is to stay: an initializer or a struct that is handed on by value
 * is put together on the stack in pieces that the processor cannot read back as one (9 % of T128).
 */
static inline void fill_entry(struct queue *queue, struct message *message, struct entry *entry) {
    entry->message = message;
    entry->sequence = queue->next_sequence++ & ENTRY_SEQUENCE_MAX;
    entry->redelivered = false;
    entry->expires_ms = ENTRY_NEVER_EXPIRES;
}

static __attribute__((noinline)) bool publish_with_features(struct queue *queue,
                                                            struct message *message) {
    struct entry entry;
    note_use(queue);
    count_persistent(queue, message);
    fill_entry(queue, message, &entry);
    if (queue_would_reject(queue, entry.message)) {
        message_ref(entry.message);
        uncount_delivered(queue, &entry);
        if (queue->features->overflow == QUEUE_OVERFLOW_REJECT_PUBLISH_DLX)
            dead_letter_take(queue, entry, DEAD_LETTER_MAXLEN);
        else
            finish_entry(queue, &entry);
        return false;
    }
    entry.expires_ms = queue_deadline_of(queue, entry.message);
    queue->may_expire |= entry.expires_ms != ENTRY_NEVER_EXPIRES;
    message_ref(entry.message);
    push(queue, entry);
    queue_settle_front(queue);
    return true;
}

static inline bool publish_plain(struct queue *queue, struct message *message) {
    fill_entry(queue, message_ref(message), ready_list_add(&queue->ready));
    queue->ready_bytes += message->body_size;
    if (!list_is_empty(&queue->ready_consumers))
        broker_queue_runnable(queue->vhost->broker, queue);
    else
        note_use(queue);
    return true;
}

static __attribute__((noinline)) bool publish_persistent(struct queue *queue,
                                                         struct message *message) {
    count_persistent(queue, message);
    return publish_plain(queue, message);
}

bool queue_publish(struct queue *queue, struct message *message) {
    if (queue->deleted)
        return true;
    queue->counters.of[COUNT_PUBLISH]++;
    if (queue->features != NULL || message_flags(message) & AMQP_EXPIRATION)
        return publish_with_features(queue, message);
    return message->persistent ? publish_persistent(queue, message) : publish_plain(queue, message);
}

/* Counts an entry that leaves for a consumer or getter. */
static inline void count_taken(struct queue *queue, const struct entry *entry,
                               enum message_count with_ack, bool no_ack) {
    message_counters_take(&queue->counters, with_ack, no_ack, entry->redelivered);
    if (no_ack)
        return;
    queue->unacked_count++;
    queue->unacked_bytes += entry->message->body_size;
}

bool queue_prepare_get(struct queue *queue) {
    if (queue_is_plain(queue))
        return true;
    queue_drop_overdue(queue, queue->vhost->broker->env->now_ms, SIZE_MAX);
    trim_front(queue);
    paging_read_ahead(queue);
    return !queue_front_is_away(queue);
}

bool queue_get(struct queue *queue, bool no_ack, struct entry *ret_entry) {
    bool is_plain = queue_is_plain(queue);
    note_use(queue);
    queue_restart_expires(queue);
    if (!is_plain) {
        queue_drop_overdue(queue, queue->vhost->broker->env->now_ms, SIZE_MAX);
        trim_front(queue);
    }
    if (queue_ready_count(queue) == 0) {
        queue->counters.of[COUNT_GET_EMPTY]++;
        return false;
    }
    *ret_entry = queue_front_take(queue);
    count_taken(queue, ret_entry, COUNT_GET, no_ack);
    if (!is_plain)
        trim_front(queue);
    return true;
}

static inline void uncount_unacked(struct queue *queue, const struct entry *entry) {
    assert(queue->unacked_count > 0);
    queue->unacked_count--;
    queue->unacked_bytes -= entry->message->body_size;
    note_use(queue);
}

void queue_finish_delivery(struct queue *queue, const struct entry *entry) {
    uncount_delivered(queue, entry);
    finish_entry(queue, entry);
}

void queue_ack(struct queue *queue, struct entry entry) {
    uncount_delivered(queue, &entry);
    uncount_unacked(queue, &entry);
    finish_entry(queue, &entry);
    queue->counters.of[COUNT_ACK]++;
    free_when_unused(queue);
}

void queue_discard(struct queue *queue, struct entry entry) {
    uncount_delivered(queue, &entry);
    uncount_unacked(queue, &entry);
    dead_letter_take(queue, entry, DEAD_LETTER_REJECTED);
    free_when_unused(queue);
}

/* The queue is one of quorum: others have no entries outside that are away. */
static void return_away(struct queue *queue, struct entry entry) {
    ready_levels_return_away(queue->levels, entry, AWAY_SIZE_UNKNOWN);
}

static void return_to_list(struct queue *queue, struct entry entry) {
    queue->ready_bytes += entry.message->body_size;
    if (queue->levels == NULL)
        ready_list_return(&queue->ready, entry);
    else
        ready_levels_return(queue->levels, entry);
}

void queue_front_return(struct queue *queue, struct entry entry) {
    if (queue->features == NULL && entry.expires_ms == ENTRY_NEVER_EXPIRES) {
        return_to_list(queue, entry);
    } else {
        queue->may_expire |= entry.expires_ms != ENTRY_NEVER_EXPIRES;
        if (entry_is_away(&entry))
            return_away(queue, entry);
        else
            return_to_list(queue, entry);
        trim_front(queue);
    }
    if (!list_is_empty(&queue->ready_consumers))
        broker_queue_runnable(queue->vhost->broker, queue);
}

static void take_back(struct queue *queue, struct entry entry, bool failed) {
    if (queue->deleted) {
        queue_discard(queue, entry);
        return;
    }
    uncount_unacked(queue, &entry);
    entry.redelivered = true;
    if (queue->quorum == NULL || quorum_take_back(queue, entry, failed))
        queue_front_return(queue, entry);
}

void queue_requeue(struct queue *queue, struct entry entry) {
    take_back(queue, entry, false);
}

void queue_requeue_failed(struct queue *queue, struct entry entry) {
    take_back(queue, entry, true);
}

struct message *queue_shown_message(const struct queue *queue, const struct entry *entry) {
    if (entry->redelivered && queue->quorum != NULL)
        return quorum_shown_message(queue, entry);
    return message_ref(entry->message);
}

bool queue_keeps(const struct queue *queue, const struct message *message) {
    return queue->durable && (message->persistent || queue->quorum != NULL);
}

size_t queue_purge(struct queue *queue) {
    size_t purged = queue_ready_count(queue);
    note_use(queue);
    queue_clear_ready(queue);
    queue_watch_front(queue);
    return purged;
}

/* --- running --- */

/* The next consumer with credit; those without move to the waiting list on the way. */
static struct consumer *skip_to_credit(struct queue *queue) {
    struct list *link;
    while ((link = list_first(&queue->ready_consumers)) != NULL) {
        struct consumer *consumer = LIST_ITEM(link, struct consumer, queue_link);
        if (consumer->ops->has_credit(consumer))
            return consumer;
        list_remove(link);
        list_append(&queue->waiting_consumers, link);
        consumer->waiting = true;
    }
    return NULL;
}

/* The consumer whose turn it is, most often the first; NULL when nobody has credit. */
static inline struct consumer *next_consumer(struct queue *queue) {
    struct list *link = list_first(&queue->ready_consumers);
    if (link == NULL)
        return NULL;
    struct consumer *consumer = LIST_ITEM(link, struct consumer, queue_link);
    return consumer->ops->has_credit(consumer) ? consumer : skip_to_credit(queue);
}

static bool is_equal(const struct queue *queue, const struct list *link,
                     const struct consumer *consumer) {
    return link != &queue->ready_consumers &&
           LIST_ITEM(link, struct consumer, queue_link)->priority == consumer->priority;
}

/* The served consumer goes behind its equals; they are most often all there are. */
static void move_behind_equals(struct queue *queue, struct consumer *consumer) {
    struct list *behind = &queue->ready_consumers;
    if (!is_equal(queue, queue->ready_consumers.previous, consumer)) {
        behind = consumer->queue_link.next;
        while (is_equal(queue, behind, consumer))
            behind = behind->next;
    }
    list_remove(&consumer->queue_link);
    list_insert_before(behind, &consumer->queue_link);
}

static inline void rotate(struct queue *queue, struct consumer *consumer) {
    if (consumer->queue_link.next != &queue->ready_consumers)
        move_behind_equals(queue, consumer);
}

/*
 * What run_with_features() does when there is nothing to expire, to trim, to read back or to hand over:
 * most queues are like this, and most messages meet nothing else than this loop. test_queue.c drives
 * both with the same thousands of steps.
 */
static size_t run_plain(struct queue *queue, size_t budget) {
    size_t delivered = 0;
    struct consumer *consumer;
    struct entry entry;
    while (delivered < budget && ready_list_count(&queue->ready) > 0 &&
           (consumer = next_consumer(queue)) != NULL) {
        ready_list_take(&queue->ready, &entry);
        queue->ready_bytes -= entry.message->body_size;
        count_taken(queue, &entry, COUNT_DELIVER, consumer->no_ack);
        rotate(queue, consumer);
        consumer->ops->deliver(consumer, &entry);
        delivered++;
    }
    return delivered;
}

/* What is due just now still goes to a consumer that can take it; what is left is trimmed after. */
static size_t run_with_features(struct queue *queue, size_t budget) {
    int64_t overdue_ms = queue->vhost->broker->env->now_ms - 1;
    size_t delivered = 0;
    struct consumer *consumer = NULL;
    if (queue->active_consumer != NULL && queue->quorum != NULL)
        queue_hand_over(queue);
    bool is_fresh = queue_expire_front(queue, overdue_ms);
    while (is_fresh && delivered < budget && queue_ready_count(queue) > 0 &&
           !queue_front_is_away(queue) && (consumer = next_consumer(queue)) != NULL) {
        struct entry entry = queue_front_take(queue);
        count_taken(queue, &entry, COUNT_DELIVER, consumer->no_ack);
        rotate(queue, consumer);
        consumer->ops->deliver(consumer, &entry);
        delivered++;
        is_fresh = queue_expire_front(queue, overdue_ms);
    }
    if (is_fresh && delivered < budget)
        trim_front(queue);
    if (!list_is_empty(&queue->ready_consumers))
        paging_read_ahead(queue);
    return delivered;
}

size_t queue_first_part(const struct queue *queue, size_t budget) {
    size_t half = (queue->awaited_acks + 1) / 2;

    if (half == 0 || half > budget || queue->unacked_count > 0 || !queue_is_plain(queue))
        return budget;
    return half;
}

size_t queue_run(struct queue *queue, size_t budget) {
    note_use(queue);
    size_t delivered =
        queue_is_plain(queue) ? run_plain(queue, budget) : run_with_features(queue, budget);
    bool awaits_acks = delivered < budget && queue_ready_count(queue) > 0;
    queue->awaited_acks = awaits_acks ? queue->unacked_count : 0;
    if (queue->awaited_acks > 0 && delivered > 0)
        queue->vhost->broker->awaits_acks = true;
    return delivered;
}

/* --- exclusive ownership --- */

bool queue_refuse_locked(const struct queue *queue, struct refusal *refusal) {
    return refuse(refusal, AMQP_RESOURCE_LOCKED,
                  "cannot obtain exclusive access to locked queue '" SLICE_FMT
                  "' in vhost '" SLICE_FMT
                  "'. It could be originally declared on another connection or the exclusive "
                  "property value does not match that of the original declaration.",
                  SLICE_ARG(queue->name), SLICE_ARG(queue->vhost->name));
}

bool queue_check_exclusive(const struct queue *queue, const void *connection,
                           struct refusal *refusal) {
    if (queue->exclusive_owner == NULL || queue->exclusive_owner == connection)
        return true;
    return queue_refuse_locked(queue, refusal);
}
