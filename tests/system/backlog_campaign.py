#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A backlog much larger than memory: what it costs in memory, to others, and at a restart.

A queue is filled with persistent messages under confirms, then the broker is stopped, started, killed
and started again. Each time the queue must have all of them, in order. Figures stand beside what the
same run saw of an empty broker and of the machine's disk.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

import process
from client import Amqp
from process import Broker

QUEUE = "deep"
MIB = 1 << 20
LOOKED_AT = 1000    # messages taken from the front after a kill
# Judged from so many octets on: what is smaller says nothing.
JUDGED_OCTETS = 1 << 30
RSS_MIB_MAX, CLEAN_SECONDS_MAX, KILLED_SECONDS_MAX, LATENCY_RATIO_MAX = 400, 10, 30, 2


def perf(program, broker, *options):
    command = [program, "-h", f"amqp://guest:guest@127.0.0.1:{broker.port}/%2f", "-f", "persistent", "-ad",
               "false", "--quiet", "--json", *map(str, options)]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {result.stderr}")
    return json.loads(result.stdout)


def latency_us(program, broker, seconds):
    """Median and 99th percentile of confirms to a publisher of another queue."""
    figures = perf(program, broker, "-u", "other", "-x", 1, "-y", 1, "-a", "-c", 1, "-r", 500, "-z", seconds)
    return figures["confirm_latency_us"]["median"], figures["confirm_latency_us"]["p99"]


def peak_mib(broker):
    with open(f"/proc/{broker.ready['pid']}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM:")) / 1024


def forget_cache():
    """What is read next comes from the disk, where that can be had (root)."""
    try:
        os.sync()
        with open("/proc/sys/vm/drop_caches", "w") as file:
            file.write("3")
        return True
    except OSError:
        return False


def read_speed(directory):
    """Octets of the journal and how many of them a second are read one after the other."""
    octets, begin = 0, time.monotonic()
    for name in sorted(os.listdir(directory)):
        if not name.endswith(".lvj"):
            continue
        with open(os.path.join(directory, name), "rb", buffering=0) as file:
            while chunk := file.read(MIB):
                octets += len(chunk)
    return octets, octets / (time.monotonic() - begin)


class Campaign:
    def __init__(self, program, messages, size):
        self.program, self.messages, self.size = program, messages, size
        self.perf = os.path.join(os.path.dirname(os.path.abspath(program)), "leveret-perf")
        self.judged = messages * size >= JUDGED_OCTETS and not process.is_sanitized(program)
        self.passed = self.failed = 0

    def check(self, what, holds):
        print(f"{'ok  ' if holds else 'FAIL'} {what}", flush=True)
        self.passed += holds
        self.failed += not holds

    def figure(self, what, value, limit, unit):
        if self.judged:
            self.check(f"{what}: {value:.1f} {unit} (at most {limit:g})", value <= limit)
        else:
            print(f"     {what}: {value:.1f} {unit}", flush=True)

    def start(self, directory):
        begin = time.monotonic()
        broker = Broker(data_dir=directory)
        return broker, time.monotonic() - begin

    def check_count(self, broker, when):
        client = Amqp(broker.port).open_channel()
        count = client.call(1, "queue.declare", queue=QUEUE.encode(), passive=True).fields["message-count"]
        self.check(f"{when}: {count} of {self.messages} messages", count == self.messages)
        return client

    def fill(self, broker):
        begin = time.monotonic()
        perf(self.perf, broker, "-u", QUEUE, "-x", 1, "-y", 0, "-c", 1000, "-s", self.size, "-C", self.messages)
        print(f"     filled at {self.messages / (time.monotonic() - begin):.0f} messages/s", flush=True)

    def check_front(self, client):
        """Sequence numbers of leveret-perf's bodies are its own business: the same twice would show as well."""
        bodies = []
        count = min(LOOKED_AT, self.messages)
        for _ in range(count):
            message = client.get(QUEUE.encode(), no_ack=False)
            if message is None or len(message.body) != self.size:
                break
            bodies.append(message.body)
        self.check(f"the first {count} are read back, none twice", len(set(bodies)) == len(bodies) == count)

    def run(self, directory):
        seconds = 5 if self.judged else 1
        broker, _ = self.start(directory)
        with broker:
            empty = latency_us(self.perf, broker, seconds)
            self.fill(broker)
            full = latency_us(self.perf, broker, seconds)
            self.figure("memory at most while it was filled", peak_mib(broker), RSS_MIB_MAX, "MiB")
            print(f"     confirm latency of another queue, median and p99: {empty[0]:.0f} and {empty[1]:.0f} us "
                  f"in an empty broker, {full[0]:.0f} and {full[1]:.0f} us beside the backlog", flush=True)
            self.figure("ratio of the 99th percentiles", full[1] / empty[1], LATENCY_RATIO_MAX, "x")
            self.check("clean stop", broker.stop() == 0)
        cold = forget_cache()
        octets, speed = read_speed(directory)
        print(f"     {octets / MIB:.0f} MiB of journal, read {'from disk' if cold else 'from the cache'} at "
              f"{speed / MIB:.0f} MiB/s: {octets / speed:.1f} s for all of it", flush=True)
        forget_cache()
        broker, took = self.start(directory)
        with broker:
            self.figure("start after a clean stop", took, CLEAN_SECONDS_MAX, "s")
            self.figure("memory at most in it", peak_mib(broker), RSS_MIB_MAX, "MiB")
            self.check_count(broker, "after a clean stop")
            broker.kill()
        forget_cache()
        broker, took = self.start(directory)
        with broker:
            self.figure("start after kill -9", took, KILLED_SECONDS_MAX, "s")
            self.figure("memory at most in it", peak_mib(broker), RSS_MIB_MAX, "MiB")
            self.check_front(self.check_count(broker, "after kill -9"))
            self.check("clean stop", broker.stop() == 0)


def run(program, messages, size, place=None):
    """Counts of what held and what did not."""
    directory = tempfile.mkdtemp(prefix="leveret-backlog-", dir=place)
    campaign = Campaign(program, messages, size)
    try:
        campaign.run(directory)
    finally:
        shutil.rmtree(directory)
    return campaign.passed, campaign.failed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--place", default=tempfile.gettempdir(), help="where the data directory is made")
    arguments = parser.parse_args()
    process.PATIENCE = 600
    needed = arguments.messages * (arguments.size + 256) * 3 // 2 + (1 << 28)
    free = shutil.disk_usage(arguments.place).free
    print(f"     {arguments.messages} messages of {arguments.size} octets: up to {needed / MIB:.0f} MiB of disk in "
          f"{arguments.place}, where {free / MIB:.0f} MiB are free", flush=True)
    if free < needed:
        print("0 passed, 0 failed, 1 skipped")
        return 69
    passed, failed = run(arguments.program, arguments.messages, arguments.size, arguments.place)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
