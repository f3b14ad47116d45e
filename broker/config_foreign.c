/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What RabbitMQ's configuration knows and Leveret has nothing to do with. Two tables: keys that may
 * stand in a file that both brokers read, since leaving them out changes nothing a client could
 * notice - each is logged once with its reason - and keys whose absence somebody would notice, with
 * which the broker does not start.
 */
#include <stdio.h>
#include <string.h>

#include "broker/config_key.h"

struct foreign_key {
    const char *pattern; /* $x: any word; a final *: all that follow */
    const char *reason;
};

#define ERLANG       "there is no Erlang virtual machine"
#define CLUSTER      "there is one node and no cluster to form"
#define RAFT         "quorum queues live in the journal of one node"
#define OWN_STORE    "the journal has no such store"
#define STATISTICS   "figures are exact and computed when they are asked for"
#define NO_PAGES     "the policy of the pages is fixed and safe"
#define COWBOY       "the HTTP server has limits of its own"
#define ONE_LINE     "a log line has RabbitMQ's default form"
#define NOT_BUILT_IN "this plugin is not built in"
#define TLS_EXTRA    "OpenSSL decides this"

/* clang-format off */
static const struct foreign_key meaningless[] = {
    {"num_acceptors.*", "one thread accepts all connections"},
    {"socket_writer.gc_threshold", ERLANG},
    {"reverse_dns_lookups", "connections are named by their addresses"},
    {"erlang.*", ERLANG},
    {"tcp_listen_options", "tcp_listen_options.* says what there is to say"},
    {"tcp_listen_options.buffer", "there is no buffer of that kind"},
    {"tcp_listen_options.delay_send", "output is written once a tick"},
    {"tcp_listen_options.linger.*", "a connection is closed when everything has been sent"},
    {"tcp_listen_options.exit_on_close", "a closed connection is always taken down"},
    {"tcp_listen_options.high_msgq_watermark", ERLANG},
    {"tcp_listen_options.high_watermark", ERLANG},
    {"tcp_listen_options.low_msgq_watermark", ERLANG},
    {"tcp_listen_options.low_watermark", ERLANG},
    {"tcp_listen_options.send_timeout", "heartbeats find peers that are gone"},
    {"tcp_listen_options.send_timeout_close", "heartbeats find peers that are gone"},
    {"ssl_options.bypass_pem_cache", "files are read again on reload"},
    {"$listener.bypass_pem_cache", "files are read again on reload"},
    {"ssl_options.log_alert", TLS_EXTRA},
    {"ssl_options.log_level", TLS_EXTRA},
    {"ssl_options.reuse_sessions", TLS_EXTRA},
    {"ssl_options.honor_ecc_order", TLS_EXTRA},
    {"ssl_options.dhfile", "only elliptic curves are offered"},
    {"ssl_options.dh", "only elliptic curves are offered"},
    {"management.ssl.reuse_sessions", TLS_EXTRA},
    {"management.ssl.honor_ecc_order", TLS_EXTRA},
    {"prometheus.ssl.reuse_sessions", TLS_EXTRA},
    {"prometheus.ssl.honor_ecc_order", TLS_EXTRA},
    {"ssl_allow_poodle_attack", "the versions it is about are not offered"},
    {"default_worker_pool_size", "there is no such pool"},
    {"vm_memory_high_watermark_paging_ratio", "paging needs no ratio, as in RabbitMQ since 4.0"},
    {"vm_memory_calculation_strategy", "memory is what the process has allocated"},
    {"memory_monitor_interval", "memory is looked at in every tick"},
    {"cluster_partition_handling", CLUSTER},
    {"cluster_partition_handling.*", CLUSTER},
    {"cluster_formation.*", CLUSTER},
    {"cluster_keepalive_interval", CLUSTER},
    {"cluster_queue_limit_exceeded_log_interval", CLUSTER},
    {"cluster_tags.*", CLUSTER},
    {"node_tags.*", CLUSTER},
    {"delegate_count", CLUSTER},
    {"mirroring_sync_batch_size", CLUSTER},
    {"mirroring_sync_max_throughput", CLUSTER},
    {"queue_master_locator", CLUSTER},
    {"queue_leader_locator", CLUSTER},
    {"net_ticktime", CLUSTER},
    {"distribution.*", CLUSTER},
    {"peer_discovery.*", CLUSTER},
    {"metadata_store.*", CLUSTER},
    {"khepri.*", CLUSTER},
    {"raft.*", RAFT},
    {"quorum_queue.compute_checksums", RAFT},
    {"quorum_queue.continuous_membership_reconciliation.*", CLUSTER},
    {"quorum_queue.initial_cluster_size", CLUSTER},
    {"quorum_queue.commands_soft_limit", RAFT},
    {"quorum_queue.*", RAFT},
    {"quorum_commands_soft_limit", RAFT},
    {"quorum_cluster_size", CLUSTER},
    {"stream.*", "there are no streams"},
    {"classic_queue.default_version", "there is one way of storing queues"},
    {"collect_statistics", STATISTICS},
    {"collect_statistics_interval", STATISTICS},
    {"hipe_compile", ERLANG},
    {"mnesia_table_loading_retry_timeout", OWN_STORE},
    {"mnesia_table_loading_retry_limit", OWN_STORE},
    {"message_store_shutdown_timeout", OWN_STORE},
    {"msg_store_*", OWN_STORE},
    {"queue_index_embed_msgs_below", OWN_STORE},
    {"lazy_queue_explicit_gc_run_operation_threshold", ERLANG},
    {"background_gc_enabled", ERLANG},
    {"background_gc_target_interval", ERLANG},
    {"vhost_restart_strategy", "virtual hosts do not fail one by one"},
    {"max_vhost_supervisor_restart.*", ERLANG},
    {"sysmon_handler.*", ERLANG},
    {"runtime.*", ERLANG},
    {"prelaunch.*", ERLANG},
    {"channel_operation_timeout", "operations are done at once"},
    {"channel_tick_interval", "channels need no tick"},
    {"writer_gc_threshold", ERLANG},
    {"feature_flags.*", "every feature is there from the start"},
    {"motd_file", "there is no banner"},
    {"feature_flags_file", "every feature is there from the start"},
    {"definitions.hashing.algorithm", "definitions are compared octet by octet"},
    {"log.console.use_colors", "the log has no colours"},
    {"log.console.color_esc_seqs.*", "the log has no colours"},
    {"log.$output.formatter.*", ONE_LINE},
    {"log.summarize_process_state", ERLANG},
    {"log.error_logger_format_depth", ERLANG},
    {"log.mirroring.*", CLUSTER},
    {"log.federation.*", NOT_BUILT_IN},
    {"log.shovel.*", NOT_BUILT_IN},
    {"log.upgrade.*", "there are no upgrade steps to log"},
    {"log.ra.*", RAFT},
    {"log.osiris.*", "there are no streams"},
    {"log.prelaunch.*", ERLANG},
    {"log.ldap.*", NOT_BUILT_IN},
    {"log.feature_flags.*", "every feature is there from the start"},
    {"management.rates_mode", STATISTICS},
    {"management.disable_stats", STATISTICS},
    {"management.enable_queue_totals", STATISTICS},
    {"management.csp.policy", NO_PAGES},
    {"management.hsts.policy", NO_PAGES},
    {"management.sample_retention_policies.*", STATISTICS},
    {"management.db_cache_multiplier", STATISTICS},
    {"management.delegate_count", CLUSTER},
    {"management.process_stats_gc_timeout", ERLANG},
    {"management.headers.*", "the headers are fixed and safe"},
    {"management.tcp.*", COWBOY},
    {"management.ssl.compress", COWBOY},
    {"management.ssl.backlog", COWBOY},
    {"management.ssl.idle_timeout", COWBOY},
    {"management.ssl.inactivity_timeout", COWBOY},
    {"management.ssl.request_timeout", COWBOY},
    {"management.ssl.shutdown_timeout", COWBOY},
    {"management.ssl.max_keepalive", COWBOY},
    {"prometheus.tcp.*", COWBOY},
    {"prometheus.ssl.compress", COWBOY},
    {"prometheus.ssl.backlog", COWBOY},
    {"prometheus.ssl.idle_timeout", COWBOY},
    {"prometheus.ssl.inactivity_timeout", COWBOY},
    {"prometheus.ssl.request_timeout", COWBOY},
    {"prometheus.ssl.shutdown_timeout", COWBOY},
    {"prometheus.ssl.max_keepalive", COWBOY},
    {"management_agent.*", STATISTICS},
    {"prometheus.filter_aggregated_queue_metrics_pattern", STATISTICS},
    {"deprecated_features.permit.classic_queue_mirroring", CLUSTER},
    {"deprecated_features.permit.ram_node_type", CLUSTER},
    {"deprecated_features.permit.management_metrics_collection", STATISTICS},
    {"deprecated_features.permit.queue_master_locator", CLUSTER},
    {"deprecated_features.permit.amqp_address_v1", "there is no AMQP 1.0"},
    {"deprecated_features.permit.amqp_filter_set_bug", "there is no AMQP 1.0"},
};

static const struct foreign_key refused[] = {
    {"auth_backends.*", "users are kept by the broker: only auth_backends.N = internal is possible"},
    {"auth_http.*", "users are kept by the broker: there is no HTTP authentication"},
    {"auth_ldap.*", "users are kept by the broker: there is no LDAP authentication"},
    {"auth_oauth2.*", "users are kept by the broker: there are no OAuth 2 tokens"},
    {"auth_cache.*", "users are kept by the broker: there is nothing to cache"},
    {"oauth2_client.*", "users are kept by the broker: there are no OAuth 2 tokens"},
    {"management.oauth_*", "users are kept by the broker: there are no OAuth 2 tokens"},
    {"management.enable_uaa", "users are kept by the broker: there are no OAuth 2 tokens"},
    {"management.uaa_*", "users are kept by the broker: there are no OAuth 2 tokens"},
    {"management.disable_basic_auth", "the HTTP API knows basic authentication only"},
    {"management.listener.*", "RabbitMQ 4 has no such keys: use management.tcp.* and management.ssl.*"},
    {"management.http_log_dir", "there is no log of HTTP requests"},
    {"credential_validator.*", "passwords are not judged: choose them well"},
    {"trust_store.*", "certificates are checked against ssl_options.cacertfile only"},
    {"ssl_options.cert", "certificates are read from files: ssl_options.certfile"},
    {"ssl_options.key.*", "keys are read from files: ssl_options.keyfile"},
    {"ssl_options.cacerts.*", "certificates are read from files: ssl_options.cacertfile"},
    {"ssl_options.psk_identity", "there are no pre-shared keys"},
    {"ssl_options.crl_check", "certificate revocation lists are not looked at"},
    {"definitions.https.*", "definitions are read from files: definitions.local.path"},
    {"definitions.tls.*", "definitions are read from files: definitions.local.path"},
    {"log.syslog.*", "the log goes to the console or a file"},
    {"log.journald.*", "the log goes to the console, which systemd hands to the journal, or a file"},
    {"log.exchange.*", "the log goes to the console or a file"},
    {"mqtt.*", "there is no MQTT"},
    {"web_mqtt.*", "there is no MQTT"},
    {"stomp.*", "there is no STOMP"},
    {"web_stomp.*", "there is no STOMP"},
    {"amqp1_0.*", "there is no AMQP 1.0"},
    {"shovel.*", "there are no shovels"},
    {"federation.*", "there is no federation"},
    {"tracing.*", "there is no tracing plugin"},
    {"event_exchange.*", "there is no event exchange"},
    {"aws.*", CLUSTER},
    {"tcp_listen_options.fd", "listeners are opened by the broker itself"},
    {"tcp_listen_options.port", "the port is said by listeners.tcp.default"},
    {"tcp_listen_options.priority", "sockets have the system's priority"},
    {"tcp_listen_options.tos", "sockets have the system's type of service"},
    {"tcp_listen_options.dontroute", "sockets are routed as the system says"},
};
/* clang-format on */

#define COUNT(table) (sizeof(table) / sizeof *(table))

/* --- names --- */

/* The first word of a name and what follows its dot; `\.` is part of a word. */
static struct slice take_word(struct slice *name) {
    size_t len = 0;
    while (len < name->len && name->data[len] != '.') {
        bool is_escaped = name->data[len] == '\\' && len + 1 < name->len;
        len += is_escaped ? 2 : 1;
    }
    struct slice word = slice_of(name->data, len);
    size_t used = len < name->len ? len + 1 : len;
    *name = slice_of(name->data + used, name->len - used);
    return word;
}

bool config_name_matches(const char *pattern, struct slice name, struct slice *ret_word) {
    struct slice expected = slice_from_text(pattern);
    *ret_word = SLICE("");
    while (expected.len > 0 && name.len > 0) {
        struct slice wanted = take_word(&expected);
        bool is_tail = wanted.data[wanted.len - 1] == '*';
        if (is_tail)
            return slice_has_prefix(name, slice_of(wanted.data, wanted.len - 1));
        struct slice word = take_word(&name);
        if (wanted.data[0] == '$' && word.len > 0)
            *ret_word = word;
        else if (!slice_equal(wanted, word))
            return false;
    }
    return expected.len == 0 && name.len == 0;
}

static const struct foreign_key *find(const struct foreign_key *table, size_t count,
                                      struct slice name) {
    struct slice word;
    for (size_t i = 0; i < count; i++) {
        if (config_name_matches(table[i].pattern, name, &word))
            return &table[i];
    }
    return NULL;
}

bool config_foreign_find(struct slice name, const char **ret_sentence, bool *ret_refused) {
    const struct foreign_key *key = find(refused, COUNT(refused), name);
    bool is_refused = key != NULL;
    if (key == NULL)
        key = find(meaningless, COUNT(meaningless), name);
    if (key == NULL)
        return false;
    *ret_sentence = key->reason;
    *ret_refused = is_refused;
    return true;
}
