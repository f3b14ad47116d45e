# SPDX-License-Identifier: Apache-2.0
"""Where the time of a message goes: samples of the broker under a workload, as text.

perf interrupts the broker some thousand times a second and notes the stack; inlined functions are told
apart by the debugging information, so that a function counts for what it does and not for what was
inlined into it.  Copying by the C library counts for the part of the broker that called it.
"""
import collections
import json
import pathlib
import re
import subprocess
import tempfile
import time

from benchmark import measure
from benchmark.brokers import Failed, log
from benchmark.rows import BY_NAME

FREQUENCY = 1999
LIMIT_PERCENT = 3
ALLOWED = ("codec", "routing", "queue", "output", "kernel")
# The first pattern that fits the source file says which part of the work it is.
PARTS = [(part, re.compile(pattern)) for part, pattern in (
    ("codec", r"^amqp/|^broker/protocol/(content|input|dispatch)|^persistence/(encoder|record|batch|crc32c|octets)"),
    ("routing", r"^broker/entities/(route|exchange|binding|topic|vhost)|^broker/protocol/publish"),
    ("output", r"^broker/base/outbuf|^broker/protocol/(delivery|send)|^broker/net/transport"),
    ("queue", r"^broker/entities/|^broker/base/(pool|list|map)|^broker/protocol/(unacked|settle|confirms|methods_basic)"),
    ("journal", r"^persistence/"),
    ("connection", r"^broker/protocol/"),
    ("loop", r"^broker/|ev\.c$"),
)]
LIBRARY_COPIES = re.compile(r"^__?(memmove|memcpy|memset|memcmp)|^(memcpy|memmove|memset|memcmp)@plt")


def part_of(path):
    return next((part for part, pattern in PARTS if pattern.search(path)), "other")


SOURCE = re.compile(r"(?:^|/)((?:amqp|persistence|broker|broker/[a-z]+|tools)/[^/]+\.[ch])$")


class Frames:
    """Addresses of the broker to (function, file), innermost first where code was inlined."""

    def __init__(self, program):
        self.program, self.known = program, {}

    def resolve(self, addresses):
        wanted = sorted(set(addresses) - set(self.known))
        if not wanted:
            return
        text = subprocess.run(["addr2line", "-a", "-f", "-i", "-e", self.program],
                              input="\n".join(hex(a) for a in wanted), capture_output=True, text=True,
                              check=True).stdout
        current = None
        lines = iter(text.splitlines())
        for line in lines:
            if line.startswith("0x"):
                current = self.known.setdefault(int(line, 16), [])
            else:
                file = next(lines).rpartition(":")[0]
                ours = SOURCE.search(file)
                current.append((re.sub(r"\.(lto_priv|isra|part|constprop|cold).*", "", line),
                                ours.group(1) if ours else pathlib.Path(file).name))

    def of(self, address):
        return self.known.get(address) or [("?", "?")]


def read_samples(data):
    """Lists of (address, symbol, library), innermost first."""
    text = subprocess.run(["perf", "script", "-i", data, "-F", "ip,sym,dso"], capture_output=True,
                          text=True, check=True).stdout
    samples, stack = [], []
    for line in text.splitlines() + [""]:
        parts = line.split(None, 1)
        if parts:
            symbol, _, library = parts[1].rpartition(" (")
            stack.append((int(parts[0], 16), symbol, library.rstrip(")")))
        elif stack:
            samples.append(stack)
            stack = []
    return samples


def name_stack(stack, frames, program):
    """[(function, file or "kernel" or the library)], innermost first."""
    named = []
    for depth, (address, symbol, library) in enumerate(stack):
        if library == program:
            named += frames.of(address - (1 if depth else 0))
        elif "kernel" in library or library.startswith("["):
            if symbol != "[unknown]":
                named.append((symbol, "kernel"))
        elif symbol != "[unknown]":
            named.append((symbol, pathlib.Path(library).name))
    return named or [("?", "?")]


def part_of_stack(named):
    function, file = named[0]
    if file == "kernel":
        return "kernel"
    if LIBRARY_COPIES.match(function) or "/" not in file:
        return next((part_of(f) for _, f in named[1:] if "/" in f), "other")
    return part_of(file)


def percent_lines(counter, total, least, text):
    return [f"{100 * count / total:6.1f} %  {text(key)}" for key, count in counter.most_common()
            if 100 * count / total >= least]


def tree_lines(stacks, total, least):
    """The flame graph on its side: callers to the left, percent of all samples."""
    lines = []

    def descend(below, depth):
        groups = collections.defaultdict(list)
        for stack in below:
            if len(stack) > depth:
                groups[stack[depth][0]].append(stack)
        for function, group in sorted(groups.items(), key=lambda item: -len(item[1])):
            share = 100 * len(group) / total
            if share >= least:
                lines.append(f"{share:6.1f} %  {'  ' * depth}{function}")
                descend(group, depth + 1)
    descend(stacks, 0)
    return lines


def count(stacks):
    """Samples of each part, and of each (part, function, file)."""
    parts, functions = collections.Counter(), collections.Counter()
    for named in stacks:
        part = part_of_stack(named)
        parts[part] += 1
        functions[(part, "kernel" if part == "kernel" else named[0][0], named[0][1])] += 1
    return parts, functions


def judge(functions, total):
    """Those that take more than they may, where speed is not won."""
    return [f"{function} {100 * n / total:.1f} %" for (part, function, _), n in functions.items()
            if part not in ALLOWED and 100 * n / total > LIMIT_PERCENT]


def report(name, rate, cpu_us, stacks, offenders):
    total = len(stacks)
    parts, functions = count(stacks)
    return "\n".join(
        [f"{name}: {rate:,.0f} msg/s, {cpu_us:.3f} us CPU each, {total} samples", "", "by part:"] +
        percent_lines(parts, total, 0.1, str) + ["", "by function (inlined ones apart):"] +
        percent_lines(functions, total, 0.7, lambda key: f"{key[0]:10} {key[1]:34} {key[2]}") +
        ["", "by stack:"] + tree_lines([list(reversed(s)) for s in stacks], total, 2) +
        ["", f"above {LIMIT_PERCENT} % outside {', '.join(ALLOWED)}: " + (", ".join(offenders) or "none")])


def sample(bench, row, folder):
    data = pathlib.Path(folder, "perf.data")
    with bench.broker("L") as broker:
        load = subprocess.Popen([str(p) for p in measure.perf_command(bench, broker, row.options)] +
                                ["-z", str(bench.seconds + 1)], stdout=subprocess.PIPE, text=True)
        time.sleep(0.7)
        done = subprocess.run(["perf", "record", "-q", "-e", "cpu-clock", "-F", str(FREQUENCY),
                               "--call-graph", "fp", "-p", str(broker.pid), "-o", data, "sleep",
                               str(bench.seconds)], capture_output=True, text=True, check=False)
        result = load.communicate()[0]
        if done.returncode != 0 or load.returncode != 0:
            raise Failed(f"profiling {row.name}: {done.stderr.strip()}")
    return data, measure.flat(json.loads(result))


def run(options):
    """1 when a function takes more than it may."""
    found = False
    program = str(options.build / "leveret")
    for name in options.of or ["T128", "P1000"]:
        row = BY_NAME.get(name)
        if row is None or row.kind != "perf":
            raise Failed(f"there is no profile of {name}")
        with tempfile.TemporaryDirectory(prefix="profile-", dir=options.dir) as folder:
            options.folder = folder
            bench = measure.Bench(options)
            log(f"running {name} for {options.seconds:g} s")
            bench.start({"L"})
            try:
                data, numbers = sample(bench, row, folder)
            finally:
                bench.stop()
            samples = read_samples(data)
        frames = Frames(program)
        frames.resolve(address - (1 if depth else 0) for stack in samples
                       for depth, (address, _, library) in enumerate(stack) if library == program)
        stacks = [name_stack(stack, frames, program) for stack in samples]
        offenders = judge(count(stacks)[1], len(stacks))
        found = found or bool(offenders)
        print(report(name, numbers[row.figures[0].metric], numbers["cpu_us"] or 0, stacks, offenders)
              + "\n")
        if options.folded:
            folded = collections.Counter(";".join(f for f, _ in reversed(s)) for s in stacks)
            pathlib.Path(options.folded).write_text("".join(f"{s} {n}\n" for s, n in folded.items()))
    return 1 if found else 0
