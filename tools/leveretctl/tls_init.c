/* SPDX-License-Identifier: Apache-2.0 */
/* `leveretctl tls init`: makes what is missing, overwrites nothing, and says how to use it. */
#include <arpa/inet.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

#include "broker/base/text.h"
#include "tools/leveretctl/call.h"
#include "tools/leveretctl/certificate.h"
#include "tools/leveretctl/local.h"

#define DAYS_DEFAULT   825
#define DAYS_MAX       36500
#define CA_COMMON_NAME "Leveret development CA"

struct pair {
    struct text certificate;
    struct text key;
};

static struct pair pair_of(const char *directory, const char *name) {
    struct pair pair = {{0}, {0}};
    text_append_format(&pair.certificate, "%s/%s_certificate.pem", directory, name);
    text_append_format(&pair.key, "%s/%s_key.pem", directory, name);
    return pair;
}

static void pair_clear(struct pair *pair) {
    text_clear(&pair->certificate);
    text_clear(&pair->key);
}

static int complain(int exit_code, const char *what, const char *why) {
    fprintf(stderr, "leveretctl: %s: %s\n", what, why);
    return exit_code;
}

/* What the files hold, or a new identity that is saved there. */
static int load_or_make(const struct pair *pair, const struct certificate_request *request,
                        struct identity *identity) {
    const char *certificate = text_chars(&pair->certificate), *key = text_chars(&pair->key);

    if (access(certificate, F_OK) == 0 && access(key, F_OK) == 0) {
        if (!identity_load(certificate, key, identity))
            return complain(EX_DATAERR, certificate, "it or its key cannot be read");
        printf("kept  %s\n", certificate);
        return EX_OK;
    }
    if (!identity_make(request, identity))
        return complain(EX_DATAERR, request->common_name,
                        "no certificate can be made of this name");
    int result = identity_save(identity, certificate, key);
    if (result < 0)
        return complain(EX_CANTCREAT, certificate, strerror(-result));
    printf("made  %s\n", certificate);
    return EX_OK;
}

static int make_one(const char *directory, const char *name,
                    const struct certificate_request *request, struct identity *identity) {
    struct pair pair = pair_of(directory, name);
    int result = load_or_make(&pair, request, identity);
    pair_clear(&pair);
    return result;
}

/* "localhost,::1" as DNS:localhost,IP:::1 */
static void append_names(struct text *names, const char *list) {
    struct in6_addr address;

    while (*list != '\0') {
        char name[256];
        size_t len = strcspn(list, ",");
        snprintf(name, sizeof name, "%.*s", (int)len, list);
        bool is_address =
            inet_pton(AF_INET, name, &address) == 1 || inet_pton(AF_INET6, name, &address) == 1;
        if (len > 0)
            text_append_format(names, "%s%s:%s", names->len == 0 ? "" : ",",
                               is_address ? "IP" : "DNS", name);
        list += len + (list[len] == ',');
    }
}

static void append_default_names(struct text *names) {
    char host[HOST_NAME_MAX + 1] = "";

    append_names(names, "localhost,127.0.0.1,::1");
    gethostname(host, sizeof host - 1);
    if (host[0] != '\0' && strcmp(host, "localhost") != 0)
        append_names(names, host);
}

static int make_all(const struct call *call, const char *names, int days) {
    const char *directory = call->arguments[0];
    const char *client = call_option(call, "client");
    struct identity authority = {0}, server = {0}, user = {0};
    struct certificate_request request = {
        .kind = CERTIFICATE_AUTHORITY, .common_name = CA_COMMON_NAME, .days = days};

    int result = make_one(directory, "ca", &request, &authority);
    request.issuer = &authority;
    request.kind = CERTIFICATE_SERVER;
    request.common_name = "localhost";
    request.alternative_names = names;
    if (result == EX_OK)
        result = make_one(directory, "server", &request, &server);
    request.kind = CERTIFICATE_CLIENT;
    request.common_name = client == NULL ? "client" : client;
    request.alternative_names = NULL;
    if (result == EX_OK)
        result = make_one(directory, request.common_name, &request, &user);
    identity_clear(&authority);
    identity_clear(&server);
    identity_clear(&user);
    return result;
}

static void print_configuration(const char *directory) {
    char whole[PATH_MAX];

    if (realpath(directory, whole) == NULL)
        snprintf(whole, sizeof whole, "%s", directory);
    printf("\nFor rabbitmq.conf:\n\n"
           "  listeners.ssl.default = 5671\n"
           "  ssl_options.cacertfile = %s/ca_certificate.pem\n"
           "  ssl_options.certfile   = %s/server_certificate.pem\n"
           "  ssl_options.keyfile    = %s/server_key.pem\n"
           "  ssl_options.verify     = verify_peer\n"
           "  ssl_options.fail_if_no_peer_cert = false\n",
           whole, whole, whole);
}

static bool parse_days(const struct call *call, int *ret_days) {
    const char *text = call_option(call, "days");
    char *end;

    *ret_days = DAYS_DEFAULT;
    if (text == NULL)
        return true;
    long days = strtol(text, &end, 10);
    *ret_days = (int)days;
    return *text != '\0' && *end == '\0' && days >= 1 && days <= DAYS_MAX;
}

static bool is_file_name(const char *name) {
    return name == NULL || (name[0] != '\0' && name[0] != '.' && strchr(name, '/') == NULL);
}

int local_tls_init(const struct call *call) {
    const char *directory = call->arguments[0];
    const char *hostnames = call_option(call, "hostname");
    struct text names = {0};
    int days;

    if (!parse_days(call, &days))
        return complain(EX_USAGE, "--days", "expected a number from 1 to 36500");
    if (!is_file_name(call_option(call, "client")))
        return complain(EX_USAGE, "--client", "expected a name that can be a file's");
    if (mkdir(directory, S_IRWXU) != 0 && errno != EEXIST)
        return complain(EX_CANTCREAT, directory, strerror(errno));
    if (hostnames == NULL)
        append_default_names(&names);
    else
        append_names(&names, hostnames);
    int result = make_all(call, text_chars(&names), days);
    if (result == EX_OK)
        print_configuration(directory);
    text_clear(&names);
    return result;
}
