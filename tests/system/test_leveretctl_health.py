#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""leveretctl under RabbitMQ's names: health checks with the words and exit codes scripts rely on.

What is compared word by word was read off Debian's rabbitmq-diagnostics 3.10 (compat 4.7, drop-in A.2).
"""
import json
import os
import socket
import subprocess
import tempfile
import threading
import unittest

import process
from process import BROKER, Broker

PLACE = os.path.dirname(os.path.abspath(BROKER))
HOST = socket.gethostname().split(".")[0]
NODE = f"rabbit@{HOST}"


def tool(name, *words, data=None, environment=None):
    """Exit code, standard output, standard error."""
    variables = {name: value for name, value in os.environ.items() if name != "RABBITMQ_NODENAME"}
    variables.update({"LEVERET_CONTROL_SOCKET": os.path.join(data, "control.sock")} if data else {},
                     **(environment or {}))
    done = subprocess.run([os.path.join(PLACE, name), *words], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=process.PATIENCE, env=variables, check=False)
    return done.returncode, done.stdout, done.stderr


class Tools(unittest.TestCase):
    def setUp(self):
        room = tempfile.TemporaryDirectory()
        self.addCleanup(room.cleanup)
        self.room = room.name
        self.data = os.path.join(room.name, "data")

    def diagnostics(self, *words):
        return tool("rabbitmq-diagnostics", *words, data=self.data)

    def ctl(self, *words):
        return tool("rabbitmqctl", *words, data=self.data)


class Health(Tools):
    def test_ping(self):
        """rows: 440"""
        with Broker(data_dir=self.data):
            self.assertEqual(self.diagnostics("-q", "ping"), (0, "Ping succeeded\n", ""))
            code, output, _ = self.diagnostics("ping")
            self.assertEqual(code, 0)
            self.assertEqual(output.splitlines()[1:], ["Ping succeeded"])
            self.assertTrue(output.startswith(f"Will ping {NODE}. This only checks if the OS process is running"))
            code, output, _ = self.diagnostics("ping", "--formatter", "json")
            self.assertEqual((code, json.loads(output)),
                             (0, {"result": "ok", "node": NODE, "message": "Ping succeeded"}))
        code, output, errors = self.diagnostics("ping")
        self.assertEqual(code, 69)
        self.assertIn(f"Error:\nFailed to connect and authenticate to {NODE} in 60000 ms\n", errors)
        self.assertIn(f"Error: unable to perform an operation on node '{NODE}'. Please see diagnostics", self.ctl("status")[2])
        self.assertIn(f"\n\nattempted to contact: [{NODE}]\n\n{NODE}:\n  * no broker answers at ", self.ctl("status")[2])

    def test_what_is_well_is_said_in_these_words(self):
        checks = {
            ("check_running",): (f"Checking if RabbitMQ is running on node {NODE} ...",
                                 f"RabbitMQ on node {NODE} is fully booted and running"),
            ("check_local_alarms",): (f"Asking node {NODE} to report any local resource alarms ...",
                                      f"Node {NODE} reported no local alarms"),
            ("check_alarms",): (f"Asking node {NODE} to report any local resource alarms ...",
                                f"Node {NODE} reported no alarms, local or clusterwide"),
            ("check_virtual_hosts",): (f"Checking if all vhosts are running on node {NODE} ...",
                                       f"Node {NODE} reported all vhosts as running"),
            ("check_protocol_listener", "amqp"): (
                f"Asking node {NODE} if there's an active listener for protocol amqp ...",
                f"A listener for protocol amqp is running on node {NODE}."),
            ("is_running",): (f"Asking node {NODE} for its status ...",
                              f"RabbitMQ on node {NODE} is fully booted and running"),
            ("is_booting",): (f"Asking node {NODE} for its boot status ...",
                              f"RabbitMQ on node {NODE} is fully booted (check with is_running), stopped or has "
                              "not started booting yet"),
            ("check_if_node_is_quorum_critical",): (
                f"Checking if node {NODE} is critical for quorum of any quorum queues ...",
                f"Node {NODE} seems to be the only one in a single node cluster, the check does not apply"),
        }
        with Broker(data_dir=self.data) as broker:
            port = str(broker.port)
            checks["check_port_listener", port] = (
                f"Asking node {NODE} if there's an active listener on port {port} ...",
                f"A listener for port {port} is running on node {NODE}.")
            for words, (banner, sentence) in checks.items():
                self.assertEqual(self.diagnostics(*words), (0, f"{banner}\n{sentence}\n", ""), words)
                self.assertEqual(self.diagnostics("-q", *words), (0, f"{sentence}\n", ""), words)
                self.assertEqual(tool("leveretctl", *words, data=self.data), (0, f"{sentence}\n", ""), words)
            code, output, _ = self.ctl("node_health_check")
            self.assertEqual((code, output.splitlines()[-1]), (0, "Health check passed"))

    def test_alarms_make_the_checks_fail(self):
        with Broker("--set", "vm_memory_high_watermark.absolute=1MB", data_dir=self.data):
            process.wait_until(lambda: self.diagnostics("check_local_alarms")[0] == 69)
            for command in ("check_local_alarms", "check_alarms", "node_health_check"):
                code, _, errors = self.diagnostics(command)
                self.assertEqual((code, errors), (69, f"Error:\nMemory alarm on node {NODE}\n"), command)

    def test_listeners_and_ports(self):
        with Broker(data_dir=self.data) as broker:
            code, _, errors = self.diagnostics("check_port_listener", "1")
            self.assertEqual(code, 69)
            self.assertIn(f"No listener for port 1 is active on node {NODE}. Found listeners that use the "
                          f"following ports: {broker.port}", errors)
            code, _, errors = self.diagnostics("check_protocol_listener", "mqtt")
            self.assertEqual(code, 69)
            self.assertIn(f"No listener for protocol mqtt is active on node {NODE}. Found listeners for the "
                          "following protocols: amqp", errors)
            code, output, _ = self.diagnostics("check_port_connectivity")
            self.assertEqual(code, 0)
            self.assertEqual(output.splitlines()[0],
                             f"Testing TCP connections to all active listeners on node {NODE} ...")
            self.assertRegex(output, rf"Successfully connected to ports {broker.port}.* on node {NODE}\.\n")
            answer = json.loads(self.diagnostics("check_port_connectivity", "--formatter", "json")[1])
            self.assertEqual((answer["result"], answer["node"]), ("ok", NODE))
            self.assertIn(broker.port, [listener["port"] for listener in answer["listeners"]])
            self.assertIn(str(broker.port), self.diagnostics("listeners")[1])

    def test_a_port_that_does_not_answer_is_found(self):
        with Broker("--bind", "127.0.0.1", data_dir=self.data):
            self.assertEqual(self.diagnostics("check_port_connectivity")[0], 0)
            # Nothing listens at this address of the loopback network.
            code, _, errors = self.diagnostics("check_port_connectivity", "--address", "127.9.9.9")
            self.assertEqual(code, 69, errors)

    def test_status(self):
        with Broker(data_dir=self.data) as broker:
            code, output, _ = self.ctl("status")
            self.assertEqual(code, 0)
            self.assertTrue(output.startswith(f"Status of node {NODE} ...\nRuntime\n\nOS PID: {broker.process.pid}\n"))
            for line in ("Alarms\n\n(none)\n", "Connection count: 0\n", f"Node name: {NODE}\n",
                         f"Node data directory: {self.data}\n", " * rabbitmq_management\n"):
                self.assertIn(line, output)
            self.assertIn(f"RabbitMQ version: {self.diagnostics('-q', 'server_version')[1]}", output)

    def document(self, *words):
        """What a program reads: one JSON object, and nothing else."""
        code, output, errors = self.diagnostics(*words, "--formatter", "json")
        self.assertEqual((code, errors), (0, ""), words)
        return json.loads(output)

    def test_programs_read_one_document_where_there_are_no_rows(self):
        """Keys and forms read off Debian's tools."""
        with Broker(data_dir=self.data) as broker:
            listener = {"node": NODE, "interface": "[::]", "port": broker.port, "protocol": "amqp",
                        "purpose": "AMQP 0-9-1"}
            status = self.document("status")
            self.assertEqual((status["pid"], status["alarms"], status["data_directory"], status["totals"]),
                             (broker.process.pid, [], self.data,
                              {"connection_count": 0, "queue_count": 0, "virtual_host_count": 1}))
            self.assertIn(listener, status["listeners"])
            self.assertGreater(status["memory"]["total"]["rss"], 0)
            self.assertEqual(status["rabbitmq_version"], self.document("server_version")["value"])
            cluster = self.document("cluster_status")
            self.assertEqual((cluster["running_nodes"], cluster["disk_nodes"], cluster["partitions"]),
                             ([NODE], [NODE], {}))
            self.assertIn(listener, cluster["listeners"][NODE])
            self.assertIn("stream_queue", [flag["name"] for flag in cluster["feature_flags"]])
            self.assertEqual((self.document("listeners")["result"], self.document("listeners")["node"]), ("ok", NODE))
            self.assertIn(listener, self.document("listeners")["listeners"])
            self.assertIs(self.document("is_running")["result"], True)
            self.assertEqual(self.document("alarms"), {"result": "ok", "node": NODE, "alarms": []})
            self.ctl("set_vm_memory_high_watermark", "0")
            process.wait_until(lambda: self.diagnostics("check_local_alarms")[0] == 69)
            self.assertEqual(self.document("alarms")["local"], [f"Memory alarm on node {NODE}"])
            self.assertEqual(self.document("status")["alarms"],
                             [{"type": "resource_limit", "resource": "memory", "node": NODE}])

    def test_people_read_of_listeners_and_alarms_in_sentences(self):
        with Broker(data_dir=self.data) as broker:
            self.assertIn(f"\nInterface: [::], port: {broker.port}, protocol: amqp, purpose: AMQP 0-9-1\n",
                          self.diagnostics("listeners")[1])
            self.assertEqual(self.diagnostics("alarms")[1],
                             f"Asking node {NODE} to report any known resource alarms ...\n"
                             f"Node {NODE} reported no alarms, local or clusterwide\n")

    def test_waiting_for_a_process_that_is_not_there_fails_though_the_broker_runs(self):
        gone = subprocess.Popen(["true"])
        gone.wait()
        with Broker(data_dir=self.data):
            self.assertEqual(self.ctl("wait", "--pid", str(gone.pid), "--timeout", "5"),
                             (69, "", "Error:\nprocess_not_running\n"))


class Waiting(Tools):
    def test_await_startup_and_wait_end_when_the_broker_serves(self):
        pid_file = os.path.join(self.room, "pid")
        ended = {}

        def wait(*words):
            ended[words] = self.ctl(*words)

        calls = [("await_startup", "--timeout", "20"), ("wait", pid_file, "--timeout", "20")]
        threads = [threading.Thread(target=wait, args=words) for words in calls]
        for thread in threads:
            thread.start()
        with Broker(data_dir=self.data, environment={"RABBITMQ_PID_FILE": pid_file}) as broker:
            for thread in threads:
                thread.join()
            self.assertEqual([ended[words][0] for words in calls], [0, 0], ended)
            self.assertEqual(self.ctl("wait", "--pid", str(broker.ready["pid"]), "--timeout", "5")[0], 0)

    def test_what_does_not_start_is_not_waited_for_for_ever(self):
        self.assertEqual(self.ctl("await_startup", "--timeout", "0")[0], 75)
        self.assertEqual(self.ctl("wait", os.path.join(self.room, "nothing"), "--timeout", "0")[0], 75)
        gone = subprocess.Popen(["true"])
        gone.wait()
        self.assertEqual(self.ctl("wait", "--pid", str(gone.pid))[0], 69)
        self.assertEqual(self.ctl("wait")[0], 64)


class Names(Tools):
    def test_every_name_answers_with_all_switches(self):
        with Broker(data_dir=self.data):
            for name in ("rabbitmqctl", "rabbitmq-diagnostics", "rabbitmq-queues", "rabbitmq-streams",
                         "rabbitmq-upgrade", "rabbitmq-plugins"):
                self.assertEqual(tool(name, "-q", "-n", NODE, "-t", "10", "-l", "-p", "/", "--erlang-cookie", "x",
                                      "ping", data=self.data), (0, "Ping succeeded\n", ""), name)
            self.assertEqual(self.ctl("--dry-run", "ping"), (0, "", ""))

    def test_the_server_is_started_by_its_name_too(self):
        with Broker(program=os.path.join(PLACE, "rabbitmq-server"), data_dir=self.data) as broker:
            self.assertEqual(self.diagnostics("-q", "ping")[0], 0)
            self.assertEqual(broker.stop(), 0)

    def test_what_is_wrong_is_64(self):
        for words in (("nosuch",), ("ping", "x"), ("check_port_listener",), ("ping", "--formatter", "xml"),
                      ("ping", "-t", "x")):
            code, output, errors = self.ctl(*words)
            self.assertEqual((code, output), (64, ""), words)
            self.assertIn("rabbitmqctl", errors)

    def test_a_broker_that_does_not_answer_is_75(self):
        path = os.path.join(self.room, "deaf.sock")
        with socket.socket(socket.AF_UNIX) as deaf:
            deaf.bind(path)
            deaf.listen()
            code, _, errors = tool("rabbitmqctl", "ping", "--socket", path, "-t", "1")
            self.assertEqual(code, 75)
            self.assertIn("timed out", errors)


class NamedNode(Tools):
    """-n and RABBITMQ_NODENAME name the node that is asked; no other one does what was meant for it."""

    def named(self, *words, name="rabbitmqctl", **environment):
        return tool(name, *words, data=self.data, environment=environment)

    def assert_unreached(self, other, answer):
        code, _, errors = answer
        self.assertEqual(code, 69)
        self.assertTrue(errors.startswith(f"Error: unable to perform an operation on node '{other}'. Please see "
                                          "diagnostics information and suggestions below.\n"), errors)
        self.assertIn(f"\nDIAGNOSTICS\n===========\n\nattempted to contact: [{other}]\n\n{other}:\n", errors)
        self.assertIn(f"'{NODE}'", errors)

    def test_another_node_is_not_reached(self):
        with Broker(data_dir=self.data):
            for words in (["status"], ["list_queues"], ["stop"], ["stop_app"], ["add_user", "a", "b"], ["report"],
                          ["-q", "list_vhosts", "--formatter", "json"], ["await_startup"], ["node_health_check"]):
                answer = self.named("-n", "other", *words)
                self.assert_unreached(f"other@{HOST}", answer)
                self.assertNotIn(NODE, answer[1])
            self.assert_unreached(f"other@{HOST}", self.named(*words, RABBITMQ_NODENAME="other"))
            self.assert_unreached("rabbit@elsewhere", self.named("--node=rabbit@elsewhere", "check_port_connectivity"))
            self.assert_unreached("rabbit@localhost", self.named("-n", "rabbit@localhost", "check_running"))
            code, output, errors = self.named("-n", "other", "ping", name="rabbitmq-diagnostics")
            self.assertEqual(code, 69)
            self.assertTrue(output.startswith(f"Will ping other@{HOST}. This only checks"), output)
            self.assertTrue(errors.startswith(f"Error:\nFailed to connect and authenticate to other@{HOST} in 60000 ms\n"))
            self.assertEqual(self.named("-n", "other", "await_online_nodes", "1", "-t", "1")[0], 75)
            self.assertEqual(self.named("-n", "other", "list", "-m", name="rabbitmq-plugins")[0], 0)
            self.assertEqual(self.ctl("-s", "list_users")[1], "guest\t[administrator]\n")
            code, _, errors = self.named("--node", "other", "list_users", name="leveretctl")
            self.assertEqual((code, errors.count("\n")), (69, 2), errors)
            self.assertIn(f"is node '{NODE}', not 'other@{HOST}'", errors)

    def test_a_node_has_its_name_in_every_form(self):
        with Broker(data_dir=self.data):
            for words in (["-n", "rabbit"], ["-n", NODE], ["--node", NODE], ["-l", "-n", f"rabbit@{HOST}.example.org"],
                          ["-l", "-n", "rabbit"]):
                self.assertEqual(self.named(*words, "check_running")[0], 0, words)
            self.assertEqual(self.named("check_running", RABBITMQ_NODENAME="rabbit")[0], 0)
            self.assertEqual(self.named("-n", NODE, "check_running", RABBITMQ_NODENAME="other")[0], 0)
            self.assertEqual(self.named("check_running", name="leveretctl", RABBITMQ_NODENAME="other")[0], 0)
            self.assertEqual(self.named("-n", f"rabbit@{HOST}.example.org", "check_running",
                                        RABBITMQ_USE_LONGNAME="true")[0], 0)
            long_name = f"rabbit@{HOST}.example.org"
            self.assertEqual(self.named("-n", long_name, "list_vhosts"), (
                65, "", f"Error: operation list_vhosts failed due to invalid node name (node: {long_name}, reason: short).\n"
                "If using FQDN node names, use the -l / --longnames argument\n"))
            self.assert_unreached("rabbit@else.where", self.named("-l", "-n", "rabbit@else.where", "status"))

    def test_configured_names(self):
        for given, name in (("hare@localhost", "hare@localhost"), ("hare", f"hare@{HOST}"),
                            ("hare@host.example.org", "hare@host.example.org")):
            for options, environment in (["--set", f"leveret.node_name={given}"], None), ([], {"RABBITMQ_NODENAME": given}):
                with self.subTest(given=given, options=options), \
                        Broker(*options, data_dir=self.data, environment=environment):
                    for words in (["-n", given], ["-n", name], []):
                        self.assertEqual(self.named(*words, "-q", "check_running"),
                                         (0, f"RabbitMQ on node {name} is fully booted and running\n", ""))
                    self.assertEqual(self.named("check_running", RABBITMQ_NODENAME=given)[0], 0)
                    self.assertEqual(self.named("-n", "rabbit", "check_running")[0], 69)


if __name__ == "__main__":
    process.main()
