/* SPDX-License-Identifier: Apache-2.0 */
/* Everything put together. The only order that matters is the tick's, and it is written here;
 * server_config.c has what follows from the configuration. */
#include "broker/server.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sysexits.h>
#include <unistd.h>

#include "broker/base/alloc.h"
#include "broker/base/plugins.h"
#include "broker/base/worker.h"
#include "broker/default_entities.h"
#include "broker/definitions_boot.h"
#include "broker/entities/chore.h"
#include "broker/entities/dead_letter.h"
#include "broker/entities/paging.h"
#include "broker/entities/vhost.h"
#include "broker/management/management.h"
#include "broker/memory_watch.h"
#include "broker/net/listener.h"
#include "broker/net/loop.h"
#include "broker/net/transport.h"
#include "broker/node_figures.h"
#include "broker/protocol/blocking.h"
#include "broker/protocol/confirms.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/fetch.h"
#include "broker/protocol/forced_close.h"
#include "broker/protocol/gate.h"
#include "broker/server_private.h"
#include "persistence/journal.h"

/* Deliveries of one queue in one tick: more than one read brings in, so that queues stay short, and
 * few enough that the next read is never far. */
#define DELIVERIES_PER_TICK 4096

/* No longer than a message takes from one client to another: whoever shares the broker with a million
 * that are due together waits at most twice as long (tools/prove timers). */
#define CHORE_STEPS_PER_TICK 24

/* Each is a new message: few enough that a tick stays short. */
#define DEAD_LETTERS_PER_TICK 1024

#define SHUTDOWN_MS     1000
#define SHUTDOWN_REASON "broker forced connection closure with reason 'shutdown'"

/* --- the end --- */

static void close_ports(struct server *server) {
    amqp_listeners_close(&server->listeners);
    http_listeners_close(&server->http_listeners);
}

static void close_listeners(struct server *server) {
    close_ports(server);
    listener_close(server->control_listener);
    server->control_listener = NULL;
}

static void on_shutdown_timer(struct timer *timer) {
    loop_stop(LIST_ITEM(timer, struct server, shutdown_timer)->loop);
}

/* Nobody new; everybody is told why and given time to say so. */
static void begin_shutdown(struct server *server, uint16_t reply_code, const char *reason) {
    server->stopping = true;
    close_listeners(server);
    connections_force_close_all(server->broker, reply_code, reason);
    timer_start(&server->broker->timers, &server->shutdown_timer, server->env.now_ms + SHUTDOWN_MS,
                on_shutdown_timer);
}

/* An error of several lines is as many events. */
static void log_lines(struct server *server, const char *about, struct text *lines) {
    char *rest = NULL;

    for (char *line = lines->chars == NULL ? NULL : strtok_r(lines->chars, "\n", &rest);
         line != NULL; line = strtok_r(NULL, "\n", &rest))
        log_error(&server->env.log, "%s: %s; everything stays as it was", about, line);
}

/* False when a new file could not be begun: the old one goes on. */
static bool rotate_logs(void *context, struct text *error) {
    struct server *server = context;
    int result = broker_log_rotate(&server->log);

    if (result < 0)
        text_append_format(error, "the log goes on in the old file: %s", strerror(-result));
    return result >= 0;
}

/* A terminal that goes away takes no broker along. */
static void reload_on_signal(struct server *server) {
    struct text error = {0};

    log_info(&server->env.log, "SIGHUP received - reloading");
    if (!server_reload(server, &error))
        log_lines(server, "Reload", &error);
    text_clear(&error);
}

static void on_signal(void *context, int number) {
    struct server *server = context;

    if (number == SIGHUP) {
        reload_on_signal(server);
        return;
    }
    log_info(&server->env.log, "SIG%s received - shutting down", sigabbrev_np(number));
    if (server->stopping)
        loop_stop(server->loop); /* asked twice: now */
    else
        begin_shutdown(server, AMQP_CONNECTION_FORCED, SHUTDOWN_REASON);
}

static bool reload(void *context, struct text *error) {
    return server_reload(context, error);
}

static void stop(void *context) {
    struct server *server = context;

    log_info(&server->env.log, "Asked to stop by a command");
    if (!server->stopping)
        begin_shutdown(server, AMQP_CONNECTION_FORCED, SHUTDOWN_REASON);
}

static void suspend_listeners(void *context) {
    struct server *server = context;

    log_info(&server->env.log, "Closing the listeners, as asked by a command");
    close_ports(server);
}

static struct endpoint *create_connection(void *context, const struct transport_peer *peer);

static bool resume_listeners(void *context, struct text *error) {
    struct server *server = context;

    if (http_listeners_open(&server->http_listeners, server->loop, server->broker, server->config,
                            server->management, error) == 0 &&
        amqp_listeners_open(&server->listeners, server->loop, server->config, create_connection,
                            server, error) == 0)
        return true;
    close_ports(server);
    return false;
}

static bool reset(void *context, struct text *error) {
    struct server *server = context;

    log_info(&server->env.log, "Resetting: everything is deleted, as asked by a command");
    forced_close_everything(server->broker);
    return add_default_entities(server->broker, server->config, error);
}

static void set_log_level(void *context, enum log_level level) {
    struct server *server = context;

    server->config->log.console.level = server->config->log.file.level = level;
    for (size_t i = 0; i < LOG_CATEGORY_COUNT; i++)
        server->config->log.categories[i] = LOG_DEBUG;
    for (size_t i = 0; i < LOG_CATEGORY_COUNT; i++)
        server->config->log.files[i].level = level;
    server->env.log = broker_log_sink(&server->log);
}

static bool log_file(void *context, struct text *path) {
    const struct server *server = context;

    return broker_log_path(&server->config->log, path);
}

static void each_setting(void *context, control_setting *show, void *call) {
    config_each_setting(((const struct server *)context)->config, show, call);
}

/* --- the tick --- */

/* Flushing fed connections that were held up, or woke consumers: there is more to do. */
static bool has_work_left(const struct broker *broker) {
    bool has_letters = !list_is_empty(&broker->dead_letters) && !broker->dead_letters_wait;
    return !list_is_empty(&broker->runnable_queues) || has_letters ||
           !list_is_empty(&broker->chores) || !list_is_empty(&broker->unconfirmed_channels) ||
           !list_is_empty(&broker->traces);
}

#define FAILURE_REASON "the journal has failed"

/* Nothing is promised any more. Restarting recovers everything that ever was. */
static void stop_for_failed_journal(struct server *server) {
    if (server->journal_failed)
        return;
    server->journal_failed = true;
    log_write(&server->env.log, LOG_CRITICAL,
              "Journal: %s; nothing is confirmed any more, the broker stops. A restart recovers "
              "everything that was confirmed.",
              strerror(-journal_failure(server->broker->journal)));
    gates_fail(server->broker);
    begin_shutdown(server, AMQP_INTERNAL_ERROR, FAILURE_REASON);
}

/* More is safe than before. */
static void keep_promises(struct broker *broker) {
    confirms_resume(broker);
    gates_open(broker);
}

/* What a finished batch lets go, and what was read. */
static void take_finished_batch(struct server *server) {
    struct broker *broker = server->broker;

    if (!durability_collect(&server->durability))
        return;
    keep_promises(broker);
    if (journal_state(broker->journal) == JOURNAL_FAILED)
        stop_for_failed_journal(server);
}

/* What follows from the input of one iteration, in this order and no other. */
static void server_before_wait(void *context) {
    struct server *server = context;
    struct broker *broker = server->broker;
    const int64_t woken_us = server->env.now_us;

    timers_expire(&broker->timers, server->env.now_ms);
    take_finished_batch(server);
    fetches_resume(broker);
    worker_collect(broker->worker);
    broker_do_chores(broker, CHORE_STEPS_PER_TICK);
    broker_drain_dead_letters(broker, DEAD_LETTERS_PER_TICK);
    broker_run_queues(broker, DELIVERIES_PER_TICK);
    loop_read_fine_clock(&server->env);
    if (durability_submit(&server->durability))
        keep_promises(broker);
    confirms_settle(broker);
    management_settle(server->management);
    control_settle(&server->control);
    bool is_paging = paging_tick(broker->paging);
    memory_watch_tick(&server->memory);
    durability_tick(&server->durability);
    transports_flush(server->loop, &broker->endpoints);
    transports_reap(server->loop);
    broker_log_flush(&server->log);
    if (is_paging || has_work_left(broker))
        loop_poll_again(server->loop);
    if (broker->awaits_acks)
        loop_expect_input(server->loop);
    broker->awaits_acks = false;
    if (server->stopping && loop_transport_count(server->loop) == 0)
        loop_stop(server->loop);
    loop_read_fine_clock(&server->env);
    latencies_add(&broker->loop_latencies, server->env.now_us - woken_us, 1);
}

/* --- building --- */

static void fill_random(void *context, void *buffer, size_t len) {
    uint8_t *at = buffer;

    (void)context;
    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);
        if (got > 0) {
            at += got;
            len -= (size_t)got;
        }
    }
}

static void env_init(struct server *server) {
    struct env *env = &server->env;

    env->fill_random = fill_random;
    env->log = broker_log_sink(&server->log);
    fill_random(NULL, &env->hash_seed, sizeof env->hash_seed);
    loop_read_clock(env);
}

/* RabbitMQ's default is rabbit; what has no host gets this one's name up to its first dot. */
static char *node_name_of(const struct config *config) {
    char host[256] = "localhost";
    struct text name = {0};

    text_append_format(&name, "%s", config->node_name == NULL ? "rabbit" : config->node_name);
    if (strchr(name.chars, '@') == NULL) {
        gethostname(host, sizeof host - 1);
        text_append_format(&name, "@%.*s", (int)strcspn(host, "."), host);
    }
    return name.chars;
}

/* On the worker's thread. */
static void on_job_finished(void *context) {
    struct server *server = context;
    loop_wake(server->loop);
}

struct server *server_create(struct config *config, const struct config_sources *sources,
                             int console_fd, struct text *error) {
    struct server *server = xcalloc(1, sizeof *server);

    server->config = config;
    server->sources = sources;
    broker_log_init(&server->log, &config->log, console_fd);
    if (broker_log_open(&server->log, &config->log, error) < 0) {
        free(server);
        return NULL;
    }
    env_init(server);
    server->started_ms = server->env.now_ms;
    log_info(&server->env.log, "Starting Leveret %s, compatible with RabbitMQ %s", LEVERET_VERSION,
             config->broker.product_version);
    server_log_config(server);
    server->node_name = node_name_of(config);
    struct broker_settings settings = server_settings(server);
    server->broker = broker_create(&server->env, &settings);
    server->loop = loop_create(&server->env, &server->broker->timers);
    if (server->loop == NULL) {
        text_append(error, SLICE("cannot make an event loop"));
        broker_destroy(server->broker);
        free(server->node_name);
        free(server);
        return NULL;
    }
    durability_init(&server->durability, server->broker, server->loop, config);
    server->broker->worker = worker_create(on_job_finished, server);
    server_apply_config(server);
    memory_watch_init(&server->memory, server->broker);
    log_info(&server->env.log, "Memory high watermark set to %llu MiB",
             (unsigned long long)(server->broker->resources.memory_limit >> 20));
    server->broker->endpoints.progress = transport_progress;
    loop_set_before_wait(server->loop, server_before_wait, server);
    loop_set_on_signal(server->loop, on_signal, server);
    const struct control_hooks hooks = {.context = server,
                                        .reload = reload,
                                        .rotate_logs = rotate_logs,
                                        .stop = stop,
                                        .suspend_listeners = suspend_listeners,
                                        .resume_listeners = resume_listeners,
                                        .reset = reset,
                                        .set_log_level = set_log_level,
                                        .log_file = log_file,
                                        .each_setting = each_setting};
    control_init(&server->control, server->broker, server->node_name, &hooks);
    return server;
}

static char *join_path(const char *directory, const char *name) {
    struct text path = {0};
    text_append_format(&path, "%s/%s", directory, name);
    return path.chars;
}

int server_recover(struct server *server, const char *data_directory, struct text *error) {
    int code = EX_OK;

    if (!amqp_listeners_prepare(&server->listeners, server->config, &server->env,
                                &server->broker->timers, error) ||
        !http_listeners_prepare(&server->http_listeners, server->config, &server->env,
                                &server->broker->timers, error))
        return EX_CONFIG;
    if (data_directory != NULL) {
        server->control_path = join_path(data_directory, "control.sock");
        code = durability_open(&server->durability, data_directory, error);
    }
    if (code == EX_OK)
        code = add_default_entities(server->broker, server->config, error) ? EX_OK : EX_CONFIG;
    if (code == EX_OK)
        code = definitions_boot(server->broker, server->config, error) ? EX_OK : EX_CONFIG;
    return code;
}

int server_stop_journal(struct server *server) {
    close_listeners(server);
    management_destroy(server->management);
    server->management = NULL;
    transports_close_all(server->loop);
    return durability_close(&server->durability, server->journal_failed);
}

static struct endpoint *create_connection(void *context, const struct transport_peer *peer) {
    struct server *server = context;
    const struct connection_peer who = {
        .name = peer->name, .is_loopback = peer->is_loopback, .tls = peer->tls};

    return &connection_create(server->broker, &who)->endpoint;
}

/* Where leveretctl finds us; NULL: nowhere. */
static const char *control_path(const struct server *server) {
    const char *configured = server->config->control_socket;
    if (configured == NULL)
        return server->control_path;
    return configured[0] == '\0' ? NULL : configured;
}

static int open_control(struct server *server, struct text *error) {
    const struct listener_options options = {.path = control_path(server),
                                             .may_use_reserved = true};

    if (options.path == NULL)
        return 0;
    int result = listener_open(server->loop, &options, control_accept, &server->control,
                               &server->control_listener);
    if (result < 0)
        text_append_format(error, "cannot listen on %s: %s%s", options.path, strerror(-result),
                           result == -ENAMETOOLONG ? " (leveret.control_socket names another)"
                                                   : "");
    return result;
}

/* The lines that tools wait for, in RabbitMQ's form. */
static void log_startup_complete(struct server *server) {
    size_t count = 0;

    while (builtin_plugins[count] != NULL)
        count++;
    log_info(&server->env.log, "Server startup complete; %zu plugins started.", count);
    for (size_t i = 0; i < count; i++)
        log_info(&server->env.log, " * %s", builtin_plugins[i]);
}

static void read_tls_figures(const struct server *server, struct node_figures *figures) {
    struct tls_figures tls;

    if (!amqp_listeners_figures(&server->listeners, &tls))
        return;
    figures->tls_handshakes = tls.handshakes;
    figures->tls_handshakes_resumed = tls.resumed;
    figures->tls_handshakes_failed = tls.failed;
}

static void read_listeners(const struct server *server, struct node_figures *figures) {
    const struct amqp_listeners *amqp = &server->listeners;
    const struct http_listeners *http = &server->http_listeners;

    for (size_t i = 0; i < amqp->count; i++) {
        const bool is_plain = i < amqp->plain_count;
        node_figures_add_listener(figures, is_plain ? "amqp" : "amqp/ssl", amqp->items[i],
                                  is_plain ? NULL : amqp->tls);
    }
    node_figures_add_listener(figures, "http", http->api, NULL);
    node_figures_add_listener(figures, "https", http->api_tls.listener, http->api_tls.tls);
    node_figures_add_listener(figures, "http/prometheus", http->metrics, NULL);
    node_figures_add_listener(figures, "https/prometheus", http->metrics_tls.listener,
                              http->metrics_tls.tls);
}

static void read_figures(void *context, struct node_figures *figures) {
    const struct server *server = context;

    node_figures_of_process(figures);
    figures->uptime_ms = server->env.now_ms - server->started_ms;
    figures->data_directory = server->durability.path == NULL ? "" : server->durability.path;
    read_tls_figures(server, figures);
    read_listeners(server, figures);
}

/* Separated by commas; the server keeps the text. */
static const char *join_origins(struct server *server) {
    const struct config_list *origins = &server->config->management.cors_origins;

    text_clear(&server->cors_origins);
    for (size_t i = 0; i < origins->count; i++)
        text_append_format(&server->cors_origins, "%s%s", i == 0 ? "" : ",",
                           origins->items[i].value);
    return text_chars(&server->cors_origins);
}

static int open_management(struct server *server, struct text *error) {
    const struct config *config = server->config;
    const struct management_hooks hooks = {.context = server, .read_figures = read_figures};
    const struct management_settings settings = {
        .node_name = server->node_name,
        .path_prefix = config->management.path_prefix,
        .cors_origins = join_origins(server),
        .cors_max_age_s = config->management.cors_max_age_s,
        .session_minutes = config->management.session_minutes,
        .definitions_max = config->management.max_body_size,
        .metrics_path = config->prometheus.path,
        .metrics_per_object = config->prometheus.return_per_object_metrics};

    server->management = management_create(server->loop, server->broker, &settings, &hooks);
    if (server->management == NULL) {
        text_append(error, SLICE("cannot start the HTTP API: no descriptors left"));
        return -EMFILE;
    }
    control_set_management(&server->control, server->management);
    return http_listeners_open(&server->http_listeners, server->loop, server->broker, config,
                               server->management, error);
}

int server_listen(struct server *server, struct text *error) {
    const struct config *config = server->config;

    /* First: whoever sees the broker ready may ask the API (drop-in D.5). */
    int result = open_management(server, error);
    if (result < 0)
        return result;
    log_info(&server->env.log, "Ready to start client connection listeners");
    result = amqp_listeners_open(&server->listeners, server->loop, config, create_connection,
                                 server, error);
    if (result == 0)
        result = open_control(server, error);
    if (result < 0)
        return result;
    log_startup_complete(server);
    broker_log_flush(&server->log);
    return 0;
}

const char *server_control_path(const struct server *server) {
    return server->control_listener == NULL ? NULL : listener_name(server->control_listener);
}

uint16_t server_port(const struct server *server) {
    return amqp_listeners_port(&server->listeners);
}

static uint16_t port_of(const struct listener *listener) {
    return listener == NULL ? 0 : listener_port(listener);
}

uint16_t server_management_port(const struct server *server) {
    return port_of(server->http_listeners.api);
}

uint16_t server_metrics_port(const struct server *server) {
    return port_of(server->http_listeners.metrics);
}

uint16_t server_management_ssl_port(const struct server *server) {
    return port_of(server->http_listeners.api_tls.listener);
}

uint16_t server_metrics_ssl_port(const struct server *server) {
    return port_of(server->http_listeners.metrics_tls.listener);
}

uint16_t server_tls_port(const struct server *server) {
    return amqp_listeners_tls_port(&server->listeners);
}

void server_run(struct server *server) {
    loop_run(server->loop);
    log_info(&server->env.log, "Leveret is stopped");
}

void server_destroy(struct server *server) {
    if (server == NULL)
        return;
    close_listeners(server);
    management_destroy(server->management);
    transports_close_all(server->loop);
    amqp_listeners_clear(&server->listeners);
    http_listeners_clear(&server->http_listeners);
    timer_stop(&server->broker->timers, &server->shutdown_timer);
    memory_watch_clear(&server->memory);
    disk_watch_clear(&server->durability.disk);
    worker_destroy(server->broker->worker);
    loop_destroy(server->loop);
    broker_destroy(server->broker);
    free(server->auth_mechanisms);
    durability_clear(&server->durability);
    free(server->control_path);
    text_clear(&server->cors_origins);
    free(server->node_name);
    broker_log_close(&server->log);
    free(server);
}
