<?php
// SPDX-License-Identifier: Apache-2.0
// What programs use php-amqplib for beyond the patterns.

declare(strict_types=1);

use PhpAmqpLib\Connection\AMQPStreamConnection;
use PhpAmqpLib\Exception\AMQPConnectionClosedException;
use PhpAmqpLib\Exception\AMQPProtocolChannelException;
use PhpAmqpLib\Exception\AMQPTimeoutException;
use PhpAmqpLib\Message\AMQPMessage;
use PhpAmqpLib\Wire\AMQPTable;

const LIBRARY_TESTS = [
    'channel errors: 403, 404, 405 and 406' => 'channelErrors',
    'a reused consumer tag is a connection error 530' => 'connectionErrors',
    'a wrong password and an unknown vhost are refused; AMQPLAIN logs in' => 'logins',
    'get, nack, reject, recover and purge' => 'getNackRecover',
    'batch publish of bodies up to 1 MiB' => 'largeBodies',
    'headers and properties come back unchanged' => 'headers',
    'exchange-to-exchange, headers and alternate exchanges' => 'exchanges',
    'a deleted queue cancels its consumer' => 'consumerCancelled',
    'transactions: rollback and commit' => 'transactions',
    'wait() times out and the connection stays usable' => 'waitTimesOut',
    'heartbeats keep a connection open' => 'heartbeats',
];

function channelErrors(): void
{
    withConnections(2, function ($connection, $other): void {
        $foreign = exclusiveQueue($other->channel());
        $failing = [
            [404, fn ($channel) => $channel->queue_declare('none', true)],
            [404, fn ($channel) => $channel->basic_get('none')],
            [403, fn ($channel) => $channel->queue_declare('amq.interop')],
            [403, fn ($channel) => $channel->exchange_delete('amq.direct')],
            [405, fn ($channel) => $channel->queue_declare($foreign, true)],
            [406, fn ($channel) => $channel->exchange_declare('amq.topic', 'direct')],
        ];
        foreach ($failing as [$code, $operation]) {
            $channel = $connection->channel();
            $error = raises(AMQPProtocolChannelException::class, fn () => $operation($channel));
            checkEqual($error->getCode(), $code, $error->getMessage());
        }
        check($connection->isConnected(), 'a channel error closed the connection');
    });
}

function connectionErrors(): void
{
    withConnections(1, function (AMQPStreamConnection $connection): void {
        $channel = $connection->channel();
        $queue = exclusiveQueue($channel);
        $channel->basic_consume($queue, 'twice', false, true, false, true);
        // The library refuses a tag it knows, so it is told to forget it.
        $channel->callbacks = [];
        $again = fn () => $channel->basic_consume($queue, 'twice');
        $error = raises(AMQPConnectionClosedException::class, $again);
        checkEqual($error->getCode(), 530, $error->getMessage());
    });
}

function logins(): void
{
    $wrong = fn () => connect(['password' => 'wrong']);
    $error = raises(AMQPConnectionClosedException::class, $wrong);
    checkEqual($error->getCode(), 403, $error->getMessage());
    $nowhere = fn () => connect(['vhost' => 'none']);
    $error = raises(AMQPConnectionClosedException::class, $nowhere);
    checkEqual($error->getCode(), 530, $error->getMessage());
    $connection = connect(['login_method' => 'AMQPLAIN']);
    check($connection->isConnected(), 'AMQPLAIN');
    $connection->close();
}

function getNackRecover(): void
{
    withConnections(1, function ($connection): void {
        $channel = $connection->channel();
        $queue = exclusiveQueue($channel);
        checkEqual($channel->basic_get($queue), null, 'get from an empty queue');
        fill($channel, $queue, 'one', 'two', 'three');
        [$first, $second] = [$channel->basic_get($queue), $channel->basic_get($queue)];
        $left = [$first->getMessageCount(), $second->getMessageCount()];
        checkEqual($left, [2, 1], 'messages left');
        $second->nack(true, true);
        $again = $channel->basic_get($queue);
        checkEqual([$again->getBody(), $again->isRedelivered()], ['one', true], 'after nack');
        $channel->basic_recover(true);
        $again = $channel->basic_get($queue);
        checkEqual([$again->getBody(), $again->isRedelivered()], ['one', true], 'after recover');
        $again->reject(false);
        checkEqual($channel->queue_purge($queue), 2, 'purged');
    });
}

function largeBodies(): void
{
    withConnections(1, function ($connection): void {
        $channel = $connection->channel();
        $queue = exclusiveQueue($channel);
        $collector = new Collector($channel, $queue);
        $bodies = [];
        foreach ([0, 131064, 131065, 1 << 20] as $size) {
            $bodies[] = substr(str_repeat('position', intdiv($size, 8) + 1), 0, $size);
        }
        foreach ($bodies as $body) {
            $channel->batch_basic_publish(new AMQPMessage($body), '', $queue);
        }
        $channel->publish_batch();
        foreach ($bodies as $body) {
            check($collector->next()->getBody() === $body, strlen($body) . ' octets changed');
        }
    });
}

function headers(): void
{
    withConnections(1, function ($connection): void {
        $channel = $connection->channel();
        $queue = exclusiveQueue($channel);
        $collector = new Collector($channel, $queue);
        $headers = [
            'text' => 'wörter', 'small' => -1, 'large' => 2 ** 40, 'yes' => true,
            'nothing' => null, 'list' => [1, 'two', [3]], 'table' => ['deep' => ['er' => 1]],
        ];
        $sent = [
            'content_type' => 'a/b', 'content_encoding' => 'c', 'delivery_mode' => 1,
            'priority' => 9, 'correlation_id' => 'd', 'reply_to' => 'e', 'expiration' => '60000',
            'message_id' => 'f', 'timestamp' => 1600000000, 'type' => 'g', 'user_id' => 'guest',
            'app_id' => 'h', 'cluster_id' => 'i',
        ];
        $tables = ['application_headers' => new AMQPTable($headers)];
        publish($channel, '', $queue, 'text', $sent + $tables);
        $got = $collector->next();
        foreach ($sent as $name => $expected) {
            checkEqual($got->get($name), $expected, $name);
        }
        $back = $got->get('application_headers')->getNativeData();
        ksort($back);
        ksort($headers);
        checkEqual($back, $headers, 'headers');
    });
}

function exchanges(): void
{
    withConnections(1, function ($connection): void {
        $channel = $connection->channel();
        [$source, $target, $rest] = [unique('source'), unique('target'), unique('rest')];
        $alternate = new AMQPTable(['alternate-exchange' => $rest]);
        $channel->exchange_declare($rest, 'fanout', false, false, true);
        $channel->exchange_declare($source, 'topic', false, false, true, false, false, $alternate);
        $channel->exchange_declare($target, 'headers', false, false, true);
        $channel->exchange_bind($target, $source, 'a.#');
        [$bound, $others] = [exclusiveQueue($channel), exclusiveQueue($channel)];
        $match = new AMQPTable(['x-match' => 'all', 'format' => 'pdf']);
        $channel->queue_bind($bound, $target, '', false, $match);
        $channel->queue_bind($others, $rest);
        [$atBound, $atRest] = [new Collector($channel, $bound), new Collector($channel, $others)];
        $pdf = ['application_headers' => new AMQPTable(['format' => 'pdf'])];
        publish($channel, $source, 'a', 'not a pdf');
        publish($channel, $source, 'b', 'elsewhere', $pdf);
        publish($channel, $source, 'a.b', 'pdf', $pdf);
        checkEqual($atBound->texts(1), ['pdf'], 'bound queue');
        checkEqual($atRest->texts(1), ['elsewhere'], 'queue at the alternate exchange');
        $channel->exchange_unbind($target, $source, 'a.#');
    });
}

function consumerCancelled(): void
{
    withConnections(2, function ($connection, $other): void {
        $queue = unique('cancel');
        $channel = $connection->channel();
        $channel->queue_declare($queue);
        new Collector($channel, $queue);
        checkEqual(count($channel->callbacks), 1, 'consumers');
        $other->channel()->queue_delete($queue);
        $error = null;
        try {
            $channel->wait(null, false, WAIT_SECONDS);
        } catch (PhpAmqpLib\Exception\AMQPBasicCancelException $error) {
            check($error->consumerTag !== '', 'no consumer tag');
        }
        check($error !== null, 'no basic.cancel');
    });
}

function transactions(): void
{
    withConnections(1, function ($connection): void {
        $channel = $connection->channel();
        $queue = exclusiveQueue($channel);
        $channel->tx_select();
        publish($channel, '', $queue, 'forgotten');
        $channel->tx_rollback();
        publish($channel, '', $queue, 'kept');
        checkEqual(readyMessages($channel, $queue), 0, 'messages before commit');
        $channel->tx_commit();
        checkEqual($channel->basic_get($queue, true)->getBody(), 'kept', 'message');
    });
}

function waitTimesOut(): void
{
    withConnections(1, function ($connection): void {
        $channel = $connection->channel();
        $queue = exclusiveQueue($channel);
        $collector = new Collector($channel, $queue);
        raises(AMQPTimeoutException::class, fn () => $channel->wait(null, false, 0.1));
        publish($channel, '', $queue, 'text');
        checkEqual($collector->texts(1), ['text'], 'messages');
    });
}

function heartbeats(): void
{
    withConnections(1, function (AMQPStreamConnection $connection): void {
        checkEqual($connection->getHeartbeat(), 1, 'heartbeat');
        $channel = $connection->channel();
        $end = microtime(true) + 3.5;
        while (($left = $end - microtime(true)) > 0) {
            $connection->checkHeartBeat();
            try {
                $channel->wait(null, false, min($left, 0.3));
            } catch (AMQPTimeoutException) {
                // Nothing but heartbeats came, which is what should be.
            }
        }
        check(exclusiveQueue($channel) !== '', 'no queue');
    }, ['heartbeat' => 1, 'read_write_timeout' => 2]);
}
