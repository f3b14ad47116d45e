#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""TLS on the real port: versions, certificates of both sides, reloading, refusals to start, PROXY."""
import os
import signal
import socket
import ssl
import struct
import subprocess
import tempfile
import time
import unittest

import process
from certificates import CLIENT, SERVER, Room
from process import Broker, Client, run

ROOM = None
BAD = None


def setUpModule():
    global ROOM, BAD
    directory = tempfile.TemporaryDirectory()
    unittest.addModuleCleanup(directory.cleanup)
    ROOM = Room(directory.name).make_usual()
    BAD = ROOM.make_bad_clients()


def options(certificate="server", **others):
    """--set options for a TLS listener on a free port."""
    keys = {"listeners.ssl.default": "127.0.0.1:0", "ssl_options.certfile": ROOM.certificate(certificate),
            "ssl_options.keyfile": ROOM.key(certificate), "ssl_options.cacertfile": ROOM.certificate("ca")}
    keys.update({name.replace("__", "."): value for name, value in others.items()})
    return [word for name, value in keys.items() if value is not None
            for word in ("--set", f"{name}={value}")]


def verify_peer(**others):
    return options(ssl_options__verify="verify_peer", ssl_options__fail_if_no_peer_cert="true",
                   ssl_options__depth="1", **others)


def context(certificate=None, version=None):
    made = ssl.create_default_context(cafile=ROOM.certificate("ca"))
    made.set_ciphers("DEFAULT@SECLEVEL=0")  # the weak ones must be refused by the broker, not here
    if certificate:
        made.load_cert_chain(ROOM.certificate(certificate), ROOM.key(certificate))
    if version:
        made.minimum_version = made.maximum_version = version
    return made


class TlsClient(Client):
    def __init__(self, broker, context, name="localhost", before=b"", session=None):
        plain = socket.create_connection((broker.address, broker.ready["amqps_port"]),
                                         timeout=process.PATIENCE)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        plain.sendall(before)
        self.socket = context.wrap_socket(plain, server_hostname=name, session=session)
        self.unread = b""

    def is_refused(self):
        """TLS 1.3 tells of a refused certificate with the first octets that come."""
        try:
            self.socket.sendall(b"AMQP\0\0\x09\x01")
            return self.socket.recv(10) == b""
        except (ssl.SSLError, ConnectionError):
            return True


def is_refused(broker, certificate, version=None):
    try:
        with TlsClient(broker, context(certificate, version)) as client:
            return client.is_refused()
    except (ssl.SSLError, ConnectionError):
        return True


def names_of(broker, server_name, version=None):
    """The subject alternative names of the certificate that a client is shown."""
    with TlsClient(broker, context(version=version), server_name) as client:
        return [value for _, value in client.socket.getpeercert()["subjectAltName"]]


class Versions(unittest.TestCase):
    def test_messages_go_both_ways_in_both_versions(self):
        with Broker(*options()) as broker:
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                with TlsClient(broker, context(version=version)) as client:
                    client.login().open_channel()
                    client.declare_queue("q")
                    for size in (0, 1, 16384, 16385, 1000000):
                        body = os.urandom(size)
                        client.publish("q", body)
                        self.assertEqual(client.get("q"), body)
            self.assertEqual(broker.stop(), 0)
            self.assertIn("started TLS (SSL) listener on 127.0.0.1:", broker.log)

    def test_only_what_is_configured_is_spoken(self):
        with Broker(*options(ssl_options__versions__1="tlsv1.2")) as broker:
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                TlsClient(broker, context(version=ssl.TLSVersion.TLSv1_3))
            TlsClient(broker, context(version=ssl.TLSVersion.TLSv1_2)).login().close()
        with Broker(*options(ssl_options__ciphers__1="TLS_CHACHA20_POLY1305_SHA256")) as broker:
            with TlsClient(broker, context()) as client:
                self.assertEqual(client.socket.cipher()[0], "TLS_CHACHA20_POLY1305_SHA256")
            with self.assertRaises((ssl.SSLError, ConnectionError)):
                TlsClient(broker, context(version=ssl.TLSVersion.TLSv1_2))

    def test_a_session_is_resumed(self):
        with Broker(*verify_peer()) as broker:
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                shared = context("client", version)
                with TlsClient(broker, shared) as client:
                    client.login()  # a ticket of TLS 1.3 comes with the first octets
                    session = client.socket.session
                with TlsClient(broker, shared, session=session) as client:
                    client.login()
                    self.assertTrue(client.socket.session_reused)

    def test_the_port_for_any_interface_is_logged_as_tools_expect(self):
        with Broker(*options(listeners__ssl__default="0")) as broker:
            if not socket.has_ipv6:
                self.skipTest("this machine has no IPv6")
            self.assertEqual(broker.stop(), 0)
            self.assertIn(f"started TLS (SSL) listener on [::]:{broker.ready['amqps_port']}\n", broker.log)

    def test_tls_may_be_all_there_is(self):
        configuration = ROOM.write("only.conf", "listeners.tcp = none\n")
        command = [process.BROKER, "--ephemeral", "--json", "--config", configuration, *options()]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as broker:
            line = broker.stdout.readline()
            broker.terminate()
            self.assertNotIn(b'"amqp_port"', line)
            self.assertIn(b'"amqps":"amqps://', line)
            self.assertEqual(broker.wait(timeout=process.PATIENCE), 0)


class Peers(unittest.TestCase):
    def test_bad_certificates_are_refused(self):
        self.assertGreaterEqual(len(BAD), 12)
        with Broker(*verify_peer()) as broker:
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                TlsClient(broker, context("client", version)).login().close()
                for certificate, why in [(None, "there is none"), *BAD.items()]:
                    self.assertTrue(is_refused(broker, certificate, version), why)

    def test_without_verification_nobody_is_asked(self):
        with Broker(*options()) as broker:
            for certificate in (None, "client", "self-signed"):
                TlsClient(broker, context(certificate)).login().close()

    def test_a_certificate_may_be_optional(self):
        with Broker(*options(ssl_options__verify="verify_peer")) as broker:
            for certificate in (None, "client"):
                TlsClient(broker, context(certificate)).login().close()
            self.assertTrue(is_refused(broker, "self-signed"))

    def test_the_failure_is_in_the_log(self):
        with Broker(*verify_peer()) as broker:
            is_refused(broker, "expired")
            is_refused(broker, None)
            self.assertEqual(broker.stop(), 0)
            self.assertIn("failed: certificate has expired", broker.log)
            self.assertIn("failed: peer did not return a certificate", broker.log)


def login_external(client):
    """connection.start-ok with EXTERNAL, from a client that has a certificate or not."""
    client.socket.sendall(b"AMQP\0\0\x09\x01")
    mechanisms = client.expect(0, 10, 10)
    client.send(0, 10, 11, struct.pack(">I", 0) + process.shortstr("EXTERNAL") + struct.pack(">I", 0) +
                process.shortstr("en_US"))
    return mechanisms


class External(unittest.TestCase):
    """rows: 10 444"""

    mechanisms = {"auth_mechanisms__1": "PLAIN", "auth_mechanisms__2": "EXTERNAL"}

    def logs_in(self, client):
        self.assertIn(b"PLAIN EXTERNAL", login_external(client))
        try:
            client.expect(0, 10, 30)
            return True
        except (AssertionError, EOFError, ConnectionError):
            return False

    def test_the_certificate_names_the_user(self):
        """rows: 444"""
        for login_from, user in (("distinguished_name", "CN=client,O=Example"), ("common_name", "client")):
            with Broker(*options(ssl_options__verify="verify_peer", ssl_cert_login_from=login_from,
                                 default_user=user, **self.mechanisms)) as broker:
                with TlsClient(broker, context("client")) as client:
                    self.assertTrue(self.logs_in(client))
                with TlsClient(broker, context()) as client:
                    self.assertFalse(self.logs_in(client))
                ROOM.issue("stranger", "ca", CLIENT)
                with TlsClient(broker, context("stranger")) as client:
                    self.assertFalse(self.logs_in(client))

    def test_an_unverified_certificate_names_nobody(self):
        """rows: 444"""
        with Broker(*options(ssl_cert_login_from="common_name", default_user="client",
                             **self.mechanisms)) as broker:
            with TlsClient(broker, context("client")) as client:
                self.assertFalse(self.logs_in(client))

    def test_it_is_offered_with_tls_only(self):
        """rows: 10"""
        with Broker(*options(**self.mechanisms)) as broker, Client(broker) as client:
            client.socket.sendall(b"AMQP\0\0\x09\x01")
            self.assertNotIn(b"EXTERNAL", client.expect(0, 10, 10))


class Names(unittest.TestCase):
    def test_each_name_gets_its_certificate(self):
        ROOM.issue("inner", "ca", SERVER.replace("DNS:localhost", "DNS:rabbit.inner"))
        ROOM.issue("wild", "ca", SERVER.replace("DNS:localhost", "DNS:*.example.org"))
        named = {f"leveret__ssl_options__sni__{word}__{kind}file": path
                 for word, name in (("a", "inner"), ("b", "wild"))
                 for kind, path in (("cert", ROOM.certificate(name)), ("key", ROOM.key(name)))}
        with Broker(*options(**named)) as broker:
            self.assertIn("localhost", names_of(broker, "localhost"))
            for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
                self.assertIn("rabbit.inner", names_of(broker, "rabbit.inner", version))
                self.assertIn("*.example.org", names_of(broker, "a.example.org", version))


class Reload(unittest.TestCase):
    def setUp(self):
        for end in (".pem", ".key"):
            ROOM.write("live" + end, ROOM.read("server" + end))
        ROOM.issue("fresh", "ca", SERVER.replace("DNS:localhost", "DNS:localhost,DNS:fresh"))

    def replace(self, name):
        for end in (".pem", ".key"):
            os.replace(ROOM.write("next" + end, ROOM.read(name + end)), ROOM.path("live" + end))

    def test_new_connections_see_the_new_certificate(self):
        with Broker(*options("live")) as broker, TlsClient(broker, context()) as old:
            old.login().open_channel()
            self.replace("fresh")
            self.assertNotIn("fresh", names_of(broker, "localhost"))
            broker.process.send_signal(signal.SIGHUP)
            process.wait_until(lambda: "fresh" in names_of(broker, "localhost"))
            old.declare_queue("q")  # the connection of before goes on

    def test_a_broken_certificate_changes_nothing(self):
        with Broker(*options("live")) as broker, TlsClient(broker, context()) as old:
            old.login().open_channel()
            self.replace("fresh")
            ROOM.write("live.key", ROOM.read("client.key"))
            broker.process.send_signal(signal.SIGHUP)
            old.declare_queue("q")
            self.assertNotIn("fresh", names_of(broker, "localhost"))
            self.assertEqual(broker.stop(), 0)
            self.assertIn("key values mismatch; everything stays as it was", broker.log)


class Refusals(unittest.TestCase):
    def refuse(self, sentence, **others):
        code, _, errors = run("--ephemeral", "--port", "0", *options(**others))
        self.assertEqual(code, 78, errors)
        self.assertIn(sentence, errors)

    def test_what_cannot_work_is_78_with_the_key_and_the_file(self):
        ROOM.write("empty.pem", "")
        self.refuse(f"ssl_options.keyfile = {ROOM.key('client')}: key values mismatch",
                    ssl_options__keyfile=ROOM.key("client"))
        self.refuse("ssl_options.certfile = " + ROOM.path("empty.pem"),
                    ssl_options__certfile=ROOM.path("empty.pem"))
        self.refuse("ssl_options.certfile", ssl_options__certfile=ROOM.path("missing.pem"))
        self.refuse("ssl_options.cacertfile = " + ROOM.path("empty.pem"),
                    ssl_options__cacertfile=ROOM.path("empty.pem"))
        self.refuse("needs ssl_options.cacertfile", ssl_options__cacertfile=None,
                    ssl_options__verify="verify_peer")
        self.refuse("ssl_options.fail_if_no_peer_cert = true needs ssl_options.verify = verify_peer",
                    ssl_options__fail_if_no_peer_cert="true")
        self.refuse("ssl_options.ciphers = NONSENSE", ssl_options__ciphers__1="NONSENSE")
        self.refuse("none for the versions", ssl_options__ciphers__1="TLS_AES_128_GCM_SHA256",
                    ssl_options__versions__1="tlsv1.2")
        self.refuse("tlsv1.2 or tlsv1.3", ssl_options__versions__1="tlsv1.1")
        self.refuse("ssl_options.certfile", ssl_options__certfile=None)

    def test_a_password_opens_the_key_and_is_not_shown(self):
        subprocess.run(["openssl", "ec", "-in", ROOM.key("server"), "-aes256", "-passout", "pass:sesame",
                        "-out", ROOM.path("locked.key")], check=True, capture_output=True)
        locked = {"ssl_options__keyfile": ROOM.path("locked.key")}
        with Broker(*options(ssl_options__password="sesame", **locked)) as broker:
            TlsClient(broker, context()).login().close()
        code, _, errors = run("--ephemeral", "--port", "0",
                              *options(ssl_options__password="wrong-canary", **locked))
        self.assertEqual(code, 78)
        self.assertIn("locked.key", errors)
        self.assertNotIn("canary", errors)

    def test_an_end_that_is_near_is_warned_about(self):
        end = time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + 10.5 * 86400))
        ROOM.issue("ending", "ca", SERVER, end=end)
        for name, sentence in (("ending", "[warning] <0.9.0> TLS: a certificate expires in 10 days"),
                               ("expired-server", "[error] <0.9.0> TLS: a certificate expired")):
            if name == "expired-server":
                ROOM.issue(name, "ca", SERVER, end="20210101000000Z")
            with Broker(*options(name)) as broker:
                broker.stop()
                self.assertIn(sentence, broker.log)


class Deadlines(unittest.TestCase):
    def test_a_handshake_that_trickles_ends_in_time(self):
        with Broker(*options(ssl_handshake_timeout="1000")) as broker:
            started = time.monotonic()
            plain = socket.create_connection((broker.address, broker.ready["amqps_port"]))
            plain.settimeout(0.1)
            closed = False
            while not closed and time.monotonic() - started < process.PATIENCE:
                try:
                    plain.send(b"\x16"[:1] if time.monotonic() - started < 0.1 else b"\x03")
                    closed = plain.recv(1) == b""
                except socket.timeout:
                    pass
                except ConnectionError:
                    closed = True
            self.assertTrue(closed)
            plain.close()

    def test_silence_is_closed_after_the_handshake_deadline(self):
        with Broker(*options(ssl_handshake_timeout="500")) as broker:
            with socket.create_connection((broker.address, broker.ready["amqps_port"]),
                                          timeout=process.PATIENCE) as plain:
                started = time.monotonic()
                self.assertEqual(plain.recv(1), b"")
                self.assertGreater(time.monotonic() - started, 0.4)
            self.assertEqual(broker.stop(), 0)
            self.assertIn("it took too long", broker.log)


class LiveDeadline(unittest.TestCase):
    def test_the_deadline_is_read_again(self):
        path = ROOM.write("deadline.conf", "ssl_handshake_timeout = 60000\n")
        with Broker("--config", path, *options()) as broker:
            ROOM.write("deadline.conf", "ssl_handshake_timeout = 300\n")
            broker.process.send_signal(signal.SIGHUP)

            def closed_soon():
                with socket.create_connection((broker.address, broker.ready["amqps_port"]), timeout=2) as plain:
                    try:
                        return plain.recv(1) == b""
                    except socket.timeout:
                        return False
            process.wait_until(closed_soon)


V2_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"


def v1(source="203.0.113.7", port=50000):
    return f"PROXY TCP4 {source} 192.0.2.1 {port} 5671\r\n".encode()


def v2(source="203.0.113.7", port=50000, command=0x21):
    addresses = socket.inet_aton(source) + socket.inet_aton("192.0.2.1") + struct.pack(">HH", port, 5671)
    return V2_SIGNATURE + bytes([command, 0x11]) + struct.pack(">H", len(addresses)) + addresses


class Proxies(unittest.TestCase):
    listed = ["--set", "proxy_protocol=true", "--set", "leveret.proxy_protocol.sources.1=127.0.0.0/8"]

    def test_the_conveyed_address_is_the_peers(self):
        with Broker(*self.listed, *options()) as broker:
            for header in (v1("127.0.0.9"), v2("127.0.0.9")):
                client = Client(broker)
                client.socket.sendall(header)
                client.login().close()
                TlsClient(broker, context(), before=header).login().close()
            self.assertEqual(broker.stop(), 0)
            self.assertEqual(broker.log.count("accepting AMQP connection 127.0.0.9:50000 -> "
                                              "192.0.2.1:5671"), 4)

    def refused(self, broker, header):
        client = Client(broker)
        client.socket.sendall(header)
        try:
            client.login()
        except (EOFError, ConnectionError, AssertionError):
            return True
        finally:
            client.close()
        return False

    def test_guest_is_no_local_user_through_a_proxy(self):
        with Broker(*self.listed) as broker:
            for header in (v1(), v2(), b"PROXY UNKNOWN\r\n"):
                self.assertTrue(self.refused(broker, header), header)
            self.assertFalse(self.refused(broker, v2(command=0x20)))    # the proxy's own check

    def test_nonsense_is_refused(self):
        with Broker(*self.listed) as broker:
            for header in (b"AMQP\0\0\x09\x01", b"PROXY TCP4 a b c d\r\n", b"PROXY " + b"x" * 200,
                           V2_SIGNATURE + b"\x21\x11\xff\xff", v2(command=0x33)):
                self.assertTrue(self.refused(broker, header), header)

    def test_a_header_may_trickle(self):
        with Broker(*self.listed) as broker:
            client = Client(broker)
            client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for octet in v2("127.0.0.1"):
                client.socket.sendall(bytes([octet]))
            client.login().close()

    def test_others_are_what_they_are(self):
        with Broker("--set", "proxy_protocol=true", "--set",
                    "leveret.proxy_protocol.sources.1=10.0.0.0/8") as broker:
            Client(broker).login().close()
            self.assertTrue(self.refused(broker, v1("127.0.0.1")))

    def test_without_a_list_it_does_not_start(self):
        code, _, errors = run("--ephemeral", "--port", "0", "--set", "proxy_protocol=true")
        self.assertEqual(code, 78)
        self.assertIn("leveret.proxy_protocol.sources", errors)
        code, _, errors = run("--ephemeral", "--port", "0", *self.listed[:3],
                              "leveret.proxy_protocol.sources.1=10.0.0.0/99")
        self.assertEqual(code, 78)
        self.assertIn("expected an address", errors)


if __name__ == "__main__":
    process.main()
