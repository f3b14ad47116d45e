/* SPDX-License-Identifier: Apache-2.0 */

/*
 * A borrowed run of octets.  Names, tables and bodies travel through the broker as slices of the
 * buffer they arrived in; a slice never owns what it points at, and an argument of this type is
 * borrowed for the call.  A zeroed slice is the empty slice; its `data` may be NULL.
 */
#ifndef AMQP_SLICE_H
#define AMQP_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
    const uint8_t *data;
    size_t len;
};

/* A slice of a string literal, without its closing NUL. */
#define SLICE(literal) ((struct slice){(const uint8_t *)("" literal ""), sizeof(literal) - 1})

/* printf("queue '" SLICE_FMT "'", SLICE_ARG(name)): printing stops at the first NUL octet. */
#define SLICE_FMT    "%.*s"
#define SLICE_ARG(s) (int)(s).len, (const char *)(s).data

static inline struct slice slice_of(const void *data, size_t len) {
    return (struct slice){(const uint8_t *)data, len};
}

/* NULL becomes the empty slice. */
static inline struct slice slice_from_text(const char *text) {
    return (struct slice){(const uint8_t *)text, text == NULL ? 0 : strlen(text)};
}

static inline bool slice_is_empty(struct slice s) {
    return s.len == 0;
}

static inline bool slice_equal(struct slice a, struct slice b) {
    return a.len == b.len && (a.len == 0 || memcmp(a.data, b.data, a.len) == 0);
}

static inline bool slice_has_prefix(struct slice s, struct slice prefix) {
    return s.len >= prefix.len && slice_equal(slice_of(s.data, prefix.len), prefix);
}

/* Order of the octets, a prefix before what it begins: negative, 0 or positive. */
static inline int slice_compare(struct slice a, struct slice b) {
    size_t common = a.len < b.len ? a.len : b.len;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);

    if (order != 0)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

/* True when every octet is below 128. Most keys are, and every publish asks. */
static inline bool slice_is_ascii(struct slice s) {
    uint64_t seen = 0, eight;
    uint32_t four;
    size_t at = 0;

    for (; s.len - at >= sizeof eight; at += sizeof eight) {
        memcpy(&eight, s.data + at, sizeof eight);
        seen |= eight;
    }
    if (s.len - at >= sizeof four) {
        memcpy(&four, s.data + at, sizeof four);
        seen |= four;
        at += sizeof four;
    }
    for (; at < s.len; at++)
        seen |= s.data[at];
    return (seen & UINT64_C(0x8080808080808080)) == 0;
}

/* Well-formed UTF-8 (RFC 3629): without overlong forms, surrogates, or code points above U+10FFFF.
 * slice_is_utf8() is quick for ASCII and leaves the rest to slice_is_utf8_by_character(). */
bool slice_is_utf8_by_character(struct slice s);

static inline bool slice_is_utf8(struct slice s) {
    return slice_is_ascii(s) || slice_is_utf8_by_character(s);
}

#endif
