/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queues deeper than memory: which messages leave it, and how they come back ahead of their turn.
 *
 * Above `limit` octets for all queues together, messages deep in queues are put away: what is in the
 * journal anyway is simply dropped from memory, the rest is spilled to overflow files first. What
 * stays in memory of such a message is counted too: a handle of the journal and 8 octets of its queue.
 * The front message of a queue stays, and what a consumer is about to get. Of queues that nobody
 * consumes, what the journal has is put away above a sixteenth of the limit already.
 *
 *   publish -> here --(paging_tick, above the limit)--> away --(paging_read_ahead)--> here -> deliver
 *
 * Reading is asked for and answered later, so a queue whose front is away rests until it arrives:
 * its consumers are served then, basic.get waits (delivery.h), dead letters wait. A message that cannot
 * be read any more goes to quarantine with an alarm in the log, and its queue goes on.
 *
 * A broker without a data directory has no paging: its messages stay in memory up to the watermark.
 */
#ifndef LEVERET_BROKER_ENTITIES_PAGING_H
#define LEVERET_BROKER_ENTITIES_PAGING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/entities/read_pause.h"
#include "broker/entities/ready_list.h"

struct broker;
struct message;
struct page;
struct page_request;
struct pager;
struct paging;
struct queue;

/* Sets broker->paging. `pager` outlives it. */
void paging_create(struct broker *broker, struct pager *pager, uint64_t limit);
/* After the pager was closed. Entries that are away stay as they are. NULL is allowed. */
void paging_destroy(struct paging *paging);

/*
 * A step of the tick: puts some messages away when there are too many. True when there is more to do,
 * so that the loop polls instead of waiting. NULL is allowed.
 */
bool paging_tick(struct paging *paging);

/* The front of the queue is away, or will be soon: asks for what comes next. */
void paging_read_ahead(struct queue *queue);

/*
 * Asks for messages of entries that are away and stay where they are until `arrived`: each has its
 * message then, or NULL when it cannot be read; those there was no memory for are still away. One call
 * at a time.
 */
void paging_fetch(struct broker *broker, struct queue *const *queues, struct entry *const *entries,
                  size_t count, void (*arrived)(void *context), void *context);

/* The entry goes before its message arrives. */
void paging_forget_fetch(struct broker *broker, const struct entry *entry);

/* For those who keep track of their pages themselves (held_pages.h). */
void paging_read(struct broker *broker, struct page_request *request);
/* What was read, with one reference; NULL when it is bad or there is no memory for it. */
struct message *paging_message_of(struct broker *broker, const struct page *page);
/* Of one that paging_message_of() did not give: it was read well, stays on disk and is asked for again. */
bool paging_lacks_memory(const struct page *page);
/* A moment before asking again. `over` is called within paging_destroy() at the latest. */
void paging_pause(struct broker *broker, struct read_pause *pause, read_pause_over *over);
/* Messages take so much memory that those which can wait should leave it. */
bool paging_is_short(const struct broker *broker);

/* Of messages in overflow files: nobody wants it any more; its octets there. */
void paging_drop_spilled(struct broker *broker, uint32_t number);
uint64_t paging_spilled_length(const struct broker *broker, uint32_t number);

/* The queue is going away. */
void paging_forget_queue(struct queue *queue);

struct paging_statistics {
    uint64_t paged_out;   /* messages put away since the start */
    uint64_t paged_in;    /* messages read back */
    uint64_t quarantined; /* messages that could not be read */
    uint64_t budget;      /* octets of messages that may be in memory now */
};
void paging_statistics(const struct paging *paging, struct paging_statistics *ret_statistics);

#endif
