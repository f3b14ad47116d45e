/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/leveret-perf/report.h"

#include <inttypes.h>
#include <stdio.h>

#include "tools/leveret-perf/perf.h"

/* -- Lines while running ----------------------------------------------------------------------- */

static uint64_t per_second(uint64_t count, int64_t elapsed_ns) {
    return elapsed_ns <= 0 ? 0 : (uint64_t)((double)count * 1e9 / (double)elapsed_ns + 0.5);
}

static double us(uint64_t ns) {
    return (double)ns / 1000;
}

/* Whole microseconds, and a decimal for what is less than ten of them. */
static void print_us(FILE *out, uint64_t ns) {
    fprintf(out, "%.*f", ns < 10000 ? 1 : 0, us(ns));
}

static void print_latency(FILE *out, const char *name, const struct histogram *h) {
    static const double percents[] = {50, 75, 95, 99};

    if (h->count == 0)
        return;
    fprintf(out, ", %s min/median/75th/95th/99th/max ", name);
    print_us(out, h->min_ns);
    for (size_t i = 0; i < sizeof percents / sizeof percents[0]; i++) {
        fputc('/', out);
        print_us(out, histogram_percentile_ns(h, percents[i]));
    }
    fputc('/', out);
    print_us(out, h->max_ns);
    fputs(" us", out);
}

static void print_rate(FILE *out, const char *name, uint64_t count, int64_t elapsed_ns) {
    fprintf(out, ", %s %" PRIu64 " msg/s", name, per_second(count, elapsed_ns));
}

/* Rates of what this run does at all, then rare events only when they happened. */
static void print_rates(const struct perf *perf, const struct counters *from,
                        const struct counters *to, int64_t elapsed_ns) {
    FILE *out = perf_out(perf);

    if (perf->producer_count > 0)
        print_rate(out, "sent", to->sent - from->sent, elapsed_ns);
    if (perf->consumer_count > 0)
        print_rate(out, "received", to->received - from->received, elapsed_ns);
    if (perf->options.confirm_window > 0)
        print_rate(out, "confirmed", to->confirmed - from->confirmed, elapsed_ns);
    if (to->nacked > from->nacked)
        print_rate(out, "nacked", to->nacked - from->nacked, elapsed_ns);
    if (to->returned > from->returned)
        print_rate(out, "returned", to->returned - from->returned, elapsed_ns);
}

static void end_interval(struct latency *latency, bool measured) {
    if (measured)
        histogram_merge(&latency->total, &latency->interval);
    histogram_clear(&latency->interval);
}

void report_interval(struct perf *perf) {
    FILE *out = perf_out(perf);
    bool measured = perf->window_ns > 0 && perf->stop_ns == 0;

    if (!perf->options.quiet) {
        fprintf(out, "%.1f s", (double)(perf->now_ns - perf->start_ns) / 1e9);
        print_rates(perf, &perf->interval_begin, &perf->counters, perf->now_ns - perf->interval_ns);
        print_latency(out, "latency", &perf->delivery_latency.interval);
        print_latency(out, "confirm", &perf->confirm_latency.interval);
        fputc('\n', out);
        fflush(out);
    }
    end_interval(&perf->delivery_latency, measured);
    end_interval(&perf->confirm_latency, measured);
    perf->interval_ns = perf->now_ns;
    perf->interval_begin = perf->counters;
}

/* -- The end ----------------------------------------------------------------------------------- */

/* The whole measurement, worked out. */
struct summary {
    double seconds;
    uint64_t sent;
    uint64_t received;
    uint64_t confirmed;
    uint64_t
        messages;  /* what CPU time is divided by: deliveries, or publishes when nobody consumes */
    double cpu_us; /* of the process under test, per message; below 0: not known */
    double own_cpu_us;
};

static struct summary summarize(const struct perf *perf) {
    const struct counters *from = &perf->window_begin, *to = &perf->window_end;
    struct summary s = {
        .seconds = (double)(perf->stop_ns - perf->window_ns) / 1e9,
        .sent = to->sent - from->sent,
        .received = to->received - from->received,
        .confirmed = to->confirmed - from->confirmed,
        .cpu_us = -1,
    };

    s.messages = perf->consumer_count > 0 ? s.received : s.sent;
    if (s.messages == 0)
        return s;
    s.own_cpu_us = (perf->own_cpu_end - perf->own_cpu_begin) * 1e6 / (double)s.messages;
    if (perf->options.pid > 0)
        s.cpu_us = (perf->cpu_end - perf->cpu_begin) * 1e6 / (double)s.messages;
    return s;
}

static void print_summary(const struct perf *perf, const struct summary *s) {
    FILE *out = perf_out(perf);

    fprintf(out, "summary: %.1f s", s->seconds);
    print_rates(perf, &perf->window_begin, &perf->window_end, perf->stop_ns - perf->window_ns);
    print_latency(out, "latency", &perf->delivery_latency.total);
    print_latency(out, "confirm", &perf->confirm_latency.total);
    fprintf(out, "\nsummary: CPU %.3f us/msg in leveret-perf", s->own_cpu_us);
    if (s->cpu_us >= 0)
        fprintf(out,
                ", %.3f us/msg in process %" PRId64 ", which has %" PRIu64 " KiB (peak %" PRIu64
                ")",
                s->cpu_us, perf->options.pid, perf->usage.rss_kib, perf->usage.rss_peak_kib);
    fputc('\n', out);
}

static void print_finding(const char *text, uint64_t count) {
    if (count > 0)
        fprintf(stderr, "leveret-perf: %" PRIu64 " %s\n", count, text);
}

static void print_findings(const struct findings *f) {
    print_finding("messages lost", f->lost);
    print_finding("messages received twice", f->duplicated);
    print_finding("messages out of order", f->out_of_order);
    print_finding("messages in the wrong queue", f->misrouted);
    print_finding("messages changed on the way", f->changed);
    print_finding("publishes never confirmed", f->unconfirmed);
    print_finding("confirms of publishes that were not outstanding", f->wrongly_confirmed);
    print_finding("messages still in the queues at the end (not checked)", f->left);
    print_finding("messages of other producers (not checked)", f->foreign);
}

static void json_latency(const char *name, const struct histogram *h) {
    printf(",\"%s\":{\"count\":%" PRIu64, name, h->count);
    printf(",\"min\":%.1f,\"mean\":%.1f", us(h->min_ns), histogram_mean_ns(h) / 1000);
    printf(",\"median\":%.1f", us(histogram_percentile_ns(h, 50)));
    printf(",\"p75\":%.1f", us(histogram_percentile_ns(h, 75)));
    printf(",\"p95\":%.1f", us(histogram_percentile_ns(h, 95)));
    printf(",\"p99\":%.1f", us(histogram_percentile_ns(h, 99)));
    printf(",\"p99_9\":%.1f,\"max\":%.1f}", us(histogram_percentile_ns(h, 99.9)), us(h->max_ns));
}

static void json_count(const char *name, uint64_t count) {
    printf(",\"%s\":%" PRIu64, name, count);
}

static void json_counters(const struct counters *all) {
    json_count("sent_total", all->sent);
    json_count("received_total", all->received);
    json_count("confirmed_total", all->confirmed);
    json_count("nacked_total", all->nacked);
    json_count("returned_total", all->returned);
    json_count("redelivered_total", all->redelivered);
}

static void json_findings(const struct findings *f) {
    printf(",\"findings\":{\"lost\":%" PRIu64, f->lost);
    json_count("duplicated", f->duplicated);
    json_count("out_of_order", f->out_of_order);
    json_count("misrouted", f->misrouted);
    json_count("changed", f->changed);
    json_count("unconfirmed", f->unconfirmed);
    json_count("wrongly_confirmed", f->wrongly_confirmed);
    json_count("left", f->left);
    json_count("foreign", f->foreign);
    putchar('}');
}

static void json_process(const struct perf *perf, const struct summary *s) {
    if (s->cpu_us < 0)
        return;
    printf(",\"cpu_us_per_message\":%.4f", s->cpu_us);
    json_count("rss_kib", perf->usage.rss_kib);
    json_count("rss_peak_kib", perf->usage.rss_peak_kib);
}

static void print_json(const struct perf *perf, const struct summary *s) {
    int64_t elapsed_ns = perf->stop_ns - perf->window_ns;

    printf("{\"ok\":%s,\"exit\":%d,\"seconds\":%.3f", perf->exit_code == 0 ? "true" : "false",
           perf->exit_code, s->seconds);
    json_count("sent", s->sent);
    json_count("received", s->received);
    json_count("confirmed", s->confirmed);
    json_count("sent_rate", per_second(s->sent, elapsed_ns));
    json_count("received_rate", per_second(s->received, elapsed_ns));
    json_count("confirmed_rate", per_second(s->confirmed, elapsed_ns));
    json_latency("latency_us", &perf->delivery_latency.total);
    json_latency("confirm_latency_us", &perf->confirm_latency.total);
    printf(",\"own_cpu_us_per_message\":%.4f", s->own_cpu_us);
    json_process(perf, s);
    json_counters(&perf->counters);
    json_findings(&perf->findings);
    puts("}");
}

void report_end(const struct perf *perf) {
    struct summary summary = summarize(perf);

    if (perf->start_ns > 0)
        print_summary(perf, &summary);
    print_findings(&perf->findings);
    if (perf->options.json)
        print_json(perf, &summary);
    fflush(stdout);
}
