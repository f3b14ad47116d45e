/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table of the arguments RabbitMQ knows. It is in the order in which a redeclare compares them
 * (compat 3.1), so that the first difference reported is RabbitMQ's.
 *
 * An argument whose effect this broker does not have is refused when the queue is created: a queue
 * that ignores its length limit would be worse than none.
 */
#include "broker/entities/queue_args.h"

#include <inttypes.h>

#include "amqp/table.h"
#include "broker/base/text.h"
#include "broker/entities/inequivalence.h"
#include "broker/entities/queue.h"
#include "broker/entities/value_text.h"
#include "broker/entities/vhost.h"

/* Appends why the value is not acceptable; appends nothing when it is. */
typedef void check_value(const struct amqp_value *value, struct text *reason);

/* As equivalent_argument(). */
typedef bool compare_argument(const struct declared_entity *entity, const char *key,
                              struct slice received_table, struct slice current_table,
                              struct refusal *refusal);

static void check_unsupported(const struct amqp_value *value, struct text *reason) {
    (void)value;
    text_append(reason, SLICE("not supported by this version"));
}

static void check_any(const struct amqp_value *value, struct text *reason) {
    (void)value;
    (void)reason;
}

static bool check_is_text(const struct amqp_value *value, struct text *reason) {
    if (value->tag == AMQP_TAG_TEXT)
        return true;
    text_append_format(reason, "{unacceptable_type,%s}", amqp_type_name(value->tag));
    return false;
}

static bool is_one_of(struct slice word, const char *const words[]) {
    for (; *words != NULL; words++) {
        if (slice_equal(word, slice_from_text(*words)))
            return true;
    }
    return false;
}

/* "" and "undefined" mean the default, which is classic. */
static bool is_classic(struct slice type) {
    static const char *const names[] = {"classic", "", "undefined", NULL};
    return is_one_of(type, names);
}

static void check_queue_type(const struct amqp_value *value, struct text *reason) {
    static const char *const known[] = {"quorum", "stream", NULL};

    if (!check_is_text(value, reason) || is_classic(value->bytes))
        return;
    if (is_one_of(value->bytes, known))
        check_unsupported(value, reason);
    else
        text_append_format(reason, "\"unsupported queue type '" SLICE_FMT "'\"",
                           SLICE_ARG(value->bytes));
}

static void check_version(const struct amqp_value *value, struct text *reason) {
    if (!amqp_value_is_integer(value))
        text_append_format(reason, "\"expected integer, got %s\"", amqp_type_name(value->tag));
    else if (value->integer != 1 && value->integer != 2)
        text_append_format(reason, "\"unsupported queue version '%" PRId64 "'\"", value->integer);
}

static void check_leader_locator(const struct amqp_value *value, struct text *reason) {
    static const char *const locators[] = {"client-local",  "balanced",    "random",
                                           "least-leaders", "min-masters", NULL};

    if (check_is_text(value, reason) && !is_one_of(value->bytes, locators))
        text_append(reason, SLICE("invalid_queue_locator_arg"));
}

/* An absent x-queue-type and those that mean classic are all equal: every queue here is classic. */
static bool equivalent_queue_type(const struct declared_entity *entity, const char *key,
                                  struct slice received_table, struct slice current_table,
                                  struct refusal *refusal) {
    struct amqp_value type;

    (void)current_table;
    if (!amqp_table_find(received_table, slice_from_text(key), &type))
        return true;
    if (type.tag == AMQP_TAG_TEXT && is_classic(type.bytes))
        return true;
    struct text received = {0};
    value_text_append_bare(&received, &type);
    equivalent_word(entity, key, text_slice(&received), SLICE("classic"), refusal);
    text_clear(&received);
    return false;
}

static const struct queue_argument {
    const char *key;
    check_value *check;
    compare_argument *compare; /* on redeclare of a classic queue; NULL: not compared */
} queue_arguments[] = {
    {"x-expires", check_unsupported, equivalent_argument},
    {"x-message-ttl", check_unsupported, equivalent_argument},
    {"x-dead-letter-exchange", check_unsupported, equivalent_argument},
    {"x-dead-letter-routing-key", check_unsupported, equivalent_argument},
    {"x-max-length", check_unsupported, equivalent_argument},
    {"x-max-length-bytes", check_unsupported, equivalent_argument},
    {"x-max-priority", check_unsupported, equivalent_argument},
    {"x-overflow", check_unsupported, equivalent_argument},
    {"x-queue-mode", check_any, equivalent_argument},
    {"x-queue-version", check_version, equivalent_argument},
    {"x-single-active-consumer", check_unsupported, equivalent_argument},
    {"x-queue-type", check_queue_type, equivalent_queue_type},
    {"x-queue-master-locator", check_any, equivalent_argument},
    {"x-queue-leader-locator", check_leader_locator, equivalent_argument},
    {"x-dead-letter-strategy", check_unsupported, NULL},
    {"x-delivery-limit", check_unsupported, NULL},
    {"x-quorum-initial-group-size", check_unsupported, NULL},
    {"x-max-in-memory-length", check_unsupported, NULL},
    {"x-max-in-memory-bytes", check_unsupported, NULL},
    {"x-consumer-timeout", check_unsupported, NULL},
    {"x-consumer-disconnected-timeout", check_unsupported, NULL},
    {"x-delayed-retry-type", check_unsupported, NULL},
    {"x-delayed-retry-min", check_unsupported, NULL},
    {"x-delayed-retry-max", check_unsupported, NULL},
    {"x-member-placement-tag", check_unsupported, NULL},
    {"x-max-age", check_unsupported, NULL},
    {"x-stream-max-segment-size-bytes", check_unsupported, NULL},
    {"x-stream-filter-size-bytes", check_unsupported, NULL},
    {"x-initial-cluster-size", check_unsupported, NULL},
};

#define QUEUE_ARGUMENT_COUNT (sizeof queue_arguments / sizeof queue_arguments[0])

static bool check_argument(const struct queue_argument *row, const struct vhost *vhost,
                           struct slice queue_name, struct slice arguments,
                           struct refusal *refusal) {
    struct text reason = {0};
    struct amqp_value value;
    bool is_valid;

    if (!amqp_table_find(arguments, slice_from_text(row->key), &value))
        return true;
    row->check(&value, &reason);
    is_valid = reason.len == 0;
    if (!is_valid)
        refuse(refusal, AMQP_PRECONDITION_FAILED,
               "invalid arg '%s' for queue '" SLICE_FMT "' in vhost '" SLICE_FMT "': %s", row->key,
               SLICE_ARG(queue_name), SLICE_ARG(vhost->name), text_chars(&reason));
    text_clear(&reason);
    return is_valid;
}

bool queue_args_check(const struct vhost *vhost, struct slice queue_name, struct slice arguments,
                      struct refusal *refusal) {
    for (size_t i = 0; i < QUEUE_ARGUMENT_COUNT; i++) {
        if (!check_argument(&queue_arguments[i], vhost, queue_name, arguments, refusal))
            return false;
    }
    return true;
}

bool queue_args_check_equivalent(const struct queue *queue, struct slice arguments,
                                 struct refusal *refusal) {
    struct declared_entity entity = {"queue", queue->name, queue->vhost->name};

    for (size_t i = 0; i < QUEUE_ARGUMENT_COUNT; i++) {
        const struct queue_argument *row = &queue_arguments[i];
        if (row->compare != NULL &&
            !row->compare(&entity, row->key, arguments, queue->arguments, refusal))
            return false;
    }
    return true;
}
