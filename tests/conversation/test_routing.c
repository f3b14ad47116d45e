/* SPDX-License-Identifier: Apache-2.0 */
/* How the types of the specification route: direct, fanout, topic, headers. */
#include "tests/support/peer.h"

/* rows: 124 */
static void direct_matches_the_whole_key(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_bind_queue(p, "q", "amq.direct", "key");
    peer_publish(p, "amq.direct", "ke", "no");
    peer_publish(p, "amq.direct", "key.", "no");
    peer_publish(p, "amq.direct", "KEY", "no");
    peer_publish(p, "amq.direct", "", "no");
    peer_publish(p, "amq.direct", "key", "yes");
    peer_expect_get(p, "q", "yes");
    peer_expect_get_empty(p, "q");
}

/* rows: 125 */
static void fanout_does_not_look_at_the_key(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q1");
    peer_declare_queue(p, "q2");
    peer_bind_queue(p, "q1", "amq.fanout", "this");
    peer_bind_queue(p, "q2", "amq.fanout", "");
    peer_publish(p, "amq.fanout", "that", "body");
    peer_expect_get(p, "q1", "body");
    peer_expect_get(p, "q2", "body");
}

static bool topic_matches(struct peer *p, const char *binding_key, const char *routing_key) {
    bool is_match;

    peer_bind_queue(p, "q", "amq.topic", binding_key);
    peer_publish(p, "amq.topic", routing_key, "body");
    peer_send(p, queue_purge, .queue = SLICE("q"));
    is_match = peer_receive(p, queue_purge_ok)->message_count > 0;
    peer_send(p, queue_unbind, .queue = SLICE("q"), .exchange = SLICE("amq.topic"),
              .routing_key = slice_from_text(binding_key));
    peer_expect(p, queue_unbind_ok);
    return is_match;
}

struct topic_case {
    const char *binding_key;
    const char *routing_key;
    bool matches;
};

static void check_topics(void **state, const struct topic_case cases[], size_t count) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    for (size_t i = 0; i < count; i++) {
        if (topic_matches(p, cases[i].binding_key, cases[i].routing_key) != cases[i].matches)
            fail_msg("binding key '%s' and routing key '%s'", cases[i].binding_key,
                     cases[i].routing_key);
    }
}

#define CHECK_TOPICS(state, ...)                                    \
    do {                                                            \
        static const struct topic_case cases[] = {__VA_ARGS__};     \
        check_topics(state, cases, sizeof cases / sizeof cases[0]); \
    } while (0)

/* rows: 126 */
static void topic_star_is_one_word_and_hash_any_number(void **state) {
    CHECK_TOPICS(state, {"*", "a", true}, {"*", "a.b", false}, {"#", "a", true},
                 {"#", "a.b.c", true}, {"a.*.c", "a.b.c", true}, {"a.*.c", "a.c", false},
                 {"a.*.c", "a.b.b.c", false}, {"#.a", "a", true}, {"#.a", "b.a", true},
                 {"#.a", "c.b.a", true}, {"#.a", "a.b", false}, {"a.b", "a.b", true},
                 {"a.b", "a.c", false}, {"#.*", "a", true}, {"#.*", "a.b", true},
                 {"*.#", "a", true}, {"*.#", "a.b", true}, {"#.#", "a", true}, {"#.#", "a.b", true},
                 {"*.*", "a", false}, {"*.*", "a.b.c", false});
}

/* rows: 127 */
static void topic_empty_words_are_words(void **state) {
    CHECK_TOPICS(state, {"a.*.c", "a..c", true}, {"*.*", ".", true}, {"*", ".", false},
                 {"a.#", "a.", true}, {"", "", true}, {"", "a", false}, {"a.", "a.", true},
                 {"a.", "a", false}, {".", ".", true}, {"*.*.*", "..", true});
}

/* rows: 128 129 */
static void topic_hash_takes_the_empty_key_and_star_does_not(void **state) {
    CHECK_TOPICS(state, {"#", "", true}, {"#.#", "", true}, {"*", "", false}, {"#.*", "", false},
                 {"*.#", "", false});
}

/* rows: 130 131 */
static void topic_hash_takes_no_word(void **state) {
    CHECK_TOPICS(state, {"a.#", "a", true}, {"a.#", "a.b", true}, {"a.#", "a.b.c", true},
                 {"a.#", "b", false}, {"a.#", "ab", false}, {"a.#.c", "a.c", true},
                 {"a.#.c", "a.b.c", true}, {"a.#.c", "a.b.b.c", true}, {"a.#.c", "a.c.c", true},
                 {"a.#.c", "a.c.b", false});
}

/* rows: 132 */
static void topic_wildcard_inside_a_word_is_literal(void **state) {
    CHECK_TOPICS(state, {"a*", "a*", true}, {"a*", "ab", false}, {"#a", "#a", true},
                 {"#a", "b.a", false}, {"**", "a", false}, {"##", "a", false});
}

/* rows: 133 */
static void topic_binding_with_three_hashes_is_406(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_queue(p, "q");
    peer_bind_queue(p, "q", "amq.topic", "#.a.#");
    peer_send(p, queue_bind, .queue = SLICE("q"), .exchange = SLICE("amq.topic"),
              .routing_key = SLICE("#.a.#.b.#"));
    peer_expect_channel_exception(
        p, 406, "Topic binding key '#.a.#.b.#' uses 3 '#' wildcards, at most 2 are allowed",
        queue_bind);
}

/* Does a headers binding with these arguments take a message with these headers? */
static bool headers_match(struct peer *p, struct slice arguments, struct slice headers) {
    bool is_match;

    peer_bind_queue_with(p, "q", "amq.headers", "", arguments);
    peer_publish_with(p, "amq.headers", "ignored", "body", .headers = headers);
    peer_send(p, queue_purge, .queue = SLICE("q"));
    is_match = peer_receive(p, queue_purge_ok)->message_count > 0;
    peer_send(p, queue_unbind, .queue = SLICE("q"), .exchange = SLICE("amq.headers"),
              .arguments = arguments);
    peer_expect(p, queue_unbind_ok);
    return is_match;
}

#define MATCH_ALL            \
    "\x07x-matchS\0\0\0\x03" \
    "all"
#define MATCH_ANY            \
    "\x07x-matchS\0\0\0\x03" \
    "any"
#define MATCH_ALL_X          \
    "\x07x-matchS\0\0\0\x0a" \
    "all-with-x"
#define MATCH_ANY_X          \
    "\x07x-matchS\0\0\0\x0a" \
    "any-with-x"
#define ENTRY_A1   \
    "\x01"         \
    "aS\0\0\0\x01" \
    "1"
#define ENTRY_A2   \
    "\x01"         \
    "aS\0\0\0\x01" \
    "2"
#define ENTRY_B1   \
    "\x01"         \
    "bS\0\0\0\x01" \
    "1"
#define ENTRY_X1         \
    "\x03x-kS\0\0\0\x01" \
    "1"
#define ENTRY_X2         \
    "\x03x-kS\0\0\0\x01" \
    "2"

/* rows: 134 */
static void headers_without_x_match_need_all(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

    assert_true(headers_match(p, SLICE(ENTRY_A1 ENTRY_B1), SLICE(ENTRY_B1 ENTRY_A1)));
    assert_false(headers_match(p, SLICE(ENTRY_A1 ENTRY_B1), SLICE(ENTRY_A1)));
    assert_false(headers_match(p, SLICE(ENTRY_A1), SLICE(ENTRY_A2)));
    assert_true(headers_match(p, SLICE(MATCH_ALL ENTRY_A1), SLICE(ENTRY_A1 ENTRY_B1)));
    assert_false(headers_match(p, SLICE(MATCH_ALL ENTRY_A1 ENTRY_B1), SLICE(ENTRY_A1)));
}

/* rows: 135 */
static void headers_any_needs_one(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

    assert_true(headers_match(p, SLICE(MATCH_ANY ENTRY_A1 ENTRY_B1), SLICE(ENTRY_B1)));
    assert_true(headers_match(p, SLICE(MATCH_ANY ENTRY_A2 ENTRY_B1), SLICE(ENTRY_A1 ENTRY_B1)));
    assert_false(headers_match(p, SLICE(MATCH_ANY ENTRY_A1 ENTRY_B1), SLICE(ENTRY_A2)));
}

/* rows: 136 */
static void headers_all_with_x_compares_x_keys(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

    assert_true(headers_match(p, SLICE(MATCH_ALL_X ENTRY_A1 ENTRY_X1), SLICE(ENTRY_A1 ENTRY_X1)));
    assert_false(headers_match(p, SLICE(MATCH_ALL_X ENTRY_A1 ENTRY_X1), SLICE(ENTRY_A1)));
    assert_false(headers_match(p, SLICE(MATCH_ALL_X ENTRY_A1 ENTRY_X1), SLICE(ENTRY_A1 ENTRY_X2)));
}

/* rows: 137 */
static void headers_any_with_x_matches_by_an_x_key(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

    assert_true(headers_match(p, SLICE(MATCH_ANY_X ENTRY_A1 ENTRY_X1), SLICE(ENTRY_X1)));
    assert_false(headers_match(p, SLICE(MATCH_ANY_X ENTRY_A1 ENTRY_X1), SLICE(ENTRY_X2)));
    assert_false(headers_match(p, SLICE(MATCH_ANY_X ENTRY_A1), SLICE(MATCH_ANY_X)));
}

/* rows: 138 */
static void headers_all_and_any_skip_x_keys(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

    assert_true(headers_match(p, SLICE(MATCH_ALL ENTRY_A1 ENTRY_X1), SLICE(ENTRY_A1)));
    assert_false(headers_match(p, SLICE(MATCH_ANY ENTRY_A1 ENTRY_X1), SLICE(ENTRY_X1)));
}

/* rows: 139 */
static void headers_void_asks_for_presence(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

    assert_true(headers_match(p,
                              SLICE("\x01"
                                    "aV"),
                              SLICE(ENTRY_A2)));
    assert_true(headers_match(p,
                              SLICE("\x01"
                                    "aV"),
                              SLICE("\x01"
                                    "aV")));
    assert_false(headers_match(p,
                               SLICE("\x01"
                                     "aV"),
                               SLICE(ENTRY_B1)));
}

/* rows: 140 */
static void headers_empty_all_matches_everything(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

    assert_true(headers_match(p, SLICE(MATCH_ALL), SLICE(ENTRY_A1)));
    assert_true(headers_match(p, SLICE(""), SLICE("")));
}

/* rows: 141 */
static void headers_empty_any_matches_nothing(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

    assert_false(headers_match(p, SLICE(MATCH_ANY), SLICE(ENTRY_A1)));
    assert_false(headers_match(p, SLICE(MATCH_ANY), SLICE("")));
}

/* rows: 142 */
static void headers_bad_x_match_is_406(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

    peer_send(p, queue_bind, .queue = SLICE("q"), .exchange = SLICE("amq.headers"),
              .arguments = SLICE("\x07x-matchS\0\0\0\x03"
                                 "foo"));
    peer_expect_channel_exception(p, 406,
                                  "Invalid x-match field value <<\"foo\">>; expected all, any, "
                                  "all-with-x, or any-with-x",
                                  queue_bind);
    peer_reopen(p);
    peer_send(p, queue_bind, .queue = SLICE("q"), .exchange = SLICE("amq.headers"),
              .arguments = SLICE("\x07x-matchI\0\0\0\x05"));
    peer_expect_channel_exception(
        p, 406, "Invalid x-match field type signedint (value 5); expected longstr", queue_bind);
}

#define ENTRY_BYTE  "\x01nb\x05"
#define ENTRY_INT   "\x01nI\0\0\0\x05"
#define ENTRY_LONG  "\x01nl\0\0\0\0\0\0\0\x05"
#define ENTRY_INT_1 "\x01nI\0\0\0\x01"
#define ENTRY_TRUE  "\x01nt\x01"
#define ENTRY_1_0   "\x01nd\x3f\xf0\0\0\0\0\0\0"

/* rows: 143 */
static void headers_integer_tags_are_alike(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

    assert_true(headers_match(p, SLICE(ENTRY_BYTE), SLICE(ENTRY_LONG)));
    assert_true(headers_match(p, SLICE(ENTRY_LONG), SLICE(ENTRY_INT)));
    assert_false(headers_match(p, SLICE(ENTRY_INT), SLICE(ENTRY_INT_1)));
}

/* rows: 144 */
static void headers_true_is_not_1(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

    assert_false(headers_match(p, SLICE(ENTRY_TRUE), SLICE(ENTRY_INT_1)));
    assert_false(headers_match(p, SLICE(ENTRY_INT_1), SLICE(ENTRY_TRUE)));
    assert_true(headers_match(p, SLICE(ENTRY_TRUE), SLICE(ENTRY_TRUE)));
}

/* rows: 145 */
static void headers_1_is_not_1_0(void **state) {
    struct peer *p = peer_connect_with_queue(*state);

    assert_false(headers_match(p, SLICE(ENTRY_INT_1), SLICE(ENTRY_1_0)));
    assert_false(headers_match(p, SLICE(ENTRY_1_0), SLICE(ENTRY_INT_1)));
    assert_true(headers_match(p, SLICE(ENTRY_1_0), SLICE(ENTRY_1_0)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CONVERSATION(direct_matches_the_whole_key),
        CONVERSATION(fanout_does_not_look_at_the_key),
        CONVERSATION(topic_star_is_one_word_and_hash_any_number),
        CONVERSATION(topic_empty_words_are_words),
        CONVERSATION(topic_hash_takes_the_empty_key_and_star_does_not),
        CONVERSATION(topic_hash_takes_no_word),
        CONVERSATION(topic_wildcard_inside_a_word_is_literal),
        CONVERSATION(topic_binding_with_three_hashes_is_406),
        CONVERSATION(headers_without_x_match_need_all),
        CONVERSATION(headers_any_needs_one),
        CONVERSATION(headers_all_with_x_compares_x_keys),
        CONVERSATION(headers_any_with_x_matches_by_an_x_key),
        CONVERSATION(headers_all_and_any_skip_x_keys),
        CONVERSATION(headers_void_asks_for_presence),
        CONVERSATION(headers_empty_all_matches_everything),
        CONVERSATION(headers_empty_any_matches_nothing),
        CONVERSATION(headers_bad_x_match_is_406),
        CONVERSATION(headers_integer_tags_are_alike),
        CONVERSATION(headers_true_is_not_1),
        CONVERSATION(headers_1_is_not_1_0),
    };

    return cmocka_run_group_tests_name("routing", tests, NULL, NULL);
}
