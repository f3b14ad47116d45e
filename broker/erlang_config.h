/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RabbitMQ's older configuration files - rabbitmq.config, advanced.config, and the `-rabbit key value`
 * of RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS - as settings of the same keys that rabbitmq.conf has:
 *
 *     [{rabbit, [{tcp_listeners, [5673]}, {ssl_options, [{verify, verify_peer}]}]}].
 *
 * is listeners.tcp.1 = 5673 and ssl_options.verify = verify_peer. What has no such key is refused, like
 * an unknown key.
 */
#ifndef LEVERET_BROKER_ERLANG_CONFIG_H
#define LEVERET_BROKER_ERLANG_CONFIG_H

#include "broker/config.h"

/* False with a line `name:number: ...` in `error` for everything that is wrong. */
bool erlang_config_read(struct config *config, const char *name, struct slice content,
                        struct text *error);

/* `-rabbit heartbeat 10 -rabbitmq_management load_definitions "x"`; other options are noticed. */
bool erlang_config_read_options(struct config *config, const char *origin, struct slice options,
                                struct text *error);

#endif
