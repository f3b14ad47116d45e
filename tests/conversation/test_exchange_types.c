/* SPDX-License-Identifier: Apache-2.0 */
/* The exchange types that are plug-ins in RabbitMQ, but for the one that delays: hashing, random, history. */
#include <stdio.h>

#include "tests/support/exchange_declare.h"

/* Declares a, b and c and binds each to "x" under the key. */
static void bind_three(struct peer *p, const char *key) {
    static const char *const queues[] = {"a", "b", "c"};

    for (int i = 0; i < 3; i++) {
        peer_declare_queue(p, queues[i]);
        peer_bind_queue(p, queues[i], "x", key);
    }
}

static uint32_t purge(struct peer *p, const char *queue) {
    peer_send(p, queue_purge, .queue = slice_from_text(queue));
    return peer_receive(p, queue_purge_ok)->message_count;
}

/* Which of a, b and c has the one message there is. */
static char only_holder(struct peer *p) {
    uint32_t a = purge(p, "a"), b = purge(p, "b"), c = purge(p, "c");

    assert_int_equal(a + b + c, 1);
    return a ? 'a' : b ? 'b' : 'c';
}

/* Messages of one key to "x" are always in the same queue, and each queue has some. */
static void expect_keys_to_stay(struct peer *p) {
    bool is_seen[3] = {false};
    char key[] = "key?";

    for (key[3] = 'a'; key[3] <= 'z'; key[3]++) {
        peer_publish(p, "x", key, "1");
        char holder = only_holder(p);
        peer_publish(p, "x", key, "2");
        assert_int_equal(only_holder(p), holder);
        is_seen[holder - 'a'] = true;
    }
    assert_true(is_seen[0] && is_seen[1] && is_seen[2]);
}

/* -- x-consistent-hash ------------------------------------------------------------------------- */

/* rows: 146 */
static void consistent_hash_keeps_a_key_to_one_queue(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_exchange(p, "x", "x-consistent-hash");
    bind_three(p, "1");
    expect_keys_to_stay(p);
}

/* rows: 147 */
static void consistent_hash_wants_a_weight(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_exchange(p, "x", "x-consistent-hash");
    peer_declare_queue(p, "q");
    expect_bind_refused(p, "abc", "The binding key must be an integer: <<\"abc\">>");
    expect_bind_refused(p, "", "The binding key must be an integer: <<>>");
    expect_bind_refused(p, "1.5", "The binding key must be an integer: <<\"1.5\">>");
    expect_bind_refused(p, "-", "The binding key must be an integer: <<\"-\">>");
    expect_bind_refused(p, "0", "The binding key must be greater than 0");
    expect_bind_refused(p, "-3", "The binding key must be greater than 0");
    expect_bind_refused(p, "10001", "The binding key must not exceed 10000");
    expect_bind_refused(p, "99999999999999999999", "The binding key must not exceed 10000");
    peer_bind_queue(p, "q", "x", "+10000");
}

/* rows: 148 */
static void consistent_hash_by_a_header(void **state) {
    struct peer *p = peer_connect(*state);
    bool is_seen[3] = {false};
    char missing, name[] = "v?";

    declare_with(p, "x", "x-consistent-hash", ARGUMENTS(TEXT("hash-header", "h")));
    bind_three(p, "1");
    for (name[1] = 'a'; name[1] <= 'z'; name[1]++) {
        peer_publish_with(p, "x", "same key", "1", .headers = ARGUMENTS(TEXT("h", name)));
        char holder = only_holder(p);
        peer_publish_with(p, "x", name, "2", .headers = ARGUMENTS(INT("a", 1), TEXT("h", name)));
        assert_int_equal(only_holder(p), holder);
        is_seen[holder - 'a'] = true;
    }
    assert_true(is_seen[0] && is_seen[1] && is_seen[2]);
    peer_publish(p, "x", "k1", "no headers");
    missing = only_holder(p);
    for (name[1] = 'a'; name[1] <= 'j'; name[1]++) {
        peer_publish_with(p, "x", name, "not this header", .headers = ARGUMENTS(INT("a", 1)));
        assert_int_equal(only_holder(p), missing);
    }
    peer_publish_with(p, "x", "k", "the word", .headers = ARGUMENTS(TEXT("h", "undefined")));
    assert_int_equal(only_holder(p), missing);
}

/* rows: 148 */
static void consistent_hash_by_a_property(void **state) {
    static const char *const names[] = {"message_id", "correlation_id", "timestamp"};
    struct peer *p = peer_connect(*state);

    for (int i = 0; i < 3; i++) {
        bool is_seen[3] = {false};
        char id[] = "id?";
        declare_with(p, "x", "x-consistent-hash", ARGUMENTS(TEXT("hash-property", names[i])));
        bind_three(p, "1");
        for (id[2] = 'a'; id[2] <= 'z'; id[2]++) {
            struct slice text = slice_from_text(id);
            char holder = 0;
            for (int again = 0; again < 2; again++) {
                if (i == 0)
                    peer_publish_with(p, "x", again ? id : "k", "1", .message_id = text);
                else if (i == 1)
                    peer_publish_with(p, "x", again ? id : "k", "1", .correlation_id = text);
                else
                    peer_publish_with(p, "x", again ? id : "k", "1",
                                      .timestamp = 1000u + (uint8_t)id[2]);
                char got = only_holder(p);
                assert_true(!again || got == holder);
                holder = got;
            }
            is_seen[holder - 'a'] = true;
        }
        assert_true(is_seen[0] && is_seen[1] && is_seen[2]);
        peer_send(p, exchange_delete, .exchange = SLICE("x"));
        peer_expect(p, exchange_delete_ok);
    }
}

/* rows: 148 149 */
static void consistent_hash_refuses_arguments(void **state) {
    struct peer *p = peer_connect(*state);

    expect_declare_refused(p, "x-consistent-hash",
                           ARGUMENTS(TEXT("hash-header", "h"), TEXT("hash-property", "message_id")),
                           "hash-header and hash-property are mutually exclusive");
    expect_declare_refused(p, "x-consistent-hash", ARGUMENTS(TEXT("hash-property", "foo")),
                           "Unsupported property: foo");
    expect_declare_refused(p, "x-consistent-hash", ARGUMENTS(INT("hash-header", 5)),
                           "Invalid type 'signedint' of argument 'hash-header'");
}

/* rows: 146 */
static void consistent_hash_behind_another_exchange(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_exchange(p, "x", "x-consistent-hash");
    peer_declare_exchange(p, "fan", "fanout");
    bind_three(p, "5");
    peer_bind_exchange(p, "x", "fan", "");
    peer_publish(p, "x", "some key", "1");
    char holder = only_holder(p);
    peer_publish(p, "fan", "some key", "2");
    assert_int_equal(only_holder(p), holder);
}

/* -- x-modulus-hash, x-random, x-local-random -------------------------------------------------- */

/* rows: 151 */
static void modulus_hash_keeps_a_key_to_one_queue(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_exchange(p, "x", "x-modulus-hash");
    bind_three(p, "ignored");
    expect_keys_to_stay(p);
}

static void expect_random(struct peer *p) {
    int counts[3] = {0};

    for (int i = 0; i < 300; i++) {
        peer_publish(p, "x", "the same key", "1");
        counts[only_holder(p) - 'a']++;
    }
    for (int i = 0; i < 3; i++)
        assert_in_range(counts[i], 60, 140);
}

/* rows: 150 */
static void random_picks_one_queue_each_time(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_exchange(p, "x", "x-random");
    bind_three(p, "ignored");
    expect_random(p);
}

/* rows: 150 */
static void random_without_bindings_is_unroutable(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_exchange(p, "x", "x-random");
    peer_send(p, basic_publish, .exchange = SLICE("x"), .mandatory = true);
    peer_send_content(p, "nobody", .flags = 0);
    peer_expect(p, basic_return, .reply_code = 312, .reply_text = SLICE("NO_ROUTE"),
                .exchange = SLICE("x"));
    peer_expect_content(p, "nobody");
}

/* rows: 152 */
static void local_random_binds_classic_queues_under_the_empty_key(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_exchange(p, "x", "x-local-random");
    peer_declare_exchange(p, "y", "fanout");
    bind_three(p, "");
    expect_random(p);
    peer_declare_queue(p, "q");
    expect_bind_refused(p, "k", "Non empty binding 'k' key not permitted");
    peer_send(p, exchange_bind, .source = SLICE("x"), .destination = SLICE("y"));
    peer_expect_channel_exception(p, 406, "Destination not found", exchange_bind);
    peer_reopen(p);
    peer_send(p, queue_declare, .queue = SLICE("quorum"), .durable = true,
              .arguments = ARGUMENTS(TEXT("x-queue-type", "quorum")));
    peer_expect(p, queue_declare_ok, .queue = SLICE("quorum"));
    peer_send(p, queue_bind, .queue = SLICE("quorum"), .exchange = SLICE("x"));
    peer_expect_channel_exception(
        p, 406, "Queue type rabbit_quorum_queue not valid for this exchange type", queue_bind);
}

/* -- x-recent-history -------------------------------------------------------------------------- */

/* rows: 153 */
static void history_is_replayed_in_order(void **state) {
    struct peer *p = peer_connect(*state);
    char text[] = "a";

    declare_with(p, "x", "x-recent-history", ARGUMENTS(INT("x-recent-history-length", 3)));
    peer_declare_queue(p, "q");
    for (; *text <= 'g'; (*text)++)
        peer_publish(p, "x", text, text);
    peer_bind_queue(p, "q", "x", "");
    peer_expect_get(p, "q", "e");
    peer_expect_get(p, "q", "f");
    peer_expect_get(p, "q", "g");
    peer_expect_get_empty(p, "q");
    peer_publish(p, "x", "", "live");
    peer_expect_get(p, "q", "live");
    peer_bind_queue(p, "q", "x", "");
    peer_expect_get_empty(p, "q"); /* it was bound before */
}

/* rows: 153 */
static void history_without_a_length_is_twenty(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_exchange(p, "x", "x-recent-history");
    peer_declare_queue(p, "q");
    peer_publish(p, "x", "", "forgotten");
    peer_publish(p, "x", "", "oldest");
    for (int i = 0; i < 19; i++)
        peer_publish(p, "x", "", "newer");
    peer_bind_queue(p, "q", "x", "");
    peer_expect_counts(p, "q", 20, 0);
    peer_expect_get(p, "q", "oldest");
}

/* rows: 153 */
static void history_leaves_out_what_says_so(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_exchange(p, "x", "x-recent-history");
    peer_declare_queue(p, "q");
    peer_publish_with(p, "x", "", "no",
                      .headers = ARGUMENTS(BOOL("x-recent-history-no-store", true)));
    peer_publish_with(p, "x", "", "false",
                      .headers = ARGUMENTS(BOOL("x-recent-history-no-store", false)));
    peer_publish_with(p, "x", "", "text",
                      .headers = ARGUMENTS(TEXT("x-recent-history-no-store", "true")));
    peer_bind_queue(p, "q", "x", "");
    peer_expect_get(p, "q", "false");
    peer_expect_get(p, "q", "text");
    peer_expect_get_empty(p, "q");
}

/* rows: 153 */
static void history_sees_what_comes_by_another_exchange(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_exchange(p, "x", "x-recent-history");
    peer_declare_exchange(p, "first", "direct");
    peer_bind_exchange(p, "x", "first", "k");
    peer_declare_queue(p, "q");
    peer_publish(p, "first", "k", "1");
    peer_publish(p, "first", "k", "2");
    peer_publish(p, "first", "other", "not seen");
    peer_bind_queue(p, "q", "x", "");
    peer_expect_get(p, "q", "1");
    peer_expect_get(p, "q", "2");
    peer_expect_get_empty(p, "q");
}

/* rows: 153 */
static void history_goes_to_an_exchange_too_newest_first(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_exchange(p, "x", "x-recent-history");
    peer_declare_exchange(p, "y", "fanout");
    peer_declare_queue(p, "q");
    peer_bind_queue(p, "q", "y", "");
    peer_publish(p, "x", "", "1");
    peer_publish(p, "x", "", "2");
    peer_bind_exchange(p, "y", "x", "");
    peer_expect_get(p, "q", "2");
    peer_expect_get(p, "q", "1");
    peer_expect_get_empty(p, "q");
}

/* rows: 153 */
static void history_bound_to_itself_comes_to_an_end(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_exchange(p, "x", "x-recent-history");
    peer_publish(p, "x", "", "1");
    peer_publish(p, "x", "", "2");
    peer_bind_exchange(p, "x", "x", "");
    peer_declare_queue(p, "q");
    peer_bind_queue(p, "q", "x", "");
    peer_expect_counts(p, "q", 4, 0);
}

/* Acknowledges the persistent messages 1 and 2 of a durable queue. */
static void take_both(struct peer *p, const char *queue) {
    for (int i = 0; i < 2; i++) {
        peer_send(p, basic_get, .queue = slice_from_text(queue));
        uint64_t tag = peer_receive(p, basic_get_ok)->delivery_tag;
        peer_expect_content(p, i == 0 ? "1" : "2");
        peer_send(p, basic_ack, .delivery_tag = tag);
    }
}

/* rows: 153
 * Each replay is a message of its own to the journal, or an ack would settle another's. */
static void replayed_persistent_messages_are_settled_one_by_one(void **state) {
    static const char *const queues[] = {"a", "b", "c"};
    struct peer *p = peer_connect(*state);

    peer_send(p, exchange_declare, .exchange = SLICE("x"), .type = SLICE("x-recent-history"),
              .durable = true);
    fixture_write_all(*state);
    peer_expect(p, exchange_declare_ok);
    for (int i = 0; i < 3; i++) {
        peer_send(p, queue_declare, .queue = slice_from_text(queues[i]), .durable = true);
        fixture_write_all(*state);
        peer_skip(p, queue_declare_ok);
        peer_send(p, queue_bind, .queue = slice_from_text(queues[i]), .exchange = SLICE("x"));
        fixture_write_all(*state);
        peer_expect(p, queue_bind_ok);
        if (i > 0)
            continue;
        peer_publish_with(p, "x", "", "1", .delivery_mode = 2);
        peer_publish_with(p, "x", "", "2", .delivery_mode = 2);
    }
    take_both(p, "b");
    take_both(p, "a");
    fixture_write_all(*state);
    fixture_restart(*state, false);
    p = peer_connect(*state);
    peer_expect_counts(p, "a", 0, 0);
    peer_expect_counts(p, "b", 0, 0);
    peer_expect_counts(p, "c", 2, 0);
    take_both(p, "c");
    peer_publish(p, "x", "", "the exchange and its bindings are there");
    peer_expect_get(p, "a", "the exchange and its bindings are there");
}

/* rows: 154 */
static void history_wants_a_positive_length(void **state) {
    struct peer *p = peer_connect(*state);
    static const struct {
        struct argument argument;
        const char *shown;
    } bad[] = {
        {INT("x-recent-history-length", 0), "0"},
        {INT("x-recent-history-length", -1), "-1"},
        {INT_OF('B', "x-recent-history-length", 5), "5"},
        {INT_OF('u', "x-recent-history-length", 5), "5"},
        {INT_OF('i', "x-recent-history-length", 5), "5"},
        {TEXT("x-recent-history-length", "5"), "<<\"5\">>"},
        {BOOL("x-recent-history-length", true), "true"},
        {REAL("x-recent-history-length"), "1.5"},
    };
    static const char tags[] = "bsIl";
    char text[200];

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        const struct argument list[] = {bad[i].argument, {NULL, 0, 0, NULL}};
        snprintf(text, sizeof text,
                 "Invalid argument %s, 'x-recent-history-length' must be a positive integer",
                 bad[i].shown);
        expect_declare_refused(p, "x-recent-history", arguments_table(list), text);
    }
    for (const char *tag = tags; *tag != '\0'; tag++)
        declare_with(p, "x", "x-recent-history",
                     ARGUMENTS(INT_OF(*tag, "x-recent-history-length", 5)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CONVERSATION(consistent_hash_keeps_a_key_to_one_queue),
        CONVERSATION(consistent_hash_wants_a_weight),
        CONVERSATION(consistent_hash_by_a_header),
        CONVERSATION(consistent_hash_by_a_property),
        CONVERSATION(consistent_hash_refuses_arguments),
        CONVERSATION(consistent_hash_behind_another_exchange),
        CONVERSATION(modulus_hash_keeps_a_key_to_one_queue),
        CONVERSATION(random_picks_one_queue_each_time),
        CONVERSATION(random_without_bindings_is_unroutable),
        CONVERSATION(local_random_binds_classic_queues_under_the_empty_key),
        CONVERSATION(history_is_replayed_in_order),
        CONVERSATION(history_without_a_length_is_twenty),
        CONVERSATION(history_leaves_out_what_says_so),
        CONVERSATION(history_sees_what_comes_by_another_exchange),
        CONVERSATION(history_goes_to_an_exchange_too_newest_first),
        CONVERSATION(history_bound_to_itself_comes_to_an_end),
        DURABLE_CONVERSATION(replayed_persistent_messages_are_settled_one_by_one),
        CONVERSATION(history_wants_a_positive_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
