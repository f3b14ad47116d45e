/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who logged in with POST /api/login and comes back with a cookie, as pages do. The cookie `m` is a number
 * nobody can guess, not the credentials, and no script can read it. A session ends after
 * management.login_session_timeout, when it is ended (DELETE /api/login), when its user goes or has another
 * password. Nothing is kept on disk.
 *
 * Browsers send cookies whatever site made them ask, so a session changes something only in a request that
 * has the header x-requested-with, which other sites cannot set; and the cookie is SameSite=Strict.
 */
#ifndef LEVERET_BROKER_MANAGEMENT_SESSIONS_H
#define LEVERET_BROKER_MANAGEMENT_SESSIONS_H

#include <stdbool.h>

#include "broker/management/api.h"

/* Of one user: the one used longest ago ends when there is one more. */
#define SESSIONS_MAX 16

/* The user of the session that the request's cookie names, NULL without one. */
struct user *session_user(struct api_request *request);

/* Of the whole broker, which is going away. */
void sessions_end_all(struct management *management);

/* POST and DELETE login. */
extern const struct api_route session_routes[];

#endif
