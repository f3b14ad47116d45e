/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the port of the API serves beside the API, to anyone: a page that says what this is, the list of the
 * API's paths, its description in OpenAPI, and rabbitmqadmin. All of it is fixed when the program is built:
 * nothing of what clients name or send ever stands on a page.
 */
#ifndef LEVERET_BROKER_MANAGEMENT_PAGES_H
#define LEVERET_BROKER_MANAGEMENT_PAGES_H

#include <stdbool.h>

#include "broker/management/api.h"

/* Answers a path, taken below the prefix ("/cli/"), when it is a page's: the page, 301 or 405. */
bool pages_answer(struct api_request *request, struct slice path);

/* openapi.json */
extern const struct api_route description_routes[];

#endif
