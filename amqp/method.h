/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Methods between their wire form and structs.  methods.def has one row per method; from it come
 *
 *     enum amqp_method_id          AMQP_BASIC_PUBLISH, dense, in the order of the file
 *     struct amqp_basic_publish    the arguments under the names of the specification, `-` as `_`
 *     struct amqp_method           an id and a union of them: method.basic_publish.exchange
 *
 * The C type of an argument follows from its wire type:
 *
 *     octet, short, long, longlong   uint8_t, uint16_t, uint32_t, uint64_t
 *     bit                            bool
 *     shortstr, longstr              struct slice
 *     table                          struct slice: the octets inside, without the length
 *
 * A decoded method owns nothing: its slices point into the payload.  Tables come out validated, so
 * that table.h may iterate them; short strings come out as UTF-8.
 */
#ifndef AMQP_METHOD_H
#define AMQP_METHOD_H

#include "amqp/slice.h"
#include "amqp/writer.h"

enum amqp_method_id {
    AMQP_METHOD_UNKNOWN = 0,
#define METHOD(constant, name, wire_name, class_id, method_id, content) AMQP_##constant,
#define FIELD(method, type, name)
#define END(name)
#include "amqp/methods.def"
    AMQP_METHOD_COUNT
};

#define AMQP_C_TYPE_octet    uint8_t
#define AMQP_C_TYPE_short    uint16_t
#define AMQP_C_TYPE_long     uint32_t
#define AMQP_C_TYPE_longlong uint64_t
#define AMQP_C_TYPE_shortstr struct slice
#define AMQP_C_TYPE_longstr  struct slice
#define AMQP_C_TYPE_table    struct slice
#define AMQP_C_TYPE_bit      bool

/* clang-format off */
#define METHOD(constant, name, wire_name, class_id, method_id, content) struct amqp_##name {
#define FIELD(method, type, name) AMQP_C_TYPE_##type name;
#define END(name) };
/* clang-format on */
#include "amqp/methods.def"

struct amqp_method {
    enum amqp_method_id id;
    union {
#define METHOD(constant, name, wire_name, class_id, method_id, content) struct amqp_##name name;
#define FIELD(method, type, name)
#define END(name)
#include "amqp/methods.def"
    };
};

/* What a payload turned out to be; compat/amqp.md 1.9 says how each is answered. */
enum amqp_decode_result {
    AMQP_DECODED,
    AMQP_DECODE_UNKNOWN_METHOD, /* no such class or method id, or no room for them */
    AMQP_DECODE_MALFORMED,      /* arguments too short, or octets left over */
    AMQP_DECODE_BAD_UTF8,       /* a short string is not UTF-8 */
    AMQP_DECODE_BAD_TABLE,      /* a table fails amqp_table_is_valid() */
};

/*
 * Decodes the payload of a method frame: class id, method id, arguments.  The whole shape is judged
 * before what is inside: a payload that is both malformed and not UTF-8 is malformed.  Of several
 * bad fields the first one names the result.
 *
 * `ret_method` is always written.  Unless the result is AMQP_DECODED only its `id` has a meaning:
 * the method that could not be decoded, AMQP_METHOD_UNKNOWN when that is not known either.
 */
enum amqp_decode_result amqp_method_decode(struct slice payload, struct amqp_method *ret_method);

/* The same without a shortcut for the two most frequent methods. For the test that both agree. */
enum amqp_decode_result amqp_method_decode_by_table(struct slice payload,
                                                    struct amqp_method *ret_method);

/* Writes class id, method id and arguments.  The writer fails on a short string over 255 octets;
 * tables are copied as they are.  `method->id` is a real method. */
void amqp_method_encode(struct writer *w, const struct amqp_method *method);

/* AMQP_METHOD_UNKNOWN when there is no such method. */
enum amqp_method_id amqp_method_find(uint16_t class_id, uint16_t method_id);

/* "basic.publish"; "unknown" for AMQP_METHOD_UNKNOWN. */
const char *amqp_method_name(enum amqp_method_id id);

/* The numbers on the wire; 0 for AMQP_METHOD_UNKNOWN, as in a close that blames no method. */
uint16_t amqp_method_class_id(enum amqp_method_id id);
uint16_t amqp_method_method_id(enum amqp_method_id id);

/* True when a content header and a body follow the method. */
bool amqp_method_has_content(enum amqp_method_id id);

#endif
