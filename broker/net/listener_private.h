/* SPDX-License-Identifier: Apache-2.0 */
/* For transports: a descriptor has become free. */
#ifndef LEVERET_BROKER_NET_LISTENER_PRIVATE_H
#define LEVERET_BROKER_NET_LISTENER_PRIVATE_H

#include <stdbool.h>

struct loop;
struct transport_peer;

/* Listeners that ran out of descriptors try again. */
void listeners_resume_all(struct loop *loop);

/* Fills in `peer`, its name into `name` of at least PEER_NAME_SIZE octets; false when the socket failed
 * before we came. */
#define PEER_NAME_SIZE 128
bool transport_describe_peer(int fd, char *name, struct transport_peer *peer);

#endif
