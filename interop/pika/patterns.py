# SPDX-License-Identifier: Apache-2.0
"""The six tutorial patterns with pika's BlockingConnection."""

import pika
import pika.exceptions

from support import Collector, DoomedWorker, confirming_channel, connection, ready_messages
from tap import check, check_equal, raises, unique

PERSISTENT = pika.BasicProperties(delivery_mode=2)


def work_queue():
    """work queue: prefetch 1, a killed worker's task is redelivered"""
    with connection() as producer, connection() as second:
        queue = unique("work")
        tasks = [f"task {number}" for number in range(1, 7)]
        channel = confirming_channel(producer)
        channel.queue_declare(queue, durable=True)
        doomed = DoomedWorker(queue)
        channel.basic_publish("", queue, tasks[0], PERSISTENT)
        check_equal(doomed.task(), tasks[0], "first worker")
        worker = Collector(second.channel(), queue, auto_ack=False, prefetch=1)
        for task in tasks[1:]:
            channel.basic_publish("", queue, task, PERSISTENT)
        check_equal(worker.expect(1), tasks[1:2], "second worker")
        check_equal(ready_messages(channel, queue), 4, "tasks held back")

        doomed.kill()
        for count in range(2, 7):
            worker.ack_last()
            worker.expect(count)
        worker.ack_last()
        again = [body.decode() for method, _, body in worker.messages if method.redelivered]
        check_equal(again, tasks[:1], "redelivered tasks")
        check_equal(worker.messages[0][1].delivery_mode, 2, "delivery-mode")
        second.close()
        check_equal(channel.queue_delete(queue).method.message_count, 0, "tasks left")


def publish_subscribe():
    """publish/subscribe: fanout to exclusive server-named queues"""
    with connection() as first, connection() as second:
        logs = unique("logs")
        subscribers = []
        first.channel().exchange_declare(logs, "fanout", auto_delete=True)
        for subscriber in first, second:
            channel = subscriber.channel()
            queue = channel.queue_declare("", exclusive=True).method.queue
            check(queue.startswith("amq.gen-"), f"server chose {queue}")
            channel.queue_bind(queue, logs)
            subscribers.append(Collector(channel, queue))
        producer = first.channel()
        for text in "one", "two", "three":
            producer.basic_publish(logs, "", text)
        for subscriber in subscribers:
            check_equal(subscriber.expect(3), ["one", "two", "three"], "subscriber")


def route(exchange_type, bindings, keys):
    """Publishes each key as a message and returns what each of the bound queues got."""
    with connection() as broker:
        channel = confirming_channel(broker)
        exchange = unique(exchange_type)
        channel.exchange_declare(exchange, exchange_type, auto_delete=True)
        queues = []
        for binding_keys in bindings:
            queues.append(channel.queue_declare("", exclusive=True).method.queue)
            for key in binding_keys:
                channel.queue_bind(queues[-1], exchange, key)
        for key in keys:
            channel.basic_publish(exchange, key, key)
        counts = [ready_messages(channel, queue) for queue in queues]
        return [Collector(channel, queue).expect(n) for queue, n in zip(queues, counts)]


def routing():
    """routing: direct exchange, several keys"""
    bindings = [["error"], ["info", "warning", "error"]]
    got = route("direct", bindings, ["info", "debug", "warning", "Error", "error"])
    check_equal(got, bindings, "queues")


def topics():
    """topics: * and #"""
    got = route(
        "topic",
        [["*.orange.*"], ["*.*.rabbit", "lazy.#"]],
        [
            "quick.orange.rabbit",
            "lazy.orange.elephant",
            "quick.orange.fox",
            "lazy.brown.fox",
            "lazy.pink.rabbit",
            "quick.brown.fox",
            "orange",
            "quick.orange.new.rabbit",
            "lazy.orange.new.rabbit",
            "lazy",
        ],
    )
    orange = ["quick.orange.rabbit", "lazy.orange.elephant", "quick.orange.fox"]
    lazy = ["lazy.brown.fox", "lazy.pink.rabbit", "lazy.orange.new.rabbit", "lazy"]
    check_equal(got, [orange, orange[:2] + lazy], "queues")


def call_remotely(reply_queue):
    """A client asks a server twice; the server answers with the double, in reverse order."""
    with connection() as serving, connection() as calling:
        queue = unique("rpc")
        server_channel, channel = serving.channel(), calling.channel()
        server_channel.queue_declare(queue, auto_delete=True)
        server = Collector(server_channel, queue, auto_ack=False)
        if reply_queue is None:
            reply_queue = channel.queue_declare("", exclusive=True).method.queue
        replies = Collector(channel, reply_queue)
        for number in 21, 150:
            asked = pika.BasicProperties(reply_to=reply_queue, correlation_id=f"double {number}")
            channel.basic_publish("", queue, str(number), asked)
        server.expect(2)
        for method, properties, body in reversed(server.messages):
            answered = pika.BasicProperties(correlation_id=properties.correlation_id)
            server_channel.basic_publish("", properties.reply_to, str(2 * int(body)), answered)
            server_channel.basic_ack(method.delivery_tag)
        replies.expect(2)
        answers = {
            properties.correlation_id: body.decode() for _, properties, body in replies.messages
        }
        check_equal(answers, {"double 21": "42", "double 150": "300"}, "answers")


def rpc():
    """RPC: reply queue and correlation-id, answers in another order"""
    call_remotely(None)


def direct_reply_to():
    """RPC: direct reply-to"""
    call_remotely("amq.rabbitmq.reply-to")


def confirms():
    """confirms: one at a time"""
    with connection() as broker:
        channel = confirming_channel(broker)
        queue = unique("confirm")
        channel.queue_declare(queue, durable=True)
        for number in range(10):
            channel.basic_publish("", queue, str(number), PERSISTENT)
        check_equal(channel.queue_delete(queue).method.message_count, 10, "messages")


def confirms_mandatory():
    """confirms: an unroutable mandatory message is returned, then confirmed"""
    with connection() as broker:
        channel = confirming_channel(broker)
        nowhere = unique("nowhere")
        error = raises(
            pika.exceptions.UnroutableError,
            channel.basic_publish,
            "",
            nowhere,
            "come back",
            mandatory=True,
        )
        returned = error.messages[0]
        check_equal(returned.method.reply_code, 312, "reply code")
        check_equal(returned.method.reply_text, "NO_ROUTE", "reply text")
        check_equal(returned.method.routing_key, nowhere, "routing key")
        check_equal(returned.body, b"come back", "body")
        channel.basic_publish("", nowhere, "vanishes")


TESTS = [
    work_queue,
    publish_subscribe,
    routing,
    topics,
    rpc,
    direct_reply_to,
    confirms,
    confirms_mandatory,
]
