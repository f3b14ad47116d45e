/* SPDX-License-Identifier: Apache-2.0 */
/* Completions for shells and the manual page's source, out of the table of commands. */
#include <stdio.h>
#include <string.h>
#include <sysexits.h>

#include "tools/leveretctl/call.h"
#include "tools/leveretctl/client.h"
#include "tools/leveretctl/local.h"

static const char names[] = "leveretctl rabbitmqctl rabbitmq-diagnostics rabbitmq-queues "
                            "rabbitmq-streams rabbitmq-upgrade";

/* A command's name of two words completes as its first; what is not here is not offered. */
static bool is_offered(const struct command *command) {
    return command->place != COMMAND_ABSENT && strchr(command->name, ' ') == NULL;
}

static void print_names(void) {
    for (int i = 0; i < COMMAND_COUNT; i++) {
        if (is_offered(&commands[i]))
            printf(" %s", commands[i].name);
    }
    fputs(" plugins tls", stdout);
}

/* The options of a usage text. */
static void print_options(const char *usage) {
    for (const char *at = usage; (at = strstr(at, "[--")) != NULL; at++)
        printf(" %.*s", (int)strcspn(at + 1, " ]"), at + 1);
}

static void print_bash(void) {
    puts("_leveretctl() {\n"
         "    local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} choices\n"
         "    case $command in");
    for (int i = 0; i < COMMAND_COUNT; i++) {
        if (!is_offered(&commands[i]) || strstr(commands[i].usage, "[--") == NULL)
            continue;
        printf("    %s) choices='", commands[i].name);
        print_options(commands[i].usage);
        puts("' ;;");
    }
    fputs("    *) choices= ;;\n    esac\n    [ \"$COMP_CWORD\" = 1 ] && choices='", stdout);
    print_names();
    printf("'\n    COMPREPLY=($(compgen -W \"$choices --quiet --formatter --timeout --node\" -- "
           "\"$word\"))\n"
           "}\ncomplete -o default -F _leveretctl %s\n",
           names);
}

/* Quotes would end what stands between them. */
static void print_quoted(const char *text) {
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            fputs("'\\'", stdout);
        putchar(*text);
    }
}

static void print_zsh(void) {
    printf("#compdef %s\nlocal -a commands=(\n", names);
    for (int i = 0; i < COMMAND_COUNT; i++) {
        if (!is_offered(&commands[i]))
            continue;
        printf("  '%s:", commands[i].name);
        print_quoted(commands[i].help);
        puts("'");
    }
    puts(")\nif (( CURRENT == 2 )); then\n  _describe command commands\nelse\n  _files\nfi");
}

static void print_fish(void) {
    for (int i = 0; i < COMMAND_COUNT; i++) {
        if (!is_offered(&commands[i]))
            continue;
        printf("complete -c leveretctl -n __fish_use_subcommand -f -a %s -d '", commands[i].name);
        print_quoted(commands[i].help);
        puts("'");
    }
    puts("for name in rabbitmqctl rabbitmq-diagnostics\n    complete -c $name -w leveretctl\nend");
}

int local_completion(const struct call *call) {
    static const struct {
        const char *shell;
        void (*print)(void);
    } shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};

    for (size_t i = 0; i < sizeof shells / sizeof shells[0]; i++) {
        if (strcmp(shells[i].shell, call->arguments[0]) == 0) {
            shells[i].print();
            return EX_OK;
        }
    }
    client_complain(call, "there are completions for bash, zsh and fish");
    return EX_USAGE;
}

/* --- the manual page, as scdoc reads it --- */

static void print_escaped(const char *text) {
    for (; *text != '\0'; text++) {
        if (strchr("_*\\#<>`[]", *text) != NULL)
            putchar('\\');
        putchar(*text);
    }
}

static void print_command(const struct command *command) {
    printf("*");
    print_escaped(command->name);
    printf("* ");
    print_escaped(command->usage);
    printf("\n\t");
    print_escaped(command->help);
    puts("\n");
}

int local_manual(const struct call *call) {
    (void)call;
    puts(
        "leveretctl(8)\n\n# NAME\n\nleveretctl - looks after a running leveret\n\n# SYNOPSIS\n\n"
        "*leveretctl* _COMMAND_ [_ARGUMENT_...] [_OPTION_...]\n\n# DESCRIPTION\n\n"
        "Asks the broker on this machine to do something, over the Unix socket in its data "
        "directory; "
        "whoever may open that may do everything. The names rabbitmqctl, rabbitmq-diagnostics, "
        "rabbitmq-plugins, rabbitmq-queues, rabbitmq-streams and rabbitmq-upgrade are this program "
        "too, and make it talk as RabbitMQ's tools do. *leveretctl help* lists the options.\n\n"
        "# COMMANDS\n");
    for (int i = 0; i < COMMAND_COUNT; i++) {
        if (commands[i].place != COMMAND_ABSENT)
            print_command(&commands[i]);
    }
    puts("# NOT IMPLEMENTED\n\nCommands of RabbitMQ's tools that are not here, with exit code "
         "64:\n");
    for (int i = 0; i < COMMAND_COUNT; i++) {
        if (commands[i].place == COMMAND_ABSENT)
            print_command(&commands[i]);
    }
    puts("# SEE ALSO\n\nleveret(8), leveret.conf(5)");
    return EX_OK;
}
