/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queues deeper than memory, where there is room for next to nothing: only the front message of a
 * queue stays. What the broker asks the disk for arrives in the next tick, unless it is held.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "broker/entities/broker.h"
#include "broker/entities/paging.h"
#include "broker/entities/queue_figures.h"
#include "broker/entities/vhost.h"
#include "persistence/pager.h"
#include "tests/support/arguments.h"
#include "tests/support/memory_disk.h"
#include "tests/support/peer.h"

static const char *const numbers[] = {"0", "1", "2", "3", "4"};

/* Bodies "0", "1" and so on; every other one is transient, and so is spilled. */
static void publish_some(struct peer *p, const char *queue, int count) {
    char body[16];

    for (int i = 0; i < count; i++) {
        snprintf(body, sizeof body, "%d", i);
        peer_publish_with(p, "", queue, body, .delivery_mode = i % 2 == 0 ? 2 : 1);
    }
}

static void expect_some(struct peer *p, const char *queue, int first, int end) {
    char body[16];

    for (int i = first; i < end; i++) {
        snprintf(body, sizeof body, "%d", i);
        peer_expect_get(p, queue, body);
    }
}

static struct paging_statistics statistics(const struct peer *p) {
    struct paging_statistics found;

    paging_statistics(p->fixture->broker->paging, &found);
    return found;
}

static void messages_go_and_come_back_in_order(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_durable_queue(p, "q", SLICE(""));
    publish_some(p, "q", 50);
    assert_int_equal(statistics(p).paged_out, 49);
    peer_expect_counts(p, "q", 50, 0);
    expect_some(p, "q", 0, 50);
    peer_expect_get_empty(p, "q");
    assert_true(statistics(p).paged_in >= 49);
}

static void consumer_gets_what_is_on_disk(void **state) {
    struct peer *p = peer_connect(*state);
    char body[16];

    peer_declare_durable_queue(p, "q", SLICE(""));
    publish_some(p, "q", 40);
    peer_consume_no_ack(p, "q", "c");
    for (uint64_t i = 0; i < 40; i++) {
        snprintf(body, sizeof body, "%d", (int)i);
        peer_expect_delivery(p, "c", i + 1, body);
    }
    publish_some(p, "q", 1);
    peer_expect_delivery(p, "c", 41, "0");
}

/* The client hears nothing else meanwhile, and others go on. */
static void get_waits_for_its_message(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = peer_connect(fixture);
    struct peer *other = peer_connect(fixture);

    peer_declare_durable_queue(p, "q", SLICE(""));
    publish_some(p, "q", 3);
    peer_expect_get(p, "q", "0");
    fixture->holds_pages = true;
    peer_send(p, basic_get, .queue = SLICE("q"), .no_ack = true);
    peer_send(p, queue_declare, .queue = SLICE("q"), .passive = true);
    peer_expect_nothing(p);
    peer_expect_counts(other, "q", 2, 0);
    fixture->holds_pages = false;
    fixture_run(fixture);
    peer_skip(p, basic_get_ok);
    peer_expect_content(p, "1");
    peer_expect(p, queue_declare_ok, .queue = SLICE("q"), .message_count = 1);
}

static void client_that_waits_may_go(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = peer_connect(fixture);
    struct peer *other = peer_connect(fixture);

    peer_declare_durable_queue(p, "q", SLICE(""));
    publish_some(p, "q", 3);
    peer_expect_get(p, "q", "0");
    fixture->holds_pages = true;
    peer_send(p, basic_get, .queue = SLICE("q"), .no_ack = true);
    peer_drop(p);
    fixture->holds_pages = false;
    fixture_run(fixture);
    expect_some(other, "q", 1, 3);
}

static void purge_and_delete_while_messages_are_on_their_way(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = peer_connect(fixture);

    for (int deletes = 0; deletes < 2; deletes++) {
        peer_declare_durable_queue(p, "q", SLICE(""));
        publish_some(p, "q", 20);
        fixture->holds_pages = true;
        peer_consume_no_ack(p, "q", "c");
        peer_expect_delivery(p, "c", deletes == 0 ? 1 : 5, "0");
        peer_send(p, basic_cancel, .consumer_tag = SLICE("c"));
        peer_expect(p, basic_cancel_ok, .consumer_tag = SLICE("c"));
        if (deletes) {
            peer_send(p, queue_delete, .queue = SLICE("q"));
            peer_expect(p, queue_delete_ok, .message_count = 19);
            peer_declare_durable_queue(p, "q", SLICE(""));
        } else {
            peer_send(p, queue_purge, .queue = SLICE("q"));
            peer_expect(p, queue_purge_ok, .message_count = 19);
        }
        publish_some(p, "q", 3);
        fixture->holds_pages = false;
        fixture_run(fixture);
        peer_send(p, basic_get, .queue = SLICE("q"), .no_ack = true);
        assert_int_equal(peer_receive(p, basic_get_ok)->message_count, 2);
        peer_expect_content(p, "0");
        expect_some(p, "q", 1, 3);
    }
}

static void requeued_messages_keep_their_place(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_durable_queue(p, "q", SLICE(""));
    publish_some(p, "q", 30);
    for (uint64_t i = 1; i <= 5; i++) {
        peer_send(p, basic_get, .queue = SLICE("q"));
        assert_int_equal(peer_receive(p, basic_get_ok)->delivery_tag, i);
        peer_expect_content(p, numbers[i - 1]);
    }
    peer_send(p, basic_ack, .delivery_tag = 3);
    peer_send(p, basic_nack, .delivery_tag = 5, .multiple = true, .requeue = true);
    expect_some(p, "q", 0, 2);
    expect_some(p, "q", 3, 30);
}

static void deaths_on_disk_are_published_in_order(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_durable_queue(p, "dead", SLICE(""));
    peer_declare_durable_queue(p, "q",
                               ARGUMENTS(TEXT("x-dead-letter-exchange", ""),
                                         TEXT("x-dead-letter-routing-key", "dead"),
                                         INT("x-message-ttl", 1000)));
    publish_some(p, "q", 30);
    fixture_advance(p->fixture, 1000);
    peer_expect_counts(p, "q", 0, 0);
    peer_expect_counts(p, "dead", 30, 0);
    expect_some(p, "dead", 0, 30);
}

/* Thirty letters of "q" whose messages are on disk, and do not come yet. */
static struct peer *connect_with_letters_on_disk(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = peer_connect(fixture);

    peer_declare_durable_queue(p, "dead", SLICE(""));
    peer_declare_durable_queue(p, "q",
                               ARGUMENTS(TEXT("x-dead-letter-exchange", ""),
                                         TEXT("x-dead-letter-routing-key", "dead"),
                                         INT("x-message-ttl", 1000)));
    publish_some(p, "q", 30);
    fixture->holds_pages = true;
    fixture_advance(fixture, 1000);
    peer_expect_counts(p, "q", 0, 0);
    return p;
}

static void let_letters_come(struct peer *p) {
    p->fixture->holds_pages = false;
    fixture_run(p->fixture);
}

/* They died before it was deleted. */
static void letters_on_disk_outlive_their_queue(void **state) {
    struct peer *p = connect_with_letters_on_disk(state);

    peer_send(p, queue_delete, .queue = SLICE("q"));
    peer_expect(p, queue_delete_ok);
    peer_declare_durable_queue(p, "q", SLICE(""));
    publish_some(p, "q", 3);
    let_letters_come(p);
    expect_some(p, "dead", 0, 30);
    expect_some(p, "q", 0, 3);
}

static void letters_on_disk_whose_target_goes_are_gone(void **state) {
    struct peer *p = connect_with_letters_on_disk(state);

    peer_send(p, queue_delete, .queue = SLICE("dead"));
    peer_expect(p, queue_delete_ok, .message_count = 1);
    let_letters_come(p);
    peer_declare_durable_queue(p, "dead", SLICE(""));
    publish_some(p, "dead", 3);
    expect_some(p, "dead", 0, 3);
}

/* The fixture's end shows that nothing is left of them. */
static void letters_on_disk_go_with_the_vhost(void **state) {
    struct peer *p = connect_with_letters_on_disk(state);
    struct broker *broker = p->fixture->broker;

    peer_drop(p);
    fixture_run(p->fixture);
    vhost_delete(broker_find_vhost(broker, SLICE("/")));
    let_letters_come(p);
    assert_true(list_is_empty(&broker->dead_letters));
}

static void length_limits_drop_what_is_on_disk(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_durable_queue(p, "count", ARGUMENTS(INT("x-max-length", 5)));
    peer_declare_durable_queue(p, "bytes", ARGUMENTS(INT("x-max-length-bytes", 6)));
    publish_some(p, "count", 30);
    publish_some(p, "bytes", 20);
    expect_some(p, "count", 25, 30);
    expect_some(p, "bytes", 17, 20);
    peer_expect_get_empty(p, "bytes");
}

static void priorities_are_kept(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = peer_connect(fixture);

    peer_declare_durable_queue(p, "q", ARGUMENTS(INT("x-max-priority", 3)));
    for (int clean = 0; clean < 2; clean++) {
        peer_publish_with(p, "", "q", "low 1", .delivery_mode = 2);
        peer_publish_with(p, "", "q", "low 2", .delivery_mode = 2);
        peer_publish_with(p, "", "q", "high 1", .delivery_mode = 2, .priority = 3);
        peer_publish_with(p, "", "q", "high 2", .delivery_mode = 2, .priority = 9);
        fixture_write_all(fixture);
        fixture_restart(fixture, clean);
        p = peer_connect(fixture);
        peer_expect_get(p, "q", "high 1");
        peer_expect_get(p, "q", "high 2");
        peer_expect_get(p, "q", "low 1");
        peer_expect_get(p, "q", "low 2");
    }
}

/* One record of the journal or of the overflow file stands for all queues. */
static void fanout_is_kept_once(void **state) {
    struct peer *p = peer_connect(*state);
    static const char *const queues[] = {"a", "b", "c"};

    peer_declare_exchange(p, "all", "fanout");
    for (int i = 0; i < 3; i++) {
        peer_declare_queue(p, queues[i]);
        peer_bind_queue(p, queues[i], "all", "");
    }
    peer_publish(p, "all", "", "first");
    for (int i = 0; i < 20; i++)
        peer_publish_with(p, "all", "", "shared", .delivery_mode = 1);
    struct pager_statistics found;
    pager_statistics(p->fixture->pager, &found);
    assert_true(found.overflow_bytes >= 20 * strlen("shared"));
    assert_true(found.overflow_bytes < 20 * 150); /* three of each would be more */
    for (int i = 0; i < 3; i++) {
        peer_expect_get(p, queues[i], "first");
        for (int j = 0; j < 20; j++)
            peer_expect_get(p, queues[i], "shared");
        peer_expect_get_empty(p, queues[i]);
    }
}

/* Turns a bit in what stands behind each place where `text` is found in files of that kind. */
static void damage(struct fixture *fixture, const char *suffix, const char *text) {
    const char *name;
    uint8_t *octets;
    size_t len;

    for (size_t at = 0; (name = memory_disk_file(fixture->disk, at, &octets, &len)) != NULL; at++) {
        if (strcmp(name + strlen(name) - strlen(suffix), suffix) != 0)
            continue;
        for (size_t i = 0; i + strlen(text) < len; i++)
            if (memcmp(octets + i, text, strlen(text)) == 0)
                octets[i] ^= 1;
    }
}

static void damaged_message_is_put_aside_and_the_queue_goes_on(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = peer_connect(fixture);

    for (uint8_t mode = 1; mode <= 2; mode++) {
        peer_declare_durable_queue(p, "q", SLICE(""));
        peer_publish_with(p, "", "q", "whole 1", .delivery_mode = mode);
        peer_publish_with(p, "", "q", "whole 2", .delivery_mode = mode);
        peer_publish_with(p, "", "q", "broken", .delivery_mode = mode);
        peer_publish_with(p, "", "q", "whole 3", .delivery_mode = mode);
        damage(fixture, mode == 2 ? ".lvj" : ".lvo", "broken");
        peer_expect_get(p, "q", "whole 1");
        peer_expect_get(p, "q", "whole 2");
        peer_expect_get(p, "q", "whole 3");
        peer_expect_get_empty(p, "q");
        assert_int_equal(statistics(p).quarantined, mode);
    }
}

static void message_that_cannot_be_read_is_put_aside(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = peer_connect(fixture);

    peer_declare_durable_queue(p, "q", SLICE(""));
    publish_some(p, "q", 1);
    peer_publish_with(p, "", "q", "bad", .delivery_mode = 2);
    peer_publish_with(p, "", "q", "late", .delivery_mode = 2);
    peer_expect_get(p, "q", "0");
    fixture->holds_pages = true;
    peer_send(p, basic_get, .queue = SLICE("q"), .no_ack = true);
    /* open, read of both, read of the first by itself, which fails too */
    memory_disk_fail(fixture->disk, memory_disk_calls(fixture->disk) + 1, -EIO, true);
    fixture->holds_pages = false;
    fixture->writes_itself = false;
    fixture_run(fixture);
    memory_disk_heal(fixture->disk);
    fixture->writes_itself = true;
    fixture_run(fixture);
    peer_expect(p, basic_get_empty, .cluster_id = SLICE(""));
    assert_int_equal(statistics(p).quarantined, 2);
    publish_some(p, "q", 2);
    expect_some(p, "q", 0, 2);
}

/* Nothing is lost: what cannot be written stays in memory. */
static void full_disk_keeps_transient_messages_in_memory(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = peer_connect(fixture);
    char body[16];

    peer_declare_queue(p, "q");
    memory_disk_fail(fixture->disk, memory_disk_calls(fixture->disk), -ENOSPC, true);
    for (int i = 0; i < 50; i++) {
        snprintf(body, sizeof body, "%d", i);
        peer_publish(p, "", "q", body);
    }
    peer_expect_counts(p, "q", 50, 0);
    assert_true(statistics(p).paged_out < 49);
    expect_some(p, "q", 0, 10);
    memory_disk_heal(fixture->disk);
    fixture_advance(fixture, 1000);
    publish_some(p, "q", 3);
    expect_some(p, "q", 10, 50);
    expect_some(p, "q", 0, 3);
}

static void overflow_files_go_when_they_are_not_needed(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = peer_connect(fixture);
    const char *name;
    uint8_t *octets;
    char body[4000];
    size_t len;

    memset(body, 'x', sizeof body - 1);
    body[sizeof body - 1] = '\0';
    peer_declare_queue(p, "q");
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 60; i++)
            peer_publish(p, "", "q", body);
        for (int i = 0; i < 60; i++)
            peer_expect_get(p, "q", body);
    }
    fixture_run(fixture);
    int files = 0;
    for (size_t at = 0; (name = memory_disk_file(fixture->disk, at, &octets, &len)) != NULL; at++)
        files += strstr(name, ".lvo") != NULL;
    assert_true(files <= 2);
}

static void redelivered_flags_survive_a_clean_stop_on_disk(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = peer_connect(fixture);

    peer_declare_durable_queue(p, "q", SLICE(""));
    for (int i = 0; i < 6; i++)
        peer_publish_with(p, "", "q", "m", .delivery_mode = 2);
    for (int i = 0; i < 3; i++) {
        peer_send(p, basic_get, .queue = SLICE("q"));
        peer_skip(p, basic_get_ok);
        peer_expect_content(p, "m");
    }
    fixture_write_all(fixture);
    fixture_restart(fixture, true);
    fixture_restart(fixture, true);
    p = peer_connect(fixture);
    for (int i = 0; i < 6; i++) {
        peer_send(p, basic_get, .queue = SLICE("q"), .no_ack = true);
        assert_int_equal(peer_receive(p, basic_get_ok)->redelivered, i < 3);
        peer_expect_content(p, "m");
    }
}

static void transaction_settles_messages_read_back(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_durable_queue(p, "q", SLICE(""));
    publish_some(p, "q", 10);
    peer_send(p, tx_select);
    peer_skip(p, tx_select_ok);
    for (uint64_t i = 1; i <= 4; i++) {
        peer_send(p, basic_get, .queue = SLICE("q"));
        peer_skip(p, basic_get_ok);
        peer_expect_content(p, numbers[i - 1]);
    }
    peer_send(p, basic_ack, .delivery_tag = 2, .multiple = true);
    peer_send(p, basic_reject, .delivery_tag = 3, .requeue = true);
    peer_send(p, tx_commit);
    peer_skip(p, tx_commit_ok);
    peer_send(p, basic_ack, .delivery_tag = 4);
    peer_send(p, tx_commit);
    peer_skip(p, tx_commit_ok);
    peer_expect_get(p, "q", "2");
    peer_send(p, tx_commit);
    peer_skip(p, tx_commit_ok);
    expect_some(p, "q", 4, 10);
    peer_send(p, tx_commit);
    peer_skip(p, tx_commit_ok);
}

/* --- figures --- */

static struct queue_figures figures_of(const struct peer *p) {
    const struct vhost *vhost = broker_find_vhost(p->fixture->broker, SLICE("/"));
    return queue_figures(vhost_find_queue(vhost, SLICE("q")));
}

static void figures_tell_memory_from_disk(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_durable_queue(p, "q", SLICE(""));
    publish_some(p, "q", 12); /* 14 octets, 7 of them persistent */
    struct queue_figures figures = figures_of(p);
    assert_int_equal(figures.messages_ram, 1);
    assert_int_equal(figures.messages_paged_out, 11);
    assert_int_equal(figures.message_bytes, 14);
    assert_int_equal(figures.message_bytes_paged_out, 13);
    assert_int_equal(figures.messages_persistent, 6);
    assert_int_equal(figures.message_bytes_persistent, 7);
    expect_some(p, "q", 0, 11);
    figures = figures_of(p);
    assert_int_equal(figures.message_bytes_ready, 2);
    assert_int_equal(figures.message_bytes_ram, 2);
    assert_int_equal(figures.messages_persistent, 0);
    assert_int_equal(figures.message_bytes_persistent, 0);
}

static void figures_survive_a_restart(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = peer_connect(fixture);

    peer_declare_durable_queue(p, "q", SLICE(""));
    publish_some(p, "q", 12);
    fixture_restart(fixture, false);
    p = peer_connect(fixture);
    struct queue_figures figures = figures_of(p);
    assert_int_equal(figures.messages, 6);
    assert_int_equal(figures.message_bytes_paged_out, 7);
    assert_int_equal(figures.message_bytes_persistent, 7);
    peer_send(p, queue_purge, .queue = SLICE("q"));
    peer_expect(p, queue_purge_ok, .message_count = 6);
    figures = figures_of(p);
    assert_int_equal(figures.message_bytes, 0);
    assert_int_equal(figures.message_bytes_persistent, 0);
    assert_int_equal(figures.message_bytes_ram, 0);
}

/* --- with room for more --- */

/* A sixteenth, what queues without consumers may take, is some 300 messages. */
#define LIMIT    (1u << 20)
#define IDLE_MAX (LIMIT / 16)
#define MANY     1000

static int set_up_with_room(void **state) {
    struct fixture *fixture = fixture_create_paged(LIMIT);

    fixture->writes_itself = true;
    fixture_run(fixture);
    *state = fixture;
    return 0;
}

static void publish_many(struct peer *p, const char *queue, int delivery_mode) {
    char body[16];

    for (int i = 0; i < MANY; i++) {
        snprintf(body, sizeof body, "%d", i);
        peer_publish_with(p, "", queue, body, .delivery_mode = (uint8_t)delivery_mode);
    }
}

static uint64_t bytes_in_memory(const struct peer *p) {
    return p->fixture->broker->messages.bytes;
}

static void what_nobody_consumes_goes_early(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_durable_queue(p, "q", SLICE(""));
    publish_many(p, "q", 2);
    assert_true(statistics(p).paged_out > 0);
    assert_true(bytes_in_memory(p) <= IDLE_MAX);
    peer_expect_counts(p, "q", MANY, 0);
    expect_some(p, "q", 0, MANY);
}

static void what_somebody_consumes_stays(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_durable_queue(p, "q", SLICE(""));
    peer_set_prefetch(p, 1, false);
    peer_send(p, basic_consume, .queue = SLICE("q"), .consumer_tag = SLICE("c"));
    peer_expect(p, basic_consume_ok, .consumer_tag = SLICE("c"));
    publish_many(p, "q", 2);
    assert_int_equal(statistics(p).paged_out, 0);
    assert_true(bytes_in_memory(p) > IDLE_MAX);
    peer_expect_delivery(p, "c", 1, "0");
}

static void what_would_have_to_be_written_stays(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_durable_queue(p, "q", SLICE(""));
    publish_many(p, "q", 1);
    assert_int_equal(statistics(p).paged_out, 0);
    assert_true(bytes_in_memory(p) > IDLE_MAX);
    expect_some(p, "q", 0, MANY);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_nobody_consumes_goes_early, set_up_with_room,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(what_somebody_consumes_stays, set_up_with_room,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(what_would_have_to_be_written_stays, set_up_with_room,
                                        fixture_teardown),
        PAGED_CONVERSATION(messages_go_and_come_back_in_order),
        PAGED_CONVERSATION(consumer_gets_what_is_on_disk),
        PAGED_CONVERSATION(get_waits_for_its_message),
        PAGED_CONVERSATION(client_that_waits_may_go),
        PAGED_CONVERSATION(purge_and_delete_while_messages_are_on_their_way),
        PAGED_CONVERSATION(requeued_messages_keep_their_place),
        PAGED_CONVERSATION(deaths_on_disk_are_published_in_order),
        PAGED_CONVERSATION(letters_on_disk_outlive_their_queue),
        PAGED_CONVERSATION(letters_on_disk_whose_target_goes_are_gone),
        PAGED_CONVERSATION(letters_on_disk_go_with_the_vhost),
        PAGED_CONVERSATION(length_limits_drop_what_is_on_disk),
        PAGED_CONVERSATION(priorities_are_kept),
        PAGED_CONVERSATION(fanout_is_kept_once),
        PAGED_CONVERSATION(damaged_message_is_put_aside_and_the_queue_goes_on),
        PAGED_CONVERSATION(message_that_cannot_be_read_is_put_aside),
        PAGED_CONVERSATION(full_disk_keeps_transient_messages_in_memory),
        PAGED_CONVERSATION(overflow_files_go_when_they_are_not_needed),
        PAGED_CONVERSATION(redelivered_flags_survive_a_clean_stop_on_disk),
        PAGED_CONVERSATION(transaction_settles_messages_read_back),
        PAGED_CONVERSATION(figures_tell_memory_from_disk),
        PAGED_CONVERSATION(figures_survive_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
