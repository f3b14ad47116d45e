/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/permission.h"

#include <stdlib.h>

#include "broker/base/alloc.h"
#include "broker/base/pattern.h"
#include "broker/base/text.h"
#include "broker/entities/broker.h"
#include "broker/entities/store.h"
#include "broker/entities/user.h"
#include "broker/entities/vhost.h"

static const char *const access_words[ACCESS_COUNT] = {"configure", "write", "read"};
static const char *const kind_words[] = {"queue", "exchange"};

/* --- rows --- */

struct permission *permission_find(const struct user *user, const struct vhost *vhost) {
    const struct permission_key key = {(struct user *)(uintptr_t)user,
                                       (struct vhost *)(uintptr_t)vhost};
    struct permission *permission;

    HASH_FIND(by_key, user->broker->permissions, &key, sizeof key, permission);
    return permission;
}

static struct permission *get(struct user *user, struct vhost *vhost) {
    struct permission *permission = permission_find(user, vhost);

    if (permission != NULL)
        return permission;
    permission = xcalloc(1, sizeof *permission);
    permission->key = (struct permission_key){user, vhost};
    list_init(&permission->topics);
    list_append(&user->permissions, &permission->user_link);
    list_append(&vhost->permissions, &permission->vhost_link);
    HASH_ADD(by_key, user->broker->permissions, key, sizeof permission->key, permission);
    return permission;
}

static void clear_patterns(struct slice texts[ACCESS_COUNT],
                           struct pattern *patterns[ACCESS_COUNT]) {
    for (int i = 0; i < ACCESS_COUNT; i++) {
        free_slice(texts[i]);
        pattern_destroy(patterns[i]);
        texts[i] = slice_of(NULL, 0);
        patterns[i] = NULL;
    }
}

static void topic_destroy(struct topic_permission *topic) {
    list_remove(&topic->link);
    clear_patterns(topic->texts, topic->patterns);
    free_slice(topic->exchange);
    free(topic);
}

void permission_destroy(struct permission *permission) {
    struct list *link;

    while ((link = list_first(&permission->topics)) != NULL)
        topic_destroy(LIST_ITEM(link, struct topic_permission, link));
    clear_patterns(permission->texts, permission->patterns);
    list_remove(&permission->user_link);
    list_remove(&permission->vhost_link);
    HASH_DELETE(by_key, permission->key.user->broker->permissions, permission);
    free(permission);
}

static void destroy_if_empty(struct permission *permission) {
    if (!permission->is_set && list_is_empty(&permission->topics))
        permission_destroy(permission);
}

/* --- patterns --- */

static struct pattern *compile(enum access access, struct slice text, struct refusal *refusal) {
    struct text error = {0};
    struct pattern *pattern = pattern_compile(slice_is_empty(text) ? SLICE("^$") : text, &error);

    if (pattern == NULL)
        refuse(refusal, AMQP_PRECONDITION_FAILED, "invalid %s pattern '" SLICE_FMT "': %s",
               access_words[access], SLICE_ARG(text), text_chars(&error));
    text_clear(&error);
    return pattern;
}

/* `expressions` are what is compiled, `sources` what was written; ACCESS_COUNT from `first` on. */
static bool replace_patterns(struct slice texts[ACCESS_COUNT],
                             struct pattern *patterns[ACCESS_COUNT], enum access first,
                             const struct slice sources[ACCESS_COUNT],
                             const struct slice expressions[ACCESS_COUNT],
                             struct refusal *refusal) {
    struct pattern *fresh[ACCESS_COUNT] = {NULL};

    for (enum access access = first; access < ACCESS_COUNT; access++) {
        fresh[access] = compile(access, expressions[access], refusal);
        if (fresh[access] != NULL)
            continue;
        for (enum access made = first; made < access; made++)
            pattern_destroy(fresh[made]);
        return false;
    }
    clear_patterns(texts, patterns);
    for (enum access access = first; access < ACCESS_COUNT; access++) {
        texts[access] = xcopy_slice(sources[access]);
        patterns[access] = fresh[access];
    }
    return true;
}

bool permission_set(struct user *user, struct vhost *vhost, const struct slice texts[ACCESS_COUNT],
                    struct refusal *refusal) {
    struct permission *permission = get(user, vhost);

    if (!replace_patterns(permission->texts, permission->patterns, ACCESS_CONFIGURE, texts, texts,
                          refusal)) {
        destroy_if_empty(permission);
        return false;
    }
    permission->is_set = true;
    vhost->routing_generation++;
    store_put_permission(permission);
    return true;
}

void permission_grant_all(struct user *user, struct vhost *vhost) {
    const struct slice everything[ACCESS_COUNT] = {SLICE(".*"), SLICE(".*"), SLICE(".*")};
    struct refusal refusal;

    permission_set(user, vhost, everything, &refusal);
}

void permission_clear(struct user *user, struct vhost *vhost) {
    struct permission *permission = permission_find(user, vhost);

    if (permission == NULL || !permission->is_set)
        return;
    store_delete_permission(permission);
    clear_patterns(permission->texts, permission->patterns);
    permission->is_set = false;
    vhost->routing_generation++;
    destroy_if_empty(permission);
}

/* --- topics --- */

static struct topic_permission *find_topic(const struct permission *permission,
                                           struct slice exchange) {
    LIST_FOR_EACH(&permission->topics, at) {
        struct topic_permission *topic = LIST_ITEM(at, struct topic_permission, link);
        if (slice_equal(topic->exchange, exchange))
            return topic;
    }
    return NULL;
}

static struct topic_permission *add_topic(struct permission *permission, struct slice exchange) {
    struct topic_permission *topic = xcalloc(1, sizeof *topic);

    list_init(&topic->link);
    topic->exchange = xcopy_slice(exchange);
    list_append(&permission->topics, &topic->link);
    return topic;
}

static bool is_word_octet(uint8_t octet) {
    return (octet >= '0' && octet <= '9') || (octet >= 'a' && octet <= 'z') ||
           (octet >= 'A' && octet <= 'Z') || octet >= 0x80;
}

/* A name is to be found as it is, whatever its letters mean in a pattern. */
static void append_escaped(struct text *expression, struct slice name) {
    for (size_t i = 0; i < name.len; i++) {
        if (!is_word_octet(name.data[i]))
            text_append(expression, SLICE("\\"));
        text_append(expression, slice_of(name.data + i, 1));
    }
}

static void append_expanded(struct text *expression, struct slice text,
                            const struct permission_key *key) {
    const struct {
        struct slice variable, value;
    } variables[] = {{SLICE("{username}"), key->user->name}, {SLICE("{vhost}"), key->vhost->name}};

    while (text.len > 0) {
        size_t taken = 0;
        for (size_t i = 0; i < 2 && taken == 0; i++) {
            if (!slice_has_prefix(text, variables[i].variable))
                continue;
            append_escaped(expression, variables[i].value);
            taken = variables[i].variable.len;
        }
        if (taken == 0) {
            text_append(expression, slice_of(text.data, 1));
            taken = 1;
        }
        text = slice_of(text.data + taken, text.len - taken);
    }
}

static bool set_topic_patterns(struct topic_permission *topic, const struct permission_key *key,
                               const struct slice sources[ACCESS_COUNT], struct refusal *refusal) {
    struct text expanded[ACCESS_COUNT] = {{0}};
    struct slice expressions[ACCESS_COUNT];

    for (enum access access = ACCESS_CONFIGURE; access < ACCESS_COUNT; access++) {
        append_expanded(&expanded[access], sources[access], key);
        expressions[access] = text_slice(&expanded[access]);
    }
    bool done = replace_patterns(topic->texts, topic->patterns, ACCESS_WRITE, sources, expressions,
                                 refusal);
    for (enum access access = ACCESS_CONFIGURE; access < ACCESS_COUNT; access++)
        text_clear(&expanded[access]);
    return done;
}

bool topic_permissions_exist(const struct user *user, const struct vhost *vhost) {
    const struct permission *permission = permission_find(user, vhost);
    return permission != NULL && !list_is_empty(&permission->topics);
}

bool topic_permission_set(struct user *user, struct vhost *vhost, struct slice exchange,
                          struct slice write, struct slice read, struct refusal *refusal) {
    const struct slice sources[ACCESS_COUNT] = {[ACCESS_WRITE] = write, [ACCESS_READ] = read};
    struct permission *permission = get(user, vhost);
    struct topic_permission *topic = find_topic(permission, exchange);
    bool is_new = topic == NULL;

    if (is_new)
        topic = add_topic(permission, exchange);
    if (!set_topic_patterns(topic, &permission->key, sources, refusal)) {
        if (is_new)
            topic_destroy(topic);
        destroy_if_empty(permission);
        return false;
    }
    vhost->routing_generation++;
    store_put_topic_permission(permission, topic);
    return true;
}

static void delete_topics(struct permission *permission, struct slice exchange) {
    LIST_FOR_EACH_SAFE(&permission->topics, at) {
        struct topic_permission *topic = LIST_ITEM(at, struct topic_permission, link);
        if (!slice_is_empty(exchange) && !slice_equal(topic->exchange, exchange))
            continue;
        store_delete_topic_permission(permission, topic);
        topic_destroy(topic);
    }
}

void topic_permission_clear(struct user *user, struct vhost *vhost, struct slice exchange) {
    struct permission *permission = permission_find(user, vhost);

    if (permission == NULL)
        return;
    delete_topics(permission, exchange);
    vhost->routing_generation++;
    destroy_if_empty(permission);
}

void permission_delete(struct permission *permission) {
    permission->key.vhost->routing_generation++;
    delete_topics(permission, slice_of(NULL, 0));
    if (permission->is_set)
        store_delete_permission(permission);
    permission_destroy(permission);
}

/* --- decisions --- */

bool permission_may_enter(const struct user *user, const struct vhost *vhost) {
    const struct permission *permission = permission_find(user, vhost);

    return permission != NULL && permission->is_set;
}

static struct slice name_for_patterns(enum resource_kind kind, struct slice name) {
    return kind == RESOURCE_EXCHANGE && slice_is_empty(name) ? SLICE("amq.default") : name;
}

static bool is_allowed(const struct user *user, const struct vhost *vhost, enum access access,
                       struct slice name) {
    const struct permission *permission = permission_find(user, vhost);

    return permission != NULL && permission->is_set &&
           pattern_matches(permission->patterns[access], name);
}

static bool refuse_access(const struct user *user, const struct vhost *vhost, enum access access,
                          enum resource_kind kind, struct slice name, struct refusal *refusal) {
    return refuse(refusal, AMQP_ACCESS_REFUSED,
                  "%s access to %s '" SLICE_FMT "' in vhost '" SLICE_FMT
                  "' refused for user '" SLICE_FMT "'",
                  access_words[access], kind_words[kind], SLICE_ARG(name), SLICE_ARG(vhost->name),
                  SLICE_ARG(user->name));
}

bool permission_check(const struct user *user, const struct vhost *vhost, enum access access,
                      enum resource_kind kind, struct slice name, struct refusal *refusal) {
    name = name_for_patterns(kind, name);
    return is_allowed(user, vhost, access, name) ||
           refuse_access(user, vhost, access, kind, name, refusal);
}

bool permission_check_any(const struct user *user, const struct vhost *vhost,
                          enum resource_kind kind, struct slice name, struct refusal *refusal) {
    name = name_for_patterns(kind, name);
    for (enum access access = ACCESS_CONFIGURE; access < ACCESS_COUNT; access++) {
        if (is_allowed(user, vhost, access, name))
            return true;
    }
    return refuse_access(user, vhost, ACCESS_CONFIGURE, kind, name, refusal);
}

bool topic_permission_check(const struct user *user, const struct vhost *vhost,
                            struct slice exchange, enum access access, struct slice key,
                            struct refusal *refusal) {
    const struct permission *permission = permission_find(user, vhost);
    const struct topic_permission *topic =
        permission == NULL ? NULL : find_topic(permission, exchange);

    if (topic == NULL || pattern_matches(topic->patterns[access], key))
        return true;
    return refuse(refusal, AMQP_ACCESS_REFUSED,
                  "%s access to topic '" SLICE_FMT "' in exchange '" SLICE_FMT
                  "' in vhost '" SLICE_FMT "' refused for user '" SLICE_FMT "'",
                  access_words[access], SLICE_ARG(key), SLICE_ARG(exchange), SLICE_ARG(vhost->name),
                  SLICE_ARG(user->name));
}
