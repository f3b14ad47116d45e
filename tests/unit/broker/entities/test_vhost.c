/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/broker/entities/support.h"

static void predeclared_exchanges_are_there(void **state) {
    /* rows: 88 */
    static const struct {
        const char *name;
        const char *type;
    } expected[] = {
        {"", "direct"},
        {"amq.direct", "direct"},
        {"amq.fanout", "fanout"},
        {"amq.topic", "topic"},
        {"amq.headers", "headers"},
        {"amq.match", "headers"},
        {"amq.rabbitmq.trace", "topic"},
    };
    struct fixture *f = *state;

    assert_int_equal(MAP_COUNT(f->vhost->exchanges, by_name), 7);
    for (size_t i = 0; i < 7; i++) {
        struct exchange *exchange =
            vhost_find_exchange(f->vhost, slice_from_text(expected[i].name));
        assert_non_null(exchange);
        assert_string_equal(exchange->type->name, expected[i].type);
        assert_true(exchange->durable);
        assert_false(exchange->auto_delete);
    }
}

static void trace_exchange_is_internal(void **state) {
    /* rows: 89 */
    struct fixture *f = *state;

    assert_true(vhost_find_exchange(f->vhost, SLICE("amq.rabbitmq.trace"))->internal);
    assert_false(vhost_find_exchange(f->vhost, SLICE("amq.topic"))->internal);
}

static void auto_delete(struct fixture *f, const char *name) {
    assert_non_null(try_declare_exchange(
        f, (struct exchange_declaration){
               .name = slice_from_text(name), .type = SLICE("fanout"), .auto_delete = true}));
}

static void auto_delete_exchange_goes_with_its_last_outgoing_binding(void **state) {
    /* rows: 112 */
    struct fixture *f = *state;

    auto_delete(f, "x");
    declare_queue(f, "q");
    bind_queue(f, "x", "q", "a");
    bind_queue(f, "x", "q", "b");
    bind_exchange(f, "amq.fanout", "x", "");
    unbind_queue(f, "x", "q", "a");
    assert_true(exchange_exists(f, "x"));
    unbind_queue(f, "x", "q", "b");
    assert_false(exchange_exists(f, "x"));
    assert_string_equal(routed_to(f, "amq.fanout", ""), "");
    assert_int_equal(MAP_COUNT(f->vhost->bindings, by_identity), 0);
}

static void auto_delete_exchange_without_a_former_binding_stays(void **state) {
    /* rows: 113 */
    struct fixture *f = *state;

    auto_delete(f, "x");
    bind_exchange(f, "amq.fanout", "x", "");
    declare_queue(f, "q");
    unbind_queue(f, "x", "q", "never");
    vhost_remove_queue(vhost_find_queue(f->vhost, SLICE("q")));
    assert_true(exchange_exists(f, "x"));
}

static void auto_delete_source_goes_when_its_destination_is_deleted(void **state) {
    /* rows: 114 */
    struct fixture *f = *state;

    auto_delete(f, "to-queue");
    declare_queue(f, "q");
    bind_queue(f, "to-queue", "q", "");
    vhost_remove_queue(vhost_find_queue(f->vhost, SLICE("q")));
    assert_false(exchange_exists(f, "to-queue"));
    auto_delete(f, "to-exchange");
    declare_exchange(f, "x", "fanout");
    bind_exchange(f, "to-exchange", "x", "");
    assert_true(vhost_delete_exchange(f->vhost, SLICE("x"), false, &f->refusal));
    assert_false(exchange_exists(f, "to-exchange"));
}

static void auto_delete_chain_of_any_length_goes_without_recursion(void **state) {
    struct fixture *f = *state;
    char name[16];
    char previous[16];

    auto_delete(f, "x0");
    for (int i = 1; i < 20000; i++) {
        snprintf(previous, sizeof previous, "x%d", i - 1);
        snprintf(name, sizeof name, "x%d", i);
        auto_delete(f, name);
        bind_exchange(f, previous, name, "");
    }
    declare_queue(f, "q");
    bind_queue(f, name, "q", "");
    unbind_queue(f, name, "q", "");
    assert_int_equal(MAP_COUNT(f->vhost->exchanges, by_name), 7);
    assert_int_equal(MAP_COUNT(f->vhost->bindings, by_identity), 0);
}

static void auto_delete_cycle_goes_as_a_whole(void **state) {
    struct fixture *f = *state;

    auto_delete(f, "a");
    auto_delete(f, "b");
    bind_exchange(f, "a", "b", "");
    bind_exchange(f, "b", "a", "");
    bind_exchange(f, "a", "a", "");
    assert_true(vhost_delete_exchange(f->vhost, SLICE("b"), false, &f->refusal));
    assert_false(exchange_exists(f, "b"));
    assert_true(exchange_exists(f, "a")); /* still bound to itself */
    assert_true(vhost_delete_exchange(f->vhost, SLICE("a"), false, &f->refusal));
    assert_false(exchange_exists(f, "a"));
}

static void deleted_queue_takes_its_bindings(void **state) {
    /* rows: 168 */
    struct fixture *f = *state;

    declare_queue(f, "q");
    bind_queue(f, "amq.direct", "q", "a");
    bind_queue(f, "amq.topic", "q", "a.#");
    bind_queue(f, "amq.fanout", "q", "");
    bind_queue(f, "amq.headers", "q", "");
    vhost_remove_queue(vhost_find_queue(f->vhost, SLICE("q")));
    assert_int_equal(MAP_COUNT(f->vhost->bindings, by_identity), 0);
    declare_queue(f, "q");
    assert_string_equal(routed_to(f, "amq.direct", "a"), "");
    assert_string_equal(routed_to(f, "amq.topic", "a"), "");
    assert_string_equal(routed_to(f, "amq.fanout", "a"), "");
    assert_string_equal(routed_to(f, "amq.headers", "a"), "");
}

static void queues_and_exchanges_move_the_routing_generation(void **state) {
    struct fixture *f = *state;
    uint64_t generation = f->vhost->routing_generation;

    declare_queue(f, "q");
    assert_true(f->vhost->routing_generation > generation);
    generation = f->vhost->routing_generation;
    vhost_remove_queue(vhost_find_queue(f->vhost, SLICE("q")));
    assert_true(f->vhost->routing_generation > generation);
    generation = f->vhost->routing_generation;
    declare_exchange(f, "x", "fanout");
    assert_true(f->vhost->routing_generation > generation);
    generation = f->vhost->routing_generation;
    vhost_remove_exchange(vhost_find_exchange(f->vhost, SLICE("x")));
    assert_true(f->vhost->routing_generation > generation);
}

static void line_ends_are_taken_out_of_names(void **state) {
    /* rows: 105 */
    uint8_t buffer[255];
    struct slice clean = SLICE("name");

    (void)state;
    assert_slice(entity_name_clean(SLICE("a\r\nb\nc\r"), buffer), "abc");
    assert_slice(entity_name_clean(SLICE("\r\n"), buffer), "");
    assert_ptr_equal(entity_name_clean(clean, buffer).data, clean.data);
    assert_int_equal(entity_name_clean(NO_TABLE, buffer).len, 0);
}

static void reply_names_are_told_from_others(void **state) {
    (void)state;
    assert_true(entity_name_is_direct_reply(SLICE("amq.rabbitmq.reply-to")));
    assert_true(entity_name_is_direct_reply(SLICE("amq.rabbitmq.reply-to.abc")));
    assert_false(entity_name_is_direct_reply(SLICE("amq.rabbitmq.reply-tox")));
    assert_false(entity_name_is_direct_reply(SLICE("amq.rabbitmq.reply")));
    assert_false(entity_name_is_direct_reply(NO_TABLE));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(predeclared_exchanges_are_there),
        FIXTURE_TEST(trace_exchange_is_internal),
        FIXTURE_TEST(auto_delete_exchange_goes_with_its_last_outgoing_binding),
        FIXTURE_TEST(auto_delete_exchange_without_a_former_binding_stays),
        FIXTURE_TEST(auto_delete_source_goes_when_its_destination_is_deleted),
        FIXTURE_TEST(auto_delete_chain_of_any_length_goes_without_recursion),
        FIXTURE_TEST(auto_delete_cycle_goes_as_a_whole),
        FIXTURE_TEST(deleted_queue_takes_its_bindings),
        FIXTURE_TEST(queues_and_exchanges_move_the_routing_generation),
        cmocka_unit_test(line_ends_are_taken_out_of_names),
        cmocka_unit_test(reply_names_are_told_from_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
