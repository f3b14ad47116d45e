/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds a whole broker from a configuration - loop, listeners, the default vhost and user - and
 * owns the order of the tick (server_before_wait in server.c).
 *
 *     server_create -> server_listen -> server_run (until a signal) -> server_destroy
 */
#ifndef LEVERET_BROKER_SERVER_H
#define LEVERET_BROKER_SERVER_H

#include <stdint.h>

#include "broker/base/text.h"
#include "broker/config.h"

struct server;

/* `config` outlives the server; the log goes to `log_fd`. NULL when the system has no epoll. */
struct server *server_create(const struct config *config, int log_fd);

/* Opens every listener and logs that the broker is ready. Negative errno, and what could not be
 * opened in `error`. */
int server_listen(struct server *server, struct text *error);

/* The port of the first listener, as bound. */
uint16_t server_port(const struct server *server);

/* Serves until SIGTERM or SIGINT; clients are told, and given a second to answer. */
void server_run(struct server *server);

void server_destroy(struct server *server);

#endif
