/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/base/worker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <pthread.h>
#include <cmocka.h>

struct letter {
    struct job job; /* first */
    char what;
    pthread_t ran_on;
};

static char finished[64];
static atomic_int wakes;

static void run(struct job *job) {
    ((struct letter *)(void *)job)->ran_on = pthread_self();
}

static void finish(struct job *job) {
    const struct letter *letter = (struct letter *)(void *)job;
    size_t len = strlen(finished);

    assert_false(pthread_equal(letter->ran_on, pthread_self()));
    finished[len] = letter->what;
    finished[len + 1] = '\0';
}

static void wake(void *context) {
    (void)context;
    atomic_fetch_add(&wakes, 1);
}

static int start(void **state) {
    finished[0] = '\0';
    atomic_store(&wakes, 0);
    *state = worker_create(wake, NULL);
    return 0;
}

static void submit(struct worker *worker, struct letter *letters, const char *texts) {
    for (size_t i = 0; texts[i] != '\0'; i++) {
        letters[i] = (struct letter){.job = {.run = run, .finish = finish}, .what = texts[i]};
        worker_submit(worker, &letters[i].job);
    }
}

static void jobs_run_elsewhere_and_finish_here_in_order(void **state) {
    struct worker *worker = *state;
    struct letter letters[8];

    submit(worker, letters, "abcdefgh");
    assert_int_equal(worker_pending(worker), 8);
    assert_string_equal(finished, "");
    worker_wait(worker);
    assert_true(worker_collect(worker));
    assert_string_equal(finished, "abcdefgh");
    assert_int_equal(worker_pending(worker), 0);
    assert_int_equal(atomic_load(&wakes), 8);
    assert_false(worker_collect(worker));
    worker_destroy(worker);
}

static void end_finishes_what_was_submitted(void **state) {
    struct letter letters[5];

    submit(*state, letters, "vwxyz");
    worker_destroy(*state);
    assert_string_equal(finished, "vwxyz");
}

static void worker_without_work_ends(void **state) {
    worker_wait(*state);
    assert_false(worker_collect(*state));
    worker_destroy(*state);
    worker_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(jobs_run_elsewhere_and_finish_here_in_order, start),
        cmocka_unit_test_setup(end_finishes_what_was_submitted, start),
        cmocka_unit_test_setup(worker_without_work_ends, start),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
