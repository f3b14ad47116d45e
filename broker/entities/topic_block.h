/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Up to TOPIC_BLOCK_SLOTS bindings of a topic exchange as columns of bits; topic_columns.h says what
 * for. A slot is free or a binding's; bit s of every line is about slot s.
 */
#ifndef LEVERET_BROKER_ENTITIES_TOPIC_BLOCK_H
#define LEVERET_BROKER_ENTITIES_TOPIC_BLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "broker/base/list.h"
#include "broker/base/map.h"
#include "broker/entities/topic_columns.h"
#include "broker/entities/topic_trie.h"

struct binding;

#define TOPIC_LINE_ALIGNMENT 64
#define TOPIC_LINE_LIMBS     (TOPIC_BLOCK_SLOTS / LIMB_BITS)

/* One bit for each slot. */
struct topic_line {
    uint64_t limbs[TOPIC_LINE_LIMBS];
} __attribute__((aligned(TOPIC_LINE_ALIGNMENT)));

_Static_assert(sizeof(struct topic_line) == TOPIC_LINE_SIZE, "what the memory is counted in");

static inline void topic_line_set(struct topic_line *line, size_t slot) {
    line->limbs[slot / LIMB_BITS] |= UINT64_C(1) << slot % LIMB_BITS;
}

static inline void topic_line_clear(struct topic_line *line, size_t slot) {
    line->limbs[slot / LIMB_BITS] &= ~(UINT64_C(1) << slot % LIMB_BITS);
}

/* Lines for 0, 1, 2 and so on without end: from `count` on they are all equal. */
struct topic_ladder {
    struct topic_line *lines;
    size_t count;
    size_t capacity;
    struct topic_line beyond;
};

static inline const struct topic_line *topic_ladder_at(const struct topic_ladder *ladder,
                                                       size_t index) {
    return index < ladder->count ? &ladder->lines[index] : &ladder->beyond;
}

enum topic_part {
    TOPIC_PREFIX, /* up to the first `#`, or the whole key when it has none */
    TOPIC_MIDDLE,
    TOPIC_SUFFIX, /* behind the last `#`; its places are counted from the end */
    TOPIC_PARTS
};

/* A binding key in parts. */
struct topic_pattern {
    struct topic_word *words[TOPIC_WORDS_MAX]; /* without `#` */
    const struct topic_word *any_word;         /* which of them is `*` */
    size_t begins[TOPIC_PARTS];
    size_t counts[TOPIC_PARTS];
    bool is_exact; /* has no `#` */
};

void topic_pattern_read(const struct topic_trie *trie, struct slice binding_key,
                        struct topic_pattern *ret_pattern);

/*
 * The columns of a word: for each place of a part where it is wanted, the line of those who want it
 * there. A line that has one slot is one of those that all blocks share, which are not aligned.
 */
struct topic_word_columns {
    UT_hash_handle by_word;
    const struct topic_word *word;
    const uint64_t **lines;           /* by part and place; TOPIC_LINE_LIMBS of them each */
    uint32_t *slot_counts;            /* of the lines, more than 0 */
    uint32_t begins[TOPIC_PARTS + 1]; /* of the parts among the lines */
    uint32_t capacity;
    uint16_t number;                      /* in the block's `few`, 0 without */
    struct positions places[TOPIC_PARTS]; /* that have a line */
};

/* The slots that lead to the same queue or exchange. */
struct topic_destination {
    UT_hash_handle by_place;
    const void *place; /* the queue or exchange */
    struct topic_line *slots;
    uint32_t slot_count;
};

struct topic_slot {
    struct binding *binding; /* NULL: free */
    struct topic_destination *destination;
};

/*
 * Middles of many `*` and few words. What a column takes away there is little, so that many have to be
 * passed; so each slot has its words by themselves, to be looked for in all places of the key at once.
 */
#define TOPIC_FEW_WORDS 8u

struct topic_few {
    uint64_t
        *places; /* by number of a word: where the key being routed has it; [0], of no word: all */
    uint16_t *free_numbers;
    size_t number_count; /* given out or free, 0 included */
    size_t free_count;
    size_t capacity;   /* of both arrays */
    size_t word_count; /* for a slot at most: the class of the block */
    /* By slot: the numbers of its words, how far into the middle they are, the words around. */
    uint16_t words[TOPIC_FEW_WORDS][TOPIC_BLOCK_SLOTS];
    uint8_t offsets[TOPIC_FEW_WORDS][TOPIC_BLOCK_SLOTS];
    uint8_t before[TOPIC_BLOCK_SLOTS]; /* words of the prefix */
    uint8_t after[TOPIC_BLOCK_SLOTS];  /* words of the middle and the suffix */
};

struct topic_block {
    struct topic_few *few; /* NULL: middles of other kinds */
    struct list link;      /* for topic_columns.c, as is open_link */
    struct list open_link;
    size_t slot_count; /* in use */
    struct topic_line used;
    struct topic_ladder any[TOPIC_PARTS];   /* any word will do there, or the part ends before it */
    struct topic_ladder begins;             /* the middle may begin behind so many words */
    struct topic_ladder left;               /* middle and suffix fit into so many words */
    struct topic_word_columns *words;       /* map by word */
    struct topic_destination *destinations; /* map by place */
    struct topic_slot slots[TOPIC_BLOCK_SLOTS];
};

/* Words in the middle of the pattern that are not `*`. */
size_t topic_pattern_middle_words(const struct topic_pattern *pattern);

/* `few_words`: for middles of at most so many words that are not `*`; 0: for others. */
struct topic_block *topic_block_create(size_t few_words);
void topic_block_destroy(struct topic_block *block);

static inline bool topic_block_is_full(const struct topic_block *block) {
    return block->slot_count == TOPIC_BLOCK_SLOTS;
}

/* The slot that the binding got; the block is not full. */
size_t topic_block_add(struct topic_block *block, const struct topic_pattern *pattern,
                       struct binding *binding);

void topic_block_remove(struct topic_block *block, const struct topic_pattern *pattern,
                        size_t slot);

/* NULL when the block has no such word. */
const struct topic_word_columns *topic_block_find_word(const struct topic_block *block,
                                                       const struct topic_word *word);

static inline bool topic_word_columns_have(const struct topic_word_columns *columns,
                                           enum topic_part part, size_t place) {
    return (columns->places[part].limbs[place / LIMB_BITS] >> place % LIMB_BITS & 1) != 0;
}

/* Where among the word's lines that one is, or would be. */
static inline size_t topic_word_columns_seek(const struct topic_word_columns *columns,
                                             enum topic_part part, size_t place) {
    const uint64_t *limbs = columns->places[part].limbs;
    size_t at = columns->begins[part];

    for (; place >= LIMB_BITS; place -= LIMB_BITS)
        at += (size_t)__builtin_popcountll(*limbs++);
    return at + (size_t)__builtin_popcountll(*limbs & ((UINT64_C(1) << place) - 1));
}

#endif
