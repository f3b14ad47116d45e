/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP API and the metrics: targets, queries, percent signs, headers and bodies of any kind for every route.
 * The input is up to REQUESTS_MAX requests as fake_http.h reads them, with 0x1e between them; one whose
 * method begins with '!' goes to the port of the metrics. Who brings no credentials is the administrator.
 *
 * Checked: every request is answered, what says that it is JSON is JSON without control characters, names in
 * headers have no line ends, and when the broker is gone nothing is left of it (LeakSanitizer).
 */
#include <jansson.h>
#include <string.h>

#include "broker/base/base64.h"
#include "broker/base/env.h"
#include "broker/entities/broker.h"
#include "broker/entities/message.h"
#include "broker/entities/permission.h"
#include "broker/entities/refusal.h"
#include "broker/entities/user.h"
#include "broker/entities/vhost.h"
#include "broker/management/management.h"
#include "broker/management/node_figures.h"
#include "tests/fuzz/support.h"
#include "tests/support/fake_http.h"

#define REQUESTS_MAX 6
#define SEPARATOR    0x1e
/* Nothing an input can cause is larger: it is the description of the API, which is the same each time. */
#define CHECKED_MAX 100000
#define LOGIN       "authorization: Basic Z3Vlc3Q6Z3Vlc3Q=\n"

static void fill_random(void *context, void *buffer, size_t len) {
    (void)context;
    memset(buffer, 7, len);
}

static void read_figures(void *context, struct node_figures *figures) {
    (void)context;
    *figures = (struct node_figures){.data_directory = "", .processors = 1, .listener_count = 1};
    figures->listeners[0] =
        (struct node_listener){.protocol = "amqp", .address = "::", .port = 5672};
}

/* A user, a queue with two messages, and whoever else may be spoken of. */
static void furnish(struct broker *broker) {
    struct vhost *vhost = broker_add_vhost(broker, SLICE("/"));
    struct user *guest = user_add(broker, SLICE("guest"), SLICE("guest"));
    const struct queue_declaration declaration = {.name = SLICE("q"), .durable = true};
    struct refusal refusal;
    bool created;

    user_set_tags(guest, SLICE("administrator"), &refusal);
    permission_grant_all(guest, vhost);
    user_set_tags(user_add(broker, SLICE("u"), SLICE("p")), SLICE("management"), &refusal);
    bool done = vhost_declare_queue(vhost, &declaration, &created, &refusal) != NULL;
    assert(done);
}

static bool is_json(const struct http_response *response) {
    return response->content_type == NULL && response->body.len > 0 &&
           response->body.len < CHECKED_MAX;
}

static void check_json(const struct http_response *response) {
    const struct text *body = &response->body;
    json_t *value = json_loadb(body->chars, body->len,
                               JSON_DECODE_ANY | JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);

    assert(value != NULL);
    json_decref(value);
    for (size_t i = 0; i < body->len; i++)
        assert((unsigned char)body->chars[i] >= ' ' || body->chars[i] == '\n');
}

static void check(const struct http_response *response) {
    assert(response->status >= 200 && response->status <= 503);
    assert(response->status != 204 || response->body.len == 0);
    for (size_t i = 0; i < response->header_count; i++)
        assert(strpbrk(response->headers[i].value, "\r\n") == NULL);
    if (is_json(response))
        check_json(response);
}

static bool has_login(struct slice text) {
    return memmem(text.data, text.len, "\nauthorization:", 15) != NULL ||
           memmem(text.data, text.len, "\ncookie:", 8) != NULL;
}

/* With the administrator's credentials, when it has none. */
static void ask(struct http_server *server, struct slice text) {
    struct http_response response;
    struct text request = {0};
    const uint8_t *line_end = memchr(text.data, '\n', text.len);
    const size_t line = line_end == NULL ? text.len : (size_t)(line_end - text.data);

    text_append(&request, slice_of(text.data, line));
    text_append(&request, SLICE("\n"));
    if (!has_login(text))
        text_append(&request, SLICE(LOGIN));
    if (line_end != NULL)
        text_append(&request, slice_of(line_end + 1, text.len - line - 1));
    bool is_answered = fake_ask(server, text_slice(&request), &response);
    assert(is_answered);
    check(&response);
    http_response_clear(&response);
    text_clear(&request);
}

static void ask_all(struct management *management, struct slice input) {
    for (int i = 0; i < REQUESTS_MAX && input.len > 0; i++) {
        const uint8_t *end = memchr(input.data, SEPARATOR, input.len);
        const size_t len = end == NULL ? input.len : (size_t)(end - input.data);
        if (input.data[0] == '!')
            ask(management_metrics_server(management), slice_of(input.data + 1, len - 1));
        else
            ask(management_api_server(management), slice_of(input.data, len));
        input = end == NULL ? slice_of(NULL, 0) : slice_of(end + 1, input.len - len - 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct env env = {.hash_seed = 42, .wall_ms = 1700000000000, .fill_random = fill_random};
    const struct management_hooks hooks = {.read_figures = read_figures};
    const struct management_settings settings = {.node_name = "rabbit@here",
                                                 .path_prefix = "",
                                                 .cors_origins = "https://hare.example",
                                                 .session_minutes = 480,
                                                 .definitions_max = 1 << 20,
                                                 .metrics_path = "/metrics"};
    struct broker_settings broker_settings;

    broker_settings_init(&broker_settings);
    struct broker *broker = broker_create(&env, &broker_settings);
    furnish(broker);
    struct management *management = management_create(NULL, broker, &settings, &hooks);
    ask_all(management, slice_of(data, size));
    management_destroy(management);
    broker_destroy(broker);
    return 0;
}
