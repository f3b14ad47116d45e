# SPDX-License-Identifier: Apache-2.0
"""All py-amqp tests."""

import library
import patterns
import tap

tap.run(patterns.TESTS + library.TESTS)
