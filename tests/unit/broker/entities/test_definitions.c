/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/entities/definitions.h"

#include "broker/base/json.h"
#include "broker/entities/global_parameter.h"
#include "broker/entities/permission.h"
#include "broker/entities/policy.h"
#include "broker/entities/user.h"
#include "tests/unit/broker/entities/support.h"

/* What every section may look like, with everything that refers to something else. */
static const char everything[] =
    "{\"rabbitmq_version\":\"3.10.8\","
    "\"bindings\":[{\"source\":\"events\",\"vhost\":\"tea\",\"destination\":\"cups\","
    "\"destination_type\":\"queue\",\"routing_key\":\"a.#\",\"arguments\":{\"x\":1}},"
    "{\"source\":\"events\",\"vhost\":\"tea\",\"destination\":\"inner\","
    "\"destination_type\":\"exchange\",\"routing_key\":\"k\",\"arguments\":{}}],"
    "\"queues\":[{\"name\":\"cups\",\"vhost\":\"tea\",\"durable\":true,\"auto_delete\":false,"
    "\"arguments\":{\"x-max-length\":5,\"x-note\":{\"deep\":[1,2.5,true,\"t\"]}}}],"
    "\"exchanges\":[{\"name\":\"events\",\"vhost\":\"tea\",\"type\":\"topic\",\"durable\":true,"
    "\"auto_delete\":false,\"internal\":false,\"arguments\":{}},"
    "{\"name\":\"inner\",\"vhost\":\"tea\",\"type\":\"fanout\",\"internal\":true}],"
    "\"policies\":[{\"vhost\":\"tea\",\"name\":\"p\",\"pattern\":\"^c\",\"apply-to\":\"queues\","
    "\"definition\":{\"message-ttl\":9},\"priority\":7}],"
    "\"parameters\":[{\"vhost\":\"tea\",\"component\":\"vhost-limits\",\"name\":\"limits\","
    "\"value\":{\"max-queues\":3}},"
    "{\"vhost\":\"tea\",\"component\":\"operator_policy\",\"name\":\"o\",\"value\":{\"pattern\":"
    "\".*\",\"definition\":{\"expires\":100},\"apply-to\":\"queues\",\"priority\":1}}],"
    "\"global_parameters\":[{\"name\":\"mood\",\"value\":{\"a\":[1]}},"
    "{\"name\":\"internal_cluster_id\",\"value\":\"x\"}],"
    "\"topic_permissions\":[{\"user\":\"alice\",\"vhost\":\"tea\",\"exchange\":\"events\","
    "\"write\":\"^w\",\"read\":\"^r\"}],"
    "\"permissions\":[{\"user\":\"alice\",\"vhost\":\"tea\",\"configure\":\"c\",\"write\":\"w\","
    "\"read\":\"r\"}],"
    "\"vhosts\":[{\"name\":\"tea\",\"metadata\":{\"description\":\"Party\",\"tags\":[\"a\",\"b\"]}}"
    "],"
    "\"users\":[{\"name\":\"alice\",\"password_hash\":"
    "\"hE5wKHlm1rBortQJ3bvC9vjh2HPkzyf801xfGgQmdorVPQgY\","
    "\"hashing_algorithm\":\"rabbit_password_hashing_sha256\",\"tags\":[\"management\"],"
    "\"limits\":{\"max-connections\":10}}]}";

static void import(struct fixture *f, struct slice json) {
    struct text error = {0};
    if (!definitions_import_text(f->broker, json, &error))
        fail_msg("%s", text_chars(&error));
}

static void expect_refused(struct fixture *f, struct slice json, const char *sentence) {
    struct text error = {0};
    assert_false(definitions_import_text(f->broker, json, &error));
    assert_string_equal(text_chars(&error), sentence);
    text_clear(&error);
}

static const char *export(struct fixture *f) {
    struct json_out out = {.text = &f->text};
    text_clear(&f->text);
    definitions_export(f->broker, &out);
    return text_chars(&f->text);
}

static void an_import_makes_everything(void **state) { /* rows: 401 */
    struct fixture *f = *state;
    import(f, slice_from_text(everything));
    struct vhost *tea = broker_find_vhost(f->broker, SLICE("tea"));
    assert_non_null(tea);
    assert_slice(tea->metadata.description, "Party");
    assert_slice(tea->metadata.tags, "a,b");
    assert_int_equal(tea->limits.max_queues, 3);
    assert_int_equal(tea->limits.max_connections, -1);
    assert_non_null(policy_find(tea, POLICY_ORDINARY, SLICE("p")));
    assert_int_equal(policy_find(tea, POLICY_OF_OPERATOR, SLICE("o"))->priority, 1);
    assert_non_null(vhost_find_queue(tea, SLICE("cups")));
    assert_true(vhost_find_exchange(tea, SLICE("inner"))->internal);
    assert_true(vhost_find_exchange(tea, SLICE("inner"))->durable);
    struct user *alice = user_find(f->broker, SLICE("alice"));
    assert_int_equal(alice->limits.max_connections, 10);
    assert_true(user_has_tag(alice, SLICE("management")));
    struct permission *permission = permission_find(alice, tea);
    assert_slice(permission->texts[ACCESS_WRITE], "w");
    assert_false(list_is_empty(&permission->topics));
    assert_non_null(global_parameter_find(f->broker, SLICE("mood")));
}

static void an_imported_hash_logs_in(void **state) { /* rows: 400 */
    struct fixture *f = *state;
    import(f, slice_from_text(everything));
    assert_non_null(user_authenticate(f->broker, SLICE("alice"), SLICE("wonderland")));
    assert_null(user_authenticate(f->broker, SLICE("alice"), SLICE("wonderlanD")));
}

static void what_goes_out_comes_in_again(void **state) { /* rows: 402 403 */
    struct fixture *f = *state;
    struct text first = {0};
    import(f, slice_from_text(everything));
    text_append(&first, slice_from_text(export(f)));
    assert_null(strstr(text_chars(&first), "internal_cluster_id"));
    assert_null(strstr(text_chars(&first), "amq."));
    import(f, text_slice(&first));
    assert_string_equal(export(f), text_chars(&first));
    text_clear(&first);
}

static void existing_queues_stay_and_users_change(void **state) {
    struct fixture *f = *state;
    import(f, SLICE("{\"queues\":[{\"name\":\"q\",\"vhost\":\"/\",\"durable\":true}],"
                    "\"users\":[{\"name\":\"u\",\"password\":\"one\",\"tags\":\"a, b\"}]}"));
    import(f,
           SLICE("{\"queues\":[{\"name\":\"q\",\"vhost\":\"/\",\"arguments\":{\"x-expires\":9}}],"
                 "\"users\":[{\"name\":\"u\",\"password\":\"two\",\"tags\":[]}]}"));
    assert_int_equal(amqp_table_count(vhost_find_queue(f->vhost, SLICE("q"))->arguments), 0);
    assert_null(user_authenticate(f->broker, SLICE("u"), SLICE("one")));
    struct user *user = user_authenticate(f->broker, SLICE("u"), SLICE("two"));
    assert_non_null(user);
    assert_int_equal(user->tags.len, 0);
}

static void names_of_the_broker_are_left_alone(void **state) {
    struct fixture *f = *state;
    import(f, SLICE("{\"queues\":[{\"name\":\"amq.gen-x\",\"vhost\":\"/\"}],"
                    "\"exchanges\":[{\"name\":\"amq.other\",\"vhost\":\"/\",\"type\":\"direct\"},"
                    "{\"name\":\"\",\"vhost\":\"/\",\"type\":\"direct\"}],"
                    "\"bindings\":[{\"source\":\"\",\"vhost\":\"/\",\"destination\":\"q\","
                    "\"destination_type\":\"queue\",\"routing_key\":\"q\",\"arguments\":{}},"
                    "{\"source\":\"gone\",\"vhost\":\"/\",\"destination\":\"q\","
                    "\"destination_type\":\"queue\",\"routing_key\":\"q\",\"arguments\":{}}]}"));
    assert_null(vhost_find_queue(f->vhost, SLICE("amq.gen-x")));
    assert_null(vhost_find_exchange(f->vhost, SLICE("amq.other")));
}

static void a_type_beside_the_arguments_counts(void **state) {
    struct fixture *f = *state;
    import(f, SLICE("{\"queues\":[{\"name\":\"q\",\"vhost\":\"/\",\"type\":\"quorum\"}]}"));
    assert_int_equal(vhost_find_queue(f->vhost, SLICE("q"))->type, QUEUE_QUORUM);
}

static void users_of_old_versions_have_md5(void **state) {
    struct fixture *f = *state;
    /* The salt 0, 0, 0, 0 and MD5 of it and `x`. */
    import(f, SLICE("{\"rabbit_version\":\"3.5.7\",\"users\":[{\"name\":\"old\","
                    "\"password_hash\":\"AAAAAKrbQ6Z5UqKgRZrnRR1E7HE=\",\"tags\":\"\"}]}"));
    assert_int_equal(user_find(f->broker, SLICE("old"))->password.algorithm, PASSWORD_MD5);
    import(f, SLICE("{\"rabbit_version\":\"3.10.8\",\"users\":[{\"name\":\"new\","
                    "\"password_hash\":\"\",\"tags\":\"\"}]}"));
    assert_int_equal(user_find(f->broker, SLICE("new"))->password.algorithm, PASSWORD_SHA256);
}

static void what_is_wrong_is_told_with_its_place(void **state) {
    struct fixture *f = *state;
    expect_refused(f, SLICE("[]"), "definitions are an object with sections");
    expect_refused(f, SLICE("{\"users\":{}}"), "users: expected a list");
    expect_refused(f, SLICE("{\"users\":[3]}"),
                   "users, entry 1: this is not an entry of that section");
    expect_refused(f, SLICE("{\"users\":[{\"name\":\"a\"},{\"name\":3}]}"),
                   "users, entry 2: 'name' must be a string");
    expect_refused(f, SLICE("{\"users\":[{\"name\":\"a\",\"password_hash\":\"AA==\"}]}"),
                   "users, entry 1 ('a'): 'password_hash' does not have the form of its algorithm");
    expect_refused(f,
                   SLICE("{\"users\":[{\"name\":\"a\",\"password_hash\":\"\","
                         "\"hashing_algorithm\":\"rot13\"}]}"),
                   "users, entry 1 ('a'): there is no hashing_algorithm 'rot13'");
    expect_refused(f, SLICE("{\"queues\":[{\"name\":\"q\",\"vhost\":\"none\"}]}"),
                   "queues, entry 1 ('q'): no vhost 'none'");
    expect_refused(f, SLICE("{\"queues\":[{\"name\":\"q\"}]}"),
                   "queues, entry 1 ('q'): 'vhost' must be a string");
    expect_refused(f,
                   SLICE("{\"queues\":[{\"name\":\"q\",\"vhost\":\"/\","
                         "\"arguments\":{\"x\":null}}]}"),
                   "queues, entry 1 ('q'): 'arguments' must be an object that a field table can "
                   "hold");
    expect_refused(f, SLICE("{\"permissions\":[{\"user\":\"nobody\"}]}"),
                   "permissions, entry 1: no user 'nobody'");
    expect_refused(f,
                   SLICE("{\"parameters\":[{\"vhost\":\"/\",\"component\":\"shovel\","
                         "\"name\":\"s\",\"value\":{}}]}"),
                   "parameters, entry 1 ('s'): Validation failed\n\ncomponent shovel not found");
}

static void json_errors_do_not_repeat_the_file(void **state) {
    struct fixture *f = *state;
    expect_refused(f, SLICE("{\"users\":[{\"password\":\"canary\" \"x\"}]}"),
                   "line 1, column 34: '}' expected");
}

static void a_vhost_travels_alone(void **state) {
    struct fixture *f = *state;
    struct text error = {0};
    import(f, slice_from_text(everything));
    struct json_out out = {.text = &f->text};
    definitions_export_vhost(broker_find_vhost(f->broker, SLICE("tea")), &out);
    assert_null(strstr(text_chars(&f->text), "\"vhost\""));
    assert_null(strstr(text_chars(&f->text), "alice"));
    json_t *tree = json_read(text_slice(&f->text), &error);
    struct vhost *other = broker_add_vhost(f->broker, SLICE("other"));
    if (!definitions_import(f->broker, tree, other, &error))
        fail_msg("%s", text_chars(&error));
    json_decref(tree);
    assert_non_null(vhost_find_queue(other, SLICE("cups")));
    assert_non_null(policy_find(other, POLICY_ORDINARY, SLICE("p")));
    assert_int_equal(other->limits.max_queues, 3);
}

static void imported_policies_are_in_force_after_it(void **state) {
    struct fixture *f = *state;
    struct queue *queue = declare_queue(f, "q");
    import(f, SLICE("{\"policies\":[{\"vhost\":\"/\",\"name\":\"a\",\"pattern\":\"^q\","
                    "\"definition\":{\"max-length\":1}},"
                    "{\"vhost\":\"/\",\"name\":\"b\",\"pattern\":\"^q\",\"priority\":1,"
                    "\"definition\":{\"max-length\":2}}],"
                    "\"parameters\":[{\"vhost\":\"/\",\"component\":\"operator_policy\","
                    "\"name\":\"o\",\"value\":{\"pattern\":\"\","
                    "\"definition\":{\"expires\":100}}}]}"));
    assert_int_equal(queue->features->max_length, 2);
    assert_int_equal(queue->features->expires_ms, 100);
    expect_refused(f,
                   SLICE("{\"policies\":[{\"vhost\":\"/\",\"name\":\"b\",\"pattern\":\"^q\","
                         "\"priority\":1,\"definition\":{\"max-length\":3}},"
                         "{\"vhost\":\"/\",\"name\":3}]}"),
                   "policies, entry 2: 'name' must be a string");
    assert_int_equal(queue->features->max_length, 3);
    assert_true(policy_clear(f->vhost, POLICY_ORDINARY, SLICE("b")));
    assert_int_equal(queue->features->max_length, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(an_import_makes_everything),
        FIXTURE_TEST(an_imported_hash_logs_in),
        FIXTURE_TEST(what_goes_out_comes_in_again),
        FIXTURE_TEST(existing_queues_stay_and_users_change),
        FIXTURE_TEST(names_of_the_broker_are_left_alone),
        FIXTURE_TEST(a_type_beside_the_arguments_counts),
        FIXTURE_TEST(users_of_old_versions_have_md5),
        FIXTURE_TEST(what_is_wrong_is_told_with_its_place),
        FIXTURE_TEST(json_errors_do_not_repeat_the_file),
        FIXTURE_TEST(a_vhost_travels_alone),
        FIXTURE_TEST(imported_policies_are_in_force_after_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
