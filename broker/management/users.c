/* SPDX-License-Identifier: Apache-2.0 */
/* GET, PUT and DELETE of users; who am I; passwords. */
#include "broker/management/users.h"

#include <string.h>

#include "broker/base/base64.h"
#include "broker/entities/broker.h"
#include "broker/entities/password.h"
#include "broker/entities/user.h"
#include "broker/management/api_list.h"
#include "broker/management/limits.h"
#include "broker/management/management_private.h"
#include "broker/management/new_password.h"
#include "broker/management/tag_list.h"
#include "broker/protocol/forced_close.h"

/* --- fields --- */

static void write_password_hash(struct json_out *out, const void *object,
                                struct management *management) {
    const struct user *user = object;
    struct text hash = {0};

    (void)management;
    base64_append(&hash, slice_of(user->password.octets, user->password.len));
    json_out_text(out, text_slice(&hash));
    text_clear(&hash);
}

static void write_algorithm(struct json_out *out, const void *object,
                            struct management *management) {
    (void)management;
    json_out_string(out,
                    password_algorithm_name(((const struct user *)object)->password.algorithm));
}

static void write_tags(struct json_out *out, const void *object, struct management *management) {
    (void)management;
    tag_list_write(out, ((const struct user *)object)->tags);
}

static void write_limits(struct json_out *out, const void *object, struct management *management) {
    (void)management;
    limits_write_user(out, object);
}

static const struct api_field fields[] = {
    API_MEMBER("name", API_TEXT, struct user, name),
    {"password_hash", .write = write_password_hash},
    {"hashing_algorithm", .write = write_algorithm},
    {"tags", .write = write_tags},
    {"limits", .write = write_limits},
    {.name = NULL},
};

static int compare(const void *a, const void *b) {
    return slice_compare(((const struct user *)a)->name, ((const struct user *)b)->name);
}

static bool is_gone(struct management *management, const void *object) {
    for (const struct user *user = management->broker->users; user != NULL;
         user = user->by_name.next)
        if (user == object)
            return false;
    return true;
}

static const struct api_resource user_resource = {
    .fields = fields, .compare = compare, .is_gone = is_gone};

/* --- lists --- */

static void list_chosen(struct api_request *request, bool (*is_chosen)(const struct user *user)) {
    struct api_items items = {0};

    for (const struct user *user = request->broker->users; user != NULL; user = user->by_name.next)
        if (is_chosen == NULL || is_chosen(user))
            api_items_add(&items, &user_resource, user);
    api_reply_list(request, &user_resource, &items);
}

static void list_all(struct api_request *request) {
    list_chosen(request, NULL);
}

static bool has_no_permissions(const struct user *user) {
    return list_is_empty(&user->permissions);
}

static void list_without_permissions(struct api_request *request) {
    list_chosen(request, has_no_permissions);
}

/* --- one user --- */

/* NULL when the request has been refused. */
static struct user *find(struct api_request *request) {
    struct user *user = user_find(request->broker, request->parts[0]);

    if (user == NULL)
        api_refuse_missing(request);
    return user;
}

static void show(struct api_request *request) {
    const struct user *user = find(request);

    if (user != NULL)
        api_reply_object(request, &user_resource, user);
}

/* What a body says of the password: a clear text or a hash, which without octets is none. */
struct wanted_password {
    struct slice cleartext; /* data NULL: a hash */
    struct password hash;
};

static bool decode_hash(struct slice encoded, enum password_algorithm algorithm,
                        struct password *hash) {
    uint8_t octets[BASE64_DECODED_MAX(2 * PASSWORD_OCTETS_MAX)];
    size_t len;

    return encoded.len <= 2 * PASSWORD_OCTETS_MAX && base64_decode(encoded, octets, &len) &&
           password_import(hash, algorithm, slice_of(octets, len));
}

static bool read_hash(struct api_request *request, struct slice encoded, struct password *hash) {
    enum password_algorithm algorithm = request->broker->settings.password_algorithm;
    struct slice name = {0};

    if (!api_body_text(request, "hashing_algorithm", false, &name))
        return false;
    if (name.len > 0 && !password_algorithm_find(name, &algorithm)) {
        api_refuse_bad(request, "unknown hashing_algorithm");
        return false;
    }
    if (decode_hash(encoded, algorithm, hash))
        return true;
    api_refuse_bad(request, "password_hash is not a hash of this algorithm");
    return false;
}

static bool read_password(struct api_request *request, struct wanted_password *wanted) {
    struct slice encoded = {0};

    if (!api_body_text(request, "password", false, &wanted->cleartext) ||
        !api_body_text(request, "password_hash", false, &encoded))
        return false;
    if (wanted->cleartext.data != NULL && encoded.data != NULL) {
        api_refuse_bad(request, "both_password_and_password_hash_are_provided");
        return false;
    }
    if (encoded.len == 0)
        return true;
    return read_hash(request, encoded, &wanted->hash);
}

static void end_new_password(void *made) {
    new_password_destroy(made);
}

/* False while that takes its time; the request comes back then. */
static bool make_hash(struct api_request *request, struct slice cleartext, struct password *hash) {
    struct http_response *response = request->response;

    if (response->kept == NULL) {
        response->kept = new_password_create(request->broker, cleartext, NULL, NULL);
        response->end_kept = end_new_password;
    }
    const struct password *made = new_password_hash(response->kept);
    if (made == NULL)
        response->again = true;
    else
        *hash = *made;
    return made != NULL;
}

static bool check_tags(struct api_request *request) {
    if (json_object_get(request->body, "tags") != NULL ||
        json_object_get(request->body, "administrator") != NULL)
        return true;
    api_refuse_bad(request, "tags_not_present");
    return false;
}

static void set_user(struct api_request *request, const struct password *hash, struct slice tags) {
    const bool is_new = user_find(request->broker, request->parts[0]) == NULL;
    struct user *user = user_add_hashed(request->broker, request->parts[0], hash);
    struct refusal refusal = {0};

    if (user_set_tags(user, tags, &refusal))
        api_reply_put(request, is_new);
    else
        api_refuse_as_amqp(request, &refusal);
}

static void put(struct api_request *request) {
    struct wanted_password wanted = {0};
    struct text buffer = {0};
    struct slice tags = SLICE("");

    if (request->parts[0].len > 255) {
        api_refuse_bad(request, "user name must be at most 255 octets long");
    } else if (check_tags(request) && read_password(request, &wanted) &&
               tag_list_read(request, "tags", &buffer, &tags) &&
               (wanted.cleartext.data == NULL ||
                make_hash(request, wanted.cleartext, &wanted.hash))) {
        set_user(request, &wanted.hash, tags);
    }
    text_clear(&buffer);
}

static void delete_one(struct api_request *request) {
    struct user *user = find(request);

    if (user == NULL)
        return;
    forced_close_user(user);
    api_reply_deleted(request);
}

static void delete_many(struct api_request *request) {
    const json_t *names = json_object_get(request->body, "users");
    size_t index;
    json_t *name;

    if (!json_is_array(names)) {
        api_refuse_bad(request, "[{key_missing,users}]");
        return;
    }
    json_array_foreach(names, index, name) {
        struct user *user =
            json_is_string(name) ? user_find(request->broker, slice_from_json(name)) : NULL;
        if (user != NULL)
            forced_close_user(user);
    }
    api_reply_deleted(request);
}

/* --- who am I, and hashes --- */

static void who_am_i(struct api_request *request) {
    struct json_out out = api_json(request);

    json_out_begin_object(&out);
    json_out_put_text(&out, "name", request->user->name);
    json_out_key(&out, "tags");
    tag_list_write(&out, request->user->tags);
    json_out_put_bool(&out, "is_internal_user", true);
    json_out_end_object(&out);
}

static void hash_password(struct api_request *request) {
    struct password password;
    struct text hash = {0};

    if (!make_hash(request, request->parts[0], &password))
        return;
    struct json_out out = api_json(request);
    base64_append(&hash, slice_of(password.octets, password.len));
    json_out_begin_object(&out);
    json_out_put_text(&out, "ok", text_slice(&hash));
    json_out_end_object(&out);
    text_clear(&hash);
}

const struct api_route user_routes[] = {
    {"GET", "whoami", API_MANAGEMENT, API_NO_BODY, who_am_i},
    {"GET", "auth/hash_password/{password}", API_MANAGEMENT, API_NO_BODY, hash_password},
    {"GET", "users", API_ADMINISTRATOR, API_NO_BODY, list_all},
    {"GET", "users/without-permissions", API_ADMINISTRATOR, API_NO_BODY, list_without_permissions},
    {"POST", "users/bulk-delete", API_ADMINISTRATOR, API_JSON, delete_many},
    {"GET", "users/{user}", API_ADMINISTRATOR, API_NO_BODY, show},
    {"PUT", "users/{user}", API_ADMINISTRATOR, API_JSON, put},
    {"DELETE", "users/{user}", API_ADMINISTRATOR, API_NO_BODY, delete_one},
    {.pattern = NULL},
};
