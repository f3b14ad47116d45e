#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Room comes back although a little stays: of every hundred messages one is long-lived.

All are published in turn, so that the long-lived ones are in every file of the journal; the others are
consumed. Within a minute the data directory may have at most twice the octets of what is left, and 256 MiB;
after a kill every long-lived message must be there as it was.
"""
import argparse
import os
import shutil
import sys
import tempfile
import threading
import time

from client import Amqp
from process import Broker

BODY = 8192
OF_A_HUNDRED = 1
SECONDS_MAX = 60
ALLOWANCE = 256 << 20
GOES, STAYS = b"goes", b"stays"


class Recorder(Amqp):
    """Keeps what it would send."""

    def __init__(self):  # no connection
        self.octets = bytearray()

    def send_octets(self, octets):
        self.octets += octets


def body(number):
    return b"%016d" % number + b"x" * (BODY - 16)


def hundred(number):
    recorder = Recorder()
    for at in range(100):
        recorder.publish(STAYS if at < OF_A_HUNDRED else GOES, body(number))
    return recorder.octets


def room(directory):
    """Octets on the disk."""
    total = 0
    for folder, _, names in os.walk(directory):
        for name in names:
            try:
                total += os.stat(os.path.join(folder, name)).st_blocks * 512
            except FileNotFoundError:
                pass
    return total


def publish(broker, hundreds):
    with Amqp(broker.port, timeout=120).open_channel(confirm=True) as client:
        client.declare_queue(GOES)
        client.declare_queue(STAYS)
        for number in range(hundreds):
            client.send_octets(hundred(number))
            if number % 20 == 19:
                client.await_confirms((number - 9) * 100)
        client.await_confirms(hundreds * 100)


def swallow(client):
    try:
        while client.socket.recv(1 << 20):
            pass
    except OSError:
        pass


def consume(broker):
    with Amqp(broker.port, timeout=120).open_channel() as client, \
            Amqp(broker.port, timeout=120).open_channel() as watcher:
        client.call(1, "basic.consume", queue=GOES, no_ack=True)
        thread = threading.Thread(target=swallow, args=(client,))
        thread.start()
        while watcher.count(GOES) > 0:
            time.sleep(0.1)
        # What goes without ack is not awaited on disk by anybody: a declaration is, and all before it with it.
        watcher.declare_queue(b"behind-all")
        client.socket.shutdown(2)
        thread.join()


def await_room(directory, limit):
    """Seconds until the directory is small enough, and its octets then."""
    began = time.monotonic()
    while room(directory) > limit and time.monotonic() - began < SECONDS_MAX:
        time.sleep(0.2)
    return time.monotonic() - began, room(directory)


def check_kept(program, directory, hundreds):
    with Broker(program=program, data_dir=directory) as broker, \
            Amqp(broker.port, timeout=120).open_channel() as client:
        found = [message.body for message in client.drain(STAYS)]
        assert found == [body(number) for number in range(hundreds)], "long-lived messages are lost"
        assert client.count(GOES) == 0, "what was consumed came back"


def run(program, gib, place=None):
    directory = tempfile.mkdtemp(prefix="leveret-space-", dir=place)
    hundreds = int(gib * (1 << 30) / BODY / 100)
    needed = gib * 1.3 * (1 << 30) + (1 << 30)
    free = shutil.disk_usage(directory).free
    try:
        if free < needed:
            print(f"{free >> 20} MiB are free here, {int(needed) >> 20} MiB are needed")
            return 0, 0, 1
        with Broker(program=program, data_dir=directory) as broker:
            began = time.monotonic()
            publish(broker, hundreds)
            published = time.monotonic() - began
            full = room(directory)
            consume(broker)
            live = hundreds * OF_A_HUNDRED * BODY
            took, left = await_room(directory, 2 * live + ALLOWANCE)
            print(f"space: {hundreds * 100} messages of {BODY} octets, {free >> 30} GiB free before; published in "
                  f"{published:.1f} s into {full >> 20} MiB; 99 % consumed; {live >> 20} MiB live in "
                  f"{left >> 20} MiB after {took:.1f} s (at most {(2 * live + ALLOWANCE) >> 20} MiB "
                  f"within {SECONDS_MAX} s)")
            assert left <= 2 * live + ALLOWANCE, "the room did not come back"
            broker.kill()
        check_kept(program, directory, hundreds)
        return 1, 0, 0
    except AssertionError as error:
        print(f"space: {error}")
        return 0, 1, 0
    finally:
        shutil.rmtree(directory)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="the broker")
    parser.add_argument("--gib", type=float, default=10, help="published in all")
    parser.add_argument("--dir", help="where the data directory is made, instead of the usual place")
    options = parser.parse_args()
    passed, failed, skipped = run(options.program, options.gib, options.dir)
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
