// SPDX-License-Identifier: Apache-2.0
// Runs test functions one after the other and reports in TAP, for the npm clients.
//
// A test has a name and an asynchronous function that throws when it fails.  Every wait is a promise
// given to within(), which rejects when the deadline passes, so that no lost message hangs the suite.
'use strict';

const net = require('node:net');

const WAIT_SECONDS = 15;
const TEST_SECONDS = 30;

const url = process.env.AMQP_URL;
let lastNumber = 0;

/** A name that no other test and no other run uses. */
function unique(purpose) {
    lastNumber += 1;
    return `interop.${purpose}.${process.pid}.${Date.now()}.${lastNumber}`;
}

/** The promise's value, or a rejection that names what did not come. */
async function within(promise, what, seconds = WAIT_SECONDS) {
    let timer;
    const late = new Promise((_, reject) => {
        const error = new Error(`waited ${seconds} s in vain for ${what}`);
        timer = setTimeout(() => reject(error), seconds * 1000);
    });
    try {
        return await Promise.race([promise, late]);
    } finally {
        clearTimeout(timer);
    }
}

/** Collects what add() is called with; take(n) waits for the next n of them. */
class Collector {
    #items = [];
    #wake = () => {};

    add(item) {
        this.#items.push(item);
        this.#wake();
    }

    get length() {
        return this.#items.length;
    }

    async take(count, what) {
        const enough = async () => {
            while (this.#items.length < count) {
                await new Promise((resolve) => {
                    this.#wake = resolve;
                });
            }
        };
        await within(enough(), `${count} ${what}`);
        return this.#items.splice(0, count);
    }
}

/** A TCP proxy in front of the broker, which can cut its connections as a failing network would. */
class Proxy {
    #sockets = new Set();
    #server = net.createServer((client) => this.#connect(client));

    async start() {
        await new Promise((resolve) => {
            this.#server.listen(0, '127.0.0.1', resolve);
        });
        const proxied = new URL(url);
        proxied.host = `127.0.0.1:${this.#server.address().port}`;
        return proxied.href;
    }

    #connect(client) {
        const { hostname, port } = new URL(url);
        const broker = net.connect(Number(port) || 5672, hostname);
        client.pipe(broker);
        broker.pipe(client);
        for (const socket of [client, broker]) {
            this.#sockets.add(socket);
            socket.on('error', () => {});
            socket.on('close', () => this.#sockets.delete(socket));
        }
    }

    cut() {
        for (const socket of this.#sockets) socket.destroy();
    }

    stop() {
        this.cut();
        this.#server.close();
    }
}

function firstLine(error) {
    return String(error && error.message ? error.message : error).split('\n')[0];
}

/** Runs [name, function] pairs and ends the process. */
async function run(tests) {
    if (!url) throw new Error('AMQP_URL is not set');
    let failures = 0;
    console.log(`1..${tests.length}`);
    for (const [index, [name, test]] of tests.entries()) {
        try {
            await within(test(), 'the end of the test', TEST_SECONDS);
            console.log(`ok ${index + 1} - ${name}`);
        } catch (error) {
            failures += 1;
            console.log(`not ok ${index + 1} - ${name} # ${firstLine(error)}`);
            console.error(error);
        }
    }
    process.exit(failures === 0 ? 0 : 1);
}

module.exports = { Collector, Proxy, run, unique, url, within };
