/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/broker/entities/support.h"

static size_t binding_count(const struct fixture *f) {
    return MAP_COUNT(f->vhost->bindings, by_identity);
}

static void binding_again_changes_nothing(void **state) {
    /* rows: 161 */
    struct fixture *f = *state;

    declare_queue(f, "q");
    bind_queue(f, "amq.direct", "q", "key");
    bind_queue(f, "amq.direct", "q", "key");
    assert_int_equal(binding_count(f), 1);
    assert_string_equal(routed_to(f, "amq.direct", "key"), "q");
    unbind_queue(f, "amq.direct", "q", "key");
    assert_int_equal(binding_count(f), 0);
}

static void other_arguments_make_another_binding(void **state) {
    /* rows: 162 */
    struct fixture *f = *state;
    struct amqp_table_builder b = {0};

    declare_queue(f, "q");
    amqp_table_put_int(&b, SLICE("a"), AMQP_TAG_INT32, 1);
    bind_queue(f, "amq.direct", "q", "key");
    bind_with(f, "amq.direct", "q", "key", amqp_table_builder_finish(&b));
    assert_int_equal(binding_count(f), 2);
    assert_string_equal(routed_to(f, "amq.direct", "key"), "q");
    amqp_table_builder_clear(&b);
}

static void unbind_with_other_arguments_keeps_the_binding(void **state) {
    /* rows: 164 */
    struct fixture *f = *state;
    struct amqp_table_builder b = {0};

    declare_queue(f, "q");
    amqp_table_put_int(&b, SLICE("a"), AMQP_TAG_INT32, 1);
    bind_queue(f, "amq.direct", "q", "key");
    assert_true(
        try_unbind(f, binding_request(f, "amq.direct", "q", "key", amqp_table_builder_finish(&b))));
    assert_string_equal(routed_to(f, "amq.direct", "key"), "q");
    amqp_table_builder_clear(&b);
}

static void argument_order_does_not_matter_but_types_do(void **state) {
    struct fixture *f = *state;
    struct amqp_table_builder b = {0};

    declare_queue(f, "q");
    amqp_table_put_int(&b, SLICE("a"), AMQP_TAG_INT32, 1);
    amqp_table_put_text(&b, SLICE("b"), SLICE("x"));
    bind_with(f, "amq.direct", "q", "key", amqp_table_builder_finish(&b));
    amqp_table_builder_clear(&b);
    amqp_table_put_text(&b, SLICE("b"), SLICE("x"));
    amqp_table_put_int(&b, SLICE("a"), AMQP_TAG_INT32, 1);
    bind_with(f, "amq.direct", "q", "key", amqp_table_builder_finish(&b));
    assert_int_equal(binding_count(f), 1);
    amqp_table_builder_clear(&b);
    amqp_table_put_text(&b, SLICE("b"), SLICE("x"));
    amqp_table_put_int(&b, SLICE("a"), AMQP_TAG_INT64, 1);
    bind_with(f, "amq.direct", "q", "key", amqp_table_builder_finish(&b));
    assert_int_equal(binding_count(f), 2);
    amqp_table_builder_clear(&b);
}

/* `L` and `l` are the same type, and any octet but 0 is true, inside containers as well. */
static void identity_is_that_of_values_not_of_octets(void **state) {
    struct fixture *f = *state;
    struct slice one = SLICE("\x01k"
                             "A\0\0\0\x0b"
                             "l\0\0\0\0\0\0\0\x05"
                             "t\x01");
    struct slice other = SLICE("\x01k"
                               "A\0\0\0\x0b"
                               "L\0\0\0\0\0\0\0\x05"
                               "t\x02");

    declare_queue(f, "q");
    assert_true(amqp_table_is_valid(one));
    assert_true(amqp_table_is_valid(other));
    bind_with(f, "amq.direct", "q", "key", one);
    bind_with(f, "amq.direct", "q", "key", other);
    assert_int_equal(binding_count(f), 1);
}

/* Whether two tables of arguments make one binding; none is left. */
static bool are_identical(struct fixture *f, struct slice one, struct slice other) {
    bind_with(f, "amq.direct", "q", "key", one);
    bind_with(f, "amq.direct", "q", "key", other);
    size_t count = binding_count(f);
    assert_true(try_unbind(f, binding_request(f, "amq.direct", "q", "key", one)));
    assert_true(try_unbind(f, binding_request(f, "amq.direct", "q", "key", other)));
    assert_int_equal(binding_count(f), 0);
    return count == 1;
}

static void arguments_are_identical_in_any_order_of_names(void **state) {
    struct fixture *f = *state;

    declare_queue(f, "q");
    assert_true(are_identical(f,
                              SLICE("\x01"
                                    "ab\x01\x01"
                                    "bb\x02"),
                              SLICE("\x01"
                                    "bb\x02\x01"
                                    "ab\x01")));
    assert_false(are_identical(f,
                               SLICE("\x01"
                                     "ab\x01\x01"
                                     "bb\x02"),
                               SLICE("\x01"
                                     "bb\x01\x01"
                                     "ab\x02")));
    assert_true(are_identical(f, slice_of(NULL, 0), SLICE("")));
    assert_false(are_identical(f, slice_of(NULL, 0), SLICE("\x01kV")));
}

static void identity_has_types(void **state) {
    struct fixture *f = *state;

    declare_queue(f, "q");
    assert_false(are_identical(f, SLICE("\x01kb\x01"), SLICE("\x01ks\x00\x01")));
    assert_false(are_identical(f,
                               SLICE("\x01kS\x00\x00\x00\x01"
                                     "a"),
                               SLICE("\x01kx\x00\x00\x00\x01"
                                     "a")));
}

static void identity_keeps_the_order_of_arguments_with_one_name(void **state) {
    struct fixture *f = *state;

    declare_queue(f, "q");
    assert_true(are_identical(f,
                              SLICE("\x01kb\x01\x01kb\x02\x01"
                                    "aV"),
                              SLICE("\x01"
                                    "aV\x01kb\x01\x01kb\x02")));
    assert_false(are_identical(f,
                               SLICE("\x01kb\x01\x01kb\x02\x01"
                                     "aV"),
                               SLICE("\x01"
                                     "aV\x01kb\x02\x01kb\x01")));
    assert_false(are_identical(f, SLICE("\x01kb\x01\x01kb\x01"), SLICE("\x01kb\x01")));
}

static void identity_leaves_the_insides_alone(void **state) {
    struct fixture *f = *state;

    declare_queue(f, "q");
    assert_false(are_identical(f,
                               SLICE("\x01kF\x00\x00\x00\x06\x01"
                                     "aV\x01"
                                     "bV"),
                               SLICE("\x01kF\x00\x00\x00\x06\x01"
                                     "bV\x01"
                                     "aV")));
}

static void full_tables_of_arguments_are_compared(void **state) {
    static uint8_t forward[4 * AMQP_TABLE_ENTRIES_MAX], backward[4 * AMQP_TABLE_ENTRIES_MAX];
    struct writer one = writer_over(forward, sizeof forward);
    struct writer other = writer_over(backward, sizeof backward);
    struct fixture *f = *state;

    declare_queue(f, "q");
    for (unsigned i = 0; i < AMQP_TABLE_ENTRIES_MAX; i++) {
        unsigned j = AMQP_TABLE_ENTRIES_MAX - 1 - i;
        writer_shortstr(&one, slice_of((uint8_t[]){(uint8_t)(i >> 8), (uint8_t)i}, 2));
        writer_u8(&one, AMQP_TAG_VOID);
        writer_shortstr(&other, slice_of((uint8_t[]){(uint8_t)(j >> 8), (uint8_t)j}, 2));
        writer_u8(&other, AMQP_TAG_VOID);
    }
    assert_true(are_identical(f, writer_written(&one), writer_written(&other)));
    backward[2] ^= 1;
    assert_false(are_identical(f, writer_written(&one), writer_written(&other)));
}

/* A queue and an exchange of one name, and keys that run into each other, stay apart. */
static void identity_keeps_its_parts_apart(void **state) {
    struct fixture *f = *state;

    declare_queue(f, "d");
    declare_queue(f, "de");
    declare_exchange(f, "d", "fanout");
    bind_queue(f, "amq.direct", "d", "k");
    bind_exchange(f, "amq.direct", "d", "k");
    bind_queue(f, "amq.direct", "d", "ek");
    bind_queue(f, "amq.direct", "de", "k");
    assert_int_equal(binding_count(f), 4);
}

static void binding_keeps_key_and_arguments_as_they_came(void **state) {
    struct fixture *f = *state;
    struct amqp_table_builder b = {0};
    struct queue *queue = declare_queue(f, "q");

    amqp_table_put_text(&b, SLICE("b"), SLICE("x"));
    amqp_table_put_text(&b, SLICE("a"), SLICE("y"));
    struct slice arguments = amqp_table_builder_finish(&b);
    bind_with(f, "amq.direct", "q", "key", arguments);
    struct binding *binding =
        LIST_ITEM(list_first(&queue->bindings), struct binding, destination_link);
    assert_slice(binding->binding_key, "key");
    assert_true(slice_equal(binding->arguments, arguments));
    amqp_table_builder_clear(&b);
}

static void every_change_moves_the_routing_generation(void **state) {
    struct fixture *f = *state;
    uint64_t generation;

    declare_queue(f, "q");
    generation = f->vhost->routing_generation;
    bind_queue(f, "amq.direct", "q", "key");
    assert_true(f->vhost->routing_generation > generation);
    generation = f->vhost->routing_generation;
    unbind_queue(f, "amq.direct", "q", "key");
    assert_true(f->vhost->routing_generation > generation);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(binding_again_changes_nothing),
        FIXTURE_TEST(other_arguments_make_another_binding),
        FIXTURE_TEST(unbind_with_other_arguments_keeps_the_binding),
        FIXTURE_TEST(argument_order_does_not_matter_but_types_do),
        FIXTURE_TEST(identity_is_that_of_values_not_of_octets),
        FIXTURE_TEST(arguments_are_identical_in_any_order_of_names),
        FIXTURE_TEST(identity_has_types),
        FIXTURE_TEST(identity_keeps_the_order_of_arguments_with_one_name),
        FIXTURE_TEST(identity_leaves_the_insides_alone),
        FIXTURE_TEST(full_tables_of_arguments_are_compared),
        FIXTURE_TEST(identity_keeps_its_parts_apart),
        FIXTURE_TEST(binding_keeps_key_and_arguments_as_they_came),
        FIXTURE_TEST(every_change_moves_the_routing_generation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
