/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/queue_argument.h"

#include "tests/unit/broker/entities/support.h"

static const struct amqp_value three = {.tag = AMQP_TAG_INT64, .integer = 3};
static const struct amqp_value five = {.tag = AMQP_TAG_INT64, .integer = 5};
static const struct amqp_value none = {.tag = AMQP_TAG_INT64, .integer = -1};
static const struct amqp_value word = {.tag = AMQP_TAG_TEXT};

static void one_of_two_values_counts(void **state) {
    (void)state;
    assert_ptr_equal(queue_argument_choose(CHOOSE_FIRST, &five, &three), &five);
    assert_ptr_equal(queue_argument_choose(CHOOSE_SECOND, &five, &three), &three);
    assert_ptr_equal(queue_argument_choose(CHOOSE_SMALLER, &five, &three), &three);
    assert_ptr_equal(queue_argument_choose(CHOOSE_GREATER, &three, &five), &five);
    assert_ptr_equal(queue_argument_choose(CHOOSE_LIMIT, &three, &five), &three);
    assert_ptr_equal(queue_argument_choose(CHOOSE_LIMIT, &three, &none), &three);
    assert_ptr_equal(queue_argument_choose(CHOOSE_LIMIT, &none, &three), &three);
}

static void a_single_value_counts(void **state) {
    (void)state;
    assert_ptr_equal(queue_argument_choose(CHOOSE_SMALLER, &five, NULL), &five);
    assert_ptr_equal(queue_argument_choose(CHOOSE_FIRST, NULL, &five), &five);
    assert_null(queue_argument_choose(CHOOSE_LIMIT, NULL, NULL));
    assert_ptr_equal(queue_argument_choose(CHOOSE_LIMIT, &word, &five), &five);
}

/* A redeclare would crash on an argument that the table does not have. */
static void every_key_is_found_and_begins_with_x(void **state) {
    (void)state;
    for (size_t i = 0; i < queue_argument_count; i++) {
        assert_ptr_equal(queue_argument_find(queue_arguments[i].key), &queue_arguments[i]);
        assert_memory_equal(queue_arguments[i].key, "x-", 2);
        assert_true((queue_arguments[i].policy.noun == NULL) ==
                    (queue_arguments[i].policy.check == NULL));
    }
    assert_null(queue_argument_find("x-nothing"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_of_two_values_counts),
        cmocka_unit_test(a_single_value_counts),
        cmocka_unit_test(every_key_is_found_and_begins_with_x),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
