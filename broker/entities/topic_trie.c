/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Growing and pruning the trie: a label is split where a new key leaves it, and joined again with
 * the next when nothing leaves it any more.
 */
#include "broker/entities/topic_trie.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"

/* -- Words ------------------------------------------------------------------------------------- */

struct word_iterator words_begin(struct slice key) {
    return (struct word_iterator){key, key.len == 0};
}

bool words_next(struct word_iterator *iterator, struct slice *ret_word) {
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

struct topic_word *topic_trie_find_word(const struct topic_trie *trie, struct slice text) {
    struct topic_word *word;

    MAP_FIND(trie->words, by_text, trie->hash_seed, text, word);
    return word;
}

/* The word of a pattern, which the caller is going to put into a label if it is new. */
static struct topic_word *get_word(struct topic_trie *trie, struct slice text) {
    struct topic_word *word;

    if (slice_equal(text, SLICE("*")))
        return trie->any_word;
    word = topic_trie_find_word(trie, text);
    if (word == NULL) {
        word = create_word(text);
        MAP_ADD(trie->words, by_text, trie->hash_seed, word->text, word);
    }
    return word;
}

static void release_word(struct topic_trie *trie, struct topic_word *word) {
    if (--word->uses > 0 || word == trie->any_word)
        return;
    MAP_REMOVE(trie->words, by_text, word);
    free(word);
}

/* -- The trie ---------------------------------------------------------------------------------- */

/* Addresses are the broker's own, so that mixing their bits is enough. */
static unsigned hash_edge(const struct topic_edge *edge) {
    uint64_t mixed = (uintptr_t)edge->parent * UINT64_C(0x9e3779b97f4a7c15);

    mixed = (mixed ^ (uintptr_t)edge->first_word) * UINT64_C(0xd6e8feb86659fd93);
    return (unsigned)(mixed >> 32);
}

struct topic_node *topic_trie_find_child(const struct topic_trie *trie, struct topic_node *node,
                                         struct topic_word *word) {
    struct topic_edge edge = {node, word};
    struct topic_node *child;

    HASH_FIND_BYHASHVALUE(by_edge, trie->edges, &edge, sizeof edge, hash_edge(&edge), child);
    return child;
}

/* Hangs the node below `parent`, behind its label or, when it has none, behind `#`. */
static void link_node(struct topic_trie *trie, struct topic_node *node, struct topic_node *parent) {
    node->edge.parent = parent;
    if (node->label_len == 0) {
        parent->many_words = node;
        return;
    }
    node->edge.first_word = node->label[0];
    HASH_ADD_BYHASHVALUE(by_edge, trie->edges, edge, sizeof node->edge, hash_edge(&node->edge),
                         node);
    list_append(&parent->children, &node->sibling_link);
    parent->child_count++;
}

static void unlink_node(struct topic_trie *trie, struct topic_node *node) {
    struct topic_node *parent = node->edge.parent;

    if (node->label_len == 0) {
        parent->many_words = NULL;
        return;
    }
    HASH_DELETE(by_edge, trie->edges, node);
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
static struct topic_node *split_edge(struct topic_trie *trie, struct topic_node *child,
                                     size_t len) {
    struct topic_node *middle = create_node(child->label, len);
    struct topic_node *parent = child->edge.parent;

    unlink_node(trie, child);
    child->label_len -= len;
    memmove(child->label, child->label + len, child->label_len * sizeof child->label[0]);
    link_node(trie, middle, parent);
    link_node(trie, child, middle);
    return middle;
}

/* Takes `node`, which does nothing but lead to its only child, out of the trie. */
static void join_edges(struct topic_trie *trie, struct topic_node *node) {
    struct topic_node *parent = node->edge.parent;
    struct topic_node *child =
        LIST_ITEM(list_first(&node->children), struct topic_node, sibling_link);
    struct topic_word **label =
        join_labels(node->label, node->label_len, child->label, child->label_len);

    unlink_node(trie, child);
    unlink_node(trie, node);
    free(child->label);
    child->label = label;
    child->label_len += node->label_len;
    link_node(trie, child, parent);
    free(node->label);
    free(node);
}

/* The node behind `#`, there already or new. */
static struct topic_node *get_many_words(struct topic_trie *trie, struct topic_node *node) {
    if (node->many_words == NULL)
        link_node(trie, create_node(NULL, 0), node);
    return node->many_words;
}

/* A new node behind all these words. */
static struct topic_node *add_child(struct topic_trie *trie, struct topic_node *node,
                                    struct topic_word **words, size_t count) {
    struct topic_node *child = create_node(words, count);

    for (size_t i = 0; i < count; i++)
        words[i]->uses++;
    link_node(trie, child, node);
    return child;
}

/*
 * One edge down, along words[0..count): the node behind as many of them as a label there has in
 * common with them. `ret_used` is how many that were.
 */
static struct topic_node *get_child(struct topic_trie *trie, struct topic_node *node,
                                    struct topic_word **words, size_t count, size_t *ret_used) {
    struct topic_node *child = topic_trie_find_child(trie, node, words[0]);
    size_t common = 1;

    if (child == NULL) {
        *ret_used = count;
        return add_child(trie, node, words, count);
    }
    while (common < count && common < child->label_len && child->label[common] == words[common])
        common++;
    *ret_used = common;
    return common < child->label_len ? split_edge(trie, child, common) : child;
}

/* The node of words[0..count), none of which is `#`. */
static struct topic_node *get_descendant(struct topic_trie *trie, struct topic_node *node,
                                         struct topic_word **words, size_t count) {
    size_t used;

    for (; count > 0; words += used, count -= used)
        node = get_child(trie, node, words, count, &used);
    return node;
}

struct topic_node *topic_trie_get_node(struct topic_trie *trie, struct slice binding_key) {
    struct topic_node *node = trie->root;
    struct topic_word *words[TOPIC_WORDS_MAX];
    size_t count = 0;
    struct word_iterator iterator = words_begin(binding_key);
    struct slice text;

    while (words_next(&iterator, &text)) {
        if (!slice_equal(text, SLICE("#"))) {
            words[count++] = get_word(trie, text);
            continue;
        }
        node = get_many_words(trie, get_descendant(trie, node, words, count));
        count = 0;
    }
    return get_descendant(trie, node, words, count);
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

void topic_trie_prune(struct topic_trie *trie, struct topic_node *node) {
    while (!is_needed(node)) {
        struct topic_node *parent = node->edge.parent;
        unlink_node(trie, node);
        for (size_t i = 0; i < node->label_len; i++)
            release_word(trie, node->label[i]);
        free(node->label);
        free(node);
        node = parent;
    }
    if (is_passage(node))
        join_edges(trie, node);
}

/* -- Life -------------------------------------------------------------------------------------- */

void topic_trie_init(struct topic_trie *trie, uint64_t hash_seed) {
    *trie = (struct topic_trie){
        .hash_seed = hash_seed, .any_word = create_word(SLICE("*")), .root = create_node(NULL, 0)};
}

void topic_trie_clear(struct topic_trie *trie) {
    assert(trie->root->child_count == 0);
    assert(trie->root->many_words == NULL);
    assert(trie->words == NULL);
    free(trie->root);
    free(trie->any_word);
}
