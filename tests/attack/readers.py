# SPDX-License-Identifier: Apache-2.0
"""Consumers that do not read what they asked for."""
import json
import os
import socket
import struct
import subprocess
import time

import process
from client import Amqp
from connections import KIB, raise_limit, settled_rss
from process import Broker, Client

MIB = KIB * KIB
BODY = 16 * KIB
MESSAGES = 320  # 5 MiB, more than sockets and the limit hold


def rate(broker, seconds=1, times=4):
    """The best of some runs: the machine has other things to do as well."""
    return max(one_rate(broker, seconds) for _ in range(times))


def one_rate(broker, seconds):
    program = os.path.join(os.path.dirname(os.path.abspath(process.BROKER)), "leveret-perf")
    done = subprocess.run([program, "-h", f"amqp://127.0.0.1:{broker.port}", "-a", "-z", str(seconds),
                           "--json", "--quiet"], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])["received_rate"]


def small_window(broker):
    """A connection whose peer takes little, so that what is measured is the broker's own memory."""
    client = Client.__new__(Client)
    client.socket = socket.socket()
    client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.socket.settimeout(process.PATIENCE)
    client.socket.connect((broker.address, broker.port))
    client.unread = b""
    return client.login()


def consume(client, queue):
    """No acknowledgements asked for, and nothing is read from here on."""
    client.send(1, 60, 20, b"\0\0" + process.shortstr(queue) + process.shortstr("") + b"\2" +
                struct.pack(">I", 0))
    client.expect(1, 60, 21)


def stalled(report):
    count = report.size(50, 1000)
    raise_limit(count + 1000)
    with Broker("--set", "tcp_listen_options.sndbuf=65536") as broker, Amqp(broker.port) as publisher:
        publisher.open_channel(confirm=True)
        publisher.call(1, "exchange.declare", exchange=b"all", type=b"fanout")
        clients = []
        for i in range(count):
            client = small_window(broker).open_channel()
            client.declare_queue(f"q{i}")
            publisher.call(1, "queue.bind", queue=b"q%d" % i, exchange=b"all")
            clients.append(client)
        calm = rate(broker)
        before = settled_rss(broker)
        for i in range(MESSAGES):
            publisher.publish(b"", os.urandom(BODY), exchange=b"all", delivery_mode=0)
        publisher.await_confirms(MESSAGES)
        shared = (settled_rss(broker) - before)
        for i, client in enumerate(clients):
            consume(client, f"q{i}")
        grown = (settled_rss(broker) - before - shared) / count / KIB
        report.figure("S9", f"memory for each of {count} consumers that do not read", grown, "KiB",
                      most=1024 + 16 + 100)
        report.figure("S9", "throughput of others beside them", rate(broker) / calm * 100, "%", least=80)
        for client in clients:
            client.close()
    heartbeats(report)


def heartbeat_login(broker, seconds):
    client = Client(broker)
    client.socket.sendall(b"AMQP\0\0\x09\x01")
    client.expect(0, 10, 10)
    response = b"\0guest\0guest"
    client.send(0, 10, 11, struct.pack(">I", 0) + process.shortstr("PLAIN") +
                struct.pack(">I", len(response)) + response + process.shortstr("en_US"))
    client.expect(0, 10, 30)
    client.send(0, 10, 31, struct.pack(">HIH", 10, 131072, seconds))
    client.send(0, 10, 40, process.shortstr("/") + b"\0\0")
    client.expect(0, 10, 41)
    return client.open_channel()


def fill(client, count):
    client.declare_queue("deep")
    for _ in range(count):
        client.publish("deep", bytes(100_000))
    client.declare_queue("deep")


def heartbeats(report):
    with Broker() as broker:
        with Client(broker).login().open_channel() as publisher:
            fill(publisher, 300)
            dead = heartbeat_login(broker, 1)
            consume(dead, "deep")
            started = time.monotonic()
            process.wait_until(lambda: connection_count(broker) == 1)
            report.figure("S9", "a consumer that neither reads nor says anything is gone after",
                          time.monotonic() - started, "s", most=4)
            fill(publisher, 300)
            slow = heartbeat_login(broker, 1)
            consume(slow, "deep")
            report.check("S9", "one that reads slowly and sends heartbeats stays",
                         stays_alive(slow, seconds=8))
            slow.close()


def stays_alive(client, seconds):
    """Takes 100 kB a second of what would come in a moment."""
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            client.socket.sendall(b"\x08\0\0\0\0\0\0\xce")
            if client.socket.recv(50_000) == b"":
                return False
            time.sleep(0.5)
    except OSError:
        return False
    return True


def connection_count(broker):
    """Established connections on the broker's port, as the kernel counts."""
    port, count = f"{broker.port:04X}", 0
    for name in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(name, encoding="ascii") as file:
            for line in file:
                fields = line.split()
                count += fields[1].endswith(":" + port) and fields[3] == "01"
    return count
