// SPDX-License-Identifier: Apache-2.0

import com.rabbitmq.client.AMQP.BasicProperties;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.ConfirmListener;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.Delivery;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.function.BiConsumer;

/** The six tutorial patterns. */
final class Patterns {
    static final List<Main.Test> TESTS = List.of(
            new Main.Test("work queue: prefetch 1, a dropped worker's task is redelivered",
                    Patterns::workQueue),
            new Main.Test("publish/subscribe: fanout to exclusive server-named queues",
                    Patterns::publishSubscribe),
            new Main.Test("routing: direct exchange, several keys", Patterns::routing),
            new Main.Test("topics: * and #", Patterns::topics),
            new Main.Test("RPC: reply queue and correlation-id, answers in another order",
                    () -> callRemotely(false)),
            new Main.Test("RPC: direct reply-to", () -> callRemotely(true)),
            new Main.Test("confirms: one at a time and a batch", Patterns::confirms),
            new Main.Test("confirms: 300 in flight with a listener",
                    Patterns::asynchronousConfirms),
            new Main.Test("confirms: mandatory message returns before its confirm",
                    Patterns::returnBeforeConfirm));

    private Patterns() {}

    private static void workQueue() throws Exception {
        Support.Cuttable doomed = new Support.Cuttable(Support.factory());
        try (Connection producing = Support.connect(); Connection working = Support.connect()) {
            String queue = Support.unique("work");
            Channel channel = producing.createChannel();
            channel.queueDeclare(queue, true, false, false, null);
            Support.Consumer first = worker(doomed.connection, queue);
            Support.Consumer second = worker(working, queue);
            channel.confirmSelect();
            for (int number = 1; number <= 6; number++) {
                byte[] task = Support.bytes("task " + number);
                channel.basicPublish("", queue, Support.PERSISTENT, task);
            }
            channel.waitForConfirmsOrDie(Support.WAIT_SECONDS * 1000L);
            Support.checkEqual(first.texts(1), List.of("task 1"), "first worker");
            Delivery current = second.take("a task");
            Support.checkEqual(channel.messageCount(queue), 4L, "tasks held back");

            doomed.cut();
            List<String> redelivered = new ArrayList<>();
            for (int left = 5; left > 0; left--) {
                second.ack(current);
                current = second.take("a task");
                Support.checkEqual(current.getProperties().getDeliveryMode(), 2, "delivery-mode");
                if (current.getEnvelope().isRedeliver()) {
                    redelivered.add(Support.text(current));
                }
            }
            second.ack(current);
            Support.checkEqual(redelivered, List.of("task 1"), "redelivered tasks");
            second.channel.close();
            Support.checkEqual(channel.queueDelete(queue).getMessageCount(), 0, "tasks left");
        }
    }

    private static Support.Consumer worker(Connection connection, String queue) throws Exception {
        Channel channel = connection.createChannel();
        channel.basicQos(1);
        return new Support.Consumer(channel, queue, false);
    }

    private static void publishSubscribe() throws Exception {
        try (Connection one = Support.connect(); Connection two = Support.connect()) {
            String logs = Support.unique("logs");
            List<Support.Consumer> subscribers = new ArrayList<>();
            for (Connection connection : List.of(one, two)) {
                Channel channel = connection.createChannel();
                Support.declareExchange(channel, logs, "fanout");
                String queue = channel.queueDeclare().getQueue();
                Support.check(queue.startsWith("amq.gen-"), "server chose " + queue);
                channel.queueBind(queue, logs, "");
                subscribers.add(new Support.Consumer(channel, queue, true));
            }
            Channel producer = one.createChannel();
            for (String text : List.of("one", "two", "three")) {
                producer.basicPublish(logs, "", null, Support.bytes(text));
            }
            for (Support.Consumer subscriber : subscribers) {
                Support.checkEqual(subscriber.texts(3), List.of("one", "two", "three"), "messages");
            }
        }
    }

    /** Publishes each key as a message; the queues have to get what is expected, no more. */
    private static void route(String type, List<List<String>> bindings, List<String> keys,
            List<List<String>> expected) throws Exception {
        try (Connection connection = Support.connect()) {
            String exchange = Support.unique(type);
            Channel channel = connection.createChannel();
            Support.declareExchange(channel, exchange, type);
            List<String> queues = new ArrayList<>();
            for (List<String> bindingKeys : bindings) {
                String queue = Support.exclusiveQueue(channel);
                for (String key : bindingKeys) {
                    channel.queueBind(queue, exchange, key);
                }
                queues.add(queue);
            }
            channel.confirmSelect();
            for (String key : keys) {
                channel.basicPublish(exchange, key, null, Support.bytes(key));
            }
            channel.waitForConfirmsOrDie(Support.WAIT_SECONDS * 1000L);
            for (int i = 0; i < queues.size(); i++) {
                int count = (int) channel.messageCount(queues.get(i));
                Support.Consumer consumer = new Support.Consumer(channel, queues.get(i), true);
                Support.checkEqual(consumer.texts(count), expected.get(i), "queue " + i);
            }
        }
    }

    private static void routing() throws Exception {
        List<List<String>> bindings =
                List.of(List.of("error"), List.of("info", "warning", "error"));
        List<String> keys = List.of("info", "debug", "warning", "Error", "error");
        route("direct", bindings, keys, bindings);
    }

    private static void topics() throws Exception {
        route("topic",
                List.of(List.of("*.orange.*"), List.of("*.*.rabbit", "lazy.#")),
                List.of("quick.orange.rabbit", "lazy.orange.elephant", "quick.orange.fox",
                        "quick.brown.fox", "orange", "quick.orange.new.rabbit", "lazy.brown.fox",
                        "lazy.pink.rabbit", "lazy.orange.new.rabbit", "lazy"),
                List.of(List.of("quick.orange.rabbit", "lazy.orange.elephant", "quick.orange.fox"),
                        List.of("quick.orange.rabbit", "lazy.orange.elephant", "lazy.brown.fox",
                                "lazy.pink.rabbit", "lazy.orange.new.rabbit", "lazy")));
    }

    private static BasicProperties call(String replyTo, String correlationId) {
        return new BasicProperties.Builder().replyTo(replyTo).correlationId(correlationId).build();
    }

    /** The server doubles two numbers and answers in reverse order. */
    private static void callRemotely(boolean direct) throws Exception {
        try (Connection serving = Support.connect(); Connection calling = Support.connect()) {
            String queue = Support.unique("rpc");
            Channel server = serving.createChannel();
            Channel client = calling.createChannel();
            server.queueDeclare(queue, false, false, true, null);
            Support.Consumer requests = new Support.Consumer(server, queue, false);
            String replyTo = direct ? "amq.rabbitmq.reply-to" : Support.exclusiveQueue(client);
            Support.Consumer replies = new Support.Consumer(client, replyTo, true);
            client.basicPublish("", queue, call(replyTo, "first"), Support.bytes("21"));
            client.basicPublish("", queue, call(replyTo, "second"), Support.bytes("150"));
            Delivery first = requests.take("a request");
            for (Delivery request : List.of(requests.take("a request"), first)) {
                BasicProperties asked = request.getProperties();
                int answer = 2 * Integer.parseInt(Support.text(request));
                server.basicPublish("", asked.getReplyTo(), call(null, asked.getCorrelationId()),
                        Support.bytes(String.valueOf(answer)));
                requests.ack(request);
            }
            List<List<String>> answers = List.of(List.of("second", "300"), List.of("first", "42"));
            for (List<String> expected : answers) {
                Delivery reply = replies.take("an answer");
                String correlationId = reply.getProperties().getCorrelationId();
                List<String> got = List.of(correlationId, Support.text(reply));
                Support.checkEqual(got, expected, "answer");
            }
        }
    }

    private static void confirms() throws Exception {
        try (Connection connection = Support.connect()) {
            String queue = Support.unique("confirm");
            Channel channel = connection.createChannel();
            channel.queueDeclare(queue, true, false, false, null);
            channel.confirmSelect();
            for (int i = 0; i < 5; i++) {
                channel.basicPublish("", queue, Support.PERSISTENT, Support.bytes("alone"));
                channel.waitForConfirmsOrDie(Support.WAIT_SECONDS * 1000L);
            }
            for (int i = 0; i < 100; i++) {
                channel.basicPublish("", queue, Support.PERSISTENT, Support.bytes("batch"));
            }
            Support.check(channel.waitForConfirms(Support.WAIT_SECONDS * 1000L), "a nack came");
            Support.checkEqual(channel.queueDelete(queue).getMessageCount(), 105, "messages");
        }
    }

    private static ConfirmListener onAck(BiConsumer<Long, Boolean> acked) {
        return new ConfirmListener() {
            @Override
            public void handleAck(long deliveryTag, boolean multiple) {
                acked.accept(deliveryTag, multiple);
            }

            @Override
            public void handleNack(long deliveryTag, boolean multiple) {
                throw new AssertionError("nack of " + deliveryTag);
            }
        };
    }

    private static void asynchronousConfirms() throws Exception {
        try (Connection connection = Support.connect()) {
            ConcurrentSkipListSet<Long> unconfirmed = new ConcurrentSkipListSet<>();
            CountDownLatch confirmed = new CountDownLatch(300);
            String queue = Support.unique("listener");
            Channel channel = connection.createChannel();
            channel.queueDeclare(queue, true, false, false, null);
            channel.confirmSelect();
            channel.addConfirmListener(onAck((tag, multiple) -> {
                Long oldest = multiple ? Long.valueOf(1) : tag;
                while (unconfirmed.ceiling(oldest) != null && unconfirmed.ceiling(oldest) <= tag) {
                    unconfirmed.remove(unconfirmed.ceiling(oldest));
                    confirmed.countDown();
                }
            }));
            for (int i = 0; i < 300; i++) {
                unconfirmed.add(channel.getNextPublishSeqNo());
                channel.basicPublish("", queue, Support.PERSISTENT, Support.bytes("m"));
            }
            boolean all = confirmed.await(Support.WAIT_SECONDS, TimeUnit.SECONDS);
            Support.check(all, unconfirmed.size() + " messages are not confirmed");
            Support.checkEqual(channel.queueDelete(queue).getMessageCount(), 300, "messages");
        }
    }

    private static void returnBeforeConfirm() throws Exception {
        try (Connection connection = Support.connect()) {
            Support.Arrivals<String> events = new Support.Arrivals<>();
            String nowhere = Support.unique("nowhere");
            Channel channel = connection.createChannel();
            channel.confirmSelect();
            channel.addReturnListener((code, text, exchange, key, properties, body) ->
                    events.add(code + " " + text + " " + key + " " + Support.text(body)));
            channel.addConfirmListener(onAck((tag, multiple) -> events.add("ack " + tag)));
            channel.basicPublish("", nowhere, true, null, Support.bytes("back"));
            String expected = "312 NO_ROUTE " + nowhere + " back";
            Support.checkEqual(events.take("the return"), expected, "return");
            Support.checkEqual(events.take("the confirm"), "ack 1", "confirm");
        }
    }
}
