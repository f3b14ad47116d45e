/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/node_limits.h"

#include <stdint.h>

#include "broker/base/map.h"
#include "broker/entities/broker.h"
#include "broker/entities/exchange.h"
#include "broker/entities/limits.h"
#include "broker/entities/queue.h"
#include "broker/entities/vhost.h"

/* `limit` 0 is no limit. */
static bool has_room(const struct broker *broker, uint32_t limit,
                     uint64_t (*count)(const struct vhost *vhost)) {
    uint64_t total = 0;

    if (limit == 0)
        return true;
    for (const struct vhost *vhost = broker->vhosts; vhost != NULL; vhost = vhost->by_name.next)
        total += count(vhost);
    return total < limit;
}

static uint64_t count_queues(const struct vhost *vhost) {
    return MAP_COUNT(vhost->queues, by_name);
}

static uint64_t count_exchanges(const struct vhost *vhost) {
    return MAP_COUNT(vhost->exchanges, by_name);
}

bool node_limits_allow_queue(const struct vhost *vhost, struct slice name,
                             struct refusal *refusal) {
    const uint32_t limit = vhost->broker->settings.cluster_queue_limit;

    if (has_room(vhost->broker, limit, count_queues))
        return true;
    limit_reached(vhost->broker, LIMIT_NODE_QUEUES);
    return refuse(refusal, AMQP_PRECONDITION_FAILED,
                  "cannot declare queue '" SLICE_FMT "' in vhost '" SLICE_FMT
                  "': queue limit in cluster (%u) is reached",
                  SLICE_ARG(name), SLICE_ARG(vhost->name), limit);
}

bool node_limits_allow_exchange(const struct vhost *vhost, struct slice name,
                                struct refusal *refusal) {
    const uint32_t limit = vhost->broker->settings.cluster_exchange_limit;

    if (has_room(vhost->broker, limit, count_exchanges))
        return true;
    limit_reached(vhost->broker, LIMIT_NODE_EXCHANGES);
    return refuse(refusal, AMQP_PRECONDITION_FAILED,
                  "cannot declare exchange '" SLICE_FMT "' in vhost '" SLICE_FMT
                  "': exchange limit of %u is reached",
                  SLICE_ARG(name), SLICE_ARG(vhost->name), limit);
}

bool node_limits_allow_vhost(struct broker *broker, struct slice name, struct refusal *refusal) {
    const uint32_t limit = broker->settings.vhost_max;

    if (limit == 0 || MAP_COUNT(broker->vhosts, by_name) < limit ||
        broker_find_vhost(broker, name) != NULL)
        return true;
    limit_reached(broker, LIMIT_NODE_VHOSTS);
    return refuse(refusal, AMQP_PRECONDITION_FAILED,
                  "cannot create vhost '" SLICE_FMT "': vhost limit of %u is reached",
                  SLICE_ARG(name), limit);
}
