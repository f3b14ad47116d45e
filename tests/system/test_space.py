#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Room comes back although a little stays, on 1 GiB; tools/prove space does it on 10."""
import os
import unittest

import process
import space_campaign

PROGRAM = os.environ.get("LEVERET_RELEASE") or process.BROKER


class Space(unittest.TestCase):
    @unittest.skipIf(process.is_sanitized(PROGRAM), "a sanitized broker is too slow for a GiB")
    def test_a_few_messages_pin_nothing_but_themselves(self):
        passed, failed, skipped = space_campaign.run(PROGRAM, 1)
        self.assertEqual(failed, 0)
        if skipped:
            self.skipTest("not enough room here")
        self.assertEqual(passed, 1)


if __name__ == "__main__":
    process.main()
