#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every command of RabbitMQ's tools, under the tool's name: it works, or says in a sentence that it is not
here and exits with 64. And what stop_app, reset, drain and their like leave working."""
import errno
import http.client
import json
import os
import pty
import re
import socket
import subprocess
import tempfile
import unittest

import process
from client import Amqp, Refused
from process import BROKER, Broker

PLACE = os.path.dirname(os.path.abspath(BROKER))
NODE = f"rabbit@{socket.gethostname().split('.')[0]}"

# What `TOOL help` of Debian's RabbitMQ 3.10 lists, and what RabbitMQ 4 added since.
NAMES = {
    "rabbitmqctl": """
        autocomplete help version await_startup reset rotate_logs shutdown start_app stop stop_app wait
        await_online_nodes change_cluster_node_type cluster_status force_boot force_reset forget_cluster_node
        join_cluster rename_cluster_node update_cluster_nodes cancel_sync_queue sync_queue add_user
        authenticate_user change_password clear_password clear_user_limits delete_user list_user_limits list_users
        set_user_limits set_user_tags clear_permissions clear_topic_permissions list_permissions
        list_topic_permissions list_user_permissions list_user_topic_permissions list_vhosts set_permissions
        set_topic_permissions list_bindings list_channels list_ciphers list_connections list_consumers
        list_exchanges list_hashes list_node_auth_attempt_stats list_queues list_unresponsive_queues ping report
        schema_info status clear_global_parameter clear_parameter list_global_parameters list_parameters
        set_global_parameter set_parameter clear_operator_policy clear_policy list_operator_policies list_policies
        set_operator_policy set_policy add_vhost clear_vhost_limits delete_vhost list_vhost_limits restart_vhost
        set_vhost_limits set_vhost_tags trace_off trace_on decode encode environment set_cluster_name
        set_disk_free_limit set_log_level set_vm_memory_high_watermark export_definitions import_definitions
        enable_feature_flag list_feature_flags close_all_connections close_all_user_connections close_connection
        eval eval_file exec force_gc resume_listeners suspend_listeners delete_queue purge_queue hipe_compile
        node_health_check hash_password
        activate_free_disk_space_monitoring deactivate_free_disk_space_monitoring list_deprecated_features
        force_standalone_khepri_boot""",
    "rabbitmq-diagnostics": """
        autocomplete help version wait cluster_status list_user_limits list_users list_permissions
        list_topic_permissions list_user_permissions list_user_topic_permissions list_vhosts alarms check_alarms
        check_certificate_expiration check_if_node_is_mirror_sync_critical check_if_node_is_quorum_critical
        check_local_alarms check_port_connectivity check_port_listener check_protocol_listener check_running
        check_virtual_hosts cipher_suites consume_event_stream discover_peers erlang_version is_booting is_running
        list_bindings list_channels list_ciphers list_connections list_consumers list_exchanges list_hashes
        list_network_interfaces list_node_auth_attempt_stats list_queues list_unresponsive_queues listeners
        log_tail log_tail_stream maybe_stuck memory_breakdown observer ping quorum_status remote_shell report
        runtime_thread_stats schema_info server_version status stream_status tls_versions list_global_parameters
        list_parameters list_operator_policies list_policies list_vhost_limits certificates command_line_arguments
        disable_auth_attempt_source_tracking enable_auth_attempt_source_tracking environment erlang_cookie_hash
        erlang_cookie_sources log_location os_env reset_node_auth_attempt_metrics resolve_hostname resolver_info
        list_feature_flags reclaim_quorum_memory node_health_check
        check_if_any_deprecated_features_are_used metadata_store_status""",
    "rabbitmq-queues": """
        help grow rebalance shrink add_member delete_member check_if_node_is_mirror_sync_critical
        check_if_node_is_quorum_critical peek quorum_status stream_status reclaim_quorum_memory
        check_if_new_quorum_queue_replicas_have_finished_initial_sync""",
    "rabbitmq-upgrade": """
        help await_online_quorum_plus_one await_online_synchronized_mirror drain post_upgrade revive""",
    "rabbitmq-streams": """
        help add_replica delete_replica stream_status set_stream_retention_policy add_super_stream
        delete_super_stream list_stream_connections list_stream_consumers list_stream_publishers restart_stream""",
    "rabbitmq-plugins": "help version directories is_enabled disable enable list set",
}

ARGUMENTS = {
    "autocomplete": ["list_"], "await_online_nodes": ["1"], "add_user": ["u", "p"], "authenticate_user": ["u", "p"],
    "change_password": ["u", "p"], "clear_password": ["u"], "clear_user_limits": ["guest", "all"],
    "delete_user": ["u"], "set_user_limits": ["guest", "{}"], "set_user_tags": ["guest", "administrator"],
    "clear_permissions": ["guest"], "clear_topic_permissions": ["guest"], "list_user_permissions": ["guest"],
    "list_user_topic_permissions": ["guest"], "set_permissions": ["guest", ".*", ".*", ".*"],
    "set_topic_permissions": ["guest", "amq.topic", ".*", ".*"], "clear_global_parameter": ["g"],
    "set_global_parameter": ["g", "1"], "clear_operator_policy": ["o"], "clear_policy": ["p"],
    "set_operator_policy": ["o", ".", '{"max-length":1}'], "set_policy": ["p", ".", '{"max-length":1}'],
    "add_vhost": ["v"], "delete_vhost": ["v"], "set_vhost_limits": ["{}"], "set_vhost_tags": ["/", "a", "b"],
    "set_cluster_name": ["c"], "set_disk_free_limit": ["1MB"], "set_log_level": ["info"],
    "set_vm_memory_high_watermark": ["0.4"], "export_definitions": ["-"], "enable_feature_flag": ["all"],
    "close_all_connections": ["why"], "close_all_user_connections": ["guest", "why"], "delete_queue": ["q"],
    "purge_queue": ["q"], "eval": ["rabbit_alarm:clear_alarm({resource_limit, memory, node()})."],
    "check_port_listener": ["{port}"], "check_protocol_listener": ["amqp"], "is_enabled": ["rabbitmq_management"],
    "enable": ["rabbitmq_management"], "set": ["rabbitmq_management"], "wait": ["--pid", "{pid}"],
    "hash_password": ["x"], "import_definitions": ["{file}"],
}

# What must have been done before, or undone after: other commands of rabbitmqctl.
BEFORE = {
    "authenticate_user": ["add_user", "u", "p"], "change_password": ["add_user", "u", "p"],
    "delete_user": ["add_user", "u", "p"], "clear_password": ["add_user", "u", "p"], "delete_vhost": ["add_vhost", "v"],
    "clear_operator_policy": ["set_operator_policy", "o", ".", '{"max-length":1}'],
    "clear_policy": ["set_policy", "p", ".", '{"max-length":1}'],
    "clear_global_parameter": ["set_global_parameter", "g", "1"], "reset": ["stop_app"], "force_reset": ["stop_app"],
}
AFTER = {
    "add_user": ["delete_user", "u"], "authenticate_user": ["delete_user", "u"], "change_password": ["delete_user", "u"],
    "clear_password": ["delete_user", "u"], "clear_permissions": ["set_permissions", "guest", ".*", ".*", ".*"],
    "add_vhost": ["delete_vhost", "v"], "set_policy": ["clear_policy", "p"],
    "set_operator_policy": ["clear_operator_policy", "o"], "reset": ["start_app"], "force_reset": ["start_app"],
    "stop_app": ["start_app"], "drain": ["revive"], "suspend_listeners": ["resume_listeners"],
}

# Here, but for what the broker lacks: the exit code, and what is said.
OTHERWISE = {
    "set_parameter": (["shovel", "x", "{}"], 69, "component shovel not found"),
    "clear_parameter": (["shovel", "x"], 69, ""),
    "close_connection": (["<rabbit@x.1.2.3>", "why"], 69, ""),
    "disable": (["rabbitmq_management"], 64, "built in and cannot be disabled"),
}


class Tools(unittest.TestCase):
    def setUp(self):
        room = tempfile.TemporaryDirectory()
        self.addCleanup(room.cleanup)
        self.room = room.name
        self.data = os.path.join(room.name, "data")
        self.log = os.path.join(room.name, "broker.log")

    def start(self):
        """On ports that stay the same when the listeners are closed and opened again."""
        ports = [word for key in ("management", "prometheus")
                 for word in ("--set", f"{key}.tcp.port={process.free_port()}")]
        broker = Broker("--port", str(process.free_port()), *ports, "--set", f"log.file={self.log}", data_dir=self.data)
        self.addCleanup(broker.__exit__)
        return broker

    def tool(self, name, *words):
        done = subprocess.run([os.path.join(PLACE, name), *words], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=process.PATIENCE, check=False,
                              env={**os.environ, "LEVERET_CONTROL_SOCKET": os.path.join(self.data, "control.sock")})
        return done.returncode, done.stdout, done.stderr

    def ctl(self, *words, code=0):
        got, output, errors = self.tool("rabbitmqctl", *words)
        self.assertEqual(got, code, (words, output, errors))
        return output if code == 0 else errors


class Names(Tools):
    def test_every_command_of_rabbitmqs_tools_works_or_says_that_it_is_not_here(self):
        broker = self.start()
        definitions = os.path.join(self.room, "definitions.json")
        with open(definitions, "w", encoding="ascii") as file:
            json.dump({"users": [], "queues": []}, file)
        known = {"port": broker.port, "pid": broker.ready["pid"], "file": definitions}
        absent = 0
        for program, names in NAMES.items():
            for name in names.split():
                if name in ("stop", "shutdown"):
                    continue
                with self.subTest(tool=program, command=name):
                    absent += self.check(program, name, known)
        self.assertGreater(absent, 20)
        for name in ("shutdown", "stop"):
            self.ctl(name)
            broker.wait()
            broker = self.start()

    def check(self, program, name, known):
        """1 when it is not here."""
        sentence = self.tool(program, "help", *(["plugins"] if program == "rabbitmq-plugins" else []), name)[1]
        if program == "rabbitmq-plugins" and name in ("help", "version"):
            sentence = ""
        if "[WORD...]" in sentence:
            code, output, errors = self.tool(program, name, "a", "--unknown", "b")
            self.assertEqual((code, output), (64, ""))
            self.assertRegex(errors, r"\AError:\n[^\n]{15,}\n\Z")
            return 1
        if name in ("delete_queue", "purge_queue"):
            self.declare_queue(known["port"])
        if name in BEFORE:
            self.ctl(*BEFORE[name])
        words, wanted, said = OTHERWISE.get(name, ([word.format(**known) if word[:1] == "{" and word[1:2].isalpha() else word
                                                    for word in ARGUMENTS.get(name, [])], 0, ""))
        code, output, errors = self.tool(program, name, *words)
        self.assertEqual(code, wanted, (output, errors))
        self.assertIn(said, errors)
        if name in AFTER:
            self.ctl(*AFTER[name]) if name != "drain" else self.tool("rabbitmq-upgrade", *AFTER[name])
        return 0

    def declare_queue(self, port):
        with Amqp(port).open_channel() as client:
            client.declare_queue(b"q")

    def test_what_is_not_here_is_not_offered_for_completion(self):
        offered = self.tool("leveretctl", "completion", "bash")[1].split()
        self.assertIn("trace_on", offered)
        self.assertNotIn("join_cluster", offered)
        self.assertEqual(self.tool("leveretctl", "autocomplete", "trace")[1], "trace_on\ntrace_off\n")
        self.assertEqual(self.tool("leveretctl", "autocomplete", "join")[1], "")


class Configuration(Tools):
    def test_environment_tells_each_key_with_where_it_comes_from(self):
        self.start()
        rows = {row["key"]: row for row in json.loads(self.ctl("environment", "--formatter", "json"))}
        self.assertEqual((rows["log.file"]["value"], rows["log.file"]["origin"]), (self.log, "--set"))
        self.assertEqual((rows["heartbeat"]["value"], rows["heartbeat"]["origin"]), ("60", "default"))
        self.assertNotIn("guest", rows["default_pass"]["value"])
        self.assertEqual(self.ctl("environment").splitlines()[:2],
                         [f"Application environment of node {NODE} ...", "key\tvalue\torigin"])

    def test_the_log(self):
        self.start()
        self.assertEqual(self.ctl("-q", "log_location"), self.log + "\n")
        lines = self.ctl("log_tail", "-N", "1").splitlines()
        self.assertEqual((len(lines), lines[0]), (2, f"Last 1 log lines on node {NODE} ..."))
        self.assertIn(lines[1], self.ctl("-q", "log_tail"))
        with open(self.log, encoding="utf-8") as file:
            self.assertEqual(self.ctl("-q", "log_tail", "--number", "100000"), file.read())
        self.ctl("set_log_level", "none")
        self.ctl("stop_app")
        self.assertEqual(self.ctl("-q", "log_tail", "-N", "1"), lines[1] + "\n")
        self.ctl("set_log_level", "info")
        self.ctl("suspend_listeners", code=64)
        self.ctl("start_app")
        self.assertIn("Try one of debug, info", self.ctl("set_log_level", "loud", code=69))

    def test_without_a_log_file_it_is_said(self):
        with Broker(data_dir=self.data):
            self.assertEqual(self.ctl("-q", "log_location"), "<stdout>\n")
            self.assertIn("log.file = NAME", self.ctl("log_tail", code=69))

    def test_report_has_all_of_it(self):
        self.start()
        self.ctl("add_vhost", "other")
        report = self.ctl("report")
        for part in (f"Status of node {NODE} ...", f"Application environment of node {NODE} ...", "Listing users ...",
                     "Listing exchanges for vhost other ...", "Listing exchanges for vhost / ..."):
            self.assertIn(part, report)

    def test_certificates_and_versions(self):
        self.start()
        self.assertEqual(self.ctl("-q", "check_certificate_expiration", "--unit", "days", "--within", "3"),
                         "No certificates are expiring within 3 days.\n")
        self.assertIn("Please use one of: days, weeks, months, years",
                      self.ctl("check_certificate_expiration", "--unit", "fortnights", code=64))
        self.assertEqual(json.loads(self.ctl("tls_versions", "--formatter", "json")), {"versions": ["tlsv1.3", "tlsv1.2"]})
        self.assertEqual(self.ctl("set_vhost_tags", "/", "a", "b"), 'Setting tags for virtual host "/" to [a, b] ...\n')
        self.assertEqual(self.ctl("-s", "list_vhosts", "tags"), "[a, b]\n")
        self.assertIn('Virtual host "nope" does not exist', self.ctl("set_vhost_tags", "nope", code=65))


class Application(Tools):
    """Words and exit codes are those of Debian's RabbitMQ 3.10."""

    def client(self, broker):
        client = Amqp(broker.port).open_channel(confirm=True)
        self.addCleanup(client.close)
        return client

    def assert_closed(self, client, reason):
        with self.assertRaises(Refused) as raised:
            client.expect("basic.deliver")
        self.assertEqual(raised.exception.args, (320, f"CONNECTION_FORCED - {reason}"))

    def assert_refuses(self, broker):
        with self.assertRaises(ConnectionRefusedError):
            Amqp(broker.port)

    def test_stop_app_and_start_app(self):
        broker = self.start()
        client = self.client(broker)
        client.declare_queue(b"q")
        client.publish(b"q", b"kept")
        client.await_confirms(1)
        self.assertIn("requires the 'rabbit' app to be stopped on the target node", self.ctl("reset", code=64))
        self.assertEqual(self.ctl("stop_app"), f"Stopping rabbit application on node {NODE} ...\n")
        self.assert_closed(client, "broker forced connection closure with reason 'shutdown'")
        self.assert_refuses(broker)
        for words in (["status"], ["list_queues"], ["list_users"], ["add_user", "a", "b"], ["cluster_status"],
                      ["check_local_alarms"], ["export_definitions", "-"]):
            self.assertIn("requires the 'rabbit' app to be running on the target node. Start it with "
                          "'rabbitmqctl start_app'.", self.ctl(*words, code=64))
        self.assertIn("Ping succeeded", self.ctl("ping"))
        self.assertIn("not running or has not fully booted yet", self.ctl("is_running"))
        self.assertIn("not running or has not fully booted yet", self.ctl("check_running", code=69))
        self.assertIn("rabbit_is_not_running", self.ctl("await_startup", code=69))
        self.ctl("stop_app")
        self.assertEqual(self.ctl("start_app"), f"Starting node {NODE} ...\n")
        self.ctl("start_app")
        self.ctl("await_startup")
        client = self.client(broker)
        self.assertEqual(client.get(b"q").body, b"kept")

    def http(self, broker):
        """A connection of each HTTP port that has had an answer and stays open."""
        connections = []
        for name, path in (("management_port", "/api/whoami"), ("metrics_port", "/metrics")):
            connection = http.client.HTTPConnection("127.0.0.1", broker.ready[name], timeout=process.PATIENCE)
            self.addCleanup(connection.close)
            self.ask(connection, path)
            connections.append((connection, path))
        return connections

    def ask(self, connection, path):
        connection.request("GET", path, headers={"Authorization": "Basic Z3Vlc3Q6Z3Vlc3Q="})
        with connection.getresponse() as answer:
            answer.read()
            self.assertEqual(answer.status, 200)

    def assert_http_refuses(self, broker):
        for name in ("management_port", "metrics_port"):
            with self.assertRaises(ConnectionRefusedError):
                process.connect("127.0.0.1", broker.ready[name])

    def test_stop_app_ends_http_too(self):
        broker = self.start()
        connections = self.http(broker)
        self.ctl("stop_app")
        self.assert_http_refuses(broker)
        for connection, _ in connections:
            self.assertEqual(connection.sock.recv(1), b"")
        for command in ("stop_app", "reset", "ping"):
            self.ctl(command)
            self.assert_http_refuses(broker)
        self.ctl("start_app")
        self.http(broker)
        self.client(broker)
        self.ctl("check_port_connectivity")
        self.assertIn(f"port: {broker.ready['management_port']}, protocol: http,", self.ctl("status"))
        self.ctl("stop_app")
        with socket.create_server(("", broker.ready["management_port"]), reuse_port=False):
            self.assertIn(f"port {broker.ready['management_port']}: Address already in use", self.ctl("start_app", code=69))
            self.assert_refuses(broker)
        self.ctl("start_app")
        self.http(broker)
        self.client(broker)

    def test_maintenance_closes_the_http_ports_and_leaves_connections(self):
        """With suspend_listeners alone, too."""
        broker = self.start()
        for tool, close, again in (("rabbitmqctl", "suspend_listeners", "resume_listeners"),
                                   ("rabbitmq-upgrade", "drain", "revive"), ("rabbitmqctl", "suspend_listeners", "start_app")):
            with self.subTest(close=close, again=again):
                connections = self.http(broker)
                self.assertEqual(self.tool(tool, close)[0], 0)
                self.assert_http_refuses(broker)
                for connection, path in connections:
                    self.ask(connection, path)
                self.assertIn("listens on no port", self.ctl("check_port_connectivity", code=69))
                if again == "start_app":
                    self.ctl("stop_app")
                self.assertEqual(self.tool(tool, again)[0], 0)
                self.http(broker)

    def test_reset_makes_a_new_broker(self):
        for command in ("reset", "force_reset"):
            with self.subTest(command=command):
                broker = self.start()
                client = self.client(broker)
                client.declare_queue(b"q")
                for words in (["add_user", "u", "p"], ["add_vhost", "v"], ["set_policy", "p", ".", '{"max-length":1}'],
                              ["set_global_parameter", "g", "1"], ["change_password", "guest", "other"]):
                    self.ctl(*words)
                self.ctl("stop_app")
                self.ctl(command)
                self.ctl("start_app")
                for _ in range(2):
                    self.assertEqual(self.ctl("-s", "list_users"), "guest\t[administrator]\n")
                    self.assertEqual(self.ctl("-s", "list_vhosts"), "/\n")
                    self.assertEqual(self.ctl("-s", "list_queues") + self.ctl("-s", "list_policies"), "")
                    self.client(broker).declare_queue(b"fresh", durable=False, exclusive=True)
                    broker.stop()
                    broker = self.start()
                broker.stop()

    def test_suspended_listeners_leave_connections_alone(self):
        broker = self.start()
        client = self.client(broker)
        self.ctl("suspend_listeners")
        self.assert_refuses(broker)
        client.declare_queue(b"q", durable=False, exclusive=True)
        self.ctl("status")
        self.ctl("resume_listeners")
        self.client(broker)

    def test_maintenance(self):
        broker = self.start()
        client = self.client(broker)
        self.assertEqual(self.tool("rabbitmq-upgrade", "drain")[0], 0)
        self.assert_closed(client, "Node was put into maintenance mode")
        self.assert_refuses(broker)
        self.assertIn("Is under maintenance?: true", self.ctl("status"))
        self.assertEqual(self.tool("rabbitmq-upgrade", "revive")[0], 0)
        self.assertIn("Is under maintenance?: false", self.ctl("status"))
        self.client(broker)

    def test_waiting_for_nodes(self):
        self.start()
        self.ctl("await_online_nodes", "1")
        self.assertIn("this broker is one node", self.ctl("await_online_nodes", "2", "-t", "1", code=70))


class Progress(Tools):
    """What takes long is told to people at a terminal, and to nobody else."""

    def at_terminal(self, *words):
        """Exit code and what came on standard error, which is a terminal."""
        master, slave = pty.openpty()
        self.addCleanup(os.close, master)
        try:
            done = subprocess.run([os.path.join(PLACE, "leveretctl"), *words, "--data-dir", self.data], stderr=slave,
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=process.PATIENCE,
                                  check=False)
        finally:
            os.close(slave)
        return done.returncode, self.read_to_end(master)

    @staticmethod
    def read_to_end(master):
        """What was written to the other end, which is closed: the kernel passes it on in its own time, then says EIO."""
        said = b""
        while True:
            try:
                said += os.read(master, 65536)
            except OSError as end:
                if end.errno != errno.EIO:
                    raise
                return said.decode()

    def assert_shown(self, what, limit, said):
        """Some of the seconds, each with the percentage that belongs to it."""
        shown = re.findall(rf"\r{what}: (\d+) s of {limit} s \((\d+) %\)\x1b\[K", said)
        self.assertTrue(shown, said)
        for second, percent in ((int(second), int(percent)) for second, percent in shown):
            self.assertTrue(100 * second // limit <= percent <= 100 * (second + 1) // limit, said)

    def test_waiting_is_shown_with_percent_and_wiped_away(self):
        code, said = self.at_terminal("await_startup", "--timeout", "4")
        self.assertEqual(code, 75)
        self.assert_shown("waiting for the broker", 4, said)
        self.assertIn("\r\x1b[Kleveretctl: the broker did not start in time", said)
        code, said = self.at_terminal("await_startup", "--timeout", "2", "-q")
        self.assertEqual((code, "waiting" in said), (75, False))
        self.assertNotIn("waiting", self.tool("leveretctl", "await_startup", "--timeout", "2", "--data-dir", self.data)[2])

    def test_a_broker_at_work_is_shown(self):
        os.mkdir(self.data)
        with socket.socket(socket.AF_UNIX) as silent:
            silent.bind(os.path.join(self.data, "control.sock"))
            silent.listen()
            code, said = self.at_terminal("list_queues", "--timeout", "4")
        self.assertEqual(code, 75)
        self.assert_shown("the broker is at work", 4, said)
        self.assertIn("timed out", said)
        self.start()
        self.assertEqual(self.at_terminal("list_queues"), (0, ""))


if __name__ == "__main__":
    process.main()
