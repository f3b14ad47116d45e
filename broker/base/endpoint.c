/* SPDX-License-Identifier: Apache-2.0 */
/* The few verbs of an endpoint that are the same for every protocol. */
#include "broker/base/endpoint.h"

void endpoint_init(struct endpoint *endpoint, const struct endpoint_ops *ops,
                   struct endpoint_lists *lists, struct outbuf_pool *pool) {
    *endpoint = (struct endpoint){.ops = ops, .lists = lists};
    list_init(&endpoint->dirty_link);
    outbuf_init(&endpoint->output, pool);
}

void endpoint_close(struct endpoint *endpoint, bool reset) {
    endpoint->closing = true;
    endpoint->reset = endpoint->reset || reset;
    endpoint_mark_dirty(endpoint);
}

void endpoint_yield(struct endpoint *endpoint) {
    endpoint->yielded = true;
    endpoint_mark_dirty(endpoint);
}

void endpoint_pause_input(struct endpoint *endpoint, bool paused) {
    if (endpoint->input_paused == paused)
        return;
    endpoint->input_paused = paused;
    endpoint_mark_dirty(endpoint);
}
