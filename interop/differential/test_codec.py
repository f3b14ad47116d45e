#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The suite's own codec and notation: wrong octets here would be wrong transcripts everywhere."""
import sys
import unittest

sys.dont_write_bytecode = True

import codec            # noqa: E402
import notation         # noqa: E402

EVERY_TAG = ('{t: true, b: -5:b, B: 250:B, s: -3:s, u: 65535:u, I: -7:I, i: 4000000000:i, l: -9:l, '
             'L: 9:L, f: 1.5:f, d: 2.25:d, D: 2/314:D, S: "text", x: "\\x00\\xff":x, '
             'A: [1:I, [void]], T: 17:T, F: {k: {}}, V: void}')


class CodecTest(unittest.TestCase):
    def test_method_with_bits_between_other_fields(self):
        octets = codec.method_payload("queue.declare", {
            "queue": b"q", "durable": True, "no-wait": True, "arguments": [(b"a", ("I", 1))]})
        self.assertEqual(octets.hex(" "), "00 32 00 0a 00 00 01 71 12 00 00 00 07 01 61 49 00 00 00 01")

    def test_method_read_back(self):
        values = {"delivery-tag": 2 ** 64 - 1, "multiple": True, "requeue": True}
        name, fields = codec.read_method(codec.method_payload("basic.nack", values))
        self.assertEqual(name, "basic.nack")
        self.assertEqual({field: value for field, _, value in fields}, values)

    def test_unknown_method_keeps_its_octets(self):
        self.assertEqual(codec.read_method(b"\0\x3c\0\xc7ab"), ("60.199", [("arguments", "L", b"ab")]))

    def test_trailing_octets_are_shown(self):
        self.assertIn(("trailing", "L", b"x"), codec.read_method(b"\0\x3c\0\x0bx")[1])

    def test_every_method_reads_what_it_writes(self):
        for name in codec.METHODS:
            self.assertEqual(codec.read_method(codec.method_payload(name, {}))[0], name)

    def test_header_flags(self):
        octets = codec.header_payload(5, codec.properties({"priority": 3, "cluster-id": b"c"}))
        self.assertEqual(octets.hex(" "), "00 3c 00 00 00 00 00 00 00 00 00 05 08 04 03 01 63")
        self.assertEqual(codec.read_header(octets),
                         (60, 5, [("priority", "o", 3), ("cluster-id", "S", b"c")]))

    def test_truncated_table(self):
        with self.assertRaises(ValueError):
            codec.read_table(b"\x01aI\0\0")


class NotationTest(unittest.TestCase):
    def test_every_tag_is_written_as_read(self):
        entries = notation.Reader(EVERY_TAG).table()
        self.assertEqual(notation.print_table(entries), EVERY_TAG)
        self.assertEqual(codec.read_table(codec.table_entries(entries)), entries)

    def test_escapes_and_repetition(self):
        self.assertEqual(notation.Reader('"a\\x00\\n\\"\\\\ü"').octets(), b'a\0\n"\\\xc3\xbc')
        self.assertEqual(notation.Reader('3*"ab"').octets(), b"ababab")

    def test_octets_that_are_no_text(self):
        self.assertEqual(notation.print_octets(b'\xff"\n'), '"\\xff\\"\\x0a"')

    def test_pieces(self):
        self.assertEqual(notation.Reader('"AMQP" 0000 09 01').pieces(), b"AMQP\0\0\x09\x01")

    def test_unknown_argument_is_an_error(self):
        with self.assertRaises(SyntaxError):
            notation.Reader("qeue=x").arguments({"queue": "S"})


if __name__ == "__main__":
    unittest.main()
