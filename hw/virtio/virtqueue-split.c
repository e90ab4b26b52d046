/* Split virtqueues (2.7): a table of descriptors, the driver's ring of heads and the device's ring of used ones. */
#include "hw/virtio/virtqueue.h"

enum {
    AVAIL_F_NO_INTERRUPT = 1,
    USED_F_NO_NOTIFY = 1,
    RING_FLAGS = 0,         /* offsets in both rings */
    RING_IDX = 2,
    RING_ENTRIES = 4,
    USED_ENTRY_SIZE = 8,
};

static bool event_idx(const VirtQueue *vq)
{
    return virtio_has_feature(vq->vdev, VIRTIO_F_EVENT_IDX);
}

static void split_sizes(const VirtQueue *vq, uint64_t *desc, uint64_t *driver, uint64_t *device)
{
    unsigned event = event_idx(vq) ? 2 : 0;

    *desc = vq->num * VIRTQ_DESC_SIZE;
    *driver = RING_ENTRIES + 2 * vq->num + event;
    *device = RING_ENTRIES + USED_ENTRY_SIZE * vq->num + event;
}

static uint16_t read_avail_idx(VirtQueue *vq)
{
    vq->shadow_avail = virt_load16(vq->map_avail.host + RING_IDX);
    return vq->shadow_avail;
}

/* Where the guest says at which used index it wants an interrupt, and we at which avail index we want a doorbell. */
static uint16_t read_used_event(const VirtQueue *vq)
{
    return virt_load16(vq->map_avail.host + RING_ENTRIES + 2 * vq->num);
}

static void write_avail_event(VirtQueue *vq, uint16_t idx)
{
    hwaddr offset = RING_ENTRIES + USED_ENTRY_SIZE * vq->num;

    virt_store16(vq->map_used.host + offset, idx);
    virt_map_dirty(&vq->map_used, offset, 2);
}

static bool split_empty(VirtQueue *vq)
{
    return vq->shadow_avail == vq->last_avail.idx && read_avail_idx(vq) == vq->last_avail.idx;
}

static bool split_pop(VirtQueue *vq, VirtQueueElement *elem)
{
    uint16_t at = vq->last_avail.idx, head;
    VirtChain chain;

    if (split_empty(vq)) {
        return false;
    }
    if ((uint16_t)(vq->shadow_avail - at) > vq->num) {
        return virtio_error(vq->vdev, "Guest moved used index from %u to %u", at, vq->shadow_avail);
    }
    if (vq->in_flight >= vq->num) {
        return virtio_error(vq->vdev, "Virtqueue size exceeded");
    }
    virt_read_barrier(); /* the entry is no older than the index */
    head = virt_load16(vq->map_avail.host + RING_ENTRIES + 2 * (at % vq->num));
    vq->last_avail.idx++; /* also when it breaks the device: the stream of a broken device says so */
    if (head >= vq->num) {
        return virtio_error(vq->vdev, "Guest says index %u is available", head);
    }
    virtio_chain_begin(&chain, vq->vdev, vq->map_desc.host, vq->num, head, false);
    if (!virtio_chain_collect(&chain, vq, elem)) {
        return false;
    }
    elem->index = head;
    elem->ndescs = 1;
    vq->in_flight++;
    if (vq->notification && event_idx(vq)) {
        write_avail_event(vq, vq->last_avail.idx);
    }
    return true;
}

static void split_unpop(VirtQueue *vq, const VirtQueueElement *elem)
{
    vq->last_avail.idx--;
    vq->in_flight--;
}

static void split_push(VirtQueue *vq, const VirtQueueElement *elem, uint32_t written)
{
    uint16_t old = vq->used_pos.idx, new = old + 1;
    hwaddr offset = RING_ENTRIES + USED_ENTRY_SIZE * (old % vq->num);

    store_le32(vq->map_used.host + offset, elem->index);
    store_le32(vq->map_used.host + offset + 4, written);
    virt_map_dirty(&vq->map_used, offset, USED_ENTRY_SIZE);
    virt_write_barrier(); /* the entry before the index that shows it */
    virt_store16(vq->map_used.host + RING_IDX, new);
    virt_map_dirty(&vq->map_used, RING_IDX, 2);
    vq->used_pos.idx = new;
    vq->in_flight--;
    if (new == vq->signalled_used) {
        vq->signalled_used_valid = false; /* went all the way round without an interrupt */
    }
}

static bool split_should_notify(VirtQueue *vq)
{
    uint16_t old = vq->signalled_used;
    bool valid = vq->signalled_used_valid;

    virt_full_barrier(); /* the guest sees the used index before we see its event (2.7.7.2) */
    if (virtio_has_feature(vq->vdev, VIRTIO_F_NOTIFY_ON_EMPTY) && vq->in_flight == 0 && split_empty(vq)) {
        return true;
    }
    if (!event_idx(vq)) {
        return !(virt_load16(vq->map_avail.host + RING_FLAGS) & AVAIL_F_NO_INTERRUPT);
    }
    vq->signalled_used = vq->used_pos.idx;
    vq->signalled_used_valid = true;
    return !valid || virt_need_event(read_used_event(vq), vq->used_pos.idx, old);
}

static void split_set_notification(VirtQueue *vq, bool on)
{
    if (!event_idx(vq)) {
        virt_store16(vq->map_used.host + RING_FLAGS, on ? 0 : USED_F_NO_NOTIFY);
        virt_map_dirty(&vq->map_used, RING_FLAGS, 2);
    } else if (on) {
        write_avail_event(vq, read_avail_idx(vq));
    }
    if (on) {
        virt_full_barrier(); /* the guest sees this before we look for more */
    }
}

const VirtRingOps virtqueue_split_ops = {
    .sizes = split_sizes,
    .empty = split_empty,
    .pop = split_pop,
    .unpop = split_unpop,
    .push = split_push,
    .should_notify = split_should_notify,
    .set_notification = split_set_notification,
};
