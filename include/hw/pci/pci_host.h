/*
 * Host bridges: what turns CPU accesses into config cycles. CONFIG_ADDRESS and CONFIG_DATA in port space, and ECAM, a
 * window of memory with 4 KiB per function.
 */
#ifndef HW_PCI_PCI_HOST_H
#define HW_PCI_PCI_HOST_H

#include "hw/pci/pci.h"

#define TYPE_PCI_HOST_BRIDGE "pci-host-bridge"
OBJECT_DECLARE_SIMPLE_TYPE(PCIHostState, PCI_HOST_BRIDGE)

/* The chipset's host device derives from it, makes the bus and puts conf_mem and data_mem where its ports are. */
struct PCIHostState {
    DeviceState parent_obj;
    MemoryRegion conf_mem;          /* 4 bytes: CONFIG_ADDRESS */
    MemoryRegion data_mem;          /* 4 bytes: CONFIG_DATA */
    PCIBus *bus;
    /* migrated */
    uint32_t config_reg;
    bool mig_enabled;               /* "x-config-reg-migration-enabled" */
};
extern const VMStateDescription vmstate_pci_host;   /* "PCIHost" */

#define TYPE_PCIE_HOST_BRIDGE "pcie-host-bridge"
OBJECT_DECLARE_SIMPLE_TYPE(PCIExpressHost, PCIE_HOST_BRIDGE)

#define PCIE_MMCFG_SIZE_MIN (1u << 20)
#define PCIE_MMCFG_SIZE_MAX (1u << 28)
#define PCIE_BASE_ADDR_UNMAPPED UINT64_MAX

struct PCIExpressHost {
    PCIHostState parent_obj;
    hwaddr base_addr;               /* PCIE_BASE_ADDR_UNMAPPED: off */
    uint64_t size;
    MemoryRegion mmio;
};
/* Maps the ECAM window (a power of two within the limits above) into `space`, moves it, or takes it away. */
void pcie_host_mmcfg_update(PCIExpressHost *host, MemoryRegion *space, bool enable, hwaddr addr, uint64_t size);

#endif
