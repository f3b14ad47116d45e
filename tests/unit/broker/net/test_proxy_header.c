/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/net/proxy_header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "broker/net/address.h"

#define V2_SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
#define V2_TCP4                   \
    V2_SIGNATURE "\x21\x11\0\x0c" \
                 "\xcb\0\x71\x07" \
                 "\xc0\0\x02\x01" \
                 "\xc3\x50"       \
                 "\x16\x28"

/* Every shorter beginning asks for more; the whole of it is complete, whatever follows. */
static struct proxy_header parse_complete(struct slice octets) {
    struct proxy_header header = {0};
    uint8_t *more = malloc(octets.len + 4);
    memcpy(more, octets.data, octets.len);
    memcpy(more + octets.len, "AMQP", 4);
    for (size_t len = 0; len < octets.len; len++) {
        uint8_t *cut = malloc(len + 1);
        memcpy(cut, octets.data, len);
        assert_int_equal(proxy_header_parse(slice_of(cut, len), &header), PROXY_MORE);
        free(cut);
    }
    assert_int_equal(proxy_header_parse(slice_of(more, octets.len + 4), &header), PROXY_COMPLETE);
    assert_int_equal(header.len, octets.len);
    free(more);
    return header;
}

static void expect_addresses(const struct proxy_header *header, const char *source,
                             const char *destination) {
    char text[ADDRESS_TEXT_SIZE];
    assert_true(header->is_known);
    address_text(&header->source, text);
    assert_string_equal(text, source);
    address_text(&header->destination, text);
    assert_string_equal(text, destination);
}

static void version_1_names_both_ends(void **state) {
    (void)state;
    struct proxy_header header =
        parse_complete(SLICE("PROXY TCP4 203.0.113.7 192.0.2.1 50000 5671\r\n"));
    expect_addresses(&header, "203.0.113.7:50000", "192.0.2.1:5671");
    assert_false(header.is_local);
    header = parse_complete(SLICE("PROXY TCP6 2001:db8::7 ::1 50000 5671\r\n"));
    expect_addresses(&header, "[2001:db8::7]:50000", "[::1]:5671");
    header = parse_complete(SLICE("PROXY UNKNOWN\r\n"));
    assert_false(header.is_known);
    header = parse_complete(SLICE("PROXY UNKNOWN ffff::1 ::1 1 2\r\n"));
    assert_false(header.is_known);
    assert_false(header.is_local);
}

static void version_2_names_both_ends(void **state) {
    (void)state;
    struct proxy_header header = parse_complete(SLICE(V2_TCP4));
    expect_addresses(&header, "203.0.113.7:50000", "192.0.2.1:5672");
    header = parse_complete(SLICE(V2_SIGNATURE "\x21\x21\0\x27"
                                               "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"
                                               "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01"
                                               "\xc3\x50\x16\x28"
                                               "\x04\0\0"));
    expect_addresses(&header, "[2001:db8::7]:50000", "[::1]:5672");
}

static void a_proxy_may_speak_for_itself(void **state) {
    (void)state;
    struct proxy_header header = parse_complete(SLICE(V2_SIGNATURE "\x20\0\0\0"));
    assert_true(header.is_local);
    assert_false(header.is_known);
    header = parse_complete(SLICE(V2_SIGNATURE "\x21\0\0\0")); /* of nobody in particular */
    assert_false(header.is_local);
    assert_false(header.is_known);
}

static void expect_malformed(struct slice octets) {
    struct proxy_header header;
    assert_int_equal(proxy_header_parse(octets, &header), PROXY_MALFORMED);
}

static void nonsense_is_refused(void **state) {
    (void)state;
    expect_malformed(SLICE("AMQP\0\0\x09\x01"));
    expect_malformed(SLICE("P4"));
    expect_malformed(SLICE("PROXY TCP4 203.0.113.7 192.0.2.1 50000\r\n"));
    expect_malformed(SLICE("PROXY TCP4 203.0.113.7 192.0.2.1 50000 5671 1\r\n"));
    expect_malformed(SLICE("PROXY TCP4  203.0.113.7 192.0.2.1 50000 5671\r\n"));
    expect_malformed(SLICE("PROXY TCP4 203.0.113.7 192.0.2.1 65536 5671\r\n"));
    expect_malformed(SLICE("PROXY TCP4 203.0.113.7 192.0.2.1 -1 5671\r\n"));
    expect_malformed(SLICE("PROXY TCP4 ::1 ::1 50000 5671\r\n"));
    expect_malformed(SLICE("PROXY TCP5 203.0.113.7 192.0.2.1 50000 5671\r\n"));
    expect_malformed(SLICE("PROXY TCP4 203.0.113.7 192.0.2.1 50000 5671\n"));
    expect_malformed(SLICE("PROXY \n"));
    expect_malformed(SLICE("PROXY UNKNOWN\0\r\n"));
    expect_malformed(
        SLICE("PROXY UNKNOWN xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
              "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n"));
    expect_malformed(SLICE(V2_SIGNATURE "\x22\x11\0\x0c"));
    expect_malformed(SLICE(V2_SIGNATURE "\x11\x11\0\x0c"));
    expect_malformed(SLICE(V2_SIGNATURE "\x21\x11\x10\0"));
    expect_malformed(SLICE(V2_SIGNATURE "\x21\x11\0\x02\0\0"));
}

static bool contains(const char *list, const char *address) {
    struct proxy_sources sources = {0};
    struct proxy_header header;
    char line[128];
    assert_true(proxy_sources_add(&sources, list));
    bool is_ipv6 = strchr(address, ':') != NULL;
    snprintf(line, sizeof line, "PROXY TCP%c %s %s 1 2\r\n", is_ipv6 ? '6' : '4', address, address);
    assert_int_equal(proxy_header_parse(slice_from_text(line), &header), PROXY_COMPLETE);
    return proxy_sources_contain(&sources, &header.source);
}

static void sources_are_addresses_and_networks(void **state) {
    (void)state;
    assert_true(contains("10.0.0.1", "10.0.0.1"));
    assert_false(contains("10.0.0.1", "10.0.0.2"));
    assert_true(contains("10.0.0.0/9", "10.127.255.255"));
    assert_false(contains("10.0.0.0/9", "10.128.0.0"));
    assert_true(contains("10.0.0.0/8", "::ffff:10.1.2.3"));
    assert_false(contains("10.0.0.0/8", "::10.1.2.3"));
    assert_true(contains("0.0.0.0/0", "192.0.2.1"));
    assert_false(contains("0.0.0.0/0", "2001:db8::1"));
    assert_true(contains("fd00::/8", "fd12::1"));
    assert_false(contains("fd00::/8", "fe12::1"));
    assert_true(contains("::/0", "192.0.2.1"));
}

static void what_is_no_address_is_refused(void **state) {
    (void)state;
    const char *wrong[] = {
        "",           "proxy",       "10.0.0.1/33",
        "10.0.0.1/",  "10.0.0.1/-1", "10.0.0",
        "fd00::/129", "10.0.0.1/8x", "/8",
        "10.0.0.1 ",  "::1/1000",    "1234:1234:1234:1234:1234:1234:1234:1234:1234:1234:1234:1234"};
    struct proxy_sources sources = {0};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        assert_false(proxy_sources_add(&sources, wrong[i]));
    assert_int_equal(sources.count, 0);
    for (size_t i = 0; i < PROXY_SOURCES_MAX; i++)
        assert_true(proxy_sources_add(&sources, "10.0.0.1"));
    assert_false(proxy_sources_add(&sources, "10.0.0.1"));
}

static void a_local_socket_is_no_source(void **state) {
    struct proxy_sources sources = {0};
    struct sockaddr_storage address = {.ss_family = AF_UNIX};
    (void)state;
    assert_true(proxy_sources_add(&sources, "::/0"));
    assert_false(proxy_sources_contain(&sources, &address));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_1_names_both_ends),
        cmocka_unit_test(version_2_names_both_ends),
        cmocka_unit_test(a_proxy_may_speak_for_itself),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(sources_are_addresses_and_networks),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(a_local_socket_is_no_source),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
