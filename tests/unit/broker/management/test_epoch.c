/* SPDX-License-Identifier: Apache-2.0 */
/* The number by which a list on its way knows whether what it points to may have gone. */
#include "broker/management/bindings.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "broker/base/env.h"
#include "broker/entities/binding.h"
#include "broker/entities/broker.h"
#include "broker/entities/queue.h"
#include "broker/entities/vhost.h"
#include "broker/management/connections.h"
#include "broker/management/exchanges.h"
#include "broker/management/management_private.h"
#include "broker/protocol/connection.h"

static void fill_random(void *context, void *buffer, size_t len) {
    (void)context;
    memset(buffer, 7, len);
}

#define ROUNDS 64

static void bind(struct vhost *vhost) {
    const struct queue_declaration declaration = {.name = SLICE("q")};
    const struct binding_request wanted = {
        .source = SLICE("amq.direct"), .destination = SLICE("q"), .destination_is_queue = true};
    struct refusal refusal;
    bool created;

    assert_non_null(vhost_declare_queue(vhost, &declaration, &created, &refusal));
    assert_true(vhost_bind(vhost, &wanted, &refusal));
}

/* Each has had as many changes, and sooner or later one is put where another was. */
static void a_vhost_made_anew_is_another(const struct api_resource *resource) {
    struct env env = {.fill_random = fill_random};
    struct broker_settings settings;
    uint64_t seen[ROUNDS];

    broker_settings_init(&settings);
    struct broker *broker = broker_create(&env, &settings);
    struct management management = {.broker = broker};
    for (int round = 0; round < ROUNDS; round++) {
        bind(broker_add_vhost(broker, SLICE("v")));
        seen[round] = resource->epoch(&management);
        for (int before = 0; before < round; before++)
            assert_int_not_equal(seen[before], seen[round]);
        vhost_delete(broker_find_vhost(broker, SLICE("v")));
    }
    broker_destroy(broker);
}

static void bindings_of_a_vhost_made_anew_are_others(void **state) {
    (void)state;
    a_vhost_made_anew_is_another(&binding_resource);
}

static void exchanges_of_a_vhost_made_anew_are_others(void **state) {
    (void)state;
    a_vhost_made_anew_is_another(&exchange_resource);
}

/* The metrics list it too. */
static void a_connection_goes_that_was_never_open(void **state) {
    struct env env = {.fill_random = fill_random};
    struct broker_settings settings;

    (void)state;
    broker_settings_init(&settings);
    struct broker *broker = broker_create(&env, &settings);
    struct management management = {.broker = broker};
    struct connection *connection =
        connection_create(broker, &(struct connection_peer){.name = "a -> b"});
    const uint64_t before = connection_resource.epoch(&management);
    connection_end(connection, false);
    assert_int_not_equal(connection_resource.epoch(&management), before);
    assert_true(connection_resource.is_gone(&management, connection));
    connection->endpoint.ops->destroy(&connection->endpoint);
    broker_destroy(broker);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bindings_of_a_vhost_made_anew_are_others),
        cmocka_unit_test(exchanges_of_a_vhost_made_anew_are_others),
        cmocka_unit_test(a_connection_goes_that_was_never_open),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
