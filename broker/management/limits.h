/* SPDX-License-Identifier: Apache-2.0 */
/* Limits of virtual hosts and users in the API. */
#ifndef LEVERET_BROKER_MANAGEMENT_LIMITS_H
#define LEVERET_BROKER_MANAGEMENT_LIMITS_H

#include "broker/management/api.h"
#include "broker/management/api_list.h"

extern const struct api_route limit_routes[];

struct user;
struct vhost;

/* {"max-connections": N, ...}: those that are set. */
void limits_write_user(struct json_out *out, const struct user *user);
void limits_write_vhost(struct json_out *out, const struct vhost *vhost);

#endif
