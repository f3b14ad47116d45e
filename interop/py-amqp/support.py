# SPDX-License-Identifier: Apache-2.0
"""A connection and a consumer that collects."""

import contextlib
import os
import socket
import ssl
import urllib.parse

import amqp

import tap


def tls_settings(url):
    """None for amqp://."""
    if url.scheme != "amqps":
        return None
    return {"ca_certs": os.environ["AMQP_CA"], "cert_reqs": ssl.CERT_REQUIRED,
            "server_hostname": url.hostname}


def connect(**parameters):
    """A new connection; it negotiates and logs in."""
    url = urllib.parse.urlsplit(tap.URL)
    settings = {
        "host": f"{url.hostname}:{url.port or 5672}",
        "userid": url.username,
        "password": url.password,
        "virtual_host": "/",
        "connect_timeout": tap.WAIT_SECONDS,
        "ssl": tls_settings(url),
    }
    opened = amqp.Connection(**{**settings, **parameters})
    opened.connect()
    return opened


@contextlib.contextmanager
def connection(**parameters):
    """A connection that is closed at the end, if it is still open then."""
    opened = connect(**parameters)
    try:
        yield opened
    finally:
        if opened.connected:
            opened.close()


def drain(opened, condition, what):
    """Lets the connection take events until the condition holds."""

    def step(left):
        try:
            opened.drain_events(timeout=left)
        except socket.timeout:
            pass  # wait_until says what did not come

    tap.wait_until(condition, step, what)


class Collector:
    """Consumes a queue and keeps the messages."""

    def __init__(self, channel, queue, no_ack=True, prefetch=0, **options):
        self.channel = channel
        self.messages = []
        if prefetch:
            channel.basic_qos(0, prefetch, False)
        options["callback"] = self.messages.append
        self.tag = channel.basic_consume(queue, no_ack=no_ack, **options)

    def expect(self, count):
        """Waits until that many messages came in all, and returns their bodies."""
        drain(self.channel.connection, lambda: len(self.messages) >= count, f"{count} messages")
        tap.check_equal(len(self.messages), count, "messages")
        return [message.body for message in self.messages]


def ready_messages(channel, queue):
    return channel.queue_declare(queue, passive=True).message_count
