# SPDX-License-Identifier: Apache-2.0
# amqp-tools: the command line programs of rabbitmq-c, from Debian.

packages="amqp-tools"

client_version() {
    dpkg-query -W -f '${Version}' amqp-tools
}

client_run() {
    bash "$folder/tests.sh"
}
