/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/broker/entities/support.h"

#include "broker/entities/queue_args.h"

struct table {
    struct amqp_table_builder builder;
};

static struct slice text_argument(struct table *table, const char *name, const char *text) {
    amqp_table_builder_clear(&table->builder);
    amqp_table_put_text(&table->builder, slice_from_text(name), slice_from_text(text));
    return amqp_table_builder_finish(&table->builder);
}

static struct slice int_argument(struct table *table, const char *name, char tag, int64_t value) {
    amqp_table_builder_clear(&table->builder);
    amqp_table_put_int(&table->builder, slice_from_text(name), tag, value);
    return amqp_table_builder_finish(&table->builder);
}

static struct queue *declare_with(struct fixture *f, const char *name, struct slice arguments) {
    return try_declare_queue(
        f, (struct queue_declaration){.name = slice_from_text(name), .arguments = arguments});
}

static void stored_with(struct fixture *f, const char *name, struct slice arguments) {
    assert_non_null(declare_with(f, name, arguments));
}

static void unknown_arguments_are_accepted_and_stored(void **state) {
    /* rows: 222 */
    struct fixture *f = *state;
    struct table table = {0};
    struct slice arguments = text_argument(&table, "x-unknown", "value");
    struct queue *queue = declare_with(f, "q", arguments);

    assert_non_null(queue);
    assert_true(slice_equal(queue->arguments, arguments));
    amqp_table_builder_clear(&table.builder);
}

static void queue_of_type_stream_is_refused(void **state) {
    struct fixture *f = *state;
    struct table table = {0};
    struct queue_declaration declaration = {
        .name = SLICE("q"),
        .durable = true,
        .arguments = text_argument(&table, "x-queue-type", "stream"),
    };

    assert_null(try_declare_queue(f, declaration));
    assert_refused(f, 541,
                   "Cannot declare a queue 'queue 'q' in vhost '/'' of type 'rabbit_stream_queue' "
                   "on node 'rabbit@localhost': the corresponding feature flag is disabled");
    assert_null(vhost_find_queue(f->vhost, SLICE("q")));
    amqp_table_builder_clear(&table.builder);
}

static void queue_type_must_be_known_text(void **state) {
    /* rows: 219 */
    struct fixture *f = *state;
    struct table table = {0};

    assert_null(declare_with(f, "q", text_argument(&table, "x-queue-type", "foo")));
    assert_refused(f, 406,
                   "invalid arg 'x-queue-type' for queue 'q' in vhost '/': "
                   "\"unsupported queue type 'foo'\"");
    assert_null(declare_with(f, "q", int_argument(&table, "x-queue-type", AMQP_TAG_INT32, 5)));
    assert_refused(f, 406,
                   "invalid arg 'x-queue-type' for queue 'q' in vhost '/': "
                   "{unacceptable_type,signedint}");
    amqp_table_builder_clear(&table.builder);
}

static void queue_mode_is_accepted(void **state) {
    /* rows: 223 */
    struct fixture *f = *state;
    struct table table = {0};

    assert_non_null(declare_with(f, "q", text_argument(&table, "x-queue-mode", "lazy")));
    amqp_table_builder_clear(&table.builder);
}

static void queue_version_is_one_or_two(void **state) {
    struct fixture *f = *state;
    struct table table = {0};

    assert_non_null(declare_with(f, "one", int_argument(&table, "x-queue-version", 'I', 1)));
    assert_non_null(declare_with(f, "two", int_argument(&table, "x-queue-version", 'l', 2)));
    assert_null(declare_with(f, "q", int_argument(&table, "x-queue-version", 'I', 3)));
    assert_refused(f, 406,
                   "invalid arg 'x-queue-version' for queue 'q' in vhost '/': "
                   "\"unsupported queue version '3'\"");
    assert_null(declare_with(f, "q", int_argument(&table, "x-queue-version", 'I', -1)));
    assert_refused(f, 406,
                   "invalid arg 'x-queue-version' for queue 'q' in vhost '/': {value_negative,-1}");
    assert_null(declare_with(f, "q", text_argument(&table, "x-queue-version", "2")));
    assert_refused(f, 406,
                   "invalid arg 'x-queue-version' for queue 'q' in vhost '/': "
                   "\"expected integer, got longstr\"");
    amqp_table_builder_clear(&table.builder);
}

static void leader_locator_is_one_of_a_list(void **state) {
    /* rows: 224 */
    struct fixture *f = *state;
    struct table table = {0};

    assert_non_null(
        declare_with(f, "ok", text_argument(&table, "x-queue-leader-locator", "client-local")));
    assert_non_null(declare_with(f, "any", text_argument(&table, "x-queue-master-locator", "x")));
    assert_null(declare_with(f, "q", text_argument(&table, "x-queue-leader-locator", "here")));
    assert_refused(f, 406,
                   "invalid arg 'x-queue-leader-locator' for queue 'q' in vhost '/': "
                   "invalid_queue_locator_arg");
    amqp_table_builder_clear(&table.builder);
}

static void argument_values_must_agree(void **state) {
    /* rows: 183 */
    struct fixture *f = *state;
    struct table table = {0};

    stored_with(f, "dq", int_argument(&table, "x-message-ttl", AMQP_TAG_INT32, 1000));
    assert_null(declare_with(f, "dq", int_argument(&table, "x-message-ttl", 'I', 2000)));
    assert_refused(f, 406,
                   "inequivalent arg 'x-message-ttl' for queue 'dq' in vhost '/': "
                   "received '2000' but current is '1000'");
    amqp_table_builder_clear(&table.builder);
}

static void arguments_must_be_there_on_both_sides(void **state) {
    /* rows: 184 */
    struct fixture *f = *state;
    struct table table = {0};

    stored_with(f, "dq", int_argument(&table, "x-message-ttl", AMQP_TAG_INT32, 1000));
    assert_null(declare_with(f, "dq", NO_TABLE));
    assert_refused(f, 406,
                   "inequivalent arg 'x-message-ttl' for queue 'dq' in vhost '/': "
                   "received none but current is the value '1000' of type 'signedint'");
    declare_queue(f, "tq");
    assert_null(declare_with(f, "tq", int_argument(&table, "x-expires", AMQP_TAG_INT32, 5)));
    assert_refused(f, 406,
                   "inequivalent arg 'x-expires' for queue 'tq' in vhost '/': "
                   "received the value '5' of type 'signedint' but current is none");
    amqp_table_builder_clear(&table.builder);
}

static void unknown_arguments_need_not_agree(void **state) {
    /* rows: 185 */
    struct fixture *f = *state;
    struct table table = {0};

    declare_queue(f, "q");
    assert_non_null(declare_with(f, "q", text_argument(&table, "x-foo", "bar")));
    amqp_table_builder_clear(&table.builder);
}

static void integer_tags_agree(void **state) {
    /* rows: 186 */
    struct fixture *f = *state;
    struct table table = {0};

    stored_with(f, "q", int_argument(&table, "x-message-ttl", AMQP_TAG_INT32, 1000));
    assert_non_null(declare_with(f, "q", int_argument(&table, "x-message-ttl", 'l', 1000)));
    assert_non_null(declare_with(f, "q", int_argument(&table, "x-message-ttl", 's', 1000)));
    amqp_table_builder_clear(&table.builder);
}

static void absent_queue_type_is_classic(void **state) {
    /* rows: 187 */
    struct fixture *f = *state;
    struct table table = {0};

    declare_queue(f, "q");
    assert_non_null(declare_with(f, "q", text_argument(&table, "x-queue-type", "classic")));
    assert_non_null(declare_with(f, "c", text_argument(&table, "x-queue-type", "classic")));
    assert_non_null(declare_with(f, "c", NO_TABLE));
    assert_null(declare_with(f, "c", text_argument(&table, "x-queue-type", "quorum")));
    assert_refused(f, 406,
                   "inequivalent arg 'x-queue-type' for queue 'c' in vhost '/': "
                   "received 'quorum' but current is 'classic'");
    amqp_table_builder_clear(&table.builder);
}

static void the_first_difference_is_reported(void **state) {
    struct fixture *f = *state;
    struct table table = {0};

    declare_queue(f, "q");
    amqp_table_put_int(&table.builder, SLICE("x-max-length"), AMQP_TAG_INT32, 1);
    amqp_table_put_int(&table.builder, SLICE("x-expires"), AMQP_TAG_INT32, 1);
    assert_null(declare_with(f, "q", amqp_table_builder_finish(&table.builder)));
    assert_non_null(strstr(f->refusal.text, "'x-expires'"));
    amqp_table_builder_clear(&table.builder);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(unknown_arguments_are_accepted_and_stored),
        FIXTURE_TEST(queue_of_type_stream_is_refused),
        FIXTURE_TEST(queue_type_must_be_known_text),
        FIXTURE_TEST(queue_mode_is_accepted),
        FIXTURE_TEST(queue_version_is_one_or_two),
        FIXTURE_TEST(leader_locator_is_one_of_a_list),
        FIXTURE_TEST(argument_values_must_agree),
        FIXTURE_TEST(arguments_must_be_there_on_both_sides),
        FIXTURE_TEST(unknown_arguments_need_not_agree),
        FIXTURE_TEST(integer_tags_agree),
        FIXTURE_TEST(absent_queue_type_is_classic),
        FIXTURE_TEST(the_first_difference_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
