/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/leveretctl/client.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "broker/base/text.h"
#include "broker/data_directory.h"
#include "tools/leveretctl/call.h"
#include "tools/leveretctl/output.h"

/* --- where the broker is --- */

static bool find_socket(const struct call *call, struct text *path, struct text *error) {
    const char *environment = getenv("LEVERET_CONTROL_SOCKET");

    if (call->socket != NULL)
        text_append_format(path, "%s", call->socket);
    else if (call->data_directory == NULL && environment != NULL && environment[0] != '\0')
        text_append_format(path, "%s", environment);
    else if (data_directory_name(call->data_directory, path, error))
        text_append_format(path, "/control.sock");
    else
        return false;
    return true;
}

/* A descriptor, or negative errno. */
static int connect_to(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof address.sun_path) {
        close(fd);
        return -ENAMETOOLONG;
    }
    strcpy(address.sun_path, path);
    if (fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    int error = errno;
    if (fd >= 0)
        close(fd);
    return -error;
}

static int complain_unreachable(const char *path, int error) {
    fprintf(stderr, "leveretctl: no broker answers at %s: %s\n", path, strerror(error));
    if (error == EACCES)
        fputs("Only the user that runs the broker, and root, may talk to it.\n", stderr);
    else
        fputs("Is it running? --data-dir DIR or --socket PATH names another one.\n", stderr);
    return error == EACCES ? EX_NOPERM : EX_UNAVAILABLE;
}

static int reach_broker(const struct call *call, int *ret_fd) {
    struct text path = {0}, error = {0};
    int result = EX_OK;

    if (!find_socket(call, &path, &error)) {
        fprintf(stderr, "leveretctl: %s\n", text_chars(&error));
        result = EX_UNAVAILABLE;
    } else {
        *ret_fd = connect_to(text_chars(&path));
        if (*ret_fd < 0)
            result = complain_unreachable(text_chars(&path), -*ret_fd);
    }
    text_clear(&path);
    text_clear(&error);
    return result;
}

/* --- asking --- */

static json_t *request_of(const struct call *call) {
    json_t *arguments = json_array(), *options = json_object();

    for (size_t i = 0; i < call->argument_count; i++)
        json_array_append_new(arguments, json_string(call->arguments[i]));
    for (size_t i = 0; i < call->option_count; i++)
        json_object_set_new(options, call->options[i].name, json_string(call->options[i].value));
    return json_pack("{sssoso}", "command", commands[call->command].name, "arguments", arguments,
                     "options", options);
}

static bool send_request(FILE *broker, const struct call *call) {
    json_t *request = request_of(call);
    bool sent = request != NULL && json_dumpf(request, broker, JSON_COMPACT) == 0 &&
                fputc('\n', broker) != EOF && fflush(broker) == 0;
    json_decref(request);
    return sent;
}

/* True when that was the last line. */
static bool take_line(struct output *output, const char *line, int *exit_code) {
    json_t *answer = json_loads(line, 0, NULL);
    const json_t *last = json_object_get(answer, "exit");
    const char *error = json_string_value(json_object_get(answer, "error"));

    if (last != NULL)
        *exit_code = (int)json_integer_value(last);
    else
        output_line(output, answer);
    if (error != NULL)
        fprintf(stderr, "leveretctl: %s\n", error);
    json_decref(answer);
    return last != NULL;
}

static int show_answer(FILE *broker, const struct call *call) {
    struct output output;
    char *line = NULL;
    size_t size = 0;
    int exit_code = EX_UNAVAILABLE;
    bool complete = false;

    output_init(&output, call);
    while (!complete && getline(&line, &size, broker) > 0)
        complete = take_line(&output, line, &exit_code);
    output_finish(&output);
    free(line);
    if (!complete)
        fputs("leveretctl: the broker went away before it had answered\n", stderr);
    return exit_code;
}

int client_run(const struct call *call) {
    int fd = -1;
    int result = reach_broker(call, &fd);

    if (result != EX_OK)
        return result;
    FILE *broker = fdopen(fd, "r+");
    if (send_request(broker, call)) {
        result = show_answer(broker, call);
    } else {
        fputs("leveretctl: an argument is no UTF-8, or the broker went away\n", stderr);
        result = EX_DATAERR;
    }
    fclose(broker);
    return result;
}
