/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a broker with an empty database begins with: the default vhost and the default user, its tags and
 * permissions (compat 4.2).
 */
#ifndef LEVERET_BROKER_DEFAULT_ENTITIES_H
#define LEVERET_BROKER_DEFAULT_ENTITIES_H

#include "broker/base/text.h"
#include "broker/config.h"

struct broker;

/*
 * Once in the life of a data directory, as in RabbitMQ: does nothing when there is a user or a vhost, so
 * that who was deleted stays deleted. False with the reason in `error`.
 */
bool add_default_entities(struct broker *broker, const struct config *config, struct text *error);

#endif
