/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/broker/entities/support.h"

#include "broker/entities/generated_name.h"

static void fill_with_counter(void *context, void *buffer, size_t len) {
    uint8_t *octets = buffer;

    (void)context;
    for (size_t i = 0; i < len; i++)
        octets[i] = (uint8_t)(i * 17);
}

static void fill_with_ones(void *context, void *buffer, size_t len) {
    (void)context;
    memset(buffer, 0xff, len);
}

/* Expected texts: python3 base64.urlsafe_b64encode() without the padding. */
static void name_is_prefix_dash_and_base64url(void **state) {
    struct env env = {.fill_random = fill_with_counter};
    char buffer[GENERATED_NAME_MAX];

    (void)state;
    assert_slice(generated_name(&env, "amq.gen", buffer), "amq.gen-ABEiM0RVZneImaq7zN3u_w");
    env.fill_random = fill_with_ones;
    assert_slice(generated_name(&env, "amq.ctag", buffer), "amq.ctag-_____________________w");
}

static void names_differ(void **state) {
    struct fixture *f = *state;
    char first[GENERATED_NAME_MAX];
    char second[GENERATED_NAME_MAX];

    assert_false(slice_equal(generated_name(&f->env, "amq.gen", first),
                             generated_name(&f->env, "amq.gen", second)));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(name_is_prefix_dash_and_base64url),
        FIXTURE_TEST(names_differ),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
