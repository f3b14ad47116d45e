/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The event loop: waits for sockets, signals and the next deadline of a timer wheel, and calls one
 * hook before each wait. It is also the one place that asks the system for the time: env->now_ms
 * and env->wall_ms are set once per iteration.
 *
 *     loop_read_clock(env);                      before anything that wants the time
 *     loop = loop_create(env, &broker->timers);
 *     loop_set_before_wait(loop, server_before_wait, server);
 *     loop_run(loop);                            until loop_stop()
 *
 * An idle loop makes no system call but the wait. One thread.
 */
#ifndef LEVERET_BROKER_NET_LOOP_H
#define LEVERET_BROKER_NET_LOOP_H

#include <stddef.h>

struct env;
struct loop;
struct timers;

/* Sets now_ms, now_us and wall_ms from the system's clocks. */
void loop_read_clock(struct env *env);
/* now_us alone. */
void loop_read_fine_clock(struct env *env);

/* NULL when the system has no epoll or no descriptors left. Both arguments outlive the loop. */
struct loop *loop_create(struct env *env, struct timers *timers);

/* Every listener and transport must be closed. NULL is allowed. */
void loop_destroy(struct loop *loop);

/* `before_wait` is the tick: everything that follows from the input of this iteration. It calls
 * timers_expire(); the loop wakes at timers_next_deadline(). */
void loop_set_before_wait(struct loop *loop, void (*before_wait)(void *context), void *context);

/* SIGTERM, SIGINT and SIGHUP are handed to `on_signal`, in the loop and not in a signal handler. */
void loop_set_on_signal(struct loop *loop, void (*on_signal)(void *context, int number),
                        void *context);

/* `on_wake` is called in the loop, before the tick, after another thread called loop_wake(). */
void loop_set_on_wake(struct loop *loop, void (*on_wake)(void *context), void *context);

/* The one function that other threads may call; needs loop_set_on_wake() before. */
void loop_wake(struct loop *loop);

void loop_run(struct loop *loop);
void loop_stop(struct loop *loop);

/* Called in before_wait: there is work left, look for input without waiting. */
void loop_poll_again(struct loop *loop);

/*
 * Called in before_wait: those whose output left just now are about to answer, and others wait for
 * what they say. Where that was so a moment ago as well, the loop looks for input for some
 * microseconds before it sleeps: being woken takes longer than all that is done for an answer. Other
 * programs that want the core have it meanwhile.
 */
void loop_expect_input(struct loop *loop);

/* Connections whose socket is open, those included that only wait for the peer's end. */
size_t loop_transport_count(const struct loop *loop);

#endif
