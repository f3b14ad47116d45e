/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/rabbitmqadmin/health.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "tools/rabbitmqadmin/objects.h"

static const struct health_check checks[] = {
    {"local_alarms", "/health/checks/local-alarms"},
    {"cluster_wide_alarms", "/health/checks/alarms"},
    {"node_is_quorum_critical", "/health/checks/node-is-quorum-critical"},
    {"deprecated_features_in_use", "/deprecated-features/used"},
    {"port_listener", "/health/checks/port-listener/{port}"},
    {"protocol_listener", "/health/checks/protocol-listener/{protocol}"},
};

const struct health_check *health_check_find(const char *name) {
    for (size_t i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        if (object_names_are_same(name, checks[i].name))
            return &checks[i];
    }
    return NULL;
}

const struct health_check *health_check_at(size_t index) {
    return index < sizeof checks / sizeof checks[0] ? &checks[index] : NULL;
}

/* Of the features in use there is a list, which should be empty. */
bool health_check_passes(const struct text *answer) {
    json_t *body = json_loads(text_chars(answer), 0, NULL);
    bool passes = json_array_size(body) == 0;

    json_decref(body);
    return passes;
}

/* --- what is not well --- */

/* Takes the value. */
static void add(json_t *rows, const char *key, json_t *value) {
    json_array_append_new(rows, json_pack("{sssO*}", "key", key, "value", value));
    json_decref(value);
}

/* Alarms, queues, features: what each is told by. */
static const struct {
    const char *member; /* of the answer; NULL: it is the list */
    const char *key;    /* {node} stands for the item's */
    const char *value;
} lists[] = {
    {"alarms", "alarm in effect on node {node}", "resource"},
    {"queues", "affected queue, stream or internal component", "readable_name"},
    {NULL, "deprecated feature in use", "name"},
};

static void add_item(json_t *rows, const char *pattern, const char *member, const json_t *item) {
    const char *node = json_string_value(json_object_get(item, "node"));
    const size_t plain = strcspn(pattern, "{");
    struct text key = {0};

    text_append_format(&key, "%.*s%s", (int)plain, pattern,
                       pattern[plain] == '\0' || node == NULL ? "" : node);
    add(rows, text_chars(&key), json_incref(json_object_get(item, member)));
    text_clear(&key);
}

static void add_lists(json_t *rows, json_t *body) {
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++) {
        json_t *items = lists[i].member == NULL ? body : json_object_get(body, lists[i].member),
               *item;
        size_t at;
        if (json_is_array(items)) {
            json_array_foreach(items, at, item) add_item(rows, lists[i].key, lists[i].value, item);
        }
    }
}

static void add_missing(json_t *rows, const json_t *body) {
    json_t *missing = json_object_get(body, "missing");

    if (missing != NULL)
        add(rows, json_object_get(body, "ports") != NULL ? "inactive port" : "inactive protocol",
            json_incref(missing));
}

void health_check_explain(const char *path, int status, const struct text *answer,
                          struct text *rows) {
    json_t *body = json_loads(text_chars(answer), 0, NULL), *list = json_array();
    json_t *reason = json_object_get(body, "reason");

    add(list, "result", json_string("health check failed"));
    add(list, "path", json_string(path + 1));
    add(list, "status_code", json_integer(status));
    if (reason != NULL)
        add(list, "reason", json_incref(reason));
    add_lists(list, body);
    add_missing(list, body);
    char *text = json_dumps(list, JSON_COMPACT);
    text_append_format(rows, "%s", text);
    free(text);
    json_decref(list);
    json_decref(body);
}
