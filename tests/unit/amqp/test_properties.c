/* SPDX-License-Identifier: Apache-2.0 */

/* The content header and the 14 properties of class basic. */
#include "tests/unit/amqp/support.h"

#include "amqp/properties.h"

#define HEADERS "\x01kI\x00\x00\x00\x07"

static const struct amqp_properties all = {
    .flags = AMQP_PROPERTIES_ALL,
    .delivery_mode = 2,
    .priority = 9,
    .timestamp = UINT64_C(0x0102030405060708),
    .content_type = {(const uint8_t *)"text/plain", 10},
    .content_encoding = {(const uint8_t *)"gzip", 4},
    .headers = {(const uint8_t *)HEADERS, sizeof HEADERS - 1},
    .correlation_id = {(const uint8_t *)"corr", 4},
    .reply_to = {(const uint8_t *)"reply", 5},
    .expiration = {(const uint8_t *)"60000", 5},
    .message_id = {(const uint8_t *)"id", 2},
    .type = {(const uint8_t *)"type", 4},
    .user_id = {(const uint8_t *)"guest", 5},
    .app_id = {(const uint8_t *)"app", 3},
    .cluster_id = {(const uint8_t *)"cluster", 7},
};

/* All of the above in wire order, with the flags in front. */
#define ALL_ON_THE_WIRE                \
    "\xff\xfc"                         \
    "\x0atext/plain"                   \
    "\x04gzip"                         \
    "\x00\x00\x00\x07" HEADERS "\x02"  \
    "\x09"                             \
    "\x04"                             \
    "corr"                             \
    "\x05reply"                        \
    "\x05"                             \
    "60000"                            \
    "\x02id"                           \
    "\x01\x02\x03\x04\x05\x06\x07\x08" \
    "\x04type"                         \
    "\x05guest"                        \
    "\x03"                             \
    "app"                              \
    "\x07"                             \
    "cluster"

static void assert_properties_equal(const struct amqp_properties *a,
                                    const struct amqp_properties *b) {
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->delivery_mode, b->delivery_mode);
    assert_int_equal(a->priority, b->priority);
    assert_true(a->timestamp == b->timestamp);
    assert_slice_equal(a->content_type, b->content_type);
    assert_slice_equal(a->content_encoding, b->content_encoding);
    assert_slice_equal(a->headers, b->headers);
    assert_slice_equal(a->correlation_id, b->correlation_id);
    assert_slice_equal(a->reply_to, b->reply_to);
    assert_slice_equal(a->expiration, b->expiration);
    assert_slice_equal(a->message_id, b->message_id);
    assert_slice_equal(a->type, b->type);
    assert_slice_equal(a->user_id, b->user_id);
    assert_slice_equal(a->app_id, b->app_id);
    assert_slice_equal(a->cluster_id, b->cluster_id);
}

/* Only those of `all` that are in `flags`. */
static struct amqp_properties subset(uint16_t flags) {
    struct amqp_properties some = {.flags = flags};

#define KEEP(flag, name)       \
    if ((flags & (flag)) != 0) \
    some.name = all.name
    KEEP(AMQP_CONTENT_TYPE, content_type);
    KEEP(AMQP_CONTENT_ENCODING, content_encoding);
    KEEP(AMQP_HEADERS, headers);
    KEEP(AMQP_DELIVERY_MODE, delivery_mode);
    KEEP(AMQP_PRIORITY, priority);
    KEEP(AMQP_CORRELATION_ID, correlation_id);
    KEEP(AMQP_REPLY_TO, reply_to);
    KEEP(AMQP_EXPIRATION, expiration);
    KEEP(AMQP_MESSAGE_ID, message_id);
    KEEP(AMQP_TIMESTAMP, timestamp);
    KEEP(AMQP_TYPE, type);
    KEEP(AMQP_USER_ID, user_id);
    KEEP(AMQP_APP_ID, app_id);
    KEEP(AMQP_CLUSTER_ID, cluster_id);
#undef KEEP
    return some;
}

/* Decodes, and asks those who look at less: they must agree. */
static bool decode(uint16_t flags, struct slice properties, struct amqp_properties *ret) {
    bool valid = amqp_properties_decode(flags, properties, ret);

    assert_int_equal(amqp_properties_are_valid(flags, properties), valid);
    if (valid)
        assert_int_equal(amqp_properties_delivery_mode(flags, properties), ret->delivery_mode);
    return valid;
}

static void all_properties_look_as_on_the_wire(void **state) {
    /* rows: 66 70 */
    struct slice wire = SLICE(ALL_ON_THE_WIRE);
    struct amqp_properties decoded;
    uint8_t buffer[256];
    struct writer w = writer_over(buffer, sizeof buffer);

    (void)state;
    amqp_properties_encode(&w, &all);
    assert_true(writer_is_complete(&w));
    assert_slice_equal(writer_written(&w), wire);
    assert_true(decode(all.flags, slice_of(wire.data + 2, wire.len - 2), &decoded));
    assert_properties_equal(&decoded, &all);
}

static void every_set_of_properties_makes_the_round_trip(void **state) {
    uint8_t buffer[256];

    (void)state;
    for (unsigned flags = 0; flags <= AMQP_PROPERTIES_ALL; flags += 4) {
        struct amqp_properties some = subset((uint16_t)flags), decoded;
        struct writer w = writer_over(buffer, sizeof buffer);

        amqp_properties_encode(&w, &some);
        assert_true(writer_is_complete(&w));
        assert_true(decode((uint16_t)flags, slice_of(buffer + 2, writer_length(&w) - 2), &decoded));
        assert_properties_equal(&decoded, &some);
    }
}

static void every_truncation_is_refused(void **state) {
    struct slice wire = SLICE(ALL_ON_THE_WIRE);
    struct amqp_properties decoded;

    (void)state;
    for (size_t len = 0; len < wire.len - 2; len++) {
        struct slice cut = exact_copy(slice_of(wire.data + 2, wire.len - 2), len);

        assert_false(decode(all.flags, cut, &decoded));
        assert_false(amqp_properties_read(all.flags, cut, &decoded));
        exact_free(cut);
    }
}

static void octets_left_over_are_refused(void **state) {
    struct amqp_properties decoded;

    (void)state;
    assert_false(decode(0, SLICE("\x00"), &decoded));
    assert_false(decode(AMQP_DELIVERY_MODE, SLICE("\x02\x00"), &decoded));
    assert_true(decode(0, SLICE(""), &decoded));
    assert_true(decode(0, (struct slice){NULL, 0}, &decoded));
}

static void continuation_and_unused_flags_are_refused(void **state) {
    /* rows: 69 */
    struct amqp_properties decoded;

    (void)state;
    assert_false(decode(AMQP_FLAGS_CONTINUED, SLICE("\x00\x00"), &decoded));
    assert_false(decode(AMQP_FLAGS_CONTINUED, SLICE(""), &decoded));
    assert_false(decode(0x0002, SLICE(""), &decoded));
    assert_false(decode(AMQP_DELIVERY_MODE | 1, SLICE("\x01"), &decoded));
    assert_true(decode(AMQP_DELIVERY_MODE, SLICE("\x01"), &decoded));
}

static void any_delivery_mode_is_passed_through(void **state) {
    /* rows: 67 */
    struct amqp_properties decoded;

    (void)state;
    assert_true(decode(AMQP_DELIVERY_MODE, SLICE("\xc8"), &decoded));
    assert_int_equal(decoded.delivery_mode, 200);
}

static void absent_properties_are_empty(void **state) {
    struct amqp_properties decoded;

    (void)state;
    memset(&decoded, 0xee, sizeof decoded);
    assert_true(decode(AMQP_PRIORITY, SLICE("\x05"), &decoded));
    assert_properties_equal(&decoded,
                            &(struct amqp_properties){.flags = AMQP_PRIORITY, .priority = 5});
}

static void invalid_headers_are_refused_unless_trusted(void **state) {
    struct slice wire = SLICE("\x00\x00\x00\x03\x01kZ");
    struct amqp_properties decoded;

    (void)state;
    assert_false(decode(AMQP_HEADERS, wire, &decoded));
    assert_true(amqp_properties_read(AMQP_HEADERS, wire, &decoded));
    assert_slice_equal(decoded.headers, SLICE("\x01kZ"));
}

static void short_string_too_long_fails_the_writer(void **state) {
    static const uint8_t text[256];
    uint8_t buffer[512];
    struct writer w = writer_over(buffer, sizeof buffer);
    const struct amqp_properties properties = {.flags = AMQP_REPLY_TO,
                                               .reply_to = slice_of(text, sizeof text)};

    (void)state;
    amqp_properties_encode(&w, &properties);
    assert_true(writer_failed(&w));
}

static void content_header_makes_the_round_trip(void **state) {
    struct slice payload = SLICE("\x00\x3c\x00\x05"
                                 "\x00\x00\x00\x01\x00\x00\x00\x02"
                                 "\x10\x00"
                                 "\x02");
    struct amqp_content_header header;
    uint8_t buffer[32];
    struct writer w = writer_over(buffer, sizeof buffer);

    (void)state;
    assert_true(amqp_content_header_decode(payload, &header));
    assert_int_equal(header.class_id, 60);
    assert_int_equal(header.weight, 5);
    assert_int_equal(header.flags, AMQP_DELIVERY_MODE);
    assert_true(header.body_size == UINT64_C(0x0000000100000002));
    assert_slice_equal(header.properties, SLICE("\x02"));

    amqp_content_header_encode(&w, &header);
    assert_slice_equal(writer_written(&w), payload);
}

static void short_content_header_is_refused(void **state) {
    struct slice payload = SLICE("\x00\x3c\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00");
    struct amqp_content_header header = {.class_id = 7};

    (void)state;
    for (size_t len = 0; len < payload.len; len++) {
        struct slice cut = exact_copy(payload, len);

        assert_false(amqp_content_header_decode(cut, &header));
        assert_int_equal(header.class_id, 7);
        exact_free(cut);
    }
    assert_true(amqp_content_header_decode(payload, &header));
    assert_true(slice_is_empty(header.properties));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_properties_look_as_on_the_wire),
        cmocka_unit_test(every_set_of_properties_makes_the_round_trip),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(octets_left_over_are_refused),
        cmocka_unit_test(continuation_and_unused_flags_are_refused),
        cmocka_unit_test(any_delivery_mode_is_passed_through),
        cmocka_unit_test(absent_properties_are_empty),
        cmocka_unit_test(invalid_headers_are_refused_unless_trusted),
        cmocka_unit_test(short_string_too_long_fails_the_writer),
        cmocka_unit_test(content_header_makes_the_round_trip),
        cmocka_unit_test(short_content_header_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
