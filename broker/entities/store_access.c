/* SPDX-License-Identifier: Apache-2.0 */
/* The records of vhosts, users, permissions and parameters: written here and read back here. */
#include "broker/entities/broker.h"
#include "broker/entities/global_parameter.h"
#include "broker/entities/permission.h"
#include "broker/entities/store_private.h"
#include "broker/entities/user.h"
#include "broker/entities/vhost.h"

/* Bit 0 of older files was that it is traced. */
enum { VHOST_PROTECTED = 2 };

/* A topic permission alone does not know whose it is. */
struct topic_record {
    const struct permission *permission;
    const struct topic_permission *topic;
};

static void write_i64(struct writer *w, int64_t value) {
    writer_u64(w, (uint64_t)value);
}

static int64_t read_i64(struct cursor *c) {
    return (int64_t)cursor_u64(c);
}

/* --- vhosts --- */

static void encode_vhost_key(struct writer *w, const void *object) {
    const struct vhost *vhost = object;
    writer_shortstr(w, vhost->name);
}

static void encode_vhost(struct writer *w, const void *object) {
    const struct vhost *vhost = object;
    writer_longstr(w, vhost->metadata.description);
    writer_longstr(w, vhost->metadata.tags);
    writer_longstr(w, vhost->metadata.default_queue_type);
    writer_u8(w, vhost->metadata.protected_from_deletion ? VHOST_PROTECTED : 0);
    write_i64(w, vhost->limits.max_connections);
    write_i64(w, vhost->limits.max_queues);
}

void store_put_vhost(const struct vhost *vhost) {
    store_put_record(vhost->broker, STORE_VHOST, encode_vhost_key, encode_vhost, vhost);
}

void store_delete_vhost(const struct vhost *vhost) {
    store_forget_record(vhost->broker, STORE_VHOST, encode_vhost_key, vhost);
}

/* Those of the first version say nothing but their name. */
static bool apply_vhost(struct broker *broker, struct cursor *key, struct cursor *payload) {
    struct slice name = cursor_shortstr(key);
    bool is_bare = cursor_at_end(payload);
    struct vhost_metadata metadata;
    struct vhost_limits limits;
    metadata.description = cursor_longstr(payload);
    metadata.tags = cursor_longstr(payload);
    metadata.default_queue_type = cursor_longstr(payload);
    metadata.protected_from_deletion = (cursor_u8(payload) & VHOST_PROTECTED) != 0;
    metadata.tracing = false;
    limits.max_connections = read_i64(payload);
    limits.max_queues = read_i64(payload);
    if (cursor_failed(key) || (!is_bare && cursor_failed(payload)))
        return false;
    struct vhost *vhost = broker_add_vhost(broker, name);
    if (is_bare)
        return true;
    vhost_set_metadata(vhost, &metadata);
    vhost_set_limits(vhost, limits);
    return true;
}

/* --- users --- */

static void encode_user_key(struct writer *w, const void *object) {
    const struct user *user = object;
    writer_shortstr(w, user->name);
}

static void encode_user(struct writer *w, const void *object) {
    const struct user *user = object;
    writer_shortstr(w, slice_from_text(password_algorithm_name(user->password.algorithm)));
    writer_shortstr(w, slice_of(user->password.octets, user->password.len));
    writer_longstr(w, user->tags);
    write_i64(w, user->limits.max_connections);
    write_i64(w, user->limits.max_channels);
}

void store_put_user(const struct user *user) {
    store_put_record(user->broker, STORE_USER, encode_user_key, encode_user, user);
}

void store_delete_user(const struct user *user) {
    store_forget_record(user->broker, STORE_USER, encode_user_key, user);
}

static bool apply_user(struct broker *broker, struct cursor *key, struct cursor *payload) {
    struct slice name = cursor_shortstr(key);
    struct slice algorithm_name = cursor_shortstr(payload);
    struct slice hash = cursor_shortstr(payload);
    struct slice tags = cursor_longstr(payload);
    struct user_limits limits;
    limits.max_connections = read_i64(payload);
    limits.max_channels = read_i64(payload);
    enum password_algorithm algorithm;
    struct password password;
    struct refusal refusal;
    if (cursor_failed(key) || cursor_failed(payload) ||
        !password_algorithm_find(algorithm_name, &algorithm) ||
        !password_import(&password, algorithm, hash))
        return false;
    struct user *user = user_add_hashed(broker, name, &password);
    user_set_limits(user, limits);
    return user_set_tags(user, tags, &refusal);
}

/* --- permissions --- */

static void encode_permission_key(struct writer *w, const void *object) {
    const struct permission *permission = object;
    writer_shortstr(w, permission->key.vhost->name);
    writer_shortstr(w, permission->key.user->name);
}

static void encode_permission(struct writer *w, const void *object) {
    const struct permission *permission = object;
    for (int i = 0; i < ACCESS_COUNT; i++)
        writer_longstr(w, permission->texts[i]);
}

void store_put_permission(const struct permission *permission) {
    store_put_record(permission->key.user->broker, STORE_PERMISSION, encode_permission_key,
                     encode_permission, permission);
}

void store_delete_permission(const struct permission *permission) {
    store_forget_record(permission->key.user->broker, STORE_PERMISSION, encode_permission_key,
                        permission);
}

static void encode_topic_key(struct writer *w, const void *object) {
    const struct topic_record *record = object;
    encode_permission_key(w, record->permission);
    writer_shortstr(w, record->topic->exchange);
}

static void encode_topic(struct writer *w, const void *object) {
    const struct topic_record *record = object;
    writer_longstr(w, record->topic->texts[ACCESS_WRITE]);
    writer_longstr(w, record->topic->texts[ACCESS_READ]);
}

void store_put_topic_permission(const struct permission *permission,
                                const struct topic_permission *topic) {
    const struct topic_record record = {permission, topic};
    store_put_record(permission->key.user->broker, STORE_TOPIC_PERMISSION, encode_topic_key,
                     encode_topic, &record);
}

void store_delete_topic_permission(const struct permission *permission,
                                   const struct topic_permission *topic) {
    const struct topic_record record = {permission, topic};
    store_forget_record(permission->key.user->broker, STORE_TOPIC_PERMISSION, encode_topic_key,
                        &record);
}

/* What both kinds of permission begin with; vhosts and users come before them. */
static bool read_holder(struct broker *broker, struct cursor *key, struct permission_key *holder) {
    holder->vhost = broker_find_vhost(broker, cursor_shortstr(key));
    holder->user = user_find(broker, cursor_shortstr(key));
    return !cursor_failed(key) && holder->vhost != NULL && holder->user != NULL;
}

static bool apply_permission(struct broker *broker, struct cursor *key, struct cursor *payload) {
    struct permission_key holder;
    struct slice texts[ACCESS_COUNT];
    struct refusal refusal;
    for (int i = 0; i < ACCESS_COUNT; i++)
        texts[i] = cursor_longstr(payload);
    return read_holder(broker, key, &holder) && !cursor_failed(payload) &&
           permission_set(holder.user, holder.vhost, texts, &refusal);
}

static bool apply_topic_permission(struct broker *broker, struct cursor *key,
                                   struct cursor *payload) {
    struct permission_key holder;
    struct refusal refusal;
    if (!read_holder(broker, key, &holder))
        return false;
    struct slice exchange = cursor_shortstr(key);
    struct slice write = cursor_longstr(payload);
    struct slice read = cursor_longstr(payload);
    return !cursor_failed(key) && !cursor_failed(payload) &&
           topic_permission_set(holder.user, holder.vhost, exchange, write, read, &refusal);
}

/* --- parameters --- */

static void encode_parameter_key(struct writer *w, const void *object) {
    const struct global_parameter *parameter = object;
    writer_shortstr(w, parameter->name);
}

static void encode_parameter(struct writer *w, const void *object) {
    const struct global_parameter *parameter = object;
    writer_longstr(w, parameter->value);
}

void store_put_global_parameter(struct broker *broker, const struct global_parameter *parameter) {
    store_put_record(broker, STORE_GLOBAL_PARAMETER, encode_parameter_key, encode_parameter,
                     parameter);
}

void store_delete_global_parameter(struct broker *broker,
                                   const struct global_parameter *parameter) {
    store_forget_record(broker, STORE_GLOBAL_PARAMETER, encode_parameter_key, parameter);
}

static bool apply_global_parameter(struct broker *broker, struct cursor *key,
                                   struct cursor *payload) {
    struct refusal refusal;
    struct slice name = cursor_shortstr(key);
    struct slice value = cursor_longstr(payload);
    return !cursor_failed(key) && !cursor_failed(payload) &&
           global_parameter_set(broker, name, value, &refusal);
}

bool store_apply_access(struct broker *broker, uint8_t kind, struct cursor *key,
                        struct cursor *payload) {
    switch (kind) {
    case STORE_VHOST:
        return apply_vhost(broker, key, payload);
    case STORE_USER:
        return apply_user(broker, key, payload);
    case STORE_PERMISSION:
        return apply_permission(broker, key, payload);
    case STORE_TOPIC_PERMISSION:
        return apply_topic_permission(broker, key, payload);
    case STORE_GLOBAL_PARAMETER:
        return apply_global_parameter(broker, key, payload);
    default:
        return false;
    }
}
