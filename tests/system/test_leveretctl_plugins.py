#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""rabbitmq-plugins as scripts and Testcontainers call it, and the commands that only say what is not there."""
import json

import process
from process import Broker
from test_leveretctl_health import NODE, Tools, tool

MANAGEMENT = "rabbitmq_management"


class Plugins(Tools):
    def plugins(self, *words):
        return tool("rabbitmq-plugins", *words, data=self.data)

    def test_what_is_built_in_can_be_enabled_with_and_without_a_broker(self):
        for words in (("enable", MANAGEMENT), ("enable", "--offline", MANAGEMENT, "rabbitmq_prometheus"),
                      ("set", MANAGEMENT), ("enable", "--all")):
            code, output, errors = self.plugins(*words)
            self.assertEqual((code, errors), (0, ""), words)
            self.assertIn(f"  {MANAGEMENT}\n", output)
        self.assertTrue(self.plugins("enable", MANAGEMENT)[1].startswith(
            f"Enabling plugins on node {NODE}:\n{MANAGEMENT}\nThe following plugins have been configured:\n"))
        with Broker(data_dir=self.data):
            self.assertEqual(self.plugins("enable", MANAGEMENT)[0], 0)

    def test_what_is_not_there_fails(self):
        code, _, errors = self.plugins("enable", MANAGEMENT, "rabbitmq_nosuch")
        self.assertEqual(code, 70)
        self.assertIn("rabbitmq_nosuch is not built in", errors)
        self.assertEqual(self.plugins("enable")[0], 64)
        self.assertEqual(self.plugins("disable", MANAGEMENT)[0], 64)
        self.assertEqual(self.plugins("disable", "rabbitmq_nosuch")[0], 70)

    def test_is_enabled(self):
        self.assertEqual(self.plugins("is_enabled", MANAGEMENT),
                         (0, f"Asking node {NODE} if plugin {MANAGEMENT} is enabled...\n"
                             f"Plugin {MANAGEMENT} is enabled on node {NODE}\n", ""))
        code, _, errors = self.plugins("is_enabled", MANAGEMENT, "rabbitmq_shovel")
        self.assertEqual(code, 69)
        self.assertTrue(errors.startswith(
            f"Error:\nPlugin rabbitmq_shovel is not enabled on node {NODE}. Enabled plugins and dependencies: "))

    def test_list(self):
        code, output, _ = self.plugins("list", "-e", "-m", "-q")
        self.assertEqual(code, 0)
        self.assertIn(MANAGEMENT, output.splitlines())
        self.assertEqual(self.plugins("list", "-m", "-q", "^rabbitmq_prom")[1], "rabbitmq_prometheus\n")
        self.assertTrue(self.plugins("list")[1].startswith('Listing plugins with pattern ".*" ...\n Configured: E = '))
        self.assertEqual(self.plugins("list", "(")[0], 64)
        self.assertRegex(self.plugins("list")[1], rf"\n\[E\*\] {MANAGEMENT} +\d+\.\d+\.\d+\n")
        document = json.loads(self.plugins("list", "--formatter", "json")[1])
        self.assertEqual({(plugin["enabled"], plugin["running"]) for plugin in document["plugins"]},
                         {("enabled", True)})
        self.assertIn(MANAGEMENT, [plugin["name"] for plugin in document["plugins"]])

    def test_the_node_is_called_as_it_calls_itself(self):
        with Broker("--set", "leveret.node_name=hare@field", data_dir=self.data):
            self.assertIn("on node hare@field", self.plugins("is_enabled", MANAGEMENT)[1])
            self.assertIn("on node hare@field", self.diagnostics("check_port_connectivity")[1])


class NotThere(Tools):
    def test_what_is_not_implemented_says_so_with_64(self):
        for words in (("join_cluster", "rabbit@other"), ("add_replica", "q"), ("eval_file", "x")):
            code, output, errors = self.ctl(*words)
            self.assertEqual((code, output), (64, ""), words)
            self.assertEqual(len(errors.splitlines()), 2, errors)


if __name__ == "__main__":
    process.main()
