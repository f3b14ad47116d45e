/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Users, permissions, vhosts and parameters on a disk that crashes. Every change is a step, and the state
 * after each step is kept as text. After a crash at any operation of the disk, in any of several ways,
 * what is recovered must be the state after one of the steps, and of none before the last one that was
 * safe: each change is there wholly or not at all, and in its order.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "broker/base/text.h"
#include "broker/entities/broker.h"
#include "broker/entities/exchange.h"
#include "broker/entities/global_parameter.h"
#include "broker/entities/permission.h"
#include "broker/entities/queue.h"
#include "broker/entities/store.h"
#include "broker/entities/user.h"
#include "broker/entities/vhost.h"
#include "broker/recovery.h"
#include "persistence/journal.h"
#include "tests/journal/campaign.h"
#include "tests/support/memory_disk.h"

enum { STEPS = 60, RUNS = 6, WAYS = 3 };

struct run {
    struct random random;
    struct env env;
    struct memory_disk *disk;
    struct broker *broker;
    struct journal *journal;
    char *states[STEPS + 1];   /* after each step; [0]: the empty broker */
    size_t safe_at[STEPS + 1]; /* operations of the disk when the step was safe, else SIZE_MAX */
    uint64_t lsns[STEPS + 1];
    size_t steps;
};

static void fill_random(void *context, void *buffer, size_t len) {
    struct run *run = context;
    for (size_t i = 0; i < len; i++)
        ((uint8_t *)buffer)[i] = (uint8_t)random_next(&run->random);
}

/* --- a broker as text --- */

struct lines {
    char *texts[256];
    size_t count;
};

static void add_line(struct lines *lines, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static void add_line(struct lines *lines, const char *format, ...) {
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    assert_true(lines->count < 256);
    lines->texts[lines->count++] = strdup(text);
}

static void describe_permission(struct lines *lines, const struct permission *permission) {
    const struct slice user = permission->key.user->name, vhost = permission->key.vhost->name;
    if (permission->is_set)
        add_line(lines,
                 "permission " SLICE_FMT " " SLICE_FMT " " SLICE_FMT " " SLICE_FMT " " SLICE_FMT,
                 SLICE_ARG(user), SLICE_ARG(vhost), SLICE_ARG(permission->texts[0]),
                 SLICE_ARG(permission->texts[1]), SLICE_ARG(permission->texts[2]));
    LIST_FOR_EACH(&permission->topics, at) {
        const struct topic_permission *topic = LIST_ITEM(at, struct topic_permission, link);
        add_line(lines, "topic " SLICE_FMT " " SLICE_FMT " " SLICE_FMT " " SLICE_FMT,
                 SLICE_ARG(user), SLICE_ARG(vhost), SLICE_ARG(topic->exchange),
                 SLICE_ARG(topic->texts[ACCESS_WRITE]));
    }
}

static void describe_users(struct lines *lines, const struct broker *broker) {
    struct user *user, *next;
    MAP_FOR_EACH(broker->users, by_name, user, next) {
        add_line(lines, "user " SLICE_FMT " " SLICE_FMT " %lld %u %02x%02x%02x%02x",
                 SLICE_ARG(user->name), SLICE_ARG(user->tags), (long long)user->limits.max_channels,
                 user->password.len, user->password.octets[4], user->password.octets[5],
                 user->password.octets[6], user->password.octets[7]);
        LIST_FOR_EACH(&user->permissions, at)
        describe_permission(lines, LIST_ITEM(at, struct permission, user_link));
    }
}

static void describe_vhosts(struct lines *lines, const struct broker *broker) {
    struct vhost *vhost, *next;
    struct queue *queue, *next_queue;
    MAP_FOR_EACH(broker->vhosts, by_name, vhost, next) {
        add_line(lines, "vhost " SLICE_FMT " " SLICE_FMT " %lld", SLICE_ARG(vhost->name),
                 SLICE_ARG(vhost->metadata.description), (long long)vhost->limits.max_queues);
        MAP_FOR_EACH(vhost->queues, by_name, queue, next_queue) {
            add_line(lines, "queue " SLICE_FMT " " SLICE_FMT, SLICE_ARG(vhost->name),
                     SLICE_ARG(queue->name));
        }
    }
}

static int compare_lines(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static char *describe(const struct broker *broker) {
    struct lines lines = {.count = 0};
    struct global_parameter *parameter, *next;
    struct text text = {0};
    describe_users(&lines, broker);
    describe_vhosts(&lines, broker);
    MAP_FOR_EACH(broker->global_parameters, by_name, parameter, next) {
        add_line(&lines, "parameter " SLICE_FMT " " SLICE_FMT, SLICE_ARG(parameter->name),
                 SLICE_ARG(parameter->value));
    }
    qsort(lines.texts, lines.count, sizeof lines.texts[0], compare_lines);
    for (size_t i = 0; i < lines.count; i++) {
        text_append_format(&text, "%s\n", lines.texts[i]);
        free(lines.texts[i]);
    }
    char *copy = strdup(text_chars(&text));
    text_clear(&text);
    return copy;
}

/* --- steps --- */

static struct slice name_of(struct run *run, char buffer[16], const char *kind) {
    snprintf(buffer, 16, "%s%u", kind, (unsigned)random_below(&run->random, 4));
    return slice_from_text(buffer);
}

static void change_vhost(struct run *run, struct slice name) {
    struct vhost *vhost = broker_find_vhost(run->broker, name);
    struct refusal refusal;
    bool created;
    if (vhost == NULL) {
        broker_add_vhost(run->broker, name);
        return;
    }
    switch (random_below(&run->random, 4)) {
    case 0:
        vhost_delete(vhost);
        return;
    case 1:
        vhost_set_limits(vhost, (struct vhost_limits){-1, (int64_t)random_below(&run->random, 99)});
        return;
    case 2:
        vhost_set_metadata(vhost, &(struct vhost_metadata){.description = SLICE("described")});
        return;
    default:
        vhost_declare_queue(vhost, &(struct queue_declaration){.name = SLICE("q"), .durable = true},
                            &created, &refusal);
    }
}

static void change_user(struct run *run, struct slice name) {
    struct user *user = user_find(run->broker, name);
    struct refusal refusal;
    if (user == NULL) {
        user_add(run->broker, name, name);
        return;
    }
    switch (random_below(&run->random, 4)) {
    case 0:
        user_delete(user);
        return;
    case 1:
        user_set_limits(user, (struct user_limits){-1, (int64_t)random_below(&run->random, 99)});
        return;
    case 2:
        user_set_tags(user, SLICE("monitoring"), &refusal);
        return;
    default:
        user_add(run->broker, name, SLICE("changed"));
    }
}

static void change_permission(struct run *run, struct user *user, struct vhost *vhost) {
    struct refusal refusal;
    if (user == NULL || vhost == NULL)
        return;
    switch (random_below(&run->random, 4)) {
    case 0:
        permission_clear(user, vhost);
        return;
    case 1:
        topic_permission_set(user, vhost, SLICE("amq.topic"), SLICE("^a"), SLICE("^b"), &refusal);
        return;
    case 2:
        topic_permission_clear(user, vhost, SLICE(""));
        return;
    default:
        permission_grant_all(user, vhost);
    }
}

static void change_parameter(struct run *run, struct slice name) {
    char value[32];
    struct refusal refusal;
    snprintf(value, sizeof value, "%u", (unsigned)random_below(&run->random, 1000));
    if (!global_parameter_clear(run->broker, name))
        global_parameter_set(run->broker, name, slice_from_text(value), &refusal);
}

static void change_something(struct run *run) {
    char user[16], vhost[16];
    struct slice user_name = name_of(run, user, "u"), vhost_name = name_of(run, vhost, "v");
    switch (random_below(&run->random, 5)) {
    case 0:
        change_vhost(run, vhost_name);
        return;
    case 1:
        change_user(run, user_name);
        return;
    case 2:
        change_parameter(run, user_name);
        return;
    default:
        change_permission(run, user_find(run->broker, user_name),
                          broker_find_vhost(run->broker, vhost_name));
    }
}

/* --- a life --- */

static void write_some(struct run *run) {
    if (random_below(&run->random, 2) == 0)
        return;
    journal_submit(run->journal, run->env.wall_ms);
    if (journal_is_writing(run->journal)) {
        journal_write_now(run->journal);
        journal_collect(run->journal);
    }
    for (size_t i = 0; i <= run->steps; i++) {
        if (run->safe_at[i] == SIZE_MAX && store_is_safe(run->broker, run->lsns[i]))
            run->safe_at[i] = memory_disk_operations(run->disk);
    }
}

static void step(struct run *run) {
    store_begin_atomic(run->broker);
    change_something(run);
    store_end_atomic(run->broker);
    run->steps++;
    run->states[run->steps] = describe(run->broker);
    run->lsns[run->steps] = run->broker->promise_lsn;
    run->safe_at[run->steps] = SIZE_MAX;
    write_some(run);
}

static struct broker *recover(struct run *run, struct memory_disk *disk) {
    struct broker_settings settings;
    struct journal_options options = {.io = memory_disk_io(disk), .uuid = {1}};
    struct text error = {0};
    broker_settings_init(&settings);
    struct broker *broker = broker_create(&run->env, &settings);
    int code = recovery_run(broker, &options, &error);
    if (code != 0)
        print_error("recovery: %s\n", text_chars(&error));
    assert_int_equal(code, 0);
    text_clear(&error);
    return broker;
}

static void end(struct broker *broker) {
    struct journal *journal = broker->journal;
    broker->journal = NULL;
    journal_close(journal, false);
    broker_destroy(broker);
}

static void begin(struct run *run, uint64_t seed) {
    *run = (struct run){.random = {seed}};
    run->env = (struct env){.now_ms = 1000,
                            .wall_ms = INT64_C(1795000000000),
                            .hash_seed = 42,
                            .fill_random = fill_random,
                            .random_context = run};
    run->disk = memory_disk_create();
    memory_disk_start_recording(run->disk);
    run->broker = recover(run, run->disk);
    run->journal = run->broker->journal;
    run->states[0] = describe(run->broker);
}

/* --- crashes --- */

static void choose(struct run *run, size_t pending, unsigned way, bool *chosen) {
    for (size_t i = 0; i < pending; i++)
        chosen[i] = way == 0 ? false : way == 1 || random_below(&run->random, 2) == 0;
}

static size_t last_safe_step(const struct run *run, size_t operations) {
    size_t last = 0;
    for (size_t i = 0; i <= run->steps; i++) {
        if (run->safe_at[i] <= operations)
            last = i;
    }
    return last;
}

static void check_crash(struct run *run, struct disk_crash *crash, unsigned way, size_t *states) {
    bool *chosen = calloc(disk_crash_pending(crash) + 1, sizeof *chosen);
    assert_non_null(chosen);
    choose(run, disk_crash_pending(crash), way, chosen);
    struct memory_disk *disk = disk_crash_build(crash, chosen, SIZE_MAX, 0);
    struct broker *broker = recover(run, disk);
    char *found = describe(broker);
    size_t at = last_safe_step(run, disk_crash_position(crash));
    while (at <= run->steps && strcmp(run->states[at], found) != 0)
        at++;
    if (at > run->steps)
        print_error("operation %zu, way %u: no step since the last safe one left\n%s",
                    disk_crash_position(crash), way, found);
    assert_true(at <= run->steps);
    (*states)++;
    free(found);
    free(chosen);
    end(broker);
    memory_disk_destroy(disk);
}

static void run_once(uint64_t seed, size_t *states) {
    struct run run;
    begin(&run, seed);
    while (run.steps < STEPS)
        step(&run);
    struct disk_crash *crash = disk_crash_begin(run.disk);
    do
        for (unsigned way = 0; way < WAYS; way++)
            check_crash(&run, crash, way, states);
    while (disk_crash_advance(crash));
    disk_crash_end(crash);
    end(run.broker);
    memory_disk_destroy(run.disk);
    for (size_t i = 0; i <= run.steps; i++)
        free(run.states[i]);
}

static void access_is_recovered_as_it_was_after_some_step(void **state) {
    size_t states = 0;
    (void)state;
    for (uint64_t seed = 1; seed <= RUNS; seed++)
        run_once(seed, &states);
    print_message("%zu states of the disk\n", states);
    assert_true(states > 500);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(access_is_recovered_as_it_was_after_some_step),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
