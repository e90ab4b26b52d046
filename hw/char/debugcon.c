/* Bochs's debug port: bytes written to it go to a character device, reads tell that it is there. */
#include "hw/core/prop-chardev.h"
#include "hw/isa/isa.h"
#include "util/error.h"

#define TYPE_DEBUGCON "isa-debugcon"
OBJECT_DECLARE_SIMPLE_TYPE(DebugCon, DEBUGCON)

struct DebugCon {
    ISADevice parent_obj;
    uint32_t iobase, readback;
    Chardev *chr;
    MemoryRegion io;
};

static uint64_t debugcon_read(void *opaque, hwaddr offset, unsigned size)
{
    return ((DebugCon *)opaque)->readback;
}

static void debugcon_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    uint8_t c = value;

    chardev_write(((DebugCon *)opaque)->chr, &c, 1);
}

static const MemoryRegionOps debugcon_ops = { .read = debugcon_read, .write = debugcon_write, .valid = { 1, 1 } };
static const ChardevFrontend frontend = { 0 };

static bool debugcon_realize(DeviceState *dev, GError **error)
{
    DebugCon *s = DEBUGCON(dev);

    if (!s->chr) {
        return error_setf(error, "Can't create debugcon device, empty char device");
    }
    if (s->iobase > 0xffff) {
        return error_setf(error, "iobase %#x is no port", s->iobase);
    }
    if (!chardev_attach(s->chr, &frontend, s, error)) {
        return false;
    }
    memory_region_init_io(&s->io, OBJECT(dev), &debugcon_ops, s, TYPE_DEBUGCON, 1);
    isa_register_io(&s->parent_obj, &s->io, s->iobase);
    return true;
}

static void debugcon_unrealize(DeviceState *dev)
{
    DebugCon *s = DEBUGCON(dev);

    chardev_detach(s->chr, s);
    isa_unregister_io(&s->parent_obj, &s->io);
    memory_region_destroy(&s->io);
}

static const Property debugcon_props[] = {
    DEFINE_PROP_UINT32("iobase", DebugCon, iobase, 0xe9),
    DEFINE_PROP_CHARDEV("chardev", DebugCon, chr),
    DEFINE_PROP_UINT32("readback", DebugCon, readback, 0xe9),
};

static void debugcon_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = debugcon_realize;
    dc->unrealize = debugcon_unrealize;
    dc->categories = 1u << DEVICE_CATEGORY_MISC;
    object_class_add_props(klass, debugcon_props, G_N_ELEMENTS(debugcon_props));
}

static const TypeInfo debugcon_type = {
    .name = TYPE_DEBUGCON, .parent = TYPE_ISA_DEVICE, .size = sizeof(DebugCon), .class_init = debugcon_class_init,
};
TYPE_REGISTER(debugcon_type)
