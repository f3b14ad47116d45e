/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rabbitmq-plugins, for scripts that enable what they need: what is built in is enabled, with or without a
 * broker, and nothing else is there to be enabled.
 */
#include "broker/base/plugins.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "broker/base/pattern.h"
#include "broker/base/text.h"
#include "tools/leveretctl/banner.h"
#include "tools/leveretctl/call.h"
#include "tools/leveretctl/client.h"
#include "tools/leveretctl/local.h"

static void say_banner(const struct call *call) {
    struct text node = {0};

    client_append_node(&node, call);
    banner_print(call, text_chars(&node));
    text_clear(&node);
}

/* --- list --- */

#define WIDEST_NAME 33

static bool is_for_programs(const struct call *call) {
    return call->format == CALL_FORMAT_JSON || call->format == CALL_FORMAT_JSON_STREAM;
}

static json_t *plugin_object(const char *name) {
    return json_pack("{sssssbssss}", "name", name, "enabled", "enabled", "running", 1, "version",
                     LEVERET_VERSION, "running_version", LEVERET_VERSION);
}

static void print_plugin(const struct call *call, const char *name) {
    if (call_option(call, "minimal") != NULL)
        puts(name);
    else
        printf("[E*] %-*s %s\n", WIDEST_NAME, name, LEVERET_VERSION);
}

/* One document, as RabbitMQ's tool writes it; `minimal` is a list of names there too. */
static void print_document(const struct call *call, json_t *plugins) {
    bool is_minimal = call_option(call, "minimal") != NULL;
    json_t *document =
        json_pack("{sssO}", "format", is_minimal ? "minimal" : "normal", "plugins", plugins);

    json_dumpf(document, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(document);
}

static void print_plugins(const struct call *call, const struct pattern *pattern) {
    bool is_minimal = call_option(call, "minimal") != NULL;
    json_t *plugins = json_array();

    for (size_t i = 0; builtin_plugins[i] != NULL; i++) {
        const char *name = builtin_plugins[i];
        if (!pattern_matches(pattern, slice_from_text(name)))
            continue;
        if (is_for_programs(call))
            json_array_append_new(plugins, is_minimal ? json_string(name) : plugin_object(name));
        else
            print_plugin(call, name);
    }
    if (is_for_programs(call))
        print_document(call, plugins);
    json_decref(plugins);
}

static bool wants_legend(const struct call *call) {
    return banner_is_wanted(call) && call_option(call, "minimal") == NULL;
}

static void print_legend(void) {
    puts(" Configured: E = explicitly enabled; e = implicitly enabled\n"
         " | Status: * = built in, and running whenever the broker does\n"
         " |/");
}

int local_plugins_list(const struct call *call) {
    const char *text = call->argument_count == 0 ? ".*" : call->arguments[0];
    struct pattern *pattern = pattern_compile(slice_from_text(text), NULL);

    if (pattern == NULL) {
        client_complain(call, "the pattern is no regular expression");
        return EX_USAGE;
    }
    struct call shown = *call;
    shown.arguments[0] = text;
    shown.argument_count = 1;
    say_banner(&shown);
    if (wants_legend(call))
        print_legend();
    print_plugins(call, pattern);
    pattern_destroy(pattern);
    return EX_OK;
}

/* --- enable, set, disable --- */

/* EX_OK when all that are named are there. */
static int check_names(const struct call *call) {
    struct text sentence = {0};
    int result = EX_OK;

    for (size_t i = 0; i < call->argument_count && result == EX_OK; i++) {
        if (plugin_is_builtin(call->arguments[i]))
            continue;
        text_append_format(&sentence,
                           "plugin %s is not built in, and others cannot be added; "
                           "plugins list tells which there are",
                           call->arguments[i]);
        client_complain(call, text_chars(&sentence));
        result = EX_SOFTWARE;
    }
    text_clear(&sentence);
    return result;
}

static void say_enabled(const struct call *call) {
    puts("The following plugins have been configured:");
    for (size_t i = 0; builtin_plugins[i] != NULL; i++)
        printf("  %s\n", builtin_plugins[i]);
    puts(call->offline ? "Offline change; changes will take effect at broker restart."
                       : "Plugin configuration unchanged.");
}

static bool wants_all(const struct call *call) {
    return call_option(call, "all") != NULL;
}

static int refuse_none(const struct call *call) {
    client_complain(call, "a plugin is wanted, or --all");
    return EX_USAGE;
}

int local_plugins_enable(const struct call *call) {
    if (call->argument_count == 0 && !wants_all(call))
        return refuse_none(call);
    say_banner(call);
    int result = check_names(call);
    if (result == EX_OK)
        say_enabled(call);
    return result;
}

/* Without names RabbitMQ disables all, which is impossible here. */
int local_plugins_set(const struct call *call) {
    return local_plugins_enable(call);
}

int local_plugins_disable(const struct call *call) {
    if (call->argument_count == 0 && !wants_all(call))
        return refuse_none(call);
    int result = check_names(call);
    if (result != EX_OK)
        return result;
    client_complain(call, "this plugin is built in and cannot be disabled; its listener can be "
                          "turned off in the configuration");
    return EX_USAGE;
}

/* --- is_enabled --- */

static int say_not_enabled(const struct call *call, const char *plugin, const char *node) {
    struct text sentence = {0};

    text_append_format(
        &sentence,
        "Plugin %s is not enabled on node %s. Enabled plugins and dependencies: ", plugin, node);
    for (size_t i = 0; builtin_plugins[i] != NULL; i++)
        text_append_format(&sentence, "%s%s", i > 0 ? ", " : "", builtin_plugins[i]);
    client_complain(call, text_chars(&sentence));
    text_clear(&sentence);
    return EX_UNAVAILABLE;
}

static void say_all_enabled(const struct call *call, const char *node) {
    bool many = call->argument_count > 1;

    printf("Plugin%s ", many ? "s" : "");
    for (size_t i = 0; i < call->argument_count; i++)
        printf("%s%s", i > 0 ? ", " : "", call->arguments[i]);
    printf(" %s enabled on node %s\n", many ? "are" : "is", node);
}

int local_plugins_is_enabled(const struct call *call) {
    struct text node = {0};
    int result = EX_OK;

    client_append_node(&node, call);
    banner_print(call, text_chars(&node));
    for (size_t i = 0; i < call->argument_count && result == EX_OK; i++) {
        if (!plugin_is_builtin(call->arguments[i]))
            result = say_not_enabled(call, call->arguments[i], text_chars(&node));
    }
    if (result == EX_OK)
        say_all_enabled(call, text_chars(&node));
    text_clear(&node);
    return result;
}
