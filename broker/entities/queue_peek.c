/* SPDX-License-Identifier: Apache-2.0 */
/* What was read is known by its sequence, which no other message of the queue ever has. */
#include "broker/entities/queue_peek.h"

#include <assert.h>
#include <stdlib.h>

#include "broker/base/alloc.h"
#include "broker/entities/broker.h"
#include "broker/entities/message.h"
#include "broker/entities/paging.h"
#include "broker/entities/queue.h"
#include "broker/entities/ready_levels.h"
#include "broker/entities/store.h"
#include "broker/entities/vhost.h"
#include "persistence/pager.h"

/* A queue that moves faster than the disk answers is not asked about for ever. */
#define REQUESTS_MAX 5

/* Messages that were asked for together. */
struct peek_request {
    struct page_request request;
    struct queue_peek *owner; /* NULL: nobody wants it any more */
    struct queue *queue;      /* counted */
    struct peek_request *next;
    size_t count;
    struct entry *entries; /* away, by sequence; with their messages once `is_read` */
    bool *is_read;
    struct page pages[];
};

/* --- the order of delivery --- */

struct collecting {
    struct entry *entries;
    size_t offset; /* still to be passed over */
    size_t count;
    size_t max;
};

static void collect(struct collecting *collecting, const struct ready_list *list) {
    const size_t length = ready_list_count(list);

    if (length <= collecting->offset) {
        collecting->offset -= length;
        return;
    }
    collecting->count +=
        ready_list_entries(list, collecting->offset, collecting->max - collecting->count,
                           collecting->entries + collecting->count);
    collecting->offset = 0;
}

/* What came back to a quorum queue, then the levels from the highest down (ready_levels.h). */
static size_t entries_of(const struct queue *queue, size_t offset, size_t max,
                         struct entry *entries) {
    struct collecting collecting = {.entries = entries, .offset = offset, .max = max};

    if (queue->levels == NULL) {
        collect(&collecting, &queue->ready);
        return collecting.count;
    }
    for (size_t i = ready_levels_list_count(queue->levels); i-- > 0;)
        collect(&collecting, ready_levels_list(queue->levels, i));
    return collecting.count;
}

/* --- reading --- */

static void request_destroy(struct peek_request *request) {
    for (size_t i = 0; i < request->count; i++) {
        if (request->is_read[i])
            message_unref(request->entries[i].message);
    }
    queue_unref(request->queue);
    free(request->entries);
    free(request->is_read);
    free(request);
}

/* Their handles may be gone with them. */
static void refresh(void *context, struct page_request *page_request) {
    const struct peek_request *request = context;
    bool *is_there = xcalloc(request->count, sizeof *is_there);
    struct queue *queue = request->queue;
    const bool is_wanted = request->owner != NULL && !queue->deleted;

    if (is_wanted && queue->levels == NULL)
        ready_list_find_away(&queue->ready, request->entries, request->count, is_there);
    for (size_t i = 0;
         is_wanted && queue->levels != NULL && i < ready_levels_list_count(queue->levels); i++)
        ready_list_find_away(ready_levels_list(queue->levels, i), request->entries, request->count,
                             is_there);
    for (size_t i = 0; i < page_request->count; i++)
        page_request->pages[i].is_gone = !is_there[i];
    free(is_there);
}

/* One that there is no memory for stays unread. */
static void take_page(struct peek_request *request, size_t i) {
    const struct page *page = &request->pages[i];

    if (page->is_gone)
        return;
    struct message *message = paging_message_of(request->queue->vhost->broker, page);
    if (message == NULL && paging_lacks_memory(page))
        return;
    if (message != NULL)
        message->stored = NULL; /* the queue's, not this copy's */
    request->entries[i].message = message;
    request->is_read[i] = true;
}

static void on_read(void *context, struct page_request *page_request) {
    struct peek_request *request = context;
    struct queue_peek *owner = request->owner;

    if (owner == NULL) {
        request_destroy(request);
        return;
    }
    for (size_t i = 0; i < page_request->count; i++)
        take_page(request, i);
    owner->request = NULL;
    request->next = owner->arrived;
    owner->arrived = request;
}

static int compare_sequences(const void *a, const void *b) {
    const struct entry *left = a, *right = b;

    return left->sequence < right->sequence ? -1 : left->sequence > right->sequence;
}

/* Takes the entries. */
static void ask(struct queue_peek *peek, struct entry *entries, size_t count) {
    struct peek_request *request = xcalloc(1, sizeof *request + count * sizeof request->pages[0]);

    qsort(entries, count, sizeof *entries, compare_sequences);
    request->owner = peek;
    request->queue = queue_ref(peek->queue);
    request->count = count;
    request->entries = entries;
    request->is_read = xcalloc(count, sizeof request->is_read[0]);
    for (size_t i = 0; i < count; i++) {
        const struct away away = entry_away(&entries[i]);
        request->pages[i] = (struct page){.stored = away.stored, .spilled = away.spilled};
    }
    request->request = (struct page_request){.pages = request->pages,
                                             .count = count,
                                             .refresh = refresh,
                                             .done = on_read,
                                             .context = request};
    peek->request = request;
    peek->requests++;
    paging_read(peek->queue->vhost->broker, &request->request);
}

/* What was read of an entry that is away; NULL when it has not arrived. */
static const struct entry *find_arrived(const struct queue_peek *peek, const struct entry *entry) {
    for (const struct peek_request *request = peek->arrived; request != NULL;
         request = request->next) {
        const struct entry *found =
            bsearch(entry, request->entries, request->count, sizeof *entry, compare_sequences);
        if (found != NULL && request->is_read[found - request->entries])
            return found;
    }
    return NULL;
}

/* --- looking --- */

static void forget(struct queue_peek *peek) {
    for (size_t i = 0; i < peek->count; i++)
        message_unref(peek->entries[i].message);
    free(peek->entries);
    peek->entries = NULL;
    peek->count = 0;
}

static uint64_t octets_of(const struct queue_peek *peek, const struct entry *entry) {
    return entry_is_away(entry) ? store_length(peek->queue->vhost->broker, entry)
                                : entry->message->body_size;
}

/* As many as may be shown together, the first in any case. */
static size_t fit(const struct queue_peek *peek, const struct entry *entries, size_t count) {
    uint64_t octets = 0;
    size_t fitting = 0;

    while (fitting < count && octets < QUEUE_PEEK_OCTETS_MAX)
        octets += octets_of(peek, &entries[fitting++]);
    return octets > QUEUE_PEEK_OCTETS_MAX && fitting > 1 ? fitting - 1 : fitting;
}

/* Those that are away and did not arrive; owned by the caller. */
static struct entry *missing(const struct queue_peek *peek, const struct entry *entries,
                             size_t count, size_t *ret_count) {
    struct entry *found = xmalloc(count * sizeof *found);

    *ret_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (entry_is_away(&entries[i]) && find_arrived(peek, &entries[i]) == NULL)
            found[(*ret_count)++] = entries[i];
    }
    return found;
}

/* Takes the entries, up to the first that is not to be had. */
static void show(struct queue_peek *peek, struct entry *entries, size_t count) {
    peek->entries = entries;
    for (peek->count = 0; peek->count < count; peek->count++) {
        struct entry *entry = &entries[peek->count];
        if (entry_is_away(entry)) {
            const struct entry *arrived = find_arrived(peek, entry);
            if (arrived == NULL)
                return;
            entry->message = arrived->message;
        }
        if (entry->message != NULL)
            message_ref(entry->message);
    }
}

bool queue_peek_look(struct queue_peek *peek) {
    size_t missing_count = 0;

    forget(peek);
    if (peek->request != NULL)
        return false;
    if (peek->max == 0 || peek->queue->deleted)
        return true;
    struct entry *entries = xmalloc(peek->max * sizeof *entries);
    size_t count = entries_of(peek->queue, peek->offset, peek->max, entries);
    count = fit(peek, entries, count);
    if (count > 0 && peek->requests < REQUESTS_MAX) {
        struct entry *away = missing(peek, entries, count, &missing_count);
        if (missing_count > 0)
            ask(peek, away, missing_count);
        else
            free(away);
    }
    if (missing_count > 0)
        free(entries);
    else
        show(peek, entries, count);
    return missing_count == 0;
}

/* --- life --- */

struct queue_peek *queue_peek_create(struct queue *queue, size_t offset, size_t max) {
    struct queue_peek *peek = xcalloc(1, sizeof *peek);

    assert(offset <= QUEUE_PEEK_OFFSET_MAX);
    assert(max <= QUEUE_PEEK_COUNT_MAX);
    peek->queue = queue_ref(queue);
    peek->offset = offset;
    peek->max = max;
    return peek;
}

void queue_peek_destroy(struct queue_peek *peek) {
    if (peek == NULL)
        return;
    forget(peek);
    if (peek->request != NULL)
        peek->request->owner = NULL;
    while (peek->arrived != NULL) {
        struct peek_request *next = peek->arrived->next;
        request_destroy(peek->arrived);
        peek->arrived = next;
    }
    queue_unref(peek->queue);
    free(peek);
}
