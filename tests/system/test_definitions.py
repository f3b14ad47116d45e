#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Definitions at the start, and the way of RabbitMQ's topology to Leveret and back.

definitions/source.json was written by hand, the files beside it are what RabbitMQ 3.10 exported after
it had imported that: over HTTP, and by rabbitmqctl.
"""
import base64
import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request

import process
from process import PATIENCE, Broker, Client, run

HERE = pathlib.Path(__file__).resolve().parent
FILES = HERE / "definitions"
RABBITMQ = HERE.parents[1] / "interop" / "support" / "rabbitmq"
# About the broker that wrote the file, not about what was defined.
WRITER = {"rabbit_version", "rabbitmq_version", "product_name", "product_version",
          "rabbitmq_definition_format", "original_cluster_name"}
# What RabbitMQ 3.10 does not yet export, or exports elsewhere as well.
NEWER = {"vhosts": {"description", "tags", "metadata", "limits", "default_queue_type"},
         "queues": {"type"}, "exchanges": {"internal"}}


def normal(definitions):
    """Sections as sorted lists of entries, without what names the writer."""
    sections = {}
    for name, entries in definitions.items():
        if name in WRITER:
            continue
        entries = [{key: value for key, value in entry.items() if key not in NEWER.get(name, ())}
                   for entry in entries if not entry.get("name", "").startswith("internal")]
        sections[name] = sorted(json.dumps(entry, sort_keys=True) for entry in entries)
    return sections


def call(url, method="GET", body=None, user="guest:guest"):
    request = urllib.request.Request(url, method=method, data=body)
    request.add_header("Content-Type", "application/json")
    request.add_header("Authorization", "Basic " + base64.b64encode(user.encode()).decode())
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        return answer.read()


def http_url(broker):
    port = re.search(r"HTTP \(non-TLS\) listener started on port (\d+)", broker_log(broker)).group(1)
    return f"http://127.0.0.1:{port}"


def broker_log(broker):
    broker.log_file.seek(0)
    return broker.log_file.read().decode()


def exported(broker):
    return json.loads(call(f"{http_url(broker)}/api/definitions"))


def may_log_in(broker, user, password, vhost="/"):
    with Client(broker) as client:
        client.socket.sendall(b"AMQP\0\0\x09\x01")
        client.expect(0, 10, 10)
        response = b"\0" + user.encode() + b"\0" + password.encode()
        client.send(0, 10, 11, b"\0\0\0\0" + process.shortstr("PLAIN") +
                    len(response).to_bytes(4, "big") + response + process.shortstr("en_US"))
        try:
            client.expect(0, 10, 30)
            client.send(0, 10, 31, b"\x00\x0a\x00\x02\x00\x00\x00\x00")
            client.send(0, 10, 40, process.shortstr(vhost) + b"\0\0")
            client.expect(0, 10, 41)
        except (EOFError, AssertionError):
            return False
    return True


class Boot(unittest.TestCase):
    maxDiff = None

    def test_a_file_of_rabbitmqs_boots_into_the_same_topology(self):
        """rows: 401 403"""
        path = FILES / "rabbitmq-3.10-http.json"
        with Broker("--set", f"load_definitions={path}") as broker:
            self.assertEqual(normal(exported(broker)), normal(json.loads(path.read_text())))
            self.assertTrue(may_log_in(broker, "alice", "wonderland", "tea"))
            self.assertFalse(may_log_in(broker, "alice", "wonderland", "/"))
            self.assertFalse(may_log_in(broker, "bob", ""))
            self.assertIn("Users: ", broker_log(broker))

    def test_a_file_of_rabbitmqctl_too(self):
        path = FILES / "rabbitmq-3.10-ctl.json"
        wanted = json.loads(path.read_text())
        # It leaves internal exchanges out, but not their bindings.
        wanted["bindings"] = [one for one in wanted["bindings"]
                              if "tea.inner" not in (one["source"], one["destination"])]
        with Broker("--set", f"load_definitions={path}") as broker:
            self.assertEqual(normal(exported(broker)), normal(wanted))

    def test_what_was_imported_outlives_a_restart(self):
        path = FILES / "rabbitmq-3.10-http.json"
        with tempfile.TemporaryDirectory() as data:
            with Broker("--set", f"load_definitions={path}", data_dir=data) as broker:
                before = normal(exported(broker))
                self.assertEqual(broker.stop(), 0)
            with Broker(data_dir=data) as broker:
                self.assertEqual(normal(exported(broker)), before)

    def test_no_guest_beside_definitions(self):
        """rows: 404"""
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "a.json").write_text('{"vhosts":[{"name":"/"}]}')
            (pathlib.Path(folder) / "b.json").write_text(
                '{"users":[{"name":"root","password":"beer","tags":["administrator"]}],"permissions":'
                '[{"user":"root","vhost":"/","configure":".*","write":".*","read":".*"}]}')
            (pathlib.Path(folder) / "c.txt").write_text("nonsense")
            with Broker("--set", f"definitions.local.path={folder}") as broker:
                self.assertFalse(may_log_in(broker, "guest", "guest"))
                self.assertTrue(may_log_in(broker, "root", "beer"))

    def test_a_default_user_with_a_name_is_made_beside_definitions(self):
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write("{}")
            file.flush()
            with Broker("--set", f"load_definitions={file.name}", "--set", "default_user=me",
                        "--set", "default_pass=too") as broker:
                self.assertTrue(may_log_in(broker, "me", "too"))
                self.assertFalse(may_log_in(broker, "guest", "guest"))

    def test_a_bad_file_stops_the_start_and_tells_no_secret(self):
        for content, sentence in (('{"users":[{"name":"a","password":"canary" 3}]}', "line 1, column"),
                                  ('{"queues":[{"name":"q","vhost":"gone"}]}', "no vhost 'gone'"),
                                  ('{"users":[{"name":"a","password_hash":"canary"}]}', "password_hash")):
            with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
                file.write(content)
                file.flush()
                code, output, errors = run("--ephemeral", "--port", "0", "--set", f"load_definitions={file.name}",
                                           "--config", "/dev/null")
            self.assertEqual(code, 78)
            self.assertIn(sentence, errors)
            self.assertNotIn("canary", output + errors)

    def test_an_unchanged_file_is_not_imported_twice(self):
        with tempfile.TemporaryDirectory() as data:
            path = pathlib.Path(data) / "definitions.json"
            path.write_text('{"vhosts":[{"name":"/"}],"queues":[{"name":"q","vhost":"/"}]}')
            options = ("--set", f"load_definitions={path}", "--set", "definitions.skip_if_unchanged=true",
                       "--set", "default_user=guest")
            for sentence in ("Imported definitions of", "have not changed"):
                with Broker(*options, data_dir=f"{data}/data") as broker:
                    self.assertIn(sentence, broker_log(broker))
                    self.assertEqual(broker.stop(), 0)
            path.write_text('{"queues":[{"name":"r","vhost":"/"}]}')
            with Broker(*options, data_dir=f"{data}/data") as broker:
                self.assertIn("Imported definitions of", broker_log(broker))


class Api(unittest.TestCase):
    maxDiff = None

    def test_import_over_http(self):
        """rows: 402 433"""
        body = (FILES / "rabbitmq-3.10-http.json").read_bytes()
        with Broker() as broker:
            url = f"{http_url(broker)}/api/definitions"
            for _ in range(2):
                call(url, "POST", body)
                self.assertEqual(normal(exported(broker)), normal(json.loads(body)))
            with self.assertRaises(urllib.error.HTTPError) as refused:
                call(url, "POST", b'{"queues":[{"name":"q","vhost":"gone"}]}')
            self.assertEqual(refused.exception.code, 400)
            self.assertIn("no vhost 'gone'", json.loads(refused.exception.read())["reason"])

    def test_one_vhost(self):
        with Broker("--set", f"load_definitions={FILES / 'rabbitmq-3.10-http.json'}") as broker:
            url = f"{http_url(broker)}/api/definitions"
            tea = json.loads(call(f"{url}/tea"))
            self.assertEqual({one["name"] for one in tea["queues"]}, {"tea.green", "tea.black", "tea.quorum"})
            call(f"{url}/%2F", "POST", json.dumps(tea).encode())
            root = json.loads(call(f"{url}/%2F"))
            self.assertLessEqual({json.dumps(one, sort_keys=True) for one in tea["bindings"]},
                                 {json.dumps(one, sort_keys=True) for one in root["bindings"]})


class RabbitMq(unittest.TestCase):
    """The whole way with a RabbitMQ of this machine: out of it, through Leveret, into a blank one."""
    maxDiff = None

    def node(self, *arguments):
        done = subprocess.run([RABBITMQ, arguments[0], "--dir", f"{self.folder}/{arguments[1]}", *arguments[2:]],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=180)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout.split()

    def start(self, name):
        self.addCleanup(self.node, "stop", name)
        return self.node("start", name, "--port", "0", "--plugins", "rabbitmq_management")[1].replace(
            "guest:guest@", "") + "api/definitions"

    @unittest.skipUnless(pathlib.Path("/usr/lib/rabbitmq/bin/rabbitmq-server").exists(), "there is no RabbitMQ here")
    def test_there_and_back(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)
        first = self.start("first")
        call(first, "POST", (FILES / "source.json").read_bytes())
        theirs = call(first)
        with Broker("--set", "default_user=guest") as broker:
            url = f"{http_url(broker)}/api/definitions"
            call(url, "POST", theirs)
            ours = call(url)
        self.assertEqual(normal(json.loads(ours)), normal(json.loads(theirs)))
        second = self.start("second")
        call(second, "POST", ours)
        back = json.loads(call(second))
        for definitions in (back, json.loads(theirs)):
            self.assertIn("tea.inner", {one["name"] for one in definitions["exchanges"]})
        self.assertEqual(normal(back), normal(json.loads(theirs)))


if __name__ == "__main__":
    process.main()
