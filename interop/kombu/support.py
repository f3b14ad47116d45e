# SPDX-License-Identifier: Apache-2.0
"""A connection, a consumer that collects, and a ConsumerMixin worker in a thread."""

import contextlib
import queue as queues
import socket
import threading

import kombu
from kombu.mixins import ConsumerMixin

import tap


@contextlib.contextmanager
def connection(**options):
    """A connection that is released at the end."""
    with kombu.Connection(tap.URL, ssl=tap.TLS, connect_timeout=tap.WAIT_SECONDS, **options) as opened:
        opened.ensure_connection(max_retries=1)
        yield opened


class Collector:
    """Consumes a queue and keeps the messages."""

    def __init__(self, opened, queue, **options):
        self.connection = opened
        self.messages = []
        self.channel = opened.channel()
        self.consumer = kombu.Consumer(
            self.channel, [queue], on_message=self.messages.append, **options
        )
        self.consumer.consume()

    def expect(self, count):
        """Waits until that many messages came in all, and returns what they carry."""

        def step(left):
            with contextlib.suppress(socket.timeout):
                self.connection.drain_events(timeout=left)

        tap.wait_until(lambda: len(self.messages) >= count, step, f"{count} messages")
        tap.check_equal(len(self.messages), count, "messages")
        return [message.payload for message in self.messages]


class Worker(ConsumerMixin):
    """Consumes with prefetch 1; the test takes the tasks from a thread-safe queue."""

    def __init__(self, opened, queue):
        self.connection = opened
        self._queue = queue
        self._ready = threading.Event()
        self._socket = None
        self.tasks = queues.Queue()
        self._thread = threading.Thread(target=self.run, daemon=True)
        self._thread.start()
        tap.check(self._ready.wait(tap.WAIT_SECONDS), "the worker does not get ready")

    def get_consumers(self, Consumer, channel):  # pylint: disable=invalid-name
        return [Consumer([self._queue], on_message=self.tasks.put, prefetch_count=1)]

    def on_consume_ready(self, connection, channel, consumers, **_options):
        self._socket = connection.connection.sock
        self._ready.set()

    def next_task(self):
        """Waits for the next task that was delivered."""
        try:
            return self.tasks.get(timeout=tap.WAIT_SECONDS)
        except queues.Empty:
            raise AssertionError("no task came") from None

    def cut(self):
        """Lets the socket fail; the mixin connects again."""
        socket.socket.shutdown(self._socket, socket.SHUT_RDWR)  # below TLS, as a network would

    def stop(self):
        self.should_stop = True
        self._thread.join(tap.WAIT_SECONDS)
        tap.check(not self._thread.is_alive(), "the worker does not stop")


def ready_messages(queue, channel):
    return queue(channel).queue_declare(passive=True).message_count
