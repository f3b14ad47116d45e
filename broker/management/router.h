/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which row of which table a request means. The tables stand in the files of the resources, routes.c
 * lists them. Paths are compared segment by segment, each decoded on its own, because the default
 * vhost is written %2F; empty segments are skipped, for some clients send `//` or a slash at the end.
 */
#ifndef LEVERET_BROKER_MANAGEMENT_ROUTER_H
#define LEVERET_BROKER_MANAGEMENT_ROUTER_H

#include <stdbool.h>

#include "broker/management/api.h"

/* Tables of rows end with a row whose pattern is NULL, the list of tables with NULL. */
enum router_result {
    ROUTER_FOUND,
    ROUTER_NO_PATH,   /* 404 */
    ROUTER_NO_METHOD, /* 405; `ret_allowed` lists the methods there are */
};

/*
 * Finds the row for a method and a path below /api/ ("queues/%2F/q"). Fills in request->parts and
 * request->decoded, to be freed by the caller whatever the result; the vhost's name goes to `ret_vhost`
 * (empty data without one). HEAD is GET.
 */
enum router_result router_find(const struct api_route *const *tables, struct slice method,
                               struct slice path, struct api_request *request,
                               struct slice *ret_vhost, const struct api_route **ret_route,
                               struct text *ret_allowed);

#endif
