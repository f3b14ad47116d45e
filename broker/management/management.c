/* SPDX-License-Identifier: Apache-2.0 */
/* From an HTTP request to the handler of its row. */
#include "broker/management/management.h"

#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/rate.h"
#include "broker/entities/broker.h"
#include "broker/management/api_arrange.h"
#include "broker/management/api_login.h"
#include "broker/management/cors.h"
#include "broker/management/api_password.h"
#include "broker/management/http_server.h"
#include "broker/management/management_private.h"
#include "broker/management/multipart.h"
#include "broker/management/metrics.h"
#include "broker/management/pages.h"
#include "broker/management/router.h"
#include "broker/management/sessions.h"

#define API_ROOT "/api/"

/* Of pages and JSON alike: what a browser shows as ours runs nothing but what we serve, in no one's frame. */
#define CONTENT_POLICY "default-src 'self'; frame-ancestors 'none'"

/* --- finding the row --- */

static struct api_request make_request(struct management *management,
                                       const struct http_request *http,
                                       struct http_response *response) {
    return (struct api_request){
        .management = management, .broker = management->broker, .http = http, .response = response};
}

static void clear_request(struct api_request *request) {
    free(request->decoded);
    if (request->body != NULL)
        json_decref(request->body);
}

/* What comes after the prefix; false when the path does not begin with it. */
static bool path_below_prefix(const struct management *management, struct slice path,
                              struct slice *ret_rest) {
    struct slice prefix = slice_from_text(management->settings.path_prefix);

    if (!slice_has_prefix(path, prefix))
        return false;
    *ret_rest = slice_of(path.data + prefix.len, path.len - prefix.len);
    return true;
}

/* The same below /api/. */
static bool path_below_api(struct slice path, struct slice *ret_rest) {
    if (!slice_has_prefix(path, SLICE(API_ROOT)))
        return false;
    *ret_rest = slice_of(path.data + strlen(API_ROOT), path.len - strlen(API_ROOT));
    return true;
}

static void refuse_method(struct api_request *request, struct text *allowed) {
    const bool asks_which = slice_equal(request->http->method, SLICE("OPTIONS"));

    text_append(allowed, SLICE(", OPTIONS"));
    request->response->status = asks_which ? 200 : 405;
    http_response_add_header(request->response, "allow", text_chars(allowed));
}

/* The row, with request->vhost, ->user and ->parts filled in; NULL when it has been answered. */
static const struct api_route *find_route(struct api_request *request) {
    const struct api_route *route = NULL;
    struct text allowed = {0};
    struct slice path, rest, vhost_name;
    enum router_result result = ROUTER_NO_PATH;
    const bool is_ours = path_below_prefix(request->management, request->http->path, &path);

    if (is_ours && pages_answer(request, path))
        return NULL;
    if (is_ours && path_below_api(path, &rest))
        result = router_find(api_route_tables, request->http->method, rest, request, &vhost_name,
                             &route, &allowed);
    if (result == ROUTER_NO_PATH)
        api_refuse_missing(request);
    else if (result == ROUTER_NO_METHOD)
        refuse_method(request, &allowed);
    else if (!api_login(request, route->access, vhost_name))
        route = NULL;
    text_clear(&allowed);
    return route;
}

/* --- the two halves of a request --- */

static size_t body_max(const struct api_request *request, const struct api_route *route) {
    switch (route->body) {
    case API_JSON_DEFINITIONS:
        return request->management->settings.definitions_max;
    case API_JSON_MESSAGE: /* base64 takes four octets for three */
        return (size_t)(request->broker->settings.max_message_size / 3 * 4) + API_BODY_MAX;
    case API_NO_BODY:
    case API_FORM:
    case API_JSON:
    default:
        return API_BODY_MAX;
    }
}

static void add_standard_headers(const struct management *management,
                                 const struct http_request *http, struct http_response *response) {
    http_response_add_header(response, "cache-control", "no-cache");
    http_response_add_header(response, "vary", "accept, accept-encoding, origin");
    http_response_add_header(response, "content-security-policy", CONTENT_POLICY);
    http_response_add_header(response, "x-content-type-options", "nosniff");
    cors_add_headers(&management->settings, http, response);
}

static size_t on_begin(void *context, const struct http_request *http,
                       struct http_response *response) {
    struct api_request request = make_request(context, http, response);
    const struct api_route *route = find_route(&request);
    size_t max = route == NULL ? 0 : body_max(&request, route);

    if (response->status != 0)
        add_standard_headers(context, http, response);
    clear_request(&request);
    return max;
}

/* Definitions may come as the part `file` of a form, which is nothing without it. */
static struct slice find_body(const struct api_request *request, const struct api_route *route) {
    const char *type = http_request_header(request->http, "Content-Type");
    struct slice file = SLICE("no file");

    if (route->body != API_JSON_DEFINITIONS || !multipart_is_type(type))
        return request->http->body;
    multipart_find(type, request->http->body, "file", &file);
    return file;
}

static bool parse_body(struct api_request *request, const struct api_route *route) {
    struct slice body = find_body(request, route);

    if (route->body == API_NO_BODY || route->body == API_FORM)
        return true;
    if (body.len == 0)
        request->body = json_object();
    else
        request->body = json_loadb((const char *)body.data, body.len, JSON_ALLOW_NUL, NULL);
    if (json_is_object(request->body))
        return true;
    api_refuse(request, 400, "bad_request", SLICE("not_json"));
    return false;
}

static void on_handle(void *context, const struct http_request *http,
                      struct http_response *response) {
    struct api_request request = make_request(context, http, response);
    /* Once more: the body took its time, and the user or vhost may be gone. */
    const struct api_route *route = find_route(&request);

    if (route != NULL && parse_body(&request, route)) {
        route->handler(&request);
        api_arrange(&request);
    }
    if (!response->again)
        add_standard_headers(context, http, response);
    clear_request(&request);
}

/* --- making --- */

struct management *management_create(struct loop *loop, struct broker *broker,
                                     const struct management_settings *settings,
                                     const struct management_hooks *hooks) {
    struct management *management = xcalloc(1, sizeof *management);
    const struct http_handler handler = {
        .begin = on_begin, .handle = on_handle, .context = management};
    const struct http_handler metrics_handler = {
        .begin = metrics_begin, .handle = metrics_handle, .context = management};

    management->broker = broker;
    list_init(&management->passwords);
    list_init(&management->sessions);
    management->settings = *settings;
    management->hooks = *hooks;
    management->api_server = http_server_create(loop, broker, &handler);
    management->metrics_server = http_server_create(loop, broker, &metrics_handler);
    if (management->api_server == NULL || management->metrics_server == NULL) {
        management_destroy(management);
        return NULL;
    }
    return management;
}

void management_destroy(struct management *management) {
    if (management == NULL)
        return;
    http_server_destroy(management->api_server);
    http_server_destroy(management->metrics_server);
    api_passwords_abandon(management);
    sessions_end_all(management);
    rate_window_destroy(management->rates);
    rate_window_destroy(management->churn_rates);
    free(management);
}

struct http_server *management_api_server(struct management *management) {
    return management->api_server;
}

struct http_server *management_metrics_server(struct management *management) {
    return management->metrics_server;
}

void management_disconnect(struct management *management) {
    http_server_disconnect(management->api_server);
    http_server_disconnect(management->metrics_server);
}

void management_settle(struct management *management) {
    http_server_settle(management->api_server);
}
