/* SPDX-License-Identifier: Apache-2.0 */

/*
 * One decode loop and one encode loop for all methods.
 *
 * methods.def is read into two constant tables: `fields`, a descriptor (wire type, place in struct
 * amqp_method) for every argument of every method in one run, and `methods`, which knows where in
 * that run the arguments of a method begin; they end where those of the next method begin.  To add
 * a method add its row to methods.def and nothing else.
 */
#include "amqp/method.h"

#include <assert.h>
#include <stddef.h>

#include "amqp/cursor.h"
#include "amqp/table.h"

enum field_type {
    FIELD_octet,
    FIELD_short,
    FIELD_long,
    FIELD_longlong,
    FIELD_bit,
    FIELD_shortstr,
    FIELD_longstr,
    FIELD_table,
};

struct field {
    uint8_t type;   /* enum field_type */
    uint8_t offset; /* in struct amqp_method */
};

_Static_assert(sizeof(struct amqp_method) <= UINT8_MAX, "struct field has one octet of offset");

static const struct field fields[] = {
#define METHOD(constant, name, wire_name, class_id, method_id, content)
#define FIELD(method, type, name) {FIELD_##type, offsetof(struct amqp_method, method.name)},
#define END(name)
#include "amqp/methods.def"
};

/* Numbers the fields: FIELDS_OF_x is the position of the first one of x, or, when it has none, of
 * the first one after it.  METHOD steps back so that the next number is that one again. */
enum {
#define METHOD(constant, name, wire_name, class_id, method_id, content) \
    FIELDS_OF_##name, FIELDS_BEFORE_##name = FIELDS_OF_##name - 1,
#define FIELD(method, type, name) POSITION_OF_##method##_##name,
#define END(name)
#include "amqp/methods.def"
    FIELDS_COUNT
};

_Static_assert(FIELDS_COUNT == sizeof fields / sizeof fields[0], "every field has its number");
_Static_assert(FIELDS_COUNT <= UINT8_MAX, "struct method_row has one octet of field number");

struct method_row {
    const char *name;
    uint8_t class_id;
    uint8_t method_id;
    uint8_t first_field;
    bool has_content;
};

static const struct method_row methods[] = {
    [AMQP_METHOD_UNKNOWN] = {"unknown", 0, 0, 0, false},
#define METHOD(constant, name, wire_name, class_id, method_id, content) \
    [AMQP_##constant] = {wire_name, class_id, method_id, FIELDS_OF_##name, content},
#define FIELD(method, type, name)
#define END(name)
#include "amqp/methods.def"
    [AMQP_METHOD_COUNT] = {NULL, 0, 0, FIELDS_COUNT, false},
};

/* -- Numbers and names ------------------------------------------------------------------------- */

/* Class ids are multiples of ten but for confirm, 85, which takes the row that is free. */
#define CLASS_ROW(class_id) ((class_id) == 85 ? 0 : (class_id) / 10)
#define CLASS_ID_MAX        90
#define METHOD_ID_MAX       120

static const uint8_t ids[CLASS_ROW(CLASS_ID_MAX) + 1][METHOD_ID_MAX + 1] = {
#define METHOD(constant, name, wire_name, class_id, method_id, content) \
    [CLASS_ROW(class_id)][method_id] = AMQP_##constant,
#define FIELD(method, type, name)
#define END(name)
#include "amqp/methods.def"
};

enum amqp_method_id amqp_method_find(uint16_t class_id, uint16_t method_id) {
    if (class_id > CLASS_ID_MAX || method_id > METHOD_ID_MAX)
        return AMQP_METHOD_UNKNOWN;

    enum amqp_method_id id = ids[CLASS_ROW(class_id)][method_id];
    return methods[id].class_id == class_id ? id : AMQP_METHOD_UNKNOWN;
}

static const struct method_row *row_of(enum amqp_method_id id) {
    assert((unsigned)id < AMQP_METHOD_COUNT);
    return &methods[id];
}

const char *amqp_method_name(enum amqp_method_id id) {
    return row_of(id)->name;
}

uint16_t amqp_method_class_id(enum amqp_method_id id) {
    return row_of(id)->class_id;
}

uint16_t amqp_method_method_id(enum amqp_method_id id) {
    return row_of(id)->method_id;
}

bool amqp_method_has_content(enum amqp_method_id id) {
    return row_of(id)->has_content;
}

/* -- Decoding ---------------------------------------------------------------------------------- */

static enum amqp_decode_result decode_shortstr(struct cursor *c, struct slice *ret_text) {
    *ret_text = cursor_shortstr(c);
    return slice_is_utf8(*ret_text) ? AMQP_DECODED : AMQP_DECODE_BAD_UTF8;
}

static enum amqp_decode_result decode_table(struct cursor *c, struct slice *ret_table) {
    *ret_table = cursor_longstr(c);
    return amqp_table_is_valid(*ret_table) ? AMQP_DECODED : AMQP_DECODE_BAD_TABLE;
}

/* Any field but a bit. */
static enum amqp_decode_result decode_field(struct cursor *c, enum field_type type, void *ret) {
    switch (type) {
    case FIELD_octet:
        *(uint8_t *)ret = cursor_u8(c);
        break;
    case FIELD_short:
        *(uint16_t *)ret = cursor_u16(c);
        break;
    case FIELD_long:
        *(uint32_t *)ret = cursor_u32(c);
        break;
    case FIELD_longlong:
        *(uint64_t *)ret = cursor_u64(c);
        break;
    case FIELD_shortstr:
        return decode_shortstr(c, ret);
    case FIELD_longstr:
        *(struct slice *)ret = cursor_longstr(c);
        break;
    case FIELD_table:
        return decode_table(c, ret);
    case FIELD_bit:
        break;
    }
    return AMQP_DECODED;
}

static enum amqp_decode_result decode_fields(struct cursor *c, struct amqp_method *ret_method) {
    const struct field *end = &fields[methods[ret_method->id + 1].first_field];
    enum amqp_decode_result result = AMQP_DECODED;
    uint8_t octet_of_bits = 0;
    unsigned bits_left = 0;

    for (const struct field *f = &fields[methods[ret_method->id].first_field]; f < end; f++) {
        void *ret = (uint8_t *)ret_method + f->offset;

        if (f->type == FIELD_bit) {
            if (bits_left == 0) {
                octet_of_bits = cursor_u8(c);
                bits_left = 8;
            }
            *(bool *)ret = (octet_of_bits >> (8 - bits_left) & 1) != 0;
            bits_left--;
            continue;
        }
        bits_left = 0;
        enum amqp_decode_result field_result = decode_field(c, f->type, ret);
        if (result == AMQP_DECODED)
            result = field_result;
    }
    return cursor_failed(c) || !cursor_at_end(c) ? AMQP_DECODE_MALFORMED : result;
}

enum amqp_decode_result amqp_method_decode_by_table(struct slice payload,
                                                    struct amqp_method *ret_method) {
    struct cursor c = cursor_over(payload);
    uint16_t class_id = cursor_u16(&c);
    uint16_t method_id = cursor_u16(&c);

    ret_method->id = amqp_method_find(class_id, method_id);
    if (ret_method->id == AMQP_METHOD_UNKNOWN)
        return AMQP_DECODE_UNKNOWN_METHOD;
    return decode_fields(&c, ret_method);
}

/*
 * The two methods that come once per message are read without the table: it takes 300 instructions
 * for a publish, a sixth of all that happens to a small message, and these take 90.  What is not
 * as it should be is left to the table, so that there is one opinion of it.
 */
static bool decode_publish(struct cursor *c, struct amqp_basic_publish *ret) {
    ret->ticket = cursor_u16(c);
    ret->exchange = cursor_shortstr(c);
    ret->routing_key = cursor_shortstr(c);
    uint8_t bits = cursor_u8(c);
    ret->mandatory = (bits & 1) != 0;
    ret->immediate = (bits & 2) != 0;
    return !cursor_failed(c) && slice_is_utf8(ret->exchange) && slice_is_utf8(ret->routing_key);
}

static bool decode_ack(struct cursor *c, struct amqp_basic_ack *ret) {
    ret->delivery_tag = cursor_u64(c);
    ret->multiple = (cursor_u8(c) & 1) != 0;
    return !cursor_failed(c);
}

enum amqp_decode_result amqp_method_decode(struct slice payload, struct amqp_method *ret_method) {
    struct cursor c = cursor_over(payload);
    uint32_t class_and_method = cursor_u32(&c);

    if (class_and_method == (60u << 16 | 40)) {
        ret_method->id = AMQP_BASIC_PUBLISH;
        if (decode_publish(&c, &ret_method->basic_publish) && cursor_at_end(&c))
            return AMQP_DECODED;
    } else if (class_and_method == (60u << 16 | 80)) {
        ret_method->id = AMQP_BASIC_ACK;
        if (decode_ack(&c, &ret_method->basic_ack) && cursor_at_end(&c))
            return AMQP_DECODED;
    }
    return amqp_method_decode_by_table(payload, ret_method);
}

/* -- Encoding ---------------------------------------------------------------------------------- */

/* Any field but a bit. */
static void encode_field(struct writer *w, enum field_type type, const void *value) {
    switch (type) {
    case FIELD_octet:
        writer_u8(w, *(const uint8_t *)value);
        break;
    case FIELD_short:
        writer_u16(w, *(const uint16_t *)value);
        break;
    case FIELD_long:
        writer_u32(w, *(const uint32_t *)value);
        break;
    case FIELD_longlong:
        writer_u64(w, *(const uint64_t *)value);
        break;
    case FIELD_shortstr:
        writer_shortstr(w, *(const struct slice *)value);
        break;
    case FIELD_longstr:
    case FIELD_table:
        writer_longstr(w, *(const struct slice *)value);
        break;
    case FIELD_bit:
        break;
    }
}

/* Bits gather in an octet, which goes out when it is full, before another field, and at the end. */
struct bit_octet {
    uint8_t octet;
    unsigned count;
};

static void flush_bits(struct writer *w, struct bit_octet *bits) {
    if (bits->count > 0)
        writer_u8(w, bits->octet);
    *bits = (struct bit_octet){0, 0};
}

static void put_bit(struct writer *w, struct bit_octet *bits, bool bit) {
    bits->octet = (uint8_t)(bits->octet | (unsigned)bit << bits->count);
    bits->count++;
    if (bits->count == 8)
        flush_bits(w, bits);
}

void amqp_method_encode(struct writer *w, const struct amqp_method *method) {
    const struct method_row *row = row_of(method->id);
    const struct field *end = &fields[methods[method->id + 1].first_field];
    struct bit_octet bits = {0, 0};

    assert(method->id != AMQP_METHOD_UNKNOWN);
    writer_u16(w, row->class_id);
    writer_u16(w, row->method_id);
    for (const struct field *f = &fields[row->first_field]; f < end; f++) {
        const void *value = (const uint8_t *)method + f->offset;

        if (f->type == FIELD_bit) {
            put_bit(w, &bits, *(const bool *)value);
            continue;
        }
        flush_bits(w, &bits);
        encode_field(w, f->type, value);
    }
    flush_bits(w, &bits);
}
