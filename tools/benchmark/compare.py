# SPDX-License-Identifier: Apache-2.0
"""Two builds of Leveret side by side: is a commit faster or slower than an earlier one?

Each run has a broker process of its own, and who goes first changes from round to round: where the
memory of a process happens to lie moves its rate by more than what is looked for, and so does a busy
minute.  Judged is the first figure of a row, by the medians of its runs.
"""
import collections
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import tempfile

from benchmark import machine, measure, tables
from benchmark.brokers import ROOT, Failed, Leveret, log
from benchmark.progress import Progress
from benchmark.rows import BY_NAME

ALLOWED = 0.95  # of the earlier build's figure
KINDS = ("perf", "churn")  # rows of a second each; the others are not made for many rounds


# --- the earlier build -----------------------------------------------------------------------------


def commit_of(name):
    found = subprocess.run(["git", "-C", ROOT, "rev-parse", "--verify", "--quiet", name + "^{commit}"],
                           capture_output=True, text=True, check=False)
    if found.returncode != 0:
        raise Failed(f"{name} is neither a commit nor a folder with a program leveret")
    return found.stdout.strip()[:12]


def unpack(commit, folder):
    folder.mkdir(parents=True)
    archive = subprocess.Popen(["git", "-C", ROOT, "archive", commit], stdout=subprocess.PIPE)
    subprocess.run(["tar", "-x", "-C", folder], stdin=archive.stdout, check=True)
    archive.stdout.close()
    if archive.wait() != 0:
        raise Failed(f"git archive {commit} failed")


def build_commit(commit, place):
    """The folder with its programs; built once, kept for the next comparison."""
    folder = place / commit
    if (folder / "build" / "leveret").exists():
        return folder / "build"
    shutil.rmtree(folder, ignore_errors=True)
    unpack(commit, folder)
    script = '. "$0/tools/lib/build.sh"; build_preset release leveret'
    done = subprocess.run(["bash", "-c", script, ROOT], env=dict(os.environ, root=str(folder)), check=False)
    if done.returncode != 0:
        raise Failed(f"{commit} does not build")
    return folder / "build"


def earlier_build(name, options):
    if (pathlib.Path(name) / "leveret").exists():
        return pathlib.Path(name).resolve()
    return build_commit(commit_of(name), options.build / "compared")


# --- measuring -------------------------------------------------------------------------------------


class Comparison(measure.Bench):
    """A bench whose only player is a Leveret that starts anew for each run, of whichever build."""

    def run(self, row, programs):
        self.standing["L"] = Leveret(programs, self.folder)
        try:
            return measure.measure(self, row, "L")
        finally:
            self.standing.pop("L").stop()


def is_durable(row):
    return row.window > 0


def comparable(rows, programs):
    """Without the rows that the earlier build has no means for."""
    if Leveret.takes(programs, "--data-dir"):
        return rows
    for row in rows:
        if is_durable(row):
            log(f"{row.name} is left out: the earlier build has no journal")
    return [row for row in rows if not is_durable(row)]


def figures(numbers, row):
    return {"figure": numbers[row.figures[0].metric], "cpu": numbers.get("cpu_us")}


def measure_all(comparison, rows, builds, rounds):
    """{row: {build: [figures of each run]}}."""
    results = {row.name: collections.defaultdict(list) for row in rows}
    progress = Progress(rounds * len(rows) * len(builds))
    for number in range(1, rounds + 1):
        for row in rows:
            for name in sorted(builds, reverse=number % 2 == 0):
                progress.announce(f"round {number} {row.name} {name}")
                seen = figures(comparison.run(row, builds[name]), row)
                results[row.name][name].append(seen)
                progress.finish(f"round {number} {row.name:9} {name:6} "
                                + tables.shown(seen["figure"], row.figures[0].unit))
    return results


# --- judging ---------------------------------------------------------------------------------------


def median(runs, key):
    values = [run[key] for run in runs if run[key] is not None]
    return statistics.median(values) if values else None


def spread(runs):
    """Half the distance of the quartiles, in percent of the median: what one run may be off."""
    values = [run["figure"] for run in runs]
    if len(values) < 4:
        return "-"
    low, middle, high = statistics.quantiles(values, n=4)
    return f"{50 * (high - low) / middle:.0f} %"


def speed_ratio(figure, before, now):
    """Above 1 is better, whichever way the figure counts."""
    return now / before if figure.unit.endswith("/s") else before / now


def table_line(row, runs):
    figure = row.figures[0]
    before, now = (median(runs[name], "figure") for name in ("before", "now"))
    ratio = speed_ratio(figure, before, now)
    cpu = [median(runs[name], "cpu") for name in ("before", "now")]
    return ratio, [row.name, row.what, tables.shown(before, figure.unit), tables.shown(now, figure.unit),
                   f"{cpu[1] / cpu[0]:.2f}" if all(cpu) else "-", spread(runs["before"]),
                   f"{ratio:.3f}", "" if ratio >= ALLOWED else "SLOWER"]


def report(rows, results):
    """Prints the table; how many rows became slower than allowed."""
    lines = [["workload", "", "before", "now", "CPU", "spread", "speed", "judgement"]]
    slower = 0
    for row in rows:
        ratio, line = table_line(row, results[row.name])
        slower += ratio < ALLOWED
        lines.append(line)
    print(tables.markdown(lines, 2))
    return slower


def run(options):
    """1 when a row lost more than ALLOWED says."""
    if len(options.of) != 1:
        raise Failed("compare wants one commit, or one folder with a program leveret")
    programs = earlier_build(options.of[0], options)
    rows = comparable([BY_NAME[name] for name in options.workloads if BY_NAME[name].kind in KINDS],
                      programs)
    options.folder = tempfile.mkdtemp(prefix="compare-", dir=options.dir)
    try:
        results = measure_all(Comparison(options), rows, {"before": programs, "now": options.build},
                              options.rounds)
    finally:
        shutil.rmtree(options.folder, ignore_errors=True)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(
            {"about": machine.describe(ROOT, options), "earlier": options.of[0], "results": results},
            indent=1))
    return 1 if report(rows, results) > 0 else 0
