/* SPDX-License-Identifier: Apache-2.0 */
/*
 * list_queues and its like: objects of the API's tables, picked by column. RabbitMQ's tools have some names of
 * their own for columns, and defaults for each list.
 */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "broker/base/alloc.h"
#include "broker/base/text.h"
#include "broker/entities/broker.h"
#include "broker/entities/queue.h"
#include "broker/entities/exchange.h"
#include "broker/entities/vhost.h"
#include "broker/management/api_list.h"
#include "broker/management/bindings.h"
#include "broker/management/channels.h"
#include "broker/management/connections.h"
#include "broker/management/consumers.h"
#include "broker/management/control_handlers.h"
#include "broker/management/exchanges.h"
#include "broker/management/policies.h"
#include "broker/management/queues.h"
#include "broker/management/vhosts.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/delivery.h"

struct object_list {
    const struct api_resource *resource;
    const char *defaults; /* columns, with commas */
    /* `vhost` NULL: of all. */
    void (*collect)(struct api_items *items, const struct api_resource *resource,
                    const struct broker *broker, const struct vhost *vhost);
};

struct column {
    const char *name; /* as it was asked for; borrowed from the request or static */
    const char *path; /* "a.b" in the API's object */
};

struct listing {
    const struct object_list *list;
    struct api_items items;
    size_t next;
    uint64_t epoch;
    struct column *columns;
    size_t column_count;
    struct text fields; /* of the API that the columns need */
    char *defaults;     /* cut into names */
};

/* --- what there is --- */

static void collect_queues(struct api_items *items, const struct api_resource *resource,
                           const struct broker *broker, const struct vhost *vhost) {
    (void)broker;
    for (const struct queue *at = vhost->queues; at != NULL; at = at->by_name.next)
        api_items_add(items, resource, at);
}

static void collect_exchanges(struct api_items *items, const struct api_resource *resource,
                              const struct broker *broker, const struct vhost *vhost) {
    (void)broker;
    for (const struct exchange *at = vhost->exchanges; at != NULL; at = at->by_name.next)
        api_items_add(items, resource, at);
}

static void collect_bindings(struct api_items *items, const struct api_resource *resource,
                             const struct broker *broker, const struct vhost *vhost) {
    (void)broker;
    (void)resource;
    bindings_collect_vhost(items, vhost);
}

static void collect_connections(struct api_items *items, const struct api_resource *resource,
                                const struct broker *broker, const struct vhost *vhost) {
    LIST_FOR_EACH(&broker->connections, at) {
        const struct connection *connection = LIST_ITEM(at, struct connection, broker_link);
        if (connection->vhost != NULL && (vhost == NULL || connection->vhost == vhost))
            api_items_add(items, resource, connection);
    }
}

static void collect_channels(struct api_items *items, const struct api_resource *resource,
                             const struct broker *broker, const struct vhost *vhost) {
    (void)vhost;
    LIST_FOR_EACH(&broker->connections, at) {
        const struct connection *connection = LIST_ITEM(at, struct connection, broker_link);
        for (const struct channel *channel = connection->channels; channel != NULL;
             channel = channel->by_number.next)
            api_items_add(items, resource, channel);
    }
}

static void add_consumers(struct api_items *items, const struct api_resource *resource,
                          const struct connection *connection) {
    for (const struct channel *channel = connection->channels; channel != NULL;
         channel = channel->by_number.next)
        for (const struct channel_consumer *at = channel->consumers; at != NULL;
             at = at->by_tag.next)
            api_items_add(items, resource, at);
}

static void collect_consumers(struct api_items *items, const struct api_resource *resource,
                              const struct broker *broker, const struct vhost *vhost) {
    LIST_FOR_EACH(&broker->connections, at) {
        const struct connection *connection = LIST_ITEM(at, struct connection, broker_link);
        if (connection->vhost == vhost)
            add_consumers(items, resource, connection);
    }
}

static void collect_vhosts(struct api_items *items, const struct api_resource *resource,
                           const struct broker *broker, const struct vhost *vhost) {
    (void)vhost;
    for (const struct vhost *at = broker->vhosts; at != NULL; at = at->by_name.next)
        api_items_add(items, resource, at);
}

static const struct object_list queue_list = {&queue_resource, "name,messages", collect_queues};
static const struct object_list exchange_list = {&exchange_resource, "name,type",
                                                 collect_exchanges};
static const struct object_list binding_list = {
    &binding_resource,
    "source_name,source_kind,destination_name,destination_kind,routing_key,arguments",
    collect_bindings};
static const struct object_list connection_list = {
    &connection_resource, "user,peer_host,peer_port,state", collect_connections};
static const struct object_list channel_list = {
    &channel_resource, "pid,user,consumer_count,messages_unacknowledged", collect_channels};
static const struct object_list consumer_list = {
    &consumer_resource,
    "queue_name,channel_pid,consumer_tag,ack_required,prefetch_count,active,arguments",
    collect_consumers};
static const struct object_list vhost_list = {&vhost_resource, "name", collect_vhosts};

/* --- columns --- */

/* Without processes, a connection or channel is known by its name. */
static const struct {
    const char *name;
    const char *path;
} aliases[] = {
    {"source_name", "source"},
    {"destination_name", "destination"},
    {"destination_kind", "destination_type"},
    {"queue_name", "queue.name"},
    {"channel_pid", "channel_details.name"},
    {"owner_pid", "owner_pid_details.name"},
    {"connection", "connection_details.name"},
    {"messages_unacked", "messages_unacknowledged"},
    {"default_queue_type", "default_queue_type"},
};

/* Bindings start at exchanges only, and the API has no field that says so. */
#define KIND_OF_SOURCE "source_kind"

static const char *path_of(const struct object_list *list, const char *name) {
    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++) {
        if (strcmp(aliases[i].name, name) == 0)
            return aliases[i].path;
    }
    if (strcmp(name, "pid") == 0)
        return list->resource == &queue_resource ? "node" : "name";
    return name;
}

static bool has_field(const struct api_resource *resource, const char *path) {
    size_t len = strcspn(path, ".");

    for (const struct api_field *field = resource->fields; field->name != NULL; field++) {
        if (strncmp(field->name, path, len) == 0 && field->name[len] == '\0')
            return true;
    }
    return false;
}

static void add_column(struct listing *listing, const char *name) {
    const char *path = path_of(listing->list, name);

    listing->columns =
        xrealloc(listing->columns, (listing->column_count + 1) * sizeof *listing->columns);
    listing->columns[listing->column_count++] = (struct column){.name = name, .path = path};
    text_append_format(&listing->fields, "%s%.*s", listing->fields.len > 0 ? "," : "",
                       (int)strcspn(path, "."), path);
}

static bool column_is_known(const struct object_list *list, const char *name) {
    return has_field(list->resource, path_of(list, name)) ||
           (list == &binding_list && strcmp(name, KIND_OF_SOURCE) == 0);
}

static void add_defaults(struct listing *listing) {
    char *rest = NULL;

    listing->defaults = xmalloc(strlen(listing->list->defaults) + 1);
    strcpy(listing->defaults, listing->list->defaults);
    for (char *name = strtok_r(listing->defaults, ",", &rest); name != NULL;
         name = strtok_r(NULL, ",", &rest))
        add_column(listing, name);
}

/* False when the call has been refused. Names may also be separated by commas, as in RabbitMQ's tools. */
static bool choose_columns(struct control_call *call, struct listing *listing) {
    const char *name;

    for (size_t i = 0; (name = control_argument(call, i)) != NULL; i++) {
        if (!column_is_known(listing->list, name)) {
            control_fail(call, EX_USAGE, "Info key(s) %s are not supported", name);
            return false;
        }
        add_column(listing, name);
    }
    if (listing->column_count == 0)
        add_defaults(listing);
    return true;
}

/* --- rows --- */

static void destroy(struct control_call *call) {
    struct listing *listing = call->state;

    api_items_clear(&listing->items, listing->list->resource);
    text_clear(&listing->fields);
    free(listing->columns);
    free(listing->defaults);
    free(listing);
    call->state = NULL;
}

static json_t *value_at(const json_t *object, const char *path) {
    const char *dot = strchr(path, '.');

    if (dot == NULL)
        return json_object_get(object, path);
    return value_at(json_object_getn(object, path, (size_t)(dot - path)), dot + 1);
}

static json_t *cell(const struct listing *listing, const json_t *object, size_t index) {
    const struct column *column = &listing->columns[index];
    json_t *value = value_at(object, column->path);

    if (strcmp(column->name, KIND_OF_SOURCE) == 0)
        return json_string("exchange");
    return value == NULL ? json_string("") : json_incref(value);
}

static void say_row(struct control_call *call, const struct listing *listing, const void *object) {
    struct text text = {0};
    struct json_out out = {.text = &text};
    json_t *row = json_array();

    api_write_object(&out, listing->list->resource, object, text_chars(&listing->fields), true,
                     call->control->management);
    json_t *loaded = json_loadb(text.chars, text.len, JSON_ALLOW_NUL, NULL);
    for (size_t i = 0; i < listing->column_count; i++)
        json_array_append_new(row, cell(listing, loaded, i));
    control_row(call, row);
    json_decref(loaded);
    text_clear(&text);
}

static uint64_t epoch_of(const struct control_call *call, const struct api_resource *resource) {
    return resource->epoch == NULL ? 0 : resource->epoch(call->control->management);
}

/* Objects of some kinds cannot have gone unless their epoch moved. */
static bool is_gone(const struct control_call *call, const struct listing *listing,
                    const void *object) {
    const struct api_resource *resource = listing->list->resource;

    if (resource->epoch != NULL && epoch_of(call, resource) == listing->epoch)
        return false;
    return resource->is_gone != NULL && resource->is_gone(call->control->management, object);
}

static void next_row(struct control_call *call) {
    struct listing *listing = call->state;

    if (listing->next == listing->items.count) {
        destroy(call);
        control_finish(call);
        return;
    }
    const void *object = listing->items.objects[listing->next++];
    if (!is_gone(call, listing, object))
        say_row(call, listing, object);
    control_continue(call, next_row);
}

static void say_columns(struct control_call *call, const struct listing *listing) {
    const char **names = xcalloc(listing->column_count + 1, sizeof *names);

    for (size_t i = 0; i < listing->column_count; i++)
        names[i] = listing->columns[i].name;
    control_columns(call, names);
    free(names);
}

static int compare_items(const void *a, const void *b, void *context) {
    const struct api_resource *resource = context;
    return resource->compare(*(const void *const *)a, *(const void *const *)b);
}

static void sort(struct listing *listing) {
    const struct api_resource *resource = listing->list->resource;

    if (resource->compare != NULL && listing->items.count > 1)
        qsort_r(listing->items.objects, listing->items.count, sizeof(void *), compare_items,
                (void *)(uintptr_t)resource);
}

/* A vhost that does not exist has nothing in it, as RabbitMQ's tools see it. */
static void list(struct control_call *call, const struct object_list *what, bool of_vhost) {
    const struct broker *broker = call->control->broker;
    const struct vhost *vhost =
        of_vhost ? broker_find_vhost(broker, slice_from_text(control_vhost_name(call))) : NULL;
    struct listing *listing = xcalloc(1, sizeof *listing);

    listing->list = what;
    call->state = listing;
    if (!choose_columns(call, listing)) {
        destroy(call);
        return;
    }
    say_columns(call, listing);
    if (vhost != NULL || !of_vhost)
        what->collect(&listing->items, what->resource, broker, vhost);
    sort(listing);
    listing->epoch = epoch_of(call, what->resource);
    call->on_abandoned = destroy;
    next_row(call);
}

void control_list_queues(struct control_call *call) {
    list(call, &queue_list, true);
}

void control_list_exchanges(struct control_call *call) {
    list(call, &exchange_list, true);
}

void control_list_bindings(struct control_call *call) {
    list(call, &binding_list, true);
}

void control_list_connections(struct control_call *call) {
    list(call, &connection_list, false);
}

void control_list_channels(struct control_call *call) {
    list(call, &channel_list, false);
}

void control_list_consumers(struct control_call *call) {
    list(call, &consumer_list, true);
}

void control_list_vhosts(struct control_call *call) {
    list(call, &vhost_list, false);
}
