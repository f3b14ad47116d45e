# SPDX-License-Identifier: Apache-2.0
"""Runs one scenario file against one broker and returns the transcript (README.md has the language).

After every statement the broker is brought to rest: each open channel is flushed, each queue the
scenario declared is asked for its size (a queue answers when it has done all it was told before),
twice over, because what a queue does may reach a channel and what a channel does may reach a
queue.  Only then the events go into the transcript, connection by connection, channel by channel.
"""
import re
import socket
import time

import codec
import notation
from connection import PATIENCE, Connection

CAPABILITIES = ("authentication_failure_close", "basic.nack", "connection.blocked",
                "consumer_cancel_notify", "exchange_exchange_bindings", "publisher_confirms")

PROTOCOL_HEADER = b"AMQP\x00\x00\x09\x01"

_HANDSHAKE = {"vhost": "S", "user": "S", "password": "S", "mechanism": "S", "response": "L",
              "capabilities": "S", "properties": "T", "channel-max": "s", "frame-max": "l",
              "heartbeat": "s", "locale": "S", "outside": "b"}
_PUBLISH = {"exchange": "S", "key": "S", "mandatory": "b", "immediate": "b", "body": "L",
            "props": "T"}
_HEADER = {"class": "s", "weight": "s", "size": "q", "props": "T", "octets": "L"}
_FRAME = {"type": "o", "channel": "s", "payload": "L", "size": "l", "end": "o"}

_GENERATED = (
    (re.compile(r"amq\.gen-[\w-]{22}(?![\w-])"), "amq.gen"),
    (re.compile(r"amq\.ctag-[\w-]{22}(?![\w-])"), "amq.ctag"),
    (re.compile(r"amq\.rabbitmq\.reply-to\.[^\s\"'\\]{16,}"), "reply-to"),
)


class Statement:
    """One line: `~` before it makes its events unordered, `&` behind it pipelines it."""

    def __init__(self, number, line):
        self.number, self.line = number, line
        self.unordered = line.startswith("~")
        self.pipelined = line.endswith(" &")
        self.text = line.removeprefix("~").removesuffix(" &").strip()
        self.verb = self.text.split(None, 1)[0]


class Scenario:
    """A scenario file: rows of the checklist, marks, statements."""

    def __init__(self, path, name):
        self.name = name
        self.rows, self.smoke, self.outside, self.statements = [], False, False, []
        with open(path, encoding="utf-8") as lines:
            for number, line in enumerate(lines, 1):
                self._read(number, line.strip())

    def _read(self, number, line):
        if number == 1 and line.startswith("# rows:"):
            self.rows = [int(row) for row in line[7:].split()]
        elif line == "# smoke":
            self.smoke = True
        elif line == "# needs: outside":
            self.outside = True
        elif line and not line.startswith("#"):
            self.statements.append(Statement(number, line))


class Names:
    """$name in a script becomes a name of this run alone, and comes back as $name; names made up
    by the broker appear numbered, <amq.gen-1>, and can be used so."""

    def __init__(self, prefix):
        self.prefix = prefix
        self.generated = {}         # real -> shown

    def expand(self, text):
        for real, shown in self.generated.items():
            text = text.replace(shown, real)
        return re.sub(r"\$(?=\w)", lambda _: self.prefix, text)

    def shorten(self, text):
        for pattern, kind in _GENERATED:
            text = pattern.sub(lambda found, kind=kind: self._number(found.group(), kind), text)
        return text.replace(self.prefix, "$")

    def _number(self, real, kind):
        if real not in self.generated:
            count = sum(shown.startswith(f"<{kind}-") for shown in self.generated.values())
            self.generated[real] = f"<{kind}-{count + 1}>"
        return self.generated[real]


class Probe:
    """A connection of the runner's own that asks queues for their counts."""

    def __init__(self, connection, channel):
        self.connection, self.channel = connection, channel
        self._open()

    def _open(self):
        self.call("channel.open", {})

    def call(self, method, values):
        """The broker's answer to a method; the channel is open again after an error."""
        self.connection.send_method(self.channel, method, values)
        found = []

        def ready():
            found[:] = [event for event in self.connection.events if event.channel == self.channel]
            return bool(found)
        self.connection.wait(ready)
        if not found:
            raise ConnectionError("the broker does not answer the runner's own channel")
        self.connection.events.remove(found[0])
        self.connection.channels.discard(self.channel)      # not to be flushed
        if found[0].name == "channel.close":
            self.connection.send_method(self.channel, "channel.close-ok", {})
            self._open()
        return found[0]

    def counts(self, queue):
        """(ready messages, consumers), or None for a queue out of reach."""
        answer = self.call("queue.declare", {"queue": queue, "passive": True})
        if answer.name != "queue.declare-ok":
            return None
        return answer.values["message-count"], answer.values["consumer-count"]


class Run:
    """One scenario against one broker."""

    def __init__(self, scenario, address, prefix):
        self.scenario, self.address = scenario, address
        self.names = Names(prefix)
        self.connections = {}
        self.probes = {}            # connection (None: the runner's own) -> Probe
        self.queues = {}            # name -> owning connection or None
        self.exchanges = set()
        self.transcript = []
        self.confirmed = {}         # "< c1.1" -> sequence numbers acked or nacked there

    def execute(self):
        """The transcript, as a list of lines."""
        try:
            statements = self.scenario.statements
            for statement, following in zip(statements, statements[1:] + [None]):
                self._statement(statement, following)
        except (SyntaxError, KeyError, ValueError) as error:
            raise SyntaxError(f"{self.scenario.name}:{statement.number}: {error}") from error
        finally:
            self._clean()
        return self.transcript

    def _statement(self, statement, following):
        self.transcript.append("> " + statement.line)
        reader = notation.Reader(self.names.expand(statement.text))
        target = reader.word()
        if target in self._VERBS:
            self._VERBS[target](self, reader)
        else:
            self._send(target, reader)
        continued = following is not None and following.verb in ("await", "eof")
        if not statement.pipelined and not continued:
            self._settle()
            self._print(statement.unordered)

    # --- statements ---

    def _connect(self, reader):
        name = reader.word()
        values = reader.arguments(_HANDSHAKE)
        connection = self._open_socket(name, values.get("outside"))
        handshake(connection, values)
        shown = connection.events[-1:]
        connection.events[:] = shown

    def _socket(self, reader):
        self._open_socket(reader.word())

    def _greet(self, reader):
        connection = self._open_socket(reader.word())
        connection.send(PROTOCOL_HEADER)
        connection.wait_for(0, ("connection.start",))
        connection.events = [event for event in connection.events
                             if event.name != "connection.start"]

    def _open_socket(self, name, outside=False):
        address = (outside_address(), self.address[1]) if outside else self.address
        connection = self.connections[name] = Connection(name, address)
        return connection

    def _channel(self, reader):
        connection, channel = self._target(reader.word())
        self.confirmed.pop(f"< {connection.name}.{channel}", None)
        self._call(connection, channel, "channel.open", {})

    def _raw(self, reader):
        connection = self.connections[reader.word()]
        connection.suspended = True
        connection.send(reader.pieces())

    def _frame(self, reader):
        connection = self.connections[reader.word()]
        values = reader.arguments(_FRAME)
        connection.suspended = True
        connection.send(codec.frame(values["type"], values["channel"], values.get("payload", b""),
                                    values.get("size"), bytes([values.get("end", 0xce)])))

    def _await(self, reader):
        connection, channel = self._target(reader.word())
        name = reader.word()
        count = 1 if reader.ended() else int(reader.word())
        if name == "heartbeat":
            connection.heartbeats = 0
            arrived = connection.wait(lambda: connection.heartbeats >= count)
            if arrived and not connection.ended:
                self.transcript.append(f"< {connection.name} heartbeats")
        else:
            arrived = connection.wait_for(channel, (name,), count)
        if not arrived:
            self.transcript.append(f"< {connection.name} (nothing came for {name} {count})")

    def _eof(self, reader):
        connection = self.connections[reader.word()]
        if not connection.wait(lambda: connection.ended, 40):
            self.transcript.append(f"< {connection.name} (still open)")

    def _drop(self, reader):
        self.connections[reader.word()].close()

    def _settle_statement(self, reader):
        for connection in self.connections.values():
            connection.suspended = False

    def _until(self, reader):
        queue = reader.octets()
        wanted = reader.text[reader.at:].split()
        deadline = time.monotonic() + PATIENCE
        seen = self._until_text(queue)
        while not set(wanted) <= set(seen) and time.monotonic() < deadline:
            time.sleep(0.01)        # nothing on the wire announces this
            seen = self._until_text(queue)
        if not set(wanted) <= set(seen):
            self.transcript.append("< (never: " + " ".join(seen) + ")")

    def _until_text(self, queue):
        counts = self._probe(None).counts(queue)
        return ("gone",) if counts is None else ("messages=%d" % counts[0],
                                                 "consumers=%d" % counts[1])

    _VERBS = {"connect": _connect, "socket": _socket, "greet": _greet, "channel": _channel,
              "raw": _raw, "frame": _frame, "await": _await, "eof": _eof, "drop": _drop,
              "settle": _settle_statement, "until": _until}

    def _send(self, target, reader):
        connection, channel = self._target(target)
        verb = reader.word()
        if verb == "publish":
            self._publish(connection, channel, reader.arguments(_PUBLISH))
        elif verb == "header":
            self._content_header(connection, channel, reader.arguments(_HEADER))
        elif verb == "body":
            connection.suspended = True
            connection.send(codec.frame(codec.BODY, channel, reader.pieces()))
        elif verb == "method":
            ids = int(reader.word()).to_bytes(2, "big") + int(reader.word()).to_bytes(2, "big")
            connection.suspended = True
            connection.send(codec.frame(codec.METHOD, channel, ids + reader.pieces()))
        elif verb in codec.METHODS:
            self._call(connection, channel, verb, reader.arguments(dict(codec.METHODS[verb][1])))
        else:
            reader.fail("no such statement")

    def _target(self, text):
        """c1.2 is channel 2 of connection c1, c1 its channel 0."""
        name, _, channel = text.partition(".")
        if name not in self.connections:
            raise SyntaxError(f"no connection {name!r}")
        return self.connections[name], int(channel or 0)

    def _publish(self, connection, channel, values):
        body = values.get("body", b"")
        method = {"exchange": values.get("exchange", b""), "routing-key": values.get("key", b""),
                  "mandatory": values.get("mandatory", False),
                  "immediate": values.get("immediate", False)}
        frames = codec.frame(codec.METHOD, channel, codec.method_payload("basic.publish", method))
        header = codec.header_payload(len(body), codec.properties(_properties(values)))
        frames += codec.frame(codec.HEADER, channel, header)
        for at in range(0, len(body), 131064):
            frames += codec.frame(codec.BODY, channel, body[at:at + 131064])
        connection.send(frames)

    def _content_header(self, connection, channel, values):
        octets = values["octets"] if "octets" in values else codec.properties(_properties(values))
        connection.suspended = True
        connection.send(codec.frame(codec.HEADER, channel, codec.header_payload(
            values.get("size", 0), octets, values.get("class", 60), values.get("weight", 0))))

    def _call(self, connection, channel, method, values):
        if method == "basic.publish":
            connection.suspended = True
        ignored = channel and channel not in connection.channels and method not in (
            "channel.open", "channel.close")
        connection.send_method(channel, method, values)
        replies = _replies(method, values)
        if not replies or ignored or self._is_pipelined():
            self._note(connection, method, values)
            return
        before = len(connection.events)
        if not connection.wait_for(channel, replies):
            self.transcript.append(f"< {connection.name} (no answer)")
        for event in connection.events[before:]:
            if event.name in replies:
                self._note(connection, method, {**values, **event.values})

    def _is_pipelined(self):
        return self.transcript[-1].endswith(" &")

    def _note(self, connection, method, values):
        """Remembers what is declared, to settle and to clean up."""
        if method == "queue.declare" and values.get("queue") and not values.get("passive"):
            name = values["queue"].replace(b"\r", b"").replace(b"\n", b"")
            self.queues.setdefault(name, connection if values.get("exclusive") else None)
        elif method == "queue.delete":
            self.queues.pop(values.get("queue", b""), None)
        elif method == "exchange.declare" and not values.get("passive"):
            self.exchanges.add(values.get("exchange", b""))

    # --- rest ---

    def _settle(self):
        for _ in range(2):
            self._flush()
            for queue, owner in list(self.queues.items()):
                self._ask(queue, owner)
        self._flush()

    def _flush(self):
        for connection in self.connections.values():
            connection.start_flush()
        for connection in self.connections.values():
            connection.finish_flush()

    def _ask(self, queue, owner):
        if owner is not None and (owner.suspended or owner.closing or owner.ended):
            return
        if self._probe(owner).counts(queue) is None:
            del self.queues[queue]

    def _probe(self, owner):
        if owner not in self.probes:
            connection = owner
            if connection is None:
                connection = Connection("probe", self.address)
                handshake(connection, {})
            self.probes[owner] = Probe(connection, 1999)
        return self.probes[owner]

    def _print(self, unordered):
        for name in sorted(self.connections):
            connection = self.connections[name]
            by_channel = {}
            for event in connection.events:
                by_channel.setdefault(event.channel, []).append(event.line)
            connection.events.clear()
            for channel in sorted(by_channel):
                source = f"{name}.{channel}" if channel else name
                lines = [_hide_now(self.names.shorten(f"< {source} {line}"))
                         for line in by_channel[channel]]
                single = _single_confirms(lines, self.confirmed)
                self.transcript += sorted(single) if unordered else lines

    def _clean(self):
        for connection in self.connections.values():
            if not (connection.ended or connection.closing or connection.suspended):
                connection.send_method(0, "connection.close", {"reply-code": 200})
                connection.wait(lambda one=connection: one.closing, 5)
            elif connection.closing:
                connection.send_method(0, "connection.close-ok", {})
            connection.close()
        probe = self._probe(None)
        for queue in self.queues:
            probe.call("queue.delete", {"queue": queue})
        for exchange in self.exchanges:
            probe.call("exchange.delete", {"exchange": exchange})
        probe.connection.close()


def _hide_now(line):
    """A timestamp of the last minutes is the broker's clock, such as the time in x-death."""
    def shown(found):
        return "<now>:T" if abs(time.time() - int(found.group(1))) < 300 else found.group()
    return re.sub(r"\b(\d{10}):T", shown, line)


def outside_address():
    """This machine's own address as others see it, or None; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        return probe.getsockname()[0]


def _properties(values):
    """A props={...} table as codec.properties wants it."""
    return {name.decode(): value for name, (_, value) in values.get("props", [])}


def _replies(method, values):
    """The names of the methods that answer this one."""
    if values.get("no-wait"):
        return ()
    special = {"basic.get": ("basic.get-ok", "basic.get-empty"),
               "connection.start-ok": ("connection.tune", "connection.secure"),
               "connection.secure-ok": ("connection.tune", "connection.secure"),
               "connection.tune-ok": ()}
    if method in special:
        return special[method]
    return (method + "-ok",) if method + "-ok" in codec.METHODS else ()


def _single_confirms(lines, done):
    """`multiple` acknowledgements of publishes split up: how a broker bundles them is its own."""
    out = []
    for line in lines:
        found = re.fullmatch(r"(< \S+) basic\.(ack|nack) delivery-tag=(\d+) multiple=(\w+).*", line)
        if not found:
            out.append(line)
            continue
        source, kind, tag, multiple = found.groups()
        seen = done.setdefault(source, set())
        first = 1 if multiple == "true" else int(tag)
        tags = set(range(first, int(tag) + 1)) - seen
        seen |= tags
        out += [f"{source} confirm {one:4d} {kind}" for one in tags]
    return out


def handshake(connection, values):
    """Everything up to connection.open-ok, or as far as the broker lets it come."""
    connection.send(PROTOCOL_HEADER)
    connection.wait_for(0, ("connection.start",))
    user, password = values.get("user", b"guest"), values.get("password", b"guest")
    start = {"client-properties": _client_properties(values),
             "mechanism": values.get("mechanism", b"PLAIN"),
             "response": values.get("response", b"\0" + user + b"\0" + password),
             "locale": values.get("locale", b"en_US")}
    connection.send_method(0, "connection.start-ok", start)
    connection.wait_for(0, ("connection.tune", "connection.secure"))
    if connection.events[-1].name != "connection.tune":
        return
    tune = {"channel-max": values.get("channel-max", 2047),
            "frame-max": values.get("frame-max", 131072), "heartbeat": values.get("heartbeat", 0)}
    connection.send_method(0, "connection.tune-ok", tune)
    connection.send_method(0, "connection.open", {"virtual-host": values.get("vhost", b"/")})
    connection.wait_for(0, ("connection.open-ok",))


def _client_properties(values):
    if "properties" in values:
        return values["properties"]
    names = values.get("capabilities", ",".join(CAPABILITIES).encode()).split(b",")
    flags = [(name, ("t", True)) for name in names if name != b"none"]
    return [(b"product", ("S", b"differential")), (b"capabilities", ("F", flags))]
