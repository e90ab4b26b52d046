/*
 * PCI devices and buses.
 *
 * Config space is data: `config` is what the guest reads, `wmask` the bits that it may write, `w1cmask` those that a
 * written 1 clears, `cmask` those that a loaded stream must agree with (unless writable). One function writes, one
 * checks a load. Capabilities are added at realize and set up their bytes in the four arrays; what a capability does
 * about a write (MSI, MSI-X, PCIe with FLR and slot, AER, bridge windows) happens in the generic write. What a device
 * does about a write to its own registers it does in its class's config_write, around the generic one.
 *
 * A bus routes config cycles by bus number through its bridges, maps BARs into its memory and I/O regions, and routes
 * INTx lines (swizzled) to its parent or the chipset.
 *
 * A device's class sets PCIDeviceClass.realize/exit, never DeviceClass.realize: pci-device's own checks the address,
 * makes the config space, calls the class's, and adds the ROM. A device is PCI Express (4 KiB of config space) if its
 * class implements INTERFACE_PCIE_DEVICE and not INTERFACE_CONVENTIONAL_PCI; one that implements both says so by
 * is_express().
 */
#ifndef HW_PCI_PCI_H
#define HW_PCI_PCI_H

#include "hw/core/device.h"
#include "hw/pci/pci_regs.h"
#include "migration/vmstate.h"
#include "system/memory.h"
#include "util/byteorder.h"
#include "util/units.h"
#include "util/json.h"

#define TYPE_PCI_DEVICE "pci-device"
OBJECT_DECLARE_TYPE(PCIDevice, PCIDeviceClass, PCI_DEVICE)
#define TYPE_PCI_BUS "PCI"
#define TYPE_PCIE_BUS "PCIE"
OBJECT_DECLARE_TYPE(PCIBus, PCIBusClass, PCI_BUS)
/* Interfaces that say where a device can sit. */
#define INTERFACE_CONVENTIONAL_PCI "conventional-pci-device"
#define INTERFACE_PCIE_DEVICE "pci-express-device"

#define PCI_CONFIG_SIZE 256
#define PCIE_CONFIG_SIZE 4096
#define PCI_NUM_REGIONS 7       /* six BARs and the ROM */
#define PCI_ROM_SLOT 6
#define PCI_BAR_UNMAPPED UINT64_MAX
#define PCI_DEVFN(slot, fn) ((((slot) & 0x1f) << 3) | ((fn) & 7))
#define PCI_SLOT(devfn) (((devfn) >> 3) & 0x1f)
#define PCI_FUNC(devfn) ((devfn) & 7)
#define PCI_DEVFN_MAX 256
#define PCI_NUM_PINS 4

/* Bits of cap_present; those with a name behind them are properties. */
enum {
    PCI_CAP_MSI_BIT,
    PCI_CAP_MSIX_BIT,
    PCI_CAP_EXPRESS_BIT,        /* 4 KiB of config space; set before the class's realize */
    PCI_CAP_MULTIFUNCTION_BIT,  /* "multifunction" */
    PCI_CAP_SERR_BIT,           /* always on */
    PCIE_SLTCAP_PCP_BIT,        /* "power_controller_present" of ports */
    PCIE_LNKSTA_DLLLA_BIT,      /* "x-pcie-lnksta-dllla" */
    PCIE_EXTCAP_INIT_BIT,       /* "x-pcie-extcap-init" */
    PCIE_ERR_UNC_MASK_BIT,      /* "x-pcie-err-unc-mask" */
    PCIE_ARI_NEXTFN_1_BIT,      /* "x-pcie-ari-nextfn-1" */
    /* Behaviours of releases, hidden properties. */
    PCIE_LNKSTA_DLLLA_ALWAYS_BIT,   /* "x-godwit-lnksta-dllla-always": link active from the start, slot or not */
    PCIE_SLTSTA_PDS_CHECKED_BIT,    /* "x-godwit-sltsta-pds-checked": a load must agree about presence */
    PCIE_SLTCTL_RESET_PIC_ON_BIT,   /* "x-godwit-sltctl-reset-pic-on": indicator on at reset of an occupied slot */
    PCIE_AER_MSG_DEVCTL_BIT,        /* "x-godwit-aer-msg-devctl": Device Control lets errors out, not SERR# alone */
    PCIE_SLOT_POWER_BIT,            /* "x-godwit-slot-power": a slot without power answers no config cycle */
    PCIE_PORT_SLOT_0_BIT,           /* "x-godwit-port-slot-0": a port has slot 0 only: warns, and refuses hot plug */
    PCIE_HOTPLUG_OFF_BIT,           /* "x-godwit-hotplug-off-early": hotplug=off is the bus's refusal, not the port's */
};

typedef struct PCIIORegion {
    hwaddr addr;                /* PCI_BAR_UNMAPPED: not mapped */
    uint64_t size;              /* 0: no such BAR */
    uint8_t type;               /* PCI_BASE_ADDRESS_* bits */
    MemoryRegion *memory;
    MemoryRegion *address_space; /* the bus's container that it is mapped in */
} PCIIORegion;

struct PCIDeviceClass {
    DeviceClass parent_class;
    bool (*realize)(PCIDevice *dev, GError **error);
    void (*exit)(PCIDevice *dev);
    uint32_t (*config_read)(PCIDevice *dev, uint32_t addr, unsigned len);                   /* NULL: generic */
    void (*config_write)(PCIDevice *dev, uint32_t addr, uint32_t value, unsigned len);      /* NULL: generic */
    bool (*is_express)(PCIDevice *dev);         /* asked before realize, with the bus known. NULL: by interfaces */
    uint16_t vendor_id, device_id, class_id, subsystem_vendor_id, subsystem_id; /* subsystem both 0: 1af4:1100 */
    uint8_t revision;
    bool is_bridge;             /* type 1 header */
    const char *romfile;        /* when the user gives none */
};

struct PCIMsix;
struct PCIExpress;
struct PCIEAERLog;

struct PCIDevice {
    DeviceState parent_obj;
    /* set by the user */
    int32_t devfn;              /* "addr"; -1: the first free slot. Resolved at realize */
    uint32_t cap_present;
    char *romfile;
    uint32_t romsize;           /* UINT32_MAX: the file's */
    uint32_t rom_bar;
    uint32_t acpi_index;
    char *failover_pair_id;
    uint16_t aer_log_max;       /* a property of ports; others have 0 */
    /* migrated */
    uint8_t *config;            /* config_size bytes */
    uint8_t irq_state;          /* bit per pin */
    int32_t version_id;         /* 2 */
    struct PCIMsix *msix;       /* table and pending bits; NULL: none */
    struct PCIEAERLog *aer_log; /* NULL: no AER */
    /* made at realize */
    uint8_t *cmask, *wmask, *w1cmask;
    uint8_t *used;              /* 256 bytes: not 0 where a capability is */
    unsigned config_size;
    PCIIORegion regions[PCI_NUM_REGIONS];
    MemoryRegion *rom;          /* NULL: none */
    uint8_t msi_cap, msix_cap, exp_cap, pm_cap;     /* offsets; 0: none */
    uint16_t aer_cap, acs_cap, ari_cap, ats_cap;
    struct PCIExpress *exp;     /* NULL: no PCIe capability */
    bool enabled;               /* has power; without it reads give all ones and BARs are unmapped */
};

/* Little-endian fields of the four arrays: pci_get_word(dev->config + PCI_STATUS). */
static inline uint8_t pci_get_byte(const uint8_t *p)
{
    return *p;
}

static inline uint16_t pci_get_word(const uint8_t *p)
{
    return load_le16(p);
}

static inline uint32_t pci_get_long(const uint8_t *p)
{
    return load_le32(p);
}

static inline uint64_t pci_get_quad(const uint8_t *p)
{
    return load_le64(p);
}

static inline void pci_set_byte(uint8_t *p, uint8_t value)
{
    *p = value;
}

static inline void pci_set_word(uint8_t *p, uint16_t value)
{
    store_le16(p, value);
}

static inline void pci_set_long(uint8_t *p, uint32_t value)
{
    store_le32(p, value);
}

static inline void pci_set_quad(uint8_t *p, uint64_t value)
{
    store_le64(p, value);
}

/* Set and clear bits; the result is those of them that were set before. */
static inline uint16_t pci_word_clear(uint8_t *p, uint16_t mask)
{
    uint16_t value = load_le16(p);
    store_le16(p, value & ~mask);
    return value & mask;
}

static inline uint16_t pci_word_set(uint8_t *p, uint16_t mask)
{
    uint16_t value = load_le16(p);
    store_le16(p, value | mask);
    return value & mask;
}

static inline uint32_t pci_long_clear(uint8_t *p, uint32_t mask)
{
    uint32_t value = load_le32(p);
    store_le32(p, value & ~mask);
    return value & mask;
}

static inline uint32_t pci_long_set(uint8_t *p, uint32_t mask)
{
    uint32_t value = load_le32(p);
    store_le32(p, value | mask);
    return value & mask;
}

/* Whether [addr, addr + len) and [first, first + size) meet: for config_write. */
static inline bool pci_ranges_overlap(uint32_t addr, unsigned len, uint32_t first, unsigned size)
{
    return addr < first + size && first < addr + len;
}

/*
 * Adds a BAR; `type` has PCI_BASE_ADDRESS_SPACE_IO, MEM_TYPE_64, MEM_PREFETCH. The size is a power of two (at least 4,
 * memory 16). `memory` stays the caller's, and is out of the map again before the class's exit is called.
 */
void pci_register_bar(PCIDevice *dev, int region, uint8_t type, MemoryRegion *memory);
hwaddr pci_bar_addr(PCIDevice *dev, int region);        /* PCI_BAR_UNMAPPED while it is not mapped */
/* Maps and unmaps BARs as config space now says. For a device that changed config itself. */
void pci_update_mappings(PCIDevice *dev);

/* Adds a conventional capability (offset 0: the first free place), not writable, checked on load; returns its offset,
 * or 0 with an error (overlap, no room). */
uint8_t pci_add_capability(PCIDevice *dev, uint8_t cap_id, uint8_t offset, uint8_t size, GError **error);
void pci_del_capability(PCIDevice *dev, uint8_t cap_id, uint8_t size);
uint8_t pci_find_capability(const PCIDevice *dev, uint8_t cap_id);      /* 0: none */
/* Power management, version 3, nothing writable but what the caller adds. Returns the offset; 0 with an error. */
uint8_t pci_pm_init(PCIDevice *dev, uint8_t offset, GError **error);
/* The subsystem of a bridge. */
uint8_t pci_bridge_ssvid_init(PCIDevice *dev, uint8_t offset, uint16_t svid, uint16_t ssid, GError **error);

/* The generic read and write; bounds are the caller's: addr + len <= config_size. */
uint32_t pci_config_read(PCIDevice *dev, uint32_t addr, unsigned len);
void pci_config_write(PCIDevice *dev, uint32_t addr, uint32_t value, unsigned len);
/* A host's access: through the class, bounded, all ones where nothing answers. */
uint32_t pci_host_config_read(PCIDevice *dev, uint32_t addr, uint32_t limit, unsigned len);
void pci_host_config_write(PCIDevice *dev, uint32_t addr, uint32_t limit, uint32_t value, unsigned len);
/* Config to reset values, BARs unmapped, INTx down, MSI and MSI-X off. Runs by itself in reset's hold phase. */
void pci_device_reset(PCIDevice *dev);
/* The whole function: its own reset and the one above. */
void pci_function_reset(PCIDevice *dev);
void pci_set_power(PCIDevice *dev, bool on);

/* INTx, level 0 or 1, on the pin of the device's config space (none: nothing happens). */
void pci_set_irq(PCIDevice *dev, int level);
bool pci_irq_level(const PCIDevice *dev);
bool pci_intx_disabled(const PCIDevice *dev);

/* Bus-master access; MEMTX_ERROR (and a zeroed buffer) while the device may not master. */
MemTxResult pci_dma_read(PCIDevice *dev, hwaddr addr, void *buf, uint64_t len);
MemTxResult pci_dma_write(PCIDevice *dev, hwaddr addr, const void *buf, uint64_t len);
bool pci_bus_master_enabled(const PCIDevice *dev);
AddressSpace *pci_address_space(PCIDevice *dev);        /* where its DMA goes; whether it may is the line above */
/* An MSI: a 32-bit bus-master write. */
void pci_send_msi(PCIDevice *dev, hwaddr address, uint32_t data);

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
    uint32_t slot_reserved;         /* bit per slot */
    int acpi_number;                /* what ACPI's hot plug calls it; -1: it does not know it */
    GPtrArray *child;               /* PCIBus *, buses behind bridges here */
    void (*set_irq)(void *opaque, int line, int level);
    int (*map_irq)(PCIDevice *dev, int pin);    /* for a pin (0 to 3) of a device here: the parent's, or the line */
    void *irq_opaque;
    /* migrated */
    int32_t num_irqs;
    int32_t *irq_count;             /* per line: how many drive it */
};

/* `type` TYPE_PCI_BUS or TYPE_PCIE_BUS. Owned by `parent`; gone with it. */
PCIBus *pci_root_bus_new(DeviceState *parent, const char *name, MemoryRegion *mem, MemoryRegion *io, uint8_t devfn_min,
                         const char *type);
/* The chipset's lines: n of them; map_irq gives the line for a device's pin on this bus. */
void pci_bus_irqs(PCIBus *bus, void (*set_irq)(void *, int, int), int (*map_irq)(PCIDevice *, int), void *opaque,
                  int n);
int pci_bus_get_irq_level(PCIBus *bus, int line);
/* After the chipset changed its routing: drives each line again. */
void pci_bus_refresh_irqs(PCIBus *bus);
int pci_swizzle_map_irq(PCIDevice *dev, int pin);
int pci_bus_number(const PCIBus *bus);          /* as the guest numbered it; a root bus: 0 */
PCIBus *pci_device_bus(const PCIDevice *dev);
PCIDevice *pci_find_device(PCIBus *root, int bus_num, int devfn);
/* The root bus of the machine (NULL: none yet). There is one. */
PCIBus *pci_find_root_bus(void);
bool pci_bus_is_express(const PCIBus *bus);
bool pci_bus_is_root(const PCIBus *bus);
bool pci_is_express(const PCIDevice *dev);      /* has a PCIe capability, or will */
/* Function 0 of the device's slot (behind a PCIe port: of the port's link); NULL: none. */
PCIDevice *pci_function_0(const PCIDevice *dev);
uint16_t pci_requester_id(const PCIDevice *dev);
/* Every device of the bus and below, in order of address. */
void pci_foreach_device(PCIBus *root, void (*fn)(PCIDevice *dev, void *opaque), void *opaque);
const char *pci_class_name(uint16_t class);     /* "Ethernet controller"; NULL: not known */
Json *pci_query(void);                          /* query-pci */

/* Config cycles from a host bridge. */
/* `addr` as in CONFIG_ADDRESS: bus 23:16, devfn 15:8, register 7:0. */
uint32_t pci_data_read(PCIBus *root, uint32_t addr, unsigned len);
void pci_data_write(PCIBus *root, uint32_t addr, uint32_t value, unsigned len);
uint32_t pcie_mmcfg_read(PCIBus *root, hwaddr offset, unsigned len);    /* ECAM offset */
void pcie_mmcfg_write(PCIBus *root, hwaddr offset, uint32_t value, unsigned len);

/* Migration: the PCIDevice struct, 276 or 4116 bytes. Save and load of a config space with QEMU's check and words. */
extern const VMStateDescription vmstate_pci_device;
#define VMS_PCI_DEVICE(t, f, ...) VMS_STRUCT(t, f, vmstate_pci_device, ##__VA_ARGS__)
void pci_device_save(PCIDevice *dev, Stream *s);    /* the virtio way: INTx status bit cleared in the copy */
bool pci_device_load(PCIDevice *dev, Stream *s, GError **error);
/*
 * The check of a load: the first byte of `bytes` (config_size of them) that may not differ from this device and does,
 * -1 if there is none. The explanation of a refusal starts here.
 */
int pci_config_mismatch(const PCIDevice *dev, const uint8_t *bytes);

/* The kind of "addr": int32_t, "3.0", "03" or a number. */
extern const PropertyKind prop_kind_pci_devfn;

/* The board's: takes the option ROM of a device without a ROM BAR (rombar=0), an open file. NULL: nobody wants it. */
extern bool (*pci_rom_for_firmware)(PCIDevice *dev, const char *name, int fd, GError **error);

#endif
