/* SPDX-License-Identifier: Apache-2.0 */
/* Waiting for a broker to start. Nothing tells, so it is asked until it answers. */
#include <errno.h>
#include <jansson.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "tools/leveretctl/call.h"
#include "tools/leveretctl/client.h"
#include "tools/leveretctl/local.h"
#include "tools/leveretctl/progress.h"

#define LOOK_EVERY_MS 20

struct patience {
    const struct call *call;
    int64_t begun_ms;
    int64_t limit_ms; /* 0: infinite */
    bool is_over;     /* from the beginning: --timeout 0 */
};

/* What `--timeout` says of this command, whose own it is in RabbitMQ's tools too. */
static struct patience patience_of(const struct call *call, int otherwise_s) {
    return (struct patience){
        .call = call,
        .begun_ms = progress_now_ms(),
        .limit_ms = 1000 * (int64_t)(call->timeout == NULL ? otherwise_s : call->timeout_s),
        .is_over = call->timeout != NULL && strcmp(call->timeout, "0") == 0,
    };
}

/* EX_OK, or that the command failed without a word: there is no broker, or it serves no clients. */
static int ask_quietly(const struct call *call, enum command_id command) {
    struct call question = *call;
    json_t *rows = NULL;

    question.command = command;
    question.argument_count = question.option_count = 0;
    question.timeout_s = 1;
    int result = client_collect(&question, true, &rows);
    json_decref(rows);
    return result;
}

static bool is_running(const struct call *call) {
    return ask_quietly(call, COMMAND_check_running) == EX_OK;
}

/* False when it has been long enough. */
static bool pause_a_little(const struct patience *patience) {
    const struct timespec pause = {.tv_nsec = LOOK_EVERY_MS * 1000000L};
    const int64_t elapsed_ms = progress_now_ms() - patience->begun_ms;

    if (patience->is_over || (patience->limit_ms > 0 && elapsed_ms >= patience->limit_ms)) {
        progress_clear(patience->call);
        return false;
    }
    progress_show(patience->call, "waiting for the broker", elapsed_ms, patience->limit_ms);
    nanosleep(&pause, NULL);
    return true;
}

static int complain_late(const struct call *call) {
    client_complain(call, "the broker did not start in time");
    return EX_TEMPFAIL;
}

/* Another name does not come by waiting. */
static int complain_other_node(const struct call *call) {
    json_t *rows = NULL;
    struct call question = *call;

    progress_clear(call);
    question.command = COMMAND_status;
    int result = client_collect(&question, false, &rows);
    json_decref(rows);
    return result;
}

int local_await_startup(const struct call *call) {
    struct patience patience = patience_of(call, 300);

    int answered;
    while ((answered = ask_quietly(call, COMMAND_ping)) != EX_OK) {
        if (answered == CLIENT_OTHER_NODE)
            return complain_other_node(call);
        if (!pause_a_little(&patience))
            return complain_late(call);
    }
    progress_clear(call);
    if (is_running(call))
        return EX_OK;
    client_complain(call, "rabbit_is_not_running");
    return EX_UNAVAILABLE;
}

/* More than one there never are, however long one waits. */
int local_await_online_nodes(const struct call *call) {
    const struct patience patience = patience_of(call, 300);
    char *end;
    const unsigned long count = strtoul(call->arguments[0], &end, 10);

    if (end == call->arguments[0] || *end != '\0') {
        client_complain(call, "await_online_nodes wants a number of nodes");
        return EX_USAGE;
    }
    while (!is_running(call)) {
        if (!pause_a_little(&patience))
            return complain_late(call);
    }
    progress_clear(call);
    if (count <= 1)
        return EX_OK;
    client_complain(call, "clusters are not implemented: this broker is one node");
    return EX_SOFTWARE;
}

/* 0: not there yet, or not written yet. */
static long read_pid(const char *path) {
    FILE *file = fopen(path, "re");
    long pid = 0;

    if (file == NULL)
        return 0;
    if (fscanf(file, "%ld", &pid) != 1)
        pid = 0;
    fclose(file);
    return pid;
}

static bool process_is_there(long pid) {
    return kill((pid_t)pid, 0) == 0 || errno == EPERM;
}

static int wait_for(const struct call *call, long pid, const char *path, struct patience patience) {
    while (pid == 0 || !process_is_there(pid) || !is_running(call)) {
        if (pid != 0 && !process_is_there(pid)) {
            client_complain(call, "process_not_running");
            return EX_UNAVAILABLE;
        }
        if (!pause_a_little(&patience))
            return complain_late(call);
        if (pid == 0)
            pid = read_pid(path);
    }
    progress_clear(call);
    return EX_OK;
}

int local_wait(const struct call *call) {
    const char *given = call_option(call, "pid");
    const char *path = call->argument_count == 0 ? NULL : call->arguments[0];
    char *end = NULL;
    long pid = given == NULL ? 0 : strtol(given, &end, 10);

    if ((given == NULL) == (path == NULL) || (given != NULL && (*end != '\0' || pid <= 0))) {
        client_complain(call, "wait wants a file with a process id, or --pid and a number");
        return EX_USAGE;
    }
    return wait_for(call, pid != 0 ? pid : read_pid(path), path, patience_of(call, 60));
}
