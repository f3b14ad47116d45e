/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of store.c: records of definitions, and what is stored of a message. */
#ifndef LEVERET_BROKER_ENTITIES_STORE_PRIVATE_H
#define LEVERET_BROKER_ENTITIES_STORE_PRIVATE_H

#include "amqp/cursor.h"
#include "amqp/writer.h"
#include "broker/entities/store.h"
#include "persistence/journal.h"

/* Writes one half of a record; called twice, first to learn its size. */
typedef void store_encode(struct writer *w, const void *object);

/* Nothing without a journal. */
void store_put_record(struct broker *broker, enum store_kind kind, store_encode *key,
                      store_encode *payload, const void *object);
void store_forget_record(struct broker *broker, enum store_kind kind, store_encode *key,
                         const void *object);

/* Each is put back as it was; false for what cannot be understood. */
bool store_apply_exchange(struct broker *broker, struct cursor *key, struct cursor *payload);
bool store_apply_queue(struct broker *broker, struct cursor *key, struct cursor *payload);
bool store_apply_binding(struct broker *broker, struct cursor *key, struct cursor *payload);

/* A policy; false for what cannot be understood. */
bool store_apply_policy(struct broker *broker, struct cursor *key, struct cursor *payload);

/* Vhosts, users, permissions, parameters; false for what cannot be understood. */
bool store_apply_access(struct broker *broker, uint8_t kind, struct cursor *key,
                        struct cursor *payload);

/* Bodies of more stretches (trickled in by a slow publisher) need a longer array. */
#define STORE_PARTS_USUAL 64

/*
 * What is stored of a message; writes its note. `usual` has room for STORE_PARTS_USUAL parts of the
 * body, and stays with the content until store_content_clear().
 */
struct journal_content store_content_of(struct broker *broker, struct message *message,
                                        uint64_t time_to_live, struct slice *usual);
/* The message's own, as its note has it. */
uint64_t store_own_time_to_live(const struct message *message);
void store_content_clear(const struct journal_content *content, const struct slice *usual);

#endif
