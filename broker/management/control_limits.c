/* SPDX-License-Identifier: Apache-2.0 */
/* What administrators change of a running node: limits of memory and disk, its name, whether it runs. */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sysexits.h>

#include "broker/entities/alarm.h"
#include "broker/entities/broker.h"
#include "broker/entities/global_parameter.h"
#include "broker/management/control_handlers.h"

/* RabbitMQ's units: those with an i, and those of one letter, count by 1024. */
static const struct {
    const char *name;
    uint64_t octets;
} units[] = {
    {"", 1},
    {"b", 1},
    {"k", 1024},
    {"kib", 1024},
    {"kb", 1000},
    {"m", 1024 * 1024},
    {"mib", 1024 * 1024},
    {"mb", 1000000},
    {"g", 1024 * 1024 * 1024},
    {"gib", 1024 * 1024 * 1024},
    {"gb", 1000000000},
    {"t", 1024ULL * 1024 * 1024 * 1024},
    {"tib", 1024ULL * 1024 * 1024 * 1024},
    {"tb", 1000000000000},
};

static bool read_octets(const char *text, uint64_t *ret_octets) {
    char *unit;
    unsigned long long number = strtoull(text, &unit, 10);

    if (unit == text || text[0] == '-')
        return false;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strcasecmp(unit, units[i].name) == 0)
            return !__builtin_mul_overflow(number, units[i].octets, ret_octets);
    }
    return false;
}

static bool read_fraction(const char *text, double *ret_fraction) {
    char *end;

    *ret_fraction = strtod(text, &end);
    return end != text && *end == '\0';
}

/* --- the two limits: a word in front tells the other kind of value --- */

static void refuse_limit(struct control_call *call) {
    control_fail(call, EX_DATAERR, "this is no limit: %s%s%s", control_argument(call, 0),
                 control_argument(call, 1) == NULL ? "" : " ",
                 control_argument(call, 1) == NULL ? "" : control_argument(call, 1));
}

void control_set_vm_memory_high_watermark(struct control_call *call) {
    struct broker *broker = call->control->broker;
    const char *first = control_argument(call, 0), *second = control_argument(call, 1);
    uint64_t octets;
    double fraction;

    if (second != NULL && strcmp(first, "absolute") == 0 && read_octets(second, &octets)) {
        broker_set_memory_limit(broker, octets);
        control_finish(call);
    } else if (second == NULL && read_fraction(first, &fraction) &&
               broker_set_memory_fraction(broker, fraction)) {
        control_finish(call);
    } else {
        refuse_limit(call);
    }
}

void control_set_disk_free_limit(struct control_call *call) {
    struct broker *broker = call->control->broker;
    const char *first = control_argument(call, 0), *second = control_argument(call, 1);
    uint64_t octets;
    double fraction;

    if (second == NULL && read_octets(first, &octets)) {
        broker_set_disk_free_limit(broker, octets);
        control_finish(call);
    } else if (second != NULL && strcmp(first, "mem_relative") == 0 &&
               read_fraction(second, &fraction) &&
               broker_set_disk_free_fraction(broker, fraction)) {
        control_finish(call);
    } else {
        refuse_limit(call);
    }
}

void control_set_cluster_name(struct control_call *call) {
    struct refusal refusal = {0};

    if (broker_set_cluster_name(call->control->broker, slice_from_text(control_argument(call, 0)),
                                &refusal))
        control_finish_durably(call);
    else
        control_fail(call, EX_DATAERR, "%s", refusal.text);
}

/* --- eval: the few expressions that scripts have been seen to use (drop-in A.2) --- */

/* An alarm set by hand is a limit that nothing meets, until it is cleared. */
static void set_alarm(struct control *control, bool is_memory) {
    struct resources *resources = &control->broker->resources;

    if (is_memory && control->memory_limit_before == 0) {
        control->memory_limit_before = resources->memory_limit;
        broker_set_memory_limit(control->broker, 0);
    } else if (!is_memory && control->disk_limit_before == 0) {
        control->disk_limit_before = resources->disk_limit;
        broker_set_disk_free_limit(control->broker, UINT64_MAX);
    }
}

static void clear_alarm(struct control *control, bool is_memory) {
    if (is_memory && control->memory_limit_before != 0) {
        broker_set_memory_limit(control->broker, control->memory_limit_before);
        control->memory_limit_before = 0;
    } else if (!is_memory && control->disk_limit_before != 0) {
        broker_set_disk_free_limit(control->broker, control->disk_limit_before);
        control->disk_limit_before = 0;
    }
}

static bool mentions(const struct control_call *call, const char *words) {
    return strstr(control_argument(call, 0), words) != NULL;
}

static void eval_alarm(struct control_call *call) {
    bool is_memory = mentions(call, "memory"), is_disk = mentions(call, "disk");

    if (is_memory == is_disk) {
        control_fail(call, EX_USAGE, "an alarm is {resource_limit, memory, node()} or disk");
        return;
    }
    if (mentions(call, "clear_alarm"))
        clear_alarm(call->control, is_memory);
    else
        set_alarm(call->control, is_memory);
    control_text(call, "ok");
    control_finish(call);
}

static void eval_health(struct control_call *call) {
    const struct broker *broker = call->control->broker;

    if (mentions(call, "no_alarms") && (broker->memory_alarm || broker->disk_alarm)) {
        control_fail(call, EX_SOFTWARE, "no match: there are alarms in effect");
        return;
    }
    control_text(call, mentions(call, "rabbitmq_node_is_healthy")
                           ? "rabbitmq_node_is_healthy"
                           : "{true,rabbit_app_booted_and_running}");
    control_finish(call);
}

void control_eval(struct control_call *call) {
    if (mentions(call, "rabbit_app_booted_and_running"))
        eval_health(call);
    else if (mentions(call, "rabbit_alarm:set_alarm") || mentions(call, "rabbit_alarm:clear_alarm"))
        eval_alarm(call);
    else
        control_fail(
            call, EX_USAGE,
            "there is no Erlang here: of its expressions only those that check whether the "
            "node runs, and that set or clear an alarm, are understood");
}

/* --- stopping: the client waits until the socket is closed --- */

void control_stop(struct control_call *call) {
    struct control *control = call->control;

    control_finish(call);
    control->hooks.stop(control->hooks.context);
}

void control_shutdown(struct control_call *call) {
    control_stop(call);
}
