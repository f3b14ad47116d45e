/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A bounds-checked reader of network order octets.  Reading past the end fails, and failure is
 * sticky: from then on every read yields zero or the empty slice and the cursor stays where it was.
 * So decoders read straight down and ask cursor_failed() once.  An inner length becomes an inner
 * cursor (cursor_sub), which cannot see what follows its container.
 *
 * Only this file and writer.h do arithmetic on untrusted lengths.  Slices that come out point into
 * the octets the cursor was put over.
 */
#ifndef AMQP_CURSOR_H
#define AMQP_CURSOR_H

#include "amqp/slice.h"

struct cursor {
    const uint8_t *at;
    const uint8_t *end;
    bool failed;
};

static inline struct cursor cursor_over(struct slice s) {
    return (struct cursor){s.data, s.len == 0 ? s.data : s.data + s.len, false};
}

static inline size_t cursor_remaining(const struct cursor *c) {
    return (size_t)(c->end - c->at);
}

/* True when nothing is left to read; a failed cursor may or may not be at its end. */
static inline bool cursor_at_end(const struct cursor *c) {
    return c->at == c->end;
}

static inline bool cursor_failed(const struct cursor *c) {
    return c->failed;
}

/* Takes `len` octets; NULL when there are not as many, and the cursor has failed. */
static inline const uint8_t *cursor_take(struct cursor *c, size_t len) {
    const uint8_t *taken = c->at;

    if (c->failed || len > cursor_remaining(c)) {
        c->failed = true;
        return NULL;
    }
    if (len > 0)
        c->at += len;
    return taken;
}

static inline uint8_t cursor_u8(struct cursor *c) {
    const uint8_t *at = cursor_take(c, 1);
    return at == NULL ? 0 : at[0];
}

static inline uint16_t cursor_u16(struct cursor *c) {
    const uint8_t *at = cursor_take(c, sizeof(uint16_t));
    uint16_t value = 0;

    if (at != NULL)
        memcpy(&value, at, sizeof value);
    return __builtin_bswap16(value);
}

static inline uint32_t cursor_u32(struct cursor *c) {
    const uint8_t *at = cursor_take(c, sizeof(uint32_t));
    uint32_t value = 0;

    if (at != NULL)
        memcpy(&value, at, sizeof value);
    return __builtin_bswap32(value);
}

static inline uint64_t cursor_u64(struct cursor *c) {
    const uint8_t *at = cursor_take(c, sizeof(uint64_t));
    uint64_t value = 0;

    if (at != NULL)
        memcpy(&value, at, sizeof value);
    return __builtin_bswap64(value);
}

/* The next `len` octets; empty when there are not as many, and the cursor has failed. */
static inline struct slice cursor_bytes(struct cursor *c, size_t len) {
    const uint8_t *at = cursor_take(c, len);
    return (struct slice){at, at == NULL ? 0 : len};
}

/* One octet of length, then as many octets. */
static inline struct slice cursor_shortstr(struct cursor *c) {
    return cursor_bytes(c, cursor_u8(c));
}

/* Four octets of length, then as many octets. */
static inline struct slice cursor_longstr(struct cursor *c) {
    return cursor_bytes(c, cursor_u32(c));
}

/* Everything that is left; the cursor is at its end afterwards. */
static inline struct slice cursor_rest(struct cursor *c) {
    return cursor_bytes(c, cursor_remaining(c));
}

/* A cursor over the next `len` octets, which `c` skips.  When there are not as many both fail. */
static inline struct cursor cursor_sub(struct cursor *c, size_t len) {
    struct cursor inner = cursor_over(cursor_bytes(c, len));
    inner.failed = c->failed;
    return inner;
}

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "cursor and writer swap every integer");

#endif
