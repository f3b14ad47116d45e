/* SPDX-License-Identifier: Apache-2.0 */
/* Binding and unbinding queues and exchanges, and the CC and BCC headers. */
#include "tests/support/peer.h"

#define NO_QUEUE    "no queue 'q' in vhost '/'"
#define NO_EXCHANGE "no exchange 'x' in vhost '/'"

/* rows: 157 */
static void bind_of_a_missing_queue_is_404(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, queue_bind, .queue = SLICE("q"), .exchange = SLICE("amq.direct"));
    peer_expect_channel_exception(p, 404, NO_QUEUE, queue_bind);
}

/* rows: 158 */
static void bind_to_a_missing_exchange_is_404(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_send(p, queue_bind, .queue = SLICE("q"), .exchange = SLICE("x"));
    peer_expect_channel_exception(p, 404, NO_EXCHANGE, queue_bind);
    peer_reopen(p);
    peer_send(p, exchange_bind, .destination = SLICE("x"), .source = SLICE("amq.direct"));
    peer_expect_channel_exception(p, 404, NO_EXCHANGE, exchange_bind);
}

/* rows: 159 */
static void exchange_is_named_when_both_are_missing(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, queue_bind, .queue = SLICE("q"), .exchange = SLICE("x"));
    peer_expect_channel_exception(p, 404, NO_EXCHANGE, queue_bind);
    peer_reopen(p);
    peer_send(p, exchange_bind, .destination = SLICE("y"), .source = SLICE("x"));
    peer_expect_channel_exception(p, 404, NO_EXCHANGE, exchange_bind);
}

/* rows: 160 */
static void bind_to_the_default_exchange_is_403(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_send(p, queue_bind, .queue = SLICE("q"), .routing_key = SLICE("k"));
    peer_expect_channel_exception(p, 403, "operation not permitted on the default exchange",
                                  queue_bind);
    peer_reopen(p);
    peer_send(p, queue_unbind, .queue = SLICE("q"), .routing_key = SLICE("q"));
    peer_expect_channel_exception(p, 403, "operation not permitted on the default exchange",
                                  queue_unbind);
    peer_reopen(p);
    peer_send(p, exchange_bind, .destination = SLICE(""), .source = SLICE("amq.direct"));
    peer_expect_channel_exception(p, 403, "operation not permitted on the default exchange",
                                  exchange_bind);
    peer_reopen(p);
    peer_send(p, exchange_unbind, .destination = SLICE("amq.direct"), .source = SLICE(""));
    peer_expect_channel_exception(p, 403, "operation not permitted on the default exchange",
                                  exchange_unbind);
}

/* rows: 161 */
static void binding_twice_delivers_once(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_bind_queue(p, "q", "amq.direct", "k");
    peer_bind_queue(p, "q", "amq.direct", "k");
    peer_publish(p, "amq.direct", "k", "once");
    peer_expect_counts(p, "q", 1, 0);
    peer_send(p, queue_unbind, .queue = SLICE("q"), .exchange = SLICE("amq.direct"),
              .routing_key = SLICE("k"));
    peer_expect(p, queue_unbind_ok);
    peer_publish(p, "amq.direct", "k", "never");
    peer_expect_counts(p, "q", 1, 0);
}

#define ARGUMENTS_1      \
    SLICE("\x01"         \
          "aI\0\0\0\x01" \
          "\x01"         \
          "bV")
#define ARGUMENTS_1_SORTED_OTHERWISE \
    SLICE("\x01"                     \
          "bV"                       \
          "\x01"                     \
          "aI\0\0\0\x01")
#define ARGUMENTS_2 \
    SLICE("\x01"    \
          "aI\0\0\0\x02")

static void unbind(struct peer *p, struct slice arguments) {
    peer_send(p, queue_unbind, .queue = SLICE("q"), .exchange = SLICE("amq.direct"),
              .routing_key = SLICE("k"), .arguments = arguments);
    peer_expect(p, queue_unbind_ok);
}

/* rows: 162 */
static void other_arguments_are_another_binding(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_bind_queue_with(p, "q", "amq.direct", "k", ARGUMENTS_1);
    peer_bind_queue_with(p, "q", "amq.direct", "k", ARGUMENTS_1_SORTED_OTHERWISE);
    peer_bind_queue_with(p, "q", "amq.direct", "k", ARGUMENTS_2);
    unbind(p, ARGUMENTS_1);
    peer_publish(p, "amq.direct", "k", "by the second");
    peer_expect_get(p, "q", "by the second");
    unbind(p, ARGUMENTS_2);
    peer_publish(p, "amq.direct", "k", "nowhere");
    peer_expect_get_empty(p, "q");
}

/* rows: 163 */
static void unbind_of_what_is_not_there_is_ok(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, queue_unbind, .queue = SLICE("q"), .exchange = SLICE("amq.direct"));
    peer_expect(p, queue_unbind_ok);
    peer_declare_queue(p, "q");
    peer_send(p, queue_unbind, .queue = SLICE("q"), .exchange = SLICE("x"));
    peer_expect(p, queue_unbind_ok);
    unbind(p, SLICE(""));
    peer_send(p, exchange_unbind, .destination = SLICE("x"), .source = SLICE("y"));
    peer_expect(p, exchange_unbind_ok);
    peer_send(p, exchange_unbind, .destination = SLICE("amq.fanout"),
              .source = SLICE("amq.direct"));
    peer_expect(p, exchange_unbind_ok);
}

/* rows: 164 */
static void unbind_with_other_arguments_leaves_the_binding(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_bind_queue(p, "q", "amq.direct", "k");
    unbind(p, ARGUMENTS_1);
    peer_publish(p, "amq.direct", "k", "still");
    peer_expect_get(p, "q", "still");
}

/* rows: 165 */
static void binding_between_exchanges_matches_the_original_key(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_bind_exchange(p, "amq.direct", "amq.topic", "a.#");
    peer_bind_queue(p, "q", "amq.direct", "a.b");
    peer_publish(p, "amq.topic", "a.b", "yes");
    peer_publish(p, "amq.topic", "a.c", "no");
    peer_send(p, basic_get, .queue = SLICE("q"), .no_ack = true);
    peer_expect(p, basic_get_ok, .delivery_tag = 1, .exchange = SLICE("amq.topic"),
                .routing_key = SLICE("a.b"));
    peer_expect_content(p, "yes");
    peer_expect_get_empty(p, "q");
}

/* rows: 166 */
static void cycle_of_exchanges_ends(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_exchange(p, "x", "fanout");
    peer_declare_exchange(p, "y", "fanout");
    peer_declare_queue(p, "q");
    peer_bind_exchange(p, "y", "x", "");
    peer_bind_exchange(p, "x", "y", "");
    peer_bind_exchange(p, "x", "x", "");
    peer_bind_queue(p, "q", "y", "");
    peer_publish(p, "x", "k", "once");
    peer_expect_get(p, "q", "once");
    peer_expect_get_empty(p, "q");
}

/* rows: 167 */
static void several_paths_are_one_copy(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_bind_queue(p, "q", "amq.topic", "a.*");
    peer_bind_queue(p, "q", "amq.topic", "#.b");
    peer_bind_queue(p, "q", "amq.fanout", "");
    peer_bind_exchange(p, "amq.fanout", "amq.topic", "#");
    peer_publish(p, "amq.topic", "a.b", "one");
    peer_expect_counts(p, "q", 1, 0);
}

/* rows: 168 */
static void deleted_queue_takes_its_bindings_along(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_bind_queue(p, "q", "amq.direct", "k");
    peer_send(p, queue_delete, .queue = SLICE("q"));
    peer_expect(p, queue_delete_ok);
    peer_declare_queue(p, "q");
    peer_publish(p, "amq.direct", "k", "nowhere");
    peer_expect_get_empty(p, "q");
}

/* rows: 169 */
static void bind_of_anothers_exclusive_queue_is_405(void **state) {
    struct peer *owner = peer_connect(*state);
    struct peer *other = peer_connect(*state);

    peer_send(owner, queue_declare, .queue = SLICE("q"), .exclusive = true);
    peer_expect(owner, queue_declare_ok, .queue = SLICE("q"));
    peer_send(other, queue_bind, .queue = SLICE("q"), .exchange = SLICE("amq.direct"));
    peer_expect_channel_exception(
        other, 405,
        "cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be originally "
        "declared on another connection or the exclusive property value does not match that of "
        "the original declaration.",
        queue_bind);
    peer_bind_queue(owner, "q", "amq.direct", "k");
}

/* rows: 170 */
static void empty_queue_name_is_the_last_declared_one(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_bind_queue(p, "", "amq.direct", "k");
    peer_bind_queue(p, "", "amq.direct", "");
    peer_publish(p, "amq.direct", "k", "by key");
    peer_publish(p, "amq.direct", "q", "by name");
    peer_publish(p, "amq.direct", "", "nowhere");
    peer_expect_get(p, "q", "by key");
    peer_expect_get(p, "q", "by name");
    peer_expect_get_empty(p, "q");
}

/* rows: 170 */
static void empty_key_with_a_queue_name_stays_empty(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_bind_queue(p, "q", "amq.direct", "");
    peer_publish(p, "amq.direct", "q", "nowhere");
    peer_publish(p, "amq.direct", "", "here");
    peer_expect_get(p, "q", "here");
    peer_expect_get_empty(p, "q");
}

#define CC_Q2 \
    "\x02"    \
    "CCA\0\0\0\x07S\0\0\0\x02q2"
#define BCC_Q2 \
    "\x03"     \
    "BCCA\0\0\0\x07S\0\0\0\x02q2"
#define OTHER "\x05otherV"

/* Gets from q2 without acknowledgement and returns the headers. */
static struct slice headers_of_get(struct peer *p, const char *queue, const char *key) {
    const struct amqp_basic_get_ok *got;

    peer_send(p, basic_get, .queue = slice_from_text(queue), .no_ack = true);
    got = peer_receive(p, basic_get_ok);
    assert_true(slice_equal(got->routing_key, slice_from_text(key)));
    return peer_expect_content(p, "body")->headers;
}

static struct peer *connect_with_two_queues(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q1");
    peer_declare_queue(p, "q2");
    return p;
}

/* rows: 171 */
static void cc_keys_are_routed_and_the_header_stays(void **state) {
    struct peer *p = connect_with_two_queues(state);

    peer_publish_with(p, "", "q1", "body", .headers = SLICE(CC_Q2 OTHER));
    assert_true(slice_equal(headers_of_get(p, "q1", "q1"), SLICE(CC_Q2 OTHER)));
    assert_true(slice_equal(headers_of_get(p, "q2", "q1"), SLICE(CC_Q2 OTHER)));
}

/* rows: 172 */
static void bcc_keys_are_routed_and_the_header_goes(void **state) {
    struct peer *p = connect_with_two_queues(state);

    peer_publish_with(p, "", "q1", "body", .headers = SLICE(BCC_Q2 OTHER));
    assert_true(slice_equal(headers_of_get(p, "q1", "q1"), SLICE(OTHER)));
    assert_true(slice_equal(headers_of_get(p, "q2", "q1"), SLICE(OTHER)));
}

/* rows: 173 */
static void cc_that_is_no_array_is_406(void **state) {
    struct peer *p = connect_with_two_queues(state);

    peer_publish_with(p, "", "q1", "body",
                      .headers = SLICE("\x02"
                                       "CCS\0\0\0\x02q2"));
    peer_expect_channel_exception(
        p, 406, "invalid message: {unacceptable_type_in_header,\"CC\",longstr}", basic_publish);
    peer_reopen(p);
    peer_publish_with(p, "", "q1", "body",
                      .headers = SLICE("\x03"
                                       "BCCI\0\0\0\x02"));
    peer_expect_channel_exception(
        p, 406, "invalid message: {unacceptable_type_in_header,\"BCC\",signedint}", basic_publish);
}

static void cc_to_the_queue_of_the_key_is_one_copy(void **state) {
    struct peer *p = connect_with_two_queues(state);

    peer_publish_with(p, "", "q2", "body", .headers = SLICE(CC_Q2));
    peer_expect_counts(p, "q2", 1, 0);
}

/* rows: 174 */
static void exchange_unbind_ok_is_method_51(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, exchange_unbind, .destination = SLICE("amq.fanout"),
              .source = SLICE("amq.direct"));
    peer_expect_octets(p, SLICE("\x01\0\x01\0\0\0\x04\0\x28\0\x33\xce"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CONVERSATION(bind_of_a_missing_queue_is_404),
        CONVERSATION(bind_to_a_missing_exchange_is_404),
        CONVERSATION(exchange_is_named_when_both_are_missing),
        CONVERSATION(bind_to_the_default_exchange_is_403),
        CONVERSATION(binding_twice_delivers_once),
        CONVERSATION(other_arguments_are_another_binding),
        CONVERSATION(unbind_of_what_is_not_there_is_ok),
        CONVERSATION(unbind_with_other_arguments_leaves_the_binding),
        CONVERSATION(binding_between_exchanges_matches_the_original_key),
        CONVERSATION(cycle_of_exchanges_ends),
        CONVERSATION(several_paths_are_one_copy),
        CONVERSATION(deleted_queue_takes_its_bindings_along),
        CONVERSATION(bind_of_anothers_exclusive_queue_is_405),
        CONVERSATION(empty_queue_name_is_the_last_declared_one),
        CONVERSATION(empty_key_with_a_queue_name_stays_empty),
        CONVERSATION(cc_keys_are_routed_and_the_header_stays),
        CONVERSATION(bcc_keys_are_routed_and_the_header_goes),
        CONVERSATION(cc_that_is_no_array_is_406),
        CONVERSATION(cc_to_the_queue_of_the_key_is_one_copy),
        CONVERSATION(exchange_unbind_ok_is_method_51),
    };

    return cmocka_run_group_tests_name("bindings", tests, NULL, NULL);
}
