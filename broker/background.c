/* SPDX-License-Identifier: Apache-2.0 */
/* The two processes share a pipe: an octet on it is "ready", its end without one is "failed". */
#include "broker/background.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <sysexits.h>
#include <unistd.h>

static int ready_fd = -1; /* of the second process, until it is ready */

static int wait_for(pid_t child, int fd) {
    char octet;
    int status;
    ssize_t len;
    do
        len = read(fd, &octet, 1);
    while (len < 0 && errno == EINTR);
    if (len == 1)
        return EX_OK;
    if (waitpid(child, &status, 0) == child && WIFEXITED(status))
        return WEXITSTATUS(status);
    return EX_SOFTWARE;
}

/* stderr stays for the reason why it could not start; it goes when the broker is ready. */
static void leave_terminal(void) {
    int null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    setsid();
    if (null_fd < 0)
        return;
    dup2(null_fd, STDIN_FILENO);
    dup2(null_fd, STDOUT_FILENO);
    close(null_fd);
}

bool background_begin(int *ret_exit_code) {
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0) {
        perror("leveret: pipe");
        *ret_exit_code = EX_OSERR;
        return true;
    }
    pid_t child = fork();
    if (child == 0) {
        close(fds[0]);
        ready_fd = fds[1];
        leave_terminal();
        return false;
    }
    close(fds[1]);
    *ret_exit_code = child < 0 ? EX_OSERR : wait_for(child, fds[0]);
    if (child < 0)
        perror("leveret: fork");
    close(fds[0]);
    return true;
}

void background_ready(void) {
    char octet = 1;
    if (ready_fd < 0)
        return;
    if (dup2(STDOUT_FILENO, STDERR_FILENO) < 0 || write(ready_fd, &octet, 1) < 0)
        perror("leveret");
    close(ready_fd);
    ready_fd = -1;
}
