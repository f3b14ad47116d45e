/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/disk_watch.h"

#include <stdbool.h>

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
static bool journal_lacks_room(struct journal *journal) {
    struct journal_statistics statistics;
    journal_statistics(journal, &statistics);
    if (!statistics.disk_full && !statistics.starved)
        return false;
    journal_retry_space(journal);
    return true;
}

static void on_look(struct timer *timer);

static void look(struct disk_watch *watch) {
    struct broker *broker = watch->broker;
    broker->resources.disk_limit_changed = false;
    bool lacks_room = journal_lacks_room(broker->journal);
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
    if (broker->resources.disk_limit_changed)
        look(watch);
    else if (!timer_is_running(&watch->look) && journal_is_writing(broker->journal))
        timer_start(&broker->timers, &watch->look, broker->env->now_ms + DISK_WATCH_MS, on_look);
}
