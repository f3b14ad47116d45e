/* SPDX-License-Identifier: Apache-2.0 */
/* Cross-origin resource sharing: an answer to OPTIONS says what may be asked, every answer to whom. */
#include "broker/management/cors.h"

#include <stdio.h>
#include <string.h>

#include "broker/management/http_server.h"
#include "broker/management/management.h"

static bool is_listed(const char *origins, const char *origin) {
    const size_t len = strlen(origin);

    for (const char *at = origins; *at != '\0'; at += strcspn(at, ","), at += *at == ',') {
        if (strcspn(at, ",") == len && strncmp(at, origin, len) == 0)
            return true;
    }
    return false;
}

static void add_preflight_headers(const struct management_settings *settings,
                                  const struct http_request *request,
                                  struct http_response *response) {
    const char *wanted = http_request_header(request, "access-control-request-headers");
    char seconds[16];

    snprintf(seconds, sizeof seconds, "%u", settings->cors_max_age_s);
    http_response_add_header(response, "access-control-max-age", seconds);
    http_response_add_header(response, "access-control-allow-methods",
                             "GET, HEAD, POST, PUT, DELETE, OPTIONS");
    if (wanted != NULL)
        http_response_add_header(response, "access-control-allow-headers", wanted);
}

void cors_add_headers(const struct management_settings *settings,
                      const struct http_request *request, struct http_response *response) {
    const char *origin = http_request_header(request, "origin");

    if (origin == NULL ||
        (strcmp(settings->cors_origins, "*") != 0 && !is_listed(settings->cors_origins, origin)))
        return;
    http_response_add_header(response, "access-control-allow-origin", origin);
    http_response_add_header(response, "access-control-allow-credentials", "true");
    if (slice_equal(request->method, SLICE("OPTIONS")))
        add_preflight_headers(settings, request, response);
}
