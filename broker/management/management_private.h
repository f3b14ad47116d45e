/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share. */
#ifndef LEVERET_BROKER_MANAGEMENT_MANAGEMENT_PRIVATE_H
#define LEVERET_BROKER_MANAGEMENT_MANAGEMENT_PRIVATE_H

#include "broker/base/list.h"
#include "broker/management/api.h"
#include "broker/management/management.h"

struct management {
    struct broker *broker;
    struct management_settings settings;
    struct management_hooks hooks;
    struct rate_window *rates;       /* of all channels together */
    struct rate_window *churn_rates; /* connections, channels and queues that come and go */
    struct list passwords;           /* being verified, see api_password.c */
    struct list sessions;            /* the one used longest ago first, see sessions.c */
    struct http_server *api_server;
    struct http_server *metrics_server;
};

/* Every table of rows there is; ends with NULL. */
extern const struct api_route *const api_route_tables[];

#endif
