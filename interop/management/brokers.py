# SPDX-License-Identifier: Apache-2.0
"""The two brokers that are compared, each as a context manager that gives (HTTP port, AMQP port)."""
import contextlib
import json
import os
import pathlib
import select
import subprocess
import sys
import tempfile
import urllib.parse

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "system"))
sys.dont_write_bytecode = True

RABBITMQ = ROOT / "interop" / "support" / "rabbitmq"


@contextlib.contextmanager
def rabbitmq():
    """Debian's RabbitMQ 3.10 with its management plugin."""
    folder = tempfile.mkdtemp()
    command = [RABBITMQ, "start", "--port", "0", "--dir", folder, "--plugins", "rabbitmq_management"]
    try:
        started = subprocess.run(command, capture_output=True, text=True, check=False)
        if started.returncode != 0:
            sys.exit(f"no RabbitMQ: {started.stderr}")
        amqp, http = (urllib.parse.urlsplit(url) for url in started.stdout.split()[:2])
        yield http.port, amqp.port
    finally:
        subprocess.run([RABBITMQ, "stop", "--dir", folder], capture_output=True, check=False)


@contextlib.contextmanager
def leveret():
    program = os.environ.get("LEVERET", str(ROOT / "build" / "leveret"))
    broker = subprocess.Popen([program, "--config", "/dev/null", "--port", "0", "--json", "--ephemeral"],
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        if not select.select([broker.stdout], [], [], 30)[0]:
            sys.exit("Leveret does not get ready")
        ready = json.loads(broker.stdout.readline())
        yield ready["management_port"], ready["amqp_port"]
    finally:
        broker.terminate()
        broker.wait(30)
