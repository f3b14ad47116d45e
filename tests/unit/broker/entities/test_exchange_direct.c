/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/broker/entities/support.h"

static void only_the_exact_key_matches(void **state) {
    /* rows: 124 */
    struct fixture *f = *state;

    declare_exchange(f, "x", "direct");
    declare_queue(f, "a");
    declare_queue(f, "b");
    declare_queue(f, "none");
    bind_queue(f, "x", "a", "key");
    bind_queue(f, "x", "b", "key.long");
    bind_queue(f, "x", "none", "");
    assert_string_equal(routed_to(f, "x", "key"), "a");
    assert_string_equal(routed_to(f, "x", "key.long"), "b");
    assert_string_equal(routed_to(f, "x", "Key"), "");
    assert_string_equal(routed_to(f, "x", "key."), "");
    assert_string_equal(routed_to(f, "x", "*"), "");
    assert_string_equal(routed_to(f, "x", ""), "none");
}

static void wildcards_are_ordinary_characters(void **state) {
    struct fixture *f = *state;

    declare_queue(f, "q");
    bind_queue(f, "amq.direct", "q", "#");
    assert_string_equal(routed_to(f, "amq.direct", "a"), "");
    assert_string_equal(routed_to(f, "amq.direct", "#"), "q");
}

static void every_queue_bound_with_the_key_gets_the_message(void **state) {
    struct fixture *f = *state;

    declare_queue(f, "a");
    declare_queue(f, "b");
    bind_queue(f, "amq.direct", "a", "key");
    bind_queue(f, "amq.direct", "b", "key");
    assert_string_equal(routed_to(f, "amq.direct", "key"), "a b");
    unbind_queue(f, "amq.direct", "a", "key");
    assert_string_equal(routed_to(f, "amq.direct", "key"), "b");
    unbind_queue(f, "amq.direct", "b", "key");
    assert_string_equal(routed_to(f, "amq.direct", "key"), "");
}

static void default_exchange_routes_to_the_queue_of_that_name(void **state) {
    struct fixture *f = *state;

    declare_queue(f, "q");
    assert_string_equal(routed_to(f, "", "q"), "q");
    assert_string_equal(routed_to(f, "", "other"), "");
    assert_string_equal(routed_to(f, "", ""), "");
}

static void default_exchange_finds_reply_queues(void **state) {
    struct fixture *f = *state;
    struct queue *queue = vhost_add_reply_queue(f->vhost, SLICE("amq.rabbitmq.reply-to.g1"));

    assert_string_equal(routed_to(f, "", "amq.rabbitmq.reply-to.g1"), "amq.rabbitmq.reply-to.g1");
    assert_string_equal(routed_to(f, "", "amq.rabbitmq.reply-to.g2"), "");
    assert_null(vhost_find_queue(f->vhost, SLICE("amq.rabbitmq.reply-to.g1")));
    vhost_remove_queue(queue);
    assert_string_equal(routed_to(f, "", "amq.rabbitmq.reply-to.g1"), "");
}

static void zero_octets_in_keys_count(void **state) {
    struct fixture *f = *state;
    struct binding_request request = binding_request(f, "amq.direct", "q", "", NO_TABLE);
    struct route_request message = {.routing_key = SLICE("a\0b")};

    declare_queue(f, "q");
    request.binding_key = SLICE("a\0b");
    assert_true(try_bind(f, request));
    assert_string_equal(routed_request(f, "amq.direct", message), "q");
    assert_string_equal(routed_to(f, "amq.direct", "a"), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(only_the_exact_key_matches),
        FIXTURE_TEST(wildcards_are_ordinary_characters),
        FIXTURE_TEST(every_queue_bound_with_the_key_gets_the_message),
        FIXTURE_TEST(default_exchange_routes_to_the_queue_of_that_name),
        FIXTURE_TEST(default_exchange_finds_reply_queues),
        FIXTURE_TEST(zero_octets_in_keys_count),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
