# SPDX-License-Identifier: Apache-2.0
# amqp091-go: RabbitMQ's Go client, its source and the compiler from Debian.

packages="golang-go golang-github-rabbitmq-amqp091-go-dev"

client_version() {
    dpkg-query -W -f '${Version}' golang-github-rabbitmq-amqp091-go-dev
}

client_build() {
    (cd "$folder" && GO111MODULE=off GOPATH=/usr/share/gocode GOFLAGS=-p=2 \
        go build -o "$work/amqp091-go-tests" .)
}

client_run() {
    "$work/amqp091-go-tests"
}
