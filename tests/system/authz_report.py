#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the matrix of tests/conversation/test_authorization.c and prints its figure (bar A1, A2)."""
import re
import subprocess
import sys


def main():
    run = subprocess.run([sys.argv[1]], capture_output=True, text=True)
    output = run.stdout + run.stderr
    cells = re.search(r"^(\d+) cells", output, re.MULTILINE)
    passed = len(re.findall(r"^\[       OK \]", output, re.MULTILINE))
    failed = len(set(re.findall(r"^\[  (?:FAILED|ERROR) *\] +(\w+)$", output, re.MULTILINE)))
    if failed or run.returncode:
        print(output)
    print(f"{cells.group(1) if cells else 0} cells of methods against roles, "
          f"{'0 unexpected allows or refusals' if not failed else 'UNEXPECTED answers, see above'}")
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed or run.returncode or not cells else 0


if __name__ == "__main__":
    sys.exit(main())
