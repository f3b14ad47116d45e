/* SPDX-License-Identifier: Apache-2.0 */
/* Everything about commands comes from the table of commands. */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "tools/leveretctl/call.h"
#include "tools/leveretctl/local.h"

static const char help_begin[] =
    "usage: leveretctl COMMAND [ARGUMENT...] [OPTION...]\n"
    "\n"
    "Asks the broker on this machine to do something, over the Unix socket in its data directory.\n"
    "`leveretctl help COMMAND` explains one command.\n";

static const char help_end[] =
    "\n"
    "Options of every command:\n"
    "  --socket PATH      where the broker listens; otherwise $LEVERET_CONTROL_SOCKET, or "
    "control.sock\n"
    "                     in the data directory that a broker of this user would have\n"
    "  --data-dir DIR     the broker's data directory\n"
    "  --formatter NAME   table, pretty_table, csv, json, json_stream or erlang; --json for json\n"
    "  -q, --quiet        only what was asked for: no column names\n"
    "  -t, --timeout N    seconds to wait for an answer, exit code 75 when none came\n"
    "  -n, --node NAME    do it only if this is the broker's name; exit code 69 otherwise\n"
    "  -p, --vhost NAME   the virtual host, of commands that are about one (/)\n"
    "  --dry-run          only check the command line\n"
    "  --help, --version\n"
    "\n"
    "Exit codes: 0 done, 64 usage, 65 input is wrong, 69 no broker there, 70 it could not be "
    "done,\n"
    "73 a file cannot be made, 75 too late, 77 not permitted to, 78 configuration.\n"
    "\n"
    "Under the names rabbitmqctl, rabbitmq-diagnostics, rabbitmq-plugins, rabbitmq-queues,\n"
    "rabbitmq-streams and rabbitmq-upgrade it talks as these do: -q leaves the first line out,\n"
    "-s and --no-table-headers the column names; RABBITMQ_NODENAME counts as -n, and -l allows\n"
    "a domain in a name.\n";

/* Names are told apart by two blanks: some are two words. */
static void print_absent(void) {
    int column = 0;

    puts("\nRabbitMQ's that are not here (`help COMMAND` says why; the exit code is 64):");
    for (int i = 0; i < COMMAND_COUNT; i++) {
        if (commands[i].place != COMMAND_ABSENT)
            continue;
        if (column + (int)strlen(commands[i].name) > 90)
            column = printf("\n") - 1;
        column += printf("  %s ", commands[i].name);
    }
    putchar('\n');
}

static void print_group(const char *group) {
    printf("\n%c%s:\n", group[0] - 'a' + 'A', group + 1);
    for (int i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].group, group) == 0)
            printf("  %-24s %s\n", commands[i].name, commands[i].help);
    }
}

static bool is_first_of_group(int index) {
    for (int i = 0; i < index; i++) {
        if (strcmp(commands[i].group, commands[index].group) == 0)
            return false;
    }
    return true;
}

void help_print(void) {
    fputs(help_begin, stdout);
    for (int i = 0; i < COMMAND_COUNT; i++) {
        if (is_first_of_group(i) && commands[i].place != COMMAND_ABSENT)
            print_group(commands[i].group);
    }
    print_absent();
    fputs(help_end, stdout);
}

static void print_command(const struct command *command) {
    printf("usage: leveretctl %s%s%s\n\n%c%s.\n", command->name,
           command->usage[0] == '\0' ? "" : " ", command->usage,
           command->help[0] >= 'a' ? command->help[0] - 'a' + 'A' : command->help[0],
           command->help + 1);
    if (command->details[0] != '\0')
        printf("\n%s\n", command->details);
}

void help_print_command(const char *name) {
    for (int i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0)
            print_command(&commands[i]);
    }
}

int local_help(const struct call *call) {
    size_t used;
    enum command_id id = command_find(call->arguments, call->argument_count, &used);

    if (call->argument_count == 0) {
        help_print();
        return EX_OK;
    }
    if (id == COMMAND_COUNT) {
        const struct command *nearest = command_nearest(call->arguments[0]);
        fprintf(stderr, "leveretctl: there is no command '%s'%s%s%s\n", call->arguments[0],
                nearest == NULL ? "" : "; did you mean '", nearest == NULL ? "" : nearest->name,
                nearest == NULL ? "" : "'?");
        return EX_USAGE;
    }
    print_command(&commands[id]);
    return EX_OK;
}

int local_version(const struct call *call) {
    (void)call;
    puts(LEVERET_VERSION);
    return EX_OK;
}

/* As `autocomplete` of RabbitMQ's tools. */
int local_autocomplete(const struct call *call) {
    const char *prefix = call->arguments[0];

    for (int i = 0; i < COMMAND_COUNT; i++) {
        if (commands[i].place != COMMAND_ABSENT &&
            strncmp(commands[i].name, prefix, strlen(prefix)) == 0)
            puts(commands[i].name);
    }
    return EX_OK;
}

int local_list_commands(const struct call *call) {
    (void)call;
    for (int i = 0; i < COMMAND_COUNT; i++)
        puts(commands[i].name);
    return EX_OK;
}
