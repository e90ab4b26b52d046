/*
 * Requests of an image file. Reads, writes and flushes are system calls for the engine, repeated until all is moved; a
 * read past the end of the file gives zeros. Discards and zeroes go to a thread, which falls back from what the file
 * system does best to writing zeros. Under O_DIRECT what is not aligned as the host wants goes through a buffer.
 */
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "block/file-posix.h"
#include "util/iov.h"
#include "util/units.h"

#define PARTS_MAX 1024          /* IOV_MAX */
#define BOUNCE_MAX (1 * MiB)
#define CACHED_MAX (64 * KiB)     /* a longer copy is left to the engine */
#define ZEROS_SIZE (64 * KiB)
#define ZEROS_PARTS 16

static void start(BlockNode *node, BlockRequest *req);

static bool offset_is_aligned(const FileState *s, const BlockRequest *req)
{
    return ((req->offset | req->bytes) & (s->offset_align - 1)) == 0;
}

/* A write that changes only a part of what the host writes at once. */
static bool needs_alone(const FileState *s, const BlockRequest *req)
{
    return (req->op == BLOCK_WRITE || req->op == BLOCK_WRITE_ZEROES) && !offset_is_aligned(s, req);
}

/* Ends a request of this node; those that waited for it go on. */
static void finish(BlockRequest *req, int ret)
{
    BlockNode *node = req->node;
    FileState *s = node->state;
    if (req->op == BLOCK_FLUSH) {
        if (ret == 0) {
            node->flushed_gen = MAX(node->flushed_gen, req->gen);
        }
    } else if (req->op != BLOCK_READ) {
        node->write_gen++;
    }
    s->running--;
    s->alone = false;
    block_request_finish(req, ret);
    while (s->waiting && !s->alone) {
        req = s->waiting;
        if (s->running && needs_alone(s, req)) {
            break;
        }
        s->waiting = req->next;
        start(node, req);
    }
}

/* Reads and writes */

/* What is to be moved after a short transfer: the vector from req->moved on. */
static void next_part(BlockRequest *req)
{
    if (!req->own_part) {
        req->own_part = g_new(struct iovec, PARTS_MAX);
    }
    req->part = req->own_part;
    req->part_count = iov_slice(req->own_part, PARTS_MAX, req->iov, req->iovcnt, req->moved, req->bytes - req->moved);
}

/* The system call, for a thread: what io_uring would do. */
static int transfer_work(BlockRequest *req)
{
    ssize_t ret;
    if (req->op == BLOCK_READ) {
        ret = preadv(req->fd, req->part, req->part_count, req->offset + req->moved);
    } else if (req->op == BLOCK_WRITE) {
        ret = pwritev2(req->fd, req->part, req->part_count, req->offset + req->moved,
                       req->flags & BLOCK_FUA ? RWF_DSYNC : 0);
    } else {
        ret = fdatasync(req->fd);
    }
    return ret < 0 ? -errno : ret;
}

/*
 * What the page cache has is copied here and now, where somebody plugged and looks for it at the unplug: that is
 * quicker than any engine. True: all of it; what was moved counts in any case.
 */
static bool read_cached(BlockRequest *req)
{
    FileState *s = req->node->state;
    if (req->op != BLOCK_READ || req->bytes > CACHED_MAX || s->no_nowait || req->node->mode.direct ||
        !block_engine_plugged()) {
        return false;
    }
    ssize_t ret = preadv2(req->fd, req->part, req->part_count, req->offset, RWF_NOWAIT);
    if (ret < 0) {
        s->no_nowait = errno == EOPNOTSUPP || errno == ENOSYS;
    } else if ((uint64_t)ret == req->bytes) {
        req->ret = ret;
        block_engine_returned(req);
        return true;
    } else if (ret > 0) {
        req->moved = ret;
        next_part(req);
    }
    return false;
}

static void transfer_start(BlockRequest *req)
{
    FileState *s = req->node->state;
    block_engine_start(req, s->threads);
}

/* O_DIRECT: a read that stops between the places where one could go on has met the end of the file. */
static bool at_odd_end(const BlockRequest *req)
{
    const FileState *s = req->node->state;
    return (req->offset + req->moved) & (s->offset_align - 1);
}

static void transfer_done(BlockRequest *req)
{
    if (req->ret == -EINTR || req->ret == -EAGAIN) {
        transfer_start(req);
        return;
    }
    if (req->ret < 0 || req->op == BLOCK_FLUSH) {
        finish(req, (int)req->ret);
        return;
    }
    req->moved += req->ret;
    if (req->moved >= req->bytes) {
        finish(req, 0);
    } else if (req->ret > 0 && !(req->op == BLOCK_READ && at_odd_end(req))) {
        next_part(req);
        transfer_start(req);
    } else if (req->op == BLOCK_READ) {
        iov_memset(req->iov, req->iovcnt, req->moved, 0, req->bytes - req->moved); /* past the end of the file */
        finish(req, 0);
    } else {
        finish(req, -ENOSPC);
    }
}

/* Unaligned under O_DIRECT: through an aligned buffer, a piece at a time. */

static int full_pread(int fd, char *buf, size_t bytes, uint64_t offset, unsigned align)
{
    size_t done = 0;
    while (done < bytes) {
        ssize_t n = pread(fd, buf + done, bytes - done, offset + done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -errno;
        }
        done += n;
        if (n == 0 || done & (align - 1)) {
            memset(buf + done, 0, bytes - done); /* the end of the file */
            break;
        }
    }
    return 0;
}

static int full_pwrite(int fd, const char *buf, size_t bytes, uint64_t offset)
{
    size_t done = 0;
    while (done < bytes) {
        ssize_t n = pwrite(fd, buf + done, bytes - done, offset + done);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return n < 0 ? -errno : -ENOSPC;
        }
        done += n;
    }
    return 0;
}

static int bounce_piece(BlockRequest *req, char *buf, uint64_t at, size_t bytes)
{
    FileState *s = req->node->state;
    uint64_t first = ROUND_DOWN(at, s->offset_align), last = ROUND_UP(at + bytes, s->offset_align);
    int ret = 0;
    if (req->op == BLOCK_READ || first != at || last != at + bytes) {
        ret = full_pread(req->fd, buf, last - first, first, s->offset_align);
    }
    if (ret < 0) {
        return ret;
    }
    uint64_t skip = at - req->offset;
    if (req->op == BLOCK_READ) {
        iov_from_buf(req->iov, req->iovcnt, skip, buf + (at - first), bytes);
        return 0;
    }
    if (req->op == BLOCK_WRITE) {
        iov_to_buf(req->iov, req->iovcnt, skip, buf + (at - first), bytes);
    } else {
        memset(buf + (at - first), 0, bytes);
    }
    return full_pwrite(req->fd, buf, last - first, first);
}

static int bounce_work(BlockRequest *req)
{
    FileState *s = req->node->state;
    void *buf;
    if (posix_memalign(&buf, MAX(s->memory_align, sizeof(void *)), BOUNCE_MAX + 2 * s->offset_align)) {
        return -ENOMEM;
    }
    int ret = 0;
    for (uint64_t at = req->offset, end = req->offset + req->bytes; at < end && ret == 0;) {
        size_t bytes = MIN(end - at, BOUNCE_MAX);
        ret = bounce_piece(req, buf, at, bytes);
        at += bytes;
    }
    free(buf);
    if (ret == 0 && (req->flags & BLOCK_FUA) && fdatasync(req->fd) < 0) {
        ret = -errno;
    }
    return ret;
}

/* Discard and zeroes */

/* It can't do that at all. EINVAL is about this range only: it is not aligned as the device wants. */
static bool unsupported(int errnum)
{
    return errnum == EOPNOTSUPP || errnum == ENOSYS || errnum == ENOTTY;
}

static int tried(int ret, int *missing)
{
    if (ret == 0) {
        return 0;
    }
    if (unsupported(errno)) {
        g_atomic_int_set(missing, 1);
        return -EOPNOTSUPP;
    }
    return errno == EINVAL ? -EOPNOTSUPP : -errno;
}

static int try_fallocate(int fd, int mode, uint64_t offset, uint64_t bytes, int *missing)
{
    int ret;
    if (g_atomic_int_get(missing)) {
        return -EOPNOTSUPP;
    }
    do {
        ret = fallocate(fd, mode, offset, bytes);
    } while (ret < 0 && errno == EINTR);
    return tried(ret, missing);
}

static int try_ioctl(int fd, unsigned long op, uint64_t offset, uint64_t bytes, int *missing)
{
    uint64_t range[2] = { offset, bytes };
    if (g_atomic_int_get(missing)) {
        return -EOPNOTSUPP;
    }
    return tried(ioctl(fd, op, range), missing);
}

static int discard_work(BlockRequest *req)
{
    FileState *s = req->node->state;
    if (s->block_device) {
        return try_ioctl(req->fd, BLKDISCARD, req->offset, req->bytes, &s->no_discard);
    }
    return try_fallocate(req->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, req->offset, req->bytes,
                         &s->no_punch_hole);
}

static void discard_done(BlockRequest *req)
{
    FileState *s = req->node->state;
    bool ignored = req->ret == -EOPNOTSUPP; /* it is a hint */
    if (req->ret == 0) {
        s->discards_ok++;
        s->discarded_bytes += req->bytes;
    } else {
        s->discards_failed++;
    }
    finish(req, ignored ? 0 : (int)req->ret);
}

static int write_zeros(BlockRequest *req)
{
    static char zeros[ZEROS_SIZE] __attribute__((aligned(ZEROS_SIZE)));
    struct iovec iov[ZEROS_PARTS];
    uint64_t done = 0;
    while (done < req->bytes) {
        int n = 0;
        for (uint64_t left = req->bytes - done; left && n < ZEROS_PARTS; n++) {
            iov[n] = (struct iovec){ zeros, MIN(left, ZEROS_SIZE) };
            left -= iov[n].iov_len;
        }
        ssize_t ret = pwritev(req->fd, iov, n, req->offset + done);
        if (ret < 0 && errno == EINTR) {
            continue;
        }
        if (ret <= 0) {
            return ret < 0 ? -errno : -ENOSPC;
        }
        done += ret;
    }
    return 0;
}

static int zeroes_work(BlockRequest *req)
{
    FileState *s = req->node->state;
    const int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
    int ret = -EOPNOTSUPP;
    if (s->block_device) {
        ret = try_ioctl(req->fd, BLKZEROOUT, req->offset, req->bytes, &s->no_zero_range);
    } else if (s->regular) {
        if (req->flags & BLOCK_MAY_UNMAP) {
            ret = try_fallocate(req->fd, punch, req->offset, req->bytes, &s->no_punch_hole);
        }
        if (ret == -EOPNOTSUPP) {
            ret = try_fallocate(req->fd, FALLOC_FL_ZERO_RANGE, req->offset, req->bytes, &s->no_zero_range);
        }
        if (ret == -EOPNOTSUPP) {
            ret = try_fallocate(req->fd, punch, req->offset, req->bytes, &s->no_punch_hole);
            if (ret == 0 && !(req->flags & BLOCK_MAY_UNMAP)) {
                ret = fallocate(req->fd, 0, req->offset, req->bytes) < 0 && !unsupported(errno) ? -errno : 0;
            }
        }
    }
    if (ret == -EOPNOTSUPP) {
        ret = write_zeros(req);
    }
    if (ret == 0 && (req->flags & BLOCK_FUA) && fdatasync(req->fd) < 0) {
        ret = -errno;
    }
    return ret;
}

static void work_done(BlockRequest *req)
{
    finish(req, (int)req->ret);
}

/* Dispatch */

static bool memory_is_aligned(const FileState *s, const BlockRequest *req)
{
    for (int i = 0; i < req->iovcnt; i++) {
        if (((uintptr_t)req->iov[i].iov_base | req->iov[i].iov_len) & (s->memory_align - 1) ||
            req->iov[i].iov_len & (s->offset_align - 1)) {
            return false;
        }
    }
    return true;
}

static void start(BlockNode *node, BlockRequest *req)
{
    FileState *s = node->state;
    s->running++;
    s->alone = needs_alone(s, req);
    if (req->work == transfer_work) {
        if (!read_cached(req)) {
            transfer_start(req);
        }
    } else {
        block_engine_work(req);
    }
}

void file_submit(BlockNode *node, BlockRequest *req)
{
    FileState *s = node->state;
    req->fd = s->fd;
    switch (req->op) {
    case BLOCK_FLUSH:
        if (node->mode.no_flush || node->write_gen == node->flushed_gen) {
            block_request_finish_later(req, 0);
            return;
        }
        req->gen = node->write_gen;
        G_GNUC_FALLTHROUGH;
    case BLOCK_READ:
    case BLOCK_WRITE:
        req->work = transfer_work;
        req->done = transfer_done;
        req->part = req->iov;
        req->part_count = MIN(req->iovcnt, PARTS_MAX);
        break;
    case BLOCK_DISCARD:
        req->work = discard_work;
        req->done = discard_done;
        break;
    case BLOCK_WRITE_ZEROES:
        req->work = zeroes_work;
        req->done = work_done;
        break;
    }
    if (node->mode.no_flush) {
        req->flags &= ~BLOCK_FUA;
    }
    if (node->mode.direct && req->op != BLOCK_FLUSH && req->op != BLOCK_DISCARD &&
        (!offset_is_aligned(s, req) || !memory_is_aligned(s, req))) {
        req->work = bounce_work;
        req->done = work_done;
    }
    if (s->waiting || s->alone || (s->running && needs_alone(s, req))) {
        req->next = NULL;
        if (!s->waiting) {
            s->waiting_last = &s->waiting;
        }
        *s->waiting_last = req;
        s->waiting_last = &req->next;
        return;
    }
    start(node, req);
}
