/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A virtual host's maps, and deleting with everything that follows from it. What clients ask for by
 * name, with its checks, is in declare.c.
 */
#include "broker/entities/vhost.h"

#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/rate.h"
#include "broker/base/env.h"
#include "broker/base/map.h"
#include "broker/entities/broker.h"
#include "broker/entities/chore.h"
#include "broker/entities/dead_letter.h"
#include "broker/entities/exchange.h"
#include "broker/entities/permission.h"
#include "broker/entities/queue.h"
#include "broker/entities/route_memory.h"
#include "broker/entities/store.h"

/* Compat 2.8. */
static const struct predeclared_exchange {
    const char *name;
    const struct exchange_type *type;
    bool internal;
} predeclared_exchanges[] = {
    {"", &exchange_type_default, false},
    {"amq.direct", &exchange_type_direct, false},
    {"amq.fanout", &exchange_type_fanout, false},
    {"amq.topic", &exchange_type_topic, false},
    {"amq.headers", &exchange_type_headers, false},
    {"amq.match", &exchange_type_headers, false},
    {"amq.rabbitmq.trace", &exchange_type_topic, true},
};

static uint64_t hash_seed(const struct vhost *vhost) {
    return vhost->broker->env->hash_seed;
}

void vhost_add_exchange(struct vhost *vhost, struct exchange *exchange) {
    MAP_ADD(vhost->exchanges, by_name, hash_seed(vhost), exchange->name, exchange);
    vhost->routing_generation++;
}

void vhost_add_queue(struct vhost *vhost, struct queue *queue) {
    MAP_ADD(vhost->queues, by_name, hash_seed(vhost), queue->name, queue);
    vhost->routing_generation++;
}

static void predeclare(struct vhost *vhost, const struct predeclared_exchange *row) {
    struct exchange *exchange =
        exchange_create(vhost, slice_from_text(row->name), row->type, slice_of(NULL, 0));

    exchange->durable = true;
    exchange->internal = row->internal;
    vhost_add_exchange(vhost, exchange);
    if (exchange_is_default(exchange))
        vhost->default_exchange = exchange;
}

struct vhost *vhost_create(struct broker *broker, struct slice name) {
    struct vhost *vhost = xcalloc(1, sizeof *vhost + name.len);
    uint8_t *octets = (uint8_t *)(vhost + 1);

    if (name.len > 0)
        memcpy(octets, name.data, name.len);
    vhost->broker = broker;
    vhost->references = 1;
    vhost->name = slice_of(octets, name.len);
    vhost->limits = (struct vhost_limits){.max_connections = -1, .max_queues = -1};
    list_init(&vhost->permissions);
    policies_init(vhost);
    list_init(&vhost->doomed_exchanges);
    for (size_t i = 0; i < sizeof predeclared_exchanges / sizeof predeclared_exchanges[0]; i++)
        predeclare(vhost, &predeclared_exchanges[i]);
    return vhost;
}

void vhost_destroy(struct vhost *vhost) {
    struct list *link;

    if (vhost == NULL)
        return;
    while ((link = list_first(&vhost->permissions)) != NULL)
        permission_destroy(LIST_ITEM(link, struct permission, vhost_link));
    while (vhost->queues != NULL)
        vhost_remove_queue(vhost->queues);
    while (vhost->reply_queues != NULL)
        vhost_remove_queue(vhost->reply_queues);
    while (vhost->exchanges != NULL)
        vhost_remove_exchange(vhost->exchanges);
    broker_finish_chores(vhost->broker); /* what they left behind refers to the vhost */
    policies_clear(vhost);
    route_memory_destroy(vhost->route_memory);
    rate_window_destroy(vhost->rates);
    vhost_unref(vhost);
}

void vhost_ref(struct vhost *vhost) {
    vhost->references++;
}

void vhost_unref(struct vhost *vhost) {
    if (--vhost->references > 0)
        return;
    vhost_metadata_clear(&vhost->metadata);
    free(vhost);
}

void vhost_delete(struct vhost *vhost) {
    struct broker *broker = vhost->broker;
    struct list *link;

    store_begin_atomic(broker);
    broker_forget_dead_letters(vhost);
    while ((link = list_first(&vhost->permissions)) != NULL)
        permission_delete(LIST_ITEM(link, struct permission, vhost_link));
    MAP_REMOVE(broker->vhosts, by_name, vhost);
    policies_forget(vhost);
    store_delete_vhost(vhost);
    vhost_destroy(vhost);
    store_end_atomic(broker);
}

struct exchange *vhost_find_exchange(const struct vhost *vhost, struct slice name) {
    struct exchange *exchange;

    if (name.len == 0)
        return vhost->default_exchange;
    MAP_FIND(vhost->exchanges, by_name, hash_seed(vhost), name, exchange);
    return exchange;
}

static struct queue *find_queue(struct queue *queues, const struct vhost *vhost,
                                struct slice name) {
    struct queue *queue = NULL;

    if (name.len > 0)
        MAP_FIND(queues, by_name, hash_seed(vhost), name, queue);
    return queue;
}

struct queue *vhost_find_queue(const struct vhost *vhost, struct slice name) {
    return find_queue(vhost->queues, vhost, name);
}

struct queue *vhost_find_destination(const struct vhost *vhost, struct slice name) {
    if (entity_name_is_direct_reply(name))
        return find_queue(vhost->reply_queues, vhost, name);
    return find_queue(vhost->queues, vhost, name);
}

struct queue *vhost_add_reply_queue(struct vhost *vhost, struct slice name) {
    struct queue *queue = queue_create(vhost, name, slice_of(NULL, 0));

    queue->direct_reply = true;
    MAP_ADD(vhost->reply_queues, by_name, hash_seed(vhost), queue->name, queue);
    vhost->routing_generation++;
    return queue;
}

void vhost_remove_queue(struct queue *queue) {
    struct vhost *vhost = queue->vhost;
    struct list *link;

    if (queue->direct_reply)
        MAP_REMOVE(vhost->reply_queues, by_name, queue);
    else
        MAP_REMOVE(vhost->queues, by_name, queue);
    while ((link = list_first(&queue->bindings)) != NULL)
        binding_remove(LIST_ITEM(link, struct binding, destination_link));
    vhost->routing_generation++;
    store_delete_queue(queue);
    queue_delete(queue);
}

/* Marks the exchange as going and puts it on the list, unless that was done before. NULL: nothing.
 */
static void doom(struct exchange *exchange) {
    if (exchange == NULL || exchange->deleted)
        return;
    exchange->deleted = true;
    list_append(&exchange->vhost->doomed_exchanges, &exchange->work_link);
}

static void remove_bindings(struct exchange *exchange) {
    struct list *link;

    while ((link = list_first(&exchange->bindings)) != NULL)
        doom(binding_unlink(LIST_ITEM(link, struct binding, source_link)));
    while ((link = list_first(&exchange->destination_bindings)) != NULL)
        doom(binding_unlink(LIST_ITEM(link, struct binding, destination_link)));
}

void vhost_remove_exchange(struct exchange *exchange) {
    struct vhost *vhost = exchange->vhost;
    struct list *link;

    doom(exchange);
    while ((link = list_take_first(&vhost->doomed_exchanges)) != NULL) {
        exchange = LIST_ITEM(link, struct exchange, work_link);
        remove_bindings(exchange);
        MAP_REMOVE(vhost->exchanges, by_name, exchange);
        vhost->routing_generation++;
        store_delete_exchange(exchange);
        exchange_destroy(exchange);
    }
}

struct slice entity_name_clean(struct slice name, uint8_t *buffer) {
    size_t len = 0;

    if (name.len == 0 ||
        (memchr(name.data, '\r', name.len) == NULL && memchr(name.data, '\n', name.len) == NULL))
        return name;
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] != '\r' && name.data[i] != '\n')
            buffer[len++] = name.data[i];
    }
    return slice_of(buffer, len);
}

bool entity_name_is_direct_reply(struct slice name) {
    struct slice prefix = SLICE("amq.rabbitmq.reply-to");

    return slice_has_prefix(name, prefix) &&
           (name.len == prefix.len || name.data[prefix.len] == '.');
}
