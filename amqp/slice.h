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

/* The position of the first octet above 127, or `s.len`; looks at eight octets at a time. */
static inline size_t slice_ascii_length(struct slice s) {
    size_t at = 0;
    uint64_t eight;

    for (; s.len - at >= sizeof eight; at += sizeof eight) {
        memcpy(&eight, s.data + at, sizeof eight);
        if ((eight & UINT64_C(0x8080808080808080)) != 0)
            break;
    }
    while (at < s.len && s.data[at] < 0x80)
        at++;
    return at;
}

/* Well-formed UTF-8 (RFC 3629): `s` without overlong forms, surrogates, or code points above
 * U+10FFFF.  slice_is_utf8() is quick for ASCII and leaves the rest to slice_is_utf8_from(), which
 * begins at octet `at`. */
bool slice_is_utf8_from(struct slice s, size_t at);

static inline bool slice_is_utf8(struct slice s) {
    size_t ascii = slice_ascii_length(s);
    return ascii == s.len || slice_is_utf8_from(s, ascii);
}

#endif
