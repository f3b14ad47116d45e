/* SPDX-License-Identifier: Apache-2.0 */
/* The exchange type x-delayed-message: when it delays, how long, and where to. */
#include <stdio.h>

#include "tests/support/exchange_declare.h"

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
    peer_send(p, queue_purge, .queue = SLICE("q"));
    peer_expect(p, queue_purge_ok, .message_count = 7);
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
