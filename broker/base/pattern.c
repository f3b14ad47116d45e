/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/base/pattern.h"

#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "broker/base/alloc.h"

struct pattern {
    bool matches_everything; /* `.*`, what most permissions are: nothing to run */
    pcre2_code *code;
    pcre2_match_context *limits;
    pcre2_match_data *match;
};

static pcre2_code *compile(struct slice expression, struct text *error) {
    int code;
    PCRE2_SIZE offset;
    PCRE2_UCHAR8 message[128];

    if (expression.len > PATTERN_LENGTH_MAX) {
        if (error != NULL)
            text_append_format(error, "longer than %d octets", PATTERN_LENGTH_MAX);
        return NULL;
    }
    pcre2_code *compiled =
        pcre2_compile(expression.len == 0 ? (PCRE2_SPTR) "" : (PCRE2_SPTR)expression.data,
                      expression.len, 0, &code, &offset, NULL);
    if (compiled == NULL && error != NULL) {
        pcre2_get_error_message(code, message, sizeof message);
        text_append_format(error, "%s at offset %zu", (const char *)message, (size_t)offset);
    }
    return compiled;
}

struct pattern *pattern_compile(struct slice expression, struct text *error) {
    pcre2_code *code = compile(expression, error);

    if (code == NULL)
        return NULL;
    struct pattern *pattern = xcalloc(1, sizeof *pattern);
    pattern->matches_everything = slice_equal(expression, SLICE(".*"));
    pattern->code = code;
    pattern->limits = pcre2_match_context_create(NULL);
    pattern->match = pcre2_match_data_create(1, NULL);
    if (pattern->limits == NULL || pattern->match == NULL)
        abort(); /* no memory: as xmalloc() */
    pcre2_set_match_limit(pattern->limits, PATTERN_STEPS_MAX);
    pcre2_set_depth_limit(pattern->limits, PATTERN_DEPTH_MAX);
    pcre2_set_heap_limit(pattern->limits, PATTERN_HEAP_KIB_MAX);
    return pattern;
}

bool pattern_matches(const struct pattern *pattern, struct slice subject) {
    if (pattern->matches_everything)
        return true;
    PCRE2_SPTR octets = subject.len == 0 ? (PCRE2_SPTR) "" : (PCRE2_SPTR)subject.data;
    return pcre2_match(pattern->code, octets, subject.len, 0, 0, pattern->match, pattern->limits) >=
           0;
}

void pattern_destroy(struct pattern *pattern) {
    if (pattern == NULL)
        return;
    pcre2_match_data_free(pattern->match);
    pcre2_match_context_free(pattern->limits);
    pcre2_code_free(pattern->code);
    free(pattern);
}
