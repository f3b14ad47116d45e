/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the machine itself can do, for the bounds of tools/bench.  Prints one line of JSON:
 *
 *   relay   a process copies octets from one connection to another, 256 KiB at a time; another one
 *           writes and reads them, with no more in between than leveret-perf would have in flight.
 *           No broker that reads and writes can be faster.
 *   sync    write and fdatasync of so many octets, one behind the other: into a file that grows, or
 *           with --recycled into one that was written before.  No journal can be faster.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/base/alloc.h"
#include "tools/clock.h"

#define CHUNK_SIZE      (256U << 10)
#define FLIGHT_OCTETS   (512U << 10)
#define FLIGHT_MESSAGES 4
#define RECYCLED_SIZE   (64U << 20)
#define SYNCS_MAX       (1U << 20)

static _Noreturn void fail(const char *what) {
    fprintf(stderr, "limits: %s: %s\n", what, strerror(errno));
    exit(71);
}

/* -- Relay ------------------------------------------------------------------------------------- */

static int listen_anywhere(struct sockaddr_in *ret_address) {
    socklen_t length = sizeof *ret_address;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    *ret_address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    if (bind(listener, (struct sockaddr *)ret_address, length) != 0 || listen(listener, 2) != 0 ||
        getsockname(listener, (struct sockaddr *)ret_address, &length) != 0)
        fail("listening");
    return listener;
}

static int connect_to(const struct sockaddr_in *address) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (connect(fd, (const struct sockaddr *)address, sizeof *address) != 0)
        fail("connecting");
    return fd;
}

/* The first connection is the source, the second one the sink. */
static void relay(int listener) {
    int source = accept(listener, NULL, NULL), sink = accept(listener, NULL, NULL);
    uint8_t *chunk = xmalloc(CHUNK_SIZE);
    ssize_t received;

    while ((received = recv(source, chunk, CHUNK_SIZE, 0)) > 0) {
        for (ssize_t at = 0; at < received;) {
            ssize_t sent = send(sink, chunk + at, (size_t)(received - at), MSG_NOSIGNAL);
            if (sent <= 0)
                return;
            at += sent;
        }
    }
}

/* Octets that came through. */
static uint64_t drive(int source, int sink, size_t flight, double seconds) {
    uint8_t *out = xcalloc(1, CHUNK_SIZE), *in = xmalloc(CHUNK_SIZE);
    uint64_t sent = 0, received = 0;
    double end = now() + seconds;

    while (now() < end) {
        size_t room = flight - (size_t)(sent - received);
        struct pollfd polled[2] = {{sink, POLLIN, 0}, {room > 0 ? source : -1, POLLOUT, 0}};
        ssize_t moved;
        poll(polled, 2, 1000);
        if (polled[0].revents != 0 && (moved = recv(sink, in, CHUNK_SIZE, MSG_DONTWAIT)) > 0)
            received += (uint64_t)moved;
        room = flight - (size_t)(sent - received);
        moved = room == 0 ? 0
                          : send(source, out, room < CHUNK_SIZE ? room : CHUNK_SIZE,
                                 MSG_DONTWAIT | MSG_NOSIGNAL);
        sent += moved > 0 ? (uint64_t)moved : 0;
    }
    free(out);
    free(in);
    return received;
}

static void measure_relay(size_t message, double seconds) {
    size_t flight =
        message * FLIGHT_MESSAGES > FLIGHT_OCTETS ? message * FLIGHT_MESSAGES : FLIGHT_OCTETS;
    struct sockaddr_in address;
    struct rusage usage;
    int listener = listen_anywhere(&address), source, sink;
    pid_t child = fork();
    double messages, cpu;

    if (child == 0) {
        relay(listener);
        _exit(0);
    }
    source = connect_to(&address);
    sink = connect_to(&address);
    messages = (double)drive(source, sink, flight, seconds) / (double)message;
    close(source);
    close(sink);
    wait4(child, NULL, 0, &usage);
    cpu = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 +
          (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
    printf("{\"received_rate\":%.1f,\"cpu_us_per_message\":%.4f}\n", messages / seconds,
           cpu / messages);
}

/* -- Sync -------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void write_before(int file) {
    uint8_t *chunk = xcalloc(1, CHUNK_SIZE);

    for (size_t at = 0; at < RECYCLED_SIZE; at += CHUNK_SIZE)
        if (pwrite(file, chunk, CHUNK_SIZE, (off_t)at) != CHUNK_SIZE)
            fail("writing");
    fsync(file);
    free(chunk);
}

static void measure_sync(const char *path, size_t len, bool recycled, double seconds) {
    int file = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    float *times = xmalloc(SYNCS_MAX * sizeof *times);
    uint8_t *octets = xcalloc(1, len);
    size_t count = 0, offset = 0;
    double begun, last, time;

    if (file < 0)
        fail(path);
    if (recycled)
        write_before(file);
    begun = last = now();
    do {
        if (recycled && offset + len > RECYCLED_SIZE)
            offset = 0;
        if (pwrite(file, octets, len, (off_t)offset) != (ssize_t)len || fdatasync(file) != 0)
            fail(path);
        offset += len;
        time = now();
        times[count++] = (float)(time - last);
        last = time;
    } while (time - begun < seconds && count < SYNCS_MAX);
    qsort(times, count, sizeof *times, compare);
    printf("{\"syncs_rate\":%.1f,\"median_us\":%.1f,\"p99_us\":%.1f}\n",
           (double)count / (time - begun), (double)times[count / 2] * 1e6,
           (double)times[count * 99 / 100] * 1e6);
    close(file);
    unlink(path);
}

static const char help[] =
    "usage: limits relay OCTETS SECONDS                  messages of so many octets on the wire\n"
    "       limits sync OCTETS SECONDS FILE [--recycled] so many octets per sync\n";

int main(int argc, char **argv) {
    size_t octets = argc > 2 ? strtoul(argv[2], NULL, 10) : 0;
    double seconds = argc > 3 ? strtod(argv[3], NULL) : 0;

    if (argc == 4 && strcmp(argv[1], "relay") == 0 && octets > 0) {
        measure_relay(octets, seconds);
        return 0;
    }
    if (argc >= 5 && strcmp(argv[1], "sync") == 0 && octets > 0) {
        measure_sync(argv[4], octets, argc > 5 && strcmp(argv[5], "--recycled") == 0, seconds);
        return 0;
    }
    fputs(help, argc > 1 && strcmp(argv[1], "--help") == 0 ? stdout : stderr);
    return argc > 1 && strcmp(argv[1], "--help") == 0 ? 0 : 64;
}
