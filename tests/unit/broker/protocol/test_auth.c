/* SPDX-License-Identifier: Apache-2.0 */
/* The octets of each SASL mechanism, against a broker with two users. */
#include "broker/protocol/auth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "amqp/table.h"
#include "broker/base/tls_peer.h"
#include "broker/entities/broker.h"
#include "broker/entities/user.h"

static struct broker *broker;
static struct user *alice, *guest;
static struct auth_peer peer; /* TLS only where a test says so */

static void fill_random(void *context, void *buffer, size_t len) {
    (void)context;
    memset(buffer, 7, len);
}

static struct env env = {.hash_seed = 1, .fill_random = fill_random};

static int start(void **state) {
    struct broker_settings settings;
    (void)state;
    peer = (struct auth_peer){.is_loopback = true};
    broker_settings_init(&settings);
    broker = broker_create(&env, &settings);
    alice = user_add(broker, SLICE("alice"), SLICE("secret"));
    guest = user_add(broker, SLICE("guest"), SLICE("guest"));
    guest->loopback_only = true;
    return 0;
}

static int end(void **state) {
    (void)state;
    broker_destroy(broker);
    return 0;
}

static enum auth_result login_from(bool loopback, const char *mechanism_name, struct slice response,
                                   struct user **ret_user) {
    const struct auth_mechanism *mechanism =
        auth_mechanism_find(broker, &peer, slice_from_text(mechanism_name));
    struct credentials credentials;
    assert_non_null(mechanism);
    peer.is_loopback = loopback;
    return auth_login(broker, mechanism, response, &peer, ret_user, &credentials);
}

static void expect_user(const char *mechanism, struct slice response, struct user *expected) {
    struct user *user = NULL;
    assert_int_equal(login_from(true, mechanism, response, &user), AUTH_OK);
    assert_ptr_equal(user, expected);
}

static void expect_no_user(const char *mechanism, struct slice response,
                           enum auth_result expected) {
    struct user *user = NULL;
    assert_int_equal(login_from(true, mechanism, response, &user), expected);
    assert_null(user);
}

static void plain_is_nul_user_nul_password(void **state) {
    (void)state;
    expect_user("PLAIN", SLICE("\0alice\0secret"), alice);
    expect_no_user("PLAIN", SLICE("\0alice\0wrong"), AUTH_REFUSED);
    expect_no_user("PLAIN", SLICE("\0bob\0secret"), AUTH_REFUSED);
}

static void plain_takes_no_authorization_id_and_no_third_nul(void **state) {
    (void)state;
    expect_no_user("PLAIN", SLICE("alice\0alice\0secret"), AUTH_MALFORMED);
    expect_no_user("PLAIN", SLICE("\0alice\0secret\0"), AUTH_MALFORMED);
    expect_no_user("PLAIN", SLICE("\0\0alice\0secret"), AUTH_MALFORMED);
}

static void plain_cut_short_never_logs_in(void **state) {
    struct slice whole = SLICE("\0alice\0secret");
    (void)state;
    for (size_t len = 0; len < whole.len; len++)
        expect_no_user("PLAIN", slice_of(whole.data, len),
                       len < strlen("?alice?") ? AUTH_MALFORMED : AUTH_REFUSED);
}

static void empty_password_is_refused(void **state) {
    (void)state;
    user_add(broker, SLICE("nobody"), SLICE(""));
    expect_no_user("PLAIN", SLICE("\0nobody\0"), AUTH_REFUSED);
}

static void amqplain_finds_its_two_keys_in_any_order(void **state) {
    (void)state;
    expect_user("AMQPLAIN",
                SLICE("\5LOGINS\0\0\0\5alice"
                      "\10PASSWORDS\0\0\0\6secret"),
                alice);
    expect_user("AMQPLAIN",
                SLICE("\10PASSWORDx\0\0\0\6secret"
                      "\5otherI\0\0\0\1"
                      "\5LOGINx\0\0\0\5alice"),
                alice);
}

static void amqplain_wrong_password_is_refused(void **state) {
    (void)state;
    expect_no_user("AMQPLAIN",
                   SLICE("\5LOGINS\0\0\0\5alice"
                         "\10PASSWORDS\0\0\0\5guess"),
                   AUTH_REFUSED);
}

static void amqplain_without_two_texts_is_malformed(void **state) {
    (void)state;
    expect_no_user("AMQPLAIN", SLICE(""), AUTH_MALFORMED);
    expect_no_user("AMQPLAIN", SLICE("\5LOGINS\0\0\0\5alice"), AUTH_MALFORMED);
    expect_no_user("AMQPLAIN", SLICE("\10PASSWORDS\0\0\0\6secret"), AUTH_MALFORMED);
    expect_no_user("AMQPLAIN",
                   SLICE("\5LOGINI\0\0\0\5"
                         "\10PASSWORDS\0\0\0\6secret"),
                   AUTH_MALFORMED);
    expect_no_user("AMQPLAIN", SLICE("not a table"), AUTH_MALFORMED);
}

static void anonymous_logs_in_as_configured(void **state) {
    (void)state;
    expect_user("ANONYMOUS", SLICE("trace"), guest);
    broker->settings.anonymous_password = secret_from_text("changed");
    expect_no_user("ANONYMOUS", SLICE(""), AUTH_REFUSED);
}

static void anonymous_is_offered_while_user_and_password_are_set(void **state) {
    struct text text = {0};
    (void)state;
    auth_append_mechanisms(broker, &peer, &text);
    assert_string_equal(text_chars(&text), "PLAIN AMQPLAIN ANONYMOUS");
    text_clear(&text);
    broker->settings.anonymous_password = secret_from_text("");
    auth_append_mechanisms(broker, &peer, &text);
    assert_string_equal(text_chars(&text), "PLAIN AMQPLAIN");
    text_clear(&text);
    assert_null(auth_mechanism_find(broker, &peer, SLICE("ANONYMOUS")));
}

static void mechanism_names_are_exact(void **state) {
    (void)state;
    assert_null(auth_mechanism_find(broker, &peer, SLICE("plain")));
    assert_null(auth_mechanism_find(broker, &peer, SLICE("PLAI")));
    assert_null(auth_mechanism_find(broker, &peer, SLICE("")));
    assert_null(auth_mechanism_find(broker, &peer, SLICE("EXTERNAL")));
}

static void loopback_only_user_is_refused_elsewhere(void **state) {
    struct user *user = NULL;
    (void)state;
    assert_int_equal(login_from(false, "PLAIN", SLICE("\0guest\0guest"), &user), AUTH_REFUSED);
    assert_int_equal(login_from(false, "ANONYMOUS", SLICE(""), &user), AUTH_REFUSED);
    assert_null(user);
    assert_int_equal(login_from(false, "PLAIN", SLICE("\0alice\0secret"), &user), AUTH_OK);
    assert_ptr_equal(user, alice);
}

/* rows: 10 */
static void external_is_offered_with_tls_where_it_is_configured(void **state) {
    const struct tls_peer tls = {.login_name = "alice"};
    struct text text = {0};
    (void)state;
    peer.tls = &tls;
    assert_null(auth_mechanism_find(broker, &peer, SLICE("EXTERNAL")));
    broker->settings.auth_mechanisms = "PLAIN EXTERNAL";
    auth_append_mechanisms(broker, &peer, &text);
    assert_string_equal(text_chars(&text), "PLAIN EXTERNAL");
    text_clear(&text);
    peer.tls = NULL;
    auth_append_mechanisms(broker, &peer, &text);
    assert_string_equal(text_chars(&text), "PLAIN");
    text_clear(&text);
    assert_null(auth_mechanism_find(broker, &peer, SLICE("EXTERNAL")));
    broker->settings.auth_mechanisms = "AMQPLAIN";
    assert_null(auth_mechanism_find(broker, &peer, SLICE("PLAIN")));
}

static void external_takes_the_user_from_the_certificate(void **state) {
    struct tls_peer tls = {.login_name = "alice"};
    struct user *user = NULL;
    (void)state;
    broker->settings.auth_mechanisms = "EXTERNAL";
    peer.tls = &tls;
    expect_user("EXTERNAL", SLICE("whatever"), alice);
    tls.login_name = "stranger";
    expect_no_user("EXTERNAL", SLICE(""), AUTH_REFUSED);
    tls.login_name = NULL;
    expect_no_user("EXTERNAL", SLICE(""), AUTH_REFUSED);
    tls.login_name = "guest";
    assert_int_equal(login_from(false, "EXTERNAL", SLICE(""), &user), AUTH_REFUSED);
    assert_null(user);
}

/* A certificate is no password: there is nothing to guess for who has none. */
static void external_needs_no_password(void **state) {
    struct tls_peer tls = {.login_name = "CN=service,O=Example"};
    (void)state;
    broker->settings.auth_mechanisms = "EXTERNAL";
    peer.tls = &tls;
    expect_user("EXTERNAL", SLICE(""), user_add(broker, SLICE("CN=service,O=Example"), SLICE("")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(plain_is_nul_user_nul_password, start, end),
        cmocka_unit_test_setup_teardown(plain_takes_no_authorization_id_and_no_third_nul, start,
                                        end),
        cmocka_unit_test_setup_teardown(plain_cut_short_never_logs_in, start, end),
        cmocka_unit_test_setup_teardown(empty_password_is_refused, start, end),
        cmocka_unit_test_setup_teardown(amqplain_finds_its_two_keys_in_any_order, start, end),
        cmocka_unit_test_setup_teardown(amqplain_wrong_password_is_refused, start, end),
        cmocka_unit_test_setup_teardown(amqplain_without_two_texts_is_malformed, start, end),
        cmocka_unit_test_setup_teardown(anonymous_logs_in_as_configured, start, end),
        cmocka_unit_test_setup_teardown(anonymous_is_offered_while_user_and_password_are_set, start,
                                        end),
        cmocka_unit_test_setup_teardown(mechanism_names_are_exact, start, end),
        cmocka_unit_test_setup_teardown(loopback_only_user_is_refused_elsewhere, start, end),
        cmocka_unit_test_setup_teardown(external_is_offered_with_tls_where_it_is_configured, start,
                                        end),
        cmocka_unit_test_setup_teardown(external_takes_the_user_from_the_certificate, start, end),
        cmocka_unit_test_setup_teardown(external_needs_no_password, start, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
