/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/management/definitions_passwords.h"

#include <stdlib.h>

#include "broker/base/alloc.h"
#include "broker/base/base64.h"
#include "broker/base/json.h"
#include "broker/base/text.h"
#include "broker/entities/broker.h"
#include "broker/management/new_password.h"

struct definitions_passwords {
    struct broker *broker;
    json_t *definitions;
    size_t index;                 /* of the user whose password is at work */
    struct new_password *current; /* NULL: there are no more */
    void (*on_made)(void *context);
    void *context;
};

static json_t *user_at(const struct definitions_passwords *passwords) {
    return json_array_get(json_object_get(passwords->definitions, "users"), passwords->index);
}

static void on_hashed(void *context);

/* The next clear text from `index` on goes to the worker. What is not a text, the import will refuse. */
static void begin_next(struct definitions_passwords *passwords) {
    const json_t *user;

    passwords->current = NULL;
    for (; (user = user_at(passwords)) != NULL; passwords->index++) {
        const json_t *cleartext = json_object_get(user, "password");
        if (!json_is_string(cleartext))
            continue;
        passwords->current = new_password_create(passwords->broker, slice_from_json(cleartext),
                                                 on_hashed, passwords);
        return;
    }
}

static void replace(json_t *user, const struct password *hash) {
    struct text encoded = {0};

    base64_append(&encoded, slice_of(hash->octets, hash->len));
    json_object_del(user, "password");
    json_object_set_new(user, "password_hash", json_string(text_chars(&encoded)));
    json_object_set_new(user, "hashing_algorithm",
                        json_string(password_algorithm_name(hash->algorithm)));
    text_clear(&encoded);
}

static void on_hashed(void *context) {
    struct definitions_passwords *passwords = context;

    replace(user_at(passwords), new_password_hash(passwords->current));
    new_password_destroy(passwords->current);
    begin_next(passwords);
    if (passwords->current == NULL && passwords->on_made != NULL)
        passwords->on_made(passwords->context);
}

struct definitions_passwords *definitions_passwords_hash(struct broker *broker, json_t *definitions,
                                                         void (*on_made)(void *context),
                                                         void *context) {
    const struct password wanted = {.algorithm = broker->settings.password_algorithm};

    if (broker->worker == NULL || !password_is_slow(&wanted))
        return NULL;
    struct definitions_passwords *passwords = xcalloc(1, sizeof *passwords);
    passwords->broker = broker;
    passwords->definitions = json_incref(definitions);
    passwords->on_made = on_made;
    passwords->context = context;
    begin_next(passwords);
    if (passwords->current != NULL)
        return passwords;
    definitions_passwords_destroy(passwords);
    return NULL;
}

void definitions_passwords_destroy(struct definitions_passwords *passwords) {
    if (passwords == NULL)
        return;
    new_password_destroy(passwords->current);
    json_decref(passwords->definitions);
    free(passwords);
}

bool definitions_passwords_are_made(const struct definitions_passwords *passwords) {
    return passwords->current == NULL;
}

const json_t *definitions_passwords_result(const struct definitions_passwords *passwords) {
    return passwords->definitions;
}
