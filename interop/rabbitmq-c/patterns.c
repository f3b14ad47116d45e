/* SPDX-License-Identifier: Apache-2.0 */
/* The six tutorial patterns written with rabbitmq-c; interop/README.md tells what each one does. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TASKS 6
#define BATCH 50

static const amqp_basic_properties_t persistent = {._flags = AMQP_BASIC_DELIVERY_MODE_FLAG,
                                                   .delivery_mode = 2};

/* Producers that know when their messages are in the queues */

static amqp_connection_state_t connect_confirming(void) {
    amqp_connection_state_t producer = connect_broker();

    amqp_confirm_select(producer, 1);
    check_reply(producer, "confirm.select");
    return producer;
}

/* Reads acks until every publish up to `last` is confirmed. */
static void await_confirms(amqp_connection_state_t producer, uint64_t last) {
    bool confirmed[BATCH + 1] = {false};
    uint64_t open = last;

    check(last <= BATCH, "too many to remember");
    while (open > 0) {
        amqp_basic_ack_t *ack = expect_method(producer, AMQP_BASIC_ACK_METHOD, "basic.ack");

        check(ack->delivery_tag >= 1 && ack->delivery_tag <= last, "ack of %llu",
              (unsigned long long)ack->delivery_tag);
        for (uint64_t tag = ack->multiple ? 1 : ack->delivery_tag; tag <= ack->delivery_tag;
             tag++) {
            check(ack->multiple || !confirmed[tag], "confirmed twice");
            open -= confirmed[tag] ? 0 : 1;
            confirmed[tag] = true;
        }
    }
}

/* Work queue */

static amqp_connection_state_t start_worker(const char *queue) {
    amqp_connection_state_t worker = connect_broker();

    amqp_basic_qos(worker, 1, 0, 1, 0);
    check_reply(worker, "basic.qos");
    consume(worker, queue, false);
    return worker;
}

static void publish_tasks(amqp_connection_state_t producer, const char *queue) {
    char task[16];

    for (int i = 1; i <= TASKS; i++) {
        snprintf(task, sizeof task, "task %d", i);
        publish(producer, "", queue, &persistent, task);
    }
}

/* Takes every task, the dropped worker's among them; returns how many came redelivered. */
static unsigned finish_tasks(amqp_connection_state_t worker, const char *dropped_task) {
    unsigned redelivered = 0;

    for (int i = 0; i < TASKS - 1; i++) {
        amqp_envelope_t task = next_delivery(worker);

        if (task.redelivered) {
            redelivered++;
            check(bytes_equal(task.message.body, dropped_task), "%s came redelivered",
                  bytes_text(task.message.body));
        }
        check(task.message.properties.delivery_mode == 2, "delivery-mode %d",
              task.message.properties.delivery_mode);
        acknowledge(worker, task.delivery_tag, false);
        amqp_destroy_envelope(&task);
    }
    return redelivered;
}

static void work_queue(void) {
    const char *queue = unique("work");
    amqp_connection_state_t producer = connect_confirming();
    amqp_connection_state_t first, second;

    declare_queue(producer, queue, QUEUE_DURABLE);
    first = start_worker(queue);
    second = start_worker(queue);
    publish_tasks(producer, queue);
    await_confirms(producer, TASKS);
    expect_delivery(first, "task 1");
    uint64_t second_tag = expect_delivery(second, "task 2");
    check(ready_messages(producer, queue) == TASKS - 2, "prefetch 1 did not hold tasks back");

    drop(first);
    acknowledge(second, second_tag, false);
    check(finish_tasks(second, "task 1") == 1, "the dropped task did not come back redelivered");
    disconnect(second);
    check(delete_queue(producer, queue) == 0, "tasks are left");
    disconnect(producer);
}

/* Publish and subscribe */

static void publish_subscribe(void) {
    const char *logs = unique("logs");
    amqp_connection_state_t first = connect_broker();
    amqp_connection_state_t second = connect_broker();
    const char *first_queue, *second_queue;

    declare_exchange(first, logs, "fanout", amqp_empty_table);
    first_queue = declare_queue(first, "", QUEUE_EXCLUSIVE);
    second_queue = declare_queue(second, "", QUEUE_EXCLUSIVE);
    check(strncmp(first_queue, "amq.gen-", 8) == 0, "server chose \"%s\"", first_queue);
    check(strcmp(first_queue, second_queue) != 0, "two queues share a name");
    bind_queue(first, first_queue, logs, "");
    bind_queue(second, second_queue, logs, "ignored");
    consume(first, first_queue, true);
    consume(second, second_queue, true);

    publish(first, logs, "", NULL, "one");
    publish(first, logs, "any key", NULL, "two");
    expect_delivery(first, "one");
    expect_delivery(first, "two");
    expect_delivery(second, "one");
    expect_delivery(second, "two");
    delete_exchange(first, logs);
    disconnect(first);
    disconnect(second);
}

/* Routing and topics: one consumer per connection, then a list of keys to publish */

static amqp_connection_state_t subscribe(const char *exchange, const char *const keys[]) {
    amqp_connection_state_t consumer = connect_broker();
    const char *queue = declare_queue(consumer, "", QUEUE_EXCLUSIVE);

    for (size_t i = 0; keys[i] != NULL; i++)
        bind_queue(consumer, queue, exchange, keys[i]);
    consume(consumer, queue, true);
    return consumer;
}

/* Each message's text is its routing key. */
static void expect_keys(amqp_connection_state_t consumer, const char *const keys[]) {
    for (size_t i = 0; keys[i] != NULL; i++)
        expect_delivery(consumer, keys[i]);
}

static void route(const char *type, const char *const bindings[2][8], const char *const sent[],
                  const char *const expected[2][8]) {
    const char *exchange = unique(type);
    amqp_connection_state_t producer = connect_broker();
    amqp_connection_state_t first, second;

    declare_exchange(producer, exchange, type, amqp_empty_table);
    first = subscribe(exchange, bindings[0]);
    second = subscribe(exchange, bindings[1]);
    for (size_t i = 0; sent[i] != NULL; i++)
        publish(producer, exchange, sent[i], NULL, sent[i]);
    expect_keys(first, expected[0]);
    expect_keys(second, expected[1]);
    delete_exchange(producer, exchange);
    disconnect(first);
    disconnect(second);
    disconnect(producer);
}

static void routing(void) {
    static const char *const bindings[2][8] = {{"error"}, {"info", "warning", "error"}};
    static const char *const sent[] = {"info", "debug", "warning", "Error", "error", NULL};
    static const char *const expected[2][8] = {{"error"}, {"info", "warning", "error"}};

    route("direct", bindings, sent, expected);
}

static void topics(void) {
    static const char *const bindings[2][8] = {{"*.orange.*"}, {"*.*.rabbit", "lazy.#"}};
    static const char *const sent[] = {"quick.orange.rabbit",
                                       "lazy.orange.elephant",
                                       "quick.orange.fox",
                                       "lazy.brown.fox",
                                       "lazy.pink.rabbit",
                                       "quick.brown.fox",
                                       "orange",
                                       "quick.orange.new.rabbit",
                                       "lazy.orange.new.rabbit",
                                       "lazy",
                                       "lazy.orange.end",
                                       NULL};
    static const char *const expected[2][8] = {
        {"quick.orange.rabbit", "lazy.orange.elephant", "quick.orange.fox", "lazy.orange.end"},
        {"quick.orange.rabbit", "lazy.orange.elephant", "lazy.brown.fox", "lazy.pink.rabbit",
         "lazy.orange.new.rabbit", "lazy", "lazy.orange.end"}};

    route("topic", bindings, sent, expected);
}

/* RPC */

static void request(amqp_connection_state_t client, const char *server_queue,
                    const char *reply_queue, const char *correlation_id, const char *argument) {
    amqp_basic_properties_t properties = {._flags = AMQP_BASIC_CORRELATION_ID_FLAG |
                                                    AMQP_BASIC_REPLY_TO_FLAG,
                                          .correlation_id = amqp_cstring_bytes(correlation_id),
                                          .reply_to = amqp_cstring_bytes(reply_queue)};

    publish(client, "", server_queue, &properties, argument);
}

/* The server doubles a number. */
static void serve_request(amqp_connection_state_t server) {
    amqp_envelope_t call = next_delivery(server);
    amqp_basic_properties_t *asked = &call.message.properties;
    amqp_basic_properties_t properties = {._flags = AMQP_BASIC_CORRELATION_ID_FLAG,
                                          .correlation_id = asked->correlation_id};
    char answer[32];
    char reply_to[256];

    snprintf(reply_to, sizeof reply_to, "%.*s", (int)asked->reply_to.len,
             (const char *)asked->reply_to.bytes);
    snprintf(answer, sizeof answer, "%d", 2 * atoi(bytes_text(call.message.body)));
    publish(server, "", reply_to, &properties, answer);
    acknowledge(server, call.delivery_tag, false);
    amqp_destroy_envelope(&call);
}

static void expect_answer(amqp_connection_state_t client, const char *correlation_id,
                          const char *answer) {
    amqp_envelope_t reply = next_delivery(client);

    check(bytes_equal(reply.message.properties.correlation_id, correlation_id),
          "correlation-id \"%s\" instead of \"%s\"",
          bytes_text(reply.message.properties.correlation_id), correlation_id);
    check(bytes_equal(reply.message.body, answer), "answer \"%s\" instead of \"%s\"",
          bytes_text(reply.message.body), answer);
    amqp_destroy_envelope(&reply);
}

static void call_remotely(const char *reply_queue) {
    const char *server_queue = unique("rpc");
    amqp_connection_state_t server = connect_broker();
    amqp_connection_state_t client = connect_broker();

    declare_queue(server, server_queue, QUEUE_AUTO_DELETE);
    consume(server, server_queue, false);
    if (reply_queue == NULL)
        reply_queue = declare_queue(client, "", QUEUE_EXCLUSIVE);
    consume(client, reply_queue, true);
    request(client, server_queue, reply_queue, "first", "21");
    request(client, server_queue, reply_queue, "second", "150");
    serve_request(server);
    serve_request(server);
    expect_answer(client, "first", "42");
    expect_answer(client, "second", "300");
    disconnect(client);
    disconnect(server);
}

static void rpc(void) {
    call_remotely(NULL);
}

static void direct_reply_to(void) {
    call_remotely("amq.rabbitmq.reply-to");
}

/* Confirms */

static void confirm_individually(void) {
    const char *queue = unique("confirm");
    amqp_connection_state_t producer = connect_confirming();

    declare_queue(producer, queue, QUEUE_DURABLE);
    for (uint64_t number = 1; number <= 3; number++) {
        publish(producer, "", queue, &persistent, "confirmed");
        amqp_basic_ack_t *ack = expect_method(producer, AMQP_BASIC_ACK_METHOD, "basic.ack");
        check(ack->delivery_tag == number, "ack of %llu", (unsigned long long)ack->delivery_tag);
    }
    check(delete_queue(producer, queue) == 3, "confirmed messages are missing");
    disconnect(producer);
}

static void confirm_batch(void) {
    const char *queue = unique("batch");
    amqp_connection_state_t producer = connect_confirming();

    declare_queue(producer, queue, QUEUE_DURABLE);
    for (int i = 0; i < BATCH; i++)
        publish(producer, "", queue, &persistent, "batch");
    await_confirms(producer, BATCH);
    check(delete_queue(producer, queue) == BATCH, "confirmed messages are missing");
    disconnect(producer);
}

static void confirm_return_first(void) {
    struct timeval deadline = {.tv_sec = WAIT_SECONDS};
    amqp_connection_state_t producer = connect_confirming();
    const char *nowhere = unique("nowhere");
    amqp_message_t message;

    publish_mandatory(producer, "", nowhere, "come back");
    amqp_basic_return_t *returned =
        expect_method(producer, AMQP_BASIC_RETURN_METHOD, "basic.return");
    check(returned->reply_code == AMQP_NO_ROUTE && bytes_equal(returned->reply_text, "NO_ROUTE"),
          "returned with %d %s", returned->reply_code, bytes_text(returned->reply_text));
    check(bytes_equal(returned->routing_key, nowhere), "another message came back");
    amqp_set_rpc_timeout(producer, &deadline);
    amqp_rpc_reply_t reply = amqp_read_message(producer, 1, &message, 0);
    check(reply.reply_type == AMQP_RESPONSE_NORMAL, "no content after basic.return");
    check(bytes_equal(message.body, "come back"), "body \"%s\"", bytes_text(message.body));
    amqp_destroy_message(&message);
    await_confirms(producer, 1);
    disconnect(producer);
}

const struct test pattern_tests[] = {
    {"work queue: prefetch 1, a dropped worker's task is redelivered", work_queue},
    {"publish/subscribe: fanout to exclusive server-named queues", publish_subscribe},
    {"routing: direct exchange, several keys", routing},
    {"topics: * and #", topics},
    {"RPC: reply queue and correlation-id", rpc},
    {"RPC: direct reply-to", direct_reply_to},
    {"confirms: one at a time", confirm_individually},
    {"confirms: a batch", confirm_batch},
    {"confirms: mandatory message returns before its confirm", confirm_return_first},
};
const size_t pattern_test_count = sizeof pattern_tests / sizeof pattern_tests[0];
