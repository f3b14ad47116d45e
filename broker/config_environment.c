/* SPDX-License-Identifier: Apache-2.0 */
/* One table: the variable, how it is read, and the key it sets. */
#include "broker/config_environment.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/base/alloc.h"
#include "broker/config_key.h"
#include "broker/erlang_config.h"

#define VALUE_SIZE_MAX 4096

struct variable;

struct applying {
    struct config *config;
    const struct variable *variable;
    const char *origin; /* RABBITMQ_... */
    const char *value;
    struct text *error;
};

typedef bool variable_reader(const struct applying *applying);

struct variable {
    const char *name; /* without RABBITMQ_ */
    variable_reader *apply;
    const char *key; /* that it sets, or why it sets none */
};

/* --- readers --- */

static bool complain(const struct applying *applying, const char *sentence) {
    text_append_format(applying->error, "%s%s: %s", applying->error->len == 0 ? "" : "\n",
                       applying->origin, sentence);
    return false;
}

static bool set(const struct applying *applying, const char *key, struct slice value) {
    struct text problem = {0};
    bool good =
        config_set(applying->config, applying->origin, slice_from_text(key), value, &problem);
    if (!good)
        complain(applying, text_chars(&problem));
    text_clear(&problem);
    return good;
}

static bool set_key(const struct applying *applying) {
    return set(applying, applying->variable->key, slice_from_text(applying->value));
}

/* What Erlang is told and what a script did before it. */
static bool ignore(const struct applying *applying) {
    config_notice(applying->config, LOG_DEBUG, "%s has no meaning here: %s", applying->origin,
                  applying->variable->key);
    return true;
}

/* The first line of a file: a secret that a container is given. */
static bool set_key_from_file(const struct applying *applying) {
    char line[VALUE_SIZE_MAX];
    FILE *file = fopen(applying->value, "re");
    bool good = file != NULL && fgets(line, sizeof line, file) != NULL;
    if (file != NULL)
        fclose(file);
    if (!good)
        return complain(applying, file == NULL ? strerror(errno) : "the file is empty");
    good = set(applying, applying->variable->key, slice_of(line, strcspn(line, "\r\n")));
    secret_wipe(line, sizeof line);
    return good;
}

/* 1, true, yes or what else a script may have been content with. */
static bool set_boolean(const struct applying *applying) {
    static const char *const yes[] = {"1", "true", "yes", "on", NULL};
    bool is_yes = false;
    for (const char *const *at = yes; *at != NULL; at++)
        is_yes = is_yes || strcmp(*at, applying->value) == 0;
    return set(applying, applying->variable->key, is_yes ? SLICE("true") : SLICE("false"));
}

/* Names between commas or spaces, each an item: key.1, key.2, ... */
static bool set_items(const struct applying *applying) {
    const char *at = applying->value;
    bool good = true;
    for (unsigned number = 1; *at != '\0'; number++) {
        char key[128];
        size_t len = strcspn(at, ", ");
        snprintf(key, sizeof key, "%s.%u", applying->variable->key, number);
        good = (len == 0 || set(applying, key, slice_of(at, len))) && good;
        at += len + (at[len] == '\0' ? 0 : 1);
    }
    return good;
}

/* Plugin names between commas. */
static bool set_plugins(const struct applying *applying) {
    const char *at = applying->value;
    applying->config->plugins_are_named = true;
    while (*at != '\0') {
        size_t len = strcspn(at, ", ");
        if (len > 0)
            config_list_put(applying->config, &applying->config->plugins, slice_of(at, len),
                            SLICE("true"));
        at += len + (at[len] == '\0' ? 0 : 1);
    }
    return true;
}

/* 0.4 and 40% are fractions, anything else is a size, as in RabbitMQ's image. */
static bool set_watermark(const struct applying *applying) {
    size_t len = strlen(applying->value);
    if (len > 1 && applying->value[len - 1] == '%') {
        char fraction[16];
        snprintf(fraction, sizeof fraction, "%.4f", strtod(applying->value, NULL) / 100);
        return set(applying, "vm_memory_high_watermark.relative", slice_from_text(fraction));
    }
    const char *kind = strchr(applying->value, '.') != NULL ? "vm_memory_high_watermark.relative"
                                                            : "vm_memory_high_watermark.absolute";
    return set(applying, kind, slice_from_text(applying->value));
}

/* Any RABBITMQ_SSL_* variable means TLS alone, as it did in RabbitMQ's image: no plain listener. */
static bool set_tls(const struct applying *applying) {
    struct config *config = applying->config;
    bool good = true;
    if (config->ssl.count == 0)
        good = set(applying, "listeners.ssl.default", SLICE("5671")) &&
               set(applying, "listeners.tcp", SLICE("none"));
    if (!config_is_set(config, "ssl_options.verify"))
        good = set(applying, "ssl_options.verify", SLICE("verify_peer")) && good;
    if (!config_is_set(config, "ssl_options.fail_if_no_peer_cert"))
        good = set(applying, "ssl_options.fail_if_no_peer_cert", SLICE("true")) && good;
    return set_key(applying) && good;
}

static bool set_management_tls(const struct applying *applying) {
    bool good = true;
    if (applying->config->management.http.ssl_port < 0)
        good = set(applying, "management.ssl.port", SLICE("15671"));
    return set_key(applying) && good;
}

/* A node name without a host part is of this host. */
static bool set_node_name(const struct applying *applying) {
    struct text name = {0};
    char host[256] = "localhost";
    text_append_format(&name, "%s", applying->value);
    if (strchr(applying->value, '@') == NULL && gethostname(host, sizeof host - 1) == 0) {
        host[strcspn(host, ".")] = '\0';
        text_append_format(&name, "@%s", host);
    }
    bool good = set(applying, applying->variable->key, text_slice(&name));
    text_clear(&name);
    return good;
}

/* `-` is the console, `-stderr` its other side, anything else a file. */
static bool set_log_place(const struct applying *applying) {
    if (applying->value[0] != '-')
        return set(applying, "log.file", slice_from_text(applying->value));
    const char *side = strcmp(applying->value, "-stderr") == 0 ? "stderr" : "stdout";
    return set(applying, "log.console", SLICE("true")) &&
           set(applying, "log.console.stdio", slice_from_text(side)) &&
           set(applying, "log.file", SLICE("false"));
}

/* One word of RABBITMQ_LOG: a level for all, `category=level`, or `+color` and the like. */
static bool set_log_word(const struct applying *applying, struct slice word) {
    char key[64];
    const uint8_t *equals = memchr(word.data, '=', word.len);
    if (word.data[0] == '+' || word.data[0] == '-')
        return true; /* colours and JSON of the console: RabbitMQ's developers' own */
    if (equals == NULL)
        return set(applying, "log.console.level", word) && set(applying, "log.file.level", word);
    size_t len = (size_t)(equals - word.data);
    snprintf(key, sizeof key, "log.%.*s.level", (int)len, (const char *)word.data);
    return set(applying, key, slice_of(equals + 1, word.len - len - 1));
}

static bool set_log_levels(const struct applying *applying) {
    const char *at = applying->value;
    bool good = true;
    while (*at != '\0') {
        size_t len = strcspn(at, ",");
        good = (len == 0 || set_log_word(applying, slice_of(at, len))) && good;
        at += len + (at[len] == '\0' ? 0 : 1);
    }
    return good;
}

static bool set_erlang_options(const struct applying *applying) {
    return erlang_config_read_options(applying->config, applying->origin,
                                      slice_from_text(applying->value), applying->error);
}

/* --- the table --- */

#define NO_ERLANG "there is no Erlang virtual machine"

/* clang-format off */
static const struct variable variables[] = {
    {"DEFAULT_USER", set_key, "default_user"},
    {"DEFAULT_PASS", set_key, "default_pass"},
    {"DEFAULT_VHOST", set_key, "default_vhost"},
    {"DEFAULT_USER_FILE", set_key_from_file, "default_user"},
    {"DEFAULT_PASS_FILE", set_key_from_file, "default_pass"},
    {"DEFAULT_VHOST_FILE", set_key_from_file, "default_vhost"},
    {"USERNAME", set_key, "default_user"},
    {"PASSWORD", set_key, "default_pass"},
    {"VHOST", set_key, "default_vhost"},
    {"USERNAME_FILE", set_key_from_file, "default_user"},
    {"PASSWORD_FILE", set_key_from_file, "default_pass"},
    {"VHOSTS", set_items, "leveret.vhosts"},
    {"NODENAME", set_node_name, "leveret.node_name"},
    {"PID_FILE", set_key, "leveret.pid_file"},
    {"KEEP_PID_FILE_ON_EXIT", set_boolean, "leveret.keep_pid_file"},
    {"PRODUCT_NAME", set_key, "product.name"},
    {"PRODUCT_VERSION", set_key, "product.version"},
    {"LOG_BASE", set_key, "log.dir"},
    {"LOGS", set_log_place, NULL},
    {"LOG", set_log_levels, NULL},
    {"ENABLED_PLUGINS", set_plugins, NULL},
    {"PLUGINS", set_plugins, NULL},
    {"SSL_CACERTFILE", set_tls, "ssl_options.cacertfile"},
    {"SSL_CERTFILE", set_tls, "ssl_options.certfile"},
    {"SSL_KEYFILE", set_tls, "ssl_options.keyfile"},
    {"SSL_PASSWORD", set_tls, "ssl_options.password"},
    {"SSL_DEPTH", set_tls, "ssl_options.depth"},
    {"SSL_VERIFY", set_tls, "ssl_options.verify"},
    {"SSL_FAIL_IF_NO_PEER_CERT", set_tls, "ssl_options.fail_if_no_peer_cert"},
    {"MANAGEMENT_SSL_CACERTFILE", set_management_tls, "management.ssl.cacertfile"},
    {"MANAGEMENT_SSL_CERTFILE", set_management_tls, "management.ssl.certfile"},
    {"MANAGEMENT_SSL_KEYFILE", set_management_tls, "management.ssl.keyfile"},
    {"MANAGEMENT_SSL_DEPTH", set_management_tls, "management.ssl.depth"},
    {"MANAGEMENT_SSL_VERIFY", set_management_tls, "management.ssl.verify"},
    {"MANAGEMENT_SSL_FAIL_IF_NO_PEER_CERT", set_management_tls,
     "management.ssl.fail_if_no_peer_cert"},
    {"MANAGEMENT_LOAD_DEFINITIONS", set_key, "load_definitions"},
    {"DEFINITIONS_FILE", set_key, "load_definitions"},
    {"MANAGEMENT_PORT_NUMBER", set_key, "management.tcp.port"},
    {"VM_MEMORY_HIGH_WATERMARK", set_watermark, NULL},
    {"DISK_FREE_ABSOLUTE_LIMIT", set_key, "disk_free_limit.absolute"},
    {"SERVER_ADDITIONAL_ERL_ARGS", set_erlang_options, NULL},
    {"SERVER_START_ARGS", set_erlang_options, NULL},
    {"ERLANG_COOKIE", ignore, NO_ERLANG},
    {"SERVER_ERL_ARGS", ignore, NO_ERLANG},
    {"CTL_ERL_ARGS", ignore, NO_ERLANG},
    {"IO_THREAD_POOL_SIZE", ignore, NO_ERLANG},
    {"DIST_PORT", ignore, "there is one node and nothing for others to connect to"},
    {"CTL_DIST_PORT_MIN", ignore, "there is one node and nothing for others to connect to"},
    {"CTL_DIST_PORT_MAX", ignore, "there is one node and nothing for others to connect to"},
    {"SCHEDULER_BIND_TYPE", ignore, NO_ERLANG},
    {"DISTRIBUTION_BUFFER_SIZE", ignore, NO_ERLANG},
    {"MAX_NUMBER_OF_PROCESSES", ignore, NO_ERLANG},
    {"MAX_NUMBER_OF_ATOMS", ignore, NO_ERLANG},
    {"USE_LONGNAME", ignore, "there is one node, whatever its name"},
    {"FEATURE_FLAGS", ignore, "every feature is there from the start"},
    {"FEATURE_FLAGS_FILE", ignore, "every feature is there from the start"},
    {"PLUGINS_DIR", ignore, "what there is of plugins is built in"},
    {"PLUGINS_EXPAND_DIR", ignore, "what there is of plugins is built in"},
    {"GENERATED_CONFIG_DIR", ignore, "no configuration is generated"},
    {"QUORUM_DIR", ignore, "quorum queues live in the journal"},
    {"STREAM_DIR", ignore, "there are no streams"},
    {"MOTD_FILE", ignore, "there is no banner"},
    {"LIMIT_NOFILE", ignore, "as many files are opened as the system allows"},
    {"UPGRADE_LOG", ignore, "there are no upgrade steps to log"},
};
/* clang-format on */

#define VARIABLE_COUNT (sizeof variables / sizeof variables[0])

/* Of two that set the same, one is a mistake: a secret that is not the one in use. */
static bool is_contradicted(const struct environment *environment,
                            const struct applying *applying) {
    char name[64];
    size_t len = strlen(applying->variable->name);
    if (len < 6 || strcmp(applying->variable->name + len - 5, "_FILE") != 0)
        return false;
    snprintf(name, sizeof name, "%.*s", (int)(len - 5), applying->variable->name);
    return applying->variable->apply == set_key_from_file &&
           environment_get(environment, name) != NULL;
}

static bool apply_variable(const struct environment *environment, const struct variable *variable,
                           struct config *config, struct text *error) {
    char origin[64];
    struct applying applying = {.config = config,
                                .variable = variable,
                                .origin = origin,
                                .value = environment_get(environment, variable->name),
                                .error = error};
    snprintf(origin, sizeof origin, "RABBITMQ_%s", variable->name);
    if (applying.value == NULL)
        return true;
    if (is_contradicted(environment, &applying))
        return complain(&applying, "the variable without _FILE is set as well");
    return variable->apply(&applying);
}

bool environment_apply(const struct environment *environment, struct config *config,
                       struct text *error) {
    bool good = true;
    for (size_t i = 0; i < VARIABLE_COUNT; i++)
        good = apply_variable(environment, &variables[i], config, error) && good;
    return good;
}

bool environment_apply_listener(const struct environment *environment, struct config *config,
                                struct text *error) {
    const char *port = environment_get(environment, "NODE_PORT");
    const char *address = environment_get(environment, "NODE_IP_ADDRESS");
    const char *origin = port != NULL ? "RABBITMQ_NODE_PORT" : "RABBITMQ_NODE_IP_ADDRESS";
    struct text listener = {0}, problem = {0};
    if (port == NULL)
        port = environment_get(environment, "NODE_PORT_NUMBER");
    if ((port == NULL && address == NULL) || config->tcp.count > 0 || config->tcp.disabled)
        return true;
    if (address != NULL && strcmp(address, "auto") != 0)
        text_append_format(&listener, "[%s]:", address);
    text_append_format(&listener, "%s", port == NULL ? "5672" : port);
    bool good =
        config_set(config, origin, SLICE("listeners.tcp.default"), text_slice(&listener), &problem);
    if (!good)
        text_append_format(error, "%s%s: %s", error->len == 0 ? "" : "\n", origin,
                           text_chars(&problem));
    text_clear(&listener);
    text_clear(&problem);
    return good;
}

/* --- variables --- */

const char *environment_get(const struct environment *environment, const char *name) {
    char full_name[80];
    snprintf(full_name, sizeof full_name, "RABBITMQ_%s", name);
    const char *value = getenv(full_name);
    if (value != NULL && value[0] != '\0')
        return value;
    for (size_t i = environment->count; i > 0; i--) {
        if (strcmp(environment->names[i - 1], name) == 0)
            return environment->values[i - 1][0] == '\0' ? NULL : environment->values[i - 1];
    }
    return NULL;
}

void environment_clear(struct environment *environment) {
    for (size_t i = 0; i < environment->count; i++) {
        free(environment->names[i]);
        secret_wipe(environment->values[i], strlen(environment->values[i]));
        free(environment->values[i]);
    }
    *environment = (struct environment){0};
}

static void keep(struct environment *environment, const char *name, const char *value) {
    if (strncmp(name, "RABBITMQ_", 9) == 0)
        name += 9;
    environment->names[environment->count] = strdup(name);
    environment->values[environment->count++] = strdup(value);
}

/* A value as a shell would take it, into `value`; NULL, or what is wrong. */
static const char *read_shell_value(const char *written, char *value, size_t size) {
    char quote = '\0';
    size_t len = 0;
    for (; *written != '\0' && (quote != '\0' || strchr(" \t\r\n;#", *written) == NULL);
         written++) {
        if (*written == quote || (quote == '\0' && strchr("'\"", *written) != NULL))
            quote = quote == '\0' ? *written : '\0';
        else if (quote != '\'' && strchr("$`\\", *written) != NULL)
            return "only plain values are understood: this is no shell";
        else if (len + 1 < size)
            value[len++] = *written;
    }
    value[len] = '\0';
    written += strspn(written, " \t\r\n;");
    if (quote != '\0')
        return "the quote is not closed";
    return *written == '\0' || *written == '#' ? NULL : "expected NAME=value";
}

static const char *read_shell_line(struct environment *environment, char *line) {
    char value[VALUE_SIZE_MAX];
    char *name = line + strspn(line, " \t");
    if (strchr("#\r\n", *name) != NULL)
        return NULL;
    if (strncmp(name, "export ", 7) == 0)
        name += 7 + strspn(name + 7, " \t");
    size_t len = strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz0123456789");
    if (len == 0 || name[len] != '=')
        return "expected NAME=value: other shell commands are not executed";
    name[len] = '\0';
    const char *problem = read_shell_value(name + len + 1, value, sizeof value);
    if (problem == NULL && environment->count == ENVIRONMENT_FILE_MAX)
        return "too many variables";
    if (problem == NULL)
        keep(environment, name, value);
    return problem;
}

bool environment_read_file(struct environment *environment, const char *path, struct text *error) {
    char line[VALUE_SIZE_MAX];
    bool good = true;
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        text_append_format(error, "%s: %s", path, strerror(errno));
        return false;
    }
    for (unsigned number = 1; fgets(line, sizeof line, file) != NULL; number++) {
        const char *problem = read_shell_line(environment, line);
        if (problem != NULL)
            text_append_format(error, "%s%s:%u: %s", error->len == 0 ? "" : "\n", path, number,
                               problem);
        good = good && problem == NULL;
    }
    fclose(file);
    return good;
}
