# SPDX-License-Identifier: Apache-2.0
"""S6: sets of topic bindings made to cost as much as can be, and keys for them that nobody has seen before.

A pattern costs when many of its kind stay possible for long: they begin alike, or with `*`, and differ late; they
are free to stand anywhere (`#` at both ends); the key is made of their words. Each family below is one way to
that end, all with as many bindings as the bar has and keys of 64 words.
"""
import random
import time

from client import Amqp, Refused
from connections import KIB, cpu_seconds, settled_rss
from process import Broker

BINDINGS = 10000
MESSAGES = 300
WORDS = 64
KEY_OCTETS = 255
LETTERS = [chr(code) for code in [*range(97, 123), *range(65, 91), *range(48, 58)]]     # 62


def choose(rng, count, words):
    return [rng.choice(words) for _ in range(count)]


def with_hashes(rng, words, places):
    """Puts `#` where `places` says: front, middle, end, or anywhere."""
    for place in places:
        at = {"front": 0, "middle": len(words) // 2, "end": len(words)}.get(place)
        words.insert(rng.randrange(len(words) + 1) if at is None else at, "#")
    return words


def wildcards(length, places, words="a*"):
    return lambda rng: with_hashes(rng, choose(rng, length, words), places)


def late_word(length):
    """Anything, and at its end a word that the key has only where the pattern cannot end."""
    return lambda rng: ["#"] + choose(rng, rng.randrange(*length), "a**") + ["b", "#"]


def few_fixed(length, fixed, letters, places):
    """`*`, but for a few words out of many."""
    def make(rng):
        words = ["*"] * (length if isinstance(length, int) else rng.randrange(*length))
        for at in rng.sample(range(len(words)), min(fixed, len(words))):
            words[at] = rng.choice(letters)
        return with_hashes(rng, words, places)
    return make


def runs(rng):
    return ["a"] * rng.randrange(20) + ["#"] + ["a"] * rng.randrange(7) + ["#", f"x{rng.randrange(10 ** 6)}"]


def key_of(words, count=WORDS):
    return lambda rng: choose(rng, count, words)


def key_with_few(rng, count=WORDS):
    words = ["a"] * count
    for at in rng.sample(range(count), rng.choice((1, 2, 4, 8))):
        words[at] = "b"
    return words


def key_with_late_word(rng):
    return ["b"] * rng.randrange(1, 4) + choose(rng, WORDS - 4, "a") + [f"n{rng.randrange(10 ** 6)}"]


def key_of_all(letters):
    return lambda rng: (rng.sample(letters, len(letters)) * WORDS)[:WORDS]


def families():
    for length in (14, 32, 62):
        yield f"a or * in {length} places, no #", wildcards(length, ()), lambda rng, n=length: key_with_few(rng, n)
        for places in (("front",), ("middle",), ("end",), ("front", "end"), ("any", "any")):
            yield (f"a or * in {length} places, # {' and '.join(places)}", wildcards(length, places), key_with_few)
        yield f"* or some a in {length} places, # anywhere", wildcards(length, ("any",) * 2, "a***"), key_of("ab")
    for length in ((15, 16), (31, 32), (49, 50), (1, 62)):
        yield f"a, * and a late word in {length[0]} to {length[1] - 1} places", late_word(length), key_with_late_word
    for letters in (LETTERS[:8], LETTERS[:31], LETTERS):
        for length in (16, 32, 48):
            yield (f"* in {length} places but 3 of {len(letters)} words, # at both ends",
                   few_fixed(length, 3, letters, ("front", "end")), key_of_all(letters))
        yield (f"* but 3 of {len(letters)} words, of all lengths, # anywhere",
               few_fixed((1, 63), 3, letters, ("any", "any")), key_of_all(letters))
    yield "32 places of 62 words, # at both ends", few_fixed(32, 16, LETTERS, ("front", "end")), key_of_all(LETTERS)
    yield "long runs, # between", runs, key_with_few


def keys_from(rng, make, count):
    """Different ones; fewer when there are no more."""
    found = {}
    for _ in range(4 * count):
        found[".".join(make(rng)).encode()[:KEY_OCTETS]] = None
        if len(found) == count:
            break
    return list(found)


def bind_all(client, patterns, queue=b"q", exchange=b"worst"):
    for pattern in patterns:
        client.send(1, "queue.bind", queue=queue, exchange=exchange, routing_key=pattern, no_wait=True)
    client.call(1, "queue.declare", queue=queue, passive=True)


def publish_all(broker, client, keys, before=lambda key: None):
    """The loop's processor time for each, in us."""
    time.sleep(0.01)    # the loop sleeps: what it used is counted then
    begun = cpu_seconds(broker)
    for key in keys:
        before(key)
        client.publish(key, b"", exchange=b"worst", delivery_mode=0)
    client.published = getattr(client, "published", 0) + len(keys)
    client.await_confirms(client.published)
    time.sleep(0.01)
    return (cpu_seconds(broker) - begun) / len(keys) * 1e6


def measure(broker, client, name, make_pattern, make_key):
    """The cost of one message, and what the first one cost in ms."""
    rng = random.Random(name)
    client.call(1, "exchange.declare", exchange=b"worst", type=b"topic")
    client.declare_queue(b"q", durable=False, exclusive=True)
    patterns = keys_from(rng, make_pattern, BINDINGS)
    bind_all(client, patterns)
    keys = keys_from(rng, make_key, MESSAGES)
    first = publish_all(broker, client, keys[:1]) / 1000
    each = min(publish_all(broker, client, part) for part in (keys[1::3], keys[2::3], keys[3::3]))
    client.call(1, "exchange.delete", exchange=b"worst")
    client.call(1, "queue.delete", queue=b"q")
    print(f"              {each:6.1f} us, {first:5.1f} ms for the first: {len(patterns)} bindings, {name}", flush=True)
    return each, first


def search(report):
    with Broker() as broker, Amqp(broker.port) as client:
        client.open_channel(confirm=True)
        measured = [(*measure(broker, client, name, pattern, key), name) for name, pattern, key in families()]
        each, _, name = max(measured)
        report.time("S6", f"routing one message by the worst of {len(measured)} sets of {BINDINGS} bindings ({name})",
                    each, "us", most=50)
        report.figure("S6", "the first message of a set, which lays it out", max(first for _, first, _ in measured),
                      "ms", most=100)


def changes(report):
    """Who binds and publishes by turns must not make each message pay for all bindings."""
    rng = random.Random(6)
    patterns = keys_from(rng, few_fixed((1, 63), 3, LETTERS, ("any", "any")), BINDINGS + MESSAGES)
    with Broker() as broker, Amqp(broker.port) as client:
        client.open_channel(confirm=True)
        client.call(1, "exchange.declare", exchange=b"worst", type=b"topic")
        client.declare_queue(b"q", durable=False, exclusive=True)
        bind_all(client, patterns[:BINDINGS])
        before = settled_rss(broker)
        keys = keys_from(rng, key_of_all(LETTERS), MESSAGES + 1)
        publish_all(broker, client, keys[:1])
        grown = (settled_rss(broker) - before) / KIB / BINDINGS
        report.figure("S6", "memory for the layout of a set, for each binding", grown, "KiB", most=4)
        others = dict(zip(keys[1:], patterns[BINDINGS:]))
        each = publish_all(broker, client, keys[1:],
                           lambda key: client.send(1, "queue.bind", queue=b"q", exchange=b"worst",
                                                   routing_key=others[key], no_wait=True))
        # Laying out all of them anew would take a hundred times as long.
        report.figure("S6", "a binding and a message by turns, both", each, "us", most=200)


def repeats(report):
    """All of them match, and lead to the same queue."""
    with Broker() as broker, Amqp(broker.port) as client:
        client.open_channel(confirm=True)
        client.call(1, "exchange.declare", exchange=b"worst", type=b"topic")
        client.declare_queue(b"q", durable=False, exclusive=True)
        for i in range(BINDINGS):
            client.send(1, "queue.bind", queue=b"q", exchange=b"worst", routing_key=b"a.#", no_wait=True,
                        arguments=[(b"n", ("I", i))])
        client.call(1, "queue.declare", queue=b"q", passive=True)
        publish_all(broker, client, [b"a"])
        each = publish_all(broker, client, [b"a." + key for key in keys_from(random.Random(1), key_with_few, MESSAGES)])
        report.figure("S6", f"routing one message by {BINDINGS} bindings of one queue with one key", each, "us", most=50)


def attack(report):
    search(report)
    repeats(report)
    changes(report)
    with Broker() as broker, Amqp(broker.port) as client:
        client.open_channel()
        client.declare_queue(b"q", durable=False, exclusive=True)
        try:
            client.call(1, "queue.bind", queue=b"q", exchange=b"amq.topic", routing_key=b"#.a.#.b.#")
            refused = False
        except Refused:
            refused = True
        report.check("S6", "a third # is refused", refused)
