#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Where the configuration comes from, what reloading does, and where the log goes."""
import base64
import fcntl
import hashlib
import http.client
import json
import os
import pathlib
import re
import resource
import signal
import struct
import subprocess
import tempfile
import unittest
from contextlib import contextmanager
from pathlib import Path

import process
from process import BROKER, PATIENCE, Broker, Client, run, wait_until

CANARY = "canary-Zu7piexa3Ahsh"
SIOCOUTQ = 0x5411
MAPPING_MAX = 1 << 28  # those of sanitizers are larger, and empty


def is_read(client):
    """Whether the other side's kernel has all octets: a later part is a later read, most often."""
    return struct.unpack("i", fcntl.ioctl(client, SIOCOUTQ, b"\0\0\0\0"))[0] == 0


def in_memory(broker, octets):
    """Whether they stand in what the process can write to."""
    with open(f"/proc/{broker.process.pid}/maps", encoding="utf-8") as maps, \
            open(f"/proc/{broker.process.pid}/mem", "rb", buffering=0) as memory:
        for line in maps:
            places, rights = line.split()[:2]
            start, end = (int(place, 16) for place in places.split("-"))
            if not rights.startswith("rw") or end - start > MAPPING_MAX:
                continue
            memory.seek(start)
            try:
                if octets in memory.read(end - start):
                    return True
            except OSError:
                pass
    return False
LINE = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\+00:00 \[\w+\] <[\d.]+> .*")


@contextmanager
def folder():
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


def offered_heartbeat(broker):
    """What connection.tune says on a new connection."""
    with Client(broker) as client:
        client.socket.sendall(b"AMQP\0\0\x09\x01")
        client.expect(0, 10, 10)
        client.send(0, 10, 11, b"\0\0\0\0" + process.shortstr("PLAIN") +
                    b"\0\0\0\x0c\0guest\0guest" + process.shortstr("en_US"))
        return int.from_bytes(client.expect(0, 10, 30)[-2:], "big")


class Check(unittest.TestCase):
    def test_a_good_configuration_is_said_to_be_good(self):
        with folder() as here:
            (here / "a.conf").write_text("heartbeat = 5\ncluster_formation.target_cluster_size_hint = 3\n")
            code, output, errors = run("--check-config", "--config", str(here / "a.conf"))
        self.assertEqual((code, errors), (0, ""))
        self.assertIn("cluster_formation.target_cluster_size_hint has no meaning here", output)
        self.assertTrue(output.endswith("The configuration is good.\n"))

    def test_a_bad_one_is_78_and_every_mistake_is_told(self):
        with folder() as here:
            (here / "a.conf").write_text("heartbeat = soon\nheartbeats = 5\nauth_ldap.servers.1 = x\n")
            code, output, errors = run("--check-config", "--config", str(here / "a.conf"))
        self.assertEqual((code, output), (78, ""))
        self.assertIn("a.conf:1: heartbeat = soon: expected a whole number from 0 to 65535", errors)
        self.assertIn("a.conf:2: unknown key 'heartbeats'; the nearest is 'heartbeat'", errors)
        self.assertIn("a.conf:3: auth_ldap.servers.1: users are kept by the broker", errors)

    def test_erlang_terms_are_read(self):
        with folder() as here:
            (here / "rabbitmq.config").write_text("[{rabbit, [{heartbeat, 77}]}].\n")
            with Broker("--config", str(here / "rabbitmq.config")) as broker:
                self.assertEqual(offered_heartbeat(broker), 77)


class Environment(unittest.TestCase):
    def test_default_user_password_and_vhost(self):
        """rows: 442"""
        with folder() as here:
            environment = {"RABBITMQ_DEFAULT_USER": "alice", "RABBITMQ_DEFAULT_PASS": CANARY,
                           "RABBITMQ_DEFAULT_VHOST": "wonderland", "RABBITMQ_MNESIA_DIR": str(here / "data")}
            with Broker(environment=environment) as broker:
                self.assertEqual(broker.ready["amqp"], f"amqp://127.0.0.1:{broker.port}/wonderland")
                with Client(broker) as client:
                    client.socket.sendall(b"AMQP\0\0\x09\x01")
                    client.expect(0, 10, 10)
                    response = b"\0alice\0" + CANARY.encode()
                    client.send(0, 10, 11, b"\0\0\0\0" + process.shortstr("PLAIN") +
                                len(response).to_bytes(4, "big") + response + process.shortstr("en_US"))
                    client.expect(0, 10, 30)
                    client.send(0, 10, 31, b"\x00\x0a\x00\x02\x00\x00\x00\x00")
                    client.send(0, 10, 40, process.shortstr("wonderland") + b"\0\0")
                    client.expect(0, 10, 41)
                self.assertEqual(broker.stop(), 0)
                self.assertNotIn(CANARY, broker.log)

    def test_the_node_port(self):
        port = process.free_port()
        environment = {**os.environ, "RABBITMQ_NODE_PORT": str(port), "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1"}
        broker = subprocess.Popen([BROKER, "--ephemeral", "--config", "/dev/null"], env=environment,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            log = []
            for line in broker.stdout:
                log.append(line)
                if "Server startup complete" in line:
                    break
        finally:
            broker.terminate()
            broker.communicate(timeout=PATIENCE)
        self.assertIn(f"started TCP listener on 127.0.0.1:{port}", "".join(log))


class Reload(unittest.TestCase):
    def test_sighup_reads_the_file_again(self):
        with folder() as here:
            conf, log = here / "a.conf", here / "broker.log"
            conf.write_text(f"heartbeat = 11\nlog.file = {log}\ncluster_name = one\n")
            with Broker("--config", str(conf)) as broker:
                self.assertEqual(offered_heartbeat(broker), 11)
                conf.write_text(f"heartbeat = 22\nlog.file = {log}\ncluster_name = two\n")
                broker.process.send_signal(signal.SIGHUP)
                wait_until(lambda: "were read again" in log.read_text(), "the reload")
                self.assertEqual(offered_heartbeat(broker), 22)
                self.assertIn("cluster_name was changed: it counts after a restart", log.read_text())

    def test_a_broken_file_changes_nothing_and_says_so(self):
        with folder() as here:
            conf, log = here / "a.conf", here / "broker.log"
            conf.write_text(f"heartbeat = 11\nlog.file = {log}\n")
            with Broker("--config", str(conf)) as broker:
                conf.write_text(f"heartbeat = 22\nlog.file = {log}\nconnection_max = many\n")
                broker.process.send_signal(signal.SIGHUP)
                wait_until(lambda: "everything stays as it was" in log.read_text(), "the refusal")
                self.assertIn("a.conf:3: connection_max = many", log.read_text())
                self.assertEqual(offered_heartbeat(broker), 11)
                conf.unlink()
                broker.process.send_signal(signal.SIGHUP)
                wait_until(lambda: "No such file or directory" in log.read_text(), "the second refusal")
                self.assertEqual(offered_heartbeat(broker), 11)

    def test_a_reload_keeps_the_port_of_the_command_line(self):
        with folder() as here:
            conf, log = here / "a.conf", here / "broker.log"
            conf.write_text(f"log.file = {log}\n")
            with Broker("--config", str(conf)) as broker:
                for round_number in range(3):
                    broker.process.send_signal(signal.SIGHUP)
                    wait_until(lambda: log.read_text().count("were read again") == round_number + 1, "the reload")
                Client(broker).login().close()
                self.assertNotIn("was changed", log.read_text())


class DataDirectory(unittest.TestCase):
    def test_an_existing_one_keeps_its_mode_as_in_rabbitmq(self):
        """What is in it is the broker's alone; one where others may write is refused."""
        with folder() as here:
            data = here / "data"
            data.mkdir()
            data.chmod(0o755)
            with Broker(data_dir=str(data)) as broker:
                self.assertEqual(data.stat().st_mode & 0o777, 0o755)
                self.assertEqual(broker.stop(), 0)
            modes = {path.name: path.stat().st_mode & 0o077 for path in data.iterdir()}
            self.assertEqual({name: 0 for name in modes}, modes)
            self.assertGreater(len(modes), 0)
            data.chmod(0o777)
            code, _, errors = run("--data-dir", str(data), "--port", "0")
            self.assertEqual(code, 77)
            self.assertIn("others must not be able to write there", errors)


class Log(unittest.TestCase):
    def test_every_line_of_a_file_is_an_event(self):
        with folder() as here:
            log = here / "new" / "broker.log"
            with Broker("--set", f"log.file={log}", "--set", "log.file.level=debug") as broker:
                Client(broker).login().close()
                self.assertEqual(broker.stop(), 0)
            lines = log.read_text().splitlines()
            self.assertGreater(len(lines), 5)
            for line in lines:
                self.assertRegex(line, LINE)
            self.assertTrue(any("[debug]" in line for line in lines), "no debug line at all")
            self.assertTrue(lines[-1].endswith("Leveret is stopped"))

    def test_a_file_that_was_moved_away_is_begun_anew_on_sighup(self):
        with folder() as here:
            log = here / "broker.log"
            with Broker("--set", f"log.file={log}") as broker:
                log.rename(here / "broker.log.1")
                broker.process.send_signal(signal.SIGHUP)
                wait_until(lambda: log.exists() and "were read again" in log.read_text(), "a new file")
                self.assertIn("Server startup complete", (here / "broker.log.1").read_text())

    def test_a_full_file_is_put_away(self):
        with folder() as here:
            log = here / "broker.log"
            with Broker("--set", f"log.file={log}", "--set", "log.file.rotation.size=1kB",
                        "--set", "log.file.rotation.count=2") as broker:
                for _ in range(20):
                    Client(broker).login().close()
                self.assertEqual(broker.stop(), 0)
            names = sorted(path.name for path in here.iterdir())
            self.assertEqual(names, ["broker.log", "broker.log.0", "broker.log.1"])
            self.assertLessEqual(max(path.stat().st_size for path in here.iterdir()), 5000)

    def test_rotate_logs(self):
        with folder() as here:
            log = here / "broker.log"
            with Broker("--set", f"log.file={log}", data_dir=str(here / "data")) as broker:
                ctl = pathlib.Path(BROKER).parent / "leveretctl"
                subprocess.run([ctl, "--data-dir", here / "data", "rotate_logs"], check=True, timeout=PATIENCE)
                self.assertIn("Server startup complete", (here / "broker.log.0").read_text())
                self.assertEqual(broker.stop(), 0)
                self.assertIn("Leveret is stopped", log.read_text())
                self.assertNotIn("Server startup complete", log.read_text())

    def test_plugins_that_are_not_built_in_are_named(self):
        with folder() as here:
            with Broker(environment={"RABBITMQ_ENABLED_PLUGINS": "rabbitmq_management,rabbitmq_mqtt",
                                     "RABBITMQ_MNESIA_DIR": str(here / "data")}) as broker:
                self.assertEqual(broker.stop(), 0)
            self.assertIn("[warning] <0.9.0> Plugin rabbitmq_mqtt is enabled, but not built in", broker.log)
            self.assertNotIn("Plugin rabbitmq_management is enabled", broker.log)

    def test_json_lines(self):
        with Broker("--set", "log.console.formatter=json") as broker:
            with Client(broker) as client:
                client.socket.sendall(b"AMQP\0\0\x09\x01")
                client.expect(0, 10, 10)
                response = b"\0\"quoted\\\n\0guest"
                client.send(0, 10, 11, b"\0\0\0\0" + process.shortstr("PLAIN") +
                            len(response).to_bytes(4, "big") + response + process.shortstr("en_US"))
                client.is_closed()
            self.assertEqual(broker.stop(), 0)
        events = [json.loads(line) for line in broker.log.splitlines()]
        self.assertTrue(any(event["msg"].startswith("Server startup complete; ") for event in events))
        self.assertTrue(any('"quoted\\\\x0A' in event["msg"] for event in events), broker.log)
        self.assertEqual({frozenset(event) for event in events}, {frozenset(("time", "level", "msg", "pid"))})

    def test_a_place_that_cannot_be_written_stops_the_start(self):
        code, _, errors = run("--ephemeral", "--port", "0", "--set", "log.file=/proc/none/broker.log")
        self.assertEqual(code, 73)
        self.assertIn("cannot write the log to /proc/none/broker.log", errors)

    def test_levels_of_categories(self):
        with Broker("--set", "log.connection.level=error") as broker:
            Client(broker).login().close()
            self.assertEqual(broker.stop(), 0)
        self.assertNotIn("accepting AMQP connection", broker.log)
        self.assertIn("Server startup complete", broker.log)

    def test_a_category_with_a_file_of_its_own_writes_nowhere_else(self):
        with folder() as here:
            with Broker("--set", f"log.dir={here}", "--set", "log.file=main.log", "--set",
                        "log.connection.file=connection.log", "--set", "log.channel.file=connection.log",
                        "--set", "log.connection.rotation.count=2", data_dir=str(here / "data")) as broker:
                Client(broker).login().close()
                ctl = pathlib.Path(BROKER).parent / "leveretctl"
                subprocess.run([ctl, "--data-dir", here / "data", "rotate_logs"], check=True, timeout=PATIENCE)
                Client(broker).login().close()
                self.assertEqual(broker.stop(), 0)
            for name in ("connection.log.0", "connection.log"):
                text = (here / name).read_text()
                self.assertIn("accepting AMQP connection", text)
                self.assertNotIn("[debug]", text)
            for text in (broker.log, (here / "main.log.0").read_text(), (here / "main.log").read_text()):
                self.assertNotIn("accepting AMQP connection", text)
            self.assertIn("Server startup complete", (here / "main.log.0").read_text())
            self.assertEqual(sorted(path.name for path in here.glob("*.log*")),
                             ["connection.log", "connection.log.0", "main.log", "main.log.0"])

    def test_the_level_of_a_category_is_that_of_its_file(self):
        with folder() as here:
            with Broker("--set", f"log.connection.file={here}/connection.log",
                        "--set", "log.connection.level=alert") as broker:
                Client(broker).login().close()
                self.assertEqual(broker.stop(), 0)
            self.assertEqual((here / "connection.log").read_text(), "")
            self.assertNotIn("accepting AMQP connection", broker.log)

    def test_a_crash_leaves_no_core_dump(self):
        """A6: passwords are in memory."""
        _, hard = resource.getrlimit(resource.RLIMIT_CORE)
        with Broker(before=lambda: resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))) as broker:
            soft, _ = resource.prlimit(broker.process.pid, resource.RLIMIT_CORE)
            self.assertEqual(soft, 0)

    def test_a_password_does_not_stay_in_memory(self):
        """Of logins: neither where AMQP's octets are read nor in what libmicrohttpd keeps of a request."""
        digest = hashlib.sha256(b"salt" + CANARY.encode()).digest()
        user = {"name": "u", "password_hash": base64.b64encode(b"salt" + digest).decode(), "tags": "administrator",
                "hashing_algorithm": "rabbit_password_hashing_sha256"}
        basic = base64.b64encode(b"u:" + CANARY.encode()).decode()
        with folder() as here:
            (here / "users.json").write_text(json.dumps({
                "vhosts": [{"name": "/"}], "users": [user],
                "permissions": [{"user": "u", "vhost": "/", "configure": "", "write": "", "read": ""}]}))
            with Broker("--set", f"load_definitions={here}/users.json") as broker:
                self.assertTrue(in_memory(broker, digest))  # it would be found
                response = b"\0u\0" + CANARY.encode()
                payload = (struct.pack(">HH", 10, 11) + b"\0\0\0\0" + process.shortstr("PLAIN") +
                           struct.pack(">I", len(response)) + response + process.shortstr("en_US"))
                start_ok = struct.pack(">BHI", 1, 0, len(payload)) + payload + b"\xce"
                for parts in ((start_ok,), (start_ok[:-9], start_ok[-9:])):
                    with Client(broker) as client:
                        client.socket.sendall(b"AMQP\0\0\x09\x01")
                        client.expect(0, 10, 10)
                        for part in parts:
                            client.socket.sendall(part)
                            wait_until(lambda: is_read(client.socket), "the octets to be read")
                        client.expect(0, 10, 30)
                        self.assertFalse(in_memory(broker, CANARY.encode()))
                connection = http.client.HTTPConnection("127.0.0.1", broker.ready["management_port"],
                                                        timeout=process.PATIENCE)
                self.addCleanup(connection.close)
                for method, path, body in (("GET", "whoami", None), ("POST", "login", f"username=u&password={CANARY}"),
                                           ("PUT", "users/v", json.dumps({"password": CANARY, "tags": ""}))):
                    connection.request(method, f"/api/{path}", body, {"Authorization": f"Basic {basic}"})
                    answer = connection.getresponse()
                    answer.read()
                    self.assertLess(answer.status, 300)
                    wait_until(lambda: not in_memory(broker, basic.encode()), "the header to go")
                    wait_until(lambda: not in_memory(broker, CANARY.encode()), "the body to go")

    def test_no_secret_is_ever_written(self):
        """A6: a canary as password, everywhere a password can be, with every line there is."""
        with folder() as here:
            (here / "a.conf").write_text(f"default_pass = {CANARY}\nssl_options.password = {CANARY}\n")
            (here / "rabbitmq.config").write_text(f'[{{rabbit, [{{default_pass, "{CANARY}"}}]}}].\n')
            with Broker("--config", str(here / "a.conf"), "--config", str(here / "rabbitmq.config"),
                        "--set", f"default_pass={CANARY}", "--set", "log.console.level=debug",
                        environment={"RABBITMQ_DEFAULT_PASS": CANARY, "RABBITMQ_MNESIA_DIR": str(here / "data")}
                        ) as broker:
                for password in (CANARY, CANARY + "x"):
                    with Client(broker) as client:
                        client.socket.sendall(b"AMQP\0\0\x09\x01")
                        client.expect(0, 10, 10)
                        response = b"\0guest\0" + password.encode()
                        client.send(0, 10, 11, b"\0\0\0\0" + process.shortstr("PLAIN") +
                                    len(response).to_bytes(4, "big") + response + process.shortstr("en_US"))
                        if password == CANARY:
                            client.expect(0, 10, 30)
                        else:
                            self.assertTrue(client.is_closed())
                broker.process.send_signal(signal.SIGHUP)
                self.assertEqual(broker.stop(), 0)
            self.assertIn("default_pass = ********", broker.log)
            self.assertNotIn(CANARY, broker.log)
            for path in here.glob("data/**/*"):
                if path.is_file():
                    self.assertNotIn(CANARY.encode(), path.read_bytes(), path)
            (here / "a.conf").write_text(f"default_pass = encrypted:{CANARY}\n")
            code, output, errors = run("--check-config", "--config", str(here / "a.conf"))
            self.assertEqual(code, 78)
            self.assertNotIn(CANARY, output + errors)


class Background(unittest.TestCase):
    def test_detached_returns_when_clients_can_connect(self):
        with folder() as here:
            port = process.free_port()
            pid_file = here / "pid"
            subprocess.run([BROKER, "-detached", "--config", "/dev/null", "--data-dir", str(here / "data"), "--port",
                            str(port), "--bind", "127.0.0.1", "--set", f"leveret.pid_file={pid_file}",
                            "--set", f"log.file={here}/log"],
                           check=True, timeout=PATIENCE, stdin=subprocess.DEVNULL)
            pid = int(pid_file.read_text())
            try:
                process.connect("127.0.0.1", port).close()
            finally:
                os.kill(pid, signal.SIGTERM)
            wait_until(lambda: not pid_file.exists(), "the pid file to go")
            wait_until(lambda: "Leveret is stopped" in (here / "log").read_text(), "the last line")

    def test_a_detached_broker_that_cannot_start_says_so(self):
        with Broker() as other:
            result = subprocess.run([BROKER, "--detached", "--config", "/dev/null", "--ephemeral", "--port",
                                     str(other.port), "--bind", "127.0.0.1"],
                                    timeout=PATIENCE, stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.assertEqual(result.returncode, 69)
        self.assertIn("cannot listen", result.stderr)


if __name__ == "__main__":
    process.main()
