/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How messages that are away come back; paging_sweep.c puts them away.
 *
 * Reading back goes in requests of up to READ_OCTETS, one under way for each queue. What arrives is
 * matched with the queue by sequence, because messages may have been dropped or purged meanwhile.
 */
#include "broker/entities/paging.h"

#include <inttypes.h>
#include <stdlib.h>

#include "broker/base/alloc.h"
#include "broker/base/env.h"
#include "broker/entities/broker.h"
#include "broker/entities/message.h"
#include "broker/entities/paging_private.h"
#include "broker/entities/queue_front.h"
#include "broker/entities/store.h"
#include "broker/entities/vhost.h"
#include "persistence/pager.h"

/* A request: so much, or a single message. With little room it is small. */
#define READ_OCTETS       (UINT64_C(1) << 20)
#define READ_OCTETS_SMALL (UINT64_C(64) << 10)
#define READ_MESSAGES     1024

void paging_create(struct broker *broker, struct pager *pager, uint64_t limit) {
    struct paging *paging = xcalloc(1, sizeof *paging);
    paging->broker = broker;
    paging->pager = pager;
    paging->limit = limit;
    paging->queues_share = 1;
    paging->budget = limit;
    read_pauses_init(&paging->pauses);
    broker->paging = paging;
}

void paging_destroy(struct paging *paging) {
    if (paging == NULL)
        return;
    read_pauses_clear(&paging->pauses, paging->broker);
    paging->broker->paging = NULL;
    free(paging);
}

/* --- reading back --- */

static void page_of(const struct entry *entry, struct page *ret_page) {
    struct away away = entry_away(entry);
    *ret_page = (struct page){.stored = away.stored, .spilled = away.spilled};
}

static void quarantine(struct broker *broker, struct queue *queue, const struct entry *entry,
                       const struct page *page) {
    broker->paging->statistics.quarantined++;
    log_write(&broker->env->log, LOG_CRITICAL,
              "Message %" PRIu64 " of queue '" SLICE_FMT "' in vhost '" SLICE_FMT
              "' cannot be read (%s %016" PRIx64 ", offset %" PRIu64
              "): it is left in quarantine, the queue goes on",
              (uint64_t)entry->sequence, SLICE_ARG(queue->name), SLICE_ARG(queue->vhost->name),
              page->stored != NULL ? "segment" : "overflow file", page->file, page->offset);
    store_quarantine(queue, entry);
}

struct message *paging_message_of(struct broker *broker, const struct page *page) {
    int64_t waited_ms;
    if (page->error != 0)
        return NULL;
    struct message *message =
        store_restore_message(broker, page->content.address, page->content.header,
                              page->content.body, page->content.body_parts, &waited_ms);
    if (message != NULL)
        message->stored = page->stored;
    return message;
}

bool paging_lacks_memory(const struct page *page) {
    return page->error == 0 && store_understands(page->content.address, page->content.header,
                                                 page->content.body, page->content.body_parts);
}

/* What was away is here: the overflow file need not keep it. */
static void let_go_of_page(struct broker *broker, const struct page *page) {
    broker->paging->statistics.paged_in++;
    if (page->stored == NULL)
        pager_drop_spilled(broker->paging->pager, page->spilled);
}

/* Messages of one queue on their way. */
struct page_in {
    struct page_request request;
    struct read_pause pause;
    struct broker *broker;
    struct queue *queue; /* counted; its vhost may be gone when it is deleted */
    size_t list_at;      /* which of its lists; they may have been emptied and made anew */
    size_t count;
    struct entry *entries; /* away, as they were when asked for */
    struct page pages[];
};

static struct ready_list *list_of(const struct page_in *page_in) {
    return paging_list_at(page_in->queue, page_in->list_at);
}

static bool is_same(const struct entry *left, const struct entry *right) {
    return left->sequence == right->sequence && left->message == right->message;
}

/*
 * Only the first of those that were asked for can have left since, or all of them, or none is the
 * first any more.
 */
static size_t skip_those_that_left(const struct page_in *page_in) {
    struct entry front;
    size_t i = 0;
    if (ready_list_first_away(list_of(page_in), &front, 1) == 0)
        return page_in->count;
    while (i < page_in->count && !is_same(&page_in->entries[i], &front))
        i++;
    return i;
}

static void refresh_queue(void *context, struct page_request *request) {
    struct page_in *page_in = context;
    size_t gone = page_in->queue->deleted ? page_in->count : skip_those_that_left(page_in);
    (void)request;
    for (size_t i = 0; i < gone; i++)
        page_in->pages[i].is_gone = true;
}

static struct entry take_bad(struct queue *queue, struct ready_list *list) {
    struct entry entry = queue->levels == NULL ? ready_list_take_away(list)
                                               : ready_levels_take_away(queue->levels, list);
    queue_count_taken_away(queue, list->taken_size);
    queue_uncount_persistent(queue, &entry);
    return entry;
}

/* Brings back entries [first, end), which have their messages. */
static void bring_back(struct page_in *page_in, size_t first, size_t end) {
    struct queue *queue = page_in->queue;
    if (end == first)
        return;
    for (size_t i = first; i < end; i++)
        let_go_of_page(page_in->broker, &page_in->pages[i]);
    queue->ready_bytes +=
        (uint64_t)ready_list_bring_back(list_of(page_in), page_in->entries + first, end - first);
}

/* False when there is no memory, not even for the first. */
static bool take_arrivals(struct page_in *page_in) {
    struct broker *broker = page_in->broker;
    size_t gone = 0, i, first;
    while (gone < page_in->count && page_in->pages[gone].is_gone)
        gone++;
    for (first = i = gone; i < page_in->count; i++) {
        struct message *message = paging_message_of(broker, &page_in->pages[i]);
        if (message != NULL) {
            page_in->entries[i].message = message;
            continue;
        }
        if (paging_lacks_memory(&page_in->pages[i]))
            break;
        bring_back(page_in, first, i);
        struct entry bad = take_bad(page_in->queue, list_of(page_in));
        quarantine(broker, page_in->queue, &bad, &page_in->pages[i]);
        first = i + 1;
    }
    bring_back(page_in, first, i);
    return i > gone || gone == page_in->count;
}

static void page_in_destroy(struct page_in *page_in) {
    queue_unref(page_in->queue);
    free(page_in->entries);
    free(page_in);
}

/* Whoever waits for the queue's messages looks again, and asks again for those that did not come. */
static void end_page_in(struct page_in *page_in) {
    struct queue *queue = page_in->queue;
    queue->page_in = NULL;
    page_in->broker->has_arrivals = true;
    if (!queue->deleted)
        queue_settle_front(queue);
    page_in_destroy(page_in);
}

static void on_page_in_pause_over(struct read_pause *pause, bool is_ending) {
    struct page_in *page_in = LIST_ITEM(&pause->link, struct page_in, pause.link);
    if (is_ending)
        page_in_destroy(page_in);
    else
        end_page_in(page_in);
}

static void on_read(void *context, struct page_request *request) {
    struct page_in *page_in = context;
    (void)request;
    if (take_arrivals(page_in))
        end_page_in(page_in);
    else
        paging_pause(page_in->broker, &page_in->pause, on_page_in_pause_over);
}

/* As many of the entries as one request takes. */
static size_t fit_request(const struct paging *paging, const struct entry *entries, size_t count) {
    uint64_t room =
        paging->broker->messages.bytes < paging->budget ? READ_OCTETS : READ_OCTETS_SMALL;
    uint64_t octets = 0;
    size_t fit = 0;
    for (; fit < count && (fit == 0 || octets < room); fit++)
        octets += store_length(paging->broker, &entries[fit]);
    return fit;
}

static void request_pages(struct paging *paging, struct queue *queue, struct ready_list *list) {
    struct entry *entries = xmalloc(READ_MESSAGES * sizeof *entries);
    size_t count =
        fit_request(paging, entries, ready_list_first_away(list, entries, READ_MESSAGES));
    struct page_in *page_in = xcalloc(1, sizeof *page_in + count * sizeof page_in->pages[0]);
    page_in->broker = paging->broker;
    page_in->queue = queue_ref(queue);
    while (list_of(page_in) != list)
        page_in->list_at++;
    page_in->count = count;
    page_in->entries = entries;
    for (size_t i = 0; i < count; i++)
        page_of(&entries[i], &page_in->pages[i]);
    page_in->request = (struct page_request){.pages = page_in->pages,
                                             .count = count,
                                             .refresh = refresh_queue,
                                             .done = on_read,
                                             .context = page_in};
    queue->page_in = page_in;
    queue->page_in_count = count;
    pager_read(paging->pager, &page_in->request);
}

void paging_read_ahead(struct queue *queue) {
    struct paging *paging = queue->vhost->broker->paging;
    struct ready_list *list =
        queue->levels == NULL ? &queue->ready : ready_levels_front(queue->levels);
    if (paging == NULL || queue->page_in != NULL || list == NULL || list->away_count == 0)
        return;
    /* Half of what the last request brought is still here. */
    if (ready_list_here(list, READ_MESSAGES) > queue->page_in_count / 2)
        return;
    request_pages(paging, queue, list);
}

/* --- entries outside of queues --- */

struct fetch {
    struct page_request request;
    struct read_pause pause;
    struct broker *broker;
    void (*arrived)(void *context);
    void *context;
    struct queue **queues;
    struct entry **entries;
    struct page pages[];
};

static void refresh_fetch(void *context, struct page_request *request) {
    struct fetch *fetch = context;
    for (size_t i = 0; i < request->count; i++)
        fetch->pages[i].is_gone = fetch->entries[i] == NULL;
}

static void fetch_destroy(struct fetch *fetch) {
    free(fetch->queues);
    free(fetch->entries);
    free(fetch);
}

static void end_fetch(struct fetch *fetch) {
    fetch->broker->paging->fetch = NULL;
    fetch->arrived(fetch->context);
    fetch_destroy(fetch);
}

static void on_fetch_pause_over(struct read_pause *pause, bool is_ending) {
    struct fetch *fetch = LIST_ITEM(&pause->link, struct fetch, pause.link);
    if (is_ending)
        fetch_destroy(fetch);
    else
        end_fetch(fetch);
}

/* False when there is no memory for it. */
static bool take_fetched(struct fetch *fetch, size_t i) {
    struct entry *entry = fetch->entries[i];
    struct page *page = &fetch->pages[i];
    if (entry == NULL)
        return true;
    struct message *message = paging_message_of(fetch->broker, page);
    if (message != NULL)
        let_go_of_page(fetch->broker, page);
    else if (paging_lacks_memory(page))
        return false;
    else
        quarantine(fetch->broker, fetch->queues[i], entry, page);
    entry->message = message;
    return true;
}

static void on_fetched(void *context, struct page_request *request) {
    struct fetch *fetch = context;
    size_t i = 0;
    while (i < request->count && take_fetched(fetch, i))
        i++;
    if (i == request->count)
        end_fetch(fetch);
    else
        paging_pause(fetch->broker, &fetch->pause, on_fetch_pause_over);
}

void paging_fetch(struct broker *broker, struct queue *const *queues, struct entry *const *entries,
                  size_t count, void (*arrived)(void *context), void *context) {
    struct fetch *fetch = xcalloc(1, sizeof *fetch + count * sizeof fetch->pages[0]);
    fetch->broker = broker;
    fetch->arrived = arrived;
    fetch->context = context;
    fetch->queues = xmalloc(count * sizeof(struct queue *));
    fetch->entries = xmalloc(count * sizeof(struct entry *));
    for (size_t i = 0; i < count; i++) {
        fetch->queues[i] = queues[i];
        fetch->entries[i] = entries[i];
        page_of(entries[i], &fetch->pages[i]);
    }
    fetch->request = (struct page_request){.pages = fetch->pages,
                                           .count = count,
                                           .refresh = refresh_fetch,
                                           .done = on_fetched,
                                           .context = fetch};
    broker->paging->fetch = fetch;
    pager_read(broker->paging->pager, &fetch->request);
}

void paging_forget_fetch(struct broker *broker, const struct entry *entry) {
    struct fetch *fetch = broker->paging == NULL ? NULL : broker->paging->fetch;
    for (size_t i = 0; fetch != NULL && i < fetch->request.count; i++) {
        if (fetch->entries[i] == entry)
            fetch->entries[i] = NULL;
    }
}

void paging_pause(struct broker *broker, struct read_pause *pause, read_pause_over *over) {
    read_pauses_add(&broker->paging->pauses, broker, pause, over);
}

void paging_read(struct broker *broker, struct page_request *request) {
    pager_read(broker->paging->pager, request);
}

bool paging_is_short(const struct broker *broker) {
    const struct paging *paging = broker->paging;
    return paging != NULL && broker->messages.bytes > paging->budget / 4 * 3;
}

void paging_drop_spilled(struct broker *broker, uint32_t number) {
    if (broker->paging != NULL) /* else the files are gone, and all in them */
        pager_drop_spilled(broker->paging->pager, number);
}

uint64_t paging_spilled_length(const struct broker *broker, uint32_t number) {
    return pager_spilled_length(broker->paging->pager, number);
}

void paging_statistics(const struct paging *paging, struct paging_statistics *ret_statistics) {
    *ret_statistics = paging->statistics;
    ret_statistics->budget = paging->budget;
}
