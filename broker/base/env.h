/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the core knows of the outside world: the time, randomness and where log lines go.
 *
 * There is one clock. `now_ms` is monotonic and `wall_ms` is the time of day (Unix, milliseconds);
 * the owner (server.c, or a test) sets both once per tick and everything below reads the fields.
 * `now_us` measures how long things take, and decides nothing.
 * Nobody below broker/net asks the system for the time. The environment outlives the broker.
 */
#ifndef LEVERET_BROKER_BASE_ENV_H
#define LEVERET_BROKER_BASE_ENV_H

#include <stddef.h>
#include <stdint.h>

#include "broker/base/log.h"

struct env {
    int64_t now_ms;
    int64_t wall_ms;
    int64_t now_us;     /* the clock of now_ms, for figures; set once more before confirms leave */
    uint64_t hash_seed; /* seeds every map keyed by names that clients choose */
    void (*fill_random)(void *context, void *buffer, size_t len); /* unguessable octets */
    void *random_context;
    struct log log;
};

#endif
