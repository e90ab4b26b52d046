/*
 * Config space as four byte arrays: initial contents by header type, the generic read and write, the capability list,
 * and accesses as a host bridge makes them.
 */
#include "hw/pci/msi.h"
#include "hw/pci/msix.h"
#include "hw/pci/pci-internal.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pcie.h"
#include "util/error.h"

#define STATUS_W1C                                                                          \
    (PCI_STATUS_PARITY | PCI_STATUS_SIG_TARGET_ABORT | PCI_STATUS_REC_TARGET_ABORT |        \
     PCI_STATUS_REC_MASTER_ABORT | PCI_STATUS_SIG_SYSTEM_ERROR | PCI_STATUS_DETECTED_PARITY)

static void config_init_common(PCIDevice *dev)
{
    const PCIDeviceClass *class = PCI_DEVICE_GET_CLASS(dev);

    pci_set_word(dev->config + PCI_VENDOR_ID, class->vendor_id);
    pci_set_word(dev->config + PCI_DEVICE_ID, class->device_id);
    pci_set_byte(dev->config + PCI_REVISION_ID, class->revision);
    pci_set_word(dev->config + PCI_CLASS_DEVICE, class->class_id);

    pci_set_long(dev->cmask + PCI_VENDOR_ID, 0xffffffff);
    pci_set_word(dev->cmask + PCI_STATUS, PCI_STATUS_CAP_LIST);
    pci_set_long(dev->cmask + PCI_REVISION_ID, 0xffffffff);
    pci_set_byte(dev->cmask + PCI_HEADER_TYPE, 0xff);
    pci_set_byte(dev->cmask + PCI_CAPABILITY_LIST, 0xff);

    pci_set_byte(dev->wmask + PCI_CACHE_LINE_SIZE, 0xff);
    pci_set_byte(dev->wmask + PCI_INTERRUPT_LINE, 0xff);
    pci_set_word(dev->wmask + PCI_COMMAND,
                 PCI_COMMAND_IO | PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER | PCI_COMMAND_INTX_DISABLE |
                 PCI_COMMAND_SERR);
    memset(dev->wmask + PCI_STD_HEADER_SIZEOF, 0xff, dev->config_size - PCI_STD_HEADER_SIZEOF);
    pci_set_word(dev->w1cmask + PCI_STATUS, STATUS_W1C);
}

static void config_init_type0(PCIDevice *dev)
{
    const PCIDeviceClass *class = PCI_DEVICE_GET_CLASS(dev);
    bool own = class->subsystem_vendor_id || class->subsystem_id;

    pci_set_word(dev->config + PCI_SUBSYSTEM_VENDOR_ID,
                 own ? class->subsystem_vendor_id : PCI_SUBVENDOR_ID_REDHAT_QUMRANET);
    pci_set_word(dev->config + PCI_SUBSYSTEM_ID, own ? class->subsystem_id : PCI_SUBDEVICE_ID_QEMU);
}

static void config_init_type1(PCIDevice *dev)
{
    bool slt_fixed = pci_is_express(dev) && !PCI_BRIDGE(dev)->writeable_slt_bug;

    pci_set_byte(dev->config + PCI_HEADER_TYPE, PCI_HEADER_TYPE_BRIDGE);
    /* Primary, secondary and subordinate bus number; PCIe 7.5.1.3.4 wants the latency timer after them read-only. */
    pci_set_long(dev->wmask + PCI_PRIMARY_BUS, slt_fixed ? 0x00ffffff : 0xffffffff);
    pci_set_byte(dev->wmask + PCI_IO_BASE, (uint8_t)~PCI_IO_RANGE_TYPE_MASK);
    pci_set_byte(dev->wmask + PCI_IO_LIMIT, (uint8_t)~PCI_IO_RANGE_TYPE_MASK);
    pci_set_long(dev->wmask + PCI_MEMORY_BASE, 0xfff0fff0);
    pci_set_long(dev->wmask + PCI_PREF_MEMORY_BASE, 0xfff0fff0);
    pci_set_quad(dev->wmask + PCI_PREF_BASE_UPPER32, UINT64_MAX);
    pci_set_byte(dev->config + PCI_IO_BASE, PCI_IO_RANGE_TYPE_16);
    pci_set_word(dev->config + PCI_PREF_MEMORY_BASE, PCI_PREF_RANGE_TYPE_64);
    pci_set_word(dev->config + PCI_PREF_MEMORY_LIMIT, PCI_PREF_RANGE_TYPE_64);
    /* Fast back-to-back and master-abort mode do not exist behind these bridges. */
    pci_set_word(dev->wmask + PCI_BRIDGE_CONTROL,
                 PCI_BRIDGE_CTL_PARITY | PCI_BRIDGE_CTL_SERR | PCI_BRIDGE_CTL_ISA | PCI_BRIDGE_CTL_VGA |
                 PCI_BRIDGE_CTL_VGA_16BIT | PCI_BRIDGE_CTL_BUS_RESET);
    pci_set_word(dev->w1cmask + PCI_BRIDGE_CONTROL, PCI_BRIDGE_CTL_DISCARD_STATUS);
    pci_set_byte(dev->cmask + PCI_IO_BASE, PCI_IO_RANGE_TYPE_MASK);
    pci_set_byte(dev->cmask + PCI_IO_LIMIT, PCI_IO_RANGE_TYPE_MASK);
    pci_set_word(dev->cmask + PCI_PREF_MEMORY_BASE, PCI_PREF_RANGE_TYPE_MASK);
    pci_set_word(dev->cmask + PCI_PREF_MEMORY_LIMIT, PCI_PREF_RANGE_TYPE_MASK);
}

void pci_config_alloc(PCIDevice *dev)
{
    dev->config_size = pci_is_express(dev) ? PCIE_CONFIG_SIZE : PCI_CONFIG_SIZE;
    dev->config = g_malloc0(dev->config_size);
    dev->cmask = g_malloc0(dev->config_size);
    dev->wmask = g_malloc0(dev->config_size);
    dev->w1cmask = g_malloc0(dev->config_size);
    dev->used = g_malloc0(PCI_CONFIG_SIZE);
    config_init_common(dev);
    if (PCI_DEVICE_GET_CLASS(dev)->is_bridge) {
        config_init_type1(dev);
    } else {
        config_init_type0(dev);
    }
    if (dev->cap_present & (1u << PCI_CAP_MULTIFUNCTION_BIT)) {
        dev->config[PCI_HEADER_TYPE] |= PCI_HEADER_TYPE_MULTI_FUNCTION;
    }
}

void pci_config_free(PCIDevice *dev)
{
    g_clear_pointer(&dev->config, g_free);
    g_clear_pointer(&dev->cmask, g_free);
    g_clear_pointer(&dev->wmask, g_free);
    g_clear_pointer(&dev->w1cmask, g_free);
    g_clear_pointer(&dev->used, g_free);
    dev->config_size = 0;
}

/* Capabilities. */

/* The register that points to the capability at `offset`, 0 if none does. Config may hold anything after a load. */
static uint8_t cap_pointer_to(const PCIDevice *dev, uint8_t offset)
{
    uint8_t at = PCI_CAPABILITY_LIST;

    for (unsigned n = 0; n < PCI_CONFIG_SIZE / 4; n++) {
        if (dev->config[at] == offset) {
            return at;
        }
        if (dev->config[at] < PCI_STD_HEADER_SIZEOF || dev->config[at] == 0xff) {
            return 0;
        }
        at = dev->config[at] + PCI_CAP_LIST_NEXT;
    }
    return 0;
}

uint8_t pci_find_capability(const PCIDevice *dev, uint8_t cap_id)
{
    uint8_t at;

    if (!(dev->config[PCI_STATUS] & PCI_STATUS_CAP_LIST)) {
        return 0;
    }
    at = dev->config[PCI_CAPABILITY_LIST];
    for (unsigned n = 0; at >= PCI_STD_HEADER_SIZEOF && at < 0xff && n < PCI_CONFIG_SIZE / 4; n++) {
        if (dev->config[at + PCI_CAP_LIST_ID] == cap_id) {
            return at;
        }
        at = dev->config[at + PCI_CAP_LIST_NEXT];
    }
    return 0;
}

static uint8_t cap_find_space(const PCIDevice *dev, unsigned size)
{
    unsigned start = PCI_STD_HEADER_SIZEOF;

    for (unsigned at = start; at < PCI_CONFIG_SIZE; at++) {
        if (dev->used[at]) {
            start = at + 1;
        } else if (at - start + 1 == size) {
            return start;
        }
    }
    return 0;
}

uint8_t pci_add_capability(PCIDevice *dev, uint8_t cap_id, uint8_t offset, uint8_t size, GError **error)
{
    unsigned rounded = ROUND_UP((unsigned)size, 4);

    g_assert(size >= 2);
    if (!offset) {
        offset = cap_find_space(dev, size);
        if (!offset) {
            error_setf(error, "out of PCI config space");
            return 0;
        }
    } else {
        for (unsigned at = offset; at < offset + size; at++) {
            if (at >= PCI_CONFIG_SIZE || dev->used[at]) {
                error_setf(error, "%s:%02x:%02x.%x Attempt to add PCI capability %x at offset %x overlaps existing "
                           "capability at offset %x", "0000", pci_bus_number(pci_device_bus(dev)), PCI_SLOT(dev->devfn),
                           PCI_FUNC(dev->devfn), cap_id, offset, at);
                return 0;
            }
        }
    }
    g_assert(offset + rounded <= PCI_CONFIG_SIZE);
    dev->config[offset + PCI_CAP_LIST_ID] = cap_id;
    dev->config[offset + PCI_CAP_LIST_NEXT] = dev->config[PCI_CAPABILITY_LIST];
    dev->config[PCI_CAPABILITY_LIST] = offset;
    dev->config[PCI_STATUS] |= PCI_STATUS_CAP_LIST;
    memset(dev->used + offset, 0xff, rounded);
    memset(dev->wmask + offset, 0, size);
    memset(dev->cmask + offset, 0xff, size);
    return offset;
}

void pci_del_capability(PCIDevice *dev, uint8_t cap_id, uint8_t size)
{
    uint8_t offset = pci_find_capability(dev, cap_id);

    if (!offset) {
        return;
    }
    dev->config[cap_pointer_to(dev, offset)] = dev->config[offset + PCI_CAP_LIST_NEXT];
    memset(dev->wmask + offset, 0xff, size);
    memset(dev->w1cmask + offset, 0, size);
    memset(dev->cmask + offset, 0, size);
    memset(dev->used + offset, 0, ROUND_UP((unsigned)size, 4));
    if (!dev->config[PCI_CAPABILITY_LIST]) {
        dev->config[PCI_STATUS] &= ~PCI_STATUS_CAP_LIST;
    }
}

/* Access. */

uint32_t pci_config_read(PCIDevice *dev, uint32_t addr, unsigned len)
{
    g_assert(addr + len <= dev->config_size);
    if (dev->exp) {
        pcie_config_read_begin(dev, addr, len);
    }
    return load_le(dev->config + addr, len);
}

static void write_bytes(PCIDevice *dev, uint32_t addr, uint32_t value, unsigned len)
{
    for (unsigned i = 0; i < len; i++, value >>= 8) {
        uint8_t wmask = dev->wmask[addr + i], w1cmask = dev->w1cmask[addr + i];
        uint8_t *byte = &dev->config[addr + i];

        *byte = (*byte & ~wmask) | (value & wmask);
        *byte &= ~(value & w1cmask);
    }
}

static bool moves_bars(const PCIDevice *dev, uint32_t addr, unsigned len)
{
    unsigned bars = PCI_DEVICE_GET_CLASS(dev)->is_bridge ? 2 : 6;

    return pci_ranges_overlap(addr, len, PCI_COMMAND, 2) ||
           pci_ranges_overlap(addr, len, PCI_BASE_ADDRESS_0, bars * 4) ||
           pci_ranges_overlap(addr, len, pci_bar_offset(dev, PCI_ROM_SLOT), 4);
}

void pci_config_write(PCIDevice *dev, uint32_t addr, uint32_t value, unsigned len)
{
    bool is_bridge = PCI_DEVICE_GET_CLASS(dev)->is_bridge;
    bool was_disabled = pci_intx_disabled(dev);
    uint16_t old_bridge_control = is_bridge ? pci_get_word(dev->config + PCI_BRIDGE_CONTROL) : 0;
    uint16_t old_msix = dev->msix_cap ? pci_get_word(dev->config + dev->msix_cap + PCI_MSIX_FLAGS) : 0;

    g_assert(addr + len <= dev->config_size);
    if (dev->exp) {
        pcie_config_write_begin(dev);
    }
    write_bytes(dev, addr, value, len);
    if (moves_bars(dev, addr, len)) {
        pci_update_mappings(dev);
    }
    if (pci_ranges_overlap(addr, len, PCI_COMMAND, 2)) {
        pci_intx_update_disabled(dev, was_disabled);
    }
    if (dev->msi_cap) {
        msi_write_config(dev, addr, len);
    }
    if (dev->msix_cap) {
        msix_write_config(dev, addr, old_msix, len);
    }
    if (is_bridge) {
        pci_bridge_write_config(dev, addr, len, old_bridge_control);
    }
    if (dev->exp) {
        pcie_config_write_end(dev, addr, value, len);
    }
}

/* A host's cycles. */

/*
 * Whether the guest can see the function. One that was plugged into a slot without its function 0 is not there yet: a
 * multifunction device appears, and may be taken away again, as a whole.
 */
static bool answers(PCIDevice *dev, uint32_t addr, uint32_t limit)
{
    return addr < MIN(limit, dev->config_size) && dev->enabled && (!dev->parent_obj.hotplugged || pci_function_0(dev));
}

uint32_t pci_host_config_read(PCIDevice *dev, uint32_t addr, uint32_t limit, unsigned len)
{
    const PCIDeviceClass *class = PCI_DEVICE_GET_CLASS(dev);

    if (!answers(dev, addr, limit)) {
        return UINT32_MAX;
    }
    len = MIN(len, MIN(limit, dev->config_size) - addr);
    return class->config_read ? class->config_read(dev, addr, len) : pci_config_read(dev, addr, len);
}

void pci_host_config_write(PCIDevice *dev, uint32_t addr, uint32_t limit, uint32_t value, unsigned len)
{
    const PCIDeviceClass *class = PCI_DEVICE_GET_CLASS(dev);

    if (!answers(dev, addr, limit)) {
        return;
    }
    len = MIN(len, MIN(limit, dev->config_size) - addr);
    if (class->config_write) {
        class->config_write(dev, addr, value, len);
    } else {
        pci_config_write(dev, addr, value, len);
    }
}

uint32_t pci_data_read(PCIBus *root, uint32_t addr, unsigned len)
{
    PCIDevice *dev = pci_find_device(root, (addr >> 16) & 0xff, (addr >> 8) & 0xff);

    return dev ? pci_host_config_read(dev, addr & (PCI_CONFIG_SIZE - 1), PCI_CONFIG_SIZE, len) : UINT32_MAX;
}

void pci_data_write(PCIBus *root, uint32_t addr, uint32_t value, unsigned len)
{
    PCIDevice *dev = pci_find_device(root, (addr >> 16) & 0xff, (addr >> 8) & 0xff);

    if (dev) {
        pci_host_config_write(dev, addr & (PCI_CONFIG_SIZE - 1), PCI_CONFIG_SIZE, value, len);
    }
}

uint32_t pcie_mmcfg_read(PCIBus *root, hwaddr offset, unsigned len)
{
    PCIDevice *dev = pci_find_device(root, (offset >> 20) & 0xff, (offset >> 12) & 0xff);

    return dev ? pci_host_config_read(dev, offset & (PCIE_CONFIG_SIZE - 1), PCIE_CONFIG_SIZE, len) : UINT32_MAX;
}

void pcie_mmcfg_write(PCIBus *root, hwaddr offset, uint32_t value, unsigned len)
{
    PCIDevice *dev = pci_find_device(root, (offset >> 20) & 0xff, (offset >> 12) & 0xff);

    if (dev) {
        pci_host_config_write(dev, offset & (PCIE_CONFIG_SIZE - 1), PCIE_CONFIG_SIZE, value, len);
    }
}
