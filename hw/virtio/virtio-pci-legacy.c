/*
 * The legacy interface of virtio over PCI (4.1.4.10): an I/O BAR of registers, then the device's configuration. While
 * MSI-X is enabled two more registers come before that.
 */
#include "hw/virtio/virtio-pci-internal.h"

#include "hw/pci/msix.h"
#include "util/log.h"

enum {
    LEGACY_HOST_FEATURES = 0,
    LEGACY_GUEST_FEATURES = 4,
    LEGACY_QUEUE_PFN = 8,       /* of the descriptors: the rest of the queue follows */
    LEGACY_QUEUE_NUM = 12,
    LEGACY_QUEUE_SEL = 14,
    LEGACY_QUEUE_NOTIFY = VIRTIO_PCI_LEGACY_QUEUE_NOTIFY,
    LEGACY_STATUS = 18,
    LEGACY_ISR = 19,
    LEGACY_CONFIG_VECTOR = 20,
    LEGACY_QUEUE_VECTOR = 22,
    LEGACY_PFN_SHIFT = 12,
};

static uint32_t config_offset(VirtIOPCIProxy *proxy)
{
    return msix_enabled(&proxy->parent_obj) ? 24 : 20;
}

static uint64_t legacy_read(void *opaque, hwaddr addr, unsigned size)
{
    VirtIOPCIProxy *proxy = opaque;
    VirtIODevice *vdev = proxy->vdev;
    uint32_t config = config_offset(proxy);

    if (addr >= config) {
        return virtio_config_read(vdev, addr - config, size);
    }
    switch (addr) {
    case LEGACY_HOST_FEATURES:
        return (uint32_t)vdev->host_features;
    case LEGACY_GUEST_FEATURES:
        return (uint32_t)vdev->guest_features;
    case LEGACY_QUEUE_PFN:
        return (uint32_t)(virtio_queue_desc_addr(vdev, vdev->queue_sel) >> LEGACY_PFN_SHIFT);
    case LEGACY_QUEUE_NUM:
        return virtio_queue_num(vdev, vdev->queue_sel);
    case LEGACY_QUEUE_SEL:
        return vdev->queue_sel;
    case LEGACY_STATUS:
        return vdev->status;
    case LEGACY_ISR:
        return virtio_pci_read_isr(proxy);
    case LEGACY_CONFIG_VECTOR:
        return vdev->config_vector;
    case LEGACY_QUEUE_VECTOR:
        return virtio_queue_vector(vdev, vdev->queue_sel);
    default:
        return UINT32_MAX;
    }
}

static void write_status(VirtIOPCIProxy *proxy, uint8_t value)
{
    PCIDevice *dev = &proxy->parent_obj;

    virtio_pci_set_status(proxy, value);
    /* Linux before 2.6.34 drives the device with bus mastering off. It is switched on for it here. */
    if (value == (VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER)) {
        pci_config_write(dev, PCI_COMMAND, dev->config[PCI_COMMAND] | PCI_COMMAND_MASTER, 1);
    }
}

static void write_pfn(VirtIOPCIProxy *proxy, uint32_t pfn)
{
    if (pfn == 0) {
        virtio_pci_reset(proxy);
    } else {
        virtio_queue_set_legacy_addr(proxy->vdev, proxy->vdev->queue_sel, (hwaddr)pfn << LEGACY_PFN_SHIFT);
    }
}

static void legacy_write(void *opaque, hwaddr addr, uint64_t value, unsigned size)
{
    VirtIOPCIProxy *proxy = opaque;
    VirtIODevice *vdev = proxy->vdev;
    uint32_t config = config_offset(proxy);

    if (addr >= config) {
        virtio_config_write(vdev, addr - config, value, size);
        return;
    }
    switch (addr) {
    case LEGACY_GUEST_FEATURES:
        /* A driver that does not know of features writes back what it read: it takes none. */
        virtio_set_features(vdev, value >> VIRTIO_F_BAD_FEATURE & 1 ? 0 : value);
        break;
    case LEGACY_QUEUE_PFN:
        write_pfn(proxy, value);
        break;
    case LEGACY_QUEUE_SEL:
        if (value < VIRTIO_QUEUE_MAX) {
            vdev->queue_sel = value;
        }
        break;
    case LEGACY_QUEUE_NOTIFY:
        virtio_queue_notify(vdev, value);
        break;
    case LEGACY_STATUS:
        write_status(proxy, value);
        break;
    case LEGACY_CONFIG_VECTOR:
        vdev->config_vector = virtio_pci_change_vector(proxy, vdev->config_vector, value);
        break;
    case LEGACY_QUEUE_VECTOR:
        if (vdev->queue_sel < vdev->num_queues) {
            virtio_queue_set_vector(vdev, vdev->queue_sel,
                                    virtio_pci_change_vector(proxy, virtio_queue_vector(vdev, vdev->queue_sel), value));
        }
        break;
    default:
        log_guest_error("virtio-pci: unexpected write of 0x%x to legacy register %u\n", (unsigned)value,
                        (unsigned)addr);
        break;
    }
}

static const MemoryRegionOps legacy_ops = {
    .read = legacy_read, .write = legacy_write, .impl = { .min = 1, .max = 4 },
};

void virtio_pci_legacy_init(VirtIOPCIProxy *proxy)
{
    uint32_t size = 32, wanted = (msix_present(&proxy->parent_obj) ? 24 : 20) + proxy->vdev->config_len;

    while (size < wanted) {
        size *= 2;
    }
    memory_region_init_io(&proxy->legacy_bar, (Object *)proxy, &legacy_ops, proxy, "virtio-pci", size);
    pci_register_bar(&proxy->parent_obj, VIRTIO_PCI_BAR_LEGACY, PCI_BASE_ADDRESS_SPACE_IO, &proxy->legacy_bar);
}

void virtio_pci_legacy_exit(VirtIOPCIProxy *proxy)
{
    memory_region_destroy(&proxy->legacy_bar);
}
