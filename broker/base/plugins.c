/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/base/plugins.h"

#include <stddef.h>
#include <string.h>

const char *const builtin_plugins[] = {
    "rabbitmq_consistent_hash_exchange",
    "rabbitmq_delayed_message_exchange",
    "rabbitmq_management",
    "rabbitmq_management_agent",
    "rabbitmq_prometheus",
    "rabbitmq_random_exchange",
    "rabbitmq_recent_history_exchange",
    "rabbitmq_web_dispatch",
    NULL,
};

bool plugin_is_builtin(const char *name) {
    for (size_t i = 0; builtin_plugins[i] != NULL; i++) {
        if (strcmp(builtin_plugins[i], name) == 0)
            return true;
    }
    return false;
}
