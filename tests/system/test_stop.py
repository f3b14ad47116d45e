#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""How the process ends, and what clients are told."""
import signal
import struct
import unittest

import process
from process import Broker, Client


class Stop(unittest.TestCase):
    def check_clients_are_told(self, number):
        with Broker() as broker:
            clients = [Client(broker).login() for _ in range(5)]
            broker.process.send_signal(number)
            for client in clients:
                arguments = client.expect(0, 10, 50)
                code, = struct.unpack(">H", arguments[:2])
                text = arguments[3:3 + arguments[2]].decode()
                self.assertEqual(code, 320)
                self.assertEqual(text, "CONNECTION_FORCED - broker forced connection closure with "
                                       "reason 'shutdown'")
                client.send(0, 10, 51)
                self.assertTrue(client.is_closed())
            self.assertEqual(broker.wait(), 0)

    def test_sigterm_tells_clients_320_and_exits_0(self):
        self.check_clients_are_told(signal.SIGTERM)

    def test_sigint_does_the_same(self):
        self.check_clients_are_told(signal.SIGINT)

    def test_without_clients_it_ends_at_once(self):
        with Broker() as broker:
            self.assertEqual(broker.stop(), 0)

    def test_clients_that_say_nothing_do_not_keep_it(self):
        with Broker() as broker:
            silent = Client(broker)
            halfway = Client(broker)
            halfway.socket.sendall(b"AMQP\0\0\x09\x01")
            halfway.expect(0, 10, 10)
            logged_in = Client(broker).login()
            self.assertEqual(broker.stop(), 0)
            self.assertTrue(silent.is_closed())
            self.assertTrue(halfway.is_closed())
            self.assertTrue(logged_in.is_closed())

    def test_second_signal_does_not_wait(self):
        with Broker() as broker:
            client = Client(broker).login()
            broker.process.send_signal(signal.SIGTERM)
            client.expect(0, 10, 50)
            self.assertIn(broker.stop(), (0, -signal.SIGTERM))

    def test_port_is_free_again(self):
        with Broker() as broker:
            client = Client(broker).login()
            port = broker.port
            broker.stop()
            client.close()
        with Broker("--port", str(port)) as again:
            self.assertEqual(again.port, port)

    def test_sigpipe_and_sighup_do_not_end_it(self):
        with Broker() as broker:
            broker.process.send_signal(signal.SIGPIPE)
            broker.process.send_signal(signal.SIGHUP)
            Client(broker).login().close()
            self.assertTrue(broker.is_running())
            self.assertEqual(broker.stop(), 0)


if __name__ == "__main__":
    process.main()
