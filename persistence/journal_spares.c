/* SPDX-License-Identifier: Apache-2.0 */
/* Segments ready before they are needed: taking, making and giving them up. */
#include "persistence/journal_spares.h"

#include <errno.h>
#include <string.h>

enum {
    ROOM_FOR_DEAD = 16
}; /* segments that must fit on the disk besides, or the dead are not kept */

static const struct segment_content no_content;

void segment_file_close(struct segment_file *file, struct io *io) {
    if (file->handle >= 0)
        io->ops->close(io, file->handle);
    file->handle = -1;
}

void journal_spares_init(struct journal_spares *spares) {
    *spares = (struct journal_spares){.maker = {.handle = -1}};
}

void journal_spares_clear(struct journal_spares *spares) {
    for (unsigned i = 0; i < spares->count; i++)
        segment_file_close(&spares->files[i], spares->io);
    segment_maker_cancel(&spares->maker, spares->io);
}

/* ---- making ---- */

static struct segment_header header_of_next(struct journal_spares *spares, uint64_t size) {
    struct segment_header header = {
        .number = spares->next_segment++, .size = size, .epoch = spares->epoch};

    memcpy(header.uuid, spares->uuid, sizeof header.uuid);
    return header;
}

static void begin_making(struct journal_spares *spares, uint64_t size) {
    spares->maker = (struct segment_maker){.header = header_of_next(spares, size), .handle = -1};
    spares->is_making = true;
}

/* 1 when the segment is made and in `file`, 0 when more is to do, or an error. */
static int continue_making(struct journal_spares *spares, struct segment_file *file) {
    int done = segment_maker_step(&spares->maker, spares->io, &no_content);

    if (done == 0)
        return 0;
    spares->is_making = false;
    if (done < 0)
        return done;
    *file = (struct segment_file){spares->maker.handle,      spares->maker.header.number,
                                  spares->maker.header.size, SEGMENT_BLOCK,
                                  spares->maker.written,     true};
    spares->maker.handle = -1;
    return 1;
}

static int make_now(struct journal_spares *spares, uint64_t size, struct segment_file *file) {
    int done = 0;

    if (!spares->is_making)
        begin_making(spares, size);
    while (done == 0)
        done = continue_making(spares, file);
    return done < 0 ? done : 0;
}

static void stop_making(struct journal_spares *spares) {
    segment_maker_cancel(&spares->maker, spares->io);
    spares->is_making = false;
}

/* ---- taking ---- */

static void unlink_segment(struct journal_spares *spares, uint64_t number) {
    char name[SEGMENT_NAME_SIZE];

    segment_name(name, number);
    /* What stays is garbage for recovery. */
    spares->io->ops->unlink(spares->io, name);
}

static void drop_last(struct journal_spares *spares) {
    struct segment_file *spare = &spares->files[--spares->count];

    segment_file_close(spare, spares->io);
    unlink_segment(spares, spare->number);
}

static void drop_all(struct journal_spares *spares) {
    stop_making(spares);
    while (spares->count > 0)
        drop_last(spares);
}

static void take_first(struct journal_spares *spares, struct segment_file *ret) {
    *ret = spares->files[0];
    spares->count--;
    for (unsigned i = 0; i < spares->count; i++)
        spares->files[i] = spares->files[i + 1];
}

int journal_spares_take(struct journal_spares *spares, uint64_t needed, uint64_t size,
                        struct segment_file *ret) {
    spares->failed = false;
    if (spares->count > 0 && needed <= spares->files[0].size - SEGMENT_BLOCK) {
        take_first(spares, ret);
        return 0;
    }
    if (spares->count == 0 && needed <= size - SEGMENT_BLOCK)
        return make_now(spares, size, ret);
    if (needed <= spares->segment_size - SEGMENT_BLOCK)
        size = spares->segment_size;
    else
        size = SEGMENT_BLOCK + needed;
    drop_all(spares);
    return make_now(spares, size, ret);
}

/* ---- the dead ---- */

/* How many files may wait for their turn. */
static unsigned dead_kept(const struct journal_spares *spares) {
    int64_t room;

    if (spares->wanted == 0)
        return 0;
    room = spares->io->ops->free_space(spares->io);
    if (room > 0 && (uint64_t)room / ROOM_FOR_DEAD > spares->segment_size)
        return DEAD_AT_MOST;
    return spares->wanted - spares->count;
}

void journal_spares_add_dead(struct journal_spares *spares, uint64_t number, uint64_t size) {
    if (size == spares->segment_size && spares->dead_count < dead_kept(spares))
        spares->dead[spares->dead_count++] = (struct job_segment){number, size};
    else
        unlink_segment(spares, number);
}

bool journal_spares_drop_one_dead(struct journal_spares *spares) {
    if (spares->dead_count == 0)
        return false;
    unlink_segment(spares, spares->dead[--spares->dead_count].number);
    return true;
}

static void drop_dead(struct journal_spares *spares) {
    while (journal_spares_drop_one_dead(spares))
        continue;
}

/* Makes a spare of a dead segment: 1, or an error. */
static int recycle(struct journal_spares *spares) {
    struct job_segment dead = spares->dead[--spares->dead_count];
    struct segment_header header = header_of_next(spares, dead.size);
    uint64_t cleared =
        dead.size < SEGMENT_BLOCK + CLEARED_AHEAD ? dead.size : SEGMENT_BLOCK + CLEARED_AHEAD;
    int handle;
    int error = segment_recycle(spares->io, dead.number, &header, cleared, &handle);

    if (error < 0)
        return error;
    spares->files[spares->count++] =
        (struct segment_file){handle, header.number, header.size, SEGMENT_BLOCK, cleared, false};
    spares->recycled_count++;
    return 1;
}

/* ---- step by step ---- */

/* The second one may take its time: a segment may die until it is needed. */
bool journal_spares_want_one(const struct journal_spares *spares,
                             const struct segment_file *current) {
    if (current->handle < 0 || spares->failed || spares->count >= spares->wanted)
        return false;
    if (spares->is_making || spares->dead_count > 0)
        return true;
    return !spares->postponed && (spares->count == 0 || current->offset * 2 > current->size);
}

bool journal_spares_are_ahead(const struct journal_spares *spares,
                              const struct segment_file *current) {
    const struct segment_maker *maker = &spares->maker;

    return spares->count > 0 ||
           (spares->is_making && (double)maker->filled / (double)maker->header.size >
                                     (double)current->offset / (double)current->size);
}

/* Asked before a spare is begun, so that a full disk is not filled to its last block for nothing. */
static bool has_room_for_one(const struct journal_spares *spares) {
    int64_t room = spares->io->ops->free_space(spares->io);

    return room < 0 || (uint64_t)room > spares->segment_size;
}

/* 1 when the spare is made, 0 when more is to do, or an error. */
static int fresh_step(struct journal_spares *spares) {
    int done;

    if (!spares->is_making && !has_room_for_one(spares))
        return -ENOSPC;
    if (!spares->is_making)
        begin_making(spares, spares->segment_size);
    done = continue_making(spares, &spares->files[spares->count]);
    if (done == 1)
        spares->count++;
    return done;
}

int journal_spares_step(struct journal_spares *spares, uint64_t *ret_number) {
    int done;

    *ret_number = spares->is_making ? spares->maker.header.number : spares->next_segment;
    done = !spares->is_making && spares->dead_count > 0 ? recycle(spares) : fresh_step(spares);
    if (io_is_full(done))
        spares->postponed = true;
    else
        spares->failed = done < 0;
    return done;
}

/* A spare that was taken away is made again when there is room. */
bool journal_spares_give_room(struct journal_spares *spares) {
    bool was_making = spares->is_making;

    if (!was_making && spares->count == 0 && spares->dead_count == 0)
        return false;
    spares->postponed = true;
    stop_making(spares);
    if (spares->dead_count > 0)
        drop_dead(spares);
    else if (!was_making)
        drop_last(spares);
    return true;
}

void journal_spares_retry(struct journal_spares *spares) {
    spares->postponed = spares->failed = false;
}
