#include "hw/isa/port92.h"

#include "migration/vmstate.h"
#include "system/runstate.h"

enum { FAST_RESET = 0x01, A20_GATE = 0x02 };

struct Port92 {
    ISADevice parent_obj;
    uint8_t outport;
    Irq *a20[1];
    MemoryRegion io;
};

static uint64_t port92_read(void *opaque, hwaddr offset, unsigned size)
{
    return ((Port92 *)opaque)->outport;
}

static void port92_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    Port92 *s = opaque;
    uint8_t old = s->outport;

    s->outport = value;
    irq_set(s->a20[0], (value & A20_GATE) != 0);
    if (value & ~old & FAST_RESET) {
        system_reset_request(SHUTDOWN_CAUSE_GUEST_RESET);
    }
}

static const MemoryRegionOps port92_ops = { .read = port92_read, .write = port92_write, .impl = { .min = 1, .max = 1 } };

static bool port92_realize(DeviceState *dev, GError **error)
{
    Port92 *s = PORT92(dev);

    memory_region_init_io(&s->io, OBJECT(dev), &port92_ops, s, "port92", 1);
    isa_register_io(&s->parent_obj, &s->io, 0x92);
    return true;
}

static void port92_unrealize(DeviceState *dev)
{
    Port92 *s = PORT92(dev);

    isa_unregister_io(&s->parent_obj, &s->io);
    memory_region_destroy(&s->io);
}

static void port92_init(Object *obj)
{
    device_init_irq_out(DEVICE(obj), PORT92(obj)->a20, "a20", 1);
}

static void port92_reset(DeviceState *dev)
{
    PORT92(dev)->outport &= ~FAST_RESET;
}

static const VMStateDescription vmstate_port92 = {
    .name = "port92",
    .version_id = 1,
    .minimum_version_id = 1,
    .fields = VMS_FIELDS(VMS_U8(Port92, outport)),
};

static void port92_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = port92_realize;
    dc->unrealize = port92_unrealize;
    dc->reset.enter = port92_reset;
    dc->vmsd = &vmstate_port92;
    dc->user_creatable = false;
}

Port92 *port92_new(ISABus *bus, Irq *a20)
{
    DeviceState *dev = device_new(TYPE_PORT92);
    bool ok = device_realize_and_unref(dev, &bus->parent_obj, NULL);

    g_assert(ok);
    device_connect_irq(dev, "a20", 0, a20);
    return PORT92(dev);
}

static const TypeInfo port92_type = {
    .name = TYPE_PORT92,
    .parent = TYPE_ISA_DEVICE,
    .size = sizeof(Port92),
    .init = port92_init,
    .class_init = port92_class_init,
};
TYPE_REGISTER(port92_type)
