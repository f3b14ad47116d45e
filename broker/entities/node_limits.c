/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/node_limits.h"

#include <stdint.h>

#include "broker/base/map.h"
#include "broker/entities/broker.h"
#include "broker/entities/exchange.h"
#include "broker/entities/limits.h"
#include "broker/entities/queue.h"
#include "broker/entities/vhost.h"

bool node_limits_allow_queue(const struct vhost *vhost, struct slice name,
                             struct refusal *refusal) {
    const uint32_t limit = vhost->broker->settings.cluster_queue_limit;
    uint64_t count = 0;

    if (limit == 0)
        return true;
    for (const struct vhost *at = vhost->broker->vhosts; at != NULL; at = at->by_name.next)
        count += MAP_COUNT(at->queues, by_name);
    if (count < limit)
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
    uint64_t count = 0;

    if (limit == 0)
        return true;
    for (const struct vhost *at = vhost->broker->vhosts; at != NULL; at = at->by_name.next)
        count += MAP_COUNT(at->exchanges, by_name);
    if (count < limit)
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
