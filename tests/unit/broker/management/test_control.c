/* SPDX-License-Identifier: Apache-2.0 */
/* The control socket without a socket: octets are fed to the endpoint, its output is looked at. */
#include "broker/management/control.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "broker/base/env.h"
#include "broker/base/text.h"
#include "broker/entities/broker.h"
#include "broker/net/transport.h"

struct room {
    struct env env;
    struct broker *broker;
    struct control control;
    struct endpoint *endpoint;
    const char *reload_error; /* NULL: reloading works */
    int reloads;
};

static bool reload(void *context, struct text *error) {
    struct room *room = context;
    room->reloads++;
    if (room->reload_error != NULL)
        text_append_format(error, "%s", room->reload_error);
    return room->reload_error == NULL;
}

static void fill_random(void *context, void *buffer, size_t len) {
    (void)context;
    memset(buffer, 7, len);
}

static int set_up(void **state) {
    struct room *room = calloc(1, sizeof *room);
    struct broker_settings settings;
    const struct control_hooks hooks = {.context = room, .reload = reload};
    room->env.fill_random = fill_random;
    broker_settings_init(&settings);
    settings.cluster_name = "rabbit@here";
    room->broker = broker_create(&room->env, &settings);
    control_init(&room->control, room->broker, "rabbit@here", &hooks);
    room->endpoint = control_accept(&room->control, NULL);
    *state = room;
    return room->endpoint == NULL;
}

static void drop(struct endpoint *endpoint) {
    list_remove(&endpoint->dirty_link);
    outbuf_clear(&endpoint->output);
    endpoint->ops->destroy(endpoint);
}

static int tear_down(void **state) {
    struct room *room = *state;
    drop(room->endpoint);
    assert_int_equal(room->control.connection_count, 0);
    broker_destroy(room->broker);
    free(room);
    return 0;
}

static size_t feed(struct room *room, const char *text) {
    return room->endpoint->ops->feed(room->endpoint, slice_from_text(text));
}

#define NODE_LINE "{\"node\":\"rabbit@here\"}\n"

/* Each answer begins with the node's name, which is left out of `expected`. */
static void remove_node_lines(char *output) {
    size_t len = strlen(NODE_LINE);
    assert_memory_equal(output, NODE_LINE, len);
    for (char *line; (line = strstr(output, NODE_LINE)) != NULL;)
        memmove(line, line + len, strlen(line + len) + 1);
}

static void expect_output(struct room *room, const char *expected) {
    struct text output = {0};
    struct iovec iov[64];
    int count = outbuf_iovec(&room->endpoint->output, iov, 64);
    for (int i = 0; i < count; i++)
        text_append(&output, slice_of(iov[i].iov_base, iov[i].iov_len));
    remove_node_lines(output.chars);
    assert_string_equal(text_chars(&output), expected);
    text_clear(&output);
    outbuf_clear(&room->endpoint->output);
}

static void alarms_are_rows(void **state) {
    struct room *room = *state;
    room->broker->memory_alarm = true;
    assert_int_equal(feed(room, "{\"command\":\"alarms\"}\n"), 21);
    expect_output(
        room, "{\"document\":{\"result\":\"ok\",\"message\":\"Node rabbit@here reported alarms\","
              "\"local\":[\"Memory alarm on node rabbit@here\"],\"global\":[]},"
              "\"lines\":[\"Memory alarm on node rabbit@here\"]}\n"
              "{\"columns\":[\"resource\",\"node\"]}\n"
              "{\"row\":[\"memory\",\"rabbit@here\"]}\n{\"exit\":0}\n");
}

static void requests_may_come_in_pieces_and_together(void **state) {
    struct room *room = *state;
    const char *two = "{\"command\":\"reload\"}\n{\"command\":\"reload\"}\n";
    for (size_t i = 0; i < strlen(two); i++) {
        char octet[2] = {two[i], '\0'};
        assert_int_equal(feed(room, octet), 1);
    }
    assert_int_equal(room->reloads, 2);
    assert_int_equal(feed(room, two), strlen(two));
    assert_int_equal(room->reloads, 4);
    expect_output(room, "{\"exit\":0}\n{\"exit\":0}\n{\"exit\":0}\n{\"exit\":0}\n");
}

static void a_failed_reload_says_why(void **state) {
    struct room *room = *state;
    room->reload_error = "no \"such\" file";
    feed(room, "{\"command\":\"reload\"}\n");
    expect_output(room, "{\"exit\":78,\"error\":\"no \\\"such\\\" file\"}\n");
}

static void what_is_no_request_is_answered_too(void **state) {
    struct room *room = *state;
    feed(room, "hello\n\n{}\n");
    expect_output(room,
                  "{\"exit\":76,\"error\":\"the request is no JSON object with a command\"}\n"
                  "{\"exit\":76,\"error\":\"the request is no JSON object with a command\"}\n"
                  "{\"exit\":76,\"error\":\"the request is no JSON object with a command\"}\n");
    feed(room, "{\"command\":\"tls init\",\"arguments\":[\"x\"]}\n");
    expect_output(room, "{\"exit\":64,\"error\":\"this broker knows no command 'tls init'\"}\n");
    feed(room, "{\"command\":\"alarms\",\"arguments\":[\"x\"]}\n");
    expect_output(room, "{\"exit\":64,\"error\":\"usage: alarms\"}\n");
    feed(room, "{\"command\":\"alarms\",\"options\":{\"x\":\"\"}}\n");
    expect_output(room, "{\"exit\":64,\"error\":\"usage: alarms\"}\n");
    feed(room, "{\"command\":\"alarms\",\"arguments\":[1]}\n");
    expect_output(room, "{\"exit\":64,\"error\":\"usage: alarms\"}\n");
}

static void too_many_connections_are_refused(void **state) {
    struct room *room = *state;
    struct endpoint *others[CONTROL_CONNECTIONS_MAX];
    for (int i = 0; i < CONTROL_CONNECTIONS_MAX - 1; i++)
        assert_non_null(others[i] = control_accept(&room->control, NULL));
    assert_null(control_accept(&room->control, NULL));
    for (int i = 0; i < CONTROL_CONNECTIONS_MAX - 1; i++)
        drop(others[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(alarms_are_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(requests_may_come_in_pieces_and_together, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_failed_reload_says_why, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_no_request_is_answered_too, set_up, tear_down),
        cmocka_unit_test_setup_teardown(too_many_connections_are_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
