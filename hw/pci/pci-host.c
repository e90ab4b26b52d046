/*
 * Host bridges: CONFIG_ADDRESS and CONFIG_DATA (PCI 3.0, 3.2.2.3.2), and the ECAM window (PCIe 7.2.2).
 */
#include "hw/pci/pci_host.h"

#define CONFIG_ADDRESS_ENABLE 0x80000000u

static uint64_t conf_read(void *opaque, hwaddr offset, unsigned size)
{
    return ((PCIHostState *)opaque)->config_reg;
}

/* Only a whole dword at the register's address writes it: the bytes in it belong to others (0xcf9, reset). */
static void conf_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    if (offset == 0 && size == 4) {
        ((PCIHostState *)opaque)->config_reg = value;
    }
}

static uint64_t data_read(void *opaque, hwaddr offset, unsigned size)
{
    PCIHostState *host = opaque;

    if (!(host->config_reg & CONFIG_ADDRESS_ENABLE)) {
        return UINT32_MAX;
    }
    return pci_data_read(host->bus, (host->config_reg & ~3u) | (offset & 3), size);
}

static void data_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    PCIHostState *host = opaque;

    if (host->config_reg & CONFIG_ADDRESS_ENABLE) {
        pci_data_write(host->bus, (host->config_reg & ~3u) | (offset & 3), value, size);
    }
}

static const MemoryRegionOps conf_ops = { .read = conf_read, .write = conf_write, .valid = { 1, 4 } };
static const MemoryRegionOps data_ops = { .read = data_read, .write = data_write, .valid = { 1, 4 } };

static bool address_needed(void *opaque)
{
    return ((PCIHostState *)opaque)->mig_enabled;
}

const VMStateDescription vmstate_pci_host = {
    .name = "PCIHost",
    .needed = address_needed,
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = VMS_FIELDS(VMS_U32(PCIHostState, config_reg)),
};

static void pci_host_init(Object *obj)
{
    PCIHostState *host = PCI_HOST_BRIDGE(obj);

    memory_region_init_io(&host->conf_mem, obj, &conf_ops, host, "pci-conf-idx", 4);
    memory_region_init_io(&host->data_mem, obj, &data_ops, host, "pci-conf-data", 4);
}

static const Property pci_host_props[] = {
    DEFINE_PROP_BOOL("x-config-reg-migration-enabled", PCIHostState, mig_enabled, true),
};

static void pci_host_class_init(ObjectClass *klass, const void *data)
{
    DEVICE_CLASS(klass)->vmsd = &vmstate_pci_host;
    object_class_add_props(klass, pci_host_props, G_N_ELEMENTS(pci_host_props));
}

/* ECAM. */

static uint64_t mmcfg_read(void *opaque, hwaddr offset, unsigned size)
{
    return pcie_mmcfg_read(((PCIExpressHost *)opaque)->parent_obj.bus, offset, size);
}

static void mmcfg_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    pcie_mmcfg_write(((PCIExpressHost *)opaque)->parent_obj.bus, offset, value, size);
}

static const MemoryRegionOps mmcfg_ops = { .read = mmcfg_read, .write = mmcfg_write, .valid = { 1, 4 } };

static void pcie_host_init(Object *obj)
{
    PCIExpressHost *host = PCIE_HOST_BRIDGE(obj);

    host->base_addr = PCIE_BASE_ADDR_UNMAPPED;
    memory_region_init_io(&host->mmio, obj, &mmcfg_ops, host, "pcie-mmcfg-mmio", PCIE_MMCFG_SIZE_MAX);
}

void pcie_host_mmcfg_update(PCIExpressHost *host, MemoryRegion *space, bool enable, hwaddr addr, uint64_t size)
{
    bool mapped = host->base_addr != PCIE_BASE_ADDR_UNMAPPED;

    g_assert(!enable || (IS_POWER_OF_2(size) && size >= PCIE_MMCFG_SIZE_MIN && size <= PCIE_MMCFG_SIZE_MAX));
    if (mapped && enable && host->base_addr == addr && host->size == size) {
        return;
    }
    memory_transaction_begin();
    if (mapped) {
        memory_region_del(space, &host->mmio);
        host->base_addr = PCIE_BASE_ADDR_UNMAPPED;
    }
    if (enable) {
        host->base_addr = addr;
        host->size = size;
        memory_region_set_size(&host->mmio, size);
        memory_region_add_overlap(space, addr, &host->mmio, 0);
    }
    memory_transaction_commit();
}

static const TypeInfo pci_host_types[] = {
    {
        .name = TYPE_PCI_HOST_BRIDGE,
        .parent = TYPE_DEVICE,
        .size = sizeof(PCIHostState),
        .abstract = true,
        .init = pci_host_init,
        .class_init = pci_host_class_init,
    },
    {
        .name = TYPE_PCIE_HOST_BRIDGE,
        .parent = TYPE_PCI_HOST_BRIDGE,
        .size = sizeof(PCIExpressHost),
        .abstract = true,
        .init = pcie_host_init,
    },
};
TYPES_REGISTER(pci_host_types)
