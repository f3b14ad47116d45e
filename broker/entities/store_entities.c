/* SPDX-License-Identifier: Apache-2.0 */
/* Durable exchanges, queues and bindings as records of the journal, there and back. */
#include <stdlib.h>

#include "broker/entities/binding.h"
#include "broker/entities/broker.h"
#include "broker/entities/exchange.h"
#include "broker/entities/queue.h"
#include "broker/entities/store_private.h"
#include "broker/entities/vhost.h"

enum { EXCHANGE_AUTO_DELETE = 1, EXCHANGE_INTERNAL = 2 };
enum { QUEUE_AUTO_DELETE = 1 };
enum { DESTINATION_QUEUE = 0, DESTINATION_EXCHANGE = 1 };

/* --- what a record says --- */

static void encode_exchange_key(struct writer *w, const void *object) {
    const struct exchange *exchange = object;
    writer_shortstr(w, exchange->vhost->name);
    writer_shortstr(w, exchange->name);
}

static void encode_exchange(struct writer *w, const void *object) {
    const struct exchange *exchange = object;
    writer_shortstr(w, slice_from_text(exchange->type->name));
    writer_u8(w, (uint8_t)((exchange->auto_delete ? EXCHANGE_AUTO_DELETE : 0) |
                           (exchange->internal ? EXCHANGE_INTERNAL : 0)));
    writer_longstr(w, exchange->arguments);
    for (size_t i = 0; i < EXCHANGE_HOLDS; i++)
        writer_u64(w, exchange->held[i].id);
}

static void encode_queue_key(struct writer *w, const void *object) {
    const struct queue *queue = object;
    writer_shortstr(w, queue->vhost->name);
    writer_shortstr(w, queue->name);
}

static void encode_queue(struct writer *w, const void *object) {
    const struct queue *queue = object;
    writer_u64(w, queue->id);
    writer_u8(w, queue->auto_delete ? QUEUE_AUTO_DELETE : 0);
    writer_longstr(w, queue->arguments);
}

static void encode_binding_key(struct writer *w, const void *object) {
    const struct binding *binding = object;
    writer_shortstr(w, binding->source->vhost->name);
    writer_longstr(w, binding->identity);
}

static void encode_binding(struct writer *w, const void *object) {
    const struct binding *binding = object;
    const struct queue *queue = binding->destination.queue;
    writer_shortstr(w, binding->source->name);
    writer_u8(w, queue != NULL ? DESTINATION_QUEUE : DESTINATION_EXCHANGE);
    writer_shortstr(w, queue != NULL ? queue->name : binding->destination.exchange->name);
    writer_shortstr(w, binding->binding_key);
    writer_longstr(w, binding->arguments);
}

/* --- put and deleted --- */

static bool binding_is_durable(const struct binding *binding) {
    const struct queue *queue = binding->destination.queue;
    return binding->source->durable &&
           (queue != NULL ? queue->durable : binding->destination.exchange->durable);
}

void store_put_exchange(const struct exchange *exchange) {
    if (exchange->durable && exchange->vhost->broker->journal != NULL)
        store_put_record(exchange->vhost->broker, STORE_EXCHANGE, encode_exchange_key,
                         encode_exchange, exchange);
}

void store_delete_exchange(const struct exchange *exchange) {
    struct broker *broker = exchange->vhost->broker;
    if (!exchange->durable || broker->journal == NULL)
        return;
    store_forget_record(broker, STORE_EXCHANGE, encode_exchange_key, exchange);
    for (size_t i = 0; i < EXCHANGE_HOLDS; i++) {
        if (exchange->held[i].id != 0)
            broker->promise_lsn = journal_delete_queue(broker->journal, exchange->held[i].id);
    }
}

void store_put_queue(struct queue *queue) {
    struct broker *broker = queue->vhost->broker;
    if (!queue->durable)
        return;
    queue->id = ++broker->last_queue_id;
    if (broker->journal != NULL)
        store_put_record(broker, STORE_QUEUE, encode_queue_key, encode_queue, queue);
}

void store_delete_queue(const struct queue *queue) {
    struct broker *broker = queue->vhost->broker;
    if (!queue->durable || broker->journal == NULL)
        return;
    store_delete_lifetimes(queue);
    store_forget_record(broker, STORE_QUEUE, encode_queue_key, queue);
    broker->promise_lsn = journal_delete_queue(broker->journal, queue->id);
}

void store_put_binding(const struct binding *binding) {
    struct broker *broker = binding->source->vhost->broker;
    if (broker->journal != NULL && binding_is_durable(binding))
        store_put_record(broker, STORE_BINDING, encode_binding_key, encode_binding, binding);
}

void store_delete_binding(const struct binding *binding) {
    struct broker *broker = binding->source->vhost->broker;
    if (broker->journal != NULL && binding_is_durable(binding))
        store_forget_record(broker, STORE_BINDING, encode_binding_key, binding);
}

/* --- recovery --- */

static struct vhost *vhost_of_key(struct broker *broker, struct cursor *key) {
    return broker_add_vhost(broker, cursor_shortstr(key));
}

bool store_apply_exchange(struct broker *broker, struct cursor *key, struct cursor *payload) {
    struct vhost *vhost = vhost_of_key(broker, key);
    struct slice name = cursor_shortstr(key);
    const struct exchange_type *type = exchange_type_find(cursor_shortstr(payload));
    uint8_t flags = cursor_u8(payload);
    struct slice arguments = cursor_longstr(payload);
    uint64_t ids[EXCHANGE_HOLDS];
    for (size_t i = 0; i < EXCHANGE_HOLDS; i++)
        ids[i] = cursor_u64(payload);
    if (type == NULL || cursor_failed(key) || cursor_failed(payload))
        return false;
    if (vhost_find_exchange(vhost, name) != NULL)
        return false;
    struct exchange *exchange = exchange_create(vhost, name, type, arguments);
    if (exchange == NULL)
        abort(); /* there is no memory to recover with */
    for (size_t i = 0; i < EXCHANGE_HOLDS; i++) {
        exchange->held[i].id = ids[i];
        if (ids[i] > broker->last_queue_id)
            broker->last_queue_id = ids[i];
    }
    exchange->durable = true;
    exchange->auto_delete = (flags & EXCHANGE_AUTO_DELETE) != 0;
    exchange->internal = (flags & EXCHANGE_INTERNAL) != 0;
    vhost_add_exchange(vhost, exchange);
    return true;
}

bool store_apply_queue(struct broker *broker, struct cursor *key, struct cursor *payload) {
    struct vhost *vhost = vhost_of_key(broker, key);
    struct slice name = cursor_shortstr(key);
    uint64_t id = cursor_u64(payload);
    uint8_t flags = cursor_u8(payload);
    struct slice arguments = cursor_longstr(payload);
    if (cursor_failed(key) || cursor_failed(payload))
        return false;
    if (vhost_find_queue(vhost, name) != NULL)
        return false;
    struct queue *queue = queue_create(vhost, name, arguments);
    if (queue == NULL)
        abort();
    queue->id = id;
    queue->durable = true;
    queue->auto_delete = (flags & QUEUE_AUTO_DELETE) != 0;
    if (id > broker->last_queue_id)
        broker->last_queue_id = id;
    vhost_add_queue(vhost, queue);
    queue_restart_expires(queue);
    return true;
}

bool store_apply_binding(struct broker *broker, struct cursor *key, struct cursor *payload) {
    struct vhost *vhost = vhost_of_key(broker, key);
    struct exchange *source = vhost_find_exchange(vhost, cursor_shortstr(payload));
    uint8_t kind = cursor_u8(payload);
    struct slice destination_name = cursor_shortstr(payload);
    struct slice binding_key = cursor_shortstr(payload);
    struct slice arguments = cursor_longstr(payload);
    struct binding_destination destination = {0};
    if (kind == DESTINATION_QUEUE)
        destination.queue = vhost_find_queue(vhost, destination_name);
    else
        destination.exchange = vhost_find_exchange(vhost, destination_name);
    if (cursor_failed(payload) || source == NULL ||
        (destination.queue == NULL && destination.exchange == NULL))
        return false;
    struct refusal refusal;
    return binding_add(source, destination, binding_key, arguments, &refusal);
}
