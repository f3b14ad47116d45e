/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal: one append-only log for definitions, messages and acknowledgements of a node, with group
 * commit. FORMAT.md has the bytes, this header the meaning.
 *
 * Two threads: the loop thread calls everything here; the writer thread writes one batch at a time and
 * syncs it. Appends collect in the open batch; journal_submit() hands it over when the writer is idle.
 * An append returns the LSN: the index of the batch it will be in. A batch is on disk wholly or not at
 * all, and everything up to journal_safe_lsn() is on stable storage. After the first failed write or
 * sync the journal is FAILED for good: safe_lsn stands still and nothing more is written.
 *
 * A message lives in the journal as long as one of its targets does. Settling the last target of a
 * message whose batch was not handed over yet takes the message out of that batch: neither of the two
 * reaches the disk.
 */
#ifndef LEVERET_PERSISTENCE_JOURNAL_H
#define LEVERET_PERSISTENCE_JOURNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amqp/slice.h"
#include "persistence/io.h"

struct journal;

enum journal_state { JOURNAL_OPEN, JOURNAL_FAILED, JOURNAL_CLOSED };

/* A place of a message: a durable queue and the message's sequence number there. */
struct journal_target {
    uint64_t queue_id;
    uint64_t sequence;
};

/* A stored message, owned by the journal; gone when its last target was settled. */
struct stored_message;

/* What is stored of a message: two heads (address, content header payload) and the body's octets. */
struct journal_content {
    struct slice address;
    struct slice header;
    const struct slice *body; /* parts in order */
    size_t body_parts;
};

struct journal_options {
    struct io *io;             /* outlives the journal */
    uint64_t segment_size;     /* octets of a segment file; 64 MiB unless tests say otherwise */
    uint8_t uuid[16];          /* of a journal that is new */
    bool threaded;             /* false: no writer thread, journal_write_now() does its work */
    void (*notify)(void *context); /* a batch was finished; called on the writer thread */
    void *notify_context;
};

/* What recovery found, in an order that rebuilds it: definitions, then messages by LSN. */
struct replay_sink {
    void *context;
    void (*on_meta)(void *context, uint8_t kind, struct slice key, struct slice payload);
    /* `content` is borrowed. `targets` are those still alive. */
    void (*on_message)(void *context, struct stored_message *message,
                       const struct journal_content *content,
                       const struct journal_target *targets, size_t target_count);
    void (*on_progress)(void *context, uint64_t done_bytes, uint64_t total_bytes);
};

/* Why the journal cannot be opened, for people: file, offset and what to do. */
struct journal_error {
    int code; /* negative errno, -EBADMSG for damage */
    char text[512];
};

/*
 * Recovers what is there into `sink` and opens for appending; `ret_clean` tells a clean stop from any
 * other. An empty directory is a new journal. Damage is refused (-EBADMSG) unless `salvage`, which
 * applies what is valid and moves the rest to quarantine files.
 */
int journal_open(const struct journal_options *options, const struct replay_sink *sink, bool salvage,
                 struct journal **ret_journal, bool *ret_clean, struct journal_error *ret_error);

/*
 * With `clean`, everything appended is written, marked as a clean stop and synced first (0, or the
 * error that prevented it). Frees.
 */
int journal_close(struct journal *journal, bool clean);

/* Full state of one definition under (kind, key), replacing what was there. */
uint64_t journal_put_meta(struct journal *journal, uint8_t kind, struct slice key,
                          struct slice payload);
uint64_t journal_delete_meta(struct journal *journal, uint8_t kind, struct slice key);

/*
 * One message with all its targets. The octets of `content` must stay until `release(owner)` is called
 * on the loop thread (from journal_collect or a settle): they are written from where they are.
 */
uint64_t journal_append_message(struct journal *journal, const struct journal_content *content,
                                const struct journal_target *targets, size_t target_count,
                                void (*release)(void *owner), void *owner,
                                struct stored_message **ret_message);

/* One target of the message is done with: acked, dropped, expired, purged. Nobody waits for it. */
uint64_t journal_settle(struct journal *journal, struct stored_message *message,
                        struct journal_target target);

/* Begin and end of changes that must be in one batch (tx, dead-letter move, fan-out). */
void journal_begin_atomic(struct journal *journal);
void journal_end_atomic(struct journal *journal);

/* The LSN that an append would return now. */
uint64_t journal_open_lsn(const struct journal *journal);
/* Everything up to and including this LSN is on stable storage. */
uint64_t journal_safe_lsn(const struct journal *journal);
enum journal_state journal_state(const struct journal *journal);

/* Hands the open batch over when it holds anything and the writer is idle. `wall_ms` goes into it. */
void journal_submit(struct journal *journal, int64_t wall_ms);
/* After notify: takes over what the writer finished (safe_lsn moves, releases are called). */
void journal_collect(struct journal *journal);
/* Without a thread: writes and syncs what was submitted. */
void journal_write_now(struct journal *journal);

/*
 * Reads a stored message back. `buffer` is grown with realloc as needed. 0, or -EBADMSG when its
 * checksum fails: nothing of it is returned then.
 */
int journal_read(struct journal *journal, const struct stored_message *message, uint8_t **buffer,
                 size_t *capacity, struct journal_content *ret_content, struct slice *ret_body);

struct journal_statistics {
    uint64_t batches, records, bytes_written, syncs, segments, live_bytes, total_bytes;
    uint64_t sync_us_max;
};
void journal_statistics(const struct journal *journal, struct journal_statistics *ret_statistics);

#endif
