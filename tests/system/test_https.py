#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The TLS ports of the API and of the metrics: where they are, whose certificates, and how these change."""
import http.client
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import unittest

import process
from certificates import SERVER, Room
from process import BROKER, Broker

SERVICES = ("management.ssl", "prometheus.ssl")


class Https(unittest.TestCase):
    def setUp(self):
        place = tempfile.TemporaryDirectory()
        self.addCleanup(place.cleanup)
        self.room = Room(place.name).make_usual()
        for service in SERVICES:
            self.use("server", service)

    def files(self, service):
        return self.room.path(f"{service}-used.pem"), self.room.path(f"{service}-used.key")

    def use(self, name, service):
        """The service's files are those of that name from now on."""
        for source, used in zip((self.room.certificate(name), self.room.key(name)), self.files(service)):
            shutil.copy(source, used)

    def options(self):
        words = []
        for service in SERVICES:
            certificate, key = self.files(service)
            for line in (f"{service}.port=0", f"{service}.ip=127.0.0.1", f"{service}.certfile={certificate}",
                         f"{service}.keyfile={key}"):
                words += ["--set", line]
        return words

    def start(self):
        broker = Broker(*self.options())
        self.addCleanup(broker.__exit__)
        return broker

    def get(self, port, path):
        context = ssl.create_default_context(cafile=self.room.certificate("ca"))
        connection = http.client.HTTPSConnection("localhost", port, timeout=process.PATIENCE, context=context)
        try:
            connection.request("GET", path, headers={"Authorization": "Basic Z3Vlc3Q6Z3Vlc3Q="})
            return connection.getresponse().read()
        finally:
            connection.close()

    def serial(self, port):
        """Of the certificate that a new connection is shown."""
        context = ssl.create_default_context(cafile=self.room.certificate("ca"))
        with context.wrap_socket(socket.create_connection(("127.0.0.1", port)),
                                 server_hostname="localhost") as client:
            return client.getpeercert()["serialNumber"]

    def reload(self, broker):
        """True when everything was adopted."""
        os.kill(broker.process.pid, signal.SIGHUP)
        deadline = time.monotonic() + process.PATIENCE
        while time.monotonic() < deadline:
            broker.log_file.seek(self.read_to)
            lines = broker.log_file.read().decode().splitlines()
            for line in lines:
                if "were read again" in line or "certfile" in line or "used.pem" in line:
                    self.read_to = broker.log_file.seek(0, os.SEEK_END)
                    return "were read again" in line
            time.sleep(0.01)
        raise AssertionError("nothing was said of the reload")

    read_to = 0

    def test_the_ready_line_has_the_ports(self):
        broker = self.start()
        self.assertIn(b"Leveret", self.get(broker.ready["management_ssl_port"], "/"))
        self.assertIn(b"rabbitmq_identity_info", self.get(broker.ready["metrics_ssl_port"], "/metrics"))
        self.assertNotIn("management_port", broker.ready)  # as with RabbitMQ: TLS in place of the other
        with Broker() as plain:
            self.assertNotIn("management_ssl_port", plain.ready)

    def test_a_session_stays_on_tls(self):
        broker = self.start()
        context = ssl.create_default_context(cafile=self.room.certificate("ca"))
        connection = http.client.HTTPSConnection("localhost", broker.ready["management_ssl_port"],
                                                 timeout=process.PATIENCE, context=context)
        self.addCleanup(connection.close)
        connection.request("POST", "/api/login", "username=guest&password=guest",
                           {"Content-Type": "application/x-www-form-urlencoded"})
        answer = connection.getresponse()
        self.assertEqual((answer.status, answer.read()), (200, b'"ok"'))
        self.assertRegex(answer.headers["set-cookie"],
                         "^m=[0-9a-f]{64}; Path=/api; HttpOnly; SameSite=Strict; Secure$")

    def test_a_reload_takes_all_certificates_or_none(self):
        broker = self.start()
        api, metrics = broker.ready["management_ssl_port"], broker.ready["metrics_ssl_port"]
        old = self.serial(api)
        self.room.issue("next", "ca", SERVER)
        self.use("next", "management.ssl")
        certificate, _ = self.files("prometheus.ssl")
        with open(certificate, "w", encoding="ascii") as file:
            file.write("no certificate\n")
        self.assertFalse(self.reload(broker))
        self.assertEqual((self.serial(api), self.serial(metrics)), (old, old))
        self.use("next", "prometheus.ssl")
        self.assertTrue(self.reload(broker))
        self.assertNotEqual(self.serial(api), old)
        self.assertEqual(self.serial(api), self.serial(metrics))

    def test_stop_app_ends_it_and_start_app_begins_it_again(self):
        port, data = process.free_port(), self.room.path("data")
        broker = Broker(*self.options(), "--set", f"management.ssl.port={port}", data_dir=data)
        self.addCleanup(broker.__exit__)
        self.assertIn(b"guest", self.get(port, "/api/whoami"))
        context = ssl.create_default_context(cafile=self.room.certificate("ca"))
        with context.wrap_socket(process.connect("127.0.0.1", port), server_hostname="localhost") as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            self.assertIn(b"200 OK", client.recv(65536))
            self.command(data, "stop_app")
            with self.assertRaises(ConnectionRefusedError):
                process.connect("127.0.0.1", port)
            while client.recv(65536):
                pass
        self.command(data, "start_app")
        self.assertIn(b"guest", self.get(port, "/api/whoami"))

    def command(self, data, name):
        subprocess.run([os.path.join(os.path.dirname(os.path.abspath(BROKER)), "leveretctl"), "--data-dir", data, name],
                       timeout=process.PATIENCE, check=True)

    def test_an_end_that_is_near_is_warned_about(self):
        end = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + 10.5 * 86400))
        self.room.issue("ending", "ca", SERVER, end=end)
        broker = self.start()
        self.use("ending", "management.ssl")
        self.assertTrue(self.reload(broker))
        left = [line for line in self.get(broker.ready["metrics_ssl_port"], "/metrics").decode().splitlines()
                if line.startswith("leveret_certificate_expiry_seconds")]
        self.assertAlmostEqual(float(left[0].split()[1]), 10.5 * 86400, delta=600)
        broker.stop()
        self.assertIn("[warning] <0.9.0> TLS: a certificate of management.ssl expires in 10 days", broker.log)
        self.assertNotIn("prometheus.ssl expires", broker.log)

    def test_a_health_check_says_whether_they_last(self):
        end = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + 10.5 * 86400))
        self.room.issue("ending", "ca", SERVER, end=end)
        self.use("ending", "management.ssl")
        broker = self.start()
        check = "/api/health/checks/certificate-expiration"
        self.assertEqual(self.get(broker.ready["management_ssl_port"], f"{check}/10/days"), b'{"status":"ok"}')
        for within in ("11/days", "2/weeks", "1/months", "1/years"):
            answer = json.loads(self.get(broker.ready["management_ssl_port"], f"{check}/{within}"))
            self.assertEqual((answer["status"], answer["reason"]), ("failed", "Certificates expiring"))
            self.assertEqual([(one["protocol"], one["port"]) for one in answer["expired"]],
                             [("https", broker.ready["management_ssl_port"])])
        for within, reason in (("1/fortnights", "Time unit not recognised. Supported units: days, weeks, months, years."),
                               ("x/days", "Invalid expiration value."), ("12345678/days", "Invalid expiration value.")):
            self.assertEqual(json.loads(self.get(broker.ready["management_ssl_port"], f"{check}/{within}"))["reason"],
                             reason)

    def test_a_bad_certificate_is_told_before_the_start(self):
        certificate, _ = self.files("prometheus.ssl")
        os.remove(certificate)
        done = subprocess.run([BROKER, "--config", "/dev/null", "--check-config", *self.options()], timeout=process.PATIENCE,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 78)
        self.assertIn(certificate, done.stderr)


if __name__ == "__main__":
    process.main()
