#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""rabbitmqadmin, ours, both the program and the script that the API serves: both grammars, and what RabbitMQ's own
(version 3.10) says and shows."""
import json
import os
import socket
import subprocess
import tempfile
import unittest
import urllib.error
import urllib.request

import certificates
import process
from process import BROKER, Broker

PROGRAM = os.path.join(os.path.dirname(os.path.abspath(BROKER)), "rabbitmqadmin")
ORIGINAL = "/usr/bin/rabbitmqadmin"


class Admin(unittest.TestCase):
    tool = [PROGRAM]

    def setUp(self):
        self.broker = Broker()
        self.addCleanup(self.broker.__exit__)

    def run_tool(self, *words, port=None):
        done = subprocess.run([*self.tool, "-P", str(port or self.broker.ready["management_port"]), *words],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=process.PATIENCE, check=False)
        return done.returncode, done.stdout, done.stderr

    def says(self, output, *words):
        self.assertEqual(self.run_tool(*words), (0, output, ""), words)

    def fails(self, complaint, *words, **options):
        code, output, errors = self.run_tool(*words, **options)
        self.assertEqual((code, output), (1, ""), words)
        self.assertIn(complaint, errors)

    def test_what_testcontainers_declares(self):
        for what, words in (
                ("vhost", ["name=v", "tracing=true"]), ("user", ["name=u", "password=p", "tags=administrator"]),
                ("permission", ["vhost=v", "user=u", "configure=.*", "write=.*", "read=.*"]),
                ("exchange", ["name=e", "type=topic", "durable=true", "arguments={}"]),
                ("queue", ["name=q", "auto_delete=false", 'arguments={"x-message-ttl":1000}']),
                ("binding", ["source=e", "destination=q", "destination_type=queue", "routing_key=a.#"]),
                ("policy", ["--vhost=/", "name=p", "pattern=^a", 'definition={"max-length":3}', "apply-to=queues",
                            "priority=1"]),
                ("operator_policy", ["name=o", "pattern=^a", 'definition={"max-length":3}']),
                ("vhost_limit", ["vhost=v", "name=max-queues", "value=5"])):
            self.says(f"{what} declared\n", "declare", what, *words)
        self.says("+------+-------------------------+\n| name |        arguments        |\n"
                  "+------+-------------------------+\n| q    | {\"x-message-ttl\": 1000} |\n"
                  "+------+-------------------------+\n", "list", "queues", "name", "arguments")
        self.says("name\tdurable\nq\tTrue\n", "-f", "tsv", "list", "queues", "name", "durable")
        self.assertIn("| e      | q           | a.#         |\n", self.run_tool("list", "bindings")[1])
        for what, name in (("policy", "p"), ("queue", "q"), ("exchange", "e"), ("user", "u"), ("vhost", "v")):
            self.says(f"{what} deleted\n", "delete", what, f"name={name}")
        self.says("No items\n", "list", "queues")

    def test_the_grammar_of_the_second_version(self):
        self.says("queue declared\n", "queues", "declare", "--name", "q", "--type", "quorum", "--durable", "true")
        self.says("exchange declared\n", "exchanges", "declare", "--name", "e", "--type", "fanout")
        self.says("binding declared\n", "bindings", "declare", "--source", "e", "--destination-type", "queue",
                  "--destination", "q", "--routing-key", "")
        self.says("user declared\n", "users", "declare", "--name", "u", "--password", "p", "--tags", "monitoring")
        self.says("name\ttype\nq\tquorum\n", "-f", "tsv", "queues", "list", "name", "type")
        self.says("queue deleted\n", "queues", "delete", "--name", "q")
        self.says("No items\n", "-u", "u", "-p", "p", "list", "connections")

    def test_the_later_of_two_options_counts(self):
        self.says("No items\n", "-u", "nosuch", "-u", "guest", "list", "queues")
        self.fails("Access refused", "-u", "guest", "-u", "nosuch", "list", "queues")

    def test_messages(self):
        self.says("queue declared\n", "declare", "queue", "name=q")
        self.says("Message published\n", "publish", "routing_key=q", "payload=hello")
        self.says("Message published but NOT routed\n", "publish", "exchange=amq.topic", "routing_key=x", "payload=x")
        got = json.loads(self.run_tool("-f", "raw_json", "get", "queue=q")[1])
        self.assertEqual([message["payload"] for message in got], ["hello"])
        self.says("queue purged\n", "purge", "queue", "name=q")
        self.says("No items\n", "get", "queue=q")

    def test_definitions(self):
        with tempfile.TemporaryDirectory() as room:
            path = os.path.join(room, "definitions.json")
            self.says("queue declared\n", "declare", "queue", "name=q")
            self.says(f'Exported definitions for localhost to "{path}"\n', "export", path)
            self.says("queue deleted\n", "delete", "queue", "name=q")
            self.assertEqual(self.run_tool("definitions", "import", "--file", path)[0], 0)
            self.assertIn("| q ", self.run_tool("list", "queues")[1])

    def test_health_checks(self):
        port = str(self.broker.port)
        for words in (["local_alarms"], ["local-alarms"], ["cluster_wide_alarms"], ["node_is_quorum_critical"],
                      ["deprecated_features_in_use"], ["port_listener", "--port", port], ["port_listener", f"port={port}"],
                      ["protocol_listener", "--protocol", "amqp"]):
            self.says("health check passed\n", "health_check", *words)
            self.says("", "-q", "health_check", *words)
        for words, path, what in ((["port_listener", "--port", "1"], "port-listener/1", "port\t1"),
                                  (["protocol_listener", "--protocol", "amqp/ssl"], "protocol-listener/amqp%2Fssl",
                                   "protocol\tamqp/ssl")):
            self.assertEqual(self.run_tool("-f", "tsv", "health_check", *words), (
                69, f"key\tvalue\nresult\thealth check failed\npath\thealth/checks/{path}\nstatus_code\t503\n"
                f"reason\tNo active listener\ninactive {what}\n", ""))
        code, output, _ = self.run_tool("-f", "raw_json", "health_check", "port_listener", "--port", "1")
        self.assertEqual((code, json.loads(output)["missing"]), (69, 1))
        self.assertIn("| reason ", self.run_tool("health_check", "port_listener", "--port", "1")[1])
        for words, port, complaint in (([], process.free_port(), "*** Could not connect: "),
                                       (["-u", "nobody"], None, "*** Access refused: /api/health/checks/alarms\n")):
            code, output, errors = self.run_tool(*words, "health_check", "cluster_wide_alarms", port=port)
            self.assertEqual((code, output), (69, ""))
            self.assertIn(complaint, errors)
        self.fails('mandatory argument "port"', "health_check", "port_listener")
        self.fails("health_check nosuch", "health_check", "nosuch")

    def test_a_health_check_tells_of_an_alarm(self):
        with Broker("--set", "vm_memory_high_watermark.absolute=1MB") as broker:
            def check(name):
                return self.run_tool("-f", "tsv", "health_check", name, port=broker.ready["management_port"])
            process.wait_until(lambda: check("local_alarms")[0] == 69, "the alarm")
            node = "rabbit@" + socket.gethostname().split(".")[0]
            for name, path, where in (("local_alarms", "local-alarms", "on the node"),
                                      ("cluster_wide_alarms", "alarms", "in the cluster")):
                self.assertEqual(check(name)[1].splitlines()[2:], [
                    f"path\thealth/checks/{path}", "status_code\t503", f"reason\tThere are alarms in effect {where}",
                    f"alarm in effect on node {node}\tmemory"])

    def test_churn(self):
        for _ in range(2):
            with process.Client(self.broker) as client:
                client.login().open_channel().declare_queue("q")
        self.says("queue deleted\n", "delete", "queue", "name=q")
        names, values = [line.split("\t") for line in self.run_tool("-f", "tsv", "show", "churn")[1].splitlines()]
        shown = dict(zip(names, values))
        self.assertEqual(names, ["connection_created", "connection_closed", "channel_created", "channel_closed",
                                 "queue_declared", "queue_created", "queue_deleted"])
        self.assertEqual([shown[name] for name in ("connection_created", "channel_created", "queue_declared",
                                                   "queue_created", "queue_deleted")], ["2", "2", "2", "1", "1"])
        self.assertIn("| queue_declared |", self.run_tool("show", "churn")[1])
        self.assertIn("queue_declared_details", json.loads(self.run_tool("-f", "raw_json", "show", "churn")[1])[0])
        self.fails("show nosuch", "show", "nosuch")

    def test_what_goes_wrong_is_said_with_1(self):
        self.fails("*** Not found: /api/queues/%2F/nosuch\n", "delete", "queue", "name=nosuch")
        self.fails("*** Access refused: /api/queues", "-u", "nobody", "list", "queues")
        self.fails("*** Could not connect: [Errno 111] Connection refused\n", "list", "queues",
                   port=process.free_port())
        self.fails('mandatory argument "name"', "declare", "queue")
        self.fails("Could not parse JSON:\n  {\n", "declare", "queue", "name=x", "arguments={")
        self.fails("nosuch", "nosuch")
        self.fails("Could not connect: ", "--ssl", "list", "queues")


class Settings(unittest.TestCase):
    """TLS, the configuration file, standard input and output: what RabbitMQ's own script takes too."""

    def setUp(self):
        room = tempfile.TemporaryDirectory()
        self.addCleanup(room.cleanup)
        self.room = certificates.Room(room.name)
        self.room.make_usual()
        self.port = process.free_port()
        self.broker = Broker(*[word for pair in {
            "management.tcp.port": process.free_port(), "management.ssl.port": self.port, "management.ssl.certfile": self.room.certificate("server"),
            "management.ssl.keyfile": self.room.key("server")}.items() for word in ("--set", "=".join(map(str, pair)))])
        self.addCleanup(self.broker.__exit__)
        self.plain = str(self.broker.ready["management_port"])

    def run_tool(self, *words, wanted=0, stdin="", home=None):
        done = subprocess.run([PROGRAM, *words], input=stdin, capture_output=True, text=True, timeout=process.PATIENCE,
                              check=False, env={**os.environ, "HOME": home or "/nowhere"})
        self.assertEqual(done.returncode, wanted, (words, done.stdout, done.stderr))
        return done.stdout if wanted == 0 else done.stderr

    def test_tls(self):
        tls = ["--ssl", "-P", str(self.port)]
        authority = ["--ssl-ca-cert-file", self.room.certificate("ca")]
        self.assertEqual(self.run_tool(*tls, *authority, "list", "queues"), "No items\n")
        self.assertEqual(self.run_tool("--use-tls", *tls[1:], *authority, "-H", "::1", "queues", "list"), "No items\n")
        self.assertIn("certificate", self.run_tool(*tls, "list", "queues", wanted=1))
        self.assertEqual(self.run_tool(*tls, "-k", "list", "queues"), "No items\n")
        self.assertIn("mismatch", self.run_tool(*tls, *authority, "-H", "127.0.0.2", "list", "queues", wanted=1))
        self.assertEqual(self.run_tool(*tls, *authority, "-H", "127.0.0.2", "--ssl-disable-hostname-verification", "list",
                                       "queues"), "No items\n")
        self.assertIn("nosuch.pem", self.run_tool(*tls, "--ssl-ca-cert-file", "nosuch.pem", "list", "queues", wanted=1))
        self.assertEqual(self.run_tool("-U", f"https://guest:guest@localhost:{self.port}", *authority, "list", "queues"),
                         "No items\n")

    def test_the_configuration_file(self):
        path = self.room.write(".rabbitmqadmin.conf", f"""
# a comment
[default]
port = {self.plain}   # another
[secure]
hostname = "localhost"
port = {self.port}
username = guest
password = guest
ssl = True
ssl_ca_cert_file = {self.room.certificate("ca")}
vhost = v
[other]
port = {self.plain}
declare_vhost = v
ssl = False
[wrong]
port = {self.plain}
username = nobody
""")
        home = os.path.dirname(path)
        self.assertEqual(self.run_tool("declare", "vhost", "name=v", home=home), "vhost declared\n")
        self.assertEqual(self.run_tool("-N", "secure", "declare", "queue", "name=q", home=home), "queue declared\n")
        self.assertEqual(self.run_tool("-c", path, "--node", "other", "declare", "queue", "name=r"), "queue declared\n")
        self.assertEqual(self.run_tool("-c", path, "-f", "kvp", "list", "queues", "vhost", "name"),
                         'vhost="v" name="q"\nvhost="v" name="r"\n')
        self.assertEqual(self.run_tool("-c", path, "-N", "secure", "-V", "/", "list", "queues"), "No items\n")
        self.assertIn("Access refused", self.run_tool("-c", path, "-N", "wrong", "list", "queues", wanted=1))
        self.assertEqual(self.run_tool("-c", path, "-N", "wrong", "-u", "guest", "-V", "/", "list", "queues"), "No items\n")
        self.assertIn("Could not read section 'nosuch'", self.run_tool("-c", path, "-N", "nosuch", "list", "queues", wanted=1))
        self.assertIn("Could not read config file", self.run_tool("-c", "/nosuch", "list", "queues", wanted=1))

    def test_standard_input_and_files(self):
        port = ["-P", self.plain]
        self.run_tool(*port, "declare", "queue", "name=q")
        self.run_tool(*port, "publish", "routing_key=q", stdin="from standard input")
        path = self.room.path("payload")
        self.assertIn("| q ", self.run_tool(*port, "get", "queue=q", f"payload_file={path}"))
        with open(path, encoding="ascii") as file:
            self.assertEqual(file.read(), "from standard input")
        exported = self.run_tool(*port, "export", "-")
        self.run_tool(*port, "delete", "queue", "name=q")
        self.run_tool(*port, "-q", "import", "-", stdin=exported)
        self.assertIn("| q ", self.run_tool(*port, "list", "queues"))
        self.run_tool(*port, "declare", "vhost", "name=other")
        of_vhost = json.loads(self.run_tool(*port, "-V", "other", "export", "-"))
        self.assertEqual(of_vhost["queues"], [])
        self.run_tool(*port, "-V", "other", "import", "-", stdin=exported)

    def test_what_nobody_knows_is_refused(self):
        for words, said in ((["declare", "queue", "name=q", "durabel=true"], 'Argument "durabel" is not recognised'),
                            (["queues", "declare", "--name", "q", "--nosuch", "1"], 'Argument "nosuch" is not recognised'),
                            (["-f", "xml", "list", "queues"], "Format xml not recognised"),
                            (["list", "nosuch"], "Don't know how to list nosuch"), ([], "Action not specified"),
                            (["-x", "list", "queues"], "no such option: -x"), (["list", "queues", "-f"], "requires 1 argument")):
            self.run_tool("-P", self.plain, "declare", "queue", "name=q")
            errors = self.run_tool("-P", self.plain, *words, wanted=1)
            self.assertIn(said, errors)
            self.assertIn("rabbitmqadmin --help for help", errors)
        self.assertIn("--ssl-ca-cert-file", self.run_tool("--help"))
        self.assertIn("declare operator_policy", self.run_tool("help", "subcommands"))
        self.assertIn("health_check port_listener  /health/checks/port-listener/{port}\n", self.run_tool("help", "subcommands"))
        self.assertIn("health_check ", self.run_tool("--help"))
        self.assertIn(" node_is_quorum_critical ", self.run_tool("--bash-completion"))
        self.assertIn("--ssl-insecure", self.run_tool("--bash-completion"))

    def test_a_broker_that_does_not_answer_is_given_up(self):
        with socket.create_server(("127.0.0.1", 0)) as silent:
            errors = self.run_tool("-P", str(silent.getsockname()[1]), "-t", "1", "list", "queues", wanted=1)
        self.assertIn("Timed out getting HTTP response (request timeout: 1 seconds)", errors)


class Form(unittest.TestCase):
    """Definitions sent as pages and `curl -F` send files; the answers are RabbitMQ 3.10's."""

    def send(self, broker, body, path="definitions", kind="multipart/form-data; boundary=----form7MA4YWxkTrZu0gW"):
        request = urllib.request.Request(f"http://127.0.0.1:{broker.ready['management_port']}/api/{path}", body.encode(),
                                         {"Content-Type": kind, "Authorization": "Basic Z3Vlc3Q6Z3Vlc3Q="})
        try:
            with urllib.request.urlopen(request, timeout=process.PATIENCE) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            with error:
                return error.code

    def form(self, name, content):
        return (f'------form7MA4YWxkTrZu0gW\r\nContent-Disposition: form-data; name="{name}"; filename="d.json"\r\n'
                f"Content-Type: application/json\r\n\r\n{content}\r\n------form7MA4YWxkTrZu0gW--\r\n")

    def test_a_file_of_a_form(self):
        queue = json.dumps({"queues": [{"name": "q", "vhost": "/", "durable": True, "auto_delete": False, "arguments": {}}]})
        of_vhost = json.dumps({"queues": [{"name": "r", "durable": True, "auto_delete": False, "arguments": {}}]})
        with Broker() as broker:
            self.assertEqual(self.send(broker, self.form("file", queue)), 204)
            self.assertEqual(self.send(broker, self.form("file", of_vhost), "definitions/%2F"), 204)
            for bad in (self.form("other", queue), self.form("file", "nonsense"), "", queue):
                self.assertEqual(self.send(broker, bad), 400)
            self.assertEqual(self.send(broker, queue, kind="text/plain"), 204)
            self.assertEqual(self.send(broker, self.form("file", "{}"), "vhosts/v"), 405)
            done = subprocess.run([PROGRAM, "-P", str(broker.ready["management_port"]), "-f", "bash", "list", "queues"],
                                  capture_output=True, text=True, check=True, timeout=process.PATIENCE)
        self.assertEqual(done.stdout, "q r\n")


@unittest.skipUnless(os.path.exists(ORIGINAL), "rabbitmq-server is not installed: no rabbitmqadmin to compare with")
class BesideTheOriginal(unittest.TestCase):
    """The same calls by RabbitMQ's own script and by ours, to the same broker, say the same."""

    def test_what_is_shown(self):
        broker = Broker()
        self.addCleanup(broker.__exit__)
        port = str(broker.ready["management_port"])
        for words in ("declare vhost name=v", "declare user name=u password=p tags=monitoring,management",
                      "declare permission vhost=v user=guest configure=.* write=.* read=.*",
                      "declare queue name=q", "-V v declare queue name=r durable=false",
                      "declare exchange name=x type=topic", "declare binding source=x destination=q routing_key=a.#",
                      'declare policy name=p pattern=^a definition={"max-length":3} apply-to=queues',
                      "declare vhost_limit vhost=v name=max-queues value=7", "publish routing_key=q payload=hello"):
            self.same(port, words.split())
        for kind in ("queues", "exchanges", "bindings", "users", "vhosts", "permissions", "policies", "operator_policies",
                     "vhost_limits", "parameters", "consumers", "connections"):
            self.same(port, ["list", kind])
        for form in ("long", "kvp", "tsv", "bash"):
            for kind in ("queues", "policies"):
                self.same(port, ["-f", form, "list", kind])
        for kind in ("queues", "bindings", "policies", "users"):
            self.same(port, ["-q", "-V", "v", "list", kind])
            self.same(port, ["-f", "pretty_json", "-S", "name", "-R", "list", kind, "name"])
        self.run_one([PROGRAM], port, ["get", "queue=q", "count=2"])    # from now on they are redelivered
        for words in ("list queues name durable vhost", "-S name -R list exchanges name", "show overview",
                      "get queue=q", "-f tsv -q get queue=q count=2", "declare queue", "declare nosuch name=x",
                      "list nosuch", "delete queue name=nosuch", "-u nobody list queues", "purge queue name=q", "get queue=q",
                      "close connection name=nosuch"):
            self.same(port, words.split())

    def same(self, port, words):
        said = [self.run_one(program, port, words) for program in (["/usr/bin/python3", ORIGINAL], [PROGRAM])]
        self.assertEqual(said[0], said[1], words)

    def run_one(self, program, port, words):
        """Exit code and output; of what is wrong the fact only."""
        done = subprocess.run([*program, "-P", port, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=process.PATIENCE, check=False, env={**os.environ, "HOME": "/nowhere"})
        return done.returncode, done.stdout, bool(done.stderr)


class Script(Admin):
    """The same of the script, as GET /cli/rabbitmqadmin gives it."""

    def setUp(self):
        super().setUp()
        url = f"http://127.0.0.1:{self.broker.ready['management_port']}/cli/rabbitmqadmin"
        file = tempfile.NamedTemporaryFile()
        self.addCleanup(file.close)
        with urllib.request.urlopen(url, timeout=process.PATIENCE) as answer:
            file.write(answer.read())
        file.flush()
        self.tool = ["/usr/bin/python3", file.name]

    def test_any_request_can_be_made(self):
        self.assertEqual(self.run_tool("PUT", "vhosts/v", '{"tags":"a"}')[0], 0)
        self.assertEqual(json.loads(self.run_tool("GET", "vhosts/v")[1])["tags"], ["a"])
        self.assertEqual(self.run_tool("DELETE", "vhosts/v")[0], 0)
        self.fails("*** Not found: /api/vhosts/v\n", "GET", "vhosts/v")


if __name__ == "__main__":
    process.main()
