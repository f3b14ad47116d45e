/* SPDX-License-Identifier: Apache-2.0 */
/*
 * leveretctl: looks after a running broker. The commands are a table (broker/base/commands.def); this
 * program checks a call against it, does the LOCAL ones, and asks the broker for the rest.
 */
#include <signal.h>
#include <stdio.h>
#include <sysexits.h>

#include "tools/leveretctl/call.h"
#include "tools/leveretctl/client.h"
#include "tools/leveretctl/local.h"

typedef int local_command(const struct call *call);

/* The help says in one sentence why it is not here. */
static int refuse_absent(const struct call *call) {
    client_complain(call, commands[call->command].help);
    return EX_USAGE;
}

static local_command *const local_commands[COMMAND_COUNT] = {
#define LOCAL_COMMAND_LOCAL(identifier)  local_##identifier
#define LOCAL_COMMAND_BROKER(identifier) NULL
#define LOCAL_COMMAND_ABSENT(identifier) refuse_absent
#define COMMAND(identifier, name, usage, place, ...) \
    [COMMAND_##identifier] = LOCAL_COMMAND_##place(identifier),
#include "broker/base/commands.def"
#undef COMMAND
};

static int run(struct call *call) {
    if (call->wants_version) {
        puts("leveretctl " LEVERET_VERSION);
        return EX_OK;
    }
    if (call->command == COMMAND_COUNT) {
        help_print();
        return call->wants_help ? EX_OK : EX_USAGE;
    }
    if (call->wants_help) {
        help_print_command(commands[call->command].name);
        return EX_OK;
    }
    if (call->dry_run)
        return EX_OK;
    if (commands[call->command].place != COMMAND_BROKER)
        return local_commands[call->command](call);
    return client_run(call);
}

int main(int argc, char **argv) {
    struct call call;
    struct text error = {0};

    signal(SIGPIPE, SIG_IGN);
    int result = call_parse(&call, argc, argv, &error);
    if (result == EX_OK)
        result = run(&call);
    else
        fprintf(stderr, "%s: %s\n%s help tells more\n", call.program, text_chars(&error),
                call.program);
    call_clear(&call);
    text_clear(&error);
    return result;
}
