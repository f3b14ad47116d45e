# SPDX-License-Identifier: Apache-2.0
"""Attacks by those who have logged in: bodies, and as many objects as there may be."""
import struct
import time

from client import Amqp, Refused
from connections import KIB, settled_rss
from process import Broker, Client, shortstr

MIB = KIB * KIB
BODY_MAX = 16 * MIB


def publish_head(client, channel, size):
    client.send(channel, 60, 40, b"\0\0" + shortstr("") + shortstr("nowhere") + b"\0")
    client.send_frame(2, channel, struct.pack(">HHQH", 60, 0, size, 0))


def send_partial(client, channel, size):
    """Whole body frames, `size` octets of them; False when the broker has had enough."""
    frame = struct.pack(">BHI", 3, channel, 131064) + bytes(131064) + b"\xce"
    try:
        for _ in range(size // 131064):
            client.socket.sendall(frame)
    except OSError:
        return False
    return True


def bodies(report):
    """S3: the content header decides, and unfinished bodies add up."""
    with Broker() as broker:
        client = Client(broker).login().open_channel()
        before = settled_rss(broker)
        publish_head(client, 1, BODY_MAX + 1)
        arguments = client.expect(1, 20, 40)
        report.check("S3", "a body of 16 MiB + 1 is refused at its header with 406",
                     arguments[:2] == struct.pack(">H", 406))
        report.figure("S3", "memory for it", (settled_rss(broker) - before) / KIB, "KiB", most=512)
        client.close()
    with Broker() as broker:
        client = Client(broker).login()
        before = settled_rss(broker)
        opened = 0
        try:
            for channel in range(1, 21):
                client.open_channel(channel)
                publish_head(client, channel, BODY_MAX)
                if not send_partial(client, channel, BODY_MAX - 131064):
                    break
                opened = channel
        except (AssertionError, EOFError, OSError):
            pass    # the broker's connection.close, or its end
        report.check("S3", "20 unfinished bodies of 16 MiB end the connection", opened < 20)
        grown = (settled_rss(broker) - before) / MIB
        report.figure("S3", "memory for 20 unfinished bodies of 16 MiB on one connection", grown, "MiB",
                      most=2 * 16 + 2)
        client.close()
    with Broker("--set", "vm_memory_high_watermark.absolute=1GB") as broker:
        before = settled_rss(broker)
        clients = []
        for _ in range(report.size(20, 60)):
            client = Client(broker).login().open_channel()
            clients.append(client)
            publish_head(client, 1, BODY_MAX)
            send_partial(client, 1, BODY_MAX - 131064)
        grown = (settled_rss(broker) - before) / MIB
        report.figure("S3", f"memory for unfinished bodies of {len(clients)} connections, limit 1 GB",
                      grown, "MiB", most=0.05 * 1000 + 34)
        for client in clients:
            client.close()


def refuses(code, action):
    try:
        action()
    except Refused as refusal:
        return refusal.code == code
    except EOFError:
        return False
    return False


def floods(report):
    """S12: everything that can be made in numbers ends at its limit."""
    with Broker() as broker:
        before = settled_rss(broker)
        client = Client(broker).login()
        for channel in range(1, 2048):
            client.send(channel, 20, 10, b"\0")
        for channel in range(1, 2048):
            client.expect(channel, 20, 11)
        client.send(2048, 20, 10, b"\0")
        kind, channel, payload = client.receive()
        report.check("S12", "channel 2,048 of 2,047 ends the connection with 530",
                     (kind, channel, payload[:6]) == (1, 0, struct.pack(">HHH", 10, 50, 530)))
        report.figure("S12", "memory of 2,047 channels", (settled_rss(broker) - before) / MIB, "MiB", most=8)
        client.close()
    many = report.size(5000, 50000)
    with Broker("--set", "consumer_max_per_channel=100") as broker, Amqp(broker.port) as client:
        client.open_channel()
        before = settled_rss(broker)
        for i in range(many):
            client.send(1, "queue.declare", queue=b"q%d" % i, no_wait=True, exclusive=True)
        client.call(1, "queue.declare", queue=b"q0", passive=True)
        report.figure("S12", f"memory of each of {many} queues", (settled_rss(broker) - before) / many, "B",
                      most=4096)
        before = settled_rss(broker)
        for i in range(many):
            client.send(1, "queue.bind", queue=b"q0", exchange=b"amq.direct", routing_key=b"k%d" % i,
                        no_wait=True)
        client.call(1, "queue.declare", queue=b"q0", passive=True)
        report.figure("S12", f"memory of each of {many} bindings", (settled_rss(broker) - before) / many, "B",
                      most=2048)

        def consume():
            for i in range(101):
                client.call(1, "basic.consume", queue=b"q1", consumer_tag=b"c%d" % i)
        report.check("S12", "consumer 101 of 100 on a channel is refused with 530", refuses(530, consume))
    deletion(report, many)


def deletion(report, many):
    """A connection that leaves everything behind must not hold up the others for long."""
    with Broker() as broker, Amqp(broker.port) as other:
        other.open_channel()
        owner = Amqp(broker.port)
        owner.open_channel()
        for i in range(many):
            owner.send(1, "queue.declare", queue=b"x%d" % i, no_wait=True, exclusive=True)
        owner.call(1, "queue.declare", queue=b"x0", passive=True)
        owner.close()
        longest = 0
        for _ in range(500):
            started = time.monotonic()
            other.declare_queue(b"after", durable=False, exclusive=True)
            longest = max(longest, time.monotonic() - started)
        report.wait("S12", f"another client waits while {many} queues are deleted", longest * 1000, "ms",
                    most=1000)
