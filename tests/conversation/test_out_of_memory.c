/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of a size that the peer chose is not to be had (bar D8): try_malloc(), which this program is
 * linked to wrap, fails at its first, second, third ... call, once or from then on. A client that
 * declares, binds, publishes with confirms, consumes, rejects and commits is closed with 506 or does not
 * notice; everybody else goes on, and what was confirmed is there, after a crash too.
 *
 * LEVERET_OOM_CALLS=N stops after N calls; without it every call of the script has its turn.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/pool.h"
#include "broker/protocol/connection.h"
#include "tests/support/arguments.h"
#include "tests/support/peer.h"

#define NEVER SIZE_MAX

static size_t calls;           /* of try_malloc() since the script began */
static size_t failing = NEVER; /* the call that fails */
static bool is_sticky;         /* and all after it */
static size_t failures, last_failing;
static bool last_sticky;
static size_t script_calls; /* of the last script, without what came after it */

void *__real_try_malloc(size_t size);
void *__wrap_try_malloc(size_t size);

void *__wrap_try_malloc(size_t size) {
    size_t call = calls++;

    if (call != failing && !(is_sticky && call > failing))
        return __real_try_malloc(size);
    failures++;
    return NULL;
}

/* --- the script --- */

struct script {
    struct fixture *f;
    struct peer *p;
    uint64_t published; /* confirm numbers given out */
    uint64_t confirmed; /* everything up to it was acked */
};

/* Answers are not looked at but for confirms and the end. */
static void take_answers(struct script *script) {
    struct peer *p = script->p;
    struct amqp_method method;

    fixture_write_all(script->f);
    for (size_t at = 0; at + AMQP_FRAME_OVERHEAD <= p->received.len;) {
        struct frame_header head = frame_header_decode(p->received.data + at);
        struct slice payload = slice_of(p->received.data + at + AMQP_FRAME_HEAD_SIZE, head.size);
        at += AMQP_FRAME_OVERHEAD + head.size;
        if (head.type != AMQP_FRAME_METHOD || amqp_method_decode(payload, &method) != AMQP_DECODED)
            continue;
        if (method.id == AMQP_BASIC_ACK)
            script->confirmed = method.basic_ack.delivery_tag;
        if (method.id == AMQP_CONNECTION_CLOSE) {
            assert_int_equal(method.connection_close.reply_code, 506);
            peer_send(p, connection_close_ok);
        }
    }
    p->received.len = 0;
}

static bool is_alive(const struct script *script) {
    return script->p->connection != NULL && script->p->connection->state == CONNECTION_OPEN;
}

static void publish(struct script *script, const char *exchange, size_t size,
                    const struct amqp_properties *properties) {
    static char body[200000];

    if (!is_alive(script))
        return;
    memset(body, 'x', size);
    script->published++;
    peer_send_method(PEER_AT(script->p), 1,
                     PEER_METHOD(basic_publish, .exchange = slice_from_text(exchange),
                                 .routing_key = SLICE("q")));
    peer_send_body(PEER_AT(script->p), 1, slice_of(body, size), properties);
    take_answers(script);
}

#define STEP(script, name, ...)                        \
    do {                                               \
        if (is_alive(script)) {                        \
            peer_send((script)->p, name, __VA_ARGS__); \
            take_answers(script);                      \
        }                                              \
    } while (0)

static void declare(struct script *script) {
    STEP(script, exchange_declare, .exchange = SLICE("x"), .type = SLICE("headers"),
         .durable = true, .arguments = ARGUMENTS(TEXT("alternate-exchange", "amq.fanout")));
    STEP(script, queue_declare, .queue = SLICE("dead"), .durable = true,
         .arguments = ARGUMENTS(INT("x-max-length", 1000)));
    STEP(script, queue_declare, .queue = SLICE("q"), .durable = true,
         .arguments = ARGUMENTS(TEXT("x-dead-letter-exchange", "amq.fanout")));
    STEP(script, queue_bind, .queue = SLICE("dead"), .exchange = SLICE("amq.fanout"));
    STEP(script, queue_bind, .queue = SLICE("q"), .exchange = SLICE("x"),
         .arguments = ARGUMENTS(TEXT("x-match", "any"), TEXT("a", "b")));
}

static void publish_all(struct script *script) {
    const struct amqp_properties plain = {.delivery_mode = 2};
    const struct amqp_properties bcc = {.delivery_mode = 2,
                                        .headers = SLICE("\3BCCA\0\0\0\6S\0\0\0\1z")};
    const struct amqp_properties matching = {.delivery_mode = 2, .headers = SLICE("\1aS\0\0\0\1b")};

    STEP(script, confirm_select, .no_wait = false);
    publish(script, "", 10, &plain);
    publish(script, "", 5000, &plain);
    publish(script, "", 150000, &plain);
    publish(script, "", 10, &bcc);
    publish(script, "x", 10, &matching);
    publish(script, "x", 10, &plain);
}

static void consume_all(struct script *script) {
    STEP(script, basic_get, .queue = SLICE("q"));
    STEP(script, basic_reject, .delivery_tag = 1, .requeue = false);
    STEP(script, basic_get, .queue = SLICE("q"));
    STEP(script, basic_nack, .delivery_tag = 2, .requeue = true);
    STEP(script, queue_unbind, .queue = SLICE("q"), .exchange = SLICE("x"),
         .arguments = ARGUMENTS(TEXT("x-match", "any"), TEXT("a", "b")));
}

static void run(struct script *script) {
    declare(script);
    publish_all(script);
    consume_all(script);
}

/* --- what must hold --- */

static size_t ready_in(struct peer *p, const char *queue) {
    peer_send(p, queue_declare, .queue = slice_from_text(queue), .durable = true, .passive = true);
    struct amqp_queue_declare_ok ok = *peer_receive(p, queue_declare_ok);
    return ok.message_count;
}

/* Both queues, if they could be declared, have what was confirmed: one may have gone through dead
 * lettering, which is allowed to lose the letter when there is no memory for it, never more. */
static void check(struct fixture *f, uint64_t confirmed) {
    struct peer *p = peer_connect(f);

    if (confirmed == 0)
        return;
    size_t in_q = ready_in(p, "q"), in_dead = ready_in(p, "dead");
    if (in_q + in_dead + 1 < confirmed)
        print_error(
            "of %llu confirmed messages %zu are in q and %zu in dead; call %zu, sticky %d\n",
            (unsigned long long)confirmed, in_q, in_dead, last_failing, last_sticky);
    assert_true(in_q + in_dead + 1 >= confirmed);
    peer_drop(p);
}

static void run_with_failure(size_t call, bool sticky) {
    struct fixture *f = fixture_create_durable();
    struct peer *bystander = peer_connect(f);
    struct script script = {.f = f, .p = peer_connect(f)};

    calls = 0;
    failing = last_failing = call;
    is_sticky = last_sticky = sticky;
    run(&script);
    failing = NEVER;
    is_sticky = false;
    script_calls = calls;
    peer_declare_queue(bystander, "goes on");
    fixture_write_all(f);
    check(f, script.confirmed);
    fixture_restart(f, false);
    check(f, script.confirmed);
    fixture_destroy(f);
}

static size_t calls_of_the_script(void) {
    const char *limit = getenv("LEVERET_OOM_CALLS");
    size_t count;

    run_with_failure(NEVER, false);
    count = script_calls;
    assert_true(count > 5);
    return limit != NULL && strtoul(limit, NULL, 10) < count ? strtoul(limit, NULL, 10) : count;
}

static void every_allocation_may_fail_once(void **state) {
    size_t count = calls_of_the_script();
    (void)state;

    failures = 0;
    for (size_t call = 0; call < count; call++)
        run_with_failure(call, false);
    print_message("%zu allocations of peers' sizes failed once each\n", failures);
    assert_int_equal(failures, count);
}

static void every_allocation_and_all_that_follow_may_fail(void **state) {
    size_t count = calls_of_the_script();
    (void)state;

    for (size_t call = 0; call < count; call++)
        run_with_failure(call, true);
}

/* A client is told why. */
static void the_client_is_closed_with_506(void **state) {
    struct fixture *f = *state;
    struct peer *p = peer_connect(f);

    failing = calls;
    peer_send(p, queue_declare, .queue = SLICE("q"),
              .arguments = ARGUMENTS(INT("x-expires", 1000)));
    failing = NEVER;
    peer_expect_connection_exception(p, 506, "out of memory", queue_declare);
    assert_int_equal(f->broker->limits_reached[LIMIT_ALLOCATION], 1);
}

/* --- what is on disk only --- */

static void fail_from_now_on(void) {
    failing = calls;
    is_sticky = true;
}

static void fail_no_more(void) {
    failing = NEVER;
    is_sticky = false;
}

/* Too large for the pool, whose slabs may have a block left: its place has to be asked for. */
static const char *large_body(char octet) {
    static char bodies[UINT8_MAX][POOL_BLOCK_MAX + 2];
    char *body = bodies[(uint8_t)octet];

    memset(body, octet, POOL_BLOCK_MAX + 1);
    return body;
}

/* A pause lies between two tries, else this would not end; then everything is there in its order. */
static void a_queue_waits_for_memory_to_read_with(void **state) {
    const char *const bodies[] = {large_body('e'), large_body('o')};
    struct fixture *f = *state;
    struct peer *p = peer_connect(f);

    peer_send(p, queue_declare, .queue = SLICE("q"), .durable = true);
    peer_skip(p, queue_declare_ok);
    for (int i = 0; i < 20; i++)
        peer_publish_with(p, "", "q", bodies[i % 2], .delivery_mode = 2);
    fixture_restart(f, true);
    p = peer_connect(f);
    fail_from_now_on();
    peer_send(p, basic_consume, .queue = SLICE("q"), .no_ack = true);
    peer_skip(p, basic_consume_ok);
    fixture_advance(f, 1000);
    peer_expect_nothing(p);
    fail_no_more();
    fixture_advance(f, 100);
    for (int i = 0; i < 20; i++) {
        peer_skip(p, basic_deliver);
        peer_expect_content(p, bodies[i % 2]);
    }
}

static void publish_delayed(struct peer *p) {
    peer_send(p, exchange_declare, .exchange = SLICE("later"), .type = SLICE("x-delayed-message"),
              .durable = true, .arguments = ARGUMENTS(TEXT("x-delayed-type", "fanout")));
    peer_skip(p, exchange_declare_ok);
    peer_send(p, queue_declare, .queue = SLICE("q"), .durable = true);
    peer_skip(p, queue_declare_ok);
    peer_send(p, queue_bind, .queue = SLICE("q"), .exchange = SLICE("later"));
    peer_skip(p, queue_bind_ok);
    peer_publish_with(p, "later", "", large_body('l'), .delivery_mode = 2,
                      .headers = SLICE("\7x-delayI\0\0\x75\x30"));
}

/* A delayed one is neither lost nor taken for damaged. */
static void a_delayed_message_waits_for_memory_to_read_with(void **state) {
    struct fixture *f = *state;

    publish_delayed(peer_connect(f));
    fixture_restart(f, true);
    struct peer *p = peer_connect(f);
    fail_from_now_on();
    fixture_advance(f, 31000);
    peer_expect_get_empty(p, "q");
    fail_no_more();
    fixture_advance(f, 200);
    peer_expect_get(p, "q", large_body('l'));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_may_fail_once),
        cmocka_unit_test(every_allocation_and_all_that_follow_may_fail),
        CONVERSATION(the_client_is_closed_with_506),
        PAGED_CONVERSATION(a_queue_waits_for_memory_to_read_with),
        PAGED_CONVERSATION(a_delayed_message_waits_for_memory_to_read_with),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
