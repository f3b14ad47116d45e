/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/delivery_history.h"

#include "tests/unit/broker/entities/support.h"

static void history_is_found_by_its_sequence(void **state) {
    struct delivery_history *histories = NULL;

    (void)state;
    assert_null(delivery_history_find(histories, 1));
    struct delivery_history *one = delivery_history_open(&histories, 1);
    struct delivery_history *far = delivery_history_open(&histories, UINT64_C(1) << 40);
    one->acquired = 3;
    assert_ptr_equal(delivery_history_open(&histories, 1), one);
    assert_int_equal(delivery_history_find(histories, 1)->acquired, 3);
    assert_int_equal(far->acquired, 0);
    delivery_history_close(&histories, one);
    assert_null(delivery_history_find(histories, 1));
    assert_ptr_equal(delivery_history_find(histories, UINT64_C(1) << 40), far);
    delivery_history_close(&histories, far);
    assert_null(histories);
}

static void all_can_be_closed(void **state) {
    struct delivery_history *histories = NULL;

    (void)state;
    for (uint64_t sequence = 0; sequence < 1000; sequence++)
        delivery_history_open(&histories, sequence * 7);
    while (histories != NULL)
        delivery_history_close(&histories, histories);
    assert_null(histories);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(history_is_found_by_its_sequence),
        cmocka_unit_test(all_can_be_closed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
