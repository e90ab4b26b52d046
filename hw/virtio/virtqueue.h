/*
 * The inside of a queue: what its two ring formats, the chain iterator and the migration share.
 *
 * virtqueue.c holds queues, elements and doorbells and is the same for both formats; virtqueue-split.c and
 * virtqueue-packed.c know the bytes of a ring (2.7, 2.8); virtio-chain.c turns descriptors into checked segments.
 * Everything that a ring or a chain says is the guest's word and checked here, once.
 */
#ifndef HW_VIRTIO_VIRTQUEUE_H
#define HW_VIRTIO_VIRTQUEUE_H

#include "hw/virtio/virtio.h"
#include "system/ramblock.h"
#include "util/byteorder.h"

/* Descriptor flags, in both formats. */
enum {
    VIRTQ_DESC_F_NEXT = 1,
    VIRTQ_DESC_F_WRITE = 2,
    VIRTQ_DESC_F_INDIRECT = 4,
    VIRTQ_DESC_F_AVAIL = 1 << 7,    /* packed */
    VIRTQ_DESC_F_USED = 1 << 15,
};
#define VIRTQ_DESC_SIZE 16

/* A part of a ring in guest RAM. */
typedef struct VirtMap {
    uint8_t *host;
    MemoryRegion *mr;
    hwaddr offset;              /* of host in mr: where writes are marked dirty */
} VirtMap;

/* A position in a ring that counts its rounds (packed); split: idx counts to 2^16 and wrap is not used. */
typedef struct VirtRingPos {
    uint16_t idx;
    bool wrap;
} VirtRingPos;

typedef struct VirtRingOps {
    /* Where the three parts lie and how long they are: false if they can't be there at all. */
    void (*sizes)(const VirtQueue *vq, uint64_t *desc, uint64_t *driver, uint64_t *device);
    bool (*empty)(VirtQueue *vq);
    /* Fills elem from the next chain and moves on; false if there is none or it was broken. */
    bool (*pop)(VirtQueue *vq, VirtQueueElement *elem);
    void (*unpop)(VirtQueue *vq, const VirtQueueElement *elem);
    void (*push)(VirtQueue *vq, const VirtQueueElement *elem, uint32_t written);
    bool (*should_notify)(VirtQueue *vq);
    void (*set_notification)(VirtQueue *vq, bool on);
} VirtRingOps;
extern const VirtRingOps virtqueue_split_ops, virtqueue_packed_ops;

struct VirtQueue {
    VirtIODevice *vdev;
    unsigned number;
    uint16_t num_max;           /* what the device gave it */
    void (*handle)(VirtIODevice *vdev, VirtQueue *vq);
    /* migrated */
    uint16_t num;
    uint16_t vector;
    hwaddr desc, avail, used;   /* descriptor, driver and device areas; desc 0: not set up */
    VirtRingPos last_avail;     /* the next to pop */
    VirtRingPos used_pos;       /* the next to push */
    unsigned in_flight;         /* popped and not pushed: elements, with packed rings ring entries */
    /* rebuilt */
    unsigned num_loaded;        /* in flight by what the device's part of the stream said */
    uint16_t shadow_avail;      /* split: the guest's index when last read */
    uint16_t signalled_used;    /* the used index at the last interrupt … */
    bool signalled_used_valid;  /* … if it is known */
    bool notification;          /* the guest is to ring */
    bool prompt;                /* a CPU's doorbell is served by that CPU's thread */
    const VirtRingOps *ops;
    uint32_t map_generation;    /* of memory maps: the three below are good while it is the current one */
    VirtMap map_desc, map_avail, map_used;
    /* one run of the handler */
    unsigned budget;            /* elements that it may still pop */
    unsigned popped;
    bool running, out_of_budget;
    /* elements at rest */
    size_t element_size;
    VirtQueueElement *pool;
    unsigned pool_size;
};

/* An element's segment: where it is for the guest and here. */
typedef struct VirtSegment {
    hwaddr addr;
    uint8_t *host;
    uint32_t len;
} VirtSegment;

#define VIRTQUEUE_INLINE_SEGMENTS 16    /* kept in the element itself */
#define VIRTQUEUE_POOLED_SEGMENTS 256   /* an element with more gives its list back when it ends */
#define VIRTQUEUE_BUDGET 1024           /* elements that one call of a handler may pop */

/* ---- virtqueue.c ---- */

/* The rings are mapped, and in the right format; false: not set up, or broken by this. */
bool virtqueue_map(VirtQueue *vq);
/* The features or addresses changed. */
void virtqueue_unmap(VirtQueue *vq);
VirtQueueElement *virtqueue_element_new(VirtQueue *vq);
/* Back to the pool, which keeps what a queue can have in flight at once. */
void virtqueue_element_release(VirtQueueElement *elem);
/* As if never used; elements in flight are the device's. */
void virtqueue_init(VirtQueue *vq);
void virtqueue_free(VirtQueue *vq);
/* Calls the handler until it pops nothing more, within the budget. */
void virtqueue_run(VirtQueue *vq);
/* Runs all queues whose doorbells rang; the main loop's, and the tests'. */
void virtio_run_kicks(VirtIODevice *vdev);
void virtio_kick_init(VirtIODevice *vdev);
void virtio_kick_free(VirtIODevice *vdev);
void virtio_kick_clear(VirtIODevice *vdev);
/* The machine runs again: doorbells that rang while it did not are heard; _all rings each. */
void virtio_kick_again(VirtIODevice *vdev);
void virtio_kick_all(VirtIODevice *vdev);
/* 2.7.2, legacy layout: where the other two parts of the ring follow from. */
void virtqueue_place_legacy(VirtQueue *vq, hwaddr desc);

/* `size` bytes at `offset` of a ring part were written. Logging starts and ends under the big lock. */
static inline void virt_map_dirty(const VirtMap *map, hwaddr offset, unsigned size)
{
    if (G_UNLIKELY(ramblock_is_logging())) {
        memory_region_set_dirty(map->mr, map->offset + offset, size);
    }
}

/* Ring indices and flags: single loads and stores of 16 bits in the guest's order, as the other side makes them. */
static inline uint16_t virt_load16(const uint8_t *p)
{
    return le16toh(__atomic_load_n((const uint16_t *)(const void *)p, __ATOMIC_RELAXED));
}

static inline void virt_store16(uint8_t *p, uint16_t v)
{
    __atomic_store_n((uint16_t *)(void *)p, htole16(v), __ATOMIC_RELAXED);
}

/* What is read or written after it is not so before it (2.7.13, 2.8.21: "suitable memory barrier"). */
#define virt_read_barrier() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define virt_write_barrier() __atomic_thread_fence(__ATOMIC_RELEASE)
#define virt_full_barrier() __atomic_thread_fence(__ATOMIC_SEQ_CST)

/* 2.7.10: whether going from `old` to `new` passed `event`. */
static inline bool virt_need_event(uint16_t event, uint16_t new, uint16_t old)
{
    return (uint16_t)(new - event - 1) < (uint16_t)(new - old);
}

/* ---- virtio-chain.c ---- */

/* Walks the descriptors of one request. The fields are the iterator's own, but for what _begin is given. */
typedef struct VirtChain {
    VirtIODevice *vdev;
    const uint8_t *table;       /* the ring, or the indirect table that the chain went to */
    unsigned entries;           /* of table */
    unsigned next;              /* the one to read */
    unsigned seen;              /* of table: more than its entries is a loop */
    unsigned ring_entries;      /* of the ring that the chain took (packed) */
    uint16_t id;                /* packed: of the last ring entry */
    bool packed, indirect, done;
} VirtChain;

typedef struct VirtDescriptor {
    hwaddr addr;
    uint32_t len;
    bool writable;
} VirtDescriptor;

typedef enum { VIRT_CHAIN_BROKEN, VIRT_CHAIN_END, VIRT_CHAIN_MORE } VirtChainResult;

/* Starts at entry `head` (checked by the caller) of a ring of `entries`. */
void virtio_chain_begin(VirtChain *chain, VirtIODevice *vdev, const uint8_t *ring, unsigned entries, unsigned head,
                        bool packed);
/* The next descriptor that holds data. BROKEN: virtio_error() was called. */
VirtChainResult virtio_chain_next(VirtChain *chain, VirtDescriptor *desc);
/* Walks it all into elem's segments: order, lengths, memory and overlaps checked. False: broken. */
bool virtio_chain_collect(VirtChain *chain, VirtQueue *vq, VirtQueueElement *elem);
/* Appends a descriptor's memory to elem's segments: one for each contiguous piece of it here. False: broken. */
bool virtio_element_append(VirtQueueElement *elem, const VirtDescriptor *desc);
/* elem's segments are complete (out first): makes the scatter lists and sums. */
void virtio_element_finish(VirtQueueElement *elem);
/* Room for `count` segments, with the present ones kept. */
void virtio_element_reserve(VirtQueueElement *elem, unsigned count);

#endif
