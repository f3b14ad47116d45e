/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Type topic: binding keys are patterns of words separated by dots; `*` stands for one word and `#`
 * for zero or more (compat 2.9).
 *
 * The patterns form a trie. An edge is either one `#`, or a label: as many words and `*` as lead on
 * without a choice, so that there are never more than a few nodes per pattern however long it is.
 *
 * To route, each node is visited at most once, with the set of all positions in the routing key
 * that the pattern down to it can have reached: bit p stands for "the first p words are used up". A
 * set is a few machine words, and
 *
 *   a word        leads from p to p + 1 for every p where the key has that word: one AND with the
 * places of the word in the key, one shift
 *   `*`           the same, and every place has a word
 *   `#`           leads from the lowest p of the set to every position from there on
 *   a binding     matches when the set at its node contains the position behind the last word
 *
 * So however many ways there are to spread the words over the `#`s, the work for one message is at
 * most what it takes to read all patterns once, and with usual patterns it is a look-up per word. A
 * subtree is left out as soon as its set is empty. Memory is not allocated while routing, but for a
 * stack that grows to the size it needs and stays.
 *
 * Words that occur in patterns are stored once (`struct topic_word`), so that each word of a
 * routing key is hashed once and labels hold pointers. Its places in the key stand in the word
 * itself while that key is routed, and are none otherwise: following a label is one AND and one
 * shift per word.
 *
 * Invariants: every node but the root has a binding, or a `#` edge, or two labelled edges, or is
 * behind a
 * `#`; labelled edges of one node begin with different words; a word exists while some label uses
 * it.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/spec.h"
#include "broker/base/alloc.h"
#include "broker/base/env.h"
#include "broker/base/map.h"
#include "broker/entities/binding.h"
#include "broker/entities/broker.h"
#include "broker/entities/exchange.h"
#include "broker/entities/route.h"
#include "broker/entities/vhost.h"

#define MULTI_WORD_WILDCARDS_MAX 2 /* RabbitMQ 4.3.5 */
#define WORDS_MAX                (AMQP_SHORTSTR_MAX + 1)

/* A node with no more children than this is searched child by child. */
#define FEW_CHILDREN 4

/* A set of numbers from 0 to WORDS_MAX. Only the limbs that the key's length needs are used. */
#define LIMB_BITS 64u
#define LIMBS_MAX (WORDS_MAX / LIMB_BITS + 1)

struct positions {
    uint64_t limbs[LIMBS_MAX];
};

/* A word in labels, or `*`. */
struct topic_word {
    UT_hash_handle by_text;
    struct slice text;
    size_t uses;             /* in labels */
    struct positions places; /* where the key being routed has it, counted from 0; none otherwise */
    bool is_known;           /* the key being routed has it somewhere */
    uint8_t octets[];
};

struct topic_node;

/* What a labelled edge is found by: its octets are the key in the map of edges. */
struct topic_edge {
    struct topic_node *parent;
    struct topic_word *first_word;
};

/* What routing looks at stands in front, in one cache line. */
struct topic_node {
    struct topic_word **label; /* of the edge to this node, owned; NULL when it has none */
    size_t label_len;
    struct list sibling_link;
    struct topic_node *many_words; /* behind `#` */
    size_t child_count;
    struct list children;   /* behind labels; link: sibling_link */
    struct list bindings;   /* link: type_link */
    struct topic_edge edge; /* to this node; root: no parent; behind `#`: no first word */
    UT_hash_handle by_edge;
};

/* A node to visit, and the positions that lead there. */
struct topic_visit {
    struct topic_node *node;
    struct positions positions;
};

struct topic_state {
    uint64_t hash_seed;
    struct topic_word *words; /* map by text */
    struct topic_word
        *any_word;            /* `*`; not in the map, for a routing key's `*` is an ordinary word */
    struct topic_node *edges; /* labelled ones, map by parent and first word */
    struct topic_node *root;
    struct topic_visit *stack;
    size_t stack_count;
    size_t stack_capacity;
};

/* -- Words ------------------------------------------------------------------------------------- */

/* Walks the words of a key. The empty key has none; "." has two empty ones. */
struct word_iterator {
    struct slice rest;
    bool is_done;
};

static struct word_iterator words_begin(struct slice key) {
    return (struct word_iterator){key, key.len == 0};
}

static bool words_next(struct word_iterator *iterator, struct slice *ret_word) {
    struct slice rest = iterator->rest;
    const uint8_t *dot;

    if (iterator->is_done)
        return false;
    dot = rest.len == 0 ? NULL : memchr(rest.data, '.', rest.len);
    if (dot == NULL) {
        *ret_word = rest;
        iterator->is_done = true;
        return true;
    }
    *ret_word = slice_of(rest.data, (size_t)(dot - rest.data));
    iterator->rest = slice_of(dot + 1, rest.len - ret_word->len - 1);
    return true;
}

static struct topic_word *create_word(struct slice text) {
    struct topic_word *word = xcalloc(1, sizeof *word + text.len);

    memcpy(word->octets, text.data, text.len);
    word->text = slice_of(word->octets, text.len);
    return word;
}

static struct topic_word *find_word(const struct topic_state *state, struct slice text) {
    struct topic_word *word;

    MAP_FIND(state->words, by_text, state->hash_seed, text, word);
    return word;
}

/* The word of a pattern, which the caller is going to put into a label if it is new. */
static struct topic_word *get_word(struct topic_state *state, struct slice text) {
    struct topic_word *word;

    if (slice_equal(text, SLICE("*")))
        return state->any_word;
    word = find_word(state, text);
    if (word == NULL) {
        word = create_word(text);
        MAP_ADD(state->words, by_text, state->hash_seed, word->text, word);
    }
    return word;
}

static void release_word(struct topic_state *state, struct topic_word *word) {
    if (--word->uses > 0 || word == state->any_word)
        return;
    MAP_REMOVE(state->words, by_text, word);
    free(word);
}

/* -- The trie ---------------------------------------------------------------------------------- */

/* Addresses are the broker's own, so that mixing their bits is enough. */
static unsigned hash_edge(const struct topic_edge *edge) {
    uint64_t mixed = (uintptr_t)edge->parent * UINT64_C(0x9e3779b97f4a7c15);

    mixed = (mixed ^ (uintptr_t)edge->first_word) * UINT64_C(0xd6e8feb86659fd93);
    return (unsigned)(mixed >> 32);
}

/* The child behind the label that begins with `word`. */
static struct topic_node *find_child(const struct topic_state *state, struct topic_node *node,
                                     struct topic_word *word) {
    struct topic_edge edge = {node, word};
    struct topic_node *child;

    HASH_FIND_BYHASHVALUE(by_edge, state->edges, &edge, sizeof edge, hash_edge(&edge), child);
    return child;
}

/* Hangs the node below `parent`, behind its label or, when it has none, behind `#`. */
static void link_node(struct topic_state *state, struct topic_node *node,
                      struct topic_node *parent) {
    node->edge.parent = parent;
    if (node->label_len == 0) {
        parent->many_words = node;
        return;
    }
    node->edge.first_word = node->label[0];
    HASH_ADD_BYHASHVALUE(by_edge, state->edges, edge, sizeof node->edge, hash_edge(&node->edge),
                         node);
    list_append(&parent->children, &node->sibling_link);
    parent->child_count++;
}

static void unlink_node(struct topic_state *state, struct topic_node *node) {
    struct topic_node *parent = node->edge.parent;

    if (node->label_len == 0) {
        parent->many_words = NULL;
        return;
    }
    HASH_DELETE(by_edge, state->edges, node);
    list_remove(&node->sibling_link);
    parent->child_count--;
}

static struct topic_word **join_labels(struct topic_word **first, size_t first_len,
                                       struct topic_word **second, size_t second_len) {
    struct topic_word **label = xmalloc((first_len + second_len) * sizeof *label);

    if (first_len > 0)
        memcpy(label, first, first_len * sizeof *label);
    if (second_len > 0)
        memcpy(label + first_len, second, second_len * sizeof *label);
    return label;
}

static struct topic_node *create_node(struct topic_word **label, size_t label_len) {
    struct topic_node *node = xcalloc(1, sizeof *node);

    node->label_len = label_len;
    if (label_len > 0)
        node->label = join_labels(label, label_len, NULL, 0);
    list_init(&node->children);
    list_init(&node->bindings);
    return node;
}

/* A node on the edge to `child`, behind the first `len` words of its label. */
static struct topic_node *split_edge(struct topic_state *state, struct topic_node *child,
                                     size_t len) {
    struct topic_node *middle = create_node(child->label, len);
    struct topic_node *parent = child->edge.parent;

    unlink_node(state, child);
    child->label_len -= len;
    memmove(child->label, child->label + len, child->label_len * sizeof child->label[0]);
    link_node(state, middle, parent);
    link_node(state, child, middle);
    return middle;
}

/* Takes `node`, which does nothing but lead to its only child, out of the trie. */
static void join_edges(struct topic_state *state, struct topic_node *node) {
    struct topic_node *parent = node->edge.parent;
    struct topic_node *child =
        LIST_ITEM(list_first(&node->children), struct topic_node, sibling_link);
    struct topic_word **label =
        join_labels(node->label, node->label_len, child->label, child->label_len);

    unlink_node(state, child);
    unlink_node(state, node);
    free(child->label);
    child->label = label;
    child->label_len += node->label_len;
    link_node(state, child, parent);
    free(node->label);
    free(node);
}

/* The node behind `#`, there already or new. */
static struct topic_node *get_many_words(struct topic_state *state, struct topic_node *node) {
    if (node->many_words == NULL)
        link_node(state, create_node(NULL, 0), node);
    return node->many_words;
}

/* A new node behind all these words. */
static struct topic_node *add_child(struct topic_state *state, struct topic_node *node,
                                    struct topic_word **words, size_t count) {
    struct topic_node *child = create_node(words, count);

    for (size_t i = 0; i < count; i++)
        words[i]->uses++;
    link_node(state, child, node);
    return child;
}

/*
 * One edge down, along words[0..count): the node behind as many of them as a label there has in
 * common with them. `ret_used` is how many that were.
 */
static struct topic_node *get_child(struct topic_state *state, struct topic_node *node,
                                    struct topic_word **words, size_t count, size_t *ret_used) {
    struct topic_node *child = find_child(state, node, words[0]);
    size_t common = 1;

    if (child == NULL) {
        *ret_used = count;
        return add_child(state, node, words, count);
    }
    while (common < count && common < child->label_len && child->label[common] == words[common])
        common++;
    *ret_used = common;
    return common < child->label_len ? split_edge(state, child, common) : child;
}

/* The node of words[0..count), none of which is `#`. */
static struct topic_node *get_descendant(struct topic_state *state, struct topic_node *node,
                                         struct topic_word **words, size_t count) {
    size_t used;

    for (; count > 0; words += used, count -= used)
        node = get_child(state, node, words, count, &used);
    return node;
}

static struct topic_node *get_node(struct topic_state *state, struct slice binding_key) {
    struct topic_node *node = state->root;
    struct topic_word *words[WORDS_MAX];
    size_t count = 0;
    struct word_iterator iterator = words_begin(binding_key);
    struct slice text;

    while (words_next(&iterator, &text)) {
        if (!slice_equal(text, SLICE("#"))) {
            words[count++] = get_word(state, text);
            continue;
        }
        node = get_many_words(state, get_descendant(state, node, words, count));
        count = 0;
    }
    return get_descendant(state, node, words, count);
}

static bool is_needed(const struct topic_node *node) {
    return node->edge.parent == NULL || !list_is_empty(&node->bindings) ||
           node->many_words != NULL || node->child_count > 0;
}

/* True when the node could be a place in the middle of a label. */
static bool is_passage(const struct topic_node *node) {
    return node->label_len > 0 && list_is_empty(&node->bindings) && node->many_words == NULL &&
           node->child_count == 1;
}

/* A binding left the node: frees it and those above it that are good for nothing any more. */
static void prune(struct topic_state *state, struct topic_node *node) {
    while (!is_needed(node)) {
        struct topic_node *parent = node->edge.parent;
        unlink_node(state, node);
        for (size_t i = 0; i < node->label_len; i++)
            release_word(state, node->label[i]);
        free(node->label);
        free(node);
        node = parent;
    }
    if (is_passage(node))
        join_edges(state, node);
}

/* -- The type ---------------------------------------------------------------------------------- */

static void topic_open(struct exchange *exchange) {
    struct topic_state *state = xcalloc(1, sizeof *state);

    state->hash_seed = exchange->vhost->broker->env->hash_seed;
    state->root = create_node(NULL, 0);
    state->any_word = create_word(SLICE("*"));
    exchange->state = state;
}

static void topic_close(struct exchange *exchange) {
    struct topic_state *state = exchange->state;

    assert(state->root->child_count == 0);
    assert(state->root->many_words == NULL);
    assert(state->words == NULL);
    free(state->root);
    free(state->any_word);
    free(state->stack);
    free(state);
}

static bool topic_check_binding(const struct exchange *exchange, struct slice binding_key,
                                struct slice arguments, struct refusal *refusal) {
    struct word_iterator words = words_begin(binding_key);
    struct slice word;
    int count = 0;

    (void)exchange;
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
    struct topic_node *node = get_node(exchange->state, binding->binding_key);

    list_append(&node->bindings, &binding->type_link);
    binding->type_node = node;
}

static void topic_remove_binding(struct exchange *exchange, struct binding *binding) {
    list_remove(&binding->type_link);
    prune(exchange->state, binding->type_node);
}

/* -- Routing ----------------------------------------------------------------------------------- */

/* The routing key, as far as patterns know its words. */
struct topic_key {
    size_t count; /* words */
    size_t limbs; /* of a set of positions */
    size_t known_count;
    const struct topic_word *words[WORDS_MAX]; /* NULL where no pattern has the word */
    struct topic_word *known[WORDS_MAX];       /* the different ones that are not NULL, and `*` */
};

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
        struct topic_word *word = find_word(state, text);
        ret_key->words[ret_key->count] = word;
        add_place(state->any_word, ret_key);
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

static void route_to_bindings(const struct topic_node *node, struct route *route) {
    LIST_FOR_EACH(&node->bindings, at)
    route_to_binding(route, LIST_ITEM(at, struct binding, type_link));
}

/* Words that are compared before looking whether one was different: without branches it is faster.
 */
#define COMPARED_AT_ONCE 8

/* True when the label says the same as the last words of the key. */
static bool label_ends_key(const struct topic_state *state, const struct topic_key *key,
                           const struct topic_node *node) {
    const struct topic_word *const *words = key->words + (key->count - node->label_len);
    const struct topic_word *any_word = state->any_word;
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
        route_to_bindings(child, route);
}

/* Follows the label to `child` and notes it for a visit if there is a way. */
static void follow_label(struct topic_state *state, const struct topic_key *key,
                         struct topic_node *child, const struct positions *positions,
                         struct route *route) {
    struct positions behind;

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
        LIST_FOR_EACH(&node->children, at)
        follow_label(state, key, LIST_ITEM(at, struct topic_node, sibling_link), positions, route);
        return;
    }
    for (size_t i = 0; i < key->known_count; i++) {
        struct topic_node *child = NULL;
        if (positions_meet(positions, key, key->known[i]))
            child = find_child(state, node, key->known[i]);
        if (child != NULL)
            follow_label(state, key, child, positions, route);
    }
}

static void visit_node(struct topic_state *state, const struct topic_key *key,
                       struct topic_node *node, const struct positions *positions,
                       struct route *route) {
    if (positions_have(positions, key->count))
        route_to_bindings(node, route);
    if (node->many_words != NULL) {
        struct positions onwards = positions_from_lowest(positions, key);
        push_visit(state, node->many_words, &onwards);
    }
    follow_labels(state, key, node, positions, route);
}

static void topic_route(struct exchange *exchange, struct slice routing_key,
                        const struct route_request *request, struct route *route) {
    struct topic_state *state = exchange->state;
    struct positions start = {.limbs = {1}};
    struct topic_key key;

    (void)request;
    read_key(state, routing_key, &key);
    push_visit(state, state->root, &start);
    while (state->stack_count > 0) {
        struct topic_visit visit = state->stack[--state->stack_count];
        visit_node(state, &key, visit.node, &visit.positions, route);
    }
    forget_key(&key);
}

const struct exchange_type exchange_type_topic = {
    .name = "topic",
    .open = topic_open,
    .close = topic_close,
    .check_binding = topic_check_binding,
    .add_binding = topic_add_binding,
    .remove_binding = topic_remove_binding,
    .route = topic_route,
};
