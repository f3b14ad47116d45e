/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/base/tls_peer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static void a_copy_outlives_the_original(void **state) {
    char subject[] = "CN=client";
    char login_name[] = "client";
    struct tls_peer peer = {.protocol = "tlsv1.3", .subject = subject, .login_name = login_name};
    (void)state;
    struct tls_peer *copy = tls_peer_copy(&peer);
    memset(subject, 'x', sizeof subject);
    memset(login_name, 'x', sizeof login_name);
    assert_string_equal(copy->protocol, "tlsv1.3");
    assert_string_equal(copy->subject, "CN=client");
    assert_string_equal(copy->login_name, "client");
    assert_null(copy->issuer);
    assert_null(copy->cipher);
    free(copy);
}

static void nothing_known_is_copied_as_nothing(void **state) {
    const struct tls_peer peer = {0};
    (void)state;
    struct tls_peer *copy = tls_peer_copy(&peer);
    assert_memory_equal(copy, &peer, sizeof peer);
    free(copy);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_outlives_the_original),
        cmocka_unit_test(nothing_known_is_copied_as_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
