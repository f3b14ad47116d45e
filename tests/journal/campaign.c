/* SPDX-License-Identifier: Apache-2.0 */
/* Workloads, the book of versions, and the checks of recovered states. */
#include "tests/journal/campaign.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A clean stop writes the open batch, a batch for its checkpoint and one that says so, each behind a SEAL. */
enum { BATCHES_OF_A_STOP = 5 };
enum { QUEUES = 4, KINDS_OF_META = 3, SUBSETS_UP_TO = 6, NEVER = -1 };

/* ---- randomness and hashes ---- */

uint64_t random_next(struct random *random) {
    uint64_t z = random->state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t random_below(struct random *random, uint64_t bound) {
    return random_next(random) % bound;
}

static uint64_t mix(uint64_t value) {
    struct random random = {value};

    return random_next(&random);
}

static uint64_t hash_octets(uint64_t hash, struct slice octets) {
    uint64_t eight;
    size_t at = 0;

    for (; octets.len - at >= sizeof eight; at += sizeof eight) {
        memcpy(&eight, octets.data + at, sizeof eight);
        hash = (hash ^ eight) * UINT64_C(0x9fb21c651e98df25);
        hash ^= hash >> 29;
    }
    for (; at < octets.len; at++)
        hash = (hash ^ octets.data[at]) * UINT64_C(0x100000001b3);
    return mix(hash ^ octets.len);
}

static uint64_t hash_content(const struct journal_content *content) {
    uint64_t hash = hash_octets(1, content->address);
    struct slice joined = {NULL, 0};
    uint8_t *all = NULL;

    hash = hash_octets(hash, content->header);
    for (size_t i = 0; i < content->body_parts; i++) {
        all = realloc(all, joined.len + content->body[i].len + 1);
        if (all == NULL)
            abort();
        if (content->body[i].len > 0)
            memcpy(all + joined.len, content->body[i].data, content->body[i].len);
        joined = slice_of(all, joined.len + content->body[i].len);
    }
    hash = hash_octets(hash, joined);
    free(all);
    return hash;
}

static uint64_t hash_target(uint64_t content, struct journal_target target) {
    return mix(content ^ mix(target.queue_id ^ mix(target.sequence)));
}

static uint64_t hash_meta(uint8_t kind, struct slice key, struct slice payload) {
    return mix(hash_octets(hash_octets(kind + UINT64_C(1000), key), payload));
}

/* ---- lists of hashes ---- */

struct hash_list {
    uint64_t *hashes;
    size_t count, capacity;
};

static void list_add(struct hash_list *list, uint64_t hash) {
    if (list->count == list->capacity) {
        list->capacity = list->capacity == 0 ? 256 : list->capacity * 2;
        list->hashes = realloc(list->hashes, list->capacity * sizeof *list->hashes);
        if (list->hashes == NULL)
            abort();
    }
    list->hashes[list->count++] = hash;
}

static int compare_hashes(const void *left, const void *right) {
    const uint64_t *a = left, *b = right;

    return *a < *b ? -1 : *a > *b;
}

static void list_sort(struct hash_list *list) {
    if (list->count > 1)
        qsort(list->hashes, list->count, sizeof *list->hashes, compare_hashes);
}

static bool list_has(const struct hash_list *list, uint64_t hash) {
    return list->count > 0 &&
           bsearch(&hash, list->hashes, list->count, sizeof hash, compare_hashes) != NULL;
}

/* ---- the run ---- */

struct model_target {
    struct journal_target target;
    uint64_t hash;
    struct stored_message *message;
};

struct model_content {
    uint8_t octets[64 + 64];
    uint8_t *body;
    struct slice parts[2];
    struct journal_content content;
};

struct version {
    uint64_t index;
    uint64_t hash;
    size_t born;       /* operations recorded when it was handed over */
    int64_t confirmed; /* NEVER, or operations recorded when it was known to be safe */
    bool clean;
};

struct model_queue {
    uint64_t id;
    uint64_t sequence;
    struct model_target *targets;
    size_t count, capacity;
};

struct run {
    struct random random;
    unsigned workload;
    uint64_t seed;
    struct memory_disk *disk;
    struct journal *journal;
    struct campaign_figures *figures;
    struct model_queue queues[QUEUES];
    uint64_t next_queue_id;
    uint64_t meta[KINDS_OF_META][4]; /* hash of what is under the key, 0 for nothing */
    uint64_t hash;
    uint64_t submitted_hash;
    bool submitted_clean;
    struct version *versions;
    size_t version_count, version_capacity;
    uint64_t last_index; /* last known to be written */
    uint64_t last_hash;  /* state it stands for */
    uint64_t content_number;
    struct hash_list known; /* every target and definition there ever was */
    bool expects_failure;
    char failing[64]; /* which call fails, for the report */
    bool failed;
};

__attribute__((format(printf, 2, 3))) static bool fail(struct run *run, const char *format, ...) {
    char text[700];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (run->figures->failed++ == 0)
        snprintf(run->figures->first_failure, sizeof run->figures->first_failure,
                 "workload %u (%s) seed %" PRIu64 "%s: %s", run->workload,
                 workload_name(run->workload), run->seed, run->failing, text);
    run->failed = true;
    return false;
}

const char *workload_name(unsigned workload) {
    static const char *const names[WORKLOAD_KINDS] = {
        "confirms", "fan-out", "acks",  "transactions", "dead letters", "definitions",
        "deletes",  "purges",  "large", "backlog",      "compaction",   "mix",
    };

    return names[workload % WORKLOAD_KINDS];
}

static struct journal_options options_of(const struct run *run, struct memory_disk *disk) {
    bool small = run->workload < WORKLOAD_KINDS;
    struct journal_options options = {
        .io = memory_disk_io(disk),
        .segment_size = small ? 32 * 1024 : 128 * 1024,
        .first_segment_size = small ? 16 * 1024 : 64 * 1024,
        .checkpoint_bytes = small ? 96 * 1024 : 512 * 1024,
        .spare_segments = run->workload % 3,
    };

    for (size_t i = 0; i < sizeof options.uuid; i++)
        options.uuid[i] = (uint8_t)mix(run->seed + i);
    return options;
}

/* ---- the book of versions ---- */

static size_t now(const struct run *run) {
    return memory_disk_operations(run->disk);
}

static struct version *add_version(struct run *run, uint64_t index, uint64_t hash, bool clean) {
    for (size_t i = run->version_count; i-- > 0;) {
        struct version *version = &run->versions[i];

        if (version->index == index && version->hash == hash && version->clean == clean)
            return version;
    }
    if (run->version_count == run->version_capacity) {
        run->version_capacity = run->version_capacity == 0 ? 256 : run->version_capacity * 2;
        run->versions = realloc(run->versions, run->version_capacity * sizeof *run->versions);
        if (run->versions == NULL)
            abort();
    }
    run->versions[run->version_count] = (struct version){
        .index = index, .hash = hash, .born = now(run), .confirmed = NEVER, .clean = clean};
    return &run->versions[run->version_count++];
}

/* What may be found once the batch is handed over: itself, behind a SEAL or not, or the SEAL. */
static void note_handed_over(struct run *run, bool clean) {
    run->submitted_hash = run->hash;
    run->submitted_clean = clean;
    add_version(run, run->last_index + 1, run->hash, clean);
    add_version(run, run->last_index + 1, run->last_hash, false);
    add_version(run, run->last_index + 2, run->hash, clean);
    for (uint64_t i = 3; clean && i <= BATCHES_OF_A_STOP; i++)
        add_version(run, run->last_index + i, run->hash, clean);
}

static void note_confirmed(struct run *run, uint64_t index, uint64_t hash, bool clean) {
    struct version *version = add_version(run, index, hash, clean);

    if (version->confirmed == NEVER)
        version->confirmed = (int64_t)now(run);
    run->last_index = index;
    run->last_hash = hash;
}

/* The index that must be found at least after `position` operations. */
static uint64_t safe_index(const struct run *run, size_t position) {
    uint64_t safe = 0;

    for (size_t i = 0; i < run->version_count; i++) {
        const struct version *version = &run->versions[i];

        if (version->confirmed != NEVER && (size_t)version->confirmed <= position &&
            version->index > safe)
            safe = version->index;
    }
    return safe;
}

static bool is_confirmed(const struct version *version, size_t position) {
    return version->confirmed != NEVER && (size_t)version->confirmed <= position;
}

/* Whether `index` standing for `hash` can be found after `position` operations. */
static bool is_possible(const struct run *run, size_t position, uint64_t index, uint64_t hash,
                        bool clean) {
    bool possible = index == 0 && hash == 0;
    bool decided = false;

    for (size_t i = 0; i < run->version_count; i++) {
        const struct version *version = &run->versions[i];

        if (version->index != index || version->born > position)
            continue;
        if (is_confirmed(version, position)) {
            if (version->hash == hash && (version->clean || !clean))
                return true;
            decided = decided || version->hash != hash;
        }
        if (version->hash == hash && (version->clean || !clean))
            possible = true;
    }
    return possible && !decided;
}

/* ---- checking what recovery finds ---- */

struct checker {
    uint64_t hash;
    struct run *run; /* whose model to fill, or NULL */
    struct stored_message **messages;
    uint64_t *contents;
    size_t count;
    size_t unreadable;
};

static void check_meta(void *context, uint8_t kind, struct slice key, struct slice payload) {
    struct checker *checker = context;

    checker->hash += hash_meta(kind, key, payload);
}

static struct model_queue *queue_by_id(struct run *run, uint64_t id) {
    for (int i = 0; i < QUEUES; i++)
        if (run->queues[i].id == id)
            return &run->queues[i];
    return NULL;
}

static void queue_add(struct model_queue *queue, struct model_target target) {
    if (queue->count == queue->capacity) {
        queue->capacity = queue->capacity == 0 ? 64 : queue->capacity * 2;
        queue->targets = realloc(queue->targets, queue->capacity * sizeof *queue->targets);
        if (queue->targets == NULL)
            abort();
    }
    queue->targets[queue->count++] = target;
}

static void check_message(void *context, struct stored_message *message,
                          const struct journal_content *content,
                          const struct journal_target *targets, size_t target_count) {
    struct checker *checker = context;
    uint64_t content_hash = hash_content(content);

    if (checker->messages != NULL) {
        checker->messages[checker->count] = message;
        checker->contents[checker->count++] = content_hash;
    }
    for (size_t i = 0; i < target_count; i++) {
        uint64_t hash = hash_target(content_hash, targets[i]);
        struct model_queue *queue =
            checker->run == NULL ? NULL : queue_by_id(checker->run, targets[i].queue_id);

        checker->hash += hash;
        if (queue != NULL)
            queue_add(queue, (struct model_target){targets[i], hash, message});
    }
}

static void check_unreadable(void *context, int error, const struct journal_target *targets,
                             size_t target_count) {
    (void)error;
    (void)targets;
    (void)target_count;
    ((struct checker *)context)->unreadable++;
}

static struct content_sink sink_into(struct checker *checker) {
    return (struct content_sink){.context = checker,
                                 .on_meta = check_meta,
                                 .on_message = check_message,
                                 .on_unreadable = check_unreadable};
}

/* Opens `disk`, compares, and leaves the journal closed. */
static bool check_disk(struct run *run, struct memory_disk *disk, size_t position,
                       const char *what) {
    struct journal_options options = options_of(run, disk);
    struct checker checker = {0};
    struct content_sink sink = sink_into(&checker);
    struct journal_report report;
    struct journal_error error;
    struct journal *journal;
    uint64_t safe = safe_index(run, position);

    run->figures->states++;
    options.spare_segments = 0;
    if (read_journal(&options, &sink, false, &journal, &report, &error) < 0)
        return fail(run, "operation %zu, %s: refused to start: %d %s", position, what, error.code,
                    error.text);
    journal_close(journal, false);
    run->figures->torn_tails += report.torn_tail;
    if (report.last_index < safe)
        return fail(run, "operation %zu, %s: batch %" PRIu64 " was confirmed, %" PRIu64 " found",
                    position, what, safe, report.last_index);
    if (!is_possible(run, position, report.last_index, checker.hash, report.clean))
        return fail(run, "operation %zu, %s: the state is not that of batch %" PRIu64 "%s",
                    position, what, report.last_index, report.clean ? " (clean)" : "");
    return true;
}

/* Recovery is cut short at a random place, then done again. */
static bool check_recovery_crash(struct run *run, struct memory_disk *disk, size_t position) {
    struct journal_options options = options_of(run, disk);
    struct checker checker = {0};
    struct content_sink sink = sink_into(&checker);
    struct journal_report report;
    struct journal_error error;
    struct journal *journal;
    struct disk_crash *crash;
    size_t steps;
    bool good = true;

    memory_disk_start_recording(disk);
    if (read_journal(&options, &sink, false, &journal, &report, &error) < 0)
        return fail(run, "operation %zu: refused to start: %s", position, error.text);
    journal_close(journal, false);
    crash = disk_crash_begin(disk);
    steps = memory_disk_operations(disk) == 0
                ? 0
                : random_below(&run->random, memory_disk_operations(disk) + 1);
    while (steps-- > 0)
        disk_crash_advance(crash);
    for (int i = 0; i < 3 && good; i++) {
        bool *chosen = calloc(disk_crash_pending(crash) + 1, sizeof *chosen);
        struct memory_disk *after;

        for (size_t j = 0; j < disk_crash_pending(crash); j++)
            chosen[j] = random_below(&run->random, 2) == 1;
        after = disk_crash_build(crash, chosen, SIZE_MAX, 0);
        run->figures->recovery_crashes++;
        good = check_disk(run, after, position, "crashed again in recovery");
        memory_disk_destroy(after);
        free(chosen);
    }
    disk_crash_end(crash);
    return good;
}

/* ---- states at one boundary ---- */

struct choice {
    const char *what;
    bool *chosen;
    size_t torn;
    size_t torn_octets;
};

static bool try_choice(struct run *run, struct disk_crash *crash, const struct choice *choice,
                       unsigned again) {
    struct memory_disk *disk =
        disk_crash_build(crash, choice->chosen, choice->torn, choice->torn_octets);
    size_t position = disk_crash_position(crash);
    struct memory_disk *copy = again == 0 ? memory_disk_copy(disk) : NULL;
    bool good = check_disk(run, disk, position, choice->what);

    if (good && copy != NULL)
        good = check_recovery_crash(run, copy, position);
    memory_disk_destroy(disk);
    memory_disk_destroy(copy);
    return good;
}

/* Choice number `number` of those that exist at this boundary. */
static struct choice choose(struct run *run, const struct disk_crash *crash, uint64_t number,
                            bool *chosen) {
    size_t pending = disk_crash_pending(crash);
    struct choice choice = {.chosen = chosen, .torn = SIZE_MAX};
    size_t len;

    memset(chosen, 0, pending + 1);
    switch (number % 8) {
    case 0:
        choice.what = "nothing un-synced happened";
        break;
    case 1:
        choice.what = "everything happened";
        memset(chosen, 1, pending);
        break;
    case 2:
        choice.what = "a prefix happened";
        memset(chosen, 1, random_below(&run->random, pending + 1));
        break;
    case 3:
        choice.what = "one is missing";
        memset(chosen, 1, pending);
        chosen[random_below(&run->random, pending + 1)] = false;
        break;
    case 4:
    case 5:
        choice.what = "some happened";
        for (size_t i = 0; i < pending; i++)
            chosen[i] = random_below(&run->random, 2) == 1;
        break;
    default:
        choice.what = "the last of a prefix is torn";
        choice.torn =
            number % 8 == 6 || pending == 0 ? random_below(&run->random, pending + 1) : pending - 1;
        memset(chosen, 1, choice.torn < pending ? choice.torn + 1 : pending);
        len = choice.torn < pending ? disk_crash_pending_length(crash, choice.torn) : 0;
        choice.torn_octets = len == 0 ? 0 : random_below(&run->random, len / 512 + 1) * 512;
    }
    return choice;
}

/* Few pending operations: every subset of them. */
static bool check_all_subsets(struct run *run, struct disk_crash *crash, bool *chosen) {
    size_t pending = disk_crash_pending(crash);

    for (uint64_t subset = 0; subset < UINT64_C(1) << pending; subset++) {
        struct choice choice = {"a subset happened", chosen, SIZE_MAX, 0};

        for (size_t i = 0; i < pending; i++)
            chosen[i] = (subset >> i & 1) != 0;
        if (!try_choice(run, crash, &choice, 1))
            return false;
    }
    return true;
}

/* Every place at which the last pending write can be torn. */
static bool check_all_tears(struct run *run, struct disk_crash *crash, bool *chosen) {
    size_t pending = disk_crash_pending(crash);
    size_t len = disk_crash_pending_length(crash, pending - 1);

    memset(chosen, 1, pending);
    for (size_t octets = 512; octets < len; octets += 512) {
        struct choice choice = {"the last write is torn", chosen, pending - 1, octets};

        if (!try_choice(run, crash, &choice, 1))
            return false;
    }
    return true;
}

static bool check_boundary(struct run *run, struct disk_crash *crash, unsigned states) {
    size_t pending = disk_crash_pending(crash);
    bool *chosen = calloc(pending + 2, sizeof *chosen);
    bool exhaustive = states >= 32;
    bool good = true;

    if (exhaustive && pending <= SUBSETS_UP_TO)
        good = check_all_subsets(run, crash, chosen);
    if (good && exhaustive && pending > 0)
        good = check_all_tears(run, crash, chosen);
    for (unsigned i = 0; good && i < (pending == 0 ? 1 : states); i++) {
        struct choice choice =
            choose(run, crash, exhaustive ? i : random_next(&run->random), chosen);

        good = try_choice(run, crash, &choice, (unsigned)random_below(&run->random, 12));
    }
    free(chosen);
    return good;
}

/* ---- workloads ---- */

static void on_release(void *owner) {
    struct model_content *content = owner;

    free(content->body);
    memset(content, 0xdd, sizeof *content); /* whoever still reads it reads rubbish */
    free(content);
}

static void fill(struct run *run, uint8_t *octets, size_t len) {
    for (size_t i = 0; i < len; i++)
        octets[i] =
            i % 8 == 0 ? (uint8_t)random_next(&run->random) : (uint8_t)(octets[i - 1] * 5 + 1);
}

static struct model_content *make_content(struct run *run, size_t body_len) {
    struct model_content *made = calloc(1, sizeof *made);
    int address = snprintf((char *)made->octets, 64, "exchange/%" PRIu64, run->content_number++);
    size_t first = body_len == 0 ? 0 : random_below(&run->random, body_len + 1);

    made->body = malloc(body_len + 1);
    fill(run, made->body, body_len);
    fill(run, made->octets + 64, 64);
    made->parts[0] = slice_of(made->body, first);
    made->parts[1] = slice_of(made->body + first, body_len - first);
    made->content = (struct journal_content){
        .address = slice_of(made->octets, (size_t)address),
        .header = slice_of(made->octets + 64, 14 + random_below(&run->random, 50)),
        .body = made->parts,
        .body_parts = 2,
    };
    return made;
}

static void publish(struct run *run, size_t queue_count, size_t body_len) {
    size_t first = random_below(&run->random, QUEUES);
    struct model_content *made = make_content(run, body_len);
    uint64_t content_hash = hash_content(&made->content);
    struct journal_target targets[QUEUES];
    struct stored_message *message;

    for (size_t i = 0; i < queue_count; i++) {
        struct model_queue *queue = &run->queues[(first + i) % QUEUES];

        targets[i] = (struct journal_target){queue->id, ++queue->sequence};
    }
    journal_append_message(run->journal, &made->content, targets, queue_count, on_release, made,
                           &message);
    for (size_t i = 0; i < queue_count; i++) {
        uint64_t hash = hash_target(content_hash, targets[i]);

        queue_add(&run->queues[(first + i) % QUEUES],
                  (struct model_target){targets[i], hash, message});
        list_add(&run->known, hash);
        run->hash += hash;
    }
}

static void settle_at(struct run *run, struct model_queue *queue, size_t at) {
    struct model_target target = queue->targets[at];

    memmove(&queue->targets[at], &queue->targets[at + 1],
            (queue->count - at - 1) * sizeof *queue->targets);
    queue->count--;
    run->hash -= target.hash;
    journal_settle(run->journal, target.message, target.target);
}

static struct model_queue *any_queue(struct run *run) {
    return &run->queues[random_below(&run->random, QUEUES)];
}

static void acknowledge(struct run *run) {
    struct model_queue *queue = any_queue(run);

    if (queue->count > 0)
        settle_at(run, queue,
                  random_below(&run->random, random_below(&run->random, 3) > 0 ? 1 : queue->count));
}

static size_t body_length(struct run *run) {
    static const size_t lengths[] = {0, 1, 100, 400, 600, 1500, 3000};

    return random_below(&run->random, lengths[random_below(&run->random, 7)] + 1);
}

static void purge(struct run *run) {
    struct model_queue *queue = any_queue(run);

    while (queue->count > 0)
        settle_at(run, queue, queue->count - 1);
}

static void meta_text(char text[32], uint64_t key) {
    snprintf(text, 32, "definition %" PRIu64, key);
}

static void change_meta(struct run *run, uint64_t kind, uint64_t key, bool put) {
    uint64_t *held = &run->meta[kind][key];
    uint8_t payload[300];
    size_t len = random_below(&run->random, sizeof payload);
    char text[32];

    meta_text(text, key);
    run->hash -= *held;
    *held = 0;
    if (put) {
        fill(run, payload, len);
        *held = hash_meta((uint8_t)kind, slice_from_text(text), slice_of(payload, len));
        list_add(&run->known, *held);
        journal_put_meta(run->journal, (uint8_t)kind, slice_from_text(text),
                         slice_of(payload, len));
    } else {
        journal_delete_meta(run->journal, (uint8_t)kind, slice_from_text(text));
    }
    run->hash += *held;
}

/* The definition goes, the messages go, another queue takes the place: all in one batch. */
static void delete_queue(struct run *run) {
    size_t at = random_below(&run->random, QUEUES);
    struct model_queue *queue = &run->queues[at];

    journal_begin_atomic(run->journal);
    change_meta(run, 0, at, false);
    journal_delete_queue(run->journal, queue->id);
    while (queue->count > 0)
        settle_at(run, queue, 0);
    queue->id = run->next_queue_id++;
    queue->sequence = 0;
    change_meta(run, 0, at, true);
    journal_end_atomic(run->journal);
}

static void transact(struct run *run) {
    journal_begin_atomic(run->journal);
    for (uint64_t i = random_below(&run->random, 6) + 1; i > 0; i--) {
        publish(run, 1 + random_below(&run->random, 2), body_length(run));
        if (random_below(&run->random, 3) == 0)
            acknowledge(run);
    }
    journal_end_atomic(run->journal);
}

/* The old place is settled and the new record appended, in one batch. */
static void dead_letter(struct run *run) {
    struct model_queue *queue = any_queue(run);

    if (queue->count == 0)
        return;
    journal_begin_atomic(run->journal);
    publish(run, 1, body_length(run));
    settle_at(run, queue, 0);
    journal_end_atomic(run->journal);
}

static void one_of_a_mix(struct run *run) {
    uint64_t kind = random_below(&run->random, 40);

    if (kind < 14)
        publish(run, 1, body_length(run));
    else if (kind < 18)
        publish(run, 1 + random_below(&run->random, QUEUES), body_length(run));
    else if (kind < 29)
        acknowledge(run);
    else if (kind < 31)
        transact(run);
    else if (kind < 34)
        dead_letter(run);
    else if (kind < 38)
        change_meta(run, random_below(&run->random, KINDS_OF_META), random_below(&run->random, 4),
                    random_below(&run->random, 3) > 0);
    else if (kind < 39)
        delete_queue(run);
    else
        purge(run);
}

static void work(struct run *run) {
    uint64_t kind = random_below(&run->random, 4);

    if (random_below(&run->random, 3) == 0) {
        one_of_a_mix(run);
        return;
    }
    switch (run->workload % WORKLOAD_KINDS) {
    case WORKLOAD_CONFIRMS:
        publish(run, 1, body_length(run));
        break;
    case WORKLOAD_FAN_OUT:
        publish(run, QUEUES, body_length(run));
        acknowledge(run);
        acknowledge(run);
        acknowledge(run);
        break;
    case WORKLOAD_ACKS:
        publish(run, 1, body_length(run));
        acknowledge(run);
        break;
    case WORKLOAD_TRANSACTIONS:
        transact(run);
        break;
    case WORKLOAD_DEAD_LETTERS:
        if (kind < 2)
            publish(run, 1, body_length(run));
        else
            dead_letter(run);
        break;
    case WORKLOAD_DEFINITIONS:
        change_meta(run, random_below(&run->random, KINDS_OF_META), random_below(&run->random, 4),
                    kind > 0);
        break;
    case WORKLOAD_DELETES:
        if (kind == 0)
            delete_queue(run);
        publish(run, 2, body_length(run));
        break;
    case WORKLOAD_PURGES:
        if (kind == 0)
            purge(run);
        publish(run, 1, body_length(run));
        break;
    case WORKLOAD_LARGE:
        publish(run, 1, kind == 0 ? 20000 + random_below(&run->random, 60000) : body_length(run));
        acknowledge(run);
        break;
    case WORKLOAD_BACKLOG:
        publish(run, 1, 200);
        break;
    case WORKLOAD_COMPACTION: {
        struct model_queue *queue = any_queue(run);

        publish(run, 1, 1500);
        publish(run, 1, 1500);
        while (queue->count > 4) /* a few long-lived ones stay in front */
            settle_at(run, queue, queue->count - 1);
        break;
    }
    default:
        one_of_a_mix(run);
    }
}

/* ---- a life ---- */

static void forget_model(struct run *run) {
    for (int i = 0; i < QUEUES; i++)
        run->queues[i].count = 0;
}

static void collect(struct run *run) {
    struct journal_statistics statistics;

    journal_collect(run->journal);
    journal_statistics(run->journal, &statistics);
    if (statistics.last_index <= run->last_index)
        return;
    for (uint64_t index = run->last_index + 1; index < statistics.last_index; index++)
        note_confirmed(run, index, run->last_hash, false);
    note_confirmed(run, statistics.last_index, run->submitted_hash, run->submitted_clean);
    run->figures->batches++;
}

/* A tick: hand over, and, while the batch is under way, some more work. */
static void tick(struct run *run, uint64_t wall_ms) {
    if (!journal_is_writing(run->journal))
        note_handed_over(run, false);
    journal_submit(run->journal, (int64_t)wall_ms);
    if (random_below(&run->random, 2) == 0)
        work(run);
    journal_write_now(run->journal);
    if (random_below(&run->random, 3) == 0)
        work(run);
    collect(run);
}

static bool live(struct run *run, unsigned ticks) {
    for (unsigned i = 0; i < ticks && journal_state(run->journal) == JOURNAL_OPEN; i++) {
        for (uint64_t j = random_below(&run->random, 5); j > 0; j--)
            work(run);
        if (random_below(&run->random, 40) == 0)
            journal_request_checkpoint(run->journal);
        tick(run, i * 10);
    }
    return journal_state(run->journal) == JOURNAL_OPEN;
}

/* What was confirmed in this life can be read back. */
static bool check_reads(struct run *run) {
    uint8_t *buffer = NULL;
    size_t capacity = 0;
    bool good = true;

    for (int q = 0; q < QUEUES && good; q++)
        for (size_t i = 0; i < run->queues[q].count && good; i += 7) {
            const struct model_target *target = &run->queues[q].targets[i];
            struct journal_content content;
            struct slice body;
            int error =
                journal_read(run->journal, target->message, &buffer, &capacity, &content, &body);

            if (error == -EINPROGRESS)
                continue;
            if (error < 0 || hash_target(hash_content(&content), target->target) != target->hash)
                good = fail(run, "message %" PRIu64 " of queue %" PRIu64 " reads back wrong: %d",
                            target->target.sequence, target->target.queue_id, error);
        }
    free(buffer);
    return good;
}

static void add_statistics(struct run *run) {
    struct journal_statistics statistics;

    journal_statistics(run->journal, &statistics);
    run->figures->checkpoints += statistics.checkpoints;
    run->figures->relocated_bytes += statistics.relocated_bytes;
    run->figures->unlinked_segments += statistics.unlinked_segments;
    run->figures->recycled_segments += statistics.recycled_segments;
}

/* Ends the life; the journal is gone afterwards. */
static bool end_life(struct run *run, bool clean) {
    int error;

    add_statistics(run);
    if (clean) {
        journal_write_now(run->journal); /* what waits for room is a batch of its own */
        collect(run);
        note_handed_over(run, true);
    }
    error = journal_close(run->journal, clean);
    run->journal = NULL;
    if (memory_disk_open_handles(run->disk) != 0)
        return fail(run, "%" PRIi64 " files are left open", memory_disk_open_handles(run->disk));
    if (clean && error < 0 && !run->expects_failure)
        return fail(run, "clean stop failed: %d", error);
    return true;
}

static void on_queue(void *context, uint64_t queue_id, uint64_t highest_sequence) {
    struct checker *checker = context;
    struct model_queue *queue = queue_by_id(checker->run, queue_id);

    if (queue != NULL && queue->sequence < highest_sequence)
        queue->sequence = highest_sequence;
}

static void restore_meta(void *context, uint8_t kind, struct slice key, struct slice payload) {
    struct checker *checker = context;
    uint64_t hash = hash_meta(kind, key, payload);

    checker->hash += hash;
    checker->run->meta[kind][key.data[key.len - 1] - '0'] = hash;
}

/* Opens the journal on the run's disk and takes over what it finds as the model's state. */
static bool begin_life(struct run *run) {
    struct journal_options options = options_of(run, run->disk);
    struct checker checker = {.run = run};
    struct content_sink sink = sink_into(&checker);
    struct journal_report report;
    struct journal_error error;
    size_t position = now(run);

    forget_model(run);
    memset(run->meta, 0, sizeof run->meta);
    sink.on_queue = on_queue;
    sink.on_meta = restore_meta;
    if (read_journal(&options, &sink, false, &run->journal, &report, &error) < 0) {
        run->journal = NULL;
        if (memory_disk_open_handles(run->disk) != 0)
            return fail(run, "files are left open after a failed start");
        return run->expects_failure ||
               fail(run, "life refused to start: %d %s", error.code, error.text);
    }
    run->figures->lives++;
    if (checker.unreadable > 0 && run->expects_failure) {
        /* The failing call was a read: what it settled is not handed over. */
        journal_close(run->journal, false);
        run->journal = NULL;
        return true;
    }
    if (report.last_index < safe_index(run, position) ||
        !is_possible(run, position, report.last_index, checker.hash, report.clean))
        return fail(run,
                    "operation %zu: a life began with a state that is not that of batch %" PRIu64,
                    position, report.last_index);
    run->hash = checker.hash;
    /* Messages of queues whose ids are not the model's any more would stay for ever. */
    note_confirmed(run, report.last_index, checker.hash, false);
    return true;
}

static void run_begin(struct run *run, unsigned workload, uint64_t seed,
                      struct campaign_figures *figures) {
    *run = (struct run){.workload = workload,
                        .seed = seed,
                        .random = {mix(seed) ^ workload},
                        .disk = memory_disk_create(),
                        .figures = figures,
                        .next_queue_id = 1};
    for (int i = 0; i < QUEUES; i++)
        run->queues[i].id = run->next_queue_id++;
    memory_disk_start_recording(run->disk);
    figures->runs++;
}

static bool run_end(struct run *run) {
    if (run->journal != NULL)
        journal_close(run->journal, false);
    for (int i = 0; i < QUEUES; i++)
        free(run->queues[i].targets);
    free(run->versions);
    free(run->known.hashes);
    memory_disk_destroy(run->disk);
    return !run->failed;
}

/* The life ends: cleanly, by a kill in the middle of something, or by a failing call. */
static bool one_life(struct run *run, unsigned ticks) {
    uint64_t manner = random_below(&run->random, 4);
    uint64_t at = memory_disk_calls(run->disk) + 1 + random_below(&run->random, ticks * 6);

    if (manner == 1)
        memory_disk_kill(run->disk, at);
    if (manner == 2)
        memory_disk_fail(run->disk, at, random_below(&run->random, 2) == 0 ? -EIO : -ENOSPC,
                         random_below(&run->random, 2) == 0);
    run->expects_failure = manner == 1 || manner == 2;
    if (!begin_life(run))
        return false;
    if (run->journal != NULL) {
        live(run, ticks);
        if (!run->expects_failure && !check_reads(run))
            return false;
        if (!end_life(run, manner == 0))
            return false;
    }
    memory_disk_heal(run->disk);
    run->expects_failure = false;
    return true;
}

static bool check_run(struct run *run, unsigned states_per_boundary) {
    struct disk_crash *crash = disk_crash_begin(run->disk);
    bool good = true;

    do
        if (states_per_boundary > 0 || random_below(&run->random, 4) == 0)
            good = check_boundary(run, crash, states_per_boundary > 0 ? states_per_boundary : 1);
    while (good && disk_crash_advance(crash));
    disk_crash_end(crash);
    return good;
}

bool campaign_run(unsigned workload, uint64_t seed, unsigned states_per_boundary,
                  struct campaign_figures *figures) {
    struct run run;
    bool good = true;
    uint64_t lives;

    run_begin(&run, workload, seed, figures);
    lives = 1 + random_below(&run.random, 4);
    for (uint64_t i = 0; i < lives && good; i++)
        good = one_life(&run, 10 + (unsigned)random_below(&run.random, 50));
    if (good)
        check_run(&run, states_per_boundary);
    return run_end(&run);
}

bool campaign_run_failing(unsigned workload, uint64_t seed, uint64_t call, int error, bool sticky,
                          uint64_t *ret_calls, struct campaign_figures *figures) {
    struct run run;
    bool good;

    run_begin(&run, workload, seed, figures);
    figures->states++;
    run.expects_failure = call > 0;
    if (call > 0)
        snprintf(run.failing, sizeof run.failing, " call %" PRIu64 " error %d%s", call, error,
                 sticky ? " sticky" : "");
    if (call > 0 && error == 0)
        memory_disk_shorten(run.disk, call, sticky);
    else if (call > 0)
        memory_disk_fail(run.disk, call, error, sticky);
    for (int i = 0; i < 2; i++) {
        good = begin_life(&run);
        if (!good || run.journal == NULL)
            break;
        live(&run, 25);
        good = end_life(&run, i == 1);
    }
    if (ret_calls != NULL)
        *ret_calls = memory_disk_calls(run.disk);
    memory_disk_heal(run.disk);
    run.expects_failure = false;
    if (good && begin_life(&run)) {
        live(&run, 3);
        check_reads(&run);
        end_life(&run, true);
    }
    return run_end(&run);
}

/* ---- damage ---- */

/*
 * What one start handed out: definitions, and for each live target its hash and that of its
 * content.
 */
struct harvest {
    struct hash_list all; /* definitions and targets */
    struct hash_list contents;
    uint64_t sum;
    size_t unreadable; /* messages that a start did not know to be damaged */
};

static void harvest_meta(void *context, uint8_t kind, struct slice key, struct slice payload) {
    struct harvest *harvest = context;
    uint64_t hash = hash_meta(kind, key, payload);

    list_add(&harvest->all, hash);
    list_add(&harvest->contents, hash);
    harvest->sum += hash;
}

static void harvest_message(void *context, struct stored_message *message,
                            const struct journal_content *content,
                            const struct journal_target *targets, size_t target_count) {
    struct harvest *harvest = context;
    uint64_t content_hash = hash_content(content);

    (void)message;
    list_add(&harvest->contents, content_hash);
    for (size_t i = 0; i < target_count; i++) {
        uint64_t hash = hash_target(content_hash, targets[i]);

        list_add(&harvest->all, hash);
        harvest->sum += hash;
    }
}

static void harvest_unreadable(void *context, int error, const struct journal_target *targets,
                               size_t target_count) {
    (void)error;
    (void)targets;
    (void)target_count;
    ((struct harvest *)context)->unreadable++;
}

static void harvest_clear(struct harvest *harvest) {
    free(harvest->all.hashes);
    free(harvest->contents.hashes);
}

static int harvest_disk(struct run *run, struct memory_disk *disk, bool salvage,
                        struct harvest *ret, struct journal_report *report,
                        struct journal_error *error) {
    struct journal_options options = options_of(run, disk);
    struct content_sink sink = {.context = ret,
                                .on_meta = harvest_meta,
                                .on_message = harvest_message,
                                .on_unreadable = harvest_unreadable};
    struct journal *journal;
    int code;

    *ret = (struct harvest){0};
    options.spare_segments = 0;
    code = read_journal(&options, &sink, salvage, &journal, report, error);
    if (code == 0)
        journal_close(journal, false);
    list_sort(&ret->all);
    list_sort(&ret->contents);
    return code;
}

/* How many of the wanted contents are not there. */
static size_t missing(const struct hash_list *wanted, const struct hash_list *found) {
    size_t count = 0;

    for (size_t i = 0; i < wanted->count; i++)
        count += !list_has(found, wanted->hashes[i]);
    return count;
}

struct flip_plan {
    const struct harvest *intact;
    const struct journal_report *intact_report;
    const struct hash_list *known; /* every target and definition there ever was */
    size_t most_lost;              /* contents that this damage can have hit */
};

/* Nothing that never was, and at most what was hit is missing. */
static bool check_kept(struct run *run, const struct harvest *kept, const struct flip_plan *plan,
                       const char *where, const char *what) {
    size_t lost = missing(&plan->intact->contents, &kept->contents);

    for (size_t i = 0; i < kept->all.count; i++)
        if (!list_has(plan->known, kept->all.hashes[i]))
            return fail(run, "%s: %s made something up", where, what);
    return lost <= plan->most_lost ||
           fail(run, "%s: %s lost %zu undamaged things", where, what, lost);
}

/*
 * After salvage: nothing that never was, at most what was hit is missing, and the next start is an
 * ordinary one.
 */
static bool check_salvage(struct run *run, struct memory_disk *disk, const struct flip_plan *plan,
                          const char *where) {
    struct harvest kept, again;
    struct journal_report report;
    struct journal_error error;
    int code = harvest_disk(run, disk, true, &kept, &report, &error);
    bool good = true;

    if (code < 0)
        good = fail(run, "%s: salvage failed: %s", where, error.text);
    if (good)
        good = check_kept(run, &kept, plan, where, "salvage");
    if (good && kept.unreadable > 0)
        good = fail(run, "%s: salvage kept what cannot be read", where);
    if (good) {
        code = harvest_disk(run, disk, false, &again, &report, &error);
        if (code < 0)
            good = fail(run, "%s: refused after salvage: %s", where, error.text);
        else if (again.sum != kept.sum)
            good = fail(run, "%s: the start after salvage finds something else", where);
        harvest_clear(&again);
    }
    harvest_clear(&kept);
    return good;
}

static bool check_damaged(struct run *run, struct memory_disk *disk, const struct flip_plan *plan,
                          const char *where) {
    struct memory_disk *for_salvage = memory_disk_copy(disk);
    struct journal_report report;
    struct journal_error error;
    struct harvest found;
    int code = harvest_disk(run, disk, false, &found, &report, &error);
    bool good = true;

    run->figures->states++;
    run->figures->stood_in += report.checkpoint_damaged;
    if (code == -EBADMSG) {
        run->figures->refused++;
        if (strstr(error.text, ".lv") == NULL && strstr(error.text, "checkpoints") == NULL)
            good = fail(run, "%s: refused without naming a file: %s", where, error.text);
        else
            good = check_salvage(run, for_salvage, plan, where);
    } else if (code < 0) {
        good = fail(run, "%s: refused for another reason: %d %s", where, code, error.text);
    } else if (found.unreadable > 0) {
        run->figures->unreadable++;
        good = found.unreadable <= plan->most_lost ||
               fail(run, "%s: %zu messages are unreadable", where, found.unreadable);
        good = good && check_kept(run, &found, plan, where, "the start") &&
               check_salvage(run, for_salvage, plan, where);
    } else if (report.torn_tail && report.last_index + 1 == plan->intact_report->last_index) {
        run->figures->torn_tails++;
        good = is_possible(run, SIZE_MAX, report.last_index, found.sum, false) ||
               fail(run, "%s: the torn tail left a state of no batch", where);
    } else if (report.last_index != plan->intact_report->last_index ||
               found.sum != plan->intact->sum) {
        good = fail(run, "%s: not detected", where);
    }
    harvest_clear(&found);
    memory_disk_destroy(for_salvage);
    return good;
}

/* Flips one bit of octet number `at` of all files one behind the other. */
static bool check_flip(struct run *run, uint64_t at, const struct flip_plan *plan) {
    struct memory_disk *disk = memory_disk_copy(run->disk);
    const char *name;
    char where[128];
    uint8_t *octets;
    size_t len;
    bool good = true;

    for (size_t i = 0; (name = memory_disk_file(disk, i, &octets, &len)) != NULL; i++) {
        if (at < len) {
            octets[at] ^= (uint8_t)(1u << random_below(&run->random, 8));
            snprintf(where, sizeof where, "%s: octet %" PRIu64, name, at);
            good = check_damaged(run, disk, plan, where);
            break;
        }
        at -= len;
    }
    memory_disk_destroy(disk);
    return good;
}

static uint64_t directory_size(struct memory_disk *disk) {
    uint64_t size = 0;
    uint8_t *octets;
    size_t len;

    for (size_t i = 0; memory_disk_file(disk, i, &octets, &len) != NULL; i++)
        size += len;
    return size;
}

static void flip_all(struct run *run, uint64_t flips) {
    uint64_t size = directory_size(run->disk);
    struct memory_disk *disk = memory_disk_copy(run->disk);
    struct journal_report report;
    struct journal_error error;
    struct harvest intact;
    struct flip_plan plan = {&intact, &report, &run->known, 1};

    if (harvest_disk(run, disk, false, &intact, &report, &error) < 0) {
        fail(run, "the intact directory is refused: %s", error.text);
    } else {
        list_sort(&run->known);
        for (uint64_t i = 0; i < (flips == 0 ? size : flips); i++)
            check_flip(run, flips == 0 ? i : random_below(&run->random, size), &plan);
    }
    harvest_clear(&intact);
    memory_disk_destroy(disk);
}

bool campaign_flip(unsigned workload, uint64_t seed, uint64_t flips,
                   struct campaign_figures *figures) {
    struct run run;

    run_begin(&run, workload, seed, figures);
    if (begin_life(&run)) {
        live(&run, 60);
        end_life(&run, seed % 2 == 0);
        flip_all(&run, flips);
    }
    return run_end(&run);
}
