# SPDX-License-Identifier: Apache-2.0
# All bunny tests.

require_relative "support"
require_relative "patterns"
require_relative "library"

Support.run(Patterns::TESTS + Library::TESTS)
