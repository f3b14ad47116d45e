/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every rabbitmq-c test needs: a connection, a channel, a queue, one delivery.
 *
 * Each test runs in its own process (see main.c).  A helper that cannot do its work calls fail(),
 * which ends that process with a sentence for the report; so the tests read straight down and check
 * no return values.  Every wait ends after WAIT_SECONDS.
 */
#ifndef INTEROP_RABBITMQ_C_SUPPORT_H
#define INTEROP_RABBITMQ_C_SUPPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <amqp.h>
#include <amqp_framing.h>

#define WAIT_SECONDS      15
#define DEFAULT_FRAME_MAX 131072

struct test {
    const char *name;
    void (*run)(void);
};

extern const struct test pattern_tests[];
extern const size_t pattern_test_count;
extern const struct test library_tests[];
extern const size_t library_test_count;

/* Ends the running test with a reason. */
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

#define check(condition, ...) ((condition) ? (void)0 : fail(__VA_ARGS__))

/* A name no other test and no other run uses; static buffers, four live at a time. */
const char *unique(const char *purpose);

/* Plain or TLS, as AMQP_URL says. */
bool uses_tls(void);
amqp_socket_t *new_socket(amqp_connection_state_t connection);

/* Connects and logs in to AMQP_URL with channel 1 open. */
amqp_connection_state_t connect_broker(void);
amqp_connection_state_t connect_with(int frame_max, int heartbeat_seconds);
void open_channel(amqp_connection_state_t connection, amqp_channel_t channel);
/* connection.close handshake. */
void disconnect(amqp_connection_state_t connection);
/* Shuts the socket as a killed process would: no connection.close. */
void drop(amqp_connection_state_t connection);

/* Fails unless the last synchronous call of the library succeeded. */
void check_reply(amqp_connection_state_t connection, const char *method);
/* Fails unless the last synchronous call closed the channel with this code; acknowledges the close.
 */
void check_channel_closed(amqp_connection_state_t connection, int reply_code,
                          const char *text_contains);

enum queue_kind { QUEUE_DURABLE, QUEUE_AUTO_DELETE, QUEUE_EXCLUSIVE };

/* Declares a queue; name "" lets the broker choose.  The result is valid until the next two calls.
 */
const char *declare_queue(amqp_connection_state_t connection, const char *name,
                          enum queue_kind kind);
/* Ready messages, by passive declaration. */
unsigned ready_messages(amqp_connection_state_t connection, const char *queue);
/* Returns how many messages went with the queue. */
unsigned delete_queue(amqp_connection_state_t connection, const char *queue);
void declare_exchange(amqp_connection_state_t connection, const char *name, const char *type,
                      amqp_table_t arguments);
void delete_exchange(amqp_connection_state_t connection, const char *name);
void bind_queue(amqp_connection_state_t connection, const char *queue, const char *exchange,
                const char *key);

void publish(amqp_connection_state_t connection, const char *exchange, const char *key,
             const amqp_basic_properties_t *properties, const char *text);
void publish_mandatory(amqp_connection_state_t connection, const char *exchange, const char *key,
                       const char *text);
void consume(amqp_connection_state_t connection, const char *queue, bool no_ack);
/* Waits for the next delivery; the caller destroys the envelope. */
amqp_envelope_t next_delivery(amqp_connection_state_t connection);
/* Waits for one delivery, fails unless its body is `text`, and forgets it.  Returns the delivery
 * tag. */
uint64_t expect_delivery(amqp_connection_state_t connection, const char *text);
void acknowledge(amqp_connection_state_t connection, uint64_t delivery_tag, bool multiple);

/* Waits for a method frame of channel 1 and returns its decoded arguments. */
void *expect_method(amqp_connection_state_t connection, amqp_method_number_t id, const char *name);

bool bytes_equal(amqp_bytes_t bytes, const char *text);
/* Copies into one of four static buffers. */
const char *bytes_text(amqp_bytes_t bytes);

#endif
