/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC32C (Castagnoli), the checksum of everything on disk: the processor's instruction where there
 * is one (SSE4.2, ARMv8), a table elsewhere. Both give the same value.
 */
#ifndef LEVERET_PERSISTENCE_CRC32C_H
#define LEVERET_PERSISTENCE_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/*
 * The checksum of `octets` continued from `crc`: 0 begins, and the checksum of a prefix goes on
 * behind it. A seed is the checksum of what nobody wrote down: see segment_seed().
 */
uint32_t crc32c(uint32_t crc, const void *octets, size_t len);

/* The same by table, for processors without the instruction and to test against. */
uint32_t crc32c_by_table(uint32_t crc, const void *octets, size_t len);

#endif
