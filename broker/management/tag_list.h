/* SPDX-License-Identifier: Apache-2.0 */
/* Tags of users and vhosts: a list in JSON, or one string with commas; kept with commas. */
#ifndef LEVERET_BROKER_MANAGEMENT_TAG_LIST_H
#define LEVERET_BROKER_MANAGEMENT_TAG_LIST_H

#include "broker/management/api.h"

/* An array of what stands between the commas. */
void tag_list_write(struct json_out *out, struct slice tags);

/* The body's tags into `buffer`, whose text `ret_tags` is then; untouched when the body has none. False
 * when the request has been refused. */
bool tag_list_read(struct api_request *request, const char *key, struct text *buffer,
                   struct slice *ret_tags);

#endif
