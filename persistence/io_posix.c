/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of one directory by POSIX calls relative to its descriptor, so that a directory renamed
 * under the process changes nothing, and no path is ever followed through a symbolic link.
 */
#include "persistence/io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "persistence/octets.h"

struct io_posix {
    struct io io;
    int directory;
};

static int directory_of(struct io *io) {
    return ((struct io_posix *)io)->directory;
}

static int zero_or_errno(int result) {
    return result < 0 ? -errno : 0;
}

static int open_file(struct io *io, const char *name, int flags) {
    int handle = openat(directory_of(io), name, flags | O_NOFOLLOW | O_CLOEXEC, 0600);

    return handle < 0 ? -errno : handle;
}

static int posix_open_new(struct io *io, const char *name) {
    return open_file(io, name, O_RDWR | O_CREAT | O_EXCL);
}

static int posix_open_read(struct io *io, const char *name) {
    return open_file(io, name, O_RDONLY);
}

static int posix_open_write(struct io *io, const char *name) {
    return open_file(io, name, O_RDWR);
}

static void posix_close(struct io *io, int handle) {
    (void)io;
    close(handle);
}

static ssize_t write_once(int handle, const struct iovec *iov, int count, uint64_t offset) {
    ssize_t written;

    do
        written = pwritev(handle, iov, count < IOV_MAX ? count : IOV_MAX, (off_t)offset);
    while (written < 0 && errno == EINTR);
    return written < 0 ? -errno : written;
}

static bool can_go_direct(const struct iovec *piece, uint64_t offset) {
    uint64_t all = (uintptr_t)piece->iov_base | piece->iov_len | offset;

    return piece->iov_len >= IO_DIRECT_MIN && all % IO_DIRECT_ALIGNMENT == 0;
}

/* The flag is the open file's, and a file is written through one handle by one thread. */
static ssize_t write_direct(int handle, const struct iovec *piece, uint64_t offset) {
    ssize_t written;

    if (fcntl(handle, F_SETFL, O_DIRECT) < 0)
        return -EINVAL;
    written = write_once(handle, piece, 1, offset);
    fcntl(handle, F_SETFL, 0);
    return written;
}

/* -EINVAL says that this file system or this disk wants it otherwise, before anything is written. */
static ssize_t posix_write(struct io *io, int handle, const struct iovec *iov, int count,
                           uint64_t offset) {
    ssize_t written = can_go_direct(iov, offset) ? write_direct(handle, iov, offset) : -EINVAL;

    (void)io;
    return written != -EINVAL ? written : write_once(handle, iov, count, offset);
}

static ssize_t posix_read(struct io *io, int handle, void *buffer, size_t len, uint64_t offset) {
    ssize_t got;

    (void)io;
    do
        got = pread(handle, buffer, len, (off_t)offset);
    while (got < 0 && errno == EINTR);
    return got < 0 ? -errno : got;
}

/* Not posix_fallocate(), which writes where the file system cannot. */
static int posix_allocate(struct io *io, int handle, uint64_t size) {
    int result;

    (void)io;
    do
        result = fallocate(handle, 0, 0, (off_t)size);
    while (result < 0 && errno == EINTR);
    return zero_or_errno(result);
}

static int posix_sync(struct io *io, int handle) {
    (void)io;
    return zero_or_errno(fdatasync(handle));
}

static int posix_sync_directory(struct io *io) {
    return zero_or_errno(fsync(directory_of(io)));
}

static int posix_rename(struct io *io, const char *from, const char *to) {
    return zero_or_errno(renameat(directory_of(io), from, directory_of(io), to));
}

static int posix_unlink(struct io *io, const char *name) {
    return zero_or_errno(unlinkat(directory_of(io), name, 0));
}

static int posix_list(struct io *io, void (*visit)(void *context, const char *name),
                      void *context) {
    int handle = openat(directory_of(io), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = handle < 0 ? NULL : fdopendir(handle);
    struct dirent *entry;
    int error;

    if (directory == NULL)
        return -errno;
    for (errno = 0; (entry = readdir(directory)) != NULL; errno = 0)
        visit(context, entry->d_name);
    error = -errno;
    closedir(directory);
    return error;
}

static int64_t posix_size(struct io *io, int handle) {
    struct stat status;

    (void)io;
    return fstat(handle, &status) < 0 ? -errno : (int64_t)status.st_size;
}

static int64_t posix_free_space(struct io *io) {
    struct statvfs status;

    if (fstatvfs(directory_of(io), &status) < 0)
        return -errno;
    return (int64_t)(status.f_bavail * status.f_frsize);
}

static const struct io_ops posix_ops = {
    .open_new = posix_open_new,
    .open_read = posix_open_read,
    .open_write = posix_open_write,
    .close = posix_close,
    .write = posix_write,
    .read = posix_read,
    .allocate = posix_allocate,
    .sync = posix_sync,
    .sync_directory = posix_sync_directory,
    .rename = posix_rename,
    .unlink = posix_unlink,
    .list = posix_list,
    .size = posix_size,
    .free_space = posix_free_space,
};

/* Ours alone to write, and of no other process. */
static int check_and_lock(int directory) {
    struct stat status;

    if (fstat(directory, &status) < 0)
        return -errno;
    if (status.st_uid != geteuid() || (status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
        return -EPERM;
    return zero_or_errno(flock(directory, LOCK_EX | LOCK_NB));
}

/* The entry of a directory that was just made must be durable before anything in it counts. */
static int sync_parent(int directory) {
    int parent = openat(directory, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int error;

    if (parent < 0)
        return -errno;
    error = zero_or_errno(fsync(parent));
    close(parent);
    return error;
}

static int open_directory(const char *directory, bool made, struct io **ret_io) {
    int handle = open(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct io_posix *posix;
    int error;

    if (handle < 0)
        return -errno;
    error = check_and_lock(handle);
    if (error == 0 && made)
        error = sync_parent(handle);
    if (error < 0) {
        close(handle);
        return error;
    }
    posix = journal_allocate(1, sizeof *posix);
    posix->io.ops = &posix_ops;
    posix->directory = handle;
    *ret_io = &posix->io;
    return 0;
}

int io_posix_open_existing(const char *directory, struct io **ret_io) {
    return open_directory(directory, false, ret_io);
}

int io_posix_open(const char *directory, struct io **ret_io) {
    bool made = mkdir(directory, 0700) == 0;

    if (!made && errno != EEXIST)
        return -errno;
    return open_directory(directory, made, ret_io);
}

void io_posix_close(struct io *io) {
    if (io == NULL)
        return;
    close(directory_of(io));
    free(io);
}
