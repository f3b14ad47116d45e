/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/net/listener.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/resource.h>

#include "fixture.h"

static struct listener *open_listener(struct fixture *fixture, const char *address) {
    struct listener *listener = NULL;
    struct listener_options options = {.address = address};
    assert_int_equal(listener_open(fixture->loop, &options, fixture_create, fixture, &listener), 0);
    assert_int_not_equal(listener_port(listener), 0);
    return listener;
}

static int connect_ipv4(uint16_t port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    return fd;
}

static uint16_t port_of(int fd) {
    struct sockaddr_in address;
    getsockname(fd, (struct sockaddr *)&address, &(socklen_t){sizeof address});
    return ntohs(address.sin_port);
}

static int wanted;

static bool enough_created(struct fixture *fixture) {
    return fixture->created >= wanted;
}

static bool warned(struct fixture *fixture) {
    return fixture->warnings > 0;
}

static bool all_gone(struct fixture *fixture) {
    return loop_transport_count(fixture->loop) == 0;
}

static void one_listener_serves_ipv4_and_ipv6(void **state) {
    struct fixture *fixture = *state;
    struct listener *listener = open_listener(fixture, NULL);
    char expected[128];
    snprintf(expected, sizeof expected, "[::]:%u", listener_port(listener));
    if (strcmp(listener_name(listener), expected) != 0) {
        listener_close(listener);
        print_message("not run: this machine has no IPv6\n");
        skip();
    }
    int fd = connect_ipv4(listener_port(listener));
    wanted = 1;
    run_until(fixture, enough_created);
    snprintf(expected, sizeof expected, "127.0.0.1:%u -> 127.0.0.1:%u", port_of(fd),
             listener_port(listener));
    assert_string_equal(fixture->peer_name, expected);
    assert_true(fixture->peer_is_loopback);
    close(fd);

    struct sockaddr_in6 address = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    address.sin6_port = htons(listener_port(listener));
    fd = socket(AF_INET6, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
    wanted = 2;
    run_until(fixture, enough_created);
    assert_memory_equal(fixture->peer_name, "[::1]:", 6);
    assert_true(fixture->peer_is_loopback);
    close(fd);
    listener_close(listener);
}

static int taken_fd = -1;
static char taken_peer[128];

static void take_descriptor(void *context, int fd, const struct transport_peer *peer) {
    (void)context;
    taken_fd = fd;
    strncpy(taken_peer, peer->name, sizeof taken_peer - 1);
}

static bool descriptor_was_taken(struct fixture *fixture) {
    (void)fixture;
    return taken_fd >= 0;
}

static void a_raw_listener_hands_over_descriptors(void **state) {
    struct fixture *fixture = *state;
    struct listener *listener;
    struct listener_options options = {.address = "127.0.0.1"};
    assert_int_equal(
        listener_open_raw(fixture->loop, &options, take_descriptor, fixture, &listener), 0);
    int fd = connect_ipv4(listener_port(listener));
    run_until(fixture, descriptor_was_taken);
    char expected[128], octet;
    snprintf(expected, sizeof expected, "127.0.0.1:%u -> 127.0.0.1:%u", port_of(fd),
             listener_port(listener));
    assert_string_equal(taken_peer, expected);
    assert_int_equal(fixture->created, 0);
    assert_int_not_equal(fcntl(taken_fd, F_GETFL) & O_NONBLOCK, 0);
    listener_end_raw(taken_fd);
    assert_int_equal(read(fd, &octet, 1), 0);
    close(taken_fd);
    close(fd);
    listener_close(listener);
}

static int option_of(int fd, int level, int name) {
    int value = -1;
    socklen_t len = sizeof value;
    assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
    return value;
}

static void accepted_sockets_have_the_options(void **state) {
    struct fixture *fixture = *state;
    struct listener *listener;
    const struct listener_options plain = {.address = "127.0.0.1"};
    const struct listener_options special = {.address = "127.0.0.1",
                                             .delays = true,
                                             .keepalive = true,
                                             .send_buffer = 20000,
                                             .receive_buffer = 30000};
    for (int round = 0; round < 2; round++) {
        assert_int_equal(listener_open_raw(fixture->loop, round == 0 ? &plain : &special,
                                           take_descriptor, fixture, &listener),
                         0);
        taken_fd = -1;
        int fd = connect_ipv4(listener_port(listener));
        run_until(fixture, descriptor_was_taken);
        assert_int_equal(option_of(taken_fd, IPPROTO_TCP, TCP_NODELAY), round == 0);
        assert_int_equal(option_of(taken_fd, SOL_SOCKET, SO_KEEPALIVE), round == 1);
        if (round == 1) { /* Linux doubles them for its own needs. */
            assert_int_equal(option_of(taken_fd, SOL_SOCKET, SO_SNDBUF), 40000);
            assert_int_equal(option_of(taken_fd, SOL_SOCKET, SO_RCVBUF), 60000);
        }
        close(taken_fd);
        close(fd);
        listener_close(listener);
    }
}

static void an_address_limits_the_listener(void **state) {
    struct fixture *fixture = *state;
    struct listener *listener = open_listener(fixture, "127.0.0.1");
    char expected[64];
    snprintf(expected, sizeof expected, "127.0.0.1:%u", listener_port(listener));
    assert_string_equal(listener_name(listener), expected);
    listener_close(listener);
}

static void what_cannot_be_bound_is_an_errno(void **state) {
    struct fixture *fixture = *state;
    struct listener *listener = open_listener(fixture, "127.0.0.1");
    struct listener *other = NULL;
    struct listener_options options = {.address = "127.0.0.1", .port = listener_port(listener)};
    assert_int_equal(listener_open(fixture->loop, &options, fixture_create, fixture, &other),
                     -EADDRINUSE);
    options.address = "not an address";
    assert_int_equal(listener_open(fixture->loop, &options, fixture_create, fixture, &other),
                     -EINVAL);
    options.address = "192.0.2.1";
    assert_int_equal(listener_open(fixture->loop, &options, fixture_create, fixture, &other),
                     -EADDRNOTAVAIL);
    assert_null(other);
    listener_close(listener);
}

/* The accepted end of the one connection to `local_port`. */
static int find_accepted(uint16_t local_port) {
    for (int fd = 3; fd < 64; fd++) {
        struct sockaddr_in6 address = {0};
        if (getpeername(fd, (struct sockaddr *)&address, &(socklen_t){sizeof address}) == 0 &&
            getsockname(fd, (struct sockaddr *)&address, &(socklen_t){sizeof address}) == 0 &&
            ntohs(address.sin6_port) == local_port)
            return fd;
    }
    return -1;
}

static void accepted_sockets_do_not_delay_small_writes(void **state) {
    struct fixture *fixture = *state;
    struct listener *listener = open_listener(fixture, "127.0.0.1");
    int fd = connect_ipv4(listener_port(listener));
    wanted = 1;
    run_until(fixture, enough_created);
    int no_delay = 0;
    socklen_t len = sizeof no_delay;
    int accepted = find_accepted(listener_port(listener));
    assert_int_equal(getsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &no_delay, &len), 0);
    assert_int_equal(no_delay, 1);
    close(fd);
    listener_close(listener);
}

static void many_connections_at_once_are_all_accepted(void **state) {
    struct fixture *fixture = *state;
    struct listener *listener = open_listener(fixture, NULL);
    int fds[200];
    for (int i = 0; i < 200; i++)
        fds[i] = connect_ipv4(listener_port(listener));
    wanted = 200;
    run_until(fixture, enough_created);
    assert_int_equal(fixture->created, 200);
    assert_true(fixture->ticks >= 4); /* 64 per wake-up */
    for (int i = 0; i < 200; i++)
        close(fds[i]);
    listener_close(listener);
}

/* Leaves room for `count` more descriptors and returns the limit that was. The numbers in use need
 * not be next to each other: ctest hands some of its own down. */
static struct rlimit limit_descriptors(rlim_t count) {
    struct rlimit before, limit;
    rlim_t end = 0;
    for (rlim_t free_count = 0; free_count < count; end++)
        free_count += fcntl((int)end, F_GETFD) < 0;
    getrlimit(RLIMIT_NOFILE, &before);
    limit = before;
    limit.rlim_cur = end;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    return before;
}

static void without_descriptors_it_waits_until_a_connection_closes(void **state) {
    struct fixture *fixture = *state;
    struct listener *listener = open_listener(fixture, NULL);
    int fds[3];
    for (int i = 0; i < 3; i++)
        fds[i] = connect_ipv4(listener_port(listener));
    struct rlimit before = limit_descriptors(2);
    run_until(fixture, warned);
    assert_int_equal(fixture->created, 2);
    assert_int_equal(fixture->timers.count, 1);

    endpoint_close(fixture->endpoint, true);
    wanted = 3;
    run_until(fixture, enough_created);
    assert_int_equal(fixture->created, 3);
    assert_int_equal(fixture->warnings, 1);
    setrlimit(RLIMIT_NOFILE, &before);
    for (int i = 0; i < 3; i++)
        close(fds[i]);
    listener_close(listener);
}

static void without_descriptors_it_tries_again_after_a_second(void **state) {
    struct fixture *fixture = *state;
    struct listener *listener = open_listener(fixture, NULL);
    int fds[2] = {connect_ipv4(listener_port(listener)), connect_ipv4(listener_port(listener))};
    struct rlimit before = limit_descriptors(1);
    run_until(fixture, warned);
    assert_int_equal(fixture->created, 1);
    setrlimit(RLIMIT_NOFILE, &before);
    fixture->time_ahead_ms = 1000;
    wanted = 2;
    run_until(fixture, enough_created);
    assert_int_equal(fixture->created, 2);
    close(fds[0]);
    close(fds[1]);
    run_until(fixture, all_gone);
    listener_close(listener);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(one_listener_serves_ipv4_and_ipv6),
        TEST(a_raw_listener_hands_over_descriptors),
        TEST(accepted_sockets_have_the_options),
        TEST(an_address_limits_the_listener),
        TEST(what_cannot_be_bound_is_an_errno),
        TEST(accepted_sockets_do_not_delay_small_writes),
        TEST(many_connections_at_once_are_all_accepted),
        TEST(without_descriptors_it_waits_until_a_connection_closes),
        TEST(without_descriptors_it_tries_again_after_a_second),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
