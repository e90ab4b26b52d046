/* A port that ends the process: what is written to it makes its exit status. For tests of guests. */
#include "hw/isa/isa.h"
#include "system/runstate.h"
#include "util/error.h"

#define TYPE_DEBUG_EXIT "isa-debug-exit"
OBJECT_DECLARE_SIMPLE_TYPE(DebugExit, DEBUG_EXIT)

struct DebugExit {
    ISADevice parent_obj;
    uint32_t iobase, iosize;
    MemoryRegion io;
};

static uint64_t exit_read(void *opaque, hwaddr offset, unsigned size)
{
    return 0;
}

static void exit_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    system_exit_request((int)(value << 1 | 1));
}

static const MemoryRegionOps exit_ops = { .read = exit_read, .write = exit_write, .valid = { 1, 4, .beyond_end = true } };

static bool exit_realize(DeviceState *dev, GError **error)
{
    DebugExit *s = DEBUG_EXIT(dev);

    if (!s->iosize || s->iosize > 0x10000 || s->iobase > 0x10000 - s->iosize) {
        return error_setf(error, "iobase %#x with iosize %#x are no ports", s->iobase, s->iosize);
    }
    memory_region_init_io(&s->io, OBJECT(dev), &exit_ops, s, TYPE_DEBUG_EXIT, s->iosize);
    isa_register_io(&s->parent_obj, &s->io, s->iobase);
    return true;
}

static void exit_unrealize(DeviceState *dev)
{
    DebugExit *s = DEBUG_EXIT(dev);

    isa_unregister_io(&s->parent_obj, &s->io);
    memory_region_destroy(&s->io);
}

static const Property exit_props[] = {
    DEFINE_PROP_UINT32("iobase", DebugExit, iobase, 0x501),
    DEFINE_PROP_UINT32("iosize", DebugExit, iosize, 0x02),
};

static void exit_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = exit_realize;
    dc->unrealize = exit_unrealize;
    dc->categories = 1u << DEVICE_CATEGORY_MISC;
    object_class_add_props(klass, exit_props, G_N_ELEMENTS(exit_props));
}

static const TypeInfo exit_type = {
    .name = TYPE_DEBUG_EXIT, .parent = TYPE_ISA_DEVICE, .size = sizeof(DebugExit), .class_init = exit_class_init,
};
TYPE_REGISTER(exit_type)
