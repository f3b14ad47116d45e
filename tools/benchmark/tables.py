# SPDX-License-Identifier: Apache-2.0
"""Medians of the results, the judgement of gates and moonshots, and the tables that show both."""
import statistics

from benchmark.rows import BY_NAME, PLAYERS

README_BEGIN, README_END = "<!-- bench:begin -->", "<!-- bench:end -->"


# --- numbers ------------------------------------------------------------------------------------


def medians(results):
    """{row: {player: {metric: median}}}; a player who failed once has no numbers at all."""
    return {name: {player: median_of(runs) for player, runs in players.items()}
            for name, players in results.items()}


def median_of(runs):
    if not runs or any("failed" in run for run in runs):
        return {}
    return {metric: statistics.median(run[metric] for run in runs)
            for metric, value in runs[0].items() if value is not None}


def number(value):
    """Three digits: 4.32 M, 87.1 k, 815, 0.0312."""
    for limit, unit in ((1e6, " M"), (1e3, " k")):
        if value >= limit * 0.9995:
            return f"{value / limit:.3g}{unit}" if value < 99.95 * limit else f"{value / limit:.0f}{unit}"
    return f"{value:.0f}" if value >= 99.95 else f"{value:.3g}"


LARGER = {"us": (10000, "ms", 1000), "ms": (10000, "s", 1000), "B": (10000, "KiB", 1024)}


def shown(value, unit):
    """With its unit, a larger one where that reads better."""
    if value is None:
        return "-"
    if unit in LARGER and value >= LARGER[unit][0]:
        return f"{number(value / LARGER[unit][2])} {LARGER[unit][1]}"
    if unit in ("msg/s", ""):
        return number(value)
    return f"{value:,.0f} {unit}" if 999.5 <= value < 10000 else f"{number(value)} {unit}"


# --- judgement ----------------------------------------------------------------------------------


class Verdict:
    """A bound with what was seen: `met` is None when the other one was not measured."""

    def __init__(self, bound, own, other):
        self.bound = bound
        self.value = own if not bound.other else own / other if own is not None and other else None
        if bound.other and (own is None or not other):
            self.value = None
        self.met = None
        if self.value is not None:
            self.met = self.value <= bound.factor if bound.at_most else self.value >= bound.factor

    def text(self, unit):
        seen = shown(self.value, "" if self.bound.other else unit)
        return f"{seen} ({self.bound.text(unit)})"


def judge(all_medians, row, figure, bounds):
    own = all_medians[row.name].get("L", {}).get(figure.metric)
    verdicts = []
    for bound in bounds:
        place = (bound.other[4:], "L") if bound.other.startswith("own ") else (row.name, bound.other)
        other = all_medians.get(place[0], {}).get(place[1], {}).get(figure.metric)
        verdicts.append(Verdict(bound, own, other))
    return verdicts


def verdict_cell(verdicts, unit):
    """met/missed and the figures that say so: "met: 0.34 (>= 0.26 N), 41 (>= 30 R)"."""
    if not verdicts:
        return ""
    known = [v.met for v in verdicts if v.met is not None]
    word = "-" if not known else "met" if all(known) else "MISSED"
    return f"{word}: " + ", ".join(v.text(unit) for v in verdicts)


# --- tables -------------------------------------------------------------------------------------


def markdown(lines, left):
    """A table that also reads well as it is; the first `left` columns are texts."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]

    def is_text(i):
        return i < left or i >= len(widths) - 2

    def format_line(line):
        return "| " + " | ".join(c.ljust(w) if is_text(i) else c.rjust(w)
                                 for i, (c, w) in enumerate(zip(line, widths))) + " |"
    rule = ["-" * w if is_text(i) else "-" * (w - 1) + ":" for i, w in enumerate(widths)]
    return "\n".join([format_line(lines[0]), format_line(rule)] + [format_line(x) for x in lines[1:]])


def ceiling_of(row):
    return "NJ" if "NJ" in row.players else "N" if "N" in row.players else None


def figure_line(all_medians, row, figure, is_first):
    by_player = all_medians[row.name]
    value = {p: by_player.get(p, {}).get(figure.metric) for p in PLAYERS}
    top = ceiling_of(row)
    bound = next((p for p in ("relay", "disk") if p in row.players), None)
    cpus = [by_player.get(p, {}).get("cpu_us") for p in ("L", "R", top)]
    cpu = " / ".join("-" if c is None else f"{c:.3g}" for c in cpus)
    what = row.what if is_first and not figure.label else figure.label or row.what
    if is_first and figure.label:
        what = f"{row.what}: {figure.label}"
    return [row.name if is_first else "", what,
            shown(value["L"], figure.unit), shown(value["R"], figure.unit),
            shown(value.get(top), figure.unit), shown(value.get(bound), figure.unit),
            cpu if is_first and any(c is not None for c in cpus) else "",
            verdict_cell(judge(all_medians, row, figure, figure.gate), figure.unit),
            verdict_cell(judge(all_medians, row, figure, figure.moonshot), figure.unit)]


HEADER = ["workload", "", "Leveret", "RabbitMQ", "N / NJ", "relay / disk", "CPU us/msg L / R / N",
          "gate", "moonshot"]


def main_table(all_medians):
    lines = [HEADER]
    for name in all_medians:
        row = BY_NAME[name]
        for i, figure in enumerate(row.figures):
            lines.append(figure_line(all_medians, row, figure, i == 0))
    return markdown(lines, 2)


def extra(by_player, players, metric, pattern="{:.3g}"):
    cells = [by_player.get(p, {}).get(metric) for p in players]
    return " / ".join("-" if c is None else pattern.format(c) for c in cells)


def durable_table(all_medians):
    """What the rates of the durable rows do not say."""
    lines = [["workload", "confirm p50 us L / R / NJ", "p99 us L / R / NJ",
              "octets to disk per octet of body L / R / NJ", "peak RSS MiB L / R"]]
    for name, by_player in all_medians.items():
        if "NJ" in BY_NAME[name].players:
            lines.append([name, extra(by_player, ("L", "R", "NJ"), "confirm_p50_us", "{:,.0f}"),
                          extra(by_player, ("L", "R", "NJ"), "confirm_p99_us", "{:,.0f}"),
                          extra(by_player, ("L", "R", "NJ"), "write_amplification"),
                          extra(by_player, ("L", "R"), "rss_peak_mib", "{:,.0f}")])
    return markdown(lines, 1) if len(lines) > 1 else ""


def counts(all_medians):
    """{"gate": [met, missed], "moonshot": [met, missed]} of figures."""
    totals = {"gate": [0, 0], "moonshot": [0, 0]}
    for name in all_medians:
        for figure in BY_NAME[name].figures:
            for kind, total in totals.items():
                known = [v.met for v in judge(all_medians, BY_NAME[name], figure, getattr(figure, kind))
                         if v.met is not None]
                if known:
                    total[0 if all(known) else 1] += 1
    return totals


def caption(about, all_medians, others):
    totals = counts(all_medians)
    load = "" if others is None else f", other programs took {others:.0f} % of the machine"
    return (f"Medians of {about['rounds']} interleaved rounds of {about['seconds']:g} s; every run checks "
            f"order, loss, duplicates and octets. {about['date']}, commit {about['commit']}, "
            f"{about['cores']} cores {about['processor']}, Linux {about['kernel']}, load before "
            f"{about['load_before']}{load}. Gates: {totals['gate'][0]} met, {totals['gate'][1]} missed; "
            f"moonshots: {totals['moonshot'][0]} met, {totals['moonshot'][1]} missed. N: null broker, "
            "NJ: null broker with a journal, relay: octets copied by a process, disk: write + fdatasync "
            "of one window each time.")


def others_percent(results):
    seen = [run["others_percent"] for players in results.values() for runs in players.values()
            for run in runs if "others_percent" in run]
    return statistics.median(seen) if seen else None


def full_text(results, about):
    all_medians = medians(results)
    parts = [main_table(all_medians), durable_table(all_medians),
             caption(about, all_medians, others_percent(results))]
    return "\n\n".join(part for part in parts if part)


def judgements(results):
    """The same for machines."""
    all_medians = medians(results)
    return {name: [{"metric": f.metric, "label": f.label, "unit": f.unit,
                    **{kind: [{"bound": v.bound.text(f.unit), "value": v.value, "met": v.met}
                              for v in judge(all_medians, BY_NAME[name], f, getattr(f, kind))]
                       for kind in ("gate", "moonshot")}}
                   for f in BY_NAME[name].figures] for name in all_medians}


def put_into_readme(readme, text):
    """False when the README has no place for it."""
    old = readme.read_text()
    begin, end = old.find(README_BEGIN), old.find(README_END)
    if begin < 0 or end < begin:
        return False
    readme.write_text(old[:begin + len(README_BEGIN)] + "\n" + text + "\n" + old[end:])
    return True
