# SPDX-License-Identifier: Apache-2.0
# py-amqp: the Python client below kombu and Celery, from Debian.

packages="python3-amqp"

client_version() {
    dpkg-query -W -f '${Version}' python3-amqp
}

client_run() {
    PYTHONPATH=$folder/../support /usr/bin/python3 -B "$folder/main.py"
}
