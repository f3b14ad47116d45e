# SPDX-License-Identifier: Apache-2.0
"""How far a long measurement is, on stderr."""
import sys
import time

from benchmark.brokers import log


class Progress:
    """A line for each run, and on a terminal how far we are."""

    def __init__(self, total):
        self.total, self.done, self.begun = total, 0, time.monotonic()
        self.terminal = sys.stderr.isatty()

    def announce(self, text):
        if not self.terminal:
            return
        spent = time.monotonic() - self.begun
        left = f", {spent / self.done * (self.total - self.done) / 60:.0f} min left" if self.done else ""
        print(f"\r\033[K{text} [{100 * self.done // self.total} %{left}]", end="", file=sys.stderr,
              flush=True)

    def finish(self, text):
        self.done += 1
        log(("\r\033[K" if self.terminal else "") + text)
