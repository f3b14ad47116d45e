/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only way to files. io_posix.c is the real thing; tests/support/memory_disk.c is a disk in
 * memory that records every operation, forgets what was not synced, and fails on command.
 *
 * All functions return 0 or a byte count, or a negative errno. Paths are names inside the one data
 * directory the io was opened on; they never come from clients.
 */
#ifndef LEVERET_PERSISTENCE_IO_H
#define LEVERET_PERSISTENCE_IO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

struct io;

enum { IO_DIRECT_ALIGNMENT = 4096, IO_DIRECT_MIN = 128 * 1024 };

struct io_ops {
    /* Creates a file that must not exist (mode 0600); returns a handle >= 0. */
    int (*open_new)(struct io *io, const char *name);
    int (*open_read)(struct io *io, const char *name);
    int (*open_write)(struct io *io, const char *name);
    void (*close)(struct io *io, int handle);
    /*
     * May write less than asked; the caller loops. A first piece that is large and aligned, as are its
     * address and its place, goes to the disk without the page cache, where that can be done: what a
     * journal writes is seldom read again, and new pages for it cost more than the writing.
     */
    ssize_t (*write)(struct io *io, int handle, const struct iovec *iov, int count,
                     uint64_t offset);
    ssize_t (*read)(struct io *io, int handle, void *buffer, size_t len, uint64_t offset);
    /*
     * Gives a new file this size and all of its blocks, which read as zeros. -EOPNOTSUPP where the
     * file system has no such thing; what was asked for must be written then.
     */
    int (*allocate)(struct io *io, int handle, uint64_t size);
    int (*sync)(struct io *io, int handle); /* fdatasync: never called again after an error */
    int (*sync_directory)(struct io *io);
    int (*rename)(struct io *io, const char *from, const char *to);
    int (*unlink)(struct io *io, const char *name);
    /* Calls `visit` for every name in the directory, in any order. */
    int (*list)(struct io *io, void (*visit)(void *context, const char *name), void *context);
    int64_t (*size)(struct io *io, int handle);
    int64_t (*free_space)(struct io *io);
};

/* First member of every implementation. */
struct io {
    const struct io_ops *ops;
};

/* There is no room, or none for us: the one error that may pass. */
bool io_is_full(int error);

/* Writes all of it, however often it takes; uses up `iov`. 0 or a negative errno. */
int io_write_all(struct io *io, int handle, struct iovec *iov, int count, uint64_t offset);
int io_write_octets(struct io *io, int handle, const void *octets, size_t len, uint64_t offset);

/*
 * A whole file is made durable and then gets its name, durably as well. When that cannot be done it
 * loses the name again, so that no power cut brings it back between files that are known.
 */
int io_give_name(struct io *io, int handle, const char *temporary, const char *name);

/* Reads until `len` octets or the end of the file: how many, or a negative errno. */
ssize_t io_read_all(struct io *io, int handle, void *buffer, size_t len, uint64_t offset);

/*
 * Opens, or creates with mode 0700, the directory and locks it against a second process. Refuses a
 * symbolic link, a foreign owner and group or world write (-EPERM), a locked one (-EWOULDBLOCK).
 * `ret_io` is closed with io_posix_close().
 */
int io_posix_open(const char *directory, struct io **ret_io);
/* The same for a directory that must be there (-ENOENT). */
int io_posix_open_existing(const char *directory, struct io **ret_io);
void io_posix_close(struct io *io);

#endif
