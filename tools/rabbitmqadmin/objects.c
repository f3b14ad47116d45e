/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/rabbitmqadmin/objects.h"

#include <stddef.h>

#define POLICY_FIELDS "pattern,definition,apply-to=all,priority=0"

static const struct object objects[] = {
    {"exchange", "exchanges", "/exchanges/{vhost}/{name}",
     "type,auto_delete=false,durable=true,internal=false,arguments={}", "PUT", "", "/exchanges",
     "name,type"},
    {"queue", "queues", "/queues/{vhost}/{name}", "auto_delete=false,durable=true,arguments={}",
     "PUT", "", "/queues", "name,messages"},
    {"binding", "bindings", "/bindings/{vhost}/e/{source}/{destination_char}/{destination}",
     "routing_key=,arguments={}", "POST", "/{properties_key}", "/bindings",
     "source,destination,routing_key"},
    {"vhost", "vhosts", "/vhosts/{name}", "tracing?,description?,tags?,default_queue_type?", "PUT",
     "", "/vhosts", "name,messages"},
    {"user", "users", "/users/{name}", "password?,password_hash?,hashing_algorithm?,tags=", "PUT",
     "", "/users", ""},
    {"permission", "permissions", "/permissions/{vhost}/{user}", "configure,write,read", "PUT", "",
     "/permissions", ""},
    {"parameter", "parameters", "/parameters/{component}/{vhost}/{name}", "value", "PUT", "",
     "/parameters", ""},
    {"policy", "policies", "/policies/{vhost}/{name}", POLICY_FIELDS, "PUT", "", "/policies", ""},
    {"operator_policy", "operator_policies", "/operator-policies/{vhost}/{name}", POLICY_FIELDS,
     "PUT", "", "/operator-policies", ""},
    {"vhost_limit", "vhost_limits", "/vhost-limits/{vhost}/{name}", "value", "PUT", "",
     "/vhost-limits", ""},
    {"user_limit", "user_limits", "/user-limits/{user}/{name}", "value", "PUT", "", "/user-limits",
     ""},
    {"connection", "connections", NULL, "", "", "", "/connections", "name,user,channels"},
    {"channel", "channels", NULL, "", "", "", "/channels", "name,user"},
    {"consumer", "consumers", NULL, "", "", "", "/consumers", ""},
    {"node", "nodes", NULL, "", "", "", "/nodes", "name,type,mem_used"},
    {"feature_flag", "feature_flags", NULL, "", "", "", "/feature-flags", "name,state"},
};

bool object_names_are_same(const char *a, const char *b) {
    for (; *a != '\0' && *b != '\0'; a++, b++) {
        if (*a != *b && !(*a == '-' && *b == '_'))
            return false;
    }
    return *a == *b;
}

const struct object *object_find(const char *name) {
    for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++) {
        if (object_names_are_same(name, objects[i].name) ||
            object_names_are_same(name, objects[i].plural))
            return &objects[i];
    }
    return NULL;
}

const struct object *object_at(size_t index) {
    return index < sizeof objects / sizeof objects[0] ? &objects[index] : NULL;
}
