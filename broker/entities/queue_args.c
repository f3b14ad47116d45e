/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checks arguments with the table of queue_argument.c, in RabbitMQ's order, and makes features of
 * them. Streams are judged as RabbitMQ judges them, and only then refused for not being there: a queue
 * that ignores its type would be worse than none.
 */
#include "broker/entities/queue_args.h"

#include <stdlib.h>

#include "amqp/spec.h"
#include "amqp/table.h"
#include "broker/base/alloc.h"
#include "broker/base/text.h"
#include "broker/entities/broker.h"
#include "broker/entities/queue.h"
#include "broker/entities/queue_argument.h"
#include "broker/entities/vhost.h"

/* -- Types of queues --------------------------------------------------------------------------- */

static const struct queue_type_row {
    enum queue_type type;
    const char *name;
    const char *module;
} queue_types[] = {
    {QUEUE_CLASSIC, "classic", "rabbit_classic_queue"},
    {QUEUE_QUORUM, "quorum", "rabbit_quorum_queue"},
    {QUEUE_STREAM, "stream", "rabbit_stream_queue"},
};

#define QUEUE_TYPE_COUNT (sizeof queue_types / sizeof queue_types[0])

static const struct queue_type_row *row_of(enum queue_type type) {
    size_t i = 0;
    while (queue_types[i].type != type)
        i++;
    return &queue_types[i];
}

const char *queue_type_name(enum queue_type type) {
    return row_of(type)->name;
}

const char *queue_type_module(enum queue_type type) {
    return row_of(type)->module;
}

static bool means_no_type(struct slice name) {
    return name.len == 0 || slice_equal(name, SLICE("undefined"));
}

unsigned queue_type_named(struct slice name) {
    if (means_no_type(name))
        return QUEUE_CLASSIC;
    for (size_t i = 0; i < QUEUE_TYPE_COUNT; i++) {
        if (slice_equal(name, slice_from_text(queue_types[i].name)))
            return queue_types[i].type;
    }
    return 0;
}

enum queue_type queue_args_type(struct slice arguments) {
    struct amqp_value type;
    unsigned known = 0;
    if (amqp_table_find(arguments, SLICE("x-queue-type"), &type) && type.tag == AMQP_TAG_TEXT)
        known = queue_type_named(type.bytes);
    return known == 0 ? QUEUE_CLASSIC : (enum queue_type)known;
}

static bool names_type(struct slice arguments) {
    struct amqp_value type;
    return amqp_table_find(arguments, SLICE("x-queue-type"), &type) &&
           !(type.tag == AMQP_TAG_TEXT && means_no_type(type.bytes));
}

static enum queue_type default_type(const struct vhost *vhost) {
    struct slice name = vhost->metadata.default_queue_type;
    if (name.len == 0)
        name = slice_from_text(vhost->broker->settings.default_queue_type);
    unsigned known = queue_type_named(name);
    return known == 0 ? QUEUE_CLASSIC : (enum queue_type)known;
}

static void put_type(struct amqp_table_builder *builder, struct slice arguments,
                     enum queue_type type) {
    struct amqp_table_iterator i = amqp_table_begin(arguments);
    struct slice name;
    struct amqp_value value;
    while (amqp_table_next(&i, &name, &value)) {
        if (!slice_equal(name, SLICE("x-queue-type")))
            amqp_table_put_value(builder, name, &value);
    }
    amqp_table_put_text(builder, SLICE("x-queue-type"), slice_from_text(queue_type_name(type)));
}

struct slice queue_args_with_default_type(const struct vhost *vhost,
                                          const struct queue_declaration *declaration,
                                          struct amqp_table_builder *builder) {
    enum queue_type type = default_type(vhost);
    bool suits = declaration->durable && !declaration->exclusive && !declaration->auto_delete;
    if (type == QUEUE_CLASSIC || !suits || names_type(declaration->arguments))
        return declaration->arguments;
    put_type(builder, declaration->arguments, type);
    return amqp_table_builder_finish(builder);
}

/* -- Checking ---------------------------------------------------------------------------------- */

/* The queue that a refusal is about. */
struct subject {
    const struct vhost *vhost;
    struct slice name;
    struct slice arguments;
};

static bool check_argument(const struct subject *subject, const struct queue_argument *row,
                           struct refusal *refusal) {
    struct text reason = {0};
    struct amqp_value value;
    bool is_valid;

    if (!amqp_table_find(subject->arguments, slice_from_text(row->key), &value))
        return true;
    row->check(&value, subject->arguments, &reason);
    is_valid = reason.len == 0;
    if (!is_valid)
        refuse(refusal, AMQP_PRECONDITION_FAILED,
               "invalid arg '%s' for queue '" SLICE_FMT "' in vhost '" SLICE_FMT "': %s", row->key,
               SLICE_ARG(subject->name), SLICE_ARG(subject->vhost->name), text_chars(&reason));
    text_clear(&reason);
    return is_valid;
}

/* RabbitMQ looks at the type of this one before anything else. */
static bool check_dead_letter_exchange(const struct subject *subject, struct refusal *refusal) {
    struct amqp_value value;

    if (!amqp_table_find(subject->arguments, SLICE("x-dead-letter-exchange"), &value) ||
        value.tag == AMQP_TAG_TEXT)
        return true;
    return refuse(refusal, AMQP_PRECONDITION_FAILED,
                  "invalid type '%s' for arg 'x-dead-letter-exchange' in queue '" SLICE_FMT
                  "' in vhost '" SLICE_FMT "'",
                  amqp_type_name(value.tag), SLICE_ARG(subject->name),
                  SLICE_ARG(subject->vhost->name));
}

/* An argument that only other types of queue have. */
static bool check_belongs(const struct subject *subject, const struct queue_argument *row,
                          unsigned type, struct refusal *refusal) {
    struct amqp_value value;

    if (row->types == 0 || row->types & type ||
        !amqp_table_find(subject->arguments, slice_from_text(row->key), &value))
        return true;
    return refuse(refusal, AMQP_PRECONDITION_FAILED,
                  "invalid arg '%s' for queue '" SLICE_FMT "' in vhost '" SLICE_FMT
                  "' of queue type %s",
                  row->key, SLICE_ARG(subject->name), SLICE_ARG(subject->vhost->name),
                  queue_type_module(type));
}

bool queue_args_check_server_named(struct slice arguments, struct refusal *refusal) {
    enum queue_type type = queue_args_type(arguments);
    return type == QUEUE_CLASSIC ||
           refuse(refusal, AMQP_PRECONDITION_FAILED,
                  "Cannot declare a server-named queue for type %s", queue_type_module(type));
}

bool queue_args_check(const struct vhost *vhost, struct slice queue_name, struct slice arguments,
                      struct refusal *refusal) {
    struct subject subject = {vhost, queue_name, arguments};
    enum queue_type type = queue_args_type(arguments);

    if (arguments.len == 0)
        return true;
    if (!check_dead_letter_exchange(&subject, refusal) ||
        !check_argument(&subject, queue_argument_find("x-queue-type"), refusal))
        return false;
    for (size_t i = 0; i < queue_argument_count; i++) {
        if (queue_arguments[i].types & type &&
            !check_argument(&subject, &queue_arguments[i], refusal))
            return false;
    }
    for (size_t i = 0; i < queue_argument_count; i++) {
        if (!check_belongs(&subject, &queue_arguments[i], type, refusal))
            return false;
    }
    return true;
}

/* -- Types beside classic ---------------------------------------------------------------------- */

static bool refuse_property(const struct subject *subject, const char *property,
                            struct refusal *refusal) {
    return refuse(refusal, AMQP_PRECONDITION_FAILED,
                  "invalid property '%s' for queue '" SLICE_FMT "' in vhost '" SLICE_FMT "'",
                  property, SLICE_ARG(subject->name), SLICE_ARG(subject->vhost->name));
}

static bool check_properties(const struct subject *subject,
                             const struct queue_declaration *declaration, struct refusal *refusal) {
    if (declaration->auto_delete)
        return refuse_property(subject, "auto-delete", refusal);
    if (declaration->exclusive)
        return refuse_property(subject, "exclusive-owner", refusal);
    return declaration->durable || refuse_property(subject, "non-durable", refusal);
}

static bool check_stream_sizes(struct slice arguments, struct refusal *refusal) {
    struct amqp_value value;

    if (amqp_table_find(arguments, SLICE("x-stream-max-segment-size-bytes"), &value) &&
        value.integer > STREAM_SEGMENT_SIZE_MAX)
        return refuse(refusal, AMQP_PRECONDITION_FAILED,
                      "Exceeded max value for x-stream-max-segment-size-bytes");
    if (!amqp_table_find(arguments, SLICE("x-stream-filter-size-bytes"), &value))
        return true;
    if (!amqp_value_is_integer(&value))
        return refuse(refusal, AMQP_PRECONDITION_FAILED,
                      "Invalid type for x-stream-filter-size-bytes");
    return (value.integer >= STREAM_FILTER_SIZE_MIN && value.integer <= STREAM_FILTER_SIZE_MAX) ||
           refuse(refusal, AMQP_PRECONDITION_FAILED,
                  "Invalid value for x-stream-filter-size-bytes");
}

/* As a RabbitMQ whose feature flag stream_queue is off. */
static bool refuse_stream(const struct subject *subject, struct refusal *refusal) {
    return refuse(refusal, AMQP_INTERNAL_ERROR,
                  "Cannot declare a queue 'queue '" SLICE_FMT "' in vhost '" SLICE_FMT
                  "'' of type '%s' on node '%s': the corresponding feature flag is disabled",
                  SLICE_ARG(subject->name), SLICE_ARG(subject->vhost->name),
                  queue_type_module(QUEUE_STREAM), subject->vhost->broker->settings.cluster_name);
}

bool queue_args_check_type(const struct vhost *vhost, struct slice queue_name,
                           const struct queue_declaration *declaration, struct refusal *refusal) {
    struct subject subject = {vhost, queue_name, declaration->arguments};
    enum queue_type type = queue_args_type(declaration->arguments);

    if (type == QUEUE_CLASSIC)
        return true;
    if (!check_properties(&subject, declaration, refusal) ||
        (type == QUEUE_STREAM && !check_stream_sizes(declaration->arguments, refusal)))
        return false;
    return type == QUEUE_QUORUM || refuse_stream(&subject, refusal);
}

/* -- Using ------------------------------------------------------------------------------------- */

/* Of a queue whose arguments ask for nothing. */
static const struct queue_features no_features = {.message_ttl_ms = -1,
                                                  .expires_ms = -1,
                                                  .max_length = -1,
                                                  .max_length_bytes = -1,
                                                  .max_priority = -1,
                                                  .delivery_limit = QUEUE_DELIVERY_LIMIT_DEFAULT,
                                                  .consumer_timeout_ms = -1,
                                                  .delayed_retry_min_ms = -1,
                                                  .delayed_retry_max_ms = -1};

/* RabbitMQ's quorum queues know two ways of overflow, and the third as the first. */
static void settle_quorum_features(struct queue_features *features) {
    if (features->overflow == QUEUE_OVERFLOW_REJECT_PUBLISH_DLX)
        features->overflow = QUEUE_OVERFLOW_DROP_HEAD;
    /* Without a limit to refuse by, letters that nobody takes could pile up for ever. */
    if (features->overflow != QUEUE_OVERFLOW_REJECT_PUBLISH)
        features->dead_letter_at_least_once = false;
}

static const struct amqp_value *find_in(struct slice table, struct slice key,
                                        struct amqp_value *value) {
    return amqp_table_find(table, key, value) ? value : NULL;
}

/* Argument, policy and operator policy make one value; false when nobody says anything. */
static bool find_wish(const struct queue_argument *row, enum queue_type type,
                      const struct queue_wishes *wishes, struct amqp_value *ret_value) {
    const struct policy_key *policy = &row->policy;
    struct slice key = queue_argument_policy_key(row);
    struct amqp_value argument, by_policy, by_operator;
    const struct amqp_value *value = NULL;
    if (policy->noun != NULL)
        value =
            queue_argument_choose(policy->with_operator, find_in(wishes->policy, key, &by_policy),
                                  find_in(wishes->operator_policy, key, &by_operator));
    value = queue_argument_choose(
        type == QUEUE_QUORUM ? policy->with_quorum_argument : policy->with_argument,
        find_in(wishes->arguments, slice_from_text(row->key), &argument), value);
    if (value != NULL)
        *ret_value = *value;
    return value != NULL;
}

/* What is not set stays NULL. */
static struct slice keep_text(uint8_t **at, struct slice text) {
    return text.data == NULL ? text : place_slice(at, text);
}

/* With texts of its own: dead letters of a deleted queue outlive the policy that spoke of them. */
static struct queue_features *copy_features(const struct queue_features *features) {
    struct queue_features *copy = xmalloc(sizeof *copy + features->dead_letter_exchange.len +
                                          features->dead_letter_routing_key.len + 1);
    uint8_t *octets = (uint8_t *)(copy + 1);
    *copy = *features;
    copy->dead_letter_exchange = keep_text(&octets, features->dead_letter_exchange);
    copy->dead_letter_routing_key = keep_text(&octets, features->dead_letter_routing_key);
    return copy;
}

struct queue_features *queue_args_features(const struct queue_wishes *wishes) {
    struct queue_features features = no_features;
    enum queue_type type = queue_args_type(wishes->arguments);
    struct amqp_value value;
    bool is_any = type == QUEUE_QUORUM;

    if (wishes->arguments.len + wishes->policy.len + wishes->operator_policy.len == 0)
        return NULL; /* most queues */
    for (size_t i = 0; i < queue_argument_count; i++) {
        const struct queue_argument *row = &queue_arguments[i];
        if (row->read != NULL && row->types & type && find_wish(row, type, wishes, &value)) {
            row->read(&features, &value);
            is_any = true;
        }
    }
    if (!is_any)
        return NULL;
    if (type == QUEUE_QUORUM)
        settle_quorum_features(&features);
    return copy_features(&features);
}

struct queue_features *queue_features_hold(struct queue_features *features) {
    features->holders++;
    return features;
}

void queue_features_release(struct queue_features *features) {
    if (features != NULL && features->holders > 0)
        features->holders--;
    else
        free(features);
}

/* -- Redeclaring ------------------------------------------------------------------------------- */

/* The order in which RabbitMQ compares the arguments of a quorum queue. */
static const char *const quorum_order[] = {"x-dead-letter-exchange",
                                           "x-dead-letter-routing-key",
                                           "x-dead-letter-strategy",
                                           "x-expires",
                                           "x-max-length",
                                           "x-max-length-bytes",
                                           "x-max-in-memory-length",
                                           "x-max-in-memory-bytes",
                                           "x-overflow",
                                           "x-single-active-consumer",
                                           "x-queue-type",
                                           "x-quorum-initial-group-size",
                                           "x-delivery-limit",
                                           "x-message-ttl",
                                           "x-queue-leader-locator",
                                           "x-consumer-timeout",
                                           "x-consumer-disconnected-timeout",
                                           "x-delayed-retry-type",
                                           "x-delayed-retry-min",
                                           "x-delayed-retry-max",
                                           "x-member-placement-tag"};

static bool check_row_equivalent(const struct queue *queue, const struct queue_argument *row,
                                 struct slice arguments, struct refusal *refusal) {
    struct declared_entity entity = {"queue", queue->name, queue->vhost->name};
    return row->compare == NULL ||
           row->compare(&entity, row->key, arguments, queue->arguments, refusal);
}

static bool check_quorum_equivalent(const struct queue *queue, struct slice arguments,
                                    struct refusal *refusal) {
    for (size_t i = 0; i < sizeof quorum_order / sizeof *quorum_order; i++) {
        if (!check_row_equivalent(queue, queue_argument_find(quorum_order[i]), arguments, refusal))
            return false;
    }
    return true;
}

bool queue_args_check_equivalent(const struct queue *queue, struct slice arguments,
                                 struct refusal *refusal) {
    if (arguments.len + queue->arguments.len == 0)
        return true;
    if (queue->type == QUEUE_QUORUM)
        return check_quorum_equivalent(queue, arguments, refusal);
    for (size_t i = 0; i < queue_argument_count; i++) {
        if (queue_arguments[i].types & QUEUE_CLASSIC &&
            !check_row_equivalent(queue, &queue_arguments[i], arguments, refusal))
            return false;
    }
    return true;
}
