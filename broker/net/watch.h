/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A descriptor that somebody else reads: the loop only says when it can be read. For libraries that
 * bring their own epoll descriptor.
 */
#ifndef LEVERET_BROKER_NET_WATCH_H
#define LEVERET_BROKER_NET_WATCH_H

struct loop;
struct watch;

/* `on_readable` is called in the loop while `fd` has something to read. The descriptor stays the
 * caller's; close the watch before it. */
struct watch *watch_open(struct loop *loop, int fd, void (*on_readable)(void *context),
                         void *context);

/* NULL is allowed. */
void watch_close(struct watch *watch);

#endif
