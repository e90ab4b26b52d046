/*
 * The io_uring engine: one ring for the whole process. System calls are queued as they come and handed over together;
 * the ring's descriptor is readable when results are there.
 */
#include "block/block-int.h"
#include "config-host.h"

#ifdef CONFIG_LIBURING
#include <fcntl.h>
#include <liburing.h>
#include <unistd.h>

#define ENTRIES 256
#define PART_MAX 0x7ffff000u /* what one read or write moves at most */
/*
 * From here on the copy from or to the page cache takes longer than handing it to one of the kernel's workers: it would
 * hold up the main loop, and with it every CPU that needs a device.
 */
#define LARGE (128 << 10)

static struct {
    struct io_uring ring;
    enum { UNTRIED, REFUSED, READY } state;
    unsigned in_kernel;     /* started and not yet done: the completion ring holds 2 * ENTRIES */
    bool unsubmitted;
} uring;

bool block_uring_init(void)
{
    if (uring.state == UNTRIED) {
        uring.state = io_uring_queue_init(ENTRIES, &uring.ring, 0) == 0 ? READY : REFUSED;
    }
    return uring.state == READY;
}

int block_uring_fd(void)
{
    return uring.state == READY ? uring.ring.ring_fd : -1;
}

bool block_uring_start(BlockRequest *req)
{
    if (uring.in_kernel >= 2 * ENTRIES) {
        return false;
    }
    struct io_uring_sqe *sqe = io_uring_get_sqe(&uring.ring);
    if (!sqe) {
        block_uring_submit();
        sqe = io_uring_get_sqe(&uring.ring);
        if (!sqe) {
            return false;
        }
    }
    uint64_t offset = req->offset + req->moved;
    const struct iovec *iov = req->part;
    switch (req->op) {
    case BLOCK_READ:
        if (req->part_count == 1) {
            io_uring_prep_read(sqe, req->fd, iov->iov_base, MIN(iov->iov_len, PART_MAX), offset);
        } else {
            io_uring_prep_readv(sqe, req->fd, iov, req->part_count, offset);
        }
        break;
    case BLOCK_WRITE:
        if (req->part_count == 1) {
            io_uring_prep_write(sqe, req->fd, iov->iov_base, MIN(iov->iov_len, PART_MAX), offset);
        } else {
            io_uring_prep_writev(sqe, req->fd, iov, req->part_count, offset);
        }
        sqe->rw_flags = req->flags & BLOCK_FUA ? RWF_DSYNC : 0;
        break;
    default:
        g_assert(req->op == BLOCK_FLUSH);
        io_uring_prep_fsync(sqe, req->fd, IORING_FSYNC_DATASYNC);
        break;
    }
    if (req->op != BLOCK_FLUSH && req->bytes - req->moved >= LARGE) {
        io_uring_sqe_set_flags(sqe, IOSQE_ASYNC);
    }
    io_uring_sqe_set_data(sqe, req);
    uring.in_kernel++;
    uring.unsubmitted = true;
    return true;
}

void block_uring_submit(void)
{
    if (!uring.unsubmitted) {
        return;
    }
    /* A kernel short of memory or with a full completion ring takes the rest at the next turn. */
    int ret;
    do {
        ret = io_uring_submit(&uring.ring);
    } while (ret == -EINTR);
    uring.unsubmitted = io_uring_sq_ready(&uring.ring) > 0;
}

bool block_uring_pending(void)
{
    return uring.unsubmitted;
}

bool block_uring_ready(void)
{
    return uring.state == READY && io_uring_cq_ready(&uring.ring) > 0;
}

bool block_uring_poll(void)
{
    bool any = false;
    struct io_uring_cqe *cqe;
    if (uring.state != READY) {
        return false;
    }
    /* A callback may come here again by a drain: each result is taken off the ring before it is looked at. */
    while (io_uring_peek_cqe(&uring.ring, &cqe) == 0) {
        BlockRequest *req = io_uring_cqe_get_data(cqe);
        req->ret = cqe->res;
        io_uring_cqe_seen(&uring.ring, cqe);
        uring.in_kernel--;
        block_engine_done(req);
        any = true;
    }
    return any;
}

void block_uring_close(void)
{
    if (uring.state == READY) {
        io_uring_queue_exit(&uring.ring);
    }
    uring.state = UNTRIED;
}
#else
bool block_uring_init(void)
{
    return false;
}

int block_uring_fd(void)
{
    return -1;
}

bool block_uring_start(BlockRequest *req)
{
    return false;
}

void block_uring_submit(void)
{
}

bool block_uring_pending(void)
{
    return false;
}

bool block_uring_ready(void)
{
    return false;
}

bool block_uring_poll(void)
{
    return false;
}

void block_uring_close(void)
{
}
#endif
