/* SPDX-License-Identifier: Apache-2.0 */
/* A broker on a disk that crashes, and the book of where its messages may be. */
#include "tests/journal/broker_campaign.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "amqp/properties.h"
#include "amqp/table.h"
#include "amqp/writer.h"
#include "broker/base/text.h"
#include "broker/entities/broker.h"
#include "broker/entities/chore.h"
#include "broker/entities/dead_letter.h"
#include "broker/entities/exchange.h"
#include "broker/entities/message.h"
#include "broker/entities/paging.h"
#include "broker/entities/queue.h"
#include "broker/entities/delivery_history.h"
#include "broker/entities/queue_front.h"
#include "broker/entities/queue_quorum.h"
#include "broker/entities/route.h"
#include "broker/entities/store.h"
#include "broker/entities/vhost.h"
#include "broker/recovery.h"
#include "persistence/journal.h"
#include "persistence/pager.h"

enum { MESSAGES_MAX = 4000, UNACKED_MAX = 6, HISTORY_LENGTH = 3, NEVER = -1 };

/* -- where messages are ------------------------------------------------------------------------ */

enum place {
    TTL,
    SHORT,
    FULL,
    LEVELS,
    PLAIN,
    QUORUM, /* counts deliveries and lets what comes back wait */
    STRICT, /* a quorum queue that holds its letters until NARROW takes them */
    NARROW,
    DUE,
    COPIED,
    DEAD,
    END,
    HELD,
    PLACES
};

/* The queues, and how each is declared; `from` are the places a message may have come from. */
static const struct queue_row {
    const char *name;
    int64_t ttl_ms, max_length, max_priority; /* -1: none */
    const char *overflow;
    const char *dead_letter_key; /* to the default exchange */
    const char *type;            /* NULL: classic */
    const char *strategy;        /* of quorum queues, as what follows */
    int64_t delivery_limit, retry_min_ms;
} rows[HELD] = {
    [TTL] = {"ttl", 30, -1, -1, NULL, "dead", NULL, NULL, -1, -1},
    [SHORT] = {"short", -1, 3, -1, "drop-head", "dead", NULL, NULL, -1, -1},
    [FULL] = {"full", -1, 3, -1, "reject-publish-dlx", "dead", NULL, NULL, -1, -1},
    [LEVELS] = {"levels", -1, 5, 4, NULL, "dead", NULL, NULL, -1, -1},
    [PLAIN] = {"plain", -1, -1, -1, NULL, "dead", NULL, NULL, -1, -1},
    [QUORUM] = {"quorum", -1, 6, -1, NULL, "dead", "quorum", NULL, 2, 20},
    [STRICT] = {"strict", -1, -1, -1, "reject-publish", "narrow", "quorum", "at-least-once", 1, -1},
    [NARROW] = {"narrow", -1, 2, -1, "reject-publish", NULL, NULL, NULL, -1, -1},
    [DUE] = {"due", -1, -1, -1, NULL, NULL, NULL, NULL, -1, -1},
    [COPIED] = {"copied", -1, -1, -1, NULL, NULL, NULL, NULL, -1, -1},
    [DEAD] = {"dead", 60, -1, -1, NULL, "end", NULL, NULL, -1, -1},
    [END] = {"end", -1, -1, -1, NULL, NULL, NULL, NULL, -1, -1},
};

#define MAY_BE(place) (1u << (place))
#define AFTER_DEATH   (MAY_BE(DEAD) | MAY_BE(END))

/* Where a message that was published to this place may be. */
static unsigned places_of(enum place origin) {
    switch (origin) {
    case HELD:
        return MAY_BE(HELD) | MAY_BE(DUE);
    case COPIED:
        return MAY_BE(COPIED);
    case STRICT:
        return MAY_BE(STRICT) | MAY_BE(NARROW);
    default:
        return MAY_BE(origin) | AFTER_DEATH;
    }
}

static const char *name_of(enum place place) {
    return place == HELD ? "delayed" : rows[place].name;
}

/* -- the book ---------------------------------------------------------------------------------- */

/* Operations recorded when something happened to a message, NEVER before. */
struct entry_of_book {
    enum place origin;
    int64_t born;
    int64_t safe;      /* its confirm could leave */
    int64_t gone_from; /* acknowledged: may be gone */
    int64_t gone_by;   /* that was safe: must be gone */
    uint64_t confirm_lsn, gone_lsn;
};

struct run {
    struct random random;
    unsigned workload;
    uint64_t seed;
    struct memory_disk *disk;
    struct campaign_figures *figures;
    struct env env;
    struct broker *broker;
    struct pager *pager;
    bool has_quarantined; /* a read failed: what it was to bring is put aside, with an alarm */
    struct vhost *vhost;
    struct queue *queues[HELD];
    struct route route;
    struct unacked {
        enum place place;
        struct entry entry;
    } unacked[UNACKED_MAX];
    size_t unacked_count;
    struct entry_of_book book[MESSAGES_MAX];
    uint32_t book_count;
    uint64_t calls;
    char failing[64];
    bool failed;
};

static const char *const names[BROKER_WORKLOADS] = {
    "lifetimes", "rejections", "priorities",    "overflow",
    "delays",    "histories",  "quorum queues", "broker mix",
};

__attribute__((format(printf, 2, 3))) static bool fail(struct run *run, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    campaign_note_failure(run->figures, "broker ", run->workload,
                          names[run->workload % BROKER_WORKLOADS], run->seed, run->failing, format,
                          arguments);
    va_end(arguments);
    run->failed = true;
    return false;
}

static int64_t now(const struct run *run) {
    return (int64_t)memory_disk_operations(run->disk);
}

/* -- a broker ---------------------------------------------------------------------------------- */

static void fill_random(void *context, void *buffer, size_t len) {
    (void)context;
    memset(buffer, 7, len);
}

static void read_line(void *context, enum log_category category, enum log_level level,
                      const char *message) {
    (void)category;
    struct run *run = context;

    (void)level;
    if (strstr(message, "quarantine") != NULL)
        run->has_quarantined = true;
}

static struct broker *open_broker(struct run *run, struct env *env, struct memory_disk *disk,
                                  const char *what) {
    struct journal_options options = {
        .io = memory_disk_io(disk),
        .segment_size = run->seed % 2 == 0 ? 64 * 1024 : 256 * 1024,
        .first_segment_size = 32 * 1024,
        .checkpoint_bytes = 128 * 1024,
        .uuid = {3},
    };
    struct broker_settings settings;
    struct text error = {0};

    broker_settings_init(&settings);
    struct broker *broker = broker_create(env, &settings);
    int code = recovery_run(broker, &options, &error);
    if (code != 0) {
        if (what != NULL)
            fail(run, "%s: refused to start: %d %s", what, code, text_chars(&error));
        broker_destroy(broker);
        broker = NULL;
    }
    text_clear(&error);
    return broker;
}

/* NULL when the disk fails. */
static struct pager *open_pager(struct broker *broker, struct memory_disk *disk, uint64_t limit) {
    struct pager_options options = {
        .io = memory_disk_io(disk), .journal = broker->journal, .overflow_file_size = 64 * 1024};
    struct pager *pager;

    if (pager_open(&options, &pager) < 0)
        return NULL;
    paging_create(broker, pager, limit);
    return pager;
}

static void close_broker(struct broker *broker, struct pager *pager, bool clean) {
    struct journal *journal = broker->journal;

    if (clean)
        store_prepare_stop(broker);
    pager_close(pager);
    paging_destroy(broker->paging);
    broker->journal = NULL;
    journal_close(journal, clean);
    broker_destroy(broker);
}

static void put_text(struct amqp_table_builder *b, const char *name, const char *value) {
    if (value != NULL)
        amqp_table_put_text(b, slice_from_text(name), slice_from_text(value));
}

static void put_int(struct amqp_table_builder *b, const char *name, int64_t value) {
    if (value >= 0)
        amqp_table_put_int(b, slice_from_text(name), AMQP_TAG_INT64, value);
}

static void declare_queue(struct run *run, enum place place) {
    const struct queue_row *row = &rows[place];
    struct amqp_table_builder b = {0};
    struct refusal refusal;
    bool is_created;

    put_text(&b, "x-dead-letter-exchange", row->dead_letter_key == NULL ? NULL : "");
    put_text(&b, "x-dead-letter-routing-key", row->dead_letter_key);
    put_text(&b, "x-overflow", row->overflow);
    put_int(&b, "x-message-ttl", row->ttl_ms);
    put_int(&b, "x-max-length", row->max_length);
    put_int(&b, "x-max-priority", row->max_priority);
    if (row->type != NULL) {
        put_text(&b, "x-queue-type", row->type);
        put_text(&b, "x-dead-letter-strategy", row->strategy);
        put_int(&b, "x-delivery-limit", row->delivery_limit);
        put_text(&b, "x-delayed-retry-type", "all");
        put_int(&b, "x-delayed-retry-min", row->retry_min_ms);
    }
    struct queue_declaration declaration = {.name = slice_from_text(row->name),
                                            .arguments = amqp_table_builder_finish(&b),
                                            .durable = true};
    run->queues[place] = vhost_declare_queue(run->vhost, &declaration, &is_created, &refusal);
    amqp_table_builder_clear(&b);
    if (run->queues[place] == NULL)
        abort();
}

static void declare_exchange(struct run *run, const char *name, const char *type,
                             const char *queue) {
    struct amqp_table_builder b = {0};
    struct refusal refusal;

    put_text(&b, "x-delayed-type", "fanout");
    put_int(&b, "x-recent-history-length", HISTORY_LENGTH);
    struct exchange_declaration declaration = {.name = slice_from_text(name),
                                               .type = slice_from_text(type),
                                               .arguments = amqp_table_builder_finish(&b),
                                               .durable = true};
    struct binding_request binding = {.source = slice_from_text(name),
                                      .destination = slice_from_text(queue),
                                      .destination_is_queue = true};
    bool is_new = vhost_find_exchange(run->vhost, declaration.name) == NULL;
    if (is_new && (vhost_declare_exchange(run->vhost, &declaration, &refusal) == NULL ||
                   !vhost_bind(run->vhost, &binding, &refusal)))
        abort();
    amqp_table_builder_clear(&b);
}

/* The topology, whether it was recovered or not. */
static void declare_all(struct run *run) {
    run->vhost = broker_add_vhost(run->broker, SLICE("/"));
    for (enum place place = 0; place < HELD; place++)
        declare_queue(run, place);
    declare_exchange(run, "delayed", "x-delayed-message", "due");
    declare_exchange(run, "history", "x-recent-history", "copied");
}

/* -- what a recovered broker has --------------------------------------------------------------- */

struct sighting {
    uint8_t count;
    uint8_t place;
    bool redelivered;
};

struct sightings {
    struct sighting of[MESSAGES_MAX];
    uint32_t ring[HISTORY_LENGTH + 1];
    size_t ring_count;
};

static uint32_t number_of(const struct message *message) {
    struct body_hint hint = {0};
    struct slice body = message_body_at(message, 0, &hint);
    uint32_t number = UINT32_MAX;

    if (body.len >= sizeof number)
        memcpy(&number, body.data, sizeof number);
    return number;
}

/* The filling behind the number is what it was published with. */
static bool is_intact(const struct message *message) {
    struct body_hint hint = {0};
    uint8_t expected = (uint8_t)number_of(message);

    for (uint64_t at = sizeof(uint32_t); at < message->body_size; at++)
        if (message_body_at(message, at, &hint).data[0] != expected)
            return false;
    return message_is_complete(message);
}

static bool has_header(const struct message *message, const char *name) {
    struct amqp_properties properties;
    struct amqp_value value;

    message_properties(message, &properties);
    return amqp_table_find(properties.headers, slice_from_text(name), &value);
}

/* A message that was moved says so. */
static bool is_marked(const struct message *message, enum place place) {
    if ((MAY_BE(place) & (AFTER_DEATH | MAY_BE(NARROW))) != 0)
        return has_header(message, "x-death");
    return place != DUE || has_header(message, "x-delay");
}

/* The message is read at once when it is away. */
static void bring_here(struct broker *broker, struct entry *entry) {
    struct journal_content content;
    uint8_t *buffer = NULL;
    size_t capacity = 0;
    struct slice body;
    int64_t waited_ms;

    if (!entry_is_away(entry))
        return;
    if (journal_read(broker->journal, entry_away(entry).stored, &buffer, &capacity, &content,
                     &body) < 0)
        abort();
    entry->message = store_restore_message(broker, content.address, content.header, content.body,
                                           content.body_parts, &waited_ms);
    if (entry->message == NULL)
        abort();
    free(buffer);
}

static bool see(struct run *run, struct sightings *seen, const struct entry *entry,
                enum place place) {
    uint32_t number = number_of(entry->message);

    if (number >= run->book_count)
        return fail(run, "%s has a message that never was", name_of(place));
    if (!is_intact(entry->message) || !is_marked(entry->message, place))
        return fail(run, "message %u is not what it was", number);
    seen->of[number].count++;
    seen->of[number].place = (uint8_t)place;
    seen->of[number].redelivered = entry->redelivered;
    return true;
}

static bool see_queue(struct run *run, struct vhost *vhost, struct sightings *seen,
                      const char *name, enum place place) {
    struct queue *queue = vhost_find_queue(vhost, slice_from_text(name));
    bool good = true;

    while (queue != NULL && queue_ready_count(queue) > 0) {
        struct entry entry = queue_front_take(queue);
        bring_here(vhost->broker, &entry);
        good = good && see(run, seen, &entry, place);
        message_unref(entry.message);
    }
    return good;
}

/* A queue that is bound now gets what the history holds. */
static void see_ring(struct broker *broker, struct vhost *vhost, struct sightings *seen) {
    struct queue_declaration declaration = {.name = SLICE("new")};
    struct binding_request binding = {
        .source = SLICE("history"), .destination = SLICE("new"), .destination_is_queue = true};
    struct refusal refusal;
    bool is_created;
    struct queue *queue = vhost_declare_queue(vhost, &declaration, &is_created, &refusal);
    struct entry entry;

    (void)broker;
    if (!vhost_bind(vhost, &binding, &refusal))
        return;
    while (queue_get(queue, true, &entry)) {
        if (seen->ring_count <= HISTORY_LENGTH)
            seen->ring[seen->ring_count++] = number_of(entry.message);
        message_unref(entry.message);
    }
}

static size_t letters_of(const struct queue *queue) {
    size_t count = 0;

    LIST_FOR_EACH(&queue->vhost->broker->dead_letters, at)
    count++;
    return count;
}

/* A history belongs to a message that is there. */
static bool see_histories(struct run *run, struct vhost *vhost, enum place place) {
    struct queue *queue = vhost_find_queue(vhost, slice_from_text(rows[place].name));
    struct delivery_history *history, *next;
    size_t count = 0;

    if (queue == NULL)
        return true;
    HASH_ITER(by_sequence, queue->quorum->histories, history, next) {
        count++;
    }
    if (count <= queue_ready_count(queue) + queue->quorum->withheld_count + letters_of(queue))
        return true;
    return fail(run, "%s has %zu histories and fewer messages", name_of(place), count);
}

/* All of them, those too whose message has to be read first. */
static void drain_letters(struct broker *broker, struct pager *pager) {
    while (!list_is_empty(&broker->dead_letters)) {
        broker_drain_dead_letters(broker, 100);
        pager_work_now(pager);
        pager_collect(pager);
        paging_tick(broker->paging);
    }
}

/* What waits comes when its time has come: everything else was looked at before. */
static bool see_waiting(struct run *run, struct broker *broker, struct pager *pager,
                        struct vhost *vhost, struct sightings *seen) {
    broker->env->now_ms += 1000000;
    timers_expire(&broker->timers, broker->env->now_ms);
    broker_finish_chores(broker);
    drain_letters(broker, pager);
    return see_queue(run, vhost, seen, rows[QUORUM].name, QUORUM) &&
           see_queue(run, vhost, seen, rows[STRICT].name, STRICT) &&
           see_queue(run, vhost, seen, rows[NARROW].name, NARROW) &&
           see_queue(run, vhost, seen, rows[DEAD].name, DEAD) &&
           see_queue(run, vhost, seen, rows[END].name, END);
}

/* Letters that NARROW has no room for: it is empty by now, so each round takes two. */
static bool see_letters(struct run *run, struct broker *broker, struct pager *pager,
                        struct vhost *vhost, struct sightings *seen) {
    struct queue *strict = vhost_find_queue(vhost, slice_from_text(rows[STRICT].name));
    bool good = true;

    while (good && strict != NULL && strict->quorum->held_count > 0)
        good = see_waiting(run, broker, pager, vhost, seen);
    return good;
}

/* So does what an exchange holds. */
static bool see_held(struct run *run, struct broker *broker, struct vhost *vhost,
                     struct pager *pager, struct sightings *seen) {
    broker->env->now_ms += 1000000;
    timers_expire(&broker->timers, broker->env->now_ms);
    do {
        broker_finish_chores(broker);
        pager_work_now(pager);
        pager_collect(pager);
    } while (!list_is_empty(&broker->chores));
    return see_queue(run, vhost, seen, rows[DUE].name, HELD);
}

/* Recovers `disk`, which is used up, and says where everything is. */
static bool look(struct run *run, struct memory_disk *disk, const char *what,
                 struct sightings *seen) {
    struct env env = run->env;
    struct broker *broker = open_broker(run, &env, disk, what);
    bool good = true;

    memset(seen, 0, sizeof *seen);
    if (broker == NULL)
        return false;
    struct pager *pager = open_pager(broker, disk, UINT64_MAX / 2);
    struct vhost *vhost = broker_find_vhost(broker, SLICE("/"));
    if (pager == NULL)
        abort(); /* nothing fails here */
    good =
        vhost == NULL || (see_histories(run, vhost, QUORUM) && see_histories(run, vhost, STRICT));
    for (enum place place = 0; vhost != NULL && place < HELD && good; place++)
        good = see_queue(run, vhost, seen, rows[place].name, place);
    if (vhost != NULL && vhost_find_exchange(vhost, SLICE("history")) != NULL)
        see_ring(broker, vhost, seen);
    if (vhost != NULL && vhost_find_exchange(vhost, SLICE("delayed")) != NULL)
        good = good && see_held(run, broker, vhost, pager, seen);
    if (vhost != NULL)
        good = good && see_waiting(run, broker, pager, vhost, seen) &&
               see_letters(run, broker, pager, vhost, seen);
    close_broker(broker, pager, false);
    return good;
}

/* -- is it right? ------------------------------------------------------------------------------ */

static bool happened(int64_t when, int64_t position) {
    return when != NEVER && when <= position;
}

static bool check_message(struct run *run, const struct sighting *seen, uint32_t number,
                          int64_t position, const char *what) {
    const struct entry_of_book *entry = &run->book[number];

    if (seen->count > 1)
        return fail(run, "operation %" PRIi64 ", %s: message %u is there %u times", position, what,
                    number, seen->count);
    if (seen->count == 1 && entry->born > position)
        return fail(run, "message %u is there before it was published", number);
    if (seen->count == 1 && happened(entry->gone_by, position))
        return fail(run, "operation %" PRIi64 ", %s: message %u is back", position, what, number);
    if (seen->count == 0 && happened(entry->safe, position) &&
        !happened(entry->gone_from, position) && !run->has_quarantined)
        return fail(run, "operation %" PRIi64 ", %s: message %u of %s was confirmed and is lost",
                    position, what, number, name_of(entry->origin));
    if (seen->count == 1 && (places_of(entry->origin) & MAY_BE(seen->place)) == 0)
        return fail(run, "message %u is in a place where it never can have come", number);
    return true;
}

/* The last ones that came through, in order; nothing older than the third that was safe. */
static bool check_ring(struct run *run, const struct sightings *seen, int64_t position,
                       const char *what) {
    uint32_t safe[HISTORY_LENGTH] = {0};
    size_t safe_count = 0;

    for (uint32_t i = 0; i < run->book_count; i++)
        if (run->book[i].origin == COPIED && happened(run->book[i].safe, position))
            safe[safe_count++ % HISTORY_LENGTH] = i;
    size_t least = safe_count < HISTORY_LENGTH ? safe_count : HISTORY_LENGTH;
    if (seen->ring_count < least || seen->ring_count > HISTORY_LENGTH)
        return fail(run, "operation %" PRIi64 ", %s: the history has %zu messages of %zu", position,
                    what, seen->ring_count, least);
    for (size_t i = 0; i < seen->ring_count; i++)
        if (seen->ring[i] >= run->book_count || run->book[seen->ring[i]].origin != COPIED ||
            run->book[seen->ring[i]].born > position ||
            (i > 0 && seen->ring[i] <= seen->ring[i - 1]))
            return fail(run, "the history has what it cannot have");
    if (least > 0 && seen->ring[seen->ring_count - 1] < safe[(safe_count - 1) % HISTORY_LENGTH])
        return fail(run, "operation %" PRIi64 ", %s: the history is too old", position, what);
    return true;
}

/* `disk` is used up. */
static bool check_disk(struct run *run, struct memory_disk *disk, int64_t position,
                       const char *what) {
    static struct sightings seen;
    bool good = look(run, disk, what, &seen);

    run->figures->states++;
    for (uint32_t i = 0; i < run->book_count && good; i++)
        good = check_message(run, &seen.of[i], i, position, what);
    return good && check_ring(run, &seen, position, what);
}

/* -- work -------------------------------------------------------------------------------------- */

static struct slice properties_of(struct run *run, enum place origin,
                                  struct amqp_table_builder *headers, uint8_t *octets,
                                  size_t capacity, size_t body_size) {
    struct amqp_properties properties = {.flags = AMQP_DELIVERY_MODE, .delivery_mode = 2};
    struct writer w = writer_over(octets, capacity);

    if (origin == HELD) {
        amqp_table_put_int(headers, SLICE("x-delay"), AMQP_TAG_INT32,
                           1 + (int64_t)random_below(&run->random, 60));
        properties.flags |= AMQP_HEADERS;
        properties.headers = amqp_table_builder_finish(headers);
    }
    if (origin == LEVELS || origin == QUORUM) {
        properties.flags |= AMQP_PRIORITY;
        properties.priority = (uint8_t)random_below(&run->random, 6);
    }
    if (origin == PLAIN && random_below(&run->random, 3) == 0) {
        properties.flags |= AMQP_EXPIRATION;
        properties.expiration = SLICE("20");
    }
    writer_u16(&w, AMQP_CLASS_BASIC);
    writer_u16(&w, 0);
    writer_u64(&w, body_size);
    amqp_properties_encode(&w, &properties);
    return writer_written(&w);
}

static struct message *make_message(struct run *run, enum place origin, uint32_t number) {
    struct amqp_table_builder headers = {0};
    uint8_t octets[200], body[1600];
    size_t len = sizeof number + random_below(&run->random, random_below(&run->random, 4) == 0
                                                                ? sizeof body - sizeof number
                                                                : 100);
    memset(body, (int)(number & 0xff), len);
    memcpy(body, &number, sizeof number);
    struct slice header = properties_of(run, origin, &headers, octets, sizeof octets, len);
    struct message *message =
        message_create(&run->broker->messages,
                       origin == HELD     ? SLICE("delayed")
                       : origin == COPIED ? SLICE("history")
                                          : SLICE(""),
                       origin < HELD ? slice_from_text(rows[origin].name) : SLICE("k"), header,
                       slice_of(body, len));
    amqp_table_builder_clear(&headers);
    return message;
}

static void publish(struct run *run, enum place origin) {
    if (run->book_count == MESSAGES_MAX)
        return;
    uint32_t number = run->book_count++;
    struct message *message = make_message(run, origin, number);
    struct route_request request = route_request_of(message);
    uint64_t lsn = 0;

    run->book[number] = (struct entry_of_book){
        .origin = origin, .born = now(run), .safe = NEVER, .gone_from = NEVER, .gone_by = NEVER};
    route_message(&run->route, vhost_find_exchange(run->vhost, message_exchange(message)),
                  &request);
    lsn = run->route.held_lsn;
    if (broker_publish(run->broker, message, run->route.queues, run->route.count, &lsn)) {
        if (store_is_safe(run->broker, lsn)) /* nothing is, that has just been published */
            run->book[number].safe = now(run);
        else
            run->book[number].confirm_lsn = lsn;
    }
    message_unref(message);
}

static void get(struct run *run, enum place place) {
    struct entry entry;

    if (run->unacked_count == UNACKED_MAX || !queue_prepare_get(run->queues[place]) ||
        !queue_get(run->queues[place], false, &entry))
        return;
    run->unacked[run->unacked_count++] = (struct unacked){place, entry};
}

static struct unacked take_unacked(struct run *run) {
    size_t at = random_below(&run->random, run->unacked_count);
    struct unacked taken = run->unacked[at];

    run->unacked[at] = run->unacked[--run->unacked_count];
    return taken;
}

/* What dies in a queue without a dead-letter exchange is gone like what is acknowledged. */
static void settle(struct run *run) {
    if (run->unacked_count == 0)
        return;
    struct unacked one = take_unacked(run);
    struct queue *queue = run->queues[one.place];
    uint64_t manner = random_below(&run->random, 5);
    bool ends = manner < 2 || (manner < 4 && rows[one.place].dead_letter_key == NULL);

    if (ends) {
        struct entry_of_book *entry = &run->book[number_of(one.entry.message)];
        entry->gone_from = now(run);
        queue_ack(queue, one.entry);
        entry->gone_lsn = run->broker->settle_lsn;
    } else if (manner < 4) {
        queue_discard(queue, one.entry);
    } else if (random_below(&run->random, 2) == 0) {
        queue_requeue(queue, one.entry);
    } else {
        queue_requeue_failed(queue, one.entry);
    }
}

static enum place any_origin(struct run *run) {
    static const enum place origins[] = {TTL,    SHORT,  FULL,   LEVELS, PLAIN,
                                         QUORUM, STRICT, COPIED, HELD};

    return origins[random_below(&run->random, sizeof origins / sizeof origins[0])];
}

static enum place origin_for(struct run *run) {
    static const enum place of_workload[BROKER_MIX] = {TTL,  PLAIN,  LEVELS, SHORT,
                                                       HELD, COPIED, QUORUM};

    if (run->workload == BROKER_MIX || random_below(&run->random, 5) == 0)
        return any_origin(run);
    if (run->workload == BROKER_OVERFLOW && random_below(&run->random, 2) == 0)
        return FULL;
    if (run->workload == BROKER_QUORUM && random_below(&run->random, 2) == 0)
        return STRICT;
    return of_workload[run->workload];
}

static void work(struct run *run) {
    uint64_t kind = random_below(&run->random, 8);

    if (kind < 4)
        publish(run, origin_for(run));
    else if (kind < 6)
        get(run, (enum place)random_below(&run->random, HELD));
    else
        settle(run);
}

/* -- a life ------------------------------------------------------------------------------------ */

/* What became safe is noted with the operations recorded by now. */
static void keep_book(struct run *run) {
    const struct broker *broker = run->broker;

    for (uint32_t i = 0; i < run->book_count; i++) {
        struct entry_of_book *entry = &run->book[i];
        if (entry->confirm_lsn != 0 && store_is_safe(broker, entry->confirm_lsn)) {
            entry->safe = now(run);
            entry->confirm_lsn = 0;
        }
        if (entry->gone_lsn != 0 && store_is_safe(broker, entry->gone_lsn)) {
            entry->gone_by = now(run);
            entry->gone_lsn = 0;
        }
    }
}

/* The order is the server's. */
static void tick(struct run *run) {
    struct broker *broker = run->broker;
    uint64_t ms = random_below(&run->random, 15);

    run->env.now_ms += (int64_t)ms;
    run->env.wall_ms += (int64_t)ms;
    timers_expire(&broker->timers, run->env.now_ms);
    broker_do_chores(broker, 5);
    broker_drain_dead_letters(broker, 5);
    journal_submit(broker->journal, run->env.wall_ms);
    if (random_below(&run->random, 2) == 0)
        work(run);
    journal_write_now(broker->journal);
    if (random_below(&run->random, 3) == 0)
        work(run);
    journal_collect(broker->journal);
    pager_work_now(run->pager);
    pager_collect(run->pager);
    paging_tick(broker->paging);
    keep_book(run);
    run->figures->batches++;
}

static void live(struct run *run, unsigned ticks) {
    for (unsigned i = 0; i < ticks && journal_state(run->broker->journal) == JOURNAL_OPEN; i++) {
        for (uint64_t j = random_below(&run->random, 6); j > 0; j--)
            work(run);
        tick(run);
    }
}

static void add_statistics(struct run *run) {
    struct journal_statistics statistics;

    journal_statistics(run->broker->journal, &statistics);
    run->figures->checkpoints += statistics.checkpoints;
    run->figures->relocated_bytes += statistics.relocated_bytes;
    run->figures->unlinked_segments += statistics.unlinked_segments;
}

/* Clients go, then the broker; a kill has stopped the disk before. */
static void end_life(struct run *run, bool clean) {
    add_statistics(run);
    if (!clean)
        memory_disk_kill(run->disk, memory_disk_calls(run->disk));
    while (run->unacked_count > 0) {
        struct unacked one = take_unacked(run);
        queue_requeue_failed(run->queues[one.place], one.entry);
    }
    close_broker(run->broker, run->pager, clean);
    run->broker = NULL;
    run->pager = NULL;
    if (clean)
        for (uint32_t i = 0; i < run->book_count; i++) {
            if (run->book[i].confirm_lsn != 0)
                run->book[i].safe = now(run);
            if (run->book[i].gone_lsn != 0)
                run->book[i].gone_by = now(run);
        }
    for (uint32_t i = 0; i < run->book_count; i++)
        run->book[i].confirm_lsn = run->book[i].gone_lsn = 0;
}

/* What the next life finds is on disk; what it does not find never comes again. */
static void take_over(struct run *run, const struct sightings *seen) {
    for (uint32_t i = 0; i < run->book_count; i++) {
        struct entry_of_book *entry = &run->book[i];
        if (seen->of[i].count > 0) {
            entry->safe = entry->safe == NEVER ? now(run) : entry->safe;
            entry->gone_from = entry->gone_by = NEVER;
        } else if (entry->gone_by == NEVER) {
            entry->gone_from = entry->gone_from == NEVER ? entry->born : entry->gone_from;
            entry->gone_by = now(run);
        }
    }
}

static bool begin_life(struct run *run) {
    static struct sightings seen;
    struct memory_disk *copy = memory_disk_copy(run->disk);
    bool good = look(run, copy, "next life", &seen);

    for (uint32_t i = 0; i < run->book_count && good; i++)
        good = check_message(run, &seen.of[i], i, now(run), "next life");
    memory_disk_destroy(copy);
    if (!good)
        return false;
    run->broker = open_broker(run, &run->env, run->disk, NULL);
    if (run->broker == NULL)
        return true; /* the disk failed */
    run->pager = open_pager(run->broker, run->disk, run->seed % 2 == 0 ? 4096 : UINT64_MAX / 2);
    if (run->pager == NULL) {
        close_broker(run->broker, NULL, false);
        run->broker = NULL;
        return true;
    }
    take_over(run, &seen);
    declare_all(run);
    run->figures->lives++;
    return true;
}

static struct run *run_begin(unsigned workload, uint64_t seed, struct campaign_figures *figures) {
    struct run *run = calloc(1, sizeof *run);

    if (run == NULL)
        abort();
    run->workload = workload % BROKER_WORKLOADS;
    run->seed = seed;
    run->random = (struct random){seed * 31 + workload};
    run->disk = memory_disk_create();
    run->figures = figures;
    run->env = (struct env){.now_ms = 1000000,
                            .wall_ms = INT64_C(1795000000000),
                            .hash_seed = 42,
                            .fill_random = fill_random,
                            .log = {.level = LOG_DEBUG, .sink = read_line, .context = run}};
    route_init(&run->route);
    memory_disk_start_recording(run->disk);
    figures->runs++;
    return run;
}

static bool run_end(struct run *run) {
    bool good = !run->failed;

    if (run->broker != NULL)
        end_life(run, false);
    route_clear(&run->route);
    memory_disk_destroy(run->disk);
    free(run);
    return good;
}

/* Cleanly, by a kill at some call, or by a call that fails. */
static bool one_life(struct run *run, unsigned ticks) {
    uint64_t manner = random_below(&run->random, 3);
    uint64_t at = memory_disk_calls(run->disk) + 1 + random_below(&run->random, ticks * 4);

    if (manner == 1)
        memory_disk_kill(run->disk, at);
    if (manner == 2)
        memory_disk_fail(run->disk, at, random_below(&run->random, 2) == 0 ? -EIO : -ENOSPC, true);
    if (!begin_life(run))
        return false;
    if (run->broker != NULL) {
        live(run, ticks);
        end_life(run, manner == 0);
    }
    memory_disk_heal(run->disk);
    return true;
}

/* -- crashes ----------------------------------------------------------------------------------- */

static const char *choose(struct run *run, const struct disk_crash *crash, bool *chosen,
                          size_t *ret_torn, size_t *ret_octets) {
    size_t pending = disk_crash_pending(crash);

    *ret_torn = SIZE_MAX;
    *ret_octets = 0;
    memset(chosen, 0, pending + 1);
    switch (random_below(&run->random, 5)) {
    case 0:
        return "nothing un-synced happened";
    case 1:
        memset(chosen, 1, pending);
        return "everything happened";
    case 2:
        for (size_t i = 0; i < pending; i++)
            chosen[i] = random_below(&run->random, 2) == 1;
        return "some happened";
    default:
        memset(chosen, 1, pending);
        if (pending > 0) {
            size_t len = disk_crash_pending_length(crash, pending - 1);
            *ret_torn = pending - 1;
            *ret_octets = len == 0 ? 0 : random_below(&run->random, len / 512 + 1) * 512;
        }
        return "the last write is torn";
    }
}

static bool check_boundary(struct run *run, struct disk_crash *crash) {
    bool *chosen = calloc(disk_crash_pending(crash) + 1, sizeof *chosen);
    size_t torn, octets;

    if (chosen == NULL)
        abort();
    const char *what = choose(run, crash, chosen, &torn, &octets);
    struct memory_disk *disk = disk_crash_build(crash, chosen, torn, octets);
    bool good = check_disk(run, disk, (int64_t)disk_crash_position(crash), what);
    memory_disk_destroy(disk);
    free(chosen);
    return good;
}

static bool check_run(struct run *run, unsigned states_per_boundary) {
    struct disk_crash *crash = disk_crash_begin(run->disk);
    bool good = true;

    do
        for (unsigned i = 0; good && i < (states_per_boundary == 0 ? 1 : states_per_boundary); i++)
            if (states_per_boundary > 0 || random_below(&run->random, 4) == 0)
                good = check_boundary(run, crash);
    while (good && disk_crash_advance(crash));
    disk_crash_end(crash);
    return good;
}

bool broker_campaign_run(unsigned workload, uint64_t seed, unsigned states_per_boundary,
                         struct campaign_figures *figures) {
    struct run *run = run_begin(workload, seed, figures);
    uint64_t lives = 1 + random_below(&run->random, 3);
    bool good = true;

    for (uint64_t i = 0; i < lives && good; i++)
        good = one_life(run, 10 + (unsigned)random_below(&run->random, 40));
    if (good)
        check_run(run, states_per_boundary);
    return run_end(run);
}

bool broker_campaign_run_failing(unsigned workload, uint64_t seed, uint64_t call, int error,
                                 bool sticky, uint64_t *ret_calls,
                                 struct campaign_figures *figures) {
    struct run *run = run_begin(workload, seed, figures);
    bool good;

    figures->states++;
    if (call > 0)
        snprintf(run->failing, sizeof run->failing, " call %" PRIu64 " error %d%s", call, error,
                 sticky ? " sticky" : "");
    if (call > 0 && error == 0)
        memory_disk_shorten(run->disk, call, sticky);
    else if (call > 0)
        memory_disk_fail(run->disk, call, error, sticky);
    good = begin_life(run);
    if (good && run->broker != NULL) {
        live(run, 25);
        end_life(run, false);
    }
    if (ret_calls != NULL)
        *ret_calls = memory_disk_calls(run->disk);
    memory_disk_heal(run->disk);
    if (good && begin_life(run) && run->broker != NULL) {
        live(run, 3);
        end_life(run, true);
        begin_life(run);
    }
    return run_end(run);
}
