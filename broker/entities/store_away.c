/* SPDX-License-Identifier: Apache-2.0 */
/* Messages that are not in memory: what the journal and the overflow files are told of them. */
#include <string.h>

#include "broker/entities/broker.h"
#include "broker/entities/message.h"
#include "broker/entities/paging.h"
#include "broker/entities/queue.h"
#include "broker/entities/store.h"
#include "broker/entities/store_private.h"
#include "broker/entities/vhost.h"
#include "persistence/journal.h"
#include "persistence/pager.h"

/* In the note of a message that is not in the journal: it says where it was spilled. */
enum { MARK_SPILLED = 0x80, NOTE_MARKS_AT = 8 };

void store_settle_away(const struct queue *queue, const struct entry *entry) {
    struct broker *broker = queue->vhost->broker;
    struct away away = entry_away(entry);
    if (away.stored == NULL)
        paging_drop_spilled(broker, away.spilled);
    else if (broker->journal != NULL)
        broker->settle_lsn = journal_settle(
            broker->journal, away.stored,
            (struct journal_target){.queue_id = queue->id, .sequence = entry->sequence});
}

/*
 * A transient message of several queues is spilled once: its note, which nobody else needs, remembers
 * where. The overflow may have forgotten it meanwhile.
 */
static uint32_t spilled_before(struct pager *pager, const struct message *message) {
    uint32_t memo[2];
    if (message->stored != NULL || message->stored_head[NOTE_MARKS_AT] != MARK_SPILLED)
        return 0;
    memcpy(memo, message->stored_head, sizeof memo);
    return pager_share_spilled(pager, memo[0], memo[1]) ? memo[0] : 0;
}

static void remember_spilled(struct message *message, uint32_t number, uint32_t serial) {
    const uint32_t memo[2] = {number, serial};
    if (message->stored != NULL)
        return;
    memcpy(message->stored_head, memo, sizeof memo);
    message->stored_head[NOTE_MARKS_AT] = MARK_SPILLED;
}

uint32_t store_spill(struct broker *broker, struct pager *pager, struct message *message) {
    struct slice usual[STORE_PARTS_USUAL];
    uint32_t serial;
    uint32_t number = spilled_before(pager, message);
    if (number != 0 || !message_is_complete(message))
        return number;
    uint8_t note[MESSAGE_STORED_HEAD]; /* of one that is stored, and may be being written */
    memcpy(note, message->stored_head, sizeof note);
    struct journal_content content =
        store_content_of(broker, message, store_own_time_to_live(message), usual);
    number = pager_spill(pager, &content, &serial);
    store_content_clear(&content, usual);
    memcpy(message->stored_head, note, sizeof note);
    if (number != 0)
        remember_spilled(message, number, serial);
    return number;
}

uint64_t store_length(const struct broker *broker, const struct entry *entry) {
    struct away away = entry_away(entry);
    return away.stored != NULL ? journal_message_length(away.stored)
                               : paging_spilled_length(broker, away.spilled);
}

void store_quarantine(const struct queue *queue, const struct entry *entry) {
    struct away away = entry_away(entry);
    if (away.stored != NULL)
        journal_quarantine_message(queue->vhost->broker->journal, away.stored);
    store_settle_away(queue, entry);
}
