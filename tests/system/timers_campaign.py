#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A million messages that wait for their time: what they cost, and whom they disturb.

Five cases: messages held by an x-delayed-message exchange that fall due all together; messages whose
lifetimes end one after the other, in one queue and in a thousand; messages that end all together, in
one queue with a dead-letter exchange; a purge and a deletion. Printed for each: memory per message, how
late single messages come while the others only wait, and how long a message of somebody else
takes meanwhile, before and while the million goes. Then the same million on disk, and a restart.
"""
import argparse
import os
import statistics
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from client import Amqp, codec  # noqa: E402
from process import Broker, is_sanitized  # noqa: E402

BODY = b"x" * 100
LATE_MS = 5             # what fires at rest is at most so late
SLOWER = 2              # somebody else's message takes at most so many times as long
PROBES = 100
CHUNK = 5000
HOUR_MS = 3600000

failures = []


def expect(condition, text):
    if not condition:
        failures.append(text)
        print(f"  FAILED: {text}", flush=True)


class Template:
    """The octets of a publish, with a place for a number of eight digits."""

    MARK = b"87654321"

    def __init__(self, exchange=b"", key=b"", body=BODY, expiration=None, headers=None,
                 persistent=False):
        properties = {}
        if headers is not None:
            properties["headers"] = headers
        if persistent:
            properties["delivery-mode"] = 2
        if expiration is not None:
            properties["expiration"] = expiration
        octets = b"".join((
            codec.frame(codec.METHOD, 1, codec.method_payload(
                "basic.publish", {"exchange": exchange, "routing-key": key})),
            codec.frame(codec.HEADER, 1, codec.header_payload(len(body),
                                                              codec.properties(properties))),
            codec.frame(codec.BODY, 1, body)))
        self.before, _, self.after = octets.partition(self.MARK)
        self.has_number = len(self.before) < len(octets)

    def octets(self, number):
        return b"%b%08d%b" % (self.before, number, self.after) if self.has_number else self.before


def publish_all(client, template_of, numbers):
    """`template_of(i)` and `numbers(i)` for every i; returns when the broker has taken them."""
    def chunk(start, end):
        return b"".join(template_of(i).octets(numbers(i)) for i in range(start, end))

    for start in range(0, OPTIONS.count, CHUNK):
        client.send_octets(chunk(start, min(start + CHUNK, OPTIONS.count)))
    client.call(1, "queue.declare", queue=b"", exclusive=True)


class Neighbour:
    """Somebody else's queue: one message at a time, there and back."""

    def __init__(self, port):
        self.client = Amqp(port).open_channel()
        self.client.declare_queue(b"neighbour", durable=False)
        self.client.call(1, "basic.consume", queue=b"neighbour", no_ack=True)

    def round_trip(self):
        begun = time.perf_counter()
        self.client.publish(b"neighbour", b"ping", delivery_mode=0)
        self.client.expect("basic.deliver")
        return (time.perf_counter() - begun) * 1000

    def run(self, seconds=None, until=None):
        """Round trips in ms for so long, or until `until` says so (asked every 20 ms)."""
        times, end, ask = [], time.monotonic() + (seconds or 600), time.monotonic() + 0.02
        while time.monotonic() < end:
            times.append(self.round_trip())
            if until is not None and time.monotonic() > ask:
                if until():
                    break
                ask = time.monotonic() + 0.02
        return times


def figures(times):
    """Median, 95 %, 99 % and longest."""
    ordered = sorted(times)
    return (statistics.median(ordered), ordered[len(ordered) * 95 // 100],
            ordered[len(ordered) * 99 // 100], ordered[-1])


def compare(what, before, during):
    calm, busy = figures(before), figures(during)
    print(f"  another queue's message: median {calm[0]:.3f} ms, 99 % {calm[2]:.3f} ms, longest "
          f"{calm[3]:.2f} ms at rest; "
          f"{what}: median {busy[0]:.3f} ms, 99 % {busy[2]:.3f} ms, longest {busy[3]:.2f} ms "
          f"({len(during)} messages)", flush=True)
    expect(busy[0] <= SLOWER * calm[0],
           f"the median went from {calm[0]:.3f} to {busy[0]:.3f} ms ({what})")


class Bench:
    """One broker with a neighbour on it, and what the million costs there."""

    def __init__(self, name, *options, **more):
        print(name, flush=True)
        self.broker = Broker("--set", "vm_memory_high_watermark.relative=0.9", *options,
                             program=OPTIONS.program, **more)
        self.client = Amqp(self.broker.port, timeout=600).open_channel()
        self.other = Amqp(self.broker.port, timeout=600).open_channel()
        self.neighbour = Neighbour(self.broker.port)
        self.neighbour.run(0.5)
        self.empty_kib = self.broker.rss_kib()

    def report_memory(self):
        octets = (self.broker.rss_kib() - self.empty_kib) * 1024 / OPTIONS.count
        print(f"  memory: {octets:.0f} octets for a message of {len(BODY)}", flush=True)

    def count(self, queue):
        return self.other.count(queue)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.broker.__exit__()


def measure_lateness(client, publish, what):
    """`publish(delay_ms)` messages that come to the queue `rang` one by one; how late each came."""
    client.call(1, "basic.consume", queue=b"rang", no_ack=True)
    late = []
    for probe in range(PROBES):
        delay_ms = 3 + probe % 20
        due = time.perf_counter() + delay_ms / 1000
        publish(delay_ms)
        client.expect("basic.deliver")
        late.append((time.perf_counter() - due) * 1000)
    median, most, _, longest = figures(late)
    print(f"  {what}: late by {median:.2f} ms in the median, {most:.2f} ms at 95 %, {longest:.2f} ms at "
          f"most, {min(late):.2f} ms at least", flush=True)
    expect(most <= LATE_MS, f"{what}: late by {most:.2f} ms")   # the rest is the machine's
    expect(min(late) > -1, f"{what}: early by {-min(late):.2f} ms")


def declare_delayed(client, durable):
    client.call(1, "exchange.declare", exchange=b"delayed", type=b"x-delayed-message",
                durable=durable, arguments=[(b"x-delayed-type", ("S", b"direct"))])
    for queue in (b"due", b"rang"):
        client.declare_queue(queue, durable=durable)
        client.call(1, "queue.bind", queue=queue, exchange=b"delayed", routing_key=queue)


def delayed_headers(delay_ms):
    return [(b"x-delay", ("I", delay_ms))]


def deliver_at(seconds):
    return [(b"x-deliver-at", ("T", int(seconds)))]


def delayed():
    with Bench(f"{OPTIONS.count} delayed messages that fall due together") as bench:
        declare_delayed(bench.client, False)
        seconds = max(6, OPTIONS.count // 100000)
        due = int(time.time()) + seconds
        publish_all(bench.client, lambda i, t=Template(b"delayed", b"due",
                                                       headers=deliver_at(due)): t, lambda i: 0)
        expect(time.time() < due, "publishing took longer than the messages wait")
        bench.report_memory()
        measure_lateness(bench.client, lambda ms: bench.client.publish(
            b"rang", b"", b"delayed", delivery_mode=0, headers=delayed_headers(ms)), "x-delay")
        before = bench.neighbour.run(max(0.5, due - time.time() - 0.5))
        bench.neighbour.run(until=lambda: bench.count(b"due") > 0)
        begun = time.monotonic()
        during = bench.neighbour.run(until=lambda: bench.count(b"due") == OPTIONS.count)
        print(f"  all of them came within {time.monotonic() - begun:.2f} s")
        compare("while they come", before, during)


def ascending(queue_count):
    """They expire from `wait` seconds on, one after the other, for ten seconds."""
    wait_ms = max(8000, OPTIONS.count // 100)
    lasting_ms = 10000
    name = f"{OPTIONS.count} messages with ascending lifetimes in {queue_count} queue"
    with Bench(name + ("s" if queue_count > 1 else "")) as bench:
        queues = [b"q%d" % i for i in range(queue_count)]
        for queue in queues:
            bench.client.declare_queue(queue, durable=False)
        bench.client.declare_queue(b"rang", durable=False)
        bench.client.declare_queue(b"last", durable=False, arguments=[
            (b"x-dead-letter-exchange", ("S", b"")), (b"x-dead-letter-routing-key", ("S", b"rang"))])
        templates = [Template(key=queue, expiration=Template.MARK) for queue in queues]
        begun = time.monotonic()
        publish_all(bench.client, lambda i: templates[i % queue_count],
                    lambda i: wait_ms + i * lasting_ms // OPTIONS.count)
        took = time.monotonic() - begun
        expect(took < wait_ms / 1000, "publishing took longer than the messages live")
        bench.report_memory()
        measure_lateness(bench.client, lambda ms: bench.client.publish(
            b"last", b"", delivery_mode=0, expiration=b"%d" % ms), "expiration")
        before = bench.neighbour.run(1)
        while time.monotonic() - begun < wait_ms / 1000 + 0.5:
            bench.neighbour.run(0.1)
        during = bench.neighbour.run(lasting_ms / 1000)
        compare("while they expire", before, during)
        bench.neighbour.run(until=lambda: bench.count(queues[-1]) == 0)


def expired_together():
    with Bench(f"{OPTIONS.count} messages that expire together and are dead-lettered") as bench:
        bench.client.declare_queue(b"dead", durable=False)
        lifetime_ms = max(8000, OPTIONS.count // 100)
        bench.client.declare_queue(b"q", durable=False, arguments=[
            (b"x-dead-letter-exchange", ("S", b"")), (b"x-dead-letter-routing-key", ("S", b"dead"))])
        begun = time.monotonic()
        template = Template(key=b"q", expiration=Template.MARK)
        publish_all(bench.client, lambda i: template,
                    lambda i: lifetime_ms - int((time.monotonic() - begun) * 1000))
        before = bench.neighbour.run(1)
        bench.neighbour.run(until=lambda: bench.count(b"dead") > 0)
        begun = time.monotonic()
        during = bench.neighbour.run(until=lambda: bench.count(b"dead") == OPTIONS.count)
        print(f"  all of them were dead-lettered within {time.monotonic() - begun:.2f} s")
        compare("while they expire", before, during)


def removed(method, answer):
    with Bench(f"{method} of a queue of {OPTIONS.count}") as bench:
        bench.client.declare_queue(b"q", durable=False)
        template = Template(key=b"q")
        publish_all(bench.client, lambda i: template, lambda i: 0)
        before = bench.neighbour.run(1)
        full_kib = bench.broker.rss_kib()
        bench.other.send(1, method, queue=b"q")
        during = bench.neighbour.run(0.2)
        expect(bench.other.expect(answer).fields["message-count"] == OPTIONS.count,
               "the count of the answer is wrong")
        print(f"  {full_kib - bench.broker.rss_kib()} KiB went back within 0.2 s")
        compare("meanwhile", before, during)
        expect(max(during) < max(10, SLOWER * max(before)), f"somebody waited for {max(during):.1f} ms")


def restarted():
    with tempfile.TemporaryDirectory() as data:
        with Bench(f"{OPTIONS.count} delayed messages on disk, and a restart", data_dir=data) as bench:
            declare_delayed(bench.client, True)
            template = Template(b"delayed", b"due", headers=delayed_headers(HOUR_MS),
                                persistent=True)
            publish_all(bench.client, lambda i: template, lambda i: 0)
            bench.client.declare_queue(b"written")      # its answer waits for the disk
            bench.report_memory()
            begun = time.monotonic()
            bench.broker.stop()
            print(f"  stopped within {time.monotonic() - begun:.2f} s")
        begun = time.monotonic()
        with Broker("--set", "vm_memory_high_watermark.relative=0.9", program=OPTIONS.program,
                    data_dir=data) as broker:
            print(f"  restarted within {time.monotonic() - begun:.2f} s, "
                  f"{broker.rss_kib() * 1024 // OPTIONS.count} octets of memory for each")
            client = Amqp(broker.port).open_channel()
            measure_lateness(client, lambda ms: client.publish(
                b"rang", b"", b"delayed", headers=delayed_headers(ms)), "x-delay, on disk")
            broker.kill()
        begun = time.monotonic()
        with Broker(program=OPTIONS.program, data_dir=data) as broker:
            print(f"  restarted within {time.monotonic() - begun:.2f} s after a kill")


CASES = {
    "delayed": delayed,
    "ttl": lambda: ascending(1),
    "ttl1000": lambda: ascending(1000),
    "together": expired_together,
    "purge": lambda: removed("queue.purge", "queue.purge-ok"),
    "delete": lambda: removed("queue.delete", "queue.delete-ok"),
    "restart": restarted,
}


def parse():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="the broker")
    parser.add_argument("--count", type=int, default=1000000, help="messages (1000000)")
    parser.add_argument("--only", action="append", choices=list(CASES), help="this case")
    return parser.parse_args()


OPTIONS = parse()


def main():
    if is_sanitized(OPTIONS.program):
        print("figures of a sanitized broker mean nothing\n0 passed, 0 failed, 1 skipped")
        return 0
    passed = 0
    for case in OPTIONS.only or CASES:
        before = len(failures)
        CASES[case]()
        passed += len(failures) == before
    print(f"{passed} passed, {len(failures)} failed, 0 skipped")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
