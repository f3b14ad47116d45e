/* SPDX-License-Identifier: Apache-2.0 */
/* The hash function of every table keyed by names that clients choose. */
#include "broker/base/map.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint32_t map_hash(uint64_t seed, struct slice key) {
    return (uint32_t)XXH3_64bits_withSeed(key.data, key.len, seed);
}
