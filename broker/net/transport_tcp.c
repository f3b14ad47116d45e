/* SPDX-License-Identifier: Apache-2.0 */
/* read, writev and shutdown, with the errors that mean "later" told apart. */
#include "broker/net/transport_tcp.h"

#include <errno.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* An interrupted call is tried again by the next iteration: the socket is still ready. */
static long result_of(long result) {
    if (result >= 0)
        return result;
    return errno == EWOULDBLOCK || errno == EINTR ? -EAGAIN : -errno;
}

long transport_tcp_read(int fd, uint8_t *buffer, size_t size) {
    return result_of(read(fd, buffer, size));
}

long transport_tcp_write(int fd, const struct iovec *iov, int count) {
    return result_of(writev(fd, iov, count));
}

void transport_tcp_shut_down(int fd) {
    shutdown(fd, SHUT_WR);
}

static size_t ask(int fd, unsigned long what) {
    int octets = 0;
    return ioctl(fd, what, &octets) == 0 && octets > 0 ? (size_t)octets : 0;
}

size_t transport_tcp_unacknowledged(int fd) {
    return ask(fd, SIOCOUTQ);
}

size_t transport_tcp_unread(int fd) {
    return ask(fd, FIONREAD);
}
