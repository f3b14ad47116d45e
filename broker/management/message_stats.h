/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The object `message_stats` (compat 5.2): a count and a rate for everything that has happened at least
 * once, nothing for what has not.
 */
#ifndef LEVERET_BROKER_MANAGEMENT_MESSAGE_STATS_H
#define LEVERET_BROKER_MANAGEMENT_MESSAGE_STATS_H

#include <stdbool.h>

#include "broker/base/json_out.h"
#include "broker/entities/counters.h"

struct broker;
struct rate_window;
struct vhost;

bool message_stats_are_empty(const struct message_counters *counters);

/* `window` is whoever's the counters are. */
void message_stats_write(struct json_out *out, const struct message_counters *counters,
                         struct rate_window **window, int64_t now_ms);

/* {"rate": 0.0} */
void message_stats_write_rate(struct json_out *out, double rate);

/* `NAME`: count and `NAME_details`: {"rate": 0.0}; for counters outside message_stats. */
void message_stats_write_count(struct json_out *out, const char *name, uint64_t count, double rate);

/* All channels there are and were: what came in and went out of the node. */
void message_stats_of_channels(const struct broker *broker, struct message_counters *sum);
/* All queues of the vhost. */
void message_stats_of_vhost(const struct vhost *vhost, struct message_counters *sum);

#endif
