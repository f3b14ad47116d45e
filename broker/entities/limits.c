/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/limits.h"

#include "broker/entities/broker.h"

const struct limit_row limit_rows[LIMIT_COUNT] = {
#define LIMIT(identifier, name, key, initially, reply_code, what) \
    [LIMIT_##identifier] = {name, key, initially, reply_code, what},
#define BOUND(name, initially, what)
#include "broker/entities/limits.def"
#undef BOUND
#undef LIMIT
};

void limit_reached(struct broker *broker, enum limit limit) {
    broker->limits_reached[limit]++;
}
