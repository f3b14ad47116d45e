/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/base/alloc.h"

#include <signal.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

/* More than an address space holds; volatile keeps the compiler from seeing that. */
static volatile size_t too_much = SIZE_MAX / 2;

static void sizes_of_zero_are_blocks_too(void **state) {
    (void)state;
    void *blocks[] = {xmalloc(0), xcalloc(0, 8), xrealloc(NULL, 0), try_malloc(0)};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        assert_non_null(blocks[i]);
        free(blocks[i]);
    }
}

static void calloc_is_zeroed_and_realloc_keeps(void **state) {
    (void)state;
    uint8_t *block = xcalloc(16, 4);
    for (size_t i = 0; i < 64; i++)
        assert_int_equal(block[i], 0);
    memset(block, 7, 64);
    block = xrealloc(block, 4096);
    assert_int_equal(block[63], 7);
    free(block);
}

/* Sanitizers end the process themselves on such sizes unless told otherwise. */
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "allocator_may_return_null=1";
}

const char *__tsan_default_options(void);
const char *__tsan_default_options(void) {
    return "allocator_may_return_null=1";
}

static void trying_too_much_is_an_answer(void **state) {
    (void)state;
    assert_null(try_malloc(too_much));
}

static void needing_too_much_aborts(void **state) {
    (void)state;
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        signal(SIGABRT, SIG_DFL);
        close(STDERR_FILENO);
        free(xmalloc(too_much));
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_of_zero_are_blocks_too),
        cmocka_unit_test(calloc_is_zeroed_and_realloc_keeps),
        cmocka_unit_test(trying_too_much_is_an_answer),
        cmocka_unit_test(needing_too_much_aborts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
