/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Definitions: what was imported and is exported can be imported again and changes nothing.
 */
#include <string.h>

#include "broker/base/env.h"
#include "broker/base/json.h"
#include "broker/entities/broker.h"
#include "broker/entities/definitions.h"
#include "tests/fuzz/support.h"

static void fill_random(void *context, void *buffer, size_t len) {
    (void)context;
    memset(buffer, 7, len);
}

static void export_into(const struct broker *broker, struct text *text) {
    struct json_out out = {.text = text};
    definitions_export(broker, &out);
}

static void import_again(struct broker *broker) {
    struct text first = {0}, second = {0}, error = {0};
    export_into(broker, &first);
    bool done = definitions_import_text(broker, text_slice(&first), &error);
    assert(done);
    export_into(broker, &second);
    assert(slice_equal(text_slice(&first), text_slice(&second)));
    text_clear(&first);
    text_clear(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct env env = {.hash_seed = 42, .wall_ms = 1700000000000, .fill_random = fill_random};
    struct broker_settings settings;
    struct text error = {0};
    broker_settings_init(&settings);
    struct broker *broker = broker_create(&env, &settings);
    broker_add_vhost(broker, SLICE("/"));
    bool is_good = definitions_import_text(broker, slice_of(data, size), &error);
    assert(is_good == (error.len == 0));
    import_again(broker);
    broker_destroy(broker);
    text_clear(&error);
    return 0;
}
