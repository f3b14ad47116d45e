/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looking at a queue, of which the queue must not know: what a look shows is what is delivered next, and
 * after it the queue is as it was, to the last figure.
 */
#include <stdio.h>
#include <string.h>

#include "broker/entities/message.h"
#include "broker/entities/paging.h"
#include "broker/entities/queue.h"
#include "broker/entities/queue_peek.h"
#include "broker/entities/vhost.h"
#include "tests/support/arguments.h"
#include "tests/support/memory_disk.h"
#include "tests/support/peer.h"

#define MESSAGES 40

static struct queue *find_queue(const struct peer *p) {
    struct vhost *vhost = broker_find_vhost(p->fixture->broker, SLICE("/"));
    return vhost_find_queue(vhost, SLICE("q"));
}

static void declare(struct peer *p, struct slice arguments) {
    peer_send(p, queue_declare, .queue = SLICE("q"), .durable = true, .arguments = arguments);
    peer_expect(p, queue_declare_ok, .queue = SLICE("q"));
}

/* Bodies "0", "1" and so on; every other one is transient. */
static void publish_some(struct peer *p, int count) {
    char body[16];

    for (int i = 0; i < count; i++) {
        snprintf(body, sizeof body, "%d", i);
        peer_publish_with(p, "", "q", body, .delivery_mode = i % 2 == 0 ? 2 : 1);
    }
}

/* As the API does it: again in a later tick, until all are here. */
static struct queue_peek *look(struct peer *p, size_t offset, size_t max) {
    struct queue_peek *peek = queue_peek_create(find_queue(p), offset, max);

    for (int turns = 0; !queue_peek_look(peek); turns++) {
        assert_true(turns < 10);
        fixture_run(p->fixture);
    }
    return peek;
}

static void body_of(const struct entry *entry, char *text, size_t size) {
    const struct message *message = entry->message;
    struct body_hint hint = {0};

    assert_non_null(message);
    assert_true(message->body_size < size);
    text[message->body_size] = '\0';
    if (message->body_size > 0) {
        const struct slice body = message_body_at(message, 0, &hint);
        assert_int_equal(body.len, message->body_size);
        memcpy(text, body.data, body.len);
    }
}

/* "0 1 2*": the bodies, with * for what was delivered before. */
static void assert_shows(struct peer *p, size_t offset, size_t max, const char *expected) {
    struct queue_peek *peek = look(p, offset, max);
    char shown[1000] = "", body[100];

    for (size_t i = 0; i < peek->count; i++) {
        const size_t len = strlen(shown);
        body_of(&peek->entries[i], body, sizeof body);
        snprintf(shown + len, sizeof shown - len, "%s%s%s", i == 0 ? "" : " ", body,
                 peek->entries[i].redelivered ? "*" : "");
    }
    assert_string_equal(shown, expected);
    queue_peek_destroy(peek);
}

/* All that can be seen of a queue from outside, and what is where. */
struct snapshot {
    struct message_counters counters;
    struct entry entries[MESSAGES];
    size_t count;
    size_t ready;
    size_t away;
    size_t unacked;
    uint64_t bytes;
    uint64_t limits[LIMIT_COUNT];
    struct paging_statistics paging;
};

static void take_snapshot(const struct peer *p, struct snapshot *snapshot) {
    const struct queue *queue = find_queue(p);
    const struct broker *broker = p->fixture->broker;

    memset(snapshot, 0, sizeof *snapshot);
    snapshot->counters = queue->counters;
    snapshot->count = ready_list_entries(&queue->ready, 0, MESSAGES, snapshot->entries);
    snapshot->ready = queue_ready_count(queue);
    snapshot->away = queue->ready.away_count;
    snapshot->unacked = queue->unacked_count;
    snapshot->bytes = broker->messages.bytes;
    memcpy(snapshot->limits, broker->limits_reached, sizeof snapshot->limits);
    if (broker->paging != NULL)
        paging_statistics(broker->paging, &snapshot->paging);
}

/* The first messages, whose bodies are "0", "1" and so on. */
static void get_and_requeue(struct peer *p, int count) {
    uint64_t tag = 0;
    char body[16];

    for (int i = 0; i < count; i++) {
        snprintf(body, sizeof body, "%d", i);
        peer_send(p, basic_get, .queue = SLICE("q"));
        tag = peer_receive(p, basic_get_ok)->delivery_tag;
        peer_expect_content(p, body);
    }
    peer_send(p, basic_nack, .delivery_tag = tag, .multiple = true, .requeue = true);
}

static void shows_what_is_delivered_next(void **state) {
    struct peer *p = peer_connect(*state);

    declare(p, SLICE(""));
    assert_shows(p, 0, 10, "");
    publish_some(p, 6);
    get_and_requeue(p, 3);
    assert_shows(p, 0, 10, "0* 1* 2* 3 4 5");
    assert_shows(p, 0, 2, "0* 1*");
    assert_shows(p, 2, 3, "2* 3 4");
    assert_shows(p, 4, 10, "4 5");
    assert_shows(p, 6, 10, "");
    assert_shows(p, 0, 0, "");
    peer_expect_get(p, "q", "0");
    assert_shows(p, 0, 10, "1* 2* 3 4 5");
}

static void priorities_come_first(void **state) {
    struct peer *p = peer_connect(*state);

    declare(p, ARGUMENTS(INT("x-max-priority", 3)));
    peer_publish_with(p, "", "q", "low 1", .delivery_mode = 2);
    peer_publish_with(p, "", "q", "high 1", .delivery_mode = 2, .priority = 3);
    peer_publish_with(p, "", "q", "low 2", .delivery_mode = 2);
    peer_publish_with(p, "", "q", "high 2", .delivery_mode = 2, .priority = 9);
    assert_shows(p, 0, 10, "high 1 high 2 low 1 low 2");
    assert_shows(p, 1, 2, "high 2 low 1");
    assert_shows(p, 3, 2, "low 2");
}

/* A quorum queue delivers what came back before all others, in the order of coming back. */
static void returned_to_a_quorum_queue_come_first(void **state) {
    struct peer *p = peer_connect(*state);

    declare(p, ARGUMENTS(TEXT("x-queue-type", "quorum")));
    publish_some(p, 5);
    get_and_requeue(p, 2);
    assert_shows(p, 0, 10, "0* 1* 2 3 4");
    assert_shows(p, 1, 2, "1* 2");
}

static void nothing_has_changed(void **state) {
    struct peer *p = peer_connect(*state);
    struct snapshot before, after;

    declare(p, ARGUMENTS(INT("x-expires", 1000), INT("x-message-ttl", 5000)));
    publish_some(p, MESSAGES / 2);
    get_and_requeue(p, 3);
    fixture_advance(p->fixture, 900);
    take_snapshot(p, &before);
    for (size_t offset = 0; offset < MESSAGES / 2; offset += 7)
        queue_peek_destroy(look(p, offset, 7));
    take_snapshot(p, &after);
    assert_memory_equal(&before, &after, sizeof before);
    /* Nor is the queue in use by being looked at. */
    fixture_advance(p->fixture, 100);
    assert_null(find_queue(p));
}

static void what_is_on_disk_is_shown_and_stays_there(void **state) {
    struct peer *p = peer_connect(*state);
    struct snapshot before, after;
    char body[16];

    declare(p, SLICE(""));
    publish_some(p, MESSAGES);
    take_snapshot(p, &before);
    assert_int_equal(before.away, MESSAGES - 1);
    struct queue_peek *peek = look(p, 0, MESSAGES);
    assert_int_equal(peek->count, MESSAGES);
    assert_int_equal(peek->requests, 1);
    for (size_t i = 0; i < peek->count; i++) {
        char expected[24];
        snprintf(expected, sizeof expected, "%zu", i);
        body_of(&peek->entries[i], body, sizeof body);
        assert_string_equal(body, expected);
    }
    queue_peek_destroy(peek);
    assert_shows(p, 10, 3, "10 11 12");
    assert_shows(p, MESSAGES - 1, 3, "39");
    take_snapshot(p, &after);
    assert_memory_equal(&before, &after, sizeof before);
    for (int i = 0; i < MESSAGES; i++) {
        snprintf(body, sizeof body, "%d", i);
        peer_expect_get(p, "q", body);
    }
    peer_expect_get_empty(p, "q");
}

/* Handles of messages that are over must not be used, and what is shown is what is there at the end. */
static void queue_may_change_while_messages_are_on_their_way(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = peer_connect(fixture);

    for (int change = 0; change < 4; change++) {
        declare(p, SLICE(""));
        publish_some(p, 10);
        struct queue_peek *peek = queue_peek_create(find_queue(p), 0, 10);
        fixture->holds_pages = true;
        assert_false(queue_peek_look(peek));
        assert_false(queue_peek_look(peek));
        if (change == 0) {
            peer_send(p, queue_purge, .queue = SLICE("q"));
            peer_expect(p, queue_purge_ok, .message_count = 10);
            publish_some(p, 1);
        } else if (change == 1) {
            peer_send(p, queue_delete, .queue = SLICE("q"));
            peer_expect(p, queue_delete_ok, .message_count = 10);
        } else if (change == 2) {
            peer_expect_get(p, "q", "0");
        } else {
            queue_peek_destroy(peek);
            peek = NULL;
        }
        fixture->holds_pages = false;
        fixture_run(fixture);
        for (int turns = 0; peek != NULL && !queue_peek_look(peek) && turns < 10; turns++)
            fixture_run(fixture);
        const size_t expected[] = {1, 0, 9};
        if (peek != NULL)
            assert_int_equal(peek->count, expected[change]);
        queue_peek_destroy(peek);
        if (change == 3)
            assert_shows(p, 0, 3, "0 1 2");
        peer_send(p, queue_delete, .queue = SLICE("q"));
        peer_skip(p, queue_delete_ok);
    }
}

/* Turns a bit of "broken" wherever it stands on the disk. */
static void damage(struct fixture *fixture) {
    static const char text[] = "broken";
    uint8_t *octets;
    size_t len;

    for (size_t at = 0; memory_disk_file(fixture->disk, at, &octets, &len) != NULL; at++) {
        for (size_t i = 0; i + sizeof text - 1 <= len; i++) {
            if (memcmp(octets + i, text, sizeof text - 1) == 0)
                octets[i] ^= 1;
        }
    }
}

/* Putting it aside is the business of who takes it. */
static void message_that_cannot_be_read_is_left_to_others(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = peer_connect(fixture);
    struct paging_statistics found;

    declare(p, SLICE(""));
    peer_publish_with(p, "", "q", "whole 1", .delivery_mode = 2);
    peer_publish_with(p, "", "q", "broken", .delivery_mode = 2);
    peer_publish_with(p, "", "q", "whole 2", .delivery_mode = 2);
    damage(fixture);
    struct queue_peek *peek = look(p, 0, 10);
    assert_int_equal(peek->count, 3);
    assert_non_null(peek->entries[0].message);
    assert_null(peek->entries[1].message);
    assert_non_null(peek->entries[2].message);
    queue_peek_destroy(peek);
    paging_statistics(fixture->broker->paging, &found);
    assert_int_equal(found.quarantined, 0);
    peer_expect_counts(p, "q", 3, 0);
    peer_expect_get(p, "q", "whole 1");
    peer_expect_get(p, "q", "whole 2");
}

static void broker_may_end_while_messages_are_on_their_way(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = peer_connect(fixture);

    declare(p, SLICE(""));
    publish_some(p, 10);
    struct queue_peek *peek = queue_peek_create(find_queue(p), 0, 10);
    fixture->holds_pages = true;
    assert_false(queue_peek_look(peek));
    queue_peek_destroy(peek);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CONVERSATION(shows_what_is_delivered_next),
        PAGED_CONVERSATION(shows_what_is_delivered_next),
        PAGED_CONVERSATION(priorities_come_first),
        PAGED_CONVERSATION(returned_to_a_quorum_queue_come_first),
        CONVERSATION(nothing_has_changed),
        PAGED_CONVERSATION(what_is_on_disk_is_shown_and_stays_there),
        PAGED_CONVERSATION(queue_may_change_while_messages_are_on_their_way),
        PAGED_CONVERSATION(message_that_cannot_be_read_is_left_to_others),
        PAGED_CONVERSATION(broker_may_end_while_messages_are_on_their_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
