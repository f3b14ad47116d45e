/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of compat 2.9, and random tables against a matcher that searches the tables themselves.
 */
#include "tests/unit/broker/entities/support.h"

struct headers_fixture {
    struct amqp_table_builder pattern;
    struct amqp_table_builder headers;
};

/* Begins a pattern with x-match `mode`; NULL: without. */
static void begin(struct headers_fixture *h, const char *mode) {
    amqp_table_builder_clear(&h->pattern);
    amqp_table_builder_clear(&h->headers);
    if (mode != NULL)
        amqp_table_put_text(&h->pattern, SLICE("x-match"), slice_from_text(mode));
}

static void end(struct headers_fixture *h) {
    amqp_table_builder_clear(&h->pattern);
    amqp_table_builder_clear(&h->headers);
}

static void put(struct amqp_table_builder *table, const char *name, int64_t value) {
    amqp_table_put_int(table, slice_from_text(name), AMQP_TAG_INT32, value);
}

/* Binds the pattern alone and publishes the headers. */
static bool matches(struct fixture *f, struct headers_fixture *h) {
    struct slice pattern = amqp_table_builder_finish(&h->pattern);
    struct binding_request request = binding_request(f, "amq.headers", "q", "", pattern);
    bool is_routed;

    declare_queue(f, "q");
    assert_true(try_bind(f, request));
    is_routed = strcmp(routed_by_headers(f, "amq.headers", amqp_table_builder_finish(&h->headers)),
                       "q") == 0;
    assert_true(try_unbind(f, request));
    return is_routed;
}

static void all_is_the_default(void **state) {
    /* rows: 134 */
    struct fixture *f = *state;
    struct headers_fixture h = {0};

    begin(&h, NULL);
    put(&h.pattern, "a", 1);
    put(&h.pattern, "b", 2);
    put(&h.headers, "b", 2);
    assert_false(matches(f, &h));
    put(&h.headers, "a", 1);
    assert_true(matches(f, &h));
    put(&h.headers, "c", 3);
    assert_true(matches(f, &h));
    begin(&h, "all");
    put(&h.pattern, "a", 1);
    put(&h.headers, "a", 2);
    assert_false(matches(f, &h));
    end(&h);
}

static void any_needs_one_equal_entry(void **state) {
    /* rows: 135 */
    struct fixture *f = *state;
    struct headers_fixture h = {0};

    begin(&h, "any");
    put(&h.pattern, "a", 1);
    put(&h.pattern, "b", 2);
    assert_false(matches(f, &h));
    put(&h.headers, "a", 2);
    put(&h.headers, "c", 1);
    assert_false(matches(f, &h));
    put(&h.headers, "b", 2);
    assert_true(matches(f, &h));
    end(&h);
}

static void all_with_x_compares_x_keys_too(void **state) {
    /* rows: 136 */
    struct fixture *f = *state;
    struct headers_fixture h = {0};

    begin(&h, "all-with-x");
    put(&h.pattern, "x-foo", 1);
    put(&h.pattern, "a", 1);
    put(&h.headers, "a", 1);
    assert_false(matches(f, &h));
    put(&h.headers, "x-foo", 1);
    assert_true(matches(f, &h));
    end(&h);
}

static void any_with_x_matches_on_an_x_key(void **state) {
    /* rows: 137 */
    struct fixture *f = *state;
    struct headers_fixture h = {0};

    begin(&h, "any-with-x");
    put(&h.pattern, "x-foo", 1);
    put(&h.headers, "x-foo", 1);
    assert_true(matches(f, &h));
    begin(&h, "any-with-x");
    put(&h.pattern, "x-foo", 1);
    put(&h.headers, "x-foo", 2);
    amqp_table_put_text(&h.headers, SLICE("x-match"), SLICE("any-with-x"));
    assert_false(matches(f, &h));
    end(&h);
}

static void x_keys_are_ignored_without_with_x(void **state) {
    /* rows: 138 */
    struct fixture *f = *state;
    struct headers_fixture h = {0};

    begin(&h, "all");
    put(&h.pattern, "x-foo", 1);
    put(&h.pattern, "a", 1);
    put(&h.headers, "a", 1);
    assert_true(matches(f, &h));
    put(&h.headers, "x-foo", 2);
    assert_true(matches(f, &h));
    begin(&h, "any");
    put(&h.pattern, "x-foo", 1);
    put(&h.pattern, "a", 1);
    put(&h.headers, "x-foo", 1);
    assert_false(matches(f, &h));
    end(&h);
}

static void void_asks_for_presence_only(void **state) {
    /* rows: 139 */
    struct fixture *f = *state;
    struct headers_fixture h = {0};

    begin(&h, NULL);
    amqp_table_put_void(&h.pattern, SLICE("a"));
    assert_false(matches(f, &h));
    put(&h.headers, "a", 5);
    assert_true(matches(f, &h));
    begin(&h, NULL);
    put(&h.pattern, "a", 5);
    amqp_table_put_void(&h.headers, SLICE("a"));
    assert_false(matches(f, &h));
    end(&h);
}

static void empty_all_matches_everything(void **state) {
    /* rows: 140 */
    struct fixture *f = *state;
    struct headers_fixture h = {0};

    begin(&h, "all");
    assert_true(matches(f, &h));
    put(&h.headers, "a", 1);
    assert_true(matches(f, &h));
    begin(&h, NULL);
    assert_true(matches(f, &h));
    end(&h);
}

static void empty_any_matches_nothing(void **state) {
    /* rows: 141 */
    struct fixture *f = *state;
    struct headers_fixture h = {0};

    begin(&h, "any");
    assert_false(matches(f, &h));
    put(&h.headers, "a", 1);
    assert_false(matches(f, &h));
    end(&h);
}

static void invalid_x_match_is_refused(void **state) {
    /* rows: 142 */
    struct fixture *f = *state;
    struct headers_fixture h = {0};

    declare_queue(f, "q");
    begin(&h, "foo");
    assert_false(try_bind(
        f, binding_request(f, "amq.headers", "q", "", amqp_table_builder_finish(&h.pattern))));
    assert_refused(f, 406,
                   "Invalid x-match field value <<\"foo\">>; "
                   "expected all, any, all-with-x, or any-with-x");
    begin(&h, NULL);
    put(&h.pattern, "x-match", 5);
    assert_false(try_bind(
        f, binding_request(f, "amq.match", "q", "", amqp_table_builder_finish(&h.pattern))));
    assert_refused(f, 406, "Invalid x-match field type signedint (value 5); expected longstr");
    end(&h);
}

static void integer_tags_are_interchangeable(void **state) {
    /* rows: 143 */
    struct fixture *f = *state;
    struct headers_fixture h = {0};

    for (const char *tag = "bBsuIil"; *tag != '\0'; tag++) {
        begin(&h, NULL);
        put(&h.pattern, "a", 100);
        amqp_table_put_int(&h.headers, SLICE("a"), *tag, 100);
        assert_true(matches(f, &h));
        begin(&h, NULL);
        put(&h.pattern, "a", 100);
        amqp_table_put_int(&h.headers, SLICE("a"), *tag, 101);
        assert_false(matches(f, &h));
    }
    end(&h);
}

static void true_is_not_one(void **state) {
    /* rows: 144 */
    struct fixture *f = *state;
    struct headers_fixture h = {0};

    begin(&h, NULL);
    put(&h.pattern, "a", 1);
    amqp_table_put_bool(&h.headers, SLICE("a"), true);
    assert_false(matches(f, &h));
    begin(&h, NULL);
    amqp_table_put_bool(&h.pattern, SLICE("a"), true);
    amqp_table_put_bool(&h.headers, SLICE("a"), true);
    assert_true(matches(f, &h));
    end(&h);
}

static void one_is_not_one_point_zero(void **state) {
    /* rows: 145 */
    struct fixture *f = *state;
    struct headers_fixture h = {0};

    begin(&h, NULL);
    put(&h.pattern, "a", 1);
    amqp_table_put_double(&h.headers, SLICE("a"), 1.0);
    assert_false(matches(f, &h));
    begin(&h, NULL);
    amqp_table_put_double(&h.pattern, SLICE("a"), 1.0);
    amqp_table_put_double(&h.headers, SLICE("a"), 1.0);
    assert_true(matches(f, &h));
    end(&h);
}

static void text_equals_binary_of_the_same_octets(void **state) {
    struct fixture *f = *state;
    struct headers_fixture h = {0};

    begin(&h, NULL);
    amqp_table_put_text(&h.pattern, SLICE("a"), SLICE("pdf"));
    amqp_table_put_binary(&h.headers, SLICE("a"), SLICE("pdf"));
    assert_true(matches(f, &h));
    begin(&h, NULL);
    amqp_table_put_text(&h.pattern, SLICE("a"), SLICE("1"));
    put(&h.headers, "a", 1);
    assert_false(matches(f, &h));
    end(&h);
}

static void message_without_headers_matches_empty_all_only(void **state) {
    struct fixture *f = *state;
    struct headers_fixture h = {0};

    declare_queue(f, "everything");
    declare_queue(f, "some");
    bind_queue(f, "amq.headers", "everything", "");
    begin(&h, NULL);
    put(&h.pattern, "a", 1);
    bind_with(f, "amq.headers", "some", "", amqp_table_builder_finish(&h.pattern));
    assert_string_equal(routed_to(f, "amq.headers", "a"), "everything");
    end(&h);
}

static void the_first_of_equal_header_names_counts(void **state) {
    struct fixture *f = *state;
    struct headers_fixture h = {0};

    begin(&h, NULL);
    put(&h.pattern, "a", 1);
    put(&h.headers, "a", 2);
    put(&h.headers, "a", 1);
    assert_false(matches(f, &h));
    end(&h);
}

/* -- Random tables ----------------------------------------------------------------------------- */

/* A few names and values, so that patterns and headers often meet. */
static void random_table(struct random *random, struct amqp_table_builder *ret_table) {
    static const char *const names[] = {"a", "b", "c", "x-a"};
    size_t start = random_below(random, 4);
    size_t count = random_below(random, 5);

    for (size_t i = 0; i < count; i++) {
        struct slice name = slice_from_text(names[(start + i) % 4]);
        switch (random_below(random, 5)) {
        case 0:
            amqp_table_put_void(ret_table, name);
            break;
        case 1:
            amqp_table_put_int(ret_table, name, AMQP_TAG_INT64, 1);
            break;
        case 2:
            amqp_table_put_int(ret_table, name, AMQP_TAG_INT8, 1);
            break;
        case 3:
            amqp_table_put_text(ret_table, name, SLICE("1"));
            break;
        default:
            amqp_table_put_bool(ret_table, name, true);
            break;
        }
    }
}

static bool naive_match(const char *mode, struct slice pattern, struct slice headers) {
    struct amqp_table_iterator i = amqp_table_begin(pattern);
    bool is_any = strncmp(mode, "any", 3) == 0;
    bool with_x = strstr(mode, "with-x") != NULL;
    struct amqp_value wanted;
    struct amqp_value got;
    struct slice name;

    while (amqp_table_next(&i, &name, &wanted)) {
        if (slice_equal(name, SLICE("x-match")) || (!with_x && slice_has_prefix(name, SLICE("x-"))))
            continue;
        bool is_equal =
            amqp_table_find(headers, name, &got) &&
            (wanted.tag == AMQP_TAG_VOID || amqp_value_equal(&wanted, &got, AMQP_EQUAL_HEADERS));
        if (is_equal == is_any)
            return is_any;
    }
    return !is_any;
}

#define RANDOM_PATTERNS 80

static void random_patterns_match_as_defined(void **state) {
    static const char *const modes[] = {"all", "any", "all-with-x", "any-with-x"};
    struct fixture *f = *state;
    struct random random = {815};
    struct amqp_table_builder patterns[RANDOM_PATTERNS] = {0};
    bool is_bound[RANDOM_PATTERNS] = {false};
    struct amqp_table_builder headers = {0};
    char name[16];

    for (int i = 0; i < RANDOM_PATTERNS; i++) {
        snprintf(name, sizeof name, "q%02d", i);
        declare_queue(f, name);
        amqp_table_put_text(&patterns[i], SLICE("x-match"), slice_from_text(modes[i % 4]));
        random_table(&random, &patterns[i]);
    }
    for (int round = 0; round < 3000; round++) {
        size_t changed = random_below(&random, RANDOM_PATTERNS);
        snprintf(name, sizeof name, "q%02d", (int)changed);
        struct binding_request request = binding_request(
            f, "amq.headers", name, "", amqp_table_builder_finish(&patterns[changed]));
        assert_true(is_bound[changed] ? try_unbind(f, request) : try_bind(f, request));
        is_bound[changed] = !is_bound[changed];
        random_table(&random, &headers);
        struct slice table = amqp_table_builder_finish(&headers);
        struct text expected = {0};
        for (int i = 0; i < RANDOM_PATTERNS; i++) {
            struct slice pattern = amqp_table_builder_finish(&patterns[i]);
            if (is_bound[i] && naive_match(modes[i % 4], pattern, table))
                text_append_format(&expected, expected.len == 0 ? "q%02d" : " q%02d", i);
        }
        assert_string_equal(routed_by_headers(f, "amq.headers", table), text_chars(&expected));
        text_clear(&expected);
        amqp_table_builder_clear(&headers);
    }
    for (int i = 0; i < RANDOM_PATTERNS; i++)
        amqp_table_builder_clear(&patterns[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(all_is_the_default),
        FIXTURE_TEST(any_needs_one_equal_entry),
        FIXTURE_TEST(all_with_x_compares_x_keys_too),
        FIXTURE_TEST(any_with_x_matches_on_an_x_key),
        FIXTURE_TEST(x_keys_are_ignored_without_with_x),
        FIXTURE_TEST(void_asks_for_presence_only),
        FIXTURE_TEST(empty_all_matches_everything),
        FIXTURE_TEST(empty_any_matches_nothing),
        FIXTURE_TEST(invalid_x_match_is_refused),
        FIXTURE_TEST(integer_tags_are_interchangeable),
        FIXTURE_TEST(true_is_not_one),
        FIXTURE_TEST(one_is_not_one_point_zero),
        FIXTURE_TEST(text_equals_binary_of_the_same_octets),
        FIXTURE_TEST(message_without_headers_matches_empty_all_only),
        FIXTURE_TEST(the_first_of_equal_header_names_counts),
        FIXTURE_TEST(random_patterns_match_as_defined),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
