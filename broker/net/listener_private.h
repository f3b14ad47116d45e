/* SPDX-License-Identifier: Apache-2.0 */
/* For transports: a descriptor has become free. */
#ifndef LEVERET_BROKER_NET_LISTENER_PRIVATE_H
#define LEVERET_BROKER_NET_LISTENER_PRIVATE_H

struct loop;

/* Listeners that ran out of descriptors try again. */
void listeners_resume_all(struct loop *loop);

#endif
