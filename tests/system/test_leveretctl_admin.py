#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""leveretctl under RabbitMQ's names: lists, users, vhosts, permissions, policies, limits, definitions.

Banners, tables, complaints and exit codes are those of Debian's rabbitmqctl 3.10, read off a running one.
"""
import concurrent.futures
import json
import os
import re
import socket
import subprocess

import process
from process import Broker, Client
from test_leveretctl_health import NODE, PLACE, Tools, tool


class Admin(Tools):
    """Steps: the words, then what comes on standard output, or with an exit code what is complained about."""

    def good(self, *words):
        code, output, errors = self.ctl(*words)
        self.assertEqual((code, errors), (0, ""), words)
        return output

    def says(self, output, *words):
        self.assertEqual(self.good(*words), output, words)

    def fails(self, exit_code, complaint, *words):
        code, _, errors = self.ctl(*words)
        self.assertEqual((code, errors), (exit_code, f"Error:\n{complaint}\n"), words)

    def rows(self, *words):
        return json.loads(self.good(*words, "--formatter", "json"))


class SlowHash(Admin):
    def test_is_made_beside_the_others(self):
        """As in test_management.py, by command."""
        definitions = os.path.join(self.data, "definitions.json")
        with Broker("--set", "password_hashing_module=leveret_password_hashing_pbkdf2_sha256",
                    data_dir=self.data) as broker:
            with Client(broker) as other, concurrent.futures.ThreadPoolExecutor(4) as pool:
                other.login().open_channel()
                other.declare_queue("q")
                with open(definitions, "w", encoding="ascii") as file:
                    json.dump({"users": [{"name": name, "password": name, "tags": ""} for name in ("x", "y")]}, file)
                made = [pool.submit(self.ctl, *words) for words in
                        (("add_user", "u", "p"), ("add_user", "v", "p"), ("change_password", "guest", "other"),
                         ("hash_password", "p"), ("import_definitions", definitions))]
                answers = 0
                while not all(future.done() for future in made):
                    other.declare_queue("q")
                    answers += 1
                self.assertEqual([future.result()[0] for future in made], [0] * 5)
                asked = [pool.submit(self.ctl, "authenticate_user", *words) for words in
                         (("u", "p"), ("x", "x"), ("y", "p"), ("nobody", "p"))]
                more = 0
                while not all(future.done() for future in asked):
                    other.declare_queue("q")
                    more += 1
                self.assertEqual([future.result()[0] for future in asked], [0, 0, 65, 65])
            self.assertGreater(answers, 50)
            self.assertGreater(more, 50)
            self.good("authenticate_user", "u", "p")
            self.good("authenticate_user", "guest", "other")
            self.fails(70, 'User "u" already exists', "add_user", "u", "p")

    def test_who_asks_may_go_away(self):
        with Broker("--set", "password_hashing_module=leveret_password_hashing_pbkdf2_sha256",
                    data_dir=self.data):
            users = json.dumps({"users": [{"name": name, "password": name, "tags": ""} for name in ("x", "y")]})
            for command, *words in (("add_user", "u", "p"), ("authenticate_user", "v", "p"),
                                    ("import_definitions", users), ("add_user", "w", "p")):
                with socket.socket(socket.AF_UNIX) as control:
                    control.connect(os.path.join(self.data, "control.sock"))
                    control.sendall(json.dumps({"command": command, "arguments": words,
                                                "options": {}}).encode() + b"\n")
            self.good("add_user", "x", "p")
            self.good("authenticate_user", "x", "p")


class Lists(Admin):
    def test_list_queues(self):
        """rows: 441"""
        banner = "Timeout: 60.0 seconds ...\nListing queues for vhost / ...\n"
        with Broker(data_dir=self.data) as broker, Client(broker) as client:
            self.says(banner, "list_queues")
            client.login().open_channel()
            for name in ("b", "a"):
                client.declare_queue(name)
            client.publish("a", b"x")
            process.wait_until(lambda: "a\t1" in self.good("list_queues"))
            self.says(banner + "name\tmessages\na\t1\nb\t0\n", "list_queues")
            self.says("name\tmessages\na\t1\nb\t0\n", "-q", "list_queues")
            self.says("a\t1\nb\t0\n", "-s", "list_queues")
            self.says(banner + "a\t1\nb\t0\n", "list_queues", "--no-table-headers")
            self.says(banner + "name\tdurable\tpolicy\targuments\na\tfalse\t\t[]\nb\tfalse\t\t[]\n", "list_queues",
                      "name", "durable", "policy", "arguments")
            self.says("1\t1\t0\t0\n0\t0\t0\t0\n", "-s", "list_queues", "message_bytes", "message_bytes_ready",
                      "message_bytes_unacknowledged", "messages_paged_out")
            self.assertRegex(self.good("-s", "list_queues", "name", "memory"), r"\Aa\t[1-9]\d+\nb\t[1-9]\d+\n\Z")
            process.wait_until(lambda: re.fullmatch(r"(\d{4}-\d\d-\d\dT[\d:.]+\+00:00\n){2}",
                                                    self.good("-s", "list_queues", "idle_since")))
            self.says('[\n{"name":"a","messages":1}\n,{"name":"b","messages":0}\n]\n', "list_queues",
                      "--formatter", "json")
            self.says('{"name":"a","messages":1}\n{"name":"b","messages":0}\n', "list_queues", "--formatter",
                      "json_stream")
            self.says('"name","messages"\n"a","1"\n"b","0"\n', "list_queues", "--formatter", "csv")
            self.says(banner + '[[{name,<<"a">>},{messages,1}],[{name,<<"b">>},{messages,0}]]\n', "list_queues",
                      "--formatter", "erlang")
            self.assertIn("│ a    │ 1        │\n", self.good("list_queues", "--formatter", "pretty_table"))
            self.says("Timeout: 60.0 seconds ...\nListing queues for vhost nosuch ...\n", "list_queues", "-p", "nosuch")
            self.fails(64, "Info key(s) nosuch are not supported", "list_queues", "name", "nosuch")

    def test_exchanges_and_bindings(self):
        with Broker(data_dir=self.data) as broker, Client(broker) as client:
            client.login().open_channel().declare_queue("q")
            output = self.good("list_exchanges")
            self.assertTrue(output.startswith("Listing exchanges for vhost / ...\nname\ttype\n\tdirect\n"))
            self.assertIn("\namq.topic\ttopic\n", output)
            self.says("Listing bindings for vhost /...\n"
                      "source_name\tsource_kind\tdestination_name\tdestination_kind\trouting_key\targuments\n"
                      "\texchange\tq\tqueue\tq\t[]\n", "list_bindings")

    def test_connections_channels_and_consumers(self):
        with Broker(data_dir=self.data) as broker, Client(broker) as client:
            self.says("Listing connections ...\n", "list_connections")
            client.login().open_channel().declare_queue("q")
            client.send(1, 60, 20, b"\0\0" + process.shortstr("q") + process.shortstr("tag") + b"\0\0\0\0\0")
            client.expect(1, 60, 21)
            port = client.socket.getsockname()[1]
            self.says(f"Listing connections ...\nuser\tpeer_host\tpeer_port\tstate\nguest\t127.0.0.1\t{port}\t"
                      "running\n", "list_connections")
            channels = self.good("list_channels").splitlines()
            self.assertEqual(channels[:2],
                             ["Listing channels ...", "pid\tuser\tconsumer_count\tmessages_unacknowledged"])
            self.assertEqual(channels[2].split("\t")[1:], ["guest", "1", "0"])
            consumers = self.good("list_consumers").splitlines()
            self.assertEqual(consumers[1], "queue_name\tchannel_pid\tconsumer_tag\tack_required\tprefetch_count\t"
                                           "active\targuments")
            self.assertEqual(consumers[2].split("\t")[0::2], ["q", "tag", "0", "[]"])

    def test_a_list_of_many_turns_is_whole(self):
        with Broker(data_dir=self.data) as broker, Client(broker) as client:
            client.login().open_channel()
            for number in range(3000):
                client.send(1, 50, 10, b"\0\0" + process.shortstr(f"q{number:05}") + b"\x10" + bytes(4))
            client.declare_queue("last")
            self.assertEqual(len(self.good("-q", "list_queues", "name").splitlines()), 3002)


class Entities(Admin):
    def test_users(self):
        with Broker(data_dir=self.data) as broker:
            self.says("Listing users ...\nuser\ttags\nguest\t[administrator]\n", "list_users")
            self.says('Adding user "bob" ...\nDone. Don\'t forget to grant the user permissions to some virtual '
                      "hosts! See 'rabbitmqctl help set_permissions' to learn more.\n", "add_user", "bob", "secret")
            self.fails(70, 'User "bob" already exists', "add_user", "bob", "secret")
            self.says('Setting tags for user "bob" to [administrator, monitoring] ...\n', "set_user_tags", "bob",
                      "administrator", "monitoring")
            self.assertIn({"user": "bob", "tags": ["administrator", "monitoring"]}, self.rows("list_users"))
            self.fails(67, 'User "nobody" does not exist', "delete_user", "nobody")
            self.says('Changing password for user "bob" ...\n', "change_password", "bob", "x")
            self.says('Authenticating user "bob" ...\nSuccess\n', "authenticate_user", "bob", "x")
            self.fails(65, 'Error: failed to authenticate user "bob"\nuser \'bob\' - invalid credentials',
                       "authenticate_user", "bob", "secret")
            self.good("clear_password", "bob")
            self.assertEqual(self.ctl("authenticate_user", "bob", "x")[0], 65)
            self.says('Deleting user "bob" ...\n', "delete_user", "bob")
            self.good("add_user", "stays", "x")
            broker.kill()
        with Broker(data_dir=self.data):
            self.assertIn("stays", self.good("list_users"), "said to be done, and gone after a crash")

    def test_vhosts_and_permissions(self):
        with Broker(data_dir=self.data):
            self.good("add_user", "bob", "bob")
            self.says('Adding vhost "v1" ...\n', "add_vhost", "v1", "--description", "d", "--tags", "a,b")
            self.assertIn({"name": "v1", "description": "d", "tags": ["a", "b"]},
                          self.rows("list_vhosts", "name", "description", "tags"))
            self.fails(65, "Virtual host 'nosuch' does not exist", "delete_vhost", "nosuch")
            self.says('Setting permissions for user "bob" in vhost "v1" ...\n', "set_permissions", "-p", "v1",
                      "bob", ".*", ".*", "")
            self.assertEqual(self.ctl("set_permissions", "-p", "v1", "nosuch", "", "", "")[0], 67)
            self.says('Listing permissions for vhost "v1" ...\nuser\tconfigure\twrite\tread\nbob\t.*\t.*\t\n',
                      "list_permissions", "-p", "v1")
            self.says('Listing permissions for user "bob" ...\nvhost\tconfigure\twrite\tread\nv1\t.*\t.*\t\n',
                      "list_user_permissions", "bob")
            self.good("set_topic_permissions", "-p", "v1", "bob", "amq.topic", "a", "b")
            self.says('Listing topic permissions for vhost "v1" ...\nuser\texchange\twrite\tread\n'
                      "bob\tamq.topic\ta\tb\n", "list_topic_permissions", "-p", "v1")
            self.assertEqual(len(self.rows("list_user_topic_permissions", "bob")), 1)
            self.good("clear_topic_permissions", "-p", "v1", "bob")
            self.good("clear_permissions", "-p", "v1", "bob")
            self.assertEqual(self.rows("list_user_permissions", "bob"), [])
            self.good("delete_vhost", "v1")
            self.assertEqual(self.rows("list_vhosts"), [{"name": "/"}])

    def test_policies_and_parameters(self):
        with Broker(data_dir=self.data):
            self.says('Setting policy "p" for pattern "^a" to "{"max-length":10}" with priority "1" for vhost "/" '
                      "...\n", "set_policy", "p", "^a", '{"max-length":10}', "--priority", "1", "--apply-to", "queues")
            self.says('Listing policies for vhost "/" ...\nvhost\tname\tpattern\tapply-to\tdefinition\tpriority\n'
                      '/\tp\t^a\tqueues\t{"max-length":10}\t1\n', "list_policies")
            self.fails(69, "Validation failed\n\n[{<<\"max-lengthx\">>,10}] are not recognised policy settings\n",
                       "set_policy", "p", "^a", '{"max-lengthx":10}')
            self.fails(69, "JSON decoding error. Reason: badarg", "set_policy", "p", "^a", "nojson")
            self.says('Clearing policy "p" on vhost "/" ...\n', "clear_policy", "p")
            self.fails(69, "Parameter does not exist", "clear_policy", "p")
            self.good("set_operator_policy", "op", "^a", '{"max-length":10}')
            self.assertEqual(self.rows("list_operator_policies")[0]["definition"], '{"max-length":10}')
            self.good("clear_operator_policy", "op")
            self.fails(69, "Validation failed\n\ncomponent x not found\n", "set_parameter", "x", "y", "{}")
            self.good("set_global_parameter", "foo", '{"a":1}')
            self.assertIn('foo\t{"a":1}\n', self.good("list_global_parameters"))
            self.good("clear_global_parameter", "foo")
            self.assertNotIn("foo", self.good("list_global_parameters"))

    def test_limits(self):
        with Broker(data_dir=self.data):
            self.good("add_vhost", "v1")
            self.good("set_vhost_limits", "-p", "v1", '{"max-connections":5}')
            self.assertEqual(self.rows("list_vhost_limits", "--global"),
                             [{"vhost": "v1", "limits": '{"max-connections":5}'}])
            self.good("clear_vhost_limits", "-p", "v1")
            self.assertEqual(self.rows("list_vhost_limits", "-p", "v1"), [])
            # As RabbitMQ has it, what is not named any more is not limited any more.
            self.good("set_vhost_limits", '{"max-connections":5,"max-queues":6}')
            self.good("set_vhost_limits", '{"max-queues":7}')
            self.says('Listing limits for vhost "/" ...\n{"max-queues":7}\n', "list_vhost_limits")
            self.assertEqual(self.rows("list_vhost_limits")["value"], '{"max-queues":7}')
            self.good("set_user_limits", "guest", '{"max-channels":5}')
            self.assertEqual(self.rows("list_user_limits", "--global"),
                             [{"user": "guest", "limits": '{"max-channels":5}'}])
            self.says('Listing limits for user "guest" ...\n{"max-channels":5}\n', "list_user_limits")
            self.good("clear_user_limits", "guest", "all")
            self.assertEqual(self.rows("list_user_limits")["value"], "{}")
            self.assertEqual(self.ctl("set_user_limits", "guest", '{"nonsense":5}')[0], 69)

    def test_vhosts_have_a_type_of_queues_that_there_is(self):
        with Broker(data_dir=self.data):
            self.fails(64, "Unsupported default queue type", "add_vhost", "v", "--default-queue-type", "nosuch")
            self.good("add_vhost", "v")
            self.fails(64, "Unsupported default queue type", "update_vhost_metadata", "v", "--default-queue-type", "x")
            self.good("update_vhost_metadata", "v", "--default-queue-type", "quorum", "--description", "d")
            self.assertIn("v\tquorum\td\n", self.good("list_vhosts", "name", "default_queue_type", "description"))

    def test_a_protected_vhost_is_there_until_its_protection_is_lifted(self):
        with Broker(data_dir=self.data):
            self.good("add_vhost", "v")
            self.good("enable_vhost_protection_from_deletion", "v")
            self.assertEqual(self.ctl("delete_vhost", "v")[0], 69)
        with Broker(data_dir=self.data):
            self.assertEqual(self.ctl("delete_vhost", "v")[0], 69)
            self.good("disable_vhost_protection_from_deletion", "v")
            self.good("delete_vhost", "v")

    def test_new_vhosts_have_what_the_configuration_gives_to_them(self):
        with Broker("--set", "default_limits.vhosts.a.pattern=.*", "--set", "default_limits.vhosts.a.max_queues=3",
                    data_dir=self.data):
            self.good("add_vhost", "v")
            self.assertEqual(self.rows("list_vhost_limits", "-p", "v")["value"], '{"max-queues":3}')

    def test_queues_are_purged_and_deleted(self):
        with Broker(data_dir=self.data) as broker, Client(broker) as client:
            client.login().open_channel().declare_queue("a")
            client.publish("a", b"x")
            process.wait_until(lambda: "a\t1" in self.good("list_queues"))
            self.says("Purging queue 'a' in vhost '/' ...\n", "purge_queue", "a")
            self.assertIn("a\t0", self.good("list_queues"))
            self.fails(69, "not_found", "purge_queue", "nosuch")
            self.says("Deleting queue 'a' on vhost '/' ...\nQueue was successfully deleted with 0 ready messages\n",
                      "delete_queue", "a")
            self.fails(64, "Queue not found", "delete_queue", "a")

    def test_connections_are_closed_with_the_reason(self):
        with Broker(data_dir=self.data) as broker:
            with Client(broker) as client:
                client.login()
                name = self.rows("list_connections", "name")[0]["name"]
                self.assertEqual(self.ctl("close_connection", "nosuch", "why")[0], 69)
                self.good("close_connection", name, "why not")
                self.assertIn(b"CONNECTION_FORCED - why not", client.expect(0, 10, 50))
            with Client(broker) as client:
                client.login()
                self.says("Closing all connections in vhost /, reason: enough...\nClosed 1 connections\n",
                          "close_all_connections", "enough")
                self.assertIn(b"enough", client.expect(0, 10, 50))

    def test_definitions_travel_by_file(self):
        path = os.path.join(self.room, "definitions.json")
        with Broker(data_dir=self.data):
            self.good("add_user", "bob", "bob")
            self.says(f'Exporting definitions in JSON to a file at "{path}" ...\n', "export_definitions", path)
            with open(path, encoding="utf-8") as file:
                exported = json.load(file)
            self.assertEqual(json.loads(self.good("export_definitions", "-")), exported)
            self.good("delete_user", "bob")
            self.says(f'Importing definitions in JSON from a file at "{path}" ...\n'
                      "Successfully started definition import. This process is asynchronous and can take some "
                      "time.\n", "import_definitions", path)
            self.good("authenticate_user", "bob", "bob")
            self.assertEqual(self.ctl("import_definitions", "/nowhere/at/all")[0], 66)
            with open(path, "w", encoding="utf-8") as file:
                file.write("{")
            self.assertEqual(self.ctl("import_definitions", path)[0], 65)


class Node(Admin):
    def test_limits_of_memory_and_disk(self):
        with Broker(data_dir=self.data):
            self.says(f"Setting memory threshold on {NODE} to 0 ...\n", "set_vm_memory_high_watermark", "0")
            process.wait_until(lambda: self.ctl("check_local_alarms")[0] == 69)
            self.good("set_vm_memory_high_watermark", "absolute", "100GB")
            process.wait_until(lambda: self.ctl("check_local_alarms")[0] == 0)
            self.says(f"Setting disk free limit on {NODE} to 50MB bytes ...\n", "set_disk_free_limit", "50MB")
            self.good("set_disk_free_limit", "mem_relative", "0.0")
            for words in (("set_disk_free_limit", "x"), ("set_vm_memory_high_watermark", "2"),
                          ("set_vm_memory_high_watermark", "absolute", "1XB")):
                self.assertEqual(self.ctl(*words)[0], 65, words)

    def test_the_expressions_that_scripts_evaluate(self):
        script = ("{true, rabbit_app_booted_and_running} = {rabbit:is_booted(node()), "
                  "rabbit_app_booted_and_running}, {[], no_alarms} = {rabbit:alarms(), no_alarms}, "
                  "[] /= rabbit_networking:active_listeners(), rabbitmq_node_is_healthy.")
        alarm = "rabbit_alarm:{}_alarm({{resource_limit, memory, node()}})."
        with Broker(data_dir=self.data):
            self.says("rabbitmq_node_is_healthy\n", "eval", script)
            self.says("ok\n", "eval", "rabbit_alarm:set_alarm({{resource_limit, memory, node()}, []}).")
            process.wait_until(lambda: self.ctl("check_local_alarms")[0] == 69)
            self.assertEqual(self.ctl("eval", script)[0], 70)
            self.says("ok\n", "eval", alarm.format("clear"))
            process.wait_until(lambda: self.ctl("check_local_alarms")[0] == 0)
            self.assertEqual(self.ctl("eval", "1 + 1.")[0], 64)

    def test_cluster_and_feature_flags(self):
        with Broker(data_dir=self.data):
            self.says("Setting cluster name to n ...\n", "set_cluster_name", "n")
            output = self.good("cluster_status")
            self.assertTrue(output.startswith(f"Cluster status of node {NODE} ...\nBasics\n\nCluster name: n\n\n"
                                              f"Disk Nodes\n\n{NODE}\n"))
            self.assertIn("Network Partitions\n\n(none)\n", output)
            self.assertIn({"name": "stream_queue", "state": "enabled"}, self.rows("list_feature_flags"))
            self.assertIn("stream_queue\trabbit\n", self.good("list_feature_flags", "name", "provided_by"))
            self.assertEqual(self.ctl("list_feature_flags", "nosuch")[0], 64)
            self.good("enable_feature_flag", "all")
            self.fails(64, f"This feature flag is not supported by node {NODE}", "enable_feature_flag", "nosuch")

    def test_the_application_is_stopped_reset_and_started(self):
        port = process.free_port()
        with Broker("--port", str(port), data_dir=self.data) as broker:
            self.assertEqual(self.ctl("reset")[0], 64)
            self.good("add_user", "bob", "bob")
            self.good("add_vhost", "v")
            self.good("set_global_parameter", "p", "1")
            with Client(broker) as client:
                client.login().open_channel()
                client.send(1, 50, 10, b"\0\0" + process.shortstr("durable") + b"\x02" + bytes(4))
                client.expect(1, 50, 11)
                self.says(f"Stopping rabbit application on node {NODE} ...\n", "stop_app")
                self.assertIn(b"CONNECTION_FORCED", client.expect(0, 10, 50))
            with self.assertRaises(ConnectionRefusedError):
                process.connect("127.0.0.1", port)
            self.fails(69, f"RabbitMQ on node {NODE} is not running or has not fully booted yet (check with "
                       "is_booting)", "check_running")
            self.assertEqual(self.ctl("ping")[0], 0)
            self.says(f"Resetting node {NODE} ...\n", "reset")
            self.says(f"Starting node {NODE} ...\n", "start_app")
            self.assertEqual(self.ctl("check_running")[0], 0)
            with Client(broker) as client:
                client.login()
            broker.kill()
        with Broker("--port", str(port), data_dir=self.data):
            self.assertEqual(self.rows("list_users"), [{"user": "guest", "tags": ["administrator"]}])
            self.assertEqual(self.rows("list_vhosts"), [{"name": "/"}])
            self.assertEqual(self.rows("list_queues"), [])

    def test_stop_returns_when_the_broker_has_ended(self):
        with Broker(data_dir=self.data) as broker:
            self.says(f"Stopping and halting node {NODE} ...\n", "stop")
            self.assertEqual(broker.wait(), 0)
        self.assertEqual(self.ctl("ping")[0], 69)

    def test_passwords_come_by_standard_input_too(self):
        with Broker(data_dir=self.data):
            self.assertEqual(tool("rabbitmqctl", "add_user", "eve", data=self.data)[0], 64)
            done = subprocess.run([os.path.join(PLACE, "rabbitmqctl"), "add_user", "eve", "--data-dir", self.data],
                                  input="s3cret\n", capture_output=True, text=True, timeout=process.PATIENCE,
                                  check=False)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.good("authenticate_user", "eve", "s3cret")


if __name__ == "__main__":
    process.main()
