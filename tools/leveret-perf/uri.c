/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/leveret-perf/uri.h"

#include <ctype.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* A run of the text that is being parsed. */
struct part {
    const char *at;
    size_t len;
};

static struct part part_until(const char *at, const char *stop_characters) {
    return (struct part){at, strcspn(at, stop_characters)};
}

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (isxdigit((unsigned char)c))
        return tolower((unsigned char)c) - 'a' + 10;
    return -1;
}

/* Undoes the percent-encoding; false when it is broken or the result does not fit. */
static bool decode(struct part part, char *ret, size_t size) {
    size_t length = 0;

    for (size_t i = 0; i < part.len; i++) {
        char c = part.at[i];
        if (c == '%') {
            int high = i + 2 < part.len ? hex_digit(part.at[i + 1]) : -1;
            int low = high >= 0 ? hex_digit(part.at[i + 2]) : -1;
            if (low < 0)
                return false;
            c = (char)(high * 16 + low);
            i += 2;
        }
        if (length + 1 >= size)
            return false;
        ret[length++] = c;
    }
    ret[length] = '\0';
    return true;
}

static bool parse_user(struct part part, struct uri *uri) {
    struct part user = part_until(part.at, ":@");

    if (!decode(user, uri->user, sizeof uri->user))
        return false;
    if (user.len == part.len)
        return true;
    return decode((struct part){user.at + user.len + 1, part.len - user.len - 1}, uri->password,
                  sizeof uri->password);
}

static bool parse_port(struct part part, struct uri *uri) {
    if (part.len == 0 || part.len > 5 || strspn(part.at, "0123456789") < part.len)
        return false;
    return decode(part, uri->port, sizeof uri->port) && atoi(uri->port) <= 65535;
}

/* host, host:port, [address] or [address]:port */
static bool parse_host(struct part part, struct uri *uri) {
    bool bracketed = part.len > 0 && part.at[0] == '[';
    struct part host = bracketed ? part_until(part.at + 1, "]/") : part_until(part.at, ":/");
    const char *rest = host.at + host.len;

    if (bracketed && *rest++ != ']')
        return false;
    if (host.len > 0 && !decode(host, uri->host, sizeof uri->host))
        return false;
    if (rest == part.at + part.len)
        return true;
    return *rest == ':' &&
           parse_port((struct part){rest + 1, (size_t)(part.at + part.len - rest - 1)}, uri);
}

bool uri_parse(const char *text, struct uri *ret_uri) {
    static const struct uri usual[] = {{false, "guest", "guest", "localhost", "5672", "/"},
                                       {true, "guest", "guest", "localhost", "5671", "/"}};
    static const char *const schemes[] = {"amqp://", "amqps://"};
    bool is_tls = strncmp(text, schemes[1], strlen(schemes[1])) == 0;
    const char *scheme = schemes[is_tls];
    struct uri uri = usual[is_tls];
    struct part authority;
    const char *host;

    if (strncmp(text, scheme, strlen(scheme)) != 0)
        return false;
    authority = part_until(text + strlen(scheme), "/");
    host = memchr(authority.at, '@', authority.len);
    if (host != NULL &&
        !parse_user((struct part){authority.at, (size_t)(host - authority.at)}, &uri))
        return false;
    host = host == NULL ? authority.at : host + 1;
    if (!parse_host((struct part){host, authority.len - (size_t)(host - authority.at)}, &uri))
        return false;
    text = authority.at + authority.len;
    if (text[0] == '/' && text[1] != '\0' &&
        !decode(part_until(text + 1, ""), uri.vhost, sizeof uri.vhost))
        return false;
    *ret_uri = uri;
    return true;
}
