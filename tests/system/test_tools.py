#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What other programs ask the HTTP API, call by call as they send it, and what they read from the answers.

Each test is one program: a row is method, path, body, the status it wants, and the paths of the fields that it
reads ("a.b", "[].a") with their values, or ANY. Bodies and headers are those that the program sends.
"""
import base64
import http.client
import json
import os
import subprocess
import sys
import tempfile
import unittest

import process
from client import Amqp
from process import Broker

ANY = object()
GUEST = {"Authorization": "Basic " + base64.b64encode(b"guest:guest").decode()}
RABBITMQADMIN = "/usr/bin/rabbitmqadmin"


def value_at(value, path):
    for key in path.split("."):
        if key.startswith("[]"):
            value = value[0]
            key = key[2:]
        if key:
            value = value[key]
    return value


class Tool(unittest.TestCase):
    def setUp(self):
        self.broker = Broker()
        self.addCleanup(self.broker.__exit__)

    def ask(self, method, path, body=None, headers=GUEST):
        """As sent: no header that the row does not name, but for Host and Content-Length."""
        connection = http.client.HTTPConnection("127.0.0.1", self.broker.ready["management_port"], timeout=process.PATIENCE)
        try:
            data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            connection.request(method, path, data, headers)
            answer = connection.getresponse()
            return answer.status, answer.headers, answer.read()
        finally:
            connection.close()

    def play(self, rows):
        for method, path, body, wanted, fields in rows:
            status, _, octets = self.ask(method, path, body)
            self.assertEqual(status, wanted, (method, path, octets))
            for field, value in fields.items():
                got = value_at(json.loads(octets), field)
                if value is not ANY:
                    self.assertEqual(got, value, (method, path, field))

    def client(self):
        client = Amqp(self.broker.port).open_channel(confirm=True)
        self.addCleanup(client.close)
        return client


class Frameworks(Tool):
    def test_nservicebus(self):
        """rows: 436"""
        status, headers, _ = self.ask("GET", "/api/overview", headers={})
        self.assertEqual((status, headers["WWW-Authenticate"].split()[0]), (401, "Basic"))
        self.play([
            ("GET", "/api/overview", None, 200, {"rabbitmq_version": ANY, "disable_stats": False}),
            ("GET", "/api/feature-flags", None, 200, {"[].name": ANY, "[].state": ANY}),
            ("PUT", "/api/queues/%2F/nsb.delay", {"durable": True, "arguments": {
                "x-queue-type": "quorum", "x-dead-letter-strategy": "at-least-once",
                "x-overflow": "reject-publish", "x-message-ttl": (1 << 27) * 1000,
                "x-dead-letter-exchange": "amq.fanout"}}, 201, {}),
            ("GET", "/api/queues/%2F/nsb.delay", None, 200, {
                "type": "quorum", "arguments.x-message-ttl": (1 << 27) * 1000, "delivery_limit": ANY,
                "effective_policy_definition": ANY, "policy": ANY}),
            ("PUT", "/api/policies/%2F/nsb.nsb.delay.delivery-limit", {
                "pattern": "^nsb\\.delay$", "definition": {"delivery-limit": -1}, "priority": 100,
                "apply-to": "quorum_queues"}, 201, {}),
            ("GET", "/api/queues/%2F/nsb.delay", None, 200, {
                "policy": "nsb.nsb.delay.delivery-limit", "effective_policy_definition.delivery-limit": -1,
                "delivery_limit": "unlimited"}),
        ])
        version = json.loads(self.ask("GET", "/api/overview")[2])["rabbitmq_version"]
        self.assertGreaterEqual([int(part) for part in version.split(".")[:2]], [3, 10])
        flags = json.loads(self.ask("GET", "/api/feature-flags")[2])
        self.assertIn(("stream_queue", "enabled"), [(flag["name"], flag["state"]) for flag in flags])

    def test_servicecontrol(self):
        client = self.client()
        client.declare_queue(b"audit")
        client.publish(b"audit", b"x")
        client.await_confirms(1)
        self.play([
            ("GET", "/api/queues/%2F/?page=1&page_size=500", None, 200, {
                "items.[].name": "audit", "items.[].message_stats": ANY, "page_count": 1}),
            ("GET", "/api/queues/%2F/audit/bindings", None, 200, {"[].destination": "audit"}),
            ("GET", "/api/exchanges/%2F/amq.fanout/bindings/source", None, 200, {}),
        ])

    def test_masstransit(self):
        self.play([
            ("PUT", "/api/vhosts/test", {}, 201, {}),
            ("GET", "/api/exchanges/test", None, 200, {"[].name": ANY}),
            ("PUT", "/api/queues/test/q", {}, 201, {}),
            ("GET", "/api/queues/test", None, 200, {"[].name": "q"}),
            ("DELETE", "/api/vhosts/test", None, 204, {}),
        ])

    def test_spring(self):
        node = json.loads(self.ask("GET", "/api/overview")[2])["node"]
        status, _, body = self.ask("GET", "/api/aliveness-test/%2F")
        self.assertEqual((status, body), (200, b'{"status":"ok"}'))
        self.play([("PUT", "/api/queues/%2F/q", {"durable": True}, 201, {}),
                   ("GET", "/api/queues/%2F/q", None, 200, {"node": node})])

    def test_hutch(self):
        self.play([("GET", "/api/exchanges", None, 200, {"[].name": ANY, "[].vhost": "/"}),
                   ("GET", "/api/bindings", None, 200, {})])

    def test_rascal(self):
        self.play([("PUT", "/api/vhosts/v1", None, 201, {}), ("PUT", "/api/vhosts/v1", None, 204, {}),
                   ("GET", "/api/vhosts/v1", None, 200, {"name": "v1"}),
                   ("DELETE", "/api/vhosts/v1", None, 204, {}), ("GET", "/api/vhosts/v1", None, 404, {})])

    def test_flower(self):
        self.client().declare_queue(b"celery")
        self.play([("GET", "/api/queues/%2F", None, 200, {
            "[].name": "celery", "[].messages": 0, "[].messages_ready": 0, "[].messages_unacknowledged": 0,
            "[].consumers": 0})])

    def test_keda(self):
        client = self.client()
        client.declare_queue(b"jobs")
        client.publish(b"jobs", b"x")
        client.await_confirms(1)
        fields = {"messages": 1, "messages_unacknowledged": 0, "message_stats.publish_details.rate": ANY}
        self.play([("GET", "/api/queues/%2F/jobs", None, 200, fields),
                   ("GET", "/api/queues?page=1&use_regex=true&pagination=false&name=%5Ejobs%24&page_size=100", None, 200,
                    {"items.[]." + name: value for name, value in fields.items()})])

    def test_telegraf_and_datadog(self):
        client = self.client()
        client.declare_queue(b"jobs")
        client.publish(b"jobs", b"x")
        client.await_confirms(1)
        self.play([
            ("GET", "/api/overview", None, 200, {
                "object_totals.queues": 1, "object_totals.connections": 1, "object_totals.channels": 1,
                "object_totals.exchanges": 7, "object_totals.consumers": 0, "queue_totals.messages": 1,
                "queue_totals.messages_ready": 1, "queue_totals.messages_unacknowledged": 0,
                "message_stats.publish": 1, "message_stats.publish_details.rate": ANY, "listeners.[].port": ANY}),
            ("GET", "/api/nodes", None, 200, {"[]." + name: ANY for name in (
                "name", "running", "uptime", "disk_free", "disk_free_limit", "disk_free_alarm", "fd_total", "fd_used",
                "mem_limit", "mem_used", "mem_alarm", "proc_total", "proc_used", "run_queue", "sockets_total",
                "sockets_used", "partitions")}),
            ("GET", "/api/queues", None, 200, {
                "[].name": "jobs", "[].vhost": "/", "[].node": ANY, "[].durable": ANY, "[].auto_delete": ANY,
                "[].memory": ANY, "[].consumers": 0, "[].consumer_utilisation": ANY, "[].messages": 1,
                "[].messages_ready": 1, "[].messages_unacknowledged": 0, "[].message_bytes": 1,
                "[].message_bytes_ready": 1, "[].message_stats.publish_details.rate": ANY}),
            ("GET", "/api/exchanges", None, 200, {"[].name": "", "[].type": "direct"}),
            ("GET", "/api/connections", None, 200, {"[].state": "running", "[].recv_oct": ANY, "[].send_oct": ANY}),
            ("GET", "/api/vhosts", None, 200, {"[].name": "/"}),
            ("GET", "/api/healthchecks/node", None, 200, {"status": "ok"}),
            ("GET", "/api/health/checks/alarms", None, 200, {"status": "ok"}),
        ])

    def test_easynetq(self):
        client = self.client()
        names = [row["name"] for row in json.loads(self.ask("GET", "/api/connections")[2])]
        self.assertEqual(len(names), 1)
        path = "/api/connections/" + names[0].replace(" ", "%20").replace(">", "%3E")
        self.assertEqual(self.ask("DELETE", path)[0], 204)
        client.expect("connection.close")

    def test_terraform(self):
        rule = {"configure": ".*", "write": ".*", "read": ".*"}
        topic = {"exchange": "amq.topic", "write": ".*", "read": ".*"}
        self.play([
            ("PUT", "/api/vhosts/v", None, 201, {}),
            ("PUT", "/api/users/u", {"password": "p", "tags": "management"}, 201, {}),
            ("PUT", "/api/permissions/v/u", rule, 201, {}), ("PUT", "/api/permissions/v/u", rule, 204, {}),
            ("PUT", "/api/topic-permissions/v/u", topic, 201, {}),
            ("PUT", "/api/vhost-limits/v/max-queues", {"value": 5}, 204, {}),
            ("PUT", "/api/exchanges/v/x", {"type": "topic", "durable": True}, 201, {}),
            ("PUT", "/api/queues/v/q", {"durable": True, "arguments": {}}, 201, {}),
            ("POST", "/api/bindings/v/e/x/q/q", {"routing_key": "#", "arguments": {}}, 201, {}),
            ("DELETE", "/api/bindings/v/e/x/q/q/%23", None, 204, {}),
            ("DELETE", "/api/queues/v/q", None, 204, {}), ("DELETE", "/api/queues/v/q", None, 404, {}),
            ("DELETE", "/api/exchanges/v/x", None, 204, {}), ("DELETE", "/api/users/u", None, 204, {}),
            ("DELETE", "/api/vhosts/v", None, 204, {}),
        ])


@unittest.skipUnless(os.path.exists(RABBITMQADMIN), "rabbitmq-server is not installed: no rabbitmqadmin")
class Rabbitmqadmin(Tool):
    """RabbitMQ's own script, unmodified, with the calls of Testcontainers."""

    def run_it(self, *arguments, wanted=0):
        done = subprocess.run([sys.executable, RABBITMQADMIN, "-H", "127.0.0.1", "-P",
                               str(self.broker.ready["management_port"]), *arguments],
                              capture_output=True, text=True, timeout=process.PATIENCE, check=False)
        self.assertEqual(done.returncode, wanted, (arguments, done.stdout, done.stderr))
        return done.stdout

    def test_declare_list_delete(self):
        self.run_it("declare", "vhost", "name=v1", "tracing=false")
        for what in ("user name=u password=p tags=administrator", "permission vhost=v1 user=u configure=.* write=.* read=.*",
                     "permission vhost=v1 user=guest configure=.* write=.* read=.*"):
            self.run_it("declare", *what.split())
        self.run_it("--vhost=v1", "declare", "exchange", "name=x", "type=topic", "durable=true", 'arguments={"a": 1}')
        self.run_it("--vhost=v1", "declare", "queue", "name=q", 'arguments={"x-max-length": 5}')
        self.run_it("--vhost=v1", "declare", "binding", "source=x", "destination=q", "routing_key=a.b",
                    "destination_type=queue", "arguments={}")
        self.run_it("declare", "policy", "--vhost=v1", "name=p", "pattern=^q", 'definition={"max-length": 4}',
                    "apply-to=queues", "priority=1")
        self.run_it("--vhost=v1", "declare", "operator_policy", "name=o", "pattern=^q", 'definition={"max-length": 3}',
                    "apply-to=queues", "priority=1")
        self.run_it("declare", "vhost_limit", "vhost=v1", "name=max-queues", "value=10")
        for kind, name in (("vhosts", "v1"), ("users", "u"), ("permissions", "v1"), ("policies", "p"), ("exchanges", "x"),
                           ("queues", "q"), ("bindings", "a.b"), ("operator_policies", "o"), ("vhost_limits", "max-queues"),
                           ("nodes", "@"), ("connections", ""), ("channels", ""),
                           ("consumers", ""), ("parameters", "")):
            self.assertIn(name, self.run_it("list", kind), kind)
        self.assertIn("rabbitmq_version", self.run_it("-f", "pretty_json", "show", "overview"))
        self.assertIn("q", self.run_it("-f", "tsv", "list", "queues", "name", "messages"))
        self.run_it("--vhost=v1", "publish", "exchange=x", "routing_key=a.b", "payload=hello")
        self.assertIn("hello", self.run_it("--vhost=v1", "get", "queue=q", "ackmode=ack_requeue_true"))
        self.run_it("--vhost=v1", "purge", "queue", "name=q")
        self.assertIn("No items", self.run_it("--vhost=v1", "get", "queue=q", "ackmode=ack_requeue_true"))
        with tempfile.TemporaryDirectory() as place:
            self.run_it("export", place + "/definitions.json")
            self.run_it("delete", "vhost", "name=v1")
            self.run_it("import", place + "/definitions.json")
        self.assertIn("q", self.run_it("--vhost=v1", "list", "queues"))
        self.run_it("--vhost=v1", "delete", "binding", "source=x", "destination=q", "destination_type=queue",
                    "properties_key=a.b")
        self.run_it("--vhost=v1", "delete", "queue", "name=q")
        self.run_it("--vhost=v1", "delete", "exchange", "name=x")
        self.run_it("--vhost=v1", "delete", "policy", "name=p")
        self.run_it("delete", "permission", "vhost=v1", "user=u")
        self.run_it("delete", "user", "name=u")
        self.run_it("--vhost=v1", "delete", "queue", "name=q", wanted=1)

    def test_close_connection(self):
        client = self.client()
        name = json.loads(self.ask("GET", "/api/connections")[2])[0]["name"]
        self.run_it("close", "connection", f"name={name}")
        client.expect("connection.close")


if __name__ == "__main__":
    process.main()
