#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Attacks a broker of its own and compares what they cost with the bar.

usage: attack.py PROGRAM [NAME...] [--full] [--shared]

Each attack starts the broker PROGRAM, does its worst, and prints figures beside their bars. The quick
sizes are for every day; --full are those of the bar. On a --shared machine (the default test run) a time
near its bar says more about the others than about the broker: it is told, not judged, and who waits for
something has failed when it takes ten times as long. The last line counts what was judged.
"""
import argparse
import os
import sys
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "system"))


WAIT_FACTOR = 10    # on a shared machine


class Skipped(Exception):
    """The attack cannot be made here; the text says why."""


class Report:
    """Figures against bars: prints, counts."""

    def __init__(self, full, shared):
        self.full = full
        self.shared = shared
        self.passed = self.failed = self.skipped = 0

    def size(self, quick, full):
        return full if self.full else quick

    def figure(self, row, text, value, unit, most=None, least=None):
        good = (most is None or value <= most) and (least is None or value >= least)
        bar = " ".join(f"{sign} {number:g}" for sign, number in (("<=", most), (">=", least))
                       if number is not None)
        print(f"{'ok    ' if good else 'MISSED'} {row:5} {text}: {value:.4g} {unit} (bar {bar})", flush=True)
        self.passed += good
        self.failed += not good

    def time(self, row, text, value, unit, most):
        """A figure so near its bar that whatever else the machine does can lift it above."""
        if not self.shared:
            self.figure(row, text, value, unit, most=most)
            return
        print(f"told   {row:5} {text}: {value:.4g} {unit} (bar <= {most:g}, judged by tools/prove attack)", flush=True)

    def wait(self, row, text, value, unit, most, least=None):
        """A time that ends with something happening: ten times the bar is for what never happens."""
        self.figure(row, text, value, unit, most=most * WAIT_FACTOR if self.shared else most, least=least)

    def check(self, row, text, good):
        print(f"{'ok    ' if good else 'MISSED'} {row:5} {text}", flush=True)
        self.passed += bool(good)
        self.failed += not good

    def skip(self, name, why):
        print(f"skipped {name}: {why}", flush=True)
        self.skipped += 1


def attacks():
    import connections
    import http_api
    import memory
    import objects
    import operate
    import readers
    import routes
    import tls
    return {"preauth": connections.preauth, "slow": connections.slow, "flood": connections.flood,
            "fd": connections.descriptors, "body": objects.bodies, "route": routes.attack,
            "flood-obj": objects.floods, "reader": readers.stalled, "memory": memory.alarm,
            "tls": tls.attack, "reload": tls.reload, "http": http_api.attack,
            "operate": operate.prove}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--shared", action="store_true")
    options = parser.parse_intermixed_args()
    # tests/system/process.py finds the broker in the first argument
    sys.argv = [sys.argv[0], options.program]
    known = attacks()
    report = Report(options.full, options.shared)
    for name in options.names or known:
        if name not in known:
            sys.exit(f"attack.py: there is no attack '{name}': {', '.join(known)}")
        try:
            known[name](report)
        except Skipped as why:
            report.skip(name, why)
        except Exception:  # one that broke must not hide the others
            traceback.print_exc(file=sys.stdout)
            report.check("", f"{name}: it did not come to its end", False)
    print(f"{report.passed} passed, {report.failed} failed, {report.skipped} skipped")
    sys.exit(1 if report.failed or not report.passed else 0)


if __name__ == "__main__":
    main()
