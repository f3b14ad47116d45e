/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Properties are described by one table in wire order; the decoder and the encoder walk the bits of
 * the flags that are set, highest first, so that a message with no or one property costs next to
 * nothing.
 */
#include "amqp/properties.h"

#include <stddef.h>

#include "amqp/cursor.h"
#include "amqp/spec.h"
#include "amqp/table.h"

enum property_type {
    PROPERTY_SHORTSTR,
    PROPERTY_OCTET,
    PROPERTY_LONGLONG,
    PROPERTY_TABLE,
};

struct property {
    uint8_t type;   /* enum property_type */
    uint8_t offset; /* in struct amqp_properties */
};

_Static_assert(sizeof(struct amqp_properties) <= UINT8_MAX, "struct property has one octet for it");

/* Property `i` has the flag 0x8000 >> i. */
#define FLAG_OF(index) (uint16_t)(0x8000u >> (index))
#define PROPERTY(type, name) \
    { type, offsetof(struct amqp_properties, name) }

static const struct property all_properties[] = {
    PROPERTY(PROPERTY_SHORTSTR, content_type), PROPERTY(PROPERTY_SHORTSTR, content_encoding),
    PROPERTY(PROPERTY_TABLE, headers),         PROPERTY(PROPERTY_OCTET, delivery_mode),
    PROPERTY(PROPERTY_OCTET, priority),        PROPERTY(PROPERTY_SHORTSTR, correlation_id),
    PROPERTY(PROPERTY_SHORTSTR, reply_to),     PROPERTY(PROPERTY_SHORTSTR, expiration),
    PROPERTY(PROPERTY_SHORTSTR, message_id),   PROPERTY(PROPERTY_LONGLONG, timestamp),
    PROPERTY(PROPERTY_SHORTSTR, type),         PROPERTY(PROPERTY_SHORTSTR, user_id),
    PROPERTY(PROPERTY_SHORTSTR, app_id),       PROPERTY(PROPERTY_SHORTSTR, cluster_id),
};

_Static_assert(FLAG_OF(sizeof all_properties / sizeof all_properties[0] - 1) == AMQP_CLUSTER_ID,
               "one row for each flag");

/* Takes the highest flag that is set out of `flags`, which is not 0; returns its index. */
static unsigned take_highest(uint16_t *flags) {
    unsigned index = (unsigned)__builtin_clz((unsigned)*flags << 16);

    *flags = (uint16_t)(*flags & ~FLAG_OF(index));
    return index;
}

/* -- Content header ---------------------------------------------------------------------------- */

bool amqp_content_header_decode(struct slice payload, struct amqp_content_header *ret_header) {
    struct cursor c;

    if (payload.len < AMQP_CONTENT_HEADER_SIZE)
        return false;
    c = cursor_over(slice_of(payload.data, AMQP_CONTENT_HEADER_SIZE)); /* cannot fail any more */
    ret_header->class_id = cursor_u16(&c);
    ret_header->weight = cursor_u16(&c);
    ret_header->body_size = cursor_u64(&c);
    ret_header->flags = cursor_u16(&c);
    ret_header->properties =
        slice_of(payload.data + AMQP_CONTENT_HEADER_SIZE, payload.len - AMQP_CONTENT_HEADER_SIZE);
    return true;
}

void amqp_content_header_encode(struct writer *w, const struct amqp_content_header *header) {
    writer_u16(w, header->class_id);
    writer_u16(w, header->weight);
    writer_u64(w, header->body_size);
    writer_u16(w, header->flags);
    writer_bytes(w, header->properties);
}

/* -- Properties -------------------------------------------------------------------------------- */

static void read_property(struct cursor *c, enum property_type type, void *ret) {
    switch (type) {
    case PROPERTY_SHORTSTR:
        *(struct slice *)ret = cursor_shortstr(c);
        break;
    case PROPERTY_OCTET:
        *(uint8_t *)ret = cursor_u8(c);
        break;
    case PROPERTY_LONGLONG:
        *(uint64_t *)ret = cursor_u64(c);
        break;
    case PROPERTY_TABLE:
        *(struct slice *)ret = cursor_longstr(c);
        break;
    }
}

/* Writes those that are there only. */
static bool read_properties(uint16_t flags, struct slice properties,
                            struct amqp_properties *ret_properties) {
    struct cursor c = cursor_over(properties);

    if ((flags & ~AMQP_PROPERTIES_ALL) != 0)
        return false;
    while (flags != 0) {
        const struct property *p = &all_properties[take_highest(&flags)];
        read_property(&c, p->type, (uint8_t *)ret_properties + p->offset);
    }
    return !cursor_failed(&c) && cursor_at_end(&c);
}

bool amqp_properties_read(uint16_t flags, struct slice properties,
                          struct amqp_properties *ret_properties) {
    static const struct amqp_properties none; /* gcc zeroes in place four times slower */

    *ret_properties = none;
    ret_properties->flags = flags;
    return read_properties(flags, properties, ret_properties);
}

bool amqp_properties_are_valid(uint16_t flags, struct slice properties) {
    struct amqp_properties read;

    if (flags == 0)
        return slice_is_empty(properties);
    return read_properties(flags, properties, &read) &&
           ((flags & AMQP_HEADERS) == 0 || amqp_table_is_valid(read.headers));
}

uint8_t amqp_properties_delivery_mode(uint16_t flags, struct slice properties) {
    const uint16_t before = AMQP_CONTENT_TYPE | AMQP_CONTENT_ENCODING | AMQP_HEADERS;
    struct amqp_properties read;

    if ((flags & AMQP_DELIVERY_MODE) == 0 || properties.len == 0)
        return 0;
    if ((flags & before) == 0)
        return properties.data[0];
    /* Those before it tell where it stands; what follows is left over. */
    read.delivery_mode = 0;
    read_properties(flags & (before | AMQP_DELIVERY_MODE), properties, &read);
    return read.delivery_mode;
}

bool amqp_properties_decode(uint16_t flags, struct slice properties,
                            struct amqp_properties *ret_properties) {
    return amqp_properties_read(flags, properties, ret_properties) &&
           amqp_table_is_valid(ret_properties->headers);
}

static void write_property(struct writer *w, enum property_type type, const void *value) {
    switch (type) {
    case PROPERTY_SHORTSTR:
        writer_shortstr(w, *(const struct slice *)value);
        break;
    case PROPERTY_OCTET:
        writer_u8(w, *(const uint8_t *)value);
        break;
    case PROPERTY_LONGLONG:
        writer_u64(w, *(const uint64_t *)value);
        break;
    case PROPERTY_TABLE:
        writer_longstr(w, *(const struct slice *)value);
        break;
    }
}

void amqp_properties_encode(struct writer *w, const struct amqp_properties *properties) {
    uint16_t flags = properties->flags & AMQP_PROPERTIES_ALL;

    writer_u16(w, flags);
    while (flags != 0) {
        const struct property *p = &all_properties[take_highest(&flags)];
        write_property(w, p->type, (const uint8_t *)properties + p->offset);
    }
}
