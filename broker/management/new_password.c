/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/management/new_password.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/secret.h"
#include "broker/base/worker.h"
#include "broker/entities/broker.h"

struct new_password {
    struct job job; /* first */
    void (*on_made)(void *context);
    void *context;
    struct password hash;
    bool is_made;
    atomic_bool is_abandoned; /* nobody waits: the thread need not work for it */
    size_t len;
    uint8_t cleartext[];
};

static void wipe_and_free(struct new_password *made) {
    secret_wipe(made->cleartext, made->len);
    free(made);
}

/* On the worker's thread. */
static void run(struct job *job) {
    struct new_password *made = (struct new_password *)(void *)job;

    if (!atomic_load(&made->is_abandoned))
        password_compute(&made->hash, slice_of(made->cleartext, made->len));
}

static void finish(struct job *job) {
    struct new_password *made = (struct new_password *)(void *)job;

    if (atomic_load(&made->is_abandoned)) {
        wipe_and_free(made);
        return;
    }
    made->is_made = true;
    if (made->on_made != NULL)
        made->on_made(made->context);
}

struct new_password *new_password_create(struct broker *broker, struct slice cleartext,
                                         void (*on_made)(void *context), void *context) {
    struct new_password *made = xcalloc(1, sizeof *made + cleartext.len);

    made->job = (struct job){.run = run, .finish = finish};
    made->on_made = on_made;
    made->context = context;
    made->len = cleartext.len;
    if (cleartext.len > 0)
        memcpy(made->cleartext, cleartext.data, cleartext.len);
    password_begin(&made->hash, broker->settings.password_algorithm, broker->env, cleartext);
    if (broker->worker != NULL && password_is_slow(&made->hash)) {
        worker_submit(broker->worker, &made->job);
        return made;
    }
    password_compute(&made->hash, cleartext);
    made->is_made = true;
    return made;
}

void new_password_destroy(struct new_password *made) {
    if (made == NULL)
        return;
    if (made->is_made)
        wipe_and_free(made);
    else
        atomic_store(&made->is_abandoned, true);
}

const struct password *new_password_hash(const struct new_password *made) {
    return made->is_made ? &made->hash : NULL;
}
