# SPDX-License-Identifier: Apache-2.0
# kombu: Python's messaging library on top of py-amqp, from Debian.

packages="python3-kombu"

client_version() {
    dpkg-query -W -f '${Version}' python3-kombu
}

client_run() {
    PYTHONPATH=$folder/../support /usr/bin/python3 -B "$folder/main.py"
}
