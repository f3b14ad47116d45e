/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Erlang terms: what was read and is written reads the same again; and whatever they are, the
 * configuration they might be is taken or refused with a reason.
 */
#include "broker/erlang_config.h"
#include "broker/erlang_terms.h"
#include "tests/fuzz/support.h"
#include "tests/support/erlang_text.h"

static void read_again(const struct erlang_term *list) {
    for (const struct erlang_term *term = list->first; term != NULL; term = term->next) {
        struct text once = {0}, twice = {0}, error = {0};
        erlang_append(&once, term);
        struct erlang_term *again = erlang_read_term(text_slice(&once), &error);
        assert(again != NULL);
        erlang_append(&twice, again);
        assert(slice_equal(text_slice(&once), text_slice(&twice)));
        erlang_term_destroy(again);
        text_clear(&once);
        text_clear(&twice);
        text_clear(&error);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice content = slice_of(data, size);
    struct config config;
    struct text error = {0};
    struct erlang_term *list = erlang_read(content, &error);
    assert((list == NULL) == (error.len > 0));
    if (list != NULL)
        read_again(list);
    erlang_term_destroy(list);
    config_init(&config);
    text_clear(&error);
    bool is_good = erlang_config_read(&config, "fuzz.config", content, &error);
    assert(is_good == (error.len == 0));
    text_clear(&error);
    is_good = erlang_config_read_options(&config, "FUZZ", content, &error);
    assert(is_good == (error.len == 0));
    config_clear(&config);
    text_clear(&error);
    return 0;
}
