/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Health checks: a sentence and 0 when all is well, otherwise 69 and what is not. The sentences are those of
 * RabbitMQ's tools, which scripts compare (compat 4.7).
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "broker/base/text.h"
#include "broker/entities/broker.h"
#include "broker/management/control_handlers.h"
#include "broker/management/health.h"
#include "broker/management/node.h"

static const char *node_of(const struct control_call *call) {
    return call->control->node_name;
}

void control_ping(struct control_call *call) {
    control_message(call, "Ping succeeded");
    control_finish(call);
}

/* After stop_app. */
static bool refuse_stopped(struct control_call *call) {
    if (call->control->app_is_stopped)
        control_fail(call, EX_UNAVAILABLE,
                     "RabbitMQ on node %s is not running or has not fully booted yet (check with "
                     "is_booting)",
                     node_of(call));
    return call->control->app_is_stopped;
}

void control_check_running(struct control_call *call) {
    if (refuse_stopped(call))
        return;
    control_message(call, "RabbitMQ on node %s is fully booted and running", node_of(call));
    control_finish(call);
}

/* The answer is a word for programs. */
static void answer_whether(struct control_call *call, bool is_so, const char *sentence) {
    json_t *text = json_sprintf("RabbitMQ on node %s is %s", node_of(call), sentence);

    control_instead(call, json_pack("{sbsO}", "result", is_so, "message", text), NULL);
    control_message(call, "%s", json_string_value(text));
    control_finish(call);
    json_decref(text);
}

void control_is_running(struct control_call *call) {
    if (call->control->app_is_stopped)
        answer_whether(call, false,
                       "not running or has not fully booted yet (check with is_booting)");
    else
        answer_whether(call, true, "fully booted and running");
}

void control_is_booting(struct control_call *call) {
    answer_whether(call, false,
                   "fully booted (check with is_running), stopped or has not started booting yet");
}

/* --- alarms --- */

static void check_alarms(struct control_call *call, const char *which) {
    const struct broker *broker = call->control->broker;

    if (!broker->memory_alarm && !broker->disk_alarm) {
        control_message(call, "Node %s reported no %s", node_of(call), which);
        control_finish(call);
        return;
    }
    control_fail(call, EX_UNAVAILABLE, "%s alarm%s on node %s",
                 !broker->disk_alarm     ? "Memory"
                 : !broker->memory_alarm ? "Free disk space"
                                         : "Memory and free disk space",
                 broker->memory_alarm && broker->disk_alarm ? "s" : "", node_of(call));
}

void control_check_local_alarms(struct control_call *call) {
    check_alarms(call, "local alarms");
}

void control_check_alarms(struct control_call *call) {
    check_alarms(call, "alarms, local or clusterwide");
}

/* As RabbitMQ's own, it looks at the alarms too. */
void control_node_health_check(struct control_call *call) {
    const struct broker *broker = call->control->broker;

    if (refuse_stopped(call))
        return;
    if (broker->memory_alarm || broker->disk_alarm) {
        check_alarms(call, "");
        return;
    }
    control_message(call, "Health check passed");
    control_finish(call);
}

/* --- what there is one of, or all of --- */

void control_check_virtual_hosts(struct control_call *call) {
    control_message(call, "Node %s reported all vhosts as running", node_of(call));
    control_finish(call);
}

void control_check_quorum_critical(struct control_call *call) {
    control_message(call,
                    "Node %s seems to be the only one in a single node cluster, the check does not "
                    "apply",
                    node_of(call));
    control_finish(call);
}

void control_check_mirror_sync_critical(struct control_call *call) {
    control_check_quorum_critical(call);
}

void control_await_online_quorum_plus_one(struct control_call *call) {
    control_message(call, "Target node seems to be the only one in a single node cluster, the "
                          "command does not apply");
    control_finish(call);
}

void control_await_online_synchronized_mirror(struct control_call *call) {
    control_await_online_quorum_plus_one(call);
}

void control_post_upgrade(struct control_call *call) {
    control_finish(call);
}

void control_discover_peers(struct control_call *call) {
    control_message(call, "No peers discovered");
    control_finish(call);
}

/* One thread serves all queues: if it did not answer, neither would this. */
void control_list_unresponsive_queues(struct control_call *call) {
    static const char *const columns[] = {"name", NULL};

    control_columns(call, columns);
    control_finish(call);
}

/* --- certificates --- */

/* Without a port for TLS there is no certificate that could end. */
static bool ends_within(struct control_call *call, int64_t seconds) {
    const struct node_figures figures = node_figures_read(call->control->management);
    const int64_t now_s = call->control->broker->env->wall_ms / 1000;

    return figures.certificate_expires_s != 0 && figures.certificate_expires_s < now_s + seconds;
}

void control_check_certificate_expiration(struct control_call *call) {
    const char *unit = control_option(call, "unit"), *within = control_option(call, "within");
    char *end = NULL;
    const unsigned long count = within == NULL ? 4 : strtoul(within, &end, 10);
    const int64_t unit_s = health_seconds_of(slice_from_text(unit == NULL ? "weeks" : unit));

    if (unit_s == 0)
        control_fail(call, EX_USAGE,
                     "unit '%s' is not supported. Please use one of: days, weeks, months, years",
                     unit);
    else if (within != NULL && (*end != '\0' || end == within || count > 1000000))
        control_fail(call, EX_USAGE, "--within %s: expected a number", within);
    else if (ends_within(call, (int64_t)count * unit_s))
        control_fail(call, EX_UNAVAILABLE, "A certificate of node %s expires within %lu %s.",
                     node_of(call), count, unit == NULL ? "weeks" : unit);
    else {
        control_message(call, "No certificates are expiring within %lu %s.", count,
                        unit == NULL ? "weeks" : unit);
        control_finish(call);
    }
}

/* --- listeners --- */

static void fail_port(struct control_call *call, const struct node_figures *figures) {
    struct text ports = {0};

    for (size_t i = 0; i < figures->listener_count; i++)
        text_append_format(&ports, "%s%u", i > 0 ? ", " : "", figures->listeners[i].port);
    control_fail(call, EX_UNAVAILABLE,
                 "No listener for port %s is active on node %s. Found listeners that use the "
                 "following ports: %s",
                 control_argument(call, 0), node_of(call), text_chars(&ports));
    text_clear(&ports);
}

void control_check_port_listener(struct control_call *call) {
    const struct node_figures figures = node_figures_read(call->control->management);
    const char *asked = control_argument(call, 0);
    char *end;
    unsigned long port = strtoul(asked, &end, 10);

    if (end == asked || *end != '\0' || port == 0 || port > UINT16_MAX) {
        control_fail(call, EX_DATAERR, "%s is no port", asked);
        return;
    }
    for (size_t i = 0; i < figures.listener_count; i++) {
        if (figures.listeners[i].port == port) {
            control_message(call, "A listener for port %lu is running on node %s.", port,
                            node_of(call));
            control_finish(call);
            return;
        }
    }
    fail_port(call, &figures);
}

static bool is_named_before(const struct node_figures *figures, size_t index) {
    for (size_t i = 0; i < index; i++) {
        if (strcmp(figures->listeners[i].protocol, figures->listeners[index].protocol) == 0)
            return true;
    }
    return false;
}

static void fail_protocol(struct control_call *call, const struct node_figures *figures) {
    struct text protocols = {0};

    for (size_t i = 0; i < figures->listener_count; i++) {
        if (!is_named_before(figures, i))
            text_append_format(&protocols, "%s%s", i > 0 ? ", " : "",
                               figures->listeners[i].protocol);
    }
    control_fail(call, EX_UNAVAILABLE,
                 "No listener for protocol %s is active on node %s. Found listeners for the "
                 "following protocols: %s",
                 control_argument(call, 0), node_of(call), text_chars(&protocols));
    text_clear(&protocols);
}

void control_check_protocol_listener(struct control_call *call) {
    const struct node_figures figures = node_figures_read(call->control->management);
    const char *asked = control_argument(call, 0);
    const char *protocol = health_protocol_named(slice_from_text(asked));

    for (size_t i = 0; i < figures.listener_count; i++) {
        if (strcmp(figures.listeners[i].protocol, protocol) == 0) {
            control_message(call, "A listener for protocol %s is running on node %s.", asked,
                            node_of(call));
            control_finish(call);
            return;
        }
    }
    fail_protocol(call, &figures);
}
