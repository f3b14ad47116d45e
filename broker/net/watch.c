/* SPDX-License-Identifier: Apache-2.0 */
/* One libev watcher on a descriptor that belongs to somebody else. */
#include "broker/net/watch.h"

#include <stdlib.h>

#include "broker/base/alloc.h"
#include "broker/net/loop_private.h"

struct watch {
    struct loop *loop;
    ev_io watcher;
    void (*on_readable)(void *context);
    void *context;
};

static void on_ready(struct ev_loop *ev, ev_io *watcher, int events) {
    struct watch *watch = watcher->data;

    (void)ev;
    (void)events;
    watch->on_readable(watch->context);
}

struct watch *watch_open(struct loop *loop, int fd, void (*on_readable)(void *context),
                         void *context) {
    struct watch *watch = xcalloc(1, sizeof *watch);

    watch->loop = loop;
    watch->on_readable = on_readable;
    watch->context = context;
    ev_io_init(&watch->watcher, on_ready, fd, EV_READ);
    watch->watcher.data = watch;
    ev_io_start(loop->ev, &watch->watcher);
    return watch;
}

void watch_close(struct watch *watch) {
    if (watch == NULL)
        return;
    ev_io_stop(watch->loop->ev, &watch->watcher);
    free(watch);
}
