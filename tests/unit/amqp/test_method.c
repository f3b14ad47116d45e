/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The method codec.  Filling and comparing every struct is generated from methods.def, as the
 * structs are; that rows, order and bits are those of the wire is shown by octets written out by
 * hand.
 */
#include "tests/unit/amqp/support.h"

#include "amqp/method.h"
#include "amqp/table.h"

/* -- Every method with every field filled ------------------------------------------------------ */

static uint8_t next_value(unsigned *seed) {
    *seed = *seed * 5 + 3;
    return (uint8_t)*seed;
}

static void fill_octet(uint8_t *ret, unsigned *seed) {
    *ret = next_value(seed);
}

static void fill_short(uint16_t *ret, unsigned *seed) {
    *ret = (uint16_t)(0x0100 + next_value(seed));
}

static void fill_long(uint32_t *ret, unsigned *seed) {
    *ret = UINT32_C(0x81000000) + next_value(seed);
}

static void fill_longlong(uint64_t *ret, unsigned *seed) {
    *ret = UINT64_C(0x8100000000000000) + next_value(seed);
}

static void fill_bit(bool *ret, unsigned *seed) {
    *ret = (next_value(seed) & 4) != 0;
}

static const char texts[][8] = {"", "a", "amq.x", "\xc3\xa9t\xc3\xa9"};

static void fill_shortstr(struct slice *ret, unsigned *seed) {
    *ret = slice_from_text(texts[next_value(seed) % ARRAY_LENGTH(texts)]);
}

static void fill_longstr(struct slice *ret, unsigned *seed) {
    *ret = next_value(seed) % 2 == 0 ? SLICE("not \xff utf-8") : SLICE("");
}

static void fill_table(struct slice *ret, unsigned *seed) {
    *ret = next_value(seed) % 2 == 0 ? SLICE("\x01kt\x01\x01vV") : SLICE("");
}

static void compare_octet(uint8_t a, uint8_t b) {
    assert_int_equal(a, b);
}

static void compare_short(uint16_t a, uint16_t b) {
    assert_int_equal(a, b);
}

static void compare_long(uint32_t a, uint32_t b) {
    assert_int_equal(a, b);
}

static void compare_longlong(uint64_t a, uint64_t b) {
    assert_true(a == b);
}

static void compare_bit(bool a, bool b) {
    assert_int_equal(a, b);
}

static void compare_shortstr(struct slice a, struct slice b) {
    assert_slice_equal(a, b);
}

static void compare_longstr(struct slice a, struct slice b) {
    assert_slice_equal(a, b);
}

static void compare_table(struct slice a, struct slice b) {
    assert_slice_equal(a, b);
}

/* clang-format off */
#define METHOD(constant, name, wire_name, class_id, method_id, content) \
    static void fill_##name(struct amqp_##name *m, unsigned *seed) { (void)m; (void)seed;
#define FIELD(method, type, name) fill_##type(&m->name, seed);
#define END(name) }
#include "amqp/methods.def"

#define METHOD(constant, name, wire_name, class_id, method_id, content) \
    static void compare_##name(const struct amqp_##name *a, const struct amqp_##name *b) { \
        (void)a; (void)b;
#define FIELD(method, type, name) compare_##type(a->name, b->name);
#define END(name) }
#include "amqp/methods.def"
/* clang-format on */

static void fill_method(struct amqp_method *method, unsigned seed) {
    switch (method->id) {
#define METHOD(constant, name, wire_name, class_id, method_id, content) \
    case AMQP_##constant:                                               \
        fill_##name(&method->name, &seed);                              \
        return;
#define FIELD(method, type, name)
#define END(name)
#include "amqp/methods.def"
    case AMQP_METHOD_UNKNOWN:
    case AMQP_METHOD_COUNT:
        break;
    }
    fail();
}

static void compare_methods(const struct amqp_method *a, const struct amqp_method *b) {
    assert_int_equal(a->id, b->id);
    switch (a->id) {
#define METHOD(constant, name, wire_name, class_id, method_id, content) \
    case AMQP_##constant:                                               \
        compare_##name(&a->name, &b->name);                             \
        return;
#define FIELD(method, type, name)
#define END(name)
#include "amqp/methods.def"
    case AMQP_METHOD_UNKNOWN:
    case AMQP_METHOD_COUNT:
        break;
    }
    fail();
}

struct encoded {
    uint8_t octets[512]; /* zero behind the payload */
    struct slice payload;
};

static void encode(struct encoded *ret, const struct amqp_method *method) {
    struct writer w = writer_over(ret->octets, sizeof ret->octets);

    memset(ret->octets, 0, sizeof ret->octets);
    amqp_method_encode(&w, method);
    assert_true(writer_is_complete(&w));
    ret->payload = writer_written(&w);
}

#define FOR_EVERY_METHOD(method, seed)         \
    for (unsigned seed = 0; seed < 16; seed++) \
        for ((method).id = 1; (method).id < AMQP_METHOD_COUNT; (method).id++)

static void every_method_makes_the_round_trip(void **state) {
    struct amqp_method method, decoded;
    struct encoded encoded;

    (void)state;
    FOR_EVERY_METHOD(method, seed) {
        fill_method(&method, seed);
        encode(&encoded, &method);
        struct slice payload = exact_copy(encoded.payload, encoded.payload.len);
        memset(&decoded, 0xee, sizeof decoded);
        assert_int_equal(amqp_method_decode(payload, &decoded), AMQP_DECODED);
        compare_methods(&method, &decoded);
        exact_free(payload);
    }
}

static void every_truncation_is_malformed(void **state) {
    struct amqp_method method, decoded;
    struct encoded encoded;

    (void)state;
    FOR_EVERY_METHOD(method, seed) {
        fill_method(&method, seed);
        encode(&encoded, &method);
        for (size_t len = 0; len < encoded.payload.len; len++) {
            struct slice payload = exact_copy(encoded.payload, len);
            enum amqp_decode_result expected =
                len < 4 ? AMQP_DECODE_UNKNOWN_METHOD : AMQP_DECODE_MALFORMED;

            assert_int_equal(amqp_method_decode(payload, &decoded), expected);
            assert_int_equal(decoded.id, len < 4 ? AMQP_METHOD_UNKNOWN : method.id);
            exact_free(payload);
        }
    }
}

static void octets_left_over_are_malformed(void **state) {
    struct amqp_method method, decoded;
    struct encoded encoded;

    (void)state;
    FOR_EVERY_METHOD(method, seed) {
        fill_method(&method, seed);
        encode(&encoded, &method);
        struct slice longer = slice_of(encoded.octets, encoded.payload.len + 1);

        encoded.octets[encoded.payload.len] = 0;
        assert_int_equal(amqp_method_decode(longer, &decoded), AMQP_DECODE_MALFORMED);
        assert_int_equal(decoded.id, method.id);
    }
}

static void every_overflow_is_counted(void **state) {
    struct amqp_method method;
    struct encoded encoded;

    (void)state;
    FOR_EVERY_METHOD(method, seed) {
        fill_method(&method, seed);
        encode(&encoded, &method);
        for (size_t size = 0; size < encoded.payload.len; size++) {
            uint8_t *buffer = malloc(size > 0 ? size : 1);
            assert_non_null(buffer);
            struct writer w = writer_over(buffer, size);

            amqp_method_encode(&w, &method);
            assert_true(writer_overflowed(&w));
            assert_int_equal(writer_length(&w), encoded.payload.len);
            free(buffer);
        }
    }
}

/* -- The shortcut and the table ---------------------------------------------------------------- */

static void assert_both_agree(struct slice octets) {
    struct slice payload = exact_copy(octets, octets.len);
    struct amqp_method method, by_table;
    enum amqp_decode_result result = amqp_method_decode(payload, &method);

    assert_int_equal(result, amqp_method_decode_by_table(payload, &by_table));
    assert_int_equal(method.id, by_table.id);
    if (result == AMQP_DECODED)
        compare_methods(&method, &by_table);
    exact_free(payload);
}

/* Each length, each octet with every value: lengths that are too long, bad UTF-8, other methods. */
static void shortcut_and_table_agree_on_every_change_of_an_octet(void **state) {
    const struct amqp_method methods[] = {
        {.id = AMQP_BASIC_PUBLISH,
         .basic_publish = {.ticket = 1,
                           .exchange = SLICE("x"),
                           .routing_key = SLICE("k\xc3\xa9y")}},
        {.id = AMQP_BASIC_ACK, .basic_ack = {.delivery_tag = 77, .multiple = true}},
    };
    struct encoded encoded;

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(methods); i++) {
        encode(&encoded, &methods[i]);
        for (size_t len = 0; len <= encoded.payload.len + 1; len++)
            assert_both_agree(slice_of(encoded.octets, len));
        for (size_t at = 0; at < encoded.payload.len; at++) {
            uint8_t octet = encoded.octets[at];
            for (unsigned value = 0; value < 256; value++) {
                encoded.octets[at] = (uint8_t)value;
                assert_both_agree(encoded.payload);
            }
            encoded.octets[at] = octet;
        }
    }
}

/* -- Octets written out by hand ---------------------------------------------------------------- */

static void assert_encodes_to(const struct amqp_method *method, struct slice expected) {
    struct encoded encoded;

    encode(&encoded, method);
    assert_slice_equal(encoded.payload, expected);
}

static void publish_looks_as_on_the_wire(void **state) {
    const struct amqp_method method = {
        .id = AMQP_BASIC_PUBLISH,
        .basic_publish = {.exchange = SLICE("x"), .routing_key = SLICE("rk"), .mandatory = true},
    };

    (void)state;
    assert_encodes_to(&method, SLICE("\x00\x3c\x00\x28"
                                     "\x00\x00"
                                     "\x01x"
                                     "\x02rk"
                                     "\x01"));
}

static void consecutive_bits_share_an_octet(void **state) {
    const struct amqp_method declare = {
        .id = AMQP_QUEUE_DECLARE,
        .queue_declare = {.ticket = 7, .queue = SLICE("q"), .durable = true, .no_wait = true},
    };
    const struct amqp_method request = {
        .id = AMQP_ACCESS_REQUEST,
        .access_request = {.realm = SLICE("/"), .exclusive = true, .read = true},
    };

    (void)state;
    assert_encodes_to(&declare, SLICE("\x00\x32\x00\x0a"
                                      "\x00\x07"
                                      "\x01q"
                                      "\x12"
                                      "\x00\x00\x00\x00"));
    assert_encodes_to(&request, SLICE("\x00\x1e\x00\x0a\x01/\x11"));
}

static void bits_apart_have_octets_of_their_own(void **state) {
    const struct amqp_method deliver = {
        .id = AMQP_BASIC_DELIVER,
        .basic_deliver = {.consumer_tag = SLICE("c"),
                          .delivery_tag = 2,
                          .redelivered = true,
                          .exchange = SLICE(""),
                          .routing_key = SLICE("q")},
    };

    (void)state;
    assert_encodes_to(&deliver, SLICE("\x00\x3c\x00\x3c"
                                      "\x01"
                                      "c"
                                      "\x00\x00\x00\x00\x00\x00\x00\x02"
                                      "\x01"
                                      "\x00"
                                      "\x01q"));
}

static void unused_bits_of_an_octet_are_ignored(void **state) {
    struct amqp_method method;

    (void)state;
    assert_int_equal(amqp_method_decode(SLICE("\x00\x55\x00\x0a\xfe"), &method), AMQP_DECODED);
    assert_int_equal(method.id, AMQP_CONFIRM_SELECT);
    assert_false(method.confirm_select.no_wait);
    assert_int_equal(amqp_method_decode(SLICE("\x00\x55\x00\x0a\xff"), &method), AMQP_DECODED);
    assert_true(method.confirm_select.no_wait);
}

static void fields_that_clients_trip_over(void **state) {
    const struct amqp_method get_empty = {.id = AMQP_BASIC_GET_EMPTY};
    const struct amqp_method open_ok = {.id = AMQP_CONNECTION_OPEN_OK};
    const struct amqp_method channel_open_ok = {.id = AMQP_CHANNEL_OPEN_OK};
    const struct amqp_method secret = {
        .id = AMQP_CONNECTION_UPDATE_SECRET,
        .connection_update_secret = {.new_secret = SLICE("s"), .reason = SLICE("r")},
    };
    const struct amqp_method unbind = {.id = AMQP_QUEUE_UNBIND};

    (void)state;
    assert_encodes_to(&get_empty, SLICE("\x00\x3c\x00\x48\x00"));
    assert_encodes_to(&open_ok, SLICE("\x00\x0a\x00\x29\x00"));
    assert_encodes_to(&channel_open_ok, SLICE("\x00\x14\x00\x0b\x00\x00\x00\x00"));
    assert_encodes_to(&secret, SLICE("\x00\x0a\x00\x46\x00\x00\x00\x01s\x01r"));
    assert_encodes_to(&unbind, SLICE("\x00\x32\x00\x32\x00\x00\x00\x00\x00\x00\x00\x00\x00"));
}

static void exchange_unbind_ok_is_method_51(void **state) {
    /* rows: 174 */
    const struct amqp_method method = {.id = AMQP_EXCHANGE_UNBIND_OK};

    (void)state;
    assert_encodes_to(&method, SLICE("\x00\x28\x00\x33"));
    assert_int_equal(amqp_method_find(40, 51), AMQP_EXCHANGE_UNBIND_OK);
    assert_int_equal(amqp_method_find(40, 41), AMQP_METHOD_UNKNOWN);
}

/* -- What is refused --------------------------------------------------------------------------- */

static void unknown_methods_are_told_from_malformed_ones(void **state) {
    struct amqp_method method;

    (void)state;
    assert_int_equal(amqp_method_decode(SLICE("\x00\x3c\x00\x29"), &method),
                     AMQP_DECODE_UNKNOWN_METHOD);
    assert_int_equal(method.id, AMQP_METHOD_UNKNOWN);
    assert_int_equal(amqp_method_decode(SLICE("\x00\x3c\x00\x28"), &method), AMQP_DECODE_MALFORMED);
    assert_int_equal(method.id, AMQP_BASIC_PUBLISH);
}

static void short_string_must_be_utf8(void **state) {
    struct amqp_method method;
    struct slice payload = SLICE("\x00\x3c\x00\x28\x00\x00\x01x\x02r\xff\x00");

    (void)state;
    assert_int_equal(amqp_method_decode(payload, &method), AMQP_DECODE_BAD_UTF8);
    assert_int_equal(method.id, AMQP_BASIC_PUBLISH);
}

static void first_bad_field_names_the_error(void **state) {
    struct amqp_method method;
    struct slice utf8_first = SLICE("\x00\x32\x00\x0a\x00\x00\x01\xff\x00"
                                    "\x00\x00\x00\x03\x01kZ");
    struct slice table_first = SLICE("\x00\x0a\x00\x0b"
                                     "\x00\x00\x00\x03\x01kZ"
                                     "\x01\xff\x00\x00\x00\x00\x05"
                                     "en_US");
    struct slice good_after_bad = SLICE("\x00\x3c\x00\x28\x00\x00\x01\xff\x01k\x00");

    (void)state;
    assert_int_equal(amqp_method_decode(utf8_first, &method), AMQP_DECODE_BAD_UTF8);
    assert_int_equal(amqp_method_decode(table_first, &method), AMQP_DECODE_BAD_TABLE);
    assert_int_equal(amqp_method_decode(good_after_bad, &method), AMQP_DECODE_BAD_UTF8);
}

static void long_string_need_not_be_utf8(void **state) {
    struct amqp_method method;
    struct slice payload = SLICE("\x00\x0a\x00\x15\x00\x00\x00\x02\xff\xfe");

    (void)state;
    assert_int_equal(amqp_method_decode(payload, &method), AMQP_DECODED);
    assert_slice_equal(method.connection_secure_ok.response, SLICE("\xff\xfe"));
}

static void malformed_is_judged_before_utf8(void **state) {
    struct amqp_method method;

    (void)state;
    assert_int_equal(amqp_method_decode(SLICE("\x00\x3c\x00\x28\x00\x00\x01\xff\x02r"), &method),
                     AMQP_DECODE_MALFORMED);
}

static void unknown_table_tag_is_a_bad_table(void **state) {
    /* rows: 65 */
    struct amqp_method method;
    struct slice payload = SLICE("\x00\x32\x00\x0a\x00\x00\x00\x00"
                                 "\x00\x00\x00\x03\x01kZ");

    (void)state;
    assert_int_equal(amqp_method_decode(payload, &method), AMQP_DECODE_BAD_TABLE);
    assert_int_equal(method.id, AMQP_QUEUE_DECLARE);
}

static void table_cut_inside_its_length_is_a_bad_table(void **state) {
    struct amqp_method method;
    struct slice payload = SLICE("\x00\x32\x00\x0a\x00\x00\x00\x00"
                                 "\x00\x00\x00\x04\x01kI\x00");

    (void)state;
    assert_int_equal(amqp_method_decode(payload, &method), AMQP_DECODE_BAD_TABLE);
}

static void short_string_too_long_to_encode_fails_the_writer(void **state) {
    static const uint8_t name[256];
    uint8_t buffer[1024];
    struct writer w = writer_over(buffer, sizeof buffer);
    const struct amqp_method method = {
        .id = AMQP_QUEUE_DELETE,
        .queue_delete = {.queue = slice_of(name, sizeof name)},
    };

    (void)state;
    amqp_method_encode(&w, &method);
    assert_true(writer_failed(&w));
}

/* -- Numbers and names ------------------------------------------------------------------------- */

static void numbers_and_ids_lead_to_each_other(void **state) {
    size_t found = 0;

    (void)state;
    for (unsigned class_id = 0; class_id <= 300; class_id++) {
        for (unsigned method_id = 0; method_id <= 300; method_id++) {
            enum amqp_method_id id = amqp_method_find((uint16_t)class_id, (uint16_t)method_id);
            if (id == AMQP_METHOD_UNKNOWN)
                continue;
            assert_int_equal(amqp_method_class_id(id), class_id);
            assert_int_equal(amqp_method_method_id(id), method_id);
            found++;
        }
    }
    assert_int_equal(found, AMQP_METHOD_COUNT - 1);
    assert_int_equal(amqp_method_find(UINT16_MAX, UINT16_MAX), AMQP_METHOD_UNKNOWN);
}

static void methods_have_names(void **state) {
    (void)state;
    assert_string_equal(amqp_method_name(AMQP_BASIC_PUBLISH), "basic.publish");
    assert_string_equal(amqp_method_name(AMQP_CONNECTION_UPDATE_SECRET_OK),
                        "connection.update-secret-ok");
    assert_string_equal(amqp_method_name(AMQP_METHOD_UNKNOWN), "unknown");
    assert_int_equal(amqp_method_class_id(AMQP_METHOD_UNKNOWN), 0);
    assert_int_equal(amqp_method_method_id(AMQP_METHOD_UNKNOWN), 0);
}

static void four_methods_carry_content(void **state) {
    size_t with_content = 0;

    (void)state;
    for (enum amqp_method_id id = AMQP_METHOD_UNKNOWN; id < AMQP_METHOD_COUNT; id++)
        with_content += amqp_method_has_content(id);
    assert_int_equal(with_content, 4);
    assert_true(amqp_method_has_content(AMQP_BASIC_PUBLISH));
    assert_true(amqp_method_has_content(AMQP_BASIC_RETURN));
    assert_true(amqp_method_has_content(AMQP_BASIC_DELIVER));
    assert_true(amqp_method_has_content(AMQP_BASIC_GET_OK));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method_makes_the_round_trip),
        cmocka_unit_test(every_truncation_is_malformed),
        cmocka_unit_test(octets_left_over_are_malformed),
        cmocka_unit_test(every_overflow_is_counted),
        cmocka_unit_test(shortcut_and_table_agree_on_every_change_of_an_octet),
        cmocka_unit_test(publish_looks_as_on_the_wire),
        cmocka_unit_test(consecutive_bits_share_an_octet),
        cmocka_unit_test(bits_apart_have_octets_of_their_own),
        cmocka_unit_test(unused_bits_of_an_octet_are_ignored),
        cmocka_unit_test(fields_that_clients_trip_over),
        cmocka_unit_test(exchange_unbind_ok_is_method_51),
        cmocka_unit_test(unknown_methods_are_told_from_malformed_ones),
        cmocka_unit_test(short_string_must_be_utf8),
        cmocka_unit_test(first_bad_field_names_the_error),
        cmocka_unit_test(long_string_need_not_be_utf8),
        cmocka_unit_test(malformed_is_judged_before_utf8),
        cmocka_unit_test(unknown_table_tag_is_a_bad_table),
        cmocka_unit_test(table_cut_inside_its_length_is_a_bad_table),
        cmocka_unit_test(short_string_too_long_to_encode_fails_the_writer),
        cmocka_unit_test(numbers_and_ids_lead_to_each_other),
        cmocka_unit_test(methods_have_names),
        cmocka_unit_test(four_methods_carry_content),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
