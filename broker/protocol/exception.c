/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/protocol/exception.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "amqp/method.h"
#include "amqp/spec.h"
#include "broker/base/endpoint.h"
#include "broker/entities/broker.h"
#include "broker/entities/refusal.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/confirms.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/send.h"

/* RabbitMQ cuts a reply text that does not fit a short string here and adds dots. */
#define REPLY_TEXT_CUT 252

struct reply_text {
    char chars[AMQP_SHORTSTR_MAX + 1];
    size_t len;
};

/* A cut must not leave half a character: the text is a UTF-8 short string. */
static size_t character_boundary(const char *chars, size_t at) {
    while (at > 0 && ((uint8_t)chars[at] & 0xC0) == 0x80)
        at--;
    return at;
}

static void cut_reply_text(struct reply_text *text, const char *whole, size_t len) {
    if (len > AMQP_SHORTSTR_MAX) {
        text->len = character_boundary(whole, REPLY_TEXT_CUT);
        memcpy(text->chars, whole, text->len);
        memcpy(text->chars + text->len, "...", 3);
        text->len += 3;
    } else {
        memcpy(text->chars, whole, len);
        text->len = len;
    }
}

static void format_reply_text(struct reply_text *text, uint16_t reply_code, const char *format,
                              va_list arguments) __attribute__((format(printf, 3, 0)));
static void format_reply_text(struct reply_text *text, uint16_t reply_code, const char *format,
                              va_list arguments) {
    char whole[REFUSAL_TEXT_MAX + 64];
    int head = snprintf(whole, sizeof whole, "%s - ", amqp_reply_code_name(reply_code));
    int len = vsnprintf(whole + head, sizeof whole - (size_t)head, format, arguments);
    if (len == 0) /* no explanation: the name stands alone */
        whole[head - 3] = '\0';
    cut_reply_text(text, whole, strlen(whole));
}

static struct slice reply_text_slice(const struct reply_text *text) {
    return slice_of(text->chars, text->len);
}

/* --- connection --- */

/* Compat 1.7: until open is awaited, which is when the client is known, only a refused login is told. */
static bool may_tell(const struct connection *connection, uint16_t reply_code) {
    switch (connection->state) {
    case CONNECTION_OPEN:
    case CONNECTION_AWAIT_OPEN:
        return true;
    case CONNECTION_AWAIT_START_OK:
        return reply_code == AMQP_ACCESS_REFUSED;
    default:
        return false;
    }
}

static int64_t close_wait_ms(const struct connection *connection) {
    return connection->state == CONNECTION_AWAIT_START_OK ? CONNECTION_SILENT_CLOSE_MS
                                                          : connection_close_wait_ms(connection);
}

static void close_connection(struct connection *connection, uint16_t reply_code,
                             const struct reply_text *text) {
    if (connection->state >= CONNECTION_CLOSING)
        return;
    if (!may_tell(connection, reply_code)) {
        connection_doom(connection, text->chars);
        return;
    }
    log_write_about(&connection->broker->env->log, LOG_CATEGORY_CONNECTION, LOG_ERROR,
                    "closing AMQP connection %s: %s", connection->name, text->chars);
    enum amqp_method_id blamed = connection->current_method;
    int64_t wait_ms = close_wait_ms(connection);
    connection_release_entities(connection);
    send_method(connection, 0,
                &(struct amqp_method){.id = AMQP_CONNECTION_CLOSE,
                                      .connection_close = {
                                          .reply_code = reply_code,
                                          .reply_text = reply_text_slice(text),
                                          .class_id = amqp_method_class_id(blamed),
                                          .method_id = amqp_method_method_id(blamed),
                                      }});
    connection_set_state(connection, CONNECTION_CLOSING);
    connection->blocked = false;
    endpoint_pause_input(&connection->endpoint, false);
    connection_set_deadline(connection, wait_ms);
}

void connection_fail(struct connection *connection, uint16_t reply_code, const char *format, ...) {
    struct reply_text text = {0};
    va_list arguments;
    va_start(arguments, format);
    format_reply_text(&text, reply_code, format, arguments);
    va_end(arguments);
    close_connection(connection, reply_code, &text);
}

void connection_fail_memory(struct connection *connection) {
    limit_reached(connection->broker, LIMIT_ALLOCATION);
    connection_fail(connection, AMQP_RESOURCE_ERROR, "out of memory");
}

/* --- channel --- */

static void close_channel(struct channel *channel, uint16_t reply_code,
                          const struct reply_text *text) {
    if (channel->state != CHANNEL_OPEN)
        return;
    struct connection *connection = channel->connection;
    enum amqp_method_id blamed = connection->current_method;
    log_write_about(&connection->broker->env->log, LOG_CATEGORY_CHANNEL, LOG_ERROR,
                    "channel error on connection %s, channel %u: %s", connection->name,
                    channel->number, text->chars);
    channel->state = CHANNEL_CLOSING;
    channel_release(channel);
    SEND(channel, AMQP_CHANNEL_CLOSE, channel_close, .reply_code = reply_code,
         .reply_text = reply_text_slice(text), .class_id = amqp_method_class_id(blamed),
         .method_id = amqp_method_method_id(blamed));
}

void channel_fail(struct channel *channel, uint16_t reply_code, const char *format, ...) {
    struct reply_text text = {0};
    va_list arguments;
    va_start(arguments, format);
    format_reply_text(&text, reply_code, format, arguments);
    va_end(arguments);
    if (amqp_reply_code_is_hard(reply_code))
        close_connection(channel->connection, reply_code, &text);
    else
        close_channel(channel, reply_code, &text);
}

void channel_refuse(struct channel *channel, const struct refusal *refusal) {
    if (refusal->reply_code == AMQP_RESOURCE_ERROR)
        limit_reached(channel->connection->broker, LIMIT_ALLOCATION);
    channel_fail(channel, refusal->reply_code, "%s", refusal->text);
}
