/* SPDX-License-Identifier: Apache-2.0 */
/* Declaring and deleting exchanges, alternate exchanges, and how each type routes. */
#include "tests/support/peer.h"

#define EXCHANGE_IN_VHOST "exchange 'x' in vhost '/'"

/* rows: 88 */
static void seven_exchanges_are_predeclared(void **state) {
    static const char *const predeclared[][2] = {
        {"amq.direct", "direct"},   {"amq.fanout", "fanout"}, {"amq.topic", "topic"},
        {"amq.headers", "headers"}, {"amq.match", "headers"},
    };
    struct peer *p = peer_connect(*state);

    for (size_t i = 0; i < sizeof predeclared / sizeof predeclared[0]; i++) {
        peer_send(p, exchange_declare, .exchange = slice_from_text(predeclared[i][0]),
                  .type = slice_from_text(predeclared[i][1]), .durable = true);
        peer_expect(p, exchange_declare_ok);
    }
    peer_send(p, exchange_declare, .exchange = SLICE("amq.rabbitmq.trace"), .type = SLICE("topic"),
              .durable = true, .internal = true);
    peer_expect(p, exchange_declare_ok);
    peer_declare_queue(p, "q");
    peer_publish(p, "", "q", "by the default exchange");
    peer_expect_get(p, "q", "by the default exchange");
}

/* rows: 88 */
static void predeclared_exchange_of_another_type_is_406(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, exchange_declare, .exchange = SLICE("amq.match"), .type = SLICE("direct"),
              .durable = true);
    peer_expect_channel_exception(p, 406,
                                  "inequivalent arg 'type' for exchange 'amq.match' in vhost '/': "
                                  "received 'direct' but current is 'headers'",
                                  exchange_declare);
}

/* rows: 89 */
static void trace_exchange_is_internal(void **state) {
    struct peer *p = peer_connect(*state);

    peer_publish(p, "amq.rabbitmq.trace", "k", "body");
    peer_expect_channel_exception(
        p, 403, "cannot publish to internal exchange 'amq.rabbitmq.trace' in vhost '/'",
        basic_publish);
}

/* rows: 90 */
static void declare_again_with_the_same_flags_is_ok(void **state) {
    struct peer *p = peer_connect(*state);

    for (int i = 0; i < 2; i++) {
        peer_send(p, exchange_declare, .exchange = SLICE("x"), .type = SLICE("topic"),
                  .durable = true, .auto_delete = true, .internal = true);
        peer_expect(p, exchange_declare_ok);
    }
}

#define INEQUIVALENT(name, received, current)                                   \
    "inequivalent arg '" name "' for " EXCHANGE_IN_VHOST ": received " received \
    " but current is " current

/* rows: 91 */
static void another_type_is_406(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_exchange(p, "x", "direct");
    peer_send(p, exchange_declare, .exchange = SLICE("x"), .type = SLICE("fanout"));
    peer_expect_channel_exception(p, 406, INEQUIVALENT("type", "'fanout'", "'direct'"),
                                  exchange_declare);
}

/* rows: 92 */
static void another_durable_flag_is_406(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_exchange(p, "x", "direct");
    peer_send(p, exchange_declare, .exchange = SLICE("x"), .type = SLICE("direct"),
              .durable = true);
    peer_expect_channel_exception(p, 406, INEQUIVALENT("durable", "'true'", "'false'"),
                                  exchange_declare);
}

/* rows: 93 */
static void another_auto_delete_flag_is_406(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_exchange(p, "x", "direct");
    peer_send(p, exchange_declare, .exchange = SLICE("x"), .type = SLICE("direct"),
              .auto_delete = true);
    peer_expect_channel_exception(p, 406, INEQUIVALENT("auto_delete", "'true'", "'false'"),
                                  exchange_declare);
}

/* rows: 94 */
static void another_internal_flag_is_406(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_exchange(p, "x", "direct");
    peer_send(p, exchange_declare, .exchange = SLICE("x"), .type = SLICE("direct"),
              .internal = true);
    peer_expect_channel_exception(p, 406, INEQUIVALENT("internal", "'true'", "'false'"),
                                  exchange_declare);
}

/* rows: 95 */
static void unknown_arguments_do_not_count_in_a_redeclare(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_exchange(p, "x", "direct");
    peer_send(p, exchange_declare, .exchange = SLICE("x"), .type = SLICE("direct"),
              .arguments = SLICE("\x08my-stuffS\0\0\0\1y"));
    peer_expect(p, exchange_declare_ok);
}

#define ALTERNATE(name_len, name) \
    SLICE("\x12"                  \
          "alternate-exchangeS\0\0\0" name_len name)

/* rows: 96 */
static void another_alternate_exchange_is_406(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, exchange_declare, .exchange = SLICE("x"), .type = SLICE("direct"),
              .arguments = ALTERNATE("\x02", "a1"));
    peer_expect(p, exchange_declare_ok);
    peer_send(p, exchange_declare, .exchange = SLICE("x"), .type = SLICE("direct"),
              .arguments = ALTERNATE("\x02", "a1"));
    peer_expect(p, exchange_declare_ok);
    peer_send(p, exchange_declare, .exchange = SLICE("x"), .type = SLICE("direct"),
              .arguments = ALTERNATE("\x02", "a2"));
    peer_expect_channel_exception(p, 406, INEQUIVALENT("alternate-exchange", "'a2'", "'a1'"),
                                  exchange_declare);
}

/* rows: 96 */
static void alternate_exchange_on_one_side_only_is_406(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_exchange(p, "x", "direct");
    peer_send(p, exchange_declare, .exchange = SLICE("x"), .type = SLICE("direct"),
              .arguments = ALTERNATE("\x02", "a2"));
    peer_expect_channel_exception(
        p, 406, INEQUIVALENT("alternate-exchange", "the value 'a2' of type 'longstr'", "none"),
        exchange_declare);
}

/* rows: 97 */
static void alternate_exchange_of_a_wrong_type_is_406(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, exchange_declare, .exchange = SLICE("x"), .type = SLICE("direct"),
              .arguments = SLICE("\x12"
                                 "alternate-exchangeI\0\0\0\1"));
    peer_expect_channel_exception(
        p, 406, "invalid type 'signedint' for arg 'alternate-exchange' in " EXCHANGE_IN_VHOST,
        exchange_declare);
}

/* rows: 98 */
static void unknown_type_is_406(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, exchange_declare, .exchange = SLICE("x"), .type = SLICE("nosuch"));
    peer_expect_channel_exception(p, 406, "unknown exchange type 'nosuch'", exchange_declare);
}

/* rows: 99 */
static void declare_of_the_default_exchange_is_403(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, exchange_declare, .type = SLICE("direct"), .durable = true);
    peer_expect_channel_exception(p, 403, "operation not permitted on the default exchange",
                                  exchange_declare);
}

/* rows: 100 */
static void declare_of_a_new_reserved_name_is_403(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, exchange_declare, .exchange = SLICE("amq.foo"), .type = SLICE("direct"));
    peer_expect_channel_exception(
        p, 403, "exchange name 'amq.foo' contains reserved prefix 'amq.*'", exchange_declare);
}

/* rows: 101 */
static void declare_of_amq_direct_as_it_is_is_ok(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, exchange_declare, .exchange = SLICE("amq.direct"), .type = SLICE("direct"),
              .durable = true);
    peer_expect(p, exchange_declare_ok);
}

/* rows: 102 */
static void passive_declare_of_a_missing_exchange_is_404(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, exchange_declare, .exchange = SLICE("x"), .type = SLICE("direct"),
              .passive = true);
    peer_expect_channel_exception(p, 404, "no " EXCHANGE_IN_VHOST, exchange_declare);
}

/* rows: 103 */
static void passive_declare_looks_at_neither_type_nor_flags(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_exchange(p, "x", "direct");
    peer_send(p, exchange_declare, .exchange = SLICE("x"), .type = SLICE("nosuch"), .passive = true,
              .durable = true, .internal = true);
    peer_expect(p, exchange_declare_ok);
}

/* rows: 104 */
static void passive_declare_of_the_default_exchange_is_403(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, exchange_declare, .passive = true);
    peer_expect_channel_exception(p, 403, "operation not permitted on the default exchange",
                                  exchange_declare);
}

/* rows: 105 */
static void line_ends_vanish_from_names(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_exchange(p, "\rx\n", "direct");
    peer_send(p, exchange_declare, .exchange = SLICE("x"), .passive = true);
    peer_expect(p, exchange_declare_ok);
    peer_send(p, queue_declare, .queue = SLICE("q\r\n1"));
    peer_expect(p, queue_declare_ok, .queue = SLICE("q1"));
    peer_bind_queue(p, "\nq1", "x\r", "k");
    peer_send(p, exchange_delete, .exchange = SLICE("x\n"));
    peer_expect(p, exchange_delete_ok);
    peer_send(p, exchange_declare, .exchange = SLICE("x"), .passive = true);
    peer_expect_channel_exception(p, 404, "no " EXCHANGE_IN_VHOST, exchange_declare);
}

/* rows: 106 */
static void delete_of_a_missing_exchange_is_ok(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, exchange_delete, .exchange = SLICE("x"));
    peer_expect(p, exchange_delete_ok);
}

/* rows: 107 */
static void delete_of_a_system_exchange_is_403(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, exchange_delete, .exchange = SLICE("amq.direct"));
    peer_expect_channel_exception(
        p, 403, "deletion of system exchange 'amq.direct' in vhost '/' not allowed",
        exchange_delete);
    peer_reopen(p);
    peer_send(p, exchange_delete, .exchange = SLICE("amq.nope"));
    peer_expect_channel_exception(
        p, 403, "deletion of system exchange 'amq.nope' in vhost '/' not allowed", exchange_delete);
}

/* rows: 108 */
static void delete_of_the_default_exchange_is_403(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, exchange_delete, .exchange = SLICE(""));
    peer_expect_channel_exception(p, 403, "operation not permitted on the default exchange",
                                  exchange_delete);
}

/* rows: 109 */
static void delete_if_unused_of_a_source_is_406(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_exchange(p, "x", "direct");
    peer_declare_queue(p, "q");
    peer_bind_queue(p, "q", "x", "k");
    peer_send(p, exchange_delete, .exchange = SLICE("x"), .if_unused = true);
    peer_expect_channel_exception(p, 406, EXCHANGE_IN_VHOST " in use", exchange_delete);
    peer_reopen(p);
    peer_send(p, exchange_delete, .exchange = SLICE("x"));
    peer_expect(p, exchange_delete_ok);
}

/* rows: 110 */
static void delete_if_unused_of_a_mere_destination_deletes(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_exchange(p, "x", "direct");
    peer_bind_exchange(p, "x", "amq.fanout", "");
    peer_send(p, exchange_delete, .exchange = SLICE("x"), .if_unused = true);
    peer_expect(p, exchange_delete_ok);
    peer_send(p, exchange_declare, .exchange = SLICE("x"), .passive = true);
    peer_expect_channel_exception(p, 404, "no " EXCHANGE_IN_VHOST, exchange_declare);
}

/* rows: 111 */
static void no_wait_is_silent_on_success(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, exchange_declare, .exchange = SLICE("x"), .type = SLICE("direct"),
              .no_wait = true);
    peer_send(p, exchange_declare, .exchange = SLICE("y"), .type = SLICE("direct"),
              .no_wait = true);
    peer_send(p, queue_declare, .queue = SLICE("q"), .no_wait = true);
    peer_send(p, queue_bind, .queue = SLICE("q"), .exchange = SLICE("x"), .routing_key = SLICE("k"),
              .no_wait = true);
    peer_send(p, exchange_bind, .destination = SLICE("x"), .source = SLICE("y"),
              .routing_key = SLICE("k"), .no_wait = true);
    peer_publish(p, "y", "k", "body");
    peer_expect_get(p, "q", "body");
    peer_send(p, exchange_unbind, .destination = SLICE("x"), .source = SLICE("y"),
              .routing_key = SLICE("k"), .no_wait = true);
    peer_send(p, queue_purge, .queue = SLICE("q"), .no_wait = true);
    peer_send(p, queue_delete, .queue = SLICE("q"), .no_wait = true);
    peer_send(p, exchange_delete, .exchange = SLICE("x"), .no_wait = true);
    peer_expect_nothing(p);
    peer_send(p, exchange_declare, .exchange = SLICE("x"), .passive = true, .no_wait = true);
    peer_expect_channel_exception(p, 404, "no " EXCHANGE_IN_VHOST, exchange_declare);
}

static bool exchange_exists(struct peer *p, const char *name) {
    peer_open_channel(p, 9);
    peer_send_on(p, 9, exchange_declare, .exchange = slice_from_text(name), .passive = true);
    if (p->received.len > 0 && p->received.data[AMQP_FRAME_HEAD_SIZE + 1] == AMQP_CLASS_CHANNEL) {
        peer_skip_on(p, 9, channel_close);
        peer_send_on(p, 9, channel_close_ok);
        return false;
    }
    peer_expect_on(p, 9, exchange_declare_ok);
    peer_send_on(p, 9, channel_close, .reply_code = 200);
    peer_expect_on(p, 9, channel_close_ok);
    return true;
}

static void declare_auto_delete(struct peer *p, const char *name) {
    peer_send(p, exchange_declare, .exchange = slice_from_text(name), .type = SLICE("direct"),
              .auto_delete = true);
    peer_expect(p, exchange_declare_ok);
}

/* rows: 112 */
static void auto_delete_exchange_goes_with_its_last_outgoing_binding(void **state) {
    struct peer *p = peer_connect(*state);

    declare_auto_delete(p, "x");
    peer_declare_queue(p, "q");
    peer_bind_queue(p, "q", "x", "k1");
    peer_bind_queue(p, "q", "x", "k2");
    peer_send(p, queue_unbind, .queue = SLICE("q"), .exchange = SLICE("x"),
              .routing_key = SLICE("k1"));
    peer_expect(p, queue_unbind_ok);
    assert_true(exchange_exists(p, "x"));
    peer_send(p, queue_unbind, .queue = SLICE("q"), .exchange = SLICE("x"),
              .routing_key = SLICE("k2"));
    peer_expect(p, queue_unbind_ok);
    assert_false(exchange_exists(p, "x"));
}

/* rows: 113 */
static void auto_delete_exchange_never_bound_stays(void **state) {
    struct peer *p = peer_connect(*state);

    declare_auto_delete(p, "x");
    peer_bind_exchange(p, "x", "amq.fanout", "");
    peer_send(p, exchange_unbind, .destination = SLICE("x"), .source = SLICE("amq.fanout"));
    peer_expect(p, exchange_unbind_ok);
    assert_true(exchange_exists(p, "x"));
}

/* rows: 114 */
static void auto_delete_exchange_goes_when_its_destination_is_deleted(void **state) {
    struct peer *p = peer_connect(*state);

    declare_auto_delete(p, "x");
    peer_declare_queue(p, "q");
    peer_bind_queue(p, "q", "x", "k");
    peer_send(p, queue_delete, .queue = SLICE("q"));
    peer_expect(p, queue_delete_ok);
    assert_false(exchange_exists(p, "x"));
}

/* rows: 114 */
static void auto_delete_exchanges_go_one_after_the_other(void **state) {
    struct peer *p = peer_connect(*state);

    declare_auto_delete(p, "x");
    declare_auto_delete(p, "y");
    declare_auto_delete(p, "z");
    peer_bind_exchange(p, "y", "x", "k");
    peer_bind_exchange(p, "z", "y", "k");
    peer_send(p, exchange_delete, .exchange = SLICE("z"));
    peer_expect(p, exchange_delete_ok);
    assert_false(exchange_exists(p, "y"));
    assert_false(exchange_exists(p, "x"));
}

/* rows: 115 */
static void publish_to_an_internal_exchange_is_403(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, exchange_declare, .exchange = SLICE("x"), .type = SLICE("fanout"),
              .internal = true);
    peer_expect(p, exchange_declare_ok);
    peer_publish(p, "x", "k", "body");
    peer_expect_channel_exception(p, 403, "cannot publish to internal " EXCHANGE_IN_VHOST,
                                  basic_publish);
}

/* rows: 116 */
static void publish_to_a_missing_exchange_is_404(void **state) {
    struct peer *p = peer_connect(*state);

    peer_publish(p, "x", "k", "body");
    peer_expect_channel_exception(p, 404, "no " EXCHANGE_IN_VHOST, basic_publish);
}

/* rows: 117 */
static void internal_exchange_can_be_bound_at_both_ends(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, exchange_declare, .exchange = SLICE("x"), .type = SLICE("fanout"),
              .internal = true);
    peer_expect(p, exchange_declare_ok);
    peer_declare_queue(p, "q");
    peer_bind_exchange(p, "x", "amq.direct", "k");
    peer_bind_queue(p, "q", "x", "");
    peer_publish(p, "amq.direct", "k", "through");
    peer_expect_get(p, "q", "through");
}

/* x of type direct, whose alternate is the fanout exchange "alternate" with the queue "q". */
static struct peer *connect_with_alternate(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_exchange(p, "alternate", "fanout");
    peer_send(p, exchange_declare, .exchange = SLICE("x"), .type = SLICE("direct"),
              .arguments = ALTERNATE("\x09", "alternate"));
    peer_expect(p, exchange_declare_ok);
    peer_declare_queue(p, "q");
    peer_bind_queue(p, "q", "alternate", "");
    return p;
}

/* rows: 118 119 */
static void alternate_exchange_gets_what_had_no_route(void **state) {
    struct peer *p = connect_with_alternate(state);

    peer_publish(p, "x", "nowhere", "body");
    peer_send(p, basic_get, .queue = SLICE("q"), .no_ack = true);
    peer_expect(p, basic_get_ok, .delivery_tag = 1, .exchange = SLICE("x"),
                .routing_key = SLICE("nowhere"));
    peer_expect_content(p, "body");
}

static void alternate_exchange_gets_nothing_that_had_a_route(void **state) {
    struct peer *p = connect_with_alternate(state);

    peer_declare_queue(p, "direct");
    peer_bind_queue(p, "direct", "x", "k");
    peer_publish(p, "x", "k", "body");
    peer_expect_get(p, "direct", "body");
    peer_expect_get_empty(p, "q");
}

/* rows: 120 */
static void message_routed_by_the_alternate_is_not_returned(void **state) {
    struct peer *p = connect_with_alternate(state);

    peer_send(p, basic_publish, .exchange = SLICE("x"), .routing_key = SLICE("k"),
              .mandatory = true);
    peer_send_content(p, "body", .flags = 0);
    peer_expect_nothing(p);
    peer_expect_get(p, "q", "body");
}

/* rows: 121 */
static void missing_alternate_exchange_is_ignored(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, exchange_declare, .exchange = SLICE("x"), .type = SLICE("direct"),
              .arguments = ALTERNATE("\x04", "nope"));
    peer_expect(p, exchange_declare_ok);
    peer_publish(p, "x", "k", "dropped");
    peer_send(p, basic_publish, .exchange = SLICE("x"), .routing_key = SLICE("k"),
              .mandatory = true);
    peer_send_content(p, "returned", .flags = 0);
    peer_expect(p, basic_return, .reply_code = 312, .reply_text = SLICE("NO_ROUTE"),
                .exchange = SLICE("x"), .routing_key = SLICE("k"));
    peer_expect_content(p, "returned");
}

/* rows: 122 */
static void alternate_exchanges_chain(void **state) {
    struct peer *p = connect_with_alternate(state);

    peer_send(p, exchange_declare, .exchange = SLICE("first"), .type = SLICE("direct"),
              .arguments = ALTERNATE("\x01", "x"));
    peer_expect(p, exchange_declare_ok);
    peer_publish(p, "first", "k", "body");
    peer_expect_get(p, "q", "body");
}

static void cycle_of_alternate_exchanges_ends(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, exchange_declare, .exchange = SLICE("a"), .type = SLICE("direct"),
              .arguments = ALTERNATE("\x01", "b"));
    peer_expect(p, exchange_declare_ok);
    peer_send(p, exchange_declare, .exchange = SLICE("b"), .type = SLICE("direct"),
              .arguments = ALTERNATE("\x01", "a"));
    peer_expect(p, exchange_declare_ok);
    peer_publish(p, "a", "k", "dropped");
    peer_expect_nothing(p);
}

/* rows: 124 */
static void direct_matches_the_whole_key(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_bind_queue(p, "q", "amq.direct", "key");
    peer_publish(p, "amq.direct", "ke", "no");
    peer_publish(p, "amq.direct", "key.", "no");
    peer_publish(p, "amq.direct", "KEY", "no");
    peer_publish(p, "amq.direct", "", "no");
    peer_publish(p, "amq.direct", "key", "yes");
    peer_expect_get(p, "q", "yes");
    peer_expect_get_empty(p, "q");
}

/* rows: 125 */
static void fanout_does_not_look_at_the_key(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q1");
    peer_declare_queue(p, "q2");
    peer_bind_queue(p, "q1", "amq.fanout", "this");
    peer_bind_queue(p, "q2", "amq.fanout", "");
    peer_publish(p, "amq.fanout", "that", "body");
    peer_expect_get(p, "q1", "body");
    peer_expect_get(p, "q2", "body");
}

static bool topic_matches(struct peer *p, const char *binding_key, const char *routing_key) {
    bool is_match;

    peer_bind_queue(p, "q", "amq.topic", binding_key);
    peer_publish(p, "amq.topic", routing_key, "body");
    peer_send(p, queue_purge, .queue = SLICE("q"));
    is_match = peer_receive(p, queue_purge_ok)->message_count > 0;
    peer_send(p, queue_unbind, .queue = SLICE("q"), .exchange = SLICE("amq.topic"),
              .routing_key = slice_from_text(binding_key));
    peer_expect(p, queue_unbind_ok);
    return is_match;
}

struct topic_case {
    const char *binding_key;
    const char *routing_key;
    bool matches;
};

static void check_topics(void **state, const struct topic_case cases[], size_t count) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    for (size_t i = 0; i < count; i++) {
        if (topic_matches(p, cases[i].binding_key, cases[i].routing_key) != cases[i].matches)
            fail_msg("binding key '%s' and routing key '%s'", cases[i].binding_key,
                     cases[i].routing_key);
    }
}

#define CHECK_TOPICS(state, ...)                                    \
    do {                                                            \
        static const struct topic_case cases[] = {__VA_ARGS__};     \
        check_topics(state, cases, sizeof cases / sizeof cases[0]); \
    } while (0)

/* rows: 126 */
static void topic_star_is_one_word_and_hash_any_number(void **state) {
    CHECK_TOPICS(state, {"*", "a", true}, {"*", "a.b", false}, {"#", "a", true},
                 {"#", "a.b.c", true}, {"a.*.c", "a.b.c", true}, {"a.*.c", "a.c", false},
                 {"a.*.c", "a.b.b.c", false}, {"#.a", "a", true}, {"#.a", "b.a", true},
                 {"#.a", "c.b.a", true}, {"#.a", "a.b", false}, {"a.b", "a.b", true},
                 {"a.b", "a.c", false}, {"#.*", "a", true}, {"#.*", "a.b", true},
                 {"*.#", "a", true}, {"*.#", "a.b", true}, {"#.#", "a", true}, {"#.#", "a.b", true},
                 {"*.*", "a", false}, {"*.*", "a.b.c", false});
}

/* rows: 127 */
static void topic_empty_words_are_words(void **state) {
    CHECK_TOPICS(state, {"a.*.c", "a..c", true}, {"*.*", ".", true}, {"*", ".", false},
                 {"a.#", "a.", true}, {"", "", true}, {"", "a", false}, {"a.", "a.", true},
                 {"a.", "a", false}, {".", ".", true}, {"*.*.*", "..", true});
}

/* rows: 128 129 */
static void topic_hash_takes_the_empty_key_and_star_does_not(void **state) {
    CHECK_TOPICS(state, {"#", "", true}, {"#.#", "", true}, {"*", "", false}, {"#.*", "", false},
                 {"*.#", "", false});
}

/* rows: 130 131 */
static void topic_hash_takes_no_word(void **state) {
    CHECK_TOPICS(state, {"a.#", "a", true}, {"a.#", "a.b", true}, {"a.#", "a.b.c", true},
                 {"a.#", "b", false}, {"a.#", "ab", false}, {"a.#.c", "a.c", true},
                 {"a.#.c", "a.b.c", true}, {"a.#.c", "a.b.b.c", true}, {"a.#.c", "a.c.c", true},
                 {"a.#.c", "a.c.b", false});
}

/* rows: 132 */
static void topic_wildcard_inside_a_word_is_literal(void **state) {
    CHECK_TOPICS(state, {"a*", "a*", true}, {"a*", "ab", false}, {"#a", "#a", true},
                 {"#a", "b.a", false}, {"**", "a", false}, {"##", "a", false});
}

/* rows: 133 */
static void topic_binding_with_three_hashes_is_406(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_bind_queue(p, "q", "amq.topic", "#.a.#");
    peer_send(p, queue_bind, .queue = SLICE("q"), .exchange = SLICE("amq.topic"),
              .routing_key = SLICE("#.a.#.b.#"));
    peer_expect_channel_exception(
        p, 406, "Topic binding key '#.a.#.b.#' uses 3 '#' wildcards, at most 2 are allowed",
        queue_bind);
}

/* Does a headers binding with these arguments take a message with these headers? */
static bool headers_match(struct peer *p, struct slice arguments, struct slice headers) {
    bool is_match;

    peer_bind_queue_with(p, "q", "amq.headers", "", arguments);
    peer_publish_with(p, "amq.headers", "ignored", "body", .headers = headers);
    peer_send(p, queue_purge, .queue = SLICE("q"));
    is_match = peer_receive(p, queue_purge_ok)->message_count > 0;
    peer_send(p, queue_unbind, .queue = SLICE("q"), .exchange = SLICE("amq.headers"),
              .arguments = arguments);
    peer_expect(p, queue_unbind_ok);
    return is_match;
}

#define MATCH_ALL            \
    "\x07x-matchS\0\0\0\x03" \
    "all"
#define MATCH_ANY            \
    "\x07x-matchS\0\0\0\x03" \
    "any"
#define MATCH_ALL_X          \
    "\x07x-matchS\0\0\0\x0a" \
    "all-with-x"
#define MATCH_ANY_X          \
    "\x07x-matchS\0\0\0\x0a" \
    "any-with-x"
#define ENTRY_A1   \
    "\x01"         \
    "aS\0\0\0\x01" \
    "1"
#define ENTRY_A2   \
    "\x01"         \
    "aS\0\0\0\x01" \
    "2"
#define ENTRY_B1   \
    "\x01"         \
    "bS\0\0\0\x01" \
    "1"
#define ENTRY_X1         \
    "\x03x-kS\0\0\0\x01" \
    "1"
#define ENTRY_X2         \
    "\x03x-kS\0\0\0\x01" \
    "2"

static struct peer *connect_with_queue(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    return p;
}

/* rows: 134 */
static void headers_without_x_match_need_all(void **state) {
    struct peer *p = connect_with_queue(state);

    assert_true(headers_match(p, SLICE(ENTRY_A1 ENTRY_B1), SLICE(ENTRY_B1 ENTRY_A1)));
    assert_false(headers_match(p, SLICE(ENTRY_A1 ENTRY_B1), SLICE(ENTRY_A1)));
    assert_false(headers_match(p, SLICE(ENTRY_A1), SLICE(ENTRY_A2)));
    assert_true(headers_match(p, SLICE(MATCH_ALL ENTRY_A1), SLICE(ENTRY_A1 ENTRY_B1)));
    assert_false(headers_match(p, SLICE(MATCH_ALL ENTRY_A1 ENTRY_B1), SLICE(ENTRY_A1)));
}

/* rows: 135 */
static void headers_any_needs_one(void **state) {
    struct peer *p = connect_with_queue(state);

    assert_true(headers_match(p, SLICE(MATCH_ANY ENTRY_A1 ENTRY_B1), SLICE(ENTRY_B1)));
    assert_true(headers_match(p, SLICE(MATCH_ANY ENTRY_A2 ENTRY_B1), SLICE(ENTRY_A1 ENTRY_B1)));
    assert_false(headers_match(p, SLICE(MATCH_ANY ENTRY_A1 ENTRY_B1), SLICE(ENTRY_A2)));
}

/* rows: 136 */
static void headers_all_with_x_compares_x_keys(void **state) {
    struct peer *p = connect_with_queue(state);

    assert_true(headers_match(p, SLICE(MATCH_ALL_X ENTRY_A1 ENTRY_X1), SLICE(ENTRY_A1 ENTRY_X1)));
    assert_false(headers_match(p, SLICE(MATCH_ALL_X ENTRY_A1 ENTRY_X1), SLICE(ENTRY_A1)));
    assert_false(headers_match(p, SLICE(MATCH_ALL_X ENTRY_A1 ENTRY_X1), SLICE(ENTRY_A1 ENTRY_X2)));
}

/* rows: 137 */
static void headers_any_with_x_matches_by_an_x_key(void **state) {
    struct peer *p = connect_with_queue(state);

    assert_true(headers_match(p, SLICE(MATCH_ANY_X ENTRY_A1 ENTRY_X1), SLICE(ENTRY_X1)));
    assert_false(headers_match(p, SLICE(MATCH_ANY_X ENTRY_A1 ENTRY_X1), SLICE(ENTRY_X2)));
    assert_false(headers_match(p, SLICE(MATCH_ANY_X ENTRY_A1), SLICE(MATCH_ANY_X)));
}

/* rows: 138 */
static void headers_all_and_any_skip_x_keys(void **state) {
    struct peer *p = connect_with_queue(state);

    assert_true(headers_match(p, SLICE(MATCH_ALL ENTRY_A1 ENTRY_X1), SLICE(ENTRY_A1)));
    assert_false(headers_match(p, SLICE(MATCH_ANY ENTRY_A1 ENTRY_X1), SLICE(ENTRY_X1)));
}

/* rows: 139 */
static void headers_void_asks_for_presence(void **state) {
    struct peer *p = connect_with_queue(state);

    assert_true(headers_match(p,
                              SLICE("\x01"
                                    "aV"),
                              SLICE(ENTRY_A2)));
    assert_true(headers_match(p,
                              SLICE("\x01"
                                    "aV"),
                              SLICE("\x01"
                                    "aV")));
    assert_false(headers_match(p,
                               SLICE("\x01"
                                     "aV"),
                               SLICE(ENTRY_B1)));
}

/* rows: 140 */
static void headers_empty_all_matches_everything(void **state) {
    struct peer *p = connect_with_queue(state);

    assert_true(headers_match(p, SLICE(MATCH_ALL), SLICE(ENTRY_A1)));
    assert_true(headers_match(p, SLICE(""), SLICE("")));
}

/* rows: 141 */
static void headers_empty_any_matches_nothing(void **state) {
    struct peer *p = connect_with_queue(state);

    assert_false(headers_match(p, SLICE(MATCH_ANY), SLICE(ENTRY_A1)));
    assert_false(headers_match(p, SLICE(MATCH_ANY), SLICE("")));
}

/* rows: 142 */
static void headers_bad_x_match_is_406(void **state) {
    struct peer *p = connect_with_queue(state);

    peer_send(p, queue_bind, .queue = SLICE("q"), .exchange = SLICE("amq.headers"),
              .arguments = SLICE("\x07x-matchS\0\0\0\x03"
                                 "foo"));
    peer_expect_channel_exception(p, 406,
                                  "Invalid x-match field value <<\"foo\">>; expected all, any, "
                                  "all-with-x, or any-with-x",
                                  queue_bind);
    peer_reopen(p);
    peer_send(p, queue_bind, .queue = SLICE("q"), .exchange = SLICE("amq.headers"),
              .arguments = SLICE("\x07x-matchI\0\0\0\x05"));
    peer_expect_channel_exception(
        p, 406, "Invalid x-match field type signedint (value 5); expected longstr", queue_bind);
}

#define ENTRY_BYTE  "\x01nb\x05"
#define ENTRY_INT   "\x01nI\0\0\0\x05"
#define ENTRY_LONG  "\x01nl\0\0\0\0\0\0\0\x05"
#define ENTRY_INT_1 "\x01nI\0\0\0\x01"
#define ENTRY_TRUE  "\x01nt\x01"
#define ENTRY_1_0   "\x01nd\x3f\xf0\0\0\0\0\0\0"

/* rows: 143 */
static void headers_integer_tags_are_alike(void **state) {
    struct peer *p = connect_with_queue(state);

    assert_true(headers_match(p, SLICE(ENTRY_BYTE), SLICE(ENTRY_LONG)));
    assert_true(headers_match(p, SLICE(ENTRY_LONG), SLICE(ENTRY_INT)));
    assert_false(headers_match(p, SLICE(ENTRY_INT), SLICE(ENTRY_INT_1)));
}

/* rows: 144 */
static void headers_true_is_not_1(void **state) {
    struct peer *p = connect_with_queue(state);

    assert_false(headers_match(p, SLICE(ENTRY_TRUE), SLICE(ENTRY_INT_1)));
    assert_false(headers_match(p, SLICE(ENTRY_INT_1), SLICE(ENTRY_TRUE)));
    assert_true(headers_match(p, SLICE(ENTRY_TRUE), SLICE(ENTRY_TRUE)));
}

/* rows: 145 */
static void headers_1_is_not_1_0(void **state) {
    struct peer *p = connect_with_queue(state);

    assert_false(headers_match(p, SLICE(ENTRY_INT_1), SLICE(ENTRY_1_0)));
    assert_false(headers_match(p, SLICE(ENTRY_1_0), SLICE(ENTRY_INT_1)));
    assert_true(headers_match(p, SLICE(ENTRY_1_0), SLICE(ENTRY_1_0)));
}

static void deleted_exchange_routes_no_more(void **state) {
    struct peer *p = connect_with_queue(state);

    peer_declare_exchange(p, "x", "fanout");
    peer_bind_queue(p, "q", "x", "");
    peer_publish(p, "x", "k", "before");
    peer_send(p, exchange_delete, .exchange = SLICE("x"));
    peer_expect(p, exchange_delete_ok);
    peer_declare_exchange(p, "x", "fanout");
    peer_publish(p, "x", "k", "after");
    peer_expect_get(p, "q", "before");
    peer_expect_get_empty(p, "q");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CONVERSATION(seven_exchanges_are_predeclared),
        CONVERSATION(predeclared_exchange_of_another_type_is_406),
        CONVERSATION(trace_exchange_is_internal),
        CONVERSATION(declare_again_with_the_same_flags_is_ok),
        CONVERSATION(another_type_is_406),
        CONVERSATION(another_durable_flag_is_406),
        CONVERSATION(another_auto_delete_flag_is_406),
        CONVERSATION(another_internal_flag_is_406),
        CONVERSATION(unknown_arguments_do_not_count_in_a_redeclare),
        CONVERSATION(another_alternate_exchange_is_406),
        CONVERSATION(alternate_exchange_on_one_side_only_is_406),
        CONVERSATION(alternate_exchange_of_a_wrong_type_is_406),
        CONVERSATION(unknown_type_is_406),
        CONVERSATION(declare_of_the_default_exchange_is_403),
        CONVERSATION(declare_of_a_new_reserved_name_is_403),
        CONVERSATION(declare_of_amq_direct_as_it_is_is_ok),
        CONVERSATION(passive_declare_of_a_missing_exchange_is_404),
        CONVERSATION(passive_declare_looks_at_neither_type_nor_flags),
        CONVERSATION(passive_declare_of_the_default_exchange_is_403),
        CONVERSATION(line_ends_vanish_from_names),
        CONVERSATION(delete_of_a_missing_exchange_is_ok),
        CONVERSATION(delete_of_a_system_exchange_is_403),
        CONVERSATION(delete_of_the_default_exchange_is_403),
        CONVERSATION(delete_if_unused_of_a_source_is_406),
        CONVERSATION(delete_if_unused_of_a_mere_destination_deletes),
        CONVERSATION(no_wait_is_silent_on_success),
        CONVERSATION(auto_delete_exchange_goes_with_its_last_outgoing_binding),
        CONVERSATION(auto_delete_exchange_never_bound_stays),
        CONVERSATION(auto_delete_exchange_goes_when_its_destination_is_deleted),
        CONVERSATION(auto_delete_exchanges_go_one_after_the_other),
        CONVERSATION(publish_to_an_internal_exchange_is_403),
        CONVERSATION(publish_to_a_missing_exchange_is_404),
        CONVERSATION(internal_exchange_can_be_bound_at_both_ends),
        CONVERSATION(alternate_exchange_gets_what_had_no_route),
        CONVERSATION(alternate_exchange_gets_nothing_that_had_a_route),
        CONVERSATION(message_routed_by_the_alternate_is_not_returned),
        CONVERSATION(missing_alternate_exchange_is_ignored),
        CONVERSATION(alternate_exchanges_chain),
        CONVERSATION(cycle_of_alternate_exchanges_ends),
        CONVERSATION(direct_matches_the_whole_key),
        CONVERSATION(fanout_does_not_look_at_the_key),
        CONVERSATION(topic_star_is_one_word_and_hash_any_number),
        CONVERSATION(topic_empty_words_are_words),
        CONVERSATION(topic_hash_takes_the_empty_key_and_star_does_not),
        CONVERSATION(topic_hash_takes_no_word),
        CONVERSATION(topic_wildcard_inside_a_word_is_literal),
        CONVERSATION(topic_binding_with_three_hashes_is_406),
        CONVERSATION(headers_without_x_match_need_all),
        CONVERSATION(headers_any_needs_one),
        CONVERSATION(headers_all_with_x_compares_x_keys),
        CONVERSATION(headers_any_with_x_matches_by_an_x_key),
        CONVERSATION(headers_all_and_any_skip_x_keys),
        CONVERSATION(headers_void_asks_for_presence),
        CONVERSATION(headers_empty_all_matches_everything),
        CONVERSATION(headers_empty_any_matches_nothing),
        CONVERSATION(headers_bad_x_match_is_406),
        CONVERSATION(headers_integer_tags_are_alike),
        CONVERSATION(headers_true_is_not_1),
        CONVERSATION(headers_1_is_not_1_0),
        CONVERSATION(deleted_exchange_routes_no_more),
    };

    return cmocka_run_group_tests_name("exchanges", tests, NULL, NULL);
}
