/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/fixture.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "amqp/slice.h"
#include "broker/entities/chore.h"
#include "broker/entities/dead_letter.h"
#include "broker/entities/paging.h"
#include "broker/entities/permission.h"
#include "broker/entities/store.h"
#include "broker/entities/user.h"
#include "broker/entities/vhost.h"
#include "broker/protocol/confirms.h"
#include "broker/protocol/connection.h"
#include "broker/protocol/fetch.h"
#include "broker/protocol/gate.h"
#include "broker/recovery.h"
#include "persistence/journal.h"
#include "persistence/pager.h"
#include "tests/support/memory_disk.h"
#include "tests/support/peer.h"

/* Deliveries per queue and tick: few, so that budgets run out in tests too. */
#define RUN_BUDGET 7
/* No conversation needs so many ticks; one that does would never end. */
#define TICKS_MAX 100000

/* xorshift64*: what is unguessable in production only has to vary here. */
static void fill_random(void *context, void *buffer, size_t len) {
    struct fixture *fixture = context;
    uint8_t *at = buffer;

    for (size_t i = 0; i < len; i++) {
        fixture->random_state ^= fixture->random_state >> 12;
        fixture->random_state ^= fixture->random_state << 25;
        fixture->random_state ^= fixture->random_state >> 27;
        at[i] = (uint8_t)((fixture->random_state * UINT64_C(2685821657736338717)) >> 56);
    }
}

static void keep_log_line(void *context, enum log_category category, enum log_level level,
                          const char *message) {
    (void)category;
    struct fixture *fixture = context;

    (void)level;
    snprintf(fixture->last_log_line, sizeof fixture->last_log_line, "%s", message);
}

static size_t read_size_of_environment(void) {
    const char *text = getenv("LEVERET_READ_SIZE");
    size_t size = text == NULL ? 0 : strtoul(text, NULL, 10);

    return size == 0 ? SIZE_MAX : size;
}

static void add_default_entities(struct broker *broker) {
    struct vhost *vhost = broker_add_vhost(broker, SLICE("/"));
    struct refusal refusal;

    user_set_tags(user_add(broker, SLICE("guest"), SLICE("guest")), SLICE("administrator"),
                  &refusal);
    permission_grant_all(user_find(broker, SLICE("guest")), vhost);
    permission_grant_all(user_add(broker, SLICE("bob"), SLICE("builder")), vhost);
}

/* What outlives a broker of a fixture is its disk. */
static void add_broker(struct fixture *fixture, const struct broker_settings *settings) {
    fixture->broker = broker_create(&fixture->env, settings);
    if (fixture->disk != NULL) {
        struct journal_options options = {.io = memory_disk_io(fixture->disk), .uuid = {1}};
        struct text error = {0};
        int code = recovery_run(fixture->broker, &options, &error);
        if (code != 0)
            print_error("recovery: %d %s\n", code, text_chars(&error));
        assert(code == 0);
        text_clear(&error);
        const struct pager_options pages = {.io = memory_disk_io(fixture->disk),
                                            .journal = fixture->broker->journal,
                                            .overflow_file_size = 65536};
        code = pager_open(&pages, &fixture->pager);
        assert(code == 0);
        paging_create(fixture->broker, fixture->pager, fixture->memory_limit);
    }
    if (fixture->broker->users == NULL)
        add_default_entities(fixture->broker);
    user_find(fixture->broker, SLICE("guest"))->loopback_only = true;
}

static struct fixture *create(const struct broker_settings *settings, struct memory_disk *disk,
                              uint64_t memory_limit) {
    struct fixture *fixture = calloc(1, sizeof *fixture);

    assert(fixture != NULL);
    fixture->env = (struct env){
        .now_ms = 1000000,
        .wall_ms = INT64_C(1795000000000),
        .hash_seed = 42,
        .fill_random = fill_random,
        .random_context = fixture,
        .log = {.level = LOG_DEBUG, .sink = keep_log_line, .context = fixture},
    };
    fixture->random_state = 88172645463325252u;
    fixture->read_size = read_size_of_environment();
    list_init(&fixture->peers);
    fixture->disk = disk;
    fixture->memory_limit = memory_limit;
    add_broker(fixture, settings);
    return fixture;
}

/* Of the environment; `otherwise` without. */
static uint64_t memory_limit(uint64_t otherwise) {
    const char *text = getenv("LEVERET_MEMORY_LIMIT");
    return text == NULL ? otherwise : strtoull(text, NULL, 10);
}

struct fixture *fixture_create_with(const struct broker_settings *settings) {
    uint64_t limit = memory_limit(UINT64_MAX);
    if (limit == UINT64_MAX)
        return create(settings, NULL, limit);
    struct fixture *fixture = create(settings, memory_disk_create(), limit);
    fixture->writes_itself = true;
    fixture_run(fixture);
    return fixture;
}

struct fixture *fixture_create(void) {
    struct broker_settings settings;

    broker_settings_init(&settings);
    return fixture_create_with(&settings);
}

struct fixture *fixture_create_durable(void) {
    return fixture_create_paged(memory_limit(UINT64_C(256) << 20));
}

struct fixture *fixture_create_paged(uint64_t memory_limit) {
    struct broker_settings settings;

    broker_settings_init(&settings);
    struct fixture *fixture = create(&settings, memory_disk_create(), memory_limit);
    fixture_write_all(fixture);
    return fixture;
}

/* The order is that of server_stop_journal(). */
static void end_broker(struct fixture *fixture, bool clean) {
    struct journal *journal = fixture->broker->journal;

    if (!clean) /* nothing that follows happens to the disk */
        memory_disk_kill(fixture->disk, memory_disk_calls(fixture->disk));
    LIST_FOR_EACH_SAFE(&fixture->peers, at) {
        struct peer *peer = LIST_ITEM(at, struct peer, link);
        peer_drop(peer);
        peer_destroy(peer);
    }
    if (journal != NULL && clean)
        store_prepare_stop(fixture->broker);
    pager_close(fixture->pager);
    fixture->pager = NULL;
    paging_destroy(fixture->broker->paging);
    fixture->broker->journal = NULL;
    int result = journal_close(journal, clean);
    assert(result == 0);
    (void)result;
    broker_destroy(fixture->broker);
}

void fixture_restart(struct fixture *fixture, bool clean) {
    const struct broker_settings settings = fixture->broker->settings;

    end_broker(fixture, clean);
    memory_disk_heal(fixture->disk);
    add_broker(fixture, &settings);
    fixture_write_all(fixture);
}

void fixture_destroy(struct fixture *fixture) {
    end_broker(fixture, fixture->disk == NULL);
    if (fixture->disk != NULL)
        memory_disk_destroy(fixture->disk);
    free(fixture);
}

static void keep_promises(struct broker *broker) {
    confirms_resume(broker);
    gates_open(broker);
}

/* What the reader's and the overflow writer's threads do. */
static bool fixture_read_pages(struct fixture *fixture) {
    if (fixture->pager == NULL || fixture->holds_pages || !pager_is_busy(fixture->pager))
        return false;
    pager_work_now(fixture->pager);
    pager_collect(fixture->pager);
    return true;
}

/* As take_finished_batch() of the server. */
static bool fixture_finish_batch(struct fixture *fixture) {
    struct broker *broker = fixture->broker;

    if (!journal_is_writing(broker->journal))
        return false;
    journal_write_now(broker->journal);
    journal_collect(broker->journal);
    keep_promises(broker);
    if (journal_state(broker->journal) == JOURNAL_FAILED) {
        gates_fail(broker);
        connections_force_close_all(broker, AMQP_INTERNAL_ERROR, "the journal has failed");
    }
    return true;
}

/* The order of a tick is that of server_before_wait(). */
static bool fixture_tick(struct fixture *fixture) {
    struct broker *broker = fixture->broker;
    bool is_busy = false;

    LIST_FOR_EACH(&fixture->peers, at)
    is_busy |= peer_exchange_octets(LIST_ITEM(at, struct peer, link));
    timers_expire(&broker->timers, fixture->env.now_ms);
    is_busy |= fixture_read_pages(fixture);
    fetches_resume(broker);
    is_busy |= broker_do_chores(broker, RUN_BUDGET);
    is_busy |= broker_drain_dead_letters(broker, RUN_BUDGET);
    is_busy |= broker_run_queues(broker, RUN_BUDGET);
    if (broker->journal != NULL && journal_submit(broker->journal, fixture->env.wall_ms))
        keep_promises(broker);
    confirms_settle(broker);
    is_busy |= paging_tick(broker->paging);
    if (fixture->writes_itself)
        is_busy |= fixture_finish_batch(fixture);
    return is_busy || !list_is_empty(&broker->endpoints.dirty) ||
           (!list_is_empty(&broker->dead_letters) && !broker->dead_letters_wait);
}

void fixture_run(struct fixture *fixture) {
    for (int ticks = 0; fixture_tick(fixture); ticks++)
        assert(ticks < TICKS_MAX);
}

bool fixture_write(struct fixture *fixture) {
    if (!fixture_finish_batch(fixture))
        return false;
    fixture_run(fixture);
    return true;
}

void fixture_write_all(struct fixture *fixture) {
    fixture_run(fixture);
    while (fixture_write(fixture))
        continue;
}

static void fixture_set_time(struct fixture *fixture, int64_t now_ms) {
    fixture->env.wall_ms += now_ms - fixture->env.now_ms;
    fixture->env.now_ms = now_ms;
}

void fixture_advance(struct fixture *fixture, int64_t ms) {
    int64_t until_ms = fixture->env.now_ms + ms;
    int64_t next_ms;

    fixture_run(fixture);
    while ((next_ms = timers_next_deadline(&fixture->broker->timers)) <= until_ms) {
        if (next_ms > fixture->env.now_ms)
            fixture_set_time(fixture, next_ms);
        fixture_run(fixture);
    }
    fixture_set_time(fixture, until_ms);
    fixture_run(fixture);
}

int fixture_setup(void **state) {
    *state = fixture_create();
    return 0;
}

int fixture_setup_durable(void **state) {
    *state = fixture_create_durable();
    return 0;
}

int fixture_setup_paged(void **state) {
    struct fixture *fixture = fixture_create_paged(1);
    fixture->writes_itself = true;
    *state = fixture;
    return 0;
}

int fixture_teardown(void **state) {
    struct fixture *fixture = *state;
    int result = 0;

    LIST_FOR_EACH(&fixture->peers, at) {
        struct peer *peer = LIST_ITEM(at, struct peer, link);
        if (peer->received.len > 0) {
            print_error("%zu octets came that nobody expected (last line: %s:%d)\n",
                        peer->received.len, peer->file, peer->line);
            result = -1;
        }
    }
    fixture_destroy(fixture);
    return result;
}
