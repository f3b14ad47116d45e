/* SPDX-License-Identifier: Apache-2.0 */
/* What the broker does for each command of broker/base/commands.def. */
#ifndef LEVERET_BROKER_MANAGEMENT_CONTROL_HANDLERS_H
#define LEVERET_BROKER_MANAGEMENT_CONTROL_HANDLERS_H

#include "broker/management/control.h"

/* control_alarms() and so on; a BROKER row without its function does not link. */
#define COMMAND_HANDLER_LOCAL(identifier)
#define COMMAND_HANDLER_ABSENT(identifier)
#define COMMAND_HANDLER_BROKER(identifier)           control_handler control_##identifier;
#define COMMAND(identifier, name, usage, place, ...) COMMAND_HANDLER_##place(identifier)
#include "broker/base/commands.def"
#undef COMMAND
#undef COMMAND_HANDLER_LOCAL
#undef COMMAND_HANDLER_ABSENT
#undef COMMAND_HANDLER_BROKER

/* NULL for the client's own. */
extern control_handler *const control_handlers[COMMAND_COUNT];

#endif
