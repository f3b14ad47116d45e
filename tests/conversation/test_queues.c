/* SPDX-License-Identifier: Apache-2.0 */
/* Declaring, purging and deleting queues, and what exclusive and auto-delete mean. */
#include "tests/support/peer.h"

#include <stdio.h>
#include <string.h>

#define QUEUE_IN_VHOST "queue 'q' in vhost '/'"
#define LOCKED                                                                                   \
    "cannot obtain exclusive access to locked " QUEUE_IN_VHOST                                   \
    ". It could be originally declared "                                                         \
    "on another connection or the exclusive property value does not match that of the original " \
    "declaration."

static bool is_url_safe_base64(struct slice text) {
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

    for (size_t i = 0; i < text.len; i++)
        if (memchr(letters, text.data[i], sizeof letters - 1) == NULL)
            return false;
    return true;
}

/* rows: 175 */
static void server_named_queue_is_amq_gen_and_22_characters(void **state) {
    struct peer *p = peer_connect(*state);
    char first[32];
    struct slice name;

    peer_send(p, queue_declare, .queue = SLICE(""));
    name = peer_receive(p, queue_declare_ok)->queue;
    assert_int_equal(name.len, 8 + 22);
    assert_memory_equal(name.data, "amq.gen-", 8);
    assert_true(is_url_safe_base64(slice_of(name.data + 8, 22)));
    memcpy(first, name.data, 30);
    peer_send(p, queue_declare, .queue = SLICE(""));
    assert_memory_not_equal(peer_receive(p, queue_declare_ok)->queue.data, first, 30);
}

/* rows: 176 */
static void redeclare_of_a_generated_name_is_403(void **state) {
    struct peer *p = peer_connect(*state);
    const struct amqp_channel_close *close;
    uint8_t name[30];

    peer_send(p, queue_declare, .queue = SLICE(""));
    memcpy(name, peer_receive(p, queue_declare_ok)->queue.data, sizeof name);
    peer_send(p, queue_declare, .queue = slice_of(name, sizeof name), .passive = true);
    peer_skip(p, queue_declare_ok);
    peer_send(p, queue_declare, .queue = slice_of(name, sizeof name));
    close = peer_receive(p, channel_close);
    assert_int_equal(close->reply_code, 403);
    assert_memory_equal(close->reply_text.data, "ACCESS_REFUSED - queue name 'amq.gen-", 37);
}

static void declare_of_a_reserved_name_is_403(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, queue_declare, .queue = SLICE("amq.mine"));
    peer_expect_channel_exception(p, 403, "queue name 'amq.mine' contains reserved prefix 'amq.*'",
                                  queue_declare);
}

/* rows: 177 312 */
static void declare_ok_counts_ready_messages_and_consumers(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_publish(p, "", "q", "1");
    peer_publish(p, "", "q", "2");
    peer_send(p, queue_declare, .queue = SLICE("q"));
    peer_expect(p, queue_declare_ok, .queue = SLICE("q"), .message_count = 2);
    peer_set_prefetch(p, 1, false);
    peer_consume(p, "q", "c1");
    peer_expect_delivery(p, "c1", 1, "1");
    peer_consume(p, "q", "c2");
    peer_expect_delivery(p, "c2", 2, "2");
    peer_publish(p, "", "q", "3");
    peer_expect_counts(p, "q", 1, 2);
}

/* rows: 178 */
static void passive_declare_of_a_missing_queue_is_404(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, queue_declare, .queue = SLICE("q"), .passive = true);
    peer_expect_channel_exception(p, 404, "no " QUEUE_IN_VHOST, queue_declare);
}

/* rows: 179 */
static void passive_declare_of_the_empty_name_is_404(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_send(p, queue_declare, .queue = SLICE(""), .passive = true);
    peer_expect_channel_exception(p, 404, "no queue '' in vhost '/'", queue_declare);
}

/* rows: 180 */
static void passive_declare_sets_the_last_queue(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q1");
    peer_declare_queue(p, "q2");
    peer_publish(p, "", "q1", "from q1");
    peer_send(p, queue_declare, .queue = SLICE("q1"), .passive = true);
    peer_skip(p, queue_declare_ok);
    peer_expect_get(p, "", "from q1");
}

static void last_queue_belongs_to_the_channel(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_open_channel(p, 2);
    peer_send_on(p, 2, basic_get, .queue = SLICE(""));
    peer_expect_channel_exception_on(p, 2, 404, "no previously declared queue", basic_get);
}

#define INEQUIVALENT(name, received, current)                                 \
    "inequivalent arg '" name "' for " QUEUE_IN_VHOST ": received '" received \
    "' but current is '" current "'"

/* rows: 181 */
static void another_durable_flag_is_406(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_send(p, queue_declare, .queue = SLICE("q"), .durable = true);
    peer_expect_channel_exception(p, 406, INEQUIVALENT("durable", "true", "false"), queue_declare);
}

/* rows: 182 */
static void another_auto_delete_flag_is_406(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, queue_declare, .queue = SLICE("q"), .auto_delete = true);
    peer_expect(p, queue_declare_ok, .queue = SLICE("q"));
    peer_send(p, queue_declare, .queue = SLICE("q"));
    peer_expect_channel_exception(p, 406, INEQUIVALENT("auto_delete", "false", "true"),
                                  queue_declare);
}

/* rows: 185 */
static void unknown_further_arguments_are_ok(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_send(p, queue_declare, .queue = SLICE("q"), .arguments = SLICE("\x04mineI\0\0\0\1"));
    peer_expect(p, queue_declare_ok, .queue = SLICE("q"));
}

static void declare_exclusive(struct peer *p, const char *name) {
    peer_send(p, queue_declare, .queue = slice_from_text(name), .exclusive = true);
    peer_expect(p, queue_declare_ok, .queue = slice_from_text(name));
}

/* rows: 188 */
static void declare_of_anothers_exclusive_queue_is_405(void **state) {
    struct peer *owner = peer_connect(*state);
    struct peer *other = peer_connect(*state);

    declare_exclusive(owner, "q");
    peer_send(other, queue_declare, .queue = SLICE("q"), .exclusive = true);
    peer_expect_channel_exception(other, 405, LOCKED, queue_declare);
    declare_exclusive(owner, "q");
}

/* rows: 188 */
static void exclusive_mismatch_comes_before_any_other(void **state) {
    struct peer *owner = peer_connect(*state);
    struct peer *other = peer_connect(*state);

    declare_exclusive(owner, "q");
    peer_send(other, queue_declare, .queue = SLICE("q"), .durable = true, .auto_delete = true);
    peer_expect_channel_exception(other, 405, LOCKED, queue_declare);
}

/* rows: 189 */
static void passive_declare_of_anothers_exclusive_queue_is_405(void **state) {
    struct peer *owner = peer_connect(*state);
    struct peer *other = peer_connect(*state);

    declare_exclusive(owner, "q");
    peer_send(other, queue_declare, .queue = SLICE("q"), .passive = true);
    peer_expect_channel_exception(other, 405, LOCKED, queue_declare);
}

/* rows: 190 */
static void use_of_anothers_exclusive_queue_is_405(void **state) {
    struct peer *owner = peer_connect(*state);
    struct peer *other = peer_connect(*state);

    declare_exclusive(owner, "q");
    peer_send(other, basic_consume, .queue = SLICE("q"));
    peer_expect_channel_exception(other, 405, LOCKED, basic_consume);
    peer_reopen(other);
    peer_send(other, basic_get, .queue = SLICE("q"));
    peer_expect_channel_exception(other, 405, LOCKED, basic_get);
    peer_reopen(other);
    peer_send(other, queue_purge, .queue = SLICE("q"));
    peer_expect_channel_exception(other, 405, LOCKED, queue_purge);
    peer_reopen(other);
    peer_send(other, queue_delete, .queue = SLICE("q"));
    peer_expect_channel_exception(other, 405, LOCKED, queue_delete);
    peer_reopen(other);
    peer_send(other, queue_bind, .queue = SLICE("q"), .exchange = SLICE("amq.direct"));
    peer_expect_channel_exception(other, 405, LOCKED, queue_bind);
    peer_reopen(other);
    peer_publish(other, "", "q", "publishing is for all");
    peer_expect_get(owner, "q", "publishing is for all");
}

/* rows: 191 */
static void ordinary_queue_cannot_become_exclusive(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_send(p, queue_declare, .queue = SLICE("q"), .exclusive = true);
    peer_expect_channel_exception(p, 405, LOCKED, queue_declare);
}

static void expect_no_queue(struct peer *p, const char *name) {
    char text[128];

    snprintf(text, sizeof text, "no queue '%s' in vhost '/'", name);
    peer_send(p, queue_declare, .queue = slice_from_text(name), .passive = true);
    peer_expect_channel_exception(p, 404, text, queue_declare);
    peer_reopen(p);
}

/* rows: 192 */
static void exclusive_queue_is_gone_before_close_ok(void **state) {
    struct peer *owner = peer_connect(*state);
    struct peer *other = peer_connect(*state);

    declare_exclusive(owner, "q");
    peer_close_channel(owner);
    peer_send(other, queue_declare, .queue = SLICE("q"), .passive = true);
    peer_expect_channel_exception(other, 405, LOCKED, queue_declare);
    peer_reopen(other);
    peer_send(owner, connection_close, .reply_code = 200);
    peer_expect(owner, connection_close_ok);
    expect_no_queue(other, "q");
}

/* rows: 193 */
static void exclusive_queue_is_gone_with_tcp(void **state) {
    struct peer *owner = peer_connect(*state);
    struct peer *other = peer_connect(*state);

    declare_exclusive(owner, "q");
    peer_drop(owner);
    expect_no_queue(other, "q");
}

static void exclusive_queue_is_gone_with_a_connection_exception(void **state) {
    struct peer *owner = peer_connect(*state);
    struct peer *other = peer_connect(*state);

    declare_exclusive(owner, "q");
    peer_send(owner, channel_open);
    peer_skip(owner, connection_close);
    expect_no_queue(other, "q");
}

/* rows: 194 */
static void exclusive_durable_queue_counts_as_transient(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, queue_declare, .queue = SLICE("q"), .exclusive = true, .durable = true);
    peer_expect(p, queue_declare_ok, .queue = SLICE("q"));
    declare_exclusive(p, "q");
}

static struct peer *connect_with_auto_delete(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, queue_declare, .queue = SLICE("q"), .auto_delete = true);
    peer_expect(p, queue_declare_ok, .queue = SLICE("q"));
    return p;
}

/* rows: 195 */
static void auto_delete_queue_goes_with_the_last_cancel(void **state) {
    struct peer *p = connect_with_auto_delete(state);

    peer_consume(p, "q", "c1");
    peer_consume(p, "q", "c2");
    peer_send(p, basic_cancel, .consumer_tag = SLICE("c1"));
    peer_expect(p, basic_cancel_ok, .consumer_tag = SLICE("c1"));
    peer_expect_counts(p, "q", 0, 1);
    peer_send(p, basic_cancel, .consumer_tag = SLICE("c2"));
    peer_expect(p, basic_cancel_ok, .consumer_tag = SLICE("c2"));
    expect_no_queue(p, "q");
}

/* rows: 195 */
static void auto_delete_queue_goes_with_the_channel_of_its_last_consumer(void **state) {
    struct peer *p = connect_with_auto_delete(state);

    peer_open_channel(p, 2);
    peer_consume_on(p, 2, "q", "c");
    peer_send_on(p, 2, channel_close, .reply_code = 200);
    peer_expect_on(p, 2, channel_close_ok);
    expect_no_queue(p, "q");
}

/* rows: 196 */
static void auto_delete_queue_goes_with_the_connection_of_its_last_consumer(void **state) {
    struct peer *p = connect_with_auto_delete(state);
    struct peer *consumer = peer_connect(*state);

    peer_consume(consumer, "q", "c");
    peer_drop(consumer);
    expect_no_queue(p, "q");
}

/* rows: 197 */
static void auto_delete_queue_does_not_go_with_a_get(void **state) {
    struct peer *p = connect_with_auto_delete(state);

    peer_publish(p, "", "q", "body");
    peer_expect_get(p, "q", "body");
    peer_expect_counts(p, "q", 0, 0);
}

/* rows: 198 */
static void delete_of_a_missing_queue_counts_0(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, queue_delete, .queue = SLICE("q"));
    peer_expect(p, queue_delete_ok, .message_count = 0);
}

/* rows: 199 */
static void delete_if_unused_with_a_consumer_is_406(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_consume(p, "q", "c");
    peer_send(p, queue_delete, .queue = SLICE("q"), .if_unused = true);
    peer_expect_channel_exception(p, 406, QUEUE_IN_VHOST " in use", queue_delete);
    peer_reopen(p);
    peer_send(p, queue_delete, .queue = SLICE("q"), .if_unused = true);
    peer_expect(p, queue_delete_ok);
}

/* rows: 200 */
static void delete_if_empty_with_a_message_is_406(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_publish(p, "", "q", "body");
    peer_send(p, queue_delete, .queue = SLICE("q"), .if_empty = true);
    peer_expect_channel_exception(p, 406, QUEUE_IN_VHOST " not empty", queue_delete);
}

/* rows: 200 */
static void delete_tests_empty_before_unused(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_set_prefetch(p, 1, false);
    peer_consume(p, "q", "c");
    peer_publish(p, "", "q", "1");
    peer_publish(p, "", "q", "2");
    peer_expect_delivery(p, "c", 1, "1");
    peer_send(p, queue_delete, .queue = SLICE("q"), .if_empty = true, .if_unused = true);
    peer_expect_channel_exception(p, 406, QUEUE_IN_VHOST " not empty", queue_delete);
}

/* rows: 200 */
static void unacked_messages_do_not_keep_a_queue_from_being_empty(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_publish(p, "", "q", "body");
    peer_send(p, basic_get, .queue = SLICE("q"));
    peer_skip(p, basic_get_ok);
    peer_expect_content(p, "body");
    peer_send(p, queue_delete, .queue = SLICE("q"), .if_empty = true);
    peer_expect(p, queue_delete_ok);
    peer_send(p, basic_ack, .delivery_tag = 1);
    peer_expect_nothing(p);
}

/* rows: 201 */
static void delete_ok_counts_ready_messages(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    for (int i = 0; i < 3; i++)
        peer_publish(p, "", "q", "body");
    peer_send(p, basic_get, .queue = SLICE("q"));
    peer_skip(p, basic_get_ok);
    peer_expect_content(p, "body");
    peer_send(p, queue_delete, .queue = SLICE("q"));
    peer_expect(p, queue_delete_ok, .message_count = 2);
}

/* rows: 202 */
static void purge_counts_and_leaves_the_unacked_ones(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_publish(p, "", "q", "kept");
    peer_publish(p, "", "q", "purged");
    peer_publish(p, "", "q", "purged");
    peer_send(p, basic_get, .queue = SLICE("q"));
    peer_skip(p, basic_get_ok);
    peer_expect_content(p, "kept");
    peer_send(p, queue_purge, .queue = SLICE("q"));
    peer_expect(p, queue_purge_ok, .message_count = 2);
    peer_send(p, basic_reject, .delivery_tag = 1, .requeue = true);
    peer_expect_get(p, "q", "kept");
    peer_expect_get_empty(p, "q");
}

/* rows: 203 */
static void purge_of_a_missing_queue_is_404(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, queue_purge, .queue = SLICE("q"));
    peer_expect_channel_exception(p, 404, "no " QUEUE_IN_VHOST, queue_purge);
}

/* rows: 207 */
static void last_queue_where_there_is_none_is_404(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, basic_get, .queue = SLICE(""));
    peer_expect_channel_exception(p, 404, "no previously declared queue", basic_get);
    peer_reopen(p);
    peer_send(p, basic_consume, .queue = SLICE(""));
    peer_expect_channel_exception(p, 404, "no previously declared queue", basic_consume);
    peer_reopen(p);
    peer_send(p, queue_delete, .queue = SLICE(""));
    peer_expect_channel_exception(p, 404, "no previously declared queue", queue_delete);
    peer_reopen(p);
    peer_send(p, queue_purge, .queue = SLICE(""));
    peer_expect_channel_exception(p, 404, "no previously declared queue", queue_purge);
    peer_reopen(p);
    peer_send(p, queue_bind, .queue = SLICE(""), .exchange = SLICE("amq.direct"));
    peer_expect_channel_exception(p, 404, "no previously declared queue", queue_bind);
    peer_reopen(p);
    peer_send(p, queue_unbind, .queue = SLICE(""), .exchange = SLICE("amq.direct"));
    peer_expect_channel_exception(p, 404, "no previously declared queue", queue_unbind);
}

/* rows: 207 */
static void reopened_channel_has_no_last_queue(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_close_channel(p);
    peer_reopen(p);
    peer_send(p, basic_get, .queue = SLICE(""));
    peer_expect_channel_exception(p, 404, "no previously declared queue", basic_get);
}

/* rows: 208 */
static void declare_without_wait_is_usable_by_the_next_method(void **state) {
    struct peer *p = peer_connect(*state);

    peer_cork(p);
    peer_send(p, queue_declare, .queue = SLICE("q"), .no_wait = true);
    peer_publish(p, "", "q", "body");
    peer_send(p, basic_get, .queue = SLICE(""), .no_ack = true);
    peer_uncork(p);
    peer_skip(p, basic_get_ok);
    peer_expect_content(p, "body");
}

static void deleted_queue_can_be_declared_anew(void **state) {
    struct peer *p = peer_connect(*state);

    for (int i = 0; i < 3; i++) {
        peer_declare_queue(p, "q");
        peer_publish(p, "", "q", "body");
        peer_send(p, queue_delete, .queue = SLICE("q"));
        peer_expect(p, queue_delete_ok, .message_count = 1);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CONVERSATION(server_named_queue_is_amq_gen_and_22_characters),
        CONVERSATION(redeclare_of_a_generated_name_is_403),
        CONVERSATION(declare_of_a_reserved_name_is_403),
        CONVERSATION(declare_ok_counts_ready_messages_and_consumers),
        CONVERSATION(passive_declare_of_a_missing_queue_is_404),
        CONVERSATION(passive_declare_of_the_empty_name_is_404),
        CONVERSATION(passive_declare_sets_the_last_queue),
        CONVERSATION(last_queue_belongs_to_the_channel),
        CONVERSATION(another_durable_flag_is_406),
        CONVERSATION(another_auto_delete_flag_is_406),
        CONVERSATION(unknown_further_arguments_are_ok),
        CONVERSATION(declare_of_anothers_exclusive_queue_is_405),
        CONVERSATION(exclusive_mismatch_comes_before_any_other),
        CONVERSATION(passive_declare_of_anothers_exclusive_queue_is_405),
        CONVERSATION(use_of_anothers_exclusive_queue_is_405),
        CONVERSATION(ordinary_queue_cannot_become_exclusive),
        CONVERSATION(exclusive_queue_is_gone_before_close_ok),
        CONVERSATION(exclusive_queue_is_gone_with_tcp),
        CONVERSATION(exclusive_queue_is_gone_with_a_connection_exception),
        CONVERSATION(exclusive_durable_queue_counts_as_transient),
        CONVERSATION(auto_delete_queue_goes_with_the_last_cancel),
        CONVERSATION(auto_delete_queue_goes_with_the_channel_of_its_last_consumer),
        CONVERSATION(auto_delete_queue_goes_with_the_connection_of_its_last_consumer),
        CONVERSATION(auto_delete_queue_does_not_go_with_a_get),
        CONVERSATION(delete_of_a_missing_queue_counts_0),
        CONVERSATION(delete_if_unused_with_a_consumer_is_406),
        CONVERSATION(delete_if_empty_with_a_message_is_406),
        CONVERSATION(delete_tests_empty_before_unused),
        CONVERSATION(unacked_messages_do_not_keep_a_queue_from_being_empty),
        CONVERSATION(delete_ok_counts_ready_messages),
        CONVERSATION(purge_counts_and_leaves_the_unacked_ones),
        CONVERSATION(purge_of_a_missing_queue_is_404),
        CONVERSATION(last_queue_where_there_is_none_is_404),
        CONVERSATION(reopened_channel_has_no_last_queue),
        CONVERSATION(declare_without_wait_is_usable_by_the_next_method),
        CONVERSATION(deleted_queue_can_be_declared_anew),
    };

    return cmocka_run_group_tests_name("queues", tests, NULL, NULL);
}
