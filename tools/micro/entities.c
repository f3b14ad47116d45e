/* SPDX-License-Identifier: Apache-2.0 */
/* What a broker without connections does: messages, queues, routes. */
#include <stdio.h>
#include <stdlib.h>

#include "broker/entities/exchange.h"
#include "broker/entities/message.h"
#include "broker/entities/queue.h"
#include "broker/entities/route.h"
#include "broker/entities/vhost.h"
#include "tools/micro/box.h"
#include "tools/micro/micro.h"

/* A content header of class basic without properties, for a body of 128 octets. */
static const uint8_t header[] = {0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 128, 0, 0};
static const uint8_t body[128];

static struct message *create_message(struct box *box) {
    struct message *message =
        message_create(&box->broker->messages, SLICE(""), SLICE("queue"),
                       slice_of(header, sizeof header), slice_of(body, sizeof body));
    if (message == NULL)
        abort();
    return message;
}

static struct queue *declare(struct box *box, struct slice name) {
    struct queue_declaration declaration = {.name = name, .arguments = slice_of("\0\0\0\0", 4)};
    struct refusal refusal;
    bool created;
    struct queue *queue = vhost_declare_queue(box->vhost, &declaration, &created, &refusal);

    if (queue == NULL)
        abort();
    return queue;
}

static void bind(struct box *box, struct slice source, struct slice destination, struct slice key) {
    struct binding_request request = {.source = source,
                                      .destination = destination,
                                      .destination_is_queue = true,
                                      .binding_key = key,
                                      .arguments = slice_of("\0\0\0\0", 4)};
    struct refusal refusal;

    if (!vhost_bind(box->vhost, &request, &refusal))
        abort();
}

static void message_life(size_t count) {
    struct box box;

    box_init(&box, false);
    for (size_t i = 0; i < count; i++)
        message_unref(create_message(&box));
    box_clear(&box);
}

/* A thousand deep, as a busy queue is for a moment. */
static void queue_operations(size_t count) {
    struct box box;
    struct queue *queue;
    struct entry entry;

    box_init(&box, false);
    queue = declare(&box, SLICE("queue"));
    for (size_t i = 0; i < count + 1000; i++) {
        struct message *message = create_message(&box);
        queue_publish(queue, message);
        message_unref(message);
        if (i >= 1000 && queue_get(queue, true, &entry))
            queue_finish_delivery(queue, &entry);
    }
    box_clear(&box);
}

static void declare_queues(size_t count) {
    struct box box;
    char name[32];

    box_init(&box, false);
    for (size_t i = 0; i < count; i++)
        declare(&box, slice_of(name, (size_t)snprintf(name, sizeof name, "queue-%06zu", i)));
    box_clear(&box);
}

#define KEY_FORMAT "part.%05u.some.leaf"

/* Keys "part.00000.some.leaf" and so on. */
static void route_many(struct box *box, struct slice exchange_name, size_t keys, size_t count) {
    struct exchange *exchange = vhost_find_exchange(box->vhost, exchange_name);
    struct route route;
    char key[64];

    route_init(&route);
    for (size_t i = 0; i < count; i++) {
        struct route_request request = {
            .routing_key =
                slice_of(key, (size_t)snprintf(key, sizeof key, KEY_FORMAT, (unsigned)(i % keys)))};
        route_message(&route, exchange, &request);
        if (route.count != 1)
            abort();
    }
    route_clear(&route);
}

static void route_direct(size_t count) {
    struct box box;

    box_init(&box, false);
    declare(&box, SLICE("queue"));
    bind(&box, SLICE("amq.direct"), SLICE("queue"), SLICE("part.00000.some.leaf"));
    route_many(&box, SLICE("amq.direct"), 1, count);
    box_clear(&box);
}

#define PATTERNS 10000

static void route_topic(size_t count) {
    struct box box;
    char key[64];

    box_init(&box, false);
    declare(&box, SLICE("queue"));
    for (unsigned i = 0; i < PATTERNS; i++)
        bind(&box, SLICE("amq.topic"), SLICE("queue"),
             slice_of(key, (size_t)snprintf(key, sizeof key, "part.%05u.*.#", i)));
    route_many(&box, SLICE("amq.topic"), PATTERNS, count);
    box_clear(&box);
}

const struct micro micro_entities[] = {
    {"message-life", "a message of 128 octets is made and freed", message_life},
    {"queue-operations", "a message is made, published and got without ack", queue_operations},
    {"declare-queue", "a queue is declared", declare_queues},
    {"route-direct", "a key of a direct exchange (and snprintf of it)", route_direct},
    {"route-topic", "a key among 10,000 patterns (and snprintf of it)", route_topic},
    {NULL, NULL, NULL},
};
