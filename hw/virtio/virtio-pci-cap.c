/* The capabilities of virtio-pci devices, and the window into its BARs that one of them is. */
#include "hw/virtio/virtio-pci-internal.h"

#include "hw/pci/pcie.h"
#include "hw/pci/pcie_aer.h"
#include "util/byteorder.h"
#include "util/error.h"

/* struct virtio_pci_cap (4.1.4); the notification one has a multiplier behind it, the window its data. */
enum {
    CAP_LEN = 2,
    CAP_CFG_TYPE = 3,
    CAP_BAR = 4,
    CAP_OFFSET = 8,
    CAP_LENGTH = 12,
    CAP_SIZE = 16,
    CAP_NOTIFY_MULTIPLIER = 16,
    CAP_PCI_CFG_DATA = 16,
    CAP_LONG_SIZE = 20,
};

/* ---- PCI Express ---- */

bool virtio_pci_express_init(VirtIOPCIProxy *proxy, GError **error)
{
    PCIDevice *dev = &proxy->parent_obj;
    uint16_t next = PCI_CONFIG_SIZE;
    uint8_t pm;

    if (!pcie_endpoint_cap_init(dev, 0, error)) {
        return false;
    }
    pm = pci_pm_init(dev, 0, error);
    if (!pm) {
        return false;
    }
    if (virtio_pci_flag(proxy, VIRTIO_PCI_AER_BIT)) {
        if (!pcie_aer_init(dev, PCI_ERR_VER, next, PCI_ERR_SIZEOF, error)) {
            return false;
        }
        next += PCI_ERR_SIZEOF;
    }
    if (virtio_pci_flag(proxy, VIRTIO_PCI_INIT_DEVERR_BIT)) {
        pcie_cap_deverr_init(dev);
    }
    if (virtio_pci_flag(proxy, VIRTIO_PCI_INIT_LNKCTL_BIT)) {
        pcie_cap_lnkctl_init(dev);
    }
    if (virtio_pci_flag(proxy, VIRTIO_PCI_INIT_PM_BIT)) {
        pci_set_word(dev->wmask + pm + PCI_PM_CTRL, PCI_PM_CTRL_STATE_MASK);
    }
    if (virtio_pci_flag(proxy, VIRTIO_PCI_ATS_BIT)) {
        pcie_ats_init(dev, next, virtio_pci_flag(proxy, VIRTIO_PCI_ATS_PAGE_ALIGNED_BIT));
    }
    if (virtio_pci_flag(proxy, VIRTIO_PCI_INIT_FLR_BIT)) {
        pcie_cap_flr_init(dev);
    }
    return true;
}

/* ---- Vendor capabilities ---- */

static uint8_t add_vendor_cap(PCIDevice *dev, uint8_t cfg_type, uint8_t size, GError **error)
{
    uint8_t at = pci_add_capability(dev, PCI_CAP_ID_VNDR, 0, size, error);

    if (at) {
        pci_set_byte(dev->config + at + CAP_LEN, size);
        pci_set_byte(dev->config + at + CAP_CFG_TYPE, cfg_type);
    }
    return at;
}

static bool add_region_cap(VirtIOPCIProxy *proxy, unsigned n, uint32_t multiplier, GError **error)
{
    PCIDevice *dev = &proxy->parent_obj;
    const VirtIOPCIRegion *region = &proxy->regions[n];
    bool notify = region->cfg_type == VIRTIO_PCI_CAP_NOTIFY_CFG;
    uint8_t at = add_vendor_cap(dev, region->cfg_type, notify ? CAP_LONG_SIZE : CAP_SIZE, error);

    if (!at) {
        return false;
    }
    pci_set_byte(dev->config + at + CAP_BAR, region->bar);
    pci_set_long(dev->config + at + CAP_OFFSET, region->offset);
    pci_set_long(dev->config + at + CAP_LENGTH, region->size);
    if (notify) {
        pci_set_long(dev->config + at + CAP_NOTIFY_MULTIPLIER, multiplier);
    }
    return true;
}

static bool add_window_cap(VirtIOPCIProxy *proxy, GError **error)
{
    PCIDevice *dev = &proxy->parent_obj;
    uint8_t at = add_vendor_cap(dev, VIRTIO_PCI_CAP_PCI_CFG, CAP_LONG_SIZE, error);

    if (!at) {
        return false;
    }
    pci_set_byte(dev->wmask + at + CAP_BAR, 0xff);
    pci_set_long(dev->wmask + at + CAP_OFFSET, UINT32_MAX);
    pci_set_long(dev->wmask + at + CAP_LENGTH, UINT32_MAX);
    pci_set_long(dev->wmask + at + CAP_PCI_CFG_DATA, UINT32_MAX);
    proxy->pci_cfg_cap = at;
    return true;
}

bool virtio_pci_caps_init(VirtIOPCIProxy *proxy, GError **error)
{
    uint32_t multiplier = virtio_pci_notify_multiplier(proxy);

    return add_region_cap(proxy, VIRTIO_PCI_REGION_COMMON, 0, error)
        && add_region_cap(proxy, VIRTIO_PCI_REGION_ISR, 0, error)
        && add_region_cap(proxy, VIRTIO_PCI_REGION_DEVICE, 0, error)
        && add_region_cap(proxy, VIRTIO_PCI_REGION_NOTIFY, multiplier, error)
        && (proxy->regions[VIRTIO_PCI_REGION_NOTIFY_PIO].size == 0
            || add_region_cap(proxy, VIRTIO_PCI_REGION_NOTIFY_PIO, 0, error))
        && add_window_cap(proxy, error);
}

/* ---- The PCI_CFG window ---- */

/* The structure that the window points to, and where in it; NULL if it points nowhere. */
static VirtIOPCIRegion *window_target(VirtIOPCIProxy *proxy, uint32_t *offset, uint32_t *len)
{
    const uint8_t *cap = proxy->parent_obj.config + proxy->pci_cfg_cap;
    uint8_t bar = pci_get_byte(cap + CAP_BAR);
    uint32_t at = pci_get_long(cap + CAP_OFFSET);

    *len = pci_get_long(cap + CAP_LENGTH);
    if (*len != 1 && *len != 2 && *len != 4) {
        return NULL;
    }
    at &= ~(*len - 1); /* 4.1.4.9.2: the driver must align it */
    for (unsigned n = 0; n < VIRTIO_PCI_REGIONS; n++) {
        VirtIOPCIRegion *region = &proxy->regions[n];

        if (region->size > 0 && region->bar == bar && at >= region->offset && at - region->offset < region->size
            && *len <= region->size - (at - region->offset)) {
            *offset = at - region->offset;
            return region;
        }
    }
    return NULL;
}

static bool touches_window(const VirtIOPCIProxy *proxy, uint32_t addr, unsigned len)
{
    return proxy->pci_cfg_cap && pci_ranges_overlap(addr, len, proxy->pci_cfg_cap + CAP_PCI_CFG_DATA, 4);
}

void virtio_pci_cfg_window_write(VirtIOPCIProxy *proxy, uint32_t addr, unsigned len)
{
    uint32_t offset, size;
    VirtIOPCIRegion *region;

    if (touches_window(proxy, addr, len) && (region = window_target(proxy, &offset, &size))) {
        uint64_t value = load_le(proxy->parent_obj.config + proxy->pci_cfg_cap + CAP_PCI_CFG_DATA, size);

        region->mr.ops->write(region->mr.opaque, offset, value, size);
    }
}

void virtio_pci_cfg_window_read(VirtIOPCIProxy *proxy, uint32_t addr, unsigned len)
{
    uint32_t offset, size;
    VirtIOPCIRegion *region;

    if (touches_window(proxy, addr, len) && (region = window_target(proxy, &offset, &size))) {
        uint64_t value = region->mr.ops->read(region->mr.opaque, offset, size);

        store_le(proxy->parent_obj.config + proxy->pci_cfg_cap + CAP_PCI_CFG_DATA, size, value);
    }
}
