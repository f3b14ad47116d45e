# SPDX-License-Identifier: Apache-2.0
"""The workloads, as a table: what runs, who plays, what must come out.

A row is run once per round and player by the function of measure.py that is named after its kind;
its figures are what of the result is shown and judged.  Players:

  L      Leveret          R    RabbitMQ (Debian's)
  N      the null broker  NJ   the null broker with a journal that it appends to
  relay  a process that only copies octets; with TLS, plain OpenSSL servers that do (TLSCHURN: one for each client)
  disk   write + fdatasync of the octets of one window, into a file that was written before
"""
import dataclasses

PLAYERS = {"L": "Leveret", "R": "RabbitMQ", "N": "null", "NJ": "null+journal", "relay": "relay",
           "disk": "disk"}


@dataclasses.dataclass(frozen=True)
class Bound:
    """A figure of Leveret's against `factor` times another player's, or against `factor` itself."""
    factor: float
    other: str = ""  # a player, "own ROW", or nothing
    at_most: bool = False

    def text(self, unit):
        sign = "<=" if self.at_most else ">="
        return f"{sign} {self.factor:g} {self.other or unit}"


def at_least(factor, other=""):
    return Bound(factor, other)


def at_most(factor, other=""):
    return Bound(factor, other, at_most=True)


@dataclasses.dataclass(frozen=True)
class Figure:
    metric: str
    unit: str = "msg/s"
    label: str = ""
    gate: tuple = ()
    moonshot: tuple = ()


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    what: str
    kind: str
    options: str
    players: tuple
    figures: tuple
    once: tuple = ()  # players that run in the first round only: they take long
    size: int = 0     # octets of a body, where it matters
    window: int = 0   # of confirms


def transient(name, what, options, gate, moonshot, size=128, relay=False, ceiling=True, more=()):
    players = ("L", "R") + (("N",) if ceiling else ()) + (("relay",) if relay else ())
    return Row(name, what, "perf", f"-s {size} {options}", players,
               (Figure("received_rate", gate=gate, moonshot=moonshot),) + more, size=size)


def durable(name, what, options, window, gate, moonshot, size=128, consumers=False, more=()):
    figure = Figure("received_rate" if consumers else "confirmed_rate", gate=gate, moonshot=moonshot)
    return Row(name, what, "perf", f"-s {size} -f persistent -ad false --delete -c {window} {options}",
               ("L", "R", "NJ") + (() if consumers else ("disk",)), (figure,) + more, size=size,
               window=window)


def tls(name, what, size, gate, moonshot):
    return Row(name, what, "tls", f"-s {size} -a", ("L", "R", "relay"),
               (Figure("received_rate", gate=gate, moonshot=moonshot),), size=size)


def latency(name, rate):
    return Row(name, f"latency at {rate:,} msg/s", "perf", f"-s 128 -a -r {rate} --spin",
               ("L", "R", "N"),
               (Figure("p50_us", "us", "p50", (at_most(1, "R"),), (at_most(1.25, "N"), at_most(100))),
                Figure("p99_us", "us", "p99", (), (at_most(1.5, "N"),))))


ROWS = [
    transient("T16", "16 B, auto-ack", "-a", (at_least(0.26, "N"), at_least(30, "R")),
              (at_least(0.55, "N"), at_least(70, "R")), size=16, relay=True),
    transient("T128", "128 B, auto-ack", "-a", (at_least(0.27, "N"), at_least(20, "R")),
              (at_least(0.55, "N"), at_least(40, "R")), relay=True,
              more=(Figure("cpu_us", "us", "CPU", (), (at_most(0.20),)),)),
    transient("T1K", "1 KiB, auto-ack", "-a", (at_least(0.48, "N"),),
              (at_least(0.7, "N"), at_least(12, "R")), size=1024, relay=True),
    transient("T16K", "16 KiB, auto-ack", "-a", (at_least(1.5, "R"),),
              (at_least(0.8, "N"), at_least(3, "R")), size=16384, relay=True),
    transient("T1M", "1 MiB, auto-ack", "-a", (at_least(1.0, "R"),),
              (at_least(1.1, "N"), at_least(0.9, "relay"), at_least(1.3, "R")), size=1048576,
              relay=True),
    transient("A1000", "ack each, prefetch 1000", "-q 1000", (at_least(0.28, "N"),),
              (at_least(0.4, "N"), at_least(35, "R"))),
    transient("A100", "ack each, prefetch 100", "-q 100", (at_least(20, "R"),),
              (at_least(0.35, "N"), at_least(0.85, "own A1000"))),
    transient("AMULTI", "ack multiple per 100, prefetch 1000", "-q 1000 -A 100",
              (at_least(0.25, "N"),), (at_least(0.5, "N"),)),
    transient("F10", "fanout 1 to 10, auto-ack", "-a --fanout 10", (at_least(0.27, "N"),),
              (at_least(0.6, "N"), at_least(45, "R"))),
    transient("C100", "100 producers, queues, consumers", "-a -x 100 -y 100 -qp bench-%d -qpt 100",
              (at_least(0.18, "N"),), (at_least(0.5, "N"), at_least(60, "R"))),
    transient("C1000", "1,000 producers, queues, consumers",
              "-a -x 1000 -y 1000 -qp bench-%d -qpt 1000", (at_least(0.18, "N"),),
              (at_least(0.5, "N"), at_least(60, "R"))),
    transient("TOP1K", "topic, 1,000 patterns, 10 queues", "-a --wildcards 1000",
              (at_least(55, "R"),), (at_least(0.8, "own T128"),), ceiling=False),
    transient("TOP10K", "topic, 10,000 patterns, 10 queues", "-a --wildcards 10000",
              (at_least(50, "R"),), (at_least(0.8, "own T128"), at_least(200, "R")), ceiling=False),
    durable("P1", "persistent, confirms, window 1", "-y 0", 1, (at_least(0.95, "NJ"),),
            (at_least(1.3, "NJ"),),
            more=(Figure("confirm_p50_us", "us", "confirm p50", (), (at_most(1.1, "disk"),)),)),
    durable("P100", "persistent, window 100", "-y 0", 100, (at_least(0.63, "NJ"),),
            (at_least(1.0, "NJ"), at_least(20, "R")),
            more=(Figure("confirm_p99_us", "us", "confirm p99", (), (at_most(3, "disk"),)),)),
    durable("P1000", "persistent, window 1000", "-y 0", 1000, (at_least(0.63, "NJ"),),
            (at_least(1.0, "NJ"), at_least(50, "R")),
            more=(Figure("confirm_p99_us", "us", "confirm p99", (), (at_most(3, "disk"),)),)),
    durable("P1000K", "persistent, 1 KiB, window 1000", "-y 0", 1000, (at_least(0.92, "NJ"),),
            (at_least(2, "NJ"),), size=1024),
    durable("PC100", "with a consumer, ack each, window 100", "-q 1000", 100,
            (at_least(0.75, "NJ"),), (at_least(0.9, "NJ"), at_least(5, "R")), consumers=True),
    durable("PC1000", "with a consumer, ack each, window 1000", "-q 1000", 1000,
            (at_least(0.65, "NJ"),), (at_least(0.9, "NJ"), at_least(5, "R")), consumers=True),
    durable("P32x", "32 x (producer, queue, consumer), window 10",
            "-q 1000 -x 32 -y 32 -qp bench-%d -qpt 32", 10, (at_least(0.48, "NJ"),),
            (at_least(0.9, "NJ"), at_least(5, "R")), consumers=True),
    latency("LAT1K", 1000),
    latency("LAT10K", 10000),
    latency("LAT100K", 100000),
    Row("MIXED", "LAT10K while P1000 and T16K run", "mixed", "", ("L", "R"),
        (Figure("p99_us", "us", "p99", (at_most(5000),), (at_most(2, "own LAT10K"),)),)),
    Row("DEPTH1M", "1 M x 128 B held, then drained", "depth", "", ("L", "R"),
        (Figure("publish_rate", "msg/s", "publish", (at_least(20, "R"),)),
         Figure("deep_publish_ratio", "", "publish at depth, of empty", (), (at_least(0.9),)),
         Figure("drain_rate", "msg/s", "drain"),
         Figure("rss_mib", "MiB", "RSS", (at_most(400),)),
         Figure("overhead_bytes", "B/msg", "memory beyond the body", (), (at_most(32),))),
        once=("R",)),
    Row("RESTART1M", "restart with 1 M persistent, to the first delivery", "restart", "", ("L",),
        (Figure("clean_seconds", "s", "clean", (at_most(0.3),), (at_most(0.1),)),
         Figure("killed_seconds", "s", "after kill -9", (at_most(0.3),), (at_most(0.1),)),
         Figure("drain_rate", "msg/s", "drain after it"))),
    Row("CHURN", "connect, open, channel, close; 8 parallel", "churn", "", ("L", "R", "N"),
        (Figure("rate", "/s", "", (at_least(0.85, "N"),), (at_least(0.95, "N"), at_least(10, "R"))),
         Figure("cpu_us", "us", "CPU", (), (at_most(40),)))),
    tls("TLS128", "128 B, auto-ack, TLS 1.3", 128, (at_least(13, "R"),), (at_least(0.6, "own T128"),)),
    tls("TLS16K", "16 KiB, auto-ack, TLS 1.3", 16384, (at_least(2, "R"),), (at_least(50000),)),
    Row("TLSCHURN", "the same as CHURN over TLS, ECDSA P-256", "tls_churn", "", ("L", "R", "relay"),
        (Figure("rate", "/s", "", (at_least(2, "R"),), (at_least(2000),)),
         Figure("resumed_rate", "/s", "resumed", (), (at_least(5000),)),
         Figure("cpu_us", "us", "CPU"))),
    Row("IDLE5K", "5,000 idle connections with a channel", "idle", "", ("L", "R"),
        (Figure("bytes_each", "B", "memory each", (at_most(10240),), (at_most(2048),)),
         Figure("open_rate", "/s", "opened", (), (at_least(5000),)),
         Figure("wakeups_rate", "/s", "wake-ups while idle", (at_most(50),), (at_most(10),)),
         Figure("cpu_percent", "%", "CPU while idle")), once=("R",)),
    Row("DECL", "declare durable queues", "declare", "", ("L", "R", "disk"),
        (Figure("sequential_rate", "/s", "one by one", (at_least(1, "R"),), (at_least(0.9, "disk"),)),
         Figure("pipelined_rate", "/s", "pipelined", (at_least(1, "R"),), (at_least(100000),)),
         Figure("bytes_each", "B", "memory each", (), (at_most(1024),))), once=("R",), size=256,
        window=1),
    Row("START", "until AMQP answers, and memory then", "start", "", ("L", "R"),
        (Figure("start_ms", "ms", "start", (at_most(20),), (at_most(5),)),
         Figure("rss_mib", "MiB", "RSS", (at_most(8),), (at_most(3),))), once=("R",)),
]
BY_NAME = {row.name: row for row in ROWS}
