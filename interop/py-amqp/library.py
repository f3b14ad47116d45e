# SPDX-License-Identifier: Apache-2.0
"""What kombu and others use py-amqp for beyond the patterns."""

import datetime
import decimal
import time

import amqp
from amqp import exceptions

from support import Collector, connection, drain, ready_messages
from tap import WAIT_SECONDS, check, check_equal, raises, unique


def channel_errors():
    """channel errors are Python's NotFound, AccessRefused, PreconditionFailed, ResourceLocked"""
    with connection() as broker, connection() as other:
        locked = other.channel().queue_declare("", exclusive=True).queue
        failing = [
            (exceptions.NotFound, lambda c: c.queue_declare("none", passive=True)),
            (exceptions.NotFound, lambda c: c.basic_get("none")),
            (exceptions.NotFound, lambda c: c.queue_bind("none", "amq.direct")),
            (exceptions.AccessRefused, lambda c: c.queue_declare("amq.interop")),
            (exceptions.AccessRefused, lambda c: c.exchange_delete("amq.direct")),
            (exceptions.PreconditionFailed, lambda c: c.exchange_declare("amq.topic", "direct")),
            (exceptions.ResourceLocked, lambda c: c.basic_consume(locked)),
        ]
        for kind, operation in failing:
            error = raises(kind, operation, broker.channel())
            check_equal(error.reply_code, kind.code, "reply code")


def connection_errors():
    """a reused consumer tag is NotAllowed; a wrong password is refused"""
    with connection() as broker:
        channel = broker.channel()
        queue = channel.queue_declare("", exclusive=True).queue
        channel.basic_consume(queue, "twice")
        error = raises(exceptions.NotAllowed, channel.basic_consume, queue, "twice")
        check_equal(error.reply_code, 530, "reply code")
    raises(exceptions.AccessRefused, connection(password="wrong").__enter__)
    raises(exceptions.NotAllowed, connection(virtual_host="none").__enter__)


def mechanisms():
    """PLAIN and AMQPLAIN log in"""
    for mechanism in amqp.sasl.PLAIN, amqp.sasl.AMQPLAIN:
        with connection(authentication=mechanism("guest", "guest")) as broker:
            check(broker.channel().is_open, "no channel")
            check_equal(broker.server_properties["product"], "RabbitMQ", "product")


def field_types():
    """headers of every type py-amqp knows come back unchanged"""
    headers = {
        "text": "wörter",
        "small": -1,
        "large": 2**40,
        "real": 0.5,
        "decimal": decimal.Decimal("-1.25"),
        "yes": True,
        "nothing": None,
        "time": datetime.datetime(2026, 11, 21, 12, 0, 0),
        "list": ["a", 1, ["b"]],
        "table": {"deep": {"er": 1}},
    }
    with connection() as broker:
        channel = broker.channel()
        queue = channel.queue_declare("", exclusive=True).queue
        consumer = Collector(channel, queue)
        message = amqp.Message("", application_headers=headers, priority=9, message_id="id")
        channel.basic_publish(message, "", queue)
        consumer.expect(1)
        got = consumer.messages[0].properties
        for name, value in headers.items():
            check_equal(got["application_headers"].get(name), value, name)
        check_equal((got["priority"], got["message_id"]), (9, "id"), "properties")


def recover_and_reject():
    """recover, reject and requeue keep the order"""
    with connection(confirm_publish=True) as broker:
        channel = broker.channel()
        queue = channel.queue_declare("", exclusive=True).queue
        for text in "one", "two", "three":
            channel.basic_publish(amqp.Message(text), "", queue)
        first, second = channel.basic_get(queue), channel.basic_get(queue)
        check_equal((first.body, second.body), ("one", "two"), "messages")
        channel.basic_reject(second.delivery_tag, requeue=True)
        channel.basic_recover(requeue=True)
        order = []
        for _ in range(3):
            message = channel.basic_get(queue, no_ack=True)
            order.append((message.body, message.delivery_info["redelivered"]))
        check_equal(order, [("one", True), ("two", True), ("three", False)], "order")
        check(channel.basic_get(queue) is None, "a message is left")


def purge_and_conditions():
    """purge, if-empty and if-unused"""
    with connection(confirm_publish=True) as broker:
        channel = broker.channel()
        queue = unique("conditions")
        channel.queue_declare(queue, auto_delete=False)
        channel.basic_publish(amqp.Message("here"), "", queue)
        raises(exceptions.PreconditionFailed, channel.queue_delete, queue, if_empty=True)
        channel = broker.channel()
        check_equal(channel.queue_purge(queue), 1, "purged")
        channel.basic_consume(queue)
        raises(exceptions.PreconditionFailed, channel.queue_delete, queue, if_unused=True)
        check_equal(broker.channel().queue_delete(queue, if_empty=True), 0, "messages left")


def consumer_cancelled():
    """a deleted queue cancels its consumer"""
    with connection() as broker, connection() as other:
        cancelled = []
        queue = unique("cancel")
        channel = broker.channel()
        channel.queue_declare(queue, auto_delete=True)
        tag = channel.basic_consume(queue, on_cancel=cancelled.append)
        other.channel().queue_delete(queue)
        drain(broker, lambda: cancelled, "basic.cancel")
        check_equal(cancelled, [tag], "consumer tag")


def transactions():
    """tx: publishes wait for commit; rollback forgets them"""
    with connection() as broker:
        channel = broker.channel()
        queue = channel.queue_declare("", exclusive=True).queue
        channel.tx_select()
        channel.basic_publish(amqp.Message("forgotten"), "", queue)
        channel.tx_rollback()
        channel.basic_publish(amqp.Message("kept"), "", queue)
        check_equal(ready_messages(channel, queue), 0, "messages before commit")
        channel.tx_commit()
        check_equal(channel.basic_get(queue).body, "kept", "message")


def exchange_bindings():
    """exchange-to-exchange binding and unbinding"""
    with connection() as broker:
        channel = broker.channel()
        source, destination = unique("source"), unique("destination")
        queue = channel.queue_declare("", exclusive=True).queue
        channel.exchange_declare(source, "direct", auto_delete=False)
        channel.exchange_declare(destination, "fanout", auto_delete=True)
        channel.exchange_bind(destination, source, "key")
        channel.queue_bind(queue, destination)
        consumer = Collector(channel, queue)
        channel.basic_publish(amqp.Message("bound"), source, "key")
        check_equal(consumer.expect(1), ["bound"], "messages")
        channel.exchange_unbind(destination, source, "key")
        channel.basic_publish(amqp.Message("unbound"), source, "key")
        channel.basic_publish(amqp.Message("direct"), destination)
        check_equal(consumer.expect(2), ["bound", "direct"], "messages")
        channel.exchange_delete(source)


def heartbeats():
    """heartbeats are sent and seen"""
    with connection(heartbeat=1) as broker:
        received = broker.bytes_recv
        deadline = time.monotonic() + WAIT_SECONDS
        while broker.bytes_recv < received + 2:
            check(time.monotonic() < deadline, "no heartbeats came")
            broker.heartbeat_tick()
            try:
                # Less than the 0.5 s between two heartbeats: py-amqp counts them, but returns none.
                broker.drain_events(timeout=0.3)
            except TimeoutError:
                pass
        check(broker.channel().is_open, "no channel")


def large_bodies():
    """bodies up to 1 MiB in frames of 4096 octets and of 128 KiB come back unchanged"""
    for frame_max in 4096, 131072:
        with connection(frame_max=frame_max) as broker:
            channel = broker.channel()
            queue = channel.queue_declare("", exclusive=True).queue
            consumer = Collector(channel, queue)
            for size in 1, frame_max - 8, frame_max - 7, 1 << 20:
                body = bytes(position * 7 % 256 for position in range(size))
                channel.basic_publish(amqp.Message(body), "", queue)
                got = consumer.expect(len(consumer.messages) + 1)
                check(got[-1] == body, f"a body of {size} octets changed")


TESTS = [
    channel_errors,
    connection_errors,
    mechanisms,
    field_types,
    recover_and_reject,
    purge_and_conditions,
    consumer_cancelled,
    transactions,
    exchange_bindings,
    heartbeats,
    large_bodies,
]
