/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A broker with one vhost on an environment that never changes, and short words for declaring,
 * binding and routing. Every helper asserts that what it does is not refused, unless its name says
 * otherwise.
 */
#ifndef LEVERET_TESTS_UNIT_ENTITIES_SUPPORT_H
#define LEVERET_TESTS_UNIT_ENTITIES_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "amqp/table.h"
#include "broker/base/text.h"
#include "broker/entities/binding.h"
#include "broker/entities/broker.h"
#include "broker/entities/chore.h"
#include "broker/entities/exchange.h"
#include "broker/entities/message.h"
#include "broker/entities/queue.h"
#include "broker/entities/route.h"
#include "broker/entities/vhost.h"

/* Splitmix64: the same octets in every run. */
struct random {
    uint64_t state;
};

static inline uint64_t random_next(struct random *random) {
    uint64_t mixed = random->state += UINT64_C(0x9e3779b97f4a7c15);

    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ mixed >> 31;
}

static inline size_t random_below(struct random *random, size_t limit) {
    return (size_t)(random_next(random) % limit);
}

struct fixture {
    struct env env;
    struct random random;
    struct broker *broker;
    struct vhost *vhost;
    struct route route;
    struct text text; /* what routed_to() returned last */
    struct refusal refusal;
    int connections[2]; /* their addresses are two connections' identities */
};

static inline void fixture_fill_random(void *context, void *buffer, size_t len) {
    struct random *random = context;
    uint8_t *octets = buffer;

    for (size_t i = 0; i < len; i++)
        octets[i] = (uint8_t)random_next(random);
}

static inline int fixture_setup(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    struct broker_settings settings;

    f->env = (struct env){.now_ms = 1000,
                          .wall_ms = 1700000000000,
                          .hash_seed = 42,
                          .fill_random = fixture_fill_random,
                          .random_context = &f->random};
    broker_settings_init(&settings);
    f->broker = broker_create(&f->env, &settings);
    f->vhost = broker_add_vhost(f->broker, SLICE("/"));
    route_init(&f->route);
    *state = f;
    return 0;
}

static inline int fixture_teardown(void **state) {
    struct fixture *f = *state;

    route_clear(&f->route);
    text_clear(&f->text);
    broker_destroy(f->broker);
    free(f);
    return 0;
}

#define FIXTURE_TEST(function) \
    cmocka_unit_test_setup_teardown(function, fixture_setup, fixture_teardown)

#define NO_TABLE ((struct slice){NULL, 0})

/* Fails unless the last refusal is this one. */
#define assert_refused(f, code, explanation)                 \
    do {                                                     \
        assert_string_equal((f)->refusal.text, explanation); \
        assert_int_equal((f)->refusal.reply_code, code);     \
    } while (0)

#define assert_slice(got, literal)                                                \
    do {                                                                          \
        struct slice assert_slice_got = (got);                                    \
        assert_int_equal(assert_slice_got.len, sizeof(literal) - 1);              \
        assert_memory_equal(assert_slice_got.data, literal, sizeof(literal) - 1); \
    } while (0)

/* -- Declaring --------------------------------------------------------------------------------- */

static inline struct exchange *try_declare_exchange(struct fixture *f,
                                                    struct exchange_declaration declaration) {
    f->refusal = (struct refusal){0};
    return vhost_declare_exchange(f->vhost, &declaration, &f->refusal);
}

static inline struct exchange *declare_exchange(struct fixture *f, const char *name,
                                                const char *type) {
    struct exchange *exchange =
        try_declare_exchange(f, (struct exchange_declaration){.name = slice_from_text(name),
                                                              .type = slice_from_text(type)});

    assert_non_null(exchange);
    return exchange;
}

/* Declared by the first connection unless the declaration names another. */
static inline struct queue *try_declare_queue(struct fixture *f,
                                              struct queue_declaration declaration) {
    bool created;

    f->refusal = (struct refusal){0};
    if (declaration.connection == NULL)
        declaration.connection = &f->connections[0];
    return vhost_declare_queue(f->vhost, &declaration, &created, &f->refusal);
}

static inline struct queue *declare_queue(struct fixture *f, const char *name) {
    struct queue *queue =
        try_declare_queue(f, (struct queue_declaration){.name = slice_from_text(name)});

    assert_non_null(queue);
    return queue;
}

/* -- Binding ----------------------------------------------------------------------------------- */

static inline struct binding_request binding_request(struct fixture *f, const char *source,
                                                     const char *queue, const char *key,
                                                     struct slice arguments) {
    return (struct binding_request){.source = slice_from_text(source),
                                    .destination = slice_from_text(queue),
                                    .destination_is_queue = true,
                                    .binding_key = slice_from_text(key),
                                    .arguments = arguments,
                                    .connection = &f->connections[0]};
}

static inline bool try_bind(struct fixture *f, struct binding_request request) {
    f->refusal = (struct refusal){0};
    return vhost_bind(f->vhost, &request, &f->refusal);
}

static inline bool try_unbind(struct fixture *f, struct binding_request request) {
    f->refusal = (struct refusal){0};
    return vhost_unbind(f->vhost, &request, &f->refusal);
}

static inline void bind_with(struct fixture *f, const char *source, const char *queue,
                             const char *key, struct slice arguments) {
    assert_true(try_bind(f, binding_request(f, source, queue, key, arguments)));
}

static inline void bind_queue(struct fixture *f, const char *source, const char *queue,
                              const char *key) {
    bind_with(f, source, queue, key, NO_TABLE);
}

static inline void unbind_queue(struct fixture *f, const char *source, const char *queue,
                                const char *key) {
    assert_true(try_unbind(f, binding_request(f, source, queue, key, NO_TABLE)));
}

static inline void bind_exchange(struct fixture *f, const char *source, const char *destination,
                                 const char *key) {
    struct binding_request request = binding_request(f, source, destination, key, NO_TABLE);

    request.destination_is_queue = false;
    assert_true(try_bind(f, request));
}

static inline bool exchange_exists(struct fixture *f, const char *name) {
    return vhost_find_exchange(f->vhost, slice_from_text(name)) != NULL;
}

/* -- Routing ----------------------------------------------------------------------------------- */

static inline int compare_queue_names(const void *left, const void *right) {
    const struct queue *const *a = left;
    const struct queue *const *b = right;

    return slice_compare((*a)->name, (*b)->name);
}

/* The names of the queues a message is routed to, sorted: "a b c"; "" for none. */
static inline const char *routed_request(struct fixture *f, const char *exchange,
                                         struct route_request request) {
    struct exchange *source = vhost_find_exchange(f->vhost, slice_from_text(exchange));

    assert_non_null(source);
    route_message(&f->route, source, &request);
    text_clear(&f->text);
    if (f->route.count > 0)
        qsort(f->route.queues, f->route.count, sizeof f->route.queues[0], compare_queue_names);
    for (size_t i = 0; i < f->route.count; i++)
        text_append_format(&f->text, "%s" SLICE_FMT, i == 0 ? "" : " ",
                           SLICE_ARG(f->route.queues[i]->name));
    return text_chars(&f->text);
}

static inline const char *routed_to(struct fixture *f, const char *exchange, const char *key) {
    return routed_request(f, exchange, (struct route_request){.routing_key = slice_from_text(key)});
}

static inline const char *routed_by_headers(struct fixture *f, const char *exchange,
                                            struct slice headers) {
    return routed_request(f, exchange, (struct route_request){.headers = headers});
}

#endif
