/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/broker/entities/support.h"

static void refuse_formats_and_returns_false(void **state) {
    struct refusal refusal = {0};

    (void)state;
    assert_false(refuse(&refusal, AMQP_PRECONDITION_FAILED, "limit %d of '%s'", 5, "q"));
    assert_int_equal(refusal.reply_code, 406);
    assert_string_equal(refusal.text, "limit 5 of 'q'");
}

static void refuse_not_found_names_the_missing_entity(void **state) {
    struct refusal refusal = {0};

    (void)state;
    assert_false(refuse_not_found(&refusal, "queue", SLICE("q"), SLICE("/")));
    assert_int_equal(refusal.reply_code, 404);
    assert_string_equal(refusal.text, "no queue 'q' in vhost '/'");
}

static void text_too_long_is_cut(void **state) {
    struct refusal refusal = {0};
    char name[2 * REFUSAL_TEXT_MAX];

    (void)state;
    memset(name, 'x', sizeof name);
    refuse(&refusal, AMQP_NOT_FOUND, "%.*s", (int)sizeof name, name);
    assert_int_equal(strlen(refusal.text), REFUSAL_TEXT_MAX - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuse_formats_and_returns_false),
        cmocka_unit_test(refuse_not_found_names_the_missing_entity),
        cmocka_unit_test(text_too_long_is_cut),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
