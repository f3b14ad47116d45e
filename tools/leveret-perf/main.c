/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leveret-perf: a load generator for brokers of AMQP 0-9-1.  Reading order: perf.h (what a run is),
 * perf.c (the loop), producer.c and consumer.c (the two sides), receive.c (bytes in), connection.c
 * (bytes out, log-in), body.c and sequence.c (the checks), report.c.
 */
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "tools/leveret-perf/perf.h"

static int run(const struct options *options) {
    struct perf *perf = xcalloc(1, sizeof *perf);
    int status;

    perf->options = *options;
    status = perf_run(perf);
    free(perf);
    return status;
}

int main(int argc, char **argv) {
    struct options options;
    char error[OPTIONS_ERROR_SIZE];

    switch (options_parse(argc, argv, &options, error)) {
    case OPTIONS_RUN:
        return run(&options);
    case OPTIONS_HELP:
        options_print_help(stdout);
        return 0;
    case OPTIONS_VERSION:
        puts("leveret-perf " LEVERET_VERSION);
        return 0;
    default:
        fprintf(stderr, "leveret-perf: %s\n", error);
        return PERF_EXIT_USAGE;
    }
}
