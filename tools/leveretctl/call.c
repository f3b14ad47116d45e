/* SPDX-License-Identifier: Apache-2.0 */
/* First the words are told from the options, then the words name a command, then all is checked. */
#include "tools/leveretctl/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "broker/base/alloc.h"

struct reading {
    struct call *call;
    struct text *error;
    char **argv;
    int argc;
    int at;
    const char *words[CALL_WORDS_MAX];
    size_t word_count;
    const char *unknown_option; /* the first that no command has; NULL: none */
};

/* --- the client's own options --- */

static bool set_format(struct call *call, const char *value) {
    static const char *const names[] = {"table", "pretty_table", "csv",
                                        "json",  "json_stream",  "erlang"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (strcmp(value, names[i]) == 0) {
            call->format = (enum call_format)i;
            return true;
        }
    }
    return false;
}

static bool set_socket(struct call *call, const char *value) {
    call->socket = value;
    return true;
}

static bool set_data_directory(struct call *call, const char *value) {
    call->data_directory = value;
    return true;
}

static bool set_json(struct call *call, const char *value) {
    (void)value;
    call->format = CALL_FORMAT_JSON;
    return true;
}

static bool set_node(struct call *call, const char *value) {
    call->node = value;
    return true;
}

static bool set_vhost(struct call *call, const char *value) {
    call->vhost = value;
    return true;
}

/* Also "infinity", as RabbitMQ's tools. */
static bool set_timeout(struct call *call, const char *value) {
    char *end;
    long seconds = strtol(value, &end, 10);

    call->timeout = value;
    call->timeout_s = 0;
    if (strcmp(value, "infinity") == 0)
        return true;
    if (end == value || *end != '\0' || seconds < 0 || seconds > 1000000)
        return false;
    call->timeout_s = (int)seconds;
    return true;
}

static bool set_longnames(struct call *call, const char *value) {
    (void)value;
    return call->longnames = true;
}

/* There is no cookie, and every broker is online. */
static bool set_nothing(struct call *call, const char *value) {
    (void)call;
    (void)value;
    return true;
}

static bool set_silent(struct call *call, const char *value) {
    (void)value;
    return call->silent = true;
}

static bool set_no_headers(struct call *call, const char *value) {
    (void)value;
    return call->no_headers = true;
}

static bool set_offline(struct call *call, const char *value) {
    (void)value;
    return call->offline = true;
}

static bool set_dry_run(struct call *call, const char *value) {
    (void)value;
    return call->dry_run = true;
}

static bool set_quiet(struct call *call, const char *value) {
    (void)value;
    return call->quiet = true;
}

static bool set_help(struct call *call, const char *value) {
    (void)value;
    return call->wants_help = true;
}

static bool set_version(struct call *call, const char *value) {
    (void)value;
    return call->wants_version = true;
}

static const struct client_option {
    const char *name;
    const char *letter; /* the same in short; NULL: none */
    bool takes_value;
    bool (*set)(struct call *call, const char *value);
    const char *expected; /* when set() said no */
} client_options[] = {
    {"socket", NULL, true, set_socket, ""},
    {"data-dir", NULL, true, set_data_directory, ""},
    {"formatter", NULL, true, set_format, "table, pretty_table, csv, json, json_stream or erlang"},
    {"json", NULL, false, set_json, ""},
    {"node", "n", true, set_node, ""},
    {"vhost", "p", true, set_vhost, ""},
    {"timeout", "t", true, set_timeout, "seconds"},
    {"longnames", "l", false, set_longnames, ""},
    {"erlang-cookie", NULL, true, set_nothing, ""},
    {"silent", "s", false, set_silent, ""},
    {"no-table-headers", NULL, false, set_no_headers, ""},
    {"offline", NULL, false, set_offline, ""},
    {"online", NULL, false, set_nothing, ""},
    {"dry-run", NULL, false, set_dry_run, ""},
    {"quiet", "q", false, set_quiet, ""},
    {"help", "h", false, set_help, ""},
    {"version", NULL, false, set_version, ""},
};

static const struct client_option *find_client_option(const char *name, bool is_letter) {
    for (size_t i = 0; i < sizeof client_options / sizeof client_options[0]; i++) {
        const char *known = is_letter ? client_options[i].letter : client_options[i].name;
        if (known != NULL && strcmp(known, name) == 0)
            return &client_options[i];
    }
    return NULL;
}

/* --- options --- */

/* The name of `--name=value` or `-x`, kept until call_clear(); `ret_value` NULL when none is attached. */
static const char *option_name(struct call *call, const char *word, const char **ret_value) {
    const char *name = word + strspn(word, "-");
    size_t len = strcspn(name, "=");

    *ret_value = name[len] == '=' ? name + len + 1 : NULL;
    char *kept = strndup(name, len);
    call->names[call->name_count++] = kept;
    return kept;
}

static bool known_to_any_command(const char *name, bool *ret_takes_value) {
    for (int i = 0; i < COMMAND_COUNT; i++) {
        if (command_has_option(&commands[i], name, ret_takes_value))
            return true;
    }
    return false;
}

/* Letters of commands' own options. */
static const struct {
    const char *letter;
    const char *name;
} option_letters[] = {{"e", "enabled"},
                      {"E", "explicitly-enabled"},
                      {"m", "minimal"},
                      {"N", "number"},
                      {"v", "verbose"}};

static const char *name_of_letter(const char *letter) {
    for (size_t i = 0; i < sizeof option_letters / sizeof option_letters[0]; i++) {
        if (strcmp(option_letters[i].letter, letter) == 0)
            return option_letters[i].name;
    }
    return letter;
}

static bool take_value(struct reading *reading, const char *name, const char **value) {
    if (*value != NULL)
        return true;
    if (reading->at == reading->argc) {
        text_append_format(reading->error, "--%s wants a value", name);
        return false;
    }
    *value = reading->argv[reading->at++];
    return true;
}

static bool read_client_option(struct reading *reading, const struct client_option *option,
                               const char *value) {
    if (option->takes_value && !take_value(reading, option->name, &value))
        return false;
    if (option->set(reading->call, value))
        return true;
    text_append_format(reading->error, "--%s %s: expected %s", option->name, value,
                       option->expected);
    return false;
}

static bool read_option(struct reading *reading, const char *word) {
    struct call *call = reading->call;
    const char *value;
    bool takes_value;
    const char *name = option_name(call, word, &value);
    const struct client_option *option = find_client_option(name, word[1] != '-');

    if (option != NULL)
        return read_client_option(reading, option, value);
    if (word[1] != '-')
        name = name_of_letter(name);
    if (!known_to_any_command(name, &takes_value)) {
        if (reading->unknown_option == NULL)
            reading->unknown_option = word;
        return true;
    }
    if (takes_value && !take_value(reading, name, &value))
        return false;
    call->options[call->option_count++] =
        (struct call_option){.name = name, .value = takes_value ? value : ""};
    return true;
}

static bool read_words(struct reading *reading) {
    bool options_ended = false;

    while (reading->at < reading->argc) {
        const char *word = reading->argv[reading->at++];
        if (!options_ended && strcmp(word, "--") == 0) {
            options_ended = true;
        } else if (!options_ended && word[0] == '-' && word[1] != '\0') {
            if (!read_option(reading, word))
                return false;
        } else {
            reading->words[reading->word_count++] = word;
        }
    }
    return true;
}

/* --- the command --- */

static bool refuse_command(struct reading *reading) {
    char two[128] = "";
    const struct command *nearest = command_nearest(reading->words[0]);

    if (nearest == NULL && reading->word_count > 1) {
        snprintf(two, sizeof two, "%s %s", reading->words[0], reading->words[1]);
        nearest = command_nearest(two);
    }
    text_append_format(reading->error, "there is no command '%s'", reading->words[0]);
    if (nearest != NULL)
        text_append_format(reading->error, "; did you mean '%s'?", nearest->name);
    return false;
}

static bool refuse_usage(struct reading *reading, const char *why, const char *what) {
    const struct command *command = &commands[reading->call->command];
    text_append_format(reading->error, "%s%s\nusage: %s %s%s%s", why, what, reading->call->program,
                       command->name, command->usage[0] == '\0' ? "" : " ", command->usage);
    return false;
}

static bool check_options(struct reading *reading) {
    const struct call *call = reading->call;
    bool takes_value;

    for (size_t i = 0; i < call->option_count; i++) {
        if (!command_has_option(&commands[call->command], call->options[i].name, &takes_value))
            return refuse_usage(reading, "this command has no option --", call->options[i].name);
    }
    return true;
}

static bool check_arguments(struct reading *reading) {
    struct call *call = reading->call;
    size_t minimum, maximum;

    command_argument_bounds(&commands[call->command], &minimum, &maximum);
    if (call->argument_count < minimum)
        return refuse_usage(reading, "too few arguments", "");
    if (call->argument_count > maximum)
        return refuse_usage(reading, "too many arguments, from: ", call->arguments[maximum]);
    return true;
}

/* "list" is "plugins list", while "help" and "version" stay what they are. */
static void put_plugins_first(struct reading *reading) {
    const char *two[] = {"plugins", reading->words[0]};
    size_t used = 0;

    if (command_find(two, 2, &used) == COMMAND_COUNT || used != 2)
        return;
    memmove(reading->words + 1, reading->words, reading->word_count * sizeof(char *));
    reading->words[0] = two[0];
    reading->word_count++;
}

/* What stands behind the last slash of `path`. */
static const char *program_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

static bool refuse_option(struct reading *reading) {
    text_append_format(reading->error, "no command has an option %s", reading->unknown_option);
    return false;
}

static bool read_command(struct reading *reading) {
    struct call *call = reading->call;
    size_t used = 0;

    call->command = COMMAND_COUNT;
    if (reading->word_count == 0)
        return reading->unknown_option == NULL || refuse_option(reading);
    if (strcmp(call->program, "rabbitmq-plugins") == 0)
        put_plugins_first(reading);
    call->command = command_find(reading->words, reading->word_count, &used);
    if (call->command == COMMAND_COUNT)
        return refuse_command(reading);
    if (commands[call->command].place == COMMAND_ABSENT)
        return true; /* whatever stands behind it */
    if (reading->unknown_option != NULL)
        return refuse_option(reading);
    call->argument_count = reading->word_count - used;
    memcpy(call->arguments, reading->words + used, call->argument_count * sizeof(char *));
    return call->wants_help || (check_options(reading) && check_arguments(reading));
}

int call_parse(struct call *call, int argc, char **argv, struct text *error) {
    struct reading reading = {.call = call, .error = error, .argv = argv, .argc = argc, .at = 1};

    memset(call, 0, sizeof *call);
    call->program = program_of(argc > 0 ? argv[0] : "leveretctl");
    call->is_rabbitmq = strncmp(call->program, "rabbitmq", strlen("rabbitmq")) == 0;
    if (argc >= CALL_WORDS_MAX) {
        text_append(error, SLICE("too many words"));
        return EX_USAGE;
    }
    return read_words(&reading) && read_command(&reading) ? EX_OK : EX_USAGE;
}

void call_clear(struct call *call) {
    for (size_t i = 0; i < call->name_count; i++)
        free(call->names[i]);
}

const char *call_option(const struct call *call, const char *name) {
    for (size_t i = 0; i < call->option_count; i++) {
        if (strcmp(call->options[i].name, name) == 0)
            return call->options[i].value;
    }
    return NULL;
}
