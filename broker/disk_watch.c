/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/disk_watch.h"

#include <inttypes.h>
#include <stdbool.h>
#include <string.h>

#include "broker/base/env.h"
#include "broker/base/list.h"
#include "broker/entities/broker.h"
#include "broker/protocol/blocking.h"
#include "persistence/io.h"
#include "persistence/journal.h"

static bool is_low(const struct disk_watch *watch) {
    struct resources *resources = &watch->broker->resources;
    int64_t available = watch->io->ops->free_space(watch->io);
    if (available >= 0)
        resources->disk_free = (uint64_t)available;
    return available >= 0 && resources->disk_free < resources->disk_limit;
}

/* The journal knows before the file system says so: quotas, and files larger than what is left. */
static bool journal_lacks_room(struct journal *journal,
                               const struct journal_statistics *statistics) {
    if (!statistics->disk_full && !statistics->starved)
        return false;
    journal_retry_space(journal);
    return true;
}

/* It is tried again and again; the journal counts it once, until it went well or fails otherwise. */
static void tell_troubles(struct disk_watch *watch, const struct journal_statistics *statistics) {
    if (statistics->maintenance_troubles == watch->told_troubles)
        return;
    watch->told_troubles = statistics->maintenance_troubles;
    log_warning(&watch->broker->env->log,
                "Journal: %s could not be made ahead: %s; it is tried again, nothing is lost",
                statistics->maintenance_file, strerror(-statistics->maintenance_cause));
}

static void tell_damaged(struct disk_watch *watch, const struct journal_statistics *statistics) {
    uint64_t count = statistics->damaged_messages - watch->told_damaged;
    if (count == 0)
        return;
    watch->told_damaged = statistics->damaged_messages;
    log_warning(
        &watch->broker->env->log,
        "Journal: %" PRIu64 " stored message%s cannot be read, the last one at offset %" PRIu64
        " of %016" PRIx64 ".lvj; what is there was put aside as quarantine-*.lvr",
        count, count == 1 ? "" : "s", statistics->damaged_offset, statistics->damaged_segment);
}

static void on_look(struct timer *timer);

static void look(struct disk_watch *watch) {
    struct broker *broker = watch->broker;
    broker->resources.disk_limit_changed = false;
    struct journal_statistics statistics;
    journal_statistics(broker->journal, &statistics);
    tell_troubles(watch, &statistics);
    tell_damaged(watch, &statistics);
    bool lacks_room = journal_lacks_room(broker->journal, &statistics);
    bool low = is_low(watch);
    broker_set_disk_alarm(broker, lacks_room || low);
    if (broker->disk_alarm)
        timer_start(&broker->timers, &watch->look, broker->env->now_ms + DISK_WATCH_ALARM_MS,
                    on_look);
}

static void on_look(struct timer *timer) {
    struct disk_watch *watch = LIST_ITEM(timer, struct disk_watch, look);
    if (watch->broker->journal != NULL)
        look(watch);
}

void disk_watch_init(struct disk_watch *watch, struct broker *broker, struct io *io) {
    *watch = (struct disk_watch){.broker = broker, .io = io};
    look(watch);
}

void disk_watch_clear(struct disk_watch *watch) {
    if (watch->broker != NULL)
        timer_stop(&watch->broker->timers, &watch->look);
}

void disk_watch_tick(struct disk_watch *watch) {
    struct broker *broker = watch->broker;
    if (broker == NULL || broker->journal == NULL)
        return;
    /* A message that cannot be read makes nothing to write: nobody else would have us look. */
    if (broker->resources.disk_limit_changed ||
        journal_damaged_messages(broker->journal) != watch->told_damaged)
        look(watch);
    else if (!timer_is_running(&watch->look) && journal_is_writing(broker->journal))
        timer_start(&broker->timers, &watch->look, broker->env->now_ms + DISK_WATCH_MS, on_look);
}
