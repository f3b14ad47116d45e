# SPDX-License-Identifier: Apache-2.0
# rabbitmq-client: the Node.js client with publisher, consumer and RPC objects, from npm.

packages="nodejs npm"
npm_packages="rabbitmq-client@5.0.8"

client_version() {
    echo "5.0.8, node $(node --version)"
}

client_run() {
    node "$folder/main.js"
}
