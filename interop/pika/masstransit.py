# SPDX-License-Identifier: Apache-2.0
"""The topology that MassTransit makes, and how its messages travel through it.

One durable fanout exchange for each message type, the exchange of a type bound to those of the types
it derives from; an exchange and a queue of the same name for each endpoint, the exchange bound to
the types it consumes; `_error` and `_skipped` beside it; an exchange `_delay` of type
x-delayed-message for what is scheduled or redelivered later.
"""

import time

import pika

from support import Collector, confirming_channel, connection, get_one, ready_messages
from tap import Skip, check, check_equal, raises, unique

CONTENT_TYPE = "application/vnd.masstransit+json"
DELAY_MS = 400


class Bus:
    """Exchanges and queues under one prefix, deleted at the end."""

    def __init__(self, channel):
        self.channel = channel
        self.prefix = unique("mt")
        self.exchanges, self.queues = [], []

    def name(self, text):
        return f"{self.prefix}.{text}"

    def message_type(self, text, *bases):
        """A type's exchange, bound to those of its bases: what is published to it gets there too."""
        exchange = self.fanout(self.name(text))
        for base in bases:
            self.channel.exchange_bind(base, exchange)
        return exchange

    def fanout(self, exchange, **options):
        self.channel.exchange_declare(exchange, "fanout", durable=True, **options)
        self.exchanges.append(exchange)
        return exchange

    def endpoint(self, text, *types, arguments=None):
        """The queue, behind an exchange of its name that is bound to the types it consumes."""
        queue = self.name(text)
        self.fanout(queue)
        self.channel.queue_declare(queue, durable=True, arguments=arguments)
        self.channel.queue_bind(queue, queue, "")
        self.queues.append(queue)
        for exchange in types:
            self.channel.exchange_bind(queue, exchange)
        return queue

    def delay(self, endpoint):
        """The exchange that delays, bound to the endpoint's."""
        exchange = f"{endpoint}_delay"
        self.channel.exchange_declare(
            exchange, "x-delayed-message", durable=True, arguments={"x-delayed-type": "fanout"}
        )
        self.exchanges.append(exchange)
        self.channel.exchange_bind(endpoint, exchange)
        return exchange

    def send(self, exchange, body, **headers):
        properties = pika.BasicProperties(
            content_type=CONTENT_TYPE, delivery_mode=2, message_id=unique("id"), headers=headers
        )
        self.channel.basic_publish(exchange, "", body, properties)

    def remove(self):
        for queue in self.queues:
            self.channel.queue_delete(queue)
        for exchange in self.exchanges:
            self.channel.exchange_delete(exchange)


def published_types():
    """MassTransit: a type reaches the endpoints of its base types, each once"""
    with connection() as blocking:
        bus = Bus(confirming_channel(blocking))
        event = bus.message_type("IEvent")
        order = bus.message_type("IOrderEvent", event)
        submitted = bus.message_type("OrderSubmitted", order, event)
        audit = bus.endpoint("audit", event)
        orders = bus.endpoint("orders", order, submitted)
        bus.send(submitted, "submitted")
        bus.send(order, "order")
        bus.send(event, "event")
        check_equal(ready_messages(bus.channel, audit), 3, "messages of all types")
        bodies = [get_one(bus.channel, orders)[2] for _ in range(2)]
        check_equal(bodies, [b"submitted", b"order"], "messages of the orders")
        check_equal(ready_messages(bus.channel, orders), 0, "further messages")
        bus.remove()


def declared_again():
    """MassTransit: two instances declare the same topology; a type that nobody consumes is no error"""
    with connection() as first, connection() as second:
        one, two = Bus(confirming_channel(first)), Bus(confirming_channel(second))
        two.prefix = one.prefix
        for bus in one, two:
            bus.endpoint("input", bus.message_type("Ping"))
        one.send(one.name("Ping"), "ping")
        check_equal(ready_messages(two.channel, two.name("input")), 1, "messages")
        one.send(one.message_type("Pong"), "nobody")
        one.remove()


def sent_and_faulted():
    """MassTransit: a faulted message goes to _error with its properties and fault headers"""
    with connection() as blocking:
        bus = Bus(confirming_channel(blocking))
        queue = bus.endpoint("input")
        errors = bus.endpoint("input_error")
        skipped = bus.endpoint("input_skipped")
        bus.send(queue, "broken")
        method, properties, body = get_one(bus.channel, queue)
        check_equal(method.exchange, queue, "exchange")
        headers = {"MT-Fault-Message": "no", "MT-Fault-RetryCount": 3, "MT-Reason": "fault"}
        properties.headers = {**(properties.headers or {}), **headers}
        bus.channel.basic_publish(errors, "", body, properties)
        bus.channel.basic_ack(method.delivery_tag)
        _, kept, _ = get_one(bus.channel, errors)
        check_equal(kept.headers, headers, "fault headers")
        check_equal(kept.content_type, CONTENT_TYPE, "content type")
        check_equal(ready_messages(bus.channel, skipped), 0, "skipped")
        bus.remove()


def requested():
    """MassTransit: request and response over an auto-delete endpoint with x-expires"""
    with connection() as client, connection() as server:
        bus = Bus(confirming_channel(server))
        requests = bus.endpoint("check-status")
        channel = confirming_channel(client)
        replies = unique("mt.response")
        channel.exchange_declare(replies, "fanout", auto_delete=True)
        channel.queue_declare(replies, auto_delete=True, arguments={"x-expires": 60000})
        channel.queue_bind(replies, replies, "")
        answers = Collector(channel, replies)
        channel.basic_publish(requests, "", "status?", pika.BasicProperties(reply_to=replies))
        _, properties, _ = get_one(bus.channel, requests)
        bus.send(properties.reply_to, "fine")
        check_equal(answers.expect(1), ["fine"], "answer")
        channel.basic_cancel(answers.tag)
        raises(pika.exceptions.ChannelClosedByBroker, channel.queue_declare, replies, passive=True)
        bus.remove()


def scheduled():
    """MassTransit: x-delay through _delay exchanges; the order is that of the due times"""
    with connection() as blocking:
        bus = Bus(confirming_channel(blocking))
        queue = bus.endpoint("input")
        try:
            delay = bus.delay(queue)
        except pika.exceptions.ConnectionClosedByBroker as error:
            check_equal(error.reply_code, 503, "reply code")
            raise Skip("RabbitMQ without the plugin for delayed messages") from None
        consumer = Collector(blocking.channel(), queue, auto_ack=False)
        begun = time.monotonic()
        for number, body in enumerate(["last", "second", "first"]):
            bus.send(delay, body, **{"x-delay": DELAY_MS - 100 * number})
        bus.send(queue, "at once")
        check_equal(consumer.expect(1), ["at once"], "message without a delay")
        check_equal(consumer.expect(4), ["at once", "first", "second", "last"], "messages")
        check(time.monotonic() - begun >= DELAY_MS / 1000, "the last one came early")
        _, properties, _ = consumer.messages[-1]
        check_equal(properties.headers["x-delay"], -DELAY_MS, "x-delay")
        check_equal(properties.content_type, CONTENT_TYPE, "content type")
        consumer.ack_last()
        blocking.close()
    with connection() as blocking:
        bus.channel = blocking.channel()
        bus.remove()


def redelivered_later():
    """MassTransit: delayed redelivery counts in MT-Redelivery-Count and comes back each time"""
    with connection() as blocking:
        bus = Bus(confirming_channel(blocking))
        queue = bus.endpoint("input")
        try:
            delay = bus.delay(queue)
        except pika.exceptions.ConnectionClosedByBroker:
            raise Skip("RabbitMQ without the plugin for delayed messages") from None
        consumer = Collector(blocking.channel(), queue, auto_ack=False)
        bus.send(queue, "try again")
        for count in range(1, 4):
            consumer.expect(count)
            _, properties, body = consumer.messages[-1]
            seen = (properties.headers or {}).get("MT-Redelivery-Count", 0)
            check_equal(seen, count - 1, "redeliveries before")
            bus.send(delay, body, **{"MT-Redelivery-Count": count, "x-delay": 20 * count})
            consumer.ack_last()
        consumer.expect(4)
        consumer.ack_last()
        blocking.close()
    with connection() as blocking:
        bus.channel = blocking.channel()
        bus.remove()


TESTS = [published_types, declared_again, sent_and_faulted, requested, scheduled, redelivered_later]
