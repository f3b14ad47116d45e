/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/leveretctl/banner.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/leveretctl/call.h"

#define TIMEOUT_DEFAULT_S 60

static void print_arguments(const struct call *call, size_t first, bool all) {
    for (size_t i = first; i < call->argument_count; i++) {
        bool is_shown = i == 0 && call->shown_argument != NULL;
        printf("%s%s", i > first ? ", " : "", is_shown ? call->shown_argument : call->arguments[i]);
        if (!all)
            break;
    }
}

/* `{--name}` and `{--name=otherwise}` */
static void print_option(const struct call *call, const char *name) {
    char bare[64];
    size_t len = strcspn(name, "=}");

    snprintf(bare, sizeof bare, "%.*s", (int)len, name);
    const char *value = call_option(call, bare);
    if (value != NULL)
        fputs(value, stdout);
    else if (name[len] == '=')
        printf("%.*s", (int)strcspn(name + len + 1, "}"), name + len + 1);
}

/* Of "{name}" without the opening brace; returns what comes after the closing one. */
static const char *print_field(const struct call *call, const char *node, const char *field) {
    const char *end = strchr(field, '}');

    if (strncmp(field, "node", 4) == 0)
        fputs(node, stdout);
    else if (strncmp(field, "vhost", 5) == 0)
        fputs(call->vhost == NULL ? "/" : call->vhost, stdout);
    else if (strncmp(field, "timeout", 7) == 0)
        printf("%d", 1000 * (call->timeout_s > 0 ? call->timeout_s : TIMEOUT_DEFAULT_S));
    else if (strncmp(field, "seconds", 7) == 0)
        printf("%d.0", call->timeout_s > 0 ? call->timeout_s : TIMEOUT_DEFAULT_S);
    else if (strncmp(field, "--", 2) == 0)
        print_option(call, field + 2);
    else if (isdigit((unsigned char)field[0]))
        print_arguments(call, (size_t)(field[0] - '1'), end[-1] == '.');
    return end + 1;
}

static bool writes_document(const struct call *call) {
    return call->command == COMMAND_export_definitions && call->argument_count > 0 &&
           strcmp(call->arguments[0], "-") == 0;
}

/* Neither formats that programs read have one, nor definitions on standard output. */
bool banner_is_wanted(const struct call *call) {
    return call->is_rabbitmq && !writes_document(call) && !call->quiet && !call->silent &&
           call->format != CALL_FORMAT_JSON && call->format != CALL_FORMAT_JSON_STREAM &&
           call->format != CALL_FORMAT_CSV;
}

void banner_print(const struct call *call, const char *node) {
    const char *at = commands[call->command].banner;

    if (!banner_is_wanted(call) || at[0] == '\0')
        return;
    while (*at != '\0') {
        size_t plain = strcspn(at, "{");
        printf("%.*s", (int)plain, at);
        at += plain;
        if (*at == '{')
            at = print_field(call, node, at + 1);
    }
    putchar('\n');
}
