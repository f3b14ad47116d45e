/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests on their way to the reader and back. Messages that stand side by side in a file are read
 * in one go; when that fails each is read by itself, so that a bad one is only its own error.
 *
 * Files are opened by name for each request: a handle that is kept could be one of a segment that
 * was renamed for new use. What was read counts only if the message is still where it was looked
 * for, because a segment is used again only when nothing in it is alive.
 */
#include "persistence/pager.h"

#include <assert.h>
#include <errno.h>

#include "persistence/journal_reader.h"
#include "persistence/octets.h"
#include "persistence/overflow.h"
#include "persistence/record.h"
#include "persistence/segment.h"
#include "persistence/disk_worker.h"

enum {
    DEFAULT_OVERFLOW_FILE_SIZE = 64 * 1024 * 1024,
    RUN_SIZE = 1024 * 1024, /* read in one go */
    RUN_GAP = 16 * 1024,    /* of other octets between two messages of a run */
};

struct pager {
    struct io *io;
    struct journal *journal;
    uint32_t seed; /* of the journal's records */
    struct disk_worker *reader;
    struct disk_worker *writer;
    struct overflow *overflow;
    uint64_t read_messages;
};

/* A stretch of a file and the pages in it. */
struct run {
    size_t first; /* page */
    size_t count;
    uint64_t file;
    bool spilled;
    bool from_memory; /* already copied */
    uint64_t offset;
    size_t length;
    uint8_t *octets;
};

struct page_reading {
    struct disk_work work;
    struct pager *pager;
    struct page_request *request;
    struct run *runs;
    size_t run_count;
    uint8_t *memory;
};

int pager_open(const struct pager_options *options, struct pager **ret_pager) {
    struct pager *pager = journal_allocate(1, sizeof *pager);
    uint64_t file_size = options->overflow_file_size;
    int error = -EAGAIN;

    pager->io = options->io;
    pager->journal = options->journal;
    pager->seed = journal_seed(options->journal);
    pager->reader = disk_worker_create(options->threaded, options->notify, options->notify_context);
    pager->writer = disk_worker_create(options->threaded, options->notify, options->notify_context);
    if (pager->reader != NULL && pager->writer != NULL)
        error = overflow_create(pager->io, pager->writer,
                                file_size == 0 ? DEFAULT_OVERFLOW_FILE_SIZE : file_size,
                                &pager->overflow);
    if (error < 0) {
        pager_close(pager);
        return error;
    }
    *ret_pager = pager;
    return 0;
}

void pager_close(struct pager *pager) {
    if (pager == NULL)
        return;
    disk_worker_destroy(pager->reader);
    disk_worker_destroy(pager->writer);
    overflow_destroy(pager->overflow);
    free(pager);
}

/* ---- the reader's part ---- */

static int open_file(struct io *io, const struct run *run) {
    char name[SEGMENT_NAME_SIZE];

    if (run->spilled)
        overflow_name(name, run->file);
    else
        segment_name(name, run->file);
    return io->ops->open_read(io, name);
}

static void parse(struct page *page, uint32_t seed, const uint8_t *octets) {
    struct cursor c = cursor_over(slice_of(octets, page->length));
    struct message_record message;
    struct record record;

    page->error = -EBADMSG;
    if (record_next(&c, seed, &record) < 0 || record.type != RECORD_MESSAGE || !cursor_at_end(&c) ||
        record_read_message(record.body, &message) < 0)
        return;
    page->error = 0;
    page->body = message.body;
    page->content = (struct journal_content){
        .address = message.address, .header = message.header, .body = &page->body, .body_parts = 1};
}

static void read_alone(struct io *io, int handle, const struct run *run, struct page *page) {
    uint8_t *at = run->octets + (page->offset - run->offset);
    ssize_t got = io_read_all(io, handle, at, page->length, page->offset);

    page->error = got < 0 ? (int)got : got < (ssize_t)page->length ? -EBADMSG : 0;
}

static void read_each(struct io *io, int handle, const struct run *run, struct page *pages) {
    for (size_t i = 0; i < run->count; i++)
        read_alone(io, handle, run, &pages[i]);
}

static void read_run(struct page_reading *reading, const struct run *run) {
    struct page *pages = reading->request->pages + run->first;
    struct io *io = reading->pager->io;
    int handle = run->from_memory ? 0 : open_file(io, run);

    for (size_t i = 0; i < run->count; i++)
        pages[i].error = handle < 0 ? handle : 0;
    if (!run->from_memory && handle >= 0) {
        if (io_read_all(io, handle, run->octets, run->length, run->offset) != (ssize_t)run->length)
            read_each(io, handle, run, pages);
        io->ops->close(io, handle);
    }
    for (size_t i = 0; i < run->count; i++)
        if (pages[i].error == 0)
            parse(&pages[i],
                  run->spilled ? OVERFLOW_SEED
                               : record_seed(reading->pager->seed, run->file, pages[i].offset),
                  run->octets + (pages[i].offset - run->offset));
}

static void run_reading(struct disk_work *work) {
    struct page_reading *reading = (struct page_reading *)work;

    for (size_t i = 0; i < reading->run_count; i++)
        read_run(reading, &reading->runs[i]);
}

/* ---- the loop's part ---- */

/* Where the page is now; `ret_octets` is set when that is in memory. */
static void locate(struct pager *pager, struct page *page, const uint8_t **ret_octets) {
    struct journal_place place;
    int error;

    *ret_octets = NULL;
    if (page->stored == NULL) {
        overflow_locate(pager->overflow, page->spilled, &page->file, &page->offset, &page->length,
                        ret_octets);
        return;
    }
    error = journal_locate(pager->journal, page->stored, &place);
    assert(error == 0);
    (void)error;
    page->file = place.segment;
    page->offset = place.offset;
    page->length = (uint32_t)record_padded_length(place.length - RECORD_HEAD);
}

static bool continues(const struct run *run, const struct page *page, const uint8_t *octets) {
    uint64_t end = run->offset + run->length;

    return octets == NULL && !run->from_memory && run->spilled == (page->stored == NULL) &&
           run->file == page->file && page->offset >= end && page->offset - end <= RUN_GAP &&
           page->offset + page->length - run->offset <= RUN_SIZE;
}

/* Divides the request into runs; `in_memory` has the octets of pages that are in memory. */
static size_t make_runs(struct page_reading *reading, const uint8_t **in_memory) {
    struct page_request *request = reading->request;
    size_t total = 0;

    for (size_t i = 0; i < request->count; i++) {
        struct page *page = &request->pages[i];
        struct run *last = reading->run_count == 0 ? NULL : &reading->runs[reading->run_count - 1];
        size_t before = last == NULL ? 0 : last->length;

        if (page->is_gone)
            continue;
        locate(reading->pager, page, &in_memory[i]);
        if (last != NULL && last->first + last->count == i && continues(last, page, in_memory[i])) {
            last->length = (size_t)(page->offset + page->length - last->offset);
            last->count++;
            total += last->length - before;
            continue;
        }
        reading->runs[reading->run_count++] = (struct run){.first = i,
                                                           .count = 1,
                                                           .file = page->file,
                                                           .spilled = page->stored == NULL,
                                                           .from_memory = in_memory[i] != NULL,
                                                           .offset = page->offset,
                                                           .length = page->length};
        total += page->length;
    }
    return total;
}

static void give_memory(struct page_reading *reading, size_t total, const uint8_t **in_memory) {
    size_t at = 0;

    reading->memory = journal_reallocate(NULL, total, 1);
    for (size_t i = 0; i < reading->run_count; i++) {
        struct run *run = &reading->runs[i];

        run->octets = reading->memory + at;
        at += run->length;
        if (run->from_memory)
            memcpy(run->octets, in_memory[run->first], run->length);
    }
}

static void reading_done(struct disk_work *work);

static void begin(struct pager *pager, struct page_request *request) {
    struct page_reading *reading = journal_allocate(1, sizeof *reading);
    const uint8_t **in_memory = journal_allocate(request->count, sizeof *in_memory);
    size_t total;

    request->reading = reading;
    reading->work = (struct disk_work){.run = run_reading, .done = reading_done};
    reading->pager = pager;
    reading->request = request;
    reading->runs = journal_allocate(request->count, sizeof *reading->runs);
    total = make_runs(reading, in_memory);
    give_memory(reading, total, in_memory);
    free(in_memory);
    disk_worker_submit(pager->reader, &reading->work);
}

void pager_read(struct pager *pager, struct page_request *request) {
    pager->read_messages += request->count;
    begin(pager, request);
}

static void reading_free(struct page_reading *reading) {
    free(reading->runs);
    free(reading->memory);
    free(reading);
}

/* Has compaction moved one of those that are still wanted? Spilled ones never move. */
static bool has_moved(struct pager *pager, const struct page_request *request) {
    for (size_t i = 0; i < request->count; i++) {
        const struct page *page = &request->pages[i];
        struct page now = *page;
        const uint8_t *octets;

        if (page->is_gone || page->stored == NULL)
            continue;
        locate(pager, &now, &octets);
        if (now.file != page->file || now.offset != page->offset)
            return true;
    }
    return false;
}

static void reading_done(struct disk_work *work) {
    struct page_reading *reading = (struct page_reading *)work;
    struct page_request *request = reading->request;
    struct pager *pager = reading->pager;

    request->refresh(request->context, request);
    if (has_moved(pager, request)) {
        reading_free(reading);
        begin(pager, request);
        return;
    }
    request->done(request->context, request);
    reading_free(reading);
}

void pager_collect(struct pager *pager) {
    disk_worker_collect(pager->writer);
    disk_worker_collect(pager->reader);
}

void pager_work_now(struct pager *pager) {
    disk_worker_run(pager->writer);
    disk_worker_run(pager->reader);
}

bool pager_is_busy(const struct pager *pager) {
    return disk_worker_is_busy(pager->reader) || disk_worker_is_busy(pager->writer);
}

/* ---- spilling ---- */

uint32_t pager_spill(struct pager *pager, const struct journal_content *content,
                     uint32_t *ret_serial) {
    return overflow_put(pager->overflow, content, ret_serial);
}

bool pager_share_spilled(struct pager *pager, uint32_t number, uint32_t serial) {
    return overflow_share(pager->overflow, number, serial);
}

void pager_drop_spilled(struct pager *pager, uint32_t number) {
    overflow_drop(pager->overflow, number);
}

uint32_t pager_spilled_length(const struct pager *pager, uint32_t number) {
    uint64_t file, offset;
    uint32_t length;
    const uint8_t *octets;

    overflow_locate(pager->overflow, number, &file, &offset, &length, &octets);
    return length;
}

void pager_flush(struct pager *pager) {
    overflow_flush(pager->overflow);
}

void pager_retry(struct pager *pager) {
    overflow_retry(pager->overflow);
}

void pager_statistics(const struct pager *pager, struct pager_statistics *ret_statistics) {
    *ret_statistics = (struct pager_statistics){
        .overflow_memory = overflow_memory(pager->overflow),
        .overflow_bytes = overflow_bytes(pager->overflow),
        .read_messages = pager->read_messages,
    };
}
