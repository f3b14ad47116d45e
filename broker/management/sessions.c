/* SPDX-License-Identifier: Apache-2.0 */
/* Sessions are few, and looked for one by one. */
#include "broker/management/sessions.h"

#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/env.h"
#include "broker/entities/broker.h"
#include "broker/entities/limits.h"
#include "broker/entities/user.h"
#include "broker/management/api_login.h"
#include "broker/management/management_private.h"
#include "broker/management/percent.h"

#define ID_OCTETS  32
#define ID_CHARS   (2 * ID_OCTETS)
#define COOKIE     "m="
#define COOKIE_LEN 2

struct session {
    struct list link; /* in management->sessions */
    char id[ID_CHARS + 1];
    int64_t ends_ms;
    struct password password; /* as it was at login */
    size_t name_len;
    uint8_t name[];
};

/* --- keeping --- */

static void end(struct session *session) {
    list_remove(&session->link);
    explicit_bzero(session->id, sizeof session->id);
    free(session);
}

void sessions_end_all(struct management *management) {
    LIST_FOR_EACH_SAFE(&management->sessions, at)
    end(LIST_ITEM(at, struct session, link));
}

/* The user, if it is still the one that logged in. */
static struct user *user_of(const struct management *management, const struct session *session) {
    const struct broker *broker = management->broker;
    struct user *user = user_find(broker, slice_of(session->name, session->name_len));

    if (user == NULL || broker->env->now_ms >= session->ends_ms ||
        user->password.len != session->password.len ||
        memcmp(user->password.octets, session->password.octets, user->password.len) != 0)
        return NULL;
    return user;
}

/* Those that are over, and the oldest of a user who has too many. */
static void make_room(struct management *management, const struct user *user) {
    struct session *oldest = NULL;
    size_t count = 0;

    LIST_FOR_EACH_SAFE(&management->sessions, at) {
        struct session *session = LIST_ITEM(at, struct session, link);
        const struct user *other = user_of(management, session);
        if (other == NULL)
            end(session);
        if (other != user)
            continue;
        count++;
        if (oldest == NULL)
            oldest = session;
    }
    if (count < SESSIONS_MAX)
        return;
    limit_reached(management->broker, LIMIT_SESSIONS);
    end(oldest);
}

static void make_id(const struct env *env, char *id) {
    static const char digits[] = "0123456789abcdef";
    uint8_t octets[ID_OCTETS];

    env->fill_random(env->random_context, octets, sizeof octets);
    for (size_t i = 0; i < sizeof octets; i++) {
        id[2 * i] = digits[octets[i] >> 4];
        id[2 * i + 1] = digits[octets[i] & 15];
    }
    id[ID_CHARS] = '\0';
    explicit_bzero(octets, sizeof octets);
}

static struct session *begin(struct management *management, const struct user *user) {
    const struct env *env = management->broker->env;

    make_room(management, user);
    struct session *session = xcalloc(1, sizeof *session + user->name.len);
    make_id(env, session->id);
    session->ends_ms = env->now_ms + (int64_t)management->settings.session_minutes * 60000;
    session->password = user->password;
    session->name_len = user->name.len;
    if (user->name.len > 0)
        memcpy(session->name, user->name.data, user->name.len);
    list_append(&management->sessions, &session->link);
    return session;
}

/* --- finding --- */

/* Takes as long wherever they differ. */
static bool is_same_id(const char *id, const char *given) {
    unsigned difference = 0;

    for (size_t i = 0; i < ID_CHARS; i++)
        difference |= (unsigned char)id[i] ^ (unsigned char)given[i];
    return difference == 0;
}

/* The value of our cookie among all that came, NULL when it is not there or cannot be one. */
static const char *cookie_of(const struct http_request *http) {
    const char *at = http_request_header(http, "cookie");

    while (at != NULL && *at != '\0') {
        at += strspn(at, " ;");
        const size_t len = strcspn(at, ";");
        if (len == COOKIE_LEN + ID_CHARS && strncmp(at, COOKIE, COOKIE_LEN) == 0)
            return at + COOKIE_LEN;
        at += len;
    }
    return NULL;
}

static struct session *find(struct api_request *request) {
    const char *given = cookie_of(request->http);

    LIST_FOR_EACH(&request->management->sessions, at) {
        struct session *session = LIST_ITEM(at, struct session, link);
        if (given != NULL && is_same_id(session->id, given))
            return session;
    }
    return NULL;
}

struct user *session_user(struct api_request *request) {
    struct session *session = find(request);

    if (session == NULL)
        return NULL;
    struct user *user = user_of(request->management, session);
    if (user == NULL) {
        end(session);
        return NULL;
    }
    list_remove(&session->link);
    list_append(&request->management->sessions, &session->link);
    return user;
}

/* --- POST login: username and password as a form sends them --- */

/* The value of a key, decoded into what is left of `*buffer`; empty when it is not there. */
static struct slice form_value(struct slice form, const char *key, char **buffer) {
    const struct slice name = slice_from_text(key);

    while (form.len > 0) {
        const uint8_t *ampersand = memchr(form.data, '&', form.len);
        const size_t len = ampersand == NULL ? form.len : (size_t)(ampersand - form.data);
        const struct slice pair = slice_of(form.data, len);
        if (len > name.len && slice_has_prefix(pair, name) && pair.data[name.len] == '=') {
            const struct slice value = slice_of(pair.data + name.len + 1, pair.len - name.len - 1);
            char *decoded = *buffer;
            *buffer += percent_decode(value, PERCENT_PLUS_IS_SPACE, decoded);
            return slice_of(decoded, (size_t)(*buffer - decoded));
        }
        form =
            len == form.len ? slice_of(NULL, 0) : slice_of(form.data + len + 1, form.len - len - 1);
    }
    return slice_of(NULL, 0);
}

/* One that came over TLS is not to leave the browser without. */
static void set_cookie(struct api_request *request, const char *id, const char *more) {
    struct text cookie = {0};

    text_append_format(&cookie, COOKIE "%s; Path=%s/api; HttpOnly; SameSite=Strict%s%s", id,
                       request->management->settings.path_prefix,
                       request->http->is_tls ? "; Secure" : "", more);
    http_response_add_header(request->response, "set-cookie", text_chars(&cookie));
    text_clear(&cookie);
}

static void log_in(struct api_request *request) {
    const struct slice form = request->http->body;
    char *decoded = xmalloc(form.len + 1), *rest = decoded;
    const struct slice name = form_value(form, "username", &rest);
    const struct slice password = form_value(form, "password", &rest);

    if (api_login_as(request, name, password) && api_admit(request, API_MANAGEMENT)) {
        set_cookie(request, begin(request->management, request->user)->id, "");
        text_append(&request->response->body, SLICE("\"ok\""));
    }
    explicit_bzero(decoded, form.len + 1);
    free(decoded);
}

static void log_out(struct api_request *request) {
    struct session *session = find(request);

    if (session != NULL)
        end(session);
    set_cookie(request, "", "; Max-Age=0");
    request->response->status = 204;
}

/* There is nothing but names and passwords. */
static void show_methods(struct api_request *request) {
    struct json_out out = api_json(request);

    json_out_begin_object(&out);
    json_out_put_bool(&out, "enable_uaa", false);
    json_out_put_bool(&out, "oauth_enabled", false);
    json_out_put_string(&out, "uaa_client_id", "");
    json_out_put_string(&out, "uaa_location", "");
    json_out_end_object(&out);
}

const struct api_route session_routes[] = {
    {"POST", "login", API_ANYONE, API_FORM, log_in},
    {"DELETE", "login", API_MANAGEMENT, API_NO_BODY, log_out},
    {"GET", "auth", API_ANYONE, API_NO_BODY, show_methods},
    {.pattern = NULL},
};
