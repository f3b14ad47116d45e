/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A password, kept out of logs by its type: `%s` does not take a struct, so a secret reaches a line
 * only where somebody asks for its octets by name - to hash them, to compare them, to open a key.
 * Borrowed text; who owns it wipes it (secret_wipe).
 */
#ifndef LEVERET_BROKER_BASE_SECRET_H
#define LEVERET_BROKER_BASE_SECRET_H

#include <stddef.h>
#include <string.h>

#include "amqp/slice.h"

/* What stands in a message where a secret would. */
#define SECRET_SHOWN "********"

/* Zero-initialised: there is none. */
struct secret {
    const char *hidden;
};

static inline struct secret secret_from_text(const char *text) {
    return (struct secret){.hidden = text};
}

/* The octets, for what computes with them; never for what prints. */
static inline struct slice secret_octets(struct secret secret) {
    return slice_from_text(secret.hidden);
}

/* Overwrites `len` octets so that no core dump has them. */
static inline void secret_wipe(void *octets, size_t len) {
    if (len > 0)
        explicit_bzero(octets, len);
}

#endif
