/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rabbitmqadmin: declares, deletes and lists over the HTTP API, for scripts written for RabbitMQ's tool of that
 * name. It understands the grammar of both of its versions; what it says, and its exit code 1, are theirs.
 */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "broker/base/alloc.h"
#include "broker/base/base64.h"
#include "broker/base/json.h"
#include "tools/rabbitmqadmin/health.h"
#include "tools/rabbitmqadmin/http.h"
#include "tools/rabbitmqadmin/reply.h"
#include "tools/rabbitmqadmin/request.h"

static const char help[] =
    "usage: rabbitmqadmin [OPTION...] VERB OBJECT [KEY=VALUE...]\n"
    "       rabbitmqadmin [OPTION...] OBJECTS VERB [--KEY VALUE...]\n"
    "\n"
    "Declares, deletes and lists over the HTTP API, in the grammar of either version of "
    "RabbitMQ's\n"
    "tool: `declare queue name=q` and `queues declare --name q` are the same.\n"
    "\n"
    "  declare, delete  exchange queue binding vhost user permission policy operator_policy\n"
    "                   parameter vhost_limit user_limit\n"
    "  list             the same in plural, connections channels consumers nodes feature_flags;\n"
    "                   columns may follow: list queues name messages message_stats.publish\n"
    "  show             overview, churn (what came and went)\n"
    "  health_check     local_alarms cluster_wide_alarms node_is_quorum_critical\n"
    "                   deprecated_features_in_use, port_listener --port N,\n"
    "                   protocol_listener --protocol NAME; exit code 69 when it fails\n"
    "  purge            queue name=Q\n"
    "  close            connection name=C\n"
    "  publish          routing_key=K [exchange=E] [payload=TEXT] [properties=JSON]\n"
    "                   without a payload what stands on standard input\n"
    "  get              queue=Q [count=N] [ackmode=ack_requeue_true] [payload_file=FILE]\n"
    "  export, import   FILE; with --vhost only what is in it\n"
    "  help subcommands tells which values there are\n"
    "\n"
    "  -H, --host HOST (localhost)      -P, --port PORT (15672)   --path-prefix PREFIX\n"
    "  -u, --username NAME (guest)      -p, --password PASSWORD (guest)\n"
    "  -U, --base-uri SCHEME://USER:PASSWORD@HOST:PORT           -t, --request-timeout SECONDS "
    "(120)\n"
    "  -V, --vhost VHOST                all of them in lists, / otherwise\n"
    "  -s, --ssl                        with --ssl-ca-cert-file, --ssl-cert-file, --ssl-key-file "
    "FILE,\n"
    "                                   --ssl-disable-hostname-verification, -k, --ssl-insecure\n"
    "  -f, --format FORMAT              table, long, kvp, tsv, bash, raw_json, pretty_json\n"
    "  -S, --sort COLUMN                -R, --sort-reverse        -d, --depth LEVELS (1)\n"
    "  -c, --config FILE                ~/.rabbitmqadmin.conf, of which\n"
    "  -N, --node NAME                  this section gives what no option does (default):\n"
    "                                   hostname, port, username, password, vhost, declare_vhost,\n"
    "                                   ssl, ssl_ca_cert_file and so on\n"
    "  -q, --quiet                      nothing but answers\n"
    "  --bash-completion, --version, --help\n"
    "\n"
    "The exit code is 1 when something went wrong, 69 when a health check did not pass.\n";

/* --- declare and delete --- */

/* Values that are looked at apart from paths and bodies. */
#define OTHER_VALUES "queue_type,type,node,destination_type,properties_key"

static int change(const struct request *request, const char *method, const char *pattern,
                  const char *rest, const char *fields, const char *done) {
    struct text path = {0}, error = {0}, answer = {0};
    json_t *body = NULL;
    bool good =
        request_check(request, pattern, fields == NULL ? "" : fields, OTHER_VALUES, &error) &&
        request_path(request, pattern, &path, &error) &&
        request_path(request, rest, &path, &error) &&
        (fields == NULL || (body = request_body(request, fields, &error)) != NULL);

    if (!good)
        reply_complain_usage(text_chars(&error));
    else
        good = reply_ask(request, method, text_chars(&path), body, &answer);
    if (good)
        reply_say(request, object_find(request->object)->name, done);
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
        return reply_refuse(request);
    move_queue_type(request);
    return change(request, object->method, object->path, "", object->fields, "declared");
}

static int do_delete(const struct request *request) {
    const struct object *object = object_find(request->object);

    if (object == NULL || object->path == NULL)
        return reply_refuse(request);
    return change(request, "DELETE", object->path, object->rest, NULL, "deleted");
}

static int do_purge(const struct request *request) {
    return strncmp(request->object, "queue", 5) != 0
               ? reply_refuse(request)
               : change(request, "DELETE", "/queues/{vhost}/{name}/contents", "", NULL, "purged");
}

static int do_close(const struct request *request) {
    return strncmp(request->object, "connection", 10) != 0
               ? reply_refuse(request)
               : change(request, "DELETE", "/connections/{name}", "", NULL, "closed");
}

/* --- lists --- */

static int show_list(const struct request *request, const char *path, const char *columns) {
    struct text answer = {0};
    int result =
        reply_ask(request, "GET", path, NULL, &answer) ? reply_print(request, &answer, columns) : 1;

    text_clear(&answer);
    return result;
}

/* What was named, otherwise the object's; all when someone wants it deeper, or as JSON. */
static void choose_columns(const struct request *request, const struct object *object,
                           struct text *columns) {
    bool wants_all =
        atoi(request->settings.depth) != 1 || strstr(request->settings.format, "json") != NULL;

    for (size_t i = 0; i < request->word_count; i++)
        text_append_format(columns, "%s%s", i > 0 ? "," : "", request->words[i]);
    if (request->word_count == 0 && !wants_all)
        text_append_format(columns, "%s", object->columns);
}

static void append_query(const struct settings *settings, const char *columns, struct text *path) {
    char mark = '?';

    if (columns[0] != '\0') {
        text_append_format(path, "%ccolumns=%s", mark, columns);
        mark = '&';
    }
    if (settings->sort != NULL) {
        text_append_format(path, "%csort=%s", mark, settings->sort);
        mark = '&';
    }
    if (settings->sort_reverse != NULL)
        text_append_format(path, "%csort_reverse=true", mark);
}

/* RabbitMQ's tool shows all policies and parameters, whichever vhost is named. */
static bool is_of_vhost(const struct object *object) {
    static const char *const names[] = {"exchange", "queue", "binding", "consumer"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(object->name, names[i]) == 0)
            return true;
    }
    return false;
}

static int do_list(const struct request *request) {
    const struct object *object = object_find(request->object);
    struct text path = {0}, error = {0}, columns = {0};

    if (object == NULL)
        return reply_refuse(request);
    choose_columns(request, object, &columns);
    request_path(request, object->list, &path, &error);
    if (request->has_vhost && is_of_vhost(object))
        request_path(request, "/{vhost}", &path, &error);
    append_query(&request->settings, text_chars(&columns), &path);
    int result = show_list(request, text_chars(&path), text_chars(&columns));
    text_clear(&path);
    text_clear(&error);
    text_clear(&columns);
    return result;
}

/* --- the overview and its parts --- */

static const struct view {
    const char *name;
    const char *member; /* of the overview; NULL: all of it */
    const char *columns;
} views[] = {
    {"overview", NULL, "rabbitmq_version,cluster_name,queue_totals.messages,object_totals.queues"},
    {"churn", "churn_rates",
     "connection_created,connection_closed,channel_created,channel_closed,queue_declared,"
     "queue_created,queue_deleted"},
};

static int print_view(const struct request *request, const struct view *view,
                      const struct text *overview) {
    json_t *whole = json_loads(text_chars(overview), 0, NULL);
    char *part = view->member == NULL
                     ? NULL
                     : json_dumps(json_object_get(whole, view->member), JSON_COMPACT);
    struct text list = {0};

    text_append_format(&list, "[%s]", part == NULL ? text_chars(overview) : part);
    int result = reply_print(request, &list, view->columns);
    text_clear(&list);
    free(part);
    json_decref(whole);
    return result;
}

static int do_show(const struct request *request) {
    const struct view *view = NULL;
    struct text answer = {0};

    for (size_t i = 0; i < sizeof views / sizeof views[0]; i++) {
        if (strcmp(request->object, views[i].name) == 0)
            view = &views[i];
    }
    if (view == NULL)
        return reply_refuse(request);
    int result = reply_ask(request, "GET", "/overview", NULL, &answer)
                     ? print_view(request, view, &answer)
                     : 1;
    text_clear(&answer);
    return result;
}

/* --- health --- */

static void print_failure(const struct request *request, const char *path, int status,
                          const struct text *answer) {
    struct text rows = {0};

    health_check_explain(path, status, answer, &rows);
    reply_print(request, strstr(request->settings.format, "json") != NULL ? answer : &rows,
                "key,value");
    text_clear(&rows);
}

/* The exit code tells what is not well, or cannot be known, from what was asked wrongly. */
static int check_health(const struct request *request, const char *path) {
    struct text answer = {0};
    int status = http_ask(&request->settings, "GET", path, NULL, &answer);
    const bool passes = status / 100 == 2 && health_check_passes(&answer);

    if (passes)
        reply_say(request, "health check", "passed");
    else if (status / 100 == 2 || status == 503)
        print_failure(request, path, status, &answer);
    else
        reply_complain_status(status, path, &answer);
    text_clear(&answer);
    return passes ? EX_OK : EX_UNAVAILABLE;
}

static int do_health_check(const struct request *request) {
    const struct health_check *check = health_check_find(request->object);
    struct text path = {0}, error = {0};

    if (check == NULL)
        return reply_refuse(request);
    int result = request_check(request, check->path, "", "", &error) &&
                         request_path(request, check->path, &path, &error)
                     ? check_health(request, text_chars(&path))
                     : reply_complain_usage(text_chars(&error));
    text_clear(&path);
    text_clear(&error);
    return result;
}

/* --- messages --- */

#define PUBLISH_FIELDS "routing_key,payload,payload_encoding=string,properties={}"
#define GET_FIELDS     "count=1,ackmode=ack_requeue_true,encoding=auto"

/* Without a payload it is what stands on standard input. */
static void read_payload(const struct request *request) {
    struct text octets = {0}, encoded = {0};
    char chunk[65536];
    size_t len;

    if (request_value(request, "payload") != NULL)
        return;
    while ((len = fread(chunk, 1, sizeof chunk, stdin)) > 0)
        text_append(&octets, slice_of(chunk, len));
    base64_append(&encoded, text_slice(&octets));
    json_object_set_new(request->values, "payload", json_string(text_chars(&encoded)));
    json_object_set_new(request->values, "payload_encoding", json_string("base64"));
    text_clear(&octets);
    text_clear(&encoded);
}

static int do_publish(const struct request *request) {
    struct text path = {0}, error = {0}, answer = {0};

    read_payload(request);
    json_t *body = request_body(request, PUBLISH_FIELDS, &error);
    if (request_value(request, "exchange") == NULL)
        json_object_set_new(request->values, "exchange", json_string("amq.default"));
    bool good = body != NULL && request_check(request, "exchange", PUBLISH_FIELDS, "", &error) &&
                request_path(request, "/exchanges/{vhost}/{exchange}/publish", &path, &error);
    if (!good)
        reply_complain_usage(text_chars(&error));
    else
        good = reply_ask(request, "POST", text_chars(&path), body, &answer);
    if (good)
        reply_say(request, "Message",
                  strstr(text_chars(&answer), "true") != NULL ? "published"
                                                              : "published but NOT routed");
    json_decref(body);
    text_clear(&path);
    text_clear(&error);
    text_clear(&answer);
    return good ? 0 : 1;
}

/* False when it has been complained about. */
static bool write_payload(const char *path, const json_t *message) {
    const char *payload = json_string_value(json_object_get(message, "payload"));
    const char *encoding = json_string_value(json_object_get(message, "payload_encoding"));
    FILE *file = payload == NULL || encoding == NULL ? NULL : fopen(path, "we");
    size_t len = payload == NULL ? 0 : strlen(payload);

    if (file == NULL) {
        reply_complain(payload == NULL ? "there is no message" : "the file cannot be written");
        return false;
    }
    uint8_t *decoded = xmalloc(BASE64_DECODED_MAX(len) + 1);
    if (strcmp(encoding, "base64") == 0 && base64_decode(slice_of(payload, len), decoded, &len))
        fwrite(decoded, 1, len, file);
    else
        fwrite(payload, 1, len, file);
    free(decoded);
    return fclose(file) == 0;
}

/* With a file for the payload the rest is shown. */
static bool show_messages(const struct request *request, const struct text *answer) {
    const char *path = request_value(request, "payload_file");
    json_t *messages = json_loads(text_chars(answer), 0, NULL);
    bool good = path == NULL || write_payload(path, json_array_get(messages, 0));

    json_decref(messages);
    return good && reply_print(request, answer,
                               path == NULL ? ""
                                            : "routing_key,exchange,message_count,payload_bytes,"
                                              "redelivered") == 0;
}

static int do_get(const struct request *request) {
    struct text path = {0}, error = {0}, answer = {0};
    json_t *body = request_body(request, GET_FIELDS, &error);
    bool good = body != NULL &&
                request_check(request, "queue", GET_FIELDS, "payload_file", &error) &&
                request_path(request, "/queues/{vhost}/{queue}/get", &path, &error);

    if (!good)
        reply_complain_usage(text_chars(&error));
    else
        good = reply_ask(request, "POST", text_chars(&path), body, &answer);
    if (good)
        good = show_messages(request, &answer);
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

static void definitions_path(const struct request *request, struct text *path) {
    struct text error = {0};

    request_path(request, request->has_vhost ? "/definitions/{vhost}" : "/definitions", path,
                 &error);
    text_clear(&error);
}

/* `-` is standard output. */
static bool write_file(const char *path, const struct text *content) {
    FILE *file = strcmp(path, "-") == 0 ? stdout : fopen(path, "we");

    if (file == NULL) {
        reply_complain("the file cannot be written");
        return false;
    }
    fwrite(text_chars(content), 1, content->len, file);
    return file == stdout ? fflush(file) == 0 : fclose(file) == 0;
}

static int do_export(const struct request *request) {
    const char *path = file_of(request);
    struct text answer = {0}, from = {0};

    definitions_path(request, &from);
    bool good =
        reply_ask(request, "GET", text_chars(&from), NULL, &answer) && write_file(path, &answer);
    if (good && request->settings.quiet == NULL && strcmp(path, "-") != 0)
        printf("Exported definitions for %s to \"%s\"\n", request->settings.host, path);
    text_clear(&answer);
    text_clear(&from);
    return good ? 0 : 1;
}

/* `-` is standard input. */
static bool read_file(const char *path, struct text *content) {
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "re");
    char chunk[65536];
    size_t len;

    if (file == NULL) {
        reply_complain("the file cannot be read");
        return false;
    }
    while ((len = fread(chunk, 1, sizeof chunk, file)) > 0)
        text_append(content, slice_of(chunk, len));
    if (file != stdin)
        fclose(file);
    return true;
}

static int do_import(const struct request *request) {
    const char *path = file_of(request);
    struct text definitions = {0}, answer = {0}, to = {0};

    definitions_path(request, &to);
    bool good = read_file(path, &definitions) &&
                reply_ask_with(request, "POST", text_chars(&to), text_chars(&definitions), &answer);
    if (good && request->settings.quiet == NULL)
        printf("Uploaded definitions from \"%s\" to %s. The import process may take some time. "
               "Consult server logs to track progress.\n",
               path, request->settings.host);
    text_clear(&definitions);
    text_clear(&answer);
    text_clear(&to);
    return good ? 0 : 1;
}

/* What each object takes, out of the table. */
static void print_subcommands(void) {
    const struct object *object;

    for (size_t i = 0; (object = object_at(i)) != NULL; i++) {
        printf("  list %s\n", object->plural);
        if (object->path == NULL)
            continue;
        printf("  declare %s  %s  %s\n", object->name, object->path, object->fields);
        printf("  delete %s  %s%s\n", object->name, object->path, object->rest);
    }
    for (size_t i = 0; health_check_at(i) != NULL; i++)
        printf("  health_check %s  %s\n", health_check_at(i)->name, health_check_at(i)->path);
    puts("\n{key} of the path must be given, and so must what has no `?` and no `=` with its "
         "default.");
}

static int do_help(const struct request *request) {
    if (strcmp(request->object, "subcommands") == 0)
        print_subcommands();
    else
        fputs(help, stdout);
    return 0;
}

static int print_completion(void) {
    const struct object *object;
    struct text words = {0};

    text_append_format(&words, "declare delete list show publish get purge close export import "
                               "help overview churn health_check");
    for (size_t i = 0; health_check_at(i) != NULL; i++)
        text_append_format(&words, " %s", health_check_at(i)->name);
    for (size_t i = 0; (object = object_at(i)) != NULL; i++)
        text_append_format(&words, " %s %s", object->name, object->plural);
    settings_append_names(&words);
    printf("_rabbitmqadmin() {\n"
           "    COMPREPLY=($(compgen -W '%s' -- \"${COMP_WORDS[COMP_CWORD]}\"))\n"
           "}\ncomplete -o default -F _rabbitmqadmin rabbitmqadmin\n",
           text_chars(&words));
    text_clear(&words);
    return 0;
}

static const struct {
    const char *verb;
    int (*run)(const struct request *request);
} runs[] = {
    {"declare", do_declare},
    {"create", do_declare},
    {"delete", do_delete},
    {"list", do_list},
    {"show", do_show},
    {"publish", do_publish},
    {"get", do_get},
    {"purge", do_purge},
    {"close", do_close},
    {"export", do_export},
    {"import", do_import},
    {"help", do_help},
    {"health_check", do_health_check},
};

static int run(const struct request *request) {
    if (request->settings.wants_help != NULL)
        return do_help(request);
    if (request->settings.wants_version != NULL)
        return puts("rabbitmqadmin " LEVERET_VERSION) < 0;
    if (request->settings.wants_completion != NULL)
        return print_completion();
    for (size_t i = 0; request->verb != NULL && i < sizeof runs / sizeof runs[0]; i++) {
        if (strcmp(runs[i].verb, request->verb) == 0)
            return runs[i].run(request);
    }
    return reply_refuse(request);
}

int main(int argc, char **argv) {
    struct request request;
    struct text error = {0};
    int result = request_read(&request, argc, argv, &error)
                     ? run(&request)
                     : reply_complain_usage(text_chars(&error));

    request_clear(&request);
    text_clear(&error);
    return result;
}
