/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/management/control_json.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

json_t *control_json(struct control_call *call, size_t index) {
    json_t *value = json_loads(control_argument(call, index), JSON_DECODE_ANY, NULL);

    if (value == NULL)
        control_fail(call, EX_UNAVAILABLE, "JSON decoding error. Reason: badarg");
    return value;
}

json_t *control_json_object(struct control_call *call, size_t index) {
    json_t *value = control_json(call, index);

    if (value == NULL || json_is_object(value))
        return value;
    json_decref(value);
    control_fail(call, EX_DATAERR, "a JSON object is wanted: %s", control_argument(call, index));
    return NULL;
}

static const struct control_limit *find_limit(const struct control_limit *known, const char *name) {
    while (known->name != NULL && strcmp(known->name, name) != 0)
        known++;
    return known;
}

bool control_read_limits(struct control_call *call, const json_t *object,
                         const struct control_limit *known) {
    const char *name;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)object, name, value) {
        const struct control_limit *limit = find_limit(known, name);
        if (limit->name == NULL) {
            control_fail(call, EX_UNAVAILABLE, "Unrecognised terms [{<<\"%s\">>}] in limits", name);
            return false;
        }
        if (!json_is_integer(value)) {
            control_fail(call, EX_UNAVAILABLE, "%s should be an integer", name);
            return false;
        }
        *limit->value = json_integer_value(value);
    }
    return true;
}

void control_put_limit(json_t *object, const char *name, int64_t value) {
    if (value >= 0)
        json_object_set_new(object, name, json_integer(value));
}

void control_limits_instead(struct control_call *call, json_t *limits) {
    json_t *text = control_json_text(limits);

    control_instead(
        call,
        json_pack("{sssssO}", "result", "ok", "node", call->control->node_name, "value", text),
        json_pack("[o]", text));
}

json_t *control_json_text(json_t *value) {
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    json_t *string = json_string(text);

    free(text);
    json_decref(value);
    return string;
}

json_t *control_slice(struct slice text) {
    return control_string((const char *)text.data, text.len);
}
