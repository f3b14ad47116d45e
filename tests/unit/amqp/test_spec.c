/* SPDX-License-Identifier: Apache-2.0 */

/* Reply codes: their words, and which of them close the connection. */
#include "tests/unit/amqp/support.h"

#include "amqp/spec.h"

static void codes_have_the_words_of_reply_texts(void **state) {
    (void)state;
    assert_string_equal(amqp_reply_code_name(AMQP_PRECONDITION_FAILED), "PRECONDITION_FAILED");
    assert_string_equal(amqp_reply_code_name(320), "CONNECTION_FORCED");
    assert_string_equal(amqp_reply_code_name(404), "NOT_FOUND");
    assert_string_equal(amqp_reply_code_name(541), "INTERNAL_ERROR");
    assert_string_equal(amqp_reply_code_name(407), "UNKNOWN");
}

static void soft_codes_close_the_channel_only(void **state) {
    static const uint16_t soft[] = {311, 312, 313, 403, 404, 405, 406};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(soft); i++)
        assert_false(amqp_reply_code_is_hard(soft[i]));
}

static void hard_codes_close_the_connection(void **state) {
    static const uint16_t hard[] = {320, 402, 501, 502, 503, 504, 505, 506, 530, 540, 541, 999};

    (void)state;
    for (size_t i = 0; i < ARRAY_LENGTH(hard); i++)
        assert_true(amqp_reply_code_is_hard(hard[i]));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_have_the_words_of_reply_texts),
        cmocka_unit_test(soft_codes_close_the_channel_only),
        cmocka_unit_test(hard_codes_close_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
