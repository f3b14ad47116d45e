/* SPDX-License-Identifier: Apache-2.0 */
/* What AMQP's basic.publish asks of a message (compat 2.11), for one that comes over the HTTP API. */
#ifndef LEVERET_BROKER_MANAGEMENT_PUBLICATION_H
#define LEVERET_BROKER_MANAGEMENT_PUBLICATION_H

#include <stdbool.h>

#include "amqp/properties.h"
#include "broker/management/api.h"

struct exchange;

/*
 * May the user of the request publish this? The exchange is not internal and he may write to it, for topic
 * exchanges with the key and with those of CC and BCC; expiration, user_id, CC and BCC are as they have to be.
 * False when the request has been refused.
 */
bool publication_check(struct api_request *request, const struct exchange *exchange,
                       struct slice routing_key, const struct amqp_properties *properties);

/* The keys of the BCC header; without data when there is none. */
struct slice publication_hidden_keys(const struct amqp_properties *properties);

#endif
