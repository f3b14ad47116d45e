/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `columns`, `sort` and `sort_reverse` (compat 5.1) for answers that a handler wrote in one piece: short lists
 * and single objects. Those of a resource (api_list.h) come arranged; they do not change here.
 */
#ifndef LEVERET_BROKER_MANAGEMENT_API_ARRANGE_H
#define LEVERET_BROKER_MANAGEMENT_API_ARRANGE_H

struct api_request;

/* Rewrites the response's body when the query asks for it and the answer is a good one to a GET. */
void api_arrange(struct api_request *request);

#endif
