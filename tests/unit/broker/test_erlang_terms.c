/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/erlang_terms.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>

#include "tests/support/erlang_text.h"

/* Reads the content and writes it as Erlang would. */
static void expect_terms(const char *content, const char *written) {
    struct text error = {0}, text = {0};
    struct erlang_term *all = erlang_read(slice_from_text(content), &error);
    if (all == NULL)
        fail_msg("%s", text_chars(&error));
    erlang_append(&text, all);
    assert_string_equal(text_chars(&text), written);
    text_clear(&text);
    erlang_term_destroy(all);
}

static void expect_refused(const char *content, const char *sentence) {
    struct text error = {0};
    assert_null(erlang_read(slice_from_text(content), &error));
    assert_string_equal(text_chars(&error), sentence);
    text_clear(&error);
}

static void terms_of_every_kind_are_read(void **state) {
    (void)state;
    expect_terms("", "[]");
    expect_terms("% nothing\n", "[]");
    expect_terms("atom. 'Quoted atom'.", "[atom, 'Quoted atom']");
    expect_terms("[1, -2, 1.5, 1.0e-3].", "[[1, -2, 1.5, 1.0e-3]]");
    expect_terms("{\"a \\\"b\\\"\", <<\"c\">>, <<\"d\"/utf8>>, <<>>}.",
                 "[{\"a \\\"b\\\"\", \"c\", \"d\", \"\"}]");
    expect_terms("\"one \" \"two\".", "[\"one two\"]");
    expect_terms("[{rabbit, [{tcp_listeners, []}]}]. % and\n  more.",
                 "[[{rabbit, [{tcp_listeners, []}]}], more]");
    expect_terms("rabbit@host.", "[rabbit@host]");
}

static void a_full_stop_is_not_a_decimal_point(void **state) {
    (void)state;
    expect_terms("{a, 1}. 2.\n3.5.", "[{a, 1}, 2, 3.5]");
}

static void errors_name_the_line(void **state) {
    (void)state;
    expect_refused("[a,\n b", "line 2: expected , or ]");
    expect_refused("{a,\n\n b]", "line 3: expected , or }");
    expect_refused("a", "line 1: expected a full stop");
    expect_refused("\"a", "line 1: a quote is not closed");
    expect_refused("'a", "line 1: a quote is not closed");
    expect_refused("<<\"a\".", "line 1: expected >>");
    expect_refused("<<1,2>>.", "line 1: only <<\"...\">> is understood");
    expect_refused("[a, ].", "line 1: this is no term");
    expect_refused("[a,", "line 1: a term is missing at the end");
    expect_refused("Variable.", "line 1: this is no term");
    expect_refused("-.", "line 1: digits are missing");
    expect_refused("1.5e.", "line 1: digits are missing");
}

static void nesting_has_a_limit(void **state) {
    char content[200];
    (void)state;
    memset(content, '[', sizeof content);
    content[sizeof content - 1] = '\0';
    expect_refused(content, "line 1: terms are nested too deeply");
}

static void a_single_term_stands_alone(void **state) {
    struct text error = {0};
    (void)state;
    struct erlang_term *term = erlang_read_term(SLICE(" {a, 1} "), &error);
    assert_non_null(term);
    assert_int_equal(term->count, 2);
    assert_true(erlang_is_atom(erlang_part(term, 0), "a"));
    assert_null(erlang_part(term, 2));
    erlang_term_destroy(term);
    assert_null(erlang_read_term(SLICE("a b"), &error));
    assert_string_equal(text_chars(&error), "line 1: there is something behind the term");
    text_clear(&error);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(terms_of_every_kind_are_read),
        cmocka_unit_test(a_full_stop_is_not_a_decimal_point),
        cmocka_unit_test(errors_name_the_line),
        cmocka_unit_test(nesting_has_a_limit),
        cmocka_unit_test(a_single_term_stands_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
