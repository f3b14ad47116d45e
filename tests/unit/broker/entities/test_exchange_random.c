/* SPDX-License-Identifier: Apache-2.0 */
/* rows: 150 */
#include "tests/unit/broker/entities/support.h"

static void bind_range(struct fixture *f, const char *names) {
    for (; *names != '\0'; names++) {
        declare_queue(f, (const char[]){*names, '\0'});
        bind_queue(f, "x", (const char[]){*names, '\0'}, "");
    }
}

static void every_queue_gets_its_share(void **state) {
    /* rows: 150 */
    struct fixture *f = *state;
    int counts[5] = {0};

    declare_exchange(f, "x", "x-random");
    bind_range(f, "abcde");
    for (int i = 0; i < 10000; i++) {
        counts[routed_to(f, "x", "k")[0] - 'a']++;
        assert_int_equal(f->route.count, 1);
        assert_false(f->route.memoisable);
    }
    for (int i = 0; i < 5; i++)
        assert_in_range(counts[i], 1850, 2150);
}

static void exchanges_do_not_throw_alike(void **state) {
    struct fixture *f = *state;
    int different = 0;
    char first;

    declare_exchange(f, "x", "x-random");
    declare_exchange(f, "y", "x-random");
    bind_range(f, "ab");
    bind_queue(f, "y", "a", "");
    bind_queue(f, "y", "b", "");
    for (int i = 0; i < 100; i++) {
        first = routed_to(f, "x", "")[0];
        different += routed_to(f, "y", "")[0] != first;
    }
    assert_in_range(different, 20, 80);
}

/* Bindings leave from the front, the middle and the end; whoever is left gets messages, nobody else. */
static void unbound_queues_get_nothing(void **state) {
    /* rows: 150 */
    struct fixture *f = *state;
    static const char *const leaving = "aedcb";

    declare_exchange(f, "x", "x-random");
    bind_range(f, "abcdef");
    for (const char *gone = leaving; *gone != '\0'; gone++) {
        bool is_seen[6] = {false};
        unbind_queue(f, "x", (const char[]){*gone, '\0'}, "");
        for (int i = 0; i < 200; i++)
            is_seen[routed_to(f, "x", "")[0] - 'a'] = true;
        for (const char *q = leaving; *q != '\0'; q++)
            assert_int_equal(is_seen[*q - 'a'], q > gone);
        assert_true(is_seen['f' - 'a']);
    }
    unbind_queue(f, "x", "f", "");
    assert_string_equal(routed_to(f, "x", ""), "");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(every_queue_gets_its_share),
        FIXTURE_TEST(exchanges_do_not_throw_alike),
        FIXTURE_TEST(unbound_queues_get_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
