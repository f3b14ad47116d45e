/* SPDX-License-Identifier: Apache-2.0 */
/* What can be declared, deleted and listed: a row each, with the path and the fields of the body. */
#ifndef LEVERET_TOOLS_RABBITMQADMIN_OBJECTS_H
#define LEVERET_TOOLS_RABBITMQADMIN_OBJECTS_H

#include <stdbool.h>
#include <stddef.h>

struct object {
    const char *name;
    const char *plural;
    const char *path;    /* {key} stands for a value; NULL: cannot be declared */
    const char *fields;  /* of the body: `key`, `key?` when it may be missing, `key=otherwise` */
    const char *method;  /* of declaring */
    const char *rest;    /* of the path, when it is to be deleted */
    const char *list;    /* path of the list, below which a vhost may be named; NULL: none */
    const char *columns; /* of the list; "": all */
};

/* `-` and `_` are. */
bool object_names_are_same(const char *a, const char *b);

/* By either name, `-` and `_` the same; NULL when there is none. */
const struct object *object_find(const char *name);

/* NULL beyond the last one. */
const struct object *object_at(size_t index);

#endif
