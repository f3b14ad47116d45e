# SPDX-License-Identifier: Apache-2.0
"""What programs use kombu for beyond the patterns: SimpleQueue, retries, pools, serializers."""

import queue as queues
import socket

import kombu
from kombu import pools

from patterns import CONFIRMING
from support import Collector, Worker, connection
from tap import TLS, URL, WAIT_SECONDS, check, check_equal, raises, unique


def delete(broker, simple):
    """Deletes the queue and the exchange that a SimpleQueue has declared."""
    simple.queue(broker.channel()).delete()
    simple.queue.exchange(broker.channel()).delete()


def simple_queue():
    """SimpleQueue: put, get, requeue, qsize, clear"""
    with connection() as broker:
        with broker.SimpleQueue(unique("simple")) as simple:
            for number in range(3):
                simple.put({"number": number}, compression="zlib")
            message = simple.get(timeout=WAIT_SECONDS)
            check_equal(message.payload, {"number": 0}, "message")
            message.requeue()
            seen = {}
            while len(seen) < 3:
                message = simple.get(timeout=WAIT_SECONDS)
                seen[message.payload["number"]] = message.delivery_info["redelivered"]
                message.ack()
            check_equal(seen, {0: True, 1: False, 2: False}, "messages and redelivered flags")
            raises(queues.Empty, simple.get, block=False)
            simple.clear()
            check_equal(simple.qsize(), 0, "messages left")
        delete(broker, simple)


def simple_buffer():
    """SimpleBuffer: transient messages without acknowledgement"""
    with connection() as broker:
        with broker.SimpleBuffer(unique("buffer")) as buffer:
            buffer.put("text")
            check_equal(buffer.get(timeout=WAIT_SECONDS).payload, "text", "message")
        delete(broker, buffer)


def publish_retries():
    """Producer.publish(retry=True) connects again after the socket failed"""
    with connection() as broker, connection() as consuming:
        queue = kombu.Queue(unique("retry"), durable=False, auto_delete=True)
        collector = Collector(consuming, queue, no_ack=True)
        producer = kombu.Producer(broker.channel(), auto_declare=False)
        producer.publish("before", routing_key=queue.name)
        socket.socket.shutdown(broker.connection.sock, socket.SHUT_RDWR)
        producer.publish(
            "after",
            routing_key=queue.name,
            declare=[queue],
            retry=True,
            retry_policy={"max_retries": 3, "interval_start": 0, "interval_step": 0.2},
        )
        check_equal(collector.expect(2), ["before", "after"], "messages")


def drain_times_out():
    """drain_events times out when nothing comes, and the connection stays usable"""
    with connection() as broker:
        queue = kombu.Queue(unique("drain"), exclusive=True)
        collector = Collector(broker, queue, no_ack=True)
        raises(socket.timeout, broker.drain_events, timeout=0.1)
        kombu.Producer(broker.channel()).publish("text", routing_key=queue.name)
        check_equal(collector.expect(1), ["text"], "messages")


def acknowledgements():
    """ack, ack of several, reject, requeue, recover and flow of a Consumer"""
    with connection() as broker:
        queue = kombu.Queue(unique("ack"), exclusive=True)
        collector = Collector(broker, queue)
        producer = kombu.Producer(broker.channel())
        for text in "one", "two", "three", "four":
            producer.publish(text, routing_key=queue.name)
        collector.expect(4)
        collector.messages[1].ack(multiple=True)
        collector.messages[2].reject()
        collector.consumer.recover(requeue=True)
        check_equal(collector.expect(5)[4:], ["four"], "recovered")
        check(collector.messages[4].delivery_info["redelivered"], "not marked as redelivered")
        collector.messages[4].requeue()
        check_equal(collector.expect(6)[5:], ["four"], "requeued")
        collector.consumer.qos(prefetch_count=1, apply_global=True)
        collector.messages[5].ack()
        check_equal(collector.consumer.purge(), 0, "messages left")
        collector.consumer.cancel()


def headers_and_expiration():
    """headers exchange, message headers and expiration"""
    with connection() as broker:
        exchange = kombu.Exchange(unique("headers"), "headers", durable=False, auto_delete=True)
        arguments = {"x-match": "all", "format": "pdf"}
        bound = [kombu.binding(exchange, "", arguments=arguments)]
        queue = kombu.Queue(unique("pdf"), bindings=bound, exclusive=True)
        collector = Collector(broker, queue, no_ack=True)
        producer = kombu.Producer(broker.channel(), exchange)
        for kind in "txt", "pdf":
            producer.publish(kind, headers={"format": kind}, expiration=60, priority=2)
        check_equal(collector.expect(1), ["pdf"], "messages")
        message = collector.messages[0]
        check_equal(message.headers["format"], "pdf", "headers")
        check_equal(message.properties["expiration"], "60000", "expiration")


def exchange_to_exchange():
    """Exchange.bind_to another exchange"""
    with connection() as broker:
        channel = broker.channel()
        source = kombu.Exchange(unique("source"), "topic", durable=False, auto_delete=True)
        target = kombu.Exchange(unique("target"), "fanout", durable=False, auto_delete=True)
        source(channel).declare()
        target(channel).declare()
        target(channel).bind_to(source.name, routing_key="a.*")
        queue = kombu.Queue(unique("bound"), target, exclusive=True)
        collector = Collector(broker, queue, no_ack=True)
        producer = kombu.Producer(channel, source, auto_declare=False)
        for key in "a.b", "b.a", "a.c":
            producer.publish(key, routing_key=key)
        check_equal(collector.expect(2), ["a.b", "a.c"], "messages")


def errors():
    """channel and connection errors are of kombu's kinds; login is refused"""
    with connection() as broker:
        channel = broker.channel()
        missing = kombu.Queue("interop.none")(channel)
        error = raises(broker.channel_errors, missing.queue_declare, passive=True)
        check_equal(error.reply_code, 404, "reply code")
        check(broker.channel().is_open, "no new channel")
    refused = kombu.Connection(URL.replace("guest@", "wrong@"), ssl=TLS)
    error = raises(refused.connection_errors + refused.channel_errors, refused.connect)
    check_equal(error.reply_code, 403, "reply code")


def producer_pool():
    """producers of a pool share connections"""
    with connection() as broker:
        queue = kombu.Queue(unique("pool"), durable=False, auto_delete=True)
        collector = Collector(broker, queue, no_ack=True)
        group = pools.Producers(limit=2)
        with group[broker].acquire(block=True) as one, group[broker].acquire(block=True) as two:
            one.publish("one", routing_key=queue.name)
            two.publish("two", routing_key=queue.name)
        check_equal(sorted(collector.expect(2)), ["one", "two"], "messages")
        pools.reset()


def heartbeat():
    """heartbeat_check keeps a connection with a heartbeat of 1 s alive"""
    with connection(heartbeat=1) as broker:
        check_equal(broker.get_heartbeat_interval(), 1, "negotiated heartbeat")
        amqp = broker.connection
        received = amqp.bytes_recv
        for _ in range(5 * WAIT_SECONDS):
            broker.heartbeat_check(rate=2)
            try:
                # Shorter than the broker's pause between heartbeats: each one that comes in makes
                # the client wait anew, and it sends none of its own while it waits.
                broker.drain_events(timeout=0.2)
            except socket.timeout:
                pass  # heartbeats are counted, not returned
            if amqp.bytes_recv >= received + 2:
                return
        raise AssertionError("no heartbeats came")


def priorities():
    """priorities: highest first, the order of publishing among equals, capped at the maximum"""
    with connection(**CONFIRMING) as broker:
        queue = kombu.Queue(unique("priorities"), max_priority=5, durable=True)
        channel = broker.channel()
        producer = kombu.Producer(channel)
        queue(channel).declare()
        for body, priority in ("low", 1), ("a", 5), ("none", None), ("mid", 3), ("b", 200), ("c", 5):
            producer.publish(body, routing_key=queue.name, priority=priority)
        collector = Collector(broker, queue, no_ack=True)
        check_equal(collector.expect(6), ["a", "b", "c", "mid", "low", "none"], "order")
        collector.consumer.cancel()
        check_equal(queue(channel).delete(), 0, "messages left")


def priorities_and_prefetch():
    """priorities: with prefetch 1 what is urgent overtakes what waits, not what is held"""
    with connection(**CONFIRMING) as producing, connection() as consuming:
        queue = kombu.Queue(unique("urgent"), max_priority=10, durable=True)
        channel = producing.channel()
        producer = kombu.Producer(channel)
        queue(channel).declare()
        worker = Worker(consuming, queue)
        done = []
        producer.publish("held", routing_key=queue.name, priority=1)
        task = worker.next_task()
        for body, priority in ("low", 1), ("high", 9), ("mid", 4):
            producer.publish(body, routing_key=queue.name, priority=priority)
        for _ in range(3):
            done.append(task.payload)
            task.ack()
            task = worker.next_task()
        done.append(task.payload)
        task.ack()
        worker.stop()
        check_equal(done, ["held", "high", "mid", "low"], "order")
        queue(channel).delete()


TESTS = [
    simple_queue,
    simple_buffer,
    publish_retries,
    drain_times_out,
    acknowledgements,
    headers_and_expiration,
    priorities,
    priorities_and_prefetch,
    exchange_to_exchange,
    errors,
    producer_pool,
    heartbeat,
]
