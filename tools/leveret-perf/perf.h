/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run of leveret-perf: everything that producers, consumers, the loop and the report share. One
 * thread drives it all; nothing on the way of a message allocates, reads the clock or makes a
 * system call of its own: those are per tick and per connection.
 */
#ifndef LEVERET_PERF_PERF_H
#define LEVERET_PERF_PERF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "tools/leveret-perf/body.h"
#include "tools/leveret-perf/histogram.h"
#include "tools/leveret-perf/options.h"
#include "tools/leveret-perf/process.h"

struct connection;
struct producer;
struct consumer;
struct queue;

#define PERF_EXIT_CHECK_FAILED 1
#define PERF_EXIT_USAGE        64
#define PERF_EXIT_CONNECTION   69
#define PERF_EXIT_CHANNEL      70

/* Ones that only grow; rates are differences of two copies. */
struct counters {
    uint64_t sent;
    uint64_t confirmed; /* nacked ones not included */
    uint64_t nacked;
    uint64_t returned;
    uint64_t received; /* redelivered ones included */
    uint64_t redelivered;
    uint64_t bytes_received; /* of bodies */
};

/* What the checks found. */
struct findings {
    uint64_t lost;         /* sent, neither received nor returned nor nacked */
    uint64_t left;         /* not received either, but the run ended while they still came */
    uint64_t duplicated;   /* received twice without being marked redelivered */
    uint64_t out_of_order; /* behind a later one of the same producer at the same consumer */
    uint64_t misrouted;    /* in a queue that no binding sends it to */
    uint64_t changed;      /* bodies with other octets, another size, or mixed from two */
    uint64_t foreign;      /* of another run: leftovers in the queue; no failure */
    uint64_t unconfirmed;
    uint64_t wrongly_confirmed; /* confirms of what was not outstanding */
};

/* Latencies of the current interval and of the whole measurement. */
struct latency {
    struct histogram interval;
    struct histogram total;
    int64_t run_due_ns; /* observations that differ in nothing are counted before they are added */
    uint64_t run_count;
};

enum phase {
    PERF_SUBSCRIBING, /* until every basic.consume is answered */
    PERF_PUBLISHING,
    PERF_DRAINING, /* producers are done; what is under way arrives */
    PERF_OVER,
};

struct tls_context;

struct perf {
    struct options options;
    uint32_t run; /* tells our messages from those of other runs */
    struct body_pattern pattern;

    struct queue *queues;
    uint32_t queue_count;
    uint32_t copies; /* queues that get each message */

    struct tls_context *tls; /* for amqps://, NULL otherwise */
    struct connection *connections;
    uint32_t connection_count;
    struct producer *producers;
    uint32_t producer_count;
    struct consumer *consumers;
    uint32_t consumer_count;

    int epoll;
    int signals;     /* signalfd of SIGINT and SIGTERM */
    uint8_t *buffer; /* what the connection at hand is read into */
    int64_t now_ns;  /* monotonic; set after every wait and read */
    enum phase phase;
    int exit_code; /* the first failure; 0 while all is well */

    bool interrupted;        /* by a signal */
    bool cut_short;          /* the run ended while messages still came */
    uint32_t first_producer; /* whose turn it is */
    uint32_t subscribed;     /* consumers whose basic.consume is answered */
    uint32_t consumers_done; /* got as many as -D says */
    uint64_t backlog;        /* messages that the queues held when we came */
    int64_t last_delivery_ns;

    struct counters counters;
    struct findings findings;
    struct latency delivery_latency; /* end to end */
    struct latency confirm_latency;

    int64_t start_ns;  /* of publishing */
    int64_t drain_ns;  /* when the producers stopped */
    int64_t stop_ns;   /* of the measurement; 0 while it goes on */
    int64_t window_ns; /* begin of the measurement: after warm-up; 0 before */
    struct counters window_begin;
    struct counters window_end;
    double cpu_begin;
    double cpu_end; /* of the process under test */
    double own_cpu_begin;
    double own_cpu_end;
    struct process_usage usage; /* of the process under test, at the end */
    int64_t interval_ns;        /* begin of the current interval */
    struct counters interval_begin;
};

#define PERF_BUFFER_SIZE (256U << 10)

/* Connects, declares, subscribes, runs to the end and closes.  The exit status. */
int perf_run(struct perf *perf);

/* Ends the run with this exit status and says why on stderr; later failures are consequences of the
 * first and stay silent. */
void perf_fail(struct perf *perf, int exit_code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* False when the connections are of no more use: the failure was one of them. */
bool perf_is_connected(const struct perf *perf);

/* Where text for people goes: stderr when stdout is for JSON. */
FILE *perf_out(const struct perf *perf);

int64_t perf_clock_ns(void);

void latency_flush(struct latency *latency, int64_t now_ns);

/* One message due at `due_ns` is through now.  A stamp of the future is none of ours. */
static inline void latency_add(struct latency *latency, int64_t due_ns, int64_t now_ns) {
    if (due_ns != latency->run_due_ns)
        latency_flush(latency, now_ns);
    latency->run_due_ns = due_ns;
    latency->run_count++;
}

#endif
