/* SPDX-License-Identifier: Apache-2.0 */
/* %41 is A. */
#include "broker/management/percent.h"

#include <ctype.h>
#include <string.h>

static int digit_value(uint8_t digit) {
    return digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10;
}

size_t percent_decode(struct slice text, enum percent_plus plus, char *buffer) {
    size_t len = 0;

    for (size_t i = 0; i < text.len; i++) {
        const uint8_t *at = text.data + i;
        if (*at == '%' && text.len - i > 2 && isxdigit(at[1]) && isxdigit(at[2])) {
            buffer[len++] = (char)(digit_value(at[1]) * 16 + digit_value(at[2]));
            i += 2;
        } else {
            buffer[len++] = *at == '+' && plus == PERCENT_PLUS_IS_SPACE ? ' ' : (char)*at;
        }
    }
    return len;
}

void percent_encode(struct text *text, struct slice octets) {
    for (size_t i = 0; i < octets.len; i++) {
        uint8_t octet = octets.data[i];
        if ((isalnum(octet) && octet < 0x80) || (octet != '\0' && strchr("-._", octet) != NULL))
            text_append(text, slice_of(&octet, 1));
        else
            text_append_format(text, "%%%02X", octet);
    }
}
