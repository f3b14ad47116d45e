/* SPDX-License-Identifier: Apache-2.0 */
/* Messages in the API: publish to an exchange, get from a queue. For looking and trying, not for work. */
#ifndef LEVERET_BROKER_MANAGEMENT_MESSAGES_H
#define LEVERET_BROKER_MANAGEMENT_MESSAGES_H

#include "broker/management/api.h"

/* More than this many messages are not handed out by one request. */
#define MESSAGES_GET_MAX 10000

extern const struct api_route message_routes[];

#endif
