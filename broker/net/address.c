/* SPDX-License-Identifier: Apache-2.0 */
/* The text and the reach of a socket address. */
#include "broker/net/address.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* The IPv4 address that `address` is or contains; false when there is none. */
static bool ipv4_of(const struct sockaddr_storage *address, struct in_addr *ret_ipv4) {
    if (address->ss_family == AF_INET) {
        *ret_ipv4 = ((const struct sockaddr_in *)address)->sin_addr;
        return true;
    }
    const struct in6_addr *ipv6 = &((const struct sockaddr_in6 *)address)->sin6_addr;
    if (address->ss_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(ipv6))
        return false;
    memcpy(ret_ipv4, ipv6->s6_addr + 12, sizeof *ret_ipv4);
    return true;
}

void address_text(const struct sockaddr_storage *address, char text[ADDRESS_TEXT_SIZE]) {
    char host[INET6_ADDRSTRLEN] = "";
    struct in_addr ipv4;

    if (ipv4_of(address, &ipv4)) {
        inet_ntop(AF_INET, &ipv4, host, sizeof host);
        snprintf(text, ADDRESS_TEXT_SIZE, "%s:%u", host, address_port(address));
    } else if (address->ss_family == AF_INET6) {
        inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)address)->sin6_addr, host, sizeof host);
        snprintf(text, ADDRESS_TEXT_SIZE, "[%s]:%u", host, address_port(address));
    } else {
        snprintf(text, ADDRESS_TEXT_SIZE, "local");
    }
}

bool address_is_loopback(const struct sockaddr_storage *address) {
    struct in_addr ipv4;

    if (ipv4_of(address, &ipv4))
        return ntohl(ipv4.s_addr) >> 24 == 127;
    if (address->ss_family == AF_INET6)
        return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address)->sin6_addr);
    return address->ss_family == AF_UNIX;
}

bool address_is_ip(const char *text) {
    struct in6_addr address;
    return inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1;
}

uint16_t address_port(const struct sockaddr_storage *address) {
    if (address->ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)address)->sin_port);
    if (address->ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)address)->sin6_port);
    return 0;
}
