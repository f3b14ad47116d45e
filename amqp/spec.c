/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Names and hardness of the reply codes (compat/amqp.md 1.10).  Note 403, soft although 402 beside
 * it is hard, and 320, hard among the 3xx.
 */
#include "amqp/spec.h"

#include <stddef.h>

struct reply_code {
    uint16_t code;
    bool is_hard;
    const char *name;
};

/* clang-format off */
static const struct reply_code reply_codes[] = {
    {AMQP_REPLY_SUCCESS,       false, "REPLY_SUCCESS"},
    {AMQP_CONTENT_TOO_LARGE,   false, "CONTENT_TOO_LARGE"},
    {AMQP_NO_ROUTE,            false, "NO_ROUTE"},
    {AMQP_NO_CONSUMERS,        false, "NO_CONSUMERS"},
    {AMQP_CONNECTION_FORCED,   true,  "CONNECTION_FORCED"},
    {AMQP_INVALID_PATH,        true,  "INVALID_PATH"},
    {AMQP_ACCESS_REFUSED,      false, "ACCESS_REFUSED"},
    {AMQP_NOT_FOUND,           false, "NOT_FOUND"},
    {AMQP_RESOURCE_LOCKED,     false, "RESOURCE_LOCKED"},
    {AMQP_PRECONDITION_FAILED, false, "PRECONDITION_FAILED"},
    {AMQP_FRAME_ERROR,         true,  "FRAME_ERROR"},
    {AMQP_SYNTAX_ERROR,        true,  "SYNTAX_ERROR"},
    {AMQP_COMMAND_INVALID,     true,  "COMMAND_INVALID"},
    {AMQP_CHANNEL_ERROR,       true,  "CHANNEL_ERROR"},
    {AMQP_UNEXPECTED_FRAME,    true,  "UNEXPECTED_FRAME"},
    {AMQP_RESOURCE_ERROR,      true,  "RESOURCE_ERROR"},
    {AMQP_NOT_ALLOWED,         true,  "NOT_ALLOWED"},
    {AMQP_NOT_IMPLEMENTED,     true,  "NOT_IMPLEMENTED"},
    {AMQP_INTERNAL_ERROR,      true,  "INTERNAL_ERROR"},
};
/* clang-format on */

static const struct reply_code *find_reply_code(uint16_t code) {
    for (size_t i = 0; i < sizeof reply_codes / sizeof reply_codes[0]; i++) {
        if (reply_codes[i].code == code)
            return &reply_codes[i];
    }
    return NULL;
}

const char *amqp_reply_code_name(uint16_t code) {
    const struct reply_code *found = find_reply_code(code);
    return found == NULL ? "UNKNOWN" : found->name;
}

bool amqp_reply_code_is_hard(uint16_t code) {
    const struct reply_code *found = find_reply_code(code);
    return found == NULL || found->is_hard;
}
