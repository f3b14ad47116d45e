/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/broker.h"

#include <assert.h>
#include <stdlib.h>

#include "broker/base/alloc.h"
#include "broker/base/map.h"
#include "broker/entities/dead_letter.h"
#include "broker/entities/global_parameter.h"
#include "broker/entities/queue.h"
#include "broker/entities/store.h"
#include "broker/entities/trace.h"
#include "broker/entities/user.h"
#include "broker/entities/vhost.h"

/* Free output chunks kept: what a few busy connections use in a tick. */
#define SPARE_OUTPUT_CHUNKS 64

void broker_settings_init(struct broker_settings *settings) {
    *settings = (struct broker_settings){
        .frame_max = 131072,
        .frame_max_minimum = AMQP_FRAME_MIN_SIZE_SPEC,
        .initial_frame_max = AMQP_FRAME_MIN_SIZE,
        .channel_max = 2047,
        .heartbeat_s = 60,
        .handshake_timeout_ms = 10000,
        .max_message_size = 16777216,
        .transaction_copies_max = 4194304,
        .topic_walk_max = TOPIC_WALK_MAX,
        .permit_global_qos = true,
        .permit_transient_queues = true,
        .default_queue_type = "classic",
        .consumer_timeout_ms = 1800000,
        .default_vhost = "/",
        .auth_mechanisms = "",
        .anonymous_user = "guest",
        .anonymous_password = {.hidden = "guest"},
        .product = "RabbitMQ",
        .product_version = "4.3.5",
        .cluster_name = "rabbit@localhost",
        .node_name = "rabbit@localhost",
    };
}

struct broker *broker_create(struct env *env, const struct broker_settings *settings) {
    struct broker *broker = xcalloc(1, sizeof *broker);
    broker->env = env;
    broker->settings = *settings;
    env->fill_random(env->random_context, broker->login_key, sizeof broker->login_key);
    timers_init(&broker->timers, env->now_ms);
    list_init(&broker->endpoints.dirty);
    outbuf_pool_init(&broker->outbufs, SPARE_OUTPUT_CHUNKS);
    message_memory_init(&broker->messages);
    list_init(&broker->runnable_queues);
    list_init(&broker->dead_letters);
    list_init(&broker->traces);
    list_init(&broker->chores);
    list_init(&broker->connections);
    list_init(&broker->unconfirmed_channels);
    list_init(&broker->waiting_channels);
    list_init(&broker->gated_connections);
    list_init(&broker->fetching_connections);
    return broker;
}

void broker_destroy(struct broker *broker) {
    if (broker == NULL)
        return;
    assert(list_is_empty(&broker->connections));
    broker_clear_dead_letters(broker);
    broker_clear_traces(broker);
    struct vhost *vhost, *next_vhost;
    MAP_FOR_EACH(broker->vhosts, by_name, vhost, next_vhost) {
        MAP_REMOVE(broker->vhosts, by_name, vhost);
        vhost_destroy(vhost);
    }
    assert(list_is_empty(&broker->chores));
    users_destroy(broker);
    global_parameters_destroy(broker);
    message_memory_clear(&broker->messages);
    outbuf_pool_clear(&broker->outbufs);
    free(broker);
}

struct vhost *broker_find_vhost(const struct broker *broker, struct slice name) {
    struct vhost *vhost;
    MAP_FIND(broker->vhosts, by_name, broker->env->hash_seed, name, vhost);
    return vhost;
}

struct vhost *broker_add_vhost(struct broker *broker, struct slice name) {
    struct vhost *vhost = broker_find_vhost(broker, name);
    if (vhost != NULL)
        return vhost;
    vhost = vhost_create(broker, name);
    store_put_vhost(vhost);
    MAP_ADD(broker->vhosts, by_name, broker->env->hash_seed, vhost->name, vhost);
    return vhost;
}

static bool enqueue(struct broker *broker, struct message *message, struct queue *const *queues,
                    size_t queue_count, uint64_t *ret_lsn) {
    uint64_t lsn = store_publish(broker, message, queues, queue_count);
    bool accepted = true;
    if (lsn > *ret_lsn)
        *ret_lsn = lsn;
    for (size_t i = 0; i < queue_count; i++)
        accepted &= queue_publish(queues[i], message);
    return accepted;
}

/*
 * A message is stored once, for all its queues together. One that comes round again (an exchange that
 * keeps a history) is a new message to the journal; when there is no memory for that it is not
 * durable, and whoever waits for a confirm of it gets a nack.
 */
bool broker_publish(struct broker *broker, struct message *message, struct queue *const *queues,
                    size_t queue_count, uint64_t *ret_lsn) {
    if (message->stored == NULL)
        return enqueue(broker, message, queues, queue_count, ret_lsn);
    struct message *copy = message_copy(message);
    bool accepted = copy != NULL && enqueue(broker, copy, queues, queue_count, ret_lsn);
    message_unref(copy);
    return accepted;
}

void broker_queue_runnable(struct broker *broker, struct queue *queue) {
    if (!list_is_linked(&queue->runnable_link))
        list_append(&broker->runnable_queues, &queue->runnable_link);
}

bool broker_run_queues(struct broker *broker, size_t budget) {
    struct list running;
    list_init(&running);
    list_move_all(&running, &broker->runnable_queues);
    struct list *link;
    while ((link = list_take_first(&running)) != NULL) {
        struct queue *queue = LIST_ITEM(link, struct queue, runnable_link);
        size_t part = queue_first_part(queue, budget);
        if (queue_run(queue, part) == part)
            broker_queue_runnable(broker, queue);
    }
    if (!list_is_empty(&broker->traces))
        broker_send_traces(broker);
    return !list_is_empty(&broker->runnable_queues);
}
