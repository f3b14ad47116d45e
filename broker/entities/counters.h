/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What happened to messages, counted where it happens: in the channel and in the queue, as plain
 * integers of the owning thread. Sums over a vhost or the node are made when somebody asks; what ended
 * leaves its counts in broker->retired. The names are those of RabbitMQ's message_stats.
 */
#ifndef LEVERET_BROKER_ENTITIES_COUNTERS_H
#define LEVERET_BROKER_ENTITIES_COUNTERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum message_count {
    COUNT_PUBLISH,
    COUNT_CONFIRM,           /* channel */
    COUNT_RETURN_UNROUTABLE, /* channel */
    COUNT_DROP_UNROUTABLE,   /* channel */
    COUNT_DELIVER,           /* to consumers that ack */
    COUNT_DELIVER_NO_ACK,
    COUNT_GET,
    COUNT_GET_NO_ACK,
    COUNT_GET_EMPTY,
    COUNT_REDELIVER,
    COUNT_ACK,
    MESSAGE_COUNTS
};

struct message_counters {
    uint64_t of[MESSAGE_COUNTS];
};

/* Types of queues and what became of dead letters, as indexes of counters. */
#define COUNTED_QUEUE_TYPES         3 /* see queue_type_index() */
#define COUNTED_DEAD_LETTER_REASONS 4 /* enum dead_letter_reason */

enum dead_letter_strategy {
    DEAD_LETTERS_DISABLED,
    DEAD_LETTERS_AT_MOST_ONCE,
    DEAD_LETTERS_AT_LEAST_ONCE,
    DEAD_LETTER_STRATEGIES
};

static inline void message_counters_add(struct message_counters *sum,
                                        const struct message_counters *counters) {
    for (size_t i = 0; i < MESSAGE_COUNTS; i++)
        sum->of[i] += counters->of[i];
}

/* Sizes of bodies that were published, in RabbitMQ's buckets. */
#define MESSAGE_SIZE_BUCKETS 9

struct message_sizes {
    uint64_t buckets
        [MESSAGE_SIZE_BUCKETS]; /* up to 100, 1 K, 10 K, 100 K, 1 M, 10 M, 50 M, 100 M, more */
    uint64_t octets;
};

static inline void message_sizes_add(struct message_sizes *sizes, uint64_t octets) {
    static const uint64_t bounds[MESSAGE_SIZE_BUCKETS - 1] = {
        100, 1000, 10000, 100000, 1000000, 10000000, 50000000, 100000000};
    size_t bucket = 0;

    while (bucket < MESSAGE_SIZE_BUCKETS - 1 && octets > bounds[bucket])
        bucket++;
    sizes->buckets[bucket]++;
    sizes->octets += octets;
}

/* Whoever takes a message: one that consumes or one that gets, with acks or without. */
static inline void message_counters_take(struct message_counters *counters,
                                         enum message_count with_ack, bool no_ack,
                                         bool redelivered) {
    counters->of[with_ack + no_ack]++;
    counters->of[COUNT_REDELIVER] += redelivered;
}

#endif
