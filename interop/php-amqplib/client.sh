# SPDX-License-Identifier: Apache-2.0
# php-amqplib: the PHP client, from Debian.

packages="php-cli php-amqplib"

client_version() {
    dpkg-query -W -f '${Version}' php-amqplib
}

client_run() {
    php "$folder/main.php"
}
