#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# amqp-publish, amqp-get, amqp-consume, amqp-declare-queue and amqp-delete-queue in pipelines.
#
# A test is a function that runs in a subshell with `set -e`; what it prints last on stderr is
# the reason of its failure.  The programs can neither declare exchanges nor read properties, so the
# patterns go through amq.* exchanges, and RPC and confirms are left to the other clients.

set -u -o pipefail

: "${AMQP_URL:?is not set}"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

wait_seconds=15
number=0
failures=0

unique() {
    echo "interop.amqp-tools.$1.$$.$(date +%s%N)"
}

# Any program of amqp-tools, with a deadline.
tool() { # program, arguments
    local program=$1

    shift
    timeout "$wait_seconds" "amqp-$program" --url "$AMQP_URL" ${AMQP_CA:+--cacert "$AMQP_CA"} "$@"
}

expect() { # got, expected, what
    [ "$1" = "$2" ] || {
        echo "$3: '$1' instead of '$2'" >&2
        return 1
    }
}

# Fails unless the command fails and says this on stderr.
refuses() { # text, command
    local text=$1 said

    shift
    if said=$("$@" 2>&1 >/dev/null); then
        echo "'$*' succeeded" >&2
        return 1
    fi
    [[ $said == *"$text"* ]] || {
        echo "'$*' said '$said' instead of '$text'" >&2
        return 1
    }
}

declare -A output # subscriber -> file descriptor of its messages, one a line

# Starts amqp-consume on a server-named queue bound to an exchange, and waits until it consumes.
subscribe() { # subscriber, exchange, routing key, messages
    local pipes=$folder/$number.$1 out said line

    mkfifo "$pipes.out" "$pipes.said"
    exec {out}<>"$pipes.out" {said}<>"$pipes.said"
    output[$1]=$out
    tool consume -e "$2" -r "$3" -c $(($4 + 1)) -- sh -c 'cat; echo' \
        >"$pipes.out" 2>"$pipes.said" &
    IFS= read -r -t "$wait_seconds" -u "$said" line
    [[ $line == *amq.gen-* ]] || {
        echo "amqp-consume said '$line'" >&2
        return 1
    }
    # It binds and consumes only now.  A message to the queue itself tells when it has done so.
    tool publish -r "${line##* }" -b ready
    expect_messages "$1" ready
}

expect_messages() { # subscriber, messages
    local subscriber=$1 line

    shift
    for expected in "$@"; do
        IFS= read -r -t "$wait_seconds" -u "${output[$subscriber]}" line || {
            echo "$subscriber waited in vain for '$expected'" >&2
            return 1
        }
        expect "$line" "$expected" "$subscriber"
    done
}

# Everything that is in the queue, one message a line.
drain() { # queue
    local text

    while text=$(tool get -q "$1"); do
        echo "$text"
    done
}

run() { # name, function
    local status

    number=$((number + 1))
    (set -e; "$2") 2>"$folder/reason" # not as a condition: that would switch off set -e
    status=$?
    if [ "$status" -eq 0 ]; then
        echo "ok $number - $1"
    else
        failures=$((failures + 1))
        echo "not ok $number - $1 # $(tail -n 3 "$folder/reason" | tr '\n' ' ')"
    fi
}

work_queue() {
    local queue first taken

    queue=$(unique work)
    tool declare-queue -d -q "$queue" >/dev/null
    printf 'task 1\ntask 2\ntask 3\n' | tool publish -p -l -r "$queue"
    mkfifo "$folder/taken" "$folder/never"
    # The first worker takes a task and its command never ends; then the worker is killed.
    amqp-consume --url "$AMQP_URL" ${AMQP_CA:+--cacert "$AMQP_CA"} -q "$queue" -p 1 \
        -- sh -c "cat >'$folder/taken'; exec cat '$folder/never'" &
    first=$!
    taken=$(timeout "$wait_seconds" cat "$folder/taken")
    kill -KILL "$first"
    wait "$first" 2>/dev/null || true
    timeout "$wait_seconds" tee "$folder/never" </dev/null # lets the orphaned command end

    expect "$taken" "task 1" "first worker"
    expect "$(tool consume -q "$queue" -p 1 -c 3 cat)" $'task 1\ntask 2\ntask 3' "second worker"
    expect "$(tool delete-queue -q "$queue")" 0 "tasks left"
}

publish_subscribe() {
    subscribe first amq.fanout ignored 2
    subscribe second amq.fanout ignored 2
    tool publish -e amq.fanout -r "any key" -b one
    tool publish -e amq.fanout -r "" -b two
    expect_messages first one two
    expect_messages second one two
    wait
}

routing() {
    local prefix

    prefix=$(unique key)
    subscribe errors amq.direct "$prefix.error" 2
    subscribe infos amq.direct "$prefix.info" 1
    for level in error info debug error; do
        tool publish -e amq.direct -r "$prefix.$level" -b "$level"
    done
    expect_messages errors error error
    expect_messages infos info
    wait
}

topics() {
    local prefix

    prefix=$(unique key)
    subscribe orange amq.topic "$prefix.*.orange" 2
    subscribe lazy amq.topic "$prefix.lazy.#" 3
    for key in quick.orange quick.brown lazy lazy.orange lazy.a.b.c; do
        tool publish -e amq.topic -r "$prefix.$key" -b "$key"
    done
    expect_messages orange quick.orange lazy.orange
    expect_messages lazy lazy lazy.orange lazy.a.b.c
    wait
}

get_and_delete() {
    local queue

    queue=$(tool declare-queue -q "$(unique get)")
    expect "$(tool get -q "$queue" || echo "status $?")" "status 2" "get from an empty queue"
    printf 'one\ntwo\nthree\n' | tool publish -l -r "$queue"
    expect "$(tool get -q "$queue")" one "first message"
    refuses "not empty" tool delete-queue -e -q "$queue"
    expect "$(tool delete-queue -q "$queue")" 2 "messages deleted"
}

properties() {
    local queue

    queue=$(tool declare-queue -q "$(unique properties)")
    tool publish -r "$queue" -p -C text/plain -E utf-8 -t reply -H "key: value" -H "other: 2" \
        -b "with properties"
    expect "$(drain "$queue")" "with properties" "message"
    tool delete-queue -q "$queue" >/dev/null
}

large_body() {
    local queue

    queue=$(tool declare-queue -q "$(unique large)")
    head -c 1048576 /dev/urandom >"$folder/large"
    tool publish -r "$queue" <"$folder/large"
    tool get -q "$queue" >"$folder/large.got"
    cmp "$folder/large" "$folder/large.got"
    tool delete-queue -q "$queue" >/dev/null
}

errors() {
    refuses "NOT_FOUND" tool get -q interop.none
    refuses "ACCESS_REFUSED" tool declare-queue -q amq.interop
    AMQP_URL=${AMQP_URL/guest@/wrong@} refuses "ACCESS_REFUSED" tool get -q any
    AMQP_URL=${AMQP_URL%/*}/none refuses "NOT_ALLOWED" tool get -q any
    expect "$(tool delete-queue -q interop.none)" 0 "deleting what is not there"
}

heartbeats() {
    # Nothing comes for longer than two heartbeats; then the message shows that the consumer lives.
    local queue consumer

    queue=$(tool declare-queue -q "$(unique heartbeat)")
    mkfifo "$folder/heartbeat"
    tool consume --heartbeat 1 -q "$queue" -c 2 -- sh -c "cat >>'$folder/heartbeat'" &
    consumer=$!
    tool publish -r "$queue" -b first
    expect "$(timeout "$wait_seconds" cat "$folder/heartbeat")" first "message"
    timeout 3 tail --pid="$consumer" -f /dev/null || true # it does not end in that time
    tool publish -r "$queue" -b second
    expect "$(timeout "$wait_seconds" cat "$folder/heartbeat")" second "message"
    wait "$consumer"
    tool delete-queue -q "$queue" >/dev/null
}

echo 1..9
run "work queue: prefetch 1, a killed worker's task goes to another one" work_queue
run "publish/subscribe: amq.fanout to server-named queues" publish_subscribe
run "routing: amq.direct, several keys" routing
run "topics: * and # on amq.topic" topics
run "amqp-get, line-buffered amqp-publish, conditional amqp-delete-queue" get_and_delete
run "amqp-publish with properties and headers" properties
run "a body of 1 MiB" large_body
run "errors: 404, 403, 530" errors
run "heartbeats keep amqp-consume connected" heartbeats
[ "$failures" -eq 0 ]
