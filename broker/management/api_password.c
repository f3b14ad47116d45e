/* SPDX-License-Identifier: Apache-2.0 */
/* Slow hashes for requests. */
#include "broker/management/api_password.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/env.h"
#include "broker/base/worker.h"
#include "broker/entities/broker.h"
#include "broker/entities/password.h"
#include "broker/management/management_private.h"

struct attempt {
    struct job job;        /* first */
    struct list link;      /* in management->passwords */
    struct broker *broker; /* NULL: abandoned, to be freed when the job is back */
    struct password expected;
    bool is_right;
    bool is_finished;
    int64_t finished_ms;
    atomic_bool is_abandoned; /* the thread need not work for it */
    size_t name_len;
    size_t password_len;
    uint8_t octets[]; /* name, password */
};

static struct slice name_of(const struct attempt *attempt) {
    return slice_of(attempt->octets, attempt->name_len);
}

static struct slice password_of(const struct attempt *attempt) {
    return slice_of(attempt->octets + attempt->name_len, attempt->password_len);
}

static void destroy(struct attempt *attempt) {
    list_remove(&attempt->link);
    explicit_bzero(attempt->octets, attempt->name_len + attempt->password_len);
    free(attempt);
}

/* On the worker's thread. */
static void verify(struct job *job) {
    struct attempt *attempt = (struct attempt *)(void *)job;

    if (!atomic_load(&attempt->is_abandoned))
        attempt->is_right = password_verify(&attempt->expected, password_of(attempt));
}

/* Nothing when the password was changed meanwhile, or the user deleted. */
static void remember(const struct attempt *attempt) {
    struct user *user = user_find(attempt->broker, name_of(attempt));

    if (user != NULL && user->password.len == attempt->expected.len &&
        memcmp(user->password.octets, attempt->expected.octets, user->password.len) == 0)
        user_remember_password(user, password_of(attempt));
}

static void finish(struct job *job) {
    struct attempt *attempt = (struct attempt *)(void *)job;

    if (attempt->broker == NULL) {
        destroy(attempt);
        return;
    }
    attempt->is_finished = true;
    attempt->finished_ms = attempt->broker->env->now_ms;
    if (attempt->is_right)
        remember(attempt);
}

static void append(uint8_t *octets, struct slice text) {
    if (text.len > 0)
        memcpy(octets, text.data, text.len);
}

static void submit(struct management *management, struct slice name, struct slice password) {
    struct attempt *attempt = xcalloc(1, sizeof *attempt + name.len + password.len);

    attempt->job = (struct job){.run = verify, .finish = finish};
    attempt->broker = management->broker;
    attempt->expected = user_expected_password(management->broker, name);
    attempt->name_len = name.len;
    attempt->password_len = password.len;
    append(attempt->octets, name);
    append(attempt->octets + name.len, password);
    list_append(&management->passwords, &attempt->link);
    worker_submit(management->broker->worker, &attempt->job);
}

/* The attempt with this name and password, NULL when there is none. Those whose request went away go. */
static struct attempt *find(struct management *management, struct slice name, struct slice password,
                            size_t *ret_count) {
    const int64_t now_ms = management->broker->env->now_ms;
    struct attempt *found = NULL;

    *ret_count = 0;
    LIST_FOR_EACH_SAFE(&management->passwords, at) {
        struct attempt *attempt = LIST_ITEM(at, struct attempt, link);
        if (attempt->is_finished && now_ms - attempt->finished_ms > API_PASSWORD_KEPT_MS) {
            destroy(attempt);
            continue;
        }
        (*ret_count)++;
        if (slice_equal(name_of(attempt), name) && slice_equal(password_of(attempt), password))
            found = attempt;
    }
    return found;
}

/* What cannot be told at once. */
static enum login_answer ask_worker(struct management *management, struct slice name,
                                    struct slice password) {
    size_t count;
    struct attempt *attempt = find(management, name, password, &count);

    if (attempt == NULL) {
        if (count < API_PASSWORDS_MAX)
            submit(management, name, password);
        return LOGIN_SLOW;
    }
    if (!attempt->is_finished)
        return LOGIN_SLOW;
    /* A right one has been remembered; unless it was, the password is another one by now. */
    destroy(attempt);
    return LOGIN_WRONG;
}

/* Whoever has no worker verifies slow hashes on the spot. */
enum login_answer api_password_check(struct management *management, struct slice name,
                                     struct slice password, struct user **ret_user) {
    struct broker *broker = management->broker;

    *ret_user = NULL;
    if (broker->worker == NULL) {
        *ret_user = user_authenticate(broker, name, password);
        return *ret_user == NULL ? LOGIN_WRONG : LOGIN_RIGHT;
    }
    enum login_answer answer = user_try_password(broker, name, password, ret_user);
    return answer == LOGIN_SLOW ? ask_worker(management, name, password) : answer;
}

void api_passwords_abandon(struct management *management) {
    LIST_FOR_EACH_SAFE(&management->passwords, at) {
        struct attempt *attempt = LIST_ITEM(at, struct attempt, link);
        if (attempt->is_finished) {
            destroy(attempt);
            continue;
        }
        list_remove(&attempt->link);
        attempt->broker = NULL;
        atomic_store(&attempt->is_abandoned, true);
    }
}
