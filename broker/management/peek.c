/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET queues/{vhost}/{queue}/peek: ready messages, the one to be delivered next first, as `get` shows them and
 * with their position. RabbitMQ has nothing like it: its `get` takes messages and gives them back marked.
 */
#include "broker/management/peek.h"

#include <stdlib.h>

#include "broker/entities/broker.h"
#include "broker/entities/limits.h"
#include "broker/entities/queue.h"
#include "broker/entities/queue_peek.h"
#include "broker/entities/vhost.h"
#include "broker/management/message_json.h"
#include "broker/management/messages.h"

#define COUNT_DEFAULT 10

struct wanted {
    uint64_t count;
    uint64_t offset;
    struct message_view view;
};

/* A number of the query, `*value` without one; false when it was refused. */
static bool read_number(struct api_request *request, const char *name, uint64_t max,
                        uint64_t *value) {
    char text[21], *end = text;

    if (http_request_argument(request->http, name) == NULL)
        return true;
    if (api_argument(request, name, text, sizeof text) && text[0] >= '0' && text[0] <= '9')
        *value = strtoull(text, &end, 10);
    if (end == text || *end != '\0') {
        api_refuse_bad(request, "%s is no number", name);
        return false;
    }
    if (*value <= max)
        return true;
    limit_reached(request->broker, LIMIT_PEEK);
    api_refuse_bad(request, "%s is greater than %llu", name, (unsigned long long)max);
    return false;
}

static bool read_encoding(struct api_request *request, struct message_view *view) {
    char word[16] = "";

    if (http_request_argument(request->http, "encoding") == NULL ||
        (api_argument(request, "encoding", word, sizeof word) &&
         message_view_set_encoding(view, slice_from_text(word))))
        return true;
    api_refuse_bad(request, "unsupported encoding");
    return false;
}

static bool read_wanted(struct api_request *request, struct wanted *wanted) {
    uint64_t truncate = INT64_MAX;

    *wanted = (struct wanted){.count = COUNT_DEFAULT};
    if (!read_number(request, "count", QUEUE_PEEK_COUNT_MAX, &wanted->count) ||
        !read_number(request, "offset", QUEUE_PEEK_OFFSET_MAX, &wanted->offset) ||
        !read_number(request, "truncate", INT64_MAX, &truncate) ||
        !read_encoding(request, &wanted->view))
        return false;
    wanted->view.truncate = (int64_t)truncate;
    return true;
}

static void write_messages(struct api_request *request, const struct queue_peek *look,
                           const struct message_view *view) {
    const size_t ready = queue_ready_count(look->queue);
    struct json_out out = api_json(request);

    json_out_begin_array(&out);
    for (size_t i = 0; i < look->count; i++) {
        const struct entry *entry = &look->entries[i];
        const size_t position = look->offset + i;
        json_out_begin_object(&out);
        json_out_put_unsigned(&out, "position", position);
        if (entry->message == NULL)
            json_out_put_bool(&out, "unreadable", true);
        else
            message_json_write(&out, look->queue, entry, ready - position - 1, view);
        json_out_end_object(&out);
    }
    json_out_end_array(&out);
}

static void end_look(void *look) {
    queue_peek_destroy(look);
}

/* The look that an earlier turn of this request began, unless another queue has that name now. */
static struct queue_peek *look_at(struct api_request *request, struct queue *queue,
                                  const struct wanted *wanted) {
    struct http_response *response = request->response;
    struct queue_peek *look = response->kept;

    if (look != NULL && look->queue == queue)
        return look;
    queue_peek_destroy(look);
    look = queue_peek_create(queue, (size_t)wanted->offset, (size_t)wanted->count);
    response->kept = look;
    response->end_kept = end_look;
    return look;
}

static void peek(struct api_request *request) {
    struct queue *queue = vhost_find_queue(request->vhost, request->parts[0]);
    struct wanted wanted;

    if (queue == NULL) {
        api_refuse_missing(request);
    } else if (read_wanted(request, &wanted) && messages_may_get(request, queue)) {
        struct queue_peek *look = look_at(request, queue, &wanted);
        if (queue_peek_look(look))
            write_messages(request, look, &wanted.view);
        else
            request->response->again = true;
    }
}

const struct api_route peek_routes[] = {
    {"GET", "queues/{vhost}/{queue}/peek", API_VHOST, API_NO_BODY, peek},
    {.pattern = NULL},
};
