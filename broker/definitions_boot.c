/* SPDX-License-Identifier: Apache-2.0 */
#include "broker/definitions_boot.h"

#include <errno.h>
#include <glob.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "broker/base/alloc.h"
#include "broker/entities/broker.h"
#include "broker/entities/definitions.h"
#include "broker/entities/global_parameter.h"
#include "broker/entities/user.h"

#define FILE_SIZE_MAX (1024u * 1024u * 1024u)
#define CHUNK_SIZE    65536u

/* Not exported: it is about the files of this machine. */
#define HASH_PARAMETER SLICE("internal_imported_definitions_hash")

static bool complain(struct text *error, const char *path, const char *sentence) {
    text_append_format(error, "definitions of %s: %s", path, sentence);
    return false;
}

/* Appends the file's octets. */
static bool read_file(const char *path, struct text *content, struct text *error) {
    char chunk[CHUNK_SIZE];
    size_t len;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return complain(error, path, strerror(errno));
    while ((len = fread(chunk, 1, sizeof chunk, file)) > 0 && content->len < FILE_SIZE_MAX)
        text_append(content, slice_of(chunk, len));
    bool good = !ferror(file) && content->len < FILE_SIZE_MAX;
    fclose(file);
    return good || complain(error, path, "the file cannot be read, or is too large");
}

static bool load_file(struct broker *broker, const char *path, struct text *error) {
    struct text content = {0}, problem = {0};
    bool good = read_file(path, &content, error);
    if (good && !definitions_import_text(broker, text_slice(&content), &problem))
        good = complain(error, path, text_chars(&problem));
    secret_wipe(content.chars, content.len);
    text_clear(&content);
    text_clear(&problem);
    return good;
}

/* --- files that were imported before --- */

/* A JSON string: the digest of all that the files say. */
static bool digest_files(const glob_t *files, struct text *digest, struct text *error) {
    uint8_t octets[EVP_MAX_MD_SIZE];
    unsigned len = 0;
    struct text content = {0};
    bool good = true;
    for (size_t i = 0; i < files->gl_pathc && good; i++)
        good = read_file(files->gl_pathv[i], &content, error);
    if (good &&
        EVP_Digest(text_chars(&content), content.len, octets, &len, EVP_sha256(), NULL) != 1)
        good = complain(error, files->gl_pathv[0], "there is no SHA-256");
    text_append(digest, SLICE("\""));
    for (unsigned i = 0; i < len; i++)
        text_append_format(digest, "%02x", octets[i]);
    text_append(digest, SLICE("\""));
    secret_wipe(content.chars, content.len);
    text_clear(&content);
    return good;
}

static bool were_imported(const struct broker *broker, const struct text *digest) {
    const struct global_parameter *known = global_parameter_find(broker, HASH_PARAMETER);
    return known != NULL && slice_equal(known->value, text_slice(digest));
}

/* --- at the start --- */

static bool import_files(struct broker *broker, const glob_t *files, struct text *error) {
    for (size_t i = 0; i < files->gl_pathc; i++) {
        if (!load_file(broker, files->gl_pathv[i], error))
            return false;
        log_info(&broker->env->log, "Imported definitions of %s", files->gl_pathv[i]);
    }
    return true;
}

static bool import_changed_files(struct broker *broker, const glob_t *files, struct text *error) {
    struct text digest = {0};
    struct refusal refusal;
    bool good = digest_files(files, &digest, error);
    if (good && were_imported(broker, &digest))
        log_info(&broker->env->log, "Definitions were imported before and have not changed");
    else if (good)
        good = import_files(broker, files, error) &&
               global_parameter_set(broker, HASH_PARAMETER, text_slice(&digest), &refusal);
    text_clear(&digest);
    return good;
}

/* Who can log in now: what people ask first when definitions have replaced the default user. */
static void log_users(const struct broker *broker) {
    struct text names = {0};
    for (const struct user *user = broker->users; user != NULL; user = user->by_name.next)
        text_append_format(&names, "%s" SLICE_FMT, names.len > 0 ? ", " : "",
                           SLICE_ARG(user->name));
    log_info(&broker->env->log, "Users: %s", names.len > 0 ? text_chars(&names) : "none");
    text_clear(&names);
}

/* A folder stands for the *.json in it. */
static bool find_files(const char *path, glob_t *files, struct text *error) {
    struct stat status;
    struct text pattern = {0};
    text_append_format(&pattern, "%s", path);
    bool is_folder = stat(path, &status) == 0 && S_ISDIR(status.st_mode);
    if (is_folder)
        text_append(&pattern, SLICE("/*.json"));
    int result =
        glob(text_chars(&pattern), is_folder ? 0 : GLOB_NOCHECK | GLOB_NOESCAPE, NULL, files);
    text_clear(&pattern);
    return result == 0 || complain(error, path, "there is no *.json in this folder");
}

bool definitions_boot(struct broker *broker, const struct config *config, struct text *error) {
    glob_t files = {0};
    if (config->definitions_path == NULL)
        return true;
    bool good = find_files(config->definitions_path, &files, error) &&
                (config->definitions_skip_if_unchanged ? import_changed_files(broker, &files, error)
                                                       : import_files(broker, &files, error));
    globfree(&files);
    if (good)
        log_users(broker);
    return good;
}
