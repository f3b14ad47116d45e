/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The node as one JSON document: what RabbitMQ's tools print of a command with `--formatter json` where it has
 * no rows. Keys are theirs; those that tell of an Erlang virtual machine are left out. To be freed by the caller.
 */
#ifndef LEVERET_BROKER_MANAGEMENT_CONTROL_DOCUMENTS_H
#define LEVERET_BROKER_MANAGEMENT_CONTROL_DOCUMENTS_H

#include <jansson.h>

#include "broker/management/control.h"

struct node_listener;

json_t *control_status_document(const struct control_call *call);
json_t *control_cluster_document(const struct control_call *call);
json_t *control_listeners_document(const struct control_call *call);
json_t *control_alarms_document(const struct control_call *call);

/* The alarms in effect in sentences, as RabbitMQ's tools say them: [] when there are none. */
json_t *control_alarm_sentences(const struct control_call *call);

/* As RabbitMQ's tools call what is served: "AMQP 0-9-1". */
const char *control_purpose_of(const char *protocol);
/* Its address, IPv6 in brackets. */
json_t *control_interface_of(const struct node_listener *listener);

#endif
