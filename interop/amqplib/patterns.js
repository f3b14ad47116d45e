// SPDX-License-Identifier: Apache-2.0
// The six tutorial patterns with amqplib.
'use strict';

const assert = require('node:assert/strict');
const { Collector, unique, within } = require('../support/tap.js');
const {
    connect,
    consume,
    drop,
    openChannel,
    openConfirmChannel,
    takeTexts,
    withConnections,
} = require('./support.js');

async function startWorker(connection, queue) {
    const channel = await openChannel(connection);
    await channel.prefetch(1);
    return { channel, tasks: await consume(channel, queue, {}) };
}

async function workQueue() {
    const doomed = await connect();
    await withConnections(2, async (producing, working) => {
        const queue = unique('work');
        const tasks = [1, 2, 3, 4, 5, 6].map((number) => `task ${number}`);
        const channel = await openConfirmChannel(producing);
        await channel.assertQueue(queue, { durable: true });
        const first = await startWorker(doomed, queue);
        const second = await startWorker(working, queue);
        for (const task of tasks) {
            channel.sendToQueue(queue, Buffer.from(task), { persistent: true });
        }
        await channel.waitForConfirms();
        assert.deepEqual(await takeTexts(first.tasks, 1), ['task 1']);
        const [held] = await second.tasks.take(1, 'tasks');
        assert.equal((await channel.checkQueue(queue)).messageCount, 4, 'tasks held back');

        drop(doomed);
        const redelivered = [];
        let current = held;
        for (let left = 5; left > 0; left -= 1) {
            second.channel.ack(current);
            [current] = await second.tasks.take(1, 'tasks');
            assert.equal(current.properties.deliveryMode, 2);
            if (current.fields.redelivered) redelivered.push(current.content.toString());
        }
        second.channel.ack(current);
        assert.deepEqual(redelivered, ['task 1']);
        await second.channel.close();
        assert.equal((await channel.deleteQueue(queue)).messageCount, 0, 'tasks left');
    });
}

async function publishSubscribe() {
    await withConnections(2, async (...connections) => {
        const logs = unique('logs');
        const subscribers = [];
        for (const connection of connections) {
            const channel = await openChannel(connection);
            await channel.assertExchange(logs, 'fanout', { durable: false, autoDelete: true });
            const { queue } = await channel.assertQueue('', { exclusive: true });
            assert.match(queue, /^amq\.gen-/);
            await channel.bindQueue(queue, logs, '');
            subscribers.push(await consume(channel, queue));
        }
        const producer = await openChannel(connections[0]);
        for (const text of ['one', 'two', 'three']) producer.publish(logs, '', Buffer.from(text));
        for (const subscriber of subscribers) {
            assert.deepEqual(await takeTexts(subscriber, 3), ['one', 'two', 'three']);
        }
    });
}

/** Publishes each key as a message; the queues have to get what is expected of them, no more. */
async function route(type, bindings, keys, expected) {
    await withConnections(1, async (connection) => {
        const exchange = unique(type);
        const channel = await openConfirmChannel(connection);
        await channel.assertExchange(exchange, type, { durable: false, autoDelete: true });
        const queues = [];
        for (const bindingKeys of bindings) {
            const { queue } = await channel.assertQueue('', { exclusive: true });
            for (const key of bindingKeys) await channel.bindQueue(queue, exchange, key);
            queues.push(queue);
        }
        for (const key of keys) channel.publish(exchange, key, Buffer.from(key));
        await channel.waitForConfirms();
        for (const [index, queue] of queues.entries()) {
            const { messageCount } = await channel.checkQueue(queue);
            const collector = await consume(channel, queue);
            assert.deepEqual(await takeTexts(collector, messageCount), expected[index]);
        }
    });
}

async function routing() {
    const bindings = [['error'], ['info', 'warning', 'error']];
    await route('direct', bindings, ['info', 'debug', 'warning', 'Error', 'error'], bindings);
}

async function topics() {
    const orange = ['quick.orange.rabbit', 'lazy.orange.elephant', 'quick.orange.fox'];
    const lazy = ['lazy.brown.fox', 'lazy.pink.rabbit', 'lazy.orange.new.rabbit', 'lazy'];
    const nowhere = ['quick.brown.fox', 'orange', 'quick.orange.new.rabbit'];
    await route(
        'topic',
        [['*.orange.*'], ['*.*.rabbit', 'lazy.#']],
        [...orange, ...nowhere, ...lazy],
        [orange, [...orange.slice(0, 2), ...lazy]],
    );
}

/** The server doubles two numbers and answers in reverse order. */
async function callRemotely(replyQueueOf) {
    await withConnections(2, async (serving, calling) => {
        const queue = unique('rpc');
        const server = await openChannel(serving);
        const client = await openChannel(calling);
        await server.assertQueue(queue, { durable: false, autoDelete: true });
        const requests = await consume(server, queue, {});
        const replyTo = await replyQueueOf(client);
        const replies = await consume(client, replyTo);
        for (const number of ['21', '150']) {
            const properties = { replyTo, correlationId: `double ${number}` };
            client.sendToQueue(queue, Buffer.from(number), properties);
        }
        for (const request of (await requests.take(2, 'requests')).reverse()) {
            const { replyTo: asked, correlationId } = request.properties;
            const answer = String(2 * Number(request.content.toString()));
            server.sendToQueue(asked, Buffer.from(answer), { correlationId });
            server.ack(request);
        }
        const answers = (await replies.take(2, 'replies')).map((reply) => [
            reply.properties.correlationId,
            reply.content.toString(),
        ]);
        assert.deepEqual(answers, [['double 150', '300'], ['double 21', '42']]);
    });
}

async function rpc() {
    await callRemotely(async (client) => {
        const { queue } = await client.assertQueue('', { exclusive: true });
        return queue;
    });
}

async function directReplyTo() {
    await callRemotely(async () => 'amq.rabbitmq.reply-to');
}

async function confirmsByCallback() {
    await withConnections(1, async (connection) => {
        const queue = unique('confirm');
        const channel = await openConfirmChannel(connection);
        await channel.assertQueue(queue, { durable: true });
        for (let number = 0; number < 5; number += 1) {
            const confirmed = new Promise((resolve, reject) => {
                const settle = (error) => (error ? reject(error) : resolve());
                channel.sendToQueue(queue, Buffer.from('one'), { persistent: true }, settle);
            });
            await within(confirmed, 'a confirm');
        }
        assert.equal((await channel.deleteQueue(queue)).messageCount, 5);
    });
}

async function confirmsOfBatch() {
    await withConnections(1, async (connection) => {
        const count = 300;
        const queue = unique('batch');
        const confirms = new Collector();
        const channel = await openConfirmChannel(connection);
        await channel.assertQueue(queue, { durable: true });
        for (let number = 0; number < count; number += 1) {
            const body = Buffer.from(String(number));
            channel.sendToQueue(queue, body, { persistent: true }, (error) => confirms.add(error));
        }
        await within(channel.waitForConfirms(), 'all confirms');
        assert.ok((await confirms.take(count, 'confirms')).every((error) => error === null));
        assert.equal((await channel.deleteQueue(queue)).messageCount, count);
    });
}

async function returnBeforeConfirm() {
    await withConnections(1, async (connection) => {
        const events = new Collector();
        const channel = await openConfirmChannel(connection);
        channel.on('return', (message) => events.add(message));
        const nowhere = unique('nowhere');
        channel.sendToQueue(nowhere, Buffer.from('back'), { mandatory: true }, (error) =>
            events.add(error === null ? 'confirm' : error),
        );
        const [returned, confirm] = await events.take(2, 'events');
        assert.equal(returned.fields.replyCode, 312);
        assert.equal(returned.fields.replyText, 'NO_ROUTE');
        assert.equal(returned.fields.routingKey, nowhere);
        assert.equal(returned.content.toString(), 'back');
        assert.equal(confirm, 'confirm');
    });
}

module.exports = [
    ["work queue: prefetch 1, a dropped worker's task is redelivered", workQueue],
    ['publish/subscribe: fanout to exclusive server-named queues', publishSubscribe],
    ['routing: direct exchange, several keys', routing],
    ['topics: * and #', topics],
    ['RPC: reply queue and correlation-id, answers in another order', rpc],
    ['RPC: direct reply-to', directReplyTo],
    ['confirms: one at a time', confirmsByCallback],
    ['confirms: 300 in flight', confirmsOfBatch],
    ['confirms: mandatory message returns before its confirm', returnBeforeConfirm],
];
