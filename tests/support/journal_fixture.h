/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A journal on a disk in memory that is started and stopped, and what its last start found.
 *
 * A test changes `options` before it starts the journal; the disk may be another one each time.
 */
#ifndef TESTS_SUPPORT_JOURNAL_FIXTURE_H
#define TESTS_SUPPORT_JOURNAL_FIXTURE_H

#include <stdbool.h>
#include <stdint.h>

#include "persistence/journal.h"
#include "tests/support/memory_disk.h"

enum { JOURNAL_FIXTURE_QUEUES = 8 }; /* ids below that may be used */

struct journal_fixture {
    struct memory_disk *disk; /* owned */
    struct journal_options options;
    struct journal *journal; /* NULL while it is stopped */
    struct journal_report report;
    struct journal_error error;
    /* What the last start found. */
    uint64_t found; /* targets of messages, in all queues */
    uint64_t found_in[JOURNAL_FIXTURE_QUEUES];
    uint64_t highest[JOURNAL_FIXTURE_QUEUES];
    uint64_t definitions;
    uint64_t unreadable; /* targets of messages that cannot be read */
    uint64_t progress_done, progress_total;
    struct stored_message *found_message; /* the last one */
    /* For the test's own counting. */
    uint64_t sequences[JOURNAL_FIXTURE_QUEUES];
    int released;
};

extern const uint8_t journal_fixture_uuid[16];

/* Segments of that size, no spares, no checkpoint unless asked for; not started. */
struct journal_fixture *journal_fixture_create(uint64_t segment_size);
/* Stops the journal; no file may be open then. */
void journal_fixture_destroy(struct journal_fixture *fixture);

/* What the start says: 0, or why not. */
int start_journal(struct journal_fixture *fixture, bool salvage);
int stop_journal(struct journal_fixture *fixture, bool clean);
/* What a start says; the journal is stopped again at once. */
int try_start(struct journal_fixture *fixture, bool salvage);

/* A message of `len` octets, at most 160 KiB, for queue 1; it is in the open batch. */
struct journal_target publish_message(struct journal_fixture *fixture, size_t len,
                                      struct stored_message **ret);
/* `count` of them, each in a batch that is written. */
void publish_messages(struct journal_fixture *fixture, int count, size_t len);
/* A checkpoint, as far as one batch and what comes behind it go. */
void make_checkpoint(struct journal_fixture *fixture);
/* How many files on the disk have this in their names. */
uint64_t count_files(struct journal_fixture *fixture, const char *part);

/* One whole group commit. */
void commit(struct journal_fixture *fixture);
struct journal_statistics statistics_of(const struct journal_fixture *fixture);

#endif
