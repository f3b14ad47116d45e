/* SPDX-License-Identifier: Apache-2.0 */
/* The crashable disk in memory. Files are numbered as they are created; names point to numbers. */
#include "tests/support/memory_disk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_ROOM = 64, DIRECTORY_ROOM = 512 };

enum operation_kind {
    OP_CREATE,
    OP_WRITE,
    OP_SYNC,
    OP_SYNC_FAILED,
    OP_SYNC_DIRECTORY,
    OP_RENAME,
    OP_UNLINK
};

struct operation {
    enum operation_kind kind;
    size_t file;
    uint64_t offset;
    uint8_t *octets;
    size_t len;
    char name[NAME_ROOM];
    char to[NAME_ROOM];
};

struct file {
    uint8_t *octets;
    size_t len;
    size_t capacity;
};

struct entry {
    char name[NAME_ROOM];
    size_t file;
};

struct content {
    struct file *files;
    size_t file_count;
    struct entry entries[DIRECTORY_ROOM];
    size_t entry_count;
};

struct memory_disk {
    struct io io;
    struct content now;
    struct content base; /* when recording began */
    bool recording;
    struct operation *operations;
    size_t operation_count, operation_capacity;
    uint64_t calls;
    uint64_t fail_at;
    int fail_error;
    bool fail_sticky, fail_short, fail_dead;
    bool has_failed;
    bool cannot_allocate;
    int64_t open_handles;
    int64_t room;
};

static void *must(void *memory) {
    if (memory == NULL)
        abort();
    return memory;
}

/* ---- content ---- */

static void file_write(struct file *file, uint64_t offset, const void *octets, size_t len) {
    size_t end = (size_t)offset + len;

    if (end > file->capacity) {
        file->octets = must(realloc(file->octets, end));
        file->capacity = end;
    }
    if (end > file->len) {
        if (offset > file->len)
            memset(file->octets + file->len, 0, (size_t)offset - file->len);
        file->len = end;
    }
    if (len > 0)
        memcpy(file->octets + offset, octets, len);
}

static size_t content_add_file(struct content *content) {
    content->files = must(realloc(content->files, (content->file_count + 1) * sizeof(struct file)));
    content->files[content->file_count] = (struct file){0};
    return content->file_count++;
}

static struct entry *content_find(struct content *content, const char *name) {
    for (size_t i = 0; i < content->entry_count; i++)
        if (strcmp(content->entries[i].name, name) == 0)
            return &content->entries[i];
    return NULL;
}

static void content_remove(struct content *content, const char *name) {
    struct entry *entry = content_find(content, name);

    if (entry != NULL)
        *entry = content->entries[--content->entry_count];
}

static void content_link(struct content *content, const char *name, size_t file) {
    struct entry *entry;

    content_remove(content, name);
    if (content->entry_count == DIRECTORY_ROOM)
        abort();
    entry = &content->entries[content->entry_count++];
    snprintf(entry->name, sizeof entry->name, "%s", name);
    entry->file = file;
}

static void content_clear(struct content *content) {
    for (size_t i = 0; i < content->file_count; i++)
        free(content->files[i].octets);
    free(content->files);
    *content = (struct content){0};
}

static void content_copy(struct content *into, const struct content *from) {
    *into = *from;
    into->files = must(calloc(from->file_count + 1, sizeof(struct file)));
    for (size_t i = 0; i < from->file_count; i++)
        file_write(&into->files[i], 0, from->files[i].octets, from->files[i].len);
}

/* An operation takes effect; of a write only the first `len` octets. */
static void content_apply(struct content *content, const struct operation *op, size_t len) {
    switch (op->kind) {
    case OP_WRITE:
        file_write(&content->files[op->file], op->offset, op->octets, len);
        break;
    case OP_CREATE:
        content_link(content, op->name, op->file);
        break;
    case OP_UNLINK:
        content_remove(content, op->name);
        break;
    case OP_RENAME:
        content_remove(content, op->name);
        content_link(content, op->to, op->file);
        break;
    default:
        break;
    }
}

/* ---- the live disk ---- */

static struct memory_disk *disk_of(struct io *io) {
    return (struct memory_disk *)io;
}

static void record(struct memory_disk *disk, struct operation op) {
    if (!disk->recording) {
        free(op.octets);
        return;
    }
    if (disk->operation_count == disk->operation_capacity) {
        disk->operation_capacity =
            disk->operation_capacity == 0 ? 64 : disk->operation_capacity * 2;
        disk->operations = must(realloc(disk->operations, disk->operation_capacity * sizeof op));
    }
    disk->operations[disk->operation_count++] = op;
}

/* 0, or the error that this call has to return. */
static int call(struct memory_disk *disk) {
    uint64_t number = ++disk->calls;

    if (disk->fail_at == 0 || disk->fail_short || number < disk->fail_at ||
        (number > disk->fail_at && !disk->fail_sticky))
        return 0;
    disk->has_failed = true;
    return disk->fail_error;
}

static bool is_short(struct memory_disk *disk) {
    bool now = disk->fail_short && disk->fail_at > 0 &&
               (disk->calls == disk->fail_at || (disk->fail_sticky && disk->calls > disk->fail_at));

    disk->has_failed = disk->has_failed || now;
    return now;
}

static void name_operation(struct operation *op, const char *name, const char *to) {
    snprintf(op->name, sizeof op->name, "%s", name);
    if (to != NULL)
        snprintf(op->to, sizeof op->to, "%s", to);
}

static int memory_open_new(struct io *io, const char *name) {
    struct memory_disk *disk = disk_of(io);
    struct operation op = {.kind = OP_CREATE};
    int error = call(disk);

    if (error < 0)
        return error;
    if (content_find(&disk->now, name) != NULL)
        return -EEXIST;
    op.file = content_add_file(&disk->now);
    name_operation(&op, name, NULL);
    content_apply(&disk->now, &op, 0);
    record(disk, op);
    disk->open_handles++;
    return (int)op.file;
}

static int memory_open(struct io *io, const char *name) {
    struct memory_disk *disk = disk_of(io);
    struct entry *entry;
    int error = call(disk);

    if (error < 0)
        return error;
    entry = content_find(&disk->now, name);
    if (entry == NULL)
        return -ENOENT;
    disk->open_handles++;
    return (int)entry->file;
}

static void memory_close(struct io *io, int handle) {
    (void)handle;
    disk_of(io)->open_handles--;
}

static void write_part(struct memory_disk *disk, int handle, const struct iovec *iov, int count,
                       uint64_t offset, size_t len) {
    struct operation op = {.kind = OP_WRITE, .file = (size_t)handle, .offset = offset, .len = len};
    size_t done = 0;

    op.octets = must(malloc(len + 1));
    for (int i = 0; i < count && done < len; i++) {
        size_t here = iov[i].iov_len < len - done ? iov[i].iov_len : len - done;

        memcpy(op.octets + done, iov[i].iov_base, here);
        done += here;
    }
    content_apply(&disk->now, &op, len);
    record(disk, op);
}

static ssize_t memory_write(struct io *io, int handle, const struct iovec *iov, int count,
                            uint64_t offset) {
    struct memory_disk *disk = disk_of(io);
    int error = call(disk);
    size_t len = 0;

    for (int i = 0; i < count; i++)
        len += iov[i].iov_len;
    if (error < 0 && disk->fail_dead)
        return error;
    if (error < 0 || (is_short(disk) && len > 1))
        len /= 2;
    write_part(disk, handle, iov, count, offset, len);
    return error < 0 ? error : (ssize_t)len;
}

static ssize_t memory_read(struct io *io, int handle, void *buffer, size_t len, uint64_t offset) {
    struct memory_disk *disk = disk_of(io);
    const struct file *file = &disk->now.files[handle];
    int error = call(disk);

    if (error < 0)
        return error;
    if (offset >= file->len)
        return 0;
    if (len > file->len - offset)
        len = file->len - (size_t)offset;
    memcpy(buffer, file->octets + offset, len);
    return (ssize_t)len;
}

/* Recorded as a write of zeros, of which a crash may keep any part. */
static int memory_allocate(struct io *io, int handle, uint64_t size) {
    struct memory_disk *disk = disk_of(io);
    struct operation op = {.kind = OP_WRITE, .file = (size_t)handle, .len = (size_t)size};
    int error = call(disk);

    if (error < 0)
        return error;
    if (disk->cannot_allocate)
        return -EOPNOTSUPP;
    op.octets = must(calloc(1, op.len + 1));
    content_apply(&disk->now, &op, op.len);
    record(disk, op);
    return 0;
}

static int memory_sync(struct io *io, int handle) {
    struct memory_disk *disk = disk_of(io);
    int error = call(disk);

    if (error < 0 && disk->fail_dead)
        return error;
    record(disk, (struct operation){.kind = error < 0 ? OP_SYNC_FAILED : OP_SYNC,
                                    .file = (size_t)handle});
    return error;
}

static int memory_sync_directory(struct io *io) {
    struct memory_disk *disk = disk_of(io);
    int error = call(disk);

    if (error == 0)
        record(disk, (struct operation){.kind = OP_SYNC_DIRECTORY});
    return error;
}

static int memory_rename(struct io *io, const char *from, const char *to) {
    struct memory_disk *disk = disk_of(io);
    struct operation op = {.kind = OP_RENAME};
    struct entry *entry;
    int error = call(disk);

    if (error < 0)
        return error;
    entry = content_find(&disk->now, from);
    if (entry == NULL)
        return -ENOENT;
    op.file = entry->file;
    name_operation(&op, from, to);
    content_apply(&disk->now, &op, 0);
    record(disk, op);
    return 0;
}

static int memory_unlink(struct io *io, const char *name) {
    struct memory_disk *disk = disk_of(io);
    struct operation op = {.kind = OP_UNLINK};
    int error = call(disk);

    if (error < 0)
        return error;
    if (content_find(&disk->now, name) == NULL)
        return -ENOENT;
    name_operation(&op, name, NULL);
    content_apply(&disk->now, &op, 0);
    record(disk, op);
    return 0;
}

static int memory_list(struct io *io, void (*visit)(void *context, const char *name),
                       void *context) {
    struct memory_disk *disk = disk_of(io);
    int error = call(disk);

    if (error < 0)
        return error;
    visit(context, ".");
    visit(context, "..");
    for (size_t i = 0; i < disk->now.entry_count; i++)
        visit(context, disk->now.entries[i].name);
    return 0;
}

static int64_t memory_size(struct io *io, int handle) {
    struct memory_disk *disk = disk_of(io);
    int error = call(disk);

    return error < 0 ? error : (int64_t)disk->now.files[handle].len;
}

static int64_t memory_free_space(struct io *io) {
    return disk_of(io)->room;
}

static const struct io_ops memory_ops = {
    .open_new = memory_open_new,
    .open_read = memory_open,
    .open_write = memory_open,
    .close = memory_close,
    .write = memory_write,
    .read = memory_read,
    .allocate = memory_allocate,
    .sync = memory_sync,
    .sync_directory = memory_sync_directory,
    .rename = memory_rename,
    .unlink = memory_unlink,
    .list = memory_list,
    .size = memory_size,
    .free_space = memory_free_space,
};

struct memory_disk *memory_disk_create(void) {
    struct memory_disk *disk = must(calloc(1, sizeof *disk));

    disk->io.ops = &memory_ops;
    disk->room = INT64_MAX;
    return disk;
}

static void forget_record(struct memory_disk *disk) {
    for (size_t i = 0; i < disk->operation_count; i++)
        free(disk->operations[i].octets);
    free(disk->operations);
    disk->operations = NULL;
    disk->operation_count = disk->operation_capacity = 0;
    content_clear(&disk->base);
}

void memory_disk_destroy(struct memory_disk *disk) {
    if (disk == NULL)
        return;
    forget_record(disk);
    content_clear(&disk->now);
    free(disk);
}

struct io *memory_disk_io(struct memory_disk *disk) {
    return &disk->io;
}

void memory_disk_start_recording(struct memory_disk *disk) {
    forget_record(disk);
    content_copy(&disk->base, &disk->now);
    disk->recording = true;
}

size_t memory_disk_operations(const struct memory_disk *disk) {
    return disk->operation_count;
}

int64_t memory_disk_open_handles(const struct memory_disk *disk) {
    return disk->open_handles;
}

uint64_t memory_disk_calls(const struct memory_disk *disk) {
    return disk->calls;
}

static void set_failure(struct memory_disk *disk, uint64_t at, int error, bool sticky) {
    disk->fail_at = at;
    disk->fail_error = error;
    disk->fail_sticky = sticky;
    disk->fail_short = disk->fail_dead = disk->has_failed = false;
}

void memory_disk_fail(struct memory_disk *disk, uint64_t at, int error, bool sticky) {
    set_failure(disk, at, error, sticky);
}

void memory_disk_shorten(struct memory_disk *disk, uint64_t at, bool sticky) {
    set_failure(disk, at, 0, sticky);
    disk->fail_short = true;
}

void memory_disk_kill(struct memory_disk *disk, uint64_t at) {
    set_failure(disk, at, -EIO, true);
    disk->fail_dead = true;
}

void memory_disk_heal(struct memory_disk *disk) {
    set_failure(disk, 0, 0, false);
}

void memory_disk_set_room(struct memory_disk *disk, int64_t octets) {
    disk->room = octets;
}

void memory_disk_refuse_allocation(struct memory_disk *disk) {
    disk->cannot_allocate = true;
}

bool memory_disk_has_failed(const struct memory_disk *disk) {
    return disk->has_failed;
}

const char *memory_disk_file(struct memory_disk *disk, size_t at, uint8_t **ret_octets,
                             size_t *ret_len) {
    struct file *file;

    if (at >= disk->now.entry_count)
        return NULL;
    file = &disk->now.files[disk->now.entries[at].file];
    *ret_octets = file->octets;
    *ret_len = file->len;
    return disk->now.entries[at].name;
}

void memory_disk_truncate(struct memory_disk *disk, const char *name, size_t len) {
    const struct entry *entry = content_find(&disk->now, name);

    if (entry != NULL && disk->now.files[entry->file].len > len)
        disk->now.files[entry->file].len = len;
}

struct memory_disk *memory_disk_copy(const struct memory_disk *disk) {
    struct memory_disk *copy = memory_disk_create();

    content_copy(&copy->now, &disk->now);
    return copy;
}

/* ---- crashing ---- */

struct pending {
    const struct operation *op;
    bool hopeless; /* a sync of it failed: no later one makes it durable */
    bool happened; /* durable, and over something hopeless: it is applied, whatever is chosen */
};

struct disk_crash {
    const struct memory_disk *disk;
    struct content durable;
    size_t position;
    struct pending *pending;
    size_t pending_count, pending_capacity;
};

struct disk_crash *disk_crash_begin(const struct memory_disk *disk) {
    struct disk_crash *crash = must(calloc(1, sizeof *crash));

    crash->disk = disk;
    content_copy(&crash->durable, &disk->base);
    return crash;
}

void disk_crash_end(struct disk_crash *crash) {
    content_clear(&crash->durable);
    free(crash->pending);
    free(crash);
}

static void add_pending(struct disk_crash *crash, const struct operation *op) {
    if (crash->pending_count == crash->pending_capacity) {
        crash->pending_capacity = crash->pending_capacity == 0 ? 16 : crash->pending_capacity * 2;
        crash->pending =
            must(realloc(crash->pending, crash->pending_capacity * sizeof *crash->pending));
    }
    crash->pending[crash->pending_count++] = (struct pending){op, false, false};
}

static bool is_of_directory(const struct operation *op) {
    return op->kind != OP_WRITE;
}

/* A write that is durable stands over what was written there before and never got to the disk. */
static bool is_over_pending(const struct disk_crash *crash, const struct operation *op,
                            size_t count) {
    for (size_t i = 0; i < count; i++) {
        const struct operation *older = crash->pending[i].op;

        if ((crash->pending[i].hopeless || crash->pending[i].happened) && older->kind == OP_WRITE &&
            older->file == op->file && older->offset < op->offset + op->len &&
            op->offset < older->offset + older->len)
            return true;
    }
    return false;
}

/* False when it stays in the list, which has `older` before it. */
static bool make_durable(struct disk_crash *crash, struct pending *pending, size_t older) {
    if (pending->hopeless || pending->happened)
        return false;
    content_apply(&crash->durable, pending->op, pending->op->len);
    pending->happened = pending->op->kind == OP_WRITE && is_over_pending(crash, pending->op, older);
    return !pending->happened;
}

/* What the sync covers becomes durable, in order. */
static void settle(struct disk_crash *crash, const struct operation *sync) {
    size_t kept = 0;

    for (size_t i = 0; i < crash->pending_count; i++) {
        struct pending *pending = &crash->pending[i];
        bool covered = sync->kind == OP_SYNC_DIRECTORY
                           ? is_of_directory(pending->op)
                           : !is_of_directory(pending->op) && pending->op->file == sync->file;

        if (covered && sync->kind == OP_SYNC_FAILED)
            pending->hopeless = !pending->happened;
        else if (covered && make_durable(crash, pending, kept))
            continue;
        crash->pending[kept++] = *pending;
    }
    crash->pending_count = kept;
}

bool disk_crash_advance(struct disk_crash *crash) {
    const struct operation *op;

    if (crash->position == crash->disk->operation_count)
        return false;
    op = &crash->disk->operations[crash->position++];
    switch (op->kind) {
    case OP_CREATE:
        while (crash->durable.file_count <= op->file)
            content_add_file(&crash->durable);
        add_pending(crash, op);
        break;
    case OP_SYNC:
    case OP_SYNC_FAILED:
    case OP_SYNC_DIRECTORY:
        settle(crash, op);
        break;
    default:
        add_pending(crash, op);
    }
    return true;
}

size_t disk_crash_position(const struct disk_crash *crash) {
    return crash->position;
}

size_t disk_crash_pending(const struct disk_crash *crash) {
    return crash->pending_count;
}

size_t disk_crash_pending_length(const struct disk_crash *crash, size_t at) {
    return crash->pending[at].op->len;
}

/* Only files with a name are copied. */
static void copy_named(struct content *into, const struct content *from, const bool *named) {
    *into = *from;
    into->files = must(calloc(from->file_count + 1, sizeof(struct file)));
    for (size_t i = 0; i < from->file_count; i++)
        if (named[i])
            file_write(&into->files[i], 0, from->files[i].octets, from->files[i].len);
}

struct memory_disk *disk_crash_build(const struct disk_crash *crash, const bool *chosen,
                                     size_t torn, size_t torn_octets) {
    struct memory_disk *disk = memory_disk_create();
    bool *named = must(calloc(crash->durable.file_count + 1, sizeof *named));

    for (size_t i = 0; i < crash->durable.entry_count; i++)
        named[crash->durable.entries[i].file] = true;
    for (size_t i = 0; i < crash->pending_count; i++)
        named[crash->pending[i].op->file] = true;
    copy_named(&disk->now, &crash->durable, named);
    free(named);
    for (size_t i = 0; i < crash->pending_count; i++) {
        const struct operation *op = crash->pending[i].op;

        if (crash->pending[i].happened)
            content_apply(&disk->now, op, op->len);
        else if (chosen[i])
            content_apply(&disk->now, op,
                          i == torn && torn_octets < op->len ? torn_octets : op->len);
    }
    return disk;
}
