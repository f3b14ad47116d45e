/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table of the arguments RabbitMQ knows: for which queue types, what values they may have, how a
 * redeclare compares them, and where their value goes. It is in the order in which RabbitMQ compares
 * (compat 3.1), so that the first difference reported is RabbitMQ's.
 *
 * Quorum queues and streams are judged as RabbitMQ judges them, and only then refused for not being
 * there: a queue that ignores its type would be worse than none.
 */
#include "broker/entities/queue_args.h"

#include <inttypes.h>
#include <stdlib.h>

#include "amqp/spec.h"
#include "amqp/table.h"
#include "broker/base/alloc.h"
#include "broker/base/text.h"
#include "broker/entities/expiration.h"
#include "broker/entities/inequivalence.h"
#include "broker/entities/queue.h"
#include "broker/entities/value_text.h"
#include "broker/entities/vhost.h"

#define PRIORITY_MAX 255

enum queue_type { CLASSIC = 1, QUORUM = 2, STREAM = 4, ALL_TYPES = CLASSIC | QUORUM | STREAM };

/* Appends why the value is not acceptable; appends nothing when it is. */
typedef void check_value(const struct amqp_value *value, struct slice arguments,
                         struct text *reason);

/* As equivalent_argument(). */
typedef bool compare_argument(const struct declared_entity *entity, const char *key,
                              struct slice received_table, struct slice current_table,
                              struct refusal *refusal);

/* Takes a value that was checked, or does nothing when its type is wrong. */
typedef void read_value(struct queue_features *features, const struct amqp_value *value);

/* -- Values ------------------------------------------------------------------------------------ */

static void check_any(const struct amqp_value *value, struct slice arguments, struct text *reason) {
    (void)value;
    (void)arguments;
    (void)reason;
}

static bool refuse_type(const struct amqp_value *value, struct text *reason) {
    text_append_format(reason, "{unacceptable_type,%s}", amqp_type_name(value->tag));
    return false;
}

static bool is_text(const struct amqp_value *value, struct text *reason) {
    return value->tag == AMQP_TAG_TEXT || refuse_type(value, reason);
}

static void check_text(const struct amqp_value *value, struct slice arguments,
                       struct text *reason) {
    (void)arguments;
    is_text(value, reason);
}

static void check_bool(const struct amqp_value *value, struct slice arguments,
                       struct text *reason) {
    (void)arguments;
    if (value->tag != AMQP_TAG_BOOL)
        refuse_type(value, reason);
}

static bool is_integer(const struct amqp_value *value, struct text *reason) {
    if (amqp_value_is_integer(value))
        return true;
    text_append_format(reason, "\"expected integer, got %s\"", amqp_type_name(value->tag));
    return false;
}

static bool is_count(const struct amqp_value *value, struct text *reason) {
    if (!is_integer(value, reason))
        return false;
    if (value->integer >= 0)
        return true;
    text_append_format(reason, "{value_negative,%" PRId64 "}", value->integer);
    return false;
}

static void check_count(const struct amqp_value *value, struct slice arguments,
                        struct text *reason) {
    (void)arguments;
    is_count(value, reason);
}

static bool is_positive(const struct amqp_value *value, struct text *reason) {
    if (!is_count(value, reason))
        return false;
    if (value->integer == 0)
        text_append(reason, SLICE("{value_zero,0}"));
    return value->integer != 0;
}

static void check_positive(const struct amqp_value *value, struct slice arguments,
                           struct text *reason) {
    (void)arguments;
    is_positive(value, reason);
}

static void check_duration(const struct amqp_value *value, struct text *reason) {
    if (value->integer > EXPIRATION_MAX_MS)
        text_append_format(reason, "{value_too_large,%" PRId64 "}", value->integer);
}

static void check_message_ttl(const struct amqp_value *value, struct slice arguments,
                              struct text *reason) {
    (void)arguments;
    if (is_count(value, reason))
        check_duration(value, reason);
}

static void check_expires(const struct amqp_value *value, struct slice arguments,
                          struct text *reason) {
    (void)arguments;
    if (is_positive(value, reason))
        check_duration(value, reason);
}

static void check_max_priority(const struct amqp_value *value, struct slice arguments,
                               struct text *reason) {
    (void)arguments;
    if (is_count(value, reason) && value->integer > PRIORITY_MAX)
        text_append_format(reason, "{max_value_exceeded,%" PRId64 "}", value->integer);
}

/* RabbitMQ takes one that no method could carry and fails whoever is to get the letter. */
static void check_dead_letter_routing_key(const struct amqp_value *value, struct slice arguments,
                                          struct text *reason) {
    struct amqp_value exchange;
    if (!is_text(value, reason))
        return;
    if (!amqp_table_find(arguments, SLICE("x-dead-letter-exchange"), &exchange))
        text_append(reason, SLICE("routing_key_but_no_dlx_defined"));
    else if (value->bytes.len > AMQP_SHORTSTR_MAX)
        text_append_format(reason, "{too_long,%zu}", value->bytes.len);
}

static bool is_one_of(struct slice word, const char *const words[]) {
    for (; *words != NULL; words++) {
        if (slice_equal(word, slice_from_text(*words)))
            return true;
    }
    return false;
}

/* In the order of enum queue_overflow. */
static const char *const overflow_words[] = {"drop-head", "reject-publish", "reject-publish-dlx",
                                             NULL};

static void check_overflow(const struct amqp_value *value, struct slice arguments,
                           struct text *reason) {
    (void)arguments;
    if (is_text(value, reason) && !is_one_of(value->bytes, overflow_words))
        text_append(reason, SLICE("invalid_overflow"));
}

static void check_dead_letter_strategy(const struct amqp_value *value, struct slice arguments,
                                       struct text *reason) {
    static const char *const strategies[] = {"at-most-once", "at-least-once", NULL};
    (void)arguments;
    if (is_text(value, reason) && !is_one_of(value->bytes, strategies))
        text_append(reason, SLICE("invalid_dlx_strategy"));
}

/* Digits and a unit, more than nothing: 7D. */
static bool is_age(struct slice age) {
    bool is_zero = true;
    if (age.len < 2 || memchr("YMDhms", age.data[age.len - 1], 6) == NULL)
        return false;
    for (size_t i = 0; i + 1 < age.len; i++) {
        if (age.data[i] < '0' || age.data[i] > '9')
            return false;
        is_zero = is_zero && age.data[i] == '0';
    }
    return !is_zero;
}

static void check_max_age(const struct amqp_value *value, struct slice arguments,
                          struct text *reason) {
    (void)arguments;
    if (is_text(value, reason) && !is_age(value->bytes))
        text_append(reason, SLICE("invalid_max_age"));
}

static void check_version(const struct amqp_value *value, struct slice arguments,
                          struct text *reason) {
    (void)arguments;
    if (is_integer(value, reason) && value->integer != 1 && value->integer != 2)
        text_append_format(reason, "\"unsupported queue version '%" PRId64 "'\"", value->integer);
}

static void check_leader_locator(const struct amqp_value *value, struct slice arguments,
                                 struct text *reason) {
    static const char *const locators[] = {"client-local",  "balanced",    "random",
                                           "least-leaders", "min-masters", NULL};
    (void)arguments;
    if (is_text(value, reason) && !is_one_of(value->bytes, locators))
        text_append(reason, SLICE("invalid_queue_locator_arg"));
}

/* -- Queue types ------------------------------------------------------------------------------- */

/* 0 for a type nobody has. "" and "undefined" mean the default, which is classic. */
static unsigned type_named(struct slice name) {
    static const char *const classic[] = {"classic", "", "undefined", NULL};
    if (is_one_of(name, classic))
        return CLASSIC;
    if (slice_equal(name, SLICE("quorum")))
        return QUORUM;
    return slice_equal(name, SLICE("stream")) ? STREAM : 0;
}

/* Classic when no type is given, or a bad one, which check_queue_type() tells. */
static unsigned type_of(struct slice arguments) {
    struct amqp_value type;
    unsigned known = 0;
    if (amqp_table_find(arguments, SLICE("x-queue-type"), &type) && type.tag == AMQP_TAG_TEXT)
        known = type_named(type.bytes);
    return known == 0 ? CLASSIC : known;
}

static const char *type_module(unsigned type) {
    switch (type) {
    case QUORUM:
        return "rabbit_quorum_queue";
    case STREAM:
        return "rabbit_stream_queue";
    default:
        return "rabbit_classic_queue";
    }
}

static void check_queue_type(const struct amqp_value *value, struct slice arguments,
                             struct text *reason) {
    (void)arguments;
    if (is_text(value, reason) && type_named(value->bytes) == 0)
        text_append_format(reason, "\"unsupported queue type '" SLICE_FMT "'\"",
                           SLICE_ARG(value->bytes));
}

/* An absent x-queue-type and those that mean classic are all equal: every queue here is classic. */
static bool equivalent_queue_type(const struct declared_entity *entity, const char *key,
                                  struct slice received_table, struct slice current_table,
                                  struct refusal *refusal) {
    struct amqp_value type;

    (void)current_table;
    if (!amqp_table_find(received_table, slice_from_text(key), &type))
        return true;
    if (type.tag == AMQP_TAG_TEXT && type_named(type.bytes) == CLASSIC)
        return true;
    struct text received = {0};
    value_text_append_bare(&received, &type);
    equivalent_word(entity, key, text_slice(&received), SLICE("classic"), refusal);
    text_clear(&received);
    return false;
}

/* -- What the arguments ask for ---------------------------------------------------------------- */

static void read_count(int64_t *count, const struct amqp_value *value) {
    if (amqp_value_is_integer(value))
        *count = value->integer;
}

static void read_text(struct slice *text, const struct amqp_value *value) {
    if (value->tag == AMQP_TAG_TEXT)
        *text = value->bytes;
}

static void read_expires(struct queue_features *features, const struct amqp_value *value) {
    read_count(&features->expires_ms, value);
}

static void read_message_ttl(struct queue_features *features, const struct amqp_value *value) {
    read_count(&features->message_ttl_ms, value);
}

static void read_max_length(struct queue_features *features, const struct amqp_value *value) {
    read_count(&features->max_length, value);
}

static void read_max_length_bytes(struct queue_features *features, const struct amqp_value *value) {
    read_count(&features->max_length_bytes, value);
}

static void read_max_priority(struct queue_features *features, const struct amqp_value *value) {
    read_count(&features->max_priority, value);
}

static void read_overflow(struct queue_features *features, const struct amqp_value *value) {
    struct slice word = {0};
    read_text(&word, value);
    for (unsigned i = 0; overflow_words[i] != NULL; i++) {
        if (slice_equal(word, slice_from_text(overflow_words[i])))
            features->overflow = (enum queue_overflow)i;
    }
}

static void read_dead_letter_exchange(struct queue_features *features,
                                      const struct amqp_value *value) {
    read_text(&features->dead_letter_exchange, value);
}

static void read_dead_letter_routing_key(struct queue_features *features,
                                         const struct amqp_value *value) {
    read_text(&features->dead_letter_routing_key, value);
}

static void read_single_active_consumer(struct queue_features *features,
                                        const struct amqp_value *value) {
    features->single_active_consumer = value->tag == AMQP_TAG_BOOL && value->boolean;
}

/* -- The table --------------------------------------------------------------------------------- */

/* clang-format off */
static const struct queue_argument {
    const char *key;
    unsigned types; /* enum queue_type: where the argument belongs */
    check_value *check;
    compare_argument *compare; /* on redeclare of a classic queue; NULL: not compared */
    read_value *read;          /* NULL: without effect on a classic queue */
} queue_arguments[] = {
    {"x-expires", CLASSIC | QUORUM, check_expires, equivalent_argument, read_expires},
    {"x-message-ttl", CLASSIC | QUORUM, check_message_ttl, equivalent_argument, read_message_ttl},
    {"x-dead-letter-exchange", CLASSIC | QUORUM, check_text, equivalent_argument,
     read_dead_letter_exchange},
    {"x-dead-letter-routing-key", CLASSIC | QUORUM, check_dead_letter_routing_key,
     equivalent_argument, read_dead_letter_routing_key},
    {"x-max-length", CLASSIC | QUORUM, check_count, equivalent_argument, read_max_length},
    {"x-max-length-bytes", ALL_TYPES, check_count, equivalent_argument, read_max_length_bytes},
    {"x-max-priority", CLASSIC, check_max_priority, equivalent_argument, read_max_priority},
    {"x-overflow", CLASSIC | QUORUM, check_overflow, equivalent_argument, read_overflow},
    {"x-queue-mode", CLASSIC, check_any, equivalent_argument, NULL},
    {"x-queue-version", CLASSIC, check_version, equivalent_argument, NULL},
    {"x-single-active-consumer", CLASSIC | QUORUM, check_bool, equivalent_argument,
     read_single_active_consumer},
    {"x-queue-type", ALL_TYPES, check_queue_type, equivalent_queue_type, NULL},
    {"x-queue-master-locator", CLASSIC, check_any, equivalent_argument, NULL},
    {"x-queue-leader-locator", ALL_TYPES, check_leader_locator, equivalent_argument, NULL},
    {"x-dead-letter-strategy", QUORUM, check_dead_letter_strategy, NULL, NULL},
    {"x-delivery-limit", QUORUM, check_any, NULL, NULL},
    {"x-quorum-initial-group-size", QUORUM, check_positive, NULL, NULL},
    {"x-max-in-memory-length", QUORUM, check_count, NULL, NULL},
    {"x-max-in-memory-bytes", QUORUM, check_count, NULL, NULL},
    {"x-consumer-timeout", QUORUM, check_count, NULL, NULL},
    {"x-consumer-disconnected-timeout", QUORUM, check_count, NULL, NULL},
    {"x-delayed-retry-type", QUORUM, check_text, NULL, NULL},
    {"x-delayed-retry-min", QUORUM, check_count, NULL, NULL},
    {"x-delayed-retry-max", QUORUM, check_count, NULL, NULL},
    {"x-member-placement-tag", QUORUM, check_text, NULL, NULL},
    {"x-max-age", STREAM, check_max_age, NULL, NULL},
    {"x-stream-max-segment-size-bytes", STREAM, check_count, NULL, NULL},
    {"x-stream-filter-size-bytes", STREAM, check_any, NULL, NULL},
    {"x-initial-cluster-size", STREAM, check_positive, NULL, NULL},
};
/* clang-format on */

#define QUEUE_ARGUMENT_COUNT (sizeof queue_arguments / sizeof queue_arguments[0])

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

static bool check_type_argument(const struct subject *subject, struct refusal *refusal) {
    for (size_t i = 0; i < QUEUE_ARGUMENT_COUNT; i++) {
        if (queue_arguments[i].check == check_queue_type)
            return check_argument(subject, &queue_arguments[i], refusal);
    }
    return true;
}

/* An argument that only other types of queue have. */
static bool check_belongs(const struct subject *subject, const struct queue_argument *row,
                          unsigned type, struct refusal *refusal) {
    struct amqp_value value;

    if (row->types & type ||
        !amqp_table_find(subject->arguments, slice_from_text(row->key), &value))
        return true;
    return refuse(
        refusal, AMQP_PRECONDITION_FAILED,
        "invalid arg '%s' for queue '" SLICE_FMT "' in vhost '" SLICE_FMT "' of queue type %s",
        row->key, SLICE_ARG(subject->name), SLICE_ARG(subject->vhost->name), type_module(type));
}

bool queue_args_check_server_named(struct slice arguments, struct refusal *refusal) {
    unsigned type = type_of(arguments);
    return type == CLASSIC ||
           refuse(refusal, AMQP_PRECONDITION_FAILED,
                  "Cannot declare a server-named queue for type %s", type_module(type));
}

bool queue_args_check(const struct vhost *vhost, struct slice queue_name, struct slice arguments,
                      struct refusal *refusal) {
    struct subject subject = {vhost, queue_name, arguments};
    unsigned type = type_of(arguments);

    if (!check_dead_letter_exchange(&subject, refusal) || !check_type_argument(&subject, refusal))
        return false;
    for (size_t i = 0; i < QUEUE_ARGUMENT_COUNT; i++) {
        if (queue_arguments[i].types & type &&
            !check_argument(&subject, &queue_arguments[i], refusal))
            return false;
    }
    for (size_t i = 0; i < QUEUE_ARGUMENT_COUNT; i++) {
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

#define STREAM_SEGMENT_SIZE_MAX INT64_C(3000000000)
#define STREAM_FILTER_SIZE_MIN  16
#define STREAM_FILTER_SIZE_MAX  255

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

bool queue_args_check_type(const struct vhost *vhost, struct slice queue_name,
                           const struct queue_declaration *declaration, struct refusal *refusal) {
    struct subject subject = {vhost, queue_name, declaration->arguments};
    unsigned type = type_of(declaration->arguments);

    if (type == CLASSIC)
        return true;
    if (!check_properties(&subject, declaration, refusal) ||
        (type == STREAM && !check_stream_sizes(declaration->arguments, refusal)))
        return false;
    return refuse(refusal, AMQP_PRECONDITION_FAILED,
                  "invalid arg 'x-queue-type' for queue '" SLICE_FMT "' in vhost '" SLICE_FMT
                  "': not supported by this version",
                  SLICE_ARG(queue_name), SLICE_ARG(vhost->name));
}

/* -- Using ------------------------------------------------------------------------------------- */

struct queue_features *queue_args_features(struct slice arguments) {
    struct queue_features features = {.message_ttl_ms = -1,
                                      .expires_ms = -1,
                                      .max_length = -1,
                                      .max_length_bytes = -1,
                                      .max_priority = -1};
    struct queue_features *copy;
    struct amqp_value value;
    bool is_any = false;

    for (size_t i = 0; i < QUEUE_ARGUMENT_COUNT; i++) {
        const struct queue_argument *row = &queue_arguments[i];
        if (row->read != NULL && amqp_table_find(arguments, slice_from_text(row->key), &value)) {
            row->read(&features, &value);
            is_any = true;
        }
    }
    if (!is_any)
        return NULL;
    copy = xmalloc(sizeof *copy);
    *copy = features;
    return copy;
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
