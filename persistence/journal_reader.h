/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads stored messages back, on any thread: one reader, one thread at a time. The loop thread asks
 * journal_locate() where a message is and hands the place to whoever reads.
 *
 * A place can become stale while it is read, because compaction moved the message and its segment
 * went or was used again: then the read fails (-ENOENT, -EBADMSG), and journal_locate() says another
 * place. A message that is still there and fails is damaged.
 */
#ifndef LEVERET_PERSISTENCE_JOURNAL_READER_H
#define LEVERET_PERSISTENCE_JOURNAL_READER_H

#include <stddef.h>
#include <stdint.h>

#include "amqp/slice.h"
#include "persistence/io.h"

struct journal;
struct journal_content;
struct journal_reader;
struct stored_message;

/* A message on disk: segment number, offset in it, octets of the record. */
struct journal_place {
    uint64_t segment;
    uint64_t offset;
    uint32_t length;
};

/* 0; -EINPROGRESS while it is not written yet: the octets it was appended with are still there. */
int journal_locate(const struct journal *journal, const struct stored_message *message,
                   struct journal_place *ret_place);

/* Of the files of this journal, which must outlive it. */
struct journal_reader *journal_reader_create(const struct journal *journal);
void journal_reader_destroy(struct journal_reader *reader);

/*
 * `buffer` is grown with realloc as needed, and what is returned points into it. 0, -EBADMSG when
 * the checksum fails, or the disk's error; nothing is returned then.
 */
int journal_reader_read(struct journal_reader *reader, const struct journal_place *place,
                        uint8_t **buffer, size_t *capacity, struct journal_content *ret_content,
                        struct slice *ret_body);

/*
 * Closes the files it holds open. To be called when there is nothing to read for a while: an open
 * file keeps its room on the disk when its segment goes.
 */
void journal_reader_rest(struct journal_reader *reader);

#endif
