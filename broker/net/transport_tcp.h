/* SPDX-License-Identifier: Apache-2.0 */
/* The byte mover of plain TCP: results are counts or negative errno, -EAGAIN when it would block.
 */
#ifndef LEVERET_BROKER_NET_TRANSPORT_TCP_H
#define LEVERET_BROKER_NET_TRANSPORT_TCP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

/* 0: the peer has closed its side. */
long transport_tcp_read(int fd, uint8_t *buffer, size_t size);
long transport_tcp_write(int fd, const struct iovec *iov, int count);

/* No more output; the peer sees the end of its input. */
void transport_tcp_shut_down(int fd);

/* Octets in the kernel: that the peer's kernel has not confirmed, and that wait to be read. */
size_t transport_tcp_unacknowledged(int fd);
size_t transport_tcp_unread(int fd);

#endif
