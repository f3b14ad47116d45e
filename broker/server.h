/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Builds a whole broker from a configuration - loop, listeners, the default vhost and user - and
 * owns the order of the tick (server_before_wait in server.c).
 *
 *     server_create -> server_recover -> server_listen -> server_run (until a signal) ->
 *     server_stop_journal -> server_destroy
 */
#ifndef LEVERET_BROKER_SERVER_H
#define LEVERET_BROKER_SERVER_H

#include <stdint.h>

#include "broker/base/text.h"
#include "broker/config.h"
#include "broker/config_sources.h"

struct server;

/*
 * `config` and `sources` outlive the server, which reads the configuration again from the sources when
 * asked to (SIGHUP); the console's log goes to `console_fd`. NULL, with a sentence in `error`, when the
 * system has no epoll or the log file cannot be written.
 */
struct server *server_create(struct config *config, const struct config_sources *sources,
                             int console_fd, struct text *error);

/*
 * Rebuilds what is durable out of the data directory, NULL for a broker that keeps nothing, and adds the
 * default vhost and user. 0, or an exit code of sysexits with the reason in `error`.
 */
int server_recover(struct server *server, const char *data_directory, struct text *error);

/* Opens every listener and logs that the broker is ready. Negative errno, and what could not be
 * opened in `error`. */
int server_listen(struct server *server, struct text *error);

/* The port of the first plain and the first TLS listener, as bound; 0 when there is none. */
uint16_t server_port(const struct server *server);
uint16_t server_tls_port(const struct server *server);

/* The ports of the HTTP API and of the metrics, plain and TLS, 0 without. */
uint16_t server_management_port(const struct server *server);
uint16_t server_metrics_port(const struct server *server);
uint16_t server_management_ssl_port(const struct server *server);
uint16_t server_metrics_ssl_port(const struct server *server);

/* The socket of leveretctl; NULL when there is none. */
const char *server_control_path(const struct server *server);

/*
 * Serves until SIGTERM or SIGINT; clients are told, and given a second to answer. Ends by itself when the
 * journal fails: clients are told 541.
 */
void server_run(struct server *server);

/* Closes what is open and marks a clean stop. EX_OK, or EX_IOERR when the journal has failed. */
int server_stop_journal(struct server *server);

void server_destroy(struct server *server);

#endif
