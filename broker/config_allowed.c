/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The values that RabbitMQ takes for a key whose value is not used here, so that a slip is told as it is
 * there. They are written as `off|<integer>`: words as they are, and kinds between angle brackets.
 */
#include <ctype.h>
#include <string.h>
#include <unistd.h>

#include "broker/config_key.h"
#include "broker/net/address.h"

#define WORD_SIZE_MAX 1024 /* of a value that is looked at; a path is the longest */

static bool is_digits(struct slice value) {
    for (size_t i = 0; i < value.len; i++) {
        if (!isdigit(value.data[i]))
            return false;
    }
    return value.len > 0;
}

static bool is_integer(struct slice value) {
    bool has_sign = value.len > 0 && strchr("+-", value.data[0]) != NULL;
    return is_digits(has_sign ? slice_of(value.data + 1, value.len - 1) : value);
}

static bool is_natural(struct slice value) {
    return is_integer(value) && value.data[0] != '-';
}

static bool is_positive(struct slice value) {
    size_t zeros = 0;
    while (zeros < value.len && strchr("+0", value.data[zeros]) != NULL)
        zeros++;
    return is_natural(value) && zeros < value.len;
}

static bool is_byte(struct slice value) {
    unsigned number = 0;
    for (size_t i = 0; i < value.len && number <= 255; i++)
        number = number * 10 + (unsigned)(value.data[i] - '0');
    return is_digits(value) && number <= 255;
}

/* 0.5: between 0 and 1, with digits on both sides of the point. */
static bool is_fraction(struct slice value) {
    struct slice digits = slice_of(value.data + 2, value.len > 2 ? value.len - 2 : 0);
    return value.len > 2 && value.data[0] == '0' && value.data[1] == '.' && is_digits(digits) &&
           is_positive(digits);
}

/* Digits, and the letters behind them that `units` lists between spaces. */
static bool is_with_unit(struct slice value, const char *units) {
    char unit[8] = " ";
    size_t digits = 0;
    while (digits < value.len && isdigit(value.data[digits]))
        digits++;
    struct slice letters = slice_of(value.data + digits, value.len - digits);
    if (digits == 0 || letters.len + 3 > sizeof unit)
        return false;
    memcpy(unit + 1, letters.data, letters.len);
    strcpy(unit + 1 + letters.len, " ");
    return strstr(units, unit) != NULL;
}

static bool is_size(struct slice value) {
    return is_digits(value) || is_with_unit(value, " kb KB mb MB gb GB ");
}

/* 90s, 1h30m */
static bool is_duration(struct slice value) {
    size_t from = 0;
    for (size_t i = 0; i < value.len; i++) {
        bool is_end = i + 1 == value.len || (!isdigit(value.data[i]) && isdigit(value.data[i + 1]));
        if (!is_end)
            continue;
        if (!is_with_unit(slice_of(value.data + from, i + 1 - from), " f w d h m s ms "))
            return false;
        from = i + 1;
    }
    return value.len > 0;
}

/* A copy that ends; false when it is too long to be anything. */
static bool copy_text(struct slice value, char text[WORD_SIZE_MAX]) {
    if (value.len >= WORD_SIZE_MAX)
        return false;
    memcpy(text, value.data, value.len);
    text[value.len] = '\0';
    return true;
}

static bool is_address(struct slice value) {
    char text[WORD_SIZE_MAX];
    return copy_text(value, text) && address_is_ip(text);
}

static bool is_listener(struct slice value) {
    size_t colon = value.len;
    while (colon > 0 && value.data[colon - 1] != ':')
        colon--;
    bool is_port = is_digits(slice_of(value.data + colon, value.len - colon));
    return is_port && (colon == 0 || is_address(slice_of(value.data, colon - 1)));
}

static bool is_file(struct slice value) {
    char text[WORD_SIZE_MAX];
    return copy_text(value, text) && access(text, R_OK) == 0;
}

static const struct {
    const char *kind;
    const char *words; /* for people */
    bool (*accepts)(struct slice value);
} kinds[] = {
    {"<integer>", "a whole number", is_integer},
    {"<natural>", "a whole number, not negative", is_natural},
    {"<positive>", "a whole number from 1", is_positive},
    {"<byte>", "a whole number from 0 to 255", is_byte},
    {"<fraction>", "a number like 0.5 between 0 and 1", is_fraction},
    {"<size>", "a size like 4096 or 1MB", is_size},
    {"<duration>", "a time like 90s or 1h30m", is_duration},
    {"<address>", "an IP address", is_address},
    {"<listener>", "a port or address:port", is_listener},
    {"<file>", "a file that can be read", is_file},
};

#define KIND_COUNT (sizeof kinds / sizeof kinds[0])

/* The first of `one|two|three`, which is taken away; empty at the end. */
static struct slice take_alternative(struct slice *values) {
    size_t len = 0;
    while (len < values->len && values->data[len] != '|')
        len++;
    struct slice first = slice_of(values->data, len);
    size_t used = len < values->len ? len + 1 : len;
    *values = slice_of(values->data + used, values->len - used);
    return first;
}

/* The row of `<kind>`; KIND_COUNT for a word. */
static size_t find_kind(struct slice alternative) {
    size_t i = 0;
    while (i < KIND_COUNT && !slice_equal(alternative, slice_from_text(kinds[i].kind)))
        i++;
    return i;
}

bool config_is_allowed(const char *values, struct slice value) {
    struct slice rest = slice_from_text(values);
    while (rest.len > 0) {
        struct slice alternative = take_alternative(&rest);
        size_t kind = find_kind(alternative);
        if (kind < KIND_COUNT ? kinds[kind].accepts(value) : slice_equal(alternative, value))
            return true;
    }
    return false;
}

void config_describe_allowed(const char *values, struct text *description) {
    struct slice rest = slice_from_text(values);
    const char *before = "";
    while (rest.len > 0) {
        struct slice alternative = take_alternative(&rest);
        size_t kind = find_kind(alternative);
        struct slice words = kind < KIND_COUNT ? slice_from_text(kinds[kind].words) : alternative;
        text_append_format(description, "%s" SLICE_FMT, before, SLICE_ARG(words));
        before = memchr(rest.data, '|', rest.len) != NULL ? ", " : " or ";
    }
}
