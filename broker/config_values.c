/* SPDX-License-Identifier: Apache-2.0 */
/* From what is written to a field: one reader for each kind of value. */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "broker/config_key.h"
#include "broker/log_file.h"

static void *field_of(struct config *config, const struct config_match *match) {
    return (char *)config + match->key->offset;
}

bool config_key_is_secret(const struct config_key *key) {
    return key->read == read_secret || key->read == read_secret_or_none ||
           key->read == read_entry_secret;
}

bool config_refuse(const struct config_match *match, struct slice value, const char *wanted,
                   struct text *error) {
    struct slice shown = config_key_is_secret(match->key) ? SLICE(SECRET_SHOWN) : value;
    text_append_format(error, SLICE_FMT " = " SLICE_FMT ": %s", SLICE_ARG(match->name),
                       SLICE_ARG(shown), wanted);
    return false;
}

/* --- numbers --- */

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

static bool is_within(const struct config_key *key, uint64_t number) {
    return number >= key->minimum && number <= key->maximum;
}

bool config_read_number(const struct config_match *match, struct slice value, uint64_t *ret_number,
                        struct text *error) {
    char wanted[96];
    size_t len;
    if (parse_digits(value, ret_number, &len) && len == value.len &&
        is_within(match->key, *ret_number))
        return true;
    snprintf(wanted, sizeof wanted, "expected a whole number from %llu to %llu",
             (unsigned long long)match->key->minimum, (unsigned long long)match->key->maximum);
    return config_refuse(match, value, wanted, error);
}

bool read_uint16(struct config *config, const struct config_match *match, struct slice value,
                 struct text *error) {
    uint64_t number;
    if (!config_read_number(match, value, &number, error))
        return false;
    *(uint16_t *)field_of(config, match) = (uint16_t)number;
    return true;
}

bool read_uint32(struct config *config, const struct config_match *match, struct slice value,
                 struct text *error) {
    uint64_t number;
    if (!config_read_number(match, value, &number, error))
        return false;
    *(uint32_t *)field_of(config, match) = (uint32_t)number;
    return true;
}

bool read_uint64(struct config *config, const struct config_match *match, struct slice value,
                 struct text *error) {
    uint64_t number;
    if (!config_read_number(match, value, &number, error))
        return false;
    *(uint64_t *)field_of(config, match) = number;
    return true;
}

bool read_port(struct config *config, const struct config_match *match, struct slice value,
               struct text *error) {
    uint64_t number;
    if (!config_read_number(match, value, &number, error))
        return false;
    *(int *)field_of(config, match) = (int)number;
    return true;
}

bool read_limit(struct config *config, const struct config_match *match, struct slice value,
                struct text *error) {
    if (!slice_equal(value, SLICE("infinity")))
        return read_uint32(config, match, value, error);
    *(uint32_t *)field_of(config, match) = 0;
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

bool config_read_size(const struct config_match *match, struct slice value, uint64_t *ret_size,
                      struct text *error) {
    size_t len;
    if (parse_digits(value, ret_size, &len)) {
        uint64_t unit = unit_size(slice_of(value.data + len, value.len - len));
        if (unit > 0 && !__builtin_mul_overflow(*ret_size, unit, ret_size) &&
            is_within(match->key, *ret_size))
            return true;
    }
    char wanted[128];
    snprintf(wanted, sizeof wanted, "expected a size like 16MiB or 500MB, from %llu to %llu octets",
             (unsigned long long)match->key->minimum, (unsigned long long)match->key->maximum);
    return config_refuse(match, value, wanted, error);
}

bool read_size(struct config *config, const struct config_match *match, struct slice value,
               struct text *error) {
    uint64_t size;
    if (!config_read_size(match, value, &size, error))
        return false;
    *(uint64_t *)field_of(config, match) = size;
    return true;
}

bool read_size32(struct config *config, const struct config_match *match, struct slice value,
                 struct text *error) {
    uint64_t size;
    if (!config_read_size(match, value, &size, error))
        return false;
    *(uint32_t *)field_of(config, match) = (uint32_t)size;
    return true;
}

/* False for what is no plain decimal number: no nan, no infinity, no hexadecimal. */
static bool parse_decimal(struct slice value, double *ret_number) {
    char text[32];
    char *end = text;
    if (value.len == 0 || value.len >= sizeof text)
        return false;
    for (size_t i = 0; i < value.len; i++) {
        if (!isdigit(value.data[i]) && value.data[i] != '.')
            return false;
        text[i] = (char)value.data[i];
    }
    text[value.len] = '\0';
    *ret_number = strtod(text, &end);
    return end != text && *end == '\0';
}

bool read_fraction(struct config *config, const struct config_match *match, struct slice value,
                   struct text *error) {
    double number;
    if (!parse_decimal(value, &number) || number > 1)
        return config_refuse(match, value, "expected a number from 0.0 to 1.0", error);
    *(double *)field_of(config, match) = number;
    return true;
}

bool read_ratio(struct config *config, const struct config_match *match, struct slice value,
                struct text *error) {
    double number;
    if (!parse_decimal(value, &number) || number > 1000)
        return config_refuse(match, value, "expected a number like 1.0, up to 1000", error);
    *(double *)field_of(config, match) = number;
    return true;
}

/* --- words --- */

static bool parse_boolean(struct slice value, bool *ret_boolean) {
    if (slice_equal(value, SLICE("true")) || slice_equal(value, SLICE("on")))
        *ret_boolean = true;
    else if (slice_equal(value, SLICE("false")) || slice_equal(value, SLICE("off")))
        *ret_boolean = false;
    else
        return false;
    return true;
}

bool read_boolean(struct config *config, const struct config_match *match, struct slice value,
                  struct text *error) {
    return parse_boolean(value, field_of(config, match)) ||
           config_refuse(match, value, "expected true or false", error);
}

bool read_only_default(struct config *config, const struct config_match *match, struct slice value,
                       struct text *error) {
    char wanted[192];
    (void)config;
    if (slice_equal(value, slice_from_text(match->key->initially)))
        return true;
    snprintf(wanted, sizeof wanted, "only %s is possible: %s", match->key->initially,
             match->key->help);
    return config_refuse(match, value, wanted, error);
}

bool read_text(struct config *config, const struct config_match *match, struct slice value,
               struct text *error) {
    (void)error;
    *(const char **)field_of(config, match) = config_keep_text(config, value);
    return true;
}

bool read_address(struct config *config, const struct config_match *match, struct slice value,
                  struct text *error) {
    if (!config_is_allowed("<address>", value))
        return config_refuse(match, value, "expected an IP address", error);
    return read_text(config, match, value, error);
}

bool read_queue_type(struct config *config, const struct config_match *match, struct slice value,
                     struct text *error) {
    static const char *const types[][2] = {{"classic", "rabbit_classic_queue"},
                                           {"quorum", "rabbit_quorum_queue"},
                                           {"stream", "rabbit_stream_queue"}};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct slice type = slice_from_text(types[i][0]);
        if (slice_equal(value, type) || slice_equal(value, slice_from_text(types[i][1])))
            return read_text(config, match, type, error);
    }
    return config_refuse(match, value, "expected classic, quorum or stream", error);
}

bool read_text_or_none(struct config *config, const struct config_match *match, struct slice value,
                       struct text *error) {
    struct slice text = slice_equal(value, SLICE("none")) ? SLICE("") : value;
    return read_text(config, match, text, error);
}

bool read_secret(struct config *config, const struct config_match *match, struct slice value,
                 struct text *error) {
    if (slice_has_prefix(value, SLICE("encrypted:")))
        return config_refuse(match, value,
                             "encrypted values are not supported; $(VARIABLE) takes a secret from "
                             "the environment",
                             error);
    *(struct secret *)field_of(config, match) = secret_from_text(config_keep_text(config, value));
    return true;
}

bool read_secret_or_none(struct config *config, const struct config_match *match,
                         struct slice value, struct text *error) {
    return read_secret(config, match, slice_equal(value, SLICE("none")) ? SLICE("") : value, error);
}

bool read_path_prefix(struct config *config, const struct config_match *match, struct slice value,
                      struct text *error) {
    struct text path = {0};
    while (value.len > 0 && value.data[value.len - 1] == '/')
        value.len--;
    if (value.len > 0 && value.data[0] != '/')
        text_append(&path, SLICE("/"));
    text_append(&path, value);
    bool good = read_text(config, match, text_slice(&path), error);
    text_clear(&path);
    return good;
}

bool read_file(struct config *config, const struct config_match *match, struct slice value,
               struct text *error) {
    const char *path = config_keep_text(config, value);
    if (access(path, R_OK) < 0)
        return config_refuse(match, value, strerror(errno), error);
    *(const char **)field_of(config, match) = path;
    return true;
}

/* `expected a, b or c`. */
static bool refuse_choice(const struct config_match *match, struct slice value,
                          struct text *error) {
    struct text wanted = {0};
    text_append(&wanted, SLICE("expected "));
    for (const char *const *at = match->key->choices; *at != NULL; at++) {
        const char *before = at == match->key->choices ? "" : at[1] == NULL ? " or " : ", ";
        text_append_format(&wanted, "%s%s", before, *at);
    }
    config_refuse(match, value, text_chars(&wanted), error);
    text_clear(&wanted);
    return false;
}

bool read_choice(struct config *config, const struct config_match *match, struct slice value,
                 struct text *error) {
    int choice = 0;
    for (const char *const *at = match->key->choices; *at != NULL; at++, choice++) {
        if (slice_equal(value, slice_from_text(*at))) {
            memcpy(field_of(config, match), &choice, sizeof choice);
            return true;
        }
    }
    return refuse_choice(match, value, error);
}

bool read_login_field(struct config *config, const struct config_match *match, struct slice value,
                      struct text *error) {
    bool is_old = slice_equal(value, SLICE("subject_alt_name"));
    return read_choice(config, match, is_old ? SLICE("subject_alternative_name") : value, error);
}

bool read_verify(struct config *config, const struct config_match *match, struct slice value,
                 struct text *error) {
    bool *field = field_of(config, match);
    if (slice_equal(value, SLICE("verify_peer")))
        *field = true;
    else if (slice_equal(value, SLICE("verify_none")))
        *field = false;
    else
        return config_refuse(match, value, "expected verify_peer or verify_none", error);
    return true;
}

bool read_log_level(struct config *config, const struct config_match *match, struct slice value,
                    struct text *error) {
    return log_level_from_name(value, field_of(config, match)) ||
           config_refuse(
               match, value,
               "expected debug, info, notice, warning, error, critical, alert, emergency or none",
               error);
}

bool read_log_file(struct config *config, const struct config_match *match, struct slice value,
                   struct text *error) {
    struct config_log *log = &config->log;
    bool flag;
    if (parse_boolean(value, &flag) && flag)
        return config_refuse(match, value, "expected the name of a file, or false", error);
    log->file.is_on = value.len > 0 && !parse_boolean(value, &flag);
    return read_text(config, match, value, error);
}

bool read_rotation_date(struct config *config, const struct config_match *match, struct slice value,
                        struct text *error) {
    int64_t next_s;
    const char *date = config_keep_text(config, value);
    if (value.len > 0 && !log_file_next_date(date, 0, &next_s))
        return config_refuse(
            match, value, "expected $D0 to $D23, $W0D0 to $W6D23, $M1D0 to $M31D23 or $H", error);
    return read_text(config, match, value, error);
}

/* --- lists --- */

/* 1, 2, 10 before names. */
static int compare_names(const char *a, const char *b) {
    uint64_t left, right;
    size_t left_len, right_len;
    struct slice left_name = slice_from_text(a), right_name = slice_from_text(b);
    bool left_is_number = parse_digits(left_name, &left, &left_len) && left_len == left_name.len;
    bool right_is_number =
        parse_digits(right_name, &right, &right_len) && right_len == right_name.len;
    if (left_is_number && right_is_number && left != right)
        return left < right ? -1 : 1;
    if (left_is_number != right_is_number)
        return left_is_number ? -1 : 1;
    return strcmp(a, b);
}

static void remove_item(struct config_list *list, struct slice name) {
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        if (!slice_equal(slice_from_text(list->items[i].name), name))
            list->items[kept++] = list->items[i];
    }
    list->count = kept;
}

bool config_list_put(struct config *config, struct config_list *list, struct slice name,
                     struct slice value) {
    remove_item(list, name);
    if (list->count == CONFIG_ITEMS_MAX)
        return false;
    struct config_item item = {config_keep_text(config, name), config_keep_text(config, value)};
    size_t at = list->count++;
    for (; at > 0 && compare_names(list->items[at - 1].name, item.name) > 0; at--)
        list->items[at] = list->items[at - 1];
    list->items[at] = item;
    return true;
}

bool read_item(struct config *config, const struct config_match *match, struct slice value,
               struct text *error) {
    return config_list_put(config, field_of(config, match), match->word, value) ||
           config_refuse(match, value, "too many of them", error);
}

bool read_flag_item(struct config *config, const struct config_match *match, struct slice value,
                    struct text *error) {
    bool flag;
    if (!parse_boolean(value, &flag))
        return config_refuse(match, value, "expected true or false", error);
    remove_item(field_of(config, match), match->word);
    return !flag || read_item(config, match, SLICE("true"), error);
}

bool read_no_items(struct config *config, const struct config_match *match, struct slice value,
                   struct text *error) {
    char wanted[128];
    struct config_list *list = field_of(config, match);
    if (slice_equal(value, SLICE("none"))) {
        list->count = 0;
        return true;
    }
    snprintf(wanted, sizeof wanted, "expected none, or " SLICE_FMT ".NAME = ...",
             SLICE_ARG(match->name));
    return config_refuse(match, value, wanted, error);
}

/* What RabbitMQ could still offer may stand beside what is offered here: config_finish() wants one of these. */
bool read_tls_version(struct config *config, const struct config_match *match, struct slice value,
                      struct text *error) {
    if (!config_is_allowed(CONFIG_TLS_VERSIONS "|tlsv1.1|tlsv1", value))
        return config_refuse(match, value, "expected tlsv1.2 or tlsv1.3", error);
    if (!config_is_allowed(CONFIG_TLS_VERSIONS, value))
        config_notice(config, LOG_WARNING,
                      SLICE_FMT " = " SLICE_FMT ": older versions than tlsv1.2 are not offered",
                      SLICE_ARG(match->name), SLICE_ARG(value));
    return read_item(config, match, value, error);
}

bool read_mechanism(struct config *config, const struct config_match *match, struct slice value,
                    struct text *error) {
    static const char *const names[] = {"PLAIN", "AMQPLAIN", "ANONYMOUS", "EXTERNAL"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (slice_equal(value, slice_from_text(names[i])))
            return read_item(config, match, value, error);
    }
    return config_refuse(match, value, "expected PLAIN, AMQPLAIN, ANONYMOUS or EXTERNAL", error);
}

bool read_backend(struct config *config, const struct config_match *match, struct slice value,
                  struct text *error) {
    (void)config;
    return slice_equal(value, SLICE("internal")) ||
           slice_equal(value, SLICE("rabbit_auth_backend_internal")) ||
           config_refuse(match, value,
                         "users are kept by the broker itself: only internal is possible", error);
}

bool read_definitions_backend(struct config *config, const struct config_match *match,
                              struct slice value, struct text *error) {
    (void)config;
    return config_is_allowed("local_filesystem|local|rabbit_definitions_import_local_filesystem|"
                             "rabbitmq_definitions_import_local_filesystem",
                             value) ||
           config_refuse(match, value,
                         "definitions are read from files: only local_filesystem is possible",
                         error);
}
