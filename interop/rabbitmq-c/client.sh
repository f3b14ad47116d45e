# SPDX-License-Identifier: Apache-2.0
# rabbitmq-c: the C library, compiled here against Debian's librabbitmq-dev.

packages="gcc libc6-dev librabbitmq-dev"

client_version() {
    dpkg-query -W -f '${Version}' librabbitmq-dev
}

client_build() {
    "${CC:-cc}" -std=gnu11 -O1 -Wall -Wextra -o "$work/rabbitmq-c-tests" "$folder"/*.c -lrabbitmq
}

client_run() {
    "$work/rabbitmq-c-tests"
}
