/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/broker/entities/support.h"

#include "amqp/frame.h"

struct memory_fixture {
    struct message_memory memory;
    uint8_t header[256];
};

static int setup(void **state) {
    struct memory_fixture *f = calloc(1, sizeof *f);

    message_memory_init(&f->memory);
    *state = f;
    return 0;
}

/* Clearing asserts that every message is gone. */
static int teardown(void **state) {
    struct memory_fixture *f = *state;

    message_memory_clear(&f->memory);
    free(f);
    return 0;
}

#define MESSAGE_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

static struct slice header_of(struct memory_fixture *f, uint64_t body_size,
                              const struct amqp_properties *properties) {
    struct writer w = writer_over(f->header, sizeof f->header);

    writer_u16(&w, AMQP_CLASS_BASIC);
    writer_u16(&w, 0);
    writer_u64(&w, body_size);
    amqp_properties_encode(&w, properties);
    assert_true(writer_is_complete(&w));
    return writer_written(&w);
}

static struct message *create(struct memory_fixture *f, uint64_t body_size, struct slice body) {
    struct amqp_properties properties = {0};
    struct message *message = message_create(&f->memory, SLICE("exchange"), SLICE("key"),
                                             header_of(f, body_size, &properties), body);

    assert_non_null(message);
    return message;
}

static void small_message_is_kept_as_frames(void **state) {
    struct memory_fixture *f = *state;
    struct message *message = create(f, 5, SLICE("hello"));

    assert_true(message_is_complete(message));
    assert_slice(message_exchange(message), "exchange");
    assert_slice(message_routing_key(message), "key");
    assert_slice(message_address(message), "\x08"
                                           "exchange"
                                           "\x03"
                                           "key");
    assert_slice(message_inline_frame(message), "\x03\0\0\0\0\0\x05"
                                                "hello"
                                                "\xce");
    assert_slice(message_header_frame(message), "\x02\0\0\0\0\0\x0e"
                                                "\0\x3c\0\0\0\0\0\0\0\0\0\x05\0\0"
                                                "\xce");
    assert_slice(message_header_payload(message), "\0\x3c\0\0\0\0\0\0\0\0\0\x05\0\0");
    message_unref(message);
}

static void body_is_walked_inline(void **state) {
    struct memory_fixture *f = *state;
    struct message *message = create(f, 5, SLICE("hello"));
    struct body_hint hint = {0};

    assert_slice(message_body_at(message, 0, &hint), "hello");
    assert_slice(message_body_at(message, 3, &hint), "lo");
    assert_int_equal(message_body_at(message, 5, &hint).len, 0);
    message_unref(message);
}

static void empty_body_is_complete_and_has_no_frame(void **state) {
    struct memory_fixture *f = *state;
    struct message *message = create(f, 0, NO_TABLE);
    struct body_hint hint = {0};

    assert_true(message_is_complete(message));
    assert_int_equal(message_inline_frame(message).len, 0);
    assert_int_equal(message_body_at(message, 0, &hint).len, 0);
    message_unref(message);
}

/* Octets of a counter, so that a piece out of place is seen. */
static void appended_body_is_walked_in_order(void **state) {
    enum { BODY_SIZE = 200000 };
    struct memory_fixture *f = *state;
    struct random random = {7};
    struct message *message = create(f, BODY_SIZE, NO_TABLE);
    uint8_t octets[5000];
    size_t sent = 0;

    while (sent < BODY_SIZE) {
        size_t len = 1 + random_below(&random, sizeof octets);
        len = len < BODY_SIZE - sent ? len : BODY_SIZE - sent;
        for (size_t i = 0; i < len; i++)
            octets[i] = (uint8_t)((sent + i) % 251);
        assert_false(message_is_complete(message));
        assert_true(message_append_body(message, slice_of(octets, len)));
        sent += len;
    }
    assert_true(message_is_complete(message));
    struct body_hint hint = {0};
    size_t at = 0;
    for (struct slice range; (range = message_body_at(message, at, &hint)).len > 0;) {
        for (size_t i = 0; i < range.len; i++)
            assert_int_equal(range.data[i], (at + i) % 251);
        at += range.len;
    }
    assert_int_equal(at, BODY_SIZE);
    assert_int_equal(message_body_at(message, 12345, &hint).data[0], 12345 % 251);
    message_unref(message);
}

/* A peer that announces much and sends little holds little memory. */
static void memory_follows_what_arrived(void **state) {
    struct memory_fixture *f = *state;
    struct message *message = create(f, 512u * 1024 * 1024, NO_TABLE);

    assert_true(f->memory.bytes < 1024);
    for (int i = 1; i <= 20000; i++) {
        assert_true(message_append_body(message, SLICE("x")));
        assert_true(f->memory.bytes <= 2 * (uint64_t)i + 2048);
    }
    message_unref(message);
    assert_int_equal(f->memory.bytes, 0);
}

static void last_reference_frees(void **state) {
    struct memory_fixture *f = *state;
    struct message *message = create(f, 5, SLICE("hello"));

    assert_ptr_equal(message_ref(message), message);
    message_unref(message);
    assert_slice(message_exchange(message), "exchange");
    message_release(message);
    assert_int_equal(f->memory.bytes, 0);
    message_unref(NULL);
}

static void delivery_mode_two_is_persistent(void **state) {
    struct memory_fixture *f = *state;

    for (uint8_t mode = 0; mode < 4; mode++) {
        struct amqp_properties properties = {.flags = AMQP_DELIVERY_MODE, .delivery_mode = mode};
        struct message *message = message_create(&f->memory, SLICE("x"), SLICE("k"),
                                                 header_of(f, 0, &properties), NO_TABLE);
        assert_int_equal(message->persistent, mode == 2);
        message_unref(message);
    }
    struct message *message = create(f, 0, NO_TABLE);
    assert_false(message->persistent);
    message_unref(message);
}

static void copy_has_the_new_address_and_properties_and_the_body(void **state) {
    struct memory_fixture *f = *state;
    struct amqp_properties properties = {
        .flags = AMQP_APP_ID | AMQP_DELIVERY_MODE, .delivery_mode = 2, .app_id = SLICE("app")};
    struct amqp_properties read;
    struct message *message = create(f, 5, SLICE("hello"));
    struct message *copy = message_copy_with(message, SLICE("x"), SLICE("k"), &properties);
    struct body_hint hint = {0};

    assert_non_null(copy);
    message_unref(message);
    assert_slice(message_exchange(copy), "x");
    assert_slice(message_routing_key(copy), "k");
    assert_slice(message_body_at(copy, 0, &hint), "hello");
    message_properties(copy, &read);
    assert_int_equal(read.flags, properties.flags);
    assert_slice(read.app_id, "app");
    assert_true(copy->persistent);
    message_unref(copy);
}

static void copy_of_a_body_in_pieces_is_complete(void **state) {
    struct memory_fixture *f = *state;
    struct amqp_properties properties = {0};
    struct message *message = create(f, 100000, NO_TABLE);
    char octets[1000];
    size_t len = 0;

    for (size_t i = 0; i < 100; i++) {
        memset(octets, (int)('a' + i % 26), sizeof octets);
        assert_true(message_append_body(message, slice_of(octets, sizeof octets)));
    }
    struct message *copy = message_copy_with(message, SLICE("x"), SLICE("k"), &properties);
    struct body_hint hint = {0};
    message_unref(message);
    assert_non_null(copy);
    assert_true(message_is_complete(copy));
    for (struct slice range; (range = message_body_at(copy, len, &hint)).len > 0; len += range.len)
        assert_int_equal(range.data[0], 'a' + len / 1000 % 26);
    assert_int_equal(len, 100000);
    message_unref(copy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        MESSAGE_TEST(small_message_is_kept_as_frames),
        MESSAGE_TEST(body_is_walked_inline),
        MESSAGE_TEST(empty_body_is_complete_and_has_no_frame),
        MESSAGE_TEST(appended_body_is_walked_in_order),
        MESSAGE_TEST(memory_follows_what_arrived),
        MESSAGE_TEST(last_reference_frees),
        MESSAGE_TEST(delivery_mode_two_is_persistent),
        MESSAGE_TEST(copy_has_the_new_address_and_properties_and_the_body),
        MESSAGE_TEST(copy_of_a_body_in_pieces_is_complete),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
