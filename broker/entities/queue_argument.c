/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/queue_argument.h"

#include <inttypes.h>
#include <string.h>

#include "amqp/spec.h"
#include "amqp/table.h"
#include "broker/base/text.h"
#include "broker/entities/expiration.h"
#include "broker/entities/value_text.h"

#define PRIORITY_MAX 255

#define CLASSIC   QUEUE_CLASSIC
#define QUORUM    QUEUE_QUORUM
#define STREAM    QUEUE_STREAM
#define ALL_TYPES (QUEUE_CLASSIC | QUEUE_QUORUM | QUEUE_STREAM)

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

/* One that a method can carry as its routing key. */
static void check_short_text(const struct amqp_value *value, struct slice arguments,
                             struct text *reason) {
    (void)arguments;
    if (is_text(value, reason) && value->bytes.len > AMQP_SHORTSTR_MAX)
        text_append(reason, SLICE("too long"));
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
    if (is_count(value, reason) && value->integer != 1 && value->integer != 2)
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

/* In the order of enum queue_delayed_retry. */
static const char *const delayed_retry_words[] = {"disabled", "failed", "returned", "all", NULL};

static void check_delayed_retry_type(const struct amqp_value *value, struct slice arguments,
                                     struct text *reason) {
    (void)arguments;
    if (is_text(value, reason) && !is_one_of(value->bytes, delayed_retry_words))
        text_append(reason, SLICE("invalid_delayed_retry_type"));
}

static void check_not_empty(const struct amqp_value *value, struct slice arguments,
                            struct text *reason) {
    (void)arguments;
    if (is_text(value, reason) && value->bytes.len == 0)
        text_append(reason, SLICE("empty_member_placement_tag"));
}

/* -- Queue types ------------------------------------------------------------------------------- */

static void check_queue_type(const struct amqp_value *value, struct slice arguments,
                             struct text *reason) {
    (void)arguments;
    if (is_text(value, reason) && queue_type_named(value->bytes) == 0)
        text_append_format(reason, "\"unsupported queue type '" SLICE_FMT "'\"",
                           SLICE_ARG(value->bytes));
}

/* An absent x-queue-type and the words that mean classic are all equal. */
static bool equivalent_queue_type(const struct declared_entity *entity, const char *key,
                                  struct slice received_table, struct slice current_table,
                                  struct refusal *refusal) {
    enum queue_type current = queue_args_type(current_table);
    struct text received = {0};
    struct amqp_value type;

    if (!amqp_table_find(received_table, slice_from_text(key), &type))
        return equivalent_word(entity, key, SLICE("classic"),
                               slice_from_text(queue_type_name(current)), refusal);
    if (type.tag == AMQP_TAG_TEXT && queue_type_named(type.bytes) == current)
        return true;
    value_text_append_bare(&received, &type);
    equivalent_word(entity, key, text_slice(&received), slice_from_text(queue_type_name(current)),
                    refusal);
    text_clear(&received);
    return false;
}

/* -- What the arguments ask for ---------------------------------------------------------------- */

static void read_count(int64_t *count, const struct amqp_value *value) {
    if (amqp_value_is_integer(value))
        *count = value->integer;
}

/* Policies and some arguments may be for longer than a time can be added to; nobody sees the end of ten years. */
static void read_duration(int64_t *ms, const struct amqp_value *value) {
    read_count(ms, value);
    if (*ms > EXPIRATION_MAX_MS)
        *ms = EXPIRATION_MAX_MS;
}

static void read_text(struct slice *text, const struct amqp_value *value) {
    if (value->tag == AMQP_TAG_TEXT)
        *text = value->bytes;
}

static void read_expires(struct queue_features *features, const struct amqp_value *value) {
    read_duration(&features->expires_ms, value);
}

static void read_message_ttl(struct queue_features *features, const struct amqp_value *value) {
    read_duration(&features->message_ttl_ms, value);
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

static void read_dead_letter_strategy(struct queue_features *features,
                                      const struct amqp_value *value) {
    features->dead_letter_at_least_once =
        value->tag == AMQP_TAG_TEXT && slice_equal(value->bytes, SLICE("at-least-once"));
}

static void read_delivery_limit(struct queue_features *features, const struct amqp_value *value) {
    read_count(&features->delivery_limit, value);
}

static void read_consumer_timeout(struct queue_features *features, const struct amqp_value *value) {
    read_duration(&features->consumer_timeout_ms, value);
}

static void read_delayed_retry_type(struct queue_features *features,
                                    const struct amqp_value *value) {
    struct slice word = {0};
    read_text(&word, value);
    for (unsigned i = 0; delayed_retry_words[i] != NULL; i++) {
        if (slice_equal(word, slice_from_text(delayed_retry_words[i])))
            features->delayed_retry = (enum queue_delayed_retry)i;
    }
}

static void read_delayed_retry_min(struct queue_features *features,
                                   const struct amqp_value *value) {
    read_duration(&features->delayed_retry_min_ms, value);
}

static void read_delayed_retry_max(struct queue_features *features,
                                   const struct amqp_value *value) {
    read_duration(&features->delayed_retry_max_ms, value);
}

/* -- Policy keys ------------------------------------------------------------------------------- */

static void check_integer(const struct amqp_value *value, struct slice arguments,
                          struct text *reason) {
    (void)arguments;
    is_integer(value, reason);
}

static void check_queue_mode(const struct amqp_value *value, struct slice arguments,
                             struct text *reason) {
    static const char *const modes[] = {"default", "lazy", NULL};
    (void)arguments;
    if (is_text(value, reason) && !is_one_of(value->bytes, modes))
        text_append(reason, SLICE("unsupported"));
}

static void check_segment_size(const struct amqp_value *value, struct slice arguments,
                               struct text *reason) {
    (void)arguments;
    if (is_count(value, reason) && value->integer > STREAM_SEGMENT_SIZE_MAX)
        text_append(reason, SLICE("too large"));
}

static void check_filter_size(const struct amqp_value *value, struct slice arguments,
                              struct text *reason) {
    (void)arguments;
    if (is_integer(value, reason) &&
        (value->integer < STREAM_FILTER_SIZE_MIN || value->integer > STREAM_FILTER_SIZE_MAX))
        text_append(reason, SLICE("out of range"));
}

/* An argument that is no number means nothing (x-delivery-limit is not checked). */
const struct amqp_value *queue_argument_choose(enum value_choice choice,
                                               const struct amqp_value *first,
                                               const struct amqp_value *second) {
    bool first_is_less;
    if (first == NULL || second == NULL)
        return first != NULL ? first : second;
    if (choice >= CHOOSE_SMALLER && !amqp_value_is_integer(first))
        return second;
    first_is_less = first->integer < second->integer;
    switch (choice) {
    case CHOOSE_SECOND:
        return second;
    case CHOOSE_SMALLER:
        return first_is_less ? first : second;
    case CHOOSE_GREATER:
        return first_is_less ? second : first;
    case CHOOSE_LIMIT:
        if (first->integer < 0 || second->integer < 0)
            return first_is_less ? second : first;
        return first_is_less ? first : second;
    default:
        return first;
    }
}

/* -- The table --------------------------------------------------------------------------------- */

/* A policy key that operators may not use. */
#define POLICY(noun, check, types) \
    { noun, check, types, false, CHOOSE_FIRST, CHOOSE_FIRST, CHOOSE_FIRST }
/* One they may use, with how it goes with the others' values. */
#define SHARED(noun, check, types, with_operator, with_argument) \
    { noun, check, types, true, with_operator, with_argument, with_argument }
#define NO_POLICY \
    { NULL, NULL, 0, false, CHOOSE_FIRST, CHOOSE_FIRST, CHOOSE_FIRST }

#define LETTERS (CLASSIC | QUORUM) /* who has dead letters, lifetimes and lengths */

/* clang-format off */
const struct queue_argument queue_arguments[] = {
    {"x-expires", LETTERS, check_expires, equivalent_argument, read_expires,
     SHARED("queue expiry", check_positive, LETTERS, CHOOSE_SMALLER, CHOOSE_SMALLER)},
    {"x-message-ttl", LETTERS, check_message_ttl, equivalent_argument, read_message_ttl,
     SHARED("message TTL", check_count, LETTERS, CHOOSE_SMALLER, CHOOSE_SMALLER)},
    {"x-dead-letter-exchange", LETTERS, check_text, equivalent_argument, read_dead_letter_exchange,
     POLICY("dead letter exchange name", check_text, LETTERS)},
    {"x-dead-letter-routing-key", LETTERS, check_dead_letter_routing_key, equivalent_argument,
     read_dead_letter_routing_key, POLICY("dead letter routing key", check_short_text, LETTERS)},
    {"x-max-length", LETTERS, check_count, equivalent_argument, read_max_length,
     SHARED("maximum length", check_count, LETTERS, CHOOSE_SMALLER, CHOOSE_SMALLER)},
    {"x-max-length-bytes", ALL_TYPES, check_count, equivalent_argument, read_max_length_bytes,
     SHARED("maximum length in bytes", check_count, ALL_TYPES, CHOOSE_SMALLER, CHOOSE_SMALLER)},
    {"x-max-priority", CLASSIC, check_max_priority, equivalent_argument, read_max_priority,
     NO_POLICY},
    {"x-overflow", LETTERS, check_overflow, equivalent_argument, read_overflow,
     {"overflow value", check_overflow, LETTERS, true, CHOOSE_SECOND, CHOOSE_FIRST, CHOOSE_SECOND}},
    {"x-queue-mode", CLASSIC, check_any, equivalent_argument, NULL,
     POLICY("queue-mode value", check_queue_mode, CLASSIC)},
    {"x-queue-version", CLASSIC, check_version, equivalent_argument, NULL,
     SHARED("queue-version value", check_version, ALL_TYPES, CHOOSE_SECOND, CHOOSE_FIRST)},
    {"x-single-active-consumer", LETTERS, check_bool, equivalent_argument,
     read_single_active_consumer, NO_POLICY},
    {"x-queue-type", ALL_TYPES, check_queue_type, equivalent_queue_type, NULL, NO_POLICY},
    {"x-queue-master-locator", CLASSIC, check_any, equivalent_argument, NULL,
     POLICY("queue-master-locator value", check_text, CLASSIC | STREAM)},
    {"x-queue-leader-locator", ALL_TYPES, check_leader_locator, equivalent_argument, NULL,
     POLICY("queue leader locator value", check_leader_locator, ALL_TYPES)},
    {"x-dead-letter-strategy", QUORUM, check_dead_letter_strategy, equivalent_argument,
     read_dead_letter_strategy,
     POLICY("dead letter strategy", check_dead_letter_strategy, QUORUM)},
    {"x-delivery-limit", QUORUM, check_any, equivalent_argument, read_delivery_limit,
     SHARED("delivery limit", check_integer, QUORUM, CHOOSE_LIMIT, CHOOSE_LIMIT)},
    {"x-quorum-initial-group-size", QUORUM, check_positive, equivalent_argument, NULL, NO_POLICY},
    {"x-max-in-memory-length", QUORUM, check_count, equivalent_argument, NULL,
     SHARED("maximum memory in bytes", check_count, QUORUM, CHOOSE_SMALLER, CHOOSE_SMALLER)},
    {"x-max-in-memory-bytes", QUORUM, check_count, equivalent_argument, NULL,
     SHARED("maximum memory in bytes", check_count, QUORUM, CHOOSE_SMALLER, CHOOSE_SMALLER)},
    {"x-consumer-timeout", QUORUM, check_count, equivalent_argument, read_consumer_timeout,
     {"consumer timeout", check_count, ALL_TYPES, false, CHOOSE_FIRST, CHOOSE_SMALLER, CHOOSE_SMALLER}},
    {"x-consumer-disconnected-timeout", QUORUM, check_count, equivalent_argument, NULL,
     POLICY("consumer disconnected timeout", check_count, ALL_TYPES)},
    {"x-delayed-retry-type", QUORUM, check_any, equivalent_argument,
     read_delayed_retry_type,
     SHARED("delayed retry type", check_delayed_retry_type, QUORUM, CHOOSE_SECOND, CHOOSE_FIRST)},
    {"x-delayed-retry-min", QUORUM, check_count, equivalent_argument, read_delayed_retry_min,
     SHARED("delayed retry minimum", check_count, QUORUM, CHOOSE_GREATER, CHOOSE_FIRST)},
    {"x-delayed-retry-max", QUORUM, check_count, equivalent_argument, read_delayed_retry_max,
     SHARED("delayed retry maximum", check_count, QUORUM, CHOOSE_SMALLER, CHOOSE_FIRST)},
    {"x-member-placement-tag", QUORUM, check_not_empty, equivalent_argument, NULL, NO_POLICY},
    {"x-max-age", STREAM, check_max_age, NULL, NULL, POLICY("max age", check_max_age, STREAM)},
    {"x-stream-max-segment-size-bytes", STREAM, check_count, NULL, NULL,
     POLICY("segment size", check_segment_size, STREAM)},
    {"x-stream-filter-size-bytes", STREAM, check_any, NULL, NULL,
     POLICY("filter size", check_filter_size, STREAM)},
    {"x-initial-cluster-size", STREAM, check_positive, NULL, NULL,
     POLICY("cluster size", check_count, STREAM)},

    /* Not of queues, but policies for queues and exchanges may have it. */
    {"x-alternate-exchange", 0, check_any, NULL, NULL,
     POLICY("alternate exchange name", check_text, ALL_TYPES)},
    /* Of clusters, and of the mirrored queues of RabbitMQ 3: policies of old definitions have them. */
    {"x-target-group-size", 0, check_any, NULL, NULL,
     SHARED("target count value", check_positive, QUORUM, CHOOSE_GREATER, CHOOSE_FIRST)},
    {"x-ha-mode", 0, check_any, NULL, NULL, POLICY("ha-mode value", check_any, CLASSIC)},
    {"x-ha-params", 0, check_any, NULL, NULL, POLICY("ha-params value", check_any, CLASSIC)},
    {"x-ha-sync-mode", 0, check_any, NULL, NULL, POLICY("ha-sync-mode value", check_any, CLASSIC)},
    {"x-ha-sync-batch-size", 0, check_any, NULL, NULL,
     POLICY("ha-sync-batch-size value", check_any, CLASSIC)},
    {"x-ha-promote-on-shutdown", 0, check_any, NULL, NULL,
     POLICY("ha-promote-on-shutdown value", check_any, CLASSIC)},
    {"x-ha-promote-on-failure", 0, check_any, NULL, NULL,
     POLICY("ha-promote-on-failure value", check_any, CLASSIC)},
};
/* clang-format on */

const size_t queue_argument_count = sizeof queue_arguments / sizeof queue_arguments[0];

const struct queue_argument *queue_argument_find(const char *key) {
    for (size_t i = 0; i < queue_argument_count; i++) {
        if (strcmp(queue_arguments[i].key, key) == 0)
            return &queue_arguments[i];
    }
    return NULL;
}
