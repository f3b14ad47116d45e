# SPDX-License-Identifier: Apache-2.0
"""One client connection of a scenario: sends what the script says, however wrong, and turns what
the broker sends into events, one line of transcript each.

`flush` is how a scenario knows without sleeping that a channel has said all it has to say: an
access.request is answered by every channel in its turn and changes nothing.  Those answers are
swallowed; everything else is an event.
"""
import collections
import itertools
import select
import socket
import time

import codec
import notation

PATIENCE = 20.0         # seconds for anything that must come

# `channel` 0 is the connection itself; `line` is what the transcript shows.
Event = collections.namedtuple("Event", "channel name line values")

_NORMALISED = (b"product", b"version", b"platform", b"copyright", b"information", b"cluster_name")
_OURS = b"leveret_version"


class Connection:
    def __init__(self, name, address):
        self.name = name
        self.socket = socket.create_connection(address, timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.events = []            # not yet in the transcript
        self.channels = set()       # open, as far as both sides have said
        self.flushing = collections.Counter()
        self.suspended = False      # in the middle of raw frames: not to be flushed
        self.closing = False        # connection.close came from the broker
        self.ended = False          # the broker's end of TCP is closed
        self.heartbeats = 0
        self._input = b""
        self._contents = {}
        self._sent_at = time.monotonic()

    # --- sending ---

    def send(self, octets):
        self._sent_at = time.monotonic()
        try:
            self.socket.sendall(octets)
        except OSError:
            pass                    # what was received before shows why

    def send_method(self, channel, name, values):
        self.send(codec.frame(codec.METHOD, channel, codec.method_payload(name, values)))

    def close(self):
        self.socket.close()
        self.ended = True
        self.channels.clear()

    # --- receiving ---

    def wait(self, ready, seconds=PATIENCE):
        """Receives until ready() or the end of TCP; False when neither came in time."""
        deadline = time.monotonic() + seconds
        while not ready() and not self.ended:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                return False
            self._receive()
        return True

    def wait_for(self, channel, names, count=1):
        """Waits for `count` unprinted events of these names, or for what makes them impossible."""
        def ready():
            if self._over(channel, names):
                return True
            return sum(event.channel == channel and event.name in names
                       for event in self.events) >= count
        return self.wait(ready)

    def _over(self, channel, names):
        if "channel.close-ok" in names:
            return self.closing
        gone = [event for event in self.events
                if event.channel == channel and event.name == "channel.close"]
        return (self.closing and "connection.close" not in names) or (
            bool(gone) and "channel.close" not in names)

    def flush(self):
        """Makes every open channel answer; everything it sent before is then an event."""
        self.start_flush()
        self.finish_flush()

    def start_flush(self):
        if self.suspended or self.closing or self.ended:
            return
        for channel in sorted(self.channels):
            self.flushing[channel] += 1
            self.send_method(channel, "access.request", {})

    def finish_flush(self):
        if not self.wait(lambda: self.closing or not any(self.flushing.values())):
            self._event(0, "silence", "(a channel does not answer any more)")
            self.suspended = True

    def _receive(self):
        try:
            octets = self.socket.recv(1 << 20)
        except OSError:
            octets = b""
        if not octets:
            self._end()
            return
        self._input += octets
        while self._take_frame():
            pass

    def _end(self):
        self.ended = True
        self.channels.clear()
        self.flushing.clear()
        if self._input:
            self._event(0, "octets", "octets=" + notation.print_octets(self._input))
        self._event(0, "eof", "(closed %s)" % _delay(time.monotonic() - self._sent_at))

    def _take_frame(self):
        if self._input[:4] == b"AMQP" and len(self._input) >= 8:
            self._event(0, "protocol-header", "protocol-header " + self._input[4:8].hex(" "))
            self._input = self._input[8:]
            return True
        if self._input[:1] == b"A" or len(self._input) < 7:
            return False
        kind, channel, size = self._input[0], *_numbers(self._input)
        if len(self._input) < size + 8:
            return False
        payload, end = self._input[7:7 + size], self._input[7 + size:8 + size]
        self._input = self._input[8 + size:]
        if end != codec.FRAME_END:
            self._event(channel, "frame", "frame with end octet " + end.hex())
        self._frame(kind, channel, payload)
        return True

    def _frame(self, kind, channel, payload):
        if kind == codec.METHOD:
            self._method(channel, *codec.read_method(payload))
        elif kind == codec.HEARTBEAT and channel == 0 and not payload:
            self.heartbeats += 1
        elif kind == codec.HEADER and channel in self._contents:
            self._contents[channel].header(payload)
        elif kind == codec.BODY and channel in self._contents:
            self._contents[channel].body(payload)
        else:
            self._event(channel, "frame", "unexpected frame type %d payload=%s" % (
                kind, notation.print_octets(payload)))
        if channel in self._contents and self._contents[channel].complete():
            content = self._contents.pop(channel)
            self._event(channel, content.name, content.line(), content.values)

    def _method(self, channel, name, fields):
        if channel in self._contents:
            self._event(channel, "frame", "content broken off by " + name)
            del self._contents[channel]
        if name == "access.request-ok" and self.flushing[channel]:
            self.flushing[channel] -= 1
            return
        if name in codec.WITH_CONTENT:
            self._contents[channel] = _Content(name, fields)
            return
        if name == "connection.start":
            fields = _normalise_start(fields)
        self._event(channel, name, name + notation.print_arguments(fields),
                    {field: value for field, _, value in fields})

    def _event(self, channel, name, line, values=None):
        if name == "channel.open-ok":
            self.channels.add(channel)
        elif name in ("channel.close", "channel.close-ok"):
            self.channels.discard(channel)
            self.flushing.pop(channel, None)
        elif name in ("connection.close", "connection.close-ok"):
            self.closing = True
            self.channels.clear()
        self.events.append(Event(channel, name, line, values or {}))


class _Content:
    """A method with content while its frames arrive."""

    def __init__(self, name, fields):
        self.name, self.fields = name, fields
        self.values = {field: value for field, _, value in fields}
        self.size = None
        self.properties, self.bodies = [], []

    def header(self, payload):
        _, self.size, properties = codec.read_header(payload)
        self.properties = _without_first_count(properties)

    def body(self, payload):
        self.bodies.append(payload)

    def complete(self):
        return self.size is not None and sum(map(len, self.bodies)) >= self.size

    def line(self):
        properties = ", ".join(f"{name}: {notation.print_argument(kind, value)}"
                               for name, kind, value in self.properties)
        line = self.name + notation.print_arguments(self.fields) + " {" + properties + "} body="
        line += notation.print_octets(b"".join(self.bodies))
        if len(self.bodies) > 1:
            line += " frames=" + _print_sizes([len(body) for body in self.bodies])
        return line


def _numbers(octets):
    return int.from_bytes(octets[1:3], "big"), int.from_bytes(octets[3:7], "big")


def _print_sizes(sizes):
    runs = [(size, len(list(same))) for size, same in itertools.groupby(sizes)]
    return "+".join(f"{count}*{size}" if count > 1 else str(size) for size, count in runs)


def _delay(seconds):
    if seconds < 1.5:
        return "at once"
    return "after 2 to 6 s" if seconds < 6 else "after 6 to 15 s" if seconds < 15 else "after 15 s"


def _without_first_count(properties):
    """Without x-delivery-count: 0, which quorum queues put on each first delivery up to 3.11."""
    out = []
    for name, kind, value in properties:
        if name == "headers":
            kept = [entry for entry in value if entry != (b"x-delivery-count", ("l", 0))]
            if value and not kept:
                continue
            value = kept
        out.append((name, kind, value))
    return out


def _normalise_start(fields):
    """
    Server properties sorted, those that name the product without their values; mechanisms sorted too,
    because RabbitMQ lists them in another order from node to node.
    """
    out = []
    for name, kind, value in fields:
        if name == "mechanisms":
            value = b" ".join(sorted(value.split()))
        if name == "server-properties":
            value = sorted((key, (tag, b"*") if key in _NORMALISED and tag == "S" else (tag, one))
                           for key, (tag, one) in value if key != _OURS)
        out.append((name, kind, value))
    return out
