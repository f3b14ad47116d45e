/* SPDX-License-Identifier: Apache-2.0 */
/* What a response owns; the server it leaves by is http_server.c. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/management/http_server.h"

void http_response_add_header(struct http_response *response, const char *name, const char *value) {
    assert(response->header_count < HTTP_RESPONSE_HEADER_MAX);
    struct http_header *header = &response->headers[response->header_count++];
    header->name = name;
    header->value = xmalloc(strlen(value) + 1);
    strcpy(header->value, value);
}

void http_response_clear(struct http_response *response) {
    text_clear(&response->body);
    if (response->stream.next != NULL)
        response->stream.end(response->stream.state);
    if (response->kept != NULL)
        response->end_kept(response->kept);
    for (size_t i = 0; i < response->header_count; i++)
        free(response->headers[i].value);
}
