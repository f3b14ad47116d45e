/* SPDX-License-Identifier: Apache-2.0 */
/* Records come back as they were written, and nothing that is not whole is taken for one. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "persistence/crc32c.h"
#include "persistence/record.h"

enum { SEED = 0x1234 };

/* A whole record with that body. */
static struct octets record_of(uint8_t type, struct slice body) {
    struct octets octets = {0};
    size_t padded = record_padded_length(body.len);
    uint8_t *at = octets_extend(&octets, padded);
    uint32_t crc;

    memset(at, 0, padded);
    crc = record_head_begin(at, SEED, type, 0, body.len, 77);
    if (body.len > 0)
        memcpy(at + RECORD_HEAD, body.data, body.len);
    record_head_end(at, crc32c(crc, body.data, body.len));
    return octets;
}

static int next_of(struct slice octets, struct record *ret) {
    struct cursor c = cursor_over(octets);

    return record_next(&c, SEED, ret);
}

static void a_record_comes_back(void **state) {
    struct octets octets = record_of(RECORD_MESSAGE, SLICE("hello"));
    struct cursor c = cursor_over(octets_slice(&octets));
    struct record record;

    (void)state;
    assert_int_equal(octets.len, 24);
    assert_int_equal(record_next(&c, SEED, &record), 0);
    assert_true(cursor_at_end(&c));
    assert_int_equal(record.type, RECORD_MESSAGE);
    assert_int_equal(record.version, RECORD_VERSION);
    assert_int_equal(record.batch, 77);
    assert_true(slice_equal(record.body, SLICE("hello")));
    assert_true(record_is_known(&record));
    octets_clear(&octets);
}

static void every_truncation_is_refused(void **state) {
    struct octets octets = record_of(RECORD_SETTLE, SLICE("0123456789"));
    struct record record;

    (void)state;
    for (size_t len = 0; len < octets.len; len++)
        assert_int_equal(next_of(slice_of(octets.data, len), &record), -EBADMSG);
    octets_clear(&octets);
}

static void every_flipped_bit_is_refused(void **state) {
    struct octets octets = record_of(RECORD_SETTLE, SLICE("0123456789"));
    struct record record;

    (void)state;
    for (size_t bit = 0; bit < octets.len * 8; bit++) {
        octets.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(next_of(octets_slice(&octets), &record), -EBADMSG);
        octets.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    assert_int_equal(next_of(octets_slice(&octets), &record), 0);
    octets_clear(&octets);
}

static void another_journals_record_is_refused(void **state) {
    struct octets octets = record_of(RECORD_SETTLE, SLICE("x"));
    struct cursor c = cursor_over(octets_slice(&octets));
    struct record record;

    (void)state;
    assert_int_equal(record_next(&c, SEED + 1, &record), -EBADMSG);
    octets_clear(&octets);
}

static void later_types_and_versions_are_not_known(void **state) {
    struct record record = {.type = RECORD_INDEX, .version = RECORD_VERSION};

    (void)state;
    assert_true(record_is_known(&record));
    record.type++;
    assert_false(record_is_known(&record));
    record.type = 0;
    assert_false(record_is_known(&record));
    record = (struct record){.type = RECORD_MESSAGE, .version = RECORD_VERSION + 1};
    assert_false(record_is_known(&record));
}

static void definitions_come_back(void **state) {
    struct octets body = {0};
    struct meta_record meta;

    (void)state;
    record_put_meta(&body, 9, SLICE("key"), SLICE("payload"));
    assert_int_equal(record_read_meta(octets_slice(&body), &meta), 0);
    assert_int_equal(meta.kind, 9);
    assert_true(slice_equal(meta.key, SLICE("key")));
    assert_true(slice_equal(meta.payload, SLICE("payload")));
    for (size_t len = 0; len < 8; len++)
        assert_int_equal(record_read_meta(slice_of(body.data, len), &meta), -EBADMSG);
    octets_clear(&body);
}

static void messages_come_back(void **state) {
    uint8_t body[RECORD_MESSAGE_FIXED + 2 * RECORD_TARGET + 6] = {0};
    struct message_record written = {
        .index = 5, .slot = 6, .target_count = 2, .address = SLICE("ad"), .header = SLICE("hea")};
    struct message_record read;
    uint64_t queue_id, sequence;

    (void)state;
    record_put_message(body, &written);
    body[RECORD_MESSAGE_FIXED + 7] = 1;
    body[RECORD_MESSAGE_FIXED + 15] = 2;
    body[RECORD_MESSAGE_FIXED + 23] = 3;
    body[RECORD_MESSAGE_FIXED + 31] = 4;
    memcpy(body + RECORD_MESSAGE_FIXED + 2 * RECORD_TARGET, "adheab", 6);
    assert_int_equal(record_read_message(slice_of(body, sizeof body), &read), 0);
    assert_true(read.index == 5);
    assert_int_equal(read.slot, 6);
    assert_true(slice_equal(read.address, SLICE("ad")));
    assert_true(slice_equal(read.header, SLICE("hea")));
    assert_true(slice_equal(read.body, SLICE("b")));
    message_record_target(&read, 0, &queue_id, &sequence);
    assert_true(queue_id == 1 && sequence == 2);
    message_record_target(&read, 1, &queue_id, &sequence);
    assert_true(queue_id == 3 && sequence == 4);
    for (size_t len = 0; len < sizeof body - 1; len++)
        assert_int_equal(record_read_message(slice_of(body, len), &read), -EBADMSG);
}

static void settled_places_become_ranges(void **state) {
    const struct settled settled[] = {{1, 5}, {1, 6}, {1, 7}, {1, 300}, {2, 1}};
    struct settle_reader reader;
    struct octets body = {0};
    uint64_t first, count;

    (void)state;
    assert_int_equal(record_put_settle(&body, settled, 5), 4);
    assert_int_equal(body.len, 8 + 2 + 3);
    assert_int_equal(settle_reader_begin(&reader, octets_slice(&body)), 0);
    assert_true(reader.queue_id == 1);
    assert_int_equal(settle_reader_next(&reader, &first, &count), 1);
    assert_true(first == 5 && count == 3);
    assert_int_equal(settle_reader_next(&reader, &first, &count), 1);
    assert_true(first == 300 && count == 1);
    assert_int_equal(settle_reader_next(&reader, &first, &count), 0);
    body.len = 0;
    assert_int_equal(record_put_settle(&body, settled + 4, 1), 1);
    octets_clear(&body);
}

static void largest_sequences_come_back(void **state) {
    const struct settled settled[] = {{1, UINT64_MAX - 1}};
    struct settle_reader reader;
    struct octets body = {0};
    uint64_t first, count;

    (void)state;
    record_put_settle(&body, settled, 1);
    settle_reader_begin(&reader, octets_slice(&body));
    assert_int_equal(settle_reader_next(&reader, &first, &count), 1);
    assert_true(first == UINT64_MAX - 1 && count == 1);
    octets_clear(&body);
}

static void malformed_ranges_are_refused(void **state) {
    /*
     * After the queue id: an empty range, a gap without a length, a number of eleven octets, a range
     * and a gap that go beyond the greatest sequence.
     */
    static const char *const bodies[] = {"\x05\x00", "\x05",
                                         "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01\x01",
                                         "\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
                                         "\x01\x01\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01\x01"};
    static const size_t lengths[] = {2, 1, 12, 11, 13};

    (void)state;
    for (size_t i = 0; i < 5; i++) {
        struct settle_reader reader;
        struct octets body = {0};
        uint64_t first, count;
        int more;

        memset(octets_extend(&body, 8), 0, 8);
        octets_append(&body, slice_of(bodies[i], lengths[i]));
        assert_int_equal(settle_reader_begin(&reader, octets_slice(&body)), 0);
        while ((more = settle_reader_next(&reader, &first, &count)) == 1)
            assert_true(first == 1 && count == 1);
        assert_int_equal(more, -EBADMSG);
        octets_clear(&body);
    }
}

static void a_queue_delete_is_eight_octets(void **state) {
    static const uint8_t octets[9] = {0, 0, 0, 0, 0, 0, 1, 2, 3};
    uint64_t queue_id;

    (void)state;
    assert_int_equal(record_read_queue_delete(slice_of(octets, 8), &queue_id), 0);
    assert_true(queue_id == 0x102);
    assert_int_equal(record_read_queue_delete(slice_of(octets, 7), &queue_id), -EBADMSG);
    assert_int_equal(record_read_queue_delete(slice_of(octets, 9), &queue_id), -EBADMSG);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_comes_back),
        cmocka_unit_test(every_truncation_is_refused),
        cmocka_unit_test(every_flipped_bit_is_refused),
        cmocka_unit_test(another_journals_record_is_refused),
        cmocka_unit_test(later_types_and_versions_are_not_known),
        cmocka_unit_test(definitions_come_back),
        cmocka_unit_test(messages_come_back),
        cmocka_unit_test(settled_places_become_ranges),
        cmocka_unit_test(largest_sequences_come_back),
        cmocka_unit_test(malformed_ranges_are_refused),
        cmocka_unit_test(a_queue_delete_is_eight_octets),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
