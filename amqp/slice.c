/* SPDX-License-Identifier: Apache-2.0 */

/*
 * The part of slice.h that is too long to be inline: UTF-8 beyond ASCII.
 */
#include "amqp/slice.h"

#include "amqp/cursor.h"

/* The table of RFC 3629 section 4: which second octet a lead octet allows shuts out overlong forms,
 * surrogates and what is above U+10FFFF.  Past the end the cursor yields 0, which continues
 * nothing. */
static bool take_character(struct cursor *c) {
    uint8_t lead = cursor_u8(c);

    if (lead < 0x80)
        return true;
    if (lead < 0xC2 || lead > 0xF4)
        return false;

    uint8_t low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    uint8_t high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    uint8_t second = cursor_u8(c);
    if (second < low || second > high)
        return false;

    for (int more = (lead >= 0xE0) + (lead >= 0xF0); more > 0; more--) {
        if ((cursor_u8(c) & 0xC0) != 0x80)
            return false;
    }
    return true;
}

bool slice_is_utf8_by_character(struct slice s) {
    struct cursor c = cursor_over(s);

    while (!cursor_at_end(&c)) {
        if (!take_character(&c))
            return false;
    }
    return true;
}
