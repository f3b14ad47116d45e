#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The firehose: trace_on, and what amq.rabbitmq.trace then gets (compat 2.8).

TRACED was read off Debian's RabbitMQ 3.10 by this script's own conversation(), header by header and tag by
tag.
"""
import base64
import json
import os
import subprocess
import tempfile
import unittest
import urllib.request

import process
from client import Amqp
from process import BROKER, Broker

CTL = os.path.join(os.path.dirname(os.path.abspath(BROKER)), "rabbitmqctl")


def text(value):
    return ("S", value)


PROPERTIES = ("F", [
    (b"timestamp", ("I", 77)), (b"message_id", text(b"m")), (b"expiration", text(b"60000")),
    (b"reply_to", text(b"r")), (b"priority", ("I", 3)), (b"delivery_mode", ("I", 2)),
    (b"headers", ("F", [(b"a", text(b"b")), (b"CC", ("A", [text(b"cc1")]))])),
    (b"content_type", text(b"text/plain"))])
KEYS = ("A", [text(b"k"), text(b"cc1"), text(b"hid")])


def headers(exchange, keys, properties, channel, **rest):
    said = [(b"exchange_name", text(exchange)), (b"routing_keys", keys), (b"properties", properties),
            (b"node", text(b"NODE"))]
    if "redelivered" in rest:
        said.append((b"redelivered", ("I", rest["redelivered"])))
    said += [(b"vhost", text(b"/")), (b"connection", text(b"CONNECTION")), (b"channel", ("I", channel)),
             (b"user", text(b"guest"))]
    if "queues" in rest:
        said.append((b"routed_queues", ("A", [text(name) for name in rest["queues"]])))
    return said


def delivery(channel, redelivered):
    return (b"deliver.q1", headers(b"amq.direct", KEYS, PROPERTIES, channel, redelivered=redelivered), b"body")


TRACED = [
    (b"publish.amq.direct", headers(b"amq.direct", KEYS, PROPERTIES, 2, queues=[b"q1", b"q2"]), b"body"),
    (b"publish.", headers(b"", ("A", [text(b"nowhere")]), ("F", []), 2, queues=[b"nowhere"]), b""),
    delivery(1, 0),
    delivery(2, 1),
    (b"publish.", headers(b"", ("A", [text(b"q2")]), ("F", []), 1, queues=[b"q2"]), b"xx"),
]


def conversation(client):
    """On channels 1 and 2, with a queue `log` that has every trace message."""
    for name in (b"log", b"q1", b"q2"):
        client.declare_queue(name, durable=False, exclusive=True)
    client.call(1, "queue.bind", queue=b"log", exchange=b"amq.rabbitmq.trace", routing_key=b"#")
    for name in (b"q1", b"q2"):
        client.call(1, "queue.bind", queue=name, exchange=b"amq.direct", routing_key=b"k")
    client.publish(b"k", b"body", exchange=b"amq.direct", channel=2, content_type=b"text/plain", priority=3,
                   headers=[(b"a", text(b"b")), (b"BCC", ("A", [text(b"hid")])), (b"CC", ("A", [text(b"cc1")]))],
                   timestamp=77, message_id=b"m", reply_to=b"r", expiration=b"60000")
    client.publish(b"nowhere", channel=2, delivery_mode=0)
    process.wait_until(lambda: client.count(b"q1") == 1, "the message")
    client.get(b"q1", no_ack=False)
    client.send(1, "basic.nack", delivery_tag=1, requeue=True)
    client.send(2, "basic.consume", queue=b"q1", consumer_tag=b"t", no_ack=True)
    client.expect("basic.deliver")
    client.call(1, "tx.select")
    client.publish(b"q2", b"xx", delivery_mode=0)
    client.call(1, "tx.rollback")
    process.wait_until(lambda: client.count(b"log", 2) == len(TRACED), "the trace messages")
    return client.drain(b"log", 2)


def comparable(message):
    """Key, headers without what differs from run to run, body."""
    said = []
    for name, (tag, value) in message.properties["headers"]:
        if name == b"node":
            value = b"NODE"
        if name == b"connection":
            value = b"CONNECTION" if b" -> " in value else value
        if name == b"routed_queues":
            value = sorted(value)
        said.append((name, (tag, value)))
    return message.fields["routing-key"], said, message.body


class Trace(unittest.TestCase):
    def setUp(self):
        room = tempfile.TemporaryDirectory()
        self.addCleanup(room.cleanup)
        self.data = os.path.join(room.name, "data")
        self.broker = Broker(data_dir=self.data)
        self.addCleanup(self.broker.__exit__)

    def ctl(self, *words, code=0):
        done = subprocess.run([CTL, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=process.PATIENCE, check=False,
                              env={**os.environ, "LEVERET_CONTROL_SOCKET": os.path.join(self.data, "control.sock")})
        self.assertEqual(done.returncode, code, (words, done.stdout, done.stderr))
        return done.stdout

    def client(self):
        client = Amqp(self.broker.port).open_channel().open_channel(2)
        self.addCleanup(client.close)
        return client

    def listen(self, client, key=b"#"):
        client.declare_queue(b"log", durable=False, exclusive=True)
        client.call(1, "queue.bind", queue=b"log", exchange=b"amq.rabbitmq.trace", routing_key=key)

    def api(self, method, path, body):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.broker.ready['management_port']}/api/{path}", json.dumps(body).encode(),
            {"Authorization": "Basic " + base64.b64encode(b"guest:guest").decode()}, method=method)
        with urllib.request.urlopen(request, timeout=process.PATIENCE) as answer:
            return answer.read()

    def test_trace_messages_are_those_of_rabbitmq(self):
        self.assertEqual(self.ctl("trace_on"), 'Starting tracing for vhost "/" ...\nTrace enabled for vhost /\n')
        messages = conversation(self.client())
        self.assertEqual([comparable(message) for message in messages], TRACED)
        for message in messages:
            self.assertEqual((message.fields["exchange"], list(message.properties)), (b"amq.rabbitmq.trace", ["headers"]))

    def test_switching_reaches_who_publishes_and_consumes_already(self):
        client = self.client()
        self.listen(client)
        client.declare_queue(b"q", durable=False, exclusive=True)
        client.call(2, "confirm.select")
        client.send(2, "basic.consume", queue=b"q", consumer_tag=b"t", no_ack=True)
        seen = []
        for words in (None, ["trace_on"], ["trace_off"]):
            if words:
                self.ctl("-q", *words)
            for _ in range(2):
                client.publish(b"q", b"x", channel=2)
                client.expect("basic.deliver")
            seen.append([message.fields["routing-key"] for message in client.drain(b"log")])
        self.assertEqual(seen, [[], [b"publish.", b"deliver.q"] * 2, []])

    def test_one_vhost_is_traced_and_no_other(self):
        self.ctl("add_vhost", "other")
        self.ctl("trace_on", "-p", "other")
        client = self.client()
        self.listen(client)
        client.declare_queue(b"q", durable=False, exclusive=True)
        client.publish(b"q")
        self.assertIsNotNone(client.get(b"q"))
        self.assertIsNone(client.get(b"log"))
        rows = json.loads(self.ctl("list_vhosts", "name", "tracing", "--formatter", "json"))
        self.assertEqual({row["name"]: row["tracing"] for row in rows}, {"/": False, "other": True})
        self.ctl("trace_on", "-p", "nowhere", code=65)
        self.assertEqual(json.loads(self.ctl("trace_off", "-p", "other", "--formatter", "json"))["value"],
                         "Trace disabled for vhost other")

    def test_the_http_api_switches_and_is_traced(self):
        client = self.client()
        self.listen(client)
        client.declare_queue(b"q")
        self.api("PUT", "vhosts/%2F", {"tracing": True})
        self.api("POST", "exchanges/%2F/amq.default/publish",
                 {"routing_key": "q", "properties": {}, "payload": "x", "payload_encoding": "string"})
        self.api("POST", "queues/%2F/q/get", {"count": 1, "ackmode": "ack_requeue_false", "encoding": "auto"})
        process.wait_until(lambda: client.count(b"log") == 2, "the trace messages")
        messages = client.drain(b"log")
        self.assertEqual([message.fields["routing-key"] for message in messages], [b"publish.", b"deliver.q"])
        for message in messages:
            said = dict(message.properties["headers"])
            self.assertEqual((said[b"user"], said[b"connection"]), (text(b"guest"), text(b"HTTP API")))

    def test_a_queue_of_the_exchange_may_be_one_that_is_traced(self):
        """Its own messages that came through the trace exchange are not traced again, so this ends."""
        self.ctl("trace_on")
        client = self.client()
        client.declare_queue(b"q", durable=False, exclusive=True)
        client.call(1, "queue.bind", queue=b"q", exchange=b"amq.rabbitmq.trace", routing_key=b"#")
        client.send(1, "basic.consume", queue=b"q", consumer_tag=b"t", no_ack=True)
        client.publish(b"q", b"first", channel=2)
        got = [client.expect("basic.deliver") for _ in range(3)]
        self.assertEqual(sorted(frame.fields["routing-key"] for frame in got), [b"deliver.q", b"publish.", b"q"])
        client.call(2, "queue.declare", queue=b"q", passive=True)
        self.assertEqual([frame for frame in client.kept if frame.method == "basic.deliver"], [])

    def test_headers_that_fit_no_frame_or_nest_too_deep_are_left_out(self):
        self.ctl("trace_on")
        client = self.client()
        self.listen(client, b"publish.#")
        deep = ("S", b"bottom")
        for _ in range(14):
            deep = ("F", [(b"d", deep)])
        for value in (deep, ("S", b"l" * 130900)):
            client.publish(b"nowhere", b"x", channel=2, headers=[(b"h", value)], content_type=b"t")
            process.wait_until(lambda: client.count(b"log") == 1, "the trace message")
            said = dict(client.get(b"log").properties["headers"])
            self.assertEqual(said[b"properties"], ("F", [(b"delivery_mode", ("I", 2)), (b"content_type", text(b"t"))]))

    def test_long_bodies_and_long_names_come_whole(self):
        self.ctl("trace_on")
        client = self.client()
        self.listen(client, b"#")
        name = b"x" * 127 + b"." + b"y" * 127
        client.call(1, "exchange.declare", exchange=name, type=b"fanout")
        body = os.urandom(300000)
        client.publish(b"", body, exchange=name, channel=2)
        process.wait_until(lambda: client.count(b"log") == 1, "the trace message")
        message = client.get(b"log")
        self.assertEqual(message.body, body)
        self.assertEqual(message.fields["routing-key"], (b"publish." + name)[:255])
        self.assertEqual(dict(message.properties["headers"])[b"exchange_name"], text(name))

    def test_tracing_ends_with_the_process_and_with_the_vhost(self):
        """RabbitMQ keeps the list of traced vhosts in the application's environment, which no file has."""
        self.ctl("trace_on")
        self.ctl("add_vhost", "other")
        self.ctl("trace_on", "-p", "other")
        self.ctl("delete_vhost", "other")
        self.assertEqual(self.ctl("-q", "list_vhosts", "name", "tracing"), "name\ttracing\n/\ttrue\n")
        self.broker.stop()
        self.broker = Broker(data_dir=self.data)
        self.addCleanup(self.broker.__exit__)
        self.assertEqual(self.ctl("-q", "list_vhosts", "name", "tracing"), "name\ttracing\n/\tfalse\n")
        client = self.client()
        self.listen(client)
        client.publish(b"nowhere")
        self.ctl("trace_on")
        client.publish(b"traced")
        process.wait_until(lambda: client.count(b"log") == 1, "the trace message")
        self.assertEqual(dict(client.get(b"log").properties["headers"])[b"routing_keys"], ("A", [text(b"traced")]))


if __name__ == "__main__":
    process.main()
