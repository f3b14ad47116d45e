/* SPDX-License-Identifier: Apache-2.0 */
/* Known values of CRC32C (RFC 3720, B.4), by instruction and by table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "persistence/crc32c.h"

static void known_values(void **state) {
    uint8_t octets[32];

    (void)state;
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
    memset(octets, 0, sizeof octets);
    assert_int_equal(crc32c(0, octets, sizeof octets), 0x8a9136aa);
    memset(octets, 0xff, sizeof octets);
    assert_int_equal(crc32c(0, octets, sizeof octets), 0x62a8ab43);
    for (uint8_t i = 0; i < sizeof octets; i++)
        octets[i] = i;
    assert_int_equal(crc32c(0, octets, sizeof octets), 0x46dd794e);
    assert_int_equal(crc32c(0, octets, 0), 0);
}

static void table_and_instruction_agree_at_every_length_and_alignment(void **state) {
    uint8_t octets[1100]; /* long ones are taken in lanes */

    (void)state;
    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = (uint8_t)(i * 37 + i / 256 + 11);
    for (size_t from = 0; from < 9; from++)
        for (size_t len = 0; from + len <= sizeof octets; len++)
            assert_int_equal(crc32c(7, octets + from, len), crc32c_by_table(7, octets + from, len));
}

static void a_checksum_goes_on_behind_a_prefix(void **state) {
    (void)state;
    assert_int_equal(crc32c(crc32c(0, "12345", 5), "6789", 4), crc32c(0, "123456789", 9));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_values),
        cmocka_unit_test(table_and_instruction_agree_at_every_length_and_alignment),
        cmocka_unit_test(a_checksum_goes_on_behind_a_prefix),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
