/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The journal: one append-only log for definitions, messages and acknowledgements of a node, with
 * group commit. FORMAT.md has the bytes, this header the meaning.
 *
 * Two threads: the loop thread calls everything here; the writer thread writes one batch at a time
 * and syncs it. Appends collect in the open batch; journal_submit() hands it over when the writer
 * is idle. An append returns the LSN of the batch that it will be in, a number that grows with
 * every hand-over of this life. A batch is on disk wholly or not at all, and everything up to
 * journal_safe_lsn() is on stable storage. After the first failed write or sync the journal is
 * FAILED for good: safe_lsn stands still and nothing more is written.
 *
 * A message lives in the journal as long as one of its targets does. Settling the last target of a
 * message whose batch was not handed over yet takes the message out of that batch: neither of the
 * two reaches the disk.
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

/* What is stored of a message: two heads (address, content header payload) and the body. */
struct journal_content {
    struct slice address;
    struct slice header;
    const struct slice *body; /* parts in order */
    size_t body_parts;
};

/*
 * What a start says of a message without reading it: whoever wants to know something early puts it
 * into the first octets of the address.
 */
enum { JOURNAL_NOTE = 16 };
struct journal_summary {
    uint8_t note[JOURNAL_NOTE]; /* the first octets of the address, zeros behind a shorter one */
    uint64_t body_length;
};

struct journal_options {
    struct io *io;         /* outlives the journal */
    uint64_t segment_size; /* octets of a segment file, 0 for 64 MiB */
    /* Of the first one of a life, which is made at the first record; 0 for 1 MiB. */
    uint64_t first_segment_size;
    uint64_t checkpoint_bytes; /* written between two checkpoints, 0 for 256 MiB */
    /* Made ahead in the background, so that a full disk shows there; at most 2. */
    unsigned spare_segments;
    uint32_t dead_kept_ms; /* dead segments are for a flood, 0 for 20 s without one: then they go */
    uint8_t uuid[16];      /* of a journal that is new */
    bool verify;   /* read every message at the start, not only the indexes of the segments */
    bool threaded; /* false: no writer thread, journal_write_now() does its work */
    void (*notify)(void *context); /* a batch was finished; of the writer thread, which needs it */
    void *notify_context;
};

/*
 * What recovery found: definitions by kind and key, queues, then messages in the order of their
 * places in the files (sort by sequence). Any function may be NULL.
 */
struct replay_sink {
    void *context;
    void (*on_meta)(void *context, uint8_t kind, struct slice key, struct slice payload);
    /* A queue that has or had messages; sequences go on above `highest_sequence`, never below. */
    void (*on_queue)(void *context, uint64_t queue_id, uint64_t highest_sequence);
    /* Everything is borrowed. `targets` are those still alive; journal_read() has the content. */
    void (*on_message)(void *context, struct stored_message *message,
                       const struct journal_summary *summary, const struct journal_target *targets,
                       size_t target_count);
    void (*on_progress)(void *context, uint64_t done_bytes, uint64_t total_bytes);
};

/* Why the journal cannot be opened, for people: file, offset and what to do. */
struct journal_error {
    int code; /* negative errno, -EBADMSG for damage */
    char text[512];
};

/* How the journal was found. Filled as far as recovery came, also when opening fails. */
struct journal_report {
    bool clean;     /* the last stop was clean; after any other all messages are redelivered */
    bool torn_tail; /* the last batch was not written to its end: at the place below */
    uint64_t torn_segment;
    uint64_t torn_offset;
    bool checkpoint_damaged;   /* the older one stood in */
    uint32_t damaged_segments; /* put into quarantine by salvage */
    uint32_t damages;          /* places that salvage passed over; the first is in `first_damage` */
    char first_damage[256];
    uint64_t last_index;      /* of the last valid batch */
    uint64_t batches;         /* applied one by one, behind the checkpoint */
    uint64_t bytes_read;      /* of segments: batches and indexes */
    uint32_t damaged_indexes; /* of segments that were walked through instead */
    uint64_t messages;
};

/*
 * Recovers what is there into `sink` and opens for appending. An empty directory is a new journal.
 * Damage is refused (-EBADMSG) unless `salvage`, which applies what is valid and renames damaged
 * segments to quarantine files. -EPROTONOSUPPORT: written by a newer major version, nothing was
 * touched.
 */
int journal_open(const struct journal_options *options, const struct replay_sink *sink,
                 bool salvage, struct journal **ret_journal, struct journal_report *ret_report,
                 struct journal_error *ret_error);

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
 * One message with all its targets, at least one; the sequences of a queue must grow. The octets of
 * `content` must stay until `release(owner)` is called on the loop thread (from journal_collect, a
 * settle or journal_close): they are written from where they are.
 */
uint64_t journal_append_message(struct journal *journal, const struct journal_content *content,
                                const struct journal_target *targets, size_t target_count,
                                void (*release)(void *owner), void *owner,
                                struct stored_message **ret_message);

/*
 * One target of the message is done with: acked, dropped, expired, purged. Nobody waits for it. May
 * call `release` and, with the last target, ends the life of `message`.
 */
uint64_t journal_settle(struct journal *journal, struct stored_message *message,
                        struct journal_target target);

/* Whether the octets that the message was appended with are being written right now. */
bool journal_is_borrowing(const struct journal *journal, const struct stored_message *message);

/*
 * The queue is deleted: one record instead of a settle for each message. Its messages must still be
 * settled, now or when a channel lets go of them; that writes nothing any more. The id is never
 * used again.
 */
uint64_t journal_delete_queue(struct journal *journal, uint64_t queue_id);

/*
 * Begin and end of changes that must be in one batch (tx, dead-letter move). Nothing is handed over
 * in between; calls nest.
 */
void journal_begin_atomic(struct journal *journal);
void journal_end_atomic(struct journal *journal);

/* The LSN that an append would return now. */
uint64_t journal_open_lsn(const struct journal *journal);
/* Everything up to and including this LSN is on stable storage. */
uint64_t journal_safe_lsn(const struct journal *journal);
enum journal_state journal_state(const struct journal *journal);

/* The error that made it FAILED, negative; 0 before. */
int journal_failure(const struct journal *journal);
/* True while a batch is with the writer: journal_collect() will have something to take over. */
bool journal_is_writing(const struct journal *journal);

/* A checkpoint with the next batch, whether one is due or not. */
void journal_request_checkpoint(struct journal *journal);

/*
 * With statistics.disk_full and nothing to write: asks the writer to look for room again. Spares
 * are tried with each batch anyway.
 */
void journal_retry_space(struct journal *journal);

/*
 * Hands the open batch over when it holds anything and the writer is idle; it gets `wall_ms`. True
 * when journal_safe_lsn() moved at once: everything in the open batch had been settled away, so
 * nothing is written and no notify will come for it - whoever waits for its LSN can go on now.
 */
bool journal_submit(struct journal *journal, int64_t wall_ms);
/* After notify: takes over what the writer finished (safe_lsn moves, releases are called). */
void journal_collect(struct journal *journal);
/* Without a thread: writes and syncs what was submitted. */
void journal_write_now(struct journal *journal);

/*
 * Reads a stored message back. `buffer` is grown with realloc as needed. 0, or -EBADMSG when its
 * checksum fails: nothing of it is returned then. -EINPROGRESS while it is not written yet: the
 * octets it was appended with are still there.
 */
int journal_read(struct journal *journal, const struct stored_message *message, uint8_t **buffer,
                 size_t *capacity, struct journal_content *ret_content, struct slice *ret_body);

/*
 * What journal_read() could not read, though it is written: its octets are put aside as
 * quarantine-<segment>-<offset>.lvr and statistics.damaged_messages counts it, once, whoever finds it
 * again. The caller lets go of the message by journal_settle(), and goes on.
 */
void journal_quarantine_message(struct journal *journal, struct stored_message *message);

/* It is in a file and not just in a batch: what it was appended with is not needed to read it. */
bool journal_message_is_written(const struct stored_message *message);
/* Octets of its record then. */
uint32_t journal_message_length(const struct stored_message *message);
/* What the seeds of the checksums of all records begin with: record_seed(). */
uint32_t journal_seed(const struct journal *journal);
/* Octets of memory that what is alive in the journal takes, bodies not counted. */
uint64_t journal_index_memory(const struct journal *journal);

struct journal_statistics {
    uint64_t last_index;                             /* of the batches known to be written */
    uint64_t batches, records, bytes_written, syncs; /* since the journal was opened */
    uint64_t segments, total_bytes;                  /* files, spares not counted */
    uint64_t live_bytes, live_messages;
    uint64_t relocated_bytes, checkpoints, unlinked_segments, recycled_segments;
    uint64_t damaged_messages; /* that could not be read, since the journal was opened */
    /* The place of the last one: number of the segment and offset there. */
    uint64_t damaged_segment, damaged_offset;
    uint64_t sync_us_max;
    unsigned spares;
    bool disk_full; /* no room for a spare segment: time to stop who publishes; acks still fit */
    /*
     * Spares and checkpoints that could not be made. The same cause counts once until a spare, or a
     * checkpoint, was made; attempts under way say nothing.
     */
    uint64_t maintenance_troubles;
    int maintenance_cause; /* of the last trouble, and its file */
    char maintenance_file[32];
    bool starved; /* no room for the batch under way either: it waits, nothing is lost */
};
void journal_statistics(const struct journal *journal, struct journal_statistics *ret_statistics);
/* statistics.damaged_messages alone: cheap enough for every tick. */
uint64_t journal_damaged_messages(const struct journal *journal);

#endif
