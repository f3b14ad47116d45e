/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/global_parameter.h"

#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/base/text.h"
#include "broker/entities/broker.h"
#include "broker/entities/store.h"

#define CLUSTER_NAME "cluster_name"

static struct global_parameter *create(struct broker *broker, struct slice name) {
    struct global_parameter *parameter = xcalloc(1, sizeof *parameter + name.len);
    uint8_t *octets = (uint8_t *)(parameter + 1);

    memcpy(octets, name.data, name.len);
    parameter->name = slice_of(octets, name.len);
    MAP_ADD(broker->global_parameters, by_name, broker->env->hash_seed, parameter->name, parameter);
    return parameter;
}

static void destroy(struct broker *broker, struct global_parameter *parameter) {
    MAP_REMOVE(broker->global_parameters, by_name, parameter);
    free_slice(parameter->value);
    free(parameter);
}

struct global_parameter *global_parameter_find(const struct broker *broker, struct slice name) {
    struct global_parameter *parameter = NULL;

    if (name.len > 0)
        MAP_FIND(broker->global_parameters, by_name, broker->env->hash_seed, name, parameter);
    return parameter;
}

/* The value is a JSON string without escapes; anything else leaves the configured name. */
static void use_cluster_name(struct broker *broker, struct slice value) {
    if (value.len < 3 || value.data[0] != '"' || value.data[value.len - 1] != '"' ||
        memchr(value.data, '\\', value.len) != NULL)
        return;
    char *name = xmalloc(value.len - 1);
    memcpy(name, value.data + 1, value.len - 2);
    name[value.len - 2] = '\0';
    free(broker->cluster_name);
    broker->cluster_name = name;
    broker->settings.cluster_name = name;
}

bool global_parameter_set(struct broker *broker, struct slice name, struct slice value,
                          struct refusal *refusal) {
    struct global_parameter *parameter = global_parameter_find(broker, name);

    if (name.len == 0 || name.len > AMQP_SHORTSTR_MAX)
        return refuse(refusal, AMQP_PRECONDITION_FAILED, "a name has 1 to %d octets",
                      AMQP_SHORTSTR_MAX);
    if (value.len > GLOBAL_PARAMETER_VALUE_LEN_MAX)
        return refuse(refusal, AMQP_PRECONDITION_FAILED, "a value has at most %d octets",
                      GLOBAL_PARAMETER_VALUE_LEN_MAX);
    if (parameter == NULL && MAP_COUNT(broker->global_parameters, by_name) >= GLOBAL_PARAMETERS_MAX)
        return refuse(refusal, AMQP_PRECONDITION_FAILED, "there are %d global parameters already",
                      GLOBAL_PARAMETERS_MAX);
    if (parameter == NULL)
        parameter = create(broker, name);
    free_slice(parameter->value);
    parameter->value = xcopy_slice(value);
    if (slice_equal(name, SLICE(CLUSTER_NAME)))
        use_cluster_name(broker, parameter->value);
    store_put_global_parameter(broker, parameter);
    return true;
}

bool global_parameter_clear(struct broker *broker, struct slice name) {
    struct global_parameter *parameter = global_parameter_find(broker, name);

    if (parameter == NULL)
        return false;
    store_delete_global_parameter(broker, parameter);
    destroy(broker, parameter);
    return true;
}

/* Control octets, quotes and backslashes would have to be escaped, and nobody names a cluster so. */
static bool is_plain(struct slice name) {
    for (size_t i = 0; i < name.len; i++) {
        if (name.data[i] < 0x20 || name.data[i] == '"' || name.data[i] == '\\')
            return false;
    }
    return name.len > 0 && name.len <= AMQP_SHORTSTR_MAX;
}

bool broker_set_cluster_name(struct broker *broker, struct slice name, struct refusal *refusal) {
    struct text value = {0};

    if (!is_plain(name))
        return refuse(refusal, AMQP_PRECONDITION_FAILED,
                      "a cluster name has 1 to %d octets and neither quotes nor control characters",
                      AMQP_SHORTSTR_MAX);
    text_append_format(&value, "\"" SLICE_FMT "\"", SLICE_ARG(name));
    bool done = global_parameter_set(broker, SLICE(CLUSTER_NAME), text_slice(&value), refusal);
    text_clear(&value);
    return done;
}

void global_parameters_destroy(struct broker *broker) {
    struct global_parameter *parameter, *next;

    MAP_FOR_EACH(broker->global_parameters, by_name, parameter, next) {
        destroy(broker, parameter);
    }
    free(broker->cluster_name);
}
