/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/leveretctl/files.h"

#include <errno.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "tools/leveretctl/call.h"
#include "tools/leveretctl/client.h"

/* Where a password stands among the arguments. */
static const struct {
    enum command_id command;
    size_t index;
} passwords[] = {
    {COMMAND_add_user, 1},
    {COMMAND_change_password, 1},
    {COMMAND_authenticate_user, 1},
    {COMMAND_hash_password, 0},
};

static int complain(const struct call *call, const char *path, int exit_code) {
    struct text sentence = {0};

    text_append_format(&sentence, "%s: %s", path, strerror(errno));
    client_complain(call, text_chars(&sentence));
    text_clear(&sentence);
    return exit_code;
}

/* --- in --- */

static bool read_all(FILE *file, struct text *content) {
    char chunk[65536];
    size_t len;

    while ((len = fread(chunk, 1, sizeof chunk, file)) > 0)
        text_append(content, slice_of(chunk, len));
    return !ferror(file);
}

static int read_definitions(struct call *call, struct text *content) {
    const char *path = call->argument_count == 0 ? "-" : call->arguments[0];
    bool is_standard = strcmp(path, "-") == 0;
    FILE *file = is_standard ? stdin : fopen(path, "re");

    if (file == NULL)
        return complain(call, path, EX_NOINPUT);
    bool good = read_all(file, content);
    if (!is_standard)
        fclose(file);
    if (!good)
        return complain(call, path, EX_IOERR);
    call->shown_argument = path;
    call->arguments[0] = text_chars(content);
    call->argument_count = 1;
    return EX_OK;
}

static int read_password(struct call *call, struct text *content) {
    if (isatty(STDIN_FILENO))
        fputs("Password: ", stderr);
    if (!read_all(stdin, content))
        return complain(call, "standard input", EX_IOERR);
    size_t len = strcspn(text_chars(content), "\r\n");
    if (len == 0) {
        client_complain(call, "a password is wanted, as an argument or on standard input");
        return EX_USAGE;
    }
    content->chars[len] = '\0';
    call->arguments[call->argument_count++] = content->chars;
    return EX_OK;
}

int files_fill_in(struct call *call, struct text *content) {
    if (call->command == COMMAND_import_definitions)
        return read_definitions(call, content);
    for (size_t i = 0; i < sizeof passwords / sizeof passwords[0]; i++) {
        if (call->command == passwords[i].command && call->argument_count == passwords[i].index)
            return read_password(call, content);
    }
    return EX_OK;
}

/* --- out --- */

static bool writes_file(const struct call *call) {
    return call->command == COMMAND_export_definitions && strcmp(call->arguments[0], "-") != 0;
}

FILE *files_open_output(const struct call *call) {
    FILE *file = writes_file(call) ? fopen(call->arguments[0], "we") : stdout;

    if (file == NULL)
        complain(call, call->arguments[0], EX_CANTCREAT);
    return file;
}

int files_close_output(const struct call *call, FILE *file) {
    if (file == stdout || fclose(file) == 0)
        return EX_OK;
    return complain(call, call->arguments[0], EX_IOERR);
}
