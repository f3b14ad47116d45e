/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Class queue and class exchange at the seam: names cleaned, the queue declared last filled in,
 * replies and no-wait. The virtual host is real; replies and refusals are recorded.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "amqp/spec.h"
#include "broker/entities/broker.h"
#include "broker/entities/exchange.h"
#include "broker/entities/queue.h"
#include "broker/entities/vhost.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/dispatch.h"
#include "broker/protocol/exception.h"
#include "broker/protocol/reply_to.h"
#include "broker/protocol/send.h"

static struct broker *broker;
static struct vhost *vhost;
static struct connection connection, other_connection;
static struct channel channel, other_channel;
static char answer[400];
static char last_queue[256];

static void answered(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void answered(const char *format, ...) {
    va_list arguments;
    assert_string_equal(answer, "");
    va_start(arguments, format);
    vsnprintf(answer, sizeof answer, format, arguments);
    va_end(arguments);
}

void send_on_channel(struct channel *sender, const struct amqp_method *method) {
    (void)sender;
    if (method->id == AMQP_QUEUE_DECLARE_OK)
        answered("queue.declare-ok " SLICE_FMT " %u %u", SLICE_ARG(method->queue_declare_ok.queue),
                 method->queue_declare_ok.message_count, method->queue_declare_ok.consumer_count);
    else
        answered("%s", amqp_method_name(method->id));
}

void channel_refuse(struct channel *refused, const struct refusal *refusal) {
    (void)refused;
    answered("%u %s", refusal->reply_code, refusal->text);
}

bool channel_resolve_queue(struct channel *asking, struct slice name, struct slice *ret_name) {
    if (slice_is_empty(name) && asking->last_queue.data == NULL) {
        answered("no previously declared queue");
        return false;
    }
    *ret_name = slice_is_empty(name) ? asking->last_queue : name;
    return true;
}

void channel_set_last_queue(struct channel *declarer, struct slice name) {
    memcpy(last_queue, name.data, name.len);
    declarer->last_queue = slice_of(last_queue, name.len);
}

void reply_to_declare(struct channel *asking, const struct amqp_queue_declare *method) {
    (void)asking;
    answered("reply-to " SLICE_FMT, SLICE_ARG(method->queue));
}

static void fill_random(void *context, void *buffer, size_t len) {
    (void)context;
    memset(buffer, 9, len);
}

static struct env env = {.hash_seed = 1, .fill_random = fill_random};

static void open_channel(struct connection *opener, struct channel *opened) {
    memset(opener, 0, sizeof *opener);
    memset(opened, 0, sizeof *opened);
    opener->broker = broker;
    opener->vhost = vhost;
    list_init(&opener->exclusive_queues);
    opened->connection = opener;
}

static int start(void **state) {
    struct broker_settings settings;
    (void)state;
    broker_settings_init(&settings);
    broker = broker_create(&env, &settings);
    vhost = broker_add_vhost(broker, SLICE("/"));
    open_channel(&connection, &channel);
    open_channel(&other_connection, &other_channel);
    return 0;
}

static int end(void **state) {
    (void)state;
    broker_destroy(broker);
    return 0;
}

static const char *handle(channel_handler *handler, struct channel *on,
                          const struct amqp_method *method) {
    answer[0] = '\0';
    handler(on, method);
    return answer;
}

#define ASK(on, name, ...) handle(handle_##name, on, &(struct amqp_method){.name = {__VA_ARGS__}})
#define QUEUE(name)        vhost_find_queue(vhost, SLICE(name))
#define EXCHANGE(name)     vhost_find_exchange(vhost, SLICE(name))

static void declared_name_loses_its_line_ends(void **state) {
    (void)state;
    assert_string_equal(ASK(&channel, queue_declare, .queue = SLICE("\rq\n")),
                        "queue.declare-ok q 0 0");
    assert_non_null(QUEUE("q"));
    assert_true(slice_equal(channel.last_queue, SLICE("q")));
}

static void declare_without_name_makes_one(void **state) {
    (void)state;
    assert_memory_equal(ASK(&channel, queue_declare, .exclusive = true),
                        "queue.declare-ok amq.gen-", 25);
    assert_int_equal(channel.last_queue.len, strlen("amq.gen-") + 22);
}

static void exclusive_queue_is_the_connections(void **state) {
    (void)state;
    ASK(&channel, queue_declare, .queue = SLICE("mine"), .exclusive = true);
    assert_ptr_equal(list_first(&connection.exclusive_queues), &QUEUE("mine")->exclusive_link);
    ASK(&channel, queue_declare, .queue = SLICE("mine"), .exclusive = true); /* linked once */
    assert_memory_equal(ASK(&other_channel, queue_declare, .queue = SLICE("mine")),
                        "405 cannot obtain exclusive access to locked queue 'mine'", 50);
    assert_null(other_channel.last_queue.data);
}

static void no_wait_is_not_answered_unless_refused(void **state) {
    (void)state;
    assert_string_equal(ASK(&channel, queue_declare, .queue = SLICE("q"), .no_wait = true), "");
    assert_string_equal(ASK(&channel, queue_bind, .queue = SLICE("q"),
                            .exchange = SLICE("amq.fanout"), .no_wait = true),
                        "");
    assert_string_equal(ASK(&channel, queue_purge, .queue = SLICE("q"), .no_wait = true), "");
    assert_string_equal(ASK(&channel, queue_delete, .queue = SLICE("q"), .no_wait = true), "");
    assert_string_equal(ASK(&channel, exchange_declare, .exchange = SLICE("x"),
                            .type = SLICE("direct"), .no_wait = true),
                        "");
    assert_string_equal(ASK(&channel, exchange_bind, .destination = SLICE("x"),
                            .source = SLICE("amq.topic"), .no_wait = true),
                        "");
    assert_string_equal(ASK(&channel, exchange_unbind, .destination = SLICE("x"),
                            .source = SLICE("amq.topic"), .no_wait = true),
                        "");
    assert_string_equal(ASK(&channel, exchange_delete, .exchange = SLICE("x"), .no_wait = true),
                        "");
    assert_null(EXCHANGE("x"));
    assert_string_equal(ASK(&channel, queue_purge, .queue = SLICE("q"), .no_wait = true),
                        "404 no queue 'q' in vhost '/'");
}

static void reply_to_names_go_their_own_way(void **state) {
    (void)state;
    assert_string_equal(ASK(&channel, queue_declare, .queue = SLICE("amq.rabbitmq.reply-to")),
                        "reply-to amq.rabbitmq.reply-to");
    assert_string_equal(
        ASK(&channel, queue_declare, .queue = SLICE("amq.rabbitmq.reply-to.x"), .passive = true),
        "reply-to amq.rabbitmq.reply-to.x");
}

static void last_queue_stands_in_for_an_empty_name(void **state) {
    (void)state;
    assert_string_equal(ASK(&channel, queue_purge), "no previously declared queue");
    assert_string_equal(ASK(&channel, queue_bind, .exchange = SLICE("amq.direct")),
                        "no previously declared queue");
    ASK(&channel, queue_declare, .queue = SLICE("q"));
    assert_string_equal(ASK(&channel, queue_purge), "queue.purge-ok");
    assert_string_equal(ASK(&channel, queue_delete), "queue.delete-ok");
    assert_null(QUEUE("q"));
}

static bool is_bound(const char *source, struct queue *queue, const char *key) {
    struct binding_destination destination = {.queue = queue};
    return binding_find(vhost_find_exchange(vhost, slice_from_text(source)), destination,
                        slice_from_text(key), (struct slice){0}) != NULL;
}

static void empty_key_means_the_queue_only_without_a_queue_name(void **state) {
    (void)state;
    ASK(&channel, queue_declare, .queue = SLICE("q"));
    ASK(&channel, queue_bind, .exchange = SLICE("amq.direct"));
    assert_true(is_bound("amq.direct", QUEUE("q"), "q"));
    ASK(&channel, queue_bind, .queue = SLICE("q"), .exchange = SLICE("amq.direct"));
    assert_true(is_bound("amq.direct", QUEUE("q"), ""));
    ASK(&channel, queue_bind, .exchange = SLICE("amq.direct"), .routing_key = SLICE("k"));
    assert_true(is_bound("amq.direct", QUEUE("q"), "k"));
    assert_string_equal(ASK(&channel, queue_unbind, .exchange = SLICE("amq.direct")),
                        "queue.unbind-ok");
    assert_false(is_bound("amq.direct", QUEUE("q"), "q"));
    assert_true(is_bound("amq.direct", QUEUE("q"), ""));
}

static void bound_and_deleted_names_lose_their_line_ends(void **state) {
    (void)state;
    ASK(&channel, queue_declare, .queue = SLICE("q"));
    assert_string_equal(ASK(&channel, queue_bind, .queue = SLICE("q\r"),
                            .exchange = SLICE("amq\n.direct"), .routing_key = SLICE("k\n")),
                        "queue.bind-ok");
    assert_true(is_bound("amq.direct", QUEUE("q"), "k\n")); /* keys are left alone */
    assert_string_equal(ASK(&channel, queue_unbind, .queue = SLICE("\nq"),
                            .exchange = SLICE("amq.direct\r"), .routing_key = SLICE("k\n")),
                        "queue.unbind-ok");
    assert_false(is_bound("amq.direct", QUEUE("q"), "k\n"));
    assert_string_equal(ASK(&channel, queue_delete, .queue = SLICE("\r\nq")), "queue.delete-ok");
    assert_null(QUEUE("q"));
    ASK(&channel, exchange_declare, .exchange = SLICE("x\n"), .type = SLICE("fanout"));
    assert_non_null(EXCHANGE("x"));
    assert_string_equal(
        ASK(&channel, exchange_bind, .destination = SLICE("\rx"), .source = SLICE("amq.fanout\n")),
        "exchange.bind-ok");
    assert_string_equal(ASK(&channel, exchange_unbind, .destination = SLICE("x\r"),
                            .source = SLICE("\namq.fanout")),
                        "exchange.unbind-ok");
    assert_string_equal(ASK(&channel, exchange_delete, .exchange = SLICE("x\r")),
                        "exchange.delete-ok");
    assert_null(EXCHANGE("x"));
}

static void purge_wants_an_existing_queue_of_ones_own(void **state) {
    (void)state;
    assert_string_equal(ASK(&channel, queue_purge, .queue = SLICE("nope")),
                        "404 no queue 'nope' in vhost '/'");
    ASK(&channel, queue_declare, .queue = SLICE("mine"), .exclusive = true);
    assert_memory_equal(ASK(&other_channel, queue_purge, .queue = SLICE("mine")),
                        "405 cannot obtain exclusive access", 34);
}

static void flags_reach_the_exchange(void **state) {
    (void)state;
    assert_string_equal(ASK(&channel, exchange_declare, .exchange = SLICE("x"),
                            .type = SLICE("topic"), .durable = true, .auto_delete = true,
                            .internal = true),
                        "exchange.declare-ok");
    assert_true(EXCHANGE("x")->durable && EXCHANGE("x")->auto_delete && EXCHANGE("x")->internal);
    assert_string_equal(ASK(&channel, exchange_declare, .exchange = SLICE("x"), .passive = true,
                            .type = SLICE("nosuch")),
                        "exchange.declare-ok");
    assert_string_equal(
        ASK(&channel, exchange_declare, .exchange = SLICE("x"), .type = SLICE("nosuch")),
        "406 unknown exchange type 'nosuch'");
    assert_string_equal(ASK(&channel, exchange_delete, .exchange = SLICE("amq.direct")),
                        "403 deletion of system exchange 'amq.direct' in vhost '/' not allowed");
    ASK(&channel, queue_declare, .queue = SLICE("q"));
    ASK(&channel, queue_bind, .queue = SLICE("q"), .exchange = SLICE("x"));
    assert_string_equal(ASK(&channel, exchange_delete, .exchange = SLICE("x"), .if_unused = true),
                        "406 exchange 'x' in vhost '/' in use");
}

#define HANDLER_TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void) {
    const struct CMUnitTest tests[] = {
        HANDLER_TEST(declared_name_loses_its_line_ends),
        HANDLER_TEST(declare_without_name_makes_one),
        HANDLER_TEST(exclusive_queue_is_the_connections),
        HANDLER_TEST(no_wait_is_not_answered_unless_refused),
        HANDLER_TEST(reply_to_names_go_their_own_way),
        HANDLER_TEST(last_queue_stands_in_for_an_empty_name),
        HANDLER_TEST(empty_key_means_the_queue_only_without_a_queue_name),
        HANDLER_TEST(bound_and_deleted_names_lose_their_line_ends),
        HANDLER_TEST(purge_wants_an_existing_queue_of_ones_own),
        HANDLER_TEST(flags_reach_the_exchange),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
