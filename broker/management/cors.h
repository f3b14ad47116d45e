/* SPDX-License-Identifier: Apache-2.0 */
/* Which web pages of other sites may use the API (management.cors.*), as RabbitMQ answers their browsers. */
#ifndef LEVERET_BROKER_MANAGEMENT_CORS_H
#define LEVERET_BROKER_MANAGEMENT_CORS_H

struct http_request;
struct http_response;
struct management_settings;

/* Says nothing to a request without an origin, or with one that is not allowed. */
void cors_add_headers(const struct management_settings *settings,
                      const struct http_request *request, struct http_response *response);

#endif
