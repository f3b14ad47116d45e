# SPDX-License-Identifier: Apache-2.0
"""AMQP 0-9-1 as octets: the method table, field tables and content properties, both ways.

Written for the differential suite only: encoding takes what a script says, however wrong, and
decoding names every field so that a transcript shows all a broker sent.  A field value is a pair
(tag, value); a table is a list of (name, (tag, value)), because order and duplicates matter.
"""
import struct

METHOD, HEADER, BODY, HEARTBEAT = 1, 2, 3, 8
FRAME_END = b"\xce"

# name, class id, method id, fields.  Types: o octet, s short, l long, q longlong, b bit,
# S shortstr, L longstr, T table.
_METHOD_LINES = """
connection.start 10 10 version-major:o version-minor:o server-properties:T mechanisms:L locales:L
connection.start-ok 10 11 client-properties:T mechanism:S response:L locale:S
connection.secure 10 20 challenge:L
connection.secure-ok 10 21 response:L
connection.tune 10 30 channel-max:s frame-max:l heartbeat:s
connection.tune-ok 10 31 channel-max:s frame-max:l heartbeat:s
connection.open 10 40 virtual-host:S capabilities:S insist:b
connection.open-ok 10 41 known-hosts:S
connection.close 10 50 reply-code:s reply-text:S class-id:s method-id:s
connection.close-ok 10 51
connection.blocked 10 60 reason:S
connection.unblocked 10 61
connection.update-secret 10 70 new-secret:L reason:S
connection.update-secret-ok 10 71
channel.open 20 10 out-of-band:S
channel.open-ok 20 11 channel-id:L
channel.flow 20 20 active:b
channel.flow-ok 20 21 active:b
channel.close 20 40 reply-code:s reply-text:S class-id:s method-id:s
channel.close-ok 20 41
access.request 30 10 realm:S exclusive:b passive:b active:b write:b read:b
access.request-ok 30 11 ticket:s
exchange.declare 40 10 ticket:s exchange:S type:S passive:b durable:b auto-delete:b internal:b no-wait:b arguments:T
exchange.declare-ok 40 11
exchange.delete 40 20 ticket:s exchange:S if-unused:b no-wait:b
exchange.delete-ok 40 21
exchange.bind 40 30 ticket:s destination:S source:S routing-key:S no-wait:b arguments:T
exchange.bind-ok 40 31
exchange.unbind 40 40 ticket:s destination:S source:S routing-key:S no-wait:b arguments:T
exchange.unbind-ok 40 51
queue.declare 50 10 ticket:s queue:S passive:b durable:b exclusive:b auto-delete:b no-wait:b arguments:T
queue.declare-ok 50 11 queue:S message-count:l consumer-count:l
queue.bind 50 20 ticket:s queue:S exchange:S routing-key:S no-wait:b arguments:T
queue.bind-ok 50 21
queue.purge 50 30 ticket:s queue:S no-wait:b
queue.purge-ok 50 31 message-count:l
queue.delete 50 40 ticket:s queue:S if-unused:b if-empty:b no-wait:b
queue.delete-ok 50 41 message-count:l
queue.unbind 50 50 ticket:s queue:S exchange:S routing-key:S arguments:T
queue.unbind-ok 50 51
basic.qos 60 10 prefetch-size:l prefetch-count:s global:b
basic.qos-ok 60 11
basic.consume 60 20 ticket:s queue:S consumer-tag:S no-local:b no-ack:b exclusive:b no-wait:b arguments:T
basic.consume-ok 60 21 consumer-tag:S
basic.cancel 60 30 consumer-tag:S no-wait:b
basic.cancel-ok 60 31 consumer-tag:S
basic.publish 60 40 ticket:s exchange:S routing-key:S mandatory:b immediate:b
basic.return 60 50 reply-code:s reply-text:S exchange:S routing-key:S
basic.deliver 60 60 consumer-tag:S delivery-tag:q redelivered:b exchange:S routing-key:S
basic.get 60 70 ticket:s queue:S no-ack:b
basic.get-ok 60 71 delivery-tag:q redelivered:b exchange:S routing-key:S message-count:l
basic.get-empty 60 72 cluster-id:S
basic.ack 60 80 delivery-tag:q multiple:b
basic.reject 60 90 delivery-tag:q requeue:b
basic.recover-async 60 100 requeue:b
basic.recover 60 110 requeue:b
basic.recover-ok 60 111
basic.nack 60 120 delivery-tag:q multiple:b requeue:b
confirm.select 85 10 no-wait:b
confirm.select-ok 85 11
tx.select 90 10
tx.select-ok 90 11
tx.commit 90 20
tx.commit-ok 90 21
tx.rollback 90 30
tx.rollback-ok 90 31
"""

# Content properties in flag order, bit 15 downwards.
PROPERTIES = (
    ("content-type", "S"), ("content-encoding", "S"), ("headers", "T"), ("delivery-mode", "o"),
    ("priority", "o"), ("correlation-id", "S"), ("reply-to", "S"), ("expiration", "S"),
    ("message-id", "S"), ("timestamp", "q"), ("type", "S"), ("user-id", "S"), ("app-id", "S"),
    ("cluster-id", "S"),
)

WITH_CONTENT = ("basic.deliver", "basic.return", "basic.get-ok")

_INTEGERS = {"o": ">B", "s": ">H", "l": ">I", "q": ">Q"}
_TAGS = {"t": ">B", "b": ">b", "B": ">B", "s": ">h", "u": ">H", "I": ">i", "i": ">I", "l": ">q",
         "L": ">q", "f": ">f", "d": ">d", "T": ">Q"}


def _read_methods():
    by_name, by_id = {}, {}
    for line in _METHOD_LINES.strip().splitlines():
        name, class_id, method_id, *fields = line.split()
        ids = (int(class_id), int(method_id))
        fields = [tuple(field.split(":")) for field in fields]
        by_name[name] = (ids, fields)
        by_id[ids] = (name, fields)
    return by_name, by_id


METHODS, METHODS_BY_ID = _read_methods()


# --- encoding -------------------------------------------------------------------------------------

def shortstr(octets):
    return struct.pack(">B", len(octets)) + octets


def longstr(octets):
    return struct.pack(">I", len(octets)) + octets


def field_value(tag, value):
    if tag in _TAGS:
        return tag.encode() + struct.pack(_TAGS[tag], value)
    if tag in "Sx":
        return tag.encode() + longstr(value)
    if tag == "F":
        return b"F" + table(value)
    if tag == "A":
        return b"A" + longstr(b"".join(field_value(*item) for item in value))
    if tag == "D":
        return b"D" + struct.pack(">BI", *value)
    if tag == "V":
        return b"V"
    raise ValueError(f"no field tag {tag!r}")


def table_entries(entries):
    return b"".join(shortstr(name) + field_value(*value) for name, value in entries)


def table(entries):
    return longstr(table_entries(entries))


def _field(kind, value):
    if kind in _INTEGERS:
        return struct.pack(_INTEGERS[kind], value)
    return {"S": shortstr, "L": longstr, "T": table}[kind](value)


def method_arguments(name, values):
    """Encodes the named method's arguments; what `values` lacks is zero, false or empty."""
    out, bits = b"", []
    for field, kind in METHODS[name][1] + [("", "")]:
        if kind == "b":
            bits.append(bool(values.get(field, False)))
            continue
        if bits:
            out += bytes([sum(1 << place for place, bit in enumerate(bits) if bit)])
            bits = []
        if kind:
            empty = 0 if kind in _INTEGERS else [] if kind == "T" else b""
            out += _field(kind, values.get(field, empty))
    return out


def method_payload(name, values):
    return struct.pack(">HH", *METHODS[name][0]) + method_arguments(name, values)


def properties(values):
    flags, out = 0, b""
    for place, (name, kind) in enumerate(PROPERTIES):
        if name in values:
            flags |= 1 << (15 - place)
            out += _field(kind, values[name])
    return struct.pack(">H", flags) + out


def header_payload(size, property_octets, class_id=60, weight=0):
    return struct.pack(">HHQ", class_id, weight, size) + property_octets


def frame(kind, channel, payload, size=None, end=FRAME_END):
    return struct.pack(">BHI", kind, channel, len(payload) if size is None else size) + payload + end


# --- decoding -------------------------------------------------------------------------------------

class Cursor:
    """Reads typed values off octets; running out of them is a ValueError."""

    def __init__(self, octets):
        self.octets, self.at = octets, 0

    def take(self, count):
        if self.at + count > len(self.octets):
            raise ValueError("out of octets")
        self.at += count
        return self.octets[self.at - count:self.at]

    def unpack(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def field(self, kind):
        if kind in _INTEGERS:
            return self.unpack(_INTEGERS[kind])
        if kind == "S":
            return self.take(self.unpack(">B"))
        octets = self.take(self.unpack(">I"))
        return octets if kind == "L" else read_table(octets)

    def tagged(self):
        tag = chr(self.unpack(">B"))
        if tag in _TAGS:
            value = self.unpack(_TAGS[tag])
            return tag, bool(value) if tag == "t" else value
        if tag in "SxFA":
            octets = self.take(self.unpack(">I"))
            return tag, {"F": read_table, "A": read_array}.get(tag, bytes)(octets)
        if tag == "D":
            return tag, (self.unpack(">B"), self.unpack(">I"))
        if tag == "V":
            return tag, None
        raise ValueError(f"no field tag {tag!r}")

    @property
    def left(self):
        return len(self.octets) - self.at


def read_table(octets):
    cursor, entries = Cursor(octets), []
    while cursor.left:
        entries.append((cursor.take(cursor.unpack(">B")), cursor.tagged()))
    return entries


def read_array(octets):
    cursor, items = Cursor(octets), []
    while cursor.left:
        items.append(cursor.tagged())
    return items


def read_method(payload):
    """(name, [(field, kind, value)]) of a method frame's payload."""
    ids = struct.unpack(">HH", payload[:4])
    if ids not in METHODS_BY_ID:
        return "%d.%d" % ids, [("arguments", "L", payload[4:])]
    name, fields = METHODS_BY_ID[ids]
    cursor, values, bits, bit = Cursor(payload[4:]), [], 0, 8
    for field, kind in fields:
        if kind == "b":
            if bit == 8:
                bits, bit = cursor.unpack(">B"), 0
            values.append((field, kind, bool(bits >> bit & 1)))
            bit += 1
        else:
            bit = 8
            values.append((field, kind, cursor.field(kind)))
    if cursor.left:
        values.append(("trailing", "L", cursor.take(cursor.left)))
    return name, values


def read_header(payload):
    """(class id, body size, [(property, kind, value)]) of a content header's payload."""
    cursor = Cursor(payload)
    class_id, weight, size = cursor.unpack(">H"), cursor.unpack(">H"), cursor.unpack(">Q")
    flags, values = cursor.unpack(">H"), []
    for place, (name, kind) in enumerate(PROPERTIES):
        if flags & 1 << (15 - place):
            values.append((name, kind, cursor.field(kind)))
    if weight or flags & 3 or cursor.left:
        values.append(("odd", "L", struct.pack(">HH", weight, flags) + cursor.take(cursor.left)))
    return class_id, size, values
