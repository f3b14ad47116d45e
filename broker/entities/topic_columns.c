/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The blocks of a topic exchange, and the search through them. Each block has middles of about the
 * same length, so that one long middle does not make the search for many short ones longer; middles
 * of nearly nothing but `*` have blocks of their own (struct topic_few).
 */
#include "broker/entities/topic_columns.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/list.h"
#include "broker/entities/binding.h"
#include "broker/entities/route.h"
#include "broker/entities/topic_block.h"

/* Middles of 0 words, of 1 to 8, of 9 to 16 and so on. */
#define MIDDLES_TOGETHER 16
#define LONG_CLASSES     (TOPIC_WORDS_MAX / MIDDLES_TOGETHER + 1)

/* Then middles that one word's bits are enough for: of few words other than `*`, and of fewer. */
#define FEWER_WORDS 3
#define CLASSES     (LONG_CLASSES + 2)

/* Columns are made anew when less than one slot in so many is in use. */
#define SPARSE_PART 4

#define WORK_OF_A_BLOCK 64

/* The key, with its words as numbers; 0 is a word that no pattern has. */
struct numbered_key {
    const struct topic_key *key;
    size_t stride; /* one more than the highest number */
    uint16_t numbers[TOPIC_WORDS_MAX];
    const struct topic_word_columns
        *columns[TOPIC_WORDS_MAX + 1]; /* by number, of the block at hand */
};

/*
 * Lines by place in the middle and number of the word. They are told by how far they are from
 * `no_slots`: nobody wants a word where there is 0, and to see that takes no branch, which keys of many
 * words would make the processor guess wrong half of the time.
 */
struct wanted {
    uintptr_t *lines;
    size_t capacity;
};

/* Where the key has room for a middle, as bits of the places where it may begin. */
struct topic_few_room {
    uint64_t behind[UINT8_MAX + 1]; /* so many words */
    uint64_t before[UINT8_MAX + 1]; /* so many words have still to fit */
};

/* The steps of a search through one block, for what a processor can do. */
struct searcher {
    /* Leaves only those whose prefix or suffix the key has; false when nobody is left. */
    bool (*keep_anchored)(const struct topic_block *block, const struct numbered_key *key,
                          enum topic_part part, struct topic_line *alive);
    /* Moves those whose middle the key has between the two from `alive` to `matched`. */
    void (*find_middles)(const struct topic_block *block, const struct numbered_key *key,
                         const uintptr_t *wanted, struct topic_line *alive,
                         struct topic_line *matched);
    /* The same for a block of few words, when the key has no more words than a limb has bits. */
    void (*find_few)(const struct topic_few *few, const struct topic_few_room *room,
                     const struct topic_line *alive, struct topic_line *matched);
};

struct topic_columns {
    const struct topic_trie *trie;
    struct list blocks;        /* link: link */
    struct list open[CLASSES]; /* those with a free slot; link: open_link */
    size_t block_count;
    size_t slot_count;
    const struct searcher *searcher;
    struct wanted wanted;
    struct topic_few_room room; /* of the key being routed */
};

static const uint64_t no_slots[TOPIC_LINE_LIMBS];

/* Of a word that a block does not have. */
static const uint64_t *no_lines[] = {no_slots};
static const struct topic_word_columns no_columns = {.lines = no_lines};

/* -- The search -------------------------------------------------------------------------------- */

#define INLINE static inline __attribute__((always_inline))

/* As much of a line as one statement is about; the compiler makes of it what the processor has. */
typedef uint64_t lane __attribute__((vector_size(TOPIC_LINE_ALIGNMENT), may_alias));
typedef lane lane_anywhere __attribute__((aligned(8)));

#define LANES              (TOPIC_LINE_SIZE / sizeof(lane))
#define COLUMNS_AT_ONCE    4 /* passed before looking whether anything is left */
#define LIMBS_OF(lane_var) (sizeof(lane_var) / sizeof(uint64_t))

INLINE bool lanes_are_empty(const lane *lanes) {
    lane all = lanes[0];
    uint64_t any = 0;

    for (size_t i = 1; i < LANES; i++)
        all |= lanes[i];
    for (size_t i = 0; i < LIMBS_OF(all); i++)
        any |= all[i];
    return any == 0;
}

/* The line of those who want the word there. Without a branch, see struct wanted. */
INLINE const lane_anywhere *find_line(const struct topic_word_columns *columns,
                                      enum topic_part part, size_t place) {
    uintptr_t has = -(uintptr_t)topic_word_columns_have(columns, part, place);
    const uint64_t *line = columns->lines[topic_word_columns_seek(columns, part, place) & has];
    uintptr_t distance = ((uintptr_t)line - (uintptr_t)no_slots) & has;

    return (const lane_anywhere *)((uintptr_t)no_slots + distance);
}

/* Takes away who does not want that word in a column. */
INLINE void pass_column(const struct topic_line *any, const lane_anywhere *word, lane *lanes) {
    const lane *column = (const lane *)any;

    for (size_t i = 0; i < LANES; i++)
        lanes[i] &= column[i] | word[i];
}

INLINE bool keep_anchored(const struct topic_block *block, const struct numbered_key *key,
                          enum topic_part part, struct topic_line *alive) {
    const struct topic_ladder *any = &block->any[part];
    size_t words = key->key->count;
    size_t count = words < any->count ? words : any->count;

    for (size_t i = 0; i < count; i++) {
        size_t at = part == TOPIC_SUFFIX ? words - 1 - i : i;
        const struct topic_word_columns *columns = key->columns[key->numbers[at]];
        pass_column(&any->lines[i], find_line(columns, part, i), (lane *)alive);
        if (lanes_are_empty((const lane *)alive))
            return false;
    }
    return true;
}

/* Of `lanes`, those whose middle stands in the key at `from`. */
INLINE void pass_columns(const struct topic_line *any, const struct numbered_key *key,
                         const uintptr_t *wanted, size_t from, size_t count, lane *lanes) {
    const uint16_t *numbers = key->numbers + from;

    for (size_t at = 0; at < count;) {
        size_t stop = at + COLUMNS_AT_ONCE < count ? at + COLUMNS_AT_ONCE : count;
        for (; at < stop; at++, wanted += key->stride)
            pass_column(&any[at],
                        (const lane_anywhere *)((uintptr_t)no_slots + wanted[numbers[at]]), lanes);
        if (lanes_are_empty(lanes))
            return;
    }
}

INLINE void find_middles(const struct topic_block *block, const struct numbered_key *key,
                         const uintptr_t *wanted, struct topic_line *alive,
                         struct topic_line *matched) {
    const struct topic_ladder *any = &block->any[TOPIC_MIDDLE];
    lane *rest = (lane *)alive;
    lane *found = (lane *)matched;

    for (size_t from = 0; from <= key->key->count; from++) {
        size_t left = key->key->count - from;
        const lane *begins = (const lane *)topic_ladder_at(&block->begins, from);
        const lane *fits = (const lane *)topic_ladder_at(&block->left, left);
        lane lanes[LANES];
        for (size_t i = 0; i < LANES; i++)
            lanes[i] = rest[i] & begins[i] & fits[i];
        if (lanes_are_empty(lanes))
            continue;
        pass_columns(any->lines, key, wanted, from, left < any->count ? left : any->count, lanes);
        for (size_t i = 0; i < LANES; i++) {
            found[i] |= lanes[i];
            rest[i] &= ~lanes[i];
        }
    }
}

/*
 * The places where a part may begin as one word of bits, for all slots at once that are in one limb:
 * those behind the prefix, before what is needed for the rest, and where the words are.
 */
INLINE uint64_t find_few_in_limb(const struct topic_few *few, const struct topic_few_room *room,
                                 size_t limb, size_t word_count) {
    uint64_t found = 0;

    for (size_t bit = 0; bit < LIMB_BITS; bit++) {
        size_t slot = limb * LIMB_BITS + bit;
        uint64_t at = room->behind[few->before[slot]] & room->before[few->after[slot]];
        for (size_t i = 0; i < word_count; i++)
            at &= few->places[few->words[i][slot]] >> few->offsets[i][slot];
        found |= (uint64_t)(at != 0) << bit;
    }
    return found;
}

INLINE void find_few(const struct topic_few *few, const struct topic_few_room *room,
                     const struct topic_line *alive, struct topic_line *matched) {
    for (size_t limb = 0; limb < TOPIC_LINE_LIMBS; limb++) {
        if (alive->limbs[limb] == 0)
            continue;
        uint64_t found = few->word_count == FEWER_WORDS
                             ? find_few_in_limb(few, room, limb, FEWER_WORDS)
                             : find_few_in_limb(few, room, limb, TOPIC_FEW_WORDS);
        matched->limbs[limb] |= found & alive->limbs[limb];
    }
}

/* The same code for different processors. */
#define SEARCHER(name, ...)                                                                        \
    __VA_ARGS__ static bool keep_anchored_##name(const struct topic_block *block,                  \
                                                 const struct numbered_key *key,                   \
                                                 enum topic_part part, struct topic_line *alive) { \
        return keep_anchored(block, key, part, alive);                                             \
    }                                                                                              \
    __VA_ARGS__ static void find_middles_##name(                                                   \
        const struct topic_block *block, const struct numbered_key *key, const uintptr_t *wanted,  \
        struct topic_line *alive, struct topic_line *matched) {                                    \
        find_middles(block, key, wanted, alive, matched);                                          \
    }                                                                                              \
    __VA_ARGS__ static void find_few_##name(                                                       \
        const struct topic_few *few, const struct topic_few_room *room,                            \
        const struct topic_line *alive, struct topic_line *matched) {                              \
        find_few(few, room, alive, matched);                                                       \
    }                                                                                              \
    static const struct searcher searcher_##name = {keep_anchored_##name, find_middles_##name,     \
                                                    find_few_##name};

SEARCHER(plain)
#if defined(__x86_64__)
SEARCHER(avx2, __attribute__((target("avx2,bmi2,popcnt"))))
SEARCHER(avx512, __attribute__((target("avx512f,bmi2,popcnt"))))
#endif

static const struct searcher *best_searcher(void) {
#if defined(__x86_64__)
    bool has_both = __builtin_cpu_supports("popcnt") && __builtin_cpu_supports("bmi2");
    if (has_both && __builtin_cpu_supports("avx512f"))
        return &searcher_avx512;
    if (has_both && __builtin_cpu_supports("avx2"))
        return &searcher_avx2;
#endif
    return &searcher_plain;
}

/* -- One block --------------------------------------------------------------------------------- */

static void number_words(const struct topic_key *key, struct numbered_key *ret) {
    ret->key = key;
    ret->stride = key->known_count == 0 ? 1 : key->known_count;
    for (size_t i = 0; i < key->known_count; i++)
        key->known[i]->number = (uint16_t)i;
    for (size_t i = 0; i < key->count; i++)
        ret->numbers[i] = key->words[i] == NULL ? 0 : key->words[i]->number;
}

/* Number 0 is `*`, which no key has as a word that patterns know. */
static void find_columns(const struct topic_block *block, struct numbered_key *key) {
    key->columns[0] = &no_columns;
    for (size_t i = 1; i < key->stride; i++) {
        const struct topic_word_columns *found = topic_block_find_word(block, key->key->known[i]);
        key->columns[i] = found == NULL ? &no_columns : found;
    }
}

static void reserve_wanted(struct wanted *wanted, size_t count) {
    if (count <= wanted->capacity)
        return;
    free(wanted->lines);
    wanted->lines = xmalloc(count * sizeof wanted->lines[0]);
    wanted->capacity = count;
}

/* The places in one limb up to the last one that the key has the word in. */
static uint64_t useful_places(const struct topic_word_columns *columns, size_t limb, size_t limbs) {
    const uint64_t *in_key = columns->word->places.limbs;
    uint64_t places = columns->places[TOPIC_MIDDLE].limbs[limb];

    for (size_t i = limb + 1; i < limbs; i++) {
        if (in_key[i] != 0)
            return places;
    }
    return in_key[limb] == 0 ? 0 : places & UINT64_MAX >> __builtin_clzll(in_key[limb]);
}

/* Puts the lines of a word's middle where the search finds them: `step` apart by place. */
static void put_lines(const struct topic_word_columns *columns, size_t limbs, uintptr_t *wanted,
                      size_t step) {
    const uint64_t *const *line = columns->lines + columns->begins[TOPIC_MIDDLE];

    for (size_t limb = 0; limb < limbs; limb++) {
        uint64_t places = useful_places(columns, limb, limbs);
        for (; places != 0; places &= places - 1)
            wanted[(limb * LIMB_BITS + (size_t)__builtin_ctzll(places)) * step] =
                (uintptr_t)*line++ - (uintptr_t)no_slots;
    }
}

/* Who wants which of the key's words where in the middle. */
static void find_wanted(struct wanted *wanted, const struct topic_block *block,
                        const struct numbered_key *key) {
    size_t count = block->any[TOPIC_MIDDLE].count * key->stride;

    if (count == 0)
        return;
    reserve_wanted(wanted, count);
    memset(wanted->lines, 0, count * sizeof wanted->lines[0]);
    for (size_t number = 1; number < key->stride; number++) {
        if (key->columns[number] != &no_columns)
            put_lines(key->columns[number], key->key->limbs, wanted->lines + number, key->stride);
    }
}

static void measure_room(size_t words, struct topic_few_room *ret) {
    for (size_t i = 0; i <= UINT8_MAX; i++) {
        ret->behind[i] = i < LIMB_BITS ? UINT64_MAX << i : 0;
        ret->before[i] = i == 0 || i > words ? 0 : UINT64_MAX >> (LIMB_BITS - 1 - (words - i));
    }
}

/* In the block's places: where the key has which word, or nowhere again. */
static void place_words(const struct topic_few *few, const struct numbered_key *key,
                        bool is_there) {
    for (size_t i = 1; i < key->stride; i++) {
        uint16_t number = key->columns[i]->number;
        if (number != 0)
            few->places[number] = is_there ? key->columns[i]->word->places.limbs[0] : 0;
    }
}

static void find_few_middles(const struct topic_columns *columns, const struct topic_block *block,
                             const struct numbered_key *key, const struct topic_line *alive,
                             struct topic_line *matched) {
    place_words(block->few, key, true);
    columns->searcher->find_few(block->few, &columns->room, alive, matched);
    place_words(block->few, key, false);
}

/* Each destination once: the others who lead there are left out. */
static void route_to_slots(const struct topic_block *block, struct topic_line *slots,
                           struct route *route) {
    for (size_t limb = 0; limb < TOPIC_LINE_LIMBS; limb++) {
        while (slots->limbs[limb] != 0) {
            size_t at = limb * LIMB_BITS + (size_t)__builtin_ctzll(slots->limbs[limb]);
            const struct topic_line *same = block->slots[at].destination->slots;
            route_to_binding(route, block->slots[at].binding);
            for (size_t i = limb; i < TOPIC_LINE_LIMBS; i++)
                slots->limbs[i] &= ~same->limbs[i];
        }
    }
}

static void route_by_block(struct topic_columns *columns, const struct topic_block *block,
                           struct numbered_key *key, struct route *route) {
    struct topic_line alive = block->used;
    struct topic_line matched = {{0}};

    find_columns(block, key);
    if (!columns->searcher->keep_anchored(block, key, TOPIC_PREFIX, &alive) ||
        !columns->searcher->keep_anchored(block, key, TOPIC_SUFFIX, &alive))
        return;
    if (block->few != NULL && key->key->count <= LIMB_BITS) {
        find_few_middles(columns, block, key, &alive, &matched);
    } else {
        find_wanted(&columns->wanted, block, key);
        columns->searcher->find_middles(block, key, columns->wanted.lines, &alive, &matched);
    }
    route_to_slots(block, &matched, route);
}

size_t topic_columns_route(struct topic_columns *columns, const struct topic_key *key,
                           struct route *route) {
    struct numbered_key numbered;

    number_words(key, &numbered);
    if (key->count <= LIMB_BITS)
        measure_room(key->count, &columns->room);
    LIST_FOR_EACH(&columns->blocks, at)
    route_by_block(columns, LIST_ITEM(at, struct topic_block, link), &numbered, route);
    return columns->block_count * WORK_OF_A_BLOCK;
}

/* -- Bindings ---------------------------------------------------------------------------------- */

static size_t few_words_of(size_t class) {
    if (class < LONG_CLASSES)
        return 0;
    return class == LONG_CLASSES ? FEWER_WORDS : TOPIC_FEW_WORDS;
}

static struct topic_block *get_open_block(struct topic_columns *columns, size_t class) {
    struct topic_block *block;

    if (!list_is_empty(&columns->open[class]))
        return LIST_ITEM(list_first(&columns->open[class]), struct topic_block, open_link);
    block = topic_block_create(few_words_of(class));
    list_append(&columns->blocks, &block->link);
    list_append(&columns->open[class], &block->open_link);
    columns->block_count++;
    return block;
}

static size_t class_of(const struct topic_pattern *pattern) {
    size_t length = pattern->counts[TOPIC_MIDDLE];
    size_t words = topic_pattern_middle_words(pattern);

    if (length > 0 && length <= LIMB_BITS && words <= TOPIC_FEW_WORDS)
        return words <= FEWER_WORDS ? LONG_CLASSES : LONG_CLASSES + 1;
    return (length + MIDDLES_TOGETHER - 1) / MIDDLES_TOGETHER;
}

void topic_columns_add(struct topic_columns *columns, struct binding *binding) {
    struct topic_pattern pattern;
    struct topic_block *block;

    topic_pattern_read(columns->trie, binding->binding_key, &pattern);
    block = get_open_block(columns, class_of(&pattern));
    binding->type_slot = (uint32_t)topic_block_add(block, &pattern, binding);
    binding->type_block = block;
    columns->slot_count++;
    if (topic_block_is_full(block))
        list_remove(&block->open_link);
}

void topic_columns_remove(struct topic_columns *columns, struct binding *binding) {
    struct topic_block *block = binding->type_block;
    struct topic_pattern pattern;

    topic_pattern_read(columns->trie, binding->binding_key, &pattern);
    if (topic_block_is_full(block))
        list_append(&columns->open[class_of(&pattern)], &block->open_link);
    topic_block_remove(block, &pattern, binding->type_slot);
    binding->type_block = NULL;
    columns->slot_count--;
    if (block->slot_count > 0)
        return;
    list_remove(&block->link);
    list_remove(&block->open_link);
    columns->block_count--;
    topic_block_destroy(block);
}

bool topic_columns_are_sparse(const struct topic_columns *columns) {
    return columns->slot_count == 0 ||
           (columns->block_count > 2 * CLASSES &&
            columns->slot_count < columns->block_count * TOPIC_BLOCK_SLOTS / SPARSE_PART);
}

/* -- Life -------------------------------------------------------------------------------------- */

struct topic_columns *topic_columns_create(const struct topic_trie *trie) {
    struct topic_columns *columns = xcalloc(1, sizeof *columns);

    columns->trie = trie;
    columns->searcher = best_searcher();
    list_init(&columns->blocks);
    for (size_t i = 0; i < CLASSES; i++)
        list_init(&columns->open[i]);
    return columns;
}

void topic_columns_destroy(struct topic_columns *columns) {
    if (columns == NULL)
        return;
    LIST_FOR_EACH_SAFE(&columns->blocks, at)
    topic_block_destroy(LIST_ITEM(at, struct topic_block, link));
    free(columns->wanted.lines);
    free(columns);
}
