/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A control connection is an endpoint like any other. The newline that ends a request is left in the
 * transport until the request is answered: what is left is offered again in the next iteration, which
 * is how a handler that yields goes on, and nothing more is read meanwhile.
 */
#include "broker/management/control.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "broker/base/alloc.h"
#include "broker/base/text.h"
#include "broker/entities/broker.h"
#include "broker/entities/store.h"
#include "broker/management/control_handlers.h"
#include "broker/net/transport.h"

/* A handler that continues gets its next turn after this much output. */
#define OUTPUT_PER_TURN (64u * 1024u)

struct control_connection {
    struct endpoint endpoint; /* first */
    struct control_call call;
    struct text line; /* of the request, as far as it has arrived */
    json_t *request;
    control_handler *step; /* runs in the next turn; NULL: none */
    bool answering;
    uint64_t lsn;    /* of what it waits for */
    bool is_waiting; /* for the disk */
    struct list wait_link;
    bool newline_due; /* the octet offered next is the answered request's */
};

static struct control_connection *connection_of(const struct control_call *call) {
    return (struct control_connection *)(uintptr_t)((const char *)call -
                                                    offsetof(struct control_connection, call));
}

/* --- answering --- */

static void say(struct control_call *call, json_t *line) {
    struct endpoint *endpoint = &connection_of(call)->endpoint;
    char *text = json_dumps(line, JSON_COMPACT);

    outbuf_append(&endpoint->output, slice_from_text(text));
    outbuf_append(&endpoint->output, SLICE("\n"));
    free(text);
    json_decref(line);
    endpoint_is_congested(endpoint);
    endpoint_mark_dirty(endpoint);
}

/* Octets that are no UTF-8 would make no JSON. */
struct json_t *control_string(const char *octets, size_t len) {
    struct text shown = {0};

    if (slice_is_utf8(slice_of(octets, len)))
        return json_stringn(octets, len);
    for (size_t i = 0; i < len; i++) {
        uint8_t octet = (uint8_t)octets[i];
        text_append_format(&shown, octet < 0x80 ? "%c" : "\\x%02X", octet);
    }
    json_t *string = json_string(text_chars(&shown));
    text_clear(&shown);
    return string;
}

__attribute__((format(printf, 1, 0))) static json_t *formatted(const char *format,
                                                               va_list arguments) {
    char *text = NULL;
    int len = vasprintf(&text, format, arguments);
    json_t *string = len < 0 ? json_null() : control_string(text, (size_t)len);
    free(text);
    return string;
}

void control_text(struct control_call *call, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(call, json_pack("{so}", "text", formatted(format, arguments)));
    va_end(arguments);
}

void control_instead(struct control_call *call, struct json_t *document, struct json_t *lines) {
    say(call, json_pack("{soso*}", "document", document, "lines", lines));
}

void control_banner(struct control_call *call, const char *text) {
    say(call, json_pack("{ss}", "banner", text));
}

void control_message(struct control_call *call, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(call, json_pack("{so}", "message", formatted(format, arguments)));
    va_end(arguments);
}

void control_value(struct control_call *call, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    say(call, json_pack("{so}", "value", formatted(format, arguments)));
    va_end(arguments);
}

void control_columns(struct control_call *call, const char *const *names) {
    json_t *columns = json_array();
    for (; *names != NULL; names++)
        json_array_append_new(columns, json_string(*names));
    say(call, json_pack("{so}", "columns", columns));
}

void control_row(struct control_call *call, struct json_t *members) {
    say(call, json_pack("{so}", "row", members));
}

static void end_answer(struct control_call *call, json_t *last) {
    struct control_connection *connection = connection_of(call);

    say(call, last);
    connection->answering = false;
    connection->newline_due = true;
    connection->step = NULL;
    call->on_abandoned = NULL;
    text_wipe(&connection->line);
    endpoint_pause_input(&connection->endpoint, false);
}

void control_finish(struct control_call *call) {
    end_answer(call, json_pack("{si}", "exit", EX_OK));
}

void control_finish_durably(struct control_call *call) {
    struct control_connection *connection = connection_of(call);
    struct control *control = call->control;

    if (store_is_safe(control->broker, control->broker->promise_lsn)) {
        control_finish(call);
        return;
    }
    connection->lsn = control->broker->promise_lsn;
    connection->is_waiting = true;
    list_append(&control->waiting, &connection->wait_link);
}

static void stop_waiting(struct control_connection *connection) {
    if (connection->is_waiting)
        list_remove(&connection->wait_link);
    connection->is_waiting = false;
}

void control_settle(struct control *control) {
    LIST_FOR_EACH_SAFE(&control->waiting, at) {
        struct control_connection *connection = LIST_ITEM(at, struct control_connection, wait_link);
        if (!store_is_safe(control->broker, connection->lsn))
            continue;
        stop_waiting(connection);
        control_finish(&connection->call);
    }
}

void control_fail(struct control_call *call, int exit_code, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    end_answer(call, json_pack("{siso}", "exit", exit_code, "error", formatted(format, arguments)));
    va_end(arguments);
}

void control_continue(struct control_call *call, control_handler *step) {
    connection_of(call)->step = step;
}

/* --- asking --- */

const char *control_argument(const struct control_call *call, size_t index) {
    const json_t *arguments = json_object_get(connection_of(call)->request, "arguments");
    return json_string_value(json_array_get(arguments, index));
}

const char *control_option(const struct control_call *call, const char *name) {
    const json_t *options = json_object_get(connection_of(call)->request, "options");
    return json_string_value(json_object_get(options, name));
}

const char *control_vhost_name(const struct control_call *call) {
    const char *given = control_option(call, "vhost");
    return given == NULL ? "/" : given;
}

struct vhost *control_vhost(struct control_call *call) {
    const char *name = control_vhost_name(call);
    struct vhost *vhost = broker_find_vhost(call->control->broker, slice_from_text(name));

    if (vhost == NULL)
        control_fail(call, EX_DATAERR, "Virtual host '%s' does not exist", name);
    return vhost;
}

static bool options_are_known(const struct command *command, const json_t *options) {
    const char *name;
    json_t *value;
    bool takes_value;

    json_object_foreach((json_t *)(uintptr_t)options, name, value) {
        if (!command_has_option(command, name, &takes_value) || !json_is_string(value))
            return false;
    }
    return true;
}

static bool arguments_fit(const struct command *command, const json_t *arguments) {
    size_t minimum, maximum, count = json_array_size(arguments);

    command_argument_bounds(command, &minimum, &maximum);
    for (size_t i = 0; i < count; i++) {
        if (!json_is_string(json_array_get(arguments, i)))
            return false;
    }
    return count >= minimum && count <= maximum;
}

static enum command_id find_command(const char *name) {
    for (int i = 0; name != NULL && i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0 && commands[i].place == COMMAND_BROKER)
            return (enum command_id)i;
    }
    return COMMAND_COUNT;
}

/* A short name is what a long one begins with: rabbit@host is also rabbit@host.example.org. */
static bool is_same_node(const char *wanted, const char *name, bool has_long_names) {
    const size_t len = strlen(name);

    return strcmp(wanted, name) == 0 ||
           (has_long_names && strncmp(wanted, name, len) == 0 && wanted[len] == '.');
}

static bool is_meant(const struct control *control, const json_t *request) {
    const char *wanted = json_string_value(json_object_get(request, "for_node"));

    return wanted == NULL || is_same_node(wanted, control->node_name,
                                          json_is_true(json_object_get(request, "long_names")));
}

static void refuse_as_other_node(struct control_call *call) {
    end_answer(call,
               json_pack("{siss}", "exit", EX_UNAVAILABLE, "other_node", call->control->node_name));
}

/* One turn of a handler. */
static void take_turn(struct control_connection *connection, control_handler *handler) {
    struct endpoint *endpoint = &connection->endpoint;
    size_t begun_with = outbuf_size(&endpoint->output);

    do {
        connection->step = NULL;
        handler(&connection->call);
        handler = connection->step;
    } while (handler != NULL && outbuf_size(&endpoint->output) - begun_with < OUTPUT_PER_TURN);
    if (!connection->answering)
        return;
    if (connection->step != NULL)
        endpoint_yield(endpoint);
    else
        endpoint_pause_input(endpoint, true); /* until control_finish() */
}

static void begin_answer(struct control_connection *connection) {
    struct control_call *call = &connection->call;
    struct slice line = text_slice(&connection->line);

    connection->answering = true;
    json_decref(connection->request);
    connection->request =
        json_loadb((const char *)line.data, line.len, JSON_REJECT_DUPLICATES, NULL);
    const json_t *request = connection->request;
    const char *name = json_string_value(json_object_get(request, "command"));
    call->command = find_command(name);
    call->state = NULL;
    if (!is_meant(call->control, request)) {
        refuse_as_other_node(call);
        return;
    }
    say(call, json_pack("{ss}", "node", call->control->node_name));
    if (name == NULL)
        control_fail(call, EX_PROTOCOL, "the request is no JSON object with a command");
    else if (call->command == COMMAND_COUNT)
        control_fail(call, EX_USAGE, "this broker knows no command '%s'", name);
    else if (!arguments_fit(&commands[call->command], json_object_get(request, "arguments")) ||
             !options_are_known(&commands[call->command], json_object_get(request, "options")))
        control_fail(call, EX_USAGE, "usage: %s%s%s", name,
                     commands[call->command].usage[0] == '\0' ? "" : " ",
                     commands[call->command].usage);
    else if (call->control->app_is_stopped && !control_works_while_stopped(call->command))
        control_fail(call, EX_USAGE,
                     "this command requires the 'rabbit' app to be running on the target node. "
                     "Start it with 'rabbitmqctl start_app'.");
    else
        take_turn(connection, control_handlers[call->command]);
}

/* --- the endpoint --- */

static bool line_is_too_long(const struct control_connection *connection, size_t more) {
    return more > CONTROL_REQUEST_MAX - connection->line.len;
}

/* Takes what belongs to the line; true when its newline comes next. */
static bool take_line(struct control_connection *connection, struct slice bytes, size_t *used) {
    const uint8_t *newline = bytes.len == 0 ? NULL : memchr(bytes.data, '\n', bytes.len);
    size_t len = newline == NULL ? bytes.len : (size_t)(newline - bytes.data);

    *used += len;
    if (line_is_too_long(connection, len)) {
        connection->endpoint.ops->on_end_of_input(&connection->endpoint);
        endpoint_close(&connection->endpoint, true);
        return false;
    }
    text_append(&connection->line, slice_of(bytes.data, len));
    return newline != NULL;
}

static size_t feed(struct endpoint *endpoint, struct slice bytes) {
    struct control_connection *connection = (struct control_connection *)(void *)endpoint;
    size_t used = 0;

    if (connection->answering && connection->step != NULL)
        take_turn(connection, connection->step);
    while (!connection->answering && used < bytes.len) {
        if (connection->newline_due) {
            connection->newline_due = false;
            used++;
        } else if (take_line(connection, slice_of(bytes.data + used, bytes.len - used), &used)) {
            begin_answer(connection);
        } else {
            break;
        }
    }
    return used;
}

static void on_end_of_input(struct endpoint *endpoint) {
    struct control_connection *connection = (struct control_connection *)(void *)endpoint;
    struct control_call *call = &connection->call;

    connection->answering = false;
    connection->step = NULL;
    stop_waiting(connection);
    if (call->on_abandoned != NULL)
        call->on_abandoned(call);
    call->on_abandoned = NULL;
}

/* The next turn comes with the octets that were left. */
static void on_output_drained(struct endpoint *endpoint) {
    (void)endpoint;
}

static void destroy(struct endpoint *endpoint) {
    struct control_connection *connection = (struct control_connection *)(void *)endpoint;

    connection->call.control->connection_count--;
    stop_waiting(connection);
    json_decref(connection->request);
    text_wipe(&connection->line);
    free(connection);
}

static const struct endpoint_ops control_ops = {
    .feed = feed,
    .on_end_of_input = on_end_of_input,
    .on_output_drained = on_output_drained,
    .destroy = destroy,
};

void control_init(struct control *control, struct broker *broker, const char *node_name,
                  const struct control_hooks *hooks) {
    *control = (struct control){.broker = broker, .node_name = node_name, .hooks = *hooks};
    list_init(&control->waiting);
}

void control_set_management(struct control *control, struct management *management) {
    control->management = management;
}

struct endpoint *control_accept(void *context, const struct transport_peer *peer) {
    struct control *control = context;

    (void)peer;
    if (control->connection_count == CONTROL_CONNECTIONS_MAX)
        return NULL;
    struct control_connection *connection = xcalloc(1, sizeof *connection);
    endpoint_init(&connection->endpoint, &control_ops, &control->broker->endpoints,
                  &control->broker->outbufs);
    connection->call.control = control;
    control->connection_count++;
    return &connection->endpoint;
}
