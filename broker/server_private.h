/* SPDX-License-Identifier: Apache-2.0 */
/* Between server.c and server_config.c: the server, and the configuration that is in force. */
#ifndef LEVERET_BROKER_SERVER_PRIVATE_H
#define LEVERET_BROKER_SERVER_PRIVATE_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/amqp_listeners.h"
#include "broker/base/env.h"
#include "broker/base/text.h"
#include "broker/base/timer.h"
#include "broker/broker_log.h"
#include "broker/durability.h"
#include "broker/entities/broker.h"
#include "broker/http_listeners.h"
#include "broker/management/control.h"
#include "broker/memory_watch.h"
#include "broker/server.h"

struct listener;
struct loop;
struct management;

struct server {
    struct config *config;
    const struct config_sources *sources;
    struct broker_log log;
    struct env env;
    struct broker *broker;
    struct loop *loop;
    struct amqp_listeners listeners;
    struct control control;
    struct listener *control_listener; /* NULL: leveretctl is not served */
    char *control_path;                /* in the data directory, NULL without one */
    struct management *management;
    struct http_listeners http_listeners;
    char *auth_mechanisms; /* of the settings */
    struct memory_watch memory;
    struct durability durability;
    int64_t started_ms;
    bool journal_failed;
    struct timer shutdown_timer;
    bool stopping;
    struct text cors_origins;
    char *node_name; /* made from the host name, unless configured */
};

/* What the broker is told, as configured and named so far; it points into the server. */
struct broker_settings server_settings(struct server *server);
/* What was set and by whom, and what of it means nothing here. */
void server_log_config(struct server *server);
/* Whatever of the configuration may change while the broker runs, and the broker has to know. */
void server_apply_config(struct server *server);
/* Reads the configuration again and adopts it as a whole, or not at all: false and why. */
bool server_reload(struct server *server, struct text *error);

#endif
