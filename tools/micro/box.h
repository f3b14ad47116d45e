/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A broker without sockets or time for the micro-benchmarks, with or without a journal (in a
 * temporary directory, without a thread: what it writes and syncs is the kernel's time, not ours).
 */
#ifndef LEVERET_TOOLS_MICRO_BOX_H
#define LEVERET_TOOLS_MICRO_BOX_H

#include <stdbool.h>

#include "amqp/slice.h"
#include "broker/base/env.h"
#include "broker/entities/broker.h"

struct box {
    struct env env;
    struct broker *broker;
    struct vhost *vhost;
    char directory[64]; /* of the journal; empty without one */
    struct io *io;
};

void box_init(struct box *box, bool durable);

/* Connections must have been ended. */
void box_clear(struct box *box);

/* What the server does before it waits: queues run, a batch is handed over and written, confirms
 * go out. */
void box_tick(struct box *box);

#endif
