#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Which promised behaviours have a test, and do they hold?

Reads rows.txt and looks for the numbers in the tests: a comment `rows: 12 13` above or first inside
a test case (C), in a docstring or comment of a test function (Python), or anywhere in a script or
differential scenario.  Fails when a row that is due (its step is in DUE) has no test that names it, or when a
test names a row that does not exist.  --results marks rows whose tests failed; --output writes the
table as Markdown.
"""
import argparse
import pathlib
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "tools" / "lib"))
sys.dont_write_bytecode = True

import ctest_results  # noqa: E402  (its folder had to be named first)

DUE = {"A", "B", "D", "E", "F"}
TESTS = ["tests/unit/**/*.c", "tests/conversation/*.c", "tests/system/*.py",
         "interop/differential/scenarios/**/*", "interop/*/*.py", "interop/*/*.js", "interop/*/*.c"]
ROWS = re.compile(r"\brows?: *(\d+(?:[ ,]+\d+)*)")
CASE = {".c": re.compile(r"^static void (\w+)\(void \*\*", re.MULTILINE),
        ".py": re.compile(r"^ *def (test_\w+)\(", re.MULTILINE)}


class Row:
    def __init__(self, line):
        number, self.behaviour, self.step = line.split("|")
        self.number = int(number)
        self.tests = []         # (file, case or None)

    def state(self, failed):
        if self.step not in DUE and not self.tests:
            return f"step {self.step}"
        if not self.tests:
            return "NO TEST"
        return "FAILS" if any(case in failed for _, case in self.tests) else "holds"


def read_rows():
    lines = (HERE / "rows.txt").read_text().splitlines()
    rows = [Row(line) for line in lines if line and not line.startswith("#")]
    return {row.number: row for row in rows}


def case_at(cases, text, match):
    """The case a mark belongs to: the one it stands in, or the next when it stands between two."""
    before = [case for case in cases if case.start() < match.start()]
    after = [case for case in cases if case.start() > match.start()]
    inside = before and not re.search(r"^}", text[before[-1].start():match.start()], re.MULTILINE)
    if inside:
        return before[-1].group(1)
    return after[0].group(1) if after else None


def marks(path):
    """Every (row number, case) a test file names."""
    text = path.read_text(errors="replace")
    pattern = CASE.get(path.suffix)
    cases = list(pattern.finditer(text)) if pattern else []
    for match in ROWS.finditer(text):
        case = case_at(cases, text, match)
        for number in re.findall(r"\d+", match.group(1)):
            yield int(number), case


def collect(rows):
    unknown = []
    for pattern in TESTS:
        for path in sorted(ROOT.glob(pattern)):
            if not path.is_file():
                continue
            name = str(path.relative_to(ROOT))
            for number, case in marks(path):
                if number in rows:
                    rows[number].tests.append((name, case))
                else:
                    unknown.append(f"{name} names row {number}, which does not exist")
    return unknown


def failed_cases(paths):
    return {case for path in paths if pathlib.Path(path).is_file()
            for program in ctest_results.programs(path)
            for case, outcome in program.cases.items() if outcome == "failed"}


def markdown(rows, failed):
    yield "# Checklist\n"
    yield "Made by `tests/checklist/table.py`; rows of later steps name their letter.\n"
    yield "| # | behaviour | state | tests |"
    yield "|---|---|---|---|"
    for row in rows.values():
        tests = ", ".join(dict.fromkeys(
            f"`{case}`" if case else f"`{name}`" for name, case in row.tests))
        yield f"| {row.number} | {row.behaviour} | {row.state(failed)} | {tests} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--results", nargs="*", default=[], metavar="XML", help="ctest's JUnit files")
    parser.add_argument("--output", metavar="FILE", help="write the table there")
    options = parser.parse_args()
    rows = read_rows()
    unknown = collect(rows)
    failed = failed_cases(options.results)
    if options.output:
        pathlib.Path(options.output).write_text("\n".join(markdown(rows, failed)) + "\n")
    for line in unknown:
        print(line)
    states = {row.number: row.state(failed) for row in rows.values()}
    for number, state in states.items():
        if state in ("NO TEST", "FAILS"):
            print(f"row {number}: {state}: {rows[number].behaviour}")
    held = sum(state == "holds" for state in states.values())
    missed = sum(state in ("NO TEST", "FAILS") for state in states.values()) + len(unknown)
    print(f"{len(rows) - held - missed + len(unknown)} rows belong to later steps")
    print(f"{held} passed, {missed} failed, 0 skipped")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
