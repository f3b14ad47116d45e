/* SPDX-License-Identifier: Apache-2.0 */
/* The exchange types that are plug-ins in RabbitMQ: hashing, random, history and delay. */
#include <stdio.h>

#include "tests/support/arguments.h"
#include "tests/support/peer.h"

static void declare_with(struct peer *p, const char *exchange, const char *type,
                         struct slice arguments) {
    peer_send(p, exchange_declare, .exchange = slice_from_text(exchange),
              .type = slice_from_text(type), .arguments = arguments);
    peer_expect(p, exchange_declare_ok);
}

static void expect_declare_refused(struct peer *p, const char *type, struct slice arguments,
                                   const char *text) {
    peer_send(p, exchange_declare, .exchange = SLICE("x"), .type = slice_from_text(type),
              .arguments = arguments);
    peer_expect_channel_exception(p, 406, text, exchange_declare);
    peer_reopen(p);
}

static void expect_bind_refused(struct peer *p, const char *key, const char *text) {
    peer_send(p, queue_bind, .queue = SLICE("q"), .exchange = SLICE("x"),
              .routing_key = slice_from_text(key));
    peer_expect_channel_exception(p, 406, text, queue_bind);
    peer_reopen(p);
}

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

/* -- x-consistent-hash ------------------------------------------------------------------------- */

/* rows: 146 */
static void consistent_hash_keeps_a_key_to_one_queue(void **state) {
    struct peer *p = peer_connect(*state);
    bool is_seen[3] = {false};
    char key[] = "key?";

    peer_declare_exchange(p, "x", "x-consistent-hash");
    bind_three(p, "1");
    for (key[3] = 'a'; key[3] <= 'z'; key[3]++) {
        peer_publish(p, "x", key, "1");
        char holder = only_holder(p);
        peer_publish(p, "x", key, "2");
        assert_int_equal(only_holder(p), holder);
        is_seen[holder - 'a'] = true;
    }
    assert_true(is_seen[0] && is_seen[1] && is_seen[2]);
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
    bool is_seen[3] = {false};
    char key[] = "key?";

    peer_declare_exchange(p, "x", "x-modulus-hash");
    bind_three(p, "ignored");
    for (key[3] = 'a'; key[3] <= 'z'; key[3]++) {
        peer_publish(p, "x", key, "1");
        char holder = only_holder(p);
        peer_publish(p, "x", key, "2");
        assert_int_equal(only_holder(p), holder);
        is_seen[holder - 'a'] = true;
    }
    assert_true(is_seen[0] && is_seen[1] && is_seen[2]);
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

static int durable_setup(void **state) {
    *state = fixture_create_durable();
    return 0;
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

/* -- x-delayed-message ------------------------------------------------------------------------- */

/* "x" delays and routes as a direct exchange; "q" is bound under "k". */
static struct peer *connect_delayed(void **state) {
    struct peer *p = peer_connect(*state);

    declare_with(p, "x", "x-delayed-message", ARGUMENTS(TEXT("x-delayed-type", "direct")));
    peer_declare_queue(p, "q");
    peer_bind_queue(p, "q", "x", "k");
    return p;
}

#define PUBLISH_DELAYED(p, text, ...) \
    peer_publish_with(p, "x", "k", text, .headers = ARGUMENTS(__VA_ARGS__))

/* Takes the message of "q" and expects x-delay to be this in its headers, with tag I or l. */
static void expect_waited(struct peer *p, const char *text, char tag, int64_t waited) {
    const struct amqp_properties *properties;
    struct amqp_value value;

    peer_send(p, basic_get, .queue = SLICE("q"), .no_ack = true);
    peer_skip(p, basic_get_ok);
    properties = peer_expect_content(p, text);
    assert_true(amqp_table_find(properties->headers, SLICE("x-delay"), &value));
    assert_int_equal(value.tag, tag);
    assert_int_equal(value.integer, waited);
}

/* rows: 155 */
static void delayed_message_comes_after_its_delay(void **state) {
    struct peer *p = connect_delayed(state);

    PUBLISH_DELAYED(p, "late", INT("x-delay", 5000));
    PUBLISH_DELAYED(p, "soon", INT("x-delay", 1000));
    peer_publish(p, "x", "k", "now");
    peer_expect_get(p, "q", "now");
    fixture_advance(*state, 999);
    peer_expect_get_empty(p, "q");
    fixture_advance(*state, 1);
    expect_waited(p, "soon", 'I', -1000);
    fixture_advance(*state, 3999);
    peer_expect_get_empty(p, "q");
    fixture_advance(*state, 1);
    expect_waited(p, "late", 'I', -5000);
}

/* rows: 155 */
static void delayed_messages_of_one_moment_keep_their_order(void **state) {
    struct peer *p = connect_delayed(state);
    char text[] = "a";

    for (; *text <= 'j'; (*text)++)
        PUBLISH_DELAYED(p, text, INT("x-delay", 10));
    fixture_advance(*state, 10);
    for (*text = 'a'; *text <= 'j'; (*text)++)
        expect_waited(p, text, 'I', -10);
}

/* rows: 155 */
static void other_headers_and_properties_stay(void **state) {
    struct peer *p = connect_delayed(state);
    struct amqp_value value;
    const struct amqp_properties *properties;

    peer_publish_with(p, "x", "k", "1", .message_id = SLICE("m"), .delivery_mode = 2,
                      .headers = ARGUMENTS(INT("a", 1), INT("x-delay", 10), TEXT("z", "y")));
    fixture_advance(*state, 10);
    peer_send(p, basic_get, .queue = SLICE("q"), .no_ack = true);
    peer_expect(p, basic_get_ok, .delivery_tag = 1, .exchange = SLICE("x"),
                .routing_key = SLICE("k"));
    properties = peer_expect_content(p, "1");
    assert_int_equal(properties->delivery_mode, 2);
    assert_true(slice_equal(properties->message_id, SLICE("m")));
    assert_int_equal(amqp_table_count(properties->headers), 3);
    assert_true(amqp_table_find(properties->headers, SLICE("z"), &value));
}

/* rows: 155 */
static void delay_may_have_many_types(void **state) {
    struct peer *p = connect_delayed(state);

    for (const char *tag = "bBsuIil"; *tag != '\0'; tag++) {
        PUBLISH_DELAYED(p, "integer", INT_OF(*tag, "x-delay", 100));
        fixture_advance(*state, 99);
        peer_expect_get_empty(p, "q");
        fixture_advance(*state, 1);
        expect_waited(p, "integer", 'I', -100);
    }
    PUBLISH_DELAYED(p, "text", TEXT("x-delay", "250"));
    fixture_advance(*state, 249);
    peer_expect_get_empty(p, "q");
    fixture_advance(*state, 1);
    expect_waited(p, "text", 'I', -250);
    PUBLISH_DELAYED(p, "fraction", REAL("x-delay"));
    peer_expect_get_empty(p, "q");
    fixture_advance(*state, 1);
    expect_waited(p, "fraction", 'I', -1);
}

/* rows: 155 */
static void delays_out_of_range_are_none(void **state) {
    struct peer *p = connect_delayed(state);

    PUBLISH_DELAYED(p, "0", INT("x-delay", 0));
    PUBLISH_DELAYED(p, "-1", INT("x-delay", -1));
    PUBLISH_DELAYED(p, "2^32", INT_OF('l', "x-delay", INT64_C(4294967296)));
    PUBLISH_DELAYED(p, "word", TEXT("x-delay", "10x"));
    PUBLISH_DELAYED(p, "nothing", TEXT("x-delay", ""));
    PUBLISH_DELAYED(p, "long", TEXT("x-delay", "99999999999999999999999"));
    PUBLISH_DELAYED(p, "boolean", BOOL("x-delay", true));
    peer_expect_counts(p, "q", 7, 0);
    PUBLISH_DELAYED(p, "2^32-1", INT_OF('l', "x-delay", INT64_C(4294967295)));
    peer_expect_counts(p, "q", 7, 0);
    (void)purge(p, "q");
    fixture_advance(*state, INT64_C(4294967294));
    peer_expect_get_empty(p, "q");
    fixture_advance(*state, 1);
    expect_waited(p, "2^32-1", 'l', INT64_C(-4294967295));
}

/* rows: 155 */
static void delayed_message_is_routed_by_the_bindings_of_its_time(void **state) {
    struct peer *p = connect_delayed(state);

    PUBLISH_DELAYED(p, "1", INT("x-delay", 100));
    peer_declare_queue(p, "new");
    peer_bind_queue(p, "new", "x", "k");
    peer_send(p, queue_unbind, .queue = SLICE("q"), .exchange = SLICE("x"),
              .routing_key = SLICE("k"));
    peer_expect(p, queue_unbind_ok);
    fixture_advance(*state, 100);
    peer_expect_get_empty(p, "q");
    peer_expect_get(p, "new", "1");
}

/* rows: 155 */
static void delayed_mandatory_message_is_returned_at_once_and_confirmed(void **state) {
    struct peer *p = connect_delayed(state);

    peer_select_confirms(p);
    peer_send(p, basic_publish, .exchange = SLICE("x"), .routing_key = SLICE("k"),
              .mandatory = true);
    peer_send_content(p, "1", .headers = ARGUMENTS(INT("x-delay", 50)));
    peer_expect(p, basic_return, .reply_code = 312, .reply_text = SLICE("NO_ROUTE"),
                .exchange = SLICE("x"), .routing_key = SLICE("k"));
    peer_expect_content(p, "1");
    peer_expect(p, basic_ack, .delivery_tag = 1);
    fixture_advance(*state, 50);
    expect_waited(p, "1", 'I', -50);
}

/* rows: 155 */
static void alternate_exchange_gets_a_delayed_message_at_once(void **state) {
    struct peer *p = peer_connect(*state);
    const struct amqp_properties *properties;
    struct amqp_value value;

    declare_with(
        p, "x", "x-delayed-message",
        ARGUMENTS(TEXT("x-delayed-type", "fanout"), TEXT("alternate-exchange", "amq.fanout")));
    peer_declare_queue(p, "spare");
    peer_bind_queue(p, "spare", "amq.fanout", "");
    peer_declare_queue(p, "q");
    peer_bind_queue(p, "q", "x", "");
    PUBLISH_DELAYED(p, "1", INT("x-delay", 50));
    peer_send(p, basic_get, .queue = SLICE("spare"), .no_ack = true);
    peer_skip(p, basic_get_ok);
    properties = peer_expect_content(p, "1");
    assert_true(amqp_table_find(properties->headers, SLICE("x-delay"), &value));
    assert_int_equal(value.integer, 50);
    fixture_advance(*state, 50);
    expect_waited(p, "1", 'I', -50);
    peer_expect_get_empty(p, "spare");
}

/* rows: 155 */
static void message_is_delayed_behind_another_exchange_but_once(void **state) {
    struct peer *p = connect_delayed(state);

    declare_with(p, "second", "x-delayed-message", ARGUMENTS(TEXT("x-delayed-type", "topic")));
    peer_declare_exchange(p, "fan", "fanout");
    peer_bind_exchange(p, "second", "fan", "");
    peer_bind_exchange(p, "x", "second", "#");
    peer_publish_with(p, "fan", "k", "1", .headers = ARGUMENTS(INT("x-delay", 70)));
    fixture_advance(*state, 69);
    peer_expect_get_empty(p, "q");
    fixture_advance(*state, 1);
    expect_waited(p, "1", 'I', -70);
    fixture_advance(*state, 1000);
    peer_expect_get_empty(p, "q");
}

/* rows: 155 */
static void copied_keys_route_after_the_delay(void **state) {
    struct peer *p = connect_delayed(state);
    static const uint8_t headers[] = "\x02"
                                     "CCA\0\0\0\x06S\0\0\0\x01"
                                     "c\x03"
                                     "BCCA\0\0\0\x06S\0\0\0\x01"
                                     "b\x07"
                                     "x-delayI\0\0\0\x0a";
    struct amqp_value value;

    peer_declare_queue(p, "copy");
    peer_bind_queue(p, "copy", "x", "c");
    peer_declare_queue(p, "blind");
    peer_bind_queue(p, "blind", "x", "b");
    peer_publish_with(p, "x", "k", "1", .headers = slice_of(headers, sizeof headers - 1));
    peer_expect_get_empty(p, "blind");
    fixture_advance(*state, 10);
    expect_waited(p, "1", 'I', -10);
    peer_expect_get(p, "copy", "1");
    peer_send(p, basic_get, .queue = SLICE("blind"), .no_ack = true);
    peer_skip(p, basic_get_ok);
    assert_false(amqp_table_find(peer_expect_content(p, "1")->headers, SLICE("BCC"), &value));
}

/* rows: 155 */
static void deleted_exchange_forgets_what_it_held(void **state) {
    struct peer *p = connect_delayed(state);

    PUBLISH_DELAYED(p, "1", INT("x-delay", 50));
    peer_send(p, exchange_delete, .exchange = SLICE("x"));
    peer_expect(p, exchange_delete_ok);
    fixture_advance(*state, 100);
    peer_expect_get_empty(p, "q");
}

/* rows: 155 */
static void deliver_at_holds_until_a_time_of_day(void **state) {
    struct fixture *f = *state;
    struct peer *p = connect_delayed(state);
    struct amqp_table_builder headers;
    uint64_t now_s = (uint64_t)f->env.wall_ms / 1000;

    amqp_table_builder_init(&headers);
    amqp_table_put_timestamp(&headers, SLICE("x-deliver-at"), now_s + 60);
    peer_publish_with(p, "x", "k", "1", .headers = amqp_table_builder_finish(&headers));
    fixture_advance(f, 59999);
    peer_expect_get_empty(p, "q");
    fixture_advance(f, 1);
    expect_waited(p, "1", 'I', -60000);
    peer_publish_with(p, "x", "k", "past", .headers = amqp_table_builder_finish(&headers));
    peer_expect_get(p, "q", "past");
    amqp_table_put_int(&headers, SLICE("x-delay"), 'I', 0);
    peer_publish_with(p, "x", "k", "x-delay decides",
                      .headers = amqp_table_builder_finish(&headers));
    peer_expect_get(p, "q", "x-delay decides");
    amqp_table_builder_clear(&headers);
    amqp_table_put_timestamp(&headers, SLICE("x-deliver-at"), UINT64_MAX);
    peer_publish_with(p, "x", "k", "never", .headers = amqp_table_builder_finish(&headers));
    peer_expect_get(p, "q", "never");
    amqp_table_builder_clear(&headers);
}

#define NO_DELAYED_TYPE "Invalid argument, 'x-delayed-type' must bean existing exchnage type"

/* rows: 156 */
static void delayed_exchange_names_its_type(void **state) {
    struct peer *p = peer_connect(*state);

    expect_declare_refused(p, "x-delayed-message", ARGUMENTS(INT("other", 1)), NO_DELAYED_TYPE);
    expect_declare_refused(p, "x-delayed-message", ARGUMENTS(INT("x-delayed-type", 1)),
                           NO_DELAYED_TYPE);
    expect_declare_refused(p, "x-delayed-message",
                           ARGUMENTS(TEXT("x-delayed-type", "x-delayed-message")), NO_DELAYED_TYPE);
    expect_declare_refused(p, "x-delayed-message", ARGUMENTS(TEXT("x-delayed-type", "nosuch")),
                           "unknown exchange type 'nosuch'");
}

/* rows: 156 */
static void delayed_exchange_is_checked_as_its_type(void **state) {
    struct peer *p = peer_connect(*state);

    expect_declare_refused(
        p, "x-delayed-message",
        ARGUMENTS(TEXT("x-delayed-type", "x-recent-history"), INT("x-recent-history-length", 0)),
        "Invalid argument 0, 'x-recent-history-length' must be a positive integer");
    declare_with(p, "x", "x-delayed-message",
                 ARGUMENTS(TEXT("x-delayed-type", "x-consistent-hash")));
    peer_declare_queue(p, "q");
    expect_bind_refused(p, "abc", "The binding key must be an integer: <<\"abc\">>");
    peer_bind_queue(p, "q", "x", "1");
    PUBLISH_DELAYED(p, "1", INT("x-delay", 1));
    fixture_advance(*state, 1);
    expect_waited(p, "1", 'I', -1);
}

/* rows: 156 */
static void delayed_history_remembers_what_was_delivered(void **state) {
    struct peer *p = peer_connect(*state);

    declare_with(p, "x", "x-delayed-message",
                 ARGUMENTS(TEXT("x-delayed-type", "x-recent-history")));
    peer_declare_queue(p, "q");
    PUBLISH_DELAYED(p, "held", INT("x-delay", 100));
    peer_bind_queue(p, "q", "x", "");
    peer_expect_get_empty(p, "q");
    fixture_advance(*state, 100);
    expect_waited(p, "held", 'I', -100);
    peer_bind_queue(p, "q", "x", "again");
    expect_waited(p, "held", 'I', -100);
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
        cmocka_unit_test_setup_teardown(replayed_persistent_messages_are_settled_one_by_one,
                                        durable_setup, fixture_teardown),
        CONVERSATION(history_wants_a_positive_length),
        CONVERSATION(delayed_message_comes_after_its_delay),
        CONVERSATION(delayed_messages_of_one_moment_keep_their_order),
        CONVERSATION(other_headers_and_properties_stay),
        CONVERSATION(delay_may_have_many_types),
        CONVERSATION(delays_out_of_range_are_none),
        CONVERSATION(delayed_message_is_routed_by_the_bindings_of_its_time),
        CONVERSATION(delayed_mandatory_message_is_returned_at_once_and_confirmed),
        CONVERSATION(alternate_exchange_gets_a_delayed_message_at_once),
        CONVERSATION(message_is_delayed_behind_another_exchange_but_once),
        CONVERSATION(copied_keys_route_after_the_delay),
        CONVERSATION(deleted_exchange_forgets_what_it_held),
        CONVERSATION(deliver_at_holds_until_a_time_of_day),
        CONVERSATION(delayed_exchange_names_its_type),
        CONVERSATION(delayed_exchange_is_checked_as_its_type),
        CONVERSATION(delayed_history_remembers_what_was_delivered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
