/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The control socket: how leveretctl talks to the broker. A Unix socket, mode 0600, in the data
 * directory: whoever can open it may do everything, so there is no login.
 *
 * One line of JSON asks, lines of JSON answer, the one with `exit` is the last:
 *
 *   {"command": "alarms", "arguments": [], "options": {}}
 *   {"node": "rabbit@host"}                     comes first
 *   {"columns": ["resource", "node"]}           what the members of the rows are called
 *   {"row": ["memory", "rabbit@host"]}
 *   {"text": "a line for people"}
 *   {"banner": "a line that -q leaves out"}
 *   {"message": "what went well"}               an object that says so, for who reads JSON
 *   {"value": "what was asked for"}             likewise, by RabbitMQ's other word for it
 *   {"exit": 0}                                 or {"exit": 78, "error": "a sentence"}
 *
 * A request with `for_node` means the broker of that name only: any other one answers nothing but
 * {"exit": 69, "other_node": "rabbit@host"} and does nothing. With `long_names` a name in the request
 * may have a domain that the broker's has not.
 *
 * Then the next request may follow. Exit codes are those of sysexits.h. What a command takes is in
 * broker/base/commands.def; the client has checked it, and the broker checks it again.
 *
 * A handler gets a struct control_call. It answers with control_text(), control_columns() and
 * control_row(), and ends with control_finish() - now, or at any later time. One with much to say
 * says some of it and calls control_continue(): `step` is called again when that has left, so that
 * a long list neither fills memory nor holds up the loop. When the client goes away, control_call's
 * `on_abandoned` is called, if set, instead of the next step.
 */
#ifndef LEVERET_BROKER_MANAGEMENT_CONTROL_H
#define LEVERET_BROKER_MANAGEMENT_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "broker/base/command.h"
#include "broker/base/list.h"
#include "broker/base/log.h"

#define CONTROL_CONNECTIONS_MAX 64
#define CONTROL_REQUEST_MAX     (64u * 1024u * 1024u) /* octets: definitions travel in one */

struct broker;
struct control_call;
struct management;
struct endpoint;
struct json_t;
struct text;
struct transport_peer;
struct vhost;

/* One key of the configuration, for people, and where its value comes from. */
typedef void control_setting(void *call, const char *key, const char *value, const char *origin);

/* What only the whole server can do. */
struct control_hooks {
    void *context;
    /* False with a sentence in `error` when nothing was changed. */
    bool (*reload)(void *context, struct text *error);
    bool (*rotate_logs)(void *context, struct text *error); /* likewise */
    void (*stop)(void *context);
    /* All ports, AMQP's and HTTP's; then again, false with a sentence when they cannot be had. */
    void (*suspend_listeners)(void *context);
    bool (*resume_listeners)(void *context, struct text *error);
    /* Everything durable, for what a new broker begins with. Likewise. */
    bool (*reset)(void *context, struct text *error);
    /* Of every output of the log. */
    void (*set_log_level)(void *context, enum log_level level);
    /* The file that the log goes to, in `path`; false when there is none. */
    bool (*log_file)(void *context, struct text *path);
    /* Shows each key of the configuration to `show`, in the table's order. */
    void (*each_setting)(void *context, control_setting *show, void *call);
};

struct control {
    struct broker *broker;
    struct management *management; /* for figures and the columns of lists */
    const char *node_name;         /* rabbit@host */
    struct control_hooks hooks;
    size_t connection_count;
    bool app_is_stopped;          /* by stop_app */
    bool is_suspended;            /* its ports are, by that or by themselves */
    bool is_drained;              /* by drain */
    uint64_t memory_limit_before; /* an alarm was set by command; 0: none was */
    uint64_t disk_limit_before;
    struct list waiting; /* of connections whose answer waits for the disk */
};

/* `broker` and `node_name` outlive the control. */
void control_init(struct control *control, struct broker *broker, const char *node_name,
                  const struct control_hooks *hooks);
/* Before the first call. */
void control_set_management(struct control *control, struct management *management);

/* A transport_factory; `context` is the struct control. NULL when there are too many. */
struct endpoint *control_accept(void *context, const struct transport_peer *peer);

/* In the tick, after the journal's: answers that waited for the disk leave. */
void control_settle(struct control *control);

/* Whether the command needs no broker that serves clients: it works after stop_app. */
bool control_works_while_stopped(enum command_id command);

/* --- for handlers --- */

struct control_call {
    struct control *control;
    enum command_id command;
    void *state;                                     /* the handler's own */
    void (*on_abandoned)(struct control_call *call); /* frees it when the client goes away */
};

typedef void control_handler(struct control_call *call);

/* The one that --vhost names, or the default one. NULL when the call has been refused. */
struct vhost *control_vhost(struct control_call *call);
const char *control_vhost_name(const struct control_call *call);

/* NULL beyond the last one. */
const char *control_argument(const struct control_call *call, size_t index);
/* The value of `--name`; NULL when it was not given, "" for one without value. */
const char *control_option(const struct control_call *call, const char *name);

/* A line for people. */
void control_text(struct control_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/*
 * What RabbitMQ's tools show instead of all that comes after it: programs see the object `document`, people the
 * texts in the array `lines`; with NULL for `lines` they see what comes after it. Takes both.
 */
void control_instead(struct control_call *call, struct json_t *document, struct json_t *lines);
/* What RabbitMQ's tools say beside the answer. */
void control_banner(struct control_call *call, const char *text);
/* What went well, in a sentence. */
void control_message(struct control_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A sentence that is the answer. */
void control_value(struct control_call *call, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* What the rows to come consist of; ends with NULL. */
void control_columns(struct control_call *call, const char *const *names);
/* Takes the array, whose members are in the columns' order. */
void control_row(struct control_call *call, struct json_t *members);

void control_finish(struct control_call *call);
/* The same when all that was promised so far is on disk: ends what changed something. */
void control_finish_durably(struct control_call *call);
/* The same with a code of sysexits.h and a sentence. */
void control_fail(struct control_call *call, int exit_code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* `step` goes on when what was said has left. */
void control_continue(struct control_call *call, control_handler *step);

/* Members of a row from octets that may be no UTF-8: they are shown as \xNN. */
struct json_t *control_string(const char *octets, size_t len);

#endif
