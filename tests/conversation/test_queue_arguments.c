/* SPDX-License-Identifier: Apache-2.0 */
/* The x-arguments of queue.declare: what each may be, for which type of queue, and when two agree. */
#include "tests/support/arguments.h"
#include "tests/support/peer.h"

#include <stdio.h>
#include <string.h>

#define INVALID(key, reason) "invalid arg '" key "' for queue 'q' in vhost '/': " reason
#define FOREIGN(key, module) \
    "invalid arg '" key "' for queue 'q' in vhost '/' of queue type " module

/* The declare is 406 with this text; the channel is open again afterwards. */
static void refuse_declare(struct peer *p, struct slice arguments, const char *text) {
    peer_send(p, queue_declare, .queue = SLICE("q"), .durable = true, .arguments = arguments);
    peer_expect_channel_exception(p, 406, text, queue_declare);
    peer_reopen(p);
}

static void accept_declare(struct peer *p, struct slice arguments) {
    peer_send(p, queue_declare, .queue = SLICE("q"), .arguments = arguments);
    peer_expect(p, queue_declare_ok, .queue = SLICE("q"));
    peer_send(p, queue_delete, .queue = SLICE("q"));
    peer_expect(p, queue_delete_ok);
}

/* rows: 209 210 */
static void message_ttl_is_a_time_from_0_to_10_years(void **state) {
    struct peer *p = peer_connect(*state);

    accept_declare(p, ARGUMENTS(INT("x-message-ttl", 0)));
    accept_declare(p, ARGUMENTS(INT_OF('l', "x-message-ttl", 315360000000)));
    refuse_declare(p, ARGUMENTS(INT("x-message-ttl", -1)),
                   INVALID("x-message-ttl", "{value_negative,-1}"));
    refuse_declare(p, ARGUMENTS(INT_OF('l', "x-message-ttl", 315360000001)),
                   INVALID("x-message-ttl", "{value_too_large,315360000001}"));
    refuse_declare(p, ARGUMENTS(TEXT("x-message-ttl", "a")),
                   INVALID("x-message-ttl", "\"expected integer, got longstr\""));
    refuse_declare(p, ARGUMENTS(REAL("x-message-ttl")),
                   INVALID("x-message-ttl", "\"expected integer, got double\""));
    refuse_declare(p, ARGUMENTS(BOOL("x-message-ttl", true)),
                   INVALID("x-message-ttl", "\"expected integer, got bool\""));
}

/* rows: 211 */
static void expires_is_a_time_above_0(void **state) {
    struct peer *p = peer_connect(*state);

    accept_declare(p, ARGUMENTS(INT("x-expires", 1)));
    refuse_declare(p, ARGUMENTS(INT("x-expires", 0)), INVALID("x-expires", "{value_zero,0}"));
    refuse_declare(p, ARGUMENTS(INT("x-expires", -1)), INVALID("x-expires", "{value_negative,-1}"));
    refuse_declare(p, ARGUMENTS(INT_OF('l', "x-expires", 315360000001)),
                   INVALID("x-expires", "{value_too_large,315360000001}"));
    refuse_declare(p, ARGUMENTS(TEXT("x-expires", "1")),
                   INVALID("x-expires", "\"expected integer, got longstr\""));
}

/* rows: 212 */
static void max_length_is_a_count(void **state) {
    struct peer *p = peer_connect(*state);

    accept_declare(p, ARGUMENTS(INT_OF('b', "x-max-length", 0)));
    refuse_declare(p, ARGUMENTS(INT("x-max-length", -1)),
                   INVALID("x-max-length", "{value_negative,-1}"));
    refuse_declare(p, ARGUMENTS(TEXT("x-max-length", "5")),
                   INVALID("x-max-length", "\"expected integer, got longstr\""));
}

/* rows: 213 */
static void max_length_bytes_is_a_count(void **state) {
    struct peer *p = peer_connect(*state);

    accept_declare(p, ARGUMENTS(INT("x-max-length-bytes", 0)));
    refuse_declare(p, ARGUMENTS(INT("x-max-length-bytes", -1)),
                   INVALID("x-max-length-bytes", "{value_negative,-1}"));
    refuse_declare(p, ARGUMENTS(REAL("x-max-length-bytes")),
                   INVALID("x-max-length-bytes", "\"expected integer, got double\""));
}

/* rows: 214 */
static void max_priority_ends_at_255(void **state) {
    struct peer *p = peer_connect(*state);

    accept_declare(p, ARGUMENTS(INT("x-max-priority", 0)));
    accept_declare(p, ARGUMENTS(INT("x-max-priority", 255)));
    refuse_declare(p, ARGUMENTS(INT("x-max-priority", 256)),
                   INVALID("x-max-priority", "{max_value_exceeded,256}"));
    refuse_declare(p, ARGUMENTS(INT("x-max-priority", -1)),
                   INVALID("x-max-priority", "{value_negative,-1}"));
}

/* rows: 215 */
static void overflow_is_one_of_three_words(void **state) {
    struct peer *p = peer_connect(*state);

    accept_declare(p, ARGUMENTS(TEXT("x-overflow", "drop-head")));
    accept_declare(p, ARGUMENTS(TEXT("x-overflow", "reject-publish")));
    accept_declare(p, ARGUMENTS(TEXT("x-overflow", "reject-publish-dlx")));
    refuse_declare(p, ARGUMENTS(TEXT("x-overflow", "foo")),
                   INVALID("x-overflow", "invalid_overflow"));
    refuse_declare(p, ARGUMENTS(INT("x-overflow", 5)),
                   INVALID("x-overflow", "{unacceptable_type,signedint}"));
}

/* rows: 216 */
static void dead_letter_exchange_is_text(void **state) {
    struct peer *p = peer_connect(*state);

    accept_declare(p, ARGUMENTS(TEXT("x-dead-letter-exchange", "not there")));
    refuse_declare(p, ARGUMENTS(INT("x-dead-letter-exchange", 5)),
                   "invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue 'q' in "
                   "vhost '/'");
}

/* rows: 217 */
static void dead_letter_key_needs_an_exchange(void **state) {
    struct peer *p = peer_connect(*state);

    accept_declare(
        p, ARGUMENTS(TEXT("x-dead-letter-exchange", ""), TEXT("x-dead-letter-routing-key", "k")));
    refuse_declare(p, ARGUMENTS(TEXT("x-dead-letter-routing-key", "k")),
                   INVALID("x-dead-letter-routing-key", "routing_key_but_no_dlx_defined"));
    refuse_declare(p, ARGUMENTS(INT("x-dead-letter-routing-key", 4)),
                   INVALID("x-dead-letter-routing-key", "{unacceptable_type,signedint}"));
}

/* A longer one would be a message that no method can carry. */
static void dead_letter_key_is_no_longer_than_a_routing_key(void **state) {
    struct peer *p = peer_connect(*state);
    char key[AMQP_SHORTSTR_MAX + 2] = "";

    memset(key, 'k', AMQP_SHORTSTR_MAX);
    accept_declare(
        p, ARGUMENTS(TEXT("x-dead-letter-exchange", ""), TEXT("x-dead-letter-routing-key", key)));
    key[AMQP_SHORTSTR_MAX] = 'k';
    refuse_declare(
        p, ARGUMENTS(TEXT("x-dead-letter-exchange", ""), TEXT("x-dead-letter-routing-key", key)),
        INVALID("x-dead-letter-routing-key", "{too_long,256}"));
}

/* rows: 218 */
static void single_active_consumer_is_boolean(void **state) {
    struct peer *p = peer_connect(*state);

    accept_declare(p, ARGUMENTS(BOOL("x-single-active-consumer", true)));
    refuse_declare(p, ARGUMENTS(TEXT("x-single-active-consumer", "x")),
                   INVALID("x-single-active-consumer", "{unacceptable_type,longstr}"));
}

/* rows: 219 */
static void queue_type_is_a_known_word(void **state) {
    struct peer *p = peer_connect(*state);

    accept_declare(p, ARGUMENTS(TEXT("x-queue-type", "classic")));
    refuse_declare(p, ARGUMENTS(TEXT("x-queue-type", "foo")),
                   INVALID("x-queue-type", "\"unsupported queue type 'foo'\""));
    refuse_declare(p, ARGUMENTS(INT("x-queue-type", 4)),
                   INVALID("x-queue-type", "{unacceptable_type,signedint}"));
}

/* rows: 220 */
static void argument_of_another_type_is_refused_on_a_classic_queue(void **state) {
    static const char *const keys[] = {"x-max-age",
                                       "x-stream-max-segment-size-bytes",
                                       "x-delivery-limit",
                                       "x-dead-letter-strategy",
                                       "x-quorum-initial-group-size",
                                       "x-max-in-memory-length",
                                       "x-consumer-timeout",
                                       "x-initial-cluster-size"};
    struct peer *p = peer_connect(*state);
    char text[128];

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        snprintf(text, sizeof text, FOREIGN("%s", "rabbit_classic_queue"), keys[i]);
        refuse_declare(p, ARGUMENTS(INT(keys[i], 5)), text);
    }
}

/* rows: 221 */
static void argument_of_classic_queues_is_refused_on_a_quorum_queue(void **state) {
    struct peer *p = peer_connect(*state);

    refuse_declare(p, ARGUMENTS(TEXT("x-queue-type", "quorum"), INT("x-max-priority", 5)),
                   FOREIGN("x-max-priority", "rabbit_quorum_queue"));
    refuse_declare(p, ARGUMENTS(TEXT("x-queue-type", "quorum"), TEXT("x-queue-mode", "lazy")),
                   FOREIGN("x-queue-mode", "rabbit_quorum_queue"));
    refuse_declare(p, ARGUMENTS(TEXT("x-queue-type", "stream"), INT("x-message-ttl", 5)),
                   FOREIGN("x-message-ttl", "rabbit_stream_queue"));
}

/* Values come before what belongs elsewhere, and the exchange's type before all of them. */
static void checks_are_made_in_the_order_of_rabbitmq(void **state) {
    struct peer *p = peer_connect(*state);

    refuse_declare(p, ARGUMENTS(TEXT("x-max-age", "1D"), INT("x-max-length", -1)),
                   INVALID("x-max-length", "{value_negative,-1}"));
    refuse_declare(p, ARGUMENTS(INT("x-expires", 0), INT("x-dead-letter-exchange", 1)),
                   "invalid type 'signedint' for arg 'x-dead-letter-exchange' in queue 'q' in "
                   "vhost '/'");
    refuse_declare(p, ARGUMENTS(INT("x-expires", 0), TEXT("x-queue-type", "foo")),
                   INVALID("x-queue-type", "\"unsupported queue type 'foo'\""));
}

/* rows: 222 */
static void arguments_nobody_knows_are_taken(void **state) {
    struct peer *p = peer_connect(*state);

    accept_declare(p, ARGUMENTS(TEXT("x-unknown-foo", "bar"), INT("anything", 1)));
}

/* rows: 223 */
static void lazy_mode_is_taken(void **state) {
    struct peer *p = peer_connect(*state);

    accept_declare(p, ARGUMENTS(TEXT("x-queue-mode", "lazy")));
}

/* rows: 224 */
static void leader_locator_is_one_of_a_list(void **state) {
    struct peer *p = peer_connect(*state);

    accept_declare(p, ARGUMENTS(TEXT("x-queue-leader-locator", "balanced")));
    accept_declare(p, ARGUMENTS(TEXT("x-queue-leader-locator", "client-local")));
    refuse_declare(p, ARGUMENTS(TEXT("x-queue-leader-locator", "foo")),
                   INVALID("x-queue-leader-locator", "invalid_queue_locator_arg"));
    refuse_declare(p,
                   ARGUMENTS(TEXT("x-queue-type", "stream"), TEXT("x-queue-leader-locator", "foo")),
                   INVALID("x-queue-leader-locator", "invalid_queue_locator_arg"));
}

/* What is judged well is refused only for its type, as by a RabbitMQ without the feature flag. */
static void refuse_stream(void **state, struct slice arguments) {
    struct peer *p = peer_connect(*state);

    peer_send(p, queue_declare, .queue = SLICE("q"), .durable = true, .arguments = arguments);
    peer_expect_connection_exception(
        p, 541,
        "Cannot declare a queue 'queue 'q' in vhost '/'' of type 'rabbit_stream_queue' on node "
        "'rabbit@localhost': the corresponding feature flag is disabled",
        queue_declare);
}

static void stream_is_refused_as_by_a_node_without_the_feature(void **state) {
    refuse_stream(state, ARGUMENTS(TEXT("x-queue-type", "stream")));
}

/* rows: 225 */
static void max_age_is_digits_and_a_unit(void **state) {
    static const char *const good[] = {"1Y", "2M", "3D", "4h", "5m", "60s"};
    static const char *const bad[] = {"", "D", "1", "1d", "0s", "1.5h", "-1D", "1D "};
    struct peer *p = peer_connect(*state);

    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
        refuse_stream(state, ARGUMENTS(TEXT("x-queue-type", "stream"), TEXT("x-max-age", good[i])));
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        refuse_declare(p, ARGUMENTS(TEXT("x-queue-type", "stream"), TEXT("x-max-age", bad[i])),
                       INVALID("x-max-age", "invalid_max_age"));
    refuse_declare(p, ARGUMENTS(TEXT("x-queue-type", "stream"), INT("x-max-age", 1)),
                   INVALID("x-max-age", "{unacceptable_type,signedint}"));
}

/* rows: 226 */
static void stream_segments_have_a_greatest_size(void **state) {
    struct peer *p = peer_connect(*state);

    refuse_stream(state, ARGUMENTS(TEXT("x-queue-type", "stream"),
                                   INT_OF('l', "x-stream-max-segment-size-bytes", 3000000000)));
    refuse_declare(p,
                   ARGUMENTS(TEXT("x-queue-type", "stream"),
                             INT_OF('l', "x-stream-max-segment-size-bytes", 3000000001)),
                   "Exceeded max value for x-stream-max-segment-size-bytes");
    refuse_declare(p,
                   ARGUMENTS(TEXT("x-queue-type", "stream"), INT("x-stream-filter-size-bytes", 15)),
                   "Invalid value for x-stream-filter-size-bytes");
    refuse_declare(
        p, ARGUMENTS(TEXT("x-queue-type", "stream"), TEXT("x-stream-filter-size-bytes", "16")),
        "Invalid type for x-stream-filter-size-bytes");
}

#define BAD_PROPERTY(property) "invalid property '" property "' for queue 'q' in vhost '/'"

/* rows: 227 */
static void quorum_queues_are_durable_shared_and_stay(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, queue_declare, .queue = SLICE("q"),
              .arguments = ARGUMENTS(TEXT("x-queue-type", "quorum")));
    peer_expect_channel_exception(p, 406, BAD_PROPERTY("non-durable"), queue_declare);
    peer_reopen(p);
    peer_send(p, queue_declare, .queue = SLICE("q"), .durable = true, .exclusive = true,
              .arguments = ARGUMENTS(TEXT("x-queue-type", "quorum")));
    peer_expect_channel_exception(p, 406, BAD_PROPERTY("exclusive-owner"), queue_declare);
    peer_reopen(p);
    peer_send(p, queue_declare, .queue = SLICE("q"), .durable = true, .exclusive = true,
              .auto_delete = true, .arguments = ARGUMENTS(TEXT("x-queue-type", "quorum")));
    peer_expect_channel_exception(p, 406, BAD_PROPERTY("auto-delete"), queue_declare);
    peer_reopen(p);
    peer_send(p, queue_declare, .queue = SLICE("q"), .durable = true,
              .arguments = ARGUMENTS(TEXT("x-queue-type", "quorum")));
    peer_expect(p, queue_declare_ok, .queue = SLICE("q"));
}

/* rows: 228 */
static void only_classic_queues_are_named_by_the_broker(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, queue_declare, .durable = true,
              .arguments = ARGUMENTS(TEXT("x-queue-type", "quorum")));
    peer_expect_channel_exception(
        p, 406, "Cannot declare a server-named queue for type rabbit_quorum_queue", queue_declare);
    peer_reopen(p);
    peer_send(p, queue_declare, .durable = true,
              .arguments = ARGUMENTS(TEXT("x-queue-type", "stream")));
    peer_expect_channel_exception(
        p, 406, "Cannot declare a server-named queue for type rabbit_stream_queue", queue_declare);
}

/* -- Declaring again --------------------------------------------------------------------------- */

#define INEQUIVALENT(key, what) \
    "inequivalent arg '" key "' for queue 'q' in vhost '/': received " what

static struct peer *connect_with_queue(void **state, struct slice arguments) {
    struct peer *p = peer_connect(*state);

    peer_send(p, queue_declare, .queue = SLICE("q"), .durable = true, .arguments = arguments);
    peer_expect(p, queue_declare_ok, .queue = SLICE("q"));
    return p;
}

/* rows: 183 */
static void another_value_shows_both_values(void **state) {
    struct peer *p = connect_with_queue(
        state, ARGUMENTS(INT("x-message-ttl", 1000), TEXT("x-overflow", "drop-head")));

    refuse_declare(p, ARGUMENTS(INT("x-message-ttl", 2000), TEXT("x-overflow", "drop-head")),
                   INEQUIVALENT("x-message-ttl", "'2000' but current is '1000'"));
    refuse_declare(p, ARGUMENTS(INT("x-message-ttl", 1000), TEXT("x-overflow", "reject-publish")),
                   INEQUIVALENT("x-overflow", "'reject-publish' but current is 'drop-head'"));
}

/* rows: 184 */
static void value_on_one_side_shows_its_type(void **state) {
    struct peer *p = connect_with_queue(state, ARGUMENTS(INT("x-message-ttl", 1000)));

    refuse_declare(
        p, ARGUMENTS(INT("unknown", 1)),
        INEQUIVALENT("x-message-ttl", "none but current is the value '1000' of type 'signedint'"));
    refuse_declare(
        p, ARGUMENTS(INT("x-message-ttl", 1000), INT("x-expires", 5)),
        INEQUIVALENT("x-expires", "the value '5' of type 'signedint' but current is none"));
}

/* rows: 71 186 */
static void integers_agree_whatever_their_tag(void **state) {
    struct peer *p = connect_with_queue(state, ARGUMENTS(INT("x-message-ttl", 1000)));

    peer_send(p, queue_declare, .queue = SLICE("q"), .durable = true,
              .arguments = ARGUMENTS(INT_OF('l', "x-message-ttl", 1000)));
    peer_expect(p, queue_declare_ok, .queue = SLICE("q"));
    peer_send(p, queue_declare, .queue = SLICE("q"), .durable = true,
              .arguments = ARGUMENTS(INT_OF('s', "x-message-ttl", 1000)));
    peer_expect(p, queue_declare_ok, .queue = SLICE("q"));
}

/* rows: 187 */
static void classic_is_the_same_as_no_type(void **state) {
    struct peer *p = connect_with_queue(state, ARGUMENTS(TEXT("x-queue-type", "classic")));

    peer_send(p, queue_declare, .queue = SLICE("q"), .durable = true);
    peer_expect(p, queue_declare_ok, .queue = SLICE("q"));
    refuse_declare(p, ARGUMENTS(TEXT("x-queue-type", "quorum")),
                   INEQUIVALENT("x-queue-type", "'quorum' but current is 'classic'"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CONVERSATION(message_ttl_is_a_time_from_0_to_10_years),
        CONVERSATION(expires_is_a_time_above_0),
        CONVERSATION(max_length_is_a_count),
        CONVERSATION(max_length_bytes_is_a_count),
        CONVERSATION(max_priority_ends_at_255),
        CONVERSATION(overflow_is_one_of_three_words),
        CONVERSATION(dead_letter_exchange_is_text),
        CONVERSATION(dead_letter_key_needs_an_exchange),
        CONVERSATION(dead_letter_key_is_no_longer_than_a_routing_key),
        CONVERSATION(single_active_consumer_is_boolean),
        CONVERSATION(queue_type_is_a_known_word),
        CONVERSATION(argument_of_another_type_is_refused_on_a_classic_queue),
        CONVERSATION(argument_of_classic_queues_is_refused_on_a_quorum_queue),
        CONVERSATION(checks_are_made_in_the_order_of_rabbitmq),
        CONVERSATION(arguments_nobody_knows_are_taken),
        CONVERSATION(lazy_mode_is_taken),
        CONVERSATION(leader_locator_is_one_of_a_list),
        CONVERSATION(stream_is_refused_as_by_a_node_without_the_feature),
        CONVERSATION(max_age_is_digits_and_a_unit),
        CONVERSATION(stream_segments_have_a_greatest_size),
        CONVERSATION(quorum_queues_are_durable_shared_and_stay),
        CONVERSATION(only_classic_queues_are_named_by_the_broker),
        CONVERSATION(another_value_shows_both_values),
        CONVERSATION(value_on_one_side_shows_its_type),
        CONVERSATION(integers_agree_whatever_their_tag),
        CONVERSATION(classic_is_the_same_as_no_type),
    };

    return cmocka_run_group_tests_name("queue arguments", tests, NULL, NULL);
}
