/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/leveretctl/unreached.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "broker/base/text.h"
#include "tools/leveretctl/banner.h"
#include "tools/leveretctl/call.h"
#include "tools/leveretctl/node.h"

/* RabbitMQ's tools say what they are about to do before they find out that they cannot, but for commands that are
 * checked against a running application first. */
static bool has_banner(const struct call *call) {
    static const enum command_id those[] = {
        COMMAND_ping,     COMMAND_check_running, COMMAND_is_running,  COMMAND_is_booting,
        COMMAND_stop_app, COMMAND_start_app,     COMMAND_environment, COMMAND_server_version,
        COMMAND_stop,     COMMAND_log_location,
    };

    for (size_t i = 0; i < sizeof those / sizeof those[0]; i++) {
        if (those[i] == call->command)
            return true;
    }
    return false;
}

static void begin_diagnostics(const struct call *call, const char *node) {
    if (has_banner(call)) {
        banner_print(call, node);
        fflush(stdout);
    }
    if (call->command == COMMAND_ping)
        fprintf(stderr, "Error:\nFailed to connect and authenticate to %s in %d ms\n\n", node,
                1000 * (call->timeout_s > 0 ? call->timeout_s : 60));
    else
        fprintf(stderr,
                "Error: unable to perform an operation on node '%s'. Please see diagnostics "
                "information and suggestions below.\n\n",
                node);
    fprintf(stderr, "DIAGNOSTICS\n===========\n\nattempted to contact: [%s]\n\n%s:\n", node, node);
}

/* What is wrong, and what to do about it. */
static void complain(const struct call *call, const char *fact, const char *advice) {
    struct text node = {0};

    node_append(&node, call);
    if (call->is_rabbitmq) {
        begin_diagnostics(call, text_chars(&node));
        fprintf(stderr, "  * %s\n  * suggestion: %s\n", fact, advice);
    } else {
        fprintf(stderr, "%s: %s\n%s\n", call->program, fact, advice);
    }
    text_clear(&node);
}

int unreached_complain(const struct call *call, const char *path, int error) {
    struct text fact = {0};

    text_append_format(&fact, "no broker answers at %s: %s", path, strerror(error));
    complain(call, text_chars(&fact),
             error == EACCES ? "only the user that runs the broker, and root, may talk to it"
                             : "start it, or name another one by --data-dir DIR or --socket PATH");
    text_clear(&fact);
    return error == EACCES ? EX_NOPERM : EX_UNAVAILABLE;
}

static bool has_domain(const char *node) {
    const char *host = strchr(node, '@');
    return host != NULL && strchr(host, '.') != NULL;
}

static int complain_long_name(const struct call *call, const char *node) {
    fprintf(stderr,
            "Error: operation %s failed due to invalid node name (node: %s, reason: short).\n"
            "If using FQDN node names, use the -l / --longnames argument\n",
            commands[call->command].name, node);
    return EX_DATAERR;
}

int unreached_complain_other(const struct call *call, const char *path, const char *other) {
    struct text fact = {0}, node = {0};
    int result = EX_UNAVAILABLE;

    node_append(&node, call);
    if (call->is_rabbitmq && has_domain(text_chars(&node)) && !node_has_long_names(call)) {
        result = complain_long_name(call, text_chars(&node));
    } else {
        text_append_format(&fact, "the broker at %s is node '%s', not '%s'", path, other,
                           text_chars(&node));
        complain(call, text_chars(&fact),
                 "name that one, or another one's place by --data-dir DIR or --socket PATH");
    }
    text_clear(&node);
    text_clear(&fact);
    return result;
}
