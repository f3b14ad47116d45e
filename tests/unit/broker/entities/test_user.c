/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/broker/entities/support.h"

#include "broker/entities/user.h"

static void fill_with_zeros(void *context, void *buffer, size_t len) {
    (void)context;
    memset(buffer, 0, len);
}

static void right_password_is_accepted(void **state) {
    struct fixture *f = *state;
    struct user *user = user_add(f->broker, SLICE("alice"), SLICE("secret"));

    assert_ptr_equal(user_authenticate(f->broker, SLICE("alice"), SLICE("secret")), user);
}

static void wrong_password_and_unknown_user_are_not(void **state) {
    struct fixture *f = *state;

    user_add(f->broker, SLICE("alice"), SLICE("secret"));
    assert_null(user_authenticate(f->broker, SLICE("alice"), SLICE("Secret")));
    assert_null(user_authenticate(f->broker, SLICE("alice"), SLICE("secre")));
    assert_null(user_authenticate(f->broker, SLICE("bob"), SLICE("secret")));
    assert_null(user_authenticate(f->broker, SLICE(""), SLICE("secret")));
}

static void empty_password_is_never_right(void **state) {
    struct fixture *f = *state;

    user_add(f->broker, SLICE("alice"), SLICE(""));
    assert_null(user_authenticate(f->broker, SLICE("alice"), SLICE("")));
}

static void adding_again_replaces_the_password_only(void **state) {
    struct fixture *f = *state;
    struct user *user = user_add(f->broker, SLICE("alice"), SLICE("old"));

    user->loopback_only = true;
    assert_ptr_equal(user_add(f->broker, SLICE("alice"), SLICE("new")), user);
    assert_true(user->loopback_only);
    assert_null(user_authenticate(f->broker, SLICE("alice"), SLICE("old")));
    assert_non_null(user_authenticate(f->broker, SLICE("alice"), SLICE("new")));
}

/* python3 hashlib.sha256(b"\0\0\0\0" + b"guest") */
static void hash_is_rabbitmqs(void **state) {
    static const uint8_t expected[36] = {
        0x00, 0x00, 0x00, 0x00, 0xf1, 0x28, 0x43, 0xc6, 0xb7, 0x8d, 0x8e, 0x83,
        0x00, 0x14, 0x62, 0x27, 0x39, 0x28, 0x2a, 0x8a, 0x10, 0x6d, 0x78, 0x81,
        0xa7, 0x68, 0x86, 0x2e, 0x47, 0xbb, 0x77, 0xe1, 0x55, 0x2b, 0x32, 0x71,
    };
    struct fixture *f = *state;

    f->env.fill_random = fill_with_zeros;
    assert_memory_equal(user_add(f->broker, SLICE("guest"), SLICE("guest"))->password.octets,
                        expected, sizeof expected);
}

static void salt_differs_from_user_to_user(void **state) {
    struct fixture *f = *state;
    struct user *alice = user_add(f->broker, SLICE("alice"), SLICE("secret"));
    struct user *bob = user_add(f->broker, SLICE("bob"), SLICE("secret"));

    assert_memory_not_equal(alice->password.octets, bob->password.octets, 36);
}

static void tags_are_a_list(void **state) {
    struct fixture *f = *state;
    struct user *alice = user_add(f->broker, SLICE("alice"), SLICE("secret"));
    struct refusal refusal;
    struct slice tag;
    size_t at = 0;

    assert_false(user_next_tag(alice, &at, &tag));
    assert_true(user_set_tags(alice, SLICE(" management,, custom tag ,impersonator"), &refusal));
    assert_true(slice_equal(alice->tags, SLICE("management,custom tag,impersonator")));
    assert_true(user_has_tag(alice, SLICE("custom tag")));
    assert_false(user_has_tag(alice, SLICE("custom")));
    assert_true(alice->impersonator);
    assert_true(user_next_tag(alice, &at, &tag));
    assert_true(slice_equal(tag, SLICE("management")));
    assert_true(user_set_tags(alice, SLICE(""), &refusal));
    assert_false(alice->impersonator);
}

static void tags_are_limited(void **state) {
    static char tags[4 * USER_TAGS_MAX + 4];
    struct fixture *f = *state;
    struct user *alice = user_add(f->broker, SLICE("alice"), SLICE("secret"));
    struct refusal refusal;

    for (size_t i = 0; i < USER_TAGS_MAX; i++)
        memcpy(tags + 2 * i, "t,", 2);
    assert_true(user_set_tags(alice, slice_from_text(tags), &refusal));
    strcat(tags, "t");
    assert_false(user_set_tags(alice, slice_from_text(tags), &refusal));
}

static void loopback_users_are_those_of_the_list(void **state) {
    struct fixture *f = *state;
    const struct slice names[] = {SLICE("guest"), SLICE("later")};
    struct user *guest = user_add(f->broker, SLICE("guest"), SLICE("x"));

    assert_false(guest->loopback_only);
    users_set_loopback_only(f->broker, names, 2);
    assert_true(guest->loopback_only);
    assert_true(user_add(f->broker, SLICE("later"), SLICE("x"))->loopback_only);
    users_set_loopback_only(f->broker, names + 1, 1);
    assert_false(guest->loopback_only);
}

static void slow_hash_is_paid_for_once(void **state) {
    struct fixture *f = *state;
    struct user *alice, *found = NULL;

    f->broker->settings.password_algorithm = PASSWORD_PBKDF2;
    alice = user_add(f->broker, SLICE("alice"), SLICE("secret"));
    assert_int_equal(user_try_password(f->broker, SLICE("alice"), SLICE("secret"), &found),
                     LOGIN_SLOW);
    assert_int_equal(user_try_password(f->broker, SLICE("nobody"), SLICE("secret"), &found),
                     LOGIN_SLOW);
    assert_ptr_equal(user_authenticate(f->broker, SLICE("alice"), SLICE("secret")), alice);
    assert_int_equal(user_try_password(f->broker, SLICE("alice"), SLICE("secret"), &found),
                     LOGIN_RIGHT);
    assert_ptr_equal(found, alice);
    assert_int_equal(user_try_password(f->broker, SLICE("alice"), SLICE("wrong"), &found),
                     LOGIN_SLOW);
    user_add(f->broker, SLICE("alice"), SLICE("changed"));
    assert_int_equal(user_try_password(f->broker, SLICE("alice"), SLICE("secret"), &found),
                     LOGIN_SLOW);
    assert_null(user_authenticate(f->broker, SLICE("alice"), SLICE("secret")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(right_password_is_accepted),
        FIXTURE_TEST(wrong_password_and_unknown_user_are_not),
        FIXTURE_TEST(empty_password_is_never_right),
        FIXTURE_TEST(adding_again_replaces_the_password_only),
        FIXTURE_TEST(hash_is_rabbitmqs),
        FIXTURE_TEST(salt_differs_from_user_to_user),
        FIXTURE_TEST(tags_are_a_list),
        FIXTURE_TEST(tags_are_limited),
        FIXTURE_TEST(loopback_users_are_those_of_the_list),
        FIXTURE_TEST(slow_hash_is_paid_for_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
