#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the port of the API serves to browsers: pages, sessions, the description; and names that would be markup."""
import http.client
import json
import pathlib
import re
import subprocess
import tempfile
import unittest
import urllib.parse

import process
import test_management
from client import Amqp
from process import Broker

ROOT = pathlib.Path(__file__).resolve().parents[2]
POLICY = "default-src 'self'; frame-ancestors 'none'"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def fetch(broker, path, method="GET", body=None, headers=None):
    """As http.client has it: nothing is followed, nothing added."""
    connection = http.client.HTTPConnection("127.0.0.1", broker.ready["management_port"], timeout=process.PATIENCE)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


class Pages(unittest.TestCase):
    def setUp(self):
        self.broker = Broker()
        self.addCleanup(self.broker.__exit__)

    def test_the_first_page_says_what_this_is(self):
        status, headers, body = fetch(self.broker, "/")
        self.assertEqual((status, headers["content-type"]), (200, "text/html; charset=utf-8"))
        self.assertIn(b"Leveret", body)
        for link in re.findall(r'href="([^"]+)"', body.decode()):
            self.assertEqual(fetch(self.broker, f"/{link}")[0], 200, link)

    def test_no_page_has_a_script_or_can_be_framed(self):
        for path in ("/", "/api/index.html", "/cli/index.html", "/style.css", "/api/overview", "/nosuch"):
            _, headers, body = fetch(self.broker, path)
            self.assertEqual((headers["content-security-policy"], headers["x-content-type-options"]),
                             (POLICY, "nosniff"), path)
            self.assertIsNone(re.search(rb"<script|<style|style=|\bon\w+=|javascript:", body), path)

    def test_paths_are_those_of_rabbitmq(self):
        for path, there in (("/api", "/api/index.html"), ("/api/", "/api/index.html"), ("/cli", "/cli/index.html"),
                            ("/cli/", "/cli/index.html")):
            status, headers, _ = fetch(self.broker, path)
            self.assertEqual((status, headers["location"]), (301, there))
            self.assertEqual(fetch(self.broker, there)[0], 200)
        status, headers, _ = fetch(self.broker, "/", "POST")
        self.assertEqual((status, headers["allow"]), (405, "HEAD, GET, OPTIONS"))
        self.assertEqual(fetch(self.broker, "/", "OPTIONS")[0], 200)
        status, headers, body = fetch(self.broker, "/cli/rabbitmqadmin", "HEAD")
        self.assertEqual((status, headers["content-type"], body), (200, "application/octet-stream", b""))
        self.assertEqual(fetch(self.broker, "/nosuch")[2], b'{"error":"Object Not Found","reason":"Not Found"}')

    def test_pages_stand_below_the_prefix(self):
        with Broker("--set", "management.path_prefix=/tea") as broker:
            self.assertEqual(fetch(broker, "/")[0], 404)
            self.assertEqual(fetch(broker, "/tea/")[0], 200)
            self.assertEqual(fetch(broker, "/tea/api/")[1]["location"], "/tea/api/index.html")

    def test_the_description_is_served_to_anyone(self):
        status, headers, body = fetch(self.broker, "/api/openapi.json")
        self.assertEqual((status, headers["content-type"]), (200, "application/json"))
        self.assertEqual(body, (ROOT / "tools/install/openapi.json").read_bytes())

    def test_the_description_is_made_of_the_routes_there_are(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([ROOT / "tools/install/generate-openapi", folder], check=True, timeout=process.PATIENCE)
            for name in ("openapi.json", "api.html"):
                self.assertEqual((ROOT / "tools/install" / name).read_text(), (pathlib.Path(folder) / name).read_text(),
                                 "run tools/install/generate-openapi")


class Sessions(unittest.TestCase):
    def setUp(self):
        self.broker = Broker()
        self.addCleanup(self.broker.__exit__)
        self.api = test_management.Api(self.broker)

    def log_in(self, user="guest", password="guest", broker=None):
        """Status and cookie."""
        body = urllib.parse.urlencode({"username": user, "password": password})
        status, headers, answer = fetch(broker or self.broker, "/api/login", "POST", body, FORM)
        if status == 200:
            self.assertEqual(answer, b'"ok"')
        return status, headers["set-cookie"]

    def cookie(self, *who, **broker):
        status, cookie = self.log_in(*who, **broker)
        self.assertEqual(status, 200)
        return {"Cookie": cookie.split(";")[0]}

    def status(self, cookie, method="GET", path="/api/whoami", **headers):
        return fetch(self.broker, path, method, headers={**cookie, **headers})[0]

    def test_a_cookie_logs_in_and_tells_nothing(self):
        status, cookie = self.log_in()
        self.assertEqual(status, 200)
        self.assertRegex(cookie, "^m=[0-9a-f]{64}; Path=/api; HttpOnly; SameSite=Strict$")
        self.assertNotEqual(self.log_in()[1], cookie)
        answer = fetch(self.broker, "/api/whoami", headers={"Cookie": "a=b; " + cookie.split(";")[0]})
        self.assertEqual(json.loads(answer[2])["name"], "guest")

    def test_who_may_not_log_in_gets_no_cookie(self):
        self.api.status("PUT", "users/plain", {"password": "p", "tags": ""})
        for who in (("guest", "wrong"), ("nobody", "guest"), ("plain", "p"), ("", "")):
            self.assertEqual(self.log_in(*who), (401, None), who)
        self.assertEqual(fetch(self.broker, "/api/login", "POST", "", FORM)[0], 401)
        self.assertEqual(fetch(self.broker, "/api/login")[0], 405)
        for cookie in ("m=", "m=" + 64 * "0", "m=" + 65 * "0", "m", ";;;", "n=" + 64 * "0"):
            self.assertEqual(self.status({"Cookie": cookie}), 401, cookie)

    def test_signs_in_the_form_are_decoded(self):
        self.api.status("PUT", "users/a%26b", {"password": "p=+ &%", "tags": "management"})
        self.assertEqual(self.log_in("a&b", "p=+ &%")[0], 200)

    def test_another_site_cannot_change_anything_with_it(self):
        cookie = self.cookie()
        self.assertEqual(self.status(cookie, "PUT", "/api/vhosts/v"), 401)
        self.assertEqual(self.api.status("GET", "vhosts/v"), 404)
        self.assertEqual(self.status(cookie, "PUT", "/api/vhosts/v", **{"X-Requested-With": "page"}), 201)

    def test_a_session_ends(self):
        cookie, other = self.cookie(), self.cookie()
        self.assertEqual(self.status(cookie, "DELETE", "/api/login", **{"X-Requested-With": "page"}), 204)
        self.assertEqual((self.status(cookie), self.status(other)), (401, 200))

    def test_a_session_ends_with_its_password_or_user(self):
        self.api.status("PUT", "users/u", {"password": "p", "tags": "management"})
        cookie = self.cookie("u", "p")
        self.assertEqual(self.status(cookie), 200)
        self.api.status("PUT", "users/u", {"password": "q", "tags": "management"})
        self.assertEqual(self.status(cookie), 401)
        cookie = self.cookie("u", "q")
        self.api.status("DELETE", "users/u")
        self.assertEqual(self.status(cookie), 401)

    def test_a_user_has_so_many_sessions(self):
        self.api.status("PUT", "users/u", {"password": "p", "tags": "management"})
        others = self.cookie("u", "p")
        cookies = [self.cookie() for _ in range(16)]
        self.assertEqual(self.status(cookies[0]), 200)  # now cookies[1] is the one used longest ago
        self.cookie()
        self.assertEqual([self.status(cookie) for cookie in cookies[:3]], [200, 401, 200])
        self.assertEqual(self.status(others), 200)
        self.assertIn('leveret_limit_reached_total{limit="sessions"} 1', test_management.scrape(self.broker)[1])

    def test_a_slow_hash_logs_in_too(self):
        with Broker("--set", "password_hashing_module=leveret_password_hashing_pbkdf2_sha256") as broker:
            self.assertEqual(self.log_in(broker=broker)[0], 200)
            self.assertEqual(self.log_in("guest", "wrong", broker=broker)[0], 401)

    def test_which_ways_to_log_in_there_are(self):
        self.assertEqual(json.loads(fetch(self.broker, "/api/auth")[2]),
                         {"enable_uaa": False, "oauth_enabled": False, "uaa_client_id": "", "uaa_location": ""})


class Questions(unittest.TestCase):
    """What RabbitMQ answers beside its objects."""

    def test_logins_are_counted(self):
        with Broker() as broker:
            api = test_management.Api(broker)
            node = api.get("overview")["node"]
            with Amqp(broker.port):
                self.assertEqual(api.get(f"auth/attempts/{node}"),
                                 [{"protocol": "amqp091", "auth_attempts": 1, "auth_attempts_failed": 0,
                                   "auth_attempts_succeeded": 1}])
            self.assertEqual(api.get(f"auth/attempts/{node}/source"), [])
            self.assertEqual(api.status("GET", "auth/attempts/nosuch"), 404)

    def test_queues_in_detail_are_the_queues(self):
        with Broker() as broker:
            api = test_management.Api(broker)
            api.status("PUT", "queues/%2F/q", {})
            self.assertEqual(api.get("queues/detailed?columns=name"), [{"name": "q"}])

    def test_certificates_that_are_not_there_do_not_end(self):
        with Broker() as broker:
            self.assertEqual(test_management.Api(broker).ask("GET", "health/checks/certificate-expiration/9/years")[2],
                             {"status": "ok"})


# Markup, quotes, ends of JSON and of scripts, control characters, directions, traversal, formats, headers.
HOSTILE = [
    "<script>alert(1)</script>", "\"><script>alert(1)</script>", "'><img src=x onerror=alert(1)>", "</script><script>",
    "<svg/onload=alert(1)>", "javascript:alert(1)", "<iframe src=javascript:alert(1)>", "{{7*7}}", "${7*7}", "<%= 7*7 %>",
    "\"", "\\", "\\\"", "\\u003cscript\\u003e", "'", "`", "\",\"x\":\"", "\"}],\"", "]]>", "<!--", "--><b>", "&lt;b&gt;",
    "a\0b", "a\nb", "a\r\nSet-Cookie: x=y", "a\tb", "a\x01b", "a\x1b[31mb", "a\x7fb", "\u2028", "\u202ebcd", "\ufeff",
    "\U0001f407", "%s%s%n", "%00", "%2e%2e%2f", "../../etc/passwd", "..\\..", "a;b,c d", "*#.[a-z]+(",
]


def key_of(name):
    """No key of an object in a body may have a NUL."""
    return name.replace("\0", "NUL")


def cleaned(name):
    """As queues and exchanges are called: without the ends of lines."""
    return name.replace("\r", "").replace("\n", "")


class HostileNames(unittest.TestCase):
    """A5: whatever clients name things, answers are JSON that says exactly that, and no page shows any of it."""

    def setUp(self):
        self.broker = Broker()
        self.addCleanup(self.broker.__exit__)
        self.api = test_management.Api(self.broker)
        self.assertEqual(len(HOSTILE), 40)

    def raw(self, path):
        status, headers, body = fetch(self.broker, f"/api/{path}", headers=self.api.headers)
        self.assertEqual((status, headers["content-type"]), (200, "application/json"), path)
        self.assertIsNone(re.search(rb"[\x00-\x1f\x7f]", body.replace(b"\x7f", b"")), path)
        return json.loads(body)

    def names(self, path, key="name"):
        return {item[key] for item in self.raw(path)}

    def declare_all(self):
        for name in HOSTILE:
            part = urllib.parse.quote(name, safe="")
            for path, body in ((f"queues/%2F/{part}", {}), (f"exchanges/%2F/{part}", {"type": "fanout"}),
                               (f"vhosts/{part}", {"description": name}),
                               (f"users/{part}", {"password": "p", "tags": "management"}),
                               (f"policies/%2F/{part}", {"pattern": "^$", "definition": {"max-length": 1}}),
                               (f"permissions/%2F/{part}", {"configure": ".*", "write": ".*", "read": ".*"})):
                self.assertEqual(self.api.status("PUT", path, body), 201, path)
            binding = {"routing_key": name, "arguments": {key_of(name): name}}
            self.assertEqual(self.api.status("POST", f"bindings/%2F/e/{part}/q/{part}", binding), 201)

    def test_names_come_back_as_they_were_given(self):
        self.declare_all()
        for path in ("queues", "exchanges", "vhosts", "users", "policies", "queues/%2F?page=1&page_size=500&sort=name",
                     "exchanges?columns=name&sort=name"):
            body = self.raw(path)
            names = {item["name"] for item in (body["items"] if isinstance(body, dict) else body)}
            given = {cleaned(name) for name in HOSTILE} if path[:2] in ("qu", "ex") else set(HOSTILE)
            self.assertLessEqual(given, names, path)
        self.assertLessEqual(set(HOSTILE), self.names("bindings", "routing_key"))
        self.assertLessEqual(set(HOSTILE), self.names("permissions", "user"))
        for name in HOSTILE:
            self.assertEqual(self.raw(f"users/{urllib.parse.quote(name, safe='')}")["name"], name)
            part = urllib.parse.quote(cleaned(name), safe="")
            self.assertEqual(self.raw(f"queues/%2F/{part}")["name"], cleaned(name))
            self.assertEqual(self.raw(f"exchanges/%2F/{part}")["name"], cleaned(name))
            for binding in self.raw(f"bindings/%2F/e/{part}/q/{part}"):
                key = urllib.parse.quote(binding["properties_key"], safe="")
                self.assertEqual(self.raw(f"bindings/%2F/e/{part}/q/{part}/{key}")["arguments"],
                                 {key_of(name): name})
        exported = self.raw("definitions")
        self.assertEqual({cleaned(name) for name in HOSTILE}, {queue["name"] for queue in exported["queues"]})
        self.assert_pages_show_nothing()

    def test_what_clients_say_of_themselves(self):
        with Amqp(self.broker.port) as client:
            client.open_channel()
            client.declare_queue(b"q")
            for name in HOSTILE:
                client.call(1, "basic.consume", queue=b"q", consumer_tag=name.encode())
            self.assertEqual(self.names("consumers", "consumer_tag"), set(HOSTILE))
        for name in HOSTILE:
            said = [(key, ("S", name.encode())) for key in (b"connection_name", name.encode())]
            with Amqp(self.broker.port, properties=said):
                shown = [one["client_properties"] for one in self.raw("connections")]
                self.assertEqual([(one["connection_name"], one[name]) for one in shown if name in one], [(name, name)])
        self.assert_pages_show_nothing()

    def assert_pages_show_nothing(self):
        with Broker() as empty:
            for path in ("/", "/api/index.html", "/cli/index.html"):
                self.assertEqual(fetch(self.broker, path)[2], fetch(empty, path)[2])


if __name__ == "__main__":
    process.main()
