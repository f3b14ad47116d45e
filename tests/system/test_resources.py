#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Descriptors, memory, slow and large clients of the real process."""
import os
import resource
import socket
import struct
import unittest

import process
from process import BROKER, Broker, Client

# Memory is a promise of the release, so that one is measured when it was built.
RELEASE = os.environ.get("LEVERET_RELEASE", BROKER)
IDLE_RSS_KIB = 8 * 1024
CONNECTION_RSS_KIB = 10


def limit_descriptors(count):
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))


class Descriptors(unittest.TestCase):
    def test_survives_running_out_of_descriptors(self):
        with Broker(before=limit_descriptors(64)) as broker:
            old = Client(broker).login().open_channel()
            flood = [socket.create_connection(("127.0.0.1", broker.port)) for _ in range(100)]
            old.declare_queue("q")
            old.publish("q", b"still here")
            self.assertEqual(old.get("q"), b"still here")
            for connection in flood:
                connection.close()
            Client(broker).login().close()
            self.assertEqual(broker.stop(), 0)

    def test_connections_leave_no_descriptor_behind(self):
        with Broker() as broker:
            folder = f"/proc/{broker.process.pid}/fd"
            listening = self.count_sockets(folder)
            Client(broker).login().close()
            process.wait_until(lambda: self.count_sockets(folder) <= listening)
            before = len(os.listdir(folder))
            for _ in range(200):
                Client(broker).close()
            for _ in range(50):
                Client(broker).login().open_channel().close()
            process.wait_until(lambda: len(os.listdir(folder)) <= before)

    @staticmethod
    def count_sockets(folder):
        links = []
        for name in os.listdir(folder):
            try:
                links.append(os.readlink(os.path.join(folder, name)))
            except FileNotFoundError:
                continue
        return sum(link.startswith("socket:") for link in links)


class Traffic(unittest.TestCase):
    def test_large_messages_pass(self):
        body = os.urandom(5_000_000)
        with Broker() as broker, Client(broker) as client:
            client.login().open_channel()
            client.declare_queue("q")
            client.publish("q", body)
            self.assertEqual(client.get("q"), body)

    def test_octet_by_octet_login_works(self):
        with Broker() as broker, Client(broker) as client:
            client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for octet in b"AMQP\0\0\x09\x01":
                client.socket.sendall(bytes([octet]))
            client.expect(0, 10, 10)

    def test_client_that_does_not_read_does_not_grow_the_broker(self):
        body = b"x" * 100_000
        with Broker() as broker, Client(broker) as publisher, Client(broker) as stuck:
            publisher.login().open_channel()
            stuck.login().open_channel()
            publisher.declare_queue("q")
            stuck.send(1, 60, 20, b"\0\0" + process.shortstr("q") + process.shortstr("c") +
                       b"\x02" + struct.pack(">I", 0))
            stuck.expect(1, 60, 21)
            for _ in range(300):
                publisher.publish("q", body)
            # The 30 MB wait in the queue, where they are counted, and the publisher goes on.
            ready = struct.unpack(">II", publisher.declare_queue("q")[2:])[0]
            self.assertGreater(ready, 150)
            publisher.publish("nowhere", b"")
            self.assertEqual(publisher.get("q"), body)

    def test_refused_header_is_answered_with_ours(self):
        with Broker() as broker, Client(broker) as client:
            client.socket.sendall(b"GET / HTTP/1.1\r\n\r\n")
            self.assertEqual(client.read(8), b"AMQP\0\0\x09\x01")
            self.assertTrue(client.is_closed())


class Memory(unittest.TestCase):
    def setUp(self):
        if process.is_sanitized(RELEASE):
            self.skipTest("the program is built with sanitizers")

    def test_idle_broker_is_small(self):
        with Broker(program=RELEASE) as broker:
            rss = broker.rss_kib()
            print(f"started in {broker.ready['ms']} ms, idle RSS {rss} KiB ", end="")
            self.assertLessEqual(rss, IDLE_RSS_KIB)

    def test_idle_connection_with_a_channel_is_small(self):
        count = 1000
        with Broker(program=RELEASE) as broker:
            warm_up = Client(broker).login().open_channel()
            before = broker.rss_kib()
            clients = [Client(broker).login().open_channel() for _ in range(count)]
            each = (broker.rss_kib() - before) / count
            print(f"{each:.2f} KiB a connection ", end="")
            self.assertLessEqual(each, CONNECTION_RSS_KIB)
            for client in clients:
                client.close()
            warm_up.close()


if __name__ == "__main__":
    process.main()
