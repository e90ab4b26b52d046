/*
 * Virtio devices and their queues (Virtual I/O Device specification 1.2, chapters 2 and 3).
 *
 * A VirtIODevice is the device proper ("virtio-blk-device"); it sits on a virtio-bus whose parent is the transport
 * (virtio-pci). The device adds its queues in realize, says which features it has, and handles requests:
 *
 *     static void handle_output(VirtIODevice *vdev, VirtQueue *vq)
 *     {
 *         BlkRequest *req;
 *         while ((req = virtqueue_pop(vq))) {
 *             start(req);                                      // … and when it ends, at once or later:
 *         }                                                    //     virtqueue_push(&req->elem, written);
 *     }                                                        //     virtqueue_notify(vq);
 *
 * An element is one request: a validated descriptor chain, its guest memory mapped as two scatter lists. Elements come
 * from the queue's pool, so that the way from a doorbell to an interrupt allocates nothing. Each ends exactly once: by
 * virtqueue_push(), _unpop() or _drop(), which also give it back to the pool.
 *
 * A guest that breaks the rules (a looped chain, an index out of range, a buffer outside RAM) breaks its device:
 * virtio_error(). A broken device pops nothing until the guest resets it (2.1.2, DEVICE_NEEDS_RESET).
 *
 * The handler is called in the main loop under the big lock, never from within a doorbell, and only while the machine
 * runs. The core keeps doorbells off while it runs, looks again before it returns, and bounds how many elements one
 * call can pop: what is left is handled after the main loop went round.
 */
#ifndef HW_VIRTIO_VIRTIO_H
#define HW_VIRTIO_VIRTIO_H

#include <sys/uio.h>

#include "hw/core/device.h"
#include "migration/vmstate.h"
#include "system/memory.h"

#define TYPE_VIRTIO_DEVICE "virtio-device"
OBJECT_DECLARE_TYPE(VirtIODevice, VirtIODeviceClass, VIRTIO_DEVICE)
#define TYPE_VIRTIO_BUS "virtio-bus"
OBJECT_DECLARE_TYPE(VirtIOBus, VirtIOBusClass, VIRTIO_BUS)

typedef struct VirtQueue VirtQueue;

#define VIRTIO_QUEUE_MAX 1024       /* queues of a device */
#define VIRTQUEUE_MAX_SIZE 1024     /* entries of a queue, and segments of an element in one direction */
#define VIRTIO_NO_VECTOR 0xffff
#define VIRTIO_CONFIG_MAX 4096      /* bytes of device config space */

/* Device status (2.1). */
enum {
    VIRTIO_STATUS_ACKNOWLEDGE = 1,
    VIRTIO_STATUS_DRIVER = 2,
    VIRTIO_STATUS_DRIVER_OK = 4,
    VIRTIO_STATUS_FEATURES_OK = 8,
    VIRTIO_STATUS_NEEDS_RESET = 0x40,
    VIRTIO_STATUS_FAILED = 0x80,
};

/* Device types (5). */
enum {
    VIRTIO_ID_NET = 1,
    VIRTIO_ID_BLOCK = 2,
    VIRTIO_ID_CONSOLE = 3,
    VIRTIO_ID_RNG = 4,
    VIRTIO_ID_BALLOON = 5,
    VIRTIO_ID_SCSI = 8,
};

/* Features that are not a device type's own (6): bit numbers. */
enum {
    VIRTIO_F_NOTIFY_ON_EMPTY = 24,  /* legacy */
    VIRTIO_F_ANY_LAYOUT = 27,       /* legacy */
    VIRTIO_F_INDIRECT_DESC = 28,
    VIRTIO_F_EVENT_IDX = 29,
    VIRTIO_F_BAD_FEATURE = 30,      /* what a driver from before 0.9 sets when it does not know features */
    VIRTIO_F_VERSION_1 = 32,
    VIRTIO_F_IOMMU_PLATFORM = 33,
    VIRTIO_F_RING_PACKED = 34,
    VIRTIO_F_IN_ORDER = 35,
    VIRTIO_F_RING_RESET = 40,
};

/* One request. A device's own request struct begins with it. */
typedef struct VirtQueueElement {
    VirtQueue *vq;
    uint16_t index;             /* split: the chain's head; packed: the buffer id */
    uint16_t ndescs;            /* packed: ring entries that it takes */
    unsigned out_num, in_num;   /* segments that the device reads and writes */
    struct iovec *out_sg, *in_sg;   /* the device may cut them: iov_discard_front(&elem->out_sg, &elem->out_num, n) */
    size_t out_bytes, in_bytes; /* their sizes as the guest gave them */
    /* the core's own */
    struct VirtSegment *segments;
    uint16_t out_segments, in_segments, capacity;
    struct VirtQueueElement *next;
} VirtQueueElement;

struct VirtIODeviceClass {
    DeviceClass parent_class;
    uint16_t device_id;         /* VIRTIO_ID_* */
    const char *name;           /* "virtio-blk": in messages */
    uint64_t legacy_features;   /* offered by legacy and transitional devices to legacy drivers only */
    /* Adds queues and sets the config size. The transport looks at the result, so all of it is done here. */
    bool (*realize)(VirtIODevice *vdev, GError **error);
    void (*unrealize)(VirtIODevice *vdev);
    /* Of `features` (the host's bits, from properties and transport) those that the device has, with its own added. */
    uint64_t (*get_features)(VirtIODevice *vdev, uint64_t features);
    /* The guest's choice at FEATURES_OK: false refuses it. */
    bool (*validate_features)(VirtIODevice *vdev);
    void (*set_features)(VirtIODevice *vdev, uint64_t features);
    /* Device config space, config_len bytes, as the guest sees it (little-endian). */
    void (*get_config)(VirtIODevice *vdev, uint8_t *config);
    void (*set_config)(VirtIODevice *vdev, const uint8_t *config);
    /* After each of these the device has no element in flight: cancel them with virtqueue_drop(). */
    void (*reset)(VirtIODevice *vdev);
    void (*queue_reset)(VirtIODevice *vdev, unsigned queue);
    void (*set_status)(VirtIODevice *vdev, uint8_t status);
    /* The machine starts (true) or stops: a device with requests to retry does so now. */
    void (*run_state)(VirtIODevice *vdev, bool running);
    /* The device part of the migration stream, raw; load: false with the error, nothing of it trusted. */
    void (*save)(VirtIODevice *vdev, Stream *s);
    bool (*load)(VirtIODevice *vdev, Stream *s, GError **error);
    const VMStateDescription *device_vmsd;  /* the same as a description, after save; for subsections */
    /* After all of it was loaded, guest memory included. */
    bool (*post_load)(VirtIODevice *vdev, GError **error);
};

struct VirtIODevice {
    DeviceState parent_obj;
    /* set by the user */
    uint64_t host_features;         /* property bits; after realize: what is offered */
    bool use_started, use_disabled_flag, disable_legacy_check;
    /* migrated */
    uint64_t guest_features;
    uint8_t status, isr;
    uint16_t queue_sel, config_vector;
    bool broken, started, disabled;
    uint8_t *config;                /* config_len bytes: the last known contents */
    /* made at realize */
    size_t config_len;
    VirtQueue **vqs;
    unsigned num_queues;
    uint8_t generation;             /* counts changes of the config space */
    bool start_on_kick;             /* a legacy driver may use queues before DRIVER_OK */
    AddressSpace *dma_as;           /* where rings and buffers are */
    struct RunStateHandler *run_state_handler;
    struct VirtIOKick *kick;        /* doorbells that were rung and not heard */
};

/* ---- Features ---- */

static inline bool virtio_has_feature(const VirtIODevice *vdev, unsigned bit)
{
    return vdev->guest_features >> bit & 1;
}

static inline bool virtio_host_has_feature(const VirtIODevice *vdev, unsigned bit)
{
    return vdev->host_features >> bit & 1;
}

/* ---- For devices ---- */

/* First thing in realize: how long the device config space is. */
void virtio_set_config_size(VirtIODevice *vdev, size_t config_len);
/*
 * Adds queue number vdev->num_queues. `size` is 2..VIRTQUEUE_MAX_SIZE, a power of 2 if packed rings are not used;
 * `element_size` that of the device's request struct, at least sizeof(VirtQueueElement).
 */
VirtQueue *virtio_add_queue(VirtIODevice *vdev, uint16_t size, size_t element_size,
                            void (*handle)(VirtIODevice *vdev, VirtQueue *vq));
VirtQueue *virtio_queue(VirtIODevice *vdev, unsigned n);     /* NULL beyond num_queues */
unsigned virtqueue_number(const VirtQueue *vq);
uint16_t virtqueue_size(const VirtQueue *vq);                /* entries, as the guest has set it */
VirtIODevice *virtqueue_device(const VirtQueue *vq);
unsigned virtqueue_in_flight(const VirtQueue *vq);

/* The config space changed: a new generation and a config interrupt. */
void virtio_notify_config(VirtIODevice *vdev);
/* The device works: DRIVER_OK (or the legacy driver's first kick), not broken, not disabled. */
bool virtio_device_started(const VirtIODevice *vdev);
/* The guest broke the rules: a guest error is logged, the device is broken until it is reset. Always returns false. */
bool virtio_error(VirtIODevice *vdev, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* A queue's handler will be called again from the main loop, as if its doorbell had rung. */
void virtqueue_kick(VirtQueue *vq);
/*
 * Its handler is quick and may run in any thread that holds the big lock: a CPU that rings the doorbell calls it, and
 * neither wakes the main loop nor waits for it, unless requests are in flight.
 */
void virtqueue_set_prompt(VirtQueue *vq);

/*
 * The next request, as the queue's element type; NULL if there is none, the call's bound is reached (the handler is
 * then called again), or the device is (or just became) broken. What follows the VirtQueueElement in it is not cleared.
 */
void *virtqueue_pop(VirtQueue *vq);
/* Nothing to pop just now. Looks at guest memory. */
bool virtqueue_empty(VirtQueue *vq);
/*
 * The request is done. `written` is what the used ring says: the device wrote no byte of the in segments that lies
 * beyond it (a status at the end of them: all of them count). Frees the element.
 */
void virtqueue_push(VirtQueueElement *elem, size_t written);
/* The latest popped goes back to the guest as if it had not been popped. Frees the element. */
void virtqueue_unpop(VirtQueueElement *elem);
/* Forgets a request without telling the guest: in reset. Frees the element. */
void virtqueue_drop(VirtQueueElement *elem);
/* Interrupts the guest about pushed elements, if it wants to be. Once after several pushes will do. */
void virtqueue_notify(VirtQueue *vq);
/* Whether the guest should ring; the core does this around a handler. */
void virtqueue_set_notification(VirtQueue *vq, bool on);

/* In-flight requests in the stream (raw, 49168 bytes each and QEMU's layout); load gives a popped element. */
void virtqueue_element_save(const VirtQueueElement *elem, Stream *s);
void *virtqueue_element_load(VirtQueue *vq, Stream *s, GError **error);

/*
 * The one field of a virtio device's VMState: everything from the transport down to the device part.
 *     .fields = VMS_FIELDS(VMS_VIRTIO_DEVICE)
 */
extern const VMStateKind vms_kind_virtio;
#define VMS_VIRTIO_DEVICE { .name = "virtio", .kind = &vms_kind_virtio, .num = 1 }

/* ---- For transports ---- */

struct VirtIOBusClass {
    BusClass parent_class;
    /* Tells the guest: `vector` of a queue or of the config space (VIRTIO_NO_VECTOR: only by ISR). */
    void (*notify)(VirtIOBus *bus, uint16_t vector);
    /* The machine starts or stops. */
    void (*run_state)(VirtIOBus *bus, bool running);
    /* Before and after the features were computed: refuses, or adds the transport's; then makes registers. */
    bool (*pre_plugged)(VirtIOBus *bus, GError **error);
    bool (*plugged)(VirtIOBus *bus, GError **error);
    void (*unplugged)(VirtIOBus *bus);
    AddressSpace *(*dma_as)(VirtIOBus *bus);        /* with IOMMU_PLATFORM; NULL: not possible */
    /* Parts of the stream. */
    void (*save_config)(VirtIOBus *bus, Stream *s);
    bool (*load_config)(VirtIOBus *bus, Stream *s, GError **error);
    void (*save_queue)(VirtIOBus *bus, unsigned queue, Stream *s);
    bool (*load_queue)(VirtIOBus *bus, unsigned queue, Stream *s, GError **error);
    const VMStateDescription *(*extra_state)(VirtIOBus *bus);  /* of the transport object; NULL: no such subsection */
};

struct VirtIOBus {
    BusState parent_obj;
    VirtIODevice *vdev;             /* the one that is plugged */
};

static inline VirtIOBus *virtio_device_bus(const VirtIODevice *vdev)
{
    return (VirtIOBus *)vdev->parent_obj.bus;
}

static inline bool virtio_device_disabled(const VirtIODevice *vdev)
{
    return vdev->disabled;
}

/* Sets ISR bits (queue, or queue and config) and signals the vector. */
void virtio_interrupt(VirtIODevice *vdev, uint16_t vector, bool config);
void virtio_set_started(VirtIODevice *vdev, bool started);

/* Status (2.1). A write that sets FEATURES_OK is dropped when the device refuses the features; 0 alone resets nothing. */
void virtio_set_status(VirtIODevice *vdev, uint8_t status);
/* Takes what is offered of `features`; false if it was more than that or the time is wrong (FEATURES_OK is set). */
bool virtio_set_features(VirtIODevice *vdev, uint64_t features);
void virtio_reset(VirtIODevice *vdev);
/* Bus mastering went off (disabled) or on. */
void virtio_set_disabled(VirtIODevice *vdev, bool disabled);

/* Device config space, 1, 2 or 4 bytes; beyond its end reads give all ones and writes do nothing. */
uint32_t virtio_config_read(VirtIODevice *vdev, uint32_t addr, unsigned size);
void virtio_config_write(VirtIODevice *vdev, uint32_t addr, uint32_t value, unsigned size);

uint16_t virtio_queue_num(VirtIODevice *vdev, unsigned n);          /* 0: no such queue */
uint16_t virtio_queue_max_num(VirtIODevice *vdev, unsigned n);
void virtio_queue_set_num(VirtIODevice *vdev, unsigned n, uint16_t num);    /* a bad one is refused and logged */
/* Modern: three addresses. False (and a broken device) if no ring can be there. */
bool virtio_queue_set_rings(VirtIODevice *vdev, unsigned n, hwaddr desc, hwaddr avail, hwaddr used);
void virtio_queue_set_legacy_addr(VirtIODevice *vdev, unsigned n, hwaddr desc);    /* the rest follows it */
hwaddr virtio_queue_desc_addr(VirtIODevice *vdev, unsigned n);
uint16_t virtio_queue_vector(VirtIODevice *vdev, unsigned n);
void virtio_queue_set_vector(VirtIODevice *vdev, unsigned n, uint16_t vector);
void virtio_queue_reset(VirtIODevice *vdev, unsigned n);
/* A doorbell: safe in a fast notify. */
void virtio_queue_notify(VirtIODevice *vdev, unsigned n);

#endif
