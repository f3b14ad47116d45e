/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/held_pages.h"

#include <stdlib.h>

#include "broker/base/alloc.h"
#include "broker/entities/broker.h"
#include "broker/entities/message.h"
#include "broker/entities/paging.h"
#include "persistence/pager.h"

struct held_request {
    struct page_request request;
    struct read_pause pause;
    struct held_pages *owner; /* NULL: it went away meanwhile */
    struct broker *broker;
    void (*arrived)(void *context);
    void *context;
    size_t count;
    size_t taken; /* those before are gone: they are mostly taken in order */
    struct message **messages;
    uint64_t *sequences;
    struct page pages[];
};

static void request_destroy(struct held_request *request) {
    if (request == NULL)
        return;
    for (size_t i = 0; i < request->count; i++)
        message_unref(request->messages[i]);
    free(request->messages);
    free(request->sequences);
    free(request);
}

static void refresh(void *context, struct page_request *page_request) {
    const struct held_request *request = context;
    for (size_t i = 0; i < page_request->count; i++)
        page_request->pages[i].is_gone = request->owner == NULL;
}

static void on_pause_over(struct read_pause *pause, bool is_ending) {
    struct held_request *request = LIST_ITEM(&pause->link, struct held_request, pause.link);
    if (request->owner != NULL && is_ending)
        request->owner->request = NULL;
    if (request->owner == NULL || is_ending)
        request_destroy(request);
    else
        paging_read(request->broker, &request->request);
}

/* Those that have their message already keep it. False when there is no memory for one. */
static bool take_messages(struct held_request *request) {
    for (size_t i = 0; i < request->count; i++) {
        const struct page *page = &request->pages[i];
        if (request->messages[i] != NULL)
            continue;
        request->messages[i] = paging_message_of(request->broker, page);
        if (request->messages[i] == NULL && paging_lacks_memory(page))
            return false;
    }
    return true;
}

static void on_read(void *context, struct page_request *page_request) {
    struct held_request *request = context;
    struct held_pages *owner = request->owner;
    (void)page_request;
    if (owner == NULL) {
        request_destroy(request);
        return;
    }
    if (!take_messages(request)) {
        paging_pause(request->broker, &request->pause, on_pause_over);
        return;
    }
    owner->request = NULL;
    owner->arrived = request;
    request->arrived(request->context);
}

void held_pages_ask(struct held_pages *pages, struct broker *broker,
                    const struct held_place *places, size_t count, void (*arrived)(void *context),
                    void *context) {
    struct held_request *request = xcalloc(1, sizeof *request + count * sizeof request->pages[0]);
    request_destroy(pages->arrived);
    pages->arrived = NULL;
    pages->request = request;
    request->owner = pages;
    request->broker = broker;
    request->arrived = arrived;
    request->context = context;
    request->count = count;
    request->messages = xcalloc(count, sizeof request->messages[0]);
    request->sequences = xcalloc(count, sizeof request->sequences[0]);
    for (size_t i = 0; i < count; i++) {
        request->sequences[i] = places[i].sequence;
        request->pages[i].stored = places[i].stored;
    }
    request->request = (struct page_request){.pages = request->pages,
                                             .count = count,
                                             .refresh = refresh,
                                             .done = on_read,
                                             .context = request};
    paging_read(broker, &request->request);
}

bool held_pages_take(struct held_pages *pages, uint64_t sequence, struct message **ret_message) {
    struct held_request *arrived = pages->arrived;
    if (arrived == NULL)
        return false;
    for (size_t i = arrived->taken; i < arrived->count; i++) {
        if (arrived->sequences[i] != sequence)
            continue;
        *ret_message = arrived->messages[i];
        arrived->messages[i] = NULL;
        arrived->sequences[i] = 0;
        if (i == arrived->taken)
            arrived->taken++;
        return true;
    }
    return false;
}

void held_pages_clear(struct held_pages *pages) {
    if (pages->request != NULL)
        pages->request->owner = NULL;
    request_destroy(pages->arrived);
    *pages = (struct held_pages){0};
}
