/* SPDX-License-Identifier: Apache-2.0 */
/* Resource alarms as clients see them (compat section 6). */
#include <string.h>

#include "broker/protocol/blocking.h"
#include "tests/support/peer.h"

static struct peer *connect_without_capabilities(struct fixture *f) {
    struct peer *p = peer_accept(f);
    peer_expect_start(p);
    peer_send(p, connection_start_ok, .mechanism = SLICE("PLAIN"),
              .response = SLICE("\0guest\0guest"), .locale = SLICE("en_US"));
    struct amqp_connection_tune tune = *peer_receive(p, connection_tune);
    p->channel_max = tune.channel_max;
    p->frame_max = tune.frame_max;
    peer_tune(p, 0);
    peer_open(p);
    peer_open_channel(PEER_AT(p), 1);
    return p;
}

static void set_memory_alarm(struct fixture *f, bool set) {
    broker_set_memory_alarm(f->broker, set);
    fixture_run(f);
}

/* rows: 405 406 407 */
static void publisher_is_told_once_when_it_publishes(void **state) {
    struct fixture *f = *state;
    struct peer *p = peer_connect(f);

    peer_declare_queue(p, "q");
    set_memory_alarm(f, true);
    peer_expect_nothing(p);
    peer_declare_queue(p, "still served");
    peer_publish(p, "", "q", "one");
    peer_expect(p, connection_blocked, .reason = SLICE("low on memory"));
    peer_publish(p, "", "q", "two");
    peer_publish(p, "", "q", "three");
    peer_expect_nothing(p);
    set_memory_alarm(f, false);
    peer_expect(p, connection_unblocked);
    peer_expect_counts(p, "q", 3, 0);
    set_memory_alarm(f, true);
    peer_publish(p, "", "q", "four");
    peer_expect(p, connection_blocked, .reason = SLICE("low on memory"));
}

/* rows: 406 */
static void reason_says_what_is_low(void **state) {
    struct fixture *f = *state;
    struct peer *p = peer_connect(f);

    broker_set_disk_alarm(f->broker, true);
    peer_publish(p, "", "q", "one");
    peer_expect(p, connection_blocked, .reason = SLICE("low on disk"));
    broker_set_memory_alarm(f->broker, true);
    p = peer_connect(f);
    peer_publish(p, "", "q", "one");
    peer_expect(p, connection_blocked, .reason = SLICE("low on memory & disk"));
}

/* rows: 408 */
static void client_without_the_capability_is_not_told(void **state) {
    struct fixture *f = *state;
    struct peer *p = connect_without_capabilities(f);

    set_memory_alarm(f, true);
    peer_publish(p, "", "q", "one");
    peer_expect_nothing(p);
    peer_send(p, queue_declare, .queue = SLICE("waits"));
    peer_expect_nothing(p);
    set_memory_alarm(f, false);
    peer_skip(p, queue_declare_ok);
}

/* rows: 409 411 */
static void what_a_blocked_publisher_asks_for_waits(void **state) {
    struct fixture *f = *state;
    struct peer *p = peer_connect(f);

    set_memory_alarm(f, true);
    peer_publish(p, "", "q", "one");
    peer_skip(p, connection_blocked);
    peer_send(p, queue_declare, .queue = SLICE("q"));
    peer_expect_nothing(p);
    fixture_advance(f, 3600000);
    peer_expect_nothing(p);
    set_memory_alarm(f, false);
    peer_skip(p, connection_unblocked);
    peer_skip(p, queue_declare_ok);
}

/* rows: 411 */
static void all_alarms_have_to_be_gone(void **state) {
    struct fixture *f = *state;
    struct peer *p = peer_connect(f);

    set_memory_alarm(f, true);
    broker_set_disk_alarm(f->broker, true);
    peer_publish(p, "", "q", "one");
    peer_skip(p, connection_blocked);
    set_memory_alarm(f, false);
    peer_expect_nothing(p);
    broker_set_disk_alarm(f->broker, false);
    fixture_run(f);
    peer_expect(p, connection_unblocked);
}

/* rows: 410 */
static void consumers_go_on(void **state) {
    struct fixture *f = *state;
    struct peer *publisher = peer_connect(f), *consumer = peer_connect(f);

    peer_declare_queue(publisher, "q");
    for (int i = 0; i < 3; i++)
        peer_publish(publisher, "", "q", "work");
    set_memory_alarm(f, true);
    peer_publish(publisher, "", "q", "the last one");
    peer_skip(publisher, connection_blocked);
    peer_consume(consumer, "q", "c");
    for (uint64_t tag = 1; tag <= 3; tag++) {
        peer_expect_delivery(consumer, "c", tag, "work");
        peer_send(consumer, basic_ack, .delivery_tag = tag);
    }
    peer_expect_nothing(consumer); /* the body of the last one waits with its publisher */
    peer_declare_queue(consumer, "may be declared");
}

/* rows: 412 */
static void new_connections_are_taken(void **state) {
    struct fixture *f = *state;
    struct peer *p;

    set_memory_alarm(f, true);
    p = peer_connect(f);
    peer_declare_queue(p, "q");
    peer_expect_nothing(p);
}

/* rows: 413 */
static void heartbeats_go_on(void **state) {
    struct fixture *f = *state;
    struct peer *p = peer_accept(f);

    peer_expect_start(p);
    peer_authenticate(p, "guest", "guest");
    peer_tune(p, 10);
    peer_open(p);
    peer_open_channel(PEER_AT(p), 1);
    set_memory_alarm(f, true);
    peer_publish(p, "", "q", "one");
    peer_skip(p, connection_blocked);
    fixture_advance(f, 60000); /* nobody asks for its heartbeats: nobody reads them */
    for (int i = 0; i < 12; i++)
        peer_expect_heartbeat(p);
    peer_expect_open(p);
    p->received.len = 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CONVERSATION(publisher_is_told_once_when_it_publishes),
        CONVERSATION(reason_says_what_is_low),
        CONVERSATION(client_without_the_capability_is_not_told),
        CONVERSATION(what_a_blocked_publisher_asks_for_waits),
        CONVERSATION(all_alarms_have_to_be_gone),
        CONVERSATION(consumers_go_on),
        CONVERSATION(new_connections_are_taken),
        CONVERSATION(heartbeats_go_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
