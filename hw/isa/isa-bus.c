#include "hw/isa/isa.h"

#include "util/error.h"

ISABus *isa_bus_new(DeviceState *bridge, MemoryRegion *memory, MemoryRegion *io)
{
    ISABus *bus = ISA_BUS(bus_new(TYPE_ISA_BUS, bridge, NULL));

    bus->memory = memory;
    bus->io = io;
    return bus;
}

void isa_bus_set_irqs(ISABus *bus, Irq **irqs)
{
    bus->irqs = irqs;
}

Irq *isa_irq(ISADevice *dev, unsigned n)
{
    g_assert(n < ISA_NUM_IRQS);
    return isa_bus_of(dev)->irqs ? isa_bus_of(dev)->irqs[n] : NULL;
}

void isa_register_io(ISADevice *dev, MemoryRegion *mr, uint16_t port)
{
    memory_region_add(isa_bus_of(dev)->io, port, mr);
    if (dev->ioport < 0 || port < dev->ioport) {
        dev->ioport = port;
    }
}

void isa_unregister_io(ISADevice *dev, MemoryRegion *mr)
{
    if (mr->container) {
        memory_region_del(mr->container, mr);
    }
}

static char *isa_dev_path(DeviceState *dev)
{
    return NULL;
}

static void isa_print_dev(GString *out, DeviceState *dev, int indent)
{
    ISADevice *isa = ISA_DEVICE(dev);

    if (isa->ioport >= 0) {
        g_string_append_printf(out, "%*sisa port %#x\n", indent, "", isa->ioport);
    }
}

static void isa_bus_class_init(ObjectClass *klass, const void *data)
{
    BusClass *bc = BUS_CLASS(klass);

    bc->dev_path = isa_dev_path;
    bc->print_dev = isa_print_dev;
}

static void isa_device_init(Object *obj)
{
    ISA_DEVICE(obj)->ioport = -1;
}

static void isa_device_class_init(ObjectClass *klass, const void *data)
{
    DEVICE_CLASS(klass)->bus_type = TYPE_ISA_BUS;
    DEVICE_CLASS(klass)->hotpluggable = false;
}

static const TypeInfo isa_types[] = {
    { .name = TYPE_ISA_BUS, .parent = TYPE_BUS, .size = sizeof(ISABus), .class_init = isa_bus_class_init },
    { .name = TYPE_ISA_DEVICE, .parent = TYPE_DEVICE, .size = sizeof(ISADevice), .abstract = true,
      .init = isa_device_init, .class_init = isa_device_class_init },
};
TYPES_REGISTER(isa_types)
