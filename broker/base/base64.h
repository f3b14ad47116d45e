/* SPDX-License-Identifier: Apache-2.0 */
/* Base64 (RFC 4648): credentials, and payloads that are not UTF-8. */
#ifndef LEVERET_BROKER_BASE_BASE64_H
#define LEVERET_BROKER_BASE_BASE64_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "amqp/slice.h"
#include "broker/base/text.h"

/* Octets that base64_decode() may write for `len` characters. */
#define BASE64_DECODED_MAX(len) ((len) / 4 * 3 + 3)

/* False for characters that are not of the alphabet; padding may be missing. */
bool base64_decode(struct slice text, uint8_t *buffer, size_t *ret_len);

void base64_append(struct text *text, struct slice octets);

#endif
