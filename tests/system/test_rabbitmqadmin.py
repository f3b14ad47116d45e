#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""rabbitmqadmin, ours, both the program and the script that the API serves: both grammars, and what RabbitMQ's own
(version 3.10) says and shows."""
import json
import os
import subprocess
import tempfile
import unittest
import urllib.request

import process
from process import BROKER, Broker

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(BROKER)), "rabbitmqadmin")


class Admin(unittest.TestCase):
    tool = [PROGRAM]

    def setUp(self):
        self.broker = Broker()
        self.addCleanup(self.broker.__exit__)

    def run_tool(self, *words, port=None):
        done = subprocess.run([*self.tool, "-P", str(port or self.broker.ready["management_port"]), *words],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=process.PATIENCE, check=False)
        return done.returncode, done.stdout, done.stderr

    def says(self, output, *words):
        self.assertEqual(self.run_tool(*words), (0, output, ""), words)

    def fails(self, complaint, *words, **options):
        code, output, errors = self.run_tool(*words, **options)
        self.assertEqual((code, output), (1, ""), words)
        self.assertIn(complaint, errors)

    def test_what_testcontainers_declares(self):
        for what, words in (
                ("vhost", ["name=v", "tracing=true"]), ("user", ["name=u", "password=p", "tags=administrator"]),
                ("permission", ["vhost=v", "user=u", "configure=.*", "write=.*", "read=.*"]),
                ("exchange", ["name=e", "type=topic", "durable=true", "arguments={}"]),
                ("queue", ["name=q", "auto_delete=false", 'arguments={"x-message-ttl":1000}']),
                ("binding", ["source=e", "destination=q", "destination_type=queue", "routing_key=a.#"]),
                ("policy", ["--vhost=/", "name=p", "pattern=^a", 'definition={"max-length":3}', "apply-to=queues",
                            "priority=1"]),
                ("operator_policy", ["name=o", "pattern=^a", 'definition={"max-length":3}']),
                ("vhost_limit", ["vhost=v", "name=max-queues", "value=5"])):
            self.says(f"{what} declared\n", "declare", what, *words)
        self.says("+------+-------------------------+\n| name |        arguments        |\n"
                  "+------+-------------------------+\n| q    | {\"x-message-ttl\": 1000} |\n"
                  "+------+-------------------------+\n", "list", "queues", "name", "arguments")
        self.says("name\tdurable\nq\tTrue\n", "-f", "tsv", "list", "queues", "name", "durable")
        self.assertIn("| e      | q           | a.#         |\n", self.run_tool("list", "bindings")[1])
        for what, name in (("policy", "p"), ("queue", "q"), ("exchange", "e"), ("user", "u"), ("vhost", "v")):
            self.says(f"{what} deleted\n", "delete", what, f"name={name}")
        self.says("No items\n", "list", "queues")

    def test_the_grammar_of_the_second_version(self):
        self.says("queue declared\n", "queues", "declare", "--name", "q", "--type", "quorum", "--durable", "true")
        self.says("exchange declared\n", "exchanges", "declare", "--name", "e", "--type", "fanout")
        self.says("binding declared\n", "bindings", "declare", "--source", "e", "--destination-type", "queue",
                  "--destination", "q", "--routing-key", "")
        self.says("user declared\n", "users", "declare", "--name", "u", "--password", "p", "--tags", "monitoring")
        self.says("name\ttype\nq\tquorum\n", "-f", "tsv", "queues", "list", "name", "type")
        self.says("queue deleted\n", "queues", "delete", "--name", "q")
        self.says("No items\n", "-u", "u", "-p", "p", "list", "connections")

    def test_messages(self):
        self.says("queue declared\n", "declare", "queue", "name=q")
        self.says("Message published\n", "publish", "routing_key=q", "payload=hello")
        self.says("Message published but NOT routed\n", "publish", "exchange=amq.topic", "routing_key=x", "payload=x")
        got = json.loads(self.run_tool("-f", "raw_json", "get", "queue=q")[1])
        self.assertEqual([message["payload"] for message in got], ["hello"])
        self.says("queue purged\n", "purge", "queue", "name=q")
        self.says("No items\n", "get", "queue=q")

    def test_definitions(self):
        with tempfile.TemporaryDirectory() as room:
            path = os.path.join(room, "definitions.json")
            self.says("queue declared\n", "declare", "queue", "name=q")
            self.says(f'Exported definitions for localhost to "{path}"\n', "export", path)
            self.says("queue deleted\n", "delete", "queue", "name=q")
            self.assertEqual(self.run_tool("definitions", "import", "--file", path)[0], 0)
            self.assertIn("| q ", self.run_tool("list", "queues")[1])

    def test_what_goes_wrong_is_said_with_1(self):
        self.fails("*** Not found: /api/queues/%2F/nosuch\n", "delete", "queue", "name=nosuch")
        self.fails("*** Access refused: /api/queues", "-u", "nobody", "list", "queues")
        self.fails("*** Could not connect: [Errno 111] Connection refused\n", "list", "queues",
                   port=process.free_port())
        self.fails('mandatory argument "name"', "declare", "queue")
        self.fails("Could not parse JSON:\n  {\n", "declare", "queue", "name=x", "arguments={")
        self.fails("nosuch", "nosuch")
        self.refuses_tls()

    def refuses_tls(self):
        self.fails("TLS is not implemented", "--ssl", "list", "queues")


class Script(Admin):
    """The same of the script, as GET /cli/rabbitmqadmin gives it."""

    def setUp(self):
        super().setUp()
        url = f"http://127.0.0.1:{self.broker.ready['management_port']}/cli/rabbitmqadmin"
        file = tempfile.NamedTemporaryFile()
        self.addCleanup(file.close)
        with urllib.request.urlopen(url, timeout=process.PATIENCE) as answer:
            file.write(answer.read())
        file.flush()
        self.tool = ["/usr/bin/python3", file.name]

    def refuses_tls(self):
        self.fails("Could not connect: [SSL", "--ssl", "list", "queues")

    def test_any_request_can_be_made(self):
        self.assertEqual(self.run_tool("PUT", "vhosts/v", '{"tags":"a"}')[0], 0)
        self.assertEqual(json.loads(self.run_tool("GET", "vhosts/v")[1])["tags"], ["a"])
        self.assertEqual(self.run_tool("DELETE", "vhosts/v")[0], 0)
        self.fails("*** Not found: /api/vhosts/v\n", "GET", "vhosts/v")


if __name__ == "__main__":
    process.main()
