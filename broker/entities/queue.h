/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue: its flags, its messages and its consumers.
 *
 *   publish -> READY -> (deliver, get) -> UNACKED -> ack: gone, reject: dead letter
 *               |  ^                         |
 *               |  +--- requeue, channel loss (redelivered, at its old place)
 *               +--> expired, over the length limit: dead letter
 *
 * Ready entries are in `ready`; an unacked entry is owned by the channel that delivered it and only
 * counted here. Deleting a queue drops its ready entries and takes it out of the vhost at once; the
 * struct stays until the last unacked entry is gone, and acks or requeues to a deleted
 * queue just drop the entry.
 *
 * Delivering happens in queue_run(), called by the tick for every queue marked runnable - never from
 * inside publish or ack, so that nobody's delivery can recurse into another's publish.
 *
 * A queue whose arguments and policies ask for nothing (features == NULL) and whose messages have no deadline
 * passes by everything in queue_expiry.c and queue_limits.c. What is special about quorum queues is in
 * queue_quorum.c, consumers are in queue_consumers.c.
 *
 * If you add a way for messages to leave, keep `ready`, the counters and auto-delete in step.
 */
#ifndef LEVERET_BROKER_ENTITIES_QUEUE_H
#define LEVERET_BROKER_ENTITIES_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amqp/slice.h"
#include "broker/base/list.h"
#include "broker/base/map.h"
#include "broker/base/timer.h"
#include "broker/entities/chore.h"
#include "broker/entities/consumer.h"
#include "broker/entities/counters.h"
#include "broker/entities/queue_args.h"
#include "broker/entities/ready_levels.h"
#include "broker/entities/ready_list.h"
#include "broker/entities/refusal.h"

struct message;
struct policy;
struct queue_lifetimes;
struct quorum;
struct restored_entry;
struct restored_message;
struct vhost;

/* Persistent messages of a durable queue. Those that leave unread count as one of average size. */
struct persistent_count {
    size_t messages;
    uint64_t bytes;
};

struct queue {
    struct vhost *vhost;
    struct slice name;      /* owned, as is `arguments` */
    struct slice arguments; /* table octets as the client sent them */
    UT_hash_handle by_name;
    uint64_t id; /* of a durable queue, in the journal; 0 otherwise */
    enum queue_type type;
    bool durable;
    bool auto_delete;
    bool deleted;
    bool direct_reply;           /* hidden pseudo queue of a direct reply-to consumer (2.13) */
    bool had_consumer;           /* auto-delete needs a former consumer */
    const void *exclusive_owner; /* identity of the owning connection, NULL when not exclusive */
    struct list exclusive_link;  /* in the owning connection's list of exclusive queues */
    struct list bindings;        /* of which this is the destination; link: destination_link */
    struct ready_list ready;
    struct ready_levels *levels; /* in place of `ready` with x-max-priority or type quorum */
    struct quorum *quorum;       /* owned; NULL unless the type is quorum */
    struct page_in *page_in; /* messages on their way from disk, NULL when none are (paging.c) */
    size_t page_in_count;    /* as many as the last request asked for */
    uint64_t next_sequence;
    size_t unacked_count;
    uint64_t ready_bytes;   /* bodies of ready messages, ready.unsized_bytes among them */
    uint64_t unacked_bytes; /* bodies of unacked ones */
    struct persistent_count persistent; /* of both; of a quorum queue all are */
    int64_t used_ms;   /* when something last happened to its messages, on the broker's clock */
    size_t references; /* dead letters that still need its name and arguments */
    struct list ready_consumers;
    struct list waiting_consumers;
    size_t consumer_count;
    struct consumer *exclusive_consumer; /* NULL when none */
    struct consumer *active_consumer;    /* the one served, with x-single-active-consumer */
    struct list inactive_consumers;      /* the others then: by priority, then age */
    struct list runnable_link;           /* in broker->runnable_queues */
    uint64_t route_mark; /* last route that picked this queue, so that it gets one copy */
    struct queue_features *features; /* owned; NULL when nothing is asked for */
    const struct policy *policy;     /* in force, NULL when none; see policy.h */
    const struct policy *operator_policy;
    bool may_expire; /* a ready message may have a deadline */
    uint64_t
        awaited_acks; /* that its consumers must send before they may have what is ready; 0: none */
    struct chore trim_chore;    /* messages at the front that are overdue or too many */
    struct timer message_timer; /* for the front message; may be early */
    struct timer expires_timer; /* x-expires */
    struct message_counters counters;
    struct rate_window *rates;         /* owned; NULL until somebody asks for rates (base/rate.h) */
    struct rate_window *length_rates;  /* likewise: ready, unacknowledged, both */
    struct queue_lifetimes *lifetimes; /* owned; NULL: as the features say, see queue_lifetimes.h */
};

/*
 * Use vhost_declare_queue() to make a queue that clients can see; arguments are copied. NULL when there is
 * no memory for them.
 */
struct queue *queue_create(struct vhost *vhost, struct slice name, struct slice arguments);

/*
 * A policy was changed: what is asked for now, which the queue takes. Lengths and lifetimes count at
 * once; what a message's own deadline is was decided when it was published.
 */
void queue_set_features(struct queue *queue, struct queue_features *features);

/*
 * Drops the messages, tells the consumers and unlinks from the exclusive owner. The caller has taken
 * it out of the vhost's map and removed its bindings. Frees now or when the last user lets go.
 */
void queue_delete(struct queue *queue);

struct queue *queue_ref(struct queue *queue);
void queue_unref(struct queue *queue);

/*
 * Takes one more reference to the message. A deleted queue drops it. False when the queue is full and
 * its x-overflow is reject-publish or reject-publish-dlx: the publisher gets a nack.
 */
bool queue_publish(struct queue *queue, struct message *message);

/*
 * Before basic.get: false while the front message is on its way from disk; broker->has_arrivals tells
 * when to ask again.
 */
bool queue_prepare_get(struct queue *queue);

/*
 * basic.get: takes the front entry, which queue_prepare_get() said is here. With `no_ack` the entry is
 * not counted as unacked. False when empty.
 */
bool queue_get(struct queue *queue, bool no_ack, struct entry *ret_entry);

/*
 * An entry that was taken without being counted as unacked (no-ack) has been handed over. Drops the
 * message reference.
 */
void queue_finish_delivery(struct queue *queue, const struct entry *entry);

/*
 * Recovery: an entry that is away. Sequences grow from call to call; the entries that came when it was
 * too late for that are given at the end, sorted.
 */
void queue_restore(struct queue *queue, struct entry entry,
                   const struct restored_message *restored);
void queue_finish_restore(struct queue *queue, const struct restored_entry *late, size_t count);

/* An unacked entry is done with. Drops the message reference. */
void queue_ack(struct queue *queue, struct entry entry);

/* basic.reject or nack without requeue: dead-lettered. Takes the message reference. */
void queue_discard(struct queue *queue, struct entry entry);

/* An unacked entry goes back to its place, marked redelivered. Takes the message reference. */
void queue_requeue(struct queue *queue, struct entry entry);

/*
 * The same for one whose consumer failed or refused it, which counts against the delivery limit of a
 * quorum queue: basic.reject with requeue, the end of a channel or connection. A nack does not count,
 * as in RabbitMQ 4.3.
 */
void queue_requeue_failed(struct queue *queue, struct entry entry);

/*
 * The message as a consumer is to see it. One more reference: of this message, or of one that has
 * the headers of a redelivery from a quorum queue.
 */
struct message *queue_shown_message(const struct queue *queue, const struct entry *entry);

/* Whether the queue keeps this message over a restart: in quorum queues every message is durable. */
bool queue_keeps(const struct queue *queue, const struct message *message);

/*
 * How much of `budget` queue_run() should deliver before what it delivered is sent. Consumers whose
 * windows were full and who have acknowledged all of that wait for us, and we would wait for them when
 * the windows are full again: they get one half first, and work on it while the other is written (A100
 * of tools/bench: 1.9 times as many). Only plain queues, where nothing expires between the halves.
 */
size_t queue_first_part(const struct queue *queue, size_t budget);

/* Delivers ready messages to consumers with credit, at most `budget`; returns how many. */
size_t queue_run(struct queue *queue, size_t budget);

/* Removes the ready messages; returns how many. */
size_t queue_purge(struct queue *queue);

static inline size_t queue_ready_count(const struct queue *queue) {
    return queue->levels == NULL ? ready_list_count(&queue->ready) : queue->levels->count;
}

/* Somebody used the queue (declared it, tried to get, was its last consumer): x-expires starts anew. */
void queue_restart_expires(struct queue *queue);

/*
 * Links the consumer, which has its ops, priority, no_ack and exclusive set. False with 403
 * `queue 'q' in vhost '/' in exclusive use` when either side wants exclusivity.
 */
bool queue_add_consumer(struct queue *queue, struct consumer *consumer, struct refusal *refusal);

/* Unlinks the consumer; an auto-delete queue goes with its last one. Does nothing when not linked. */
void queue_remove_consumer(struct queue *queue, struct consumer *consumer);

/* Every consumer is unlinked and told that the queue is going away. For queue.c. */
void queue_delete_consumers(struct queue *queue);

/*
 * A quorum queue with an active consumer is about to be run: a consumer of higher priority becomes
 * active in its place, or it gets nothing until its messages are settled. For queue.c.
 */
void queue_hand_over(struct queue *queue);

/* Puts a consumer that may have credit behind its equals in priority. For consumer.c and queue.c. */
void queue_link_ready_consumer(struct queue *queue, struct consumer *consumer);

/*
 * All waiting consumers get another look, in the order in which they began to wait: whose turn it is
 * does not depend on which of them was waited for.
 */
void queue_resume_consumers(struct queue *queue);

/*
 * False with 405 RESOURCE_LOCKED when the queue is exclusive to another connection than `connection`.
 */
bool queue_check_exclusive(const struct queue *queue, const void *connection,
                           struct refusal *refusal);

/* Fills in the 405 of queue_check_exclusive(); also used for declare's flag mismatch. Returns false. */
bool queue_refuse_locked(const struct queue *queue, struct refusal *refusal);

#endif
