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

static void read_dead_letter_strategy(struct queue_features *features,
                                      const struct amqp_value *value) {
    features->dead_letter_at_least_once =
        value->tag == AMQP_TAG_TEXT && slice_equal(value->bytes, SLICE("at-least-once"));
}

static void read_delivery_limit(struct queue_features *features, const struct amqp_value *value) {
    read_count(&features->delivery_limit, value);
}

static void read_consumer_timeout(struct queue_features *features, const struct amqp_value *value) {
    read_count(&features->consumer_timeout_ms, value);
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
    read_count(&features->delayed_retry_min_ms, value);
}

static void read_delayed_retry_max(struct queue_features *features,
                                   const struct amqp_value *value) {
    read_count(&features->delayed_retry_max_ms, value);
}

/* -- The table --------------------------------------------------------------------------------- */

/* clang-format off */
const struct queue_argument queue_arguments[] = {
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
    {"x-dead-letter-strategy", QUORUM, check_dead_letter_strategy, equivalent_argument,
     read_dead_letter_strategy},
    {"x-delivery-limit", QUORUM, check_any, equivalent_argument, read_delivery_limit},
    {"x-quorum-initial-group-size", QUORUM, check_positive, equivalent_argument, NULL},
    {"x-max-in-memory-length", QUORUM, check_count, equivalent_argument, NULL},
    {"x-max-in-memory-bytes", QUORUM, check_count, equivalent_argument, NULL},
    {"x-consumer-timeout", QUORUM, check_count, equivalent_argument, read_consumer_timeout},
    {"x-consumer-disconnected-timeout", QUORUM, check_count, equivalent_argument, NULL},
    {"x-delayed-retry-type", QUORUM, check_delayed_retry_type, equivalent_argument,
     read_delayed_retry_type},
    {"x-delayed-retry-min", QUORUM, check_count, equivalent_argument, read_delayed_retry_min},
    {"x-delayed-retry-max", QUORUM, check_count, equivalent_argument, read_delayed_retry_max},
    {"x-member-placement-tag", QUORUM, check_not_empty, equivalent_argument, NULL},
    {"x-max-age", STREAM, check_max_age, NULL, NULL},
    {"x-stream-max-segment-size-bytes", STREAM, check_count, NULL, NULL},
    {"x-stream-filter-size-bytes", STREAM, check_any, NULL, NULL},
    {"x-initial-cluster-size", STREAM, check_positive, NULL, NULL},
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
