/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/broker/entities/support.h"

#include "broker/entities/inequivalence.h"

static const struct declared_entity entity = {
    "queue", {(const uint8_t *)"q", 1}, {(const uint8_t *)"/", 1}};

static void flags_are_shown_quoted(void **state) {
    struct fixture *f = *state;

    assert_true(equivalent_flag(&entity, "durable", true, true, &f->refusal));
    assert_false(equivalent_flag(&entity, "durable", true, false, &f->refusal));
    assert_refused(f, 406,
                   "inequivalent arg 'durable' for queue 'q' in vhost '/': "
                   "received 'true' but current is 'false'");
}

static void words_are_shown_quoted(void **state) {
    struct fixture *f = *state;

    assert_true(equivalent_word(&entity, "type", SLICE("a"), SLICE("a"), &f->refusal));
    assert_false(equivalent_word(&entity, "type", SLICE("a"), SLICE("ab"), &f->refusal));
    assert_refused(f, 406,
                   "inequivalent arg 'type' for queue 'q' in vhost '/': "
                   "received 'a' but current is 'ab'");
}

static void atoms_that_are_no_plain_words_have_quotes_of_their_own(void **state) {
    struct fixture *f = *state;

    assert_true(equivalent_atom(&entity, "type", SLICE("x-a"), SLICE("x-a"), &f->refusal));
    assert_false(equivalent_atom(&entity, "type", SLICE("x-a"), SLICE("a_1"), &f->refusal));
    assert_refused(f, 406,
                   "inequivalent arg 'type' for queue 'q' in vhost '/': "
                   "received ''x-a'' but current is 'a_1'");
}

static void text_values_are_shown_as_they_are(void **state) {
    struct fixture *f = *state;
    struct amqp_table_builder received = {0};
    struct amqp_table_builder current = {0};

    amqp_table_put_text(&received, SLICE("k"), SLICE("a\"b"));
    amqp_table_put_int(&current, SLICE("k"), AMQP_TAG_INT64, -5);
    assert_false(equivalent_argument(&entity, "k", amqp_table_builder_finish(&received),
                                     amqp_table_builder_finish(&current), &f->refusal));
    assert_refused(f, 406,
                   "inequivalent arg 'k' for queue 'q' in vhost '/': "
                   "received 'a\"b' but current is '-5'");
    amqp_table_builder_clear(&received);
    amqp_table_builder_clear(&current);
}

static void argument_absent_on_both_sides_agrees(void **state) {
    struct fixture *f = *state;

    assert_true(equivalent_argument(&entity, "k", NO_TABLE, NO_TABLE, &f->refusal));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(flags_are_shown_quoted),
        FIXTURE_TEST(words_are_shown_quoted),
        FIXTURE_TEST(atoms_that_are_no_plain_words_have_quotes_of_their_own),
        FIXTURE_TEST(text_values_are_shown_as_they_are),
        FIXTURE_TEST(argument_absent_on_both_sides_agrees),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
