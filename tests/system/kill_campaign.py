#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The real broker under load, killed again and again: nothing that was confirmed may be lost.

Several clients publish with confirms and in transactions, to one queue and to many, consume and
acknowledge, declare and delete. At a random moment, or at a random write, sync or rename of the journal, the
broker gets SIGKILL. The next one, on the same directory, must have within 5 s

  * every message whose confirm or commit-ok was seen and which nobody took,
  * of a transaction all messages or none,
  * no message whose acknowledgement was followed by a commit-ok,
  * each publisher's messages in order in every queue, each at most once per queue,
  * nothing from before without `redelivered`,
  * every queue that was declared, none whose delete-ok was seen.

Then the next round goes on with what is there. tools/prove kill is the way to run it for long.
"""
import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time

import process
from client import Amqp, Refused
from process import Broker

RESTART_SECONDS_MAX = 5
SETTLED_AT_MOST = 400           # deliveries that one consumer takes in a round
QUEUES = [b"one", b"two", b"deep", b"work"]
FAN = [b"fan%d" % number for number in range(5)]
SMALL = ("--set", "leveret.journal_segment_size=1048576",
         "--set", "leveret.message_memory_limit=1048576")
SYSCALLS = ("pwritev", "fdatasync", "renameat", "fsync", "unlinkat")
GONE = (OSError, EOFError, Refused)


class Lost(Exception):
    """A promise was broken."""


class Book:
    """What the clients know. A message is `publisher:number`, its number counts over all rounds.

    Each queue has: `confirmed`, what must be there unless it was taken; `maybe`, sent and not confirmed;
    `gone`, acknowledged with a commit-ok; `taken`, acknowledged, so that it may be gone or come again.
    """

    def __init__(self):
        self.lock = threading.Lock()
        self.confirmed, self.maybe, self.taken, self.gone = {}, {}, {}, {}
        self.units = []         # sets of (queue, message): all of them are there or none
        self.queues = set()     # names whose declare-ok was seen
        self.deleted = set()    # names whose delete-ok was seen
        self.counts = {"confirmed": 0, "taken": 0, "commits": 0, "declared": 0}
        for name in QUEUES + FAN:
            self.add(name)

    def add(self, name):
        for book in (self.confirmed, self.maybe, self.taken, self.gone):
            book[name] = set()

    def sent(self, queues, message):
        with self.lock:
            for queue in queues:
                self.maybe[queue].add(message)

    def confirm(self, queues, messages):
        with self.lock:
            self.counts["confirmed"] += len(messages)
            for queue in queues:
                self.confirmed[queue].update(messages)
                self.maybe[queue].difference_update(messages)

    def take(self, queue, messages, for_good=False):
        with self.lock:
            self.counts["taken"] += len(messages)
            (self.gone if for_good else self.taken)[queue].update(messages)


class Worker(threading.Thread):
    """One client; it works until the broker is gone."""

    def __init__(self, book, port, seed, first_number, name):
        super().__init__(daemon=True)
        self.book, self.port, self.random = book, port, random.Random(seed)
        self.number, self.publisher = first_number, name
        self.failure = None

    def run(self):
        try:
            with Amqp(self.port) as client:
                self.work(client)
        except GONE:
            pass
        except Exception as error:      # what was not expected must not go unseen
            self.failure = error

    def next_message(self):
        self.number += 1
        return b"%s:%d" % (self.publisher, self.number)

    def body_of(self, message):
        return message + b"|" + b"x" * self.random.choice((0, 10, 100, 1000, 5000, 70000))


class Publisher(Worker):
    """Confirms, windows of varying size, to one queue or fanned out."""

    def work(self, client):
        client.open_channel(confirm=True)
        done = 0
        while True:
            fan = self.random.random() < 0.3
            queues = FAN if fan else [self.random.choice(QUEUES)]
            messages = [self.next_message() for _ in range(self.random.choice((1, 1, 10, 50)))]
            for message in messages:
                self.book.sent(queues, message)
                client.publish(b"" if fan else queues[0], self.body_of(message),
                               exchange=b"fan" if fan else b"")
            for tag in self.confirms(client, done, len(messages)):
                self.book.confirm(queues, messages[:tag - done])
            done += len(messages)

    def confirms(self, client, done, count):
        tag = done
        while tag < done + count:
            frame = client.expect("basic.ack")
            tag = frame.fields["delivery-tag"]
            yield tag


class Committer(Worker):
    """Transactions: moves messages from one queue to two others, and publishes new ones."""

    def work(self, client):
        client.open_channel()
        client.call(1, "tx.select")
        while True:
            taken, unit = [], set()
            for _ in range(self.random.randrange(3)):
                frame = client.get(b"work", no_ack=False)
                if frame is None:
                    break
                taken.append(frame.body.split(b"|")[0])
                client.send(1, "basic.ack", delivery_tag=frame.fields["delivery-tag"])
            for queue in self.random.sample([b"one", b"two", b"deep"], 2):
                message = self.next_message()
                unit.add((queue, message))
                self.book.sent([queue], message)
                client.publish(queue, self.body_of(message))
            with self.book.lock:
                self.book.units.append((unit, set(taken)))
                self.book.taken[b"work"].update(taken)
            client.call(1, "tx.commit")
            for queue, message in unit:
                self.book.confirm([queue], [message])
            self.book.take(b"work", taken, for_good=True)
            self.book.counts["commits"] += 1


class Consumer(Worker):
    """Takes some messages and acknowledges most of them."""

    def __init__(self, *arguments, queue):
        super().__init__(*arguments)
        self.queue = queue

    def work(self, client):
        client.open_channel()
        client.call(1, "basic.qos", prefetch_count=20)
        client.call(1, "basic.consume", queue=self.queue)
        for _ in range(SETTLED_AT_MOST):
            frame = client.expect("basic.deliver")
            message = frame.body.split(b"|")[0]
            if self.random.random() < 0.05:
                client.send(1, "basic.nack", delivery_tag=frame.fields["delivery-tag"], requeue=True)
                continue
            self.book.take(self.queue, [message])
            client.send(1, "basic.ack", delivery_tag=frame.fields["delivery-tag"])


class Declarer(Worker):
    """Queues come and go."""

    def work(self, client):
        client.open_channel()
        mine = []
        while True:
            name = self.next_message()
            client.declare_queue(name)
            with self.book.lock:
                self.book.queues.add(name)
                self.book.counts["declared"] += 1
            mine.append(name)
            client.call(1, "queue.bind", queue=name, exchange=b"amq.direct", routing_key=name)
            if len(mine) > 5:
                name = mine.pop(0)
                with self.book.lock:
                    self.book.queues.discard(name)
                client.call(1, "queue.delete", queue=name)
                with self.book.lock:
                    self.book.deleted.add(name)


class Check:
    """What a broker has after it was killed, against the book."""

    def __init__(self, book, client):
        self.book, self.client = book, client
        self.found = {}
        self.problems = []

    def run(self):
        for queue in QUEUES + FAN:
            self.check_queue(queue)
        self.check_units()
        self.check_declared()
        if self.problems:
            raise Lost("; ".join(self.problems[:10]))
        self.settle()

    def read_queue(self, queue):
        """Everything, left unacknowledged: closing the channel puts it back as it was."""
        frames = []
        self.client.open_channel(9)
        count = self.client.count(queue, 9)
        if count > 0:
            self.client.call(9, "basic.consume", queue=queue, consumer_tag=b"reader")
            frames = [self.client.expect("basic.deliver", channel=9) for _ in range(count)]
        self.client.call(9, "channel.close", reply_code=200)
        return frames

    def check_queue(self, queue):
        frames = self.read_queue(queue)
        messages = [frame.body.split(b"|")[0] for frame in frames]
        found = self.found[queue] = set(messages)
        book = self.book
        self.tell(queue, "lost", book.confirmed[queue] - found - book.taken[queue] - book.gone[queue])
        self.tell(queue, "back after its commit", found & book.gone[queue])
        self.tell(queue, "never sent", found - book.confirmed[queue] - book.maybe[queue])
        self.tell(queue, "not marked redelivered",
                  [frame.body.split(b"|")[0] for frame in frames if not frame.fields["redelivered"]])
        if len(found) != len(messages):
            self.tell(queue, "twice", [m for m in found if messages.count(m) > 1])
        last = {}
        for message in messages:
            publisher, number = message.rsplit(b":", 1)
            if int(number) < last.get(publisher, 0):
                self.tell(queue, "out of order", [message])
            last[publisher] = int(number)
        for frame in frames:
            body = frame.body.split(b"|")[1]
            if body.strip(b"x"):
                self.tell(queue, "corrupt", [frame.body[:40]])

    def check_units(self):
        """Whole or not at all, as far as nobody took a part of it; what it settled goes with it."""
        for unit, acked in self.book.units:
            left = {(q, m) for q, m in unit if m not in self.book.taken[q] | self.book.gone[q]}
            there = {(q, m) for q, m in left if m in self.found[q]}
            if there and there != left:
                self.tell(b"tx", "half a transaction", unit - there)
            if there:
                self.tell(b"tx", "settled in a transaction that is there, yet back",
                          acked & self.found[b"work"])

    def check_declared(self):
        for number, name in enumerate(sorted(self.book.queues | self.book.deleted)):
            channel = 100 + number
            self.client.open_channel(channel)
            try:
                self.client.count(name, channel)
                there = True
            except Refused:
                there = False
            if there != (name in self.book.queues):
                self.tell(name, "declared or deleted in vain", [name])

    def settle(self):
        """From here on what is there is what there is."""
        book = self.book
        for queue in QUEUES + FAN:
            book.confirmed[queue] = self.found[queue]
            book.maybe[queue], book.taken[queue], book.gone[queue] = set(), set(), set()
        book.units.clear()
        for name in book.queues:
            self.client.open_channel(2)
            self.client.call(2, "queue.delete", queue=name)
            self.client.call(2, "channel.close", reply_code=200)
        book.queues.clear()
        book.deleted.clear()

    def tell(self, queue, what, messages):
        if messages:
            names = ", ".join(sorted(m.decode() if isinstance(m, bytes) else str(m) for m in messages)[:5])
            self.problems.append(f"queue {queue.decode()}: {len(messages)} {what}: {names}")


class Campaign:
    def __init__(self, program, directory, seed):
        self.program, self.directory, self.random = program, directory, random.Random(seed)
        self.book = Book()
        self.numbers = {}
        self.slowest_restart = 0
        self.can_trace = shutil.which("strace") is not None

    def any_signal(self):
        return self.random.choice((signal.SIGTERM, signal.SIGKILL))

    def start(self, wrapper=()):
        began = time.monotonic()
        broker = Broker(*SMALL, program=self.program, data_dir=self.directory, wrapper=wrapper,
                        environment=process.TRACEABLE)
        if not wrapper:
            self.slowest_restart = max(self.slowest_restart, time.monotonic() - began)
        return broker

    def workers(self, broker):
        makers = [(Publisher, {}), (Publisher, {}), (Publisher, {}), (Committer, {}), (Committer, {}),
                  (Declarer, {}), (Consumer, {"queue": b"one"}), (Consumer, {"queue": b"work"}),
                  (Consumer, {"queue": b"fan0"}), (Consumer, {"queue": b"fan1"})]
        for number, (kind, more) in enumerate(makers):
            name = b"%s%d" % (kind.__name__[:2].lower().encode(), number)
            yield kind(self.book, broker.port, self.random.random(), self.numbers.get(name, 0), name, **more)

    def declare(self, broker):
        with Amqp(broker.port) as client:
            client.open_channel()
            for queue in QUEUES + FAN:
                client.declare_queue(queue)
            client.call(1, "exchange.declare", exchange=b"fan", type=b"fanout", durable=True)
            for queue in FAN:
                client.call(1, "queue.bind", queue=queue, exchange=b"fan")

    def trim(self, broker):
        """Queues must not grow over all rounds, they are read whole. True when one was purged, which only a
        clean stop makes certain."""
        purged = False
        with Amqp(broker.port) as client:
            client.open_channel()
            for queue in QUEUES + FAN:
                if client.count(queue) > 3000:
                    client.call(1, "queue.purge", queue=queue)
                    self.book.confirmed[queue].clear()
                    purged = True
        return purged

    def run_round(self):
        traced = self.can_trace and self.random.random() < 0.5
        wrapper, how = (), f"after {(delay := self.random.uniform(0.05, 1.0)):.2f} s"
        if traced:
            call, nth = self.random.choice(SYSCALLS), self.random.randrange(1, 60)
            wrapper = ("strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
                       "-e", f"inject={call}:signal=KILL:when={nth}")
            how = f"at {call} number {nth}, or {how}"
            delay += 1
        with self.start() as broker:
            self.declare(broker)
            must_be_clean = self.trim(broker)
            broker.stop(signal.SIGTERM if must_be_clean else self.any_signal())
        self.load(wrapper, delay)
        with self.start() as broker:
            with Amqp(broker.port) as client:
                client.open_channel()
                Check(self.book, client).run()
            broker.stop(self.any_signal())
        if self.slowest_restart > RESTART_SECONDS_MAX and not process.is_sanitized(self.program):
            raise Lost(f"a restart took {self.slowest_restart:.1f} s")
        return how

    def load(self, wrapper, delay):
        try:
            broker = self.start(wrapper)
        except (AssertionError, ValueError):    # killed before it was ready
            return
        with broker:
            workers = list(self.workers(broker))
            for worker in workers:
                worker.start()
            try:
                broker.process.wait(delay)
            except process.subprocess.TimeoutExpired:
                os.kill(broker.ready["pid"], signal.SIGKILL)
                broker.process.wait(process.PATIENCE)
            for worker in workers:
                worker.join(process.PATIENCE)
                self.numbers[worker.publisher] = worker.number
                if worker.failure is not None:
                    raise worker.failure


def run(program, count, seed):
    """Passed and failed rounds."""
    failed = 0
    directory = tempfile.mkdtemp(prefix="leveret-kill-")
    campaign = Campaign(program, os.path.join(directory, "data"), seed)
    began = time.monotonic()
    done = 0
    for number in range(count):
        try:
            how = campaign.run_round()
            print(f"round {number}: killed {how}: all there", flush=True)
            done += 1
        except (Lost, AssertionError, OSError, EOFError, Refused) as error:
            failed += 1
            kept = f"{directory}-round-{number}"
            shutil.copytree(directory, kept)
            print(f"round {number}: {type(error).__name__}: {error}; directory kept as {kept}", flush=True)
            break       # the book is not right any more
    counts = ", ".join(f"{value} {name}" for name, value in campaign.book.counts.items())
    print(f"kill: seed {seed}, {done} rounds in {time.monotonic() - began:.0f} s, {counts}, "
          f"slowest restart {campaign.slowest_restart * 1000:.0f} ms, {failed} with something lost")
    shutil.rmtree(directory)
    return done, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", help="the broker")
    parser.add_argument("--count", type=int, default=20, help="rounds")
    parser.add_argument("--seed", type=int, default=None, help="repeats a run's choices")
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    done, failed = run(options.program, options.count, seed)
    print(f"{done} passed, {failed} failed, 0 skipped")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
