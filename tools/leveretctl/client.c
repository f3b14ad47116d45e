/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/leveretctl/client.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sysexits.h>
#include <unistd.h>

#include "broker/base/text.h"
#include "broker/data_directory.h"
#include "tools/leveretctl/call.h"
#include "tools/leveretctl/files.h"
#include "tools/leveretctl/node.h"
#include "tools/leveretctl/output.h"
#include "tools/leveretctl/progress.h"
#include "tools/leveretctl/unreached.h"

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

static void limit_wait(int fd, const struct call *call) {
    const struct timeval wait = {.tv_sec = call->timeout_s};

    if (call->timeout_s > 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
}

/* Says what is wrong unless `quietly`. */
static int reach_broker(const struct call *call, bool quietly, FILE **ret_broker) {
    struct text path = {0}, error = {0};
    int result = EX_OK, fd = -1;

    if (!find_socket(call, &path, &error)) {
        fprintf(stderr, "%s: %s\n", call->program, text_chars(&error));
        result = EX_UNAVAILABLE;
    } else {
        fd = connect_to(text_chars(&path));
        if (fd < 0)
            result = quietly ? EX_UNAVAILABLE : unreached_complain(call, text_chars(&path), -fd);
    }
    text_clear(&path);
    text_clear(&error);
    if (result == EX_OK) {
        limit_wait(fd, call);
        *ret_broker = fdopen(fd, "r+");
    }
    return result;
}

/* --- asking --- */

/* No other one may do it. */
static void name_node(json_t *request, const struct call *call) {
    struct text node = {0};

    if (node_append_meant(&node, call)) {
        json_object_set_new(request, "for_node", json_string(text_chars(&node)));
        json_object_set_new(request, "long_names", json_boolean(node_has_long_names(call)));
    }
    text_clear(&node);
}

static json_t *request_of(const struct call *call) {
    json_t *arguments = json_array(), *options = json_object();
    bool takes_value;

    for (size_t i = 0; i < call->argument_count; i++)
        json_array_append_new(arguments, json_string(call->arguments[i]));
    for (size_t i = 0; i < call->option_count; i++)
        json_object_set_new(options, call->options[i].name, json_string(call->options[i].value));
    if (call->vhost != NULL && command_has_option(&commands[call->command], "vhost", &takes_value))
        json_object_set_new(options, "vhost", json_string(call->vhost));
    json_t *request = json_pack("{sssoso}", "command", commands[call->command].name, "arguments",
                                arguments, "options", options);
    name_node(request, call);
    return request;
}

static bool send_request(FILE *broker, const struct call *call) {
    json_t *request = request_of(call);
    bool sent = request != NULL && json_dumpf(request, broker, JSON_COMPACT) == 0 &&
                fputc('\n', broker) != EOF && fflush(broker) == 0;
    json_decref(request);
    return sent;
}

void client_complain(const struct call *call, const char *sentence) {
    fprintf(stderr, call->is_rabbitmq ? "%sError:\n%s\n" : "%s: %s\n",
            call->is_rabbitmq ? "" : call->program, sentence);
}

static int complain_other(const struct call *call, const char *other) {
    struct text path = {0}, error = {0};

    find_socket(call, &path, &error);
    int result = unreached_complain_other(call, text_chars(&path), other);
    text_clear(&path);
    text_clear(&error);
    return result;
}

/* True when that was the last line. */
static bool take_line(struct output *output, const char *line, int *exit_code) {
    json_t *answer = json_loads(line, 0, NULL);
    const json_t *last = json_object_get(answer, "exit");
    const char *error = json_string_value(json_object_get(answer, "error"));
    const char *other = json_string_value(json_object_get(answer, "other_node"));

    if (last != NULL)
        *exit_code = (int)json_integer_value(last);
    else
        output_line(output, answer);
    if (error != NULL && !output->is_quiet) {
        fflush(stdout);
        client_complain(output->call, error);
    }
    if (other != NULL)
        *exit_code = output->is_quiet ? CLIENT_OTHER_NODE : complain_other(output->call, other);
    json_decref(answer);
    return last != NULL;
}

static int complain_incomplete(const struct call *call, bool is_late) {
    client_complain(call, is_late ? "the operation has timed out"
                                  : "the broker went away before it had answered");
    return is_late ? EX_TEMPFAIL : EX_UNAVAILABLE;
}

static int show_answer(FILE *broker, struct output *output) {
    char *line = NULL;
    size_t size = 0;
    int exit_code = EX_UNAVAILABLE;
    bool complete = false;

    errno = 0;
    while (!complete && getline(&line, &size, broker) > 0)
        complete = take_line(output, line, &exit_code);
    bool is_late = errno == EAGAIN || errno == EWOULDBLOCK;
    output_finish(output);
    free(line);
    return complete ? exit_code : complain_incomplete(output->call, is_late);
}

static int ask(const struct call *call, FILE *broker, struct output *output) {
    if (send_request(broker, call))
        return progress_await(call, fileno(broker)) ? show_answer(broker, output)
                                                    : complain_incomplete(call, true);
    client_complain(call, "an argument is no UTF-8, or the broker went away");
    return EX_DATAERR;
}

/* A broker that was asked to stop has stopped when the socket is closed. */
static void await_end(const struct call *call, FILE *broker) {
    if (call->command != COMMAND_stop && call->command != COMMAND_shutdown)
        return;
    while (fgetc(broker) != EOF)
        continue;
}

static int run(const struct call *call, FILE *file) {
    struct output output;
    FILE *broker = NULL;
    int result = reach_broker(call, false, &broker);

    if (result != EX_OK)
        return result;
    output_init(&output, call, file);
    result = ask(call, broker, &output);
    if (result == EX_OK)
        await_end(call, broker);
    fclose(broker);
    output_clear(&output);
    return result;
}

int client_run(struct call *call) {
    struct text content = {0};
    int result = files_fill_in(call, &content);
    FILE *file = result == EX_OK ? files_open_output(call) : NULL;

    if (result == EX_OK && file == NULL)
        result = EX_CANTCREAT;
    if (file != NULL) {
        result = run(call, file);
        int closed = files_close_output(call, file);
        result = result == EX_OK ? closed : result;
    }
    text_clear(&content);
    return result;
}

void client_append_node(struct text *node, const struct call *call) {
    struct call question = *call;
    struct output output;
    FILE *broker = NULL;

    question.command = COMMAND_ping;
    question.argument_count = question.option_count = 0;
    output_init(&output, &question, stdout);
    output.collected = json_array();
    output.is_quiet = true;
    if (reach_broker(&question, true, &broker) == EX_OK) {
        ask(&question, broker, &output);
        fclose(broker);
    }
    if (output.node != NULL)
        text_append_format(node, "%s", output.node);
    else
        node_append(node, call);
    output_clear(&output);
}

int client_collect(const struct call *call, bool quietly, json_t **ret_rows) {
    struct output output;
    FILE *broker = NULL;
    int result = reach_broker(call, quietly, &broker);

    if (result != EX_OK)
        return result;
    output_init(&output, call, stdout);
    output.collected = json_array();
    output.is_quiet = quietly;
    result = ask(call, broker, &output);
    fclose(broker);
    *ret_rows = json_incref(output.collected);
    output_clear(&output);
    return result;
}
