/* SPDX-License-Identifier: Apache-2.0 */
/* Version 1 is a line of text of at most 107 octets, version 2 binary with its length in front. */
#include "broker/net/proxy_header.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define V1_LINE_MAX 107
#define V1_FIELDS   6 /* PROXY TCP4 source destination port port */

#define V2_HEAD_SIZE 16
#define V2_TCP4_SIZE 12
#define V2_TCP6_SIZE 36

enum v2_command { V2_LOCAL = 0x20, V2_PROXY = 0x21 };
enum v2_family { V2_TCP4 = 0x11, V2_TCP6 = 0x21 };

static void set_ipv4(struct sockaddr_storage *address, const void *octets, uint16_t port) {
    struct sockaddr_in *ipv4 = (struct sockaddr_in *)address;

    ipv4->sin_family = AF_INET;
    ipv4->sin_port = htons(port);
    memcpy(&ipv4->sin_addr, octets, sizeof ipv4->sin_addr);
}

static void set_ipv6(struct sockaddr_storage *address, const void *octets, uint16_t port) {
    struct sockaddr_in6 *ipv6 = (struct sockaddr_in6 *)address;

    ipv6->sin6_family = AF_INET6;
    ipv6->sin6_port = htons(port);
    memcpy(&ipv6->sin6_addr, octets, sizeof ipv6->sin6_addr);
}

/* --- version 1 --- */

static bool parse_port(const char *text, uint16_t *ret_port) {
    size_t len = strlen(text);

    if (len == 0 || len > 5 || strspn(text, "0123456789") < len || atoi(text) > UINT16_MAX)
        return false;
    *ret_port = (uint16_t)atoi(text);
    return true;
}

static bool parse_address(int family, const char *host, const char *port_text,
                          struct sockaddr_storage *ret_address) {
    unsigned char octets[sizeof(struct in6_addr)];
    uint16_t port;

    if (inet_pton(family, host, octets) != 1 || !parse_port(port_text, &port))
        return false;
    if (family == AF_INET)
        set_ipv4(ret_address, octets, port);
    else
        set_ipv6(ret_address, octets, port);
    return true;
}

/* Cuts the line at its single spaces; what is too many stays in the last field. */
static size_t split_fields(char *line, const char *fields[V1_FIELDS]) {
    size_t count = 0;

    for (char *at = line; at != NULL && count < V1_FIELDS;) {
        fields[count++] = at;
        at = strchr(at, ' ');
        if (at != NULL && count < V1_FIELDS)
            *at++ = '\0';
    }
    return count;
}

static enum proxy_status parse_line(char *line, struct proxy_header *header) {
    const char *fields[V1_FIELDS];
    size_t count = split_fields(line, fields);

    if (count >= 2 && strcmp(fields[1], "UNKNOWN") == 0)
        return PROXY_COMPLETE;
    bool is_ipv6 = count == V1_FIELDS && strcmp(fields[1], "TCP6") == 0;
    if (count != V1_FIELDS || (!is_ipv6 && strcmp(fields[1], "TCP4") != 0))
        return PROXY_MALFORMED;
    int family = is_ipv6 ? AF_INET6 : AF_INET;
    header->is_known = parse_address(family, fields[2], fields[4], &header->source) &&
                       parse_address(family, fields[3], fields[5], &header->destination);
    return header->is_known ? PROXY_COMPLETE : PROXY_MALFORMED;
}

static enum proxy_status parse_v1(struct slice octets, struct proxy_header *header) {
    char line[V1_LINE_MAX + 1];
    size_t seen = octets.len < V1_LINE_MAX ? octets.len : V1_LINE_MAX;
    const uint8_t *newline = memchr(octets.data, '\n', seen);

    if (newline == NULL)
        return seen == V1_LINE_MAX ? PROXY_MALFORMED : PROXY_MORE;
    size_t len = (size_t)(newline - octets.data);
    if (len == 0 || octets.data[len - 1] != '\r' || memchr(octets.data, '\0', len) != NULL)
        return PROXY_MALFORMED;
    memcpy(line, octets.data, len - 1);
    line[len - 1] = '\0';
    header->len = len + 1;
    return parse_line(line, header);
}

/* --- version 2 --- */

static uint16_t big_endian(const uint8_t *at) {
    return (uint16_t)(at[0] << 8 | at[1]);
}

static void take_addresses(const uint8_t *head, size_t size, struct proxy_header *header) {
    const uint8_t *at = head + V2_HEAD_SIZE;

    if (head[13] == V2_TCP4 && size >= V2_TCP4_SIZE) {
        set_ipv4(&header->source, at, big_endian(at + 8));
        set_ipv4(&header->destination, at + 4, big_endian(at + 10));
        header->is_known = true;
    } else if (head[13] == V2_TCP6 && size >= V2_TCP6_SIZE) {
        set_ipv6(&header->source, at, big_endian(at + 32));
        set_ipv6(&header->destination, at + 16, big_endian(at + 34));
        header->is_known = true;
    }
}

/* A family that has addresses must come with them; other families say nothing we could use. */
static bool is_cut_short(uint8_t family, size_t size) {
    return (family == V2_TCP4 && size < V2_TCP4_SIZE) || (family == V2_TCP6 && size < V2_TCP6_SIZE);
}

static enum proxy_status parse_v2(struct slice octets, struct proxy_header *header) {
    const uint8_t *head = octets.data;

    if (octets.len < V2_HEAD_SIZE)
        return PROXY_MORE;
    size_t size = big_endian(head + 14);
    if ((head[12] != V2_LOCAL && head[12] != V2_PROXY) || V2_HEAD_SIZE + size > PROXY_HEADER_MAX)
        return PROXY_MALFORMED;
    if (octets.len < V2_HEAD_SIZE + size)
        return PROXY_MORE;
    header->len = V2_HEAD_SIZE + size;
    header->is_local = head[12] == V2_LOCAL;
    if (header->is_local)
        return PROXY_COMPLETE;
    if (is_cut_short(head[13], size))
        return PROXY_MALFORMED;
    take_addresses(head, size, header);
    return PROXY_COMPLETE;
}

/* Whether the octets begin with `signature`, as far as they go. */
static bool may_begin_with(struct slice octets, struct slice signature) {
    size_t len = octets.len < signature.len ? octets.len : signature.len;
    return slice_equal(slice_of(octets.data, len), slice_of(signature.data, len));
}

enum proxy_status proxy_header_parse(struct slice octets, struct proxy_header *ret_header) {
    const struct slice v1 = SLICE("PROXY ");
    const struct slice v2 = SLICE("\r\n\r\n\0\r\nQUIT\n");
    struct proxy_header header = {0};
    enum proxy_status status = PROXY_MALFORMED;

    if (octets.len < v1.len && (may_begin_with(octets, v1) || may_begin_with(octets, v2)))
        return PROXY_MORE;
    if (may_begin_with(octets, v1))
        status = parse_v1(octets, &header);
    else if (may_begin_with(octets, v2))
        status = parse_v2(octets, &header);
    if (status == PROXY_COMPLETE)
        *ret_header = header;
    return status;
}

/* --- sources --- */

static bool ipv6_form(const struct sockaddr_storage *address, unsigned char octets[16]) {
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};

    if (address->ss_family == AF_INET6) {
        memcpy(octets, &((const struct sockaddr_in6 *)address)->sin6_addr, 16);
        return true;
    }
    if (address->ss_family != AF_INET)
        return false;
    memcpy(octets, mapped, sizeof mapped);
    memcpy(octets + 12, &((const struct sockaddr_in *)address)->sin_addr, 4);
    return true;
}

static bool parse_bits(const char *text, unsigned most, unsigned *ret_bits) {
    size_t len = strlen(text);

    if (len == 0 || len > 3 || strspn(text, "0123456789") < len || (unsigned)atoi(text) > most)
        return false;
    *ret_bits = (unsigned)atoi(text);
    return true;
}

bool proxy_sources_add(struct proxy_sources *sources, const char *text) {
    char host[INET6_ADDRSTRLEN + 1];
    struct sockaddr_storage address = {0};
    struct proxy_source source;
    size_t len = strcspn(text, "/");

    if (sources->count == PROXY_SOURCES_MAX || len >= sizeof host)
        return false;
    snprintf(host, sizeof host, "%.*s", (int)len, text);
    bool is_ipv4 = parse_address(AF_INET, host, "0", &address);
    if (!is_ipv4 && !parse_address(AF_INET6, host, "0", &address))
        return false;
    unsigned most = is_ipv4 ? 32 : 128, bits = most;
    if (text[len] == '/' && !parse_bits(text + len + 1, most, &bits))
        return false;
    ipv6_form(&address, source.address);
    source.bits = is_ipv4 ? 96 + bits : bits;
    sources->items[sources->count++] = source;
    return true;
}

static bool same_bits(const unsigned char *a, const unsigned char *b, unsigned bits) {
    unsigned whole = bits / 8, rest = bits % 8;

    if (memcmp(a, b, whole) != 0)
        return false;
    return rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0;
}

bool proxy_sources_contain(const struct proxy_sources *sources,
                           const struct sockaddr_storage *address) {
    unsigned char octets[16];

    if (!ipv6_form(address, octets))
        return false;
    for (size_t i = 0; i < sources->count; i++) {
        if (same_bits(octets, sources->items[i].address, sources->items[i].bits))
            return true;
    }
    return false;
}
