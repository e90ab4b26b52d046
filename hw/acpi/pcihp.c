/* PCI hot plug by ACPI. See hw/acpi/pcihp.h. */
#include "hw/acpi/pcihp.h"

#include "hw/pci/pcie_port.h"
#include "util/error.h"

enum { PCIHP_PORT = 0xcc0, PCIHP_SIZE = 0x18, PCIHP_GPE = 1, ACPI_INDEX_MAX = 16383 };
enum { REG_UP = 0, REG_DOWN = 4, REG_EJ = 8, REG_RMV = 0xc, REG_SEL = 0x10, REG_AIDX = 0x14 };

/* Buses have numbers once the machine is built: those that can be plugged into, each before what is below it. */

static void number_buses(PCIBus *bus, int *next)
{
    if (bus_is_hotpluggable(&bus->parent_obj)) {
        bus->acpi_number = (*next)++;
    }
    for (unsigned i = bus->child->len; i-- > 0;) {
        number_buses(bus->child->pdata[i], next);
    }
}

static PCIBus *find_bus(PCIBus *bus, int number)
{
    PCIBus *found = bus->acpi_number == number ? bus : NULL;

    for (unsigned i = 0; i < bus->child->len && !found; i++) {
        found = find_bus(bus->child->pdata[i], number);
    }
    return found;
}

static bool can_be_removed(const PCIDevice *dev)
{
    return DEVICE_GET_CLASS(dev)->hotpluggable && (!PCI_DEVICE_GET_CLASS(dev)->is_bridge || dev->parent_obj.hotplugged);
}

static uint32_t removable_slots(PCIBus *bus)
{
    uint32_t slots = UINT32_MAX;

    for (int devfn = 0; bus && devfn < PCI_DEVFN_MAX; devfn++) {
        if (bus->devices[devfn] && !can_be_removed(bus->devices[devfn])) {
            slots &= ~(1u << PCI_SLOT(devfn));
        }
    }
    return slots;
}

static void eject(ICH9PMRegs *pm, int number, int slot)
{
    PCIBus *bus = find_bus(pm->pcihp_root, number);

    pm->pcihp_status[number].up &= ~(1u << slot);
    pm->pcihp_status[number].down &= ~(1u << slot);
    for (int fn = 7; bus && fn >= 0; fn--) {
        PCIDevice *dev = bus->devices[PCI_DEVFN(slot, fn)];

        if (dev && can_be_removed(dev)) {
            device_unplug(&dev->parent_obj);
        }
    }
}

/* Registers. */

static uint32_t acpi_index_of(PCIBus *bus, int slot)
{
    for (int fn = 0; bus && fn < 8; fn++) {
        PCIDevice *dev = bus->devices[PCI_DEVFN(slot, fn)];

        if (dev && dev->acpi_index) {
            return dev->acpi_index;
        }
    }
    return 0;
}

static uint64_t pcihp_read(void *opaque, hwaddr offset, unsigned size)
{
    ICH9PMRegs *pm = opaque;
    uint32_t number = pm->pcihp_select, value = 0;

    if (number >= ICH9_PCIHP_BUSES) {
        return 0;
    }
    switch (offset) {
    case REG_UP:
        value = pm->pcihp_status[number].up;
        pm->pcihp_status[number].up = 0;
        return value;
    case REG_DOWN:
        return pm->pcihp_status[number].down;
    case REG_RMV:
        return removable_slots(find_bus(pm->pcihp_root, number));
    case REG_SEL:
        return number;
    case REG_AIDX:
        value = pm->pcihp_acpi_index;
        pm->pcihp_acpi_index = 0;
        return value;
    }
    return 0;
}

static void pcihp_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    ICH9PMRegs *pm = opaque;
    int slot = value ? __builtin_ctz((uint32_t)value) : -1;

    if (offset == REG_SEL) {
        pm->pcihp_select = value;
    }
    if (pm->pcihp_select >= ICH9_PCIHP_BUSES) {
        return;
    }
    if (offset == REG_EJ && slot >= 0) {
        PCIBus *bus = find_bus(pm->pcihp_root, pm->pcihp_select);

        if (bus && (removable_slots(bus) & (uint32_t)value)) {
            eject(pm, pm->pcihp_select, slot);
        }
    }
    if (offset == REG_AIDX) {
        pm->pcihp_acpi_index = slot >= 0 ? acpi_index_of(find_bus(pm->pcihp_root, pm->pcihp_select), slot) : 0;
    }
}

static const MemoryRegionOps pcihp_ops = { .read = pcihp_read, .write = pcihp_write, .valid = { 4, 4 } };

/* After each reset of the machine: what was to go is gone. */
static void pcihp_reset(void *opaque)
{
    ICH9PMRegs *pm = opaque;
    int next = 0;

    if (!pm->pcihp_numbered) {
        number_buses(pm->pcihp_root, &next);
        pm->pcihp_numbered = true;
    }
    for (int number = 0; number < ICH9_PCIHP_BUSES; number++) {
        while (pm->pcihp_status[number].down) {
            eject(pm, number, __builtin_ctz(pm->pcihp_status[number].down));
        }
        pm->pcihp_status[number].up = 0;
    }
    pm->pcihp_select = pm->pcihp_acpi_index = 0;
}

void ich9_pcihp_init(ICH9PMRegs *pm, Object *handler, MemoryRegion *io_space, PCIBus *root)
{
    pm->pcihp_root = root;
    memory_region_init_io(&pm->pcihp_io, handler, &pcihp_ops, pm, "acpi-pci-hotplug", PCIHP_SIZE);
    memory_region_add(io_space, PCIHP_PORT, &pm->pcihp_io);
    bus_set_hotplug_handler(&root->parent_obj, handler);
    reset_register(pcihp_reset, pm);
}

void ich9_pcihp_finalize(ICH9PMRegs *pm, MemoryRegion *io_space)
{
    if (pm->pcihp_root) {
        reset_unregister(pcihp_reset, pm);
        bus_set_hotplug_handler(&pm->pcihp_root->parent_obj, NULL);
        memory_region_del(io_space, &pm->pcihp_io);
        memory_region_destroy(&pm->pcihp_io);
        pm->pcihp_root = NULL;
    }
}

/* The handler. */

/* The root bus has it for what is plugged from the start. */
bool ich9_pcihp_can_hotplug(BusState *bus)
{
    return PCI_BUS(bus)->parent_dev;
}

static bool index_taken(PCIBus *bus, const PCIDevice *by)
{
    for (int devfn = 0; devfn < PCI_DEVFN_MAX; devfn++) {
        if (bus->devices[devfn] && bus->devices[devfn] != by && bus->devices[devfn]->acpi_index == by->acpi_index) {
            return true;
        }
    }
    for (unsigned i = 0; i < bus->child->len; i++) {
        if (index_taken(bus->child->pdata[i], by)) {
            return true;
        }
    }
    return false;
}

/* The guest must not try the slot's own hot plug as well, where the machine type says so (x-keep-pci-slot-hpc). */
static void take_native_hotplug(DeviceState *dev)
{
    static const struct {
        const char *name, *text;
    } either[] = { { "x-native-hotplug", "off" }, { "x-do-not-expose-native-hotplug-cap", "on" } };

    for (size_t i = 0; i < G_N_ELEMENTS(either); i++) {
        const ClassProperty *prop = object_class_property(((Object *)dev)->klass, either[i].name);

        if (prop && !prop->absent &&
            object_property_origin((Object *)dev, either[i].name, NULL) < PROP_ORIGIN_GLOBAL) {
            object_property_parse((Object *)dev, either[i].name, either[i].text, PROP_ORIGIN_BOARD, NULL);
        }
    }
}

bool ich9_pcihp_pre_plug(ICH9PMRegs *pm, DeviceState *qdev, GError **error)
{
    PCIDevice *dev = PCI_DEVICE(qdev);

    if (dev->acpi_index > ACPI_INDEX_MAX) {
        return error_setf(error, "acpi-index should be less or equal to %u", ACPI_INDEX_MAX);
    }
    if (dev->acpi_index && index_taken(pm->pcihp_root, dev)) {
        return error_setf(error, "a PCI device with acpi-index = %u already exist", dev->acpi_index);
    }
    if (!pm->keep_pci_slot_hpc && object_dynamic_cast(dev, TYPE_PCIE_SLOT)) {
        take_native_hotplug(qdev);
    }
    return true;
}

/* A port that is there from the start hands its bus over, or has no hot plug at all. */
static void adopt_bus_of(PCIDevice *dev, Object *handler)
{
    bool off = object_dynamic_cast(dev, TYPE_PCIE_SLOT) && !PCIE_SLOT(dev)->hotplug;

    bus_set_hotplug_handler(&pci_bridge_bus(PCI_BRIDGE(dev))->parent_obj, off ? NULL : handler);
}

static void tell_guest(ICH9PMRegs *pm)
{
    ich9_pm_raise_gpe(pm, PCIHP_GPE);
}

bool ich9_pcihp_plug(ICH9PMRegs *pm, Object *handler, DeviceState *qdev, GError **error)
{
    PCIDevice *dev = PCI_DEVICE(qdev);
    PCIBus *bus = pci_device_bus(dev);

    if (!qdev->hotplugged) {
        if (PCI_DEVICE_GET_CLASS(dev)->is_bridge) {
            adopt_bus_of(dev, handler);
        }
        return true;
    }
    if (bus->acpi_number < 0 || bus->acpi_number >= ICH9_PCIHP_BUSES) {
        return error_setf(error, "Unsupported bus. Bus doesn't have property 'acpi-pcihp-bsel' set");
    }
    if (bus->parent_dev && bus->parent_dev->exp_cap) {
        pcie_cap_slot_enable_power(bus->parent_dev);
    }
    pm->pcihp_status[bus->acpi_number].up |= 1u << PCI_SLOT(dev->devfn);
    tell_guest(pm);
    return true;
}

bool ich9_pcihp_unplug_request(ICH9PMRegs *pm, DeviceState *qdev, GError **error)
{
    PCIDevice *dev = PCI_DEVICE(qdev);
    int number = pci_device_bus(dev)->acpi_number;

    if (number < 0 || number >= ICH9_PCIHP_BUSES) {
        return error_setf(error, "Unsupported bus. Bus doesn't have property 'acpi-pcihp-bsel' set");
    }
    qdev->pending_unplug = true;
    qdev->ask_again = clock_ns(CLOCK_TYPE_VIRTUAL);
    pm->pcihp_status[number].down |= 1u << PCI_SLOT(dev->devfn);
    tell_guest(pm);
    return true;
}
