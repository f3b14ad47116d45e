/* SPDX-License-Identifier: Apache-2.0 */
/* Messages are numbered by their routing key, so that a list of keys is the order of delivery. */
#include "tests/unit/broker/entities/support.h"

#include "broker/entities/consumer.h"

#define TAKER_ENTRIES_MAX 64

/* A consumer that keeps what it is given. */
struct taker {
    struct consumer consumer;
    size_t credit;
    struct entry entries[TAKER_ENTRIES_MAX];
    size_t count;
    bool was_told_of_deletion;
};

static struct taker *taker_of(struct consumer *consumer) {
    return LIST_ITEM(consumer, struct taker, consumer);
}

static bool taker_has_credit(struct consumer *consumer) {
    return taker_of(consumer)->credit > 0;
}

static void taker_deliver(struct consumer *consumer, const struct entry *entry) {
    struct taker *taker = taker_of(consumer);

    assert_true(taker->credit > 0);
    assert_true(taker->count < TAKER_ENTRIES_MAX);
    taker->credit--;
    taker->entries[taker->count++] = *entry;
}

static void taker_on_queue_deleted(struct consumer *consumer) {
    assert_null(consumer->queue);
    taker_of(consumer)->was_told_of_deletion = true;
}

static const struct consumer_ops taker_ops = {
    .has_credit = taker_has_credit,
    .deliver = taker_deliver,
    .on_queue_deleted = taker_on_queue_deleted,
};

static void add(struct fixture *f, struct queue *queue, struct taker *taker, size_t credit) {
    taker->consumer.ops = &taker_ops;
    taker->credit = credit;
    assert_true(queue_add_consumer(queue, &taker->consumer, &f->refusal));
}

static char number_of(struct entry entry) {
    return (char)message_routing_key(entry.message).data[0];
}

/* The numbers of what the taker holds. */
static void assert_took(struct taker *taker, const char *expected) {
    char numbers[TAKER_ENTRIES_MAX + 1] = "";

    for (size_t i = 0; i < taker->count; i++)
        numbers[i] = number_of(taker->entries[i]);
    assert_string_equal(numbers, expected);
}

/* Acks what the taker holds and takes it off the queue. */
static void finish(struct queue *queue, struct taker *taker) {
    for (size_t i = 0; i < taker->count; i++)
        queue_ack(queue, taker->entries[i]);
    queue_remove_consumer(queue, &taker->consumer);
}

static void publish(struct fixture *f, struct queue *queue, const char *numbers) {
    static const uint8_t header[] = {0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

    for (; *numbers != '\0'; numbers++) {
        struct message *message =
            message_create(&f->broker->messages, SLICE("x"), slice_of(numbers, 1),
                           slice_of(header, sizeof header), NO_TABLE);
        queue_publish(queue, message);
        message_unref(message);
    }
}

static struct entry get(struct queue *queue) {
    struct entry entry;

    assert_true(queue_get(queue, false, &entry));
    return entry;
}

/* Gets and acks everything; the numbers must be these. */
static void assert_drains(struct queue *queue, const char *expected) {
    char numbers[TAKER_ENTRIES_MAX + 1] = "";
    struct entry entry;

    for (size_t i = 0; queue_get(queue, false, &entry); i++) {
        numbers[i] = number_of(entry);
        queue_ack(queue, entry);
    }
    assert_string_equal(numbers, expected);
}

static void get_takes_from_the_front(void **state) {
    struct fixture *f = *state;
    struct queue *queue = declare_queue(f, "q");
    struct entry entry;

    assert_false(queue_get(queue, true, &entry));
    publish(f, queue, "12");
    assert_int_equal(queue_ready_count(queue), 2);
    entry = get(queue);
    assert_int_equal(number_of(entry), '1');
    assert_false(entry.redelivered);
    assert_int_equal(queue->unacked_count, 1);
    queue_ack(queue, entry);
    assert_int_equal(queue->unacked_count, 0);
    assert_true(queue_get(queue, true, &entry));
    assert_int_equal(queue->unacked_count, 0);
    message_unref(entry.message);
    assert_int_equal(f->broker->messages.bytes, 0);
}

static void requeued_message_keeps_its_position(void **state) {
    struct fixture *f = *state;
    struct queue *queue = declare_queue(f, "q");

    publish(f, queue, "12345");
    struct entry one = get(queue);
    struct entry two = get(queue);
    struct entry three = get(queue);
    queue_requeue(queue, three);
    queue_requeue(queue, one);
    struct entry again = get(queue);
    assert_int_equal(number_of(again), '1');
    assert_true(again.redelivered);
    queue_requeue(queue, again);
    queue_ack(queue, two);
    assert_drains(queue, "1345");
    assert_int_equal(queue->counters.of[COUNT_REDELIVER], 3);
}

static void discarded_message_is_gone(void **state) {
    struct fixture *f = *state;
    struct queue *queue = declare_queue(f, "q");

    publish(f, queue, "1");
    queue_discard(queue, get(queue));
    assert_int_equal(queue->unacked_count, 0);
    assert_int_equal(queue->counters.of[COUNT_ACK], 0);
    assert_int_equal(f->broker->messages.bytes, 0);
}

static void purge_keeps_unacked_messages(void **state) {
    /* rows: 202 */
    struct fixture *f = *state;
    struct queue *queue = declare_queue(f, "q");

    publish(f, queue, "123");
    struct entry one = get(queue);
    assert_int_equal(queue_purge(queue), 2);
    assert_int_equal(queue_ready_count(queue), 0);
    assert_int_equal(queue->unacked_count, 1);
    queue_requeue(queue, one);
    assert_drains(queue, "1");
}

static void consumers_of_one_priority_take_turns(void **state) {
    struct fixture *f = *state;
    struct queue *queue = declare_queue(f, "q");
    struct taker a = {0}, b = {0}, c = {0};

    add(f, queue, &a, 9);
    add(f, queue, &b, 9);
    add(f, queue, &c, 9);
    publish(f, queue, "1234567");
    assert_false(broker_run_queues(f->broker, 100));
    assert_took(&a, "147");
    assert_took(&b, "25");
    assert_took(&c, "36");
    finish(queue, &a);
    finish(queue, &b);
    finish(queue, &c);
}

static void higher_priority_is_served_first_while_it_has_credit(void **state) {
    struct fixture *f = *state;
    struct queue *queue = declare_queue(f, "q");
    struct taker low = {.consumer.priority = -1}, normal = {0}, high = {.consumer.priority = 5};

    add(f, queue, &low, 9);
    add(f, queue, &normal, 1);
    add(f, queue, &high, 2);
    publish(f, queue, "12345");
    broker_run_queues(f->broker, 100);
    assert_took(&high, "12");
    assert_took(&normal, "3");
    assert_took(&low, "45");
    finish(queue, &high);
    finish(queue, &normal);
    finish(queue, &low);
}

static void consumers_take_turns_above_a_lower_one(void **state) {
    struct fixture *f = *state;
    struct queue *queue = declare_queue(f, "q");
    struct taker low = {0}, a = {.consumer.priority = 5}, b = {.consumer.priority = 5};

    add(f, queue, &low, 9);
    add(f, queue, &a, 2);
    add(f, queue, &b, 2);
    publish(f, queue, "12345");
    broker_run_queues(f->broker, 100);
    assert_took(&a, "13");
    assert_took(&b, "24");
    assert_took(&low, "5");
    finish(queue, &a);
    finish(queue, &b);
    finish(queue, &low);
}

/* Who acknowledged a full window works on the first half while the other is written. */
static void full_window_comes_back_in_halves(void **state) {
    struct fixture *f = *state;
    struct queue *queue = declare_queue(f, "q");
    struct taker taker = {0};

    add(f, queue, &taker, 4);
    publish(f, queue, "1234567890");
    assert_false(broker_run_queues(f->broker, 100));
    assert_took(&taker, "1234");
    while (taker.count > 0)
        queue_ack(queue, taker.entries[--taker.count]);
    taker.credit = 4;
    consumer_resume(&taker.consumer);
    assert_true(broker_run_queues(f->broker, 100));
    assert_took(&taker, "56");
    assert_false(broker_run_queues(f->broker, 100));
    assert_took(&taker, "5678");
    queue_ack(queue, taker.entries[--taker.count]);
    taker.credit = 1;
    consumer_resume(&taker.consumer);
    assert_false(broker_run_queues(f->broker, 100)); /* it has others to work on */
    assert_took(&taker, "5679");
    finish(queue, &taker);
}

static void budget_limits_a_run(void **state) {
    struct fixture *f = *state;
    struct queue *queue = declare_queue(f, "q");
    struct taker taker = {.consumer.no_ack = true};

    add(f, queue, &taker, 9);
    publish(f, queue, "12345");
    assert_true(broker_run_queues(f->broker, 2));
    assert_took(&taker, "12");
    assert_true(broker_run_queues(f->broker, 2));
    assert_false(broker_run_queues(f->broker, 2));
    assert_took(&taker, "12345");
    assert_int_equal(queue->unacked_count, 0);
    for (size_t i = 0; i < taker.count; i++)
        message_unref(taker.entries[i].message);
    queue_remove_consumer(queue, &taker.consumer);
}

static void exclusive_consumer_wants_to_be_alone(void **state) {
    struct fixture *f = *state;
    struct queue *queue = declare_queue(f, "q");
    struct taker shared = {0}, other = {0};
    struct taker exclusive = {.consumer.exclusive = true, .consumer.ops = &taker_ops};

    add(f, queue, &shared, 1);
    assert_false(queue_add_consumer(queue, &exclusive.consumer, &f->refusal));
    assert_refused(f, 403, "queue 'q' in vhost '/' in exclusive use");
    queue_remove_consumer(queue, &shared.consumer);
    assert_true(queue_add_consumer(queue, &exclusive.consumer, &f->refusal));
    other.consumer.ops = &taker_ops;
    assert_false(queue_add_consumer(queue, &other.consumer, &f->refusal));
    queue_remove_consumer(queue, &exclusive.consumer);
    add(f, queue, &other, 1);
    queue_remove_consumer(queue, &other.consumer);
}

static void auto_delete_queue_goes_with_its_last_consumer(void **state) {
    /* rows: 195 197 */
    struct fixture *f = *state;
    struct taker a = {0}, b = {0};
    struct queue *queue =
        try_declare_queue(f, (struct queue_declaration){.name = SLICE("q"), .auto_delete = true});

    publish(f, queue, "12");
    queue_ack(queue, get(queue));
    assert_non_null(vhost_find_queue(f->vhost, SLICE("q")));
    bind_queue(f, "amq.fanout", "q", "");
    add(f, queue, &a, 0);
    add(f, queue, &b, 0);
    queue_remove_consumer(queue, &a.consumer);
    assert_non_null(vhost_find_queue(f->vhost, SLICE("q")));
    queue_remove_consumer(queue, &b.consumer);
    assert_null(vhost_find_queue(f->vhost, SLICE("q")));
    assert_false(b.was_told_of_deletion);
    assert_string_equal(routed_to(f, "amq.fanout", ""), "");
    assert_int_equal(f->broker->counters.queues_deleted, 1);
}

static void deleted_queue_tells_its_consumers(void **state) {
    struct fixture *f = *state;
    struct queue *queue = declare_queue(f, "q");
    struct taker ready = {0}, waiting = {0};

    add(f, queue, &waiting, 0);
    publish(f, queue, "1");
    broker_run_queues(f->broker, 10);
    assert_true(waiting.consumer.waiting);
    add(f, queue, &ready, 1);
    vhost_remove_queue(queue);
    assert_true(ready.was_told_of_deletion);
    assert_true(waiting.was_told_of_deletion);
    assert_false(broker_run_queues(f->broker, 10));
    assert_int_equal(f->broker->messages.bytes, 0);
}

/* Under AddressSanitizer this also shows that the queue lives as long as somebody needs it. */
static void deleted_queue_takes_what_is_still_settled(void **state) {
    struct fixture *f = *state;
    struct queue *queue = declare_queue(f, "q");

    publish(f, queue, "123");
    struct entry one = get(queue);
    struct entry two = get(queue);
    struct entry three = get(queue);
    vhost_remove_queue(queue);
    queue_requeue(queue, one);
    publish(f, queue, "4");
    assert_int_equal(queue_ready_count(queue), 0);
    queue_ack(queue, two);
    queue_discard(queue, three);
    assert_int_equal(f->broker->messages.bytes, 0);
}

static void exclusive_queue_is_open_to_its_owner(void **state) {
    struct fixture *f = *state;
    struct queue *queue = declare_queue(f, "q");

    assert_true(queue_check_exclusive(queue, &f->connections[1], &f->refusal));
    queue->exclusive_owner = &f->connections[0];
    assert_true(queue_check_exclusive(queue, &f->connections[0], &f->refusal));
    assert_false(queue_check_exclusive(queue, &f->connections[1], &f->refusal));
    assert_int_equal(f->refusal.reply_code, 405);
}

/* -- The short way of plain queues and the way of all others ------------------------------------- */

#define WAYS   2
#define TAKERS 3

/* The same queue on either way, with consumers that do the same. */
struct way {
    struct queue *queue;
    struct taker takers[TAKERS];
};

static struct queue *declare_with_ttl(struct fixture *f, const char *name, int64_t ttl_ms) {
    struct amqp_table_builder arguments = {0};

    amqp_table_put_int(&arguments, SLICE("x-message-ttl"), 'l', ttl_ms);
    struct queue *queue = try_declare_queue(
        f, (struct queue_declaration){.name = slice_from_text(name),
                                      .arguments = amqp_table_builder_finish(&arguments)});
    amqp_table_builder_clear(&arguments);
    assert_non_null(queue);
    return queue;
}

static void take_settled(struct taker *taker, size_t at, struct entry *ret_entry) {
    *ret_entry = taker->entries[at];
    memmove(taker->entries + at, taker->entries + at + 1,
            (--taker->count - at) * sizeof taker->entries[0]);
}

/* The taker settles one of those it holds, and may be given as many more. */
static void settle(struct way *way, struct taker *taker, size_t at, size_t how) {
    struct entry entry;

    if (at >= taker->count)
        return;
    take_settled(taker, at, &entry);
    if (how == 0)
        queue_requeue(way->queue, entry);
    else
        queue_ack(way->queue, entry);
    taker->credit++;
    consumer_resume(&taker->consumer);
}

static void get_and_return(struct way *way) {
    struct entry entry;

    if (queue_get(way->queue, false, &entry))
        queue_requeue(way->queue, entry);
}

static void act(struct fixture *f, struct way *way, size_t what, size_t who, size_t at) {
    const char number[] = {(char)('A' + at), '\0'};

    if (what < 3)
        publish(f, way->queue, number);
    else if (what < 8)
        settle(way, &way->takers[who], at, what - 3);
    else
        get_and_return(way);
    while (broker_run_queues(f->broker, 5))
        continue;
}

static void assert_alike(const struct way *a, const struct way *b) {
    assert_int_equal(queue_ready_count(a->queue), queue_ready_count(b->queue));
    assert_int_equal(a->queue->unacked_count, b->queue->unacked_count);
    for (size_t i = 0; i < TAKERS; i++) {
        const struct taker *one = &a->takers[i], *other = &b->takers[i];
        assert_int_equal(one->count, other->count);
        for (size_t j = 0; j < one->count; j++) {
            assert_int_equal(number_of(one->entries[j]), number_of(other->entries[j]));
            assert_int_equal(one->entries[j].redelivered, other->entries[j].redelivered);
        }
    }
}

static void both_ways_of_a_queue_deliver_alike(void **state) {
    struct fixture *f = *state;
    struct random random = {1};
    struct way ways[WAYS] = {{.queue = declare_queue(f, "plain")},
                             {.queue = declare_with_ttl(f, "ttl", 86400000)}};

    assert_null(ways[0].queue->features);
    assert_non_null(ways[1].queue->features);
    for (size_t i = 0; i < WAYS; i++) {
        for (size_t j = 0; j < TAKERS; j++) {
            ways[i].takers[j].consumer.priority = j == TAKERS - 1;
            add(f, ways[i].queue, &ways[i].takers[j], 4);
        }
    }
    for (size_t step = 0; step < 5000; step++) {
        size_t what = random_below(&random, 9), who = random_below(&random, TAKERS);
        size_t at = random_below(&random, 5);
        for (size_t i = 0; i < WAYS; i++)
            act(f, &ways[i], what, who, at);
        assert_alike(&ways[0], &ways[1]);
    }
    for (size_t i = 0; i < WAYS; i++) {
        for (size_t j = 0; j < TAKERS; j++)
            finish(ways[i].queue, &ways[i].takers[j]);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(get_takes_from_the_front),
        FIXTURE_TEST(requeued_message_keeps_its_position),
        FIXTURE_TEST(discarded_message_is_gone),
        FIXTURE_TEST(purge_keeps_unacked_messages),
        FIXTURE_TEST(consumers_of_one_priority_take_turns),
        FIXTURE_TEST(higher_priority_is_served_first_while_it_has_credit),
        FIXTURE_TEST(consumers_take_turns_above_a_lower_one),
        FIXTURE_TEST(full_window_comes_back_in_halves),
        FIXTURE_TEST(both_ways_of_a_queue_deliver_alike),
        FIXTURE_TEST(budget_limits_a_run),
        FIXTURE_TEST(exclusive_consumer_wants_to_be_alone),
        FIXTURE_TEST(auto_delete_queue_goes_with_its_last_consumer),
        FIXTURE_TEST(deleted_queue_tells_its_consumers),
        FIXTURE_TEST(deleted_queue_takes_what_is_still_settled),
        FIXTURE_TEST(exclusive_queue_is_open_to_its_owner),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
