// SPDX-License-Identifier: Apache-2.0
// What programs use rabbitmq-client for beyond the patterns: statuses, retries, reconnection.
'use strict';

const assert = require('node:assert/strict');
const { ConsumerStatus } = require('rabbitmq-client');
const { Proxy, unique, url, within } = require('../support/tap.js');
const {
    connect,
    readyMessages,
    startConsumer,
    subscribe,
    withConnections,
} = require('./support.js');

async function consumerStatuses() {
    await withConnections(1, async (connection) => {
        const queue = unique('status');
        const { consumer, deliveries } = await startConsumer(connection, { queue });
        const publisher = connection.createPublisher({ confirm: true });
        await publisher.send(queue, 'wanted later');
        const [first] = await deliveries.take(1, 'messages');
        first.settle(ConsumerStatus.REQUEUE);
        const [again] = await deliveries.take(1, 'redelivered messages');
        assert.equal(again.message.redelivered, true);
        again.settle(ConsumerStatus.DROP);
        await publisher.send(queue, 'acknowledged');
        const [last] = await deliveries.take(1, 'messages');
        assert.equal(last.message.body, 'acknowledged');
        last.settle(ConsumerStatus.ACK);
        await consumer.close();
        const { acknowledged, dropped, requeued } = consumer.stats;
        assert.deepEqual({ acknowledged, dropped, requeued }, {
            acknowledged: 1,
            dropped: 1,
            requeued: 1,
        });
        assert.equal((await connection.queueDelete(queue)).messageCount, 0);
    });
}

async function exchangeBindings() {
    await withConnections(1, async (connection) => {
        const [source, destination] = [unique('source'), unique('destination')];
        const channel = await connection.acquire();
        await channel.exchangeDeclare({ exchange: source, type: 'topic', autoDelete: true });
        await channel.exchangeDeclare({ exchange: destination, type: 'fanout', autoDelete: true });
        const binding = { source, destination, routingKey: 'a.#' };
        await channel.exchangeBind(binding);
        const { messages } = await subscribe(channel, [{ exchange: destination }]);
        for (const key of ['a.b', 'b', 'a']) {
            await channel.basicPublish({ exchange: source, routingKey: key }, key);
        }
        const got = await messages.take(2, 'messages');
        assert.deepEqual(got.map(({ body }) => body), ['a.b', 'a']);
        await channel.exchangeUnbind(binding);
        await assert.rejects(channel.basicPublish({ exchange: source }, '').then(() =>
            channel.exchangeDeclare({ exchange: source, passive: true }),
        ));
    });
}

async function channelErrors() {
    await withConnections(1, async (connection) => {
        const failing = [
            ['NOT_FOUND', (channel) => channel.queueDeclare({ queue: 'none', passive: true })],
            ['ACCESS_REFUSED', (channel) => channel.queueDeclare('amq.interop')],
            [
                'PRECONDITION_FAILED',
                (channel) => channel.exchangeDeclare({ exchange: 'amq.topic', type: 'direct' }),
            ],
        ];
        for (const [code, operation] of failing) {
            const channel = await connection.acquire();
            await assert.rejects(within(operation(channel), 'an error'), { code });
            assert.equal(channel.active, false);
        }
        const publisher = connection.createPublisher({ confirm: true });
        await assert.rejects(publisher.send({ exchange: 'interop.none' }, ''), {
            code: 'NOT_FOUND',
        });
        await publisher.send('interop.none', 'still usable');
    });
}

async function refusedLogin() {
    const wrong = new URL(url);
    wrong.password = 'wrong';
    const connection = connect({ url: wrong.href });
    const error = await within(event(connection, 'error'), 'the refusal');
    assert.equal(error.code, 'ACCESS_REFUSED');
    connection.unsafeDestroy();
}

/** Unlike once() of node:events this does not mind "error" events. */
function event(emitter, name) {
    return new Promise((resolve) => {
        emitter.once(name, resolve);
    });
}

async function cancelledConsumer() {
    await withConnections(1, async (connection) => {
        const queue = unique('cancel');
        const { consumer, deliveries } = await startConsumer(connection, { queue });
        const ready = event(consumer, 'ready');
        await connection.queueDelete(queue);
        const [{ error }] = await deliveries.take(1, 'cancellations');
        assert.equal(error.code, 'CANCEL_FORCED');
        // The consumer declares its queue again and goes on.
        await within(ready, 'the consumer to be ready again');
        assert.equal(await readyMessages(connection, queue), 0);
        await consumer.close();
        await connection.queueDelete(queue);
    });
}

async function transactions() {
    await withConnections(1, async (connection) => {
        const channel = await connection.acquire();
        const { queue } = await channel.queueDeclare({ exclusive: true });
        await channel.txSelect();
        await channel.basicPublish(queue, 'forgotten');
        await channel.txRollback();
        await channel.basicPublish(queue, 'kept');
        assert.equal(await channel.basicGet(queue), undefined, 'message before commit');
        await channel.txCommit();
        const message = await channel.basicGet(queue);
        assert.equal(message.body, 'kept');
        assert.equal(message.messageCount, 0);
    });
}

async function bodiesAndHeaders() {
    await withConnections(1, async (connection) => {
        const channel = await connection.acquire();
        const { queue, messages } = await subscribe(channel);
        const headers = { text: 'wörter', list: [1, null, true], table: { deep: -1 }, real: 1.5 };
        for (const size of [0, 8192, 1 << 20]) {
            const body = Buffer.alloc(size, 'position');
            await channel.basicPublish({ routingKey: queue, headers, priority: 3 }, body);
            const [message] = await messages.take(1, 'messages');
            assert.ok(message.body.equals(body), `a body of ${size} octets changed`);
            assert.deepEqual(message.headers, headers);
            assert.equal(message.priority, 3);
        }
        await channel.basicPublish(queue, { json: [1, 2] });
        const [{ body, contentType }] = await messages.take(1, 'messages');
        assert.deepEqual([body, contentType], [{ json: [1, 2] }, 'application/json']);
    });
}

async function reconnection() {
    const proxy = new Proxy();
    const connection = connect({ url: await proxy.start() });
    const queue = unique('reconnect');
    const { consumer, deliveries } = await startConsumer(connection, {
        queue,
        queueOptions: { durable: true },
    });
    const publisher = connection.createPublisher({ confirm: true, maxAttempts: 3 });
    await publisher.send(queue, 'before');
    const [lost] = await deliveries.take(1, 'messages');
    const failed = event(connection, 'error');
    proxy.cut();
    await within(failed, 'the error of the connection');
    lost.settle(); // the consumer waits for its handlers before it comes back
    const [{ error }] = await deliveries.take(1, 'failed acks');
    assert.match(error.message, /failed to ack/);
    const [{ message, settle }] = await deliveries.take(1, 'messages after reconnection');
    assert.deepEqual([message.body, message.redelivered], ['before', true]);
    settle();
    await publisher.send(queue, 'after');
    const [last] = await deliveries.take(1, 'messages');
    assert.equal(last.message.body, 'after');
    last.settle();
    await consumer.close();
    assert.equal(await readyMessages(connection, queue), 0);
    await connection.queueDelete(queue);
    await publisher.close();
    await connection.close();
    proxy.stop();
}

async function gracefulClose() {
    const connection = connect();
    const { deliveries, consumer } = await startConsumer(connection, {
        queueOptions: { exclusive: true },
    });
    const publisher = connection.createPublisher({ confirm: true });
    await publisher.send(consumer.queue, 'last');
    const [delivery] = await deliveries.take(1, 'messages');
    const closed = consumer.close(); // basic.cancel, then waits for the handler
    delivery.settle();
    await within(closed, 'the consumer to close');
    await publisher.close();
    await within(connection.close(), 'the connection to close');
}

module.exports = [
    ['consumer statuses: acknowledge, requeue, drop', consumerStatuses],
    ['exchange-to-exchange binding and unbinding', exchangeBindings],
    ['channel errors have their names; a publisher goes on after one', channelErrors],
    ['a wrong password is refused', refusedLogin],
    ['a cancelled consumer declares its queue again', cancelledConsumer],
    ['transactions: rollback and commit', transactions],
    ['bodies up to 1 MiB, headers and JSON come back unchanged', bodiesAndHeaders],
    ['a cut connection comes back; consumer and publisher go on', reconnection],
    ['graceful close of consumer, publisher and connection', gracefulClose],
];
