// SPDX-License-Identifier: Apache-2.0
// The six tutorial patterns with rabbitmq-client's Publisher, Consumer and RPCClient.
'use strict';

const assert = require('node:assert/strict');
const { Collector, unique, within } = require('../support/tap.js');
const {
    connect,
    readyMessages,
    startConsumer,
    subscribe,
    withConnections,
} = require('./support.js');

async function workQueue() {
    const doomed = connect();
    await withConnections(2, async (producing, working) => {
        const queue = unique('work');
        const queueOptions = { durable: true };
        const tasks = [1, 2, 3, 4, 5, 6].map((number) => `task ${number}`);
        const options = { queue, queueOptions, qos: { prefetchCount: 1 }, concurrency: 1 };
        const first = await startConsumer(doomed, options);
        const second = await startConsumer(working, options);
        const publisher = producing.createPublisher({ confirm: true });
        for (const task of tasks) await publisher.send({ routingKey: queue, durable: true }, task);
        const [lost] = await first.deliveries.take(1, 'tasks');
        let [current] = await second.deliveries.take(1, 'tasks');
        assert.deepEqual([lost.message.body, current.message.body], tasks.slice(0, 2));
        assert.equal(await readyMessages(producing, queue), 4, 'tasks held back');

        doomed.unsafeDestroy();
        const redelivered = [];
        for (let left = 5; left > 0; left -= 1) {
            current.settle();
            [current] = await second.deliveries.take(1, 'tasks');
            assert.equal(current.message.durable, true);
            if (current.message.redelivered) redelivered.push(current.message.body);
        }
        current.settle();
        assert.deepEqual(redelivered, ['task 1']);
        await second.consumer.close();
        assert.equal((await producing.queueDelete(queue)).messageCount, 0, 'tasks left');
    });
}

async function publishSubscribe() {
    await withConnections(2, async (...connections) => {
        const exchange = unique('logs');
        const exchanges = [{ exchange, type: 'fanout', autoDelete: true }];
        const subscribers = [];
        for (const connection of connections) {
            subscribers.push(
                await startConsumer(connection, {
                    queueOptions: { exclusive: true },
                    exchanges,
                    queueBindings: [{ exchange }],
                    noAck: true,
                }),
            );
        }
        const publisher = connections[0].createPublisher({ exchanges });
        for (const text of ['one', 'two', 'three']) await publisher.send({ exchange }, text);
        for (const { consumer, deliveries } of subscribers) {
            assert.match(consumer.queue, /^amq\.gen-/);
            const got = await deliveries.take(3, 'messages');
            assert.deepEqual(got.map(({ message }) => message.body), ['one', 'two', 'three']);
        }
    });
}

/** Publishes each key as a message; the queues have to get what is expected of them, no more. */
async function route(type, bindings, keys, expected) {
    await withConnections(1, async (connection) => {
        const exchange = unique(type);
        const channel = await connection.acquire();
        await channel.exchangeDeclare({ exchange, type, autoDelete: true });
        const queues = [];
        for (const bindingKeys of bindings) {
            const { queue } = await channel.queueDeclare({ exclusive: true });
            for (const routingKey of bindingKeys) {
                await channel.queueBind({ queue, exchange, routingKey });
            }
            queues.push(queue);
        }
        await channel.confirmSelect();
        for (const key of keys) await channel.basicPublish({ exchange, routingKey: key }, key);
        for (const [index, queue] of queues.entries()) {
            const got = [];
            let message = await channel.basicGet({ queue, noAck: true });
            while (message !== undefined) {
                got.push(message.body);
                message = await channel.basicGet({ queue, noAck: true });
            }
            assert.deepEqual(got, expected[index]);
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

/** RPCClient uses direct reply-to; the answers come in reverse order. */
async function rpcClient() {
    await withConnections(2, async (serving, calling) => {
        const queue = unique('rpc');
        const options = { queue, queueOptions: { autoDelete: true } };
        const { deliveries } = await startConsumer(serving, options);
        const client = calling.createRPCClient({ confirm: true, timeout: 15000 });
        const answers = [client.send(queue, 21), client.send(queue, 150)];
        for (const request of (await deliveries.take(2, 'requests')).reverse()) {
            assert.match(request.message.replyTo, /^amq\.rabbitmq\.reply-to\./);
            await request.reply(2 * request.message.body);
            request.settle();
        }
        const replies = await within(Promise.all(answers), 'the answers');
        assert.deepEqual(replies.map(({ body }) => body), [42, 300]);
        await client.close();
    });
}

async function rpcByReplyQueue() {
    await withConnections(2, async (serving, calling) => {
        const queue = unique('rpc');
        const options = { queue, queueOptions: { autoDelete: true } };
        const { deliveries } = await startConsumer(serving, options);
        const channel = await calling.acquire();
        const { queue: replyTo, messages } = await subscribe(channel);
        await channel.basicPublish({ routingKey: queue, replyTo, correlationId: 'first' }, 21);
        const [request] = await deliveries.take(1, 'requests');
        await request.reply(2 * request.message.body);
        request.settle();
        const [answer] = await messages.take(1, 'answers');
        assert.deepEqual([answer.correlationId, answer.body], ['first', 42]);
    });
}

async function confirms() {
    await withConnections(1, async (connection) => {
        const queue = unique('confirm');
        const queues = [{ queue, durable: true }];
        const publisher = connection.createPublisher({ confirm: true, queues });
        await publisher.send({ routingKey: queue, durable: true }, 'alone');
        const sent = Array.from({ length: 200 }, (_, number) =>
            publisher.send({ routingKey: queue, durable: true }, number),
        );
        await within(Promise.all(sent), 'the confirms');
        await publisher.close();
        assert.equal((await connection.queueDelete(queue)).messageCount, 201);
    });
}

/** The library hands returns over later than confirms, so their order cannot be seen here. */
async function returned() {
    await withConnections(1, async (connection) => {
        const returns = new Collector();
        const publisher = connection.createPublisher({ confirm: true });
        publisher.on('basic.return', (message) => returns.add(message));
        const routingKey = unique('nowhere');
        await within(publisher.send({ routingKey, mandatory: true }, 'back'), 'the confirm');
        const [message] = await returns.take(1, 'returned messages');
        assert.equal(message.replyCode, 312);
        assert.equal(message.replyText, 'NO_ROUTE');
        assert.equal(message.routingKey, routingKey);
        assert.equal(message.body, 'back');
    });
}

module.exports = [
    ["work queue: prefetch 1, a dropped worker's task is redelivered", workQueue],
    ['publish/subscribe: fanout to exclusive server-named queues', publishSubscribe],
    ['routing: direct exchange, several keys', routing],
    ['topics: * and #', topics],
    ['RPC: RPCClient over direct reply-to, answers in another order', rpcClient],
    ['RPC: reply queue and correlation-id', rpcByReplyQueue],
    ['confirms: one alone and 200 in flight', confirms],
    ['confirms: an unroutable mandatory message is returned and confirmed', returned],
];
