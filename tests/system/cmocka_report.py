#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs a cmocka program for tools/prove: its figures (lines that begin with a number), then the counts."""
import re
import subprocess
import sys


def main():
    run = subprocess.run([sys.argv[1]], capture_output=True, text=True)
    output = run.stdout + run.stderr
    passed = len(re.findall(r"^\[       OK \]", output, re.MULTILINE))
    failed = len(set(re.findall(r"^\[  (?:FAILED|ERROR) *\] +(\w+)$", output, re.MULTILINE)))
    failed = failed or int(run.returncode != 0)
    if failed:
        print(output)
    print("\n".join(re.findall(r"^\d+ .*", output, re.MULTILINE)))
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
