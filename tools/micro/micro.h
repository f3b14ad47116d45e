/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Micro-benchmarks: one operation of the broker, so many times.  `tools/bench counts` runs each
 * twice under callgrind with different counts; the difference is what the operation costs in
 * instructions, set-up and tear-down cancel out.  Nothing here reads a clock or a random number, so
 * the counts depend on the code alone.
 */
#ifndef LEVERET_TOOLS_MICRO_MICRO_H
#define LEVERET_TOOLS_MICRO_MICRO_H

#include <stddef.h>

struct micro {
    const char *name;
    const char *what; /* one operation */
    void (*run)(size_t count);
};

/* Each ends with a row without a name. */
extern const struct micro micro_codec[];
extern const struct micro micro_entities[];
extern const struct micro micro_journal[];
extern const struct micro micro_path[];

/* Keeps the compiler from leaving out what nobody looks at. */
static inline void micro_use(const void *pointer) {
    __asm__ volatile("" : : "r"(pointer) : "memory");
}

#endif
