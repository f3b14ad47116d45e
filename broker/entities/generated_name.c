/* SPDX-License-Identifier: Apache-2.0 */
/* Names nobody can guess, in the form RabbitMQ gives them. */
#include "broker/entities/generated_name.h"

#include <assert.h>
#include <string.h>

#define RANDOM_OCTETS  16
#define ENCODED_LENGTH 22

static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Base64 without padding: 16 octets are 21 characters of six bits and one of two. */
static void encode(const uint8_t octets[RANDOM_OCTETS], char *ret_text) {
    uint32_t bits = 0;
    int bit_count = 0;

    for (int i = 0; i < RANDOM_OCTETS; i++) {
        bits = (bits << 8 | octets[i]) & 0xffff;
        for (bit_count += 8; bit_count >= 6; bit_count -= 6)
            *ret_text++ = base64url[bits >> (bit_count - 6) & 0x3f];
    }
    *ret_text = base64url[bits << (6 - bit_count) & 0x3f];
}

struct slice generated_name(const struct env *env, const char *prefix,
                            char buffer[GENERATED_NAME_MAX]) {
    size_t prefix_len = strlen(prefix);
    uint8_t octets[RANDOM_OCTETS];

    assert(prefix_len + 1 + ENCODED_LENGTH <= GENERATED_NAME_MAX);
    env->fill_random(env->random_context, octets, sizeof octets);
    memcpy(buffer, prefix, prefix_len);
    buffer[prefix_len] = '-';
    encode(octets, buffer + prefix_len + 1);
    return slice_of(buffer, prefix_len + 1 + ENCODED_LENGTH);
}
