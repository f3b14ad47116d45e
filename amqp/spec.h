/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The numbers of AMQP 0-9-1 (spec 1.2 and 4.2) and the limits RabbitMQ puts on them.
 */
#ifndef AMQP_SPEC_H
#define AMQP_SPEC_H

#include <stdbool.h>
#include <stdint.h>

enum amqp_frame_type {
    AMQP_FRAME_METHOD = 1,
    AMQP_FRAME_HEADER = 2,
    AMQP_FRAME_BODY = 3,
    AMQP_FRAME_HEARTBEAT = 8,
};

#define AMQP_FRAME_END 0xCE

#define AMQP_FRAME_HEAD_SIZE 7 /* type, channel, payload size */
#define AMQP_FRAME_OVERHEAD  8 /* the head and the end octet */

enum amqp_class_id {
    AMQP_CLASS_CONNECTION = 10,
    AMQP_CLASS_CHANNEL = 20,
    AMQP_CLASS_ACCESS = 30,
    AMQP_CLASS_EXCHANGE = 40,
    AMQP_CLASS_QUEUE = 50,
    AMQP_CLASS_BASIC = 60,
    AMQP_CLASS_CONFIRM = 85,
    AMQP_CLASS_TX = 90,
};

#define AMQP_SHORTSTR_MAX 255

/* The least frame-max a peer may ask for: RabbitMQ 4.1 raised the 4096 of the specification. */
#define AMQP_FRAME_MIN_SIZE      8192
#define AMQP_FRAME_MIN_SIZE_SPEC 4096

#define AMQP_BODY_SIZE_MAX       536870912 /* 512 MiB: RabbitMQ's ceiling for any max_message_size */
#define AMQP_CONTENT_HEADER_SIZE 14        /* class, weight, body size, flags; properties follow */

/* Reply codes.  A soft one closes the channel it is raised on, a hard one the connection. */
enum amqp_reply_code {
    AMQP_REPLY_SUCCESS = 200,
    AMQP_CONTENT_TOO_LARGE = 311,
    AMQP_NO_ROUTE = 312,
    AMQP_NO_CONSUMERS = 313,
    AMQP_CONNECTION_FORCED = 320,
    AMQP_INVALID_PATH = 402,
    AMQP_ACCESS_REFUSED = 403,
    AMQP_NOT_FOUND = 404,
    AMQP_RESOURCE_LOCKED = 405,
    AMQP_PRECONDITION_FAILED = 406,
    AMQP_FRAME_ERROR = 501,
    AMQP_SYNTAX_ERROR = 502,
    AMQP_COMMAND_INVALID = 503,
    AMQP_CHANNEL_ERROR = 504,
    AMQP_UNEXPECTED_FRAME = 505,
    AMQP_RESOURCE_ERROR = 506,
    AMQP_NOT_ALLOWED = 530,
    AMQP_NOT_IMPLEMENTED = 540,
    AMQP_INTERNAL_ERROR = 541,
};

/* "PRECONDITION_FAILED": the word that opens a reply text.  A code that is not above is named
 * "UNKNOWN". */
const char *amqp_reply_code_name(uint16_t code);

/* True when the code closes the connection; a code that is not above does too. */
bool amqp_reply_code_is_hard(uint16_t code);

#endif
