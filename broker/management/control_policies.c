/* SPDX-License-Identifier: Apache-2.0 */
/* Policies, operator policies, runtime parameters and global ones. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "amqp/table.h"
#include "broker/base/json.h"
#include "broker/base/text.h"
#include "broker/entities/broker.h"
#include "broker/entities/global_parameter.h"
#include "broker/entities/policy.h"
#include "broker/entities/table_json.h"
#include "broker/entities/vhost.h"
#include "broker/management/control_handlers.h"
#include "broker/management/control_json.h"

/* --- policies --- */

static bool read_priority(struct control_call *call, int64_t *ret_priority) {
    const char *given = control_option(call, "priority");
    char *end;

    if (given == NULL)
        return true;
    *ret_priority = strtoll(given, &end, 10);
    if (end != given && *end == '\0')
        return true;
    control_fail(call, EX_USAGE, "--priority %s: a number is wanted", given);
    return false;
}

static bool read_settings(struct control_call *call, struct policy_settings *settings) {
    const char *apply_to = control_option(call, "apply-to");

    *settings = (struct policy_settings){.name = slice_from_text(control_argument(call, 0)),
                                         .pattern = slice_from_text(control_argument(call, 1))};
    settings->apply_to = slice_from_text(apply_to == NULL ? "" : apply_to);
    return read_priority(call, &settings->priority);
}

static void set(struct control_call *call, struct vhost *vhost, enum policy_kind kind,
                const json_t *object) {
    struct policy_settings settings;
    struct amqp_table_builder builder;
    struct refusal refusal = {0};

    if (!read_settings(call, &settings))
        return;
    amqp_table_builder_init(&builder);
    if (!table_json_read(object, &builder)) {
        control_fail(call, EX_DATAERR, "the definition cannot be read");
    } else {
        settings.definition = amqp_table_builder_finish(&builder);
        if (policy_set(vhost, kind, &settings, &refusal))
            control_finish_durably(call);
        else
            control_fail(call, EX_UNAVAILABLE, "%s", refusal.text);
    }
    amqp_table_builder_clear(&builder);
}

static void set_policy(struct control_call *call, enum policy_kind kind) {
    struct vhost *vhost = control_vhost(call);
    json_t *object = vhost == NULL ? NULL : control_json_object(call, 2);

    if (object != NULL)
        set(call, vhost, kind, object);
    json_decref(object);
}

static void clear_policy(struct control_call *call, enum policy_kind kind) {
    struct vhost *vhost = control_vhost(call);

    if (vhost == NULL)
        return;
    if (policy_clear(vhost, kind, slice_from_text(control_argument(call, 0))))
        control_finish_durably(call);
    else
        control_fail(call, EX_UNAVAILABLE, "Parameter does not exist");
}

static json_t *definition_of(const struct policy *policy) {
    struct text text = {0};
    struct json_out out = {.text = &text};

    table_json_write(&out, policy->definition);
    json_t *string = control_string(text_chars(&text), text.len);
    text_clear(&text);
    return string;
}

static void list_policies(struct control_call *call, enum policy_kind kind) {
    static const char *const columns[] = {"vhost",      "name",     "pattern", "apply-to",
                                          "definition", "priority", NULL};
    const struct vhost *vhost = control_vhost(call);

    if (vhost == NULL)
        return;
    control_columns(call, columns);
    LIST_FOR_EACH(&vhost->policies[kind], at) {
        const struct policy *policy = LIST_ITEM(at, struct policy, link);
        control_row(call,
                    json_pack("[oooooI]", control_slice(vhost->name), control_slice(policy->name),
                              control_slice(policy->pattern_text), control_slice(policy->apply_to),
                              definition_of(policy), (json_int_t)policy->priority));
    }
    control_finish(call);
}

void control_set_policy(struct control_call *call) {
    set_policy(call, POLICY_ORDINARY);
}

void control_clear_policy(struct control_call *call) {
    clear_policy(call, POLICY_ORDINARY);
}

void control_list_policies(struct control_call *call) {
    list_policies(call, POLICY_ORDINARY);
}

void control_set_operator_policy(struct control_call *call) {
    set_policy(call, POLICY_OF_OPERATOR);
}

void control_clear_operator_policy(struct control_call *call) {
    clear_policy(call, POLICY_OF_OPERATOR);
}

void control_list_operator_policies(struct control_call *call) {
    list_policies(call, POLICY_OF_OPERATOR);
}

/* --- runtime parameters: components belong to plugins that are not there --- */

void control_set_parameter(struct control_call *call) {
    control_fail(call, EX_UNAVAILABLE, "Validation failed\n\ncomponent %s not found\n",
                 control_argument(call, 0));
}

void control_clear_parameter(struct control_call *call) {
    control_fail(call, EX_UNAVAILABLE, "Parameter does not exist");
}

void control_list_parameters(struct control_call *call) {
    static const char *const columns[] = {"component", "name", "value", NULL};

    if (control_vhost(call) == NULL)
        return;
    control_columns(call, columns);
    control_finish(call);
}

/* --- global parameters --- */

void control_set_global_parameter(struct control_call *call) {
    json_t *value = control_json(call, 1);
    struct refusal refusal = {0};

    if (value == NULL)
        return;
    json_decref(value);
    if (global_parameter_set(call->control->broker, slice_from_text(control_argument(call, 0)),
                             slice_from_text(control_argument(call, 1)), &refusal))
        control_finish_durably(call);
    else
        control_fail(call, EX_DATAERR, "%s", refusal.text);
}

void control_clear_global_parameter(struct control_call *call) {
    if (global_parameter_clear(call->control->broker, slice_from_text(control_argument(call, 0))))
        control_finish_durably(call);
    else
        control_fail(call, EX_UNAVAILABLE, "Parameter does not exist");
}

void control_list_global_parameters(struct control_call *call) {
    static const char *const columns[] = {"name", "value", NULL};

    control_columns(call, columns);
    for (const struct global_parameter *at = call->control->broker->global_parameters; at != NULL;
         at = at->by_name.next)
        control_row(call, json_pack("[oo]", control_slice(at->name), control_slice(at->value)));
    control_finish(call);
}
