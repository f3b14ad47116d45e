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
#define NO_AMQP_1_0  "there is no AMQP 1.0"
#define NO_HTTPS     "definitions are not fetched over HTTPS"
#define NO_OUTPUT    "the log goes to the console or a file"

/* Values; config_allowed.c says what stands between angle brackets. */
#define BOOLEAN     "true|false"
#define FLAG        "on|off"
#define INTEGER     "<integer>"
#define NATURAL     "<natural>"
#define POSITIVE    "<positive>"
#define ADDRESS     "<address>"
#define READABLE    "<file>"
#define LEVELS      "debug|info|notice|warning|error|critical|alert|emergency"
#define LEVEL       LEVELS "|none"
#define VERIFY      "verify_peer|verify_none"
#define CRL_CHECK   "true|false|peer|best_effort"
#define TIME_FORMAT "rfc3339_space|rfc3339_T|epoch_usecs|epoch_secs|lager_default"
#define CASES       "lc|uc|lc3|uc3|lc4|uc4"

/* What a client's side of TLS can say: RabbitMQ's plugins are such clients. */
#define TLS_CLIENT(prefix, why)                                                                    \
    {prefix ".verify", why, VERIFY}, {prefix ".fail_if_no_peer_cert", why, BOOLEAN},               \
        {prefix ".cacertfile", why, READABLE}, {prefix ".certfile", why, READABLE},                \
        {prefix ".keyfile", why, READABLE}, {prefix ".dhfile", why, READABLE},                     \
        {prefix ".depth", why, "<byte>"}, {prefix ".crl_check", why, CRL_CHECK},                   \
        {prefix ".log_alert", why, BOOLEAN}, {prefix ".log_level", why, LEVELS},                   \
        {prefix ".reuse_session", why, BOOLEAN}, {prefix ".reuse_sessions", why, BOOLEAN},         \
        {prefix ".client_renegotiation", why, BOOLEAN},                                            \
        {prefix ".secure_renegotiate", why, BOOLEAN},                                              \
        {prefix ".honor_cipher_order", why, BOOLEAN}, {prefix ".honor_ecc_order", why, BOOLEAN}, { \
        prefix ".*", why, NULL                                                                     \
    }

/* Limits of RabbitMQ's HTTP server. */
#define HTTP_LIMITS(prefix)                                                           \
    {prefix ".compress", COWBOY, BOOLEAN}, {prefix ".idle_timeout", COWBOY, NATURAL}, \
        {prefix ".inactivity_timeout", COWBOY, NATURAL},                              \
        {prefix ".request_timeout", COWBOY, NATURAL},                                 \
        {prefix ".shutdown_timeout", COWBOY, NATURAL}, {                              \
        prefix ".max_keepalive", COWBOY, NATURAL                                      \
    }

/* A category of log lines of which there are none. */
#define LOG_CATEGORY(name, why)                                           \
    {"log." name ".level", why, LEVEL}, {"log." name ".file", why, NULL}, \
        {"log." name ".rotation.date", why, NULL},                        \
        {"log." name ".rotation.compress", why, BOOLEAN},                 \
        {"log." name ".rotation.size", why, INTEGER}, {                   \
        "log." name ".rotation.count", why, INTEGER                       \
    }

/* clang-format off */
static const struct config_foreign meaningless[] = {
    {"num_acceptors.tcp", "one thread accepts all connections", INTEGER},
    {"num_acceptors.ssl", "one thread accepts all connections", INTEGER},
    {"num_acceptors.*", "one thread accepts all connections", NULL},
    {"socket_writer.gc_threshold", ERLANG, "off|<integer>"},
    {"reverse_dns_lookups", "connections are named by their addresses", BOOLEAN},
    {"ranch_connection_max", "connection_max counts all connections", "infinity"},
    {"erlang.*", ERLANG, NULL},
    {"tcp_listen_options", "tcp_listen_options.* says what there is to say", "none"},
    {"tcp_listen_options.buffer", "there is no buffer of that kind", INTEGER},
    {"tcp_listen_options.delay_send", "output is written once a tick", BOOLEAN},
    {"tcp_listen_options.linger.on", "a connection is closed when everything has been sent", BOOLEAN},
    {"tcp_listen_options.linger.timeout", "a connection is closed when everything has been sent", NATURAL},
    {"tcp_listen_options.exit_on_close", "a closed connection is always taken down", BOOLEAN},
    {"tcp_listen_options.high_msgq_watermark", ERLANG, INTEGER},
    {"tcp_listen_options.high_watermark", ERLANG, INTEGER},
    {"tcp_listen_options.low_msgq_watermark", ERLANG, INTEGER},
    {"tcp_listen_options.low_watermark", ERLANG, INTEGER},
    {"tcp_listen_options.send_timeout", "heartbeats find peers that are gone", INTEGER},
    {"tcp_listen_options.send_timeout_close", "heartbeats find peers that are gone", BOOLEAN},
    {"ssl_options", "ssl_options.* says what there is to say", "none"},
    {"ssl_options.bypass_pem_cache", "files are read again on reload", BOOLEAN},
    {"ssl_options.log_alert", TLS_EXTRA, BOOLEAN},
    {"ssl_options.log_level", TLS_EXTRA, LEVELS},
    {"ssl_options.reuse_sessions", TLS_EXTRA, BOOLEAN},
    {"ssl_options.honor_ecc_order", TLS_EXTRA, BOOLEAN},
    {"management.ssl.reuse_sessions", TLS_EXTRA, BOOLEAN},
    {"management.ssl.honor_ecc_order", TLS_EXTRA, BOOLEAN},
    {"prometheus.ssl.reuse_sessions", TLS_EXTRA, BOOLEAN},
    {"prometheus.ssl.honor_ecc_order", TLS_EXTRA, BOOLEAN},
    {"management.listener.ssl_opts.reuse_sessions", TLS_EXTRA, BOOLEAN},
    {"management.listener.ssl_opts.honor_ecc_order", TLS_EXTRA, BOOLEAN},
    {"ssl_options.dhfile", "only elliptic curves are offered", READABLE},
    {"ssl_options.dh", "only elliptic curves are offered", NULL},
    {"ssl_allow_poodle_attack", "the versions it is about are not offered", BOOLEAN},
    {"default_worker_pool_size", "there is no such pool", NATURAL},
    {"vm_memory_high_watermark_paging_ratio", "paging needs no ratio, as in RabbitMQ since 4.0", "<fraction>"},
    {"vm_memory_calculation_strategy", "memory is what the process has allocated", "rss|erlang|allocated|legacy"},
    {"memory_monitor_interval", "memory is looked at in every tick", INTEGER},
    {"cluster_partition_handling", CLUSTER, "ignore|pause_minority|autoheal|pause_if_all_down"},
    {"cluster_partition_handling.pause_if_all_down.recover", CLUSTER, "ignore|autoheal"},
    {"cluster_partition_handling.pause_if_all_down.nodes.$name", CLUSTER, NULL},
    {"cluster_formation.node_type", CLUSTER, "disc|disk|ram"},
    {"cluster_formation.internal_lock_retries", CLUSTER, POSITIVE},
    {"cluster_formation.lock_retry_limit", CLUSTER, POSITIVE},
    {"cluster_formation.lock_retry_timeout", CLUSTER, POSITIVE},
    {"cluster_formation.discovery_retry_limit", CLUSTER, POSITIVE},
    {"cluster_formation.discovery_retry_interval", CLUSTER, POSITIVE},
    {"cluster_formation.target_cluster_size_hint", CLUSTER, POSITIVE},
    {"cluster_formation.node_cleanup.interval", CLUSTER, NATURAL},
    {"cluster_formation.node_cleanup.only_log_warning", CLUSTER, BOOLEAN},
    {"cluster_formation.$backend.port", CLUSTER, NATURAL},
    {"cluster_formation.$backend.svc_port", CLUSTER, NATURAL},
    {"cluster_formation.$backend.svc_ttl", CLUSTER, NATURAL},
    {"cluster_formation.$backend.deregister_after", CLUSTER, NATURAL},
    {"cluster_formation.$backend.node_ttl", CLUSTER, NATURAL},
    {"cluster_formation.$backend.lock_wait_time", CLUSTER, NATURAL},
    {"cluster_formation.$backend.lock_timeout", CLUSTER, NATURAL},
    {"cluster_formation.$backend.use_private_ip", CLUSTER, BOOLEAN},
    {"cluster_formation.$backend.use_autoscaling_group", CLUSTER, BOOLEAN},
    {"cluster_formation.$backend.svc_addr_auto", CLUSTER, BOOLEAN},
    {"cluster_formation.$backend.svc_addr_use_nodename", CLUSTER, BOOLEAN},
    {"cluster_formation.$backend.include_nodes_with_warnings", CLUSTER, BOOLEAN},
    {"cluster_formation.$backend.use_longname", CLUSTER, BOOLEAN},
    {"cluster_formation.$backend.instance_tags", CLUSTER, "none"},
    {"cluster_formation.$backend.svc_tags", CLUSTER, "none"},
    {"cluster_formation.$backend.svc_meta", CLUSTER, "none"},
    {"cluster_formation.$backend.endpoints", CLUSTER, "none"},
    {"cluster_formation.k8s.address_type", CLUSTER, "hostname|ip"},
    {"cluster_formation.$backend.ssl_options", CLUSTER, "none"},
    TLS_CLIENT("cluster_formation.consul.ssl_options", CLUSTER),
    TLS_CLIENT("cluster_formation.etcd.ssl_options", CLUSTER),
    {"cluster_formation.*", CLUSTER, NULL},
    {"aws.prefer_imdsv2", CLUSTER, BOOLEAN},
    {"cluster_keepalive_interval", CLUSTER, INTEGER},
    {"cluster_queue_limit_exceeded_log_interval", CLUSTER, INTEGER},
    {"cluster_tags.*", CLUSTER, NULL},
    {"node_tags.*", CLUSTER, NULL},
    {"delegate_count", CLUSTER, NATURAL},
    {"mirroring_sync_batch_size", CLUSTER, "<size>"},
    {"mirroring_sync_max_throughput", CLUSTER, NULL},
    {"queue_master_locator", CLUSTER, NULL},
    {"queue_leader_locator", CLUSTER, NULL},
    {"net_ticktime", CLUSTER, POSITIVE},
    {"distribution.listener.port_range.min", CLUSTER, POSITIVE},
    {"distribution.listener.port_range.max", CLUSTER, POSITIVE},
    {"distribution.listener.interface", CLUSTER, ADDRESS},
    {"distribution.*", CLUSTER, NULL},
    {"peer_discovery.*", CLUSTER, NULL},
    {"metadata_store.*", CLUSTER, NULL},
    {"khepri.*", CLUSTER, NULL},
    {"raft.data_dir", RAFT, NULL},
    {"raft.segment_max_entries", RAFT, POSITIVE},
    {"raft.wal_max_size_bytes", RAFT, POSITIVE},
    {"raft.wal_max_entries", RAFT, POSITIVE},
    {"raft.wal_hibernate_after", RAFT, POSITIVE},
    {"raft.wal_max_batch_size", RAFT, POSITIVE},
    {"raft.snapshot_chunk_size", RAFT, POSITIVE},
    {"raft.adaptive_failure_detector.poll_interval", RAFT, POSITIVE},
    {"raft.*", RAFT, NULL},
    {"quorum_queue.compute_checksums", RAFT, BOOLEAN},
    {"quorum_queue.continuous_membership_reconciliation.enabled", CLUSTER, BOOLEAN},
    {"quorum_queue.continuous_membership_reconciliation.auto_remove", CLUSTER, BOOLEAN},
    {"quorum_queue.continuous_membership_reconciliation.interval", CLUSTER, NATURAL},
    {"quorum_queue.continuous_membership_reconciliation.trigger_interval", CLUSTER, NATURAL},
    {"quorum_queue.continuous_membership_reconciliation.target_group_size", CLUSTER, NATURAL},
    {"quorum_queue.initial_cluster_size", CLUSTER, POSITIVE},
    {"quorum_queue.commands_soft_limit", RAFT, POSITIVE},
    {"quorum_queue.*", RAFT, NULL},
    {"quorum_commands_soft_limit", RAFT, NULL},
    {"quorum_cluster_size", CLUSTER, NULL},
    {"stream.listeners.$kind", "there are no streams", "none"},
    {"stream.listeners.$kind.$name", "there are no streams", "<listener>"},
    {"stream.num_acceptors.$kind", "there are no streams", INTEGER},
    {"stream.tcp_listen_options", "there are no streams", "none"},
    {"stream.tcp_listen_options.nodelay", "there are no streams", BOOLEAN},
    {"stream.tcp_listen_options.delay_send", "there are no streams", BOOLEAN},
    {"stream.tcp_listen_options.dontroute", "there are no streams", BOOLEAN},
    {"stream.tcp_listen_options.exit_on_close", "there are no streams", BOOLEAN},
    {"stream.tcp_listen_options.keepalive", "there are no streams", BOOLEAN},
    {"stream.tcp_listen_options.send_timeout_close", "there are no streams", BOOLEAN},
    {"stream.tcp_listen_options.linger.on", "there are no streams", BOOLEAN},
    {"stream.tcp_listen_options.port", "there are no streams", NATURAL},
    {"stream.tcp_listen_options.linger.timeout", "there are no streams", NATURAL},
    {"stream.tcp_listen_options.$option", "there are no streams", INTEGER},
    {"stream.ssl_cert_login", "there are no streams", BOOLEAN},
    {"stream.initial_credits", "there are no streams", INTEGER},
    {"stream.credits_required_for_unblocking", "there are no streams", INTEGER},
    {"stream.frame_max", "there are no streams", INTEGER},
    {"stream.heartbeat", "there are no streams", INTEGER},
    {"stream.advertised_port", "there are no streams", INTEGER},
    {"stream.advertised_tls_port", "there are no streams", INTEGER},
    {"stream.*", "there are no streams", NULL},
    {"classic_queue.default_version", "there is one way of storing queues", POSITIVE},
    {"default_policies.operator.$name.max_in_memory_bytes", "leveret.message_memory_limit counts all queues", "<size>"},
    {"default_policies.operator.$name.max_in_memory_length", "leveret.message_memory_limit counts all queues", POSITIVE},
    {"default_policies.operator.$name.classic_queues.queue_version", "there is one way of storing queues", POSITIVE},
    {"default_policies.operator.$name.classic_queues.*", CLUSTER, NULL},
    {"runtime_parameters.limits.$kind", "there are no parameters of that kind", NATURAL},
    {"collect_statistics", STATISTICS, "none|coarse|fine"},
    {"collect_statistics_interval", STATISTICS, INTEGER},
    {"hipe_compile", ERLANG, BOOLEAN},
    {"mnesia_table_loading_retry_timeout", OWN_STORE, INTEGER},
    {"mnesia_table_loading_retry_limit", OWN_STORE, INTEGER},
    {"message_store_shutdown_timeout", OWN_STORE, POSITIVE},
    {"msg_store_*", OWN_STORE, NULL},
    {"queue_index_embed_msgs_below", OWN_STORE, "<size>"},
    {"lazy_queue_explicit_gc_run_operation_threshold", ERLANG, NULL},
    {"background_gc_enabled", ERLANG, BOOLEAN},
    {"background_gc_target_interval", ERLANG, INTEGER},
    {"vhost_restart_strategy", "virtual hosts do not fail one by one", "stop_node|continue|transient|persistent"},
    {"max_vhost_supervisor_restart.*", ERLANG, NULL},
    {"sysmon_handler.thresholds.busy_processes", ERLANG, INTEGER},
    {"sysmon_handler.thresholds.busy_ports", ERLANG, INTEGER},
    {"sysmon_handler.triggers.process.garbage_collection", ERLANG, "off|<duration>"},
    {"sysmon_handler.triggers.process.long_scheduled_execution", ERLANG, "off|<duration>"},
    {"sysmon_handler.triggers.process.heap_size", ERLANG, "off|<size>"},
    {"sysmon_handler.triggers.port", ERLANG, FLAG},
    {"sysmon_handler.triggers.distribution_port", ERLANG, FLAG},
    {"sysmon_handler.*", ERLANG, NULL},
    {"runtime.*", ERLANG, NULL},
    {"prelaunch.*", ERLANG, NULL},
    {"channel_operation_timeout", "operations are done at once", NULL},
    {"channel_tick_interval", "channels need no tick", POSITIVE},
    {"writer_gc_threshold", ERLANG, NULL},
    {"feature_flags.*", "every feature is there from the start", NULL},
    {"motd_file", "there is no banner", NULL},
    {"feature_flags_file", "every feature is there from the start", NULL},
    {"session_max_per_connection", NO_AMQP_1_0, NULL},
    {"link_max_per_session", NO_AMQP_1_0, NULL},
    {"amqp_client.ssl_options", NOT_BUILT_IN, "none"},
    TLS_CLIENT("amqp_client.ssl_options", NOT_BUILT_IN),
    {"definitions.hashing.algorithm", "definitions are compared octet by octet", "sha|sha224|sha256|sha384|sha512"},
    TLS_CLIENT("definitions.tls", NO_HTTPS),
    {"log.console.use_colors", "the log has no colours", FLAG},
    {"log.console.color_esc_seqs.*", "the log has no colours", NULL},
    {"log.console.formatter.time_format", ONE_LINE, TIME_FORMAT},
    {"log.$output.formatter.time_format", ONE_LINE, NULL},
    {"log.$output.formatter.level_format", ONE_LINE, CASES},
    {"log.$output.formatter.single_line", ONE_LINE, FLAG},
    {"log.$output.formatter.*", ONE_LINE, NULL},
    {"log.exchange.level", NO_OUTPUT, LEVEL},
    {"log.exchange.formatter", NO_OUTPUT, "plaintext|json"},
    {"log.syslog.level", NO_OUTPUT, LEVEL},
    {"log.syslog.formatter", NO_OUTPUT, "plaintext|json"},
    {"log.journald.level", NO_OUTPUT, LEVEL},
    {"log.journald.fields", NO_OUTPUT, NULL},
    TLS_CLIENT("log.syslog.ssl_options", NO_OUTPUT),
    {"log.syslog.facility", NO_OUTPUT, "kern|kernel|user|mail|daemon|auth|syslog|lpr|news|uucp|cron|authpriv|ftp|ntp|audit|alert|clock|local0|local1|local2|local3|local4|local5|local6|local7"},
    {"log.syslog.multiline_mode", NO_OUTPUT, BOOLEAN},
    {"log.syslog.ip", NO_OUTPUT, ADDRESS},
    {"log.syslog.host", NO_OUTPUT, NULL},
    {"log.syslog.identity", NO_OUTPUT, NULL},
    {"log.syslog.port", NO_OUTPUT, INTEGER},
    {"log.syslog.transport", NO_OUTPUT, "udp|tcp|tls|ssl"},
    {"log.syslog.protocol", NO_OUTPUT, "rfc3164|rfc5424"},
    {"log.summarize_process_state", ERLANG, NULL},
    {"log.error_logger_format_depth", ERLANG, NULL},
    LOG_CATEGORY("mirroring", CLUSTER),
    LOG_CATEGORY("federation", NOT_BUILT_IN),
    LOG_CATEGORY("shovel", NOT_BUILT_IN),
    LOG_CATEGORY("upgrade", "there are no upgrade steps to log"),
    LOG_CATEGORY("ra", RAFT),
    LOG_CATEGORY("osiris", "there are no streams"),
    LOG_CATEGORY("prelaunch", ERLANG),
    LOG_CATEGORY("ldap", NOT_BUILT_IN),
    LOG_CATEGORY("feature_flags", "every feature is there from the start"),
    {"log.default.rotation.date", "log.file.rotation.* says what there is to say", NULL},
    {"log.default.rotation.compress", "log.file.rotation.* says what there is to say", BOOLEAN},
    {"log.default.rotation.size", "log.file.rotation.* says what there is to say", INTEGER},
    {"log.default.rotation.count", "log.file.rotation.* says what there is to say", INTEGER},
    {"management.rates_mode", STATISTICS, "basic|detailed|none"},
    {"management.disable_stats", STATISTICS, BOOLEAN},
    {"management.enable_queue_totals", STATISTICS, BOOLEAN},
    {"management.csp.policy", NO_PAGES, NULL},
    {"management.hsts.policy", NO_PAGES, NULL},
    {"management.sample_retention_policies.*", STATISTICS, INTEGER},
    {"management.db_cache_multiplier", STATISTICS, NATURAL},
    {"management.delegate_count", CLUSTER, NATURAL},
    {"management.process_stats_gc_timeout", ERLANG, NULL},
    {"management.headers.*", "the headers are fixed and safe", NULL},
    HTTP_LIMITS("management.tcp"),
    HTTP_LIMITS("management.ssl"),
    HTTP_LIMITS("management.listener.server"),
    HTTP_LIMITS("prometheus.tcp"),
    HTTP_LIMITS("prometheus.ssl"),
    {"management.ssl.backlog", COWBOY, INTEGER},
    {"prometheus.ssl.backlog", COWBOY, INTEGER},
    {"management.listener.ssl_opts", "management.listener.ssl_opts.* says what there is to say", "none"},
    {"management.listener.ssl_opts.log_alert", TLS_EXTRA, BOOLEAN},
    {"management.listener.ssl_opts.dhfile", "only elliptic curves are offered", READABLE},
    {"management.listener.ssl_opts.dh", "only elliptic curves are offered", NULL},
    {"management.tcp.*", COWBOY, NULL},
    {"prometheus.tcp.*", COWBOY, NULL},
    {"management.oauth_*", "management.oauth_enabled = true is not possible", NULL},
    {"management.uaa_*", "management.enable_uaa = true is not possible", NULL},
    {"management_agent.disable_metrics_collector", STATISTICS, BOOLEAN},
    {"management_agent.*", STATISTICS, NULL},
    {"prometheus.filter_aggregated_queue_metrics_pattern", STATISTICS, NULL},
    {"deprecated_features.permit.classic_queue_mirroring", CLUSTER, BOOLEAN},
    {"deprecated_features.permit.ram_node_type", CLUSTER, BOOLEAN},
    {"deprecated_features.permit.management_metrics_collection", STATISTICS, BOOLEAN},
    {"deprecated_features.permit.queue_master_locator", CLUSTER, BOOLEAN},
    {"deprecated_features.permit.amqp_address_v1", NO_AMQP_1_0, BOOLEAN},
    {"deprecated_features.permit.amqp_filter_set_bug", NO_AMQP_1_0, BOOLEAN},
    {"deprecated_features.permit.$feature", "no such feature is deprecated here", BOOLEAN},
    {"channel_interceptor.priorities.*", NOT_BUILT_IN, NULL},
    LOG_CATEGORY("user", "lines about users are of the default category"),
    {"management.credential_encryption_secret", "a session has no credentials in its cookie", NULL},
    {"amqp_client.*", NOT_BUILT_IN, NULL},
    {"autocluster.*", CLUSTER, NULL},
    {"autoheal_state_transition_timeout", CLUSTER, NULL},
    {"backing_queue_module", OWN_STORE, NULL},
    {"cluster_nodes", CLUSTER, NULL},
    {"config_entry_decoder.*", "secrets come from $(VARIABLE), not encrypted", NULL},
    {"credentials_obfuscation_fallback_secret", ERLANG, NULL},
    {"credit_flow_default_credit", "queues and connections share one thread", NULL},
    {"dead_letter_worker_consumer_prefetch", RAFT, NULL},
    {"dead_letter_worker_publisher_confirm_timeout", RAFT, NULL},
    {"disk_monitor_failure_retries", "the disk is asked in every tick", NULL},
    {"disk_monitor_failure_retry_interval", "the disk is asked in every tick", NULL},
    {"fhc_read_buffering", OWN_STORE, NULL},
    {"fhc_write_buffering", OWN_STORE, NULL},
    {"halt_on_upgrade_failure", "there are no upgrade steps", NULL},
    {"mirroring_flow_control", CLUSTER, NULL},
    {"num_tcp_acceptors", "one thread accepts all connections", NULL},
    {"num_ssl_acceptors", "one thread accepts all connections", NULL},
    {"queue_explicit_gc_run_operation_threshold", ERLANG, NULL},
    {"queue_index_max_journal_entries", OWN_STORE, NULL},
    {"release_series_eol_date", "it is about releases of RabbitMQ", NULL},
    {"ssl_apps.*", ERLANG, NULL},
    {"stream_messages_soft_limit", "there are no streams", NULL},
    {"syslog.*", NO_OUTPUT, NULL},
    {"track_auth_attempt_source", STATISTICS, NULL},
    {"tracking_execution_timeout", CLUSTER, NULL},
    {"management.management_db_cache_multiplier", STATISTICS, NULL},
    {"management.stats_event_max_backlog", STATISTICS, NULL},
};

static const struct config_foreign refused[] = {
    {"auth_backends.$n.$part", "users are kept by the broker: only internal is possible", "internal|rabbit_auth_backend_internal"},
    {"auth_backends.*", "users are kept by the broker: only auth_backends.N = internal is possible", NULL},
    {"auth_http.*", "users are kept by the broker: there is no HTTP authentication", NULL},
    {"auth_ldap.*", "users are kept by the broker: there is no LDAP authentication", NULL},
    {"auth_oauth2.*", "users are kept by the broker: there are no OAuth 2 tokens", NULL},
    {"auth_cache.*", "users are kept by the broker: there is nothing to cache", NULL},
    {"oauth2_client.*", "users are kept by the broker: there are no OAuth 2 tokens", NULL},
    {"management.oauth_enabled", "users are kept by the broker: there are no OAuth 2 tokens", "false"},
    {"management.enable_uaa", "users are kept by the broker: there are no OAuth 2 tokens", "false"},
    {"management.disable_basic_auth", "the HTTP API knows basic authentication only", "false"},
    {"default_policies.operator.$name.apply_to", "they are for queues of all types", "queues"},
    {"management.definitions.require_json_extension", "definitions are judged by their content", "false"},
    {"management.http.hide_allow_header", "the header is always there", "false"},
    {"http_dispatch.access_log_dir", "there is no log of HTTP requests", NULL},
    {"management.http_log_dir", "there is no log of HTTP requests", NULL},
    {"credential_validator.validation_backend", "passwords are not judged: choose them well", "rabbit_credential_validator_accept_everything"},
    {"credential_validator.*", "passwords are not judged: choose them well", NULL},
    {"trust_store.*", "certificates are checked against ssl_options.cacertfile only", NULL},
    {"ssl_options.cert", "certificates are read from files: ssl_options.certfile", NULL},
    {"ssl_options.key.*", "keys are read from files: ssl_options.keyfile", NULL},
    {"ssl_options.cacerts.*", "certificates are read from files: ssl_options.cacertfile", NULL},
    {"ssl_options.psk_identity", "there are no pre-shared keys", NULL},
    {"ssl_options.crl_check", "certificate revocation lists are not looked at", "false"},
    {"management.listener.ssl_opts.cert", "certificates are read from files: management.listener.ssl_opts.certfile", NULL},
    {"management.listener.ssl_opts.key.*", "keys are read from files: management.listener.ssl_opts.keyfile", NULL},
    {"management.listener.ssl_opts.cacerts.*", "certificates are read from files: management.listener.ssl_opts.cacertfile", NULL},
    {"management.listener.ssl_opts.psk_identity", "there are no pre-shared keys", NULL},
    {"management.listener.ssl_opts.crl_check", "certificate revocation lists are not looked at", "false"},
    {"definitions.https.*", "definitions are read from files: definitions.local.path", NULL},
    {"quorum_queue.property_equivalence.relaxed_checks_on_redeclaration", "a queue is always declared as it was", "false"},
    {"runtime_parameters.limits.policy", "parameters are not counted", NULL},
    {"runtime_parameters.limits.operator_policy", "parameters are not counted", NULL},
    {"runtime_parameters.limits.vhost-limits", "parameters are not counted", NULL},
    {"message_interceptors.*", "messages are kept as they were published", NULL},
    {"mqtt.*", "there is no MQTT", NULL},
    {"web_mqtt.*", "there is no MQTT", NULL},
    {"stomp.*", "there is no STOMP", NULL},
    {"web_stomp.*", "there is no STOMP", NULL},
    {"amqp1_0.*", NO_AMQP_1_0, NULL},
    {"shovel.*", "there are no shovels", NULL},
    {"federation.*", "there is no federation", NULL},
    {"tracing.*", "there is no tracing plugin", NULL},
    {"event_exchange.*", "there is no event exchange", NULL},
    {"tcp_listen_options.fd", "listeners are opened by the broker itself", NULL},
    {"tcp_listen_options.port", "the port is said by listeners.tcp.default", NULL},
    {"tcp_listen_options.priority", "sockets have the system's priority", "0"},
    {"tcp_listen_options.tos", "sockets have the system's type of service", "0"},
    {"tcp_listen_options.dontroute", "sockets are routed as the system says", "false"},
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

static const struct config_foreign *find(const struct config_foreign *table, size_t count,
                                         struct slice name) {
    struct slice word;
    for (size_t i = 0; i < count; i++) {
        if (config_name_matches(table[i].pattern, name, &word))
            return &table[i];
    }
    return NULL;
}

const struct config_foreign *config_foreign_find(struct slice name, bool *ret_refused) {
    const struct config_foreign *key = find(refused, COUNT(refused), name);
    *ret_refused = key != NULL;
    return key != NULL ? key : find(meaningless, COUNT(meaningless), name);
}
