/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Declare, delete, bind and unbind: RabbitMQ's checks in RabbitMQ's order (compat 2.3 to 2.7), then
 * the change itself, which vhost.c and binding.c make. Every check that fails fills in the refusal
 * with RabbitMQ's words.
 */
#include <inttypes.h>
#include <string.h>

#include "amqp/table.h"
#include "broker/entities/broker.h"
#include "broker/entities/exchange.h"
#include "broker/entities/generated_name.h"
#include "broker/entities/inequivalence.h"
#include "broker/entities/queue.h"
#include "broker/entities/queue_args.h"
#include "broker/entities/store.h"
#include "broker/entities/vhost.h"
#include "broker/entities/node_limits.h"

static bool refuse_default_exchange(struct refusal *refusal) {
    return refuse(refusal, AMQP_ACCESS_REFUSED, "operation not permitted on the default exchange");
}

static bool refuse_reserved(const char *kind, struct slice name, struct refusal *refusal) {
    return refuse(refusal, AMQP_ACCESS_REFUSED,
                  "%s name '" SLICE_FMT "' contains reserved prefix 'amq.*'", kind,
                  SLICE_ARG(name));
}

static bool is_reserved(struct slice name) {
    return slice_has_prefix(name, SLICE("amq."));
}

/* In a method a name or key is a short string; from the HTTP API and from definitions it comes in any length. */
static bool check_short(const char *what, struct slice text, struct refusal *refusal) {
    return text.len <= AMQP_SHORTSTR_MAX ||
           refuse(refusal, AMQP_PRECONDITION_FAILED,
                  "%s should be less than 255 bytes, actually was %zu", what, text.len);
}

/* -- Exchanges --------------------------------------------------------------------------------- */

static bool check_exchange_equivalent(const struct exchange *exchange,
                                      const struct exchange_type *type,
                                      const struct exchange_declaration *declaration,
                                      struct refusal *refusal) {
    struct declared_entity entity = {"exchange", exchange->name, exchange->vhost->name};

    return equivalent_atom(&entity, "type", slice_from_text(type->name),
                           slice_from_text(exchange->type->name), refusal) &&
           equivalent_flag(&entity, "durable", declaration->durable, exchange->durable, refusal) &&
           equivalent_flag(&entity, "auto_delete", declaration->auto_delete, exchange->auto_delete,
                           refusal) &&
           equivalent_flag(&entity, "internal", declaration->internal, exchange->internal,
                           refusal) &&
           equivalent_argument(&entity, "alternate-exchange", declaration->arguments,
                               exchange->arguments, refusal);
}

static bool check_alternate_exchange(const struct vhost *vhost,
                                     const struct exchange_declaration *declaration,
                                     struct refusal *refusal) {
    struct amqp_value alternate;

    if (!amqp_table_find(declaration->arguments, SLICE("alternate-exchange"), &alternate) ||
        alternate.tag == AMQP_TAG_TEXT)
        return true;
    return refuse(refusal, AMQP_PRECONDITION_FAILED,
                  "invalid type '%s' for arg 'alternate-exchange' in exchange '" SLICE_FMT
                  "' in vhost '" SLICE_FMT "'",
                  amqp_type_name(alternate.tag), SLICE_ARG(declaration->name),
                  SLICE_ARG(vhost->name));
}

static struct exchange *create_exchange(struct vhost *vhost, const struct exchange_type *type,
                                        const struct exchange_declaration *declaration,
                                        struct refusal *refusal) {
    struct exchange *exchange;

    if (is_reserved(declaration->name)) {
        refuse_reserved("exchange", declaration->name, refusal);
        return NULL;
    }
    if (!check_alternate_exchange(vhost, declaration, refusal) ||
        !node_limits_allow_exchange(vhost, declaration->name, refusal))
        return NULL;
    if (type->check_arguments != NULL && !type->check_arguments(declaration->arguments, refusal))
        return NULL;
    exchange = exchange_create(vhost, declaration->name, type, declaration->arguments);
    if (exchange == NULL) {
        refuse_memory(refusal);
        return NULL;
    }
    exchange->durable = declaration->durable;
    exchange->auto_delete = declaration->auto_delete;
    exchange->internal = declaration->internal;
    vhost_add_exchange(vhost, exchange);
    policies_apply_to_exchange(exchange);
    store_put_exchange(exchange);
    return exchange;
}

/* Type, flags and arguments of a passive declare mean nothing. */
static struct exchange *declare_exchange_passively(const struct vhost *vhost, struct slice name,
                                                   struct refusal *refusal) {
    struct exchange *exchange;

    if (name.len == 0) {
        refuse_default_exchange(refusal);
        return NULL;
    }
    exchange = vhost_find_exchange(vhost, name);
    if (exchange == NULL)
        refuse_not_found(refusal, "exchange", name, vhost->name);
    return exchange;
}

struct exchange *vhost_declare_exchange(struct vhost *vhost,
                                        const struct exchange_declaration *declaration,
                                        struct refusal *refusal) {
    const struct exchange_type *type;
    struct exchange *exchange;

    if (declaration->passive)
        return declare_exchange_passively(vhost, declaration->name, refusal);
    type = exchange_type_find(declaration->type);
    if (type == NULL) {
        refuse(refusal, AMQP_PRECONDITION_FAILED, "unknown exchange type '" SLICE_FMT "'",
               SLICE_ARG(declaration->type));
        return NULL;
    }
    if (declaration->name.len == 0) {
        refuse_default_exchange(refusal);
        return NULL;
    }
    if (!check_short("exchange", declaration->name, refusal))
        return NULL;
    exchange = vhost_find_exchange(vhost, declaration->name);
    if (exchange == NULL)
        return create_exchange(vhost, type, declaration, refusal);
    return check_exchange_equivalent(exchange, type, declaration, refusal) ? exchange : NULL;
}

bool vhost_delete_exchange(struct vhost *vhost, struct slice name, bool if_unused,
                           struct refusal *refusal) {
    struct exchange *exchange;

    if (name.len == 0)
        return refuse_default_exchange(refusal);
    if (is_reserved(name))
        return refuse(refusal, AMQP_ACCESS_REFUSED,
                      "deletion of system exchange '" SLICE_FMT "' in vhost '" SLICE_FMT
                      "' not allowed",
                      SLICE_ARG(name), SLICE_ARG(vhost->name));
    exchange = vhost_find_exchange(vhost, name);
    if (exchange == NULL)
        return true;
    if (if_unused && !list_is_empty(&exchange->bindings))
        return refuse(refusal, AMQP_PRECONDITION_FAILED,
                      "exchange '" SLICE_FMT "' in vhost '" SLICE_FMT "' in use", SLICE_ARG(name),
                      SLICE_ARG(vhost->name));
    vhost_remove_exchange(exchange);
    return true;
}

/* -- Queues ------------------------------------------------------------------------------------ */

/* An exclusive queue goes with its connection: it is always stored as transient. */
static bool is_durable(const struct queue_declaration *declaration) {
    return declaration->durable && !declaration->exclusive;
}

static bool check_queue_equivalent(const struct queue *queue,
                                   const struct queue_declaration *declaration,
                                   struct refusal *refusal) {
    struct declared_entity entity = {"queue", queue->name, queue->vhost->name};
    const void *owner = declaration->exclusive ? declaration->connection : NULL;

    if (queue->exclusive_owner != owner)
        return queue_refuse_locked(queue, refusal);
    return equivalent_flag(&entity, "durable", is_durable(declaration), queue->durable, refusal) &&
           equivalent_flag(&entity, "auto_delete", declaration->auto_delete, queue->auto_delete,
                           refusal) &&
           queue_args_check_equivalent(queue, declaration->arguments, refusal);
}

static bool check_transient_queue(const struct vhost *vhost,
                                  const struct queue_declaration *declaration,
                                  struct refusal *refusal) {
    if (declaration->durable || declaration->exclusive ||
        vhost->broker->settings.permit_transient_queues)
        return true;
    return refuse(refusal, AMQP_INTERNAL_ERROR,
                  "Feature `transient_nonexcl_queues` is deprecated.\n"
                  "By default, this feature is not permitted anymore.\n"
                  "It is permitted by this line in the configuration:\n"
                  "    \"deprecated_features.permit.transient_nonexcl_queues = true\"");
}

static bool check_queue_limit(const struct vhost *vhost, struct slice name,
                              struct refusal *refusal) {
    int64_t limit = vhost->limits.max_queues;

    if (limit < 0 || MAP_COUNT(vhost->queues, by_name) < (uint64_t)limit)
        return true;
    limit_reached(vhost->broker, LIMIT_VHOST_QUEUES);
    return refuse(refusal, AMQP_PRECONDITION_FAILED,
                  "cannot declare queue '" SLICE_FMT "': queue limit in vhost '" SLICE_FMT
                  "' (%" PRId64 ") is reached",
                  SLICE_ARG(name), SLICE_ARG(vhost->name), limit);
}

/* `name` differs from the declaration's when the broker made it. */
static struct queue *create_queue(struct vhost *vhost, struct slice name,
                                  const struct queue_declaration *declaration,
                                  struct refusal *refusal) {
    struct queue *queue;

    if (!queue_args_check(vhost, name, declaration->arguments, refusal) ||
        !check_transient_queue(vhost, declaration, refusal) ||
        !check_queue_limit(vhost, name, refusal) ||
        !node_limits_allow_queue(vhost, name, refusal) ||
        !queue_args_check_type(vhost, name, declaration, refusal))
        return NULL;
    queue = queue_create(vhost, name, declaration->arguments);
    if (queue == NULL) {
        refuse_memory(refusal);
        return NULL;
    }
    queue->durable = is_durable(declaration);
    queue->auto_delete = declaration->auto_delete;
    queue->exclusive_owner = declaration->exclusive ? declaration->connection : NULL;
    vhost_add_queue(vhost, queue);
    policies_apply_to_queue(queue);
    store_put_queue(queue);
    queue_restart_expires(queue);
    vhost->broker->counters.queues_declared++;
    vhost->broker->counters.queues_created++;
    return queue;
}

struct slice vhost_generate_queue_name(const struct vhost *vhost, char buffer[GENERATED_NAME_MAX]) {
    struct slice name = generated_name(vhost->broker->env, "amq.gen", buffer);

    while (vhost_find_queue(vhost, name) != NULL)
        name = generated_name(vhost->broker->env, "amq.gen", buffer);
    return name;
}

static struct queue *create_server_named_queue(struct vhost *vhost,
                                               const struct queue_declaration *declaration,
                                               struct refusal *refusal) {
    char buffer[GENERATED_NAME_MAX];
    struct slice name;

    if (!queue_args_check_server_named(declaration->arguments, refusal))
        return NULL;
    name = slice_is_empty(declaration->generated_name) ? vhost_generate_queue_name(vhost, buffer)
                                                       : declaration->generated_name;
    return create_queue(vhost, name, declaration, refusal);
}

static struct queue *declare_queue_passively(const struct vhost *vhost,
                                             const struct queue_declaration *declaration,
                                             struct refusal *refusal) {
    struct queue *queue = vhost_find_queue(vhost, declaration->name);

    if (queue == NULL)
        refuse_not_found(refusal, "queue", declaration->name, vhost->name);
    else if (!queue_check_exclusive(queue, declaration->connection, refusal))
        return NULL;
    return queue;
}

static struct queue *declare_queue(struct vhost *vhost, const struct queue_declaration *declaration,
                                   bool *ret_created, struct refusal *refusal) {
    struct queue *queue;

    if (!check_short("queue", declaration->name, refusal))
        return NULL;
    if (is_reserved(declaration->name)) {
        refuse_reserved("queue", declaration->name, refusal);
        return NULL;
    }
    queue = vhost_find_queue(vhost, declaration->name);
    if (queue != NULL) {
        vhost->broker->counters.queues_declared++; /* RabbitMQ counts those that it refuses, too */
        return check_queue_equivalent(queue, declaration, refusal) ? queue : NULL;
    }
    queue = declaration->name.len == 0
                ? create_server_named_queue(vhost, declaration, refusal)
                : create_queue(vhost, declaration->name, declaration, refusal);
    *ret_created = queue != NULL;
    return queue;
}

struct queue *vhost_declare_queue(struct vhost *vhost, const struct queue_declaration *declaration,
                                  bool *ret_created, struct refusal *refusal) {
    struct queue_declaration typed = *declaration;
    struct amqp_table_builder builder;
    struct queue *queue;

    *ret_created = false;
    if (declaration->passive)
        return declare_queue_passively(vhost, declaration, refusal);
    amqp_table_builder_init(&builder);
    typed.arguments = queue_args_with_default_type(vhost, declaration, &builder);
    queue = declare_queue(vhost, &typed, ret_created, refusal);
    amqp_table_builder_clear(&builder);
    return queue;
}

static bool refuse_queue_precondition(const struct queue *queue, const char *condition,
                                      struct refusal *refusal) {
    return refuse(refusal, AMQP_PRECONDITION_FAILED,
                  "queue '" SLICE_FMT "' in vhost '" SLICE_FMT "' %s", SLICE_ARG(queue->name),
                  SLICE_ARG(queue->vhost->name), condition);
}

static bool refuse_quorum_delete(const struct queue *queue, const char *flag,
                                 struct refusal *refusal) {
    return refuse(refusal, AMQP_NOT_IMPLEMENTED,
                  "cannot delete queue '" SLICE_FMT "' in vhost '" SLICE_FMT
                  "'. queue.delete operations with %s flag set are not supported by quorum queues",
                  SLICE_ARG(queue->name), SLICE_ARG(queue->vhost->name), flag);
}

bool vhost_delete_queue(struct vhost *vhost, struct slice name, const void *connection,
                        bool if_unused, bool if_empty, size_t *ret_message_count,
                        struct refusal *refusal) {
    struct queue *queue = vhost_find_queue(vhost, name);
    size_t message_count;

    if (queue == NULL) {
        *ret_message_count = 0;
        return true;
    }
    if (!queue_check_exclusive(queue, connection, refusal))
        return false;
    message_count = queue_ready_count(queue);
    if (queue->type == QUEUE_QUORUM && (if_unused || if_empty))
        return refuse_quorum_delete(queue, if_unused ? "if-unused" : "if-empty", refusal);
    if (if_empty && message_count > 0)
        return refuse_queue_precondition(queue, "not empty", refusal);
    if (if_unused && queue->consumer_count > 0)
        return refuse_queue_precondition(queue, "in use", refusal);
    vhost_remove_queue(queue);
    *ret_message_count = message_count;
    return true;
}

/* -- Bindings ---------------------------------------------------------------------------------- */

/* The checks that look at names only, before anything is looked up. */
static bool check_binding_names(const struct binding_request *request, struct refusal *refusal) {
    if (request->destination_is_queue &&
        slice_has_prefix(request->destination, SLICE("amq.rabbitmq.reply-to.")))
        return refuse(refusal, AMQP_ACCESS_REFUSED,
                      "cannot bind or unbind to a volatile (direct reply-to) queue");
    if (request->source.len == 0 ||
        (!request->destination_is_queue && request->destination.len == 0))
        return refuse_default_exchange(refusal);
    return check_short("routing_key", request->binding_key, refusal);
}

/* False when it is missing. */
static bool find_binding_destination(const struct vhost *vhost,
                                     const struct binding_request *request,
                                     struct binding_destination *ret_destination) {
    struct binding_destination destination = {0};

    if (request->destination_is_queue)
        destination.queue = vhost_find_queue(vhost, request->destination);
    else
        destination.exchange = vhost_find_exchange(vhost, request->destination);
    *ret_destination = destination;
    return destination.queue != NULL || destination.exchange != NULL;
}

static bool check_binding_exclusive(struct binding_destination destination,
                                    const struct binding_request *request,
                                    struct refusal *refusal) {
    return destination.queue == NULL ||
           queue_check_exclusive(destination.queue, request->connection, refusal);
}

bool vhost_bind(struct vhost *vhost, const struct binding_request *request,
                struct refusal *refusal) {
    struct binding_destination destination;
    struct exchange *source;

    if (!check_binding_names(request, refusal))
        return false;
    source = vhost_find_exchange(vhost, request->source);
    if (source == NULL)
        return refuse_not_found(refusal, "exchange", request->source, vhost->name);
    if (!find_binding_destination(vhost, request, &destination))
        return refuse_not_found(refusal, request->destination_is_queue ? "queue" : "exchange",
                                request->destination, vhost->name);
    /* binding_add() makes this check too, but a refused pattern comes before a locked queue. */
    return binding_check(source, destination, request->binding_key, request->arguments, refusal) &&
           check_binding_exclusive(destination, request, refusal) &&
           binding_add(source, destination, request->binding_key, request->arguments, refusal);
}

bool vhost_unbind(struct vhost *vhost, const struct binding_request *request,
                  struct refusal *refusal) {
    struct binding_destination destination;
    struct exchange *source;
    struct binding *binding;

    if (!check_binding_names(request, refusal))
        return false;
    source = vhost_find_exchange(vhost, request->source);
    if (source == NULL || !find_binding_destination(vhost, request, &destination))
        return true;
    binding = binding_find(source, destination, request->binding_key, request->arguments);
    if (binding == NULL)
        return true;
    if (!check_binding_exclusive(destination, request, refusal))
        return false;
    binding_remove(binding);
    return true;
}
