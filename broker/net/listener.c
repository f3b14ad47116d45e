/* SPDX-License-Identifier: Apache-2.0 */
/* Binds, accepts, and waits out a lack of descriptors. */
#include "broker/net/listener.h"

#include <errno.h>
#include <limits.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "broker/base/alloc.h"
#include "broker/net/address.h"
#include "broker/net/listener_private.h"
#include "broker/net/loop_private.h"

#define ACCEPT_BUDGET   64
#define BACKLOG_DEFAULT 1024
#define PAUSE_MS        1000

struct listener {
    struct loop *loop;
    ev_io watcher;
    struct timer resume_timer; /* runs while paused */
    struct list paused_link;   /* in loop->paused_listeners */
    bool shortage_logged;      /* said once, until accepting worked again */
    int fd;
    int descriptor_end; /* the kernel gives the lowest that is free: from here on few are left */
    uint16_t port;
    struct transport_options transport;
    listener_taker *take; /* not NULL: gets the descriptors instead */
    void *take_context;
    char *path; /* of a Unix socket, NULL otherwise */
    char name[ADDRESS_TEXT_SIZE];
};

/* --- accepting --- */

static void listener_resume(struct listener *listener) {
    timer_stop(listener->loop->timers, &listener->resume_timer);
    list_remove(&listener->paused_link);
    ev_io_start(listener->loop->ev, &listener->watcher);
}

void listeners_resume_all(struct loop *loop) {
    LIST_FOR_EACH_SAFE(&loop->paused_listeners, at)
    listener_resume(LIST_ITEM(at, struct listener, paused_link));
}

static void on_resume_timer(struct timer *timer) {
    listener_resume(LIST_ITEM(timer, struct listener, resume_timer));
}

static void pause_accepting(struct listener *listener, int error) {
    struct loop *loop = listener->loop;

    if (!listener->shortage_logged)
        log_warning(&loop->env->log,
                    "cannot accept connections on %s: %s; waiting for one to close",
                    listener_name(listener), strerror(error));
    listener->shortage_logged = true;
    ev_io_stop(loop->ev, &listener->watcher);
    list_append(&loop->paused_listeners, &listener->paused_link);
    timer_start(loop->timers, &listener->resume_timer, loop->env->now_ms + PAUSE_MS,
                on_resume_timer);
}

static bool is_shortage(int error) {
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static void hand_over_raw(struct listener *listener, int fd) {
    char name[PEER_NAME_SIZE];
    struct transport_peer peer;

    if (transport_describe_peer(fd, name, &peer))
        listener->take(listener->take_context, fd, &peer);
    else
        close(fd);
}

static void hand_over(struct listener *listener, int fd) {
    if (listener->take != NULL)
        hand_over_raw(listener, fd);
    else
        transport_open(listener->loop, fd, &listener->transport);
}

static void on_acceptable(struct ev_loop *ev, ev_io *watcher, int events) {
    struct listener *listener = watcher->data;

    (void)ev;
    (void)events;
    for (int i = 0; i < ACCEPT_BUDGET; i++) {
        int fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= listener->descriptor_end) {
            close(fd);
            pause_accepting(listener, EMFILE);
            return;
        }
        if (fd >= 0) {
            hand_over(listener, fd);
            continue;
        }
        if (is_shortage(errno)) {
            pause_accepting(listener, errno);
            return;
        }
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            listener->shortage_logged = false;
            return;
        }
        /* Anything else is the fate of one peer that gave up (ECONNABORTED and the like). */
    }
}

/* --- binding --- */

/* Accepted sockets inherit all of these, which saves calls per connection. */
static void set_options(int fd, const struct listener_options *options) {
    int nodelay = !options->delays, keepalive = options->keepalive;
    int send_buffer = (int)options->send_buffer, receive_buffer = (int)options->receive_buffer;

    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &(int){1}, sizeof(int));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, sizeof nodelay);
    setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &keepalive, sizeof keepalive);
    if (send_buffer > 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &send_buffer, sizeof send_buffer);
    if (receive_buffer > 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
}

static int backlog_of(const struct listener_options *options) {
    return options->backlog == 0 ? BACKLOG_DEFAULT : options->backlog;
}

static int listen_on(const struct sockaddr *address, socklen_t len,
                     const struct listener_options *options) {
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    set_options(fd, options);
    if (address->sa_family == AF_INET6)
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &(int){0}, sizeof(int));
    if (bind(fd, address, len) == 0 && listen(fd, backlog_of(options)) == 0)
        return fd;
    int error = errno;
    close(fd);
    return -error;
}

static int listen_everywhere(const struct listener_options *options) {
    struct sockaddr_in6 ipv6 = {.sin6_family = AF_INET6, .sin6_port = htons(options->port)};
    struct sockaddr_in ipv4 = {.sin_family = AF_INET, .sin_port = htons(options->port)};

    int fd = listen_on((const struct sockaddr *)&ipv6, sizeof ipv6, options);
    if (fd != -EAFNOSUPPORT && fd != -EADDRNOTAVAIL)
        return fd;
    return listen_on((const struct sockaddr *)&ipv4, sizeof ipv4, options);
}

static int listen_at(const struct listener_options *options) {
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found;
    char service[8];

    snprintf(service, sizeof service, "%u", options->port);
    if (getaddrinfo(options->address, service, &hints, &found) != 0)
        return -EINVAL;
    int fd = listen_on(found->ai_addr, found->ai_addrlen, options);
    freeaddrinfo(found);
    return fd;
}

/* A socket that nobody listens on: its broker was killed. */
static bool is_left_over(const struct sockaddr_un *address) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    bool refused = fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 &&
                   errno == ECONNREFUSED;
    if (fd >= 0)
        close(fd);
    return refused;
}

/* On Linux the mode of the socket before bind() is that of the file it makes. */
static int listen_at_path(const char *path, int backlog) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    if (is_left_over(&address))
        unlink(path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (fchmod(fd, S_IRUSR | S_IWUSR) == 0 &&
        bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
        listen(fd, backlog) == 0)
        return fd;
    int error = errno;
    close(fd);
    return -error;
}

static int listen_as(const struct listener_options *options) {
    if (options->path != NULL)
        return listen_at_path(options->path, backlog_of(options));
    return options->address == NULL ? listen_everywhere(options) : listen_at(options);
}

static int descriptor_end(bool may_use_reserved) {
    struct rlimit limit;

    if (may_use_reserved || getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur > INT_MAX)
        return INT_MAX;
    int end = (int)limit.rlim_cur;
    return end - (end < 2 * LISTENER_RESERVED ? end / 2 : LISTENER_RESERVED);
}

static int open_listener(struct loop *loop, const struct listener_options *options,
                         struct listener **ret_listener) {
    int fd = listen_as(options);
    if (fd < 0)
        return fd;

    struct sockaddr_storage bound = {0};
    getsockname(fd, (struct sockaddr *)&bound, &(socklen_t){sizeof bound});
    struct listener *listener = xcalloc(1, sizeof *listener);
    listener->loop = loop;
    listener->fd = fd;
    listener->port = address_port(&bound);
    listener->descriptor_end = descriptor_end(options->may_use_reserved);
    address_text(&bound, listener->name);
    if (options->path != NULL)
        listener->path = strdup(options->path);
    ev_io_init(&listener->watcher, on_acceptable, fd, EV_READ);
    listener->watcher.data = listener;
    ev_io_start(loop->ev, &listener->watcher);
    *ret_listener = listener;
    return 0;
}

int listener_open(struct loop *loop, const struct listener_options *options,
                  transport_factory *create, void *context, struct listener **ret_listener) {
    int result = open_listener(loop, options, ret_listener);

    if (result == 0) {
        (*ret_listener)->transport = (struct transport_options){
            .create = create,
            .context = context,
            .tls = options->tls,
            .proxies = options->proxies,
            .opening_timeout_ms = options->opening_timeout_ms,
        };
    }
    return result;
}

int listener_open_raw(struct loop *loop, const struct listener_options *options,
                      listener_taker *take, void *context, struct listener **ret_listener) {
    int result = open_listener(loop, options, ret_listener);

    if (result == 0) {
        (*ret_listener)->take = take;
        (*ret_listener)->take_context = context;
    }
    return result;
}

void listener_end_raw(int fd) {
    shutdown(fd, SHUT_RDWR);
}

void listener_drop_raw(int fd) {
    close(fd);
}

void listener_set_opening_timeout(struct listener *listener, uint32_t timeout_ms) {
    listener->transport.opening_timeout_ms = timeout_ms;
}

void listener_close(struct listener *listener) {
    if (listener == NULL)
        return;
    timer_stop(listener->loop->timers, &listener->resume_timer);
    list_remove(&listener->paused_link);
    ev_io_stop(listener->loop->ev, &listener->watcher);
    close(listener->fd);
    if (listener->path != NULL)
        unlink(listener->path);
    free(listener->path);
    free(listener);
}

const char *listener_name(const struct listener *listener) {
    return listener->path != NULL ? listener->path : listener->name;
}

uint16_t listener_port(const struct listener *listener) {
    return listener->port;
}
