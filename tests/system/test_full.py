#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The disk gets full and free again; tools/prove full does it more often."""
import shutil
import tempfile
import unittest

import full_campaign
import process
from client import Amqp
from process import Broker


class Full(unittest.TestCase):
    @unittest.skipUnless(full_campaign.can_mount(), "a small file system cannot be mounted here")
    def test_publishers_are_blocked_and_nothing_is_lost(self):
        self.assertEqual(full_campaign.run(process.BROKER, 3), (3, 0))

    def test_limit_above_what_is_free_blocks_the_first_publish(self):
        directory = tempfile.mkdtemp(prefix="leveret-full-")
        self.addCleanup(shutil.rmtree, directory)
        with Broker("--set", "disk_free_limit.absolute=1000000GB", data_dir=directory) as broker:
            client, consumer = (Amqp(broker.port).open_channel() for _ in range(2))
            client.declare_queue(b"q")
            client.publish(b"q")    # without a body frame, which would wait
            self.assertEqual(client.expect("connection.blocked").fields["reason"], b"low on disk")
            self.assertEqual(consumer.get(b"q").body, b"")
            self.assertEqual(broker.stop(), 0)
            self.assertIn("disk resource limit alarm set", broker.log)


if __name__ == "__main__":
    process.main()
