/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/global_parameter.h"

#include "tests/unit/broker/entities/support.h"

static void parameters_are_kept_as_written(void **state) {
    struct fixture *f = *state;
    struct refusal refusal;

    assert_true(global_parameter_set(f->broker, SLICE("a"), SLICE("{ \"b\": [1, 2] }"), &refusal));
    assert_true(slice_equal(global_parameter_find(f->broker, SLICE("a"))->value,
                            SLICE("{ \"b\": [1, 2] }")));
    assert_true(global_parameter_set(f->broker, SLICE("a"), SLICE("null"), &refusal));
    assert_true(slice_equal(global_parameter_find(f->broker, SLICE("a"))->value, SLICE("null")));
    assert_true(global_parameter_clear(f->broker, SLICE("a")));
    assert_false(global_parameter_clear(f->broker, SLICE("a")));
    assert_null(global_parameter_find(f->broker, SLICE("a")));
}

static void names_values_and_their_number_are_limited(void **state) {
    static char long_value[GLOBAL_PARAMETER_VALUE_LEN_MAX + 1];
    struct fixture *f = *state;
    struct refusal refusal;
    char name[32];

    assert_false(global_parameter_set(f->broker, SLICE(""), SLICE("1"), &refusal));
    assert_false(global_parameter_set(f->broker, slice_of(long_value, 256), SLICE("1"), &refusal));
    assert_false(global_parameter_set(f->broker, SLICE("a"),
                                      slice_of(long_value, sizeof long_value), &refusal));
    for (int i = 0; i < GLOBAL_PARAMETERS_MAX; i++) {
        snprintf(name, sizeof name, "parameter %d", i);
        assert_true(global_parameter_set(f->broker, slice_from_text(name), SLICE("1"), &refusal));
    }
    assert_false(global_parameter_set(f->broker, SLICE("one more"), SLICE("1"), &refusal));
    assert_true(global_parameter_set(f->broker, SLICE("parameter 7"), SLICE("2"), &refusal));
}

static void cluster_name_is_a_setting(void **state) {
    struct fixture *f = *state;
    struct refusal refusal;

    assert_true(broker_set_cluster_name(f->broker, SLICE("blue"), &refusal));
    assert_string_equal(f->broker->settings.cluster_name, "blue");
    assert_true(slice_equal(global_parameter_find(f->broker, SLICE("cluster_name"))->value,
                            SLICE("\"blue\"")));
    assert_false(broker_set_cluster_name(f->broker, SLICE("a\"b"), &refusal));
    assert_false(broker_set_cluster_name(f->broker, SLICE(""), &refusal));
    assert_true(
        global_parameter_set(f->broker, SLICE("cluster_name"), SLICE("{\"no\":1}"), &refusal));
    assert_string_equal(f->broker->settings.cluster_name, "blue");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(parameters_are_kept_as_written),
        FIXTURE_TEST(names_values_and_their_number_are_limited),
        FIXTURE_TEST(cluster_name_is_a_setting),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
