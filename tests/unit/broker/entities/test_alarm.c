/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/alarm.h"

#include <math.h>

#include "tests/unit/broker/entities/support.h"

static void fractions_are_of_the_memory_there_is(void **state) {
    struct fixture *f = *state;
    struct resources *resources = &f->broker->resources;

    resources->memory_total = 1000;
    assert_true(broker_set_memory_fraction(f->broker, 0.4));
    assert_int_equal(resources->memory_limit, 400);
    assert_true(broker_set_disk_free_fraction(f->broker, 2.5));
    assert_int_equal(resources->disk_limit, 2500);
    broker_set_memory_limit(f->broker, 0);
    assert_int_equal(resources->memory_limit, 0);
}

static void numbers_that_are_no_fractions_change_nothing(void **state) {
    struct fixture *f = *state;
    struct resources *resources = &f->broker->resources;

    resources->memory_total = 1000;
    broker_set_memory_limit(f->broker, 7);
    broker_set_disk_free_limit(f->broker, 8);
    assert_false(broker_set_memory_fraction(f->broker, -0.1));
    assert_false(broker_set_memory_fraction(f->broker, 1.1));
    assert_false(broker_set_memory_fraction(f->broker, NAN));
    assert_false(broker_set_disk_free_fraction(f->broker, -1));
    assert_false(broker_set_disk_free_fraction(f->broker, NAN));
    assert_false(broker_set_disk_free_fraction(f->broker, INFINITY));
    assert_int_equal(resources->memory_limit, 7);
    assert_int_equal(resources->disk_limit, 8);
}

static void a_new_limit_is_to_be_looked_at(void **state) {
    struct fixture *f = *state;
    struct resources *resources = &f->broker->resources;

    broker_set_memory_limit(f->broker, 7);
    assert_true(resources->memory_limit_changed);
    assert_false(resources->disk_limit_changed);
    broker_set_disk_free_limit(f->broker, 8);
    assert_true(resources->disk_limit_changed);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(fractions_are_of_the_memory_there_is),
        FIXTURE_TEST(numbers_that_are_no_fractions_change_nothing),
        FIXTURE_TEST(a_new_limit_is_to_be_looked_at),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
