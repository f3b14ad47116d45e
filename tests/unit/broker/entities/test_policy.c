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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
