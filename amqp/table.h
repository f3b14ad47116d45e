/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Field tables and arrays (spec 4.2.5.5, with the type tags RabbitMQ reads: compat/amqp.md 1.13).
 *
 * A table is not turned into a tree.  It stays the octets that arrived, without their length, in a
 * struct slice.  amqp_table_is_valid() judges them once, where they enter the broker (the method
 * and properties decoders do it); from then on they are iterated, searched, compared and forwarded
 * as they are.  On octets that were never validated the functions below stop early or answer false,
 * but read nothing outside the slice.
 */
#ifndef AMQP_TABLE_H
#define AMQP_TABLE_H

#include "amqp/cursor.h"
#include "amqp/writer.h"

/* Containers in each other, the table itself counted, and the entries and items in all of them. */
#define AMQP_TABLE_DEPTH_MAX   16
#define AMQP_TABLE_ENTRIES_MAX 1024

/* Type tags.  `s` is a 16-bit integer here, not the short string of the specification. */
enum amqp_tag {
    AMQP_TAG_BOOL = 't',
    AMQP_TAG_INT8 = 'b',
    AMQP_TAG_UINT8 = 'B',
    AMQP_TAG_INT16 = 's',
    AMQP_TAG_UINT16 = 'u',
    AMQP_TAG_INT32 = 'I',
    AMQP_TAG_UINT32 = 'i',
    AMQP_TAG_INT64 = 'l',
    AMQP_TAG_INT64_READ_ONLY = 'L', /* read as `l`; RabbitMQ never writes it */
    AMQP_TAG_FLOAT = 'f',
    AMQP_TAG_DOUBLE = 'd',
    AMQP_TAG_DECIMAL = 'D',
    AMQP_TAG_TEXT = 'S',
    AMQP_TAG_BINARY = 'x',
    AMQP_TAG_ARRAY = 'A',
    AMQP_TAG_TIMESTAMP = 'T',
    AMQP_TAG_TABLE = 'F',
    AMQP_TAG_VOID = 'V',
};

struct amqp_decimal {
    uint8_t scale; /* the value is digits / 10^scale */
    uint32_t digits;
};

/* One value of a table or array, borrowed from it.  The tag says which member is meant. */
struct amqp_value {
    char tag;
    union {
        bool boolean;                /* t */
        int64_t integer;             /* b B s u I i l L */
        double real;                 /* f d */
        struct amqp_decimal decimal; /* D */
        uint64_t timestamp;          /* T: seconds */
        struct slice bytes;          /* S x: the octets; A F: the octets inside, without length */
    };
    struct slice encoded; /* the octets after the tag as they stand in the table, for copying; empty
                             in a value made by hand, which is good for comparing only */
};

/* True when the octets are a table: known tags, whole values, within the limits above.  Names are
 * any 0 to 255 octets and may occur twice.  Uses no recursion. */
bool amqp_table_is_valid(struct slice table);

/* "signedint" for `I`: the word RabbitMQ's error texts use; "unknown" for anything else. */
const char *amqp_type_name(char tag);

/* -- Reading ----------------------------------------------------------------------------------- */

struct amqp_table_iterator {
    struct cursor cursor;
};

/* struct amqp_table_iterator i = amqp_table_begin(table);
 * while (amqp_table_next(&i, &name, &value)) ...            in wire order, double names included */
struct amqp_table_iterator amqp_table_begin(struct slice table);
bool amqp_table_next(struct amqp_table_iterator *iterator, struct slice *ret_name,
                     struct amqp_value *ret_value);

struct amqp_array_iterator {
    struct cursor cursor;
};

/* The same for the octets inside an array. */
struct amqp_array_iterator amqp_array_begin(struct slice array);
bool amqp_array_next(struct amqp_array_iterator *iterator, struct amqp_value *ret_value);

/* The value under `name`, the first of several as RabbitMQ looks them up; false: there is none. */
bool amqp_table_find(struct slice table, struct slice name, struct amqp_value *ret_value);

/* Entries of the table itself, inner containers counting one each. */
size_t amqp_table_count(struct slice table);

/* True for the tags whose value is in `integer`: b B s u I i l L. */
bool amqp_value_is_integer(const struct amqp_value *value);

/* True for f and d. */
bool amqp_value_is_real(const struct amqp_value *value);

/* -- Comparing --------------------------------------------------------------------------------- */

enum amqp_equality {
    /* Same type and value.  `l` and `L` are one type, for both are read as `long`. */
    AMQP_EQUAL_STRICT,
    /* Arguments of a declare against those of the existing entity (compat/amqp.md 2.3): integer
     * tags are one class, f and d another, S and x a third; all else is strict, so are the insides
     * of containers. */
    AMQP_EQUAL_EQUIVALENT,
    /* Header against binding argument of a headers exchange (2.9): integer tags and timestamps are
     * interchangeable, f and d too, S and x with the same octets are equal; a boolean is not a number
     * and 1 is not 1.0. The insides of containers are strict. */
    AMQP_EQUAL_HEADERS,
};

/* Containers are equal when their entries are, one by one in wire order, as RabbitMQ has it. */
bool amqp_value_equal(const struct amqp_value *a, const struct amqp_value *b,
                      enum amqp_equality equality);

/* -- Building ---------------------------------------------------------------------------------- */

/*
 * Writes a table entry by entry, into memory of its own or into a writer of the caller:
 *
 *     struct amqp_table_builder builder;
 *     amqp_table_builder_init(&builder);
 *     amqp_table_put_text(&builder, SLICE("product"), SLICE("RabbitMQ"));
 *     amqp_table_begin_table(&builder, SLICE("capabilities"));
 *     amqp_table_put_bool(&builder, SLICE("basic.nack"), true);
 *     amqp_table_end(&builder);
 *     struct slice table = amqp_table_builder_finish(&builder);
 *     ...
 *     amqp_table_builder_clear(&builder);
 *
 * Inside an array items have no names: pass AMQP_NO_NAME.  A name over 255 octets fails the
 * builder; memory of its own that cannot be had aborts the process.
 */
struct amqp_table_builder {
    struct writer own;     /* over malloced memory, when there is no target */
    struct writer *target; /* the caller's writer, or NULL */
    size_t start;          /* where in the target the table begins */
    uint32_t depth;        /* containers begun and not ended */
    struct {
        size_t block;
        bool is_array;
    } open[AMQP_TABLE_DEPTH_MAX - 1];
};

#define AMQP_NO_NAME ((struct slice){NULL, 0})

/* A builder with memory of its own; amqp_table_builder_clear() frees it. */
void amqp_table_builder_init(struct amqp_table_builder *builder);

/* A builder that appends to `target`, which must outlive it.  No length is written in front. */
void amqp_table_builder_over(struct amqp_table_builder *builder, struct writer *target);

/* Frees what the builder allocated and makes it an empty one as after init; slices from it die.  A
 * zeroed builder may be cleared (and used). */
void amqp_table_builder_clear(struct amqp_table_builder *builder);

void amqp_table_put_bool(struct amqp_table_builder *builder, struct slice name, bool value);

/* `tag` is one of b B s u I i l; a value it cannot hold fails the builder. */
void amqp_table_put_int(struct amqp_table_builder *builder, struct slice name, char tag,
                        int64_t value);

/* `d`: a double. */
void amqp_table_put_double(struct amqp_table_builder *builder, struct slice name, double value);

/* `S`: a long string. */
void amqp_table_put_text(struct amqp_table_builder *builder, struct slice name, struct slice text);

/* `x`: a byte array. */
void amqp_table_put_binary(struct amqp_table_builder *builder, struct slice name,
                           struct slice bytes);

/* `T`: seconds. */
void amqp_table_put_timestamp(struct amqp_table_builder *builder, struct slice name,
                              uint64_t seconds);

void amqp_table_put_void(struct amqp_table_builder *builder, struct slice name);

/* Octets of a whole table or array, without length, as other functions here give and take them. */
void amqp_table_put_table(struct amqp_table_builder *builder, struct slice name,
                          struct slice table);
void amqp_table_put_array(struct amqp_table_builder *builder, struct slice name,
                          struct slice array);

/* A copy, octet by octet, of a value that came out of a table or array; only the tag `L`, which
 * RabbitMQ never writes, becomes `l`. */
void amqp_table_put_value(struct amqp_table_builder *builder, struct slice name,
                          const struct amqp_value *value);

/* Entries (or items, in an array) put from now on go inside, until amqp_table_end().  More than
 * AMQP_TABLE_DEPTH_MAX containers in each other are a bug and stop the process. */
void amqp_table_begin_table(struct amqp_table_builder *builder, struct slice name);
void amqp_table_begin_array(struct amqp_table_builder *builder, struct slice name);
void amqp_table_end(struct amqp_table_builder *builder);

/* True when a name was too long or a value did not fit its tag, or the target has no room. */
bool amqp_table_builder_failed(const struct amqp_table_builder *builder);

/* The octets of the table, without length: valid until the builder is cleared or put to again, or
 * as long as the target's buffer.  The empty slice when the builder failed. */
struct slice amqp_table_builder_finish(struct amqp_table_builder *builder);

#endif
