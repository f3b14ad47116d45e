/* SPDX-License-Identifier: Apache-2.0 */
/* The comparisons of a redeclare and RabbitMQ's two ways to show a value that differs. */
#include "broker/entities/inequivalence.h"

#include <ctype.h>

#include "amqp/table.h"
#include "broker/base/text.h"
#include "broker/entities/value_text.h"

static bool refuse_inequivalent(const struct declared_entity *entity, const char *key,
                                const char *received, const char *current,
                                struct refusal *refusal) {
    return refuse(refusal, AMQP_PRECONDITION_FAILED,
                  "inequivalent arg '%s' for %s '" SLICE_FMT "' in vhost '" SLICE_FMT
                  "': received %s but current is %s",
                  key, entity->kind, SLICE_ARG(entity->name), SLICE_ARG(entity->vhost_name),
                  received, current);
}

bool equivalent_flag(const struct declared_entity *entity, const char *key, bool received,
                     bool current, struct refusal *refusal) {
    return received == current || refuse_inequivalent(entity, key, received ? "'true'" : "'false'",
                                                      current ? "'true'" : "'false'", refusal);
}

bool equivalent_word(const struct declared_entity *entity, const char *key, struct slice received,
                     struct slice current, struct refusal *refusal) {
    struct text received_text = {0};
    struct text current_text = {0};

    if (slice_equal(received, current))
        return true;
    text_append_format(&received_text, "'" SLICE_FMT "'", SLICE_ARG(received));
    text_append_format(&current_text, "'" SLICE_FMT "'", SLICE_ARG(current));
    refuse_inequivalent(entity, key, text_chars(&received_text), text_chars(&current_text),
                        refusal);
    text_clear(&received_text);
    text_clear(&current_text);
    return false;
}

static void append_atom(struct text *text, struct slice atom) {
    bool is_plain = atom.len > 0 && atom.data[0] >= 'a' && atom.data[0] <= 'z';

    for (size_t i = 0; i < atom.len; i++)
        is_plain = is_plain && (isalnum(atom.data[i]) || atom.data[i] == '_');
    text_append_format(text, is_plain ? SLICE_FMT : "'" SLICE_FMT "'", SLICE_ARG(atom));
}

bool equivalent_atom(const struct declared_entity *entity, const char *key, struct slice received,
                     struct slice current, struct refusal *refusal) {
    struct text received_text = {0};
    struct text current_text = {0};
    bool is_equal;

    append_atom(&received_text, received);
    append_atom(&current_text, current);
    is_equal = equivalent_word(entity, key, text_slice(&received_text), text_slice(&current_text),
                               refusal);
    text_clear(&received_text);
    text_clear(&current_text);
    return is_equal;
}

/* `'1000'`; or, when the other side has no such argument, `the value '1000' of type 'signedint'`.
 */
static void append_argument(struct text *text, const struct amqp_value *value, bool with_type) {
    if (value == NULL) {
        text_append(text, SLICE("none"));
        return;
    }
    text_append(text, with_type ? SLICE("the value '") : SLICE("'"));
    value_text_append_bare(text, value);
    text_append(text, SLICE("'"));
    if (with_type)
        text_append_format(text, " of type '%s'", amqp_type_name(value->tag));
}

bool equivalent_argument(const struct declared_entity *entity, const char *key,
                         struct slice received_table, struct slice current_table,
                         struct refusal *refusal) {
    struct slice name = slice_from_text(key);
    struct amqp_value received;
    struct amqp_value current;
    bool is_received = amqp_table_find(received_table, name, &received);
    bool is_current = amqp_table_find(current_table, name, &current);
    struct text received_text = {0};
    struct text current_text = {0};

    if (!is_received && !is_current)
        return true;
    if (is_received && is_current && amqp_value_equal(&received, &current, AMQP_EQUAL_EQUIVALENT))
        return true;
    append_argument(&received_text, is_received ? &received : NULL, !is_current);
    append_argument(&current_text, is_current ? &current : NULL, !is_received);
    refuse_inequivalent(entity, key, text_chars(&received_text), text_chars(&current_text),
                        refusal);
    text_clear(&received_text);
    text_clear(&current_text);
    return false;
}
