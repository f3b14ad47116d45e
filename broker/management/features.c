/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feature flags and deprecated features. Flags name what the broker does; stream_queue is listed without
 * streams, because NServiceBus does not start otherwise (drop-in A.3) - the one exception.
 */
#include "broker/management/management_private.h"
#include "broker/management/node.h"

static const struct feature_flag flags[] = {
    {"classic_mirrored_queue_version", "Support setting version for classic mirrored queues"},
    {"classic_queue_type_delivery_support", "Bug fix for classic queue deliveries"},
    {"detailed_queues_endpoint", "Add a detailed queues HTTP API endpoint"},
    {"direct_exchange_routing_v2", "v2 direct exchange routing implementation"},
    {"drop_unroutable_metric", "Count unroutable publishes to be dropped in stats"},
    {"empty_basic_get_metric", "Count AMQP basic.get on empty queues in stats"},
    {"feature_flags_v2", "Feature flags subsystem V2"},
    {"implicit_default_bindings", "Default bindings are implicit"},
    {"listener_records_in_ets", "Store listener records in ETS instead of Mnesia"},
    {"maintenance_mode_status", "Maintenance mode status"},
    {"message_containers", "Message containers"},
    {"quorum_queue", "Support queues of type quorum"},
    {"restart_streams", "Support for restarting streams with optional preferred next leader"},
    {"stream_queue", "Support queues of type stream"},
    {"tracking_records_in_ets", "Store tracking records in ETS instead of Mnesia"},
    {"user_limits", "Configure connection and channel limits for a user"},
    {"virtual_host_metadata", "Virtual host metadata (description, tags, etc)"},
};

#define FLAG_COUNT (sizeof flags / sizeof flags[0])

const struct feature_flag *feature_flag_at(size_t index) {
    return index < FLAG_COUNT ? &flags[index] : NULL;
}

static void list(struct api_request *request) {
    struct json_out out = api_json(request);

    json_out_begin_array(&out);
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        json_out_begin_object(&out);
        json_out_put_string(&out, "name", flags[i].name);
        json_out_put_string(&out, "desc", flags[i].description);
        json_out_put_string(&out, "doc_url", "");
        json_out_put_string(&out, "stability", "required");
        json_out_put_string(&out, "provided_by", "rabbit");
        json_out_put_string(&out, "state", "enabled");
        json_out_end_object(&out);
    }
    json_out_end_array(&out);
}

/* All there are are enabled. */
static void enable(struct api_request *request) {
    for (size_t i = 0; i < FLAG_COUNT; i++) {
        if (slice_equal(request->parts[0], slice_from_text(flags[i].name))) {
            api_reply_deleted(request);
            return;
        }
    }
    api_refuse_bad(request, "unsupported");
}

static const struct {
    const char *name;
    const char *phase;
    const char *description;
} deprecated[] = {
    {"global_qos", "permitted_by_default", "basic.qos with global=true"},
    {"transient_nonexcl_queues", "permitted_by_default",
     "Queues that are neither durable nor exclusive"},
    {"queue_master_locator", "permitted_by_default", "The argument x-queue-master-locator"},
};

static void list_deprecated(struct api_request *request) {
    struct json_out out = api_json(request);

    json_out_begin_array(&out);
    for (size_t i = 0; i < sizeof deprecated / sizeof deprecated[0]; i++) {
        json_out_begin_object(&out);
        json_out_put_string(&out, "name", deprecated[i].name);
        json_out_put_string(&out, "deprecation_phase", deprecated[i].phase);
        json_out_put_string(&out, "desc", deprecated[i].description);
        json_out_put_string(&out, "doc_url", "");
        json_out_put_string(&out, "provided_by", "rabbit");
        json_out_end_object(&out);
    }
    json_out_end_array(&out);
}

static void list_used(struct api_request *request) {
    struct json_out out = api_json(request);

    json_out_begin_array(&out);
    json_out_end_array(&out);
}

const struct api_route feature_routes[] = {
    {"GET", "feature-flags", API_MANAGEMENT, API_NO_BODY, list},
    {"PUT", "feature-flags/{name}/enable", API_ADMINISTRATOR, API_NO_BODY, enable},
    {"GET", "deprecated-features", API_MANAGEMENT, API_NO_BODY, list_deprecated},
    {"GET", "deprecated-features/used", API_MANAGEMENT, API_NO_BODY, list_used},
    {.pattern = NULL},
};
