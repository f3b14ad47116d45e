#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Counts a ctest run by test case instead of by program.

usage: ctest_results.py RESULTS.xml

RESULTS.xml is what `ctest --output-junit` wrote.  A cmocka program's cases are read from its
output; a program that ends with a line "N passed, N failed, N skipped" is believed; anything else
is one case.  A program that ctest calls failed although none of its cases did (a crash, a leak, a
timeout) is one failed case of its own.  What failed is shown; the last line is the sum.
"""
import re
import sys
import xml.etree.ElementTree as xml

CASE = re.compile(r"^\[ +(OK|FAILED|ERROR|SKIPPED) +\] (\w+)$", re.MULTILINE)
COUNTS = re.compile(r"^(\d+) passed, (\d+) failed, (\d+) skipped$", re.MULTILINE)
NOT_XML = re.compile(r"[^\t\n\r -\ud7ff\ue000-\ufffd]")
OUTCOMES = {"OK": "passed", "FAILED": "failed", "ERROR": "failed", "SKIPPED": "skipped"}


class Program:
    """One ctest test: its cases, and how many of them had which outcome."""

    def __init__(self, element):
        self.name = element.get("name")
        self.output = element.findtext("system-out") or ""
        self.broken = element.get("status") == "fail" or (
            element.get("status") == "notrun" and "SKIP_RETURN_CODE" not in self.skip_reason(element))
        self.cases = {case: OUTCOMES[word] for word, case in CASE.findall(self.output)}
        self.counts = self.count(element)
        if self.broken and self.counts["failed"] == 0:
            self.counts["failed"] = 1

    @staticmethod
    def skip_reason(element):
        skipped = element.find("skipped")
        return "" if skipped is None else skipped.get("message") or ""

    def count(self, element):
        summary = COUNTS.findall(self.output)
        if self.cases:
            outcomes = list(self.cases.values())
            return {word: outcomes.count(word) for word in set(OUTCOMES.values())}
        if summary:
            return dict(zip(("passed", "failed", "skipped"), map(int, summary[-1])))
        outcome = "failed" if self.broken else "passed"
        if element.get("status") == "notrun" and not self.broken:
            outcome = "skipped"
        return {word: int(word == outcome) for word in set(OUTCOMES.values())}


def programs(path):
    with open(path, "rb") as file:
        text = NOT_XML.sub("?", file.read().decode("utf-8", "replace"))
    return [Program(element) for element in xml.fromstring(text).iter("testcase")]


def main():
    total = {"passed": 0, "failed": 0, "skipped": 0}
    for program in programs(sys.argv[1]):
        if program.counts["failed"]:
            failed = [case for case, outcome in program.cases.items() if outcome == "failed"]
            print(f"---- {program.name}: {', '.join(failed) or 'failed as a whole'}")
            print(program.output[-6000:])
        for word, number in program.counts.items():
            total[word] += number
    print("{passed} passed, {failed} failed, {skipped} skipped".format(**total))
    return 1 if total["failed"] or not any(total.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
