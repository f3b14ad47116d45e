/* SPDX-License-Identifier: Apache-2.0 */
/* Remembers what is alive while the journal is opened, and reads it afterwards. */
#include "tests/support/read_journal.h"

#include <stdlib.h>
#include <string.h>

struct found {
    struct stored_message *message;
    struct journal_summary summary;
    struct journal_target *targets;
    size_t target_count;
};

struct reading {
    const struct content_sink *sink;
    struct found *found;
    size_t count, capacity;
};

static void *get(void *memory, size_t size) {
    void *got = realloc(memory, size + 1);

    if (got == NULL)
        abort();
    return got;
}

static void on_meta(void *context, uint8_t kind, struct slice key, struct slice payload) {
    const struct content_sink *sink = ((struct reading *)context)->sink;

    if (sink->on_meta != NULL)
        sink->on_meta(sink->context, kind, key, payload);
}

static void on_queue(void *context, uint64_t queue_id, uint64_t highest_sequence) {
    const struct content_sink *sink = ((struct reading *)context)->sink;

    if (sink->on_queue != NULL)
        sink->on_queue(sink->context, queue_id, highest_sequence);
}

static void on_progress(void *context, uint64_t done_bytes, uint64_t total_bytes) {
    const struct content_sink *sink = ((struct reading *)context)->sink;

    if (sink->on_progress != NULL)
        sink->on_progress(sink->context, done_bytes, total_bytes);
}

static void on_message(void *context, struct stored_message *message,
                       const struct journal_summary *summary, const struct journal_target *targets,
                       size_t target_count) {
    struct reading *reading = context;
    struct found *found;

    if (reading->count == reading->capacity) {
        reading->capacity = reading->capacity * 2 + 64;
        reading->found = get(reading->found, reading->capacity * sizeof *reading->found);
    }
    found = &reading->found[reading->count++];
    *found =
        (struct found){message, *summary, get(NULL, target_count * sizeof *targets), target_count};
    memcpy(found->targets, targets, target_count * sizeof *targets);
}

/* What the start said of a message is what stands in it. */
static void check_summary(const struct found *found, const struct journal_content *content,
                          struct slice body) {
    struct journal_summary summary = {.body_length = body.len};
    size_t len = content->address.len < JOURNAL_NOTE ? content->address.len : JOURNAL_NOTE;

    if (len > 0)
        memcpy(summary.note, content->address.data, len);
    if (memcmp(summary.note, found->summary.note, JOURNAL_NOTE) != 0 ||
        summary.body_length != found->summary.body_length)
        abort();
}

static void unreadable(struct reading *reading, struct journal *journal, const struct found *found,
                       int error) {
    const struct content_sink *sink = reading->sink;

    if (sink->on_unreadable != NULL)
        sink->on_unreadable(sink->context, error, found->targets, found->target_count);
    journal_quarantine_message(journal, found->message);
    for (size_t i = 0; i < found->target_count; i++)
        journal_settle(journal, found->message, found->targets[i]);
}

static void read_all(struct reading *reading, struct journal *journal) {
    const struct content_sink *sink = reading->sink;
    uint8_t *buffer = NULL;
    size_t capacity = 0;

    for (size_t i = 0; i < reading->count; i++) {
        const struct found *found = &reading->found[i];
        struct journal_content content;
        struct slice body;
        int error = journal_read(journal, found->message, &buffer, &capacity, &content, &body);

        if (error < 0) {
            unreadable(reading, journal, found, error);
            continue;
        }
        check_summary(found, &content, body);
        if (sink->on_message != NULL)
            sink->on_message(sink->context, found->message, &content, found->targets,
                             found->target_count);
    }
    free(buffer);
}

int read_journal(const struct journal_options *options, const struct content_sink *sink,
                 bool salvage, struct journal **ret_journal, struct journal_report *ret_report,
                 struct journal_error *ret_error) {
    struct reading reading = {.sink = sink};
    struct replay_sink replay = {.context = &reading,
                                 .on_meta = on_meta,
                                 .on_queue = on_queue,
                                 .on_message = on_message,
                                 .on_progress = on_progress};
    int error = journal_open(options, &replay, salvage, ret_journal, ret_report, ret_error);

    if (error == 0)
        read_all(&reading, *ret_journal);
    for (size_t i = 0; i < reading.count; i++)
        free(reading.found[i].targets);
    free(reading.found);
    return error;
}
