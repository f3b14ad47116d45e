/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The management API and the metrics, as server.c sees them: made once, given listeners, told of ticks.
 */
#ifndef LEVERET_BROKER_MANAGEMENT_MANAGEMENT_H
#define LEVERET_BROKER_MANAGEMENT_MANAGEMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct broker;
struct http_server;
struct loop;
struct management;
struct node_figures;

/* What only the whole server can tell or do. */
struct management_hooks {
    void *context;
    void (*read_figures)(void *context, struct node_figures *figures);
};

/* Texts outlive the management. */
struct management_settings {
    const char *node_name;    /* rabbit@host */
    const char *path_prefix;  /* "" or "/rabbit": what stands before /api */
    const char *cors_origins; /* separated by commas; "" : none, "*": every site */
    uint32_t cors_max_age_s;
    uint32_t session_minutes; /* of a login with a cookie */
    size_t definitions_max;   /* octets of an uploaded definitions file */
    const char *metrics_path;
    bool metrics_per_object; /* what metrics_path itself shows */
};

/* NULL when the system has no descriptors left. */
struct management *management_create(struct loop *loop, struct broker *broker,
                                     const struct management_settings *settings,
                                     const struct management_hooks *hooks);
/* Cuts off every connection. NULL is allowed. */
void management_destroy(struct management *management);

/* Where listeners of the API hand their connections: listener_open_raw(.., http_server_take, ..). */
struct http_server *management_api_server(struct management *management);
struct http_server *management_metrics_server(struct management *management);

/* Ends the connections of both; who comes afterwards is served. */
void management_disconnect(struct management *management);

/* In the tick, after the journal's: answers that waited for the disk leave. */
void management_settle(struct management *management);

#endif
