/* SPDX-License-Identifier: Apache-2.0 */
/* Lists the micro-benchmarks, or runs one of them so many times. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/micro/micro.h"

static const struct micro *const groups[] = {micro_codec, micro_entities, micro_journal,
                                             micro_path};
#define GROUP_COUNT (sizeof groups / sizeof groups[0])

static const struct micro *find(const char *name) {
    for (size_t i = 0; i < GROUP_COUNT; i++) {
        for (const struct micro *micro = groups[i]; micro->name != NULL; micro++) {
            if (strcmp(micro->name, name) == 0)
                return micro;
        }
    }
    return NULL;
}

static void list(FILE *out) {
    for (size_t i = 0; i < GROUP_COUNT; i++) {
        for (const struct micro *micro = groups[i]; micro->name != NULL; micro++)
            fprintf(out, "%-20s %s\n", micro->name, micro->what);
    }
}

int main(int argc, char **argv) {
    const struct micro *micro = argc == 3 ? find(argv[1]) : NULL;

    if (micro == NULL) {
        fputs("usage: micro-bench NAME COUNT    does it so many times; names and operations:\n",
              stderr);
        list(stdout);
        return argc == 1 ? 0 : 64;
    }
    micro->run(strtoul(argv[2], NULL, 10));
    return 0;
}
