/* SPDX-License-Identifier: Apache-2.0 */
/* What a policy may say, in RabbitMQ's words (captured from 3.10, newer keys by analogy). */
#include "broker/entities/policy.h"

#include "tests/unit/broker/entities/support.h"

struct value {
    const char *key;
    char tag;
    int64_t integer;
    const char *text;
};

static bool set_policy(struct fixture *f, enum policy_kind kind,
                       const struct policy_settings *settings) {
    memset(&f->refusal, 0, sizeof f->refusal);
    return policy_set(f->vhost, kind, settings, &f->refusal);
}

/* A policy with this one key, or two. */
static bool set_values(struct fixture *f, enum policy_kind kind, const struct value *values,
                       size_t count) {
    struct amqp_table_builder builder;
    struct policy_settings settings = {.name = SLICE("p"), .pattern = SLICE("^a")};
    bool is_set;

    amqp_table_builder_init(&builder);
    for (size_t i = 0; i < count; i++) {
        struct slice key = slice_from_text(values[i].key);
        if (values[i].tag == AMQP_TAG_TEXT)
            amqp_table_put_text(&builder, key, slice_from_text(values[i].text));
        else
            amqp_table_put_int(&builder, key, AMQP_TAG_INT64, values[i].integer);
    }
    settings.definition = amqp_table_builder_finish(&builder);
    is_set = set_policy(f, kind, &settings);
    amqp_table_builder_clear(&builder);
    return is_set;
}

#define NUMBER(key, number)  \
    (struct value) {         \
        key, 'l', number, "" \
    }
#define WORD(key, word)   \
    (struct value) {      \
        key, 'S', 0, word \
    }

static void accept(struct fixture *f, enum policy_kind kind, struct value value) {
    if (!set_values(f, kind, &value, 1))
        fail_msg("%s: %s", value.key, f->refusal.text);
}

static void refuse_value(struct fixture *f, enum policy_kind kind, struct value value,
                         const char *detail) {
    char text[256];

    assert_false(set_values(f, kind, &value, 1));
    snprintf(text, sizeof text, "Validation failed\n\n%s\n", detail);
    assert_string_equal(f->refusal.text, text);
}

static void values_are_checked_key_by_key(void **state) {
    static const struct {
        struct value value;
        const char *detail;
    } bad[] = {
        {{"message-ttl", 'S', 0, "x"}, "<<\"x\">> is not a valid message TTL"},
        {{"message-ttl", 'l', -1, ""}, "-1 is not a valid message TTL"},
        {{"expires", 'l', 0, ""}, "0 is not a valid queue expiry"},
        {{"max-length", 'l', -1, ""}, "-1 is not a valid maximum length"},
        {{"max-length-bytes", 'l', -1, ""}, "-1 is not a valid maximum length in bytes"},
        {{"max-in-memory-length", 'l', -1, ""}, "-1 is not a valid maximum memory in bytes"},
        {{"dead-letter-exchange", 'l', 3, ""}, "3 is not a valid dead letter exchange name"},
        {{"dead-letter-routing-key", 'l', 3, ""}, "3 is not a valid dead letter routing key"},
        {{"dead-letter-strategy", 'S', 0, "x"}, "<<\"x\">> is not a valid dead letter strategy"},
        {{"overflow", 'S', 0, "x"}, "<<\"x\">> is not a valid overflow value"},
        {{"delivery-limit", 'S', 0, "x"}, "<<\"x\">> is not a valid delivery limit"},
        {{"alternate-exchange", 'l', 3, ""}, "3 is not a valid alternate exchange name"},
        {{"queue-mode", 'S', 0, "x"}, "<<\"x\">> is not a valid queue-mode value"},
        {{"queue-version", 'l', 3, ""}, "3 is not a valid queue-version value"},
        {{"stream-max-segment-size-bytes", 'l', 3000000001, ""},
         "3000000001 is not a valid segment size"},
        {{"initial-cluster-size", 'l', -1, ""}, "-1 is not a valid cluster size"},
        {{"queue-leader-locator", 'S', 0, "x"},
         "<<\"x\">> is not a valid queue leader locator value"},
    };

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        refuse_value(*state, POLICY_ORDINARY, bad[i].value, bad[i].detail);
}

static void good_values_are_taken(void **state) {
    static const struct value good[] = {
        {"message-ttl", 'l', 0, ""},
        {"message-ttl", 'l', 315360000001, ""},
        {"expires", 'l', 1, ""},
        {"dead-letter-routing-key", 'S', 0, "x"},
        {"delivery-limit", 'l', -1, ""},
        {"overflow", 'S', 0, "reject-publish-dlx"},
        {"ha-mode", 'S', 0, "all"},
        {"consumer-timeout", 'l', 5, ""},
        {"target-group-size", 'l', 3, ""},
        {"max-age", 'S', 0, "7D"},
        {"delayed-retry-type", 'S', 0, "all"},
    };

    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        accept(*state, POLICY_ORDINARY, good[i]);
}

static void keys_nobody_knows_are_listed(void **state) {
    struct fixture *f = *state;
    const struct value two[] = {{"bar", 'S', 0, "x"}, {"foo", 'l', 3, ""}};
    const struct value mixed[] = {{"foo", 'l', 1, ""}, {"expires", 'l', 0, ""}};

    assert_false(set_values(f, POLICY_ORDINARY, two, 2));
    assert_string_equal(f->refusal.text,
                        "Validation failed\n\n[{<<\"bar\">>,<<\"x\">>},{<<\"foo\">>,3}] are not "
                        "recognised policy settings\n");
    assert_false(set_values(f, POLICY_ORDINARY, mixed, 2));
    assert_string_equal(f->refusal.text, "Validation failed\n\n0 is not a valid queue expiry\n");
    assert_false(set_values(f, POLICY_ORDINARY, NULL, 0));
    assert_string_equal(f->refusal.text, "Validation failed\n\nno policy provided\n");
    refuse_value(f, POLICY_ORDINARY, NUMBER("max-priority", 3),
                 "[{<<\"max-priority\">>,3}] are not recognised policy settings");
}

static void operators_have_fewer_keys(void **state) {
    struct fixture *f = *state;

    accept(f, POLICY_OF_OPERATOR, NUMBER("message-ttl", 5));
    accept(f, POLICY_OF_OPERATOR, NUMBER("delivery-limit", 5));
    accept(f, POLICY_OF_OPERATOR, WORD("overflow", "drop-head"));
    refuse_value(f, POLICY_OF_OPERATOR, WORD("alternate-exchange", "x"),
                 "[{<<\"alternate-exchange\">>,<<\"x\">>}] are not recognised policy settings");
    refuse_value(f, POLICY_OF_OPERATOR, WORD("dead-letter-exchange", "x"),
                 "[{<<\"dead-letter-exchange\">>,<<\"x\">>}] are not recognised policy settings");
    refuse_value(f, POLICY_OF_OPERATOR, NUMBER("expires", 0), "0 is not a valid queue expiry");
}

static void pattern_and_target_are_checked(void **state) {
    struct fixture *f = *state;
    struct policy_settings settings = {.name = SLICE("p"), .pattern = SLICE("(")};

    assert_false(set_policy(f, POLICY_ORDINARY, &settings));
    assert_ptr_equal(strstr(f->refusal.text, "Validation failed\n\npattern should be regular "
                                             "expression but is invalid: "),
                     f->refusal.text);
    settings.pattern = SLICE("x");
    settings.apply_to = SLICE("topics");
    assert_false(set_policy(f, POLICY_ORDINARY, &settings));
    assert_string_equal(f->refusal.text,
                        "Validation failed\n\napply-to 'topics' unrecognised; should be one of: "
                        "'queues', 'classic_queues', 'quorum_queues', 'streams', 'exchanges', or "
                        "'all'\n");
    assert_null(policy_find(f->vhost, POLICY_ORDINARY, SLICE("p")));
}

static void number_of_policies_has_a_limit(void **state) {
    struct fixture *f = *state;
    struct policy_settings settings = {
        .pattern = SLICE("x"), .apply_to = SLICE("streams"), .definition = SLICE("")};
    struct amqp_table_builder builder;
    char name[16];

    amqp_table_builder_init(&builder);
    amqp_table_put_int(&builder, SLICE("max-length-bytes"), 'l', 1);
    settings.definition = amqp_table_builder_finish(&builder);
    for (int i = 0; i < POLICIES_MAX; i++) {
        snprintf(name, sizeof name, "%d", i);
        settings.name = slice_from_text(name);
        assert_true(set_policy(f, POLICY_ORDINARY, &settings));
    }
    assert_true(set_policy(f, POLICY_ORDINARY, &settings)); /* one that is there */
    settings.name = SLICE("one more");
    assert_false(set_policy(f, POLICY_ORDINARY, &settings));
    amqp_table_builder_clear(&builder);
}

/* --- which one is in force --- */

static void set_length(struct fixture *f, enum policy_kind kind, struct policy_settings settings,
                       int64_t length) {
    struct amqp_table_builder builder;

    amqp_table_builder_init(&builder);
    amqp_table_put_int(&builder, SLICE("max-length"), AMQP_TAG_INT64, length);
    settings.definition = amqp_table_builder_finish(&builder);
    if (!set_policy(f, kind, &settings))
        fail_msg("%s", f->refusal.text);
    amqp_table_builder_clear(&builder);
}

/* A user notices it by the time that thousands of policies for thousands of queues take. */
static void a_change_leaves_alone_whom_it_does_not_concern(void **state) {
    struct fixture *f = *state;
    struct queue *queue = declare_queue(f, "tea");
    set_length(f, POLICY_ORDINARY,
               (struct policy_settings){.name = SLICE("a"), .pattern = SLICE("^t")}, 1);
    set_length(f, POLICY_OF_OPERATOR,
               (struct policy_settings){.name = SLICE("a"), .pattern = SLICE("^t")}, 5);
    struct queue_features *features = queue->features;
    uint64_t generation = f->vhost->routing_generation;

    set_length(f, POLICY_ORDINARY,
               (struct policy_settings){.name = SLICE("0"), .pattern = SLICE("^x")}, 2);
    set_length(f, POLICY_ORDINARY,
               (struct policy_settings){.name = SLICE("b"), .pattern = SLICE("^t")}, 3);
    set_length(f, POLICY_OF_OPERATOR,
               (struct policy_settings){.name = SLICE("0"), .pattern = SLICE("^x")}, 4);
    assert_true(policy_clear(f->vhost, POLICY_ORDINARY, SLICE("b")));
    assert_ptr_equal(queue->features, features);
    assert_int_equal(queue->features->max_length, 1);
    assert_int_equal(f->vhost->routing_generation, generation);
}

/* The first in RabbitMQ's order whose pattern, which is `^` and one letter, is the name's. */
static const struct policy *first_that_fits(const struct vhost *vhost, enum policy_kind kind,
                                            const struct queue *queue) {
    const struct policy *first = NULL;
    LIST_FOR_EACH(&vhost->policies[kind], at) {
        const struct policy *policy = LIST_ITEM(at, struct policy, link);
        bool fits = policy->pattern_text.data[1] == queue->name.data[0] &&
                    (slice_equal(policy->apply_to, SLICE("queues")) || queue->type == QUEUE_QUORUM);
        if (fits &&
            (first == NULL || policy->priority > first->priority ||
             (policy->priority == first->priority && slice_compare(policy->name, first->name) < 0)))
            first = policy;
    }
    return first;
}

static void expect_in_force(const struct policy *policy, const struct policy *expected,
                            int64_t length) {
    assert_ptr_equal(policy, expected);
    if (expected != NULL)
        assert_int_equal(length, expected->priority + 100);
}

static void expect_right_ones_in_force(struct fixture *f) {
    struct queue *queue, *next;
    MAP_FOR_EACH(f->vhost->queues, by_name, queue, next) {
        int64_t length = queue->features == NULL ? -1 : queue->features->max_length;
        expect_in_force(queue->policy, first_that_fits(f->vhost, POLICY_ORDINARY, queue), length);
    }
    MAP_FOR_EACH(f->vhost->queues, by_name, queue, next) {
        assert_ptr_equal(queue->operator_policy,
                         first_that_fits(f->vhost, POLICY_OF_OPERATOR, queue));
    }
}

static void declare_queues_of_both_types(struct fixture *f) {
    struct amqp_table_builder quorum;
    static const char *const names[] = {"a", "b", "c", "d"};
    static const char *const quorum_names[] = {"aq", "bq", "cq", "dq"};

    amqp_table_builder_init(&quorum);
    amqp_table_put_text(&quorum, SLICE("x-queue-type"), SLICE("quorum"));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        declare_queue(f, names[i]);
        assert_non_null(try_declare_queue(
            f, (struct queue_declaration){.name = slice_from_text(quorum_names[i]),
                                          .durable = true,
                                          .arguments = amqp_table_builder_finish(&quorum)}));
    }
    amqp_table_builder_clear(&quorum);
}

/* Sets or clears one of eight, and says with its length which priority it has. */
static void change_something(struct fixture *f, struct random *random) {
    static const char *const patterns[] = {"^a", "^b", "^c", "^d"};
    char name[2] = {(char)('p' + random_below(random, 8)), '\0'};
    enum policy_kind kind = random_below(random, 3) == 0 ? POLICY_OF_OPERATOR : POLICY_ORDINARY;
    struct policy_settings settings = {
        .name = slice_from_text(name),
        .pattern = slice_from_text(patterns[random_below(random, 4)]),
        .apply_to = random_below(random, 2) == 0 ? SLICE("queues") : SLICE("quorum_queues"),
        .priority = (int64_t)random_below(random, 3) - 1,
    };

    if (random_below(random, 3) == 0)
        policy_clear(f->vhost, kind, settings.name);
    else /* an operator's is no shorter than any ordinary one's */
        set_length(f, kind, settings,
                   settings.priority + (kind == POLICY_OF_OPERATOR ? 1000 : 100));
}

static void after_every_change_the_right_ones_are_in_force(void **state) {
    struct fixture *f = *state;
    struct random random = {1};

    declare_queues_of_both_types(f);
    for (int i = 0; i < 2000; i++) {
        change_something(f, &random);
        expect_right_ones_in_force(f);
    }
}

static void held_changes_come_at_once(void **state) {
    struct fixture *f = *state;
    struct random random = {2};

    declare_queues_of_both_types(f);
    for (int i = 0; i < 100; i++) {
        struct queue *queue = vhost_find_queue(f->vhost, SLICE("a"));
        const struct policy *before = queue->policy;
        policies_hold(f->broker);
        for (size_t changes = random_below(&random, 20); changes > 0; changes--)
            change_something(f, &random);
        assert_ptr_equal(queue->policy, before);
        policies_release(f->broker);
        expect_right_ones_in_force(f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_are_checked_key_by_key, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(good_values_are_taken, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(keys_nobody_knows_are_listed, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(operators_have_fewer_keys, fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(pattern_and_target_are_checked, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(number_of_policies_has_a_limit, fixture_setup,
                                        fixture_teardown),
        FIXTURE_TEST(a_change_leaves_alone_whom_it_does_not_concern),
        FIXTURE_TEST(after_every_change_the_right_ones_are_in_force),
        FIXTURE_TEST(held_changes_come_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
