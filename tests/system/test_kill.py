#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the real broker under load, a few times; tools/prove kill does it for as long as one likes."""
import unittest

import kill_campaign
import process


class Kill(unittest.TestCase):
    def test_nothing_confirmed_is_lost(self):
        rounds = 20
        self.assertEqual(kill_campaign.run(process.BROKER, rounds, seed=1), (rounds, 0))


if __name__ == "__main__":
    process.main()
