/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/net/transport.h"

#include <netinet/in.h>
#include <signal.h>

#include "fixture.h"

static bool open_transport(struct fixture *fixture, int fd, transport_factory *create) {
    const struct transport_options options = {.create = create, .context = fixture};
    return transport_open(fixture->loop, fd, &options);
}

/* A transport on one end of a socketpair; the other end is the test's, and does not block. */
static int open_pair(struct fixture *fixture) {
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    assert_true(open_transport(fixture, ends[0], fixture_create));
    return ends[1];
}

/* The same over TCP, where closing with unread input sends a reset. */
static int open_tcp(struct fixture *fixture) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(listening, (struct sockaddr *)&address, len), 0);
    assert_int_equal(listen(listening, 1), 0);
    getsockname(listening, (struct sockaddr *)&address, &len);
    int peer = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(peer, (struct sockaddr *)&address, len), 0);
    int fd = accept4(listening, NULL, NULL, SOCK_NONBLOCK);
    close(listening);
    assert_true(open_transport(fixture, fd, fixture_create));
    fcntl(peer, F_SETFL, O_NONBLOCK);
    return peer;
}

static void send_text(int fd, const char *text) {
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
}

static void expect_received(const struct fixture *fixture, const char *text) {
    assert_int_equal(fixture->received_len, strlen(text));
    assert_memory_equal(fixture->received, text, strlen(text));
}

static size_t wanted_len;

static bool enough_received(struct fixture *fixture) {
    return fixture->received_len >= wanted_len;
}

static bool something_was_fed(struct fixture *fixture) {
    return fixture->feeds > 0;
}

static bool all_gone(struct fixture *fixture) {
    return loop_transport_count(fixture->loop) == 0;
}

static bool endpoint_destroyed(struct fixture *fixture) {
    return fixture->destroyed > 0;
}

/* A tick, a look at all sockets without waiting, and the tick after it. */
static bool one_turn(struct fixture *fixture) {
    loop_poll_again(fixture->loop);
    return fixture->ticks_of_run == 2;
}

/* --- input --- */

static void an_unfinished_unit_is_kept_and_offered_again(void **state) {
    struct fixture *fixture = *state;
    int peer = open_pair(fixture);
    fixture->unit = 4;
    send_text(peer, "abcdef");
    wanted_len = 4;
    run_until(fixture, enough_received);
    expect_received(fixture, "abcd");
    send_text(peer, "ghi");
    wanted_len = 8;
    run_until(fixture, enough_received);
    send_text(peer, "jkl");
    wanted_len = 12;
    run_until(fixture, enough_received);
    expect_received(fixture, "abcdefghijkl");
    assert_int_equal(fixture->endpoint->received_bytes, 12);
    close(peer);
}

static void a_unit_longer_than_one_read_arrives_whole(void **state) {
    struct fixture *fixture = *state;
    int peer = open_pair(fixture);
    size_t size = 3 * TRANSPORT_READ_SIZE, at = 0;
    uint8_t *sent = malloc(size);
    for (size_t i = 0; i < size; i++)
        sent[i] = (uint8_t)(i * 7 + i / 251);
    fixture->unit = size;
    while (at < size) {
        ssize_t len = write(peer, sent + at, size - at);
        at += len > 0 ? (size_t)len : 0;
        run_until(fixture, one_turn);
    }
    wanted_len = size;
    run_until(fixture, enough_received);
    assert_memory_equal(fixture->received, sent, size);
    free(sent);
    close(peer);
}

static void a_paused_endpoint_gets_nothing_until_it_resumes(void **state) {
    struct fixture *fixture = *state;
    int peer = open_pair(fixture);
    fixture->pause_after = 2;
    send_text(peer, "abcd");
    wanted_len = 2;
    run_until(fixture, enough_received);
    send_text(peer, "ef");
    run_until(fixture, one_turn);
    run_until(fixture, one_turn);
    expect_received(fixture, "ab");
    assert_int_equal(fixture->feeds, 1);

    fixture->pause_after = 0;
    endpoint_pause_input(fixture->endpoint, false);
    wanted_len = 6;
    run_until(fixture, enough_received);
    expect_received(fixture, "abcdef");
    close(peer);
}

static void an_endpoint_may_pause_again_in_the_middle_of_what_was_kept(void **state) {
    struct fixture *fixture = *state;
    int peer = open_pair(fixture);
    send_text(peer, "abcdef");
    for (size_t len = 2; len <= 6; len += 2) {
        fixture->pause_after = len;
        endpoint_pause_input(fixture->endpoint, false);
        wanted_len = len;
        run_until(fixture, enough_received);
        assert_int_equal(fixture->received_len, len);
    }
    expect_received(fixture, "abcdef");
    close(peer);
}

/* --- output --- */

static void output_of_a_tick_leaves_at_its_end(void **state) {
    struct fixture *fixture = *state;
    int peer = open_pair(fixture);
    char buffer[16] = "";
    say(fixture->endpoint, SLICE("one "));
    say(fixture->endpoint, SLICE("two"));
    assert_int_equal(read(peer, buffer, sizeof buffer), -1);
    run_until(fixture, one_turn);
    assert_int_equal(read(peer, buffer, sizeof buffer), 7);
    assert_string_equal(buffer, "one two");
    assert_int_equal(fixture->endpoint->sent_bytes, 7);
    close(peer);
}

static void more_than_one_writev_of_pieces_leaves_in_order(void **state) {
    struct fixture *fixture = *state;
    int peer = open_pair(fixture);
    static uint8_t octets[20000];
    uint8_t buffer[400];
    for (size_t i = 0; i < 400; i++) {
        octets[i] = (uint8_t)i;
        outbuf_append_reference(&fixture->endpoint->output, slice_of(octets + i, 1), free, NULL);
    }
    endpoint_mark_dirty(fixture->endpoint);
    run_until(fixture, one_turn);
    assert_int_equal(read(peer, buffer, sizeof buffer), 400);
    assert_memory_equal(buffer, octets, 400);
    close(peer);
}

static int peer_fd;
static size_t peer_got;

/* The peer reads a little at every tick. */
static bool peer_reads_until_drained(struct fixture *fixture) {
    static uint8_t buffer[100000];
    ssize_t len = read(peer_fd, buffer, sizeof buffer);
    loop_poll_again(fixture->loop);
    for (ssize_t i = 0; i < len; i++)
        assert_int_equal(buffer[i], (uint8_t)((peer_got + (size_t)i) / 1000));
    peer_got += len > 0 ? (size_t)len : 0;
    return fixture->drained > 0;
}

static bool peer_reads_until_all(struct fixture *fixture) {
    peer_reads_until_drained(fixture);
    return peer_got == wanted_len;
}

static void a_slow_reader_is_not_read_from_until_it_has_caught_up(void **state) {
    struct fixture *fixture = *state;
    int peer = open_pair(fixture);
    size_t size = 4 * OUTPUT_HIGH_WATER;
    uint8_t *octets = malloc(size);
    for (size_t i = 0; i < size; i++)
        octets[i] = (uint8_t)(i / 1000);
    say(fixture->endpoint, slice_of(octets, size));
    assert_true(fixture->endpoint->congested);
    send_text(peer, "more");
    for (int i = 0; i < 5; i++)
        run_until(fixture, one_turn);
    assert_true(outbuf_size(&fixture->endpoint->output) > OUTPUT_HIGH_WATER);
    assert_int_equal(fixture->feeds, 0);

    peer_fd = peer;
    peer_got = 0;
    run_until(fixture, peer_reads_until_drained);
    assert_false(fixture->endpoint->congested);
    wanted_len = 4;
    run_until(fixture, enough_received);
    wanted_len = size;
    run_until(fixture, peer_reads_until_all);
    assert_int_equal(fixture->drained, 1);
    free(octets);
    close(peer);
}

/* Each turn feeds a share, and nothing is read before all is fed. */
static void an_endpoint_that_yields_is_fed_the_rest_in_later_turns(void **state) {
    struct fixture *fixture = *state;
    int peer = open_pair(fixture);
    fixture->unit = 1;
    fixture->share = 2;
    send_text(peer, "seven..");
    run_until(fixture, something_was_fed);
    assert_true(fixture->received_len < 7);
    send_text(peer, "8");
    wanted_len = 8;
    run_until(fixture, enough_received);
    expect_received(fixture, "seven..8");
    assert_true(fixture->feeds >= 4);
    close(peer);
}

/* --- the end --- */

static void a_peer_that_closes_is_reported_once(void **state) {
    struct fixture *fixture = *state;
    int peer = open_pair(fixture);
    send_text(peer, "last words");
    close(peer);
    run_until(fixture, all_gone);
    expect_received(fixture, "last words");
    assert_int_equal(fixture->ended, 1);
    assert_int_equal(fixture->destroyed, 1);
}

static void closing_lets_the_output_leave_and_waits_for_the_peer(void **state) {
    struct fixture *fixture = *state;
    int peer = open_pair(fixture);
    char buffer[16];
    say(fixture->endpoint, SLICE("goodbye"));
    endpoint_close(fixture->endpoint, false);
    run_until(fixture, endpoint_destroyed);
    assert_int_equal(read(peer, buffer, sizeof buffer), 7);
    assert_int_equal(read(peer, buffer, sizeof buffer), 0);
    assert_int_equal(loop_transport_count(fixture->loop), 1);
    send_text(peer, "ignored");
    close(peer);
    run_until(fixture, all_gone);
    assert_int_equal(fixture->ended, 0);
    assert_int_equal(fixture->feeds, 0);
}

static void unread_input_does_not_destroy_the_last_words(void **state) {
    struct fixture *fixture = *state;
    int peer = open_tcp(fixture);
    static char flood[200000];
    char buffer[16];
    send_text(peer, "x");
    run_until(fixture, something_was_fed);
    assert_true(write(peer, flood, sizeof flood) > 0);
    say(fixture->endpoint, SLICE("goodbye"));
    endpoint_close(fixture->endpoint, false);
    run_until(fixture, endpoint_destroyed);
    run_until(fixture, one_turn);
    while (write(peer, flood, sizeof flood) > 0 || errno != EAGAIN)
        assert_int_not_equal(errno, ECONNRESET);
    assert_int_equal(read(peer, buffer, sizeof buffer), 7);
    assert_int_equal(read(peer, buffer, sizeof buffer), 0);
    close(peer);
    run_until(fixture, all_gone);
}

static void a_peer_that_never_closes_is_left_after_three_seconds(void **state) {
    struct fixture *fixture = *state;
    int peer = open_pair(fixture);
    endpoint_close(fixture->endpoint, false);
    run_until(fixture, endpoint_destroyed);
    fixture->time_ahead_ms = TRANSPORT_LINGER_MS - 1000;
    run_until(fixture, one_turn);
    assert_int_equal(loop_transport_count(fixture->loop), 1);
    fixture->time_ahead_ms = TRANSPORT_LINGER_MS;
    run_until(fixture, all_gone);
    close(peer);
}

static void a_peer_that_does_not_read_cannot_hold_up_a_close(void **state) {
    struct fixture *fixture = *state;
    int peer = open_pair(fixture);
    static uint8_t octets[8 * 1024 * 1024];
    outbuf_append_reference(&fixture->endpoint->output, slice_of(octets, sizeof octets), free,
                            NULL);
    endpoint_close(fixture->endpoint, false);
    run_until(fixture, one_turn);
    assert_int_equal(fixture->destroyed, 0);
    fixture->time_ahead_ms = TRANSPORT_LINGER_MS;
    run_until(fixture, all_gone);
    close(peer);
}

static void a_half_closed_peer_still_gets_the_last_words(void **state) {
    struct fixture *fixture = *state;
    int peer = open_pair(fixture);
    char buffer[16];
    say(fixture->endpoint, SLICE("refused"));
    endpoint_close(fixture->endpoint, false);
    shutdown(peer, SHUT_WR);
    run_until(fixture, all_gone);
    assert_int_equal(fixture->ended, 0);
    assert_int_equal(read(peer, buffer, sizeof buffer), 7);
    close(peer);
}

static void a_reset_closes_at_once(void **state) {
    struct fixture *fixture = *state;
    int peer = open_pair(fixture);
    char buffer[16];
    say(fixture->endpoint, SLICE("never sent"));
    endpoint_close(fixture->endpoint, true);
    run_until(fixture, all_gone);
    assert_int_equal(read(peer, buffer, sizeof buffer), 0);
    assert_int_equal(fixture->ended, 0);
    close(peer);
}

static void what_a_vanished_peer_had_sent_is_still_handled(void **state) {
    struct fixture *fixture = *state;
    int peer = open_tcp(fixture);
    send_text(peer, "published");
    setsockopt(peer, SOL_SOCKET, SO_LINGER, &(struct linger){1, 0}, sizeof(struct linger));
    shutdown(peer, SHUT_RD);
    /* Something to say, into a socket whose peer has gone: the write fails before the read. */
    say(fixture->endpoint, SLICE("hello?"));
    run_until(fixture, one_turn);
    close(peer);
    say(fixture->endpoint, SLICE("anybody?"));
    run_until(fixture, all_gone);
    expect_received(fixture, "published");
    assert_int_equal(fixture->ended, 1);
}

static void a_vanished_peer_ends_a_paused_endpoint_when_written_to(void **state) {
    struct fixture *fixture = *state;
    int peer = open_pair(fixture);
    endpoint_pause_input(fixture->endpoint, true);
    run_until(fixture, one_turn);
    close(peer);
    say(fixture->endpoint, SLICE("heartbeat"));
    run_until(fixture, all_gone);
    assert_int_equal(fixture->ended, 1);
}

static void closing_all_asks_nobody(void **state) {
    struct fixture *fixture = *state;
    int open_peer = open_pair(fixture);
    int lingering_peer = open_pair(fixture);
    endpoint_close(fixture->endpoint, false);
    run_until(fixture, endpoint_destroyed);
    transports_close_all(fixture->loop);
    assert_int_equal(loop_transport_count(fixture->loop), 0);
    assert_int_equal(fixture->ended, 1);
    assert_int_equal(fixture->destroyed, 2);
    close(open_peer);
    close(lingering_peer);
}

static struct endpoint *refuse(void *context, const struct transport_peer *peer) {
    (void)context;
    (void)peer;
    return NULL;
}

static void a_refused_connection_is_closed(void **state) {
    struct fixture *fixture = *state;
    int ends[2];
    char buffer[4];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends), 0);
    assert_false(open_transport(fixture, ends[0], refuse));
    assert_int_equal(read(ends[1], buffer, sizeof buffer), 0);
    close(ends[1]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(an_unfinished_unit_is_kept_and_offered_again),
        TEST(a_unit_longer_than_one_read_arrives_whole),
        TEST(a_paused_endpoint_gets_nothing_until_it_resumes),
        TEST(an_endpoint_may_pause_again_in_the_middle_of_what_was_kept),
        TEST(output_of_a_tick_leaves_at_its_end),
        TEST(more_than_one_writev_of_pieces_leaves_in_order),
        TEST(a_slow_reader_is_not_read_from_until_it_has_caught_up),
        TEST(an_endpoint_that_yields_is_fed_the_rest_in_later_turns),
        TEST(a_peer_that_closes_is_reported_once),
        TEST(closing_lets_the_output_leave_and_waits_for_the_peer),
        TEST(unread_input_does_not_destroy_the_last_words),
        TEST(a_peer_that_never_closes_is_left_after_three_seconds),
        TEST(a_peer_that_does_not_read_cannot_hold_up_a_close),
        TEST(a_half_closed_peer_still_gets_the_last_words),
        TEST(a_reset_closes_at_once),
        TEST(what_a_vanished_peer_had_sent_is_still_handled),
        TEST(a_vanished_peer_ends_a_paused_endpoint_when_written_to),
        TEST(closing_all_asks_nobody),
        TEST(a_refused_connection_is_closed),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
