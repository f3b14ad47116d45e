/* SPDX-License-Identifier: Apache-2.0 */
/* What is remembered of topic exchanges is what routing would find, and nothing else. */
#include "tests/unit/broker/entities/support.h"

#include "broker/entities/route_memory.h"

static struct exchange *topic(struct fixture *f) {
    return vhost_find_exchange(f->vhost, SLICE("amq.topic"));
}

static void route_and_remember(struct fixture *f, struct slice key) {
    struct route_request request = {.routing_key = key};

    route_message(&f->route, topic(f), &request);
    route_remember(topic(f), key, &f->route);
}

static bool recall(struct fixture *f, struct slice key) {
    f->route.count = 77;
    return route_recall(topic(f), key, &f->route);
}

static void what_was_routed_is_recalled(void **state) {
    struct fixture *f = *state;

    declare_queue(f, "q");
    bind_queue(f, "amq.topic", "q", "a.*");
    assert_false(recall(f, SLICE("a.b")));
    route_and_remember(f, SLICE("a.b"));
    assert_true(recall(f, SLICE("a.b")));
    assert_int_equal(f->route.count, 1);
    assert_true(slice_equal(f->route.queues[0]->name, SLICE("q")));
    assert_true(f->route.memoisable);
    assert_false(recall(f, SLICE("a.c")));
    assert_int_equal(f->route.count, 77);
}

static void a_key_without_destination_is_recalled_too(void **state) {
    struct fixture *f = *state;

    route_and_remember(f, SLICE("nowhere"));
    assert_true(recall(f, SLICE("nowhere")));
    assert_int_equal(f->route.count, 0);
}

static void every_change_of_bindings_forgets(void **state) {
    struct fixture *f = *state;

    declare_queue(f, "q");
    route_and_remember(f, SLICE("a.b"));
    bind_queue(f, "amq.topic", "q", "a.*");
    assert_false(recall(f, SLICE("a.b")));
    route_and_remember(f, SLICE("a.b"));
    assert_true(recall(f, SLICE("a.b")));
    vhost_remove_queue(vhost_find_queue(f->vhost, SLICE("q")));
    assert_false(recall(f, SLICE("a.b")));
}

static void too_many_queues_and_too_long_keys_are_not_remembered(void **state) {
    struct fixture *f = *state;
    const char *names[] = {"q1", "q2", "q3"};

    for (size_t i = 0; i < 3; i++) {
        declare_queue(f, names[i]);
        bind_queue(f, "amq.topic", names[i], "a");
    }
    route_and_remember(f, SLICE("a"));
    assert_false(recall(f, SLICE("a")));
    route_and_remember(f, SLICE("a.key.of.more.than.thirty.octets"));
    assert_false(recall(f, SLICE("a.key.of.more.than.thirty.octets")));
}

static void other_types_are_not_remembered(void **state) {
    struct fixture *f = *state;
    struct exchange *direct = vhost_find_exchange(f->vhost, SLICE("amq.direct"));
    struct route_request request = {.routing_key = SLICE("a")};

    route_message(&f->route, direct, &request);
    route_remember(direct, SLICE("a"), &f->route);
    assert_false(route_recall(direct, SLICE("a"), &f->route));
}

/* More keys than there is room for: whatever is still known is right. */
static void memory_that_overflows_never_lies(void **state) {
    struct fixture *f = *state;
    unsigned known = 0;
    char key[16];

    declare_queue(f, "even");
    bind_queue(f, "amq.topic", "even", "*.even");
    for (unsigned i = 0; i < 100000; i++) {
        snprintf(key, sizeof key, "%u.%s", i, i % 2 == 0 ? "even" : "odd");
        route_and_remember(f, slice_from_text(key));
    }
    for (unsigned i = 0; i < 100000; i++) {
        snprintf(key, sizeof key, "%u.%s", i, i % 2 == 0 ? "even" : "odd");
        if (!recall(f, slice_from_text(key)))
            continue;
        known++;
        assert_int_equal(f->route.count, i % 2 == 0);
    }
    assert_in_range(known, 20000, 32768);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(what_was_routed_is_recalled),
        FIXTURE_TEST(a_key_without_destination_is_recalled_too),
        FIXTURE_TEST(every_change_of_bindings_forgets),
        FIXTURE_TEST(too_many_queues_and_too_long_keys_are_not_remembered),
        FIXTURE_TEST(other_types_are_not_remembered),
        FIXTURE_TEST(memory_that_overflows_never_lies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
