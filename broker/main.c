/* SPDX-License-Identifier: Apache-2.0 */
/* From options to a running broker, and from what became of it to an exit code (sysexits). */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "broker/amqp_listeners.h"
#include "broker/background.h"
#include "broker/base/json.h"
#include "broker/base/text.h"
#include "broker/config.h"
#include "broker/config_sources.h"
#include "broker/data_directory.h"
#include "broker/http_listeners.h"
#include "broker/net/service_manager.h"
#include "broker/options.h"
#include "broker/server.h"

static int64_t monotonic_ms(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

static int complain(int exit_code, const char *sentence) {
    fprintf(stderr, "leveret: %s\n", sentence);
    return exit_code;
}

/* Connections are descriptors: as many as we may have. */
static void raise_descriptor_limit(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

/* Passwords and messages are in memory. Who wants a core dump raises the limit of the process with
 * prlimit(1). */
static void refuse_core_dumps(void) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_CORE, &limit) == 0) {
        limit.rlim_cur = 0;
        setrlimit(RLIMIT_CORE, &limit);
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
static void append_uri(struct text *line, const struct config *config,
                       const struct config_listener *listener, const char *scheme, uint16_t port) {
    const char *address = listener->address;
    bool is_guest = strcmp(config->default_user, "guest") == 0 &&
                    slice_equal(secret_octets(config->default_pass), SLICE("guest"));
    if (address == NULL || strcmp(address, "0.0.0.0") == 0 || strcmp(address, "::") == 0)
        address = "127.0.0.1";
    bool is_ipv6 = strchr(address, ':') != NULL;
    text_append_format(line, "%s://%s%s%s%s:%u/", scheme, is_guest ? "guest:guest@" : "",
                       is_ipv6 ? "[" : "", address, is_ipv6 ? "]" : "", port);
    append_vhost(line, config->broker.default_vhost);
}

/* `"amqp_port":5672,"amqp":"amqp://..."` for the first of its kind, if there is one. */
static void append_listener(struct text *line, const struct config *config,
                            const struct config_listeners *listeners, const char *scheme,
                            uint16_t port) {
    if (listeners->count == 0)
        return;
    text_append_format(line, ",\"%s_port\":%u,\"%s\":\"", scheme, port, scheme);
    append_uri(line, config, &listeners->items[0], scheme, port);
    text_append(line, SLICE("\""));
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

/* 0: there is no such listener. */
static void append_port(struct text *line, const char *name, uint16_t port) {
    if (port != 0)
        text_append_format(line, ",\"%s\":%u", name, port);
}

static void announce_ready(const struct config *config, const struct server *server,
                           int64_t started_ms) {
    struct text line = {0};
    text_append_format(&line, "{\"event\":\"ready\",\"pid\":%d,\"ms\":%d", (int)getpid(),
                       (int)(monotonic_ms() - started_ms));
    append_listener(&line, config, &config->tcp, "amqp", server_port(server));
    append_listener(&line, config, &config->ssl, "amqps", server_tls_port(server));
    append_port(&line, "management_port", server_management_port(server));
    append_port(&line, "management_ssl_port", server_management_ssl_port(server));
    append_port(&line, "metrics_port", server_metrics_port(server));
    append_port(&line, "metrics_ssl_port", server_metrics_ssl_port(server));
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

static void write_pid_file(const struct config *config) {
    FILE *file = config->pid_file == NULL ? NULL : fopen(config->pid_file, "we");
    if (file != NULL) {
        fprintf(file, "%d\n", (int)getpid());
        fclose(file);
    } else if (config->pid_file != NULL) {
        fprintf(stderr, "leveret: cannot write %s: %s\n", config->pid_file, strerror(errno));
    }
}

static void remove_pid_file(const struct config *config) {
    if (config->pid_file != NULL && !config->keep_pid_file)
        unlink(config->pid_file);
}

/* Clients can connect: everybody who waits for that is told. */
static void announce(const struct config *config, const struct server *server,
                     const struct options *options, int64_t started_ms) {
    write_pid_file(config);
    if (options->json)
        announce_ready(config, server, started_ms);
    service_manager_tell("READY=1");
    background_ready();
}

static int listen_and_run(struct server *server, const struct config *config,
                          const struct options *options, int64_t started_ms) {
    struct text error = {0};
    int exit_code = EX_OK;
    int result = server_listen(server, &error);
    if (result < 0) {
        exit_code = listen_failed(result, &error);
    } else {
        announce(config, server, options, started_ms);
        server_run(server);
        service_manager_tell("STOPPING=1");
        remove_pid_file(config);
    }
    text_clear(&error);
    return exit_code;
}

/* --json keeps standard output for its one line. */
static int console_of(const struct config *config, const struct options *options) {
    bool is_stderr = options->json || config->log.console_stdio == CONFIG_LOG_STDERR;
    return is_stderr ? STDERR_FILENO : STDOUT_FILENO;
}

static int serve(struct config *config, const struct config_sources *sources,
                 const struct options *options, int64_t started_ms) {
    struct text error = {0};
    struct server *server = server_create(config, sources, console_of(config, options), &error);
    if (server == NULL) {
        int result = complain(EX_CANTCREAT, text_chars(&error));
        text_clear(&error);
        return result;
    }
    int exit_code = recover(server, options);
    if (exit_code == EX_OK)
        exit_code = listen_and_run(server, config, options, started_ms);
    int journal_code = server_stop_journal(server);
    server_destroy(server);
    return exit_code == EX_OK ? journal_code : exit_code;
}

/* What a start would look at before anything else: certificates, proxies. */
static bool check_listeners(const struct config *config, struct text *error) {
    struct env env = {0};
    struct timers timers;
    struct amqp_listeners listeners = {0};
    timers_init(&timers, 0);
    bool good = amqp_listeners_prepare(&listeners, config, &env, &timers, error) &&
                http_listeners_check(config, error);
    amqp_listeners_clear(&listeners);
    return good;
}

static int report_good(const struct config *config) {
    LIST_FOR_EACH(&config->notices, at) {
        const struct config_notice *notice = LIST_ITEM(at, struct config_notice, link);
        if (notice->level > LOG_DEBUG)
            puts(notice->sentence);
    }
    puts("The configuration is good.");
    return EX_OK;
}

static int serve_in_background(struct config *config, const struct config_sources *sources,
                               const struct options *options, int64_t started_ms) {
    int exit_code;
    if (background_begin(&exit_code))
        return exit_code;
    return serve(config, sources, options, started_ms);
}

/*
 * Large bodies come and go at the end of the heap. malloc would give its last 128 KiB back each time, and
 * the kernel would have to clear them anew: a quarter of the time of a body of 1 MiB. What is really
 * too much memory_watch.c gives back.
 */
static void keep_freed_memory(void) {
    mallopt(M_MMAP_THRESHOLD, 2 * 1024 * 1024);
    mallopt(M_TRIM_THRESHOLD, 16 * 1024 * 1024);
}

int main(int argc, char **argv) {
    int64_t started_ms = monotonic_ms();
    struct options options;
    struct config config;
    struct text error = {0};

    int result = options_parse(&options, argc, argv);
    if (result != EX_OK)
        return result < 0 ? EX_OK : result;
    signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    refuse_core_dumps();
    keep_freed_memory();
    json_wipe_what_is_freed();
    const struct config_sources sources = options_sources(&options);
    config_init(&config);
    if (!config_load(&config, &sources, &error))
        result = complain(EX_CONFIG, text_chars(&error));
    else if (options.check_config)
        result = check_listeners(&config, &error) ? report_good(&config)
                                                  : complain(EX_CONFIG, text_chars(&error));
    else if (options.detached)
        result = serve_in_background(&config, &sources, &options, started_ms);
    else
        result = serve(&config, &sources, &options, started_ms);
    config_clear(&config);
    text_clear(&error);
    return result;
}
