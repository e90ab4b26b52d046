#include "hw/timer/pcspk.h"

#include "migration/vmstate.h"
#include "util/error.h"

enum { GATE2 = 0x01, SPEAKER_DATA = 0x02, REFRESH_CLOCK = 0x10, OUTPUT2 = 0x20 };

struct PCSpeaker {
    ISADevice parent_obj;
    uint32_t iobase;
    char *audiodev;             /* accepted; nothing is heard */
    Object *pit;
    bool migrate;
    uint8_t data_on, dummy_refresh_clock;
    MemoryRegion io;
};

static uint64_t pcspk_read(void *opaque, hwaddr offset, unsigned size)
{
    PCSpeaker *s = opaque;
    PIT *pit = ISA_PIT(s->pit);

    /* Software that waits for a refresh only needs to see the bit change. */
    s->dummy_refresh_clock ^= 1;
    return (pit_gate(pit, 2) ? GATE2 : 0) | (s->data_on ? SPEAKER_DATA : 0) |
           (s->dummy_refresh_clock ? REFRESH_CLOCK : 0) | (pit_output(pit, 2) ? OUTPUT2 : 0);
}

static void pcspk_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    PCSpeaker *s = opaque;

    s->data_on = value >> 1 & 1;
    pit_set_gate(ISA_PIT(s->pit), 2, value & GATE2);
}

static const MemoryRegionOps pcspk_ops = { .read = pcspk_read, .write = pcspk_write, .impl = { .min = 1, .max = 1 } };

static bool pcspk_realize(DeviceState *dev, GError **error)
{
    PCSpeaker *s = PC_SPEAKER(dev);

    if (!s->pit) {
        return error_setf(error, "pcspk: No \"pit\" set or available");
    }
    if (s->iobase > 0xffff) {
        return error_setf(error, "iobase %#x is no port", s->iobase);
    }
    memory_region_init_io(&s->io, OBJECT(dev), &pcspk_ops, s, "pcspk", 1);
    isa_register_io(&s->parent_obj, &s->io, s->iobase);
    return true;
}

static void pcspk_unrealize(DeviceState *dev)
{
    PCSpeaker *s = PC_SPEAKER(dev);

    isa_unregister_io(&s->parent_obj, &s->io);
    memory_region_destroy(&s->io);
}

static bool pcspk_migrates(void *opaque)
{
    return ((PCSpeaker *)opaque)->migrate;
}

static const VMStateDescription vmstate_pcspk = {
    .name = "pcspk",
    .version_id = 1,
    .minimum_version_id = 1,
    .needed = pcspk_migrates,
    .fields = VMS_FIELDS(VMS_U8(PCSpeaker, data_on), VMS_U8(PCSpeaker, dummy_refresh_clock)),
};

static const Property pcspk_props[] = {
    DEFINE_PROP_STRING("audiodev", PCSpeaker, audiodev, .description = "ID of an audiodev to use as a backend"),
    DEFINE_PROP_UINT32("iobase", PCSpeaker, iobase, 0x61),
    DEFINE_PROP_BOOL("migrate", PCSpeaker, migrate, true),
    DEFINE_PROP_LINK("pit", PCSpeaker, pit, TYPE_ISA_PIT),
};

static void pcspk_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = pcspk_realize;
    dc->unrealize = pcspk_unrealize;
    dc->vmsd = &vmstate_pcspk;
    dc->user_creatable = false;
    object_class_add_props(klass, pcspk_props, G_N_ELEMENTS(pcspk_props));
}

PCSpeaker *pcspk_new(ISABus *bus, PIT *pit)
{
    DeviceState *dev = device_new(TYPE_PC_SPEAKER);
    bool ok;

    object_set_link(OBJECT(dev), "pit", OBJECT(pit));
    ok = device_realize_and_unref(dev, &bus->parent_obj, NULL);
    g_assert(ok);
    return PC_SPEAKER(dev);
}

static const TypeInfo pcspk_type = {
    .name = TYPE_PC_SPEAKER,
    .parent = TYPE_ISA_DEVICE,
    .size = sizeof(PCSpeaker),
    .class_init = pcspk_class_init,
};
TYPE_REGISTER(pcspk_type)
