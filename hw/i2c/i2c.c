#include "hw/i2c/i2c.h"

#include "migration/register.h"

static bool has_address(const I2CBus *bus, const I2CSlave *s)
{
    return bus->address != I2C_IDLE && (bus->address == I2C_BROADCAST || bus->address == s->address);
}

/* Calls fn for each slave that the transfer is with; whether there is one. */
static bool with_slaves(I2CBus *bus, void (*fn)(I2CSlave *s, const I2CSlaveClass *sc, int arg), int arg)
{
    GPtrArray *children = bus->parent_obj.children;
    bool any = false;

    for (guint i = 0; i < children->len; i++) {
        I2CSlave *s = I2C_SLAVE(children->pdata[i]);

        if (has_address(bus, s)) {
            fn(s, I2C_SLAVE_GET_CLASS(s), arg);
            any = true;
        }
    }
    return any;
}

static void tell_event(I2CSlave *s, const I2CSlaveClass *sc, int event)
{
    sc->event(s, event);
}

static void tell_byte(I2CSlave *s, const I2CSlaveClass *sc, int byte)
{
    sc->send(s, byte);
}

bool i2c_start(I2CBus *bus, uint8_t address, bool recv)
{
    /* Without a stop before, it is a repeated start, for whom the transfer is with already. */
    bus->address = bus->address == I2C_IDLE ? address : bus->address;
    if (with_slaves(bus, tell_event, recv ? I2C_START_RECV : I2C_START_SEND)) {
        return true;
    }
    bus->address = I2C_IDLE;
    return false;
}

void i2c_send(I2CBus *bus, uint8_t byte)
{
    with_slaves(bus, tell_byte, byte);
}

uint8_t i2c_recv(I2CBus *bus)
{
    GPtrArray *children = bus->parent_obj.children;

    for (guint i = 0; i < children->len && bus->address != I2C_BROADCAST; i++) {
        I2CSlave *s = I2C_SLAVE(children->pdata[i]);

        if (has_address(bus, s)) {
            return I2C_SLAVE_GET_CLASS(s)->recv(s);
        }
    }
    return 0xff;
}

void i2c_nack(I2CBus *bus)
{
    with_slaves(bus, tell_event, I2C_NACK);
}

void i2c_stop(I2CBus *bus)
{
    with_slaves(bus, tell_event, I2C_STOP);
    bus->address = I2C_IDLE;
}

static const VMStateDescription vmstate_bus = {
    .name = "i2c_bus", .version_id = 1, .minimum_version_id = 1,
    .fields = VMS_FIELDS(VMS_U8(I2CBus, address, .name = "saved_address")),
};

I2CBus *i2c_bus_new(DeviceState *parent, const char *name, GError **error)
{
    I2CBus *bus = I2C_BUS(bus_new(TYPE_I2C_BUS, parent, name));

    bus->address = I2C_IDLE;
    return vmstate_register(NULL, -1, &vmstate_bus, bus, error) ? bus : NULL;
}

void i2c_bus_free(I2CBus *bus)
{
    vmstate_unregister(&vmstate_bus, bus);
}

const VMStateDescription vmstate_i2c_slave = {
    .name = "I2CSlave", .version_id = 1, .minimum_version_id = 1, .fields = VMS_FIELDS(VMS_U8(I2CSlave, address)),
};

static const Property slave_props[] = {
    DEFINE_PROP_UINT8("address", I2CSlave, address, 0),
};

static void slave_class_init(ObjectClass *klass, const void *data)
{
    DEVICE_CLASS(klass)->bus_type = TYPE_I2C_BUS;
    DEVICE_CLASS(klass)->categories = 1u << DEVICE_CATEGORY_MISC;
    object_class_add_props(klass, slave_props, G_N_ELEMENTS(slave_props));
}

static const TypeInfo i2c_types[] = {
    { .name = TYPE_I2C_BUS, .parent = TYPE_BUS, .size = sizeof(I2CBus) },
    { .name = TYPE_I2C_SLAVE, .parent = TYPE_DEVICE, .abstract = true, .size = sizeof(I2CSlave),
      .class_size = sizeof(I2CSlaveClass), .class_init = slave_class_init },
};
TYPES_REGISTER(i2c_types)
