/* SPDX-License-Identifier: Apache-2.0 */
/* Health checks: 200 {"status":"ok"}, or 503 with the reason. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "broker/base/env.h"
#include "broker/entities/broker.h"
#include "broker/entities/vhost.h"
#include "broker/management/health.h"
#include "broker/management/management_private.h"
#include "broker/management/node.h"

#define UNAVAILABLE 503

static void reply_ok(struct api_request *request) {
    text_append(&request->response->body, SLICE("{\"status\":\"ok\"}"));
}

static void begin_failed(struct api_request *request, struct json_out *out, const char *reason) {
    request->response->status = UNAVAILABLE;
    json_out_begin_object(out);
    json_out_put_string(out, "status", "failed");
    json_out_put_string(out, "reason", reason);
}

static void write_alarm(struct json_out *out, const char *resource, struct management *management) {
    json_out_begin_object(out);
    json_out_put_string(out, "node", management->settings.node_name);
    json_out_put_string(out, "resource", resource);
    json_out_end_object(out);
}

static void check_alarms_for(struct api_request *request, const char *reason) {
    const struct broker *broker = request->broker;
    struct json_out out = api_json(request);

    if (!broker->memory_alarm && !broker->disk_alarm) {
        reply_ok(request);
        return;
    }
    begin_failed(request, &out, reason);
    json_out_key(&out, "alarms");
    json_out_begin_array(&out);
    if (broker->memory_alarm)
        write_alarm(&out, "memory", request->management);
    if (broker->disk_alarm)
        write_alarm(&out, "disk", request->management);
    json_out_end_array(&out);
    json_out_end_object(&out);
}

static void check_alarms(struct api_request *request) {
    check_alarms_for(request, "There are alarms in effect in the cluster");
}

static void check_local_alarms(struct api_request *request) {
    check_alarms_for(request, "There are alarms in effect on the node");
}

static void check_quorum(struct api_request *request) {
    text_append(&request->response->body,
                SLICE("{\"status\":\"ok\",\"reason\":\"single node cluster\"}"));
}

/* --- listeners --- */

static bool parse_port(struct slice text, uint16_t *ret_port) {
    char digits[6] = {0};

    if (text.len == 0 || text.len > 5)
        return false;
    memcpy(digits, text.data, text.len);
    char *end;
    unsigned long port = strtoul(digits, &end, 10);
    *ret_port = (uint16_t)port;
    return *end == '\0' && port <= UINT16_MAX;
}

/* A port is a number, a protocol is a word. */
static void write_missing(struct json_out *out, struct slice missing, bool is_port) {
    uint16_t port;

    if (is_port && parse_port(missing, &port))
        json_out_put_unsigned(out, "missing", port);
    else
        json_out_put_text(out, "missing", missing);
}

static void fail_listener(struct api_request *request, const struct node_figures *figures,
                          const char *key, bool with_ports) {
    struct json_out out = api_json(request);

    begin_failed(request, &out, "No active listener");
    write_missing(&out, request->parts[0], with_ports);
    json_out_key(&out, key);
    json_out_begin_array(&out);
    for (size_t i = 0; i < figures->listener_count; i++) {
        if (with_ports)
            json_out_unsigned(&out, figures->listeners[i].port);
        else
            json_out_string(&out, figures->listeners[i].protocol);
    }
    json_out_end_array(&out);
    json_out_end_object(&out);
}

static void check_port(struct api_request *request) {
    const struct node_figures figures = node_figures_read(request->management);
    struct json_out out = api_json(request);
    uint16_t port;

    if (!parse_port(request->parts[0], &port)) {
        api_refuse_bad(request, "Invalid port");
        return;
    }
    for (size_t i = 0; i < figures.listener_count; i++) {
        if (figures.listeners[i].port == port) {
            json_out_begin_object(&out);
            json_out_put_string(&out, "status", "ok");
            json_out_put_unsigned(&out, "port", port);
            json_out_end_object(&out);
            return;
        }
    }
    fail_listener(request, &figures, "ports", true);
}

/* What people call the protocols, and what listeners call themselves. */
static const struct {
    const char *asked;
    const char *protocol;
} protocol_names[] = {
    {"amqp091", "amqp"},
    {"amqp0.9.1", "amqp"},
    {"amqp0-9-1", "amqp"},
    {"amqp", "amqp"},
    {"amqp10", "amqp"},
    {"amqps", "amqp/ssl"},
    {"amqp/ssl", "amqp/ssl"},
    {"http", "http"},
    {"https", "https"},
    {"management", "http"},
    {"prometheus", "http/prometheus"},
    {"http/prometheus", "http/prometheus"},
};

const char *health_protocol_named(struct slice asked) {
    for (size_t i = 0; i < sizeof protocol_names / sizeof protocol_names[0]; i++) {
        if (slice_equal(asked, slice_from_text(protocol_names[i].asked)))
            return protocol_names[i].protocol;
    }
    return "";
}

static void check_protocol(struct api_request *request) {
    const struct node_figures figures = node_figures_read(request->management);
    const char *protocol = health_protocol_named(request->parts[0]);
    struct json_out out = api_json(request);

    for (size_t i = 0; i < figures.listener_count; i++) {
        if (strcmp(figures.listeners[i].protocol, protocol) == 0) {
            json_out_begin_object(&out);
            json_out_put_string(&out, "status", "ok");
            json_out_put_string(&out, "protocol", protocol);
            json_out_end_object(&out);
            return;
        }
    }
    fail_listener(request, &figures, "protocols", false);
}

/* --- certificates --- */

static const struct {
    const char *name;
    int64_t seconds;
} units[] = {{"days", 86400}, {"weeks", 604800}, {"months", 2592000}, {"years", 31536000}};

int64_t health_seconds_of(struct slice unit) {
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (slice_equal(unit, slice_from_text(units[i].name)))
            return units[i].seconds;
    }
    return 0;
}

/* More than a number of that many digits is more than any certificate lasts. */
static bool parse_within(struct slice text, int64_t *ret_count) {
    char digits[8] = {0};
    char *end;

    if (text.len == 0 || text.len >= sizeof digits)
        return false;
    memcpy(digits, text.data, text.len);
    *ret_count = strtol(digits, &end, 10);
    return *end == '\0';
}

static void write_expiring(struct json_out *out, const struct node_listener *listener,
                           const struct management *management) {
    const time_t expires_s = (time_t)listener->certificate_expires_s;
    struct tm date;
    char text[32];

    strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", gmtime_r(&expires_s, &date));
    json_out_begin_object(out);
    json_out_put_string(out, "node", management->settings.node_name);
    json_out_put_string(out, "protocol", listener->protocol);
    json_out_put_string(out, "interface", listener->address);
    json_out_put_unsigned(out, "port", listener->port);
    json_out_put_string(out, "certfile_expires_on", text);
    json_out_end_object(out);
}

static void fail_certificates(struct api_request *request, const struct node_figures *figures,
                              int64_t until_s) {
    struct json_out out = api_json(request);

    begin_failed(request, &out, "Certificates expiring");
    json_out_key(&out, "expired");
    json_out_begin_array(&out);
    for (size_t i = 0; i < figures->listener_count; i++) {
        const struct node_listener *listener = &figures->listeners[i];
        if (listener->certificate_expires_s != 0 && listener->certificate_expires_s < until_s)
            write_expiring(&out, listener, request->management);
    }
    json_out_end_array(&out);
    json_out_end_object(&out);
}

static void check_certificates(struct api_request *request) {
    const struct node_figures figures = node_figures_read(request->management);
    const int64_t unit_s = health_seconds_of(request->parts[1]);
    int64_t count;

    if (unit_s == 0) {
        api_refuse_bad(request, "Time unit not recognised. Supported units: days, weeks, months, "
                                "years.");
        return;
    }
    if (!parse_within(request->parts[0], &count)) {
        api_refuse_bad(request, "Invalid expiration value.");
        return;
    }
    const int64_t until_s = request->broker->env->wall_ms / 1000 + count * unit_s;
    if (figures.certificate_expires_s == 0 || figures.certificate_expires_s >= until_s)
        reply_ok(request);
    else
        fail_certificates(request, &figures, until_s);
}

/* Exactly these octets: clients compare them (compat 5.2). */
static void check_aliveness(struct api_request *request) {
    reply_ok(request);
}

const struct api_route health_routes[] = {
    {"GET", "aliveness-test/{vhost}", API_VHOST, API_NO_BODY, check_aliveness},
    {"GET", "healthchecks/node", API_MANAGEMENT, API_NO_BODY, reply_ok},
    {"GET", "healthchecks/node/{node}", API_MANAGEMENT, API_NO_BODY, reply_ok},
    {"GET", "health/checks/alarms", API_MANAGEMENT, API_NO_BODY, check_alarms},
    {"GET", "health/checks/local-alarms", API_MANAGEMENT, API_NO_BODY, check_local_alarms},
    {"GET", "health/checks/virtual-hosts", API_MANAGEMENT, API_NO_BODY, reply_ok},
    {"GET", "health/checks/node-is-quorum-critical", API_MANAGEMENT, API_NO_BODY, check_quorum},
    {"GET", "health/checks/node-is-mirror-sync-critical", API_MANAGEMENT, API_NO_BODY,
     check_quorum},
    {"GET", "health/checks/is-in-service", API_MANAGEMENT, API_NO_BODY, reply_ok},
    {"GET", "health/checks/below-node-connection-limit", API_MANAGEMENT, API_NO_BODY, reply_ok},
    {"GET", "health/checks/ready-to-serve-clients", API_MANAGEMENT, API_NO_BODY, reply_ok},
    {"GET", "health/checks/metadata-store/initialized", API_MANAGEMENT, API_NO_BODY, reply_ok},
    {"GET", "health/checks/metadata-store/initialized/with-data", API_MANAGEMENT, API_NO_BODY,
     reply_ok},
    {"GET", "health/checks/reached-target-cluster-size", API_MANAGEMENT, API_NO_BODY, reply_ok},
    {"GET", "health/checks/port-listener/{port}", API_MANAGEMENT, API_NO_BODY, check_port},
    {"GET", "health/checks/protocol-listener/{protocol}", API_MANAGEMENT, API_NO_BODY,
     check_protocol},
    {"GET", "health/checks/certificate-expiration/{within}/{unit}", API_MANAGEMENT, API_NO_BODY,
     check_certificates},
    {.pattern = NULL},
};
