/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/base/tls_peer.h"

#include <stddef.h>
#include <string.h>

#include "broker/base/alloc.h"

#define TEXT_COUNT (sizeof(struct tls_peer) / sizeof(const char *))

struct tls_peer *tls_peer_copy(const struct tls_peer *peer) {
    const char *texts[TEXT_COUNT];
    size_t lengths[TEXT_COUNT];
    size_t total = 0;

    memcpy(texts, peer, sizeof texts);
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        lengths[i] = texts[i] == NULL ? 0 : strlen(texts[i]) + 1;
        total += lengths[i];
    }
    struct tls_peer *copy = xmalloc(sizeof *copy + total);
    char *at = (char *)(copy + 1);
    for (size_t i = 0; i < TEXT_COUNT; i++) {
        if (texts[i] == NULL)
            continue;
        memcpy(at, texts[i], lengths[i]);
        texts[i] = at;
        at += lengths[i];
    }
    memcpy(copy, texts, sizeof texts);
    return copy;
}
