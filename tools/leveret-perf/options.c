/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/leveret-perf/options.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "tools/leveret-perf/body.h"

enum kind {
    KIND_HEADING, /* a line in the help, no option */
    KIND_FLAG,
    KIND_BOOL, /* true or false */
    KIND_COUNT,
    KIND_DECIMAL,
    KIND_TEXT,
    KIND_MESSAGE_FLAG, /* persistent or mandatory */
    KIND_HELP,
    KIND_VERSION,
};

struct row {
    const char *letters; /* without dash; NULL: none */
    const char *name;    /* without dashes */
    enum kind kind;
    size_t field; /* offset in struct options */
    const char *value;
    const char *help;
    int64_t least; /* of a count */
    int64_t most;
};

#define FIELD(name) offsetof(struct options, name)
#define MANY        INT64_C(1000000000000)

/* clang-format off */
static const struct row rows[] = {
    {NULL, "Where", KIND_HEADING, 0, NULL, NULL, 0, 0},
    {"h", "uri", KIND_TEXT, FIELD(uri), "URI", "broker, default amqp://guest:guest@localhost:5672/; amqps:// is TLS, and any certificate will do", 0, 0},
    {"u", "queue", KIND_TEXT, FIELD(queue), "NAME", "one queue, default leveret-perf", 0, 0},
    {"qp", "queue-pattern", KIND_TEXT, FIELD(queue_pattern), "TEXT", "many queues: a name with %d in it", 0, 0},
    {"qpf", "queue-pattern-from", KIND_COUNT, FIELD(queue_pattern_from), "N", "first number, default 1", 0, MANY},
    {"qpt", "queue-pattern-to", KIND_COUNT, FIELD(queue_pattern_to), "N", "last number; producers and consumers go round", 0, MANY},
    {"qa", "queue-args", KIND_TEXT, FIELD(queue_arguments), "K=V,...", "arguments of queue.declare; digits are sent as integers", 0, 0},
    {"e", "exchange", KIND_TEXT, FIELD(exchange), "NAME", "exchange, default the default exchange", 0, 0},
    {"t", "type", KIND_TEXT, FIELD(exchange_type), "TYPE", "its type, default direct", 0, 0},
    {"k", "routing-key", KIND_TEXT, FIELD(routing_key), "KEY", "routing and binding key, default the queue's name", 0, 0},
    {"K", "random-routing-key", KIND_FLAG, FIELD(random_routing_key), NULL, "another key for each message", 0, 0},
    {NULL, "fanout", KIND_COUNT, FIELD(fanout), "N", "a fanout exchange with N queues and a consumer on each", 1, BODY_PRODUCERS_MAX},
    {NULL, "wildcards", KIND_COUNT, FIELD(wildcards), "N", "a topic exchange with N patterns over 10 queues and a consumer on each; keys match them in turn", OPTIONS_WILDCARD_QUEUES, OPTIONS_WILDCARDS_MAX},
    {"ad", "auto-delete", KIND_BOOL, FIELD(auto_delete), "BOOL", "auto-delete queues, default true", 0, 0},
    {NULL, "delete", KIND_FLAG, FIELD(delete_queues), NULL, "delete the queues at the end", 0, 0},
    {"p", "predeclared", KIND_FLAG, FIELD(predeclared), NULL, "queues, exchange and bindings exist: declare nothing", 0, 0},
    {NULL, "Who", KIND_HEADING, 0, NULL, NULL, 0, 0},
    {"x", "producers", KIND_COUNT, FIELD(producers), "N", "producers, default 1", 0, BODY_PRODUCERS_MAX},
    {"y", "consumers", KIND_COUNT, FIELD(consumers), "N", "consumers, default 1", 0, BODY_PRODUCERS_MAX},
    {"X", "producer-channel-count", KIND_COUNT, FIELD(producer_channels), "N", "producers per connection, each with its channel, default 1", 1, 2047},
    {"Y", "consumer-channel-count", KIND_COUNT, FIELD(consumer_channels), "N", "consumers per connection, default 1", 1, 2047},
    {NULL, "What", KIND_HEADING, 0, NULL, NULL, 0, 0},
    {"s", "size", KIND_COUNT, FIELD(size_bytes), "BYTES", "body size, default 128", 0, 512 << 20},
    {"f", "flag", KIND_MESSAGE_FLAG, 0, "FLAG", "persistent (queues become durable) or mandatory; may be repeated", 0, 0},
    {"c", "confirm", KIND_COUNT, FIELD(confirm_window), "N", "publisher confirms, at most N outstanding per producer", 1, 1 << 24},
    {"m", "ptxsize", KIND_COUNT, FIELD(tx_size), "N", "transactions of N publishes", 1, 1 << 24},
    {"a", "autoack", KIND_FLAG, FIELD(autoack), NULL, "consume without acknowledgements", 0, 0},
    {"A", "multi-ack-every", KIND_COUNT, FIELD(multi_ack_every), "N", "acknowledge every N deliveries at once, default each", 1, 65535},
    {"q", "qos", KIND_COUNT, FIELD(prefetch), "N", "prefetch count of each consumer, default no limit", 0, 65535},
    {"Q", "global-qos", KIND_COUNT, FIELD(channel_prefetch), "N", "prefetch count of each channel", 0, 65535},
    {NULL, "How long and how fast", KIND_HEADING, 0, NULL, NULL, 0, 0},
    {"z", "time", KIND_DECIMAL, FIELD(seconds), "SECONDS", "default until interrupted", 0, 0},
    {NULL, "warmup", KIND_DECIMAL, FIELD(warmup_seconds), "SECONDS", "run that long before the measurement begins", 0, 0},
    {"C", "pmessages", KIND_COUNT, FIELD(producer_messages), "N", "messages of each producer", 1, MANY},
    {"D", "cmessages", KIND_COUNT, FIELD(consumer_messages), "N", "messages of each consumer", 1, MANY},
    {"r", "rate", KIND_DECIMAL, FIELD(rate), "N", "messages per second of each producer; latency counts from when due", 0, 0},
    {"R", "consumer-rate", KIND_DECIMAL, FIELD(consumer_rate), "N", "messages per second of each consumer", 0, 0},
    {NULL, "inflight", KIND_COUNT, FIELD(inflight), "N", "at most N messages between producers and consumers; 0: no limit."
        " Without -r the default keeps them in step", 0, MANY},
    {NULL, "drain", KIND_FLAG, FIELD(drain), NULL, "go on until the queues are empty, however long it takes", 0, 0},
    {NULL, "patience", KIND_COUNT, FIELD(patience_seconds), "SECONDS", "at the end: what did not come in that time after the last that came is"
        " missing, default 5; without --drain it all ends after twice that", 1, 86400},
    {NULL, "spin", KIND_FLAG, FIELD(spin), NULL, "never sleep: exact latencies where a core is free for it", 0, 0},
    {NULL, "Report", KIND_HEADING, 0, NULL, NULL, 0, 0},
    {"i", "interval", KIND_DECIMAL, FIELD(interval_seconds), "SECONDS", "time between lines, default 1", 0, 0},
    {NULL, "quiet", KIND_FLAG, FIELD(quiet), NULL, "no lines while running", 0, 0},
    {NULL, "json", KIND_FLAG, FIELD(json), NULL, "one line of JSON on stdout at the end, the rest on stderr", 0, 0},
    {NULL, "pid", KIND_COUNT, FIELD(pid), "PID", "report CPU time per message and memory of that process", 1, MANY},
    {NULL, "lossy", KIND_FLAG, FIELD(lossy), NULL, "missing messages are no failure (TTL, length limits)", 0, 0},
    {"?", "help", KIND_HELP, 0, NULL, "this text", 0, 0},
    {NULL, "version", KIND_VERSION, 0, NULL, "print the version", 0, 0},
};
/* clang-format on */

#define ROW_COUNT (sizeof rows / sizeof rows[0])

static const struct options defaults = {
    .uri = "amqp://guest:guest@localhost:5672/",
    .producers = 1,
    .consumers = 1,
    .producer_channels = 1,
    .consumer_channels = 1,
    .size_bytes = 128,
    .queue_pattern_from = 1,
    .exchange_type = "direct",
    .auto_delete = true,
    .inflight = OPTIONS_AUTOMATIC,
    .patience_seconds = 5,
    .interval_seconds = 1,
};

static enum options_outcome wrong(char error[OPTIONS_ERROR_SIZE], const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static enum options_outcome wrong(char error[OPTIONS_ERROR_SIZE], const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(error, OPTIONS_ERROR_SIZE, format, arguments);
    va_end(arguments);
    return OPTIONS_WRONG;
}

/* -- One option -------------------------------------------------------------------------------- */

static bool takes_value(const struct row *row) {
    return row->value != NULL;
}

static bool is_named(const struct row *row, const char *name, size_t len) {
    return row->kind != KIND_HEADING && row->name != NULL && strlen(row->name) == len &&
           memcmp(row->name, name, len) == 0;
}

/* The row of an argument that begins with a dash.  `ret_value` becomes the value that is glued to
 * it
 * (--size=16, -s16) or NULL. */
static const struct row *find_row(const char *argument, const char **ret_value) {
    bool is_long = strncmp(argument, "--", 2) == 0;
    const char *name = argument + (is_long ? 2 : 1);
    size_t len = is_long ? strcspn(name, "=") : strlen(name);

    *ret_value = is_long && name[len] == '=' ? name + len + 1 : NULL;
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (is_long ? is_named(&rows[i], name, len)
                    : rows[i].letters != NULL && strcmp(rows[i].letters, name) == 0)
            return &rows[i];
    }
    for (size_t i = 0; !is_long && i < ROW_COUNT; i++) {
        if (rows[i].letters != NULL && strlen(rows[i].letters) == 1 && takes_value(&rows[i]) &&
            rows[i].letters[0] == name[0]) {
            *ret_value = name + 1;
            return &rows[i];
        }
    }
    return NULL;
}

static bool parse_count(const struct row *row, const char *value, int64_t *ret_count) {
    char *end;
    long long count = strtoll(value, &end, 10);

    if (end == value || *end != '\0' || count < row->least || count > row->most)
        return false;
    *ret_count = count;
    return true;
}

static bool parse_decimal(const char *value, double *ret_decimal) {
    char *end;
    double decimal = strtod(value, &end);

    if (end == value || *end != '\0' || !(decimal >= 0 && decimal <= 1e12))
        return false;
    *ret_decimal = decimal;
    return true;
}

static bool parse_bool(const char *value, bool *ret_bool) {
    *ret_bool = strcmp(value, "true") == 0;
    return *ret_bool || strcmp(value, "false") == 0;
}

static bool parse_message_flag(const char *value, struct options *options) {
    if (strcmp(value, "persistent") == 0)
        options->persistent = true;
    else if (strcmp(value, "mandatory") == 0)
        options->mandatory = true;
    else
        return false;
    return true;
}

/* Stores the value; false when the option does not take such a one. */
static bool set_option(const struct row *row, const char *value, struct options *options) {
    void *field = (char *)options + row->field;

    switch (row->kind) {
    case KIND_FLAG:
        *(bool *)field = true;
        return true;
    case KIND_BOOL:
        return parse_bool(value, field);
    case KIND_COUNT:
        return parse_count(row, value, field);
    case KIND_DECIMAL:
        return parse_decimal(value, field);
    case KIND_TEXT:
        *(const char **)field = value;
        return true;
    case KIND_MESSAGE_FLAG:
        return parse_message_flag(value, options);
    default:
        return true;
    }
}

/* -- All of them ------------------------------------------------------------------------------- */

/* Exactly one %d, and no other conversion: the text is used as a printf format. */
static bool is_queue_pattern(const char *text) {
    const char *percent = strchr(text, '%');
    return percent != NULL && percent[1] == 'd' && strchr(percent + 1, '%') == NULL;
}

static enum options_outcome check_names(const struct options *o, char *error) {
    const char *names[] = {o->queue, o->queue_pattern, o->exchange, o->routing_key};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i] != NULL && strlen(names[i]) > 200)
            return wrong(error, "a name of more than 200 octets: %.40s...", names[i]);
    }
    if (o->queue_pattern == NULL)
        return OPTIONS_RUN;
    if (!is_queue_pattern(o->queue_pattern))
        return wrong(error, "--queue-pattern wants a name with one %%d in it");
    if (o->queue_pattern_to < o->queue_pattern_from ||
        o->queue_pattern_to - o->queue_pattern_from >= 100000)
        return wrong(error, "--queue-pattern wants --queue-pattern-from and -to, 100000 at most");
    return OPTIONS_RUN;
}

static enum options_outcome check_together(const struct options *o, char *error) {
    if (o->producers == 0 && o->consumers == 0)
        return wrong(error, "no producers and no consumers: nothing to do");
    if (o->confirm_window > 0 && o->tx_size > 0)
        return wrong(error, "a channel has confirms (-c) or transactions (-m), not both");
    if (o->random_routing_key && o->exchange == NULL)
        return wrong(error, "-K needs an exchange (-e)");
    if (o->queue != NULL && o->queue_pattern != NULL)
        return wrong(error, "--queue or --queue-pattern, not both");
    if (o->fanout > 0 && (o->queue != NULL || o->queue_pattern != NULL || o->exchange != NULL))
        return wrong(error, "--fanout makes its own queues and exchange");
    if (o->wildcards > 0 && (o->fanout > 0 || o->queue != NULL || o->queue_pattern != NULL ||
                             o->exchange != NULL || o->routing_key != NULL))
        return wrong(error, "--wildcards makes its own queues, exchange and keys");
    if (o->wildcards % OPTIONS_WILDCARD_QUEUES != 0)
        return wrong(error, "--wildcards must be a multiple of %d", OPTIONS_WILDCARD_QUEUES);
    if (o->interval_seconds <= 0)
        return wrong(error, "--interval must be above 0");
    return check_names(o, error);
}

#define FLIGHT_BYTES    (512 << 10)
#define FLIGHT_MESSAGES 8192
#define FLIGHT_MIN      4

/* As much in flight as keeps every side busy with large reads and writes, and little enough to stay
 * in the processor's caches on its way: with four times as much the ceiling sinks by a third. */
static int64_t default_inflight(const struct options *o) {
    int64_t copies = o->fanout > 0 ? o->fanout : 1;
    int64_t messages = FLIGHT_BYTES / ((o->size_bytes + 64) * copies);
    bool bounded_otherwise = o->rate > 0 || o->consumer_rate > 0 || o->random_routing_key;

    if (o->producers == 0 || o->consumers == 0 || bounded_otherwise)
        return 0;
    if (messages > FLIGHT_MESSAGES)
        return FLIGHT_MESSAGES;
    return messages < FLIGHT_MIN ? FLIGHT_MIN : messages;
}

/* An exchange and queues of our own, with a consumer on each. */
static void make_topology(struct options *o, const char *exchange, const char *type,
                          const char *queue_pattern, int64_t queues) {
    o->exchange = exchange;
    o->exchange_type = type;
    o->queue_pattern = queue_pattern;
    o->queue_pattern_from = 1;
    o->queue_pattern_to = queues;
    if (o->consumers > 0)
        o->consumers = queues;
}

static void finish(struct options *o) {
    if (o->fanout > 0)
        make_topology(o, "leveret-perf-fanout", "fanout", "leveret-perf-fanout-%d", o->fanout);
    if (o->wildcards > 0)
        make_topology(o, "leveret-perf-wildcards", "topic", "leveret-perf-wildcards-%d",
                      OPTIONS_WILDCARD_QUEUES);
    if (o->queue == NULL && o->queue_pattern == NULL)
        o->queue = "leveret-perf";
    if (o->inflight == OPTIONS_AUTOMATIC)
        o->inflight = default_inflight(o);
    if (o->inflight > 0 && o->inflight < 2 * o->tx_size * o->producers)
        o->inflight = 2 * o->tx_size * o->producers; /* what is not committed does not arrive */
}

enum options_outcome options_parse(int argc, char **argv, struct options *ret_options,
                                   char ret_error[OPTIONS_ERROR_SIZE]) {
    enum options_outcome outcome;

    *ret_options = defaults;
    for (int i = 1; i < argc; i++) {
        const char *value = NULL;
        const struct row *row = argv[i][0] == '-' ? find_row(argv[i], &value) : NULL;
        if (row == NULL)
            return wrong(ret_error, "unknown option %.80s; --help lists them", argv[i]);
        if (row->kind == KIND_HELP)
            return OPTIONS_HELP;
        if (row->kind == KIND_VERSION)
            return OPTIONS_VERSION;
        if (takes_value(row) && value == NULL && (value = argv[++i]) == NULL)
            return wrong(ret_error, "--%s wants a value", row->name);
        if (!takes_value(row) && value != NULL)
            return wrong(ret_error, "--%s takes no value", row->name);
        if (!set_option(row, value, ret_options))
            return wrong(ret_error, "--%s cannot be %.80s", row->name, value);
    }
    outcome = check_together(ret_options, ret_error);
    if (outcome == OPTIONS_RUN)
        finish(ret_options);
    return outcome;
}

/* -- Help -------------------------------------------------------------------------------------- */

static const char introduction[] =
    "usage: leveret-perf [options]\n"
    "\n"
    "Publishes and consumes as fast as a broker of AMQP 0-9-1 allows, or at a fixed rate, checks\n"
    "that no message is lost, doubled, out of order or changed, and prints rates and latencies.\n"
    "\n"
    "Examples:\n"
    "  leveret-perf -z 10 -a                       one producer, one consumer, automatic acks\n"
    "  leveret-perf -z 10 -q 1000 -c 1000          acks, publisher confirms, 1000 of each open\n"
    "  leveret-perf -z 10 -a -r 10000 --spin       latency at 10000 messages per second\n"
    "  leveret-perf -x 100 -y 100 -qp perf-%d -qpt 100 -a -z 10\n"
    "                                              100 producers, queues and consumers\n"
    "  leveret-perf --fanout 10 -a -z 10           each message to ten queues\n"
    "  leveret-perf --wildcards 10000 -a -z 10     through a topic exchange with 10000 bindings\n"
    "  leveret-perf -u jobs -ad false -f persistent -c 1000 -y 0 -C 1000000\n"
    "                                              fill a durable queue with a million messages\n"
    "  leveret-perf -u jobs -p -x 0 -q 1000 --drain\n"
    "                                              and empty it again\n"
    "\n";

static const char conclusion[] =
    "\n"
    "Latency runs from when a message was due to be published to when its body was read, in\n"
    "microseconds; of messages that wait in a queue it is their age.\n"
    "\n"
    "Exit status: 0 all is well, 1 a check failed, 64 wrong options, 69 no connection or the "
    "broker\n"
    "closed it, 70 the broker closed a channel or cancelled a consumer.\n";

static void print_row(FILE *out, const struct row *row) {
    char left[64];

    if (row->kind == KIND_HEADING) {
        fprintf(out, "%s:\n", row->name);
        return;
    }
    snprintf(left, sizeof left, "%s%s%s--%s%s%s", row->letters == NULL ? "" : "-",
             row->letters == NULL ? "" : row->letters, row->letters == NULL ? "" : ", ", row->name,
             row->value == NULL ? "" : " ", row->value == NULL ? "" : row->value);
    fprintf(out, "  %-34s %s\n", left, row->help);
}

void options_print_help(FILE *out) {
    fputs(introduction, out);
    for (size_t i = 0; i < ROW_COUNT; i++)
        print_row(out, &rows[i]);
    fputs(conclusion, out);
}
