// SPDX-License-Identifier: Apache-2.0
// What programs use amqplib for beyond the patterns: errors, nack, alternate exchanges, recovery.
'use strict';

const assert = require('node:assert/strict');
const { once } = require('node:events');
const amqp = require('amqplib');
const { Collector, Proxy, unique, url, within } = require('../support/tap.js');
const {
    connect,
    consume,
    openChannel,
    openConfirmChannel,
    takeTexts,
    withConnections,
} = require('./support.js');

async function failingOperations() {
    await withConnections(2, async (connection, other) => {
        const { queue: foreign } = await (await openChannel(other)).assertQueue('', {
            exclusive: true,
        });
        const failing = [
            [404, (channel) => channel.checkQueue('none')],
            [404, (channel) => channel.checkExchange('none')],
            [404, (channel) => channel.bindQueue('none', 'amq.direct', 'key')],
            [404, (channel) => channel.consume('none', () => {})],
            [404, (channel) => channel.get('none')],
            [404, (channel) => channel.purgeQueue('none')],
            [406, (channel) => channel.assertExchange('amq.topic', 'fanout')],
            [403, (channel) => channel.assertQueue('amq.interop')],
            [403, (channel) => channel.assertExchange('amq.interop', 'direct')],
            [403, (channel) => channel.deleteExchange('amq.direct')],
            [405, (channel) => channel.checkQueue(foreign)],
        ];
        for (const [code, operation] of failing) {
            const channel = await openChannel(connection);
            const closed = new Promise((resolve) => {
                channel.once('close', resolve);
            });
            await assert.rejects(within(operation(channel), 'an error'), { code });
            await within(closed, 'the channel to close');
        }
        const { messageCount } = await (await openChannel(connection)).deleteQueue('none');
        assert.equal(messageCount, 0, 'deleting what is not there succeeds');
    });
}

async function asynchronousErrors() {
    await withConnections(1, async (connection) => {
        const channel = await openChannel(connection);
        const failed = once(channel, 'error');
        channel.publish('interop.none', 'key', Buffer.from('lost'));
        const [error] = await within(failed, 'the channel error');
        assert.equal(error.code, 404);
        assert.match(error.message, /no exchange 'interop.none' in vhost '\/'/);
        const again = await openChannel(connection);
        const unknown = once(again, 'error');
        again.ack({ fields: { deliveryTag: 7 } });
        const [precondition] = await within(unknown, 'the channel error');
        assert.equal(precondition.code, 406);
        assert.match(precondition.message, /unknown delivery tag 7/);
    });
}

async function connectionError() {
    const connection = await connect();
    const channel = await openChannel(connection);
    const { queue } = await channel.assertQueue('', { exclusive: true });
    const failed = new Promise((resolve) => {
        connection.once('error', resolve);
    });
    await channel.consume(queue, () => {}, { consumerTag: 'twice' });
    channel.consume(queue, () => {}, { consumerTag: 'twice' }).catch(() => {});
    const error = await within(failed, 'the connection error');
    assert.equal(error.code, 530);
}

async function refusedLogins() {
    const password = new URL(url);
    password.password = 'wrong';
    await assert.rejects(amqp.connect(password.href), /ACCESS_REFUSED|403/);
    const vhost = new URL(url);
    vhost.pathname = '/none';
    await assert.rejects(amqp.connect(vhost.href), /ConnectionClose/);
}

async function alternateExchange() {
    await withConnections(1, async (connection) => {
        const channel = await openChannel(connection);
        const rest = unique('rest');
        const main = unique('main');
        const options = { durable: false, autoDelete: true };
        await channel.assertExchange(rest, 'fanout', options);
        await channel.assertExchange(main, 'direct', { ...options, alternateExchange: rest });
        const { queue: known } = await channel.assertQueue('', { exclusive: true });
        const { queue: unknown } = await channel.assertQueue('', { exclusive: true });
        await channel.bindQueue(known, main, 'known');
        await channel.bindQueue(unknown, rest, '');
        const atKnown = await consume(channel, known);
        const atUnknown = await consume(channel, unknown);
        const returned = new Collector();
        channel.on('return', (message) => returned.add(message));
        for (const key of ['known', 'other', 'end']) {
            channel.publish(main, key, Buffer.from(key), { mandatory: true });
        }
        assert.deepEqual(await takeTexts(atUnknown, 2), ['other', 'end']);
        assert.deepEqual(await takeTexts(atKnown, 1), ['known']);
        await channel.checkExchange(main); // a return would have come before this answer
        assert.equal(returned.length, 0, 'returned messages');
    });
}

async function nackAndReject() {
    await withConnections(1, async (connection) => {
        const channel = await openConfirmChannel(connection);
        const { queue } = await channel.assertQueue('', { exclusive: true });
        for (const text of ['one', 'two', 'three']) channel.sendToQueue(queue, Buffer.from(text));
        await channel.waitForConfirms();
        const deliveries = await consume(channel, queue, {});
        const [one, two, three] = await deliveries.take(3, 'messages');
        channel.nack(three, false, false); // gone
        channel.nack(two, true, true); // one and two back to their places
        assert.equal(one.fields.redelivered, false);
        const again = await deliveries.take(2, 'redelivered messages');
        const order = again.map(({ content, fields }) => [content.toString(), fields.redelivered]);
        assert.deepEqual(order, [['one', true], ['two', true]]);
        channel.reject(again[0], false);
        channel.ackAll();
        assert.equal((await channel.deleteQueue(queue)).messageCount, 0);
    });
}

async function getAndPurge() {
    await withConnections(1, async (connection) => {
        const channel = await openConfirmChannel(connection);
        const { queue } = await channel.assertQueue('', { exclusive: true });
        assert.equal(await channel.get(queue), false);
        for (const text of ['one', 'two', 'three']) channel.sendToQueue(queue, Buffer.from(text));
        await channel.waitForConfirms();
        const message = await channel.get(queue);
        assert.equal(message.content.toString(), 'one');
        assert.equal(message.fields.messageCount, 2);
        assert.equal((await channel.purgeQueue(queue)).messageCount, 2);
        await channel.recover();
        assert.equal((await channel.get(queue, { noAck: true })).fields.redelivered, true);
    });
}

async function consumerCancelled() {
    await withConnections(1, async (connection) => {
        const channel = await openChannel(connection);
        const queue = unique('cancel');
        await channel.assertQueue(queue, { durable: false });
        const deliveries = await consume(channel, queue);
        await (await openChannel(connection)).deleteQueue(queue);
        assert.deepEqual(await deliveries.take(1, 'cancellation'), [null]);
    });
}

async function largeBodies() {
    await withConnections(
        1,
        async (connection) => {
            const channel = await openChannel(connection);
            const { queue } = await channel.assertQueue('', { exclusive: true });
            const deliveries = await consume(channel, queue);
            assert.equal(connection.connection.frameMax, 4096);
            for (const size of [0, 4088, 4089, 1 << 20]) {
                const body = Buffer.alloc(size, 'position');
                channel.sendToQueue(queue, body);
                const [message] = await deliveries.take(1, 'messages');
                assert.ok(message.content.equals(body), `a body of ${size} octets changed`);
            }
        },
 '?frameMax=4096',
    );
}

async function headersRoundTrip() {
    await withConnections(1, async (connection) => {
        const channel = await openChannel(connection);
        const { queue } = await channel.assertQueue('', { exclusive: true });
        const deliveries = await consume(channel, queue);
        const headers = {
            text: 'wörter',
            number: 1.5,
            large: 2 ** 40,
            yes: true,
            nothing: null,
            list: [1, 'two'],
            table: { deep: { er: -1 } },
        };
        const sent = { contentType: 'a/b', priority: 4, messageId: 'id', type: 't', appId: 'a' };
        channel.sendToQueue(queue, Buffer.from(''), { ...sent, headers, CC: ['interop.none'] });
        const [{ properties }] = await deliveries.take(1, 'messages');
        for (const [name, value] of Object.entries(sent)) assert.equal(properties[name], value);
        assert.deepEqual(properties.headers, { ...headers, CC: ['interop.none'] });
    });
}

async function heartbeats() {
    await withConnections(
        1,
        async (connection) => {
            const beats = new Collector();
            connection.connection.heartbeater.on('beat', () => beats.add('beat'));
            await beats.take(2, 'heartbeats of the client');
            await (await openChannel(connection)).assertQueue('', { exclusive: true });
        },
        '?heartbeat=1',
    );
}

async function updateSecret() {
    await withConnections(1, async (connection) => {
        const updated = once(connection, 'update-secret-ok');
        await connection.updateSecret(Buffer.from('guest'), 'interop');
        await within(updated, 'connection.update-secret-ok');
    });
}

async function recovery() {
    const proxy = new Proxy();
    const deliveries = new Collector();
    const queue = unique('recovery');
    const connection = await amqp.connect(await proxy.start(), {
        recovery: {
            async setup(model) {
                const channel = await openChannel(model);
                await channel.assertQueue(queue, { durable: true });
                await channel.consume(queue, (message) => deliveries.add({ channel, message }));
            },
        },
    });
    connection.on('error', () => {});
    await withConnections(1, async (producing) => {
        const producer = await openChannel(producing);
        producer.sendToQueue(queue, Buffer.from('unacknowledged'));
        await deliveries.take(1, 'messages');
        proxy.cut();
        const [{ channel, message }] = await deliveries.take(1, 'messages after recovery');
        assert.equal(message.content.toString(), 'unacknowledged');
        assert.equal(message.fields.redelivered, true);
        channel.ack(message);
        await producer.deleteQueue(queue);
    });
    await connection.close();
    proxy.stop();
}

module.exports = [
    ['failing operations have their codes: 403, 404, 405 and 406', failingOperations],
    ['errors of publish and ack arrive as channel errors', asynchronousErrors],
    ['a reused consumer tag is a connection error 530', connectionError],
    ['a wrong password and an unknown vhost are refused', refusedLogins],
    ['alternate exchange takes what has no route; nothing is returned', alternateExchange],
    ['nack and reject: requeued messages return to their places', nackAndReject],
    ['get, purge, recover', getAndPurge],
    ['a deleted queue cancels its consumer', consumerCancelled],
    ['frame-max 4096: bodies up to 1 MiB', largeBodies],
    ['headers and properties come back unchanged', headersRoundTrip],
    ['heartbeats keep a connection open', heartbeats],
    ['connection.update-secret', updateSecret],
    ['a cut connection recovers and its message is redelivered', recovery],
];
