/* SPDX-License-Identifier: Apache-2.0 */
/* An array of the bindings in no order; a binding knows its place, so that it can be taken out. */
#include "broker/entities/exchange_choice.h"

#include <stdint.h>
#include <stdlib.h>

#include "broker/base/alloc.h"
#include "broker/base/env.h"
#include "broker/entities/binding.h"
#include "broker/entities/broker.h"
#include "broker/entities/exchange.h"
#include "broker/entities/route.h"
#include "broker/entities/vhost.h"

struct choice_state {
    struct binding **bindings; /* type_node of each is its index */
    size_t count;
    size_t capacity;
    uint64_t random;
};

void exchange_choice_open(struct exchange *exchange) {
    struct choice_state *state = xcalloc(1, sizeof *state);
    struct env *env = exchange->vhost->broker->env;

    env->fill_random(env->random_context, &state->random, sizeof state->random);
    exchange->state = state;
}

void exchange_choice_close(struct exchange *exchange) {
    struct choice_state *state = exchange->state;

    free(state->bindings);
    free(state);
}

static void put(struct choice_state *state, size_t place, struct binding *binding) {
    state->bindings[place] = binding;
    binding->type_node = (void *)(uintptr_t)place;
}

void exchange_choice_add(struct exchange *exchange, struct binding *binding) {
    struct choice_state *state = exchange->state;

    if (state->count == state->capacity) {
        state->capacity = state->capacity == 0 ? 4 : state->capacity * 2;
        state->bindings = xrealloc(state->bindings, state->capacity * sizeof state->bindings[0]);
    }
    put(state, state->count++, binding);
}

void exchange_choice_remove(struct exchange *exchange, struct binding *binding) {
    struct choice_state *state = exchange->state;
    size_t place = (size_t)(uintptr_t)binding->type_node;

    put(state, place, state->bindings[--state->count]);
    binding->type_node = NULL;
}

/* Splitmix64: any seed is good, and nobody has to be kept from guessing. */
static uint64_t next_random(struct choice_state *state) {
    uint64_t mixed = state->random += UINT64_C(0x9e3779b97f4a7c15);

    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ mixed >> 31;
}

void exchange_choice_route(struct exchange *exchange, struct route *route) {
    struct choice_state *state = exchange->state;

    if (state->count > 0)
        route_to_binding(route, state->bindings[next_random(state) % state->count]);
}
