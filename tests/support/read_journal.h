/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens a journal and reads everything that is alive, as the broker does by and by: a start itself
 * reads no contents.
 */
#ifndef TESTS_SUPPORT_READ_JOURNAL_H
#define TESTS_SUPPORT_READ_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "persistence/journal.h"

/* Like struct replay_sink; any function may be NULL. */
struct content_sink {
    void *context;
    void (*on_meta)(void *context, uint8_t kind, struct slice key, struct slice payload);
    void (*on_queue)(void *context, uint64_t queue_id, uint64_t highest_sequence);
    void (*on_message)(void *context, struct stored_message *message,
                       const struct journal_content *content, const struct journal_target *targets,
                       size_t target_count);
    void (*on_progress)(void *context, uint64_t done_bytes, uint64_t total_bytes);
    /* It cannot be read, by this error; it is settled afterwards. */
    void (*on_unreadable)(void *context, int error, const struct journal_target *targets,
                          size_t target_count);
};

/* As journal_open(). */
int read_journal(const struct journal_options *options, const struct content_sink *sink,
                 bool salvage, struct journal **ret_journal, struct journal_report *ret_report,
                 struct journal_error *ret_error);

#endif
