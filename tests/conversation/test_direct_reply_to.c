/* SPDX-License-Identifier: Apache-2.0 */
/* Requests and replies through amq.rabbitmq.reply-to, without a reply queue. */
#include "tests/support/peer.h"

#include <string.h>

#define PSEUDO_QUEUE "amq.rabbitmq.reply-to"

/* A requester, which consumes replies with the tag "r", and the queue "requests". */
static struct peer *connect_requester(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "requests");
    peer_consume_no_ack(p, PSEUDO_QUEUE, "r");
    return p;
}

struct reply_name {
    uint8_t octets[255];
    size_t len;
};

/* Sends a request and takes it off the queue as the server of it would. */
static struct reply_name request(struct peer *requester, struct peer *server) {
    struct reply_name name;
    struct slice reply_to;

    peer_publish_with(requester, "", "requests", "question", .reply_to = SLICE(PSEUDO_QUEUE));
    peer_send(server, basic_get, .queue = SLICE("requests"), .no_ack = true);
    peer_skip(server, basic_get_ok);
    reply_to = peer_expect_content(server, "question")->reply_to;
    assert_true(reply_to.len <= sizeof name.octets);
    memcpy(name.octets, reply_to.data, reply_to.len);
    name.len = reply_to.len;
    return name;
}

static struct slice slice_of_name(const struct reply_name *name) {
    return slice_of(name->octets, name->len);
}

static void reply(struct peer *server, const struct reply_name *name, bool mandatory) {
    peer_send(server, basic_publish, .routing_key = slice_of_name(name), .mandatory = mandatory);
    peer_send_content(server, "answer", .correlation_id = SLICE("1"));
}

/* rows: 375 */
static void pseudo_queue_can_be_consumed_without_acks(void **state) {
    struct peer *p = peer_connect(*state);

    peer_consume_no_ack(p, PSEUDO_QUEUE, "r");
}

/* rows: 376 */
static void reply_consumer_with_acks_is_406(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, basic_consume, .queue = SLICE(PSEUDO_QUEUE));
    peer_expect_channel_exception(p, 406, "reply consumer cannot acknowledge", basic_consume);
}

/* rows: 377 */
static void second_reply_consumer_is_406(void **state) {
    struct peer *p = connect_requester(state);

    peer_send(p, basic_consume, .queue = SLICE(PSEUDO_QUEUE), .no_ack = true);
    peer_expect_channel_exception(p, 406, "reply consumer already set", basic_consume);
}

/* rows: 378 */
static void request_without_a_reply_consumer_is_406(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "requests");
    peer_publish_with(p, "", "requests", "question", .reply_to = SLICE(PSEUDO_QUEUE));
    peer_expect_channel_exception(p, 406, "fast reply consumer does not exist", basic_publish);
}

/* rows: 379 */
static void reply_to_becomes_a_name_of_this_channel(void **state) {
    struct peer *p = connect_requester(state);
    struct reply_name name = request(p, p);

    assert_true(slice_has_prefix(slice_of_name(&name), SLICE(PSEUDO_QUEUE ".")));
    assert_true(name.len > strlen(PSEUDO_QUEUE) + 16);
}

/* rows: 379 */
static void names_of_two_channels_differ(void **state) {
    struct peer *p = connect_requester(state);
    struct peer *q = connect_requester(state);
    struct reply_name one = request(p, p);
    struct reply_name two = request(q, p);

    assert_false(slice_equal(slice_of_name(&one), slice_of_name(&two)));
}

static void other_properties_of_a_request_stay(void **state) {
    struct peer *p = connect_requester(state);
    const struct amqp_properties *got;

    peer_publish_with(p, "", "requests", "question", .reply_to = SLICE(PSEUDO_QUEUE),
                      .content_type = SLICE("text/plain"), .correlation_id = SLICE("7"),
                      .app_id = SLICE("app"));
    peer_send(p, basic_get, .queue = SLICE("requests"), .no_ack = true);
    peer_skip(p, basic_get_ok);
    got = peer_expect_content(p, "question");
    assert_int_equal(got->flags,
                     AMQP_CONTENT_TYPE | AMQP_CORRELATION_ID | AMQP_REPLY_TO | AMQP_APP_ID);
    assert_true(slice_equal(got->content_type, SLICE("text/plain")));
    assert_true(slice_equal(got->correlation_id, SLICE("7")));
    assert_true(slice_equal(got->app_id, SLICE("app")));
}

static void other_reply_to_stays_as_it_is(void **state) {
    struct peer *p = connect_requester(state);

    peer_publish_with(p, "", "requests", "question", .reply_to = SLICE("my.queue"));
    peer_send(p, basic_get, .queue = SLICE("requests"), .no_ack = true);
    peer_skip(p, basic_get_ok);
    assert_true(slice_equal(peer_expect_content(p, "question")->reply_to, SLICE("my.queue")));
}

/* rows: 380 */
static void reply_comes_from_the_default_exchange_with_the_name_as_key(void **state) {
    struct peer *p = connect_requester(state);
    struct reply_name name = request(p, p);

    reply(p, &name, true);
    peer_expect(p, basic_deliver, .consumer_tag = SLICE("r"), .delivery_tag = 2,
                .routing_key = slice_of_name(&name));
    assert_true(slice_equal(peer_expect_content(p, "answer")->correlation_id, SLICE("1")));
}

static void expect_returned(struct peer *server, const struct reply_name *name) {
    reply(server, name, true);
    peer_expect(server, basic_return, .reply_code = 312, .reply_text = SLICE("NO_ROUTE"),
                .routing_key = slice_of_name(name));
    peer_expect_content(server, "answer");
}

/* rows: 381 */
static void reply_to_someone_gone_is_returned(void **state) {
    struct peer *server = peer_connect(*state);
    struct peer *cancelled = connect_requester(state);
    struct peer *closed = connect_requester(state);
    struct peer *lost = connect_requester(state);
    struct reply_name name_of_cancelled = request(cancelled, server);
    struct reply_name name_of_closed = request(closed, server);
    struct reply_name name_of_lost = request(lost, server);

    peer_send(cancelled, basic_cancel, .consumer_tag = SLICE("r"));
    peer_expect(cancelled, basic_cancel_ok, .consumer_tag = SLICE("r"));
    peer_close_channel(closed);
    peer_drop(lost);
    expect_returned(server, &name_of_cancelled);
    expect_returned(server, &name_of_closed);
    expect_returned(server, &name_of_lost);
}

static void cancelled_requester_can_consume_again(void **state) {
    struct peer *p = connect_requester(state);
    struct reply_name name;

    peer_send(p, basic_cancel, .consumer_tag = SLICE("r"));
    peer_expect(p, basic_cancel_ok, .consumer_tag = SLICE("r"));
    peer_consume_no_ack(p, PSEUDO_QUEUE, "again");
    name = request(p, p);
    reply(p, &name, false);
    peer_expect_delivery(p, "again", 2, "answer");
}

/* rows: 382 */
static void declare_of_the_pseudo_queue_finds_one_consumer(void **state) {
    struct peer *p = peer_connect(*state);

    for (int passive = 0; passive < 2; passive++) {
        peer_send(p, queue_declare, .queue = SLICE(PSEUDO_QUEUE), .passive = passive == 1);
        peer_expect(p, queue_declare_ok, .queue = SLICE(PSEUDO_QUEUE), .message_count = 0,
                    .consumer_count = 1);
    }
}

/* rows: 382 */
static void declare_of_a_living_reply_name_finds_one_consumer(void **state) {
    struct peer *p = connect_requester(state);
    struct peer *server = peer_connect(*state);
    struct reply_name name = request(p, server);

    peer_send(server, queue_declare, .queue = slice_of_name(&name), .passive = true);
    peer_expect(server, queue_declare_ok, .queue = slice_of_name(&name), .consumer_count = 1);
}

/* rows: 383 */
static void declare_of_a_dead_reply_name_is_404(void **state) {
    struct peer *p = connect_requester(state);
    struct peer *server = peer_connect(*state);
    struct reply_name name = request(p, server);
    const struct amqp_channel_close *close;

    peer_drop(p);
    peer_send(server, queue_declare, .queue = slice_of_name(&name), .passive = true);
    close = peer_receive(server, channel_close);
    assert_int_equal(close->reply_code, 404);
    assert_int_equal(close->class_id, 50);
    assert_int_equal(close->method_id, 10);
    peer_send(server, channel_close_ok);
    peer_reopen(server);
    peer_send(server, queue_declare, .queue = SLICE(PSEUDO_QUEUE ".bogus"));
    peer_expect_channel_exception(
        server, 404, "no queue 'amq.rabbitmq.reply-to.bogus' in vhost '/'", queue_declare);
}

/* rows: 384 */
static void bind_of_a_reply_name_is_403(void **state) {
    struct peer *p = connect_requester(state);
    struct reply_name name = request(p, p);

    peer_send(p, queue_bind, .queue = slice_of_name(&name), .exchange = SLICE("amq.direct"),
              .routing_key = SLICE("k"));
    peer_expect_channel_exception(
        p, 403, "cannot bind or unbind to a volatile (direct reply-to) queue", queue_bind);
}

/* rows: 385 */
static void reply_may_come_from_another_connection(void **state) {
    struct peer *p = connect_requester(state);
    struct peer *server = peer_connect(*state);
    struct reply_name name = request(p, server);

    reply(server, &name, false);
    peer_expect_delivery(p, "r", 1, "answer");
    reply(server, &name, false);
    peer_expect_delivery(p, "r", 2, "answer");
}

static void get_from_the_pseudo_queue_is_404(void **state) {
    struct peer *p = peer_connect(*state);

    peer_send(p, basic_get, .queue = SLICE(PSEUDO_QUEUE));
    peer_expect_channel_exception(p, 404, "no queue 'amq.rabbitmq.reply-to' in vhost '/'",
                                  basic_get);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CONVERSATION(pseudo_queue_can_be_consumed_without_acks),
        CONVERSATION(reply_consumer_with_acks_is_406),
        CONVERSATION(second_reply_consumer_is_406),
        CONVERSATION(request_without_a_reply_consumer_is_406),
        CONVERSATION(reply_to_becomes_a_name_of_this_channel),
        CONVERSATION(names_of_two_channels_differ),
        CONVERSATION(other_properties_of_a_request_stay),
        CONVERSATION(other_reply_to_stays_as_it_is),
        CONVERSATION(reply_comes_from_the_default_exchange_with_the_name_as_key),
        CONVERSATION(reply_to_someone_gone_is_returned),
        CONVERSATION(cancelled_requester_can_consume_again),
        CONVERSATION(declare_of_the_pseudo_queue_finds_one_consumer),
        CONVERSATION(declare_of_a_living_reply_name_finds_one_consumer),
        CONVERSATION(declare_of_a_dead_reply_name_is_404),
        CONVERSATION(bind_of_a_reply_name_is_403),
        CONVERSATION(reply_may_come_from_another_connection),
        CONVERSATION(get_from_the_pseudo_queue_is_404),
    };

    return cmocka_run_group_tests_name("direct reply-to", tests, NULL, NULL);
}
