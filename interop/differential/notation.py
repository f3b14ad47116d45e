# SPDX-License-Identifier: Apache-2.0
"""How scripts write values and transcripts print them: one notation, read and written here.

    "text \\x00 \\n \\""     octets (UTF-8)          3*"ab"        repeated octets
    word                     octets without quotes (outside tables)
    12  -5  true  false      integers and bits
    {name: 5:l, "a b": "x"}  a table; a value's tag follows it after a colon
    [1:I, "x"]               an array
Values in tables have tag S (quoted), I (integer), t (true/false), F, A and V (void) unless another
tag is given: 5:l, 1.5:d, "x":x, 1234:T, 2/314:D (scale/unscaled).
"""
import re
import zlib

_WORD = re.compile(r'[^\s"{}\[\],]+')
_NAME = re.compile(r'[^\s":{}\[\],]+')
_ATOM = re.compile(r'[^\s":{}\[\],]+')
_LONG = 96


class Reader:
    """Reads one line of a script from left to right."""

    def __init__(self, text):
        self.text, self.at = text, 0

    def fail(self, message):
        raise SyntaxError(f"{message} at column {self.at + 1} of: {self.text}")

    def skip(self):
        while self.at < len(self.text) and self.text[self.at] in " \t":
            self.at += 1

    def ended(self):
        self.skip()
        return self.at >= len(self.text)

    def next_is(self, text):
        self.skip()
        return self.text.startswith(text, self.at)

    def accept(self, text):
        if self.next_is(text):
            self.at += len(text)
            return True
        return False

    def match(self, pattern, what):
        self.skip()
        found = pattern.match(self.text, self.at)
        if not found:
            self.fail(f"{what} wanted")
        self.at = found.end()
        return found.group()

    def word(self):
        return self.match(_WORD, "a word")

    def quoted(self):
        """Octets of a quoted string, with `N*` before it repeated N times."""
        times = re.compile(r"(\d+)\*").match(self.text, self.at)
        if times:
            self.at = times.end()
        if not self.accept('"'):
            self.fail("a quoted string wanted")
        out = bytearray()
        while True:
            if self.at >= len(self.text):
                self.fail("closing quote wanted")
            one = self.text[self.at]
            self.at += 1
            if one == '"':
                return bytes(out) * (int(times.group(1)) if times else 1)
            out += self._escape() if one == "\\" else one.encode()

    def _escape(self):
        one = self.text[self.at]
        self.at += 1
        if one == "x":
            self.at += 2
            return bytes([int(self.text[self.at - 2:self.at], 16)])
        return {"n": b"\n", "r": b"\r", "t": b"\t", "0": b"\0"}.get(one, one.encode())

    def is_quoted(self):
        self.skip()
        return bool(re.compile(r'(\d+\*)?"').match(self.text, self.at))

    def octets(self):
        return self.quoted() if self.is_quoted() else self.word().encode()

    def pieces(self):
        """The rest of the line as octets: quoted strings and runs of hexadecimal digits."""
        out = b""
        while not self.ended():
            out += self.quoted() if self.is_quoted() else bytes.fromhex(self.word())
        return out

    def table(self):
        if not self.accept("{"):
            self.fail("{ wanted")
        entries = []
        while not self.accept("}"):
            name = self.quoted() if self.is_quoted() else self.match(_NAME, "a name").encode()
            if not self.accept(":"):
                self.fail(": wanted")
            entries.append((name, self.tagged()))
            self.accept(",")
        return entries

    def tagged(self):
        if self.next_is("{"):
            return "F", self.table()
        if self.accept("["):
            items = []
            while not self.accept("]"):
                items.append(self.tagged())
                self.accept(",")
            return "A", items
        if self.is_quoted():
            value, tag = self.quoted(), "S"
        else:
            value, tag = self._atom()
        if self.text.startswith(":", self.at):
            self.at += 1
            tag = self.match(_ATOM, "a tag")
        return tag, value

    def _atom(self):
        text = self.match(_ATOM, "a value")
        if text == "void":
            return None, "V"
        if text in ("true", "false"):
            return text == "true", "t"
        if "/" in text:
            return tuple(int(part) for part in text.split("/")), "D"
        return (float(text), "d") if "." in text else (int(text, 0), "I")

    def argument(self, kind):
        """One value of the wire type `kind` (see codec)."""
        if kind == "T":
            return self.table()
        if kind in "SL":
            return self.octets()
        if kind == "b":
            return {"true": True, "false": False}[self.word()]
        return int(self.word(), 0)

    def arguments(self, kinds):
        """name=value pairs to the end of the line; `kinds` maps the names allowed to their types."""
        values = {}
        while not self.ended():
            found = re.compile(r"([a-z_-]+)=").match(self.text, self.at)
            if not found or found.group(1) not in kinds:
                self.fail("one of " + ", ".join(kinds) + " wanted")
            self.at = found.end()
            values[found.group(1)] = self.argument(kinds[found.group(1)])
        return values


# --- printing -------------------------------------------------------------------------------------

def print_octets(octets, limit=_LONG):
    if len(octets) > limit:
        return "(%d octets, crc %08x)" % (len(octets), zlib.crc32(octets))
    try:
        text = octets.decode()
        if not text.isprintable():
            raise ValueError
        return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
    except ValueError:
        return '"' + "".join(_print_octet(one) for one in octets) + '"'


def _print_octet(one):
    if one in b'"\\':
        return "\\" + chr(one)
    return chr(one) if 32 <= one < 127 else "\\x%02x" % one


def print_tagged(tag, value):
    if tag == "F":
        return print_table(value)
    if tag == "A":
        return "[" + ", ".join(print_tagged(*item) for item in value) + "]"
    if tag == "V":
        return "void"
    if tag == "t":
        return "true" if value else "false"
    if tag == "S":
        return print_octets(value)
    if tag == "x":
        return print_octets(value) + ":x"
    if tag == "D":
        return "%d/%d:D" % value
    return f"{value!r}:{tag}"


def print_table(entries):
    return "{" + ", ".join(_print_name(name) + ": " + print_tagged(*value)
                           for name, value in entries) + "}"


def _print_name(octets):
    quoted = print_octets(octets, 255)
    return quoted[1:-1] if _NAME.fullmatch(quoted[1:-1]) else quoted


def print_argument(kind, value):
    if kind == "T":
        return print_table(value)
    if kind == "S":
        return print_octets(value, 255)
    if kind == "L":
        return print_octets(value)
    return {True: "true", False: "false"}[value] if kind == "b" else str(value)


def print_arguments(values):
    return "".join(f" {name}={print_argument(kind, value)}" for name, kind, value in values)
