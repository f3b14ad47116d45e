# SPDX-License-Identifier: Apache-2.0
"""pika's SelectConnection: everything by callbacks, confirms as they come."""

import pika
import pika.exceptions

from support import url_parameters
from tap import WAIT_SECONDS, check, check_equal, unique


class Conversation:
    """One SelectConnection, open until finish() is called; run() raises what goes wrong."""

    def __init__(self, on_channel):
        self._on_channel = on_channel
        self._error = None
        self._finished = False
        self.channel = None
        self.connection = pika.SelectConnection(
            url_parameters(),
            on_open_callback=lambda connection: connection.channel(on_open_callback=self._opened),
            on_open_error_callback=self._closed,
            on_close_callback=self._closed,
        )
        self.connection.ioloop.call_later(WAIT_SECONDS, self._give_up)

    def _opened(self, channel):
        self.channel = channel
        self._on_channel(self)

    def _closed(self, _connection, reason):
        if not self._finished:
            self._error = reason
        self.connection.ioloop.stop()

    def _give_up(self):
        self._error = AssertionError(f"not finished within {WAIT_SECONDS} s")
        self.connection.ioloop.stop()

    def finish(self):
        self._finished = True
        self.connection.close()

    def run(self):
        self.connection.ioloop.start()
        if self._error is not None:
            raise self._error


def asynchronous_confirms():
    """callbacks: 200 publishes are confirmed as acks come in"""
    count, confirmed = 200, set()

    def start(conversation):
        conversation.channel.queue_declare(
            "", exclusive=True, callback=lambda ok: publish(conversation, ok.method.queue)
        )

    def publish(conversation, queue):
        conversation.channel.confirm_delivery(lambda frame: on_confirm(conversation, frame))
        for number in range(count):
            conversation.channel.basic_publish("", queue, str(number))

    def on_confirm(conversation, frame):
        method = frame.method
        check(isinstance(method, pika.spec.Basic.Ack), f"{method} instead of basic.ack")
        oldest = 1 if method.multiple else method.delivery_tag
        confirmed.update(range(oldest, method.delivery_tag + 1))
        if len(confirmed) == count:
            conversation.finish()

    Conversation(start).run()
    check_equal(confirmed, set(range(1, count + 1)), "confirmed numbers")


def return_before_confirm():
    """callbacks: basic.return comes before the ack of the same message"""
    events = []

    def start(conversation):
        channel = conversation.channel
        channel.add_on_return_callback(lambda *_: events.append("return"))
        channel.confirm_delivery(lambda frame: on_confirm(conversation))
        channel.basic_publish("", unique("nowhere"), "back", mandatory=True)

    def on_confirm(conversation):
        events.append("ack")
        conversation.finish()

    Conversation(start).run()
    check_equal(events, ["return", "ack"], "order")


def consume_and_cancel():
    """callbacks: consume, ack, cancel, reopen a channel closed by the broker"""
    got, closed = [], []

    def start(conversation):
        conversation.channel.add_on_close_callback(lambda _, reason: reopen(conversation, reason))
        conversation.channel.queue_declare("interop.none", passive=True)

    def reopen(conversation, reason):
        closed.append(reason)
        if len(closed) == 1:
            conversation.connection.channel(
                on_open_callback=lambda channel: declare(conversation, channel)
            )

    def declare(conversation, channel):
        channel.queue_declare(
            "", exclusive=True, callback=lambda ok: consume(conversation, channel, ok.method.queue)
        )

    def consume(conversation, channel, queue):
        channel.basic_consume(queue, lambda *delivery: on_message(conversation, *delivery))
        for number in range(3):
            channel.basic_publish("", queue, str(number))

    def on_message(conversation, channel, method, _properties, body):
        got.append(body)
        channel.basic_ack(method.delivery_tag)
        if len(got) == 3:
            channel.basic_cancel(method.consumer_tag, lambda _ok: conversation.finish())

    Conversation(start).run()
    check_equal(got, [b"0", b"1", b"2"], "messages")
    check_equal(closed[0].reply_code, 404, "reply code")


TESTS = [asynchronous_confirms, return_before_confirm, consume_and_cancel]
