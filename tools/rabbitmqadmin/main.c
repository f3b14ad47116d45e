/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rabbitmqadmin: declares, deletes and lists over the HTTP API, for scripts written for RabbitMQ's tool of that
 * name. It understands the grammar of both of its versions; what it says, and its exit code 1, are theirs.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/json.h"
#include "tools/rabbitmqadmin/request.h"
#include "tools/rabbitmqadmin/table.h"

static const char help[] =
    "usage: rabbitmqadmin [OPTION...] VERB OBJECT [KEY=VALUE...]\n"
    "       rabbitmqadmin [OPTION...] OBJECTS VERB [--KEY VALUE...]\n"
    "\n"
    "  declare, delete  exchange queue binding vhost user permission policy operator_policy\n"
    "                   parameter vhost_limit user_limit\n"
    "  list             the same in plural, connections channels consumers nodes feature_flags\n"
    "  show overview    publish exchange=E routing_key=K payload=TEXT    get queue=Q [count=N]\n"
    "  purge queue name=Q   close connection name=C   export FILE   import FILE\n"
    "\n"
    "Options: -H --host, -P --port, -u --username, -p --password, -V --vhost, --path-prefix,\n"
    "-f --format (table, pretty_json, raw_json, tsv, bash), -q --quiet.\n";

static int complain(const char *sentence) {
    fprintf(stderr, "*** %s\n", sentence);
    return 1;
}

static int complain_status(int status, const char *path, const struct text *answer) {
    struct text sentence = {0};
    json_t *body = json_loads(text_chars(answer), 0, NULL);
    const char *reason = json_string_value(json_object_get(body, "reason"));

    if (status == 0)
        text_append_format(&sentence, "%s", text_chars(answer));
    else if (status == 401)
        text_append_format(&sentence, "Access refused: /api%s", path);
    else if (status == 404)
        text_append_format(&sentence, "Not found: /api%s", path);
    else
        text_append_format(&sentence, "%s", reason == NULL ? text_chars(answer) : reason);
    complain(text_chars(&sentence));
    text_clear(&sentence);
    json_decref(body);
    return 1;
}

/* True for 2xx; otherwise it has been complained about. */
static bool ask(const struct request *request, const char *method, const char *path,
                const json_t *body, struct text *answer) {
    char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);
    int status = http_ask(&request->place, method, path, text, answer);

    free(text);
    if (status / 100 == 2)
        return true;
    complain_status(status, path, answer);
    return false;
}

static void say(const struct request *request, const char *what, const char *done) {
    if (!request->quiet)
        printf("%s %s\n", what, done);
}

static int refuse(const struct request *request) {
    struct text sentence = {0};
    text_append_format(&sentence,
                       "Unknown command: %s %s; rabbitmqadmin help tells which there are",
                       request->verb == NULL ? "" : request->verb, request->object);
    complain(text_chars(&sentence));
    text_clear(&sentence);
    return 1;
}

/* --- declare and delete --- */

static int change(const struct request *request, const char *method, const char *pattern,
                  const char *rest, const char *fields, const char *done) {
    struct text path = {0}, error = {0}, answer = {0};
    json_t *body = NULL;
    bool good = request_path(request, pattern, &path, &error) &&
                request_path(request, rest, &path, &error) &&
                (fields == NULL || (body = request_body(request, fields, &error)) != NULL);

    if (!good)
        complain(text_chars(&error));
    else
        good = ask(request, method, text_chars(&path), body, &answer);
    if (good)
        say(request, object_find(request->object)->name, done);
    json_decref(body);
    text_clear(&path);
    text_clear(&error);
    text_clear(&answer);
    return good ? 0 : 1;
}

/* `queue_type` is an argument in the API. */
static void move_queue_type(const struct request *request) {
    const char *type = request_value(request, "queue_type");
    const char *given = request_value(request, "arguments");

    if (type == NULL)
        type = strncmp(request->object, "queue", 5) == 0 ? request_value(request, "type") : NULL;
    if (type == NULL)
        return;
    json_t *arguments = given == NULL ? json_object() : json_loads(given, 0, NULL);
    json_object_set_new(arguments, "x-queue-type", json_string(type));
    char *text = json_dumps(arguments, JSON_COMPACT);
    if (text != NULL)
        json_object_set_new(request->values, "arguments", json_string(text));
    free(text);
    json_decref(arguments);
}

static int do_declare(const struct request *request) {
    const struct object *object = object_find(request->object);

    if (object == NULL || object->path == NULL)
        return refuse(request);
    move_queue_type(request);
    return change(request, object->method, object->path, "", object->fields, "declared");
}

static int do_delete(const struct request *request) {
    const struct object *object = object_find(request->object);

    if (object == NULL || object->path == NULL)
        return refuse(request);
    return change(request, "DELETE", object->path, object->rest, NULL, "deleted");
}

static int do_purge(const struct request *request) {
    return strncmp(request->object, "queue", 5) != 0
               ? refuse(request)
               : change(request, "DELETE", "/queues/{vhost}/{name}/contents", "", NULL, "purged");
}

static int do_close(const struct request *request) {
    return strncmp(request->object, "connection", 10) != 0
               ? refuse(request)
               : change(request, "DELETE", "/connections/{name}", "", NULL, "closed");
}

/* --- lists --- */

static void print_bash(const json_t *objects) {
    for (size_t i = 0; i < json_array_size(objects); i++)
        printf("%s%s", i > 0 ? " " : "",
               json_string_value(json_object_get(json_array_get(objects, i), "name")));
    putchar('\n');
}

static int print_answer(const struct request *request, const struct text *answer,
                        const char *columns) {
    json_t *objects = json_loads(text_chars(answer), 0, NULL);

    if (strcmp(request->format, "raw_json") == 0)
        puts(text_chars(answer));
    else if (strcmp(request->format, "pretty_json") == 0)
        json_dumpf(objects, stdout, JSON_INDENT(2)), putchar('\n');
    else if (strcmp(request->format, "bash") == 0)
        print_bash(objects);
    else
        table_print(objects, columns, strcmp(request->format, "tsv") == 0, request->quiet);
    json_decref(objects);
    return 0;
}

static int show_list(const struct request *request, const char *path, const char *columns) {
    struct text answer = {0};
    int result =
        ask(request, "GET", path, NULL, &answer) ? print_answer(request, &answer, columns) : 1;

    text_clear(&answer);
    return result;
}

static int do_list(const struct request *request) {
    const struct object *object = object_find(request->object);
    struct text path = {0}, error = {0}, columns = {0};

    if (object == NULL)
        return refuse(request);
    for (size_t i = 0; i < request->word_count; i++)
        text_append_format(&columns, "%s%s", i > 0 ? "," : "", request->words[i]);
    bool is_of_vhost = object->path != NULL && strstr(object->path, "/{vhost}/{") != NULL &&
                       strcmp(object->name, "permission") != 0;
    request_path(request, object->list, &path, &error);
    if (request->has_vhost && is_of_vhost)
        request_path(request, "/{vhost}", &path, &error);
    int result = show_list(request, text_chars(&path),
                           columns.len > 0 ? text_chars(&columns) : object->columns);
    text_clear(&path);
    text_clear(&error);
    text_clear(&columns);
    return result;
}

static int do_show(const struct request *request) {
    struct text answer = {0};

    if (strcmp(request->object, "overview") != 0)
        return refuse(request);
    bool good = ask(request, "GET", "/overview", NULL, &answer);
    if (good && strstr(request->format, "json") == NULL) {
        struct text list = {0};
        text_append_format(&list, "[%s]", text_chars(&answer));
        print_answer(request, &list,
                     "rabbitmq_version,cluster_name,queue_totals.messages,object_totals.queues");
        text_clear(&list);
    } else if (good) {
        print_answer(request, &answer, "");
    }
    text_clear(&answer);
    return good ? 0 : 1;
}

/* --- messages --- */

static int do_publish(const struct request *request) {
    struct text path = {0}, error = {0}, answer = {0};
    json_t *body =
        request_body(request, "routing_key,payload,payload_encoding=string,properties={}", &error);

    if (request_value(request, "exchange") == NULL)
        json_object_set_new(request->values, "exchange", json_string("amq.default"));
    bool good = body != NULL &&
                request_path(request, "/exchanges/{vhost}/{exchange}/publish", &path, &error);
    if (!good)
        complain(text_chars(&error));
    else
        good = ask(request, "POST", text_chars(&path), body, &answer);
    if (good)
        say(request, "Message",
            strstr(text_chars(&answer), "true") != NULL ? "published" : "published but NOT routed");
    json_decref(body);
    text_clear(&path);
    text_clear(&error);
    text_clear(&answer);
    return good ? 0 : 1;
}

static int do_get(const struct request *request) {
    struct text path = {0}, error = {0}, answer = {0};
    json_t *body = request_body(request, "count=1,ackmode=ack_requeue_true,encoding=auto", &error);
    bool good = body != NULL && request_path(request, "/queues/{vhost}/{queue}/get", &path, &error);

    if (!good)
        complain(text_chars(&error));
    else
        good = ask(request, "POST", text_chars(&path), body, &answer);
    if (good)
        print_answer(request, &answer,
                     "routing_key,exchange,message_count,payload,payload_bytes,payload_encoding,"
                     "redelivered");
    json_decref(body);
    text_clear(&path);
    text_clear(&error);
    text_clear(&answer);
    return good ? 0 : 1;
}

/* --- definitions --- */

/* `export FILE` and `definitions export --file FILE`. */
static const char *file_of(const struct request *request) {
    const char *named = request_value(request, "file");
    return named != NULL ? named : request->object;
}

static int do_export(const struct request *request) {
    struct text answer = {0};
    bool good = ask(request, "GET", "/definitions", NULL, &answer);
    FILE *file = good ? fopen(file_of(request), "we") : NULL;

    if (good && file == NULL)
        complain("the file cannot be written");
    if (file != NULL) {
        fputs(text_chars(&answer), file);
        good = fclose(file) == 0;
        if (!request->quiet)
            printf("Exported definitions for %s to \"%s\"\n", request->place.host,
                   file_of(request));
    }
    text_clear(&answer);
    return file != NULL && good ? 0 : 1;
}

static int do_import(const struct request *request) {
    struct text answer = {0};
    json_t *definitions = json_load_file(file_of(request), 0, NULL);

    if (definitions == NULL)
        return complain("the file cannot be read, or is no JSON");
    bool good = ask(request, "POST", "/definitions", definitions, &answer);
    if (good && !request->quiet)
        printf("Uploaded definitions from \"%s\" to %s.\n", file_of(request), request->place.host);
    json_decref(definitions);
    text_clear(&answer);
    return good ? 0 : 1;
}

static int do_help(const struct request *request) {
    (void)request;
    fputs(help, stdout);
    return 0;
}

static const struct {
    const char *verb;
    int (*run)(const struct request *request);
} runs[] = {
    {"declare", do_declare}, {"create", do_declare},  {"delete", do_delete}, {"list", do_list},
    {"show", do_show},       {"publish", do_publish}, {"get", do_get},       {"purge", do_purge},
    {"close", do_close},     {"export", do_export},   {"import", do_import}, {"help", do_help},
};

static int run(const struct request *request) {
    if (request->wants_help)
        return do_help(request);
    for (size_t i = 0; request->verb != NULL && i < sizeof runs / sizeof runs[0]; i++) {
        if (strcmp(runs[i].verb, request->verb) == 0)
            return runs[i].run(request);
    }
    return refuse(request);
}

int main(int argc, char **argv) {
    struct request request;
    struct text error = {0};
    int result =
        request_read(&request, argc, argv, &error) ? run(&request) : complain(text_chars(&error));

    request_clear(&request);
    text_clear(&error);
    return result;
}
