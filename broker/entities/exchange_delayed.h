/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Type x-delayed-message: messages that an exchange holds until their time (compat 2.9).
 *
 * The argument x-delayed-type names the type that decides about bindings and routes. A message with
 * the header x-delay of 1 to 4294967295 ms (any integer tag, a decimal text, or a fraction, which
 * is cut) is held so long and then routed with the bindings of that moment, its header turned into
 * `x-delay: -<delay>`; with another x-delay, or none, it is routed at once. Our extension: without
 * x-delay, a timestamp `x-deliver-at` (tag T, seconds) holds it until that time of day as the clock
 * stands when it is published, and x-delay is added on delivery in the same way.
 *
 * A held message has no destination yet: a mandatory one is returned, an alternate exchange gets it
 * at once, as with RabbitMQ's plugin. So it is behind exchange-to-exchange bindings: there too the
 * plugin is asked for the route by the router and keeps the message, whatever its documentation says
 * about delays only at publish. The negative x-delay sees to it that nobody delays it a second time.
 */
#ifndef LEVERET_BROKER_ENTITIES_EXCHANGE_DELAYED_H
#define LEVERET_BROKER_ENTITIES_EXCHANGE_DELAYED_H

#include <stddef.h>

struct exchange;

/* Messages held now; 0 for an exchange of another type. RabbitMQ's messages_delayed. */
size_t exchange_delayed_count(const struct exchange *exchange);

#endif
