/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Declares what the options ask for: queues, exchange, bindings.
 */
#ifndef LEVERET_PERF_TOPOLOGY_H
#define LEVERET_PERF_TOPOLOGY_H

#include <stdbool.h>
#include <stdint.h>

struct connection;
struct perf;

/* Makes `perf->queues` and says in how many of them each message ends (`perf->copies`). */
void topology_init(struct perf *perf);

/* Declares over channel 1 of the connection; counts the messages that the queues hold already.
 * With predeclared queues only looks whether they exist.  False after perf_fail(). */
bool topology_declare(struct perf *perf, struct connection *connection);

/* True when every message of the producer is routed to the queue; false when some may not be. */
bool topology_routes_all(const struct perf *perf, uint32_t producer, uint32_t queue);

/* With --wildcards a queue gets every so manieth message of a producer: turns a message's number
 * into one that counts the queue's alone; false when the message belongs to another queue. */
bool topology_wildcard_number(const struct perf *perf, uint32_t queue, uint64_t *number);

/* How many of the first `sent` messages of a producer those are. */
uint64_t topology_wildcard_share(const struct perf *perf, uint32_t queue, uint64_t sent);

/* Puts a queue.delete for each queue into the connection's output, without waiting for answers. */
void topology_delete(const struct perf *perf, struct connection *connection);

#endif
