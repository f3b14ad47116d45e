#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What outlives the process: clean stops, kill -9, disks that fail, directories that are not as they should be."""
import glob
import os
import re
import shutil
import stat
import subprocess
import tempfile
import time
import unittest

import process
from client import Amqp, Refused
from process import Broker, Client, run, wait_until

HEADERS = [(b"text", ("S", b"value")), (b"number", ("I", -7)), (b"flag", ("t", True)),
           (b"nested", ("F", [(b"list", ("A", [("S", b"a"), ("l", 1 << 40)]))]))]
PROPERTIES = {"content-type": b"text/plain", "content-encoding": b"utf-8", "headers": HEADERS,
              "priority": 4, "correlation-id": b"c1", "reply-to": b"r", "message-id": b"m1",
              "timestamp": 1234567890, "type": b"t", "user-id": b"guest", "app-id": b"tests"}


class Case(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix="leveret-durability-")
        self.addCleanup(shutil.rmtree, self.directory)
        self.data = os.path.join(self.directory, "data")
        self.broker = None
        self.addCleanup(self.end)

    def end(self):
        if self.broker is not None:
            self.broker.__exit__()
            self.broker = None

    def start(self, *options, **arguments):
        self.end()
        self.broker = Broker(*options, data_dir=self.data, **arguments)
        return self.connect()

    def connect(self, confirm=True):
        client = Amqp(self.broker.port)
        self.addCleanup(client.close)
        return client.open_channel(confirm=confirm)

    def restart(self, clean):
        if clean:
            self.assertEqual(self.broker.stop(), 0)
        else:
            self.broker.kill()
        return self.start()

    def segments(self):
        return sorted(glob.glob(os.path.join(self.data, "*.lvj")))


def each_way(test):
    """Runs the test for a clean stop and for kill -9, each with a directory of its own."""
    def both(self):
        for clean in (True, False):
            with self.subTest(clean=clean):
                test(self, clean)
                self.end()
                shutil.rmtree(self.data)
    both.__doc__ = test.__doc__
    return both


class Definitions(Case):
    @each_way
    def test_exchanges_come_back(self, clean):
        client = self.start()
        for kind in (b"direct", b"fanout", b"topic", b"headers"):
            client.call(1, "exchange.declare", exchange=b"x-" + kind, type=kind, durable=True)
        client.call(1, "exchange.declare", exchange=b"internal", type=b"fanout", durable=True, internal=True)
        client.call(1, "exchange.declare", exchange=b"fleeting", type=b"fanout", durable=True, auto_delete=True)
        alternate = [(b"alternate-exchange", ("S", b"x-fanout"))]
        client.call(1, "exchange.declare", exchange=b"with-alternate", type=b"direct", durable=True,
                    arguments=alternate)
        client.call(1, "exchange.declare", exchange=b"transient", type=b"direct")
        client = self.restart(clean)
        for kind in (b"direct", b"fanout", b"topic", b"headers"):   # an equal declare is no error
            client.call(1, "exchange.declare", exchange=b"x-" + kind, type=kind, durable=True)
        client.call(1, "exchange.declare", exchange=b"internal", type=b"fanout", durable=True, internal=True)
        client.call(1, "exchange.declare", exchange=b"fleeting", type=b"fanout", durable=True, auto_delete=True)
        client.declare_queue(b"caught")
        client.call(1, "queue.bind", queue=b"caught", exchange=b"x-fanout")
        client.publish(b"nobody", b"lost?", exchange=b"with-alternate")
        client.await_confirms(1)
        self.assertEqual(client.get(b"caught").body, b"lost?")
        with self.assertRaises(Refused) as refused:
            client.call(1, "exchange.declare", exchange=b"transient", passive=True)
        self.assertEqual(refused.exception.code, 404)
        client.open_channel(2)
        with self.assertRaises(Refused) as refused:
            client.call(2, "exchange.declare", exchange=b"with-alternate", type=b"direct", durable=True)
        self.assertEqual(refused.exception.code, 406)
        client.open_channel(3)
        with self.assertRaises(Refused) as refused:
            client.publish(b"", b"", exchange=b"internal", channel=3)
            client.call(3, "basic.qos", prefetch_count=1)
        self.assertEqual(refused.exception.code, 403)

    @each_way
    def test_queues_come_back_with_their_arguments(self, clean):
        arguments = [(b"x-max-length", ("I", 2)), (b"x-dead-letter-exchange", ("S", b"")),
                     (b"x-dead-letter-routing-key", ("S", b"dead")), (b"x-max-priority", ("I", 5))]
        client = self.start()
        client.declare_queue(b"q", arguments=arguments)
        client.declare_queue(b"dead")
        client.declare_queue(b"fleeting", auto_delete=True)
        client = self.restart(clean)
        client.declare_queue(b"q", arguments=arguments)
        client.declare_queue(b"fleeting", auto_delete=True)
        for body in (b"1", b"2", b"3"):
            client.publish(b"q", body)
        client.await_confirms(3)
        self.assertEqual(client.get(b"dead").body, b"1")
        self.assertEqual(client.count(b"q"), 2)
        with self.assertRaises(Refused) as refused:
            client.declare_queue(b"q")
        self.assertEqual(refused.exception.code, 406)

    @each_way
    def test_bindings_come_back(self, clean):
        client = self.start()
        client.declare_queue(b"q")
        client.declare_queue(b"transient", durable=False)
        client.call(1, "exchange.declare", exchange=b"source", type=b"topic", durable=True)
        client.call(1, "exchange.declare", exchange=b"middle", type=b"headers", durable=True)
        client.call(1, "queue.bind", queue=b"q", exchange=b"source", routing_key=b"a.*.c")
        client.call(1, "queue.bind", queue=b"transient", exchange=b"source", routing_key=b"a.*.c")
        client.call(1, "exchange.bind", destination=b"middle", source=b"source", routing_key=b"to.#")
        match = [(b"x-match", ("S", b"any")), (b"colour", ("S", b"red"))]
        client.call(1, "queue.bind", queue=b"q", exchange=b"middle", arguments=match)
        client.call(1, "queue.bind", queue=b"q", exchange=b"source", routing_key=b"gone")
        client.call(1, "queue.unbind", queue=b"q", exchange=b"source", routing_key=b"gone")
        client = self.restart(clean)
        client.publish(b"a.b.c", b"topic", exchange=b"source")
        client.publish(b"gone", b"unbound", exchange=b"source")
        client.publish(b"to.x", b"wrong", exchange=b"source", headers=[(b"colour", ("S", b"blue"))])
        client.publish(b"to.x", b"headers", exchange=b"source", headers=[(b"colour", ("S", b"red"))])
        client.await_confirms(4)
        self.assertEqual([m.body for m in client.drain(b"q")], [b"topic", b"headers"])

    @each_way
    def test_deleted_things_stay_deleted(self, clean):
        client = self.start()
        client.declare_queue(b"q")
        client.call(1, "exchange.declare", exchange=b"x", type=b"fanout", durable=True)
        client.call(1, "queue.bind", queue=b"q", exchange=b"x")
        client.call(1, "exchange.delete", exchange=b"x")
        client.call(1, "queue.delete", queue=b"q")
        client = self.restart(clean)
        for channel, method, fields in ((2, "queue.declare", {"queue": b"q"}),
                                        (3, "exchange.declare", {"exchange": b"x"})):
            client.open_channel(channel)
            with self.assertRaises(Refused) as refused:
                client.call(channel, method, passive=True, **fields)
            self.assertEqual(refused.exception.code, 404)

    @each_way
    def test_deleting_an_end_takes_its_bindings_along(self, clean):
        client = self.start()
        client.declare_queue(b"q")
        client.declare_queue(b"other")
        for exchange in (b"x", b"y"):
            client.call(1, "exchange.declare", exchange=exchange, type=b"fanout", durable=True)
        for queue in (b"q", b"other"):
            client.call(1, "queue.bind", queue=queue, exchange=b"x")
        client.call(1, "exchange.bind", destination=b"x", source=b"y")
        client.call(1, "queue.delete", queue=b"q")
        client.declare_queue(b"q")
        client = self.restart(clean)
        client.publish(b"", b"body", exchange=b"y")
        client.await_confirms(1)
        self.assertEqual((client.count(b"q"), client.count(b"other")), (0, 1))

    # rows: 446
    @each_way
    def test_exclusive_and_transient_things_are_gone(self, clean):
        client = self.start()
        client.declare_queue(b"transient", durable=False)
        client.declare_queue(b"exclusive", exclusive=True)
        client.declare_queue(b"kept")
        client.publish(b"kept", b"transient", delivery_mode=1)
        client.publish(b"kept", b"none", delivery_mode=0)
        client.publish(b"transient", b"persistent")
        client.await_confirms(3)
        client = self.restart(clean)
        self.assertEqual(client.count(b"kept"), 0)
        for channel, name in ((2, b"transient"), (3, b"exclusive")):
            client.open_channel(channel)
            with self.assertRaises(Refused) as refused:
                client.count(name, channel)
            self.assertEqual(refused.exception.code, 404)


class Messages(Case):
    # rows: 445
    @each_way
    def test_queues_and_persistent_messages_come_back(self, clean):
        client = self.start()
        client.declare_queue(b"q")
        client.publish(b"q", b"first", **{name.replace("-", "_"): value for name, value in PROPERTIES.items()})
        for number in range(2, 1001):
            client.publish(b"q", b"%d" % number)
        client.await_confirms(1000)
        client = self.restart(clean)
        messages = client.drain(b"q")
        self.assertEqual([m.body for m in messages], [b"first"] + [b"%d" % n for n in range(2, 1001)])
        self.assertEqual(messages[0].properties, {**PROPERTIES, "delivery-mode": 2})
        self.assertEqual(messages[0].fields["routing-key"], b"q")
        self.assertEqual({m.fields["redelivered"] for m in messages}, {not clean})

    @each_way
    def test_bodies_of_all_sizes(self, clean):
        sizes = (0, 1, 4095, 65535, 65536, 65537, 131064, 131065, 262144, 262145, 1 << 20, 2 << 20)
        client = self.start()
        client.declare_queue(b"q")
        bodies = [os.urandom(size) for size in sizes]
        for body in bodies:
            client.publish(b"q", body)
        client.await_confirms(len(bodies))
        client = self.restart(clean)
        self.assertEqual([m.body for m in client.drain(b"q")], bodies)

    @each_way
    def test_fan_out_is_settled_queue_by_queue(self, clean):
        client = self.start()
        for number in range(20):
            client.declare_queue(b"q%d" % number)
            client.call(1, "queue.bind", queue=b"q%d" % number, exchange=b"amq.fanout")
        for number in range(3):
            client.publish(b"", b"%d" % number, exchange=b"amq.fanout")
        client.await_confirms(3)
        self.assertEqual(client.get(b"q0").body, b"0")
        client.drain(b"q1")
        client.call(1, "queue.purge", queue=b"q2")
        client.call(1, "queue.delete", queue=b"q3")
        client.declare_queue(b"sync")   # what is before it in the journal is on disk, too
        client = self.restart(clean)
        for name, left in ((b"q0", [b"1", b"2"]), (b"q1", []), (b"q2", []), (b"q19", [b"0", b"1", b"2"])):
            self.assertEqual([m.body for m in client.drain(name)], left)

    @each_way
    def test_priorities_keep_their_order(self, clean):
        client = self.start()
        client.declare_queue(b"q", arguments=[(b"x-max-priority", ("I", 9))])
        for number in range(30):
            client.publish(b"q", b"%d" % number, priority=number % 10)
        client.await_confirms(30)
        client = self.restart(clean)
        self.assertEqual([int(m.body) for m in client.drain(b"q")],
                         sorted(range(30), key=lambda n: (-(n % 10), n)))

    @each_way
    def test_transactions_come_back_whole_or_not_at_all(self, clean):
        client = self.start()
        client.declare_queue(b"a")
        client.declare_queue(b"b")
        client.publish(b"a", b"taken")
        client.await_confirms(1)
        client.open_channel(2)
        client.call(2, "tx.select")
        tag = client.get(b"a", 2, no_ack=False).fields["delivery-tag"]
        client.publish(b"a", b"1", channel=2)
        client.publish(b"b", b"2", channel=2)
        client.send(2, "basic.ack", delivery_tag=tag)
        client.call(2, "tx.commit")
        client.publish(b"a", b"not committed", channel=2)
        client.call(2, "basic.qos", prefetch_count=1)
        client = self.restart(clean)
        self.assertEqual([m.body for m in client.drain(b"a")], [b"1"])
        self.assertEqual([m.body for m in client.drain(b"b")], [b"2"])

    @each_way
    def test_purged_deleted_and_redeclared(self, clean):
        client = self.start()
        for name in (b"purged", b"again"):
            client.declare_queue(name)
            for number in range(10):
                client.publish(name, b"old %d" % number)
        client.await_confirms(20)
        client.call(1, "queue.purge", queue=b"purged")
        client.call(1, "queue.delete", queue=b"again")
        client.declare_queue(b"again")
        client.publish(b"again", b"new")
        client.publish(b"purged", b"new")
        client.await_confirms(22)
        client = self.restart(clean)
        for name in (b"purged", b"again"):
            self.assertEqual([m.body for m in client.drain(name)], [b"new"])

    @each_way
    def test_sequences_go_on_where_they_were(self, clean):
        """Many short lives: whatever was acked stays away, whatever was not stays in order."""
        client = self.start()
        client.declare_queue(b"q")
        expected = []
        for life in range(5):
            for number in range(10):
                client.publish(b"q", b"%d.%d" % (life, number))
                expected.append(b"%d.%d" % (life, number))
            client.await_confirms(10)
            for _ in range(7):
                self.assertEqual(client.get(b"q").body, expected.pop(0))
            client.declare_queue(b"sync%d" % life)
            client = self.restart(clean)
        self.assertEqual([m.body for m in client.drain(b"q")], expected)

    @each_way
    def test_dead_letters_are_in_one_place(self, clean):
        client = self.start()
        client.declare_queue(b"dead")
        client.declare_queue(b"q", arguments=[(b"x-dead-letter-exchange", ("S", b"")),
                                              (b"x-dead-letter-routing-key", ("S", b"dead"))])
        for number in range(10):
            client.publish(b"q", b"%d" % number)
        client.await_confirms(10)
        for _ in range(5):
            tag = client.get(b"q", no_ack=False).fields["delivery-tag"]
            client.send(1, "basic.reject", delivery_tag=tag, requeue=False)
        client.declare_queue(b"sync")
        client.declare_queue(b"sync2")
        client = self.restart(clean)
        dead = client.drain(b"dead")
        self.assertEqual([m.body for m in dead], [b"%d" % n for n in range(5)])
        self.assertEqual([m.body for m in client.drain(b"q")], [b"%d" % n for n in range(5, 10)])
        x_death = dict(dead[0].properties["headers"])[b"x-death"]
        self.assertEqual(dict(x_death[1][0][1])[b"reason"], ("S", b"rejected"))

    @each_way
    def test_time_to_live_goes_on(self, clean):
        client = self.start()
        client.declare_queue(b"dead")
        for name, milliseconds in ((b"q", 1500), (b"second", 1000)):
            client.declare_queue(name, arguments=[(b"x-dead-letter-exchange", ("S", b"")),
                                                  (b"x-dead-letter-routing-key", ("S", b"dead")),
                                                  (b"x-message-ttl", ("I", milliseconds))])
        client.declare_queue(b"short")
        began = time.monotonic()
        client.publish(b"q", b"queue")
        client.publish(b"short", b"message", expiration=b"1")
        client.publish(b"short", b"long", expiration=b"100000")
        client.await_confirms(3)
        time.sleep(1)
        client = self.restart(clean)
        # Half a second at most is left of its time; with all of it again it would come behind this one.
        client.publish(b"second", b"later")
        self.assertEqual([m.body for m in client.drain(b"short")], [b"long"])
        wait_until(lambda: client.count(b"dead") >= 1)
        self.assertGreaterEqual(time.monotonic() - began, 1.4)
        wait_until(lambda: client.count(b"dead") == 2)
        self.assertEqual([m.body for m in client.drain(b"dead")], [b"queue", b"later"])

    def test_redelivered_flags_are_exact_after_a_clean_stop(self):
        client = self.start()
        client.declare_queue(b"q")
        for number in range(10):
            client.publish(b"q", b"%d" % number)
        client.await_confirms(10)
        for _ in range(4):
            client.get(b"q", no_ack=False)
        client = self.restart(clean=True)
        messages = [client.get(b"q", no_ack=False) for _ in range(10)]
        self.assertEqual([m.body for m in messages], [b"%d" % n for n in range(10)])
        self.assertEqual([m.fields["redelivered"] for m in messages], [n < 4 for n in range(10)])
        client.send(1, "basic.nack", delivery_tag=0, multiple=True, requeue=True)
        client = self.restart(clean=True)
        self.assertEqual([m.fields["redelivered"] for m in client.drain(b"q")], [True] * 10)

    def test_redelivered_flags_of_an_earlier_clean_stop_do_not_stick(self):
        client = self.start()
        client.declare_queue(b"q")
        client.publish(b"q", b"old")
        client.await_confirms(1)
        client.get(b"q", no_ack=False)
        client = self.restart(clean=True)
        self.assertTrue(client.get(b"q").fields["redelivered"])
        client.publish(b"q", b"new")
        client.await_confirms(1)
        client = self.restart(clean=True)
        self.assertFalse(client.get(b"q").fields["redelivered"])


class Directory(Case):
    def test_modes_are_private(self):
        old = os.umask(0)
        self.addCleanup(os.umask, old)
        client = self.start()
        client.declare_queue(b"q")
        client.publish(b"q", b"body")
        client.await_confirms(1)
        self.assertEqual(stat.S_IMODE(os.stat(self.data).st_mode), 0o700)
        names = os.listdir(self.data)
        self.assertTrue(self.segments())
        for name in names:
            self.assertEqual(stat.S_IMODE(os.stat(os.path.join(self.data, name)).st_mode), 0o600, name)

    def test_second_process_is_refused(self):
        self.start()
        code, out, error = run("--json", "--port", "0", "--data-dir", self.data)
        self.assertEqual((code, out), (73, ""))
        self.assertIn(f"{self.data} is in use by another broker", error)
        self.connect().declare_queue(b"unharmed")

    def test_directory_of_others_is_refused(self):
        os.mkdir(self.data)
        os.chmod(self.data, 0o777)
        code, _, error = run("--port", "0", "--data-dir", self.data)
        self.assertEqual(code, 77)
        self.assertIn(self.data, error)
        self.assertIn("others", error)

    def test_symbolic_link_is_refused(self):
        os.mkdir(os.path.join(self.directory, "real"), 0o700)
        os.symlink("real", self.data)
        code, _, error = run("--port", "0", "--data-dir", self.data)
        self.assertIn(code, (73, 77))
        self.assertIn(self.data, error)

    def test_place_that_cannot_be_made_is_told(self):
        with open(os.path.join(self.directory, "file"), "w"):
            pass
        for place in ("file", "file/below"):
            path = os.path.join(self.directory, place)
            code, _, error = run("--port", "0", "--data-dir", path)
            self.assertEqual(code, 73, error)
            self.assertIn(path, error)

    @unittest.skipUnless(os.geteuid() == 0, "only root may become somebody else")
    def test_unwritable_directory_is_told(self):
        os.chmod(self.directory, 0o755)
        program = os.path.join(self.directory, "leveret")
        shutil.copy(process.BROKER, program)
        done = subprocess.run([program, "--port", "0", "--data-dir", self.data], capture_output=True,
                              text=True, timeout=process.PATIENCE, stdin=subprocess.DEVNULL,
                              preexec_fn=lambda: os.setuid(65534))
        self.assertIn(done.returncode, (73, 77), done.stderr)
        self.assertIn(self.data, done.stderr)
        self.assertIn("Permission denied", done.stderr)

    def test_rabbitmq_variables_choose_the_directory(self):
        for variable, below in (("RABBITMQ_MNESIA_DIR", ""), ("RABBITMQ_MNESIA_BASE", "/leveret")):
            place = os.path.join(self.directory, variable)
            with Broker(environment={variable: place}) as broker:
                with Amqp(broker.port) as client:
                    client.open_channel().declare_queue(b"q")
                self.assertEqual(broker.stop(), 0)
            self.assertTrue(glob.glob(place + below + "/*.lvj"), os.listdir(place))

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("unshare"), "needs root and unshare")
    def test_host_name_does_not_matter(self):
        client = self.start()
        client.declare_queue(b"q")
        client.publish(b"q", b"body")
        client.await_confirms(1)
        self.assertEqual(self.broker.stop(), 0)
        client = self.start(wrapper=["unshare", "--uts", "sh", "-c", "hostname elsewhere && exec \"$@\"", "sh"])
        self.assertEqual(client.get(b"q").body, b"body")


class Damage(Case):
    def test_damage_is_refused_with_file_and_offset(self):
        client = self.start()
        client.declare_queue(b"q")
        for number in range(20):
            client.publish(b"q", os.urandom(5000))
            client.await_confirms(number + 1)
        self.assertEqual(self.broker.stop(), 0)
        segment = self.segments()[0]
        with open(segment, "r+b") as file:
            file.seek(4096 + 4096 + 100)
            octets = file.read(16)
            file.seek(4096 + 4096 + 100)
            file.write(bytes(octet ^ 0x55 for octet in octets))
        code, out, error = run("--json", "--port", "0", "--data-dir", self.data)
        self.assertEqual((code, out), (65, ""))
        self.assertIn(os.path.basename(segment), error)
        self.assertRegex(error, r"offset \d+")
        self.assertIn("leveret-journal salvage", error)

    def test_torn_tail_is_no_damage(self):
        client = self.start()
        client.declare_queue(b"q")
        for number in range(5):
            client.publish(b"q", b"%d" % number * 1000)
            client.await_confirms(number + 1)
        self.broker.kill()
        with open(self.segments()[0], "r+b") as file:
            octets = file.read()
            used = len(octets.rstrip(b"\0"))
            last = (used - 1) // 4096 * 4096
            file.seek(last + 50)
            file.write(b"\xff" * 100)
        client = self.start()
        self.assertEqual([m.body for m in client.drain(b"q")], [b"%d" % n * 1000 for n in range(4)])
        self.assertEqual(self.broker.stop(), 0)
        self.assertRegex(self.broker.log, r"\[warning\].*last batch was not written to its end.*offset")


class Told(Case):
    """What the journal goes on without is in the log, with its file."""

    def logged(self):
        return os.pread(self.broker.log_file.fileno(), 1 << 20, 0).decode(errors="replace")

    def await_log(self, pattern):
        wait_until(lambda: re.search(pattern, self.logged()), pattern)
        return re.findall(pattern, self.logged())

    def damage(self, wanted):
        """One octet of it, in the segment that is returned."""
        for segment in self.segments():
            with open(segment, "r+b") as file:
                at = file.read().find(wanted)
                if at >= 0:
                    file.seek(at + 5)
                    file.write(b"x")
                    return segment
        raise AssertionError("it is in no segment")

    def test_damaged_message_is_put_aside_and_told_once(self):
        client = self.start()
        client.declare_queue(b"q")
        for number in range(6):
            client.publish(b"q", b"%d" % number * 1000000)
            client.await_confirms(number + 1)
        self.assertEqual(self.broker.stop(), 0)
        segment = self.damage(b"2" * 1000)
        client = self.start()    # which reads the indexes and no message
        self.assertEqual([m.body[:1] for m in client.drain(b"q")], [b"0", b"1", b"3", b"4", b"5"])
        pattern = r"\[warning\].*Journal: 1 stored message cannot be read, .* of (\S+\.lvj)"
        self.assertEqual(self.await_log(pattern), [os.path.basename(segment)])
        self.assertEqual(len(glob.glob(os.path.join(self.data, "quarantine-*.lvr"))), 1)
        client.publish(b"q", b"more")
        client.await_confirms(1)
        self.assertEqual(self.broker.stop(), 0)
        self.assertEqual(len(re.findall(pattern, self.broker.log)), 1)

    def test_spare_that_cannot_be_made_is_told(self):
        client = self.start(*SMALL_SEGMENTS)
        in_the_way = os.path.join(self.data, "0000000000000003.tmp")    # its name while it is made
        os.mkdir(in_the_way)
        client.declare_queue(b"q")
        client.publish(b"q", b"m" * 700000)    # past half of the first segment: a second spare is due
        client.await_confirms(1)
        self.assertEqual(self.await_log(r"\[warning\].*Journal: (\S+) could not be made ahead: (.*);"),
                         [("0000000000000003.lvj", "File exists")])
        os.rmdir(in_the_way)
        client = self.restart(clean=True)
        self.assertEqual(client.get(b"q").body, b"m" * 700000)


# So that making spares ahead takes few of the calls that are counted; counts are per thread.
SMALL_SEGMENTS = ("--set", "leveret.journal_segment_size=1048576")


@unittest.skipUnless(shutil.which("strace"), "strace is not there")
class FailingDisk(Case):
    def check_failure(self, *inject):
        client = self.start()
        client.declare_queue(b"q")
        for number in range(10):
            client.publish(b"q", b"before %d" % number)
        client.await_confirms(10)
        self.assertEqual(self.broker.stop(), 0)

        wrapper = ["strace", "-f", "-qq", "-o", "/dev/null"]
        for what in inject:
            wrapper += ["-e", f"inject={what}"]
        client = self.start(*SMALL_SEGMENTS, wrapper=wrapper, environment=process.TRACEABLE)
        idle = Client(self.broker).login()
        confirmed = 0
        with self.assertRaises(Refused) as refused:
            for number in range(1, 10000):
                client.publish(b"q", b"%d" % number)
                client.await_confirms(number)
                confirmed = number
        failed = time.monotonic()
        self.assertEqual(refused.exception.code, 541)
        self.assertTrue(idle.expect(0, 10, 50).startswith((541).to_bytes(2, "big")))
        idle.send(0, 10, 51)
        self.assertEqual(self.broker.wait(), 74)
        self.assertLess(time.monotonic() - failed, 3)
        self.assertIn("nothing is confirmed any more", self.broker.log)

        client = self.start()
        bodies = [m.body for m in client.drain(b"q")]
        wanted = [b"before %d" % n for n in range(10)] + [b"%d" % n for n in range(1, confirmed + 1)]
        self.assertEqual(bodies[:len(wanted)], wanted)
        self.assertLessEqual(len(bodies), len(wanted) + 1)

    def test_failed_sync(self):
        self.check_failure("fdatasync:error=EIO:when=20")

    def test_failed_sync_after_many_that_did_not(self):
        self.check_failure("fdatasync:error=EIO:when=200")

    def test_failed_write(self):
        self.check_failure("pwritev:error=EIO:when=40")

    def test_sync_that_finds_the_disk_full(self):
        self.check_failure("fdatasync:error=ENOSPC:when=25")

    def test_gated_client_is_told(self):
        client = self.start(*SMALL_SEGMENTS, environment=process.TRACEABLE, wrapper=[
            "strace", "-f", "-qq", "-o", "/dev/null", "-e", "inject=fdatasync:error=EIO:when=30+"])
        with self.assertRaises(Refused) as refused:
            for number in range(100):
                client.declare_queue(b"q%d" % number)
        self.assertEqual(refused.exception.code, 541)
        self.assertEqual(self.broker.wait(), 74)
        client = self.start()
        for declared in range(number):
            client.declare_queue(b"q%d" % declared, passive=True)


if __name__ == "__main__":
    process.main()
