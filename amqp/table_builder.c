/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The part of table.h that writes tables: every entry is a head (name and tag) and a value, put
 * into a writer that is the caller's or grows in memory of the builder's own, the only heap of this
 * folder.
 */
#include "amqp/table.h"

#include <assert.h>
#include <stdlib.h>

#define FIRST_CAPACITY 128

void amqp_table_builder_init(struct amqp_table_builder *builder) {
    *builder = (struct amqp_table_builder){.target = NULL};
}

void amqp_table_builder_over(struct amqp_table_builder *builder, struct writer *target) {
    *builder = (struct amqp_table_builder){.target = target, .start = writer_length(target)};
}

void amqp_table_builder_clear(struct amqp_table_builder *builder) {
    free(builder->own.start);
    amqp_table_builder_init(builder);
}

static struct writer *writer_of(struct amqp_table_builder *builder) {
    return builder->target != NULL ? builder->target : &builder->own;
}

/* Makes room for `len` more octets in memory of its own: doubling, so that a table is copied a
 * constant number of times. */
static void reserve(struct writer *own, size_t len) {
    size_t size = (size_t)(own->end - own->start);
    size_t wanted = writer_length(own) + len;

    if (wanted <= size)
        return;
    if (size == 0)
        size = FIRST_CAPACITY;
    while (size < wanted)
        size *= 2;

    void *grown = realloc(own->start, size);
    if (grown == NULL)
        abort();
    writer_move(own, grown, size);
}

/* Writes all of an entry but the value, which will take `len` octets, and returns where to write
 * that.  A name that is too long fails the writer and is not written. */
static struct writer *put_head(struct amqp_table_builder *builder, struct slice name, char tag,
                               size_t len) {
    struct writer *w = writer_of(builder);
    bool is_item = builder->depth > 0 && builder->open[builder->depth - 1].is_array;

    if (builder->target == NULL)
        reserve(w, 1 + name.len + 1 + len);
    if (!is_item)
        writer_shortstr(w, name);
    writer_u8(w, (uint8_t)tag);
    return w;
}

void amqp_table_put_bool(struct amqp_table_builder *builder, struct slice name, bool value) {
    writer_u8(put_head(builder, name, AMQP_TAG_BOOL, 1), value);
}

/* What each integer tag holds. */
static const struct integer_type {
    char tag;
    uint8_t width;
    int64_t lowest;
    int64_t highest;
} integer_types[] = {
    {AMQP_TAG_INT8, 1, INT8_MIN, INT8_MAX},    {AMQP_TAG_UINT8, 1, 0, UINT8_MAX},
    {AMQP_TAG_INT16, 2, INT16_MIN, INT16_MAX}, {AMQP_TAG_UINT16, 2, 0, UINT16_MAX},
    {AMQP_TAG_INT32, 4, INT32_MIN, INT32_MAX}, {AMQP_TAG_UINT32, 4, 0, UINT32_MAX},
    {AMQP_TAG_INT64, 8, INT64_MIN, INT64_MAX},
};

static const struct integer_type *integer_type_of(char tag) {
    for (size_t i = 0; i < sizeof integer_types / sizeof integer_types[0]; i++) {
        if (integer_types[i].tag == tag)
            return &integer_types[i];
    }
    return NULL;
}

void amqp_table_put_int(struct amqp_table_builder *builder, struct slice name, char tag,
                        int64_t value) {
    const struct integer_type *type = integer_type_of(tag);

    assert(type != NULL);
    struct writer *w = put_head(builder, name, tag, type->width);
    if (value < type->lowest || value > type->highest)
        w->failed = true;
    for (int shift = 8 * (type->width - 1); shift >= 0; shift -= 8)
        writer_u8(w, (uint8_t)((uint64_t)value >> shift));
}

void amqp_table_put_double(struct amqp_table_builder *builder, struct slice name, double value) {
    uint64_t bits;

    memcpy(&bits, &value, sizeof bits);
    writer_u64(put_head(builder, name, AMQP_TAG_DOUBLE, sizeof bits), bits);
}

static void put_longstr(struct amqp_table_builder *builder, struct slice name, char tag,
                        struct slice octets) {
    writer_longstr(put_head(builder, name, tag, sizeof(uint32_t) + octets.len), octets);
}

void amqp_table_put_text(struct amqp_table_builder *builder, struct slice name, struct slice text) {
    put_longstr(builder, name, AMQP_TAG_TEXT, text);
}

void amqp_table_put_binary(struct amqp_table_builder *builder, struct slice name,
                           struct slice bytes) {
    put_longstr(builder, name, AMQP_TAG_BINARY, bytes);
}

void amqp_table_put_timestamp(struct amqp_table_builder *builder, struct slice name,
                              uint64_t seconds) {
    writer_u64(put_head(builder, name, AMQP_TAG_TIMESTAMP, sizeof seconds), seconds);
}

void amqp_table_put_void(struct amqp_table_builder *builder, struct slice name) {
    put_head(builder, name, AMQP_TAG_VOID, 0);
}

void amqp_table_put_table(struct amqp_table_builder *builder, struct slice name,
                          struct slice table) {
    put_longstr(builder, name, AMQP_TAG_TABLE, table);
}

void amqp_table_put_array(struct amqp_table_builder *builder, struct slice name,
                          struct slice array) {
    put_longstr(builder, name, AMQP_TAG_ARRAY, array);
}

void amqp_table_put_value(struct amqp_table_builder *builder, struct slice name,
                          const struct amqp_value *value) {
    char tag = value->tag == AMQP_TAG_INT64_READ_ONLY ? (char)AMQP_TAG_INT64 : value->tag;
    writer_bytes(put_head(builder, name, tag, value->encoded.len), value->encoded);
}

static void begin_container(struct amqp_table_builder *builder, struct slice name, char tag) {
    assert(builder->depth < AMQP_TABLE_DEPTH_MAX - 1);

    struct writer *w = put_head(builder, name, tag, sizeof(uint32_t));
    builder->open[builder->depth].block = writer_open_block(w);
    builder->open[builder->depth].is_array = tag == AMQP_TAG_ARRAY;
    builder->depth++;
}

void amqp_table_begin_table(struct amqp_table_builder *builder, struct slice name) {
    begin_container(builder, name, AMQP_TAG_TABLE);
}

void amqp_table_begin_array(struct amqp_table_builder *builder, struct slice name) {
    begin_container(builder, name, AMQP_TAG_ARRAY);
}

void amqp_table_end(struct amqp_table_builder *builder) {
    assert(builder->depth > 0);
    builder->depth--;
    writer_close_block(writer_of(builder), builder->open[builder->depth].block);
}

bool amqp_table_builder_failed(const struct amqp_table_builder *builder) {
    const struct writer *w = builder->target != NULL ? builder->target : &builder->own;
    return !writer_is_complete(w);
}

struct slice amqp_table_builder_finish(struct amqp_table_builder *builder) {
    const struct writer *w = writer_of(builder);
    size_t len = writer_length(w) - builder->start;

    assert(builder->depth == 0);
    if (len == 0 || amqp_table_builder_failed(builder))
        return slice_of(NULL, 0);
    return slice_of(w->start + builder->start, len);
}
