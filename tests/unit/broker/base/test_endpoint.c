/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/base/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

struct fixture {
    struct outbuf_pool pool;
    struct endpoint_lists lists;
    struct endpoint endpoint;
};

static int set_up(void **state) {
    static struct fixture fixture;
    outbuf_pool_init(&fixture.pool, 4);
    list_init(&fixture.lists.dirty);
    endpoint_init(&fixture.endpoint, NULL, &fixture.lists, &fixture.pool);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    outbuf_clear(&fixture->endpoint.output);
    outbuf_pool_clear(&fixture->pool);
    return 0;
}

static void marking_dirty_twice_links_once(void **state) {
    struct fixture *fixture = *state;
    assert_true(list_is_empty(&fixture->lists.dirty));
    endpoint_mark_dirty(&fixture->endpoint);
    endpoint_mark_dirty(&fixture->endpoint);
    assert_ptr_equal(list_take_first(&fixture->lists.dirty), &fixture->endpoint.dirty_link);
    assert_true(list_is_empty(&fixture->lists.dirty));
}

static void closing_is_carried_out_by_the_tick(void **state) {
    struct fixture *fixture = *state;
    endpoint_close(&fixture->endpoint, true);
    endpoint_close(&fixture->endpoint, false);
    assert_true(fixture->endpoint.closing);
    assert_true(fixture->endpoint.reset);
    assert_true(list_is_linked(&fixture->endpoint.dirty_link));
}

static void pausing_is_dirty_only_when_it_changes_something(void **state) {
    struct fixture *fixture = *state;
    endpoint_pause_input(&fixture->endpoint, false);
    assert_true(list_is_empty(&fixture->lists.dirty));
    endpoint_pause_input(&fixture->endpoint, true);
    assert_false(list_is_empty(&fixture->lists.dirty));
    list_remove(&fixture->endpoint.dirty_link);
    endpoint_pause_input(&fixture->endpoint, true);
    assert_true(list_is_empty(&fixture->lists.dirty));
    endpoint_pause_input(&fixture->endpoint, false);
    assert_false(list_is_empty(&fixture->lists.dirty));
}

static void output_above_the_high_water_is_congestion(void **state) {
    struct fixture *fixture = *state;
    static uint8_t octets[OUTPUT_HIGH_WATER];
    memset(octets, 'x', sizeof octets);
    outbuf_append(&fixture->endpoint.output, slice_of(octets, sizeof octets));
    assert_false(endpoint_is_congested(&fixture->endpoint));
    outbuf_append(&fixture->endpoint.output, SLICE("y"));
    assert_true(endpoint_is_congested(&fixture->endpoint));
    outbuf_consume(&fixture->endpoint.output, 100);
    assert_true(endpoint_is_congested(&fixture->endpoint));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(marking_dirty_twice_links_once, set_up, tear_down),
        cmocka_unit_test_setup_teardown(closing_is_carried_out_by_the_tick, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pausing_is_dirty_only_when_it_changes_something, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(output_above_the_high_water_is_congestion, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
