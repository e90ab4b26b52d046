/*
 * Requests: where they come from, wait and end. One GSource in the main loop hears of everything that can end one: the
 * queue of those with a result already, the timers of null-co, the ring and the threads. A drain runs the same sources
 * by itself, so that nothing but block I/O happens meanwhile.
 */
#include <poll.h>
#include <string.h>
#include <time.h>

#include "block/block-int.h"
#include "util/units.h"

#define SLAB 64
#define SCALE_MS 1000000

typedef struct RequestQueue {
    BlockRequest *first, **last;
} RequestQueue;

static struct {
    BlockRequest *free;
    GPtrArray *slabs;
    RequestQueue results;   /* ret is known */
    BlockRequest *timed;    /* by deadline, earliest first */
    BlockRequest *timed_last;
    RequestQueue returned;  /* the system call has returned, under a plug */
    RequestQueue waiting;   /* for room in the ring */
    unsigned plugged;
    unsigned in_flight;
    GSource *source;
    GPollFD uring_poll, threads_poll;
    bool uring_polled, threads_polled;
} io;

bool block_engine_no_uring;

static void queue_push(RequestQueue *queue, BlockRequest *req)
{
    req->next = NULL;
    if (!queue->first) {
        queue->last = &queue->first;
    }
    *queue->last = req;
    queue->last = &req->next;
}

static BlockRequest *queue_pop(RequestQueue *queue)
{
    BlockRequest *req = queue->first;
    if (req) {
        queue->first = req->next;
    }
    return req;
}

static int64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NANOSECONDS_PER_SECOND + now.tv_nsec;
}

/* The main loop's side */

static bool io_ready(void)
{
    return io.results.first || io.returned.first || block_uring_ready();
}

/* Not what a plug holds back, but what the kernel refused for now. */
static bool retry_soon(void)
{
    return io.plugged == 0 && block_uring_pending();
}

static gboolean io_prepare(GSource *source, gint *timeout)
{
    *timeout = retry_soon() ? 1 : -1;
    return io_ready();
}

static gboolean io_check(GSource *source)
{
    return io_ready() || (io.threads_polled && (io.threads_poll.revents & G_IO_IN)) ||
           (io.timed && io.timed->deadline <= monotonic_ns()) || retry_soon();
}

static bool run_timed(void)
{
    bool any = false;
    int64_t now = io.timed ? monotonic_ns() : 0;
    while (io.timed && io.timed->deadline <= now) {
        BlockRequest *req = io.timed;
        io.timed = req->next;
        queue_push(&io.results, req);
        any = true;
    }
    if (any && !io.timed) {
        io.timed_last = NULL;
    }
    return any;
}

static void set_alarm(void)
{
    if (io.source) {
        g_source_set_ready_time(io.source, io.timed ? io.timed->deadline / 1000 + 1 : -1);
    }
}

static bool run_returned(void)
{
    BlockRequest *req;
    bool any = false;
    while ((req = queue_pop(&io.returned))) {
        block_engine_done(req);
        any = true;
    }
    return any;
}

/* Ends everything that can end now. Callbacks may start requests, and drain. */
static bool io_run(void)
{
    bool any = block_uring_poll();

    any |= run_returned();

    any |= block_threads_poll();
    if (run_timed()) {
        set_alarm();
    }
    /* Only those that are there now: a callback's own requests wait for the next round. */
    BlockRequest *last = NULL, *req;
    for (req = io.results.first; req; req = req->next) {
        last = req;
    }
    while (last && (req = queue_pop(&io.results))) {
        bool end = req == last;
        block_request_finish(req, (int)req->ret);
        any = true;
        if (end) {
            break;
        }
    }
    while (io.waiting.first && block_uring_start(io.waiting.first)) {
        queue_pop(&io.waiting);
        any = true;
    }
    block_uring_submit();
    return any;
}

static gboolean io_dispatch(GSource *source, GSourceFunc fn, gpointer data)
{
    io_run();
    return G_SOURCE_CONTINUE;
}

static void attach_source(void)
{
    static GSourceFuncs funcs = { .prepare = io_prepare, .check = io_check, .dispatch = io_dispatch };
    if (!io.source) {
        io.source = g_source_new(&funcs, sizeof(GSource));
        g_source_set_static_name(io.source, "block");
        g_source_attach(io.source, NULL);
    }
    if (!io.uring_polled && block_uring_fd() >= 0) {
        io.uring_poll = (GPollFD){ .fd = block_uring_fd(), .events = G_IO_IN };
        g_source_add_poll(io.source, &io.uring_poll);
        io.uring_polled = true;
    }
    if (!io.threads_polled && block_threads_fd() >= 0) {
        io.threads_poll = (GPollFD){ .fd = block_threads_fd(), .events = G_IO_IN };
        g_source_add_poll(io.source, &io.threads_poll);
        io.threads_polled = true;
    }
}

/* The main loop may be asleep: something new can end at once. */
static void wake_main_loop(void)
{
    attach_source();
    if (!g_main_context_is_owner(NULL)) {
        g_main_context_wakeup(NULL);
    }
}

/* Requests */

static BlockRequest *request_new(void)
{
    if (!io.free) {
        BlockRequest *slab = g_new(BlockRequest, SLAB);
        if (!io.slabs) {
            io.slabs = g_ptr_array_new_with_free_func(g_free);
        }
        g_ptr_array_add(io.slabs, slab);
        for (unsigned i = 0; i < SLAB; i++) {
            slab[i].next = io.free;
            io.free = &slab[i];
        }
    }
    BlockRequest *req = io.free;
    io.free = req->next;
    return req;
}

static BlockRequest *request_start(BlockBackend *blk, BlockOp op, uint64_t offset, uint64_t bytes,
                                   const struct iovec *iov, int iovcnt, unsigned flags, BlockCallback fn, void *opaque)
{
    BlockRequest *req = request_new();
    *req = (BlockRequest){
        .blk = blk, .offset = offset, .bytes = bytes, .iov = iov, .iovcnt = iovcnt, .op = op, .flags = flags,
        .fn = fn, .opaque = opaque,
    };
    io.in_flight++;
    if (blk) {
        blk->in_flight++;
    }
    return req;
}

void block_request_finish(BlockRequest *req, int ret)
{
    BlockCallback fn = req->fn;
    void *opaque = req->opaque;
    g_free(req->own_part);
    io.in_flight--;
    if (req->blk) {
        req->blk->in_flight--;
    }
    req->next = io.free;
    io.free = req;
    fn(opaque, ret);
}

void block_request_finish_later(BlockRequest *req, int ret)
{
    req->ret = ret;
    if (!io.results.first) {
        wake_main_loop();
    }
    queue_push(&io.results, req);
}

void block_request_finish_at(BlockRequest *req, int64_t ns)
{
    req->ret = 0;
    req->deadline = ns;
    req->next = NULL;
    if (io.timed_last && io.timed_last->deadline <= ns) {
        io.timed_last->next = req;
        io.timed_last = req;
    } else {
        BlockRequest **at = &io.timed;
        while (*at && (*at)->deadline <= ns) {
            at = &(*at)->next;
        }
        req->next = *at;
        *at = req;
        if (!req->next) {
            io.timed_last = req;
        }
    }
    if (io.timed == req) {
        wake_main_loop();
        set_alarm();
    }
}

static bool refused_early(BlockRequest *req, BlockNode *node)
{
    /* A discard that is ignored anyway harms nobody. */
    bool writes = req->op == BLOCK_WRITE || req->op == BLOCK_WRITE_ZEROES ||
                  (req->op == BLOCK_DISCARD && node && node->mode.discard);
    int ret = 0;
    if (!node) {
        ret = -ENOMEDIUM;
    } else if (req->op != BLOCK_FLUSH &&
               (req->bytes > block_node_length(node) || req->offset > block_node_length(node) - req->bytes)) {
        ret = -EIO;
    } else if (req->op != BLOCK_FLUSH && req->bytes == 0) {
        ret = 0;
    } else if (writes && (req->blk->read_only || node->mode.read_only || block_images_inactive())) {
        ret = -EPERM;
    } else {
        return false;
    }
    block_request_finish_later(req, ret);
    return true;
}

void block_submit(BlockBackend *blk, BlockOp op, uint64_t offset, uint64_t bytes, const struct iovec *iov, int iovcnt,
                  unsigned flags, BlockCallback fn, void *opaque)
{
    BlockRequest *req = request_start(blk, op, offset, bytes, iov, iovcnt, flags, fn, opaque);
    BlockNode *node = blk->root ? blk->root->node : NULL;
    if (refused_early(req, node)) {
        return;
    }
    if (!blk->write_cache && (op == BLOCK_WRITE || op == BLOCK_WRITE_ZEROES)) {
        req->flags |= BLOCK_FUA;
    }
    block_request_forward(node, req);
}

void block_node_submit(BlockNode *node, BlockOp op, uint64_t offset, uint64_t bytes, const struct iovec *iov,
                       int iovcnt, unsigned flags, BlockCallback fn, void *opaque)
{
    block_request_forward(node, request_start(NULL, op, offset, bytes, iov, iovcnt, flags, fn, opaque));
}

bool block_iov_is_zero(const struct iovec *iov, int iovcnt)
{
    for (int i = 0; i < iovcnt; i++) {
        const char *p = iov[i].iov_base;
        size_t n = iov[i].iov_len;
        if (n && (p[0] || memcmp(p, p + 1, n - 1))) {
            return false;
        }
    }
    return true;
}

void block_request_forward(BlockNode *node, BlockRequest *req)
{
    req->node = node;
    switch (req->op) {
    case BLOCK_WRITE:
        if (node->detect_zeroes && block_iov_is_zero(req->iov, req->iovcnt)) {
            req->op = BLOCK_WRITE_ZEROES;
            req->flags |= node->detect_zeroes == DETECT_ZEROES_UNMAP ? BLOCK_MAY_UNMAP : 0;
        }
        G_GNUC_FALLTHROUGH;
    case BLOCK_WRITE_ZEROES:
        if (!node->mode.discard) {
            req->flags &= ~BLOCK_MAY_UNMAP;
        }
        node->wr_highest_offset = MAX(node->wr_highest_offset, req->offset + req->bytes);
        break;
    case BLOCK_DISCARD:
        if (!node->mode.discard) {
            block_request_finish_later(req, 0);
            return;
        }
        break;
    }
    node->driver->submit(node, req);
}

/* The engines */

static bool use_uring(void)
{
    return !block_engine_no_uring && block_uring_init();
}

void block_engine_work(BlockRequest *req)
{
    block_threads_start(req);
    if (!io.threads_polled) {
        wake_main_loop();
    }
}

void block_engine_start(BlockRequest *req, bool threads)
{
    if (threads || !use_uring()) {
        block_engine_work(req);
        return;
    }
    if (!io.uring_polled) {
        wake_main_loop();
    }
    if (io.waiting.first || !block_uring_start(req)) {
        queue_push(&io.waiting, req);
    } else if (io.plugged == 0) {
        block_uring_submit();
    }
}

void block_engine_returned(BlockRequest *req)
{
    queue_push(&io.returned, req);
}

bool block_engine_plugged(void)
{
    return io.plugged > 0;
}

void block_engine_done(BlockRequest *req)
{
    if (req->done) {
        req->done(req);
    } else {
        block_request_finish(req, (int)req->ret);
    }
}

void block_plug(void)
{
    io.plugged++;
}

void block_unplug(void)
{
    g_assert(io.plugged > 0);
    if (--io.plugged == 0) {
        block_uring_submit();
        if (block_uring_pending()) {
            wake_main_loop(); /* it tries again */
        }
        run_returned();
    }
}

/* Waiting */

static void io_wait(void)
{
    struct pollfd fds[2];
    nfds_t n = 0;
    int64_t ns = -1;
    if (io_ready()) {
        return;
    }
    if (io.timed) {
        ns = MAX(io.timed->deadline - monotonic_ns(), 0);
    }
    if (block_uring_pending()) {
        ns = ns < 0 ? SCALE_MS : MIN(ns, SCALE_MS);
    }
    if (block_uring_fd() >= 0) {
        fds[n++] = (struct pollfd){ .fd = block_uring_fd(), .events = POLLIN };
    }
    if (block_threads_fd() >= 0) {
        fds[n++] = (struct pollfd){ .fd = block_threads_fd(), .events = POLLIN };
    }
    struct timespec limit = { ns / NANOSECONDS_PER_SECOND, ns % NANOSECONDS_PER_SECOND };
    ppoll(fds, n, ns < 0 ? NULL : &limit, NULL);
}

static void drain(const unsigned *in_flight)
{
    block_uring_submit(); /* what a plug holds back */
    while (*in_flight) {
        if (!io_run()) {
            io_wait();
        }
    }
}

void block_drain(BlockBackend *blk)
{
    drain(&blk->in_flight);
}

void block_drain_all(void)
{
    drain(&io.in_flight);
}

typedef struct SyncRequest {
    bool done;
    int ret;
} SyncRequest;

static void sync_done(void *opaque, int ret)
{
    SyncRequest *sync = opaque;
    sync->ret = ret;
    sync->done = true;
}

static int wait_for(const SyncRequest *sync)
{
    block_uring_submit();
    while (!sync->done) {
        if (!io_run()) {
            io_wait();
        }
    }
    return sync->ret;
}

static int run_sync(BlockBackend *blk, BlockOp op, uint64_t offset, uint64_t bytes, void *buf, unsigned flags)
{
    SyncRequest sync = { 0 };
    struct iovec iov = { buf, bytes };
    block_submit(blk, op, offset, bytes, &iov, buf ? 1 : 0, flags, sync_done, &sync);
    return wait_for(&sync);
}

int block_node_read_sync(BlockNode *node, uint64_t offset, void *buf, size_t bytes)
{
    SyncRequest sync = { 0 };
    struct iovec iov = { buf, bytes };
    block_node_submit(node, BLOCK_READ, offset, bytes, &iov, 1, 0, sync_done, &sync);
    return wait_for(&sync);
}

int block_read_sync(BlockBackend *blk, uint64_t offset, void *buf, size_t bytes)
{
    return run_sync(blk, BLOCK_READ, offset, bytes, buf, 0);
}

int block_write_sync(BlockBackend *blk, uint64_t offset, const void *buf, size_t bytes, unsigned flags)
{
    return run_sync(blk, BLOCK_WRITE, offset, bytes, (void *)buf, flags);
}

int block_op_sync(BlockBackend *blk, BlockOp op, uint64_t offset, uint64_t bytes, unsigned flags)
{
    return run_sync(blk, op, offset, bytes, NULL, flags);
}

void block_requests_close(void)
{
    if (io.source) {
        g_source_destroy(io.source);
        g_source_unref(io.source);
    }
    if (io.slabs) {
        g_ptr_array_unref(io.slabs);
    }
    block_uring_close();
    block_threads_close();
    memset(&io, 0, sizeof(io));
}
