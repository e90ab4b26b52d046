/*
 * A virtio device with nothing behind it and a guest that puts bytes into its rings: for tests of the queues. The guest
 * has 1 MiB of RAM at 0; the queue's rings are at fixed places.
 */
#ifndef TESTS_LIB_VIRTQUEUE_GUEST_H
#define TESTS_LIB_VIRTQUEUE_GUEST_H

#include "hw/virtio/virtqueue.h"
#include "util/byteorder.h"

enum {
    GUEST_RAM = 1 << 20,
    GUEST_DESC = 0x1000,
    GUEST_AVAIL = 0x6000,
    GUEST_USED = 0x8000,
    GUEST_TABLE = 0xc000,       /* for indirect tables */
    GUEST_DATA = 0x20000,
    GUEST_QUEUE_MAX = 1024,
    GUEST_CONFIG_VECTOR = 7,
    GUEST_QUEUE_VECTOR = 3,
};

typedef struct Guest {
    MemoryRegion ram;
    uint8_t *mem;
    DeviceState *transport;
    VirtIOBus *bus;
    VirtIODevice *vdev;
    VirtQueue *vq;
    unsigned queue_interrupts, config_interrupts;
    unsigned handled;           /* calls of the queue's handler */
    void (*on_handle)(VirtQueue *vq);
    uint16_t avail_idx;
} Guest;

static Guest guest;

/* ---- The device, its bus and its transport ---- */

static void guest_handle(VirtIODevice *vdev, VirtQueue *vq)
{
    guest.handled++;
    if (guest.on_handle) {
        guest.on_handle(vq);
    }
}

static bool guest_device_realize(VirtIODevice *vdev, GError **error)
{
    virtio_set_config_size(vdev, 8);
    guest.vq = virtio_add_queue(vdev, GUEST_QUEUE_MAX, sizeof(VirtQueueElement), guest_handle);
    return true;
}

static uint64_t guest_device_features(VirtIODevice *vdev, uint64_t features)
{
    return features | 1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_F_RING_PACKED;
}

static void guest_device_get_config(VirtIODevice *vdev, uint8_t *config)
{
}

static void guest_device_class_init(ObjectClass *klass, const void *data)
{
    VirtIODeviceClass *vdc = VIRTIO_DEVICE_CLASS(klass);

    vdc->name = "test";
    vdc->realize = guest_device_realize;
    vdc->get_features = guest_device_features;
    vdc->get_config = guest_device_get_config;
}

static void guest_bus_notify(VirtIOBus *bus, uint16_t vector)
{
    guest.queue_interrupts += vector == GUEST_QUEUE_VECTOR;
    guest.config_interrupts += vector == GUEST_CONFIG_VECTOR;
}

static void guest_bus_class_init(ObjectClass *klass, const void *data)
{
    VIRTIO_BUS_CLASS(klass)->notify = guest_bus_notify;
}

static const TypeInfo guest_types[] = {
    { .name = "test-virtio-device", .parent = TYPE_VIRTIO_DEVICE, .class_init = guest_device_class_init },
    { .name = "test-virtio-bus", .parent = TYPE_VIRTIO_BUS, .class_init = guest_bus_class_init },
    { .name = "test-transport", .parent = TYPE_DEVICE },
};

TYPES_REGISTER(guest_types)

static void guest_make(void)
{
    memory_init();
    g_assert_true(memory_region_init_ram(&guest.ram, NULL, "test.ram", GUEST_RAM, NULL));
    memory_region_add(memory_system(), 0, &guest.ram);
    guest.mem = memory_region_host(&guest.ram);
    guest.transport = device_new("test-transport");
    guest.bus = VIRTIO_BUS(bus_new("test-virtio-bus", guest.transport, "virtio-bus"));
    guest.vdev = VIRTIO_DEVICE(device_new("test-virtio-device"));
    g_assert_true(device_realize(&guest.vdev->parent_obj, &guest.bus->parent_obj, NULL));
}

/* ---- The guest's driver ---- */

/* Resets and starts with a queue of `num`; feature bits 32 and up as well. RAM is zero. */
static void guest_start(unsigned num, uint64_t features)
{
    memset(guest.mem, 0, GUEST_RAM);
    virtio_reset(guest.vdev);
    virtio_set_features(guest.vdev, features);
    guest.vdev->config_vector = GUEST_CONFIG_VECTOR;
    virtio_queue_set_vector(guest.vdev, 0, GUEST_QUEUE_VECTOR);
    virtio_set_status(guest.vdev, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_FEATURES_OK);
    virtio_queue_set_num(guest.vdev, 0, num);
    virtio_queue_set_rings(guest.vdev, 0, GUEST_DESC, GUEST_AVAIL, GUEST_USED);
    virtio_set_status(guest.vdev, guest.vdev->status | VIRTIO_STATUS_DRIVER_OK);
    guest.queue_interrupts = guest.config_interrupts = guest.handled = 0;
    guest.on_handle = NULL;
    guest.avail_idx = 0;
}

#define V1 (1ull << VIRTIO_F_VERSION_1)
#define EVENT_IDX (1ull << VIRTIO_F_EVENT_IDX)
#define PACKED (1ull << VIRTIO_F_RING_PACKED)

/* A descriptor of the split format, in a table at `table`. */
static inline void guest_desc(hwaddr table, unsigned i, uint64_t addr, uint32_t len, uint16_t flags, uint16_t next)
{
    uint8_t *d = guest.mem + table + 16 * i;

    store_le64(d, addr);
    store_le32(d + 8, len);
    store_le16(d + 12, flags);
    store_le16(d + 14, next);
}

/* … and of the packed format; the flags have the wrap bits already. */
static inline void guest_packed_desc(hwaddr table, unsigned i, uint64_t addr, uint32_t len, uint16_t id, uint16_t flags)
{
    guest_desc(table, i, addr, len, id, flags);
}

/* AVAIL and USED bits of a descriptor that is made available in a round with this wrap counter. */
static inline uint16_t guest_wrap_flags(bool wrap)
{
    return wrap ? VIRTQ_DESC_F_AVAIL : VIRTQ_DESC_F_USED;
}

/* Makes a chain's head available. */
static inline void guest_offer(uint16_t head)
{
    store_le16(guest.mem + GUEST_AVAIL + 4 + 2 * (guest.avail_idx % guest.vq->num), head);
    guest.avail_idx++;
    store_le16(guest.mem + GUEST_AVAIL + 2, guest.avail_idx);
}

static inline uint16_t guest_used_idx(void)
{
    return load_le16(guest.mem + GUEST_USED + 2);
}

static inline uint32_t guest_used_id(unsigned i)
{
    return load_le32(guest.mem + GUEST_USED + 4 + 8 * (i % guest.vq->num));
}

static inline uint32_t guest_used_len(unsigned i)
{
    return load_le32(guest.mem + GUEST_USED + 8 + 8 * (i % guest.vq->num));
}

/* Takes all there is and answers each request with all of its in bytes, checking what an element promises. */
static inline unsigned guest_serve(VirtQueue *vq)
{
    VirtQueueElement *elem;
    unsigned n = 0;

    while ((elem = virtqueue_pop(vq))) {
        size_t out = 0, in = 0;

        g_assert_cmpuint(elem->out_num + elem->in_num, >, 0);
        for (unsigned i = 0; i < elem->out_num; i++) {
            const uint8_t *base = elem->out_sg[i].iov_base;

            g_assert_true(base >= guest.mem && base + elem->out_sg[i].iov_len <= guest.mem + GUEST_RAM);
            out += elem->out_sg[i].iov_len;
        }
        for (unsigned i = 0; i < elem->in_num; i++) {
            uint8_t *base = elem->in_sg[i].iov_base;

            g_assert_true(base >= guest.mem && base + elem->in_sg[i].iov_len <= guest.mem + GUEST_RAM);
            in += elem->in_sg[i].iov_len;
            base[0] ^= 0x55;
            base[elem->in_sg[i].iov_len - 1] ^= 0xaa;
        }
        g_assert_cmpuint(out, ==, elem->out_bytes);
        g_assert_cmpuint(in, ==, elem->in_bytes);
        virtqueue_push(elem, in);
        n++;
    }
    virtqueue_notify(vq);
    return n;
}

static inline void guest_serve_all(VirtQueue *vq)
{
    guest_serve(vq);
}

/* One run over rings that somebody else made up: features, then RAM from the descriptors on. */
static inline void guest_feed(const uint8_t *bytes, size_t size)
{
    static const uint16_t nums[] = { 2, 4, 8, 16, 64, 256, 1024, 5 };
    uint64_t features = V1;

    if (size < 2) {
        return;
    }
    features |= bytes[0] & 1 ? EVENT_IDX : 0;
    features |= bytes[0] & 2 ? PACKED : 0;
    features |= bytes[0] & 4 ? 1ull << VIRTIO_F_INDIRECT_DESC : 0;
    guest_start(nums[bytes[1] & 7], features);
    memcpy(guest.mem + GUEST_DESC, bytes + 2, MIN(size - 2, GUEST_RAM - GUEST_DESC));
    guest.on_handle = guest_serve_all;
    virtio_queue_notify(guest.vdev, 0);
    for (unsigned rounds = 0; rounds < 4; rounds++) {
        virtio_run_kicks(guest.vdev);
    }
    g_assert_cmpuint(virtqueue_in_flight(guest.vq), ==, 0);
}

#endif
