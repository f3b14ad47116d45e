/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/vhost_defaults.h"

#include "broker/entities/permission.h"
#include "broker/entities/policy.h"
#include "broker/entities/user.h"
#include "tests/unit/broker/entities/support.h"

static const struct vhost_defaults defaults = {
    .users = {{.name = "qa",
               .password = {"bunny"},
               .tags = "monitoring,other",
               .vhost_pattern = "^qa\\.",
               .write = "^w"},
              {.name = "locked", .vhost_pattern = "\\.7$"}},
    .user_count = 2,
    .limits = {{.name = "1", .vhost_pattern = "^qa", .max_connections = 10, .max_queues = -1},
               {.name = "2", .vhost_pattern = ".*", .max_connections = -1, .max_queues = 3}},
    .limit_count = 2,
    .policies = {{.name = "cap",
                  .vhost_pattern = "^qa",
                  .queue_pattern = "^q",
                  .expires = -1,
                  .message_ttl = -1,
                  .max_length = 5,
                  .max_length_bytes = -1,
                  .delivery_limit = -1}},
    .policy_count = 1,
};

static struct vhost *add(struct fixture *f, const char *name) {
    f->broker->settings.vhost_defaults = &defaults;
    struct vhost *vhost = broker_add_vhost(f->broker, slice_from_text(name));
    vhost_apply_defaults(vhost);
    return vhost;
}

static void the_first_limits_that_match_count(void **state) {
    struct fixture *f = *state;
    struct vhost *qa = add(f, "qa.1"), *other = add(f, "other");
    assert_int_equal(qa->limits.max_connections, 10);
    assert_int_equal(qa->limits.max_queues, -1);
    assert_int_equal(other->limits.max_connections, -1);
    assert_int_equal(other->limits.max_queues, 3);
}

static void a_policy_of_the_operator_is_there(void **state) {
    struct fixture *f = *state;
    struct vhost *qa = add(f, "qa.1");
    const struct policy *policy = policy_find(qa, POLICY_OF_OPERATOR, SLICE("cap"));
    struct amqp_value value;
    assert_non_null(policy);
    assert_slice(policy->pattern_text, "^q");
    assert_int_equal(amqp_table_count(policy->definition), 1);
    assert_true(amqp_table_find(policy->definition, SLICE("max-length"), &value));
    assert_int_equal(value.integer, 5);
    assert_null(policy_find(add(f, "other"), POLICY_OF_OPERATOR, SLICE("cap")));
}

static void a_user_is_made_once_and_may_use_each(void **state) {
    struct fixture *f = *state;
    struct vhost *first = add(f, "qa.1"), *other = add(f, "other");
    struct user *user = user_authenticate(f->broker, SLICE("qa"), SLICE("bunny"));
    assert_non_null(user);
    assert_true(user_has_tag(user, SLICE("monitoring")));
    assert_slice(permission_find(user, first)->texts[ACCESS_WRITE], "^w");
    assert_slice(permission_find(user, first)->texts[ACCESS_READ], ".*");
    assert_null(permission_find(user, other));
    assert_null(user_find(f->broker, SLICE("locked")));
    user_add(f->broker, SLICE("qa"), SLICE("changed"));
    struct vhost *second = add(f, "qa.7");
    assert_non_null(user_authenticate(f->broker, SLICE("qa"), SLICE("changed")));
    assert_non_null(permission_find(user, second));
    assert_non_null(user_find(f->broker, SLICE("locked")));
    assert_null(user_authenticate(f->broker, SLICE("locked"), SLICE("")));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(the_first_limits_that_match_count),
        FIXTURE_TEST(a_policy_of_the_operator_is_there),
        FIXTURE_TEST(a_user_is_made_once_and_may_use_each),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
