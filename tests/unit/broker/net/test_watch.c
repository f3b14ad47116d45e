/* SPDX-License-Identifier: Apache-2.0 */
/* A watch says when somebody else's descriptor can be read, and leaves the reading to him. */
#include "broker/net/watch.h"

#include "fixture.h"

static int readable_count;

static void read_one(void *context) {
    char octet;
    assert_int_equal(read(*(int *)context, &octet, 1), 1);
    readable_count++;
}

static bool both_were_read(struct fixture *fixture) {
    (void)fixture;
    return readable_count == 2;
}

static void is_called_while_there_is_something_to_read(void **state) {
    struct fixture *fixture = *state;
    int ends[2];
    readable_count = 0;
    assert_int_equal(pipe(ends), 0);
    struct watch *watch = watch_open(fixture->loop, ends[0], read_one, &ends[0]);
    assert_int_equal(write(ends[1], "ab", 2), 2);
    run_until(fixture, both_were_read);
    watch_close(watch);
    close(ends[0]);
    close(ends[1]);
}

static bool three_ticks_passed(struct fixture *fixture) {
    loop_poll_again(fixture->loop);
    return fixture->ticks_of_run >= 3;
}

static void is_quiet_once_closed(void **state) {
    struct fixture *fixture = *state;
    int ends[2];
    readable_count = 0;
    assert_int_equal(pipe(ends), 0);
    watch_close(watch_open(fixture->loop, ends[0], read_one, &ends[0]));
    assert_int_equal(write(ends[1], "a", 1), 1);
    run_until(fixture, three_ticks_passed);
    assert_int_equal(readable_count, 0);
    close(ends[0]);
    close(ends[1]);
}

int main(void) {
    (void)fixture_create;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(is_called_while_there_is_something_to_read, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(is_quiet_once_closed, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
