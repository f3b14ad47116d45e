/* SPDX-License-Identifier: Apache-2.0 */
/* RabbitMQ's checks in RabbitMQ's order. */
#include "broker/management/publication.h"

#include "amqp/table.h"
#include "broker/base/text.h"
#include "broker/entities/exchange.h"
#include "broker/entities/expiration.h"
#include "broker/entities/permission.h"
#include "broker/entities/user.h"

/* --- permissions --- */

static bool may_write(struct api_request *request, const struct exchange *exchange) {
    struct refusal refusal = {0};

    if (exchange->internal) {
        api_refuse_access(request, "cannot publish to an internal exchange");
        return false;
    }
    if (permission_check(request->user, request->vhost, ACCESS_WRITE, RESOURCE_EXCHANGE,
                         exchange->name, &refusal))
        return true;
    api_refuse_as_amqp(request, &refusal);
    return false;
}

static bool may_write_topic(struct api_request *request, const struct exchange *exchange,
                            struct slice key) {
    struct refusal refusal = {0};

    if (topic_permission_check(request->user, request->vhost, exchange->name, ACCESS_WRITE, key,
                               &refusal))
        return true;
    api_refuse_as_amqp(request, &refusal);
    return false;
}

static bool may_write_topics(struct api_request *request, const struct exchange *exchange,
                             struct slice keys) {
    struct amqp_array_iterator items = amqp_array_begin(keys);
    struct amqp_value key;

    while (amqp_array_next(&items, &key)) {
        if (key.tag == AMQP_TAG_TEXT && !may_write_topic(request, exchange, key.bytes))
            return false;
    }
    return true;
}

/* --- properties --- */

static bool check_expiration(struct api_request *request,
                             const struct amqp_properties *properties) {
    struct text error = {0};

    if (!(properties->flags & AMQP_EXPIRATION) ||
        expiration_is_valid(properties->expiration, &error))
        return true;
    api_refuse_bad(request, "406 PRECONDITION_FAILED - invalid expiration '" SLICE_FMT "': %s",
                   SLICE_ARG(properties->expiration), text_chars(&error));
    text_clear(&error);
    return false;
}

static bool check_user_id(struct api_request *request, const struct amqp_properties *properties) {
    const struct user *user = request->user;

    if (!(properties->flags & AMQP_USER_ID) || user->impersonator ||
        slice_equal(properties->user_id, user->name))
        return true;
    api_refuse_bad(request,
                   "406 PRECONDITION_FAILED - user_id property set to '" SLICE_FMT
                   "' but authenticated user was '" SLICE_FMT "'",
                   SLICE_ARG(properties->user_id), SLICE_ARG(user->name));
    return false;
}

static struct slice keys_in(const struct amqp_properties *properties, const char *header) {
    struct amqp_value value;
    const bool has_keys = (properties->flags & AMQP_HEADERS) &&
                          amqp_table_find(properties->headers, slice_from_text(header), &value) &&
                          value.tag == AMQP_TAG_ARRAY;

    return has_keys ? value.bytes : slice_of(NULL, 0);
}

static bool check_keys(struct api_request *request, const struct amqp_properties *properties,
                       const char *header) {
    struct amqp_value value;

    if (!(properties->flags & AMQP_HEADERS) ||
        !amqp_table_find(properties->headers, slice_from_text(header), &value) ||
        value.tag == AMQP_TAG_ARRAY)
        return true;
    api_refuse_bad(request,
                   "406 PRECONDITION_FAILED - invalid message: "
                   "{unacceptable_type_in_header,\"%s\",%s}",
                   header, amqp_type_name(value.tag));
    return false;
}

bool publication_check(struct api_request *request, const struct exchange *exchange,
                       struct slice routing_key, const struct amqp_properties *properties) {
    return may_write(request, exchange) && check_expiration(request, properties) &&
           check_keys(request, properties, "CC") && check_keys(request, properties, "BCC") &&
           (exchange->type != &exchange_type_topic ||
            (may_write_topic(request, exchange, routing_key) &&
             may_write_topics(request, exchange, keys_in(properties, "CC")) &&
             may_write_topics(request, exchange, keys_in(properties, "BCC")))) &&
           check_user_id(request, properties);
}

struct slice publication_hidden_keys(const struct amqp_properties *properties) {
    return keys_in(properties, "BCC");
}
