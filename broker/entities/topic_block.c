/* SPDX-License-Identifier: Apache-2.0 */
/* Keeping the lines of a block as bindings come and go. */
#include "broker/entities/topic_block.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/entities/binding.h"

/* -- Lines ------------------------------------------------------------------------------------- */

static struct topic_line *create_lines(size_t count) {
    struct topic_line *lines = xalloc_aligned(TOPIC_LINE_ALIGNMENT, count * sizeof *lines);

    memset(lines, 0, count * sizeof *lines);
    return lines;
}

/*
 * Lines with one slot, for all blocks: most words of most patterns need no more. Such a line begins
 * in one of these as many limbs before the bit as its slot has it.
 */
struct lines_of_one {
    uint64_t limbs[2 * TOPIC_LINE_LIMBS - 1];
};

/* clang-format off */
#define ONE(bit)   {{[TOPIC_LINE_LIMBS - 1] = UINT64_C(1) << (bit)}}
#define EIGHT(bit) ONE(bit), ONE((bit) + 1), ONE((bit) + 2), ONE((bit) + 3), \
                   ONE((bit) + 4), ONE((bit) + 5), ONE((bit) + 6), ONE((bit) + 7)

static const struct lines_of_one lines_of_one[LIMB_BITS] = {
    EIGHT(0), EIGHT(8), EIGHT(16), EIGHT(24), EIGHT(32), EIGHT(40), EIGHT(48), EIGHT(56)};
/* clang-format on */

static const uint64_t *line_of_one(size_t slot) {
    return lines_of_one[slot % LIMB_BITS].limbs + (TOPIC_LINE_LIMBS - 1 - slot / LIMB_BITS);
}

static size_t first_slot(const uint64_t *limbs) {
    size_t limb = 0;

    while (limbs[limb] == 0)
        limb++;
    return limb * LIMB_BITS + (size_t)__builtin_ctzll(limbs[limb]);
}

/* -- Ladders ----------------------------------------------------------------------------------- */

static void ladder_reserve(struct topic_ladder *ladder, size_t count) {
    struct topic_line *lines;

    if (count <= ladder->capacity)
        return;
    ladder->capacity = count < 2 * ladder->capacity ? 2 * ladder->capacity : count;
    lines = create_lines(ladder->capacity);
    if (ladder->count > 0)
        memcpy(lines, ladder->lines, ladder->count * sizeof *lines);
    free(ladder->lines);
    ladder->lines = lines;
}

/* From here on there is a line of its own for everything below `count`. */
static void ladder_grow(struct topic_ladder *ladder, size_t count) {
    ladder_reserve(ladder, count);
    for (; ladder->count < count; ladder->count++)
        ladder->lines[ladder->count] = ladder->beyond;
}

static void ladder_set(struct topic_ladder *ladder, size_t index, size_t slot) {
    ladder_grow(ladder, index + 1);
    topic_line_set(&ladder->lines[index], slot);
}

/* In all lines from `index` on. */
static void ladder_set_from(struct topic_ladder *ladder, size_t index, size_t slot) {
    ladder_grow(ladder, index);
    for (size_t i = index; i < ladder->count; i++)
        topic_line_set(&ladder->lines[i], slot);
    topic_line_set(&ladder->beyond, slot);
}

static void ladder_clear(struct topic_ladder *ladder, size_t slot) {
    for (size_t i = 0; i < ladder->count; i++)
        topic_line_clear(&ladder->lines[i], slot);
    topic_line_clear(&ladder->beyond, slot);
}

/* -- Patterns ---------------------------------------------------------------------------------- */

void topic_pattern_read(const struct topic_trie *trie, struct slice binding_key,
                        struct topic_pattern *ret_pattern) {
    struct word_iterator iterator = words_begin(binding_key);
    size_t hashes[2];
    size_t hash_count = 0;
    size_t count = 0;
    struct slice text;

    while (words_next(&iterator, &text)) {
        if (!slice_equal(text, SLICE("#"))) {
            ret_pattern->words[count++] =
                slice_equal(text, SLICE("*")) ? trie->any_word : topic_trie_find_word(trie, text);
            continue;
        }
        assert(hash_count < 2);
        hashes[hash_count++] = count;
    }
    size_t prefix_end = hash_count == 0 ? count : hashes[0];
    size_t suffix_begin = hash_count == 0 ? count : hashes[hash_count - 1];
    ret_pattern->any_word = trie->any_word;
    ret_pattern->is_exact = hash_count == 0;
    ret_pattern->begins[TOPIC_PREFIX] = 0;
    ret_pattern->counts[TOPIC_PREFIX] = prefix_end;
    ret_pattern->begins[TOPIC_MIDDLE] = prefix_end;
    ret_pattern->counts[TOPIC_MIDDLE] = suffix_begin - prefix_end;
    ret_pattern->begins[TOPIC_SUFFIX] = suffix_begin;
    ret_pattern->counts[TOPIC_SUFFIX] = count - suffix_begin;
}

static const struct topic_word *pattern_word(const struct topic_pattern *pattern,
                                             enum topic_part part, size_t place) {
    size_t count = pattern->counts[part];
    size_t at = part == TOPIC_SUFFIX ? count - 1 - place : place;

    return pattern->words[pattern->begins[part] + at];
}

size_t topic_pattern_middle_words(const struct topic_pattern *pattern) {
    size_t count = 0;

    for (size_t i = 0; i < pattern->counts[TOPIC_MIDDLE]; i++)
        count += pattern_word(pattern, TOPIC_MIDDLE, i) != pattern->any_word;
    return count;
}

/* -- Middles of few words ---------------------------------------------------------------------- */

static struct topic_few *few_create(size_t word_count) {
    struct topic_few *few = xcalloc(1, sizeof *few);

    few->word_count = word_count;
    few->capacity = LIMB_BITS;
    few->places = xcalloc(few->capacity, sizeof few->places[0]);
    few->free_numbers = xcalloc(few->capacity, sizeof few->free_numbers[0]);
    few->places[0] = UINT64_MAX;
    few->number_count = 1;
    return few;
}

static void few_destroy(struct topic_few *few) {
    if (few == NULL)
        return;
    free(few->places);
    free(few->free_numbers);
    free(few);
}

_Static_assert(TOPIC_BLOCK_SLOTS *TOPIC_FEW_WORDS < UINT16_MAX, "there is always a number");

static uint16_t take_number(struct topic_few *few) {
    if (few->free_count > 0)
        return few->free_numbers[--few->free_count];
    if (few->number_count == few->capacity) {
        few->capacity *= 2;
        few->places = xrealloc(few->places, few->capacity * sizeof few->places[0]);
        few->free_numbers =
            xrealloc(few->free_numbers, few->capacity * sizeof few->free_numbers[0]);
    }
    few->places[few->number_count] = 0;
    return (uint16_t)few->number_count++;
}

static void give_number(struct topic_few *few, struct topic_word_columns *columns) {
    few->free_numbers[few->free_count++] = columns->number;
    columns->number = 0;
}

/* -- Words ------------------------------------------------------------------------------------- */

static unsigned hash_pointer(const void *pointer) {
    return (unsigned)((uintptr_t)pointer * UINT64_C(0x9e3779b97f4a7c15) >> 32);
}

static struct topic_word_columns *find_word(const struct topic_block *block,
                                            const struct topic_word *word) {
    struct topic_word_columns *found;

    HASH_FIND_BYHASHVALUE(by_word, block->words, &word, sizeof word, hash_pointer(word), found);
    return found;
}

const struct topic_word_columns *topic_block_find_word(const struct topic_block *block,
                                                       const struct topic_word *word) {
    return find_word(block, word);
}

static struct topic_word_columns *get_word(struct topic_block *block,
                                           const struct topic_word *word) {
    struct topic_word_columns *columns = find_word(block, word);

    if (columns != NULL)
        return columns;
    columns = xcalloc(1, sizeof *columns);
    columns->word = word;
    HASH_ADD_BYHASHVALUE(by_word, block->words, word, sizeof columns->word, hash_pointer(word),
                         columns);
    return columns;
}

static void reserve_columns(struct topic_word_columns *columns) {
    if (columns->begins[TOPIC_PARTS] < columns->capacity)
        return;
    columns->capacity = columns->capacity == 0 ? 1 : 2 * columns->capacity;
    columns->lines = xrealloc(columns->lines, columns->capacity * sizeof columns->lines[0]);
    columns->slot_counts =
        xrealloc(columns->slot_counts, columns->capacity * sizeof columns->slot_counts[0]);
}

static void insert_column(struct topic_word_columns *columns, enum topic_part part, size_t place,
                          const uint64_t *line) {
    size_t at = topic_word_columns_seek(columns, part, place);
    size_t behind = columns->begins[TOPIC_PARTS] - at;

    reserve_columns(columns);
    memmove(columns->lines + at + 1, columns->lines + at, behind * sizeof columns->lines[0]);
    memmove(columns->slot_counts + at + 1, columns->slot_counts + at,
            behind * sizeof columns->slot_counts[0]);
    columns->lines[at] = line;
    columns->slot_counts[at] = 1;
    columns->places[part].limbs[place / LIMB_BITS] |= UINT64_C(1) << place % LIMB_BITS;
    for (int i = (int)part + 1; i <= TOPIC_PARTS; i++)
        columns->begins[i]++;
}

static void delete_column(struct topic_word_columns *columns, enum topic_part part, size_t place) {
    size_t at = topic_word_columns_seek(columns, part, place);
    size_t behind = columns->begins[TOPIC_PARTS] - at - 1;

    memmove(columns->lines + at, columns->lines + at + 1, behind * sizeof columns->lines[0]);
    memmove(columns->slot_counts + at, columns->slot_counts + at + 1,
            behind * sizeof columns->slot_counts[0]);
    columns->places[part].limbs[place / LIMB_BITS] &= ~(UINT64_C(1) << place % LIMB_BITS);
    for (int i = (int)part + 1; i <= TOPIC_PARTS; i++)
        columns->begins[i]--;
}

/* The line is not shared: one of create_lines(). */
static struct topic_line *own_line(const struct topic_word_columns *columns, size_t at) {
    assert(columns->slot_counts[at] > 1);
    return (struct topic_line *)(uintptr_t)columns->lines[at];
}

/* A line of its own when a second slot comes, and none again when it goes. */
static void column_set(struct topic_word_columns *columns, size_t at, size_t slot) {
    if (columns->slot_counts[at]++ == 1) {
        struct topic_line *line = create_lines(1);
        topic_line_set(line, first_slot(columns->lines[at]));
        columns->lines[at] = line->limbs;
    }
    topic_line_set(own_line(columns, at), slot);
}

static void column_clear(struct topic_word_columns *columns, size_t at, size_t slot) {
    struct topic_line *line = own_line(columns, at);

    topic_line_clear(line, slot);
    if (--columns->slot_counts[at] > 1)
        return;
    columns->lines[at] = line_of_one(first_slot(line->limbs));
    free(line);
}

static void want_word(struct topic_block *block, const struct topic_word *word,
                      enum topic_part part, size_t place, size_t slot) {
    struct topic_word_columns *columns = get_word(block, word);

    if (topic_word_columns_have(columns, part, place))
        column_set(columns, topic_word_columns_seek(columns, part, place), slot);
    else
        insert_column(columns, part, place, line_of_one(slot));
    if (block->few != NULL && part == TOPIC_MIDDLE && columns->number == 0)
        columns->number = take_number(block->few);
}

static void free_word(struct topic_block *block, struct topic_word_columns *columns) {
    HASH_DELETE(by_word, block->words, columns);
    free(columns->lines);
    free(columns->slot_counts);
    free(columns);
}

static void unwant_word(struct topic_block *block, const struct topic_word *word,
                        enum topic_part part, size_t place, size_t slot) {
    struct topic_word_columns *columns = find_word(block, word);
    size_t at = topic_word_columns_seek(columns, part, place);

    if (columns->slot_counts[at] > 1) {
        column_clear(columns, at, slot);
        return;
    }
    delete_column(columns, part, place);
    if (columns->number != 0 && columns->begins[TOPIC_MIDDLE] == columns->begins[TOPIC_MIDDLE + 1])
        give_number(block->few, columns);
    if (columns->begins[TOPIC_PARTS] == 0)
        free_word(block, columns);
}

/* -- Destinations ------------------------------------------------------------------------------ */

static const void *place_of(const struct binding *binding) {
    return binding->destination.queue != NULL ? (const void *)binding->destination.queue
                                              : (const void *)binding->destination.exchange;
}

static struct topic_destination *get_destination(struct topic_block *block,
                                                 const struct binding *binding) {
    const void *place = place_of(binding);
    struct topic_destination *found;

    HASH_FIND_BYHASHVALUE(by_place, block->destinations, &place, sizeof place, hash_pointer(place),
                          found);
    if (found != NULL)
        return found;
    found = xcalloc(1, sizeof *found);
    found->place = place;
    found->slots = create_lines(1);
    HASH_ADD_BYHASHVALUE(by_place, block->destinations, place, sizeof found->place,
                         hash_pointer(place), found);
    return found;
}

static void release_destination(struct topic_block *block, struct topic_destination *destination,
                                size_t slot) {
    topic_line_clear(destination->slots, slot);
    if (--destination->slot_count > 0)
        return;
    HASH_DELETE(by_place, block->destinations, destination);
    free(destination->slots);
    free(destination);
}

/* -- Slots ------------------------------------------------------------------------------------- */

static size_t find_free_slot(const struct topic_block *block) {
    size_t limb = 0;

    while (block->used.limbs[limb] == UINT64_MAX)
        limb++;
    return limb * LIMB_BITS + (size_t)__builtin_ctzll(~block->used.limbs[limb]);
}

static void add_part(struct topic_block *block, const struct topic_pattern *pattern,
                     enum topic_part part, size_t slot) {
    ladder_set_from(&block->any[part], pattern->counts[part], slot);
    for (size_t i = 0; i < pattern->counts[part]; i++) {
        const struct topic_word *word = pattern_word(pattern, part, i);
        if (word == pattern->any_word)
            ladder_set(&block->any[part], i, slot);
        else
            want_word(block, word, part, i, slot);
    }
}

static void remove_part(struct topic_block *block, const struct topic_pattern *pattern,
                        enum topic_part part, size_t slot) {
    ladder_clear(&block->any[part], slot);
    for (size_t i = 0; i < pattern->counts[part]; i++) {
        const struct topic_word *word = pattern_word(pattern, part, i);
        if (word != pattern->any_word)
            unwant_word(block, word, part, i, slot);
    }
}

/* Without `#` the prefix must be the whole key: there is one place for what follows, and no word left. */
static void add_bounds(struct topic_block *block, const struct topic_pattern *pattern,
                       size_t slot) {
    size_t prefix_count = pattern->counts[TOPIC_PREFIX];

    if (pattern->is_exact) {
        ladder_set(&block->begins, prefix_count, slot);
        ladder_set(&block->left, 0, slot);
        return;
    }
    ladder_set_from(&block->begins, prefix_count, slot);
    ladder_set_from(&block->left, pattern->counts[TOPIC_MIDDLE] + pattern->counts[TOPIC_SUFFIX],
                    slot);
}

/* After its words have their numbers. */
static void add_few(struct topic_block *block, const struct topic_pattern *pattern, size_t slot) {
    struct topic_few *few = block->few;
    size_t count = 0;

    for (size_t i = 0; i < pattern->counts[TOPIC_MIDDLE]; i++) {
        const struct topic_word *word = pattern_word(pattern, TOPIC_MIDDLE, i);
        if (word == pattern->any_word)
            continue;
        few->words[count][slot] = find_word(block, word)->number;
        few->offsets[count++][slot] = (uint8_t)i;
    }
    for (; count < TOPIC_FEW_WORDS; count++)
        few->words[count][slot] = 0;
    few->before[slot] = (uint8_t)pattern->counts[TOPIC_PREFIX];
    few->after[slot] = (uint8_t)(pattern->counts[TOPIC_MIDDLE] + pattern->counts[TOPIC_SUFFIX]);
}

size_t topic_block_add(struct topic_block *block, const struct topic_pattern *pattern,
                       struct binding *binding) {
    size_t slot = find_free_slot(block);
    struct topic_destination *destination = get_destination(block, binding);

    topic_line_set(&block->used, slot);
    block->slot_count++;
    topic_line_set(destination->slots, slot);
    destination->slot_count++;
    block->slots[slot] = (struct topic_slot){binding, destination};
    for (enum topic_part part = TOPIC_PREFIX; part < TOPIC_PARTS; part++)
        add_part(block, pattern, part, slot);
    add_bounds(block, pattern, slot);
    if (block->few != NULL)
        add_few(block, pattern, slot);
    return slot;
}

void topic_block_remove(struct topic_block *block, const struct topic_pattern *pattern,
                        size_t slot) {
    for (enum topic_part part = TOPIC_PREFIX; part < TOPIC_PARTS; part++)
        remove_part(block, pattern, part, slot);
    ladder_clear(&block->begins, slot);
    ladder_clear(&block->left, slot);
    release_destination(block, block->slots[slot].destination, slot);
    block->slots[slot] = (struct topic_slot){NULL, NULL};
    topic_line_clear(&block->used, slot);
    block->slot_count--;
}

/* -- Life -------------------------------------------------------------------------------------- */

struct topic_block *topic_block_create(size_t few_words) {
    struct topic_block *block = xalloc_aligned(TOPIC_LINE_ALIGNMENT, sizeof *block);

    memset(block, 0, sizeof *block);
    block->few = few_words == 0 ? NULL : few_create(few_words);
    return block;
}

static void destroy_words(struct topic_block *block) {
    struct topic_word_columns *columns, *next;

    MAP_FOR_EACH(block->words, by_word, columns, next) {
        for (size_t i = 0; i < columns->begins[TOPIC_PARTS]; i++) {
            if (columns->slot_counts[i] > 1)
                free(own_line(columns, i));
        }
        free_word(block, columns);
    }
}

static void destroy_destinations(struct topic_block *block) {
    struct topic_destination *destination, *next;

    MAP_FOR_EACH(block->destinations, by_place, destination, next) {
        HASH_DELETE(by_place, block->destinations, destination);
        free(destination->slots);
        free(destination);
    }
}

void topic_block_destroy(struct topic_block *block) {
    destroy_words(block);
    destroy_destinations(block);
    for (enum topic_part part = TOPIC_PREFIX; part < TOPIC_PARTS; part++)
        free(block->any[part].lines);
    free(block->begins.lines);
    free(block->left.lines);
    few_destroy(block->few);
    free(block);
}
