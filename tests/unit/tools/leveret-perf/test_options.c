/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "tools/leveret-perf/options.h"

static struct options options;
static char error[OPTIONS_ERROR_SIZE];

/* Splits at blanks and parses. */
static enum options_outcome parse(const char *line) {
    static char text[512];
    static char *arguments[64];
    int count = 0;

    strncpy(text, line, sizeof text - 1);
    arguments[count++] = text;
    for (char *word = strtok(text, " "); word != NULL; word = strtok(NULL, " "))
        arguments[count++] = word;
    arguments[count] = NULL;
    arguments[0] = (char *)(uintptr_t) "leveret-perf";
    return options_parse(count, arguments, &options, error);
}

static void no_options_mean_one_producer_and_one_consumer(void **state) {
    (void)state;
    assert_int_equal(parse(""), OPTIONS_RUN);
    assert_int_equal(options.producers, 1);
    assert_int_equal(options.consumers, 1);
    assert_int_equal(options.size_bytes, 128);
    assert_string_equal(options.queue, "leveret-perf");
    assert_null(options.exchange);
    assert_true(options.auto_delete);
    assert_false(options.autoack);
}

static void letters_and_names_are_the_same_option(void **state) {
    static const char *const lines[] = {"-x 3 -ad false -a -s 16",
                                        ("--producers 3 --auto-delete false"
                                         " --autoack --size 16"),
                                        "-x3 --auto-delete=false -a -s16"};
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        assert_int_equal(parse(lines[i]), OPTIONS_RUN);
        assert_int_equal(options.producers, 3);
        assert_false(options.auto_delete);
        assert_true(options.autoack);
        assert_int_equal(options.size_bytes, 16);
    }
}

static void flags_of_messages_add_up(void **state) {
    (void)state;
    assert_int_equal(parse("-f persistent -f mandatory"), OPTIONS_RUN);
    assert_true(options.persistent);
    assert_true(options.mandatory);
}

static void unknown_option_is_named(void **state) {
    (void)state;
    assert_int_equal(parse("--bogus"), OPTIONS_WRONG);
    assert_non_null(strstr(error, "--bogus"));
    assert_int_equal(parse("word"), OPTIONS_WRONG);
    assert_non_null(strstr(error, "word"));
    assert_int_equal(parse("-zz"), OPTIONS_WRONG);
}

static void bad_values_are_refused(void **state) {
    static const char *const lines[] = {"-x -1",   "-x 1x",      "-x",       "-s 999999999999",
                                        "-ad yes", "-f durable", "-r -5",    "-z nan",
                                        "-X 0",    "-a=1",       "--json=1", "-i 0"};
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_int_equal(parse(lines[i]), OPTIONS_WRONG);
}

static void contradictions_are_refused(void **state) {
    static const char *const lines[] = {
        "-x 0 -y 0",    "-c 1 -m 1",       "-K",      "-u q -qp q%d -qpt 1", "--fanout 2 -u q",
        "-qp q -qpt 2", "-qp %s%d -qpt 2", "-qp q%d", "-qp %d%d -qpt 1"};
    (void)state;
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        assert_int_equal(parse(lines[i]), OPTIONS_WRONG);
}

static void queue_pattern_has_a_range(void **state) {
    (void)state;
    assert_int_equal(parse("-qp q%d -qpf 3 -qpt 7"), OPTIONS_RUN);
    assert_int_equal(options.queue_pattern_from, 3);
    assert_int_equal(options.queue_pattern_to, 7);
    assert_null(options.queue);
}

static void fanout_makes_an_exchange_and_a_consumer_per_queue(void **state) {
    (void)state;
    assert_int_equal(parse("--fanout 10"), OPTIONS_RUN);
    assert_string_equal(options.exchange_type, "fanout");
    assert_int_equal(options.queue_pattern_to, 10);
    assert_int_equal(options.consumers, 10);
}

static void wildcards_make_a_topic_exchange_with_ten_queues(void **state) {
    (void)state;
    assert_int_equal(parse("--wildcards 1000"), OPTIONS_RUN);
    assert_string_equal(options.exchange_type, "topic");
    assert_int_equal(options.queue_pattern_to, 10);
    assert_int_equal(options.consumers, 10);
    assert_int_equal(parse("--wildcards 1001"), OPTIONS_WRONG);
    assert_int_equal(parse("--wildcards 1000 -k key"), OPTIONS_WRONG);
}

static void both_sides_are_kept_in_step_unless_something_else_does(void **state) {
    (void)state;
    assert_int_equal(parse("-a"), OPTIONS_RUN);
    assert_true(options.inflight > 100);
    assert_int_equal(parse("-a -s 1048576"), OPTIONS_RUN);
    assert_in_range(options.inflight, 1, 10);
    assert_int_equal(parse("-a --inflight 0"), OPTIONS_RUN);
    assert_int_equal(options.inflight, 0);
    assert_int_equal(parse("-a -r 1000"), OPTIONS_RUN);
    assert_int_equal(options.inflight, 0);
    assert_int_equal(parse("-y 0"), OPTIONS_RUN);
    assert_int_equal(options.inflight, 0);
}

static void transactions_fit_into_what_is_in_flight(void **state) {
    (void)state;
    assert_int_equal(parse("-m 100000"), OPTIONS_RUN);
    assert_true(options.inflight >= 100000);
}

static void help_and_version_win(void **state) {
    (void)state;
    assert_int_equal(parse("-x 2 --help"), OPTIONS_HELP);
    assert_int_equal(parse("-?"), OPTIONS_HELP);
    assert_int_equal(parse("--version"), OPTIONS_VERSION);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_options_mean_one_producer_and_one_consumer),
        cmocka_unit_test(letters_and_names_are_the_same_option),
        cmocka_unit_test(flags_of_messages_add_up),
        cmocka_unit_test(unknown_option_is_named),
        cmocka_unit_test(bad_values_are_refused),
        cmocka_unit_test(contradictions_are_refused),
        cmocka_unit_test(queue_pattern_has_a_range),
        cmocka_unit_test(fanout_makes_an_exchange_and_a_consumer_per_queue),
        cmocka_unit_test(wildcards_make_a_topic_exchange_with_ten_queues),
        cmocka_unit_test(both_sides_are_kept_in_step_unless_something_else_does),
        cmocka_unit_test(transactions_fit_into_what_is_in_flight),
        cmocka_unit_test(help_and_version_win),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
