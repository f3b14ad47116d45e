/* SPDX-License-Identifier: Apache-2.0 */
/* JSON in arguments and rows of commands. */
#ifndef LEVERET_BROKER_MANAGEMENT_CONTROL_JSON_H
#define LEVERET_BROKER_MANAGEMENT_CONTROL_JSON_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "amqp/slice.h"
#include "broker/management/control.h"

struct user;

/* A limit by its name, and where it goes. */
struct control_limit {
    const char *name; /* NULL: the end */
    int64_t *value;
};

/* The argument as JSON, to be freed; NULL when the call has been refused. */
json_t *control_json(struct control_call *call, size_t index);
json_t *control_json_object(struct control_call *call, size_t index);

/* Members of the object into the limits they name; false when the call has been refused. */
bool control_read_limits(struct control_call *call, const json_t *object,
                         const struct control_limit *known);

/* Unless it is negative, which stands for none. */
void control_put_limit(json_t *object, const char *name, int64_t value);

/* RabbitMQ's tools show the limits of one user or virtual host as this object alone. Takes it. */
void control_limits_instead(struct control_call *call, json_t *limits);

/* A cell: the text of the value, which is taken; RabbitMQ's tools show JSON so. */
json_t *control_json_text(json_t *value);
json_t *control_slice(struct slice text);

/* The user that the first argument names; NULL when the call has been refused. */
struct user *control_user(struct control_call *call);

#endif
