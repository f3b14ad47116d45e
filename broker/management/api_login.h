/* SPDX-License-Identifier: Apache-2.0 */
/* Who asks (HTTP Basic or a session), and whether the access column of a row lets him (compat 4.2, 5.1). */
#ifndef LEVERET_BROKER_MANAGEMENT_API_LOGIN_H
#define LEVERET_BROKER_MANAGEMENT_API_LOGIN_H

#include <stdbool.h>

#include "broker/management/api.h"

/*
 * Sets request->user, and request->vhost when the path names one (its data is not NULL). False when the
 * request has been refused: 401, or 404 for a vhost that is not there - told only to whom may know.
 */
bool api_login(struct api_request *request, enum api_access access, struct slice vhost_name);

/* The two halves of that for those who come with name and password otherwise (sessions.h). */
bool api_login_as(struct api_request *request, struct slice name, struct slice password);
bool api_admit(struct api_request *request, enum api_access access);

/* Whether lists show what is in the vhost to this user. */
bool api_may_see_vhost(const struct user *user, const struct vhost *vhost);
/* Whether this list does: that of the path, or all that the user may see. */
bool api_lists_vhost(const struct api_request *request, const struct vhost *vhost);

#endif
