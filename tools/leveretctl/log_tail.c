/* SPDX-License-Identifier: Apache-2.0 */
/* The end of the log file: the broker says where that is, and is left in peace then. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "broker/base/alloc.h"
#include "broker/base/text.h"
#include "tools/leveretctl/banner.h"
#include "tools/leveretctl/call.h"
#include "tools/leveretctl/client.h"
#include "tools/leveretctl/local.h"
#include "tools/leveretctl/node.h"

#define LINES_DEFAULT 50
#define LINES_MAX     1000000
#define BLOCK_SIZE    65536

/* Where the last `count` lines begin; a newline at the very end belongs to the last of them. */
static long find_start(FILE *file, unsigned long count) {
    char block[BLOCK_SIZE];
    long end = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : 0;
    unsigned long newlines = 0;

    for (long at = end; at > 0;) {
        const size_t len = at < BLOCK_SIZE ? (size_t)at : BLOCK_SIZE;
        at -= (long)len;
        if (fseek(file, at, SEEK_SET) != 0 || fread(block, 1, len, file) != len)
            return 0;
        for (size_t i = len; i > 0; i--) {
            if (block[i - 1] == '\n' && at + (long)i < end && ++newlines == count)
                return at + (long)i;
        }
    }
    return 0;
}

static int show_end(const struct call *call, const char *path, unsigned long count) {
    char block[BLOCK_SIZE];
    size_t len;
    FILE *file = fopen(path, "re");

    if (file == NULL) {
        struct text sentence = {0};
        text_append_format(&sentence, "%s: %s", path, strerror(errno));
        client_complain(call, text_chars(&sentence));
        text_clear(&sentence);
        return EX_NOINPUT;
    }
    if (fseek(file, find_start(file, count), SEEK_SET) == 0) {
        while ((len = fread(block, 1, sizeof block, file)) > 0)
            fwrite(block, 1, len, stdout);
    }
    fclose(file);
    return EX_OK;
}

static void say_banner(const struct call *call) {
    struct text node = {0};

    node_append(&node, call);
    banner_print(call, text_chars(&node));
    text_clear(&node);
}

/* EX_OK with the path in `rows`, or the exit code. */
static int ask_for_path(const struct call *call, json_t **rows) {
    struct call question = *call;

    question.command = COMMAND_log_location;
    question.option_count = question.argument_count = 0;
    return client_collect(&question, false, rows);
}

int local_log_tail(const struct call *call) {
    const char *given = call_option(call, "number");
    char *end = NULL;
    const unsigned long count = given == NULL ? LINES_DEFAULT : strtoul(given, &end, 10);
    json_t *rows = NULL;

    if (given != NULL && (end == given || *end != '\0' || count == 0 || count > LINES_MAX)) {
        client_complain(call, "--number wants a number of lines");
        return EX_USAGE;
    }
    int result = ask_for_path(call, &rows);
    const char *path = json_string_value(json_object_get(json_array_get(rows, 0), "value"));
    if (path != NULL && path[0] == '<') {
        client_complain(call,
                        "the log goes to the console, not to a file: log.file = NAME has one");
        result = EX_UNAVAILABLE;
    } else if (path != NULL) {
        say_banner(call);
        result = show_end(call, path, count);
    }
    json_decref(rows);
    return result;
}
