# SPDX-License-Identifier: Apache-2.0
"""A client that speaks all of AMQP 0-9-1, for the tests of what outlives the process.

Octets are the business of interop/differential/codec.py. Methods are named as there, fields too but for
`_` instead of `-`; strings are bytes.
"""
import os
import select
import socket
import sys
from collections import deque, namedtuple

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "interop",
                                "differential"))
import codec  # noqa: E402
from process import PATIENCE  # noqa: E402

BODY_MAX = 131064

Frame = namedtuple("Frame", "channel method fields properties body")


class Refused(Exception):
    """The broker closed the channel or the connection: code and text."""

    def __init__(self, fields):
        super().__init__(fields["reply-code"], fields["reply-text"].decode())
        self.code = fields["reply-code"]


def named(fields):
    return {name.replace("_", "-"): value for name, value in fields.items()}


class Amqp:
    """One connection. Confirms and deliveries that come while something else is awaited are kept."""

    def __init__(self, port, timeout=PATIENCE, properties=(), user=b"guest", password=b"guest", vhost=b"/"):
        self.open_socket(port, timeout)
        self.expect("connection.start")
        capabilities = [(b"publisher_confirms", ("t", 1)), (b"connection.blocked", ("t", 1)),
                        (b"basic.nack", ("t", 1)), (b"consumer_cancel_notify", ("t", 1))]
        self.send(0, "connection.start-ok", mechanism=b"PLAIN", response=b"\0" + user + b"\0" + password,
                  client_properties=[(b"capabilities", ("F", capabilities)), *properties], locale=b"en_US")
        self.expect("connection.tune")
        self.send(0, "connection.tune-ok", channel_max=2047, frame_max=131072, heartbeat=0)
        self.call(0, "connection.open", virtual_host=vhost)

    def open_socket(self, port, timeout=PATIENCE):
        """Connects and sends the protocol header."""
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.unread = bytearray()
        self.at = 0
        self.kept = deque()
        self.socket.sendall(b"AMQP\0\0\x09\x01")

    # -- sending

    def send(self, channel, method, **fields):
        self.send_octets(codec.frame(codec.METHOD, channel,
                                     codec.method_payload(method, named(fields))))

    def send_octets(self, octets):
        self.socket.sendall(octets)

    def publish(self, key, body=b"", exchange=b"", channel=1, mandatory=False, delivery_mode=2,
                **properties):
        properties = named(properties)
        if delivery_mode:
            properties["delivery-mode"] = delivery_mode
        parts = [codec.frame(codec.METHOD, channel, codec.method_payload(
            "basic.publish", {"exchange": exchange, "routing-key": key, "mandatory": mandatory})),
            codec.frame(codec.HEADER, channel,
                        codec.header_payload(len(body), codec.properties(properties)))]
        parts += [codec.frame(codec.BODY, channel, body[at:at + BODY_MAX])
                  for at in range(0, len(body), BODY_MAX)]
        self.send_octets(b"".join(parts))

    # -- receiving

    def read(self, count):
        while len(self.unread) - self.at < count:
            octets = self.socket.recv(1 << 18)
            if not octets:
                raise EOFError("the broker closed the connection")
            if self.at > 1 << 20:
                del self.unread[:self.at]
                self.at = 0
            self.unread += octets
        self.at += count
        return bytes(self.unread[self.at - count:self.at])

    def has_input(self, seconds):
        """True when something of the broker's is there, or comes within that time."""
        return (len(self.unread) > self.at or bool(self.kept) or
                bool(select.select([self.socket], [], [], seconds)[0]))

    def read_frame(self):
        while True:
            head = self.read(7)
            kind, channel = head[0], int.from_bytes(head[1:3], "big")
            payload = self.read(int.from_bytes(head[3:7], "big") + 1)
            assert payload[-1:] == codec.FRAME_END, payload[-20:]
            if kind != codec.HEARTBEAT:
                return kind, channel, payload[:-1]

    def receive(self):
        """The next method off the socket, with its content."""
        kind, channel, payload = self.read_frame()
        assert kind == codec.METHOD, kind
        method, fields = codec.read_method(payload)
        properties, body = None, None
        if method in codec.WITH_CONTENT:
            _, size, properties = codec.read_header(self.read_frame()[2])
            properties = {name: value for name, _, value in properties}
            body = b""
            while len(body) < size:
                body += self.read_frame()[2]
        return Frame(channel, method, {name: value for name, _, value in fields}, properties, body)

    def expect(self, *methods, channel=None):
        """The next frame with one of these methods; others are kept for later, an exception raises."""
        for frame in self.kept:
            if frame.method in methods and channel in (None, frame.channel):
                self.kept.remove(frame)
                return frame
        while True:
            frame = self.receive()
            if frame.method in methods and channel in (None, frame.channel):
                return frame
            if frame.method in ("channel.close", "connection.close"):
                self.send(frame.channel, frame.method + "-ok")
                raise Refused(frame.fields)
            self.kept.append(frame)

    def call(self, channel, method, **fields):
        self.send(channel, method, **fields)
        answers = (method + "-ok", "basic.get-empty") if method == "basic.get" else (method + "-ok",)
        return self.expect(*answers, channel=channel)

    # -- common steps

    def open_channel(self, channel=1, confirm=False):
        self.call(channel, "channel.open")
        if confirm:
            self.call(channel, "confirm.select")
        return self

    def declare_queue(self, name, channel=1, durable=True, **fields):
        return self.call(channel, "queue.declare", queue=name, durable=durable, **fields)

    def count(self, name, channel=1):
        return self.call(channel, "queue.declare", queue=name,
                         passive=True).fields["message-count"]

    def get(self, name, channel=1, no_ack=True):
        """The next message, None when there is none."""
        frame = self.call(channel, "basic.get", queue=name, no_ack=no_ack)
        return None if frame.method == "basic.get-empty" else frame

    def drain(self, name, channel=1):
        """Every message, acknowledged."""
        messages = []
        while (message := self.get(name, channel)) is not None:
            messages.append(message)
        return messages

    def await_confirms(self, last, channel=1):
        """Waits until every publish up to that number is confirmed."""
        while True:
            frame = self.expect("basic.ack", "basic.nack", channel=channel)
            assert frame.method == "basic.ack", "a publish was refused"
            if frame.fields["delivery-tag"] >= last:
                return

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
