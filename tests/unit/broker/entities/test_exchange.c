/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/broker/entities/support.h"

static void types_are_found_by_name(void **state) {
    (void)state;
    assert_ptr_equal(exchange_type_find(SLICE("direct")), &exchange_type_direct);
    assert_ptr_equal(exchange_type_find(SLICE("fanout")), &exchange_type_fanout);
    assert_ptr_equal(exchange_type_find(SLICE("topic")), &exchange_type_topic);
    assert_ptr_equal(exchange_type_find(SLICE("headers")), &exchange_type_headers);
    assert_null(exchange_type_find(SLICE("Direct")));
    assert_null(exchange_type_find(SLICE("direc")));
    assert_null(exchange_type_find(SLICE("")));
}

static void created_exchange_owns_its_name_and_arguments(void **state) {
    struct fixture *f = *state;
    struct amqp_table_builder b = {0};
    char name[] = "x";

    amqp_table_put_text(&b, SLICE("alternate-exchange"), SLICE("other"));
    struct exchange *exchange = exchange_create(
        f->vhost, slice_from_text(name), &exchange_type_topic, amqp_table_builder_finish(&b));
    name[0] = 'y';
    amqp_table_builder_clear(&b);
    assert_slice(exchange->name, "x");
    assert_slice(exchange->alternate_exchange, "other");
    exchange_destroy(exchange);
}

static void alternate_exchange_of_another_type_is_none(void **state) {
    struct fixture *f = *state;
    struct amqp_table_builder b = {0};

    amqp_table_put_int(&b, SLICE("alternate-exchange"), AMQP_TAG_INT32, 5);
    struct exchange *exchange =
        exchange_create(f->vhost, SLICE("x"), &exchange_type_direct, amqp_table_builder_finish(&b));
    assert_null(exchange->alternate_exchange.data);
    exchange_destroy(exchange);
    amqp_table_builder_clear(&b);
}

static void destroying_nothing_is_allowed(void **state) {
    (void)state;
    exchange_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_are_found_by_name),
        FIXTURE_TEST(created_exchange_owns_its_name_and_arguments),
        FIXTURE_TEST(alternate_exchange_of_another_type_is_none),
        cmocka_unit_test(destroying_nothing_is_allowed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
