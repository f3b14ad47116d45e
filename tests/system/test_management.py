#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The HTTP API and the metrics of the real process, asked as tools ask."""
import base64
import concurrent.futures
import datetime
import http.client
import json
import os
import re
import socket
import ssl
import struct
import tempfile
import unittest
import urllib.error
import urllib.parse
import urllib.request

import process
from certificates import Room
from client import Amqp, Refused
from process import Broker, Client


class Api:
    """Requests as one user; answers are (status, headers, JSON or octets)."""

    def __init__(self, broker, user="guest", password="guest"):
        self.root = f"http://127.0.0.1:{broker.ready['management_port']}/api/"
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        self.headers = {"Authorization": f"Basic {token}"} if user else {}

    def ask(self, method, path, body=None, headers=None):
        data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        request = urllib.request.Request(self.root + path, data=data, method=method,
                                         headers={**self.headers, **(headers or {})})
        try:
            with urllib.request.urlopen(request, timeout=process.PATIENCE) as answer:
                return answer.status, answer.headers, decode(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.headers, decode(error.read())

    def get(self, path):
        status, _, answer = self.ask("GET", path)
        assert status == 200, (path, status, answer)
        return answer

    def status(self, method, path, body=None):
        return self.ask(method, path, body)[0]


def decode(octets):
    try:
        return json.loads(octets)
    except ValueError:
        return octets


def scrape(broker, path="metrics"):
    url = f"http://127.0.0.1:{broker.ready['metrics_port']}/{path}"
    with urllib.request.urlopen(url, timeout=process.PATIENCE) as answer:
        return answer.headers["content-type"], answer.read().decode()


class NodeLimits(unittest.TestCase):
    def setUp(self):
        self.broker = Broker("--set", "cluster_queue_limit=2", "--set", "cluster_exchange_limit=8", "--set",
                             "vhost_max=2")
        self.addCleanup(self.broker.__exit__)
        self.api = Api(self.broker)

    def refused(self, path, body, sentence):
        status, _, answer = self.api.ask("PUT", path, body)
        self.assertEqual((status, answer["reason"]), (400, sentence))

    def test_there_is_no_more_than_the_configuration_allows(self):
        for name in ("a", "b"):
            self.assertEqual(self.api.status("PUT", f"queues/%2F/{name}", {"durable": True}), 201)
        self.refused("queues/%2F/c", {"durable": True},
                     "cannot declare queue 'c' in vhost '/': queue limit in cluster (2) is reached")
        self.assertEqual(self.api.status("PUT", "queues/%2F/a", {"durable": True}), 204)
        self.assertEqual(self.api.status("PUT", "exchanges/%2F/x", {"type": "topic"}), 201)
        self.refused("exchanges/%2F/y", {"type": "topic"},
                     "cannot declare exchange 'y' in vhost '/': exchange limit of 8 is reached")
        self.assertEqual(self.api.status("PUT", "vhosts/v"), 201)
        self.refused("vhosts/w", {}, "cannot create vhost 'w': vhost limit of 2 is reached")
        self.assertEqual(self.api.status("PUT", "vhosts/v"), 204)
        self.assertEqual(self.api.status("POST", "definitions", {"vhosts": [{"name": "w"}]}), 400)
        self.assertEqual(self.api.status("DELETE", "queues/%2F/a"), 204)
        self.assertEqual(self.api.status("PUT", "queues/%2F/c", {"durable": True}), 201)


class ManagementTest(unittest.TestCase):
    """One broker for each test: what one leaves behind is none of the next one's business."""

    def setUp(self):
        self.broker = Broker()
        self.addCleanup(self.broker.__exit__)
        self.api = Api(self.broker)

    def declare(self, name="q", **more):
        self.assertIn(self.api.status("PUT", f"queues/%2F/{name}", {"durable": True, **more}),
                      (201, 204))

    def publish(self, payload, exchange="amq.default", key="q", properties=None, encoding="string"):
        return self.api.ask("POST", f"exchanges/%2F/{exchange}/publish",
                            {"routing_key": key, "properties": properties or {},
                             "payload": payload, "payload_encoding": encoding})

    def take(self, ackmode, count=1, encoding="auto", queue="q"):
        status, _, messages = self.api.ask("POST", f"queues/%2F/{queue}/get",
                                           {"count": count, "ackmode": ackmode,
                                            "encoding": encoding})
        self.assertEqual(status, 200, messages)
        return messages


class Logins(ManagementTest):
    def test_who_is_nobody_is_asked_for_a_login(self):
        """rows: 414"""
        status, headers, body = Api(self.broker, user=None).ask("GET", "overview")
        self.assertEqual((status, body), (401, b""))
        self.assertEqual(headers["www-authenticate"], 'Basic realm="RabbitMQ Management"')

    def test_a_wrong_password_is_refused(self):
        status, headers, body = Api(self.broker, password="no").ask("GET", "overview")
        self.assertEqual((status, body["error"]), (401, "not_authorized"))
        self.assertIn("Basic", headers["www-authenticate"])

    def test_a_slow_hash_is_verified_beside_the_others(self):
        """rows: 414"""
        with Broker("--set", "password_hashing_module=leveret_password_hashing_pbkdf2_sha256") as broker:
            guest = Api(broker)
            self.assertEqual(guest.ask("GET", "whoami")[0], 200)
            self.assertEqual(guest.status("PUT", "users/u", {"password": "p", "tags": "administrator"}), 201)
            big = {"routing_key": "", "properties": {}, "payload": "x" * 2_000_000, "payload_encoding": "string"}
            publish = "exchanges/%2F/amq.fanout/publish"
            self.assertEqual(guest.status("PUT", "permissions/%2F/u",
                                          {"configure": "", "write": ".*", "read": ""}), 201)
            self.assertEqual(Api(broker, "u", "p").ask("POST", publish, big)[2], {"routed": False})
            self.assertEqual(Api(broker, "u", "q").status("GET", "whoami"), 401)
            self.assertEqual(Api(broker, "nobody", "q").status("POST", publish, big), 401)
            with concurrent.futures.ThreadPoolExecutor(5) as pool:
                wrong = [pool.submit(Api(broker, "u", f"wrong{i}").status, "GET", "whoami") for i in range(5)]
                # Five hashes take half a second of their thread; who is known is answered meanwhile.
                self.assertEqual(guest.ask("GET", "whoami")[0], 200)
                self.assertLess(sum(future.done() for future in wrong), 5)
                self.assertEqual([future.result() for future in wrong], [401] * 5)

    def test_a_slow_hash_is_made_beside_the_others(self):
        """Five hashes are half a second of a processor: somebody else has many answers in that time, not one for each."""
        with Broker("--set", "password_hashing_module=leveret_password_hashing_pbkdf2_sha256") as broker:
            guest = Api(broker)
            self.assertEqual(guest.ask("GET", "whoami")[0], 200)
            with Client(broker) as other, concurrent.futures.ThreadPoolExecutor(5) as pool:
                other.login().open_channel()
                other.declare_queue("q")
                made = [pool.submit(guest.status, "PUT", f"users/u{i}", {"password": f"p{i}", "tags": ""})
                        for i in range(4)] + [pool.submit(guest.status, "GET", "auth/hash_password/p")]
                answers = 0
                while not all(future.done() for future in made):
                    other.declare_queue("q")
                    answers += 1
                self.assertEqual([future.result() for future in made], [201] * 4 + [200])
            self.assertGreater(answers, 50)
            self.assertEqual([Api(broker, "u1", word).status("GET", "whoami") for word in ("p1", "p2")], [401, 401])

    def test_clear_texts_in_definitions_are_hashed_beside_the_others(self):
        with Broker("--set", "password_hashing_module=leveret_password_hashing_pbkdf2_sha256") as broker:
            guest = Api(broker)
            self.assertEqual(guest.ask("GET", "whoami")[0], 200)
            users = [{"name": f"u{i}", "password": f"p{i}", "tags": "management"} for i in range(5)]
            users.append({"name": "none", "password_hash": "", "tags": ""})
            with Client(broker) as other, concurrent.futures.ThreadPoolExecutor(1) as pool:
                other.login().open_channel()
                other.declare_queue("q")
                done = pool.submit(guest.status, "POST", "definitions", {"users": users})
                answers = 0
                while not done.done():
                    other.declare_queue("q")
                    answers += 1
                self.assertEqual(done.result(), 204)
            self.assertGreater(answers, 50)
            self.assertEqual([Api(broker, "u4", word).status("GET", "whoami") for word in ("p4", "p3")], [200, 401])
            self.assertEqual(guest.get("users/u4")["hashing_algorithm"], "leveret_password_hashing_pbkdf2_sha256")
            users[4]["tags"] = 3
            status, _, body = guest.ask("POST", "definitions", {"users": users})
            self.assertEqual((status, body["reason"]), (400, "users, entry 5 ('u4'): 'tags' must be a list of strings"))
            self.assertEqual(guest.status("PUT", "users/u1", {"password": "p2", "tags": "administrator"}), 204)
            self.assertEqual([Api(broker, "u1", word).status("GET", "whoami") for word in ("p1", "p2")], [401, 200])

    def test_tags_say_what_one_may(self):
        """rows: 397"""
        self.assertEqual(self.api.status("PUT", "users/m", {"password": "p", "tags": "management"}), 201)
        user = Api(self.broker, "m", "p")
        self.assertEqual(user.get("whoami")["tags"], ["management"])
        self.assertEqual(user.ask("GET", "users")[2]["reason"], "Not administrator user")
        self.assertEqual(user.ask("GET", "nodes")[0], 401)
        self.assertEqual(user.ask("GET", "queues/%2F")[2]["reason"],
                         "User not authorised to access virtual host")
        self.assertEqual(user.get("vhosts"), [])

    def test_actions_need_the_permissions_of_amqp(self):
        self.declare()
        self.api.status("PUT", "users/m", {"password": "p", "tags": "management"})
        self.api.status("PUT", "permissions/%2F/m", {"configure": "^$", "write": "^$", "read": "^$"})
        user = Api(self.broker, "m", "p")
        for method, path, body in (
                ("PUT", "queues/%2F/new", {}), ("DELETE", "queues/%2F/q", None),
                ("DELETE", "queues/%2F/q/contents", None),
                ("PUT", "exchanges/%2F/new", {"type": "direct"}),
                ("POST", "bindings/%2F/e/amq.direct/q/q", {"routing_key": "k"}),
                ("POST", "exchanges/%2F/amq.direct/publish",
                 {"routing_key": "", "properties": {}, "payload": "", "payload_encoding": "string"}),
                ("POST", "queues/%2F/q/get",
                 {"count": 1, "ackmode": "ack_requeue_true", "encoding": "auto"})):
            with self.subTest(f"{method} {path}"):
                self.assertEqual(user.status(method, path, body), 401)


class Objects(ManagementTest):
    def test_put_says_whether_it_made_something(self):
        """rows: 415"""
        for path, body in (("vhosts/v", None), ("queues/%2F/q", {"durable": True}),
                           ("exchanges/%2F/x", {"type": "fanout"}),
                           ("users/u", {"password": "p", "tags": ""}),
                           ("policies/%2F/p", {"pattern": "^q", "definition": {"max-length": 1}})):
            with self.subTest(path):
                self.assertEqual(self.api.status("PUT", path, body), 201)
                self.assertEqual(self.api.status("PUT", path, body), 204)
                self.assertEqual(self.api.status("DELETE", path), 204)

    def test_what_is_not_there_is_404(self):
        """rows: 416"""
        for path in ("queues/%2F/no", "exchanges/%2F/no", "vhosts/no", "users/no",
                     "policies/%2F/no", "connections/no", "bindings/%2F/e/amq.direct/q/no/k"):
            with self.subTest(path):
                status, _, body = self.api.ask("DELETE", path)
                self.assertEqual((status, body), (404, {"error": "Object Not Found",
                                                        "reason": "Not Found"}))

    def test_a_queue_that_differs_is_refused_in_the_words_of_amqp(self):
        """rows: 417"""
        self.declare()
        status, _, body = self.api.ask("PUT", "queues/%2F/q", {"durable": False})
        self.assertEqual((status, body["error"]), (400, "bad_request"))
        self.assertEqual(body["reason"], "inequivalent arg 'durable' for queue 'q' in vhost '/': "
                                         "received 'false' but current is 'true'")

    def test_what_no_method_could_carry_is_refused(self):
        """Names and keys are short strings, wherever they come from."""
        longest, longer = "n" * 255, "n" * 256
        for path, body in ((f"queues/%2F/{longer}", {"durable": True}), (f"exchanges/%2F/{longer}", {"type": "fanout"})):
            status, _, answer = self.api.ask("PUT", path, body)
            self.assertEqual((status, answer["reason"].split(" ", 1)[1]),
                             (400, "should be less than 255 bytes, actually was 256"))
        self.declare(longest)
        pair = f"bindings/%2F/e/amq.topic/q/{longest}"
        self.assertEqual(self.api.status("POST", pair, {"routing_key": longest}), 201)
        self.assertEqual(self.api.status("POST", pair, {"routing_key": longer}), 400)
        binding = {"source": "amq.topic", "vhost": "/", "destination": longest, "destination_type": "queue",
                   "routing_key": longer, "arguments": {}}
        queue = {"name": longer, "vhost": "/", "durable": True, "auto_delete": False, "arguments": {}}
        for definitions in ({"bindings": [binding]}, {"queues": [queue]}):
            self.assertEqual(self.api.status("POST", "definitions", definitions), 400)
        self.assertEqual([row["routing_key"] for row in self.api.get(pair)], [longest])

    def test_publish_says_whether_it_was_routed(self):
        """rows: 418"""
        self.declare()
        self.assertEqual(self.publish("x")[2], {"routed": True})
        self.assertEqual(self.publish("x", key="nobody")[2], {"routed": False})
        self.assertEqual(self.publish("x", exchange="no")[2],
                         {"error": "not_found", "reason": "exchange_not_found"})

    def test_delayed_message_is_not_routed_yet(self):
        """As with RabbitMQ's plugin, whether the message is on disk meanwhile or not."""
        delayed = {"routing_key": "", "properties": {"headers": {"x-delay": 60000}}, "payload": "x",
                   "payload_encoding": "string"}
        with tempfile.TemporaryDirectory() as folder, Broker(data_dir=folder) as broker:
            for durable in (True, False):
                place = f"exchanges/%2F/delays-{durable}"
                self.assertEqual(Api(broker).status("PUT", place, {
                    "type": "x-delayed-message", "durable": durable,
                    "arguments": {"x-delayed-type": "fanout"}}), 201)
                self.assertEqual(Api(broker).ask("POST", place + "/publish", delayed)[2], {"routed": False})

    def test_what_basic_publish_refuses_is_refused(self):
        self.declare()
        for properties, reason in (
                ({"user_id": "alice"}, "user_id property set to 'alice' but authenticated user was 'guest'"),
                ({"expiration": "soon"}, "invalid expiration 'soon': no_integer"),
                ({"headers": {"CC": "q"}}, 'invalid message: {unacceptable_type_in_header,"CC",longstr}'),
                ({"headers": {"BCC": 1}}, 'invalid message: {unacceptable_type_in_header,"BCC",')):
            status, _, answer = self.publish("x", properties=properties)
            self.assertEqual(status, 400, properties)
            self.assertIn("406 PRECONDITION_FAILED - " + reason, answer["reason"])
        self.assertEqual(self.take("ack_requeue_false"), [])
        self.assertEqual(self.publish("x", properties={"user_id": "guest", "expiration": "60000"})[0], 200)

    def test_copies_go_by_cc_and_bcc_and_nobody_sees_the_second(self):
        self.declare("q")
        self.declare("copy")
        self.declare("hidden")
        headers = {"CC": ["copy"], "BCC": ["hidden"], "h": 1}
        self.assertEqual(self.publish("x", properties={"headers": headers})[2], {"routed": True})
        for queue in ("q", "copy", "hidden"):
            message, = self.take("ack_requeue_false", queue=queue)
            self.assertEqual(message["properties"]["headers"], {"CC": ["copy"], "h": 1})

    def test_publish_to_a_full_queue_is_refused(self):
        self.declare(arguments={"x-max-length": 0, "x-overflow": "reject-publish"})
        status, _, body = self.publish("x")
        self.assertEqual((status, body["reason"]),
                         (400, "Unable to publish message. Check queue limits."))

    def test_get_settles_as_it_is_told(self):
        """rows: 419"""
        self.declare()
        for name, left in (("ack_requeue_true", 1), ("reject_requeue_true", 1),
                           ("ack_requeue_false", 0), ("reject_requeue_false", 0)):
            with self.subTest(name):
                self.api.status("DELETE", "queues/%2F/q/contents")
                self.publish(name)
                self.assertEqual(self.take(name)[0]["payload"], name)
                self.assertEqual(self.api.get("queues/%2F/q")["messages"], left)
                if left:
                    self.assertTrue(self.take("ack_requeue_false")[0]["redelivered"])

    def test_get_shows_all_of_a_message(self):
        """rows: 420"""
        self.declare()
        properties = {"delivery_mode": 2, "content_type": "text/plain", "priority": 3,
                      "timestamp": 1700000000, "headers": {"a": [1, "b", {"c": True}]}}
        self.publish("h\u00e4se", properties=properties)
        self.publish("//4=", encoding="base64")
        text, octets = self.take("ack_requeue_false", count=5)
        self.assertEqual((text["payload"], text["payload_encoding"], text["payload_bytes"]),
                         ("h\u00e4se", "string", 5))
        self.assertEqual(text["properties"], properties)
        self.assertEqual((text["exchange"], text["routing_key"], text["message_count"]), ("", "q", 1))
        self.assertEqual((octets["payload"], octets["payload_encoding"]), ("//4=", "base64"))

    def test_get_without_a_mandatory_key_is_400(self):
        self.declare()
        status, _, body = self.api.ask("POST", "queues/%2F/q/get", {"count": 1, "encoding": "auto"})
        self.assertEqual((status, body["reason"]), (400, "[{key_missing,ackmode}]"))

    def test_get_of_less_than_nothing_is_400(self):
        self.declare()
        self.publish("one")
        for count in (-1, -1000, "-3"):
            status = self.api.status("POST", "queues/%2F/q/get", {
                "count": count, "ackmode": "ack_requeue_false", "encoding": "auto"})
            self.assertEqual(status, 400, count)
        self.assertEqual(self.take("ack_requeue_true", count=0), [])
        self.assertEqual([taken["payload"] for taken in self.take("ack_requeue_true")], ["one"])

    def test_get_answers_with_no_more_octets_than_memory_is_good_for(self):
        self.declare()
        large = "x" * (15 * 1024 * 1024)
        for _ in range(6):
            self.assertEqual(self.publish(large)[0], 200)
        self.assertEqual(len(self.take("ack_requeue_true", count=6)), 5)

    def test_bindings_have_keys_of_their_own(self):
        """rows: 421 422"""
        self.declare()
        pair = "bindings/%2F/e/amq.topic/q/q"
        status, headers, _ = self.api.ask("POST", pair, {"routing_key": "a.*", "arguments": {"x": 1}})
        self.assertEqual(status, 201)
        key = self.api.get(pair)[0]["properties_key"]
        self.assertEqual(headers["location"], f"q/{key}")
        self.assertRegex(key, r"^a\.%2A~\w+$")
        for form in (key, key.replace("%", "%25")):
            self.assertEqual(self.api.get(f"{pair}/{form}")["routing_key"], "a.*")
        self.assertEqual(self.api.status("DELETE", f"{pair}/{key}"), 204)
        self.assertEqual(self.api.get(pair), [])
        self.api.ask("POST", "bindings/%2F/e/amq.topic/e/amq.fanout", {})
        self.assertEqual(self.api.get("bindings/%2F/e/amq.topic/e/amq.fanout")[0]["properties_key"], "~")

    def test_a_queue_shows_where_its_messages_are(self):
        self.declare()
        for i in range(3):
            self.publish("x" * 100, properties={"delivery_mode": 2 if i else 1, "timestamp": 1700000000})
        client = Amqp(self.broker.port).open_channel()
        self.addCleanup(client.close)
        self.assertEqual(len(client.get(b"q", no_ack=False).body), 100)
        queue = self.api.get("queues/%2F/q")
        for name, figure in {"messages_persistent": 2, "messages_ram": 3, "messages_ready_ram": 2,
                             "messages_unacknowledged_ram": 1, "messages_paged_out": 0, "message_bytes": 300,
                             "message_bytes_ready": 200, "message_bytes_unacknowledged": 100,
                             "message_bytes_persistent": 200, "message_bytes_ram": 300,
                             "message_bytes_paged_out": 0, "head_message_timestamp": 1700000000}.items():
            self.assertEqual(queue[name], figure, name)
        self.assertGreater(queue["memory"], 300)
        self.assertNotIn("idle_since", queue)
        process.wait_until(lambda: "idle_since" in self.api.get("queues/%2F/q"))
        idle = datetime.datetime.fromisoformat(self.api.get("queues/%2F/q")["idle_since"])
        self.assertLess(abs((datetime.datetime.now(datetime.timezone.utc) - idle).total_seconds()), 60)
        _, text = scrape(self.broker, "metrics/per-object")
        for name, figure in {"bytes": 300, "ready_bytes": 200, "unacked_bytes": 100, "persistent_bytes": 200,
                             "ram_bytes": 300, "persistent": 2, "ram": 3, "paged_out": 0}.items():
            self.assertIn(f'rabbitmq_queue_messages_{name}{{vhost="/",queue="q"}} {figure}\n', text)
        self.assertIn('rabbitmq_queue_head_message_timestamp{vhost="/",queue="q"} 1700000000\n', text)

    def test_an_exchange_counts_what_goes_in_and_out(self):
        self.declare("a")
        self.declare("b")
        for queue in "ab":
            self.api.status("POST", f"bindings/%2F/e/amq.fanout/q/{queue}", {"routing_key": ""})
        self.assertNotIn("message_stats", self.api.get("exchanges/%2F/amq.fanout"))
        self.api.status("PUT", "policies/%2F/p", {"pattern": "^amq.fanout$", "apply-to": "exchanges",
                                                  "definition": {"alternate-exchange": "other"}})
        for _ in range(3):
            self.publish("x", exchange="amq.fanout")
        exchange = self.api.get("exchanges/%2F/amq.fanout")
        self.assertEqual(exchange["policy"], "p")
        stats = exchange["message_stats"]
        self.assertEqual((stats["publish_in"], stats["publish_out"]), (3, 6))
        self.assertIn("rate", stats["publish_in_details"])

    def test_lists_come_in_pages(self):
        """rows: 423"""
        for number in range(7):
            self.declare(f"q{number}")
        page = self.api.get("queues?page=2&page_size=3")
        self.assertEqual([queue["name"] for queue in page.pop("items")], ["q3", "q4", "q5"])
        self.assertEqual(page, {"filtered_count": 7, "item_count": 3, "page": 2, "page_count": 3,
                                "page_size": 3, "total_count": 7})
        page = self.api.get("queues/%2F/?page=1&page_size=500&name=q%5B12%5D&use_regex=true")
        self.assertEqual([queue["name"] for queue in page["items"]], ["q1", "q2"])
        self.assertEqual(self.api.status("GET", "queues?page=9&page_size=3"), 400)
        self.assertEqual(self.api.status("GET", "queues?page=1&page_size=501"), 400)
        self.assertEqual(self.api.status("GET", "queues?page=1&name=(&use_regex=true"), 400)

    def test_a_page_of_nothing_is_empty(self):
        page = self.api.get("queues?page=1")
        self.assertEqual((page["items"], page["page_count"], page["total_count"]), ([], 0, 0))

    def test_pages_are_refused_in_the_words_of_rabbitmq(self):
        for query, error, reason in (
                ("page=9&page_size=3", "page_out_of_range", "Page out of range, page: 9 page size: 3, len: 7"),
                ("page=1&page_size=501", "invalid_pagination_parameters",
                 "Invalid pagination parameters: page number 1, page size 501"),
                ("page=one", "bad_request", "Pagination parameters are invalid"),
                ("page=1&page_size=", "bad_request", "Pagination parameters are invalid"),
                ("page=1&name=(&use_regex=true", "bad_request", "Pagination parameters are invalid")):
            self.assertEqual(self.api.ask("GET", f"exchanges?{query}")[2], {"error": error, "reason": reason})
        self.assertEqual(len(self.api.get("exchanges?page_size=2&pagination=true")), 7)

    def test_names_are_found_whatever_their_case(self):
        for query in ("name=TOPIC", "name=Q.TOP&use_regex=true"):
            self.assertEqual([row["name"] for row in self.api.get(f"exchanges?page=1&{query}")["items"]], ["amq.topic"])

    def test_columns_and_order_are_for_every_answer(self):
        self.declare()
        self.assertEqual(self.api.get("overview?columns=object_totals.queues,rates_mode"),
                         {"object_totals": {"queues": 1}, "rates_mode": "basic"})
        self.assertEqual(self.api.get("nodes?columns=type"), [{"type": "disc"}])
        self.assertEqual(self.api.get("queues/%2F/q?columns=name,,nothing"), {"name": "q"})
        for user in ("c", "b"):
            self.api.status("PUT", f"users/{user}", {"password": "p", "tags": ""})
            self.api.status("PUT", f"permissions/%2F/{user}", {"configure": user, "write": "", "read": ""})
        self.assertEqual(self.api.get("permissions?columns=user&sort=configure&sort_reverse=true"),
                         [{"user": "c"}, {"user": "b"}, {"user": "guest"}])

    def test_a_header_is_all_that_comes_for_head(self):
        """What comes behind it would be taken for the next answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.broker.ready["management_port"], timeout=process.PATIENCE)
        self.addCleanup(connection.close)
        connection.connect()
        for path in ("queues", "whoami"):
            connection.sock.sendall(f"HEAD /api/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n".encode() +
                                    f"Authorization: {self.api.headers['Authorization']}\r\n\r\n".encode())
            octets = b"".join(iter(lambda: connection.sock.recv(65536), b""))
            self.assertTrue(octets.startswith(b"HTTP/1.1 200 ") and octets.endswith(b"\r\n\r\n"), octets)
            self.assertEqual(octets.count(b"\r\n\r\n"), 1, octets)
            connection.close()
            connection.connect()

    def test_a_body_has_one_length(self):
        head = (f"PUT /api/queues/%2F/q HTTP/1.1\r\nHost: x\r\nAuthorization: {self.api.headers['Authorization']}\r\n"
                "Content-Length: 2\r\n")
        for second in ("Content-Length: 40\r\n", "Transfer-Encoding: chunked\r\n"):
            with socket.create_connection(("127.0.0.1", self.broker.ready["management_port"]), timeout=process.PATIENCE) as one:
                one.sendall((head + second + "\r\n{}" + "DELETE /api/vhosts/%2F HTTP/1.1\r\n\r\n").encode())
                octets = b"".join(iter(lambda: one.recv(65536), b""))
            self.assertEqual(re.findall(rb"HTTP/1.1 (\d+)", octets), [b"400"], octets)
        self.assertEqual(self.api.get("queues"), [])

    def test_line_breaks_vanish_from_names(self):
        self.assertEqual(self.api.status("PUT", "queues/%2F/a%0D%0Ab", {"durable": True}), 201)
        self.assertEqual(self.api.status("PUT", "exchanges/%2F/a%0Ab", {"type": "direct"}), 201)
        self.assertEqual(self.api.get("queues/%2F/ab?columns=name"), {"name": "ab"})
        self.assertEqual(self.api.status("GET", "exchanges/%2F/ab"), 200)

    def test_an_empty_list_is_an_empty_table(self):
        """PHP knows no difference."""
        self.declare(arguments=[])
        self.assertEqual(self.api.status("PUT", "exchanges/%2F/x", {"type": "fanout", "arguments": []}), 201)
        self.assertEqual(self.api.status("POST", "bindings/%2F/e/x/q/q", {"arguments": []}), 201)
        self.assertEqual(self.api.status("PUT", "queues/%2F/no", {"arguments": [1]}), 400)

    def test_what_is_not_there_has_no_bindings(self):
        for path in ("queues/%2F/no/bindings", "exchanges/%2F/no/bindings/source",
                     "exchanges/%2F/no/bindings/destination", "bindings/%2F/e/no/q/no", "bindings/%2F/e/no/e/no"):
            self.assertEqual(self.api.get(path), [])
        status, _, answer = self.api.ask("POST", "bindings/%2F/e/amq.direct/q/no", {"routing_key": "k"})
        self.assertEqual((status, answer), (404, {"error": "not_found", "reason": "no queue 'no' in vhost '/'"}))

    def test_a_user_has_one_password(self):
        for body, reason in (({"password": "p", "password_hash": "", "tags": ""},
                              "both_password_and_password_hash_are_provided"), ({"password": "p"}, "tags_not_present")):
            self.assertEqual(self.api.ask("PUT", "users/u", body)[2], {"error": "bad_request", "reason": reason})
        rule = {"configure": "", "write": "", "read": ""}
        self.assertEqual(self.api.ask("PUT", "permissions/%2F/u", rule)[2]["reason"], "vhost_or_user_not_found")

    def test_columns_and_order_can_be_chosen(self):
        """rows: 424"""
        self.declare("q1", arguments={"x-max-length": 5, "x-expires": 1000000})
        self.declare("q2")
        self.publish("x", key="q2")
        self.assertEqual(self.api.get("queues?columns=name,arguments.x-max-length&sort=messages"),
                         [{"name": "q1", "arguments": {"x-max-length": 5}}, {"name": "q2"}])
        names = [queue["name"] for queue in self.api.get("queues?sort=messages&sort_reverse=true")]
        self.assertEqual(names, ["q2", "q1"])

    def test_vhosts_take_an_empty_body_and_keep_what_is_said(self):
        self.assertEqual(self.api.status("PUT", "vhosts/v"), 201)
        self.api.status("PUT", "vhosts/v", {"description": "of mine", "tags": "a,b"})
        vhost = self.api.get("vhosts/v")
        self.assertEqual((vhost["description"], vhost["tags"]), ("of mine", ["a", "b"]))
        self.assertIn({"user": "guest", "vhost": "v", "configure": ".*", "write": ".*", "read": ".*"},
                      self.api.get("permissions"))

    def test_vhosts_have_a_type_of_queues_that_there_is(self):
        self.assertEqual(self.api.status("PUT", "vhosts/v", {"default_queue_type": "quorum"}), 201)
        self.assertEqual(self.api.status("PUT", "vhosts/v", {"default_queue_type": "nosuch"}), 400)
        self.assertEqual(self.api.status("PUT", "vhosts/w", {"default_queue_type": "nosuch"}), 400)
        self.assertEqual(self.api.status("GET", "vhosts/w"), 404)
        self.assertEqual(self.api.get("vhosts/v")["default_queue_type"], "quorum")

    def test_a_protected_vhost_is_not_deleted(self):
        self.assertEqual(self.api.status("PUT", "vhosts/v", {"protected_from_deletion": True}), 201)
        self.assertIs(self.api.get("vhosts/v")["protected_from_deletion"], True)
        self.assertEqual(self.api.status("DELETE", "vhosts/v"), 412)
        self.assertEqual(self.api.status("DELETE", "vhosts/v/deletion/protection"), 204)
        self.assertEqual(self.api.status("POST", "vhosts/v/deletion/protection"), 204)
        exported = [vhost for vhost in self.api.get("definitions")["vhosts"] if vhost["name"] == "v"]
        self.assertIs(exported[0]["metadata"]["protected_from_deletion"], True)
        self.assertEqual(self.api.status("DELETE", "vhosts/v"), 412)
        self.assertEqual(self.api.status("DELETE", "vhosts/v/deletion/protection"), 204)
        self.assertEqual(self.api.status("DELETE", "vhosts/v"), 204)

    def test_permissions(self):
        """rows: 434"""
        self.api.status("PUT", "users/u", {"password": "p", "tags": ""})
        row = {"configure": "^a", "write": "^b", "read": ".*"}
        self.assertEqual(self.api.status("PUT", "permissions/%2F/u", row), 201)
        self.assertEqual(self.api.get("permissions/%2F/u"), {"user": "u", "vhost": "/", **row})
        self.assertEqual(self.api.get("users/u/permissions"), [{"user": "u", "vhost": "/", **row}])
        self.assertEqual(self.api.status("PUT", "permissions/%2F/u", {**row, "read": "("}), 400)
        topic = {"exchange": "amq.topic", "write": "^a", "read": "^b"}
        self.assertEqual(self.api.status("PUT", "topic-permissions/%2F/u", topic), 201)
        self.assertEqual(self.api.get("topic-permissions/%2F/u"), [{"user": "u", "vhost": "/", **topic}])
        self.assertEqual(self.api.status("DELETE", "topic-permissions/%2F/u"), 204)
        self.assertEqual(self.api.status("DELETE", "permissions/%2F/u"), 204)
        self.assertEqual(self.api.status("GET", "permissions/%2F/u"), 404)

    def test_policies_take_effect(self):
        """rows: 428"""
        self.declare()
        body = {"pattern": "^q", "definition": {"max-length": 1}, "priority": 2, "apply-to": "queues"}
        self.assertEqual(self.api.status("PUT", "policies/%2F/p", body), 201)
        self.assertEqual(self.api.get("policies/%2F/p"), {"vhost": "/", "name": "p", **body})
        queue = self.api.get("queues/%2F/q")
        self.assertEqual((queue["policy"], queue["effective_policy_definition"]), ("p", {"max-length": 1}))
        self.publish("1")
        self.publish("2")
        self.assertEqual(self.api.get("queues/%2F/q")["messages"], 1)
        self.assertEqual(self.api.status("DELETE", "policies/%2F/p"), 204)
        self.assertEqual(self.api.get("queues/%2F/q")["policy"], None)
        self.assertEqual(self.api.status("PUT", "policies/%2F/p", {"pattern": "^q", "definition": {"no": 1}}), 400)

    def test_operator_policies_are_merged(self):
        """rows: 429"""
        self.declare()
        self.api.status("PUT", "policies/%2F/p", {"pattern": "", "definition": {"max-length": 5}})
        self.api.status("PUT", "operator-policies/%2F/o", {"pattern": "", "definition": {"max-length": 3}})
        queue = self.api.get("queues/%2F/q")
        self.assertEqual((queue["operator_policy"], queue["effective_policy_definition"]),
                         ("o", {"max-length": 3}))

    def test_limits(self):
        """rows: 430"""
        self.assertEqual(self.api.status("PUT", "vhost-limits/%2F/max-queues", {"value": 1}), 204)
        self.assertEqual(self.api.get("vhost-limits"), [{"vhost": "/", "value": {"max-queues": 1}}])
        self.declare()
        self.assertEqual(self.api.status("PUT", "queues/%2F/second", {"durable": True}), 400)
        self.assertEqual(self.api.status("DELETE", "vhost-limits/%2F/max-queues"), 204)
        self.assertEqual(self.api.status("PUT", "user-limits/guest/max-channels", {"value": 2}), 204)
        self.assertEqual(self.api.get("user-limits/guest"), [{"user": "guest", "value": {"max-channels": 2}}])
        self.assertEqual(self.api.status("PUT", "user-limits/guest/no", {"value": 2}), 400)

    def test_limits_and_operator_policies_are_parameters_too(self):
        path = "parameters/vhost-limits/%2F/limits"
        limits = {"vhost": "/", "name": "limits", "component": "vhost-limits", "value": {"max-queues": 7}}
        self.assertEqual(self.api.status("GET", path), 404)
        self.assertEqual(self.api.status("PUT", path, {"value": {"max-queues": 7}}), 201)
        self.assertEqual(self.api.status("PUT", path, {"value": {"max-queues": "many"}}), 400)
        self.assertEqual(self.api.status("PUT", path, {"value": {"max-hares": 1}}), 400)
        self.api.status("PUT", "operator-policies/%2F/o", {"pattern": "^q", "definition": {"max-length": 3}})
        policy = {"vhost": "/", "name": "o", "component": "operator_policy",
                  "value": {"pattern": "^q", "definition": {"max-length": 3}, "priority": 0, "apply-to": "all"}}
        self.assertEqual(self.api.get("parameters"), [limits, policy])
        self.assertEqual(self.api.get(path), limits)
        self.assertEqual(self.api.get("parameters/operator_policy/%2F"), [policy])
        self.api.status("PUT", "users/p", {"password": "p", "tags": "policymaker"})
        self.api.status("PUT", "permissions/%2F/p", {"configure": "", "write": "", "read": ""})
        self.assertEqual(Api(self.broker, "p", "p").status("DELETE", path), 401)
        self.assertEqual(self.api.status("DELETE", path), 204)
        self.assertEqual(self.api.get("vhost-limits"), [])

    def test_definitions_go_out_and_in(self):
        """rows: 433"""
        self.declare()
        definitions = self.api.get("definitions")
        self.assertEqual([queue["name"] for queue in definitions["queues"]], ["q"])
        with Broker() as other:
            api = Api(other)
            self.assertEqual(api.status("POST", "definitions", definitions), 204)
            self.assertEqual(api.get("queues/%2F/q")["durable"], True)


class Meanwhile(ManagementTest):
    def begin(self, path, user="guest", password="guest"):
        """Asks, and reads no more than the beginning of the answer."""
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        one = socket.socket()
        self.addCleanup(one.close)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        one.connect(("127.0.0.1", self.broker.ready["management_port"]))
        one.sendall(f"GET /api/{path} HTTP/1.0\r\nAuthorization: Basic {token}\r\n\r\n".encode())
        return one, one.recv(1000)

    def test_what_goes_while_a_list_is_on_its_way_spoils_no_answer(self):
        self.api.status("PUT", "vhosts/v")
        self.api.status("PUT", "users/u", {"password": "p", "tags": "administrator"})
        names = [f"{i:05}" + "x" * 100 for i in range(3000)]
        flags = {"vhost": "v", "durable": True, "auto_delete": False, "arguments": {}}
        self.assertEqual(self.api.status("POST", "definitions", {
            "permissions": [{"user": "u", "vhost": "v", "configure": "", "write": "", "read": ""}],
            "queues": [{"name": name, **flags} for name in names],
            "exchanges": [{"name": name, "type": "fanout", "internal": False, **flags} for name in names],
            "bindings": [{"source": name, "vhost": "v", "destination": name, "destination_type": "queue",
                          "routing_key": "", "arguments": {}} for name in names]}), 204)
        begun = [self.begin(path) for path in ("queues", "exchanges", "bindings/v", "queues/v?sort=messages")]
        begun.append(self.begin("queues/v", "u", "p"))
        for name in names[1000:2000:50]:
            self.assertEqual(self.api.status("DELETE", f"queues/v/{name}"), 204)
        self.assertEqual(self.api.status("DELETE", "users/u"), 204)
        self.assertEqual(self.api.status("DELETE", "vhosts/v"), 204)
        for one, octets in begun:
            octets += b"".join(iter(lambda: one.recv(65536), b""))
            self.assertLess(len(json.loads(octets.partition(b"\r\n\r\n")[2])), 3000)
        self.assertEqual(self.api.get("queues"), [])


class OtherSites(unittest.TestCase):
    def test_a_listed_site_may_use_the_api_and_no_other(self):
        with Broker("--set", "management.cors.allow_origins.1=https://hare.example",
                    "--set", "management.cors.max_age=60") as broker:
            api = Api(broker)
            asks = {"Origin": "https://hare.example", "Access-Control-Request-Headers": "authorization"}
            _, headers, _ = api.ask("OPTIONS", "queues", headers=asks)
            self.assertEqual((headers["access-control-allow-origin"], headers["access-control-max-age"],
                              headers["access-control-allow-headers"]),
                             ("https://hare.example", "60", "authorization"))
            self.assertIn("PUT", headers["access-control-allow-methods"])
            for origin, answer in (("https://hare.example", "https://hare.example"), ("https://fox.example", None)):
                _, headers, _ = api.ask("GET", "queues", headers={"Origin": origin})
                self.assertEqual(headers["access-control-allow-origin"], answer)

    def test_definitions_may_be_as_large_as_configured(self):
        with Broker("--set", "management.http.max_body_size=2000") as broker:
            self.assertEqual(Api(broker).status("POST", "definitions", b"{" + b" " * 1990 + b"}"), 204)
            self.assertEqual(Api(broker).status("POST", "definitions", b"{" + b" " * 2000 + b"}"), 413)


class Clients(ManagementTest):
    def test_connections_are_listed_and_closed_with_a_reason(self):
        """rows: 426"""
        client = Amqp(self.broker.port)
        self.addCleanup(client.close)
        connection, = self.api.get("connections")
        self.assertEqual((connection["user"], connection["vhost"], connection["state"],
                          connection["protocol"], connection["auth_mechanism"]),
                         ("guest", "/", "running", "AMQP 0-9-1", "PLAIN"))
        path = "connections/" + urllib.parse.quote(connection["name"], safe="")
        self.assertEqual(self.api.get(path)["name"], connection["name"])
        self.assertEqual(self.api.ask("DELETE", path, headers={"X-Reason": "spring cleaning"})[0], 204)
        with self.assertRaises(Refused) as closed:
            client.expect("nothing")
        self.assertIn("CONNECTION_FORCED - spring cleaning", str(closed.exception))
        self.assertEqual(self.api.get("connections"), [])

    def test_a_client_may_give_its_connection_a_name(self):
        """rows: 61"""
        client = Amqp(self.broker.port, properties=[(b"connection_name", ("S", b"the march hare"))])
        self.addCleanup(client.close)
        self.assertEqual(self.api.get("connections")[0]["user_provided_name"], "the march hare")

    def test_channels_and_consumers_are_listed(self):
        """rows: 427"""
        self.declare()
        client = Amqp(self.broker.port).open_channel()
        self.addCleanup(client.close)
        client.call(1, "basic.consume", queue=b"q", consumer_tag=b"tag")
        self.assertEqual([(item["number"], item["consumer_count"]) for item in self.api.get("channels")], [(1, 1)])
        consumer, = self.api.get("consumers/%2F")
        self.assertEqual((consumer["consumer_tag"], consumer["queue"], consumer["ack_required"],
                          consumer["active"], consumer["activity_status"]),
                         ("tag", {"name": "q", "vhost": "/"}, True, True, "up"))
        self.assertEqual(self.api.get("queues/%2F/q")["consumer_details"][0]["consumer_tag"], "tag")


class Node(ManagementTest):
    def test_the_overview(self):
        """rows: 425"""
        self.declare()
        self.publish("x")
        overview = self.api.get("overview")
        self.assertEqual(overview["rabbitmq_version"], "4.3.5")
        self.assertEqual(overview["object_totals"]["queues"], 1)
        self.assertEqual(overview["queue_totals"]["messages"], 1)
        self.assertEqual(overview["message_stats"]["publish"], 1)
        for key in ("management_version", "rates_mode", "exchange_types", "product_name", "cluster_name",
                    "erlang_version", "churn_rates", "node", "listeners", "contexts", "disable_stats"):
            self.assertIn(key, overview)
        node, = self.api.get("nodes")
        self.assertEqual((node["name"], node["running"], node["mem_alarm"]), (overview["node"], True, False))

    def test_health_checks(self):
        """rows: 431 432"""
        for path in ("alarms", "local-alarms", "virtual-hosts", "node-is-quorum-critical",
                     f"port-listener/{self.broker.port}", "protocol-listener/amqp091"):
            with self.subTest(path):
                self.assertEqual(self.api.get(f"health/checks/{path}")["status"], "ok")
        status, _, body = self.api.ask("GET", "health/checks/port-listener/1")
        self.assertEqual((status, body["status"], body["reason"], body["missing"]),
                         (503, "failed", "No active listener", 1))
        url = urllib.request.Request(self.api.root + "aliveness-test/%2F", headers=self.api.headers)
        with urllib.request.urlopen(url, timeout=process.PATIENCE) as answer:
            self.assertEqual(answer.read(), b'{"status":"ok"}')

    def test_an_alarm_fails_the_check(self):
        with Broker("--set", "vm_memory_high_watermark.absolute=1") as broker:
            status, _, body = Api(broker).ask("GET", "health/checks/alarms")
            self.assertEqual((status, body["alarms"][0]["resource"]), (503, "memory"))

    def test_an_alarm_does_not_hold_publishes_over_http(self):
        """As in RabbitMQ, where they come from inside the node (rabbitmq-server, issue 1986)."""
        with Broker("--set", "vm_memory_high_watermark.absolute=1") as broker:
            api = Api(broker)
            api.ask("PUT", "queues/%2F/q", {})
            message = {"routing_key": "q", "payload": "x", "payload_encoding": "string", "properties": {}}
            self.assertEqual(api.ask("POST", "exchanges/%2F/amq.default/publish", message)[::2],
                             (200, {"routed": True}))
            self.assertEqual(api.get("queues/%2F/q")["messages"], 1)

    def test_the_cluster_has_a_name(self):
        """rows: 435"""
        self.assertRegex(self.api.get("cluster-name")["name"], "^rabbit@")
        self.assertEqual(self.api.status("PUT", "cluster-name", {"name": "warren"}), 204)
        self.assertEqual(self.api.get("cluster-name"), {"name": "warren"})

    def test_feature_flags(self):
        """rows: 436"""
        flags = {flag["name"]: flag["state"] for flag in self.api.get("feature-flags")}
        self.assertEqual((flags["stream_queue"], flags["quorum_queue"]), ("enabled", "enabled"))

    def test_other_methods_are_405_and_too_much_is_413(self):
        self.assertEqual(self.api.status("POST", "queues"), 405)
        self.assertEqual(self.api.status("PUT", "queues/%2F/q", b"[]"), 400)
        self.assertEqual(self.api.status("PUT", "queues/%2F/q", b"{" + b" " * (1 << 20) + b"}"), 413)

    def test_the_ports_of_the_api_go_along_with_the_port(self):
        """rows: 439"""
        log = self.broker.stop() or self.broker.log
        self.assertIn(f"Management plugin: HTTP (non-TLS) listener started on port "
                      f"{self.broker.ready['management_port']}", log)
        self.assertIn(" * rabbitmq_management", log)


class Tls(unittest.TestCase):
    """API and metrics over TLS."""

    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.room = Room(place.name).make_usual()
        self.port, self.metrics_port = process.free_port(), process.free_port()
        options = []
        for prefix, port in (("management.ssl", self.port), ("prometheus.ssl", self.metrics_port)):
            options += ["--set", f"{prefix}.port={port}", "--set", f"{prefix}.ip=127.0.0.1",
                        "--set", f"{prefix}.certfile={self.room.certificate('server')}",
                        "--set", f"{prefix}.keyfile={self.room.key('server')}"]
        self.broker = Broker(*options)
        self.addCleanup(self.broker.__exit__)
        self.context = ssl.create_default_context(cafile=self.room.certificate("ca"))

    def connect(self, port=None):
        connection = http.client.HTTPSConnection("localhost", port or self.port, timeout=process.PATIENCE, context=self.context)
        self.addCleanup(connection.close)
        return connection

    def ask(self, connection, method, path, body=None):
        connection.request(method, path, body and json.dumps(body).encode(),
                           {"Authorization": "Basic " + base64.b64encode(b"guest:guest").decode()})
        answer = connection.getresponse()
        return answer.status, decode(answer.read())

    def test_many_requests_on_a_connection(self):
        connection = self.connect()
        listeners = {row["protocol"] for row in self.ask(connection, "GET", "/api/overview")[1]["listeners"]}
        self.assertEqual(listeners, {"amqp", "https", "https/prometheus"})
        queues = [{"name": f"q{i}", "vhost": "/", "durable": True, "auto_delete": False, "arguments": {}}
                  for i in range(3000)]
        self.assertEqual(self.ask(connection, "POST", "/api/definitions", {"queues": queues})[0], 204)
        for _ in range(3):
            self.assertEqual(len(self.ask(connection, "GET", "/api/queues")[1]), 3000)
        payload = "x" * 3_000_000
        self.assertEqual(self.ask(connection, "POST", "/api/exchanges/%2F/amq.default/publish",
                                  {"routing_key": "q1", "properties": {}, "payload": payload,
                                   "payload_encoding": "string"})[1], {"routed": True})
        _, messages = self.ask(connection, "POST", "/api/queues/%2F/q1/get",
                               {"count": 1, "ackmode": "ack_requeue_false", "encoding": "auto"})
        self.assertEqual(messages[0]["payload"], payload)

    def test_metrics(self):
        connection = self.connect(self.metrics_port)
        connection.request("GET", "/metrics")
        self.assertIn(b"rabbitmq_identity_info", connection.getresponse().read())

    def test_who_does_not_read_stops_nobody(self):
        connection = self.connect()
        queues = [{"name": f"q{i}", "vhost": "/", "durable": True, "auto_delete": False, "arguments": {}}
                  for i in range(3000)]
        self.ask(connection, "POST", "/api/definitions", {"queues": queues})
        stalled = self.connect()
        stalled.connect()
        stalled.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        stalled.request("GET", "/api/queues", headers={"Authorization": "Basic Z3Vlc3Q6Z3Vlc3Q="})
        self.assertEqual(self.ask(connection, "GET", "/api/whoami")[0], 200)
        self.assertEqual(len(decode(stalled.getresponse().read())), 3000)

    def test_both_ends_may_end_it(self):
        folder = f"/proc/{self.broker.process.pid}/fd"
        self.ask(self.connect(), "GET", "/api/whoami")
        plain = socket.create_connection(("127.0.0.1", self.port))
        plain.sendall(b"GET / HTTP/1.1\r\n\r\n")
        self.assertNotIn(b"HTTP", plain.recv(100))
        plain.close()
        before = self.connect()
        self.ask(before, "GET", "/api/whoami")
        many = [self.connect() for _ in range(5)]
        for connection in many:
            self.ask(connection, "GET", "/api/whoami")
        held = len(os.listdir(folder))
        for connection in many:
            connection.close()
        process.wait_until(lambda: len(os.listdir(folder)) <= held - 3 * len(many), "their descriptors")
        self.assertEqual(self.ask(before, "GET", "/api/whoami")[0], 200)
        self.broker.stop()
        self.assertEqual(self.broker.process.returncode, 0)

    def test_a_port_without_a_certificate_is_no_configuration(self):
        code, _, log = process.run("--config", "/dev/null", "--ephemeral", "--set", "management.ssl.port=0")
        self.assertEqual(code, 78)
        self.assertIn("management.ssl.certfile", log)


# drop-in C.6
NAMES = """
identity_info build_info erlang_uptime_seconds connections channels queues global_publishers global_consumers
queue_messages_ready queue_messages_unacked process_open_fds process_max_fds process_resident_memory_bytes
resident_memory_limit_bytes disk_space_available_bytes disk_space_available_limit_bytes
connections_opened_total connections_closed_total channels_opened_total channels_closed_total
queues_declared_total queues_created_total queues_deleted_total
consumers queue_messages queue_messages_ram queue_messages_persistent queue_messages_bytes queue_messages_ready_bytes
queue_messages_unacked_bytes queue_consumers queue_consumer_utilisation queue_consumer_capacity
queue_messages_published_total queue_process_memory_bytes queue_head_message_timestamp
channel_consumers channel_messages_unacked channel_messages_unconfirmed channel_prefetch consumer_prefetch
channel_messages_published_total channel_messages_confirmed_total channel_messages_unroutable_returned_total
channel_messages_unroutable_dropped_total channel_messages_delivered_total channel_messages_delivered_ack_total
channel_messages_redelivered_total channel_messages_acked_total channel_get_total channel_get_ack_total
channel_get_empty_total connection_incoming_bytes_total connection_outgoing_bytes_total
connection_incoming_packets_total connection_outgoing_packets_total connection_channels connection_pending_packets
process_open_tcp_sockets process_max_tcp_sockets erlang_processes_used erlang_processes_limit
alarms_memory_used_watermark alarms_free_disk_space_watermark alarms_file_descriptor_limit
auth_attempts_total auth_attempts_succeeded_total auth_attempts_failed_total
""".split()
BY_PROTOCOL = "received received_confirm confirmed routed unroutable_dropped unroutable_returned".split()
BY_TYPE = """delivered delivered_consume_auto_ack delivered_consume_manual_ack delivered_get_auto_ack
delivered_get_manual_ack get_empty redelivered acknowledged""".split()
DEAD_LETTERED = "confirmed delivery_limit expired maxlen rejected".split()
BOUNDS = ["100.0", "1000.0", "10000.0", "100000.0", "1e+06", "1e+07", "5e+07", "1e+08", "+Inf"]


class Metrics(ManagementTest):
    def test_every_name_the_dashboards_want_is_there(self):
        """rows: 437"""
        self.declare()
        self.publish("x" * 200)
        content_type, text = scrape(self.broker)
        self.assertEqual(content_type, "text/plain; version=0.0.4")
        for name in NAMES:
            self.assertRegex(text, rf"(?m)^rabbitmq_{name}(\{{.*\}})? \S+$")
        for name in BY_PROTOCOL:
            self.assertRegex(text, rf'(?m)^rabbitmq_global_messages_{name}_total{{protocol="amqp091"}} \d+$')
        for name in BY_TYPE:
            self.assertRegex(text, rf'(?m)^rabbitmq_global_messages_{name}_total'
                                   rf'{{protocol="amqp091",queue_type="rabbit_classic_queue"}} \d+$')
        for name in DEAD_LETTERED:
            self.assertRegex(text, rf'(?m)^rabbitmq_global_messages_dead_lettered_{name}_total'
                                   rf'{{queue_type="rabbit_quorum_queue",dead_letter_strategy="at_least_once"}} 0$')
        self.assertEqual(re.findall(r'message_size_bytes_bucket{protocol="amqp091",le="(.*?)"}', text), BOUNDS)
        self.assertIn('le="1000.0"} 1\n', text)
        identity = re.search(r"^rabbitmq_identity_info{(.*)} 1$", text, re.MULTILINE).group(1)
        for label in ("rabbitmq_node", "rabbitmq_cluster", "rabbitmq_cluster_permanent_id",
                      'rabbitmq_endpoint="aggregated"'):
            self.assertIn(label, identity)
        build = re.search(r"^rabbitmq_build_info{(.*)} 1$", text, re.MULTILINE).group(1)
        for label in ("rabbitmq_version", "erlang_version", "product_name", "product_version",
                      "prometheus_plugin_version", "prometheus_client_version"):
            self.assertRegex(build, rf'(^|,){label}="')
        for name in ("publishers", "consumers"):
            self.assertIn(f'rabbitmq_global_{name}{{protocol="amqp091"}}', text)
        self.assertIn("rabbitmq_queue_messages_ready 1\n", text)

    def test_latencies_are_counted_in_buckets(self):
        with tempfile.TemporaryDirectory() as folder, Broker(data_dir=folder) as broker:
            client = Amqp(broker.port).open_channel(confirm=True)
            self.addCleanup(client.close)
            client.declare_queue(b"q")
            for _ in range(3):
                client.publish(b"q", b"x")
                client.await_confirms(1)
            _, text = scrape(broker)
        for name, least in (("confirm", 3), ("journal_batch", 4), ("loop", 4)):
            buckets = re.findall(rf'(?m)^leveret_{name}_seconds_bucket{{le="(.*)"}} (\d+)$', text)
            self.assertEqual([bound for bound, _ in buckets],
                             ["5e-05", "0.0001", "0.00025", "0.0005", "0.001", "0.0025", "0.005", "0.01", "0.025",
                              "0.1", "0.5", "2.5", "+Inf"])
            counts = [int(count) for _, count in buckets]
            self.assertEqual(counts, sorted(counts))
            self.assertGreaterEqual(counts[-1], least, name)
            self.assertIn(f"leveret_{name}_seconds_count {counts[-1]}\n", text)
            total = float(re.search(rf"(?m)^leveret_{name}_seconds_sum (.*)$", text).group(1))
            self.assertTrue(0 < total < 60 * counts[-1], name)
        self.assertIn("leveret_confirm_seconds_count 3\n", text)

    def test_limits_that_were_reached_are_counted(self):
        client = Amqp(self.broker.port)
        self.addCleanup(client.close)
        client.open_channel()
        counted = r'(?m)^leveret_limit_reached_total{limit="max_message_size"} (\d+)$'
        before = int(re.search(counted, scrape(self.broker)[1]).group(1))
        client.send(1, "basic.publish", routing_key=b"nowhere")
        client.send_octets(struct.pack(">BHIHHQHB", 2, 1, 14, 60, 0, 1 << 28, 0, 0xce))
        process.wait_until(lambda: int(re.search(counted, scrape(self.broker)[1]).group(1)) == before + 1)

    def test_each_object_has_its_line(self):
        """rows: 438"""
        self.declare("a")
        self.declare("b%22c")
        self.publish("x", key="a")
        client = Amqp(self.broker.port).open_channel()
        self.addCleanup(client.close)
        _, text = scrape(self.broker, "metrics/per-object")
        self.assertIn('rabbitmq_queue_messages_ready{vhost="/",queue="a"} 1\n', text)
        self.assertIn('rabbitmq_queue_messages_ready{vhost="/",queue="b\\"c"} 0\n', text)
        self.assertRegex(text, r'rabbitmq_channel_consumers{channel="127.0.0.1:\d+ -> .* \(1\)"} 0\n')
        _, text = scrape(self.broker, "metrics/detailed?family=queue_coarse_metrics&vhost=%2F")
        self.assertIn('rabbitmq_detailed_queue_messages{vhost="/",queue="a"} 1\n', text)
        self.assertNotIn("rabbitmq_detailed_channel", text)
        self.assertNotIn("rabbitmq_detailed_queue_consumers", text)


if __name__ == "__main__":
    process.main()
