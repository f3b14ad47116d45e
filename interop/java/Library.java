// SPDX-License-Identifier: Apache-2.0

import com.rabbitmq.client.AMQP;
import com.rabbitmq.client.AMQP.BasicProperties;
import com.rabbitmq.client.AuthenticationFailureException;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.Delivery;
import com.rabbitmq.client.GetResponse;
import com.rabbitmq.client.Method;
import com.rabbitmq.client.Recoverable;
import com.rabbitmq.client.RecoveryListener;
import com.rabbitmq.client.RpcClient;
import com.rabbitmq.client.RpcServer;
import com.rabbitmq.client.ShutdownSignalException;
import java.math.BigDecimal;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** What programs use the Java client for beyond the patterns. */
final class Library {
    static final List<Main.Test> TESTS = List.of(
            new Main.Test("RpcClient and RpcServer", Library::rpcClasses),
            new Main.Test("tx: commit and rollback of publishes and acks", Library::transactions),
            new Main.Test("nack and reject: requeued messages return to their places",
                    Library::nackAndReject),
            new Main.Test("get, recover and purge", Library::getRecoverPurge),
            new Main.Test("exchange-to-exchange and alternate exchange", Library::exchanges),
            new Main.Test("headers exchange: all, any", Library::headersExchange),
            new Main.Test("errors close the channel with their codes", Library::channelErrors),
            new Main.Test("a reused consumer tag is a connection error 530",
                    Library::connectionErrors),
            new Main.Test("a wrong password and an unknown vhost are refused",
                    Library::refusedLogins),
            new Main.Test("a deleted queue cancels its consumer", Library::consumerCancelled),
            new Main.Test("headers and properties come back unchanged", Library::headerTypes),
            new Main.Test("bodies up to 1 MiB with frame-max 4096 and as offered",
                    Library::largeBodies),
            new Main.Test("qos: per consumer and for the channel", Library::prefetch),
            new Main.Test("automatic recovery of connection, queue, binding and consumer",
                    Library::automaticRecovery),
            new Main.Test("heartbeats keep a connection open", Library::heartbeats));

    private Library() {}

    private static void publish(Channel channel, String queue, String... texts) throws Exception {
        channel.confirmSelect();
        for (String text : texts) {
            channel.basicPublish("", queue, null, Support.bytes(text));
        }
        channel.waitForConfirmsOrDie(Support.WAIT_SECONDS * 1000L);
    }

    private static void rpcClasses() throws Exception {
        try (Connection serving = Support.connect(); Connection calling = Support.connect()) {
            String queue = Support.unique("rpc");
            Channel channel = serving.createChannel();
            channel.queueDeclare(queue, false, false, true, null);
            RpcServer server = new RpcServer(channel, queue) {
                @Override
                public byte[] handleCall(byte[] request, BasicProperties replyProperties) {
                    return Support.bytes(Support.text(request).toUpperCase());
                }
            };
            Thread loop = new Thread(() -> {
                try {
                    server.mainloop();
                } catch (Exception error) {
                    throw new IllegalStateException(error);
                }
            });
            loop.start();
            int timeout = Support.WAIT_SECONDS * 1000;
            RpcClient client = new RpcClient(calling.createChannel(), "", queue, timeout);
            Support.checkEqual(client.stringCall("leveret"), "LEVERET", "answer");
            Support.checkEqual(client.stringCall("again"), "AGAIN", "answer");
            client.close();
            channel.close(); // which ends the server's loop
            loop.join(timeout);
            Support.check(!loop.isAlive(), "the server does not end");
        }
    }

    private static void transactions() throws Exception {
        try (Connection connection = Support.connect()) {
            Channel channel = connection.createChannel();
            String queue = Support.exclusiveQueue(channel);
            channel.txSelect();
            channel.basicPublish("", queue, null, Support.bytes("forgotten"));
            channel.txRollback();
            channel.basicPublish("", queue, null, Support.bytes("kept"));
            Support.checkEqual(channel.messageCount(queue), 0L, "messages before commit");
            channel.txCommit();
            GetResponse message = channel.basicGet(queue, false);
            Support.checkEqual(Support.text(message.getBody()), "kept", "message");
            channel.basicAck(message.getEnvelope().getDeliveryTag(), false);
            channel.txRollback();
            channel.basicAck(message.getEnvelope().getDeliveryTag(), false);
            channel.txCommit();
            channel.basicRecover(true);
            Support.check(channel.basicGet(queue, true) == null, "the acked message is back");
        }
    }

    private static void nackAndReject() throws Exception {
        try (Connection connection = Support.connect()) {
            Channel channel = connection.createChannel();
            String queue = Support.exclusiveQueue(channel);
            publish(channel, queue, "one", "two", "three");
            Support.Consumer consumer = new Support.Consumer(channel, queue, false);
            List<Delivery> got = new ArrayList<>();
            for (int i = 0; i < 3; i++) {
                got.add(consumer.take("a message"));
            }
            channel.basicReject(got.get(2).getEnvelope().getDeliveryTag(), false);
            channel.basicNack(got.get(1).getEnvelope().getDeliveryTag(), true, true);
            for (String text : List.of("one", "two")) {
                Delivery again = consumer.take("a redelivered message");
                Support.checkEqual(Support.text(again), text, "redelivered message");
                Support.check(again.getEnvelope().isRedeliver(), "not marked as redelivered");
                consumer.ack(again);
            }
            Support.checkEqual(channel.queueDelete(queue).getMessageCount(), 0, "messages left");
        }
    }

    private static void getRecoverPurge() throws Exception {
        try (Connection connection = Support.connect()) {
            Channel channel = connection.createChannel();
            String queue = Support.exclusiveQueue(channel);
            Support.check(channel.basicGet(queue, true) == null, "a message in a new queue");
            publish(channel, queue, "one", "two", "three");
            GetResponse first = channel.basicGet(queue, false);
            Support.checkEqual(first.getMessageCount(), 2, "messages left");
            channel.basicRecover();
            GetResponse again = channel.basicGet(queue, true);
            Support.checkEqual(Support.text(again.getBody()), "one", "recovered message");
            Support.check(again.getEnvelope().isRedeliver(), "not marked as redelivered");
            Support.checkEqual(channel.queuePurge(queue).getMessageCount(), 2, "purged");
        }
    }

    private static void exchanges() throws Exception {
        try (Connection connection = Support.connect()) {
            Channel channel = connection.createChannel();
            String source = Support.unique("source");
            String target = Support.unique("target");
            String rest = Support.unique("rest");
            String bound = Support.exclusiveQueue(channel);
            String unroutable = Support.exclusiveQueue(channel);
            Support.declareExchange(channel, rest, "fanout");
            channel.exchangeDeclare(source, "topic", false, true,
                    Map.of("alternate-exchange", rest));
            channel.exchangeDeclare(target, "direct", false, true, true, null);
            channel.exchangeBind(target, source, "a.#");
            channel.queueBind(bound, target, "a.b");
            channel.queueBind(unroutable, rest, "");
            Support.Consumer atBound = new Support.Consumer(channel, bound, true);
            Support.Consumer atRest = new Support.Consumer(channel, unroutable, true);
            for (String key : List.of("a.b", "a.c", "b")) {
                channel.basicPublish(source, key, true, null, Support.bytes(key));
            }
            Support.checkEqual(atBound.texts(1), List.of("a.b"), "bound queue");
            // "a.c" reached the target exchange, if no queue: the alternate is not for it.
            Support.checkEqual(atRest.texts(1), List.of("b"), "queue at the alternate exchange");
            channel.exchangeUnbind(target, source, "a.#");
        }
    }

    private static void headersExchange() throws Exception {
        try (Connection connection = Support.connect()) {
            Channel channel = connection.createChannel();
            String exchange = Support.unique("headers");
            Support.declareExchange(channel, exchange, "headers");
            Map<String, Support.Consumer> consumers = new LinkedHashMap<>();
            for (String match : List.of("all", "any")) {
                String queue = Support.exclusiveQueue(channel);
                channel.queueBind(queue, exchange, "",
                        Map.of("x-match", match, "format", "pdf", "pages", 2));
                consumers.put(match, new Support.Consumer(channel, queue, true));
            }
            for (Map<String, Object> headers : List.of(
                    Map.<String, Object>of("format", "pdf"),
                    Map.<String, Object>of("format", "txt"),
                    Map.<String, Object>of("format", "pdf", "pages", 2, "more", true))) {
                channel.basicPublish(exchange, "",
                        new BasicProperties.Builder().headers(headers).build(),
                        Support.bytes(String.valueOf(headers.size())));
            }
            Support.checkEqual(consumers.get("any").texts(2), List.of("1", "3"), "any");
            Support.checkEqual(consumers.get("all").texts(1), List.of("3"), "all");
        }
    }

    private static int codeOf(ShutdownSignalException signal) {
        Method method = signal.getReason();
        if (method instanceof AMQP.Channel.Close close) {
            return close.getReplyCode();
        }
        return ((AMQP.Connection.Close) method).getReplyCode();
    }

    private record Refusal(int code, Refused operation) {}

    @FunctionalInterface
    private interface Refused {
        void run(Channel channel) throws Exception;
    }

    private static void channelErrors() throws Exception {
        try (Connection connection = Support.connect(); Connection other = Support.connect()) {
            String foreign = Support.exclusiveQueue(other.createChannel());
            List<Refusal> refusals = List.of(
                    new Refusal(404, channel -> channel.queueDeclarePassive("none")),
                    new Refusal(404, channel -> channel.exchangeDeclarePassive("none")),
                    new Refusal(404, channel -> channel.basicGet("none", true)),
                    new Refusal(403, channel -> channel.exchangeDeclare("amq.x", "direct")),
                    new Refusal(403, channel -> channel.queueBind(foreign, "", "")),
                    new Refusal(405, channel -> channel.queueDeclarePassive(foreign)),
                    new Refusal(406, channel -> channel.exchangeDeclare("amq.topic", "fanout")),
                    new Refusal(406, Channel::txCommit));
            for (Refusal refusal : refusals) {
                Channel channel = connection.createChannel();
                ShutdownSignalException signal =
                        Support.refused(() -> refusal.operation().run(channel));
                Support.checkEqual(codeOf(signal), refusal.code(), signal.getMessage());
                Support.check(!signal.isHardError(), "the connection is closed");
            }
            Channel channel = connection.createChannel();
            Support.Arrivals<ShutdownSignalException> signals = new Support.Arrivals<>();
            channel.addShutdownListener(signals::add);
            channel.basicPublish("interop.none", "", null, Support.bytes("lost"));
            Support.checkEqual(codeOf(signals.take("channel.close")), 404, "publish");
        }
    }

    private static void connectionErrors() throws Exception {
        Connection connection = Support.connect();
        Support.Arrivals<ShutdownSignalException> signals = new Support.Arrivals<>();
        connection.addShutdownListener(signals::add);
        Channel channel = connection.createChannel();
        String queue = Support.exclusiveQueue(channel);
        for (int i = 0; i < 2; i++) {
            AMQP.Basic.Consume consume =
                    new AMQP.Basic.Consume.Builder().queue(queue).consumerTag("twice").build();
            channel.asyncRpc(consume);
        }
        ShutdownSignalException signal = signals.take("connection.close");
        Support.check(signal.isHardError(), "only the channel is closed");
        Support.checkEqual(codeOf(signal), 530, "reply code");
    }

    private static void refusedLogins() throws Exception {
        ConnectionFactory wrong = Support.factory();
        wrong.setPassword("wrong");
        try (Connection connection = wrong.newConnection()) {
            throw new AssertionError("logged in: " + connection);
        } catch (AuthenticationFailureException error) {
            Support.check(error.getMessage().contains("ACCESS_REFUSED"), error.getMessage());
        }
        ConnectionFactory nowhere = Support.factory();
        nowhere.setVirtualHost("none");
        ShutdownSignalException signal = Support.refused(() -> nowhere.newConnection().close());
        Support.checkEqual(codeOf(signal), 530, "reply code");
    }

    private static void consumerCancelled() throws Exception {
        try (Connection connection = Support.connect()) {
            Channel channel = connection.createChannel();
            String queue = Support.unique("cancel");
            channel.queueDeclare(queue, false, false, false, null);
            Support.Consumer consumer = new Support.Consumer(channel, queue, true);
            connection.createChannel().queueDelete(queue);
            Support.check(!consumer.cancelled.take("basic.cancel").isEmpty(), "no consumer tag");
        }
    }

    private static void headerTypes() throws Exception {
        try (Connection connection = Support.connect()) {
            Map<String, Object> headers = new LinkedHashMap<>();
            headers.put("boolean", true);
            headers.put("byte", (byte) -1);
            headers.put("short", (short) -2);
            headers.put("int", 3);
            headers.put("long", Long.MIN_VALUE);
            headers.put("float", 0.5f);
            headers.put("double", -0.25);
            headers.put("decimal", new BigDecimal("1.25"));
            headers.put("time", new Date(1700000000000L));
            headers.put("nothing", null);
            headers.put("list", Arrays.asList(1, null, true));
            headers.put("table", Map.of("deep", 1L));
            BasicProperties sent = new BasicProperties.Builder()
                    .headers(headers).contentType("a/b").contentEncoding("c").deliveryMode(1)
                    .priority(9).correlationId("d").replyTo("e").expiration("60000").messageId("f")
                    .timestamp(new Date(1600000000000L)).type("g").userId("guest").appId("h")
                    .clusterId("i").build();
            Channel channel = connection.createChannel();
            String queue = Support.exclusiveQueue(channel);
            Support.Consumer consumer = new Support.Consumer(channel, queue, true);
            channel.basicPublish("", queue, sent, new byte[0]);
            BasicProperties got = consumer.take("the message").getProperties();
            for (Map.Entry<String, Object> header : headers.entrySet()) {
                Object value = got.getHeaders().get(header.getKey());
                Support.checkEqual(value, header.getValue(), header.getKey());
            }
            // The class has no equals(), and its text has the headers in any order.
            Support.checkEqual(got.builder().headers(null).build().toString(),
                    sent.builder().headers(null).build().toString(), "properties");
        }
    }

    private static void largeBodies() throws Exception {
        for (int frameMax : new int[] {4096, 0}) {
            ConnectionFactory factory = Support.factory();
            factory.setRequestedFrameMax(frameMax);
            try (Connection connection = factory.newConnection()) {
                int negotiated = connection.getFrameMax();
                Support.checkEqual(negotiated, frameMax == 0 ? 131072 : frameMax, "frame-max");
                Channel channel = connection.createChannel();
                String queue = Support.exclusiveQueue(channel);
                Support.Consumer consumer = new Support.Consumer(channel, queue, true);
                for (int size : new int[] {0, negotiated - 8, negotiated - 7, 1 << 20}) {
                    byte[] body = new byte[size];
                    for (int i = 0; i < size; i++) {
                        body[i] = (byte) (i * 7);
                    }
                    channel.basicPublish("", queue, null, body);
                    boolean same = Arrays.equals(consumer.take("a message").getBody(), body);
                    Support.check(same, "a body of " + size + " octets changed");
                }
            }
        }
    }

    /** Two consumers on one channel: each has room for 2, the channel for 3. */
    private static void prefetch() throws Exception {
        try (Connection connection = Support.connect()) {
            Channel channel = connection.createChannel();
            String queue = Support.exclusiveQueue(channel);
            channel.basicQos(2, false);
            channel.basicQos(3, true);
            Support.Consumer one = new Support.Consumer(channel, queue, false);
            Support.Consumer two = new Support.Consumer(channel, queue, false);
            Channel publishing = connection.createChannel();
            publish(publishing, queue, "1", "2", "3", "4", "5");
            Delivery first = one.take("the first message");
            Support.checkEqual(two.texts(1), List.of("2"), "second consumer");
            Support.checkEqual(one.texts(1), List.of("3"), "first consumer");
            Support.checkEqual(publishing.messageCount(queue), 2L, "messages held back");
            one.ack(first);
            // The channel has room for one more; it is the second consumer's turn.
            Support.checkEqual(two.texts(1), List.of("4"), "second consumer");
            Support.checkEqual(publishing.messageCount(queue), 1L, "messages held back");
        }
    }

    private static void automaticRecovery() throws Exception {
        ConnectionFactory factory = Support.factory();
        factory.setAutomaticRecoveryEnabled(true);
        factory.setNetworkRecoveryInterval(100);
        Support.Cuttable cuttable = new Support.Cuttable(factory);
        Support.Arrivals<String> recoveries = new Support.Arrivals<>();
        ((Recoverable) cuttable.connection).addRecoveryListener(new RecoveryListener() {
            @Override
            public void handleRecovery(Recoverable recoverable) {
                recoveries.add("recovered");
            }

            @Override
            public void handleRecoveryStarted(Recoverable recoverable) {
                recoveries.add("started");
            }
        });
        try (Connection connection = cuttable.connection) {
            Channel channel = connection.createChannel();
            String exchange = Support.unique("recovery");
            Support.declareExchange(channel, exchange, "direct");
            String queue = Support.exclusiveQueue(channel);
            channel.queueBind(queue, exchange, "key");
            Support.Consumer consumer = new Support.Consumer(channel, queue, true);
            channel.basicPublish(exchange, "key", null, Support.bytes("before"));
            Support.checkEqual(consumer.texts(1), List.of("before"), "message");
            cuttable.cut();
            recoveries.take("the recovery to start");
            recoveries.take("the recovery to end");
            channel.basicPublish(exchange, "key", null, Support.bytes("after"));
            Support.checkEqual(consumer.texts(1), List.of("after"), "message");
        }
    }

    private static void heartbeats() throws Exception {
        ConnectionFactory factory = Support.factory();
        factory.setRequestedHeartbeat(1);
        try (Connection connection = factory.newConnection()) {
            Support.checkEqual(connection.getHeartbeat(), 1, "heartbeat");
            CountDownLatch idle = new CountDownLatch(1);
            connection.addShutdownListener(signal -> idle.countDown());
            Channel channel = connection.createChannel();
            String queue = Support.exclusiveQueue(channel);
            Support.Consumer consumer = new Support.Consumer(channel, queue, true);
            // Three idle intervals: the client would give up after two without an octet.
            boolean closed = idle.await(3, TimeUnit.SECONDS);
            Support.check(!closed, "the connection is closed");
            channel.basicPublish("", queue, null, Support.bytes("alive"));
            Support.checkEqual(consumer.texts(1), List.of("alive"), "message");
        }
    }
}
