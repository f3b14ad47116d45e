/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A bounds-checked writer of network order octets over a buffer of the caller.  What does not fit
 * is counted but not written, so that a pass that overflowed, or one over no buffer at all, tells
 * the size that is needed: write, ask writer_overflowed(), get writer_length() octets, write again.
 *
 * Two things can go wrong and are kept apart: no room (writer_overflowed) and a value that has no
 * wire form, such as a short string of 256 octets (writer_failed).  Both are sticky.
 */
#ifndef AMQP_WRITER_H
#define AMQP_WRITER_H

#include "amqp/slice.h"

struct writer {
    uint8_t *start;
    uint8_t *at;   /* where the next octet goes while nothing overflowed */
    uint8_t *end;  /* falls back to `at` at the first overflow: nothing is written after it */
    size_t needed; /* octets asked to be written, whether they fitted or not */
    bool failed;
};

/* `buffer` stays the caller's; NULL with size 0 makes a writer that only counts. */
static inline struct writer writer_over(void *buffer, size_t size) {
    uint8_t *start = (uint8_t *)buffer;
    return (struct writer){start, start, size == 0 ? start : start + size, 0, false};
}

/* Octets written so far, those that found no room included. */
static inline size_t writer_length(const struct writer *w) {
    return w->needed;
}

static inline bool writer_overflowed(const struct writer *w) {
    return w->needed > (size_t)(w->at - w->start);
}

static inline bool writer_failed(const struct writer *w) {
    return w->failed;
}

/* Both at once: everything asked for is in the buffer and means what was asked for. */
static inline bool writer_is_complete(const struct writer *w) {
    return !writer_failed(w) && !writer_overflowed(w);
}

/* The octets in the buffer, valid as long as the buffer is. */
static inline struct slice writer_written(const struct writer *w) {
    return (struct slice){w->start, (size_t)(w->at - w->start)};
}

/* Room for `len` octets, which the caller fills at once; NULL when there is none. */
static inline uint8_t *writer_room(struct writer *w, size_t len) {
    uint8_t *room = w->at;

    w->needed += len;
    if (len > (size_t)(w->end - w->at)) {
        w->end = w->at;
        return NULL;
    }
    if (len > 0)
        w->at += len;
    return room;
}

static inline void writer_u8(struct writer *w, uint8_t value) {
    uint8_t *room = writer_room(w, sizeof value);

    if (room != NULL)
        *room = value;
}

static inline void writer_u16(struct writer *w, uint16_t value) {
    uint8_t *room = writer_room(w, sizeof value);

    value = __builtin_bswap16(value);
    if (room != NULL)
        memcpy(room, &value, sizeof value);
}

static inline void writer_u32(struct writer *w, uint32_t value) {
    uint8_t *room = writer_room(w, sizeof value);

    value = __builtin_bswap32(value);
    if (room != NULL)
        memcpy(room, &value, sizeof value);
}

static inline void writer_u64(struct writer *w, uint64_t value) {
    uint8_t *room = writer_room(w, sizeof value);

    value = __builtin_bswap64(value);
    if (room != NULL)
        memcpy(room, &value, sizeof value);
}

static inline void writer_bytes(struct writer *w, struct slice bytes) {
    uint8_t *room = writer_room(w, bytes.len);

    if (room != NULL && bytes.len > 0)
        memcpy(room, bytes.data, bytes.len);
}

/* One octet of length and the octets; more than 255 of them have no wire form: the writer fails. */
static inline void writer_shortstr(struct writer *w, struct slice text) {
    if (text.len > UINT8_MAX) {
        w->failed = true;
        return;
    }
    writer_u8(w, (uint8_t)text.len);
    writer_bytes(w, text);
}

/* Four octets of length and the octets. */
static inline void writer_longstr(struct writer *w, struct slice bytes) {
    if (bytes.len > UINT32_MAX) {
        w->failed = true;
        return;
    }
    writer_u32(w, (uint32_t)bytes.len);
    writer_bytes(w, bytes);
}

/* Begins a run of octets that is preceded by its length in four octets.  Blocks nest.  Returns the
 * block, to be handed to writer_close_block() when its last octet is written. */
static inline size_t writer_open_block(struct writer *w) {
    size_t block = w->needed;

    writer_u32(w, 0);
    return block;
}

/* Ends the block: writes its length where writer_open_block() left room for it. */
static inline void writer_close_block(struct writer *w, size_t block) {
    size_t len = w->needed - block - sizeof(uint32_t);
    uint32_t wire_length = __builtin_bswap32((uint32_t)len);

    if (len > UINT32_MAX)
        w->failed = true;
    else if (!writer_overflowed(w))
        memcpy(w->start + block, &wire_length, sizeof wire_length);
}

/* The caller copied or reallocated the buffer to `size` octets, not fewer than are written: go on
 * there.  Only for a writer that has not overflowed. */
static inline void writer_move(struct writer *w, void *buffer, size_t size) {
    w->start = (uint8_t *)buffer;
    w->at = w->start + w->needed;
    w->end = w->start + size;
}

#endif
