/* SPDX-License-Identifier: Apache-2.0 */
/* The commands that leveretctl does by itself. Each returns an exit code of sysexits. */
#ifndef LEVERET_TOOLS_LEVERETCTL_LOCAL_H
#define LEVERET_TOOLS_LEVERETCTL_LOCAL_H

struct call;

int local_await_startup(const struct call *call);
int local_check_port_connectivity(const struct call *call);
int local_wait(const struct call *call);
int local_version(const struct call *call);
int local_help(const struct call *call);
int local_list_commands(const struct call *call);
int local_tls_init(const struct call *call);

/* What leveretctl is, and all commands by group. */
void help_print(void);
void help_print_command(const char *name);

#endif
