# SPDX-License-Identifier: Apache-2.0
"""Delays made of queues: 28 levels, each a topic exchange and a queue whose TTL is a power of two.

A message's routing key begins with its delay in binary, one word a digit; each level keeps it or
hands it on by its digit, and what a level kept goes to the next one when its TTL ends.  NServiceBus
does it so, and Celery 5.5 with its native delayed delivery; what both declare and publish is made
here in their order, under names of this run alone.
"""

import time

import pika

from support import Collector, confirming_channel, connection, get_one, ready_messages
from tap import check, check_equal, unique

LEVELS = 28


class Levels:
    """The exchanges and queues; `name(level)` of both, and where what has waited goes."""

    def __init__(self, channel, prefix, queue_type="quorum"):
        self.channel, self.prefix, self.queue_type = channel, prefix, queue_type
        self.delivery = f"{prefix}-delivery"

    def name(self, level):
        return f"{self.prefix}-{level:02}"

    def arguments(self, level):
        arguments = {
            "x-queue-type": self.queue_type,
            "x-overflow": "reject-publish",
            "x-message-ttl": 2**level * 1000,
            "x-dead-letter-exchange": self.name(level - 1) if level > 0 else self.delivery,
        }
        if self.queue_type == "quorum":
            arguments["x-dead-letter-strategy"] = "at-least-once"
        return arguments

    def declare(self):
        """Idempotent: every endpoint does it when it starts."""
        self.channel.exchange_declare(self.delivery, "topic", durable=True)
        for level in reversed(range(LEVELS)):
            self.channel.exchange_declare(self.name(level), "topic", durable=True)
            self.channel.queue_declare(
                self.name(level), durable=True, arguments=self.arguments(level)
            )
        for level in reversed(range(LEVELS)):
            key = "*." * (LEVELS - 1 - level)
            lower = self.name(level - 1) if level > 0 else self.delivery
            self.channel.queue_bind(self.name(level), self.name(level), key + "1.#")
            self.channel.exchange_bind(lower, self.name(level), key + "0.#")

    def key(self, seconds, address):
        return ".".join(f"{seconds:0{LEVELS}b}") + "." + address

    def send(self, seconds, address, body, **properties):
        """Enters at the level of its highest digit, as NServiceBus does; Celery enters at the top."""
        top = seconds.bit_length() - 1 if self.prefix.startswith("nsb") else LEVELS - 1
        self.channel.basic_publish(
            self.name(max(top, 0)), self.key(seconds, address), body, pika.BasicProperties(**properties)
        )

    def waiting(self):
        """How many messages are on each level that has any."""
        counts = {level: ready_messages(self.channel, self.name(level)) for level in range(LEVELS)}
        return {level: count for level, count in counts.items() if count > 0}

    def remove(self):
        for level in range(LEVELS):
            self.channel.queue_delete(self.name(level))
            self.channel.exchange_delete(self.name(level))
        self.channel.exchange_delete(self.delivery)


def bind_endpoint(levels, queue):
    """An endpoint's queue, reached by its name behind the digits."""
    levels.channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
    levels.channel.queue_bind(queue, levels.delivery, f"#.{queue}")


def nservicebus_delays():
    """NServiceBus: delays of 0 to 3 s through 28 quorum queues, at least once, in order"""
    with connection() as blocking:
        levels = Levels(confirming_channel(blocking), unique("nsb-delay-level"))
        endpoint = unique("nsb-endpoint")
        levels.declare()
        levels.declare()
        bind_endpoint(levels, endpoint)
        consumer = Collector(blocking.channel(), endpoint, auto_ack=False)
        begun = time.monotonic()
        for seconds in 3, 0, 2, 1:
            levels.send(seconds, endpoint, f"after {seconds}", delivery_mode=2, message_id="m")
        came = []
        for count in range(1, 5):
            consumer.expect(count)
            came.append(time.monotonic() - begun)
        bodies = [body.decode() for _, _, body in consumer.messages]
        check_equal(bodies, [f"after {seconds}" for seconds in range(4)], "order")
        for seconds, at in enumerate(came):
            check(seconds <= at < seconds + 1, f"{seconds} s took {at:.2f} s")
        method, properties, _ = consumer.messages[-1]
        check_equal(method.routing_key, levels.key(3, endpoint), "routing key")
        check_equal(properties.message_id, "m", "message id")
        deaths = [death["queue"] for death in properties.headers["x-death"]]
        check_equal(deaths, [levels.name(0), levels.name(1)], "x-death")
        consumer.ack_last()
        levels.channel.queue_delete(endpoint)
        levels.remove()


def nservicebus_longest_delays():
    """NServiceBus: delays up to 2^28 - 1 s wait on the level of their highest digit"""
    with connection() as blocking:
        levels = Levels(confirming_channel(blocking), unique("nsb-delay-level"))
        levels.declare()
        for seconds in 2**27, 2**28 - 1, 2**27 - 1, 2**12 + 5:
            levels.send(seconds, "nobody", "far away", delivery_mode=2)
        check_equal(levels.waiting(), {12: 1, 26: 1, 27: 2}, "waiting")
        check_equal(get_one(levels.channel, levels.name(26))[0].routing_key[:7], "0.1.1.1", "key")
        levels.remove()


def celery_delayed_delivery():
    """Celery's native delayed delivery: topology, publishes, a task after its countdown"""
    with connection() as blocking:
        levels = Levels(confirming_channel(blocking), unique("celery_delayed"))
        queue = unique("celery")
        levels.declare()
        levels.channel.exchange_declare(queue, "topic", durable=True)
        levels.channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
        levels.channel.queue_bind(queue, queue, queue)
        levels.channel.exchange_bind(queue, levels.delivery, f"#.{queue}")
        levels.channel.queue_bind(queue, queue, f"#.{queue}")
        consumer = Collector(blocking.channel(), queue, auto_ack=False, prefetch=4)
        begun = time.monotonic()
        headers = {"lang": "py", "task": "tasks.add", "id": "1", "retries": 0}
        levels.send(2, queue, '[[2, 2], {}, {}]', delivery_mode=2, headers=headers, priority=0,
                    content_type="application/json", correlation_id="1")
        levels.channel.basic_publish(queue, queue, "now")
        check_equal(consumer.expect(1), ["now"], "task without a countdown")
        consumer.expect(2)
        took = time.monotonic() - begun
        check(2 <= took < 3, f"2 s took {took:.2f} s")
        _, properties, body = consumer.messages[-1]
        check_equal(body, b"[[2, 2], {}, {}]", "body")
        check_equal(properties.headers["task"], "tasks.add", "task")
        check_equal(properties.headers["x-death"][0]["queue"], levels.name(1), "x-death")
        consumer.ack_last()
        levels.channel.queue_delete(queue)
        levels.channel.exchange_delete(queue)
        levels.remove()


def celery_delayed_delivery_classic():
    """Celery's native delayed delivery over classic queues"""
    with connection() as blocking:
        levels = Levels(confirming_channel(blocking), unique("celery_delayed"), "classic")
        queue = unique("celery")
        levels.declare()
        bind_endpoint(levels, queue)
        levels.send(1, queue, "task", delivery_mode=2)
        check_equal(levels.waiting(), {0: 1}, "waiting")
        check_equal(Collector(blocking.channel(), queue).expect(1), ["task"], "task")
        levels.channel.queue_delete(queue)
        levels.remove()


TESTS = [
    nservicebus_delays,
    nservicebus_longest_delays,
    celery_delayed_delivery,
    celery_delayed_delivery_classic,
]
