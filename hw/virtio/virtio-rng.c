/*
 * The entropy device (Virtual I/O Device specification 1.2, 5.4): fills the guest's buffers with random bytes, at most
 * max-bytes in each period.
 */
#include "hw/virtio/virtio-rng.h"

#include "hw/virtio/virtio-pci.h"
#include "migration/vmstate.h"
#include "system/clock.h"
#include "util/error.h"

/* ---- The device ---- */

#define TYPE_VIRTIO_RNG "virtio-rng-device"
OBJECT_DECLARE_SIMPLE_TYPE(VirtIORNG, VIRTIO_RNG)

enum {
    RNG_QUEUE_SIZE = 8,
    RNG_RETRY_MS = 20,          /* when the back end had nothing */
    RNG_REQUEST_MAX = 65536,    /* of a buffer: it may be filled in part (5.4.6), and the main loop has more to do */
};

struct VirtIORNG {
    VirtIODevice parent_obj;
    /* set by the user */
    RngBackend *rng;
    uint64_t max_bytes;
    uint32_t period_ms;
    /* made at realize */
    VirtQueue *vq;
    Timer timer;                /* the end of the period */
    Timer retry;                /* the back end may have something again */
    uint64_t quota;             /* bytes left in it */
};

static size_t fill_element(VirtIORNG *dev, const VirtQueueElement *elem, size_t len)
{
    RngBackendClass *rbc = RNG_BACKEND_GET_CLASS(dev->rng);
    size_t done = 0;

    for (unsigned i = 0; i < elem->in_num && done < len; i++) {
        size_t n = MIN(elem->in_sg[i].iov_len, len - done);

        size_t got = rbc->fill(dev->rng, elem->in_sg[i].iov_base, n);

        done += got;
        if (got < n) {
            break;
        }
    }
    return done;
}

static void handle_output(VirtIODevice *vdev, VirtQueue *vq)
{
    VirtIORNG *dev = VIRTIO_RNG(vdev);
    VirtQueueElement *elem;

    while (dev->quota > 0 && (elem = virtqueue_pop(vq))) {
        size_t len = fill_element(dev, elem, MIN(MIN(elem->in_bytes, dev->quota), RNG_REQUEST_MAX));

        /* A device uses a buffer only if it places a byte at least (5.4.6.1). */
        if (len == 0 && elem->in_bytes > 0) {
            virtqueue_unpop(elem);
            timer_set(&dev->retry, clock_ns(CLOCK_TYPE_VIRTUAL) + RNG_RETRY_MS * 1000000ll);
            break;
        }
        dev->quota -= len;
        virtqueue_push(elem, len);
    }
    virtqueue_notify(vq);
    if (!timer_pending(&dev->timer)) {
        timer_set(&dev->timer, clock_ns(CLOCK_TYPE_VIRTUAL) + dev->period_ms * 1000000ll);
    }
}

/* A new period: what waits is served, and nothing is due while nobody asks. */
static void period_over(void *opaque)
{
    VirtIORNG *dev = opaque;
    bool exhausted = dev->quota == 0;

    dev->quota = dev->max_bytes;
    if (exhausted) {
        virtqueue_kick(dev->vq);
    }
}

static void try_again(void *opaque)
{
    virtqueue_kick(VIRTIO_RNG(opaque)->vq);
}

static bool virtio_rng_realize(VirtIODevice *vdev, GError **error)
{
    VirtIORNG *dev = VIRTIO_RNG(vdev);

    if (dev->period_ms == 0) {
        return error_setf(error, "'period' parameter expects a positive integer");
    }
    /* The quota is a signed number on the way to the back end. */
    if (dev->max_bytes > INT64_MAX) {
        return error_setf(error, "'max-bytes' parameter must be non-negative, and less than 2^63");
    }
    if (!dev->rng) {
        if (!object_child(OBJECT(dev), "default-backend")) { /* else it was realized before */
            Object *builtin = object_new(TYPE_RNG_BUILTIN);

            object_add_child(OBJECT(dev), "default-backend", builtin);
            object_unref(builtin);
        }
        object_set_link(OBJECT(dev), "rng", object_child(OBJECT(dev), "default-backend"));
    }
    dev->vq = virtio_add_queue(vdev, RNG_QUEUE_SIZE, sizeof(VirtQueueElement), handle_output);
    dev->quota = dev->max_bytes;
    timer_init(&dev->timer, CLOCK_TYPE_VIRTUAL, period_over, dev);
    timer_init(&dev->retry, CLOCK_TYPE_VIRTUAL, try_again, dev);
    return true;
}

static void virtio_rng_unrealize(VirtIODevice *vdev)
{
    timer_stop(&VIRTIO_RNG(vdev)->timer);
    timer_stop(&VIRTIO_RNG(vdev)->retry);
}

static uint64_t virtio_rng_features(VirtIODevice *vdev, uint64_t features)
{
    return features;
}

static const VMStateDescription vmstate_virtio_rng = {
    .name = "virtio-rng", .version_id = 1, .minimum_version_id = 1, .fields = VMS_FIELDS(VMS_VIRTIO_DEVICE),
};

static const Property virtio_rng_props[] = {
    DEFINE_PROP_UINT64("max-bytes", VirtIORNG, max_bytes, INT64_MAX),
    DEFINE_PROP_UINT32("period", VirtIORNG, period_ms, 1 << 16),
    DEFINE_PROP_LINK("rng", VirtIORNG, rng, TYPE_RNG_BACKEND),
};

static void virtio_rng_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);
    VirtIODeviceClass *vdc = VIRTIO_DEVICE_CLASS(klass);

    dc->vmsd = &vmstate_virtio_rng;
    dc->categories = 1u << DEVICE_CATEGORY_MISC;
    vdc->device_id = VIRTIO_ID_RNG;
    vdc->name = "virtio-rng";
    vdc->realize = virtio_rng_realize;
    vdc->unrealize = virtio_rng_unrealize;
    vdc->get_features = virtio_rng_features;
    object_class_add_props(klass, virtio_rng_props, G_N_ELEMENTS(virtio_rng_props));
}

static const TypeInfo virtio_rng_type = {
    .name = TYPE_VIRTIO_RNG, .parent = TYPE_VIRTIO_DEVICE, .size = sizeof(VirtIORNG),
    .class_init = virtio_rng_class_init,
};

TYPE_REGISTER(virtio_rng_type)

/* ---- On PCI ---- */

static bool virtio_rng_pci_realize(VirtIOPCIProxy *proxy, GError **error)
{
    if (proxy->vectors == VIRTIO_PCI_VECTORS_AUTO) {
        proxy->vectors = 2;
    }
    return true;
}

static const Property virtio_rng_pci_props[] = {
    VIRTIO_PCI_PROP_IOEVENTFD,
    VIRTIO_PCI_PROP_VECTORS(VIRTIO_PCI_VECTORS_AUTO),
};

static const VirtIOPCIType virtio_rng_pci = {
    .name = "virtio-rng-pci", .vdev_type = TYPE_VIRTIO_RNG, .alias = "virtio-rng",
    .class_id = PCI_CLASS_OTHERS,
    .category = DEVICE_CATEGORY_MISC, .props = virtio_rng_pci_props, .num_props = G_N_ELEMENTS(virtio_rng_pci_props),
    .realize = virtio_rng_pci_realize,
};

VIRTIO_PCI_REGISTER(virtio_rng_pci)
