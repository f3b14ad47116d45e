#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A queue deeper than memory over restarts; tools/prove backlog does it with millions, and judges the figures."""
import os
import shutil
import tempfile
import unittest

import backlog_campaign
import process
from client import Amqp
from process import Broker


class Backlog(unittest.TestCase):
    def test_backlog_survives_and_comes_back_in_order(self):
        messages = 20_000 if process.is_sanitized(process.BROKER) else 100_000
        self.assertEqual(backlog_campaign.run(process.BROKER, messages, 1024)[1], 0)

    def test_transient_messages_are_spilled_and_leave_nothing(self):
        directory = tempfile.mkdtemp(prefix="leveret-backlog-")
        self.addCleanup(shutil.rmtree, directory)
        body = bytes(range(256)) * 64
        with Broker("--set", "leveret.message_memory_limit=1MiB", data_dir=directory) as broker:
            client = Amqp(broker.port).open_channel()
            client.declare_queue(b"q")
            for number in range(1000):
                client.publish(b"q", b"%d " % number + body, delivery_mode=1)
            client.call(1, "queue.declare", queue=b"q", passive=True)
            spilled = [name for name in os.listdir(directory) if name.endswith(".lvo")]
            self.assertTrue(spilled)
            self.assertEqual({os.stat(os.path.join(directory, name)).st_mode & 0o777 for name in spilled},
                             {0o600})
            for number in range(1000):
                self.assertEqual(client.get(b"q").body, b"%d " % number + body)
            self.assertIsNone(client.get(b"q"))
            self.assertEqual(broker.stop(), 0)
        self.assertEqual([name for name in os.listdir(directory) if name.endswith(".lvo")], [])

    def test_overflow_files_of_a_killed_broker_are_deleted(self):
        directory = tempfile.mkdtemp(prefix="leveret-backlog-")
        self.addCleanup(shutil.rmtree, directory)
        with Broker("--set", "leveret.message_memory_limit=1MiB", data_dir=directory) as broker:
            client = Amqp(broker.port).open_channel()
            client.declare_queue(b"q")
            for _ in range(500):
                client.publish(b"q", bytes(16384), delivery_mode=1)
            client.call(1, "queue.declare", queue=b"q", passive=True)
            broker.kill()
        self.assertTrue([name for name in os.listdir(directory) if name.endswith(".lvo")])
        with Broker(data_dir=directory) as broker:
            self.assertEqual([name for name in os.listdir(directory) if name.endswith(".lvo")], [])
            self.assertEqual(broker.stop(), 0)


if __name__ == "__main__":
    process.main()
