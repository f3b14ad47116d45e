# SPDX-License-Identifier: Apache-2.0
"""The six tutorial patterns with py-amqp."""

import amqp

from support import Collector, connect, connection, drain, ready_messages
from tap import check, check_equal, unique


def work_queue():
    """work queue: prefetch 1, a dropped worker's task is redelivered"""
    doomed = connect()
    with connection(confirm_publish=True) as producer, connection() as second:
        queue = unique("work")
        tasks = [f"task {number}" for number in range(1, 7)]
        channel = producer.channel()
        channel.queue_declare(queue, durable=True, auto_delete=False)
        first = Collector(doomed.channel(), queue, no_ack=False, prefetch=1)
        worker = Collector(second.channel(), queue, no_ack=False, prefetch=1)
        for task in tasks:
            channel.basic_publish(amqp.Message(task, delivery_mode=2), "", queue)
        check_equal(first.expect(1) + worker.expect(1), tasks[:2], "first tasks")
        check_equal(ready_messages(channel, queue), 4, "tasks held back")

        doomed.collect()  # closes the socket, without connection.close
        for count in range(2, 7):
            worker.channel.basic_ack(worker.messages[-1].delivery_tag)
            worker.expect(count)
        worker.channel.basic_ack(worker.messages[-1].delivery_tag)
        again = [task.body for task in worker.messages if task.delivery_info["redelivered"]]
        check_equal(again, tasks[:1], "redelivered tasks")
        check_equal(worker.messages[0].properties["delivery_mode"], 2, "delivery-mode")
        second.close()
        check_equal(channel.queue_delete(queue), 0, "tasks left")


def publish_subscribe():
    """publish/subscribe: fanout to exclusive server-named queues"""
    with connection() as first, connection() as second:
        logs = unique("logs")
        subscribers = []
        for subscriber in first, second:
            channel = subscriber.channel()
            channel.exchange_declare(logs, "fanout", auto_delete=True)
            queue = channel.queue_declare("", exclusive=True).queue
            check(queue.startswith("amq.gen-"), f"server chose {queue}")
            channel.queue_bind(queue, logs)
            subscribers.append(Collector(channel, queue))
        producer = first.channel()
        for text in "one", "two", "three":
            producer.basic_publish(amqp.Message(text), logs)
        for subscriber in subscribers:
            check_equal(subscriber.expect(3), ["one", "two", "three"], "subscriber")


def route(exchange_type, bindings, keys):
    """Publishes each key as a message and returns what each of the bound queues got."""
    with connection(confirm_publish=True) as broker:
        channel = broker.channel()
        exchange = unique(exchange_type)
        channel.exchange_declare(exchange, exchange_type, auto_delete=True)
        queues = []
        for binding_keys in bindings:
            queues.append(channel.queue_declare("", exclusive=True).queue)
            for key in binding_keys:
                channel.queue_bind(queues[-1], exchange, key)
        for key in keys:
            channel.basic_publish(amqp.Message(key), exchange, key)
        counts = [ready_messages(channel, queue) for queue in queues]
        return [Collector(channel, queue).expect(n) for queue, n in zip(queues, counts)]


def routing():
    """routing: direct exchange, several keys"""
    bindings = [["error"], ["info", "warning", "error"]]
    got = route("direct", bindings, ["info", "debug", "warning", "Error", "error"])
    check_equal(got, bindings, "queues")


def topics():
    """topics: * and #"""
    orange = ["quick.orange.rabbit", "lazy.orange.elephant", "quick.orange.fox"]
    lazy = ["lazy.brown.fox", "lazy.pink.rabbit", "lazy.orange.new.rabbit", "lazy"]
    nowhere = ["quick.brown.fox", "orange", "quick.orange.new.rabbit"]
    bindings = [["*.orange.*"], ["*.*.rabbit", "lazy.#"]]
    got = route("topic", bindings, orange + nowhere + lazy)
    check_equal(got, [orange, orange[:2] + lazy], "queues")


def call_remotely(reply_queue):
    """A client asks a server twice; the server answers with the double, in reverse order."""
    with connection() as serving, connection() as calling:
        queue = unique("rpc")
        server, channel = serving.channel(), calling.channel()
        server.queue_declare(queue, auto_delete=True)
        requests = Collector(server, queue, no_ack=False)
        if reply_queue is None:
            reply_queue = channel.queue_declare("", exclusive=True).queue
        replies = Collector(channel, reply_queue)
        for number in "21", "150":
            message = amqp.Message(number, reply_to=reply_queue, correlation_id=f"double {number}")
            channel.basic_publish(message, "", queue)
        requests.expect(2)
        for request in reversed(requests.messages):
            asked = request.properties
            answer = amqp.Message(str(2 * int(request.body)), correlation_id=asked["correlation_id"])
            server.basic_publish(answer, "", asked["reply_to"])
            server.basic_ack(request.delivery_tag)
        check_equal(replies.expect(2), ["300", "42"], "answers")
        correlated = [reply.properties["correlation_id"] for reply in replies.messages]
        check_equal(correlated, ["double 150", "double 21"], "correlation-ids")


def rpc():
    """RPC: reply queue and correlation-id, answers in another order"""
    call_remotely(None)


def direct_reply_to():
    """RPC: direct reply-to"""
    call_remotely("amq.rabbitmq.reply-to")


def confirms():
    """confirms: one at a time"""
    with connection() as broker:
        channel = broker.channel()
        queue = unique("confirm")
        channel.queue_declare(queue, durable=True, auto_delete=False)
        for number in range(5):
            message = amqp.Message(str(number), delivery_mode=2)
            channel.basic_publish_confirm(message, "", queue)
        check_equal(channel.queue_delete(queue), 5, "messages")


def confirms_of_batch():
    """confirms: 200 in flight"""
    with connection() as broker:
        count, confirmed = 200, set()
        channel = broker.channel()
        queue = unique("batch")

        def on_ack(delivery_tag, multiple):
            confirmed.update(range(1 if multiple else delivery_tag, delivery_tag + 1))

        channel.queue_declare(queue, durable=True, auto_delete=False)
        channel.confirm_select()
        channel.events["basic_ack"].add(on_ack)
        for number in range(count):
            channel.basic_publish(amqp.Message(str(number), delivery_mode=2), "", queue)
        drain(broker, lambda: len(confirmed) == count, "all confirms")
        check_equal(channel.queue_delete(queue), count, "messages")


def return_before_confirm():
    """confirms: mandatory message returns before its confirm"""
    with connection() as broker:
        events = []
        channel = broker.channel()
        nowhere = unique("nowhere")
        channel.confirm_select()
        channel.events["basic_ack"].add(lambda *_: events.append("ack"))
        channel.events["basic_return"].add(lambda *returned: events.append(returned))
        channel.basic_publish(amqp.Message("back"), "", nowhere, mandatory=True)
        drain(broker, lambda: len(events) == 2, "return and confirm")
        error, exchange, key, message = events[0]
        got = (error.reply_code, error.reply_text, exchange, key)
        check_equal(got, (312, "NO_ROUTE", "", nowhere), "return")
        check_equal(message.body, "back", "body")
        check_equal(events[1], "ack", "second event")


TESTS = [
    work_queue,
    publish_subscribe,
    routing,
    topics,
    rpc,
    direct_reply_to,
    confirms,
    confirms_of_batch,
    return_before_confirm,
]
