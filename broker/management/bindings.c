/* SPDX-License-Identifier: Apache-2.0 */
/* GET, POST and DELETE of bindings. */
#include "broker/management/bindings.h"

#include <stdlib.h>

#include "broker/base/alloc.h"
#include "broker/base/map.h"
#include "broker/entities/binding.h"
#include "broker/entities/broker.h"
#include "broker/entities/exchange.h"
#include "broker/entities/permission.h"
#include "broker/entities/queue.h"
#include "broker/entities/vhost.h"
#include "broker/management/api_login.h"
#include "broker/management/management_private.h"
#include "broker/management/percent.h"
#include "broker/entities/table_json.h"

/* Either a binding, or the default exchange's to a queue. */
struct listed_binding {
    const struct vhost *vhost;
    const struct binding *binding;
    const struct queue *queue; /* held */
};

/* --- fields --- */

static struct slice source_of(const struct listed_binding *listed) {
    return listed->binding == NULL ? SLICE("") : listed->binding->source->name;
}

static struct slice key_of(const struct listed_binding *listed) {
    return listed->binding == NULL ? listed->queue->name : listed->binding->binding_key;
}

static struct slice arguments_of(const struct listed_binding *listed) {
    return listed->binding == NULL ? SLICE("") : listed->binding->arguments;
}

static const struct queue *queue_of(const struct listed_binding *listed) {
    return listed->binding == NULL ? listed->queue : listed->binding->destination.queue;
}

static struct slice destination_of(const struct listed_binding *listed) {
    const struct queue *queue = queue_of(listed);
    return queue != NULL ? queue->name : listed->binding->destination.exchange->name;
}

static void write_source(struct json_out *out, const void *object, struct management *management) {
    (void)management;
    json_out_text(out, source_of(object));
}

static void write_vhost(struct json_out *out, const void *object, struct management *management) {
    (void)management;
    json_out_text(out, ((const struct listed_binding *)object)->vhost->name);
}

static void write_destination(struct json_out *out, const void *object,
                              struct management *management) {
    (void)management;
    json_out_text(out, destination_of(object));
}

static void write_destination_type(struct json_out *out, const void *object,
                                   struct management *management) {
    (void)management;
    json_out_string(out, queue_of(object) != NULL ? "queue" : "exchange");
}

static void write_routing_key(struct json_out *out, const void *object,
                              struct management *management) {
    (void)management;
    json_out_text(out, key_of(object));
}

static void write_arguments(struct json_out *out, const void *object,
                            struct management *management) {
    (void)management;
    table_json_write(out, arguments_of(object));
}

/* `~` stands for nothing at all; arguments add their hash (compat 5.2). */
static void append_properties_key(struct text *text, const struct listed_binding *listed) {
    struct slice key = key_of(listed), arguments = arguments_of(listed);

    if (key.len == 0 && arguments.len == 0)
        text_append(text, SLICE("~"));
    percent_encode(text, key);
    if (arguments.len > 0)
        text_append_format(text, "~%08x", map_hash(0, arguments));
}

static void write_properties_key(struct json_out *out, const void *object,
                                 struct management *management) {
    struct text key = {0};

    (void)management;
    append_properties_key(&key, object);
    json_out_text(out, text_slice(&key));
    text_clear(&key);
}

static const struct api_field fields[] = {
    {"source", .write = write_source},
    {"vhost", .write = write_vhost},
    {"destination", .write = write_destination},
    {"destination_type", .write = write_destination_type},
    {"routing_key", .write = write_routing_key},
    {"arguments", .write = write_arguments},
    {"properties_key", .write = write_properties_key},
    {.name = NULL},
};

/* --- lists --- */

static int compare(const void *a, const void *b) {
    const struct listed_binding *left = a, *right = b;
    int order = slice_compare(left->vhost->name, right->vhost->name);

    if (order == 0)
        order = slice_compare(source_of(left), source_of(right));
    if (order == 0)
        order = slice_compare(destination_of(left), destination_of(right));
    return order != 0 ? order : slice_compare(key_of(left), key_of(right));
}

static void release(const void *object) {
    struct listed_binding *listed = (struct listed_binding *)(uintptr_t)object;

    if (listed->queue != NULL)
        queue_unref((struct queue *)(uintptr_t)listed->queue);
    free(listed);
}

static bool has_binding(const struct vhost *vhost, const struct binding *binding) {
    for (const struct binding *at = vhost->bindings; at != NULL; at = at->by_identity.next)
        if (at == binding)
            return true;
    return false;
}

/* Vhosts are compared by address: one that was deleted took its bindings along. */
static bool is_gone(struct management *management, const void *object) {
    const struct listed_binding *listed = object;

    if (listed->queue != NULL)
        return listed->queue->deleted;
    for (struct vhost *vhost = management->broker->vhosts; vhost != NULL;
         vhost = vhost->by_name.next) {
        if (vhost == listed->vhost)
            return !has_binding(vhost, listed->binding);
    }
    return true;
}

/* Those of the default exchange go with their queues. */
static uint64_t epoch(struct management *management) {
    const struct broker_counters *counters = &management->broker->counters;
    return counters->bindings_removed + counters->queues_deleted;
}

const struct api_resource binding_resource = {
    .fields = fields, .compare = compare, .release = release, .is_gone = is_gone, .epoch = epoch};

static void add(struct api_items *items, const struct vhost *vhost, const struct binding *binding,
                struct queue *queue) {
    struct listed_binding *listed = xcalloc(1, sizeof *listed);

    listed->vhost = vhost;
    listed->binding = binding;
    listed->queue = queue == NULL ? NULL : queue_ref(queue);
    api_items_add(items, &binding_resource, listed);
}

void bindings_collect_vhost(struct api_items *items, const struct vhost *vhost) {
    for (struct queue *queue = vhost->queues; queue != NULL; queue = queue->by_name.next)
        add(items, vhost, NULL, queue);
    for (const struct binding *at = vhost->bindings; at != NULL; at = at->by_identity.next)
        add(items, vhost, at, NULL);
}

static void collect(const struct api_request *request, struct api_items *items) {
    for (const struct vhost *vhost = request->broker->vhosts; vhost != NULL;
         vhost = vhost->by_name.next) {
        if (api_lists_vhost(request, vhost))
            bindings_collect_vhost(items, vhost);
    }
}

static void list_all(struct api_request *request) {
    struct api_items items = {0};

    collect(request, &items);
    api_reply_list(request, &binding_resource, &items);
}

/* In this and the lists below, what is not there has no bindings: RabbitMQ answers with an empty list. */
static void list_queue(struct api_request *request) {
    struct queue *queue = vhost_find_queue(request->vhost, request->parts[0]);
    struct api_items items = {0};

    if (queue != NULL) {
        add(&items, request->vhost, NULL, queue);
        LIST_FOR_EACH(&queue->bindings, at)
        add(&items, request->vhost, LIST_ITEM(at, struct binding, destination_link), NULL);
    }
    api_reply_list(request, &binding_resource, &items);
}

/* In paths the default exchange is called amq.default, in bodies it is the empty name. */
static struct exchange *find_exchange(struct api_request *request, struct slice name) {
    return vhost_find_exchange(request->vhost,
                               slice_equal(name, SLICE("amq.default")) ? SLICE("") : name);
}

static void list_source(struct api_request *request) {
    const struct exchange *exchange = find_exchange(request, request->parts[0]);
    struct api_items items = {0};

    if (exchange != NULL && exchange == request->vhost->default_exchange) {
        for (struct queue *queue = request->vhost->queues; queue; queue = queue->by_name.next)
            add(&items, request->vhost, NULL, queue);
    }
    if (exchange != NULL) {
        LIST_FOR_EACH(&exchange->bindings, at)
        add(&items, request->vhost, LIST_ITEM(at, struct binding, source_link), NULL);
    }
    api_reply_list(request, &binding_resource, &items);
}

static void list_destination(struct api_request *request) {
    const struct exchange *exchange = find_exchange(request, request->parts[0]);
    struct api_items items = {0};

    if (exchange != NULL) {
        LIST_FOR_EACH(&exchange->destination_bindings, at)
        add(&items, request->vhost, LIST_ITEM(at, struct binding, destination_link), NULL);
    }
    api_reply_list(request, &binding_resource, &items);
}

/* --- the bindings between two: bindings/{vhost}/e/{source}/q/{queue}, or e/{exchange} --- */

struct pair {
    struct exchange *source;
    struct binding_destination destination;
};

static bool is_complete(const struct pair *pair) {
    return pair->source != NULL &&
           (pair->destination.queue != NULL || pair->destination.exchange != NULL);
}

/* False when one of the two is missing. */
static bool find_pair(struct api_request *request, bool is_queue, struct pair *pair) {
    *pair = (struct pair){.source = find_exchange(request, request->parts[0])};
    if (is_queue)
        pair->destination.queue = vhost_find_queue(request->vhost, request->parts[1]);
    else
        pair->destination.exchange = find_exchange(request, request->parts[1]);
    return is_complete(pair);
}

static bool is_between(const struct binding *binding, const struct pair *pair) {
    return binding->destination.queue == pair->destination.queue &&
           binding->destination.exchange == pair->destination.exchange;
}

static void collect_pair(struct api_request *request, const struct pair *pair,
                         struct api_items *items) {
    if (pair->source == request->vhost->default_exchange && pair->destination.queue != NULL)
        add(items, request->vhost, NULL, pair->destination.queue);
    LIST_FOR_EACH(&pair->source->bindings, at) {
        const struct binding *binding = LIST_ITEM(at, struct binding, source_link);
        if (is_between(binding, pair))
            add(items, request->vhost, binding, NULL);
    }
}

static void list_pair(struct api_request *request, bool is_queue) {
    struct pair pair;
    struct api_items items = {0};

    if (find_pair(request, is_queue, &pair))
        collect_pair(request, &pair, &items);
    api_reply_list(request, &binding_resource, &items);
}

static void list_queue_pair(struct api_request *request) {
    list_pair(request, true);
}

static void list_exchange_pair(struct api_request *request) {
    list_pair(request, false);
}

/* What AMQP's bind and unbind ask for (compat 4.1). */
static bool may_bind(struct api_request *request, const struct binding_request *wanted) {
    struct refusal refusal = {0};
    const struct exchange *source = vhost_find_exchange(request->vhost, wanted->source);
    enum resource_kind kind = wanted->destination_is_queue ? RESOURCE_QUEUE : RESOURCE_EXCHANGE;

    if (permission_check(request->user, request->vhost, ACCESS_WRITE, kind, wanted->destination,
                         &refusal) &&
        permission_check(request->user, request->vhost, ACCESS_READ, RESOURCE_EXCHANGE,
                         wanted->source, &refusal) &&
        (source->type != &exchange_type_topic ||
         topic_permission_check(request->user, request->vhost, wanted->source, ACCESS_READ,
                                wanted->binding_key, &refusal)))
        return true;
    api_refuse_as_amqp(request, &refusal);
    return false;
}

static void reply_location(struct api_request *request, const struct pair *pair,
                           const struct binding_request *wanted) {
    const struct binding *binding =
        binding_find(pair->source, pair->destination, wanted->binding_key, wanted->arguments);
    const struct listed_binding listed = {.vhost = request->vhost, .binding = binding};
    struct text location = {0};

    if (binding != NULL) {
        percent_encode(&location, destination_of(&listed));
        text_append(&location, SLICE("/"));
        append_properties_key(&location, &listed);
        http_response_add_header(request->response, "location", text_chars(&location));
    }
    text_clear(&location);
    api_reply_put(request, true);
}

static void post_pair(struct api_request *request, bool is_queue) {
    struct pair pair;
    struct refusal refusal = {0};
    struct amqp_table_builder arguments;
    struct binding_request wanted = {.destination_is_queue = is_queue};

    if (!api_body_text(request, "routing_key", false, &wanted.binding_key))
        return;
    api_clean_names(request);
    wanted.destination = request->parts[1];
    find_pair(request, is_queue, &pair);
    wanted.source = pair.source == NULL ? request->parts[0] : pair.source->name;
    amqp_table_builder_init(&arguments);
    if (!api_body_table(request, "arguments", &arguments, &wanted.arguments) ||
        (is_complete(&pair) && !may_bind(request, &wanted))) {
        /* refused */
    } else if (vhost_bind(request->vhost, &wanted, &refusal)) {
        reply_location(request, &pair, &wanted);
    } else if (refusal.reply_code == AMQP_NOT_FOUND) {
        api_refuse(request, 404, "not_found", slice_from_text(refusal.text));
    } else {
        api_refuse_as_amqp(request, &refusal);
    }
    amqp_table_builder_clear(&arguments);
}

static void post_queue_pair(struct api_request *request) {
    post_pair(request, true);
}

static void post_exchange_pair(struct api_request *request) {
    post_pair(request, false);
}

/* --- one binding: .../{properties_key} --- */

static bool has_properties_key(const struct listed_binding *listed, struct slice wanted) {
    struct text key = {0};

    append_properties_key(&key, listed);
    /* The path was decoded once already, so is what it is compared with. */
    char *plain = xmalloc(key.len + 1);
    size_t len = percent_decode(text_slice(&key), PERCENT_PLUS_STAYS, plain);
    bool is_equal =
        slice_equal(slice_of(plain, len), wanted) || slice_equal(text_slice(&key), wanted);
    free(plain);
    text_clear(&key);
    return is_equal;
}

/* NULL when the request has been refused. Clear `items` in any case. */
static const struct listed_binding *find_one(struct api_request *request, bool is_queue,
                                             struct api_items *items) {
    struct pair pair;

    if (find_pair(request, is_queue, &pair))
        collect_pair(request, &pair, items);
    for (size_t i = 0; i < items->count; i++) {
        if (has_properties_key(items->objects[i], request->parts[2]))
            return items->objects[i];
    }
    api_refuse_missing(request);
    return NULL;
}

static void show(struct api_request *request, bool is_queue) {
    struct api_items items = {0};
    const struct listed_binding *listed = find_one(request, is_queue, &items);

    if (listed != NULL)
        api_reply_object(request, &binding_resource, listed);
    api_items_clear(&items, &binding_resource);
}

static void show_queue_binding(struct api_request *request) {
    show(request, true);
}

static void show_exchange_binding(struct api_request *request) {
    show(request, false);
}

static void remove_one(struct api_request *request, bool is_queue) {
    struct api_items items = {0};
    const struct listed_binding *listed = find_one(request, is_queue, &items);
    struct refusal refusal = {0};

    if (listed != NULL) {
        const struct binding_request wanted = {.source = source_of(listed),
                                               .destination = destination_of(listed),
                                               .destination_is_queue = is_queue,
                                               .binding_key = key_of(listed),
                                               .arguments = arguments_of(listed)};
        if (!may_bind(request, &wanted)) {
            /* refused */
        } else if (vhost_unbind(request->vhost, &wanted, &refusal)) {
            api_reply_deleted(request);
        } else {
            api_refuse_as_amqp(request, &refusal);
        }
    }
    api_items_clear(&items, &binding_resource);
}

static void delete_queue_binding(struct api_request *request) {
    remove_one(request, true);
}

static void delete_exchange_binding(struct api_request *request) {
    remove_one(request, false);
}

const struct api_route binding_routes[] = {
    {"GET", "bindings", API_MANAGEMENT, API_NO_BODY, list_all},
    {"GET", "bindings/{vhost}", API_VHOST, API_NO_BODY, list_all},
    {"GET", "queues/{vhost}/{queue}/bindings", API_VHOST, API_NO_BODY, list_queue},
    {"GET", "exchanges/{vhost}/{exchange}/bindings/source", API_VHOST, API_NO_BODY, list_source},
    {"GET", "exchanges/{vhost}/{exchange}/bindings/destination", API_VHOST, API_NO_BODY,
     list_destination},
    {"GET", "bindings/{vhost}/e/{exchange}/q/{queue}", API_VHOST, API_NO_BODY, list_queue_pair},
    {"POST", "bindings/{vhost}/e/{exchange}/q/{queue}", API_VHOST, API_JSON, post_queue_pair},
    {"GET", "bindings/{vhost}/e/{exchange}/e/{exchange}", API_VHOST, API_NO_BODY,
     list_exchange_pair},
    {"POST", "bindings/{vhost}/e/{exchange}/e/{exchange}", API_VHOST, API_JSON, post_exchange_pair},
    {"GET", "bindings/{vhost}/e/{exchange}/q/{queue}/{properties}", API_VHOST, API_NO_BODY,
     show_queue_binding},
    {"DELETE", "bindings/{vhost}/e/{exchange}/q/{queue}/{properties}", API_VHOST, API_NO_BODY,
     delete_queue_binding},
    {"GET", "bindings/{vhost}/e/{exchange}/e/{exchange}/{properties}", API_VHOST, API_NO_BODY,
     show_exchange_binding},
    {"DELETE", "bindings/{vhost}/e/{exchange}/e/{exchange}/{properties}", API_VHOST, API_NO_BODY,
     delete_exchange_binding},
    {.pattern = NULL},
};
