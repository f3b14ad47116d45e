# SPDX-License-Identifier: Apache-2.0
"""Attacks on TLS, and certificates that change under load."""
import json
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import time

import process
from certificates import SERVER, Room
from connections import KIB, LINGER_RESET, settled_rss
from process import Broker, Client

# Findings of testssl.sh that say something about the server rather than about a development CA.
ABOUT = ("SSLv2", "SSLv3", "TLS1", "TLS1_1", "TLS1_2", "TLS1_3", "cipher", "secure_renego", "fallback_SCSV",
         "CRIME", "BREACH", "POODLE", "SWEET32", "FREAK", "DROWN", "LOGJAM", "BEAST", "LUCKY13", "RC4",
         "heartbleed", "CCS", "ticketbleed", "ROBOT", "winshock", "FS", "secure_client_renego")
PROGRAMS = os.path.dirname(os.path.abspath(process.BROKER))


def options(room, certificate="server", *more):
    return ["--set", "listeners.ssl.default=127.0.0.1:0",
            "--set", "ssl_options.certfile=" + room.certificate(certificate),
            "--set", "ssl_options.keyfile=" + room.key(certificate),
            "--set", "ssl_options.cacertfile=" + room.certificate("ca"), *more]


def connect(broker, context):
    plain = socket.create_connection(("127.0.0.1", broker.ready["amqps_port"]), timeout=process.PATIENCE)
    plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
    return context.wrap_socket(plain, server_hostname="localhost")


def context_of(room, certificate=None):
    made = ssl.create_default_context(cafile=room.certificate("ca"))
    made.set_ciphers("DEFAULT@SECLEVEL=0")
    if certificate:
        made.load_cert_chain(room.certificate(certificate), room.key(certificate))
    return made


def attack(report):
    with tempfile.TemporaryDirectory() as place:
        room = Room(place).make_usual()
        scan(report, room)
        bad_certificates(report, room)
        key_updates(report, room)
        handshakes(report, room)


def scan(report, room):
    """TLS1: what testssl.sh has to say."""
    program = shutil.which("testssl") or shutil.which("testssl.sh")
    if program is None:
        report.skip("TLS1", "testssl.sh is not installed (Debian package testssl.sh)")
        return
    with Broker(*options(room)) as broker:
        result = room.path("testssl.json")
        done = subprocess.run([program, "--quiet", "--color", "0", "--protocols", "--server-defaults",
                               "--server-preference", "--fs", "--std", "--vulnerable", "--jsonfile", result,
                               "--nodns", "none", "--warnings", "off",
                               f"127.0.0.1:{broker.ready['amqps_port']}"],
                              capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
        report.check("TLS1", "testssl.sh came to its end", os.path.exists(result))
        with open(result, encoding="utf-8") as file:
            findings = json.load(file)
    del done
    bad = [f"{one['id']}: {one['finding']}" for one in findings
           if one["id"].startswith(ABOUT) and one["severity"] not in ("OK", "INFO", "DEBUG")]
    for line in bad:
        print("      ", line)
    print(f"       {len(findings)} findings of testssl.sh")
    report.figure("TLS1", "its findings above info on protocols, ciphers, renegotiation, compression",
                  len(bad), "", most=0)


def is_refused(broker, context):
    try:
        with connect(broker, context) as client:
            client.sendall(b"AMQP\0\0\x09\x01")
            return client.recv(10) == b""
    except (ssl.SSLError, ConnectionError):
        return True


def bad_certificates(report, room):
    """TLS2: whoever cannot show a good certificate does not get in."""
    bad = room.make_bad_clients()
    with Broker(*options(room, "server", "--set", "ssl_options.verify=verify_peer", "--set",
                         "ssl_options.fail_if_no_peer_cert=true", "--set", "ssl_options.depth=1")) as broker:
        report.check("TLS2", "a good certificate is let in", not is_refused(broker, context_of(room, "client")))
        admitted = [why for name, why in [(None, "there is none"), *bad.items()]
                    if not is_refused(broker, context_of(room, name))]
    for why in admitted:
        print("       let in although", why)
    report.figure("TLS2", f"of {len(bad) + 1} bad ones are let in", len(admitted), "", most=0)


def key_updates(report, room):
    """TLS3: openssl s_client asks for new keys whenever it is told K."""
    with Broker(*options(room)) as broker:
        before = settled_rss(broker)
        client = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{broker.ready['amqps_port']}",
                                   "-tls1_3"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL)
        sent = 0
        try:
            while client.poll() is None and sent < 2000:
                client.stdin.write(b"K\n")
                client.stdin.flush()
                sent += 1
                time.sleep(0.002)
        except BrokenPipeError:
            pass
        ended = client.poll() is not None or sent < 2000
        client.kill()
        client.wait()
        report.check("TLS3", f"a flood of key updates is closed (after {sent} at most)", ended)
        report.figure("TLS3", "memory it took", max(0, settled_rss(broker) - before) / KIB, "KiB", most=1024)


def handshakes(report, room):
    """TLS4: what stays behind after many handshakes, good and broken off."""
    count = report.size(2000, 100000)
    with Broker(*options(room)) as broker:
        context = context_of(room)
        one_round(broker, context, 1000)
        before = settled_rss(broker)
        begun = time.monotonic()
        one_round(broker, context, count)
        seconds = time.monotonic() - begun
        report.figure("TLS4", f"memory kept of {count} handshakes ({count / seconds:.0f}/s)",
                      max(0, settled_rss(broker) - before) / KIB, "KiB", most=512)


def one_round(broker, context, count):
    for i in range(count):
        if i % 10 == 9:     # breaks off in the middle
            plain = socket.create_connection(("127.0.0.1", broker.ready["amqps_port"]))
            plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_RESET)
            plain.sendall(b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03")
            plain.close()
        else:
            connect(broker, context).close()


# --- A8 ---


def serial_of(broker, context):
    with connect(broker, context) as client:
        return client.getpeercert()["serialNumber"]


def reload(report):
    """A8: certificates change a thousand times while messages pass."""
    count = report.size(1000, 1000)
    with tempfile.TemporaryDirectory() as place:
        room = Room(place).make_usual()
        room.issue("other", "ca", SERVER, subject="/CN=localhost")
        pairs = [(room.read(name + ".pem"), room.read(name + ".key")) for name in ("server", "other")]
        install(room, pairs[0])
        data = os.path.join(place, "data")
        with Broker(*options(room, "live"), data_dir=data) as broker:
            check_reloads(report, room, broker, pairs, count, data)


def install(room, pair):
    for end, text in zip((".pem", ".key"), pair):
        os.replace(room.write("next" + end, text), room.path("live" + end))


def check_reloads(report, room, broker, pairs, count, data):
    ctl = os.path.join(PROGRAMS, "leveretctl")
    context = context_of(room)
    load = subprocess.Popen([os.path.join(PROGRAMS, "leveret-perf"), "-h",
                             f"amqps://127.0.0.1:{broker.ready['amqps_port']}", "-x", "4", "-y", "4", "-q", "100",
                             "-c", "100", "-r", "1000", "--quiet", "--json"], stdout=subprocess.PIPE, text=True)
    held = [Client(broker).login() for _ in range(20)]
    serials = []
    for pair in pairs:
        install(room, pair)
        subprocess.run([ctl, "reload", "--data-dir", data], check=True)
        serials.append(serial_of(broker, context))
    wrong = 0
    for i in range(count):
        install(room, pairs[i % 2])
        subprocess.run([ctl, "reload", "--data-dir", data], check=True)
        if i % 20 == 0:
            wrong += serial_of(broker, context) != serials[i % 2]
    room.write("live.pem", "nonsense")
    broken = subprocess.run([ctl, "reload", "--data-dir", data], capture_output=True, text=True, check=False)
    wrong += serial_of(broker, context) != serials[(count - 1) % 2]
    load.send_signal(2)
    result = json.loads(load.communicate(timeout=process.PATIENCE)[0].splitlines()[-1])
    report.figure("A8", f"handshakes with an old certificate in {count} reloads", wrong, "", most=0)
    report.check("A8", "a broken certificate is refused with 78 and its file",
                 broken.returncode == 78 and "live.pem" in broken.stderr)
    report.check("A8", f"nothing is lost of {result.get('received', '?')} messages, no connection broke",
                 load.returncode == 0)
    lost = 0
    for client in held:
        try:
            client.open_channel()
        except (OSError, EOFError, AssertionError):
            lost += 1
    report.figure("A8", "idle connections lost", lost, "", most=0)
    for client in held:
        client.close()
