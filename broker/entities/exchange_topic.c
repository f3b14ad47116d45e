/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Type topic: binding keys are patterns of words separated by dots; `*` stands for one word and
 * `#` for zero or more (compat 2.9). They are kept in a trie, see topic_trie.h.
 *
 * To route, each node is visited at most once, with the set of all positions in the routing key
 * that the pattern down to it can have reached: bit p stands for "the first p words are used up".
 * A set is a few machine words, and
 *
 *     a word       leads from p to p + 1 for every p where the key has that word: one AND with the
 *                  places of the word in the key, one shift
 *     `*`          does the same, and every place has a word
 *     `#`          leads from the lowest p of the set to every position from there on
 *     a binding    matches when the set at its node contains the position behind the last word
 *
 * So however many ways there are to spread the words over the `#`s, the work for one message is at
 * most what it takes to read all patterns once, and with usual patterns it is a look-up per word.
 * A subtree is left out as soon as its set is empty. Memory is not allocated while routing, but
 * for a stack that grows to the size it needs and stays.
 *
 * The places of a word in the key stand in the word itself while that key is routed, so that
 * following a label touches nothing else.
 *
 * Reading all patterns once is still too much when there are ten thousand of 64 words that were
 * chosen for it. So a walk has a limit of work. With the first key that does not get along with it
 * the patterns are laid out in columns of bits as well (topic_columns.h), where such a key costs
 * what its length says; from then on bindings are kept in both, so that who binds pays for his own
 * words and nobody for all the others' again.
 */
#include <stdlib.h>

#include "broker/base/alloc.h"
#include "broker/base/env.h"
#include "broker/entities/binding.h"
#include "broker/entities/broker.h"
#include "broker/entities/exchange.h"
#include "broker/entities/route.h"
#include "broker/entities/topic_columns.h"
#include "broker/entities/topic_trie.h"
#include "broker/entities/vhost.h"

#define MULTI_WORD_WILDCARDS_MAX 2 /* RabbitMQ 4.3.5 */

/* A node with no more children than this is searched child by child. */
#define FEW_CHILDREN 4

/* What a walk costs, in about the time of a word of a label; the limit is broker->settings.topic_walk_max. */
#define COST_OF_A_VISIT 16
#define COST_OF_A_CHILD 8

/* After walks that came to nothing, one after the other, so many keys at most are not walked for. */
#define KEYS_WITHOUT_WALK_MAX 15

/* Bindings of one key to destinations that the route has already: so many are passed over. */
#define REPEATS_MAX 64

/* A node to visit, and the positions that lead there. */
struct topic_visit {
    struct topic_node *node;
    struct positions positions;
};

struct topic_state {
    struct topic_trie trie;
    struct topic_visit *stack;
    size_t stack_count;
    size_t stack_capacity;
    size_t walk_cost;
    size_t
        walk_cost_max; /* usual sets stay far below it, and it is little beside what columns cost */
    struct topic_columns *columns; /* NULL until a walk was too long */
    size_t without_walk;           /* keys that the last walk in vain let pass, */
    size_t without_walk_left;      /* and how many of them are to come */
};

/* -- The type ---------------------------------------------------------------------------------- */

static void topic_open(struct exchange *exchange) {
    struct topic_state *state = xcalloc(1, sizeof *state);

    topic_trie_init(&state->trie, exchange->vhost->broker->env->hash_seed);
    exchange->state = state;
}

static void topic_close(struct exchange *exchange) {
    struct topic_state *state = exchange->state;

    topic_columns_destroy(state->columns);
    topic_trie_clear(&state->trie);
    free(state->stack);
    free(state);
}

static bool topic_check_binding(const struct exchange *exchange,
                                const struct binding_destination *destination,
                                struct slice binding_key, struct slice arguments,
                                struct refusal *refusal) {
    struct word_iterator words = words_begin(binding_key);
    struct slice word;
    int count = 0;

    (void)exchange;
    (void)destination;
    (void)arguments;
    while (words_next(&words, &word))
        count += slice_equal(word, SLICE("#"));
    if (count <= MULTI_WORD_WILDCARDS_MAX)
        return true;
    return refuse(refusal, AMQP_PRECONDITION_FAILED,
                  "Topic binding key '" SLICE_FMT "' uses %d '#' wildcards, at most %d are allowed",
                  SLICE_ARG(binding_key), count, MULTI_WORD_WILDCARDS_MAX);
}

static void topic_add_binding(struct exchange *exchange, struct binding *binding) {
    struct topic_state *state = exchange->state;
    struct topic_node *node = topic_trie_get_node(&state->trie, binding->binding_key);

    list_append(&node->bindings, &binding->type_link);
    binding->type_node = node;
    if (state->columns != NULL)
        topic_columns_add(state->columns, binding);
}

static void drop_columns(struct topic_state *state) {
    topic_columns_destroy(state->columns);
    state->columns = NULL;
    state->without_walk = state->without_walk_left = 0;
}

static void topic_remove_binding(struct exchange *exchange, struct binding *binding) {
    struct topic_state *state = exchange->state;

    if (state->columns != NULL) {
        topic_columns_remove(state->columns, binding);
        if (topic_columns_are_sparse(state->columns))
            drop_columns(state);
    }
    list_remove(&binding->type_link);
    topic_trie_prune(&state->trie, binding->type_node);
}

/* -- Routing ----------------------------------------------------------------------------------- */

static bool positions_have(const struct positions *positions, size_t position) {
    return (positions->limbs[position / LIMB_BITS] >> position % LIMB_BITS & 1) != 0;
}

/* The last limb's bits up to the position behind the last word. */
static uint64_t last_limb_mask(const struct topic_key *key) {
    return (UINT64_C(2) << key->count % LIMB_BITS) - 1;
}

/* Passes all the words of a label; false when that leads nowhere. */
static inline __attribute__((always_inline)) bool
pass_label(struct positions *positions, struct topic_word *const *label, size_t len, size_t limbs) {
    struct positions now = *positions;
    uint64_t all = 1;

    for (size_t i = 0; all != 0 && i < len; i++) {
        const struct topic_word *word = label[i];
        uint64_t carry = 0;
        all = 0;
        for (size_t at = 0; at < limbs; at++) {
            uint64_t here = now.limbs[at] & word->places.limbs[at];
            now.limbs[at] = here << 1 | carry;
            carry = here >> (LIMB_BITS - 1);
            all |= here;
        }
    }
    *positions = now;
    return all != 0;
}

/* The loop above for the lengths keys have, with the number of limbs known to the compiler. */
static bool positions_pass(struct positions *positions, const struct topic_key *key,
                           struct topic_word *const *label, size_t len) {
    switch (key->limbs) {
    case 1:
        return pass_label(positions, label, len, 1);
    case 2:
        return pass_label(positions, label, len, 2);
    case 3:
        return pass_label(positions, label, len, 3);
    default:
        return pass_label(positions, label, len, LIMBS_MAX);
    }
}

static bool positions_meet(const struct positions *positions, const struct topic_key *key,
                           const struct topic_word *word) {
    uint64_t all = 0;

    for (size_t i = 0; i < key->limbs; i++)
        all |= positions->limbs[i] & word->places.limbs[i];
    return all != 0;
}

/* Any number of words further: everything from the lowest position on. */
static struct positions positions_from_lowest(const struct positions *positions,
                                              const struct topic_key *key) {
    struct positions result = {0};
    bool is_below = true;

    for (size_t i = 0; i < key->limbs; i++) {
        uint64_t limb = positions->limbs[i];
        result.limbs[i] = is_below ? -(limb & -limb) : UINT64_MAX;
        is_below = is_below && limb == 0;
    }
    result.limbs[key->limbs - 1] &= last_limb_mask(key);
    return result;
}

static void add_place(struct topic_word *word, struct topic_key *key) {
    if (!word->is_known) {
        word->is_known = true;
        key->known[key->known_count++] = word;
    }
    word->places.limbs[key->count / LIMB_BITS] |= UINT64_C(1) << key->count % LIMB_BITS;
}

static void read_key(struct topic_state *state, struct slice routing_key,
                     struct topic_key *ret_key) {
    struct word_iterator words = words_begin(routing_key);
    struct slice text;

    ret_key->count = 0;
    ret_key->known_count = 0;
    for (; words_next(&words, &text); ret_key->count++) {
        struct topic_word *word = topic_trie_find_word(&state->trie, text);
        ret_key->words[ret_key->count] = word;
        add_place(state->trie.any_word, ret_key);
        if (word != NULL)
            add_place(word, ret_key);
    }
    ret_key->limbs = ret_key->count / LIMB_BITS + 1;
}

static void forget_key(struct topic_key *key) {
    for (size_t i = 0; i < key->known_count; i++) {
        key->known[i]->places = (struct positions){0};
        key->known[i]->is_known = false;
    }
}

static void push_visit(struct topic_state *state, struct topic_node *node,
                       const struct positions *positions) {
    if (state->stack_count == state->stack_capacity) {
        state->stack_capacity = state->stack_capacity == 0 ? 16 : state->stack_capacity * 2;
        state->stack = xrealloc(state->stack, state->stack_capacity * sizeof state->stack[0]);
    }
    state->stack[state->stack_count++] = (struct topic_visit){node, *positions};
}

static void route_to_bindings(struct topic_state *state, const struct topic_node *node,
                              struct route *route) {
    size_t routed = 0;
    size_t before = route->count;

    LIST_FOR_EACH(&node->bindings, at) {
        if (routed++ - (route->count - before) > REPEATS_MAX) {
            state->walk_cost = state->walk_cost_max;
            return;
        }
        route_to_binding(route, LIST_ITEM(at, struct binding, type_link));
    }
}

/* Words that are compared before looking whether one was different: without branches it is faster.
 */
#define COMPARED_AT_ONCE 8

/* True when the label says the same as the last words of the key. */
static bool label_ends_key(const struct topic_state *state, const struct topic_key *key,
                           const struct topic_node *node) {
    const struct topic_word *const *words = key->words + (key->count - node->label_len);
    const struct topic_word *any_word = state->trie.any_word;
    bool differs = false;

    for (size_t i = 0; i < node->label_len && !differs;) {
        size_t stop =
            i + COMPARED_AT_ONCE < node->label_len ? i + COMPARED_AT_ONCE : node->label_len;
        for (; i < stop; i++)
            differs |= (node->label[i] != words[i]) & (node->label[i] != any_word);
    }
    return !differs;
}

/* A node that nothing follows: its label must begin in the right place and be the end of the key.
 */
static void follow_last_label(struct topic_state *state, const struct topic_key *key,
                              const struct topic_node *child, const struct positions *positions,
                              struct route *route) {
    if (positions_have(positions, key->count - child->label_len) &&
        label_ends_key(state, key, child))
        route_to_bindings(state, child, route);
}

/* Follows the label to `child` and notes it for a visit if there is a way. */
static void follow_label(struct topic_state *state, const struct topic_key *key,
                         struct topic_node *child, const struct positions *positions,
                         struct route *route) {
    struct positions behind;

    state->walk_cost += child->label_len;
    if (child->label_len > key->count)
        return;
    if (child->child_count == 0 && child->many_words == NULL) {
        follow_last_label(state, key, child, positions, route);
        return;
    }
    behind = *positions;
    if (positions_pass(&behind, key, child->label, child->label_len))
        push_visit(state, child, &behind);
}

static void follow_labels(struct topic_state *state, const struct topic_key *key,
                          struct topic_node *node, const struct positions *positions,
                          struct route *route) {
    if (node->child_count <= FEW_CHILDREN || node->child_count <= key->known_count) {
        state->walk_cost += COST_OF_A_CHILD * node->child_count;
        LIST_FOR_EACH(&node->children, at)
        follow_label(state, key, LIST_ITEM(at, struct topic_node, sibling_link), positions, route);
        return;
    }
    state->walk_cost += COST_OF_A_CHILD * key->known_count;
    for (size_t i = 0; i < key->known_count; i++) {
        struct topic_node *child = NULL;
        if (positions_meet(positions, key, key->known[i]))
            child = topic_trie_find_child(&state->trie, node, key->known[i]);
        if (child != NULL)
            follow_label(state, key, child, positions, route);
    }
}

static void visit_node(struct topic_state *state, const struct topic_key *key,
                       struct topic_node *node, const struct positions *positions,
                       struct route *route) {
    if (positions_have(positions, key->count))
        route_to_bindings(state, node, route);
    if (node->many_words != NULL) {
        struct positions onwards = positions_from_lowest(positions, key);
        push_visit(state, node->many_words, &onwards);
    }
    follow_labels(state, key, node, positions, route);
}

/* False when that would have cost too much; some of the destinations are in the route then. */
static bool walk(struct exchange *exchange, const struct topic_key *key, struct route *route) {
    struct topic_state *state = exchange->state;
    struct positions start = {.limbs = {1}};

    state->walk_cost = 0;
    state->walk_cost_max = exchange->vhost->broker->settings.topic_walk_max;
    push_visit(state, state->trie.root, &start);
    while (state->stack_count > 0 && state->walk_cost < state->walk_cost_max) {
        struct topic_visit visit = state->stack[--state->stack_count];
        state->walk_cost += COST_OF_A_VISIT;
        exchange->vhost->broker->work++;
        visit_node(state, key, visit.node, &visit.positions, route);
    }
    state->stack_count = 0;
    return state->walk_cost < state->walk_cost_max;
}

static struct topic_columns *get_columns(const struct exchange *exchange) {
    struct topic_state *state = exchange->state;

    if (state->columns != NULL)
        return state->columns;
    state->columns = topic_columns_create(&state->trie);
    LIST_FOR_EACH(&exchange->bindings, at)
    topic_columns_add(state->columns, LIST_ITEM(at, struct binding, source_link));
    return state->columns;
}

/* Where walks are in vain they are tried less and less often, and at once again after one that was not. */
static bool try_walk(struct exchange *exchange, const struct topic_key *key, struct route *route) {
    struct topic_state *state = exchange->state;

    if (state->without_walk_left > 0) {
        state->without_walk_left--;
        return false;
    }
    if (walk(exchange, key, route)) {
        state->without_walk = 0;
        return true;
    }
    if (state->without_walk < KEYS_WITHOUT_WALK_MAX)
        state->without_walk = 2 * state->without_walk + 1;
    state->without_walk_left = state->without_walk;
    return false;
}

static void topic_route(struct exchange *exchange, struct slice routing_key,
                        const struct route_request *request, struct route *route) {
    struct topic_key key;

    (void)request;
    read_key(exchange->state, routing_key, &key);
    if (!try_walk(exchange, &key, route))
        exchange->vhost->broker->work += topic_columns_route(get_columns(exchange), &key, route);
    forget_key(&key);
}

const struct exchange_type exchange_type_topic = {
    .name = "topic",
    .description = "AMQP topic exchange, as per the AMQP specification",
    .open = topic_open,
    .close = topic_close,
    .check_binding = topic_check_binding,
    .add_binding = topic_add_binding,
    .remove_binding = topic_remove_binding,
    .route = topic_route,
};
