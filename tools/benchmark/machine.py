# SPDX-License-Identifier: Apache-2.0
"""What /proc and git say: the machine, a process, and how busy others keep it."""
import datetime
import os
import pathlib
import platform
import socket
import subprocess

TICKS = os.sysconf("SC_CLK_TCK")


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()


def commit(root):
    git = ["git", "-C", root]
    try:
        name = subprocess.run(git + ["rev-parse", "--short", "HEAD"], capture_output=True, text=True,
                              check=True).stdout.strip()
        changed = subprocess.run(git + ["status", "--porcelain", "-uno"], capture_output=True,
                                 text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError):
        return "no commit"
    return name + (" with changes" if changed else "")


def describe(root, options):
    return {
        "date": datetime.date.today().isoformat(),
        "commit": commit(root),
        "processor": processor(),
        "cores": os.cpu_count(),
        "kernel": platform.release(),
        "load_before": round(os.getloadavg()[0], 2),
        "rounds": options.rounds,
        "seconds": options.seconds,
    }


def status(pid, key):
    """A number of /proc/PID/status: VmRSS and VmHWM are KiB."""
    for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(key + ":"):
            return int(line.split()[1])
    return 0


def rss(pid):
    return status(pid, "VmRSS") * 1024


def forget_peak(pid):
    """From now on VmHWM is that of what follows."""
    try:
        pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")
    except OSError:
        pass


def cpu_seconds(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def wakeups(pid):
    """How often its threads went to sleep by themselves."""
    total = 0
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        for line in (task / "status").read_text().splitlines():
            if line.startswith("voluntary_ctxt_switches:"):
                total += int(line.split()[1])
    return total


def bytes_written(pid):
    """To the disk, not to files only."""
    for line in pathlib.Path(f"/proc/{pid}/io").read_text().splitlines():
        if line.startswith("write_bytes:"):
            return int(line.split()[1])
    return 0


class Others:
    """The share of the machine that neither we nor the broker used between start and percent()."""

    def __init__(self, pid):
        self.pid = pid
        self.begin = self.read()

    def read(self):
        fields = [int(f) for f in pathlib.Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
        times = os.times()
        ours = times.user + times.system + times.children_user + times.children_system
        idle = (fields[3] + fields[4]) / TICKS
        return sum(fields[:8]) / TICKS, idle, ours + (cpu_seconds(self.pid) if self.pid else 0)

    def percent(self):
        total, idle, ours = (now - then for now, then in zip(self.read(), self.begin))
        return round(max(0.0, 100 * (total - idle - ours) / total), 1) if total > 0 else 0.0


def free_port():
    """A TCP port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
