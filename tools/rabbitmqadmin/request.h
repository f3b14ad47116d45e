/* SPDX-License-Identifier: Apache-2.0 */
/* A call of either grammar, with what was given as a JSON object of texts; and its parts of a request. */
#ifndef LEVERET_TOOLS_RABBITMQADMIN_REQUEST_H
#define LEVERET_TOOLS_RABBITMQADMIN_REQUEST_H

#include <jansson.h>
#include <stdbool.h>

#include "broker/base/text.h"
#include "tools/rabbitmqadmin/objects.h"
#include "tools/rabbitmqadmin/settings.h"

#define REQUEST_WORDS_MAX 256

struct request {
    struct settings settings;
    const char *verb;                     /* declare, delete, list, ... */
    const char *object;                   /* "" when the verb stands alone */
    const char *words[REQUEST_WORDS_MAX]; /* behind these, without `=` */
    size_t word_count;
    json_t *values; /* key -> text; `vhost` is always there */
    bool has_vhost; /* because somebody named one */
};

/* False with a sentence in `error`. */
bool request_read(struct request *request, int argc, char **argv, struct text *error);
void request_clear(struct request *request);

/* NULL when it was not given. */
const char *request_value(const struct request *request, const char *key);

/* False with a sentence in `error` when there are values that belong neither into the path, nor into the body,
 * nor to `others`, a list of names. */
bool request_check(const struct request *request, const char *pattern, const char *fields,
                   const char *others, struct text *error);

/* `pattern` with {key} replaced; false with a sentence in `text`. */
bool request_path(const struct request *request, const char *pattern, struct text *path,
                  struct text *error);

/* The fields as a JSON object, to be freed; NULL with a sentence in `error`. */
json_t *request_body(const struct request *request, const char *fields, struct text *error);

#endif
