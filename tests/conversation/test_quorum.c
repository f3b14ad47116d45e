/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queues of type quorum: what they refuse, how they count deliveries, in which order they serve what
 * comes back, and their dead letters. "q" is the quorum queue unless a test says otherwise.
 */
#include "broker/base/text.h"
#include "broker/entities/queue.h"
#include "broker/entities/vhost.h"
#include "tests/support/quorum_queue.h"

#include <string.h>

/* And a dead-letter exchange with a queue. */
static struct peer *connect_with_dlx(void **state, struct slice arguments) {
    struct peer *p = connect_with(state, arguments);

    peer_declare_exchange(p, "dlx", "fanout");
    peer_declare_queue(p, "dead");
    peer_bind_queue(p, "dead", "dlx", "");
    return p;
}

static uint64_t get(struct peer *p, const char *text) {
    uint64_t delivery_tag;

    peer_send(p, basic_get, .queue = SLICE("q"));
    delivery_tag = peer_receive(p, basic_get_ok)->delivery_tag;
    peer_expect_content(p, text);
    return delivery_tag;
}

static void reject_to_queue(struct peer *p, uint64_t delivery_tag) {
    peer_send(p, basic_reject, .delivery_tag = delivery_tag, .requeue = true);
}

static void nack_to_queue(struct peer *p, uint64_t delivery_tag) {
    peer_send(p, basic_nack, .delivery_tag = delivery_tag, .requeue = true);
}

/* -- What it refuses --------------------------------------------------------------------------- */

/* rows: 353 */
static void conditions_of_delete_are_540(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM));

    peer_send(p, queue_delete, .queue = SLICE("q"), .if_unused = true);
    peer_expect_connection_exception(
        p, 540,
        "cannot delete queue 'q' in vhost '/'. queue.delete operations with if-unused flag set are "
        "not supported by quorum queues",
        queue_delete);
    p = peer_connect(*state);
    peer_send(p, queue_delete, .queue = SLICE("q"), .if_empty = true);
    peer_expect_connection_exception(
        p, 540,
        "cannot delete queue 'q' in vhost '/'. queue.delete operations with if-empty flag set are "
        "not supported by quorum queues",
        queue_delete);
    p = peer_connect(*state);
    peer_send(p, queue_delete, .queue = SLICE("q"));
    peer_expect(p, queue_delete_ok);
}

/* rows: 354 */
static void shared_window_of_a_channel_is_540(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM));

    peer_set_prefetch(p, 1, true);
    peer_send(p, basic_consume, .queue = SLICE("q"), .consumer_tag = SLICE("c"));
    peer_expect_connection_exception(p, 540, "queue 'q' in vhost '/' does not support global qos",
                                     basic_consume);
}

static void exclusive_consumers_are_not_alone(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM));

    peer_send(p, basic_consume, .queue = SLICE("q"), .consumer_tag = SLICE("a"), .exclusive = true);
    peer_expect(p, basic_consume_ok, .consumer_tag = SLICE("a"));
    peer_send(p, basic_consume, .queue = SLICE("q"), .consumer_tag = SLICE("b"), .exclusive = true);
    peer_expect(p, basic_consume_ok, .consumer_tag = SLICE("b"));
    peer_publish(p, "", "q", "1");
    peer_publish(p, "", "q", "2");
    peer_expect_delivery(p, "a", 1, "1");
    peer_expect_delivery(p, "b", 2, "2");
}

static void redeclare_compares_the_type_and_its_arguments(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM, INT("x-delivery-limit", 3)));

    peer_declare_durable_queue(p, "q", ARGUMENTS(QUORUM, INT_OF('l', "x-delivery-limit", 3)));
    peer_send(p, queue_declare, .queue = SLICE("q"), .durable = true,
              .arguments = ARGUMENTS(QUORUM, INT("x-delivery-limit", 4)));
    peer_expect_channel_exception(
        p, 406,
        "inequivalent arg 'x-delivery-limit' for queue 'q' in vhost '/': received '4' but current "
        "is '3'",
        queue_declare);
    peer_reopen(p);
    peer_send(p, queue_declare, .queue = SLICE("q"), .durable = true,
              .arguments = ARGUMENTS(INT("x-delivery-limit", 3)));
    peer_expect_channel_exception(
        p, 406,
        "inequivalent arg 'x-queue-type' for queue 'q' in vhost '/': received 'classic' but "
        "current is 'quorum'",
        queue_declare);
}

/* -- Counting deliveries ----------------------------------------------------------------------- */

/* rows: 348 351 352 */
static void redelivery_shows_how_often_it_was_acquired_and_failed(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM));

    peer_publish(p, "", "q", "1");
    nack_to_queue(p, get_counted(p, "1", NULL, NULL));
    nack_to_queue(p, get_counted(p, "1", "1", NULL));
    reject_to_queue(p, get_counted(p, "1", "2", NULL));
    reject_to_queue(p, get_counted(p, "1", "3", "1"));
    peer_send(p, basic_ack, .delivery_tag = get_counted(p, "1", "4", "2"));
    peer_expect_get_empty(p, "q");
}

static void headers_of_the_publisher_stay_but_for_the_counts(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM));
    const struct amqp_properties *properties;

    peer_publish_with(p, "", "q", "1", .content_type = SLICE("text/plain"),
                      .headers = ARGUMENTS(TEXT("a", "b"), INT("x-delivery-count", 77)));
    peer_consume(p, "q", "c");
    peer_skip(p, basic_deliver);
    properties = peer_expect_content(p, "1");
    assert_header(properties, "x-delivery-count", "77");
    reject_to_queue(p, 1);
    peer_skip(p, basic_deliver);
    properties = peer_expect_content(p, "1");
    assert_header(properties, "a", "<<\"b\">>");
    assert_header(properties, "x-acquired-count", "1");
    assert_header(properties, "x-delivery-count", "1");
    assert_true(slice_equal(properties->content_type, SLICE("text/plain")));
}

/* rows: 349 350 */
static void twenty_failures_are_enough(void **state) {
    struct peer *p = connect_with_dlx(state, ARGUMENTS(QUORUM, DLX));

    peer_publish(p, "", "q", "1");
    for (int failure = 0; failure < 20; failure++)
        reject_to_queue(p, get(p, "1"));
    reject_to_queue(p, get_counted(p, "1", "20", "20"));
    peer_expect_get_empty(p, "q");
    peer_send(p, basic_get, .queue = SLICE("dead"), .no_ack = true);
    peer_skip(p, basic_get_ok);
    const struct amqp_properties *properties = peer_expect_content(p, "1");
    assert_header(properties, "x-first-death-reason", "<<\"delivery_limit\">>");
    assert_header(properties, "x-first-death-queue", "<<\"q\">>");
    assert_header(properties, "x-acquired-count", NULL);
}

/* rows: 350 352 */
static void limit_of_two_is_three_deliveries(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM, INT("x-delivery-limit", 2)));

    peer_publish(p, "", "q", "1");
    for (int delivery = 0; delivery < 3; delivery++)
        reject_to_queue(p, get(p, "1"));
    peer_expect_get_empty(p, "q");
}

static void limit_of_minus_one_is_none(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM, INT("x-delivery-limit", -1)));

    peer_publish(p, "", "q", "1");
    for (int delivery = 0; delivery < 40; delivery++)
        reject_to_queue(p, get(p, "1"));
    get_counted(p, "1", "40", "40");
}

static void limit_that_is_no_number_is_the_default(void **state) {
    struct peer *p = connect_with_dlx(state, ARGUMENTS(QUORUM, DLX, TEXT("x-delivery-limit", "a")));

    peer_publish(p, "", "q", "1");
    for (int delivery = 0; delivery < 21; delivery++)
        reject_to_queue(p, get(p, "1"));
    peer_expect_get(p, "dead", "1");
}

/* rows: 351 */
static void nack_and_recover_do_not_count(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM, INT("x-delivery-limit", 0)));

    peer_publish(p, "", "q", "1");
    nack_to_queue(p, get(p, "1"));
    get(p, "1");
    peer_send(p, basic_recover, .requeue = true);
    peer_expect(p, basic_recover_ok);
    reject_to_queue(p, get_counted(p, "1", "2", NULL));
    peer_expect_get_empty(p, "q");
}

/* rows: 352 */
static void end_of_a_channel_or_connection_counts(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM));
    struct peer *lost = peer_connect(*state);

    peer_publish(p, "", "q", "1");
    peer_consume(lost, "q", "c");
    peer_expect_delivery(lost, "c", 1, "1");
    peer_drop(lost);
    get_counted(p, "1", "1", "1");
    peer_close_channel(p);
    peer_open_channel(p, 1);
    get_counted(p, "1", "2", "2");
}

/* -- Order ------------------------------------------------------------------------------------- */

static void returned_are_served_first_in_the_order_of_returning(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM));

    for (const char *text = "1\0002\0003\000"; *text != '\0'; text += 2)
        peer_publish(p, "", "q", text);
    uint64_t one = get(p, "1"), two = get(p, "2");
    peer_publish_with(p, "", "q", "9", .priority = 9);
    nack_to_queue(p, two);
    nack_to_queue(p, one);
    get(p, "2");
    get(p, "1");
    get(p, "9");
    get(p, "3");
}

/* rows: 355 */
static void priorities_are_strict_from_0_to_31_and_4_when_absent(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM));

    peer_publish_with(p, "", "q", "three", .priority = 3);
    peer_publish(p, "", "q", "none");
    peer_publish_with(p, "", "q", "four", .priority = 4);
    peer_publish_with(p, "", "q", "five", .priority = 5);
    peer_publish_with(p, "", "q", "thirty", .priority = 30);
    peer_publish_with(p, "", "q", "thirty-one", .priority = 31);
    peer_publish_with(p, "", "q", "two hundred", .priority = 200);
    peer_expect_get(p, "q", "thirty-one");
    peer_expect_get(p, "q", "two hundred");
    peer_expect_get(p, "q", "thirty");
    peer_expect_get(p, "q", "five");
    peer_expect_get(p, "q", "none");
    peer_expect_get(p, "q", "four");
    peer_expect_get(p, "q", "three");
}

/* -- Length, time, purge ----------------------------------------------------------------------- */

static void overflow_drops_the_oldest_whatever_its_priority(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM, INT("x-max-length", 2)));

    peer_publish_with(p, "", "q", "low", .priority = 1);
    peer_publish_with(p, "", "q", "high", .priority = 9);
    peer_publish_with(p, "", "q", "middle", .priority = 5);
    peer_expect_get(p, "q", "high");
    peer_expect_get(p, "q", "middle");
    peer_expect_get_empty(p, "q");
}

/* rows: 356 */
static void reject_publish_is_a_nack(void **state) {
    struct peer *p = connect_with(
        state, ARGUMENTS(QUORUM, INT("x-max-length", 1), TEXT("x-overflow", "reject-publish")));

    peer_select_confirms(p);
    peer_publish(p, "", "q", "1");
    peer_expect(p, basic_ack, .delivery_tag = 1);
    peer_publish(p, "", "q", "2");
    peer_expect(p, basic_nack, .delivery_tag = 2, .requeue = true);
    peer_expect_get(p, "q", "1");
}

static void reject_publish_dlx_is_drop_head(void **state) {
    struct peer *p = connect_with_dlx(state, ARGUMENTS(QUORUM, DLX, INT("x-max-length", 1),
                                                       TEXT("x-overflow", "reject-publish-dlx")));

    peer_publish(p, "", "q", "1");
    peer_publish(p, "", "q", "2");
    peer_expect_get(p, "dead", "1");
    peer_expect_get(p, "q", "2");
}

/* rows: 358 */
static void purge_counts_what_is_ready(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM));

    for (int i = 0; i < 3; i++)
        peer_publish(p, "", "q", "x");
    uint64_t kept = get(p, "x");
    reject_to_queue(p, get(p, "x"));
    peer_expect_counts(p, "q", 2, 0);
    peer_send(p, queue_purge, .queue = SLICE("q"));
    peer_expect(p, queue_purge_ok, .message_count = 2);
    reject_to_queue(p, kept);
    get_counted(p, "x", "1", "1");
    peer_expect_get_empty(p, "q");
}

static void message_expires_at_the_front(void **state) {
    struct peer *p = connect_with_dlx(state, ARGUMENTS(QUORUM, DLX, INT("x-message-ttl", 500)));

    peer_publish(p, "", "q", "1");
    fixture_advance(*state, 300);
    reject_to_queue(p, get(p, "1"));
    fixture_advance(*state, 199);
    peer_expect_counts(p, "q", 1, 0);
    fixture_advance(*state, 1);
    peer_expect_counts(p, "q", 0, 0);
    peer_expect_get(p, "dead", "1");
}

/* Redeclaring puts off the end of a classic queue only, as RabbitMQ 3.10 was seen to do. */
static void consumers_and_gets_put_the_end_off_declares_do_not(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM, INT("x-expires", 1000)));

    fixture_advance(*state, 900);
    peer_expect_get_empty(p, "q");
    fixture_advance(*state, 900);
    peer_consume(p, "q", "c");
    fixture_advance(*state, 5000);
    peer_send(p, basic_cancel, .consumer_tag = SLICE("c"));
    peer_expect(p, basic_cancel_ok, .consumer_tag = SLICE("c"));
    fixture_advance(*state, 900);
    peer_expect_counts(p, "q", 0, 0);
    peer_declare_durable_queue(p, "q", ARGUMENTS(QUORUM, INT("x-expires", 1000)));
    fixture_advance(*state, 100);
    peer_send(p, queue_declare, .queue = SLICE("q"), .passive = true);
    peer_expect_channel_exception(p, 404, "no queue 'q' in vhost '/'", queue_declare);
}

/* As in RabbitMQ 4.3: a live message of higher priority does not keep others from expiring. */
static void message_expires_at_the_front_of_its_priority(void **state) {
    struct peer *p = connect_with_dlx(state, ARGUMENTS(QUORUM, DLX));

    peer_publish_with(p, "", "q", "high", .priority = 9);
    peer_publish_with(p, "", "q", "2", .priority = 1, .expiration = SLICE("200"));
    peer_publish_with(p, "", "q", "1", .priority = 0, .expiration = SLICE("100"));
    peer_publish_with(p, "", "q", "live", .priority = 0);
    peer_publish_with(p, "", "q", "behind", .priority = 0, .expiration = SLICE("100"));
    fixture_advance(*state, 100);
    peer_expect_counts(p, "q", 4, 0);
    peer_expect_get(p, "dead", "1");
    fixture_advance(*state, 100);
    peer_expect_counts(p, "q", 3, 0);
    peer_expect_get(p, "dead", "2");
    peer_expect_get(p, "q", "high");
    peer_expect_get(p, "q", "live");
    peer_expect_get_empty(p, "q");
    peer_expect_get(p, "dead", "behind");
}

/* -- Dead letters at least once ---------------------------------------------------------------- */

#define AT_LEAST_ONCE \
    TEXT("x-dead-letter-strategy", "at-least-once"), TEXT("x-overflow", "reject-publish")

/* rows: 357 */
static void letter_that_nobody_takes_is_held_and_tried_again(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM, DLX, AT_LEAST_ONCE));

    peer_publish(p, "", "q", "1");
    peer_send(p, basic_reject, .delivery_tag = get(p, "1"));
    peer_expect_get_empty(p, "q");
    fixture_advance(*state, 200000);
    peer_declare_exchange(p, "dlx", "fanout"); /* and no queue */
    fixture_advance(*state, 200000);
    peer_declare_queue(p, "dead");
    peer_bind_queue(p, "dead", "dlx", "");
    peer_expect_get_empty(p, "dead");
    fixture_advance(*state, 180000);
    peer_expect_get(p, "dead", "1");
    fixture_advance(*state, 400000);
    peer_expect_get_empty(p, "dead");
}

static void full_target_holds_the_letter(void **state) {
    struct peer *p = connect_with_dlx(state, ARGUMENTS(QUORUM, DLX, AT_LEAST_ONCE));

    peer_declare_durable_queue(
        p, "full", ARGUMENTS(INT("x-max-length", 1), TEXT("x-overflow", "reject-publish")));
    peer_bind_queue(p, "full", "dlx", "");
    peer_publish(p, "", "full", "0");
    peer_publish(p, "", "q", "1");
    peer_send(p, basic_reject, .delivery_tag = get(p, "1"));
    peer_expect_get_empty(p, "dead");
    peer_expect_get(p, "full", "0");
    fixture_advance(*state, 180000);
    peer_expect_get(p, "full", "1");
    peer_expect_get(p, "dead", "1");
}

/* An exchange that delays the letter has it: it is not tried again, and comes once. */
static void letter_that_an_exchange_delays_is_not_held(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM, DLX, AT_LEAST_ONCE));

    peer_send(p, exchange_declare, .exchange = SLICE("dlx"), .type = SLICE("x-delayed-message"),
              .arguments = ARGUMENTS(TEXT("x-delayed-type", "fanout")));
    peer_expect(p, exchange_declare_ok);
    peer_declare_queue(p, "dead");
    peer_bind_queue(p, "dead", "dlx", "");
    peer_publish_with(p, "", "q", "1", .headers = ARGUMENTS(INT("x-delay", 1000)));
    peer_send(p, basic_reject, .delivery_tag = get(p, "1"));
    peer_expect_get_empty(p, "dead");
    fixture_advance(*state, 1000);
    peer_expect_get(p, "dead", "1");
    fixture_advance(*state, 400000);
    peer_expect_get_empty(p, "dead");
}

static void held_letters_count_against_the_length(void **state) {
    struct peer *p =
        connect_with(state, ARGUMENTS(QUORUM, DLX, AT_LEAST_ONCE, INT("x-max-length", 1)));

    peer_select_confirms(p);
    peer_publish(p, "", "q", "1");
    peer_expect(p, basic_ack, .delivery_tag = 1);
    peer_send(p, basic_reject, .delivery_tag = get(p, "1"));
    peer_publish(p, "", "q", "2");
    peer_expect(p, basic_nack, .delivery_tag = 2, .requeue = true);
    peer_send(p, queue_delete, .queue = SLICE("q"));
    peer_expect(p, queue_delete_ok);
}

/* Without reject-publish the strategy falls back: a letter without an exchange is gone. */
static void at_least_once_needs_reject_publish(void **state) {
    struct peer *p = connect_with(
        state, ARGUMENTS(QUORUM, DLX, TEXT("x-dead-letter-strategy", "at-least-once")));

    peer_publish(p, "", "q", "1");
    peer_send(p, basic_reject, .delivery_tag = get(p, "1"));
    peer_declare_exchange(p, "dlx", "fanout");
    peer_declare_queue(p, "dead");
    peer_bind_queue(p, "dead", "dlx", "");
    fixture_advance(*state, 400000);
    peer_expect_get_empty(p, "dead");
}

/* -- Delayed retry ----------------------------------------------------------------------------- */

#define RETRY(type)                                                      \
    TEXT("x-delayed-retry-type", type), INT("x-delayed-retry-min", 100), \
        INT("x-delayed-retry-max", 250)

static void failed_message_waits_longer_each_time(void **state) {
    static const int64_t delays_ms[] = {100, 200, 250, 250};
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM, RETRY("failed")));

    peer_publish(p, "", "q", "1");
    for (size_t i = 0; i < sizeof delays_ms / sizeof *delays_ms; i++) {
        reject_to_queue(p, get(p, "1"));
        fixture_advance(*state, delays_ms[i] - 1);
        peer_expect_get_empty(p, "q");
        peer_expect_counts(p, "q", 0, 0);
        fixture_advance(*state, 1);
    }
    nack_to_queue(p, get_counted(p, "1", "4", "4")); /* no failure: at once */
    get(p, "1");
}

static void returned_message_waits_when_it_did_not_fail(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM, RETRY("returned")));

    peer_publish(p, "", "q", "1");
    for (int i = 0; i < 3; i++) {
        nack_to_queue(p, get(p, "1"));
        fixture_advance(*state, 99);
        peer_expect_get_empty(p, "q");
        fixture_advance(*state, 1);
    }
    reject_to_queue(p, get_counted(p, "1", "3", NULL));
    reject_to_queue(p, get_counted(p, "1", "4", "1"));
    nack_to_queue(p, get_counted(p, "1", "5", "2"));
    fixture_advance(*state, 199);
    peer_expect_get_empty(p, "q");
    fixture_advance(*state, 1);
    get(p, "1");
}

static void longest_wait_for_a_retry_is_not_over_at_once(void **state) {
    struct peer *p =
        connect_with(state, ARGUMENTS(QUORUM, TEXT("x-delayed-retry-type", "all"),
                                      INT_OF(AMQP_TAG_INT64, "x-delayed-retry-min", INT64_MAX),
                                      INT_OF(AMQP_TAG_INT64, "x-delayed-retry-max", INT64_MAX)));

    peer_publish(p, "", "q", "1");
    nack_to_queue(p, get(p, "1"));
    fixture_advance(*state, 1000);
    peer_expect_get_empty(p, "q");
}

/* RabbitMQ 4.3 takes any word, and has no delay then. */
static void unknown_kind_of_retry_is_none(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM, RETRY("some")));

    peer_publish(p, "", "q", "1");
    reject_to_queue(p, get(p, "1"));
    nack_to_queue(p, get(p, "1"));
    get(p, "1");
}

static void all_that_comes_back_waits(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM, RETRY("all")));

    peer_publish(p, "", "q", "1");
    nack_to_queue(p, get(p, "1"));
    peer_expect_get_empty(p, "q");
    fixture_advance(*state, 100);
    reject_to_queue(p, get(p, "1"));
    peer_expect_get_empty(p, "q");
    fixture_advance(*state, 100);
    get(p, "1");
}

static void waiting_message_goes_with_its_queue(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(QUORUM, RETRY("all")));

    peer_publish(p, "", "q", "1");
    nack_to_queue(p, get(p, "1"));
    peer_send(p, queue_delete, .queue = SLICE("q"));
    peer_expect(p, queue_delete_ok);
    fixture_advance(*state, 1000);
}

/* -- The default queue type -------------------------------------------------------------------- */

static struct queue *queue_named(struct fixture *fixture, const char *name) {
    struct vhost *vhost = broker_find_vhost(fixture->broker, SLICE("/"));
    return vhost_find_queue(vhost, slice_from_text(name));
}

static void set_default_type(struct vhost *vhost, const char *type) {
    vhost_set_metadata(vhost,
                       &(struct vhost_metadata){.default_queue_type = slice_from_text(type)});
}

/* rows: 398 */
static void default_type_is_for_queues_whose_flags_suit_it(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = peer_connect(fixture);

    set_default_type(broker_find_vhost(fixture->broker, SLICE("/")), "quorum");
    peer_declare_durable_queue(p, "q", SLICE(""));
    assert_int_equal(queue_named(fixture, "q")->type, QUEUE_QUORUM);
    peer_declare_durable_queue(p, "q", SLICE("")); /* the default again */
    peer_declare_durable_queue(p, "q", ARGUMENTS(QUORUM));
    peer_declare_durable_queue(p, "classic", ARGUMENTS(TEXT("x-queue-type", "classic")));
    assert_int_equal(queue_named(fixture, "classic")->type, QUEUE_CLASSIC);
    peer_send(p, queue_declare, .queue = SLICE("transient"));
    peer_expect(p, queue_declare_ok, .queue = SLICE("transient"));
    assert_int_equal(queue_named(fixture, "transient")->type, QUEUE_CLASSIC);
    peer_send(p, queue_declare, .queue = SLICE("mine"), .durable = true, .exclusive = true);
    peer_expect(p, queue_declare_ok, .queue = SLICE("mine"));
    assert_int_equal(queue_named(fixture, "mine")->type, QUEUE_CLASSIC);
}

static void default_type_of_the_node_counts_when_the_vhost_has_none(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = peer_connect(fixture);

    fixture->broker->settings.default_queue_type = "quorum";
    peer_declare_durable_queue(p, "q", SLICE(""));
    assert_int_equal(queue_named(fixture, "q")->type, QUEUE_QUORUM);
    set_default_type(broker_find_vhost(fixture->broker, SLICE("/")), "classic");
    peer_declare_durable_queue(p, "r", SLICE(""));
    assert_int_equal(queue_named(fixture, "r")->type, QUEUE_CLASSIC);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CONVERSATION(conditions_of_delete_are_540),
        CONVERSATION(shared_window_of_a_channel_is_540),
        CONVERSATION(exclusive_consumers_are_not_alone),
        CONVERSATION(redeclare_compares_the_type_and_its_arguments),
        CONVERSATION(redelivery_shows_how_often_it_was_acquired_and_failed),
        CONVERSATION(headers_of_the_publisher_stay_but_for_the_counts),
        CONVERSATION(twenty_failures_are_enough),
        CONVERSATION(limit_of_two_is_three_deliveries),
        CONVERSATION(limit_of_minus_one_is_none),
        CONVERSATION(limit_that_is_no_number_is_the_default),
        CONVERSATION(nack_and_recover_do_not_count),
        CONVERSATION(end_of_a_channel_or_connection_counts),
        CONVERSATION(returned_are_served_first_in_the_order_of_returning),
        CONVERSATION(priorities_are_strict_from_0_to_31_and_4_when_absent),
        CONVERSATION(overflow_drops_the_oldest_whatever_its_priority),
        CONVERSATION(reject_publish_is_a_nack),
        CONVERSATION(reject_publish_dlx_is_drop_head),
        CONVERSATION(purge_counts_what_is_ready),
        CONVERSATION(message_expires_at_the_front),
        CONVERSATION(consumers_and_gets_put_the_end_off_declares_do_not),
        CONVERSATION(message_expires_at_the_front_of_its_priority),
        CONVERSATION(letter_that_nobody_takes_is_held_and_tried_again),
        CONVERSATION(full_target_holds_the_letter),
        CONVERSATION(letter_that_an_exchange_delays_is_not_held),
        CONVERSATION(held_letters_count_against_the_length),
        CONVERSATION(at_least_once_needs_reject_publish),
        CONVERSATION(failed_message_waits_longer_each_time),
        CONVERSATION(returned_message_waits_when_it_did_not_fail),
        CONVERSATION(longest_wait_for_a_retry_is_not_over_at_once),
        CONVERSATION(unknown_kind_of_retry_is_none),
        CONVERSATION(all_that_comes_back_waits),
        CONVERSATION(waiting_message_goes_with_its_queue),
        CONVERSATION(default_type_is_for_queues_whose_flags_suit_it),
        CONVERSATION(default_type_of_the_node_counts_when_the_vhost_has_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
