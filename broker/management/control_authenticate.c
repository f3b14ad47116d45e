/* SPDX-License-Identifier: Apache-2.0 */
/* authenticate_user: a slow hash is verified on the broker's worker while everybody else is served. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "broker/base/alloc.h"
#include "broker/base/secret.h"
#include "broker/base/worker.h"
#include "broker/entities/broker.h"
#include "broker/entities/user.h"
#include "broker/management/control_handlers.h"

struct verification {
    struct job job;            /* first */
    struct control_call *call; /* NULL once the client went away */
    struct password expected;
    bool is_right;
    atomic_bool is_abandoned; /* the thread need not work for it */
    size_t len;
    uint8_t cleartext[];
};

static void answer(struct control_call *call, bool is_right) {
    const char *name = control_argument(call, 0);

    if (is_right) {
        control_message(call, "Success");
        control_finish(call);
    } else {
        control_fail(call, EX_DATAERR,
                     "Error: failed to authenticate user \"%s\"\nuser '%s' - invalid credentials",
                     name, name);
    }
}

/* On the worker's thread. */
static void verify(struct job *job) {
    struct verification *verification = (struct verification *)(void *)job;

    if (!atomic_load(&verification->is_abandoned))
        verification->is_right = password_verify(
            &verification->expected, slice_of(verification->cleartext, verification->len));
}

/* The user may be deleted by now, or have another password. */
static bool is_still_right(const struct verification *verification,
                           const struct control_call *call) {
    struct user *user =
        user_find(call->control->broker, slice_from_text(control_argument(call, 0)));

    if (!verification->is_right || user == NULL ||
        user->password.len != verification->expected.len ||
        memcmp(user->password.octets, verification->expected.octets, user->password.len) != 0)
        return false;
    user_remember_password(user, slice_of(verification->cleartext, verification->len));
    return true;
}

static void finish(struct job *job) {
    struct verification *verification = (struct verification *)(void *)job;
    struct control_call *call = verification->call;

    if (call != NULL) {
        call->on_abandoned = NULL;
        answer(call, is_still_right(verification, call));
    }
    secret_wipe(verification->cleartext, verification->len);
    free(verification);
}

static void abandon(struct control_call *call) {
    struct verification *verification = call->state;

    verification->call = NULL;
    atomic_store(&verification->is_abandoned, true);
}

static void submit(struct control_call *call, struct slice name, struct slice cleartext) {
    struct verification *verification = xcalloc(1, sizeof *verification + cleartext.len);

    verification->job = (struct job){.run = verify, .finish = finish};
    verification->call = call;
    verification->expected = user_expected_password(call->control->broker, name);
    verification->len = cleartext.len;
    if (cleartext.len > 0)
        memcpy(verification->cleartext, cleartext.data, cleartext.len);
    call->state = verification;
    call->on_abandoned = abandon;
    worker_submit(call->control->broker->worker, &verification->job);
}

void control_authenticate_user(struct control_call *call) {
    struct broker *broker = call->control->broker;
    const struct slice name = slice_from_text(control_argument(call, 0));
    const struct slice cleartext = slice_from_text(control_argument(call, 1));
    struct user *user = NULL;

    if (broker->worker == NULL)
        answer(call, user_authenticate(broker, name, cleartext) != NULL);
    else if (user_try_password(broker, name, cleartext, &user) == LOGIN_SLOW)
        submit(call, name, cleartext);
    else
        answer(call, user != NULL);
}
