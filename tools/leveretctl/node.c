/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/leveretctl/node.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/leveretctl/call.h"

static const char *variable(const char *name) {
    const char *value = getenv(name);
    return value == NULL || value[0] == '\0' ? NULL : value;
}

/* A name without a host is of this one. */
static void append_with_host(struct text *text, const char *name) {
    char host[256] = "localhost";

    text_append_format(text, "%s", name);
    if (strchr(name, '@') != NULL)
        return;
    gethostname(host, sizeof host - 1);
    text_append_format(text, "@%.*s", (int)strcspn(host, "."), host);
}

void node_append(struct text *text, const struct call *call) {
    const char *given = call->node != NULL ? call->node : variable("RABBITMQ_NODENAME");
    append_with_host(text, given == NULL ? "rabbit" : given);
}

bool node_append_meant(struct text *text, const struct call *call) {
    const char *given = call->node;

    if (given == NULL && call->is_rabbitmq)
        given = variable("RABBITMQ_NODENAME");
    if (given != NULL)
        append_with_host(text, given);
    return given != NULL;
}

bool node_has_long_names(const struct call *call) {
    const char *given = variable("RABBITMQ_USE_LONGNAME");
    return call->longnames || (given != NULL && strcmp(given, "true") == 0);
}
