/* SPDX-License-Identifier: Apache-2.0 */
/* Paths against patterns, and percent signs. */
#include "broker/management/router.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "broker/management/percent.h"

static const struct api_route routes[] = {
    {"GET", "queues/{vhost}/{name}", API_VHOST, API_NO_BODY, NULL},
    {"PUT", "queues/{vhost}/{name}", API_VHOST, API_JSON, NULL},
    {"GET", "queues", API_MANAGEMENT, API_NO_BODY, NULL},
    {.pattern = NULL},
};
static const struct api_route *const tables[] = {routes, NULL};

/* What is found for a method and a path; the vhost's name and what stood for {name} as "vhost|name". */
static enum router_result find(const char *method, const char *path, char *parts, size_t size,
                               const struct api_route **route) {
    struct api_request request = {.part_count = 0};
    struct text allowed = {0};
    struct slice vhost;

    enum router_result result = router_find(tables, slice_from_text(method), slice_from_text(path),
                                            &request, &vhost, route, &allowed);
    if (result == ROUTER_FOUND)
        snprintf(parts, size, SLICE_FMT "|" SLICE_FMT, SLICE_ARG(vhost),
                 SLICE_ARG(request.part_count > 0 ? request.parts[0] : SLICE("")));
    else
        snprintf(parts, size, "%s", text_chars(&allowed));
    text_clear(&allowed);
    free(request.decoded);
    return result;
}

static void assert_found(const char *method, const char *path, size_t row, const char *parts) {
    const struct api_route *route = NULL;
    char got[100];

    assert_int_equal(find(method, path, got, sizeof got, &route), ROUTER_FOUND);
    assert_ptr_equal(route, &routes[row]);
    assert_string_equal(got, parts);
}

static void segments_are_decoded_one_by_one(void **state) {
    (void)state;
    assert_found("GET", "queues/%2F/a%2Fb", 0, "/|a/b");
    assert_found("PUT", "queues/v/a+b", 1, "v|a+b");
    assert_found("HEAD", "queues/v/q", 0, "v|q");
}

static void empty_segments_do_not_count(void **state) {
    (void)state;
    assert_found("GET", "//queues//v/q/", 0, "v|q");
    assert_found("GET", "queues/", 2, "|");
}

static void what_is_not_there_is_told_apart(void **state) {
    const struct api_route *route = NULL;
    char got[100];

    (void)state;
    assert_int_equal(find("GET", "nothing", got, sizeof got, &route), ROUTER_NO_PATH);
    assert_int_equal(find("GET", "queues/v/q/more", got, sizeof got, &route), ROUTER_NO_PATH);
    assert_int_equal(find("GET", "a/a/a/a/a/a/a/a/a/a/a/a", got, sizeof got, &route),
                     ROUTER_NO_PATH);
    assert_int_equal(find("DELETE", "queues/v/q", got, sizeof got, &route), ROUTER_NO_METHOD);
    assert_string_equal(got, "HEAD, GET, PUT");
}

static void percent_signs_alone_stand_for_themselves(void **state) {
    char decoded[20];

    (void)state;
    size_t len = percent_decode(SLICE("%41%4%zz%+"), PERCENT_PLUS_IS_SPACE, decoded);
    assert_int_equal(len, 8);
    assert_memory_equal(decoded, "A%4%zz% ", 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(segments_are_decoded_one_by_one),
        cmocka_unit_test(empty_segments_do_not_count),
        cmocka_unit_test(what_is_not_there_is_told_apart),
        cmocka_unit_test(percent_signs_alone_stand_for_themselves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
