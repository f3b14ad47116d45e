#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Does the time of a refused login tell whether the user exists?

Logs in with a wrong password as a user who exists, as one who does not, and as one without a password, in
turn and in random order, and compares the medians of the time from start-ok to the refusal; the refusals
themselves must be equal octet by octet. Bar A4: the medians differ by at most 2 % of the median.

With the slow hash what is compared is the processor time that the broker used: it is a tenth of a second
long, and a busy machine spreads that by far more than 2 %.
"""
import argparse
import glob
import random
import statistics
import sys
import time

from client import Amqp, codec
from process import Broker

DIFFERENCE_MAX = 0.02
KINDS = {"wrong password": b"guest", "unknown user": b"nobody", "another unknown user": b"knowbody"}


class Login(Amqp):
    """Stops in front of start-ok."""

    def __init__(self, port):
        self.open_socket(port)
        self.expect("connection.start")

    def refuse(self, user):
        """Seconds from start-ok to the refusal, and its octets."""
        fields = {"mechanism": b"PLAIN", "response": b"\0" + user + b"\0wrong-password", "locale": b"en_US",
                  "client-properties": [(b"capabilities", ("F", [(b"authentication_failure_close", ("t", 1))]))]}
        octets = codec.frame(codec.METHOD, 0, codec.method_payload("connection.start-ok", fields))
        started = time.perf_counter()
        self.send_octets(octets)
        kind, channel, payload = self.read_frame()
        seconds = time.perf_counter() - started
        self.socket.close()
        return seconds, (kind, channel, payload)


def processor_seconds(broker):
    """Of all threads of the broker, to the nanosecond."""
    total = 0
    for path in glob.glob(f"/proc/{broker.ready['pid']}/task/*/schedstat"):
        with open(path) as file:
            total += int(file.read().split()[0])
    return total / 1e9


def measure(broker, count, chance, by_processor, log):
    seconds = {kind: [] for kind in KINDS}
    answers = set()
    for number in range(count):
        for kind in chance.sample(sorted(KINDS), len(KINDS)):
            login = Login(broker.port)
            before = processor_seconds(broker) if by_processor else 0
            took, answer = login.refuse(KINDS[kind])
            if by_processor:
                took = processor_seconds(broker) - before
            seconds[kind].append(took)
            answers.add(answer)
    medians = {kind: statistics.median(all_of_it) for kind, all_of_it in seconds.items()}
    for kind, median in medians.items():
        log(f"  {kind:22} median {median * 1e6:8.1f} us, best {min(seconds[kind]) * 1e6:8.1f} us")
    return medians, answers


def judge(name, medians, answers, log):
    middle = statistics.median(medians.values())
    worst = max(abs(medians["wrong password"] - medians[kind]) for kind in KINDS) / middle
    log(f"{name}: the medians differ by {worst:.2%} of the median (at most {DIFFERENCE_MAX:.0%}), "
        f"{len(answers)} different answer(s)")
    return worst <= DIFFERENCE_MAX, len(answers) == 1


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("--count", type=int, default=1000, help="logins of each kind")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    failed = passed = 0
    for name, settings, by_processor, count in (
            ("salted SHA-256", [], False, options.count),
            ("PBKDF2", ["--set", "password_hashing_module=leveret_password_hashing_pbkdf2_sha256"],
             True, max(options.count // 50, 5))):
        with Broker(*settings, program=options.program) as broker:
            medians, answers = measure(broker, count, random.Random(options.seed), by_processor, print)
        for is_right in judge(name, medians, answers, print):
            passed += is_right
            failed += not is_right
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
