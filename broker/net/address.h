/* SPDX-License-Identifier: Apache-2.0 */
/* Socket addresses as RabbitMQ writes them: 127.0.0.1:5672, [::1]:5672, IPv4 inside IPv6 as IPv4.
 */
#ifndef LEVERET_BROKER_NET_ADDRESS_H
#define LEVERET_BROKER_NET_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

/* "[" + longest IPv6 text + "]:65535" and the NUL. */
#define ADDRESS_TEXT_SIZE 56

/* A family other than IPv4 and IPv6 is written as "local". */
void address_text(const struct sockaddr_storage *address, char text[ADDRESS_TEXT_SIZE]);

/* 127.0.0.0/8 (also inside IPv6) and ::1; every local socket is. */
bool address_is_loopback(const struct sockaddr_storage *address);

/* Whether `text` is an IPv4 or IPv6 address, without a port. */
bool address_is_ip(const char *text);

/* 0 for a family without ports. */
uint16_t address_port(const struct sockaddr_storage *address);

#endif
