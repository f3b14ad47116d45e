/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON to entities. A table has the sections in RabbitMQ's order, so that what an object needs was made
 * before it; each row's function makes one object out of one entry.
 */
#include "broker/base/base64.h"
#include "broker/base/json.h"
#include "broker/entities/broker.h"
#include "broker/entities/definitions.h"
#include "broker/entities/global_parameter.h"
#include "broker/entities/node_limits.h"
#include "broker/entities/permission.h"
#include "broker/entities/policy.h"
#include "broker/entities/queue_args.h"
#include "broker/entities/store.h"
#include "broker/entities/table_json.h"
#include "broker/entities/user.h"
#include "broker/entities/vhost.h"
#include "broker/entities/vhost_defaults.h"

struct import {
    struct broker *broker;
    struct vhost *vhost;  /* that everything belongs to; NULL: each entry says */
    struct slice version; /* of the RabbitMQ that wrote the file */
    struct refusal refusal;
};

typedef bool import_entry(struct import *import, const json_t *entry);

/* `'key' must be a string` */
static bool refuse_member(struct import *import, const char *key, const char *sentence) {
    return refuse(&import->refusal, AMQP_PRECONDITION_FAILED, "'%s' %s", key, sentence);
}

/* --- members of an entry --- */

static bool is_missing(const json_t *value) {
    return value == NULL || json_is_null(value);
}

static bool take_text(struct import *import, const json_t *entry, const char *key,
                      struct slice *ret_text) {
    const json_t *value = json_object_get(entry, key);
    if (!json_is_string(value))
        return refuse_member(import, key, "must be a string");
    *ret_text = slice_from_json(value);
    return true;
}

/* Leaves what is there when the entry has no such member. */
static bool take_optional_text(struct import *import, const json_t *entry, const char *key,
                               struct slice *ret_text) {
    return is_missing(json_object_get(entry, key)) || take_text(import, entry, key, ret_text);
}

static bool take_flag(struct import *import, const json_t *entry, const char *key, bool *ret_flag) {
    const json_t *value = json_object_get(entry, key);
    if (is_missing(value))
        return true;
    if (!json_is_boolean(value))
        return refuse_member(import, key, "must be true or false");
    *ret_flag = json_is_true(value);
    return true;
}

static bool take_integer(struct import *import, const json_t *entry, const char *key,
                         int64_t *ret_number) {
    const json_t *value = json_object_get(entry, key);
    if (is_missing(value))
        return true;
    if (!json_is_integer(value))
        return refuse_member(import, key, "must be a whole number");
    *ret_number = json_integer_value(value);
    return true;
}

/* Appends the object's entries to the builder; a missing one is empty, and so is [], as old files have it. */
static bool take_table(struct import *import, const json_t *entry, const char *key,
                       struct amqp_table_builder *builder) {
    const json_t *value = json_object_get(entry, key);
    if (is_missing(value) || (json_is_array(value) && json_array_size(value) == 0))
        return true;
    if (!json_is_object(value) || !table_json_read(value, builder))
        return refuse_member(import, key, "must be an object that a field table can hold");
    return true;
}

/* Names as a list, or as a text with commas in it: both go. */
static bool take_tags(struct import *import, const json_t *entry, const char *key,
                      struct text *tags) {
    const json_t *value = json_object_get(entry, key);
    size_t index;
    const json_t *tag;
    if (is_missing(value))
        return true;
    if (json_is_string(value)) {
        text_append(tags, slice_from_json(value));
        return true;
    }
    if (!json_is_array(value))
        return refuse_member(import, key, "must be a list of strings");
    json_array_foreach(value, index, tag) {
        if (!json_is_string(tag))
            return refuse_member(import, key, "must be a list of strings");
        text_append(tags, index == 0 ? SLICE("") : SLICE(","));
        text_append(tags, slice_from_json(tag));
    }
    return true;
}

static bool take_vhost(struct import *import, const json_t *entry, struct vhost **ret_vhost) {
    struct slice name;
    *ret_vhost = import->vhost;
    if (import->vhost != NULL)
        return true;
    if (!take_text(import, entry, "vhost", &name))
        return false;
    *ret_vhost = broker_find_vhost(import->broker, name);
    return *ret_vhost != NULL ||
           refuse(&import->refusal, AMQP_NOT_FOUND, "no vhost '" SLICE_FMT "'", SLICE_ARG(name));
}

static bool take_user(struct import *import, const json_t *entry, struct user **ret_user) {
    struct slice name;
    if (!take_text(import, entry, "user", &name))
        return false;
    *ret_user = user_find(import->broker, name);
    return *ret_user != NULL ||
           refuse(&import->refusal, AMQP_NOT_FOUND, "no user '" SLICE_FMT "'", SLICE_ARG(name));
}

/* --- users and vhosts --- */

/* The algorithm the entry names; those who did not yet name one had MD5 before 3.6. */
static bool take_algorithm(struct import *import, const json_t *entry,
                           enum password_algorithm *ret_algorithm) {
    struct slice name = SLICE("rabbit_password_hashing_sha256");
    if (slice_has_prefix(import->version, SLICE("3.")) && import->version.len > 3 &&
        import->version.data[2] < '6' && import->version.data[3] == '.')
        name = SLICE("rabbit_password_hashing_md5");
    if (!take_optional_text(import, entry, "hashing_algorithm", &name))
        return false;
    return password_algorithm_find(name, ret_algorithm) ||
           refuse(&import->refusal, AMQP_NOT_IMPLEMENTED,
                  "there is no hashing_algorithm '" SLICE_FMT "'", SLICE_ARG(name));
}

static bool take_password_hash(struct import *import, const json_t *entry,
                               struct password *ret_password) {
    enum password_algorithm algorithm;
    struct slice encoded = SLICE("");
    uint8_t octets[BASE64_DECODED_MAX(4 * PASSWORD_OCTETS_MAX)];
    size_t len = 0;
    if (!take_algorithm(import, entry, &algorithm) ||
        !take_optional_text(import, entry, "password_hash", &encoded))
        return false;
    if (encoded.len > 4 * PASSWORD_OCTETS_MAX || !base64_decode(encoded, octets, &len) ||
        !password_import(ret_password, algorithm, slice_of(octets, len)))
        return refuse_member(import, "password_hash", "does not have the form of its algorithm");
    return true;
}

static struct user *add_user(struct import *import, const json_t *entry, struct slice name) {
    struct slice cleartext;
    struct password password;
    if (!is_missing(json_object_get(entry, "password")))
        return take_text(import, entry, "password", &cleartext)
                   ? user_add(import->broker, name, cleartext)
                   : NULL;
    return take_password_hash(import, entry, &password)
               ? user_add_hashed(import->broker, name, &password)
               : NULL;
}

static bool take_user_limits(struct import *import, const json_t *entry,
                             struct user_limits *ret_limits) {
    const json_t *limits = json_object_get(entry, "limits");
    *ret_limits = (struct user_limits){-1, -1};
    return take_integer(import, limits, "max-connections", &ret_limits->max_connections) &&
           take_integer(import, limits, "max-channels", &ret_limits->max_channels);
}

static bool take_name(struct import *import, const json_t *entry, struct slice *ret_name) {
    if (!take_text(import, entry, "name", ret_name))
        return false;
    return ret_name->len <= UINT8_MAX || refuse_member(import, "name", "is longer than 255 octets");
}

static bool import_user(struct import *import, const json_t *entry) {
    struct slice name;
    struct user_limits limits;
    struct text tags = {0};
    bool done = take_name(import, entry, &name) && name.len > 0 &&
                take_tags(import, entry, "tags", &tags) && take_user_limits(import, entry, &limits);
    struct user *user = done ? add_user(import, entry, name) : NULL;
    done = user != NULL && user_set_tags(user, text_slice(&tags), &import->refusal);
    if (done)
        user_set_limits(user, limits);
    text_clear(&tags);
    return done;
}

/* Beside the name, or inside `metadata`, as the versions have it. */
static bool take_metadata(struct import *import, const json_t *entry,
                          struct vhost_metadata *metadata, struct text *tags) {
    return take_optional_text(import, entry, "description", &metadata->description) &&
           take_optional_text(import, entry, "default_queue_type", &metadata->default_queue_type) &&
           take_flag(import, entry, "protected_from_deletion",
                     &metadata->protected_from_deletion) &&
           take_flag(import, entry, "tracing", &metadata->tracing) &&
           (tags->len > 0 || take_tags(import, entry, "tags", tags));
}

static bool import_vhost(struct import *import, const json_t *entry) {
    struct slice name;
    struct vhost_metadata metadata = {0};
    struct text tags = {0};
    bool done = take_name(import, entry, &name) && take_metadata(import, entry, &metadata, &tags) &&
                take_metadata(import, json_object_get(entry, "metadata"), &metadata, &tags);
    if (slice_equal(metadata.default_queue_type, SLICE("undefined")))
        metadata.default_queue_type = SLICE("");
    if (done && !vhost_queue_type_is_known(metadata.default_queue_type))
        done = refuse_member(import, "default_queue_type", "is no type of queues");
    done = done && node_limits_allow_vhost(import->broker, name, &import->refusal);
    if (done) {
        metadata.tags = text_slice(&tags);
        bool is_new = broker_find_vhost(import->broker, name) == NULL;
        struct vhost *vhost = broker_add_vhost(import->broker, name);
        vhost_set_metadata(vhost, &metadata);
        if (is_new)
            vhost_apply_defaults(vhost);
    }
    text_clear(&tags);
    return done;
}

static bool import_permission(struct import *import, const json_t *entry) {
    struct user *user;
    struct vhost *vhost;
    struct slice texts[ACCESS_COUNT];
    return take_user(import, entry, &user) && take_vhost(import, entry, &vhost) &&
           take_text(import, entry, "configure", &texts[ACCESS_CONFIGURE]) &&
           take_text(import, entry, "write", &texts[ACCESS_WRITE]) &&
           take_text(import, entry, "read", &texts[ACCESS_READ]) &&
           permission_set(user, vhost, texts, &import->refusal);
}

static bool import_topic_permission(struct import *import, const json_t *entry) {
    struct user *user;
    struct vhost *vhost;
    struct slice exchange, write, read;
    return take_user(import, entry, &user) && take_vhost(import, entry, &vhost) &&
           take_text(import, entry, "exchange", &exchange) &&
           take_text(import, entry, "write", &write) && take_text(import, entry, "read", &read) &&
           topic_permission_set(user, vhost, exchange, write, read, &import->refusal);
}

/* --- parameters and policies --- */

static bool import_global_parameter(struct import *import, const json_t *entry) {
    struct slice name;
    struct text value = {0};
    if (!take_name(import, entry, &name))
        return false;
    json_append(&value, json_object_get(entry, "value"));
    bool done = value.len > 0 ? global_parameter_set(import->broker, name, text_slice(&value),
                                                     &import->refusal)
                              : refuse_member(import, "value", "is missing");
    text_clear(&value);
    return done;
}

/* `values` has pattern and definition, which is `entry` itself or the value of a parameter. */
static bool set_policy(struct import *import, const json_t *entry, const json_t *values,
                       enum policy_kind kind) {
    struct vhost *vhost;
    struct policy_settings settings = {0};
    struct amqp_table_builder definition;
    amqp_table_builder_init(&definition);
    bool done = take_vhost(import, entry, &vhost) && take_name(import, entry, &settings.name) &&
                take_text(import, values, "pattern", &settings.pattern) &&
                take_optional_text(import, values, "apply-to", &settings.apply_to) &&
                take_integer(import, values, "priority", &settings.priority) &&
                take_table(import, values, "definition", &definition);
    if (done) {
        settings.definition = amqp_table_builder_finish(&definition);
        done = policy_set(vhost, kind, &settings, &import->refusal);
    }
    amqp_table_builder_clear(&definition);
    return done;
}

static bool import_policy(struct import *import, const json_t *entry) {
    return set_policy(import, entry, entry, POLICY_ORDINARY);
}

static bool import_operator_policy(struct import *import, const json_t *entry) {
    return set_policy(import, entry, json_object_get(entry, "value"), POLICY_OF_OPERATOR);
}

static bool import_vhost_limits(struct import *import, const json_t *entry) {
    struct vhost *vhost;
    const json_t *value = json_object_get(entry, "value");
    struct vhost_limits limits = {-1, -1};
    if (!take_vhost(import, entry, &vhost) ||
        !take_integer(import, value, "max-connections", &limits.max_connections) ||
        !take_integer(import, value, "max-queues", &limits.max_queues))
        return false;
    vhost_set_limits(vhost, limits);
    return true;
}

static bool import_parameter(struct import *import, const json_t *entry) {
    struct slice component;
    if (!take_text(import, entry, "component", &component))
        return false;
    if (slice_equal(component, SLICE("vhost-limits")))
        return import_vhost_limits(import, entry);
    if (slice_equal(component, SLICE("operator_policy")))
        return import_operator_policy(import, entry);
    return refuse(&import->refusal, AMQP_NOT_FOUND,
                  "Validation failed\n\ncomponent " SLICE_FMT " not found", SLICE_ARG(component));
}

/* --- queues, exchanges, bindings --- */

/* Names that only the broker gives. */
static bool is_reserved(struct slice name) {
    return name.len == 0 || slice_has_prefix(name, SLICE("amq."));
}

static bool import_exchange(struct import *import, const json_t *entry) {
    struct vhost *vhost;
    struct exchange_declaration declaration = {.durable = true};
    struct amqp_table_builder arguments;
    amqp_table_builder_init(&arguments);
    bool done = take_vhost(import, entry, &vhost) && take_name(import, entry, &declaration.name) &&
                take_text(import, entry, "type", &declaration.type) &&
                take_flag(import, entry, "durable", &declaration.durable) &&
                take_flag(import, entry, "auto_delete", &declaration.auto_delete) &&
                take_flag(import, entry, "internal", &declaration.internal) &&
                take_table(import, entry, "arguments", &arguments);
    if (done && !is_reserved(declaration.name) &&
        vhost_find_exchange(vhost, declaration.name) == NULL) {
        declaration.arguments = amqp_table_builder_finish(&arguments);
        done = vhost_declare_exchange(vhost, &declaration, &import->refusal) != NULL;
    }
    amqp_table_builder_clear(&arguments);
    return done;
}

/* The type stands beside the arguments since 4.0; there it need not be the default one's. */
static bool take_queue_type(struct import *import, const json_t *entry,
                            struct amqp_table_builder *arguments) {
    struct slice type = SLICE("classic");
    const json_t *named = json_object_get(json_object_get(entry, "arguments"), "x-queue-type");
    if (!take_optional_text(import, entry, "type", &type))
        return false;
    if (named == NULL && !slice_equal(type, SLICE("classic")) && queue_type_named(type) != 0)
        amqp_table_put_text(arguments, SLICE("x-queue-type"), type);
    return true;
}

static bool import_queue(struct import *import, const json_t *entry) {
    struct vhost *vhost;
    struct queue_declaration declaration = {.durable = true};
    struct amqp_table_builder arguments;
    bool created;
    amqp_table_builder_init(&arguments);
    bool done = take_vhost(import, entry, &vhost) && take_name(import, entry, &declaration.name) &&
                take_flag(import, entry, "durable", &declaration.durable) &&
                take_flag(import, entry, "auto_delete", &declaration.auto_delete) &&
                take_table(import, entry, "arguments", &arguments) &&
                take_queue_type(import, entry, &arguments);
    if (done && !is_reserved(declaration.name) &&
        vhost_find_queue(vhost, declaration.name) == NULL) {
        declaration.arguments = amqp_table_builder_finish(&arguments);
        done = vhost_declare_queue(vhost, &declaration, &created, &import->refusal) != NULL;
    }
    amqp_table_builder_clear(&arguments);
    return done;
}

/* Files of RabbitMQ's have bindings of internal exchanges, which they leave out. */
static bool ends_exist(const struct vhost *vhost, const struct binding_request *request) {
    return vhost_find_exchange(vhost, request->source) != NULL &&
           (request->destination_is_queue
                ? vhost_find_queue(vhost, request->destination) != NULL
                : vhost_find_exchange(vhost, request->destination) != NULL);
}

static bool bind(struct import *import, struct vhost *vhost,
                 const struct binding_request *request) {
    if (ends_exist(vhost, request))
        return vhost_bind(vhost, request, &import->refusal);
    log_warning(&import->broker->env->log,
                "Definitions: the binding from '" SLICE_FMT "' to '" SLICE_FMT
                "' in vhost '" SLICE_FMT "' is left out: one of them is missing",
                SLICE_ARG(request->source), SLICE_ARG(request->destination),
                SLICE_ARG(vhost->name));
    return true;
}

static bool import_binding(struct import *import, const json_t *entry) {
    struct vhost *vhost;
    struct binding_request request = {0};
    struct slice type;
    struct amqp_table_builder arguments;
    amqp_table_builder_init(&arguments);
    bool done = take_vhost(import, entry, &vhost) &&
                take_text(import, entry, "source", &request.source) &&
                take_text(import, entry, "destination", &request.destination) &&
                take_text(import, entry, "destination_type", &type) &&
                take_text(import, entry, "routing_key", &request.binding_key) &&
                take_table(import, entry, "arguments", &arguments);
    if (done && request.source.len > 0) {
        request.destination_is_queue = slice_equal(type, SLICE("queue"));
        request.arguments = amqp_table_builder_finish(&arguments);
        done = bind(import, vhost, &request);
    }
    amqp_table_builder_clear(&arguments);
    return done;
}

/* --- the sections --- */

static const struct section {
    const char *name;
    import_entry *import;
    bool is_of_vhost; /* may stand in a file about one vhost */
} sections[] = {
    {"users", import_user, false},
    {"vhosts", import_vhost, false},
    {"permissions", import_permission, false},
    {"exchanges", import_exchange, true},
    {"topic_permissions", import_topic_permission, false},
    {"global_parameters", import_global_parameter, false},
    {"policies", import_policy, true},
    {"parameters", import_parameter, true},
    {"queues", import_queue, true},
    {"bindings", import_binding, true},
};

static bool complain(struct text *error, const struct section *section, size_t index,
                     const json_t *entry, const char *sentence) {
    struct slice name = slice_from_json(json_object_get(entry, "name"));
    text_append_format(error, "%s, entry %zu", section->name, index + 1);
    if (name.len > 0)
        text_append_format(error, " ('" SLICE_FMT "')", SLICE_ARG(name));
    text_append_format(error, ": %s", sentence);
    return false;
}

static bool import_entries(struct import *import, const struct section *section,
                           const json_t *entries, struct text *error) {
    size_t index;
    const json_t *entry;
    json_array_foreach(entries, index, entry) {
        import->refusal = (struct refusal){.text = "this is not an entry of that section"};
        if (!json_is_object(entry) || !section->import(import, entry))
            return complain(error, section, index, entry, import->refusal.text);
    }
    return true;
}

static bool import_section(struct import *import, const struct section *section,
                           const json_t *definitions, struct text *error) {
    const json_t *entries = json_object_get(definitions, section->name);
    if (is_missing(entries))
        return true;
    if (!json_is_array(entries)) {
        text_append_format(error, "%s: expected a list", section->name);
        return false;
    }
    policies_hold(import->broker);
    bool done = import_entries(import, section, entries, error);
    policies_release(import->broker);
    return done;
}

bool definitions_import(struct broker *broker, const json_t *definitions, struct vhost *vhost,
                        struct text *error) {
    struct import import = {.broker = broker, .vhost = vhost};
    if (!json_is_object(definitions)) {
        text_append(error, SLICE("definitions are an object with sections"));
        return false;
    }
    import.version = slice_from_json(json_object_get(definitions, "rabbitmq_version"));
    if (import.version.len == 0)
        import.version = slice_from_json(json_object_get(definitions, "rabbit_version"));
    for (size_t i = 0; i < sizeof sections / sizeof sections[0]; i++) {
        if ((vhost == NULL || sections[i].is_of_vhost) &&
            !import_section(&import, &sections[i], definitions, error))
            return false;
    }
    return true;
}

bool definitions_import_text(struct broker *broker, struct slice json, struct text *error) {
    json_t *definitions = json_read(json, error);
    bool done = definitions != NULL && definitions_import(broker, definitions, NULL, error);
    json_decref(definitions);
    return done;
}
