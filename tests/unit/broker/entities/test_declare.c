/* SPDX-License-Identifier: Apache-2.0 */
/* Declare, delete, bind and unbind: what is refused, in which order and with which words. */
#include "tests/unit/broker/entities/support.h"

#define LOCKED_TEXT                                                                              \
    "cannot obtain exclusive access to locked queue 'q' in vhost '/'. It could be originally "   \
    "declared on another connection or the exclusive property value does not match that of the " \
    "original declaration."

/* A table of one entry, valid until the builder is cleared. */
static struct slice one_text(struct amqp_table_builder *b, const char *name, const char *text) {
    amqp_table_builder_clear(b);
    amqp_table_put_text(b, slice_from_text(name), slice_from_text(text));
    return amqp_table_builder_finish(b);
}

static struct slice one_int(struct amqp_table_builder *b, const char *name, char tag,
                            int64_t value) {
    amqp_table_builder_clear(b);
    amqp_table_put_int(b, slice_from_text(name), tag, value);
    return amqp_table_builder_finish(b);
}

/* -- Exchanges --------------------------------------------------------------------------------- */

static void exchange_is_created_and_redeclared(void **state) {
    /* rows: 90 */
    struct fixture *f = *state;
    struct exchange_declaration declaration = {.name = SLICE("x"),
                                               .type = SLICE("topic"),
                                               .durable = true,
                                               .auto_delete = true,
                                               .internal = true};
    struct exchange *exchange = try_declare_exchange(f, declaration);

    assert_non_null(exchange);
    assert_ptr_equal(exchange->type, &exchange_type_topic);
    assert_true(exchange->durable);
    assert_true(exchange->auto_delete);
    assert_true(exchange->internal);
    assert_ptr_equal(try_declare_exchange(f, declaration), exchange);
    assert_ptr_equal(vhost_find_exchange(f->vhost, SLICE("x")), exchange);
}

static void exchange_type_must_agree(void **state) {
    /* rows: 91 */
    struct fixture *f = *state;

    declare_exchange(f, "x", "headers");
    assert_null(try_declare_exchange(f, (struct exchange_declaration){.name = SLICE("x"),
                                                                      .type = SLICE("fanout"),
                                                                      .durable = true}));
    assert_refused(f, 406,
                   "inequivalent arg 'type' for exchange 'x' in vhost '/': "
                   "received 'fanout' but current is 'headers'");
}

static void exchange_durability_must_agree(void **state) {
    /* rows: 92 */
    struct fixture *f = *state;

    assert_null(try_declare_exchange(f, (struct exchange_declaration){.name = SLICE("amq.direct"),
                                                                      .type = SLICE("direct"),
                                                                      .auto_delete = true}));
    assert_refused(f, 406,
                   "inequivalent arg 'durable' for exchange 'amq.direct' in vhost '/': "
                   "received 'false' but current is 'true'");
}

static void exchange_auto_delete_must_agree(void **state) {
    /* rows: 93 */
    struct fixture *f = *state;

    declare_exchange(f, "x", "direct");
    assert_null(try_declare_exchange(f, (struct exchange_declaration){.name = SLICE("x"),
                                                                      .type = SLICE("direct"),
                                                                      .auto_delete = true,
                                                                      .internal = true}));
    assert_refused(f, 406,
                   "inequivalent arg 'auto_delete' for exchange 'x' in vhost '/': "
                   "received 'true' but current is 'false'");
}

static void exchange_internal_must_agree(void **state) {
    /* rows: 94 */
    struct fixture *f = *state;
    struct amqp_table_builder b = {0};

    declare_exchange(f, "x", "direct");
    assert_null(try_declare_exchange(
        f, (struct exchange_declaration){.name = SLICE("x"),
                                         .type = SLICE("direct"),
                                         .internal = true,
                                         .arguments = one_text(&b, "alternate-exchange", "y")}));
    assert_refused(f, 406,
                   "inequivalent arg 'internal' for exchange 'x' in vhost '/': "
                   "received 'true' but current is 'false'");
    amqp_table_builder_clear(&b);
}

static void unknown_exchange_arguments_need_not_agree(void **state) {
    /* rows: 95 */
    struct fixture *f = *state;
    struct amqp_table_builder b = {0};
    struct exchange *exchange = declare_exchange(f, "x", "direct");

    assert_ptr_equal(
        try_declare_exchange(
            f, (struct exchange_declaration){.name = SLICE("x"),
                                             .type = SLICE("direct"),
                                             .arguments = one_text(&b, "x-foo", "bar")}),
        exchange);
    amqp_table_builder_clear(&b);
}

static void alternate_exchange_must_agree(void **state) {
    /* rows: 96 */
    struct fixture *f = *state;
    struct amqp_table_builder b = {0};
    struct exchange_declaration declaration = {.name = SLICE("ax"), .type = SLICE("direct")};

    declaration.arguments = one_text(&b, "alternate-exchange", "nowhere");
    assert_non_null(try_declare_exchange(f, declaration));
    assert_non_null(try_declare_exchange(f, declaration));
    declaration.arguments = one_text(&b, "alternate-exchange", "foo");
    assert_null(try_declare_exchange(f, declaration));
    assert_refused(f, 406,
                   "inequivalent arg 'alternate-exchange' for exchange 'ax' in vhost '/': "
                   "received 'foo' but current is 'nowhere'");
    declaration.arguments = NO_TABLE;
    assert_null(try_declare_exchange(f, declaration));
    assert_refused(f, 406,
                   "inequivalent arg 'alternate-exchange' for exchange 'ax' in vhost '/': "
                   "received none but current is the value 'nowhere' of type 'longstr'");
    declare_exchange(f, "plain", "direct");
    declaration.name = SLICE("plain");
    declaration.arguments = one_text(&b, "alternate-exchange", "foo");
    assert_null(try_declare_exchange(f, declaration));
    assert_refused(f, 406,
                   "inequivalent arg 'alternate-exchange' for exchange 'plain' in vhost '/': "
                   "received the value 'foo' of type 'longstr' but current is none");
    amqp_table_builder_clear(&b);
}

static void alternate_exchange_must_be_text(void **state) {
    /* rows: 97 */
    struct fixture *f = *state;
    struct amqp_table_builder b = {0};

    assert_null(try_declare_exchange(
        f, (struct exchange_declaration){
               .name = SLICE("axx"),
               .type = SLICE("direct"),
               .arguments = one_int(&b, "alternate-exchange", AMQP_TAG_INT32, 5)}));
    assert_refused(f, 406,
                   "invalid type 'signedint' for arg 'alternate-exchange' in exchange 'axx' in "
                   "vhost '/'");
    assert_false(exchange_exists(f, "axx"));
    amqp_table_builder_clear(&b);
}

static void unknown_exchange_type_is_refused_first(void **state) {
    /* rows: 98 */
    struct fixture *f = *state;

    assert_null(try_declare_exchange(
        f, (struct exchange_declaration){.name = SLICE(""), .type = SLICE("nosuch")}));
    assert_refused(f, 406, "unknown exchange type 'nosuch'");
}

static void default_exchange_is_not_declared(void **state) {
    /* rows: 99 */
    struct fixture *f = *state;

    assert_null(try_declare_exchange(f, (struct exchange_declaration){.type = SLICE("direct")}));
    assert_refused(f, 403, "operation not permitted on the default exchange");
}

static void reserved_exchange_name_is_not_declared(void **state) {
    /* rows: 100 */
    struct fixture *f = *state;
    struct amqp_table_builder b = {0};

    assert_null(try_declare_exchange(
        f, (struct exchange_declaration){
               .name = SLICE("amq.foo"),
               .type = SLICE("direct"),
               .arguments = one_int(&b, "alternate-exchange", AMQP_TAG_INT32, 5)}));
    assert_refused(f, 403, "exchange name 'amq.foo' contains reserved prefix 'amq.*'");
    amqp_table_builder_clear(&b);
}

static void predeclared_exchange_is_redeclared(void **state) {
    /* rows: 101 */
    struct fixture *f = *state;

    assert_non_null(try_declare_exchange(
        f, (struct exchange_declaration){
               .name = SLICE("amq.direct"), .type = SLICE("direct"), .durable = true}));
}

static void passive_declare_of_a_missing_exchange_is_not_found(void **state) {
    /* rows: 102 */
    struct fixture *f = *state;

    assert_null(try_declare_exchange(
        f, (struct exchange_declaration){.name = SLICE("x"), .passive = true}));
    assert_refused(f, 404, "no exchange 'x' in vhost '/'");
}

static void passive_declare_looks_at_nothing_but_the_name(void **state) {
    /* rows: 103 */
    struct fixture *f = *state;
    struct exchange *exchange = declare_exchange(f, "x", "direct");

    assert_ptr_equal(try_declare_exchange(f, (struct exchange_declaration){.name = SLICE("x"),
                                                                           .type = SLICE("nosuch"),
                                                                           .passive = true,
                                                                           .durable = true}),
                     exchange);
}

static void passive_declare_of_the_default_exchange_is_refused(void **state) {
    /* rows: 104 */
    struct fixture *f = *state;

    assert_null(try_declare_exchange(f, (struct exchange_declaration){.passive = true}));
    assert_refused(f, 403, "operation not permitted on the default exchange");
}

static bool delete_exchange(struct fixture *f, const char *name, bool if_unused) {
    f->refusal = (struct refusal){0};
    return vhost_delete_exchange(f->vhost, slice_from_text(name), if_unused, &f->refusal);
}

static void deleting_a_missing_exchange_succeeds(void **state) {
    /* rows: 106 */
    struct fixture *f = *state;

    assert_true(delete_exchange(f, "x", true));
}

static void system_exchange_is_not_deleted(void **state) {
    /* rows: 107 */
    struct fixture *f = *state;

    assert_false(delete_exchange(f, "amq.direct", false));
    assert_refused(f, 403, "deletion of system exchange 'amq.direct' in vhost '/' not allowed");
    assert_true(exchange_exists(f, "amq.direct"));
    assert_false(delete_exchange(f, "amq.missing", false));
    assert_refused(f, 403, "deletion of system exchange 'amq.missing' in vhost '/' not allowed");
}

static void default_exchange_is_not_deleted(void **state) {
    /* rows: 108 */
    struct fixture *f = *state;

    assert_false(delete_exchange(f, "", false));
    assert_refused(f, 403, "operation not permitted on the default exchange");
}

static void used_source_is_not_deleted_if_unused(void **state) {
    /* rows: 109 */
    struct fixture *f = *state;

    declare_exchange(f, "x", "direct");
    declare_queue(f, "q");
    bind_queue(f, "x", "q", "k");
    assert_false(delete_exchange(f, "x", true));
    assert_refused(f, 406, "exchange 'x' in vhost '/' in use");
    assert_true(delete_exchange(f, "x", false));
    assert_false(exchange_exists(f, "x"));
}

static void destination_counts_as_unused(void **state) {
    /* rows: 110 */
    struct fixture *f = *state;

    declare_exchange(f, "x", "direct");
    bind_exchange(f, "amq.fanout", "x", "k");
    assert_true(delete_exchange(f, "x", true));
    assert_false(exchange_exists(f, "x"));
    assert_string_equal(routed_to(f, "amq.fanout", ""), "");
}

/* -- Queues ------------------------------------------------------------------------------------ */

static void nameless_queue_gets_a_name(void **state) {
    /* rows: 175 */
    struct fixture *f = *state;
    struct queue *queue = declare_queue(f, "");

    assert_true(slice_has_prefix(queue->name, SLICE("amq.gen-")));
    assert_int_equal(queue->name.len, 8 + 22);
    assert_ptr_equal(vhost_find_queue(f->vhost, queue->name), queue);
    assert_ptr_not_equal(declare_queue(f, ""), queue);
}

static void reserved_queue_name_is_refused_even_when_it_exists(void **state) {
    /* rows: 176 */
    struct fixture *f = *state;
    struct queue *queue = declare_queue(f, "");
    struct text expected = {0};

    assert_null(try_declare_queue(f, (struct queue_declaration){.name = SLICE("amq.foo")}));
    assert_refused(f, 403, "queue name 'amq.foo' contains reserved prefix 'amq.*'");
    assert_null(try_declare_queue(f, (struct queue_declaration){.name = queue->name}));
    text_append_format(&expected, "queue name '" SLICE_FMT "' contains reserved prefix 'amq.*'",
                       SLICE_ARG(queue->name));
    assert_refused(f, 403, text_chars(&expected));
    text_clear(&expected);
}

static void passive_declare_of_a_missing_queue_is_not_found(void **state) {
    /* rows: 178 */
    struct fixture *f = *state;

    assert_null(
        try_declare_queue(f, (struct queue_declaration){.name = SLICE("q"), .passive = true}));
    assert_refused(f, 404, "no queue 'q' in vhost '/'");
}

static void passive_declare_needs_a_name(void **state) {
    /* rows: 179 */
    struct fixture *f = *state;

    declare_queue(f, "");
    assert_null(try_declare_queue(f, (struct queue_declaration){.passive = true}));
    assert_refused(f, 404, "no queue '' in vhost '/'");
}

static void passive_declare_looks_at_nothing_but_name_and_owner(void **state) {
    struct fixture *f = *state;
    struct queue *queue = declare_queue(f, "q");

    assert_ptr_equal(try_declare_queue(f, (struct queue_declaration){.name = SLICE("q"),
                                                                     .passive = true,
                                                                     .durable = true,
                                                                     .exclusive = true,
                                                                     .auto_delete = true}),
                     queue);
}

static void queue_durability_must_agree(void **state) {
    /* rows: 181 */
    struct fixture *f = *state;

    declare_queue(f, "dq");
    assert_null(try_declare_queue(
        f, (struct queue_declaration){.name = SLICE("dq"), .durable = true, .auto_delete = true}));
    assert_refused(f, 406,
                   "inequivalent arg 'durable' for queue 'dq' in vhost '/': "
                   "received 'true' but current is 'false'");
}

static void queue_auto_delete_must_agree(void **state) {
    /* rows: 182 */
    struct fixture *f = *state;

    declare_queue(f, "dq");
    assert_null(
        try_declare_queue(f, (struct queue_declaration){.name = SLICE("dq"), .auto_delete = true}));
    assert_refused(f, 406,
                   "inequivalent arg 'auto_delete' for queue 'dq' in vhost '/': "
                   "received 'true' but current is 'false'");
}

static void exclusive_queue_is_locked_to_others(void **state) {
    /* rows: 188 189 */
    struct fixture *f = *state;
    struct queue_declaration declaration = {.name = SLICE("q"), .exclusive = true};
    struct queue *queue = try_declare_queue(f, declaration);

    assert_non_null(queue);
    assert_ptr_equal(try_declare_queue(f, declaration), queue);
    declaration.connection = &f->connections[1];
    declaration.durable = true; /* ownership comes before every other difference */
    declaration.auto_delete = true;
    assert_null(try_declare_queue(f, declaration));
    assert_refused(f, 405, LOCKED_TEXT);
    declaration.passive = true;
    assert_null(try_declare_queue(f, declaration));
    assert_refused(f, 405, LOCKED_TEXT);
    declaration.connection = &f->connections[0];
    assert_ptr_equal(try_declare_queue(f, declaration), queue);
    assert_null(try_declare_queue(f, (struct queue_declaration){.name = SLICE("q")}));
    assert_refused(f, 405, LOCKED_TEXT);
}

static void shared_queue_does_not_become_exclusive(void **state) {
    /* rows: 191 */
    struct fixture *f = *state;

    declare_queue(f, "q");
    assert_null(
        try_declare_queue(f, (struct queue_declaration){.name = SLICE("q"), .exclusive = true}));
    assert_refused(f, 405, LOCKED_TEXT);
}

static void exclusive_queue_is_never_durable(void **state) {
    /* rows: 194 */
    struct fixture *f = *state;
    struct queue_declaration declaration = {.name = SLICE("q"), .exclusive = true, .durable = true};
    struct queue *queue = try_declare_queue(f, declaration);

    assert_non_null(queue);
    assert_false(queue->durable);
    assert_ptr_equal(try_declare_queue(f, declaration), queue);
    declaration.durable = false;
    assert_ptr_equal(try_declare_queue(f, declaration), queue);
}

static void transient_queues_can_be_forbidden(void **state) {
    /* rows: 205 */
    struct fixture *f = *state;

    declare_queue(f, "before");
    f->broker->settings.permit_transient_queues = false;
    assert_null(try_declare_queue(f, (struct queue_declaration){.name = SLICE("q")}));
    assert_int_equal(f->refusal.reply_code, 541);
    assert_non_null(strstr(f->refusal.text, "Feature `transient_nonexcl_queues` is deprecated."));
    assert_null(vhost_find_queue(f->vhost, SLICE("q")));
    assert_non_null(
        try_declare_queue(f, (struct queue_declaration){.name = SLICE("d"), .durable = true}));
    assert_non_null(
        try_declare_queue(f, (struct queue_declaration){.name = SLICE("e"), .exclusive = true}));
    assert_non_null(try_declare_queue(f, (struct queue_declaration){.name = SLICE("before")}));
}

static void created_is_told_and_counted_once(void **state) {
    struct fixture *f = *state;
    struct queue_declaration declaration = {.name = SLICE("q")};
    bool created = false;

    assert_non_null(vhost_declare_queue(f->vhost, &declaration, &created, &f->refusal));
    assert_true(created);
    assert_non_null(vhost_declare_queue(f->vhost, &declaration, &created, &f->refusal));
    assert_false(created);
    assert_int_equal(f->broker->counters.queues_created, 1);
}

static struct message *message_of(struct fixture *f) {
    static const uint8_t header[] = {0, 60, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0};

    return message_create(&f->broker->messages, NO_TABLE, SLICE("q"),
                          slice_of(header, sizeof header), NO_TABLE);
}

static void publish(struct fixture *f, struct queue *queue) {
    struct message *message = message_of(f);

    assert_non_null(message);
    queue_publish(queue, message);
    message_unref(message);
}

static bool delete_queue(struct fixture *f, const char *name, bool if_unused, bool if_empty,
                         size_t *ret_count) {
    f->refusal = (struct refusal){0};
    return vhost_delete_queue(f->vhost, slice_from_text(name), &f->connections[0], if_unused,
                              if_empty, ret_count, &f->refusal);
}

static void deleting_a_missing_queue_succeeds(void **state) {
    /* rows: 198 */
    struct fixture *f = *state;
    size_t count = 99;

    assert_true(delete_queue(f, "q", true, true, &count));
    assert_int_equal(count, 0);
}

static bool no_credit(struct consumer *consumer) {
    (void)consumer;
    return false;
}

static void on_queue_deleted(struct consumer *consumer) {
    assert_null(consumer->queue);
}

static void queue_with_consumers_is_in_use(void **state) {
    /* rows: 199 */
    static const struct consumer_ops ops = {.has_credit = no_credit,
                                            .on_queue_deleted = on_queue_deleted};
    struct fixture *f = *state;
    struct consumer consumer = {.ops = &ops};
    size_t count = 99;

    assert_true(queue_add_consumer(declare_queue(f, "q"), &consumer, &f->refusal));
    assert_false(delete_queue(f, "q", true, false, &count));
    assert_refused(f, 406, "queue 'q' in vhost '/' in use");
    assert_int_equal(count, 99);
    assert_true(delete_queue(f, "q", false, true, &count));
    assert_null(consumer.queue);
}

static void queue_with_messages_is_not_empty(void **state) {
    /* rows: 200 */
    static const struct consumer_ops ops = {.has_credit = no_credit,
                                            .on_queue_deleted = on_queue_deleted};
    struct fixture *f = *state;
    struct queue *queue = declare_queue(f, "q");
    struct consumer consumer = {.ops = &ops};
    size_t count;

    publish(f, queue);
    assert_true(queue_add_consumer(queue, &consumer, &f->refusal));
    assert_false(delete_queue(f, "q", true, true, &count));
    assert_refused(f, 406, "queue 'q' in vhost '/' not empty");
    queue_remove_consumer(queue, &consumer);
}

static void delete_tells_the_ready_messages(void **state) {
    /* rows: 201 */
    struct fixture *f = *state;
    struct queue *queue = declare_queue(f, "q");
    struct entry entry;
    size_t count = 0;

    for (int i = 0; i < 3; i++)
        publish(f, queue);
    assert_true(queue_get(queue, false, &entry));
    assert_true(delete_queue(f, "q", false, false, &count));
    assert_int_equal(count, 2);
    assert_null(vhost_find_queue(f->vhost, SLICE("q")));
    queue_ack(queue, entry);
}

static void exclusive_queue_is_deleted_by_its_owner_only(void **state) {
    struct fixture *f = *state;
    size_t count;

    assert_non_null(try_declare_queue(
        f, (struct queue_declaration){
               .name = SLICE("q"), .exclusive = true, .connection = &f->connections[1]}));
    assert_false(delete_queue(f, "q", true, true, &count));
    assert_refused(f, 405, LOCKED_TEXT);
}

/* -- Bindings ---------------------------------------------------------------------------------- */

static void binding_a_missing_queue_is_not_found(void **state) {
    /* rows: 157 */
    struct fixture *f = *state;

    assert_false(try_bind(f, binding_request(f, "amq.direct", "q", "k", NO_TABLE)));
    assert_refused(f, 404, "no queue 'q' in vhost '/'");
}

static void binding_to_a_missing_exchange_is_not_found(void **state) {
    /* rows: 158 */
    struct fixture *f = *state;
    struct binding_request request = binding_request(f, "x", "q", "k", NO_TABLE);

    declare_queue(f, "q");
    assert_false(try_bind(f, request));
    assert_refused(f, 404, "no exchange 'x' in vhost '/'");
    request = binding_request(f, "amq.direct", "y", "k", NO_TABLE);
    request.destination_is_queue = false;
    assert_false(try_bind(f, request));
    assert_refused(f, 404, "no exchange 'y' in vhost '/'");
}

static void of_two_missing_the_source_is_reported(void **state) {
    /* rows: 159 */
    struct fixture *f = *state;
    struct binding_request request = binding_request(f, "x", "q", "k", NO_TABLE);

    assert_false(try_bind(f, request));
    assert_refused(f, 404, "no exchange 'x' in vhost '/'");
    request.destination_is_queue = false;
    assert_false(try_bind(f, request));
    assert_refused(f, 404, "no exchange 'x' in vhost '/'");
}

static void default_exchange_is_not_bound(void **state) {
    /* rows: 160 */
    struct fixture *f = *state;
    struct binding_request request = binding_request(f, "", "missing", "k", NO_TABLE);

    assert_false(try_bind(f, request));
    assert_refused(f, 403, "operation not permitted on the default exchange");
    assert_false(try_unbind(f, request));
    assert_refused(f, 403, "operation not permitted on the default exchange");
    request = binding_request(f, "missing", "", "k", NO_TABLE);
    request.destination_is_queue = false;
    assert_false(try_bind(f, request));
    assert_refused(f, 403, "operation not permitted on the default exchange");
    assert_false(try_unbind(f, request));
    assert_refused(f, 403, "operation not permitted on the default exchange");
}

static void internal_exchange_is_bound_at_both_ends(void **state) {
    /* rows: 117 */
    struct fixture *f = *state;

    declare_queue(f, "q");
    assert_non_null(try_declare_exchange(f, (struct exchange_declaration){.name = SLICE("x"),
                                                                          .type = SLICE("fanout"),
                                                                          .internal = true}));
    bind_exchange(f, "amq.fanout", "x", "");
    bind_queue(f, "x", "q", "");
    assert_string_equal(routed_to(f, "amq.fanout", ""), "q");
}

static void unbinding_what_is_missing_succeeds(void **state) {
    /* rows: 163 */
    struct fixture *f = *state;
    struct binding_request request = binding_request(f, "amq.direct", "y", "k", NO_TABLE);

    assert_true(try_unbind(f, binding_request(f, "x", "q", "k", NO_TABLE)));
    assert_true(try_unbind(f, binding_request(f, "amq.direct", "q", "k", NO_TABLE)));
    declare_queue(f, "q");
    assert_true(try_unbind(f, binding_request(f, "amq.direct", "q", "k", NO_TABLE)));
    request.destination_is_queue = false;
    assert_true(try_unbind(f, request));
}

static void exclusive_queue_is_bound_by_its_owner_only(void **state) {
    /* rows: 169 */
    struct fixture *f = *state;
    struct binding_request request = binding_request(f, "amq.topic", "q", "k", NO_TABLE);

    assert_non_null(
        try_declare_queue(f, (struct queue_declaration){.name = SLICE("q"), .exclusive = true}));
    request.connection = &f->connections[1];
    assert_false(try_bind(f, request));
    assert_refused(f, 405, LOCKED_TEXT);
    assert_true(try_unbind(f, request)); /* there is no such binding yet */
    bind_queue(f, "amq.topic", "q", "k");
    assert_false(try_unbind(f, request));
    assert_refused(f, 405, LOCKED_TEXT);
    request.binding_key = SLICE("#.#.#"); /* the key is judged before the owner */
    assert_false(try_bind(f, request));
    assert_int_equal(f->refusal.reply_code, 406);
}

static void reply_queue_is_not_bound(void **state) {
    struct fixture *f = *state;
    struct binding_request request =
        binding_request(f, "", "amq.rabbitmq.reply-to.abc", "k", NO_TABLE);

    assert_false(try_bind(f, request));
    assert_refused(f, 403, "cannot bind or unbind to a volatile (direct reply-to) queue");
    assert_false(try_unbind(f, request));
    assert_refused(f, 403, "cannot bind or unbind to a volatile (direct reply-to) queue");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(exchange_is_created_and_redeclared),
        FIXTURE_TEST(exchange_type_must_agree),
        FIXTURE_TEST(exchange_durability_must_agree),
        FIXTURE_TEST(exchange_auto_delete_must_agree),
        FIXTURE_TEST(exchange_internal_must_agree),
        FIXTURE_TEST(unknown_exchange_arguments_need_not_agree),
        FIXTURE_TEST(alternate_exchange_must_agree),
        FIXTURE_TEST(alternate_exchange_must_be_text),
        FIXTURE_TEST(unknown_exchange_type_is_refused_first),
        FIXTURE_TEST(default_exchange_is_not_declared),
        FIXTURE_TEST(reserved_exchange_name_is_not_declared),
        FIXTURE_TEST(predeclared_exchange_is_redeclared),
        FIXTURE_TEST(passive_declare_of_a_missing_exchange_is_not_found),
        FIXTURE_TEST(passive_declare_looks_at_nothing_but_the_name),
        FIXTURE_TEST(passive_declare_of_the_default_exchange_is_refused),
        FIXTURE_TEST(deleting_a_missing_exchange_succeeds),
        FIXTURE_TEST(system_exchange_is_not_deleted),
        FIXTURE_TEST(default_exchange_is_not_deleted),
        FIXTURE_TEST(used_source_is_not_deleted_if_unused),
        FIXTURE_TEST(destination_counts_as_unused),
        FIXTURE_TEST(nameless_queue_gets_a_name),
        FIXTURE_TEST(reserved_queue_name_is_refused_even_when_it_exists),
        FIXTURE_TEST(passive_declare_of_a_missing_queue_is_not_found),
        FIXTURE_TEST(passive_declare_needs_a_name),
        FIXTURE_TEST(passive_declare_looks_at_nothing_but_name_and_owner),
        FIXTURE_TEST(queue_durability_must_agree),
        FIXTURE_TEST(queue_auto_delete_must_agree),
        FIXTURE_TEST(exclusive_queue_is_locked_to_others),
        FIXTURE_TEST(shared_queue_does_not_become_exclusive),
        FIXTURE_TEST(exclusive_queue_is_never_durable),
        FIXTURE_TEST(transient_queues_can_be_forbidden),
        FIXTURE_TEST(created_is_told_and_counted_once),
        FIXTURE_TEST(deleting_a_missing_queue_succeeds),
        FIXTURE_TEST(queue_with_consumers_is_in_use),
        FIXTURE_TEST(queue_with_messages_is_not_empty),
        FIXTURE_TEST(delete_tells_the_ready_messages),
        FIXTURE_TEST(exclusive_queue_is_deleted_by_its_owner_only),
        FIXTURE_TEST(binding_a_missing_queue_is_not_found),
        FIXTURE_TEST(binding_to_a_missing_exchange_is_not_found),
        FIXTURE_TEST(of_two_missing_the_source_is_reported),
        FIXTURE_TEST(default_exchange_is_not_bound),
        FIXTURE_TEST(internal_exchange_is_bound_at_both_ends),
        FIXTURE_TEST(unbinding_what_is_missing_succeeds),
        FIXTURE_TEST(exclusive_queue_is_bound_by_its_owner_only),
        FIXTURE_TEST(reply_queue_is_not_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
