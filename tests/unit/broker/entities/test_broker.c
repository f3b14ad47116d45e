/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/broker/entities/support.h"

#include "broker/entities/user.h"

static void vhosts_are_found_by_name(void **state) {
    struct fixture *f = *state;
    struct vhost *other = broker_add_vhost(f->broker, SLICE("other"));

    assert_ptr_equal(broker_find_vhost(f->broker, SLICE("/")), f->vhost);
    assert_ptr_equal(broker_find_vhost(f->broker, SLICE("other")), other);
    assert_ptr_equal(broker_add_vhost(f->broker, SLICE("other")), other);
    assert_null(broker_find_vhost(f->broker, SLICE("missing")));
}

static void vhosts_do_not_see_each_other(void **state) {
    struct fixture *f = *state;
    struct vhost *other = broker_add_vhost(f->broker, SLICE("other"));

    declare_queue(f, "q");
    declare_exchange(f, "x", "fanout");
    assert_null(vhost_find_queue(other, SLICE("q")));
    assert_null(vhost_find_exchange(other, SLICE("x")));
}

/* Five at once, each with everything in it: a leak or a shared state shows under the sanitizers. */
static void brokers_are_independent_handles(void **state) {
    struct fixture *f = *state;
    struct broker *brokers[5];
    struct refusal refusal;
    bool created;

    for (int i = 0; i < 5; i++) {
        brokers[i] = broker_create(&f->env, &f->broker->settings);
        struct vhost *vhost = broker_add_vhost(brokers[i], SLICE("/"));
        user_add(brokers[i], SLICE("guest"), SLICE("guest"));
        struct queue_declaration declaration = {.name = SLICE("q")};
        assert_non_null(vhost_declare_queue(vhost, &declaration, &created, &refusal));
        assert_true(created);
    }
    for (int i = 0; i < 5; i++)
        broker_destroy(brokers[i]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(vhosts_are_found_by_name),
        FIXTURE_TEST(vhosts_do_not_see_each_other),
        FIXTURE_TEST(brokers_are_independent_handles),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
