/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Class queue: clean the names, fill in the queue that was declared last, let the vhost decide
 * (compat 2.5 - 2.7), reply unless no-wait.
 */
#include "amqp/spec.h"
#include "broker/entities/broker.h"
#include "broker/entities/queue.h"
#include "broker/entities/store.h"
#include "broker/entities/vhost.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/dispatch.h"
#include "broker/protocol/exception.h"
#include "broker/protocol/reply_to.h"
#include "broker/protocol/send.h"

/* Counts travel in 32 bits. */
static uint32_t wire_count(size_t count) {
    return count > UINT32_MAX ? UINT32_MAX : (uint32_t)count;
}

static void send_declare_ok(struct channel *channel, const struct queue *queue) {
    SEND(channel, AMQP_QUEUE_DECLARE_OK, queue_declare_ok, .queue = queue->name,
         .message_count = wire_count(queue_ready_count(queue)),
         .consumer_count = wire_count(queue->consumer_count));
}

void handle_queue_declare(struct channel *channel, const struct amqp_method *method) {
    const struct amqp_queue_declare *declare = &method->queue_declare;
    struct connection *connection = channel->connection;
    uint8_t name[AMQP_SHORTSTR_MAX];
    struct refusal refusal;
    struct queue_declaration declaration = {
        .name = entity_name_clean(declare->queue, name),
        .arguments = declare->arguments,
        .passive = declare->passive,
        .durable = declare->durable,
        .exclusive = declare->exclusive,
        .auto_delete = declare->auto_delete,
        .connection = connection,
        .generated_name = connection->generated_queue,
    };
    bool created = false;

    if (entity_name_is_direct_reply(declare->queue)) {
        reply_to_declare(channel, declare);
        return;
    }
    struct queue *queue = vhost_declare_queue(connection->vhost, &declaration, &created, &refusal);
    if (queue == NULL) {
        channel_refuse(channel, &refusal);
        return;
    }
    if (created && queue->exclusive_owner != NULL)
        list_append(&connection->exclusive_queues, &queue->exclusive_link);
    channel_set_last_queue(channel, queue->name);
    if (declare->no_wait)
        return;
    if (queue->quorum == NULL)
        queue_restart_expires(queue); /* in RabbitMQ it is the counting that does it */
    send_declare_ok(channel, queue);
}

void handle_queue_bind(struct channel *channel, const struct amqp_method *method) {
    const struct amqp_queue_bind *bind = &method->queue_bind;
    uint8_t source[AMQP_SHORTSTR_MAX], buffer[AMQP_SHORTSTR_MAX];
    struct slice given = entity_name_clean(bind->queue, buffer), name;
    struct refusal refusal;

    if (!channel_resolve_queue(channel, given, &name))
        return;
    struct binding_request request = {
        .source = entity_name_clean(bind->exchange, source),
        .destination = name,
        .destination_is_queue = true,
        .binding_key = channel_resolve_binding_key(bind->routing_key, given, name),
        .arguments = bind->arguments,
        .connection = channel->connection,
    };
    if (!vhost_bind(channel->connection->vhost, &request, &refusal))
        channel_refuse(channel, &refusal);
    else if (!bind->no_wait)
        SEND(channel, AMQP_QUEUE_BIND_OK, queue_bind_ok);
}

void handle_queue_unbind(struct channel *channel, const struct amqp_method *method) {
    const struct amqp_queue_unbind *unbind = &method->queue_unbind;
    uint8_t source[AMQP_SHORTSTR_MAX], buffer[AMQP_SHORTSTR_MAX];
    struct slice given = entity_name_clean(unbind->queue, buffer), name;
    struct refusal refusal;

    if (!channel_resolve_queue(channel, given, &name))
        return;
    struct binding_request request = {
        .source = entity_name_clean(unbind->exchange, source),
        .destination = name,
        .destination_is_queue = true,
        .binding_key = channel_resolve_binding_key(unbind->routing_key, given, name),
        .arguments = unbind->arguments,
        .connection = channel->connection,
    };
    if (!vhost_unbind(channel->connection->vhost, &request, &refusal))
        channel_refuse(channel, &refusal);
    else /* the one method of the class that knows no no-wait */
        SEND(channel, AMQP_QUEUE_UNBIND_OK, queue_unbind_ok);
}

void handle_queue_purge(struct channel *channel, const struct amqp_method *method) {
    const struct amqp_queue_purge *purge = &method->queue_purge;
    struct connection *connection = channel->connection;
    struct slice name;
    struct refusal refusal;

    if (!channel_resolve_queue(channel, purge->queue, &name))
        return;
    struct queue *queue = vhost_find_queue(connection->vhost, name);
    if (queue == NULL)
        refuse_not_found(&refusal, "queue", name, connection->vhost->name);
    if (queue == NULL || !queue_check_exclusive(queue, connection, &refusal)) {
        channel_refuse(channel, &refusal);
        return;
    }
    uint64_t settled_before = connection->broker->settle_lsn;
    size_t count = queue_purge(queue);
    if (connection->broker->settle_lsn > settled_before)
        store_promise_settled(connection->broker);
    if (!purge->no_wait)
        SEND(channel, AMQP_QUEUE_PURGE_OK, queue_purge_ok, .message_count = wire_count(count));
}

/* Consumers, those of this channel too, are told by the queue while it is deleted. */
void handle_queue_delete(struct channel *channel, const struct amqp_method *method) {
    const struct amqp_queue_delete *delete = &method->queue_delete;
    struct connection *connection = channel->connection;
    uint8_t buffer[AMQP_SHORTSTR_MAX];
    struct slice name;
    struct refusal refusal;
    size_t count = 0;

    if (!channel_resolve_queue(channel, entity_name_clean(delete->queue, buffer), &name))
        return;
    if (!vhost_delete_queue(connection->vhost, name, connection, delete->if_unused,
                            delete->if_empty, &count, &refusal))
        channel_refuse(channel, &refusal);
    else if (!delete->no_wait)
        SEND(channel, AMQP_QUEUE_DELETE_OK, queue_delete_ok, .message_count = wire_count(count));
}
