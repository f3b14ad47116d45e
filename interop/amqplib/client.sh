# SPDX-License-Identifier: Apache-2.0
# amqplib: the classic Node.js client, from npm.

packages="nodejs npm"
npm_packages="amqplib@2.3.1"

client_version() {
    echo "2.3.1, node $(node --version)"
}

client_run() {
    node "$folder/main.js"
}
