/* SPDX-License-Identifier: Apache-2.0 */
/* Stopping, starting and resetting what serves clients, while the process goes on. */
#include <string.h>
#include <sysexits.h>

#include "amqp/spec.h"
#include "broker/base/text.h"
#include "broker/management/control_handlers.h"
#include "broker/management/management.h"
#include "broker/protocol/connection.h"

/* RabbitMQ's words (320). */
#define STOP_REASON  "broker forced connection closure with reason 'shutdown'"
#define DRAIN_REASON "Node was put into maintenance mode"

/* Those that RabbitMQ's tools give to a node whose application is stopped; our own are about the process. */
bool control_works_while_stopped(enum command_id command) {
    static const enum command_id working[] = {
        COMMAND_ping,          COMMAND_check_running,  COMMAND_is_running,     COMMAND_is_booting,
        COMMAND_stop_app,      COMMAND_start_app,      COMMAND_reset,          COMMAND_force_reset,
        COMMAND_stop,          COMMAND_shutdown,       COMMAND_environment,    COMMAND_log_location,
        COMMAND_set_log_level, COMMAND_eval,           COMMAND_reload,         COMMAND_rotate_logs,
        COMMAND_hash_password, COMMAND_server_version, COMMAND_discover_peers,
    };

    for (size_t i = 0; i < sizeof working / sizeof working[0]; i++) {
        if (working[i] == command)
            return true;
    }
    return false;
}

/* --- the ports: whoever is connected stays --- */

static void suspend(struct control *control) {
    if (!control->is_suspended)
        control->hooks.suspend_listeners(control->hooks.context);
    control->is_suspended = true;
}

/* False when the call has been refused. */
static bool resume(struct control_call *call) {
    struct control *control = call->control;
    struct text error = {0};
    bool done =
        !control->is_suspended || control->hooks.resume_listeners(control->hooks.context, &error);

    if (done)
        control->is_suspended = false;
    else
        control_fail(call, EX_UNAVAILABLE, "%s", text_chars(&error));
    text_clear(&error);
    return done;
}

void control_suspend_listeners(struct control_call *call) {
    suspend(call->control);
    control_finish(call);
}

void control_resume_listeners(struct control_call *call) {
    if (resume(call))
        control_finish(call);
}

/* --- maintenance --- */

void control_drain(struct control_call *call) {
    suspend(call->control);
    call->control->is_drained = true;
    connections_force_close_all(call->control->broker, AMQP_CONNECTION_FORCED, DRAIN_REASON);
    control_finish(call);
}

void control_revive(struct control_call *call) {
    if (!resume(call))
        return;
    call->control->is_drained = false;
    control_finish(call);
}

/* --- the application --- */

void control_stop_app(struct control_call *call) {
    struct control *control = call->control;

    suspend(control);
    control->app_is_stopped = true;
    connections_force_close_all(control->broker, AMQP_CONNECTION_FORCED, STOP_REASON);
    management_disconnect(control->management);
    control_finish(call);
}

/* Nothing happens to one that is started; suspended listeners of that stay so. */
void control_start_app(struct control_call *call) {
    struct control *control = call->control;

    if (control->app_is_stopped && !resume(call))
        return;
    control->is_drained = control->is_drained && !control->app_is_stopped;
    control->app_is_stopped = false;
    control_finish(call);
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
