/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bindings and what makes two of them the same.
 *
 * The identity is a run of octets: source name, kind and name of the destination, binding key, and
 * the arguments in a canonical form: sorted by name (stable, as RabbitMQ's keysort), `L` written as
 * `l` and true as 1, so that octets are equal exactly where AMQP_EQUAL_STRICT says values are.
 */
#include "broker/entities/binding.h"

#include <stdlib.h>

#include "amqp/table.h"
#include "broker/base/alloc.h"
#include "broker/base/env.h"
#include "broker/base/map.h"
#include "broker/entities/broker.h"
#include "broker/entities/exchange.h"
#include "broker/entities/queue.h"
#include "broker/entities/store.h"
#include "broker/entities/vhost.h"

struct argument {
    struct slice name;
    struct amqp_value value;
    size_t position;
};

static int compare_arguments(const void *left, const void *right) {
    const struct argument *a = left;
    const struct argument *b = right;
    int order = slice_compare(a->name, b->name);

    if (order != 0)
        return order;
    return a->position < b->position ? -1 : 1;
}

/* Recursion ends at AMQP_TABLE_DEPTH_MAX: the table was validated. */
static void write_value(struct writer *w, const struct amqp_value *value) {
    writer_u8(w, (uint8_t)(value->tag == AMQP_TAG_INT64_READ_ONLY ? AMQP_TAG_INT64 : value->tag));
    if (value->tag == AMQP_TAG_BOOL) {
        writer_u8(w, value->boolean);
    } else if (value->tag == AMQP_TAG_TABLE) {
        struct amqp_table_iterator i = amqp_table_begin(value->bytes);
        struct slice name;
        struct amqp_value inner;
        size_t block = writer_open_block(w);
        while (amqp_table_next(&i, &name, &inner)) {
            writer_shortstr(w, name);
            write_value(w, &inner);
        }
        writer_close_block(w, block);
    } else if (value->tag == AMQP_TAG_ARRAY) {
        struct amqp_array_iterator i = amqp_array_begin(value->bytes);
        struct amqp_value inner;
        size_t block = writer_open_block(w);
        while (amqp_array_next(&i, &inner))
            write_value(w, &inner);
        writer_close_block(w, block);
    } else {
        writer_bytes(w, value->encoded);
    }
}

static void write_sorted_arguments(struct writer *w, struct slice arguments) {
    struct argument *sorted;
    struct amqp_table_iterator i = amqp_table_begin(arguments);
    struct slice name;
    struct amqp_value value;
    size_t count = 0;

    if (arguments.len == 0)
        return;
    sorted = xcalloc(amqp_table_count(arguments), sizeof *sorted);
    for (; amqp_table_next(&i, &name, &value); count++)
        sorted[count] = (struct argument){name, value, count};
    qsort(sorted, count, sizeof *sorted, compare_arguments);
    for (size_t at = 0; at < count; at++) {
        writer_shortstr(w, sorted[at].name);
        write_value(w, &sorted[at].value);
    }
    free(sorted);
}

static struct slice destination_name(struct binding_destination destination) {
    return destination.queue != NULL ? destination.queue->name : destination.exchange->name;
}

/* All names and keys are short strings; canonical arguments are no longer than the client's. */
static size_t identity_size_max(struct slice arguments) {
    return 3 * (1 + AMQP_SHORTSTR_MAX) + 1 + arguments.len;
}

/* Writes source, destination, key and arguments; `ret_key` is where the binding key came to stand.
 */
static struct slice write_identity(void *buffer, size_t size, const struct exchange *source,
                                   struct binding_destination destination, struct slice binding_key,
                                   struct slice arguments, struct slice *ret_key) {
    struct writer w = writer_over(buffer, size);

    writer_shortstr(&w, source->name);
    writer_u8(&w, destination.queue != NULL ? 'q' : 'e');
    writer_shortstr(&w, destination_name(destination));
    writer_shortstr(&w, binding_key);
    *ret_key = slice_of(w.at - binding_key.len, binding_key.len);
    write_sorted_arguments(&w, arguments);
    assert(writer_is_complete(&w));
    return writer_written(&w);
}

static struct binding *find_identity(const struct vhost *vhost, struct slice identity) {
    struct binding *found;

    MAP_FIND(vhost->bindings, by_identity, vhost->broker->env->hash_seed, identity, found);
    return found;
}

/* With its identity and arguments behind it, in one allocation; NULL when memory is out. */
static struct binding *create_binding(struct slice identity, struct slice binding_key,
                                      struct slice arguments) {
    struct binding *binding = try_malloc(sizeof *binding + identity.len + arguments.len);
    uint8_t *octets = (uint8_t *)(binding + 1);

    if (binding == NULL)
        return NULL;
    memset(binding, 0, sizeof *binding);
    memcpy(octets, identity.data, identity.len);
    if (arguments.len > 0)
        memcpy(octets + identity.len, arguments.data, arguments.len);
    binding->identity = slice_of(octets, identity.len);
    binding->binding_key = slice_of(octets + (binding_key.data - identity.data), binding_key.len);
    binding->arguments = slice_of(octets + identity.len, arguments.len);
    return binding;
}

static void link_binding(struct binding *binding) {
    struct exchange *source = binding->source;
    struct vhost *vhost = source->vhost;
    struct list *destination_bindings = binding->destination.queue != NULL
                                            ? &binding->destination.queue->bindings
                                            : &binding->destination.exchange->destination_bindings;

    MAP_ADD(vhost->bindings, by_identity, vhost->broker->env->hash_seed, binding->identity,
            binding);
    list_append(&source->bindings, &binding->source_link);
    list_append(destination_bindings, &binding->destination_link);
    vhost->routing_generation++;
    if (source->routing_type->add_binding != NULL)
        source->routing_type->add_binding(source, binding);
}

bool binding_check(const struct exchange *source, struct binding_destination destination,
                   struct slice binding_key, struct slice arguments, struct refusal *refusal) {
    return source->routing_type->check_binding == NULL ||
           source->routing_type->check_binding(source, &destination, binding_key, arguments,
                                               refusal);
}

bool binding_add(struct exchange *source, struct binding_destination destination,
                 struct slice binding_key, struct slice arguments, struct refusal *refusal) {
    struct binding *binding;
    size_t size = identity_size_max(arguments);
    struct slice key;

    if (!binding_check(source, destination, binding_key, arguments, refusal))
        return false;
    uint8_t *octets = try_malloc(size);
    if (octets == NULL)
        return refuse_memory(refusal);
    struct slice identity =
        write_identity(octets, size, source, destination, binding_key, arguments, &key);
    if (find_identity(source->vhost, identity) != NULL) {
        free(octets);
        return true;
    }
    binding = create_binding(identity, key, arguments);
    free(octets);
    if (binding == NULL)
        return refuse_memory(refusal);
    binding->source = source;
    binding->destination = destination;
    link_binding(binding);
    store_put_binding(binding);
    return true;
}

struct binding *binding_find(struct exchange *source, struct binding_destination destination,
                             struct slice binding_key, struct slice arguments) {
    size_t size = identity_size_max(arguments);
    uint8_t *octets = xmalloc(size);
    struct slice key;
    struct binding *found =
        find_identity(source->vhost, write_identity(octets, size, source, destination, binding_key,
                                                    arguments, &key));

    free(octets);
    return found;
}

struct exchange *binding_unlink(struct binding *binding) {
    struct exchange *source = binding->source;
    struct vhost *vhost = source->vhost;

    store_delete_binding(binding);
    if (source->routing_type->remove_binding != NULL)
        source->routing_type->remove_binding(source, binding);
    list_remove(&binding->source_link);
    list_remove(&binding->destination_link);
    MAP_REMOVE(vhost->bindings, by_identity, binding);
    vhost->routing_generation++;
    vhost->broker->counters.bindings_removed++;
    free(binding);
    return source->auto_delete && list_is_empty(&source->bindings) ? source : NULL;
}

void binding_remove(struct binding *binding) {
    struct exchange *unused = binding_unlink(binding);

    if (unused != NULL)
        vhost_remove_exchange(unused);
}
