/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every new virtual host begins with, by patterns of its name: limits, operator policies and users
 * (RabbitMQ's default_limits.vhosts, default_policies.operator and default_users). Of the limits the
 * first that matches counts; of the others all that do. A vhost that is there already stays as it is.
 */
#ifndef LEVERET_BROKER_ENTITIES_VHOST_DEFAULTS_H
#define LEVERET_BROKER_ENTITIES_VHOST_DEFAULTS_H

#include <stddef.h>
#include <stdint.h>

#include "broker/base/secret.h"

#define VHOST_DEFAULTS_MAX 32

struct vhost;

/* Texts are borrowed; NULL stands for what is not said. */
struct vhost_default_user {
    const char *name;
    struct secret password; /* not set: the user cannot log in by password */
    const char *tags;       /* separated by commas */
    const char *vhost_pattern;
    const char *configure; /* .* when not said, as are the other two */
    const char *write;
    const char *read;
};

struct vhost_default_limits {
    const char *name;
    const char *vhost_pattern;
    int64_t max_connections; /* below 0: no limit */
    int64_t max_queues;
};

struct vhost_default_policy {
    const char *name;
    const char *vhost_pattern;
    const char *queue_pattern; /* .* when not said */
    int64_t expires;           /* below 0: not said, as are the others */
    int64_t message_ttl;
    int64_t max_length;
    int64_t max_length_bytes;
    int64_t delivery_limit;
};

struct vhost_defaults {
    struct vhost_default_user users[VHOST_DEFAULTS_MAX];
    size_t user_count;
    struct vhost_default_limits limits[VHOST_DEFAULTS_MAX];
    size_t limit_count;
    struct vhost_default_policy policies[VHOST_DEFAULTS_MAX];
    size_t policy_count;
};

/* For whoever has just added the vhost: gives it what settings.vhost_defaults say. */
void vhost_apply_defaults(struct vhost *vhost);

#endif
