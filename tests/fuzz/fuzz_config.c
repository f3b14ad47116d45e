/* SPDX-License-Identifier: Apache-2.0 */

/*
 * Files of the configuration. What is taken must be takeable again: a reload of the same settings
 * adopts them and finds no difference, and what is refused says why.
 */
#include <string.h>

#include "broker/config.h"
#include "broker/config_syntax.h"
#include "tests/fuzz/support.h"

/* `include` reads files of this machine, which are no part of the input. */
static bool reads_files(struct slice content) {
    return content.len > 0 && memmem(content.data, content.len, "include", 7) != NULL;
}

static void take_again(struct config *config) {
    struct config next, merged;
    struct text error = {0}, names = {0};
    config_init_again(&next, config);
    LIST_FOR_EACH(&config->settings, at) {
        const struct config_setting *setting = LIST_ITEM(at, struct config_setting, link);
        bool done = config_set(&next, setting->origin, slice_from_text(setting->name),
                               slice_from_text(setting->value), &error);
        assert(done);
    }
    config_list_unreloadable(config, &next, &names);
    assert(names.len == 0);
    bool done = config_finish(&next, &error) && config_merge(config, &next, &merged, &error);
    assert(done);
    config_replace(config, &merged);
    config_clear(&next);
    text_clear(&error);
    text_clear(&names);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct config config;
    struct text error = {0};
    struct slice content = slice_of(data, size);
    /* Texts end at a NUL, settings do not: what differs behind one would look the same. */
    if (reads_files(content) || memchr(data, '\0', size) != NULL)
        return 0;
    config_init(&config);
    bool is_good = config_read(&config, "fuzz.conf", content, &error);
    assert(is_good == (error.len == 0));
    if (is_good && config_finish(&config, &error))
        take_again(&config);
    config_clear(&config);
    text_clear(&error);
    return 0;
}
