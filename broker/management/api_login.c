/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP Basic and sessions, and the access column. */
#include "broker/management/api_login.h"

#include <string.h>
#include <strings.h>

#include "broker/base/base64.h"
#include "broker/base/secret.h"
#include "broker/entities/broker.h"
#include "broker/entities/permission.h"
#include "broker/entities/user.h"
#include "broker/entities/vhost.h"
#include "broker/management/api_password.h"
#include "broker/management/sessions.h"

#define CREDENTIALS_MAX 1024 /* characters of base64 */

static bool refuse_without_credentials(struct api_request *request) {
    request->response->status = 401;
    http_response_add_header(request->response, "www-authenticate",
                             "Basic realm=\"RabbitMQ Management\"");
    return false;
}

static bool refuse_credentials(struct api_request *request) {
    api_refuse(request, 401, "not_authorized", SLICE("Not_Authorized"));
    http_response_add_header(request->response, "www-authenticate",
                             "Basic realm=\"RabbitMQ Management\"");
    return false;
}

static bool refuse_access(struct api_request *request, const char *reason) {
    api_refuse_access(request, reason);
    return false;
}

bool api_login_as(struct api_request *request, struct slice name, struct slice password) {
    enum login_answer answer =
        api_password_check(request->management, name, password, &request->user);

    if (answer == LOGIN_SLOW)
        request->response->again = true;
    if (answer != LOGIN_RIGHT)
        return answer == LOGIN_WRONG && refuse_credentials(request);
    if (request->user->loopback_only && !request->http->is_loopback)
        return refuse_access(request, "User can only log in via localhost");
    return true;
}

static bool log_in_decoded(struct api_request *request, struct slice credentials) {
    const uint8_t *colon =
        credentials.len == 0 ? NULL : memchr(credentials.data, ':', credentials.len);

    if (colon == NULL)
        return refuse_credentials(request);
    size_t name_len = (size_t)(colon - credentials.data);
    return api_login_as(request, slice_of(credentials.data, name_len),
                        slice_of(colon + 1, credentials.len - name_len - 1));
}

static bool log_in_with(struct api_request *request, const char *encoded) {
    uint8_t decoded[BASE64_DECODED_MAX(CREDENTIALS_MAX)];
    size_t len;
    struct slice text = slice_from_text(encoded);

    if (text.len > CREDENTIALS_MAX || !base64_decode(text, decoded, &len))
        return refuse_credentials(request);
    bool is_in = log_in_decoded(request, slice_of(decoded, len));
    secret_wipe(decoded, len);
    return is_in;
}

/* What other sites can make a browser ask must not change anything. */
static bool may_change(const struct http_request *http) {
    return slice_equal(http->method, SLICE("GET")) || slice_equal(http->method, SLICE("HEAD")) ||
           http_request_header(http, "x-requested-with") != NULL;
}

static bool log_in(struct api_request *request) {
    const char *header = http_request_header(request->http, "authorization");

    if (header != NULL && strncasecmp(header, "Basic ", 6) == 0)
        return log_in_with(request, header + 6);
    request->user = session_user(request);
    if (request->user == NULL)
        return refuse_without_credentials(request);
    if (!may_change(request->http))
        return refuse_access(request, "A session needs the header x-requested-with for this");
    return true;
}

/* --- the access column --- */

static bool has_tag(const struct user *user, const char *tag) {
    return user_has_tag(user, slice_from_text(tag));
}

static bool may_log_in(const struct user *user) {
    return has_tag(user, "administrator") || has_tag(user, "monitoring") ||
           has_tag(user, "policymaker") || has_tag(user, "management");
}

/* NULL when the tags are enough. */
static const char *lacking_tag(const struct user *user, enum api_access access) {
    const bool is_administrator = has_tag(user, "administrator");

    if (!may_log_in(user))
        return "Not management user";
    if (access == API_ADMINISTRATOR && !is_administrator)
        return "Not administrator user";
    if (access == API_MONITORING && !is_administrator && !has_tag(user, "monitoring"))
        return "Not monitor user";
    if (access == API_POLICYMAKER && !is_administrator && !has_tag(user, "policymaker"))
        return "User not authorised to access object";
    return NULL;
}

bool api_may_see_vhost(const struct user *user, const struct vhost *vhost) {
    return has_tag(user, "administrator") || has_tag(user, "monitoring") ||
           permission_may_enter(user, vhost);
}

bool api_lists_vhost(const struct api_request *request, const struct vhost *vhost) {
    return request->vhost == NULL ? api_may_see_vhost(request->user, vhost)
                                  : vhost == request->vhost;
}

static bool enter_vhost(struct api_request *request, enum api_access access,
                        struct slice vhost_name) {
    request->vhost = broker_find_vhost(request->broker, vhost_name);
    if (request->vhost == NULL) {
        api_refuse_missing(request);
        return false;
    }
    if ((access == API_VHOST || access == API_POLICYMAKER) &&
        !permission_may_enter(request->user, request->vhost))
        return refuse_access(request, "User not authorised to access virtual host");
    return true;
}

bool api_admit(struct api_request *request, enum api_access access) {
    const char *reason = lacking_tag(request->user, access);

    return reason == NULL || refuse_access(request, reason);
}

bool api_login(struct api_request *request, enum api_access access, struct slice vhost_name) {
    if (access == API_ANYONE)
        return true;
    return log_in(request) && api_admit(request, access) &&
           (vhost_name.data == NULL || enter_vhost(request, access, vhost_name));
}
