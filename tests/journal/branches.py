#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""branches.py EXPORT ROOT: compares llvm-cov's export with tests/journal/uncovered.txt.

A branch that was never taken both ways is named by its file, the text of its condition, as much of it as
is on one line, and the way that is missing. Lines of uncovered.txt are

    FILE | CONDITION | true or false or both | why no test can take it

and each must still be true: a line that is covered by now is a failure too, unless its reason begins with
"chance:", which is for what depends on when a thread comes by.
"""
import json
import os
import sys

FILES = ("journal", "segment", "record", "replay", "salvage")


def is_counted(path):
    return os.path.basename(path).startswith(FILES) and path.endswith(".c")


def read_reasons(path):
    reasons = {}
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.strip() and not line.startswith("#"):
                name, text, way, reason = [part.strip() for part in line.split(" | ")]
                reasons[name, text, way] = reason
    return reasons


def missing_branches(export):
    """The number of those taken, and the way that is missing of each other one by its place."""
    taken, missed = 0, {}
    merged = {}
    for data in export["data"]:
        for file in data["files"]:
            if not is_counted(file["filename"]):
                continue
            for start, column, end, last, true, false, *_ in file["branches"]:
                counts = merged.setdefault((file["filename"], start, column, end, last), [0, 0])
                counts[0] += true
                counts[1] += false
    for place, (true, false) in sorted(merged.items()):
        taken += (true > 0) + (false > 0)
        if true == 0 and false == 0:
            missed[place] = "both"
        elif true == 0 or false == 0:
            missed[place] = "true" if true == 0 else "false"
    return taken, missed


class Source:
    """The lines of the files, read once."""

    def __init__(self):
        self.lines = {}

    def condition(self, path, line, column, end, last):
        """The text of the condition, and that of its line."""
        if path not in self.lines:
            with open(path, encoding="utf-8") as file:
                self.lines[path] = file.read().split("\n")
        text = self.lines[path][line - 1]
        return text[column - 1 : last - 1 if end == line else None].strip(), text.strip()


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        export = json.load(file)
    reasons = read_reasons(os.path.join(sys.argv[2], "tests/journal/uncovered.txt"))
    taken, missed = missing_branches(export)
    source, explained, failed = Source(), set(), 0
    for (path, line, *rest), way in missed.items():
        name = os.path.basename(path)
        condition, text = source.condition(path, line, *rest)
        if (name, condition, way) in reasons:
            explained.add((name, condition, way))
        elif not text.startswith("assert("):
            failed += 1
            print(f"{name}:{line}: {way} never: {condition}")
    for stale in sorted(set(reasons) - explained):
        if reasons[stale].startswith("chance:"):
            continue
        failed += 1
        print(f"uncovered.txt: this is covered by now, or gone: {' | '.join(stale)}")
    print(f"{len(explained)} branches cannot be taken, for reasons in tests/journal/uncovered.txt")
    print(f"{taken} passed, {failed} failed, {len(explained)} skipped")
    return 1 if failed else 0


sys.exit(main())
