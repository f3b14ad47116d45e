# SPDX-License-Identifier: Apache-2.0
"""Whatever takes memory, all at once, against a broker that has little of it."""
import select
import struct
import time

from client import Amqp
from connections import KIB, NEVER_S
from objects import BODY_MAX, publish_head, send_partial
from process import Broker, Client, shortstr
from readers import consume, small_window

MIB = KIB * KIB
CALM = 2    # seconds without an octet taken: the broker does not read any more


def highest_rss(broker):
    """Octets, since the start."""
    with open(f"/proc/{broker.process.pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * KIB
    raise AssertionError("no VmHWM")


def frame(kind, payload):
    return struct.pack(">BHI", kind, 1, len(payload)) + payload + b"\xce"


def message(queue, size):
    """basic.publish with its content, as one goes after the other on the wire."""
    method = struct.pack(">HH", 60, 40) + b"\0\0" + shortstr("") + shortstr(queue) + b"\0"
    octets = frame(1, method) + frame(2, struct.pack(">HHQH", 60, 0, size, 0))
    for at in range(0, size, 131064):
        octets += frame(3, bytes(min(131064, size - at)))
    return octets


def pour(clients, octets):
    """All of them send without end, until nobody gets rid of anything any more. Octets taken."""
    places = {client.socket: 0 for client in clients}
    total, last = 0, time.monotonic()
    view = memoryview(octets)
    for peer in places:
        peer.setblocking(False)
    while time.monotonic() - last < CALM:
        _, writable, _ = select.select([], list(places), [], 0.2)
        for peer in writable:
            try:
                sent = peer.send(view[places[peer]:])
            except BlockingIOError:
                continue
            places[peer] = (places[peer] + sent) % len(octets)
            total += sent
            last = time.monotonic()
    return total


def publishers(broker, count, queue):
    clients = [Client(broker).login().open_channel() for _ in range(count)]
    clients[0].declare_queue(queue)
    return clients


def goes_on(clients):
    """Seconds until the first of them may send again."""
    started = time.monotonic()
    select.select([], [client.socket for client in clients], [], NEVER_S)
    return time.monotonic() - started


def alarm(report):
    """S13: what is taken stops at the watermark, whatever is sent."""
    total = report.size(256, 1024) * MIB
    with Broker("--set", f"total_memory_available_override_value={total}") as broker:
        partial, readers = [], []
        for _ in range(20):
            client = Client(broker).login().open_channel()
            partial.append(client)
            publish_head(client, 1, BODY_MAX)
            send_partial(client, 1, BODY_MAX // 2)
        for _ in range(20):
            client = small_window(broker).open_channel()
            client.declare_queue("small")
            consume(client, "small")
            readers.append(client)
        small = publishers(broker, 10, "small")
        large = publishers(broker, 10, "large")
        taken = pour(small, message("small", 100) * 1000)
        report.figure("S13", f"highest memory, {taken // MIB} MiB in messages of 100 octets, of the total",
                      highest_rss(broker) / total * 100, "%", most=110)
        with Amqp(broker.port) as other:
            other.open_channel()
            other.call(1, "queue.purge", queue=b"small")
            report.wait("S13", "publishers go on after room was made", goes_on(small), "s", most=5)
            taken = pour(large + small, message("large", MIB))
            report.check("S13", "publishers are not read from above the watermark",
                         highest_rss(broker) > total * 0.5)
            report.figure("S13", f"highest memory, {taken // MIB} MiB in messages of 1 MiB, of the total",
                          highest_rss(broker) / total * 100, "%", most=110)
            started = time.monotonic()
            other.call(1, "queue.declare", queue=b"large", passive=True)
            report.wait("S13", "who does not publish is answered meanwhile after",
                        time.monotonic() - started, "s", most=1)
        for client in partial + readers + small + large:
            client.socket.close()
