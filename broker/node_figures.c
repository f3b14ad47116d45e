/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptors, processors, listeners. */
#include "broker/node_figures.h"

#include <dirent.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "broker/net/listener.h"
#include "broker/net/tls_context.h"

/* Of /proc/self/fd, without the descriptor that reads it. */
static void count_descriptors(struct node_figures *figures) {
    DIR *directory = opendir("/proc/self/fd");
    struct dirent *entry;
    char target[32];

    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        ssize_t len = readlinkat(dirfd(directory), entry->d_name, target, sizeof target);
        figures->descriptors_used++;
        figures->sockets_used += len > 7 && memcmp(target, "socket:", 7) == 0;
    }
    if (directory != NULL) {
        figures->descriptors_used--;
        closedir(directory);
    }
}

void node_figures_of_process(struct node_figures *figures) {
    struct rlimit limit = {0};

    count_descriptors(figures);
    getrlimit(RLIMIT_NOFILE, &limit);
    figures->descriptors_max = limit.rlim_cur;
    figures->processors = (unsigned)sysconf(_SC_NPROCESSORS_ONLN);
    figures->process_id = getpid();
}

/* "[::]:5672" is the address "::". */
static void copy_address(char *address, size_t size, const char *name) {
    const char *colon = strrchr(name, ':');
    size_t len = colon == NULL ? strlen(name) : (size_t)(colon - name);

    if (len >= 2 && name[0] == '[') {
        name++;
        len -= 2;
    }
    if (len >= size)
        len = size - 1;
    memcpy(address, name, len);
    address[len] = '\0';
}

void node_figures_add_listener(struct node_figures *figures, const char *protocol,
                               const struct listener *listener, const struct tls_context *tls) {
    if (listener == NULL || figures->listener_count == NODE_LISTENERS_MAX)
        return;
    struct node_listener *added = &figures->listeners[figures->listener_count++];
    added->protocol = protocol;
    added->port = listener_port(listener);
    copy_address(added->address, sizeof added->address, listener_name(listener));
    if (tls == NULL)
        return;
    added->certificate_expires_s = tls_context_expires_s(tls);
    if (figures->certificate_expires_s == 0 ||
        added->certificate_expires_s < figures->certificate_expires_s)
        figures->certificate_expires_s = added->certificate_expires_s;
}
