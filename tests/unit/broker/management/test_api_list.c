/* SPDX-License-Identifier: Apache-2.0 */
/* Lists as queries want them: pages, names, order, columns. The objects are of the test's own. */
#include "broker/management/api_list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "broker/management/api.h"
#include "broker/management/management_private.h"
#include "tests/support/fake_http.h"

struct hare {
    struct slice name;
    uint64_t weight;
    const char *burrow; /* JSON, NULL: none */
    int holds;
    bool is_gone;
};

static void write_burrow(struct json_out *out, const void *object, struct management *management) {
    (void)management;
    json_out_raw(out, slice_from_text(((const struct hare *)object)->burrow));
}

static bool has_no_burrow(const void *object) {
    return ((const struct hare *)object)->burrow == NULL;
}

static const struct api_field fields[] = {
    API_MEMBER("name", API_TEXT, struct hare, name),
    API_MEMBER("weight", API_UINT64, struct hare, weight),
    {.name = "burrow", .write = write_burrow, .is_absent = has_no_burrow},
    {.name = "secret", .write = write_burrow, .is_absent = has_no_burrow, .only_single = true},
    {.name = NULL},
};

static void hold(const void *object) {
    ((struct hare *)(uintptr_t)object)->holds++;
}

static void release(const void *object) {
    ((struct hare *)(uintptr_t)object)->holds--;
}

static uint64_t epoch;

static uint64_t read_epoch(struct management *management) {
    (void)management;
    return epoch;
}

static bool is_gone(struct management *management, const void *object) {
    (void)management;
    return ((const struct hare *)object)->is_gone;
}

static const struct api_resource resource = {
    .fields = fields, .hold = hold, .release = release, .is_gone = is_gone, .epoch = read_epoch};

static struct hare hares[] = {
    {SLICE("grey"), 30, "{\"depth\":2,\"exits\":{\"east\":1,\"west\":7}}", 0, false},
    {SLICE("brown"), 20, "{\"depth\":3,\"exits\":{\"east\":5,\"west\":6}}", 0, false},
    {SLICE("white"), 30, NULL, 0, false},
    {SLICE("Brown"), 10, "{\"depth\":\"deep\"}", 0, false},
};

#define HARES (sizeof hares / sizeof hares[0])

struct asked {
    struct fake_request fake;
    struct http_response response;
    struct management management;
    struct api_request request;
};

static void ask(struct asked *asked, const char *query, size_t count) {
    char target[4000];
    struct api_items items = {0};

    snprintf(target, sizeof target, "GET /?%s\n", query);
    *asked = (struct asked){0};
    fake_request_read(&asked->fake, slice_from_text(target));
    asked->request = (struct api_request){
        .management = &asked->management, .http = &asked->fake.http, .response = &asked->response};
    for (size_t i = 0; i < count; i++)
        api_items_add(&items, &resource, &hares[i]);
    api_reply_list(&asked->request, &resource, &items);
}

static void end(struct asked *asked) {
    http_response_clear(&asked->response);
    fake_request_clear(&asked->fake);
    for (size_t i = 0; i < HARES; i++)
        assert_int_equal(hares[i].holds, 0);
}

static void assert_answer_of(size_t count, const char *query, const char *expected) {
    struct asked asked;

    ask(&asked, query, count);
    if (asked.response.stream.next != NULL)
        fake_read_stream(&asked.response, &asked.response.body);
    assert_string_equal(text_chars(&asked.response.body), expected);
    end(&asked);
}

static void assert_answer(const char *query, const char *expected) {
    assert_answer_of(HARES, query, expected);
}

static void assert_refused(const char *query, const char *reason) {
    struct asked asked;

    ask(&asked, query, HARES);
    if (asked.response.status != 400)
        fail_msg("%s is not refused", query);
    assert_non_null(strstr(text_chars(&asked.response.body), reason));
    end(&asked);
}

static void all_is_shown_without_a_query(void **state) {
    (void)state;
    assert_answer_of(0, "", "[]");
    assert_answer_of(1, "",
                     "[{\"name\":\"grey\",\"weight\":30,"
                     "\"burrow\":{\"depth\":2,\"exits\":{\"east\":1,\"west\":7}}}]");
    assert_answer_of(3, "name=brown&use_regex=true&columns=name",
                     "[{\"name\":\"grey\"},{\"name\":\"brown\"},{\"name\":\"white\"}]");
}

static void columns_pick_keys_and_parts_of_them(void **state) {
    (void)state;
    assert_answer_of(1, "columns=weight", "[{\"weight\":30}]");
    assert_answer_of(1, "columns=weight,name", "[{\"name\":\"grey\",\"weight\":30}]");
    assert_answer_of(1, "columns=burrow.exits.west,burrow.depth",
                     "[{\"burrow\":{\"exits\":{\"west\":7},\"depth\":2}}]");
    assert_answer_of(1, "columns=burrow.depth,burrow",
                     "[{\"burrow\":{\"depth\":2,\"exits\":{\"east\":1,\"west\":7}}}]");
    assert_answer_of(1, "columns=burrow%2Edepth", "[{\"burrow\":{\"depth\":2}}]");
    assert_answer_of(3, "columns=burrow.none,nothing,name.first,secret", "[{},{},{}]");
    assert_answer_of(1, "columns=,,.,burrow.,.name,name..", "[{}]");
    assert_answer_of(1, "columns=nam,names", "[{}]");
    assert_answer_of(0, "columns=", "[]");
}

static void order_is_by_one_key(void **state) {
    (void)state;
    assert_answer(
        "sort=name&columns=name",
        "[{\"name\":\"Brown\"},{\"name\":\"brown\"},{\"name\":\"grey\"},{\"name\":\"white\"}]");
    assert_answer(
        "sort=weight&columns=name", /* equal ones stay as they were */
        "[{\"name\":\"Brown\"},{\"name\":\"brown\"},{\"name\":\"grey\"},{\"name\":\"white\"}]");
    assert_answer(
        "sort=weight&sort_reverse=true&columns=name",
        "[{\"name\":\"white\"},{\"name\":\"grey\"},{\"name\":\"brown\"},{\"name\":\"Brown\"}]");
    assert_answer(
        "sort=burrow.exits.west&columns=name", /* those without it first */
        "[{\"name\":\"white\"},{\"name\":\"Brown\"},{\"name\":\"brown\"},{\"name\":\"grey\"}]");
    assert_answer(
        "sort=nothing&columns=name",
        "[{\"name\":\"grey\"},{\"name\":\"brown\"},{\"name\":\"white\"},{\"name\":\"Brown\"}]");
    assert_answer("sort=&sort_reverse=no&columns=weight",
                  "[{\"weight\":30},{\"weight\":20},{\"weight\":30},{\"weight\":10}]");
}

#define PAGE(filtered, count, items, number, pages, size)                           \
    "{\"filtered_count\":" #filtered ",\"item_count\":" #count ",\"items\":[" items \
    "],\"page\":" #number ",\"page_count\":" #pages ",\"page_size\":" #size ",\"total_count\":4}"

static void pages_say_where_they_are(void **state) {
    (void)state;
    assert_answer("page=1&page_size=3&columns=weight",
                  PAGE(4, 3, "{\"weight\":30},{\"weight\":20},{\"weight\":30}", 1, 2, 3));
    assert_answer("page=2&page_size=3&columns=weight", PAGE(4, 1, "{\"weight\":10}", 2, 2, 3));
    assert_answer("page=2&page_size=3&sort=weight&columns=weight",
                  PAGE(4, 1, "{\"weight\":30}", 2, 2, 3));
    assert_answer("pagination=true&columns=nothing", "[{},{},{},{}]");
    assert_answer("page=1&page_size=500&name=none", PAGE(0, 0, "", 1, 0, 500));
}

static void names_filter_pages(void **state) {
    (void)state;
    assert_answer("page=1&name=ROW&columns=name",
                  PAGE(2, 2, "{\"name\":\"brown\"},{\"name\":\"Brown\"}", 1, 1, 100));
    assert_answer("page=1&name=%5Eb.*n$&use_regex=true&columns=weight",
                  PAGE(2, 2, "{\"weight\":20},{\"weight\":10}", 1, 1, 100));
    assert_answer("page=1&name=%5Eb&columns=name", PAGE(0, 0, "", 1, 0, 100));
    assert_answer("page=2&page_size=1&name=row&columns=name",
                  PAGE(2, 1, "{\"name\":\"Brown\"}", 2, 2, 1));
    assert_refused("page=1&name=%28&use_regex=true", "Pagination parameters are invalid");
}

static void pages_that_cannot_be_are_refused(void **state) {
    (void)state;
    assert_refused("page=x", "Pagination parameters are invalid");
    assert_refused("page=", "Pagination parameters are invalid");
    assert_refused("page=99999999999999999999999999", "Pagination parameters are invalid");
    assert_refused("page=0", "invalid_pagination_parameters");
    assert_refused("page=1&page_size=0", "invalid_pagination_parameters");
    assert_refused("page=1&page_size=501", "invalid_pagination_parameters");
    assert_refused("page=1&page_size=-1", "invalid_pagination_parameters");
    assert_refused("page=2", "Page out of range, page: 2 page size: 100, len: 4");
    assert_refused("page=3&page_size=2", "page_out_of_range");
    assert_refused("page=9223372036854775807&page_size=500", "page_out_of_range");
    assert_refused("page=2&name=none", "page_out_of_range");
}

/* The list is written while it is read: what went before its turn is not in it. */
static void who_goes_meanwhile_is_left_out(void **state) {
    struct text first = {0}, rest = {0};
    struct asked asked;

    (void)state;
    ask(&asked, "columns=name", HARES);
    assert_true(asked.response.stream.next(asked.response.stream.state, &first));
    hares[1].is_gone = hares[3].is_gone = true;
    epoch++;
    fake_read_stream(&asked.response, &rest);
    assert_string_equal(text_chars(&first), "[{\"name\":\"grey\"}");
    assert_string_equal(text_chars(&rest), ",{\"name\":\"white\"}]");
    hares[1].is_gone = hares[3].is_gone = false;
    text_clear(&first);
    text_clear(&rest);
    end(&asked);
}

static void peer_may_go_at_any_piece(void **state) {
    struct asked asked;

    (void)state;
    ask(&asked, "", HARES);
    assert_int_equal(hares[0].holds, 1);
    end(&asked);
    ask(&asked, "page=2&page_size=2", HARES);
    assert_int_equal(hares[0].holds, 0); /* what is not of the page is let go at once */
    assert_int_equal(hares[3].holds, 1);
    end(&asked);
}

/* Longer than any buffer: as if it were not there, and nothing worse. */
static void arguments_may_be_of_any_length(void **state) {
    static char query[3800];

    (void)state;
    for (size_t length = 200; length < sizeof query - 20; length += 397) {
        static const char *const keys[] = {"sort=", "columns=", "page=1&name="};
        for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
            struct asked asked;
            strcpy(query, keys[i]);
            memset(query + strlen(query), 'x', length);
            query[strlen(keys[i]) + length] = '\0';
            ask(&asked, query, HARES);
            assert_non_null(asked.response.stream.next);
            end(&asked);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_is_shown_without_a_query),
        cmocka_unit_test(columns_pick_keys_and_parts_of_them),
        cmocka_unit_test(order_is_by_one_key),
        cmocka_unit_test(pages_say_where_they_are),
        cmocka_unit_test(names_filter_pages),
        cmocka_unit_test(pages_that_cannot_be_are_refused),
        cmocka_unit_test(who_goes_meanwhile_is_left_out),
        cmocka_unit_test(peer_may_go_at_any_piece),
        cmocka_unit_test(arguments_may_be_of_any_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
