/* SPDX-License-Identifier: Apache-2.0 */
/* libmicrohttpd without a thread or a listening socket of its own. */
#include "broker/management/http_server.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "broker/base/alloc.h"
#include "broker/base/secret.h"
#include "broker/base/list.h"
#include "broker/base/timer.h"
#include "broker/entities/broker.h"
#include "broker/entities/store.h"
#include "broker/management/microhttpd_late.h"
#include "broker/net/listener.h"
#include "broker/net/loop.h"
#include "broker/net/transport.h"
#include "broker/net/watch.h"

/* A stream is made in pieces of about this size, one for each time the socket takes something. */
#define STREAM_PIECE 8192
/* So many of them in one iteration of the loop, for all connections: whoever publishes has his turn too. */
#define STREAM_PIECES_PER_TURN 1

struct http_server {
    struct broker *broker;
    struct loop *loop;
    struct http_handler handler;
    struct MHD_Daemon *daemon; /* NULL, as is `watch`, before the first connection */
    struct watch *watch;
    struct timer timer;                   /* libmicrohttpd's, and ours for slow requests */
    struct list links;                    /* open connections */
    struct list waiting;                  /* turns that wait for the disk */
    struct list throttled;                /* streams whose next piece has to wait for its turn */
    size_t pieces_left;                   /* of this iteration */
    const struct transport_peer *arrival; /* during MHD_add_connection() */
    bool is_ending;                       /* nobody is answered any more */
};

/* One connection. */
struct link {
    struct http_server *server;
    struct list list_link; /* in server->links */
    struct MHD_Connection *connection;
    int64_t deadline_ms; /* TIMERS_NONE while we are at work or a response is on its way */
    bool is_loopback;
    bool is_tls;
    char *peer;
};

/* One request and its response. */
struct turn {
    struct link *link;
    struct list wait_link; /* in server->waiting */
    struct text body;
    size_t body_max;
    bool is_begun;
    bool is_answered;
    bool is_head; /* only the header of the response is wanted */
    struct http_response response;
};

/* --- responses --- */

/* The pieces of a stream on their way to the socket. */
struct piece {
    struct link *link;
    struct list throttle_link; /* in server->throttled */
    struct http_stream stream;
    struct text text;
    size_t sent;
    bool is_last;
};

static void make_piece(struct piece *piece) {
    text_clear(&piece->text);
    piece->sent = 0;
    while (!piece->is_last && piece->text.len < STREAM_PIECE)
        piece->is_last = !piece->stream.next(piece->stream.state, &piece->text);
}

static void throttle(struct piece *piece) {
    list_append(&piece->link->server->throttled, &piece->throttle_link);
    MHD_suspend_connection(piece->link->connection);
}

/* In the order in which they began to wait. */
static void resume_throttled(struct http_server *server, size_t count) {
    for (; count > 0 && !list_is_empty(&server->throttled); count--) {
        struct piece *piece =
            LIST_ITEM(list_take_first(&server->throttled), struct piece, throttle_link);
        MHD_resume_connection(piece->link->connection);
    }
}

static ssize_t read_piece(void *context, uint64_t position, char *buffer, size_t size) {
    struct piece *piece = context;
    struct http_server *server = piece->link->server;

    (void)position;
    if (piece->sent == piece->text.len && !piece->is_last) {
        if (server->pieces_left == 0) {
            throttle(piece);
            return 0;
        }
        server->pieces_left--;
        make_piece(piece);
    }
    if (piece->sent == piece->text.len)
        return MHD_CONTENT_READER_END_OF_STREAM;
    size_t len = piece->text.len - piece->sent < size ? piece->text.len - piece->sent : size;
    memcpy(buffer, piece->text.chars + piece->sent, len);
    piece->sent += len;
    return (ssize_t)len;
}

static void end_piece(void *context) {
    struct piece *piece = context;

    list_remove(&piece->throttle_link);
    piece->stream.end(piece->stream.state);
    text_clear(&piece->text);
    free(piece);
}

static struct MHD_Response *stream_response(struct link *link, struct http_response *response) {
    struct piece *piece = xcalloc(1, sizeof *piece);

    piece->link = link;
    piece->stream = response->stream;
    response->stream.next = NULL;
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, STREAM_PIECE, read_piece, piece,
                                             end_piece);
}

/* The body changes hands. */
static struct MHD_Response *body_response(struct http_response *response) {
    struct text body = response->body;

    response->body = (struct text){0};
    return MHD_create_response_from_buffer_with_free_callback(
        body.len, body.chars == NULL ? xcalloc(1, 1) : body.chars, free);
}

static enum MHD_Result send_response(struct turn *turn) {
    struct http_response *response = &turn->response;
    const bool is_stream = response->stream.next != NULL;
    struct MHD_Response *made =
        is_stream ? stream_response(turn->link, response) : body_response(response);

    if (made == NULL)
        return MHD_NO;
    /* Behind a header without a body libmicrohttpd would send the end of the chunks. */
    if (is_stream && turn->is_head)
        MHD_set_response_options(made, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END);
    if (response->status != MHD_HTTP_NO_CONTENT)
        MHD_add_response_header(made, "content-type",
                                response->content_type == NULL ? "application/json"
                                                               : response->content_type);
    for (size_t i = 0; i < response->header_count; i++)
        MHD_add_response_header(made, response->headers[i].name, response->headers[i].value);
    turn->link->deadline_ms = TIMERS_NONE;
    enum MHD_Result result = MHD_queue_response(
        turn->link->connection, response->status == 0 ? MHD_HTTP_OK : response->status, made);
    MHD_destroy_response(made);
    return result;
}

static void refuse_with_text(struct http_response *response, unsigned status, const char *body) {
    response->status = status;
    text_append(&response->body, slice_from_text(body));
}

/* --- requests --- */

const char *http_request_header(const struct http_request *request, const char *name) {
    return MHD_lookup_connection_value(request->connection, MHD_HEADER_KIND, name);
}

const char *http_request_argument(const struct http_request *request, const char *name) {
    return MHD_lookup_connection_value(request->connection, MHD_GET_ARGUMENT_KIND, name);
}

struct each_argument {
    void (*each)(void *context, const char *name, const char *value);
    void *context;
};

static enum MHD_Result on_argument(void *state, enum MHD_ValueKind kind, const char *name,
                                   const char *value) {
    const struct each_argument *argument = state;

    (void)kind;
    argument->each(argument->context, name, value == NULL ? "" : value);
    return MHD_YES;
}

void http_request_each_argument(const struct http_request *request,
                                void (*each)(void *context, const char *name, const char *value),
                                void *context) {
    struct each_argument argument = {each, context};

    MHD_get_connection_values(request->connection, MHD_GET_ARGUMENT_KIND, on_argument, &argument);
}

static struct turn *create_turn(struct link *link, const struct http_request *request) {
    struct turn *turn = xcalloc(1, sizeof *turn);

    turn->link = link;
    turn->is_head = slice_equal(request->method, SLICE("HEAD"));
    return turn;
}

/* False when it has to be done once more, in a later tick; nothing of the body comes before. */
static bool begin_turn(struct turn *turn, const struct http_request *request) {
    const struct http_handler *handler = &turn->link->server->handler;

    turn->body_max = handler->begin(handler->context, request, &turn->response);
    turn->is_answered = turn->response.status != 0;
    turn->is_begun = !turn->response.again;
    return turn->is_begun;
}

/*
 * What was read is libmicrohttpd's, in memory that it has allocated and neither reads again nor overwrites:
 * there may be passwords in it.
 */
static void wipe(const char *read, size_t len) {
    secret_wipe((void *)(uintptr_t)read, len);
}

static void take_body(struct turn *turn, const char *octets, size_t len) {
    if (turn->is_answered)
        return;
    if (turn->body.len + len > turn->body_max) {
        refuse_with_text(&turn->response, MHD_HTTP_CONTENT_TOO_LARGE,
                         "{\"error\":\"bad_request\",\"reason\":\"payload_too_large\"}");
        turn->is_answered = true;
        text_wipe(&turn->body);
        return;
    }
    text_append(&turn->body, slice_of(octets, len));
}

static void answer(struct turn *turn, struct http_request *request) {
    const struct http_handler *handler = &turn->link->server->handler;

    request->body = text_slice(&turn->body);
    handler->handle(handler->context, request, &turn->response);
    turn->is_answered = true;
}

/* Waits in the tick; on_request() is called once more after that. */
static void suspend(struct turn *turn) {
    turn->response.again = false;
    turn->link->deadline_ms = TIMERS_NONE; /* it is us who take the time */
    list_append(&turn->link->server->waiting, &turn->wait_link);
    MHD_suspend_connection(turn->link->connection);
}

static bool must_wait(struct turn *turn) {
    struct http_server *server = turn->link->server;

    if (turn->response.again)
        turn->is_answered = false;
    else if (store_is_safe(server->broker, turn->response.lsn))
        return false;
    suspend(turn);
    return true;
}

static struct link *link_of(struct MHD_Connection *connection) {
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info->socket_context;
}

static enum MHD_Result count_length(void *state, enum MHD_ValueKind kind, const char *name,
                                    const char *value) {
    int *count = state;

    (void)kind;
    (void)value;
    *count += strcasecmp(name, "content-length") == 0 || strcasecmp(name, "transfer-encoding") == 0;
    return MHD_YES;
}

/* Two statements of a body's length are read differently by this server and by a proxy before it. */
static bool has_two_lengths(struct MHD_Connection *connection) {
    int count = 0;

    MHD_get_connection_values(connection, MHD_HEADER_KIND, count_length, &count);
    return count > 1;
}

static void refuse_two_lengths(struct turn *turn) {
    refuse_with_text(&turn->response, MHD_HTTP_BAD_REQUEST,
                     "{\"error\":\"bad_request\",\"reason\":\"ambiguous length\"}");
    http_response_add_header(&turn->response, "connection", "close");
    turn->is_begun = turn->is_answered = true;
}

/* A peer that asks before it sends gets told no at once; others are heard to the end of their body. */
static bool expects_continue(struct MHD_Connection *connection) {
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "expect") != NULL;
}

static enum MHD_Result on_request(void *context, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_len, void **ret_state) {
    struct link *link = link_of(connection);
    struct turn *turn = *ret_state;
    struct http_request request = {
        .method = slice_from_text(method),
        .path = slice_from_text(url),
        .is_loopback = link->is_loopback,
        .is_tls = link->is_tls,
        .peer = link->peer,
        .connection = connection,
    };

    (void)context;
    (void)version;
    if (link->server->is_ending)
        return MHD_NO;
    if (link->deadline_ms == TIMERS_NONE) /* it waited for us */
        link->deadline_ms = link->server->broker->env->now_ms + HTTP_REQUEST_MS;
    if (turn == NULL)
        *ret_state = turn = create_turn(link, &request);
    if (!turn->is_begun) {
        if (has_two_lengths(connection))
            refuse_two_lengths(turn);
        else if (!begin_turn(turn, &request))
            suspend(turn);
        else if (turn->is_answered && expects_continue(connection))
            return send_response(turn);
        return MHD_YES;
    }
    if (*upload_len > 0) {
        take_body(turn, upload, *upload_len);
        wipe(upload, *upload_len);
        *upload_len = 0;
        return MHD_YES;
    }
    if (!turn->is_answered)
        answer(turn, &request);
    return must_wait(turn) ? MHD_YES : send_response(turn);
}

static void wipe_authorization(struct MHD_Connection *connection) {
    const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "authorization");

    if (value != NULL)
        wipe(value, strlen(value));
}

static void on_completed(void *context, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code) {
    struct turn *turn = *state;
    struct link *link = link_of(connection);

    (void)context;
    (void)code;
    link->deadline_ms = link->server->broker->env->now_ms + HTTP_IDLE_MS;
    wipe_authorization(connection);
    if (turn == NULL)
        return;
    *state = NULL;
    list_remove(&turn->wait_link);
    text_wipe(&turn->body);
    http_response_clear(&turn->response);
    free(turn);
}

/* The request line is there: from now on the clock of one request runs. */
static void *on_request_line(void *context, const char *uri, struct MHD_Connection *connection) {
    struct link *link = link_of(connection);

    (void)context;
    (void)uri;
    link->deadline_ms = link->server->broker->env->now_ms + HTTP_REQUEST_MS;
    return NULL;
}

/* --- connections --- */

static void on_timer(struct timer *timer);

static int64_t next_deadline(const struct http_server *server) {
    int64_t next = list_is_empty(&server->throttled) ? TIMERS_NONE : server->broker->env->now_ms;
    unsigned long long timeout_ms;

    LIST_FOR_EACH(&server->links, at) {
        const struct link *link = LIST_ITEM(at, struct link, list_link);
        if (link->deadline_ms < next)
            next = link->deadline_ms;
    }
    if (MHD_get_timeout(server->daemon, &timeout_ms) == MHD_YES) {
        int64_t due = server->broker->env->now_ms + (int64_t)timeout_ms;
        if (due < next)
            next = due;
    }
    return next;
}

/* libmicrohttpd does what is ready, and says when it wants to be called again. */
static void run(struct http_server *server) {
    server->pieces_left = STREAM_PIECES_PER_TURN;
    resume_throttled(server, STREAM_PIECES_PER_TURN);
    MHD_run(server->daemon);
    timer_stop(&server->broker->timers, &server->timer);
    int64_t next = next_deadline(server);
    if (next == TIMERS_NONE)
        return;
    if (next <= server->broker->env->now_ms)
        loop_poll_again(server->loop);
    timer_start(&server->broker->timers, &server->timer, next, on_timer);
}

/* libmicrohttpd sees its end, and closes it. */
static void cut_off(struct link *link) {
    link->deadline_ms = TIMERS_NONE;
    listener_end_raw(
        MHD_get_connection_info(link->connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd);
}

static void cut_off_late(struct http_server *server) {
    LIST_FOR_EACH(&server->links, at) {
        struct link *link = LIST_ITEM(at, struct link, list_link);
        if (link->deadline_ms <= server->broker->env->now_ms)
            cut_off(link);
    }
}

void http_server_disconnect(struct http_server *server) {
    LIST_FOR_EACH(&server->links, at)
    cut_off(LIST_ITEM(at, struct link, list_link));
}

static void on_timer(struct timer *timer) {
    struct http_server *server = LIST_ITEM(timer, struct http_server, timer);

    cut_off_late(server);
    run(server);
}

static void on_readable(void *context) {
    run(context);
}

static char *copy_text(const char *text) {
    char *copy = xmalloc(strlen(text) + 1);
    strcpy(copy, text);
    return copy;
}

static void *open_link(struct http_server *server, struct MHD_Connection *connection) {
    struct link *link = xcalloc(1, sizeof *link);

    link->server = server;
    link->connection = connection;
    link->peer = copy_text(server->arrival->name);
    link->is_loopback = server->arrival->is_loopback;
    link->is_tls = server->arrival->tls != NULL;
    link->deadline_ms = server->broker->env->now_ms + HTTP_REQUEST_MS;
    list_append(&server->links, &link->list_link);
    return link;
}

static void close_link(struct link *link) {
    list_remove(&link->list_link);
    free(link->peer);
    free(link);
}

static void on_connection(void *context, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code) {
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *socket_context = open_link(context, connection);
    } else {
        close_link(*socket_context);
        *socket_context = NULL;
    }
}

/* --- the server --- */

static size_t keep_percent_signs(void *context, struct MHD_Connection *connection, char *text) {
    (void)context;
    (void)connection;
    return strlen(text);
}

static void on_library_message(void *context, const char *format, va_list arguments) {
    (void)context;
    (void)format;
    (void)arguments; /* what peers do wrong is answered to them, not logged */
}

static struct MHD_Daemon *start_daemon(struct http_server *server) {
    return MHD_start_daemon(
        MHD_USE_NO_LISTEN_SOCKET | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0,
        NULL, NULL, on_request, server,                              //
        MHD_OPTION_EXTERNAL_LOGGER, on_library_message, NULL,        //
        MHD_OPTION_UNESCAPE_CALLBACK, keep_percent_signs, NULL,      //
        MHD_OPTION_URI_LOG_CALLBACK, on_request_line, server,        //
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, server,           //
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,         //
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)HTTP_CONNECTIONS_MAX, //
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HTTP_HEADERS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)(HTTP_IDLE_MS / 1000), MHD_OPTION_END);
}

struct http_server *http_server_create(struct loop *loop, struct broker *broker,
                                       const struct http_handler *handler) {
    struct http_server *server = xcalloc(1, sizeof *server);

    server->loop = loop;
    server->broker = broker;
    server->handler = *handler;
    list_init(&server->links);
    list_init(&server->waiting);
    list_init(&server->throttled);
    return server;
}

/* The library is loaded and started for the first connection (microhttpd_late.h). */
static bool start(struct http_server *server) {
    if (server->daemon == NULL)
        server->daemon = start_daemon(server);
    if (server->daemon == NULL)
        return false;
    int fd = MHD_get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
    if (server->watch == NULL)
        server->watch = watch_open(server->loop, fd, on_readable, server);
    return true;
}

void http_server_take(void *context, int fd, const struct transport_peer *peer) {
    struct http_server *server = context;
    /* libmicrohttpd wants an address only to count connections of one, which we do not ask it to. */
    const struct sockaddr_storage nobody = {0};

    if (!start(server)) { /* the system has no descriptors left */
        listener_drop_raw(fd);
        return;
    }
    server->arrival = peer;
    MHD_add_connection(server->daemon, fd, (const struct sockaddr *)&nobody, sizeof nobody);
    server->arrival = NULL;
    run(server);
}

/* libmicrohttpd must not be stopped with suspended connections; what they waited for is not promised
 * any more, so they go on to be cut off. So is whoever asks now: he might have to wait in turn. */
static void drop_waiting(struct http_server *server) {
    server->is_ending = true;
    LIST_FOR_EACH_SAFE(&server->waiting, at) {
        struct turn *turn = LIST_ITEM(at, struct turn, wait_link);
        list_remove(&turn->wait_link);
        MHD_resume_connection(turn->link->connection);
    }
    server->pieces_left = SIZE_MAX;
    resume_throttled(server, SIZE_MAX);
    MHD_run(server->daemon);
}

void http_server_destroy(struct http_server *server) {
    if (server == NULL)
        return;
    if (server->daemon != NULL) {
        drop_waiting(server);
        watch_close(server->watch);
        MHD_stop_daemon(server->daemon);
    }
    timer_stop(&server->broker->timers, &server->timer);
    free(server);
}

static bool may_go_on(const struct http_server *server, const struct http_response *response) {
    return store_is_safe(server->broker, response->lsn) &&
           (response->kept == NULL || response->is_ready == NULL ||
            response->is_ready(response->kept));
}

void http_server_settle(struct http_server *server) {
    bool resumed = false;

    LIST_FOR_EACH_SAFE(&server->waiting, at) {
        struct turn *turn = LIST_ITEM(at, struct turn, wait_link);
        if (!may_go_on(server, &turn->response))
            continue;
        list_remove(&turn->wait_link);
        MHD_resume_connection(turn->link->connection);
        resumed = true;
    }
    if (resumed)
        run(server);
}
