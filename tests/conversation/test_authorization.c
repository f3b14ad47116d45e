/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may do what: every method of the dispatch table against every role, and each permission it needs
 * for itself (compat 4.1). A sample says what a method asks for; the matrix sends it as a user who has
 *
 *   any subset of configure, write and read on everything: allowed exactly when the subset is enough
 *   exactly what the sample asks for, by name: allowed
 *   the same but for one: 403, and the text names what is missing
 *   nothing: allowed exactly when the table says that no permission is needed
 */
#include <stdio.h>
#include <string.h>

#include "broker/entities/permission.h"
#include "broker/entities/user.h"
#include "broker/entities/vhost.h"
#include "broker/protocol/dispatch.h"
#include "tests/support/arguments.h"
#include "tests/support/peer.h"

#define NEEDS_MAX 3

struct need {
    enum access access;
    const char *resource; /* as in the text: queue 'q' */
    const char *name;
};

struct sample {
    const char *what;
    struct amqp_method method;
    struct need needs[NEEDS_MAX]; /* up to one without a name */
    bool needs_any;               /* one of the three, on the first need's resource */
    const char *argument;         /* of a declare: the argument that names the exchange "onward" */
};

#define METHOD_SAMPLE(name_, ...) \
    .method = {.id = (enum amqp_method_id)peer_id_##name_, .name_ = {__VA_ARGS__}}
#define EXCHANGE(name) "exchange '" name "'", name
#define QUEUE(name)    "queue '" name "'", name

/* There are: queue "q", topic exchanges "source" and "target", queue "q" bound to "source". */
/* clang-format off */
static const struct sample samples[] = {
    {"declare a new exchange",
     METHOD_SAMPLE(exchange_declare, .exchange = SLICE("new"), .type = SLICE("fanout")),
     .needs = {{ACCESS_CONFIGURE, EXCHANGE("new")}}},
    {"declare an exchange that exists",
     METHOD_SAMPLE(exchange_declare, .exchange = SLICE("source"), .type = SLICE("topic")),
     .needs = {{ACCESS_CONFIGURE, EXCHANGE("source")}}},
    {"declare an exchange with an alternate",
     METHOD_SAMPLE(exchange_declare, .exchange = SLICE("new"), .type = SLICE("fanout")),
     .needs = {{ACCESS_CONFIGURE, EXCHANGE("new")}, {ACCESS_READ, EXCHANGE("new")},
               {ACCESS_WRITE, EXCHANGE("onward")}},
     .argument = "alternate-exchange"},
    {"look for an exchange",
     METHOD_SAMPLE(exchange_declare, .exchange = SLICE("source"), .type = SLICE("topic"), .passive = true),
     .needs = {{ACCESS_CONFIGURE, EXCHANGE("source")}}, .needs_any = true},
    {"look for an exchange that is missing",
     METHOD_SAMPLE(exchange_declare, .exchange = SLICE("missing"), .type = SLICE("topic"), .passive = true),
     .needs = {{ACCESS_CONFIGURE, EXCHANGE("missing")}}, .needs_any = true},
    {"delete an exchange",
     METHOD_SAMPLE(exchange_delete, .exchange = SLICE("target")),
     .needs = {{ACCESS_CONFIGURE, EXCHANGE("target")}}},
    {"delete an exchange that is missing",
     METHOD_SAMPLE(exchange_delete, .exchange = SLICE("missing")),
     .needs = {{ACCESS_CONFIGURE, EXCHANGE("missing")}}},
    {"bind an exchange",
     METHOD_SAMPLE(exchange_bind, .destination = SLICE("target"), .source = SLICE("source")),
     .needs = {{ACCESS_WRITE, EXCHANGE("target")}, {ACCESS_READ, EXCHANGE("source")}}},
    {"bind an internal exchange",
     METHOD_SAMPLE(exchange_bind, .destination = SLICE("inner"), .source = SLICE("source")),
     .needs = {{ACCESS_WRITE, EXCHANGE("inner")}, {ACCESS_READ, EXCHANGE("source")}}},
    {"unbind an exchange",
     METHOD_SAMPLE(exchange_unbind, .destination = SLICE("target"), .source = SLICE("source")),
     .needs = {{ACCESS_WRITE, EXCHANGE("target")}, {ACCESS_READ, EXCHANGE("source")}}},
    {"declare a new queue",
     METHOD_SAMPLE(queue_declare, .queue = SLICE("new")),
     .needs = {{ACCESS_CONFIGURE, QUEUE("new")}}},
    {"declare a queue that exists",
     METHOD_SAMPLE(queue_declare, .queue = SLICE("q")),
     .needs = {{ACCESS_CONFIGURE, QUEUE("q")}}},
    {"declare a queue with dead letters",
     METHOD_SAMPLE(queue_declare, .queue = SLICE("new")),
     .needs = {{ACCESS_CONFIGURE, QUEUE("new")}, {ACCESS_READ, QUEUE("new")},
               {ACCESS_WRITE, EXCHANGE("onward")}},
     .argument = "x-dead-letter-exchange"},
    {"look for a queue",
     METHOD_SAMPLE(queue_declare, .queue = SLICE("q"), .passive = true),
     .needs = {{ACCESS_CONFIGURE, QUEUE("q")}}, .needs_any = true},
    {"look for a queue that is missing",
     METHOD_SAMPLE(queue_declare, .queue = SLICE("missing"), .passive = true),
     .needs = {{ACCESS_CONFIGURE, QUEUE("missing")}}, .needs_any = true},
    {"bind a queue",
     METHOD_SAMPLE(queue_bind, .queue = SLICE("q"), .exchange = SLICE("source"), .routing_key = SLICE("k")),
     .needs = {{ACCESS_WRITE, QUEUE("q")}, {ACCESS_READ, EXCHANGE("source")}}},
    {"bind a queue that is missing",
     METHOD_SAMPLE(queue_bind, .queue = SLICE("missing"), .exchange = SLICE("gone"), .routing_key = SLICE("k")),
     .needs = {{ACCESS_WRITE, QUEUE("missing")}, {ACCESS_READ, EXCHANGE("gone")}}},
    {"unbind a queue",
     METHOD_SAMPLE(queue_unbind, .queue = SLICE("q"), .exchange = SLICE("source"), .routing_key = SLICE("k")),
     .needs = {{ACCESS_WRITE, QUEUE("q")}, {ACCESS_READ, EXCHANGE("source")}}},
    {"purge a queue", METHOD_SAMPLE(queue_purge, .queue = SLICE("q")), .needs = {{ACCESS_READ, QUEUE("q")}}},
    {"purge a queue that is missing",
     METHOD_SAMPLE(queue_purge, .queue = SLICE("missing")), .needs = {{ACCESS_READ, QUEUE("missing")}}},
    {"delete a queue", METHOD_SAMPLE(queue_delete, .queue = SLICE("q")),
     .needs = {{ACCESS_CONFIGURE, QUEUE("q")}}},
    {"delete a queue that is missing", METHOD_SAMPLE(queue_delete, .queue = SLICE("missing")),
     .needs = {{ACCESS_CONFIGURE, QUEUE("missing")}}},
    {"consume", METHOD_SAMPLE(basic_consume, .queue = SLICE("q")), .needs = {{ACCESS_READ, QUEUE("q")}}},
    {"consume from a queue that is missing",
     METHOD_SAMPLE(basic_consume, .queue = SLICE("missing")), .needs = {{ACCESS_READ, QUEUE("missing")}}},
    {"consume replies",
     METHOD_SAMPLE(basic_consume, .queue = SLICE("amq.rabbitmq.reply-to"), .no_ack = true)},
    {"get", METHOD_SAMPLE(basic_get, .queue = SLICE("q")), .needs = {{ACCESS_READ, QUEUE("q")}}},
    {"get from a queue that is missing",
     METHOD_SAMPLE(basic_get, .queue = SLICE("missing")), .needs = {{ACCESS_READ, QUEUE("missing")}}},
    {"publish", METHOD_SAMPLE(basic_publish, .exchange = SLICE("source"), .routing_key = SLICE("k")),
     .needs = {{ACCESS_WRITE, EXCHANGE("source")}}},
    {"publish to the default exchange", METHOD_SAMPLE(basic_publish, .routing_key = SLICE("q")),
     .needs = {{ACCESS_WRITE, EXCHANGE("amq.default")}}},
    {"publish to an internal exchange", METHOD_SAMPLE(basic_publish, .exchange = SLICE("hidden")),
     .needs = {{ACCESS_WRITE, EXCHANGE("hidden")}}},
    {"publish to an exchange that is missing", METHOD_SAMPLE(basic_publish, .exchange = SLICE("missing")),
     .needs = {{ACCESS_WRITE, EXCHANGE("missing")}}},
    {"flow", METHOD_SAMPLE(channel_flow, .active = true)},
    {"close a channel", METHOD_SAMPLE(channel_close)},
    {"close-ok of a channel", METHOD_SAMPLE(channel_close_ok)},
    {"access.request", METHOD_SAMPLE(access_request)},
    {"qos", METHOD_SAMPLE(basic_qos, .prefetch_count = 1)},
    {"cancel", METHOD_SAMPLE(basic_cancel, .consumer_tag = SLICE("t"))},
    {"cancel-ok", METHOD_SAMPLE(basic_cancel_ok, .consumer_tag = SLICE("t"))},
    {"ack", METHOD_SAMPLE(basic_ack, .multiple = true)},
    {"nack", METHOD_SAMPLE(basic_nack, .multiple = true)},
    {"reject", METHOD_SAMPLE(basic_reject, .delivery_tag = 1)},
    {"recover", METHOD_SAMPLE(basic_recover, .requeue = true)},
    {"recover-async", METHOD_SAMPLE(basic_recover_async, .requeue = true)},
    {"confirm", METHOD_SAMPLE(confirm_select)},
    {"begin a transaction", METHOD_SAMPLE(tx_select)},
    {"commit", METHOD_SAMPLE(tx_commit)},
    {"roll back", METHOD_SAMPLE(tx_rollback)},
};
/* clang-format on */

#define SAMPLE_COUNT (sizeof samples / sizeof samples[0])

static size_t cells; /* of the matrix, for the report */

/* --- one cell --- */

struct patterns {
    char texts[ACCESS_COUNT][128];
};

static void set_patterns(struct fixture *f, const struct patterns *patterns) {
    struct slice texts[ACCESS_COUNT];
    struct refusal refusal;
    for (int i = 0; i < ACCESS_COUNT; i++)
        texts[i] = slice_from_text(patterns->texts[i]);
    assert_true(permission_set(user_find(f->broker, SLICE("alice")),
                               broker_find_vhost(f->broker, SLICE("/")), texts, &refusal));
}

/* What the samples talk about, made by somebody who may. */
static struct fixture *make_world(const struct patterns *patterns) {
    struct fixture *f = fixture_create();
    struct peer *guest = peer_connect(f);
    peer_declare_queue(guest, "q");
    peer_declare_exchange(guest, "source", "topic");
    peer_declare_exchange(guest, "target", "topic");
    peer_send(guest, exchange_declare, .exchange = SLICE("hidden"), .type = SLICE("fanout"),
              .internal = true);
    peer_expect(guest, exchange_declare_ok);
    peer_send(guest, exchange_declare, .exchange = SLICE("inner"), .type = SLICE("fanout"),
              .internal = true);
    peer_expect(guest, exchange_declare_ok);
    user_add(f->broker, SLICE("alice"), SLICE("secret"));
    set_patterns(f, patterns);
    return f;
}

static void send_sample(struct peer *p, const struct sample *sample) {
    struct amqp_method method = sample->method;
    struct amqp_table_builder arguments;
    amqp_table_builder_init(&arguments);
    if (sample->argument != NULL)
        amqp_table_put_text(&arguments, slice_from_text(sample->argument), SLICE("onward"));
    if (method.id == AMQP_EXCHANGE_DECLARE)
        method.exchange_declare.arguments = amqp_table_builder_finish(&arguments);
    else if (method.id == AMQP_QUEUE_DECLARE)
        method.queue_declare.arguments = amqp_table_builder_finish(&arguments);
    peer_send_method(PEER_AT(p), 1, &method);
    if (method.id == AMQP_BASIC_PUBLISH)
        peer_send_content(p, "hello");
    amqp_table_builder_clear(&arguments);
}

/* The text of the 403 that came, or "" for every other answer. */
static void find_refusal(const struct peer *p, char text[256]) {
    struct amqp_method method;
    text[0] = '\0';
    for (size_t at = 0; at + AMQP_FRAME_OVERHEAD <= p->received.len;) {
        struct frame_header head = frame_header_decode(p->received.data + at);
        struct slice payload = slice_of(p->received.data + at + AMQP_FRAME_HEAD_SIZE, head.size);
        at += AMQP_FRAME_OVERHEAD + head.size;
        if (head.type != AMQP_FRAME_METHOD || amqp_method_decode(payload, &method) != AMQP_DECODED)
            continue;
        if (method.id == AMQP_CHANNEL_CLOSE && method.channel_close.reply_code == 403)
            snprintf(text, 256, SLICE_FMT, SLICE_ARG(method.channel_close.reply_text));
    }
}

static void run_cell(const struct sample *sample, const struct patterns *patterns, char text[256]) {
    struct fixture *f = make_world(patterns);
    struct peer *p = peer_login_as(f, "alice", "secret");
    peer_open_channel(PEER_AT(p), 1);
    send_sample(p, sample);
    find_refusal(p, text);
    cells++;
    p->received.len = 0;
    fixture_destroy(f);
}

static void expect_cell(const struct sample *sample, const struct patterns *patterns,
                        const char *expected) {
    char text[256];
    run_cell(sample, patterns, text);
    if (strcmp(text, expected) == 0)
        return;
    print_error("%s, with configure '%s', write '%s', read '%s':\n  expected %s\n  got      %s\n",
                sample->what, patterns->texts[0], patterns->texts[1], patterns->texts[2],
                expected[0] == '\0' ? "no refusal" : expected,
                text[0] == '\0' ? "no refusal" : text);
    fail();
}

/* --- the samples as a matrix --- */

static const char *const access_words[] = {"configure", "write", "read"};

static void refusal_text(const struct need *need, char text[256]) {
    snprintf(text, 256, "ACCESS_REFUSED - %s access to %s in vhost '/' refused for user 'alice'",
             access_words[need->access], need->resource);
}

/* The first need that a user with these patterns for everything does not have, in RabbitMQ's order. */
static const struct need *first_missing(const struct sample *sample, unsigned role) {
    if (sample->needs_any)
        return role == 0 ? &sample->needs[0] : NULL;
    for (size_t i = 0; i < NEEDS_MAX && sample->needs[i].name != NULL; i++) {
        if ((role & 1u << sample->needs[i].access) == 0)
            return &sample->needs[i];
    }
    return NULL;
}

static void expect_role(const struct sample *sample, unsigned role) {
    const struct need *missing = first_missing(sample, role);
    struct patterns patterns = {0};
    char expected[256] = "";
    for (int i = 0; i < ACCESS_COUNT; i++)
        strcpy(patterns.texts[i], role & 1u << i ? ".*" : "");
    /* RabbitMQ's own words for an exchange nobody may publish to come after the permission. */
    if (missing != NULL)
        refusal_text(missing, expected);
    else if (sample->method.id == AMQP_BASIC_PUBLISH &&
             slice_equal(sample->method.basic_publish.exchange, SLICE("hidden")))
        strcpy(expected,
               "ACCESS_REFUSED - cannot publish to internal exchange 'hidden' in vhost '/'");
    expect_cell(sample, &patterns, expected);
}

/* rows: 386 */
static void every_role_against_every_method(void **state) {
    (void)state;
    for (size_t i = 0; i < SAMPLE_COUNT; i++)
        for (unsigned role = 0; role < 1u << ACCESS_COUNT; role++)
            expect_role(&samples[i], role);
    print_message("%zu cells of methods against roles: 0 unexpected allows or refusals\n", cells);
}

/* The patterns that grant the needs by name, all but the one numbered `without`. */
static struct patterns exact_patterns(const struct sample *sample, size_t without) {
    struct patterns patterns = {0};
    for (size_t i = 0; i < NEEDS_MAX && sample->needs[i].name != NULL; i++) {
        char *text = patterns.texts[sample->needs[i].access];
        size_t len = strlen(text);
        if (i != without)
            snprintf(text + len, sizeof patterns.texts[0] - len, "%s^%s$", len > 0 ? "|" : "",
                     sample->needs[i].name);
    }
    return patterns;
}

/* rows: 204 386 */
static void each_need_is_asked_for_by_its_own_name(void **state) {
    char expected[256];
    (void)state;
    for (size_t i = 0; i < SAMPLE_COUNT; i++) {
        for (size_t without = 0; without < NEEDS_MAX && samples[i].needs[without].name != NULL;
             without++) {
            struct patterns patterns = exact_patterns(&samples[i], without);
            refusal_text(&samples[i].needs[without], expected);
            expect_cell(&samples[i], &patterns, expected);
        }
        struct patterns all = exact_patterns(&samples[i], NEEDS_MAX);
        char text[256];
        run_cell(&samples[i], &all, text);
        assert_null(strstr(text, "refused for user"));
    }
}

/* The matrix is complete: the table decides what it has to hold. */
static void every_method_of_the_table_has_a_sample(void **state) {
    (void)state;
    for (enum amqp_method_id id = AMQP_METHOD_UNKNOWN + 1; id < AMQP_METHOD_COUNT; id++) {
        const char *permission = dispatch_permission(id);
        bool is_free = strcmp(permission, "not_needed") == 0;
        size_t found = 0;
        assert_string_not_equal(permission, "");
        if (strcmp(permission, "nobody_may") == 0 || amqp_method_class_id(id) == 10 ||
            id == AMQP_CHANNEL_OPEN)
            continue;
        for (size_t i = 0; i < SAMPLE_COUNT; i++) {
            if (samples[i].method.id != id)
                continue;
            found++;
            if (is_free)
                assert_null(samples[i].needs[0].name);
        }
        if (found == 0)
            print_error("no sample for %s\n", amqp_method_name(id));
        assert_true(found > 0);
    }
}

/* --- what the matrix cannot say --- */

static struct peer *connect_alice(struct fixture *f, const char *configure, const char *write,
                                  const char *read) {
    struct patterns patterns = {0};
    struct peer *p;
    snprintf(patterns.texts[ACCESS_CONFIGURE], sizeof patterns.texts[0], "%s", configure);
    snprintf(patterns.texts[ACCESS_WRITE], sizeof patterns.texts[0], "%s", write);
    snprintf(patterns.texts[ACCESS_READ], sizeof patterns.texts[0], "%s", read);
    if (user_find(f->broker, SLICE("alice")) == NULL)
        user_add(f->broker, SLICE("alice"), SLICE("secret"));
    set_patterns(f, &patterns);
    p = peer_login_as(f, "alice", "secret");
    peer_open_channel(PEER_AT(p), 1);
    return p;
}

/* rows: 387 */
static void patterns_match_anywhere_in_the_name(void **state) {
    struct peer *p = connect_alice(*state, "orders", "", "");

    peer_declare_queue(p, "all-orders-2026");
    peer_send(p, queue_declare, .queue = SLICE("invoices"));
    peer_expect_channel_exception(
        p, 403, "configure access to queue 'invoices' in vhost '/' refused for user 'alice'",
        queue_declare);
}

/* rows: 388 */
static void empty_pattern_matches_the_empty_name_only(void **state) {
    struct peer *p = connect_alice(*state, "", "", "");

    peer_send(p, queue_declare, .queue = SLICE("q"));
    peer_expect_channel_exception(
        p, 403, "configure access to queue 'q' in vhost '/' refused for user 'alice'",
        queue_declare);
    peer_reopen(p);
    peer_send(p, queue_declare, .queue = SLICE(""), .passive = true);
    peer_expect_channel_exception(p, 404, "no queue '' in vhost '/'", queue_declare);
}

/* rows: 239 240 */
static void default_exchange_is_amq_default_to_permissions(void **state) {
    struct peer *p = connect_alice(*state, ".*", "^amq\\.default$", ".*");

    peer_declare_queue(p, "q");
    peer_publish(p, "", "q", "hello");
    peer_expect_get(p, "q", "hello");
    peer_publish(p, "amq.direct", "q", "hello");
    peer_expect_channel_exception(
        p, 403, "write access to exchange 'amq.direct' in vhost '/' refused for user 'alice'",
        basic_publish);
    p = connect_alice(*state, ".*", "^amq\\.direct$", ".*");
    peer_publish(p, "", "q", "hello");
    peer_expect_channel_exception(
        p, 403, "write access to exchange 'amq.default' in vhost '/' refused for user 'alice'",
        basic_publish);
}

static void server_named_queue_needs_configure_on_its_name(void **state) {
    struct peer *p = connect_alice(*state, "^amq\\.gen-", "", "");
    const struct amqp_queue_declare_ok *ok;

    peer_send(p, queue_declare, .exclusive = true);
    ok = peer_receive(p, queue_declare_ok);
    assert_true(slice_has_prefix(ok->queue, SLICE("amq.gen-")));
    assert_int_equal(ok->queue.len, strlen("amq.gen-") + 22);
    p = connect_alice(*state, "^mine", "", "");
    peer_send(p, queue_declare, .exclusive = true);
    struct amqp_channel_close close = *peer_receive(p, channel_close);
    assert_int_equal(close.reply_code, 403);
    assert_true(slice_has_prefix(close.reply_text,
                                 SLICE("ACCESS_REFUSED - configure access to queue 'amq.gen-")));
    peer_send(p, channel_close_ok);
}

static void set_topic(struct fixture *f, const char *exchange, const char *write,
                      const char *read) {
    struct refusal refusal;
    assert_true(topic_permission_set(
        user_find(f->broker, SLICE("alice")), broker_find_vhost(f->broker, SLICE("/")),
        slice_from_text(exchange), slice_from_text(write), slice_from_text(read), &refusal));
}

/* rows: 241 389 392 */
static void topic_permission_to_write_looks_at_the_key(void **state) {
    struct fixture *f = *state;
    struct peer *p = connect_alice(f, ".*", ".*", ".*");

    peer_declare_queue(p, "q");
    peer_bind_queue(p, "q", "amq.topic", "#");
    peer_publish(p, "amq.topic", "free.key", "without a row");
    peer_expect_get(p, "q", "without a row");
    set_topic(f, "amq.topic", "^a\\.", ".*");
    peer_publish(p, "amq.topic", "a.b", "allowed");
    peer_expect_get(p, "q", "allowed");
    peer_publish(p, "amq.topic", "x.x", "refused");
    peer_expect_channel_exception(p, 403,
                                  "write access to topic 'x.x' in exchange 'amq.topic' in vhost "
                                  "'/' refused for user 'alice'",
                                  basic_publish);
    peer_reopen(p);
    peer_expect_get_empty(p, "q");
    peer_publish(p, "amq.direct", "x.x", "not a topic exchange");
    peer_expect_get_empty(p, "q");
}

/* rows: 241 */
static void topic_permission_to_write_looks_at_cc_and_bcc(void **state) {
    struct fixture *f = *state;
    struct peer *p = connect_alice(f, ".*", ".*", ".*");
    static const char *const headers[] = {"CC", "BCC"};

    set_topic(f, "amq.topic", "^a\\.", ".*");
    for (size_t i = 0; i < 2; i++) {
        struct amqp_table_builder builder;
        amqp_table_builder_init(&builder);
        amqp_table_begin_array(&builder, slice_from_text(headers[i]));
        amqp_table_put_text(&builder, SLICE(""), SLICE("b.c"));
        amqp_table_end(&builder);
        peer_publish_with(p, "amq.topic", "a.b", "copies",
                          .headers = amqp_table_builder_finish(&builder));
        amqp_table_builder_clear(&builder);
        peer_expect_channel_exception(p, 403,
                                      "write access to topic 'b.c' in exchange 'amq.topic' in "
                                      "vhost '/' refused for user 'alice'",
                                      basic_publish);
        peer_reopen(p);
    }
}

/* rows: 390 */
static void topic_permission_to_read_looks_at_the_binding_key(void **state) {
    struct fixture *f = *state;
    struct peer *p = connect_alice(f, ".*", ".*", ".*");

    set_topic(f, "amq.topic", ".*", "^a\\.");
    peer_declare_queue(p, "q");
    peer_bind_queue(p, "q", "amq.topic", "a.#");
    peer_send(p, queue_bind, .queue = SLICE("q"), .exchange = SLICE("amq.topic"),
              .routing_key = SLICE("#"));
    peer_expect_channel_exception(p, 403,
                                  "read access to topic '#' in exchange 'amq.topic' in vhost '/' "
                                  "refused for user 'alice'",
                                  queue_bind);
    peer_reopen(p);
    peer_send(p, exchange_bind, .destination = SLICE("amq.fanout"), .source = SLICE("amq.topic"),
              .routing_key = SLICE("b"));
    peer_expect_channel_exception(p, 403,
                                  "read access to topic 'b' in exchange 'amq.topic' in vhost '/' "
                                  "refused for user 'alice'",
                                  exchange_bind);
    peer_reopen(p);
    peer_bind_queue(p, "q", "amq.direct", "b");
}

/* rows: 391 */
static void topic_patterns_know_user_and_vhost(void **state) {
    struct fixture *f = *state;
    struct peer *p = connect_alice(f, ".*", ".*", ".*");

    peer_declare_queue(p, "q");
    peer_bind_queue(p, "q", "amq.topic", "#");
    set_topic(f, "amq.topic", "^{username}\\.{vhost}\\.x$", ".*");
    peer_publish(p, "amq.topic", "alice./.x", "expanded");
    peer_expect_get(p, "q", "expanded");
    peer_publish(p, "amq.topic", "bob./.x", "refused");
    peer_expect_channel_exception(p, 403,
                                  "write access to topic 'bob./.x' in exchange 'amq.topic' in "
                                  "vhost '/' refused for user 'alice'",
                                  basic_publish);
}

/* rows: 391 */
static void names_in_topic_patterns_are_no_patterns(void **state) {
    struct fixture *f = *state;
    struct vhost *vhost = broker_find_vhost(f->broker, SLICE("/"));
    struct user *user = user_add(f->broker, SLICE("a.*[b]-{vhost}"), SLICE("secret"));
    struct refusal refusal;

    permission_grant_all(user, vhost);
    assert_true(
        topic_permission_set(user, vhost, SLICE("t"), SLICE("^{username}$"), SLICE(""), &refusal));
    assert_true(topic_permission_check(user, vhost, SLICE("t"), ACCESS_WRITE,
                                       SLICE("a.*[b]-{vhost}"), &refusal));
    assert_false(
        topic_permission_check(user, vhost, SLICE("t"), ACCESS_WRITE, SLICE("axb-/"), &refusal));
    assert_true(
        topic_permission_set(user, vhost, SLICE("t"), SLICE("^{client_id}$"), SLICE(""), &refusal));
    assert_true(topic_permission_check(user, vhost, SLICE("t"), ACCESS_WRITE, SLICE("{client_id}"),
                                       &refusal));
}

/* rows: 237 */
static void impersonator_may_use_another_user_id(void **state) {
    struct fixture *f = *state;
    struct peer *p = connect_alice(f, ".*", ".*", ".*");
    struct refusal refusal;

    peer_declare_queue(p, "q");
    assert_true(user_set_tags(user_find(f->broker, SLICE("alice")),
                              SLICE("monitoring, impersonator"), &refusal));
    peer_publish_with(p, "", "q", "as bob", .user_id = SLICE("bob"));
    peer_expect_get(p, "q", "as bob");
    assert_true(user_set_tags(user_find(f->broker, SLICE("alice")), SLICE("monitoring"), &refusal));
    peer_publish_with(p, "", "q", "as bob", .user_id = SLICE("bob"));
    peer_expect_channel_exception(
        p, 406, "user_id property set to 'bob' but authenticated user was 'alice'", basic_publish);
}

/* The very next method counts, also for a publisher that remembers where its messages go. */
static void changed_permissions_count_at_the_next_method(void **state) {
    struct fixture *f = *state;
    struct peer *p = connect_alice(f, ".*", ".*", ".*");
    const struct patterns read_only = {{".*", "", ".*"}};
    const struct patterns everything = {{".*", ".*", ".*"}};

    peer_declare_queue(p, "q");
    peer_publish(p, "", "q", "one");
    peer_publish(p, "", "q", "two");
    set_patterns(f, &read_only);
    peer_publish(p, "", "q", "three");
    peer_expect_channel_exception(
        p, 403, "write access to exchange 'amq.default' in vhost '/' refused for user 'alice'",
        basic_publish);
    peer_reopen(p);
    peer_publish(p, "", "other", "four");
    peer_expect_channel_exception(
        p, 403, "write access to exchange 'amq.default' in vhost '/' refused for user 'alice'",
        basic_publish);
    set_patterns(f, &everything);
    peer_reopen(p);
    peer_expect_counts(p, "q", 2, 0);
    peer_publish(p, "", "q", "three");
    peer_expect_counts(p, "q", 3, 0);
    permission_clear(user_find(f->broker, SLICE("alice")),
                     broker_find_vhost(f->broker, SLICE("/")));
    peer_send(p, basic_get, .queue = SLICE("q"));
    peer_expect_channel_exception(
        p, 403, "read access to queue 'q' in vhost '/' refused for user 'alice'", basic_get);
}

static void consumers_stay_until_the_secret_is_updated(void **state) {
    struct fixture *f = *state;
    struct peer *p = connect_alice(f, ".*", ".*", ".*");
    const struct patterns write_only = {{".*", ".*", "^other$"}};

    peer_declare_queue(p, "q");
    peer_declare_queue(p, "other");
    peer_consume(p, "q", "on-q");
    peer_consume(p, "other", "on-other");
    set_patterns(f, &write_only);
    peer_publish(p, "", "q", "still read");
    peer_expect_delivery(p, "on-q", 1, "still read");
    peer_send(p, connection_update_secret, .new_secret = SLICE("new"), .reason = SLICE("why not"));
    peer_expect(p, basic_cancel, .consumer_tag = SLICE("on-q"), .no_wait = true);
    peer_expect(p, connection_update_secret_ok);
    peer_publish(p, "", "other", "read on");
    peer_expect_delivery(p, "on-other", 2, "read on");
}

static void commit_publishes_what_was_permitted_when_it_came(void **state) {
    struct fixture *f = *state;
    struct peer *p = connect_alice(f, ".*", "^amq\\.default$", ".*");

    peer_declare_queue(p, "q");
    peer_send(p, tx_select);
    peer_expect(p, tx_select_ok);
    peer_publish(p, "", "q", "held");
    peer_publish(p, "amq.direct", "q", "refused at once");
    peer_expect_channel_exception(
        p, 403, "write access to exchange 'amq.direct' in vhost '/' refused for user 'alice'",
        basic_publish);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_role_against_every_method),
        cmocka_unit_test(each_need_is_asked_for_by_its_own_name),
        cmocka_unit_test(every_method_of_the_table_has_a_sample),
        CONVERSATION(patterns_match_anywhere_in_the_name),
        CONVERSATION(empty_pattern_matches_the_empty_name_only),
        CONVERSATION(default_exchange_is_amq_default_to_permissions),
        CONVERSATION(server_named_queue_needs_configure_on_its_name),
        CONVERSATION(topic_permission_to_write_looks_at_the_key),
        CONVERSATION(topic_permission_to_write_looks_at_cc_and_bcc),
        CONVERSATION(topic_permission_to_read_looks_at_the_binding_key),
        CONVERSATION(topic_patterns_know_user_and_vhost),
        CONVERSATION(names_in_topic_patterns_are_no_patterns),
        CONVERSATION(impersonator_may_use_another_user_id),
        CONVERSATION(changed_permissions_count_at_the_next_method),
        CONVERSATION(consumers_stay_until_the_secret_is_updated),
        CONVERSATION(commit_publishes_what_was_permitted_when_it_came),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
