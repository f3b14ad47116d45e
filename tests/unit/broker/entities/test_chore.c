/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/chore.h"

#include "tests/unit/broker/entities/support.h"

/* Writes its letter for each step. */
struct letters {
    struct chore chore;
    char letter;
    size_t left;
    char *written;
};

static size_t write_letters(struct chore *chore, size_t budget) {
    struct letters *letters = (struct letters *)chore;
    size_t done = 0;

    for (; done < budget && letters->left > 0; done++, letters->left--)
        letters->written[strlen(letters->written)] = letters->letter;
    return done;
}

static void add(struct fixture *f, struct letters *letters) {
    chore_add(f->broker, &letters->chore, write_letters);
}

static void chores_take_turns(void **state) {
    struct fixture *f = *state;
    char written[32] = "";
    struct letters a = {.letter = 'a', .left = 5, .written = written};
    struct letters b = {.letter = 'b', .left = 2, .written = written};

    add(f, &a);
    add(f, &b);
    assert_true(broker_do_chores(f->broker, 3));
    assert_string_equal(written, "aaa");
    assert_true(broker_do_chores(f->broker, 3));
    assert_string_equal(written, "aaabba");
    assert_false(broker_do_chores(f->broker, 3));
    assert_string_equal(written, "aaabbaa");
}

static void chore_is_added_once(void **state) {
    struct fixture *f = *state;
    char written[32] = "";
    struct letters a = {.letter = 'a', .left = 2, .written = written};

    add(f, &a);
    add(f, &a);
    assert_true(broker_do_chores(f->broker, 2)); /* nobody knows yet that this was all */
    assert_false(broker_do_chores(f->broker, 2));
    assert_string_equal(written, "aa");
}

static void dropped_chore_is_not_done(void **state) {
    struct fixture *f = *state;
    char written[32] = "";
    struct letters a = {.letter = 'a', .left = 2, .written = written};
    struct letters b = {.letter = 'b', .left = 2, .written = written};

    add(f, &a);
    add(f, &b);
    chore_drop(&a.chore);
    chore_drop(&a.chore);
    broker_finish_chores(f->broker);
    assert_string_equal(written, "bb");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(chores_take_turns),
        FIXTURE_TEST(chore_is_added_once),
        FIXTURE_TEST(dropped_chore_is_not_done),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
