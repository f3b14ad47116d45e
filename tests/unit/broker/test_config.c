/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/unit/broker/config_fixture.h"

static void expect_set(struct fixture *fixture, const char *assignment) {
    if (!config_set_assignment(&fixture->config, assignment, &fixture->error))
        fail_msg("%s: %s", assignment, text_chars(&fixture->error));
}

static void expect_refused(struct fixture *fixture, const char *assignment, const char *sentence) {
    text_clear(&fixture->error);
    assert_false(config_set_assignment(&fixture->config, assignment, &fixture->error));
    assert_string_equal(text_chars(&fixture->error), sentence);
}

static void defaults_are_rabbitmqs(void **state) {
    struct fixture *fixture = *state;
    const struct config *config = &fixture->config;
    assert_int_equal(config->broker.frame_max, 131072);
    assert_int_equal(config->broker.frame_max_minimum, 4096);
    assert_int_equal(config->broker.initial_frame_max, 8192);
    assert_int_equal(config->broker.channel_max, 2047);
    assert_int_equal(config->broker.heartbeat_s, 60);
    assert_int_equal(config->broker.handshake_timeout_ms, 10000);
    assert_int_equal(config->broker.max_message_size, 16777216);
    assert_int_equal(config->broker.consumer_max_per_channel, 0);
    assert_int_equal(config->broker.connection_max, 0);
    assert_int_equal(config->broker.channel_max_per_node, 0);
    assert_int_equal(config->broker.transaction_copies_max, 4194304);
    assert_int_equal(config->broker.topic_walk_max, TOPIC_WALK_MAX);
    assert_true(config->broker.permit_global_qos);
    assert_true(config->broker.permit_transient_queues);
    assert_string_equal(config->broker.default_vhost, "/");
    assert_string_equal(config->broker.anonymous_user, "guest");
    assert_string_equal(config->broker.anonymous_password.hidden, "guest");
    assert_string_equal(config->broker.product, "RabbitMQ");
    assert_string_equal(config->broker.product_version, "4.3.5");
    assert_string_equal(config->default_user, "guest");
    assert_string_equal(config->default_pass.hidden, "guest");
    assert_int_equal(config->loopback_users.count, 1);
    assert_string_equal(config->loopback_users.items[0].name, "guest");
    assert_int_equal(config->log.console.level, LOG_INFO);
    assert_true(config->memory_watermark == 0.6);
    assert_int_equal(config->memory_watermark_absolute, 0);
    assert_int_equal(config->disk_free_limit, 50000000);
    assert_true(config_finish(&fixture->config, &fixture->error));
    assert_int_equal(config->tcp.count, 1);
    assert_int_equal(config->tcp.items[0].port, 5672);
    assert_null(config->tcp.items[0].address);
}

static void numbers_are_whole_and_bounded(void **state) {
    struct fixture *fixture = *state;
    expect_set(fixture, "heartbeat=0");
    assert_int_equal(fixture->config.broker.heartbeat_s, 0);
    expect_set(fixture, "heartbeat = 65535");
    assert_int_equal(fixture->config.broker.heartbeat_s, 65535);
    expect_refused(fixture, "heartbeat=65536",
                   "heartbeat = 65536: expected a whole number from 0 to 65535");
    expect_refused(fixture, "heartbeat=-1",
                   "heartbeat = -1: expected a whole number from 0 to 65535");
    expect_refused(fixture, "heartbeat=", "heartbeat = : expected a whole number from 0 to 65535");
    expect_refused(fixture, "heartbeat=6s",
                   "heartbeat = 6s: expected a whole number from 0 to 65535");
    expect_refused(fixture, "heartbeat=99999999999999999999999",
                   "heartbeat = 99999999999999999999999: expected a whole number from 0 to 65535");
    assert_int_equal(fixture->config.broker.heartbeat_s, 65535);
}

static void sizes_have_rabbitmqs_units(void **state) {
    struct fixture *fixture = *state;
    const struct {
        const char *written;
        uint64_t size;
    } cases[] = {
        {"1000", 1000},
        {"1kB", 1000},
        {"1KB", 1000},
        {"1KiB", 1024},
        {"2k", 2048},
        {"2Ki", 2048},
        {"3MB", 3000000},
        {"3MiB", 3145728},
        {"3M", 3145728},
        {"4GB", 4000000000},
        {"4GiB", 4294967296},
        {"4G", 4294967296},
        {"1TB", 1000000000000},
        {"1tib", 1099511627776},
        {"7b", 7},
    };
    char assignment[64];
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        snprintf(assignment, sizeof assignment, "vm_memory_high_watermark.absolute=%s",
                 cases[i].written);
        expect_set(fixture, assignment);
        assert_int_equal(fixture->config.memory_watermark_absolute, cases[i].size);
    }
    const char *wrong[] = {"KB", "1 KB", "1XB", "1KBs", "1Kx", "99999999999GiB", "1.5MB"};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        snprintf(assignment, sizeof assignment, "vm_memory_high_watermark.absolute=%s", wrong[i]);
        text_clear(&fixture->error);
        assert_false(config_set_assignment(&fixture->config, assignment, &fixture->error));
    }
    expect_refused(fixture, "max_message_size=1GB",
                   "max_message_size = 1GB: expected a size like 16MiB or 500MB, from 1 to "
                   "536870912 octets");
}

static void booleans_fractions_and_levels_are_read(void **state) {
    struct fixture *fixture = *state;
    expect_set(fixture, "deprecated_features.permit.global_qos=false");
    assert_false(fixture->config.broker.permit_global_qos);
    expect_set(fixture, "deprecated_features.permit.global_qos=on");
    assert_true(fixture->config.broker.permit_global_qos);
    expect_refused(fixture, "deprecated_features.permit.global_qos=yes",
                   "deprecated_features.permit.global_qos = yes: expected true or false");
    expect_set(fixture, "vm_memory_high_watermark.relative=0.25");
    assert_true(fixture->config.memory_watermark == 0.25);
    expect_refused(fixture, "vm_memory_high_watermark.relative=1.5",
                   "vm_memory_high_watermark.relative = 1.5: expected a number from 0.0 to 1.0");
    expect_refused(fixture, "vm_memory_high_watermark.relative=nan",
                   "vm_memory_high_watermark.relative = nan: expected a number from 0.0 to 1.0");
    expect_set(fixture, "log.console.level=debug");
    assert_int_equal(fixture->config.log.console.level, LOG_DEBUG);
    expect_refused(fixture, "log.console.level=loud",
                   "log.console.level = loud: expected debug, info, notice, warning, error, "
                   "critical, alert, emergency or none");
}

static void queue_type_and_timeout_of_consumers_are_read(void **state) {
    struct fixture *fixture = *state;

    assert_string_equal(fixture->config.broker.default_queue_type, "classic");
    assert_int_equal(fixture->config.broker.consumer_timeout_ms, 1800000);
    expect_set(fixture, "default_queue_type = quorum");
    assert_string_equal(fixture->config.broker.default_queue_type, "quorum");
    expect_refused(fixture, "default_queue_type = fast",
                   "default_queue_type = fast: expected classic, quorum or stream");
    expect_set(fixture, "consumer_timeout = 31622400000");
    assert_int_equal(fixture->config.broker.consumer_timeout_ms, 31622400000);
}

static void infinity_is_no_limit(void **state) {
    struct fixture *fixture = *state;
    expect_set(fixture, "connection_max=10");
    assert_int_equal(fixture->config.broker.connection_max, 10);
    expect_set(fixture, "connection_max=infinity");
    assert_int_equal(fixture->config.broker.connection_max, 0);
    expect_refused(fixture, "connection_max=0",
                   "connection_max = 0: expected a whole number from 1 to 4294967295");
}

static void listeners_have_names_ports_and_addresses(void **state) {
    struct fixture *fixture = *state;
    const struct config *config = &fixture->config;
    expect_set(fixture, "listeners.tcp.default=5673");
    expect_set(fixture, "listeners.tcp.local=127.0.0.1:5674");
    expect_set(fixture, "listeners.tcp.1=::1:5675");
    expect_set(fixture, "listeners.tcp.2=[::1]:5676");
    expect_set(fixture, "listeners.tcp.default=5677");
    assert_true(config_finish(&fixture->config, &fixture->error));
    assert_int_equal(config->tcp.count, 4);
    assert_null(config->tcp.items[0].address);
    assert_int_equal(config->tcp.items[0].port, 5677);
    assert_string_equal(config->tcp.items[1].address, "127.0.0.1");
    assert_int_equal(config->tcp.items[1].port, 5674);
    assert_string_equal(config->tcp.items[2].address, "::1");
    assert_string_equal(config->tcp.items[3].address, "::1");
    assert_int_equal(config->tcp.items[3].port, 5676);
    expect_refused(fixture, "listeners.tcp.default=70000",
                   "listeners.tcp.default = 70000: expected a port or address:port");
    expect_refused(fixture, "listeners.tcp.default=:5672",
                   "listeners.tcp.default = :5672: expected a port or address:port");
}

static void no_listener_at_all_is_refused(void **state) {
    struct fixture *fixture = *state;
    expect_set(fixture, "listeners.tcp.default=5673");
    expect_set(fixture, "listeners.tcp=none");
    assert_false(config_finish(&fixture->config, &fixture->error));
    assert_string_equal(text_chars(&fixture->error),
                        "listeners.tcp = none leaves nothing to listen on");
    text_clear(&fixture->error);
    expect_set(fixture, "listeners.tcp.default=5673");
    assert_true(config_finish(&fixture->config, &fixture->error));
    expect_refused(fixture, "listeners.tcp=5672",
                   "listeners.tcp = 5672: expected none, or a port for listeners.tcp.default");
}

static void short_options_replace_the_listeners(void **state) {
    struct fixture *fixture = *state;
    const struct config *config = &fixture->config;
    config_override_listener(&fixture->config, "--bind", "127.0.0.1", -1);
    assert_int_equal(config->tcp.items[0].port, 5672);
    expect_set(fixture, "listeners.tcp.other=5674");
    config_override_listener(&fixture->config, "--port", NULL, 0);
    assert_int_equal(config->tcp.count, 1);
    assert_string_equal(config->tcp.items[0].address, "127.0.0.1");
    assert_int_equal(config->tcp.items[0].port, 0);
}

static void loopback_users_are_named_or_none(void **state) {
    struct fixture *fixture = *state;
    const struct config *config = &fixture->config;
    expect_set(fixture, "loopback_users.alice=true");
    expect_set(fixture, "loopback_users.alice=true");
    assert_int_equal(config->loopback_users.count, 2);
    assert_string_equal(config->loopback_users.items[0].name, "alice");
    expect_set(fixture, "loopback_users.guest=false");
    assert_int_equal(config->loopback_users.count, 1);
    assert_string_equal(config->loopback_users.items[0].name, "alice");
    expect_set(fixture, "loopback_users=none");
    assert_int_equal(config->loopback_users.count, 0);
    expect_refused(fixture, "loopback_users=guest",
                   "loopback_users = guest: expected none, or loopback_users.NAME = ...");
}

static void anonymous_login_can_be_switched_off(void **state) {
    struct fixture *fixture = *state;
    expect_set(fixture, "anonymous_login_user=none");
    assert_string_equal(fixture->config.broker.anonymous_user, "");
    expect_set(fixture, "anonymous_login_user=visitor");
    assert_string_equal(fixture->config.broker.anonymous_user, "visitor");
}

static void an_unknown_key_is_refused_with_the_nearest(void **state) {
    struct fixture *fixture = *state;
    expect_refused(fixture, "heartbeats=5",
                   "unknown key 'heartbeats'; the nearest is 'heartbeat' (--help lists all)");
    expect_refused(fixture, "listners.tcp.default=5",
                   "unknown key 'listners.tcp.default'; the nearest is 'listeners.tcp.default' "
                   "(--help lists all)");
    expect_refused(fixture, "max_mesage_size=5",
                   "unknown key 'max_mesage_size'; the nearest is 'max_message_size' "
                   "(--help lists all)");
    expect_refused(fixture, "heartbeat", "'heartbeat': expected key=value");
    char long_key[400];
    memset(long_key, 'k', sizeof long_key);
    memcpy(long_key + sizeof long_key - 3, "=1", 3);
    assert_false(config_set_assignment(&fixture->config, long_key, &fixture->error));
}

static void limits_that_contradict_each_other_are_refused(void **state) {
    struct fixture *fixture = *state;
    expect_set(fixture, "frame_max=2000");
    assert_false(config_finish(&fixture->config, &fixture->error));
    assert_string_equal(text_chars(&fixture->error),
                        "frame_max = 2000 is below leveret.frame_max_minimum = 4096");
    expect_set(fixture, "frame_max=0");
    assert_true(config_finish(&fixture->config, &fixture->error));
}

static void the_description_names_every_default(void **state) {
    struct fixture *fixture = *state;
    struct text description = {0};
    config_describe(&description);
    assert_non_null(strstr(text_chars(&description), "  heartbeat = 60  (reload)\n"));
    assert_non_null(strstr(text_chars(&description), "  listeners.tcp.$name\n"));
    text_clear(&description);
    (void)fixture;
}

static void a_dot_in_a_name_is_escaped(void **state) {
    struct fixture *fixture = *state;
    expect_set(fixture, "loopback_users.first\\.last=true");
    assert_string_equal(fixture->config.loopback_users.items[0].name, "first.last");
    assert_false(
        config_set_assignment(&fixture->config, "loopback_users.first.last=true", &fixture->error));
    expect_refused(fixture, "listeners..tcp=none",
                   "'listeners..tcp' is no key: words between dots make one");
    expect_refused(fixture, "heartbeat.=1", "'heartbeat.' is no key: words between dots make one");
}

static void lists_are_in_the_order_of_their_numbers(void **state) {
    struct fixture *fixture = *state;
    const struct config_list *ciphers = &fixture->config.tls.ciphers;
    expect_set(fixture, "ssl_options.ciphers.10=C");
    expect_set(fixture, "ssl_options.ciphers.last=D");
    expect_set(fixture, "ssl_options.ciphers.2=B");
    expect_set(fixture, "ssl_options.ciphers.1=Z");
    expect_set(fixture, "ssl_options.ciphers.1=A");
    assert_int_equal(ciphers->count, 4);
    for (size_t i = 0; i < ciphers->count; i++)
        assert_int_equal(ciphers->items[i].value[0], "ABCD"[i]);
}

static void sizes_of_frames_have_units(void **state) {
    struct fixture *fixture = *state;
    expect_set(fixture, "frame_max = 64KiB");
    assert_int_equal(fixture->config.broker.frame_max, 65536);
    expect_set(fixture, "initial_frame_max = 8192");
    assert_int_equal(fixture->config.broker.initial_frame_max, 8192);
    expect_refused(
        fixture, "frame_max = 2GB",
        "frame_max = 2GB: expected a size like 16MiB or 500MB, from 0 to 1073741824 octets");
}

static void a_path_prefix_begins_with_a_slash_and_does_not_end_with_one(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        const char *assignment;
        const char *prefix;
    } rows[] = {{"management.path_prefix = mq", "/mq"},
                {"management.path_prefix = /mq/", "/mq"},
                {"management.path_prefix = /", ""}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        expect_set(fixture, rows[i].assignment);
        assert_string_equal(fixture->config.management.path_prefix, rows[i].prefix);
    }
}

static void a_field_of_certificates_has_an_older_name(void **state) {
    struct fixture *fixture = *state;
    expect_set(fixture, "ssl_cert_login_from = subject_alternative_name");
    const unsigned alternative = (unsigned)fixture->config.ssl_cert_login_from;
    expect_set(fixture, "ssl_cert_login_from = common_name");
    expect_set(fixture, "ssl_cert_login_from = subject_alt_name");
    assert_int_equal(fixture->config.ssl_cert_login_from, alternative);
}

static void durations_of_default_policies_have_units(void **state) {
    struct fixture *fixture = *state;
    static const struct {
        const char *assignment;
        int64_t ms;
    } rows[] = {{"default_policies.operator.p.expires = 90000", 90000},
                {"default_policies.operator.p.expires = 90s", 90000},
                {"default_policies.operator.p.expires = 1d12h", 129600000},
                {"default_policies.operator.p.expires = 7ms", 7}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        expect_set(fixture, rows[i].assignment);
        assert_int_equal(fixture->config.vhost_defaults.policies[0].expires, rows[i].ms);
    }
    expect_refused(fixture, "default_policies.operator.p.expires = 1y",
                   "default_policies.operator.p.expires = 1y: expected a whole number from 1 to "
                   "4294967295");
}

static void a_secret_is_not_repeated(void **state) {
    struct fixture *fixture = *state;
    expect_refused(fixture, "default_pass=encrypted:c2VjcmV0",
                   "default_pass = ********: encrypted values are not supported; $(VARIABLE) takes "
                   "a secret from the environment");
}

static void what_rabbitmq_knows_is_noticed_or_refused(void **state) {
    struct fixture *fixture = *state;
    expect_set(fixture, "cluster_formation.peer_discovery_backend=dns");
    expect_set(fixture, "net_ticktime=60");
    const struct config_notice *first =
        LIST_ITEM(fixture->config.notices.next, struct config_notice, link);
    assert_string_equal(first->sentence,
                        "--set: cluster_formation.peer_discovery_backend has no meaning here: "
                        "there is one node and no cluster to form");
    expect_refused(fixture, "auth_ldap.servers.1=ldap.example.com",
                   "auth_ldap.servers.1: users are kept by the broker: there is no LDAP "
                   "authentication");
    expect_set(fixture, "auth_backends.1=internal");
    expect_refused(fixture, "auth_backends.1=ldap",
                   "auth_backends.1 = ldap: users are kept by the broker itself: only internal is "
                   "possible");
    expect_refused(fixture, "ssl_options.client_renegotiation=true",
                   "ssl_options.client_renegotiation = true: only false is possible: there is no "
                   "renegotiation");
}

static void what_asks_for_nothing_is_taken(void **state) {
    struct fixture *fixture = *state;
    expect_set(fixture, "ssl_options.crl_check=false");
    expect_refused(fixture, "ssl_options.crl_check=peer",
                   "ssl_options.crl_check = peer: only false is possible: certificate revocation "
                   "lists are not looked at");
    expect_set(fixture, "auth_backends.1.authn=internal");
    expect_set(fixture, "handshake_timeout=infinity");
    assert_int_equal(fixture->config.broker.handshake_timeout_ms, 0);
    expect_set(fixture, "default_queue_type=rabbit_quorum_queue");
    assert_string_equal(fixture->config.broker.default_queue_type, "quorum");
}

static void unused_values_are_checked_as_in_rabbitmq(void **state) {
    struct fixture *fixture = *state;
    static const char *const taken[] = {
        "socket_writer.gc_threshold=off",
        "socket_writer.gc_threshold=-5",
        "mirroring_sync_batch_size=1MB",
        "vm_memory_high_watermark_paging_ratio=0.05",
        "distribution.listener.interface=::1",
        "stream.listeners.tcp.1=127.0.0.1:5552",
        "sysmon_handler.triggers.process.garbage_collection=1h30m",
    };
    static const char *const refused[][2] = {
        {"socket_writer.gc_threshold=never",
         "socket_writer.gc_threshold = never: expected off or a whole number"},
        {"net_ticktime=00", "net_ticktime = 00: expected a whole number from 1"},
        {"delegate_count=-1", "delegate_count = -1: expected a whole number, not negative"},
        {"mirroring_sync_batch_size=1MiB",
         "mirroring_sync_batch_size = 1MiB: expected a size like 4096 or 1MB"},
        {"vm_memory_high_watermark_paging_ratio=1.0",
         "vm_memory_high_watermark_paging_ratio = 1.0: expected a number like 0.5 between 0 and 1"},
        {"distribution.listener.interface=localhost",
         "distribution.listener.interface = localhost: expected an IP address"},
        {"stream.listeners.tcp.1=x:5552",
         "stream.listeners.tcp.1 = x:5552: expected a port or address:port"},
        {"sysmon_handler.triggers.process.garbage_collection=90",
         "sysmon_handler.triggers.process.garbage_collection = 90: expected off or a time like 90s "
         "or 1h30m"},
        {"definitions.tls.depth=256",
         "definitions.tls.depth = 256: expected a whole number from 0 to 255"},
        {"collect_statistics=some", "collect_statistics = some: expected none, coarse or fine"},
    };
    for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++)
        expect_set(fixture, taken[i]);
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        expect_refused(fixture, refused[i][0], refused[i][1]);
}

static void the_old_listener_of_the_api_wins(void **state) {
    struct fixture *fixture = *state;
    const struct config_http *http = &fixture->config.management.http;
    expect_set(fixture, "management.listener.port=1234");
    expect_set(fixture, "management.tcp.port=4321");
    expect_set(fixture, "management.listener.ip=127.0.0.1");
    assert_true(config_finish(&fixture->config, &fixture->error));
    assert_int_equal(http->tcp_port, 1234);
    assert_int_equal(http->ssl_port, -1);
    assert_string_equal(http->tcp_address, "127.0.0.1");
    expect_set(fixture, "management.listener.ssl=true");
    assert_true(config_finish(&fixture->config, &fixture->error));
    assert_int_equal(http->tcp_port, -1);
    assert_int_equal(http->ssl_port, 1234);
    expect_refused(fixture, "management.listener.ip=localhost",
                   "management.listener.ip = localhost: expected an IP address");
}

static void expect_unfinished(struct fixture *fixture, const char *sentence) {
    text_clear(&fixture->error);
    assert_false(config_finish(&fixture->config, &fixture->error));
    assert_string_equal(text_chars(&fixture->error), sentence);
}

static void what_needs_something_else_says_so(void **state) {
    struct fixture *fixture = *state;
    expect_set(fixture, "listeners.ssl.default=5671");
    expect_unfinished(fixture, "listeners.ssl needs ssl_options.certfile and ssl_options.keyfile");
    expect_set(fixture, "listeners.ssl=none");
    expect_set(fixture, "ssl_options.verify=verify_peer");
    expect_unfinished(fixture, "ssl_options.verify = verify_peer needs ssl_options.cacertfile");
    expect_set(fixture, "ssl_options.verify=verify_none");
    expect_set(fixture, "ssl_options.versions.1=tlsv1.1");
    expect_unfinished(fixture, "ssl_options.versions: expected tlsv1.2 or tlsv1.3; older versions "
                               "are not offered");
    expect_set(fixture, "ssl_options.versions.2=tlsv1.2");
    assert_true(config_finish(&fixture->config, &fixture->error));
    const struct config_notice *last =
        LIST_ITEM(fixture->config.notices.previous, struct config_notice, link);
    assert_int_equal(last->level, LOG_WARNING);
    assert_string_equal(last->sentence, "ssl_options.versions.1 = tlsv1.1: older versions than "
                                        "tlsv1.2 are not offered");
    expect_refused(fixture, "ssl_options.versions.3=sslv3",
                   "ssl_options.versions.3 = sslv3: expected tlsv1.2 or tlsv1.3");
    expect_set(fixture, "proxy_protocol=true");
    expect_unfinished(fixture, "proxy_protocol = true believes whoever connects: name the "
                               "proxies, leveret.proxy_protocol.sources.1 = ADDRESS");
    expect_refused(
        fixture, "ssl_options.certfile=/nonexistent/certificate.pem",
        "ssl_options.certfile = /nonexistent/certificate.pem: No such file or directory");
}

static void http_ports_are_rabbitmqs(void **state) {
    struct fixture *fixture = *state;
    const struct config *config = &fixture->config;
    expect_set(fixture, "prometheus.ssl.port=15691");
    assert_true(config_finish(&fixture->config, &fixture->error));
    assert_int_equal(config->management.http.tcp_port, 15672);
    assert_int_equal(config->management.http.ssl_port, -1);
    assert_int_equal(config->prometheus.http.tcp_port, -1);
    assert_int_equal(config->prometheus.http.ssl_port, 15691);
}

static void what_cannot_be_reloaded_is_listed(void **state) {
    struct fixture *fixture = *state;
    struct config next;
    struct text names = {0};
    expect_set(fixture, "listeners.tcp.default=5673");
    expect_set(fixture, "cluster_name=same");
    expect_set(fixture, "heartbeat=5");
    config_init_again(&next, &fixture->config);
    assert_true(config_set_assignment(&next, "cluster_name=same", &fixture->error));
    assert_true(config_set_assignment(&next, "heartbeat=6", &fixture->error));
    assert_true(config_set_assignment(&next, "default_vhost=other", &fixture->error));
    config_list_unreloadable(&fixture->config, &next, &names);
    assert_string_equal(text_chars(&names), "listeners.tcp.default\ndefault_vhost\n");
    /* A text that both have is one. */
    assert_ptr_equal(next.broker.cluster_name, fixture->config.broker.cluster_name);
    text_clear(&names);
    config_clear(&next);
}

static void defaults_of_vhosts_have_names(void **state) {
    struct fixture *fixture = *state;
    const struct vhost_defaults *defaults = &fixture->config.vhost_defaults;
    expect_set(fixture, "default_users.qa.vhost_pattern=^qa");
    expect_set(fixture, "default_users.qa.password=bunny");
    expect_set(fixture, "default_users.other.tags=monitoring");
    expect_set(fixture, "default_limits.vhosts.1.pattern=^qa");
    expect_set(fixture, "default_limits.vhosts.1.max_queues=10");
    expect_set(fixture, "default_policies.operator.cap.vhost_pattern=.*");
    expect_set(fixture, "default_policies.operator.cap.expires=1000");
    assert_int_equal(defaults->user_count, 2);
    assert_string_equal(defaults->users[0].name, "qa");
    assert_string_equal(defaults->users[0].vhost_pattern, "^qa");
    assert_string_equal(defaults->users[0].password.hidden, "bunny");
    assert_int_equal(defaults->limits[0].max_queues, 10);
    assert_int_equal(defaults->limits[0].max_connections, -1);
    assert_int_equal(defaults->policies[0].expires, 1000);
    assert_int_equal(defaults->policies[0].message_ttl, -1);
    assert_false(config_set_assignment(&fixture->config, "default_limits.vhosts.1.pattern=(",
                                       &fixture->error));
    text_clear(&fixture->error);
    for (int i = 0; i < VHOST_DEFAULTS_MAX - 1; i++) {
        char assignment[64];
        snprintf(assignment, sizeof assignment, "default_limits.vhosts.n%d.max_queues=1", i);
        expect_set(fixture, assignment);
    }
    expect_refused(fixture, "default_limits.vhosts.more.max_queues=1",
                   "default_limits.vhosts.more.max_queues = 1: too many of them");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(defaults_are_rabbitmqs),
        TEST(numbers_are_whole_and_bounded),
        TEST(sizes_have_rabbitmqs_units),
        TEST(booleans_fractions_and_levels_are_read),
        TEST(queue_type_and_timeout_of_consumers_are_read),
        TEST(infinity_is_no_limit),
        TEST(listeners_have_names_ports_and_addresses),
        TEST(no_listener_at_all_is_refused),
        TEST(short_options_replace_the_listeners),
        TEST(loopback_users_are_named_or_none),
        TEST(anonymous_login_can_be_switched_off),
        TEST(an_unknown_key_is_refused_with_the_nearest),
        TEST(limits_that_contradict_each_other_are_refused),
        TEST(the_description_names_every_default),
        TEST(a_dot_in_a_name_is_escaped),
        TEST(lists_are_in_the_order_of_their_numbers),
        TEST(sizes_of_frames_have_units),
        TEST(a_path_prefix_begins_with_a_slash_and_does_not_end_with_one),
        TEST(a_field_of_certificates_has_an_older_name),
        TEST(durations_of_default_policies_have_units),
        TEST(a_secret_is_not_repeated),
        TEST(what_rabbitmq_knows_is_noticed_or_refused),
        TEST(what_asks_for_nothing_is_taken),
        TEST(unused_values_are_checked_as_in_rabbitmq),
        TEST(the_old_listener_of_the_api_wins),
        TEST(what_needs_something_else_says_so),
        TEST(http_ports_are_rabbitmqs),
        TEST(what_cannot_be_reloaded_is_listed),
        TEST(defaults_of_vhosts_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
