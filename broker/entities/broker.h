/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The root of all broker state: a handle, so that a test can hold five. Owned by one thread.
 *
 * The tick (server_before_wait in server.c) calls, in this order: timers_expire,
 * broker_drain_dead_letters, broker_run_queues, the protocol's confirms, flush of dirty endpoints, reaping. Keep this header small: it is included
 * nearly everywhere.
 */
#ifndef LEVERET_BROKER_ENTITIES_BROKER_H
#define LEVERET_BROKER_ENTITIES_BROKER_H

#include <stdbool.h>
#include <stdint.h>

#include "amqp/slice.h"
#include "broker/base/secret.h"
#include "broker/base/endpoint.h"
#include "broker/base/latency.h"
#include "broker/base/env.h"
#include "broker/base/list.h"
#include "broker/base/outbuf.h"
#include "broker/base/timer.h"
#include "broker/entities/alarm.h"
#include "broker/entities/counters.h"
#include "broker/entities/cycle_log.h"
#include "broker/entities/limits.h"
#include "broker/entities/message.h"
#include "broker/entities/password.h"

struct global_parameter;
struct journal;
struct paging;
struct permission;
struct queue;
struct user;
struct vhost;
struct vhost_defaults;
struct worker;

/* Work for one key before its patterns are searched by columns, see exchange_topic.c. */
#define TOPIC_WALK_MAX 1024

/* Everything a peer can make grow, and what RabbitMQ lets one configure. Filled by config.c. */
struct broker_settings {
    uint32_t frame_max; /* offered in tune */
    uint32_t
        frame_max_minimum; /* smaller tune-ok values are refused (4.3: 8192, permissive: 4096) */
    uint32_t initial_frame_max;        /* before tune-ok */
    uint16_t channel_max;              /* offered in tune */
    uint16_t heartbeat_s;              /* offered in tune */
    uint32_t handshake_timeout_ms;     /* 0: for ever */
    uint64_t max_message_size;         /* larger bodies: 406 at the content header */
    uint32_t consumer_max_per_channel; /* 0: no limit */
    uint32_t transaction_copies_max;   /* of messages, one for each queue; 0: no limit */
    uint32_t connection_max;           /* 0: no limit */
    uint32_t cluster_queue_limit;      /* in all; 0: no limit, and so below (node_limits.h) */
    uint32_t cluster_exchange_limit;
    uint32_t vhost_max;
    uint32_t channel_max_per_node;  /* 0: no limit */
    uint32_t topic_walk_max;        /* TOPIC_WALK_MAX, less in tests */
    bool permit_global_qos;         /* false: global=true counts as per consumer (4.3) */
    bool permit_transient_queues;   /* false: non-durable non-exclusive queues are 541 (4.3) */
    const char *default_queue_type; /* of vhosts that have none: classic, quorum or stream */
    uint64_t consumer_timeout_ms;   /* of quorum queues, 0: none */
    const char *default_vhost;
    enum password_algorithm password_algorithm;  /* of new passwords */
    const char *auth_mechanisms;                 /* names and blanks; "": the usual ones */
    const char *anonymous_user;                  /* "" : ANONYMOUS is not offered */
    struct secret anonymous_password;            /* "": likewise */
    const struct vhost_defaults *vhost_defaults; /* NULL: there are none */
    const char *product;
    const char *product_version;
    const char *cluster_name;
    const char *node_name;
};

/* RabbitMQ 4.3's defaults with the permissive switches of compat section 7. */
void broker_settings_init(struct broker_settings *settings);

/* Counters since start, plain integers of the owning thread. */
struct broker_counters {
    uint64_t connections_opened;
    uint64_t connections_closed;
    uint64_t connections_ended; /* also those that never were open */
    uint64_t logins_accepted;
    uint64_t logins_refused;
    uint64_t channels_opened;
    uint64_t channels_closed;
    uint64_t consumers_removed;
    uint64_t bindings_removed;
    uint64_t exchanges_removed;
    uint64_t queues_declared;
    uint64_t queues_created;
    uint64_t queues_deleted;
    uint64_t dead_lettered[COUNTED_QUEUE_TYPES][DEAD_LETTER_STRATEGIES]
                          [COUNTED_DEAD_LETTER_REASONS];
    uint64_t dead_letters_confirmed; /* at least once, and there */
};

/* Counts of channels and queues that are no more (counters.h). */
struct retired_counters {
    struct message_counters channels;
    struct message_counters queues[COUNTED_QUEUE_TYPES];
    uint64_t publishes_with_confirm;
};

struct broker {
    struct env *env;
    struct broker_settings settings;
    struct broker_counters counters;
    struct retired_counters retired;
    struct message_sizes sizes;
    struct latencies confirm_latencies; /* from a publish to its confirm */
    struct latencies batch_latencies;   /* of the journal, from the loop to the disk and back */
    struct latencies loop_latencies;    /* iterations of the loop, from waking to waiting */
    struct timers timers;
    struct endpoint_lists endpoints;
    struct outbuf_pool outbufs;
    struct message_memory messages;
    struct worker *worker;   /* for slow password hashes; NULL: they are verified at once */
    struct journal *journal; /* NULL: nothing is durable */
    struct paging *paging;   /* NULL: every message stays in memory */
    bool has_arrivals;       /* messages came back to memory: whoever waits for one looks again */
    bool awaits_acks;        /* a queue has messages left that its consumers may have after acks */
    uint64_t promise_lsn;    /* the last definition or transaction appended to it */
    uint64_t settle_lsn;     /* the last message that left a durable queue */
    uint64_t last_queue_id;
    bool has_quorum_queues;       /* there is or was one: transient messages may be stored */
    struct vhost *vhosts;         /* map by name */
    struct user *users;           /* map by name */
    struct slice *loopback_users; /* owned; see users_set_loopback_only() */
    size_t loopback_user_count;
    struct permission *permissions;             /* map by user and vhost */
    struct global_parameter *global_parameters; /* map by name */
    char *cluster_name;                         /* set at run time, NULL: as configured */
    uint8_t login_key[32];                      /* random; see user_remember_password() */
    struct list runnable_queues;
    struct list dead_letters; /* waiting for broker_drain_dead_letters(), see dead_letter.h */
    struct list traces;       /* waiting for broker_run_queues(), see trace.h */
    struct cycle_log cycles;  /* of dead letters, that were logged */
    struct list chores;       /* to be done bit by bit, see chore.h */
    struct list connections;  /* every protocol connection; link: broker_link */
    struct list unconfirmed_channels; /* channels with confirms to look at this tick */
    struct list waiting_channels;     /* channels whose next confirm waits for the disk */
    struct list
        fetching_connections; /* connections whose basic.get waits for a message (delivery.h) */
    struct list gated_connections; /* connections whose output waits for the disk (gate.h) */
    uint32_t connection_count;     /* open ones */
    uint32_t channel_count;
    uint64_t assembling_bytes;  /* of bodies that are not complete, over all connections */
    uint64_t work;              /* steps of which one frame may ask for many (input.c) */
    uint64_t route_count;       /* numbers the routes, for route_mark */
    struct resources resources; /* limits of memory and disk, and what they are compared with */
    bool dead_letters_wait;     /* the first of them is on its way from disk */
    uint64_t limits_reached[LIMIT_COUNT]; /* how often; see limits.h */
    bool holds_policies;                  /* see policies_hold() */
    bool memory_alarm;
    bool disk_alarm;
};

/* `env` outlives the broker. `settings` is copied; its strings outlive the broker. */
struct broker *broker_create(struct env *env, const struct broker_settings *settings);
/* Connections must be gone. */
void broker_destroy(struct broker *broker);

/* Adds a vhost, or finds the one there already. */
struct vhost *broker_add_vhost(struct broker *broker, struct slice name);
struct vhost *broker_find_vhost(const struct broker *broker, struct slice name);

/*
 * Enqueues the message in each of the queues, journal first: the only place that does both. False when
 * one of them rejected it. `ret_lsn` is raised to what the promise of this message depends on.
 */
bool broker_publish(struct broker *broker, struct message *message, struct queue *const *queues,
                    size_t queue_count, uint64_t *ret_lsn);

/* The queue will be looked at by the next broker_run_queues(). */
void broker_queue_runnable(struct broker *broker, struct queue *queue);

/*
 * Runs every runnable queue with a budget of `budget` deliveries each, and publishes what was traced
 * since the last time. True when work is left, so that the loop polls instead of waiting.
 */
bool broker_run_queues(struct broker *broker, size_t budget);

#endif
