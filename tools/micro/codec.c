/* SPDX-License-Identifier: Apache-2.0 */
/* Methods, properties and tables from octets and to octets. */
#include "amqp/frame.h"
#include "amqp/method.h"
#include "amqp/properties.h"
#include "amqp/table.h"
#include "tools/micro/micro.h"

static size_t encode(const struct amqp_method *method, uint8_t *buffer, size_t size) {
    struct writer writer = writer_over(buffer, size);

    amqp_method_encode(&writer, method);
    return writer_length(&writer);
}

static void decode_many(const struct amqp_method *method, size_t count) {
    uint8_t buffer[256];
    size_t len = encode(method, buffer, sizeof buffer);

    for (size_t i = 0; i < count; i++) {
        struct amqp_method decoded;
        amqp_method_decode(slice_of(buffer, len), &decoded);
        micro_use(&decoded);
    }
}

static void decode_publish(size_t count) {
    struct amqp_method publish = {.id = AMQP_BASIC_PUBLISH};

    publish.basic_publish.exchange = SLICE("exchange");
    publish.basic_publish.routing_key = SLICE("routing.key");
    decode_many(&publish, count);
}

static void decode_ack(size_t count) {
    struct amqp_method ack = {.id = AMQP_BASIC_ACK};

    ack.basic_ack.delivery_tag = 1;
    decode_many(&ack, count);
}

static void decode_declare(size_t count) {
    struct amqp_method declare = {.id = AMQP_QUEUE_DECLARE};

    declare.queue_declare.queue = SLICE("queue");
    decode_many(&declare, count);
}

static void encode_deliver(size_t count) {
    struct amqp_method deliver = {.id = AMQP_BASIC_DELIVER};
    uint8_t buffer[256];

    deliver.basic_deliver.consumer_tag = SLICE("consumer-tag");
    deliver.basic_deliver.exchange = SLICE("exchange");
    deliver.basic_deliver.routing_key = SLICE("routing.key");
    for (size_t i = 0; i < count; i++) {
        deliver.basic_deliver.delivery_tag = i;
        encode(&deliver, buffer, sizeof buffer);
        micro_use(buffer);
    }
}

/* Five headers of usual types. */
static struct slice sample_table(struct amqp_table_builder *builder) {
    amqp_table_builder_init(builder);
    amqp_table_put_text(builder, SLICE("content"), SLICE("application/json"));
    amqp_table_put_int(builder, SLICE("x-retries"), AMQP_TAG_INT64, 3);
    amqp_table_put_bool(builder, SLICE("urgent"), true);
    amqp_table_put_text(builder, SLICE("trace"), SLICE("4bf92f3577b34da6a3ce929d0e0e4736"));
    amqp_table_put_double(builder, SLICE("weight"), 0.5);
    return amqp_table_builder_finish(builder);
}

static void validate_table(size_t count) {
    struct amqp_table_builder builder;
    struct slice table = sample_table(&builder);

    for (size_t i = 0; i < count; i++) {
        bool valid = amqp_table_is_valid(table);
        micro_use(&valid);
    }
    amqp_table_builder_clear(&builder);
}

static void find_in_table(size_t count) {
    struct amqp_table_builder builder;
    struct slice table = sample_table(&builder);

    for (size_t i = 0; i < count; i++) {
        struct amqp_value value;
        amqp_table_find(table, SLICE("trace"), &value);
        micro_use(&value);
    }
    amqp_table_builder_clear(&builder);
}

static void decode_properties(size_t count) {
    struct amqp_table_builder builder;
    struct amqp_properties properties = {.flags = AMQP_CONTENT_TYPE | AMQP_DELIVERY_MODE |
                                                  AMQP_HEADERS | AMQP_MESSAGE_ID,
                                         .content_type = SLICE("application/json"),
                                         .delivery_mode = 2,
                                         .message_id = SLICE("1f2e3d4c")};
    uint8_t buffer[512];
    struct writer writer = writer_over(buffer, sizeof buffer);

    properties.headers = sample_table(&builder);
    amqp_properties_encode(&writer, &properties);
    for (size_t i = 0; i < count; i++) {
        struct amqp_properties decoded;
        amqp_properties_decode(properties.flags, writer_written(&writer), &decoded);
        micro_use(&decoded);
    }
    amqp_table_builder_clear(&builder);
}

const struct micro micro_codec[] = {
    {"decode-publish", "basic.publish from octets to a struct", decode_publish},
    {"decode-ack", "basic.ack from octets to a struct", decode_ack},
    {"decode-declare", "queue.declare from octets to a struct", decode_declare},
    {"encode-deliver", "basic.deliver from a struct to octets", encode_deliver},
    {"validate-table", "a table of five fields is looked through", validate_table},
    {"find-in-table", "the fourth of five fields is found", find_in_table},
    {"decode-properties", "four properties, a table of five fields among them", decode_properties},
    {NULL, NULL, NULL},
};
