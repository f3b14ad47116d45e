/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scripted AMQP client at the other end of a connection, so that a test is a transcript:
 *
 *     struct peer *p = peer_connect(*state);
 *     peer_send(p, queue_declare, .queue = SLICE("q"), .durable = true);
 *     peer_expect(p, queue_declare_ok, .queue = SLICE("q"));
 *     peer_publish(p, "", "q", "hello");
 *     peer_expect_get(p, "q", "hello");
 *
 * The method and its fields are those of amqp/methods.def; what is not named is zero.  Methods of
 * class connection travel on channel 0, all others on channel 1 unless the function ends in _on.
 * Expecting takes the next frame of that channel; other channels keep theirs.  What was not
 * expected stays, and is found by peer_expect_nothing() or at the end of the test.
 *
 * A failure names the line of the test and shows both methods.
 */
#ifndef LEVERET_TESTS_SUPPORT_PEER_H
#define LEVERET_TESTS_SUPPORT_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amqp/frame.h"
#include "amqp/method.h"
#include "amqp/properties.h"
#include "amqp/slice.h"
#include "amqp/spec.h"
#include "amqp/table.h"
#include "broker/base/list.h"
#include "tests/support/fixture.h"

struct connection;

struct octets {
    uint8_t *data;
    size_t len;
    size_t capacity;
};

struct peer {
    struct fixture *fixture;
    struct list link;              /* in fixture->peers */
    struct connection *connection; /* NULL once the server closed the transport */
    struct octets sent;
    size_t taken;           /* octets of it that the connection has used */
    size_t offered;         /* octets after those that it has seen and left for later */
    struct octets received; /* what the test has not expected yet */
    uint32_t frame_max;     /* for the contents it sends; as the server offered it */
    uint16_t channel_max;
    bool is_corked;      /* see peer_cork() */
    bool is_not_reading; /* the server's output stays with the server */
    bool was_reset;      /* the server closed without sending what it had */
    const char *file;    /* of the statement that is running */
    int line;
    struct octets frame; /* payload of the frame taken last; what is returned points here */
    struct octets body;  /* of the content taken last */
    size_t body_frames;  /* it came in so many */
    struct octets content_header;
    struct amqp_method method;
    struct amqp_properties properties;
};

/* Ids under the lower-case names of the structs: peer_id_queue_declare. */
enum {
#define METHOD(constant, name, wire_name, class_id, method_id, content) \
    peer_id_##name = AMQP_##constant,
#define FIELD(method, type, name)
#define END(name)
#include "amqp/methods.def"
};

/* -- Connecting -------------------------------------------------------------------------------- */

/* A transport was accepted; nothing was said.  Owned by the fixture, as all peers are. */
struct peer *peer_accept(struct fixture *fixture);
struct peer *peer_accept_from_afar(struct fixture *fixture); /* not from a loopback address */

/* Handshake as guest in "/", with all capabilities and without heartbeats. */
struct peer *peer_login(struct fixture *fixture);
struct peer *peer_login_as(struct fixture *fixture, const char *user, const char *password);

/* peer_login() and channel 1; _with_queue: and queue "q". */
struct peer *peer_connect(struct fixture *fixture);
struct peer *peer_connect_with_queue(struct fixture *fixture);

/* Steps of the handshake for those who want to differ in one. */
void peer_expect_start(struct peer *peer); /* sends the header, takes start */
void peer_authenticate(struct peer *peer, const char *user, const char *password); /* ... tune */
void peer_send_start_ok(struct peer *peer, const char *mechanism, struct slice response);
void peer_tune(struct peer *peer, uint16_t heartbeat_s); /* tune-ok with the server's offer */
void peer_open(struct peer *peer);                       /* vhost "/" */

/* Client properties with a table of capabilities, each true.  Valid until the next call. */
struct slice peer_client_properties(const char *const capabilities[]);

void peer_open_channel(struct peer *peer, uint16_t channel);

/* TCP is gone without a word. */
void peer_drop(struct peer *peer);

/* -- Sending ----------------------------------------------------------------------------------- */

#define PEER_METHOD(name, ...) \
    (&(struct amqp_method){.id = (enum amqp_method_id)peer_id_##name, .name = {__VA_ARGS__}})
#define PEER_AT(peer) peer_at(peer, __FILE__, __LINE__)

#define peer_send(peer, name, ...)                                        \
    peer_send_method(PEER_AT(peer), peer_default_channel(peer_id_##name), \
                     PEER_METHOD(name, __VA_ARGS__))
#define peer_send_on(peer, channel, name, ...) \
    peer_send_method(PEER_AT(peer), channel, PEER_METHOD(name, __VA_ARGS__))

/* Header and body frames; properties by name: .content_type = SLICE("text/plain").  Flags follow
 * from what is not zero; `.flags` adds to them. */
#define peer_send_content(peer, text, ...) peer_send_content_on(peer, 1, text, __VA_ARGS__)
#define peer_send_content_on(peer, channel, text, ...)            \
    peer_send_body(PEER_AT(peer), channel, slice_from_text(text), \
                   &(struct amqp_properties){__VA_ARGS__})

/* basic.publish with its content and without properties; _with: with some. */
#define peer_publish(peer, exchange_name, key, text) \
    peer_publish_on(peer, 1, exchange_name, key, text)
#define peer_publish_on(peer, channel, exchange_name, key, text)        \
    peer_send_publish(PEER_AT(peer), channel, exchange_name, key, text, \
                      &(struct amqp_properties){.flags = 0})
#define peer_publish_with(peer, exchange_name, key, text, ...)    \
    peer_send_publish(PEER_AT(peer), 1, exchange_name, key, text, \
                      &(struct amqp_properties){__VA_ARGS__})

/* Octets that are no frame, and frames that are no method. */
void peer_send_octets(struct peer *peer, struct slice octets);
void peer_send_frame(struct peer *peer, uint8_t type, uint16_t channel, struct slice payload);
void peer_send_header_frame(struct peer *peer, uint16_t channel,
                            const struct amqp_content_header *header);

/* From now on what is sent waits, until peer_uncork() brings all of it in one read. */
void peer_cork(struct peer *peer);
void peer_uncork(struct peer *peer);

/* -- Expecting --------------------------------------------------------------------------------- */

/* The next frame is this method with exactly these fields. */
#define peer_expect(peer, name, ...)                                        \
    peer_expect_method(PEER_AT(peer), peer_default_channel(peer_id_##name), \
                       PEER_METHOD(name, __VA_ARGS__))
#define peer_expect_on(peer, channel, name, ...) \
    peer_expect_method(PEER_AT(peer), channel, PEER_METHOD(name, __VA_ARGS__))

/* The next frame is this method, its fields are for the test to look at; valid until the next. */
#define peer_receive(peer, name_)                                                                \
    (&peer_receive_method(PEER_AT(peer), peer_default_channel(peer_id_##name_), peer_id_##name_) \
          ->name_)
#define peer_receive_on(peer, channel, name_) \
    (&peer_receive_method(PEER_AT(peer), channel, peer_id_##name_)->name_)

/* The same for a test that has no use for the fields. */
#define peer_skip(peer, name) peer_skip_on(peer, peer_default_channel(peer_id_##name), name)
#define peer_skip_on(peer, channel, name) \
    ((void)peer_receive_method(PEER_AT(peer), channel, peer_id_##name))

/* The content that follows deliver, get-ok or return; returns its properties. */
#define peer_expect_content(peer, text)             peer_take_content(PEER_AT(peer), 1, text)
#define peer_expect_content_on(peer, channel, text) peer_take_content(PEER_AT(peer), channel, text)

/* basic.deliver to `tag` with this delivery tag and body; exchange and key as they come. */
#define peer_expect_delivery(peer, tag, number, text) \
    peer_take_delivery(PEER_AT(peer), 1, tag, number, false, text)
#define peer_expect_redelivery(peer, tag, number, text) \
    peer_take_delivery(PEER_AT(peer), 1, tag, number, true, text)
#define peer_expect_delivery_on(peer, channel, tag, number, text) \
    peer_take_delivery(PEER_AT(peer), channel, tag, number, false, text)

/* basic.get without acknowledgement brings this body, and returns its properties; or nothing. */
#define peer_expect_get(peer, queue_name, text) peer_get(PEER_AT(peer), queue_name, text)
#define peer_expect_get_empty(peer, queue_name) peer_get(PEER_AT(peer), queue_name, NULL)

/* Passive declare counts so many ready messages and consumers. */
#define peer_expect_counts(peer, queue_name, messages, consumers) \
    peer_count(PEER_AT(peer), queue_name, messages, consumers)

/* channel.close with "NAME - text" that blames the method `name`; answered with close-ok. */
#define peer_expect_channel_exception(peer, code, text, name) \
    peer_take_channel_close(PEER_AT(peer), 1, code, text, peer_id_##name)
#define peer_expect_channel_exception_on(peer, channel, code, text, name) \
    peer_take_channel_close(PEER_AT(peer), channel, code, text, peer_id_##name)

/* The same for connection.close; the server closes TCP after our close-ok.  The method `nothing`
 * stands for ids 0/0.  A text of NULL means the name alone. */
#define peer_expect_connection_exception(peer, code, text, name) \
    peer_take_connection_close(PEER_AT(peer), code, text, peer_id_##name)
enum { peer_id_nothing = AMQP_METHOD_UNKNOWN };

/* Octets as they stand on the wire, such as a refused protocol header. */
#define peer_expect_octets(peer, octets) peer_take_octets(PEER_AT(peer), octets)

#define peer_expect_heartbeat(peer) peer_take_heartbeat(PEER_AT(peer))
#define peer_expect_nothing(peer)   peer_check_silence(PEER_AT(peer))
#define peer_expect_open(peer)      peer_check_open(PEER_AT(peer))

/* TCP was closed by the server, and nothing is left to read. */
#define peer_expect_closed(peer) peer_check_closed(PEER_AT(peer))

/* After an exception: the same channel number again. */
#define peer_reopen(peer) peer_open_channel(PEER_AT(peer), 1)

/* -- Common steps, each with its answer -------------------------------------------------------- */

#define PEER_NO_ARGUMENTS \
    (struct slice) {      \
        NULL, 0           \
    }

#define peer_declare_queue(peer, name) peer_declare_queue_with(peer, name, PEER_NO_ARGUMENTS)
#define peer_declare_queue_with(peer, name, arguments) \
    peer_make_queue(PEER_AT(peer), name, false, arguments)
/* With a disk it is written before the answer is expected. */
#define peer_declare_durable_queue(peer, name, arguments) \
    peer_make_queue(PEER_AT(peer), name, true, arguments)
#define peer_declare_exchange(peer, name, kind) peer_make_exchange(PEER_AT(peer), name, kind)
#define peer_bind_queue(peer, queue, exchange, key) \
    peer_make_binding(PEER_AT(peer), queue, exchange, key, PEER_NO_ARGUMENTS)
#define peer_bind_queue_with(peer, queue, exchange, key, arguments) \
    peer_make_binding(PEER_AT(peer), queue, exchange, key, arguments)
#define peer_bind_exchange(peer, destination, source, key) \
    peer_make_exchange_binding(PEER_AT(peer), destination, source, key)
#define peer_consume(peer, queue, tag) peer_consume_on(peer, 1, queue, tag)
#define peer_consume_on(peer, channel, queue, tag) \
    peer_make_consumer(PEER_AT(peer), channel, queue, tag, false, PEER_NO_ARGUMENTS)
#define peer_consume_no_ack(peer, queue, tag) \
    peer_make_consumer(PEER_AT(peer), 1, queue, tag, true, PEER_NO_ARGUMENTS)
#define peer_consume_with(peer, queue, tag, arguments) \
    peer_make_consumer(PEER_AT(peer), 1, queue, tag, false, arguments)
#define peer_cancel(peer, tag)                 peer_end_consumer(PEER_AT(peer), tag)
#define peer_set_prefetch(peer, count, global) peer_limit_deliveries(PEER_AT(peer), count, global)
#define peer_close_channel(peer)               peer_end_channel(PEER_AT(peer))
#define peer_select_confirms(peer)             peer_begin_confirms(PEER_AT(peer))

/* -- Behind the macros ------------------------------------------------------------------------- */

struct peer *peer_at(struct peer *peer, const char *file, int line);
uint16_t peer_default_channel(int id);
void peer_send_method(struct peer *peer, uint16_t channel, const struct amqp_method *method);
void peer_send_body(struct peer *peer, uint16_t channel, struct slice body,
                    const struct amqp_properties *properties);
void peer_send_publish(struct peer *peer, uint16_t channel, const char *exchange, const char *key,
                       const char *body, const struct amqp_properties *properties);
void peer_expect_method(struct peer *peer, uint16_t channel, const struct amqp_method *method);
const struct amqp_method *peer_receive_method(struct peer *peer, uint16_t channel, int id);
const struct amqp_properties *peer_take_content(struct peer *peer, uint16_t channel,
                                                const char *text);
void peer_take_delivery(struct peer *peer, uint16_t channel, const char *tag, uint64_t number,
                        bool redelivered, const char *text);
const struct amqp_properties *peer_get(struct peer *peer, const char *queue, const char *text);
void peer_count(struct peer *peer, const char *queue, uint32_t messages, uint32_t consumers);
void peer_take_channel_close(struct peer *peer, uint16_t channel, uint16_t code, const char *text,
                             int blamed);
void peer_take_connection_close(struct peer *peer, uint16_t code, const char *text, int blamed);
void peer_take_octets(struct peer *peer, struct slice octets);
void peer_take_heartbeat(struct peer *peer);
void peer_check_silence(struct peer *peer);
void peer_check_open(struct peer *peer);
void peer_check_closed(struct peer *peer);
void peer_make_queue(struct peer *peer, const char *name, bool durable, struct slice arguments);
void peer_make_exchange(struct peer *peer, const char *name, const char *type);
void peer_make_binding(struct peer *peer, const char *queue, const char *exchange, const char *key,
                       struct slice arguments);
void peer_make_exchange_binding(struct peer *peer, const char *destination, const char *source,
                                const char *key);
void peer_make_consumer(struct peer *peer, uint16_t channel, const char *queue, const char *tag,
                        bool no_ack, struct slice arguments);
void peer_end_consumer(struct peer *peer, const char *tag);
void peer_limit_deliveries(struct peer *peer, uint16_t count, bool global);
void peer_end_channel(struct peer *peer);
void peer_begin_confirms(struct peer *peer);

/* For the fixture: moves octets both ways; true when anything moved. */
bool peer_exchange_octets(struct peer *peer);
void peer_destroy(struct peer *peer);

#endif
