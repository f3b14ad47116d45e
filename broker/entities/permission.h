/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a user may do in a virtual host (compat 4.1), and the one place where it is decided.
 *
 * A row has a pattern each for configure, write and read, looked for anywhere in the name of a queue or
 * exchange; the empty pattern stands for `^$`. Without a row the user may not even open the vhost. Rows for
 * topic exchanges have patterns for the routing key of a publish (write) and the binding key of a bind
 * (read); without one every key is allowed. In these `{username}` and `{vhost}` stand for the names,
 * escaped; other braces, {client_id} too, which belongs to MQTT, are left as they are.
 *
 * A change moves vhost->routing_generation, by which publishers notice that what they remember may
 * have changed (protocol/publish.h); all other checks ask here each time.
 */
#ifndef LEVERET_BROKER_ENTITIES_PERMISSION_H
#define LEVERET_BROKER_ENTITIES_PERMISSION_H

#include <stdbool.h>

#include "amqp/slice.h"
#include "broker/base/list.h"
#include "broker/base/map.h"
#include "broker/entities/refusal.h"

struct pattern;
struct user;
struct vhost;

enum access { ACCESS_CONFIGURE, ACCESS_WRITE, ACCESS_READ, ACCESS_COUNT };

/* What patterns are looked for in. */
enum resource_kind { RESOURCE_QUEUE, RESOURCE_EXCHANGE };

struct permission_key {
    struct user *user;
    struct vhost *vhost;
};

/* Of a topic exchange; `texts` and `patterns` of ACCESS_CONFIGURE stay empty. */
struct topic_permission {
    struct list link;      /* in permission->topics */
    struct slice exchange; /* owned, as are the texts */
    struct slice texts[ACCESS_COUNT];
    struct pattern *patterns[ACCESS_COUNT];
};

/* All that a user has in a vhost. Owned by the broker's map. */
struct permission {
    struct permission_key key;
    UT_hash_handle by_key;
    struct list user_link;
    struct list vhost_link;
    bool is_set; /* the patterns below count; false while there are topic permissions only */
    struct slice texts[ACCESS_COUNT];
    struct pattern *patterns[ACCESS_COUNT];
    struct list topics; /* of topic_permission */
};

/* False when a pattern does not compile. The order of `texts` is configure, write, read. */
bool permission_set(struct user *user, struct vhost *vhost, const struct slice texts[ACCESS_COUNT],
                    struct refusal *refusal);
void permission_clear(struct user *user, struct vhost *vhost);
/* `.*` three times. */
void permission_grant_all(struct user *user, struct vhost *vhost);

bool topic_permission_set(struct user *user, struct vhost *vhost, struct slice exchange,
                          struct slice write, struct slice read, struct refusal *refusal);
/* The empty exchange: for all exchanges. */
void topic_permission_clear(struct user *user, struct vhost *vhost, struct slice exchange);

/* NULL when there are neither permissions nor topic permissions. */
struct permission *permission_find(const struct user *user, const struct vhost *vhost);

/* Deletes the row with its topic permissions: user or vhost go. */
void permission_delete(struct permission *permission);
/* The same without a trace in the journal. */
void permission_destroy(struct permission *permission);

/* --- decisions --- */

/* May the user open connections to the vhost? */
bool permission_may_enter(const struct user *user, const struct vhost *vhost);

/* 403 when refused. The exchange "" is called amq.default. */
bool permission_check(const struct user *user, const struct vhost *vhost, enum access access,
                      enum resource_kind kind, struct slice name, struct refusal *refusal);

/* For passive declarations: one of the three is enough, and configure is the one that is missed. */
bool permission_check_any(const struct user *user, const struct vhost *vhost,
                          enum resource_kind kind, struct slice name, struct refusal *refusal);

/* False: topic_permission_check() says yes to everything. Holds for a routing_generation. */
bool topic_permissions_exist(const struct user *user, const struct vhost *vhost);

/* Of a topic exchange: may messages with this key be published (write) or bound (read)? */
bool topic_permission_check(const struct user *user, const struct vhost *vhost,
                            struct slice exchange, enum access access, struct slice key,
                            struct refusal *refusal);

#endif
