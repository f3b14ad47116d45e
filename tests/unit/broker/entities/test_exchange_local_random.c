/* SPDX-License-Identifier: Apache-2.0 */
/* rows: 152 */
#include "tests/unit/broker/entities/support.h"

static bool bind_queue_of_type(struct fixture *f, const char *type) {
    struct amqp_table_builder b = {0};
    struct binding_destination destination = {0};
    bool is_bound;

    amqp_table_put_text(&b, SLICE("x-queue-type"), slice_from_text(type));
    destination.queue = queue_create(f->vhost, SLICE("typed"), amqp_table_builder_finish(&b));
    is_bound = binding_check(vhost_find_exchange(f->vhost, SLICE("x")), destination, SLICE(""),
                             NO_TABLE, &f->refusal);
    queue_delete(destination.queue);
    amqp_table_builder_clear(&b);
    return is_bound;
}

static void only_classic_queues_are_bound(void **state) {
    /* rows: 152 */
    struct fixture *f = *state;

    declare_exchange(f, "x", "x-local-random");
    assert_true(bind_queue_of_type(f, "classic"));
    assert_false(bind_queue_of_type(f, "quorum"));
    assert_refused(f, 406, "Queue type rabbit_quorum_queue not valid for this exchange type");
    assert_false(bind_queue_of_type(f, "stream"));
    assert_refused(f, 406, "Queue type rabbit_stream_queue not valid for this exchange type");
}

static void the_key_is_looked_at_before_the_destination(void **state) {
    /* rows: 152 */
    struct fixture *f = *state;
    struct binding_request request = binding_request(f, "x", "y", "k", NO_TABLE);

    declare_exchange(f, "x", "x-local-random");
    declare_exchange(f, "y", "fanout");
    request.destination_is_queue = false;
    assert_false(try_bind(f, request));
    assert_refused(f, 406, "Non empty binding 'k' key not permitted");
    request.binding_key = SLICE("");
    assert_false(try_bind(f, request));
    assert_refused(f, 406, "Destination not found");
}

static void one_queue_is_picked(void **state) {
    /* rows: 152 */
    struct fixture *f = *state;
    int a = 0;

    declare_exchange(f, "x", "x-local-random");
    declare_queue(f, "a");
    declare_queue(f, "b");
    bind_queue(f, "x", "a", "");
    bind_queue(f, "x", "b", "");
    for (int i = 0; i < 1000; i++) {
        a += routed_to(f, "x", "any")[0] == 'a';
        assert_int_equal(f->route.count, 1);
        assert_false(f->route.memoisable);
    }
    assert_in_range(a, 430, 570);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(only_classic_queues_are_bound),
        FIXTURE_TEST(the_key_is_looked_at_before_the_destination),
        FIXTURE_TEST(one_queue_is_picked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
