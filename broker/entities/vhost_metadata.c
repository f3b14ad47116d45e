/* SPDX-License-Identifier: Apache-2.0 */
/* What administrators say about a vhost: description, tags, default queue type, limits. */
#include <stdlib.h>
#include <string.h>

#include "broker/base/alloc.h"
#include "broker/entities/queue_args.h"
#include "broker/entities/store.h"
#include "broker/entities/trace.h"
#include "broker/entities/vhost.h"

static struct slice copy(struct slice text) {
    uint8_t *octets = xmalloc(text.len + 1);

    if (text.len > 0)
        memcpy(octets, text.data, text.len);
    return slice_of(octets, text.len);
}

bool vhost_queue_type_is_known(struct slice name) {
    return name.len == 0 || queue_type_named(name) != 0;
}

void vhost_metadata_clear(struct vhost_metadata *metadata) {
    free((void *)(uintptr_t)metadata->description.data);
    free((void *)(uintptr_t)metadata->tags.data);
    free((void *)(uintptr_t)metadata->default_queue_type.data);
    *metadata = (struct vhost_metadata){0};
}

void vhost_set_metadata(struct vhost *vhost, const struct vhost_metadata *metadata) {
    struct vhost_metadata copied = {
        .description = copy(metadata->description),
        .tags = copy(metadata->tags),
        .default_queue_type = copy(metadata->default_queue_type),
        .protected_from_deletion = metadata->protected_from_deletion,
        .tracing = metadata->tracing,
    };

    const bool switches_tracing = copied.tracing != vhost->metadata.tracing;
    vhost_metadata_clear(&vhost->metadata);
    vhost->metadata = copied;
    if (switches_tracing)
        trace_switched(vhost);
    store_put_vhost(vhost);
}

void vhost_set_limits(struct vhost *vhost, struct vhost_limits limits) {
    vhost->limits = limits;
    store_put_vhost(vhost);
}
