/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The campaign of campaign.h one level up: what makes the records is the broker itself - lifetimes,
 * limits, dead letters, priorities, delays, histories - and what is checked is where each message is.
 *
 * Every message is published once, to one queue or exchange, and is from then on in one place at a
 * time: moved by expiry, overflow, rejection, delay and too many deliveries, gone with its acknowledgement. After a crash
 * at any operation a new broker recovers, and each message that was safe is in exactly one of the
 * places where it may be; none is in two; none is back whose acknowledgement was safe.
 */
#ifndef TESTS_JOURNAL_BROKER_CAMPAIGN_H
#define TESTS_JOURNAL_BROKER_CAMPAIGN_H

#include "tests/journal/campaign.h"

enum broker_workload {
    BROKER_LIFETIMES,
    BROKER_REJECTIONS,
    BROKER_PRIORITIES,
    BROKER_OVERFLOW,
    BROKER_DELAYS,
    BROKER_HISTORIES,
    BROKER_QUORUM,
    BROKER_MIX,
    BROKER_WORKLOADS,
};

/* As campaign_run() and campaign_run_failing(). */
bool broker_campaign_run(unsigned workload, uint64_t seed, unsigned states_per_boundary,
                         struct campaign_figures *figures);
bool broker_campaign_run_failing(unsigned workload, uint64_t seed, uint64_t call, int error,
                                 bool sticky, uint64_t *ret_calls,
                                 struct campaign_figures *figures);

#endif
