/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/alarm.h"

#include "broker/entities/broker.h"

void broker_set_memory_limit(struct broker *broker, uint64_t octets) {
    broker->resources.memory_limit = octets;
    broker->resources.memory_limit_changed = true;
}

bool broker_set_memory_fraction(struct broker *broker, double fraction) {
    if (!(fraction >= 0 && fraction <= 1))
        return false;
    broker_set_memory_limit(broker, (uint64_t)((double)broker->resources.memory_total * fraction));
    return true;
}

void broker_set_disk_free_limit(struct broker *broker, uint64_t octets) {
    broker->resources.disk_limit = octets;
    broker->resources.disk_limit_changed = true;
}

bool broker_set_disk_free_fraction(struct broker *broker, double fraction) {
    double octets = (double)broker->resources.memory_total * fraction;

    if (!(octets >= 0 && octets < 0x1p63))
        return false;
    broker_set_disk_free_limit(broker, (uint64_t)octets);
    return true;
}
