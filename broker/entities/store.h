/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of the broker's state outlives it, and how it gets into the journal and back.
 *
 * Durable are: vhosts, durable exchanges, durable queues that are not exclusive, bindings between two
 * durable ends, persistent messages in durable queues, and all messages in quorum queues. Every change of these appends a record here
 * and nowhere else; a broker without a journal (--ephemeral) appends nothing.
 *
 * A record of a definition is the full state of one object under its key, so that replaying it twice
 * changes nothing. Keys and payloads are AMQP encodings: shortstr for names, longstr for tables.
 *
 *   kind       key                             payload
 *   VHOST      name                            description, tags, default queue type, flags (bit 0 unused, 1
 *                                              protected), max-connections, max-queues (64 bit); or nothing
 *   EXCHANGE   vhost, name                     type, flags (bit 0 auto-delete, 1 internal), arguments,
 *                                              ids of what it holds (64 bit each, 0: held nothing yet)
 *   QUEUE      vhost, name                     queue id (64 bit), flags (bit 0 auto-delete), arguments
 *   BINDING    vhost, identity (binding.h)     source, destination kind, destination, key, arguments
 *   REDELIVERED  queue id                      ranges of sequences (first, last), written by a clean stop
 *   USER       name                            algorithm, hash, tags, max-connections, max-channels (64 bit)
 *   PERMISSION vhost, user                     configure, write, read (longstr)
 *   TOPIC_PERMISSION  vhost, user, exchange    write, read (longstr)
 *   GLOBAL_PARAMETER  name                     value (longstr)
 *   POLICY     vhost, kind (8 bit: 0 policy, 1 operator policy), name
 *                                              pattern (longstr), apply-to, priority (64 bit), definition
 *   HISTORY    queue id, sequence (64 bit)     acquired, failed (32 bit), time of the next try (64 bit,
 *                                              milliseconds since 1970), died of (8 bit): delivery_history.h
 *   LIFETIMES  queue id                        eras: first sequence, time to live (64 bit each, milliseconds,
 *                                              below 0 for none): queue_lifetimes.h
 *
 * A promise to a client (declare-ok, commit-ok, a confirm) may leave once store_is_safe() says so of the
 * LSN it depends on.
 */
#ifndef LEVERET_BROKER_ENTITIES_STORE_H
#define LEVERET_BROKER_ENTITIES_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amqp/slice.h"
#include "broker/entities/exchange.h"
#include "broker/entities/ready_list.h"

struct binding;
struct broker;
struct global_parameter;
struct delivery_history;
struct message;
struct pager;
struct permission;
struct policy;
struct queue;
struct topic_permission;
struct user;
struct vhost;

enum store_kind {
    STORE_VHOST = 1,
    STORE_EXCHANGE = 2,
    STORE_QUEUE = 3,
    STORE_BINDING = 4,
    STORE_REDELIVERED = 5,
    STORE_USER = 6,
    STORE_PERMISSION = 7,
    STORE_TOPIC_PERMISSION = 8,
    STORE_GLOBAL_PARAMETER = 9,
    STORE_HISTORY = 16,
    STORE_POLICY = 17,
    STORE_LIFETIMES = 18,
};

/* Each does nothing for what is not durable. */
void store_put_vhost(const struct vhost *vhost);
void store_delete_vhost(const struct vhost *vhost); /* the vhost alone */
void store_put_user(const struct user *user);
void store_delete_user(const struct user *user);
void store_put_permission(const struct permission *permission);
void store_delete_permission(const struct permission *permission);
void store_put_topic_permission(const struct permission *permission,
                                const struct topic_permission *topic);
void store_delete_topic_permission(const struct permission *permission,
                                   const struct topic_permission *topic);
void store_put_global_parameter(struct broker *broker, const struct global_parameter *parameter);
void store_delete_global_parameter(struct broker *broker, const struct global_parameter *parameter);
void store_put_exchange(const struct exchange *exchange);
void store_delete_exchange(const struct exchange *exchange);
/* Gives a new durable queue its id. */
void store_put_queue(struct queue *queue);
void store_delete_queue(const struct queue *queue);
void store_put_binding(const struct binding *binding);
void store_delete_binding(const struct binding *binding);

/*
 * The message is about to be enqueued in these queues, at each one's next_sequence. Returns the LSN its
 * confirm depends on, 0 when nothing of it is durable.
 */
uint64_t store_publish(struct broker *broker, struct message *message, struct queue *const *queues,
                       size_t queue_count);

/* An entry leaves the queue for good: acked, rejected, expired, dropped, purged. Before its message is
 * released. */
void store_settle(const struct queue *queue, const struct entry *entry);

/*
 * A message that an exchange keeps has its place there as others have theirs in queues: an id out of
 * the queues' numbers and a sequence. store_hold() returns the LSN that depends on it, 0 when nothing
 * of it is durable; delayed messages are, whatever their delivery mode. store_release() ends that;
 * broker_publish() may take the same message on in the same atomic change. `delay_ms` is stored in the note in place of a time to live.
 */
uint64_t store_hold(struct exchange *exchange, enum exchange_hold hold, struct message *message,
                    int64_t delay_ms, uint64_t *ret_sequence);
void store_release(const struct exchange *exchange, enum exchange_hold hold,
                   struct message *message, uint64_t sequence);
/* The same for an exchange that is gone. */
void store_settle_held(struct broker *broker, uint64_t holding_id, struct message *message,
                       uint64_t sequence);

/* The next promise includes that what was settled stays settled. */
void store_promise_settled(struct broker *broker);

/* The same of a message that is away; it cannot be read, and is put aside. */
void store_settle_held_away(struct broker *broker, uint64_t holding_id,
                            struct stored_message *stored, uint64_t sequence);
void store_quarantine_held(struct broker *broker, uint64_t holding_id,
                           struct stored_message *stored, uint64_t sequence);

/* It can be read from disk, so that it need not be in memory. */
bool store_is_written(const struct message *message);

/* What happens in between is on disk wholly or not at all. Nests. */
void store_begin_atomic(struct broker *broker);
void store_end_atomic(struct broker *broker);

/*
 * A clean stop, when nobody is connected any more: remembers which messages had been delivered before,
 * so that only these are marked redelivered after the restart. Empties the durable queues in memory.
 */
void store_prepare_stop(struct broker *broker);

/* Is everything up to this LSN on stable storage? Always, without a journal. */
bool store_is_safe(const struct broker *broker, uint64_t lsn);

void store_put_policy(const struct policy *policy);
void store_delete_policy(const struct policy *policy);

/* What a message of a quorum queue went through; it is forgotten with the message. */
void store_put_history(const struct queue *queue, const struct delivery_history *history);
void store_delete_history(const struct queue *queue, uint64_t sequence);
/* Recovery: the id of the queue it belongs to, and its octets. False when they are not understood. */
uint64_t store_history_queue(struct slice key);
bool store_restore_history(struct queue *queue, struct slice key, struct slice payload);

/* What time to live the queue gave its messages. Forgotten with the queue. */
void store_put_lifetimes(const struct queue *queue);
void store_delete_lifetimes(const struct queue *queue);
bool store_restore_lifetimes(struct queue *queue, struct slice payload);

/*
 * Recovery: one definition as it was stored. Kinds come in the order above. False when it cannot be
 * understood (written by a newer version).
 */
bool store_apply_definition(struct broker *broker, uint8_t kind, struct slice key,
                            struct slice payload);

/*
 * Recovery: a message out of its stored parts, and how long ago it was published; NULL when they cannot be
 * understood or memory is out. The address is a note of STORE_NOTE octets, exchange and routing key
 * (shortstr). The note is what a queue wants to know of a message before it is read: time of publishing
 * (64 bit, milliseconds since 1970), marks (8 bit: 1 dead-lettered, 2 its CC keys are spent, 4 hidden
 * BCC keys stand behind the body, 8 it has a priority), priority (8 bit), time to live of its own (48 bit, milliseconds, all
 * ones without).
 */
struct message *store_restore_message(struct broker *broker, struct slice address,
                                      struct slice header, const struct slice *body,
                                      size_t body_parts, int64_t *ret_waited_ms);

/* Whether it can be understood: when nothing comes of it then, memory is out. */
bool store_understands(struct slice address, struct slice header, const struct slice *body,
                       size_t body_parts);

#define STORE_NOTE 16

struct restored_message {
    int64_t waited_ms;       /* since it was published */
    int64_t time_to_live_ms; /* its own, below 0 for none */
    uint32_t body_size;      /* AWAY_SIZE_UNKNOWN: the message itself has to say */
    bool has_priority;
    uint8_t priority;
};

/* An entry that is away, as recovery finds it. */
struct restored_entry {
    struct entry entry;
    struct restored_message what;
};

/* The note of a message of `body_length` octets behind the header. */
void store_read_note(const struct broker *broker, const uint8_t note[STORE_NOTE],
                     uint64_t body_length, struct restored_message *ret_restored);

/* -- of messages that are not in memory (paging.h) -- */

/* As store_settle(), of an entry that is away. */
void store_settle_away(const struct queue *queue, const struct entry *entry);

/*
 * Copies the message to the pager's overflow files, unless it is there already for another queue. Its
 * number with a reference of its own; 0 when it has to stay in memory.
 */
uint32_t store_spill(struct broker *broker, struct pager *pager, struct message *message);

/* Octets that an entry which is away takes on disk, more or less. */
uint64_t store_length(const struct broker *broker, const struct entry *entry);

/* An entry that is away cannot be read: what is there is put aside, the queue is done with it. */
void store_quarantine(const struct queue *queue, const struct entry *entry);

/* What the journal knows of itself, for metrics. False when there is none. */
struct store_figures {
    uint64_t batches;
    uint64_t bytes_written;
    uint64_t syncs;
    uint64_t sync_us_max;
    uint64_t segments;
    uint64_t total_bytes;
    uint64_t live_bytes;
    uint64_t damaged_messages;
};
bool store_read_figures(const struct broker *broker, struct store_figures *ret_figures);

#endif
