/* virtio-blk over PCI. */
#include "hw/block/virtio-blk.h"
#include "hw/core/machine.h"
#include "hw/virtio/virtio-pci.h"
#include "util/error.h"

static bool blk_pci_realize(VirtIOPCIProxy *proxy, GError **error)
{
    VirtIOBlock *s = VIRTIO_BLK(proxy->vdev);

    if (proxy->modern && virtio_host_has_feature(proxy->vdev, VIRTIO_BLK_F_SCSI)) {
        return error_setf(error, "Please set scsi=off for virtio-blk devices in order to use virtio 1.0");
    }
    if (s->num_queues == VIRTIO_BLK_QUEUES_AUTO) {
        s->num_queues = current_machine ? CLAMP(current_machine->smp.cpus, 1, VIRTIO_QUEUE_MAX) : 1;
    }
    if (proxy->vectors == VIRTIO_PCI_VECTORS_AUTO) {
        proxy->vectors = s->num_queues + 1;
    }
    return true;
}

static const Property blk_pci_props[] = {
    VIRTIO_PCI_PROP_CLASS,
    VIRTIO_PCI_PROP_IOEVENTFD,
    VIRTIO_PCI_PROP_VECTORS(VIRTIO_PCI_VECTORS_AUTO),
};

static const VirtIOPCIType blk_pci = {
    .name = "virtio-blk-pci", .vdev_type = TYPE_VIRTIO_BLK, .alias = "virtio-blk", .class_id = PCI_CLASS_STORAGE_SCSI,
    .category = DEVICE_CATEGORY_STORAGE, .props = blk_pci_props, .num_props = G_N_ELEMENTS(blk_pci_props),
    .realize = blk_pci_realize,
};
VIRTIO_PCI_REGISTER(blk_pci)
