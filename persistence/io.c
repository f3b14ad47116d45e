/* SPDX-License-Identifier: Apache-2.0 */
/* Whole writes and reads over the operations of an io, which may do less; whole files get names. */
#include "persistence/io.h"

#include <errno.h>

bool io_is_full(int error) {
    return error == -ENOSPC || error == -EDQUOT;
}

/* Takes `done` octets off the front of the list; returns how many entries are used up. */
static int advance(struct iovec *iov, int count, size_t done) {
    int used = 0;

    while (used < count && done >= iov[used].iov_len)
        done -= iov[used++].iov_len;
    if (used < count) {
        iov[used].iov_base = (char *)iov[used].iov_base + done;
        iov[used].iov_len -= done;
    }
    return used;
}

int io_write_all(struct io *io, int handle, struct iovec *iov, int count, uint64_t offset) {
    int first = advance(iov, count, 0);

    while (first < count) {
        ssize_t written = io->ops->write(io, handle, iov + first, count - first, offset);

        if (written < 0)
            return (int)written;
        if (written == 0)
            return -EIO; /* a write that does nothing would be asked for ever */
        offset += (uint64_t)written;
        first += advance(iov + first, count - first, (size_t)written);
    }
    return 0;
}

int io_write_octets(struct io *io, int handle, const void *octets, size_t len, uint64_t offset) {
    struct iovec iov = {(void *)(uintptr_t)octets, len};

    return io_write_all(io, handle, &iov, 1, offset);
}

ssize_t io_read_all(struct io *io, int handle, void *buffer, size_t len, uint64_t offset) {
    size_t done = 0;

    while (done < len) {
        ssize_t got = io->ops->read(io, handle, (char *)buffer + done, len - done, offset + done);

        if (got < 0)
            return got;
        if (got == 0)
            break;
        done += (size_t)got;
    }
    return (ssize_t)done;
}

int io_give_name(struct io *io, int handle, const char *temporary, const char *name) {
    int error = io->ops->sync(io, handle);

    if (error == 0)
        error = io->ops->rename(io, temporary, name);
    if (error < 0)
        return error;
    error = io->ops->sync_directory(io);
    if (error < 0)
        io->ops->unlink(io, name);
    return error;
}
