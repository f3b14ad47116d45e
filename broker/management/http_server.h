/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTP for the management API and the metrics: libmicrohttpd, fed with connections that broker/net
 * accepted, driven by the broker's loop through its epoll descriptor. So handlers run in the loop, read
 * entities without a lock, and what they write is exact. Nothing here knows a route.
 *
 *     listener --take--> http_server --begin, handle--> handler --> response (body or stream)
 *
 * A response may wait for the disk (`lsn`): it leaves when the journal has that batch. A long list is a
 * stream: it is made piece by piece as the peer reads, a bounded number of octets at a time.
 *
 * Limits: connections HTTP_CONNECTIONS_MAX, request line and headers HTTP_HEADERS_MAX octets, the body as
 * the handler says, a whole request HTTP_REQUEST_MS, silence between requests HTTP_IDLE_MS.
 */
#ifndef LEVERET_BROKER_MANAGEMENT_HTTP_SERVER_H
#define LEVERET_BROKER_MANAGEMENT_HTTP_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amqp/slice.h"
#include "broker/base/text.h"

#define HTTP_CONNECTIONS_MAX     256
#define HTTP_HEADERS_MAX         (16 * 1024)
#define HTTP_REQUEST_MS          10000
#define HTTP_IDLE_MS             60000
#define HTTP_RESPONSE_HEADER_MAX 16

struct broker;
struct http_server;
struct loop;
struct transport_peer;

struct http_stream {
    /* Appends the next piece; false when that was the last. */
    bool (*next)(void *state, struct text *out);
    void (*end)(void *state); /* called once, also when the peer went away */
    void *state;
};

struct http_header {
    const char *name; /* static */
    char *value;      /* owned */
};

/* Zero-initialised; status 0 counts as 200. Set by the handler, freed by the server. */
struct http_response {
    unsigned status;
    const char *content_type; /* static; NULL: application/json */
    struct text body;
    struct http_stream stream; /* in place of the body when `next` is set */
    struct http_header headers[HTTP_RESPONSE_HEADER_MAX];
    size_t header_count;
    uint64_t lsn;                 /* what must be durable before this leaves; 0: nothing */
    void *kept;                   /* what a handler that set `again` wants to find next time */
    void (*end_kept)(void *kept); /* called with what is kept at the end of the request */
    bool (*is_ready)(
        const void *kept); /* `again` waits until it says so; NULL: the next tick will do */
    bool again; /* what it needs is on its way from disk or the worker: once more in a later tick */
};

/* Copies the value; more than HTTP_RESPONSE_HEADER_MAX is a programming error. */
void http_response_add_header(struct http_response *response, const char *name, const char *value);
/* Frees what it owns and ends its stream. */
void http_response_clear(struct http_response *response);

/* Borrowed for the call of the handler. */
struct http_request {
    struct slice method; /* "GET" */
    struct slice path;   /* as it came: percent signs in place, no query */
    struct slice body;   /* empty in `begin` */
    bool is_loopback;    /* the peer's address */
    bool is_tls;         /* came over HTTPS */
    const char *peer;    /* "127.0.0.1:40000 -> 127.0.0.1:15672" */
    void *connection;    /* for the functions below */
};

/* NULL when the request has none. Names are compared without case. */
const char *http_request_header(const struct http_request *request, const char *name);

/* The value of a query argument as it came ("a%20b"), NULL without one. */
const char *http_request_argument(const struct http_request *request, const char *name);

/* Calls `each` for every query argument, in order, also for names that come twice. */
void http_request_each_argument(const struct http_request *request,
                                void (*each)(void *context, const char *name, const char *value),
                                void *context);

/* What is above the server: one table of functions for each kind of listener. */
struct http_handler {
    /* After the headers: the largest body it takes. Sets response->status to refuse at once, or
     * response->again to be called once more before anything of the body is read. */
    size_t (*begin)(void *context, const struct http_request *request,
                    struct http_response *response);
    void (*handle)(void *context, const struct http_request *request,
                   struct http_response *response);
    void *context;
};

/* `handler` is copied. The library behind it starts with the first connection. */
struct http_server *http_server_create(struct loop *loop, struct broker *broker,
                                       const struct http_handler *handler);
/* Cuts off every connection. NULL is allowed. */
void http_server_destroy(struct http_server *server);

/* A listener_taker; the context is the server. */
void http_server_take(void *server, int fd, const struct transport_peer *peer);

/* Ends every connection there is; what was asked over them is not answered. New ones may come. */
void http_server_disconnect(struct http_server *server);

/* In the tick, after the journal's: sends what waited for the disk. After the journal has failed nothing
 * that waits is ever sent: destroying the server cuts those connections off. */
void http_server_settle(struct http_server *server);

#endif
