/* SPDX-License-Identifier: Apache-2.0 */
/* Messages in the API: publish to an exchange, get from a queue. For looking and trying, not for work. */
#ifndef LEVERET_BROKER_MANAGEMENT_MESSAGES_H
#define LEVERET_BROKER_MANAGEMENT_MESSAGES_H

#include "broker/management/api.h"

/* More than this many messages are not handed out by one request. */
#define MESSAGES_GET_MAX 10000

/* And no further one once the bodies come to this many octets: the answer is made in one piece. */
#define MESSAGES_GET_OCTETS_MAX (64 * 1024 * 1024)

struct queue;

/* Whether basic.get would be allowed; if not, it has been refused. */
bool messages_may_get(struct api_request *request, const struct queue *queue);

extern const struct api_route message_routes[];

#endif
