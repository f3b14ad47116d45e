/* SPDX-License-Identifier: Apache-2.0 */
/* What administrators say about a vhost: description, tags, default queue type, limits. */
#include "broker/base/alloc.h"
#include "broker/entities/queue_args.h"
#include "broker/entities/store.h"
#include "broker/entities/trace.h"
#include "broker/entities/vhost.h"

bool vhost_queue_type_is_known(struct slice name) {
    return name.len == 0 || queue_type_named(name) != 0;
}

void vhost_metadata_clear(struct vhost_metadata *metadata) {
    free_slice(metadata->description);
    free_slice(metadata->tags);
    free_slice(metadata->default_queue_type);
    *metadata = (struct vhost_metadata){0};
}

void vhost_set_metadata(struct vhost *vhost, const struct vhost_metadata *metadata) {
    struct vhost_metadata copied = {
        .description = xcopy_slice(metadata->description),
        .tags = xcopy_slice(metadata->tags),
        .default_queue_type = xcopy_slice(metadata->default_queue_type),
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
