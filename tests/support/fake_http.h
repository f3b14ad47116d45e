/* SPDX-License-Identifier: Apache-2.0 */
/*
 * http_server.h without sockets and without libmicrohttpd: requests are made out of their text and answers are
 * texts. It takes the place of http_server.c in a program whose one source file includes it, because it
 * has all of its functions; what is of a response alone is http_response.c's.
 *
 *     GET /api/queues?page=1          the target
 *     authorization: Basic Z3Vlc3Q6Z3Vlc3Q=
 *                                     headers up to an empty line
 *     {}                              the body
 */
#ifndef TESTS_SUPPORT_FAKE_HTTP_H
#define TESTS_SUPPORT_FAKE_HTTP_H

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "broker/base/alloc.h"
#include "broker/management/http_server.h"
#include "broker/management/management.h"

#define FAKE_PAIRS_MAX 32
/* A handler that says `again` so often would never answer. */
#define FAKE_TURNS_MAX 4

struct http_server {
    struct http_handler handler;
};

struct fake_pairs {
    const char *names[FAKE_PAIRS_MAX];
    const char *values[FAKE_PAIRS_MAX];
    size_t count;
};

/* The texts are one copy that is cut up. */
struct fake_request {
    struct http_request http;
    struct fake_pairs arguments;
    struct fake_pairs headers;
    char *copy;
};

/* --- http_server.h --- */

const char *http_request_header(const struct http_request *request, const char *name) {
    const struct fake_request *fake = request->connection;

    for (size_t i = 0; i < fake->headers.count; i++) {
        if (strcasecmp(fake->headers.names[i], name) == 0)
            return fake->headers.values[i];
    }
    return NULL;
}

const char *http_request_argument(const struct http_request *request, const char *name) {
    const struct fake_request *fake = request->connection;

    for (size_t i = 0; i < fake->arguments.count; i++) {
        if (strcmp(fake->arguments.names[i], name) == 0)
            return fake->arguments.values[i];
    }
    return NULL;
}

void http_request_each_argument(const struct http_request *request,
                                void (*each)(void *context, const char *name, const char *value),
                                void *context) {
    const struct fake_request *fake = request->connection;

    for (size_t i = 0; i < fake->arguments.count; i++)
        each(context, fake->arguments.names[i], fake->arguments.values[i]);
}

struct http_server *http_server_create(struct loop *loop, struct broker *broker,
                                       const struct http_handler *handler) {
    struct http_server *server = xcalloc(1, sizeof *server);

    (void)loop;
    (void)broker;
    server->handler = *handler;
    return server;
}

void http_server_destroy(struct http_server *server) {
    free(server);
}

void http_server_take(void *server, int fd, const struct transport_peer *peer) {
    (void)server;
    (void)fd;
    (void)peer;
}

void http_server_disconnect(struct http_server *server) {
    (void)server;
}

void http_server_settle(struct http_server *server) {
    (void)server;
}

/* --- requests --- */

/* The next line; as with the library CR ends one too. */
static inline char *fake_line(char **at) {
    char *line = *at;

    *at += strcspn(line, "\n");
    if (**at != '\0')
        *(*at)++ = '\0';
    line[strcspn(line, "\r")] = '\0';
    return line;
}

/* The text up to one of `ends`, which becomes its end; `*at` behind it. */
static inline char *fake_cut(char **at, const char *ends) {
    char *begin = *at;

    *at += strcspn(begin, ends);
    if (**at != '\0')
        *(*at)++ = '\0';
    return begin;
}

static inline void fake_add(struct fake_pairs *pairs, const char *name, const char *value) {
    if (pairs->count == FAKE_PAIRS_MAX)
        return;
    pairs->names[pairs->count] = name;
    pairs->values[pairs->count++] = value;
}

static inline void fake_read_arguments(struct fake_pairs *pairs, char *query) {
    while (*query != '\0') {
        char *value = fake_cut(&query, "&");
        const char *name = fake_cut(&value, "=");
        fake_add(pairs, name, value);
    }
}

static inline void fake_read_headers(struct fake_pairs *pairs, char **at) {
    while (**at != '\0') {
        char *value = fake_line(at);
        if (*value == '\0')
            return;
        const char *name = fake_cut(&value, ":");
        fake_add(pairs, name, value + strspn(value, " "));
    }
}

/* As the library would, what is before the body has no NUL in it. Freed by fake_request_clear(). */
static inline void fake_request_read(struct fake_request *fake, struct slice text) {
    *fake = (struct fake_request){.copy = xcalloc(1, text.len + 1)};
    if (text.len > 0)
        memcpy(fake->copy, text.data, text.len);
    char *at = fake->copy, *line = fake_line(&at);
    fake->http.method = slice_from_text(fake_cut(&line, " "));
    fake->http.path = slice_from_text(fake_cut(&line, "?"));
    fake_read_arguments(&fake->arguments, line);
    fake_read_headers(&fake->headers, &at);
    fake->http.body = slice_of(at, text.len - (size_t)(at - fake->copy));
    fake->http.is_loopback = true;
    fake->http.peer = "127.0.0.1:40000 -> 127.0.0.1:15672";
    fake->http.connection = fake;
}

static inline void fake_request_clear(struct fake_request *fake) {
    free(fake->copy);
}

/* --- answers --- */

static inline void fake_read_stream(struct http_response *response, struct text *body) {
    while (response->stream.next(response->stream.state, body))
        continue;
    response->stream.end(response->stream.state);
    response->stream.next = NULL;
}

/* Status and whole body, as the peer would have them. False when it waits for ever. */
static inline bool fake_ask(struct http_server *server, struct slice text,
                            struct http_response *response) {
    const struct http_handler *handler = &server->handler;
    struct fake_request fake;
    const struct slice nothing = {0};

    *response = (struct http_response){0};
    fake_request_read(&fake, text);
    const struct slice body = fake.http.body;
    for (int turns = 0; turns < FAKE_TURNS_MAX; turns++) {
        response->again = false;
        fake.http.body = nothing;
        size_t max = handler->begin(handler->context, &fake.http, response);
        fake.http.body = body.len <= max ? body : nothing;
        if (response->status == 0 && !response->again)
            handler->handle(handler->context, &fake.http, response);
        if (!response->again)
            break;
    }
    if (response->stream.next != NULL)
        fake_read_stream(response, &response->body);
    if (response->status == 0)
        response->status = 200;
    fake_request_clear(&fake);
    return !response->again;
}

#endif
