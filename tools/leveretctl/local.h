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
int local_await_online_nodes(const struct call *call);
int local_report(const struct call *call);
int local_tls_versions(const struct call *call);
int local_log_tail(const struct call *call);
int local_autocomplete(const struct call *call);
int local_tls_init(const struct call *call);

/* What leveretctl is, and all commands by group. */
void help_print(void);
void help_print_command(const char *name);

#endif
