# SPDX-License-Identifier: Apache-2.0
"""What the tests of the real process share: a broker to start and stop, and a client of a few lines.

The client writes frames by hand and knows only what these tests need; everything else about AMQP is
tested in tests/conversation.
"""
import json
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

BROKER = sys.argv[1] if len(sys.argv) > 1 else "build/leveret"
PATIENCE = 120  # seconds for anything that is not timed itself: who hangs, not who is slow on a busy machine


# What a sanitized broker needs to run under strace.
TRACEABLE = {"ASAN_OPTIONS": "detect_leaks=0"}


def is_sanitized(program):
    """Sanitizers take memory and time of their own: no figure of such a program means anything."""
    with open(program, "rb") as file:
        octets = file.read()
    return b"__asan_init" in octets or b"__tsan_init" in octets


class Broker:
    """One broker process on a free port; a context manager that leaves nothing behind."""

    def __init__(self, *options, program=None, address="127.0.0.1", before=None, data_dir=None,
                 wrapper=(), environment=None):
        """`data_dir`: keeps what is durable there. `wrapper`: a command that starts the broker, such
        as strace. `environment`: variables to set, which then choose the data directory."""
        place = ["--data-dir", data_dir] if data_dir else [] if environment else ["--ephemeral"]
        command = [*wrapper, program or BROKER, "--config", "/dev/null", "--json", *place, "--port", "0", *options]
        self.address = address
        self.log_file = tempfile.TemporaryFile()    # a pipe that nobody reads would fill up
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=self.log_file, preexec_fn=before,
                                        env={**os.environ, **(environment or {})})
        self.ready = json.loads(self.first_line())
        self.port = self.ready["amqp_port"]
        self.log = None     # known once the process has ended
        self.rest = None    # what came on stdout after the ready line

    def first_line(self):
        readable, _, _ = select.select([self.process.stdout], [], [], PATIENCE)
        line = self.process.stdout.readline() if readable else b""
        if not line:
            self.process.kill()
            self.wait()
            raise AssertionError(f"no ready line; the log:\n{self.log}")
        return line

    def stop(self, number=signal.SIGTERM):
        """Sends the signal and returns the exit code."""
        self.process.send_signal(number)
        return self.wait()

    def wait(self):
        self.rest, _ = self.process.communicate(timeout=PATIENCE)
        self.log_file.seek(0)
        self.log = self.log_file.read().decode(errors="replace")
        return self.process.returncode

    def kill(self):
        """As if the power had gone, but for the page cache."""
        os.kill(self.ready["pid"], signal.SIGKILL)
        return self.wait()

    def is_running(self):
        return self.process.poll() is None

    def rss_kib(self):
        with open(f"/proc/{self.process.pid}/status") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
        raise AssertionError("no VmRSS")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.is_running():
            self.process.kill()
        self.process.communicate()
        self.log_file.close()


def connect(address, port):
    return socket.create_connection((address, port), timeout=PATIENCE)


def free_port():
    """A port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def shortstr(text):
    return bytes([len(text)]) + text.encode()


class Client:
    """A connection that can do what it is told here and no more."""

    def __init__(self, broker, timeout=PATIENCE):
        self.socket = socket.create_connection((broker.address, broker.port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.unread = b""

    def login(self):
        self.socket.sendall(b"AMQP\0\0\x09\x01")
        self.expect(0, 10, 10)
        response = b"\0guest\0guest"
        self.send(0, 10, 11, struct.pack(">I", 0) + shortstr("PLAIN") +
                  struct.pack(">I", len(response)) + response + shortstr("en_US"))
        channel_max, frame_max, _ = struct.unpack(">HIH", self.expect(0, 10, 30))
        self.send(0, 10, 31, struct.pack(">HIH", channel_max, frame_max, 0))
        self.send(0, 10, 40, shortstr("/") + b"\0\0")
        self.expect(0, 10, 41)
        return self

    def open_channel(self, number=1):
        self.send(number, 20, 10, b"\0")
        self.expect(number, 20, 11)
        return self

    def send(self, channel, class_id, method_id, arguments=b""):
        self.send_frame(1, channel, struct.pack(">HH", class_id, method_id) + arguments)

    def send_frame(self, kind, channel, payload):
        self.socket.sendall(struct.pack(">BHI", kind, channel, len(payload)) + payload + b"\xce")

    def publish(self, key, body):
        self.send(1, 60, 40, b"\0\0" + shortstr("") + shortstr(key) + b"\0")
        self.send_frame(2, 1, struct.pack(">HHQH", 60, 0, len(body), 0))
        for at in range(0, len(body), 131064):
            self.send_frame(3, 1, body[at:at + 131064])

    def declare_queue(self, name):
        self.send(1, 50, 10, b"\0\0" + shortstr(name) + b"\0" + struct.pack(">I", 0))
        return self.expect(1, 50, 11)

    def get(self, name):
        """The body of the next message; None when there is none."""
        self.send(1, 60, 70, b"\0\0" + shortstr(name) + b"\x01")
        _, _, payload = self.receive()
        if payload[:4] == struct.pack(">HH", 60, 72):
            return None
        _, _, header = self.receive()
        size, = struct.unpack(">Q", header[4:12])
        body = b""
        while len(body) < size:
            body += self.receive()[2]
        return body

    def read(self, count):
        while len(self.unread) < count:
            octets = self.socket.recv(65536)
            if not octets:
                raise EOFError("the broker closed the connection")
            self.unread += octets
        octets, self.unread = self.unread[:count], self.unread[count:]
        return octets

    def receive(self):
        """The next frame: type, channel, payload."""
        kind, channel, size = struct.unpack(">BHI", self.read(7))
        payload = self.read(size + 1)
        assert payload[-1:] == b"\xce", payload
        return kind, channel, payload[:-1]

    def expect(self, channel, class_id, method_id):
        """The next frame is that method; returns its arguments."""
        frame = self.receive()
        wanted = struct.pack(">HH", class_id, method_id)
        assert frame[:2] == (1, channel) and frame[2].startswith(wanted), (wanted, frame)
        return frame[2][4:]

    def is_closed(self):
        """True when the broker has closed, whatever it said before."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionResetError:
            pass
        except socket.timeout:
            return False
        return True

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def run(*options, before=None, environment=None):
    """A broker that is expected to end by itself: exit code, stdout, stderr."""
    done = subprocess.run([BROKER, *options], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=PATIENCE, text=True, preexec_fn=before,
                          env={**os.environ, **(environment or {})})
    return done.returncode, done.stdout, done.stderr


def wait_until(condition, what="it"):
    """For what no event tells: another process's state."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"waited in vain for {what}")
        time.sleep(0.01)


def main():
    """Runs the calling script's test cases, or those named behind the broker (Class, Class.test); the
    last line is their count."""
    loader, script = unittest.defaultTestLoader, sys.modules["__main__"]
    names = sys.argv[2:]
    suite = loader.loadTestsFromNames(names, script) if names else loader.loadTestsFromModule(script)
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=2).run(suite)
    failed = len(result.failures) + len(result.errors)
    skipped = len(result.skipped)
    print(f"{result.testsRun - failed - skipped} passed, {failed} failed, {skipped} skipped",
          flush=True)
    sys.exit(1 if failed else 0)
