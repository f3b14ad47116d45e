/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Field tables as octets: judged, walked and compared, never kept as trees.  table_builder.c has
 * the part of table.h that writes them.
 *
 * `types` says for each tag what RabbitMQ calls it and how its value ends; everything else here
 * follows from it.  Only the comparison of containers is recursive; its depth is bounded.
 */
#include "amqp/table.h"

/* -- Types ------------------------------------------------------------------------------------- */

enum {
    WIDTH_LONGSTR = -1,   /* four octets of length, then the value */
    WIDTH_CONTAINER = -2, /* the same, and the value is made of values */
};

struct type {
    const char *name; /* NULL: no such tag */
    int8_t width;     /* octets, or one of the above */
};

/* clang-format off */
static const struct type types[UINT8_MAX + 1] = {
    [AMQP_TAG_BOOL]            = {"bool",          1},
    [AMQP_TAG_INT8]            = {"byte",          1},
    [AMQP_TAG_UINT8]           = {"unsignedbyte",  1},
    [AMQP_TAG_INT16]           = {"short",         2},
    [AMQP_TAG_UINT16]          = {"unsignedshort", 2},
    [AMQP_TAG_INT32]           = {"signedint",     4},
    [AMQP_TAG_UINT32]          = {"unsignedint",   4},
    [AMQP_TAG_INT64]           = {"long",          8},
    [AMQP_TAG_INT64_READ_ONLY] = {"long",          8},
    [AMQP_TAG_FLOAT]           = {"float",         4},
    [AMQP_TAG_DOUBLE]          = {"double",        8},
    [AMQP_TAG_DECIMAL]         = {"decimal",       5},
    [AMQP_TAG_TEXT]            = {"longstr",       WIDTH_LONGSTR},
    [AMQP_TAG_BINARY]          = {"binary",        WIDTH_LONGSTR},
    [AMQP_TAG_ARRAY]           = {"array",         WIDTH_CONTAINER},
    [AMQP_TAG_TIMESTAMP]       = {"timestamp",     8},
    [AMQP_TAG_TABLE]           = {"table",         WIDTH_CONTAINER},
    [AMQP_TAG_VOID]            = {"void",          0},
};
/* clang-format on */

static const struct type *type_of(char tag) {
    return &types[(uint8_t)tag];
}

const char *amqp_type_name(char tag) {
    const char *name = type_of(tag)->name;
    return name == NULL ? "unknown" : name;
}

/* -- Validating -------------------------------------------------------------------------------- */

/* A walk through all entries of a table, inner ones included, with the containers it is inside of
 * on a stack of its own: what a peer nests must not nest calls. */
struct walk {
    struct cursor open[AMQP_TABLE_DEPTH_MAX];
    bool is_array[AMQP_TABLE_DEPTH_MAX];
    unsigned depth;
    unsigned entries;
};

static bool walk_enter(struct walk *walk, struct cursor inside, bool is_array) {
    if (cursor_failed(&inside) || walk->depth == AMQP_TABLE_DEPTH_MAX)
        return false;
    walk->open[walk->depth] = inside;
    walk->is_array[walk->depth] = is_array;
    walk->depth++;
    return true;
}

/* Steps over one entry of the innermost container, or into it. */
static bool walk_entry(struct walk *walk) {
    struct cursor *c = &walk->open[walk->depth - 1];

    if (++walk->entries > AMQP_TABLE_ENTRIES_MAX)
        return false;
    if (!walk->is_array[walk->depth - 1])
        cursor_shortstr(c);

    char tag = (char)cursor_u8(c);
    const struct type *type = type_of(tag);
    if (type->name == NULL)
        return false;
    if (type->width == WIDTH_CONTAINER)
        return walk_enter(walk, cursor_sub(c, cursor_u32(c)), tag == AMQP_TAG_ARRAY);
    cursor_bytes(c, type->width == WIDTH_LONGSTR ? cursor_u32(c) : (size_t)type->width);
    return !cursor_failed(c);
}

bool amqp_table_is_valid(struct slice table) {
    struct walk walk;

    if (slice_is_empty(table))
        return true;
    walk.depth = 0;
    walk.entries = 0;
    walk_enter(&walk, cursor_over(table), false);
    while (walk.depth > 0) {
        if (cursor_at_end(&walk.open[walk.depth - 1]))
            walk.depth--;
        else if (!walk_entry(&walk))
            return false;
    }
    return true;
}

/* -- Reading ----------------------------------------------------------------------------------- */

static double float_of(uint32_t bits) {
    float value;

    memcpy(&value, &bits, sizeof value);
    return (double)value;
}

static double double_of(uint64_t bits) {
    double value;

    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Fills the union from the octets of the value; `c` is over exactly those. */
static void interpret(struct cursor c, struct amqp_value *value) {
    switch (value->tag) {
    case AMQP_TAG_BOOL:
        value->boolean = cursor_u8(&c) != 0;
        break;
    case AMQP_TAG_INT8:
        value->integer = (int8_t)cursor_u8(&c);
        break;
    case AMQP_TAG_UINT8:
        value->integer = cursor_u8(&c);
        break;
    case AMQP_TAG_INT16:
        value->integer = (int16_t)cursor_u16(&c);
        break;
    case AMQP_TAG_UINT16:
        value->integer = cursor_u16(&c);
        break;
    case AMQP_TAG_INT32:
        value->integer = (int32_t)cursor_u32(&c);
        break;
    case AMQP_TAG_UINT32:
        value->integer = cursor_u32(&c);
        break;
    case AMQP_TAG_INT64:
    case AMQP_TAG_INT64_READ_ONLY:
        value->integer = (int64_t)cursor_u64(&c);
        break;
    case AMQP_TAG_FLOAT:
        value->real = float_of(cursor_u32(&c));
        break;
    case AMQP_TAG_DOUBLE:
        value->real = double_of(cursor_u64(&c));
        break;
    case AMQP_TAG_DECIMAL:
        value->decimal.scale = cursor_u8(&c);
        value->decimal.digits = cursor_u32(&c);
        break;
    case AMQP_TAG_TIMESTAMP:
        value->timestamp = cursor_u64(&c);
        break;
    case AMQP_TAG_TEXT:
    case AMQP_TAG_BINARY:
    case AMQP_TAG_ARRAY:
    case AMQP_TAG_TABLE:
        value->bytes = cursor_longstr(&c);
        break;
    default:
        value->bytes = slice_of(NULL, 0);
        break;
    }
}

/* Takes a tag and its value; false, and the cursor has failed, when there is no such thing. */
static bool take_value(struct cursor *c, struct amqp_value *ret_value) {
    struct amqp_value value = {.tag = (char)cursor_u8(c)};
    const struct type *type = type_of(value.tag);
    size_t width = type->width < 0 ? sizeof(uint32_t) : (size_t)type->width;

    if (type->name == NULL)
        c->failed = true;
    if (type->width < 0) {
        struct cursor ahead = *c;
        width += cursor_u32(&ahead);
    }
    value.encoded = cursor_bytes(c, width);
    if (cursor_failed(c))
        return false;
    interpret(cursor_over(value.encoded), &value);
    *ret_value = value;
    return true;
}

struct amqp_table_iterator amqp_table_begin(struct slice table) {
    return (struct amqp_table_iterator){cursor_over(table)};
}

bool amqp_table_next(struct amqp_table_iterator *iterator, struct slice *ret_name,
                     struct amqp_value *ret_value) {
    struct cursor *c = &iterator->cursor;

    if (cursor_at_end(c))
        return false;
    struct slice name = cursor_shortstr(c);
    if (!take_value(c, ret_value))
        return false;
    *ret_name = name;
    return true;
}

struct amqp_array_iterator amqp_array_begin(struct slice array) {
    return (struct amqp_array_iterator){cursor_over(array)};
}

bool amqp_array_next(struct amqp_array_iterator *iterator, struct amqp_value *ret_value) {
    return !cursor_at_end(&iterator->cursor) && take_value(&iterator->cursor, ret_value);
}

bool amqp_table_find(struct slice table, struct slice name, struct amqp_value *ret_value) {
    struct amqp_table_iterator i = amqp_table_begin(table);
    struct slice entry_name;
    struct amqp_value value;

    while (amqp_table_next(&i, &entry_name, &value)) {
        if (slice_equal(entry_name, name)) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

size_t amqp_table_count(struct slice table) {
    struct amqp_table_iterator i = amqp_table_begin(table);
    struct slice name;
    struct amqp_value value;
    size_t count = 0;

    while (amqp_table_next(&i, &name, &value))
        count++;
    return count;
}

static bool tag_is_integer(char tag) {
    switch (tag) {
    case AMQP_TAG_INT8:
    case AMQP_TAG_UINT8:
    case AMQP_TAG_INT16:
    case AMQP_TAG_UINT16:
    case AMQP_TAG_INT32:
    case AMQP_TAG_UINT32:
    case AMQP_TAG_INT64:
    case AMQP_TAG_INT64_READ_ONLY:
        return true;
    default:
        return false;
    }
}

bool amqp_value_is_integer(const struct amqp_value *value) {
    return tag_is_integer(value->tag);
}

bool amqp_value_is_real(const struct amqp_value *value) {
    return value->tag == AMQP_TAG_FLOAT || value->tag == AMQP_TAG_DOUBLE;
}

/* -- Comparing --------------------------------------------------------------------------------- */

/* The tag that stands for all tags that may be equal to `tag`. */
static char class_of(char tag, enum amqp_equality equality) {
    if (tag == AMQP_TAG_INT64_READ_ONLY)
        return AMQP_TAG_INT64;
    if (equality == AMQP_EQUAL_STRICT)
        return tag;
    if (tag_is_integer(tag) || (tag == AMQP_TAG_TIMESTAMP && equality == AMQP_EQUAL_HEADERS))
        return AMQP_TAG_INT64;
    if (tag == AMQP_TAG_FLOAT)
        return AMQP_TAG_DOUBLE;
    return tag == AMQP_TAG_BINARY ? AMQP_TAG_TEXT : tag;
}

static bool values_equal(const struct amqp_value *a, const struct amqp_value *b,
                         enum amqp_equality equality, unsigned depth);

/* Everything was read and was well-formed. */
static bool is_read(const struct cursor *c) {
    return cursor_at_end(c) && !cursor_failed(c);
}

/* The insides of containers: types count there. */
static bool arrays_equal(struct slice a, struct slice b, unsigned depth) {
    struct amqp_array_iterator i = amqp_array_begin(a), j = amqp_array_begin(b);
    struct amqp_value value_a, value_b;

    while (amqp_array_next(&i, &value_a)) {
        if (!amqp_array_next(&j, &value_b) ||
            !values_equal(&value_a, &value_b, AMQP_EQUAL_STRICT, depth))
            return false;
    }
    return is_read(&i.cursor) && is_read(&j.cursor);
}

static bool tables_equal(struct slice a, struct slice b, unsigned depth) {
    struct amqp_table_iterator i = amqp_table_begin(a), j = amqp_table_begin(b);
    struct slice name_a, name_b;
    struct amqp_value value_a, value_b;

    while (amqp_table_next(&i, &name_a, &value_a)) {
        if (!amqp_table_next(&j, &name_b, &value_b) || !slice_equal(name_a, name_b) ||
            !values_equal(&value_a, &value_b, AMQP_EQUAL_STRICT, depth))
            return false;
    }
    return is_read(&i.cursor) && is_read(&j.cursor);
}

static bool containers_equal(const struct amqp_value *a, const struct amqp_value *b,
                             unsigned depth) {
    if (depth == AMQP_TABLE_DEPTH_MAX)
        return false;
    return a->tag == AMQP_TAG_ARRAY ? arrays_equal(a->bytes, b->bytes, depth + 1)
                                    : tables_equal(a->bytes, b->bytes, depth + 1);
}

/* Both are of one class; a timestamp may be greater than any integer. */
static bool integers_equal(const struct amqp_value *a, const struct amqp_value *b) {
    if (a->tag != AMQP_TAG_TIMESTAMP && b->tag != AMQP_TAG_TIMESTAMP)
        return a->integer == b->integer;
    uint64_t value_a = a->tag == AMQP_TAG_TIMESTAMP ? a->timestamp : (uint64_t)a->integer;
    uint64_t value_b = b->tag == AMQP_TAG_TIMESTAMP ? b->timestamp : (uint64_t)b->integer;
    return value_a == value_b && (a->tag == b->tag || value_a <= INT64_MAX);
}

static bool values_equal(const struct amqp_value *a, const struct amqp_value *b,
                         enum amqp_equality equality, unsigned depth) {
    char class = class_of(a->tag, equality);

    if (class != class_of(b->tag, equality))
        return false;
    if (tag_is_integer(class))
        return integers_equal(a, b);
    switch (class) {
    case AMQP_TAG_BOOL:
        return a->boolean == b->boolean;
    case AMQP_TAG_FLOAT:
    case AMQP_TAG_DOUBLE:
        return a->real == b->real;
    case AMQP_TAG_DECIMAL:
        return a->decimal.scale == b->decimal.scale && a->decimal.digits == b->decimal.digits;
    case AMQP_TAG_TIMESTAMP:
        return a->timestamp == b->timestamp;
    case AMQP_TAG_TEXT:
    case AMQP_TAG_BINARY:
        return slice_equal(a->bytes, b->bytes);
    case AMQP_TAG_ARRAY:
    case AMQP_TAG_TABLE:
        return containers_equal(a, b, depth);
    default:
        return class == AMQP_TAG_VOID;
    }
}

bool amqp_value_equal(const struct amqp_value *a, const struct amqp_value *b,
                      enum amqp_equality equality) {
    return values_equal(a, b, equality, 0);
}
