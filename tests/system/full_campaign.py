#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A disk that gets full and free again, many times: a small tmpfs, and a broker that keeps its journal there.

In each cycle a file takes what is free while a client publishes with confirms. The client must be blocked
within 1 s, another one goes on consuming; when the file goes away the first must be unblocked within
5 s. At the end the broker is killed, and everything that was confirmed and not consumed must be there.
"""
import argparse
import os
import subprocess
import sys
import tempfile
import time

from client import Amqp
from process import Broker

SIZE_MIB = 64
LIMIT_MIB = 8
BLOCKED_SECONDS_MAX = 1
UNBLOCKED_SECONDS_MAX = 5
BODY = b"x" * 1000
QUEUE, OTHER = b"q", b"other"


class Disk:
    """A tmpfs of its own; only root has one."""

    def __enter__(self):
        self.place = tempfile.mkdtemp(prefix="leveret-full-")
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE_MIB}m,mode=700", "tmpfs", self.place],
                       check=True, capture_output=True)
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", self.place], check=True)
        os.rmdir(self.place)

    @property
    def filler(self):
        return os.path.join(self.place, "filler")

    def fill(self):
        with open(self.filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(1 << 16))
            except OSError:
                pass

    def free(self):
        os.unlink(self.filler)


def can_mount():
    try:
        with Disk():
            return True
    except (subprocess.CalledProcessError, OSError):
        return False


class Publisher:
    """Publishes as long as it may; knows what was confirmed."""

    def __init__(self, broker):
        self.client = Amqp(broker.port).open_channel(confirm=True)
        self.sent = self.confirmed = 0

    def publish_until(self, method):
        """How long it took until that method came."""
        began = time.monotonic()
        while time.monotonic() - began < 10:
            if method == "connection.blocked":      # without waiting for confirms, at a steady rate
                self.sent += 1
                self.client.publish(QUEUE, b"%d|" % self.sent + BODY)
            while self.client.has_input(0.002):
                frame = self.client.expect("basic.ack", method)
                if frame.method == method:
                    return time.monotonic() - began
                self.confirmed = frame.fields["delivery-tag"]
        raise AssertionError(f"no {method}")

    def await_rest(self):
        if self.confirmed < self.sent:
            self.client.await_confirms(self.sent)
            self.confirmed = self.sent


def run_cycle(disk, publisher, other):
    disk.fill()
    blocked = publisher.publish_until("connection.blocked")
    assert blocked <= BLOCKED_SECONDS_MAX, f"blocked after {blocked:.1f} s"
    assert other.get(OTHER) is not None, "the other client could not consume"
    disk.free()
    unblocked = publisher.publish_until("connection.unblocked")
    assert unblocked <= UNBLOCKED_SECONDS_MAX, f"unblocked after {unblocked:.1f} s"
    publisher.await_rest()
    return blocked, unblocked


def check(client, publisher):
    found = [int(message.body.split(b"|")[0]) for message in client.drain(QUEUE)]
    assert found == list(range(1, publisher.confirmed + 1)), "a confirmed message is lost"


def run(program, cycles):
    """Passed and failed cycles."""
    options = ("--set", "leveret.journal_segment_size=4194304",
               "--set", f"disk_free_limit.absolute={LIMIT_MIB}MiB")
    done, slowest = 0, (0, 0)
    with Disk() as disk:
        data = os.path.join(disk.place, "data")
        with Broker(*options, program=program, data_dir=data) as broker:
            publisher = Publisher(broker)
            publisher.client.declare_queue(QUEUE)
            other = Amqp(broker.port).open_channel()
            other.declare_queue(OTHER)
            for _ in range(cycles):
                other.publish(OTHER, b"for later")
            try:
                for done in range(1, cycles + 1):
                    slowest = tuple(map(max, slowest, run_cycle(disk, publisher, other)))
            except (AssertionError, OSError, EOFError) as error:
                print(f"cycle {done}: {type(error).__name__}: {error}")
                broker.kill()
                print(broker.log[-3000:])
                return done - 1, 1
            broker.kill()
        with Broker(*options, program=program, data_dir=data) as broker:
            check(Amqp(broker.port).open_channel(), publisher)
    print(f"full: {cycles} cycles, {publisher.confirmed} confirmed, 0 lost, blocked after at most "
          f"{slowest[0]:.2f} s, unblocked after at most {slowest[1]:.2f} s")
    return done, 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="the broker")
    parser.add_argument("--count", type=int, default=50, help="cycles")
    options = parser.parse_args()
    if not can_mount():
        print("a small file system cannot be mounted here\n0 passed, 0 failed, 1 skipped")
        sys.exit(0)
    done, failed = run(options.program, options.count)
    print(f"{done} passed, {failed} failed, 0 skipped")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
