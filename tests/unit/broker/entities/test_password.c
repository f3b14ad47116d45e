/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/password.h"

#include "tests/unit/broker/entities/support.h"

static const enum password_algorithm all[] = {PASSWORD_SHA256, PASSWORD_SHA512, PASSWORD_MD5,
                                              PASSWORD_PBKDF2};
#define ALL_COUNT (sizeof all / sizeof all[0])

static void every_algorithm_verifies_what_it_hashed(void **state) {
    struct fixture *f = *state;
    struct password password;

    for (size_t i = 0; i < ALL_COUNT; i++) {
        password_set(&password, all[i], &f->env, SLICE("secret"));
        assert_true(password_verify(&password, SLICE("secret")));
        assert_false(password_verify(&password, SLICE("Secret")));
        assert_false(password_verify(&password, SLICE("")));
        assert_int_equal(password_is_slow(&password), all[i] == PASSWORD_PBKDF2);
    }
}

static void salts_differ(void **state) {
    struct fixture *f = *state;
    struct password one, other;

    for (size_t i = 0; i < ALL_COUNT - 1; i++) {
        password_set(&one, all[i], &f->env, SLICE("secret"));
        password_set(&other, all[i], &f->env, SLICE("secret"));
        assert_int_equal(one.len, other.len);
        assert_memory_not_equal(one.octets, other.octets, one.len);
    }
}

static void no_password_verifies_against_nothing(void **state) {
    struct fixture *f = *state;
    struct password password;

    for (size_t i = 0; i < ALL_COUNT; i++) {
        password_set(&password, all[i], &f->env, SLICE(""));
        assert_int_equal(password.len, 0);
        assert_false(password_verify(&password, SLICE("")));
        assert_false(password_verify(&password, SLICE("x")));
    }
}

/* python3 hashlib.pbkdf2_hmac("sha256", b"secret", bytes(16), 1000) */
static void pbkdf2_is_the_standards(void **state) {
    static const uint8_t hash[] = {
        0x02, 0x46, 0x2c, 0x40, 0xb8, 0x35, 0x59, 0x55, 0xb6, 0xb1, 0x0f,
        0x26, 0xfa, 0xd4, 0xa0, 0xea, 0xf3, 0x27, 0x29, 0xd9, 0x8a, 0x44,
        0xbc, 0x4f, 0xf3, 0xf5, 0xf7, 0xd0, 0x72, 0xbf, 0x20, 0xf5,
    };
    uint8_t octets[52] = {0, 0, 3, 232};
    struct password password;

    (void)state;
    memcpy(octets + 20, hash, sizeof hash);
    assert_true(password_import(&password, PASSWORD_PBKDF2, slice_of(octets, sizeof octets)));
    assert_true(password_verify(&password, SLICE("secret")));
    octets[51] ^= 1;
    assert_true(password_import(&password, PASSWORD_PBKDF2, slice_of(octets, sizeof octets)));
    assert_false(password_verify(&password, SLICE("secret")));
}

static void only_hashes_of_the_right_form_are_imported(void **state) {
    uint8_t octets[PASSWORD_OCTETS_MAX + 1] = {0xff, 0xff, 0xff, 0xff};
    static const size_t sizes[] = {36, 68, 20, 52};
    struct password password;

    (void)state;
    for (size_t i = 0; i < ALL_COUNT; i++) {
        for (size_t len = 1; len <= sizeof octets; len++) {
            bool is_right = len == sizes[i] && all[i] != PASSWORD_PBKDF2; /* 4 G iterations */
            assert_int_equal(password_import(&password, all[i], slice_of(octets, len)), is_right);
        }
        assert_true(password_import(&password, all[i], SLICE("")));
    }
    memset(octets, 0, 4);
    assert_false(password_import(&password, PASSWORD_PBKDF2, slice_of(octets, 52)));
    octets[3] = 1;
    assert_true(password_import(&password, PASSWORD_PBKDF2, slice_of(octets, 52)));
}

static void algorithms_have_rabbitmqs_names(void **state) {
    enum password_algorithm algorithm;

    (void)state;
    assert_true(password_algorithm_find(SLICE("rabbit_password_hashing_md5"), &algorithm));
    assert_int_equal(algorithm, PASSWORD_MD5);
    for (size_t i = 0; i < ALL_COUNT; i++) {
        assert_true(
            password_algorithm_find(slice_from_text(password_algorithm_name(all[i])), &algorithm));
        assert_int_equal(algorithm, all[i]);
    }
    assert_false(password_algorithm_find(SLICE("rabbit_password_hashing"), &algorithm));
}

static void nobodys_hash_is_like_the_others(void **state) {
    struct fixture *f = *state;
    struct password real, unknown;

    for (size_t i = 0; i < ALL_COUNT; i++) {
        password_set(&real, all[i], &f->env, SLICE("secret"));
        password_set_unknown(&unknown, all[i]);
        assert_int_equal(real.len, unknown.len);
        if (all[i] == PASSWORD_PBKDF2)
            assert_memory_equal(real.octets, unknown.octets, 4); /* as many iterations */
        assert_false(password_verify(&unknown, SLICE("secret")));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(every_algorithm_verifies_what_it_hashed),
        FIXTURE_TEST(salts_differ),
        FIXTURE_TEST(no_password_verifies_against_nothing),
        FIXTURE_TEST(pbkdf2_is_the_standards),
        FIXTURE_TEST(only_hashes_of_the_right_form_are_imported),
        FIXTURE_TEST(algorithms_have_rabbitmqs_names),
        FIXTURE_TEST(nobodys_hash_is_like_the_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
