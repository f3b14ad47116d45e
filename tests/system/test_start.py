#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Command line, ready line, log, exit codes."""
import re
import socket
import subprocess
import tempfile
import unittest

import process
from process import BROKER, Broker, Client, run


class ReadyLine(unittest.TestCase):
    def test_ready_line_tells_where_the_broker_is(self):
        with Broker() as broker:
            ready = broker.ready
            self.assertEqual(ready["event"], "ready")
            self.assertEqual(ready["pid"], broker.process.pid)
            self.assertGreaterEqual(ready["ms"], 0)
            self.assertEqual(ready["amqp"], f"amqp://guest:guest@127.0.0.1:{broker.port}/")
            Client(broker).login().close()

    def test_ready_line_is_all_there_is_on_stdout(self):
        with Broker() as broker:
            Client(broker).login().close()
            self.assertEqual(broker.stop(), 0)
            self.assertEqual(broker.rest, b"")

    def test_ready_line_keeps_other_credentials_to_itself(self):
        with Broker("--set", "default_user=bob", "--set", "default_pass=builder") as broker:
            self.assertNotIn("builder", str(broker.ready))
            self.assertEqual(broker.ready["amqp"], f"amqp://127.0.0.1:{broker.port}/")


class Log(unittest.TestCase):
    def test_start_ends_with_the_line_that_tools_wait_for(self):
        """rows: 439"""
        with Broker() as broker:
            self.assertEqual(broker.stop(), 0)
            line = re.search(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\+00:00 \[info\] <[\d.]+> "
                             r"Server startup complete; (\d+) plugins started\.$(.*)",
                             broker.log, re.MULTILINE | re.DOTALL)
            self.assertIsNotNone(line, broker.log)
            plugins = re.findall(r"\[info\] <[\d.]+>  \* (\w+)$", line.group(2), re.MULTILINE)
            self.assertEqual(len(plugins), int(line.group(1)))
            self.assertIn("rabbitmq_delayed_message_exchange", plugins)

    def test_without_json_the_log_is_on_stdout(self):
        broker = subprocess.Popen([BROKER, "--ephemeral", "--port", "0", "--bind", "127.0.0.1"],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            for line in broker.stdout:
                if b"Server startup complete" in line:
                    break
            else:
                self.fail("the line never came")
        finally:
            broker.terminate()
            _, errors = broker.communicate(timeout=process.PATIENCE)
        self.assertEqual(broker.returncode, 0)
        self.assertEqual(errors, b"")


class CommandLine(unittest.TestCase):
    def test_help_names_every_option(self):
        code, output, errors = run("--help")
        self.assertEqual((code, errors), (0, ""))
        for option in ("--port", "--bind", "--ephemeral", "--set", "--config", "--json", "--version"):
            self.assertIn(option, output)

    def test_version(self):
        code, output, errors = run("--version")
        self.assertEqual((code, errors), (0, ""))
        self.assertRegex(output, r"^leveret \d+\.\d+\.\d+\n$")

    def test_unknown_option_is_64(self):
        code, output, errors = run("--no-such-option")
        self.assertEqual((code, output), (64, ""))
        self.assertIn("--help", errors)

    def test_bad_port_is_64(self):
        for port in ("x", "-1", "65536", ""):
            self.assertEqual(run("--port", port)[0], 64, port)

    def test_argument_is_64(self):
        self.assertEqual(run("start")[0], 64)

    def test_unknown_key_is_78_and_names_the_nearest(self):
        code, _, errors = run("--set", "frame_maxx=4096")
        self.assertEqual(code, 78)
        self.assertIn("frame_max", errors.replace("frame_maxx", ""))

    def test_bad_value_is_78(self):
        code, _, errors = run("--set", "frame_max=many")
        self.assertEqual(code, 78)
        self.assertIn("frame_max", errors)

    def test_missing_file_is_78(self):
        code, _, errors = run("--config", "/nonexistent/rabbitmq.conf")
        self.assertEqual(code, 78)
        self.assertIn("/nonexistent/rabbitmq.conf", errors)

    def test_bad_line_in_a_file_is_78_and_names_the_line(self):
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            file.write("# comment\nheartbeat = 30\nnonsense = 1\n")
            file.flush()
            code, _, errors = run("--config", file.name)
        self.assertEqual(code, 78)
        self.assertIn(f"{file.name}:3", errors)

    def test_file_is_read_and_set_wins(self):
        with tempfile.NamedTemporaryFile("w", suffix=".conf") as file:
            file.write("heartbeat = 30 # comment\nchannel_max = 10\n")
            file.flush()
            with Broker("--config", file.name, "--set", "channel_max=11") as broker:
                with Client(broker) as client:
                    client.socket.sendall(b"AMQP\0\0\x09\x01")
                    client.expect(0, 10, 10)
                    client.send(0, 10, 11, b"\0\0\0\0" + process.shortstr("PLAIN") +
                                b"\0\0\0\x0c\0guest\0guest" + process.shortstr("en_US"))
                    self.assertEqual(client.expect(0, 10, 30), b"\0\x0b\0\x02\0\0\0\x1e")

    def test_port_in_use_is_69(self):
        with Broker() as broker:
            code, _, errors = run("--ephemeral", "--port", str(broker.port), "--bind", "127.0.0.1")
            self.assertEqual(code, 69)
            self.assertIn(str(broker.port), errors)


class Listening(unittest.TestCase):
    def test_serves_ipv4_and_ipv6(self):
        with Broker() as broker:
            Client(broker).login().close()
            if not has_ipv6():
                self.skipTest("there is no IPv6 here")
            broker.address = "::1"
            Client(broker).login().close()

    def test_bind_to_ipv6_only(self):
        if not has_ipv6():
            self.skipTest("there is no IPv6 here")
        with Broker("--bind", "::1", address="::1") as broker:
            self.assertIn(f"@[::1]:{broker.port}/", broker.ready["amqp"])
            Client(broker).login().close()
            broker.address = "127.0.0.1"
            with self.assertRaises(ConnectionRefusedError):
                Client(broker)

    def test_bind_to_one_address_only(self):
        with Broker("--bind", "127.0.0.2", address="127.0.0.2") as broker:
            Client(broker).login().close()
            broker.address = "127.0.0.1"
            with self.assertRaises(ConnectionRefusedError):
                Client(broker)


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


if __name__ == "__main__":
    process.main()
