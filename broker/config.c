/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of keys and what reads values into it. To add a key: a field in struct config or struct
 * broker_settings, and a row here; help, defaults and errors follow.
 */
#include "broker/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"

#define FILE_SIZE_MAX  (1024u * 1024u)
#define KEY_LENGTH_MAX 128u
#define PORT_DEFAULT   5672

struct config_key;
typedef bool config_reader(struct config *config, const struct config_key *key,
                           struct slice instance, struct slice value, struct text *error);

struct config_key {
    const char *name; /* a final * stands for any word: listeners.tcp.* */
    config_reader *read;
    size_t offset;    /* of the field in struct config */
    uint64_t minimum; /* of numbers */
    uint64_t maximum;
    const char *initially; /* the default as one would write it; NULL: nothing */
    const char *help;
};

/* --- values --- */

static const char *keep_text(struct config *config, struct slice text) {
    struct config_text *kept = xmalloc(sizeof *kept + text.len + 1);
    kept->link = (struct list){0};
    if (text.len > 0)
        memcpy(kept->chars, text.data, text.len);
    kept->chars[text.len] = '\0';
    list_append(&config->texts, &kept->link);
    return kept->chars;
}

static void *field_of(struct config *config, const struct config_key *key) {
    return (char *)config + key->offset;
}

/* The length of a key's name without a final *. */
static size_t prefix_length(const struct config_key *key) {
    return strcspn(key->name, "*");
}

static bool refuse(struct text *error, const struct config_key *key, struct slice instance,
                   struct slice value, const char *wanted) {
    text_append_format(error, "%.*s" SLICE_FMT " = " SLICE_FMT ": %s", (int)prefix_length(key),
                       key->name, SLICE_ARG(instance), SLICE_ARG(value), wanted);
    return false;
}

/* Decimal digits at the front of `value`; false when there are none or too many. */
static bool parse_digits(struct slice value, uint64_t *ret_number, size_t *ret_len) {
    uint64_t number = 0;
    size_t len = 0;
    for (; len < value.len && value.data[len] >= '0' && value.data[len] <= '9'; len++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, (uint64_t)(value.data[len] - '0'), &number))
            return false;
    }
    *ret_number = number;
    *ret_len = len;
    return len > 0;
}

static bool read_bounded(const struct config_key *key, struct slice value, uint64_t *ret_number,
                         struct text *error) {
    char wanted[96];
    size_t len;
    if (parse_digits(value, ret_number, &len) && len == value.len && *ret_number >= key->minimum &&
        *ret_number <= key->maximum)
        return true;
    snprintf(wanted, sizeof wanted, "expected a whole number from %llu to %llu",
             (unsigned long long)key->minimum, (unsigned long long)key->maximum);
    return refuse(error, key, SLICE(""), value, wanted);
}

static bool read_uint16(struct config *config, const struct config_key *key, struct slice instance,
                        struct slice value, struct text *error) {
    uint64_t number;
    (void)instance;
    if (!read_bounded(key, value, &number, error))
        return false;
    *(uint16_t *)field_of(config, key) = (uint16_t)number;
    return true;
}

static bool read_uint32(struct config *config, const struct config_key *key, struct slice instance,
                        struct slice value, struct text *error) {
    uint64_t number;
    (void)instance;
    if (!read_bounded(key, value, &number, error))
        return false;
    *(uint32_t *)field_of(config, key) = (uint32_t)number;
    return true;
}

/* A number, or `infinity` for no limit. */
static bool read_limit(struct config *config, const struct config_key *key, struct slice instance,
                       struct slice value, struct text *error) {
    if (!slice_equal(value, SLICE("infinity")))
        return read_uint32(config, key, instance, value, error);
    *(uint32_t *)field_of(config, key) = 0;
    return true;
}

/* RabbitMQ's units, in any case: kB, MB, GB, TB count in 1000s; k, Ki, KiB and so on in 1024s. */
static uint64_t unit_size(struct slice unit) {
    static const char letters[] = "kmgt";
    char name[4] = "";
    if (unit.len >= sizeof name)
        return 0;
    for (size_t i = 0; i < unit.len; i++)
        name[i] = (char)tolower(unit.data[i]);
    if (unit.len == 0 || strcmp(name, "b") == 0)
        return 1;
    const char *letter = strchr(letters, name[0]);
    const char *rest = name + 1;
    uint64_t base = strcmp(rest, "b") == 0 ? 1000 : 1024;
    if (letter == NULL || (base == 1024 && strcmp(rest, "") != 0 && strcmp(rest, "i") != 0 &&
                           strcmp(rest, "ib") != 0))
        return 0;
    uint64_t size = base;
    for (; letter > letters; letter--)
        size *= base;
    return size;
}

static bool read_size(struct config *config, const struct config_key *key, struct slice instance,
                      struct slice value, struct text *error) {
    uint64_t number;
    size_t len;
    if (parse_digits(value, &number, &len)) {
        uint64_t unit = unit_size(slice_of(value.data + len, value.len - len));
        if (unit > 0 && !__builtin_mul_overflow(number, unit, &number) && number >= key->minimum &&
            number <= key->maximum) {
            *(uint64_t *)field_of(config, key) = number;
            return true;
        }
    }
    char wanted[128];
    snprintf(wanted, sizeof wanted, "expected a size like 16MiB or 500MB, from %llu to %llu octets",
             (unsigned long long)key->minimum, (unsigned long long)key->maximum);
    return refuse(error, key, instance, value, wanted);
}

static bool read_fraction(struct config *config, const struct config_key *key,
                          struct slice instance, struct slice value, struct text *error) {
    char text[32];
    char *end = text;
    snprintf(text, sizeof text, SLICE_FMT, SLICE_ARG(value));
    double number = strtod(text, &end);
    if (end == text || *end != '\0' || !(number >= 0 && number <= 1))
        return refuse(error, key, instance, value, "expected a number from 0.0 to 1.0");
    *(double *)field_of(config, key) = number;
    return true;
}

static bool parse_boolean(struct slice value, bool *ret_boolean) {
    if (slice_equal(value, SLICE("true")) || slice_equal(value, SLICE("on")))
        *ret_boolean = true;
    else if (slice_equal(value, SLICE("false")) || slice_equal(value, SLICE("off")))
        *ret_boolean = false;
    else
        return false;
    return true;
}

static bool read_boolean(struct config *config, const struct config_key *key, struct slice instance,
                         struct slice value, struct text *error) {
    return parse_boolean(value, field_of(config, key)) ||
           refuse(error, key, instance, value, "expected true or false");
}

static bool read_text(struct config *config, const struct config_key *key, struct slice instance,
                      struct slice value, struct text *error) {
    (void)instance;
    (void)error;
    *(const char **)field_of(config, key) = keep_text(config, value);
    return true;
}

/* `none` switches off what the text names. */
static bool read_text_or_none(struct config *config, const struct config_key *key,
                              struct slice instance, struct slice value, struct text *error) {
    struct slice text = slice_equal(value, SLICE("none")) ? SLICE("") : value;
    return read_text(config, key, instance, text, error);
}

static bool read_log_level(struct config *config, const struct config_key *key,
                           struct slice instance, struct slice value, struct text *error) {
    return log_level_from_name(value, field_of(config, key)) ||
           refuse(error, key, instance, value,
                  "expected debug, info, notice, warning, error, critical or none");
}

/* --- listeners and loopback users: keys with a name in them --- */

/* The listener called `name`, made when new; NULL when there are too many. */
static struct config_listener *find_listener(struct config *config, struct slice name) {
    for (size_t i = 0; i < config->listener_count; i++) {
        if (slice_equal(slice_from_text(config->listeners[i].name), name))
            return &config->listeners[i];
    }
    if (config->listener_count == CONFIG_LISTENERS_MAX)
        return NULL;
    struct config_listener *listener = &config->listeners[config->listener_count++];
    *listener = (struct config_listener){.name = keep_text(config, name), .port = PORT_DEFAULT};
    return listener;
}

static bool parse_port(struct slice value, uint16_t *ret_port) {
    uint64_t port;
    size_t len;
    if (!parse_digits(value, &port, &len) || len != value.len || port > UINT16_MAX)
        return false;
    *ret_port = (uint16_t)port;
    return true;
}

/* `5672`, `127.0.0.1:5672`, `::1:5672` or `[::1]:5672`. */
static bool read_listener(struct config *config, const struct config_key *key,
                          struct slice instance, struct slice value, struct text *error) {
    size_t colon = value.len;
    uint16_t port;
    while (colon > 0 && value.data[colon - 1] != ':')
        colon--;
    struct slice address = slice_of(value.data, colon == 0 ? 0 : colon - 1);
    if (address.len >= 2 && address.data[0] == '[' && address.data[address.len - 1] == ']')
        address = slice_of(address.data + 1, address.len - 2);
    if (!parse_port(slice_of(value.data + colon, value.len - colon), &port) ||
        (colon > 0 && address.len == 0))
        return refuse(error, key, instance, value, "expected a port or address:port");
    struct config_listener *listener = find_listener(config, instance);
    if (listener == NULL)
        return refuse(error, key, instance, value, "too many listeners");
    listener->address = colon == 0 ? NULL : keep_text(config, address);
    listener->port = port;
    config->tcp_disabled = false;
    return true;
}

static bool read_no_listeners(struct config *config, const struct config_key *key,
                              struct slice instance, struct slice value, struct text *error) {
    if (!slice_equal(value, SLICE("none")))
        return refuse(error, key, instance, value,
                      "expected none, or a port for listeners.tcp.default");
    config->listener_count = 0;
    config->tcp_disabled = true;
    return true;
}

static void remove_loopback_user(struct config *config, struct slice name) {
    size_t kept = 0;
    for (size_t i = 0; i < config->loopback_user_count; i++) {
        if (!slice_equal(slice_from_text(config->loopback_users[i]), name))
            config->loopback_users[kept++] = config->loopback_users[i];
    }
    config->loopback_user_count = kept;
}

static bool read_loopback_user(struct config *config, const struct config_key *key,
                               struct slice instance, struct slice value, struct text *error) {
    bool only_loopback;
    if (!parse_boolean(value, &only_loopback))
        return refuse(error, key, instance, value, "expected true or false");
    remove_loopback_user(config, instance);
    if (!only_loopback)
        return true;
    if (config->loopback_user_count == CONFIG_LISTENERS_MAX)
        return refuse(error, key, instance, value, "too many users");
    config->loopback_users[config->loopback_user_count++] = keep_text(config, instance);
    return true;
}

static bool read_no_loopback_users(struct config *config, const struct config_key *key,
                                   struct slice instance, struct slice value, struct text *error) {
    if (!slice_equal(value, SLICE("none")))
        return refuse(error, key, instance, value,
                      "expected none, or true for loopback_users.NAME");
    config->loopback_user_count = 0;
    return true;
}

/* --- the table --- */

#define FIELD(member) offsetof(struct config, member)

/* clang-format off */
static const struct config_key keys[] = {
    {"listeners.tcp", read_no_listeners, 0, 0, 0, NULL,
     "none: no plain TCP listener"},
    {"listeners.tcp.*", read_listener, 0, 0, 0, NULL,
     "port or address:port to listen on; 5672 on every interface when nothing is set"},
    {"tcp_listen_options.backlog", read_uint16, FIELD(backlog), 1, 65535, "1024",
     "connections the kernel may keep waiting to be accepted"},
    {"handshake_timeout", read_uint32, FIELD(broker.handshake_timeout_ms), 1, 3600000, "10000",
     "ms from accept to connection.open-ok"},
    {"heartbeat", read_uint16, FIELD(broker.heartbeat_s), 0, 65535, "60",
     "seconds offered to clients; 0 switches heartbeats off"},
    {"frame_max", read_uint32, FIELD(broker.frame_max), 0, 1073741824, "131072",
     "octets of a frame offered to clients; 0: no limit"},
    {"initial_frame_max", read_uint32, FIELD(broker.initial_frame_max), 4096, 1073741824, "8192",
     "octets of a frame before the client has agreed to one"},
    {"leveret.frame_max_minimum", read_uint32, FIELD(broker.frame_max_minimum), 512, 1073741824,
     "4096", "smallest frame_max a client may ask for; RabbitMQ since 4.1: 8192"},
    {"channel_max", read_uint16, FIELD(broker.channel_max), 0, 65535, "2047",
     "channels of a connection; 0: no limit"},
    {"max_message_size", read_size, FIELD(broker.max_message_size), 1, 536870912, "16MiB",
     "octets of a message body"},
    {"consumer_max_per_channel", read_limit, FIELD(broker.consumer_max_per_channel), 1, UINT32_MAX,
     "infinity", "consumers of a channel"},
    {"leveret.transaction_copies_max", read_limit, FIELD(broker.transaction_copies_max), 1,
     UINT32_MAX, "4194304", "messages a transaction may put into queues, counted in each of them"},
    {"connection_max", read_limit, FIELD(broker.connection_max), 1, UINT32_MAX, "infinity",
     "open connections"},
    {"channel_max_per_node", read_limit, FIELD(broker.channel_max_per_node), 1, UINT32_MAX,
     "infinity", "open channels of all connections"},
    {"default_user", read_text, FIELD(default_user), 0, 0, "guest",
     "the user that exists from the start"},
    {"default_pass", read_text, FIELD(default_pass), 0, 0, "guest",
     "its password"},
    {"default_vhost", read_text, FIELD(broker.default_vhost), 0, 0, "/",
     "the virtual host that exists from the start"},
    {"loopback_users", read_no_loopback_users, 0, 0, 0, NULL,
     "none: every user may log in from everywhere"},
    {"loopback_users.*", read_loopback_user, 0, 0, 0, NULL,
     "true: this user may log in from this machine only (guest is such a user)"},
    {"anonymous_login_user", read_text_or_none, FIELD(broker.anonymous_user), 0, 0, "guest",
     "who ANONYMOUS clients are; none: they are refused"},
    {"anonymous_login_pass", read_text_or_none, FIELD(broker.anonymous_password), 0, 0, "guest",
     "the password of that user"},
    {"product.name", read_text, FIELD(broker.product), 0, 0, "RabbitMQ",
     "product in the server properties"},
    {"product.version", read_text, FIELD(broker.product_version), 0, 0, "4.3.5",
     "version in the server properties: the RabbitMQ that is imitated"},
    {"cluster_name", read_text, FIELD(broker.cluster_name), 0, 0, NULL,
     "cluster_name in the server properties; rabbit@HOSTNAME when not set"},
    {"log.console.level", read_log_level, FIELD(log_level), 0, 0, "info",
     "debug, info, notice, warning, error, critical or none"},
    {"deprecated_features.permit.global_qos", read_boolean, FIELD(broker.permit_global_qos), 0, 0,
     "true", "false: basic.qos global=true counts per consumer, as in RabbitMQ 4.3"},
    {"deprecated_features.permit.transient_nonexcl_queues", read_boolean,
     FIELD(broker.permit_transient_queues), 0, 0, "true",
     "false: queues neither durable nor exclusive are refused, as in RabbitMQ 4.3"},
    {"vm_memory_high_watermark.relative", read_fraction, FIELD(memory_watermark), 0, 0, "0.6",
     "publishers are blocked above this fraction of the memory there is"},
    {"vm_memory_high_watermark.absolute", read_size, FIELD(memory_watermark_absolute), 0,
     UINT64_MAX, NULL, "the same as a size"},
    {"disk_free_limit.absolute", read_size, FIELD(disk_free_limit), 0, UINT64_MAX, "50MB",
     "publishers are blocked while less than this is free on the disk"},
    {"leveret.journal_segment_size", read_size, FIELD(journal_segment_size), 1048576, UINT32_MAX,
     "64MiB", "octets of a file of the journal"},
};
/* clang-format on */

#define KEY_COUNT (sizeof keys / sizeof keys[0])

/* --- finding keys --- */

/* Whether `name` is this key; for keys that end in `*` the rest of `name` is the instance. */
static bool key_matches(const struct config_key *key, struct slice name,
                        struct slice *ret_instance) {
    struct slice pattern = slice_of(key->name, prefix_length(key));
    *ret_instance = SLICE("");
    if (key->name[pattern.len] != '*')
        return slice_equal(pattern, name);
    if (!slice_has_prefix(name, pattern) || name.len == pattern.len)
        return false;
    *ret_instance = slice_of(name.data + pattern.len, name.len - pattern.len);
    return true;
}

/* Levenshtein: insertions, removals and replacements that make `b` of `a`. */
static size_t edit_distance(struct slice a, struct slice b) {
    size_t row[KEY_LENGTH_MAX + 1];
    for (size_t i = 0; i <= b.len; i++)
        row[i] = i;
    for (size_t i = 0; i < a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b.len; j++) {
            size_t replaced = diagonal + (a.data[i] != b.data[j]);
            size_t either = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;
            diagonal = row[j + 1];
            row[j + 1] = replaced < either ? replaced : either;
        }
    }
    return row[b.len];
}

/* The last word of a dotted name. */
static struct slice last_word(struct slice name) {
    size_t from = name.len;
    while (from > 0 && name.data[from - 1] != '.')
        from--;
    return slice_of(name.data + from, name.len - from);
}

/* The key's name; a * becomes the last word of `name`. */
static void write_name_like(char *text, size_t size, const struct config_key *key,
                            struct slice name) {
    size_t prefix = prefix_length(key);
    struct slice word = key->name[prefix] == '*' ? last_word(name) : SLICE("");
    snprintf(text, size, "%.*s" SLICE_FMT, (int)prefix, key->name, SLICE_ARG(word));
}

static bool refuse_unknown(struct slice name, struct text *error) {
    char candidate[KEY_LENGTH_MAX + 1], nearest[KEY_LENGTH_MAX + 1] = "";
    size_t nearest_distance = SIZE_MAX;
    text_append_format(error, "unknown key '" SLICE_FMT "'", SLICE_ARG(name));
    if (name.len > KEY_LENGTH_MAX)
        return false;
    for (size_t i = 0; i < KEY_COUNT; i++) {
        write_name_like(candidate, sizeof candidate, &keys[i], name);
        size_t distance = edit_distance(name, slice_from_text(candidate));
        if (distance < nearest_distance) {
            nearest_distance = distance;
            memcpy(nearest, candidate, sizeof nearest);
        }
    }
    text_append_format(error, "; the nearest is '%s' (--help lists all)", nearest);
    return false;
}

bool config_set(struct config *config, struct slice key, struct slice value, struct text *error) {
    struct slice instance;
    for (size_t i = 0; i < KEY_COUNT; i++) {
        if (key_matches(&keys[i], key, &instance))
            return keys[i].read(config, &keys[i], instance, value, error);
    }
    return refuse_unknown(key, error);
}

/* --- life --- */

void config_init(struct config *config) {
    struct text error = {0};
    *config = (struct config){0};
    list_init(&config->texts);
    config->broker.cluster_name = "";
    config->loopback_users[config->loopback_user_count++] = "guest";
    for (size_t i = 0; i < KEY_COUNT; i++) {
        struct slice initially = slice_from_text(keys[i].initially);
        if (keys[i].initially != NULL &&
            !keys[i].read(config, &keys[i], SLICE(""), initially, &error))
            abort(); /* the table contradicts itself */
    }
}

void config_clear(struct config *config) {
    LIST_FOR_EACH_SAFE(&config->texts, at)
    free(LIST_ITEM(at, struct config_text, link));
    *config = (struct config){0};
}

/* --- assignments and files --- */

static bool is_blank(uint8_t octet) {
    return octet == ' ' || octet == '\t' || octet == '\r';
}

static struct slice trim(struct slice text) {
    while (text.len > 0 && is_blank(text.data[0]))
        text = slice_of(text.data + 1, text.len - 1);
    while (text.len > 0 && is_blank(text.data[text.len - 1]))
        text.len--;
    return text;
}

/* Splits at the first `separator`; false when there is none. */
static bool split(struct slice text, uint8_t separator, struct slice *ret_before,
                  struct slice *ret_after) {
    const uint8_t *at = text.len == 0 ? NULL : memchr(text.data, separator, text.len);
    if (at == NULL)
        return false;
    size_t before = (size_t)(at - text.data);
    *ret_before = slice_of(text.data, before);
    *ret_after = slice_of(at + 1, text.len - before - 1);
    return true;
}

bool config_set_assignment(struct config *config, const char *assignment, struct text *error) {
    struct slice key, value;
    if (!split(slice_from_text(assignment), '=', &key, &value)) {
        text_append_format(error, "'%s': expected key=value", assignment);
        return false;
    }
    return config_set(config, trim(key), trim(value), error);
}

/* The value as written after `=`: quoted, or up to a comment. False for an open quote. */
static bool read_value(struct slice written, struct slice *ret_value) {
    struct slice rest;
    written = trim(written);
    if (written.len > 0 && written.data[0] == '\'') {
        written = slice_of(written.data + 1, written.len - 1);
        return split(written, '\'', ret_value, &rest) &&
               (trim(rest).len == 0 || trim(rest).data[0] == '#');
    }
    if (!split(written, '#', ret_value, &rest))
        *ret_value = written;
    *ret_value = trim(*ret_value);
    return true;
}

static bool read_line(struct config *config, struct slice line, struct text *error) {
    struct slice key, written, value;
    line = trim(line);
    if (line.len == 0 || line.data[0] == '#')
        return true;
    if (!split(line, '=', &key, &written)) {
        text_append(error, SLICE("expected `key = value`"));
        return false;
    }
    if (!read_value(written, &value)) {
        text_append(error, SLICE("the quote is not closed"));
        return false;
    }
    return config_set(config, trim(key), value, error);
}

bool config_read(struct config *config, const char *name, struct slice content,
                 struct text *error) {
    struct slice line;
    bool good = true;
    for (unsigned number = 1; content.len > 0; number++) {
        struct text line_error = {0};
        if (!split(content, '\n', &line, &content)) {
            line = content;
            content = SLICE("");
        }
        if (!read_line(config, line, &line_error)) {
            text_append_format(error, "%s%s:%u: %s", good ? "" : "\n", name, number,
                               text_chars(&line_error));
            good = false;
        }
        text_clear(&line_error);
    }
    return good;
}

bool config_read_file(struct config *config, const char *path, struct text *error) {
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        text_append_format(error, "%s: %s", path, strerror(errno));
        return false;
    }
    uint8_t *content = xmalloc(FILE_SIZE_MAX);
    size_t len = fread(content, 1, FILE_SIZE_MAX, file);
    bool good = !ferror(file) && len < FILE_SIZE_MAX;
    fclose(file);
    if (good)
        good = config_read(config, path, slice_of(content, len), error);
    else
        text_append_format(error, "%s: cannot be read, or is larger than 1 MiB", path);
    free(content);
    return good;
}

/* --- the whole --- */

void config_override_listener(struct config *config, const char *address, int port) {
    struct config_listener *listener = find_listener(config, SLICE("default"));
    if (listener == NULL)
        listener = &config->listeners[0];
    config->listeners[0] = *listener;
    config->listener_count = 1;
    config->tcp_disabled = false;
    if (address != NULL)
        config->listeners[0].address = keep_text(config, slice_from_text(address));
    if (port >= 0)
        config->listeners[0].port = (uint16_t)port;
}

bool config_finish(struct config *config, struct text *error) {
    if (config->tcp_disabled) {
        text_append(error, SLICE("listeners.tcp = none leaves nothing to listen on"));
        return false;
    }
    if (config->listener_count == 0)
        find_listener(config, SLICE("default"));
    if (config->broker.frame_max != 0 &&
        config->broker.frame_max < config->broker.frame_max_minimum) {
        text_append_format(error, "frame_max = %u is below leveret.frame_max_minimum = %u",
                           config->broker.frame_max, config->broker.frame_max_minimum);
        return false;
    }
    return true;
}

void config_describe(struct text *description) {
    for (size_t i = 0; i < KEY_COUNT; i++) {
        text_append_format(description, "  %s", keys[i].name);
        if (keys[i].initially != NULL)
            text_append_format(description, " = %s", keys[i].initially);
        text_append_format(description, "\n        %s\n", keys[i].help);
    }
}
