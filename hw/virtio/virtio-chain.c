/*
 * The one descriptor-chain iterator (2.7.5, 2.8.5 to 2.8.8).
 *
 * Each descriptor is read once, so that a guest that changes it meanwhile gains nothing. The walk ends after at most as
 * many descriptors as its table has: more is a loop.
 */
#include "hw/virtio/virtqueue.h"
#include "util/units.h"

#include <stdlib.h>

void virtio_chain_begin(VirtChain *chain, VirtIODevice *vdev, const uint8_t *ring, unsigned entries, unsigned head,
                        bool packed)
{
    *chain = (VirtChain){ .vdev = vdev, .table = ring, .entries = entries, .next = head, .packed = packed };
}

/* 2.7.5.3: the table is an array of descriptors, read to its end (packed) or along its links (split), from entry 0. */
static bool chain_enter_table(VirtChain *chain, hwaddr addr, uint32_t len)
{
    uint64_t mapped = len;

    if (chain->indirect) {
        return virtio_error(chain->vdev, "Indirect descriptor in an indirect table");
    }
    if (len == 0 || len % VIRTQ_DESC_SIZE != 0) {
        return virtio_error(chain->vdev, "Invalid size for indirect buffer table");
    }
    chain->table = address_space_map(chain->vdev->dma_as, addr, &mapped, false);
    if (!chain->table || mapped < len) {
        return virtio_error(chain->vdev, "Cannot map indirect buffer");
    }
    chain->entries = len / VIRTQ_DESC_SIZE;
    chain->next = 0;
    chain->seen = 0;
    chain->indirect = true;
    return true;
}

/* Where the chain goes after a descriptor of the split format. */
static bool chain_follow_link(VirtChain *chain, uint16_t flags, uint16_t next)
{
    chain->done = !(flags & VIRTQ_DESC_F_NEXT);
    if (chain->done) {
        return true;
    }
    if (next >= chain->entries) {
        return virtio_error(chain->vdev, "Desc next is %u", next);
    }
    chain->next = next;
    return true;
}

/* … and of the packed format: the next entry of the ring, or of the table whatever its flags say (2.8.7). */
static void chain_follow_order(VirtChain *chain, uint16_t flags)
{
    chain->next++;
    if (chain->indirect) {
        chain->done = chain->next == chain->entries;
    } else {
        chain->done = !(flags & VIRTQ_DESC_F_NEXT);
        chain->next %= chain->entries;
    }
}

VirtChainResult virtio_chain_next(VirtChain *chain, VirtDescriptor *desc)
{
    while (!chain->done) {
        uint8_t raw[VIRTQ_DESC_SIZE];
        uint16_t flags, id;

        if (chain->seen == chain->entries) {
            virtio_error(chain->vdev, "Looped descriptor");
            return VIRT_CHAIN_BROKEN;
        }
        chain->seen++;
        memcpy(raw, chain->table + chain->next * VIRTQ_DESC_SIZE, sizeof(raw));
        __atomic_signal_fence(__ATOMIC_SEQ_CST); /* the compiler may not look there again */
        desc->addr = load_le64(raw);
        desc->len = load_le32(raw + 8);
        /* split: flags, next; packed: id, flags */
        flags = load_le16(raw + (chain->packed ? 14 : 12));
        id = load_le16(raw + (chain->packed ? 12 : 14));
        if (chain->packed && !chain->indirect) {
            chain->ring_entries++;
            chain->id = id;
        }
        if (flags & VIRTQ_DESC_F_INDIRECT) {
            /* 2.7.5.3.1: a table ends the chain in the ring, NEXT may not be set with it. */
            if (!chain->indirect && flags & VIRTQ_DESC_F_NEXT) {
                virtio_error(chain->vdev, "Indirect descriptor with a next one");
                return VIRT_CHAIN_BROKEN;
            }
            if (!chain_enter_table(chain, desc->addr, desc->len)) {
                return VIRT_CHAIN_BROKEN;
            }
            continue;
        }
        desc->writable = flags & VIRTQ_DESC_F_WRITE;
        if (chain->packed) {
            chain_follow_order(chain, flags);
        } else if (!chain_follow_link(chain, flags, id)) {
            return VIRT_CHAIN_BROKEN;
        }
        return VIRT_CHAIN_MORE;
    }
    return VIRT_CHAIN_END;
}

/* ---- Segments ---- */

static VirtSegment *inline_segments(const VirtQueueElement *elem)
{
    return (VirtSegment *)((char *)elem + ROUND_UP(elem->vq->element_size, 16));
}

void virtio_element_reserve(VirtQueueElement *elem, unsigned count)
{
    unsigned capacity = elem->capacity;
    VirtSegment *segments;

    if (count <= capacity) {
        return;
    }
    while (capacity < count) {
        capacity *= 2;
    }
    /* The scatter list stands behind the segments in the same block. */
    segments = g_malloc(capacity * (sizeof(VirtSegment) + sizeof(struct iovec)));
    memcpy(segments, elem->segments, (elem->out_segments + elem->in_segments) * sizeof(VirtSegment));
    if (elem->segments != inline_segments(elem)) {
        g_free(elem->segments);
    }
    elem->segments = segments;
    elem->capacity = capacity;
}

void virtio_element_finish(VirtQueueElement *elem)
{
    struct iovec *iov = (struct iovec *)(elem->segments + elem->capacity);
    unsigned count = elem->out_segments + elem->in_segments;
    size_t sum[2] = { 0, 0 };

    for (unsigned i = 0; i < count; i++) {
        iov[i] = (struct iovec){ .iov_base = elem->segments[i].host, .iov_len = elem->segments[i].len };
        sum[i >= elem->out_segments] += elem->segments[i].len;
    }
    elem->out_sg = iov;
    elem->out_num = elem->out_segments;
    elem->out_bytes = sum[0];
    elem->in_sg = iov + elem->out_segments;
    elem->in_num = elem->in_segments;
    elem->in_bytes = sum[1];
}

bool virtio_element_append(VirtQueueElement *elem, const VirtDescriptor *desc)
{
    VirtIODevice *vdev = elem->vq->vdev;
    uint16_t *count = desc->writable ? &elem->in_segments : &elem->out_segments;
    hwaddr addr = desc->addr;
    uint32_t left = desc->len;

    if (left == 0) {
        return virtio_error(vdev, "virtio: zero sized buffers are not allowed");
    }
    if (addr + left < addr) {
        return virtio_error(vdev, "virtio: bogus descriptor or out of resources");
    }
    while (left > 0) {
        uint64_t len = left;
        uint8_t *host;

        if (*count == VIRTQUEUE_MAX_SIZE) {
            return virtio_error(vdev, "virtio: too many %s descriptors in indirect table",
                                desc->writable ? "write" : "read");
        }
        host = address_space_map(vdev->dma_as, addr, &len, desc->writable);
        if (!host || len == 0) {
            return virtio_error(vdev, "virtio: bogus descriptor or out of resources");
        }
        virtio_element_reserve(elem, elem->out_segments + elem->in_segments + 1);
        elem->segments[elem->out_segments + elem->in_segments] = (VirtSegment){
            .addr = addr, .host = host, .len = len,
        };
        (*count)++;
        addr += len;
        left -= len;
    }
    return true;
}

/* ---- Overlaps ---- */

static bool overlaps(hwaddr a, uint64_t a_len, hwaddr b, uint64_t b_len)
{
    return a < b + b_len && b < a + a_len;
}

static int segment_compare(const void *a, const void *b)
{
    const VirtSegment *x = *(VirtSegment *const *)a, *y = *(VirtSegment *const *)b;

    return x->addr < y->addr ? -1 : x->addr > y->addr;
}

/* Sorted by address, a segment of one kind overlaps one of the other if it begins before the farthest end of those. */
static bool many_overlap(const VirtQueueElement *elem)
{
    unsigned count = elem->out_segments + elem->in_segments;
    g_autofree VirtSegment **sorted = g_new(VirtSegment *, count);
    hwaddr end[2] = { 0, 0 };

    for (unsigned i = 0; i < count; i++) {
        sorted[i] = &elem->segments[i];
    }
    qsort(sorted, count, sizeof(*sorted), segment_compare);
    for (unsigned i = 0; i < count; i++) {
        bool in = sorted[i] >= elem->segments + elem->out_segments;

        if (sorted[i]->addr < end[!in]) {
            return true;
        }
        end[in] = MAX(end[in], sorted[i]->addr + sorted[i]->len);
    }
    return false;
}

static bool out_and_in_overlap(const VirtQueueElement *elem)
{
    const VirtSegment *out = elem->segments, *in = out + elem->out_segments;

    if (elem->out_segments * elem->in_segments > 4 * VIRTQUEUE_MAX_SIZE) {
        return many_overlap(elem);
    }
    for (unsigned i = 0; i < elem->in_segments; i++) {
        for (unsigned j = 0; j < elem->out_segments; j++) {
            if (overlaps(in[i].addr, in[i].len, out[j].addr, out[j].len)) {
                return true;
            }
        }
    }
    return false;
}

/*
 * What the device writes may not lie over what it reads in the same request, nor over the queue itself. Segments of
 * one direction may overlap: guests write one page of zeroes many times, and read what they don't want into one page.
 */
static bool check_overlaps(VirtQueue *vq, const VirtQueueElement *elem)
{
    uint64_t desc_len, driver_len, device_len;

    if (elem->in_segments == 0) {
        return true;
    }
    if (out_and_in_overlap(elem)) {
        return virtio_error(vq->vdev, "Overlapping buffers");
    }
    vq->ops->sizes(vq, &desc_len, &driver_len, &device_len);
    for (unsigned i = elem->out_segments; i < elem->out_segments + elem->in_segments; i++) {
        const VirtSegment *s = &elem->segments[i];

        if (overlaps(s->addr, s->len, vq->desc, desc_len) || overlaps(s->addr, s->len, vq->avail, driver_len)
            || overlaps(s->addr, s->len, vq->used, device_len)) {
            return virtio_error(vq->vdev, "Buffer overlaps the queue");
        }
    }
    return true;
}

bool virtio_chain_collect(VirtChain *chain, VirtQueue *vq, VirtQueueElement *elem)
{
    VirtDescriptor desc;
    VirtChainResult result;

    elem->out_segments = elem->in_segments = 0;
    while ((result = virtio_chain_next(chain, &desc)) == VIRT_CHAIN_MORE) {
        if (!desc.writable && elem->in_segments > 0) {
            return virtio_error(vq->vdev, "Incorrect order for descriptors"); /* 2.7.4.2 */
        }
        if (!virtio_element_append(elem, &desc)) {
            return false;
        }
    }
    if (result == VIRT_CHAIN_BROKEN || !check_overlaps(vq, elem)) {
        return false;
    }
    virtio_element_finish(elem);
    return true;
}
