/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What leveret-perf does not measure: how fast a broker takes connections and declarations.  Three
 * tasks, each with one line of JSON at its end:
 *
 *   churn    connect, log in, open a channel, close, again and again, several at a time
 *   idle     open many connections with a channel each and hold them until stdin ends
 *   declare  declare durable queues over one connection, at most so many unanswered, and delete
 *            them again (not in the time taken)
 *
 * A session is a list of steps: octets to send and the method that must answer.  All sessions run
 * in one loop; whatever else a broker sends ends the program with exit code 69.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "amqp/frame.h"
#include "amqp/method.h"
#include "broker/base/alloc.h"
#include "tools/clock.h"
#include "tools/leveret-perf/uri.h"

#define INPUT_SIZE  8192U
#define STEPS_MAX   8
#define OCTETS_MAX  4096U
#define EVENTS_MAX  64
#define NAME_FORMAT "session-bench-%06u"

struct step {
    uint8_t octets[OCTETS_MAX];
    size_t len;
    enum amqp_method_id answer;
};

struct session {
    int fd;
    unsigned step;
    size_t len;
    uint8_t input[INPUT_SIZE];
};

struct bench {
    struct uri uri;
    struct addrinfo *address;
    unsigned parallel;
    unsigned count; /* of connections to hold, queues to declare; churn: no limit */
    double seconds; /* 0: no limit */
    bool transient;
    struct step steps[STEPS_MAX];
    unsigned opening_steps; /* until the channel is open */
    unsigned all_steps;     /* until the connection is closed */
    int epoll;
};

static _Noreturn void fail(const char *what) {
    fprintf(stderr, "session-bench: %s\n", what);
    exit(69);
}

static _Noreturn void fail_with_errno(const char *what) {
    fprintf(stderr, "session-bench: %s: %s\n", what, strerror(errno));
    exit(69);
}

/* -- Steps ------------------------------------------------------------------------------------- */

static void add_method(struct step *step, uint16_t channel, const struct amqp_method *method) {
    struct writer writer = writer_over(step->octets + step->len, OCTETS_MAX - step->len);

    frame_encode_method(&writer, channel, method);
    if (!writer_is_complete(&writer))
        fail("a method does not fit");
    step->len += writer_length(&writer);
}

static void prepare_login(struct step *step, const struct uri *uri) {
    struct amqp_method start_ok = {.id = AMQP_CONNECTION_START_OK};
    char response[2 * URI_PART_MAX + 3];
    int len = snprintf(response, sizeof response, "%c%s%c%s", 0, uri->user, 0, uri->password);

    start_ok.connection_start_ok.mechanism = SLICE("PLAIN");
    start_ok.connection_start_ok.response = slice_of(response, (size_t)len);
    start_ok.connection_start_ok.locale = SLICE("en_US");
    add_method(step, 0, &start_ok);
    step->answer = AMQP_CONNECTION_TUNE;
}

static void prepare_open(struct step *step, const struct uri *uri) {
    struct amqp_method tune_ok = {.id = AMQP_CONNECTION_TUNE_OK};
    struct amqp_method open = {.id = AMQP_CONNECTION_OPEN};

    tune_ok.connection_tune_ok.channel_max = 16;
    tune_ok.connection_tune_ok.frame_max = 131072;
    open.connection_open.virtual_host = slice_from_text(uri->vhost);
    add_method(step, 0, &tune_ok);
    add_method(step, 0, &open);
    step->answer = AMQP_CONNECTION_OPEN_OK;
}

static void prepare_steps(struct bench *bench) {
    struct amqp_method open_channel = {.id = AMQP_CHANNEL_OPEN};
    struct amqp_method close = {.id = AMQP_CONNECTION_CLOSE};
    struct step *step = bench->steps;

    memcpy(step->octets, AMQP_PROTOCOL_HEADER, AMQP_PROTOCOL_HEADER_SIZE);
    step->len = AMQP_PROTOCOL_HEADER_SIZE;
    step++->answer = AMQP_CONNECTION_START;
    prepare_login(step++, &bench->uri);
    prepare_open(step++, &bench->uri);
    add_method(step, 1, &open_channel);
    step++->answer = AMQP_CHANNEL_OPEN_OK;
    bench->opening_steps = (unsigned)(step - bench->steps);
    close.connection_close.reply_code = 200;
    add_method(step, 0, &close);
    step++->answer = AMQP_CONNECTION_CLOSE_OK;
    bench->all_steps = (unsigned)(step - bench->steps);
}

/* -- Sessions ---------------------------------------------------------------------------------- */

static void send_all(const struct session *session, const uint8_t *octets, size_t len) {
    if (send(session->fd, octets, len, MSG_NOSIGNAL) != (ssize_t)len)
        fail_with_errno("sending");
}

static void send_step(const struct bench *bench, const struct session *session) {
    const struct step *step = &bench->steps[session->step];
    send_all(session, step->octets, step->len);
}

/* A close that leaves nothing behind: churn would use up the ports. */
static void begin_session(const struct bench *bench, struct session *session) {
    const struct addrinfo *address = bench->address;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = session};
    struct linger at_once = {.l_onoff = 1};
    int one = 1;

    session->fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (session->fd < 0 || connect(session->fd, address->ai_addr, address->ai_addrlen) != 0)
        fail_with_errno("connecting");
    setsockopt(session->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(session->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    session->step = 0;
    session->len = 0;
    epoll_ctl(bench->epoll, EPOLL_CTL_ADD, session->fd, &event);
    send_step(bench, session);
}

static void receive(struct session *session) {
    ssize_t received =
        recv(session->fd, session->input + session->len, INPUT_SIZE - session->len, MSG_DONTWAIT);

    if (received == 0)
        fail("the broker dropped a connection");
    if (received < 0 && errno != EAGAIN)
        fail_with_errno("receiving");
    session->len += received > 0 ? (size_t)received : 0;
}

/* The method that begins at `*at`, which moves behind it; false when it is not there as a whole. */
static bool next_method(const struct session *session, size_t *at, struct amqp_method *ret_method) {
    struct frame_header head;

    if (session->len - *at < AMQP_FRAME_OVERHEAD)
        return false;
    head = frame_header_decode(session->input + *at);
    if (head.size + AMQP_FRAME_OVERHEAD > INPUT_SIZE || head.type != AMQP_FRAME_METHOD)
        fail("the broker sent a surprising frame");
    if (session->len - *at < head.size + AMQP_FRAME_OVERHEAD)
        return false;
    if (amqp_method_decode(slice_of(session->input + *at + AMQP_FRAME_HEAD_SIZE, head.size),
                           ret_method) != AMQP_DECODED)
        fail("the broker sent a malformed method");
    *at += head.size + AMQP_FRAME_OVERHEAD;
    return true;
}

static void drop_input(struct session *session, size_t taken) {
    session->len -= taken;
    if (session->len > 0)
        memmove(session->input, session->input + taken, session->len);
}

/* True when the step's answer has come and the session stands at the next one. */
static bool finish_step(const struct bench *bench, struct session *session) {
    struct amqp_method method;
    size_t at = 0;

    if (!next_method(session, &at, &method))
        return false;
    if (method.id != bench->steps[session->step].answer) {
        fprintf(stderr, "session-bench: the broker sent %s\n", amqp_method_name(method.id));
        exit(69);
    }
    drop_input(session, at);
    session->step++;
    return true;
}

static unsigned wait_for_sessions(const struct bench *bench, struct session **ret_sessions) {
    struct epoll_event events[EVENTS_MAX];
    int count = epoll_wait(bench->epoll, events, EVENTS_MAX, 30000);

    if (count == 0)
        fail("the broker does not answer");
    for (int i = 0; i < count; i++)
        ret_sessions[i] = events[i].data.ptr;
    return count < 0 ? 0 : (unsigned)count;
}

/* -- Tasks ------------------------------------------------------------------------------------- */

static unsigned churn(const struct bench *bench) {
    struct session *sessions = xcalloc(bench->parallel, sizeof *sessions);
    struct session *ready[EVENTS_MAX];
    double end = now() + bench->seconds;
    unsigned done = 0;

    for (unsigned i = 0; i < bench->parallel; i++)
        begin_session(bench, &sessions[i]);
    while (now() < end) {
        unsigned count = wait_for_sessions(bench, ready);
        for (unsigned i = 0; i < count; i++) {
            receive(ready[i]);
            if (!finish_step(bench, ready[i]))
                continue;
            if (ready[i]->step < bench->all_steps) {
                send_step(bench, ready[i]);
                continue;
            }
            close(ready[i]->fd);
            done++;
            begin_session(bench, ready[i]);
        }
    }
    free(sessions);
    return done;
}

static unsigned open_all(const struct bench *bench, struct session *sessions) {
    struct session *ready[EVENTS_MAX];
    unsigned begun = 0, open = 0;

    while (open < bench->count) {
        for (; begun < bench->count && begun - open < bench->parallel; begun++)
            begin_session(bench, &sessions[begun]);
        unsigned count = wait_for_sessions(bench, ready);
        for (unsigned i = 0; i < count; i++) {
            receive(ready[i]);
            if (!finish_step(bench, ready[i]))
                continue;
            if (ready[i]->step < bench->opening_steps)
                send_step(bench, ready[i]);
            else
                open++;
        }
    }
    return open;
}

/* One method for each queue, at most `parallel` of them unanswered; how many were answered. */
static unsigned call_for_queues(const struct bench *bench, struct session *session, unsigned count,
                                struct amqp_method *method, struct slice *name,
                                enum amqp_method_id answer, double end) {
    unsigned sent = 0, answered = 0;
    char text[64];

    while (answered < count) {
        struct step batch = {.len = 0};
        struct amqp_method reply;
        size_t at = 0;
        for (; sent < count && sent - answered < bench->parallel && batch.len < OCTETS_MAX - 256;
             sent++) {
            *name = slice_of(text, (size_t)snprintf(text, sizeof text, NAME_FORMAT, sent));
            add_method(&batch, 1, method);
        }
        if (batch.len > 0)
            send_all(session, batch.octets, batch.len);
        else
            wait_for_sessions(bench, &(struct session *){NULL});
        receive(session);
        while (next_method(session, &at, &reply)) {
            if (reply.id != answer)
                fail("a queue was refused");
            answered++;
        }
        drop_input(session, at);
        if (end > 0 && now() > end)
            count = sent; /* those that are under way are waited for */
    }
    return answered;
}

static unsigned declare(const struct bench *bench, double *ret_seconds) {
    struct session *session = xcalloc(1, sizeof *session);
    struct bench one = *bench;
    struct amqp_method declaring = {.id = AMQP_QUEUE_DECLARE}, deleting = {.id = AMQP_QUEUE_DELETE};
    double begun;
    unsigned done;

    one.count = one.parallel = 1;
    open_all(&one, session);
    declaring.queue_declare.durable = !bench->transient;
    begun = now();
    done = call_for_queues(bench, session, bench->count, &declaring, &declaring.queue_declare.queue,
                           AMQP_QUEUE_DECLARE_OK, bench->seconds > 0 ? begun + bench->seconds : 0);
    *ret_seconds = now() - begun;
    printf("{\"declared\":%u}\n", done);
    fflush(stdout);
    while (getchar() != EOF)
        ;
    call_for_queues(bench, session, done, &deleting, &deleting.queue_delete.queue,
                    AMQP_QUEUE_DELETE_OK, 0);
    free(session);
    return done;
}

/* -- Main -------------------------------------------------------------------------------------- */

static const char help[] =
    "usage: session-bench churn|idle|declare [options]\n"
    "\n"
    "  -h URI           default amqp://guest:guest@localhost:5672/\n"
    "  -p, --parallel N sessions at a time (churn, idle: 8), unanswered declarations (1)\n"
    "  -n, --count N    connections to hold, queues to declare (1000)\n"
    "  -z, --time S     churn, declare: end after S seconds (3)\n"
    "  --transient      declare: queues that are not durable\n"
    "\n"
    "idle and declare print a line when all is open or declared and go on when stdin ends;\n"
    "declare then deletes its queues.  Exit code 69: the broker did anything unexpected.\n";

static bool parse(struct bench *bench, int argc, char **argv) {
    const char *uri = "amqp://guest:guest@localhost:5672/";

    bench->parallel = strcmp(argv[1], "declare") == 0 ? 1 : 8;
    bench->count = 1000;
    bench->seconds = 3;
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "--transient") == 0) {
            bench->transient = true;
            continue;
        }
        if (i + 1 == argc)
            return false;
        if (strcmp(argv[i], "-h") == 0)
            uri = argv[++i];
        else if (strcmp(argv[i], "-p") == 0 || strcmp(argv[i], "--parallel") == 0)
            bench->parallel = (unsigned)atoi(argv[++i]);
        else if (strcmp(argv[i], "-n") == 0 || strcmp(argv[i], "--count") == 0)
            bench->count = (unsigned)atoi(argv[++i]);
        else if (strcmp(argv[i], "-z") == 0 || strcmp(argv[i], "--time") == 0)
            bench->seconds = atof(argv[++i]);
        else
            return false;
    }
    return uri_parse(uri, &bench->uri) && bench->parallel > 0 && bench->count > 0;
}

static void prepare(struct bench *bench) {
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct rlimit files;

    if (getaddrinfo(bench->uri.host, bench->uri.port, &hints, &bench->address) != 0)
        fail("no such host");
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    bench->epoll = epoll_create1(EPOLL_CLOEXEC);
    prepare_steps(bench);
}

int main(int argc, char **argv) {
    static struct bench bench;
    const char *task = argc > 1 ? argv[1] : "";
    double begun, seconds;
    unsigned done;

    if (strcmp(task, "churn") != 0 && strcmp(task, "idle") != 0 && strcmp(task, "declare") != 0) {
        fputs(help, strcmp(task, "--help") == 0 ? stdout : stderr);
        return strcmp(task, "--help") == 0 ? 0 : 64;
    }
    if (!parse(&bench, argc, argv)) {
        fputs(help, stderr);
        return 64;
    }
    prepare(&bench);
    begun = now();
    if (strcmp(task, "declare") == 0) {
        done = declare(&bench, &seconds);
    } else if (strcmp(task, "churn") == 0) {
        done = churn(&bench);
        seconds = now() - begun;
    } else {
        done = open_all(&bench, xcalloc(bench.count, sizeof(struct session)));
        seconds = now() - begun;
    }
    printf("{\"done\":%u,\"seconds\":%.4f,\"rate\":%.1f}\n", done, seconds, done / seconds);
    fflush(stdout);
    while (strcmp(task, "idle") == 0 && getchar() != EOF)
        ;
    freeaddrinfo(bench.address);
    return 0;
}
