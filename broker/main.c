/* SPDX-License-Identifier: Apache-2.0 */
/* The command line of the server: options to a configuration, results to exit codes (sysexits). */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "broker/base/text.h"
#include "broker/config.h"
#include "broker/config_syntax.h"
#include "broker/data_directory.h"
#include "broker/server.h"

#define OPTIONS_MAX 64

enum option_code {
    OPTION_PORT = 256,
    OPTION_BIND,
    OPTION_DATA_DIR,
    OPTION_EPHEMERAL,
    OPTION_SET,
    OPTION_CONFIG,
    OPTION_JSON,
    OPTION_HELP,
    OPTION_VERSION
};

struct options {
    const char *files[OPTIONS_MAX];
    size_t file_count;
    const char *assignments[OPTIONS_MAX];
    size_t assignment_count;
    const char *address;
    const char *data_directory; /* NULL: not given */
    bool ephemeral;
    int port; /* -1: not given */
    bool json;
};

static const char help_begin[] =
    "usage: leveret [options]\n"
    "\n"
    "An AMQP 0-9-1 broker that RabbitMQ's clients use without noticing. Without options it serves\n"
    "port 5672 on every interface; user guest, password guest may log in from this machine.\n"
    "\n"
    "  --port N          listen on this port; 0 takes any free one (see --json)\n"
    "  --bind ADDRESS    listen on this address only, for example 127.0.0.1\n"
    "  --data-dir DIR    keep durable queues and persistent messages there; otherwise in\n"
    "                    $RABBITMQ_MNESIA_DIR, $RABBITMQ_MNESIA_BASE/leveret, /var/lib/leveret or\n"
    "                    ~/.local/state/leveret, the first that is set or can be written\n"
    "  --ephemeral       keep nothing on disk: for tests\n"
    "  --set KEY=VALUE   set a key of the table below; may be given many times\n"
    "  --config FILE     read `key = value` lines; --set and the options above win\n"
    "  --json            log to stderr, and one line of JSON to stdout when clients can connect\n"
    "  --help, --version\n"
    "\n"
    "Stop it with SIGTERM or Ctrl-C: clients are told connection.close 320 and the exit code is "
    "0.\n"
    "Exit codes: 64 usage, 65 the journal is damaged, 69 cannot listen, 73 no data directory,\n"
    "74 the disk failed, 76 data of a newer version, 77 not permitted to, 78 configuration.\n"
    "\n"
    "  leveret --port 0 --json --ephemeral         a broker of its own for a test run\n"
    "  leveret --set loopback_users=none           guest may log in from everywhere\n"
    "\n"
    "Keys, RabbitMQ's names and defaults (`#` begins a comment in a file):\n"
    "\n";

static int64_t monotonic_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static void print_help(void) {
    struct text keys = {0};
    config_describe(&keys);
    fputs(help_begin, stdout);
    fputs(text_chars(&keys), stdout);
    text_clear(&keys);
}

static int complain(int exit_code, const char *sentence) {
    fprintf(stderr, "leveret: %s\n", sentence);
    return exit_code;
}

static int misused(const char *sentence) {
    complain(EX_USAGE, sentence);
    fputs("leveret --help tells more\n", stderr);
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

static int parse_arguments(struct options *options, int argc, char **argv) {
    static const struct option long_options[] = {
        {"port", required_argument, NULL, OPTION_PORT},
        {"bind", required_argument, NULL, OPTION_BIND},
        {"data-dir", required_argument, NULL, OPTION_DATA_DIR},
        {"ephemeral", no_argument, NULL, OPTION_EPHEMERAL},
        {"set", required_argument, NULL, OPTION_SET},
        {"config", required_argument, NULL, OPTION_CONFIG},
        {"json", no_argument, NULL, OPTION_JSON},
        {"help", no_argument, NULL, OPTION_HELP},
        {"version", no_argument, NULL, OPTION_VERSION},
        {0},
    };
    int code;
    while ((code = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        int result = use_option(options, code, optarg);
        if (result != EX_OK)
            return result;
    }
    if (options->ephemeral && options->data_directory != NULL)
        return misused("--ephemeral keeps no data: it does not go with --data-dir");
    return optind == argc ? EX_OK : misused("there are no arguments, only options");
}

static bool configure(struct config *config, const struct options *options, struct text *error) {
    for (size_t i = 0; i < options->file_count; i++) {
        if (!config_read_file(config, options->files[i], error))
            return false;
    }
    for (size_t i = 0; i < options->assignment_count; i++) {
        if (!config_set_assignment(config, options->assignments[i], error))
            return false;
    }
    if (options->address != NULL || options->port >= 0)
        config_override_listener(config, options->address, options->port);
    return config_finish(config, error);
}

/* Connections are descriptors: as many as we may have. */
static void raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* A name as one segment of a URI's path; "/" stands for the default vhost and is left out. */
static void append_vhost(struct text *uri, const char *vhost) {
    if (strcmp(vhost, "/") == 0)
        return;
    for (const char *at = vhost; *at != '\0'; at++) {
        bool plain = (*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') ||
                     (*at >= '0' && *at <= '9') || strchr("-._~", *at) != NULL;
        text_append_format(uri, plain ? "%c" : "%%%02X", (unsigned char)*at);
    }
}

/* Credentials that are no secret spare the reader of the line a question. */
static void append_uri(struct text *line, const struct config *config, uint16_t port) {
    const char *address = config->tcp.items[0].address;
    bool is_guest =
        strcmp(config->default_user, "guest") == 0 &&
                    slice_equal(secret_octets(config->default_pass), SLICE("guest"));
    if (address == NULL || strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0)
        address = "127.0.0.1";
    bool is_ipv6 = strchr(address, ':') != NULL;
    text_append_format(line, "amqp://%s%s%s%s:%u/", is_guest ? "guest:guest@" : "",
                       is_ipv6 ? "[" : "", address, is_ipv6 ? "]" : "", port);
    append_vhost(line, config->broker.default_vhost);
}

/* A text that may hold what JSON wants escaped. */
static void append_json_member(struct text *line, const char *name, const char *value) {
    text_append_format(line, ",\"%s\":\"", name);
    for (; *value != '\0'; value++) {
        unsigned char octet = (unsigned char)*value;
        text_append_format(line, octet < ' ' || octet == '"' || octet == '\\' ? "\\u%04x" : "%c",
                           octet);
    }
    text_append(line, SLICE("\""));
}

static void announce_ready(const struct config *config, const struct server *server,
                           int64_t started_ms) {
    struct text line = {0};
    text_append_format(&line,
                       "{\"event\":\"ready\",\"pid\":%d,\"ms\":%d,\"amqp_port\":%u,\"amqp\":\"",
                       (int)getpid(), (int)(monotonic_ms() - started_ms), server_port(server));
    append_uri(&line, config, server_port(server));
    text_append(&line, SLICE("\""));
    if (server_control_path(server) != NULL)
        append_json_member(&line, "control", server_control_path(server));
    text_append(&line, SLICE("}"));
    puts(text_chars(&line));
    fflush(stdout);
    text_clear(&line);
}

static int listen_failed(int result, const struct text *error) {
    complain(EX_UNAVAILABLE, text_chars(error));
    if (result == -EADDRINUSE)
        fputs("Another broker may be running there; --port N takes another port, --port 0 any.\n",
              stderr);
    return result == -EACCES ? EX_NOPERM : EX_UNAVAILABLE;
}

static int recover(struct server *server, const struct options *options) {
    struct text directory = {0};
    struct text error = {0};
    int exit_code = EX_CANTCREAT;
    if (options->ephemeral)
        exit_code = server_recover(server, NULL, &error);
    else if (data_directory_find(options->data_directory, &directory, &error))
        exit_code = server_recover(server, text_chars(&directory), &error);
    if (exit_code != EX_OK)
        complain(exit_code, text_chars(&error));
    text_clear(&directory);
    text_clear(&error);
    return exit_code;
}

static int listen_and_run(struct server *server, const struct config *config,
                          const struct options *options, int64_t started_ms) {
    struct text error = {0};
    int exit_code = EX_OK;
    int result = server_listen(server, &error);
    if (result < 0) {
        exit_code = listen_failed(result, &error);
    } else {
        if (options->json)
            announce_ready(config, server, started_ms);
        server_run(server);
    }
    text_clear(&error);
    return exit_code;
}

static int serve(const struct config *config, const struct options *options, int64_t started_ms) {
    struct server *server = server_create(config, options->json ? STDERR_FILENO : STDOUT_FILENO);
    if (server == NULL)
        return complain(EX_OSERR, "cannot make an event loop");
    int exit_code = recover(server, options);
    if (exit_code == EX_OK)
        exit_code = listen_and_run(server, config, options, started_ms);
    int journal_code = server_stop_journal(server);
    server_destroy(server);
    return exit_code == EX_OK ? journal_code : exit_code;
}

int main(int argc, char **argv) {
    int64_t started_ms = monotonic_ms();
    struct options options = {.port = -1};
    struct config config;
    struct text error = {0};

    int result = parse_arguments(&options, argc, argv);
    if (result != EX_OK)
        return result < 0 ? EX_OK : result;
    signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    config_init(&config);
    if (configure(&config, &options, &error))
        result = serve(&config, &options, started_ms);
    else
        result = complain(EX_CONFIG, text_chars(&error));
    config_clear(&config);
    text_clear(&error);
    return result;
}
