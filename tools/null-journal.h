/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The least that deserves the name of a journal, for the null broker: a file that is appended to.
 * What is appended gathers in a batch; a second thread makes one write and one fdatasync of each
 * batch while the next one gathers.  Nothing is ever read, checked or reused.
 */
#ifndef LEVERET_TOOLS_NULL_JOURNAL_H
#define LEVERET_TOOLS_NULL_JOURNAL_H

#include <stdbool.h>

#include "amqp/slice.h"

struct null_journal;

/* Truncates the file.  NULL after an error, which is on stderr. */
struct null_journal *null_journal_open(const char *path);

/* Into the batch that gathers. */
void null_journal_append(struct null_journal *journal, struct slice octets);

/* Hands the batch to the thread; false when there is nothing in it or the last one is not written. */
bool null_journal_submit(struct null_journal *journal);

/* True once for each batch that is on the disk now. */
bool null_journal_take_done(struct null_journal *journal);

/* A descriptor that becomes readable when a batch is. */
int null_journal_event(const struct null_journal *journal);

#endif
