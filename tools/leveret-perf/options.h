/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command line of leveret-perf: letters and long names are those of RabbitMQ's PerfTest where
 * it has the option.  options.c has one table row per option, from which parsing and --help are
 * made.
 */
#ifndef LEVERET_PERF_OPTIONS_H
#define LEVERET_PERF_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define OPTIONS_WILDCARD_QUEUES 10
#define OPTIONS_WILDCARDS_MAX   100000 /* so many fit the digits of a key */

#define OPTIONS_AUTOMATIC (-1) /* of inflight: decided when all options are read */

struct options {
    const char *uri;
    int64_t producers;
    int64_t consumers;
    int64_t producer_channels; /* per connection */
    int64_t consumer_channels;
    int64_t size_bytes;
    const char *queue;
    const char *queue_pattern; /* contains one %d */
    int64_t queue_pattern_from;
    int64_t queue_pattern_to;
    const char *queue_arguments; /* key=value,key=value */
    const char *exchange;        /* NULL: the default exchange */
    const char *exchange_type;
    const char *routing_key; /* NULL: the name of the queue */
    bool random_routing_key;
    int64_t fanout;    /* 0: no */
    int64_t wildcards; /* 0: no; else a multiple of the number of queues */
    double seconds;    /* 0: until interrupted or counted out */
    double warmup_seconds;
    int64_t producer_messages; /* each producer; 0: no limit */
    int64_t consumer_messages;
    int64_t confirm_window; /* 0: no confirms */
    int64_t prefetch;
    int64_t channel_prefetch;
    bool autoack;
    int64_t multi_ack_every; /* 0 and 1: acknowledge one by one */
    bool persistent;
    bool mandatory;
    bool auto_delete;
    bool predeclared;
    double rate; /* messages per second of each producer; 0: as fast as possible */
    double consumer_rate;
    int64_t tx_size; /* 0: no transactions */
    int64_t inflight;
    double interval_seconds;
    int64_t patience_seconds; /* for what is still to come when all is published */
    int64_t pid;              /* 0: none */
    bool json;
    bool quiet;
    bool spin;
    bool drain;
    bool lossy;
    bool delete_queues;
};

enum options_outcome {
    OPTIONS_RUN,
    OPTIONS_HELP,
    OPTIONS_VERSION,
    OPTIONS_WRONG, /* the error text says what is */
};

#define OPTIONS_ERROR_SIZE 256

/* Texts in `ret_options` point into `argv`.  `ret_options` is written in every case. */
enum options_outcome options_parse(int argc, char **argv, struct options *ret_options,
                                   char ret_error[OPTIONS_ERROR_SIZE]);

void options_print_help(FILE *out);

#endif
