/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Policies and operator policies: what they change of queues and exchanges that exist or are declared
 * later, which one is in force, and how they go with arguments and with each other.
 */
#include "broker/base/text.h"
#include "broker/entities/exchange.h"
#include "broker/entities/policy.h"
#include "broker/entities/queue.h"
#include "broker/entities/queue_quorum.h"
#include "broker/entities/value_text.h"
#include "broker/entities/vhost.h"
#include "tests/support/arguments.h"
#include "tests/support/peer.h"

#define QUORUM TEXT("x-queue-type", "quorum")

static struct vhost *vhost_of(struct fixture *fixture) {
    return broker_find_vhost(fixture->broker, SLICE("/"));
}

static struct queue *queue_named(struct fixture *fixture, const char *name) {
    return vhost_find_queue(vhost_of(fixture), slice_from_text(name));
}

/* Named p, or o when it is an operator's, unless it has a name. */
static void set(void **state, enum policy_kind kind, struct policy_settings settings) {
    struct refusal refusal = {0};

    if (settings.name.len == 0)
        settings.name = kind == POLICY_ORDINARY ? SLICE("p") : SLICE("o");
    if (!policy_set(vhost_of(*state), kind, &settings, &refusal))
        fail_msg("%s", refusal.text);
    fixture_run(*state);
}

#define SET(...)          set(state, POLICY_ORDINARY, (struct policy_settings){__VA_ARGS__})
#define SET_OPERATOR(...) set(state, POLICY_OF_OPERATOR, (struct policy_settings){__VA_ARGS__})

static void clear(void **state, enum policy_kind kind, const char *name) {
    assert_true(policy_clear(vhost_of(*state), kind, slice_from_text(name)));
    fixture_run(*state);
}

/* Also the definition in force, as keys and values. */
static void assert_effective(void **state, const char *queue, const char *expected) {
    struct amqp_table_builder builder;
    struct amqp_value value = {.tag = AMQP_TAG_TABLE};
    struct text text = {0};

    amqp_table_builder_init(&builder);
    policy_put_effective(queue_named(*state, queue), &builder);
    value.bytes = amqp_table_builder_finish(&builder);
    struct amqp_table_iterator i = amqp_table_begin(value.bytes);
    struct slice key;
    while (amqp_table_next(&i, &key, &value)) {
        text_append_format(&text, "%s" SLICE_FMT "=", text.len > 0 ? " " : "", SLICE_ARG(key));
        value_text_append_bare(&text, &value);
    }
    assert_string_equal(text_chars(&text), expected);
    text_clear(&text);
    amqp_table_builder_clear(&builder);
}

/* -- Which one is in force --------------------------------------------------------------------- */

static void pattern_is_found_anywhere_in_the_name(void **state) {
    struct peer *p = peer_connect(*state);

    SET(.pattern = SLICE("^or.*s$"), .definition = ARGUMENTS(INT("max-length", 1)));
    SET(.name = SLICE("part"), .pattern = SLICE("art"),
        .definition = ARGUMENTS(INT("max-length", 2)));
    peer_declare_durable_queue(p, "orders", SLICE(""));
    peer_declare_durable_queue(p, "parts", SLICE(""));
    peer_declare_durable_queue(p, "others and more", SLICE(""));
    assert_effective(state, "orders", "max-length=1");
    assert_effective(state, "parts", "max-length=2");
    assert_effective(state, "others and more", "");
    assert_null(queue_named(*state, "others and more")->features);
}

static void highest_priority_wins(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_durable_queue(p, "q", SLICE(""));
    SET(.name = SLICE("low"), .priority = -1, .definition = ARGUMENTS(INT("max-length", 1)));
    SET(.name = SLICE("high"), .priority = 7, .definition = ARGUMENTS(INT("max-length", 2)));
    SET(.name = SLICE("zero"), .definition = ARGUMENTS(INT("max-length", 3)));
    assert_effective(state, "q", "max-length=2");
    clear(state, POLICY_ORDINARY, "high");
    assert_effective(state, "q", "max-length=3");
    SET(.name = SLICE("low"), .priority = 1, .definition = ARGUMENTS(INT("max-length", 1)));
    assert_effective(state, "q", "max-length=1");
    clear(state, POLICY_ORDINARY, "low");
    clear(state, POLICY_ORDINARY, "zero");
    assert_effective(state, "q", "");
    assert_false(policy_clear(vhost_of(*state), POLICY_ORDINARY, SLICE("zero")));
}

static void policy_is_for_what_it_is_said_to_apply_to(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_durable_queue(p, "classic", SLICE(""));
    peer_declare_durable_queue(p, "quorum", ARGUMENTS(QUORUM));
    SET(.apply_to = SLICE("quorum_queues"), .definition = ARGUMENTS(INT("max-length", 1)));
    assert_effective(state, "classic", "");
    assert_effective(state, "quorum", "max-length=1");
    SET(.apply_to = SLICE("classic_queues"), .definition = ARGUMENTS(INT("max-length", 2)));
    assert_effective(state, "classic", "max-length=2");
    assert_effective(state, "quorum", "");
    SET(.apply_to = SLICE("exchanges"), .definition = ARGUMENTS(INT("max-length", 3)));
    assert_effective(state, "classic", "");
    SET(.apply_to = SLICE("queues"), .definition = ARGUMENTS(INT("max-length", 4)));
    assert_effective(state, "classic", "max-length=4");
    assert_effective(state, "quorum", "max-length=4");
}

/* A key that a type does not know makes the whole policy nothing to it, and the next one counts. */
static void policy_with_a_foreign_key_is_passed_over(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_durable_queue(p, "classic", SLICE(""));
    peer_declare_durable_queue(p, "quorum", ARGUMENTS(QUORUM));
    SET(.name = SLICE("first"), .priority = 2,
        .definition = ARGUMENTS(INT("delivery-limit", 5), INT("max-length", 1)));
    SET(.name = SLICE("second"), .priority = 1,
        .definition = ARGUMENTS(TEXT("queue-mode", "lazy"), INT("max-length", 2)));
    assert_effective(state, "classic", "max-length=2 queue-mode=lazy");
    assert_effective(state, "quorum", "max-length=1 delivery-limit=5");
}

/* -- What it changes --------------------------------------------------------------------------- */

static void length_counts_at_once(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_durable_queue(p, "q", SLICE(""));
    for (const char *text = "1\0002\0003\0004\000"; *text != '\0'; text += 2)
        peer_publish(p, "", "q", text);
    SET(.definition = ARGUMENTS(INT("max-length", 2)));
    peer_expect_counts(p, "q", 2, 0);
    SET(.definition = ARGUMENTS(INT("max-length-bytes", 1)));
    peer_expect_get(p, "q", "4");
    clear(state, POLICY_ORDINARY, "p");
    for (int i = 0; i < 5; i++)
        peer_publish(p, "", "q", "x");
    peer_expect_counts(p, "q", 5, 0);
}

static void overflow_of_a_policy_rejects(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_durable_queue(p, "q", SLICE(""));
    peer_select_confirms(p);
    SET(.definition = ARGUMENTS(INT("max-length", 1), TEXT("overflow", "reject-publish")));
    peer_publish(p, "", "q", "1");
    peer_expect(p, basic_ack, .delivery_tag = 1);
    peer_publish(p, "", "q", "2");
    peer_expect(p, basic_nack, .delivery_tag = 2, .requeue = true);
    clear(state, POLICY_ORDINARY, "p");
    peer_publish(p, "", "q", "3");
    peer_expect(p, basic_ack, .delivery_tag = 3);
    peer_expect_counts(p, "q", 2, 0);
}

static void lifetime_is_for_messages_published_from_then_on(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_durable_queue(p, "q", SLICE(""));
    peer_publish(p, "", "q", "before");
    SET(.definition = ARGUMENTS(INT("message-ttl", 100)));
    fixture_advance(*state, 200);
    peer_expect_get(p, "q", "before");
    peer_publish(p, "", "q", "after");
    fixture_advance(*state, 99);
    peer_expect_counts(p, "q", 1, 0);
    fixture_advance(*state, 1);
    peer_expect_counts(p, "q", 0, 0);
}

static void unused_queue_goes_by_a_policy(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_durable_queue(p, "q", SLICE(""));
    peer_declare_durable_queue(p, "stays", SLICE(""));
    SET(.pattern = SLICE("^q$"), .definition = ARGUMENTS(INT("expires", 1000)));
    fixture_advance(*state, 999);
    assert_non_null(queue_named(*state, "q"));
    clear(state, POLICY_ORDINARY, "p");
    fixture_advance(*state, 5000);
    assert_non_null(queue_named(*state, "q"));
    SET(.pattern = SLICE("^q$"), .definition = ARGUMENTS(INT("expires", 1000)));
    fixture_advance(*state, 1000);
    assert_null(queue_named(*state, "q"));
    assert_non_null(queue_named(*state, "stays"));
}

/* What RabbitMQ takes as "never" is not in the past. */
static void longest_time_is_never(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_durable_queue(p, "q", ARGUMENTS(QUORUM));
    SET(.definition = ARGUMENTS(INT_OF(AMQP_TAG_INT64, "message-ttl", INT64_MAX),
                                INT_OF(AMQP_TAG_INT64, "expires", INT64_MAX),
                                INT_OF(AMQP_TAG_INT64, "consumer-timeout", INT64_MAX)));
    peer_publish(p, "", "q", "1");
    fixture_advance(*state, 1000);
    peer_consume(p, "q", "c");
    peer_expect_delivery(p, "c", 1, "1");
    fixture_advance(*state, 1000);
    peer_expect_counts(p, "q", 0, 1);
    peer_send(p, basic_cancel, .consumer_tag = SLICE("c"));
    peer_expect(p, basic_cancel_ok, .consumer_tag = SLICE("c"));
    fixture_advance(*state, 1000);
    assert_non_null(queue_named(*state, "q"));
}

static void dead_letters_follow_the_policy(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_durable_queue(p, "q", SLICE(""));
    peer_declare_durable_queue(p, "dead", SLICE(""));
    SET(.pattern = SLICE("^q$"), .definition = ARGUMENTS(TEXT("dead-letter-exchange", ""),
                                                         TEXT("dead-letter-routing-key", "dead")));
    peer_publish(p, "", "q", "1");
    peer_send(p, basic_get, .queue = SLICE("q"));
    peer_skip(p, basic_get_ok);
    peer_expect_content(p, "1");
    peer_send(p, basic_reject, .delivery_tag = 1);
    peer_expect_get(p, "dead", "1");
    clear(state, POLICY_ORDINARY, "p");
    peer_publish(p, "", "q", "2");
    peer_send(p, basic_get, .queue = SLICE("q"));
    peer_skip(p, basic_get_ok);
    peer_expect_content(p, "2");
    peer_send(p, basic_reject, .delivery_tag = 3);
    peer_expect_get_empty(p, "dead");
}

#define HOLDING(exchange)                             \
    ARGUMENTS(TEXT("dead-letter-exchange", exchange), \
              TEXT("dead-letter-strategy", "at-least-once"), TEXT("overflow", "reject-publish"))

static void reject_next(struct peer *p, const char *body, uint64_t delivery_tag) {
    peer_send(p, basic_get, .queue = SLICE("q"));
    peer_skip(p, basic_get_ok);
    peer_expect_content(p, body);
    peer_send(p, basic_reject, .delivery_tag = delivery_tag);
    peer_expect_get_empty(p, "q");
}

static void held_letter_goes_where_the_policy_says_now(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_durable_queue(p, "q", ARGUMENTS(QUORUM));
    peer_declare_durable_queue(p, "dead", SLICE(""));
    peer_declare_exchange(p, "there", "fanout");
    peer_bind_queue(p, "dead", "there", "");
    SET(.pattern = SLICE("^q$"), .definition = HOLDING("missing"));
    peer_publish(p, "", "q", "1");
    reject_next(p, "1", 1);
    SET(.pattern = SLICE("^q$"), .definition = HOLDING("there"));
    fixture_advance(*state, 180000);
    peer_expect_get(p, "dead", "1");
}

/* Nor is it sent to the default exchange, which would put it into its own queue again. */
static void held_letter_goes_with_the_policy(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_durable_queue(p, "q", ARGUMENTS(QUORUM));
    SET(.definition = HOLDING("missing"));
    peer_publish(p, "", "q", "1");
    reject_next(p, "1", 1);
    clear(state, POLICY_ORDINARY, "p");
    fixture_advance(*state, 400000);
    peer_expect_get_empty(p, "q");
    assert_int_equal(queue_named(*state, "q")->quorum->held_count, 0);
}

static void declare_safely(struct peer *p) {
    peer_declare_durable_queue(p, "q", ARGUMENTS(QUORUM));
    peer_declare_durable_queue(p, "dead", SLICE(""));
    peer_send(p, queue_bind, .queue = SLICE("dead"), .exchange = SLICE("amq.fanout"));
    fixture_write_all(p->fixture);
    peer_expect(p, queue_bind_ok);
}

/* Not even when there is such a policy again: it was dropped with the first start without one. */
static void held_letter_whose_policy_went_is_gone_for_good(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = peer_connect(fixture);

    declare_safely(p);
    SET(.pattern = SLICE("^q$"), .definition = HOLDING("missing"));
    peer_publish(p, "", "q", "1");
    fixture_write_all(fixture);
    reject_next(p, "1", 1);
    clear(state, POLICY_ORDINARY, "p");
    fixture_write_all(fixture);
    fixture_restart(fixture, false);
    fixture_write_all(fixture);
    SET(.pattern = SLICE("^q$"), .definition = HOLDING("amq.fanout"));
    fixture_write_all(fixture);
    fixture_restart(fixture, false);
    fixture_advance(fixture, 180000);
    p = peer_connect(fixture);
    peer_expect_get_empty(p, "dead");
    peer_expect_get_empty(p, "q");
}

static void delivery_limit_of_a_policy_counts(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_durable_queue(p, "q", ARGUMENTS(QUORUM));
    SET(.definition = ARGUMENTS(INT("delivery-limit", 1)));
    peer_publish(p, "", "q", "1");
    for (uint64_t tag = 1; tag <= 2; tag++) {
        peer_send(p, basic_get, .queue = SLICE("q"));
        peer_skip(p, basic_get_ok);
        peer_expect_content(p, "1");
        peer_send(p, basic_reject, .delivery_tag = tag, .requeue = true);
    }
    peer_expect_get_empty(p, "q");
}

static void timeout_of_consumers_by_policy(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_durable_queue(p, "q", ARGUMENTS(QUORUM));
    SET(.definition = ARGUMENTS(INT("consumer-timeout", 100)));
    peer_publish(p, "", "q", "1");
    peer_consume(p, "q", "c");
    peer_expect_delivery(p, "c", 1, "1");
    fixture_advance(*state, 100);
    peer_expect(p, basic_cancel, .consumer_tag = SLICE("c"), .no_wait = true);
}

/* rows: 123 */
static void alternate_exchange_by_policy_and_the_argument_wins(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_durable_queue(p, "lost", SLICE(""));
    peer_declare_durable_queue(p, "other", SLICE(""));
    peer_declare_exchange(p, "plain", "direct");
    peer_declare_exchange(p, "alternate", "fanout");
    peer_declare_exchange(p, "another", "fanout");
    peer_bind_queue(p, "lost", "alternate", "");
    peer_bind_queue(p, "other", "another", "");
    peer_publish(p, "plain", "k", "nowhere");
    SET(.pattern = SLICE("^(plain|argued|amq.direct)$"),
        .definition = ARGUMENTS(TEXT("alternate-exchange", "alternate")));
    peer_publish(p, "plain", "k", "1");
    peer_expect_get(p, "lost", "1");
    peer_publish(p, "amq.direct", "k", "2");
    peer_expect_get(p, "lost", "2");
    peer_send(p, exchange_declare, .exchange = SLICE("argued"), .type = SLICE("direct"),
              .arguments = ARGUMENTS(TEXT("alternate-exchange", "another")));
    peer_expect(p, exchange_declare_ok);
    peer_publish(p, "argued", "k", "3");
    peer_expect_get(p, "other", "3");
    peer_expect_get_empty(p, "lost");
    clear(state, POLICY_ORDINARY, "p");
    peer_publish(p, "plain", "k", "4");
    peer_expect_get_empty(p, "lost");
}

static void redeclaring_does_not_look_at_policies(void **state) {
    struct peer *p = peer_connect(*state);

    SET(.definition = ARGUMENTS(INT("max-length", 5)));
    peer_declare_durable_queue(p, "q", SLICE(""));
    peer_declare_durable_queue(p, "q", SLICE(""));
    peer_send(p, queue_declare, .queue = SLICE("q"), .durable = true,
              .arguments = ARGUMENTS(INT("x-max-length", 5)));
    peer_expect_channel_exception(p, 406,
                                  "inequivalent arg 'x-max-length' for queue 'q' in vhost '/': "
                                  "received the value '5' of type 'signedint' but current is none",
                                  queue_declare);
}

/* -- Arguments, policies and operators ----------------------------------------------------------- */

static void smaller_number_of_argument_and_policy_counts(void **state) {
    struct peer *p = peer_connect(*state);
    const struct queue_features *features;

    peer_declare_durable_queue(p, "q",
                               ARGUMENTS(INT("x-max-length", 5), INT("x-message-ttl", 100),
                                         INT("x-expires", 7000), INT("x-max-length-bytes", 10)));
    SET(.definition = ARGUMENTS(INT("max-length", 3), INT("message-ttl", 200), INT("expires", 6000),
                                INT("max-length-bytes", 20)));
    features = queue_named(*state, "q")->features;
    assert_int_equal(features->max_length, 3);
    assert_int_equal(features->message_ttl_ms, 100);
    assert_int_equal(features->expires_ms, 6000);
    assert_int_equal(features->max_length_bytes, 10);
}

static void argument_wins_for_dead_letters_and_classic_overflow(void **state) {
    struct peer *p = peer_connect(*state);
    const struct queue_features *features;

    peer_declare_durable_queue(
        p, "q",
        ARGUMENTS(TEXT("x-dead-letter-exchange", "mine"), TEXT("x-overflow", "reject-publish")));
    peer_declare_durable_queue(p, "quorum",
                               ARGUMENTS(QUORUM, TEXT("x-dead-letter-exchange", "mine"),
                                         TEXT("x-overflow", "reject-publish")));
    SET(.definition =
            ARGUMENTS(TEXT("dead-letter-exchange", "theirs"),
                      TEXT("dead-letter-routing-key", "key"), TEXT("overflow", "drop-head")));
    features = queue_named(*state, "q")->features;
    assert_true(slice_equal(features->dead_letter_exchange, SLICE("mine")));
    assert_true(slice_equal(features->dead_letter_routing_key, SLICE("key")));
    assert_int_equal(features->overflow, QUEUE_OVERFLOW_REJECT_PUBLISH);
    features = queue_named(*state, "quorum")->features;
    assert_true(slice_equal(features->dead_letter_exchange, SLICE("mine")));
    assert_int_equal(features->overflow, QUEUE_OVERFLOW_DROP_HEAD);
}

static void smaller_delivery_limit_counts_unless_one_is_none(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_durable_queue(p, "five", ARGUMENTS(QUORUM, INT("x-delivery-limit", 5)));
    peer_declare_durable_queue(p, "none", ARGUMENTS(QUORUM, INT("x-delivery-limit", -1)));
    peer_declare_durable_queue(p, "default", ARGUMENTS(QUORUM));
    SET(.definition = ARGUMENTS(INT("delivery-limit", 3)));
    assert_int_equal(queue_named(*state, "five")->features->delivery_limit, 3);
    assert_int_equal(queue_named(*state, "none")->features->delivery_limit, 3);
    assert_int_equal(queue_named(*state, "default")->features->delivery_limit, 3);
    SET(.definition = ARGUMENTS(INT("delivery-limit", -1)));
    assert_int_equal(queue_named(*state, "five")->features->delivery_limit, 5);
    assert_int_equal(queue_named(*state, "none")->features->delivery_limit, -1);
    clear(state, POLICY_ORDINARY, "p");
    assert_int_equal(queue_named(*state, "default")->features->delivery_limit, 20);
}

static void operator_policy_narrows_the_policy(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_durable_queue(p, "q", ARGUMENTS(QUORUM));
    SET(.definition = ARGUMENTS(INT("max-length", 5), INT("message-ttl", 100),
                                TEXT("overflow", "reject-publish"), INT("delivery-limit", 7),
                                INT("delayed-retry-min", 10)));
    SET_OPERATOR(.definition = ARGUMENTS(INT("max-length", 9), INT("message-ttl", 50),
                                         INT("expires", 60000), TEXT("overflow", "drop-head"),
                                         INT("delivery-limit", 3), INT("delayed-retry-min", 20)));
    assert_effective(state, "q",
                     "expires=60000 message-ttl=50 max-length=5 overflow=drop-head "
                     "delivery-limit=3 delayed-retry-min=20");
    assert_int_equal(queue_named(*state, "q")->features->message_ttl_ms, 50);
    clear(state, POLICY_OF_OPERATOR, "o");
    assert_effective(state, "q",
                     "message-ttl=100 max-length=5 overflow=reject-publish delivery-limit=7 "
                     "delayed-retry-min=10");
}

static void operator_policy_stands_alone(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_durable_queue(p, "q", SLICE(""));
    SET_OPERATOR(.definition = ARGUMENTS(INT("max-length", 1)));
    peer_publish(p, "", "q", "1");
    peer_publish(p, "", "q", "2");
    peer_expect_get(p, "q", "2");
    peer_expect_get_empty(p, "q");
}

/* -- Recovery ---------------------------------------------------------------------------------- */

static void policies_survive(void **state, bool clean) {
    struct fixture *fixture = *state;
    struct peer *p = peer_connect(fixture);

    peer_send(p, queue_declare, .queue = SLICE("q"), .durable = true);
    SET(.definition = ARGUMENTS(INT("max-length", 2)), .priority = 3);
    SET(.name = SLICE("gone"), .definition = ARGUMENTS(INT("max-length", 1)), .priority = 9);
    SET(.definition = ARGUMENTS(INT("max-length", 3)), .priority = 4);
    SET_OPERATOR(.definition = ARGUMENTS(INT("message-ttl", 500)), .apply_to = SLICE("queues"));
    clear(state, POLICY_ORDINARY, "gone");
    fixture_write_all(fixture);
    peer_expect(p, queue_declare_ok, .queue = SLICE("q"));
    for (int i = 0; i < 4; i++)
        peer_publish_with(p, "", "q", "x", .delivery_mode = 2);
    fixture_write_all(fixture);
    fixture_advance(fixture, 200);
    fixture_restart(fixture, clean);
    assert_effective(state, "q", "message-ttl=500 max-length=3");
    const struct policy *policy = policy_find(vhost_of(fixture), POLICY_ORDINARY, SLICE("p"));
    assert_int_equal(policy->priority, 4);
    assert_true(slice_equal(policy->apply_to, SLICE("all")));
    assert_null(policy_find(vhost_of(fixture), POLICY_ORDINARY, SLICE("gone")));
    p = peer_connect(fixture);
    peer_expect_counts(p, "q", 3, 0);
    fixture_advance(fixture, 299);
    peer_expect_counts(p, "q", 3, 0);
    fixture_advance(fixture, 1);
    peer_expect_counts(p, "q", 0, 0);
}

static void policies_survive_a_stop(void **state) {
    policies_survive(state, true);
}

static void policies_survive_a_crash(void **state) {
    policies_survive(state, false);
}

static void policies_go_with_their_vhost(void **state) {
    struct fixture *fixture = *state;
    struct vhost *vhost = broker_add_vhost(fixture->broker, SLICE("v"));
    struct refusal refusal;

    assert_true(policy_set(vhost, POLICY_ORDINARY,
                           &(struct policy_settings){.name = SLICE("p"),
                                                     .pattern = SLICE(".*"),
                                                     .definition = ARGUMENTS(INT("max-length", 1))},
                           &refusal));
    vhost_delete(vhost);
    fixture_write_all(fixture);
    fixture_restart(fixture, false); /* a policy without its vhost would be refused */
    vhost = broker_add_vhost(fixture->broker, SLICE("v"));
    assert_null(policy_find(vhost, POLICY_ORDINARY, SLICE("p")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CONVERSATION(pattern_is_found_anywhere_in_the_name),
        CONVERSATION(highest_priority_wins),
        CONVERSATION(policy_is_for_what_it_is_said_to_apply_to),
        CONVERSATION(policy_with_a_foreign_key_is_passed_over),
        CONVERSATION(length_counts_at_once),
        CONVERSATION(overflow_of_a_policy_rejects),
        CONVERSATION(lifetime_is_for_messages_published_from_then_on),
        CONVERSATION(unused_queue_goes_by_a_policy),
        CONVERSATION(longest_time_is_never),
        CONVERSATION(dead_letters_follow_the_policy),
        CONVERSATION(held_letter_goes_where_the_policy_says_now),
        CONVERSATION(held_letter_goes_with_the_policy),
        CONVERSATION(delivery_limit_of_a_policy_counts),
        CONVERSATION(timeout_of_consumers_by_policy),
        CONVERSATION(alternate_exchange_by_policy_and_the_argument_wins),
        CONVERSATION(redeclaring_does_not_look_at_policies),
        CONVERSATION(smaller_number_of_argument_and_policy_counts),
        CONVERSATION(argument_wins_for_dead_letters_and_classic_overflow),
        CONVERSATION(smaller_delivery_limit_counts_unless_one_is_none),
        CONVERSATION(operator_policy_narrows_the_policy),
        CONVERSATION(operator_policy_stands_alone),
        DURABLE_CONVERSATION(held_letter_whose_policy_went_is_gone_for_good),
        DURABLE_CONVERSATION(policies_survive_a_stop),
        DURABLE_CONVERSATION(policies_survive_a_crash),
        DURABLE_CONVERSATION(policies_go_with_their_vhost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
