# SPDX-License-Identifier: Apache-2.0
# bunny: the Ruby client, from Debian.

packages="ruby ruby-bunny"

client_version() {
    dpkg-query -W -f '${Version}' ruby-bunny
}

client_run() {
    ruby -W0 "$folder/main.rb"
}
