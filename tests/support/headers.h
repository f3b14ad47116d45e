/* SPDX-License-Identifier: Apache-2.0 */
/* Headers of a message that came, one by one. */
#ifndef LEVERET_TESTS_SUPPORT_HEADERS_H
#define LEVERET_TESTS_SUPPORT_HEADERS_H

#include <stddef.h>

#include "amqp/properties.h"
#include "amqp/table.h"
#include "broker/base/text.h"
#include "broker/entities/value_text.h"
#include "tests/support/fixture.h"

/* Compares a header, shown as an Erlang term, with `expected`; NULL: there is none. */
static inline void assert_header(const struct amqp_properties *properties, const char *name,
                                 const char *expected) {
    struct text text = {0};
    struct amqp_value value;
    struct slice headers = properties->flags & AMQP_HEADERS ? properties->headers : SLICE("");

    if (expected == NULL) {
        assert_false(amqp_table_find(headers, slice_from_text(name), &value));
        return;
    }
    assert_true(amqp_table_find(headers, slice_from_text(name), &value));
    value_text_append(&text, &value);
    assert_string_equal(text_chars(&text), expected);
    text_clear(&text);
}

#endif
