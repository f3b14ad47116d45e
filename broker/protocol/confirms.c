/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/protocol/confirms.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/entities/broker.h"
#include "broker/entities/store.h"
#include "broker/protocol/channel.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/send.h"

#define RUN_CAPACITY_MIN 4u

static struct confirm_run *last_run(struct confirms *confirms) {
    return confirms->run_count == 0 ? NULL : &confirms->runs[confirms->run_count - 1];
}

static struct confirm_run *add_run(struct confirms *confirms) {
    if (confirms->run_count == confirms->run_capacity) {
        confirms->run_capacity =
            confirms->run_capacity == 0 ? RUN_CAPACITY_MIN : confirms->run_capacity * 2;
        confirms->runs = xrealloc(confirms->runs, confirms->run_capacity * sizeof *confirms->runs);
    }
    return &confirms->runs[confirms->run_count++];
}

void confirms_add(struct channel *channel, bool accepted, uint64_t lsn) {
    struct confirms *confirms = &channel->confirms;
    if (!confirms->selected)
        return;
    struct broker *broker = channel->connection->broker;
    struct confirm_run *run = last_run(confirms);
    if (run != NULL && lsn < run->lsn)
        lsn = run->lsn; /* earlier publishes are answered first */
    if (run == NULL || run->lsn != lsn || run->is_nack == accepted) {
        run = add_run(confirms);
        *run = (struct confirm_run){
            .lsn = lsn, .published_us = broker->env->now_us, .is_nack = !accepted};
    }
    run->last_sequence = ++confirms->last_sequence;
    if (!list_is_linked(&confirms->link))
        list_append(&broker->unconfirmed_channels, &confirms->link);
}

static void send_ack(struct channel *channel, uint64_t sequence, uint64_t settled) {
    channel->counters.of[COUNT_CONFIRM] += settled;
    SEND(channel, AMQP_BASIC_ACK, basic_ack, .delivery_tag = sequence, .multiple = settled > 1);
}

/* `requeue` means nothing here; RabbitMQ sends it as its encoder's default, true. */
static void send_nack(struct channel *channel, uint64_t sequence, uint64_t settled) {
    SEND(channel, AMQP_BASIC_NACK, basic_nack, .delivery_tag = sequence, .multiple = settled > 1,
         .requeue = true);
}

/* Everything up to the end of the run: the one place where a promise to a publisher is made. */
static void send_run(struct channel *channel, const struct confirm_run *run) {
    struct confirms *confirms = &channel->confirms;
    assert(store_is_safe(channel->connection->broker, run->lsn));
    uint64_t settled = run->last_sequence - confirms->last_sent;
    confirms->last_sent = run->last_sequence;
    if (run->is_nack)
        send_nack(channel, run->last_sequence, settled);
    else
        send_ack(channel, run->last_sequence, settled);
}

static bool is_due(struct channel *channel, uint32_t index) {
    const struct confirms *confirms = &channel->confirms;
    return index < confirms->run_count &&
           store_is_safe(channel->connection->broker, confirms->runs[index].lsn);
}

/* Those of a run came together, as one batch of the journal or one iteration of the loop. */
static void count_latency(struct channel *channel, const struct confirm_run *run, uint64_t before) {
    struct broker *broker = channel->connection->broker;
    latencies_add(&broker->confirm_latencies, broker->env->now_us - run->published_us,
                  run->last_sequence - before);
}

void confirms_send(struct channel *channel) {
    struct confirms *confirms = &channel->confirms;
    uint64_t before = confirms->last_sent;
    uint32_t sent = 0;
    list_remove(&confirms->link);
    for (; is_due(channel, sent); sent++) {
        count_latency(channel, &confirms->runs[sent], before);
        before = confirms->runs[sent].last_sequence;
        bool joins_next = !confirms->runs[sent].is_nack && is_due(channel, sent + 1) &&
                          !confirms->runs[sent + 1].is_nack;
        if (!joins_next)
            send_run(channel, &confirms->runs[sent]);
    }
    confirms->run_count -= sent;
    if (confirms->run_count == 0)
        return;
    memmove(confirms->runs, confirms->runs + sent, confirms->run_count * sizeof *confirms->runs);
    list_append(&channel->connection->broker->waiting_channels, &confirms->link);
}

void confirms_clear(struct channel *channel) {
    list_remove(&channel->confirms.link);
    free(channel->confirms.runs);
    channel->confirms.runs = NULL;
    channel->confirms.run_count = 0;
    channel->confirms.run_capacity = 0;
}

void confirms_settle(struct broker *broker) {
    struct list *link;
    while ((link = list_first(&broker->unconfirmed_channels)) != NULL)
        confirms_send(LIST_ITEM(link, struct channel, confirms.link));
}

void confirms_resume(struct broker *broker) {
    list_move_all(&broker->unconfirmed_channels, &broker->waiting_channels);
}
