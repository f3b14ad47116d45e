/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The binding keys of a topic exchange, as a trie of words.
 *
 * An edge is either one `#`, or a label: as many words and `*` as lead on without a choice, so
 * that there are never more than a few nodes per binding key however long it is. Words that occur
 * in labels are stored once, so that each word of a routing key is hashed once and labels are
 * compared by address.
 *
 * Invariants: every node but the root has a binding, or a `#` edge, or two labelled edges, or is
 * behind a `#`; labelled edges of one node begin with different words; a word exists while some
 * label uses it.
 */
#ifndef LEVERET_BROKER_ENTITIES_TOPIC_TRIE_H
#define LEVERET_BROKER_ENTITIES_TOPIC_TRIE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amqp/slice.h"
#include "amqp/spec.h"
#include "broker/base/list.h"
#include "broker/base/map.h"

#define TOPIC_WORDS_MAX (AMQP_SHORTSTR_MAX + 1) /* of a key: 255 dots are 256 empty words */

/* A set of numbers from 0 to TOPIC_WORDS_MAX. */
#define LIMB_BITS 64u
#define LIMBS_MAX (TOPIC_WORDS_MAX / LIMB_BITS + 1)

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
    uint16_t number;         /* for topic_columns.c: of the known word while that key is routed */
    uint8_t octets[];
};

/* A routing key, as far as patterns know its words. */
struct topic_key {
    size_t count; /* words */
    size_t limbs; /* of a set of positions */
    size_t known_count;
    const struct topic_word *words[TOPIC_WORDS_MAX]; /* NULL where no pattern has the word */
    struct topic_word
        *known[TOPIC_WORDS_MAX + 1]; /* `*`, then the different ones that are not NULL */
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
    struct list bindings;   /* link: type_link; the exchange type's business */
    struct topic_edge edge; /* to this node; root: no parent; behind `#`: no first word */
    UT_hash_handle by_edge;
};

struct topic_trie {
    uint64_t hash_seed;
    struct topic_word *words;    /* map by text */
    struct topic_word *any_word; /* `*`, which is not in the map: in a routing key it is a word */
    struct topic_node *edges;    /* labelled ones, map by parent and first word */
    struct topic_node *root;
};

void topic_trie_init(struct topic_trie *trie, uint64_t hash_seed);
/* Every binding key must have been pruned. */
void topic_trie_clear(struct topic_trie *trie);

/* The node of a binding key, which the caller hangs a binding on. */
struct topic_node *topic_trie_get_node(struct topic_trie *trie, struct slice binding_key);

/* A binding left the node: frees it and those above it that are good for nothing any more. */
void topic_trie_prune(struct topic_trie *trie, struct topic_node *node);

/* NULL when no label has the word. */
struct topic_word *topic_trie_find_word(const struct topic_trie *trie, struct slice text);

/* The child behind the label that begins with `word`, NULL when there is none. */
struct topic_node *topic_trie_find_child(const struct topic_trie *trie, struct topic_node *node,
                                         struct topic_word *word);

/* Walks the words of a key. The empty key has none; "." has two empty ones. */
struct word_iterator {
    struct slice rest;
    bool is_done;
};

struct word_iterator words_begin(struct slice key);
bool words_next(struct word_iterator *iterator, struct slice *ret_word);

#endif
