# SPDX-License-Identifier: Apache-2.0
"""Attacks on the ports of the HTTP API and of the metrics."""
import base64
import json
import os
import random
import socket
import threading
import time
import urllib.request

from connections import NEVER_S, raise_limit, settled_rss
from process import PATIENCE, Broker, Client, wait_until

KIB = 1024
GUEST = "Authorization: Basic " + base64.b64encode(b"guest:guest").decode() + "\r\n"
CONNECTIONS_MAX = 256
REQUEST_S = 10


def ask(broker, path, method="GET", body=None):
    request = urllib.request.Request(f"http://127.0.0.1:{broker.ready['management_port']}/api/{path}", method=method,
                                     data=None if body is None else json.dumps(body).encode(),
                                     headers={"Authorization": GUEST.split(": ")[1].strip()})
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return answer.read()


def connect(port):
    peer = socket.create_connection(("127.0.0.1", port))
    peer.settimeout(PATIENCE)
    return peer


def status_of(peer):
    """0 when the connection ends without an answer."""
    try:
        line = peer.recv(4096).split(b" ")
        return int(line[1]) if len(line) > 1 else 0
    except (OSError, ValueError):
        return 0


def closed_after(peer, drip=b"", more=b""):
    """Seconds until the broker has ended the connection, to which an octet of `drip` goes each second."""
    begun = time.monotonic()
    peer.settimeout(1)
    sent = 0
    peer.sendall(more)
    while time.monotonic() - begun < NEVER_S:
        try:
            if sent < len(drip):
                sent += peer.send(drip[sent:sent + 1])
            if peer.recv(4096) == b"":
                break
        except socket.timeout:
            continue
        except OSError:
            break
    peer.close()
    return time.monotonic() - begun


def sizes(report, broker):
    port = broker.ready["management_port"]
    before = settled_rss(broker)
    peer = connect(port)
    peer.sendall(f"GET /api/overview HTTP/1.1\r\nHost: x\r\n{GUEST}X: ".encode() + b"a" * 17 * KIB)
    report.check("S7", "headers of more than 16 KiB are refused", status_of(peer) in (0, 400, 413, 431))
    peer.close()
    for text, path, length, authorized in (
            ("a body of 20 MB", "queues/%2F/q", 20_000_000, True),
            ("a body of 65 MiB of definitions", "definitions", 65 * KIB * KIB, True),
            ("a body of 64 MiB of somebody who may not", "definitions", 64 * KIB * KIB, False)):
        peer = connect(port)
        method = "POST" if path == "definitions" else "PUT"
        peer.sendall(f"{method} /api/{path} HTTP/1.1\r\nHost: x\r\n{GUEST if authorized else ''}Expect: 100-continue\r\n"
                     f"Content-Length: {length}\r\n\r\n".encode())
        status = status_of(peer)
        if status == 100:
            try:
                for _ in range(length // 100_000):
                    peer.sendall(b" " * 100_000)
                peer.sendall(b" " * (length % 100_000))
                status = status_of(peer)
            except OSError:
                status = 0
        report.check("S7", f"{text} is refused: {status}", status in (0, 413) if authorized else status == 401)
        peer.close()
    # What a body may be at most is held for a moment; the allocator may keep some of it.
    report.figure("S7", "memory kept after these", max(0, settled_rss(broker) - before) / KIB, "KiB", most=8 * KIB)


def slow(report, broker):
    port = broker.ready["management_port"]
    head = f"PUT /api/queues/%2F/q HTTP/1.1\r\nHost: x\r\n{GUEST}Content-Length: 1000\r\n\r\n".encode()
    took = {}
    cases = {"silent": (b"", b""), "in the request line": (b"GET /api/" + b"a" * 1000, b""),
             "in the headers": (b"a" * 1000, b"GET / HTTP/1.1\r\nX: "), "in the body": (b" " * 999, head)}

    def run(name, drip, more):
        took[name] = closed_after(connect(port), drip, more)

    threads = [threading.Thread(target=run, args=(name, *case)) for name, case in cases.items()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for name in cases:
        report.wait("S7", f"a client of an octet a second {name} is gone after", took[name], "s", most=REQUEST_S + 2)


def garbage(report, broker):
    dice = random.Random(1)
    for port in (broker.ready["management_port"], broker.ready["metrics_port"]):
        for length in (1, 100, 10_000, 100_000):
            peer = connect(port)
            try:
                peer.sendall(dice.randbytes(length) + b"\r\n\r\n")
                status_of(peer)
            except OSError:
                pass
            peer.close()
    report.check("S7", "after garbage others are served", b"rabbitmq_version" in ask(broker, "overview"))


def stalled(report, broker):
    """Many who ask for a lot and do not read it."""
    count = report.size(100, 250)
    before = settled_rss(broker)
    peers = []
    for i in range(count):
        peer = socket.socket()
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.connect(("127.0.0.1", broker.ready["metrics_port" if i % 2 else "management_port"]))
        peer.sendall(("GET /metrics/per-object HTTP/1.1\r\nHost: x\r\n\r\n" if i % 2 else
                      f"GET /api/queues HTTP/1.1\r\nHost: x\r\n{GUEST}\r\n").encode())
        peers.append(peer)
    each = (settled_rss(broker) - before) / count
    report.figure("S7", f"memory of each of {count} that stall in the middle of a reply of megabytes", each / KIB,
                  "KiB", most=512)
    awake = switches(broker)
    time.sleep(2)
    report.figure("S7", "wake-ups for them in 2 s", switches(broker) - awake, "", most=0)
    begun = time.monotonic()
    ask(broker, "overview")
    report.wait("S7", "the API answers others meanwhile in", (time.monotonic() - begun) * 1000, "ms", most=500)
    for peer in peers:
        peer.close()


def crowd(report, broker):
    """More connections than there may be."""
    port = broker.ready["management_port"]
    folder = f"/proc/{broker.process.pid}/fd"
    before = len(os.listdir(folder))
    peers = [connect(port) for _ in range(CONNECTIONS_MAX + 100)]
    time.sleep(1)
    report.figure("S7", "connections of HTTP that are held", len(os.listdir(folder)) - before, "",
                  most=CONNECTIONS_MAX + 2)
    with Client(broker) as client:
        client.login().open_channel()
        report.check("S7", "AMQP goes on meanwhile", True)
    for peer in peers:
        peer.close()
    wait_until(lambda: len(os.listdir(folder)) <= before + 1)
    report.check("S7", "and the API after they have gone", b"rabbitmq_version" in ask(broker, "overview"))


def forget_peak(broker):
    with open(f"/proc/{broker.process.pid}/clear_refs", "w", encoding="ascii") as file:
        file.write("5")


def peak_kib(broker):
    with open(f"/proc/{broker.process.pid}/status", encoding="ascii") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))


def switches(broker):
    """How often any of the broker's threads has slept and woken."""
    folder = f"/proc/{broker.process.pid}/task"
    total = 0
    for task in os.listdir(folder):
        with open(f"{folder}/{task}/status", encoding="ascii") as status:
            total += sum(int(line.split()[1]) for line in status if line.startswith("voluntary"))
    return total


def connections_of(broker):
    inodes = set()
    folder = f"/proc/{broker.process.pid}/fd"
    for name in os.listdir(folder):
        target = os.readlink(f"{folder}/{name}")
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    with open(f"/proc/{broker.process.pid}/net/tcp", encoding="ascii") as table:
        return sum(1 for line in table if line.split()[3] == "01" and line.split()[9] in inodes)


def attack(report):
    raise_limit(2000)
    with Broker() as broker:
        sizes(report, broker)
        slow(report, broker)
        garbage(report, broker)
        crowd(report, broker)
    with Broker() as broker:
        ask(broker, "definitions", "POST",
            {"queues": [{"name": f"queue-{i}", "vhost": "/", "durable": True, "auto_delete": False, "arguments": {}}
                        for i in range(10_000)]})
        stalled(report, broker)
