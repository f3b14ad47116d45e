# SPDX-License-Identifier: Apache-2.0
"""What operating the broker costs: starting it, asking how it is, long lists, nothing at all."""
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

import process
from connections import settled_rss
from http_api import KIB, ask, connections_of, forget_peak, peak_kib, switches
from process import Broker, wait_until

QUEUES = 10_000
# Asks over and over, and throws away what comes, until its input ends.
ASKER = """
import select, socket, sys, time
port, token, pause = int(sys.argv[1]), sys.argv[2], float(sys.argv[3])
request = f"GET /api/queues HTTP/1.0\\r\\nAuthorization: {token}\\r\\n\\r\\n".encode()
room, lists = bytearray(1 << 20), 0
while not select.select([sys.stdin], [], [], pause)[0]:
    with socket.create_connection(("127.0.0.1", port)) as peer:
        peer.sendall(request)
        while peer.recv_into(room) > 0:
            pass
    lists += 1
print(lists)
"""


def tool(name):
    return os.path.join(os.path.dirname(os.path.abspath(process.BROKER)), name)


def milliseconds(times):
    return statistics.median(times) * 1000


def start(report):
    """Data directory, management and metrics, as an operator has it."""
    took = []
    for _ in range(report.size(5, 20)):
        with tempfile.TemporaryDirectory() as folder:
            begun = time.monotonic()
            with Broker(data_dir=folder):
                took.append(time.monotonic() - begun)
    report.time("F5", f"start to ready with the API on, median of {len(took)}", milliseconds(took), "ms", most=20)


def ping(report):
    took = []
    with tempfile.TemporaryDirectory() as folder, Broker(data_dir=folder) as broker:
        command = [tool("rabbitmq-diagnostics"), "-q", "ping", "--data-dir", folder]
        for _ in range(report.size(20, 100)):
            begun = time.monotonic()
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True, timeout=process.PATIENCE)
            took.append(time.monotonic() - begun)
        report.time("F5", f"rabbitmq-diagnostics -q ping, median of {len(took)}", milliseconds(took), "ms", most=5)
        idle_kib = settled_rss(broker) / KIB
        ask(broker, "overview")
        metrics = f"http://127.0.0.1:{broker.ready['metrics_port']}/metrics"
        urllib.request.urlopen(metrics, timeout=process.PATIENCE).close()
        report.figure("F5", "idle memory", idle_kib / KIB, "MiB", most=12)
        report.figure("F5", "idle memory after a request and a scrape", settled_rss(broker) / KIB / KIB, "MiB", most=12)


def large_list(report):
    """10,000 queues, listed over and over while somebody measures."""
    with Broker() as broker:
        ask(broker, "definitions", "POST",
            {"queues": [{"name": f"queue-{i}", "vhost": "/", "durable": True, "auto_delete": False, "arguments": {}}
                        for i in range(QUEUES)]})
        list_alone(report, broker)
        list_beside_publishers(report, broker)


def list_alone(report, broker):
    for path in ("overview", "queues?page=1&page_size=1"):
        ask(broker, path)
    before = settled_rss(broker)
    forget_peak(broker)
    took, size = [], 0
    for _ in range(5):
        begun = time.monotonic()
        size = len(ask(broker, "queues"))
        took.append(time.monotonic() - begun)
    report.time("F6", f"a list of 10,000 queues ({size / 1e6:.1f} MB), median of 5", statistics.median(took), "s",
                most=0.3)
    report.figure("F6", "memory for it", peak_kib(broker) - before / KIB, "KiB at most", most=4 * KIB)


def confirms_us(broker, seconds):
    """Median, p95 and p99 of the confirms of 1,000 transient messages a second."""
    command = [tool("leveret-perf"), "-h", f"amqp://127.0.0.1:{broker.port}", "-c", "100", "-a", "-r", "1000", "-z",
               str(seconds), "--json", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    confirms = json.loads(done.stdout.splitlines()[-1])["confirm_latency_us"]
    return confirms["median"], confirms["p95"], confirms["p99"]


def confirms_beside_lists_us(broker, seconds, pause):
    from http_api import GUEST
    # Nobody's scraper runs on the broker's cores: with two of them it would take the publisher's time, not ours.
    command = ["nice", "-n", "19", sys.executable, "-c", ASKER, str(broker.ready["management_port"]),
               GUEST.split(": ")[1].strip(), str(pause)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as asker:
        confirms = confirms_us(broker, seconds)
        lists = int(asker.communicate("")[0])
    return (*confirms, lists / seconds)


def list_beside_publishers(report, broker):
    """Rounds in turns, so that other programs hit both alike.

    A list is on its way for more than a twentieth of the time, so p95 shows it. p99 is what other programs
    of the machine do to the broker, and only told.
    """
    seconds = report.size(1, 3)
    calm, busy = [], []
    for _ in range(report.size(1, 8)):
        calm.append(confirms_us(broker, seconds))
        busy.append(confirms_beside_lists_us(broker, seconds, 0.2))
    calm = [statistics.median(column) for column in zip(*calm)]
    busy = [statistics.median(column) for column in zip(*busy)]
    for i, name in enumerate(("median", "p95", "p99")):
        text = (f"{name} of confirms beside {busy[3]:.1f} lists a second, of calm ({calm[i]:.0f} us, "
                f"then {busy[i]:.0f} us)")
        if report.full and name != "p99":
            report.figure("F6", text, busy[i] / calm[i], "x", most=2)
        else:
            print(f"       F6    {text}: {busy[i] / calm[i]:.2f} x", flush=True)


def idle(report):
    seconds = report.size(5, 60)
    with tempfile.TemporaryDirectory() as folder, Broker(data_dir=folder) as broker:
        ask(broker, "overview")
        wait_until(lambda: connections_of(broker) == 0, "the end of the connection")
        time.sleep(1)
        before = switches(broker)
        time.sleep(seconds)
        report.figure("F7", f"wake-ups of an idle broker in {seconds} s, all threads", switches(broker) - before, "",
                      most=0)


def prove(report):
    start(report)
    ping(report)
    large_list(report)
    idle(report)
