# SPDX-License-Identifier: Apache-2.0
"""Attacks by those who have not logged in: memory, time, numbers, descriptors."""
import json
import os
import resource
import socket
import ssl
import struct
import subprocess
import sys
import tempfile
import threading
import time

import process
from certificates import Room
from process import Broker, Client

KIB = 1024
NEVER_S = 150   # longer than any bar, on a shared machine too
LINGER_RESET = struct.pack("ii", 1, 0)


def raise_limit(count):
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, count), hard))


def open_many(port, count):
    """Connected sockets, from many local addresses so that ports do not run out."""
    sockets = []
    for i in range(count):
        peer = socket.socket()
        peer.bind((f"127.0.0.{2 + i % 200}", 0))
        peer.connect(("127.0.0.1", port))
        sockets.append(peer)
    return sockets


def close_all(sockets):
    for peer in sockets:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
        peer.close()


def settled_rss(broker):
    """Octets, once they do not grow any more."""
    before = -1
    while (now := broker.rss_kib()) != before:
        before = now
        time.sleep(0.3)
    return now * KIB


def memory_each(broker, port, count, octets):
    """What a connection costs the broker that has sent `octets`."""
    before = settled_rss(broker)
    sockets = open_many(port, count)
    for peer in sockets:
        peer.sendall(octets)
    each = (settled_rss(broker) - before) / count
    close_all(sockets)
    return each


def half_open_hello():
    """The first record of TLS but for its last octet, as long as a first message may be."""
    client = ssl.create_default_context()
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    try:
        client.wrap_bio(incoming, outgoing, server_hostname="x").do_handshake()
    except ssl.SSLWantReadError:
        pass
    hello = outgoing.read()
    body = hello[9:]
    room = 16000 - len(body)
    message = b"\x01" + (len(body) + room).to_bytes(3, "big") + body + bytes(room)
    record = b"\x16\x03\x01" + len(message).to_bytes(2, "big") + message
    return record[:-1]


def preauth(report):
    count = report.size(1000, 10000)
    raise_limit(count + 1000)
    header = b"AMQP\0\0\x09\x01"
    frame = struct.pack(">BHIHH", 1, 0, 8184, 10, 11) + bytes(8191 - 11)
    with tempfile.TemporaryDirectory() as place:
        room = Room(place).make_usual()
        tls = ["--set", "listeners.ssl.default=127.0.0.1:0",
               "--set", "ssl_options.certfile=" + room.certificate("server"),
               "--set", "ssl_options.keyfile=" + room.key("server"),
               "--set", "ssl_handshake_timeout=60000", "--set", "handshake_timeout=60000"]
        with Broker(*tls) as broker:
            report.figure("S1", "memory of a silent connection",
                          memory_each(broker, broker.port, count, b"") / KIB, "KiB", most=16)
        with Broker(*tls) as broker:
            report.figure("S1", "memory of one with 8,191 octets of a frame of 8,192",
                          memory_each(broker, broker.port, count, header + frame) / KIB, "KiB", most=16)
        with Broker(*tls) as broker:
            report.figure("S1", "memory of one that says nothing to TLS",
                          memory_each(broker, broker.ready["amqps_port"], count, b"") / KIB, "KiB", most=64)
        with Broker(*tls) as broker:
            report.figure("S1", "memory of one in the middle of a TLS hello of 16 KiB",
                          memory_each(broker, broker.ready["amqps_port"], count, half_open_hello()) / KIB,
                          "KiB", most=64)
    frames(report)


def frames(report):
    """S2: what is too long or malformed is closed at its header."""
    with Broker() as broker:
        for text, head in (("of 8,193 octets", struct.pack(">BHI", 1, 0, 8193 - 8 + 1)),
                           ("of 4 GiB", struct.pack(">BHI", 1, 0, 0xffffffff)),
                           ("of no known type", struct.pack(">BHI", 200, 0, 100))):
            before = settled_rss(broker)
            client = Client(broker)
            client.socket.sendall(b"AMQP\0\0\x09\x01")
            client.expect(0, 10, 10)
            client.socket.sendall(head)
            sent = 0
            try:
                while sent < 20_000_000:
                    sent += client.socket.send(bytes(100_000))
            except OSError:
                pass
            report.figure("S2", f"memory for the body of a first frame {text}",
                          max(0, settled_rss(broker) - before) / KIB, "KiB", most=512)
            report.check("S2", f"a first frame {text} ends the connection", client.is_closed())
            client.close()


# --- time ---


def drip(client, octets, report_to, name):
    """An octet a second until the broker has had enough."""
    started = time.monotonic()
    client.settimeout(1)
    at = 0
    while time.monotonic() - started < NEVER_S:
        try:
            if at < len(octets):
                client.send(octets[at:at + 1])
            at += 1
            if client.recv(4096) == b"":
                break
        except socket.timeout:
            continue
        except OSError:
            break
    report_to[name] = time.monotonic() - started
    client.close()


def slow(report):
    with tempfile.TemporaryDirectory() as place:
        room = Room(place).make_usual()
        with Broker("--set", "listeners.ssl.default=127.0.0.1:0",
                    "--set", "ssl_options.certfile=" + room.certificate("server"),
                    "--set", "ssl_options.keyfile=" + room.key("server")) as broker:
            took = {}
            header = b"AMQP\0\0\x09\x01"
            start_ok = struct.pack(">BHI", 1, 0, 1000) + bytes(1000)
            clients = {}
            for name, port in (("header", broker.port), ("start-ok", broker.port),
                               ("tls", broker.ready["amqps_port"])):
                clients[name] = socket.create_connection(("127.0.0.1", port))
            clients["start-ok"].sendall(header)
            clients["start-ok"].recv(4096)
            octets = {"header": header[:7], "start-ok": start_ok, "tls": half_open_hello()}
            threads = [threading.Thread(target=drip, args=(clients[name], octets[name], took, name))
                       for name in clients]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    report.wait("S8", "a client of an octet a second in TLS is gone after", took["tls"], "s", most=6, least=4)
    report.wait("S8", "one in start-ok is gone after", took["start-ok"], "s", most=11, least=9)
    report.wait("S8", "one in the protocol header is gone after", took["header"], "s", most=11)


# --- numbers ---

FLOODER = """
import socket, struct, sys, time
port, seconds, rate = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
reset = struct.pack("ii", 1, 0)
begun, opened = time.monotonic(), 0
while time.monotonic() - begun < seconds:
    ahead = opened - (time.monotonic() - begun) * rate
    if ahead > 0:
        time.sleep(ahead / rate)
    peer = socket.socket()
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
    peer.bind((f"127.0.0.{2 + opened % 200}", 0))
    try:
        peer.connect(("127.0.0.1", port))
        peer.send(b"AMQP\\0\\0\\x09\\x01"[:1 + opened % 8])
        opened += 1
    except OSError:
        pass
    peer.close()
print(opened / seconds)
"""


def perf_p99(broker, seconds):
    """p99 in us of 1,000 messages a second, and whether none was lost."""
    program = os.path.join(os.path.dirname(os.path.abspath(process.BROKER)), "leveret-perf")
    if not os.path.exists(program):
        raise FileNotFoundError(program)
    done = subprocess.run([program, "-h", f"amqp://127.0.0.1:{broker.port}", "-a", "-r", "1000", "-z",
                           str(seconds), "--json", "--quiet"], capture_output=True, text=True, check=False)
    result = json.loads(done.stdout.splitlines()[-1])
    return result["latency_us"]["p99"], done.returncode == 0


def flood(report):
    held, rate = report.size(1000, 15000), report.size(500, 2000)
    seconds = report.size(5, 60)
    raise_limit(held + 1000)
    with Broker() as broker:
        folder = f"/proc/{broker.process.pid}/fd"
        descriptors = len(os.listdir(folder))
        calm, _ = perf_p99(broker, seconds)
        sockets = open_many(broker.port, held)
        with subprocess.Popen([sys.executable, "-c", FLOODER, str(broker.port), str(seconds), str(rate)],
                              stdout=subprocess.PIPE, text=True) as flooder:
            stormy, complete = perf_p99(broker, seconds)
            reached = float(flooder.communicate()[0])
        close_all(sockets)
        # Two cores are shared with the flood: 2 ms is what a single preemption costs.
        report.figure("S10", f"p99 of others under {reached:.0f} new connections/s and {held} held, of calm",
                      stormy / max(calm, 2000), "x", most=5)
        report.check("S10", "no message is lost", complete)
        try:
            process.wait_until(lambda: len(os.listdir(folder)) <= descriptors)
            left = 0
        except AssertionError:
            left = len(os.listdir(folder)) - descriptors
        report.figure("S10", "descriptors left behind", left, "", most=0)


def descriptors(report):
    """S11: a broker that may have 64."""
    limit = 64

    def before():
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))

    with tempfile.TemporaryDirectory() as place, Broker(before=before, data_dir=place + "/data") as broker:
        old = Client(broker).login().open_channel()
        old.declare_queue("q")
        sockets = open_many(broker.port, 100)
        old.publish("q", b"still here")
        report.check("S11", "who is logged in goes on", old.get("q") == b"still here")
        ctl = os.path.join(os.path.dirname(os.path.abspath(process.BROKER)), "leveretctl")
        done = subprocess.run([ctl, "alarms", "--data-dir", place + "/data"], capture_output=True, check=False,
                              timeout=process.PATIENCE)
        report.check("S11", "the operator is served", done.returncode == 0)
        used = len(os.listdir(f"/proc/{broker.process.pid}/fd"))
        report.figure("S11", "descriptors that a flood leaves free", limit - used, "", least=16)
        cpu = cpu_seconds(broker)
        time.sleep(1)
        report.figure("S11", "CPU while nothing can be accepted", (cpu_seconds(broker) - cpu) * 100, "%", most=5)
        close_all(sockets)
        started = time.monotonic()
        Client(broker).login().close()
        report.wait("S11", "a new client is served after", time.monotonic() - started, "s", most=2)


def cpu_seconds(broker):
    """Of the loop's thread, by the scheduler's clock."""
    with open(f"/proc/{broker.process.pid}/task/{broker.process.pid}/schedstat", encoding="ascii") as stat:
        return int(stat.read().split()[0]) / 1e9
