/* SPDX-License-Identifier: Apache-2.0 */

/* Protocol header and frames, octet by octet. */
#include "tests/unit/amqp/support.h"

#include "amqp/frame.h"
#include "amqp/method.h"

static enum protocol_header_kind check(const char header[9]) {
    return protocol_header_check((const uint8_t *)header);
}

static void two_protocol_headers_are_accepted(void **state) {
    (void)state;
    assert_int_equal(check("AMQP\x00\x00\x09\x01"), PROTOCOL_HEADER_0_9_1);
    assert_int_equal(check("AMQP\x01\x01\x00\x09"), PROTOCOL_HEADER_0_9);
    assert_int_equal(check(AMQP_PROTOCOL_HEADER), PROTOCOL_HEADER_0_9_1);
    assert_true(protocol_header_is_accepted(PROTOCOL_HEADER_0_9_1));
    assert_true(protocol_header_is_accepted(PROTOCOL_HEADER_0_9));
}

static void other_protocol_headers_are_refused(void **state) {
    static const struct {
        const char *header;
        enum protocol_header_kind kind;
    } refused[] = {
        {"AMQP\x01\x01\x08\x00", PROTOCOL_HEADER_AMQP}, /* 0-8 */
        {"AMQP\x03\x01\x00\x00", PROTOCOL_HEADER_AMQP}, /* 1.0 after SASL */
        {"AMQP\x00\x01\x00\x00", PROTOCOL_HEADER_AMQP}, /* 1.0 */
        {"AMQP\x00\x00\x09\x02", PROTOCOL_HEADER_AMQP}, /* a revision that never was */
        {"AMQP\x00\x00\x0a\x01", PROTOCOL_HEADER_AMQP}, /* a version that never was */
        {"AMQP\x01\x01\x09\x01", PROTOCOL_HEADER_AMQP}, /* an old client that says 0-9-1 */
        {"AMQPAMQP", PROTOCOL_HEADER_AMQP},             /* no version at all */
        {"GET / HT", PROTOCOL_HEADER_HTTP},             /* a browser */
        {"POST / H", PROTOCOL_HEADER_HTTP},             /* a script */
        {"\x16\x03\x01\x02\x00\x01\x00\x01", PROTOCOL_HEADER_TLS},
        {"\x16\x03\x01\x02\x00\x02\x00\x01", PROTOCOL_HEADER_OTHER}, /* no ClientHello */
        {"SSH-2.0-", PROTOCOL_HEADER_OTHER},
        {"amqp\x00\x00\x09\x01", PROTOCOL_HEADER_OTHER},
        {"\0\0\0\0\0\0\0\0", PROTOCOL_HEADER_OTHER},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(refused); i++) {
        struct slice octets = exact_copy(slice_of(refused[i].header, 8), 8);

        assert_int_equal(protocol_header_check(octets.data), refused[i].kind);
        assert_false(protocol_header_is_accepted(refused[i].kind));
        exact_free(octets);
    }
}

static void head_makes_the_round_trip(void **state) {
    uint8_t head[AMQP_FRAME_HEAD_SIZE];

    (void)state;
    frame_write_head(head, AMQP_FRAME_BODY, 0xabcd, 0x12345678);
    assert_memory_equal(head, "\x03\xab\xcd\x12\x34\x56\x78", sizeof head);

    struct frame_header header = frame_header_decode(head);
    assert_int_equal(header.type, AMQP_FRAME_BODY);
    assert_int_equal(header.channel, 0xabcd);
    assert_int_equal(header.size, 0x12345678);
}

static void method_frame_is_whole(void **state) {
    const struct amqp_method method = {.id = AMQP_CHANNEL_FLOW_OK,
                                       .channel_flow_ok = {.active = true}};
    uint8_t buffer[32];
    struct writer w = writer_over(buffer, sizeof buffer);

    (void)state;
    frame_encode_method(&w, 0x0102, &method);
    assert_true(writer_is_complete(&w));
    assert_slice_equal(writer_written(&w), SLICE("\x01\x01\x02\x00\x00\x00\x05"
                                                 "\x00\x14\x00\x15\x01"
                                                 "\xce"));
}

static void method_frames_follow_each_other(void **state) {
    const struct amqp_method method = {.id = AMQP_TX_COMMIT_OK};
    uint8_t buffer[32];
    struct writer w = writer_over(buffer, sizeof buffer);

    (void)state;
    frame_encode_method(&w, 1, &method);
    frame_encode_method(&w, 2, &method);
    assert_slice_equal(writer_written(&w),
                       SLICE("\x01\x00\x01\x00\x00\x00\x04\x00\x5a\x00\x15\xce"
                             "\x01\x00\x02\x00\x00\x00\x04\x00\x5a\x00\x15\xce"));
}

static void content_header_frame_is_whole(void **state) {
    const struct amqp_content_header header = {
        .class_id = AMQP_CLASS_BASIC,
        .flags = AMQP_DELIVERY_MODE,
        .body_size = 5,
        .properties = SLICE("\x02"),
    };
    uint8_t buffer[32];
    struct writer w = writer_over(buffer, sizeof buffer);

    (void)state;
    frame_encode_content_header(&w, 9, &header);
    assert_slice_equal(writer_written(&w), SLICE("\x02\x00\x09\x00\x00\x00\x0f"
                                                 "\x00\x3c\x00\x00"
                                                 "\x00\x00\x00\x00\x00\x00\x00\x05"
                                                 "\x10\x00\x02"
                                                 "\xce"));
}

static void heartbeat_frame_is_whole(void **state) {
    uint8_t buffer[8];
    struct writer w = writer_over(buffer, sizeof buffer);

    (void)state;
    frame_encode_heartbeat(&w);
    assert_slice_equal(writer_written(&w), SLICE("\x08\x00\x00\x00\x00\x00\x00\xce"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_protocol_headers_are_accepted),
        cmocka_unit_test(other_protocol_headers_are_refused),
        cmocka_unit_test(head_makes_the_round_trip),
        cmocka_unit_test(method_frame_is_whole),
        cmocka_unit_test(method_frames_follow_each_other),
        cmocka_unit_test(content_header_frame_is_whole),
        cmocka_unit_test(heartbeat_frame_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
