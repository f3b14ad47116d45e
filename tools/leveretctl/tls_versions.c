/* SPDX-License-Identifier: Apache-2.0 */
/* What ssl_options.versions can name. */
#include <jansson.h>
#include <stdio.h>
#include <sysexits.h>

#include "broker/base/text.h"
#include "tools/leveretctl/banner.h"
#include "tools/leveretctl/call.h"
#include "tools/leveretctl/local.h"
#include "tools/leveretctl/node.h"

static const char *const versions[] = {"tlsv1.3", "tlsv1.2"};
#define VERSION_COUNT (sizeof versions / sizeof versions[0])

static void print_json(void) {
    json_t *names = json_array();

    for (size_t i = 0; i < VERSION_COUNT; i++)
        json_array_append_new(names, json_string(versions[i]));
    json_t *object = json_pack("{so}", "versions", names);
    json_dumpf(object, stdout, JSON_COMPACT);
    putchar('\n');
    json_decref(object);
}

int local_tls_versions(const struct call *call) {
    struct text node = {0};

    if (call->format == CALL_FORMAT_JSON || call->format == CALL_FORMAT_JSON_STREAM) {
        print_json();
        return EX_OK;
    }
    node_append(&node, call);
    banner_print(call, text_chars(&node));
    for (size_t i = 0; i < VERSION_COUNT; i++)
        puts(versions[i]);
    text_clear(&node);
    return EX_OK;
}
