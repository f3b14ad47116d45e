/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of permissions by themselves; what methods make of them is in conversation/test_authorization. */
#include "broker/entities/permission.h"

#include "broker/entities/user.h"
#include "tests/unit/broker/entities/support.h"

static struct user *add_user(struct fixture *f) {
    return user_add(f->broker, SLICE("alice"), SLICE("secret"));
}

static bool may(struct fixture *f, const struct user *user, enum access access, const char *name) {
    struct refusal refusal;
    return permission_check(user, f->vhost, access, RESOURCE_QUEUE, slice_from_text(name),
                            &refusal);
}

static void without_a_row_nothing_is_allowed(void **state) {
    struct fixture *f = *state;
    struct user *alice = add_user(f);
    struct refusal refusal;

    assert_false(permission_may_enter(alice, f->vhost));
    assert_false(may(f, alice, ACCESS_READ, ""));
    assert_false(permission_check_any(alice, f->vhost, RESOURCE_EXCHANGE, SLICE(""), &refusal));
    assert_string_equal(refusal.text, "configure access to exchange 'amq.default' in vhost '/' "
                                      "refused for user 'alice'");
}

static void each_access_has_its_own_pattern(void **state) {
    struct fixture *f = *state;
    struct user *alice = add_user(f);
    const struct slice texts[ACCESS_COUNT] = {SLICE("^c"), SLICE("^w"), SLICE("^r")};
    struct refusal refusal;

    assert_true(permission_set(alice, f->vhost, texts, &refusal));
    assert_true(permission_may_enter(alice, f->vhost));
    assert_true(may(f, alice, ACCESS_CONFIGURE, "c1"));
    assert_false(may(f, alice, ACCESS_CONFIGURE, "w1"));
    assert_true(may(f, alice, ACCESS_WRITE, "w1"));
    assert_false(may(f, alice, ACCESS_WRITE, "r1"));
    assert_true(may(f, alice, ACCESS_READ, "r1"));
    assert_false(may(f, alice, ACCESS_READ, "c1"));
}

static void a_pattern_that_does_not_compile_changes_nothing(void **state) {
    struct fixture *f = *state;
    struct user *alice = add_user(f);
    const struct slice good[ACCESS_COUNT] = {SLICE("a"), SLICE("b"), SLICE("c")};
    const struct slice bad[ACCESS_COUNT] = {SLICE("x"), SLICE("y"), SLICE("(")};
    struct refusal refusal;

    assert_false(permission_set(alice, f->vhost, bad, &refusal));
    assert_non_null(strstr(refusal.text, "invalid read pattern '('"));
    assert_null(permission_find(alice, f->vhost));
    assert_true(permission_set(alice, f->vhost, good, &refusal));
    assert_false(permission_set(alice, f->vhost, bad, &refusal));
    assert_true(may(f, alice, ACCESS_CONFIGURE, "a"));
    assert_false(
        topic_permission_set(alice, f->vhost, SLICE("t"), SLICE("("), SLICE(""), &refusal));
    assert_true(
        topic_permission_check(alice, f->vhost, SLICE("t"), ACCESS_WRITE, SLICE("key"), &refusal));
}

static void a_change_moves_the_generation(void **state) {
    struct fixture *f = *state;
    struct user *alice = add_user(f);
    struct refusal refusal;
    uint64_t before = f->vhost->routing_generation;

    permission_grant_all(alice, f->vhost);
    assert_true(f->vhost->routing_generation > before);
    before = f->vhost->routing_generation;
    topic_permission_set(alice, f->vhost, SLICE("t"), SLICE(""), SLICE(""), &refusal);
    assert_true(f->vhost->routing_generation > before);
    before = f->vhost->routing_generation;
    topic_permission_clear(alice, f->vhost, SLICE("t"));
    assert_true(f->vhost->routing_generation > before);
    before = f->vhost->routing_generation;
    permission_clear(alice, f->vhost);
    assert_true(f->vhost->routing_generation > before);
    assert_null(permission_find(alice, f->vhost));
}

static void topic_rows_are_cleared_one_by_one_or_all(void **state) {
    struct fixture *f = *state;
    struct user *alice = add_user(f);
    struct refusal refusal;

    topic_permission_set(alice, f->vhost, SLICE("one"), SLICE("^$"), SLICE("^$"), &refusal);
    topic_permission_set(alice, f->vhost, SLICE("two"), SLICE("^$"), SLICE("^$"), &refusal);
    assert_false(permission_may_enter(alice, f->vhost));
    topic_permission_clear(alice, f->vhost, SLICE("one"));
    assert_true(
        topic_permission_check(alice, f->vhost, SLICE("one"), ACCESS_READ, SLICE("k"), &refusal));
    assert_false(
        topic_permission_check(alice, f->vhost, SLICE("two"), ACCESS_READ, SLICE("k"), &refusal));
    assert_string_equal(refusal.text, "read access to topic 'k' in exchange 'two' in vhost '/' "
                                      "refused for user 'alice'");
    topic_permission_clear(alice, f->vhost, SLICE(""));
    assert_null(permission_find(alice, f->vhost));
}

static void rows_go_with_the_user_and_with_the_vhost(void **state) {
    struct fixture *f = *state;
    struct user *alice = add_user(f), *bob = user_add(f->broker, SLICE("bob"), SLICE("x"));
    struct vhost *other = broker_add_vhost(f->broker, SLICE("other"));

    permission_grant_all(alice, f->vhost);
    permission_grant_all(alice, other);
    permission_grant_all(bob, other);
    vhost_delete(other);
    assert_true(permission_may_enter(alice, f->vhost));
    assert_true(list_is_empty(&bob->permissions));
    user_delete(alice);
    assert_true(list_is_empty(&f->vhost->permissions));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(without_a_row_nothing_is_allowed),
        FIXTURE_TEST(each_access_has_its_own_pattern),
        FIXTURE_TEST(a_pattern_that_does_not_compile_changes_nothing),
        FIXTURE_TEST(a_change_moves_the_generation),
        FIXTURE_TEST(topic_rows_are_cleared_one_by_one_or_all),
        FIXTURE_TEST(rows_go_with_the_user_and_with_the_vhost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
