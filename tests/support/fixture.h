/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A broker in a box: the whole core on virtual time, without a socket, a thread or a file.
 *
 * The fixture is the server and the transport of its peers (peer.h).  fixture_run() is the server's
 * tick, repeated until nobody has anything more to say; every peer_send() ends with it, so that a
 * test reads as a transcript.  Time stands still but for fixture_advance().
 *
 * What a peer sent is fed from memory of its exact size that is freed after the call, so that a
 * sanitizer sees every slice that was kept too long.  With LEVERET_READ_SIZE=N in the environment
 * it arrives in reads of N octets instead of at once. With LEVERET_MEMORY_LIMIT=N every fixture has a disk
 * and room for N octets of messages in memory, so that every conversation is one about paged messages.
 */
#ifndef LEVERET_TESTS_SUPPORT_FIXTURE_H
#define LEVERET_TESTS_SUPPORT_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "broker/base/env.h"
#include "broker/base/list.h"
#include "broker/entities/broker.h"

struct memory_disk;

struct fixture {
    struct env env;
    struct broker *broker;
    struct memory_disk *disk; /* owned; NULL: the broker has no journal */
    struct pager *pager;      /* owned, as the journal; NULL without one */
    uint64_t memory_limit;    /* of messages, see paging.h */
    bool holds_pages;         /* what is asked for from disk does not arrive */
    bool writes_itself;       /* whatever is submitted to the disk is written in the same tick */
    struct list peers;        /* owned; link: peer.link */
    size_t read_size;         /* octets per feed, SIZE_MAX: all there is */
    uint64_t random_state;    /* env's random numbers: the same ones in every run */
    char last_log_line[LOG_LINE_MAX + 1];
};

/* RabbitMQ's defaults; vhost "/", guest/guest from loopback only, and bob/builder from anywhere. */
struct fixture *fixture_create(void);
struct fixture *fixture_create_with(const struct broker_settings *settings);

/*
 * With a journal on a disk in memory. The disk writes only when fixture_write() tells it to, one batch
 * each time: until then what was submitted is under way.
 */
struct fixture *fixture_create_durable(void);

/* The same with room for `memory_limit` octets of messages in memory. */
struct fixture *fixture_create_paged(uint64_t memory_limit);

/* The batch that is under way is written, or fails if the disk does, and the broker hears of it. False
 * when nothing was under way. */
bool fixture_write(struct fixture *fixture);
/* Until everything is written. */
void fixture_write_all(struct fixture *fixture);

/* The broker ends, cleanly or as by kill -9, and another one begins with what is on the disk. */
void fixture_restart(struct fixture *fixture, bool clean);

/* Every connection is dropped first. */
void fixture_destroy(struct fixture *fixture);

/* Ticks until no peer has input that the broker takes and the broker has nothing to do. */
void fixture_run(struct fixture *fixture);

/* Time goes by, every deadline on the way at its own moment. */
void fixture_advance(struct fixture *fixture, int64_t ms);

/* For cmocka: *state becomes a fixture; frames nobody expected fail the test at its end. */
int fixture_setup(void **state);
int fixture_teardown(void **state);
int fixture_setup_durable(void **state);
/* With next to no memory for messages, and a disk that writes at once. */
int fixture_setup_paged(void **state);

#define PAGED_CONVERSATION(name) \
    cmocka_unit_test_setup_teardown(name, fixture_setup_paged, fixture_teardown)
#define DURABLE_CONVERSATION(name) \
    cmocka_unit_test_setup_teardown(name, fixture_setup_durable, fixture_teardown)
#define CONVERSATION(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#endif
