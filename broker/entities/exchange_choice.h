/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What x-random and x-local-random share: a pick among an exchange's bindings, every one as likely
 * as the other, at the same cost however many there are.
 */
#ifndef LEVERET_BROKER_ENTITIES_EXCHANGE_CHOICE_H
#define LEVERET_BROKER_ENTITIES_EXCHANGE_CHOICE_H

struct binding;
struct exchange;
struct route;

/* Makes exchange->state, with a generator that begins at an unguessable number. */
void exchange_choice_open(struct exchange *exchange);
void exchange_choice_close(struct exchange *exchange);

/* Uses the binding's type_node. */
void exchange_choice_add(struct exchange *exchange, struct binding *binding);
void exchange_choice_remove(struct exchange *exchange, struct binding *binding);

/* Routes to one binding; to none when there is none. */
void exchange_choice_route(struct exchange *exchange, struct route *route);

#endif
