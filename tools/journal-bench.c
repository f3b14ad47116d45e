/* SPDX-License-Identifier: Apache-2.0 */
/*
 * journal-bench: how close the journal comes to the disk. For each window (messages that may wait
 * for their confirm) it appends messages, hands over, and counts confirms for a while; beside it
 * stands a bare loop of write and fdatasync into a zero-filled file with the octets that the
 * journal wrote per sync.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "persistence/journal.h"
#include "tools/clock.h"

enum { HEADER = 30, ADDRESS = 24, BARE_FILE = 64 * 1024 * 1024, QUEUE = 1 };

struct bench {
    const char *directory;
    double seconds;
    size_t body_len;
    struct io *io;
    struct journal *journal;
    int wakeup;
    uint64_t sequence;
};

static void die(const char *what, int error) {
    fprintf(stderr, "journal-bench: %s: %s\n", what, strerror(-error));
    exit(74);
}

static void on_batch(void *context) {
    const struct bench *bench = context;
    uint64_t one = 1;

    if (write(bench->wakeup, &one, sizeof one) < 0)
        abort();
}

/* Sequences go on where an earlier run of this program ended. */
static void on_queue(void *context, uint64_t queue_id, uint64_t highest_sequence) {
    struct bench *bench = context;

    (void)queue_id;
    bench->sequence = highest_sequence;
}

static void open_journal(struct bench *bench) {
    struct journal_options options = {.spare_segments = 2,
                                      .uuid = {1},
                                      .threaded = true,
                                      .notify = on_batch,
                                      .notify_context = bench};
    struct replay_sink sink = {.context = bench, .on_queue = on_queue};
    struct journal_report report;
    struct journal_error error;
    int code = io_posix_open(bench->directory, &bench->io);

    if (code < 0)
        die(bench->directory, code);
    options.io = bench->io;
    bench->wakeup = eventfd(0, EFD_CLOEXEC);
    code = journal_open(&options, &sink, false, &bench->journal, &report, &error);
    if (code < 0)
        die(error.text, code);
}

static void wait_for_batch(struct bench *bench) {
    uint64_t count;

    if (read(bench->wakeup, &count, sizeof count) < 0)
        abort();
    journal_collect(bench->journal);
    if (journal_state(bench->journal) == JOURNAL_FAILED)
        die("journal", journal_failure(bench->journal));
}

struct published {
    uint64_t lsn;
    struct stored_message *message;
    uint64_t sequence;
};

/* Publishes with up to `window` unconfirmed; a confirmed message is settled, as by a consumer. */
static void publish_for(struct bench *bench, size_t window, double seconds) {
    static uint8_t octets[1024 * 1024];
    struct slice body = slice_of(octets, bench->body_len);
    struct journal_content content = {slice_of(octets, ADDRESS), slice_of(octets, HEADER), &body,
                                      1};
    struct published *ring = calloc(window, sizeof *ring);
    uint64_t head = 0, tail = 0;
    double end = now() + seconds;

    while (now() < end) {
        for (; head - tail < window; head++) {
            struct published *slot = &ring[head % window];
            struct journal_target target = {QUEUE, ++bench->sequence};

            slot->sequence = bench->sequence;
            slot->lsn = journal_append_message(bench->journal, &content, &target, 1, NULL, NULL,
                                               &slot->message);
        }
        journal_submit(bench->journal, (int64_t)(now() * 1000));
        wait_for_batch(bench);
        for (; tail < head && ring[tail % window].lsn <= journal_safe_lsn(bench->journal); tail++)
            journal_settle(bench->journal, ring[tail % window].message,
                           (struct journal_target){QUEUE, ring[tail % window].sequence});
    }
    /* What is left is settled too, so that each measurement begins alike. */
    for (; head > tail; tail++)
        journal_settle(bench->journal, ring[tail % window].message,
                       (struct journal_target){QUEUE, ring[tail % window].sequence});
    while (journal_is_writing(bench->journal))
        wait_for_batch(bench);
    free(ring);
}

/* Syncs per second of bare writes of `len` octets, one behind the other. */
static double bare_loop(const struct bench *bench, size_t len, double seconds) {
    char name[4096];
    static uint8_t octets[4 * 1024 * 1024];
    uint64_t syncs = 0;
    size_t offset = 0;
    double begun, took;
    int file;

    snprintf(name, sizeof name, "%s/bare.tmp", bench->directory);
    file = open(name, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (file < 0)
        die(name, -errno);
    for (size_t at = 0; at < BARE_FILE; at += sizeof octets)
        if (pwrite(file, octets, sizeof octets, (off_t)at) < 0)
            die(name, -errno);
    fsync(file);
    memset(octets, 1, sizeof octets);
    if (len > sizeof octets)
        len = sizeof octets;
    begun = now();
    do {
        if (offset + len > BARE_FILE)
            offset = 0;
        if (pwrite(file, octets, len, (off_t)offset) < 0 || fdatasync(file) < 0)
            die(name, -errno);
        offset += len;
        syncs++;
        took = now() - begun;
    } while (took < seconds);
    close(file);
    unlink(name);
    return (double)syncs / took;
}

static void measure(struct bench *bench, size_t window) {
    struct journal_statistics before, after;
    uint64_t first = bench->sequence;
    double begun, took, batches, bytes, bare;

    journal_statistics(bench->journal, &before);
    begun = now();
    publish_for(bench, window, bench->seconds);
    took = now() - begun;
    journal_statistics(bench->journal, &after);
    batches = (double)(after.batches - before.batches);
    bytes = (double)(after.bytes_written - before.bytes_written) / batches;
    bare = bare_loop(bench, (size_t)bytes, bench->seconds);
    printf("window %5zu: %9.0f msg/s, %7.0f batches/s of %8.0f octets, %6.1f us each; "
           "bare write+fdatasync of as many: %7.0f/s; ratio %.2f\n",
           window, (double)(bench->sequence - first) / took, batches / took, bytes,
           took / batches * 1e6, bare, batches / took / bare);
}

int main(int argc, char **argv) {
    static const size_t windows[] = {1, 100, 1000, 10000};
    struct bench bench = {.seconds = 2, .body_len = 1024};

    if (argc < 2 || strcmp(argv[1], "--help") == 0) {
        puts(
            "usage: journal-bench DIR [BODY [SECONDS]]   messages of BODY (1024) octets into a new "
            "journal in DIR");
        return argc < 2 ? 64 : 0;
    }
    bench.directory = argv[1];
    if (argc > 2)
        bench.body_len = strtoul(argv[2], NULL, 10);
    if (argc > 3)
        bench.seconds = strtod(argv[3], NULL);
    if (bench.body_len > 1024 * 1024)
        bench.body_len = 1024 * 1024;
    open_journal(&bench);
    publish_for(&bench, 100, 1); /* spares are made meanwhile */
    for (size_t i = 0; i < sizeof windows / sizeof *windows; i++)
        measure(&bench, windows[i]);
    journal_close(bench.journal, true);
    io_posix_close(bench.io);
    close(bench.wakeup);
    return 0;
}
