#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The sample configuration and its manual page, and the keys that RabbitMQ's users have in their files."""
import pathlib
import re
import subprocess
import tempfile
import unittest

import process
from process import BROKER, PATIENCE, run

ROOT = pathlib.Path(__file__).resolve().parents[2]
INSTALL = ROOT / "tools" / "install"

# Keys that occur in rabbitmq.conf files; each is taken, or noticed as meaningless.
RABBITMQ_KEYS = """
listeners.tcp.default = 5672
listeners.tcp.local = 127.0.0.1:5673
num_acceptors.tcp = 10
tcp_listen_options.backlog = 128
tcp_listen_options.nodelay = true
tcp_listen_options.linger.on = true
tcp_listen_options.linger.timeout = 0
tcp_listen_options.exit_on_close = false
handshake_timeout = 10000
reverse_dns_lookups = false
ssl_options.verify = verify_none
ssl_options.depth = 2
ssl_options.versions.1 = tlsv1.3
ssl_options.versions.2 = tlsv1.2
ssl_options.honor_cipher_order = true
ssl_options.honor_ecc_order = true
ssl_options.client_renegotiation = false
ssl_options.secure_renegotiate = true
ssl_handshake_timeout = 5000
ssl_cert_login_from = common_name
ssl_cert_login_san_type = dns
ssl_cert_login_san_index = 0
auth_mechanisms.1 = PLAIN
auth_mechanisms.2 = AMQPLAIN
auth_backends.1 = internal
default_user = guest
default_pass = guest
default_vhost = /
default_user_tags.administrator = true
default_permissions.configure = .*
default_permissions.read = .*
default_permissions.write = .*
loopback_users.guest = false
loopback_users = none
password_hashing_module = rabbit_password_hashing_sha256
channel_max = 2047
frame_max = 131072
initial_frame_max = 8192
heartbeat = 60
max_message_size = 134217728
consumer_timeout = 1800000
consumer_max_per_channel = 100
channel_max_per_node = 1000
connection_max = infinity
vm_memory_high_watermark.relative = 0.4
vm_memory_high_watermark.absolute = 2GB
vm_memory_high_watermark_paging_ratio = 0.5
total_memory_available_override_value = 4GB
disk_free_limit.relative = 1.0
disk_free_limit.absolute = 1GB
default_queue_type = quorum
queue_leader_locator = balanced
queue_master_locator = min-masters
classic_queue.default_version = 2
quorum_queue.compute_checksums = true
stream.replication.port_range.min = 4000
deprecated_features.permit.transient_nonexcl_queues = true
deprecated_features.permit.management_metrics_collection = true
definitions.import_backend = local_filesystem
definitions.skip_if_unchanged = true
log.console = true
log.console.level = info
log.console.formatter = json
log.file = false
log.file.level = info
log.file.rotation.date = $D0
log.file.rotation.size = 10485760
log.file.rotation.count = 5
log.connection.level = warning
log.channel.level = warning
log.default.level = info
log.upgrade.level = info
management.tcp.port = 15672
management.tcp.ip = 0.0.0.0
management.path_prefix = /rabbit
management.rates_mode = basic
management.cors.allow_origins.1 = https://example.com
management_agent.disable_metrics_collector = true
management.sample_retention_policies.global.minute = 5
prometheus.tcp.port = 15692
prometheus.path = /metrics
prometheus.return_per_object_metrics = false
cluster_name = wonderland
cluster_formation.peer_discovery_backend = k8s
cluster_formation.k8s.host = kubernetes.default.svc.cluster.local
cluster_formation.node_cleanup.interval = 10
cluster_partition_handling = autoheal
net_ticktime = 60
collect_statistics_interval = 10000
mnesia_table_loading_retry_timeout = 30000
raft.wal_max_size_bytes = 536870912
vhost_restart_strategy = continue
queue_index_embed_msgs_below = 4096
hipe_compile = false
background_gc_enabled = false
"""


KEYS = pathlib.Path(__file__).with_name("rabbitmq_keys.txt")


def lines_of(part):
    """The lines `key = value` of one part of the list of RabbitMQ's keys."""
    text = re.search(rf"^\[{part}\]\n(.*?)(?=^\[|\Z)", KEYS.read_text(), re.MULTILINE | re.DOTALL).group(1)
    return [line for line in text.splitlines() if line and not line.startswith("#")]


def checked(lines):
    """What --check-config says about a file of these lines: refusals by line, and everything else."""
    with tempfile.TemporaryDirectory() as folder:
        conf = pathlib.Path(folder) / "rabbitmq.conf"
        text = "\n".join(lines).replace("@FILE@", str(KEYS)).replace("@FOLDER@", folder)
        conf.write_text(text)
        _, output, errors = run("--check-config", "--config", str(conf))
    refusals = re.findall(r"rabbitmq\.conf:(\d+): (.*)$", errors, re.MULTILINE)
    return {lines[int(number) - 1]: sentence for number, sentence in refusals}, output


def covers(pattern, key):
    """Whether a key is meant by a pattern of the README: $word is any word, a final * anything."""
    words = [r"[^.]+" if word.startswith("$") else re.escape(word).replace(r"\*", ".*") for word in pattern.split(".")]
    return re.fullmatch(r"\.".join(words), key) is not None


class Schemas(unittest.TestCase):
    maxDiff = None

    def test_what_rabbitmq_takes_is_taken(self):
        lines = lines_of("taken")
        self.assertGreater(len({line.split(" = ")[0] for line in lines}), 600)
        self.assertEqual(checked(lines)[0], {})

    def test_what_is_not_there_is_refused_with_a_reason(self):
        lines = lines_of("refused")
        refusals, _ = checked(lines)
        self.assertEqual([line for line in lines if line not in refusals], [])
        self.assertEqual([line for line, sentence in refusals.items() if "unknown key" in sentence], [])

    def test_wrong_values_are_refused_where_rabbitmq_refuses_them(self):
        lines = lines_of("wrong")
        self.assertGreater(len(lines), 600)
        refusals, _ = checked(lines)
        self.assertEqual([line for line in lines if line not in refusals], [])

    def test_the_readme_lists_what_means_nothing(self):
        readme = (ROOT / "README.md").read_text()
        listed = re.search(r"mean nothing here: each.*?</summary>(.*?)</details>", readme, re.DOTALL).group(1)
        patterns = [each.split(" = ")[0] for each in re.findall(r"`([^`]+)`", listed)]
        # Without what asks for certificates, and with ports that can be listened on.
        lines = [line for line in lines_of("taken") if not re.search(r"(certfile|keyfile|ssl\.port) = ", line)]
        lines += ["listeners.ssl = none", "listeners.tcp.default = 5672", "ssl_options.verify = verify_none",
                  "proxy_protocol = false", "management.listener.ssl = false"]
        keys = set(re.findall(r"rabbitmq\.conf:\d+: (\S+) has no meaning here", checked(lines)[1]))
        self.assertEqual([key for key in sorted(keys) if not any(covers(each, key) for each in patterns)], [])
        self.assertEqual([each for each in patterns if not any(covers(each, key) for key in keys)], [])


class Sample(unittest.TestCase):
    maxDiff = None

    def test_the_files_are_those_of_the_table(self):
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run([INSTALL / "generate-configuration", BROKER, folder], check=True, timeout=PATIENCE)
            for name in ("leveret.conf", "leveret.conf.5.scd"):
                self.assertEqual((INSTALL / name).read_text(), (pathlib.Path(folder) / name).read_text(),
                                 f"run tools/install/generate-configuration {BROKER}")

    def test_every_key_of_the_sample_is_accepted(self):
        text = (INSTALL / "leveret.conf").read_text()
        lines = re.findall(r"^# ([a-z][\w.\\]* = .*)$", text, re.MULTILINE)
        self.assertGreater(len(lines), 100)
        with tempfile.TemporaryDirectory() as folder:
            for name in ("ca_certificate.pem", "server_certificate.pem", "server_key.pem", "definitions.json"):
                (pathlib.Path(folder) / name).write_text("")
            for line in lines:
                with self.subTest(line):
                    conf = pathlib.Path(folder) / "one.conf"
                    # What needs another key to make sense is accepted beside it.
                    others = [f"ssl_options.cacertfile = {folder}/ca_certificate.pem",
                              "leveret.proxy_protocol.sources.1 = 127.0.0.1", "listeners.tcp.other = 0"]
                    conf.write_text("\n".join(others + [line.replace("/etc/leveret/", f"{folder}/")]))
                    code, _, errors = self.check_syntax(conf)
                    self.assertEqual(errors, "")
                    self.assertEqual(code, 0)

    def check_syntax(self, path):
        """Certificates in the sample are empty files: only what is wrong with keys counts here."""
        code, output, errors = run("--check-config", "--config", str(path))
        if "one.conf:" not in errors:
            return 0, output, ""
        return code, output, errors

    def test_keys_of_rabbitmqs_users(self):
        """rows: 443"""
        with tempfile.TemporaryDirectory() as folder:
            conf = pathlib.Path(folder) / "rabbitmq.conf"
            conf.write_text(RABBITMQ_KEYS)
            code, output, errors = run("--check-config", "--config", str(conf))
        self.assertEqual((code, errors), (0, ""))
        self.assertIn("cluster_formation.peer_discovery_backend has no meaning here", output)
        self.assertNotIn("heartbeat has no meaning", output)


if __name__ == "__main__":
    process.main()
