/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parts of a multipart/form-data body (RFC 7578), the way in which forms and `curl -F` send a file. Nothing is
 * copied: the part is a stretch of the body.
 */
#ifndef LEVERET_BROKER_MANAGEMENT_MULTIPART_H
#define LEVERET_BROKER_MANAGEMENT_MULTIPART_H

#include <stdbool.h>

#include "amqp/slice.h"

/* The longest boundary that RFC 2046 allows. */
#define MULTIPART_BOUNDARY_MAX 70

/* Whether a body of this content type is one; NULL: it has none. */
bool multipart_is_type(const char *content_type);

/* The first part called `name`. False when there is none, or the body is not what it says it is. */
bool multipart_find(const char *content_type, struct slice body, const char *name,
                    struct slice *ret_part);

#endif
