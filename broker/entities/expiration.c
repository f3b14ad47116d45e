/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/expiration.h"

static bool is_digit(uint8_t octet) {
    return octet >= '0' && octet <= '9';
}

struct number {
    bool negative;
    struct slice digits; /* without sign and leading zeros, never empty */
    struct slice rest;   /* what follows the digits */
};

static struct slice skip(struct slice text, size_t len) {
    return slice_of(text.data + len, text.len - len);
}

static size_t count_digits(struct slice text) {
    size_t count = 0;
    while (count < text.len && is_digit(text.data[count]))
        count++;
    return count;
}

/* Optional sign and at least one digit, as Erlang's string:to_integer wants it. */
static bool read_number(struct slice text, struct number *ret_number) {
    struct number number = {0};
    if (text.len > 0 && (text.data[0] == '-' || text.data[0] == '+')) {
        number.negative = text.data[0] == '-';
        text = skip(text, 1);
    }
    size_t count = count_digits(text);
    if (count == 0)
        return false;
    number.rest = skip(text, count);
    number.digits = slice_of(text.data, count);
    while (number.digits.len > 1 && number.digits.data[0] == '0')
        number.digits = skip(number.digits, 1);
    *ret_number = number;
    return true;
}

static bool is_zero(const struct number *number) {
    return number->digits.len == 1 && number->digits.data[0] == '0';
}

/* Anything above EXPIRATION_MAX_MS is just some number above it. */
static int64_t value_of(struct slice digits) {
    int64_t value = 0;
    for (size_t i = 0; i < digits.len && value <= EXPIRATION_MAX_MS; i++)
        value = value * 10 + (digits.data[i] - '0');
    return value;
}

bool expiration_is_valid(struct slice expiration, struct text *error) {
    struct number number;
    if (!read_number(expiration, &number)) {
        text_append(error, SLICE("no_integer"));
        return false;
    }
    if (number.rest.len > 0) {
        text_append(error, SLICE("{leftover_string,"));
        text_append_erlang_string(error, number.rest);
        text_append(error, SLICE("}"));
        return false;
    }
    if (number.negative && !is_zero(&number)) {
        text_append_format(error, "{value_negative,-" SLICE_FMT "}", SLICE_ARG(number.digits));
        return false;
    }
    if (value_of(number.digits) > EXPIRATION_MAX_MS) {
        text_append_format(error, "{value_too_large," SLICE_FMT "}", SLICE_ARG(number.digits));
        return false;
    }
    return true;
}

int64_t expiration_ms(struct slice expiration) {
    struct number number;
    if (!read_number(expiration, &number) || number.rest.len > 0)
        return -1;
    int64_t value = value_of(number.digits);
    if (value > EXPIRATION_MAX_MS || (number.negative && value > 0))
        return -1;
    return value;
}
