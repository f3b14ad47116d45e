/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deleting users and vhosts while clients are connected: their connections are closed first, with the
 * words of RabbitMQ (compat 1.10), then the entity goes. Called by administrators' ways in, never by a
 * handler of a connection.
 */
#ifndef LEVERET_BROKER_PROTOCOL_FORCED_CLOSE_H
#define LEVERET_BROKER_PROTOCOL_FORCED_CLOSE_H

struct broker;
struct user;
struct vhost;

/* 320 `user 'u' is deleted` to the user's connections; the user is gone afterwards. */
void forced_close_user(struct user *user);

/* 320 `vhost 'v' is deleted` to the vhost's connections; it is gone afterwards, with all it held. */
void forced_close_vhost(struct vhost *vhost);

/* All vhosts, users and global parameters, durably. */
void forced_close_everything(struct broker *broker);

#endif
