/* SPDX-License-Identifier: Apache-2.0 */
/* Pages of bits and the two hash tables that find them. */
#include "persistence/live_set.h"

#include <assert.h>
#include <stdlib.h>

#include "persistence/octets.h"

struct pair_slot {
    uint64_t first;
    uint64_t second;
    void *value; /* NULL: free */
};

static size_t home_of(const struct pair_map *map, uint64_t first, uint64_t second) {
    uint64_t mixed = first * UINT64_C(0x9e3779b97f4a7c15) ^ second;

    mixed ^= mixed >> 32;
    mixed *= UINT64_C(0xd6e8feb86659fd93);
    mixed ^= mixed >> 32;
    return (size_t)mixed & (map->capacity - 1);
}

/* The slot of the pair, or the free one where it would go. The table is never full. */
static struct pair_slot *find_slot(const struct pair_map *map, uint64_t first, uint64_t second) {
    size_t at = home_of(map, first, second);

    while (map->slots[at].value != NULL &&
           (map->slots[at].first != first || map->slots[at].second != second))
        at = (at + 1) & (map->capacity - 1);
    return &map->slots[at];
}

static void *pair_map_find(const struct pair_map *map, uint64_t first, uint64_t second) {
    return map->capacity == 0 ? NULL : find_slot(map, first, second)->value;
}

static void pair_map_grow(struct pair_map *map) {
    struct pair_map old = *map;

    map->capacity = old.capacity == 0 ? 16 : old.capacity * 2;
    map->slots = journal_allocate(map->capacity, sizeof *map->slots);
    for (size_t i = 0; i < old.capacity; i++)
        if (old.slots[i].value != NULL)
            *find_slot(map, old.slots[i].first, old.slots[i].second) = old.slots[i];
    free(old.slots);
}

static void pair_map_add(struct pair_map *map, uint64_t first, uint64_t second, void *value) {
    if (map->count + 1 > map->capacity / 2)
        pair_map_grow(map);
    *find_slot(map, first, second) = (struct pair_slot){first, second, value};
    map->count++;
}

/* Closes the gap: what follows moves up unless it is at home between the gap and its place. */
static void pair_map_remove(struct pair_map *map, uint64_t first, uint64_t second) {
    struct pair_slot *slot = find_slot(map, first, second);
    size_t mask = map->capacity - 1;
    size_t gap = (size_t)(slot - map->slots);

    map->count--;
    for (size_t at = (gap + 1) & mask; map->slots[at].value != NULL; at = (at + 1) & mask) {
        size_t home = home_of(map, map->slots[at].first, map->slots[at].second);

        if (((at - home) & mask) >= ((at - gap) & mask)) {
            map->slots[gap] = map->slots[at];
            gap = at;
        }
    }
    map->slots[gap].value = NULL;
}

static void pair_map_clear(struct pair_map *map) {
    for (size_t i = 0; i < map->capacity; i++)
        free(map->slots[i].value);
    free(map->slots);
    *map = (struct pair_map){0};
}

void live_set_clear(struct live_set *set) {
    pair_map_clear(&set->pages);
    pair_map_clear(&set->queues);
    *set = (struct live_set){0};
}

static struct live_queue *get_queue(struct live_set *set, uint64_t queue_id) {
    struct live_queue *queue = pair_map_find(&set->queues, queue_id, 0);

    if (queue == NULL) {
        queue = journal_allocate(1, sizeof *queue);
        queue->id = queue_id;
        pair_map_add(&set->queues, queue_id, 0, queue);
        walk_list_append(&set->queue_list, &queue->link);
    }
    return queue;
}

static struct live_page *find_page(struct live_set *set, uint64_t queue_id, uint64_t number) {
    struct live_page *page = set->last_page;

    if (page != NULL && page->queue_id == queue_id && page->number == number)
        return page;
    page = pair_map_find(&set->pages, queue_id, number);
    if (page != NULL)
        set->last_page = page;
    return page;
}

static struct live_page *get_page(struct live_set *set, uint64_t queue_id, uint64_t number) {
    struct live_page *page = find_page(set, queue_id, number);
    struct live_queue *queue;

    if (page != NULL)
        return page;
    queue = get_queue(set, queue_id);
    page = journal_allocate(1, sizeof *page);
    page->queue_id = queue_id;
    page->number = number;
    page->next = queue->pages;
    if (queue->pages != NULL)
        queue->pages->previous = page;
    queue->pages = page;
    pair_map_add(&set->pages, queue_id, number, page);
    walk_list_append(&set->page_list, &page->link);
    return set->last_page = page;
}

static void drop_page(struct live_set *set, struct live_page *page) {
    if (page->previous != NULL)
        page->previous->next = page->next;
    else
        get_queue(set, page->queue_id)->pages = page->next;
    if (page->next != NULL)
        page->next->previous = page->previous;
    pair_map_remove(&set->pages, page->queue_id, page->number);
    walk_list_remove(&set->page_list, &page->link);
    if (set->last_page == page)
        set->last_page = NULL;
    free(page);
}

static uint8_t *octet_of(struct live_page *page, uint64_t sequence) {
    return &page->bits[sequence % LIVE_PAGE_SEQUENCES / 8];
}

static uint8_t bit_of(uint64_t sequence) {
    return (uint8_t)(1u << (sequence % 8));
}

void live_set_add(struct live_set *set, uint64_t queue_id, uint64_t sequence) {
    struct live_page *page = get_page(set, queue_id, sequence / LIVE_PAGE_SEQUENCES);
    uint8_t *octet = octet_of(page, sequence);

    if ((*octet & bit_of(sequence)) == 0)
        page->population++;
    *octet |= bit_of(sequence);
    live_set_raise(set, queue_id, sequence);
}

bool live_set_contains(struct live_set *set, uint64_t queue_id, uint64_t sequence) {
    struct live_page *page = find_page(set, queue_id, sequence / LIVE_PAGE_SEQUENCES);

    return page != NULL && (*octet_of(page, sequence) & bit_of(sequence)) != 0;
}

bool live_set_remove(struct live_set *set, uint64_t queue_id, uint64_t sequence) {
    struct live_page *page = find_page(set, queue_id, sequence / LIVE_PAGE_SEQUENCES);

    if (page == NULL || (*octet_of(page, sequence) & bit_of(sequence)) == 0)
        return false;
    *octet_of(page, sequence) &= (uint8_t)~bit_of(sequence);
    if (--page->population == 0)
        drop_page(set, page);
    return true;
}

void live_set_remove_range(struct live_set *set, uint64_t queue_id, uint64_t first,
                           uint64_t count) {
    while (count > 0) {
        uint64_t in_page = LIVE_PAGE_SEQUENCES - first % LIVE_PAGE_SEQUENCES;
        uint64_t here = count < in_page ? count : in_page;

        if (find_page(set, queue_id, first / LIVE_PAGE_SEQUENCES) != NULL)
            for (uint64_t i = 0; i < here; i++)
                live_set_remove(set, queue_id, first + i);
        first += here;
        count -= here;
    }
}

void live_set_remove_queue(struct live_set *set, uint64_t queue_id) {
    struct live_queue *queue = pair_map_find(&set->queues, queue_id, 0);

    if (queue == NULL)
        return;
    while (queue->pages != NULL)
        drop_page(set, queue->pages);
    pair_map_remove(&set->queues, queue_id, 0);
    walk_list_remove(&set->queue_list, &queue->link);
    free(queue);
}

void live_set_raise(struct live_set *set, uint64_t queue_id, uint64_t highest_sequence) {
    struct live_queue *queue = get_queue(set, queue_id);

    if (queue->highest_sequence < highest_sequence)
        queue->highest_sequence = highest_sequence;
}

uint64_t live_set_highest(struct live_set *set, uint64_t queue_id) {
    const struct live_queue *queue = pair_map_find(&set->queues, queue_id, 0);

    return queue == NULL ? 0 : queue->highest_sequence;
}

void live_set_add_page(struct live_set *set, uint64_t queue_id, uint64_t number,
                       const uint8_t bits[LIVE_PAGE_OCTETS]) {
    struct live_page *page = get_page(set, queue_id, number);
    uint64_t eight;

    assert(page->population == 0);
    memcpy(page->bits, bits, LIVE_PAGE_OCTETS);
    for (size_t at = 0; at < LIVE_PAGE_OCTETS; at += sizeof eight) {
        memcpy(&eight, bits + at, sizeof eight);
        page->population += (uint32_t)__builtin_popcountll(eight);
    }
    if (page->population == 0)
        drop_page(set, page);
}

void live_set_begin_walk(struct live_set *set) {
    walk_list_begin(&set->queue_list);
    walk_list_begin(&set->page_list);
}

/* The link is the first member of both. */
const struct live_queue *live_set_next_queue(struct live_set *set) {
    return (const struct live_queue *)(const void *)walk_list_next(&set->queue_list);
}

const struct live_page *live_set_next_page(struct live_set *set) {
    return (const struct live_page *)(const void *)walk_list_next(&set->page_list);
}
