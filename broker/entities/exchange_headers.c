/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Type headers: a binding's arguments are a pattern for the message's headers (compat 2.9).
 *
 * Patterns are decoded once, when the binding is added. Every name that occurs in a pattern has one
 * `struct header_slot`. To route, each header of the message is put into the slot of its name (if
 * any pattern asks for it), marked with the number of this routing; after that a pattern entry
 * looks at its slot and nothing is searched: the cost is headers + pattern entries.
 */
#include <stdlib.h>
#include <string.h>

#include "amqp/table.h"
#include "broker/base/alloc.h"
#include "broker/base/env.h"
#include "broker/base/map.h"
#include "broker/base/text.h"
#include "broker/entities/binding.h"
#include "broker/entities/broker.h"
#include "broker/entities/exchange.h"
#include "broker/entities/route.h"
#include "broker/entities/value_text.h"
#include "broker/entities/vhost.h"

/* A header name that patterns ask for, and its value in the message being routed. */
struct header_slot {
    UT_hash_handle by_name;
    struct slice name;
    size_t uses;   /* pattern entries */
    uint64_t mark; /* the last routing in which the message had this header */
    struct amqp_value value;
    uint8_t octets[]; /* of the name */
};

struct headers_state {
    uint64_t hash_seed;
    uint64_t mark;             /* numbers the routings */
    struct header_slot *slots; /* map by name */
};

struct pattern_entry {
    struct header_slot *slot;
    struct amqp_value value; /* points into the binding's arguments */
};

struct headers_pattern {
    bool match_any; /* one entry is enough; otherwise all must be equal */
    size_t count;
    struct pattern_entry entries[];
};

/* The values of x-match. Without "-with-x" entries whose name begins "x-" are no part of the
 * pattern. */
struct match_mode {
    const char *name;
    bool match_any;
    bool with_x;
};

static const struct match_mode match_modes[] = {
    {"all", false, false},
    {"any", true, false},
    {"all-with-x", false, true},
    {"any-with-x", true, true},
};

#define X_MATCH SLICE("x-match")

static const struct match_mode *find_match_mode(struct slice name) {
    for (size_t i = 0; i < sizeof match_modes / sizeof match_modes[0]; i++) {
        if (slice_equal(slice_from_text(match_modes[i].name), name))
            return &match_modes[i];
    }
    return NULL;
}

static void headers_open(struct exchange *exchange) {
    struct headers_state *state = xcalloc(1, sizeof *state);

    state->hash_seed = exchange->vhost->broker->env->hash_seed;
    exchange->state = state;
}

static void headers_close(struct exchange *exchange) {
    free(exchange->state);
}

static bool refuse_match_type(struct refusal *refusal, const struct amqp_value *value) {
    struct text shown = {0};

    value_text_append(&shown, value);
    refuse(refusal, AMQP_PRECONDITION_FAILED,
           "Invalid x-match field type %s (value %s); expected longstr", amqp_type_name(value->tag),
           text_chars(&shown));
    text_clear(&shown);
    return false;
}

static bool refuse_match_value(struct refusal *refusal, struct slice value) {
    struct text shown = {0};

    text_append_erlang_binary(&shown, value);
    refuse(refusal, AMQP_PRECONDITION_FAILED,
           "Invalid x-match field value %s; expected all, any, all-with-x, or any-with-x",
           text_chars(&shown));
    text_clear(&shown);
    return false;
}

static bool headers_check_binding(const struct exchange *exchange,
                                  const struct binding_destination *destination,
                                  struct slice binding_key, struct slice arguments,
                                  struct refusal *refusal) {
    struct amqp_value value;

    (void)exchange;
    (void)destination;
    (void)binding_key;
    if (!amqp_table_find(arguments, X_MATCH, &value))
        return true;
    if (value.tag != AMQP_TAG_TEXT)
        return refuse_match_type(refusal, &value);
    if (find_match_mode(value.bytes) == NULL)
        return refuse_match_value(refusal, value.bytes);
    return true;
}

static struct header_slot *find_slot(const struct headers_state *state, struct slice name) {
    struct header_slot *slot;

    MAP_FIND(state->slots, by_name, state->hash_seed, name, slot);
    return slot;
}

static struct header_slot *use_slot(struct headers_state *state, struct slice name) {
    struct header_slot *slot = find_slot(state, name);

    if (slot == NULL) {
        slot = xcalloc(1, sizeof *slot + name.len);
        if (name.len > 0)
            memcpy(slot->octets, name.data, name.len);
        slot->name = slice_of(slot->octets, name.len);
        MAP_ADD(state->slots, by_name, state->hash_seed, slot->name, slot);
    }
    slot->uses++;
    return slot;
}

static void release_slot(struct headers_state *state, struct header_slot *slot) {
    if (--slot->uses > 0)
        return;
    MAP_REMOVE(state->slots, by_name, slot);
    free(slot);
}

static bool is_in_pattern(const struct match_mode *mode, struct slice name) {
    if (mode->with_x)
        return !slice_equal(name, X_MATCH);
    return !slice_has_prefix(name, SLICE("x-"));
}

static void headers_add_binding(struct exchange *exchange, struct binding *binding) {
    size_t count = amqp_table_count(binding->arguments);
    struct headers_pattern *pattern =
        xcalloc(1, sizeof *pattern + count * sizeof pattern->entries[0]);
    const struct match_mode *mode = &match_modes[0];
    struct amqp_table_iterator i = amqp_table_begin(binding->arguments);
    struct amqp_value value;
    struct slice name;

    if (amqp_table_find(binding->arguments, X_MATCH, &value))
        mode = find_match_mode(value.bytes); /* headers_check_binding() has seen to it */
    pattern->match_any = mode->match_any;
    while (amqp_table_next(&i, &name, &value)) {
        if (!is_in_pattern(mode, name))
            continue;
        pattern->entries[pattern->count++] =
            (struct pattern_entry){use_slot(exchange->state, name), value};
    }
    binding->type_node = pattern;
}

static void headers_remove_binding(struct exchange *exchange, struct binding *binding) {
    struct headers_pattern *pattern = binding->type_node;

    for (size_t i = 0; i < pattern->count; i++)
        release_slot(exchange->state, pattern->entries[i].slot);
    free(pattern);
    binding->type_node = NULL;
}

/* Puts the message's headers into the slots; of a name that occurs twice the first counts. */
static void fill_slots(struct headers_state *state, struct slice headers) {
    struct amqp_table_iterator i = amqp_table_begin(headers);
    struct amqp_value value;
    struct slice name;

    state->mark++;
    while (amqp_table_next(&i, &name, &value)) {
        struct header_slot *slot = find_slot(state, name);
        if (slot == NULL || slot->mark == state->mark)
            continue;
        slot->mark = state->mark;
        slot->value = value;
    }
}

static bool entry_matches(const struct pattern_entry *entry, uint64_t mark) {
    if (entry->slot->mark != mark)
        return false;
    return entry->value.tag == AMQP_TAG_VOID ||
           amqp_value_equal(&entry->value, &entry->slot->value, AMQP_EQUAL_HEADERS);
}

static bool pattern_matches(const struct headers_pattern *pattern, uint64_t mark) {
    for (size_t i = 0; i < pattern->count; i++) {
        if (entry_matches(&pattern->entries[i], mark) == pattern->match_any)
            return pattern->match_any;
    }
    return !pattern->match_any;
}

static void headers_route(struct exchange *exchange, struct slice routing_key,
                          const struct route_request *request, struct route *route) {
    struct headers_state *state = exchange->state;

    (void)routing_key;
    fill_slots(state, request->headers);
    LIST_FOR_EACH(&exchange->bindings, at) {
        struct binding *binding = LIST_ITEM(at, struct binding, source_link);
        const struct headers_pattern *pattern = binding->type_node;
        exchange->vhost->broker->work += pattern->count;
        if (pattern_matches(pattern, state->mark))
            route_to_binding(route, binding);
    }
}

const struct exchange_type exchange_type_headers = {
    .name = "headers",
    .description = "AMQP headers exchange, as per the AMQP specification",
    .uses_headers = true,
    .ignores_routing_key = true,
    .open = headers_open,
    .close = headers_close,
    .check_binding = headers_check_binding,
    .add_binding = headers_add_binding,
    .remove_binding = headers_remove_binding,
    .route = headers_route,
};
