/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Delivery histories in the journal. Nobody waits for one: a history that is lost with a power cut is
 * one try more, and the settle of its message takes it away in the same batch.
 */
#include "amqp/cursor.h"
#include "amqp/writer.h"
#include "broker/entities/broker.h"
#include "broker/entities/delivery_history.h"
#include "broker/entities/queue.h"
#include "broker/entities/queue_quorum.h"
#include "broker/entities/store.h"
#include "broker/entities/vhost.h"
#include "persistence/journal.h"

#define KEY_SIZE     16
#define PAYLOAD_SIZE 17

static struct slice encode_key(uint8_t octets[KEY_SIZE], const struct queue *queue,
                               uint64_t sequence) {
    struct writer w = writer_over(octets, KEY_SIZE);
    writer_u64(&w, queue->id);
    writer_u64(&w, sequence);
    return slice_of(octets, KEY_SIZE);
}

void store_put_history(const struct queue *queue, const struct delivery_history *history) {
    struct journal *journal = queue->vhost->broker->journal;
    uint8_t key[KEY_SIZE];
    uint8_t payload[PAYLOAD_SIZE];
    struct writer w = writer_over(payload, sizeof payload);
    if (journal == NULL)
        return;
    writer_u32(&w, history->acquired);
    writer_u32(&w, history->failed);
    writer_u64(&w, (uint64_t)history->retry_wall_ms);
    writer_u8(&w, history->died_of);
    journal_put_meta(journal, STORE_HISTORY, encode_key(key, queue, history->sequence),
                     slice_of(payload, sizeof payload));
}

void store_delete_history(const struct queue *queue, uint64_t sequence) {
    struct journal *journal = queue->vhost->broker->journal;
    uint8_t key[KEY_SIZE];
    if (journal != NULL)
        journal_delete_meta(journal, STORE_HISTORY, encode_key(key, queue, sequence));
}

uint64_t store_history_queue(struct slice key) {
    struct cursor at = cursor_over(key);
    return cursor_u64(&at);
}

bool store_restore_history(struct queue *queue, struct slice key, struct slice payload) {
    struct cursor at = cursor_over(key);
    cursor_u64(&at);
    struct delivery_history *history =
        delivery_history_open(&queue->quorum->histories, cursor_u64(&at));
    struct cursor values = cursor_over(payload);
    history->acquired = cursor_u32(&values);
    history->failed = cursor_u32(&values);
    history->retry_wall_ms = (int64_t)cursor_u64(&values);
    history->died_of = cursor_u8(&values);
    return !cursor_failed(&at) && !cursor_failed(&values);
}
