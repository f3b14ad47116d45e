# SPDX-License-Identifier: Apache-2.0
"""Celery against the broker: two workers are started for all tests, one more to be killed."""

import os
import pathlib
import select
import signal
import subprocess
import sys
import tempfile
import threading

import kombu

import tap
from tap import WAIT_SECONDS, check, check_equal, raises

FOLDER = tempfile.TemporaryDirectory()
NOTES = pathlib.Path(FOLDER.name) / "notes"
LOG = pathlib.Path(FOLDER.name) / "log"

os.mkfifo(NOTES)
os.environ["INTEROP_RUN"] = tap.unique("celery")
os.environ["INTEROP_NOTES"] = str(NOTES)



def queues_can_expire():
    """Whether the broker supports the arguments that Celery gives to queues by default."""
    with kombu.Connection(tap.URL, ssl=tap.TLS) as connection:
        arguments = {"x-expires": 60000, "x-message-ttl": 60000}
        try:
            connection.channel().queue_declare("", exclusive=True, arguments=arguments)
        except connection.channel_errors as error:
            check("not supported by this version" in str(error), str(error))
            return False
    return True


os.environ["INTEROP_QUEUE_ARGUMENTS"] = "yes" if queues_can_expire() else "no"

import tasks  # noqa: E402  pylint: disable=wrong-import-position
from celery import chain, group  # noqa: E402  pylint: disable=wrong-import-position


class Notes:
    """What workers write to the named pipe, line by line."""

    def __init__(self):
        # Open for writing as well, so that the pipe does not end between two writers.
        self._pipe = os.open(NOTES, os.O_RDWR)
        self._text = ""

    def wait_for(self, line):
        def step(left):
            if select.select([self._pipe], [], [], left)[0]:
                self._text += os.read(self._pipe, 4096).decode()

        tap.wait_until(lambda: line + "\n" in self._text, step, f"'{line}' from a worker")
        self._text = self._text.replace(line + "\n", "", 1)


class Worker:
    """A `celery worker` process group."""

    def __init__(self, name, queues, concurrency=2):
        self.name = f"{name}@{tasks.RUN}"
        command = [sys.executable, "-B", "-m", "celery", "-A", "tasks", "worker"]
        command += [f"--concurrency={concurrency}", "-n", self.name, "-Q", ",".join(f"{tasks.RUN}.{queue}" for queue in queues)]
        with LOG.open("a") as log:
            self.process = subprocess.Popen(
                command, stdout=log, stderr=log, start_new_session=True
            )

    def kill(self):
        """Ends it with all its children, as an out-of-memory killer would."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()

    def end(self):
        if self.process.poll() is None:
            self.kill()


def results():
    """RPC: results come back over rpc://, exceptions too"""
    pending = [tasks.add.delay(number, number) for number in range(20)]
    values = [result.get(timeout=WAIT_SECONDS) for result in pending]
    check_equal(values, [2 * number for number in range(20)], "results")
    error = raises(ValueError, tasks.fail.delay("on purpose").get, timeout=WAIT_SECONDS)
    check_equal(str(error), "on purpose", "exception")


def routed():
    """routing: task_routes and explicit queues choose the worker"""
    name, key = tasks.where.delay().get(timeout=WAIT_SECONDS)
    check_equal((name, key), (SECOND.name, f"{tasks.RUN}.routed"), "worker and routing key")
    default = tasks.where.apply_async(queue=f"{tasks.RUN}.default")
    check_equal(default.get(timeout=WAIT_SECONDS)[0], FIRST.name, "worker")


def topics():
    """topics: routing keys matched by * and #"""
    exchange = f"{tasks.RUN}.topic"
    for key, worker in [("quick.orange.fox", FIRST), ("lazy", SECOND), ("lazy.a.b", SECOND)]:
        result = tasks.where.apply_async(exchange=exchange, routing_key=key)
        check_equal(result.get(timeout=WAIT_SECONDS), [worker.name, key], f"worker of {key}")


def broadcast():
    """publish/subscribe: remote control reaches every worker, answers are collected"""
    names = {FIRST.name, SECOND.name}
    control = tasks.app.control
    answers = control.ping(destination=list(names), timeout=WAIT_SECONDS, limit=2)
    check_equal({name for answer in answers for name in answer}, names, "ping")
    # Without a destination it is a fanout; the number of answers to wait for is told.
    inspect = control.inspect(timeout=WAIT_SECONDS, limit=2)
    registered = inspect.registered()
    check_equal(names & set(registered), names, "registered")
    check("tasks.add" in registered[FIRST.name], "tasks.add is not registered")


def confirmed():
    """confirms: 100 tasks published with confirm_publish are all done"""
    signatures = [tasks.add.s(number, 1) for number in range(100)]
    values = group(signatures)().get(timeout=WAIT_SECONDS)
    check_equal(sum(values), 5050, "sum of the results")


def acknowledged_late():
    """work queue: a killed worker's task (acks_late) is redelivered to another one"""
    doomed = Worker("doomed", ["doomed"])
    try:
        NOTED.wait_for(f"ready {doomed.name}")
        result = tasks.stuck_once.delay()
        NOTED.wait_for("stuck")
    finally:
        doomed.kill()
    answers = tasks.app.control.add_consumer(
        f"{tasks.RUN}.doomed", destination=[FIRST.name], reply=True, timeout=WAIT_SECONDS, limit=1
    )
    check("ok" in answers[0][FIRST.name], f"add_consumer: {answers}")
    check_equal(result.get(timeout=WAIT_SECONDS), "redelivered", "result")


def chained():
    """chain, group, map and chunks"""
    work = chain(tasks.add.s(1, 2), tasks.add.s(3), group(tasks.add.s(10), tasks.add.s(20)))
    check_equal(work().get(timeout=WAIT_SECONDS), [16, 26], "chain of a group")
    starmap = tasks.add.starmap([(1, 1), (2, 2)]).delay()
    check_equal(starmap.get(timeout=WAIT_SECONDS), [2, 4], "starmap")
    chunks = tasks.add.chunks(zip(range(6), range(6)), 2).group()
    check_equal(chunks.delay().get(timeout=WAIT_SECONDS), [[0, 2], [4, 6], [8, 10]], "chunks")


def retried():
    """retries: a task that fails twice is published again twice"""
    check_equal(tasks.flaky.delay(2).get(timeout=WAIT_SECONDS), 2, "retries")


def countdown():
    """a countdown and an expiry"""
    later = tasks.add.apply_async((1, 1), countdown=0.2, expires=60)
    check_equal(later.get(timeout=WAIT_SECONDS), 2, "result")


def prioritized():
    """priorities: a worker takes waiting tasks by priority, equal ones in their order"""
    sent = [0, 3, 9, 3, 1, 9, 5]
    pending = [tasks.when.apply_async(priority=priority) for priority in sent]
    worker = Worker("prioritized", ["urgent"], concurrency=1)
    try:
        began = [result.get(timeout=WAIT_SECONDS) for result in pending]
    finally:
        worker.end()
    done = [number for _, number in sorted(zip(began, range(len(sent))))]
    wanted = sorted(range(len(sent)), key=lambda number: (-sent[number], number))
    check_equal(done, wanted, "order of the tasks")


def events():
    """events: task-sent, task-received, task-started and task-succeeded over the topic exchange"""
    seen = []
    wanted = ["task-sent", "task-received", "task-started", "task-succeeded"]
    with tasks.app.connection_for_read() as connection:
        receiver = tasks.app.events.Receiver(connection, handlers={"*": seen.append})
        with receiver.consumer_context(wakeup=False) as (listening, _, _):
            result = tasks.add.delay(1, 2)

            def complete():
                mine = {event["type"] for event in seen if event.get("uuid") == result.id}
                return mine >= set(wanted)

            def step(left):
                try:
                    listening.drain_events(timeout=left)
                except TimeoutError:
                    pass  # wait_until says what did not come

            tap.wait_until(complete, step, f"events {wanted}")


def default_queue_arguments():
    """Celery's own queues have x-expires and x-message-ttl"""
    if os.environ["INTEROP_QUEUE_ARGUMENTS"] == "no":
        raise tap.Skip("not supported by this version; the tests above did without")
    queue = tasks.app.backend.binding
    check(queue.expires is not None, "the result queue does not expire")


def purged():
    """purge empties a queue; a worker told to shut down does so"""
    name = f"{tasks.RUN}.orphan"
    with tasks.app.connection_for_write() as connection:
        queue = tasks.app.amqp.queues.select_add(name)
        for _ in range(3):
            tasks.add.apply_async((1, 1), queue=name, connection=connection)
        check_equal(queue(connection.default_channel).purge(), 3, "purged")
    tasks.app.control.shutdown(destination=[SECOND.name])
    waiter = threading.Thread(target=SECOND.process.wait, daemon=True)
    waiter.start()
    waiter.join(WAIT_SECONDS)
    check_equal(SECOND.process.poll(), 0, "exit status of the worker")


def clean_up():
    FIRST.end()
    SECOND.end()
    with tasks.app.connection_for_write() as connection:
        channel = connection.default_channel
        for queue in tasks.app.amqp.queues.values():
            queue(channel).delete()
        for exchange in "direct", "topic", "default":
            channel.exchange_delete(f"{tasks.RUN}.{exchange}")


TESTS = [
    acknowledged_late,
    broadcast,
    routed,
    topics,
    results,
    confirmed,
    chained,
    retried,
    countdown,
    prioritized,
    events,
    default_queue_arguments,
    purged,
]

NOTED = Notes()
FIRST = Worker("first", ["default", "orange"])
SECOND = Worker("second", ["routed", "lazy"])
try:
    NOTED.wait_for(f"ready {FIRST.name}")
    NOTED.wait_for(f"ready {SECOND.name}")
    tap.run(TESTS)
except BaseException as end:
    if getattr(end, "code", 1) != 0:
        print(LOG.read_text())
    raise
finally:
    clean_up()
