#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""leveret-perf as a program: it must notice every fault of a broker, and none of an honest one.

The faults come from a small broker in this file that forwards publishes to consumers and tampers
with what it forwards.  With a `leveret` as argument, runs against that follow.

usage: test_perf.py [LEVERET]      (leveret-perf is looked for beside it)
"""
import json
import os
import pathlib
import queue
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools"))
from benchmark import compare, rows  # noqa: E402

LEVERET = pathlib.Path(sys.argv.pop(1)) if len(sys.argv) > 1 and sys.argv[1][0] != "-" else None
BUILD = LEVERET.parent if LEVERET else ROOT / "build"
PERF = BUILD / "leveret-perf"
HANGS = 300    # seconds
WAIT_IN_VAIN = ("--patience", "5")


# --- a broker that lies ------------------------------------------------------------------------


def frame(kind, channel, payload):
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce"


def method(channel, class_id, method_id, arguments=b""):
    return frame(1, channel, struct.pack(">HH", class_id, method_id) + arguments)


def shortstr(text):
    return bytes([len(text)]) + text


def close(channel, code, text):
    arguments = struct.pack(">H", code) + shortstr(text) + b"\0\0\0\0"
    return method(channel, 20, 40, arguments) if channel else method(0, 10, 50, arguments)


class Honest:
    """What a broker does with the message of a number (from 1), and with its confirm.  Subclasses
    lie.  `deliver` and `confirm` yield what is to be sent: bodies with a redelivered flag, frames."""
    pieces = None  # send in pieces of that many octets

    def deliver(self, number, body):
        yield body, False

    def confirm(self, number):
        yield method(1, 60, 80, struct.pack(">QB", number, 0))

    def at_publish(self, number):
        """Frames for the producer in front of the confirm."""
        return ()


class Broker:
    """One queue, one producer, one consumer at a time."""

    def __init__(self, behaviour):
        self.behaviour = behaviour
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.uri = f"amqp://127.0.0.1:{self.listener.getsockname()[1]}"
        self.waiting = queue.Queue()  # bodies on their way to the consumer
        self.accepting = threading.Thread(target=self.accept, daemon=True)
        self.accepting.start()

    def accept(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        try:
            Session(self, connection).run()
        except (OSError, EOFError, struct.error):
            pass
        connection.close()

    def stop(self):
        """Nobody may be about to accept when the descriptor's number is given to the next broker."""
        self.listener.shutdown(socket.SHUT_RDWR)
        self.accepting.join()
        self.listener.close()
        self.waiting.put(None)


class Session:
    def __init__(self, broker, connection):
        self.broker = broker
        self.connection = connection
        self.stream = connection.makefile("rb")
        self.lock = threading.Lock()
        self.confirms = False
        self.published = 0
        self.delivered = 0

    def read(self, size):
        octets = self.stream.read(size)
        if len(octets) < size:
            raise EOFError
        return octets

    def read_frame(self):
        kind, channel, size = struct.unpack(">BHI", self.read(7))
        payload = self.read(size + 1)[:-1]
        return kind, channel, payload

    def send(self, octets):
        size = self.broker.behaviour.pieces or len(octets)
        with self.lock:
            for at in range(0, len(octets), size):
                self.connection.sendall(octets[at:at + size])

    def run(self):
        self.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        assert self.read(8) == b"AMQP\0\0\x09\x01"
        self.send(method(0, 10, 10, b"\0\x09" + b"\0\0\0\0" + b"\0\0\0\5PLAIN" + b"\0\0\0\5en_US"))
        while True:
            kind, channel, payload = self.read_frame()
            if kind == 1 and not self.on_method(channel, struct.unpack(">HH", payload[:4]), payload):
                return

    def on_method(self, channel, name, payload):
        answers = {  # what is answered without a thought
            (10, 11): (10, 30, struct.pack(">HIH", 10, 4096 + 4096, 0)),
            (10, 40): (10, 41, b"\0"),
            (20, 10): (20, 11, b"\0\0\0\0"),
            (50, 10): (50, 11, shortstr(b"q") + b"\0" * 8),
            (60, 10): (60, 11, b""),
            (85, 10): (85, 11, b""),
            (60, 20): (60, 21, shortstr(b"tag")),
            (10, 50): (10, 51, b""),
        }
        if name == (85, 10):
            self.confirms = True
        if name in answers:
            self.send(method(channel, *answers[name]))
        if name == (60, 20):
            threading.Thread(target=self.deliver_all, args=(channel,), daemon=True).start()
        if name == (60, 40):
            self.on_publish()
        return name != (10, 50)

    def on_publish(self):
        _, _, header = self.read_frame()
        size = struct.unpack(">Q", header[4:12])[0]
        body = b""
        while len(body) < size:
            body += self.read_frame()[2]
        self.published += 1
        behaviour = self.broker.behaviour
        for octets in behaviour.at_publish(self.published):
            self.send(octets)
        for each in behaviour.deliver(self.published, body):
            self.broker.waiting.put(each)
        if self.confirms:
            for octets in behaviour.confirm(self.published):
                self.send(octets)

    def deliver_all(self, channel):
        while (item := self.broker.waiting.get()) is not None:
            try:
                self.send(item if isinstance(item, bytes) else self.delivery(channel, *item))
            except OSError:
                return

    def delivery(self, channel, body, redelivered):
        self.delivered += 1
        octets = method(channel, 60, 60, shortstr(b"tag") + struct.pack(">QB", self.delivered,
                                                                       redelivered) + b"\0\1q")
        octets += frame(2, channel, struct.pack(">HHQH", 60, 0, len(body), 0))
        for at in range(0, len(body), 8184):
            octets += frame(3, channel, body[at:at + 8184])
        return octets


def run_perf(uri, *options):
    """Exit status, JSON result and stderr of a run, which has the patience that a busy machine needs."""
    done = subprocess.run([PERF, "-h", uri, "--json", "--quiet", "--patience", "60", *options],
                          capture_output=True, text=True, timeout=HANGS, check=False)
    return done.returncode, json.loads(done.stdout) if done.stdout else None, done.stderr


class PerfTest(unittest.TestCase):
    def run_against(self, behaviour, *options):
        broker = Broker(behaviour)
        try:
            return run_perf(broker.uri, *options)
        finally:
            broker.stop()

    def expect(self, behaviour, status, *options, **findings):
        """The status and exactly these findings; returns stderr."""
        code, result, errors = self.run_against(behaviour, *(options or ("-C", "100")))
        self.assertEqual(code, status, errors)
        found = {name: count for name, count in result["findings"].items() if count}
        self.assertEqual(found, findings, errors)
        return errors


# --- tests -------------------------------------------------------------------------------------


class AnHonestBroker(PerfTest):
    def test_passes(self):
        code, result, errors = self.run_against(Honest(), "-C", "100", "-c", "10")
        self.assertEqual((code, errors.count("leveret-perf:")), (0, 0), errors)
        for name in ("sent_total", "received_total", "confirmed_total"):
            self.assertEqual(result[name], 100, name)
        self.assertEqual(result["latency_us"]["count"], 100)
        self.assertEqual(result["confirm_latency_us"]["count"], 100)

    def test_passes_with_bodies_of_many_sizes(self):
        for size in (0, 1, 7, 8, 15, 16, 23, 24, 200, 8184, 8185, 8191, 30000):
            with self.subTest(size=size):
                self.expect(Honest(), 0, "-C", "50", "-a", "-s", str(size))

    def test_passes_when_every_octet_comes_alone(self):
        behaviour = Honest()
        behaviour.pieces = 1
        self.expect(behaviour, 0, "-C", "30", "-c", "10", "-s", "40")

    def test_passes_when_large_bodies_come_in_odd_pieces(self):
        behaviour = Honest()
        behaviour.pieces = 1009
        self.expect(behaviour, 0, "-C", "30", "-s", "30001")

    def test_may_redeliver(self):
        class Behaviour(Honest):
            def deliver(self, number, body):
                yield body, False
                if number % 10 == 0:
                    yield body, True
        self.expect(Behaviour(), 0, "-C", "100")


class Messages(PerfTest):
    def tampered(self, status, tamper, *options, **findings):
        class Behaviour(Honest):
            def deliver(self, number, body):
                return tamper(number, body)
        return self.expect(Behaviour(), status, *options, **findings)

    def test_lost_message_is_noticed(self):
        errors = self.tampered(1, lambda n, body: [] if n == 50 else [(body, False)],
                               "-C", "100", *WAIT_IN_VAIN, lost=1)
        self.assertIn("1 messages lost", errors)

    def test_lost_message_is_forgiven_on_request(self):
        self.tampered(0, lambda n, body: [] if n == 50 else [(body, False)],
                      "-C", "100", "--lossy")

    def test_duplicate_is_noticed(self):
        self.tampered(1, lambda n, body: [(body, False)] * (2 if n == 50 else 1), duplicated=1)

    def test_changed_order_is_noticed(self):
        kept = []

        def swap(number, body):
            if number == 50:
                kept.append(body)
                return []
            return [(body, False)] + ([(kept.pop(), False)] if number == 51 else [])
        self.tampered(1, swap, out_of_order=1)

    def test_changed_octet_is_noticed(self):
        def change(number, body):
            return [(body[:70] + b"\0\1\2" + body[73:], False)] if number == 50 else [(body, False)]
        self.tampered(1, change, changed=1)

    def test_shortened_body_is_noticed(self):
        def cut(number, body):
            return [(body[:100] + body[-8:], False)] if number == 50 else [(body, False)]
        self.tampered(1, cut, changed=1)

    def test_end_of_another_body_is_noticed(self):
        last = [b""]

        def mix(number, body):
            mixed = body[:64] + last[0][64:] if number == 50 else body
            last[0] = body
            return [(mixed, False)]
        self.tampered(1, mix, changed=1)

    def test_messages_of_other_runs_are_counted_apart(self):
        def add(number, body):
            stranger = bytearray(body)
            stranger[7] ^= 0x80
            stranger[-1] ^= 0x80
            return [(body, False)] + ([(bytes(stranger), False)] if number == 50 else [])
        self.tampered(0, add, foreign=1)


class Confirms(PerfTest):
    def confirming(self, status, confirm, *options, **findings):
        class Behaviour(Honest):
            def confirm(self, number):
                return confirm(number)
        return self.expect(Behaviour(), status, "-C", "100", "-c", "20", *options, **findings)

    @staticmethod
    def ack(tag, multiple=False):
        return method(1, 60, 80, struct.pack(">QB", tag, multiple))

    def test_multiple_confirm_settles_all_below(self):
        self.confirming(0, lambda n: [self.ack(n, True)] if n % 10 == 0 else [])

    def test_confirms_may_come_in_any_order(self):
        self.confirming(0, lambda n: [self.ack(n), self.ack(n - 1)] if n % 2 == 0 else [])

    def test_missing_confirm_is_noticed(self):
        self.confirming(1, lambda n: [] if n == 50 else [self.ack(n)], *WAIT_IN_VAIN, unconfirmed=1)

    def test_confirm_of_the_unknown_is_noticed(self):
        self.confirming(1, lambda n: [self.ack(n)] + ([self.ack(1000)] if n == 50 else []),
                        wrongly_confirmed=1)

    def test_second_confirm_of_the_same_is_noticed(self):
        self.confirming(1, lambda n: [self.ack(n)] * (2 if n == 50 else 1), wrongly_confirmed=1)

    def test_nacked_message_may_be_missing(self):
        class Behaviour(Honest):
            def deliver(self, number, body):
                return [] if number == 50 else [(body, False)]

            def confirm(self, number):
                if number == 50:
                    return [method(1, 60, 120, struct.pack(">QB", number, 0))]
                return super().confirm(number)
        code, result, errors = self.run_against(Behaviour(), "-C", "100", "-c", "20")
        self.assertEqual(code, 0, errors)
        self.assertEqual((result["nacked_total"], result["confirmed_total"]), (1, 99))


class TheEnd(PerfTest):
    def ends(self, octets, status, text):
        class Behaviour(Honest):
            def at_publish(self, number):
                return octets if number == 50 else ()
        code, result, errors = self.run_against(Behaviour(), "-C", "1000")
        self.assertEqual(code, status, errors)
        self.assertIn(text, errors)
        self.assertEqual(result["exit"], status)

    def test_channel_close_is_reported(self):
        self.ends([close(1, 406, b"PRECONDITION_FAILED - why")], 70, "406 PRECONDITION_FAILED - why")

    def test_connection_close_is_reported(self):
        self.ends([close(0, 320, b"CONNECTION_FORCED - bye")], 69, "320 CONNECTION_FORCED - bye")

    def test_octets_that_are_no_frames_are_reported(self):
        self.ends([b"\x01\x00\x01\x00\x00\x00\x04no frame"], 69, "no AMQP")

    def test_frame_larger_than_agreed_is_reported(self):
        self.ends([frame(3, 1, bytes(9000))], 69, "no AMQP")

    def test_cancelled_consumer_is_reported(self):
        class Behaviour(Honest):
            def deliver(self, number, body):
                yield method(1, 60, 30, shortstr(b"tag") + b"\1") if number == 50 else (body, False)
        code, _, errors = self.run_against(Behaviour(), "-C", "1000")
        self.assertEqual(code, 70, errors)
        self.assertIn("cancelled consumer tag", errors)

    def test_dropped_connection_is_reported(self):
        class Behaviour(Honest):
            def at_publish(self, number):
                if number == 50:
                    raise EOFError
                return ()
        code, _, errors = self.run_against(Behaviour(), "-C", "1000")
        self.assertEqual(code, 69, errors)

    def test_no_broker_is_reported(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        code, _, errors = run_perf(f"amqp://127.0.0.1:{port}", "-z", "1")
        self.assertEqual(code, 69)
        self.assertIn("refused", errors)


class Blocking(PerfTest):
    def test_blocked_producer_waits_and_goes_on(self):
        class Behaviour(Honest):
            def at_publish(self, number):
                if number == 50:
                    return [method(0, 10, 60, shortstr(b"low on memory")), method(0, 10, 61)]
                return ()
        errors = self.expect(Behaviour(), 0, "-C", "100")
        self.assertIn("blocked by the broker: low on memory", errors)
        self.assertIn("no longer blocked", errors)


class CommandLine(unittest.TestCase):
    def run_with(self, *options):
        return subprocess.run([PERF, *options], capture_output=True, text=True, timeout=HANGS,
                              check=False)

    def test_unknown_option_is_refused(self):
        done = self.run_with("--bogus")
        self.assertEqual(done.returncode, 64)
        self.assertIn("--bogus", done.stderr)

    def test_help_shows_options_and_examples(self):
        done = self.run_with("--help")
        self.assertEqual(done.returncode, 0)
        for text in ("Examples:", "--confirm", "--fanout", "Exit status"):
            self.assertIn(text, done.stdout)


@unittest.skipUnless(LEVERET, "no leveret given")
class Leveret(unittest.TestCase):
    """Every mode once against the broker it was made for."""

    @classmethod
    def setUpClass(cls):
        cls.process = subprocess.Popen([LEVERET, "--port", "0", "--json", "--ephemeral"],
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        cls.uri = json.loads(cls.process.stdout.readline())["amqp"]

    @classmethod
    def tearDownClass(cls):
        cls.process.terminate()
        status = cls.process.wait(HANGS)
        cls.process.stdout.close()
        if status != 0:
            raise AssertionError(f"leveret ended with {status}")

    def check(self, line, sent, received):
        code, result, errors = run_perf(self.uri, *line.split())
        self.assertEqual(code, 0, errors)
        self.assertEqual((result["sent_total"], result["received_total"]), (sent, received), errors)
        return result

    def test_automatic_acks(self):
        self.check("-C 20000 -a", 20000, 20000)

    def test_each_acknowledged(self):
        self.check("-C 20000 -q 100", 20000, 20000)

    def test_many_acknowledged_at_once(self):
        self.check("-C 20000 -q 100 -A 50", 20000, 20000)

    def test_confirms(self):
        result = self.check("-C 20000 -c 100 -q 100", 20000, 20000)
        self.assertEqual(result["confirmed_total"], 20000)

    def test_transactions(self):
        self.check("-C 5000 -m 10 -a", 5000, 5000)

    def test_body_sizes(self):
        for size in (0, 5, 17, 4096, 16384, 131064, 131065, 1000000):
            with self.subTest(size=size):
                self.check(f"-C 20 -c 5 -s {size}", 20, 20)

    def test_channels_share_connections(self):
        self.check("-x 6 -X 3 -y 4 -Y 2 -C 2000 -q 10 -c 10", 12000, 12000)

    def test_many_queues(self):
        self.check("-x 20 -y 20 -qp many-%d -qpt 20 -C 500 -a", 10000, 10000)

    def test_fanout(self):
        self.check("--fanout 5 -C 2000 -a", 2000, 10000)

    def test_wildcards(self):
        self.check("--wildcards 100 -ad false -C 2003 -a --delete", 2003, 2003)
        self.check("--wildcards 20 -ad false -x 3 -C 999 -q 10 --delete", 2997, 2997)

    def test_a_message_in_the_wrong_queue_is_noticed(self):
        """All queues have a second binding, to what is meant for another one."""
        self.check("--wildcards 20 -ad false -C 100 -a", 100, 100)
        self.check("-e leveret-perf-wildcards -t topic -ad false -k part.00003.# -u leveret-perf-wildcards-1"
                   " -C 1 -y 0 --inflight 0", 1, 0)
        code, result, _ = run_perf(self.uri, *"--wildcards 20 -ad false -C 100 -a --delete".split())
        self.assertEqual(code, 1)
        self.assertEqual(result["findings"]["misrouted"], 5)

    def test_queues_are_deleted_when_asked_for(self):
        self.check("-u short-lived -ad false -y 0 -C 10 --delete", 10, 0)
        code, _, errors = run_perf(self.uri, *"-u short-lived -p -y 0 -C 1".split())
        self.assertEqual(code, 70, errors)

    def test_direct_exchange(self):
        self.check("-e perf-direct -k key -C 2000 -a", 2000, 2000)

    def test_unroutable_messages_come_back(self):
        result = self.check("-e amq.direct -k nowhere -f mandatory -p -y 0 -C 500 -c 10", 500, 0)
        self.assertEqual((result["returned_total"], result["confirmed_total"]), (500, 500))

    def test_fill_and_drain(self):
        self.check("-u store -ad false -y 0 -C 5000 -c 100", 5000, 0)
        self.check("-u store -p -x 0 -q 100 --drain", 0, 5000)

    def test_fixed_rate(self):
        result = self.check("-C 200 -r 1000 -a", 200, 200)
        self.assertGreater(result["seconds"], 0.15)


@unittest.skipUnless(LEVERET and os.access(BUILD / "null-broker", os.X_OK), "no leveret given")
class Bench(unittest.TestCase):
    """tools/bench, without RabbitMQ and too short to mean anything."""

    def bench(self, *words):
        return subprocess.run([ROOT / "tools" / "bench", "--build", BUILD, *words],
                              capture_output=True, text=True, timeout=HANGS, check=False)

    def test_table_and_results(self):
        with tempfile.TemporaryDirectory() as folder:
            results = pathlib.Path(folder, "results.json")
            done = self.bench("--players", "L,N", "--only", "T128,A1000", "--rounds", "2",
                              "--seconds", "0.2", "--json", results)
            self.assertEqual(done.returncode, 0, done.stderr)
            runs = json.loads(results.read_text())["results"]
        self.assertEqual({w: {b: len(r) for b, r in by.items()} for w, by in runs.items()},
                         {"T128": {"L": 2, "N": 2}, "A1000": {"L": 2, "N": 2}})
        self.assertIn("| T128 ", done.stdout)

    def test_compare_runs_both_builds(self):
        """Which of them is called slower is luck here: it is the same program."""
        done = self.bench("compare", BUILD, "--only", "T128,P100", "--rounds", "2", "--seconds", "0.2")
        self.assertIn(done.returncode, (0, 1), done.stderr)
        self.assertEqual([line.split()[1] for line in done.stdout.splitlines()[2:]], ["T128", "P100"])
        self.assertEqual(len([x for x in done.stderr.splitlines() if x.startswith("round ")]), 8)

    def test_options_of_another_task(self):
        done = self.bench("counts", "--markdown")
        self.assertEqual(done.returncode, 2)
        self.assertIn("counts has no use for --markdown", done.stderr)

    def test_compare_with_what_is_not_there(self):
        done = self.bench("compare", "no-such-commit")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no-such-commit is neither a commit nor a folder", done.stderr)

    def test_compare_judges_rates_and_times(self):
        def judged(row, before, now):
            runs = {"before": [{"figure": before, "cpu": 1.0}], "now": [{"figure": now, "cpu": 1.0}]}
            return compare.table_line(rows.BY_NAME[row], runs)[1][-1]

        self.assertEqual(judged("T16", 1000000, 951000), "")
        self.assertEqual(judged("T16", 1000000, 949000), "SLOWER")
        self.assertEqual(judged("LAT1K", 40, 41), "")
        self.assertEqual(judged("LAT1K", 40, 43), "SLOWER")


class Result(unittest.TextTestResult):
    """One line per test, and the count that the suite's runner expects at the end."""

    def counts(self):
        failed = len(self.failures) + len(self.errors)
        skipped = len(self.skipped)
        return f"{max(self.testsRun - failed - skipped, 0)} passed, {failed} failed, {skipped} skipped"


def main():
    if not os.access(PERF, os.X_OK):
        sys.exit(f"test_perf.py: {PERF} is missing")
    program = unittest.main(testRunner=unittest.TextTestRunner(resultclass=Result, verbosity=2),
                            exit=False)
    print(program.result.counts())
    sys.exit(0 if program.result.wasSuccessful() else 1)


if __name__ == "__main__":
    main()
