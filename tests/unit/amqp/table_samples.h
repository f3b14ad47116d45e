/* SPDX-License-Identifier: Apache-2.0 */
/* Tables for the tests of table.c and table_builder.c. */
#ifndef TESTS_UNIT_AMQP_TABLE_SAMPLES_H
#define TESTS_UNIT_AMQP_TABLE_SAMPLES_H

#include "amqp/table.h"
#include "tests/unit/amqp/support.h"

/* Each type under its own tag as the name, with a value that shows width and sign. */
#define EVERY_TYPE                           \
    "\x01tt\x01"                             \
    "\x01"                                   \
    "bb\xff"                                 \
    "\x01"                                   \
    "BB\xff"                                 \
    "\x01ss\xff\xfe"                         \
    "\x01uu\xff\xfe"                         \
    "\x01II\xff\xff\xff\xfd"                 \
    "\x01ii\xff\xff\xff\xfd"                 \
    "\x01ll\xff\xff\xff\xff\xff\xff\xff\xfc" \
    "\x01LL\xff\xff\xff\xff\xff\xff\xff\xfb" \
    "\x01"                                   \
    "ff\x3f\xc0\x00\x00"                     \
    "\x01"                                   \
    "dd\xc0\x04\x00\x00\x00\x00\x00\x00"     \
    "\x01"                                   \
    "DD\x02\xff\x00\x00\x01"                 \
    "\x01SS\x00\x00\x00\x02\xff\xfe"         \
    "\x01xx\x00\x00\x00\x03\x00\x01\x02"     \
    "\x01"                                   \
    "AA\x00\x00\x00\x03t\x00V"               \
    "\x01TT\x80\x00\x00\x00\x00\x00\x00\x01" \
    "\x01"                                   \
    "FF\x00\x00\x00\x03\x01kV"               \
    "\x01VV"

static inline struct amqp_value found(struct slice table, struct slice name) {
    struct amqp_value value = {.tag = '?'};

    assert_true(amqp_table_find(table, name, &value));
    return value;
}

#endif
