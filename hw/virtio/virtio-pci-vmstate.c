/* virtio-pci in the migration stream: the parts that a virtio device's state has of its transport. */
#include "hw/virtio/virtio-pci-internal.h"

#include "hw/pci/msix.h"

void virtio_pci_save_config(VirtIOBus *bus, Stream *s)
{
    VirtIOPCIProxy *proxy = virtio_pci_of_bus(bus);
    PCIDevice *dev = &proxy->parent_obj;

    pci_device_save(dev, s);
    if (msix_present(dev)) {
        msix_save(dev, s);
        stream_put_be16(s, proxy->vdev->config_vector);
    }
}

/* A vector of the wire: in use from now on. */
static bool load_vector(VirtIOPCIProxy *proxy, Stream *s, uint16_t *vector, GError **error)
{
    uint16_t received = stream_get_be16(s);

    *vector = VIRTIO_NO_VECTOR;
    if (received == VIRTIO_NO_VECTOR) {
        return true;
    }
    if (received >= msix_entries(&proxy->parent_obj)) {
        return vmstate_error(error, EINVAL, "%s", "");
    }
    msix_vector_use(&proxy->parent_obj, received);
    *vector = received;
    return true;
}

bool virtio_pci_load_config(VirtIOBus *bus, Stream *s, GError **error)
{
    VirtIOPCIProxy *proxy = virtio_pci_of_bus(bus);
    PCIDevice *dev = &proxy->parent_obj;

    virtio_pci_stop_doorbells(proxy);
    if (!pci_device_load(dev, s, error)) {
        return false;
    }
    if (!msix_present(dev)) {
        proxy->vdev->config_vector = VIRTIO_NO_VECTOR;
        return true;
    }
    msix_unuse_all(dev);
    return msix_load(dev, s, error) && load_vector(proxy, s, &proxy->vdev->config_vector, error);
}

void virtio_pci_save_queue(VirtIOBus *bus, unsigned queue, Stream *s)
{
    VirtIOPCIProxy *proxy = virtio_pci_of_bus(bus);

    if (msix_present(&proxy->parent_obj)) {
        stream_put_be16(s, virtio_queue_vector(proxy->vdev, queue));
    }
}

bool virtio_pci_load_queue(VirtIOBus *bus, unsigned queue, Stream *s, GError **error)
{
    VirtIOPCIProxy *proxy = virtio_pci_of_bus(bus);
    uint16_t vector = VIRTIO_NO_VECTOR;

    if (msix_present(&proxy->parent_obj) && !load_vector(proxy, s, &vector, error)) {
        return false;
    }
    virtio_queue_set_vector(proxy->vdev, queue, vector);
    return true;
}

/* ---- Modern registers ---- */

static void put_queue(Stream *s, const VirtIOPCIQueue *queue)
{
    const uint32_t *const words[] = { queue->desc, queue->avail, queue->used };

    stream_put_be16(s, queue->num);
    stream_put_u8(s, 0); /* what was here is not any more */
    stream_put_u8(s, queue->enabled);
    for (unsigned i = 0; i < 6; i++) {
        stream_put_be32(s, words[i / 2][i % 2]);
    }
}

static void get_queue(Stream *s, VirtIOPCIQueue *queue)
{
    uint32_t *const words[] = { queue->desc, queue->avail, queue->used };

    queue->num = stream_get_be16(s);
    stream_get_u8(s);
    queue->enabled = stream_get_u8(s) != 0;
    for (unsigned i = 0; i < 6; i++) {
        words[i / 2][i % 2] = stream_get_be32(s);
    }
}

/* As many as a device could have: what it has not goes as zeroes, and comes as whatever it is. */
static bool get_queues(Stream *s, void *where, size_t size, const VMStateField *field, GError **error)
{
    VirtIOPCIProxy *proxy = where;

    for (unsigned i = 0; i < VIRTIO_QUEUE_MAX; i++) {
        VirtIOPCIQueue dropped;

        get_queue(s, i < proxy->vdev->num_queues ? &proxy->queues[i] : &dropped);
    }
    return true;
}

static void put_queues(Stream *s, const void *where, size_t size, const VMStateField *field)
{
    const VirtIOPCIProxy *proxy = where;
    static const VirtIOPCIQueue none;

    for (unsigned i = 0; i < VIRTIO_QUEUE_MAX; i++) {
        put_queue(s, i < proxy->vdev->num_queues ? &proxy->queues[i] : &none);
    }
}

static const VMStateKind queues_kind = { .name = "virtqueue_state", .get = get_queues, .put = put_queues };

static bool has_modern_state(void *opaque)
{
    return ((VirtIOPCIProxy *)opaque)->modern;
}

static const VMStateDescription vmstate_modern_state = {
    .name = "virtio_pci/modern_state", .version_id = 1, .minimum_version_id = 1, .needed = has_modern_state,
    .fields = VMS_FIELDS(
        VMS_U32(VirtIOPCIProxy, dfselect),
        VMS_U32(VirtIOPCIProxy, gfselect),
        VMS_U32_ARRAY(VirtIOPCIProxy, guest_features),
        { .name = "vqs", .kind = &queues_kind, .num = 1 }),
};

static const VMStateDescription vmstate_virtio_pci = {
    .name = "virtio_pci", .version_id = 1, .minimum_version_id = 1,
    .fields = VMS_FIELDS({ 0 }),
    .subsections = VMS_SUBSECTIONS(&vmstate_modern_state),
};

const VMStateDescription *virtio_pci_extra_state(VirtIOBus *bus)
{
    return virtio_pci_flag(virtio_pci_of_bus(bus), VIRTIO_PCI_MIGRATE_EXTRA_BIT) ? &vmstate_virtio_pci : NULL;
}
