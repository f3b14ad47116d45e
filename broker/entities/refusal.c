/* SPDX-License-Identifier: Apache-2.0 */
/* Reply codes with their explanation, formatted where the reason is known. */
#include "broker/entities/refusal.h"

#include <stdarg.h>
#include <stdio.h>

bool refuse(struct refusal *refusal, uint16_t reply_code, const char *format, ...) {
    va_list arguments;

    refusal->reply_code = reply_code;
    va_start(arguments, format);
    vsnprintf(refusal->text, sizeof refusal->text, format, arguments);
    va_end(arguments);
    return false;
}

bool refuse_not_found(struct refusal *refusal, const char *kind, struct slice name,
                      struct slice vhost_name) {
    return refuse(refusal, AMQP_NOT_FOUND, "no %s '" SLICE_FMT "' in vhost '" SLICE_FMT "'", kind,
                  SLICE_ARG(name), SLICE_ARG(vhost_name));
}

bool refuse_memory(struct refusal *refusal) {
    return refuse(refusal, AMQP_RESOURCE_ERROR, "out of memory");
}
