/*
 * Requests of the virtio block device (5.2.6). One popped element becomes one request; neighbours that read or write
 * what follows each other on the disk go to the host as one. What used lengths, odd layouts and wrong values come to
 * was measured: where the specification leaves it open, a guest gets what it got elsewhere.
 */
#include <limits.h>
#include <string.h>

#include "hw/block/virtio-blk.h"
#include "util/byteorder.h"
#include "util/error.h"
#include "util/iov.h"

enum {
    TYPE_IN = 0,
    TYPE_OUT = 1,               /* a bit, really: of the direction */
    TYPE_SCSI_CMD = 2,
    TYPE_FLUSH = 4,
    TYPE_GET_ID = 8,
    TYPE_DISCARD = 11,
    TYPE_WRITE_ZEROES = 13,
};
#define TYPE_BARRIER (1u << 31) /* legacy */

enum { STATUS_OK, STATUS_IOERR, STATUS_UNSUPP };

#define HEADER_SIZE 16          /* le32 type, le32 reserved, le64 sector */
#define SEGMENT_SIZE 16         /* le64 sector, le32 num_sectors, le32 flags */
#define SEGMENT_UNMAP 1u
#define ID_SIZE 20
#define SCSI_INHDR_SIZE 16      /* le32 errors, … */

#define MERGE_REQUESTS 32
#define MERGE_SEGMENTS 1024
#define MERGE_BYTES (INT_MAX & ~(SECTOR_SIZE - 1))

typedef struct VirtIOBlkVector {
    struct VirtIOBlkVector *next;
    struct iovec iov[MERGE_SEGMENTS];
} VirtIOBlkVector;

struct VirtIOBlockReq {
    VirtQueueElement elem;
    VirtIOBlockReq *next;       /* stopped; or merged with this one, the next on the disk */
    VirtIOBlkVector *vector;    /* of the first of merged ones */
    bool parsed;
    uint32_t type;
    uint64_t sector, bytes;     /* of data */
    uint8_t *status;
    int64_t start;
};

/* Reads or writes that may be merged: they are handed on when one comes that can't be. */
typedef struct Batch {
    VirtIOBlockReq *reqs[MERGE_REQUESTS];
    unsigned count;
    bool is_write;
} Batch;

size_t virtio_blk_request_size(void)
{
    return sizeof(VirtIOBlockReq);
}

static VirtIOBlock *device_of(const VirtIOBlockReq *req)
{
    return (VirtIOBlock *)virtqueue_device(req->elem.vq);
}

/* ---- Ends ---- */

/* The only one: a request ends here, or in virtqueue_drop(). */
static void complete(VirtIOBlockReq *req, uint8_t status)
{
    VirtQueue *vq = req->elem.vq;
    *req->status = status;
    virtqueue_push(&req->elem, req->elem.in_bytes);
    virtqueue_notify(vq);
}

/* True: the error is dealt with, the request reported or kept. */
static bool handle_error(VirtIOBlockReq *req, int errnum, bool is_read, BlockOp op)
{
    VirtIOBlock *s = device_of(req);
    switch (block_backend_error_action(s->conf.blk, is_read, errnum)) {
    case BLOCK_ERROR_STOP:
        req->next = s->stopped;
        s->stopped = req;
        return true;
    case BLOCK_ERROR_REPORT:
        if (op != BLOCK_DISCARD) {
            block_account_failed(s->conf.blk, op, req->start);
        }
        complete(req, STATUS_IOERR);
        return true;
    default:
        return false;
    }
}

/* `op` is what it counts as: zeroes as a write, and a discard as nothing. */
static void end(VirtIOBlockReq *req, int ret, bool is_read, BlockOp op)
{
    if (ret < 0 && handle_error(req, -ret, is_read, op)) {
        return;
    }
    if (op != BLOCK_DISCARD) {
        block_account_done(device_of(req)->conf.blk, op, req->bytes, req->start);
    }
    complete(req, STATUS_OK);
}

static VirtIOBlkVector *vector_get(VirtIOBlock *s)
{
    VirtIOBlkVector *vector = s->vectors;
    if (!vector) {
        return g_new(VirtIOBlkVector, 1);
    }
    s->vectors = vector->next;
    return vector;
}

static void vector_put(VirtIOBlock *s, VirtIOBlkVector *vector)
{
    vector->next = s->vectors;
    s->vectors = vector;
}

void virtio_blk_free_vectors(VirtIOBlock *s)
{
    while (s->vectors) {
        g_free(vector_get(s));
    }
}

static void transfer_done(void *opaque, int ret)
{
    VirtIOBlockReq *req = opaque;
    VirtIOBlock *s = device_of(req);
    bool is_read = !(req->type & TYPE_OUT);
    if (req->vector) {
        vector_put(s, req->vector);
    }
    while (req) {
        VirtIOBlockReq *next = req->next;
        end(req, ret, is_read, is_read ? BLOCK_READ : BLOCK_WRITE);
        req = next;
    }
}

static void flush_done(void *opaque, int ret)
{
    end(opaque, ret, false, BLOCK_FLUSH);
}

static void discard_done(void *opaque, int ret)
{
    end(opaque, ret, false, BLOCK_DISCARD);
}

static void write_zeroes_done(void *opaque, int ret)
{
    end(opaque, ret, false, BLOCK_WRITE);
}

/* ---- Reads and writes ---- */

static const struct iovec *data_iov(const VirtIOBlockReq *req, unsigned *count)
{
    bool is_write = req->type & TYPE_OUT;
    *count = is_write ? req->elem.out_num : req->elem.in_num;
    return is_write ? req->elem.out_sg : req->elem.in_sg;
}

static void start_transfer(VirtIOBlockReq *req, uint64_t bytes, const struct iovec *iov, unsigned count)
{
    block_submit(device_of(req)->conf.blk, req->type & TYPE_OUT ? BLOCK_WRITE : BLOCK_READ, req->sector * SECTOR_SIZE,
                 bytes, iov, count, 0, transfer_done, req);
}

/* `count` requests that follow each other on the disk. */
static void start_merged(VirtIOBlock *s, VirtIOBlockReq **reqs, unsigned count, uint64_t bytes)
{
    unsigned segments, n = 0;
    if (count == 1) {
        const struct iovec *iov = data_iov(reqs[0], &segments);
        start_transfer(reqs[0], bytes, iov, segments);
        return;
    }
    VirtIOBlkVector *vector = vector_get(s);
    for (unsigned i = 0; i < count; i++) {
        const struct iovec *iov = data_iov(reqs[i], &segments);
        memcpy(vector->iov + n, iov, segments * sizeof(*iov));
        n += segments;
        reqs[i]->next = i + 1 < count ? reqs[i + 1] : NULL;
    }
    reqs[0]->vector = vector;
    block_account_merged(s->conf.blk, reqs[0]->type & TYPE_OUT ? BLOCK_WRITE : BLOCK_READ, count - 1);
    start_transfer(reqs[0], bytes, vector->iov, n);
}

/* Stable, and quick for what mostly comes in order. */
static void sort_batch(Batch *batch)
{
    for (unsigned i = 1; i < batch->count; i++) {
        VirtIOBlockReq *req = batch->reqs[i];
        unsigned at = i;
        for (; at > 0 && batch->reqs[at - 1]->sector > req->sector; at--) {
            batch->reqs[at] = batch->reqs[at - 1];
        }
        batch->reqs[at] = req;
    }
}

static void submit_batch(VirtIOBlock *s, Batch *batch)
{
    sort_batch(batch);
    for (unsigned first = 0; first < batch->count;) {
        VirtIOBlockReq *req = batch->reqs[first];
        unsigned next = first + 1, segments, more;
        uint64_t bytes = req->bytes;
        data_iov(req, &segments);
        for (; next < batch->count; next++) {
            VirtIOBlockReq *other = batch->reqs[next];
            data_iov(other, &more);
            if (other->sector != req->sector + bytes / SECTOR_SIZE || segments + more > MERGE_SEGMENTS ||
                bytes + other->bytes > MERGE_BYTES) {
                break;
            }
            segments += more;
            bytes += other->bytes;
        }
        start_merged(s, batch->reqs + first, next - first, bytes);
        first = next;
    }
    batch->count = 0;
}

static bool in_range(const VirtIOBlock *s, uint64_t sector, uint64_t bytes)
{
    uint64_t total = block_backend_length(s->conf.blk) / SECTOR_SIZE, count = bytes / SECTOR_SIZE;
    uint32_t block = s->conf.logical_block_size;
    return bytes % block == 0 && sector % (block / SECTOR_SIZE) == 0 && count <= total && sector <= total - count;
}

static void handle_transfer(VirtIOBlock *s, VirtIOBlockReq *req, Batch *batch)
{
    unsigned count;
    bool is_write = req->type & TYPE_OUT;
    const struct iovec *iov = data_iov(req, &count);
    req->bytes = iov_size(iov, count);
    if (!in_range(s, req->sector, req->bytes)) {
        block_account_invalid(s->conf.blk, is_write ? BLOCK_WRITE : BLOCK_READ);
        complete(req, STATUS_IOERR);
        return;
    }
    req->start = block_account_now();
    if (batch->count > 0 &&
        (batch->count == MERGE_REQUESTS || is_write != batch->is_write || !(s->request_merging & 1))) {
        submit_batch(s, batch);
    }
    batch->reqs[batch->count++] = req;
    batch->is_write = is_write;
}

/* ---- The others ---- */

static void handle_flush(VirtIOBlock *s, VirtIOBlockReq *req, Batch *batch)
{
    if (batch->is_write) {
        submit_batch(s, batch); /* what came before it */
    }
    req->bytes = 0;
    req->start = block_account_now();
    block_submit(s->conf.blk, BLOCK_FLUSH, 0, 0, NULL, 0, 0, flush_done, req);
}

static void handle_get_id(VirtIOBlock *s, VirtIOBlockReq *req)
{
    const char *serial = s->serial ? s->serial : "";
    iov_from_buf(req->elem.in_sg, req->elem.in_num, 0, serial, MIN(strlen(serial) + 1, ID_SIZE));
    complete(req, STATUS_OK);
}

/* There is no SCSI device behind it: all that can be said is that. */
static void handle_scsi(VirtIOBlockReq *req)
{
    const VirtQueueElement *elem = &req->elem;
    if (elem->out_segments < 2 || elem->in_segments < 3) {
        complete(req, STATUS_IOERR);
        return;
    }
    const struct iovec *inhdr = &elem->in_sg[elem->in_num - 1];
    if (elem->in_num > 0 && inhdr->iov_len >= SCSI_INHDR_SIZE) {
        store_le32(inhdr->iov_base, 255);
    }
    complete(req, STATUS_UNSUPP);
}

/* Discard and write-zeroes of one segment, as max_discard_seg and max_write_zeroes_seg say. False: the device broke. */
static bool handle_segment(VirtIOBlock *s, VirtIOBlockReq *req, bool zeroes)
{
    uint8_t segment[SEGMENT_SIZE];
    BlockBackend *blk = s->conf.blk;
    unsigned sectors_max = zeroes ? s->max_write_zeroes_sectors : s->max_discard_sectors;
    size_t size = iov_size(req->elem.out_sg, req->elem.out_num);

    if (!(req->type & TYPE_OUT) || size > SEGMENT_SIZE) {
        complete(req, STATUS_UNSUPP);
        return true;
    }
    if (iov_to_buf(req->elem.out_sg, req->elem.out_num, 0, segment, SEGMENT_SIZE) < SEGMENT_SIZE) {
        return virtio_error(virtqueue_device(req->elem.vq), "virtio-blk discard/write_zeroes header too short");
    }
    uint64_t sector = load_le64(segment);
    uint32_t sectors = load_le32(segment + 8), flags = load_le32(segment + 12);
    uint8_t status = STATUS_OK;
    req->bytes = (uint64_t)sectors * SECTOR_SIZE;
    if (sectors > sectors_max || !in_range(s, sector, req->bytes)) {
        status = STATUS_IOERR;
    } else if (flags & ~SEGMENT_UNMAP || (flags && !zeroes)) {
        status = STATUS_UNSUPP; /* 5.2.6.2: reserved bits, and unmap where it has no meaning */
    }
    if (status != STATUS_OK) {
        if (zeroes) {
            block_account_invalid(blk, BLOCK_WRITE);
        }
        complete(req, status);
        return true;
    }
    req->start = block_account_now();
    block_submit(blk, zeroes ? BLOCK_WRITE_ZEROES : BLOCK_DISCARD, sector * SECTOR_SIZE, req->bytes, NULL, 0,
                 flags ? BLOCK_MAY_UNMAP : 0, zeroes ? write_zeroes_done : discard_done, req);
    return true;
}

/* ---- Dispatch ---- */

/* Cuts header and status off the chain, which leaves the data. */
static bool parse(VirtIOBlockReq *req)
{
    VirtQueueElement *elem = &req->elem;
    VirtIODevice *vdev = virtqueue_device(elem->vq);
    uint8_t header[HEADER_SIZE];

    if (elem->out_bytes == 0 || elem->in_bytes == 0) {
        return virtio_error(vdev, "virtio-blk missing headers");
    }
    if (iov_to_buf(elem->out_sg, elem->out_num, 0, header, HEADER_SIZE) < HEADER_SIZE) {
        return virtio_error(vdev, "virtio-blk request outhdr too short");
    }
    iov_discard_front(&elem->out_sg, &elem->out_num, HEADER_SIZE);
    unsigned last = elem->in_num - 1;
    while (elem->in_sg[last].iov_len == 0) {
        last--;
    }
    req->status = (uint8_t *)elem->in_sg[last].iov_base + elem->in_sg[last].iov_len - 1;
    iov_discard_back(elem->in_sg, &elem->in_num, 1);
    req->type = load_le32(header);
    req->sector = load_le64(header + 8);
    req->parsed = true;
    return true;
}

/* False: the device broke, and the request is still the caller's. */
static bool handle(VirtIOBlock *s, VirtIOBlockReq *req, Batch *batch)
{
    req->next = NULL;
    req->vector = NULL;
    if (!req->parsed && !parse(req)) {
        return false;
    }
    switch (req->type & ~(TYPE_OUT | TYPE_BARRIER)) {
    case TYPE_IN:
        handle_transfer(s, req, batch);
        return true;
    case TYPE_FLUSH:
        handle_flush(s, req, batch);
        return true;
    case TYPE_SCSI_CMD:
        handle_scsi(req);
        return true;
    case TYPE_GET_ID:
        handle_get_id(s, req);
        return true;
    case TYPE_DISCARD & ~TYPE_OUT:
        return handle_segment(s, req, false);
    case TYPE_WRITE_ZEROES & ~TYPE_OUT:
        return handle_segment(s, req, true);
    default:
        complete(req, STATUS_UNSUPP);
        return true;
    }
}

void virtio_blk_handle_queue(VirtIODevice *vdev, VirtQueue *vq)
{
    VirtIOBlock *s = VIRTIO_BLK(vdev);
    VirtIOBlockReq *req;
    Batch batch = { .count = 0 };

    block_plug();
    while ((req = virtqueue_pop(vq))) {
        req->parsed = false;
        if (!handle(s, req, &batch)) {
            virtqueue_drop(&req->elem);
            break;
        }
    }
    submit_batch(s, &batch);
    block_unplug();
}

/* ---- Stopped requests ---- */

void virtio_blk_restart(VirtIOBlock *s)
{
    VirtIOBlockReq *req = s->stopped, *oldest = NULL, *next;
    Batch batch = { .count = 0 };

    s->stopped = NULL;
    for (; req; req = next) {
        next = req->next;
        req->next = oldest;
        oldest = req;
    }
    block_plug();
    for (req = oldest; req; req = next) {
        next = req->next;
        if (!handle(s, req, &batch)) {
            virtqueue_drop(&req->elem); /* a broken device does no more: the others are lost with it */
        }
    }
    submit_batch(s, &batch);
    block_unplug();
}

void virtio_blk_drop_stopped(VirtIOBlock *s, VirtQueue *vq)
{
    for (VirtIOBlockReq **at = &s->stopped; *at;) {
        VirtIOBlockReq *req = *at;
        if (!vq || req->elem.vq == vq) {
            *at = req->next;
            virtqueue_drop(&req->elem);
        } else {
            at = &req->next;
        }
    }
}

void virtio_blk_save_stopped(VirtIOBlock *s, Stream *stream)
{
    for (VirtIOBlockReq *req = s->stopped; req; req = req->next) {
        stream_put_u8(stream, 1);
        if (s->num_queues > 1) {
            stream_put_be32(stream, virtqueue_number(req->elem.vq));
        }
        virtqueue_element_save(&req->elem, stream);
    }
    stream_put_u8(stream, 0);
}

bool virtio_blk_load_stopped(VirtIOBlock *s, Stream *stream, GError **error)
{
    VirtIOBlockReq **last = &s->stopped;
    while (stream_get_u8(stream) != 0) {
        uint32_t number = s->num_queues > 1 ? stream_get_be32(stream) : 0;
        VirtQueue *vq = virtio_queue(&s->parent_obj, number);
        if (!vq) {
            return error_setf(error, "Invalid virtqueue index in request list: %#x", number);
        }
        VirtIOBlockReq *req = virtqueue_element_load(vq, stream, error);
        if (!req) {
            return false;
        }
        req->parsed = false;
        req->next = NULL;
        *last = req;
        last = &req->next;
    }
    return true;
}
