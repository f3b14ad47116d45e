/* SPDX-License-Identifier: Apache-2.0 */
/* Everything about a call is read off the usage text, so that help can never say anything else. */
#include "broker/base/command.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "broker/base/similar.h"

#define WORD_SIZE 64
#define NAME_SIZE 128

const struct command commands[COMMAND_COUNT] = {
#define COMMAND(identifier, name, usage, place, group, banner, help, details) \
    [COMMAND_##identifier] = {name, usage, COMMAND_##place, group, banner, help, details},
#include "broker/base/commands.def"
#undef COMMAND
};

static enum command_id find_name(const char *name) {
    for (int i = 0; i < COMMAND_COUNT; i++) {
        if (strcmp(commands[i].name, name) == 0)
            return (enum command_id)i;
    }
    return COMMAND_COUNT;
}

enum command_id command_find(const char *const *words, size_t count, size_t *ret_words) {
    char two[NAME_SIZE];
    enum command_id found = COMMAND_COUNT;

    if (count >= 2) {
        snprintf(two, sizeof two, "%s %s", words[0], words[1]);
        found = find_name(two);
        *ret_words = 2;
    }
    if (found == COMMAND_COUNT && count >= 1) {
        found = find_name(words[0]);
        *ret_words = 1;
    }
    return found;
}

const struct command *command_nearest(const char *name) {
    const struct command *nearest = NULL;
    size_t nearest_distance = SIZE_MAX;
    struct slice wanted = slice_from_text(name);

    for (int i = 0; i < COMMAND_COUNT; i++) {
        struct slice candidate = slice_from_text(commands[i].name);
        size_t distance = similar_distance(wanted, candidate);
        if (distance < nearest_distance && similar_enough(wanted, candidate, distance)) {
            nearest = &commands[i];
            nearest_distance = distance;
        }
    }
    return nearest;
}

/* The next word of a usage text, cut at WORD_SIZE; false at the end. */
static bool next_word(const char **usage, char word[WORD_SIZE]) {
    const char *at = *usage + strspn(*usage, " ");
    size_t len = strcspn(at, " ");

    snprintf(word, WORD_SIZE, "%.*s", (int)len, at);
    *usage = at + len;
    return len > 0;
}

bool command_has_option(const struct command *command, const char *name, bool *ret_takes_value) {
    const char *usage = command->usage;
    char word[WORD_SIZE];

    while (next_word(&usage, word)) {
        size_t len = strcspn(word, "]");
        if (strncmp(word, "[--", 3) != 0 || strlen(name) != len - 3 ||
            strncmp(word + 3, name, len - 3) != 0)
            continue;
        *ret_takes_value = word[len] != ']';
        return true;
    }
    return false;
}

static bool ends_with(const char *word, const char *end) {
    size_t len = strlen(word), end_len = strlen(end);
    return len >= end_len && strcmp(word + len - end_len, end) == 0;
}

void command_argument_bounds(const struct command *command, size_t *ret_minimum,
                             size_t *ret_maximum) {
    const char *usage = command->usage;
    char word[WORD_SIZE];
    size_t minimum = 0, maximum = 0;
    bool any_number = false;

    while (next_word(&usage, word)) {
        if (strncmp(word, "[--", 3) == 0) {
            if (!ends_with(word, "]"))
                next_word(&usage, word); /* the option's value */
            continue;
        }
        minimum += word[0] != '[';
        maximum++;
        any_number |= ends_with(word, "...") || ends_with(word, "...]");
    }
    *ret_minimum = minimum;
    *ret_maximum = any_number ? SIZE_MAX : maximum;
}
