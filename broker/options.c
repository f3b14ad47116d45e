/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum option_code {
    OPTION_PORT = 256,
    OPTION_BIND,
    OPTION_DATA_DIR,
    OPTION_EPHEMERAL,
    OPTION_SET,
    OPTION_CONFIG,
    OPTION_JSON,
    OPTION_CHECK_CONFIG,
    OPTION_DETACHED,
    OPTION_HELP,
    OPTION_VERSION
};

static const char help_begin[] =
    "usage: leveret [options]\n"
    "\n"
    "An AMQP 0-9-1 broker that RabbitMQ's clients use without noticing. Without options it serves\n"
    "port 5672 on every interface; user guest, password guest may log in from this machine.\n"
    "\n"
    "  --port N          listen on this port; 0 takes any free one (see --json). The HTTP API and "
    "the\n"
    "                    metrics move along: 10000 and 10020 above it, 15672 and 15692 for 5672\n"
    "  --bind ADDRESS    listen on this address only, for example 127.0.0.1\n"
    "  --data-dir DIR    keep durable queues and persistent messages there; otherwise in\n"
    "                    $RABBITMQ_MNESIA_DIR, $RABBITMQ_MNESIA_BASE/leveret, /var/lib/leveret or\n"
    "                    ~/.local/state/leveret, the first that is set or can be written\n"
    "  --ephemeral       keep nothing on disk: for tests\n"
    "  --set KEY=VALUE   set a key of the table below; may be given many times\n"
    "  --config FILE     read this file of `key = value` lines, or of Erlang terms (*.config), "
    "instead\n"
    "                    of those in /etc/leveret or /etc/rabbitmq; --set and the options above "
    "win\n"
    "  --check-config    say whether the configuration is good, and nothing else\n"
    "  --detached        go to the background when clients can connect\n"
    "  --json            log to stderr, and one line of JSON to stdout when clients can connect\n"
    "  --help, --version\n"
    "\n"
    "Stop it with SIGTERM or Ctrl-C: clients are told connection.close 320 and the exit code is "
    "0.\n"
    "SIGHUP reads the configuration again and begins a new log file where one has been moved "
    "away.\n"
    "Exit codes: 64 usage, 65 the journal is damaged, 69 cannot listen, 73 no data directory or "
    "log file,\n"
    "74 the disk failed, 76 data of a newer version, 77 not permitted to, 78 configuration.\n"
    "\n"
    "  leveret --port 0 --json --ephemeral         a broker of its own for a test run\n"
    "  leveret --set loopback_users=none           guest may log in from everywhere\n"
    "\n"
    "Keys, RabbitMQ's names and defaults (`#` begins a comment in a file; changes of those marked\n"
    "(reload) count after SIGHUP, others after a restart):\n"
    "\n";

static void print_help(void) {
    struct text keys = {0};
    config_describe(&keys);
    fputs(help_begin, stdout);
    fputs(text_chars(&keys), stdout);
    text_clear(&keys);
}

static int misused(const char *sentence) {
    fprintf(stderr, "leveret: %s\nleveret --help tells more\n", sentence);
    return EX_USAGE;
}

static bool parse_port(const char *text, int *ret_port) {
    char *end;
    long port = strtol(text, &end, 10);
    if (*text == '\0' || *end != '\0' || port < 0 || port > 65535)
        return false;
    *ret_port = (int)port;
    return true;
}

/* EX_OK to go on, -1 when everything asked for was done, an exit code otherwise. */
static int use_option(struct options *options, int code, const char *argument) {
    switch (code) {
    case OPTION_PORT:
        return parse_port(argument, &options->port) ? EX_OK
                                                    : misused("--port takes a number up to 65535");
    case OPTION_BIND:
        options->address = argument;
        return EX_OK;
    case OPTION_DATA_DIR:
        options->data_directory = argument;
        return EX_OK;
    case OPTION_EPHEMERAL:
        options->ephemeral = true;
        return EX_OK;
    case OPTION_SET:
        if (options->assignment_count == OPTIONS_MAX)
            return misused("too many --set");
        options->assignments[options->assignment_count++] = argument;
        return EX_OK;
    case OPTION_CONFIG:
        if (options->file_count == OPTIONS_MAX)
            return misused("too many --config");
        options->files[options->file_count++] = argument;
        return EX_OK;
    case OPTION_CHECK_CONFIG:
        options->check_config = true;
        return EX_OK;
    case OPTION_DETACHED:
        options->detached = true;
        return EX_OK;
    case OPTION_JSON:
        options->json = true;
        return EX_OK;
    case OPTION_HELP:
        print_help();
        return -1;
    case OPTION_VERSION:
        puts("leveret " LEVERET_VERSION);
        return -1;
    default: /* getopt_long has said what is wrong */
        fputs("leveret --help tells more\n", stderr);
        return EX_USAGE;
    }
}

/* RabbitMQ's server has one option with a single dash. */
static void accept_rabbitmq_spelling(int argc, char **argv) {
    static char detached[] = "--detached";
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "-detached") == 0)
            argv[i] = detached;
    }
}

int options_parse(struct options *options, int argc, char **argv) {
    static const struct option long_options[] = {
        {"port", required_argument, NULL, OPTION_PORT},
        {"bind", required_argument, NULL, OPTION_BIND},
        {"data-dir", required_argument, NULL, OPTION_DATA_DIR},
        {"ephemeral", no_argument, NULL, OPTION_EPHEMERAL},
        {"set", required_argument, NULL, OPTION_SET},
        {"config", required_argument, NULL, OPTION_CONFIG},
        {"json", no_argument, NULL, OPTION_JSON},
        {"check-config", no_argument, NULL, OPTION_CHECK_CONFIG},
        {"detached", no_argument, NULL, OPTION_DETACHED},
        {"help", no_argument, NULL, OPTION_HELP},
        {"version", no_argument, NULL, OPTION_VERSION},
        {0},
    };
    int code;
    *options = (struct options){.port = -1};
    accept_rabbitmq_spelling(argc, argv);
    while ((code = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        int result = use_option(options, code, optarg);
        if (result != EX_OK)
            return result;
    }
    if (options->ephemeral && options->data_directory != NULL)
        return misused("--ephemeral keeps no data: it does not go with --data-dir");
    return optind == argc ? EX_OK : misused("there are no arguments, only options");
}

struct config_sources options_sources(const struct options *options) {
    return (struct config_sources){
        .etc = "/etc",
        .files = options->files,
        .file_count = options->file_count,
        .assignments = options->assignments,
        .assignment_count = options->assignment_count,
        .address = options->address,
        .port = options->port,
    };
}
