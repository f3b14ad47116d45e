<?php
// SPDX-License-Identifier: Apache-2.0
// The six tutorial patterns with php-amqplib.

declare(strict_types=1);

use PhpAmqpLib\Connection\AMQPStreamConnection;
use PhpAmqpLib\Message\AMQPMessage;

const PERSISTENT = ['delivery_mode' => AMQPMessage::DELIVERY_MODE_PERSISTENT];

const PATTERN_TESTS = [
    "work queue: prefetch 1, a dropped worker's task is redelivered" => 'workQueue',
    'publish/subscribe: fanout to exclusive server-named queues' => 'publishSubscribe',
    'routing: direct exchange, several keys' => 'routing',
    'topics: * and #' => 'topics',
    'RPC: reply queue and correlation-id, answers in another order' => 'rpc',
    'RPC: direct reply-to' => 'directReplyTo',
    'confirms: one at a time' => 'confirms',
    'confirms: a batch of 200' => 'batchConfirms',
    'confirms: mandatory message returns before its confirm' => 'returnBeforeConfirm',
];

function worker(AMQPStreamConnection $connection, string $queue): Collector
{
    $channel = $connection->channel();
    $channel->basic_qos(0, 1, false);
    return new Collector($channel, $queue, false);
}

function workQueue(): void
{
    $doomed = connect();
    withConnections(2, function ($producing, $working) use ($doomed): void {
        $queue = unique('work');
        $channel = $producing->channel();
        $channel->queue_declare($queue, false, true, false, false);
        $first = worker($doomed, $queue);
        $second = worker($working, $queue);
        $channel->confirm_select();
        for ($number = 1; $number <= 6; $number++) {
            publish($channel, '', $queue, "task $number", PERSISTENT);
        }
        $channel->wait_for_pending_acks(WAIT_SECONDS);
        checkEqual($first->texts(1), ['task 1'], 'first worker');
        $current = $second->next();
        checkEqual(readyMessages($channel, $queue), 4, 'tasks held back');

        drop($doomed);
        $redelivered = [];
        for ($left = 5; $left > 0; $left--) {
            $current->ack();
            $current = $second->next();
            checkEqual($current->get('delivery_mode'), 2, 'delivery-mode');
            if ($current->isRedelivered()) {
                $redelivered[] = $current->getBody();
            }
        }
        $current->ack();
        checkEqual($redelivered, ['task 1'], 'redelivered tasks');
        $second->channel->close();
        checkEqual($channel->queue_delete($queue), 0, 'tasks left');
    });
}

function publishSubscribe(): void
{
    withConnections(2, function (...$connections): void {
        $logs = unique('logs');
        $subscribers = [];
        foreach ($connections as $connection) {
            $channel = $connection->channel();
            $channel->exchange_declare($logs, 'fanout', false, false, true);
            $queue = exclusiveQueue($channel);
            check(str_starts_with($queue, 'amq.gen-'), "server chose $queue");
            $channel->queue_bind($queue, $logs);
            $subscribers[] = new Collector($channel, $queue);
        }
        $producer = $connections[0]->channel();
        foreach (['one', 'two', 'three'] as $text) {
            publish($producer, $logs, '', $text);
        }
        foreach ($subscribers as $subscriber) {
            checkEqual($subscriber->texts(3), ['one', 'two', 'three'], 'subscriber');
        }
    });
}

/** Publishes each key as a message; the queues have to get what is expected of them, no more. */
function route(string $type, array $bindings, array $keys, array $expected): void
{
    withConnections(1, function ($connection) use ($type, $bindings, $keys, $expected): void {
        $exchange = unique($type);
        $channel = $connection->channel();
        $channel->exchange_declare($exchange, $type, false, false, true);
        $queues = [];
        foreach ($bindings as $bindingKeys) {
            $queue = exclusiveQueue($channel);
            foreach ($bindingKeys as $key) {
                $channel->queue_bind($queue, $exchange, $key);
            }
            $queues[] = $queue;
        }
        $channel->confirm_select();
        foreach ($keys as $key) {
            publish($channel, $exchange, $key, $key);
        }
        $channel->wait_for_pending_acks(WAIT_SECONDS);
        foreach ($queues as $index => $queue) {
            $count = readyMessages($channel, $queue);
            $collector = new Collector($channel, $queue);
            checkEqual($collector->texts($count), $expected[$index], "queue $index");
        }
    });
}

function routing(): void
{
    $bindings = [['error'], ['info', 'warning', 'error']];
    route('direct', $bindings, ['info', 'debug', 'warning', 'Error', 'error'], $bindings);
}

function topics(): void
{
    $orange = ['quick.orange.rabbit', 'lazy.orange.elephant', 'quick.orange.fox'];
    $lazy = ['lazy.brown.fox', 'lazy.pink.rabbit', 'lazy.orange.new.rabbit', 'lazy'];
    $nowhere = ['quick.brown.fox', 'orange', 'quick.orange.new.rabbit'];
    route(
        'topic',
        [['*.orange.*'], ['*.*.rabbit', 'lazy.#']],
        [...$orange, ...$nowhere, ...$lazy],
        [$orange, [$orange[0], $orange[1], ...$lazy]]
    );
}

/** The server doubles two numbers and answers in reverse order. */
function callRemotely(bool $direct): void
{
    withConnections(2, function ($serving, $calling) use ($direct): void {
        $queue = unique('rpc');
        $server = $serving->channel();
        $client = $calling->channel();
        $server->queue_declare($queue, false, false, false, true);
        $requests = new Collector($server, $queue, false);
        $replyTo = $direct ? 'amq.rabbitmq.reply-to' : exclusiveQueue($client);
        $replies = new Collector($client, $replyTo);
        foreach (['21', '150'] as $number) {
            $properties = ['reply_to' => $replyTo, 'correlation_id' => "double $number"];
            publish($client, '', $queue, $number, $properties);
        }
        foreach (array_reverse([$requests->next(), $requests->next()]) as $request) {
            $answer = (string) (2 * (int) $request->getBody());
            $properties = ['correlation_id' => $request->get('correlation_id')];
            publish($server, '', $request->get('reply_to'), $answer, $properties);
            $request->ack();
        }
        foreach ([['double 150', '300'], ['double 21', '42']] as $expected) {
            $reply = $replies->next();
            checkEqual([$reply->get('correlation_id'), $reply->getBody()], $expected, 'answer');
        }
    });
}

function rpc(): void
{
    callRemotely(false);
}

function directReplyTo(): void
{
    callRemotely(true);
}

function confirms(): void
{
    withConnections(1, function ($connection): void {
        $queue = unique('confirm');
        $confirmed = [];
        $channel = $connection->channel();
        $channel->queue_declare($queue, false, true, false, false);
        $channel->set_ack_handler(function (AMQPMessage $message) use (&$confirmed): void {
            $confirmed[] = $message->getBody();
        });
        $channel->confirm_select();
        foreach (['one', 'two', 'three'] as $text) {
            publish($channel, '', $queue, $text, PERSISTENT);
            $channel->wait_for_pending_acks(WAIT_SECONDS);
        }
        checkEqual($confirmed, ['one', 'two', 'three'], 'confirmed');
        checkEqual($channel->queue_delete($queue), 3, 'messages');
    });
}

function batchConfirms(): void
{
    withConnections(1, function ($connection): void {
        $queue = unique('batch');
        $confirmed = 0;
        $channel = $connection->channel();
        $channel->queue_declare($queue, false, true, false, false);
        $channel->set_ack_handler(function () use (&$confirmed): void {
            $confirmed++;
        });
        $channel->confirm_select();
        for ($number = 0; $number < 200; $number++) {
            $channel->batch_basic_publish(new AMQPMessage("$number", PERSISTENT), '', $queue);
        }
        $channel->publish_batch();
        $channel->wait_for_pending_acks(WAIT_SECONDS);
        checkEqual($confirmed, 200, 'confirmed');
        checkEqual($channel->queue_delete($queue), 200, 'messages');
    });
}

function returnBeforeConfirm(): void
{
    withConnections(1, function ($connection): void {
        $events = [];
        $nowhere = unique('nowhere');
        $channel = $connection->channel();
        $channel->set_return_listener(function (...$returned) use (&$events): void {
            [$code, $text, $exchange, $key, $message] = $returned;
            $events[] = [$code, $text, $exchange, $key, $message->getBody()];
        });
        $channel->set_ack_handler(function () use (&$events): void {
            $events[] = 'ack';
        });
        $channel->confirm_select();
        $channel->basic_publish(new AMQPMessage('back'), '', $nowhere, true);
        $channel->wait_for_pending_acks_returns(WAIT_SECONDS);
        checkEqual($events, [[312, 'NO_ROUTE', '', $nowhere, 'back'], 'ack'], 'events');
    });
}
