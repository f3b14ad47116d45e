/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/protocol/authorize.h"

#include "amqp/table.h"
#include "broker/entities/broker.h"
#include "broker/entities/exchange.h"
#include "broker/entities/permission.h"
#include "broker/entities/queue.h"
#include "broker/entities/queue_args.h"
#include "broker/entities/route.h"
#include "broker/entities/vhost.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/delivery.h"
#include "broker/protocol/exception.h"
#include "broker/protocol/reply_to.h"

/* --- asking --- */

static bool check(struct channel *channel, enum access access, enum resource_kind kind,
                  struct slice name) {
    const struct connection *connection = channel->connection;
    struct refusal refusal;

    if (permission_check(connection->user, connection->vhost, access, kind, name, &refusal))
        return true;
    channel_refuse(channel, &refusal);
    return false;
}

static bool check_any(struct channel *channel, enum resource_kind kind, struct slice name) {
    const struct connection *connection = channel->connection;
    struct refusal refusal;

    if (permission_check_any(connection->user, connection->vhost, kind, name, &refusal))
        return true;
    channel_refuse(channel, &refusal);
    return false;
}

static bool check_topic(struct channel *channel, const struct exchange *exchange,
                        enum access access, struct slice key) {
    const struct connection *connection = channel->connection;
    struct refusal refusal;

    if (topic_permission_check(connection->user, connection->vhost, exchange->name, access, key,
                               &refusal))
        return true;
    channel_refuse(channel, &refusal);
    return false;
}

/* A queue or exchange that points to another exchange, the one which its messages go on to. */
static bool check_onward_exchange(struct channel *channel, enum resource_kind kind,
                                  struct slice name, struct slice arguments,
                                  struct slice argument) {
    struct amqp_value onward;

    if (!amqp_table_find(arguments, argument, &onward) || onward.tag != AMQP_TAG_TEXT)
        return true;
    return check(channel, ACCESS_READ, kind, name) &&
           check(channel, ACCESS_WRITE, RESOURCE_EXCHANGE, onward.bytes);
}

static bool is_reserved(struct slice name) {
    return slice_has_prefix(name, SLICE("amq."));
}

/* --- exchanges --- */

bool authorize_exchange_declare(struct channel *channel, const struct amqp_method *method) {
    const struct amqp_exchange_declare *declare = &method->exchange_declare;
    uint8_t buffer[AMQP_SHORTSTR_MAX];
    struct slice name = entity_name_clean(declare->exchange, buffer);

    if (slice_is_empty(name))
        return true;
    if (declare->passive)
        return check_any(channel, RESOURCE_EXCHANGE, name);
    if (exchange_type_find(declare->type) == NULL)
        return true;
    if (!check(channel, ACCESS_CONFIGURE, RESOURCE_EXCHANGE, name))
        return false;
    return is_reserved(name) || vhost_find_exchange(channel->connection->vhost, name) != NULL ||
           check_onward_exchange(channel, RESOURCE_EXCHANGE, name, declare->arguments,
                                 SLICE("alternate-exchange"));
}

bool authorize_exchange_delete(struct channel *channel, const struct amqp_method *method) {
    uint8_t buffer[AMQP_SHORTSTR_MAX];
    struct slice name = entity_name_clean(method->exchange_delete.exchange, buffer);

    return slice_is_empty(name) || is_reserved(name) ||
           check(channel, ACCESS_CONFIGURE, RESOURCE_EXCHANGE, name);
}

/* --- bindings --- */

static bool check_binding_key(struct channel *channel, struct slice source_name,
                              struct slice binding_key) {
    const struct exchange *source = vhost_find_exchange(channel->connection->vhost, source_name);

    return source == NULL || source->type != &exchange_type_topic ||
           check_topic(channel, source, ACCESS_READ, binding_key);
}

static bool check_binding(struct channel *channel, enum resource_kind destination_kind,
                          struct slice destination, struct slice source, struct slice binding_key) {
    bool to_reply = destination_kind == RESOURCE_QUEUE && entity_name_is_direct_reply(destination);

    if (to_reply)
        return true;
    if (!check(channel, ACCESS_WRITE, destination_kind, destination))
        return false;
    if (slice_is_empty(source) ||
        (destination_kind == RESOURCE_EXCHANGE && slice_is_empty(destination)))
        return true;
    return check(channel, ACCESS_READ, RESOURCE_EXCHANGE, source) &&
           check_binding_key(channel, source, binding_key);
}

static bool check_exchange_binding(struct channel *channel, struct slice destination,
                                   struct slice source, struct slice binding_key) {
    uint8_t destination_buffer[AMQP_SHORTSTR_MAX], source_buffer[AMQP_SHORTSTR_MAX];

    return check_binding(channel, RESOURCE_EXCHANGE,
                         entity_name_clean(destination, destination_buffer),
                         entity_name_clean(source, source_buffer), binding_key);
}

bool authorize_exchange_bind(struct channel *channel, const struct amqp_method *method) {
    const struct amqp_exchange_bind *bind = &method->exchange_bind;
    return check_exchange_binding(channel, bind->destination, bind->source, bind->routing_key);
}

bool authorize_exchange_unbind(struct channel *channel, const struct amqp_method *method) {
    const struct amqp_exchange_unbind *unbind = &method->exchange_unbind;
    return check_exchange_binding(channel, unbind->destination, unbind->source,
                                  unbind->routing_key);
}

static bool check_queue_binding(struct channel *channel, struct slice queue, struct slice source,
                                struct slice binding_key) {
    uint8_t queue_buffer[AMQP_SHORTSTR_MAX], source_buffer[AMQP_SHORTSTR_MAX];
    struct slice given = entity_name_clean(queue, queue_buffer), name;

    if (!channel_resolve_queue(channel, given, &name))
        return false;
    return check_binding(channel, RESOURCE_QUEUE, name, entity_name_clean(source, source_buffer),
                         channel_resolve_binding_key(binding_key, given, name));
}

bool authorize_queue_bind(struct channel *channel, const struct amqp_method *method) {
    const struct amqp_queue_bind *bind = &method->queue_bind;
    return check_queue_binding(channel, bind->queue, bind->exchange, bind->routing_key);
}

bool authorize_queue_unbind(struct channel *channel, const struct amqp_method *method) {
    const struct amqp_queue_unbind *unbind = &method->queue_unbind;
    return check_queue_binding(channel, unbind->queue, unbind->exchange, unbind->routing_key);
}

/* --- queues --- */

/* The name of a queue to be declared: a name that the broker makes needs permission too. */
static struct slice name_to_declare(struct channel *channel, struct slice given) {
    struct connection *connection = channel->connection;

    if (!slice_is_empty(given))
        return given;
    connection->generated_queue =
        vhost_generate_queue_name(connection->vhost, connection->generated_queue_octets);
    return connection->generated_queue;
}

bool authorize_queue_declare(struct channel *channel, const struct amqp_method *method) {
    const struct amqp_queue_declare *declare = &method->queue_declare;
    uint8_t buffer[AMQP_SHORTSTR_MAX];
    struct slice given = entity_name_clean(declare->queue, buffer);
    struct refusal refusal;

    if (entity_name_is_direct_reply(declare->queue))
        return true;
    if (declare->passive)
        return check_any(channel, RESOURCE_QUEUE, given);
    if (is_reserved(given) ||
        (slice_is_empty(given) && !queue_args_check_server_named(declare->arguments, &refusal)))
        return true;
    struct slice name = name_to_declare(channel, given);
    if (!check(channel, ACCESS_CONFIGURE, RESOURCE_QUEUE, name))
        return false;
    return vhost_find_queue(channel->connection->vhost, name) != NULL ||
           check_onward_exchange(channel, RESOURCE_QUEUE, name, declare->arguments,
                                 SLICE("x-dead-letter-exchange"));
}

static bool check_queue(struct channel *channel, enum access access, struct slice given) {
    struct slice name;

    return channel_resolve_queue(channel, given, &name) &&
           check(channel, access, RESOURCE_QUEUE, name);
}

bool authorize_queue_delete(struct channel *channel, const struct amqp_method *method) {
    uint8_t buffer[AMQP_SHORTSTR_MAX];
    return check_queue(channel, ACCESS_CONFIGURE,
                       entity_name_clean(method->queue_delete.queue, buffer));
}

bool authorize_queue_purge(struct channel *channel, const struct amqp_method *method) {
    return check_queue(channel, ACCESS_READ, method->queue_purge.queue);
}

/* --- messages --- */

bool authorize_basic_get(struct channel *channel, const struct amqp_method *method) {
    return check_queue(channel, ACCESS_READ, method->basic_get.queue);
}

/* A consumer tag that is taken and a channel full of consumers are errors of their own. */
static bool may_add_consumer(const struct channel *channel, struct slice tag) {
    uint32_t limit = channel->connection->broker->settings.consumer_max_per_channel;

    return channel_find_consumer(channel, tag) == NULL &&
           (limit == 0 || channel->consumer_count < limit);
}

bool authorize_basic_consume(struct channel *channel, const struct amqp_method *method) {
    const struct amqp_basic_consume *consume = &method->basic_consume;

    return reply_to_is_pseudo_queue(consume->queue) ||
           !may_add_consumer(channel, consume->consumer_tag) ||
           check_queue(channel, ACCESS_READ, consume->queue);
}

bool authorize_publish(struct channel *channel, struct slice exchange_name) {
    return check(channel, ACCESS_WRITE, RESOURCE_EXCHANGE, exchange_name);
}

static bool check_topics(struct channel *channel, const struct exchange *exchange,
                         struct slice keys) {
    struct amqp_array_iterator items = amqp_array_begin(keys);
    struct amqp_value key;

    while (amqp_array_next(&items, &key)) {
        if (key.tag == AMQP_TAG_TEXT && !check_topic(channel, exchange, ACCESS_WRITE, key.bytes))
            return false;
    }
    return true;
}

bool authorize_topics(struct channel *channel, const struct exchange *exchange,
                      const struct route_request *request) {
    return check_topic(channel, exchange, ACCESS_WRITE, request->routing_key) &&
           check_topics(channel, exchange, request->cc) &&
           check_topics(channel, exchange, request->bcc);
}

/* --- again --- */

static bool may_still_read(const struct channel_consumer *consumer) {
    const struct connection *connection = consumer->channel->connection;
    const struct queue *queue = consumer->consumer.queue;
    struct refusal refusal;

    return queue->direct_reply || permission_check(connection->user, connection->vhost, ACCESS_READ,
                                                   RESOURCE_QUEUE, queue->name, &refusal);
}

void authorize_consumers_again(struct channel *channel) {
    struct channel_consumer *consumer, *next;

    HASH_ITER(by_tag, channel->consumers, consumer, next) {
        if (!may_still_read(consumer))
            channel_cancel_consumer(consumer);
    }
}
