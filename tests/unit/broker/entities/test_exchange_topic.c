/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The matrix of compat 2.9, which was taken from RabbitMQ, and random keys against a matcher that
 * follows the definition word by word.
 */
#include "tests/unit/broker/entities/support.h"

/* Binds `pattern` alone and publishes `key`. */
static bool matches(struct fixture *f, const char *pattern, const char *key) {
    bool is_routed;

    bind_queue(f, "amq.topic", "q", pattern);
    is_routed = strcmp(routed_to(f, "amq.topic", key), "q") == 0;
    unbind_queue(f, "amq.topic", "q", pattern);
    assert_string_equal(routed_to(f, "amq.topic", key), "");
    return is_routed;
}

#define assert_matches(pattern, ...) \
    check_keys(f, pattern, true, (const char *[]){__VA_ARGS__, NULL})
#define assert_no_match(pattern, ...) \
    check_keys(f, pattern, false, (const char *[]){__VA_ARGS__, NULL})

static void check_keys(struct fixture *f, const char *pattern, bool expected,
                       const char *const *keys) {
    for (; *keys != NULL; keys++) {
        if (matches(f, pattern, *keys) != expected)
            fail_msg("binding key '%s', routing key '%s'", pattern, *keys);
    }
}

static void star_is_one_word_and_hash_is_any_number(void **state) {
    /* rows: 126 */
    struct fixture *f = *state;

    declare_queue(f, "q");
    assert_matches("a.b", "a.b");
    assert_no_match("a.b", "a", "a.b.c", "a.c", "b.a", "ab", "a.b.", ".a.b");
    assert_matches("*", "a");
    assert_no_match("*", "a.b", ".");
    assert_matches("*.*", "a.b", ".");
    assert_no_match("*.*", "a", "a.b.c");
    assert_matches("#", "a", "a.b.c", ".", "..");
    assert_matches("#.a", "a", "b.a", "c.b.a");
    assert_no_match("#.a", "", "b", "a.b");
    assert_matches("#.#", "", "a", "a.b");
    assert_matches("#.*", "a", "a.b");
    assert_matches("*.#", "a", "a.b");
    assert_matches("#.a.#", "a", "b.a", "a.b", "b.a.c");
    assert_no_match("#.a.#", "", "b", "b.c");
}

static void empty_words_are_words(void **state) {
    /* rows: 127 */
    struct fixture *f = *state;

    declare_queue(f, "q");
    assert_matches("a.*.c", "a.b.c", "a..c");
    assert_no_match("a.*.c", "a.c", "a.b.b.c");
    assert_matches("a.#", "a.");
    assert_matches("a.", "a.");
    assert_no_match("a.", "a", "a..");
    assert_matches(".", ".");
    assert_no_match(".", "", "a");
}

static void hash_matches_the_empty_key(void **state) {
    /* rows: 128 */
    struct fixture *f = *state;

    declare_queue(f, "q");
    assert_matches("#", "");
    assert_matches("", "");
    assert_no_match("", "a", ".");
}

static void star_does_not_match_the_empty_key(void **state) {
    /* rows: 129 */
    struct fixture *f = *state;

    declare_queue(f, "q");
    assert_no_match("*", "");
    assert_no_match("#.*", "");
    assert_no_match("*.#", "");
}

static void hash_at_the_end_may_be_nothing(void **state) {
    /* rows: 130 */
    struct fixture *f = *state;

    declare_queue(f, "q");
    assert_matches("a.#", "a", "a.b", "a.b.c");
    assert_no_match("a.#", "b", "", "b.a");
}

static void hash_in_the_middle_may_be_nothing(void **state) {
    /* rows: 131 */
    struct fixture *f = *state;

    declare_queue(f, "q");
    assert_matches("a.#.c", "a.c", "a.b.c", "a.b.b.c", "a.c.c");
    assert_no_match("a.#.c", "a", "c", "a.c.b", "ac");
}

static void wildcard_inside_a_word_is_literal(void **state) {
    /* rows: 132 */
    struct fixture *f = *state;

    declare_queue(f, "q");
    assert_matches("a*", "a*");
    assert_no_match("a*", "ab", "a");
    assert_matches("a#.b", "a#.b");
    assert_no_match("a#.b", "a.b", "ax.b");
    assert_matches("**", "**");
    assert_no_match("**", "a");
}

static void three_hashes_are_refused(void **state) {
    /* rows: 133 */
    struct fixture *f = *state;

    declare_queue(f, "q");
    assert_false(try_bind(f, binding_request(f, "amq.topic", "q", "#.a.#.b.#", NO_TABLE)));
    assert_refused(f, 406,
                   "Topic binding key '#.a.#.b.#' uses 3 '#' wildcards, at most 2 are allowed");
    bind_queue(f, "amq.topic", "q", "#.a.#.b.c#.##");
}

static void many_patterns_share_one_trie(void **state) {
    struct fixture *f = *state;

    for (const char *name = "a\0b\0c\0d\0e\0"; *name != '\0'; name += 2)
        declare_queue(f, name);
    bind_queue(f, "amq.topic", "a", "stock.nyse.ibm");
    bind_queue(f, "amq.topic", "b", "stock.*.ibm");
    bind_queue(f, "amq.topic", "c", "stock.#");
    bind_queue(f, "amq.topic", "d", "stock.nyse.dell");
    bind_queue(f, "amq.topic", "e", "#.ibm");
    assert_string_equal(routed_to(f, "amq.topic", "stock.nyse.ibm"), "a b c e");
    assert_string_equal(routed_to(f, "amq.topic", "stock.nyse.dell"), "c d");
    assert_string_equal(routed_to(f, "amq.topic", "stock"), "c");
    assert_string_equal(routed_to(f, "amq.topic", "ibm"), "e");
    unbind_queue(f, "amq.topic", "a", "stock.nyse.ibm");
    assert_string_equal(routed_to(f, "amq.topic", "stock.nyse.ibm"), "b c e");
    assert_string_equal(routed_to(f, "amq.topic", "stock.nyse.dell"), "c d");
    unbind_queue(f, "amq.topic", "d", "stock.nyse.dell");
    unbind_queue(f, "amq.topic", "c", "stock.#");
    assert_string_equal(routed_to(f, "amq.topic", "stock.nyse.ibm"), "b e");
    bind_queue(f, "amq.topic", "a", "stock.nyse.ibm");
    assert_string_equal(routed_to(f, "amq.topic", "stock.nyse.ibm"), "a b e");
}

/* By the definition, on keys split into words. */
struct words {
    int count;
    char words[260][8];
};

static struct words split(const char *key) {
    struct words split = {0};
    const char *end;

    if (*key == '\0')
        return split;
    for (; (end = strchr(key, '.')) != NULL; key = end + 1)
        memcpy(split.words[split.count++], key, (size_t)(end - key));
    strcpy(split.words[split.count++], key);
    return split;
}

static bool naive_match(const struct words *pattern, int p, const struct words *key, int k) {
    if (p == pattern->count)
        return k == key->count;
    if (strcmp(pattern->words[p], "#") == 0) {
        for (int skipped = k; skipped <= key->count; skipped++) {
            if (naive_match(pattern, p + 1, key, skipped))
                return true;
        }
        return false;
    }
    if (k == key->count)
        return false;
    return (strcmp(pattern->words[p], "*") == 0 || strcmp(pattern->words[p], key->words[k]) == 0) &&
           naive_match(pattern, p + 1, key, k + 1);
}

/* Up to six words out of few, so that patterns and keys often meet. At most two of them are `#`. */
static void random_key(struct random *random, bool is_pattern, char *ret_key) {
    static const char *const words[] = {"a", "b", "", "cc", "*", "#"};
    size_t count = random_below(random, 7);
    int many = 0;

    ret_key[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        size_t word = random_below(random, is_pattern && many < 2 ? 6 : is_pattern ? 5 : 4);
        many += word == 5;
        if (i > 0)
            strcat(ret_key, ".");
        strcat(ret_key, words[word]);
    }
}

#define RANDOM_PATTERNS 60

static void assert_agrees_with_naive(struct fixture *f, char patterns[][64], const bool is_bound[],
                                     const char *key) {
    struct words key_words = split(key);
    struct text expected = {0};

    for (int i = 0; i < RANDOM_PATTERNS; i++) {
        struct words pattern_words = split(patterns[i]);
        if (is_bound[i] && naive_match(&pattern_words, 0, &key_words, 0))
            text_append_format(&expected, expected.len == 0 ? "q%02d" : " q%02d", i);
    }
    assert_string_equal(routed_to(f, "amq.topic", key), text_chars(&expected));
    text_clear(&expected);
}

/* Binds and unbinds at random; after every change some keys must route as the definition says. */
static void random_patterns_match_as_defined(void **state) {
    struct fixture *f = *state;
    struct random random = {4711};
    static char patterns[RANDOM_PATTERNS][64];
    bool is_bound[RANDOM_PATTERNS] = {false};
    char key[64];
    char name[16];

    for (int i = 0; i < RANDOM_PATTERNS; i++) {
        random_key(&random, true, patterns[i]);
        snprintf(name, sizeof name, "q%02d", i);
        declare_queue(f, name);
    }
    for (int round = 0; round < 2000; round++) {
        size_t i = random_below(&random, RANDOM_PATTERNS);
        snprintf(name, sizeof name, "q%02d", (int)i);
        if (is_bound[i])
            unbind_queue(f, "amq.topic", name, patterns[i]);
        else
            bind_queue(f, "amq.topic", name, patterns[i]);
        is_bound[i] = !is_bound[i];
        for (int k = 0; k < 5; k++) {
            random_key(&random, false, key);
            assert_agrees_with_naive(f, patterns, is_bound, key);
        }
    }
}

/* `count` words out of "" and "a", or in a pattern a `*` or one of two `#` among them. */
static void random_long_key(struct random *random, bool is_pattern, size_t count, char *ret_key) {
    size_t first = random_below(random, count);
    size_t second = random_below(random, count);

    ret_key[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        bool is_many = is_pattern && (i == first || i == second);
        const char *word = is_pattern && random_below(random, 3) == 0 ? "*"
                           : random_below(random, 8) == 0             ? ""
                                                                      : "a";
        strcat(ret_key, i == 0 ? "" : ".");
        strcat(ret_key, is_many ? "#" : word);
    }
}

/* Sets of positions of one machine word and more. */
static void long_random_patterns_match_as_defined(void **state) {
    struct fixture *f = *state;
    struct random random = {1138};
    char pattern[256];
    char key[256];
    int match_count = 0;

    declare_queue(f, "q");
    for (int round = 0; round < 20000; round++) {
        size_t key_words = 1 + random_below(&random, 128);
        size_t pattern_words = 1 + random_below(&random, 16);
        random_long_key(&random, true, pattern_words, pattern);
        random_long_key(&random, false, key_words, key);
        struct words split_pattern = split(pattern);
        struct words split_key = split(key);
        bool expected = naive_match(&split_pattern, 0, &split_key, 0);
        match_count += expected;
        if (matches(f, pattern, key) != expected)
            fail_msg("binding key '%s', routing key '%s'", pattern, key);
    }
    assert_in_range(match_count, 1000, 19000);
}

/* Patterns with long common beginnings: labels are split and joined again. */
static void labels_are_split_and_joined(void **state) {
    static const char *const patterns[] = {"a.b.c.d.e", "a.b.c.d.f",   "a.b.c",   "a.b.#.d.e",
                                           "a.b",       "a.b.c.*.e",   "a.b.*.d", "a.b.c.d.e.f.g",
                                           "a.b.c.#",   "a.b.c.d.e.#", "*.b.c.d", "*.b.c.d.e"};
    enum { COUNT = sizeof patterns / sizeof patterns[0] };
    struct fixture *f = *state;
    struct random random = {3};
    bool is_bound[RANDOM_PATTERNS] = {false};
    static char copies[RANDOM_PATTERNS][64];
    char name[16];

    for (int i = 0; i < COUNT; i++) {
        strcpy(copies[i], patterns[i]);
        snprintf(name, sizeof name, "q%02d", i);
        declare_queue(f, name);
    }
    for (int round = 0; round < 3000; round++) {
        size_t i = random_below(&random, COUNT);
        snprintf(name, sizeof name, "q%02d", (int)i);
        if (is_bound[i])
            unbind_queue(f, "amq.topic", name, patterns[i]);
        else
            bind_queue(f, "amq.topic", name, patterns[i]);
        is_bound[i] = !is_bound[i];
        assert_agrees_with_naive(f, copies, is_bound, "a.b.c.d.e");
        assert_agrees_with_naive(f, copies, is_bound, "a.b.c.d");
        assert_agrees_with_naive(f, copies, is_bound, "a.b.c");
        assert_agrees_with_naive(f, copies, is_bound, "a.b.c.d.e.f.g");
        assert_agrees_with_naive(f, copies, is_bound, "a.b.x.d.e");
    }
}

/* 255 dots are 256 empty words: the most a routing key can have. */
static void longest_keys_are_routed(void **state) {
    struct fixture *f = *state;
    char dots[256];
    char pattern[256];

    memset(dots, '.', 255);
    dots[255] = '\0';
    declare_queue(f, "q");
    assert_matches("#", dots);
    assert_matches(dots, dots);
    assert_matches("#.", dots);
    assert_no_match("#.a", dots);
    for (int i = 0; i < 255; i++)
        pattern[i] = i % 2 == 0 ? '*' : '.';
    pattern[255] = '\0';
    dots[127] = '\0';
    assert_matches(pattern, dots);
    dots[126] = '\0';
    assert_no_match(pattern, dots);
}

/* -- Sets that are too much for a walk --------------------------------------------------------- */

static int columns_setup(void **state) {
    int failed = fixture_setup(state);
    struct fixture *f = *state;

    f->broker->settings.topic_walk_max = 0;
    return failed;
}

#define MANY        3000
#define MANY_QUEUES 40

struct many {
    struct words patterns[MANY];
    char keys[MANY][256];
    bool is_bound[MANY];
};

static const char *queue_of(size_t i) {
    static char name[16];

    snprintf(name, sizeof name, "q%02zu", i % MANY_QUEUES);
    return name;
}

/* Up to 40 words of the key or `*`, and none, one or two `#` anywhere. */
static void random_wide_pattern(struct random *random, char *ret_key) {
    size_t count = 1 + random_below(random, random_below(random, 2) == 0 ? 40 : 8);
    size_t first = random_below(random, count + 1);
    size_t second = random_below(random, count + 1);

    ret_key[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        const char *word = random_below(random, 3) == 0    ? "a"
                           : random_below(random, 40) == 0 ? "b"
                           : random_below(random, 80) == 0 ? "cc"
                                                           : "*";
        strcat(ret_key, i == 0 ? "" : ".");
        strcat(ret_key, i == first || i == second ? "#" : word);
    }
}

static void random_wide_key(struct random *random, char *ret_key) {
    size_t count = random_below(random, 72);

    ret_key[0] = '\0';
    for (size_t i = 0; i < count; i++) {
        strcat(ret_key, i == 0 ? "" : ".");
        strcat(ret_key, random_below(random, 6) > 0   ? "a"
                        : random_below(random, 3) > 0 ? "b"
                        : random_below(random, 2) > 0 ? "cc"
                                                      : "");
    }
}

/* Equal bindings would be one. */
static bool is_known(const struct many *many, size_t i) {
    for (size_t at = i % MANY_QUEUES; at < i; at += MANY_QUEUES) {
        if (strcmp(many->keys[at], many->keys[i]) == 0)
            return true;
    }
    return false;
}

static void assert_many_agree(struct fixture *f, const struct many *many, const char *key) {
    struct words key_words = split(key);
    bool expected[MANY_QUEUES] = {false};
    struct text text = {0};

    for (size_t i = 0; i < MANY; i++) {
        if (many->is_bound[i] && !expected[i % MANY_QUEUES])
            expected[i % MANY_QUEUES] = naive_match(&many->patterns[i], 0, &key_words, 0);
    }
    for (size_t i = 0; i < MANY_QUEUES; i++) {
        if (expected[i])
            text_append_format(&text, text.len == 0 ? "%s" : " %s", queue_of(i));
    }
    assert_string_equal(routed_to(f, "amq.topic", key), text_chars(&text));
    text_clear(&text);
}

static void toggle(struct fixture *f, struct many *many, size_t i) {
    if (many->is_bound[i])
        unbind_queue(f, "amq.topic", queue_of(i), many->keys[i]);
    else
        bind_queue(f, "amq.topic", queue_of(i), many->keys[i]);
    many->is_bound[i] = !many->is_bound[i];
}

/* More than a block of them, so that slots are freed and taken again and blocks come and go. */
static void many_wide_patterns_match_as_defined(void **state) {
    struct fixture *f = *state;
    struct random random = {90125};
    struct many *many = calloc(1, sizeof *many);
    char key[256];

    for (size_t i = 0; i < MANY_QUEUES; i++)
        declare_queue(f, queue_of(i));
    for (size_t i = 0; i < MANY; i++) {
        do
            random_wide_pattern(&random, many->keys[i]);
        while (is_known(many, i));
        many->patterns[i] = split(many->keys[i]);
    }
    for (size_t i = 0; i < MANY; i++)
        toggle(f, many, i);
    for (int round = 0; round < 300; round++) {
        for (int i = 0; i < 10; i++)
            toggle(f, many, random_below(&random, MANY));
        random_wide_key(&random, key);
        assert_many_agree(f, many, key);
    }
    for (size_t i = 0; i < MANY; i++) {
        if (many->is_bound[i])
            toggle(f, many, i);
        if (i % 500 == 0)
            assert_many_agree(f, many, key);
    }
    free(many);
}

/* One queue bound again and again with one key: arguments tell the bindings apart. */
static void repeated_destinations_are_routed_once(void **state) {
    struct fixture *f = *state;
    struct amqp_table_builder arguments;

    declare_queue(f, "q");
    declare_queue(f, "r");
    for (int i = 0; i < 200; i++) {
        amqp_table_builder_init(&arguments);
        amqp_table_put_int(&arguments, SLICE("n"), AMQP_TAG_INT64, i);
        struct slice table = amqp_table_builder_finish(&arguments);
        assert_true(
            try_bind(f, binding_request(f, "amq.topic", i < 199 ? "q" : "r", "a.*", table)));
        amqp_table_builder_clear(&arguments);
    }
    assert_string_equal(routed_to(f, "amq.topic", "a.b"), "q r");
    assert_string_equal(routed_to(f, "amq.topic", "a"), "");
}

#define COLUMNS_TEST(test)                                                          \
    {                                                                               \
        .name = #test " (columns)", .test_func = test, .setup_func = columns_setup, \
        .teardown_func = fixture_teardown                                           \
    }

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(star_is_one_word_and_hash_is_any_number),
        FIXTURE_TEST(empty_words_are_words),
        FIXTURE_TEST(hash_matches_the_empty_key),
        FIXTURE_TEST(star_does_not_match_the_empty_key),
        FIXTURE_TEST(hash_at_the_end_may_be_nothing),
        FIXTURE_TEST(hash_in_the_middle_may_be_nothing),
        FIXTURE_TEST(wildcard_inside_a_word_is_literal),
        FIXTURE_TEST(three_hashes_are_refused),
        FIXTURE_TEST(many_patterns_share_one_trie),
        FIXTURE_TEST(random_patterns_match_as_defined),
        FIXTURE_TEST(long_random_patterns_match_as_defined),
        FIXTURE_TEST(labels_are_split_and_joined),
        FIXTURE_TEST(longest_keys_are_routed),
        FIXTURE_TEST(many_wide_patterns_match_as_defined),
        FIXTURE_TEST(repeated_destinations_are_routed_once),
        COLUMNS_TEST(star_is_one_word_and_hash_is_any_number),
        COLUMNS_TEST(empty_words_are_words),
        COLUMNS_TEST(hash_matches_the_empty_key),
        COLUMNS_TEST(star_does_not_match_the_empty_key),
        COLUMNS_TEST(hash_at_the_end_may_be_nothing),
        COLUMNS_TEST(hash_in_the_middle_may_be_nothing),
        COLUMNS_TEST(wildcard_inside_a_word_is_literal),
        COLUMNS_TEST(many_patterns_share_one_trie),
        COLUMNS_TEST(random_patterns_match_as_defined),
        COLUMNS_TEST(long_random_patterns_match_as_defined),
        COLUMNS_TEST(labels_are_split_and_joined),
        COLUMNS_TEST(longest_keys_are_routed),
        COLUMNS_TEST(many_wide_patterns_match_as_defined),
        COLUMNS_TEST(repeated_destinations_are_routed_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
