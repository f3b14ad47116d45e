# SPDX-License-Identifier: Apache-2.0
# pika: the Python client of RabbitMQ's tutorials, from Debian.

packages="python3-pika"

client_version() {
    dpkg-query -W -f '${Version}' python3-pika
}

client_run() {
    PYTHONPATH=$folder/../support /usr/bin/python3 -B "$folder/main.py"
}
