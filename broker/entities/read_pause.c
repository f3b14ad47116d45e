/* SPDX-License-Identifier: Apache-2.0 */
/* One timer for all: whoever comes later waits less. */
#include "broker/entities/read_pause.h"

#include "broker/base/env.h"
#include "broker/entities/broker.h"

#define PAUSE_MS 100

void read_pauses_init(struct read_pauses *pauses) {
    *pauses = (struct read_pauses){0};
    list_init(&pauses->waiting);
}

static void end_all(struct read_pauses *pauses, bool is_ending) {
    struct list over, *link;

    list_init(&over); /* some of them begin the next pause at once */
    list_move_all(&over, &pauses->waiting);
    while ((link = list_take_first(&over)) != NULL) {
        struct read_pause *pause = LIST_ITEM(link, struct read_pause, link);
        pause->over(pause, is_ending);
    }
}

static void on_timer(struct timer *timer) {
    end_all(LIST_ITEM(timer, struct read_pauses, timer), false);
}

void read_pauses_clear(struct read_pauses *pauses, struct broker *broker) {
    timer_stop(&broker->timers, &pauses->timer);
    end_all(pauses, true);
}

void read_pauses_add(struct read_pauses *pauses, struct broker *broker, struct read_pause *pause,
                     read_pause_over *over) {
    pause->over = over;
    list_append(&pauses->waiting, &pause->link);
    if (!timer_is_running(&pauses->timer))
        timer_start(&broker->timers, &pauses->timer, broker->env->now_ms + PAUSE_MS, on_timer);
}
