/* SPDX-License-Identifier: Apache-2.0 */
/* Declaring and deleting exchanges, and alternate exchanges. */
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

static void deleted_exchange_routes_no_more(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

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
        CONVERSATION(deleted_exchange_routes_no_more),
    };

    return cmocka_run_group_tests_name("exchanges", tests, NULL, NULL);
}
