/* SPDX-License-Identifier: Apache-2.0 */
/* Names the broker makes: a prefix, a dash and 22 characters of URL-safe base64 (16 random octets). */
#ifndef LEVERET_BROKER_ENTITIES_GENERATED_NAME_H
#define LEVERET_BROKER_ENTITIES_GENERATED_NAME_H

#include "amqp/slice.h"
#include "broker/base/env.h"

#define GENERATED_NAME_MAX 64

/* `prefix` such as "amq.gen", "amq.ctag". Writes into `buffer`; returns the name within it. */
struct slice generated_name(const struct env *env, const char *prefix,
                            char buffer[GENERATED_NAME_MAX]);

#endif
