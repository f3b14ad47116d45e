/* SPDX-License-Identifier: Apache-2.0 */
/* What exchanges hold over a restart: delayed messages and histories; and keys that are hidden. */
#include <stdio.h>
#include <stdlib.h>

#include "amqp/table.h"
#include "broker/entities/broker.h"
#include "broker/entities/exchange.h"
#include "broker/entities/exchange_delayed.h"
#include "broker/entities/vhost.h"
#include "persistence/journal.h"
#include "tests/support/arguments.h"
#include "tests/support/memory_disk.h"
#include "tests/support/peer.h"

static void declare_exchange(struct peer *p, const char *name, const char *type,
                             struct slice arguments) {
    peer_send(p, exchange_declare, .exchange = slice_from_text(name), .type = slice_from_text(type),
              .durable = true, .arguments = arguments);
    fixture_write_all(p->fixture);
    peer_expect(p, exchange_declare_ok);
}

static void bind(struct peer *p, const char *queue, const char *exchange, const char *key) {
    peer_send(p, queue_bind, .queue = slice_from_text(queue), .exchange = slice_from_text(exchange),
              .routing_key = slice_from_text(key));
    fixture_write_all(p->fixture);
    peer_expect(p, queue_bind_ok);
}

/* "x" delays and routes as a direct exchange; "q" is bound under "k". All of it is durable. */
static struct peer *connect_delayed(void **state) {
    struct peer *p = peer_connect(*state);

    declare_exchange(p, "x", "x-delayed-message", ARGUMENTS(TEXT("x-delayed-type", "direct")));
    peer_declare_durable_queue(p, "q", SLICE(""));
    bind(p, "q", "x", "k");
    return p;
}

static void publish(struct peer *p, const char *exchange, const char *text) {
    peer_publish_with(p, exchange, "k", text, .delivery_mode = 2);
}

static void publish_delayed(struct peer *p, const char *text, int64_t delay_ms) {
    peer_publish_with(p, "x", "k", text, .delivery_mode = 2,
                      .headers = ARGUMENTS(INT_OF('l', "x-delay", delay_ms)));
}

static struct peer *restart(void **state, bool clean) {
    fixture_restart(*state, clean);
    return peer_connect(*state);
}

static size_t held(struct fixture *fixture) {
    struct vhost *vhost = broker_find_vhost(fixture->broker, SLICE("/"));
    return exchange_delayed_count(vhost_find_exchange(vhost, SLICE("x")));
}

static int64_t waited(const struct amqp_properties *properties) {
    struct amqp_value value;

    assert_true(amqp_table_find(properties->headers, SLICE("x-delay"), &value));
    return value.integer;
}

/* -- x-delayed-message ------------------------------------------------------------------------- */

/* rows: 155: the time at which nobody ran counts. */
static void delayed_message_outlives_the_broker_and_comes_on_time(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = connect_delayed(state);

    for (int clean = 0; clean < 2; clean++) {
        publish_delayed(p, "late", 10000);
        fixture_write_all(fixture);
        fixture_advance(fixture, 4000);
        fixture->env.wall_ms += 2000;
        p = restart(state, clean);
        fixture_advance(fixture, 3999);
        peer_expect_get_empty(p, "q");
        fixture_advance(fixture, 1);
        assert_int_equal(waited(peer_expect_get(p, "q", "late")), -10000);
        fixture_write_all(fixture);
        p = restart(state, clean);
        assert_int_equal(held(fixture), 0);
        peer_expect_get_empty(p, "q");
    }
}

/* rows: 155 */
static void what_fell_due_meanwhile_comes_at_once_and_in_order(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = connect_delayed(state);

    publish_delayed(p, "3", 3000);
    publish_delayed(p, "1a", 1000);
    publish_delayed(p, "1b", 1000);
    publish_delayed(p, "9", 9000);
    fixture_write_all(fixture);
    fixture->env.wall_ms += 5000;
    p = restart(state, false);
    fixture_advance(fixture, 0);
    peer_expect_get(p, "q", "1a");
    peer_expect_get(p, "q", "1b");
    peer_expect_get(p, "q", "3");
    peer_expect_get_empty(p, "q");
    fixture_advance(fixture, 4000);
    peer_expect_get(p, "q", "9");
}

/* rows: 155 */
static void delayed_message_is_confirmed_when_it_is_safe(void **state) {
    struct peer *p = connect_delayed(state);

    peer_select_confirms(p);
    publish_delayed(p, "1", 1000);
    peer_expect_nothing(p);
    fixture_write(*state);
    peer_expect(p, basic_ack, .delivery_tag = 1);
    peer_publish_with(p, "x", "k", "transient", .headers = ARGUMENTS(INT("x-delay", 1000)));
    peer_expect_nothing(p);
    fixture_write(*state);
    peer_expect(p, basic_ack, .delivery_tag = 2);
}

static void commit_waits_for_what_was_delayed(void **state) {
    struct peer *p = connect_delayed(state);

    peer_send(p, tx_select);
    peer_expect(p, tx_select_ok);
    publish_delayed(p, "1", 1000);
    peer_send(p, tx_commit);
    peer_expect_nothing(p);
    fixture_write_all(*state);
    peer_expect(p, tx_commit_ok);
    p = restart(state, false);
    assert_int_equal(held(*state), 1);
}

/* Nothing, or all of it: before its batch is written the message is held, afterwards it is queued. */
static void leaving_for_the_queue_is_one_change(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = connect_delayed(state);

    publish_delayed(p, "1", 1000);
    fixture_write_all(fixture);
    for (unsigned written = 0; written < 2; written++) {
        fixture_advance(fixture, 1000);
        peer_expect_counts(p, "q", 1, 0);
        if (written)
            fixture_write_all(fixture);
        fixture->env.wall_ms -= 1000;
        p = restart(state, false);
        assert_int_equal(held(fixture), !written);
        peer_expect_counts(p, "q", written, 0);
    }
    assert_int_equal(waited(peer_expect_get(p, "q", "1")), -1000);
}

/* It is still being written when it falls due. */
static void message_due_before_it_is_written(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = connect_delayed(state);

    publish_delayed(p, "under way", 1);
    assert_true(journal_is_writing(fixture->broker->journal));
    publish_delayed(p, "not handed over", 1);
    fixture_advance(fixture, 1);
    assert_int_equal(held(fixture), 0);
    fixture_write_all(fixture);
    p = restart(state, false);
    assert_int_equal(held(fixture), 0);
    assert_int_equal(waited(peer_expect_get(p, "q", "under way")), -1);
    peer_expect_get(p, "q", "not handed over");
    peer_expect_get_empty(p, "q");
}

static void what_an_exchange_held_is_gone_with_it(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = connect_delayed(state);
    struct journal_statistics statistics;

    publish_delayed(p, "1", 1000);
    fixture_write_all(fixture);
    peer_send(p, exchange_delete, .exchange = SLICE("x"));
    fixture_write_all(fixture);
    peer_expect(p, exchange_delete_ok);
    journal_statistics(fixture->broker->journal, &statistics);
    assert_int_equal(statistics.live_messages, 0);
    declare_exchange(p, "x", "x-delayed-message", ARGUMENTS(TEXT("x-delayed-type", "direct")));
    p = restart(state, false);
    assert_int_equal(held(fixture), 0);
}

/* As the plugin's, whose table is on disk whatever the delivery mode. In the queue it is transient. */
static void transient_message_survives_while_it_is_delayed(void **state) {
    struct peer *p = connect_delayed(state);

    for (int clean = 0; clean < 2; clean++) {
        peer_publish_with(p, "x", "k", "1", .headers = ARGUMENTS(INT("x-delay", 1000)));
        peer_publish_with(p, "x", "k", "2", .headers = ARGUMENTS(INT("x-delay", 1000)));
        fixture_write_all(*state);
        p = restart(state, clean);
        assert_int_equal(held(*state), 2);
        fixture_advance(*state, 1000);
        peer_expect_get(p, "q", "1");
        fixture_write_all(*state);
        p = restart(state, clean);
        assert_int_equal(held(*state), 0);
        peer_expect_get_empty(p, "q");
    }
}

/* The queue keeps all there is: the change on disk is that of a persistent message. */
static void transient_message_is_delayed_for_a_quorum_queue(void **state) {
    struct peer *p = connect_delayed(state);

    peer_declare_durable_queue(p, "quorum", ARGUMENTS(TEXT("x-queue-type", "quorum")));
    bind(p, "quorum", "x", "k");
    peer_publish_with(p, "x", "k", "1", .headers = ARGUMENTS(INT("x-delay", 1000)));
    fixture_write_all(*state);
    p = restart(state, false);
    fixture_advance(*state, 1000);
    fixture_write_all(*state);
    p = restart(state, false);
    peer_expect_get_empty(p, "q");
    peer_expect_get(p, "quorum", "1");
}

static void transient_exchange_holds_in_memory_only(void **state) {
    struct peer *p = peer_connect(*state);
    struct journal_statistics statistics;

    peer_send(p, exchange_declare, .exchange = SLICE("x"), .type = SLICE("x-delayed-message"),
              .arguments = ARGUMENTS(TEXT("x-delayed-type", "direct")));
    peer_expect(p, exchange_declare_ok);
    publish_delayed(p, "1", 1000);
    fixture_write_all(*state);
    assert_int_equal(held(*state), 1);
    journal_statistics(((struct fixture *)*state)->broker->journal, &statistics);
    assert_int_equal(statistics.live_messages, 0);
}

static void time_of_delivery_stays_what_it_was(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = connect_delayed(state);
    struct amqp_table_builder headers;

    amqp_table_builder_init(&headers);
    amqp_table_put_timestamp(&headers, SLICE("x-deliver-at"),
                             (uint64_t)(fixture->env.wall_ms / 1000 + 5));
    peer_publish_with(p, "x", "k", "1", .delivery_mode = 2,
                      .headers = amqp_table_builder_finish(&headers));
    amqp_table_builder_clear(&headers);
    fixture_write_all(fixture);
    fixture->env.wall_ms += 3000;
    p = restart(state, false);
    fixture_advance(fixture, 1999);
    peer_expect_get_empty(p, "q");
    fixture_advance(fixture, 1);
    assert_int_equal(waited(peer_expect_get(p, "q", "1")), -5000);
}

/* -- x-recent-history -------------------------------------------------------------------------- */

static void expect_replayed(struct peer *p, const char *exchange, const char *const *texts) {
    peer_declare_queue(p, "new");
    peer_bind_queue(p, "new", exchange, "");
    for (; *texts != NULL; texts++)
        peer_expect_get(p, "new", *texts);
    peer_expect_get_empty(p, "new");
    peer_send(p, queue_delete, .queue = SLICE("new"));
    peer_expect(p, queue_delete_ok);
}

/* rows: 153 */
static void history_outlives_the_broker(void **state) {
    struct peer *p = peer_connect(*state);

    declare_exchange(p, "h", "x-recent-history", ARGUMENTS(INT("x-recent-history-length", 3)));
    publish(p, "h", "1");
    publish(p, "h", "2");
    peer_publish(p, "h", "k", "transient");
    publish(p, "h", "3");
    fixture_write_all(*state);
    publish(p, "h", "4");
    fixture_write_all(*state);
    p = restart(state, false);
    expect_replayed(p, "h", (const char *const[]){"3", "4", NULL});
    publish(p, "h", "5");
    fixture_write_all(*state);
    p = restart(state, true);
    expect_replayed(p, "h", (const char *const[]){"3", "4", "5", NULL});
}

/* What the ring drops before it was written never is. */
static void history_writes_what_it_still_holds(void **state) {
    struct fixture *fixture = *state;
    struct journal_statistics statistics;
    struct peer *p = peer_connect(fixture);

    declare_exchange(p, "h", "x-recent-history", ARGUMENTS(INT("x-recent-history-length", 2)));
    peer_cork(p);
    for (int i = 0; i < 100; i++)
        publish(p, "h", "body");
    peer_uncork(p);
    fixture_write_all(fixture);
    journal_statistics(fixture->broker->journal, &statistics);
    assert_int_equal(statistics.live_messages, 2);
    assert_true(statistics.records < 20);
}

/* rows: 153 155: one exchange that delays, and keeps what it delivered. */
static void delayed_history_keeps_both(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = peer_connect(fixture);

    declare_exchange(p, "x", "x-delayed-message",
                     ARGUMENTS(TEXT("x-delayed-type", "x-recent-history")));
    publish_delayed(p, "soon", 1000);
    publish_delayed(p, "late", 5000);
    fixture_write_all(fixture);
    fixture_advance(fixture, 1000);
    fixture_write_all(fixture);
    p = restart(state, false);
    assert_int_equal(held(fixture), 1);
    expect_replayed(p, "x", (const char *const[]){"soon", NULL});
    fixture_advance(fixture, 4000);
    fixture_write_all(fixture);
    p = restart(state, false);
    assert_int_equal(held(fixture), 0);
    expect_replayed(p, "x", (const char *const[]){"soon", "late", NULL});
}

/* -- BCC --------------------------------------------------------------------------------------- */

static struct slice bcc(struct amqp_table_builder *headers, const char *key) {
    amqp_table_builder_init(headers);
    amqp_table_begin_array(headers, SLICE("BCC"));
    amqp_table_put_text(headers, AMQP_NO_NAME, slice_from_text(key));
    amqp_table_end(headers);
    return amqp_table_builder_finish(headers);
}

/* rows: 172 337 */
static void hidden_key_of_a_stored_message_still_routes_its_dead_letter(void **state) {
    static const char *const bodies[] = {"body", ""};
    struct amqp_table_builder headers;
    struct amqp_value value;

    for (int i = 0; i < 2; i++) {
        struct peer *p = peer_connect(*state);
        declare_exchange(p, "dlx", "direct", SLICE(""));
        peer_declare_durable_queue(p, "q", ARGUMENTS(TEXT("x-dead-letter-exchange", "dlx")));
        peer_declare_durable_queue(p, "seen", SLICE(""));
        peer_declare_durable_queue(p, "hidden", SLICE(""));
        bind(p, "seen", "dlx", "q");
        bind(p, "hidden", "dlx", "secret");
        peer_publish_with(p, "", "q", bodies[i], .delivery_mode = 2,
                          .headers = bcc(&headers, "secret"));
        amqp_table_builder_clear(&headers);
        fixture_write_all(*state);
        p = restart(state, i == 1);
        peer_send(p, basic_get, .queue = SLICE("q"));
        peer_skip(p, basic_get_ok);
        assert_false(
            amqp_table_find(peer_expect_content(p, bodies[i])->headers, SLICE("BCC"), &value));
        peer_send(p, basic_reject, .delivery_tag = 1);
        fixture_write_all(*state);
        peer_expect_get(p, "seen", bodies[i]);
        peer_expect_get(p, "hidden", bodies[i]);
    }
}

/* rows: 155 172 */
static void hidden_key_routes_what_was_delayed_over_a_restart(void **state) {
    struct peer *p = connect_delayed(state);
    struct amqp_table_builder headers;

    peer_declare_durable_queue(p, "hidden", SLICE(""));
    bind(p, "hidden", "x", "secret");
    bcc(&headers, "secret");
    amqp_table_put_int(&headers, SLICE("x-delay"), AMQP_TAG_INT32, 1000);
    peer_publish_with(p, "x", "k", "1", .delivery_mode = 2,
                      .headers = amqp_table_builder_finish(&headers));
    amqp_table_builder_clear(&headers);
    fixture_write_all(*state);
    p = restart(state, false);
    fixture_advance(*state, 1000);
    peer_expect_get(p, "q", "1");
    peer_expect_get(p, "hidden", "1");
}

/* -- what comes by the thousand ----------------------------------------------------------------- */

#define MANY 2000

static void publish_many(struct peer *p, const char *exchange, const char *key, const char *ttl) {
    peer_cork(p);
    for (int i = 0; i < MANY; i++)
        peer_publish_with(p, exchange, key, "body", .delivery_mode = 2,
                          .expiration = slice_from_text(ttl));
    peer_uncork(p);
    fixture_write_all(p->fixture);
}

/* Every one of them, once, in order, though a tick drops only a few. */
static void many_that_expire_together_are_all_dead_lettered(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = peer_connect(fixture);

    peer_declare_durable_queue(p, "dead", SLICE(""));
    peer_declare_durable_queue(
        p, "q",
        ARGUMENTS(TEXT("x-dead-letter-exchange", ""), TEXT("x-dead-letter-routing-key", "dead")));
    publish_many(p, "", "q", "1000");
    peer_expect_counts(p, "q", MANY, 0);
    fixture_advance(fixture, 1000);
    fixture_write_all(fixture);
    peer_expect_counts(p, "dead", MANY, 0);
    p = restart(state, false);
    peer_expect_counts(p, "q", 0, 0);
    peer_expect_counts(p, "dead", MANY, 0);
}

/* What is live behind them comes when they are gone, and not one of them comes. */
static void consumer_sees_none_of_many_that_expired(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = peer_connect(fixture);

    peer_declare_durable_queue(p, "q", SLICE(""));
    publish_many(p, "", "q", "1000");
    peer_publish_with(p, "", "q", "live", .delivery_mode = 2);
    fixture->env.now_ms += 2000;
    peer_consume_no_ack(p, "q", "c");
    peer_expect_delivery(p, "c", 1, "live");
}

static void get_sees_none_of_many_that_expired(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = peer_connect(fixture);

    peer_declare_durable_queue(p, "q", SLICE(""));
    publish_many(p, "", "q", "1000");
    peer_publish_with(p, "", "q", "live", .delivery_mode = 2);
    fixture->env.now_ms += 2000;
    peer_expect_get(p, "q", "live");
}

/* rows: 202: a stop in the middle of it finishes it. */
static void purged_messages_stay_away(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = peer_connect(fixture);

    peer_declare_durable_queue(p, "q", SLICE(""));
    publish_many(p, "", "q", "");
    peer_send(p, queue_purge, .queue = SLICE("q"));
    peer_expect(p, queue_purge_ok, .message_count = MANY);
    p = restart(state, true);
    peer_expect_counts(p, "q", 0, 0);
    publish_many(p, "", "q", "");
    peer_send(p, queue_delete, .queue = SLICE("q"));
    fixture_write_all(fixture);
    peer_expect(p, queue_delete_ok, .message_count = MANY);
    p = restart(state, false);
    peer_declare_durable_queue(p, "q", SLICE(""));
    peer_expect_get_empty(p, "q");
}

/* What is put away after a purge is counted as before it. */
static void limit_of_octets_holds_after_a_purge(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = peer_connect(fixture);
    static char body[1001];

    memset(body, 'x', sizeof body - 1);
    peer_declare_durable_queue(p, "q", ARGUMENTS(INT("x-max-length-bytes", 400000)));
    for (int round = 0; round < 2; round++) {
        peer_cork(p);
        for (int i = 0; i < 600; i++)
            peer_publish_with(p, "", "q", body, .delivery_mode = 2);
        peer_uncork(p);
        fixture_write_all(fixture);
        peer_expect_counts(p, "q", 400, 0);
        for (int i = 0; i < 50; i++) {
            peer_publish_with(p, "", "q", body, .delivery_mode = 2);
            fixture_write_all(fixture);
        }
        peer_expect_counts(p, "q", 400, 0);
        peer_send(p, queue_purge, .queue = SLICE("q"));
        peer_expect(p, queue_purge_ok, .message_count = 400);
        fixture_write_all(fixture);
    }
}

#define DELAYED 3000
#define LATER   20000 /* far enough off to leave memory */

static void publish_many_delayed(struct peer *p) {
    char text[256];

    for (int i = 0; i < DELAYED; i++) {
        int number = i * 7 % DELAYED; /* not in the order of their times */
        snprintf(text, sizeof text, "%0200d", number);
        publish_delayed(p, text, LATER + number / 2);
        if (i % 100 == 0)
            fixture_write_all(p->fixture);
    }
    fixture_write_all(p->fixture);
}

/* rows: 155: they leave memory, and come at their time and in their order for all that. */
static void delayed_messages_wait_on_disk(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = connect_delayed(state);
    int last = 0;

    publish_many_delayed(p);
    assert_int_equal(held(fixture), DELAYED);
    assert_true(fixture->broker->messages.bytes < DELAYED * 200 / 2);
    p = restart(state, true);
    assert_true(fixture->broker->messages.bytes < 10000);
    peer_consume_no_ack(p, "q", "c");
    fixture_advance(fixture, LATER + DELAYED / 2);
    for (uint64_t i = 1; i <= DELAYED; i++) {
        assert_int_equal(peer_receive(p, basic_deliver)->delivery_tag, i);
        peer_expect_content(p, NULL);
        assert_int_equal(p->body.len, 200);
        char digits[6] = "";
        memcpy(digits, p->body.data + 195, 5);
        int number = atoi(digits);
        assert_true(number / 2 >= last / 2); /* of the two of one moment any */
        last = number;
    }
    assert_int_equal(held(fixture), 0);
    peer_expect_get_empty(p, "q");
}

static void exchange_goes_with_what_it_held_on_disk(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = connect_delayed(state);
    struct journal_statistics statistics;

    publish_many_delayed(p);
    fixture_advance(fixture, LATER - 500); /* some are on their way back */
    peer_send(p, exchange_delete, .exchange = SLICE("x"));
    fixture_write_all(fixture);
    peer_expect(p, exchange_delete_ok);
    journal_statistics(fixture->broker->journal, &statistics);
    assert_int_equal(statistics.live_messages, 0);
}

static int setup_paged(void **state) {
    *state = fixture_create_paged(20000);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        DURABLE_CONVERSATION(delayed_message_outlives_the_broker_and_comes_on_time),
        DURABLE_CONVERSATION(what_fell_due_meanwhile_comes_at_once_and_in_order),
        DURABLE_CONVERSATION(delayed_message_is_confirmed_when_it_is_safe),
        DURABLE_CONVERSATION(commit_waits_for_what_was_delayed),
        DURABLE_CONVERSATION(leaving_for_the_queue_is_one_change),
        DURABLE_CONVERSATION(message_due_before_it_is_written),
        DURABLE_CONVERSATION(what_an_exchange_held_is_gone_with_it),
        DURABLE_CONVERSATION(transient_message_survives_while_it_is_delayed),
        DURABLE_CONVERSATION(transient_message_is_delayed_for_a_quorum_queue),
        DURABLE_CONVERSATION(transient_exchange_holds_in_memory_only),
        DURABLE_CONVERSATION(time_of_delivery_stays_what_it_was),
        DURABLE_CONVERSATION(history_outlives_the_broker),
        DURABLE_CONVERSATION(history_writes_what_it_still_holds),
        DURABLE_CONVERSATION(delayed_history_keeps_both),
        DURABLE_CONVERSATION(hidden_key_of_a_stored_message_still_routes_its_dead_letter),
        DURABLE_CONVERSATION(hidden_key_routes_what_was_delayed_over_a_restart),
        DURABLE_CONVERSATION(many_that_expire_together_are_all_dead_lettered),
        DURABLE_CONVERSATION(consumer_sees_none_of_many_that_expired),
        DURABLE_CONVERSATION(get_sees_none_of_many_that_expired),
        DURABLE_CONVERSATION(purged_messages_stay_away),
        cmocka_unit_test_setup_teardown(limit_of_octets_holds_after_a_purge, setup_paged,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(delayed_messages_wait_on_disk, setup_paged,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(exchange_goes_with_what_it_held_on_disk, setup_paged,
                                        fixture_teardown),
    };

    return cmocka_run_group_tests_name("held messages", tests, NULL, NULL);
}
