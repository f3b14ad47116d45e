# SPDX-License-Identifier: Apache-2.0
# openapi: no client but the description of the HTTP API for those that are generated, held against the schema of
# OpenAPI 3 by a validator from npm. That the broker serves this file, and that it has all routes and no others,
# is tested in tests/system/test_pages.py and tests/unit/broker/management/test_openapi.c.

packages="nodejs npm"
npm_packages="@seriousme/openapi-schema-validator@2.11.0"

client_version() {
    echo "2.11.0, node $(node --version)"
}

is_valid() { # file
    "$NODE_PATH/.bin/validate-api" "$1" | grep -q '"valid": true'
}

# One test that has to fail says that the other could.
client_run() {
    local description=$folder/../../tools/install/openapi.json

    echo "1..2"
    if is_valid "$description"; then
        echo "ok 1 - the description of the HTTP API is valid"
    else
        echo "not ok 1 - the description of the HTTP API is valid"
        "$NODE_PATH/.bin/validate-api" "$description" | head -n 20
    fi
    sed 's/"responses"/"answers"/' "$description" >"$work/broken.json"
    if is_valid "$work/broken.json"; then
        echo "not ok 2 - a description without answers is not valid"
    else
        echo "ok 2 - a description without answers is not valid"
    fi
}
