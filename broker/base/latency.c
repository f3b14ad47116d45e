/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/base/latency.h"

const int64_t latency_bounds_us[LATENCY_BUCKETS - 1] = {
    50, 100, 250, 500, 1000, 2500, 5000, 10000, 25000, 100000, 500000, 2500000};
