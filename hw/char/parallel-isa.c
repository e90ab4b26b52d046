#include "hw/char/parallel-isa.h"

#include "hw/core/prop-chardev.h"
#include "migration/vmstate.h"
#include "util/error.h"

OBJECT_DECLARE_SIMPLE_TYPE(ISAParallel, ISA_PARALLEL)

enum { REG_DATA, REG_STATUS, REG_CONTROL, PORTS = 8 };
enum { STS_BUSY = 0x80, STS_ACK = 0x40, STS_ONLINE = 0x10, STS_ERROR = 0x08, STS_TIMEOUT = 0x01 };  /* busy: active low */
enum { CTR_DIR = 0x20, CTR_INTEN = 0x10, CTR_SELECT = 0x08, CTR_INIT = 0x04, CTR_STROBE = 0x01, CTR_ONES = 0xc0 };

struct ISAParallel {
    ISADevice parent_obj;
    /* set by the user; UINT32_MAX: by the index, and that by how many there are */
    uint32_t index, iobase, irq;
    Chardev *chr;
    /* migrated */
    uint8_t dataw, datar, status, control;
    int32_t irq_pending, epp_timeout;
    /* derived */
    MemoryRegion io;
};

static void update_irq(ISAParallel *s)
{
    irq_set(isa_irq(&s->parent_obj, s->irq), s->irq_pending != 0);
}

/* The printer takes a byte at the strobe's edge and acknowledges it; who asks for the status sees that happen. */
static uint8_t read_status(ISAParallel *s)
{
    uint8_t value = s->status;

    s->irq_pending = 0;
    if (!(s->status & STS_BUSY) && !(s->control & CTR_STROBE)) {
        if (s->status & STS_ACK) {
            s->status &= ~STS_ACK;
        } else {
            s->status |= STS_ACK | STS_BUSY;
        }
    }
    update_irq(s);
    return value;
}

static void write_control(ISAParallel *s, uint8_t value)
{
    value |= CTR_ONES;
    if (!(value & CTR_INIT)) {
        s->status = STS_BUSY | STS_ACK | STS_ONLINE | STS_ERROR;
    } else if (value & CTR_SELECT) {
        if (value & CTR_STROBE) {
            s->status &= ~STS_BUSY;
            if (!(s->control & CTR_STROBE)) {
                chardev_write(s->chr, &s->dataw, 1);
            }
        } else if (s->control & CTR_INTEN) {
            s->irq_pending = 1;
        }
    }
    update_irq(s);
    s->control = value;
}

static uint64_t parallel_read(void *opaque, hwaddr offset, unsigned size)
{
    ISAParallel *s = opaque;

    switch (offset) {
    case REG_DATA: return s->control & CTR_DIR ? s->datar : s->dataw;
    case REG_STATUS: return read_status(s);
    case REG_CONTROL: return s->control;
    default: return 0xff;
    }
}

static void parallel_write(void *opaque, hwaddr offset, uint64_t value, unsigned size)
{
    ISAParallel *s = opaque;

    if (offset == REG_DATA) {
        s->dataw = value;
        update_irq(s);
    } else if (offset == REG_CONTROL) {
        write_control(s, value);
    }
}

static const MemoryRegionOps parallel_ops = {
    .read = parallel_read, .write = parallel_write, .valid = { 1, 1 }, .impl = { 1, 1 },
};
static const ChardevFrontend frontend = { 0 };

static unsigned count_ports(const ISABus *bus)
{
    unsigned count = 0;

    for (guint i = 0; i < bus->parent_obj.children->len; i++) {
        DeviceState *dev = bus->parent_obj.children->pdata[i];

        count += dev->realized && object_dynamic_cast(dev, TYPE_ISA_PARALLEL);
    }
    return count;
}

static bool choose_place(ISAParallel *s, GError **error)
{
    static const uint16_t bases[ISA_PARALLEL_MAX] = { 0x378, 0x278, 0x3bc };

    if (s->index == UINT32_MAX) {
        s->index = count_ports(isa_bus_of(&s->parent_obj));
    }
    if (s->index >= ISA_PARALLEL_MAX) {
        return error_setf(error, "Max. supported number of parallel ports is %d.", ISA_PARALLEL_MAX);
    }
    if (s->iobase == UINT32_MAX) {
        s->iobase = bases[s->index];
    }
    if (s->iobase > 0x10000 - PORTS) {
        return error_setf(error, "iobase %#x is no port", s->iobase);
    }
    return s->irq < ISA_NUM_IRQS || error_setf(error, "irq %u is no line of the ISA bus", s->irq);
}

static void parallel_reset(DeviceState *dev)
{
    ISAParallel *s = ISA_PARALLEL(dev);

    s->dataw = s->datar = 0xff;
    s->status = STS_BUSY | STS_ACK | STS_ONLINE | STS_ERROR | STS_TIMEOUT;
    s->control = CTR_SELECT | CTR_INIT | CTR_ONES;
    s->irq_pending = s->epp_timeout = 0;
    update_irq(s);
}

static bool parallel_realize(DeviceState *dev, GError **error)
{
    ISAParallel *s = ISA_PARALLEL(dev);

    if (!s->chr) {
        return error_setf(error, "Can't create parallel device, empty char device");
    }
    if (!choose_place(s, error) || !chardev_attach(s->chr, &frontend, s, error)) {
        return false;
    }
    memory_region_init_io(&s->io, OBJECT(dev), &parallel_ops, s, "parallel", PORTS);
    isa_register_io(&s->parent_obj, &s->io, s->iobase);
    return true;
}

static void parallel_unrealize(DeviceState *dev)
{
    ISAParallel *s = ISA_PARALLEL(dev);

    chardev_detach(s->chr, s);
    isa_unregister_io(&s->parent_obj, &s->io);
    memory_region_destroy(&s->io);
}

static const VMStateDescription vmstate_parallel = {
    .name = "parallel_isa", .version_id = 1, .minimum_version_id = 1,
    .fields = VMS_FIELDS(
        VMS_U8(ISAParallel, dataw, .name = "state.dataw"),
        VMS_U8(ISAParallel, datar, .name = "state.datar"),
        VMS_U8(ISAParallel, status, .name = "state.status"),
        VMS_U8(ISAParallel, control, .name = "state.control"),
        VMS_I32(ISAParallel, irq_pending, .name = "state.irq_pending"),
        VMS_I32(ISAParallel, epp_timeout, .name = "state.epp_timeout")),
};

static const Property parallel_props[] = {
    DEFINE_PROP_UINT32("index", ISAParallel, index, UINT32_MAX),
    DEFINE_PROP_UINT32("iobase", ISAParallel, iobase, UINT32_MAX),
    DEFINE_PROP_UINT32("irq", ISAParallel, irq, 7),
    DEFINE_PROP_CHARDEV("chardev", ISAParallel, chr),
};

static void parallel_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = parallel_realize;
    dc->unrealize = parallel_unrealize;
    dc->reset.hold = parallel_reset;
    dc->vmsd = &vmstate_parallel;
    dc->fw_name = "parallel";
    dc->categories = 1u << DEVICE_CATEGORY_INPUT;
    object_class_add_props(klass, parallel_props, G_N_ELEMENTS(parallel_props));
}

bool isa_parallel_new(ISABus *bus, unsigned index, Chardev *chr, GError **error)
{
    DeviceState *dev = device_new(TYPE_ISA_PARALLEL);

    object_set_uint(OBJECT(dev), "index", index);
    return object_property_parse(OBJECT(dev), "chardev", chardev_id(chr), PROP_ORIGIN_BOARD, error) &&
           device_realize_and_unref(dev, &bus->parent_obj, error);
}

static const TypeInfo parallel_type = {
    .name = TYPE_ISA_PARALLEL, .parent = TYPE_ISA_DEVICE, .size = sizeof(ISAParallel), .class_init = parallel_class_init,
};
TYPE_REGISTER(parallel_type)
