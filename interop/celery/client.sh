# SPDX-License-Identifier: Apache-2.0
# Celery: workers, results over AMQP, remote control and events, from Debian.

packages="python3-celery"

client_version() {
    dpkg-query -W -f '${Version}' python3-celery
}

client_run() {
    PYTHONPATH=$folder/../support:$folder /usr/bin/python3 -B "$folder/main.py"
}
