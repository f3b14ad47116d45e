/* SPDX-License-Identifier: Apache-2.0 */
/* What a run does between two hand-overs. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/journal/campaign_private.h"

static void on_release(void *owner) {
    struct model_content *content = owner;

    free(content->body);
    memset(content, 0xdd, sizeof *content); /* whoever still reads it reads rubbish */
    free(content);
}

static void fill(struct run *run, uint8_t *octets, size_t len) {
    for (size_t i = 0; i < len; i++)
        octets[i] =
            i % 8 == 0 ? (uint8_t)random_next(&run->random) : (uint8_t)(octets[i - 1] * 5 + 1);
}

static struct model_content *make_content(struct run *run, size_t body_len) {
    struct model_content *made = calloc(1, sizeof *made);
    int address = snprintf((char *)made->octets, 64, "exchange/%" PRIu64, run->content_number++);
    size_t first = body_len == 0 ? 0 : random_below(&run->random, body_len + 1);

    made->body = malloc(body_len + 1);
    fill(run, made->body, body_len);
    fill(run, made->octets + 64, 64);
    made->parts[0] = slice_of(made->body, first);
    made->parts[1] = slice_of(made->body + first, body_len - first);
    made->content = (struct journal_content){
        .address = slice_of(made->octets, (size_t)address),
        .header = slice_of(made->octets + 64, 14 + random_below(&run->random, 50)),
        .body = made->parts,
        .body_parts = 2,
    };
    return made;
}

static void publish(struct run *run, size_t queue_count, size_t body_len) {
    size_t first = random_below(&run->random, QUEUES);
    struct model_content *made = make_content(run, body_len);
    uint64_t content_hash = campaign_hash_content(&made->content);
    struct journal_target targets[QUEUES];
    struct stored_message *message;

    for (size_t i = 0; i < queue_count; i++) {
        struct model_queue *queue = &run->queues[(first + i) % QUEUES];

        targets[i] = (struct journal_target){queue->id, ++queue->sequence};
    }
    journal_append_message(run->journal, &made->content, targets, queue_count, on_release, made,
                           &message);
    for (size_t i = 0; i < queue_count; i++) {
        uint64_t hash = campaign_hash_target(content_hash, targets[i]);

        model_queue_add(&run->queues[(first + i) % QUEUES],
                        (struct model_target){targets[i], hash, message});
        hash_list_add(&run->known, hash);
        run->hash += hash;
    }
}

static void settle_at(struct run *run, struct model_queue *queue, size_t at) {
    struct model_target target = queue->targets[at];

    memmove(&queue->targets[at], &queue->targets[at + 1],
            (queue->count - at - 1) * sizeof *queue->targets);
    queue->count--;
    run->hash -= target.hash;
    journal_settle(run->journal, target.message, target.target);
}

static struct model_queue *any_queue(struct run *run) {
    return &run->queues[random_below(&run->random, QUEUES)];
}

static void acknowledge(struct run *run) {
    struct model_queue *queue = any_queue(run);

    if (queue->count > 0)
        settle_at(run, queue,
                  random_below(&run->random, random_below(&run->random, 3) > 0 ? 1 : queue->count));
}

static size_t body_length(struct run *run) {
    static const size_t lengths[] = {0, 1, 100, 400, 600, 1500, 3000};

    return random_below(&run->random, lengths[random_below(&run->random, 7)] + 1);
}

static void purge(struct run *run) {
    struct model_queue *queue = any_queue(run);

    while (queue->count > 0)
        settle_at(run, queue, queue->count - 1);
}

static void meta_text(char text[32], uint64_t key) {
    snprintf(text, 32, "definition %" PRIu64, key);
}

static void change_meta(struct run *run, uint64_t kind, uint64_t key, bool put) {
    uint64_t *held = &run->meta[kind][key];
    uint8_t payload[300];
    size_t len = random_below(&run->random, sizeof payload);
    char text[32];

    meta_text(text, key);
    run->hash -= *held;
    *held = 0;
    if (put) {
        fill(run, payload, len);
        *held = campaign_hash_meta((uint8_t)kind, slice_from_text(text), slice_of(payload, len));
        hash_list_add(&run->known, *held);
        journal_put_meta(run->journal, (uint8_t)kind, slice_from_text(text),
                         slice_of(payload, len));
    } else {
        journal_delete_meta(run->journal, (uint8_t)kind, slice_from_text(text));
    }
    run->hash += *held;
}

/* The definition goes, the messages go, another queue takes the place: all in one batch. */
static void delete_queue(struct run *run) {
    size_t at = random_below(&run->random, QUEUES);
    struct model_queue *queue = &run->queues[at];

    journal_begin_atomic(run->journal);
    change_meta(run, 0, at, false);
    journal_delete_queue(run->journal, queue->id);
    while (queue->count > 0)
        settle_at(run, queue, 0);
    queue->id = run->next_queue_id++;
    queue->sequence = 0;
    change_meta(run, 0, at, true);
    journal_end_atomic(run->journal);
}

static void transact(struct run *run) {
    journal_begin_atomic(run->journal);
    for (uint64_t i = random_below(&run->random, 6) + 1; i > 0; i--) {
        publish(run, 1 + random_below(&run->random, 2), body_length(run));
        if (random_below(&run->random, 3) == 0)
            acknowledge(run);
    }
    journal_end_atomic(run->journal);
}

/* The old place is settled and the new record appended, in one batch. */
static void dead_letter(struct run *run) {
    struct model_queue *queue = any_queue(run);

    if (queue->count == 0)
        return;
    journal_begin_atomic(run->journal);
    publish(run, 1, body_length(run));
    settle_at(run, queue, 0);
    journal_end_atomic(run->journal);
}

static void one_of_a_mix(struct run *run) {
    uint64_t kind = random_below(&run->random, 40);

    if (kind < 14)
        publish(run, 1, body_length(run));
    else if (kind < 18)
        publish(run, 1 + random_below(&run->random, QUEUES), body_length(run));
    else if (kind < 29)
        acknowledge(run);
    else if (kind < 31)
        transact(run);
    else if (kind < 34)
        dead_letter(run);
    else if (kind < 38)
        change_meta(run, random_below(&run->random, KINDS_OF_META), random_below(&run->random, 4),
                    random_below(&run->random, 3) > 0);
    else if (kind < 39)
        delete_queue(run);
    else
        purge(run);
}

void run_work(struct run *run) {
    uint64_t kind = random_below(&run->random, 4);

    if (random_below(&run->random, 3) == 0) {
        one_of_a_mix(run);
        return;
    }
    switch (run->workload % WORKLOAD_KINDS) {
    case WORKLOAD_CONFIRMS:
        publish(run, 1, body_length(run));
        break;
    case WORKLOAD_FAN_OUT:
        publish(run, QUEUES, body_length(run));
        acknowledge(run);
        acknowledge(run);
        acknowledge(run);
        break;
    case WORKLOAD_ACKS:
        publish(run, 1, body_length(run));
        acknowledge(run);
        break;
    case WORKLOAD_TRANSACTIONS:
        transact(run);
        break;
    case WORKLOAD_DEAD_LETTERS:
        if (kind < 2)
            publish(run, 1, body_length(run));
        else
            dead_letter(run);
        break;
    case WORKLOAD_DEFINITIONS:
        change_meta(run, random_below(&run->random, KINDS_OF_META), random_below(&run->random, 4),
                    kind > 0);
        break;
    case WORKLOAD_DELETES:
        if (kind == 0)
            delete_queue(run);
        publish(run, 2, body_length(run));
        break;
    case WORKLOAD_PURGES:
        if (kind == 0)
            purge(run);
        publish(run, 1, body_length(run));
        break;
    case WORKLOAD_LARGE:
        publish(run, 1, kind == 0 ? 20000 + random_below(&run->random, 60000) : body_length(run));
        acknowledge(run);
        break;
    case WORKLOAD_BACKLOG:
        publish(run, 1, 200);
        break;
    case WORKLOAD_COMPACTION: {
        struct model_queue *queue = any_queue(run);

        publish(run, 1, 1500);
        publish(run, 1, 1500);
        while (queue->count > 4) /* a few long-lived ones stay in front */
            settle_at(run, queue, queue->count - 1);
        break;
    }
    default:
        one_of_a_mix(run);
    }
}
