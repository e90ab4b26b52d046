/*
 * PCI-to-PCI bridges (PCI-to-PCI Bridge Architecture 1.2): the secondary bus, its windows in the primary bus's
 * spaces, and the registers of header type 1.
 */
#include "hw/pci/pci-internal.h"
#include "hw/pci/pci_bridge.h"
#include "util/error.h"

enum { VGA_IO_LO = 0x3b0, VGA_IO_LO_SIZE = 0xc, VGA_IO_HI = 0x3c0, VGA_IO_HI_SIZE = 0x20 };
enum { VGA_MEM = 0xa0000, VGA_MEM_SIZE = 0x20000 };

PCIBus *pci_bridge_bus(PCIBridge *bridge)
{
    return bridge->sec_bus;
}

/* Windows. */

uint64_t pci_bridge_base(const PCIDevice *dev, uint8_t type)
{
    const uint8_t *config = dev->config;
    uint64_t base;

    if (type & PCI_BASE_ADDRESS_SPACE_IO) {
        base = (uint64_t)(config[PCI_IO_BASE] & ~PCI_IO_RANGE_TYPE_MASK) << 8;
        if ((config[PCI_IO_BASE] & PCI_IO_RANGE_TYPE_MASK) == PCI_IO_RANGE_TYPE_32) {
            base |= (uint64_t)pci_get_word(config + PCI_IO_BASE_UPPER16) << 16;
        }
        return base;
    }
    if (!(type & PCI_BASE_ADDRESS_MEM_PREFETCH)) {
        return (uint64_t)(pci_get_word(config + PCI_MEMORY_BASE) & 0xfff0) << 16;
    }
    base = (uint64_t)(pci_get_word(config + PCI_PREF_MEMORY_BASE) & 0xfff0) << 16;
    if (pci_get_word(config + PCI_PREF_MEMORY_BASE) & PCI_PREF_RANGE_TYPE_64) {
        base |= (uint64_t)pci_get_long(config + PCI_PREF_BASE_UPPER32) << 32;
    }
    return base;
}

uint64_t pci_bridge_limit(const PCIDevice *dev, uint8_t type)
{
    const uint8_t *config = dev->config;
    uint64_t limit;

    if (type & PCI_BASE_ADDRESS_SPACE_IO) {
        limit = (uint64_t)(config[PCI_IO_LIMIT] & ~PCI_IO_RANGE_TYPE_MASK) << 8;
        if ((config[PCI_IO_LIMIT] & PCI_IO_RANGE_TYPE_MASK) == PCI_IO_RANGE_TYPE_32) {
            limit |= (uint64_t)pci_get_word(config + PCI_IO_LIMIT_UPPER16) << 16;
        }
        return limit | 0xfff;
    }
    if (!(type & PCI_BASE_ADDRESS_MEM_PREFETCH)) {
        return (uint64_t)(pci_get_word(config + PCI_MEMORY_LIMIT) & 0xfff0) << 16 | 0xfffff;
    }
    limit = (uint64_t)(pci_get_word(config + PCI_PREF_MEMORY_LIMIT) & 0xfff0) << 16;
    if (pci_get_word(config + PCI_PREF_MEMORY_LIMIT) & PCI_PREF_RANGE_TYPE_64) {
        limit |= (uint64_t)pci_get_long(config + PCI_PREF_LIMIT_UPPER32) << 32;
    }
    return limit | 0xfffff;
}

/* Shows [base, base + size) of the secondary space `from` at the same place in `to`; size 0: nothing. */
static void window_set(PCIBridge *bridge, MemoryRegion *window, const char *name, MemoryRegion *to, MemoryRegion *from,
                       uint64_t base, uint64_t size)
{
    if (window->container && (window->addr != base || window->size != size)) {
        memory_region_del(to, window);
    }
    if (!size || window->container) {
        return;
    }
    if (window->name) {
        memory_region_set_size(window, size);
        memory_region_set_alias_offset(window, base);
    } else {
        memory_region_init_alias(window, (Object *)bridge, name, from, base, size);
    }
    memory_region_add_overlap(to, base, window, 1);
}

static void window_program(PCIBridge *bridge, MemoryRegion *window, const char *name, uint8_t type, bool enabled)
{
    PCIDevice *dev = &bridge->parent_obj;
    PCIBus *bus = pci_device_bus(dev);
    bool io = type & PCI_BASE_ADDRESS_SPACE_IO;
    uint64_t base = pci_bridge_base(dev, type), limit = pci_bridge_limit(dev, type);
    uint64_t size = enabled && base <= limit ? limit - base + 1 : 0;

    window_set(bridge, window, name, io ? bus->io : bus->mem, io ? &bridge->sec_io : &bridge->sec_mem, base, size);
}

void pci_bridge_update_windows(PCIBridge *bridge)
{
    PCIDevice *dev = &bridge->parent_obj;
    PCIBus *bus = pci_device_bus(dev);
    uint16_t command = pci_get_word(dev->config + PCI_COMMAND);
    bool mem = dev->enabled && (command & PCI_COMMAND_MEMORY), io = dev->enabled && (command & PCI_COMMAND_IO);
    bool vga = pci_get_word(dev->config + PCI_BRIDGE_CONTROL) & PCI_BRIDGE_CTL_VGA;

    if (!bridge->windows_made) {
        return;
    }
    memory_transaction_begin();
    window_program(bridge, &bridge->window_pref, "pci_bridge_pref_mem", PCI_BASE_ADDRESS_MEM_PREFETCH, mem);
    window_program(bridge, &bridge->window_mem, "pci_bridge_mem", PCI_BASE_ADDRESS_SPACE_MEMORY, mem);
    window_program(bridge, &bridge->window_io, "pci_bridge_io", PCI_BASE_ADDRESS_SPACE_IO, io);
    window_set(bridge, &bridge->window_vga_lo, "pci_bridge_vga_io_lo", bus->io, &bridge->sec_io, VGA_IO_LO,
               vga && io ? VGA_IO_LO_SIZE : 0);
    window_set(bridge, &bridge->window_vga_hi, "pci_bridge_vga_io_hi", bus->io, &bridge->sec_io, VGA_IO_HI,
               vga && io ? VGA_IO_HI_SIZE : 0);
    window_set(bridge, &bridge->window_vga_mem, "pci_bridge_vga_mem", bus->mem, &bridge->sec_mem, VGA_MEM,
               vga && mem ? VGA_MEM_SIZE : 0);
    memory_transaction_commit();
}

static void windows_destroy(PCIBridge *bridge)
{
    PCIBus *bus = pci_device_bus(&bridge->parent_obj);
    struct {
        MemoryRegion *window, *in;
    } all[] = {
        { &bridge->window_pref, bus->mem }, { &bridge->window_mem, bus->mem }, { &bridge->window_vga_mem, bus->mem },
        { &bridge->window_io, bus->io }, { &bridge->window_vga_lo, bus->io }, { &bridge->window_vga_hi, bus->io },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(all); i++) {
        if (all[i].window->container) {
            memory_region_del(all[i].in, all[i].window);
        }
        if (all[i].window->name) {
            memory_region_destroy(all[i].window);
        }
        memset(all[i].window, 0, sizeof(*all[i].window));
    }
    bridge->windows_made = false;
}

/* Registers. */

void pci_bridge_write_config(PCIDevice *dev, uint32_t addr, unsigned len, uint16_t old_control)
{
    PCIBridge *bridge = PCI_BRIDGE(dev);
    uint16_t control = pci_get_word(dev->config + PCI_BRIDGE_CONTROL);

    if (pci_ranges_overlap(addr, len, PCI_COMMAND, 2) || pci_ranges_overlap(addr, len, PCI_IO_BASE, 2) ||
        pci_ranges_overlap(addr, len, PCI_MEMORY_BASE, PCI_IO_LIMIT_UPPER16 + 2 - PCI_MEMORY_BASE) ||
        pci_ranges_overlap(addr, len, PCI_BRIDGE_CONTROL, 2)) {
        pci_bridge_update_windows(bridge);
    }
    /* A secondary bus reset begins when the bit rises. */
    if ((control & ~old_control & PCI_BRIDGE_CTL_BUS_RESET) && bridge->sec_bus) {
        reset_bus(&bridge->sec_bus->parent_obj);
    }
}

void pci_bridge_reset(PCIDevice *dev)
{
    uint8_t *config = dev->config;
    bool closed = pci_is_express(dev);

    pci_set_long(config + PCI_PRIMARY_BUS, 0);
    config[PCI_IO_BASE] &= PCI_IO_RANGE_TYPE_MASK;
    config[PCI_IO_LIMIT] &= PCI_IO_RANGE_TYPE_MASK;
    pci_word_clear(config + PCI_MEMORY_BASE, 0xfff0);
    pci_word_clear(config + PCI_MEMORY_LIMIT, 0xfff0);
    pci_word_clear(config + PCI_PREF_MEMORY_BASE, 0xfff0);
    pci_word_clear(config + PCI_PREF_MEMORY_LIMIT, 0xfff0);
    pci_set_quad(config + PCI_PREF_BASE_UPPER32, 0);
    pci_set_word(config + PCI_BRIDGE_CONTROL, 0);
    if (closed) {
        /* Ports start with windows of no size: base above limit. */
        config[PCI_IO_BASE] |= 0xf0;
        pci_word_set(config + PCI_MEMORY_BASE, 0xfff0);
        pci_word_set(config + PCI_PREF_MEMORY_BASE, 0xfff0);
    }
    pci_bridge_update_windows(PCI_BRIDGE(dev));
}

/* Realize. */

bool pci_bridge_init(PCIDevice *dev, GError **error)
{
    PCIBridge *bridge = PCI_BRIDGE(dev);
    const char *type = bridge->bus_type ? bridge->bus_type : TYPE_PCI_BUS;
    const char *name = bridge->bus_name ? bridge->bus_name : dev->parent_obj.id;

    /* The bus is a child of the device, named by its id. */
    if (name && object_property_exists((Object *)dev, name)) {
        return error_setf(error, "attempt to add duplicate property '%s' to object (type '%s')", name,
                          object_type((Object *)dev));
    }
    memory_region_init(&bridge->sec_mem, (Object *)dev, "pci_bridge_pci", UINT64_MAX);
    memory_region_init(&bridge->sec_io, (Object *)dev, "pci_bridge_io", 4 * GiB);
    bridge->sec_bus = PCI_BUS(bus_new(type, &dev->parent_obj, name && *name ? name : NULL));
    pci_bridge_bus_init(bridge->sec_bus, dev, type, name, &bridge->sec_mem, &bridge->sec_io,
                        bridge->map_irq ? bridge->map_irq : pci_swizzle_map_irq);
    bridge->windows_made = true;
    pci_bridge_update_windows(bridge);
    return true;
}

void pci_bridge_exit(PCIDevice *dev)
{
    PCIBridge *bridge = PCI_BRIDGE(dev);

    if (!bridge->sec_bus) {
        return;
    }
    windows_destroy(bridge);
    pci_bus_exit(bridge->sec_bus);
    bus_unparent(&bridge->sec_bus->parent_obj);
    bridge->sec_bus = NULL;
    memory_region_destroy(&bridge->sec_mem);
    memory_region_destroy(&bridge->sec_io);
}

uint8_t pci_bridge_ssvid_init(PCIDevice *dev, uint8_t offset, uint16_t svid, uint16_t ssid, GError **error)
{
    offset = pci_add_capability(dev, PCI_CAP_ID_SSVID, offset, PCI_SSVID_SIZEOF, error);
    if (offset) {
        pci_set_word(dev->config + offset + PCI_SSVID_SVID, svid);
        pci_set_word(dev->config + offset + PCI_SSVID_SSID, ssid);
    }
    return offset;
}

/* The vendor-specific capability that asks firmware to set resources aside for hot plug. */
enum {
    RESERVE_LENGTH = 2, RESERVE_TYPE = 3, RESERVE_BUS = 4, RESERVE_IO = 8, RESERVE_MEM = 16, RESERVE_PREF32 = 20,
    RESERVE_PREF64 = 24, RESERVE_SIZEOF = 32, RESERVE_TYPE_QEMU = 1,
};

bool pci_bridge_reserve_init(PCIDevice *dev, uint8_t offset, PCIResReserve reserve, GError **error)
{
    uint8_t *cap;

    if (reserve.mem_pref_32 != UINT64_MAX && reserve.mem_pref_64 != UINT64_MAX) {
        return error_setf(error, "PCI resource reserve cap: PREF32 and PREF64 conflict");
    }
    if (reserve.mem_non_pref != UINT64_MAX && reserve.mem_non_pref >= 4 * GiB) {
        return error_setf(error, "PCI resource reserve cap: mem-reserve must be less than 4G");
    }
    if (reserve.mem_pref_32 != UINT64_MAX && reserve.mem_pref_32 >= 4 * GiB) {
        return error_setf(error, "PCI resource reserve cap: pref32-reserve  must be less than 4G");
    }
    if (reserve.bus == UINT32_MAX && reserve.io == UINT64_MAX && reserve.mem_non_pref == UINT64_MAX &&
        reserve.mem_pref_32 == UINT64_MAX && reserve.mem_pref_64 == UINT64_MAX) {
        return true;
    }
    offset = pci_add_capability(dev, PCI_CAP_ID_VNDR, offset, RESERVE_SIZEOF, error);
    if (!offset) {
        return false;
    }
    cap = dev->config + offset;
    cap[RESERVE_LENGTH] = RESERVE_SIZEOF;
    cap[RESERVE_TYPE] = RESERVE_TYPE_QEMU;
    pci_set_long(cap + RESERVE_BUS, reserve.bus);
    pci_set_quad(cap + RESERVE_IO, reserve.io);
    pci_set_long(cap + RESERVE_MEM, reserve.mem_non_pref);
    pci_set_long(cap + RESERVE_PREF32, reserve.mem_pref_32);
    pci_set_quad(cap + RESERVE_PREF64, reserve.mem_pref_64);
    return true;
}

static const Property bridge_props[] = {
    DEFINE_PROP_BOOL("x-pci-express-writeable-slt-bug", PCIBridge, writeable_slt_bug, false),
};

static void bridge_class_init(ObjectClass *klass, const void *data)
{
    PCIDeviceClass *class = (PCIDeviceClass *)klass;

    class->is_bridge = true;
    class->class_id = PCI_CLASS_BRIDGE_PCI;
    object_class_add_props(klass, bridge_props, G_N_ELEMENTS(bridge_props));
}

static const TypeInfo bridge_type = {
    .name = TYPE_PCI_BRIDGE,
    .parent = TYPE_PCI_DEVICE,
    .size = sizeof(PCIBridge),
    .abstract = true,
    .class_init = bridge_class_init,
};
TYPE_REGISTER(bridge_type)
