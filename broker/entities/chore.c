/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/chore.h"

#include "broker/entities/broker.h"

void chore_add(struct broker *broker, struct chore *chore, chore_work *work) {
    chore->work = work;
    if (!list_is_linked(&chore->link))
        list_append(&broker->chores, &chore->link);
}

void chore_drop(struct chore *chore) {
    list_remove(&chore->link);
}

/* A chore that used up what it got goes behind the others; any other one may be gone. */
bool broker_do_chores(struct broker *broker, size_t budget) {
    struct list *link;

    while (budget > 0 && (link = list_take_first(&broker->chores)) != NULL) {
        struct chore *chore = LIST_ITEM(link, struct chore, link);
        size_t done = chore->work(chore, budget);
        if (done == budget)
            chore_add(broker, chore, chore->work);
        budget -= done;
    }
    return !list_is_empty(&broker->chores);
}

void broker_finish_chores(struct broker *broker) {
    while (broker_do_chores(broker, SIZE_MAX))
        continue;
}
