/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/leveretctl/node.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/leveretctl/call.h"

void node_append(struct text *text, const struct call *call) {
    const char *given = call->node != NULL ? call->node : getenv("RABBITMQ_NODENAME");
    char host[256] = "localhost";

    if (given == NULL || given[0] == '\0')
        given = "rabbit";
    text_append_format(text, "%s", given);
    if (strchr(given, '@') != NULL)
        return;
    gethostname(host, sizeof host - 1);
    text_append_format(text, "@%.*s", (int)strcspn(host, "."), host);
}
