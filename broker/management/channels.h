/* SPDX-License-Identifier: Apache-2.0 */
/* Channels in the API. */
#ifndef LEVERET_BROKER_MANAGEMENT_CHANNELS_H
#define LEVERET_BROKER_MANAGEMENT_CHANNELS_H

#include "broker/management/api.h"
#include "broker/management/api_list.h"

extern const struct api_route channel_routes[];
extern const struct api_resource channel_resource; /* objects are struct channel */

struct channel;

/* "127.0.0.1:40000 -> 127.0.0.1:5672 (1)", RabbitMQ's name of a channel. */
void channel_append_name(struct text *text, const struct channel *channel);

/* The object `channel_details` of consumers. */
void channel_write_details(struct json_out *out, const struct channel *channel,
                           struct management *management);

#endif
