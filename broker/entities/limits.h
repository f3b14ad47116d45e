/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stops peers from growing the broker, as a table (limits.def), and how often each of the limits was
 * reached since the start: broker->limits_reached[LIMIT_...].
 */
#ifndef LEVERET_BROKER_ENTITIES_LIMITS_H
#define LEVERET_BROKER_ENTITIES_LIMITS_H

#include <stdint.h>

struct broker;

enum limit {
#define LIMIT(identifier, name, key, initially, reply_code, what) LIMIT_##identifier,
#define BOUND(name, initially, what)
#include "broker/entities/limits.def"
#undef BOUND
#undef LIMIT
    LIMIT_COUNT
};

struct limit_row {
    const char *name; /* label of the metric */
    const char *key;  /* of the configuration, "" when it has none */
    const char *initially;
    uint16_t reply_code; /* 0: no frame */
    const char *what;
};

/* By enum limit. */
extern const struct limit_row limit_rows[LIMIT_COUNT];

/* Counts. */
void limit_reached(struct broker *broker, enum limit limit);

#endif
