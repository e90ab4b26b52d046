/*
 * PCI buses: who sits at which address, which bus has which number, the INTx lines up to the chipset, and the paths
 * that the migration stream knows devices by.
 */
#include <inttypes.h>

#include "hw/pci/pci-internal.h"
#include "hw/pci/pci_bridge.h"
#include "migration/register.h"
#include "util/error.h"

#define IRQ_LINES_MAX 256

PCIBus *pci_device_bus(const PCIDevice *dev)
{
    return (PCIBus *)dev->parent_obj.bus;
}

bool pci_bus_is_root(const PCIBus *bus)
{
    return !bus->parent_dev;
}

bool pci_bus_is_express(const PCIBus *bus)
{
    return object_dynamic_cast(bus, TYPE_PCIE_BUS);
}

int pci_bus_number(const PCIBus *bus)
{
    return bus->parent_dev ? bus->parent_dev->config[PCI_SECONDARY_BUS] : 0;
}

uint16_t pci_requester_id(const PCIDevice *dev)
{
    return pci_bus_number(pci_device_bus(dev)) << 8 | dev->devfn;
}

PCIDevice *pci_function_0(const PCIDevice *dev)
{
    PCIBus *bus = pci_device_bus(dev);
    bool behind_port = bus->parent_dev && bus->parent_dev->exp_cap;

    return bus->devices[behind_port ? 0 : PCI_DEVFN(PCI_SLOT(dev->devfn), 0)];
}

/* Config cycles find their bus. */

/* Whether the bridge passes on cycles for bus `num`. A secondary bus in reset takes none. */
static bool bridge_forwards(const PCIDevice *bridge, int num)
{
    return !(pci_get_word(bridge->config + PCI_BRIDGE_CONTROL) & PCI_BRIDGE_CTL_BUS_RESET) &&
           bridge->config[PCI_SECONDARY_BUS] <= num && num <= bridge->config[PCI_SUBORDINATE_BUS];
}

/*
 * Goes down the tree of buses as built, never by the guest's numbers alone: however these overlap or loop, each step is
 * one level deeper. Of two bridges that claim a bus, the newer one gets it.
 */
static PCIBus *find_bus(PCIBus *bus, int num)
{
    if (num == pci_bus_number(bus)) {
        return bus;
    }
    while (bus) {
        PCIBus *next = NULL;

        for (unsigned i = bus->child->len; i-- > 0 && !next;) {
            PCIBus *child = bus->child->pdata[i];

            if (pci_bus_number(child) == num) {
                return child;
            }
            if (bridge_forwards(child->parent_dev, num)) {
                next = child;
            }
        }
        bus = next;
    }
    return NULL;
}

PCIDevice *pci_find_device(PCIBus *root, int bus_num, int devfn)
{
    PCIBus *bus = find_bus(root, bus_num);

    return bus ? bus->devices[devfn & (PCI_DEVFN_MAX - 1)] : NULL;
}

void pci_foreach_device(PCIBus *root, void (*fn)(PCIDevice *dev, void *opaque), void *opaque)
{
    for (int devfn = 0; devfn < PCI_DEVFN_MAX; devfn++) {
        PCIDevice *dev = root->devices[devfn];

        if (!dev) {
            continue;
        }
        fn(dev, opaque);
        if (PCI_DEVICE_GET_CLASS(dev)->is_bridge && pci_bridge_bus(PCI_BRIDGE(dev))) {
            pci_foreach_device(pci_bridge_bus(PCI_BRIDGE(dev)), fn, opaque);
        }
    }
}

/* Addresses. */

static bool slot_is_reserved(const PCIBus *bus, int devfn)
{
    return bus->slot_reserved & (1u << PCI_SLOT(devfn));
}

static bool find_address(PCIBus *bus, PCIDevice *dev, GError **error)
{
    const char *type = object_type((Object *)dev);

    for (int devfn = bus->devfn_min; devfn < PCI_DEVFN_MAX; devfn += PCI_DEVFN(1, 0)) {
        if (!bus->devices[devfn] && !slot_is_reserved(bus, devfn)) {
            dev->devfn = devfn;
            return true;
        }
    }
    return error_setf(error, "PCI: no slot/function available for %s, all in use or reserved", type);
}

static bool check_address(PCIBus *bus, PCIDevice *dev, GError **error)
{
    const char *type = object_type((Object *)dev);
    int slot = PCI_SLOT(dev->devfn), fn = PCI_FUNC(dev->devfn);
    PCIDevice *there = bus->devices[dev->devfn];

    if (slot_is_reserved(bus, dev->devfn)) {
        return error_setf(error, "PCI: slot %d function %d not available for %s, reserved", slot, fn, type);
    }
    if (there) {
        return error_setf(error, "PCI: slot %d function %d not available for %s, in use by %s,id=%s", slot, fn, type,
                          object_type((Object *)there), there->parent_obj.id ? there->parent_obj.id : "(null)");
    }
    return true;
}

/* The guest has looked at the slot when its function 0 came. */
static bool check_comes_before_0(PCIDevice *dev, GError **error)
{
    PCIDevice *zero = pci_function_0(dev);

    return !dev->parent_obj.hotplugged || !zero ||
           error_setf(error, "PCI: slot %d function 0 already occupied by %s, new func %s cannot be exposed to guest.",
                      PCI_SLOT(zero->devfn), object_type((Object *)zero), object_type((Object *)dev));
}

/* Function 0's header says whether there are others, so it must agree with who is there. */
static bool check_functions(PCIBus *bus, PCIDevice *dev, GError **error)
{
    int slot = PCI_SLOT(dev->devfn), fn = PCI_FUNC(dev->devfn);
    PCIDevice *zero = bus->devices[PCI_DEVFN(slot, 0)];

    if (fn) {
        return !zero || (zero->cap_present & (1u << PCI_CAP_MULTIFUNCTION_BIT))
                   ? true
                   : error_setf(error, "PCI: single function device can't be populated in function %x.%x", slot, fn);
    }
    if (dev->cap_present & (1u << PCI_CAP_MULTIFUNCTION_BIT)) {
        return true;
    }
    for (fn = 1; fn < 8; fn++) {
        if (bus->devices[PCI_DEVFN(slot, fn)]) {
            return error_setf(error, "PCI: %x.0 indicates single function, but %x.%x is already populated.", slot, slot,
                              fn);
        }
    }
    return true;
}

bool pci_bus_add_device(PCIBus *bus, PCIDevice *dev, GError **error)
{
    int wanted = dev->devfn;
    bool late_checked = wanted >= 0 || (dev->cap_present & (1u << PCIE_PORT_SLOT_0_BIT));

    if (wanted < 0 ? !find_address(bus, dev, error) : !check_address(bus, dev, error)) {
        return false;
    }
    if ((late_checked && !check_comes_before_0(dev, error)) || !check_functions(bus, dev, error)) {
        dev->devfn = wanted;
        return false;
    }
    bus->devices[dev->devfn] = dev;
    return true;
}

void pci_bus_del_device(PCIBus *bus, PCIDevice *dev)
{
    if (bus->devices[dev->devfn] == dev) {
        bus->devices[dev->devfn] = NULL;
    }
}

/* INTx. */

int pci_swizzle_map_irq(PCIDevice *dev, int pin)
{
    return (PCI_SLOT(dev->devfn) + pin) % PCI_NUM_PINS;
}

void pci_bus_change_irq(PCIDevice *dev, int pin, int change)
{
    PCIBus *bus = pci_device_bus(dev);

    for (; bus->parent_dev; bus = pci_device_bus(dev)) {
        pin = bus->map_irq(dev, pin);
        dev = bus->parent_dev;
    }
    if (!bus->set_irq) {
        return;
    }
    pin = bus->map_irq(dev, pin);
    if (pin < 0 || pin >= bus->num_irqs) {
        return;
    }
    bus->irq_count[pin] += change;
    bus->set_irq(bus->irq_opaque, pin, bus->irq_count[pin] != 0);
}

void pci_bus_irqs(PCIBus *bus, void (*set_irq)(void *, int, int), int (*map_irq)(PCIDevice *, int), void *opaque,
                  int n)
{
    g_assert(n >= 0 && n <= IRQ_LINES_MAX);
    bus->set_irq = set_irq;
    bus->map_irq = map_irq;
    bus->irq_opaque = opaque;
    bus->num_irqs = n;
    g_free(bus->irq_count);
    bus->irq_count = g_new0(int32_t, n);
}

int pci_bus_get_irq_level(PCIBus *bus, int line)
{
    return line >= 0 && line < bus->num_irqs && bus->irq_count[line] != 0;
}

void pci_bus_refresh_irqs(PCIBus *bus)
{
    for (int line = 0; bus->set_irq && line < bus->num_irqs; line++) {
        bus->set_irq(bus->irq_opaque, line, bus->irq_count[line] != 0);
    }
}

/* Making buses. */

static const VMStateDescription vmstate_pcibus = {
    .name = "PCIBUS",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = VMS_FIELDS(
        VMS_I32_EQUAL(PCIBus, num_irqs, .name = "nirq"),
        VMS_COUNTED_OF(vms_kind_i32, PCIBus, irq_count, num_irqs, IRQ_LINES_MAX)),
};

static PCIBus *the_root;

PCIBus *pci_find_root_bus(void)
{
    return the_root;
}

static void bus_setup(PCIBus *bus, MemoryRegion *mem, MemoryRegion *io)
{
    bus->mem = mem;
    bus->io = io;
    bus->acpi_number = -1;
    bus->child = g_ptr_array_new();
}

/* After the bridge's own section, as QEMU has them. */
static void bus_realized(BusState *bus)
{
    vmstate_register(NULL, -1, &vmstate_pcibus, PCI_BUS(bus), NULL);
}

PCIBus *pci_root_bus_new(DeviceState *parent, const char *name, MemoryRegion *mem, MemoryRegion *io, uint8_t devfn_min,
                         const char *type)
{
    PCIBus *bus = PCI_BUS(bus_new(type, parent, name));

    bus_setup(bus, mem, io);
    bus->devfn_min = devfn_min;
    if (!the_root) {
        the_root = bus;
    }
    return bus;
}

void pci_bridge_bus_init(PCIBus *bus, PCIDevice *bridge, const char *type, const char *name, MemoryRegion *mem,
                         MemoryRegion *io, int (*map_irq)(PCIDevice *, int))
{
    bus_setup(bus, mem, io);
    bus->parent_dev = bridge;
    bus->map_irq = map_irq;
    g_ptr_array_add(pci_device_bus(bridge)->child, bus);
}

/* Forgets what bus_setup() made: its owner takes the bus out of the tree. Harmless to repeat. */
void pci_bus_exit(PCIBus *bus)
{
    if (!bus->child) {
        return;
    }
    if (bus->parent_dev) {
        g_ptr_array_remove(pci_device_bus(bus->parent_dev)->child, bus);
    }
    vmstate_unregister(&vmstate_pcibus, bus);
    g_clear_pointer(&bus->child, g_ptr_array_unref);
    if (the_root == bus) {
        the_root = NULL;
    }
}

static void pci_bus_finalize(Object *obj)
{
    PCIBus *bus = PCI_BUS(obj);

    pci_bus_exit(bus);
    g_free(bus->irq_count);
}

/* What the bus does for its devices. */

/* Bus numbers are the guest's and change; slots don't: "0000:00:1c.0:00.0" is slot.function at each level. */
static char *pci_bus_dev_path(DeviceState *qdev)
{
    GPtrArray *chain = g_ptr_array_new();
    GString *path = g_string_new("0000:00");

    for (PCIDevice *dev = PCI_DEVICE(qdev); dev; dev = pci_device_bus(dev)->parent_dev) {
        g_ptr_array_add(chain, dev);
    }
    for (unsigned i = chain->len; i-- > 0;) {
        int devfn = ((PCIDevice *)chain->pdata[i])->devfn;

        g_string_append_printf(path, ":%02x.%x", PCI_SLOT(devfn), PCI_FUNC(devfn));
    }
    g_ptr_array_unref(chain);
    return g_string_free(path, FALSE);
}

static void pci_bus_reset_hold(BusState *qbus)
{
    for (unsigned i = 0; i < qbus->children->len; i++) {
        pci_device_reset(PCI_DEVICE(qbus->children->pdata[i]));
    }
}

static void pci_bus_print_dev(GString *out, DeviceState *qdev, int indent)
{
    PCIDevice *dev = PCI_DEVICE(qdev);
    uint16_t class = pci_get_word(dev->config + PCI_CLASS_DEVICE);
    const char *name = pci_class_name(class);

    g_string_append_printf(out, "%*sclass ", indent, "");
    if (name) {
        g_string_append(out, name);
    } else {
        g_string_append_printf(out, "Class %04x", class);
    }
    g_string_append_printf(out, ", addr %02x:%02x.%x, pci id %04x:%04x (sub %04x:%04x)\n",
                           pci_bus_number(pci_device_bus(dev)), PCI_SLOT(dev->devfn), PCI_FUNC(dev->devfn),
                           pci_get_word(dev->config + PCI_VENDOR_ID), pci_get_word(dev->config + PCI_DEVICE_ID),
                           pci_get_word(dev->config + PCI_SUBSYSTEM_VENDOR_ID),
                           pci_get_word(dev->config + PCI_SUBSYSTEM_ID));
    for (int i = 0; i < PCI_NUM_REGIONS; i++) {
        const PCIIORegion *region = &dev->regions[i];

        if (region->size) {
            g_string_append_printf(out, "%*sbar %d: %s at 0x%" PRIx64 " [0x%" PRIx64 "]\n", indent, "", i,
                                   region->type & PCI_BASE_ADDRESS_SPACE_IO ? "i/o" : "mem", region->addr,
                                   region->addr + region->size - 1);
        }
    }
}

static void pci_bus_class_init(ObjectClass *klass, const void *data)
{
    BusClass *bc = (BusClass *)klass;

    bc->dev_path = pci_bus_dev_path;
    bc->print_dev = pci_bus_print_dev;
    bc->reset_hold = pci_bus_reset_hold;
    bc->realized = bus_realized;
}

static const TypeInfo pci_bus_types[] = {
    {
        .name = TYPE_PCI_BUS,
        .parent = TYPE_BUS,
        .size = sizeof(PCIBus),
        .class_size = sizeof(PCIBusClass),
        .class_init = pci_bus_class_init,
        .finalize = pci_bus_finalize,
    },
    { .name = TYPE_PCIE_BUS, .parent = TYPE_PCI_BUS },
};
TYPES_REGISTER(pci_bus_types)
