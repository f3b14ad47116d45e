#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Data directories of released formats are read, those of newer ones left alone; see format_campaign.py."""
import unittest

import format_campaign
import process


class Format(unittest.TestCase):
    def test_golden_directories_are_read_and_newer_ones_refused(self):
        passed, failed = format_campaign.run(process.BROKER)
        self.assertEqual(failed, 0)
        self.assertGreater(passed, 0)


if __name__ == "__main__":
    process.main()
