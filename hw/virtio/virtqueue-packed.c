/*
 * Packed virtqueues (2.8): one ring of descriptors that both sides write. An entry is available while its AVAIL flag is
 * the driver's wrap counter and its USED flag is not; a used one has both flags as the device's wrap counter.
 */
#include "hw/virtio/virtqueue.h"

enum {
    EVENT_SIZE = 4,         /* of the driver and device areas: le16 offset and wrap, le16 flags */
    EVENT_OFF_WRAP = 0,
    EVENT_FLAGS = 2,
    EVENT_ENABLE = 0,
    EVENT_DISABLE = 1,
    EVENT_DESC = 2,
    DESC_LEN = 8,
    DESC_ID = 12,
    DESC_FLAGS = 14,
};

static void packed_sizes(const VirtQueue *vq, uint64_t *desc, uint64_t *driver, uint64_t *device)
{
    *desc = vq->num * VIRTQ_DESC_SIZE;
    *driver = EVENT_SIZE;
    *device = EVENT_SIZE;
}

static void advance(const VirtQueue *vq, VirtRingPos *pos, unsigned entries)
{
    pos->idx += entries;
    if (pos->idx >= vq->num) {
        pos->idx -= vq->num;
        pos->wrap = !pos->wrap;
    }
}

static void retreat(const VirtQueue *vq, VirtRingPos *pos, unsigned entries)
{
    if (pos->idx < entries) {
        pos->idx += vq->num;
        pos->wrap = !pos->wrap;
    }
    pos->idx -= entries;
}

static bool packed_empty(VirtQueue *vq)
{
    uint16_t flags = virt_load16(vq->map_desc.host + vq->last_avail.idx * VIRTQ_DESC_SIZE + DESC_FLAGS);
    bool avail = flags & VIRTQ_DESC_F_AVAIL, used = flags & VIRTQ_DESC_F_USED;

    return avail != vq->last_avail.wrap || used == vq->last_avail.wrap;
}

static bool packed_pop(VirtQueue *vq, VirtQueueElement *elem)
{
    VirtChain chain;

    if (packed_empty(vq)) {
        return false;
    }
    if (vq->in_flight >= vq->num) {
        return virtio_error(vq->vdev, "Virtqueue size exceeded");
    }
    virt_read_barrier(); /* the first flags make the whole chain available */
    virtio_chain_begin(&chain, vq->vdev, vq->map_desc.host, vq->num, vq->last_avail.idx, true);
    if (!virtio_chain_collect(&chain, vq, elem)) {
        return false;
    }
    if (vq->in_flight + chain.ring_entries > vq->num) {
        return virtio_error(vq->vdev, "Virtqueue size exceeded");
    }
    elem->index = chain.id;
    elem->ndescs = chain.ring_entries;
    advance(vq, &vq->last_avail, elem->ndescs);
    vq->in_flight += elem->ndescs;
    return true;
}

static void packed_unpop(VirtQueue *vq, const VirtQueueElement *elem)
{
    retreat(vq, &vq->last_avail, elem->ndescs);
    vq->in_flight -= elem->ndescs;
}

static void packed_push(VirtQueue *vq, const VirtQueueElement *elem, uint32_t written)
{
    hwaddr offset = vq->used_pos.idx * VIRTQ_DESC_SIZE;
    uint8_t *desc = vq->map_desc.host + offset;
    bool wrap = vq->used_pos.wrap;

    store_le16(desc + DESC_ID, elem->index);
    store_le32(desc + DESC_LEN, written);
    virt_write_barrier(); /* the flags that hand it over come last */
    virt_store16(desc + DESC_FLAGS, (wrap ? VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED : 0)
                                    | (elem->in_segments > 0 ? VIRTQ_DESC_F_WRITE : 0));
    virt_map_dirty(&vq->map_desc, offset, VIRTQ_DESC_SIZE);
    advance(vq, &vq->used_pos, elem->ndescs);
    vq->in_flight -= elem->ndescs;
    if (vq->used_pos.wrap != wrap) {
        vq->signalled_used_valid = false; /* indices of two rounds can't be compared below */
    }
}

static bool packed_should_notify(VirtQueue *vq)
{
    uint16_t old = vq->signalled_used, off_wrap, event;
    bool valid = vq->signalled_used_valid;

    virt_full_barrier();
    vq->signalled_used = vq->used_pos.idx;
    vq->signalled_used_valid = true;
    switch (virt_load16(vq->map_avail.host + EVENT_FLAGS)) {
    case EVENT_DISABLE:
        return false;
    case EVENT_DESC:
        if (virtio_has_feature(vq->vdev, VIRTIO_F_EVENT_IDX)) {
            break;
        }
        return true;
    default: /* a reserved value is as ENABLE: an interrupt too many does no harm */
        return true;
    }
    off_wrap = virt_load16(vq->map_avail.host + EVENT_OFF_WRAP);
    event = off_wrap & 0x7fff;
    if (!!(off_wrap & 0x8000) != vq->used_pos.wrap) {
        event -= vq->num;
    }
    return !valid || virt_need_event(event, vq->used_pos.idx, old);
}

static void packed_set_notification(VirtQueue *vq, bool on)
{
    uint8_t *event = vq->map_used.host;
    uint16_t flags = on ? EVENT_ENABLE : EVENT_DISABLE;

    if (on && virtio_has_feature(vq->vdev, VIRTIO_F_EVENT_IDX)) {
        virt_store16(event + EVENT_OFF_WRAP, vq->last_avail.idx | vq->last_avail.wrap << 15);
        virt_write_barrier(); /* the place before the flags that make it count */
        flags = EVENT_DESC;
    }
    virt_store16(event + EVENT_FLAGS, flags);
    virt_map_dirty(&vq->map_used, 0, EVENT_SIZE);
    if (on) {
        virt_full_barrier();
    }
}

const VirtRingOps virtqueue_packed_ops = {
    .sizes = packed_sizes,
    .empty = packed_empty,
    .pop = packed_pop,
    .unpop = packed_unpop,
    .push = packed_push,
    .should_notify = packed_should_notify,
    .set_notification = packed_set_notification,
};
