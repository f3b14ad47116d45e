# SPDX-License-Identifier: Apache-2.0
"""All pika tests."""

import blocking
import callbacks
import delay_topology
import masstransit
import patterns
import tap

tap.run(
    patterns.TESTS
    + blocking.TESTS
    + callbacks.TESTS
    + masstransit.TESTS
    + delay_topology.TESTS
)
