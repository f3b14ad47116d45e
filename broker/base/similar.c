/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/base/similar.h"

static struct slice first_octets(struct slice name) {
    return slice_of(name.data, name.len < SIMILAR_LENGTH_MAX ? name.len : SIMILAR_LENGTH_MAX);
}

size_t similar_distance(struct slice a, struct slice b) {
    size_t row[SIMILAR_LENGTH_MAX + 1];

    a = first_octets(a);
    b = first_octets(b);
    for (size_t i = 0; i <= b.len; i++)
        row[i] = i;
    for (size_t i = 0; i < a.len; i++) {
        size_t diagonal = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < b.len; j++) {
            size_t replaced = diagonal + (a.data[i] != b.data[j]);
            size_t either = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;
            diagonal = row[j + 1];
            row[j + 1] = replaced < either ? replaced : either;
        }
    }
    return row[b.len];
}

bool similar_enough(struct slice a, struct slice b, size_t distance) {
    size_t longer = a.len > b.len ? a.len : b.len;
    return distance <= (longer < 3 ? 1 : longer / 3);
}
