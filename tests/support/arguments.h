/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Arguments within a statement:
 *
 *     peer_send(p, queue_declare, .queue = SLICE("q"),
 *               .arguments = ARGUMENTS(INT("x-message-ttl", 1000), TEXT("x-overflow", "drop-head")));
 */
#ifndef LEVERET_TESTS_SUPPORT_ARGUMENTS_H
#define LEVERET_TESTS_SUPPORT_ARGUMENTS_H

#include "amqp/table.h"

struct argument {
    const char *name; /* NULL ends a list */
    char tag;
    int64_t integer;
    const char *text;
};

#define INT(name, value) \
    { name, AMQP_TAG_INT32, value, NULL }
#define INT_OF(tag, name, value) \
    { name, tag, value, NULL }
#define TEXT(name, value) \
    { name, AMQP_TAG_TEXT, 0, value }
#define BOOL(name, value) \
    { name, AMQP_TAG_BOOL, value, NULL }
#define REAL(name) \
    { name, AMQP_TAG_DOUBLE, 0, NULL }

#define ARGUMENTS(...) arguments_table((const struct argument[]){__VA_ARGS__, {NULL, 0, 0, NULL}})

/* Valid until the next call. */
static inline struct slice arguments_table(const struct argument *arguments) {
    static struct amqp_table_builder builder;

    amqp_table_builder_clear(&builder);
    for (; arguments->name != NULL; arguments++) {
        struct slice name = slice_from_text(arguments->name);
        if (arguments->tag == AMQP_TAG_TEXT)
            amqp_table_put_text(&builder, name, slice_from_text(arguments->text));
        else if (arguments->tag == AMQP_TAG_BOOL)
            amqp_table_put_bool(&builder, name, arguments->integer != 0);
        else if (arguments->tag == AMQP_TAG_DOUBLE)
            amqp_table_put_double(&builder, name, 1.5);
        else
            amqp_table_put_int(&builder, name, arguments->tag, arguments->integer);
    }
    return amqp_table_builder_finish(&builder);
}

#endif
