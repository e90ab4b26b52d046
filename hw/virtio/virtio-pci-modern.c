/* The modern interface of virtio over PCI (4.1.4): common configuration, notifications, ISR, device configuration. */
#include "hw/virtio/virtio-pci-internal.h"

#include <inttypes.h>

#include "util/log.h"
#include "util/units.h"

/* Registers of the common configuration (4.1.4.3), each read and written at its own offset. */
enum {
    COMMON_DFSELECT = 0,
    COMMON_DF = 4,
    COMMON_GFSELECT = 8,
    COMMON_GF = 12,
    COMMON_MSIX = 16,
    COMMON_NUMQ = 18,
    COMMON_STATUS = 20,
    COMMON_CFGGENERATION = 21,
    COMMON_Q_SELECT = 22,
    COMMON_Q_SIZE = 24,
    COMMON_Q_MSIX = 26,
    COMMON_Q_ENABLE = 28,
    COMMON_Q_NOFF = 30,
    COMMON_Q_DESC = 32,     /* low and high, as the next two */
    COMMON_Q_AVAIL = 40,
    COMMON_Q_USED = 48,
    COMMON_Q_RESET = 58,
};

uint32_t virtio_pci_notify_multiplier(const VirtIOPCIProxy *proxy)
{
    return virtio_pci_flag(proxy, VIRTIO_PCI_PAGE_PER_VQ_BIT) ? 4096 : 4;
}

/* The selected queue's registers; NULL: the device has no such queue. */
static VirtIOPCIQueue *selected_queue(VirtIOPCIProxy *proxy)
{
    return proxy->vdev->queue_sel < proxy->vdev->num_queues ? &proxy->queues[proxy->vdev->queue_sel] : NULL;
}

/* ---- Common configuration ---- */

static uint32_t device_features(VirtIOPCIProxy *proxy)
{
    uint64_t offered = proxy->vdev->host_features & ~VIRTIO_DEVICE_GET_CLASS(proxy->vdev)->legacy_features;

    return proxy->dfselect <= 1 ? offered >> 32 * proxy->dfselect : 0;
}

/* One of the six words of a queue's addresses, at `offset` from the first; NULL if it is none. */
static uint32_t *queue_address(VirtIOPCIQueue *queue, hwaddr offset)
{
    uint32_t *const words[] = { queue->desc, queue->avail, queue->used };

    return offset < 24 && offset % 4 == 0 ? &words[offset / 8][offset / 4 % 2] : NULL;
}

static uint32_t read_queue_register(VirtIOPCIProxy *proxy, hwaddr addr)
{
    VirtIODevice *vdev = proxy->vdev;
    VirtIOPCIQueue *queue = selected_queue(proxy);
    uint32_t *word;

    switch (addr) {
    case COMMON_Q_SIZE:
        return virtio_queue_num(vdev, vdev->queue_sel);
    case COMMON_Q_MSIX:
        return virtio_queue_vector(vdev, vdev->queue_sel);
    case COMMON_Q_ENABLE:
        return queue && queue->enabled;
    case COMMON_Q_NOFF:
        return vdev->queue_sel; /* a doorbell each */
    case COMMON_Q_RESET: /* a reset is over when it was written */
        return 0;
    default:
        word = queue && addr >= COMMON_Q_DESC ? queue_address(queue, addr - COMMON_Q_DESC) : NULL;
        return word ? *word : 0;
    }
}

static uint64_t common_read(void *opaque, hwaddr addr, unsigned size)
{
    VirtIOPCIProxy *proxy = opaque;
    VirtIODevice *vdev = proxy->vdev;

    switch (addr) {
    case COMMON_DFSELECT:
        return proxy->dfselect;
    case COMMON_DF:
        return device_features(proxy);
    case COMMON_GFSELECT:
        return proxy->gfselect;
    case COMMON_GF:
        return proxy->gfselect <= 1 ? proxy->guest_features[proxy->gfselect] : 0;
    case COMMON_MSIX:
        return vdev->config_vector;
    case COMMON_NUMQ:
        return vdev->num_queues;
    case COMMON_STATUS:
        return vdev->status;
    case COMMON_CFGGENERATION:
        return vdev->generation;
    case COMMON_Q_SELECT:
        return vdev->queue_sel;
    default:
        return read_queue_register(proxy, addr);
    }
}

static void write_guest_features(VirtIOPCIProxy *proxy, uint32_t value)
{
    if (proxy->gfselect <= 1) {
        proxy->guest_features[proxy->gfselect] = value;
        virtio_set_features(proxy->vdev, (uint64_t)proxy->guest_features[1] << 32 | proxy->guest_features[0]);
    }
}

static void write_status(VirtIOPCIProxy *proxy, uint8_t value)
{
    uint64_t wanted = (uint64_t)proxy->guest_features[1] << 32 | proxy->guest_features[0];

    /* 2.2.2: a device does not take features that it did not offer: the write is dropped, FEATURES_OK reads as 0. */
    if (value & VIRTIO_STATUS_FEATURES_OK && !(proxy->vdev->status & VIRTIO_STATUS_FEATURES_OK)
        && wanted & ~proxy->vdev->host_features) {
        log_guest_error("virtio-pci: FEATURES_OK refused: 0x%" PRIx64 " is not offered\n",
                        wanted & ~proxy->vdev->host_features);
        return;
    }
    virtio_pci_set_status(proxy, value);
}

static hwaddr queue_address_value(const uint32_t *words)
{
    return (hwaddr)words[1] << 32 | words[0];
}

static void enable_queue(VirtIOPCIProxy *proxy, VirtIOPCIQueue *queue, uint32_t value)
{
    VirtIODevice *vdev = proxy->vdev;

    if (value != 1) {
        virtio_error(vdev, "wrong value for queue_enable %x", value);
        return;
    }
    if (queue->enabled) {
        return;
    }
    if (queue->num != 0) {
        virtio_queue_set_num(vdev, vdev->queue_sel, queue->num);
    }
    queue->enabled = true;
    virtio_queue_set_rings(vdev, vdev->queue_sel, queue_address_value(queue->desc), queue_address_value(queue->avail),
                           queue_address_value(queue->used));
}

static void reset_queue(VirtIOPCIProxy *proxy, VirtIOPCIQueue *queue, uint32_t value)
{
    if (value == 1 && virtio_has_feature(proxy->vdev, VIRTIO_F_RING_RESET)) {
        virtio_queue_reset(proxy->vdev, proxy->vdev->queue_sel);
        queue->enabled = false;
    }
}

/* Writes to a queue that does not exist are dropped. */
static void write_queue_register(VirtIOPCIProxy *proxy, hwaddr addr, uint32_t value)
{
    VirtIODevice *vdev = proxy->vdev;
    unsigned n = vdev->queue_sel;
    VirtIOPCIQueue *queue = selected_queue(proxy);
    uint32_t *word;

    if (!queue) {
        log_guest_error("virtio-pci: write to a register of queue %u of %u\n", n, vdev->num_queues);
        return;
    }
    switch (addr) {
    case COMMON_Q_SIZE:
        queue->num = value;
        virtio_queue_set_num(vdev, n, value);
        break;
    case COMMON_Q_MSIX:
        virtio_queue_set_vector(vdev, n, virtio_pci_change_vector(proxy, virtio_queue_vector(vdev, n), value));
        break;
    case COMMON_Q_ENABLE:
        enable_queue(proxy, queue, value);
        break;
    case COMMON_Q_RESET:
        reset_queue(proxy, queue, value);
        break;
    default:
        word = addr >= COMMON_Q_DESC ? queue_address(queue, addr - COMMON_Q_DESC) : NULL;
        if (word) {
            *word = value;
        }
        break;
    }
}

static void common_write(void *opaque, hwaddr addr, uint64_t value, unsigned size)
{
    VirtIOPCIProxy *proxy = opaque;
    VirtIODevice *vdev = proxy->vdev;

    switch (addr) {
    case COMMON_DFSELECT:
        proxy->dfselect = value;
        break;
    case COMMON_GFSELECT:
        proxy->gfselect = value;
        break;
    case COMMON_GF:
        write_guest_features(proxy, value);
        break;
    case COMMON_MSIX:
        vdev->config_vector = virtio_pci_change_vector(proxy, vdev->config_vector, value);
        break;
    case COMMON_STATUS:
        write_status(proxy, value);
        break;
    case COMMON_Q_SELECT:
        if (value < VIRTIO_QUEUE_MAX) {
            vdev->queue_sel = value;
        }
        break;
    default:
        write_queue_register(proxy, addr, value);
        break;
    }
}

/* ---- The other structures ---- */

static uint64_t isr_read(void *opaque, hwaddr addr, unsigned size)
{
    return virtio_pci_read_isr(opaque);
}

static void isr_write(void *opaque, hwaddr addr, uint64_t value, unsigned size)
{
}

static uint64_t device_read(void *opaque, hwaddr addr, unsigned size)
{
    return virtio_config_read(((VirtIOPCIProxy *)opaque)->vdev, addr, size);
}

static void device_write(void *opaque, hwaddr addr, uint64_t value, unsigned size)
{
    virtio_config_write(((VirtIOPCIProxy *)opaque)->vdev, addr, value, size);
}

static uint64_t notify_read(void *opaque, hwaddr addr, unsigned size)
{
    return 0;
}

static void notify_write(void *opaque, hwaddr addr, uint64_t value, unsigned size)
{
    VirtIOPCIProxy *proxy = opaque;

    virtio_queue_notify(proxy->vdev, addr / virtio_pci_notify_multiplier(proxy));
}

/* One port: the value says which queue. */
static void notify_pio_write(void *opaque, hwaddr addr, uint64_t value, unsigned size)
{
    virtio_queue_notify(((VirtIOPCIProxy *)opaque)->vdev, value);
}

#define OPS(ident, r, w) static const MemoryRegionOps ident = { .read = r, .write = w, .impl = { .min = 1, .max = 4 } };

OPS(common_ops, common_read, common_write)
OPS(isr_ops, isr_read, isr_write)
OPS(device_ops, device_read, device_write)
OPS(notify_ops, notify_read, notify_write)
OPS(notify_pio_ops, notify_read, notify_pio_write)

/* ---- Layout ---- */

static const struct {
    const char *name;
    const MemoryRegionOps *ops;
    uint32_t offset, size;      /* the notifications' size depends on the multiplier */
    uint8_t cfg_type;
} layout[] = {
    [VIRTIO_PCI_REGION_COMMON] = { "virtio-pci-common", &common_ops, 0x0000, 0x1000, VIRTIO_PCI_CAP_COMMON_CFG },
    [VIRTIO_PCI_REGION_ISR] = { "virtio-pci-isr", &isr_ops, 0x1000, 0x1000, VIRTIO_PCI_CAP_ISR_CFG },
    [VIRTIO_PCI_REGION_DEVICE] = { "virtio-pci-device", &device_ops, 0x2000, 0x1000, VIRTIO_PCI_CAP_DEVICE_CFG },
    [VIRTIO_PCI_REGION_NOTIFY] = { "virtio-pci-notify", &notify_ops, 0x3000, 0, VIRTIO_PCI_CAP_NOTIFY_CFG },
    [VIRTIO_PCI_REGION_NOTIFY_PIO] = { "virtio-pci-notify-pio", &notify_pio_ops, 0, 4, VIRTIO_PCI_CAP_NOTIFY_CFG },
};

static void region_init(VirtIOPCIProxy *proxy, unsigned n, MemoryRegion *bar_mr, uint8_t bar)
{
    VirtIOPCIRegion *region = &proxy->regions[n];
    g_autofree char *name = g_strdup_printf("%s-%s", layout[n].name, VIRTIO_DEVICE_GET_CLASS(proxy->vdev)->name);

    region->offset = layout[n].offset;
    region->size = layout[n].size ? layout[n].size : virtio_pci_notify_multiplier(proxy) * VIRTIO_QUEUE_MAX;
    region->bar = bar;
    region->cfg_type = layout[n].cfg_type;
    memory_region_init_io(&region->mr, (Object *)proxy, layout[n].ops, proxy, name, region->size);
    memory_region_add(bar_mr, region->offset, &region->mr);
}

bool virtio_pci_modern_init(VirtIOPCIProxy *proxy, GError **error)
{
    uint32_t notify = virtio_pci_notify_multiplier(proxy) * VIRTIO_QUEUE_MAX, size = 0x4000;

    while (size < layout[VIRTIO_PCI_REGION_NOTIFY].offset + notify) {
        size *= 2;
    }
    proxy->queues = g_new0(VirtIOPCIQueue, proxy->vdev->num_queues);
    memory_region_init(&proxy->modern_bar, (Object *)proxy, "virtio-pci", size);
    for (unsigned n = VIRTIO_PCI_REGION_COMMON; n <= VIRTIO_PCI_REGION_NOTIFY; n++) {
        region_init(proxy, n, &proxy->modern_bar, VIRTIO_PCI_BAR_MODERN);
    }
    if (virtio_pci_flag(proxy, VIRTIO_PCI_MODERN_PIO_NOTIFY_BIT)) {
        memory_region_init(&proxy->pio_bar, (Object *)proxy, "virtio-pci-io", 4);
        region_init(proxy, VIRTIO_PCI_REGION_NOTIFY_PIO, &proxy->pio_bar, VIRTIO_PCI_BAR_PIO);
        pci_register_bar(&proxy->parent_obj, VIRTIO_PCI_BAR_PIO, PCI_BASE_ADDRESS_SPACE_IO, &proxy->pio_bar);
    }
    pci_register_bar(&proxy->parent_obj, VIRTIO_PCI_BAR_MODERN,
                     PCI_BASE_ADDRESS_MEM_TYPE_64 | PCI_BASE_ADDRESS_MEM_PREFETCH, &proxy->modern_bar);
    return virtio_pci_caps_init(proxy, error);
}

void virtio_pci_modern_exit(VirtIOPCIProxy *proxy)
{
    for (unsigned n = 0; n < VIRTIO_PCI_REGIONS; n++) {
        VirtIOPCIRegion *region = &proxy->regions[n];

        if (region->size > 0) {
            memory_region_del(region->mr.container, &region->mr);
            memory_region_destroy(&region->mr);
            region->size = 0;
        }
    }
    memory_region_destroy(&proxy->modern_bar);
    memory_region_destroy(&proxy->pio_bar);
    g_clear_pointer(&proxy->queues, g_free);
}
