/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/rabbitmqadmin/reply.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/rabbitmqadmin/http.h"
#include "tools/rabbitmqadmin/request.h"
#include "tools/rabbitmqadmin/table.h"

int reply_complain(const char *sentence) {
    fprintf(stderr, "*** %s\n", sentence);
    return 1;
}

int reply_complain_usage(const char *sentence) {
    fprintf(stderr, "\nERROR: %s\n\nrabbitmqadmin --help for help\n\n", sentence);
    return 1;
}

int reply_complain_status(int status, const char *path, const struct text *answer) {
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
    reply_complain(text_chars(&sentence));
    text_clear(&sentence);
    json_decref(body);
    return 1;
}

bool reply_ask_with(const struct request *request, const char *method, const char *path,
                    const char *body, struct text *answer) {
    int status = http_ask(&request->settings, method, path, body, answer);

    if (status / 100 == 2)
        return true;
    reply_complain_status(status, path, answer);
    return false;
}

bool reply_ask(const struct request *request, const char *method, const char *path,
               const json_t *body, struct text *answer) {
    char *text = body == NULL ? NULL : json_dumps(body, JSON_COMPACT | JSON_ENCODE_ANY);
    bool good = reply_ask_with(request, method, path, text, answer);

    free(text);
    return good;
}

void reply_say(const struct request *request, const char *what, const char *done) {
    if (request->settings.quiet == NULL)
        printf("%s %s\n", what, done);
}

int reply_refuse(const struct request *request) {
    struct text sentence = {0};

    if (request->verb == NULL)
        text_append_format(&sentence,
                           request->object[0] == '\0' ? "Action not specified"
                                                      : "Action %s not understood",
                           request->object);
    else
        text_append_format(&sentence, "Don't know how to %s %s", request->verb, request->object);
    reply_complain_usage(text_chars(&sentence));
    text_clear(&sentence);
    return 1;
}

/* --- showing --- */

static int refuse_format(const struct settings *settings) {
    struct text sentence = {0};

    text_append_format(&sentence,
                       "Format %s not recognised; there are table, long, kvp, tsv, bash, raw_json "
                       "and pretty_json",
                       settings->format);
    reply_complain_usage(text_chars(&sentence));
    text_clear(&sentence);
    return 1;
}

int reply_print(const struct request *request, const struct text *answer, const char *columns) {
    const struct settings *settings = &request->settings;
    json_t *objects = json_loads(text_chars(answer), 0, NULL);
    bool is_known = true;

    if (strcmp(settings->format, "raw_json") == 0)
        puts(text_chars(answer));
    else if (strcmp(settings->format, "pretty_json") == 0)
        json_dumpf(objects, stdout, JSON_INDENT(2) | JSON_SORT_KEYS), putchar('\n');
    else
        is_known = table_print(objects, settings->format, columns, atoi(settings->depth),
                               settings->quiet != NULL);
    json_decref(objects);
    return is_known ? 0 : refuse_format(settings);
}
