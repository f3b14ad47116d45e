/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share. */
#ifndef LEVERET_BROKER_MANAGEMENT_MANAGEMENT_PRIVATE_H
#define LEVERET_BROKER_MANAGEMENT_MANAGEMENT_PRIVATE_H

#include "broker/management/api.h"
#include "broker/management/management.h"

struct management {
    struct broker *broker;
    struct management_settings settings;
    struct http_server *api_server;
};

/* Every table of rows there is; ends with NULL. */
extern const struct api_route *const api_route_tables[];

#endif
