/*
 * PCI-to-PCI bridges: a device with a secondary bus. The windows are aliases of the secondary bus's memory and I/O
 * space in the primary bus's, made anew when the guest programs them.
 */
#ifndef HW_PCI_PCI_BRIDGE_H
#define HW_PCI_PCI_BRIDGE_H

#include "hw/pci/pci.h"

#define TYPE_PCI_BRIDGE "base-pci-bridge"
OBJECT_DECLARE_SIMPLE_TYPE(PCIBridge, PCI_BRIDGE)

struct PCIBridge {
    PCIDevice parent_obj;
    /* set by the user or the class */
    const char *bus_name;           /* NULL: the device's id */
    const char *bus_type;           /* NULL: TYPE_PCI_BUS */
    int (*map_irq)(PCIDevice *dev, int pin);    /* NULL: the swizzle */
    bool writeable_slt_bug;         /* "x-pci-express-writeable-slt-bug": secondary latency timer of a PCIe port */
    /* made at realize */
    PCIBus *sec_bus;
    MemoryRegion sec_mem, sec_io;   /* the secondary bus's spaces */
    MemoryRegion window_mem, window_pref, window_io;            /* aliases in the primary bus's */
    MemoryRegion window_vga_lo, window_vga_hi, window_vga_mem;  /* 3b0-3bb, 3c0-3df, a0000-bffff */
    bool windows_made;
};

bool pci_bridge_init(PCIDevice *dev, GError **error);       /* for a class's realize */
void pci_bridge_exit(PCIDevice *dev);
void pci_bridge_reset(PCIDevice *dev);                      /* the header's registers */
/* Called by pci_config_write(): windows, bus numbers, secondary reset. */
void pci_bridge_write_config(PCIDevice *dev, uint32_t addr, unsigned len, uint16_t old_control);
void pci_bridge_update_windows(PCIBridge *bridge);
PCIBus *pci_bridge_bus(PCIBridge *bridge);

/* A window as programmed; limit < base: closed. `type` is of PCI_BASE_ADDRESS_*. */
uint64_t pci_bridge_base(const PCIDevice *dev, uint8_t type);
uint64_t pci_bridge_limit(const PCIDevice *dev, uint8_t type);

/* Resources that firmware should set aside behind the bridge: a vendor-specific capability. All ones: none. */
typedef struct PCIResReserve {
    uint32_t bus;
    uint64_t io, mem_non_pref, mem_pref_32, mem_pref_64;
} PCIResReserve;
bool pci_bridge_reserve_init(PCIDevice *dev, uint8_t offset, PCIResReserve reserve, GError **error);

#endif
