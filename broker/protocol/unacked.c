/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Invariants: the ring is ordered by delivery tag; its first slot, if any is used, holds a record and
 * not a hole; `count` records among `used` slots. While no squeeze has happened since the ring was
 * last empty the slot of a tag is its distance from the first tag; afterwards it is at most that far,
 * so the search looks there first and then halves what lies before.
 */
#include "broker/protocol/unacked.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/entities/message.h"

#define CAPACITY_MIN 16u
/* Squeeze when there are this many holes and more holes than records. */
#define HOLES_MIN 64u
/* A larger ring is given back when it runs empty. */
#define IDLE_CAPACITY_MAX 4096u

void unacked_init(struct unacked_list *list) {
    *list = (struct unacked_list){0};
}

void unacked_clear(struct unacked_list *list) {
    assert(list->count == 0);
    free(list->ring);
    unacked_init(list);
}

static struct unacked *slot(const struct unacked_list *list, uint32_t index) {
    return &list->ring[(list->first + index) & (list->capacity - 1)];
}

static bool is_hole(const struct unacked *record) {
    return record->entry.message == NULL;
}

/* Moves the records, in order and without holes, into a ring of `capacity`. */
static void rebuild(struct unacked_list *list, uint32_t capacity, bool keep_holes) {
    struct unacked *ring = xmalloc(capacity * sizeof *ring);
    uint32_t used = 0;
    for (uint32_t i = 0; i < list->used; i++)
        if (keep_holes || !is_hole(slot(list, i)))
            ring[used++] = *slot(list, i);
    free(list->ring);
    list->ring = ring;
    list->capacity = capacity;
    list->first = 0;
    list->used = used;
}

static void make_room(struct unacked_list *list) {
    if (list->used < list->capacity)
        return;
    uint32_t holes = list->used - list->count;
    if (holes >= HOLES_MIN && holes > list->count)
        rebuild(list, list->capacity, false);
    else
        rebuild(list, list->capacity == 0 ? CAPACITY_MIN : list->capacity * 2, true);
}

void unacked_add(struct unacked_list *list, const struct unacked *record) {
    make_room(list);
    *slot(list, list->used++) = *record;
    list->count++;
}

/* Index of the first slot whose tag is not below `delivery_tag`; `used` when there is none. */
static uint32_t lower_bound(const struct unacked_list *list, uint64_t delivery_tag) {
    if (list->used == 0 || slot(list, 0)->delivery_tag >= delivery_tag)
        return 0;
    uint64_t distance = delivery_tag - slot(list, 0)->delivery_tag;
    uint32_t high = distance < list->used ? (uint32_t)distance : list->used;
    if (high < list->used && slot(list, high)->delivery_tag == delivery_tag)
        return high;
    uint32_t low = 0;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (slot(list, middle)->delivery_tag < delivery_tag)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct unacked *unacked_find(struct unacked_list *list, uint64_t delivery_tag) {
    uint32_t index = lower_bound(list, delivery_tag);
    if (index == list->used)
        return NULL;
    struct unacked *record = slot(list, index);
    return record->delivery_tag == delivery_tag && !is_hole(record) ? record : NULL;
}

struct unacked *unacked_find_of(struct unacked_list *list,
                                const struct channel_consumer *consumer) {
    for (uint32_t i = 0; i < list->used; i++) {
        if (!is_hole(slot(list, i)) && slot(list, i)->consumer == consumer)
            return slot(list, i);
    }
    return NULL;
}

uint32_t unacked_detach(struct unacked_list *list, const struct channel_consumer *consumer,
                        int64_t until_ms, struct unacked *ret_records) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < list->used; i++) {
        struct unacked *record = slot(list, i);
        if (is_hole(record) || record->consumer != consumer || record->delivered_ms > until_ms)
            continue;
        ret_records[count++] = *record;
        message_ref(record->entry.message);
        record->queue = NULL;
        record->consumer = NULL;
    }
    return count;
}

struct unacked *unacked_next_timed_get(const struct unacked_list *list, uint32_t *at) {
    while (*at < list->used) {
        struct unacked *record = slot(list, (*at)++);
        if (!is_hole(record) && record->consumer == NULL && record->queue != NULL &&
            record->delivered_ms > 0)
            return record;
    }
    return NULL;
}

static void reset_when_empty(struct unacked_list *list) {
    if (list->count > 0)
        return;
    list->first = 0;
    list->used = 0;
    if (list->capacity > IDLE_CAPACITY_MAX) {
        free(list->ring);
        unacked_init(list);
    }
}

static void drop_leading_holes(struct unacked_list *list) {
    while (list->used > 0 && is_hole(slot(list, 0))) {
        list->first = (list->first + 1) & (list->capacity - 1);
        list->used--;
    }
    reset_when_empty(list);
}

bool unacked_take(struct unacked_list *list, uint64_t delivery_tag, struct unacked *ret_record) {
    struct unacked *record = unacked_find(list, delivery_tag);
    if (record == NULL)
        return false;
    *ret_record = *record;
    record->entry.message = NULL;
    list->count--;
    drop_leading_holes(list);
    return true;
}

bool unacked_take_first(struct unacked_list *list, struct unacked *ret_record) {
    if (list->count == 0)
        return false;
    return unacked_take(list, slot(list, 0)->delivery_tag, ret_record);
}

void unacked_restore(struct unacked_list *list, const struct unacked *record) {
    unacked_add(list, record);
}

static int compare_tags(const void *left, const void *right) {
    uint64_t a = ((const struct unacked *)left)->delivery_tag;
    uint64_t b = ((const struct unacked *)right)->delivery_tag;
    return (a > b) - (a < b);
}

/* Without holes: some of them are those that the restored records had left. */
void unacked_sort(struct unacked_list *list) {
    if (list->count == 0)
        return;
    rebuild(list, list->capacity, false);
    qsort(list->ring, list->used, sizeof *list->ring, compare_tags);
}

uint64_t unacked_first_tag(const struct unacked_list *list) {
    return list->count == 0 ? 0 : slot(list, 0)->delivery_tag;
}
