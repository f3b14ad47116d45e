# SPDX-License-Identifier: Apache-2.0
"""Runs test functions one after the other and reports in TAP, for the Python clients.

A test is a function; the first line of its docstring is its name.  It fails by raising, and also
when it takes longer than TEST_SECONDS, so that no lost message can hang the suite.
"""

import itertools
import os
import signal
import ssl
import sys
import time
import traceback

WAIT_SECONDS = 15
TEST_SECONDS = 30

URL = os.environ.get("AMQP_URL", "")
# What kombu wants to know of TLS.
TLS = ({"ca_certs": os.environ["AMQP_CA"], "cert_reqs": ssl.CERT_REQUIRED}
       if URL.startswith("amqps:") else False)

_numbers = itertools.count(1)


def unique(purpose):
    """A name that no other test and no other run uses."""
    return f"interop.{purpose}.{os.getpid()}.{time.time_ns()}.{next(_numbers)}"


class Skip(Exception):
    """Raised by a test that cannot be done; its text says why."""


def check(condition, otherwise):
    if not condition:
        raise AssertionError(otherwise)


def check_equal(got, expected, what):
    check(got == expected, f"{what}: {got!r} instead of {expected!r}")


def wait_until(condition, step, what):
    """Calls step(seconds), which waits for the next event, until condition() holds."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not condition():
        left = deadline - time.monotonic()
        check(left > 0, f"waited {WAIT_SECONDS} s in vain for {what}")
        step(left)


def raises(kind, function, *arguments, **options):
    """Calls the function, which has to raise this kind (or one of these kinds) of exception.

    Returns the exception.
    """
    try:
        function(*arguments, **options)
    except kind as error:
        return error
    raise AssertionError(f"nothing was raised, expected {kind}")


def _time_out(_signal, _frame):
    raise AssertionError(f"the test did not end within {TEST_SECONDS} s")


def _reason(error):
    text = str(error).splitlines() or [""]
    kind = "" if isinstance(error, AssertionError) else f"{type(error).__name__} "
    return kind + text[0]


def run(tests):
    """Runs all tests and ends the process."""
    if not URL:
        sys.exit("AMQP_URL is not set")
    signal.signal(signal.SIGALRM, _time_out)
    failures = 0
    print(f"1..{len(tests)}", flush=True)
    for number, test in enumerate(tests, 1):
        name = test.__doc__.splitlines()[0]
        signal.alarm(TEST_SECONDS)
        try:
            test()
            print(f"ok {number} - {name}", flush=True)
        except Skip as reason:
            print(f"ok {number} - {name} # SKIP {reason}", flush=True)
        except Exception as error:  # whatever a client raises is a failure to report
            failures += 1
            print(f"not ok {number} - {name} # {_reason(error)}", flush=True)
            traceback.print_exc()
        finally:
            signal.alarm(0)
    sys.exit(1 if failures else 0)
