/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that leveretctl does by itself. Each returns an exit code of sysexits. */
#ifndef LEVERET_TOOLS_LEVERETCTL_LOCAL_H
#define LEVERET_TOOLS_LEVERETCTL_LOCAL_H

struct call;

int local_await_startup(const struct call *call);
int local_check_port_connectivity(const struct call *call);
int local_plugins_list(const struct call *call);
int local_plugins_enable(const struct call *call);
int local_plugins_set(const struct call *call);
int local_plugins_disable(const struct call *call);
int local_plugins_is_enabled(const struct call *call);
int local_completion(const struct call *call);
int local_manual(const struct call *call);
int local_wait(const struct call *call);
int local_version(const struct call *call);
int local_help(const struct call *call);
int local_list_commands(const struct call *call);
int local_tls_init(const struct call *call);

/* Those that only say that they are not implemented. */
int local_join_cluster(const struct call *call);
int local_force_boot(const struct call *call);
int local_forget_cluster_node(const struct call *call);
int local_change_cluster_node_type(const struct call *call);
int local_rename_cluster_node(const struct call *call);
int local_update_cluster_nodes(const struct call *call);
int local_await_online_nodes(const struct call *call);
int local_sync_queue(const struct call *call);
int local_cancel_sync_queue(const struct call *call);
int local_grow(const struct call *call);
int local_shrink(const struct call *call);
int local_rebalance(const struct call *call);
int local_add_member(const struct call *call);
int local_delete_member(const struct call *call);
int local_suspend_listeners(const struct call *call);
int local_resume_listeners(const struct call *call);
int local_environment(const struct call *call);
int local_encode(const struct call *call);
int local_decode(const struct call *call);
int local_eval_file(const struct call *call);
int local_exec(const struct call *call);
int local_observer(const struct call *call);
int local_force_gc(const struct call *call);
int local_hipe_compile(const struct call *call);

/* What leveretctl is, and all commands by group. */
void help_print(void);
void help_print_command(const char *name);

#endif
