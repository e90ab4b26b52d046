/* Queues: their rings' place in guest memory, elements and their pool, the handler's runs, and doorbells. */
#include "hw/virtio/virtqueue.h"

#include <inttypes.h>

#include "system/main-loop.h"
#include "system/runstate.h"
#include "util/trace.h"
#include "util/units.h"

/* ---- Mapping ---- */

/* Counts changes of any memory map: what was mapped before the present value is looked up anew. */
static uint32_t memory_generation = 1;

static void memory_changed(MemoryListener *listener, AddressSpace *as, hwaddr first, hwaddr last)
{
    if (as != &address_space_io && ++memory_generation == 0) {
        memory_generation = 1; /* 0 is "not mapped" */
    }
}

static MemoryListener memory_listener = { .changed = memory_changed };

/* 2.7, 2.8.10: the parts are aligned to 16, 2 and 4 bytes (packed: 16, 4 and 4). */
static bool map_part(VirtQueue *vq, VirtMap *map, const char *what, hwaddr addr, uint64_t len, unsigned align,
                     bool is_write)
{
    MemorySection section;

    if (addr % align != 0 || addr + len < addr) {
        return virtio_error(vq->vdev, "Cannot map %s: bad address 0x%" PRIx64, what, addr);
    }
    section = address_space_lookup(vq->vdev->dma_as, addr);
    if (!section.mr || section.mr->kind != MR_RAM || section.size < len || (is_write && section.readonly)) {
        return virtio_error(vq->vdev, "Cannot map %s", what);
    }
    *map = (VirtMap){
        .host = (uint8_t *)memory_region_host(section.mr) + section.offset, .mr = section.mr, .offset = section.offset,
    };
    return true;
}

bool virtqueue_map(VirtQueue *vq)
{
    uint64_t desc_len, driver_len, device_len;
    bool packed = virtio_has_feature(vq->vdev, VIRTIO_F_RING_PACKED);

    if (G_LIKELY(vq->map_generation == memory_generation)) {
        return true;
    }
    if (vq->desc == 0 || vq->num == 0) {
        return false;
    }
    vq->ops = packed ? &virtqueue_packed_ops : &virtqueue_split_ops;
    vq->ops->sizes(vq, &desc_len, &driver_len, &device_len);
    if (!map_part(vq, &vq->map_desc, "desc", vq->desc, desc_len, 16, packed)
        || !map_part(vq, &vq->map_used, "used", vq->used, device_len, 4, true)
        || !map_part(vq, &vq->map_avail, "avail", vq->avail, driver_len, packed ? 4 : 2, false)) {
        return false;
    }
    vq->map_generation = memory_generation;
    return true;
}

void virtqueue_unmap(VirtQueue *vq)
{
    vq->map_generation = 0;
}

/* The queue can be looked at now. */
static bool virtqueue_usable(VirtQueue *vq)
{
    return !vq->vdev->broken && !virtio_device_disabled(vq->vdev) && virtqueue_map(vq);
}

/* ---- Life ---- */

void virtqueue_init(VirtQueue *vq)
{
    vq->num = vq->num_max;
    vq->vector = VIRTIO_NO_VECTOR;
    vq->desc = vq->avail = vq->used = 0;
    vq->last_avail = vq->used_pos = (VirtRingPos){ .idx = 0, .wrap = true };
    vq->in_flight = 0;
    vq->shadow_avail = 0;
    vq->signalled_used = 0;
    vq->signalled_used_valid = false;
    vq->notification = true;
    virtqueue_unmap(vq);
}

VirtQueue *virtio_add_queue(VirtIODevice *vdev, uint16_t size, size_t element_size,
                            void (*handle)(VirtIODevice *vdev, VirtQueue *vq))
{
    static bool listening;
    VirtQueue *vq = g_new0(VirtQueue, 1);

    g_assert(vdev->num_queues < VIRTIO_QUEUE_MAX && size > 0 && size <= VIRTQUEUE_MAX_SIZE);
    g_assert(element_size >= sizeof(VirtQueueElement));
    if (!listening) {
        memory_listener_add(&memory_listener);
        listening = true;
    }
    vq->vdev = vdev;
    vq->number = vdev->num_queues++;
    vq->num_max = size;
    vq->element_size = element_size;
    vq->handle = handle;
    virtqueue_init(vq);
    vdev->vqs = g_renew(VirtQueue *, vdev->vqs, vdev->num_queues);
    vdev->vqs[vq->number] = vq;
    return vq;
}

static void element_free(VirtQueueElement *elem)
{
    if (elem->capacity > VIRTQUEUE_INLINE_SEGMENTS) {
        g_free(elem->segments);
    }
    g_free(elem);
}

void virtqueue_free(VirtQueue *vq)
{
    while (vq->pool) {
        VirtQueueElement *elem = vq->pool;

        vq->pool = elem->next;
        element_free(elem);
    }
    g_free(vq);
}

VirtQueue *virtio_queue(VirtIODevice *vdev, unsigned n)
{
    return n < vdev->num_queues ? vdev->vqs[n] : NULL;
}

unsigned virtqueue_number(const VirtQueue *vq)
{
    return vq->number;
}

uint16_t virtqueue_size(const VirtQueue *vq)
{
    return vq->num;
}

VirtIODevice *virtqueue_device(const VirtQueue *vq)
{
    return vq->vdev;
}

unsigned virtqueue_in_flight(const VirtQueue *vq)
{
    return vq->in_flight;
}

/* ---- Elements ---- */

VirtQueueElement *virtqueue_element_new(VirtQueue *vq)
{
    size_t head = ROUND_UP(vq->element_size, 16);
    VirtQueueElement *elem = vq->pool;

    if (elem) {
        vq->pool = elem->next;
        vq->pool_size--;
        return elem;
    }
    elem = g_malloc(head + VIRTQUEUE_INLINE_SEGMENTS * (sizeof(VirtSegment) + sizeof(struct iovec)));
    *elem = (VirtQueueElement){
        .vq = vq, .segments = (VirtSegment *)((char *)elem + head), .capacity = VIRTQUEUE_INLINE_SEGMENTS,
    };
    return elem;
}

void virtqueue_element_release(VirtQueueElement *elem)
{
    VirtQueue *vq = elem->vq;

    if (elem->capacity > VIRTQUEUE_POOLED_SEGMENTS || vq->pool_size >= vq->num_max) {
        element_free(elem);
        return;
    }
    elem->next = vq->pool;
    vq->pool = elem;
    vq->pool_size++;
}

void *virtqueue_pop(VirtQueue *vq)
{
    VirtQueueElement *elem;

    if (!virtqueue_usable(vq)) {
        return NULL;
    }
    if (vq->running && vq->budget == 0) {
        vq->out_of_budget = true;
        return NULL;
    }
    elem = virtqueue_element_new(vq);
    if (!vq->ops->pop(vq, elem)) {
        virtqueue_element_release(elem);
        return NULL;
    }
    if (vq->running) {
        vq->budget--;
        vq->popped++;
    }
    trace(virtqueue_pop, "vq %p elem %p in_num %u out_num %u", (void *)vq, (void *)elem, elem->in_num, elem->out_num);
    return elem;
}

bool virtqueue_empty(VirtQueue *vq)
{
    return !virtqueue_usable(vq) || vq->ops->empty(vq);
}

/* The guest's pages under the in segments were written, in order, up to `written` bytes. */
static void mark_written(VirtQueueElement *elem, size_t written)
{
    AddressSpace *as = elem->vq->vdev->dma_as;

    for (unsigned i = 0; i < elem->in_segments && written > 0; i++) {
        const VirtSegment *s = &elem->segments[elem->out_segments + i];
        uint64_t n = MIN(s->len, written);

        address_space_unmap(as, s->host, n, true);
        written -= n;
    }
}

void virtqueue_push(VirtQueueElement *elem, size_t written)
{
    VirtQueue *vq = elem->vq;

    trace(virtqueue_push, "vq %p elem %p len %zu", (void *)vq, (void *)elem, written);
    mark_written(elem, written);
    if (virtqueue_usable(vq)) {
        vq->ops->push(vq, elem, MIN(written, UINT32_MAX));
    } else {
        vq->in_flight -= MIN(vq->in_flight, elem->ndescs);
    }
    virtqueue_element_release(elem);
}

void virtqueue_unpop(VirtQueueElement *elem)
{
    mark_written(elem, SIZE_MAX); /* a request given up may have written */
    if (virtqueue_map(elem->vq)) {
        elem->vq->ops->unpop(elem->vq, elem);
    }
    virtqueue_element_release(elem);
}

void virtqueue_drop(VirtQueueElement *elem)
{
    mark_written(elem, SIZE_MAX);
    elem->vq->in_flight -= MIN(elem->vq->in_flight, elem->ndescs);
    virtqueue_element_release(elem);
}

/* ---- Notifications ---- */

void virtqueue_set_notification(VirtQueue *vq, bool on)
{
    vq->notification = on;
    if (virtqueue_usable(vq)) {
        vq->ops->set_notification(vq, on);
    }
}

void virtqueue_notify(VirtQueue *vq)
{
    if (virtqueue_usable(vq) && vq->ops->should_notify(vq)) {
        trace(virtio_notify, "vdev %p vq %p", (void *)vq->vdev, (void *)vq);
        virtio_interrupt(vq->vdev, vq->vector, false);
    }
}

void virtqueue_run(VirtQueue *vq)
{
    VirtIODevice *vdev = vq->vdev;

    if (vq->running || !virtqueue_usable(vq)) {
        return;
    }
    if (vdev->start_on_kick) {
        virtio_set_started(vdev, true);
    }
    vq->running = true;
    vq->out_of_budget = false;
    vq->budget = VIRTQUEUE_BUDGET;
    do {
        vq->popped = 0;
        virtqueue_set_notification(vq, false);
        vq->handle(vdev, vq);
        virtqueue_set_notification(vq, true);
        /* What came in before doorbells were on again rang none. */
    } while (vq->popped > 0 && !vq->out_of_budget && !virtqueue_empty(vq));
    vq->running = false;
    if (vq->out_of_budget) {
        virtqueue_kick(vq);
    }
}

struct VirtIOKick {
    Deferred *deferred;
    unsigned long pending[VIRTIO_QUEUE_MAX / (8 * sizeof(unsigned long))];
};

#define KICK_BITS (8 * sizeof(unsigned long))

static void kick_deferred(void *opaque)
{
    /*
     * Once the machine has stopped nothing may touch its memory; what rang before is heard when it goes on. A machine
     * that has not started yet has doorbells only if somebody rings them from outside.
     */
    if (runstate_is_running() || runstate_get() == RUN_STATE_PRELAUNCH) {
        virtio_run_kicks(opaque);
    }
}

void virtio_run_kicks(VirtIODevice *vdev)
{
    struct VirtIOKick *kick = vdev->kick;

    for (unsigned word = 0; word * KICK_BITS < vdev->num_queues; word++) {
        unsigned long bits = __atomic_exchange_n(&kick->pending[word], 0, __ATOMIC_ACQUIRE);

        while (bits) {
            unsigned n = word * KICK_BITS + __builtin_ctzl(bits);

            bits &= bits - 1;
            if (n < vdev->num_queues) {
                virtqueue_run(vdev->vqs[n]);
            }
        }
    }
}

void virtio_kick_init(VirtIODevice *vdev)
{
    vdev->kick = g_new0(struct VirtIOKick, 1);
    vdev->kick->deferred = deferred_new(kick_deferred, vdev);
}

void virtio_kick_free(VirtIODevice *vdev)
{
    if (vdev->kick) {
        deferred_free(vdev->kick->deferred);
        g_free(vdev->kick);
        vdev->kick = NULL;
    }
}

void virtio_kick_clear(VirtIODevice *vdev)
{
    deferred_cancel(vdev->kick->deferred);
    memset(vdev->kick->pending, 0, sizeof(vdev->kick->pending));
}

void virtio_kick_again(VirtIODevice *vdev)
{
    deferred_schedule(vdev->kick->deferred);
}

void virtio_kick_all(VirtIODevice *vdev)
{
    for (unsigned i = 0; i < vdev->num_queues; i++) {
        virtqueue_kick(vdev->vqs[i]);
    }
}

void virtqueue_kick(VirtQueue *vq)
{
    struct VirtIOKick *kick = vq->vdev->kick;

    __atomic_fetch_or(&kick->pending[vq->number / KICK_BITS], 1ul << vq->number % KICK_BITS, __ATOMIC_RELEASE);
    deferred_schedule(kick->deferred);
}

void virtqueue_set_prompt(VirtQueue *vq)
{
    vq->prompt = true;
}

void virtio_queue_notify(VirtIODevice *vdev, unsigned n)
{
    VirtQueue *vq = virtio_queue(vdev, n);

    if (!vq) {
        return;
    }
    /* While requests are in flight the main loop has to wake for them, and takes more at once. */
    if (vq->prompt && vq->in_flight == 0 && !vq->running && runstate_is_running() && !main_loop_is_current() &&
        big_lock_held()) {
        virtqueue_run(vq);
    } else {
        virtqueue_kick(vq);
    }
}
