/* SPDX-License-Identifier: Apache-2.0 */
/* Users and vhosts: limits, deleting while clients are connected, what survives a restart. */
#include <string.h>

#include "broker/base/worker.h"
#include "broker/entities/global_parameter.h"
#include "broker/entities/password.h"
#include "broker/entities/permission.h"
#include "broker/entities/user.h"
#include "broker/entities/vhost.h"
#include "broker/protocol/forced_close.h"
#include "tests/support/arguments.h"
#include "tests/support/peer.h"

static struct user *add_user(struct fixture *f, const char *name) {
    struct user *user = user_add(f->broker, slice_from_text(name), SLICE("secret"));
    permission_grant_all(user, broker_find_vhost(f->broker, SLICE("/")));
    return user;
}

/* Logged in, and connection.open is what comes next. */
static struct peer *login_before_open(struct fixture *f, const char *user) {
    struct peer *p = peer_accept(f);
    peer_expect_start(p);
    peer_authenticate(p, user, "secret");
    peer_tune(p, 0);
    return p;
}

static struct peer *connect_to(struct fixture *f, const char *user, const char *vhost) {
    struct peer *p = login_before_open(f, user);
    peer_send(p, connection_open, .virtual_host = slice_from_text(vhost));
    peer_skip(p, connection_open_ok);
    peer_open_channel(PEER_AT(p), 1);
    return p;
}

static void expect_open_refused(struct fixture *f, const char *user, const char *vhost,
                                const char *text) {
    struct peer *p = login_before_open(f, user);
    peer_send(p, connection_open, .virtual_host = slice_from_text(vhost));
    peer_expect_connection_exception(p, 530, text, connection_open);
}

/* rows: 29 */
static void vhost_without_a_permission_cannot_be_opened(void **state) {
    struct fixture *f = *state;
    struct user *alice = user_add(f->broker, SLICE("alice"), SLICE("secret"));
    struct vhost *other = broker_add_vhost(f->broker, SLICE("other"));
    struct refusal refusal;

    expect_open_refused(f, "alice", "/", "access to vhost '/' refused for user 'alice'");
    assert_true(topic_permission_set(alice, other, SLICE("t"), SLICE(".*"), SLICE(".*"), &refusal));
    expect_open_refused(f, "alice", "other", "access to vhost 'other' refused for user 'alice'");
    permission_grant_all(alice, other);
    connect_to(f, "alice", "other");
    expect_open_refused(f, "alice", "/", "access to vhost '/' refused for user 'alice'");
}

/* rows: 30 399 */
static void full_vhost_is_refused(void **state) {
    struct fixture *f = *state;
    struct vhost *vhost = broker_find_vhost(f->broker, SLICE("/"));
    struct peer *first;

    add_user(f, "alice");
    vhost_set_limits(vhost, (struct vhost_limits){.max_connections = 1, .max_queues = -1});
    first = connect_to(f, "alice", "/");
    expect_open_refused(f, "alice", "/",
                        "access to vhost '/' refused for user 'alice': connection limit (1) is "
                        "reached");
    peer_drop(first);
    first = connect_to(f, "alice", "/");
    vhost_set_limits(vhost, (struct vhost_limits){.max_connections = 0, .max_queues = -1});
    expect_open_refused(f, "alice", "/",
                        "access to vhost '/' refused for user 'alice': connection limit (0) is "
                        "reached");
    peer_declare_queue(first, "the one that is there stays");
    vhost_set_limits(vhost, (struct vhost_limits){.max_connections = -5, .max_queues = -1});
    connect_to(f, "alice", "/");
}

/* rows: 31 399 */
static void user_with_too_many_connections_is_refused(void **state) {
    struct fixture *f = *state;
    struct user *alice = add_user(f, "alice");
    struct peer *first;

    add_user(f, "eve");
    user_set_limits(alice, (struct user_limits){.max_connections = 1, .max_channels = -1});
    first = connect_to(f, "alice", "/");
    expect_open_refused(
        f, "alice", "/",
        "connection refused for user 'alice': user connection limit (1) is reached");
    connect_to(f, "eve", "/");
    peer_drop(first);
    connect_to(f, "alice", "/");
    user_set_limits(alice, (struct user_limits){.max_connections = 0, .max_channels = -1});
    expect_open_refused(
        f, "alice", "/",
        "connection refused for user 'alice': user connection limit (0) is reached");
    user_set_limits(alice, (struct user_limits){.max_connections = -1, .max_channels = -1});
    connect_to(f, "alice", "/");
}

/* rows: 87 399 */
static void user_with_too_many_channels_is_disconnected(void **state) {
    struct fixture *f = *state;
    struct user *alice = add_user(f, "alice");
    struct peer *p, *q;

    user_set_limits(alice, (struct user_limits){.max_connections = -1, .max_channels = 3});
    p = connect_to(f, "alice", "/");
    q = connect_to(f, "alice", "/");
    peer_open_channel(PEER_AT(q), 2);
    peer_send_on(q, 2, channel_close, .reply_code = 200);
    peer_skip_on(q, 2, channel_close_ok);
    peer_open_channel(PEER_AT(q), 2);
    peer_send_on(p, 2, channel_open);
    peer_expect_connection_exception(p, 530,
                                     "number of channels opened for user 'alice' has reached the "
                                     "maximum allowed user limit of 3",
                                     nothing);
    peer_open_channel(PEER_AT(q), 3);
}

/* rows: 206 399 */
static void vhost_full_of_queues_takes_no_more(void **state) {
    struct fixture *f = *state;
    struct vhost *vhost = broker_find_vhost(f->broker, SLICE("/"));
    struct peer *p = peer_connect(f);

    vhost_set_limits(vhost, (struct vhost_limits){.max_connections = -1, .max_queues = 2});
    peer_declare_queue(p, "one");
    peer_declare_queue(p, "two");
    peer_declare_queue(p, "two");
    peer_send(p, queue_declare, .queue = SLICE("three"));
    peer_expect_channel_exception(
        p, 406, "cannot declare queue 'three': queue limit in vhost '/' (2) is reached",
        queue_declare);
    peer_reopen(p);
    peer_send(p, queue_delete, .queue = SLICE("one"));
    peer_expect(p, queue_delete_ok);
    peer_declare_queue(p, "three");
    vhost_set_limits(vhost, (struct vhost_limits){.max_connections = -1, .max_queues = 0});
    peer_send(p, queue_declare, .queue = SLICE("four"));
    peer_expect_channel_exception(
        p, 406, "cannot declare queue 'four': queue limit in vhost '/' (0) is reached",
        queue_declare);
    peer_reopen(p);
    vhost_set_limits(vhost, (struct vhost_limits){.max_connections = -1, .max_queues = -1});
    peer_declare_queue(p, "four");
}

/* rows: 393 */
static void names_in_two_vhosts_are_strangers(void **state) {
    struct fixture *f = *state;
    struct user *alice = add_user(f, "alice");
    struct peer *here, *there;

    permission_grant_all(alice, broker_add_vhost(f->broker, SLICE("other")));
    here = connect_to(f, "alice", "/");
    there = connect_to(f, "alice", "other");
    peer_declare_queue(here, "q");
    peer_publish(here, "", "q", "here");
    peer_send(there, queue_declare, .queue = SLICE("q"), .passive = true);
    peer_expect_channel_exception(there, 404, "no queue 'q' in vhost 'other'", queue_declare);
    peer_reopen(there);
    peer_declare_queue(there, "q");
    peer_expect_counts(there, "q", 0, 0);
    peer_expect_counts(here, "q", 1, 0);
}

/* rows: 394 */
static void deleted_vhost_closes_its_connections(void **state) {
    struct fixture *f = *state;
    struct user *alice = add_user(f, "alice");
    struct peer *inside, *outside;

    permission_grant_all(alice, broker_add_vhost(f->broker, SLICE("other")));
    inside = connect_to(f, "alice", "other");
    outside = connect_to(f, "alice", "/");
    peer_declare_queue(inside, "q");
    peer_send(inside, queue_declare, .exclusive = true);
    peer_skip(inside, queue_declare_ok);
    peer_consume(inside, "q", "c");
    peer_publish(inside, "", "q", "unacked");
    peer_expect_delivery(inside, "c", 1, "unacked");
    forced_close_vhost(broker_find_vhost(f->broker, SLICE("other")));
    fixture_run(f);
    peer_expect_connection_exception(inside, 320, "vhost 'other' is deleted", nothing);
    assert_null(broker_find_vhost(f->broker, SLICE("other")));
    peer_declare_queue(outside, "still here");
    expect_open_refused(f, "alice", "other", "vhost other not found");
}

static void a_new_vhost_of_the_same_name_is_empty(void **state) {
    struct fixture *f = *state;
    struct user *alice = add_user(f, "alice");
    struct peer *p;

    permission_grant_all(alice, broker_add_vhost(f->broker, SLICE("other")));
    p = connect_to(f, "alice", "other");
    peer_declare_queue(p, "q");
    peer_declare_exchange(p, "x", "fanout");
    forced_close_vhost(broker_find_vhost(f->broker, SLICE("other")));
    fixture_run(f);
    peer_expect_connection_exception(p, 320, "vhost 'other' is deleted", nothing);
    broker_add_vhost(f->broker, SLICE("other"));
    expect_open_refused(f, "alice", "other", "access to vhost 'other' refused for user 'alice'");
    permission_grant_all(alice, broker_find_vhost(f->broker, SLICE("other")));
    p = connect_to(f, "alice", "other");
    peer_send(p, queue_declare, .queue = SLICE("q"), .passive = true);
    peer_expect_channel_exception(p, 404, "no queue 'q' in vhost 'other'", queue_declare);
}

/* A message that waits to be dead-lettered has nowhere to go any more. */
static void dead_letters_of_a_deleted_vhost_are_gone(void **state) {
    struct fixture *f = *state;
    struct user *alice = add_user(f, "alice");
    struct peer *p;

    permission_grant_all(alice, broker_add_vhost(f->broker, SLICE("other")));
    p = connect_to(f, "alice", "other");
    peer_send(p, queue_declare, .queue = SLICE("q"),
              .arguments =
                  ARGUMENTS(TEXT("x-dead-letter-exchange", "amq.fanout"), INT("x-max-length", 0)));
    peer_skip(p, queue_declare_ok);
    peer_cork(p);
    for (int i = 0; i < 50; i++)
        peer_publish(p, "", "q", "dies at once");
    p->is_corked = false;
    peer_exchange_octets(p); /* without the tick that would drain them */
    assert_false(list_is_empty(&f->broker->dead_letters));
    forced_close_vhost(broker_find_vhost(f->broker, SLICE("other")));
    fixture_run(f);
    peer_expect_connection_exception(p, 320, "vhost 'other' is deleted", nothing);
    fixture_advance(f, 1000);
}

/* rows: 395 */
static void deleted_user_is_disconnected(void **state) {
    struct fixture *f = *state;
    struct user *alice = add_user(f, "alice");
    struct peer *open, *opening, *bob;

    open = connect_to(f, "alice", "/");
    opening = login_before_open(f, "alice");
    bob = peer_login_as(f, "bob", "builder");
    forced_close_user(alice);
    fixture_run(f);
    peer_expect_connection_exception(open, 320, "user 'alice' is deleted", nothing);
    peer_expect_closed(opening);
    peer_expect_open(bob);
    assert_null(user_find(f->broker, SLICE("alice")));
}

/* Whoever is closing already is left alone, and forgets the user. */
static void deleted_user_may_be_closing(void **state) {
    struct fixture *f = *state;
    struct user *alice = add_user(f, "alice");
    struct peer *closing = connect_to(f, "alice", "/"), *closed = connect_to(f, "alice", "/");

    peer_send_on(closing, 5, queue_declare, .queue = SLICE("q"));
    peer_send(closed, connection_close, .reply_code = 200);
    peer_skip(closed, connection_close_ok);
    forced_close_user(alice);
    fixture_run(f);
    peer_expect_connection_exception(closing, 504, "expected 'channel.open'", queue_declare);
    fixture_advance(f, 60000);
    peer_expect_closed(closed);
}

/* rows: 396 */
static void changed_password_counts_for_the_next_login(void **state) {
    struct fixture *f = *state;
    struct peer *before, *p;

    add_user(f, "alice");
    before = connect_to(f, "alice", "/");
    user_add(f->broker, SLICE("alice"), SLICE("changed"));
    peer_declare_queue(before, "q");
    p = peer_accept(f);
    peer_expect_start(p);
    peer_send_start_ok(p, "PLAIN", SLICE("\0alice\0secret"));
    peer_expect_connection_exception(p, 403,
                                     "Login was refused using authentication mechanism PLAIN. For "
                                     "details see the broker logfile.",
                                     nothing);
    peer_login_as(f, "alice", "changed");
}

/* python3: salt b"\1\2\3\4", hashlib.sha512 / md5 / sha256 of salt + b"secret" */
static const struct {
    const char *algorithm;
    struct slice hash;
} imported[] = {
    {"rabbit_password_hashing_sha256",
     SLICE("\x01\x02\x03\x04"
           "\x30\x7d\x90\xcd\xb5\x88\x45\x33\x37\x59\x59\xfb\xa5\x51\x78\x2b"
           "\x1d\x36\xa4\xb4\xb0\x44\x5d\x01\x04\xdc\x63\xa5\xec\xdc\xf3\x33")},
    {"rabbit_password_hashing_sha512",
     SLICE("\x01\x02\x03\x04"
           "\xf8\x53\x1f\x62\xf9\x1c\x66\x01\xd4\xb5\x8e\xae\x7f\x98\xa6\xfb"
           "\x90\x99\x53\x97\x28\x6a\xa0\xb2\xe8\x89\x44\x86\x53\x20\xb4\x68"
           "\x12\xf6\xe5\x48\x9a\x3f\x58\x0b\x32\x9b\x72\x19\x4d\xfb\x9a\x21"
           "\xa2\xb9\x29\x1d\xa8\xe4\xac\x05\x7d\x3b\xfa\x2a\xcc\x5f\x30\x81")},
    {"rabbit_password_hashing_md5",
     SLICE("\x01\x02\x03\x04"
           "\x38\x24\xf5\xc8\xbc\x2d\xf8\x7a\x08\xa1\x3d\x63\x40\x14\x7e\x65")},
};

/* rows: 400 */
static void imported_hashes_log_in(void **state) {
    struct fixture *f = *state;

    for (size_t i = 0; i < sizeof imported / sizeof imported[0]; i++) {
        enum password_algorithm algorithm;
        struct password password;
        assert_true(password_algorithm_find(slice_from_text(imported[i].algorithm), &algorithm));
        assert_true(password_import(&password, algorithm, imported[i].hash));
        user_add_hashed(f->broker, SLICE("alice"), &password);
        permission_grant_all(user_find(f->broker, SLICE("alice")),
                             broker_find_vhost(f->broker, SLICE("/")));
        peer_drop(peer_login_as(f, "alice", "secret"));
    }
}

static void user_without_a_password_cannot_use_one(void **state) {
    struct fixture *f = *state;
    struct peer *p = peer_accept(f);

    user_add(f->broker, SLICE("alice"), SLICE(""));
    peer_expect_start(p);
    peer_send_start_ok(p, "PLAIN", SLICE("\0alice\0"));
    peer_expect_connection_exception(p, 403,
                                     "Login was refused using authentication mechanism PLAIN. For "
                                     "details see the broker logfile.",
                                     nothing);
}

/* --- slow hashes --- */

static void wake(void *context) {
    (void)context;
}

static void start_worker(struct fixture *f) {
    f->broker->settings.password_algorithm = PASSWORD_PBKDF2;
    f->broker->worker = worker_create(wake, NULL);
    add_user(f, "alice");
}

/* Every password that was handed over has been verified. */
static void let_worker_finish(struct fixture *f) {
    worker_wait(f->broker->worker);
    worker_collect(f->broker->worker);
    fixture_run(f);
}

static struct peer *start_slow_login(struct fixture *f, struct slice response) {
    struct peer *p = peer_accept(f);
    peer_expect_start(p);
    peer_send_start_ok(p, "PLAIN", response);
    return p;
}

static void slow_password_is_verified_beside_the_loop(void **state) {
    struct fixture *f = *state;
    struct peer *p, *bob;

    start_worker(f);
    p = start_slow_login(f, SLICE("\0alice\0secret"));
    peer_expect_nothing(p);
    bob = peer_login_as(f, "bob", "builder"); /* his hash is a fast one: others go on */
    peer_expect_open(bob);
    let_worker_finish(f);
    peer_skip(p, connection_tune);
    peer_drop(p);
    peer_login_as(f, "alice", "secret"); /* known by now */
    worker_destroy(f->broker->worker);
}

static void wrong_passwords_and_unknown_users_wait_alike(void **state) {
    struct fixture *f = *state;
    struct peer *peers[2];

    start_worker(f);
    peers[0] = start_slow_login(f, SLICE("\0alice\0wrong"));
    peers[1] = start_slow_login(f, SLICE("\0nobody\0wrong"));
    for (size_t i = 0; i < 2; i++)
        peer_expect_nothing(peers[i]);
    let_worker_finish(f);
    for (size_t i = 0; i < 2; i++)
        peer_expect_connection_exception(peers[i], 403,
                                         "Login was refused using authentication mechanism PLAIN. "
                                         "For details see the broker logfile.",
                                         nothing);
    worker_destroy(f->broker->worker);
}

/* What is pipelined behind start-ok waits; a second start-ok is as wrong as ever. */
static void input_waits_for_a_slow_login(void **state) {
    struct fixture *f = *state;
    struct peer *p;

    start_worker(f);
    p = start_slow_login(f, SLICE("\0alice\0secret"));
    peer_send(p, connection_tune_ok, .channel_max = 2047, .frame_max = 131072);
    peer_send(p, connection_open, .virtual_host = SLICE("/"));
    peer_expect_nothing(p);
    let_worker_finish(f);
    peer_skip(p, connection_tune);
    peer_skip(p, connection_open_ok);
    worker_destroy(f->broker->worker);
}

static void nobody_waits_for_the_answer_of_a_slow_login(void **state) {
    struct fixture *f = *state;
    struct peer *gone, *late, *deleted;

    start_worker(f);
    gone = start_slow_login(f, SLICE("\0alice\0secret"));
    peer_drop(gone);
    late = start_slow_login(f, SLICE("\0alice\0secret"));
    fixture_advance(f, 10000);
    peer_expect_closed(late);
    deleted = start_slow_login(f, SLICE("\0alice\0secret"));
    forced_close_user(user_find(f->broker, SLICE("alice")));
    let_worker_finish(f);
    peer_expect_connection_exception(deleted, 403,
                                     "Login was refused using authentication mechanism PLAIN. For "
                                     "details see the broker logfile.",
                                     nothing);
    worker_destroy(f->broker->worker);
}

/* --- durability --- */

static void describe_vhost(struct fixture *f, const char *name) {
    struct vhost *vhost = broker_add_vhost(f->broker, slice_from_text(name));
    vhost_set_metadata(vhost, &(struct vhost_metadata){.description = SLICE("for orders"),
                                                       .tags = SLICE("production,blue"),
                                                       .default_queue_type = SLICE("quorum"),
                                                       .tracing = true});
    vhost_set_limits(vhost, (struct vhost_limits){.max_connections = 7, .max_queues = 9});
}

static void access_survives_a_crash(void **state) {
    struct fixture *f = *state;
    struct user *alice = add_user(f, "alice");
    const struct slice texts[ACCESS_COUNT] = {SLICE("^c"), SLICE("^w"), SLICE("^r")};
    struct refusal refusal;

    describe_vhost(f, "orders");
    struct vhost *orders = broker_find_vhost(f->broker, SLICE("orders"));
    assert_true(user_set_tags(alice, SLICE("management,monitoring"), &refusal));
    user_set_limits(alice, (struct user_limits){.max_connections = 3, .max_channels = 5});
    assert_true(permission_set(alice, orders, texts, &refusal));
    assert_true(topic_permission_set(alice, orders, SLICE("amq.topic"), SLICE("^{username}"),
                                     SLICE("^x"), &refusal));
    assert_true(global_parameter_set(f->broker, SLICE("note"), SLICE("{\"a\":1}"), &refusal));
    assert_true(broker_set_cluster_name(f->broker, SLICE("blue"), &refusal));
    fixture_write_all(f);
    fixture_restart(f, false);

    orders = broker_find_vhost(f->broker, SLICE("orders"));
    assert_non_null(orders);
    assert_true(slice_equal(orders->metadata.description, SLICE("for orders")));
    assert_true(slice_equal(orders->metadata.tags, SLICE("production,blue")));
    assert_true(slice_equal(orders->metadata.default_queue_type, SLICE("quorum")));
    assert_false(orders->metadata.tracing); /* as in RabbitMQ it ends with the process */
    assert_int_equal(orders->limits.max_connections, 7);
    assert_int_equal(orders->limits.max_queues, 9);
    alice = user_find(f->broker, SLICE("alice"));
    assert_non_null(alice);
    assert_true(user_has_tag(alice, SLICE("monitoring")));
    assert_int_equal(alice->limits.max_connections, 3);
    assert_int_equal(alice->limits.max_channels, 5);
    const struct permission *permission = permission_find(alice, orders);
    assert_non_null(permission);
    for (int i = 0; i < ACCESS_COUNT; i++)
        assert_true(slice_equal(permission->texts[i], texts[i]));
    assert_true(topic_permission_check(alice, orders, SLICE("amq.topic"), ACCESS_WRITE,
                                       SLICE("alice.1"), &refusal));
    assert_false(topic_permission_check(alice, orders, SLICE("amq.topic"), ACCESS_WRITE,
                                        SLICE("bob.1"), &refusal));
    assert_true(
        slice_equal(global_parameter_find(f->broker, SLICE("note"))->value, SLICE("{\"a\":1}")));
    assert_string_equal(f->broker->settings.cluster_name, "blue");
    connect_to(f, "alice", "/");
    user_set_limits(alice, (struct user_limits){.max_connections = -1, .max_channels = -1});
    connect_to(f, "alice", "orders");
}

static void what_was_deleted_stays_deleted(void **state) {
    struct fixture *f = *state;
    struct user *alice = add_user(f, "alice");
    struct user *bob = user_find(f->broker, SLICE("bob"));
    struct peer *p;
    struct refusal refusal;

    describe_vhost(f, "orders");
    struct vhost *orders = broker_find_vhost(f->broker, SLICE("orders"));
    permission_grant_all(alice, orders);
    permission_grant_all(bob, orders);
    assert_true(topic_permission_set(bob, orders, SLICE("t"), SLICE(".*"), SLICE(".*"), &refusal));
    assert_true(global_parameter_set(f->broker, SLICE("note"), SLICE("1"), &refusal));
    fixture_write_all(f);
    p = connect_to(f, "alice", "orders");
    peer_send(p, queue_declare, .queue = SLICE("q"), .durable = true);
    fixture_write_all(f);
    peer_skip(p, queue_declare_ok);
    peer_publish_with(p, "", "q", "goes too", .delivery_mode = 2);
    fixture_write_all(f);
    forced_close_vhost(orders);
    fixture_write_all(f);
    peer_expect_connection_exception(p, 320, "vhost 'orders' is deleted", nothing);
    forced_close_user(alice);
    fixture_run(f);
    permission_clear(bob, broker_find_vhost(f->broker, SLICE("/")));
    assert_true(global_parameter_clear(f->broker, SLICE("note")));
    fixture_write_all(f);
    fixture_restart(f, false);

    assert_null(broker_find_vhost(f->broker, SLICE("orders")));
    assert_null(user_find(f->broker, SLICE("alice")));
    bob = user_find(f->broker, SLICE("bob"));
    assert_non_null(bob);
    assert_false(permission_may_enter(bob, broker_find_vhost(f->broker, SLICE("/"))));
    assert_null(global_parameter_find(f->broker, SLICE("note")));
}

static void vhost_is_deleted_wholly_or_not_at_all(void **state) {
    struct fixture *f = *state;
    struct peer *p;

    describe_vhost(f, "orders");
    permission_grant_all(add_user(f, "alice"), broker_find_vhost(f->broker, SLICE("orders")));
    fixture_write_all(f);
    p = connect_to(f, "alice", "orders");
    peer_send(p, queue_declare, .queue = SLICE("q"), .durable = true);
    fixture_write_all(f);
    peer_skip(p, queue_declare_ok);
    forced_close_vhost(broker_find_vhost(f->broker, SLICE("orders")));
    p->received.len = 0;
    fixture_restart(f, false); /* nothing of it was written */
    assert_non_null(broker_find_vhost(f->broker, SLICE("orders")));
    p = connect_to(f, "alice", "orders");
    peer_expect_counts(p, "q", 0, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        CONVERSATION(vhost_without_a_permission_cannot_be_opened),
        CONVERSATION(full_vhost_is_refused),
        CONVERSATION(user_with_too_many_connections_is_refused),
        CONVERSATION(user_with_too_many_channels_is_disconnected),
        CONVERSATION(vhost_full_of_queues_takes_no_more),
        CONVERSATION(names_in_two_vhosts_are_strangers),
        CONVERSATION(deleted_vhost_closes_its_connections),
        CONVERSATION(a_new_vhost_of_the_same_name_is_empty),
        CONVERSATION(dead_letters_of_a_deleted_vhost_are_gone),
        CONVERSATION(deleted_user_is_disconnected),
        CONVERSATION(deleted_user_may_be_closing),
        CONVERSATION(changed_password_counts_for_the_next_login),
        CONVERSATION(imported_hashes_log_in),
        CONVERSATION(user_without_a_password_cannot_use_one),
        CONVERSATION(slow_password_is_verified_beside_the_loop),
        CONVERSATION(wrong_passwords_and_unknown_users_wait_alike),
        CONVERSATION(input_waits_for_a_slow_login),
        CONVERSATION(nobody_waits_for_the_answer_of_a_slow_login),
        DURABLE_CONVERSATION(access_survives_a_crash),
        DURABLE_CONVERSATION(what_was_deleted_stays_deleted),
        DURABLE_CONVERSATION(vhost_is_deleted_wholly_or_not_at_all),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
