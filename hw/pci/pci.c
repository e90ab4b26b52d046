/*
 * The PCI device: its properties, realize, BARs, INTx, bus mastering and reset.
 */
#include <inttypes.h>

#include "hw/pci/msi.h"
#include "hw/pci/msix.h"
#include "hw/pci/pci-internal.h"
#include "hw/pci/pci_bridge.h"
#include "hw/pci/pcie.h"
#include "hw/pci/pcie_aer.h"
#include "util/error.h"
#include "util/log.h"

/* "addr". */

static bool devfn_parse(Object *obj, const Property *prop, const char *text, GError **error)
{
    char *end;
    uint64_t slot, fn = 0;

    slot = g_ascii_strtoull(text, &end, 16);
    if (end != text && *end == '.' && g_ascii_isxdigit(end[1])) {
        fn = g_ascii_strtoull(end + 1, &end, 16);
    }
    if (!g_ascii_isxdigit(*text) || *end || slot > 31 || fn > 7) {
        return error_setf(error, "Property '%s.%s' doesn't take value '%s'", object_type(obj), prop->name, text);
    }
    *(int32_t *)property_field(obj, prop) = PCI_DEVFN(slot, fn);
    return true;
}

static bool devfn_set(Object *obj, const Property *prop, Json *value, GError **error)
{
    const char *text = json_get_string(value);
    int64_t number;

    if (text) {
        return devfn_parse(obj, prop, text, error);
    }
    if (!json_get_int(value, &number)) {
        return error_setf(error, "Invalid parameter type for '%s', expected int or str", prop->name);
    }
    if (number < -1 || number >= PCI_DEVFN_MAX) {
        return error_setf(error, "Parameter '%s' expects a value between -1 and 255", prop->name);
    }
    *(int32_t *)property_field(obj, prop) = number;
    return true;
}

static Json *devfn_get(Object *obj, const Property *prop, GError **error)
{
    return json_new_int(*(int32_t *)property_field(obj, prop));
}

static void devfn_set_default(Object *obj, const Property *prop)
{
    *(int32_t *)property_field(obj, prop) = (int32_t)prop->defval;
}

static Json *devfn_get_default(const Property *prop)
{
    return json_new_int((int32_t)prop->defval);
}

static char *devfn_print(Object *obj, const Property *prop)
{
    int32_t devfn = *(int32_t *)property_field(obj, prop);

    return devfn < 0 ? g_strdup("<unset>") : g_strdup_printf("%02x.%x", PCI_SLOT(devfn), PCI_FUNC(devfn));
}

const PropertyKind prop_kind_pci_devfn = {
    .name = "int32",
    .description = "Slot and optional function number, example: 06.0 or 06",
    .set = devfn_set,
    .parse = devfn_parse,
    .get = devfn_get,
    .set_default = devfn_set_default,
    .get_default = devfn_get_default,
    .print = devfn_print,
};

/* The same as text, to be read only. */
static Json *legacy_addr_get(Object *obj, const Property *prop, GError **error)
{
    int32_t devfn = PCI_DEVICE(obj)->devfn;

    return devfn < 0 ? json_new_string("<unset>") : json_new_printf("%02x.%x", PCI_SLOT(devfn), PCI_FUNC(devfn));
}

static const PropertyKind legacy_addr_kind = { .name = "str", .get = legacy_addr_get };

#define CAP_BIT(name, bit, on, ...) DEFINE_PROP_BIT(name, PCIDevice, cap_present, bit, on, ##__VA_ARGS__)

static const Property pci_device_props[] = {
    DEFINE_PROP("addr", prop_kind_pci_devfn, PCIDevice, devfn, -1),
    { .name = "legacy-addr", .kind = &legacy_addr_kind, .no_default = true, .hidden = true },
    DEFINE_PROP_STRING("romfile", PCIDevice, romfile),
    DEFINE_PROP_UINT32("romsize", PCIDevice, romsize, UINT32_MAX),
    DEFINE_PROP_UINT32("rombar", PCIDevice, rom_bar, 1),
    CAP_BIT("multifunction", PCI_CAP_MULTIFUNCTION_BIT, false),
    CAP_BIT("x-pcie-lnksta-dllla", PCIE_LNKSTA_DLLLA_BIT, true),
    CAP_BIT("x-pcie-extcap-init", PCIE_EXTCAP_INIT_BIT, true),
    DEFINE_PROP_STRING("failover_pair_id", PCIDevice, failover_pair_id),
    DEFINE_PROP_UINT32("acpi-index", PCIDevice, acpi_index, 0),
    CAP_BIT("x-pcie-err-unc-mask", PCIE_ERR_UNC_MASK_BIT, true),
    CAP_BIT("x-pcie-ari-nextfn-1", PCIE_ARI_NEXTFN_1_BIT, false),
    CAP_BIT("x-godwit-lnksta-dllla-always", PCIE_LNKSTA_DLLLA_ALWAYS_BIT, false, .hidden = true),
    CAP_BIT("x-godwit-sltsta-pds-checked", PCIE_SLTSTA_PDS_CHECKED_BIT, false, .hidden = true),
    CAP_BIT("x-godwit-sltctl-reset-pic-on", PCIE_SLTCTL_RESET_PIC_ON_BIT, false, .hidden = true),
    CAP_BIT("x-godwit-aer-msg-devctl", PCIE_AER_MSG_DEVCTL_BIT, true, .hidden = true),
    CAP_BIT("x-godwit-slot-power", PCIE_SLOT_POWER_BIT, true, .hidden = true),
    CAP_BIT("x-godwit-hotplug-off-early", PCIE_HOTPLUG_OFF_BIT, true, .hidden = true),
    CAP_BIT("x-godwit-port-slot-0", PCIE_PORT_SLOT_0_BIT, true, .hidden = true),
};

/* BARs. */

unsigned pci_bar_offset(const PCIDevice *dev, int region)
{
    if (region != PCI_ROM_SLOT) {
        return PCI_BASE_ADDRESS_0 + region * 4;
    }
    return PCI_DEVICE_GET_CLASS(dev)->is_bridge ? PCI_ROM_ADDRESS1 : PCI_ROM_ADDRESS;
}

static bool region_is_64bit(const PCIIORegion *region)
{
    return !(region->type & PCI_BASE_ADDRESS_SPACE_IO) && (region->type & PCI_BASE_ADDRESS_MEM_TYPE_64);
}

void pci_register_bar(PCIDevice *dev, int region_num, uint8_t type, MemoryRegion *memory)
{
    PCIIORegion *region = &dev->regions[region_num];
    PCIBus *bus = pci_device_bus(dev);
    unsigned offset = pci_bar_offset(dev, region_num);
    uint64_t wmask = ~(memory->size - 1);

    g_assert(region_num >= 0 && region_num < PCI_NUM_REGIONS && !region->size);
    g_assert(IS_POWER_OF_2(memory->size) && memory->size >= 2);
    *region = (PCIIORegion){
        .addr = PCI_BAR_UNMAPPED,
        .size = memory->size,
        .type = type,
        .memory = memory,
        .address_space = type & PCI_BASE_ADDRESS_SPACE_IO ? bus->io : bus->mem,
    };
    if (region_num == PCI_ROM_SLOT) {
        wmask |= PCI_ROM_ADDRESS_ENABLE;
    }
    pci_set_long(dev->config + offset, type);
    if (region_is_64bit(region)) {
        g_assert(region_num < 5);
        pci_set_quad(dev->wmask + offset, wmask);
        pci_set_quad(dev->cmask + offset, UINT64_MAX);
    } else {
        pci_set_long(dev->wmask + offset, wmask);
        pci_set_long(dev->cmask + offset, UINT32_MAX);
    }
}

hwaddr pci_bar_addr(PCIDevice *dev, int region)
{
    return dev->regions[region].addr;
}

/* Where config space says that a BAR is. One at address 0, or that would wrap, is not decoded. */
static hwaddr bar_address(const PCIDevice *dev, int region_num)
{
    const PCIIORegion *region = &dev->regions[region_num];
    unsigned offset = pci_bar_offset(dev, region_num);
    uint16_t command = pci_get_word(dev->config + PCI_COMMAND);
    bool io = region->type & PCI_BASE_ADDRESS_SPACE_IO;
    uint64_t base, last, top = io || !region_is_64bit(region) ? UINT32_MAX : UINT64_MAX;

    if (!dev->enabled || !(command & (io ? PCI_COMMAND_IO : PCI_COMMAND_MEMORY))) {
        return PCI_BAR_UNMAPPED;
    }
    base = region_is_64bit(region) ? pci_get_quad(dev->config + offset) : pci_get_long(dev->config + offset);
    if (region_num == PCI_ROM_SLOT && !(base & PCI_ROM_ADDRESS_ENABLE)) {
        return PCI_BAR_UNMAPPED;
    }
    base &= ~(region->size - 1);
    last = base + region->size - 1;
    return base == 0 || last <= base || last >= top ? PCI_BAR_UNMAPPED : base;
}

static void region_move(PCIIORegion *region, hwaddr addr)
{
    if (region->addr != PCI_BAR_UNMAPPED) {
        memory_region_del(region->address_space, region->memory);
    }
    region->addr = addr;
    if (addr != PCI_BAR_UNMAPPED) {
        memory_region_add_overlap(region->address_space, addr, region->memory, 1);
    }
}

void pci_update_mappings(PCIDevice *dev)
{
    for (int i = 0; i < PCI_NUM_REGIONS; i++) {
        PCIIORegion *region = &dev->regions[i];
        hwaddr addr = region->size ? bar_address(dev, i) : region->addr;

        if (region->size && addr != region->addr) {
            region_move(region, addr);
        }
    }
}

void pci_unmap_bars(PCIDevice *dev)
{
    for (int i = 0; i < PCI_NUM_REGIONS; i++) {
        if (dev->regions[i].size) {
            region_move(&dev->regions[i], PCI_BAR_UNMAPPED);
        }
    }
}

void pci_set_power(PCIDevice *dev, bool on)
{
    if (dev->enabled != on) {
        dev->enabled = on;
        pci_update_mappings(dev);
        if (!on && dev->parent_obj.realized) {
            pci_function_reset(dev);
        }
    }
}

/* INTx. */

bool pci_intx_disabled(const PCIDevice *dev)
{
    return pci_get_word(dev->config + PCI_COMMAND) & PCI_COMMAND_INTX_DISABLE;
}

bool pci_irq_level(const PCIDevice *dev)
{
    return dev->irq_state != 0;
}

static void update_irq_status(PCIDevice *dev)
{
    if (dev->irq_state) {
        dev->config[PCI_STATUS] |= PCI_STATUS_INTERRUPT;
    } else {
        dev->config[PCI_STATUS] &= ~PCI_STATUS_INTERRUPT;
    }
}

void pci_set_irq(PCIDevice *dev, int level)
{
    int pin = (int)dev->config[PCI_INTERRUPT_PIN] - 1;

    if (pin < 0 || pin >= PCI_NUM_PINS || !level == !(dev->irq_state & (1u << pin))) {
        return;
    }
    dev->irq_state ^= 1u << pin;
    update_irq_status(dev);
    if (!pci_intx_disabled(dev)) {
        pci_bus_change_irq(dev, pin, level ? 1 : -1);
    }
}

void pci_intx_update_disabled(PCIDevice *dev, bool was_disabled)
{
    bool disabled = pci_intx_disabled(dev);

    if (disabled == was_disabled) {
        return;
    }
    for (int pin = 0; pin < PCI_NUM_PINS; pin++) {
        if (dev->irq_state & (1u << pin)) {
            pci_bus_change_irq(dev, pin, disabled ? -1 : 1);
        }
    }
}

/* Bus mastering. */

bool pci_bus_master_enabled(const PCIDevice *dev)
{
    return dev->enabled && (pci_get_word(dev->config + PCI_COMMAND) & PCI_COMMAND_MASTER);
}

AddressSpace *pci_address_space(PCIDevice *dev)
{
    return &address_space_memory;
}

MemTxResult pci_dma_read(PCIDevice *dev, hwaddr addr, void *buf, uint64_t len)
{
    if (!pci_bus_master_enabled(dev)) {
        memset(buf, 0, len);
        return MEMTX_ERROR;
    }
    return address_space_read(&address_space_memory, addr, buf, len);
}

MemTxResult pci_dma_write(PCIDevice *dev, hwaddr addr, const void *buf, uint64_t len)
{
    return pci_bus_master_enabled(dev) ? address_space_write(&address_space_memory, addr, buf, len) : MEMTX_ERROR;
}

void pci_send_msi(PCIDevice *dev, hwaddr address, uint32_t data)
{
    if (pci_bus_master_enabled(dev)) {
        address_space_store(&address_space_memory, address, data, 4);
    }
}

/* Reset. */

void pci_device_reset(PCIDevice *dev)
{
    if (!dev->config) {
        return;
    }
    for (int pin = 0; pin < PCI_NUM_PINS; pin++) {
        if ((dev->irq_state & (1u << pin)) && !pci_intx_disabled(dev)) {
            pci_bus_change_irq(dev, pin, -1);
        }
    }
    dev->irq_state = 0;
    update_irq_status(dev);
    pci_word_clear(dev->config + PCI_COMMAND,
                   pci_get_word(dev->wmask + PCI_COMMAND) | pci_get_word(dev->w1cmask + PCI_COMMAND));
    pci_word_clear(dev->config + PCI_STATUS,
                   pci_get_word(dev->wmask + PCI_STATUS) | pci_get_word(dev->w1cmask + PCI_STATUS));
    dev->config[PCI_INTERRUPT_LINE] &= ~(dev->wmask[PCI_INTERRUPT_LINE] | dev->w1cmask[PCI_INTERRUPT_LINE]);
    dev->config[PCI_CACHE_LINE_SIZE] = 0;
    for (int i = 0; i < PCI_NUM_REGIONS; i++) {
        const PCIIORegion *region = &dev->regions[i];
        unsigned offset = pci_bar_offset(dev, i);

        if (region->size && region_is_64bit(region)) {
            pci_set_quad(dev->config + offset, region->type);
        } else if (region->size) {
            pci_set_long(dev->config + offset, region->type);
        }
    }
    pci_update_mappings(dev);
    if (PCI_DEVICE_GET_CLASS(dev)->is_bridge) {
        pci_bridge_update_windows(PCI_BRIDGE(dev));
    }
    msi_reset(dev);
    msix_reset(dev);
}

void pci_function_reset(PCIDevice *dev)
{
    reset_device(&dev->parent_obj);
    pci_device_reset(dev);
}

/* Realize. */

bool pci_is_express(const PCIDevice *dev)
{
    return dev->cap_present & (1u << PCI_CAP_EXPRESS_BIT);
}

static void choose_express(PCIDevice *dev)
{
    const PCIDeviceClass *class = PCI_DEVICE_GET_CLASS(dev);
    bool express;

    if (class->is_express) {
        express = class->is_express(dev);
    } else {
        express = object_class_dynamic_cast(class, INTERFACE_PCIE_DEVICE) &&
                  !object_class_dynamic_cast(class, INTERFACE_CONVENTIONAL_PCI);
    }
    if (express) {
        dev->cap_present |= 1u << PCI_CAP_EXPRESS_BIT;
    } else {
        dev->cap_present &= ~(1u << PCI_CAP_EXPRESS_BIT);
    }
}

static bool check_failover(PCIDevice *dev, GError **error)
{
    if (!dev->failover_pair_id) {
        return true;
    }
    if (PCI_DEVICE_GET_CLASS(dev)->class_id != PCI_CLASS_NETWORK_ETHERNET) {
        return error_setf(error, "failover primary device is not an Ethernet device");
    }
    if ((dev->cap_present & (1u << PCI_CAP_MULTIFUNCTION_BIT)) || PCI_FUNC(dev->devfn)) {
        return error_setf(error, "failover: primary device must be in its own PCI slot");
    }
    return true;
}

static void warn_about_slot(PCIDevice *dev)
{
    PCIDevice *port = pci_device_bus(dev)->parent_dev;

    if (!(dev->cap_present & (1u << PCIE_PORT_SLOT_0_BIT)) || PCI_SLOT(dev->devfn) == 0 || !port || !port->exp_cap ||
        dev->ari_cap) {
        return;
    }
    warn_report("PCI: slot %d is not valid for %s, parent device only allows plugging into slot 0.",
                PCI_SLOT(dev->devfn), object_type((Object *)dev));
}

/* Undoes realize from wherever it got to. */
static void tear_down(PCIDevice *dev, bool class_realized)
{
    PCIDeviceClass *class = PCI_DEVICE_GET_CLASS(dev);

    pci_unmap_bars(dev);
    pci_rom_del(dev);
    if (class_realized && class->exit) {
        class->exit(dev);
    }
    msix_uninit(dev);
    msi_uninit(dev);
    pcie_aer_exit(dev);
    pcie_cap_exit(dev);
    for (int pin = 0; pin < PCI_NUM_PINS; pin++) {
        if ((dev->irq_state & (1u << pin)) && !pci_intx_disabled(dev)) {
            pci_bus_change_irq(dev, pin, -1);
        }
    }
    dev->irq_state = 0;
    pci_bus_del_device(pci_device_bus(dev), dev);
    pci_config_free(dev);
    memset(dev->regions, 0, sizeof(dev->regions));
    dev->msi_cap = dev->msix_cap = dev->exp_cap = dev->pm_cap = 0;
    dev->aer_cap = dev->acs_cap = dev->ari_cap = dev->ats_cap = 0;
    dev->enabled = false;
}

static bool pci_device_realize(DeviceState *qdev, GError **error)
{
    PCIDevice *dev = PCI_DEVICE(qdev);
    PCIDeviceClass *class = PCI_DEVICE_GET_CLASS(dev);

    if (dev->romsize != UINT32_MAX && !IS_POWER_OF_2(dev->romsize)) {
        return error_setf(error, "ROM size %u is not a power of two", dev->romsize);
    }
    choose_express(dev);
    if (!pci_bus_add_device(pci_device_bus(dev), dev, error)) {
        return false;
    }
    pci_config_alloc(dev);
    dev->version_id = 2;
    if (class->realize && !class->realize(dev, error)) {
        tear_down(dev, false);
        return false;
    }
    if (!check_failover(dev, error) || !pci_rom_add(dev, error)) {
        tear_down(dev, true);
        return false;
    }
    warn_about_slot(dev);
    pci_set_power(dev, true);
    return true;
}

static void pci_device_unrealize(DeviceState *qdev)
{
    tear_down(PCI_DEVICE(qdev), true);
}

static void pci_device_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = (DeviceClass *)klass;

    dc->realize = pci_device_realize;
    dc->unrealize = pci_device_unrealize;
    dc->bus_type = TYPE_PCI_BUS;
    object_class_add_props(klass, pci_device_props, G_N_ELEMENTS(pci_device_props));
}

static const TypeInfo pci_types[] = {
    {
        .name = TYPE_PCI_DEVICE,
        .parent = TYPE_DEVICE,
        .size = sizeof(PCIDevice),
        .class_size = sizeof(PCIDeviceClass),
        .abstract = true,
        .class_init = pci_device_class_init,
    },
    { .name = INTERFACE_CONVENTIONAL_PCI, .parent = TYPE_INTERFACE },
    { .name = INTERFACE_PCIE_DEVICE, .parent = TYPE_INTERFACE },
};
TYPES_REGISTER(pci_types)
