/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Type topic: binding keys are patterns of words separated by dots; `*` stands for one word and `#` for
 * zero or more (compat 2.9).
 *
 * The patterns form a trie with a word, `*` or `#` on every edge. To route, the routing key is walked
 * word by word with the set of all trie nodes that the words so far can lead to:
 *
 *   enter(node)   puts the node into the set, and the node behind its `#` edge as well, because `#` may
 *                 stand for no word
 *   a word leads  from a node to the node behind that word's edge and behind its `*` edge; a node that
 *                 is itself behind a `#` also stays in the set
 *   at the end    the bindings of every node in the set match
 *
 * A node is in the set once, however many ways lead to it (`mark`), so that the work for one key is at
 * most words x nodes and not the product of all the places where `#` could end. The set lives in two
 * arrays as long as the trie has nodes; routing allocates nothing.
 *
 * Words that occur in patterns are stored once (`struct topic_word`), so that each word of a routing
 * key is hashed once and edges compare pointers. Edges with a word are found in one map for the whole
 * trie, keyed by parent and word; one such edge of a node is also stored in the node, which is all that
 * most nodes have.
 *
 * Invariants: a node without bindings has an edge leading on, or is the root; words[] in the trie are
 * exactly those some edge uses; `set` and `next_set` have room for `node_count` nodes.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/env.h"
#include "broker/base/map.h"
#include "broker/entities/binding.h"
#include "broker/entities/broker.h"
#include "broker/entities/exchange.h"
#include "broker/entities/route.h"
#include "broker/entities/vhost.h"

#define MULTI_WORD_WILDCARDS_MAX 2 /* RabbitMQ 4.3.5 */

/* A word on edges, neither `*` nor `#`. */
struct topic_word {
    UT_hash_handle by_text;
    struct slice text;
    size_t uses; /* edges */
    uint8_t octets[];
};

struct topic_node;

/* The edge with a word that leads to a node; its octets are the key in the map of edges. */
struct topic_edge {
    struct topic_node *parent;
    struct topic_word *word;
};

struct topic_node {
    uint64_t mark; /* the last step of a walk that put this node into the set */
    struct topic_node *any_word;    /* behind `*` */
    struct topic_node *many_words;  /* behind `#` */
    struct topic_node *some_child;  /* one of those behind a word; may be NULL though there are */
    struct topic_edge edge;         /* to this node; no parent: root; no word: a wildcard */
    struct list bindings;           /* link: type_link */
    size_t word_child_count;
    bool is_many_words; /* this node is behind a `#` */
    UT_hash_handle by_edge;
};

struct topic_state {
    uint64_t hash_seed;
    struct topic_word *words;  /* map by text */
    struct topic_node *edges;  /* map by parent and word */
    struct topic_node *root;
    uint64_t mark; /* numbers the steps of all walks */
    size_t node_count;
    size_t set_capacity;
    struct topic_node **set;
    struct topic_node **next_set;
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

static struct topic_word *find_word(const struct topic_state *state, struct slice text) {
    struct topic_word *word;

    MAP_FIND(state->words, by_text, state->hash_seed, text, word);
    return word;
}

static struct topic_word *get_word(struct topic_state *state, struct slice text) {
    struct topic_word *word = find_word(state, text);

    if (word != NULL)
        return word;
    word = xcalloc(1, sizeof *word + text.len);
    memcpy(word->octets, text.data, text.len);
    word->text = slice_of(word->octets, text.len);
    MAP_ADD(state->words, by_text, state->hash_seed, word->text, word);
    return word;
}

static void release_word(struct topic_state *state, struct topic_word *word) {
    if (--word->uses > 0)
        return;
    MAP_REMOVE(state->words, by_text, word);
    free(word);
}

/* -- The trie ---------------------------------------------------------------------------------- */

static void grow_sets(struct topic_state *state) {
    if (state->node_count < state->set_capacity)
        return;
    state->set_capacity = state->set_capacity == 0 ? 16 : state->set_capacity * 2;
    size_t size = state->set_capacity * sizeof state->set[0];
    state->set = xrealloc(state->set, size);
    state->next_set = xrealloc(state->next_set, size);
}

static struct topic_node *create_node(struct topic_state *state, struct topic_node *parent) {
    struct topic_node *node = xcalloc(1, sizeof *node);

    grow_sets(state);
    state->node_count++;
    node->edge.parent = parent;
    list_init(&node->bindings);
    return node;
}

/* Addresses are the broker's own, so that mixing their bits is enough. */
static unsigned hash_edge(const struct topic_edge *edge) {
    uint64_t mixed = (uintptr_t)edge->parent * UINT64_C(0x9e3779b97f4a7c15);

    mixed = (mixed ^ (uintptr_t)edge->word) * UINT64_C(0xd6e8feb86659fd93);
    return (unsigned)(mixed >> 32);
}

static struct topic_node *find_child(const struct topic_state *state, struct topic_node *node,
                                     struct topic_word *word) {
    struct topic_edge edge = {node, word};
    struct topic_node *child = node->some_child;

    if (child != NULL && child->edge.word == word)
        return child;
    if (node->word_child_count == (child == NULL ? 0 : 1))
        return NULL;
    HASH_FIND_BYHASHVALUE(by_edge, state->edges, &edge, sizeof edge, hash_edge(&edge), child);
    return child;
}

static struct topic_node *get_word_child(struct topic_state *state, struct topic_node *node,
                                         struct slice text) {
    struct topic_word *word = get_word(state, text);
    struct topic_node *child = find_child(state, node, word);

    if (child != NULL)
        return child;
    child = create_node(state, node);
    child->edge.word = word;
    word->uses++;
    HASH_ADD_BYHASHVALUE(by_edge, state->edges, edge, sizeof child->edge, hash_edge(&child->edge),
                         child);
    if (node->some_child == NULL)
        node->some_child = child;
    node->word_child_count++;
    return child;
}

static struct topic_node *get_child(struct topic_state *state, struct topic_node *node,
                                    struct slice text) {
    if (slice_equal(text, SLICE("*"))) {
        if (node->any_word == NULL)
            node->any_word = create_node(state, node);
        return node->any_word;
    }
    if (slice_equal(text, SLICE("#"))) {
        if (node->many_words == NULL)
            node->many_words = create_node(state, node);
        node->many_words->is_many_words = true;
        return node->many_words;
    }
    return get_word_child(state, node, text);
}

static bool is_unused(const struct topic_node *node) {
    return node->edge.parent != NULL && list_is_empty(&node->bindings) &&
           node->word_child_count == 0 && node->any_word == NULL && node->many_words == NULL;
}

static void unlink_node(struct topic_state *state, struct topic_node *node) {
    struct topic_node *parent = node->edge.parent;

    if (parent->any_word == node) {
        parent->any_word = NULL;
    } else if (parent->many_words == node) {
        parent->many_words = NULL;
    } else {
        HASH_DELETE(by_edge, state->edges, node);
        parent->word_child_count--;
        if (parent->some_child == node)
            parent->some_child = NULL;
        release_word(state, node->edge.word);
    }
}

/* Frees the node and those above it that led nowhere else. */
static void prune(struct topic_state *state, struct topic_node *node) {
    while (is_unused(node)) {
        struct topic_node *parent = node->edge.parent;
        unlink_node(state, node);
        state->node_count--;
        free(node);
        node = parent;
    }
}

/* -- The type ---------------------------------------------------------------------------------- */

static void topic_open(struct exchange *exchange) {
    struct topic_state *state = xcalloc(1, sizeof *state);

    state->hash_seed = exchange->vhost->broker->env->hash_seed;
    state->root = create_node(state, NULL);
    exchange->state = state;
}

static void topic_close(struct exchange *exchange) {
    struct topic_state *state = exchange->state;

    assert(state->node_count == 1);
    free(state->root);
    free(state->set);
    free(state->next_set);
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
    struct topic_state *state = exchange->state;
    struct topic_node *node = state->root;
    struct word_iterator words = words_begin(binding->binding_key);
    struct slice word;

    while (words_next(&words, &word))
        node = get_child(state, node, word);
    list_append(&node->bindings, &binding->type_link);
    binding->type_node = node;
}

static void topic_remove_binding(struct exchange *exchange, struct binding *binding) {
    list_remove(&binding->type_link);
    prune(exchange->state, binding->type_node);
}

/* -- Routing ----------------------------------------------------------------------------------- */

/* Puts `node` and what `#` edges lead to into `set`, each once; returns the new count. */
static size_t enter(struct topic_node *node, uint64_t mark, struct topic_node **set,
                    size_t count) {
    for (; node != NULL && node->mark != mark; node = node->many_words) {
        node->mark = mark;
        set[count++] = node;
    }
    return count;
}

/* One word further: fills state->next_set from state->set and makes it the set. */
static size_t step(struct topic_state *state, size_t count, struct topic_word *word) {
    uint64_t mark = ++state->mark;
    struct topic_node **set = state->set;
    struct topic_node **next_set = state->next_set;
    size_t next_count = 0;

    for (size_t i = 0; i < count; i++) {
        struct topic_node *node = set[i];
        if (node->is_many_words)
            next_count = enter(node, mark, next_set, next_count);
        next_count = enter(node->any_word, mark, next_set, next_count);
        if (word != NULL)
            next_count = enter(find_child(state, node, word), mark, next_set, next_count);
    }
    state->set = next_set;
    state->next_set = set;
    return next_count;
}

static void topic_route(struct exchange *exchange, struct slice routing_key,
                        const struct route_request *request, struct route *route) {
    struct topic_state *state = exchange->state;
    struct word_iterator words = words_begin(routing_key);
    struct slice word;
    size_t count = enter(state->root, ++state->mark, state->set, 0);

    (void)request;
    while (count > 0 && words_next(&words, &word))
        count = step(state, count, find_word(state, word));
    for (size_t i = 0; i < count; i++) {
        LIST_FOR_EACH (&state->set[i]->bindings, at)
            route_to_binding(route, LIST_ITEM(at, struct binding, type_link));
    }
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
