/* SPDX-License-Identifier: Apache-2.0 */
/* Keys about entries with a name: default_users.NAME.tags and so on. Their offset is one of the entry. */
#include <stdio.h>
#include <string.h>

#include "broker/base/pattern.h"
#include "broker/config_key.h"

static struct vhost_default_user *find_user(struct config *config, struct slice name) {
    struct vhost_defaults *defaults = &config->vhost_defaults;
    for (size_t i = 0; i < defaults->user_count; i++) {
        if (slice_equal(slice_from_text(defaults->users[i].name), name))
            return &defaults->users[i];
    }
    if (defaults->user_count == VHOST_DEFAULTS_MAX)
        return NULL;
    struct vhost_default_user *user = &defaults->users[defaults->user_count++];
    *user = (struct vhost_default_user){.name = config_keep_text(config, name)};
    return user;
}

static struct vhost_default_limits *find_limits(struct config *config, struct slice name) {
    struct vhost_defaults *defaults = &config->vhost_defaults;
    for (size_t i = 0; i < defaults->limit_count; i++) {
        if (slice_equal(slice_from_text(defaults->limits[i].name), name))
            return &defaults->limits[i];
    }
    if (defaults->limit_count == VHOST_DEFAULTS_MAX)
        return NULL;
    struct vhost_default_limits *limits = &defaults->limits[defaults->limit_count++];
    *limits = (struct vhost_default_limits){
        .name = config_keep_text(config, name), .max_connections = -1, .max_queues = -1};
    return limits;
}

static struct vhost_default_policy *find_policy(struct config *config, struct slice name) {
    struct vhost_defaults *defaults = &config->vhost_defaults;
    for (size_t i = 0; i < defaults->policy_count; i++) {
        if (slice_equal(slice_from_text(defaults->policies[i].name), name))
            return &defaults->policies[i];
    }
    if (defaults->policy_count == VHOST_DEFAULTS_MAX)
        return NULL;
    struct vhost_default_policy *policy = &defaults->policies[defaults->policy_count++];
    *policy = (struct vhost_default_policy){.name = config_keep_text(config, name),
                                            .expires = -1,
                                            .message_ttl = -1,
                                            .max_length = -1,
                                            .max_length_bytes = -1,
                                            .delivery_limit = -1};
    return policy;
}

/* The entry that the key is about, made when new; NULL when there are too many. */
static void *find_entry(struct config *config, const struct config_match *match) {
    if (slice_has_prefix(match->name, SLICE("default_users.")))
        return find_user(config, match->word);
    if (slice_has_prefix(match->name, SLICE("default_limits.")))
        return find_limits(config, match->word);
    return find_policy(config, match->word);
}

static void *find_field(struct config *config, const struct config_match *match) {
    char *entry = find_entry(config, match);
    return entry == NULL ? NULL : entry + match->key->offset;
}

bool read_entry_text(struct config *config, const struct config_match *match, struct slice value,
                     struct text *error) {
    const char **field = find_field(config, match);
    if (field == NULL)
        return config_refuse(match, value, "too many of them", error);
    *field = config_keep_text(config, value);
    return true;
}

bool read_entry_pattern(struct config *config, const struct config_match *match, struct slice value,
                        struct text *error) {
    struct text problem = {0};
    struct pattern *pattern = pattern_compile(value, &problem);
    bool good = pattern != NULL ? read_entry_text(config, match, value, error)
                                : config_refuse(match, value, text_chars(&problem), error);
    pattern_destroy(pattern);
    text_clear(&problem);
    return good;
}

bool read_entry_secret(struct config *config, const struct config_match *match, struct slice value,
                       struct text *error) {
    struct secret *field = find_field(config, match);
    if (field == NULL)
        return config_refuse(match, value, "too many of them", error);
    *field = secret_from_text(config_keep_text(config, value));
    return true;
}

static bool set_number(struct config *config, const struct config_match *match, struct slice value,
                       uint64_t number, struct text *error) {
    int64_t *field = find_field(config, match);
    if (field == NULL)
        return config_refuse(match, value, "too many of them", error);
    *field = (int64_t)number;
    return true;
}

bool read_entry_number(struct config *config, const struct config_match *match, struct slice value,
                       struct text *error) {
    uint64_t number;
    return config_read_number(match, value, &number, error) &&
           set_number(config, match, value, number, error);
}

bool read_entry_size(struct config *config, const struct config_match *match, struct slice value,
                     struct text *error) {
    uint64_t size;
    return config_read_size(match, value, &size, error) &&
           set_number(config, match, value, size, error);
}

/* --- durations --- */

static const struct {
    const char *unit;
    uint64_t ms;
} durations[] = {
    {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {"d", 86400000}, {"w", 604800000},
};

/* Of the unit at the front of `text`, whose length is in *ret_len; 0 when there is none. */
static uint64_t take_unit(struct slice text, size_t *ret_len) {
    *ret_len = 0;
    while (*ret_len < text.len && (text.data[*ret_len] < '0' || text.data[*ret_len] > '9'))
        ++*ret_len;
    for (size_t i = 0; i < sizeof durations / sizeof durations[0]; i++) {
        if (slice_equal(slice_of(text.data, *ret_len), slice_from_text(durations[i].unit)))
            return durations[i].ms;
    }
    return 0;
}

static bool take_digits(struct slice *text, uint64_t *ret_number) {
    size_t len = 0;
    for (*ret_number = 0; len < text->len && text->data[len] >= '0' && text->data[len] <= '9';
         len++) {
        if (__builtin_mul_overflow(*ret_number, 10, ret_number) ||
            __builtin_add_overflow(*ret_number, (uint64_t)(text->data[len] - '0'), ret_number))
            return false;
    }
    *text = slice_of(text->data + len, text->len - len);
    return len > 0;
}

/* "1d12h"; false for anything else, a plain number too. */
static bool parse_duration(struct slice text, uint64_t *ret_ms) {
    uint64_t number;
    size_t len;
    *ret_ms = 0;
    do {
        if (!take_digits(&text, &number))
            return false;
        uint64_t unit = take_unit(text, &len);
        if (unit == 0 || __builtin_mul_overflow(number, unit, &number) ||
            __builtin_add_overflow(*ret_ms, number, ret_ms))
            return false;
        text = slice_of(text.data + len, text.len - len);
    } while (text.len > 0);
    return true;
}

bool read_entry_duration(struct config *config, const struct config_match *match,
                         struct slice value, struct text *error) {
    char number[24];
    uint64_t ms;
    if (parse_duration(value, &ms)) {
        snprintf(number, sizeof number, "%llu", (unsigned long long)ms);
        value = slice_from_text(number);
    }
    return read_entry_number(config, match, value, error);
}
