/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration in force: given to the broker at the start, and again when it was read again. */
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/plugins.h"
#include "broker/entities/user.h"
#include "broker/server_private.h"

struct broker_settings server_settings(struct server *server) {
    struct broker_settings settings = server->config->broker;

    settings.vhost_defaults = &server->config->vhost_defaults;
    if (server->broker != NULL && server->broker->cluster_name != NULL)
        settings.cluster_name = server->broker->cluster_name; /* set at run time */
    else if (settings.cluster_name[0] == '\0')
        settings.cluster_name = server->node_name;
    settings.node_name = server->node_name;
    return settings;
}

/* As configured, whatever administrators have set meanwhile. */
static void set_resource_limits(struct server *server) {
    const struct config *config = server->config;
    struct broker *broker = server->broker;

    broker->resources.memory_total =
        config->memory_available > 0 ? config->memory_available : memory_available();
    if (config->memory_watermark_absolute > 0)
        broker_set_memory_limit(broker, config->memory_watermark_absolute);
    else
        broker_set_memory_fraction(broker, config->memory_watermark);
    if (config->disk_free_relative > 0)
        broker_set_disk_free_fraction(broker, config->disk_free_relative);
    else
        broker_set_disk_free_limit(broker, config->disk_free_limit);
}

static void set_auth_mechanisms(struct server *server) {
    const struct config_list *mechanisms = &server->config->auth_mechanisms;
    struct text names = {0};

    for (size_t i = 0; i < mechanisms->count; i++)
        text_append_format(&names, "%s%s", i > 0 ? " " : "", mechanisms->items[i].value);
    free(server->auth_mechanisms);
    server->auth_mechanisms = strdup(text_chars(&names));
    server->broker->settings.auth_mechanisms = server->auth_mechanisms;
    text_clear(&names);
}

static void set_loopback_users(struct server *server) {
    const struct config_list *users = &server->config->loopback_users;
    struct slice *names = xcalloc(users->count, sizeof *names);

    for (size_t i = 0; i < users->count; i++)
        names[i] = slice_from_text(users->items[i].name);
    users_set_loopback_only(server->broker, names, users->count);
    free(names);
}

/* enabled_plugins is often one file for many brokers: what is missing is said, not refused. */
static void log_plugins(struct server *server) {
    const struct config_list *plugins = &server->config->plugins;

    for (size_t i = 0; i < plugins->count; i++) {
        if (!plugin_is_builtin(plugins->items[i].name))
            log_warning(&server->env.log,
                        "Plugin %s is enabled, but not built in: nothing serves it",
                        plugins->items[i].name);
    }
}

void server_log_config(struct server *server) {
    log_plugins(server);
    LIST_FOR_EACH(&server->config->notices, at) {
        const struct config_notice *notice = LIST_ITEM(at, struct config_notice, link);
        log_write(&server->env.log, notice->level, "%s", notice->sentence);
    }
    LIST_FOR_EACH(&server->config->settings, at) {
        const struct config_setting *setting = LIST_ITEM(at, struct config_setting, link);
        log_debug(&server->env.log, "%s: %s = %s", setting->origin, setting->name,
                  config_setting_shown(setting));
    }
}

void server_apply_config(struct server *server) {
    server->broker->settings = server_settings(server);
    set_resource_limits(server);
    set_loopback_users(server);
    set_auth_mechanisms(server);
}

/* One line for each setting that somebody changed in vain. */
static void log_unreloadable(struct server *server, const struct config *next) {
    struct text names = {0};
    char *rest = NULL;

    config_list_unreloadable(server->config, next, &names);
    for (char *name = names.chars == NULL ? NULL : strtok_r(names.chars, "\n", &rest); name != NULL;
         name = strtok_r(NULL, "\n", &rest))
        log_warning(&server->env.log, "%s was changed: it counts after a restart", name);
    text_clear(&names);
}

/* Certificates are the last that can be wrong. */
static bool adopt(struct server *server, const struct config *next, struct text *error) {
    struct config merged;

    if (!config_merge(server->config, next, &merged, error))
        return false;
    bool good = http_listeners_check(&merged, error) &&
                amqp_listeners_reload(&server->listeners, &merged, error) &&
                http_listeners_reload(&server->http_listeners, &merged, error);
    if (good) {
        log_unreloadable(server, next);
        config_replace(server->config, &merged);
    }
    config_clear(&merged);
    return good;
}

/* What may change while the broker runs, all of it or nothing. */
bool server_reload(struct server *server, struct text *error) {
    struct config next;

    config_init_again(&next, server->config);
    bool done = config_load(&next, server->sources, error) &&
                broker_log_open(&server->log, &next.log, error) == 0 && adopt(server, &next, error);
    config_clear(&next);
    if (!done) {
        struct text ignored = {0}; /* it was open before */
        broker_log_open(&server->log, &server->config->log, &ignored);
        text_clear(&ignored);
        return false;
    }
    server->env.log = broker_log_sink(&server->log);
    server_log_config(server);
    server_apply_config(server);
    log_info(&server->env.log, "Configuration and certificates were read again");
    return true;
}
