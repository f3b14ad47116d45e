/* SPDX-License-Identifier: Apache-2.0 */
/* Stopping, starting and resetting what serves clients, while the process goes on. */
#include <sysexits.h>

#include "broker/base/text.h"
#include "broker/management/control_handlers.h"

void control_stop_app(struct control_call *call) {
    struct control *control = call->control;

    if (!control->app_is_stopped)
        control->hooks.stop_app(control->hooks.context);
    control->app_is_stopped = true;
    control_finish(call);
}

void control_start_app(struct control_call *call) {
    struct control *control = call->control;
    struct text error = {0};

    if (control->app_is_stopped && !control->hooks.start_app(control->hooks.context, &error)) {
        control_fail(call, EX_UNAVAILABLE, "%s", text_chars(&error));
    } else {
        control->app_is_stopped = false;
        control_finish(call);
    }
    text_clear(&error);
}

void control_reset(struct control_call *call) {
    struct control *control = call->control;
    struct text error = {0};

    if (!control->app_is_stopped)
        control_fail(
            call, EX_USAGE,
            "this command requires the 'rabbit' app to be stopped on the target node. Stop "
            "it with 'rabbitmqctl stop_app'.");
    else if (control->hooks.reset(control->hooks.context, &error))
        control_finish_durably(call);
    else
        control_fail(call, EX_CONFIG, "%s", text_chars(&error));
    text_clear(&error);
}

void control_force_reset(struct control_call *call) {
    control_reset(call);
}
