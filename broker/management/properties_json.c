/* SPDX-License-Identifier: Apache-2.0 */
/* One row for each property. */
#include "broker/management/properties_json.h"

#include <stddef.h>
#include <string.h>

#include "broker/entities/table_json.h"
#include "broker/management/api.h"

#define SHORT_TEXT_MAX 255

enum property_type { PROPERTY_TEXT, PROPERTY_OCTET, PROPERTY_TIMESTAMP, PROPERTY_TABLE };

static const struct property {
    const char *name;
    uint16_t flag;
    enum property_type type;
    size_t offset;
} rows[] = {
#define ROW(NAME, FLAG, TYPE) \
    { #NAME, FLAG, TYPE, offsetof(struct amqp_properties, NAME) }
    ROW(type, AMQP_TYPE, PROPERTY_TEXT),
    ROW(user_id, AMQP_USER_ID, PROPERTY_TEXT),
    ROW(app_id, AMQP_APP_ID, PROPERTY_TEXT),
    ROW(cluster_id, AMQP_CLUSTER_ID, PROPERTY_TEXT),
    ROW(message_id, AMQP_MESSAGE_ID, PROPERTY_TEXT),
    ROW(timestamp, AMQP_TIMESTAMP, PROPERTY_TIMESTAMP),
    ROW(expiration, AMQP_EXPIRATION, PROPERTY_TEXT),
    ROW(reply_to, AMQP_REPLY_TO, PROPERTY_TEXT),
    ROW(correlation_id, AMQP_CORRELATION_ID, PROPERTY_TEXT),
    ROW(priority, AMQP_PRIORITY, PROPERTY_OCTET),
    ROW(delivery_mode, AMQP_DELIVERY_MODE, PROPERTY_OCTET),
    ROW(headers, AMQP_HEADERS, PROPERTY_TABLE),
    ROW(content_encoding, AMQP_CONTENT_ENCODING, PROPERTY_TEXT),
    ROW(content_type, AMQP_CONTENT_TYPE, PROPERTY_TEXT),
#undef ROW
};

#define ROW_COUNT (sizeof rows / sizeof rows[0])

/* --- writing --- */

static void write_one(struct json_out *out, const struct property *row, const void *member) {
    switch (row->type) {
    case PROPERTY_TEXT:
        json_out_text(out, *(const struct slice *)member);
        break;
    case PROPERTY_OCTET:
        json_out_unsigned(out, *(const uint8_t *)member);
        break;
    case PROPERTY_TIMESTAMP:
        json_out_unsigned(out, *(const uint64_t *)member);
        break;
    case PROPERTY_TABLE:
        table_json_write(out, *(const struct slice *)member);
        break;
    }
}

void properties_json_write(struct json_out *out, const struct amqp_properties *properties) {
    json_out_begin_object(out);
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (!(properties->flags & rows[i].flag))
            continue;
        json_out_key(out, rows[i].name);
        write_one(out, &rows[i], (const char *)properties + rows[i].offset);
    }
    json_out_end_object(out);
}

/* --- reading --- */

static const struct property *find_row(const char *name) {
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (strcmp(rows[i].name, name) == 0)
            return &rows[i];
    }
    return NULL;
}

static bool read_number(const json_t *value, uint64_t maximum, uint64_t *ret_number) {
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return false;
    *ret_number = (uint64_t)json_integer_value(value);
    return *ret_number <= maximum;
}

static bool read_one(const struct property *row, const json_t *value,
                     struct amqp_table_builder *builder, void *member) {
    uint64_t number;

    switch (row->type) {
    case PROPERTY_TEXT:
        *(struct slice *)member = slice_from_json(value);
        return json_is_string(value) && json_string_length(value) <= SHORT_TEXT_MAX;
    case PROPERTY_OCTET:
        if (!read_number(value, UINT8_MAX, &number))
            return false;
        *(uint8_t *)member = (uint8_t)number;
        return true;
    case PROPERTY_TIMESTAMP:
        return read_number(value, UINT64_MAX, member);
    case PROPERTY_TABLE:
    default:
        if (!json_is_object(value) || !table_json_read(value, builder))
            return false;
        *(struct slice *)member = amqp_table_builder_finish(builder);
        return true;
    }
}

bool properties_json_read(const json_t *object, struct amqp_table_builder *builder,
                          struct amqp_properties *properties, const char **ret_key) {
    const char *key;
    json_t *value;

    *properties = (struct amqp_properties){0};
    json_object_foreach((json_t *)(uintptr_t)object, key, value) {
        const struct property *row = find_row(key);
        *ret_key = key;
        if (row == NULL) /* RabbitMQ takes what it does not know, and forgets it */
            continue;
        if (!read_one(row, value, builder, (char *)properties + row->offset))
            return false;
        properties->flags |= row->flag;
    }
    return true;
}
