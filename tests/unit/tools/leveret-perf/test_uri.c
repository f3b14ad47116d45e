/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "tools/leveret-perf/uri.h"

static void expect(const char *text, const char *user, const char *password, const char *host,
                   const char *port, const char *vhost) {
    struct uri uri;

    assert_true(uri_parse(text, &uri));
    assert_string_equal(uri.user, user);
    assert_string_equal(uri.password, password);
    assert_string_equal(uri.host, host);
    assert_string_equal(uri.port, port);
    assert_string_equal(uri.vhost, vhost);
}

static void missing_parts_have_defaults(void **state) {
    (void)state;
    expect("amqp://", "guest", "guest", "localhost", "5672", "/");
    expect("amqp://h", "guest", "guest", "h", "5672", "/");
    expect("amqp://h/", "guest", "guest", "h", "5672", "/");
    expect("amqp://:5673", "guest", "guest", "localhost", "5673", "/");
    expect("amqp://u@h", "u", "guest", "h", "5672", "/");
}

static void all_parts_are_taken(void **state) {
    (void)state;
    expect("amqp://u:p@h:1234/v", "u", "p", "h", "1234", "v");
    expect("amqp://u:p:q@h:1/v/w", "u", "p:q", "h", "1", "v/w");
    expect("amqp://[::1]:1234/v", "guest", "guest", "::1", "1234", "v");
    expect("amqp://u:p@[::1]", "u", "p", "::1", "5672", "/");
}

static void the_scheme_chooses_tls_and_its_port(void **state) {
    struct uri uri;
    (void)state;
    expect("amqps://h", "guest", "guest", "h", "5671", "/");
    expect("amqps://u:p@h:1/v", "u", "p", "h", "1", "v");
    assert_true(uri_parse("amqps://", &uri));
    assert_true(uri.tls);
    assert_true(uri_parse("amqp://", &uri));
    assert_false(uri.tls);
}

static void percent_encoding_is_undone(void **state) {
    (void)state;
    expect("amqp://a%40b:c%3A%2fd@h/%2f", "a@b", "c:/d", "h", "5672", "/");
    expect("amqp://h/v%25", "guest", "guest", "h", "5672", "v%");
}

static void what_is_no_uri_is_refused(void **state) {
    static const char *const bad[] = {
        "",
        "h",
        "http://h",
        "amqp://h:x",
        "amqp://h:",
        "amqp://h:70000",
        "amqp://h:123456",
        "amqp://[::1",
        "amqp://[::1]x",
        "amqp://h/%",
        "amqp://h/%2",
        "amqp://h/%zz",
        "amqp://a%4@h",
    };
    struct uri uri;
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        assert_false(uri_parse(bad[i], &uri));
}

static void part_that_is_too_long_is_refused(void **state) {
    char text[400] = "amqp://";
    struct uri uri;
    (void)state;
    memset(text + 7, 'h', 300);
    assert_false(uri_parse(text, &uri));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_parts_have_defaults),
        cmocka_unit_test(all_parts_are_taken),
        cmocka_unit_test(the_scheme_chooses_tls_and_its_port),
        cmocka_unit_test(percent_encoding_is_undone),
        cmocka_unit_test(what_is_no_uri_is_refused),
        cmocka_unit_test(part_that_is_too_long_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
