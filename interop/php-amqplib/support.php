<?php
// SPDX-License-Identifier: Apache-2.0
// Connections, consumers that collect, checks, and the report in TAP.

declare(strict_types=1);

use PhpAmqpLib\Channel\AMQPChannel;
use PhpAmqpLib\Connection\AMQPSSLConnection;
use PhpAmqpLib\Connection\AMQPStreamConnection;
use PhpAmqpLib\Message\AMQPMessage;

const WAIT_SECONDS = 15;
const TEST_SECONDS = 30;

/** A name that no other test and no other run uses. */
function unique(string $purpose): string
{
    static $lastNumber = 0;
    $lastNumber++;
    return "interop.$purpose." . getmypid() . '.' . hrtime(true) . ".$lastNumber";
}

function check(bool $condition, string $otherwise): void
{
    if (!$condition) {
        throw new RuntimeException($otherwise);
    }
}

function checkEqual(mixed $got, mixed $expected, string $what): void
{
    $difference = json_encode($got) . ' instead of ' . json_encode($expected);
    check($got === $expected, "$what: $difference");
}

/** Calls what has to throw this class, and returns what it throws. */
function raises(string $class, callable $function): Throwable
{
    try {
        $function();
    } catch (Throwable $error) {
        $other = get_class($error) . " instead of $class: " . $error->getMessage();
        check($error instanceof $class, $other);
        return $error;
    }
    throw new RuntimeException("no $class was thrown");
}

/** @param array<string, mixed> $settings what differs from AMQP_URL and the library's defaults */
function connect(array $settings = []): AMQPStreamConnection
{
    $url = parse_url((string) getenv('AMQP_URL'));
    $settings += [
        'user' => $url['user'],
        'password' => $url['pass'],
        'vhost' => '/',
        'connection_timeout' => WAIT_SECONDS,
        'read_write_timeout' => WAIT_SECONDS,
    ];
    if ($url['scheme'] === 'amqps') {
        return tls_connection($url, $settings);
    }
    return new AMQPStreamConnection($url['host'], $url['port'] ?? 5672, ...$settings);
}

/**
 * @param array<string, mixed> $url
 * @param array<string, mixed> $settings
 */
function tls_connection(array $url, array $settings): AMQPStreamConnection
{
    $user = $settings['user'];
    $password = $settings['password'];
    $vhost = $settings['vhost'];
    unset($settings['user'], $settings['password'], $settings['vhost']);
    $trust = ['cafile' => getenv('AMQP_CA'), 'verify_peer' => true, 'peer_name' => $url['host']];
    return new AMQPSSLConnection($url['host'], $url['port'], $user, $password, $vhost, $trust, $settings);
}

/** Calls the test with that many connections and closes what it left open. */
function withConnections(int $count, callable $test, array $settings = []): void
{
    $connections = [];
    while (count($connections) < $count) {
        $connections[] = connect($settings);
    }
    try {
        $test(...$connections);
    } finally {
        foreach ($connections as $connection) {
            if ($connection->isConnected()) {
                $connection->close();
            }
        }
    }
}

/** The socket dies as a killed process's would: without connection.close. */
function drop(AMQPStreamConnection $connection): void
{
    $connection->getIO()->close();
}

/** A queue's deliveries. */
final class Collector
{
    /** @var AMQPMessage[] */
    private array $messages = [];

    public function __construct(
        public readonly AMQPChannel $channel,
        string $queue,
        bool $noAck = true
    ) {
        $channel->basic_consume($queue, '', false, $noAck, false, false, function ($message): void {
            $this->messages[] = $message;
        });
    }

    public function next(): AMQPMessage
    {
        while ($this->messages === []) {
            $this->channel->wait(null, false, WAIT_SECONDS);
        }
        return array_shift($this->messages);
    }

    /** @return string[] the bodies of the next messages */
    public function texts(int $count): array
    {
        $texts = [];
        while (count($texts) < $count) {
            $texts[] = $this->next()->getBody();
        }
        return $texts;
    }
}

function exclusiveQueue(AMQPChannel $channel): string
{
    return $channel->queue_declare('', false, false, true, false)[0];
}

function readyMessages(AMQPChannel $channel, string $queue): int
{
    return $channel->queue_declare($queue, true)[1];
}

function publish(
    AMQPChannel $channel,
    string $exchange,
    string $key,
    string $text,
    array $properties = []
): void {
    $channel->basic_publish(new AMQPMessage($text, $properties), $exchange, $key);
}

/** Publishes to the queue and waits until the messages are there. */
function fill(AMQPChannel $channel, string $queue, string ...$texts): void
{
    $channel->confirm_select();
    foreach ($texts as $text) {
        publish($channel, '', $queue, $text);
    }
    $channel->wait_for_pending_acks(WAIT_SECONDS);
}

/** Runs name => function and ends the process. */
function run(array $tests): never
{
    pcntl_async_signals(true);
    pcntl_signal(SIGALRM, function (): void {
        throw new RuntimeException('the test did not end within ' . TEST_SECONDS . ' s');
    });
    $failures = 0;
    $number = 0;
    echo '1..', count($tests), "\n";
    foreach ($tests as $name => $test) {
        $number++;
        pcntl_alarm(TEST_SECONDS);
        try {
            $test();
            echo "ok $number - $name\n";
        } catch (Throwable $error) {
            $failures++;
            $reason = strtok($error->getMessage(), "\n");
            echo "not ok $number - $name # ", get_class($error), ": $reason\n", "$error\n";
        } finally {
            pcntl_alarm(0);
        }
    }
    exit($failures === 0 ? 0 : 1);
}
