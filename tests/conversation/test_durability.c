/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits for the disk and what does not: a broker with a journal whose disk writes only when told to.
 * fixture_write() is one batch.
 */
#include <errno.h>

#include "broker/entities/broker.h"
#include "broker/protocol/blocking.h"
#include "broker/protocol/connection.h"
#include "persistence/journal.h"
#include "tests/support/arguments.h"
#include "tests/support/memory_disk.h"
#include "tests/support/peer.h"

/* Declares a durable queue and has it written. */
static void declare_durable(struct peer *p, const char *name) {
    peer_send(p, queue_declare, .queue = slice_from_text(name), .durable = true);
    fixture_write_all(p->fixture);
    peer_expect(p, queue_declare_ok, .queue = slice_from_text(name));
}

static void declare_transient(struct peer *p, const char *name) {
    peer_send(p, queue_declare, .queue = slice_from_text(name));
    peer_expect(p, queue_declare_ok, .queue = slice_from_text(name));
}

static void publish_persistent(struct peer *p, const char *queue, const char *text) {
    peer_publish_with(p, "", queue, text, .delivery_mode = 2);
}

static struct peer *connect_confirming(void **state) {
    struct peer *p = peer_connect(*state);

    declare_durable(p, "d");
    declare_transient(p, "t");
    peer_select_confirms(p);
    return p;
}

static uint64_t octets_written(struct fixture *fixture) {
    struct journal_statistics statistics;

    journal_statistics(fixture->broker->journal, &statistics);
    return statistics.bytes_written;
}

/* --- confirms --- */

/* rows: 247 */
static void confirm_comes_when_the_batch_is_written(void **state) {
    struct peer *p = connect_confirming(state);

    publish_persistent(p, "d", "1");
    peer_expect_nothing(p);
    assert_true(fixture_write(*state));
    peer_expect(p, basic_ack, .delivery_tag = 1);
}

static void transient_message_or_queue_does_not_wait(void **state) {
    struct peer *p = connect_confirming(state);

    peer_publish(p, "", "d", "transient");
    peer_expect(p, basic_ack, .delivery_tag = 1);
    publish_persistent(p, "t", "persistent");
    peer_expect(p, basic_ack, .delivery_tag = 2);
    publish_persistent(p, "nowhere", "unroutable");
    peer_expect(p, basic_ack, .delivery_tag = 3);
}

static void transient_one_waits_for_an_earlier_durable_one(void **state) {
    struct peer *p = connect_confirming(state);

    publish_persistent(p, "d", "1");
    peer_publish(p, "", "t", "2");
    peer_expect_nothing(p);
    fixture_write(*state);
    peer_expect(p, basic_ack, .delivery_tag = 2, .multiple = true);
}

static void multiple_goes_up_to_what_is_safe(void **state) {
    struct peer *p = connect_confirming(state);

    publish_persistent(p, "d", "1");
    publish_persistent(p, "d", "2"); /* the first is under way */
    publish_persistent(p, "d", "3");
    fixture_write(*state);
    peer_expect(p, basic_ack, .delivery_tag = 1);
    peer_expect_nothing(p);
    fixture_write(*state);
    peer_expect(p, basic_ack, .delivery_tag = 3, .multiple = true);
    peer_expect_nothing(p);
}

static void one_batch_takes_what_came_in_one_tick(void **state) {
    struct peer *p = connect_confirming(state);

    peer_cork(p);
    for (int i = 0; i < 50; i++)
        publish_persistent(p, "d", "body");
    peer_uncork(p);
    fixture_write_all(*state);
    uint64_t acked = 0;
    while (acked < 50) {
        struct amqp_basic_ack ack = *peer_receive(p, basic_ack);
        assert_true(ack.delivery_tag > acked);
        acked = ack.delivery_tag;
    }
    peer_expect_nothing(p);
}

static void channels_and_connections_wait_for_their_own(void **state) {
    struct peer *p = connect_confirming(state);
    struct peer *other = peer_connect(*state);

    peer_select_confirms(other);
    publish_persistent(p, "d", "1");
    peer_publish(other, "", "t", "1");
    peer_expect(other, basic_ack, .delivery_tag = 1);
    publish_persistent(other, "d", "2");
    fixture_write(*state);
    peer_expect(p, basic_ack, .delivery_tag = 1);
    peer_expect_nothing(other);
    fixture_write(*state);
    peer_expect(other, basic_ack, .delivery_tag = 2);
}

static void message_is_delivered_before_it_is_safe(void **state) {
    struct peer *p = connect_confirming(state);

    peer_consume(p, "d", "c");
    publish_persistent(p, "d", "1");
    peer_expect_delivery(p, "c", 1, "1");
    peer_send(p, basic_ack, .delivery_tag = 1);
    peer_expect_nothing(p);
    fixture_write_all(*state);
    peer_expect(p, basic_ack, .delivery_tag = 1);
}

/* What nobody will ever ask for again need not be written. */
static void message_acked_before_hand_over_never_reaches_the_disk(void **state) {
    struct peer *p = connect_confirming(state);

    uint64_t before = octets_written(*state);
    publish_persistent(p, "d", "under way");
    peer_consume_no_ack(p, "d", "c");
    peer_expect_delivery(p, "c", 1, "under way");
    for (uint64_t i = 2; i <= 100; i++) {
        publish_persistent(p, "d", "gone");
        peer_expect_delivery(p, "c", i, "gone");
    }
    fixture_write(*state);
    peer_expect(p, basic_ack, .delivery_tag = 1);
    fixture_write_all(*state);
    while (peer_receive(p, basic_ack)->delivery_tag < 100)
        continue;
    /* The first message and that it is gone: a block each. */
    assert_true(octets_written(*state) - before <= 2 * 4096);
}

static void queue_that_keeps_up_costs_no_write(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = connect_confirming(state);

    peer_consume_no_ack(p, "d", "c");
    for (uint64_t i = 1; i <= 10; i++) {
        publish_persistent(p, "d", "gone");
        peer_expect_delivery(p, "c", i, "gone");
        peer_expect(p, basic_ack, .delivery_tag = i);
    }
    assert_false(journal_is_writing(fixture->broker->journal));
}

static void unroutable_mandatory_one_is_returned_and_confirmed_at_once(void **state) {
    struct peer *p = connect_confirming(state);

    peer_send(p, basic_publish, .routing_key = SLICE("nowhere"), .mandatory = true);
    peer_send_content(p, "back", .delivery_mode = 2);
    peer_skip(p, basic_return);
    peer_expect_content(p, "back");
    peer_expect(p, basic_ack, .delivery_tag = 1);
}

static void close_with_confirms_outstanding_sends_none(void **state) {
    struct peer *p = connect_confirming(state);

    publish_persistent(p, "d", "1");
    peer_close_channel(p);
    fixture_write_all(*state);
    peer_expect_nothing(p);
    peer_reopen(p);
    peer_expect_get(p, "d", "1");
}

static void connection_lost_with_confirms_outstanding(void **state) {
    struct peer *p = connect_confirming(state);
    struct peer *other = peer_connect(*state);

    publish_persistent(p, "d", "1");
    peer_drop(p);
    fixture_write_all(*state);
    peer_expect_get(other, "d", "1");
}

/* --- the gate --- */

static void declare_ok_and_all_behind_it_wait(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, queue_declare, .queue = SLICE("q"), .durable = true);
    peer_send(p, basic_qos, .prefetch_count = 5);
    peer_expect_nothing(p);
    assert_true(fixture_write(*state));
    peer_expect(p, queue_declare_ok, .queue = SLICE("q"));
    peer_expect(p, basic_qos_ok);
    peer_expect_nothing(p);
}

static void promises_of_all_kinds_wait(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, exchange_declare, .exchange = SLICE("x"), .type = SLICE("fanout"),
              .durable = true);
    peer_expect_nothing(p);
    fixture_write(*state);
    peer_expect(p, exchange_declare_ok);
    declare_durable(p, "q");
    peer_send(p, queue_bind, .queue = SLICE("q"), .exchange = SLICE("x"));
    peer_expect_nothing(p);
    fixture_write(*state);
    peer_expect(p, queue_bind_ok);
    peer_send(p, exchange_bind, .destination = SLICE("x"), .source = SLICE("amq.topic"),
              .routing_key = SLICE("#"));
    peer_expect_nothing(p);
    fixture_write(*state);
    peer_expect(p, exchange_bind_ok);
    peer_send(p, exchange_unbind, .destination = SLICE("x"), .source = SLICE("amq.topic"),
              .routing_key = SLICE("#"));
    peer_expect_nothing(p);
    fixture_write(*state);
    peer_expect(p, exchange_unbind_ok);
    peer_send(p, queue_unbind, .queue = SLICE("q"), .exchange = SLICE("x"));
    peer_expect_nothing(p);
    fixture_write(*state);
    peer_expect(p, queue_unbind_ok);
    peer_send(p, queue_delete, .queue = SLICE("q"));
    peer_expect_nothing(p);
    fixture_write(*state);
    peer_expect(p, queue_delete_ok);
    peer_send(p, exchange_delete, .exchange = SLICE("x"));
    peer_expect_nothing(p);
    fixture_write(*state);
    peer_expect(p, exchange_delete_ok);
}

static void transient_declarations_do_not_wait(void **state) {
    struct peer *p = peer_connect(*state);

    declare_transient(p, "t");
    peer_declare_exchange(p, "x", "fanout");
    peer_bind_queue(p, "t", "x", "");
    peer_bind_queue(p, "t", "amq.direct", "k");
    peer_send(p, queue_declare, .queue = SLICE("e"), .exclusive = true, .durable = true);
    peer_expect(p, queue_declare_ok, .queue = SLICE("e"));
    assert_false(journal_is_writing(((struct fixture *)*state)->broker->journal));
}

static void declare_of_what_is_being_written_waits_too(void **state) {
    struct peer *p = peer_connect(*state);
    struct peer *other = peer_connect(*state);

    peer_send(p, queue_declare, .queue = SLICE("q"), .durable = true);
    peer_send(other, queue_declare, .queue = SLICE("q"), .durable = true);
    peer_expect_nothing(other);
    fixture_write(*state);
    peer_expect(p, queue_declare_ok, .queue = SLICE("q"));
    peer_expect(other, queue_declare_ok, .queue = SLICE("q"));
}

static void other_connections_go_on(void **state) {
    struct peer *p = peer_connect(*state);
    struct peer *other = peer_connect(*state);

    declare_transient(other, "t");
    peer_send(p, queue_declare, .queue = SLICE("q"), .durable = true);
    peer_publish(other, "", "t", "meanwhile");
    peer_expect_get(other, "t", "meanwhile");
    peer_publish(p, "", "t", "from behind the gate");
    peer_expect_get(other, "t", "from behind the gate");
    fixture_write(*state);
    peer_expect(p, queue_declare_ok, .queue = SLICE("q"));
}

static void deliveries_rest_behind_the_gate_and_go_on_after_it(void **state) {
    struct peer *p = peer_connect(*state);
    struct peer *other = peer_connect(*state);

    declare_transient(p, "t");
    peer_consume(p, "t", "c");
    peer_send(p, queue_declare, .queue = SLICE("q"), .durable = true);
    peer_publish(other, "", "t", "1");
    peer_publish(other, "", "t", "2");
    peer_expect_nothing(p);
    fixture_write(*state);
    peer_expect(p, queue_declare_ok, .queue = SLICE("q"));
    peer_expect_delivery(p, "c", 1, "1");
    peer_expect_delivery(p, "c", 2, "2");
}

static struct peer *connect_with_heartbeat(struct fixture *fixture, uint16_t heartbeat_s) {
    struct peer *p = peer_accept(fixture);

    peer_expect_start(p);
    peer_authenticate(p, "guest", "guest");
    peer_tune(p, heartbeat_s);
    peer_open(p);
    peer_open_channel(p, 1);
    return p;
}

static void heartbeats_pass_the_gate(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = connect_with_heartbeat(fixture, 10);

    peer_send(p, queue_declare, .queue = SLICE("q"), .durable = true);
    for (int i = 0; i < 10; i++) {
        fixture_advance(fixture, 5000);
        peer_send_frame(p, AMQP_FRAME_HEARTBEAT, 0, SLICE(""));
        peer_expect_heartbeat(p);
    }
    fixture_write(fixture);
    peer_expect(p, queue_declare_ok, .queue = SLICE("q"));
    peer_expect_open(p);
}

/* What keeps the gate closed may be what the alarm is about. */
static void blocked_passes_the_gate(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = peer_connect(fixture);

    peer_send(p, queue_declare, .queue = SLICE("q"), .durable = true);
    broker_set_disk_alarm(fixture->broker, true);
    peer_publish(p, "", "q", "");
    peer_expect(p, connection_blocked, .reason = SLICE("low on disk"));
    broker_set_disk_alarm(fixture->broker, false);
    fixture_run(fixture);
    peer_expect(p, connection_unblocked);
    peer_expect_nothing(p);
    fixture_write(fixture);
    peer_expect(p, queue_declare_ok, .queue = SLICE("q"));
}

static void commit_waits(void **state) {
    struct peer *p = peer_connect(*state);
    struct peer *other = peer_connect(*state);

    declare_durable(p, "q");
    peer_send(p, tx_select);
    peer_expect(p, tx_select_ok);
    publish_persistent(p, "q", "1");
    publish_persistent(p, "q", "2");
    peer_send(p, tx_commit);
    peer_expect_nothing(p);
    peer_expect_get(other, "q", "1");
    fixture_write_all(*state);
    peer_expect(p, tx_commit_ok);
}

/* Nothing is left to write, so nothing will ever be written that the gate could wait for. */
static void commit_of_what_is_gone_meanwhile_waits_for_what_is_under_way_only(void **state) {
    struct peer *p = peer_connect(*state);
    struct peer *other = peer_connect(*state);

    declare_durable(p, "q");
    declare_durable(p, "gone");
    peer_consume_no_ack(other, "gone", "c");
    peer_send(p, tx_select);
    peer_expect(p, tx_select_ok);
    publish_persistent(other, "q", "under way");
    publish_persistent(p, "gone", "body");
    peer_send(p, tx_commit);
    peer_expect_delivery(other, "c", 1, "body");
    peer_expect_nothing(p);
    fixture_write(*state);
    peer_expect(p, tx_commit_ok);
    assert_false(fixture_write(*state));
}

/* Otherwise what was settled could come back after its commit-ok. */
static void commit_of_acks_waits(void **state) {
    struct peer *p = peer_connect(*state);

    declare_durable(p, "q");
    publish_persistent(p, "q", "1");
    fixture_write_all(*state);
    peer_send(p, tx_select);
    peer_expect(p, tx_select_ok);
    peer_consume(p, "q", "c");
    peer_expect_delivery(p, "c", 1, "1");
    peer_send(p, basic_ack, .delivery_tag = 1);
    peer_send(p, tx_commit);
    peer_expect_nothing(p);
    fixture_write_all(*state);
    peer_expect(p, tx_commit_ok);
}

/* Otherwise what was purged could come back after its purge-ok. */
static void purge_of_what_is_stored_waits(void **state) {
    struct peer *p = peer_connect(*state);

    declare_durable(p, "q");
    publish_persistent(p, "q", "1");
    fixture_write_all(*state);
    peer_send(p, queue_purge, .queue = SLICE("q"));
    peer_expect_nothing(p);
    fixture_write_all(*state);
    peer_expect(p, queue_purge_ok, .message_count = 1);
    peer_send(p, queue_purge, .queue = SLICE("q"));
    peer_expect(p, queue_purge_ok, .message_count = 0);
}

static void empty_or_transient_commit_does_not_wait(void **state) {
    struct peer *p = peer_connect(*state);

    declare_transient(p, "t");
    peer_send(p, tx_select);
    peer_expect(p, tx_select_ok);
    peer_send(p, tx_commit);
    peer_expect(p, tx_commit_ok);
    publish_persistent(p, "t", "1");
    peer_send(p, tx_commit);
    peer_expect(p, tx_commit_ok);
}

static void channel_close_waits_behind_the_gate(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, queue_declare, .queue = SLICE("q"), .durable = true);
    peer_send(p, channel_close, .reply_code = 200);
    peer_expect_nothing(p);
    fixture_write(*state);
    peer_expect(p, queue_declare_ok, .queue = SLICE("q"));
    peer_expect(p, channel_close_ok);
}

static void connection_close_waits_behind_the_gate(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, queue_declare, .queue = SLICE("q"), .durable = true);
    peer_send(p, connection_close, .reply_code = 200);
    peer_expect_nothing(p);
    fixture_write(*state);
    peer_expect(p, queue_declare_ok, .queue = SLICE("q"));
    peer_expect(p, connection_close_ok);
}

static void exception_waits_behind_the_gate(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, queue_declare, .queue = SLICE("q"), .durable = true);
    peer_publish(p, "nope", "k", "body");
    peer_expect_nothing(p);
    fixture_write(*state);
    peer_expect(p, queue_declare_ok, .queue = SLICE("q"));
    peer_expect_channel_exception(p, 404, "no exchange 'nope' in vhost '/'", basic_publish);
}

static void connection_lost_behind_the_gate(void **state) {
    struct peer *p = peer_connect(*state);
    struct peer *other = peer_connect(*state);

    peer_send(p, queue_declare, .queue = SLICE("q"), .durable = true);
    peer_drop(p);
    fixture_write_all(*state);
    peer_expect_counts(other, "q", 0, 0);
}

/* A client cannot make the broker hold more than a bounded amount, whatever it asks for. */
static void what_is_held_is_bounded(void **state) {
    static char body[60001];
    struct peer *p = peer_connect(*state);
    size_t asked = 0;

    memset(body, 'b', sizeof body - 1);
    declare_transient(p, "t");
    for (int i = 0; i < 40; i++)
        peer_publish(p, "", "t", body);
    peer_send(p, queue_declare, .queue = SLICE("q"), .durable = true);
    for (; asked < 40; asked++)
        peer_send(p, basic_get, .queue = SLICE("t"), .no_ack = true);
    assert_true(outbuf_size(&p->connection->held) <= 2 * OUTPUT_HIGH_WATER);
    fixture_write(*state);
    peer_expect(p, queue_declare_ok, .queue = SLICE("q"));
    for (size_t i = 0; i < asked; i++) {
        assert_int_equal(peer_receive(p, basic_get_ok)->message_count, 39 - i);
        peer_expect_content(p, body);
    }
}

/* It would say that it lives, but it is not read. */
static void client_held_up_by_the_disk_is_not_taken_for_dead(void **state) {
    static char body[60001];
    struct peer *p = connect_with_heartbeat(*state, 10);

    memset(body, 'b', sizeof body - 1);
    declare_transient(p, "t");
    for (int i = 0; i < 40; i++)
        peer_publish(p, "", "t", body);
    peer_send(p, queue_declare, .queue = SLICE("q"), .durable = true);
    for (int i = 0; i < 40; i++)
        peer_send(p, basic_get, .queue = SLICE("t"), .no_ack = true);
    assert_true(p->connection->endpoint.input_paused);
    fixture_advance(*state, 60000);
    assert_non_null(p->connection);
    fixture_write(*state);
    assert_false(p->connection->endpoint.input_paused);
    fixture_advance(*state, 60000); /* now it could speak, and does not */
    assert_null(p->connection);
    p->received.len = 0; /* what it was sent is the business of what_is_held_is_bounded */
}

/* --- restarts --- */

static void declare_dying(struct peer *p, const char *name, const char *next) {
    peer_send(p, queue_declare, .queue = slice_from_text(name), .durable = true,
              .arguments = ARGUMENTS(TEXT("x-dead-letter-exchange", ""),
                                     TEXT("x-dead-letter-routing-key", next)));
    fixture_write(p->fixture);
    peer_skip(p, queue_declare_ok);
}

static int64_t first_death_count(const struct amqp_properties *properties) {
    struct amqp_value value;

    assert_true(amqp_table_find(properties->headers, SLICE("x-death"), &value));
    struct amqp_array_iterator deaths = amqp_array_begin(value.bytes);
    assert_true(amqp_array_next(&deaths, &value));
    assert_true(amqp_table_find(value.bytes, SLICE("count"), &value));
    return value.integer;
}

static void reject_front(struct peer *p, const char *queue) {
    peer_send(p, basic_get, .queue = slice_from_text(queue));
    uint64_t delivery_tag = peer_receive(p, basic_get_ok)->delivery_tag;
    peer_expect_content(p, "x");
    peer_send(p, basic_reject, .delivery_tag = delivery_tag);
    fixture_write(p->fixture);
}

static void deaths_are_counted_across_a_restart(void **state) {
    struct peer *p = peer_connect(*state);

    declare_dying(p, "q", "r");
    declare_dying(p, "r", "q");
    publish_persistent(p, "q", "x");
    reject_front(p, "q");
    fixture_restart(*state, true);
    p = peer_connect(*state);
    reject_front(p, "r");
    reject_front(p, "q");
    peer_send(p, basic_get, .queue = SLICE("r"), .no_ack = true);
    peer_skip(p, basic_get_ok);
    assert_int_equal(first_death_count(peer_expect_content(p, "x")), 2);
}

/* --- the disk fails --- */

static void fail_next_call(struct fixture *fixture) {
    memory_disk_fail(fixture->disk, memory_disk_calls(fixture->disk), -EIO, true);
}

static void failed_disk_confirms_nothing_and_closes_with_541(void **state) {
    struct peer *p = connect_confirming(state);
    struct peer *other = peer_connect(*state);

    publish_persistent(p, "d", "1");
    fail_next_call(*state);
    fixture_write(*state);
    peer_expect_connection_exception(p, 541, "the journal has failed", nothing);
    peer_expect_connection_exception(other, 541, "the journal has failed", nothing);
}

static void failed_disk_tells_541_behind_the_gate_and_drops_the_promise(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, queue_declare, .queue = SLICE("q"), .durable = true);
    peer_send(p, basic_qos, .prefetch_count = 1);
    fail_next_call(*state);
    fixture_write(*state);
    peer_expect_connection_exception(p, 541, "the journal has failed", nothing);
}

static void restart_after_a_failed_disk_has_what_was_confirmed(void **state) {
    struct peer *p = connect_confirming(state);

    publish_persistent(p, "d", "confirmed");
    fixture_write(*state);
    peer_expect(p, basic_ack, .delivery_tag = 1);
    publish_persistent(p, "d", "never confirmed");
    fail_next_call(*state);
    fixture_write(*state);
    peer_expect_connection_exception(p, 541, "the journal has failed", nothing);
    fixture_restart(*state, false);
    p = peer_connect(*state);
    peer_send(p, basic_get, .queue = SLICE("d"), .no_ack = true);
    assert_true(peer_receive(p, basic_get_ok)->redelivered);
    peer_expect_content(p, "confirmed");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        DURABLE_CONVERSATION(confirm_comes_when_the_batch_is_written),
        DURABLE_CONVERSATION(transient_message_or_queue_does_not_wait),
        DURABLE_CONVERSATION(transient_one_waits_for_an_earlier_durable_one),
        DURABLE_CONVERSATION(multiple_goes_up_to_what_is_safe),
        DURABLE_CONVERSATION(one_batch_takes_what_came_in_one_tick),
        DURABLE_CONVERSATION(channels_and_connections_wait_for_their_own),
        DURABLE_CONVERSATION(message_is_delivered_before_it_is_safe),
        DURABLE_CONVERSATION(message_acked_before_hand_over_never_reaches_the_disk),
        DURABLE_CONVERSATION(queue_that_keeps_up_costs_no_write),
        DURABLE_CONVERSATION(unroutable_mandatory_one_is_returned_and_confirmed_at_once),
        DURABLE_CONVERSATION(close_with_confirms_outstanding_sends_none),
        DURABLE_CONVERSATION(connection_lost_with_confirms_outstanding),
        DURABLE_CONVERSATION(declare_ok_and_all_behind_it_wait),
        DURABLE_CONVERSATION(promises_of_all_kinds_wait),
        DURABLE_CONVERSATION(transient_declarations_do_not_wait),
        DURABLE_CONVERSATION(declare_of_what_is_being_written_waits_too),
        DURABLE_CONVERSATION(other_connections_go_on),
        DURABLE_CONVERSATION(deliveries_rest_behind_the_gate_and_go_on_after_it),
        DURABLE_CONVERSATION(heartbeats_pass_the_gate),
        DURABLE_CONVERSATION(blocked_passes_the_gate),
        DURABLE_CONVERSATION(commit_waits),
        DURABLE_CONVERSATION(commit_of_what_is_gone_meanwhile_waits_for_what_is_under_way_only),
        DURABLE_CONVERSATION(commit_of_acks_waits),
        DURABLE_CONVERSATION(purge_of_what_is_stored_waits),
        DURABLE_CONVERSATION(empty_or_transient_commit_does_not_wait),
        DURABLE_CONVERSATION(channel_close_waits_behind_the_gate),
        DURABLE_CONVERSATION(connection_close_waits_behind_the_gate),
        DURABLE_CONVERSATION(exception_waits_behind_the_gate),
        DURABLE_CONVERSATION(connection_lost_behind_the_gate),
        DURABLE_CONVERSATION(what_is_held_is_bounded),
        DURABLE_CONVERSATION(client_held_up_by_the_disk_is_not_taken_for_dead),
        DURABLE_CONVERSATION(deaths_are_counted_across_a_restart),
        DURABLE_CONVERSATION(failed_disk_confirms_nothing_and_closes_with_541),
        DURABLE_CONVERSATION(failed_disk_tells_541_behind_the_gate_and_drops_the_promise),
        DURABLE_CONVERSATION(restart_after_a_failed_disk_has_what_was_confirmed),
    };

    return cmocka_run_group_tests_name("durability", tests, NULL, NULL);
}
