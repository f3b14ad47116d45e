# SPDX-License-Identifier: Apache-2.0
"""What programs use pika's BlockingConnection for beyond the patterns."""

import pika
import pika.exceptions

from support import (Collector, confirming_channel, connection, get_one, ready_messages,
                     url_parameters)
from tap import URL, WAIT_SECONDS, check, check_equal, raises, unique, wait_until

EVERY_PROPERTY = {
    "content_type": "text/plain",
    "content_encoding": "utf-8",
    "delivery_mode": 2,
    "priority": 7,
    "correlation_id": "correlation",
    "reply_to": "reply",
    "expiration": "60000",
    "message_id": "message",
    "timestamp": 1700000000,
    "type": "type",
    "user_id": "guest",
    "app_id": "application",
    "cluster_id": "cluster",
}

HEADERS = {
    "text": "wörter",
    "octets": b"\x00\xff",
    "small": -1,
    "large": 2**40,
    "yes": True,
    "nothing": None,
    "list": [1, "two", [3]],
    "table": {"inner": {"deep": 1}},
}


def consumer_cancelled():
    """a deleted queue cancels its consumer"""
    with connection() as consuming, connection() as deleting:
        queue = unique("cancel")
        cancelled = []
        channel = consuming.channel()
        channel.queue_declare(queue)
        channel.add_on_cancel_callback(cancelled.append)
        tag = channel.basic_consume(queue, lambda *_: None)
        deleting.channel().queue_delete(queue)
        wait_until(
            lambda: cancelled,
            lambda left: consuming.process_data_events(time_limit=left),
            "basic.cancel",
        )
        check_equal(cancelled[0].method.consumer_tag, tag, "consumer tag")


def recover():
    """basic.recover redelivers what is not acknowledged, in order"""
    with connection() as broker:
        channel = broker.channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        consumer = Collector(channel, queue, auto_ack=False)
        for text in "one", "two", "three":
            channel.basic_publish("", queue, text)
        consumer.expect(3)
        channel.basic_ack(consumer.messages[1][0].delivery_tag)
        channel.basic_recover(requeue=True)
        check_equal(consumer.expect(5)[3:], ["one", "three"], "redelivered")
        flags = [method.redelivered for method, _, _ in consumer.messages]
        check_equal(flags, [False, False, False, True, True], "redelivered flags")


def get_and_requeue():
    """basic.get, nack and reject: a requeued message returns to its place"""
    with connection() as broker:
        channel = confirming_channel(broker)
        queue = channel.queue_declare("", exclusive=True).method.queue
        check_equal(channel.basic_get(queue), (None, None, None), "get from an empty queue")
        for text in "one", "two", "three":
            channel.basic_publish("", queue, text)
        first, second = (get_one(channel, queue)[0] for _ in range(2))
        check_equal([first.message_count, second.message_count], [2, 1], "messages left")
        channel.basic_nack(second.delivery_tag, multiple=True, requeue=True)
        order = []
        for _ in range(3):
            method, _, body = get_one(channel, queue)
            order.append((body.decode(), method.redelivered))
            channel.basic_reject(method.delivery_tag, requeue=False)
        check_equal(order, [("one", True), ("two", True), ("three", False)], "order")
        check_equal(ready_messages(channel, queue), 0, "messages left")


def heartbeat():
    """heartbeats keep a connection of 2 s open; a silent client is dropped"""
    silent = pika.BlockingConnection(url_parameters(URL + "?heartbeat=1"))
    with connection(heartbeat=2) as kept:
        channel = kept.channel()
        wait_until(
            lambda: is_dropped(silent),
            lambda left: kept.process_data_events(time_limit=0),
            "the silent connection to be dropped",
        )
        check(channel.queue_declare("", exclusive=True).method.queue, "the other one is gone too")


def is_dropped(blocking):
    """Reads one heartbeat past pika, so that pika does not answer, or the end of the stream."""
    sock = blocking._impl._transport._sock  # pylint: disable=protected-access
    sock.settimeout(WAIT_SECONDS)
    try:
        return sock.recv(4096) == b""
    except ConnectionResetError:
        return True


def channel_errors():
    """channel errors 404, 403, 406 and 405 with their texts"""
    with connection() as broker, connection() as other:
        queue = other.channel().queue_declare("", exclusive=True).method.queue
        expected = [
            (404, "no queue 'none'", lambda c: c.queue_declare("none", passive=True)),
            (403, "reserved prefix", lambda c: c.queue_declare("amq.interop")),
            (406, "inequivalent arg 'type'", lambda c: c.exchange_declare("amq.topic", "fanout")),
            (405, "exclusive access", lambda c: c.queue_declare(queue, passive=True)),
            (406, "unknown delivery tag 9", lambda c: (c.basic_ack(9), c.basic_qos())),
        ]
        for code, text, failing in expected:
            channel = broker.channel()
            error = raises(pika.exceptions.ChannelClosedByBroker, failing, channel)
            check_equal(error.reply_code, code, "reply code")
            check(text in error.reply_text, f"reply text: {error.reply_text}")
        check(broker.is_open, "a channel error closed the connection")


def connection_errors():
    """a reused consumer tag is a connection error 530; wrong passwords and vhosts are refused"""
    with connection() as broker:
        channel = broker.channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.basic_consume(queue, lambda *_: None, consumer_tag="twice")
        again = pika.spec.Basic.Consume(queue=queue, consumer_tag="twice")
        # pika refuses to send this, so it goes past pika's own check.
        channel._impl._send_method(again)  # pylint: disable=protected-access
        error = raises(
            pika.exceptions.ConnectionClosedByBroker,
            broker.process_data_events,
            time_limit=WAIT_SECONDS,
        )
        check_equal(error.reply_code, 530, "reply code")
    wrong = pika.PlainCredentials("guest", "wrong")
    raises(pika.exceptions.ProbableAuthenticationError, connection(credentials=wrong).__enter__)
    error = raises(
        pika.exceptions.ProbableAccessDeniedError, connection(virtual_host="none").__enter__
    )
    check("530" in str(error), str(error))


def properties_and_headers():
    """every property and header type comes back unchanged"""
    with connection() as broker:
        channel = confirming_channel(broker)
        queue = channel.queue_declare("", exclusive=True).method.queue
        sent = pika.BasicProperties(headers=HEADERS, **EVERY_PROPERTY)
        channel.basic_publish("", queue, "", sent)
        _, got, body = get_one(channel, queue)
        check_equal(body, b"", "body")
        for name, value in EVERY_PROPERTY.items():
            check_equal(getattr(got, name), value, name)
        check_equal(got.headers, HEADERS, "headers")


def transactions():
    """tx: publishes and acks wait for commit; rollback forgets them"""
    with connection() as broker:
        channel = broker.channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        channel.tx_select()
        channel.basic_publish("", queue, "forgotten")
        channel.tx_rollback()
        channel.basic_publish("", queue, "kept")
        check_equal(ready_messages(channel, queue), 0, "messages before commit")
        channel.tx_commit()
        check_equal(ready_messages(channel, queue), 1, "messages after commit")
        check_equal(get_one(channel, queue)[2], b"kept", "message")


def large_bodies():
    """bodies of 0, 131064, 131065 and 1 MiB octets come back unchanged"""
    with connection() as broker:
        channel = confirming_channel(broker)
        queue = channel.queue_declare("", exclusive=True).method.queue
        for size in 0, 131064, 131065, 1 << 20:
            body = bytes(position * 7 % 256 for position in range(size))
            channel.basic_publish("", queue, body)
            check(get_one(channel, queue)[2] == body, f"a body of {size} octets changed")


def generator():
    """the consume() generator ends after inactivity and gives back what it prefetched"""
    with connection() as broker:
        channel = broker.channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        for text in "one", "two", "three":
            channel.basic_publish("", queue, text)
        for method, _, body in channel.consume(queue):
            check_equal(body, b"one", "message")
            channel.basic_ack(method.delivery_tag)
            break
        channel.cancel()
        check_equal(get_one(channel, queue)[2], b"two", "next message")


def exchanges():
    """headers exchange, exchange-to-exchange binding and alternate exchange"""
    with connection() as broker:
        channel = broker.channel()
        queue = channel.queue_declare("", exclusive=True).method.queue
        entry, match, rest = unique("entry"), unique("match"), unique("rest")
        channel.exchange_declare(rest, "fanout", auto_delete=True)
        channel.exchange_declare(
            entry, "topic", auto_delete=True, arguments={"alternate-exchange": rest}
        )
        channel.exchange_declare(match, "headers", auto_delete=True)
        channel.exchange_bind(match, entry, "print.#")
        channel.queue_bind(queue, match, arguments={"x-match": "all", "format": "pdf", "pages": 2})
        channel.queue_bind(queue, rest)
        for key, headers in [
            ("print.it", {"format": "pdf", "pages": 2, "more": True}),
            ("print.it", {"format": "pdf", "pages": 3}),
            ("other", {}),
        ]:
            channel.basic_publish(entry, key, key, pika.BasicProperties(headers=headers))
        got = Collector(channel, queue)
        # The second one reached an exchange, if no queue: the alternate exchange is not for it.
        check_equal(got.expect(2), ["print.it", "other"], "messages")
        check_equal({method.exchange for method, _, _ in got.messages}, {entry}, "exchange")


TESTS = [
    consumer_cancelled,
    recover,
    get_and_requeue,
    heartbeat,
    channel_errors,
    connection_errors,
    properties_and_headers,
    transactions,
    large_bodies,
    generator,
    exchanges,
]
