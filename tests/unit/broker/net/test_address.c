/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

static struct sockaddr_storage ipv4(const char *host, uint16_t port) {
    struct sockaddr_storage address = {0};
    struct sockaddr_in *in = (struct sockaddr_in *)&address;
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    assert_int_equal(inet_pton(AF_INET, host, &in->sin_addr), 1);
    return address;
}

static struct sockaddr_storage ipv6(const char *host, uint16_t port) {
    struct sockaddr_storage address = {0};
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address;
    in6->sin6_family = AF_INET6;
    in6->sin6_port = htons(port);
    assert_int_equal(inet_pton(AF_INET6, host, &in6->sin6_addr), 1);
    return address;
}

static void expect(struct sockaddr_storage address, const char *text, bool is_loopback,
                   uint16_t port) {
    char actual[ADDRESS_TEXT_SIZE];
    address_text(&address, actual);
    assert_string_equal(actual, text);
    assert_int_equal(address_is_loopback(&address), is_loopback);
    assert_int_equal(address_port(&address), port);
}

static void addresses_are_written_as_rabbitmq_does(void **state) {
    (void)state;
    expect(ipv4("127.0.0.1", 5672), "127.0.0.1:5672", true, 5672);
    expect(ipv4("127.200.3.4", 1), "127.200.3.4:1", true, 1);
    expect(ipv4("10.0.0.1", 65535), "10.0.0.1:65535", false, 65535);
    expect(ipv6("::1", 5672), "[::1]:5672", true, 5672);
    expect(ipv6("::", 5672), "[::]:5672", false, 5672);
    expect(ipv6("2001:db8:1111:2222:3333:4444:5555:6666", 65535),
           "[2001:db8:1111:2222:3333:4444:5555:6666]:65535", false, 65535);
}

static void ipv4_inside_ipv6_is_ipv4(void **state) {
    (void)state;
    expect(ipv6("::ffff:127.0.0.1", 40000), "127.0.0.1:40000", true, 40000);
    expect(ipv6("::ffff:192.168.1.2", 40000), "192.168.1.2:40000", false, 40000);
}

static void other_families_are_local(void **state) {
    (void)state;
    expect((struct sockaddr_storage){.ss_family = AF_UNIX}, "local", true, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses_are_written_as_rabbitmq_does),
        cmocka_unit_test(ipv4_inside_ipv6_is_ipv4),
        cmocka_unit_test(other_families_are_local),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
