# SPDX-License-Identifier: Apache-2.0
"""A connection, a consumer that collects, and a worker in a process of its own."""

import contextlib
import multiprocessing
import os
import ssl

import pika

import tap


def url_parameters(url=tap.URL):
    """Over TLS with a certificate of our own."""
    parameters = pika.URLParameters(url)
    if url.startswith("amqps:"):
        context = ssl.create_default_context(cafile=os.environ["AMQP_CA"])
        context.load_cert_chain(os.environ["AMQP_CERTIFICATE"], os.environ["AMQP_KEY"])
        parameters.ssl_options = pika.SSLOptions(context, parameters.host)
    return parameters


@contextlib.contextmanager
def connection(**parameters):
    """A BlockingConnection that is closed at the end, unless a test did so already."""
    url = url_parameters()
    for name, value in parameters.items():
        setattr(url, name, value)
    blocking = pika.BlockingConnection(url)
    try:
        yield blocking
    finally:
        if blocking.is_open:
            blocking.close()


def confirming_channel(blocking):
    """A channel whose publishes wait for the confirm: the messages are in their queues then."""
    channel = blocking.channel()
    channel.confirm_delivery()
    return channel


class Collector:
    """Consumes a queue and keeps what came as (method, properties, body)."""

    def __init__(self, channel, queue, auto_ack=True, prefetch=0):
        self.channel = channel
        self.messages = []
        if prefetch:
            channel.basic_qos(prefetch_count=prefetch)
        self.tag = channel.basic_consume(queue, self._on_message, auto_ack=auto_ack)

    def _on_message(self, _channel, method, properties, body):
        self.messages.append((method, properties, body))

    def expect(self, count):
        """Waits until that many messages came in all, and returns the bodies as text."""
        tap.wait_until(
            lambda: len(self.messages) >= count,
            lambda left: self.channel.connection.process_data_events(time_limit=left),
            f"{count} messages",
        )
        tap.check_equal(len(self.messages), count, "messages")
        return [body.decode() for _, _, body in self.messages]

    def ack_last(self):
        self.channel.basic_ack(self.messages[-1][0].delivery_tag)


def ready_messages(channel, queue):
    return channel.queue_declare(queue, passive=True).method.message_count


def get_one(channel, queue):
    """basic.get of a message that has to be there."""
    method, properties, body = channel.basic_get(queue)
    tap.check(method is not None, f"queue {queue} is empty")
    return method, properties, body


def _hold_one(queue, report):
    with connection() as worker:
        channel = worker.channel()
        collector = Collector(channel, queue, auto_ack=False, prefetch=1)
        report.send(collector.expect(1)[0])
        worker.process_data_events(time_limit=tap.TEST_SECONDS)


class DoomedWorker:
    """A process that takes one task, does not acknowledge it, and is then killed."""

    def __init__(self, queue):
        self._report, theirs = multiprocessing.Pipe()
        self._process = multiprocessing.Process(target=_hold_one, args=(queue, theirs))
        self._process.start()

    def task(self):
        """Waits for the task that it took."""
        tap.check(self._report.poll(tap.WAIT_SECONDS), "the first worker got no task")
        return self._report.recv()

    def kill(self):
        self._process.kill()
        self._process.join()
