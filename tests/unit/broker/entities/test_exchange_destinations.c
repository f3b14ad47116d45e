/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/exchange_destinations.h"

#include "tests/unit/broker/entities/support.h"

/* The names in their order, and in brackets how many bindings lead there. */
static const char *shown(struct fixture *f, const struct exchange_destinations *destinations) {
    text_clear(&f->text);
    for (size_t i = 0; i < destinations->count; i++) {
        const struct exchange_destination *destination = destinations->items[i];
        const struct binding *binding = exchange_destination_binding(destination);
        bool is_queue = binding->destination.queue != NULL;
        int count = 0;
        LIST_FOR_EACH(&destination->bindings, at)
        count += at != NULL;
        text_append_format(&f->text, "%s%c:" SLICE_FMT "[%d]", i == 0 ? "" : " ",
                           is_queue ? 'q' : 'e',
                           SLICE_ARG(is_queue ? binding->destination.queue->name
                                              : binding->destination.exchange->name),
                           count);
    }
    return text_chars(&f->text);
}

static void destinations_are_distinct_and_sorted_by_kind_and_name(void **state) {
    struct fixture *f = *state;
    struct exchange *x = declare_exchange(f, "x", "x-modulus-hash");

    declare_queue(f, "b");
    declare_queue(f, "a");
    declare_exchange(f, "c", "fanout");
    bind_queue(f, "x", "b", "1");
    bind_exchange(f, "x", "c", "1");
    bind_queue(f, "x", "a", "1");
    bind_queue(f, "x", "b", "2");
    assert_string_equal(shown(f, x->state), "e:c[1] q:a[1] q:b[2]");
    unbind_queue(f, "x", "b", "1");
    assert_string_equal(shown(f, x->state), "e:c[1] q:a[1] q:b[1]");
    unbind_queue(f, "x", "b", "2");
    unbind_queue(f, "x", "a", "1");
    assert_string_equal(shown(f, x->state), "e:c[1]");
}

static void oldest_binding_speaks_for_its_destination(void **state) {
    struct fixture *f = *state;
    struct exchange *x = declare_exchange(f, "x", "x-modulus-hash");
    const struct exchange_destinations *destinations = x->state;

    declare_queue(f, "a");
    bind_queue(f, "x", "a", "first");
    bind_queue(f, "x", "a", "second");
    assert_slice(exchange_destination_binding(destinations->items[0])->binding_key, "first");
    unbind_queue(f, "x", "a", "first");
    assert_slice(exchange_destination_binding(destinations->items[0])->binding_key, "second");
    bind_queue(f, "x", "a", "first");
    assert_slice(exchange_destination_binding(destinations->items[0])->binding_key, "second");
}

static void random_bindings_match_a_model(void **state) {
    struct fixture *f = *state;
    struct exchange *x = declare_exchange(f, "x", "x-modulus-hash");
    bool is_bound[26][3] = {{false}};
    char queue[2] = "a", key[2] = "0";
    struct text expected = {0};

    for (int i = 0; i < 26; i++) {
        queue[0] = (char)('a' + i);
        declare_queue(f, queue);
    }
    for (int step = 0; step < 2000; step++) {
        size_t q = random_below(&f->random, 26), k = random_below(&f->random, 3);
        queue[0] = (char)('a' + q);
        key[0] = (char)('0' + k);
        if (is_bound[q][k])
            unbind_queue(f, "x", queue, key);
        else
            bind_queue(f, "x", queue, key);
        is_bound[q][k] = !is_bound[q][k];
    }
    for (int q = 0; q < 26; q++) {
        int count = is_bound[q][0] + is_bound[q][1] + is_bound[q][2];
        if (count > 0)
            text_append_format(&expected, "%sq:%c[%d]", expected.len == 0 ? "" : " ", 'a' + q,
                               count);
    }
    assert_string_equal(shown(f, x->state), text_chars(&expected));
    text_clear(&expected);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(destinations_are_distinct_and_sorted_by_kind_and_name),
        FIXTURE_TEST(oldest_binding_speaks_for_its_destination),
        FIXTURE_TEST(random_bindings_match_a_model),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
