/* SPDX-License-Identifier: Apache-2.0 */
/* The table of handlers, and the commands about the node as a whole. */
#include <jansson.h>
#include <stddef.h>
#include <sysexits.h>

#include "broker/base/text.h"
#include "broker/entities/broker.h"
#include "broker/management/control_handlers.h"

control_handler *const control_handlers[COMMAND_COUNT] = {
#define COMMAND_HANDLER_LOCAL(identifier)  NULL
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
