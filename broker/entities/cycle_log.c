/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/cycle_log.h"

#include <stdbool.h>

#include "amqp/table.h"
#include "broker/base/log.h"
#include "broker/base/map.h"
#include "broker/base/text.h"

/* Queue names as Erlang prints a list of binaries: the one left out, then those of x-death. */
static void append_names(struct text *text, struct slice headers, struct slice queue) {
    struct amqp_value deaths, entry, name;

    text_append(text, SLICE("["));
    text_append_erlang_binary(text, queue);
    if (amqp_table_find(headers, SLICE("x-death"), &deaths) && deaths.tag == AMQP_TAG_ARRAY) {
        struct amqp_array_iterator i = amqp_array_begin(deaths.bytes);
        while (amqp_array_next(&i, &entry)) {
            if (entry.tag != AMQP_TAG_TABLE || !amqp_table_find(entry.bytes, SLICE("queue"), &name))
                continue;
            text_append(text, SLICE(","));
            text_append_erlang_binary(text, name.bytes);
        }
    }
    text_append(text, SLICE("]"));
}

/* True the first time. */
static bool is_new(struct cycle_log *cycles, uint32_t hash) {
    for (size_t i = 0; i < cycles->count; i++) {
        if (cycles->seen[i] == hash)
            return false;
    }
    cycles->seen[cycles->next] = hash;
    cycles->next = (cycles->next + 1) % CYCLE_LOG_MAX;
    if (cycles->count < CYCLE_LOG_MAX)
        cycles->count++;
    return true;
}

void cycle_log_dropped(struct cycle_log *cycles, const struct log *log, struct slice headers,
                       struct slice queue) {
    struct text names = {0};

    append_names(&names, headers, queue);
    if (is_new(cycles, map_hash(0, text_slice(&names))))
        log_warning(log,
                    "Message dropped because the following list of queues (ordered by death "
                    "recency) contains a dead letter cycle without reason 'rejected'. This list "
                    "will not be logged again: %s",
                    text_chars(&names));
    text_clear(&names);
}
