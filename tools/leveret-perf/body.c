/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/leveret-perf/body.h"

#include <string.h>

/* Octets of a multiplicative generator: neighbours differ, and no short period within the whole. */
void body_pattern_init(struct body_pattern *pattern) {
    uint64_t state = UINT64_C(0x9E3779B97F4A7C15);

    for (size_t i = 0; i < BODY_PATTERN_PERIOD; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        pattern->octets[i] = (uint8_t)(state >> 56);
    }
}

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/* Where the pattern begins and ends in a body of this size. */
static uint64_t pattern_begin(uint64_t size) {
    return size >= BODY_HEAD_SIZE ? BODY_HEAD_SIZE : least(size, BODY_IDENTITY_SIZE);
}

static uint64_t pattern_end(uint64_t size) {
    return size >= BODY_TAIL_MIN ? size - BODY_IDENTITY_SIZE : size;
}

void body_write(const struct body_pattern *pattern, uint32_t run, uint32_t producer, uint8_t *body,
                size_t size) {
    uint64_t identity = body_identity(run, producer, 0);

    for (size_t i = 0; i < size; i++)
        body[i] = pattern->octets[i % BODY_PATTERN_PERIOD];
    memset(body, 0, pattern_begin(size));
    memcpy(body, &identity, least(size, sizeof identity));
    if (size >= BODY_TAIL_MIN)
        memcpy(body + size - sizeof identity, &identity, sizeof identity);
}

static bool pattern_matches(const struct body_pattern *pattern, uint64_t position,
                            const uint8_t *octets, uint64_t len) {
    while (len > 0) {
        uint64_t at = position % BODY_PATTERN_PERIOD;
        uint64_t run = least(len, BODY_PATTERN_PERIOD - at);
        if (memcmp(pattern->octets + at, octets, run) != 0)
            return false;
        octets += run;
        position += run;
        len -= run;
    }
    return true;
}

/* The part of the piece at `position` that lies within [from, to), copied to where it belongs. */
static void copy_overlap(uint8_t *copy, uint64_t from, uint64_t to, const uint8_t *piece,
                         uint64_t position, uint64_t len) {
    uint64_t first = position > from ? position : from;
    uint64_t last = least(position + len, to);

    if (first < last)
        memcpy(copy + (first - from), piece + (first - position), last - first);
}

static void take_part(struct body_reader *reader, const struct body_pattern *pattern,
                      const uint8_t *piece, uint64_t len) {
    uint64_t position = reader->received;
    uint64_t begin = pattern_begin(reader->size);
    uint64_t end = pattern_end(reader->size);
    uint64_t first = position > begin ? position : begin;
    uint64_t last = least(position + len, end);

    copy_overlap(reader->head, 0, begin, piece, position, len);
    copy_overlap(reader->tail, end, reader->size, piece, position, len);
    if (first < last && !pattern_matches(pattern, first, piece + (first - position), last - first))
        reader->pattern_intact = false;
}

void body_reader_take(struct body_reader *reader, const struct body_pattern *pattern,
                      const uint8_t *piece, size_t len) {
    uint64_t size = reader->size;

    if (len == size && size >= BODY_TAIL_MIN) { /* most bodies come in one piece */
        memcpy(reader->head, piece, BODY_HEAD_SIZE);
        memcpy(reader->tail, piece + size - BODY_IDENTITY_SIZE, BODY_IDENTITY_SIZE);
        reader->pattern_intact =
            pattern_matches(pattern, BODY_HEAD_SIZE, piece + BODY_HEAD_SIZE, size - BODY_TAIL_MIN);
    } else {
        take_part(reader, pattern, piece, len);
    }
    reader->received += len;
}

struct body_stamp body_reader_stamp(const struct body_reader *reader) {
    struct body_stamp stamp = {0, 0, reader->pattern_intact};

    memcpy(&stamp.identity, reader->head, least(reader->size, sizeof stamp.identity));
    if (reader->size >= BODY_HEAD_SIZE)
        memcpy(&stamp.due_ns, reader->head + sizeof stamp.identity, sizeof stamp.due_ns);
    if (reader->size >= BODY_TAIL_MIN &&
        memcmp(reader->head, reader->tail, BODY_IDENTITY_SIZE) != 0)
        stamp.intact = false;
    return stamp;
}
