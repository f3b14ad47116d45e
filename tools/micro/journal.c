/* SPDX-License-Identifier: Apache-2.0 */
/* The journal, in a directory of its own, and its checksum. */
#include <stdlib.h>

#include "persistence/crc32c.h"
#include "persistence/journal.h"
#include "tools/micro/box.h"
#include "tools/micro/micro.h"

#define BATCH 1000

/* Batches of a thousand messages, each message settled once it is written. */
static void append_and_settle(size_t count) {
    static uint8_t octets[128];
    struct slice body = slice_of(octets, sizeof octets);
    struct journal_content content = {slice_of(octets, 24), slice_of(octets, 30), &body, 1};
    struct stored_message *stored[BATCH];
    struct journal *journal;
    struct box box;

    box_init(&box, true);
    journal = box.broker->journal;
    for (size_t i = 0; i < count; i++) {
        struct journal_target target = {1, i + 1};
        journal_append_message(journal, &content, &target, 1, NULL, NULL, &stored[i % BATCH]);
        if (i % BATCH < BATCH - 1)
            continue;
        box_tick(&box);
        for (size_t j = 0; j < BATCH; j++)
            journal_settle(journal, stored[j], (struct journal_target){1, i + 2 - BATCH + j});
    }
    box_clear(&box);
}

static void checksum(size_t count) {
    static uint8_t octets[200];
    uint32_t sum = 0;

    for (size_t i = 0; i < count; i++)
        sum = crc32c(sum, octets, sizeof octets);
    micro_use(&sum);
}

const struct micro micro_journal[] = {
    {"journal-message", "a message is appended, written and settled", append_and_settle},
    {"crc32c", "a checksum over 200 octets", checksum},
    {NULL, NULL, NULL},
};
