/* SPDX-License-Identifier: Apache-2.0 */
/* A connection to the API: a socket, with TLS around it when that is wanted. */
#ifndef LEVERET_TOOLS_RABBITMQADMIN_STREAM_H
#define LEVERET_TOOLS_RABBITMQADMIN_STREAM_H

#include <openssl/ssl.h>
#include <stdbool.h>

#include "broker/base/text.h"
#include "tools/rabbitmqadmin/settings.h"

struct stream {
    int fd;
    SSL_CTX *context; /* NULL without TLS */
    SSL *tls;
};

/* False with a sentence in `error`. */
bool stream_open(struct stream *stream, const struct settings *settings, struct text *error);
void stream_close(struct stream *stream);

bool stream_send(struct stream *stream, const char *octets, size_t len);
/* As recv(): 0 at the end, negative when it failed or took longer than --request-timeout. */
ssize_t stream_receive(struct stream *stream, char *buffer, size_t size);

#endif
