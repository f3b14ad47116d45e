/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bodies that are not in memory: reads messages back from the journal's segments and from overflow
 * files, on a thread of its own, so that neither a slow sync nor a slow write delays a delivery and
 * the loop never waits for a disk.
 *
 * A stored message is known by the journal's handle, which stays when compaction moves the message, a
 * spilled one by the number of its overflow slot. The checksum of every record read is verified; what
 * was read from a place that the message has left meanwhile is read again from the new one.
 */
#ifndef LEVERET_PERSISTENCE_PAGER_H
#define LEVERET_PERSISTENCE_PAGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "persistence/io.h"
#include "persistence/journal.h"

struct pager;

struct pager_options {
    struct io *io;                 /* outlives the pager */
    struct journal *journal;       /* outlives the pager */
    uint64_t overflow_file_size;   /* 0 for 64 MiB */
    bool threaded;                 /* false: no threads, pager_work_now() does their work */
    void (*notify)(void *context); /* there is something for pager_collect(); on a thread of its */
    void *notify_context;
};

/* 0 or a negative errno. Overflow files of an earlier life are deleted. */
int pager_open(const struct pager_options *options, struct pager **ret_pager);
/* Requests under way are answered first. NULL is allowed. */
void pager_close(struct pager *pager);

/* Answers what was read, and takes note of what was written. */
void pager_collect(struct pager *pager);
/* Without threads: does everything there is to do. */
void pager_work_now(struct pager *pager);
/* Something is under way. */
bool pager_is_busy(const struct pager *pager);

/* ---- reading ---- */

/* One message of a request. */
struct page {
    struct stored_message *stored; /* NULL: it is spilled */
    uint32_t spilled;
    bool is_gone; /* nobody wants it any more and its handle may be gone: set by `refresh` */
    /* The answer. `content` points into the request's memory; there is nothing in it when `error` is
     * set: -EBADMSG for a wrong checksum, or the disk's error. */
    int error;
    struct journal_content content;
    struct slice body;
    /* Where it was looked for. */
    uint64_t file;
    uint64_t offset;
    uint32_t length;
};

struct page_request {
    struct page *pages; /* the caller's, until `done` */
    size_t count;
    /* On the loop thread, before `done`: marks pages whose message ended meanwhile. */
    void (*refresh)(void *context, struct page_request *request);
    /* On the loop thread. The contents are valid until it returns. */
    void (*done)(void *context, struct page_request *request);
    void *context;
    struct page_reading *reading; /* the pager's */
};

/* The caller keeps `request` until `done`. Messages that are not written yet may not be asked for. */
void pager_read(struct pager *pager, struct page_request *request);

/* ---- spilling ---- */

/* See overflow.h. */
uint32_t pager_spill(struct pager *pager, const struct journal_content *content,
                     uint32_t *ret_serial);
bool pager_share_spilled(struct pager *pager, uint32_t number, uint32_t serial);
void pager_drop_spilled(struct pager *pager, uint32_t number);
/* Octets of its record. */
uint32_t pager_spilled_length(const struct pager *pager, uint32_t number);
/* The end of a tick. */
void pager_flush(struct pager *pager);
/* Room may have come back on a full disk. */
void pager_retry(struct pager *pager);

struct pager_statistics {
    uint64_t overflow_memory; /* octets held for spilled messages */
    uint64_t overflow_bytes;  /* of overflow files */
    uint64_t read_messages;
};
void pager_statistics(const struct pager *pager, struct pager_statistics *ret_statistics);

#endif
