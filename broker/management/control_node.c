/* SPDX-License-Identifier: Apache-2.0 */
/* The table of handlers, and the commands about the node as a whole. */
#include <jansson.h>
#include <stddef.h>
#include <string.h>
#include <sysexits.h>

#include "broker/base/text.h"
#include "broker/entities/broker.h"
#include "broker/management/control_documents.h"
#include "broker/management/control_handlers.h"

control_handler *const control_handlers[COMMAND_COUNT] = {
#define COMMAND_HANDLER_LOCAL(identifier)  NULL
#define COMMAND_HANDLER_ABSENT(identifier) NULL
#define COMMAND_HANDLER_BROKER(identifier) control_##identifier
#define COMMAND(identifier, name, usage, place, ...) \
    [COMMAND_##identifier] = COMMAND_HANDLER_##place(identifier),
#include "broker/base/commands.def"
#undef COMMAND
};

static void say_alarm(struct control_call *call, const char *resource) {
    control_row(call, json_pack("[ss]", resource, call->control->node_name));
}

void control_alarms(struct control_call *call) {
    static const char *const columns[] = {"resource", "node", NULL};
    const struct broker *broker = call->control->broker;
    json_t *sentences = control_alarm_sentences(call);

    if (json_array_size(sentences) == 0)
        json_array_append_new(sentences,
                              json_sprintf("Node %s reported no alarms, local or clusterwide",
                                           call->control->node_name));
    control_instead(call, control_alarms_document(call), sentences);
    control_columns(call, columns);
    if (broker->memory_alarm)
        say_alarm(call, "memory");
    if (broker->disk_alarm)
        say_alarm(call, "disk");
    control_finish(call);
}

void control_reload(struct control_call *call) {
    const struct control_hooks *hooks = &call->control->hooks;
    struct text error = {0};

    if (hooks->reload(hooks->context, &error))
        control_finish(call);
    else
        control_fail(call, EX_CONFIG, "%s", text_chars(&error));
    text_clear(&error);
}

void control_rotate_logs(struct control_call *call) {
    const struct control_hooks *hooks = &call->control->hooks;
    struct text error = {0};

    if (hooks->rotate_logs(hooks->context, &error))
        control_finish(call);
    else
        control_fail(call, EX_IOERR, "%s", text_chars(&error));
    text_clear(&error);
}

/* --- configuration and log --- */

static void say_setting(void *call, const char *key, const char *value, const char *origin) {
    control_row(call, json_pack("[ooo]", control_string(key, strlen(key)),
                                control_string(value, strlen(value)),
                                control_string(origin, strlen(origin))));
}

void control_environment(struct control_call *call) {
    static const char *const columns[] = {"key", "value", "origin", NULL};
    const struct control_hooks *hooks = &call->control->hooks;

    control_columns(call, columns);
    hooks->each_setting(hooks->context, say_setting, call);
    control_finish(call);
}

void control_log_location(struct control_call *call) {
    const struct control_hooks *hooks = &call->control->hooks;
    struct text path = {0};

    if (hooks->log_file(hooks->context, &path))
        control_value(call, "%s", text_chars(&path));
    else
        control_value(call, "<stdout>");
    control_finish(call);
    text_clear(&path);
}

void control_set_log_level(struct control_call *call) {
    const struct control_hooks *hooks = &call->control->hooks;
    const char *name = control_argument(call, 0);
    enum log_level level;

    if (!log_level_from_name(slice_from_text(name), &level)) {
        control_fail(call, EX_UNAVAILABLE,
                     "level %s is not supported. Try one of debug, info, notice, warning, error, "
                     "critical, none",
                     name);
        return;
    }
    hooks->set_log_level(hooks->context, level);
    control_finish(call);
}
