/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pager as the broker runs it: its two threads beside the journal's, real files in a temporary
 * directory. Built with ThreadSanitizer this is also the proof that they share nothing but what they
 * hand over.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cmocka.h>

#include "persistence/journal.h"
#include "persistence/pager.h"

enum { QUEUE = 3, MESSAGES = 2000, SEGMENT = 256 * 1024, PER_REQUEST = 50, BODY = 700 };

struct fixture {
    char directory[64];
    struct io *io;
    struct journal *journal;
    struct pager *pager;
    int wakeup;
    struct stored_message *stored[MESSAGES];
    uint32_t spilled[MESSAGES];
    size_t read;
};

static void on_news(void *context) {
    const struct fixture *fixture = context;
    uint64_t one = 1;

    assert_int_equal(write(fixture->wakeup, &one, sizeof one), sizeof one);
}

static void fill_body(char body[BODY], size_t number) {
    memset(body, 'a' + (int)(number % 26), BODY);
    snprintf(body, BODY, "%zu", number);
}

static void tick(struct fixture *fixture) {
    struct pollfd news = {.fd = fixture->wakeup, .events = POLLIN};
    uint64_t count;

    journal_submit(fixture->journal, 0);
    pager_flush(fixture->pager);
    assert_true(poll(&news, 1, 30000) == 1);
    assert_int_equal(read(fixture->wakeup, &count, sizeof count), sizeof count);
    journal_collect(fixture->journal);
    pager_collect(fixture->pager);
}

static int set_up(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct journal_report report;
    struct journal_error error;
    struct replay_sink sink = {0};

    snprintf(fixture->directory, sizeof fixture->directory, "/tmp/leveret-pager-XXXXXX");
    assert_non_null(mkdtemp(fixture->directory));
    assert_int_equal(io_posix_open(fixture->directory, &fixture->io), 0);
    fixture->wakeup = eventfd(0, EFD_CLOEXEC);
    struct journal_options options = {.io = fixture->io,
                                      .segment_size = SEGMENT,
                                      .first_segment_size = SEGMENT / 4,
                                      .uuid = {9},
                                      .threaded = true,
                                      .notify = on_news,
                                      .notify_context = fixture};
    assert_int_equal(journal_open(&options, &sink, false, &fixture->journal, &report, &error), 0);
    struct pager_options pages = {.io = fixture->io,
                                  .journal = fixture->journal,
                                  .overflow_file_size = SEGMENT,
                                  .threaded = true,
                                  .notify = on_news,
                                  .notify_context = fixture};
    assert_int_equal(pager_open(&pages, &fixture->pager), 0);
    *state = fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    char command[128];

    pager_close(fixture->pager);
    assert_int_equal(journal_close(fixture->journal, true), 0);
    io_posix_close(fixture->io);
    close(fixture->wakeup);
    snprintf(command, sizeof command, "rm -r %s", fixture->directory);
    assert_int_equal(system(command), 0);
    free(fixture);
    return 0;
}

static struct journal_content content_of(const char *body, struct slice *part) {
    *part = slice_of(body, BODY);
    return (struct journal_content){
        .address = SLICE("address"), .header = SLICE("header"), .body = part, .body_parts = 1};
}

static void store_all(struct fixture *fixture) {
    static char bodies[MESSAGES][BODY];

    for (size_t i = 0; i < MESSAGES; i++) {
        struct slice part;
        fill_body(bodies[i], i);
        struct journal_content content = content_of(bodies[i], &part);
        struct journal_target target = {QUEUE, i + 1};
        journal_append_message(fixture->journal, &content, &target, 1, NULL, NULL,
                               &fixture->stored[i]);
        if (i % 100 == 99)
            tick(fixture);
    }
    while (!journal_message_is_written(fixture->stored[MESSAGES - 1]))
        tick(fixture);
}

static void spill_all(struct fixture *fixture) {
    for (size_t i = 0; i < MESSAGES; i++) {
        char body[BODY];
        uint32_t serial;
        struct slice part;
        fill_body(body, i);
        struct journal_content content = content_of(body, &part);
        fixture->spilled[i] = pager_spill(fixture->pager, &content, &serial);
        assert_int_not_equal(fixture->spilled[i], 0);
        pager_flush(fixture->pager);
    }
}

struct request {
    struct page_request request;
    struct fixture *fixture;
    size_t first;
    struct page pages[PER_REQUEST];
};

static void refresh(void *context, struct page_request *request) {
    (void)context;
    (void)request;
}

static void done(void *context, struct page_request *page_request) {
    struct request *request = context;

    for (size_t i = 0; i < page_request->count; i++) {
        char body[BODY];
        fill_body(body, request->first + i);
        assert_int_equal(request->pages[i].error, 0);
        assert_true(slice_equal(request->pages[i].content.address, SLICE("address")));
        assert_true(slice_equal(request->pages[i].content.header, SLICE("header")));
        assert_true(slice_equal(request->pages[i].body, slice_of(body, BODY)));
        request->fixture->read++;
    }
    free(request);
}

static void read_all(struct fixture *fixture, bool spilled) {
    for (size_t first = 0; first < MESSAGES; first += PER_REQUEST) {
        struct request *request = calloc(1, sizeof *request);
        request->fixture = fixture;
        request->first = first;
        for (size_t i = 0; i < PER_REQUEST; i++)
            request->pages[i] = spilled ? (struct page){.spilled = fixture->spilled[first + i]}
                                        : (struct page){.stored = fixture->stored[first + i]};
        request->request = (struct page_request){.pages = request->pages,
                                                 .count = PER_REQUEST,
                                                 .refresh = refresh,
                                                 .done = done,
                                                 .context = request};
        pager_read(fixture->pager, &request->request);
    }
    while (fixture->read < MESSAGES)
        tick(fixture);
    fixture->read = 0;
}

static void stored_messages_are_read_back(void **state) {
    struct fixture *fixture = *state;

    store_all(fixture);
    read_all(fixture, false);
    read_all(fixture, false);
}

/* While some of them are still being written. */
static void spilled_messages_are_read_back(void **state) {
    struct fixture *fixture = *state;
    struct pager_statistics statistics;

    spill_all(fixture);
    read_all(fixture, true);
    read_all(fixture, true);
    for (size_t i = 0; i < MESSAGES; i++)
        pager_drop_spilled(fixture->pager, fixture->spilled[i]);
    while (pager_is_busy(fixture->pager))
        tick(fixture);
    pager_statistics(fixture->pager, &statistics);
    assert_true(statistics.overflow_bytes < 2 * SEGMENT);
}

static void shared_message_stays_until_the_last_lets_go(void **state) {
    struct fixture *fixture = *state;
    char body[BODY];
    uint32_t serial, other;
    struct slice part;

    fill_body(body, 0);
    struct journal_content content = content_of(body, &part);
    uint32_t number = pager_spill(fixture->pager, &content, &serial);
    assert_true(pager_share_spilled(fixture->pager, number, serial));
    assert_false(pager_share_spilled(fixture->pager, number, serial + 1));
    assert_false(pager_share_spilled(fixture->pager, number + 1, serial));
    pager_drop_spilled(fixture->pager, number);
    assert_true(pager_share_spilled(fixture->pager, number, serial));
    pager_drop_spilled(fixture->pager, number);
    pager_drop_spilled(fixture->pager, number);
    assert_false(pager_share_spilled(fixture->pager, number, serial));
    assert_int_equal(pager_spill(fixture->pager, &content, &other), number);
    assert_false(pager_share_spilled(fixture->pager, number, serial));
}

/* Closing answers what is under way. */
static void requests_under_way_are_answered_at_the_end(void **state) {
    struct fixture *fixture = *state;
    struct request *request = calloc(1, sizeof *request);

    spill_all(fixture);
    request->fixture = fixture;
    for (size_t i = 0; i < PER_REQUEST; i++)
        request->pages[i].spilled = fixture->spilled[i];
    request->request = (struct page_request){.pages = request->pages,
                                             .count = PER_REQUEST,
                                             .refresh = refresh,
                                             .done = done,
                                             .context = request};
    pager_read(fixture->pager, &request->request);
    pager_close(fixture->pager);
    fixture->pager = NULL;
    assert_int_equal(fixture->read, PER_REQUEST);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(stored_messages_are_read_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(spilled_messages_are_read_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(shared_message_stays_until_the_last_lets_go, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(requests_under_way_are_answered_at_the_end, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
