/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/base/json.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "broker/base/secret.h"

/* jansson's words up to where it quotes the document. */
static size_t safe_length(const char *sentence) {
    const char *quote = strstr(sentence, " near ");
    return quote == NULL ? strlen(sentence) : (size_t)(quote - sentence);
}

json_t *json_read(struct slice content, struct text *error) {
    json_error_t problem;
    json_t *tree = json_loadb((const char *)content.data, content.len, JSON_DECODE_ANY, &problem);
    if (tree == NULL)
        text_append_format(error, "line %d, column %d: %.*s", problem.line, problem.column,
                           (int)safe_length(problem.text), problem.text);
    return tree;
}

static int append_chunk(const char *chunk, size_t len, void *context) {
    text_append(context, slice_of(chunk, len));
    return 0;
}

void json_append(struct text *text, const json_t *value) {
    json_dump_callback(value, append_chunk, text, JSON_COMPACT | JSON_ENCODE_ANY);
}

static void wipe_and_free(void *block) {
    if (block != NULL)
        secret_wipe(block, malloc_usable_size(block));
    free(block);
}

void json_wipe_what_is_freed(void) {
    json_set_alloc_funcs(malloc, wipe_and_free);
}
