# SPDX-License-Identifier: Apache-2.0
"""Instructions per operation of the micro-benchmarks, compared with the file of counts.

Counts do not depend on how busy the machine is, so a change of a few percent is a change of the code
(or of the compiler or the C library: the file says with which it was made).
"""
import pathlib
import re
import subprocess
import tempfile

from benchmark.brokers import Failed, log

FILE = pathlib.Path(__file__).resolve().parents[1] / "micro" / "counts.txt"
FEW = 2000     # operations of the first run, a multiple of every batch of the benchmarks
MORE = 12000   # of the second
NOTABLE = 2.0  # percent


def instructions(program, name, count, folder):
    """All that the process executes in user space."""
    out = pathlib.Path(folder, "callgrind.out")
    done = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}",
                           program, name, str(count)], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failed(f"{name}: " + done.stderr[-500:])
    return int(re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.MULTILINE).group(1))


def count_one(program, name):
    with tempfile.TemporaryDirectory(prefix="counts-") as folder:
        few = instructions(program, name, FEW, folder)
        return (instructions(program, name, MORE, folder) - few) / (MORE - FEW)


def read_file():
    if not FILE.exists():
        return {}
    pairs = (line.split() for line in FILE.read_text().splitlines() if not line.startswith("#"))
    return {pair[0]: float(pair[1]) for pair in pairs if len(pair) >= 2}


def compiler():
    text = subprocess.run(["cc", "--version"], capture_output=True, text=True, check=True).stdout
    return text.splitlines()[0]


def write_file(counts, what):
    lines = ["# Instructions per operation; made by `tools/bench counts --update`, compared by",
             f"# `tools/bench counts`. {compiler()}, release."]
    lines += [f"{name:20} {counts[name]:9.1f}   {what[name]}" for name in counts]
    FILE.write_text("\n".join(lines) + "\n")


def line(name, what, now, before):
    if before is None:
        return f"{name:20} {now:9.1f}                      {what}"
    change = 100 * (now - before) / before
    mark = "" if abs(change) < NOTABLE else "  <-- better" if change < 0 else "  <-- WORSE"
    return f"{name:20} {now:9.1f}  was {before:9.1f} {change:+6.1f} %  {what}{mark}"


def run(options):
    """1 when something became notably more expensive."""
    program = options.build / "micro-bench"
    listed = subprocess.run([program], capture_output=True, text=True, check=True).stdout
    what = dict(part.split(None, 1) for part in listed.splitlines())
    unknown = set(options.of) - set(what)
    if unknown:
        raise Failed(f"there is no micro-benchmark {', '.join(unknown)}; there are {', '.join(what)}")
    old, new = read_file(), {}
    for name in options.of or what:
        new[name] = count_one(program, name)
        print(line(name, what[name], new[name], old.get(name)), flush=True)
    if options.update:
        write_file({name: new.get(name, old.get(name)) for name in what
                    if name in new or name in old}, what)
        log(f"{FILE.name} has the new counts")
        return 0
    return 1 if any(new[n] > old[n] * (1 + NOTABLE / 100) for n in new if n in old) else 0
