#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What `cmake --install` puts where, and that it works there; telling systemd."""
import os
import shutil
import socket
import subprocess
import tempfile
import unittest

import process
from process import BROKER, Broker

BUILD = os.path.dirname(os.path.abspath(BROKER))


def said_by(*command, stdin=None):
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=process.PATIENCE, check=False)
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout


@unittest.skipUnless(shutil.which("cmake"), "there is no cmake to install with")
class Install(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.room = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.room.cleanup)
        said_by("cmake", "--install", BUILD, "--prefix", cls.room.name)

    def path(self, *parts):
        return os.path.join(self.room.name, *parts)

    def test_programs_answer_under_every_name(self):
        for name in ("leveret", "leveret-perf", "rabbitmqadmin", "rabbitmq-server"):
            self.assertIn("usage", said_by(self.path("bin", name), "--help").lower(), name)
        data = self.path("data")
        with Broker(program=self.path("bin", "rabbitmq-server"), data_dir=data):
            for name in ("leveretctl", "rabbitmqctl", "rabbitmq-diagnostics", "rabbitmq-plugins", "rabbitmq-queues",
                         "rabbitmq-streams", "rabbitmq-upgrade"):
                self.assertEqual(said_by(self.path("bin", name), "-q", "ping", "--data-dir", data), "Ping succeeded\n")

    def test_the_sample_configuration_is_good(self):
        self.assertIn("good", said_by(self.path("bin", "leveret"), "--config", self.path("etc/leveret/leveret.conf"),
                                      "--check-config"))

    def test_completions_are_valid_and_know_the_commands(self):
        for shell, place in (("bash", "share/bash-completion/completions/leveretctl"),
                             ("zsh", "share/zsh/site-functions/_leveretctl"),
                             ("fish", "share/fish/vendor_completions.d/leveretctl.fish")):
            with open(self.path(place), encoding="utf-8") as file:
                self.assertIn("list_queues", file.read())
            if shutil.which(shell):
                said_by(shell, "-n", self.path(place))
        completed = said_by("bash", "-c", f". {self.path('share/bash-completion/completions/leveretctl')}; "
                            "COMP_WORDS=(leveretctl list_q); COMP_CWORD=1; _leveretctl; echo ${COMPREPLY[@]}")
        self.assertEqual(completed, "list_queues\n")

    def test_bash_finds_completions_by_the_name_of_each_tool(self):
        for tool, word in (("rabbitmqctl", "trace_on"), ("rabbitmq-diagnostics", "check_running"), ("rabbitmqadmin", "cluster_wide_alarms")):
            with open(self.path("share/bash-completion/completions", tool), encoding="utf-8") as file:
                self.assertIn(word, file.read())
            said_by("bash", "-n", self.path("share/bash-completion/completions", tool))

    @unittest.skipUnless(shutil.which("scdoc"), "there is no scdoc to make manual pages with")
    def test_manual_pages(self):
        for page, word in (("man8/leveretctl.8", "set_permissions"), ("man8/leveret.8", "SIGHUP"),
                           ("man5/leveret.conf.5", "default_user"), ("man1/rabbitmqadmin.1", "health_check")):
            with open(self.path("share/man", page), encoding="utf-8") as file:
                self.assertIn(word, file.read().replace("\\", ""))

    def test_the_unit_for_systemd(self):
        unit = self.path("lib/systemd/system/leveret.service")
        with open(unit, encoding="utf-8") as file:
            content = file.read()
        for line in ("Type=notify", "NoNewPrivileges=yes", "ProtectSystem=strict", "MemoryDenyWriteExecute=yes",
                     "CapabilityBoundingSet=", "LimitNOFILE=65536"):
            self.assertIn(line + "\n", content)
        self.assertNotIn("@CMAKE", content)


class Systemd(unittest.TestCase):
    def test_it_is_told_when_clients_can_connect_and_when_it_ends(self):
        with tempfile.TemporaryDirectory() as room, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
            path = os.path.join(room, "notify")
            manager.bind(path)
            manager.settimeout(process.PATIENCE)
            with Broker(data_dir=os.path.join(room, "data"), environment={"NOTIFY_SOCKET": path}) as broker:
                self.assertEqual(manager.recv(100), b"READY=1")
                process.connect("127.0.0.1", broker.port).close()
                self.assertEqual(broker.stop(), 0)
            self.assertEqual(manager.recv(100), b"STOPPING=1")

    def test_a_socket_that_is_not_there_is_no_matter(self):
        with tempfile.TemporaryDirectory() as room, \
                Broker(data_dir=os.path.join(room, "data"), environment={"NOTIFY_SOCKET": "/nowhere"}) as broker:
            self.assertEqual(broker.stop(), 0)


if __name__ == "__main__":
    process.main()
