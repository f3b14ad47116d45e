/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/base/outbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

struct owner {
    int releases;
};

static void count_release(void *owner) {
    ((struct owner *)owner)->releases++;
}

struct fixture {
    struct outbuf_pool pool;
    struct outbuf outbuf;
};

static int set_up(void **state) {
    static struct fixture fixture;
    outbuf_pool_init(&fixture.pool, 2);
    outbuf_init(&fixture.outbuf, &fixture.pool);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    outbuf_clear(&fixture->outbuf);
    outbuf_pool_clear(&fixture->pool);
    return 0;
}

static void append_small(struct outbuf *outbuf, const char *text) {
    size_t len = strlen(text);
    memcpy(outbuf_reserve(outbuf, len + 100), text, len);
    outbuf_commit(outbuf, len);
}

static void small_octets_become_one_piece(void **state) {
    struct fixture *fixture = *state;
    struct iovec iov[4];
    append_small(&fixture->outbuf, "one ");
    append_small(&fixture->outbuf, "two ");
    outbuf_append(&fixture->outbuf, SLICE("three"));
    assert_int_equal(outbuf_size(&fixture->outbuf), 13);
    assert_int_equal(outbuf_iovec(&fixture->outbuf, iov, 4), 1);
    assert_int_equal(iov[0].iov_len, 13);
    assert_memory_equal(iov[0].iov_base, "one two three", 13);
}

static void references_are_not_copied_and_keep_their_place(void **state) {
    struct fixture *fixture = *state;
    struct owner owner = {0};
    struct iovec iov[4];
    append_small(&fixture->outbuf, "head");
    struct slice body = SLICE("body");
    outbuf_append_reference(&fixture->outbuf, body, count_release, &owner);
    append_small(&fixture->outbuf, "tail");
    assert_int_equal(outbuf_iovec(&fixture->outbuf, iov, 4), 3);
    assert_memory_equal(iov[0].iov_base, "head", 4);
    assert_ptr_equal(iov[1].iov_base, body.data);
    assert_memory_equal(iov[2].iov_base, "tail", 4);
    assert_int_equal(outbuf_iovec(&fixture->outbuf, iov, 2), 2);
    outbuf_clear(&fixture->outbuf); /* the owner does not outlive this function */
}

static void a_reference_is_released_once_when_its_last_octet_left(void **state) {
    struct fixture *fixture = *state;
    struct owner owner = {0}, cleared = {0}, empty = {0};
    outbuf_append_reference(&fixture->outbuf, SLICE("body"), count_release, &owner);
    outbuf_consume(&fixture->outbuf, 3);
    assert_int_equal(owner.releases, 0);
    outbuf_consume(&fixture->outbuf, 1);
    assert_int_equal(owner.releases, 1);
    outbuf_append_reference(&fixture->outbuf, SLICE(""), count_release, &empty);
    assert_int_equal(empty.releases, 1);
    outbuf_append_reference(&fixture->outbuf, SLICE("body"), count_release, &cleared);
    outbuf_clear(&fixture->outbuf);
    assert_int_equal(cleared.releases, 1);
    assert_int_equal(owner.releases, 1);
}

static void an_empty_outbuf_holds_no_chunk(void **state) {
    struct fixture *fixture = *state;
    append_small(&fixture->outbuf, "frame");
    assert_non_null(fixture->outbuf.open);
    outbuf_consume(&fixture->outbuf, 5);
    assert_null(fixture->outbuf.open);
    assert_int_equal(fixture->pool.spare_count, 1);
    append_small(&fixture->outbuf, "frame");
    assert_int_equal(fixture->pool.spare_count, 0);
}

static void the_pool_keeps_no_more_spares_than_allowed(void **state) {
    struct fixture *fixture = *state;
    static uint8_t octets[10 * OUTBUF_CHUNK_SIZE];
    outbuf_append(&fixture->outbuf, slice_of(octets, sizeof octets));
    outbuf_consume(&fixture->outbuf, sizeof octets);
    assert_int_equal(fixture->pool.spare_count, 2);
}

/* What an outbuf must do, told with one flat buffer. */
struct model {
    uint8_t *octets;
    size_t len;
};

static void model_append(struct model *model, struct slice bytes) {
    model->octets = realloc(model->octets, model->len + bytes.len + 1);
    memcpy(model->octets + model->len, bytes.data, bytes.len);
    model->len += bytes.len;
}

static void expect_same(const struct outbuf *outbuf, const struct model *model) {
    struct iovec iov[16];
    int count = outbuf_iovec(outbuf, iov, 16);
    size_t at = 0;
    for (int i = 0; i < count; i++) {
        assert_true(at + iov[i].iov_len <= model->len);
        assert_memory_equal(iov[i].iov_base, model->octets + at, iov[i].iov_len);
        at += iov[i].iov_len;
    }
    assert_int_equal(outbuf_size(outbuf), model->len);
    assert_true(count == 16 || at == model->len);
}

static void random_use_equals_a_flat_buffer(void **state) {
    struct fixture *fixture = *state;
    static uint8_t source[40000];
    struct model model = {0};
    struct owner owner = {0};
    unsigned seed = 20261121;
    int references = 0;
    for (size_t i = 0; i < sizeof source; i++)
        source[i] = (uint8_t)rand_r(&seed);
    for (int step = 0; step < 20000; step++) {
        size_t from = (size_t)rand_r(&seed) % 100;
        size_t len = (size_t)rand_r(&seed) % (step % 50 == 0 ? 39000 : 300);
        struct slice bytes = slice_of(source + from, len);
        switch (rand_r(&seed) % 4) {
        case 0:
            outbuf_append(&fixture->outbuf, bytes);
            model_append(&model, bytes);
            break;
        case 1:
            outbuf_append_reference(&fixture->outbuf, bytes, count_release, &owner);
            references++;
            model_append(&model, bytes);
            break;
        case 2:
            bytes.len = bytes.len > OUTBUF_RESERVE_MAX ? OUTBUF_RESERVE_MAX : bytes.len;
            memcpy(outbuf_reserve(&fixture->outbuf, bytes.len), bytes.data, bytes.len);
            outbuf_commit(&fixture->outbuf, bytes.len);
            model_append(&model, bytes);
            break;
        default:
            len = step % 7 == 0 ? model.len : (size_t)rand_r(&seed) % (model.len + 1);
            outbuf_consume(&fixture->outbuf, len);
            model.len -= len;
            memmove(model.octets, model.octets + len, model.len);
        }
        expect_same(&fixture->outbuf, &model);
    }
    outbuf_clear(&fixture->outbuf);
    assert_int_equal(owner.releases, references);
    free(model.octets);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(small_octets_become_one_piece, set_up, tear_down),
        cmocka_unit_test_setup_teardown(references_are_not_copied_and_keep_their_place, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_reference_is_released_once_when_its_last_octet_left,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_empty_outbuf_holds_no_chunk, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_pool_keeps_no_more_spares_than_allowed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(random_use_equals_a_flat_buffer, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
