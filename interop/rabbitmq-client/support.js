// SPDX-License-Identifier: Apache-2.0
// Connections that are closed behind every test, and consumers that collect.
'use strict';

const { once } = require('node:events');
const { Connection } = require('rabbitmq-client');
const { Collector, url, within } = require('../support/tap.js');

function connect(options = {}) {
    const connection = new Connection({ url, retryLow: 50, ...options });
    connection.on('error', () => {}); // tests look at what the failing call says
    return connection;
}

/** Calls test(...connections) and closes what it left open. */
async function withConnections(count, test) {
    const connections = Array.from({ length: count }, () => connect());
    try {
        return await test(...connections);
    } finally {
        for (const connection of connections) connection.unsafeDestroy();
    }
}

/** Starts a consumer whose handler collects {message, reply, settle}, and waits until it is ready. */
async function startConsumer(connection, options) {
    const deliveries = new Collector();
    const consumer = connection.createConsumer(options, (message, reply) =>
        new Promise((settle) => {
            deliveries.add({ message, reply, settle });
        }),
    );
    consumer.on('error', (error) => deliveries.add({ error }));
    await within(once(consumer, 'ready'), 'the consumer to be ready');
    return { consumer, deliveries };
}

/** Declares and consumes an exclusive server-named queue on a channel; collects its messages. */
async function subscribe(channel, bindings = []) {
    const { queue } = await channel.queueDeclare({ exclusive: true });
    for (const binding of bindings) await channel.queueBind({ queue, ...binding });
    const messages = new Collector();
    await channel.basicConsume({ queue, noAck: true }, (message) => messages.add(message));
    return { queue, messages };
}

async function readyMessages(connection, queue) {
    return (await connection.queueDeclare({ queue, passive: true })).messageCount;
}

module.exports = { connect, readyMessages, startConsumer, subscribe, withConnections };
