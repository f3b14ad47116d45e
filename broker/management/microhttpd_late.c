/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table is the only state of a process here that no broker owns: like the dynamic linker's own, it
 * is written once and the same for all.
 */
#define MICROHTTPD_LATE_WITHOUT_NAMES
#include "broker/management/microhttpd_late.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *load(const char *name) {
    static void *library;

    if (library == NULL)
        library = dlopen(MICROHTTPD_SONAME, RTLD_NOW | RTLD_LOCAL);
    void *function = library == NULL ? NULL : dlsym(library, name);
    if (function == NULL) {
        fprintf(stderr, "leveret: HTTP needs %s: %s\n", MICROHTTPD_SONAME, dlerror());
        abort();
    }
    return function;
}

const struct microhttpd *microhttpd(void) {
    static struct microhttpd functions;
    static bool is_loaded;

    if (is_loaded)
        return &functions;
#define LOAD(name)                                           \
    do {                                                     \
        void *function = load(#name);                        \
        memcpy(&functions.name, &function, sizeof function); \
    } while (0);
    MICROHTTPD_FUNCTIONS(LOAD)
    is_loaded = true;
    return &functions;
}
