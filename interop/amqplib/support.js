// SPDX-License-Identifier: Apache-2.0
// Connections that are closed behind every test, and consumers that collect.
'use strict';

const amqp = require('amqplib');
const { Collector, url } = require('../support/tap.js');

/** Calls test(...connections) and closes what it left open; `query` has amqplib's settings. */
async function withConnections(count, test, query = '') {
    const connections = [];
    try {
        while (connections.length < count) connections.push(await connect(query));
        return await test(...connections);
    } finally {
        for (const connection of connections) await connection.close().catch(() => {});
    }
}

async function connect(query = '') {
    const connection = await amqp.connect(url + query);
    connection.on('error', () => {}); // tests look at what the failing call says
    return connection;
}

/** The connection's socket dies as a killed process's would: without connection.close. */
function drop(connection) {
    connection.connection.stream.destroy();
}

/** A channel whose errors arrive where the test awaits them, not as uncaught events. */
async function openChannel(connection) {
    const channel = await connection.createChannel();
    channel.on('error', () => {});
    return channel;
}

async function openConfirmChannel(connection) {
    const channel = await connection.createConfirmChannel();
    channel.on('error', () => {});
    return channel;
}

/** Collects a queue's deliveries; a cancelled consumer collects null. */
async function consume(channel, queue, options = { noAck: true }) {
    const collector = new Collector();
    await channel.consume(queue, (message) => collector.add(message), options);
    return collector;
}

async function takeTexts(collector, count) {
    const messages = await collector.take(count, 'messages');
    return messages.map((message) => message.content.toString());
}

module.exports = {
    connect,
    consume,
    drop,
    openChannel,
    openConfirmChannel,
    takeTexts,
    withConnections,
};
