# SPDX-License-Identifier: Apache-2.0
"""All kombu tests."""

import library
import patterns
import tap

tap.run(patterns.TESTS + library.TESTS)
