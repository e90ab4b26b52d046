#include "hw/char/serial-isa.h"

#include "hw/char/serial.h"
#include "util/error.h"

OBJECT_DECLARE_SIMPLE_TYPE(ISASerial, ISA_SERIAL)

struct ISASerial {
    ISADevice parent_obj;
    /* set by the user; UINT32_MAX: by the index, and that by how many there are */
    uint32_t index, iobase, irq;
    SerialState *state;
};

static bool count_port(Object *child, unsigned *count)
{
    const ISASerial *s = object_dynamic_cast(child, TYPE_ISA_SERIAL);

    *count += s && s->parent_obj.parent_obj.realized;
    return true;
}

/* How many there are already. */
static unsigned count_ports(const ISABus *bus)
{
    unsigned count = 0;

    for (guint i = 0; i < bus->parent_obj.children->len; i++) {
        count_port(OBJECT(bus->parent_obj.children->pdata[i]), &count);
    }
    return count;
}

static bool choose_place(ISASerial *s, GError **error)
{
    static const uint16_t bases[ISA_SERIAL_MAX] = { 0x3f8, 0x2f8, 0x3e8, 0x2e8 };
    static const uint8_t irqs[ISA_SERIAL_MAX] = { 4, 3, 4, 3 };

    if (s->index == UINT32_MAX) {
        s->index = count_ports(isa_bus_of(&s->parent_obj));
    }
    if (s->index >= ISA_SERIAL_MAX) {
        return error_setf(error, "Max. supported number of ISA serial ports is %d.", ISA_SERIAL_MAX);
    }
    if (s->iobase == UINT32_MAX) {
        s->iobase = bases[s->index];
    }
    if (s->irq == UINT32_MAX) {
        s->irq = irqs[s->index];
    }
    if (s->iobase > 0x10000 - SERIAL_PORTS) {
        return error_setf(error, "iobase %#x is no port", s->iobase);
    }
    return s->irq < ISA_NUM_IRQS || error_setf(error, "irq %u is no line of the ISA bus", s->irq);
}

static bool isa_serial_realize(DeviceState *dev, GError **error)
{
    ISASerial *s = ISA_SERIAL(dev);

    if (!choose_place(s, error) || !device_realize(DEVICE(s->state), NULL, error)) {
        return false;
    }
    device_connect_irq(DEVICE(s->state), NULL, 0, isa_irq(&s->parent_obj, s->irq));
    isa_register_io(&s->parent_obj, &s->state->io, s->iobase);
    return true;
}

static void isa_serial_unrealize(DeviceState *dev)
{
    ISASerial *s = ISA_SERIAL(dev);

    isa_unregister_io(&s->parent_obj, &s->state->io);
    device_unrealize(DEVICE(s->state));
}

static void isa_serial_reset(DeviceState *dev)
{
    serial_reset(ISA_SERIAL(dev)->state);
}

static const VMStateDescription vmstate_isa_serial = {
    .name = "serial", .version_id = 3, .minimum_version_id = 2,
    .fields = VMS_FIELDS(VMS_STRUCT_PTR(ISASerial, state, vmstate_serial)),
};

static const Property isa_serial_props[] = {
    DEFINE_PROP_UINT32("index", ISASerial, index, UINT32_MAX),
    DEFINE_PROP_UINT32("iobase", ISASerial, iobase, UINT32_MAX),
    DEFINE_PROP_UINT32("irq", ISASerial, irq, UINT32_MAX),
};

static Object *find_state(Object *obj)
{
    return OBJECT(ISA_SERIAL(obj)->state);
}

static void isa_serial_class_init(ObjectClass *klass, const void *data)
{
    DeviceClass *dc = DEVICE_CLASS(klass);

    dc->realize = isa_serial_realize;
    dc->unrealize = isa_serial_unrealize;
    dc->reset.hold = isa_serial_reset;
    dc->vmsd = &vmstate_isa_serial;
    dc->fw_name = "serial";
    dc->categories = 1u << DEVICE_CATEGORY_INPUT;
    object_class_add_props(klass, isa_serial_props, G_N_ELEMENTS(isa_serial_props));
    object_class_add_alias_props(klass, TYPE_SERIAL, TYPE_DEVICE, find_state);
}

static void isa_serial_init(Object *obj)
{
    ISASerial *s = ISA_SERIAL(obj);

    s->state = SERIAL(device_new(TYPE_SERIAL));
    object_add_child(obj, "serial", OBJECT(s->state));
    object_unref(OBJECT(s->state));
}

bool isa_serial_new(ISABus *bus, unsigned index, Chardev *chr, GError **error)
{
    DeviceState *dev = device_new(TYPE_ISA_SERIAL);

    object_set_uint(OBJECT(dev), "index", index);
    return object_property_parse(OBJECT(dev), "chardev", chardev_id(chr), PROP_ORIGIN_BOARD, error) &&
           device_realize_and_unref(dev, &bus->parent_obj, error);
}

static const TypeInfo isa_serial_type = {
    .name = TYPE_ISA_SERIAL, .parent = TYPE_ISA_DEVICE, .size = sizeof(ISASerial), .init = isa_serial_init,
    .class_init = isa_serial_class_init,
};
TYPE_REGISTER(isa_serial_type)
