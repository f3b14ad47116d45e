/* SPDX-License-Identifier: Apache-2.0 */
/* openapi.json, as the broker serves it, against the table of routes the broker runs with. */
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <cmocka.h>

#include "broker/management/embedded_file.h"
#include "broker/management/management_private.h"

#define PATH_MAX_CHARS 200

static json_t *description;

static int load(void **state) {
    (void)state;
    for (const struct embedded_file *file = embedded_files; file->name != NULL; file++) {
        if (strcmp(file->name, "openapi.json") == 0)
            description = json_loadb((const char *)file->octets, file->len, 0, NULL);
    }
    return description == NULL;
}

static int unload(void **state) {
    (void)state;
    json_decref(description);
    return 0;
}

/* What a name in braces is called does not matter. */
static void without_names(const char *path, char *out) {
    const char *from = path + (path[0] == '/');

    for (; *from != '\0'; from++) {
        *out++ = *from;
        if (*from == '{')
            from += strcspn(from, "}") - 1;
    }
    *out = '\0';
}

static bool is_same_path(const char *left, const char *right) {
    char a[PATH_MAX_CHARS], b[PATH_MAX_CHARS];

    without_names(left, a);
    without_names(right, b);
    return strcmp(a, b) == 0;
}

static json_t *find_operation(const struct api_route *route) {
    const char *path, *method;
    json_t *methods, *operation;

    json_object_foreach(json_object_get(description, "paths"), path, methods) {
        json_object_foreach(methods, method, operation) {
            if (strcasecmp(method, route->method) == 0 && is_same_path(path, route->pattern))
                return operation;
        }
    }
    return NULL;
}

static void every_route_is_described(void **state) {
    size_t count = 0;

    (void)state;
    for (const struct api_route *const *table = api_route_tables; *table != NULL; table++) {
        for (const struct api_route *route = *table; route->pattern != NULL; route++, count++) {
            const json_t *operation = find_operation(route);
            if (operation == NULL)
                fail_msg("%s %s is not described", route->method, route->pattern);
            /* Who may ask it without a login is written there as OpenAPI has it. */
            assert_int_equal(json_object_get(operation, "security") != NULL,
                             route->access == API_ANYONE);
            assert_int_equal(json_object_get(operation, "requestBody") != NULL,
                             route->body != API_NO_BODY);
        }
    }
    assert_true(count > 100);
}

static bool is_route(const char *method, const char *path) {
    for (const struct api_route *const *table = api_route_tables; *table != NULL; table++) {
        for (const struct api_route *route = *table; route->pattern != NULL; route++) {
            if (strcasecmp(method, route->method) == 0 && is_same_path(path, route->pattern))
                return true;
        }
    }
    return false;
}

static void all_that_is_described_is_there(void **state) {
    const char *path, *method;
    json_t *methods, *operation;

    (void)state;
    json_object_foreach(json_object_get(description, "paths"), path, methods) {
        json_object_foreach(methods, method, operation) {
            if (!is_route(method, path))
                fail_msg("%s %s is no route", method, path);
        }
    }
}

static size_t braces(const char *text) {
    size_t count = 0;

    for (; *text != '\0'; text++)
        count += *text == '{';
    return count;
}

/* A path's names are its parameters, each once. */
static void every_name_in_a_path_is_a_parameter(void **state) {
    const char *path, *method;
    json_t *methods, *operation, *parameter;
    size_t i;

    (void)state;
    json_object_foreach(json_object_get(description, "paths"), path, methods) {
        json_object_foreach(methods, method, operation) {
            size_t in_path = 0;
            json_array_foreach(json_object_get(operation, "parameters"), i, parameter) {
                const char *name = json_string_value(json_object_get(parameter, "name"));
                if (strcmp(json_string_value(json_object_get(parameter, "in")), "path") != 0)
                    continue;
                in_path++;
                char braced[PATH_MAX_CHARS];
                snprintf(braced, sizeof braced, "{%s}", name);
                const char *at = strstr(path, braced);
                assert_non_null(at);
                assert_null(strstr(at + 1, braced));
            }
            assert_int_equal(in_path, braces(path));
        }
    }
}

static void no_two_operations_have_one_id(void **state) {
    const char *path, *method;
    json_t *methods, *operation, *ids = json_object();

    (void)state;
    json_object_foreach(json_object_get(description, "paths"), path, methods) {
        json_object_foreach(methods, method, operation) {
            const char *id = json_string_value(json_object_get(operation, "operationId"));
            assert_null(json_object_get(ids, id));
            json_object_set_new(ids, id, json_true());
        }
    }
    json_decref(ids);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_route_is_described),
        cmocka_unit_test(all_that_is_described_is_there),
        cmocka_unit_test(every_name_in_a_path_is_a_parameter),
        cmocka_unit_test(no_two_operations_have_one_id),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
