/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Putting away goes in sweeps over all queues, a slice of one in each tick: first what is behind a
 * fair share of each queue's front, then, when that was not enough, all but the front message. When
 * even that did not help (messages wait for the disk, or for acknowledgements) the next sweep waits
 * for a change.
 *
 * What nobody consumes and the journal has goes long before that. It costs nothing, and memory that is
 * used again is warm: asking the kernel for more took longer than all else that is done for a message.
 *
 * Reading back goes in requests of up to READ_OCTETS, one under way for each queue. What arrives is
 * matched with the queue by sequence, because messages may have been dropped or purged meanwhile.
 */
#include "broker/entities/paging.h"

#include <inttypes.h>
#include <stdlib.h>

#include "broker/base/alloc.h"
#include "broker/base/env.h"
#include "broker/base/map.h"
#include "broker/entities/broker.h"
#include "broker/entities/message.h"
#include "broker/entities/queue.h"
#include "broker/entities/queue_front.h"
#include "broker/entities/read_pause.h"
#include "broker/entities/store.h"
#include "broker/entities/vhost.h"
#include "persistence/journal.h"
#include "persistence/pager.h"

/* One tick puts away so much, looks at so many queues, and no more. */
#define SLICE_OCTETS   (UINT64_C(2) << 20)
#define SLICE_MESSAGES 4096
#define SLICE_QUEUES   4096
/* Of the limit: what bodies may take however large the index is; how far below a sweep goes. */
#define FLOOR_SHARE  8
#define MARGIN_SHARE 16
/* Of the limit: what queues that nobody consumes may take, where the journal has it; how far below a
 * sweep goes. */
#define IDLE_SHARE        16
#define IDLE_MARGIN_SHARE 8
/* A sweep that did not help is followed by another after such a share of the limit more, or so long. */
#define RETRY_SHARE 64
#define RETRY_MS    100
/* A request: so much, or a single message. With little room it is small. */
#define READ_OCTETS       (UINT64_C(1) << 20)
#define READ_OCTETS_SMALL (UINT64_C(64) << 10)
#define READ_MESSAGES     1024

enum sweep { SWEEP_NONE, SWEEP_IDLE, SWEEP_FAIR, SWEEP_ALL };

struct paging {
    struct broker *broker;
    struct pager *pager;
    uint64_t limit;
    uint64_t budget; /* for messages: the limit without the index, the floor at least */
    enum sweep sweep;
    struct queue *cursor;  /* the queue whose turn it is; NULL: the sweep is through */
    uint64_t slice_freed;  /* octets, by the slice under way */
    uint64_t away_memory;  /* of the queues seen by this sweep */
    uint64_t queues_seen;  /* with messages, by this sweep */
    uint64_t queues_share; /* the same of the sweep before: divides the fair share */
    uint64_t retry_bytes;  /* a sweep that did not help is not repeated below */
    int64_t retry_ms;      /* or before */
    uint64_t idle_bytes;   /* nor one for queues that nobody consumes below */
    int64_t disk_retry_ms;
    struct fetch *fetch; /* under way, or NULL */
    struct read_pauses pauses;
    struct paging_statistics statistics;
};

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

/* --- putting away --- */

struct putting {
    struct paging *paging;
    const struct queue *queue;
};

static enum put_away_answer put_stored_away(struct entry *entry) {
    struct stored_message *stored = entry->message->stored;
    if (!journal_message_is_written(stored))
        return AWAY_ENOUGH; /* nor is anything behind it */
    message_unref(entry->message);
    entry_set_away(entry, (struct away){.stored = stored});
    return AWAY_WENT;
}

static enum put_away_answer spill(struct paging *paging, struct entry *entry) {
    uint32_t number = store_spill(paging->broker, paging->pager, entry->message);
    if (number == 0)
        return AWAY_STAYS;
    message_unref(entry->message);
    entry_set_away(entry, (struct away){.spilled = number});
    return AWAY_WENT;
}

static uint64_t idle_limit(const struct paging *paging) {
    return paging->limit / IDLE_SHARE;
}

static bool has_freed_enough(const struct paging *paging) {
    uint64_t limit = idle_limit(paging);
    return paging->slice_freed >= SLICE_OCTETS ||
           (paging->sweep == SWEEP_IDLE &&
            paging->broker->messages.bytes <= limit - limit / IDLE_MARGIN_SHARE);
}

static enum put_away_answer put_one_away(void *context, struct entry *entry) {
    const struct putting *putting = context;
    struct paging *paging = putting->paging;
    uint64_t before = paging->broker->messages.bytes;
    bool is_stored = entry->message->stored != NULL && queue_keeps(putting->queue, entry->message);
    if (has_freed_enough(paging) || (paging->sweep == SWEEP_IDLE && !is_stored))
        return AWAY_ENOUGH;
    enum put_away_answer answer = is_stored ? put_stored_away(entry) : spill(paging, entry);
    paging->slice_freed += before - paging->broker->messages.bytes;
    return answer;
}

/* Messages at the front of a list that this sweep leaves alone. */
static size_t kept_by(const struct paging *paging, const struct ready_list *list) {
    struct entry front;
    if (paging->sweep == SWEEP_ALL || !ready_list_peek(list, &front) || entry_is_away(&front))
        return 1;
    uint64_t room = paging->sweep == SWEEP_IDLE ? idle_limit(paging) : paging->budget;
    uint64_t share = room / 4 / paging->queues_share;
    return (size_t)(share / (front.message->allocated + front.message->body_size)) + 1;
}

static size_t sweep_list(struct paging *paging, const struct queue *queue,
                         struct ready_list *list) {
    struct putting putting = {paging, queue};
    size_t went = 0;
    if (ready_list_count(list) > 0)
        went = ready_list_put_away(list, kept_by(paging, list), SLICE_MESSAGES, put_one_away,
                                   &putting);
    return went;
}

static struct ready_list *list_at(struct queue *queue, size_t at) {
    return queue->levels == NULL ? &queue->ready : ready_levels_list(queue->levels, at);
}

static void sweep_queue(struct paging *paging, struct queue *queue) {
    bool is_swept = paging->sweep != SWEEP_IDLE || queue->consumer_count == 0;
    if (queue_ready_count(queue) == 0)
        return;
    paging->queues_seen++;
    size_t lists = queue->levels == NULL ? 1 : ready_levels_list_count(queue->levels);
    for (size_t i = 0; i < lists; i++) {
        struct ready_list *list = list_at(queue, i);
        if (is_swept)
            paging->statistics.paged_out += sweep_list(paging, queue, list);
        paging->away_memory += ready_list_away_memory(list);
    }
}

static struct queue *first_queue_from(struct vhost *vhost) {
    for (; vhost != NULL; vhost = vhost->by_name.next) {
        if (vhost->queues != NULL)
            return vhost->queues;
    }
    return NULL;
}

static struct queue *next_queue(const struct queue *queue) {
    if (queue->by_name.next != NULL)
        return queue->by_name.next;
    return first_queue_from(queue->vhost->by_name.next);
}

void paging_forget_queue(struct queue *queue) {
    struct paging *paging = queue->vhost->broker->paging;
    if (paging != NULL && paging->cursor == queue)
        paging->cursor = NULL; /* the sweep ends here and another may begin */
}

static uint64_t index_memory(const struct paging *paging) {
    struct pager_statistics pager;
    pager_statistics(paging->pager, &pager);
    return paging->away_memory + pager.overflow_memory +
           journal_index_memory(paging->broker->journal);
}

static void set_budget(struct paging *paging) {
    uint64_t index = index_memory(paging);
    uint64_t floor = paging->limit / FLOOR_SHARE;
    paging->budget = index + floor < paging->limit ? paging->limit - index : floor;
}

static void begin_sweep(struct paging *paging, enum sweep sweep) {
    paging->sweep = sweep;
    paging->cursor = first_queue_from(paging->broker->vhosts);
    paging->queues_seen = 0;
    paging->away_memory = 0;
}

static bool is_low(const struct paging *paging) {
    return paging->broker->messages.bytes <= paging->budget - paging->budget / MARGIN_SHARE;
}

/* All queues were looked at. */
static void end_sweep(struct paging *paging) {
    paging->queues_share = paging->queues_seen > 0 ? paging->queues_seen : 1;
    set_budget(paging);
    if (paging->sweep == SWEEP_FAIR && !is_low(paging)) {
        begin_sweep(paging, SWEEP_ALL);
        return;
    }
    paging->idle_bytes =
        paging->broker->messages.bytes +
        idle_limit(paging) / IDLE_MARGIN_SHARE * (1 + paging->queues_seen / SLICE_QUEUES);
    bool was_idle = paging->sweep == SWEEP_IDLE;
    paging->sweep = SWEEP_NONE;
    if (was_idle)
        return;
    paging->retry_bytes = paging->broker->messages.bytes + paging->limit / RETRY_SHARE;
    paging->retry_ms = paging->broker->env->now_ms + RETRY_MS;
}

static void sweep_slice(struct paging *paging) {
    paging->slice_freed = 0;
    for (size_t i = 0; i < SLICE_QUEUES && paging->slice_freed < SLICE_OCTETS; i++) {
        if (paging->cursor == NULL) {
            end_sweep(paging);
            return;
        }
        sweep_queue(paging, paging->cursor);
        if (paging->slice_freed < SLICE_OCTETS)
            paging->cursor = next_queue(paging->cursor);
    }
}

/* Too much is in memory, and a sweep may do something about it. */
static enum sweep due_sweep(struct paging *paging) {
    uint64_t bytes = paging->broker->messages.bytes;
    if (bytes > paging->budget &&
        (bytes >= paging->retry_bytes || paging->broker->env->now_ms >= paging->retry_ms))
        return SWEEP_FAIR;
    if (bytes <= idle_limit(paging))
        paging->idle_bytes = 0;
    return bytes > idle_limit(paging) && bytes >= paging->idle_bytes ? SWEEP_IDLE : SWEEP_NONE;
}

/* What could not be written to a full disk is tried again, now and then. */
static void retry_disk(struct paging *paging) {
    int64_t now_ms = paging->broker->env->now_ms;
    if (now_ms < paging->disk_retry_ms)
        return;
    paging->disk_retry_ms = now_ms + RETRY_MS;
    pager_retry(paging->pager);
}

bool paging_tick(struct paging *paging) {
    if (paging == NULL)
        return false;
    if (paging->sweep == SWEEP_NONE) {
        enum sweep due = due_sweep(paging);
        if (due == SWEEP_NONE)
            return false;
        set_budget(paging);
        retry_disk(paging);
        if (due == SWEEP_FAIR && paging->broker->messages.bytes <= paging->budget)
            return false;
        begin_sweep(paging, due);
    }
    sweep_slice(paging);
    pager_flush(paging->pager);
    return paging->sweep != SWEEP_NONE;
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
    return list_at(page_in->queue, page_in->list_at);
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
