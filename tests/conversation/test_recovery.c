/* SPDX-License-Identifier: Apache-2.0 */
/* What a broker goes on with after another one ended, on virtual time. */
#include <errno.h>
#include <sysexits.h>

#include "broker/entities/broker.h"
#include "broker/entities/policy.h"
#include "broker/entities/queue.h"
#include "broker/entities/queue_lifetimes.h"
#include "broker/entities/store.h"
#include "broker/entities/vhost.h"
#include "broker/recovery.h"
#include "persistence/journal.h"
#include "tests/support/arguments.h"
#include "tests/support/memory_disk.h"
#include "tests/support/peer.h"

static void publish(struct peer *p, const char *queue, const char *text) {
    peer_publish_with(p, "", queue, text, .delivery_mode = 2);
}

static struct peer *restart(void **state, bool clean) {
    if (clean)
        fixture_write_all(*state);
    fixture_restart(*state, clean);
    return peer_connect(*state);
}

/* basic.get without acknowledgement; the broker is as it was but for this message. */
static void expect_got(struct peer *p, const char *queue, const char *text, bool redelivered) {
    peer_send(p, basic_get, .queue = slice_from_text(queue), .no_ack = true);
    assert_int_equal(peer_receive(p, basic_get_ok)->redelivered, redelivered);
    peer_expect_content(p, text);
}

static void what_was_not_handed_over_is_gone_after_a_kill(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_durable_queue(p, "q", SLICE(""));
    publish(p, "q", "written");
    fixture_write(*state);
    publish(p, "q", "under way");
    publish(p, "q", "not handed over");
    p = restart(state, false);
    expect_got(p, "q", "written", true);
    peer_expect_get_empty(p, "q");
}

static void clean_stop_writes_what_is_left(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_durable_queue(p, "q", SLICE(""));
    publish(p, "q", "under way");
    publish(p, "q", "not handed over");
    fixture_restart(*state, true);
    p = peer_connect(*state);
    expect_got(p, "q", "under way", false);
    expect_got(p, "q", "not handed over", false);
}

static void requeued_messages_stay_marked_over_many_clean_stops(void **state) {
    struct peer *p = peer_connect(*state);
    static const char *const bodies[] = {"0", "1", "2", "3", "4"};

    peer_declare_durable_queue(p, "q", SLICE(""));
    for (size_t i = 0; i < 5; i++)
        publish(p, "q", bodies[i]);
    for (uint64_t i = 0; i < 3; i++) {
        peer_send(p, basic_get, .queue = SLICE("q"));
        assert_int_equal(peer_receive(p, basic_get_ok)->delivery_tag, i + 1);
        peer_expect_content(p, bodies[i]);
    }
    peer_send(p, basic_ack, .delivery_tag = 2);
    p = restart(state, true);
    p = restart(state, true);
    expect_got(p, "q", "0", true);
    expect_got(p, "q", "2", true);
    expect_got(p, "q", "3", false);
    expect_got(p, "q", "4", false);
    peer_expect_get_empty(p, "q");
}

/* Its flags were those of the life before the last. */
static void flags_of_a_clean_stop_are_used_once(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_durable_queue(p, "q", SLICE(""));
    publish(p, "q", "a");
    peer_send(p, basic_get, .queue = SLICE("q"));
    peer_skip(p, basic_get_ok);
    peer_expect_content(p, "a");
    p = restart(state, true);
    expect_got(p, "q", "a", true);
    publish(p, "q", "b");
    p = restart(state, true);
    expect_got(p, "q", "b", false);
}

static void time_to_live_goes_on_while_nobody_runs(void **state) {
    struct fixture *fixture = *state;

    for (int clean = 0; clean < 2; clean++) {
        struct peer *p = peer_connect(fixture);
        peer_declare_durable_queue(p, "q", ARGUMENTS(INT("x-message-ttl", 10000)));
        publish(p, "q", "early");
        fixture_write_all(fixture);
        fixture_advance(fixture, 4000);
        publish(p, "q", "late");
        fixture_write_all(fixture);
        fixture->env.wall_ms += 5000; /* the broker is down so long */
        p = restart(state, clean);
        peer_expect_counts(p, "q", 2, 0);
        fixture_advance(fixture, 1001);
        peer_expect_counts(p, "q", 1, 0);
        fixture_advance(fixture, 4000);
        peer_expect_counts(p, "q", 0, 0);
    }
}

static struct vhost *vhost_of(struct fixture *fixture) {
    return broker_find_vhost(fixture->broker, SLICE("/"));
}

static struct queue *queue_named(struct fixture *fixture, const char *name) {
    return vhost_find_queue(vhost_of(fixture), slice_from_text(name));
}

static void set_time_to_live(struct fixture *fixture, int64_t ms) {
    struct policy_settings settings = {.name = SLICE("p"),
                                       .definition = ARGUMENTS(INT("message-ttl", ms))};
    struct refusal refusal = {0};
    assert_true(policy_set(vhost_of(fixture), POLICY_ORDINARY, &settings, &refusal));
}

/* A message keeps the time to live that it got when it was published. */
static void time_to_live_of_a_policy_is_for_later_messages_after_a_restart_too(void **state) {
    static const char *const queues[] = {"classic", "quorum"};
    struct fixture *fixture = *state;

    for (int i = 0; i < 4; i++) {
        struct peer *p = peer_connect(fixture);
        const char *queue = queues[i / 2];
        bool clean = i % 2 == 0;
        peer_declare_durable_queue(p, queue, ARGUMENTS(TEXT("x-queue-type", queue)));
        publish(p, queue, "before");
        set_time_to_live(fixture, 1000);
        publish(p, queue, "meanwhile");
        assert_true(policy_clear(vhost_of(fixture), POLICY_ORDINARY, SLICE("p")));
        publish(p, queue, "after");
        set_time_to_live(fixture, 10000);
        fixture_write_all(fixture);
        p = restart(state, clean);
        p = restart(state, clean);
        fixture_advance(fixture, 60000);
        expect_got(p, queue, "before", !clean);
        expect_got(p, queue, "after", !clean);
        peer_expect_get_empty(p, queue);
        assert_true(policy_clear(vhost_of(fixture), POLICY_ORDINARY, SLICE("p")));
        assert_null(
            queue_named(fixture, queue)->lifetimes); /* nobody is left to remember them for */
    }
}

/* What was to live longest does, whatever is remembered no more. */
static void time_to_live_changed_often(void **state) {
    enum { CHANGES = 40, APART = LIFETIME_ERAS_MAX - 1 };
    struct fixture *fixture = *state;
    struct peer *p = peer_connect(fixture);

    peer_declare_durable_queue(p, "q", SLICE(""));
    publish(p, "q", "for ever");
    for (int i = 0; i < CHANGES; i++) {
        set_time_to_live(fixture, 1000 + i);
        publish(p, "q", "for a moment");
    }
    fixture_write_all(fixture);
    p = restart(state, true);
    fixture_advance(fixture, 60000);
    expect_got(p, "q", "for ever", false);
    for (int i = 0; i < CHANGES - APART; i++)
        expect_got(p, "q", "for a moment", false);
    peer_expect_get_empty(p, "q");
}

static void queue_goes_with_its_times_to_live(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = peer_connect(fixture);

    peer_declare_durable_queue(p, "q", SLICE(""));
    publish(p, "q", "before");
    set_time_to_live(fixture, 1000);
    assert_non_null(queue_named(fixture, "q")->lifetimes);
    peer_send(p, queue_delete, .queue = SLICE("q"));
    fixture_write_all(fixture);
    peer_skip(p, queue_delete_ok);
    p = restart(state, false);
    peer_declare_durable_queue(p, "q", SLICE(""));
    assert_null(queue_named(fixture, "q")->lifetimes);
}

static void expired_while_nobody_ran_is_dead_lettered(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = peer_connect(fixture);

    peer_declare_durable_queue(
        p, "q",
        ARGUMENTS(TEXT("x-dead-letter-exchange", ""), TEXT("x-dead-letter-routing-key", "dead")));
    peer_declare_durable_queue(p, "dead", SLICE(""));
    peer_publish_with(p, "", "q", "body", .delivery_mode = 2, .expiration = SLICE("1000"));
    fixture_write_all(fixture);
    fixture->env.wall_ms += 60000;
    p = restart(state, false);
    fixture_advance(fixture, 1);
    fixture_write_all(fixture);
    expect_got(p, "dead", "body", false);
    peer_expect_get_empty(p, "q");
}

/* A clock that was set back gives nobody more time than the message had. */
static void clock_set_back_while_nobody_ran(void **state) {
    struct fixture *fixture = *state;
    struct peer *p = peer_connect(fixture);

    peer_declare_durable_queue(p, "q", SLICE(""));
    peer_publish_with(p, "", "q", "body", .delivery_mode = 2, .expiration = SLICE("1000"));
    fixture_write_all(fixture);
    fixture->env.wall_ms -= 3600000;
    p = restart(state, false);
    peer_expect_counts(p, "q", 1, 0);
    fixture_advance(fixture, 1001);
    peer_expect_counts(p, "q", 0, 0);
}

static void unused_queue_expires_after_a_restart(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_durable_queue(p, "q", ARGUMENTS(INT("x-expires", 5000)));
    p = restart(state, false);
    fixture_advance(*state, 4000);
    assert_int_equal(((struct fixture *)*state)->broker->counters.queues_deleted, 0);
    fixture_advance(*state, 2000);
    fixture_write_all(*state);
    p = restart(state, false);
    peer_send(p, queue_declare, .queue = SLICE("q"), .passive = true);
    peer_expect_channel_exception(p, 404, "no queue 'q' in vhost '/'", queue_declare);
}

static void length_limit_holds_after_a_restart(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_durable_queue(p, "q", ARGUMENTS(INT("x-max-length", 2)));
    publish(p, "q", "1");
    publish(p, "q", "2");
    fixture_write_all(*state);
    p = restart(state, false);
    publish(p, "q", "3");
    fixture_write_all(*state);
    p = restart(state, false);
    expect_got(p, "q", "2", true);
    expect_got(p, "q", "3", true);
    peer_expect_get_empty(p, "q");
}

static void single_active_and_other_arguments_are_compared_after_a_restart(void **state) {
    struct peer *p = peer_connect(*state);

    peer_declare_durable_queue(p, "q", ARGUMENTS(INT("x-max-length", 2)));
    p = restart(state, true);
    peer_send(p, queue_declare, .queue = SLICE("q"), .durable = true);
    peer_expect_channel_exception(
        p, 406,
        "inequivalent arg 'x-max-length' for queue 'q' in vhost '/': received none but current is "
        "the value '2' of type 'signedint'",
        queue_declare);
}

static void ids_of_queues_are_never_used_again(void **state) {
    struct peer *p = peer_connect(*state);

    for (int life = 0; life < 4; life++) {
        peer_declare_durable_queue(p, "q", SLICE(""));
        publish(p, "q", "old");
        fixture_write_all(*state);
        p = restart(state, life % 2 == 0);
        peer_send(p, queue_delete, .queue = SLICE("q"));
        fixture_write_all(*state);
        peer_expect(p, queue_delete_ok, .message_count = 1);
        p = restart(state, life % 2 == 1);
        peer_declare_durable_queue(p, "q", SLICE(""));
        peer_expect_get_empty(p, "q");
        p = restart(state, false);
        peer_expect_get_empty(p, "q");
        peer_send(p, queue_delete, .queue = SLICE("q"));
        fixture_write_all(*state);
        peer_expect(p, queue_delete_ok);
    }
}

/* --- what cannot be recovered --- */

/* The broker ends cleanly and another one tries, with these settings. */
static void end_journal(struct fixture *fixture) {
    struct journal *journal = fixture->broker->journal;

    fixture->broker->journal = NULL;
    assert_int_equal(journal_close(journal, true), 0);
}

static int try_recovery(struct fixture *fixture, struct text *error) {
    struct journal_options options = {.io = memory_disk_io(fixture->disk), .uuid = {1}};
    struct broker *broker = broker_create(&fixture->env, &fixture->broker->settings);
    int code = recovery_run(broker, &options, error);

    assert_null(broker->journal);
    broker_destroy(broker);
    return code;
}

static void record_of_a_newer_version_is_refused_with_76(void **state) {
    struct fixture *fixture = *state;
    struct text error = {0};

    journal_put_meta(fixture->broker->journal, 200, SLICE("key"), SLICE("payload"));
    fixture_write_all(fixture);
    end_journal(fixture);
    assert_int_equal(try_recovery(fixture, &error), EX_PROTOCOL);
    assert_non_null(strstr(text_chars(&error), "does not understand"));
    text_clear(&error);
}

static void definition_that_makes_no_sense_is_refused_with_76(void **state) {
    struct fixture *fixture = *state;
    struct text error = {0};

    journal_put_meta(fixture->broker->journal, STORE_BINDING, SLICE("\x01/"), SLICE("\x01x"));
    fixture_write_all(fixture);
    end_journal(fixture);
    assert_int_equal(try_recovery(fixture, &error), EX_PROTOCOL);
    text_clear(&error);
}

static void damage_is_refused_with_65_and_the_place(void **state) {
    struct fixture *fixture = *state;
    struct text error = {0};
    uint8_t *octets;
    size_t len;

    for (int i = 0; i < 4; i++) {
        journal_put_meta(fixture->broker->journal, STORE_VHOST, SLICE("\x01v"), SLICE(""));
        fixture_write_all(fixture);
    }
    end_journal(fixture);
    memory_disk_file(fixture->disk, 0, &octets, &len);
    octets[2 * 4096 + 60] ^= 1;
    assert_int_equal(try_recovery(fixture, &error), EX_DATAERR);
    assert_non_null(strstr(text_chars(&error), ".lvj: offset 8192"));
    text_clear(&error);
}

static void disk_that_cannot_be_read_is_74(void **state) {
    struct fixture *fixture = *state;
    struct text error = {0};

    end_journal(fixture);
    memory_disk_fail(fixture->disk, memory_disk_calls(fixture->disk), -EIO, true);
    assert_int_equal(try_recovery(fixture, &error), EX_IOERR);
    assert_true(error.len > 0);
    memory_disk_heal(fixture->disk);
    text_clear(&error);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        DURABLE_CONVERSATION(what_was_not_handed_over_is_gone_after_a_kill),
        DURABLE_CONVERSATION(clean_stop_writes_what_is_left),
        DURABLE_CONVERSATION(requeued_messages_stay_marked_over_many_clean_stops),
        DURABLE_CONVERSATION(flags_of_a_clean_stop_are_used_once),
        DURABLE_CONVERSATION(time_to_live_goes_on_while_nobody_runs),
        DURABLE_CONVERSATION(time_to_live_of_a_policy_is_for_later_messages_after_a_restart_too),
        DURABLE_CONVERSATION(time_to_live_changed_often),
        DURABLE_CONVERSATION(queue_goes_with_its_times_to_live),
        DURABLE_CONVERSATION(expired_while_nobody_ran_is_dead_lettered),
        DURABLE_CONVERSATION(clock_set_back_while_nobody_ran),
        DURABLE_CONVERSATION(unused_queue_expires_after_a_restart),
        DURABLE_CONVERSATION(length_limit_holds_after_a_restart),
        DURABLE_CONVERSATION(single_active_and_other_arguments_are_compared_after_a_restart),
        DURABLE_CONVERSATION(ids_of_queues_are_never_used_again),
        DURABLE_CONVERSATION(record_of_a_newer_version_is_refused_with_76),
        DURABLE_CONVERSATION(definition_that_makes_no_sense_is_refused_with_76),
        DURABLE_CONVERSATION(damage_is_refused_with_65_and_the_place),
        DURABLE_CONVERSATION(disk_that_cannot_be_read_is_74),
    };

    return cmocka_run_group_tests_name("recovery", tests, NULL, NULL);
}
