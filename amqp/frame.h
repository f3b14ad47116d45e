/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Protocol header and frames (spec 4.2.2, 4.2.3): seven octets of head, the payload, one end octet.
 * Reading a stream frame by frame is the connection's business; here is the form of the pieces.
 */
#ifndef AMQP_FRAME_H
#define AMQP_FRAME_H

#include "amqp/properties.h"
#include "amqp/spec.h"
#include "amqp/writer.h"

struct amqp_method;

#define AMQP_PROTOCOL_HEADER_SIZE 8

/* What the server answers to a protocol header it refuses, and what a client opens with. */
#define AMQP_PROTOCOL_HEADER "AMQP\0\0\x09\x01"

/* What the first eight octets of a peer are (compat/amqp.md 1.2). */
enum protocol_header_kind {
    PROTOCOL_HEADER_0_9_1, /* AMQP 0 0 9 1: accepted */
    PROTOCOL_HEADER_0_9,   /* AMQP 1 1 0 9: the older form of the same, accepted */
    PROTOCOL_HEADER_AMQP,  /* another AMQP version: refused */
    PROTOCOL_HEADER_HTTP,  /* a web client on the wrong port: refused */
    PROTOCOL_HEADER_TLS,   /* a TLS client on the plain port: refused */
    PROTOCOL_HEADER_OTHER, /* anything else: refused */
};

enum protocol_header_kind protocol_header_check(const uint8_t header[AMQP_PROTOCOL_HEADER_SIZE]);

/* True for the kinds that are answered with connection.start; to the others AMQP_PROTOCOL_HEADER is
 * sent and the socket closed. */
bool protocol_header_is_accepted(enum protocol_header_kind kind);

struct frame_header {
    uint8_t type; /* enum amqp_frame_type, or anything at all */
    uint16_t channel;
    uint32_t size; /* of the payload, end octet not counted */
};

/* Reads AMQP_FRAME_HEAD_SIZE octets; every value of them is some head. */
struct frame_header frame_header_decode(const uint8_t head[AMQP_FRAME_HEAD_SIZE]);

/* Writes AMQP_FRAME_HEAD_SIZE octets at `at`. */
void frame_write_head(uint8_t *at, uint8_t type, uint16_t channel, uint32_t size);

/* Gives a whole frame in memory, whose head is at `at`, another channel number. */
static inline void frame_write_channel(uint8_t *at, uint16_t channel) {
    at[1] = (uint8_t)(channel >> 8);
    at[2] = (uint8_t)channel;
}

/* Whole frames: head, payload, end octet.  Body frames are not written but gathered from a head, a
 * piece of the message and an end octet. */
void frame_encode_method(struct writer *w, uint16_t channel, const struct amqp_method *method);
void frame_encode_content_header(struct writer *w, uint16_t channel,
                                 const struct amqp_content_header *header);
void frame_encode_heartbeat(struct writer *w);

#endif
