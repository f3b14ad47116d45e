/* SPDX-License-Identifier: Apache-2.0 */
/* Files that are part of the program: embed.cmake makes C of them. */
#ifndef LEVERET_BROKER_MANAGEMENT_EMBEDDED_FILE_H
#define LEVERET_BROKER_MANAGEMENT_EMBEDDED_FILE_H

#include <stddef.h>
#include <stdint.h>

struct embedded_file {
    const char *name; /* "index.html" */
    const uint8_t *octets;
    size_t len;
};

/* Ends with a row without a name. */
extern const struct embedded_file embedded_files[];

#endif
