/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Dead letters: what becomes one, where it goes and what its headers tell. Queue "q" has the
 * dead-letter exchange "dlx", a fanout to the queue "dead", unless a test says otherwise.
 */
#include "broker/base/text.h"
#include "tests/support/arguments.h"
#include "tests/support/headers.h"
#include "tests/support/peer.h"

#include <string.h>

#define DLX TEXT("x-dead-letter-exchange", "dlx")

static struct peer *connect_with(void **state, struct slice arguments) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue_with(p, "q", arguments);
    peer_declare_exchange(p, "dlx", "fanout");
    peer_declare_queue(p, "dead");
    peer_bind_queue(p, "dead", "dlx", "");
    return p;
}

/* Takes the front of the queue and rejects it. */
static void reject_front(struct peer *p, const char *queue, const char *text) {
    uint64_t delivery_tag;

    peer_send(p, basic_get, .queue = slice_from_text(queue));
    delivery_tag = peer_receive(p, basic_get_ok)->delivery_tag;
    peer_expect_content(p, text);
    peer_send(p, basic_reject, .delivery_tag = delivery_tag);
}

static int64_t death_count(const struct amqp_properties *properties, size_t index) {
    struct amqp_value value;

    assert_true(amqp_table_find(properties->headers, SLICE("x-death"), &value));
    struct amqp_array_iterator i = amqp_array_begin(value.bytes);
    for (size_t at = 0; at <= index; at++)
        assert_true(amqp_array_next(&i, &value));
    assert_true(amqp_table_find(value.bytes, SLICE("count"), &value));
    assert_int_equal(value.tag, 'l');
    return value.integer;
}

/* -- Reasons ----------------------------------------------------------------------------------- */

/* rows: 326 343 */
static void rejected_message_goes_to_the_exchange(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(DLX));

    peer_publish(p, "", "q", "1");
    peer_publish(p, "", "q", "2");
    peer_consume(p, "q", "c");
    peer_expect_delivery(p, "c", 1, "1");
    peer_expect_delivery(p, "c", 2, "2");
    peer_consume_no_ack(p, "dead", "d");
    peer_send(p, basic_reject, .delivery_tag = 1);
    peer_expect(p, basic_deliver, .consumer_tag = SLICE("d"), .delivery_tag = 3,
                .exchange = SLICE("dlx"), .routing_key = SLICE("q"));
    assert_header(peer_expect_content(p, "1"), "x-first-death-reason", "<<\"rejected\">>");
    peer_send(p, basic_nack, .delivery_tag = 2, .multiple = true);
    peer_expect_delivery(p, "d", 4, "2");
}

static void requeued_message_is_no_dead_letter(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(DLX));

    peer_publish(p, "", "q", "1");
    peer_consume(p, "q", "c");
    peer_expect_delivery(p, "c", 1, "1");
    peer_send(p, basic_cancel, .consumer_tag = SLICE("c"));
    peer_skip(p, basic_cancel_ok);
    peer_send(p, basic_reject, .delivery_tag = 1, .requeue = true);
    peer_expect_get_empty(p, "dead");
    peer_expect_counts(p, "q", 1, 0);
}

/* rows: 327 */
static void expired_message_goes_to_the_exchange(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(DLX, INT("x-message-ttl", 500)));

    peer_publish(p, "", "q", "1");
    peer_publish(p, "", "q", "2");
    fixture_advance(*state, 499);
    peer_expect_get_empty(p, "dead");
    fixture_advance(*state, 1);
    assert_header(peer_expect_get(p, "dead", "1"), "x-first-death-reason", "<<\"expired\">>");
    peer_expect_get(p, "dead", "2");
    peer_expect_get_empty(p, "q");
}

/* rows: 328 */
static void overflow_goes_to_the_exchange(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(DLX, INT("x-max-length", 1)));

    peer_publish(p, "", "q", "1");
    peer_publish(p, "", "q", "2");
    assert_header(peer_expect_get(p, "dead", "1"), "x-first-death-reason", "<<\"maxlen\">>");
    peer_expect_get_empty(p, "dead");
    peer_expect_get(p, "q", "2");
}

/* rows: 324 */
static void reject_publish_dlx_sends_the_newest_there(void **state) {
    struct peer *p = connect_with(
        state, ARGUMENTS(DLX, INT("x-max-length", 1), TEXT("x-overflow", "reject-publish-dlx")));

    peer_select_confirms(p);
    peer_publish(p, "", "q", "1");
    peer_expect(p, basic_ack, .delivery_tag = 1);
    peer_publish(p, "", "q", "2");
    peer_expect(p, basic_nack, .delivery_tag = 2, .requeue = true);
    assert_header(peer_expect_get(p, "dead", "2"), "x-first-death-reason", "<<\"maxlen\">>");
    peer_expect_get(p, "q", "1");
}

static void reject_publish_has_no_dead_letters(void **state) {
    struct peer *p = connect_with(
        state, ARGUMENTS(DLX, INT("x-max-length", 0), TEXT("x-overflow", "reject-publish")));

    peer_publish(p, "", "q", "1");
    peer_expect_get_empty(p, "dead");
}

/* rows: 329 */
static void purge_delete_and_expiry_of_the_queue_are_no_deaths(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(DLX, INT("x-expires", 1000)));

    peer_publish(p, "", "q", "purged");
    peer_send(p, queue_purge, .queue = SLICE("q"));
    peer_expect(p, queue_purge_ok, .message_count = 1);
    peer_publish(p, "", "q", "deleted");
    peer_send(p, queue_delete, .queue = SLICE("q"));
    peer_expect(p, queue_delete_ok, .message_count = 1);
    peer_declare_queue_with(p, "q", ARGUMENTS(DLX, INT("x-expires", 1000)));
    peer_publish(p, "", "q", "gone with its queue");
    fixture_advance(*state, 1000);
    peer_expect_get_empty(p, "dead");
}

static void message_of_a_deleted_queue_is_just_gone(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(DLX));

    peer_publish(p, "", "q", "1");
    peer_send(p, basic_get, .queue = SLICE("q"));
    peer_skip(p, basic_get_ok);
    peer_expect_content(p, "1");
    peer_send(p, queue_delete, .queue = SLICE("q"));
    peer_expect(p, queue_delete_ok);
    peer_send(p, basic_reject, .delivery_tag = 1);
    peer_expect_get_empty(p, "dead");
}

/* A letter on its way needs nothing of its queue but what it keeps. */
static void letter_survives_its_queue(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(DLX));

    peer_publish(p, "", "q", "1");
    peer_send(p, basic_get, .queue = SLICE("q"));
    peer_skip(p, basic_get_ok);
    peer_expect_content(p, "1");
    peer_cork(p);
    peer_send(p, basic_reject, .delivery_tag = 1);
    peer_send(p, queue_delete, .queue = SLICE("q"), .no_wait = true);
    peer_uncork(p);
    assert_header(peer_expect_get(p, "dead", "1"), "x-first-death-queue", "<<\"q\">>");
}

/* rows: 339 */
static void without_the_exchange_a_dead_letter_is_dropped(void **state) {
    struct peer *p = connect_with(
        state, ARGUMENTS(TEXT("x-dead-letter-exchange", "later"), INT("x-max-length", 1)));

    peer_publish(p, "", "q", "1");
    peer_publish(p, "", "q", "2");
    peer_declare_exchange(p, "later", "fanout");
    peer_bind_queue(p, "dead", "later", "");
    peer_expect_get_empty(p, "dead");
    peer_publish(p, "", "q", "3");
    peer_expect_get(p, "dead", "2");
}

static void large_body_dies_whole(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(DLX, INT("x-max-length", 0)));
    static char body[300001];

    memset(body, 'b', sizeof body - 1);
    peer_publish(p, "", "q", body);
    peer_expect_get(p, "dead", body);
}

/* -- Headers ----------------------------------------------------------------------------------- */

/* rows: 330 335 */
static void x_death_has_its_fields_and_types(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(DLX));
    const struct amqp_properties *properties;

    peer_publish_with(p, "", "q", "body", .expiration = SLICE("5000"), .delivery_mode = 2,
                      .correlation_id = SLICE("7"));
    fixture_advance(*state, 5000);
    properties = peer_expect_get(p, "dead", "body");
    assert_false(properties->flags & AMQP_EXPIRATION);
    assert_int_equal(properties->delivery_mode, 2);
    assert_true(slice_equal(properties->correlation_id, SLICE("7")));
    assert_header(properties, "x-death",
                  "[{table,[{<<\"original-expiration\">>,longstr,<<\"5000\">>},"
                  "{<<\"count\">>,long,1},"
                  "{<<\"reason\">>,longstr,<<\"expired\">>},"
                  "{<<\"queue\">>,longstr,<<\"q\">>},"
                  "{<<\"time\">>,timestamp,1795000005},"
                  "{<<\"exchange\">>,longstr,<<>>},"
                  "{<<\"routing-keys\">>,array,[{longstr,<<\"q\">>}]}]}]");
}

static void headers_of_the_publisher_stay(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(DLX, INT("x-max-length", 0)));
    const struct amqp_properties *properties;

    peer_publish_with(p, "", "q", "body", .headers = ARGUMENTS(INT("h", 1), TEXT("i", "2")));
    properties = peer_expect_get(p, "dead", "body");
    assert_header(properties, "h", "1");
    assert_header(properties, "i", "<<\"2\">>");
    assert_int_equal(amqp_table_count(properties->headers), 2 + 7);
}

/* rows: 331 */
static void x_death_counts_by_queue_and_reason(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(TEXT("x-dead-letter-exchange", ""),
                                                   TEXT("x-dead-letter-routing-key", "wait")));
    const struct amqp_properties *properties;

    peer_declare_queue_with(p, "wait",
                            ARGUMENTS(TEXT("x-dead-letter-exchange", ""),
                                      TEXT("x-dead-letter-routing-key", "q"),
                                      INT("x-message-ttl", 1000)));
    peer_publish(p, "", "q", "retried");
    for (int round = 1; round <= 3; round++) {
        reject_front(p, "q", "retried");
        fixture_advance(*state, 1000);
    }
    properties = peer_expect_get(p, "q", "retried");
    assert_header(properties, "x-death",
                  "[{table,[{<<\"count\">>,long,3},"
                  "{<<\"reason\">>,longstr,<<\"expired\">>},"
                  "{<<\"queue\">>,longstr,<<\"wait\">>},"
                  "{<<\"time\">>,timestamp,1795000001},"
                  "{<<\"exchange\">>,longstr,<<>>},"
                  "{<<\"routing-keys\">>,array,[{longstr,<<\"wait\">>}]}]},"
                  "{table,[{<<\"count\">>,long,3},"
                  "{<<\"reason\">>,longstr,<<\"rejected\">>},"
                  "{<<\"queue\">>,longstr,<<\"q\">>},"
                  "{<<\"time\">>,timestamp,1795000000},"
                  "{<<\"exchange\">>,longstr,<<>>},"
                  "{<<\"routing-keys\">>,array,[{longstr,<<\"q\">>}]}]}]");
}

/* rows: 332 */
static void latest_death_comes_first(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(TEXT("x-dead-letter-exchange", ""),
                                                   TEXT("x-dead-letter-routing-key", "b")));
    struct amqp_value deaths, death, queue;

    peer_declare_queue_with(
        p, "b",
        ARGUMENTS(TEXT("x-dead-letter-exchange", ""), TEXT("x-dead-letter-routing-key", "c")));
    peer_declare_queue_with(
        p, "c",
        ARGUMENTS(TEXT("x-dead-letter-exchange", ""), TEXT("x-dead-letter-routing-key", "q")));
    peer_publish(p, "", "q", "m");
    reject_front(p, "q", "m");
    reject_front(p, "b", "m");
    reject_front(p, "c", "m");
    reject_front(p, "q", "m");
    assert_true(amqp_table_find(peer_expect_get(p, "b", "m")->headers, SLICE("x-death"), &deaths));
    struct amqp_array_iterator i = amqp_array_begin(deaths.bytes);
    for (const char *expected = "qcb"; *expected != '\0'; expected++) {
        assert_true(amqp_array_next(&i, &death));
        assert_true(amqp_table_find(death.bytes, SLICE("queue"), &queue));
        assert_int_equal(queue.bytes.data[0], *expected);
    }
    assert_false(amqp_array_next(&i, &death));
}

/* rows: 333 334 */
static void first_death_stays_and_last_death_moves(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(TEXT("x-dead-letter-exchange", "amq.direct"),
                                                   TEXT("x-dead-letter-routing-key", "b")));
    const struct amqp_properties *properties;

    peer_declare_queue_with(p, "b", ARGUMENTS(DLX, INT("x-message-ttl", 10)));
    peer_bind_queue(p, "b", "amq.direct", "b");
    peer_publish(p, "", "q", "m");
    reject_front(p, "q", "m");
    fixture_advance(*state, 10);
    properties = peer_expect_get(p, "dead", "m");
    assert_header(properties, "x-first-death-exchange", "<<>>");
    assert_header(properties, "x-first-death-queue", "<<\"q\">>");
    assert_header(properties, "x-first-death-reason", "<<\"rejected\">>");
    assert_header(properties, "x-last-death-exchange", "<<\"amq.direct\">>");
    assert_header(properties, "x-last-death-queue", "<<\"b\">>");
    assert_header(properties, "x-last-death-reason", "<<\"expired\">>");
    assert_int_equal(death_count(properties, 1), 1);
}

/* rows: 342 */
static void death_headers_of_a_publisher_are_not_read(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(DLX));
    struct amqp_table_builder builder = {0};
    const struct amqp_properties *properties;

    amqp_table_begin_array(&builder, SLICE("x-death"));
    amqp_table_begin_table(&builder, AMQP_NO_NAME);
    amqp_table_put_int(&builder, SLICE("count"), 'l', 41);
    amqp_table_put_text(&builder, SLICE("queue"), SLICE("q"));
    amqp_table_put_text(&builder, SLICE("reason"), SLICE("rejected"));
    amqp_table_end(&builder);
    amqp_table_end(&builder);
    amqp_table_put_text(&builder, SLICE("x-first-death-queue"), SLICE("mine"));
    peer_publish_with(p, "", "q", "m", .headers = amqp_table_builder_finish(&builder));
    peer_send(p, basic_get, .queue = SLICE("q"));
    peer_skip(p, basic_get_ok);
    properties = peer_expect_content(p, "m");
    assert_int_equal(death_count(properties, 0), 41);
    assert_header(properties, "x-first-death-queue", "<<\"mine\">>");
    peer_send(p, basic_reject, .delivery_tag = 1);
    properties = peer_expect_get(p, "dead", "m");
    assert_int_equal(death_count(properties, 0), 1);
    assert_header(properties, "x-first-death-queue", "<<\"q\">>");
    assert_int_equal(amqp_table_count(properties->headers), 7);
    amqp_table_builder_clear(&builder);
}

/* -- Keys -------------------------------------------------------------------------------------- */

/* Headers CC and BCC, one key each. Valid until the builder is cleared. */
static struct slice copies(struct amqp_table_builder *builder, const char *cc, const char *bcc) {
    amqp_table_begin_array(builder, SLICE("CC"));
    amqp_table_put_text(builder, AMQP_NO_NAME, slice_from_text(cc));
    amqp_table_end(builder);
    amqp_table_begin_array(builder, SLICE("BCC"));
    amqp_table_put_text(builder, AMQP_NO_NAME, slice_from_text(bcc));
    amqp_table_end(builder);
    return amqp_table_builder_finish(builder);
}

/* rows: 336 337 */
static void dead_letter_takes_the_old_keys(void **state) {
    struct peer *p = connect_with(
        state, ARGUMENTS(TEXT("x-dead-letter-exchange", "amq.direct"), INT("x-max-length", 0)));
    struct amqp_table_builder builder = {0};
    struct amqp_value deaths, death, keys;
    struct text text = {0};

    peer_bind_queue(p, "dead", "amq.direct", "q");
    peer_declare_queue(p, "copied");
    peer_bind_queue(p, "copied", "amq.direct", "cc1");
    peer_declare_queue(p, "hidden");
    peer_bind_queue(p, "hidden", "amq.direct", "bcc1");
    peer_publish_with(p, "", "q", "m", .headers = copies(&builder, "cc1", "bcc1"));
    peer_expect_get(p, "dead", "m");
    assert_header(peer_expect_get(p, "hidden", "m"), "BCC", NULL);
    assert_true(
        amqp_table_find(peer_expect_get(p, "copied", "m")->headers, SLICE("x-death"), &deaths));
    struct amqp_array_iterator i = amqp_array_begin(deaths.bytes);
    assert_true(amqp_array_next(&i, &death));
    assert_true(amqp_table_find(death.bytes, SLICE("routing-keys"), &keys));
    value_text_append(&text, &keys);
    assert_string_equal(text_chars(&text), "[{longstr,<<\"q\">>},{longstr,<<\"cc1\">>}]");
    text_clear(&text);
    amqp_table_builder_clear(&builder);
}

/* rows: 338 */
static void dead_letter_key_replaces_all_of_them(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(TEXT("x-dead-letter-exchange", "amq.direct"),
                                                   TEXT("x-dead-letter-routing-key", "new"),
                                                   INT("x-max-length", 0)));
    struct amqp_table_builder builder = {0};

    peer_bind_queue(p, "dead", "amq.direct", "new");
    peer_declare_queue(p, "copied");
    peer_bind_queue(p, "copied", "amq.direct", "cc1");
    peer_bind_queue(p, "copied", "amq.direct", "bcc1");
    peer_bind_queue(p, "copied", "amq.direct", "q");
    peer_publish_with(p, "", "q", "m", .headers = copies(&builder, "cc1", "bcc1"));
    peer_send(p, basic_get, .queue = SLICE("dead"), .no_ack = true);
    peer_expect(p, basic_get_ok, .delivery_tag = 1, .exchange = SLICE("amq.direct"),
                .routing_key = SLICE("new"));
    assert_header(peer_expect_content(p, "m"), "CC", "[{longstr,<<\"cc1\">>}]");
    peer_expect_get_empty(p, "copied");
    amqp_table_builder_clear(&builder);
}

/* The CC header is still there, but after a new key it has no say any more. */
static void spent_copies_do_not_come_back_to_life(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(TEXT("x-dead-letter-exchange", ""),
                                                   TEXT("x-dead-letter-routing-key", "b"),
                                                   INT("x-max-length", 0)));
    struct amqp_table_builder builder = {0};

    peer_declare_queue_with(
        p, "b", ARGUMENTS(TEXT("x-dead-letter-exchange", "amq.direct"), INT("x-max-length", 0)));
    peer_bind_queue(p, "dead", "amq.direct", "b");
    peer_declare_queue(p, "copied");
    peer_bind_queue(p, "copied", "amq.direct", "cc1");
    peer_bind_queue(p, "copied", "amq.direct", "bcc1");
    peer_publish_with(p, "", "q", "m", .headers = copies(&builder, "cc1", "bcc1"));
    peer_expect_get(p, "dead", "m");
    peer_expect_get_empty(p, "copied");
    amqp_table_builder_clear(&builder);
}

/* -- Cycles ------------------------------------------------------------------------------------ */

/* rows: 340 */
static void cycle_without_a_client_is_cut(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(TEXT("x-dead-letter-exchange", ""),
                                                   TEXT("x-dead-letter-routing-key", "b"),
                                                   INT("x-message-ttl", 10)));

    peer_declare_queue_with(p, "b",
                            ARGUMENTS(TEXT("x-dead-letter-exchange", ""),
                                      TEXT("x-dead-letter-routing-key", "q"),
                                      INT("x-message-ttl", 10)));
    peer_publish(p, "", "q", "m");
    fixture_advance(*state, 10);
    peer_expect_counts(p, "b", 1, 0);
    fixture_advance(*state, 10);
    peer_expect_counts(p, "b", 0, 0);
    peer_expect_counts(p, "q", 0, 0);
}

static void queue_that_is_its_own_dead_letter_queue_ends_at_once(void **state) {
    struct peer *p =
        connect_with(state, ARGUMENTS(TEXT("x-dead-letter-exchange", ""), INT("x-max-length", 0)));

    peer_publish(p, "", "q", "m");
    peer_expect_counts(p, "q", 0, 0);
    peer_expect_open(p);
}

#define CYCLE_LINE                                                                                \
    "Message dropped because the following list of queues (ordered by death recency) contains a " \
    "dead letter cycle without reason 'rejected'. This list will not be logged again: "

/* rows: 340: each circle once, with RabbitMQ's words. */
static void dropped_cycle_is_logged_once(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = connect_with(state, ARGUMENTS(TEXT("x-dead-letter-exchange", ""),
                                                   TEXT("x-dead-letter-routing-key", "b"),
                                                   INT("x-max-length", 0)));

    peer_declare_queue_with(p, "b",
                            ARGUMENTS(TEXT("x-dead-letter-exchange", ""),
                                      TEXT("x-dead-letter-routing-key", "q"),
                                      INT("x-max-length", 0)));
    peer_publish(p, "", "q", "m");
    assert_string_equal(fixture->last_log_line, CYCLE_LINE "[<<\"q\">>,<<\"b\">>,<<\"q\">>]");
    fixture->last_log_line[0] = '\0';
    peer_publish(p, "", "q", "m");
    assert_string_equal(fixture->last_log_line, "");
    peer_publish(p, "", "b", "m");
    assert_string_equal(fixture->last_log_line, CYCLE_LINE "[<<\"b\">>,<<\"q\">>,<<\"b\">>]");
}

/* Only the queue that closes the circle is left out. */
static void cycle_cut_for_one_queue_goes_on_to_others(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(DLX, INT("x-max-length", 0)));

    peer_bind_queue(p, "q", "dlx", "");
    peer_publish(p, "", "q", "m");
    peer_expect_get(p, "dead", "m");
    peer_expect_get_empty(p, "dead");
}

/* rows: 341 */
static void cycle_with_a_reject_goes_on(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(TEXT("x-dead-letter-exchange", ""),
                                                   TEXT("x-dead-letter-routing-key", "b")));

    peer_declare_queue_with(p, "b",
                            ARGUMENTS(TEXT("x-dead-letter-exchange", ""),
                                      TEXT("x-dead-letter-routing-key", "q"),
                                      INT("x-message-ttl", 10)));
    peer_publish(p, "", "q", "m");
    for (int round = 0; round < 30; round++) {
        reject_front(p, "q", "m");
        fixture_advance(*state, 10);
        peer_expect_counts(p, "q", 1, 0);
    }
    assert_int_equal(death_count(peer_expect_get(p, "q", "m"), 0), 30);
}

static void rejected_into_its_own_queue_comes_back(void **state) {
    struct peer *p = connect_with(state, ARGUMENTS(TEXT("x-dead-letter-exchange", "")));

    peer_publish(p, "", "q", "m");
    reject_front(p, "q", "m");
    reject_front(p, "q", "m");
    assert_int_equal(death_count(peer_expect_get(p, "q", "m"), 0), 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CONVERSATION(rejected_message_goes_to_the_exchange),
        CONVERSATION(requeued_message_is_no_dead_letter),
        CONVERSATION(expired_message_goes_to_the_exchange),
        CONVERSATION(overflow_goes_to_the_exchange),
        CONVERSATION(reject_publish_dlx_sends_the_newest_there),
        CONVERSATION(reject_publish_has_no_dead_letters),
        CONVERSATION(purge_delete_and_expiry_of_the_queue_are_no_deaths),
        CONVERSATION(message_of_a_deleted_queue_is_just_gone),
        CONVERSATION(letter_survives_its_queue),
        CONVERSATION(without_the_exchange_a_dead_letter_is_dropped),
        CONVERSATION(large_body_dies_whole),
        CONVERSATION(x_death_has_its_fields_and_types),
        CONVERSATION(headers_of_the_publisher_stay),
        CONVERSATION(x_death_counts_by_queue_and_reason),
        CONVERSATION(latest_death_comes_first),
        CONVERSATION(first_death_stays_and_last_death_moves),
        CONVERSATION(death_headers_of_a_publisher_are_not_read),
        CONVERSATION(dead_letter_takes_the_old_keys),
        CONVERSATION(dead_letter_key_replaces_all_of_them),
        CONVERSATION(spent_copies_do_not_come_back_to_life),
        CONVERSATION(cycle_without_a_client_is_cut),
        CONVERSATION(queue_that_is_its_own_dead_letter_queue_ends_at_once),
        CONVERSATION(cycle_cut_for_one_queue_goes_on_to_others),
        CONVERSATION(dropped_cycle_is_logged_once),
        CONVERSATION(cycle_with_a_reject_goes_on),
        CONVERSATION(rejected_into_its_own_queue_comes_back),
    };

    return cmocka_run_group_tests_name("dead letters", tests, NULL, NULL);
}
