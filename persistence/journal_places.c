/* SPDX-License-Identifier: Apache-2.0 */
/* What the pager wants to know of a journal: what is in it and what it costs. */
#include "persistence/journal_private.h"

bool journal_message_is_written(const struct stored_message *message) {
    return !stored_message_is_pending(message);
}

uint32_t journal_message_length(const struct stored_message *message) {
    return message->length;
}

uint32_t journal_seed(const struct journal *journal) {
    return record_journal_seed(journal->uuid);
}

uint64_t journal_index_memory(const struct journal *journal) {
    return message_pool_memory(&journal->pool) +
           journal->live.pages.count * sizeof(struct live_page);
}
