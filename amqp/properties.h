/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The content header frame and the 14 properties of class basic (spec 4.2.6.1).
 *
 * A message keeps its flags and the octets of its properties as they arrived and sends them on as
 * they are.  They are decoded once on arrival, which validates them, and may be read again later;
 * to change one, decode, alter the struct, encode.
 */
#ifndef AMQP_PROPERTIES_H
#define AMQP_PROPERTIES_H

#include "amqp/slice.h"
#include "amqp/writer.h"

/* A property is its bit in the flags; the values stand on the wire in this order. */
enum amqp_property {
    AMQP_CONTENT_TYPE = 1 << 15,
    AMQP_CONTENT_ENCODING = 1 << 14,
    AMQP_HEADERS = 1 << 13,
    AMQP_DELIVERY_MODE = 1 << 12,
    AMQP_PRIORITY = 1 << 11,
    AMQP_CORRELATION_ID = 1 << 10,
    AMQP_REPLY_TO = 1 << 9,
    AMQP_EXPIRATION = 1 << 8,
    AMQP_MESSAGE_ID = 1 << 7,
    AMQP_TIMESTAMP = 1 << 6,
    AMQP_TYPE = 1 << 5,
    AMQP_USER_ID = 1 << 4,
    AMQP_APP_ID = 1 << 3,
    AMQP_CLUSTER_ID = 1 << 2,
};

#define AMQP_PROPERTIES_ALL  0xFFFC /* every flag above */
#define AMQP_FLAGS_CONTINUED 0x0001 /* more flags follow: there is no class that needs it */

#define AMQP_DELIVERY_MODE_PERSISTENT 2 /* any other value is transient */

/* The payload of a header frame. */
struct amqp_content_header {
    uint16_t class_id;
    uint16_t weight; /* must be 0, which is for the caller to say */
    uint16_t flags;  /* enum amqp_property */
    uint64_t body_size;
    struct slice properties; /* the octets after the flags, not yet validated */
};

/* False when the payload is shorter than the fixed part; `ret_header` is untouched then. */
bool amqp_content_header_decode(struct slice payload, struct amqp_content_header *ret_header);

/* Writes the payload of a header frame. */
void amqp_content_header_encode(struct writer *w, const struct amqp_content_header *header);

/* A property that is absent (its bit is not in `flags`) is zero or empty. */
struct amqp_properties {
    uint16_t flags; /* enum amqp_property */
    uint8_t delivery_mode;
    uint8_t priority;
    uint64_t timestamp; /* seconds */
    struct slice content_type;
    struct slice content_encoding;
    struct slice headers; /* table octets without length */
    struct slice correlation_id;
    struct slice reply_to;
    struct slice expiration;
    struct slice message_id;
    struct slice type;
    struct slice user_id;
    struct slice app_id;
    struct slice cluster_id;
};

/*
 * Decodes and validates all properties of `flags` out of `properties`.  False when the continuation
 * bit or the unused bit is set, when octets are missing or left over, or when the headers are no
 * valid table.  `ret_properties` points into `properties`; after false it holds nothing of use.
 */
bool amqp_properties_decode(uint16_t flags, struct slice properties,
                            struct amqp_properties *ret_properties);

/* The same for octets that were validated on arrival: the headers are not walked again. */
bool amqp_properties_read(uint16_t flags, struct slice properties,
                          struct amqp_properties *ret_properties);

/* Writes the flags and then the values of the properties that are in `flags`.  The writer fails on
 * a short string over 255 octets; the headers are copied as they are. */
/* What amqp_properties_decode() returns, for those who do not want the properties. */
bool amqp_properties_are_valid(uint16_t flags, struct slice properties);

/* One of valid properties; 0 when it is not there. */
uint8_t amqp_properties_delivery_mode(uint16_t flags, struct slice properties);

void amqp_properties_encode(struct writer *w, const struct amqp_properties *properties);

#endif
