/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/death_table.h"

#include "amqp/properties.h"
#include "broker/entities/message.h"

#define X_DEATH     SLICE("x-death")
#define FIRST_DEATH SLICE("x-first-death-")
#define LAST_DEATH  SLICE("x-last-death-")

struct slice message_copied_keys(const struct message *message, struct slice headers) {
    struct amqp_value keys;
    if (message->copied_keys_are_spent || !amqp_table_find(headers, SLICE("CC"), &keys) ||
        keys.tag != AMQP_TAG_ARRAY)
        return (struct slice){0};
    return keys.bytes;
}

static bool has_text(struct slice table, struct slice name, struct slice text) {
    struct amqp_value value;
    return amqp_table_find(table, name, &value) && value.tag == AMQP_TAG_TEXT &&
           slice_equal(value.bytes, text);
}

static bool is_of(struct slice entry, const struct death *death) {
    return has_text(entry, SLICE("queue"), death->queue) &&
           has_text(entry, SLICE("reason"), death->reason);
}

/* The octets inside the x-death array the broker has made before; empty when there is none. */
static struct slice earlier_deaths(const struct message *message, struct slice headers) {
    struct amqp_value value;
    if (!message->dead_lettered || !amqp_table_find(headers, X_DEATH, &value) ||
        value.tag != AMQP_TAG_ARRAY)
        return (struct slice){0};
    return value.bytes;
}

/* -- x-death ----------------------------------------------------------------------------------- */

static void put_routing_keys(struct amqp_table_builder *builder, const struct message *message,
                             struct slice headers) {
    struct amqp_array_iterator copies = amqp_array_begin(message_copied_keys(message, headers));
    struct amqp_value key;

    amqp_table_begin_array(builder, SLICE("routing-keys"));
    amqp_table_put_text(builder, AMQP_NO_NAME, message_routing_key(message));
    while (amqp_array_next(&copies, &key)) {
        if (key.tag == AMQP_TAG_TEXT)
            amqp_table_put_text(builder, AMQP_NO_NAME, key.bytes);
    }
    amqp_table_end(builder);
}

static void put_new_death(struct amqp_table_builder *builder, const struct message *message,
                          const struct amqp_properties *properties, const struct death *death) {
    amqp_table_begin_table(builder, AMQP_NO_NAME);
    if (properties->flags & AMQP_EXPIRATION)
        amqp_table_put_text(builder, SLICE("original-expiration"), properties->expiration);
    amqp_table_put_int(builder, SLICE("count"), AMQP_TAG_INT64, 1);
    amqp_table_put_text(builder, SLICE("reason"), death->reason);
    amqp_table_put_text(builder, SLICE("queue"), death->queue);
    amqp_table_put_timestamp(builder, SLICE("time"), death->time_s);
    amqp_table_put_text(builder, SLICE("exchange"), message_exchange(message));
    put_routing_keys(builder, message, properties->headers);
    amqp_table_end(builder);
}

/* The same table, counting one more; everything else stays as it was the first time. */
static void put_counted_death(struct amqp_table_builder *builder, struct slice entry) {
    struct amqp_table_iterator fields = amqp_table_begin(entry);
    struct slice name;
    struct amqp_value value;

    amqp_table_begin_table(builder, AMQP_NO_NAME);
    while (amqp_table_next(&fields, &name, &value)) {
        if (slice_equal(name, SLICE("count")))
            amqp_table_put_int(builder, name, AMQP_TAG_INT64, value.integer + 1);
        else
            amqp_table_put_value(builder, name, &value);
    }
    amqp_table_end(builder);
}

static bool find_death(struct slice deaths, const struct death *death, struct slice *ret_entry) {
    struct amqp_array_iterator i = amqp_array_begin(deaths);
    struct amqp_value entry;

    while (amqp_array_next(&i, &entry)) {
        if (entry.tag == AMQP_TAG_TABLE && is_of(entry.bytes, death)) {
            *ret_entry = entry.bytes;
            return true;
        }
    }
    return false;
}

static void put_other_deaths(struct amqp_table_builder *builder, struct slice deaths,
                             const struct death *death) {
    struct amqp_array_iterator i = amqp_array_begin(deaths);
    struct amqp_value entry;

    while (amqp_array_next(&i, &entry)) {
        if (entry.tag == AMQP_TAG_TABLE && !is_of(entry.bytes, death))
            amqp_table_put_value(builder, AMQP_NO_NAME, &entry);
    }
}

static void put_deaths(struct amqp_table_builder *builder, const struct message *message,
                       const struct amqp_properties *properties, const struct death *death) {
    struct slice deaths = earlier_deaths(message, properties->headers);
    struct slice entry;

    amqp_table_begin_array(builder, X_DEATH);
    if (find_death(deaths, death, &entry))
        put_counted_death(builder, entry);
    else
        put_new_death(builder, message, properties, death);
    put_other_deaths(builder, deaths, death);
    amqp_table_end(builder);
}

/* -- All headers ------------------------------------------------------------------------------- */

static bool is_death_header(struct slice name) {
    return slice_equal(name, X_DEATH) || slice_has_prefix(name, FIRST_DEATH) ||
           slice_has_prefix(name, LAST_DEATH);
}

/* What the first death wrote, once more. */
static void keep_first_death(struct amqp_table_builder *builder, struct slice headers) {
    struct amqp_table_iterator i = amqp_table_begin(headers);
    struct slice name;
    struct amqp_value value;

    while (amqp_table_next(&i, &name, &value)) {
        if (slice_has_prefix(name, FIRST_DEATH))
            amqp_table_put_value(builder, name, &value);
    }
}

static void put_first_death(struct amqp_table_builder *builder, const struct message *message,
                            const struct death *death) {
    amqp_table_put_text(builder, SLICE("x-first-death-exchange"), message_exchange(message));
    amqp_table_put_text(builder, SLICE("x-first-death-queue"), death->queue);
    amqp_table_put_text(builder, SLICE("x-first-death-reason"), death->reason);
}

static void put_last_death(struct amqp_table_builder *builder, const struct message *message,
                           const struct death *death) {
    amqp_table_put_text(builder, SLICE("x-last-death-exchange"), message_exchange(message));
    amqp_table_put_text(builder, SLICE("x-last-death-queue"), death->queue);
    amqp_table_put_text(builder, SLICE("x-last-death-reason"), death->reason);
}

void death_table_build(struct amqp_table_builder *builder, const struct message *message,
                       const struct death *death) {
    struct amqp_properties properties;
    struct slice name;
    struct amqp_value value;

    message_properties(message, &properties);
    struct amqp_table_iterator headers = amqp_table_begin(properties.headers);
    while (amqp_table_next(&headers, &name, &value)) {
        if (!is_death_header(name))
            amqp_table_put_value(builder, name, &value);
    }
    put_deaths(builder, message, &properties, death);
    if (message->dead_lettered)
        keep_first_death(builder, properties.headers);
    else
        put_first_death(builder, message, death);
    put_last_death(builder, message, death);
}

bool death_table_is_cycle(struct slice headers, struct slice queue) {
    struct amqp_value deaths;
    struct amqp_value entry;

    if (!amqp_table_find(headers, X_DEATH, &deaths) || deaths.tag != AMQP_TAG_ARRAY)
        return false;
    struct amqp_array_iterator i = amqp_array_begin(deaths.bytes);
    while (amqp_array_next(&i, &entry)) {
        if (entry.tag != AMQP_TAG_TABLE ||
            has_text(entry.bytes, SLICE("reason"), SLICE("rejected")))
            return false;
        if (has_text(entry.bytes, SLICE("queue"), queue))
            return true;
    }
    return false;
}
