/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop.  A tick waits for sockets, reads each ready one once, lets every producer publish one
 * batch, and looks at the clock.  The wait ends when a producer may publish: at once while there is
 * room, when its next message is due with a rate, and with confirms or messages in flight exhausted
 * when the broker answers.
 */
#include "tools/leveret-perf/perf.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "broker/base/alloc.h"
#include "broker/base/text.h"
#include "broker/net/tls_context.h"
#include "tools/leveret-perf/connection.h"
#include "tools/leveret-perf/consumer.h"
#include "tools/leveret-perf/producer.h"
#include "tools/leveret-perf/queue.h"
#include "tools/leveret-perf/receive.h"
#include "tools/leveret-perf/report.h"
#include "tools/leveret-perf/topology.h"

#define SECOND_NS  INT64_C(1000000000)
#define EVENTS_MAX 256

int64_t perf_clock_ns(void) {
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * SECOND_NS + now.tv_nsec;
}

FILE *perf_out(const struct perf *perf) {
    return perf->options.json ? stderr : stdout;
}

void perf_fail(struct perf *perf, int exit_code, const char *format, ...) {
    va_list arguments;

    if (perf->exit_code != 0)
        return;
    perf->exit_code = exit_code;
    fputs("leveret-perf: ", stderr);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

bool perf_is_connected(const struct perf *perf) {
    return perf->exit_code == 0 || perf->exit_code == PERF_EXIT_CHECK_FAILED;
}

/* Stamps are of this machine's clock since it started: those of an earlier life may lie ahead. */
void latency_flush(struct latency *latency, int64_t now_ns) {
    if (latency->run_count > 0 && latency->run_due_ns > 0 && latency->run_due_ns <= now_ns)
        histogram_add(&latency->interval, (uint64_t)(now_ns - latency->run_due_ns),
                      latency->run_count);
    latency->run_count = 0;
}

/* -- Set-up ------------------------------------------------------------------------------------ */

static uint32_t round_up_division(int64_t dividend, int64_t divisor) {
    return (uint32_t)((dividend + divisor - 1) / divisor);
}

/* Connections with as many channels as there are producers or consumers left for them. */
static bool open_connections(struct perf *perf, const struct uri *uri, int64_t count,
                             int64_t per_connection) {
    for (; count > 0; count -= per_connection) {
        int64_t channels = count < per_connection ? count : per_connection;
        struct connection *connection = &perf->connections[perf->connection_count++];
        if (!connection_open(connection, perf, uri, (uint16_t)channels))
            return false;
    }
    return true;
}

static bool make_tls_context(struct perf *perf) {
    struct text error = {0};

    if (tls_context_create_client(NULL, NULL, &perf->tls, &error))
        return true;
    perf_fail(perf, PERF_EXIT_USAGE, "TLS: %s", text_chars(&error));
    text_clear(&error);
    return false;
}

static bool connect_all(struct perf *perf) {
    const struct options *o = &perf->options;
    uint32_t consuming = round_up_division(o->consumers, o->consumer_channels);
    uint32_t publishing = round_up_division(o->producers, o->producer_channels);
    struct uri uri;

    if (!uri_parse(o->uri, &uri)) {
        perf_fail(perf, PERF_EXIT_USAGE, "no URI of a broker: %s", o->uri);
        return false;
    }
    if (uri.tls && !make_tls_context(perf))
        return false;
    perf->connections = xcalloc(consuming + publishing, sizeof *perf->connections);
    return open_connections(perf, &uri, o->consumers, o->consumer_channels) &&
           open_connections(perf, &uri, o->producers, o->producer_channels);
}

static bool make_consumers(struct perf *perf) {
    uint32_t per_connection = (uint32_t)perf->options.consumer_channels;

    for (uint32_t i = 0; i < perf->consumer_count; i++) {
        struct connection *connection = &perf->connections[i / per_connection];
        if (!consumer_init(&perf->consumers[i], perf, &connection->channels[i % per_connection],
                           queue_of(perf, i)))
            return false;
    }
    return true;
}

static bool make_producers(struct perf *perf) {
    const struct options *o = &perf->options;
    uint32_t per_connection = (uint32_t)o->producer_channels;
    uint32_t first = round_up_division(o->consumers, o->consumer_channels);

    for (uint32_t i = 0; i < perf->producer_count; i++) {
        struct connection *connection = &perf->connections[first + i / per_connection];
        if (!producer_init(&perf->producers[i], perf, &connection->channels[i % per_connection],
                           queue_of(perf, i), i))
            return false;
    }
    return true;
}

static bool subscribe_all(struct perf *perf) {
    for (uint32_t i = 0; i < perf->connection_count; i++) {
        if (!connection_go_asynchronous(&perf->connections[i]))
            return false;
    }
    for (uint32_t i = 0; i < perf->consumer_count; i++)
        consumer_subscribe(&perf->consumers[i]);
    return true;
}

/* SIGINT and SIGTERM end the run in good order: they are read in the loop. */
static void watch_signals(struct perf *perf) {
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    perf->signals = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    epoll_ctl(perf->epoll, EPOLL_CTL_ADD, perf->signals, &event);
}

static void init(struct perf *perf) {
    const struct options *o = &perf->options;

    if (getrandom(&perf->run, sizeof perf->run, 0) != sizeof perf->run)
        perf->run = (uint32_t)getpid();
    perf->run &= BODY_RUN_MASK;
    body_pattern_init(&perf->pattern);
    perf->buffer = xmalloc(PERF_BUFFER_SIZE);
    perf->producer_count = (uint32_t)o->producers;
    perf->consumer_count = (uint32_t)o->consumers;
    perf->producers = xcalloc(perf->producer_count + 1U, sizeof *perf->producers);
    perf->consumers = xcalloc(perf->consumer_count + 1U, sizeof *perf->consumers);
    perf->epoll = epoll_create1(EPOLL_CLOEXEC);
    prctl(PR_SET_TIMERSLACK, 1000UL, 0UL, 0UL, 0UL); /* ns: rates need exact waits */
    topology_init(perf);
}

static bool set_up(struct perf *perf) {
    init(perf);
    if (!connect_all(perf) || !topology_declare(perf, &perf->connections[0]))
        return false;
    if (!make_consumers(perf) || !make_producers(perf))
        return false;
    watch_signals(perf);
    return subscribe_all(perf);
}

/* -- Phases ------------------------------------------------------------------------------------ */

static void begin_measurement(struct perf *perf) {
    struct process_usage usage = {0};

    perf->window_ns = perf->now_ns;
    perf->window_begin = perf->counters;
    perf->own_cpu_begin = process_own_cpu_seconds();
    if (perf->options.pid > 0 && !process_usage_read(perf->options.pid, &usage))
        perf_fail(perf, PERF_EXIT_USAGE, "cannot read /proc of process %lld",
                  (long long)perf->options.pid);
    perf->cpu_begin = usage.cpu_seconds;
    histogram_clear(&perf->delivery_latency.interval);
    histogram_clear(&perf->confirm_latency.interval);
}

static void end_measurement(struct perf *perf, int64_t stop_ns) {
    if (perf->stop_ns != 0 || perf->start_ns == 0)
        return;
    if (perf->window_ns == 0)
        begin_measurement(perf);
    report_interval(perf);
    perf->stop_ns = stop_ns > perf->window_ns ? stop_ns : perf->now_ns;
    perf->window_end = perf->counters;
    perf->own_cpu_end = process_own_cpu_seconds();
    perf->cpu_end = perf->cpu_begin;
    if (perf->options.pid > 0 && process_usage_read(perf->options.pid, &perf->usage))
        perf->cpu_end = perf->usage.cpu_seconds;
}

static void begin_publishing(struct perf *perf) {
    perf->phase = PERF_PUBLISHING;
    perf->start_ns = perf->now_ns;
    perf->interval_ns = perf->now_ns;
    perf->last_delivery_ns = perf->now_ns;
    for (uint32_t i = 0; i < perf->producer_count; i++)
        producer_start(&perf->producers[i]);
}

static int64_t seconds_ns(double seconds) {
    return (int64_t)(seconds * (double)SECOND_NS);
}

static bool time_is_over(const struct perf *perf) {
    const struct options *o = &perf->options;
    return o->seconds > 0 &&
           perf->now_ns - perf->start_ns >= seconds_ns(o->seconds + o->warmup_seconds);
}

/* Nothing came for that long: nothing will. */
static int64_t patience_ns(const struct perf *perf) {
    return perf->options.patience_seconds * SECOND_NS;
}

static bool producers_are_exhausted(const struct perf *perf) {
    if (perf->producer_count == 0 || perf->options.producer_messages == 0)
        return false;
    for (uint32_t i = 0; i < perf->producer_count; i++) {
        if (!producer_is_exhausted(&perf->producers[i]))
            return false;
    }
    return true;
}

static bool consumers_are_done(const struct perf *perf) {
    return perf->consumer_count > 0 && perf->consumers_done == perf->consumer_count;
}

/* Without producers of its own --drain takes what was there at the start, or what comes. */
static bool backlog_is_drained(const struct perf *perf) {
    if (!perf->options.drain || perf->producer_count > 0)
        return false;
    return perf->counters.received >= perf->backlog ||
           perf->now_ns - perf->last_delivery_ns > patience_ns(perf);
}

static void begin_draining(struct perf *perf) {
    perf->phase = PERF_DRAINING;
    if (perf->last_delivery_ns < perf->start_ns)
        perf->last_delivery_ns = perf->start_ns;
    for (uint32_t i = 0; i < perf->consumer_count; i++)
        consumer_finish(&perf->consumers[i]);
    for (uint32_t i = 0; i < perf->connection_count; i++)
        connection_flush(&perf->connections[i]);
}

static void stop_publishing(struct perf *perf, bool measurement_ends) {
    perf->drain_ns = perf->now_ns;
    if (measurement_ends)
        end_measurement(perf, perf->now_ns);
    begin_draining(perf);
}

static bool producers_are_settled(struct perf *perf) {
    bool settled = true;

    for (uint32_t i = 0; i < perf->producer_count; i++) {
        producer_finish(&perf->producers[i]);
        settled = settled && producer_is_settled(&perf->producers[i]);
    }
    return settled;
}

/* -- Loss -------------------------------------------------------------------------------------- */

/* Messages that a queue should have given to its consumers and did not. */
static uint64_t missing_in(const struct perf *perf, uint32_t queue) {
    uint64_t missing = 0;

    for (uint32_t i = 0; i < perf->producer_count; i++) {
        uint64_t sent = perf->producers[i].sent, seen = perf->queues[queue].sequences[i].seen;
        if (perf->options.wildcards > 0)
            missing += topology_wildcard_share(perf, queue, sent) - seen;
        else if (topology_routes_all(perf, i, queue))
            missing += sent - seen;
    }
    return missing;
}

/* Publishes that came back or were refused are in no queue. */
static uint64_t without_refused(const struct perf *perf, uint64_t missing) {
    uint64_t refused = (perf->counters.returned + perf->counters.nacked) * perf->copies;
    return missing > refused ? missing - refused : 0;
}

/* Bodies too short to name their producer are only counted. */
static uint64_t count_missing(const struct perf *perf) {
    uint64_t expected = perf->counters.sent * perf->copies, missing = 0;

    if (perf->options.size_bytes < BODY_IDENTITY_SIZE &&
        (perf->producer_count > 1 || perf->options.size_bytes == 0))
        missing = expected > perf->counters.received ? expected - perf->counters.received : 0;
    else
        for (uint32_t i = 0; i < perf->queue_count && i < perf->consumer_count; i++)
            missing += missing_in(perf, i);
    return without_refused(perf, missing);
}

static bool loss_can_be_told(const struct perf *perf) {
    return perf->consumer_count > 0 && perf->consumers_done == 0 && !perf->options.lossy &&
           (perf->options.wildcards > 0 || topology_routes_all(perf, 0, 0));
}

/* -- Draining ---------------------------------------------------------------------------------- */

static int64_t last_progress_ns(const struct perf *perf) {
    return perf->last_delivery_ns > perf->drain_ns ? perf->last_delivery_ns : perf->drain_ns;
}

static bool everything_arrived(const struct perf *perf) {
    if (perf->consumer_count == 0 || perf->producer_count == 0 || consumers_are_done(perf))
        return true;
    if (!loss_can_be_told(perf))
        return perf->now_ns - last_progress_ns(perf) > SECOND_NS;
    return count_missing(perf) == 0;
}

static bool is_stuck(const struct perf *perf) {
    return perf->now_ns - last_progress_ns(perf) > patience_ns(perf);
}

static bool lasts_too_long(const struct perf *perf) {
    return !perf->options.drain && perf->now_ns - perf->drain_ns > 2 * patience_ns(perf);
}

static void advance_draining(struct perf *perf) {
    bool complete = producers_are_settled(perf) && everything_arrived(perf);
    bool too_long = lasts_too_long(perf);

    if (!complete && !too_long && !is_stuck(perf))
        return;
    perf->cut_short = too_long && !complete;
    end_measurement(perf, last_progress_ns(perf));
    perf->phase = PERF_OVER;
}

static void advance_publishing(struct perf *perf) {
    bool warm = perf->now_ns - perf->start_ns >= seconds_ns(perf->options.warmup_seconds);

    if (perf->window_ns == 0 && warm)
        begin_measurement(perf);
    if (perf->interrupted || time_is_over(perf))
        stop_publishing(perf, true);
    else if (consumers_are_done(perf) || backlog_is_drained(perf) || producers_are_exhausted(perf))
        stop_publishing(perf, false);
}

static void advance(struct perf *perf) {
    if (perf->phase == PERF_SUBSCRIBING && perf->subscribed == perf->consumer_count)
        begin_publishing(perf);
    if (perf->phase == PERF_PUBLISHING)
        advance_publishing(perf);
    if (perf->phase == PERF_DRAINING)
        advance_draining(perf);
    if (perf->interrupted && perf->phase == PERF_SUBSCRIBING)
        perf->phase = PERF_OVER;
}

/* -- Tick -------------------------------------------------------------------------------------- */

static int64_t earlier(int64_t a, int64_t b) {
    return a < b ? a : b;
}

/* When something is to be done even if no socket becomes ready. */
static int64_t next_deadline_ns(const struct perf *perf) {
    int64_t deadline = perf->now_ns + SECOND_NS / 10;

    if (perf->options.spin)
        return 0;
    if (perf->start_ns > 0)
        deadline =
            earlier(deadline, perf->interval_ns + seconds_ns(perf->options.interval_seconds));
    for (uint32_t i = 0; perf->phase == PERF_PUBLISHING && i < perf->producer_count; i++)
        deadline = earlier(deadline, producer_due_ns(&perf->producers[i]));
    for (uint32_t i = 0; perf->options.consumer_rate > 0 && i < perf->consumer_count; i++)
        if (perf->consumers[i].channel->connection->paused)
            deadline = earlier(deadline, consumer_due_ns(&perf->consumers[i]));
    return deadline;
}

static void on_signal(struct perf *perf) {
    struct signalfd_siginfo signal;

    if (read(perf->signals, &signal, sizeof signal) == sizeof signal) {
        if (perf->interrupted)
            perf->phase = PERF_OVER; /* twice: do not wait for anything */
        perf->interrupted = true;
    }
}

static void on_event(struct perf *perf, const struct epoll_event *event) {
    struct connection *connection = event->data.ptr;

    if (connection == NULL) {
        on_signal(perf);
        return;
    }
    if ((event->events & (EPOLLIN | EPOLLHUP | EPOLLERR)) != 0)
        receive(connection);
    connection_flush(connection);
}

static void wait_for_sockets(struct perf *perf) {
    struct epoll_event events[EVENTS_MAX];
    int64_t wait_ns = next_deadline_ns(perf) - perf->now_ns;
    struct timespec timeout = {0};
    int count;

    if (wait_ns > 0)
        timeout = (struct timespec){.tv_sec = wait_ns / SECOND_NS, .tv_nsec = wait_ns % SECOND_NS};
    count = epoll_pwait2(perf->epoll, events, EVENTS_MAX, &timeout, NULL);
    perf->now_ns = perf_clock_ns();
    for (int i = 0; i < count && perf->exit_code == 0; i++)
        on_event(perf, &events[i]);
}

/* Consumers that -R held back go on when their time has come. */
static void resume_consumers(struct perf *perf) {
    if (perf->options.consumer_rate <= 0)
        return;
    for (uint32_t i = 0; i < perf->consumer_count; i++) {
        struct connection *connection = perf->consumers[i].channel->connection;
        if (connection->paused && consumer_due_ns(&perf->consumers[i]) <= perf->now_ns &&
            !consumer_is_done(&perf->consumers[i])) {
            receive_resume(connection);
            connection_flush(connection);
        }
    }
}

/* Another one begins each time, so that a common limit is not always used up by the same. */
static void publish_all(struct perf *perf) {
    uint32_t count = perf->producer_count;

    for (uint32_t i = 0; i < count; i++)
        producer_publish(&perf->producers[(perf->first_producer + i) % count]);
    if (count > 0)
        perf->first_producer = (perf->first_producer + 1) % count;
}

static void report_when_due(struct perf *perf) {
    if (perf->start_ns > 0 && perf->stop_ns == 0 &&
        perf->now_ns - perf->interval_ns >= seconds_ns(perf->options.interval_seconds))
        report_interval(perf);
}

static void loop(struct perf *perf) {
    perf->now_ns = perf_clock_ns();
    while (perf->phase != PERF_OVER && perf->exit_code == 0) {
        wait_for_sockets(perf);
        resume_consumers(perf);
        advance(perf);
        if (perf->phase == PERF_PUBLISHING)
            publish_all(perf);
        report_when_due(perf);
    }
}

/* -- The end ----------------------------------------------------------------------------------- */

static void judge(struct perf *perf) {
    struct findings *f = &perf->findings;
    uint64_t missing = perf->producer_count > 0 && loss_can_be_told(perf) ? count_missing(perf) : 0;

    if (perf->cut_short || perf->interrupted)
        f->left = missing;
    else
        f->lost = missing;
    if (perf->options.confirm_window > 0)
        for (uint32_t i = 0; i < perf->producer_count; i++)
            f->unconfirmed += perf->producers[i].sent - perf->producers[i].settled;
    if (f->lost + f->duplicated + f->out_of_order + f->misrouted + f->changed + f->unconfirmed +
            f->wrongly_confirmed >
        0)
        perf->exit_code = PERF_EXIT_CHECK_FAILED;
}

static void tear_down(struct perf *perf) {
    if (perf->options.delete_queues && perf_is_connected(perf))
        topology_delete(perf, &perf->connections[0]);
    for (uint32_t i = 0; i < perf->connection_count; i++)
        connection_close(&perf->connections[i]);
    for (uint32_t i = 0; i < perf->producer_count; i++)
        producer_clear(&perf->producers[i]);
    for (uint32_t i = 0; i < perf->consumer_count; i++)
        consumer_clear(&perf->consumers[i]);
    for (uint32_t i = 0; i < perf->queue_count; i++)
        queue_clear(&perf->queues[i], perf);
    free(perf->connections);
    tls_context_destroy(perf->tls);
    free(perf->producers);
    free(perf->consumers);
    free(perf->queues);
    free(perf->buffer);
    close(perf->epoll);
    if (perf->signals > 0)
        close(perf->signals);
}

int perf_run(struct perf *perf) {
    if (set_up(perf))
        loop(perf);
    if (perf->start_ns > 0)
        end_measurement(perf, perf_clock_ns());
    if (perf->exit_code == 0)
        judge(perf);
    report_end(perf);
    tear_down(perf);
    return perf->exit_code;
}
