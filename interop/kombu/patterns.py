# SPDX-License-Identifier: Apache-2.0
"""The six tutorial patterns with kombu's Producer, Consumer and ConsumerMixin."""

import kombu
from kombu.mixins import ConsumerProducerMixin

from support import Collector, Worker, connection, ready_messages
from tap import check, check_equal, unique

CONFIRMING = {"transport_options": {"confirm_publish": True}}


def work_queue():
    """work queue: prefetch 1, a cut worker reconnects and its task is redelivered"""
    with connection(**CONFIRMING) as producing, connection() as one, connection() as two:
        queue = kombu.Queue(unique("work"), durable=True)
        tasks = [f"task {number}" for number in range(1, 7)]
        channel = producing.channel()
        producer = kombu.Producer(channel)
        queue(channel).declare()
        first, second = Worker(one, queue), Worker(two, queue)
        for task in tasks:
            producer.publish(task, routing_key=queue.name, delivery_mode="persistent")
        lost, held = first.next_task(), second.next_task()
        check_equal([lost.payload, held.payload], tasks[:2], "first tasks")
        check_equal(ready_messages(queue, channel), 4, "tasks held back")

        second.stop()  # gives its task back; from here on the first worker is alone
        first.cut()
        done = []
        while len(done) < 6:
            task = first.next_task()
            done.append((task.payload, task.delivery_info["redelivered"]))
            task.ack()
        first.stop()
        check_equal(sorted(text for text, _ in done), tasks, "tasks")
        check_equal([text for text, again in done if again], tasks[:2], "redelivered tasks")
        check_equal(queue(channel).delete(), 0, "tasks left")


def publish_subscribe():
    """publish/subscribe: fanout to exclusive server-named queues"""
    with connection() as first, connection() as second:
        logs = kombu.Exchange(unique("logs"), "fanout", durable=False, auto_delete=True)
        subscribers = []
        for subscriber in first, second:
            queue = kombu.Queue("", logs, exclusive=True)(subscriber.channel())
            queue.declare()
            check(queue.name.startswith("amq.gen-"), f"server chose {queue.name}")
            subscribers.append(Collector(subscriber, queue, no_ack=True, auto_declare=False))
        producer = kombu.Producer(first.channel(), logs)
        for text in "one", "two", "three":
            producer.publish(text)
        for subscriber in subscribers:
            check_equal(subscriber.expect(3), ["one", "two", "three"], "subscriber")


def route(exchange_type, bindings, keys):
    """Publishes each key as a message and returns what each of the bound queues got."""
    with connection(**CONFIRMING) as broker:
        channel = broker.channel()
        exchange = kombu.Exchange(
            unique(exchange_type), exchange_type, durable=False, auto_delete=True
        )
        queues = []
        for binding_keys in bindings:
            bound = [kombu.binding(exchange, key) for key in binding_keys]
            queues.append(kombu.Queue(unique("route"), bindings=bound, exclusive=True)(channel))
            queues[-1].declare()
        producer = kombu.Producer(channel, exchange)
        for key in keys:
            producer.publish(key, routing_key=key)
        counts = [ready_messages(queue, channel) for queue in queues]
        return [
            Collector(broker, queue, no_ack=True).expect(n) for queue, n in zip(queues, counts)
        ]


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


class Doubler(Worker, ConsumerProducerMixin):
    """Answers requests with the double, from the mixin's own producer."""

    def answer(self):
        request = self.next_task()
        asked = request.properties
        self.producer.publish(
            {"double": 2 * request.payload["number"]},
            routing_key=asked["reply_to"],
            correlation_id=asked["correlation_id"],
            retry=True,
        )
        request.ack()


def rpc():
    """RPC: ConsumerProducerMixin, reply queue and correlation-id"""
    with connection() as serving, connection() as calling:
        requests = kombu.Queue(unique("rpc"), durable=False, auto_delete=True)
        server = Doubler(serving, requests)
        replies = kombu.Queue("", exclusive=True)(calling.channel())
        replies.declare()
        collector = Collector(calling, replies, no_ack=True, auto_declare=False)
        producer = kombu.Producer(calling.channel(), serializer="json")
        for number in 21, 150:
            properties = {"reply_to": replies.name, "correlation_id": f"double {number}"}
            producer.publish({"number": number}, routing_key=requests.name, **properties)
            server.answer()
        check_equal(collector.expect(2), [{"double": 42}, {"double": 300}], "answers")
        correlated = [reply.properties["correlation_id"] for reply in collector.messages]
        check_equal(correlated, ["double 21", "double 150"], "correlation-ids")
        server.stop()


def confirms():
    """confirms: confirm_publish, 100 persistent messages"""
    with connection(**CONFIRMING) as broker:
        channel = broker.channel()
        queue = kombu.Queue(unique("confirm"), durable=True)(channel)
        queue.declare()
        producer = kombu.Producer(channel)
        for number in range(100):
            producer.publish({"number": number}, routing_key=queue.name)
        check_equal(queue.delete(), 100, "messages")


def confirms_mandatory():
    """confirms: an unroutable mandatory message is returned, then confirmed"""
    with connection(**CONFIRMING) as broker:
        returned = []
        channel = broker.channel()
        nowhere = unique("nowhere")
        producer = kombu.Producer(channel, on_return=lambda *event: returned.append(event))
        # publish() comes back with the confirm, so the return was there before.
        producer.publish("back", routing_key=nowhere, mandatory=True)
        check_equal(len(returned), 1, "returned messages")
        error, exchange, key, message = returned[0]
        check_equal((error.reply_code, exchange, key), (312, "", nowhere), "return")
        check_equal(message.body, "back", "body")


TESTS = [
    work_queue,
    publish_subscribe,
    routing,
    topics,
    rpc,
    confirms,
    confirms_mandatory,
]
