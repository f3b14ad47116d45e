/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.0, so that the answer ends where the connection does and never comes in chunks. */
#include "tools/rabbitmqadmin/http.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/base/base64.h"

static int connect_to(const struct http_place *place, struct text *error) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses = NULL;
    int fd = -1;
    int result = getaddrinfo(place->host, place->port, &hints, &addresses);

    if (result != 0) {
        text_append_format(error, "Could not connect: %s", gai_strerror(result));
        return -1;
    }
    for (const struct addrinfo *at = addresses; at != NULL && fd < 0; at = at->ai_next) {
        fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && connect(fd, at->ai_addr, at->ai_addrlen) < 0) {
            result = errno;
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(addresses);
    if (fd < 0)
        text_append_format(error, "Could not connect: [Errno %d] %s", result, strerror(result));
    return fd;
}

static void append_login(struct text *request, const struct http_place *place) {
    struct text login = {0};

    text_append_format(&login, "%s:%s", place->user, place->password);
    text_append_format(request, "Authorization: Basic ");
    base64_append(request, text_slice(&login));
    text_append_format(request, "\r\n");
    text_clear(&login);
}

static bool send_all(int fd, const struct text *request) {
    for (size_t sent = 0; sent < request->len;) {
        ssize_t count = send(fd, request->chars + sent, request->len - sent, MSG_NOSIGNAL);
        if (count <= 0)
            return false;
        sent += (size_t)count;
    }
    return true;
}

static bool receive_all(int fd, struct text *answer) {
    char chunk[65536];
    ssize_t count;

    while ((count = recv(fd, chunk, sizeof chunk, 0)) > 0)
        text_append(answer, slice_of(chunk, (size_t)count));
    return count == 0;
}

/* The status out of the head, whose place the body takes. */
static int take_head(struct text *answer) {
    const char *body = strstr(text_chars(answer), "\r\n\r\n");
    const char *space = strchr(text_chars(answer), ' ');

    if (body == NULL || space == NULL || space > body)
        return 0;
    int status = atoi(space + 1);
    size_t head_len = (size_t)(body + 4 - answer->chars);
    answer->len -= head_len;
    memmove(answer->chars, answer->chars + head_len, answer->len + 1);
    return status;
}

static int exchange(int fd, const struct text *request, struct text *answer) {
    int status = 0;

    if (send_all(fd, request) && receive_all(fd, answer))
        status = take_head(answer);
    if (status == 0) {
        text_clear(answer);
        text_append_format(answer, "Could not read what was answered");
    }
    return status;
}

int http_ask(const struct http_place *place, const char *method, const char *path, const char *body,
             struct text *answer) {
    struct text request = {0};
    int fd = connect_to(place, answer);

    if (fd < 0)
        return 0;
    text_append_format(&request, "%s %s/api%s HTTP/1.0\r\nHost: %s:%s\r\n", method, place->prefix,
                       path, place->host, place->port);
    append_login(&request, place);
    text_append_format(&request, "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                       body == NULL ? 0 : strlen(body));
    text_append(&request, slice_from_text(body == NULL ? "" : body));
    int status = exchange(fd, &request, answer);
    close(fd);
    text_clear(&request);
    return status;
}
