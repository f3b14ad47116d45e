/* SPDX-License-Identifier: Apache-2.0 */
/* The end of the HTTP server while requests wait: for the disk, or for what comes from it. */
#include "broker/management/http_server.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "broker/base/env.h"
#include "broker/entities/broker.h"
#include "broker/net/loop.h"
#include "broker/net/transport.h"

#define REQUEST "GET /api/overview HTTP/1.1\r\nHost: here\r\n\r\n"

static void fill_random(void *context, void *buffer, size_t len) {
    (void)context;
    memset(buffer, 7, len);
}

static size_t begin(void *context, const struct http_request *request,
                    struct http_response *response) {
    (void)context;
    (void)request;
    (void)response;
    return 0;
}

/* What was asked for is on its way for ever. */
static void handle(void *context, const struct http_request *request,
                   struct http_response *response) {
    int *asked = context;

    (void)request;
    (*asked)++;
    response->again = true;
}

/* Returns the client's end. */
static int ask(struct http_server *server) {
    const struct transport_peer peer = {.name = "client -> here", .is_loopback = true};
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    assert_int_equal(write(ends[0], REQUEST, strlen(REQUEST)), strlen(REQUEST));
    http_server_take(server, ends[1], &peer);
    return ends[0];
}

static void ends_while_requests_wait(void **state) {
    struct env env = {.fill_random = fill_random};
    struct broker_settings settings;
    int asked = 0;
    char answer[16];
    const struct http_handler handler = {.begin = begin, .handle = handle, .context = &asked};

    (void)state;
    broker_settings_init(&settings);
    struct broker *broker = broker_create(&env, &settings);
    struct loop *loop = loop_create(&env, &broker->timers);
    struct http_server *server = http_server_create(loop, broker, &handler);
    int first = ask(server), second = ask(server);
    http_server_settle(server);
    assert_true(asked >= 2);
    http_server_destroy(server);
    assert_int_equal(read(first, answer, sizeof answer), 0);
    assert_int_equal(read(second, answer, sizeof answer), 0);
    close(first);
    close(second);
    loop_destroy(loop);
    broker_destroy(broker);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(ends_while_requests_wait)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
