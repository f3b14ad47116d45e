#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""GET queues/{vhost}/{queue}/peek: messages are shown, and nobody can tell afterwards."""
import base64
import tempfile
import unittest
import urllib.parse

import process
from client import Amqp
from process import Broker, wait_until
from test_management import Api, scrape


class Peek(unittest.TestCase):
    def setUp(self):
        self.broker = Broker()
        self.addCleanup(self.broker.__exit__)
        self.api = Api(self.broker)
        self.api.ask("PUT", "queues/%2F/q", {"durable": True})

    def publish(self, payload, **properties):
        encoding = "string" if isinstance(payload, str) else "base64"
        text = payload if isinstance(payload, str) else base64.b64encode(payload).decode()
        self.assertEqual(self.api.ask("POST", "exchanges/%2F/amq.default/publish",
                                      {"routing_key": "q", "properties": properties, "payload": text,
                                       "payload_encoding": encoding})[2], {"routed": True})

    def peek(self, api=None, queue="q", **query):
        return (api or self.api).ask("GET", f"queues/%2F/{queue}/peek?{urllib.parse.urlencode(query)}")

    def payloads(self, **query):
        status, _, messages = self.peek(**query)
        self.assertEqual(status, 200, messages)
        return [message["payload"] for message in messages]

    def test_all_of_a_message_is_shown(self):
        self.publish("one", headers={"a": 1}, delivery_mode=2)
        self.publish(b"\xff\x00")
        first, second = self.peek()[2]
        self.assertEqual(first, {"position": 0, "payload_bytes": 3, "redelivered": False, "exchange": "",
                                 "routing_key": "q", "message_count": 1, "payload": "one", "payload_encoding": "string",
                                 "properties": {"headers": {"a": 1}, "delivery_mode": 2}})
        self.assertEqual((second["position"], second["payload"], second["payload_encoding"], second["message_count"]),
                         (1, "/wA=", "base64", 0))

    def test_the_query_says_which_and_how_much(self):
        for i in range(20):
            self.publish(f"message {i}")
        self.assertEqual(self.payloads(), [f"message {i}" for i in range(10)])
        self.assertEqual(self.payloads(offset=17, count=500), ["message 17", "message 18", "message 19"])
        self.assertEqual(self.payloads(offset=20), [])
        self.assertEqual(self.payloads(count=0), [])
        self.assertEqual(self.payloads(count=1, truncate=3), ["mes"])
        self.assertEqual(self.payloads(count=1, truncate=3, encoding="base64"), ["bWVz"])

    def test_what_cannot_be_is_refused(self):
        for query in ({"count": 501}, {"offset": 100001}, {"count": -1}, {"count": "x"}, {"count": ""},
                      {"offset": "1x"}, {"truncate": "-1"}, {"encoding": "rot13"}, {"count": "9" * 30}):
            status, _, body = self.peek(**query)
            self.assertEqual((status, body["error"]), (400, "bad_request"), query)
        self.assertIn('leveret_limit_reached_total{limit="peek"} 2', scrape(self.broker)[1])
        self.assertEqual(self.peek(queue="nosuch")[0], 404)
        self.assertEqual(self.api.status("POST", "queues/%2F/q/peek"), 405)

    def test_it_needs_permission_to_read(self):
        self.api.ask("PUT", "users/m", {"password": "p", "tags": "management"})
        user = Api(self.broker, "m", "p")
        self.assertEqual(self.peek(user)[0], 401)
        for read, status in (("^$", 401), ("^q$", 200)):
            self.api.ask("PUT", "permissions/%2F/m", {"configure": "", "write": "", "read": read})
            self.assertEqual(self.peek(user)[0], status)

    def test_an_exclusive_queue_is_its_connections(self):
        with Amqp(self.broker.port) as client:
            client.open_channel()
            client.call(1, "queue.declare", queue=b"mine", exclusive=True)
            self.assertIn("exclusive access to locked queue", self.peek(queue="mine")[2]["reason"])

    def test_nobody_can_tell_afterwards(self):
        for i in range(5):
            self.publish(str(i))
        with Amqp(self.broker.port) as client:
            client.open_channel()
            client.send(1, "basic.get", queue=b"q")
            client.expect("basic.get-ok")
            before = self.api.get("queues/%2F/q")
            self.assertEqual(self.payloads(), ["1", "2", "3", "4"])
            self.assertEqual(self.api.get("queues/%2F/q"), before)
        wait_until(lambda: self.api.get("queues/%2F/q")["messages_ready"] == 5, "the message of who left")
        status, _, messages = self.api.ask("POST", "queues/%2F/q/get", {"count": 9, "ackmode": "ack_requeue_false",
                                                                        "encoding": "auto"})
        self.assertEqual((status, [(one["payload"], one["redelivered"]) for one in messages]),
                         (200, [("0", True), ("1", False), ("2", False), ("3", False), ("4", False)]))


class OnDisk(unittest.TestCase):
    def test_what_is_not_in_memory_is_shown(self):
        with tempfile.TemporaryDirectory() as folder, \
                Broker("--set", "leveret.message_memory_limit=1MiB", data_dir=f"{folder}/data") as broker:
            api = Api(broker)
            with Amqp(broker.port).open_channel(confirm=True) as client:
                client.declare_queue(b"q")
                for i in range(400):
                    client.publish(b"q", b"%d " % i + b"x" * 20000, delivery_mode=2 - i % 2)
                client.await_confirms(400)  # 8 MB of messages: most are on disk only
            for offset in (0, 150, 399):
                shown = api.get(f"queues/%2F/q/peek?offset={offset}&count=100&truncate=5")
                self.assertEqual([int(one["payload"].split()[0]) for one in shown],
                                 list(range(offset, min(offset + 100, 400))))
                self.assertEqual({one["payload_bytes"] - len(str(one["position"])) for one in shown}, {20001})
            self.assertEqual(len(api.get("queues/%2F/q/peek?count=500&truncate=0")), 400)
            self.assertEqual([one["redelivered"] for one in api.get("queues/%2F/q/peek?count=500")], [False] * 400)

    def test_one_answer_is_no_larger_than_memory_is_good_for(self):
        with Broker() as broker:
            api = Api(broker)
            api.ask("PUT", "queues/%2F/q", {})
            with Amqp(broker.port).open_channel(confirm=True) as client:
                for _ in range(5):
                    client.publish(b"q", b"x" * 5_000_000)
                client.await_confirms(5)
            self.assertEqual([one["payload_bytes"] for one in api.get("queues/%2F/q/peek")], [5_000_000] * 3)
            self.assertEqual([one["position"] for one in api.get("queues/%2F/q/peek?offset=3")], [3, 4])


if __name__ == "__main__":
    process.main()
