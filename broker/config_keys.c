/* SPDX-License-Identifier: Apache-2.0 */
/* The table of keys, RabbitMQ's names and defaults; `leveret.` where RabbitMQ has no such key. */
#include <stddef.h>

#include "broker/config_key.h"

#define FIELD(member)        .offset = offsetof(struct config, member)
#define USER(member)         .offset = offsetof(struct vhost_default_user, member)
#define VHOST_LIMITS(member) .offset = offsetof(struct vhost_default_limits, member)
#define POLICY(member)       .offset = offsetof(struct vhost_default_policy, member)
#define FROM(least, most)    .minimum = (least), .maximum = (most)
#define PORT                 FROM(0, 65535)
#define LIVE                 .when = CONFIG_RELOADABLE

static const char *const log_formats[] = {"plaintext", "json", NULL};
static const char *const log_sides[] = {"stdout", "stderr", NULL};
static const char *const login_fields[] = {"distinguished_name", "common_name",
                                           "subject_alternative_name", NULL};
/* In the order of enum password_algorithm. */
static const char *const password_hashings[] = {
    "rabbit_password_hashing_sha256", "rabbit_password_hashing_sha512",
    "rabbit_password_hashing_md5", "leveret_password_hashing_pbkdf2_sha256", NULL};
static const char *const san_types[] = {"dns", "ip", "email", "uri", "other_name", NULL};

/* What ssl_options.* can say, for AMQP and for the ports that serve HTTP. */
#define TLS_KEYS(prefix, member)                                                              \
    {.name = prefix ".certfile",                                                              \
     .read = read_file,                                                                       \
     FIELD(member.certfile),                                                                  \
     LIVE,                                                                                    \
     .help = "the server's certificate and the chain behind it, PEM"},                        \
        {.name = prefix ".keyfile",                                                           \
         .read = read_file,                                                                   \
         FIELD(member.keyfile),                                                               \
         LIVE,                                                                                \
         .help = "its private key, PEM"},                                                     \
        {.name = prefix ".cacertfile",                                                        \
         .read = read_file,                                                                   \
         FIELD(member.cacertfile),                                                            \
         LIVE,                                                                                \
         .help = "certificates that clients' certificates are checked against, PEM"},         \
        {.name = prefix ".password",                                                          \
         .read = read_secret,                                                                 \
         FIELD(member.password),                                                              \
         LIVE,                                                                                \
         .help = "password of the private key"},                                              \
        {.name = prefix ".verify",                                                            \
         .read = read_verify,                                                                 \
         FIELD(member.verify_peer),                                                           \
         LIVE,                                                                                \
         .initially = "verify_none",                                                          \
         .help = "verify_peer: ask clients for a certificate"},                               \
        {.name = prefix ".fail_if_no_peer_cert",                                              \
         .read = read_boolean,                                                                \
         FIELD(member.fail_if_no_peer_cert),                                                  \
         LIVE,                                                                                \
         .initially = "false",                                                                \
         .help = "true: refuse clients without one (with verify_peer)"},                      \
        {.name = prefix ".depth",                                                             \
         .read = read_uint16,                                                                 \
         FIELD(member.depth),                                                                 \
         FROM(0, 255),                                                                        \
         LIVE,                                                                                \
         .initially = "10",                                                                   \
         .help = "certificates between a client's and its root's"},                           \
        {.name = prefix ".versions.$version",                                                 \
         .read = read_tls_version,                                                            \
         FIELD(member.versions),                                                              \
         LIVE,                                                                                \
         .help = "tlsv1.2, tlsv1.3; both when nothing is set; older ones are not offered"},   \
        {.name = prefix ".ciphers.$cipher",                                                   \
         .read = read_item,                                                                   \
         FIELD(member.ciphers),                                                               \
         LIVE,                                                                                \
         .help = "OpenSSL's names of cipher suites; its own choice when nothing is set"},     \
        {.name = prefix ".honor_cipher_order",                                                \
         .read = read_boolean,                                                                \
         FIELD(member.honor_cipher_order),                                                    \
         LIVE,                                                                                \
         .initially = "true",                                                                 \
         .help = "true: the server's order of cipher suites counts"},                         \
        {.name = prefix ".client_renegotiation",                                              \
         .read = read_only_default,                                                           \
         .initially = "false",                                                                \
         .help = "there is no renegotiation"},                                                \
    {                                                                                         \
        .name = prefix ".secure_renegotiate", .read = read_only_default, .initially = "true", \
        .help = "insecure renegotiation does not exist here"                                  \
    }

#define LOG_LEVEL_KEY(category, index, what)                                                    \
    {                                                                                           \
        .name = "log." category ".level", .read = read_log_level, FIELD(log.categories[index]), \
        LIVE, .initially = "debug", .help = "the least level of lines about " what              \
    }

#define LOG_FILE_KEYS(category, index)                                            \
    {.name = "log." category ".file",                                             \
     .read = read_text,                                                           \
     FIELD(log.files[index].name),                                                \
     LIVE,                                                                        \
     .help = "a file of their own for these lines, which are then nowhere else"}, \
        {.name = "log." category ".rotation.date",                                \
         .read = read_rotation_date,                                              \
         FIELD(log.files[index].rotation_date),                                   \
         LIVE,                                                                    \
         .initially = "",                                                         \
         .help = "like log.file.rotation.date"},                                  \
        {.name = "log." category ".rotation.size",                                \
         .read = read_size,                                                       \
         FIELD(log.files[index].rotation_size),                                   \
         FROM(0, UINT64_MAX),                                                     \
         LIVE,                                                                    \
         .initially = "0",                                                        \
         .help = "like log.file.rotation.size"},                                  \
        {.name = "log." category ".rotation.count",                               \
         .read = read_uint32,                                                     \
         FIELD(log.files[index].rotation_count),                                  \
         FROM(0, 1000),                                                           \
         LIVE,                                                                    \
         .initially = "5",                                                        \
         .help = "like log.file.rotation.count"},                                 \
    {                                                                             \
        .name = "log." category ".rotation.compress", .read = read_only_default,  \
        .initially = "false", .help = "old files are not compressed"              \
    }

/* clang-format off */
const struct config_key config_keys[] = {
    /* --- listeners --- */
    {.name = "listeners.tcp", .read = read_no_listeners, FIELD(tcp),
     .help = "none: no plain TCP listener"},
    {.name = "listeners.tcp.$name", .read = read_listener, FIELD(tcp),
     .help = "port or address:port to listen on; 5672 on every interface when nothing is set"},
    {.name = "listeners.ssl", .read = read_no_listeners, FIELD(ssl),
     .help = "none: no TLS listener"},
    {.name = "listeners.ssl.$name", .read = read_listener, FIELD(ssl),
     .help = "port or address:port for TLS, 5671 by custom; needs ssl_options.certfile and keyfile"},
    {.name = "tcp_listen_options.backlog", .read = read_uint16, FIELD(backlog), FROM(1, 65535),
     .initially = "1024", .help = "connections the kernel may keep waiting to be accepted"},
    {.name = "tcp_listen_options.nodelay", .read = read_boolean, FIELD(tcp_nodelay),
     .initially = "true", .help = "false: let the kernel wait for more octets (Nagle)"},
    {.name = "tcp_listen_options.keepalive", .read = read_boolean, FIELD(tcp_keepalive),
     .initially = "false", .help = "true: TCP keepalive, beside AMQP heartbeats"},
    {.name = "tcp_listen_options.sndbuf", .read = read_uint32, FIELD(tcp_sndbuf),
     FROM(0, 1073741824), .initially = "0", .help = "octets of the kernel's send buffer; 0: its own choice"},
    {.name = "tcp_listen_options.recbuf", .read = read_uint32, FIELD(tcp_recbuf),
     FROM(0, 1073741824), .initially = "0", .help = "octets of the kernel's receive buffer; 0: its own choice"},
    {.name = "handshake_timeout", .read = read_limit, FIELD(broker.handshake_timeout_ms),
     FROM(1, 3600000), LIVE, .initially = "10000",
     .help = "ms from accept to connection.open-ok; infinity: for ever"},
    {.name = "proxy_protocol", .read = read_boolean, FIELD(proxy_protocol),
     .initially = "false", .help = "true: connections begin with a PROXY header (v1 or v2)"},
    {.name = "leveret.proxy_protocol.sources.$name", .read = read_item, FIELD(proxy_sources),
     .help = "address or address/bits of a proxy that is believed; needed with proxy_protocol"},

    /* --- TLS --- */
    TLS_KEYS("ssl_options", tls),
    {.name = "leveret.ssl_options.sni.$name.certfile", .read = read_item, FIELD(tls.sni_certfiles),
     LIVE, .help = "another certificate, for clients that ask for one of the names in it (SNI)"},
    {.name = "leveret.ssl_options.sni.$name.keyfile", .read = read_item, FIELD(tls.sni_keyfiles),
     LIVE, .help = "its private key; in the same file when not set"},
    {.name = "ssl_handshake_timeout", .read = read_uint32, FIELD(ssl_handshake_timeout_ms),
     FROM(1, 3600000), LIVE, .initially = "5000", .help = "ms for the TLS handshake"},
    {.name = "ssl_cert_login_from", .read = read_login_field, FIELD(ssl_cert_login_from), LIVE,
     .choices = login_fields, .initially = "distinguished_name",
     .help = "what of a client's certificate is the user name of EXTERNAL"},
    {.name = "ssl_cert_login_san_type", .read = read_choice, FIELD(ssl_cert_login_san_type), LIVE,
     .choices = san_types, .initially = "dns", .help = "which kind of subject alternative name"},
    {.name = "ssl_cert_login_san_index", .read = read_uint16, FIELD(ssl_cert_login_san_index), LIVE,
     FROM(0, 1000), .initially = "0", .help = "which of them, from 0"},

    /* --- the protocol's limits --- */
    {.name = "heartbeat", .read = read_uint16, FIELD(broker.heartbeat_s), FROM(0, 65535), LIVE,
     .initially = "60", .help = "seconds offered to clients; 0 switches heartbeats off"},
    {.name = "frame_max", .read = read_size32, FIELD(broker.frame_max), FROM(0, 1073741824), LIVE,
     .initially = "131072", .help = "octets of a frame offered to clients; 0: no limit"},
    {.name = "initial_frame_max", .read = read_size32, FIELD(broker.initial_frame_max),
     FROM(4096, 1073741824), LIVE, .initially = "8192",
     .help = "octets of a frame before the client has agreed to one"},
    {.name = "leveret.frame_max_minimum", .read = read_uint32, FIELD(broker.frame_max_minimum),
     FROM(512, 1073741824), LIVE, .initially = "4096",
     .help = "smallest frame_max a client may ask for; RabbitMQ since 4.1: 8192"},
    {.name = "channel_max", .read = read_uint16, FIELD(broker.channel_max), FROM(0, 65535), LIVE,
     .initially = "2047", .help = "channels of a connection; 0: no limit"},
    {.name = "max_message_size", .read = read_size, FIELD(broker.max_message_size),
     FROM(1, 536870912), LIVE, .initially = "16MiB", .help = "octets of a message body"},
    {.name = "consumer_max_per_channel", .read = read_limit, FIELD(broker.consumer_max_per_channel),
     FROM(1, UINT32_MAX), LIVE, .initially = "infinity", .help = "consumers of a channel"},
    {.name = "leveret.transaction_copies_max", .read = read_limit,
     FIELD(broker.transaction_copies_max), FROM(1, UINT32_MAX), LIVE, .initially = "4194304",
     .help = "messages a transaction may put into queues, counted in each of them"},
    {.name = "connection_max", .read = read_limit, FIELD(broker.connection_max),
     FROM(1, UINT32_MAX), LIVE, .initially = "infinity", .help = "open connections"},
    {.name = "max_channels_per_connection", .read = read_uint16, FIELD(broker.channel_max),
     FROM(0, 65535), LIVE, .help = "channel_max, as RabbitMQ calls it since 4.3"},
    {.name = "max_connections", .read = read_limit, FIELD(broker.connection_max),
     FROM(1, UINT32_MAX), LIVE, .help = "connection_max, as RabbitMQ calls it since 4.3"},
    {.name = "channel_max_per_node", .read = read_limit, FIELD(broker.channel_max_per_node),
     FROM(1, UINT32_MAX), LIVE, .initially = "infinity",
     .help = "open channels of all connections"},
    {.name = "cluster_queue_limit", .read = read_limit, FIELD(broker.cluster_queue_limit),
     FROM(1, UINT32_MAX), LIVE, .initially = "infinity",
     .help = "queues of all virtual hosts together"},
    {.name = "cluster_exchange_limit", .read = read_limit, FIELD(broker.cluster_exchange_limit),
     FROM(1, UINT32_MAX), LIVE, .initially = "infinity",
     .help = "exchanges of all virtual hosts together, the seven that each has from the start too"},
    {.name = "vhost_max", .read = read_limit, FIELD(broker.vhost_max), FROM(1, UINT32_MAX), LIVE,
     .initially = "infinity", .help = "virtual hosts"},

    /* --- queues --- */
    {.name = "default_queue_type", .read = read_queue_type, FIELD(broker.default_queue_type),
     .initially = "classic",
     .help = "type of queues declared without one: classic, quorum or stream"},
    {.name = "consumer_timeout", .read = read_uint64, FIELD(broker.consumer_timeout_ms),
     FROM(0, 315360000000), LIVE, .initially = "1800000",
     .help = "ms a consumer of a quorum queue may keep a message without acknowledging it; 0: for ever"},

    /* --- users and virtual hosts --- */
    {.name = "auth_mechanisms.$number", .read = read_mechanism, FIELD(auth_mechanisms), LIVE,
     .help = "PLAIN, AMQPLAIN, ANONYMOUS or EXTERNAL (with TLS); all but EXTERNAL when none is named"},
    {.name = "password_hashing_module", .read = read_choice, FIELD(broker.password_algorithm), LIVE,
     .choices = password_hashings, .initially = "rabbit_password_hashing_sha256",
     .help = "how new passwords are stored; those there already stay as they are"},
    {.name = "default_user", .read = read_text, FIELD(default_user), .initially = "guest",
     .help = "the user that exists from the start"},
    {.name = "default_pass", .read = read_secret, FIELD(default_pass), .initially = "guest",
     .help = "its password"},
    {.name = "default_vhost", .read = read_text, FIELD(broker.default_vhost), .initially = "/",
     .help = "the virtual host that exists from the start"},
    {.name = "leveret.vhosts.$name", .read = read_item, FIELD(vhosts),
     .help = "one more virtual host that exists from the start"},
    {.name = "default_user_tags.$tag", .read = read_flag_item, FIELD(default_user_tags),
     .help = "true: the default user has this tag; administrator when nothing is set"},
    {.name = "default_permissions.configure", .read = read_text,
     FIELD(default_permissions_configure), .initially = ".*",
     .help = "what the default user may declare and delete: a pattern of names"},
    {.name = "default_permissions.write", .read = read_text, FIELD(default_permissions_write),
     .initially = ".*", .help = "where the default user may publish"},
    {.name = "default_permissions.read", .read = read_text, FIELD(default_permissions_read),
     .initially = ".*", .help = "what the default user may consume"},
    {.name = "default_users.$user.vhost_pattern", .read = read_entry_pattern,
     USER(vhost_pattern), LIVE,
     .help = "this user may use every new virtual host whose name matches, and is made when missing"},
    {.name = "default_users.$user.password", .read = read_entry_secret, USER(password), LIVE,
     .help = "its password; none when not set"},
    {.name = "default_users.$user.tags", .read = read_entry_text, USER(tags), LIVE,
     .help = "its tags, separated by commas"},
    {.name = "default_users.$user.configure", .read = read_entry_pattern, USER(configure), LIVE,
     .help = "what it may declare and delete there; everything when not set"},
    {.name = "default_users.$user.write", .read = read_entry_pattern, USER(write), LIVE,
     .help = "where it may publish"},
    {.name = "default_users.$user.read", .read = read_entry_pattern, USER(read), LIVE,
     .help = "what it may consume"},
    {.name = "default_limits.vhosts.$name.pattern", .read = read_entry_pattern,
     VHOST_LIMITS(vhost_pattern), LIVE,
     .help = "new virtual hosts whose names match have these limits; the first that matches counts"},
    {.name = "default_limits.vhosts.$name.max_connections", .read = read_entry_number,
     VHOST_LIMITS(max_connections), FROM(0, UINT32_MAX), LIVE, .help = "open connections to each"},
    {.name = "default_limits.vhosts.$name.max_queues", .read = read_entry_number,
     VHOST_LIMITS(max_queues), FROM(0, UINT32_MAX), LIVE, .help = "queues in each"},
    {.name = "default_policies.operator.$name.vhost_pattern", .read = read_entry_pattern,
     POLICY(vhost_pattern), LIVE,
     .help = "new virtual hosts whose names match have this operator policy"},
    {.name = "default_policies.operator.$name.queue_pattern", .read = read_entry_pattern,
     POLICY(queue_pattern), LIVE, .help = "for queues whose names match; all when not set"},
    {.name = "default_policies.operator.$name.expires", .read = read_entry_duration, POLICY(expires),
     FROM(1, UINT32_MAX), LIVE, .help = "its expires, ms, or with a unit: 1h"},
    {.name = "default_policies.operator.$name.message_ttl", .read = read_entry_duration,
     POLICY(message_ttl), FROM(0, UINT32_MAX), LIVE, .help = "its message-ttl, ms, or with a unit: 30m"},
    {.name = "default_policies.operator.$name.max_length", .read = read_entry_number,
     POLICY(max_length), FROM(0, INT64_MAX), LIVE, .help = "its max-length, messages"},
    {.name = "default_policies.operator.$name.max_length_bytes", .read = read_entry_size,
     POLICY(max_length_bytes), FROM(0, INT64_MAX), LIVE, .help = "its max-length-bytes, a size"},
    {.name = "default_policies.operator.$name.delivery_limit", .read = read_entry_number,
     POLICY(delivery_limit), FROM(0, UINT32_MAX), LIVE, .help = "its delivery-limit"},
    {.name = "loopback_users", .read = read_no_items, FIELD(loopback_users), LIVE,
     .help = "none: every user may log in from everywhere"},
    {.name = "loopback_users.$user", .read = read_flag_item, FIELD(loopback_users), LIVE,
     .help = "true: this user may log in from this machine only (guest is such a user)"},
    {.name = "auth_backends.$n", .read = read_backend,
     .help = "internal: users are kept by the broker itself"},
    {.name = "anonymous_login_user", .read = read_text_or_none, FIELD(broker.anonymous_user),
     .initially = "guest", .help = "who ANONYMOUS clients are; none: they are refused"},
    {.name = "anonymous_login_pass", .read = read_secret_or_none, FIELD(broker.anonymous_password),
     .initially = "guest", .help = "the password of that user"},

    /* --- who it says it is --- */
    {.name = "product.name", .read = read_text, FIELD(broker.product), .initially = "RabbitMQ",
     .help = "product in the server properties"},
    {.name = "product.version", .read = read_text, FIELD(broker.product_version),
     .initially = "4.3.5",
     .help = "version in the server properties: the RabbitMQ that is imitated"},
    {.name = "cluster_name", .read = read_text, FIELD(broker.cluster_name),
     .help = "cluster_name in the server properties; rabbit@HOSTNAME when not set"},

    {.name = "leveret.node_name", .read = read_text, FIELD(node_name),
     .help = "rabbit@HOSTNAME when not set (RABBITMQ_NODENAME)"},
    {.name = "leveret.pid_file", .read = read_text, FIELD(pid_file),
     .help = "where to write the process id when clients can connect (RABBITMQ_PID_FILE)"},
    {.name = "leveret.keep_pid_file", .read = read_boolean, FIELD(keep_pid_file),
     .initially = "false", .help = "true: the file stays when the broker ends"},

    /* --- the log --- */
    {.name = "log.console", .read = read_boolean, FIELD(log.console.is_on), LIVE,
     .initially = "true", .help = "false: no lines on standard output"},
    {.name = "log.console.level", .read = read_log_level, FIELD(log.console.level), LIVE,
     .initially = "info", .help = "debug, info, notice, warning, error, critical, alert, emergency or none"},
    {.name = "log.console.formatter", .read = read_choice, FIELD(log.console.format), LIVE,
     .choices = log_formats, .initially = "plaintext", .help = "plaintext or json"},
    {.name = "log.console.stdio", .read = read_choice, FIELD(log.console_stdio),
     .choices = log_sides, .initially = "stdout", .help = "stdout or stderr"},
    {.name = "log.file", .read = read_log_file, FIELD(log.files[0].name), LIVE, .initially = "false",
     .help = "name of a log file, in log.dir unless it begins with /; false: none"},
    {.name = "log.dir", .read = read_text, FIELD(log.directory), LIVE,
     .initially = "/var/log/leveret", .help = "folder of the log file"},
    {.name = "log.file.level", .read = read_log_level, FIELD(log.file.level), LIVE,
     .initially = "info", .help = "the least level of lines in the file"},
    {.name = "log.file.formatter", .read = read_choice, FIELD(log.file.format), LIVE,
     .choices = log_formats, .initially = "plaintext", .help = "plaintext or json"},
    {.name = "log.file.rotation.date", .read = read_rotation_date, FIELD(log.files[0].rotation_date), LIVE,
     .initially = "", .help = "when to begin a new file: $D0 daily at 0 o'clock UTC, $W5D16, $M1D0, $H"},
    {.name = "log.file.rotation.size", .read = read_size, FIELD(log.files[0].rotation_size),
     FROM(0, UINT64_MAX), LIVE, .initially = "0",
     .help = "octets after which to begin a new file; 0: never"},
    {.name = "log.file.rotation.count", .read = read_uint32, FIELD(log.files[0].rotation_count),
     FROM(0, 1000), LIVE, .initially = "5",
     .help = "old files to keep; 0: something else puts them away (logrotate)"},
    {.name = "log.file.rotation.compress", .read = read_only_default, .initially = "false",
     .help = "old files are not compressed"},
    {.name = "log.exchange", .read = read_only_default, .initially = "false",
     .help = "the log goes to the console or a file"},
    {.name = "log.syslog", .read = read_only_default, .initially = "false",
     .help = "the log goes to the console or a file"},
    {.name = "log.journald", .read = read_only_default, .initially = "false",
     .help = "the log goes to the console, which systemd hands to the journal, or a file"},
    LOG_LEVEL_KEY("default", LOG_CATEGORY_DEFAULT, "anything but connections, channels and queues"),
    LOG_LEVEL_KEY("connection", LOG_CATEGORY_CONNECTION, "connections"),
    LOG_FILE_KEYS("connection", LOG_CATEGORY_CONNECTION),
    LOG_LEVEL_KEY("channel", LOG_CATEGORY_CHANNEL, "channels"),
    LOG_FILE_KEYS("channel", LOG_CATEGORY_CHANNEL),
    LOG_LEVEL_KEY("queue", LOG_CATEGORY_QUEUE, "queues"),
    LOG_FILE_KEYS("queue", LOG_CATEGORY_QUEUE),

    /* --- what RabbitMQ has switched off meanwhile --- */
    {.name = "deprecated_features.permit.global_qos", .read = read_boolean,
     FIELD(broker.permit_global_qos), .initially = "true",
     .help = "false: basic.qos global=true counts per consumer, as in RabbitMQ 4.3"},
    {.name = "deprecated_features.permit.transient_nonexcl_queues", .read = read_boolean,
     FIELD(broker.permit_transient_queues), .initially = "true",
     .help = "false: queues neither durable nor exclusive are refused, as in RabbitMQ 4.3"},

    /* --- definitions --- */
    {.name = "load_definitions", .read = read_file, FIELD(definitions_path),
     .help = "file of definitions (JSON), or folder of such files, to import at every start"},
    {.name = "definitions.local.path", .read = read_file, FIELD(definitions_path),
     .help = "the same"},
    {.name = "management.load_definitions", .read = read_file, FIELD(definitions_path),
     .help = "the same"},
    {.name = "definitions.import_backend", .read = read_definitions_backend,
     .help = "local_filesystem: definitions are read from files"},
    {.name = "definitions.skip_if_unchanged", .read = read_boolean,
     FIELD(definitions_skip_if_unchanged), .initially = "false",
     .help = "true: what was imported at an earlier start is not imported again"},

    /* --- memory and disk --- */
    {.name = "vm_memory_high_watermark.relative", .read = read_fraction, FIELD(memory_watermark),
     LIVE, .initially = "0.6",
     .help = "publishers are blocked above this fraction of the memory there is"},
    {.name = "vm_memory_high_watermark.absolute", .read = read_size, LIVE,
     FIELD(memory_watermark_absolute), FROM(0, UINT64_MAX), .help = "the same as a size"},
    {.name = "total_memory_available_override_value", .read = read_size, FIELD(memory_available),
     FROM(1, UINT64_MAX), LIVE, .help = "how much memory there is, as a size; asked of the system when not set"},
    {.name = "disk_free_limit.relative", .read = read_ratio, FIELD(disk_free_relative), LIVE,
     .help = "the same as a multiple of the memory there is, for example 1.0"},
    {.name = "disk_free_limit.absolute", .read = read_size, FIELD(disk_free_limit),
     FROM(0, UINT64_MAX), LIVE, .initially = "50MB",
     .help = "publishers are blocked while less than this is free on the disk"},
    {.name = "leveret.journal_segment_size", .read = read_size, FIELD(journal_segment_size),
     FROM(1048576, UINT32_MAX), .initially = "64MiB", .help = "octets of a file of the journal"},
    {.name = "leveret.message_memory_limit", .read = read_size, FIELD(message_memory_limit),
     FROM(1048576, UINT64_MAX), .initially = "256MiB",
     .help = "octets of messages of all queues that stay in memory; what is deeper in queues is kept "
             "on disk only"},
    {.name = "leveret.control_socket", .read = read_text_or_none, FIELD(control_socket),
     .help = "path of leveretctl's Unix socket; control.sock in the data directory; none: no socket"},

    /* --- HTTP --- */
    {.name = "management.tcp.port", .read = read_port, FIELD(management.http.tcp_port), PORT,
     .help = "port of the HTTP API; 15672 unless only management.ssl.port is set"},
    {.name = "management.tcp.ip", .read = read_address, FIELD(management.http.tcp_address),
     .help = "address of the HTTP API; every interface when not set"},
    {.name = "management.ssl.port", .read = read_port, FIELD(management.http.ssl_port), PORT,
     .help = "port of the HTTP API over TLS, 15671 by custom"},
    {.name = "management.ssl.ip", .read = read_address, FIELD(management.http.ssl_address),
     .help = "address of the HTTP API over TLS; every interface when not set"},
    TLS_KEYS("management.ssl", management.http.tls),
    {.name = "management.listener.port", .read = read_port, FIELD(management.http.listener_port),
     PORT, .help = "what RabbitMQ 3.7 called management.tcp.port and management.ssl.port; it wins"},
    {.name = "management.listener.ip", .read = read_address, FIELD(management.http.listener_address),
     .help = "its address"},
    {.name = "management.listener.ssl", .read = read_boolean,
     FIELD(management.http.listener_is_tls), .initially = "false", .help = "true: it is the TLS one"},
    TLS_KEYS("management.listener.ssl_opts", management.http.tls),
    {.name = "management.path_prefix", .read = read_path_prefix, FIELD(management.path_prefix),
     .initially = "", .help = "what all paths of the HTTP API begin with, for example /rabbit"},
    {.name = "management.login_session_timeout", .read = read_uint32,
     FIELD(management.session_minutes), FROM(1, 525600), .initially = "480",
     .help = "minutes until a login with a cookie (POST /api/login) is over"},
    {.name = "management.http.max_body_size", .read = read_size, FIELD(management.max_body_size),
     FROM(1, 1073741824), .initially = "64MiB", .help = "octets of an uploaded definitions file"},
    {.name = "management.cors.allow_origins", .read = read_no_items,
     FIELD(management.cors_origins), .help = "none: no other site may use the HTTP API"},
    {.name = "management.cors.allow_origins.$name", .read = read_item,
     FIELD(management.cors_origins), .help = "a site that may use the HTTP API; *: every site"},
    {.name = "management.cors.max_age", .read = read_uint32, FIELD(management.cors_max_age_s),
     FROM(0, UINT32_MAX), .initially = "1800", .help = "seconds that browsers may remember that"},
    {.name = "prometheus.tcp.port", .read = read_port, FIELD(prometheus.http.tcp_port), PORT,
     .help = "port of the metrics; 15692 unless only prometheus.ssl.port is set"},
    {.name = "prometheus.tcp.ip", .read = read_address, FIELD(prometheus.http.tcp_address),
     .help = "address of the metrics; every interface when not set"},
    {.name = "prometheus.ssl.port", .read = read_port, FIELD(prometheus.http.ssl_port), PORT,
     .help = "port of the metrics over TLS, 15691 by custom"},
    {.name = "prometheus.ssl.ip", .read = read_address, FIELD(prometheus.http.ssl_address),
     .help = "address of the metrics over TLS; every interface when not set"},
    TLS_KEYS("prometheus.ssl", prometheus.http.tls),
    {.name = "prometheus.path", .read = read_text, FIELD(prometheus.path),
     .initially = "/metrics", .help = "where the metrics are"},
    {.name = "prometheus.return_per_object_metrics", .read = read_boolean,
     FIELD(prometheus.return_per_object_metrics), LIVE, .initially = "false",
     .help = "true: prometheus.path has a line for every queue and connection"},
};
/* clang-format on */

const size_t config_key_count = sizeof config_keys / sizeof config_keys[0];
