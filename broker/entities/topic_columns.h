/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The binding keys of a topic exchange as columns of bits, for sets of them that the trie cannot
 * hold against: there a walk costs as many steps as there are ways through the trie, which whoever
 * chooses the keys can make as many as all their words together. Here the cost of a key is bounded
 * by its own length and the number of bindings, however they are chosen.
 *
 * A binding key is a prefix, up to its first `#`, a suffix, behind its last, and with two of them a
 * middle. Prefix and suffix have their places in a routing key; the middle may stand anywhere
 * between them. Each binding has a slot in a block of TOPIC_BLOCK_SLOTS of them, and a line of a
 * block has one bit for each slot. For each place in a part there is a column: one line of those
 * who take any word there, and one for each word of those who want that. So the words of a routing
 * key say by an AND of as many lines which bindings have the prefix and the suffix; and for each
 * place where a middle could begin, as many again say which have it there. That is at most
 *
 *     (2 n + n^2 / 4) lines for each block       n: words of the routing key
 *
 * as a block has only middles of about the same length.
 *
 * Memory: a line has TOPIC_LINE_SIZE octets. A block has at most 5 lines for each word of its longest
 * binding key and one for each destination; a word that only one of its bindings has in a place takes
 * 24 octets, one that more have takes a line. Adding and removing a binding cost its words, and a bit
 * in each of those 5 lines.
 */
#ifndef LEVERET_BROKER_ENTITIES_TOPIC_COLUMNS_H
#define LEVERET_BROKER_ENTITIES_TOPIC_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

#include "broker/entities/topic_trie.h"

#define TOPIC_BLOCK_SLOTS 1024
#define TOPIC_LINE_SIZE   (TOPIC_BLOCK_SLOTS / 8)

struct binding;
struct route;
struct topic_columns;

struct topic_columns *topic_columns_create(const struct topic_trie *trie);
/* NULL is allowed. */
void topic_columns_destroy(struct topic_columns *columns);

/* The trie has the words of its key. Keeps its place in binding->type_block and type_slot. */
void topic_columns_add(struct topic_columns *columns, struct binding *binding);

/* Before the trie forgets the words. */
void topic_columns_remove(struct topic_columns *columns, struct binding *binding);

/* True when so few slots are left in use that it is better to make the columns anew. */
bool topic_columns_are_sparse(const struct topic_columns *columns);

/* Adds the destinations of all bindings that match. How much work it was, in visits of a walk. */
size_t topic_columns_route(struct topic_columns *columns, const struct topic_key *key,
                           struct route *route);

#endif
