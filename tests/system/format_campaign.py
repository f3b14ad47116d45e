#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Data directories of released formats are read by this broker; those of a newer major version are left alone.

tests/system/golden has one archive for each format, made by --make with the broker of its time: durable
exchanges, queues and bindings with arguments, messages with properties, some acknowledged, some moved by a
restart, and an unclean stop. What must be found is written down in this file.
"""
import argparse
import glob
import hashlib
import os
import shutil
import struct
import sys
import tarfile
import tempfile

from client import Amqp
from process import Broker

GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "golden")
SMALL_SEGMENTS = ("--set", "leveret.journal_segment_size=1048576")
MESSAGES = 40
TAKEN = 10
MAJOR_AT, CRC_AT, BLOCK = 8, 12, 4096


def body(number):
    return b"message %d " % number + b"x" * (number * 37)


def declare(client):
    client.call(1, "exchange.declare", exchange=b"fan", type=b"fanout", durable=True)
    client.call(1, "exchange.declare", exchange=b"words", type=b"topic", durable=True, auto_delete=False)
    client.declare_queue(b"plain")
    client.declare_queue(b"bounded", arguments=[(b"x-max-length", ("I", 1000)), (b"x-max-priority", ("I", 5))])
    for queue in (b"plain", b"bounded"):
        client.call(1, "queue.bind", queue=queue, exchange=b"fan", routing_key=b"")
    client.call(1, "queue.bind", queue=b"plain", exchange=b"words", routing_key=b"a.*.#")
    client.call(1, "exchange.bind", destination=b"fan", source=b"words", routing_key=b"to.fan")


def publish(client, numbers):
    for number in numbers:
        client.publish(b"", body(number), exchange=b"fan", message_id=b"%d" % number,
                       content_type=b"text/plain", priority=0)


def make(program, version):
    directory = tempfile.mkdtemp(prefix="leveret-golden-")
    data = os.path.join(directory, "data")
    with Broker(*SMALL_SEGMENTS, program=program, data_dir=data) as broker:
        client = Amqp(broker.port).open_channel(confirm=True)
        declare(client)
        publish(client, range(MESSAGES // 2))
        client.await_confirms(MESSAGES // 2)
        client.close()
        broker.stop()
    with Broker(*SMALL_SEGMENTS, program=program, data_dir=data) as broker:
        client = Amqp(broker.port).open_channel(confirm=True)
        publish(client, range(MESSAGES // 2, MESSAGES))
        client.await_confirms(MESSAGES // 2)
        for _ in range(TAKEN):
            client.get(b"plain")
        client.publish(b"plain", b"the last one")
        client.await_confirms(MESSAGES // 2 + 1)
        broker.kill()
    os.makedirs(GOLDEN, exist_ok=True)
    name = os.path.join(GOLDEN, f"format-{version}.tar.xz")
    with tarfile.open(name, "w:xz") as archive:
        archive.add(data, "data")
    shutil.rmtree(directory)
    print(f"{name}: {os.path.getsize(name)} octets")


def unpack(name):
    directory = tempfile.mkdtemp(prefix="leveret-format-")
    with tarfile.open(name) as archive:
        archive.extractall(directory)
    os.chmod(os.path.join(directory, "data"), 0o700)
    return directory


def check_contents(client):
    for exchange, kind in ((b"fan", b"fanout"), (b"words", b"topic")):
        client.call(1, "exchange.declare", exchange=exchange, type=kind, durable=True)   # 406 if different
    client.declare_queue(b"bounded", arguments=[(b"x-max-length", ("I", 1000)), (b"x-max-priority", ("I", 5))])
    plain, bounded = client.drain(b"plain"), client.drain(b"bounded")
    assert [m.body for m in bounded] == [body(number) for number in range(MESSAGES)], "bounded"
    assert [m.body for m in plain] == [body(number) for number in range(TAKEN, MESSAGES)] + [b"the last one"], "plain"
    assert all(m.fields["redelivered"] for m in plain + bounded), "not marked as redelivered"
    assert [m.properties["message-id"] for m in bounded] == [b"%d" % number for number in range(MESSAGES)]
    assert bounded[0].properties["content-type"] == b"text/plain"
    client.publish(b"a.b", b"by words", exchange=b"words")
    client.publish(b"to.fan", b"by both", exchange=b"words")
    client.await_confirms(2)
    assert [m.body for m in client.drain(b"plain")] == [b"by words", b"by both"], "bindings"
    assert [m.body for m in client.drain(b"bounded")] == [b"by both"], "bindings"


def check_read(program, name):
    """Twice: the second start reads what the first one made of it."""
    directory = unpack(name)
    try:
        data = os.path.join(directory, "data")
        with Broker(*SMALL_SEGMENTS, program=program, data_dir=data) as broker:
            assert broker.stop() == 0
        with Broker(*SMALL_SEGMENTS, program=program, data_dir=data) as broker:
            # Nothing was delivered before the clean stop, but what was unknown stays so.
            check_contents(Amqp(broker.port).open_channel(confirm=True))
    finally:
        shutil.rmtree(directory)


# ---- a newer version

def crc32c(octets):
    crc = 0xffffffff
    for octet in octets:
        crc ^= octet
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def make_newer(path):
    """The first segment says that a version wrote it that nobody has seen."""
    with open(path, "r+b") as file:
        block = bytearray(file.read(BLOCK))
        major, = struct.unpack_from(">H", block, MAJOR_AT)
        struct.pack_into(">H", block, MAJOR_AT, major + 1)
        struct.pack_into(">I", block, CRC_AT, 0)
        struct.pack_into(">I", block, CRC_AT, crc32c(block))
        file.seek(0)
        file.write(block)


def fingerprint(directory):
    found = {}
    for folder, _, names in os.walk(directory):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                found[name] = hashlib.sha256(file.read()).hexdigest()
    return found


def check_newer(program, name):
    directory = unpack(name)
    try:
        make_newer(sorted(glob.glob(os.path.join(directory, "data", "**", "*.lvj"), recursive=True))[0])
        before = fingerprint(directory)
        try:
            with Broker(*SMALL_SEGMENTS, program=program, data_dir=os.path.join(directory, "data")):
                raise AssertionError("a newer format was accepted")
        except AssertionError as error:
            assert "newer version" in str(error), error
        assert fingerprint(directory) == before, "a directory of a newer format was touched"
    finally:
        shutil.rmtree(directory)


def run(program):
    """Passed and failed checks."""
    passed = failed = 0
    for name in sorted(glob.glob(os.path.join(GOLDEN, "*.tar.xz"))):
        for check in (check_read, check_newer):
            try:
                check(program, name)
                passed += 1
            except (AssertionError, OSError, EOFError) as error:
                failed += 1
                print(f"{os.path.basename(name)}: {check.__name__}: {error}")
    return passed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="the broker")
    parser.add_argument("--make", metavar="VERSION", nargs="?", const="1.0", help="add an archive of this broker's format")
    options = parser.parse_args()
    if options.make:
        make(options.program, options.make)
    passed, failed = run(options.program)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    sys.exit(1 if failed or not passed else 0)


if __name__ == "__main__":
    main()
