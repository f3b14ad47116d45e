/* SPDX-License-Identifier: Apache-2.0 */
/* HTTP Basic, and the access column. */
#include "broker/management/api_login.h"

#include <string.h>
#include <strings.h>

#include "broker/base/base64.h"
#include "broker/entities/broker.h"
#include "broker/entities/permission.h"
#include "broker/entities/user.h"
#include "broker/entities/vhost.h"
#include "broker/management/api_password.h"

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

static enum login_answer authenticate(struct management *management, const char *encoded,
                                      struct user **ret_user) {
    uint8_t decoded[BASE64_DECODED_MAX(CREDENTIALS_MAX)];
    size_t len;
    struct slice text = slice_from_text(encoded);

    if (text.len > CREDENTIALS_MAX || !base64_decode(text, decoded, &len))
        return LOGIN_WRONG;
    const uint8_t *colon = memchr(decoded, ':', len);
    if (colon == NULL)
        return LOGIN_WRONG;
    size_t name_len = (size_t)(colon - decoded);
    return api_password_check(management, slice_of(decoded, name_len),
                              slice_of(colon + 1, len - name_len - 1), ret_user);
}

static bool log_in(struct api_request *request) {
    const char *header = http_request_header(request->http, "authorization");

    if (header == NULL || strncasecmp(header, "Basic ", 6) != 0)
        return refuse_without_credentials(request);
    enum login_answer answer = authenticate(request->management, header + 6, &request->user);
    if (answer == LOGIN_SLOW)
        request->response->again = true;
    if (answer != LOGIN_RIGHT)
        return answer == LOGIN_WRONG && refuse_credentials(request);
    if (request->user->loopback_only && !request->http->is_loopback)
        return refuse_access(request, "User can only log in via localhost");
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

bool api_login(struct api_request *request, enum api_access access, struct slice vhost_name) {
    if (access == API_ANYONE)
        return true;
    if (!log_in(request))
        return false;
    const char *reason = lacking_tag(request->user, access);
    if (reason != NULL)
        return refuse_access(request, reason);
    return vhost_name.data == NULL || enter_vhost(request, access, vhost_name);
}
