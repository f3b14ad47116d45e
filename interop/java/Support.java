// SPDX-License-Identifier: Apache-2.0

import com.rabbitmq.client.AMQP.BasicProperties;
import com.rabbitmq.client.Channel;
import com.rabbitmq.client.Connection;
import com.rabbitmq.client.ConnectionFactory;
import com.rabbitmq.client.Delivery;
import com.rabbitmq.client.ShutdownSignalException;
import java.io.IOException;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;

/** Connections, collected deliveries and checks. */
final class Support {
    static final int WAIT_SECONDS = 15;
    static final BasicProperties PERSISTENT = new BasicProperties.Builder().deliveryMode(2).build();

    private static final AtomicInteger LAST_NUMBER = new AtomicInteger();

    private Support() {}

    static ConnectionFactory factory() throws Exception {
        ConnectionFactory factory = new ConnectionFactory();
        factory.setUri(Objects.requireNonNull(System.getenv("AMQP_URL"), "AMQP_URL is not set"));
        factory.setAutomaticRecoveryEnabled(false);
        return factory;
    }

    static Connection connect() throws Exception {
        return factory().newConnection();
    }

    /** A connection whose socket the test can close, as a failing network would. */
    static final class Cuttable {
        private final List<Socket> sockets = new ArrayList<>();
        final Connection connection;

        Cuttable(ConnectionFactory factory) throws Exception {
            factory.setSocketConfigurator(sockets::add);
            connection = factory.newConnection();
        }

        void cut() throws IOException {
            sockets.get(sockets.size() - 1).close();
        }
    }

    /** A name that no other test and no other run uses. */
    static String unique(String purpose) {
        return "interop." + purpose + "." + ProcessHandle.current().pid() + "."
                + System.nanoTime() + "." + LAST_NUMBER.incrementAndGet();
    }

    static byte[] bytes(String text) {
        return text.getBytes(StandardCharsets.UTF_8);
    }

    static String text(Delivery delivery) {
        return text(delivery.getBody());
    }

    static String text(byte[] body) {
        return new String(body, StandardCharsets.UTF_8);
    }

    static void check(boolean condition, String otherwise) {
        if (!condition) {
            throw new AssertionError(otherwise);
        }
    }

    static void checkEqual(Object got, Object expected, String what) {
        check(Objects.equals(got, expected), what + ": " + got + " instead of " + expected);
    }

    /** Things that arrive on the client's threads; take() waits for the next one. */
    static class Arrivals<T> {
        private final BlockingQueue<T> queue = new LinkedBlockingQueue<>();

        void add(T item) {
            queue.add(item);
        }

        T take(String what) throws InterruptedException {
            T item = queue.poll(WAIT_SECONDS, TimeUnit.SECONDS);
            check(item != null, "waited " + WAIT_SECONDS + " s in vain for " + what);
            return item;
        }
    }

    /** Consumes a queue; a cancelled consumer has its tag in `cancelled`. */
    static final class Consumer extends Arrivals<Delivery> {
        final Channel channel;
        final Arrivals<String> cancelled = new Arrivals<>();

        Consumer(Channel channel, String queue, boolean autoAck) throws IOException {
            this.channel = channel;
            channel.basicConsume(
                    queue, autoAck, (tag, delivery) -> add(delivery), tag -> cancelled.add(tag));
        }

        List<String> texts(int count) throws InterruptedException {
            List<String> texts = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                texts.add(text(take("message " + (i + 1))));
            }
            return texts;
        }

        void ack(Delivery delivery) throws IOException {
            channel.basicAck(delivery.getEnvelope().getDeliveryTag(), false);
        }
    }

    static String exclusiveQueue(Channel channel) throws IOException {
        return channel.queueDeclare("", false, true, false, null).getQueue();
    }

    static void declareExchange(Channel channel, String name, String type) throws IOException {
        channel.exchangeDeclare(name, type, false, true, Map.of());
    }

    @FunctionalInterface
    interface Operation {
        void run() throws Exception;
    }

    /** Runs what the broker has to refuse, and returns the reason it gives. */
    static ShutdownSignalException refused(Operation operation) throws Exception {
        try {
            operation.run();
        } catch (ShutdownSignalException signal) {
            return signal;
        } catch (IOException error) {
            if (error.getCause() instanceof ShutdownSignalException signal) {
                return signal;
            }
            throw error;
        }
        throw new AssertionError("nothing was refused");
    }
}
