/*
 * PCI devices and buses.
 *
 * Config space is data: `config` is what the guest reads, `wmask` the bits that it may write, `w1cmask` those that a
 * written 1 clears, `cmask` those that a loaded stream must agree with (unless writable). One function writes, one checks
 * a load. Capabilities are added at realize and set up their bytes in the four arrays. What a device does about a write
 * to its own registers it does in its class's config_write, after the generic one.
 *
 * A bus routes config cycles by bus number through its bridges, maps BARs into its memory and I/O regions, and routes
 * INTx lines (swizzled) to its parent or the chipset.
 */
#ifndef HW_PCI_PCI_H
#define HW_PCI_PCI_H

#include "hw/core/device.h"
#include "hw/pci/pci_regs.h"
#include "migration/vmstate.h"
#include "system/memory.h"

#define TYPE_PCI_DEVICE "pci-device"
OBJECT_DECLARE_TYPE(PCIDevice, PCIDeviceClass, PCI_DEVICE)
#define TYPE_PCI_BUS "PCI"
#define TYPE_PCIE_BUS "PCIE"
OBJECT_DECLARE_TYPE(PCIBus, PCIBusClass, PCI_BUS)
#define TYPE_PCI_HOST_BRIDGE "pci-host-bridge"
/* Interfaces that say where a device can sit. */
#define INTERFACE_CONVENTIONAL_PCI "conventional-pci-device"
#define INTERFACE_PCIE_DEVICE "pci-express-device"

#define PCI_CONFIG_SIZE 256
#define PCIE_CONFIG_SIZE 4096
#define PCI_NUM_REGIONS 7       /* six BARs and the ROM */
#define PCI_ROM_SLOT 6
#define PCI_DEVFN(slot, fn) ((((slot) & 0x1f) << 3) | ((fn) & 7))
#define PCI_SLOT(devfn) (((devfn) >> 3) & 0x1f)
#define PCI_FUNC(devfn) ((devfn) & 7)
#define PCI_DEVFN_MAX 256
#define PCI_NUM_PINS 4

/* Bits of cap_present; each is a property. */
enum {
    PCI_CAP_MSI_BIT,
    PCI_CAP_MSIX_BIT,
    PCI_CAP_EXPRESS_BIT,
    PCI_CAP_MULTIFUNCTION_BIT,
    PCI_CAP_SERR_BIT,
    PCI_CAP_SHPC_BIT,
    PCI_CAP_SLOTID_BIT,
    PCIE_SLTCAP_PCP_BIT,
    PCIE_LNKSTA_DLLLA_BIT,      /* "x-pcie-lnksta-dllla" */
    PCIE_EXTCAP_INIT_BIT,       /* "x-pcie-extcap-init" */
    PCIE_ERR_UNC_MASK_BIT,      /* "x-pcie-err-unc-mask" */
    PCIE_ARI_NEXTFN_1_BIT,      /* "x-pcie-ari-nextfn-1" */
};

typedef struct PCIIORegion {
    hwaddr addr;                /* UINT64_MAX: not mapped */
    uint64_t size;
    uint8_t type;               /* PCI_BASE_ADDRESS_* bits */
    MemoryRegion *memory;
    MemoryRegion *address_space;
} PCIIORegion;

struct PCIDeviceClass {
    DeviceClass parent_class;
    bool (*realize)(PCIDevice *dev, GError **error);
    void (*exit)(PCIDevice *dev);
    uint32_t (*config_read)(PCIDevice *dev, uint32_t addr, unsigned len);                   /* NULL: generic */
    void (*config_write)(PCIDevice *dev, uint32_t addr, uint32_t value, unsigned len);      /* NULL: generic */
    uint16_t vendor_id, device_id, class_id, subsystem_vendor_id, subsystem_id;
    uint8_t revision;
    bool is_bridge;
    const char *romfile;
};

struct PCIDevice {
    DeviceState parent_obj;
    /* set by the user */
    int32_t devfn;              /* "addr"; -1: the first free slot */
    uint32_t cap_present;
    char *romfile;
    uint32_t romsize, rom_bar, acpi_index;
    char *failover_pair_id;
    /* migrated */
    uint8_t *config;            /* config_size bytes each */
    uint8_t irq_state;          /* bit per pin */
    int32_t version_id;
    /* made at realize */
    uint8_t *cmask, *wmask, *w1cmask, *used;
    unsigned config_size;
    PCIIORegion regions[PCI_NUM_REGIONS];
    uint8_t msi_cap, msix_cap, exp_cap, pm_cap;     /* offsets; 0: none */
    uint16_t aer_cap, acs_cap, ari_cap;
    struct PCIMsix *msix;
    struct PCIExpress *exp;     /* slot state and AER log */
    bool enabled;               /* has power */
};

/* Adds a BAR; `type` has PCI_BASE_ADDRESS_SPACE_IO, MEM_TYPE_64, MEM_PREFETCH. The size is a power of two. */
void pci_register_bar(PCIDevice *dev, int region, uint8_t type, MemoryRegion *memory);
hwaddr pci_bar_addr(PCIDevice *dev, int region);        /* UINT64_MAX: unmapped */
/* Adds a conventional capability (offset 0: the first free place); returns its offset, or 0 with an error. */
int pci_add_capability(PCIDevice *dev, uint8_t cap_id, uint8_t offset, uint8_t size, GError **error);
uint8_t pci_find_capability(PCIDevice *dev, uint8_t cap_id);

uint32_t pci_config_read(PCIDevice *dev, uint32_t addr, unsigned len);
void pci_config_write(PCIDevice *dev, uint32_t addr, uint32_t value, unsigned len); /* the generic one */
void pci_device_reset(PCIDevice *dev);      /* config to reset values, BARs unmapped, INTx down */

/* INTx, level 0 or 1, the pin of the device's config space. */
void pci_set_irq(PCIDevice *dev, int level);
bool pci_intx_disabled(const PCIDevice *dev);

/* Bus-master access; MEMTX_ERROR while the device (or a bridge above) may not master. */
MemTxResult pci_dma_read(PCIDevice *dev, hwaddr addr, void *buf, uint64_t len);
MemTxResult pci_dma_write(PCIDevice *dev, hwaddr addr, const void *buf, uint64_t len);
bool pci_bus_master_enabled(const PCIDevice *dev);
AddressSpace *pci_address_space(PCIDevice *dev);

/* Buses. */
struct PCIBusClass {
    BusClass parent_class;
};
struct PCIBus {
    BusState parent_obj;
    PCIDevice *devices[PCI_DEVFN_MAX];
    PCIDevice *parent_dev;          /* the bridge; NULL: a root bus */
    MemoryRegion *mem, *io;         /* where BARs are mapped */
    uint8_t devfn_min;
    uint32_t slot_reserved;
    GPtrArray *child;               /* PCIBus *, buses behind bridges here */
    void (*set_irq)(void *opaque, int line, int level);
    int (*map_irq)(PCIDevice *dev, int pin);
    void *irq_opaque;
    int num_irqs;
    int *irq_count;                 /* per line: how many drive it */
};
PCIBus *pci_root_bus_new(DeviceState *parent, const char *name, MemoryRegion *mem, MemoryRegion *io, uint8_t devfn_min,
                         const char *type);
void pci_bus_irqs(PCIBus *bus, void (*set_irq)(void *, int, int), int (*map_irq)(PCIDevice *, int), void *opaque, int n);
int pci_bus_number(const PCIBus *bus);
PCIBus *pci_device_bus(const PCIDevice *dev);
PCIDevice *pci_find_device(PCIBus *root, int bus_num, int devfn);
bool pci_bus_is_express(const PCIBus *bus);
bool pci_bus_is_root(const PCIBus *bus);
uint16_t pci_requester_id(const PCIDevice *dev);
void pci_foreach_device(PCIBus *root, void (*fn)(PCIDevice *dev, void *opaque), void *opaque);
Json *pci_query(void);              /* query-pci */

/* Config cycles from a host bridge. */
uint32_t pci_data_read(PCIBus *root, uint32_t addr, unsigned len);      /* CONFIG_ADDRESS format: bus 23:16, devfn 15:8 */
void pci_data_write(PCIBus *root, uint32_t addr, uint32_t value, unsigned len);
uint32_t pcie_mmcfg_read(PCIBus *root, hwaddr offset, unsigned len);    /* ECAM offset */
void pcie_mmcfg_write(PCIBus *root, hwaddr offset, uint32_t value, unsigned len);

/* Migration: the PCIDevice struct, 276 or 4116 bytes. Save and load of a config space with QEMU's check and words. */
extern const VMStateDescription vmstate_pci_device;
#define VMS_PCI_DEVICE(t, f, ...) VMS_STRUCT(t, f, vmstate_pci_device, ##__VA_ARGS__)
void pci_device_save(PCIDevice *dev, Stream *s);    /* the virtio way: INTx status bit cleared in the copy */
bool pci_device_load(PCIDevice *dev, Stream *s, GError **error);

#endif
