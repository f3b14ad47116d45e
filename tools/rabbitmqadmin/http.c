/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP/1.0, so that the answer ends where the connection does and never comes in chunks. */
#include "tools/rabbitmqadmin/http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/base64.h"
#include "tools/rabbitmqadmin/stream.h"

static void append_login(struct text *request, const struct settings *settings) {
    struct text login = {0};

    text_append_format(&login, "%s:%s", settings->user, settings->password);
    text_append_format(request, "Authorization: Basic ");
    base64_append(request, text_slice(&login));
    text_append_format(request, "\r\n");
    text_clear(&login);
}

static bool receive_all(struct stream *stream, struct text *answer) {
    char chunk[65536];
    ssize_t count;

    errno = 0;
    while ((count = stream_receive(stream, chunk, sizeof chunk)) > 0)
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

/* A broker that refuses a long body may close before it has all of it, and has answered. */
static int exchange(struct stream *stream, const struct settings *settings,
                    const struct text *request, struct text *answer) {
    bool is_sent = stream_send(stream, request->chars, request->len);
    bool is_received = receive_all(stream, answer);
    bool is_late = !is_received && (errno == EAGAIN || errno == EWOULDBLOCK);
    int status = is_received || !is_sent ? take_head(answer) : 0;

    if (status == 0) {
        text_clear(answer);
        text_append_format(answer,
                           is_late ? "Timed out getting HTTP response (request timeout: %s seconds)"
                                   : "Could not read what was answered",
                           settings->timeout);
    }
    return status;
}

int http_ask(const struct settings *settings, const char *method, const char *path,
             const char *body, struct text *answer) {
    struct text request = {0};
    struct stream stream;

    if (!stream_open(&stream, settings, answer))
        return 0;
    text_append_format(&request, "%s %s/api%s HTTP/1.0\r\nHost: %s:%s\r\n", method,
                       settings->path_prefix, path, settings->host, settings->port);
    append_login(&request, settings);
    text_append_format(&request, "Content-Type: application/json\r\nContent-Length: %zu\r\n\r\n",
                       body == NULL ? 0 : strlen(body));
    text_append(&request, slice_from_text(body == NULL ? "" : body));
    int status = exchange(&stream, settings, &request, answer);
    stream_close(&stream);
    text_clear(&request);
    return status;
}
