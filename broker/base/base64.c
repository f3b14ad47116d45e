/* SPDX-License-Identifier: Apache-2.0 */
/* Three octets are four characters. */
#include "broker/base/base64.h"

#include <string.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int value_of(uint8_t character) {
    const char *at = character == '\0' ? NULL : strchr(alphabet, character);
    return at == NULL ? -1 : (int)(at - alphabet);
}

static struct slice without_padding(struct slice text) {
    for (int i = 0; i < 2 && text.len > 0 && text.data[text.len - 1] == '='; i++)
        text.len--;
    return text;
}

bool base64_decode(struct slice text, uint8_t *buffer, size_t *ret_len) {
    uint32_t bits = 0;
    unsigned bit_count = 0;
    size_t len = 0;

    text = without_padding(text);
    for (size_t i = 0; i < text.len; i++) {
        int value = value_of(text.data[i]);
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            buffer[len++] = (uint8_t)(bits >> bit_count);
        }
    }
    *ret_len = len;
    return text.len % 4 != 1;
}

void base64_append(struct text *text, struct slice octets) {
    for (size_t i = 0; i < octets.len; i += 3) {
        size_t left = octets.len - i;
        uint32_t bits = (uint32_t)octets.data[i] << 16;
        bits |= left > 1 ? (uint32_t)octets.data[i + 1] << 8 : 0;
        bits |= left > 2 ? octets.data[i + 2] : 0;
        const char group[4] = {alphabet[bits >> 18], alphabet[bits >> 12 & 63],
                               left > 1 ? alphabet[bits >> 6 & 63] : '=',
                               left > 2 ? alphabet[bits & 63] : '='};
        text_append(text, slice_of(group, sizeof group));
    }
}
