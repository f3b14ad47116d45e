/* SPDX-License-Identifier: Apache-2.0 */
/* The metrics' port: which page, and its pieces one after the other. */
#include "broker/management/metrics.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/entities/broker.h"
#include "broker/management/http_server.h"
#include "broker/management/management_private.h"
#include "broker/management/percent.h"

#define CONTENT_TYPE "text/plain; version=0.0.4"
#define FAMILIES_MAX 1024 /* octets of the query */
#define VHOST_MAX    256

/* --- the format --- */

void metric_append_head(struct text *out, const char *prefix, const char *name, const char *help,
                        enum metric_kind kind) {
    text_append_format(out, "# TYPE %s%s %s\n# HELP %s%s %s\n", prefix, name,
                       kind == METRIC_COUNTER ? "counter" : "gauge", prefix, name, help);
}

void metric_append_value(struct text *out, double value) {
    if (isnan(value))
        text_append(out, SLICE(" NaN\n"));
    else if (value == floor(value) && fabs(value) < 9e15)
        text_append_format(out, " %.0f\n", value);
    else
        text_append_format(out, " %.9g\n", value);
}

void metric_append_label(struct text *out, const char *name, struct slice value, bool is_first) {
    text_append_format(out, "%s%s=\"", is_first ? "" : ",", name);
    for (size_t i = 0; i < value.len; i++) {
        const uint8_t octet = value.data[i];
        if (octet == '\\' || octet == '"')
            text_append_format(out, "\\%c", octet);
        else if (octet == '\n')
            text_append(out, SLICE("\\n"));
        else
            text_append(out, slice_of(&octet, 1));
    }
    text_append(out, SLICE("\""));
}

/* --- a scrape --- */

enum page { PAGE_SUMS, PAGE_OBJECTS, PAGE_DETAILED, PAGE_MEMORY, PAGE_NONE };

struct scrape {
    struct management *management;
    enum page page;
    char families[FAMILIES_MAX]; /* of PAGE_DETAILED: ",a,b," */
    size_t group;
    size_t metric;
    size_t object; /* of PAGE_OBJECTS and PAGE_DETAILED: the next one of this metric */
    struct api_items items;
    uint64_t epoch;
    bool has_collected;
    bool node_is_written;
    char vhost[VHOST_MAX]; /* "" : all */
};

static const char *prefix_of(const struct scrape *scrape) {
    return scrape->page == PAGE_DETAILED ? "rabbitmq_detailed_" : "rabbitmq_";
}

static void drop_items(struct scrape *scrape) {
    if (scrape->has_collected)
        api_items_clear(&scrape->items, metric_groups[scrape->group].resource);
    scrape->has_collected = false;
}

static void collect(struct scrape *scrape, const struct metric_group *group) {
    if (scrape->has_collected)
        return;
    group->collect(scrape->management->broker, slice_from_text(scrape->vhost), &scrape->items);
    scrape->epoch = group->resource->epoch == NULL ? 0 : group->resource->epoch(scrape->management);
    scrape->has_collected = true;
}

static bool is_gone(const struct scrape *scrape, const struct metric_group *group,
                    const void *object) {
    const struct api_resource *resource = group->resource;

    if (resource->is_gone == NULL ||
        (resource->epoch != NULL && resource->epoch(scrape->management) == scrape->epoch))
        return false;
    return resource->is_gone(scrape->management, object);
}

static void append_sum(struct scrape *scrape, const struct metric_group *group,
                       const struct metric *metric, struct text *out) {
    double sum = 0;

    for (size_t i = 0; i < scrape->items.count; i++) {
        if (is_gone(scrape, group, scrape->items.objects[i]))
            continue;
        double value = metric->value(scrape->items.objects[i], scrape->management->broker);
        sum += isnan(value) ? 0 : value;
    }
    text_append_format(out, "%s%s", prefix_of(scrape), metric->name);
    metric_append_value(out, sum);
}

static void append_object(const struct scrape *scrape, const struct metric_group *group,
                          const struct metric *metric, const void *object, struct text *out) {
    if (is_gone(scrape, group, object))
        return;
    text_append_format(out, "%s%s{", prefix_of(scrape), metric->name);
    group->append_labels(out, object);
    text_append(out, SLICE("}"));
    metric_append_value(out, metric->value(object, scrape->management->broker));
}

/* Families are asked for by name; the other pages have all. */
static bool is_wanted(const struct scrape *scrape, const struct metric *metric) {
    char family[64];

    if (scrape->page != PAGE_DETAILED)
        return true;
    snprintf(family, sizeof family, ",%s,", metric->family);
    return strstr(scrape->families, family) != NULL;
}

static void next_metric(struct scrape *scrape) {
    scrape->object = 0;
    scrape->metric++;
    if (metric_groups[scrape->group].metrics[scrape->metric].name != NULL)
        return;
    drop_items(scrape);
    scrape->metric = 0;
    scrape->group++;
}

static void append_piece(struct scrape *scrape, struct text *out) {
    const struct metric_group *group = &metric_groups[scrape->group];
    const struct metric *metric = &group->metrics[scrape->metric];

    if (!is_wanted(scrape, metric)) {
        next_metric(scrape);
        return;
    }
    collect(scrape, group);
    if (scrape->object == 0)
        metric_append_head(out, prefix_of(scrape), metric->name, metric->help, metric->kind);
    if (scrape->page == PAGE_SUMS) {
        append_sum(scrape, group, metric, out);
        next_metric(scrape);
    } else if (scrape->object == scrape->items.count) {
        next_metric(scrape);
    } else {
        append_object(scrape, group, metric, scrape->items.objects[scrape->object++], out);
    }
}

static void append_node(struct scrape *scrape, struct text *out) {
    if (scrape->page == PAGE_MEMORY)
        metrics_write_memory(out, scrape->management);
    else
        metrics_write_node(out, scrape->management);
    scrape->node_is_written = true;
}

static bool next_piece(void *state, struct text *out) {
    struct scrape *scrape = state;

    if (!scrape->node_is_written)
        append_node(scrape, out);
    else if (scrape->page != PAGE_MEMORY && scrape->group < metric_group_count)
        append_piece(scrape, out);
    return scrape->page != PAGE_MEMORY && scrape->group < metric_group_count;
}

static void end_scrape(void *state) {
    drop_items(state);
    free(state);
}

/* --- requests --- */

static enum page page_of(const struct management *management, const struct http_request *request) {
    static const struct {
        const char *suffix;
        enum page page;
    } pages[] = {{"/per-object", PAGE_OBJECTS},
                 {"/detailed", PAGE_DETAILED},
                 {"/memory-breakdown", PAGE_MEMORY}};
    const struct slice path = request->path,
                       base = slice_from_text(management->settings.metrics_path);

    if (!slice_has_prefix(path, base))
        return PAGE_NONE;
    const struct slice rest = slice_of(path.data + base.len, path.len - base.len);
    if (rest.len == 0 || slice_equal(rest, SLICE("/")))
        return management->settings.metrics_per_object ? PAGE_OBJECTS : PAGE_SUMS;
    for (size_t i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        if (slice_equal(rest, slice_from_text(pages[i].suffix)))
            return pages[i].page;
    }
    return PAGE_NONE;
}

size_t metrics_begin(void *context, const struct http_request *request,
                     struct http_response *response) {
    const bool is_get =
        slice_equal(request->method, SLICE("GET")) || slice_equal(request->method, SLICE("HEAD"));

    if (page_of(context, request) == PAGE_NONE)
        response->status = 404;
    else if (!is_get)
        response->status = 405;
    response->content_type = CONTENT_TYPE;
    return 0;
}

static void add_family(void *context, const char *name, const char *value) {
    struct scrape *scrape = context;
    const size_t len = strlen(scrape->families);

    if (strcmp(name, "family") == 0 && len + strlen(value) + 2 < sizeof scrape->families)
        sprintf(scrape->families + len, "%s,", value);
    if (strcmp(name, "vhost") == 0 && strlen(value) < sizeof scrape->vhost)
        scrape
            ->vhost[percent_decode(slice_from_text(value), PERCENT_PLUS_IS_SPACE, scrape->vhost)] =
            '\0';
}

void metrics_handle(void *context, const struct http_request *request,
                    struct http_response *response) {
    struct scrape *scrape = xcalloc(1, sizeof *scrape);

    scrape->management = context;
    scrape->page = page_of(context, request);
    scrape->families[0] = ',';
    http_request_each_argument(request, add_family, scrape);
    response->content_type = CONTENT_TYPE;
    response->stream = (struct http_stream){.next = next_piece, .end = end_scrape, .state = scrape};
}
