// SPDX-License-Identifier: Apache-2.0
// All rabbitmq-client tests.
'use strict';

const { run } = require('../support/tap.js');

run([...require('./patterns.js'), ...require('./library.js')]);
