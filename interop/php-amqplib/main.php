<?php
// SPDX-License-Identifier: Apache-2.0
// All php-amqplib tests.

declare(strict_types=1);

require 'PhpAmqpLib/autoload.php';
require __DIR__ . '/support.php';
require __DIR__ . '/patterns.php';
require __DIR__ . '/library.php';

run(PATTERN_TESTS + LIBRARY_TESTS);
