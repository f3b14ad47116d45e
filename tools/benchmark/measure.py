# SPDX-License-Identifier: Apache-2.0
"""One run of one row by one player.  The functions that are named after the kinds of rows.py return
a dictionary of numbers or raise Failed; measure() is their only caller."""
import contextlib
import json
import pathlib
import subprocess
import time

from benchmark import machine
from benchmark.brokers import Certificates, Failed, Leveret, NullBroker, RabbitMQ

MILLION = 1000000
FRAMES = 72  # octets of publish, header and frame ends around a body, about
IDLE_CONNECTIONS = 5000
QUEUES = 10000


class Bench:
    """The programs, the place for data, and the two brokers that run all the time."""

    def __init__(self, options):
        self.build = options.build
        self.folder = options.folder
        self.seconds = options.seconds
        self.standing = {}
        self.tls_standing = {}  # the same with TLS ports, started when a row wants them
        self.made_certificates = None

    def start(self, players):
        starts = {"L": Leveret, "R": RabbitMQ}
        for player in sorted(players & set(starts)):
            self.standing[player] = starts[player](self.build, self.folder)

    def stop(self):
        for broker in (*self.standing.values(), *self.tls_standing.values()):
            broker.stop()
        if self.made_certificates:
            self.made_certificates.remove()

    def certificates(self):
        self.made_certificates = self.made_certificates or Certificates(self.build, self.folder)
        return self.made_certificates

    def tls_broker(self, player):
        if player not in self.tls_standing:
            starts = {"L": Leveret, "R": RabbitMQ}
            self.tls_standing[player] = starts[player](self.build, self.folder,
                                                       certificates=self.certificates())
        return self.tls_standing[player]

    @contextlib.contextmanager
    def broker(self, player):
        if player in self.standing:
            yield self.standing[player]
            self.standing[player].check()
            return
        broker = NullBroker(self.build, self.folder, journal=player == "NJ")
        try:
            yield broker
            broker.check()
        finally:
            broker.stop()

    @contextlib.contextmanager
    def fresh(self, player, **how):
        """A broker without a past: Leveret; of RabbitMQ there is one, it would take too long."""
        if player == "R":
            yield self.standing["R"]
            return
        broker = Leveret(self.build, self.folder, **how)
        try:
            yield broker
            broker.check()
        finally:
            broker.stop()


def run_json(command, what, **how):
    """The last line that the program prints, as JSON."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                          check=False, **how)
    if done.returncode != 0:
        raise Failed(f"{what} ended with {done.returncode}: " + " ".join(
            line for line in done.stderr.splitlines() if not line.startswith("summary"))[-300:])
    return json.loads(done.stdout.splitlines()[-1])


def perf_command(bench, broker, options, uri=None):
    return [bench.build / "leveret-perf", "-h", uri or broker.uri, "--json", "--quiet", "--pid", broker.pid,
            *options.split()]


def flat(result):
    """The numbers of leveret-perf that rows use, under short names."""
    return {
        "received_rate": result["received_rate"], "sent_rate": result["sent_rate"],
        "confirmed_rate": result["confirmed_rate"], "cpu_us": result.get("cpu_us_per_message"),
        "rss_peak_mib": result.get("rss_peak_kib", 0) / 1024,
        "p50_us": result["latency_us"]["median"], "p99_us": result["latency_us"]["p99"],
        "confirm_p50_us": result["confirm_latency_us"]["median"],
        "confirm_p99_us": result["confirm_latency_us"]["p99"],
    }


# --- leveret-perf, and what bounds it ---------------------------------------------------------------


def tls_echo(bench):
    made = bench.certificates()
    command = [bench.build / "tls-bench", "echo", 8, bench.seconds, made.certificate, made.key]
    return {"rate": run_json(command, "tls-bench")["rate"],
            "resumed_rate": run_json(command + ["--resume"], "tls-bench")["rate"]}


def relay(bench, row):
    if row.kind == "tls_churn":
        return tls_echo(bench)
    if row.kind == "tls":
        made = bench.certificates()
        result = run_json([bench.build / "tls-bench", "relay", row.size + FRAMES, bench.seconds,
                           made.certificate, made.key], "tls-bench")
        return {"received_rate": result["received_rate"], "cpu_us": result["cpu_us_per_message"]}
    result = run_json([bench.build / "limits", "relay", row.size + FRAMES, bench.seconds], "limits")
    return {"received_rate": result["received_rate"], "cpu_us": result["cpu_us_per_message"]}


def disk(bench, row):
    """As if nothing but syncing took time: a window of messages per sync."""
    octets = row.window * (row.size + FRAMES)
    result = run_json([bench.build / "limits", "sync", octets, bench.seconds,
                       pathlib.Path(bench.folder, "limits.tmp"), "--recycled"], "limits")
    return {"confirmed_rate": result["syncs_rate"] * row.window,
            "sequential_rate": result["syncs_rate"],
            "confirm_p50_us": result["median_us"], "confirm_p99_us": result["median_us"]}


def perf(bench, row, player):
    with bench.broker(player) as broker:
        machine.forget_peak(broker.pid)
        written = machine.bytes_written(broker.pid)
        others = machine.Others(broker.pid)
        result = run_json(perf_command(bench, broker, row.options) +
                          ["-z", bench.seconds, "--warmup", "0.3"], "leveret-perf")
        numbers = flat(result)
        numbers["others_percent"] = others.percent()
        if row.window > 0 and result["sent_total"] > 0:
            numbers["write_amplification"] = \
                (machine.bytes_written(broker.pid) - written) / (result["sent_total"] * row.size)
        return numbers


def tls(bench, row, player):
    broker = bench.tls_broker(player)
    result = run_json(perf_command(bench, broker, row.options, broker.tls_uri) +
                      ["-z", bench.seconds, "--warmup", "0.3"], "leveret-perf")
    broker.check()
    return flat(result)


def mixed(bench, _row, player):
    """Latency of a trickle beside a flood into the journal and one of large bodies."""
    floods = ["-u flood-durable -f persistent -ad false --delete -c 1000 -q 1000",
              "-u flood-large -s 16384 -a"]
    with bench.broker(player) as broker:
        running = [subprocess.Popen([str(p) for p in perf_command(bench, broker, options)] +
                                    ["-z", str(bench.seconds + 1)], stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True) for options in floods]
        time.sleep(0.3)
        try:
            numbers = flat(run_json(perf_command(bench, broker, "-u trickle -a -r 10000") +
                                    ["-z", bench.seconds, "--warmup", "0.3"], "leveret-perf"))
        finally:
            ends = [(flood.communicate(), flood.returncode) for flood in running]
        if any(code != 0 for _, code in ends):
            raise Failed("a flood failed: " + " ".join(err for (_, err), _ in ends)[-300:])
        for name, ((out, _), _) in zip(("flood_durable_rate", "flood_large_rate"), ends):
            numbers[name] = json.loads(out)["received_rate"]
        return numbers


# --- Many messages ----------------------------------------------------------------------------------

DEEP = "-u deep -ad false -s 128"


def depth(bench, _row, player):
    fill = f"{DEEP} -y 0 -c 10000"
    with bench.fresh(player) as broker:
        before = machine.rss(broker.pid)
        filled = run_json(perf_command(bench, broker, f"{fill} -C {MILLION}"), "filling")
        held = machine.rss(broker.pid)
        more = run_json(perf_command(bench, broker, f"{fill} -C {MILLION // 4}"), "filling further")
        drained = run_json(perf_command(bench, broker, f"{DEEP} -x 0 -q 1000 --drain --delete"),
                           "draining")
        if drained["received_total"] != MILLION + MILLION // 4:
            raise Failed(f"{drained['received_total']} messages came back")
        return {"publish_rate": filled["confirmed_rate"], "drain_rate": drained["received_rate"],
                "deep_publish_ratio": more["confirmed_rate"] / filled["confirmed_rate"],
                "rss_mib": held / 2**20, "overhead_bytes": (held - before) / MILLION - 128,
                "cpu_us": filled["cpu_us_per_message"]}


def first_delivery(bench, broker):
    """Seconds from starting it to a message from the queue."""
    begun = time.monotonic()
    broker.start()
    result = run_json(perf_command(bench, broker, f"{DEEP} -f persistent -p -x 0 -D 1 -q 1"),
                      "the first delivery")
    if result["received_total"] < 1:
        raise Failed("no message came")
    return time.monotonic() - begun


def restart(bench, _row, player):
    with bench.fresh(player) as broker:
        run_json(perf_command(bench, broker, f"{DEEP} -f persistent -y 0 -c 2000 -C {MILLION}"),
                 "filling")
        broker.terminate()
        clean = first_delivery(bench, broker)
        broker.kill()
        killed = first_delivery(bench, broker)
        drained = run_json(perf_command(bench, broker,
                                        f"{DEEP} -f persistent -p -x 0 -q 1000 --drain"), "draining")
        # The messages that the first deliveries acknowledged may be gone or not.
        if not MILLION - 2 <= drained["received_total"] <= MILLION:
            raise Failed(f"{drained['received_total']} of a million messages survived")
        return {"clean_seconds": clean, "killed_seconds": killed,
                "drain_rate": drained["received_rate"],
                "rss_peak_mib": machine.status(broker.pid, "VmHWM") / 1024}


# --- Connections and declarations -------------------------------------------------------------------


def session_bench(bench, broker, *options):
    return [str(part) for part in (bench.build / "session-bench", options[0], "-h", broker.uri,
                                   *options[1:])]


def churn(bench, _row, player):
    with bench.broker(player) as broker:
        cpu = machine.cpu_seconds(broker.pid)
        result = run_json(session_bench(bench, broker, "churn", "-z", bench.seconds), "session-bench")
        return {"rate": result["rate"],
                "cpu_us": (machine.cpu_seconds(broker.pid) - cpu) * 1e6 / result["done"]}


def tls_churn(bench, _row, player):
    broker = bench.tls_broker(player)
    command = [bench.build / "tls-bench", "churn", broker.tls_uri, 8, bench.seconds]
    cpu = machine.cpu_seconds(broker.pid)
    result = run_json(command, "tls-bench")
    cpu = machine.cpu_seconds(broker.pid) - cpu
    resumed = run_json(command + ["--resume"], "tls-bench")
    return {"rate": result["rate"], "resumed_rate": resumed["rate"], "cpu_us": cpu * 1e6 / result["count"]}


@contextlib.contextmanager
def held(command):
    """session-bench idle or declare: its first line, while it waits for the end of its input."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    try:
        yield json.loads(line) if line else None, process
    finally:
        process.stdin.close()
        rest = process.stdout.read()
        if process.wait() != 0 or not line:
            raise Failed("session-bench failed")
        process.last_line = rest.splitlines()[-1] if rest else line


def idle(bench, _row, player):
    with bench.fresh(player, ephemeral=True) as broker:
        before = machine.rss(broker.pid)
        with held(session_bench(bench, broker, "idle", "-n", IDLE_CONNECTIONS)) as (opened, _):
            each = (machine.rss(broker.pid) - before) / IDLE_CONNECTIONS
            time.sleep(0.5)  # what opening left to do
            cpu, woken, begun = machine.cpu_seconds(broker.pid), machine.wakeups(broker.pid), time.monotonic()
            time.sleep(2)
            seconds = time.monotonic() - begun
            return {"bytes_each": each, "open_rate": opened["rate"],
                    "wakeups_rate": (machine.wakeups(broker.pid) - woken) / seconds,
                    "cpu_percent": 100 * (machine.cpu_seconds(broker.pid) - cpu) / seconds}


def declare_some(bench, broker, *options):
    before = machine.rss(broker.pid)
    with held(session_bench(bench, broker, "declare", *options)) as (declared, process):
        each = (machine.rss(broker.pid) - before) / declared["declared"]
    return json.loads(process.last_line)["rate"], each


def declare(bench, _row, player):
    """RabbitMQ is given fewer queues: it takes its time to delete them again."""
    most = QUEUES if player == "L" else QUEUES // 10
    with bench.fresh(player) as broker:
        sequential, _ = declare_some(bench, broker, "-n", most, "-z", bench.seconds)
        pipelined, each = declare_some(bench, broker, "-n", most, "-z", 10, "-p", 1000)
        return {"sequential_rate": sequential, "pipelined_rate": pipelined, "bytes_each": each}


def start(bench, _row, player):
    """Without a data directory that must be made: what a test's broker does."""
    if player == "R":
        broker = bench.standing["R"]
        return {"start_ms": broker.start_seconds * 1000, "rss_mib": broker.start_rss / 2**20}
    with bench.fresh(player, ephemeral=True) as broker:
        broker.terminate()
        seconds = broker.start()
        return {"start_ms": seconds * 1000, "rss_mib": machine.rss(broker.pid) / 2**20}


KINDS = {"perf": perf, "mixed": mixed, "depth": depth, "restart": restart, "churn": churn,
         "tls": tls, "tls_churn": tls_churn,
         "idle": idle, "declare": declare, "start": start}
LIMITS = {"relay": relay, "disk": disk}


def measure(bench, row, player):
    if player in LIMITS:
        return LIMITS[player](bench, row)
    return KINDS[row.kind](bench, row, player)
