/* SPDX-License-Identifier: Apache-2.0 */
/* What RabbitMQ's tools have and this broker has not: a sentence says so, and the exit code is 64. */
#include <sysexits.h>

#include "tools/leveretctl/call.h"
#include "tools/leveretctl/client.h"
#include "tools/leveretctl/local.h"

static int refuse(const struct call *call) {
    client_complain(call, commands[call->command].help);
    return EX_USAGE;
}

#define NOT_IMPLEMENTED(identifier)                   \
    int local_##identifier(const struct call *call) { \
        return refuse(call);                          \
    }

NOT_IMPLEMENTED(join_cluster)
NOT_IMPLEMENTED(force_boot)
NOT_IMPLEMENTED(forget_cluster_node)
NOT_IMPLEMENTED(change_cluster_node_type)
NOT_IMPLEMENTED(rename_cluster_node)
NOT_IMPLEMENTED(update_cluster_nodes)
NOT_IMPLEMENTED(await_online_nodes)
NOT_IMPLEMENTED(sync_queue)
NOT_IMPLEMENTED(cancel_sync_queue)
NOT_IMPLEMENTED(grow)
NOT_IMPLEMENTED(shrink)
NOT_IMPLEMENTED(rebalance)
NOT_IMPLEMENTED(add_member)
NOT_IMPLEMENTED(delete_member)
NOT_IMPLEMENTED(suspend_listeners)
NOT_IMPLEMENTED(resume_listeners)
NOT_IMPLEMENTED(environment)
NOT_IMPLEMENTED(encode)
NOT_IMPLEMENTED(decode)
NOT_IMPLEMENTED(eval_file)
NOT_IMPLEMENTED(exec)
NOT_IMPLEMENTED(observer)
NOT_IMPLEMENTED(force_gc)
NOT_IMPLEMENTED(hipe_compile)
