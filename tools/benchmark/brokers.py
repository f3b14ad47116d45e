# SPDX-License-Identifier: Apache-2.0
"""The programs that are compared: each starts, says its URI and process, and stops."""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from benchmark import machine

ROOT = pathlib.Path(__file__).resolve().parents[2]


def log(text):
    """A progress line, on stderr: stdout is for the table."""
    print(text, file=sys.stderr, flush=True)


class Failed(Exception):
    """A measurement that did not come to an end; the text says why."""


class Certificates:
    """For the TLS ports of all brokers: ECDSA P-256."""

    def __init__(self, build, folder):
        self.place = pathlib.Path(tempfile.mkdtemp(prefix="tls-", dir=folder))
        subprocess.run([build / "leveretctl", "tls", "init", self.place], check=True,
                       stdout=subprocess.DEVNULL)
        self.certificate, self.key = self.place / "server_certificate.pem", self.place / "server_key.pem"

    def settings(self, port):
        return [f"listeners.ssl.default = 127.0.0.1:{port}", f"ssl_options.certfile = {self.certificate}",
                f"ssl_options.keyfile = {self.key}",
                f"ssl_options.cacertfile = {self.place / 'ca_certificate.pem'}"]

    def remove(self):
        shutil.rmtree(self.place, ignore_errors=True)


class Leveret:
    """The product as it comes, with a data directory: its journal sleeps while nothing is durable."""

    def __init__(self, build, folder, ephemeral=False, certificates=None):
        self.settings = [word for setting in (certificates.settings(0) if certificates else [])
                         for word in ("--set", setting)]
        self.build = build
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="leveret-", dir=folder))
        self.place = ["--ephemeral"] if ephemeral else ["--data-dir", self.folder / "data"]
        if not self.takes(build, self.place[0]):  # a commit from before the journal, see compare.py
            self.place = []
        self.log = open(self.folder / "log", "w+")
        self.start()

    @staticmethod
    def takes(build, option):
        """Is there such an option?"""
        about = subprocess.run([build / "leveret", "--help"], capture_output=True, text=True, check=True)
        return option in about.stdout

    def start(self):
        """Seconds until the line came that says clients can connect."""
        begun = time.monotonic()
        self.process = subprocess.Popen(
            [self.build / "leveret", "--port", "0", "--bind", "127.0.0.1", "--json", *self.place,
             *self.settings],
            stdout=subprocess.PIPE, stderr=self.log, text=True)
        line = self.process.stdout.readline()
        if not line:
            raise Failed("leveret did not start: " + self.end_of_log())
        self.uri = json.loads(line)["amqp"]
        self.tls_uri = json.loads(line).get("amqps")
        self.pid = self.process.pid
        return time.monotonic() - begun

    def check(self):
        if self.process.poll() is not None:
            raise Failed(f"leveret ended with {self.process.returncode}: " + self.end_of_log())

    def end_of_log(self):
        self.log.seek(0)
        return "".join(self.log.readlines()[-10:]).rstrip()

    def kill(self):
        self.process.kill()
        self.process.wait()

    def terminate(self):
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        self.terminate()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


class RabbitMQ:
    script = ROOT / "interop" / "support" / "rabbitmq"

    def __init__(self, _build, folder, certificates=None):
        self.folder = tempfile.mkdtemp(prefix="rabbitmq-", dir=folder)
        tls_port = machine.free_port()
        settings = certificates.settings(tls_port) if certificates else []
        self.tls_uri = f"amqps://guest:guest@127.0.0.1:{tls_port}/" if certificates else None
        begun = time.monotonic()
        started = subprocess.run([self.script, "start", "--port", "0", "--dir", self.folder,
                                  *(word for setting in settings for word in ("--set", setting))],
                                 stdout=subprocess.PIPE, text=True, check=False)
        if started.returncode != 0:
            raise Failed("RabbitMQ did not start")
        self.start_seconds = time.monotonic() - begun
        self.uri = started.stdout.split()[0]
        self.pid = self.find_pid()
        self.start_rss = machine.rss(self.pid)

    def find_pid(self):
        """The Erlang machine: the one of the node's process group that is called beam.smp."""
        group = int(pathlib.Path(self.folder, "group").read_text())
        for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
            try:
                head, _, rest = stat.read_text().rpartition(")")
            except OSError:
                continue
            if head.endswith("(beam.smp") and int(rest.split()[2]) == group:
                return int(stat.parent.name)
        raise Failed("cannot find the process of RabbitMQ")

    def check(self):
        pass

    def stop(self):
        subprocess.run([self.script, "stop", "--dir", self.folder], check=False)
        shutil.rmtree(self.folder, ignore_errors=True)


class NullBroker:
    """Starts anew for each run: it never frees a queue."""

    def __init__(self, build, folder, journal=False):
        self.file = pathlib.Path(folder, "null-journal.tmp")
        command = [build / "null-broker", "--port", "0"]
        command += ["--journal", self.file] if journal else []
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.uri = self.process.stdout.readline().strip()
        self.pid = self.process.pid

    def check(self):
        if self.process.poll() is not None:
            raise Failed(f"the null broker ended with {self.process.returncode}")

    def stop(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.file.unlink(missing_ok=True)
