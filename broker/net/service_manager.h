/* SPDX-License-Identifier: Apache-2.0 */
/* Telling systemd how we are (sd_notify(3), Type=notify), without its library. */
#ifndef LEVERET_BROKER_NET_SERVICE_MANAGER_H
#define LEVERET_BROKER_NET_SERVICE_MANAGER_H

/* "READY=1", "STOPPING=1": to the socket that $NOTIFY_SOCKET names; nothing without one. */
void service_manager_tell(const char *state);

#endif
