#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""leveretctl against the real broker: finding it, answers, exit codes, certificates."""
import json
import os
import stat
import subprocess
import tempfile
import unittest

import process
from process import BROKER, Broker, run

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(BROKER)), "leveretctl")


def ctl(*words, environment=None):
    done = subprocess.run([PROGRAM, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=process.PATIENCE, env={**os.environ, **(environment or {})})
    return done.returncode, done.stdout, done.stderr


class Socket(unittest.TestCase):
    def setUp(self):
        self.room = tempfile.TemporaryDirectory()
        self.addCleanup(self.room.cleanup)
        self.data = os.path.join(self.room.name, "data")

    def test_the_data_directory_is_where_the_broker_is_found(self):
        with Broker(data_dir=self.data) as broker:
            path = os.path.join(self.data, "control.sock")
            self.assertEqual(broker.ready["control"], path)
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
            for place in (["--data-dir", self.data], ["--socket", path], [f"--socket={path}"]):
                self.assertEqual(ctl("alarms", *place), (0, "resource\tnode\n", ""))
            self.assertEqual(ctl("alarms", environment={"LEVERET_CONTROL_SOCKET": path})[0], 0)
            self.assertEqual(ctl("alarms", environment={"RABBITMQ_MNESIA_DIR": self.data})[0], 0)
            self.assertEqual(broker.stop(), 0)
            self.assertFalse(os.path.exists(path))
        code, output, errors = ctl("alarms", "--data-dir", self.data)
        self.assertEqual((code, output), (69, ""))
        self.assertIn("no broker answers at " + path, errors)

    def test_a_socket_that_a_killed_broker_left_is_replaced(self):
        with Broker(data_dir=self.data) as broker:
            broker.kill()
        self.assertTrue(os.path.exists(os.path.join(self.data, "control.sock")))
        with Broker(data_dir=self.data):
            self.assertEqual(ctl("alarms", "--data-dir", self.data)[0], 0)

    def test_a_socket_that_is_in_use_is_not_taken(self):
        path = os.path.join(self.room.name, "here.sock")
        with Broker("--set", f"leveret.control_socket={path}"):
            code, _, errors = run("--ephemeral", "--port", "0", "--set", f"leveret.control_socket={path}")
            self.assertEqual(code, 69)
            self.assertIn("here.sock: Address already in use", errors)
            self.assertEqual(ctl("alarms", "--socket", path)[0], 0)

    def test_none_means_none(self):
        with Broker("--set", "leveret.control_socket=none", data_dir=self.data) as broker:
            self.assertNotIn("control", broker.ready)
            self.assertEqual(ctl("alarms", "--data-dir", self.data)[0], 69)

    def test_reload_by_command_and_by_signal(self):
        with Broker(data_dir=self.data) as broker:
            self.assertEqual(ctl("reload", "--data-dir", self.data), (0, "", ""))
            broker.process.send_signal(1)
            self.assertEqual(ctl("alarms", "--data-dir", self.data)[0], 0)
            self.assertEqual(broker.stop(), 0)
            self.assertIn("SIGHUP received - reloading", broker.log)

    def test_formats(self):
        with Broker("--set", "vm_memory_high_watermark.absolute=1MB", data_dir=self.data) as broker:
            process.wait_until(lambda: "memory" in ctl("alarms", "--data-dir", self.data)[1])
            place = ["--data-dir", self.data]
            self.assertTrue(ctl("alarms", *place, "-q")[1].startswith("memory\trabbit@"))
            rows = json.loads(ctl("alarms", *place, "--formatter", "json")[1])
            self.assertEqual([row["resource"] for row in rows], ["memory"])
            self.assertTrue(ctl("alarms", *place, "--formatter=csv")[1]
                            .startswith('"resource","node"\n"memory","rabbit@'))
            broker.stop()


class CommandLine(unittest.TestCase):
    def test_help_names_every_command(self):
        code, output, errors = ctl("help")
        self.assertEqual((code, errors), (0, ""))
        names = ctl("list_commands")[1].splitlines()
        self.assertIn("tls init", names)
        for name in names:
            self.assertIn(f"  {name} ", output)
            self.assertIn(f"usage: leveretctl {name}", ctl("help", *name.split())[1])
            self.assertEqual(ctl(*name.split(), "--help"), ctl("help", *name.split()))

    def test_what_is_wrong_is_64_and_said(self):
        for words, why in ((["alarm"], "did you mean 'alarms'?"), (["nonsense"], "no command"),
                           (["alarms", "x"], "too many arguments"), (["tls", "init"], "too few"),
                           (["alarms", "--days", "1"], "no option --days"), (["alarms", "--x"], "--x"),
                           (["alarms", "--socket"], "wants a value"), (["tls", "ini", "x"], "tls init"),
                           (["alarms", "--formatter", "xml"], "json_stream or erlang")):
            code, output, errors = ctl(*words)
            self.assertEqual((code, output), (64, ""), words)
            self.assertIn(why, errors)
        self.assertEqual(ctl()[0], 64)


class Certificates(unittest.TestCase):
    def setUp(self):
        room = tempfile.TemporaryDirectory()
        self.addCleanup(room.cleanup)
        self.place = os.path.join(room.name, "tls")

    def path(self, name):
        return os.path.join(self.place, name + ".pem")

    def openssl(self, *words):
        return subprocess.run(["openssl", *words], capture_output=True, text=True, check=False)

    def test_made_certificates_verify(self):
        code, output, errors = ctl("tls", "init", self.place, "--hostname", "rabbit,10.0.0.1,::1")
        self.assertEqual((code, errors), (0, ""))
        self.assertIn(f"ssl_options.certfile   = {self.path('server_certificate')}", output)
        for name, purpose in (("server", "sslserver"), ("client", "sslclient")):
            verified = self.openssl("verify", "-x509_strict", "-purpose", purpose, "-CAfile",
                                    self.path("ca_certificate"), self.path(name + "_certificate"))
            self.assertEqual(verified.returncode, 0, verified.stderr)
        text = self.openssl("x509", "-in", self.path("server_certificate"), "-noout", "-ext",
                            "subjectAltName").stdout
        self.assertIn("DNS:rabbit, IP Address:10.0.0.1, IP Address:0:0:0:0:0:0:0:1", text)
        for name in ("ca_key", "server_key", "client_key"):
            self.assertEqual(stat.S_IMODE(os.stat(self.path(name)).st_mode), 0o600)

    def test_a_second_call_adds_and_keeps(self):
        ctl("tls", "init", self.place)
        with open(self.path("ca_key"), encoding="ascii") as file:
            before = file.read()
        code, output, _ = ctl("tls", "init", self.place, "--client", "bob")
        self.assertEqual(code, 0)
        self.assertIn("made  " + self.path("bob_certificate"), output)
        with open(self.path("ca_key"), encoding="ascii") as file:
            self.assertEqual(file.read(), before)
        verified = self.openssl("verify", "-CAfile", self.path("ca_certificate"),
                                self.path("bob_certificate"))
        self.assertEqual(verified.returncode, 0, verified.stderr)

    def test_what_cannot_be_made_is_said(self):
        self.assertEqual(ctl("tls", "init", "/proc/nowhere")[0], 73)
        self.assertEqual(ctl("tls", "init", self.place, "--days", "x")[0], 64)
        self.assertEqual(ctl("tls", "init", self.place, "--client", "../x")[0], 64)
        self.assertEqual(ctl("tls", "init", self.place, "--client", "x" * 100)[0], 65)


if __name__ == "__main__":
    process.main()
