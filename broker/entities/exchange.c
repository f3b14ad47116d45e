/* SPDX-License-Identifier: Apache-2.0 */
/* Exchanges and the table of their types. */
#include "broker/entities/exchange.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/table.h"
#include "broker/base/alloc.h"
#include "broker/base/rate.h"
#include "broker/entities/broker.h"
#include "broker/entities/message.h"
#include "broker/entities/store.h"
#include "broker/entities/vhost.h"

static const struct exchange_type *const exchange_types[] = {
    &exchange_type_direct,          &exchange_type_fanout,          &exchange_type_topic,
    &exchange_type_headers,         &exchange_type_consistent_hash, &exchange_type_modulus_hash,
    &exchange_type_random,          &exchange_type_local_random,    &exchange_type_recent_history,
    &exchange_type_delayed_message,
};

#define TYPE_COUNT (sizeof exchange_types / sizeof exchange_types[0])

const struct exchange_type *exchange_type_at(size_t index) {
    return index < TYPE_COUNT ? exchange_types[index] : NULL;
}

const struct exchange_type *exchange_type_find(struct slice name) {
    for (size_t i = 0; i < TYPE_COUNT; i++) {
        if (slice_equal(slice_from_text(exchange_types[i]->name), name))
            return exchange_types[i];
    }
    return NULL;
}

/* A type that leaves routing to another has state of its own, and the other one's beside it. */
static void open_types(struct exchange *exchange, const struct exchange_type *type) {
    exchange->type = type;
    exchange->routing_type =
        type->routing_type == NULL ? type : type->routing_type(exchange->arguments);
    if (type->open != NULL)
        type->open(exchange);
    if (exchange->routing_type != type && exchange->routing_type->open != NULL)
        exchange->routing_type->open(exchange);
}

struct exchange *exchange_create(struct vhost *vhost, struct slice name,
                                 const struct exchange_type *type, struct slice arguments) {
    size_t size = sizeof(struct exchange) + name.len + arguments.len;
    struct exchange *exchange = arguments.len == 0 ? xmalloc(size) : try_malloc(size);
    uint8_t *octets = (uint8_t *)(exchange + 1);
    struct amqp_value alternate;

    if (exchange == NULL)
        return NULL;
    memset(exchange, 0, sizeof *exchange);
    exchange->vhost = vhost;
    exchange->name = place_slice(&octets, name);
    exchange->arguments = place_slice(&octets, arguments);
    if (amqp_table_find(exchange->arguments, SLICE("alternate-exchange"), &alternate) &&
        alternate.tag == AMQP_TAG_TEXT)
        exchange->alternate_exchange = alternate.bytes;
    list_init(&exchange->bindings);
    list_init(&exchange->destination_bindings);
    open_types(exchange, type);
    return exchange;
}

void exchange_restore(struct exchange *exchange, enum exchange_hold hold, struct message *message,
                      uint64_t sequence, int64_t waited_ms) {
    const struct exchange_type *type =
        hold == EXCHANGE_HOLDS_DELAYED ? exchange->type : exchange->routing_type;

    if (exchange->held[hold].last_sequence < sequence)
        exchange->held[hold].last_sequence = sequence;
    if (type->restore != NULL) {
        type->restore(exchange, message, sequence, waited_ms);
        return;
    }
    store_release(exchange, hold, message, sequence);
    message_unref(message);
}

bool exchange_restore_away(struct exchange *exchange, enum exchange_hold hold,
                           struct stored_message *stored, uint64_t sequence, int64_t left_ms) {
    if (hold != EXCHANGE_HOLDS_DELAYED || exchange->type->restore_away == NULL)
        return false;
    if (exchange->held[hold].last_sequence < sequence)
        exchange->held[hold].last_sequence = sequence;
    exchange->type->restore_away(exchange, stored, sequence, left_ms);
    return true;
}

void exchange_destroy(struct exchange *exchange) {
    if (exchange == NULL)
        return;
    assert(list_is_empty(&exchange->bindings));
    assert(list_is_empty(&exchange->destination_bindings));
    assert(!list_is_linked(&exchange->work_link));
    if (exchange->routing_type != exchange->type && exchange->routing_type->close != NULL)
        exchange->routing_type->close(exchange);
    if (exchange->type->close != NULL)
        exchange->type->close(exchange);
    exchange->vhost->broker->counters.exchanges_removed++;
    rate_window_destroy(exchange->rates);
    free(exchange);
}
