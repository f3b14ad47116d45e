/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transient messages that had to leave memory: files of the data directory that are written, never
 * synced, and mean nothing to the next life, which deletes them (FORMAT.md, "Overflow files").
 *
 * A message is put into a buffer at once; a worker writes the buffer when it is full enough or
 * the tick ends. Until it is written a message is read from the buffer. A buffer that cannot be
 * written (full disk) simply stays: nothing is lost, and nothing more is taken until it is written.
 * A file goes when nothing in it is wanted any more.
 */
#ifndef LEVERET_PERSISTENCE_OVERFLOW_H
#define LEVERET_PERSISTENCE_OVERFLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "persistence/io.h"
#include "persistence/journal.h"
#include "persistence/disk_worker.h"

struct overflow;

enum { OVERFLOW_NAME_SIZE = 32, OVERFLOW_SEED = 0x6f766c6f };

void overflow_name(char ret[OVERFLOW_NAME_SIZE], uint64_t number);

/* Deletes what an earlier life left. `worker` and `io` outlive it. 0 or a negative errno. */
int overflow_create(struct io *io, struct disk_worker *worker, uint64_t file_size,
                    struct overflow **ret);
/* The worker has nothing to do any more. The files are deleted. NULL is allowed. */
void overflow_destroy(struct overflow *overflow);

/*
 * Takes a copy of the message: its number (above 0) with one reference, and a serial that no other
 * message has; 0 while the disk takes nothing.
 */
uint32_t overflow_put(struct overflow *overflow, const struct journal_content *content,
                      uint32_t *ret_serial);
/* One more reference, when the message of that number is still the one of that serial. */
bool overflow_share(struct overflow *overflow, uint32_t number, uint32_t serial);
void overflow_drop(struct overflow *overflow, uint32_t number);

/* Where its record is: in memory (`ret_octets`) or in a file (NULL). */
void overflow_locate(const struct overflow *overflow, uint32_t number, uint64_t *ret_file,
                     uint64_t *ret_offset, uint32_t *ret_length, const uint8_t **ret_octets);

/* The end of a tick: what is in the buffer is written, however little. */
void overflow_flush(struct overflow *overflow);
/* Room may have come back: tries the buffer that could not be written. */
void overflow_retry(struct overflow *overflow);

/* Octets of memory held, and of the files. */
uint64_t overflow_memory(const struct overflow *overflow);
uint64_t overflow_bytes(const struct overflow *overflow);

#endif
