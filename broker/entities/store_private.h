/* SPDX-License-Identifier: Apache-2.0 */
/* Between store.c and store_access.c: writing records of definitions, and reading those of access. */
#ifndef LEVERET_BROKER_ENTITIES_STORE_PRIVATE_H
#define LEVERET_BROKER_ENTITIES_STORE_PRIVATE_H

#include "amqp/cursor.h"
#include "amqp/writer.h"
#include "broker/entities/store.h"

/* Writes one half of a record; called twice, first to learn its size. */
typedef void store_encode(struct writer *w, const void *object);

/* Nothing without a journal. */
void store_put_record(struct broker *broker, enum store_kind kind, store_encode *key,
                      store_encode *payload, const void *object);
void store_forget_record(struct broker *broker, enum store_kind kind, store_encode *key,
                         const void *object);

/* A policy; false for what cannot be understood. */
bool store_apply_policy(struct broker *broker, struct cursor *key, struct cursor *payload);

/* Vhosts, users, permissions, parameters; false for what cannot be understood. */
bool store_apply_access(struct broker *broker, uint8_t kind, struct cursor *key,
                        struct cursor *payload);

#endif
