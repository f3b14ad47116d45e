/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Topic and headers exchanges against the plainest reading of their rules: bindings come and go as
 * the input says, and every message must reach exactly the queues whose bindings match one by one.
 * Lengths and choices are octets of the input, so that the fuzzer can turn each by itself.
 */
#include <stdlib.h>
#include <string.h>

#include "amqp/table.h"
#include "broker/base/env.h"
#include "broker/entities/broker.h"
#include "broker/entities/exchange.h"
#include "broker/entities/queue.h"
#include "broker/entities/route.h"
#include "broker/entities/vhost.h"
#include "tests/fuzz/support.h"

#define QUEUES       6
#define BINDINGS_MAX 24
#define ROUNDS_MAX   128
#define KEY_MAX      140 /* a set of positions is more than one machine word */
#define ENTRIES_MAX  5
#define WORDS_MAX    (KEY_MAX + 1)
#define HASHES_MAX   2 /* in a binding key */

/* --- input --- */

struct input {
    const uint8_t *at;
    const uint8_t *end;
};

static uint8_t take(struct input *input) {
    return input->at < input->end ? *input->at++ : 0;
}

static size_t take_below(struct input *input, size_t limit) {
    return take(input) % limit;
}

/* Mostly dots, wildcards and few letters, for these are what matters; any octet can come. */
static struct slice take_key(struct input *input, uint8_t key[KEY_MAX]) {
    static const char common[] = "..**##ab";
    size_t len = take_below(input, KEY_MAX + 1);
    for (size_t i = 0; i < len; i++) {
        uint8_t octet = take(input);
        key[i] = octet < 0xC0 ? (uint8_t)common[octet % (sizeof common - 1)] : octet;
    }
    return slice_of(key, len);
}

/* Few names and few values of every type that compares in its own way. */
static void put_entry(struct input *input, struct amqp_table_builder *builder) {
    static const char *const names[] = {"a", "b", "c", "x-d", ""};
    struct slice name = slice_from_text(names[take_below(input, 5)]);
    uint8_t value = (uint8_t)take_below(input, 3);
    switch (take_below(input, 8)) {
    case 0:
        amqp_table_put_text(builder, name, slice_of("xyz", value));
        break;
    case 1:
        amqp_table_put_int(builder, name, AMQP_TAG_INT64, value);
        break;
    case 2:
        amqp_table_put_int(builder, name, AMQP_TAG_INT8, value);
        break;
    case 3:
        amqp_table_put_double(builder, name, value);
        break;
    case 4:
        amqp_table_put_bool(builder, name, value == 1);
        break;
    case 5:
        amqp_table_begin_table(builder, name);
        amqp_table_put_int(builder, SLICE("n"), AMQP_TAG_INT64, value);
        amqp_table_end(builder);
        break;
    case 6:
        amqp_table_begin_array(builder, name);
        amqp_table_put_bool(builder, AMQP_NO_NAME, value == 1);
        amqp_table_end(builder);
        break;
    default:
        amqp_table_put_void(builder, name);
    }
}

static struct slice take_table(struct input *input, struct amqp_table_builder *builder,
                               bool is_pattern) {
    static const char *const modes[] = {"all", "any", "all-with-x", "any-with-x"};
    amqp_table_builder_init(builder);
    size_t mode = take_below(input, 5);
    if (is_pattern && mode < 4)
        amqp_table_put_text(builder, SLICE("x-match"), slice_from_text(modes[mode]));
    for (size_t count = take_below(input, ENTRIES_MAX); count > 0; count--)
        put_entry(input, builder);
    return amqp_table_builder_finish(builder);
}

/* --- the model --- */

struct model_binding {
    bool is_bound;
    size_t queue;
    uint8_t key_octets[KEY_MAX];
    struct slice key;
    struct amqp_table_builder builder; /* owns the arguments */
    struct slice arguments;
};

static size_t split(struct slice key, struct slice words[WORDS_MAX]) {
    size_t count = 0, from = 0;
    for (size_t i = 0; i <= key.len; i++) {
        if (i == key.len || key.data[i] == '.') {
            words[count++] = slice_of(key.data + from, i - from);
            from = i + 1;
        }
    }
    return key.len == 0 ? 0 : count;
}

/* `row[k]`: the pattern's words so far match the first k words of the key. */
static bool topic_matches(struct slice pattern, struct slice key) {
    struct slice pattern_words[WORDS_MAX], key_words[WORDS_MAX];
    bool row[WORDS_MAX + 1] = {true};
    size_t pattern_count = split(pattern, pattern_words), key_count = split(key, key_words);
    for (size_t p = 0; p < pattern_count; p++) {
        bool is_hash = slice_equal(pattern_words[p], SLICE("#"));
        bool is_star = slice_equal(pattern_words[p], SLICE("*"));
        bool before = row[0];
        row[0] = row[0] && is_hash;
        for (size_t k = 1; k <= key_count; k++) {
            bool old = row[k];
            bool matches = is_star || slice_equal(pattern_words[p], key_words[k - 1]);
            row[k] = is_hash ? old || row[k - 1] : before && matches;
            before = old;
        }
    }
    return row[key_count];
}

static bool entry_matches(struct slice headers, struct slice name,
                          const struct amqp_value *wanted) {
    struct amqp_value found;
    return amqp_table_find(headers, name, &found) &&
           (wanted->tag == AMQP_TAG_VOID || amqp_value_equal(wanted, &found, AMQP_EQUAL_HEADERS));
}

static bool headers_match(struct slice pattern, struct slice headers) {
    struct amqp_value mode = {.bytes = SLICE("all")}, value;
    struct slice name;
    struct amqp_table_iterator i = amqp_table_begin(pattern);
    bool all = true, any = false;
    amqp_table_find(pattern, SLICE("x-match"), &mode);
    bool with_x = mode.bytes.len > 3;
    while (amqp_table_next(&i, &name, &value)) {
        bool counts =
            with_x ? !slice_equal(name, SLICE("x-match")) : !slice_has_prefix(name, SLICE("x-"));
        if (counts && entry_matches(headers, name, &value))
            any = true;
        else if (counts)
            all = false;
    }
    return mode.bytes.data[1] == 'l' ? all : any;
}

/* --- the broker beside it --- */

struct world {
    struct broker *broker;
    struct vhost *vhost;
    struct exchange *exchange;
    struct queue *queues[QUEUES];
    struct model_binding bindings[BINDINGS_MAX];
    struct route route;
    bool is_topic;
};

static void fill_random(void *context, void *buffer, size_t len) {
    (void)context;
    memset(buffer, 7, len);
}

/* `walks`: topic patterns are searched by the trie; otherwise by columns from the first key on. */
static void open_world(struct world *world, struct env *env, bool is_topic, bool walks) {
    struct broker_settings settings;
    struct refusal refusal;
    bool created;
    broker_settings_init(&settings);
    settings.topic_walk_max = walks ? settings.topic_walk_max : 0;
    world->is_topic = is_topic;
    world->broker = broker_create(env, &settings);
    world->vhost = broker_add_vhost(world->broker, SLICE("/"));
    const struct exchange_declaration declaration = {
        .name = SLICE("e"), .type = is_topic ? SLICE("topic") : SLICE("headers")};
    world->exchange = vhost_declare_exchange(world->vhost, &declaration, &refusal);
    assert(world->exchange != NULL);
    for (size_t i = 0; i < QUEUES; i++) {
        char name = (char)('0' + i);
        const struct queue_declaration queue = {.name = slice_of(&name, 1)};
        world->queues[i] = vhost_declare_queue(world->vhost, &queue, &created, &refusal);
        assert(world->queues[i] != NULL);
    }
    route_init(&world->route);
}

static void close_world(struct world *world) {
    for (size_t i = 0; i < BINDINGS_MAX; i++)
        amqp_table_builder_clear(&world->bindings[i].builder);
    route_clear(&world->route);
    broker_destroy(world->broker);
}

static struct binding_request request_of(const struct world *world,
                                         const struct model_binding *binding) {
    return (struct binding_request){.source = SLICE("e"),
                                    .destination = world->queues[binding->queue]->name,
                                    .destination_is_queue = true,
                                    .binding_key = binding->key,
                                    .arguments = binding->arguments};
}

struct argument {
    struct slice name;
    struct amqp_value value;
};

/* By name, several of one name in the order they came, as RabbitMQ's keysort has them. */
static size_t sort_arguments(struct slice table, struct argument *sorted) {
    struct amqp_table_iterator i = amqp_table_begin(table);
    struct argument next;
    size_t count = 0;

    for (; amqp_table_next(&i, &next.name, &next.value); count++) {
        size_t at = count;
        for (; at > 0 && slice_compare(next.name, sorted[at - 1].name) < 0; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = next;
    }
    return count;
}

static bool arguments_equal(struct slice a, struct slice b) {
    static struct argument sorted_a[AMQP_TABLE_ENTRIES_MAX], sorted_b[AMQP_TABLE_ENTRIES_MAX];
    size_t count = sort_arguments(a, sorted_a);
    bool is_equal = sort_arguments(b, sorted_b) == count;

    for (size_t i = 0; is_equal && i < count; i++)
        is_equal = slice_equal(sorted_a[i].name, sorted_b[i].name) &&
                   amqp_value_equal(&sorted_a[i].value, &sorted_b[i].value, AMQP_EQUAL_STRICT);
    return is_equal;
}

/* Equal bindings are one: unbinding ends them all. */
static void forget_equals(struct world *world, const struct model_binding *binding) {
    for (size_t i = 0; i < BINDINGS_MAX; i++) {
        struct model_binding *other = &world->bindings[i];
        if (other->is_bound && other->queue == binding->queue &&
            slice_equal(other->key, binding->key) &&
            arguments_equal(other->arguments, binding->arguments))
            other->is_bound = false;
    }
}

/* The one thing a binding key may not have is too many of these. */
static size_t count_hashes(struct slice key) {
    struct slice words[WORDS_MAX];
    size_t count = split(key, words), hashes = 0;
    for (size_t i = 0; i < count; i++)
        hashes += slice_equal(words[i], SLICE("#"));
    return hashes;
}

static void change_binding(struct world *world, struct input *input) {
    struct model_binding *binding = &world->bindings[take_below(input, BINDINGS_MAX)];
    struct refusal refusal;
    if (binding->is_bound) {
        const struct binding_request request = request_of(world, binding);
        bool done = vhost_unbind(world->vhost, &request, &refusal);
        assert(done);
        forget_equals(world, binding);
        return;
    }
    amqp_table_builder_clear(&binding->builder);
    binding->queue = take_below(input, QUEUES);
    binding->key = take_key(input, binding->key_octets);
    binding->arguments = SLICE("");
    if (!world->is_topic)
        binding->arguments = take_table(input, &binding->builder, true);
    const struct binding_request request = request_of(world, binding);
    bool done = vhost_bind(world->vhost, &request, &refusal);
    assert(done == (!world->is_topic || count_hashes(binding->key) <= HASHES_MAX));
    binding->is_bound = done;
}

static bool is_routed_to(const struct route *route, const struct queue *queue) {
    for (size_t i = 0; i < route->count; i++) {
        if (route->queues[i] == queue)
            return true;
    }
    return false;
}

static bool is_expected(const struct world *world, size_t queue, struct slice key,
                        struct slice headers) {
    for (size_t i = 0; i < BINDINGS_MAX; i++) {
        const struct model_binding *binding = &world->bindings[i];
        if (binding->is_bound && binding->queue == queue &&
            (world->is_topic ? topic_matches(binding->key, key)
                             : headers_match(binding->arguments, headers)))
            return true;
    }
    return false;
}

static void route_one(struct world *world, struct input *input) {
    uint8_t octets[KEY_MAX];
    struct amqp_table_builder builder = {0};
    struct slice key = take_key(input, octets), headers = SLICE("");
    if (!world->is_topic)
        headers = take_table(input, &builder, false);
    const struct route_request request = {.routing_key = key, .headers = headers};
    route_message(&world->route, world->exchange, &request);
    for (size_t i = 0; i < QUEUES; i++)
        assert(is_routed_to(&world->route, world->queues[i]) ==
               is_expected(world, i, key, headers));
    amqp_table_builder_clear(&builder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input input = {data, data + size};
    struct env env = {.hash_seed = 42, .fill_random = fill_random};
    struct world *world = calloc(1, sizeof *world);
    uint8_t kind = take(&input);
    open_world(world, &env, kind % 2 == 0, kind / 2 % 2 == 0);
    for (size_t round = 0; round < ROUNDS_MAX && input.at < input.end; round++) {
        if (take(&input) % 2 == 0)
            change_binding(world, &input);
        else
            route_one(world, &input);
    }
    close_world(world);
    free(world);
    return 0;
}
