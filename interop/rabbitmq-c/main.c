/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the rabbitmq-c tests against the broker named by AMQP_URL and reports in TAP.
 *
 * Every test is a child process, so that a test which fails can simply exit, a hanging one is ended
 * by alarm(), and none inherits the connection of another.
 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define TEST_SECONDS 30

/* The child's stderr arrives here; its first line is the reason of a failure. */
static void read_reason(int fd, char *reason, size_t size) {
    size_t length = 0;
    ssize_t got;

    while (length < size - 1 && (got = read(fd, reason + length, size - 1 - length)) > 0)
        length += (size_t)got;
    reason[length] = '\0';
    reason[strcspn(reason, "\n")] = '\0';
    close(fd);
}

static void run_child(const struct test *test, int reason_fd) {
    dup2(reason_fd, STDERR_FILENO);
    alarm(TEST_SECONDS);
    test->run();
    exit(0);
}

static bool run_test(const struct test *test, size_t number) {
    char reason[512];
    int ends[2];
    int status;
    pid_t child;

    fflush(stdout);
    if (pipe(ends) != 0 || (child = fork()) < 0) {
        perror("cannot start a test");
        exit(2);
    }
    if (child == 0)
        run_child(test, ends[1]);
    close(ends[1]);
    read_reason(ends[0], reason, sizeof reason);
    waitpid(child, &status, 0);
    if (status == 0)
        printf("ok %zu - %s\n", number, test->name);
    else if (WIFSIGNALED(status))
        printf("not ok %zu - %s # ended by signal %d %s\n", number, test->name, WTERMSIG(status),
               reason);
    else
        printf("not ok %zu - %s # %s\n", number, test->name, reason);
    return status == 0;
}

int main(void) {
    size_t number = 0;
    bool all_passed = true;

    if (getenv("AMQP_URL") == NULL) {
        fputs("AMQP_URL is not set\n", stderr);
        return 2;
    }
    printf("1..%zu\n", pattern_test_count + library_test_count);
    for (size_t i = 0; i < pattern_test_count; i++)
        all_passed &= run_test(&pattern_tests[i], ++number);
    for (size_t i = 0; i < library_test_count; i++)
        all_passed &= run_test(&library_tests[i], ++number);
    return all_passed ? 0 : 1;
}
