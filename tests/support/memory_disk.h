/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A disk in memory behind struct io_ops that records every operation, fails on command, and can be
 * crashed at any recorded operation in any way a real disk may: what was not synced is there, is
 * not there, or is there in part.
 *
 * The live disk is what a process sees (the page cache). A `disk_crash` walks along the record and
 * knows what is durable and what is pending; it builds new disks from a choice of the pending
 * operations.
 */
#ifndef TESTS_SUPPORT_MEMORY_DISK_H
#define TESTS_SUPPORT_MEMORY_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "persistence/io.h"

struct memory_disk;

struct memory_disk *memory_disk_create(void);
void memory_disk_destroy(struct memory_disk *disk);
struct io *memory_disk_io(struct memory_disk *disk);

/* What is there now, all of it durable, is the beginning of the record. */
void memory_disk_start_recording(struct memory_disk *disk);
/* Operations recorded. */
size_t memory_disk_operations(const struct memory_disk *disk);

/* Handles that were opened and not closed. */
int64_t memory_disk_open_handles(const struct memory_disk *disk);

/* Calls that can fail (all but close and free_space) since the disk was made. */
uint64_t memory_disk_calls(const struct memory_disk *disk);
/*
 * Call number `call`, and with `sticky` each later one, returns `error` (negative) and has no
 * effect, but for two: a write leaves half of its octets, and what a failed sync should have made
 * durable stays visible and is never made durable by a later one.
 */
void memory_disk_fail(struct memory_disk *disk, uint64_t call, int error, bool sticky);
/* Call number `call`, if a write, writes only half of what it was asked to, and says so. */
void memory_disk_shorten(struct memory_disk *disk, uint64_t call, bool sticky);
/* The process is dead from that call on: nothing has any effect. */
void memory_disk_kill(struct memory_disk *disk, uint64_t call);
void memory_disk_heal(struct memory_disk *disk);
/* What the disk says it has free, or an error; without this more than anybody can want. */
void memory_disk_set_room(struct memory_disk *disk, int64_t octets);
/* From now on a file system that cannot allocate: -EOPNOTSUPP. */
void memory_disk_refuse_allocation(struct memory_disk *disk);
/* Whether the failure came to be. */
bool memory_disk_has_failed(const struct memory_disk *disk);

/* Files as they are now; for damaging them. NULL at the end. */
const char *memory_disk_file(struct memory_disk *disk, size_t at, uint8_t **ret_octets,
                             size_t *ret_len);
void memory_disk_truncate(struct memory_disk *disk, const char *name, size_t len);
struct memory_disk *memory_disk_copy(const struct memory_disk *disk);

struct disk_crash;

/* At the beginning of the record of `disk`, which must outlive it. */
struct disk_crash *disk_crash_begin(const struct memory_disk *disk);
void disk_crash_end(struct disk_crash *crash);
/* Past one more operation; false at the end of the record. */
bool disk_crash_advance(struct disk_crash *crash);
size_t disk_crash_position(const struct disk_crash *crash);

/* Operations that are not durable, oldest first. */
size_t disk_crash_pending(const struct disk_crash *crash);
/* Octets of a pending write, 0 for an operation on the directory. */
size_t disk_crash_pending_length(const struct disk_crash *crash, size_t at);

/*
 * The disk after a crash here in which of the pending operations those happened for which `chosen`
 * is true; of operation `torn` (SIZE_MAX for none) only the first `torn_octets`.
 */
struct memory_disk *disk_crash_build(const struct disk_crash *crash, const bool *chosen,
                                     size_t torn, size_t torn_octets);

#endif
